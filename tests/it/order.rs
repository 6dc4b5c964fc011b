//! Which event has the last word about a row: order of receipt, timestamps, what waits, what is retried.

use serde_json::json;

use crate::support::{
    daemon::Site,
    mariadb::His,
    tables::{VISITS, visit, visits},
};

/// s2 waits for its parent; s1, retried, and s3 come together: s3 must not overtake s2.
#[test]
fn what_waits_is_not_overtaken_by_what_comes_with_a_retried_event() {
    let his = His::with(
        "CREATE TABLE patients (id INT PRIMARY KEY); INSERT INTO patients VALUES (7);
         CREATE TABLE stays (id INT PRIMARY KEY, patient_id INT NOT NULL, st VARCHAR(5),
             FOREIGN KEY (patient_id) REFERENCES patients (id));",
    );
    let fields = json!({"stay_id": "id", "patient_id": "patient_id", "status": "st"});
    let site = Site::new(his.section())
        .with(json!({"sync": {"schedule": "*/4 * * * * *"}}))
        .mapping(json!({"stay": {"table": "stays", "fields": fields}}));
    let daemon = site.start();
    let stay = |id: &str, more: serde_json::Value| {
        let mut event = json!({"event_id": id, "event_type": "stay", "stay_id": 1});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    daemon.accept(&stay("s1", json!({"patient_id": 7, "status": "far too long"})));
    site.wait_state("s1", "parked");
    daemon.accept(&stay("s2", json!({"patient_id": 8, "status": "two"})));
    site.wait_state("s2", "waiting");
    his.sql("ALTER TABLE stays MODIFY st VARCHAR(50)");
    site.cli(&["events", "retry", "s1"]).assert_code(0);
    daemon.accept(&stay("s3", json!({"status": "three"})));
    site.wait_state("s1", "applied");
    site.wait_state("s3", "held");
    his.sql("INSERT INTO patients VALUES (8)");
    site.cli(&["sync", "--now"]).assert_code(0);
    site.wait_state("s3", "applied");
    assert_eq!(his.rows("SELECT patient_id, st FROM stays"), ["8\tthree"]);
}

#[test]
fn a_retry_does_not_undo_a_later_event_without_a_timestamp() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let at = |id: &str, time: &str, status: &str| json!({"event_id": id, "type": "visit.updated", "timestamp": time, "data": {"visit_id": 1, "status": status}});
    daemon.accept(&at("z", "2025-03-02T10:00:00Z", "z"));
    site.wait_state("z", "applied");
    daemon.accept(&at("a", "2025-03-02T20:00:00Z", "far too long for it"));
    site.wait_state("a", "parked");
    daemon.accept(&visit(1, "flat"));
    site.wait_state("v1-flat", "applied");
    his.sql("ALTER TABLE visits MODIFY status VARCHAR(60)");
    site.cli(&["events", "retry", "a"]).assert_code(0);
    site.wait_state("a", "stale");
    assert_eq!(his.rows("SELECT status FROM visits WHERE id = 1"), ["flat"]);
}

#[test]
fn one_types_news_do_not_make_anothers_old() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(json!({
        "visit": {"table": "visits", "fields": {"visit_id": "id", "status": "status"}},
        "remark": {"table": "visits", "key": "visit_id", "fields": {"visit_id": "id", "note": "note"}},
    }));
    let daemon = site.start();
    let time = |seconds: u32| format!("2025-01-01T12:00:{seconds:02}Z");
    daemon.accept(&json!({"event_id": "v", "event_type": "visit", "timestamp": time(5), "visit_id": 1, "status": "paid"}));
    site.wait_state("v", "applied");
    daemon.accept(&json!({"event_id": "r", "event_type": "remark", "timestamp": time(4), "visit_id": 1, "note": "late"}));
    site.wait_state("r", "applied");
    assert_eq!(his.rows("SELECT status, note FROM visits"), ["paid\tlate"]);
}

#[test]
fn equal_values_of_different_keys_are_different_records() {
    let his = His::with(
        "CREATE TABLE v (id INT PRIMARY KEY, ref INT UNIQUE, st VARCHAR(20)); INSERT INTO v VALUES (77, 5, 'new');",
    );
    let cancelled = json!({"action": "update", "key": "ref", "fields": {"ref": "ref", "st": "st"}});
    let site = Site::new(his.section()).mapping(json!({
        "v": {"table": "v", "fields": {"v_id": "id", "st": "st"}, "on": {"cancelled": cancelled}},
    }));
    let daemon = site.start();
    let event = |id: &str, kind: &str, time: &str, data: serde_json::Value| json!({"event_id": id, "type": kind, "timestamp": time, "data": data});
    daemon.accept(&event("a", "v.updated", "2025-01-01T12:00:00Z", json!({"v_id": 5, "st": "fine"})));
    site.wait_state("a", "applied");
    daemon.accept(&event("b", "v.cancelled", "2025-01-01T11:59:00Z", json!({"ref": 5, "st": "cancelled"})));
    site.wait_state("b", "applied");
    assert_eq!(his.rows("SELECT st FROM v WHERE ref = 5"), ["cancelled"]);
}

/// While a creation waits for its mapping, a cancellation of the same type before the dot waits with it.
#[test]
fn a_paused_mapping_keeps_its_types_together() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(json!({
        "visit.created": {"table": "visits", "fields": {"visit_id": "id", "status": "status", "x": "extra"}},
        "visit.cancelled": {
            "table": "visits", "action": "update", "fields": {"visit_id": "id", "status": "status"},
        },
    }));
    let daemon = site.start();
    for (id, kind, status) in [("c", "visit.created", "new"), ("x", "visit.cancelled", "cancelled")] {
        daemon.accept(&json!({"event_id": id, "type": kind, "data": {"visit_id": 1, "status": status}}));
    }
    site.wait_state("c", "paused");
    site.wait_state("x", "paused");
    his.sql("ALTER TABLE visits ADD COLUMN extra INT");
    site.cli(&["sync", "--now"]).assert_code(0);
    site.wait_state("x", "applied");
    assert_eq!(his.rows("SELECT status FROM visits"), ["cancelled"]);
}
