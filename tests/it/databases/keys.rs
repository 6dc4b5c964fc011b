//! Rows that are known by the key which their table gives them.

use serde_json::{Value, json};

use super::{
    his::His,
    rows::{apply, send, site},
};

pub(super) const SLOTS: &str = "CREATE TABLE slot_of (
    sid {counter}, day {text(10)} NOT NULL, status {text(10)}, note {text(10)})";

pub(super) fn slots() -> Value {
    json!({ "appointment": { "table": "slot_of", "generated_key": "sid",
        "fields": { "day": "day", "status": "status", "note": "note" },
        "on": { "deleted": { "action": "delete" } } } })
}

pub(super) fn event(data: &Value) -> Value {
    json!({ "type": "appointment.updated", "data": data })
}

pub(super) fn a_generated_key_is_remembered(his: &His) {
    his.sql(SLOTS);
    let site = site(his, slots());
    let daemon = site.start();
    apply(&site, &daemon, "a", &event(&json!({"appointment_id": 7, "day": "mo", "status": "new"})));
    apply(&site, &daemon, "b", &event(&json!({"appointment_id": 8, "day": "tu"})));
    // A restart knows it still.
    daemon.stop();
    let daemon = site.start();
    apply(&site, &daemon, "c", &event(&json!({"appointment_id": 7, "status": "moved"})));
    apply(
        &site,
        &daemon,
        "d",
        &json!({"type": "appointment.deleted", "operation": "deleted", "data": {"appointment_id": 8}}),
    );
    his.assert_rows("SELECT day, status FROM slot_of", &["mo|moved"]);
    let key = his.number("SELECT sid FROM slot_of");
    let link = site.cli(&["events", "link", "appointment", "7"]).assert_code(0);
    assert!(link.contains(&key.to_string()), "{link}");
}

/// A trigger of the HIS inserts into a table that counts by itself: the key is the row's own and not that one's.
pub(super) fn a_trigger_that_counts_by_itself_does_not_confuse(his: &His) {
    his.sql(SLOTS);
    his.sql("CREATE TABLE audit_of (n {counter}, what {text(10)})");
    for _ in 0..40 {
        his.sql("INSERT INTO audit_of (what) VALUES ('before')");
    }
    his.run(his.pick([
        "CREATE TRIGGER slot_log AFTER INSERT ON slot_of FOR EACH ROW INSERT INTO audit_of (what) VALUES (NEW.day)",
        "CREATE TRIGGER slot_log ON slot_of AFTER INSERT AS BEGIN SET NOCOUNT ON; INSERT INTO audit_of (what) SELECT day FROM inserted; END",
        "CREATE TRIGGER slot_log AFTER INSERT ON slot_of FOR EACH ROW BEGIN INSERT INTO audit_of (what) VALUES (:NEW.day); END;",
        "CREATE TRIGGER slot_log AFTER INSERT ON slot_of BEGIN INSERT INTO audit_of (what) VALUES (NEW.day); END",
    ]));
    let site = site(his, slots());
    let daemon = site.start();
    for n in 1..=3 {
        apply(
            &site,
            &daemon,
            &format!("a{n}"),
            &event(&json!({"appointment_id": n, "day": format!("d{n}")})),
        );
        apply(
            &site,
            &daemon,
            &format!("b{n}"),
            &event(&json!({"appointment_id": n, "status": format!("s{n}")})),
        );
    }
    his.assert_rows("SELECT day, status FROM slot_of ORDER BY day", &["d1|s1", "d2|s2", "d3|s3"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM audit_of"), 43);
}

pub(super) fn steps_and_lookups(his: &His) {
    his.sql(
        "CREATE TABLE doctor (id {counter}, code {text(10)} NOT NULL UNIQUE);
INSERT INTO doctor (code) VALUES ('D1');
INSERT INTO doctor (code) VALUES ('D2');
CREATE TABLE patient (pid {counter}, name {wide(40)}, phone {text(20)});
CREATE TABLE visit_of (vid {counter}, pid {int} NOT NULL, doctor {int}, day {date},
    FOREIGN KEY (pid) REFERENCES patient (pid), FOREIGN KEY (doctor) REFERENCES doctor (id))",
    );
    let site = site(
        his,
        json!({ "appointment": { "steps": [
        { "name": "patient", "table": "patient", "generated_key": "pid", "key": "patient.id",
          "fields": { "patient.name": "name", "patient.phone": "phone" } },
        { "name": "visit", "table": "visit_of", "generated_key": "vid",
          "fields": { "$patient.generated_key": "pid", "day": "day",
                      "doctor": { "column": "doctor", "lookup": { "table": "doctor", "match": "code", "take": "id" } } } },
    ] } }),
    );
    let daemon = site.start();
    let asha = json!({"id": "P1", "name": "Asha", "phone": "1"});
    apply(
        &site,
        &daemon,
        "a",
        &event(&json!({"appointment_id": 1, "patient": asha, "day": "2025-03-10", "doctor": "D2"})),
    );
    apply(
        &site,
        &daemon,
        "b",
        &event(&json!({"appointment_id": 2, "patient": asha, "day": "2025-03-11", "doctor": "D1"})),
    );
    apply(
        &site,
        &daemon,
        "c",
        &event(&json!({"appointment_id": 1, "patient": {"id": "P1", "phone": "2"}, "day": "2025-03-12"})),
    );
    his.assert_rows("SELECT name, phone FROM patient", &["Asha|2"]);
    his.assert_rows(
        "SELECT d.code, p.name FROM visit_of v JOIN doctor d ON d.id = v.doctor JOIN patient p ON p.pid = v.pid ORDER BY v.vid",
        &["D2|Asha", "D1|Asha"],
    );
    send(
        &daemon,
        "d",
        &event(&json!({"appointment_id": 3, "patient": asha, "day": "2025-03-10", "doctor": "D9"})),
    );
    let parked = site.wait_state("d", "parked");
    assert!(parked["cause"].as_str().unwrap().contains("lookup"), "{parked}");
    his.run("INSERT INTO doctor (code) VALUES ('D9')");
    site.wait_state("d", "applied");
}

pub(super) fn a_row_that_the_his_deleted_is_told(his: &His) {
    his.sql(SLOTS);
    let site = site(his, slots());
    let daemon = site.start();
    apply(&site, &daemon, "a", &event(&json!({"appointment_id": 7, "day": "mo"})));
    his.run("DELETE FROM slot_of");
    send(&daemon, "b", &event(&json!({"appointment_id": 7, "status": "moved"})));
    assert_eq!(site.wait_state("b", "parked")["cause"], json!("row-gone"));
    assert_eq!(his.number("SELECT COUNT(*) FROM slot_of"), 0);
}

pub(super) fn a_hundred_new_rows_in_one_page(his: &His) {
    his.sql(SLOTS);
    let site = site(his, slots());
    let daemon = site.start();
    for n in 1..=100 {
        send(&daemon, &format!("a{n}"), &event(&json!({"appointment_id": n, "day": format!("d{n}")})));
        send(&daemon, &format!("b{n}"), &event(&json!({"appointment_id": n, "status": format!("s{n}")})));
    }
    site.wait_count("applied", 200);
    assert_eq!(his.number("SELECT COUNT(*) FROM slot_of"), 100);
    his.assert_rows("SELECT day, status FROM slot_of WHERE day = 'd42'", &["d42|s42"]);
    let wrong = his.rows("SELECT day, status FROM slot_of").into_iter().filter(|row| {
        let (day, status) = row.split_once('|').unwrap();
        day.trim_start_matches('d') != status.trim_start_matches('s')
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
}
