//! Faults of all kinds at random, while senders send: at the end everything that was acknowledged stands in the HIS exactly once
//! in effect, each record as its newest event says, and nothing was left open. Timed and seeded by [`Run`].

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    blows::Ground,
    verdict,
    world::{Desk, TABLES, mapping},
};
use crate::support::{
    daemon::{Daemon, Site},
    mariadb::Server,
    proxy::{Network, Proxy},
    seed::Run,
    wait_for,
};

/// How long it may take until everything is written once all is well again.
const DRAINED_WITHIN: Duration = Duration::from_mins(4);

/// What a process holds of the system: threads, open files, sessions at the HIS.
#[derive(Clone, Copy, Debug)]
struct Held {
    threads: usize,
    files: usize,
    sessions: u64,
}

fn held(ground: &Ground, daemon: &Daemon) -> Held {
    let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", daemon.id())).unwrap().count();
    let sessions =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}'", ground.his.name);
    Held { threads: count("task"), files: count("fd"), sessions: ground.his.number(&sessions) }
}

fn ground(rng: &mut fastrand::Rng) -> Ground {
    let server = Server::private();
    let his = server.database();
    his.sql(TABLES);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(mapping()).with(json!({
        "database": {"lock_timeout_s": 1, "statement_timeout_s": 2, "connect_timeout_s": 2},
        "sync": {"batch_events": rng.u32(4..200)},
        "logging": {"level": "info"},
    }));
    let daemon = site.start();
    let desk = Arc::new(Desk::default());
    desk.moved(daemon.address);
    Ground {
        server: Mutex::new(server),
        his,
        proxy,
        site,
        desk,
        daemon: Mutex::new(Some(daemon)),
        done: Mutex::default(),
    }
}

/// Faults at the HIS and at the daemon at the same time; in the last third at the HIS alone, so that one daemon lives through
/// many of them.
fn trouble(ground: &Ground, run: &Run) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut rng = run.rng(2);
            let begun = Instant::now();
            while !over.load(Ordering::SeqCst) && begun.elapsed() < run.budget * 2 / 3 {
                thread::sleep(Duration::from_millis(rng.u64(100..2500)));
                ground.strike_daemon(&mut rng);
            }
        });
        let mut rng = run.rng(1);
        while run.goes_on() {
            thread::sleep(Duration::from_millis(rng.u64(0..400)));
            ground.strike(&mut rng);
            if rng.u32(..3) > 0 {
                ground.poke();
            }
        }
        over.store(true, Ordering::SeqCst);
    });
}

/// Causes for which an event may be parked, each with the fault that explains it; the first word of a cause is enough.
const EXPLAINED: &[(&str, &str)] = &[
    ("too-long:visit.tag", "the HIS narrows a column and widens it again"),
    ("mysql-1406", "the HIS narrows a column and widens it again"),
    ("mysql-1105", "the HIS refuses with an error of its own"),
    ("crashes", "the daemon is killed"),
    ("link-uncertain", "the HIS is killed"),
];

/// Waits until nothing is left to do. What is parked is tried again, as an operator does who has put its cause right; gives
/// how many events, by cause.
fn drain(ground: &Ground) -> BTreeMap<String, u64> {
    ground.heal();
    // Rows that others wait for.
    ground.his.sql("INSERT IGNORE INTO wards (id, ver) SELECT seq, 0 FROM seq_1_to_5");
    let mut retried = BTreeMap::new();
    let mut left = BTreeMap::new();
    let begun = Instant::now();
    while begun.elapsed() < DRAINED_WITHIN {
        ground.site.cli(&["sync", "--now", "--wait", "20"]);
        left = states(ground);
        if left.is_empty() {
            return retried;
        }
        if left.contains_key("parked") {
            explained(ground, &mut retried);
            ground.site.cli(&["events", "retry", "--all"]);
        }
    }
    panic!("not everything is applied: {left:?}: {}", ground.site.cli(&["status"]).stdout);
}

/// Holds that each parked event is parked for something that was done to it.
fn explained(ground: &Ground, by_cause: &mut BTreeMap<String, u64>) {
    let parked = ground.site.json(&["events", "list", "--state", "parked", "--limit", "1000000", "--json"]);
    let done = ground.done.lock().unwrap();
    for event in parked.as_array().unwrap() {
        let cause = event["cause"].as_str().unwrap();
        let fault = EXPLAINED.iter().find(|(begin, _)| cause.starts_with(begin)).map(|(_, fault)| fault);
        assert!(fault.is_some_and(|fault| done.contains_key(fault)), "parked without a reason: {event}");
        *by_cause.entry(cause.to_owned()).or_default() += 1;
    }
}

/// How many events stand where, of those that are not done with.
fn states(ground: &Ground) -> BTreeMap<String, u64> {
    let status = ground.site.cli(&["status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let states = status["queue"]["states"].as_object().unwrap().iter();
    let open =
        states.filter(|(state, _)| !["applied", "stale", "ignored", "discarded"].contains(&state.as_str()));
    open.map(|(state, count)| (state.clone(), count.as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn assert_nothing_leaked(ground: &Ground, before: Held) {
    let daemon = ground.daemon.lock().unwrap();
    let daemon = daemon.as_ref().unwrap();
    let mut now = before;
    let patience = Instant::now();
    // Threads for blocking work end after ten idle seconds.
    while patience.elapsed() < Duration::from_secs(25) {
        now = held(ground, daemon);
        if now.threads <= before.threads + 2
            && now.files <= before.files + 2
            && now.sessions <= before.sessions
        {
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("something is left over: {now:?}, where an idle daemon has {before:?}");
}

#[test]
fn whatever_happens_to_the_his_each_event_has_effect_once() {
    let run = Run::new("faults of the HIS", Duration::from_secs(8));
    let ground = ground(&mut run.rng(0));
    let idle = {
        let daemon = ground.daemon.lock().unwrap();
        let daemon = daemon.as_ref().unwrap();
        wait_for(Duration::from_secs(20), "it is connected", || held(&ground, daemon).sessions > 0);
        held(&ground, daemon)
    };
    let senders = ground.desk.start(3, |part| run.rng(part));
    trouble(&ground, &run);
    ground.desk.end(senders);
    let retried = drain(&ground);
    assert_nothing_leaked(&ground, idle);
    let told = verdict::hold(&ground);
    let daemon = ground.daemon.lock().unwrap().take().unwrap();
    daemon.stop();
    verdict::whole(&ground.site);
    let done = ground.done.lock().unwrap();
    for (name, count) in done.iter() {
        run.total(name, *count);
    }
    run.total("faults of the HIS, the network and the daemon", done.values().sum());
    run.total("daemons killed", done.get("the daemon is killed").copied().unwrap_or(0));
    run.total("events checked against the HIS", told.events);
    run.total("webhooks delivered again", ground.desk.duplicates.load(Ordering::SeqCst));
    for (cause, count) in &retried {
        run.total(&format!("parked and tried again, {cause}"), *count);
    }
    run.total("values that rows took, in order", told.history);
}
