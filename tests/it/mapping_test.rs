//! `mapping test`: example events against a saved description of the tables. Nothing here asks a database but to save one.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    daemon::{Finished, Site},
    mariadb::{His, free_port},
};

/// A file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap().replace("\r\n", "\n")
}

/// A site with `OpenEMR`'s mapping whose HIS is away, and the saved description of its tables.
fn site() -> Site {
    let mut config: Value = serde_json::from_str(&read("docs/recipes/openemr.json")).unwrap();
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "openemr", "timezone": "Asia/Kolkata",
    });
    let site = Site::new(section).mapping(config["mapping"].take());
    fs::write(site.path("his-schema.json"), read("tests/fixtures/recipes/openemr-schema.json")).unwrap();
    site
}

/// Runs these examples.
fn test(site: &Site, examples: &str, more: &[&str]) -> Finished {
    fs::write(site.path("his-mapping-tests.json"), examples).unwrap();
    site.cli(&[&["mapping", "test"], more].concat())
}

fn said(done: &Finished, code: i32, expected: &[&str]) {
    let said = done.assert_code(code);
    for words in expected {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
}

#[test]
fn the_recipes_examples_are_as_expected() {
    let examples = read("docs/recipes/openemr-mapping-tests.json");
    let site = site();
    let done = test(&site, &examples, &[]);
    let count = examples.matches("\"name\"").count();
    said(&done, 0, &[&format!("{count} ok, 0 failed"), "ok      a booking makes a row\n"]);
    let report: Value = serde_json::from_str(&test(&site, &examples, &["--json"]).stdout).unwrap();
    assert_eq!(report.as_array().unwrap().len(), count);
    assert!(report.as_array().unwrap().iter().all(|test| test["result"] == "ok"), "{report}");

    // And against tables as they are described today.
    let his = His::with(&read("tests/fixtures/recipes/openemr.sql"));
    let mut live = site;
    live.config["database"] = his.section();
    live.merge(json!({"database": {"timezone": "Asia/Kolkata"}}));
    let path = live.path("now.json");
    live.cli(&["check", "--save-schema", path.to_str().unwrap()]).assert_code(0);
    said(&test(&live, &examples, &["--schema", path.to_str().unwrap()]), 0, &["0 failed"]);
}

#[test]
fn the_manuals_example_is_as_expected() {
    let manual = read("docs/mapping.md");
    let section = manual.split("## Trying a mapping\n").nth(1).unwrap();
    let blocks: Vec<&str> =
        section.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).take(2).collect();
    let his = His::with(
        "CREATE TABLE DOCTORS (DOC_ID INT PRIMARY KEY, CODE VARCHAR(10));
         CREATE TABLE VISITS (VISIT_NO INT AUTO_INCREMENT PRIMARY KEY, STATUS CHAR(1), STARTS_AT DATETIME, DOC_ID INT,
             MADE_AT DATETIME)",
    );
    let mut config: Value = serde_json::from_str(blocks[0]).unwrap();
    let site = Site::new(his.section()).mapping(config["mapping"].take());
    site.cli(&["check", "--save-schema", site.path("his-schema.json").to_str().unwrap()]).assert_code(0);
    said(&test(&site, blocks[1], &[]), 0, &["3 ok, 0 failed"]);
}

#[test]
fn differences_are_told_column_by_column() {
    let site = site();
    let booking = json!({
        "type": "appointment.created",
        "data": {
            "appointment_id": "A-1", "start_time": "2025-03-10T10:30:00Z", "end_time": "10:45", "status": "confirmed",
            "doctor_id": "1234567893",
        },
    });
    let examples = json!({
        "lookups": { "users.npi": { "1234567893": { "ID": 7 } } },
        "tests": [
            { "name": "one", "event": booking, "expect": [{ "table": "x" }] },
            {
                "name": "two", "event": booking,
                "expect": [{
                    "action": "update",
                    "row": { "pc_aid": 8, "PC_STARTTIME": "16:00:00", "pc_pid": 101, "pc_eventDate": "soon" },
                }],
            },
            { "name": "three", "event": booking, "expect": { "ignored": true } },
            { "name": "four", "event": { "type": "bill" }, "expect": { "parked": "null" } },
            { "name": "five", "event": {}, "expect": [] },
            { "name": "six", "event": booking },
        ],
    });
    let done = test(&site, &examples.to_string(), &[]);
    let table = "openemr.openemr_postcalendar_events";
    said(
        &done,
        1,
        &[
            &format!("FAILED  one\n        row 1, {table}: expected table x, came table {table}\n"),
            &format!("FAILED  two\n        row 1, {table}: expected update, came insert\n"),
            &format!("row 1, {table}, pc_aid: expected 8, came \"7\"\n"),
            "pc_pid: expected 101, came nothing: it is not written\n",
            "pc_eventDate: expected \"soon\", came \"2025-03-10\"; what is expected could not stand there:",
            "FAILED  three\n        expected ignored, came 1 row to be written: insert openemr.",
            "FAILED  four\n        expected parked, null, came unmapped: ",
            "FAILED  five\n        expected 0 rows to be written, came an event that would not be accepted: the event has no type",
            "new     six\n        nothing is expected yet; what comes is\n",
            "0 ok, 5 failed, 1 without \"expect\"",
        ],
    );
    assert!(!done.stdout.contains("PC_STARTTIME"), "{done:?}");
    let report: Value =
        serde_json::from_str(&test(&site, &examples.to_string(), &["--json"]).stdout).unwrap();
    assert_eq!(report[1]["differences"][1]["column"], "pc_aid", "{report}");
    assert_eq!(report[5]["came"][0]["row"]["pc_startTime"], "16:00:00", "{report}");
}

#[test]
fn what_comes_can_be_recorded() {
    let site = site();
    let examples = "{\n  \"tests\": [\n    {\n      \"name\": \"ü\", \"event\": {\"type\": \"bill\"}\n    },\n    {\n      \
                    \"event\": {\"type\": \"appointment.created\", \"data\": {\"appointment_id\": 1, \"start_time\": \
                    \"2025-03-10T10:30:00\"}}\n    }\n  ]\n}\n";
    said(&test(&site, examples, &["--record"]), 0, &["2 recorded", "0 ok, 0 failed, 2 new"]);
    let recorded = fs::read_to_string(site.path("his-mapping-tests.json")).unwrap();
    assert!(
        recorded.contains("\"name\": \"ü\", \"expect\": {\"unmapped\":true},\n      \"event\""),
        "{recorded}"
    );
    assert!(recorded.contains("            \"pc_startTime\": \"10:30:00\",\n"), "{recorded}");
    said(&test(&site, &recorded, &[]), 0, &["2 ok, 0 failed"]);
    // Nothing is left to be recorded.
    said(&test(&site, &recorded, &["--record"]), 0, &["0 recorded"]);
    assert_eq!(fs::read_to_string(site.path("his-mapping-tests.json")).unwrap(), recorded);
}

#[test]
fn broken_files_are_told_with_their_places() {
    let mut site = site();
    said(&site.cli(&["mapping", "test"]), 78, &["his-mapping-tests.json cannot be read"]);
    said(
        &test(&site, "{\n  \"test\": []\n}", &[]),
        78,
        &[":2:3: test: unknown key; did you mean \"tests\"?"],
    );
    let typo = r#"{"lookups": {"users.np": {}}, "tests": []}"#;
    said(
        &test(&site, typo, &[]),
        78,
        &[":1:14: lookups.users.np: no lookup", "users.npi, patient_data.pubpid"],
    );
    let lacks = r#"{"lookups": {"users.npi": {"1": {"x": 1}}}, "tests": []}"#;
    said(&test(&site, lacks, &[]), 78, &[":1:28: lookups.users.npi.1: lacks the column id"]);
    let away = r#"{"schema": "away.json", "tests": []}"#;
    said(&test(&site, away, &[]), 78, &["away.json cannot be read", "check --save-schema"]);
    let stranger = site.path("his-config.json");
    let stranger = stranger.to_str().unwrap();
    said(&test(&site, typo, &["--schema", stranger]), 78, &["no description of tables"]);
    said(&site.cli(&["mapping", "test", "nowhere.json"]), 78, &["nowhere.json cannot be read"]);
    // A mapping that does not fit what is described.
    site.config["mapping"] = json!({"bill": {"table": "BILLS", "fields": {"bill_id": "ID"}}});
    let bill = r#"{"tests": [{"name": "b", "event": {"type": "bill"}, "expect": []}]}"#;
    said(
        &test(&site, bill, &[]),
        1,
        &["PROBLEM: ", "mapping.bill.table: the HIS database has no table BILLS", "came paused", "anew with"],
    );
}
