//! Rows that are known by the key which their table gives them: one row for each record, whatever crashes when, and its
//! newest values, column by column.

use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, Site},
    mariadb::His,
    proxy::{Network, Proxy},
    wait_until,
};

/// A table without a column for Buktor's id, and the tables that it refers to.
const TABLES: &str = "
    CREATE TABLE doctor (id INT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(10) NOT NULL UNIQUE, active INT NOT NULL DEFAULT 1);
    INSERT INTO doctor (code) VALUES ('D1'), ('D2');
    CREATE TABLE patient (pid INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40), phone VARCHAR(20));
    CREATE TABLE slot (
        sid INT AUTO_INCREMENT PRIMARY KEY, pid INT, doctor INT, day DATE NOT NULL, status VARCHAR(10), note VARCHAR(10),
        FOREIGN KEY (pid) REFERENCES patient (pid), FOREIGN KEY (doctor) REFERENCES doctor (id));";

fn mapping() -> Value {
    json!({ "appointment": { "steps": [
        { "name": "patient", "table": "patient", "generated_key": "pid", "key": "patient.id", "when": {"patient.new": true},
          "fields": { "patient.name": "name", "patient.phone": "phone" }, "on": { "deleted": { "ignore": true } } },
        { "table": "slot", "generated_key": "sid",
          "fields": { "$patient.generated_key": "pid", "day": "day", "status": "status", "note": "note",
                      "doctor": { "column": "doctor", "lookup": { "table": "doctor", "match": "code", "take": "id" } } },
          "on": { "deleted": { "action": "delete" } } },
    ] } })
}

/// The same without a patient.
fn slots() -> Value {
    json!({ "appointment": { "table": "slot", "generated_key": "sid",
        "fields": { "day": "day", "status": "status", "note": "note",
                    "doctor": { "column": "doctor", "lookup": { "table": "doctor", "match": "code", "take": "id" } } },
        "on": { "deleted": { "action": "delete" } } } })
}

fn event(id: &str, data: &Value) -> Value {
    json!({ "event_id": id, "type": "appointment.updated", "data": data })
}

fn apply(site: &Site, daemon: &Daemon, id: &str, data: &Value) {
    daemon.accept(&event(id, data));
    site.wait_state(id, "applied");
}

const ROWS: &str = "SELECT day, status, note, doctor FROM slot ORDER BY sid";

fn cut_at_commit(network: Network) {
    let his = His::with(TABLES);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(mapping());
    let daemon = site.start();
    let patient = json!({ "id": "P1", "name": "Asha", "phone": "1", "new": true });
    proxy.set(network);
    daemon.accept(&event(
        "a",
        &json!({"appointment_id": 1, "patient": patient, "day": "2025-03-10", "doctor": "D2"}),
    ));
    proxy.wait_cut();
    proxy.set(Network::Pass);
    site.wait_state("a", "applied");
    apply(&site, &daemon, "b", &json!({"appointment_id": 1, "patient": patient, "status": "moved"}));
    assert_eq!(his.rows("SELECT name FROM patient"), ["Asha"]);
    assert_eq!(his.rows(ROWS), ["2025-03-10\tmoved\tNULL\t2"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM slot JOIN patient USING (pid)"), 1);
}

#[test]
fn a_commit_that_never_arrived_makes_one_row() {
    cut_at_commit(Network::CutBeforeCommit);
}

#[test]
fn a_commit_whose_answer_was_lost_makes_one_row() {
    cut_at_commit(Network::CutAfterCommit);
}

/// The daemon dies between the HIS's COMMIT and the queue's; `change` is what happens to the row before it is back.
fn dies_after_commit(network: Network, change: &str) -> (His, Proxy, Site, Daemon) {
    let his = His::with(TABLES);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(slots());
    let daemon = site.start();
    apply(&site, &daemon, "first", &json!({"appointment_id": 9, "day": "2025-03-01", "doctor": "D1"}));
    proxy.set(network);
    daemon.accept(&event("a", &json!({"appointment_id": 1, "day": "2025-03-10", "doctor": "D2"})));
    // The daemon must not be able to ask before it dies.
    if network == Network::DownAfterCommit {
        proxy.wait_down();
    } else {
        proxy.wait_cut();
        proxy.down();
    }
    daemon.kill();
    if !change.is_empty() {
        his.sql(change);
    }
    proxy.set(Network::Pass);
    let daemon = site.start();
    (his, proxy, site, daemon)
}

#[test]
fn a_crash_after_commit_keeps_the_link() {
    let (his, _proxy, site, daemon) = dies_after_commit(Network::DownAfterCommit, "");
    site.wait_state("a", "applied");
    apply(&site, &daemon, "b", &json!({"appointment_id": 1, "status": "moved"}));
    assert_eq!(his.rows(ROWS), ["2025-03-01\tNULL\tNULL\t1", "2025-03-10\tmoved\tNULL\t2"]);
}

#[test]
fn a_crash_before_commit_inserts_once() {
    let (his, _proxy, site, _daemon) = dies_after_commit(Network::CutBeforeCommit, "");
    site.wait_state("a", "applied");
    assert_eq!(his.rows(ROWS), ["2025-03-01\tNULL\tNULL\t1", "2025-03-10\tNULL\tNULL\t2"]);
}

/// The number of the row that was rolled back may be given to somebody else's.
#[test]
fn a_row_that_was_changed_in_the_instant_of_a_crash_is_left_to_people() {
    let (his, _proxy, site, _daemon) =
        dies_after_commit(Network::DownAfterCommit, "UPDATE slot SET day = '2026-01-01' WHERE sid = 2");
    let shown = site.wait_state("a", "parked");
    assert_eq!(shown["cause"], "link-uncertain", "{shown}");
    site.cli(&["events", "link", "appointment", "1", "--to", "2", "--yes"]).assert_code(0);
    site.cli(&["events", "retry", "a"]).assert_code(0);
    site.wait_state("a", "applied");
    assert_eq!(his.rows(ROWS), ["2025-03-01\tNULL\tNULL\t1", "2025-03-10\tNULL\tNULL\t2"]);
}

#[test]
fn an_event_that_was_held_up_writes_only_what_no_newer_one_wrote() {
    let his = His::with(TABLES);
    let site = Site::new(his.section()).mapping(slots());
    let daemon = site.start();
    // Parked: its note is too long.
    daemon.accept(&event("old", &json!({"appointment_id": 1, "day": "2025-03-10", "status": "old", "note": "far too long a note", "doctor": "D1"})));
    site.wait_state("old", "parked");
    apply(&site, &daemon, "new", &json!({"appointment_id": 1, "day": "2025-03-11", "status": "new"}));
    his.sql("ALTER TABLE slot MODIFY note VARCHAR(40)");
    site.cli(&["events", "retry", "old"]).assert_code(0);
    site.wait_state("old", "applied");
    assert_eq!(his.rows(ROWS), ["2025-03-11\tnew\tfar too long a note\t1"]);
}

#[test]
fn a_shared_row_keeps_the_newer_values_when_an_older_event_comes_late() {
    let his = His::with(TABLES);
    let site = Site::new(his.section()).mapping(mapping());
    let daemon = site.start();
    let book = |id: u32, at: &str, phone: &str| {
        let patient = json!({ "id": "P1", "name": "Asha", "phone": phone, "new": true });
        json!({ "event_id": format!("a{id}"), "type": "appointment.created", "timestamp": at,
                "data": { "appointment_id": id, "patient": patient, "day": "2025-03-10" } })
    };
    daemon.accept(&book(2, "2025-03-02T10:00:00Z", "new"));
    site.wait_state("a2", "applied");
    daemon.accept(&book(1, "2025-03-01T10:00:00Z", "old"));
    site.wait_state("a1", "applied");
    assert_eq!(his.rows("SELECT name, phone FROM patient"), ["Asha\tnew"]);
    assert_eq!(his.rows("SELECT pid FROM slot"), ["1", "1"]);
}

/// A booking waits for its doctor; what changes meanwhile comes after it, not before.
#[test]
fn what_needs_the_row_of_an_awaited_event_waits_for_it() {
    let his = His::with(TABLES);
    let site = Site::new(his.section()).mapping(slots());
    let daemon = site.start();
    daemon.accept(&event(
        "book",
        &json!({"appointment_id": 1, "day": "2025-03-10", "status": "ok", "doctor": "D9"}),
    ));
    let shown = site.wait_state("book", "parked");
    assert!(shown["cause"].as_str().unwrap().ends_with(".doctor.code"), "{shown}");
    // Without the day no row could be made.
    daemon.accept(&event("cancel", &json!({"appointment_id": 1, "status": "cancelled"})));
    site.wait_state("cancel", "held");
    his.sql("INSERT INTO doctor (code) VALUES ('D9')");
    site.cli(&["sync", "--now"]).assert_code(0);
    site.wait_state("cancel", "applied");
    assert_eq!(his.rows(ROWS), ["2025-03-10\tcancelled\tNULL\t3"]);
}

#[test]
fn many_events_of_one_new_record_are_applied_in_order() {
    let his = His::with(TABLES);
    let site = Site::new(his.section()).mapping(mapping()).with(json!({"sync": {"schedule": "0 0 0 1 1 *"}}));
    let daemon = site.start();
    let patient = json!({ "id": "P1", "name": "Asha", "new": true });
    for number in 0..300 {
        let data = json!({"appointment_id": number % 7, "patient": patient, "day": "2025-03-10", "note": format!("{number}")});
        daemon.accept(&event(&format!("e{number}"), &data));
    }
    site.cli(&["sync", "--now"]).assert_code(0);
    wait_until("all are applied", || site.count("pending") == 0 && site.count("held") == 0);
    assert_eq!(his.rows("SELECT name FROM patient"), ["Asha"]);
    let notes = "SELECT CAST(note AS INT) FROM slot ORDER BY 1";
    assert_eq!(his.rows(notes), ["293", "294", "295", "296", "297", "298", "299"]);
}

/// Two visits of one new patient, and what changes them: all of it waits in the queue.
fn together(his: &His, port: u16) -> (Site, Daemon) {
    let site =
        Site::new(his.section_at(port)).mapping(mapping()).with(json!({"sync": {"schedule": "0 0 0 1 1 *"}}));
    let daemon = site.start();
    let patient = |name: &str| json!({ "id": "P1", "name": name, "new": true });
    let events = [
        json!({"appointment_id": 1, "patient": patient("Asha"), "day": "2025-03-10", "note": "first"}),
        json!({"appointment_id": 1, "patient": {"id": "P1"}, "status": "moved", "day": "2025-03-11"}),
        json!({"appointment_id": 2, "patient": patient("Asha M"), "day": "2025-03-12", "doctor": "D2"}),
        json!({"appointment_id": 2, "patient": {"id": "P1"}, "note": "second"}),
    ];
    for (id, data) in TOGETHER.into_iter().zip(&events) {
        daemon.accept(&event(id, data));
    }
    (site, daemon)
}

const TOGETHER: [&str; 4] = ["a", "b", "c", "d"];

fn stand_together(his: &His, site: &Site) -> Vec<Value> {
    let shown = TOGETHER.map(|id| site.wait_state(id, "applied"));
    assert_eq!(his.rows("SELECT name FROM patient"), ["Asha M"]);
    assert_eq!(his.rows(ROWS), ["2025-03-11\tmoved\tfirst\tNULL", "2025-03-12\tNULL\tsecond\t2"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM slot JOIN patient USING (pid)"), 2);
    shown.to_vec()
}

#[test]
fn what_comes_together_is_written_in_one_transaction() {
    let his = His::with(TABLES);
    let (site, _daemon) = together(&his, his.port);
    site.cli(&["sync", "--now"]).assert_code(0);
    let shown = stand_together(&his, &site);
    assert!(shown.iter().all(|event| event["settled_at"] == shown[0]["settled_at"]), "{shown:?}");
    assert!(shown.iter().all(|event| event["settled_at"].is_string()), "{shown:?}");
}

#[test]
fn what_comes_together_survives_a_crash_together() {
    for network in [Network::DownAfterCommit, Network::CutBeforeCommit] {
        let his = His::with(TABLES);
        let proxy = Proxy::before(his.port, Network::Pass);
        let (site, daemon) = together(&his, proxy.port);
        proxy.set(network);
        std::thread::scope(|scope| {
            scope.spawn(|| site.cli(&["sync", "--now"]));
            if network == Network::DownAfterCommit {
                proxy.wait_down();
            } else {
                proxy.wait_cut();
                proxy.down();
            }
            daemon.kill();
        });
        proxy.set(Network::Pass);
        let _daemon = site.start();
        site.cli(&["sync", "--now"]).assert_code(0);
        stand_together(&his, &site);
    }
}

/// The event that makes the rows is refused: what was planned with it is planned anew, without it.
#[test]
fn what_comes_together_with_a_refused_event_is_planned_without_it() {
    let his = His::with(TABLES);
    his.sql("ALTER TABLE slot ADD CHECK (note <> 'first')");
    let (site, _daemon) = together(&his, his.port);
    site.cli(&["sync", "--now"]);
    site.wait_state("a", "parked");
    for id in ["c", "d"] {
        site.wait_state(id, "applied");
    }
    assert_eq!(his.rows("SELECT name FROM patient"), ["Asha M"]);
    // The patient's row came behind it.
    assert_eq!(site.wait_state("b", "waiting")["cause"], "no-link:patient");
    assert_eq!(his.rows(ROWS), ["2025-03-12\tNULL\tsecond\t2"]);
    wait_until("it goes by itself", || {
        site.cli(&["sync", "--now"]);
        site.event("b")["state"] == "applied"
    });
    assert_eq!(his.rows(ROWS), ["2025-03-12\tNULL\tsecond\t2", "2025-03-11\tmoved\tNULL\tNULL"]);
}

#[test]
fn a_failing_step_undoes_all() {
    let his = His::with(TABLES);
    let site = Site::new(his.section()).mapping(mapping());
    let daemon = site.start();
    let patient = json!({ "id": "P1", "name": "Asha", "new": true });
    daemon.accept(&event("a", &json!({"appointment_id": 1, "patient": patient, "status": "no day"})));
    site.wait_state("a", "parked");
    assert_eq!(his.number("SELECT COUNT(*) FROM patient") + his.number("SELECT COUNT(*) FROM slot"), 0);
    // A patient who is not new and whom nobody knows is not guessed.
    daemon.accept(&event("b", &json!({"appointment_id": 2, "patient": {"id": "P1"}, "day": "2025-03-10"})));
    let shown = site.wait_state("b", "waiting");
    assert_eq!(shown["cause"], "no-link:patient", "{shown}");
    apply(&site, &daemon, "c", &json!({"appointment_id": 3, "patient": patient, "day": "2025-03-10"}));
    site.wait_state("b", "applied");
    assert_eq!(his.number("SELECT COUNT(*) FROM slot JOIN patient USING (pid)"), 2);
}

/// A deletion that comes first leaves nothing for the booking that comes late.
#[test]
fn a_deletion_before_its_booking_wins() {
    let his = His::with(TABLES);
    let site = Site::new(his.section()).mapping(slots());
    let daemon = site.start();
    let at = |id: &str, kind: &str, time: &str, data: Value| json!({ "event_id": id, "type": kind, "timestamp": time, "data": data });
    daemon.accept(&at("gone", "appointment.deleted", "2025-03-02T10:00:00Z", json!({"appointment_id": 1})));
    site.wait_state("gone", "applied");
    daemon.accept(&at(
        "late",
        "appointment.created",
        "2025-03-01T10:00:00Z",
        json!({"appointment_id": 1, "day": "2025-03-10"}),
    ));
    site.wait_state("late", "stale");
    daemon.accept(&at(
        "again",
        "appointment.created",
        "2025-03-03T10:00:00Z",
        json!({"appointment_id": 1, "day": "2025-03-12"}),
    ));
    site.wait_state("again", "applied");
    assert_eq!(his.rows("SELECT day FROM slot"), ["2025-03-12"]);
}
