//! The HIS database behind one trait. Only this module's drivers import sqlx, rusqlite, tiberius or oracle,
//! and nothing here knows the queue.

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    config::{Database, Engine},
    model::{
        need::Needs,
        table::{Schema, TableName},
    },
    sql::{Statement, StatementBytes, ident::Dialect},
};

#[cfg(any(feature = "mysql", feature = "oracle"))]
mod answer;
pub mod ask;
#[cfg(any(feature = "mysql", feature = "sqlserver"))]
mod authorities;
pub mod error;
mod faults;
#[cfg(feature = "mysql")]
mod mysql;
mod near;
#[cfg(feature = "oracle")]
mod oracle;
mod sqlite;
#[cfg(feature = "sqlserver")]
mod sqlserver;
mod text;
mod trial;
mod write;
#[cfg(any(feature = "mysql", feature = "sqlserver", feature = "oracle"))]
mod zone;

pub use error::HisError;
pub use sqlite::demo as embedded;
pub use trial::{Look, Trial};
pub use write::{Keys, commit, undo, write};

/// A future of a [`Session`] method.
pub type SessionFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, HisError>> + Send + 'a>>;

/// What is to be said about the HIS database itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Nothing, or not everything, can be written.
    pub problem: bool,
    /// What it is and what to do.
    pub message: String,
}

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

    /// What is to be said about the server and its settings.
    fn remarks(&mut self) -> SessionFuture<'_, Vec<Remark>>;

    /// The statements by which an administrator allows this login what is needed, one a line; none where the database has
    /// no logins.
    fn grants(&self, needs: &Needs) -> Vec<String>;

    /// Waits so long for a lock from now on, in whole seconds.
    fn set_lock_time(&mut self, time: Duration) -> SessionFuture<'_, ()>;

    /// Begins a transaction.
    fn begin(&mut self) -> SessionFuture<'_, ()>;

    /// Runs one statement; gives the rows that it matched (not those that it changed).
    fn execute<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, u64>;

    /// Runs an insert of so many rows and gives the keys that the table made for them, in the rows' order.
    fn insert<'a>(&'a mut self, statement: &'a Statement<'a>, rows: usize) -> SessionFuture<'a, Vec<String>>;

    /// Runs a query whose columns are all texts; gives its rows.
    fn query<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, Vec<Vec<Option<String>>>>;

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
        #[cfg(feature = "sqlserver")]
        Engine::SqlServer(place) => sqlserver::SqlServer::connect(database, place).await,
        #[cfg(not(feature = "sqlserver"))]
        Engine::SqlServer(_) => Err(HisError::not_built("sqlserver")),
        #[cfg(feature = "oracle")]
        Engine::Oracle(place) => oracle::Oracle::connect(database, place).await,
        #[cfg(not(feature = "oracle"))]
        Engine::Oracle(_) => Err(HisError::not_built("oracle")),
        Engine::Sqlite { path } => Ok(Box::new(sqlite::Sqlite::connect(database, path).await?)),
    }
}
