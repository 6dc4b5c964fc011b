//! The faults that a HIS, a network and a power supply have, each ended again before the next one begins. Decides nothing about
//! events; what heals everything is [`Ground::heal`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use fastrand::Rng;

use super::world::{Desk, RECORDS};
use crate::support::{
    daemon::{Daemon, Site, signal},
    mariadb::{His, Server},
    proxy::{Network, Proxy},
};

/// What the faults are done to.
pub(super) struct Ground {
    pub(super) server: Mutex<Server>,
    pub(super) his: His,
    pub(super) proxy: Proxy,
    pub(super) site: Site,
    pub(super) desk: Arc<Desk>,
    pub(super) daemon: Mutex<Option<Daemon>>,
    /// How often each fault was done.
    pub(super) done: Mutex<BTreeMap<&'static str, u64>>,
}

type Blow = fn(&Ground, &mut Rng);

/// By name, with how often each is chosen.
const BLOWS: &[(&str, u32, Blow)] = &[
    ("the network stalls", 3, stall),
    ("the network resets", 4, |ground, _| ground.proxy.cut()),
    ("the network refuses", 3, refuse),
    ("the network flaps", 2, flap),
    ("the network is slow", 2, slow),
    ("the network garbles an answer", 3, garble),
    ("a COMMIT is lost", 4, |ground, rng| at_commit(ground, rng, Network::CutBeforeCommit)),
    ("a COMMIT's answer is lost", 6, |ground, rng| at_commit(ground, rng, Network::CutAfterCommit)),
    ("a COMMIT's answer is lost and the network goes", 3, |ground, rng| {
        at_commit(ground, rng, Network::DownAfterCommit);
    }),
    ("the HIS hangs", 3, hang),
    ("the HIS is killed", 2, kill_his),
    ("the HIS restarts", 1, restart_his),
    ("the HIS kills sessions", 3, |ground, _| ground.his.kill_sessions()),
    ("the HIS locks rows", 3, lock_rows),
    ("the HIS locks a table", 2, lock_table),
    ("the HIS writes the same rows in the other order", 4, deadlock),
    ("the HIS drops a column and adds it again", 1, drop_column),
    ("the HIS narrows a column and widens it again", 1, narrow),
    ("the HIS renames a table away and back", 1, rename),
    ("the HIS takes the privilege to write away", 1, read_only_login),
    ("the HIS is read-only", 1, read_only),
    ("the HIS refuses with an error of its own", 3, refuse_rows),
    ("the HIS allows statements little time", 1, little_time),
    ("the password is wrong", 1, wrong_password),
];

impl Ground {
    /// One fault of the HIS or of the network.
    pub(super) fn strike(&self, rng: &mut Rng) {
        let all: u32 = BLOWS.iter().map(|(_, weight, _)| weight).sum();
        let mut pick = rng.u32(..all);
        for (name, weight, blow) in BLOWS {
            if pick < *weight {
                blow(self, rng);
                *self.done.lock().unwrap().entry(name).or_default() += 1;
                return;
            }
            pick -= weight;
        }
    }

    /// One fault of the daemon: mostly it is killed.
    pub(super) fn strike_daemon(&self, rng: &mut Rng) {
        let mut place = self.daemon.lock().unwrap();
        let Some(daemon) = place.take() else { return };
        let name = match rng.u32(..10) {
            0 => {
                daemon.stop();
                "the daemon is stopped"
            }
            1 => {
                signal(daemon.id(), "STOP");
                pause(rng, 200..1500);
                signal(daemon.id(), "CONT");
                *place = Some(daemon);
                *self.done.lock().unwrap().entry("the daemon hangs").or_default() += 1;
                return;
            }
            _ => {
                daemon.kill();
                "the daemon is killed"
            }
        };
        *self.done.lock().unwrap().entry(name).or_default() += 1;
        let daemon = self.site.start();
        self.desk.moved(daemon.address);
        *place = Some(daemon);
    }

    /// Has the daemon try at once what it puts off.
    pub(super) fn poke(&self) {
        // Not while none is running: the command would take its place.
        let daemon = self.daemon.lock().unwrap();
        if daemon.is_some() {
            // It says so where the HIS cannot be used.
            self.site.cli(&["sync", "--now", "--wait", "0"]);
        }
    }

    /// Puts right whatever a fault may have left.
    pub(super) fn heal(&self) {
        self.proxy.set(Network::Pass);
        self.his.sql("DELETE FROM refuses");
    }
}

fn pause(rng: &mut Rng, milliseconds: std::ops::Range<u64>) {
    thread::sleep(Duration::from_millis(rng.u64(milliseconds)));
}

fn stall(ground: &Ground, rng: &mut Rng) {
    ground.proxy.set(Network::Stall);
    pause(rng, 100..4000);
    if rng.bool() {
        ground.proxy.cut();
    }
    ground.proxy.set(Network::Pass);
}

fn refuse(ground: &Ground, rng: &mut Rng) {
    ground.proxy.down();
    pause(rng, 100..2000);
    ground.proxy.set(Network::Pass);
}

fn flap(ground: &Ground, rng: &mut Rng) {
    for _ in 0..rng.u32(3..9) {
        ground.proxy.down();
        pause(rng, 10..120);
        ground.proxy.set(Network::Pass);
        pause(rng, 10..250);
    }
}

fn slow(ground: &Ground, rng: &mut Rng) {
    ground.proxy.set(Network::Delay(Duration::from_millis(rng.u64(5..80))));
    pause(rng, 300..2000);
    ground.proxy.set(Network::Pass);
}

fn garble(ground: &Ground, rng: &mut Rng) {
    pause(rng, 1..200);
    ground.proxy.set(Network::Garble);
    pause(rng, 100..800);
    ground.proxy.set(Network::Pass);
}

fn at_commit(ground: &Ground, rng: &mut Rng, network: Network) {
    for _ in 0..rng.u32(1..4) {
        ground.proxy.set(network);
        pause(rng, 100..900);
    }
    ground.proxy.set(Network::Pass);
}

fn hang(ground: &Ground, rng: &mut Rng) {
    let server = ground.server.lock().unwrap();
    server.signal("STOP");
    pause(rng, 200..4000);
    server.signal("CONT");
}

fn kill_his(ground: &Ground, rng: &mut Rng) {
    let mut server = ground.server.lock().unwrap();
    server.kill();
    pause(rng, 10..500);
    server.start();
}

fn restart_his(ground: &Ground, _: &mut Rng) {
    let mut server = ground.server.lock().unwrap();
    server.stop();
    server.start();
}

fn lock_rows(ground: &Ground, rng: &mut Rng) {
    let (from, table) = (rng.u32(1..RECORDS), *rng.choice(&["visits", "beds"]).unwrap());
    let held = ground
        .his
        .hold(&format!("SELECT * FROM {table} WHERE id BETWEEN {from} AND {} FOR UPDATE", from + 4));
    pause(rng, 200..3000);
    drop(held);
}

fn lock_table(ground: &Ground, rng: &mut Rng) {
    let table = *rng.choice(&["visits", "slots", "patients", "bookings", "journal"]).unwrap();
    let held = ground.his.hold(&format!("LOCK TABLES {table} WRITE"));
    pause(rng, 200..3000);
    drop(held);
}

/// The HIS's own session may be the one that is given up: it is no business of the daemon's.
fn deadlock(ground: &Ground, rng: &mut Rng) {
    for _ in 0..rng.u32(1..5) {
        let mut sql = vec!["SET innodb_lock_wait_timeout = 2; BEGIN".to_owned()];
        for record in (1..=RECORDS).rev() {
            let note = rng.u32(..9999);
            sql.push(format!("UPDATE slots SET his_note = '{note}' WHERE label = {record}"));
            sql.push(format!("UPDATE visits SET his_note = '{note}' WHERE id = {record}"));
            sql.push(format!("DO SLEEP(0.0{:02})", rng.u32(..20)));
        }
        sql.push("COMMIT".to_owned());
        ground.his.try_sql(&sql.join(";")).ok();
    }
}

fn drop_column(ground: &Ground, rng: &mut Rng) {
    // The columns that no row can do without: events wait, and nothing that was written is lost.
    ground.his.sql("ALTER TABLE beds RENAME COLUMN ver TO was_ver");
    pause(rng, 200..2500);
    ground.his.sql("ALTER TABLE beds RENAME COLUMN was_ver TO ver");
    // One that comes empty where it was: the next events bring its values.
    ground.his.sql("ALTER TABLE slots DROP COLUMN his_note");
    pause(rng, 100..500);
    ground.his.sql("ALTER TABLE slots ADD COLUMN his_note VARCHAR(20)");
}

/// Long tags do not fit meanwhile: those that are there are cut, those that come are parked.
fn narrow(ground: &Ground, rng: &mut Rng) {
    ground.his.sql("SET sql_mode = ''; ALTER TABLE visits MODIFY tag VARCHAR(6)");
    pause(rng, 500..3000);
    ground.his.sql("ALTER TABLE visits MODIFY tag VARCHAR(20)");
}

fn rename(ground: &Ground, rng: &mut Rng) {
    let table = *rng.choice(&["visits", "slots", "journal", "bookings"]).unwrap();
    ground.his.sql(&format!("RENAME TABLE {table} TO {table}_away"));
    pause(rng, 200..2500);
    ground.his.sql(&format!("RENAME TABLE {table}_away TO {table}"));
}

fn read_only_login(ground: &Ground, rng: &mut Rng) {
    let name = &ground.his.name;
    ground.his.sql(&format!("REVOKE INSERT, UPDATE, DELETE ON {name}.* FROM {name}@'%'"));
    ground.his.kill_sessions();
    pause(rng, 200..2500);
    ground.his.sql(&format!("GRANT INSERT, UPDATE, DELETE ON {name}.* TO {name}@'%'"));
}

fn read_only(ground: &Ground, rng: &mut Rng) {
    ground.his.sql("SET GLOBAL read_only = 1");
    pause(rng, 200..2000);
    ground.his.sql("SET GLOBAL read_only = 0");
}

/// No room (1114, 1021), no memory (1041), locks (1205, 1213), no time (1969), interrupted (1317), and one that says nothing
/// (1105): a trigger answers as the server would.
fn refuse_rows(ground: &Ground, rng: &mut Rng) {
    let errno = rng.choice(&[1114, 1021, 1041, 1205, 1213, 1969, 1317, 1105]).unwrap();
    ground.his.sql(&format!("INSERT INTO refuses VALUES ({errno})"));
    pause(rng, 200..2500);
    ground.his.sql("DELETE FROM refuses");
}

fn little_time(ground: &Ground, rng: &mut Rng) {
    ground.his.sql("SET GLOBAL max_statement_time = 0.002");
    ground.his.kill_sessions();
    pause(rng, 200..2000);
    ground.his.sql("SET GLOBAL max_statement_time = 0");
    ground.his.kill_sessions();
}

fn wrong_password(ground: &Ground, rng: &mut Rng) {
    let (name, password) = (&ground.his.name, ground.his.password());
    ground.his.sql(&format!("ALTER USER {name}@'%' IDENTIFIED BY 'another'"));
    ground.his.kill_sessions();
    pause(rng, 200..2000);
    ground.his.sql(&format!("ALTER USER {name}@'%' IDENTIFIED BY '{password}'"));
}
