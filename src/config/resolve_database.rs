//! From `database` as written to [`Database`]: which keys belong to which type, and which belong together.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        Database, Engine, Network, Secret, Tls,
        file::{self, MYSQL_PORT_DEFAULT, SecretText},
        keypath::KeyPath,
        resolve::Resolver,
        secret,
    },
    limits::{CONNECT_TIMEOUT_S_DEFAULT, LOCK_TIMEOUT_S_DEFAULT, STATEMENT_TIMEOUT_S_DEFAULT},
};

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
        let engine = match written.kind {
            Some(file::DatabaseType::MySql) => self.mysql(&at, written).map(Engine::MySql),
            Some(file::DatabaseType::Sqlite) => {
                self.sqlite(&at, &written).map(|path| Engine::Sqlite { path })
            }
            None => None,
        };
        Some(Database {
            engine: engine?,
            timezone: timezone?,
            connect_time,
            statement_time: Duration::from_secs(statement_s),
            lock_time: Duration::from_secs(lock_s),
        })
    }

    fn mysql(&mut self, at: &KeyPath, written: file::Database) -> Option<Network> {
        if written.path.is_some() {
            self.wrong(
                &at.key("path"),
                "belongs to the type \"sqlite\"; remove it, or write \"type\": \"sqlite\"",
            );
        }
        let address = self.address(at, written.host, written.port);
        let user = self.name(&at.key("user"), written.user, "the login's name, \"user\": \"...\"");
        let database = self.name(
            &at.key("database"),
            written.database,
            "the database's name on the server, \"database\": \"...\"",
        );
        let password = self.password(&at.key("password"), written.password);
        let tls = match written.tls {
            Some(file::Tls::Off) => Tls::Off,
            Some(file::Tls::Require) => Tls::Require,
            Some(file::Tls::Verify) => Tls::Verify,
            Some(file::Tls::Prefer) | None => Tls::Prefer,
        };
        let ca_at = at.key("ca_file");
        if written.ca_file.is_some() && tls != Tls::Verify && !self.is_broken(&at.key("tls")) {
            self.wrong(
                &ca_at,
                "has a use only where certificates are checked; write \"tls\": \"verify\", or remove it",
            );
        }
        let ca_file = match written.ca_file {
            Some(path) => Some(self.path(&ca_at, &path)?),
            None => None,
        };
        let (host, port) = address?;
        Some(Network { host, port, user: user?, password: password?, database: database?, tls, ca_file })
    }

    fn sqlite(&mut self, at: &KeyPath, written: &file::Database) -> Option<PathBuf> {
        let strangers = [
            ("host", written.host.is_some()),
            ("port", written.port.is_some()),
            ("user", written.user.is_some()),
            ("password", written.password.is_some()),
            ("database", written.database.is_some()),
            ("tls", written.tls.is_some()),
            ("ca_file", written.ca_file.is_some()),
        ];
        for (key, _) in strangers.into_iter().filter(|(_, there)| *there) {
            self.wrong(
                &at.key(key),
                "belongs to the type \"mysql\"; remove it, or write \"type\": \"mysql\"",
            );
        }
        let at = at.key("path");
        if let Some(path) = &written.path {
            return self.path(&at, path);
        }
        self.missing(&at, "is missing; add the database file, \"path\": \"his.db\"");
        None
    }

    /// A text that must be there and not be blank.
    fn name(&mut self, at: &KeyPath, written: Option<String>, what: &str) -> Option<String> {
        let Some(name) = written else {
            self.missing(at, format!("is missing; add {what}"));
            return None;
        };
        if name.trim().is_empty() || name.trim() != name || name.contains(char::is_control) {
            self.wrong(at, format!("must be {what}, without spaces or line breaks around it"));
            return None;
        }
        Some(name)
    }

    fn password(&mut self, at: &KeyPath, written: Option<SecretText>) -> Option<Secret> {
        let Some(written) = written else {
            self.missing(at, "is missing; add \"password\": \"...\" (\"\" if the login has none)");
            return None;
        };
        match secret::read(written, self.folder, self.environment) {
            Ok(secret) => Some(secret),
            Err(message) => {
                self.missing(at, message);
                None
            }
        }
    }

    /// Host and port, the port being beside the host or within it.
    fn address(&mut self, at: &KeyPath, host: Option<String>, port: Option<u64>) -> Option<(String, u16)> {
        let host_at = at.key("host");
        let written = self.name(&host_at, host, "the server's name or address, \"host\": \"...\"")?;
        // A host is not repeated in a message: a URL in its place would hold the password.
        let (host, inner) = match split_address(&written) {
            Ok(address) => address,
            Err(message) => {
                self.wrong(&host_at, message);
                return None;
            }
        };
        let outer = port.and_then(|port| u16::try_from(port).ok());
        if let (Some(inner), Some(outer)) = (inner, outer)
            && inner != outer
        {
            self.wrong(
                &at.key("port"),
                format!("is {outer}, but \"host\" says {inner}; write the port in one place alone"),
            );
            return None;
        }
        Some((host, inner.or(outer).unwrap_or(MYSQL_PORT_DEFAULT)))
    }
}

/// The machine's zone; UTC where it has none that is known by an IANA name.
pub(crate) fn machine_timezone() -> chrono_tz::Tz {
    let name = iana_time_zone::get_timezone().ok();
    name.and_then(|name| name.parse().ok()).unwrap_or(chrono_tz::UTC)
}

/// Reads `host`, `host:port`, `[::1]:port` and a bare IPv6 address.
fn split_address(written: &str) -> Result<(String, Option<u16>), &'static str> {
    const BARE: &str = "must be the server's name or address alone, or host:port; user, password, database and the \
                        like have keys of their own";
    if written.contains("://") || written.contains(['@', '/', '?', ' ']) {
        return Err(BARE);
    }
    if written.contains('\\') {
        return Err(
            "an instance name (HOST\\INSTANCE) belongs to SQL Server; write the host alone, or host:port",
        );
    }
    if written.contains(',') {
        return Err("a port after a comma belongs to SQL Server; write host:port");
    }
    let read_port = |port: &str| match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err("ends in a port that is no number from 1 to 65535; write e.g. \"192.168.1.20:3306\""),
    };
    if let Some((host, rest)) = written.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host.to_owned(), read_port(port)?)),
            None if rest.is_empty() => Ok((host.to_owned(), None)),
            None => Err(BARE),
        };
    }
    match written.split_once(':') {
        // More than one colon: an IPv6 address without a port.
        Some((_, rest)) if rest.contains(':') => match written.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok((written.to_owned(), None)),
            Err(_) => Err(BARE),
        },
        Some(("", _)) => Err(BARE),
        Some((host, port)) => Ok((host.to_owned(), read_port(port)?)),
        None => Ok((written.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{check, database, mysql};

    #[test]
    fn a_host_may_hold_its_port() {
        let check = |written: &str, expected: Option<(&str, Option<u16>)>| {
            let got = split_address(written).ok();
            assert_eq!(got, expected.map(|(host, port)| (host.to_owned(), port)), "{written}");
        };
        check("db", Some(("db", None)));
        check("db:3307", Some(("db", Some(3307))));
        check("192.168.1.20:3306", Some(("192.168.1.20", Some(3306))));
        check("::1", Some(("::1", None)));
        check("[::1]", Some(("::1", None)));
        check("[::1]:3307", Some(("::1", Some(3307))));
        for wrong in [
            "db:",
            "db:x",
            "db:0",
            "db:70000",
            ":3306",
            "a:b:c",
            "mysql://u:p@db/his",
            "u:p@db",
            "db/his",
            "HIS\\SQL",
            "db,1433",
            "[::1]x",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn mistakes_in_the_database() {
        check(&database(""), &[("database.type", "is missing; add \"type\": \"mysql\"")]);
        check(&database(r#""type": "sqlserver""#), &[("database.type", "\"sqlserver\": not supported yet")]);
        check(&database(r#""type": "oracle""#), &[("database.type", "\"oracle\": not supported yet")]);
        check(
            &database(r#""type": "MariaDB""#),
            &[("database.type", "write \"mysql\", which is for MariaDB too")],
        );
        check(&database(r#""type": "MySQL""#), &[("database.type", "did you mean \"mysql\"?")]);
        check(
            &database(r#""type": "mysql""#),
            &[
                ("database.host", "is missing"),
                ("database.user", "is missing"),
                ("database.password", "is missing"),
                ("database.database", "is missing"),
            ],
        );
        check(
            &database(r#""type": "mysql", "host": "db", "username": "u", "pasword": "hunter2", "db": "his""#),
            &[
                ("database.username", "did you mean \"user\"?"),
                ("database.pasword", "did you mean \"password\"?"),
                ("database.db", "did you mean \"database\"?"),
            ],
        );
        check(&database(r#""type": "sqlite""#), &[("database.path", "is missing; add the database file")]);
        check(
            &database(
                r#""type": "sqlite", "path": "x.db", "host": "db", "password": "hunter2", "tls": "off""#,
            ),
            &[
                ("database.host", "belongs to the type \"mysql\""),
                ("database.password", "belongs to the type \"mysql\""),
                ("database.tls", "belongs to the type \"mysql\""),
            ],
        );
        check(&mysql(r#""path": "x""#), &[("database.path", "belongs to the type \"sqlite\"")]);
        check(&mysql(r#""instance": "SQL1""#), &[("database.instance", "belongs to the type \"sqlserver\"")]);
        check(&mysql(r#""sid": "X""#), &[("database.sid", "belongs to the type \"oracle\"")]);
        check(&mysql(r#""schema": "dbo""#), &[("database.schema", "write its name as \"database\"")]);
        check(
            &mysql(r#""host": "db:3307", "port": 3306"#),
            &[("database.host", "stands twice"), ("database.port", "is 3306, but \"host\" says 3307")],
        );
        check(&mysql(r#""port": 0"#), &[("database.port", "from 1 to 65535, not 0")]);
        check(&mysql(r#""tls": true"#), &[("database.tls", "write \"require\"")]);
        check(&mysql(r#""tls": "on""#), &[("database.tls", "write \"require\"")]);
        check(&mysql(r#""ca_file": "ca.pem""#), &[("database.ca_file", "write \"tls\": \"verify\"")]);
        check(
            &mysql(r#""tls": "vrify", "ca_file": "ca.pem""#),
            &[("database.tls", "did you mean \"verify\"?")],
        );
        check(
            &mysql(r#""statement_timeout_s": 5, "lock_timeout_s": 6"#),
            &[("database.lock_timeout_s", "write at most 5")],
        );
        let zone = |zone: &str, part: &str| {
            check(&mysql(&format!(r#""timezone": "{zone}""#)), &[("database.timezone", part)]);
        };
        zone("Asia/Kolkatta", "did you mean \"Asia/Kolkata\"?");
        zone("asia/kolkata", "did you mean \"Asia/Kolkata\"?");
        zone("New York", "did you mean \"America/New_York\"?");
        zone("+05:30", "write a name such as");
        zone("India Standard Time", "no Windows name");
        let network = |host: &str, password: &str, part: &str, at: &str| {
            let text = format!(
                r#""type": "mysql", "host": "{host}", "user": "u", "password": {password}, "database": "his""#
            );
            check(&database(&text), &[(at, part)]);
        };
        network("mysql://u:hunter2@db/his", "\"x\"", "have keys of their own", "database.host");
        network(r"HIS\\SQL1", "\"x\"", "belongs to SQL Server", "database.host");
        network("db:99999", "\"x\"", "no number from 1 to 65535", "database.host");
        network("", "\"x\"", "must be the server's name", "database.host");
        network(
            "db",
            "1234567",
            "text in double quotes or an object in { }, not a number; put it in double quotes",
            "database.password",
        );
        network(
            "db",
            "{\"env\": \"BUKTOR_TEST_UNSET\"}",
            "variable BUKTOR_TEST_UNSET is not set",
            "database.password",
        );
        network(
            "db",
            "{\"env\": \"hunter2 \"}",
            "must be the name of an environment variable",
            "database.password",
        );
        network("db", "{\"file\": \"no-such-file\"}", "cannot be read", "database.password");
        network("db", "{}", "exactly one of", "database.password");
        network("db", "{\"enf\": \"X\"}", "did you mean \"env\"?", "database.password.enf");
    }
}
