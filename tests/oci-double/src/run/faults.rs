//! What tests let go wrong. It must never do anything unless a test has asked for it.

use std::time::Duration;

use crate::ora::{Ora, OraError};
use crate::pg::PgConn;
use crate::plan::literal;
use crate::run::errors;
use crate::run::session::Session;
use crate::sql::ast::{Expr, Step};

/// A fault that waits for its moment.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    id: String,
    pub(crate) kind: String,
    code: Option<i32>,
    message: Option<String>,
    seconds: Option<f64>,
}

impl Session {
    /// A connection of its own to the same database, whose work is committed at once.
    pub(crate) fn aside(&self) -> Ora<PgConn> {
        PgConn::connect(&self.host, self.port, "postgres", &self.database, Duration::from_secs(10))
            .map_err(|_| OraError::plain(12541))
    }

    /// Takes the next fault of a moment.
    pub(crate) fn fault(&mut self, moment: &str, sql: &str) -> Ora<Option<Fault>> {
        let answers = self.ask(&format!(
            "SELECT id, kind, code, message, seconds FROM ora.fault({}, {})",
            literal(moment),
            literal(sql)
        ))?;
        let Some(row) = answers.first().and_then(|a| a.rows.first()) else { return Ok(None) };
        let text = |i: usize| row.get(i).cloned().flatten();
        let fault = Fault {
            id: text(0).unwrap_or_default(),
            kind: text(1).unwrap_or_default(),
            code: text(2).and_then(|c| c.parse().ok()),
            message: text(3),
            seconds: text(4).and_then(|s| s.parse().ok()),
        };
        let mut aside = self.aside()?;
        let taken = aside.simple(&format!(
            "UPDATE ora.faults SET remaining = remaining - 1 WHERE id = {} AND remaining > 0 RETURNING id",
            fault.id
        ));
        aside.close();
        // Another session may have been quicker.
        let taken = taken.ok().is_some_and(|a| a.first().is_some_and(|a| !a.rows.is_empty()));
        Ok(taken.then_some(fault))
    }

    fn wait(&mut self, seconds: f64) -> Ora<()> {
        // On the server, so that a time-out or a break ends it as it would end a slow statement.
        self.ask(&format!("SELECT pg_sleep({seconds})")).map(|_| ())
    }

    fn fault_error(fault: &Fault) -> OraError {
        let code = fault.code.unwrap_or(600);
        if fault.kind.starts_with("recursive") {
            return errors::recursive(code, fault.message.as_deref().unwrap_or(""));
        }
        match &fault.message {
            Some(message) => OraError::new(code, message),
            None => OraError::plain(code),
        }
    }

    /// What goes wrong before a statement runs.
    pub(crate) fn before_statement(&mut self, fault: &Fault) -> Ora<()> {
        match fault.kind.as_str() {
            "fail" | "recursive" => Err(Self::fault_error(fault)),
            "drop" => Err(self.cut(3113)),
            "kill" => Err(self.cut(28)),
            "delay" => self.wait(fault.seconds.unwrap_or(1.0)),
            "hang" => self.wait(86_400.0),
            _ => Ok(()),
        }
    }

    /// What goes wrong before a commit takes effect.
    pub(crate) fn before_commit(&mut self, fault: &Fault) -> Ora<()> {
        match fault.kind.as_str() {
            "fail_commit" => {
                // A commit that fails leaves nothing.
                self.rollback_now()?;
                Err(Self::fault_error(fault))
            }
            "drop_before_commit" => Err(self.cut(3113)),
            "delay_commit" => self.wait(fault.seconds.unwrap_or(1.0)),
            "hang_commit" => self.wait(86_400.0),
            _ => Ok(()),
        }
    }

    /// Does what a block of `BUKTOR_FAULT.x(..);` calls asks for, if it is one.
    pub(crate) fn control(&mut self, steps: &[Step]) -> Option<Ora<()>> {
        let ours =
            |s: &Step| matches!(s, Step::Call(path, _) if path.first().is_some_and(|p| p == "BUKTOR_FAULT"));
        if !steps.iter().any(ours) {
            return None;
        }
        Some(self.control_all(steps))
    }

    fn control_all(&mut self, steps: &[Step]) -> Ora<()> {
        let mut aside = self.aside()?;
        for step in steps {
            let Step::Call(path, args) = step else {
                return Err(OraError::absent("other steps beside BUKTOR_FAULT"));
            };
            let args: Vec<String> = args.iter().map(|(_, e)| constant(e)).collect::<Ora<_>>()?;
            let sql = control_sql(path.get(1).map_or("", String::as_str), &args, self.conn.canceller.pid)?;
            aside.simple(&sql).map_err(|f| errors::failure(&f))?;
        }
        aside.close();
        Ok(())
    }
}

fn constant(e: &Expr) -> Ora<String> {
    Ok(match e {
        Expr::Str(s, _) => literal(s),
        Expr::Num(n) => n.clone(),
        Expr::Negative(n) => format!("-{}", constant(n)?),
        Expr::Null => "NULL".to_owned(),
        _ => return Err(OraError::absent("anything but constants for BUKTOR_FAULT")),
    })
}

fn control_sql(what: &str, args: &[String], own: i32) -> Ora<String> {
    let arg = |i: usize| args.get(i).cloned().unwrap_or_else(|| "NULL".to_owned());
    let times = |i: usize| args.get(i).cloned().unwrap_or_else(|| "1".to_owned());
    let insert =
        |kind: &str, pattern: String, code: String, message: String, seconds: String, times: String| {
            format!(
                "INSERT INTO ora.faults (kind, pattern, code, message, seconds, remaining) \
             VALUES ('{kind}', {pattern}, {code}, {message}, {seconds}, {times})"
            )
        };
    let null = || "NULL".to_owned();
    Ok(match what {
        "DROP_BEFORE_COMMIT" => insert("drop_before_commit", null(), null(), null(), null(), times(0)),
        "DROP_AFTER_COMMIT" => insert("drop_after_commit", null(), null(), null(), null(), times(0)),
        "FAIL_COMMIT" => insert("fail_commit", null(), arg(0), arg(1), null(), times(2)),
        "DELAY_COMMIT" => insert("delay_commit", null(), null(), null(), arg(0), times(1)),
        "HANG_COMMIT" => insert("hang_commit", null(), null(), null(), null(), times(0)),
        "FAIL" => insert("fail", arg(0), arg(1), arg(2), null(), times(3)),
        "FAIL_RECURSIVE" => insert("recursive", arg(0), arg(1), arg(2), null(), times(3)),
        "DELAY" => insert("delay", arg(0), null(), null(), arg(1), times(2)),
        "HANG" => insert("hang", arg(0), null(), null(), null(), times(1)),
        "DROP_CONNECTION" => insert("drop", arg(0), null(), null(), null(), times(1)),
        "KILL" => insert("kill", arg(0), null(), null(), null(), times(1)),
        "FAIL_LOGIN" => insert("login", null(), arg(0), arg(1), null(), times(2)),
        "CLEAR" => "DELETE FROM ora.faults".to_owned(),
        "SETTING" => format!(
            "INSERT INTO ora.settings VALUES ({0}, {1}) ON CONFLICT (name) DO UPDATE SET value = {1}",
            arg(0),
            arg(1)
        ),
        "KILL_SESSIONS" => format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND pid NOT IN (pg_backend_pid(), {own})"
        ),
        other => {
            return Err(OraError::new(
                6550,
                format!("line 1, column 7:\nPLS-00302: component '{other}' must be declared"),
            ));
        }
    })
}
