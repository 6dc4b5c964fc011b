//! Disks that are full, beyond their quota, read-only or broken, under the real daemon: nothing is acknowledged that is not kept,
//! senders are told to come again, and all goes on by itself when the disk is well again.

use std::{fs, sync::Arc, time::Duration};

use serde_json::json;

use crate::support::{
    daemon::{Daemon, Site, finish},
    faulty::{Errno, Machine},
    seed::Run,
    traffic::{self, Traffic, assert_in_effect},
    wait_for, wait_until,
};

/// What breaks.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Every write, after some bytes more.
    Write(Errno),
    /// Writes that make a file longer.
    Growth(Errno),
    Sync,
    /// That many reads.
    Read(u64),
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Write(Errno::NoSpace),
        Self::Write(Errno::Quota),
        Self::Write(Errno::ReadOnly),
        Self::Write(Errno::Io),
        Self::Growth(Errno::NoSpace),
        Self::Growth(Errno::Quota),
        Self::Sync,
        Self::Read(20),
    ];

    fn begin(self, machine: &Machine, bytes: u64) {
        match self {
            Self::Write(errno) => machine.fail_writes(errno, bytes),
            Self::Growth(errno) => machine.fail_growth(errno, bytes),
            Self::Sync => machine.fail_syncs(u64::MAX),
            Self::Read(times) => machine.fail_reads(times),
        }
    }
}

/// The HIS on a disk of its own, which stays well.
fn machine() -> (Site, Arc<Machine>, std::path::PathBuf) {
    let (mut site, his) = traffic::site(|site| site.path("his"));
    let machine = Arc::new(Machine::under(&mut site));
    (site, machine, his)
}

/// Threads and open files of a daemon.
fn footprint(daemon: &Daemon) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", daemon.id())).unwrap().count();
    (count("task"), count("fd"))
}

#[test]
fn every_fault_of_the_disk_is_survived_and_leaves_nothing_open() {
    let run = Run::new("disk", Duration::from_secs(4));
    let (site, machine, his) = machine();
    let daemon = machine.start(&site);
    let mut rng = run.rng(0);
    let traffic = Traffic::start(daemon.address, (1..5).map(|part| run.rng(part)).collect(), || 0);
    wait_until("events come", || traffic.acknowledged() > 50);
    let before = footprint(&daemon);
    let mut faults = 0;
    let mut rounds = 0;
    while rounds < Fault::ALL.len() || run.goes_on() {
        let fault =
            Fault::ALL[if rounds < Fault::ALL.len() { rounds } else { rng.usize(0..Fault::ALL.len()) }];
        let (refused, hit) = (traffic.refused(), machine.faults());
        fault.begin(&machine, rng.u64(0..200_000));
        match fault {
            // A log that is long enough is written over for a while, and what stands in memory is not read.
            Fault::Growth(_) | Fault::Read(_) => std::thread::sleep(Duration::from_millis(rng.u64(100..300))),
            _ => {
                wait_until("events are refused", || {
                    traffic.refused() > refused + 2 && machine.faults() > hit
                });
            }
        }
        machine.heal();
        faults += machine.faults() - hit;
        let healed = traffic.acknowledged();
        // What could not be read is taken for damaged, until all of it was read.
        wait_until(&format!("events are kept again after {fault:?}"), || traffic.acknowledged() > healed + 8);
        rounds += 1;
    }
    let sent = traffic.end();
    assert_in_effect(&site, &machine.disk.join("queue.db"), &his, &sent);
    // Threads that wait for work are kept for ten seconds.
    wait_for(Duration::from_secs(30), "threads and files are given back", || {
        let (threads, files) = footprint(&daemon);
        threads <= before.0 && files <= before.1
    });
    let printed = daemon.stop();
    for words in ["is full: free some space", "events are kept again"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    run.total("disk faults injected", faults);
}

#[test]
fn a_full_disk_refuses_and_goes_on_by_itself() {
    for errno in [Errno::NoSpace, Errno::Quota] {
        let (site, machine, _) = machine();
        let daemon = machine.start(&site);
        let event =
            |n: u32| json!({"event_id": format!("e{n}"), "event_type": "visit", "visit_id": n, "version": 1});
        daemon.accept(&event(1));
        site.wait_state("e1", "applied");
        machine.fail_writes(errno, 100);
        let reply = daemon.post(&event(2));
        reply.assert_error(503, &["full"]);
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
        let health = daemon.request("GET", "/health", &[], &[]);
        assert_eq!(health.status, 503, "{health:?}");
        machine.heal();
        daemon.accept(&event(2));
        site.wait_state("e2", "applied");
        assert_eq!(daemon.request("GET", "/health", &[], &[]).status, 200);
        daemon.stop();
    }
}

#[test]
fn a_read_only_disk_is_said_at_the_start() {
    let (site, machine, _) = machine();
    let says = |when: &str| {
        machine.fail_writes(Errno::ReadOnly, 0);
        let done = finish(machine.command(&site), "");
        machine.heal();
        assert!(done.code != 0 && done.code != -1, "{when}: {done:?}");
        let words = done.stderr.to_lowercase();
        assert!(words.contains("read-only") && words.contains("queue.db"), "{when}: {done:?}");
        assert!(!words.contains("listening on http") && !words.contains("panicked"), "{when}: {done:?}");
    };
    says("without a file");
    let daemon = machine.start(&site);
    daemon.accept(&json!({"event_id": "e", "event_type": "visit", "visit_id": 1, "version": 1}));
    site.wait_state("e", "applied");
    daemon.stop();
    says("with a file");
    machine.start(&site).stop();
}

#[test]
fn a_sync_that_fails_acknowledges_nothing() {
    let (site, machine, _) = machine();
    let daemon = machine.start(&site);
    let event =
        |n: u32| json!({"event_id": format!("e{n}"), "event_type": "visit", "visit_id": n, "version": 1});
    daemon.accept(&event(1));
    site.wait_state("e1", "applied");
    machine.fail_syncs(u64::MAX);
    for number in 2..5 {
        let reply = daemon.post(&event(number));
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    machine.heal();
    for number in 2..5 {
        daemon.accept(&event(number));
        site.wait_state(&format!("e{number}"), "applied");
    }
    daemon.stop();
}

#[test]
fn a_full_disk_of_the_log_stops_no_event() {
    for errno in [Errno::NoSpace, Errno::Io] {
        let (site, _) = traffic::site(|site| site.path("his"));
        let machine = Machine::new(&site.path("log"));
        let daemon = machine.start(&site);
        let event =
            |n: u32| json!({"event_id": format!("e{n}"), "event_type": "visit", "visit_id": n, "version": 1});
        machine.fail_writes(errno, 0);
        for number in 0..20 {
            daemon.accept(&event(number));
        }
        site.wait_count("applied", 20);
        wait_until("the log could not be written", || machine.faults() > 0);
        machine.heal();
        let before = site.log().len();
        // It is tried again with the first line that comes ten seconds later.
        let mut number = 100;
        wait_until("the log goes on", || {
            number += 1;
            daemon.accept(&event(number));
            site.log().len() > before
        });
        daemon.stop();
    }
}
