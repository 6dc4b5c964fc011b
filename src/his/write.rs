//! Runs a batch: one transaction, left open for the caller to act between the writes and COMMIT. Keeps the keys that
//! tables gave to its rows, for statements behind them. Renders no SQL and decides nothing about events.

use std::collections::HashMap;

use crate::{
    his::{HisError, Session},
    model::{
        change::{Cell, Role},
        entity::Entity,
        outcome::FaultClass,
        value::SqlValue,
    },
    sql::{Batch, Form, Row, Statement, Template, Work},
};

/// The keys that tables gave to a batch's rows; those of rows that were linked before, too.
#[derive(Debug)]
pub struct Keys {
    bases: Vec<usize>,
    /// See [`Batch::wanted`].
    wanted: HashMap<Entity, usize>,
    /// By slot.
    known: Vec<Option<Key>>,
}

#[derive(Debug)]
struct Key {
    text: String,
    value: SqlValue,
}

impl Keys {
    pub(super) fn new(batch: &Batch<'_>) -> Self {
        let slots = batch.bases.last().copied().unwrap_or(0);
        Self {
            bases: batch.bases.clone(),
            wanted: batch.wanted.clone(),
            known: std::iter::repeat_with(|| None).take(slots).collect(),
        }
    }

    /// The key that a change's row has now: made by its insert, or the one that it was linked by. None where its shape
    /// has no generated column, or where a guard said that it was done before.
    #[must_use]
    pub fn of(&self, event: usize, change: usize) -> Option<&str> {
        let slot = self.bases.get(event)? + change;
        let inside = slot < *self.bases.get(event + 1)?;
        self.known.get(slot)?.as_ref().filter(|_| inside).map(|key| key.text.as_str())
    }

    /// What a cell of an event holds, whose slots begin at `base`.
    fn value<'v>(&'v self, cell: &'v Cell, base: usize) -> Option<&'v SqlValue> {
        let slot = match cell {
            Cell::Value(value) => return Some(value),
            Cell::Generated(index) => base + index,
            Cell::KeyOf(entity) => *self.wanted.get(entity)?,
        };
        self.known.get(slot)?.as_ref().map(|key| &key.value)
    }

    fn set(&mut self, slot: usize, text: String) {
        let value = SqlValue::of_key(&text);
        if let Some(known) = self.known.get_mut(slot) {
            *known = Some(Key { text, value });
        }
    }

    /// Notes the keys of rows that are linked.
    fn set_linked(&mut self, rows: &[Row<'_>]) {
        for row in rows {
            if let Some(text) = self.linked(row) {
                self.set(row.slot, text);
            }
        }
    }

    fn linked(&self, row: &Row<'_>) -> Option<String> {
        let shape = row.change.shape()?;
        let key = shape.columns.iter().zip(&row.change.values).find(|((_, role), _)| *role == Role::Key);
        match self.value(key?.1, row.base)? {
            SqlValue::Int(n) => Some(n.to_string()),
            SqlValue::Text(text) | SqlValue::Decimal(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn fill<'v>(&'v self, template: &Template, rows: &'v [Row<'_>]) -> Result<Statement<'v>, HisError> {
        let values = rows.iter().map(|row| (row.change.values.as_slice(), row.base));
        template.fill(values, |cell, base| self.value(cell, base)).ok_or_else(HisError::key_unknown)
    }

    fn fill_guards<'v>(
        &'v self,
        template: &Template,
        rows: &'v [Row<'_>],
    ) -> Result<Statement<'v>, HisError> {
        let values =
            rows.iter().filter_map(|row| Some((row.change.guard.as_ref()?.values.as_slice(), row.base)));
        template.fill(values, |cell, base| self.value(cell, base)).ok_or_else(HisError::key_unknown)
    }
}

/// Begins a transaction and runs a batch in it. On an error it is rolled back; else it is left open, for
/// [`commit`] or [`undo`] to end it.
pub async fn write(session: &mut dyn Session, batch: &Batch<'_>) -> Result<Keys, HisError> {
    session.begin().await?;
    let mut keys = Keys::new(batch);
    for work in &batch.works {
        if let Err(mut error) = run(session, work, batch.replay, &mut keys).await {
            error.refused = events_of(&error.refused, work, batch);
            return Err(abandoned(session, error).await);
        }
    }
    Ok(keys)
}

/// The events of a statement's rows.
fn events_of(rows: &[usize], work: &Work<'_>, batch: &Batch<'_>) -> Vec<usize> {
    let rows = rows.iter().filter_map(|row| work.rows.get(*row));
    // Of several that begin at the same slot the last one alone has changes.
    let event = |row: &Row<'_>| batch.bases.partition_point(|base| *base <= row.base).checked_sub(1);
    let mut events: Vec<usize> = rows.filter_map(event).collect();
    events.sort_unstable();
    events.dedup();
    events
}

/// Commits what [`write()`] has left open. On an error it is rolled back, but for `CommitUnknown`, where the database may
/// have kept all of it or nothing.
pub async fn commit(session: &mut dyn Session) -> Result<(), HisError> {
    match session.commit().await {
        Ok(()) => Ok(()),
        // A COMMIT that was refused (a cluster's conflict, a deferred foreign key) can leave the transaction open.
        Err(error) => Err(abandoned(session, error).await),
    }
}

/// Rolls back what [`write()`] has left open.
pub async fn undo(session: &mut dyn Session) -> Result<(), HisError> {
    session.rollback().await
}

/// Rolls back after an error, and gives what the caller has to know.
pub(super) async fn abandoned(session: &mut dyn Session, error: HisError) -> HisError {
    // A lost connection rolls back by itself.
    if matches!(error.class, FaultClass::Unreachable | FaultClass::CommitUnknown) {
        return error;
    }
    session.rollback().await.err().unwrap_or(error)
}

/// Runs one change, or those that share its statement. Gives the rows that the last statement matched, as the server counts
/// them; none where a guard says that it was done before.
pub(super) async fn run(
    session: &mut dyn Session,
    work: &Work<'_>,
    replay: bool,
    keys: &mut Keys,
) -> Result<Option<u64>, HisError> {
    if !is_due(session, work, keys).await? {
        return Ok(None);
    }
    let rows = work.rows.as_slice();
    let matched = match &*work.form {
        Form::Upsert(template) | Form::Insert(template) | Form::Call(template) => {
            session.execute(&keys.fill(template, rows)?).await
        }
        Form::InsertGenerating(template) => generate(session, template, rows, keys).await,
        Form::Delete(template) => at_most_one(session.execute(&keys.fill(template, rows)?).await?),
        Form::InsertOnce(template) => match session.execute(&keys.fill(template, rows)?).await? {
            0 if !replay => Err(HisError::row_exists()),
            matched => Ok(matched),
        },
        Form::Update(template) | Form::UpdateMany(template) => {
            let matched = session.execute(&keys.fill(template, rows)?).await?;
            let missing = if work.is_linked() { HisError::row_gone } else { HisError::no_row };
            match (matched, rows.len() as u64) {
                (matched, wanted) if matched < wanted => return Err(missing()),
                (matched, wanted) if matched > wanted => return Err(HisError::many_rows(matched)),
                _ => {}
            }
            if work.is_linked() {
                keys.set_linked(rows);
            }
            Ok(matched)
        }
        Form::UpdateOrInsert(template) => {
            let matched = at_most_one(session.execute(&keys.fill(template, rows)?).await?)?;
            // Where the update matched none, the row was inserted.
            Ok(matched.max(1))
        }
        Form::UpdateElseInsert { update, insert } => {
            let update = keys.fill(update, rows)?;
            let matched = session.execute(&update).await?;
            if matched > 0 {
                return at_most_one(matched).map(Some);
            }
            let error = match session.execute(&keys.fill(insert, rows)?).await {
                Ok(inserted) => return Ok(Some(inserted)),
                Err(error) if error.duplicate_key => error,
                Err(error) => return Err(error),
            };
            // Someone inserted the row between the two, or it is another unique index that the row violates.
            match session.execute(&update).await? {
                0 => Err(error),
                n => at_most_one(n),
            }
        }
    };
    matched.map(Some)
}

/// Whether the rows are to be changed: their guards, where they have some, were not there.
async fn is_due(session: &mut dyn Session, work: &Work<'_>, keys: &Keys) -> Result<bool, HisError> {
    match work.guard.as_deref() {
        None => Ok(true),
        Some(Form::InsertOnce(template)) => {
            Ok(session.execute(&keys.fill_guards(template, &work.rows)?).await? > 0)
        }
        Some(Form::Insert(template)) => {
            session.execute(&keys.fill_guards(template, &work.rows)?).await.map(|_| true)
        }
        Some(_) => Err(HisError::key_unknown()),
    }
}

/// Inserts rows and keeps the keys that the table gave them.
async fn generate(
    session: &mut dyn Session,
    template: &Template,
    rows: &[Row<'_>],
    keys: &mut Keys,
) -> Result<u64, HisError> {
    let made = session.insert(&keys.fill(template, rows)?, rows.len()).await?;
    if made.len() != rows.len() {
        return Err(HisError::no_key());
    }
    for (row, key) in rows.iter().zip(made) {
        keys.set(row.slot, key);
    }
    Ok(rows.len() as u64)
}

fn at_most_one(matched: u64) -> Result<u64, HisError> {
    if matched > 1 { Err(HisError::many_rows(matched)) } else { Ok(matched) }
}
