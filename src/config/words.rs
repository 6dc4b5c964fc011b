//! The HIS database in words, for the start's summary, `check` and `status`. Never the password.

use crate::config::{Database, Engine, OracleAddress, OracleTarget, SqlServerAt, Tls};

impl Database {
    /// `mysql HIS on db.hospital.local:3306 as buktor, tls prefer`.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.engine {
            Engine::MySql(n) => {
                let tls = match n.tls {
                    Tls::Off => "off",
                    Tls::Prefer => "prefer",
                    Tls::Require => "require",
                    Tls::Verify => "verify",
                };
                format!("{} as {}, tls {tls}", self.place(), n.user)
            }
            Engine::SqlServer(_) | Engine::Oracle(_) | Engine::Sqlite { .. } => self.place(),
        }
    }

    /// `mysql HIS on db.hospital.local:3306`: which database it is, whoever logs in and however. What the crosswalk keeps
    /// to know whose rows its links are.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.engine {
            Engine::MySql(n) => format!("mysql {} on {}:{}", n.database, n.host, n.port),
            Engine::SqlServer(n) => {
                let at = match &n.at {
                    SqlServerAt::Port(port) => format!(":{port}"),
                    SqlServerAt::Instance(instance) => format!("\\{instance}"),
                };
                format!("sqlserver {} on {}{at}", n.database, n.host)
            }
            Engine::Oracle(n) => match &n.address {
                OracleAddress::Listener { host, port, target, .. } => {
                    let (OracleTarget::Service(name) | OracleTarget::Sid(name)) = target;
                    format!("oracle {name} on {host}:{port}")
                }
                OracleAddress::ConnectString(text) => format!("oracle {text}"),
            },
            Engine::Sqlite { path } => format!("sqlite {}", path.display()),
        }
    }
}

/// The database's own name in a text of [`Database::place`]: what the titles of its tables begin with. None where they
/// begin with nothing.
#[must_use]
pub fn schema_of_place(place: &str) -> Option<&str> {
    place.strip_prefix("mysql ")?.rsplit_once(" on ").map(|(name, _)| name)
}
