//! The embedded HIS.

use rusqlite::{Connection, types::ValueRef};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::his::Database;

pub(crate) struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    pub(crate) fn create() -> Self {
        let his = Self { folder: tempfile::tempdir().unwrap() };
        his.open().pragma_update(None, "journal_mode", "wal").unwrap();
        his
    }

    fn open(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("his.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        connection
    }
}

impl Database for Sqlite {
    fn run(&self, sql: &str) -> Result<(), String> {
        self.open().execute_batch(sql).map_err(|error| error.to_string())
    }

    fn rows(&self, query: &str) -> Vec<String> {
        let connection = self.open();
        let mut query = connection.prepare(query).unwrap();
        let columns = query.column_count();
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Null => "NULL".to_owned(),
            ValueRef::Integer(n) => n.to_string(),
            ValueRef::Real(n) => n.to_string(),
            ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
        };
        let row = |row: &rusqlite::Row<'_>| {
            let cells = (0..columns).map(|i| Ok(text(row.get_ref(i)?)));
            Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
        };
        query.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    fn section(&self, _: Option<u16>) -> Value {
        json!({ "type": "sqlite", "path": self.folder.path().join("his.db"), "timezone": "UTC" })
    }

    fn port(&self) -> Option<u16> {
        None
    }

    fn hold(&self, sql: &str) -> Box<dyn std::any::Any> {
        let connection = self.open();
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql}")).unwrap();
        Box::new(connection)
    }

    fn kill_sessions(&self) {
        panic!("a file has no sessions");
    }

    fn limit(&self, _: &str, _: &str) {
        panic!("a file has no logins");
    }

    fn other_schema(&self) -> String {
        panic!("a file has one schema");
    }

    fn allow(&self, _: &str) {}

    fn allow_procedure(&self, _: &str) {}
}
