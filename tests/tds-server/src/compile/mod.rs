//! Owns the translation of T-SQL's queries and values to SQLite's, with T-SQL's types; never runs anything.

mod condition;
mod expr;
mod function;
mod grouping;
mod meta;
mod query;
mod rules;
mod source;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::Value;

use crate::catalog::{Catalog, Table, same};
use crate::error::{SqlError, err, no_column};
use crate::sql::ast::{Name, Query};
use crate::types::SqlType;

pub(crate) use query::OutColumn;
pub(crate) use rules::assignable;

/// What a compilation comes to.
pub(crate) type Compiled<T> = Result<T, SqlError>;

/// All that a statement may refer to.
pub(crate) struct Env<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) variables: &'a HashMap<String, (SqlType, Value)>,
    /// Table variables, and inserted and deleted within a trigger.
    pub(crate) temporary: &'a HashMap<String, Arc<Table>>,
    pub(crate) facts: &'a Facts,
    /// What the user may do: permission and object.
    pub(crate) may: &'a dyn Fn(&str, i64) -> bool,
    /// The user is none of the owners: the catalog hides what is not theirs.
    pub(crate) limited: bool,
}

/// The session's state as functions and `@@` variables show it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) database: String,
    pub(crate) databases: Vec<String>,
    pub(crate) schema: String,
    pub(crate) login: String,
    pub(crate) user: String,
    pub(crate) collation: String,
    pub(crate) server: String,
    pub(crate) instance: String,
    pub(crate) banner: String,
    pub(crate) product: String,
    pub(crate) major: u8,
    pub(crate) spid: i64,
    pub(crate) rowcount: i64,
    pub(crate) trancount: i64,
    pub(crate) doomed: bool,
    pub(crate) error: i64,
    pub(crate) identity: Option<i64>,
    pub(crate) scope_identity: Option<i64>,
    pub(crate) lock_timeout: i64,
    pub(crate) nest: i64,
    pub(crate) options: i64,
    pub(crate) language: String,
    pub(crate) date_first: i64,
    /// The error that a CATCH block handles.
    pub(crate) caught: Option<SqlError>,
    pub(crate) read_only: bool,
    pub(crate) sysadmin: bool,
}

/// A value in SQLite's words with T-SQL's type.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) sql: String,
    pub(crate) ty: SqlType,
    pub(crate) nullable: bool,
    /// Of texts; `None` where the other side decides.
    pub(crate) collation: Option<String>,
    /// It is a column as such, of this table.
    pub(crate) column: Option<(Arc<Table>, usize)>,
    /// A literal's value may be of a lower type than its word says: `1` fits a tinyint.
    pub(crate) literal: bool,
}

impl Typed {
    pub(crate) fn new(sql: impl Into<String>, ty: SqlType) -> Self {
        Self { sql: sql.into(), ty, nullable: true, collation: None, column: None, literal: false }
    }
}

/// A table, derived table or CTE among the sources of a query.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) alias: String,
    /// The table's own name where there is no alias: schema and table.
    pub(crate) table: Option<Arc<Table>>,
    /// Its alias in SQLite.
    pub(crate) sql: String,
    pub(crate) columns: Vec<SourceColumn>,
}

#[derive(Debug, Clone)]
pub(crate) struct SourceColumn {
    pub(crate) name: String,
    pub(crate) typed: Typed,
    pub(crate) hidden: bool,
}

/// A translation under way.
pub(crate) struct Compiler<'a> {
    pub(crate) env: &'a Env<'a>,
    pub(crate) params: Vec<Value>,
    /// Sources in reach, the innermost last.
    pub(crate) scopes: Vec<Vec<Source>>,
    pub(crate) ctes: Vec<(String, Vec<String>, Query)>,
    /// A comparison would read the whole table.
    pub(crate) scans: bool,
    /// A hint asks for locks that last.
    pub(crate) locks: bool,
    /// Tables that were read, for the permissions.
    pub(crate) aliases: usize,
    bound: HashMap<String, usize>,
    depth: usize,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(env: &'a Env<'a>) -> Self {
        Self {
            env,
            params: Vec::new(),
            scopes: Vec::new(),
            ctes: Vec::new(),
            scans: false,
            locks: false,
            aliases: 0,
            bound: HashMap::new(),
            depth: 0,
        }
    }

    /// A new alias for SQLite.
    pub(crate) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("s{}", self.aliases)
    }

    /// A value as a parameter of SQLite's statement.
    pub(crate) fn bind(&mut self, value: Value) -> String {
        self.params.push(value);
        format!("?{}", self.params.len())
    }

    pub(crate) fn bind_variable(&mut self, name: &str, value: &Value) -> String {
        if let Some(n) = self.bound.get(name) {
            return format!("?{n}");
        }
        let sql = self.bind(value.clone());
        self.bound.insert(name.to_owned(), self.params.len());
        sql
    }

    /// A column by its name.
    pub(crate) fn column(&self, parts: &[String]) -> Compiled<Typed> {
        let Some((name, qualifier)) = parts.split_last() else { return Err(no_column("")) };
        for scope in self.scopes.iter().rev() {
            let mut found: Option<&Typed> = None;
            let mut qualified = false;
            for source in scope {
                if !qualifier.is_empty() && !matches(source, qualifier) {
                    continue;
                }
                qualified = true;
                for column in &source.columns {
                    if same(&column.name, name) {
                        if found.is_some() {
                            return Err(err(209, format!("Ambiguous column name '{name}'.")));
                        }
                        found = Some(&column.typed);
                    }
                }
            }
            if let Some(typed) = found {
                return Ok(typed.clone());
            }
            if qualified && !qualifier.is_empty() {
                return Err(no_column(name));
            }
        }
        if qualifier.is_empty() {
            return Err(no_column(name));
        }
        Err(err(4104, format!("The multi-part identifier \"{}\" could not be bound.", parts.join("."))))
    }
}

/// Whether a qualifier means this source.
fn matches(source: &Source, qualifier: &[String]) -> bool {
    match qualifier {
        [alias] => same(&source.alias, alias),
        [.., schema, name] => source.table.as_ref().is_some_and(|t| {
            same(&t.name, name) && (schema.is_empty() || same(&t.schema, schema)) && same(&source.alias, name)
        }),
        [] => true,
    }
}

/// The table of a name, through synonyms.
pub(crate) fn resolve(env: &Env<'_>, name: &Name) -> Compiled<Arc<Table>> {
    let written = || name.join(".");
    let missing = || err(208, format!("Invalid object name '{}'.", written()));
    let (object, schema, database) = match name.as_slice() {
        [object] => (object, None, None),
        [schema, object] => (object, Some(schema), None),
        [database, schema, object] => (object, Some(schema), Some(database)),
        [server, ..] => {
            return Err(err(
                7202,
                format!(
                    "Could not find server '{server}' in sys.servers. Verify that the correct server name was specified. If necessary, execute the stored procedure sp_addlinkedserver to add the server to sys.servers."
                ),
            ));
        }
        [] => return Err(missing()),
    };
    if object.starts_with('@') || name.len() == 1 {
        if let Some(table) = env.temporary.get(&object.to_lowercase()) {
            return Ok(Arc::clone(table));
        }
        if object.starts_with('@') {
            return Err(err(1087, format!("Must declare the table variable \"{object}\".")));
        }
    }
    if let Some(database) = database
        && !same(database, &env.facts.database)
    {
        return Err(missing());
    }
    let schema = schema.filter(|s| !s.is_empty());
    let tries: Vec<&str> = match schema {
        Some(schema) => vec![schema],
        None => vec![&env.facts.schema, "dbo"],
    };
    for schema in tries {
        if let Some(table) = env.catalog.table(schema, object) {
            return Ok(Arc::clone(table));
        }
        if let Some(target) = env.catalog.synonym(schema, object) {
            return resolve(env, &crate::sql::parser::name(target)?);
        }
    }
    Err(missing())
}

/// A text as a literal of SQLite.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
