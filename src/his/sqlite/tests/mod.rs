//! The embedded HIS as a whole, each test with a file of its own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    config::{Database, Engine},
    his::{self, Session},
    model::value::SqlValue,
};

mod changes;
mod files;
mod works;

const DDL: &str = "
    CREATE TABLE HIS_patients (patient_id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
    CREATE TABLE HIS_appointments (
        id INTEGER PRIMARY KEY,
        buktor_id VARCHAR(20) NOT NULL UNIQUE,
        status TEXT NOT NULL CHECK (status <> 'bad'),
        patient_id INT REFERENCES HIS_patients (patient_id),
        fee DECIMAL(10,2) NOT NULL DEFAULT 0,
        starts DATETIME,
        label TEXT GENERATED ALWAYS AS (status || buktor_id) VIRTUAL
    );
    CREATE TABLE notes (a TEXT, b TEXT COLLATE NOCASE, c INT NOT NULL, PRIMARY KEY (a, c));
    CREATE UNIQUE INDEX notes_part ON notes (c) WHERE a IS NOT NULL;
    CREATE UNIQUE INDEX notes_expr ON notes (c + 1);
    CREATE UNIQUE INDEX notes_null ON notes (b);
    CREATE VIEW latest AS SELECT * FROM notes;
    CREATE TABLE log (line TEXT);
    CREATE TRIGGER log_it AFTER INSERT ON HIS_patients BEGIN INSERT INTO log VALUES (NEW.name); END;
    CREATE TABLE \"odd \"\"name`s.x\" (\"väl ue\" INT);";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        place.raw().execute_batch(DDL).expect("tables");
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("his.sqlite")
    }

    fn raw(&self) -> Connection {
        Connection::open(self.path()).expect("the file opens")
    }

    async fn connect(&self) -> Box<dyn Session> {
        his::connect(&database(&self.path())).await.expect("connected")
    }

    fn text(&self, sql: &str) -> String {
        self.raw().query_row(sql, [], |row| row.get(0)).expect("a row")
    }
}

fn database(path: &Path) -> Database {
    Database {
        engine: Engine::Sqlite { path: path.to_owned() },
        timezone: chrono_tz::Asia::Kolkata,
        connect_time: Duration::from_secs(5),
        statement_time: Duration::from_secs(5),
        lock_time: Duration::from_millis(100),
    }
}

fn text(s: &str) -> SqlValue {
    SqlValue::Text(s.to_owned())
}
