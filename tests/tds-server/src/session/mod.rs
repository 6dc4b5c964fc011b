//! Owns one client's session: its options, its transaction, its variables, and the running of statements one by one;
//! never touches the socket.

mod ddl;
mod dml;
mod exec;
mod fault;
mod keys;
mod merge;
mod output;
pub(crate) mod procedure;
mod rows;
mod run;
mod select;
pub(crate) mod table;
mod transaction;
mod update;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::catalog::{self, Catalog, Table};
use crate::collation;
use crate::compile::{Compiled, Compiler, Env, Facts};
use crate::convert::Ctx;
use crate::database::Database;
use crate::datetime::DateOrder;
use crate::error::{Halt, Run, SqlError, err};
use crate::functions::{self, Scope, Shared};
use crate::server::{Account, Server};
use crate::sql::ast::Expr;
use crate::token::Reply;
use crate::types::SqlType;

/// How a session is stopped from outside.
#[derive(Default)]
pub(crate) struct Cancel {
    pub(crate) attention: AtomicBool,
    pub(crate) killed: AtomicBool,
    pub(crate) interrupt: Mutex<Option<rusqlite::InterruptHandle>>,
    /// Wakes the task that reads the socket.
    pub(crate) wake: tokio::sync::Notify,
}

impl Cancel {
    pub(crate) fn stopped(&self) -> bool {
        self.attention.load(Ordering::SeqCst) || self.killed.load(Ordering::SeqCst)
    }

    /// Interrupts whatever SQLite does for the session.
    pub(crate) fn interrupt(&self) {
        if let Some(handle) = &*self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        self.interrupt();
        self.wake.notify_one();
    }
}

/// SET options.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) xact_abort: bool,
    pub(crate) nocount: bool,
    /// Milliseconds; -1 waits for ever.
    pub(crate) lock_timeout: i64,
    pub(crate) isolation: String,
    pub(crate) order: DateOrder,
    pub(crate) date_first: i64,
    pub(crate) language: String,
    pub(crate) switches: HashMap<String, bool>,
}

impl Default for Options {
    fn default() -> Self {
        let on =
            ["ANSI_NULLS", "ANSI_WARNINGS", "ANSI_PADDING", "QUOTED_IDENTIFIER", "CONCAT_NULL_YIELDS_NULL"];
        let mut switches: HashMap<String, bool> = on.iter().map(|s| ((*s).to_owned(), true)).collect();
        // Off for a client that has not asked for it, as ODBC and TDS libraries do; ARITHABORT too.
        switches.insert("ARITHABORT".into(), false);
        switches.insert("NUMERIC_ROUNDABORT".into(), false);
        Self {
            xact_abort: false,
            nocount: false,
            lock_timeout: -1,
            isolation: "READ COMMITTED".into(),
            order: DateOrder::Mdy,
            date_first: 7,
            language: "us_english".into(),
            switches,
        }
    }
}

/// The variables of a batch, a procedure or a trigger.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) variables: HashMap<String, (SqlType, Value)>,
    pub(crate) status: i64,
}

/// A client's session.
pub(crate) struct Session {
    pub(crate) server: Arc<Server>,
    pub(crate) spid: i64,
    pub(crate) account: Account,
    pub(crate) database: Arc<Database>,
    pub(crate) db: Connection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) options: Options,
    pub(crate) trancount: i64,
    pub(crate) descriptor: u64,
    /// SQLite has a transaction open, and the session holds the write lock.
    pub(crate) writing: bool,
    /// An error under XACT_ABORT was caught: the transaction can only be rolled back.
    pub(crate) doomed: bool,
    pub(crate) rowcount: i64,
    pub(crate) error: i64,
    pub(crate) identity: Option<i64>,
    pub(crate) scope_identity: Option<i64>,
    pub(crate) identity_insert: Option<i64>,
    pub(crate) caught: Option<SqlError>,
    pub(crate) nest: i64,
    pub(crate) tries: u32,
    /// Triggers that are running, by id: none fires itself.
    pub(crate) firing: Vec<i64>,
    pub(crate) temporary: HashMap<String, Arc<Table>>,
    pub(crate) next_temporary: u64,
    pub(crate) prepared: HashMap<i32, (Vec<crate::sql::ast::Param>, String)>,
    pub(crate) reply: Reply,
    pub(crate) cancel: Arc<Cancel>,
    pub(crate) host: String,
    pub(crate) app: String,
}

/// What a compilation gives besides its result.
pub(crate) struct Made<T> {
    pub(crate) result: T,
    pub(crate) params: Vec<Value>,
    pub(crate) locks: bool,
}

impl Session {
    /// A session in a database.
    pub(crate) fn new(
        server: Arc<Server>,
        spid: i64,
        account: Account,
        database: Arc<Database>,
        cancel: Arc<Cancel>,
        names: (String, String),
    ) -> rusqlite::Result<Self> {
        let db = database.open()?;
        let catalog = Arc::new(catalog::load(&db)?);
        let page = collation::code_page(&server.collation);
        let shared = Shared::new(Scope {
            ctx: Ctx { order: DateOrder::Mdy, page, strict: false },
            catalog: Arc::clone(&catalog),
            facts: Facts::default(),
            database: Arc::clone(&database),
            limited: account.limited,
            host: names.0.clone(),
            app: names.1.clone(),
        });
        functions::register(&db, &shared)?;
        catalog::system::create_temporary(&db)?;
        *cancel.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(db.get_interrupt_handle());
        let reply = Reply::new(&server.name, &server.collation);
        Ok(Self {
            server,
            spid,
            account,
            database,
            db,
            shared,
            catalog,
            options: Options::default(),
            trancount: 0,
            descriptor: 0,
            writing: false,
            doomed: false,
            rowcount: 0,
            error: 0,
            identity: None,
            scope_identity: None,
            identity_insert: None,
            caught: None,
            nest: 0,
            tries: 0,
            firing: Vec::new(),
            temporary: HashMap::new(),
            next_temporary: 0,
            prepared: HashMap::new(),
            reply,
            cancel,
            host: names.0,
            app: names.1,
        })
    }

    /// The state as functions and `@@` variables show it.
    fn facts(&self) -> Facts {
        let server = &self.server;
        let switch = |name: &str| self.options.switches.get(name).copied().unwrap_or(false);
        let bit = |name: &str, bit: i64| if switch(name) { bit } else { 0 };
        Facts {
            database: self.database.name.clone(),
            databases: server.databases.iter().map(|d| d.name.clone()).collect(),
            schema: self.account.schema.clone(),
            login: self.account.name.clone(),
            user: if self.account.limited { self.account.name.clone() } else { "dbo".into() },
            collation: server.collation.clone(),
            server: server.name.clone(),
            instance: server.instance.clone(),
            banner: server.version.banner(),
            product: server.version.product(),
            major: server.version.major(),
            spid: self.spid,
            rowcount: self.rowcount,
            trancount: self.trancount,
            doomed: self.doomed,
            error: self.error,
            identity: self.identity,
            scope_identity: self.scope_identity,
            lock_timeout: self.options.lock_timeout,
            nest: self.nest,
            options: bit("ANSI_WARNINGS", 8)
                | bit("ANSI_PADDING", 16)
                | bit("ANSI_NULLS", 32)
                | bit("ARITHABORT", 64)
                | bit("QUOTED_IDENTIFIER", 256)
                | if self.options.nocount { 512 } else { 0 }
                | bit("CONCAT_NULL_YIELDS_NULL", 4096)
                | bit("NUMERIC_ROUNDABORT", 8192)
                | if self.options.xact_abort { 16_384 } else { 0 },
            language: self.options.language.clone(),
            date_first: self.options.date_first,
            quoted: switch("QUOTED_IDENTIFIER"),
            caught: self.caught.clone(),
            read_only: self.database.settings().read_only,
            sysadmin: self.account.sysadmin,
        }
    }

    pub(crate) fn ctx(&self, strict: bool) -> Ctx {
        Ctx { order: self.options.order, page: collation::code_page(&self.server.collation), strict }
    }

    /// Brings the catalog and the functions' state up to now.
    pub(crate) fn refresh(&mut self) -> Run<()> {
        let version = catalog::version(&self.db).map_err(|e| self.sqlite_error(&e))?;
        if version != self.catalog.version {
            self.catalog = Arc::new(catalog::load(&self.db).map_err(|e| self.sqlite_error(&e))?);
        }
        let (facts, ctx, catalog) = (self.facts(), self.ctx(false), Arc::clone(&self.catalog));
        let database = Arc::clone(&self.database);
        self.shared.with(|scope| {
            scope.facts = facts;
            scope.ctx = ctx;
            scope.catalog = catalog;
            scope.database = database;
        });
        Ok(())
    }

    /// Translates with the session's names and variables.
    pub(crate) fn compile<T>(
        &mut self,
        frame: &Frame,
        work: impl FnOnce(&mut Compiler<'_>) -> Compiled<T>,
    ) -> Run<Made<T>> {
        self.refresh()?;
        let facts = self.facts();
        let shared = Arc::clone(&self.shared);
        let may = move |permission: &str, id: i64| shared.with(|scope| functions::may(scope, permission, id));
        let catalog = Arc::clone(&self.catalog);
        let env = Env {
            catalog: &catalog,
            variables: &frame.variables,
            temporary: &self.temporary,
            facts: &facts,
            may: &may,
            limited: self.account.limited,
        };
        let mut compiler = Compiler::new(&env);
        let result = work(&mut compiler)?;
        let (params, locks, scans) = (compiler.params, compiler.locks, compiler.scans);
        if scans {
            self.server.note_scan(self.spid);
        }
        Ok(Made { result, params, locks })
    }

    /// Rows of SQLite.
    pub(crate) fn fetch(&self, sql: &str, params: &[Value]) -> Run<Vec<Vec<Value>>> {
        let read = || -> rusqlite::Result<Vec<Vec<Value>>> {
            let mut statement = self.db.prepare_cached(sql)?;
            let width = statement.column_count();
            let needed = statement.parameter_count();
            let mut rows = statement.query(params_from_iter(params.iter().take(needed)))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push((0..width).map(|i| row.get(i)).collect::<rusqlite::Result<_>>()?);
            }
            Ok(all)
        };
        read().map_err(|e| self.sqlite_halt(&e))
    }

    /// A statement of SQLite without rows.
    pub(crate) fn execute(&self, sql: &str, params: &[Value]) -> Run<usize> {
        let run = || self.db.prepare_cached(sql)?.execute(params_from_iter(params));
        run().map_err(|e| self.sqlite_halt(&e))
    }

    pub(crate) fn sqlite_halt(&self, error: &rusqlite::Error) -> Halt {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
            && self.cancel.stopped()
        {
            self.shared.take_error();
            return if self.cancel.killed.load(Ordering::SeqCst) {
                Halt::Disconnect
            } else {
                Halt::Attention
            };
        }
        Halt::Error(self.sqlite_error(error))
    }

    /// The function's own error, or SQLite's as an error of the server.
    pub(crate) fn sqlite_error(&self, error: &rusqlite::Error) -> SqlError {
        if let Some(error) = self.shared.take_error() {
            return error;
        }
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            let message = format!(
                "Could not allocate space for object in database '{}' because the 'PRIMARY' filegroup is full. Create disk space by deleting unneeded files, dropping objects in the filegroup, adding additional files to the filegroup, or setting autogrowth on for existing files in the filegroup.",
                self.database.name
            );
            return crate::error::err_class(1105, 17, 2, message);
        }
        err(8624, format!("Internal Query Processor Error: tds-server could not run this on SQLite: {error}"))
    }

    /// One value.
    pub(crate) fn eval(&mut self, frame: &Frame, expr: &Expr) -> Run<(Value, SqlType)> {
        let made = self.compile(frame, |c| c.value(expr))?;
        let ty = made.result.ty;
        let rows = self.fetch(&format!("SELECT {}", made.result.sql), &made.params)?;
        let value = rows.into_iter().next().and_then(|r| r.into_iter().next()).unwrap_or(Value::Null);
        Ok((value, ty))
    }

    /// Whether a condition holds; unknown does not.
    pub(crate) fn holds(&mut self, frame: &Frame, condition: &Expr) -> Run<bool> {
        let made = self.compile(frame, |c| c.condition(condition))?;
        if made.locks {
            self.lock()?;
        }
        let rows = self.fetch(&format!("SELECT {}", made.result), &made.params)?;
        self.unlock_if_idle();
        Ok(rows.first().and_then(|r| r.first()).is_some_and(|v| matches!(v, Value::Integer(n) if *n != 0)))
    }

    /// A value converted to a variable's type: texts are cut without a word.
    pub(crate) fn to_variable(&self, value: Value, from: SqlType, to: SqlType) -> Run<Value> {
        crate::compile::assignable(from, to)?;
        Ok(crate::convert::convert(value, from, to, 0, self.ctx(false))?)
    }

    pub(crate) fn set_variable(&self, frame: &mut Frame, name: &str, value: Value, from: SqlType) -> Run<()> {
        let Some((ty, _)) = frame.variables.get(name) else {
            return Err(crate::error::no_variable(name).into());
        };
        let ty = *ty;
        let value = self.to_variable(value, from, ty)?;
        frame.variables.insert(name.to_owned(), (ty, value));
        Ok(())
    }
}
