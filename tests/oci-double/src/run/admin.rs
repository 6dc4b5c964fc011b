//! Statements about the session and definitions. It must never let a definition leave a transaction open.

use std::time::Duration;

use crate::ora::{Ora, OraError};
use crate::pg::PgConn;
use crate::plan::{Planner, literal};
use crate::run::errors;
use crate::run::exec::Outcome;
use crate::run::session::Session;
use crate::sql::ast::Ddl;

impl Session {
    pub(crate) fn set_transaction(&mut self, what: &str) -> Ora<Outcome> {
        if self.in_transaction {
            return Err(OraError::new(1453, "SET TRANSACTION must be first statement of transaction"));
        }
        let how = match what {
            "ISOLATION LEVEL SERIALIZABLE" => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "READ ONLY" => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            _ => "BEGIN",
        };
        self.ask(how)?;
        self.in_transaction = true;
        Ok(Outcome::default())
    }

    pub(crate) fn alter_session(&mut self, sets: &[(String, String)]) -> Ora<Outcome> {
        for (name, value) in sets {
            match name.as_str() {
                "CURRENT_SCHEMA" => {
                    let sql = format!("SELECT 1 FROM ora.users WHERE name = {}", literal(value));
                    if self.ask(&sql)?.first().is_none_or(|a| a.rows.is_empty()) {
                        return Err(OraError::new(1435, "user does not exist"));
                    }
                    self.schema.clone_from(value);
                    self.set("schema", value)?;
                }
                "TIME_ZONE" => {
                    let sql = format!("SELECT now() AT TIME ZONE ora.zone({})", literal(value));
                    let known = self.aside()?.simple(&sql).is_ok();
                    if !known {
                        return Err(OraError::new(1882, "timezone region not found"));
                    }
                    self.set("time_zone", value)?;
                }
                "NLS_NUMERIC_CHARACTERS" if value.chars().count() != 2 => {
                    return Err(OraError::new(
                        12705,
                        "Cannot access NLS data files or invalid environment specified",
                    ));
                }
                _ if name.starts_with("NLS_") => self.set(&name.to_lowercase(), value)?,
                "ISOLATION_LEVEL" | "SQL_TRACE" | "OPTIMIZER_MODE" | "CURSOR_SHARING"
                | "DDL_LOCK_TIMEOUT" | "STATISTICS_LEVEL" | "PLSQL_WARNINGS" | "CONTAINER" | "EVENTS" => {}
                _ => return Err(OraError::new(2248, "invalid option for ALTER SESSION")),
            }
        }
        Ok(Outcome::default())
    }

    /// Ends another session, as an administrator may.
    pub(crate) fn kill_session(&mut self, which: &str) -> Ora<Outcome> {
        let allowed = self.ask("SELECT ora.privileges(ora.me(), '-', '-')")?;
        if allowed.first().and_then(|a| a.cell(0)) != Some("ALL") {
            return Err(OraError::plain(1031));
        }
        let sid = which.split(',').next().and_then(|s| s.trim().parse::<u32>().ok());
        let sid = sid.ok_or_else(|| OraError::new(26, "missing or invalid session ID"))?;
        let found =
            self.ask(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {sid}"))?;
        if found.first().is_none_or(|a| a.rows.is_empty()) {
            return Err(OraError::new(30, "User session ID does not exist."));
        }
        Ok(Outcome::default())
    }

    /// Runs a definition, which commits what was open before and itself.
    pub(crate) fn define(&mut self, ddl: &Ddl) -> Ora<Outcome> {
        self.commit_now()?;
        let mark = self.mark(false)?;
        if mark.faults
            && let Some(fault) = self.fault("statement", "DDL")?
        {
            self.before_statement(&fault)?;
        }
        let definition = {
            let Session { conn, dictionary, user, schema, rules, .. } = self;
            let (user, schema, rules) = (user.clone(), schema.clone(), *rules);
            let from = schema.clone();
            let mut lookup =
                |owner: Option<&str>, name: &str| dictionary.look_up(conn, &user, &from, owner, name);
            Planner::new(&mut lookup, &schema, rules, &[]).definition(ddl)?
        };
        if !definition.outside.is_empty() {
            let mut aside =
                PgConn::connect(&self.host, self.port, "postgres", "postgres", Duration::from_secs(10))
                    .map_err(|_| OraError::plain(12541))?;
            for sql in &definition.outside {
                aside.simple(sql).map_err(|f| errors::failure(&f))?;
            }
            aside.close();
            return Ok(Outcome::default());
        }
        // Others may be reading the table, which Oracle would not mind; whoever changes it makes this fail.
        let sql = format!("BEGIN; SET LOCAL lock_timeout = '3s'; {}; COMMIT", definition.steps.join("; "));
        if let Err(error) = self.ask(&sql) {
            if self.conn.dead.is_none() {
                self.ask("ROLLBACK")?;
            }
            return Err(error);
        }
        Ok(Outcome { warning: definition.warning, ..Outcome::default() })
    }
}
