//! `init` and `check --save-schema`, as a technician and a script use them: without a terminal, so that nothing is asked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    daemon::{EXECUTABLE, Finished, Site, executable, finish},
    mariadb::{His, free_port},
    tables::{MANUAL, MANUAL_MAPPING, VISITS, visits},
};

/// A folder in which `init` is run.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An SQLite file with these tables.
    fn sqlite(&self, name: &str, sql: &str) {
        rusqlite::Connection::open(self.path(name)).unwrap().execute_batch(sql).unwrap();
    }

    fn init_with(&self, args: &[&str], stdin: &str) -> Finished {
        let mut command = executable(Path::new(EXECUTABLE));
        command.current_dir(self.0.path()).arg("init").args(args).env("HIS_PASSWORD", "from the environment");
        finish(command, stdin)
    }

    fn init(&self, args: &[&str]) -> Finished {
        self.init_with(args, "")
    }

    fn written(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    fn files(&self) -> usize {
        fs::read_dir(self.0.path()).unwrap().count()
    }
}

/// The options for a MariaDB database, without the password.
fn options(his: &His) -> Vec<String> {
    let port = his.port.to_string();
    let all = [
        "--type",
        "mysql",
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--user",
        &his.name,
        "--database",
        &his.name,
    ];
    all.iter().map(|s| (*s).to_owned()).chain(["--tls".to_owned(), "off".to_owned()]).collect()
}

fn with<'a>(options: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    options.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

#[test]
fn the_manuals_tables_give_a_configuration_that_works() {
    let his = His::with(MANUAL);
    let folder = Folder::new();
    let options = options(&his);
    let args = with(&options, &["--password-stdin", "--timezone", "Asia/Kolkata", "--yes"]);
    let done = folder.init_with(&args, &format!("{}\n", his.password()));
    let said = done.assert_code(0);
    for part in [
        "appointment -> HIS_appointments",
        "HIS_payment_status  varchar(20) not null",
        "key HIS_schedule_id",
        "0 problems",
        "it holds the password",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains(&his.password()), "{said}");
    let written = folder.written("his-config.json");
    let manual: Value = serde_json::from_str(MANUAL_MAPPING).unwrap();
    assert_eq!(written["mapping"], manual["mapping"]);
    assert_eq!(
        written["database"],
        json!({
            "type": "mysql", "host": "127.0.0.1", "port": his.port, "user": his.name, "password": his.password(),
            "database": his.name, "tls": "off", "timezone": "Asia/Kolkata",
        })
    );
    let text = fs::read_to_string(folder.path("his-config.json")).unwrap();
    assert!(text.starts_with("{\n  \"database\": {\n    \"type\": \"mysql\",\n    \"host\""), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path("his-config.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The daemon runs on it as it is, but for the port, which another test may have.
    let mut site = Site::new(written["database"].clone());
    site.config["mapping"] = written["mapping"].clone();
    let daemon = site.start();
    daemon.accept(&json!({"event_type": "payment", "payment_id": 789, "amount": "1500", "status": "paid", "paid_at": "2025-03-02T11:00:00"}));
    his.wait_rows("SELECT * FROM HIS_payments", &["789\t1500.00\tpaid\t2025-03-02 11:00:00"]);
}

#[test]
fn an_existing_configuration_is_kept() {
    let folder = Folder::new();
    folder.sqlite(
        "his.db",
        "CREATE TABLE visits (visit_id VARCHAR(20) NOT NULL PRIMARY KEY, status VARCHAR(20))",
    );
    fs::write(folder.path("his-config.json"), "mine").unwrap();
    let done = folder.init(&["--path", "his.db", "--yes"]);
    assert!(done.assert_code(2).contains("--force"), "{done:?}");
    assert_eq!(fs::read_to_string(folder.path("his-config.json")).unwrap(), "mine");
    // Another file, and then over it.
    folder.init(&["--path", "his.db", "--yes", "--output", "other.json"]).assert_code(0);
    assert_eq!(folder.written("other.json")["database"]["path"], "his.db");
    folder.init(&["--path", "his.db", "--yes", "--force"]).assert_code(0);
    let fields = &folder.written("his-config.json")["mapping"]["appointment"]["fields"];
    assert_eq!(*fields, json!({"appointment_id": "visit_id", "status": "status"}));
}

#[test]
fn without_a_terminal_the_missing_options_are_named() {
    let folder = Folder::new();
    folder.sqlite("his.db", "CREATE TABLE visits (visit_id INT NOT NULL PRIMARY KEY, status VARCHAR(20))");
    let check = |args: &[&str], code: i32, expected: &[&str]| {
        // Answers on a pipe are no answers.
        let done = folder.init_with(args, "yes\nyes\nyes\nyes\nyes\nyes\nyes\n");
        let said = done.assert_code(code);
        for part in expected {
            assert!(said.contains(part), "{args:?}: {part}: {said}");
        }
        assert_eq!(folder.files(), 1, "{args:?} wrote something");
    };
    check(&[], 2, &["--host HOST", "--user USER", "--password-env NAME", "--database NAME", "--yes"]);
    check(&["--type", "sqlite", "--yes"], 2, &["--path PATH"]);
    check(&["--path", "his.db"], 2, &["--yes"]);
    check(&["--path", "his.db", "--host", "x", "--yes"], 2, &["--host"]);
    check(&["--password", "x"], 2, &["--password"]);
    check(
        &["--path", "his.db", "--yes", "--table", "visit=visits"],
        2,
        &["appointment, schedule_change, payment"],
    );
    check(
        &["--path", "his.db", "--yes", "--table", "appointment=visit"],
        2,
        &["no table visit; did you mean visits?"],
    );
    check(&["--path", "his.db", "--yes", "--table", "appointment=none"], 1, &["--table appointment=TABLE"]);
    check(
        &["--path", "his.db", "--yes", "--marker", "appointment=status"],
        2,
        &["visit_id holds Buktor's id"],
    );
    check(&["--path", "his.db", "--yes", "--timezone", "IST"], 2, &["database.timezone", "IANA"]);
    check(&["--path", "no.db", "--yes"], 1, &["no.db, does not exist"]);
    check(&["--path", "his.db", "--yes", "-o", "no/his-config.json"], 2, &["does not exist; make it first"]);
    let port = free_port().to_string();
    let nobody = ["--host", "127.0.0.1", "--port", &port, "--user", "u", "--password-env", "HIS_PASSWORD"];
    check(&[&nobody[..], &["--database", "d", "--yes"]].concat(), 69, &["nothing listens at 127.0.0.1"]);
    let unset =
        ["--host", "x", "--user", "u", "--password-env", "HIS_PASSWORD_UNSET", "--database", "d", "--yes"];
    check(&unset, 2, &["variable HIS_PASSWORD_UNSET is not set"]);
}

#[test]
fn tables_that_are_equally_likely_must_be_named() {
    let folder = Folder::new();
    let columns = "(visit_id INT NOT NULL PRIMARY KEY, status VARCHAR(20))";
    folder.sqlite(
        "his.db",
        &format!("CREATE TABLE visits {columns}; CREATE TABLE bookings {columns}; CREATE VIEW v AS SELECT 1"),
    );
    let done = folder.init(&["--path", "his.db", "--yes"]);
    assert!(
        done.assert_code(2).contains("(bookings, visits): name one with --table appointment=TABLE"),
        "{done:?}"
    );
    folder.init(&["--path", "his.db", "--yes", "--table", "appointment=visits"]).assert_code(0);
    assert_eq!(folder.written("his-config.json")["mapping"]["appointment"]["table"], "visits");
}

#[test]
fn a_table_that_counts_its_rows_gets_a_generated_key() {
    let his = His::with(
        "CREATE TABLE OH_PATIENT (PAT_ID INT AUTO_INCREMENT PRIMARY KEY, PAT_NAME VARCHAR(100));
         CREATE TABLE OH_VISITS (
             VST_ID INT AUTO_INCREMENT PRIMARY KEY, VST_PAT_ID INT NOT NULL, VST_DATE DATETIME NOT NULL,
             VST_NOTE TEXT, VST_REF VARCHAR(60), VST_STATUS ENUM('Confirmed', 'Canceled', 'Arrived'),
             VST_CREATED_DATE DATETIME, VST_DELETED TINYINT(1) NOT NULL DEFAULT 0);
         CREATE TABLE calendar (
             pc_eid INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, pc_eventDate DATE NOT NULL, pc_startTime TIME, pc_time DATETIME,
             pc_hometext TEXT, pc_apptstatus VARCHAR(15) NOT NULL DEFAULT '-')",
    );
    let folder = Folder::new();
    fs::write(folder.path("password.txt"), his.password()).unwrap();
    let options = options(&his);
    let init = |more: &[&str]| {
        let args = with(&options, &["--password-file", "password.txt", "--yes", "--force"]);
        folder.init(&[&args[..], more].concat());
        folder.written("his-config.json")
    };
    // What `check` says of it at the end is not looked at here.
    let written = init(&["--table", "appointment=OH_VISITS"]);
    assert_eq!(written["database"]["password"], json!({"file": "password.txt"}));
    assert_eq!(
        written["mapping"],
        json!({"appointment": {
            "table": "OH_VISITS", "generated_key": "VST_ID", "key": "appointment_id",
            "fields": {
                "start_time": "VST_DATE",
                "status": {"column": "VST_STATUS", "values": {"confirmed": "Confirmed", "cancelled": "Canceled"}},
                "notes": {"column": "VST_NOTE", "truncate": true},
                "received_at": "VST_CREATED_DATE",
            },
            "on": {"deleted": {"constants": {"VST_DELETED": 1}}},
        }})
    );
    let written =
        init(&["--table", "appointment=OH_VISITS", "--same-ids", "--marker", "appointment=VST_REF"]);
    let mapping = &written["mapping"]["appointment"];
    assert_eq!(mapping["marker"], "VST_REF");
    assert_eq!(mapping["fields"]["patient_info.patient_id"], "VST_PAT_ID");
    let written = init(&["--table", "appointment=calendar"]);
    assert_eq!(
        written["mapping"]["appointment"],
        json!({
            "table": "calendar", "generated_key": "pc_eid", "key": "appointment_id",
            "fields": {
                "start_time": ["pc_eventDate", "pc_startTime"],
                "status": "pc_apptstatus",
                "notes": {"column": "pc_hometext", "truncate": true},
            },
        })
    );
}

#[test]
fn what_nobody_understands_is_not_guessed() {
    let folder = Folder::new();
    folder.sqlite(
        "his.db",
        "CREATE TABLE TERMINE (TERMIN_NR INT NOT NULL PRIMARY KEY, PATIENTEN_NR INT NOT NULL, BEGINN DATETIME NOT NULL)",
    );
    let done = folder.init(&["--path", "his.db", "--yes"]);
    let said = done.assert_code(1);
    assert!(
        said.contains("appointment: no table looks like it") && said.contains("nothing was written"),
        "{said}"
    );
    assert_eq!(folder.files(), 1);
    // Named all the same, the rest is for a person: `check` says what.
    let done = folder.init(&["--path", "his.db", "--yes", "--table", "appointment=TERMINE"]);
    assert_ne!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("BEGINN        DATETIME not null  STILL TO BE FILLED"), "{done:?}");
    assert_eq!(
        folder.written("his-config.json")["mapping"]["appointment"],
        json!({"table": "TERMINE", "fields": {}})
    );
}

#[test]
fn the_description_of_the_tables_is_saved() {
    let his = His::with(VISITS);
    his.sql("INSERT INTO visits VALUES (1, 'secret', 'of a patient', NULL)");
    let mut site = Site::new(his.section()).mapping(visits());
    let saved = site.path("tables.json");
    let saved = saved.to_str().unwrap();
    let done = site.cli(&["check", "--save-schema", saved]);
    assert!(done.assert_code(0).contains("the description of 1 table was saved"), "{done:?}");
    let text = fs::read_to_string(saved).unwrap();
    let schema = buktor_middleware::saved::from_json(&text).unwrap();
    let columns: Vec<_> =
        schema.tables.values().next().unwrap().columns.iter().map(|c| c.name.0.clone()).collect();
    assert_eq!(columns, ["id", "status", "note", "changed_at"]);
    assert!(!text.contains("secret") && !text.contains("patient"), "{text}");
    // Over an older one, with the JSON of `check` undisturbed; a table that is not there is in it, too.
    site.config["mapping"]["x"] = json!({"table": "visit", "fields": {"x_id": "id"}});
    let done = site.cli(&["check", "--json", "--save-schema", saved]);
    assert_eq!(done.code, 1, "{done:?}");
    serde_json::from_str::<Value>(&done.stdout).unwrap();
    let schema = buktor_middleware::saved::from_json(&fs::read_to_string(saved).unwrap()).unwrap();
    assert_eq!(schema.missing.values().next().unwrap(), &["visits"]);
    // Never over anything else, and not without tables.
    let own = site.path("his-config.json");
    let done = site.cli(&["check", "--save-schema", own.to_str().unwrap()]);
    assert!(done.assert_code(1).contains("is no description of tables; it was left as it is"), "{done:?}");
    site.config["database"]["port"] = json!(free_port());
    let other = site.path("other.json");
    site.cli(&["check", "--save-schema", other.to_str().unwrap()]).assert_code(69);
    assert!(!other.exists());
}
