//! The HIS database in words, for the start's summary, `check` and `status`. Never the password.

use std::borrow::Cow;

use crate::config::{
    Database, Engine, OracleAddress, OracleTarget, SqlServerAt, SqlServerLogin, Tls, resolve_database::named,
};

impl Database {
    /// `mysql HIS on db.hospital.local:3306 as buktor, tls prefer`.
    #[must_use]
    pub fn words(&self) -> String {
        let title = self.title();
        match &self.engine {
            Engine::MySql(n) => format!("{title} as {}, tls {}", n.user, tls(n.tls)),
            Engine::SqlServer(n) => {
                let login = match &n.login {
                    SqlServerLogin::Sql { user, .. } => user,
                    SqlServerLogin::Windows => "the Windows account that this program runs as",
                };
                format!("{title} as {login}, tls {}", tls(n.tls))
            }
            Engine::Oracle(n) => match &n.address {
                OracleAddress::Listener { tls: how, .. } => {
                    format!("{title} as {}, tls {}", n.user, tls(*how))
                }
                OracleAddress::ConnectString(_) => format!("{title} as {}", n.user),
            },
            Engine::Sqlite { .. } => title,
        }
    }

    /// `mysql HIS on db.hospital.local:3306`: which database it is, whoever logs in and however. What the crosswalk keeps
    /// to know whose rows its links are, so it must stay the same for one database: where case counts for nothing there is
    /// none in it, and a service and a SID of one name are one.
    #[must_use]
    pub fn place(&self) -> String {
        let title = self.title();
        match &self.engine {
            Engine::SqlServer(_) | Engine::Oracle(_) => title.to_lowercase(),
            Engine::MySql(_) | Engine::Sqlite { .. } => title,
        }
    }

    /// The place as written.
    fn title(&self) -> String {
        match &self.engine {
            Engine::MySql(n) => format!("mysql {} on {}:{}", n.database, n.host, n.port),
            Engine::SqlServer(n) => {
                let at = match &n.at {
                    SqlServerAt::Port(port) => format!(":{port}"),
                    SqlServerAt::Instance(instance) => format!("\\{instance}"),
                };
                format!("sqlserver {} on {}{at}", n.database, bracketed(&n.host))
            }
            Engine::Oracle(n) => match &n.address {
                OracleAddress::Listener { host, port, target, .. } => {
                    let (OracleTarget::Service(name) | OracleTarget::Sid(name)) = target;
                    format!("oracle {name} on {}:{port}", bracketed(host))
                }
                OracleAddress::ConnectString(text) => format!("oracle {}", named(text)),
            },
            Engine::Sqlite { path } => format!("sqlite {}", path.display()),
        }
    }
}

/// An IPv6 address as it stands before a port.
fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') { Cow::Owned(format!("[{host}]")) } else { Cow::Borrowed(host) }
}

fn tls(tls: Tls) -> &'static str {
    match tls {
        Tls::Off => "off",
        Tls::Prefer => "prefer",
        Tls::Require => "require",
        Tls::Verify => "verify",
    }
}

/// The database's own name in a text of [`Database::place`]: what the titles of its tables begin with. None where they
/// begin with nothing, or with a schema in the database (SQL Server, Oracle), which another database has too.
#[must_use]
pub fn schema_of_place(place: &str) -> Option<&str> {
    place.strip_prefix("mysql ")?.rsplit_once(" on ").map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{database, good};

    #[test]
    fn one_database_has_one_place() {
        let check = |inner: &str, place: &str, words: &str| {
            let text = format!(r#"{inner}, "user": "u", "password": "hunter2""#);
            let config = good(&database(&text));
            assert_eq!((config.database.place().as_str(), config.database.words().as_str()), (place, words));
        };
        check(
            r#""type": "mysql", "host": "DB", "database": "HIS""#,
            "mysql HIS on DB:3306",
            "mysql HIS on DB:3306 as u, tls prefer",
        );
        let server = |host: &str, place: &str, words: &str| {
            check(&format!(r#""type": "sqlserver", "host": "{host}", "database": "HIS""#), place, words);
        };
        server(
            "Db.Local",
            "sqlserver his on db.local:1433",
            "sqlserver HIS on Db.Local:1433 as u, tls prefer",
        );
        server(
            "db.local,1433",
            "sqlserver his on db.local:1433",
            "sqlserver HIS on db.local:1433 as u, tls prefer",
        );
        server(r"DB\\Sql1", r"sqlserver his on db\sql1", r"sqlserver HIS on DB\Sql1 as u, tls prefer");
        server("::1", "sqlserver his on [::1]:1433", "sqlserver HIS on [::1]:1433 as u, tls prefer");
        let oracle = |inner: &str, words: &str| {
            check(&format!(r#""type": "oracle", {inner}"#), "oracle hispdb on db:1521", words);
        };
        oracle(r#""host": "Db", "database": "HISPDB""#, "oracle HISPDB on Db:1521 as u, tls prefer");
        oracle(r#""host": "db:1521:hispdb", "tls": "off""#, "oracle hispdb on db:1521 as u, tls off");
        oracle(
            r#""host": "db", "sid": "HisPdb", "schema": "x""#,
            "oracle HisPdb on db:1521 as u, tls prefer",
        );
        oracle(r#""connect_string": "//db/HISPDB""#, "oracle HISPDB on db:1521 as u");
        check(r#""type": "oracle", "connect_string": "HisProd""#, "oracle hisprod", "oracle HisProd as u");
        assert_eq!(schema_of_place("mysql his on db:3306"), Some("his"));
        assert_eq!(schema_of_place("sqlserver his on db:1433"), None);
        assert_eq!(schema_of_place("oracle his on db:1521"), None);
    }
}
