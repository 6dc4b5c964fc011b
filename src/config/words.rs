//! The HIS database in words, for the start's summary, `check` and `status`. Never the password.

use crate::config::{Database, Engine, Tls};

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
                format!("mysql {} on {}:{} as {}, tls {tls}", n.database, n.host, n.port, n.user)
            }
            Engine::Sqlite { path } => format!("sqlite {}", path.display()),
        }
    }
}
