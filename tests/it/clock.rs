//! The machine's clock is set forth and back under a running daemon: events go on to the HIS within seconds, nothing waits for
//! an hour that has been before, and a clock that is years ahead erases nothing.

use std::{fs, sync::Arc};

use rusqlite::Connection;
use serde_json::json;

use crate::support::{
    daemon::{Daemon, Site},
    faulty::Machine,
    seed::Run,
    traffic::{self, Traffic, assert_in_effect},
    wait_until,
};

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// Sends an event, which must be in the HIS soon.
fn applied(site: &Site, daemon: &Daemon, id: &str) {
    let version: i64 = 1;
    daemon.accept(
        &json!({"event_id": id, "event_type": "visit", "visit_id": fastrand::u32(..), "version": version}),
    );
    site.wait_state(id, "applied");
}

#[test]
fn events_go_on_after_every_jump() {
    let run = Run::new("clock", std::time::Duration::from_secs(1));
    let (mut site, his) = traffic::site(|site| site.path("his"));
    // Every hour of the night, too: only the seconds say when.
    let machine = Arc::new(Machine::under(&mut site));
    let queue = machine.disk.join("queue.db");
    let daemon = machine.start(&site);
    applied(&site, &daemon, "before");
    let traffic = Traffic::start(daemon.address, (0..2).map(|part| run.rng(part)).collect(), || 0);
    let mut rng = run.rng(9);
    let mut jumps = vec![6 * HOUR_S, 0, -6 * HOUR_S, DAY_S, -DAY_S, 0, 20 * 365 * DAY_S, 0];
    let mut done = 0;
    while let Some(to) = jumps.pop().or_else(|| run.goes_on().then(|| rng.i64(-30 * DAY_S..30 * DAY_S))) {
        machine.clock(to);
        applied(&site, &daemon, &format!("jump-{done}"));
        done += 1;
    }
    machine.clock(0);
    let sent = traffic.end();
    wait_until("all is recorded", || site.count("pending") == 0);
    let known = Connection::open(&queue).unwrap();
    known.execute("DELETE FROM event WHERE event_id LIKE 'jump-%' OR event_id = 'before'", []).unwrap();
    Connection::open(&his).unwrap().execute("DELETE FROM visits WHERE id > 100000", []).unwrap();
    assert_in_effect(&site, &queue, &his, &sent);
    daemon.stop();
    run.total("clock jumps survived", done);
}

#[test]
fn what_was_put_off_before_a_jump_back_is_tried_soon() {
    let (mut site, his) = traffic::site(|site| site.path("his"));
    site.merge(json!({"database": {"lock_timeout_s": 1}}));
    let machine = Machine::under(&mut site);
    machine.clock(6 * HOUR_S);
    let daemon = machine.start(&site);
    applied(&site, &daemon, "before");
    let lock = Connection::open(&his).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    daemon.accept(&json!({"event_id": "late", "event_type": "visit", "visit_id": 7, "version": 1}));
    wait_until("it is put off", || {
        let event = site.event("late");
        event["state"] == "deferred" || event["state"] == "pending" && site.log().contains("locked")
    });
    machine.clock(0);
    lock.execute_batch("ROLLBACK").unwrap();
    site.wait_state("late", "applied");
    daemon.stop();
}

#[test]
fn a_clock_that_is_years_ahead_erases_nothing() {
    let (mut site, _) = traffic::site(|site| site.path("his"));
    site.merge(json!({"queue": {"keep_applied_days": 1}}));
    let machine = Machine::under(&mut site);
    let daemon = machine.start(&site);
    applied(&site, &daemon, "first");
    applied(&site, &daemon, "second");
    daemon.stop();
    machine.clock(12 * 365 * DAY_S);
    let daemon = machine.start(&site);
    applied(&site, &daemon, "third");
    wait_until("the daemon doubts its clock", || daemon.printed().contains("far ahead"));
    assert_eq!(site.count("applied"), 3);
    daemon.stop();
    // What came meanwhile is no reason to believe it. Three days on, the first two are old.
    machine.clock(3 * DAY_S);
    let daemon = machine.start(&site);
    wait_until("old events are erased", || site.count("applied") < 3);
    daemon.stop();
}

#[test]
fn a_jump_forth_and_back_at_once_stops_nothing() {
    let (mut site, _) = traffic::site(|site| site.path("his"));
    let machine = Machine::under(&mut site);
    let daemon = machine.start(&site);
    applied(&site, &daemon, "before");
    for round in 0..3 {
        machine.clock(DAY_S);
        // Written by the first tick after the jump, mostly before anything else has looked at the clock.
        applied(&site, &daemon, &format!("tomorrow {round}"));
        machine.clock(0);
        applied(&site, &daemon, &format!("today {round}"));
    }
    daemon.stop();
}

#[test]
fn logs_roll_when_a_day_passes() {
    let (mut site, _) = traffic::site(|site| site.path("his"));
    let machine = Machine::under(&mut site);
    let daemon = machine.start(&site);
    applied(&site, &daemon, "today");
    let files = || fs::read_dir(site.path("log")).unwrap().count();
    assert_eq!(files(), 1);
    machine.clock(DAY_S);
    applied(&site, &daemon, "tomorrow");
    wait_until("there is a second log file", || files() == 2);
    machine.clock(0);
    applied(&site, &daemon, "today again");
    daemon.stop();
}
