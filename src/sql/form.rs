//! What a session has to do: statements' texts with the rows whose values go into them. The values are put in when a
//! statement is executed, because a generated key becomes known only then.

use std::{collections::HashMap, sync::Arc};

use crate::{
    model::{
        change::{Cell, Change},
        entity::Entity,
        table::Storage,
        value::SqlValue,
    },
    sql::Statement,
};

/// A statement's text with the order of its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// SQL with placeholders.
    pub sql: Arc<str>,
    /// For each placeholder of one row, the index of the value among the change's.
    pub slots: Vec<usize>,
    /// See [`Statement::binds`].
    pub binds: Arc<[Storage]>,
}

/// The statements for one or many rows of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// One statement that inserts or updates any number of rows.
    Upsert(Template),
    /// The update; where it matches no row the insert; where that meets a duplicate key the update again.
    UpdateElseInsert {
        /// Must match at most one row.
        update: Template,
        /// Run when `update` matched none.
        insert: Template,
    },
    /// A batch that updates one row, inserts it where there is none, and tells how many the update matched: one at most.
    UpdateOrInsert(Template),
    /// An update that must match exactly one row.
    Update(Template),
    /// An update of many rows that must match exactly as many.
    UpdateMany(Template),
    /// An insert of any number of rows.
    Insert(Template),
    /// An insert of any number of rows, whose generated values are wanted.
    InsertGenerating(Template),
    /// An insert of one row that does nothing (0 rows) where the key is there already.
    InsertOnce(Template),
    /// A delete that may match at most one row.
    Delete(Template),
    /// A statement of the configuration's own.
    Call(Template),
}

/// One change of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// The change.
    pub change: &'a Change,
    /// The slot of its event's first change: what [`Cell::Generated`] counts from.
    pub base: usize,
    /// Its own slot.
    pub slot: usize,
}

/// A form with its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Work<'a> {
    /// What is done.
    pub form: Arc<Form>,
    /// Run first, with the rows' guards: an `InsertOnce` of one row, which skips the rest where it does nothing; or an
    /// `Insert` of many rows, which fails where one of them is there.
    pub guard: Option<Arc<Form>>,
    /// The rows; one, where the form does not say otherwise.
    pub rows: Vec<Row<'a>>,
}

impl Work<'_> {
    /// Whether its rows are known by the keys that their table gave them.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.rows.first().and_then(|row| row.change.shape()).is_some_and(|shape| shape.is_linked())
    }
}

/// What one transaction does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch<'a> {
    /// In this order.
    pub works: Vec<Work<'a>>,
    /// An earlier attempt may have been committed: an `InsertOnce` that finds its key counts as done.
    pub replay: bool,
    /// Where each event's slots begin, and where the last one's end. A slot is a change's number in the batch.
    pub bases: Vec<usize>,
    /// The slots of the inserts whose keys [`Cell::KeyOf`] wants.
    pub wanted: HashMap<Entity, usize>,
}

impl Template {
    /// The statement with the values of rows (each with the slot of its event's first change). None where `value` does not
    /// know what a cell stands for.
    pub fn fill<'v>(
        &self,
        rows: impl Iterator<Item = (&'v [Cell], usize)>,
        value: impl Fn(&'v Cell, usize) -> Option<&'v SqlValue>,
    ) -> Option<Statement<'v>> {
        let mut params = Vec::with_capacity(rows.size_hint().0 * self.slots.len());
        for (values, base) in rows {
            for slot in &self.slots {
                params.push(value(values.get(*slot)?, base)?);
            }
        }
        Some(Statement { sql: Arc::clone(&self.sql), params, binds: Arc::clone(&self.binds) })
    }
}
