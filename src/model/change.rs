//! Changes to HIS rows, planned and not yet rendered as SQL.

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
}

/// One row's change.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// What it does to which columns.
    pub shape: Arc<Shape>,
    /// A value for each of the shape's columns, in their order.
    pub values: Vec<SqlValue>,
}

/// An event's changes, applied whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct EventChange {
    /// The record that the event is about.
    pub entity: Entity,
    /// Its rows, in order.
    pub rows: Vec<RowChange>,
}
