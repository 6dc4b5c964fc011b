//! The embedded HIS: a `SQLite` file that must exist. One connection, moved to a blocking thread for each call and back; a
//! call whose future is dropped takes the connection with it. Never creates the file, never writes SQL with values in it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags,
    types::{Value, ValueRef},
};

use crate::{
    config::Database,
    his::{HisError, Remark, Session, SessionFuture, faults, text},
    model::{
        need::Needs,
        outcome::FaultClass,
        table::{Schema, TableName},
        value::SqlValue,
    },
    sql::{
        Statement, StatementBytes,
        ident::{Dialect, SQLITE},
    },
};

mod catalog;
pub mod demo;
mod kind;

/// How the product is called in error codes and log lines.
const PRODUCT: &str = "SQLite";
/// Prepared statements that are kept.
const STATEMENTS_KEPT_MAX: usize = 64;
/// Bytes of one statement with its values: far below `SQLite`'s own limit of 10^9.
const STATEMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection to the embedded HIS.
pub(super) struct Sqlite {
    /// None while a call is under way, and after one that never came back.
    connection: Option<Connection>,
    path: PathBuf,
    /// What the path named when it was opened.
    identity: Identity,
    timezone: chrono_tz::Tz,
}

impl Sqlite {
    /// Opens the file.
    pub(super) async fn connect(database: &Database, path: &Path) -> Result<Self, HisError> {
        let (at, lock_time) = (path.to_owned(), database.lock_time);
        let opened = tokio::task::spawn_blocking(move || open(&at, lock_time)).await;
        let (connection, identity) = opened.map_err(|_| gone())??;
        Ok(Self {
            connection: Some(connection),
            path: path.to_owned(),
            identity,
            timezone: database.timezone,
        })
    }

    /// Runs `work` where it may block.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, HisError> + Send + 'static,
    ) -> Result<T, HisError> {
        let connection = self.connection.take().ok_or_else(gone)?;
        let task = tokio::task::spawn_blocking(move || {
            let answer = work(&connection);
            (connection, answer)
        });
        let (connection, answer) = task.await.map_err(|_| gone())?;
        self.connection = Some(connection);
        answer
    }

    async fn say(&mut self, sql: &'static str) -> Result<(), HisError> {
        self.run(move |connection| connection.execute_batch(sql).map_err(|error| fault(&error))).await
    }

    /// Begins a transaction, which no one else's can then break with `BUSY` half-way.
    async fn start(&mut self) -> Result<(), HisError> {
        self.look()?;
        if self.connection.as_ref().is_some_and(|connection| !connection.is_autocommit()) {
            self.undo().await?;
        }
        self.say("BEGIN IMMEDIATE").await
    }

    async fn keep(&mut self) -> Result<(), HisError> {
        self.say("COMMIT").await.map_err(|error| match error.class {
            FaultClass::Unreachable => error.of_commit(),
            _ => error,
        })
    }

    async fn undo(&mut self) -> Result<(), HisError> {
        // Some errors (disk full, out of memory) have rolled back already, and ROLLBACK would be an error itself.
        self.run(|connection| {
            if connection.is_autocommit() {
                return Ok(());
            }
            connection.execute_batch("ROLLBACK").map_err(|error| fault(&error))
        })
        .await
    }

    async fn write(&mut self, statement: &Statement<'_>) -> Result<u64, HisError> {
        let sql = Arc::clone(&statement.sql);
        let values: Vec<Value> = statement.params.iter().map(|value| bound(value, self.timezone)).collect();
        self.run(move |connection| {
            let mut prepared = connection.prepare_cached(&sql).map_err(|error| fault(&error))?;
            // A statement of the configuration's own may answer with rows, which nobody asked for.
            if prepared.column_count() > 0 {
                read(&mut prepared, values).map_err(|error| fault(&error))?;
                return Ok(connection.changes());
            }
            let rows = prepared.execute(rusqlite::params_from_iter(values)).map_err(|error| fault(&error))?;
            Ok(rows as u64)
        })
        .await
    }

    async fn ask(&mut self, statement: &Statement<'_>) -> Result<Vec<Vec<Option<String>>>, HisError> {
        let sql = Arc::clone(&statement.sql);
        let values: Vec<Value> = statement.params.iter().map(|value| bound(value, self.timezone)).collect();
        self.run(move |connection| {
            let mut prepared = connection.prepare_cached(&sql).map_err(|error| fault(&error))?;
            read(&mut prepared, values).map_err(|error| fault(&error))
        })
        .await
    }

    /// `RETURNING` promises no order: <https://sqlite.org/lang_returning.html>. Keys that the file counts grow from row to
    /// row.
    async fn insert_rows(&mut self, statement: &Statement<'_>) -> Result<Vec<String>, HisError> {
        let mut keys: Vec<String> = self.ask(statement).await?.into_iter().flatten().flatten().collect();
        keys.sort_by_key(|key| key.parse::<i64>().unwrap_or_default());
        Ok(keys)
    }

    async fn sign_of_life(&mut self) -> Result<(), HisError> {
        self.look()?;
        self.run(|connection| probe(connection).map_err(|error| fault(&error))).await
    }

    /// Whether the path still names the file that is open: rows written to a deleted file are lost.
    fn look(&self) -> Result<(), HisError> {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            return Ok(());
        }
        let message =
            format!("the file {} was moved, replaced or deleted while it was open", self.path.display());
        Err(HisError::plain(FaultClass::Unreachable, "sqlite-moved", message))
    }
}

impl Session for Sqlite {
    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn server(&self) -> String {
        format!("{PRODUCT} {}", rusqlite::version())
    }

    fn statement_bytes(&self) -> StatementBytes {
        StatementBytes { max: STATEMENT_BYTES_MAX, best: STATEMENT_BYTES_MAX }
    }

    fn tables(&mut self) -> SessionFuture<'_, Vec<TableName>> {
        Box::pin(self.run(|connection| catalog::names(connection).map_err(|error| fault(&error))))
    }

    fn describe<'a>(&'a mut self, tables: &'a [TableName]) -> SessionFuture<'a, Schema> {
        let names = tables.to_vec();
        Box::pin(
            self.run(move |connection| catalog::describe(connection, &names).map_err(|error| fault(&error))),
        )
    }

    fn remarks(&mut self) -> SessionFuture<'_, Vec<Remark>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn grants(&self, _: &Needs) -> Vec<String> {
        Vec::new()
    }

    fn set_lock_time(&mut self, time: Duration) -> SessionFuture<'_, ()> {
        Box::pin(self.run(move |connection| connection.busy_timeout(time).map_err(|error| fault(&error))))
    }

    fn begin(&mut self) -> SessionFuture<'_, ()> {
        Box::pin(self.start())
    }

    fn execute<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, u64> {
        Box::pin(self.write(statement))
    }

    fn insert<'a>(
        &'a mut self,
        statement: &'a Statement<'a>,
        _rows: usize,
    ) -> SessionFuture<'a, Vec<String>> {
        Box::pin(self.insert_rows(statement))
    }

    fn query<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, Vec<Vec<Option<String>>>> {
        Box::pin(self.ask(statement))
    }

    fn commit(&mut self) -> SessionFuture<'_, ()> {
        Box::pin(self.keep())
    }

    fn rollback(&mut self) -> SessionFuture<'_, ()> {
        Box::pin(self.undo())
    }

    fn ping(&mut self) -> SessionFuture<'_, ()> {
        Box::pin(self.sign_of_life())
    }
}

fn open(path: &Path, lock_time: Duration) -> Result<(Connection, Identity), HisError> {
    let problem = |what: String| {
        let message = format!("database.path, {}, {what}", path.display());
        HisError::plain(FaultClass::Login, "sqlite-open", message)
    };
    let identity = identity(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            problem("does not exist: correct the path, or create the HIS's file first".to_owned())
        }
        _ => problem(format!("cannot be opened: {error}")),
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let prepare = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(lock_time)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What was committed must not come undone by a power cut: with less, the journal that was deleted may be back after
        // one, and takes back what the queue has as applied (https://www.sqlite.org/pragma.html#pragma_synchronous).
        connection.pragma_update(None, "synchronous", "EXTRA")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
        probe(&connection)?;
        Ok(connection)
    };
    let connection = prepare().map_err(|error| {
        let mut refused = fault(&error);
        if refused.class == FaultClass::Login {
            refused = problem(format!("cannot be used as the HIS's file: {}", refused.message));
        }
        refused
    })?;
    match connection.is_readonly("main") {
        Ok(false) => Ok((connection, identity)),
        _ => Err(problem(
            "may only be read by this user: allow it to write the file and its folder".to_owned(),
        )),
    }
}

/// The rows of a statement, as texts.
fn read(
    prepared: &mut rusqlite::Statement<'_>,
    values: Vec<Value>,
) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
    let columns = prepared.column_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((0..columns).map(|i| row.get_ref(i).map(as_text)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(all)
}

fn as_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(n) => Some(n.to_string()),
        ValueRef::Real(n) => Some(n.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// Reads the file's head, which tells a database from any other file.
fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))
}

/// What tells a file from another one that has taken its name. Windows lets nobody replace a file that is open.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(drop)
}

/// A value as `SQLite` programs expect it. Decimals go as text, which the column's affinity turns into a number.
fn bound(value: &SqlValue, timezone: chrono_tz::Tz) -> Value {
    let mut out = String::new();
    match value {
        SqlValue::Null => return Value::Null,
        SqlValue::Int(n) => {
            return i64::try_from(*n).map_or_else(|_| Value::Text(n.to_string()), Value::Integer);
        }
        SqlValue::Float(n) => return Value::Real(*n),
        SqlValue::Decimal(s) | SqlValue::Text(s) => out.push_str(s),
        SqlValue::Bytes(bytes) => return Value::Blob(bytes.clone()),
        SqlValue::Date(at) => text::date(&mut out, *at),
        SqlValue::Time(at) => text::time(&mut out, *at),
        SqlValue::DateTime(at) => text::date_time(&mut out, *at),
        SqlValue::Instant(at) => text::date_time(&mut out, at.with_timezone(&timezone).naive_local()),
    }
    Value::Text(out)
}

fn gone() -> HisError {
    HisError::plain(
        FaultClass::Unreachable,
        "sqlite-lost",
        "the connection to the HIS's SQLite file was given up",
    )
}

fn fault(error: &rusqlite::Error) -> HisError {
    let (number, words) = match error {
        rusqlite::Error::SqliteFailure(code, _) => (code.extended_code, error.to_string()),
        // Its own form repeats the whole statement.
        rusqlite::Error::SqlInputError { error: code, msg, .. } => (code.extended_code, msg.clone()),
        _ => {
            let message = format!("the SQLite driver failed: {error}");
            return HisError::plain(FaultClass::Unrecognised, "sqlite-driver", message);
        }
    };
    HisError::server(
        faults::sqlite::class(number),
        PRODUCT,
        number.into(),
        words,
        faults::sqlite::is_duplicate(number),
    )
}

#[cfg(test)]
mod tests;
