//! Connections that are cut at the worst moment, daemons that are killed, databases that are away: no acknowledged event is
//! lost, and none has effect twice.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    his::His,
    keys::{SLOTS, event, slots},
    rows::{apply, send, site},
};
use crate::support::{
    daemon::{Daemon, Site},
    load::Load,
    proxy::{Network, Proxy},
    wait_for, wait_until,
};

const VISITS: &str =
    "CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, status {text(10)}, note {text(40)})";

fn visits() -> serde_json::Value {
    json!({ "visit": { "table": "visits", "fields": { "visit_id": "id", "status": "status", "note": "note" } } })
}

fn cut_at_commit(his: &His, network: Network) {
    his.sql(SLOTS);
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(slots());
    let daemon = site.start();
    apply(&site, &daemon, "first", &event(&json!({"appointment_id": 9, "day": "fr"})));
    proxy.set(network);
    send(&daemon, "a", &event(&json!({"appointment_id": 1, "day": "mo"})));
    proxy.wait_cut();
    site.wait_state("a", "applied");
    apply(&site, &daemon, "b", &event(&json!({"appointment_id": 1, "status": "moved"})));
    his.assert_rows("SELECT day, status FROM slot_of ORDER BY sid", &["fr|NULL", "mo|moved"]);
}

pub(super) fn a_commit_that_never_arrived_makes_one_row(his: &His) {
    cut_at_commit(his, Network::CutBeforeCommit);
}

pub(super) fn a_commit_whose_answer_was_lost_makes_one_row(his: &His) {
    cut_at_commit(his, Network::CutAfterCommit);
}

pub(super) fn a_plain_commit_whose_answer_was_lost_is_not_done_twice(his: &His) {
    his.sql(VISITS);
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .mapping(json!({ "visit": { "table": "visits", "action": "insert",
        "fields": { "visit_id": "id", "status": "status" } } }));
    let daemon = site.start();
    apply(&site, &daemon, "first", &json!({"event_type": "visit", "visit_id": 1, "status": "x"}));
    for n in 2..=3 {
        proxy.set(Network::CutAfterCommit);
        send(&daemon, &format!("v{n}"), &json!({"event_type": "visit", "visit_id": n, "status": "x"}));
        proxy.wait_cut();
        site.wait_state(&format!("v{n}"), "applied");
    }
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), 3);
    assert_eq!(site.count("parked"), 0);
}

/// A new row whose COMMIT nobody heard of is found by its mark; the deletion that came meanwhile must not take it for one that
/// was never made.
pub(super) fn a_deletion_behind_a_row_in_doubt_is_done(his: &His) {
    his.sql(
        "CREATE TABLE slot_of (sid {counter}, mark {text(80)}, day {text(10)} NOT NULL, status {text(10)})",
    );
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(json!({ "appointment": {
        "table": "slot_of", "generated_key": "sid", "marker": "mark",
        "fields": { "day": "day", "status": "status" }, "on": { "deleted": { "action": "delete" } } } }));
    let daemon = site.start();
    apply(&site, &daemon, "first", &event(&json!({"appointment_id": 9, "day": "fr"})));
    proxy.set(Network::DownAfterCommit);
    send(&daemon, "a", &event(&json!({"appointment_id": 1, "day": "mo", "status": "old"})));
    proxy.wait_down();
    send(&daemon, "b", &json!({ "type": "appointment.deleted", "data": {"appointment_id": 1} }));
    proxy.set(Network::Pass);
    site.wait_state("a", "applied");
    site.wait_state("b", "applied");
    his.assert_rows("SELECT day FROM slot_of", &["fr"]);
    apply(&site, &daemon, "c", &event(&json!({"appointment_id": 1, "day": "tu"})));
    his.assert_rows("SELECT day, status FROM slot_of WHERE sid > 1", &["tu|NULL"]);
}

/// The deletion of a row was kept by a COMMIT that nobody heard of, where the record is made again behind its deletion and its row carries a mark.
pub(super) fn a_deletion_whose_commit_was_lost_is_followed_by_a_new_row(his: &His) {
    his.sql(
        "CREATE TABLE slot_of (sid {counter}, mark {text(80)}, day {text(10)} NOT NULL, status {text(10)})",
    );
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(json!({ "appointment": {
        "table": "slot_of", "generated_key": "sid", "marker": "mark",
        "fields": { "day": "day", "status": "status" }, "on": { "deleted": { "action": "delete" } } } }));
    let daemon = site.start();
    apply(&site, &daemon, "a", &event(&json!({"appointment_id": 1, "day": "mo", "status": "old"})));
    proxy.set(Network::DownAfterCommit);
    send(&daemon, "b", &json!({ "type": "appointment.deleted", "data": {"appointment_id": 1} }));
    proxy.wait_down();
    send(&daemon, "c", &event(&json!({"appointment_id": 1, "day": "tu"})));
    proxy.set(Network::Pass);
    site.wait_state("b", "applied");
    site.wait_state("c", "applied");
    his.assert_rows("SELECT day, status FROM slot_of", &["tu|NULL"]);
}

/// An update and the deletion after it were kept by one COMMIT that nobody heard of: the row that the repeated update does not
/// find was deleted by Buktor, not by the HIS.
pub(super) fn a_deletion_whose_commit_was_lost_parks_nothing(his: &His) {
    his.sql(SLOTS);
    his.sql("CREATE TABLE person_of (pid {counter}, name {text(10)})");
    let steps = json!([
        { "name": "person", "table": "person_of", "generated_key": "pid", "key": "person", "fields": { "name": "name" } },
        { "name": "slot", "table": "slot_of", "generated_key": "sid", "key": "appointment_id",
          "fields": { "day": "day", "status": "status" }, "on": { "deleted": { "action": "delete" } } } ]);
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .mapping(json!({ "appointment": slots()["appointment"], "visit": { "steps": steps } }));
    let daemon = site.start();
    let of = |kind: &str, data: &Value| json!({ "type": kind, "data": data });
    apply(&site, &daemon, "a", &event(&json!({"appointment_id": 1, "day": "mo"})));
    let visit = json!({"appointment_id": 1, "person": 7, "name": "Asha", "day": "tu"});
    apply(&site, &daemon, "b", &of("visit.created", &visit));
    proxy.down();
    send(&daemon, "a2", &event(&json!({"appointment_id": 1, "status": "moved"})));
    send(&daemon, "a3", &of("appointment.deleted", &json!({"appointment_id": 1})));
    let visit = json!({"appointment_id": 1, "person": 7, "name": "Usha", "day": "we"});
    send(&daemon, "b2", &of("visit.updated", &visit));
    send(&daemon, "b3", &of("visit.deleted", &json!({"appointment_id": 1, "person": 7})));
    proxy.set(Network::CutAfterCommit);
    proxy.wait_cut();
    for id in ["a2", "a3", "b2", "b3"] {
        site.wait_state(id, "applied");
    }
    his.assert_rows("SELECT name FROM person_of", &["Usha"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM slot_of"), 0);
}

fn dies_at_commit(his: &His, network: Network) -> (Proxy, Site, Daemon) {
    his.sql(SLOTS);
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(slots());
    let daemon = site.start();
    apply(&site, &daemon, "first", &event(&json!({"appointment_id": 9, "day": "fr"})));
    proxy.set(network);
    send(&daemon, "a", &event(&json!({"appointment_id": 1, "day": "mo"})));
    proxy.wait_down();
    daemon.kill();
    proxy.set(Network::Pass);
    let daemon = site.start();
    (proxy, site, daemon)
}

pub(super) fn a_crash_after_commit_keeps_the_link(his: &His) {
    let (_proxy, site, daemon) = dies_at_commit(his, Network::DownAfterCommit);
    site.wait_state("a", "applied");
    apply(&site, &daemon, "b", &event(&json!({"appointment_id": 1, "status": "moved"})));
    his.assert_rows("SELECT day, status FROM slot_of ORDER BY sid", &["fr|NULL", "mo|moved"]);
}

pub(super) fn a_crash_before_commit_inserts_once(his: &His) {
    let (_proxy, site, _daemon) = dies_at_commit(his, Network::DownBeforeCommit);
    site.wait_state("a", "applied");
    his.assert_rows("SELECT day FROM slot_of ORDER BY sid", &["fr", "mo"]);
}

/// Where a locking read does not see what others insert, the verdict "it is not there" waits until nobody writes the table.
pub(super) fn a_row_in_doubt_is_not_made_again_while_its_table_is_written(his: &His) {
    his.sql(SLOTS);
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(slots());
    let daemon = site.start();
    apply(&site, &daemon, "first", &event(&json!({"appointment_id": 9, "day": "fr"})));
    proxy.set(Network::DownBeforeCommit);
    send(&daemon, "a", &event(&json!({"appointment_id": 1, "day": "mo"})));
    proxy.wait_down();
    daemon.kill();
    // The row of the lost transaction, as its server process would still hold it.
    let held = his.hold("INSERT INTO slot_of (day) VALUES ('theirs')");
    proxy.set(Network::Pass);
    let _daemon = site.start();
    site.wait_count("deferred", 1);
    assert_eq!(site.count("applied"), 1);
    drop(held);
    site.wait_state("a", "applied");
    his.assert_rows("SELECT day FROM slot_of ORDER BY sid", &["fr", "mo"]);
}

pub(super) fn kill_9_under_load_loses_and_doubles_nothing(his: &His) {
    his.sql(VISITS);
    let site = site(his, visits());
    let mut daemon = site.start();
    let load = Load::start(daemon.address, 1);
    for round in 1..=3 {
        wait_until("rows arrive", || his.number("SELECT COUNT(*) FROM visits") > 60 * round);
        daemon.kill();
        daemon = site.start();
        load.moved(daemon.address);
    }
    let (acknowledged, end) = load.end();
    // The sender is faster than a test server on a busy machine.
    wait_for(Duration::from_mins(1), "everything is applied", || site.count("pending") == 0);
    let mut rows: Vec<u32> = his.rows("SELECT id FROM visits").iter().map(|n| n.parse().unwrap()).collect();
    let count = rows.len();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), count, "a row stands there twice");
    assert!(acknowledged.iter().all(|n| rows.binary_search(n).is_ok()), "acknowledged and lost");
    assert!(rows.iter().all(|n| (1..end).contains(n)), "a row that nobody sent");
    for state in ["parked", "conflict", "held", "waiting", "paused"] {
        assert_eq!(site.count(state), 0, "{state}");
    }
    daemon.stop();
}

pub(super) fn a_database_that_is_down_at_the_start_is_caught_up_with(his: &His) {
    his.sql(VISITS);
    let proxy = Proxy::before(his.port(), Network::Refuse);
    let site = Site::new(his.section_at(proxy.port)).mapping(visits());
    let daemon = site.start();
    for n in 1..=20 {
        send(&daemon, &format!("v{n}"), &json!({"event_type": "visit", "visit_id": n, "status": "x"}));
    }
    assert_eq!(site.count("pending"), 20);
    proxy.set(Network::Pass);
    site.wait_count("applied", 20);
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), 20);
}

pub(super) fn a_network_that_stalls_is_left_and_found_again(his: &His) {
    his.sql(VISITS);
    let proxy = Proxy::before(his.port(), Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .mapping(visits())
        .with(json!({"database": {"statement_timeout_s": 2, "lock_timeout_s": 1, "connect_timeout_s": 2}}));
    let daemon = site.start();
    apply(&site, &daemon, "first", &json!({"event_type": "visit", "visit_id": 1, "status": "x"}));
    proxy.set(Network::Stall);
    send(&daemon, "a", &json!({"event_type": "visit", "visit_id": 2, "status": "x"}));
    wait_until("the daemon says that the database does not answer", || site.log().contains("no answer"));
    assert_eq!(site.event("a")["state"], json!("pending"));
    proxy.cut();
    proxy.set(Network::Pass);
    site.wait_state("a", "applied");
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), 2);
}

pub(super) fn sessions_that_are_killed_are_opened_again(his: &His) {
    his.sql(VISITS);
    let site = site(his, visits());
    let daemon = site.start();
    for round in 1..=3 {
        let event = json!({"event_type": "visit", "visit_id": round, "status": "x"});
        apply(&site, &daemon, &format!("v{round}"), &event);
        his.kill_sessions();
    }
    apply(&site, &daemon, "last", &json!({"event_type": "visit", "visit_id": 9, "status": "x"}));
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), 4);
    assert_eq!(site.count("parked"), 0);
}

pub(super) fn a_locked_row_is_written_later(his: &His) {
    his.sql(VISITS);
    his.sql("INSERT INTO visits (id, status) VALUES (1, 'old')");
    let site = site(his, visits()).with(json!({"database": {"lock_timeout_s": 1}}));
    let daemon = site.start();
    let held = his.hold("UPDATE visits SET status = 'theirs' WHERE id = 1");
    send(&daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "status": "ours"}));
    wait_until("the daemon says that something is locked", || site.log().contains("a lock in the HIS"));
    assert_eq!(site.count("parked"), 0);
    drop(held);
    site.wait_state("a", "applied");
    his.assert_rows("SELECT id, status FROM visits", &["1|ours"]);
}
