//! Changes rendered as SQL: pure. Knows no mapping, no event and no driver.
//!
//! `ident` holds what differs between databases as data, `upsert` is the one skeleton of all statements,
//! `batch` packs events into transactions' statements, `parameters` reads the SQL that a configuration writes itself.

use std::sync::Arc;

use crate::model::value::SqlValue;

pub mod batch;
pub mod ident;
pub mod parameters;
pub mod upsert;

/// One statement with its bound values, in the order of its placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<'a> {
    /// SQL text; values are placeholders in it.
    pub sql: Arc<str>,
    /// Bound values.
    pub params: Vec<&'a SqlValue>,
}

/// How many bytes of values one statement may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementBytes {
    /// The server takes no more.
    pub max: usize,
    /// The connection carries no more without a pause: further rows go into another statement.
    pub best: usize,
}

/// What a session has to do for one or many rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Work<'a> {
    /// One statement that inserts or updates any number of rows.
    Upsert(Statement<'a>),
    /// The update; where it matches no row the insert; where that meets a duplicate key the update again.
    UpdateElseInsert {
        /// Must match at most one row.
        update: Statement<'a>,
        /// Run when `update` matched none.
        insert: Statement<'a>,
    },
    /// An update that must match exactly one row.
    Update(Statement<'a>),
    /// An insert of one row.
    Insert(Statement<'a>),
    /// An insert of one row that does nothing (0 rows) where the key is there already.
    InsertOnce(Statement<'a>),
    /// A delete that may match at most one row.
    Delete(Statement<'a>),
}

/// What one transaction does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch<'a> {
    /// In this order.
    pub works: Vec<Work<'a>>,
    /// An earlier attempt may have been committed: an `InsertOnce` that finds its key counts as done.
    pub replay: bool,
}
