//! From `database` as written to [`Database`]: which keys belong to which type, what all types have, and who reads the
//! rest. Reads secrets' files; never connects.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        Database, Engine, Network, Secret, Tls,
        file::{self, DatabaseType, MYSQL_PORT_DEFAULT, SecretText},
        keypath::KeyPath,
        resolve::Resolver,
    },
    limits::{CONNECT_TIMEOUT_S_DEFAULT, LOCK_TIMEOUT_S_DEFAULT, STATEMENT_TIMEOUT_S_DEFAULT},
};

mod address;
mod connect_string;
mod keys;
mod oracle;
mod sqlserver;

pub(super) use connect_string::named;

/// What was wrong with a key has been told.
struct Told;

impl Resolver<'_> {
    /// Resolves `database`; nothing where it has a problem.
    pub(crate) fn database(&mut self, written: file::Database) -> Option<Database> {
        let at = KeyPath::root().key("database");
        let timezone = match &written.timezone {
            Some(zone) => self.timezone(&at.key("timezone"), zone),
            None => Some(machine_timezone()),
        };
        let statement_s = written.statement_timeout_s.unwrap_or(STATEMENT_TIMEOUT_S_DEFAULT);
        let lock_s = written.lock_timeout_s.unwrap_or(LOCK_TIMEOUT_S_DEFAULT.min(statement_s));
        if lock_s > statement_s && !self.is_broken(&at.key("statement_timeout_s")) {
            self.wrong(
                &at.key("lock_timeout_s"),
                format!(
                    "{lock_s} is more than statement_timeout_s, {statement_s}, so that it would never be reached; \
                     write at most {statement_s}, or raise statement_timeout_s"
                ),
            );
        }
        let connect_time =
            Duration::from_secs(written.connect_timeout_s.unwrap_or(CONNECT_TIMEOUT_S_DEFAULT));
        let engine = self.engine(&at, written);
        Some(Database {
            engine: engine?,
            timezone: timezone?,
            connect_time,
            statement_time: Duration::from_secs(statement_s),
            lock_time: Duration::from_secs(lock_s),
        })
    }

    fn engine(&mut self, at: &KeyPath, written: file::Database) -> Option<Engine> {
        let kind = written.kind?;
        if self.holds_connection_string(at, &written, kind) {
            return None;
        }
        self.strangers(at, &written, kind);
        match kind {
            DatabaseType::MySql => self.mysql(at, written).map(Engine::MySql),
            DatabaseType::SqlServer => self.sqlserver(at, written).map(Engine::SqlServer),
            DatabaseType::Oracle => self.oracle(at, written).map(Engine::Oracle),
            DatabaseType::Sqlite => self.sqlite(at, &written).map(|path| Engine::Sqlite { path }),
        }
    }

    fn mysql(&mut self, at: &KeyPath, written: file::Database) -> Option<Network> {
        let address = self.mysql_address(at, written.host, written.port);
        let user = self.user(at, written.user);
        let database = self.database_name(at, written.database);
        let password = self.password(&at.key("password"), written.password);
        let tls = tls(written.tls);
        let ca_file = self.ca_file(at, tls, written.ca_file);
        let (host, port) = address?;
        Some(Network {
            host,
            port,
            user: user?,
            password: password?,
            database: database?,
            tls,
            ca_file: ca_file.ok()?,
        })
    }

    /// Host and port, the port being beside the host or within it.
    fn mysql_address(
        &mut self,
        at: &KeyPath,
        host: Option<String>,
        port: Option<u64>,
    ) -> Option<(String, u16)> {
        let written = self.host(at, host)?;
        let address = if written.contains('\\') {
            Err("an instance name (HOST\\INSTANCE) belongs to SQL Server; write the host alone, or host:port")
        } else if written.contains(',') {
            Err("a port after a comma belongs to SQL Server; write host:port")
        } else {
            address::split(&written)
        };
        let address::Address { host, port: inner } = self.told(&at.key("host"), address)?;
        let port = self.one_port(at, inner, port).ok()?;
        Some((host, port.unwrap_or(MYSQL_PORT_DEFAULT)))
    }

    fn sqlite(&mut self, at: &KeyPath, written: &file::Database) -> Option<PathBuf> {
        let at = at.key("path");
        if let Some(path) = &written.path {
            return self.path(&at, path);
        }
        self.missing(&at, "is missing; add the database file, \"path\": \"his.db\"");
        None
    }

    /// Tells the one of two that is words.
    fn told<T>(&mut self, at: &KeyPath, read: Result<T, impl Into<String>>) -> Option<T> {
        read.map_err(|message| self.wrong(at, message)).ok()
    }

    /// A text that must be there and not be blank.
    fn name(&mut self, at: &KeyPath, written: Option<String>, what: &str) -> Option<String> {
        let Some(name) = written else {
            self.missing(at, format!("is missing; add {what}"));
            return None;
        };
        if name.contains(char::is_control) {
            self.wrong(
                at,
                "holds a line break or another control character; a backslash is written twice in JSON \
                 (\"HIS-SERVER\\\\SQLEXPRESS\")",
            );
            return None;
        }
        if name.trim().is_empty() || name.trim() != name {
            self.wrong(at, format!("must be {what}, without spaces around it"));
            return None;
        }
        Some(name)
    }

    fn host(&mut self, at: &KeyPath, written: Option<String>) -> Option<String> {
        self.name(&at.key("host"), written, "the server's name or address, \"host\": \"...\"")
    }

    fn user(&mut self, at: &KeyPath, written: Option<String>) -> Option<String> {
        self.name(&at.key("user"), written, "the login's name, \"user\": \"...\"")
    }

    fn database_name(&mut self, at: &KeyPath, written: Option<String>) -> Option<String> {
        let what = "the database's name on the server, \"database\": \"...\"";
        self.name(&at.key("database"), written, what)
    }

    fn schema(&mut self, at: &KeyPath, written: Option<String>) -> Result<Option<String>, Told> {
        let Some(written) = written else { return Ok(None) };
        let at = at.key("schema");
        let schema = self.name(&at, Some(written), "a schema's name, \"schema\": \"...\"").ok_or(Told)?;
        if schema.starts_with(['[', '"', '`']) || schema.contains('.') {
            self.wrong(
                &at,
                "must be the schema's name alone, without brackets or quotes around it and without the database's name",
            );
            return Err(Told);
        }
        Ok(Some(schema))
    }

    fn password(&mut self, at: &KeyPath, written: Option<SecretText>) -> Option<Secret> {
        let Some(written) = written else {
            self.missing(at, "is missing; add \"password\": \"...\" (\"\" if the login has none)");
            return None;
        };
        self.secret(at, written)
    }

    fn ca_file(&mut self, at: &KeyPath, tls: Tls, written: Option<String>) -> Result<Option<PathBuf>, Told> {
        let Some(written) = written else { return Ok(None) };
        let ca_at = at.key("ca_file");
        if tls != Tls::Verify && !self.is_broken(&at.key("tls")) {
            self.wrong(
                &ca_at,
                "has a use only where certificates are checked; write \"tls\": \"verify\", or remove it",
            );
        }
        self.path(&ca_at, &written).map(Some).ok_or(Told)
    }

    /// The port, which may stand within the host and beside it.
    fn one_port(
        &mut self,
        at: &KeyPath,
        inner: Option<u16>,
        beside: Option<u64>,
    ) -> Result<Option<u16>, Told> {
        let outer = beside.and_then(|port| u16::try_from(port).ok());
        if let (Some(inner), Some(outer)) = (inner, outer)
            && inner != outer
        {
            self.wrong(
                &at.key("port"),
                format!("is {outer}, but \"host\" says {inner}; write the port in one place alone"),
            );
            return Err(Told);
        }
        Ok(inner.or(outer))
    }
}

fn tls(written: Option<file::Tls>) -> Tls {
    match written {
        Some(file::Tls::Off) => Tls::Off,
        Some(file::Tls::Require) => Tls::Require,
        Some(file::Tls::Verify) => Tls::Verify,
        Some(file::Tls::Prefer) | None => Tls::Prefer,
    }
}

/// The machine's zone; UTC where it has none that is known by an IANA name.
pub(crate) fn machine_timezone() -> chrono_tz::Tz {
    let name = iana_time_zone::get_timezone().ok();
    name.and_then(|name| name.parse().ok()).unwrap_or(chrono_tz::UTC)
}

#[cfg(test)]
mod tests;
