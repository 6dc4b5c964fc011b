//! What can differ between the databases' SQL, as data, and the quoting of names. Holds no statement; which database has what
//! is in `dialects`.

use crate::model::table::Table;

pub use crate::sql::dialects::{MYSQL, ORACLE, SQLITE, TSQL};

/// How a database says "insert, or update where the key is there".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// `ON DUPLICATE KEY UPDATE c = VALUES(c)`: any unique index decides, so the table may have the key's alone.
    OnDuplicateKey,
    /// `ON CONFLICT (key) DO UPDATE SET c = excluded.c`: the key's index decides.
    OnConflict,
    /// `MERGE INTO t USING (...) s ON (key)` for each row of an array: the key's columns decide, and another unique index
    /// refuses the row.
    Merge,
    /// Not for many rows; a single one's update, and its insert where that matched none, go to the server as one batch:
    /// <https://learn.microsoft.com/sql/t-sql/language-elements/variables-transact-sql>.
    Never,
}

/// What a database reads as a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// `--` to the end of the line, `/* */`.
    Standard,
    /// The same, and `/* /* */ */` is one:
    /// <https://learn.microsoft.com/sql/t-sql/language-elements/slash-star-comment-transact-sql>.
    Nested,
    /// `--` only before white space, `#` too, and `/*! */` is no comment but code:
    /// <https://dev.mysql.com/doc/refman/8.4/en/comments.html>.
    MySql,
}

/// How the keys are learnt that a table gave to inserted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratedKeys {
    /// The server says the first one with its answer; those of a statement's other rows follow in equal steps, unless a
    /// trigger has a hand in it.
    LastInsertId,
    /// ` RETURNING key`: the insert answers as a query does.
    ReturningClause,
    /// `; SELECT SCOPE_IDENTITY()`, or `OUTPUT INSERTED.key INTO` a table of the batch where the key is no identity: of one
    /// row. `OUTPUT` alone fails on a table with triggers.
    ScopeIdentity,
    /// ` RETURNING key INTO :n`: of one row, into a placeholder behind its values.
    ReturningInto,
}

impl GeneratedKeys {
    /// Whether the keys of many rows are told, where a trigger may have a hand in them or not.
    #[must_use]
    pub fn of_many(self, insert_triggers: bool) -> bool {
        match self {
            Self::LastInsertId => !insert_triggers,
            Self::ReturningClause => true,
            Self::ScopeIdentity | Self::ReturningInto => false,
        }
    }
}

/// How rows are updated in one statement, each with values of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManyUpdates {
    /// `UPDATE (SELECT ... UNION ALL SELECT ...) AS s STRAIGHT_JOIN t ON ... SET ...`. The derived columns get their types
    /// by casts, so that no value is changed on its way; and no text is compared, because its collation would not be the
    /// column's, and then no index helps.
    JoinedSelects {
        /// The parser nests one SELECT in the other.
        rows_max: usize,
    },
    /// `UPDATE t SET ... FROM (VALUES ...) AS s WHERE ...`.
    FromValues,
    /// The statement of one row, run for an array of them.
    Array,
    /// Not at all.
    Never,
}

/// How an update that sets nothing tells whether its row is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetsNothing {
    /// `SET key = key`.
    SetsKey,
    /// The same; but where the table makes the key, which it may not let anybody set (ORA-32796), another column.
    SetsOrdinary,
    /// No update at all but `SELECT COUNT(*)` with a lock: an identity column cannot be set (error 8102), and no trigger
    /// and no privilege has to do with it.
    Counts,
}

/// How a column is read as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// `CAST(c AS CHAR)`.
    Char,
    /// `CAST(c AS TEXT)`.
    Text,
    /// The driver makes a text of what the column holds; a few types that it could not read are cast:
    /// <https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql>.
    TypedTsql,
    /// The same: <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Data-Types.html>.
    TypedOracle,
}

impl Texts {
    /// Whether the database makes the texts: of several columns one, and those of fixed length without their padding.
    #[must_use]
    pub fn by_database(self) -> bool {
        matches!(self, Self::Char | Self::Text)
    }
}

/// How a placeholder is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholders {
    /// `?`.
    Question,
    /// `@P1`; one may stand in several places.
    AtP,
    /// `:1`; each stands in one place.
    Colon,
}

/// Which placeholders are cast to their column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Casts {
    /// None.
    Never,
    /// Those that a decimal key is compared with, or the database compares doubles.
    DecimalKeys,
    /// All, see `casts`.
    Declared,
}

/// How a question says how many rows it wants at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// ` LIMIT n` at its end.
    Limit,
    /// `TOP (n) ` before its columns.
    Top,
    /// ` AND ROWNUM <= n` after its conditions.
    RowNum,
}

/// How a configuration's own statement runs a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Procedures {
    /// `CALL p(...)`.
    Call,
    /// `EXEC p @a = ...`; and statements follow each other without a semicolon:
    /// <https://learn.microsoft.com/sql/t-sql/language-elements/execute-transact-sql>.
    Exec,
    /// `CALL p(...)`, or a whole `BEGIN ... END;`; and texts may be written `q'[...]'`:
    /// <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Literals.html>.
    CallOrBlock,
}

/// One database's SQL.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Quotes a name; the second is doubled inside one.
    pub quotes: (char, char),
    /// Placeholders.
    pub placeholders: Placeholders,
    /// Casts of placeholders.
    pub casts: Casts,
    /// Placeholders that one statement may have.
    pub params_max: usize,
    /// Rows that one statement may write.
    pub rows_max: usize,
    /// Rows that share a statement are an array: its text has the placeholders of one, and is run for each.
    pub arrays: bool,
    /// Many rows in one statement.
    pub bulk: Bulk,
    /// What a SELECT without a table is from.
    pub from_nothing: &'static str,
    /// Behind a table that is looked at before something is inserted into it: nobody else inserts the row in between.
    pub insert_hint: &'static str,
    /// Ends a statement that writes: a query that tells how many rows it matched.
    pub matched: &'static str,
    /// Updates that set nothing.
    pub sets_nothing: SetsNothing,
    /// In '...' and "..." a backslash takes the next character's meaning away:
    /// <https://dev.mysql.com/doc/refman/8.4/en/string-literals.html>.
    pub backslash_escapes: bool,
    /// What else than ' begins a quoted text or name, and what ends it: SQLite's are
    /// <https://sqlite.org/lang_keywords.html>.
    pub quoting: &'static [(char, char)],
    /// Procedures in the configuration's own statements.
    pub procedures: Procedures,
    /// Comments.
    pub comments: Comments,
    /// Keys that the table makes.
    pub generated_keys: GeneratedKeys,
    /// Many rows in one update.
    pub many_updates: ManyUpdates,
    /// Columns as text.
    pub texts: Texts,
    /// Rows of a question.
    pub limit: Limit,
    /// Behind the table of a question that waits for whoever is writing the rows.
    pub locking_hint: &'static str,
    /// At the end of such a question.
    pub locking_read: &'static str,
    /// Before and after a table's name: waits until nobody is writing the table, where a locking read does not see rows
    /// that others have inserted and not committed.
    pub quiet_table: Option<(&'static str, &'static str)>,
}

impl Dialect {
    /// Appends a quoted name.
    pub fn push_ident(&self, sql: &mut String, name: &str) {
        let (open, close) = self.quotes;
        sql.push(open);
        for c in name.chars() {
            if c == close {
                sql.push(c);
            }
            sql.push(c);
        }
        sql.push(close);
    }

    /// Names quoted and joined by dots: `"schema"."table"`.
    #[must_use]
    pub fn quoted(&self, names: &[&str]) -> String {
        let mut sql = String::new();
        for (index, name) in names.iter().enumerate() {
            sql.push_str(if index > 0 { "." } else { "" });
            self.push_ident(&mut sql, name);
        }
        sql
    }

    /// Appends a table's name with its schema.
    pub fn push_table(&self, sql: &mut String, table: &Table) {
        if let Some(schema) = &table.schema {
            self.push_ident(sql, schema);
            sql.push('.');
        }
        self.push_ident(sql, &table.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_quotes_doubled() {
        let check = |dialect: &Dialect, name: &str, expected: &str| {
            let mut sql = String::new();
            dialect.push_ident(&mut sql, name);
            assert_eq!(sql, expected);
        };
        check(&MYSQL, "HIS_status", "`HIS_status`");
        check(&MYSQL, "a`; DROP TABLE x -- ", "`a``; DROP TABLE x -- `");
        check(&MYSQL, "order by \"x\"", "`order by \"x\"`");
        check(&SQLITE, "a\"b", "\"a\"\"b\"");
        check(&TSQL, "HIS_status", "[HIS_status]");
        check(&TSQL, "x]y", "[x]]y]");
        check(&TSQL, "[x]; DROP TABLE y -- ", "[[x]]; DROP TABLE y -- ]");
        check(&ORACLE, "a\"b]", "\"a\"\"b]\"");
    }

    proptest::proptest! {
        /// Whatever a name holds, what is between the quotes reads back as that name: nothing in it ends them.
        #[test]
        fn a_quoted_name_reads_back(name in "\\PC{0,20}|[`\"\\[\\];' .-]{0,8}") {
            for dialect in [&MYSQL, &SQLITE, &TSQL, &ORACLE] {
                let (open, close) = dialect.quotes;
                let mut sql = String::new();
                dialect.push_ident(&mut sql, &name);
                let inner = sql.strip_prefix(open).and_then(|s| s.strip_suffix(close)).unwrap();
                let twice: String = [close; 2].iter().collect();
                proptest::prop_assert_eq!(inner.replace(&twice, &close.to_string()), name.clone());
                proptest::prop_assert_eq!(inner.matches(close).count() % 2, 0);
            }
        }
    }
}
