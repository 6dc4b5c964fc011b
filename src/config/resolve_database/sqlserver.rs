//! SQL Server's address and login, in the ways in which hospitals write them. Repeats no text in its words that may hold
//! a password.

use crate::config::{
    SqlServer, SqlServerAt, SqlServerLogin,
    file::{self, SQLSERVER_PORT_DEFAULT},
    keypath::KeyPath,
    resolve::Resolver,
    resolve_database::{
        address::{self, Address},
        tls,
    },
};

/// The instance that listens at the default port and is asked for without a name.
const DEFAULT_INSTANCE: &str = "MSSQLSERVER";
/// How this machine is written by those who use Windows' own tools.
const THIS_MACHINE: [&str; 3] = [".", "(local)", "localhost"];

const PIPES: &str = "names a named pipe, but SQL Server is reached by TCP alone; write the server's name, and switch TCP/IP on \
                     in the SQL Server Configuration Manager";
const SHARED_MEMORY: &str = "names shared memory, but SQL Server is reached by TCP alone; write \"localhost\", and switch TCP/IP \
                             on in the SQL Server Configuration Manager";
const LOCAL_DB: &str = "names LocalDB, which has no TCP and runs for one Windows user alone; name a SQL Server (Express is enough)";
const ADMIN: &str = "asks for the administrator's own connection, which is not for programs; write the server's name without \
                     \"admin:\"";
/// Other ways than TCP, by how they begin.
const OTHER_WAYS: [(&str, &str); 6] = [
    ("np:", PIPES),
    (r"\\", PIPES),
    ("lpc:", SHARED_MEMORY),
    ("(localdb)", LOCAL_DB),
    (r"localdb\", LOCAL_DB),
    ("admin:", ADMIN),
];
const AZURE: &str = "names Azure SQL, which this program does not write to; it writes to SQL Server 2008 R2 to 2022 on a machine \
                     that is reached by its own name";
const SLASH: &str = "holds a slash; an instance is written after a backslash, which JSON has twice (\"HIS-SERVER\\\\SQLEXPRESS\"), \
                     or as \"instance\", and the database as \"database\"";
const NO_HOST: &str =
    "begins with a backslash; write the server's name before it, e.g. \"localhost\\\\SQLEXPRESS\"";
const NO_INSTANCE: &str =
    "has no instance's name after the backslash; write e.g. \"HIS-SERVER\\\\SQLEXPRESS\", or the host alone";
const BARE: &str = "must be the server's name or address: \"HIS-SERVER\", \"HIS-SERVER,1433\" or \"HIS-SERVER\\\\SQLEXPRESS\"; \
                    user, password and database have keys of their own";
const PORT: &str = "ends in a port that is no number from 1 to 65535; write e.g. \"192.168.1.20,1433\"";
const TWO_PORTS: &str = "holds two ports; write one, e.g. \"192.168.1.20,1433\"";
const PORT_OR_INSTANCE: &str = "a port and an instance exclude each other, because a port leads to one instance by itself; \
                                keep one of them";

/// What `host` says.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: Option<u16>,
    instance: Option<String>,
}

impl Resolver<'_> {
    /// Resolves what SQL Server needs.
    pub(super) fn sqlserver(&mut self, at: &KeyPath, written: file::Database) -> Option<SqlServer> {
        let place = self.sqlserver_place(at, written.host, written.port, written.instance);
        let login = if written.windows_login == Some(true) {
            self.windows_login(at, written.user.is_some(), written.password.is_some())
        } else {
            let user = self.sql_user(at, written.user);
            let password = self.password(&at.key("password"), written.password);
            user.zip(password).map(|(user, password)| SqlServerLogin::Sql { user, password })
        };
        let database = self.database_name(at, written.database).filter(|name| {
            let bare = !name.starts_with(['[', '"']);
            if !bare {
                let message = "must be the database's name alone, without brackets or quotes around it";
                self.wrong(&at.key("database"), message);
            }
            bare
        });
        let schema = self.schema(at, written.schema);
        let tls = tls(written.tls);
        let ca_file = self.ca_file(at, tls, written.ca_file);
        let (host, at) = place?;
        Some(SqlServer {
            host,
            at,
            login: login?,
            database: database?,
            schema: schema.ok()?,
            tls,
            ca_file: ca_file.ok()?,
        })
    }

    fn sqlserver_place(
        &mut self,
        at: &KeyPath,
        host: Option<String>,
        port: Option<u64>,
        instance: Option<String>,
    ) -> Option<(String, SqlServerAt)> {
        let beside = instance.map(|written| self.instance(&at.key("instance"), written));
        let written = self.host(at, host)?;
        let server = self.told(&at.key("host"), server(&written))?;
        let beside = match beside {
            Some(read) => Some(read?),
            None => None,
        };
        if let (Some(inner), Some(beside)) = (&server.instance, &beside)
            && !inner.eq_ignore_ascii_case(beside)
        {
            let message = "is not the instance that \"host\" names; write the instance in one place alone";
            self.wrong(&at.key("instance"), message);
            return None;
        }
        let instance = server.instance.or(beside).filter(|name| !name.eq_ignore_ascii_case(DEFAULT_INSTANCE));
        if let Some(instance) = instance {
            if port.is_some() || server.port.is_some() {
                let key = if port.is_some() { "port" } else { "host" };
                self.wrong(&at.key(key), PORT_OR_INSTANCE);
                return None;
            }
            return Some((server.host, SqlServerAt::Instance(instance)));
        }
        let port = self.one_port(at, server.port, port).ok()?;
        Some((server.host, SqlServerAt::Port(port.unwrap_or(SQLSERVER_PORT_DEFAULT))))
    }

    fn instance(&mut self, at: &KeyPath, written: String) -> Option<String> {
        let name = self.name(at, Some(written), "the instance's name, \"instance\": \"SQLEXPRESS\"")?;
        if !is_instance(&name) {
            self.wrong(
                at,
                "must be the instance's name alone, e.g. \"SQLEXPRESS\", without the server's name",
            );
            return None;
        }
        Some(name)
    }

    fn windows_login(&mut self, at: &KeyPath, user: bool, password: bool) -> Option<SqlServerLogin> {
        if !cfg!(windows) {
            self.wrong(
                &at.key("windows_login"),
                "works only where this program runs on Windows, as a Windows account; have a SQL Server login made for it \
                 (CREATE LOGIN ... WITH PASSWORD), and write \"user\" and \"password\" in place of this",
            );
            return None;
        }
        for (key, _) in [("user", user), ("password", password)].into_iter().filter(|(_, there)| *there) {
            self.wrong(
                &at.key(key),
                "has no use beside \"windows_login\": true, which logs in as the Windows account that runs this program; \
                 remove it, or remove \"windows_login\"",
            );
        }
        (!user && !password).then_some(SqlServerLogin::Windows)
    }

    fn sql_user(&mut self, at: &KeyPath, written: Option<String>) -> Option<String> {
        let user = self.user(at, written)?;
        if !user.contains('\\') {
            return Some(user);
        }
        let way = if cfg!(windows) {
            "run this program as that account, and write \"windows_login\": true in place of \"user\" and \"password\"; or \
             have a SQL Server login made for it, and write that one's name"
        } else {
            "have a SQL Server login made for this program (CREATE LOGIN ... WITH PASSWORD), and write its name"
        };
        let message = format!(
            "is a Windows account (DOMAIN\\name), which does not log in to SQL Server by a name and a password; {way}"
        );
        self.wrong(&at.key("user"), message);
        None
    }
}

fn is_instance(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '&' | '-'))
}

/// Reads `host`, `host:port`, `host,port` and `HOST\INSTANCE`, with `tcp:` before it or without.
fn server(written: &str) -> Result<Server, &'static str> {
    let lower = written.to_ascii_lowercase();
    if let Some((_, words)) = OTHER_WAYS.iter().find(|(start, _)| lower.starts_with(start)) {
        return Err(words);
    }
    if lower.contains(".database.windows.net") {
        return Err(AZURE);
    }
    if written.contains("://") || written.contains(['@', '?', ';', '=']) {
        return Err(BARE);
    }
    if written.contains('/') {
        return Err(SLASH);
    }
    let rest =
        if lower.starts_with("tcp:") { written.get(4..).unwrap_or_default().trim_start() } else { written };
    let (place, after_comma) = match rest.split_once(',') {
        Some((place, port)) => (place.trim_end(), Some(address::port(port.trim()).map_err(|_| PORT)?)),
        None => (rest, None),
    };
    let (host, instance) = match place.split_once('\\') {
        Some(("", _)) => return Err(NO_HOST),
        // Some write the backslash twice more than JSON needs.
        Some((host, instance)) => (host, Some(instance.trim_start_matches('\\'))),
        None => (place, None),
    };
    match instance {
        Some(name) if name.contains(':') => return Err(PORT_OR_INSTANCE),
        Some(name) if !is_instance(name) => return Err(NO_INSTANCE),
        _ => {}
    }
    let Address { host, port } =
        address::split(host).map_err(|_| if host.contains(':') { PORT } else { BARE })?;
    if port.is_some() && after_comma.is_some() {
        return Err(TWO_PORTS);
    }
    let here = THIS_MACHINE.iter().any(|name| name.eq_ignore_ascii_case(&host));
    if host.is_empty() || (!here && host.contains(['(', ')'])) {
        return Err(BARE);
    }
    let host = if here { "localhost".to_owned() } else { host };
    Ok(Server { host, port: port.or(after_comma), instance: instance.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Whatever stands there, it is read or told of; and what is read is one host, by which a server can be asked for.
        #[test]
        fn no_host_panics(text in "(tcp:|np:)?[a-zA-Z0-9.()\\[\\]:,/\\\\ @=;-]{0,24}|\\PC{0,12}") {
            if let Ok(Server { host, instance, .. }) = server(&text) {
                proptest::prop_assert!(!host.is_empty() && !host.contains(['\\', ',', '/', '@', '=', ';', ' ']), "{}", host);
                proptest::prop_assert!(instance.is_none_or(|name| is_instance(&name)));
            }
        }
    }
}
