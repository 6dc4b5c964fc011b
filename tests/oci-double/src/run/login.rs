//! Logging in. It must never let a locked account in, nor tell whether it was the name or the password that was wrong.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::descriptor::{Target, resolve};
use crate::ora::{Ora, OraError};
use crate::pg::wire::NoConnection;
use crate::pg::{Failure, PgConn};
use crate::plan::literal;
use crate::run::errors;

/// A connection to the server, before anybody has logged in.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) conn: PgConn,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    /// The name that the client asked for.
    pub(crate) service: String,
    pub(crate) version: String,
}

/// Reaches the listener and the service behind it.
pub(crate) fn attach(connect_string: &str) -> Ora<Attached> {
    let admin = std::env::var_os("TNS_ADMIN")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("ORACLE_HOME").map(|h| PathBuf::from(h).join("network").join("admin")));
    let target = resolve(connect_string, admin)?;
    let mut last = OraError::plain(12541);
    for (host, port) in &target.addresses {
        match attach_one(&target, host, *port) {
            Ok(attached) => return Ok(attached),
            // Only a listener that is not there makes the next address worth a try.
            Err(error) if matches!(error.code, 12541 | 12545 | 12170) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn attach_one(target: &Target, host: &str, port: u16) -> Ora<Attached> {
    let unknown = || OraError::plain(if target.sid.is_some() { 12505 } else { 12514 });
    let service = target.service.clone().or_else(|| target.sid.clone()).ok_or_else(unknown)?;
    // A service may be written with its domain.
    let database = service.split('.').next().unwrap_or(&service).to_lowercase();
    let mut conn = PgConn::connect(host, port, "postgres", &database, target.wait).map_err(|e| match e {
        NoConnection::Io(e) => OraError::plain(match e.kind() {
            ErrorKind::ConnectionRefused => 12541,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => 12170,
            _ => 12545,
        }),
        NoConnection::Refused(Failure::Server(e)) if e.state == "3D000" => unknown(),
        NoConnection::Refused(Failure::Server(e)) if e.state == "57P03" => OraError::plain(1033),
        NoConnection::Refused(Failure::Server(e)) if e.state == "53300" => {
            errors::failure(&Failure::Server(e))
        }
        NoConnection::Refused(Failure::Stuck | Failure::TimedOut) => OraError::plain(12170),
        NoConnection::Refused(_) => OraError::plain(12537),
    })?;
    let sql =
        "SELECT name, value FROM ora.settings WHERE name IN ('reachable_as', 'server_version') ORDER BY name";
    let answers = conn.simple(sql).map_err(|_| unknown())?;
    let cell = |row: usize| answers.first().and_then(|a| a.rows.get(row)?.get(1)?.clone());
    let reachable = cell(0).unwrap_or_default();
    let wrong_way =
        (reachable == "service" && target.sid.is_some()) || (reachable == "sid" && target.sid.is_none());
    if wrong_way {
        return Err(unknown());
    }
    let version = cell(1).unwrap_or_else(|| "19.0.0.0.0".to_owned());
    Ok(Attached { conn, host: host.to_owned(), port, database, service: service.to_uppercase(), version })
}

impl Attached {
    /// Checks a name and a password; the name comes back as the dictionary spells it.
    pub(crate) fn log_in(&mut self, user: &str, password: &str) -> Ora<String> {
        let name = match user.strip_prefix('"').and_then(|u| u.strip_suffix('"')) {
            Some(quoted) => quoted.to_owned(),
            None => user.to_uppercase(),
        };
        self.login_fault(&name)?;
        let sql = format!(
            "SELECT u.password, u.state, u.failed, ora.setting('failed_login_attempts') FROM ora.users u WHERE u.name = {}",
            literal(&name)
        );
        let found = self.ask(&sql)?;
        let major = self.version.split('.').next().and_then(|m| m.parse().ok()).unwrap_or(19);
        let denied = if major >= 23 {
            OraError::new(1017, "invalid credential or not authorized; logon denied")
        } else {
            OraError::plain(1017)
        };
        let Some(row) = found else {
            self.note(&name, "1017")?;
            return Err(denied);
        };
        let text = |i: usize| row.get(i).cloned().flatten().unwrap_or_default();
        let state = text(1);
        if state.starts_with("LOCKED") {
            self.note(&name, "28000")?;
            return Err(OraError::plain(28000));
        }
        if text(0) != password || text(0).is_empty() {
            let sql = format!(
                "UPDATE ora.users SET failed = failed + 1, state = CASE WHEN failed + 1 >= {}::int THEN 'LOCKED(TIMED)' \
                 ELSE state END WHERE name = {}",
                literal(&text(3)),
                literal(&name)
            );
            self.ask(&sql)?;
            self.note(&name, "1017")?;
            return Err(denied);
        }
        if state == "EXPIRED" {
            self.note(&name, "28001")?;
            return Err(OraError::plain(28001));
        }
        if state == "NOSESSION" {
            self.note(&name, "1045")?;
            return Err(OraError::new(
                1045,
                format!("user {name} lacks CREATE SESSION privilege; logon denied"),
            ));
        }
        self.ask(&format!("UPDATE ora.users SET failed = 0 WHERE name = {} AND failed > 0", literal(&name)))?;
        self.note(&name, "ok")?;
        Ok(name)
    }

    /// Logs in with an old password, which may have expired, and sets a new one.
    pub(crate) fn change_password(&mut self, user: &str, old: &str, new: &str) -> Ora<String> {
        let name = user.to_uppercase();
        self.ask(&format!(
            "UPDATE ora.users SET password = {}, state = 'OPEN' WHERE name = {} AND password = {} AND state IN ('OPEN', 'EXPIRED')",
            literal(new),
            literal(&name),
            literal(old)
        ))?;
        self.log_in(user, new)
    }

    fn login_fault(&mut self, name: &str) -> Ora<()> {
        let sql = format!(
            "UPDATE ora.faults SET remaining = remaining - 1 WHERE id = (SELECT id FROM ora.faults WHERE kind = 'login' \
             AND remaining > 0 AND (username IS NULL OR username = {}) ORDER BY id LIMIT 1) RETURNING code, message, seconds",
            literal(name)
        );
        let Some(row) = self.ask(&sql)? else { return Ok(()) };
        let text = |i: usize| row.get(i).cloned().flatten();
        if let Some(seconds) = text(2).and_then(|s| s.parse::<f64>().ok()) {
            std::thread::sleep(Duration::from_secs_f64(seconds));
        }
        let Some(code) = text(0).and_then(|c| c.parse().ok()) else { return Ok(()) };
        Err(text(1).map_or_else(|| OraError::plain(code), |m| OraError::new(code, m)))
    }

    fn ask(&mut self, sql: &str) -> Ora<Option<Vec<Option<String>>>> {
        let answers = self.conn.simple(sql).map_err(|f| match f {
            Failure::Gone => OraError::plain(12537),
            other => errors::failure(&other),
        })?;
        Ok(answers.first().and_then(|a| a.rows.first().cloned()))
    }

    fn note(&mut self, name: &str, outcome: &str) -> Ora<()> {
        let sql = format!(
            "INSERT INTO ora.logins (name, outcome) VALUES ({}, {})",
            literal(name),
            literal(outcome)
        );
        self.ask(&sql).map(|_| ())
    }
}
