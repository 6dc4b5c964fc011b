//! The daemon is killed in place of one of its changes of the disk, over and over: while it takes events, claims, writes to the
//! HIS, records, erases, starts and brings an old file up to date. Afterwards all that was acknowledged is in the HIS once.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::support::{
    daemon::{Daemon, Site},
    faulty::Machine,
    seed::Run,
    traffic::{self, Traffic, assert_in_effect},
    wait_until,
};

const DAY_S: i64 = 86_400;

/// Queue file and HIS on the machine's disk, so that changes of both are counted.
fn machine() -> (Site, Arc<Machine>, PathBuf) {
    let (mut site, his) = traffic::site(|site| site.path("disk"));
    site.merge(json!({"queue": {"keep_applied_days": 1}, "logging": {"level": "info"}}));
    let machine = Arc::new(Machine::under(&mut site));
    (site, machine, his)
}

/// Starts the daemon, which may be killed before it listens, until it does. Gives how often it was.
fn start(site: &Site, machine: &Machine, rng: &mut Rng) -> (Daemon, u64) {
    let mut killed = 0;
    if rng.u8(0..3) == 0 {
        machine.kill_after(rng.u64(1..60));
    }
    loop {
        match Daemon::try_start(machine.command(site)) {
            Ok(daemon) => {
                machine.heal();
                return (daemon, killed);
            }
            Err(words) => {
                assert!(words.contains("signal: 9"), "the daemon ended by itself: {words}");
                killed += 1;
                machine.heal();
            }
        }
    }
}

#[test]
fn a_daemon_killed_at_any_change_loses_and_doubles_nothing() {
    let run = Run::new("kill", Duration::from_secs(6));
    let (site, machine, his) = machine();
    let mut rng = run.rng(0);
    let mut days = 0;
    let (mut daemon, mut kills) = start(&site, &machine, &mut rng);
    let traffic = Traffic::start(daemon.address, (1..4).map(|part| run.rng(part)).collect(), || 0);
    while run.goes_on() || kills < 3 {
        let before = traffic.acknowledged();
        // It may have been killed right after it began to listen.
        wait_until("events are acknowledged", || traffic.acknowledged() > before + 5 || daemon.has_ended());
        machine.kill_after(rng.u64(1..600));
        wait_until("the daemon is killed", || daemon.has_ended());
        daemon.kill();
        kills += 1;
        machine.heal();
        // What was applied is erased at the start of some days later.
        if rng.u8(0..4) == 0 {
            days += 2;
            machine.clock(days * DAY_S);
        }
        let killed;
        (daemon, killed) = start(&site, &machine, &mut rng);
        kills += killed;
        traffic.moved(daemon.address);
    }
    let sent = traffic.end();
    assert_in_effect(&site, &machine.disk.join("queue.db"), &his, &sent);
    daemon.stop();
    run.total("kills survived", kills);
}

/// The SQL of the first version's queue file, as the program has it.
fn layout_1() -> String {
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/queue/schema.rs")).unwrap();
    let (_, rest) =
        source.split_once("const LAYOUT_1: &str = \"").expect("the first layout is never taken out");
    rest.split_once("\";").expect("a text ends").0.to_owned()
}

/// A queue file of the first version with events that wait.
fn old_file(path: &Path, events: i64) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(&format!(
        "{} PRAGMA application_id = {}; PRAGMA user_version = 1; PRAGMA journal_mode = wal;",
        layout_1(),
        0x424b_5451
    ))
    .unwrap();
    for number in 1..=events {
        let body = json!({"event_id": format!("old-{number}"), "event_type": "visit", "visit_id": number, "version": 1,
                          "remark": "r".repeat(usize::try_from(number).unwrap() * 100)});
        conn.execute(
            "INSERT INTO event (seq, state, received_at, event_id, kind, digest, body) VALUES (?1, 0, 0, ?2, 'visit', ?3, ?4)",
            params![number, format!("old-{number}"), [0_u8; 16], body.to_string().into_bytes()],
        )
        .unwrap();
    }
}

#[test]
fn a_daemon_killed_while_it_brings_an_old_file_up_to_date_loses_nothing() {
    let run = Run::new("migrate", Duration::from_secs(6));
    let mut rng = run.rng(0);
    let mut kills = 0;
    let mut changes = None;
    while run.goes_on() || kills < 3 {
        let (site, machine, his) = machine();
        old_file(&machine.disk.join("queue.db"), 60);
        // The first one runs through, and tells how many changes that takes.
        machine.kill_after(changes.map_or(100_000, |all| rng.u64(1..=all)));
        let daemon = match Daemon::try_start(machine.command(&site)) {
            Ok(mut daemon) => {
                changes.get_or_insert(machine.changes());
                machine.heal();
                // It may have been killed right after it began to listen.
                if daemon.has_ended() {
                    kills += 1;
                    daemon = machine.start(&site);
                }
                daemon
            }
            Err(words) => {
                assert!(words.contains("signal: 9"), "the daemon ended by itself: {words}");
                kills += 1;
                machine.heal();
                machine.start(&site)
            }
        };
        site.wait_count("applied", 60);
        let rows: i64 = Connection::open(&his)
            .unwrap()
            .query_row("SELECT count(*) FROM visits", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 60);
        daemon.stop();
    }
    run.total("kills while an old file was brought up to date", kills);
}
