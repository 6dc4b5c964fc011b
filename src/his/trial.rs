//! Changes that are tried and never kept: one transaction of which nothing stays. What is here has no way to commit, and
//! whoever has a [`Trial`] has no other way to the session.

use crate::{
    his::{
        HisError, Keys, Session, ask,
        write::{abandoned, run},
    },
    model::{table::Table, value::SqlValue},
    sql::{Batch, Work},
};

/// A session with an open transaction that ends in a rollback: by [`Trial::end`], or by the end of the connection, when the
/// server rolls back by itself.
pub struct Trial {
    session: Box<dyn Session>,
    keys: Keys,
    replay: bool,
}

/// A row to look at.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The table.
    pub table: &'a Table,
    /// Columns with the values that tell the row.
    pub key: Vec<(usize, SqlValue)>,
    /// Columns that are wanted.
    pub columns: &'a [usize],
}

impl Trial {
    /// Begins, for the changes of this batch.
    pub async fn begin(mut session: Box<dyn Session>, batch: &Batch<'_>) -> Result<Self, HisError> {
        session.begin().await?;
        Ok(Self { session, keys: Keys::new(batch), replay: batch.replay })
    }

    /// Runs one change. Gives the rows that it matched; none where a guard says that it was done before. After an error
    /// the trial is over.
    pub async fn run(&mut self, work: &Work<'_>) -> Result<Option<u64>, HisError> {
        match run(&mut *self.session, work, self.replay, &mut self.keys).await {
            Ok(matched) => Ok(matched),
            Err(error) => Err(abandoned(&mut *self.session, error).await),
        }
    }

    /// The keys of the rows so far.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A row as this transaction sees it, its columns as text.
    pub async fn look(&mut self, look: &Look<'_>) -> Result<Option<Vec<Option<String>>>, HisError> {
        let key: Vec<(usize, &SqlValue)> = look.key.iter().map(|(column, value)| (*column, value)).collect();
        ask::row(&mut *self.session, look.table, &key, look.columns).await
    }

    /// Rolls back and closes the connection.
    pub async fn end(mut self) -> Result<(), HisError> {
        self.session.rollback().await
    }
}
