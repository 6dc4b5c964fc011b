//! The HIS that the mixed faults are let loose on, and the senders: what they send, what was acknowledged. Every event has a
//! number of its own, its `ver`, which stands in what it writes. Decides nothing about faults.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::http::Client;

/// Tables whose rows tell which event wrote them last, and a history of the values that they took
/// (not of `slots`: an insert trigger would keep them from sharing statements). The HIS writes `his_note`.
pub(super) const TABLES: &str = "
    CREATE TABLE visits (id INT PRIMARY KEY, ver INT NOT NULL, tag VARCHAR(20), his_note VARCHAR(20));
    CREATE TABLE patients (pid INT AUTO_INCREMENT PRIMARY KEY, who INT NOT NULL);
    CREATE TABLE slots (sid INT AUTO_INCREMENT PRIMARY KEY, pid INT NOT NULL, label INT NOT NULL, ver INT NOT NULL,
        his_note VARCHAR(20));
    CREATE TABLE bookings (bid INT AUTO_INCREMENT PRIMARY KEY, label INT NOT NULL, ver INT NOT NULL, ref VARCHAR(60), KEY (ref));
    CREATE TABLE journal (n INT AUTO_INCREMENT PRIMARY KEY, ver INT NOT NULL, ref VARCHAR(60), KEY (ref));
    CREATE TABLE wards (id INT PRIMARY KEY, ver INT NOT NULL);
    CREATE TABLE beds (id INT PRIMARY KEY, ward INT NOT NULL, ver INT NOT NULL, FOREIGN KEY (ward) REFERENCES wards (id));
    CREATE TABLE history (n BIGINT AUTO_INCREMENT PRIMARY KEY, of VARCHAR(10) NOT NULL, id INT NOT NULL, ver INT NOT NULL);
    CREATE TABLE refuses (errno INT NOT NULL);
    DELIMITER //
    CREATE TRIGGER visits_i AFTER INSERT ON visits FOR EACH ROW INSERT INTO history VALUES (NULL, 'visits', NEW.id, NEW.ver)//
    CREATE TRIGGER visits_u AFTER UPDATE ON visits FOR EACH ROW INSERT INTO history VALUES (NULL, 'visits', NEW.id, NEW.ver)//
    CREATE TRIGGER bookings_i AFTER INSERT ON bookings FOR EACH ROW INSERT INTO history VALUES (NULL, 'bookings', NEW.label, NEW.ver)//
    CREATE TRIGGER bookings_u AFTER UPDATE ON bookings FOR EACH ROW INSERT INTO history VALUES (NULL, 'bookings', NEW.label, NEW.ver)//
    CREATE TRIGGER visits_b BEFORE UPDATE ON visits FOR EACH ROW BEGIN
        DECLARE e INT DEFAULT (SELECT MAX(errno) FROM refuses);
        IF e IS NOT NULL THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = e, MESSAGE_TEXT = 'refused by a test'; END IF;
    END//
    CREATE TRIGGER wards_b BEFORE INSERT ON wards FOR EACH ROW BEGIN
        DECLARE e INT DEFAULT (SELECT MAX(errno) FROM refuses);
        IF e IS NOT NULL THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = e, MESSAGE_TEXT = 'refused by a test'; END IF;
    END//
    DELIMITER ;
";

/// The mapping for [`TABLES`]: a key that the event brings, keys that the tables make with and without a mark, steps, inserts
/// that no key tells apart, rows that need another row.
pub(crate) fn mapping() -> Value {
    let deletes = json!({"deleted": {"action": "delete"}});
    json!({
        "visit": {"table": "visits", "fields": {"visit_id": "id", "ver": "ver", "tag": "tag"}, "on": deletes},
        "slot": {"steps": [
            {"name": "patient", "table": "patients", "generated_key": "pid", "key": "who", "fields": {"who": "who"}},
            {"name": "slot", "table": "slots", "generated_key": "sid", "key": "slot_id", "on": deletes,
             "fields": {"$patient.generated_key": "pid", "label": "label", "ver": "ver"}},
        ]},
        "booking": {"table": "bookings", "generated_key": "bid", "marker": "ref", "on": deletes,
            "fields": {"label": "label", "ver": "ver"}},
        "entry": {"table": "journal", "action": "insert", "marker": "ref", "fields": {"ver": "ver"}},
        "ward": {"table": "wards", "fields": {"ward_id": "id", "ver": "ver"}},
        "bed": {"table": "beds", "fields": {"bed_id": "id", "ward": "ward", "ver": "ver"}},
    })
}

/// Records of each kind.
pub(crate) const RECORDS: u32 = 30;

/// What was sent in an event, by its number.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) kind: &'static str,
    pub(super) record: u32,
    pub(super) deletes: bool,
    /// Its `timestamp` as a number, where it has one.
    pub(super) at: Option<u64>,
    pub(super) tag: Option<String>,
    pub(super) body: Value,
}

/// What the senders have in common.
#[derive(Default)]
pub(crate) struct Desk {
    address: Mutex<Option<SocketAddr>>,
    next: AtomicU64,
    /// Everything that was ever sent, by number.
    pub(super) sent: Mutex<BTreeMap<u64, Sent>>,
    /// Ids that the daemon gave its word for, each with the number; an event without an id has got one.
    pub(super) acknowledged: Mutex<BTreeMap<String, u64>>,
    pub(crate) duplicates: AtomicU64,
    stopped: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

impl Desk {
    /// Tells the senders where the daemon listens now.
    pub(crate) fn moved(&self, address: SocketAddr) {
        *self.address.lock().unwrap() = Some(address);
    }

    pub(crate) fn start(self: &Arc<Self>, senders: u64, rng: impl Fn(u64) -> Rng) -> Vec<JoinHandle<()>> {
        let start = |number| {
            let (desk, mut rng) = (Arc::clone(self), rng(100 + number));
            thread::spawn(move || {
                while !desk.stopped.load(Ordering::SeqCst) {
                    desk.burst(&mut rng);
                }
            })
        };
        (0..senders).map(start).collect()
    }

    /// Ends the senders. Every answer was one that the contract has.
    pub(crate) fn end(&self, senders: Vec<JoinHandle<()>>) {
        self.stopped.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().unwrap();
        }
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} answers were wrong, the first: {}", wrong.len(), wrong[0]);
    }

    /// A few events at once, out of order, some of them more than once, also at the same time.
    fn burst(&self, rng: &mut Rng) {
        let mut events: Vec<u64> = (0..rng.u32(1..8)).map(|_| self.compose(rng)).collect();
        if rng.bool() {
            rng.shuffle(&mut events);
        }
        if rng.u32(..8) == 0 {
            let last = self.next.load(Ordering::SeqCst);
            events.push(rng.u64(1..=last));
        }
        let twice = if rng.u32(..10) == 0 { events.first().copied() } else { None };
        thread::scope(|scope| {
            if let Some(number) = twice {
                scope.spawn(move || self.send(number));
            }
            let mut client = None;
            for number in events {
                self.send_on(&mut client, number);
            }
        });
        thread::sleep(Duration::from_millis(rng.u64(1..25)));
    }

    /// Makes an event; gives its number.
    fn compose(&self, rng: &mut Rng) -> u64 {
        let number = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        let kind =
            *rng.choice(&["visit", "visit", "slot", "slot", "booking", "entry", "bed", "ward"]).unwrap();
        let record = rng.u32(1..=RECORDS);
        let deletes = matches!(kind, "visit" | "slot" | "booking") && rng.u32(..6) == 0;
        let at = (record.is_multiple_of(2) && kind != "entry").then_some(number);
        let tag = (kind == "visit" && !deletes)
            .then(|| if rng.u32(..5) == 0 { format!("a long tag {number}") } else { "short".to_owned() });
        let mut body = json!({
            "type": format!("{kind}.{}", if deletes { "deleted" } else { "updated" }),
            "data": {format!("{kind}_id"): record, "label": record, "ver": number, "who": record % 7, "ward": record % 5 + 1},
        });
        // What nothing else would tell apart needs an id; others may do without.
        if kind == "entry" || rng.u32(..10) > 0 {
            body["event_id"] = json!(format!("x{number}"));
        }
        if let Some(at) = at {
            let (minute, second) = (at / 60, at % 60);
            body["timestamp"] = json!(format!(
                "2025-03-{:02}T{:02}:{:02}:{second:02}Z",
                1 + minute / 1440,
                minute / 60 % 24,
                minute % 60
            ));
        }
        if let Some(tag) = &tag {
            body["data"]["tag"] = json!(tag);
        }
        self.sent.lock().unwrap().insert(number, Sent { kind, record, deletes, at, tag, body });
        number
    }

    fn send(&self, number: u64) {
        self.send_on(&mut None, number);
    }

    /// Sends it once; where there is no answer, again, as Buktor does, unless the end has come.
    fn send_on(&self, client: &mut Option<Client>, number: u64) {
        let body = self.sent.lock().unwrap().get(&number).map(|sent| sent.body.clone());
        let Some(body) = body else { return };
        while !self.stopped.load(Ordering::SeqCst) {
            let address = *self.address.lock().unwrap();
            let Some(mut connection) = client.take().or_else(|| Client::connect(address?).ok()) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            match connection.post(&body) {
                Ok(reply) if reply.status == 200 => {
                    let answer = reply.json();
                    if answer["conflict"] == true {
                        self.wrong.lock().unwrap().push(format!("{body}: {answer}"));
                    }
                    if answer["duplicate"] == true {
                        self.duplicates.fetch_add(1, Ordering::SeqCst);
                    }
                    let id = answer["event_id"].as_str().unwrap().to_owned();
                    self.acknowledged.lock().unwrap().insert(id, number);
                    *client = Some(connection);
                    return;
                }
                Ok(reply) if reply.status == 503 => thread::sleep(Duration::from_millis(20)),
                Ok(reply) => {
                    self.wrong.lock().unwrap().push(format!("{reply:?}"));
                    return;
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}
