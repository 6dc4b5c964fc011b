//! `check`, `rehearse` and `init` on each database.

use serde_json::json;

use super::{his::His, rows::site};
use crate::support::daemon::{EXECUTABLE, Site, executable, finish};

const VISITS: &str =
    "CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, status {text(10)} NOT NULL, note {text(40)})";

fn mapped(his: &His, fields: &serde_json::Value) -> Site {
    site(his, json!({ "visit": { "table": "visits", "fields": fields } }))
}

pub(super) fn check_finds_all_well(his: &His) {
    his.sql(VISITS);
    let site = mapped(his, &json!({"visit_id": "id", "status": "status", "note": "note"}));
    let words = site.cli(&["check"]).assert_code(0);
    assert!(words.contains("visits") || words.contains("VISITS"), "{words}");
}

pub(super) fn check_tells_what_is_missing(his: &His) {
    his.sql(VISITS);
    let site = mapped(his, &json!({"visit_id": "id", "note": "nota"}));
    let words = site.cli(&["check"]).assert_code(1);
    assert!(words.contains("no column nota; did you mean"), "{words}");
    let site = mapped(his, &json!({"visit_id": "id", "note": "note"}));
    let words = site.cli(&["check"]).assert_code(1);
    assert!(words.to_lowercase().contains("status"), "a column that must not be left out: {words}");
    let site =
        super::rows::site(his, json!({ "visit": { "table": "visitors", "fields": {"visit_id": "id"} } }));
    let words = site.cli(&["check"]).assert_code(1);
    assert!(words.contains("visitors") && words.to_lowercase().contains("visits"), "{words}");
}

pub(super) fn a_rehearsal_keeps_nothing(his: &His) {
    his.sql(VISITS);
    his.sql("INSERT INTO visits (id, status) VALUES (1, 'old')");
    let site = mapped(his, &json!({"visit_id": "id", "status": "status", "note": "note"}));
    let rehearse = |event: &serde_json::Value| {
        std::fs::write(site.path("event.json"), event.to_string()).unwrap();
        site.cli(&["rehearse", site.path("event.json").to_str().unwrap()]).assert_code(0)
    };
    let words = rehearse(&json!({"event_id": "a", "event_type": "visit", "visit_id": 1, "status": "new"}));
    assert!(words.contains("old") && words.contains("new"), "{words}");
    let words = rehearse(&json!({"event_id": "b", "event_type": "visit", "visit_id": 2, "status": "made"}));
    assert!(words.contains("made"), "{words}");
    his.assert_rows("SELECT id, status FROM visits", &["1|old"]);
}

pub(super) fn init_proposes_a_mapping_that_works(his: &His) {
    his.sql("CREATE TABLE appointments (appointment_id {int} NOT NULL PRIMARY KEY, status {text(20)}, start_time {datetime})");
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("his-config.json");
    let section = his.section();
    let mut command = executable(std::path::Path::new(EXECUTABLE));
    command.args(["init", "--yes", "--output"]).arg(&output);
    let mut password = String::new();
    for (key, value) in section.as_object().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match key.as_str() {
            "password" => {
                command.arg("--password-stdin");
                password = format!("{value}\n");
            }
            key => {
                command.arg(format!("--{}", key.replace('_', "-"))).arg(value);
            }
        }
    }
    let done = finish(command, &password);
    let words = done.assert_code(0);
    let written = std::fs::read_to_string(&output).unwrap_or_else(|error| panic!("{error}: {words}"));
    assert!(written.to_lowercase().contains("\"appointments\""), "{written}");
    let mut check = executable(std::path::Path::new(EXECUTABLE));
    check.arg("check").arg("--config").arg(&output);
    finish(check, "").assert_code(0);
}
