//! Owns the running of batches: one statement after the other, what an error does to the rest, TRY and CATCH.

use std::time::{Duration, Instant};

use rusqlite::types::Value;

use crate::error::{Halt, Run, SqlError, dooms_the_batch, ends_the_batch, err, err_class};
use crate::session::{Frame, Session};
use crate::sql::ast::{Stmt, StmtKind};
use crate::sql::parser;

/// Where a statement leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Return,
    Break,
    Continue,
    /// The batch is over; its error has been told.
    Over,
}

impl Session {
    /// A SQL batch; its reply lies in `self.reply`.
    pub(crate) fn batch(&mut self, text: &str) -> Run<()> {
        self.reply.in_proc = false;
        let mut frame = Frame::default();
        let failed = self.text(text, &mut frame)?;
        self.temporary.clear();
        self.reply.end_batch(failed);
        Ok(())
    }

    /// Parses and runs a text; true where it did not parse or was ended by an error.
    pub(crate) fn text(&mut self, text: &str, frame: &mut Frame) -> Run<bool> {
        let quoted = self.options.switches.get("QUOTED_IDENTIFIER").copied().unwrap_or(true);
        let known: Vec<String> = frame.variables.keys().cloned().collect();
        let statements = match parser::batch(text, quoted, &known, self.server.version.major()) {
            Ok(statements) => statements,
            Err(error) => {
                if self.tries > 0 {
                    return Err(error.into());
                }
                self.error = i64::from(error.number);
                self.reply.message(&error.at(1));
                self.reply.done(0, None, true, self.trancount > 0);
                return Ok(true);
            }
        };
        // What no compilation can know is checked for the whole batch before its first statement runs.
        Ok(self.run(&statements, frame)? == Flow::Over)
    }

    pub(crate) fn run(&mut self, statements: &[Stmt], frame: &mut Frame) -> Run<Flow> {
        for statement in statements {
            let flow = self.statement(statement, frame)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// One statement, its faults, and what its error means.
    pub(crate) fn statement(&mut self, statement: &Stmt, frame: &mut Frame) -> Run<Flow> {
        self.check_stopped()?;
        let steers = matches!(
            statement.kind,
            StmtKind::If(..) | StmtKind::While(..) | StmtKind::Block(_) | StmtKind::Try(..)
        );
        let fault = if steers {
            Ok(())
        } else {
            self.server.begin_statement(self.spid, &statement.text);
            self.statement_fault(statement)
        };
        match fault.and_then(|()| self.dispatch(statement, frame)) {
            Ok(flow) => {
                if !steers
                    && !matches!(
                        statement.kind,
                        StmtKind::RaiseError(..) | StmtKind::Exec(_) | StmtKind::Declare(_)
                    )
                {
                    self.error = 0;
                }
                Ok(flow)
            }
            Err(Halt::Error(error)) => self.failed(statement, error),
            Err(halt) => Err(halt),
        }
    }

    /// What an error does: it goes to a CATCH, it ends the statement, the batch, the transaction.
    fn failed(&mut self, statement: &Stmt, error: SqlError) -> Run<Flow> {
        let error = error.at(statement.line);
        self.error = i64::from(error.number);
        if !matches!(statement.kind, StmtKind::RaiseError(..)) {
            self.rowcount = 0;
        }
        let raised = matches!(statement.kind, StmtKind::RaiseError(..));
        // RAISERROR lets a trigger go on; any other error in one undoes the statement that fired it.
        let in_trigger = !self.firing.is_empty() && !raised;
        if self.tries > 0 && error.class < 20 || in_trigger {
            return Err(error.into());
        }
        self.reply.message(&error);
        let aborts = self.options.xact_abort && !raised && !ends_the_batch(&error);
        let dooms = aborts || dooms_the_batch(&error) || (error.number == 208 && self.options.xact_abort);
        let throws = matches!(statement.kind, StmtKind::Throw(_));
        if dooms && self.trancount > 0 {
            self.roll_back()?;
        } else if matches!(error.number, 515 | 547 | 2601 | 2627 | 8152 | 2628 | 8115 | 220 | 334 | 8672)
            && !raised
        {
            let line = statement.line;
            self.reply.message(&err_class(3621, 0, 0, "The statement has been terminated.").at(line));
        }
        self.reply.done(0, None, true, self.trancount > 0);
        if error.class >= 20 {
            return Err(Halt::Disconnect);
        }
        if dooms || throws || ends_the_batch(&error) { Ok(Flow::Over) } else { Ok(Flow::Next) }
    }

    /// An attention or a KILL, between two statements or while something is waited for.
    pub(crate) fn check_stopped(&self) -> Run<()> {
        if self.cancel.killed.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Halt::Disconnect);
        }
        if self.cancel.attention.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Halt::Attention);
        }
        Ok(())
    }

    /// Waits, but hears an attention.
    pub(crate) fn pause(&self, time: Duration) -> Run<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.check_stopped()?;
            std::thread::sleep(end.saturating_duration_since(Instant::now()).min(Duration::from_millis(10)));
        }
        Ok(())
    }

    pub(crate) fn try_block(&mut self, body: &[Stmt], handler: &[Stmt], frame: &mut Frame) -> Run<Flow> {
        self.tries += 1;
        let outcome = self.run(body, frame);
        self.tries -= 1;
        let error = match outcome {
            Ok(flow) => return Ok(flow),
            Err(Halt::Error(error)) => error,
            Err(halt) => return Err(halt),
        };
        if (self.options.xact_abort || dooms_the_batch(&error)) && self.trancount > 0 {
            self.doomed = true;
        }
        let before = self.caught.replace(error);
        let flow = self.run(handler, frame);
        self.caught = before;
        flow
    }

    pub(crate) fn print(&mut self, frame: &Frame, expr: &crate::sql::ast::Expr) -> Run<()> {
        let (value, from) = self.eval(frame, expr)?;
        let text = crate::convert::print(&value, from, 0);
        self.reply.message(&SqlError { class: 0, ..err_class(0, 0, 1, text) });
        Ok(())
    }

    /// RAISERROR(message, severity, state, arguments...).
    pub(crate) fn raise(&mut self, frame: &Frame, args: &[crate::sql::ast::Expr]) -> Run<()> {
        let mut values = Vec::new();
        for arg in args {
            values.push(self.eval(frame, arg)?.0);
        }
        let number = |v: &Value| crate::convert::text_of(v).parse::<i64>().unwrap_or(0);
        let (class, state) = (number(&values[1]).clamp(0, 25) as u8, number(&values[2]).clamp(1, 255) as u8);
        let (code, message) = match &values[0] {
            Value::Integer(n) => (
                *n as i32,
                format!(
                    "Error {n}, severity {class}, state {state} was raised, but no message with that error number was found in sys.messages."
                ),
            ),
            text => (50_000, format_message(&crate::convert::text_of(text), &values[3..])),
        };
        let error = err_class(code, class, state, message);
        if class <= 10 {
            self.reply.message(&error);
            return Ok(());
        }
        Err(error.into())
    }

    pub(crate) fn throw(
        &mut self,
        frame: &Frame,
        args: Option<&(crate::sql::ast::Expr, crate::sql::ast::Expr, crate::sql::ast::Expr)>,
    ) -> Run<()> {
        let Some((number, message, state)) = args else {
            return Err(self.caught.clone().unwrap_or_else(|| err(10704, "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.")).into());
        };
        let whole = |v: Value| crate::convert::text_of(&v).parse::<i64>().unwrap_or(0);
        let number = whole(self.eval(frame, number)?.0) as i32;
        let message = crate::convert::text_of(&self.eval(frame, message)?.0);
        let state = whole(self.eval(frame, state)?.0).clamp(0, 255) as u8;
        if number < 50_000 {
            return Err(err(35_100, format!("Error number {number} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.")).into());
        }
        Err(err_class(number, 16, state, message).into())
    }
}

/// `%s` and `%d` of RAISERROR.
fn format_message(template: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.peek() {
            Some('%') => {
                chars.next();
                out.push('%');
            }
            Some('s' | 'd' | 'i' | 'u') => {
                chars.next();
                out.push_str(&args.next().map_or_else(|| "(null)".into(), crate::convert::text_of));
            }
            _ => out.push('%'),
        }
    }
    out
}

impl Session {
    /// RESETCONNECTION: as after the login.
    pub(crate) fn reset(&mut self) -> Run<()> {
        self.roll_back()?;
        self.options = crate::session::Options::default();
        self.temporary.clear();
        self.prepared.clear();
        self.identity = None;
        self.scope_identity = None;
        self.identity_insert = None;
        Ok(())
    }

    /// Whether an error of class 20 or more is to be told before the end.
    pub(crate) fn last_words(&self) -> bool {
        self.error != 0
    }
}
