//! Instants in which appointments could be lost or doubled, found by reading: a COMMIT without an answer in the middle of
//! rows that the crosswalk knows, what one record's memory says of another, statements that are skipped. Never sleeps.

use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, Site},
    mariadb::His,
    proxy::{Network, Proxy},
};

/// Two tables that make their own keys and cannot hold Buktor's.
const CLINIC: &str = "
    CREATE TABLE people (pid INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40));
    CREATE TABLE bookings (bid INT AUTO_INCREMENT PRIMARY KEY, pid INT, status VARCHAR(20), note VARCHAR(40));";

/// Bookings alone.
fn bookings() -> Value {
    json!({"booking": {"table": "bookings", "generated_key": "bid", "fields": {"status": "status", "note": "note"}}})
}

/// Bookings with their person.
fn steps() -> Value {
    json!({"booking": {"steps": [
        {"name": "person", "table": "people", "generated_key": "pid", "key": "person_id", "fields": {"name": "name"}},
        {"name": "booking", "table": "bookings", "generated_key": "bid", "key": "booking_id",
         "fields": {"$person.generated_key": "pid", "status": "status"}},
    ]}})
}

fn booking(id: &str, booking: u32, status: &str) -> Value {
    json!({"event_id": id, "event_type": "booking", "booking_id": booking, "person_id": "p1", "name": "Asha", "status": status})
}

/// A daemon that finds these events in one page, behind a network that fails in that way at its COMMIT.
fn in_one_page(site: &Site, proxy: &Proxy, network: Network, events: &[Value]) -> Daemon {
    proxy.down();
    let daemon = site.start();
    for event in events {
        daemon.accept(event);
    }
    proxy.set(network);
    daemon
}

/// The COMMIT went through, its answer did not, and the HIS is away for a while.
fn away_after_commit(site: &Site, proxy: &Proxy, events: &[Value]) -> Daemon {
    let daemon = in_one_page(site, proxy, Network::DownAfterCommit, events);
    proxy.wait_down();
    proxy.set(Network::Pass);
    daemon
}

/// The tables, a network before them, and a daemon's site that has this mapping.
fn clinic(mapping: Value) -> (His, Proxy, Site) {
    let his = His::with(CLINIC);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(mapping);
    (his, proxy, site)
}

/// A booking's two events around a lost answer make one row, as the later one has it.
fn makes_and_moves_one_row((his, proxy, site): &(His, Proxy, Site)) {
    let _daemon = away_after_commit(site, proxy, &[booking("e1", 1, "new"), booking("e2", 1, "moved")]);
    site.wait_count("applied", 2);
    assert_eq!(his.rows("SELECT status FROM bookings"), ["moved"]);
}

#[test]
fn a_later_event_is_not_taken_for_the_one_that_made_the_row() {
    makes_and_moves_one_row(&clinic(bookings()));
}

#[test]
fn a_new_persons_second_booking_is_not_taken_for_done() {
    let (his, proxy, site) = clinic(steps());
    let _daemon = away_after_commit(&site, &proxy, &[booking("e1", 1, "one"), booking("e2", 2, "two")]);
    site.wait_count("applied", 2);
    assert_eq!(his.rows("SELECT pid, status FROM bookings ORDER BY bid"), ["1\tone", "1\ttwo"]);
    assert_eq!(his.rows("SELECT name FROM people"), ["Asha"]);
}

#[test]
fn a_row_that_is_inserted_anew_is_inserted_once() {
    let his = His::with(CLINIC);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .mapping(bookings())
        .with(json!({"mapping": {"booking": {"missing_row": "insert"}}}));
    let daemon = site.start();
    daemon.accept(&booking("e1", 1, "new"));
    site.wait_state("e1", "applied");
    his.sql("DELETE FROM bookings");
    proxy.set(Network::DownAfterCommit);
    daemon.accept(&booking("e2", 1, "moved"));
    proxy.wait_down();
    proxy.set(Network::Pass);
    site.wait_state("e2", "applied");
    assert_eq!(his.rows("SELECT status FROM bookings"), ["moved"]);
}

#[test]
fn a_second_cut_after_a_commit_doubles_nothing() {
    let (his, proxy, site) = clinic(bookings());
    let _daemon = in_one_page(&site, &proxy, Network::CutAfterCommitAndLook, &[booking("e1", 1, "new")]);
    site.wait_state("e1", "applied");
    assert_eq!(his.rows("SELECT status FROM bookings"), ["new"]);
}

#[test]
fn a_row_without_rollback_proves_no_commit() {
    let (his, proxy, site) = clinic(steps());
    his.sql("ALTER TABLE people ENGINE = MyISAM");
    let _daemon = in_one_page(&site, &proxy, Network::CutBeforeCommit, &[booking("e1", 1, "one")]);
    site.wait_state("e1", "applied");
    assert_eq!(his.rows("SELECT pid, status FROM bookings"), ["1\tone"]);
    assert_eq!(his.rows("SELECT name FROM people"), ["Asha"]);
}

#[test]
fn a_later_event_of_a_table_without_rollback_makes_no_second_row() {
    let clinic = clinic(bookings());
    clinic.0.sql("ALTER TABLE bookings ENGINE = MyISAM");
    makes_and_moves_one_row(&clinic);
}

#[test]
fn an_old_event_is_stale_though_a_step_before_it_is_skipped() {
    let his = His::with(
        "CREATE TABLE people (pid VARCHAR(10) PRIMARY KEY, name VARCHAR(40));
         CREATE TABLE bookings (bid INT PRIMARY KEY, status VARCHAR(20));",
    );
    let site = Site::new(his.section()).mapping(json!({"booking": {"steps": [
        {"name": "person", "table": "people", "key": "person_id", "when": {"is_new": [true]},
         "fields": {"person_id": "pid", "name": "name"}},
        {"name": "booking", "table": "bookings", "key": "booking_id",
         "fields": {"booking_id": "bid", "status": "status"}},
    ]}}));
    let daemon = site.start();
    let at = |id: &str, time: &str, status: &str| {
        let mut event = booking(id, 1, status);
        event["timestamp"] = json!(time);
        event
    };
    daemon.accept(&at("e2", "2025-03-10T10:00:00Z", "newer"));
    site.wait_state("e2", "applied");
    daemon.accept(&at("e1", "2025-03-10T09:00:00Z", "older"));
    site.wait_state("e1", "stale");
    assert_eq!(his.rows("SELECT status FROM bookings"), ["newer"]);
}

#[test]
fn what_waits_for_a_master_record_is_not_stale_by_another_record() {
    let his = His::with(
        "CREATE TABLE people (pid VARCHAR(10) PRIMARY KEY, name VARCHAR(40));
         CREATE TABLE doctors (did INT PRIMARY KEY, code VARCHAR(10));
         CREATE TABLE bookings (bid INT PRIMARY KEY, did INT);",
    );
    his.sql("INSERT INTO doctors VALUES (7, 'D7')");
    let site = Site::new(his.section()).mapping(json!({"booking": {"steps": [
        {"name": "person", "table": "people", "key": "person_id", "fields": {"person_id": "pid", "name": "name"}},
        {"name": "booking", "table": "bookings", "key": "booking_id", "fields": {"booking_id": "bid",
         "doctor": {"column": "did", "lookup": {"table": "doctors", "match": "code", "take": "did"}}}},
    ]}}));
    let daemon = site.start();
    let at = |id: &str, number: u32, time: &str, doctor: &str| {
        let mut event = booking(id, number, "");
        event["timestamp"] = json!(time);
        event["doctor"] = json!(doctor);
        event
    };
    daemon.accept(&at("e1", 1, "2025-03-10T10:00:00Z", "D7"));
    site.wait_state("e1", "applied");
    // The same person's other booking, told a little late.
    daemon.accept(&at("e2", 2, "2025-03-10T09:59:00Z", "D8"));
    site.wait_state("e2", "parked");
}

#[test]
fn a_lookup_that_is_not_allowed_holds_up_no_other_mapping() {
    let his = His::with(
        "CREATE TABLE visits (id INT PRIMARY KEY, status VARCHAR(10));
         CREATE TABLE bookings (bid INT PRIMARY KEY, did INT);",
    );
    // The login may fill the table, and so see it, but not read it.
    his.sql(&format!(
        "CREATE DATABASE {0}_m; CREATE TABLE {0}_m.doctors (did INT PRIMARY KEY, code VARCHAR(10)); \
         GRANT INSERT ON {0}_m.doctors TO {0}@'%';",
        his.name
    ));
    let site = Site::new(his.section()).mapping(json!({
        "booking": {"table": "bookings", "fields": {"booking_id": "bid", "doctor": {"column": "did",
            "lookup": {"table": format!("{}_m.doctors", his.name), "match": "code", "take": "did"}}}},
        "visit": {"table": "visits", "fields": {"visit_id": "id", "status": "status"}},
    }));
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "b1", "event_type": "booking", "booking_id": 1, "doctor": "D7"}));
    daemon.accept(&json!({"event_id": "v1", "event_type": "visit", "visit_id": 1, "status": "new"}));
    site.wait_state("v1", "applied");
    site.wait_state("b1", "paused");
}

#[test]
fn a_row_in_doubt_that_is_locked_defers_its_event_alone() {
    let his = His::with(CLINIC);
    his.sql("CREATE TABLE visits (id INT PRIMARY KEY, status VARCHAR(10))");
    let proxy = Proxy::before(his.port, Network::Pass);
    let mut mapping = bookings();
    mapping["visit"] = json!({"table": "visits", "fields": {"visit_id": "id", "status": "status"}});
    let site = Site::new(his.section_at(proxy.port))
        .mapping(mapping)
        .with(json!({"database": {"lock_timeout_s": 1}}));
    let daemon = in_one_page(&site, &proxy, Network::DownAfterCommit, &[booking("e1", 1, "new")]);
    proxy.wait_down();
    his.wait_rows("SELECT status FROM bookings", &["new"]);
    let held = his.hold("SELECT * FROM bookings FOR UPDATE");
    daemon.accept(&json!({"event_id": "v1", "event_type": "visit", "visit_id": 1, "status": "new"}));
    proxy.set(Network::Pass);
    site.wait_state("v1", "applied");
    drop(held);
    site.wait_state("e1", "applied");
    assert_eq!(his.rows("SELECT status FROM bookings"), ["new"]);
}

#[test]
fn a_mark_that_no_rollback_takes_back_skips_no_statement() {
    let his = His::with(
        "CREATE TABLE marks (mark VARCHAR(60) PRIMARY KEY) ENGINE = MyISAM;
         CREATE TABLE ledger (n INT AUTO_INCREMENT PRIMARY KEY, id INT NOT NULL, CHECK (id <> 2));",
    );
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(json!({"entry": {
        "sql": "INSERT INTO ledger (id) VALUES (:entry_id)", "marker": {"table": "marks", "column": "mark"},
    }}));
    let entry = |n: u32| json!({"event_id": format!("l{n}"), "event_type": "entry", "entry_id": n});
    let _daemon = in_one_page(&site, &proxy, Network::Pass, &[entry(1), entry(2), entry(3)]);
    // Such a table cannot be relied on.
    site.wait_state("l2", "paused");
    assert_eq!(his.number("SELECT COUNT(*) FROM marks"), 0);
    his.sql("ALTER TABLE marks ENGINE = InnoDB");
    site.cli(&["sync", "--now"]).assert_code(0);
    site.wait_state("l2", "parked");
    his.wait_rows("SELECT id FROM ledger ORDER BY id", &["1", "3"]);
}

#[test]
fn marks_of_different_events_are_different() {
    let his = His::with(
        "CREATE TABLE marks (mark VARCHAR(60) PRIMARY KEY); CREATE TABLE ledger (id INT PRIMARY KEY);",
    );
    let step = |source: &str| json!({"sql": format!("INSERT INTO ledger (id) VALUES (:{source})"), "marker": {"table": "marks", "column": "mark"}});
    let site = Site::new(his.section()).mapping(json!({"entry": {"steps": [step("a"), step("b")]}}));
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "l", "event_type": "entry", "a": 1, "b": 2}));
    daemon.accept(&json!({"event_id": "l:1", "event_type": "entry", "a": 3, "b": 4}));
    site.wait_count("applied", 2);
    assert_eq!(his.rows("SELECT id FROM ledger ORDER BY id"), ["1", "2", "3", "4"]);
}

#[test]
fn a_retried_conflict_is_not_taken_for_its_twin() {
    let his = His::with(
        "CREATE TABLE marks (mark VARCHAR(60) PRIMARY KEY); CREATE TABLE ledger (id INT PRIMARY KEY);",
    );
    let site = Site::new(his.section()).mapping(json!({"entry": {
        "sql": "INSERT INTO ledger (id) VALUES (:a)", "marker": {"table": "marks", "column": "mark"},
    }}));
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "l", "event_type": "entry", "a": 1}));
    site.wait_count("applied", 1);
    daemon.post(&json!({"event_id": "l", "event_type": "entry", "a": 2}));
    site.wait_count("conflict", 1);
    site.cli(&["events", "retry", "2"]).assert_code(0);
    site.wait_count("conflict", 0);
    site.wait_count("pending", 0);
    assert_eq!(
        his.rows("SELECT id FROM ledger ORDER BY id"),
        ["1", "2"],
        "{}",
        site.json(&["events", "list", "--state", "all", "--json"])
    );
}

#[test]
fn an_old_deletion_removes_nothing_that_a_newer_event_wrote() {
    let his = His::with(
        "CREATE TABLE people (pid VARCHAR(10) PRIMARY KEY, name VARCHAR(40));
         CREATE TABLE bookings (bid INT PRIMARY KEY, status VARCHAR(20));",
    );
    let site = Site::new(his.section()).mapping(json!({"booking": {"steps": [
        {"name": "booking", "table": "bookings", "key": "booking_id", "on": {"deleted": {"action": "delete"}},
         "fields": {"booking_id": "bid", "status": "status"}},
        {"name": "person", "table": "people", "key": "person_id", "on": {"deleted": {"action": "delete"}},
         "fields": {"person_id": "pid", "name": "name"}},
    ]}}));
    let daemon = site.start();
    let at = |id: &str, number: u32, time: &str, operation: &str| {
        let mut event = booking(id, number, "new");
        event["timestamp"] = json!(time);
        event["operation"] = json!(operation);
        event
    };
    daemon.accept(&at("e1", 1, "2025-03-10T08:00:00Z", "created"));
    daemon.accept(&at("e2", 2, "2025-03-10T10:00:00Z", "created"));
    site.wait_count("applied", 2);
    daemon.accept(&at("e3", 1, "2025-03-10T09:00:00Z", "deleted"));
    site.wait_count("applied", 3);
    assert_eq!(his.rows("SELECT bid FROM bookings"), ["2"]);
    assert_eq!(his.rows("SELECT pid FROM people"), ["p1"]);
}
