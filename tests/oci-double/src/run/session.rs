//! A session: its transaction, its settings, its connection's health. It must never commit what was not asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ora::{Ora, OraError};
use crate::pg::wire::Canceller;
use crate::pg::{Answer, Failure, PgConn};
use crate::plan::literal;
use crate::run::dictionary::Dictionary;
use crate::run::errors;
use crate::run::login::Attached;
use crate::sql::parse::Rules;

/// What a client that has logged in works in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) conn: PgConn,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) rules: Rules,
    pub(crate) user: String,
    pub(crate) schema: String,
    /// Settings by their names in lower case.
    settings: BTreeMap<String, String>,
    /// Set inside the transaction that is open, so that a rollback would undo them.
    unsettled: bool,
    pub(crate) in_transaction: bool,
    pub(crate) dictionary: Dictionary,
    pub(crate) call_timeout: Option<Duration>,
    /// The number of the next block's function.
    pub(crate) blocks: u32,
    /// Why the session is over, once it is.
    ended: Option<i32>,
    pub(crate) read_only: bool,
}

impl Session {
    /// Makes a session of a connection that `user` has logged in on.
    pub(crate) fn start(attached: Attached, user: String, settings: &[(String, String)]) -> Ora<Self> {
        let Attached { conn, host, port, database, service, version } = attached;
        let part = |i: usize| version.split('.').nth(i).and_then(|p| p.parse().ok()).unwrap_or(0);
        let rules = Rules { major: part(0), minor: part(1) };
        let mut session = Self {
            conn,
            host,
            port,
            database,
            service: service.clone(),
            rules,
            version,
            schema: user.clone(),
            user: user.clone(),
            settings: BTreeMap::new(),
            unsettled: false,
            in_transaction: false,
            dictionary: Dictionary::default(),
            call_timeout: None,
            blocks: 0,
            ended: None,
            read_only: false,
        };
        session.settings.insert("user".into(), user.clone());
        session.settings.insert("schema".into(), user);
        session.settings.insert("service".into(), service);
        session.settings.extend(settings.iter().cloned());
        session.apply()?;
        Ok(session)
    }

    pub(crate) fn canceller(&self) -> Canceller {
        self.conn.canceller.clone()
    }

    fn apply(&mut self) -> Ora<()> {
        let list: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| {
                format!("set_config({}, {}, false)", literal(&format!("buktor.{name}")), literal(value))
            })
            .collect();
        let name = literal(&format!("ora {}", self.user));
        self.ask(&format!("SELECT {}, set_config('application_name', {name}, false)", list.join(", ")))
            .map(|_| ())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) -> Ora<()> {
        self.settings.insert(name.to_owned(), value.to_owned());
        self.unsettled |= self.in_transaction;
        let name = literal(&format!("buktor.{name}"));
        self.ask(&format!("SELECT set_config({name}, {}, false)", literal(value))).map(|_| ())
    }

    /// Begins a call: its time starts to run.
    pub(crate) fn begin_call(&mut self) -> Ora<()> {
        if let Some(code) = self.ended {
            return Err(OraError::plain(if code == 28 { 1012 } else { 3114 }));
        }
        self.conn.was_broken();
        self.conn.set_deadline(self.call_timeout);
        Ok(())
    }

    /// Statements as text.
    pub(crate) fn ask(&mut self, sql: &str) -> Ora<Vec<Answer>> {
        let result = self.conn.simple(sql);
        result.map_err(|f| self.failed(&f))
    }

    /// What a failure means; the session is over when its connection is.
    pub(crate) fn failed(&mut self, failure: &Failure) -> OraError {
        let error = errors::failure(failure);
        if self.conn.dead.is_some() && self.ended.is_none() {
            self.ended = Some(error.code);
            self.in_transaction = false;
        }
        error
    }

    /// Whether the server can still be talked to, as far as the client knows.
    pub(crate) fn alive(&self) -> bool {
        // A call that the server did not answer in time is told as such before the loss is.
        self.ended.is_none_or(|code| code == 3136)
    }

    pub(crate) fn cut(&mut self, code: i32) -> OraError {
        self.conn.cut();
        self.ended = Some(code);
        self.in_transaction = false;
        OraError::plain(code)
    }

    pub(crate) fn ping(&mut self) -> Ora<()> {
        self.begin_call()?;
        if self.conn.closed_by_peer() {
            // What the server said last is read first.
            let said = self.ask("SELECT 1").err();
            return Err(said.filter(|e| e.code == 28).unwrap_or_else(|| {
                self.ended = Some(3135);
                OraError::plain(3135)
            }));
        }
        self.ask("SELECT 1").map(|_| ())
    }

    pub(crate) fn commit(&mut self) -> Ora<()> {
        self.begin_call()?;
        self.commit_now()
    }

    pub(crate) fn commit_now(&mut self) -> Ora<()> {
        if !self.in_transaction {
            return Ok(());
        }
        let fault = self.fault("commit", "")?;
        if let Some(fault) = &fault {
            self.before_commit(fault)?;
        }
        let result = self.ask("COMMIT");
        self.in_transaction = false;
        self.unsettled = false;
        self.read_only = false;
        result?;
        match fault {
            Some(fault) if fault.kind == "drop_after_commit" => Err(self.cut(3113)),
            _ => Ok(()),
        }
    }

    pub(crate) fn rollback(&mut self) -> Ora<()> {
        self.begin_call()?;
        self.rollback_now()
    }

    pub(crate) fn rollback_now(&mut self) -> Ora<()> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        self.read_only = false;
        self.ask("ROLLBACK")?;
        if std::mem::take(&mut self.unsettled) {
            self.apply()?;
        }
        Ok(())
    }

    /// Opens a transaction where there is none, and marks the place that a failed statement goes back to.
    pub(crate) fn mark(&mut self, open: bool) -> Ora<Mark> {
        let mut sql = String::new();
        if open && !self.in_transaction {
            sql.push_str("BEGIN; ");
        }
        let inside = open || self.in_transaction;
        if inside {
            sql.push_str("SAVEPOINT \"~s\"; ");
        }
        sql.push_str(
            "SELECT last_value FROM ora.ddl_version; SELECT 1 FROM ora.faults WHERE remaining > 0 LIMIT 1",
        );
        let answers = self.ask(&sql)?;
        self.in_transaction = inside;
        let rows: Vec<&Answer> = answers.iter().filter(|a| !a.columns.is_empty()).collect();
        if let Some(version) = rows.first().and_then(|a| a.cell(0)) {
            self.dictionary.at_version(&version.to_owned());
        }
        Ok(Mark { inside, faults: rows.get(1).is_some_and(|a| !a.rows.is_empty()) })
    }

    /// Goes back to the mark, if the connection lives.
    pub(crate) fn back(&mut self, mark: &Mark) {
        if mark.inside && self.conn.dead.is_none() {
            // The call's time is up, but its traces are removed.
            self.conn.set_deadline(Some(Duration::from_secs(10)));
            if self.ask("ROLLBACK TO SAVEPOINT \"~s\"; RELEASE SAVEPOINT \"~s\"").is_ok() && self.unsettled {
                // A failure here shows at the next statement.
                let _ = self.apply();
            }
        }
    }

    pub(crate) fn release(&mut self, mark: &Mark) -> Ora<()> {
        if mark.inside { self.ask("RELEASE SAVEPOINT \"~s\"").map(|_| ()) } else { Ok(()) }
    }

    pub(crate) fn end(&mut self) {
        // ODPI-C rolls back before it ends a session; whoever does not would see OCI commit here, which no test wants.
        if self.conn.dead.is_none() {
            if self.in_transaction {
                let _ = self.ask("ROLLBACK");
            }
            self.conn.close();
        }
    }
}

/// The place that a failed statement goes back to.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) inside: bool,
    /// Whether any fault waits.
    pub(crate) faults: bool,
}
