//! `rehearse`: shows what an event would do to the rows of a real database, and leaves nothing of it.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    daemon::{EXECUTABLE, Finished, Site, executable},
    mariadb::His,
    wait_until,
};

/// A recipe of docs/recipes on the tables of a fixture.
fn recipe(name: &str, fixture: &str) -> (His, Site) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: String| fs::read_to_string(top.join(path)).unwrap();
    let his = His::with(&read(format!("tests/fixtures/recipes/{fixture}.sql")));
    let mut config: Value = serde_json::from_str(&read(format!("docs/recipes/{name}.json"))).unwrap();
    let site = Site::new(his.section()).mapping(config["mapping"].take());
    (his, site)
}

/// A booking as Buktor sends it.
fn booking(id: &str, patient: &str) -> Value {
    json!({
        "event_id": id, "type": "appointment.created", "timestamp": "2025-03-01T10:00:00Z", "source": "Buktor",
        "data": {
            "appointment_id": "6f1d2c3a-0000-4000-8000-000000000001", "start_time": "2025-03-10T10:30:00",
            "end_time": "2025-03-10T10:45:00", "status": "confirmed", "notes": "first visit",
            "patient_name": "Asha Nair", "patient_info": { "patient_id": patient }, "doctor_id": "1234567893",
            "service_name": "Consultation", "location_name": "City Hospital",
        },
    })
}

/// Rehearses an event of a file.
fn rehearse(site: &Site, event: &Value, more: &[&str]) -> Finished {
    let path = site.path("event.json");
    fs::write(&path, event.to_string()).unwrap();
    site.cli(&[&["rehearse", path.to_str().unwrap()], more].concat())
}

/// What a rehearsal prints as JSON, with its exit code.
fn told(site: &Site, event: &Value, more: &[&str]) -> (i32, Value) {
    let done = rehearse(site, event, &[&["--json"], more].concat());
    let value = serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    (done.code, value)
}

/// A column of a change, `before > after`, with a star where it changes.
fn column(change: &Value, name: &str) -> String {
    let columns = change["columns"].as_array().unwrap();
    let column =
        columns.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name} in {change}"));
    let side = |side: &str| match column.get(side) {
        None => "-".to_owned(),
        Some(Value::Null) => "NULL".to_owned(),
        Some(text) => text.as_str().unwrap().to_owned(),
    };
    let star = if column["changed"] == true { "*" } else { "" };
    format!("{star}{} > {}", side("before"), side("after"))
}

/// All rows of a database, for comparing.
fn dump(his: &His) -> String {
    let tables = his.rows("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()");
    tables.iter().map(|table| his.sql(&format!("SELECT * FROM {table} ORDER BY 1"))).collect()
}

#[test]
fn a_row_is_shown_before_and_after_and_nothing_stays() {
    let (his, site) = recipe("openemr", "openemr");
    let before = dump(&his);
    let book = booking("book", "P-1001");
    let done = rehearse(&site, &book, &[]);
    let said = done.assert_code(0);
    for words in [
        "appointment: his_",
        "(pc_eid = 41): a new row",
        " *  pc_startTime         -       10:30:00",
        "would be    applied",
        "AUTO_INCREMENT",
        "rolled back",
        "patient data",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    // Columns that nobody fills are shown where they are asked for.
    assert!(!said.contains("pc_recurrspec"), "{said}");
    assert!(rehearse(&site, &book, &["--all"]).assert_code(0).contains("pc_recurrspec"));
    assert_eq!(dump(&his), before);
    assert!(!site.path("queue.db").exists());
}

/// Beside the daemon, with a row that it has linked, and that somebody has changed.
#[test]
fn a_linked_row_is_found_by_its_link() {
    let (his, site) = recipe("openemr", "openemr");
    let book = booking("book", "P-1001");
    let daemon = site.start();
    daemon.accept(&book);
    site.wait_state("book", "applied");
    his.sql("UPDATE openemr_postcalendar_events SET pc_room = 'R3' WHERE pc_eid > 40");
    let before = dump(&his);
    let moved = json!({
        "event_id": "move", "type": "appointment.rescheduled", "timestamp": "2025-03-01T10:05:00Z",
        "data": {
            "appointment_id": "6f1d2c3a-0000-4000-8000-000000000001", "new_time": "2025-03-11T11:15:00",
        },
    });
    let (code, report) = told(&site, &moved, &[]);
    assert_eq!((code, &report["would_be"]), (0, &json!("applied")), "{report}");
    assert_eq!(report["mapping"], "mapping.appointment.on.rescheduled");
    let change = &report["changes"][0];
    assert_eq!((&change["does"], &change["rows"]), (&json!("update"), &json!(1)), "{change}");
    assert_eq!(column(change, "pc_eventDate"), "*2025-03-10 > 2025-03-11");
    assert_eq!(column(change, "pc_startTime"), "*10:30:00 > 11:15:00");
    assert_eq!(column(change, "pc_multiple"), "0 > 0");
    assert_eq!(column(change, "pc_room"), "R3 > R3");
    let said = rehearse(&site, &moved, &[]).assert_code(0);
    assert!(said.contains("    pc_multiple") && !said.contains("pc_room"), "{said}");
    // An event of the queue, which has been applied: it would do the same again.
    let report = site.json(&["rehearse", "--event", "book", "--json"]);
    assert_eq!((&report["would_be"], &report["changes"][0]["does"]), (&json!("applied"), &json!("nothing")));
    // One that is late.
    daemon.accept(&moved);
    site.wait_state("move", "applied");
    let mut late = moved.clone();
    late["timestamp"] = json!("2025-03-01T10:02:00Z");
    let (code, report) = told(&site, &late, &[]);
    assert_eq!((code, &report["would_be"]), (1, &json!("stale")), "{report}");
    assert_eq!(report["changes"], json!([]));
    let deleted = json!({
        "type": "appointment.deleted", "timestamp": "2025-03-01T10:09:00Z",
        "data": { "appointment_id": "6f1d2c3a-0000-4000-8000-000000000001" },
    });
    let (code, report) = told(&site, &deleted, &[]);
    assert_eq!((code, &report["changes"][0]["does"]), (0, &json!("delete")), "{report}");
    assert_eq!(column(&report["changes"][0], "pc_room"), "*R3 > -");
    his.sql("UPDATE openemr_postcalendar_events SET pc_eventDate = '2025-03-10', pc_startTime = '10:30:00' WHERE pc_eid > 40");
    assert_eq!(dump(&his), before);

    his.sql("DELETE FROM openemr_postcalendar_events WHERE pc_eid > 40");
    let (code, report) = told(&site, &deleted, &[]);
    assert_eq!((code, &report["changes"][0]["does"]), (0, &json!("nothing")), "{report}");
    let mut again = moved;
    again["timestamp"] = json!("2025-03-01T10:20:00Z");
    let (code, report) = told(&site, &again, &[]);
    assert_eq!((code, &report["cause"]), (1, &json!("row-gone")), "{report}");
}

#[test]
fn steps_get_the_keys_of_earlier_ones() {
    let (his, site) = recipe("bahmni-with-provider", "bahmni");
    let before = dump(&his);
    let (code, report) = told(&site, &booking("book", "ABC200001"), &[]);
    assert_eq!(code, 0, "{report}");
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.iter().map(|c| &c["step"]).collect::<Vec<_>>(), ["appointment", "provider"]);
    let key = changes[0]["key"]["patient_appointment_id"].as_str().unwrap();
    assert_eq!(column(&changes[1], "patient_appointment_id"), format!("*- > {key}"));
    assert_eq!(column(&changes[1], "provider_id"), "*- > 3");
    // The record that is missing is named; nothing was tried.
    let (code, report) = told(&site, &booking("book", "nobody"), &[]);
    assert_eq!((code, &report["would_be"]), (1, &json!("parked")), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("patient_identifier") && message.contains("nobody"), "{report}");
    assert_eq!(report["changes"], json!([]));
    assert_eq!(dump(&his), before);
}

#[test]
fn tables_that_cannot_roll_back_are_refused() {
    let (his, site) = recipe("open-hospital", "open-hospital-myisam");
    let before = dump(&his);
    let done = rehearse(&site, &booking("book", "1001"), &[]);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
    for words in [".VISITS has the engine MyISAM", "mapping test", "nothing was tried"] {
        assert!(done.stderr.contains(words), "{words:?} is not in {done:?}");
    }
    assert_eq!(dump(&his), before);

    // A statement names such a table; a procedure may do anything.
    let his = His::with(
        "CREATE TABLE log (what VARCHAR(20)) ENGINE = MyISAM; CREATE TABLE rows_ (id INT PRIMARY KEY, what VARCHAR(20));
         INSERT INTO rows_ VALUES (1, 'old'), (2, 'old');
         CREATE PROCEDURE put(a INT, b VARCHAR(20)) UPDATE rows_ SET what = b WHERE id >= a",
    );
    his.sql(&format!("GRANT EXECUTE ON {0}.* TO {0}@'%'", his.name));
    let site = Site::new(his.section()).mapping(json!({
        "log": { "sql": "INSERT INTO `LOG` VALUES (:what)", "repeatable": true },
        "put": { "sql": "CALL put(:put_id, :what)", "repeatable": true },
        "set": { "sql": "UPDATE rows_ SET what = :what WHERE id = :set_id", "repeatable": true },
    }));
    let event = |kind: &str| json!({"event_type": kind, "put_id": 1, "set_id": 2, "what": "new"});
    // Names of tables differ in case on some systems only.
    let log = rehearse(&site, &event("log"), &["--run-statements"]);
    assert!(log.code == 1 && (log.stderr.contains("MyISAM") || log.stdout.contains("LOG")), "{log:?}");
    let done = rehearse(&site, &event("put"), &[]);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
    assert!(done.stderr.contains("mapping.put.sql runs a procedure"), "{done:?}");
    let (code, report) = told(&site, &event("put"), &["--run-statements"]);
    assert_eq!((code, &report["changes"][0]["does"]), (0, &json!("statement")), "{report}");
    assert_eq!(column(&report["changes"][0], "what"), "*- > new");
    let (code, report) = told(&site, &event("set"), &[]);
    assert_eq!((code, &report["changes"][0]["rows"]), (0, &json!(1)), "{report}");
    let said = rehearse(&site, &event("set"), &[]).assert_code(0);
    assert!(said.contains("the statement of mapping.set.sql: 1 row") && said.contains(":set_id"), "{said}");
    assert_eq!(his.rows("SELECT what FROM rows_"), ["old", "old"]);
}

#[test]
fn the_words_of_the_his_are_told() {
    let his = His::with(
        "CREATE TABLE doctors (id INT PRIMARY KEY);
         CREATE TABLE visits (
             id INT NOT NULL PRIMARY KEY, token INT UNIQUE, doctor INT REFERENCES doctors (id), stamp VARCHAR(20));
         CREATE TRIGGER stamps BEFORE UPDATE ON visits FOR EACH ROW SET NEW.stamp = 'by trigger';
         INSERT INTO visits VALUES (1, 1, NULL, 'x'), (2, 2, NULL, 'x')",
    );
    let fields = json!({ "visit_id": "id", "token": "token", "doctor": "doctor" });
    let mut site = Site::new(his.section()).mapping(json!({
        "visit": { "table": "visits", "fields": fields, "when": { "kind": [null, "x"] } },
    }));
    site.config["database"]["lock_timeout_s"] = json!(1);
    let visit = |id: u32, token: Value, doctor: Value| json!({"event_type": "visit", "kind": "x", "visit_id": id, "token": token, "doctor": doctor});
    let check = |event: &Value, state: &str, cause: &str, words: &str| {
        let (code, report) = told(&site, event, &[]);
        assert_eq!((code, &report["would_be"], &report["cause"]), (1, &json!(state), &json!(cause)));
        let message = report["message"].as_str().unwrap();
        assert!(message.contains(words), "{words:?} is not in {message}");
    };
    let before = dump(&his);
    check(&visit(1, json!(2), json!(null)), "parked", "mysql-1062", ".visits: Duplicate entry '2'");
    check(&visit(3, json!(3), json!(7)), "waiting", "mysql-1452", "foreign key");
    check(&visit(3, json!("many"), json!(null)), "parked", "not-a-number:visit.token", ".visits.token (int");
    check(&json!({"event_type": "visit"}), "ignored", "ignored", "\"when\"");
    check(&json!({"event_type": "bill"}), "unmapped", "unmapped:bill", "no mapping for bill");
    {
        let _held = his.hold("UPDATE visits SET token = 9 WHERE id = 2");
        check(&visit(2, json!(5), json!(null)), "deferred", "mysql-1205", "Lock wait timeout");
    }
    // What a trigger does is seen, and told.
    let done = rehearse(&site, &visit(2, json!(5), json!(null)), &[]);
    let said = done.assert_code(0);
    assert!(said.contains(" *  stamp   x       by trigger") && said.contains("triggers of"), "{said}");
    assert_eq!(dump(&his), before);

    let broken = rehearse(&site, &json!({"type": ""}), &[]).assert_code(1);
    assert!(broken.contains("\"type\" is empty"), "{broken}");
    site.cli(&["rehearse"]).assert_code(2);
    let none = site.cli(&["rehearse", "--event", "7"]).assert_code(1);
    assert!(none.contains("no queue file yet"), "{none}");
    site.config["database"]["port"] = json!(crate::support::mariadb::free_port());
    assert_eq!(rehearse(&site, &visit(2, json!(5), json!(null)), &[]).code, 69);
}

#[test]
fn an_event_of_the_queue_is_tried_before_it_is_retried() {
    let his = His::with(
        "CREATE TABLE doctors (id INT PRIMARY KEY);
         CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, status VARCHAR(3), doctor INT REFERENCES doctors (id))",
    );
    let fields = json!({ "visit_id": "id", "status": "status", "doctor": "doctor" });
    let site = Site::new(his.section()).mapping(json!({ "visit": { "table": "visits", "fields": fields } }));
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "long", "event_type": "visit", "visit_id": 1, "status": "booked"}));
    daemon.accept(&json!({"event_id": "early", "event_type": "visit", "visit_id": 2, "doctor": 7}));
    site.wait_state("long", "parked");
    site.wait_state("early", "waiting");
    let said = site.cli(&["rehearse", "--event", "long"]).assert_code(1);
    assert!(
        said.contains("would be    parked") && said.contains("cause       too-long:visit.status"),
        "{said}"
    );
    his.sql("ALTER TABLE visits MODIFY status VARCHAR(20)");
    let said = site.cli(&["rehearse", "--event", "long"]).assert_code(0);
    assert!(said.contains(" *  status  -       booked") && said.contains("would be    applied"), "{said}");
    site.cli(&["rehearse", "--event", "early"]).assert_code(1);
    // A later event of the record that waits.
    let (code, report) = told(&site, &json!({"event_type": "visit", "visit_id": 2, "status": "new"}), &[]);
    assert_eq!((code, &report["would_be"]), (0, &json!("applied")), "{report}");
    assert!(
        report["notes"][0].as_str().unwrap().contains("event 2 of the same record is not finished"),
        "{report}"
    );
    // The daemon knows nothing of all this.
    assert_eq!(site.event("long")["attempts"], 1);
    assert_eq!(his.rows("SELECT * FROM visits"), [""; 0]);
}

#[test]
fn a_rehearsal_that_is_killed_leaves_nothing() {
    let his = His::with(
        "CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, status VARCHAR(10)); INSERT INTO visits VALUES (1, 'a'), (2, 'a')",
    );
    let mut site = Site::new(his.section()).mapping(json!({ "visit": { "steps": [
        { "name": "one", "table": "visits", "fields": { "visit_id": "id", "status": "status" } },
        { "name": "two", "table": "visits", "key": "other_id", "fields": { "other_id": "id", "status": "status" } },
    ]}}));
    site.config["database"]["lock_timeout_s"] = json!(20);
    let path = site.path("event.json");
    fs::write(&path, r#"{"event_type": "visit", "visit_id": 1, "other_id": 2, "status": "b"}"#).unwrap();
    // It waits for the second row, and has written the first.
    let held = his.hold("SELECT id FROM visits WHERE id = 2 FOR UPDATE");
    let config = site.write_config();
    let mut command = executable(Path::new(EXECUTABLE));
    let mut child = command.arg("rehearse").arg(&path).arg("--config").arg(config).spawn().unwrap();
    wait_until("the first row is locked", || {
        his.sql("SELECT COUNT(*) FROM visits WHERE id = 1 FOR UPDATE SKIP LOCKED").trim() == "0"
    });
    crate::support::daemon::signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(held);
    wait_until("the server has taken it back", || {
        his.rows("SELECT status FROM visits FOR UPDATE SKIP LOCKED") == ["a", "a"]
    });
}

#[test]
fn a_file_is_rehearsed_on_too() {
    let folder = tempfile::tempdir().unwrap();
    let (site, file) = Site::of_demo(folder.path());
    let bytes = fs::read(&file).unwrap();
    let event = json!({"event_type": "appointment", "appointment_id": 123, "status": "seen"});
    let (code, report) = told(&site, &event, &[]);
    assert_eq!((code, &report["changes"][0]["does"]), (0, &json!("update")), "{report}");
    assert_eq!(column(&report["changes"][0], "HIS_status"), "*confirmed > seen");
    assert_eq!(report["notes"], json!([]));
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

/// No function on the way of a rehearsal can commit: none of these files names it.
#[test]
fn nothing_on_the_way_commits() {
    for path in ["src/sync/rehearse.rs", "src/sync/shown.rs", "src/his/trial.rs", "src/cli/rehearse.rs"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for word in ["commit(", "COMMIT"] {
            assert!(!code.contains(word), "{path} names {word}");
        }
    }
}
