//! What an adversary found: events of one record that come together, keys that look alike, ids that are used again.

use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, Site},
    mariadb::His,
    proxy::{Network, Proxy},
};

const TABLE: &str = "CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, S VARCHAR(50), T VARCHAR(50), REF VARCHAR(60), KEY (REF));";

/// A mapping onto [`TABLE`], with what differs.
fn mapping(more: &Value) -> Value {
    let mut step = json!({
        "table": "V", "generated_key": "ID", "fields": {"s": "S", "t": "T"},
        "on": {
            "deleted": {"action": "delete"},
            "cancelled": {"action": "update", "constants": {"T": "X"}},
        },
    });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "appointment": step })
}

/// Nothing is written but by `sync --now`, so that what is sent before it is one page.
fn site(his: &His, more: &Value) -> Site {
    Site::new(his.section()).with(json!({"sync": {"schedule": "0 0 0 1 1 *"}})).mapping(mapping(more))
}

fn send(daemon: &Daemon, id: &str, operation: &str, data: &Value) {
    daemon
        .accept(&json!({"event_id": id, "event_type": "appointment", "operation": operation, "data": data}));
}

fn sync(site: &Site) {
    site.cli(&["sync", "--now"]).assert_code(0);
}

#[test]
fn a_record_that_is_made_and_deleted_in_one_page_is_gone() {
    let his = His::with(TABLE);
    let site = site(&his, &json!({}));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    send(&daemon, "b", "deleted", &json!({"appointment_id": 1}));
    sync(&site);
    sync(&site);
    site.wait_state("b", "applied");
    assert_eq!(his.rows("SELECT S FROM V"), Vec::<String>::new());
}

#[test]
fn a_record_that_is_made_and_cancelled_in_one_page_is_cancelled() {
    let his = His::with(TABLE);
    let site = site(&his, &json!({}));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    send(&daemon, "b", "cancelled", &json!({"appointment_id": 1}));
    sync(&site);
    sync(&site);
    site.wait_state("b", "applied");
    assert_eq!(his.rows("SELECT S, T FROM V"), ["one\tX"]);
}

/// Two records, one after the other, stay two rows.
fn two_rows(more: &Value, first: &Value, second: &Value) {
    let his = His::with(TABLE);
    let site = site(&his, more);
    let daemon = site.start();
    send(&daemon, "a", "created", first);
    sync(&site);
    site.wait_state("a", "applied");
    send(&daemon, "b", "created", second);
    sync(&site);
    site.wait_state("b", "applied");
    assert_eq!(his.rows("SELECT S FROM V ORDER BY ID"), ["one", "two"], "{more}");
}

#[test]
fn a_separator_in_a_key_makes_no_two_records_one() {
    let his = His::with(TABLE);
    let site = site(&his, &json!({"key": ["k", "l"]}));
    let daemon = site.start();
    for (id, k, l) in [("a", "a\u{1f}b", "c"), ("b", "a", "b\u{1f}c")] {
        daemon.accept(
            &json!({"event_id": id, "event_type": "appointment", "data": {"k": k, "l": l, "s": "one"}}),
        );
        site.cli(&["sync", "--now"]).assert_code(0);
        let shown = site.wait_state(id, "parked");
        assert!(shown["cause"].as_str().unwrap().starts_with("odd-key"), "{shown}");
    }
}

#[test]
fn a_colon_in_a_key_makes_no_two_marks_one() {
    two_rows(
        &json!({"key": ["k", "l"], "marker": "REF"}),
        &json!({"k": "W1:10", "l": "30", "s": "one"}),
        &json!({"k": "W1", "l": "10:30", "s": "two"}),
    );
}

#[test]
fn marks_are_told_apart_by_case() {
    two_rows(
        &json!({"marker": "REF"}),
        &json!({"appointment_id": "aB3xK9", "s": "one"}),
        &json!({"appointment_id": "Ab3xK9", "s": "two"}),
    );
}

#[test]
fn a_row_of_the_his_that_got_a_used_number_is_not_touched_where_a_marker_tells() {
    let his = His::with(TABLE);
    let site = site(&his, &json!({"marker": "REF"}));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    sync(&site);
    site.wait_state("a", "applied");
    his.sql("TRUNCATE V; INSERT INTO V (S, T) VALUES ('of the HIS', 'its own')");
    send(&daemon, "b", "created", &json!({"appointment_id": 1, "s": "two"}));
    sync(&site);
    site.wait_state("b", "parked");
    assert_eq!(his.rows("SELECT S, T FROM V"), ["of the HIS\tits own"]);
}

/// Sends events as one page whose COMMIT reaches the HIS while the daemon dies, and has another daemon go on.
fn after_a_crash(tables: &str, mapping: Value, events: &[Value], query: &str, expected: &[&str]) {
    let his = His::with(tables);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .with(json!({"sync": {"schedule": "0 0 0 1 1 *"}}))
        .mapping(mapping);
    let daemon = site.start();
    for (index, data) in events.iter().enumerate() {
        send(&daemon, &format!("e{index}"), "created", data);
    }
    proxy.set(Network::CutAfterCommit);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| site.cli(&["sync", "--now"]));
        proxy.wait_cut();
        proxy.down();
        daemon.kill();
        run.join().unwrap();
    });
    proxy.set(Network::Pass);
    let _daemon = site.start();
    for _ in 0..3 {
        site.cli(&["sync", "--now"]);
    }
    assert_eq!(his.rows(query), expected);
    for index in 0..events.len() {
        site.wait_state(&format!("e{index}"), "applied");
    }
}

#[test]
fn after_a_crash_a_later_event_of_the_same_fields_is_not_taken_for_the_one_that_was_written() {
    after_a_crash(
        TABLE,
        mapping(&json!({})),
        &[json!({"appointment_id": 1, "s": "one"}), json!({"appointment_id": 1, "s": "two"})],
        "SELECT S FROM V",
        &["two"],
    );
}

#[test]
fn after_a_crash_a_later_event_of_other_fields_is_written() {
    after_a_crash(
        TABLE,
        mapping(&json!({})),
        &[json!({"appointment_id": 1, "s": "one"}), json!({"appointment_id": 1, "t": "two"})],
        "SELECT S, T FROM V",
        &["one\ttwo"],
    );
}

#[test]
fn after_a_crash_the_second_appointment_of_a_new_patient_is_not_lost() {
    let steps = json!({"appointment": {"steps": [
        {"name": "patient", "table": "P", "generated_key": "PID", "key": "patient_id", "fields": {"name": "NAME"}},
        {"name": "visit", "table": "V", "generated_key": "ID", "key": "appointment_id",
         "fields": {"$patient.generated_key": "PID", "s": "S"}},
    ]}});
    after_a_crash(
        "CREATE TABLE P (PID INT AUTO_INCREMENT PRIMARY KEY, NAME VARCHAR(50));
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, PID INT, S VARCHAR(50));",
        steps,
        &[
            json!({"appointment_id": 1, "patient_id": 7, "name": "n", "s": "one"}),
            json!({"appointment_id": 2, "patient_id": 7, "name": "n", "s": "two"}),
        ],
        "SELECT PID, S FROM V ORDER BY S",
        &["1\tone", "1\ttwo"],
    );
}

#[test]
fn after_a_crash_a_record_of_two_events_has_one_row_without_transactions() {
    after_a_crash(
        "CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, S VARCHAR(50), T VARCHAR(50)) ENGINE = MyISAM",
        mapping(&json!({})),
        &[json!({"appointment_id": 1, "s": "one"}), json!({"appointment_id": 1, "s": "two"})],
        "SELECT S FROM V",
        &["two"],
    );
}

/// An update and the deletion of its row, committed together and not heard of. After the crash a page holds one event: the
/// deletion comes into a later one.
fn deleted_in_a_later_page(tables: &str, mapping: Value, operation: &str) {
    let his = His::with(tables);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .with(json!({"sync": {"schedule": "0 0 0 1 1 *", "batch_events": 8}}))
        .mapping(mapping);
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    sync(&site);
    site.wait_state("a", "applied");
    send(&daemon, "b", operation, &json!({"appointment_id": 1, "s": "two"}));
    send(&daemon, "c", "deleted", &json!({"appointment_id": 1}));
    proxy.set(Network::CutAfterCommit);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| site.cli(&["sync", "--now"]));
        proxy.wait_cut();
        proxy.down();
        daemon.kill();
        run.join().unwrap();
    });
    assert_eq!(his.rows("SELECT S FROM V"), Vec::<String>::new());
    proxy.set(Network::Pass);
    let _daemon = site.start();
    sync(&site);
    site.wait_state("b", "applied");
    site.wait_state("c", "applied");
    assert_eq!(his.rows("SELECT S FROM V"), Vec::<String>::new());
}

#[test]
fn after_a_crash_an_update_is_not_parked_for_want_of_the_row_that_a_later_page_deletes() {
    deleted_in_a_later_page(TABLE, mapping(&json!({})), "created");
    deleted_in_a_later_page(TABLE, mapping(&json!({"marker": "REF"})), "created");
}

#[test]
fn after_a_crash_an_update_by_the_events_own_key_is_not_parked_for_want_of_the_row_either() {
    let mut mapping = mapping(&json!({"fields": {"appointment_id": "ID", "s": "S"}}));
    mapping["appointment"].as_object_mut().unwrap().remove("generated_key");
    deleted_in_a_later_page(
        "CREATE TABLE V (ID INT PRIMARY KEY, S VARCHAR(50), T VARCHAR(50))",
        mapping,
        "cancelled",
    );
}

/// A creation that waits for its parent, and what comes behind it; then the parent comes. Gives the HIS, once both are applied.
fn behind_a_waiting_creation(operation: &str) -> His {
    let his = His::with(
        "CREATE TABLE P (ID INT PRIMARY KEY);
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, PID INT, S VARCHAR(50), T VARCHAR(50),
             FOREIGN KEY (PID) REFERENCES P (ID));",
    );
    let site = Site::new(his.section())
        .with(json!({"sync": {"schedule": "* * * * * *"}}))
        .mapping(mapping(&json!({"fields": {"pid": "PID", "s": "S", "t": "T"}})));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "pid": 7, "s": "one"}));
    site.wait_state("a", "waiting");
    send(&daemon, "b", operation, &json!({"appointment_id": 1}));
    site.wait_state("b", "held");
    his.sql("INSERT INTO P VALUES (7)");
    sync(&site);
    site.wait_state("a", "applied");
    site.wait_state("b", "applied");
    his
}

#[test]
fn a_deletion_that_waited_behind_the_creation_deletes() {
    let his = behind_a_waiting_creation("deleted");
    assert_eq!(his.rows("SELECT S FROM V"), Vec::<String>::new());
}

/// The row is gone; an event of its page inserts it anew, the one behind only updates.
#[test]
fn an_update_behind_the_insert_of_a_row_that_was_gone_is_not_parked() {
    let his = His::with(TABLE);
    let site = site(&his, &json!({"marker": "REF", "missing_row": "insert"}));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    sync(&site);
    site.wait_state("a", "applied");
    his.sql("DELETE FROM V");
    send(&daemon, "b", "created", &json!({"appointment_id": 1, "s": "two"}));
    send(&daemon, "c", "cancelled", &json!({"appointment_id": 1}));
    sync(&site);
    site.wait_state("b", "applied");
    site.wait_state("c", "applied");
    assert_eq!(his.rows("SELECT S, T FROM V"), ["two\tX"]);
}

/// More events of one record than one question about rows asks for.
#[test]
fn a_row_that_many_events_of_a_page_share_is_asked_for_once() {
    let his = His::with(TABLE);
    let site = site(&his, &json!({"marker": "REF"}));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    sync(&site);
    site.wait_state("a", "applied");
    for number in 0..600 {
        send(
            &daemon,
            &format!("e{number}"),
            "created",
            &json!({"appointment_id": 1, "s": format!("{number}")}),
        );
    }
    sync(&site);
    assert_eq!(site.count("parked"), 0);
    assert_eq!(his.rows("SELECT S FROM V"), ["599"]);
}

/// What only updates the row must not be given up for want of it.
#[test]
fn an_update_behind_a_waiting_creation_is_held() {
    let his = behind_a_waiting_creation("cancelled");
    assert_eq!(his.rows("SELECT S, T FROM V"), ["one\tX"]);
}

/// A creation that cannot go on yet, and the cancellation in the same page; then comes what it lacks.
fn cancelled_in_its_page(his: &His, site: &Site, created: &Value, state: &str, missing: &str) {
    let daemon = site.start();
    send(&daemon, "a", "created", created);
    send(&daemon, "b", "cancelled", &json!({"appointment_id": 1}));
    sync(site);
    site.wait_state("a", state);
    his.sql(missing);
    sync(site);
    sync(site);
    site.wait_state("a", "applied");
    site.wait_state("b", "applied");
}

/// The same, where both come at once.
#[test]
fn an_update_in_the_page_of_a_waiting_creation_is_held() {
    let his = His::with(
        "CREATE TABLE P (ID INT PRIMARY KEY);
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, PID INT, S VARCHAR(50), T VARCHAR(50),
             FOREIGN KEY (PID) REFERENCES P (ID));",
    );
    let site = site(&his, &json!({"fields": {"pid": "PID", "s": "S", "t": "T"}}));
    let created = json!({"appointment_id": 1, "pid": 7, "s": "one"});
    cancelled_in_its_page(&his, &site, &created, "waiting", "INSERT INTO P VALUES (7)");
    assert_eq!(his.rows("SELECT S, T FROM V"), ["one\tX"]);
}

/// The creation awaits a record that a lookup has not found; the cancellation comes in the same page.
#[test]
fn an_update_in_the_page_of_an_awaited_creation_is_held() {
    let his = His::with(
        "CREATE TABLE D (ID INT AUTO_INCREMENT PRIMARY KEY, CODE VARCHAR(10) UNIQUE);
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, DOC INT, S VARCHAR(50), T VARCHAR(50));",
    );
    let site = site(
        &his,
        &json!({"fields": {"s": "S", "t": "T",
                "doc": {"column": "DOC", "lookup": {"table": "D", "match": "CODE", "take": "ID"}}}}),
    );
    let created = json!({"appointment_id": 1, "doc": "x", "s": "one"});
    cancelled_in_its_page(&his, &site, &created, "parked", "INSERT INTO D (CODE) VALUES ('x')");
    assert_eq!(his.rows("SELECT S, T, DOC FROM V"), ["one\tX\t1"]);
}

/// A crash took back what the first event wrote of the patient whom both share; since then it waits for something else.
#[test]
fn what_an_event_proposed_that_was_rolled_back_holds_up_no_others() {
    let his = His::with(
        "CREATE TABLE D (ID INT PRIMARY KEY); INSERT INTO D VALUES (7);
         CREATE TABLE P (PID INT AUTO_INCREMENT PRIMARY KEY, NAME VARCHAR(50));
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, PID INT, D INT, S VARCHAR(50),
             FOREIGN KEY (D) REFERENCES D (ID));",
    );
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .with(json!({"sync": {"schedule": "* * * * * *"}}))
        .mapping(json!({"appointment": {"steps": [
            {"name": "patient", "table": "P", "generated_key": "PID", "key": "patient_id", "fields": {"name": "NAME"}},
            {"name": "visit", "table": "V", "generated_key": "ID", "key": "appointment_id",
             "fields": {"$patient.generated_key": "PID", "d": "D", "s": "S"}},
        ]}}));
    let daemon = site.start();
    proxy.set(Network::DownBeforeCommit);
    let created = json!({"appointment_id": 1, "patient_id": 7, "name": "n", "d": 7, "s": "one"});
    send(&daemon, "a", "created", &created);
    proxy.wait_down();
    daemon.kill();
    his.sql("DELETE FROM D");
    proxy.set(Network::Pass);
    let daemon = site.start();
    site.wait_state("a", "waiting");
    send(&daemon, "b", "created", &json!({"appointment_id": 2, "patient_id": 7, "name": "n", "s": "two"}));
    site.wait_state("b", "applied");
    his.sql("INSERT INTO D VALUES (7)");
    sync(&site);
    site.wait_state("a", "applied");
    assert_eq!(his.rows("SELECT NAME, S FROM V JOIN P USING (PID) ORDER BY S"), ["n\tone", "n\ttwo"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM P"), 1);
}

/// The event that makes the patient is refused, and one planned with it makes the visit that a third one changes.
#[test]
fn what_is_behind_an_event_that_was_planned_with_a_refused_one_waits_for_it() {
    let his = His::with(
        "CREATE TABLE P (PID INT AUTO_INCREMENT PRIMARY KEY, NAME VARCHAR(50));
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, PID INT, S VARCHAR(3) NOT NULL, T VARCHAR(50),
             CHECK (S <> 'one'));",
    );
    let visit = json!({"name": "visit", "table": "V", "generated_key": "ID", "key": "appointment_id",
                       "fields": {"s": "S", "t": "T"}});
    let mut with_patient = visit.clone();
    with_patient["fields"]["$patient.generated_key"] = json!("PID");
    let site = Site::new(his.section()).with(json!({"sync": {"schedule": "0 0 0 1 1 *"}})).mapping(
        json!({"appointment": {
            "steps": [
                {"name": "patient", "table": "P", "generated_key": "PID", "key": "patient_id", "action": "insert",
                 "fields": {"name": "NAME"}},
                with_patient,
            ],
            "on": {"cancelled": {"steps": [visit]}},
        }}),
    );
    let daemon = site.start();
    let book = |id: u32, s: &str| json!({"appointment_id": id, "patient_id": 7, "name": "n", "s": s});
    send(&daemon, "a", "created", &book(1, "one"));
    send(&daemon, "b", "created", &book(2, "two"));
    send(&daemon, "c", "cancelled", &json!({"appointment_id": 2, "t": "X"}));
    sync(&site);
    site.wait_state("a", "parked");
    site.wait_state("b", "applied");
    site.wait_state("c", "applied");
    assert_eq!(his.rows("SELECT NAME, S, T FROM V JOIN P USING (PID)"), ["n\ttwo\tX"]);
}

/// The event that made the row is given up after a crash: the first one behind it proves the row for the second, whose
/// fields tell nothing of it.
#[test]
fn a_row_that_one_event_proves_is_proven_for_its_page() {
    let his = His::with(TABLE);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .with(json!({"sync": {"schedule": "0 0 0 1 1 *"}}))
        .mapping(mapping(&json!({})));
    let daemon = site.start();
    send(&daemon, "a", "created", &json!({"appointment_id": 1, "s": "one"}));
    proxy.set(Network::DownAfterCommit);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| site.cli(&["sync", "--now"]));
        proxy.wait_down();
        daemon.kill();
        run.join().unwrap();
    });
    site.cli(&["events", "discard", "a", "--yes"]).assert_code(0);
    proxy.set(Network::Pass);
    let daemon = site.start();
    send(&daemon, "b", "created", &json!({"appointment_id": 1, "s": "two"}));
    send(&daemon, "c", "created", &json!({"appointment_id": 1, "t": "three"}));
    sync(&site);
    sync(&site);
    site.wait_state("b", "applied");
    site.wait_state("c", "applied");
    assert_eq!(his.rows("SELECT S, T FROM V"), ["two\tthree"]);
}

/// The visit that makes the patient's row waits for its parent; the patient's second visit only
/// refers to the row.
#[test]
fn a_second_visit_of_a_patient_whose_first_one_waits_is_not_parked() {
    let his = His::with(
        "CREATE TABLE D (ID INT PRIMARY KEY);
         CREATE TABLE P (PID INT AUTO_INCREMENT PRIMARY KEY, NAME VARCHAR(50));
         CREATE TABLE V (ID INT AUTO_INCREMENT PRIMARY KEY, PID INT, D INT, S VARCHAR(50),
             FOREIGN KEY (D) REFERENCES D (ID));",
    );
    let site = Site::new(his.section()).with(json!({"sync": {"schedule": "* * * * * *"}})).mapping(
        json!({"appointment": {"steps": [
            {"name": "patient", "table": "P", "generated_key": "PID", "key": "patient_id", "when": {"new": true},
             "fields": {"name": "NAME"}},
            {"name": "visit", "table": "V", "generated_key": "ID", "key": "appointment_id",
             "fields": {"$patient.generated_key": "PID", "d": "D", "s": "S"}},
        ]}}),
    );
    let daemon = site.start();
    send(
        &daemon,
        "a",
        "created",
        &json!({"appointment_id": 1, "patient_id": 7, "new": true, "name": "n", "d": 7, "s": "one"}),
    );
    send(&daemon, "b", "created", &json!({"appointment_id": 2, "patient_id": 7, "s": "two"}));
    site.wait_state("a", "waiting");
    // Some ticks of the schedule.
    std::thread::sleep(std::time::Duration::from_secs(4));
    his.sql("INSERT INTO D VALUES (7)");
    sync(&site);
    site.wait_state("a", "applied");
    site.wait_state("b", "applied");
    assert_eq!(his.rows("SELECT NAME, S FROM V JOIN P USING (PID) ORDER BY S"), ["n\tone", "n\ttwo"]);
}
