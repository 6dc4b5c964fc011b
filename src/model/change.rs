//! Changes to the HIS, planned and not yet rendered as SQL.

use std::sync::Arc;

use crate::model::{entity::Entity, table::Table, value::SqlValue};

/// What a change does to its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Update by key, insert where there is no row.
    Upsert,
    /// Insert; with key columns in the shape, only where no row has that key.
    Insert,
    /// Update by key; exactly one row must match.
    Update,
    /// Delete by key; no row is fine.
    Delete,
}

/// What a column does in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It identifies the row.
    Key,
    /// It is written on insert and on update.
    Always,
    /// It is written on insert alone.
    InsertOnly,
    /// It is written on insert, and on update where it is NULL.
    IfNull,
}

/// Table, operation and columns of a change: what changes with the same statement share.
/// Events whose sources are present in the same combination share one `Arc<Shape>`, so that equality is a pointer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The table.
    pub table: Arc<Table>,
    /// The operation.
    pub op: Op,
    /// Columns as indexes into `table.columns`, keys first, with their roles. No column twice.
    pub columns: Vec<(usize, Role)>,
    /// The column whose value the database makes when it inserts the row, where it is wanted. It may be the shape's only
    /// key, too: then the row is known by it, and a key that matches nothing means that the HIS has deleted the row.
    pub generated: Option<usize>,
}

impl Shape {
    /// Whether the row is known by the key that its table gave it.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.generated.is_some_and(|g| self.columns.contains(&(g, Role::Key)))
    }
}

/// A statement of the configuration's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The statement in the database's own form.
    pub sql: Arc<str>,
    /// It runs a procedure or a block, which may do anything, also end the transaction.
    pub is_procedure: bool,
    /// Its place in the configuration, for messages.
    pub at: String,
}

impl Call {
    /// A statement of the configuration at that place.
    #[must_use]
    pub fn new(sql: &str, at: String) -> Self {
        let word = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let plain = ["insert", "update", "delete", "replace", "merge", "select", "with", "set"];
        // On SQL Server it may follow another statement, as in INSERT INTO t EXEC p.
        let mut words = sql.split(|c: char| !c.is_alphanumeric() && c != '_');
        let executes = words.any(|w| w.eq_ignore_ascii_case("exec") || w.eq_ignore_ascii_case("execute"));
        let is_procedure = executes || !plain.iter().any(|p| word.eq_ignore_ascii_case(p));
        Self { sql: sql.into(), is_procedure, at }
    }
}

/// What a change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A row's change; a value for each of the shape's columns.
    Row(Arc<Shape>),
    /// A statement; a value for each of its placeholders.
    Call(Arc<Call>),
}

/// A value on its way into a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Known.
    Value(SqlValue),
    /// What the database makes for the change at that index of the same event; an earlier one, whose shape has `generated`.
    Generated(usize),
    /// What the database makes for the row of that record, which an earlier event of the same transaction inserts.
    KeyOf(Entity),
}

impl Cell {
    /// The value, where it is known.
    #[must_use]
    pub fn value(&self) -> Option<&SqlValue> {
        match self {
            Self::Value(value) => Some(value),
            Self::Generated(_) | Self::KeyOf(_) => None,
        }
    }

    /// About how many bytes it takes in a statement.
    #[must_use]
    pub fn size(&self) -> usize {
        self.value().map_or(9, SqlValue::size)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What is done.
    pub act: Act,
    /// Its values, in order.
    pub values: Vec<Cell>,
    /// The record that it is about: the row, by its key or by the key under which the crosswalk keeps it.
    pub entity: Entity,
    /// It is done only where this row can be inserted, in the same transaction: a mark that it was done.
    pub guard: Option<Box<Guard>>,
}

/// A row that marks a change as done.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// An insert with a key.
    pub shape: Arc<Shape>,
    /// Its values.
    pub values: Vec<Cell>,
}

impl Change {
    /// The row's shape, but for a statement.
    #[must_use]
    pub fn shape(&self) -> Option<&Arc<Shape>> {
        match &self.act {
            Act::Row(shape) => Some(shape),
            Act::Call(_) => None,
        }
    }

    /// The row's shape, where it inserts one whose key the table makes.
    #[must_use]
    pub fn inserted(&self) -> Option<&Arc<Shape>> {
        self.shape().filter(|shape| shape.op == Op::Insert && shape.generated.is_some())
    }

    /// Records whose row an earlier event must have inserted in the same transaction.
    pub fn needs(&self) -> impl Iterator<Item = &Entity> {
        let guarded = self.guard.iter().flat_map(|guard| &guard.values);
        self.values.iter().chain(guarded).filter_map(|cell| match cell {
            Cell::KeyOf(entity) => Some(entity),
            Cell::Value(_) | Cell::Generated(_) => None,
        })
    }

    /// What it is done to, for messages: the table, or the statement's place in the configuration.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.act {
            Act::Row(shape) => shape.table.title(),
            Act::Call(call) => format!("the statement of {}", call.at),
        }
    }
}

/// An event's changes, applied whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct EventChange {
    /// The record that the event is about: it keeps the order of its events.
    pub entity: Entity,
    /// Its changes, in order. Empty where everything that it would do is in the HIS already.
    pub rows: Vec<Change>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procedures_are_known() {
        let check = |sql: &str, expected: bool| {
            assert_eq!(Call::new(sql, String::new()).is_procedure, expected, "{sql}");
        };
        for sql in [
            "CALL book(?)",
            "EXEC book @id = @P1",
            "execute book",
            "BEGIN p(:1); END;",
            "DECLARE n NUMBER; BEGIN p(n); END;",
            "INSERT INTO t (a) EXEC p @P1",
            "IF EXISTS (SELECT 1 FROM t) UPDATE t SET a = 1",
        ] {
            check(sql, true);
        }
        for sql in [
            " insert INTO t VALUES (?)",
            "UPDATE t SET executed = 1, e = exec_time",
            "WITH n AS (SELECT 1 x) UPDATE t SET a = 1",
            "MERGE INTO t USING s ON (t.k = s.k) WHEN MATCHED THEN UPDATE SET t.c = s.c",
            "SELECT 1",
        ] {
            check(sql, false);
        }
    }
}
