//! A hospital's day for the tests of the machine's faults: senders of versions of a few records each, of all sizes, who repeat
//! what was not acknowledged; an embedded HIS with a table by Buktor's key and one by its own; and what must stand in both
//! afterwards. Knows nothing of the faults.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use fastrand::Rng;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{daemon::Site, http::Client, wait_equal};

/// How long a sender waits before it tries again.
const PAUSE: Duration = Duration::from_millis(10);
/// Records that a sender sends versions of.
const RECORDS: u32 = 30;
/// `event.state` of what stands in the HIS.
const APPLIED: i64 = 8;

/// The tables: one by Buktor's key, one by a key of its own, with the links in the queue file.
const TABLES: &str = "
    CREATE TABLE visits (id INTEGER PRIMARY KEY, version INTEGER NOT NULL);
    CREATE TABLE slot (sid INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, version INTEGER NOT NULL);";

/// An event that was sent at least once.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) id: String,
    /// Whether it is a row of `slot`; else it is one of `visits`.
    slot: bool,
    key: u32,
    pub(crate) version: u32,
    body: String,
    /// The mark at the moment of its first acknowledgement.
    pub(crate) acknowledged: Option<u64>,
}

impl Sent {
    /// As it was known at a mark.
    pub(crate) fn as_of(&self, mark: u64) -> Self {
        Self { acknowledged: self.acknowledged.filter(|at| *at <= mark), ..self.clone() }
    }
}

struct Shared {
    address: Mutex<Option<SocketAddr>>,
    sent: Mutex<Vec<Sent>>,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    stopped: AtomicBool,
    paused: AtomicBool,
    wrong: Mutex<Vec<String>>,
    mark: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// Senders under way.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts senders, each with random numbers of its own. `mark` tells the moment of an acknowledgement.
    pub(crate) fn start(
        address: SocketAddr,
        rngs: Vec<Rng>,
        mark: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            address: Mutex::new(Some(address)),
            sent: Mutex::default(),
            acknowledged: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            wrong: Mutex::default(),
            mark: Box::new(mark),
        });
        let spawn = |(number, rng)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Sender { shared, number, rng, client: None }.run())
        };
        let senders = (0..).zip(rngs).map(spawn).collect();
        Self { shared, senders }
    }

    /// Tells the senders where the daemon listens now.
    pub(crate) fn moved(&self, address: SocketAddr) {
        *self.shared.address.lock().unwrap() = Some(address);
    }

    /// Lets them wait, or go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::SeqCst);
    }

    /// How many events were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// How many requests were refused so far.
    pub(crate) fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// Ends the senders; gives what they sent.
    pub(crate) fn end(self) -> Vec<Sent> {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for sender in self.senders {
            sender.join().unwrap();
        }
        let wrong = self.shared.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} answers were wrong, the first: {}", wrong.len(), wrong[0]);
        self.shared.sent.lock().unwrap().clone()
    }
}

struct Sender {
    shared: Arc<Shared>,
    number: u32,
    rng: Rng,
    client: Option<Client>,
}

impl Sender {
    fn run(mut self) {
        let mut version = 0;
        while !self.shared.stopped.load(Ordering::SeqCst) {
            if self.shared.paused.load(Ordering::SeqCst) {
                thread::sleep(PAUSE);
                continue;
            }
            version += 1;
            let sent = event(self.number, version, &mut self.rng);
            let place = {
                let mut all = self.shared.sent.lock().unwrap();
                all.push(sent.clone());
                all.len() - 1
            };
            let body: Value = serde_json::from_str(&sent.body).unwrap();
            // An acknowledgement that is lost on its way is asked for again.
            for _ in 0..if self.rng.u8(0..20) == 0 { 2 } else { 1 } {
                let Some(mark) = self.acknowledged(&body) else { return };
                let mut all = self.shared.sent.lock().unwrap();
                if all[place].acknowledged.is_none() {
                    all[place].acknowledged = Some(mark);
                    self.shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Sends an event until it is acknowledged, or the test ends.
    fn acknowledged(&mut self, body: &Value) -> Option<u64> {
        while !self.shared.stopped.load(Ordering::SeqCst) {
            let address = *self.shared.address.lock().unwrap();
            let Some(mut client) = self.client.take().or_else(|| Client::connect(address?).ok()) else {
                thread::sleep(PAUSE);
                continue;
            };
            match client.post(body) {
                Ok(reply) if reply.status == 200 => {
                    self.client = Some(client);
                    return Some((self.shared.mark)());
                }
                Ok(reply) if [500, 503].contains(&reply.status) => {
                    self.shared.refused.fetch_add(1, Ordering::SeqCst);
                    // Without a moment to come again there is nothing but to look at the log.
                    let said =
                        reply.header("retry-after").is_some() || reply.message().contains("its log says why");
                    if !said {
                        self.shared.wrong.lock().unwrap().push(format!("{reply:?}"));
                    }
                    thread::sleep(PAUSE);
                }
                Ok(reply) => self.shared.wrong.lock().unwrap().push(format!("{reply:?}")),
                Err(_) => thread::sleep(PAUSE),
            }
        }
        None
    }
}

/// The event of a sender's version.
fn event(sender: u32, version: u32, rng: &mut Rng) -> Sent {
    let key = sender * 1000 + version % RECORDS;
    let slot = key.is_multiple_of(3);
    let id = format!("s{sender}-{version}");
    let bytes = match rng.u8(0..60) {
        0 => rng.usize(100_000..200_000),
        1..10 => rng.usize(3000..9000),
        _ => rng.usize(0..300),
    };
    let filler: String = std::iter::repeat_with(|| rng.alphanumeric()).take(bytes).collect();
    let body = if slot {
        json!({ "event_id": id, "type": "appointment.updated", "data":
                { "appointment_id": key, "code": format!("k{key}"), "version": version, "remark": filler } })
    } else {
        json!({ "event_id": id, "event_type": "visit", "visit_id": key, "version": version, "remark": filler })
    };
    Sent { id, slot, key, version, body: body.to_string(), acknowledged: None }
}

/// A site with the embedded HIS, its file in that folder.
pub(crate) fn site(folder: impl FnOnce(&Site) -> PathBuf) -> (Site, PathBuf) {
    let mut site = Site::new(json!({"type": "sqlite", "path": "x"})).mapping(json!({
        "visit": { "table": "visits", "fields": { "visit_id": "id", "version": "version" } },
        "appointment": { "table": "slot", "generated_key": "sid", "fields": { "code": "code", "version": "version" } },
    }));
    let folder = folder(&site);
    std::fs::create_dir_all(&folder).unwrap();
    let his = folder.join("his.db");
    Connection::open(&his).unwrap().execute_batch(TABLES).unwrap();
    site.merge(json!({"database": {"path": his}}));
    (site, his)
}

/// What stands in a queue file and in the HIS beside it.
pub(crate) struct Found {
    /// State and body by the sender's id.
    events: HashMap<String, (i64, String)>,
    /// Versions by whether it is a slot, and the key; more than one where there are more rows.
    rows: BTreeMap<(bool, u32), Vec<u32>>,
}

impl Found {
    /// Reads both; says what is wrong with them by themselves.
    pub(crate) fn read(queue: &Path, his: &Path) -> Result<Self, String> {
        let words = |file: &Path, error: rusqlite::Error| format!("{}: {error}", file.display());
        let mut rows: BTreeMap<(bool, u32), Vec<u32>> = BTreeMap::new();
        let events = read_queue(queue).map_err(|error| words(queue, error))?;
        read_his(his, &mut rows).map_err(|error| words(his, error))?;
        Ok(Self { events, rows })
    }

    /// What is lost, doubled, or was never sent, of what was acknowledged up to a mark.
    pub(crate) fn wrong(&self, sent: &[Sent], mark: u64) -> String {
        let mut wrong = String::new();
        let known: HashMap<&str, &Sent> = sent.iter().map(|sent| (sent.id.as_str(), sent)).collect();
        for sent in sent.iter().filter(|sent| sent.acknowledged.is_some_and(|at| at <= mark)) {
            // What was pruned had been applied.
            if !self.events.contains_key(&sent.id) && self.version(sent) < sent.version {
                writeln!(wrong, "{} was acknowledged and is lost", sent.id).unwrap();
            }
        }
        for (id, (state, body)) in &self.events {
            let Some(sent) = known.get(id.as_str()) else {
                writeln!(wrong, "{id} was never sent").unwrap();
                continue;
            };
            let (stored, posted): (Value, Value) =
                (serde_json::from_str(body).unwrap_or_default(), serde_json::from_str(&sent.body).unwrap());
            if stored != posted {
                writeln!(wrong, "{id} has another body").unwrap();
            }
            if *state == APPLIED && self.version(sent) < sent.version {
                writeln!(
                    wrong,
                    "{id} is recorded as applied, and the HIS has version {}",
                    self.version(sent)
                )
                .unwrap();
            }
        }
        for (key, versions) in self.rows.iter().filter(|(_, versions)| versions.len() > 1) {
            writeln!(wrong, "{key:?} has {} rows", versions.len()).unwrap();
        }
        wrong
    }

    /// What is wrong at the end, when nothing waits any more: besides [`Found::wrong`], what is not in the HIS.
    pub(crate) fn unfinished(&self, sent: &[Sent]) -> String {
        let mut wrong = self.wrong(sent, u64::MAX);
        let mut newest: BTreeMap<(bool, u32), u32> = BTreeMap::new();
        for sent in sent {
            match self.events.get(&sent.id) {
                Some((APPLIED, _)) => {}
                Some((state, _)) => writeln!(wrong, "{} is in state {state}", sent.id).unwrap(),
                None if sent.acknowledged.is_none() => continue,
                None => {}
            }
            let version = newest.entry((sent.slot, sent.key)).or_default();
            *version = sent.version.max(*version);
        }
        for (key, version) in &newest {
            if self.rows.get(key).is_none_or(|found| found != &[*version]) {
                writeln!(wrong, "{key:?} is {:?} in the HIS, not {version}", self.rows.get(key)).unwrap();
            }
        }
        wrong
    }

    fn version(&self, sent: &Sent) -> u32 {
        self.rows.get(&(sent.slot, sent.key)).and_then(|versions| versions.iter().max().copied()).unwrap_or(0)
    }
}

fn read_queue(path: &Path) -> rusqlite::Result<HashMap<String, (i64, String)>> {
    let conn = Connection::open(path)?;
    sound(&conn)?;
    let mut select = conn.prepare("SELECT coalesce(event_id, '-'), state, CAST(body AS TEXT) FROM event")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}

fn read_his(path: &Path, rows: &mut BTreeMap<(bool, u32), Vec<u32>>) -> rusqlite::Result<()> {
    let conn = Connection::open(path)?;
    sound(&conn)?;
    let mut select = conn.prepare(
        "SELECT 0, id, version FROM visits UNION ALL SELECT 1, CAST(substr(code, 2) AS INTEGER), version FROM slot",
    )?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        rows.entry((row.get(0)?, row.get(1)?)).or_default().push(row.get(2)?);
    }
    Ok(())
}

fn sound(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(10))?;
    let words: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if words == "ok" { Ok(()) } else { Err(rusqlite::Error::InvalidColumnName(words)) }
}

/// Waits until nothing waits in the queue, and holds that all is in the HIS as it was sent.
pub(crate) fn assert_in_effect(site: &Site, queue: &Path, his: &Path, sent: &[Sent]) {
    wait_equal("nothing waits", &0, || {
        ["pending", "deferred", "held", "waiting", "paused"].iter().map(|s| site.count(s)).sum()
    });
    let wrong = Found::read(queue, his).unwrap().unfinished(sent);
    assert!(wrong.is_empty(), "{wrong}");
}
