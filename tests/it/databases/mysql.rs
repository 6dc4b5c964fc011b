//! `MySQL` and `MariaDB`: the server that `BUKTOR_TEST_MYSQL` names, else the one that tests/run.sh started.

use serde_json::Value;

use super::his::{Database, admin_of};
use crate::support::mariadb::{Admin, His};

pub(crate) struct MySql(His);

impl Drop for MySql {
    fn drop(&mut self) {
        // The server of tests/run.sh goes with all that is in it.
        if std::env::var("BUKTOR_TEST_MYSQL").is_ok() {
            let name = &self.0.name;
            // What stays begins with `his_` and harms nothing.
            self.0
                .try_sql(&format!(
                    "DROP DATABASE IF EXISTS {name}_b; DROP DATABASE {name}; DROP USER {name}@'%'"
                ))
                .ok();
        }
    }
}

impl MySql {
    pub(crate) fn create() -> Self {
        let Ok(address) = std::env::var("BUKTOR_TEST_MYSQL") else { return Self(His::shared()) };
        let ((user, password), port) = admin_of(&address, "mysql://");
        Self(His::create(Admin::Network { port, user, password }, port))
    }
}

impl Database for MySql {
    fn run(&self, sql: &str) -> Result<(), String> {
        // A procedure's or trigger's body holds semicolons.
        self.0.try_sql(&format!("DELIMITER //\n{sql}\n//")).map(drop)
    }

    fn rows(&self, query: &str) -> Vec<String> {
        self.0.rows(query).iter().map(|row| row.replace('\t', "|")).collect()
    }

    fn section(&self, port: Option<u16>) -> Value {
        self.0.section_at(port.unwrap_or(self.0.port))
    }

    fn port(&self) -> Option<u16> {
        Some(self.0.port)
    }

    fn hold(&self, sql: &str) -> Box<dyn std::any::Any> {
        Box::new(self.0.hold(sql))
    }

    fn kill_sessions(&self) {
        self.0.kill_sessions();
    }

    fn limit(&self, table: &str, privileges: &str) {
        let name = &self.0.name;
        self.0.sql(&format!(
            "REVOKE ALL, GRANT OPTION FROM {name}@'%'; GRANT {privileges} ON {name}.{table} TO {name}@'%';"
        ));
    }

    fn other_schema(&self) -> String {
        let other = format!("{}_b", self.0.name);
        self.0.sql(&format!("CREATE DATABASE {other}"));
        other
    }

    fn allow(&self, table: &str) {
        let name = &self.0.name;
        self.0.sql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {name}@'%'"));
    }

    fn allow_procedure(&self, procedure: &str) {
        let name = &self.0.name;
        self.0.sql(&format!("GRANT EXECUTE ON PROCEDURE {name}.{procedure} TO {name}@'%'"));
    }
}
