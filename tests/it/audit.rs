//! The audit trail as an auditor reads it: with the executable, beside a daemon and without one.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    daemon::{EXECUTABLE, Site, executable, finish},
    mariadb::free_port,
};

fn site() -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    Site::new(section).mapping(json!({ "visit": { "table": "visits", "fields": { "visit_id": "id" } } }))
}

fn visit(id: &str) -> Value {
    json!({ "event_id": id, "type": "visit", "data": { "visit_id": 17, "status": "Asha-Nair-secret" } })
}

fn actions(trail: &Value) -> Vec<String> {
    trail.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_sent_and_who_decided_is_told() {
    let site = site();
    let daemon = site.start();
    daemon.accept(&visit("a"));
    daemon.accept(&visit("a"));
    daemon.accept(&json!({ "event_id": "a", "type": "visit", "data": { "visit_id": 18 } }));
    daemon.accept(&json!({ "event_id": "b", "type": "visit", "data": { "visit_id": 19 } }));
    let mut discard = executable(Path::new(EXECUTABLE));
    discard.args(["events", "discard", "--all", "--yes", "--config"]).arg(site.write_config());
    finish(discard, "").assert_code(0);
    let mut discard = executable(Path::new(EXECUTABLE));
    discard
        .args(["events", "discard", "b", "--yes", "--config"])
        .arg(site.write_config())
        .env("SUDO_USER", "asha");
    finish(discard, "").assert_code(0);
    let beside = site.json(&["audit", "--json"]);
    daemon.stop();
    let trail = site.json(&["audit", "--json"]);
    assert_eq!(beside, trail, "beside a daemon and without one");
    assert_eq!(actions(&trail), ["discard", "discard", "received", "conflict", "duplicate", "received"]);
    let row = |place: usize| trail[place].clone();
    assert!(row(0)["who"].as_str().unwrap().contains("sudo asha"), "{trail}");
    assert_eq!(
        (&row(0)["event_id"], &row(0)["seq"], &row(0)["address"]),
        (&json!("b"), &json!(3), &Value::Null)
    );
    assert_eq!(row(0)["detail"], "events discard: was pending");
    assert_eq!(row(1)["detail"], "events discard --all: was conflict, id-conflict");
    assert_eq!((&row(5)["address"], &row(5)["who"]), (&json!("127.0.0.1"), &Value::Null));
    assert!(!trail.to_string().contains("Asha-Nair"), "{trail}");

    let check = |args: &[&str], expected: &[&str]| {
        let all = [&["audit", "--json"], args].concat();
        assert_eq!(actions(&site.json(&all)), expected, "{args:?}");
    };
    check(&["--event", "b"], &["discard", "received"]);
    check(&["--event", "3"], &["discard", "received"]);
    check(&["--action", "conflict", "--action", "duplicate"], &["conflict", "duplicate"]);
    check(&["--who", "ASHA"], &["discard"]);
    check(&["--who", "127.0.0.1", "--limit", "1"], &["received"]);
    check(&["--since", "today", "--until", "today", "--action", "received"], &["received", "received"]);
    check(&["--until", "2020-01-01"], &[]);
    site.cli(&["audit", "--action", "nothing"]).assert_code(2);
    site.cli(&["audit", "--since", "soon"]).assert_code(2);
    let table = site.cli(&["audit", "--limit", "2"]).assert_code(0);
    for words in ["time", "action", "address", "events discard: was pending", "3 (b)", "and more"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let shown = site.cli(&["events", "show", "b"]).assert_code(0);
    assert!(shown.contains("received from 127.0.0.1"), "{shown}");
    assert!(shown.contains("events discard: was pending"), "{shown}");
    let shown = site.json(&["events", "show", "b", "--json"]);
    assert_eq!(actions(&shown["audit"]), ["received", "discard"]);
}
