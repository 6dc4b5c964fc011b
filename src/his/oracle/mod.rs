//! Oracle by ODPI-C and the client library that is loaded when it is needed. Each connection has a thread of its own; every
//! call is bounded in time, and a connection that did not come back from a call is never used again. Values are bound, never
//! written into SQL.

use std::{sync::Arc, time::Duration};

use chrono::FixedOffset;
use oracle::Connection;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::{
    config::{Database, Oracle as Place},
    his::{HisError, Remark, Session, SessionFuture, zone},
    model::{
        need::Needs,
        outcome::FaultClass,
        table::{Schema, Storage, TableName},
    },
    sql::{
        Statement, StatementBytes,
        ident::{Dialect, ORACLE},
    },
};

mod bind;
mod catalog;
mod cell;
mod client;
mod connect;
mod fault;
mod grants;
mod kind;
mod refusal;
mod remarks;
mod statement;
mod thread;

use connect::Facts;
use statement::Work;
use thread::{Limit, Thread};

/// How the product is called in error codes and log lines.
const PRODUCT: &str = "Oracle";
/// Bytes of values that one call may carry; there is no limit on the server's side.
const CALL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of values from which on further rows go into another call.
const CALL_BYTES_BEST: usize = 1024 * 1024;
/// How long a call that was broken off may take to come back.
const BREAK_TIME: Duration = Duration::from_secs(3);
/// What the client, which cuts calls itself, has before it is cut from outside.
const GRACE: Duration = Duration::from_secs(1);
/// What each row of array DML adds to the time in which a call is not taken for one that waits for a lock.
const ROW_TIME: Duration = Duration::from_millis(10);
/// The number of a call that was broken off.
const BROKEN_OFF: &str = "oracle-1013";

/// A connection to Oracle.
pub(super) struct Oracle {
    thread: Thread,
    facts: Facts,
    /// `host:port` or the connect string, for messages.
    address: String,
    statement_time: Duration,
    lock_time: Duration,
    timezone: chrono_tz::Tz,
    /// The session's `TIME_ZONE`: `CURRENT_TIMESTAMP` in the HIS's triggers and moments that are bound agree on it.
    offset: FixedOffset,
    /// False from the moment a call is begun to its answer, and for good once the connection is lost. A caller that drops
    /// a call's future leaves it false, and so the connection unused whose answer nobody has heard.
    usable: bool,
    /// A transaction may be open: it begins by itself with the first change.
    open: bool,
    /// Names of the configuration that stand for nothing that can be used, with the reason, as last described.
    refused: Vec<(TableName, String)>,
}

impl Oracle {
    /// Connects, logs in and sets the session up, all within `connect_time`.
    pub(super) async fn connect(database: &Database, place: &Place) -> Result<Box<dyn Session>, HisError> {
        Ok(Box::new(connect::open(database, place).await?))
    }

    /// Has the thread do `work`.
    async fn call<T: Send + 'static>(
        &mut self,
        limit: Limit,
        work: impl FnOnce(&Connection) -> Result<T, HisError> + Send + 'static,
    ) -> Result<T, HisError> {
        if !self.usable {
            return Err(self.lost("it was lost before"));
        }
        self.usable = false;
        let Some(mut answer) = self.thread.start(work) else {
            return Err(self.lost("its thread has ended"));
        };
        let patience = match limit {
            Limit::Statement if self.facts.call_time => self.statement_time + GRACE,
            Limit::Statement => self.statement_time,
            Limit::Lock { rows } => {
                let rows = u32::try_from(rows).unwrap_or(u32::MAX);
                (self.lock_time + ROW_TIME.saturating_mul(rows)).min(self.statement_time)
            }
        };
        let begun = Instant::now();
        match timeout(patience, &mut answer).await {
            Ok(answer) => self.leave(answer),
            Err(_) => self.cut(answer, limit, begun).await,
        }
    }

    fn leave<T>(
        &mut self,
        answer: Result<Result<T, HisError>, oneshot::error::RecvError>,
    ) -> Result<T, HisError> {
        let answer = answer.unwrap_or_else(|_| Err(self.lost("its thread has ended")));
        self.usable = answer.as_ref().map_or_else(|error| !error.is_of_connection(), |_| true);
        answer
    }

    /// Breaks a call off that takes too long. Where it waited for a lock and comes back, the connection is as good as before.
    async fn cut<T: Send + 'static>(
        &mut self,
        mut answer: oneshot::Receiver<Result<T, HisError>>,
        limit: Limit,
        begun: Instant,
    ) -> Result<T, HisError> {
        let broken = self.thread.interrupt();
        let Ok(answer) = timeout(BREAK_TIME, &mut answer).await else {
            self.thread.give_up();
            return Err(self.too_late(begun));
        };
        let answer = self.leave(answer);
        let was_locked = matches!(limit, Limit::Lock { .. });
        match answer {
            // It was done in the very moment.
            Ok(value) => {
                self.calm(broken).await;
                Ok(value)
            }
            Err(error) if error.code == BROKEN_OFF && was_locked => {
                self.calm(broken).await;
                let message = format!(
                    "no answer from the HIS database within {:.1} s: somebody else keeps the row or the table locked, or the \
                     database is slow; the statement was broken off",
                    begun.elapsed().as_secs_f32()
                );
                Err(HisError::plain(FaultClass::Busy, BROKEN_OFF, message))
            }
            Err(error) if error.code == BROKEN_OFF => {
                self.usable = false;
                Err(self.too_late(begun))
            }
            Err(error) => {
                self.calm(broken).await;
                Err(error)
            }
        }
    }

    /// A break that came after its call was over meets the next one: here one that is there for it.
    async fn calm(&mut self, broken: oneshot::Receiver<()>) {
        if !self.usable {
            return;
        }
        self.usable = false;
        // While it is still on its way it could meet a COMMIT.
        if timeout(BREAK_TIME, broken).await.is_err() {
            return self.thread.give_up();
        }
        for _ in 0..2 {
            let Some(answer) = self.thread.start(statement::ping) else { return };
            match timeout(BREAK_TIME, answer).await {
                Ok(Ok(Ok(()))) => {
                    self.usable = true;
                    return;
                }
                Ok(Ok(Err(error))) if error.code == BROKEN_OFF => {}
                Ok(_) => return,
                Err(_) => return self.thread.give_up(),
            }
        }
    }

    fn too_late(&self, begun: Instant) -> HisError {
        let seconds = begun.elapsed().as_secs_f32();
        let message = format!("no answer from the HIS database at {} within {seconds:.1} s", self.address);
        HisError::plain(FaultClass::Unreachable, "oracle-timeout", message)
    }

    fn lost(&self, why: &str) -> HisError {
        let message = format!("the connection to the HIS database at {} was lost: {why}", self.address);
        HisError::plain(FaultClass::Unreachable, "oracle-lost", message)
    }

    /// Runs a query of the catalog, whose placeholders are texts.
    async fn ask(&mut self, sql: String, params: &[&str]) -> Result<Vec<Vec<Option<String>>>, HisError> {
        let texts = params.iter().map(|text| bind::text(text)).collect();
        let work = Work { sql: sql.into(), rows: vec![texts], counts: false };
        self.call(Limit::Statement, move |connection| statement::query(connection, &work)).await
    }

    /// The same where the answer is nice to have: a view that this login or this version does not have is left out.
    async fn ask_perhaps(
        &mut self,
        sql: String,
        params: &[&str],
    ) -> Result<Option<Vec<Vec<Option<String>>>>, HisError> {
        match self.ask(sql, params).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if error.is_of_connection() => Err(error),
            Err(error) => {
                tracing::debug!(code = error.code, "a question about the HIS database was left out");
                // A gateway to another database may answer nothing more before.
                self.end_reading().await?;
                Ok(None)
            }
        }
    }

    /// The statement with its values as rows of `columns` each.
    fn work(&self, statement: &Statement<'_>, columns: usize) -> Result<Work, HisError> {
        let rows: Result<Vec<_>, HisError> = statement
            .params
            .chunks(columns.max(1))
            .map(|row| bind::row(row, &statement.binds, self.timezone))
            .collect();
        Ok(Work { sql: Arc::clone(&statement.sql), rows: rows?, counts: self.facts.counts_rows() })
    }

    async fn start(&mut self) -> Result<(), HisError> {
        if self.open {
            self.undo().await?;
        }
        let offset = zone::offset_now(self.timezone);
        if offset != self.offset {
            self.ask_perhaps(connect::zone_setting(offset), &[]).await?;
            self.offset = offset;
        }
        if !self.usable {
            return Err(self.lost("it was lost before"));
        }
        self.open = true;
        Ok(())
    }

    async fn undo(&mut self) -> Result<(), HisError> {
        self.call(Limit::Statement, |connection| connection.rollback().map_err(|error| fault::of(&error)))
            .await?;
        self.open = false;
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), HisError> {
        if !self.usable {
            // COMMIT is not even sent: nothing is unknown.
            return Err(self.lost("it was lost before"));
        }
        let commit = |connection: &Connection| connection.commit().map_err(|error| fault::of(&error));
        match self.call(Limit::Statement, commit).await {
            Ok(()) => {
                self.open = false;
                Ok(())
            }
            // A break that meets COMMIT does not tell whether it came in time.
            Err(error) if error.class == FaultClass::Unreachable || error.code == BROKEN_OFF => {
                Err(error.of_commit())
            }
            Err(error) => Err(error),
        }
    }

    async fn write(&mut self, statement: &Statement<'_>) -> Result<u64, HisError> {
        let columns = if statement.binds.is_empty() { statement.params.len() } else { statement.binds.len() };
        let work = self.work(statement, columns)?;
        self.open = true;
        let limit = Limit::Lock { rows: work.rows.len() };
        self.call(limit, move |connection| statement::execute(connection, &work)).await
    }

    /// The last placeholder is for the key.
    async fn insert_rows(&mut self, statement: &Statement<'_>) -> Result<Vec<String>, HisError> {
        let key = statement.binds.last().copied().unwrap_or(Storage::Any);
        let columns = statement.binds.len().saturating_sub(1);
        let mut work = self.work(statement, columns)?;
        if work.rows.is_empty() {
            // A row of nothing but its key.
            work.rows.push(Vec::new());
        }
        self.open = true;
        let limit = Limit::Lock { rows: work.rows.len() };
        let made = self.call(limit, move |connection| statement::insert(connection, &work, key)).await?;
        made.into_iter().collect::<Option<_>>().ok_or_else(HisError::no_key)
    }

    /// Lets go what questions outside of a transaction hold: rows that they have locked, what a gateway has begun for them.
    async fn end_reading(&mut self) -> Result<(), HisError> {
        if self.open || !self.usable { Ok(()) } else { self.undo().await }
    }

    async fn read(&mut self, statement: &Statement<'_>) -> Result<Vec<Vec<Option<String>>>, HisError> {
        let work = self.work(statement, statement.params.len())?;
        let locks = statement.sql.contains(" FOR UPDATE");
        // The server gives up by itself (`WAIT`), and says so better.
        let limit = if locks { Limit::Lock { rows: 100 } } else { Limit::Statement };
        let answer = self.call(limit, move |connection| statement::query(connection, &work)).await;
        if locks {
            self.end_reading().await?;
        }
        answer
    }

    async fn sign_of_life(&mut self) -> Result<(), HisError> {
        self.call(Limit::Statement, statement::ping).await?;
        self.let_go().await
    }

    /// Ends what a question may have begun, where no transaction is open: over a database link a SELECT does, and then the
    /// HIS's administrator could not change a table while nothing is written here.
    async fn let_go(&mut self) -> Result<(), HisError> {
        if self.open { Ok(()) } else { self.undo().await }
    }
}

impl Session for Oracle {
    fn dialect(&self) -> &'static Dialect {
        &ORACLE
    }

    fn server(&self) -> String {
        let (version, client) = (self.facts.version, self.facts.client);
        format!("{PRODUCT} {}.{} (client {}.{})", version.0, version.1, client.0, client.1)
    }

    fn statement_bytes(&self) -> StatementBytes {
        StatementBytes { max: CALL_BYTES_MAX, best: CALL_BYTES_BEST }
    }

    fn tables(&mut self) -> SessionFuture<'_, Vec<TableName>> {
        Box::pin(catalog::names(self))
    }

    fn describe<'a>(&'a mut self, tables: &'a [TableName]) -> SessionFuture<'a, Schema> {
        Box::pin(async move {
            let schema = catalog::describe(self, tables).await?;
            self.let_go().await.map(|()| schema)
        })
    }

    fn remarks(&mut self) -> SessionFuture<'_, Vec<Remark>> {
        Box::pin(remarks::remarks(self))
    }

    fn grants(&self, needs: &Needs) -> Vec<String> {
        grants::statements(needs, &self.facts.user, &self.facts.schema)
    }

    fn set_lock_time(&mut self, time: Duration) -> SessionFuture<'_, ()> {
        self.lock_time = time;
        Box::pin(std::future::ready(Ok(())))
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
