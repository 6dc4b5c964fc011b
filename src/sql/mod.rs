//! Changes rendered as SQL: pure. Knows no mapping, no event and no driver.
//!
//! `ident` says what can differ between databases and `dialects` holds it as data; `upsert` renders the statements of single
//! rows and `many` those of many, both by `writer`, which writes into `text`, with types from `casts`; `texts` reads columns;
//! `batch` packs events into transactions' statements, in the order that `order` allows;
//! `allowed` keeps them within what the login may do; `select` renders questions, `parameters` reads the SQL that a configuration writes itself.

use std::sync::Arc;

use crate::model::{table::Storage, value::SqlValue};

mod allowed;
pub mod batch;
mod casts;
mod dialects;
pub mod form;
pub mod ident;
pub mod many;
mod order;
pub mod parameters;
pub mod select;
mod text;
mod texts;
pub mod upsert;
mod writer;

pub use form::{Batch, Form, Row, Template, Work};

/// One statement with its bound values, in the order of its placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<'a> {
    /// SQL text; values are placeholders in it.
    pub sql: Arc<str>,
    /// Bound values.
    pub params: Vec<&'a SqlValue>,
    /// What the placeholders are bound as: of all, or of one row's, where the statement is run for each of several rows
    /// (Oracle). Empty where each takes its value for what it is. One more than a row has values where the last placeholder
    /// gives the row's generated key back.
    pub binds: Arc<[Storage]>,
}

/// How many bytes of values one statement may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementBytes {
    /// The server takes no more.
    pub max: usize,
    /// The connection carries no more without a pause: further rows go into another statement.
    pub best: usize,
}

#[cfg(test)]
mod tests;
