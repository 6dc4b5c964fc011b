//! The HIS databases under one name: a fresh one for each test, spoken to by the test in that database's own SQL. Texts with
//! `{int}`, `{text(20)}`, `{counter}` and the like stand for all of them.

use serde_json::Value;

use super::{mysql, oracle, sqlite, sqlserver};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    MySql,
    SqlServer,
    Oracle,
    Sqlite,
}

/// A database of one test. Gone with its value.
pub(crate) trait Database {
    /// Runs one statement as its administrator.
    fn run(&self, sql: &str) -> Result<(), String>;

    /// The rows of a query as texts, columns separated by `|`, NULL as `NULL`.
    fn rows(&self, query: &str) -> Vec<String>;

    /// The `database` section for the daemon's login, reached at that port where one is given.
    fn section(&self, port: Option<u16>) -> Value;

    /// The port of its server on 127.0.0.1; none where it is a file.
    fn port(&self) -> Option<u16>;

    /// Another session that has run a statement in a transaction and keeps it open, until the value ends.
    fn hold(&self, sql: &str) -> Box<dyn std::any::Any>;

    /// Ends all sessions of the daemon's login, as an administrator does.
    fn kill_sessions(&self);

    /// Allows the daemon's login these privileges alone on a table.
    fn limit(&self, table: &str, privileges: &str);

    /// Makes another schema on the same server, and gives its name.
    fn other_schema(&self) -> String;

    /// Allows the daemon's login all on a table of another schema.
    fn allow(&self, table: &str);

    /// Allows it to run a procedure.
    fn allow_procedure(&self, name: &str);
}

/// A HIS.
pub(crate) struct His {
    pub(crate) kind: Kind,
    database: Box<dyn Database>,
}

impl His {
    pub(crate) fn create(kind: Kind) -> Self {
        let database: Box<dyn Database> = match kind {
            Kind::MySql => Box::new(mysql::MySql::create()),
            Kind::SqlServer => Box::new(sqlserver::SqlServer::create()),
            Kind::Oracle => Box::new(oracle::Oracle::create()),
            Kind::Sqlite => Box::new(sqlite::Sqlite::create()),
        };
        Self { kind, database }
    }

    /// The text for that database, of those that are given by kind: `MySQL`, SQL Server, Oracle, `SQLite`.
    pub(crate) fn pick<'t>(&self, texts: [&'t str; 4]) -> &'t str {
        let [mysql, sqlserver, oracle, sqlite] = texts;
        match self.kind {
            Kind::MySql => mysql,
            Kind::SqlServer => sqlserver,
            Kind::Oracle => oracle,
            Kind::Sqlite => sqlite,
        }
    }

    /// Runs statements that are separated by `;` at the end of a line.
    pub(crate) fn sql(&self, statements: &str) {
        for statement in statements.split(";\n").map(str::trim).filter(|s| !s.is_empty()) {
            self.run(statement.trim_end_matches(';'));
        }
    }

    /// Runs one statement, which may hold semicolons.
    pub(crate) fn run(&self, statement: &str) {
        let sql = self.render(statement);
        self.database.run(&sql).unwrap_or_else(|error| panic!("{:?}: {sql}: {error}", self.kind));
    }

    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        self.database.rows(&self.render(query))
    }

    pub(crate) fn number(&self, query: &str) -> usize {
        let rows = self.rows(query);
        rows.first().and_then(|row| row.parse().ok()).unwrap_or_else(|| panic!("{query}: {rows:?}"))
    }

    pub(crate) fn assert_rows(&self, query: &str, expected: &[&str]) {
        assert_eq!(self.rows(query), expected, "{:?}: {query}", self.kind);
    }

    pub(crate) fn section(&self) -> Value {
        self.database.section(None)
    }

    pub(crate) fn section_at(&self, port: u16) -> Value {
        self.database.section(Some(port))
    }

    pub(crate) fn port(&self) -> u16 {
        self.database.port().unwrap_or_else(|| panic!("{:?} has no port", self.kind))
    }

    pub(crate) fn hold(&self, sql: &str) -> Box<dyn std::any::Any> {
        self.database.hold(&self.render(sql))
    }

    pub(crate) fn kill_sessions(&self) {
        self.database.kill_sessions();
    }

    pub(crate) fn limit(&self, table: &str, privileges: &str) {
        self.database.limit(table, privileges);
    }

    pub(crate) fn other_schema(&self) -> String {
        self.database.other_schema()
    }

    pub(crate) fn allow(&self, table: &str) {
        self.database.allow(table);
    }

    pub(crate) fn allow_procedure(&self, name: &str) {
        self.database.allow_procedure(name);
    }

    /// Puts the database's own types in the place of `{...}`.
    fn render(&self, sql: &str) -> String {
        let mut out = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('{') {
            let (word, after) = after.split_once('}').unwrap();
            let (name, size) = word.split_once('(').unwrap_or((word, ""));
            out.push_str(before);
            out.push_str(&self.type_of(name, size.trim_end_matches(')')));
            rest = after;
        }
        out + rest
    }

    fn type_of(&self, name: &str, size: &str) -> String {
        let of = |texts: [&str; 4]| self.pick(texts).replace('#', size);
        match name {
            "int" => of(["INT", "INT", "NUMBER(10)", "INT"]),
            "small" => of(["TINYINT UNSIGNED", "TINYINT", "NUMBER(3)", "TINYINT"]),
            "big" => of(["BIGINT", "BIGINT", "NUMBER(19)", "BIGINT"]),
            "bool" => of(["TINYINT(1)", "BIT", "NUMBER(1)", "BOOLEAN"]),
            "text" => of(["VARCHAR(#)", "VARCHAR(#)", "VARCHAR2(#)", "VARCHAR(#)"]),
            "wide" => of(["VARCHAR(#)", "NVARCHAR(#)", "NVARCHAR2(#)", "VARCHAR(#)"]),
            "char" => of(["CHAR(#)", "CHAR(#)", "CHAR(#)", "CHAR(#)"]),
            "long" => of(["LONGTEXT", "NVARCHAR(MAX)", "CLOB", "TEXT"]),
            "decimal" => of(["DECIMAL(#)", "DECIMAL(#)", "NUMBER(#)", "DECIMAL(#)"]),
            "double" => of(["DOUBLE", "FLOAT", "BINARY_DOUBLE", "DOUBLE"]),
            "date" => of(["DATE", "DATE", "DATE", "DATE"]),
            "datetime" => of(["DATETIME", "DATETIME", "DATE", "DATETIME"]),
            "fine" => of(["DATETIME(3)", "DATETIME2(3)", "TIMESTAMP(3)", "DATETIME"]),
            "counter" => of([
                "INT AUTO_INCREMENT PRIMARY KEY",
                "INT IDENTITY(1,1) PRIMARY KEY",
                "NUMBER(10) GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                "INTEGER PRIMARY KEY AUTOINCREMENT",
            ]),
            other => panic!("{{{other}}}: no such type"),
        }
    }
}

/// Login, password and port of `scheme://user:password@127.0.0.1:port`.
pub(super) fn admin_of(address: &str, scheme: &str) -> ((String, String), u16) {
    let parts = address.strip_prefix(scheme).and_then(|rest| rest.rsplit_once('@'));
    let (login, place) = parts.unwrap_or_else(|| panic!("{address}: write {scheme}user:password@host:port"));
    let (user, password) = login.split_once(':').unwrap();
    let port = place.split('/').next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    ((user.to_owned(), password.to_owned()), port)
}

/// The table that a statement makes, as it is named there, where the name is one of the test's own schema.
pub(super) fn table_made(sql: &str) -> Option<&str> {
    let rest = sql.trim_start().strip_prefix("CREATE TABLE ")?;
    let name = rest.split('(').next()?.trim();
    (!name.contains('.')).then_some(name)
}
