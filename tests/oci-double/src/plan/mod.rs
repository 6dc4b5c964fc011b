//! Owns what a statement means: names are looked up, types worked out, and PostgreSQL's text written. It must never run
//! anything but the look-ups that it is given.

pub(crate) mod block;
mod compare;
pub(crate) mod ddl;
mod ddl_alter;
mod ddl_columns;
mod ddl_objects;
mod ddl_table;
mod dml;
mod expr;
mod from;
mod funcs;
mod funcs_scalar;
mod funcs_time;
mod merge;
mod query;
mod scope;
pub(crate) mod types;

use std::collections::HashMap;
use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::sql::parse::Rules;
use types::{Col, Ty};

/// A name as PostgreSQL takes it: it keeps 63 bytes, Oracle 128.
pub(crate) fn ident(name: &str) -> String {
    let name = name.replace('"', "\"\"");
    if name.len() <= 63 {
        return format!("\"{name}\"");
    }
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut end = 44;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("\"{}~{hash:016x}\"", &name[..end])
}

/// A text as PostgreSQL takes it.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// What a name stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object {
    /// `TABLE`, `VIEW`, `SEQUENCE`, `PROCEDURE`, `FUNCTION` or `LINK`.
    pub(crate) kind: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    /// `ALL`, or the privileges with commas.
    pub(crate) privileges: String,
    pub(crate) columns: Vec<Col>,
    /// The parameters of a routine.
    pub(crate) extra: String,
}

impl Object {
    pub(crate) fn sql(&self) -> String {
        format!("{}.{}", ident(&self.owner), ident(&self.name))
    }

    pub(crate) fn may(&self, privilege: &str, column: Option<&str>) -> bool {
        self.privileges == "ALL"
            || self
                .privileges
                .split(',')
                .any(|p| p == privilege || column.is_some_and(|c| p == format!("{privilege}({c})")))
    }
}

/// Looks up what a name stands for: the owner if one is written, and the name.
pub(crate) type Lookup<'a> = dyn FnMut(Option<&str>, &str) -> Ora<Option<Rc<Object>>> + 'a;

/// What is known of a placeholder's value.
#[derive(Debug, Clone)]
pub(crate) struct BindType {
    pub(crate) ty: Ty,
    /// The longest value's bytes.
    pub(crate) longest: usize,
}

/// A statement that a real server would have answered by reading the whole table.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) owner: String,
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) reason: &'static str,
}

/// A column of a result.
#[derive(Debug, Clone)]
pub(crate) struct OutCol {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) nullable: bool,
}

/// A variable of a block.
#[derive(Debug, Clone)]
pub(crate) enum Var {
    Scalar(String, Ty),
    /// The row of a loop's cursor.
    Record(String, Vec<(String, Ty)>),
}

/// Works out one statement.
pub(crate) struct Planner<'a> {
    pub(crate) lookup: &'a mut Lookup<'a>,
    pub(crate) schema: String,
    pub(crate) rules: Rules,
    pub(crate) binds: &'a [BindType],
    /// The placeholders in the order of PostgreSQL's parameters.
    pub(crate) params: Vec<usize>,
    /// Inside a block placeholders are variables.
    pub(crate) in_block: bool,
    pub(crate) vars: Vec<HashMap<String, Var>>,
    /// The table whose rows `:NEW` and `:OLD` are.
    pub(crate) row: Option<Rc<Object>>,
    pub(crate) scans: Vec<Scan>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(lookup: &'a mut Lookup<'a>, schema: &str, rules: Rules, binds: &'a [BindType]) -> Self {
        Self {
            lookup,
            schema: schema.to_owned(),
            rules,
            binds,
            params: Vec::new(),
            in_block: false,
            vars: Vec::new(),
            row: None,
            scans: Vec::new(),
        }
    }

    /// What a table's or view's name stands for.
    pub(crate) fn object(&mut self, path: &[String]) -> Ora<Rc<Object>> {
        self.find(path)?.ok_or_else(|| OraError::plain(942))
    }

    pub(crate) fn find(&mut self, path: &[String]) -> Ora<Option<Rc<Object>>> {
        match path {
            [name] => (self.lookup)(None, name),
            [owner, name] => (self.lookup)(Some(owner), name),
            _ => Ok(None),
        }
    }

    /// A table that `privilege` is needed for; one that may not even be read does not exist.
    pub(crate) fn target(&mut self, table: &crate::sql::ast::Table, privilege: &str) -> Ora<Rc<Object>> {
        if table.link.is_some() {
            return Err(
                OraError::new(2019, "connection description for remote database not found").at(table.at)
            );
        }
        let object = self.object(&table.path).map_err(|e| e.at(table.at))?;
        if object.kind == "LINK" {
            return Err(
                OraError::new(2019, "connection description for remote database not found").at(table.at)
            );
        }
        if !matches!(object.kind.as_str(), "TABLE" | "VIEW") {
            return Err(OraError::plain(942).at(table.at));
        }
        let some_column = object.columns.iter().any(|c| object.may(privilege, Some(&c.name)));
        if !object.may(privilege, None) && !some_column {
            return Err(OraError::plain(1031).at(table.at));
        }
        Ok(object)
    }
}
