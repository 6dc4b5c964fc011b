//! Faults at random over every kind of database: what a network, a lock and a power supply can do to all of them. `faults/mixed.rs`
//! does more of it to `MariaDB`.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::json;

use super::his::{His, Kind};
use crate::{
    faults::{
        verdict,
        world::{Desk, RECORDS, mapping},
    },
    support::{
        daemon::{Daemon, Site},
        proxy::{Network, Proxy},
        seed::Run,
    },
};

/// As those of `faults/world.rs`, for all of them.
const TABLES: &str = "
    CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, ver {int} NOT NULL, tag {text(40)});
    CREATE TABLE patients (pid {counter}, who {int} NOT NULL);
    CREATE TABLE slots (sid {counter}, pid {int} NOT NULL, label {int} NOT NULL, ver {int} NOT NULL);
    CREATE TABLE bookings (bid {counter}, label {int} NOT NULL, ver {int} NOT NULL, ref {text(60)});
    CREATE TABLE journal (n {counter}, ver {int} NOT NULL, ref {text(60)});
    CREATE TABLE wards (id {int} NOT NULL PRIMARY KEY, ver {int} NOT NULL);
    CREATE TABLE beds (id {int} NOT NULL PRIMARY KEY, ward {int} NOT NULL, ver {int} NOT NULL)";

/// How long everything may take to be written once all is well again.
const DRAINED_WITHIN: Duration = Duration::from_mins(2);

struct Ground<'a> {
    his: &'a His,
    /// None where the HIS is a file.
    proxy: Option<Proxy>,
    site: Site,
    desk: Arc<Desk>,
    daemon: Option<Daemon>,
}

fn pause(rng: &mut Rng, milliseconds: std::ops::Range<u64>) {
    thread::sleep(Duration::from_millis(rng.u64(milliseconds)));
}

impl Ground<'_> {
    fn strike(&mut self, rng: &mut Rng) {
        pause(rng, 50..500);
        match (rng.u32(..8), &self.proxy) {
            (0..2, _) => self.kill_daemon(),
            (2, _) => self.lock(rng),
            (3, Some(_)) => self.his.kill_sessions(),
            (4, Some(proxy)) => proxy.cut(),
            (5, Some(proxy)) => {
                proxy.set(Network::Stall);
                pause(rng, 100..2500);
                proxy.set(Network::Pass);
            }
            (6, Some(proxy)) => {
                proxy.down();
                pause(rng, 50..800);
                proxy.set(Network::Pass);
            }
            (_, Some(proxy)) => {
                let network = [Network::CutBeforeCommit, Network::CutAfterCommit, Network::DownAfterCommit];
                proxy.set(*rng.choice(&network).unwrap());
                pause(rng, 100..700);
                proxy.set(Network::Pass);
            }
            (_, None) => self.kill_daemon(),
        }
        self.site.cli(&["sync", "--now", "--wait", "0"]);
    }

    fn kill_daemon(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
        let daemon = self.site.start();
        self.desk.moved(daemon.address);
        self.daemon = Some(daemon);
    }

    fn lock(&self, rng: &mut Rng) {
        let record = rng.u32(1..=RECORDS);
        let held = self.his.hold(&format!("UPDATE visits SET tag = tag WHERE id = {record}"));
        pause(rng, 100..1500);
        drop(held);
    }

    fn drain(&self) {
        let begun = Instant::now();
        loop {
            self.site.cli(&["sync", "--now", "--wait", "20"]);
            let open = ["pending", "deferred", "held", "waiting", "paused"];
            if open.iter().all(|state| self.site.count(state) == 0) {
                break;
            }
            assert!(begun.elapsed() < DRAINED_WITHIN, "{}", self.site.cli(&["status"]).stdout);
        }
        assert_eq!(self.site.count("parked"), 0, "{}", self.site.cli(&["events", "list"]).stdout);
    }
}

pub(super) fn faults_at_random_lose_and_double_nothing(his: &His) {
    let run = Run::new("faults of any HIS", Duration::from_secs(6));
    his.sql(TABLES);
    let proxy = (his.kind != Kind::Sqlite).then(|| Proxy::before(his.port(), Network::Pass));
    let section = proxy.as_ref().map_or_else(|| his.section(), |proxy| his.section_at(proxy.port));
    let site = Site::new(section).mapping(mapping()).with(json!({
        "database": {"lock_timeout_s": 1},
        "sync": {"batch_events": run.rng(0).u32(4..100)},
        "logging": {"level": "info"},
    }));
    let daemon = site.start();
    let desk = Arc::new(Desk::default());
    desk.moved(daemon.address);
    let senders = desk.start(2, |part| run.rng(part));
    let mut ground = Ground { his, proxy, site, desk, daemon: Some(daemon) };
    let (mut rng, mut struck) = (run.rng(1), 0);
    while run.goes_on() {
        ground.strike(&mut rng);
        struck += 1;
    }
    ground.desk.end(senders);
    ground.drain();
    let read = |query: &str| his.rows(query).iter().map(|row| row.replace('|', "\t")).collect();
    let kept = verdict::hold_rows(&ground.site, &ground.desk, &read);
    ground.daemon.take().unwrap().stop();
    verdict::whole(&ground.site);
    run.total("faults of any HIS", struck);
    run.total("events checked against any HIS", kept.len() as u64);
    run.total("webhooks delivered again", ground.desk.duplicates.load(Ordering::SeqCst));
}
