//! A year of a busy hospital in minutes: the clock is moved, all else is real. What must stay flat is held by its ratio to the
//! first quarter of the same run; what grows by design is told.

use std::{
    collections::BTreeMap,
    env, fs,
    process::Command,
    time::{Duration, Instant},
};

use buktor_middleware::{limits, queue::Selection};
use fastrand::Rng;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::house::{House, operator};
use crate::support::seed::Run;

/// Set for the process that does the work: memory is measured where no other test runs.
const ALONE: &str = "BUKTOR_TEST_ALONE";

const TABLES: &str = "
    CREATE TABLE appointments (id INTEGER PRIMARY KEY, status VARCHAR(20), starts_at DATETIME, patient VARCHAR(60));
    CREATE TABLE visits (vid INTEGER PRIMARY KEY AUTOINCREMENT, status VARCHAR(20), patient VARCHAR(60));
    CREATE TABLE payments (n INTEGER PRIMARY KEY, amount DECIMAL(10,2), ref VARCHAR(60) UNIQUE);
";

fn mapping() -> Value {
    json!({
        "appointment": {"table": "appointments", "fields": {
            "appointment_id": "id", "status": "status", "start_time": "starts_at", "patient_info.name": "patient",
        }},
        "visit": {"table": "visits", "generated_key": "vid", "fields": {"status": "status", "patient_info.name": "patient"}},
        "payment": {"table": "payments", "action": "insert", "marker": "ref", "fields": {"amount": "amount"}},
    })
}

/// How long and how busy.
struct Plan {
    days: u32,
    events_per_day: u32,
    keep_applied: Duration,
    /// Times a day that events come together.
    rounds: u32,
    /// Times that the daemon looks for what it may erase, between two of them.
    prunings: u64,
}

impl Plan {
    /// The long form begins to forget records, too: they are remembered for 400 days.
    fn of_now() -> Self {
        let day = Duration::from_hours(24);
        if env::var_os("BUKTOR_TEST_SECONDS").is_some() {
            let prunings = Duration::from_hours(1).as_secs() / limits::PRUNE_INTERVAL.as_secs();
            Self { days: 432, events_per_day: 3000, keep_applied: day * 30, rounds: 24, prunings }
        } else {
            Self { days: 48, events_per_day: 120, keep_applied: day * 4, rounds: 4, prunings: 2 }
        }
    }

    /// A twelfth of it: a month, where it is a year.
    fn month(&self) -> u32 {
        self.days / 12
    }
}

/// Where the size of a part of the queue file counts.
const PARTS: &[(&str, &str)] =
    &[("event", "events"), ("entity", "memory of records"), ("link", "links"), ("audit", "audit")];

/// What was measured at the end of a month.
#[derive(Clone, Debug, Default)]
struct Month {
    file: u64,
    wal: u64,
    /// Bytes by part.
    parts: BTreeMap<&'static str, u64>,
    memory: u64,
    per_second: u64,
}

struct Year {
    house: House,
    rng: Rng,
    plan: Plan,
    sent: u64,
    /// Records so far, of each kind.
    records: u64,
    wal: u64,
}

impl Year {
    fn event(&mut self) -> Value {
        self.sent += 1;
        let number = self.sent;
        let kind = *self.rng.choice(&["appointment", "appointment", "visit", "payment"]).unwrap();
        // Half of them about somebody whose record is some days old.
        let known = u64::from(self.plan.events_per_day) * 7;
        let record = if self.rng.bool() || self.records == 0 {
            self.records += 1;
            self.records
        } else {
            self.rng.u64(self.records.saturating_sub(known).max(1)..=self.records)
        };
        let too_long = self.rng.u32(..100) == 0;
        let status = if too_long { "a status that no column would hold" } else { "confirmed" };
        json!({
            "event_id": format!("evt_{number:012}"), "type": format!("{kind}.updated"), "source": "buktor",
            "data": {
                format!("{kind}_id"): record, "status": status, "amount": if too_long { "a lot" } else { "1500.00" },
                "start_time": "2025-03-03T09:00:00Z", "service_name": "General consultation",
                "doctor_info": {"doctor_id": "D789", "name": "Dr. Meera Nair", "department": "General Medicine"},
                "patient_info": {"name": format!("Patient {record}"), "phone": "+91 98765 43210", "email": "patient@example.com"},
            },
        })
    }

    fn day(&mut self) {
        let mut left = self.plan.events_per_day;
        for round in (1..=self.plan.rounds).rev() {
            let now = left / round;
            left -= now;
            let events: Vec<Value> = (0..now).map(|_| self.event()).collect();
            self.house.append_many(&events);
            self.house.clock.advance(Duration::from_hours(24) / self.plan.rounds);
            self.house.tick();
            let keep = self.plan.keep_applied;
            for _ in 0..self.plan.prunings {
                self.house.prune(keep, limits::KEEP_ENTITIES);
            }
        }
        self.wal = self.wal.max(size(&self.house, "queue.db-wal"));
    }

    fn month(&mut self) -> Month {
        let begun = Instant::now();
        self.wal = 0;
        for _ in 0..self.plan.month() {
            self.day();
        }
        let events = u64::from(self.plan.month() * self.plan.events_per_day);
        let per_second = events * 1000 / u64::try_from(begun.elapsed().as_millis()).unwrap().max(1);
        // What was parked was looked at, and given up.
        self.house.look().discard(&Selection::All, &operator()).unwrap();
        let file = size(&self.house, "queue.db");
        Month { file, wal: self.wal, parts: parts(&self.house), memory: memory(), per_second }
    }
}

fn size(house: &House, name: &str) -> u64 {
    fs::metadata(house.path(name)).map_or(0, |file| file.len())
}

/// Bytes of the queue file by what they are for.
fn parts(house: &House) -> BTreeMap<&'static str, u64> {
    let file = Connection::open_with_flags(house.path("queue.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = file.prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
        .unwrap();
    let mut parts = BTreeMap::new();
    for (name, bytes) in rows.map(Result::unwrap) {
        let name = name.trim_start_matches("sqlite_autoindex_");
        let part = PARTS.iter().find(|(begin, _)| name.starts_with(begin)).map_or("other", |(_, part)| part);
        *parts.entry(part).or_default() += bytes;
    }
    parts
}

/// Bytes of memory that this process has now (`VmRSS`); 0 where the system does not tell.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[expect(clippy::print_stderr, reason = "what was measured is what the test is for")]
fn tell(number: usize, month: &Month) {
    let mib = |bytes: u64| format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
    let parts: Vec<String> =
        month.parts.iter().map(|(part, bytes)| format!("{part} {}", mib(*bytes))).collect();
    eprintln!(
        "month {number:2}: file {}, WAL {}, memory {}, {} events/s; {}",
        mib(month.file),
        mib(month.wal),
        mib(month.memory),
        month.per_second,
        parts.join(", ")
    );
}

/// Holds that what is measured in the last quarter is at most so many hundredths of what it was in the first, and so much more.
fn flat(what: &str, months: &[Month], of: impl Fn(&[Month]) -> u64, hundredths: u64, more: u64) {
    let (first, last) = (of(&months[..3]), of(&months[months.len() - 3..]));
    assert!(last * 100 <= first * hundredths + more * 100, "{what} grew from {first} to {last}");
}

/// The greatest of some months.
fn most(of: impl Fn(&Month) -> u64) -> impl Fn(&[Month]) -> u64 {
    move |months| months.iter().map(&of).max().unwrap()
}

fn simulate(run: &Run) {
    let plan = Plan::of_now();
    let house = House::new(TABLES, mapping(), 1024);
    house.his().pragma_update(None, "journal_mode", "wal").unwrap();
    let mut year = Year { house, rng: run.rng(0), plan, sent: 0, records: 0, wal: 0 };
    year.house.open();
    let mut months = Vec::new();
    for number in 1..=12 {
        let month = year.month();
        tell(number, &month);
        months.push(month);
    }
    flat("the events' part of the file", &months, most(|month| month.parts["events"]), 120, 1 << 19);
    flat("the write-ahead log", &months, most(|month| month.wal), 150, 4 << 20);
    flat("memory", &months, most(|month| month.memory), 125, 16 << 20);
    // The best month of a quarter: in the others somebody else may have had the processor.
    let time =
        |months: &[Month]| months.iter().map(|month| 1_000_000_000 / month.per_second.max(1)).min().unwrap();
    flat("the time for an event", &months, time, 150, 0);
    run.total("days of a hospital simulated", u64::from(year.plan.days));
    run.total("events of these days", year.sent);
}

#[test]
fn a_year_of_a_busy_hospital_stays_flat() {
    if env::var_os(ALONE).is_some() {
        simulate(&Run::new("a year of a hospital", Duration::from_secs(8)));
        return;
    }
    let name = "inside::year::a_year_of_a_busy_hospital_stays_flat";
    let mut alone = Command::new(env::current_exe().unwrap());
    let status = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").status().unwrap();
    assert!(status.success(), "{status}");
}
