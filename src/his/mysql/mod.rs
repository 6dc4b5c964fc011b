//! `MySQL` and `MariaDB` by sqlx. Every call is bounded in time, and a connection that was left in the middle of a call is
//! never used again. Values are bound, never written into SQL.

use std::{sync::Arc, time::Duration};

use chrono::FixedOffset;
use sqlx::{
    AssertSqlSafe, Connection, Row,
    mysql::{MySqlArguments, MySqlConnection, MySqlDatabaseError, MySqlQueryResult, MySqlRow},
    query::Query,
};
use tokio::time::{error::Elapsed, timeout};

use crate::{
    config::{Database, Network},
    his::{HisError, Remark, Session, SessionFuture, faults, zone},
    model::{
        need::Needs,
        outcome::FaultClass,
        table::{Schema, TableName},
    },
    sql::{
        Statement, StatementBytes,
        ident::{Dialect, MYSQL},
    },
};

mod bind;
mod catalog;
mod connect;
mod grants;
mod kind;
mod remarks;

/// How the product is called in error codes and log lines.
const PRODUCT: &str = "MySQL";

/// Bytes of values that fit into one TLS record (16 KiB) with their types and the packet's head. sqlx 0.9.0 sets no
/// `TCP_NODELAY` and writes record by record, so that a second record waits for the first one's delayed
/// acknowledgement. Measured over loopback with 7 columns: 128 rows (14 kB) a statement 212,000 rows/s, 160 rows 3,600,
/// 512 rows 11,600; without TLS 512 rows 263,000. With an Ethernet's packets (1,500 bytes) 512 rows still take twice
/// the time of 128.
const TLS_STATEMENT_BYTES_BEST: usize = 14_000;

/// A connection to `MySQL` or `MariaDB`.
pub(super) struct MySql {
    connection: MySqlConnection,
    /// Product and version in words.
    server: String,
    /// The session's database, in the server's spelling.
    schema: String,
    /// The login as the server knows it, `buktor@%`.
    account: String,
    /// `host:port`, for messages.
    address: String,
    statement_bytes_max: usize,
    /// The connection is by TLS.
    encrypted: bool,
    statement_time: Duration,
    timezone: chrono_tz::Tz,
    /// The session's `time_zone`: `NOW()` in the HIS's triggers and moments that are bound agree on it.
    offset: FixedOffset,
    /// False from the moment a call is begun to its answer, and for good once the connection is lost. A caller that drops
    /// a call's future leaves it false, and so the half-read connection unused.
    usable: bool,
    increment: Increment,
    /// A transaction may be open: START TRANSACTION would commit it silently.
    open: bool,
}

/// How generated keys grow.
#[derive(Clone, Copy, Debug)]
struct Increment {
    /// `auto_increment_increment`: the step from one key to the next.
    step: u64,
    /// A Galera node changes it when another one comes or goes.
    changes: bool,
}

impl MySql {
    /// Connects, logs in and sets the session up, all within `connect_time`.
    pub(super) async fn connect(database: &Database, network: &Network) -> Result<Self, HisError> {
        let limit = database.connect_time;
        timeout(limit, connect::open(database, network))
            .await
            .unwrap_or_else(|_| Err(connect::silent(network, limit)))
    }

    fn enter(&mut self) -> Result<(), HisError> {
        if !self.usable {
            return Err(self.lost("it was lost before"));
        }
        self.usable = false;
        Ok(())
    }

    fn leave<T>(&mut self, answer: Result<sqlx::Result<T>, Elapsed>) -> Result<T, HisError> {
        let error = match answer {
            Ok(Ok(value)) => {
                self.usable = true;
                return Ok(value);
            }
            Err(_) => {
                let (address, limit) = (&self.address, self.statement_time.as_secs_f32());
                let message = format!("no answer from the HIS database at {address} within {limit} s");
                return Err(HisError::plain(FaultClass::Unreachable, "mysql-timeout", message));
            }
            Ok(Err(error)) => error,
        };
        let Some(server) = server_error(&error) else { return Err(self.lost(&driver_words(&error))) };
        let number = server.number();
        let class = faults::mysql::class(number);
        self.usable = class != FaultClass::Unreachable;
        let (words, duplicate) = (server.message().to_owned(), faults::mysql::is_duplicate(number));
        Err(HisError::server(class, PRODUCT, number.into(), words, duplicate))
    }

    fn lost(&self, why: &str) -> HisError {
        let message = format!("the connection to the HIS database at {} was lost: {why}", self.address);
        HisError::plain(FaultClass::Unreachable, "mysql-lost", message)
    }

    /// Runs SQL that has no values.
    async fn say(&mut self, sql: impl Into<Arc<str>>) -> Result<(), HisError> {
        let sql: Arc<str> = sql.into();
        self.enter()?;
        let work = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        let answer = timeout(self.statement_time, work).await;
        self.leave(answer).map(drop)
    }

    /// Runs a query whose columns are all read as text. Prepared only where it has values, and then kept: closing a
    /// statement is a message without an answer, which costs the next one 40 ms (Nagle's algorithm; sqlx leaves it on).
    async fn ask(&mut self, sql: String, params: &[&str]) -> Result<Vec<Vec<Option<String>>>, HisError> {
        self.enter()?;
        let answer = if params.is_empty() {
            let query = sqlx::raw_sql(AssertSqlSafe(sql));
            timeout(self.statement_time, query.fetch_all(&mut self.connection)).await
        } else {
            let query =
                params.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, param| query.bind(*param));
            timeout(self.statement_time, query.fetch_all(&mut self.connection)).await
        };
        self.leave(answer).and_then(texts)
    }

    async fn start(&mut self) -> Result<(), HisError> {
        if self.open {
            self.undo().await?;
        }
        let offset = zone::offset_now(self.timezone);
        if offset != self.offset {
            self.say(format!("SET time_zone = '{offset}'")).await?;
            self.offset = offset;
        }
        self.open = true;
        self.say("START TRANSACTION").await
    }

    async fn undo(&mut self) -> Result<(), HisError> {
        self.say("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), HisError> {
        if !self.usable {
            // COMMIT is not even sent: nothing is unknown.
            return Err(self.lost("it was lost before"));
        }
        match self.say("COMMIT").await {
            Ok(()) => {
                self.open = false;
                Ok(())
            }
            Err(error) if error.class == FaultClass::Unreachable => Err(error.of_commit()),
            Err(error) => Err(error),
        }
    }

    async fn write(&mut self, statement: &Statement<'_>) -> Result<MySqlQueryResult, HisError> {
        let query = self.bound(statement)?;
        self.enter()?;
        let answer = timeout(self.statement_time, query.execute(&mut self.connection)).await;
        let answer = self.leave(answer);
        self.forget_stale(answer).await
    }

    async fn read(&mut self, statement: &Statement<'_>) -> Result<Vec<Vec<Option<String>>>, HisError> {
        let query = self.bound(statement)?;
        self.enter()?;
        let answer = timeout(self.statement_time, query.fetch_all(&mut self.connection)).await;
        let answer = self.leave(answer);
        self.forget_stale(answer).await.and_then(texts)
    }

    /// The first row's key comes with the answer; the others follow in steps of `auto_increment_increment`, because an
    /// insert whose rows are all in its text reserves its keys at once:
    /// <https://dev.mysql.com/doc/refman/8.4/en/innodb-auto-increment-handling.html>.
    async fn insert_rows(&mut self, statement: &Statement<'_>, rows: usize) -> Result<Vec<String>, HisError> {
        let first = self.write(statement).await?.last_insert_id();
        if first == 0 {
            return Err(HisError::no_key());
        }
        let step = self.increment.step;
        if rows > 1 && self.increment.changes {
            connect::read_step(self).await?;
            if step != self.increment.step {
                let message =
                    "the cluster changed the steps of its generated keys in the middle of an insert";
                return Err(HisError::plain(FaultClass::Busy, "mysql-increment", message));
            }
        }
        let key = |row: usize| (u128::from(first) + row as u128 * u128::from(step)).to_string();
        Ok((0..rows).map(key).collect())
    }

    fn bound<'q>(
        &self,
        statement: &Statement<'_>,
    ) -> Result<Query<'q, sqlx::MySql, MySqlArguments>, HisError> {
        let arguments = bind::arguments(&statement.params, self.offset).map_err(|error| unbound(&*error))?;
        Ok(sqlx::query_with(AssertSqlSafe(Arc::clone(&statement.sql)), arguments))
    }

    /// 1461: the server has too many prepared statements, ours among them. 1615: one of ours no longer fits its table.
    async fn forget_stale<T>(&mut self, answer: Result<T, HisError>) -> Result<T, HisError> {
        if answer.as_ref().is_err_and(|error| matches!(error.code.as_str(), "mysql-1461" | "mysql-1615")) {
            self.enter()?;
            let cleared = timeout(self.statement_time, self.connection.clear_cached_statements()).await;
            self.leave(cleared)?;
        }
        answer
    }

    async fn sign_of_life(&mut self) -> Result<(), HisError> {
        self.enter()?;
        let answer = timeout(self.statement_time, self.connection.ping()).await;
        self.leave(answer)
    }
}

impl Session for MySql {
    fn dialect(&self) -> &'static Dialect {
        &MYSQL
    }

    fn server(&self) -> String {
        self.server.clone()
    }

    fn statement_bytes(&self) -> StatementBytes {
        let best = if self.encrypted { TLS_STATEMENT_BYTES_BEST } else { usize::MAX };
        StatementBytes { max: self.statement_bytes_max, best: best.min(self.statement_bytes_max) }
    }

    fn tables(&mut self) -> SessionFuture<'_, Vec<TableName>> {
        Box::pin(catalog::names(self))
    }

    fn describe<'a>(&'a mut self, tables: &'a [TableName]) -> SessionFuture<'a, Schema> {
        Box::pin(catalog::describe(self, tables))
    }

    fn remarks(&mut self) -> SessionFuture<'_, Vec<Remark>> {
        Box::pin(remarks::remarks(self))
    }

    fn grants(&self, needs: &Needs) -> Vec<String> {
        grants::statements(needs, &self.account, &self.schema)
    }

    fn set_lock_time(&mut self, time: Duration) -> SessionFuture<'_, ()> {
        Box::pin(connect::set_lock_time(self, time))
    }

    fn begin(&mut self) -> SessionFuture<'_, ()> {
        Box::pin(self.start())
    }

    fn execute<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, u64> {
        Box::pin(async { self.write(statement).await.map(|done| done.rows_affected()) })
    }

    fn insert<'a>(&'a mut self, statement: &'a Statement<'a>, rows: usize) -> SessionFuture<'a, Vec<String>> {
        Box::pin(self.insert_rows(statement, rows))
    }

    fn query<'a>(&'a mut self, statement: &'a Statement<'a>) -> SessionFuture<'a, Vec<Vec<Option<String>>>> {
        Box::pin(self.read(statement))
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

/// Rows whose columns are all texts.
fn texts(rows: Vec<MySqlRow>) -> Result<Vec<Vec<Option<String>>>, HisError> {
    // Unchecked, because some servers call their catalog's texts VARBINARY.
    let cells = |row: MySqlRow| (0..row.len()).map(|i| row.try_get_unchecked(i)).collect();
    let rows: sqlx::Result<_> = rows.into_iter().map(cells).collect();
    rows.map_err(|error| unbound(&error))
}

/// A value that the driver could not write or read.
fn unbound(error: &dyn std::error::Error) -> HisError {
    HisError::plain(FaultClass::Unrecognised, "mysql-driver", format!("the MySQL driver failed: {error}"))
}

/// What the server itself said, where it is that.
fn server_error(error: &sqlx::Error) -> Option<&MySqlDatabaseError> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()
}

/// What went wrong between the daemon and the server, in words for people.
fn driver_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the server closed it".to_owned()
        }
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => error.to_string(),
        // sqlx appends its own source file to these.
        sqlx::Error::Protocol(words) => words.split(" (").next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    }
}
