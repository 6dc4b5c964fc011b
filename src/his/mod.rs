//! The HIS database behind one trait. Only this module's drivers import sqlx, rusqlite, tiberius or oracle,
//! and nothing here knows the queue.

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    config::{Database, Engine},
    model::{
        outcome::FaultClass,
        table::{Schema, TableName},
    },
    sql::{Batch, Statement, StatementBytes, Work, ident::Dialect},
};

pub mod error;
mod faults;
#[cfg(feature = "mysql")]
mod mysql;
mod near;
mod sqlite;
mod text;

pub use error::HisError;
pub use sqlite::demo as embedded;

/// A future of a [`Session`] method.
pub type SessionFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, HisError>> + Send + 'a>>;

/// A connection to the HIS database. After an error of class `Unreachable` or `CommitUnknown` it is of no more use.
pub trait Session: Send {
    /// What differs in this database's SQL.
    fn dialect(&self) -> &'static Dialect;

    /// Product and version in words, `MariaDB 10.11.6`.
    fn server(&self) -> String;

    /// How large its statements may be.
    fn statement_bytes(&self) -> StatementBytes;

    /// The tables and views of the configured database that the login may see, by the names that a mapping gives them,
    /// sorted.
    fn tables(&mut self) -> SessionFuture<'_, Vec<TableName>>;

    /// Describes tables from the live catalog. A table that is not there is in [`Schema::missing`].
    fn describe<'a>(&'a mut self, tables: &'a [TableName]) -> SessionFuture<'a, Schema>;

    /// Waits so long for a lock from now on, in whole seconds.
    fn set_lock_time(&mut self, time: Duration) -> SessionFuture<'_, ()>;

    /// Begins a transaction.
    fn begin(&mut self) -> SessionFuture<'_, ()>;

    /// Runs one statement; gives the rows that it matched (not those that it changed).
    fn execute<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, u64>;

    /// Commits. A connection lost in it is `CommitUnknown`.
    fn commit(&mut self) -> SessionFuture<'_, ()>;

    /// Rolls back, as far as the connection still lives.
    fn rollback(&mut self) -> SessionFuture<'_, ()>;

    /// Asks the server for a sign of life.
    fn ping(&mut self) -> SessionFuture<'_, ()>;
}

/// Connects as the configuration says.
pub async fn connect(database: &Database) -> Result<Box<dyn Session>, HisError> {
    match &database.engine {
        #[cfg(feature = "mysql")]
        Engine::MySql(network) => Ok(Box::new(mysql::MySql::connect(database, network).await?)),
        #[cfg(not(feature = "mysql"))]
        Engine::MySql(_) => Err(HisError::not_built("mysql")),
        Engine::Sqlite { path } => Ok(Box::new(sqlite::Sqlite::connect(database, path).await?)),
    }
}

/// Runs a batch in one transaction. On an error everything is rolled back, but for `CommitUnknown`,
/// where the database may have kept all of it or nothing.
pub async fn apply(session: &mut dyn Session, batch: &Batch<'_>) -> Result<(), HisError> {
    session.begin().await?;
    let Err(error) = write(session, batch).await else { return Ok(()) };
    // A COMMIT that was refused (a cluster's conflict, a deferred foreign key) can leave the transaction open as well.
    // A lost connection rolls back by itself.
    if !matches!(error.class, FaultClass::Unreachable | FaultClass::CommitUnknown) {
        session.rollback().await?;
    }
    Err(error)
}

async fn write(session: &mut dyn Session, batch: &Batch<'_>) -> Result<(), HisError> {
    for work in &batch.works {
        run(session, work, batch.replay).await?;
    }
    session.commit().await
}

async fn run(session: &mut dyn Session, work: &Work<'_>, replay: bool) -> Result<(), HisError> {
    match work {
        Work::Upsert(statement) | Work::Insert(statement) => session.execute(statement).await.map(drop),
        Work::Delete(statement) => at_most_one(session.execute(statement).await?),
        Work::InsertOnce(statement) => match session.execute(statement).await? {
            0 if !replay => Err(HisError::row_exists()),
            _ => Ok(()),
        },
        Work::Update(statement) => match session.execute(statement).await? {
            0 => Err(HisError::no_row()),
            n => at_most_one(n),
        },
        Work::UpdateElseInsert { update, insert } => {
            let matched = session.execute(update).await?;
            if matched > 0 {
                return at_most_one(matched);
            }
            let Err(error) = session.execute(insert).await else { return Ok(()) };
            if !error.duplicate_key {
                return Err(error);
            }
            // Someone inserted the row between the two, or it is another unique index that the row violates.
            match session.execute(update).await? {
                0 => Err(error),
                n => at_most_one(n),
            }
        }
    }
}

fn at_most_one(matched: u64) -> Result<(), HisError> {
    if matched > 1 { Err(HisError::many_rows(matched)) } else { Ok(()) }
}
