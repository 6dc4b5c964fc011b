//! Owns the dispatch of statements to what carries them out, and those that are too small for a file of their own.

use std::time::Duration;

use rusqlite::types::Value;

use crate::convert::text_of;
use crate::datetime::{DateOrder, Moment};
use crate::error::{Run, err, err_class};
use crate::session::run::Flow;
use crate::session::{Frame, Session};
use crate::sql::ast::{Expr, Stmt, StmtKind};
use crate::types::SqlType;

/// The codes of statements in DONE.
pub(crate) const SELECT: u16 = 0xc1;
pub(crate) const INSERT: u16 = 0xc3;
pub(crate) const DELETE: u16 = 0xc4;
pub(crate) const UPDATE: u16 = 0xc5;
pub(crate) const MERGE: u16 = 0x117;
const BEGIN: u16 = 0xd4;
const COMMIT: u16 = 0xd5;
const ROLLBACK: u16 = 0xd2;
const SET: u16 = 0xbe;
const DEFINE: u16 = 0xc6;

impl Session {
    /// Runs a statement.
    pub(crate) fn dispatch(&mut self, statement: &Stmt, frame: &mut Frame) -> Run<Flow> {
        match &statement.kind {
            StmtKind::If(condition, then, other) => {
                if self.holds(frame, condition)? {
                    return self.statement(then, frame);
                }
                match other {
                    Some(other) => self.statement(other, frame),
                    None => Ok(Flow::Next),
                }
            }
            StmtKind::While(condition, body) => {
                while self.holds(frame, condition)? {
                    match self.statement(body, frame)? {
                        Flow::Break => break,
                        flow @ (Flow::Return | Flow::Over) => return Ok(flow),
                        Flow::Next | Flow::Continue => {}
                    }
                    self.check_stopped()?;
                }
                Ok(Flow::Next)
            }
            StmtKind::Block(body) => self.run(body, frame),
            StmtKind::Try(body, handler) => self.try_block(body, handler, frame),
            StmtKind::Break => Ok(Flow::Break),
            StmtKind::Continue => Ok(Flow::Continue),
            StmtKind::Return(value) => {
                if let Some(value) = value {
                    frame.status = text_of(&self.eval(frame, value)?.0).parse().unwrap_or(0);
                }
                Ok(Flow::Return)
            }
            StmtKind::Exec(exec) => self.exec(exec, frame),
            _ => {
                self.simple(statement, frame)?;
                Ok(Flow::Next)
            }
        }
    }

    /// Statements that lead to the next one.
    fn simple(&mut self, statement: &Stmt, frame: &mut Frame) -> Run<()> {
        match &statement.kind {
            StmtKind::Declare(list) => {
                for (name, ty, value) in list {
                    let start = match value {
                        Some(value) => {
                            let (value, from) = self.eval(frame, value)?;
                            self.to_variable(value, from, *ty)?
                        }
                        None => Value::Null,
                    };
                    frame.variables.insert(name.clone(), (*ty, start));
                }
                Ok(())
            }
            StmtKind::SetVar(name, value) => {
                let (value, from) = self.eval(frame, value)?;
                self.rowcount = 1;
                self.set_variable(frame, name, value, from)
            }
            StmtKind::SetOption(options) => {
                for (name, value) in options {
                    self.set_option(frame, name, value)?;
                }
                self.done(SET, None);
                Ok(())
            }
            StmtKind::Print(value) => self.print(frame, value),
            StmtKind::RaiseError(args, _) => self.raise(frame, args),
            StmtKind::Throw(args) => self.throw(frame, args.as_ref()),
            StmtKind::Wait(time) => self.wait(frame, time),
            StmtKind::Begin(_) => {
                self.begin();
                self.rowcount = 0;
                self.done(BEGIN, None);
                Ok(())
            }
            StmtKind::Commit => {
                self.commit()?;
                self.rowcount = 0;
                self.done(COMMIT, None);
                Ok(())
            }
            StmtKind::Rollback(name) => {
                self.rollback(name.as_deref())?;
                self.rowcount = 0;
                self.done(ROLLBACK, None);
                Ok(())
            }
            StmtKind::Save(name) => self.save(name),
            StmtKind::Select(query) => self.select(query, frame),
            StmtKind::Insert(insert) => self.insert(insert, frame),
            StmtKind::Update(update) => self.update(update, frame),
            StmtKind::Delete(delete) => self.delete(delete, frame),
            StmtKind::Merge(merge) => self.merge(merge, frame),
            StmtKind::Use(name) => self.use_database(name),
            StmtKind::Kill(spid) => self.kill(*spid),
            StmtKind::Nothing => Ok(()),
            _ => {
                self.define(statement, frame)?;
                self.done(DEFINE, None);
                Ok(())
            }
        }
    }

    /// DONE, with a count unless NOCOUNT is ON.
    pub(crate) fn done(&mut self, command: u16, count: Option<u64>) {
        let in_proc = self.reply.in_proc;
        // Within procedures and triggers NOCOUNT keeps the whole token back, but for results.
        if self.options.nocount && (in_proc || self.nest > 0) && command != SELECT {
            return;
        }
        self.reply.in_proc = in_proc || self.nest > 0;
        let count = if self.options.nocount { None } else { count };
        self.reply.done(command, count, false, self.trancount > 0);
        self.reply.in_proc = in_proc;
    }

    fn set_option(&mut self, frame: &Frame, name: &str, value: &str) -> Run<()> {
        let on = value == "ON";
        match name {
            "XACT_ABORT" => self.options.xact_abort = on,
            "NOCOUNT" => self.options.nocount = on,
            "LOCK_TIMEOUT" => {
                let text = match frame.variables.get(value) {
                    Some((_, v)) => text_of(v),
                    None => value.to_owned(),
                };
                self.options.lock_timeout = text.parse().map_err(|_| crate::error::syntax(value))?;
            }
            "DEADLOCK_PRIORITY" => {
                let known = ["LOW", "NORMAL", "HIGH"].contains(&value.to_uppercase().as_str());
                let number = value.parse::<i64>().is_ok_and(|n| (-10..=10).contains(&n));
                if !known && !number && !value.starts_with('@') {
                    return Err(crate::error::syntax(value).into());
                }
            }
            "DATEFORMAT" => {
                self.options.order = match value.to_lowercase().as_str() {
                    "mdy" => DateOrder::Mdy,
                    "dmy" => DateOrder::Dmy,
                    "ymd" | "ydm" | "myd" | "dym" => DateOrder::Ymd,
                    _ => {
                        return Err(err_class(
                            2741,
                            16,
                            1,
                            format!("SET DATEFORMAT date order '{value}' is invalid."),
                        )
                        .into());
                    }
                };
            }
            "LANGUAGE" => {
                let lower = value.to_lowercase();
                self.options.order = match lower.as_str() {
                    "us_english" | "english" => DateOrder::Mdy,
                    "british" | "british english" | "german" | "deutsch" | "french" | "français" | "italian" | "italiano"
                    | "spanish" | "español" | "dutch" | "nederlands" => DateOrder::Dmy,
                    _ => return Err(err_class(2743, 16, 1, format!("'{value}' is not an official language name or a language alias on this SQL Server.")).into()),
                };
                let old = std::mem::replace(&mut self.options.language, value.to_owned());
                self.reply.change_text(2, value, &old);
            }
            "DATEFIRST" => self.options.date_first = value.parse().unwrap_or(7),
            "ISOLATION" => {
                if value == "SNAPSHOT" && !self.database.settings().snapshot && self.trancount > 0 {
                    return Err(err(3952, format!("Snapshot isolation transaction failed accessing database '{}' because snapshot isolation is not allowed in this database. Use ALTER DATABASE to allow snapshot isolation.", self.database.name)).into());
                }
                value.clone_into(&mut self.options.isolation);
            }
            "ANSI_DEFAULTS" => {
                for name in ["ANSI_NULLS", "ANSI_WARNINGS", "ANSI_PADDING", "QUOTED_IDENTIFIER"] {
                    self.options.switches.insert(name.into(), on);
                }
            }
            "IMPLICIT_TRANSACTIONS" if on => {
                return Err(err(50_000, "tds-server: IMPLICIT_TRANSACTIONS ON is not kept here").into());
            }
            _ => {
                self.options.switches.insert(name.to_owned(), on);
            }
        }
        Ok(())
    }

    fn wait(&mut self, frame: &Frame, time: &Expr) -> Run<()> {
        let (value, from) = self.eval(frame, time)?;
        let canonical = crate::convert::convert(value, from, SqlType::Time(7), 0, self.ctx(false))
            .map_err(|_| err_class(148, 15, 1, "Incorrect time syntax in time string used with WAITFOR."))?;
        let ticks = Moment::from_canonical(&text_of(&canonical)).map_or(0, |m| m.ticks);
        self.pause(Duration::from_micros((ticks / 10).unsigned_abs()))
    }

    fn use_database(&mut self, name: &str) -> Run<()> {
        let Some(database) = self.server.database(name) else {
            return Err(err(
                911,
                format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
            )
            .into());
        };
        if self.trancount > 0 {
            return Err(err(226, "USE statement not allowed within multi-statement transaction.").into());
        }
        let old = self.database.name.clone();
        self.switch_database(database)?;
        let new = self.database.name.clone();
        self.reply.change_text(1, &new, &old);
        self.reply.message(&err_class(5701, 0, 2, format!("Changed database context to '{new}'.")));
        Ok(())
    }

    pub(crate) fn switch_database(&mut self, database: std::sync::Arc<crate::database::Database>) -> Run<()> {
        let db = database.open().map_err(|e| self.sqlite_error(&e))?;
        crate::functions::register(&db, &self.shared).map_err(|e| self.sqlite_error(&e))?;
        crate::catalog::system::create_temporary(&db).map_err(|e| self.sqlite_error(&e))?;
        *self.cancel.interrupt.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(db.get_interrupt_handle());
        self.catalog = std::sync::Arc::new(crate::catalog::load(&db).map_err(|e| self.sqlite_error(&e))?);
        self.db = db;
        self.database = database;
        Ok(())
    }
}
