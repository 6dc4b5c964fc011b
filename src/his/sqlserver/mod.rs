//! SQL Server by tiberius. Every call is bounded in time, and a connection that was left in the middle of a call is never
//! used again. Values are bound, never written into SQL. Transactions are said in batches of their own: in a call with
//! values `BEGIN` and `COMMIT` are an error (266).

use std::time::Duration;

use tiberius::{Client, ColumnData, Query, Row, error::TokenError};
use tokio::{
    net::TcpStream,
    time::{error::Elapsed, timeout},
};
use tokio_util::compat::Compat;

use crate::{
    config::{Database, SqlServer as Place},
    his::{HisError, Remark, Session, SessionFuture, faults},
    model::{
        need::Needs,
        outcome::FaultClass,
        table::{Schema, TableName},
    },
    sql::{
        Statement, StatementBytes,
        ident::{Dialect, TSQL},
    },
};

mod bind;
mod catalog;
mod cell;
mod connect;
mod grants;
mod kind;
mod ladder;
mod question;
mod refused;
mod remarks;
mod settle;

/// How the product is called in error codes and log lines.
const PRODUCT: &str = "SQL Server";
/// Bytes of values in one statement at most: texts are twice as long on their way, and the server takes a message of 65,536
/// packets of 4,096 bytes.
const STATEMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of values that a statement of many rows has: beyond it nothing is won, and its locks are held longer.
const STATEMENT_BYTES_BEST: usize = 1024 * 1024;
/// How many transactions are open: where one was begun within ours, COMMIT would end that one alone.
const OPEN: &str = "SELECT @@TRANCOUNT";
/// What the last answer of a writing statement calls the rows that it matched.
const MATCHED: &str = "matched";
/// Where it does so in its text.
const TELLS_MATCHED: &str = " AS matched";

/// A connection to SQL Server.
pub(super) struct SqlServer {
    client: Client<Compat<TcpStream>>,
    facts: settle::Facts,
    /// How the connection is encrypted.
    cover: ladder::Cover,
    /// `host:port` or `host\instance`, for messages.
    address: String,
    /// Schema of tables that are named without one, where the configuration says it.
    schema: Option<String>,
    statement_time: Duration,
    timezone: chrono_tz::Tz,
    /// False from the moment a call is begun to its answer, and for good once the connection is lost. A caller that drops
    /// a call's future leaves it false, and so the half-read connection unused.
    usable: bool,
    open: Open,
}

/// The session's transaction.
enum Open {
    No,
    Yes,
    /// An error has ended it (`XACT_ABORT`): what came now would be kept at once, row by row.
    Broken(HisError),
}

impl SqlServer {
    /// Connects, logs in and sets the session up, all within `connect_time`.
    pub(super) async fn connect(database: &Database, place: &Place) -> Result<Box<dyn Session>, HisError> {
        let limit = database.connect_time;
        let session = timeout(limit, Box::pin(connect::open(database, place)))
            .await
            .unwrap_or_else(|_| Err(refused::silent(place, limit)))?;
        Ok(Box::new(session))
    }

    /// Runs SQL; gives the rows of each of its answers. Without values it is a batch, with values a call of
    /// `sp_executesql`, whose texts the server remembers.
    async fn run(&mut self, sql: &str, values: Vec<ColumnData<'_>>) -> Result<Vec<Vec<Row>>, HisError> {
        if !self.usable {
            return Err(self.lost("it was lost before"));
        }
        self.usable = false;
        let client = &mut self.client;
        let work = async {
            let answers = if values.is_empty() {
                client.simple_query(sql).await?
            } else {
                let mut query = Query::new(sql);
                query.bind_iter(values.into_iter().map(bind::Bound));
                query.query(client).await?
            };
            answers.into_results().await
        };
        let answer = timeout(self.statement_time, work).await;
        self.leave(answer)
    }

    fn leave<T>(&mut self, answer: Result<tiberius::Result<T>, Elapsed>) -> Result<T, HisError> {
        let error = match answer {
            Ok(Ok(value)) => {
                self.usable = true;
                return Ok(value);
            }
            Err(_) => {
                let (address, limit) = (&self.address, self.statement_time.as_secs_f32());
                let message = format!("no answer from the HIS database at {address} within {limit} s");
                return Err(HisError::plain(FaultClass::Unreachable, "sqlserver-timeout", message));
            }
            Ok(Err(tiberius::error::Error::Server(error))) => {
                // It comes with the answer's end: nothing is left on the way.
                let error = said(&error);
                self.usable = error.class != FaultClass::Unreachable;
                error
            }
            // A value that could not be read. The rest of the answer is thrown away before the next call.
            Ok(Err(
                error @ (tiberius::error::Error::Encoding(_)
                | tiberius::error::Error::Conversion(_)
                | tiberius::error::Error::Utf8
                | tiberius::error::Error::Utf16
                | tiberius::error::Error::ParseInt(_)),
            )) => {
                self.usable = true;
                unread(&error)
            }
            Ok(Err(error)) => self.lost(&driver_words(&error)),
        };
        if matches!(self.open, Open::Yes) {
            self.open = Open::Broken(HisError::again(&error));
        }
        Err(error)
    }

    fn lost(&self, why: &str) -> HisError {
        let message = format!("the connection to the HIS database at {} was lost: {why}", self.address);
        HisError::plain(FaultClass::Unreachable, "sqlserver-lost", message)
    }

    /// Runs SQL that has no values.
    async fn say(&mut self, sql: &str) -> Result<(), HisError> {
        self.run(sql, Vec::new()).await.map(drop)
    }

    async fn start(&mut self) -> Result<(), HisError> {
        if !matches!(self.open, Open::No) {
            self.undo().await?;
        }
        self.say("BEGIN TRANSACTION").await?;
        self.open = Open::Yes;
        Ok(())
    }

    async fn undo(&mut self) -> Result<(), HisError> {
        self.open = Open::No;
        // An error has often done it already.
        match self.say("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await {
            // The transaction may be open still, and its end is the connection's.
            Err(error) if error.class != FaultClass::Unreachable => {
                self.usable = false;
                Err(self.lost(&format!("it was given up, because a ROLLBACK failed ({})", error.code)))
            }
            answer => answer,
        }
    }

    async fn keep(&mut self) -> Result<(), HisError> {
        self.whole()?;
        if !self.usable {
            // COMMIT is not even sent: nothing is unknown.
            return Err(self.lost("it was lost before"));
        }
        // By itself, so that an error of this question is no word about the COMMIT.
        let open = self.ask(OPEN, &[]).await?.into_iter().flatten().flatten().next();
        if open.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 1) {
            return Err(still_open());
        }
        match self.say("COMMIT TRANSACTION").await {
            Ok(()) => {
                self.open = Open::No;
                Ok(())
            }
            // What is no word of the server's is no word about the transaction.
            Err(error) if error.class == FaultClass::Unreachable || error.code == UNREAD => {
                Err(error.of_commit())
            }
            Err(error) => Err(error),
        }
    }

    /// Fails where an error has ended the transaction.
    fn whole(&self) -> Result<(), HisError> {
        if let Open::Broken(error) = &self.open { Err(HisError::again(error)) } else { Ok(()) }
    }

    async fn call(&mut self, statement: &Statement<'_>) -> Result<Vec<Vec<Row>>, HisError> {
        self.whole()?;
        let values = bind::values(&statement.params, self.timezone);
        self.run(&statement.sql, values).await
    }

    /// What the last answer says that it matched: the HIS's triggers may have answered before it. Statements of the
    /// configuration's own say nothing; of any other it is the sign that all of it was run.
    async fn write(&mut self, statement: &Statement<'_>) -> Result<u64, HisError> {
        let answer = self.call(statement).await?;
        let row = answer.last().and_then(|rows| rows.last());
        let is_count = |row: &&Row| matches!(row.columns(), [only] if only.name() == MATCHED);
        let count = row.filter(is_count).and_then(|row| cell::texts(row).into_iter().next().flatten());
        match count.and_then(|count| count.parse().ok()) {
            Some(count) => Ok(count),
            None if statement.sql.contains(TELLS_MATCHED) => {
                self.usable = false;
                Err(self.lost("the server ended a statement without saying what it did"))
            }
            None => Ok(0),
        }
    }

    async fn read(&mut self, statement: &Statement<'_>) -> Result<Vec<Vec<Option<String>>>, HisError> {
        Ok(last(self.call(statement).await?))
    }

    async fn insert_rows(&mut self, statement: &Statement<'_>) -> Result<Vec<String>, HisError> {
        let made: Option<Vec<String>> = last(self.call(statement).await?)
            .into_iter()
            .map(|row| row.into_iter().next().flatten())
            .collect();
        // NULL: no column counts, or an INSTEAD OF trigger inserted the row elsewhere.
        made.filter(|keys| !keys.is_empty()).ok_or_else(HisError::no_key)
    }
}

impl Session for SqlServer {
    fn dialect(&self) -> &'static Dialect {
        &TSQL
    }

    fn server(&self) -> String {
        self.facts.product()
    }

    fn statement_bytes(&self) -> StatementBytes {
        StatementBytes { max: STATEMENT_BYTES_MAX, best: STATEMENT_BYTES_BEST }
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
        grants::statements(needs, &self.facts)
    }

    fn set_lock_time(&mut self, time: Duration) -> SessionFuture<'_, ()> {
        Box::pin(settle::set_lock_time(self, time))
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
        Box::pin(self.say("SELECT 1"))
    }
}

/// The code of [`unread`].
const UNREAD: &str = "sqlserver-driver";

/// The rows of the last answer, as texts.
fn last(answers: Vec<Vec<Row>>) -> Vec<Vec<Option<String>>> {
    answers.into_iter().next_back().unwrap_or_default().iter().map(cell::texts).collect()
}

/// What the server said of a statement.
fn said(error: &TokenError) -> HisError {
    let (number, words) = (error.code(), error.message().to_owned());
    let class = faults::sqlserver::class(number, error.class(), &words);
    HisError::server(class, PRODUCT, number.into(), words, faults::sqlserver::is_duplicate(number))
}

/// That a COMMIT has kept nothing, because it was another transaction's.
fn still_open() -> HisError {
    HisError::plain(
        FaultClass::Config,
        "sqlserver-open",
        "a statement of the mapping, or a procedure or trigger of the HIS, has begun a transaction of its own and not ended it \
         (BEGIN TRANSACTION without COMMIT): nothing was kept",
    )
}

/// A value that the driver could not read.
fn unread(error: &tiberius::error::Error) -> HisError {
    HisError::plain(FaultClass::Unrecognised, UNREAD, format!("the SQL Server driver failed: {error}"))
}

/// What went wrong between the daemon and the server, in words for people.
fn driver_words(error: &tiberius::error::Error) -> String {
    match error {
        tiberius::error::Error::Io { kind: std::io::ErrorKind::UnexpectedEof, .. } => {
            "the server closed it".to_owned()
        }
        tiberius::error::Error::Io { message, .. } => message.clone(),
        tiberius::error::Error::Tls(words) => words.clone(),
        tiberius::error::Error::Protocol(words) => words.to_string(),
        other => other.to_string(),
    }
}
