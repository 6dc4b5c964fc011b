//! Plays acts on the real queue, worker and embedded HIS and on the model, and compares them. Where they differ, the fewest acts
//! are looked for that make them differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use buktor_middleware::{
    limits,
    model::{
        clock::{Clock, SystemClock},
        event::{EventState, ReceiptKind, Seq},
    },
    queue::{EventFilter, EventRow, Selection},
};
use fastrand::Rng;

use super::{
    acts::{Act, acts},
    house::{House, operator},
    model::{Kept, Model, Sent, TABLES, mapping},
};
use crate::support::seed::Run;

/// Crashes in a row; with more, events would be parked for them.
const CRASHES_MAX: u32 = 3;
/// Events that meet a lock in one cycle; each waits a second for it.
const BUSY_MAX: usize = 2;
/// How long the fewest acts are looked for.
const SHRUNK_WITHIN: Duration = Duration::from_secs(30);

/// What was done, for the report.
#[derive(Default)]
struct Done {
    acts: u64,
    crashes: u64,
    drains: u64,
    events: u64,
}

struct Game {
    house: House,
    model: Model,
    batch: usize,
    crashes: u32,
    /// A cycle has begun since everything was done: what of it stands in the HIS is not known.
    dirty: bool,
    done: Done,
}

impl Game {
    fn new(batch: usize) -> Self {
        let mut house = House::new(TABLES, mapping(false), batch);
        house.open();
        Self { house, model: Model::default(), batch, crashes: 0, dirty: false, done: Done::default() }
    }

    fn play(&mut self, act: &Act) {
        self.done.acts += 1;
        self.house.clock.advance(Duration::from_secs(7));
        match act {
            Act::Send(sent) => self.send(sent),
            Act::Again(any) => self.again(*any),
            Act::Conflict(any, a) => self.conflict(*any, a),
            Act::Cycle => self.drain(),
            Act::Crash(steps) => self.crash(*steps),
            Act::Reopen => {
                self.house.close();
                self.house.open();
            }
            Act::Outage => self.outage(),
            Act::Busy => self.busy(),
            Act::Retry(which) => self.retry(*which),
            Act::Discard(any) => self.discard(*any),
            Act::HisDeletes(any) => self.his(*any, true),
            Act::HisWrites(any) => self.his(*any, false),
            Act::Doctor(doctor) => self.doctor(*doctor),
            Act::Days(days) => self.days(*days),
            Act::Adopt => self.adopt(),
        }
    }

    fn send(&mut self, sent: &Sent) {
        let receipt = self.house.append(&sent.body());
        assert_eq!(receipt.kind, ReceiptKind::Fresh, "{sent:?}");
        self.keep(receipt.seq, sent.clone(), EventState::Pending, None);
    }

    fn keep(&mut self, seq: Seq, sent: Sent, state: EventState, conflict_of: Option<i64>) {
        self.done.events += 1;
        let settled_at = self.house.clock.now();
        let kept = Kept { seq: seq.0, sent, state, settled_at, conflict_of, awaits: false };
        assert!(
            self.model.events.last_key_value().is_none_or(|(last, _)| *last < seq.0),
            "{seq} came before"
        );
        self.model.events.insert(seq.0, kept);
    }

    fn any(&self, any: usize, which: impl Fn(&Kept) -> bool) -> Option<Kept> {
        let all: Vec<&Kept> = self.model.events.values().filter(|event| which(event)).collect();
        all.get(any.checked_rem(all.len())?).copied().cloned()
    }

    fn again(&mut self, any: usize) {
        let Some(first) = self.any(any, |event| event.conflict_of.is_none()) else { return };
        let receipt = self.house.append(&first.sent.body());
        assert_eq!((receipt.kind, receipt.seq.0), (ReceiptKind::Duplicate, first.seq), "{first:?}");
    }

    fn conflict(&mut self, any: usize, a: &str) {
        let Some(first) = self.any(any, |event| event.conflict_of.is_none()) else { return };
        if first.sent.operation == "deleted" {
            return;
        }
        let sent = Sent { a: Some(a.to_owned()), ..first.sent };
        let receipt = self.house.append(&sent.body());
        assert_eq!(receipt.kind, ReceiptKind::Conflict, "{sent:?}");
        self.keep(receipt.seq, sent, EventState::Conflict, Some(first.seq));
    }

    /// Cycles until nothing is left to do, and compares.
    fn drain(&mut self) {
        for _ in 0..6 {
            self.house.cycle();
            let counts = self.house.look().counts().unwrap();
            let unfinished =
                [EventState::Pending, EventState::Deferred, EventState::Held, EventState::Waiting];
            if unfinished.iter().all(|state| counts[state] == 0) {
                let listed = self.listed();
                let applied =
                    |seq: i64| listed.get(&seq).is_some_and(|event| event.state == EventState::Applied);
                self.model.drain(self.house.clock.now(), |seq| self.dirty && applied(seq));
                (self.crashes, self.dirty) = (0, false);
                self.done.drains += 1;
                self.compare();
                return;
            }
        }
        panic!("stuck: {:?}", self.house.look().causes().unwrap());
    }

    fn crash(&mut self, steps: u32) {
        if self.crashes == CRASHES_MAX {
            self.drain();
        }
        self.crashes += 1;
        self.done.crashes += 1;
        self.dirty = true;
        self.house.crash(steps);
    }

    fn outage(&mut self) {
        let (his, away) = (self.house.path("his.db"), self.house.path("his.away"));
        fs::rename(&his, &away).unwrap();
        self.house.cycle();
        fs::rename(&away, &his).unwrap();
        self.dirty = true;
    }

    fn busy(&mut self) {
        let pending = self.model.events.values().filter(|e| e.state == EventState::Pending).count();
        if pending > BUSY_MAX {
            return;
        }
        let other = self.house.his();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        self.house.cycle();
        other.execute_batch("ROLLBACK").unwrap();
        self.dirty = true;
    }

    fn settle(&mut self) {
        if self.dirty {
            self.drain();
        }
    }

    fn retry(&mut self, which: Option<usize>) {
        self.settle();
        let stuck = [EventState::Parked, EventState::Unmapped];
        let chosen: Vec<i64> = match which {
            None => {
                self.house.look().retry(&Selection::All, &operator()).unwrap();
                self.model.events.values().filter(|e| stuck.contains(&e.state)).map(|e| e.seq).collect()
            }
            Some(any) => {
                let is_stuck = |e: &Kept| stuck.contains(&e.state) || e.state == EventState::Conflict;
                let Some(event) = self.any(any, is_stuck) else { return };
                self.house.look().retry(&Selection::Ids(vec![event.seq.to_string()]), &operator()).unwrap();
                vec![event.seq]
            }
        };
        for seq in chosen {
            self.model.events.get_mut(&seq).unwrap().state = EventState::Pending;
        }
    }

    fn discard(&mut self, any: usize) {
        self.settle();
        let Some(event) = self.any(any, |event| !event.state.is_final()) else { return };
        self.house.look().discard(&Selection::Ids(vec![event.seq.to_string()]), &operator()).unwrap();
        let event = self.model.events.get_mut(&event.seq).unwrap();
        // The command knows no clock but the machine's.
        (event.state, event.settled_at) = (EventState::Discarded, SystemClock.now());
    }

    fn his(&mut self, any: usize, deletes: bool) {
        self.settle();
        // What is left of an order that waits for its doctor would wait for the row, too.
        let there = |(place, row): &(&(&'static str, u8), &Option<_>)| {
            row.is_some() && !(deletes && place.0 == "order")
        };
        let places: Vec<_> = self.model.rows.iter().filter(there).map(|(place, _)| *place).collect();
        let Some(place) = any.checked_rem(places.len()).map(|at| places[at]) else { return };
        let row = self.model.rows.get_mut(&place).unwrap();
        let known = row.as_mut().unwrap();
        let (table, column) = (format!("{}s", place.0), if place.0 == "order" { "a" } else { "b" });
        let which = match place.0 {
            "slot" => format!("a = '{}'", known["a"]),
            _ => format!("id = {}", place.1),
        };
        if deletes {
            self.house.his().execute_batch(&format!("DELETE FROM {table} WHERE {which}")).unwrap();
            *row = None;
            if place.0 != "slot" {
                self.model.rows.remove(&place);
            }
        } else {
            let sql = format!("UPDATE {table} SET {column} = 'his' WHERE {which}");
            self.house.his().execute_batch(&sql).unwrap();
            known.insert(column, "his".to_owned());
        }
    }

    fn doctor(&mut self, doctor: u8) {
        self.settle();
        if self.model.doctors.insert(doctor) {
            let sql = format!("INSERT INTO doctors VALUES ({}, 'D{doctor}')", 100 + u32::from(doctor));
            self.house.his().execute_batch(&sql).unwrap();
        }
    }

    fn days(&mut self, days: u64) {
        self.settle();
        self.house.clock.advance(Duration::from_hours(24 * days));
        let keep = Duration::from_hours(24 * limits::KEEP_APPLIED_DAYS_DEFAULT);
        self.house.prune(keep, limits::KEEP_ENTITIES);
        let left = self.listed().keys().copied().collect();
        self.model.prune(self.house.clock.now(), &left);
        assert_eq!(
            left,
            self.model.events.keys().copied().collect::<BTreeSet<_>>(),
            "what is erased after {days} days"
        );
    }

    fn adopt(&mut self) {
        self.settle();
        self.house.close();
        self.house.configure(mapping(true), self.batch);
        self.house.open();
        self.model.adopt();
    }

    fn listed(&self) -> BTreeMap<i64, EventRow> {
        let filter = EventFilter { after: Some(Seq(0)), limit: usize::MAX, ..EventFilter::default() };
        self.house.look().list(&filter).unwrap().into_iter().map(|event| (event.seq.0, event)).collect()
    }

    fn compare(&self) {
        let listed = self.listed();
        for (seq, event) in &self.model.events {
            let found = listed.get(seq).unwrap_or_else(|| panic!("event {seq} is lost: {event:?}"));
            assert_eq!(
                found.state, event.state,
                "event {seq} is {}, not {}: {:?}: {found:?}",
                found.state, event.state, event.sent
            );
        }
        assert_eq!(listed.len(), self.model.events.len(), "an event that nobody sent");
        for kind in ["visit", "slot", "order", "extra"] {
            let columns = if kind == "order" { ["doc", "a"] } else { ["a", "b"] };
            let rows = self.model.rows.iter().filter(|((of, _), _)| *of == kind);
            let mut expected: Vec<String> = rows
                .filter_map(|((_, record), row)| {
                    let row = row.as_ref()?;
                    let cell = |name| row.get(name).map_or("NULL", String::as_str);
                    let key = if kind == "slot" { String::new() } else { record.to_string() };
                    Some(format!("{key}|{}|{}", cell(columns[0]), cell(columns[1])))
                })
                .collect();
            expected.sort();
            let key = if kind == "slot" { "''" } else { "id" };
            assert_eq!(self.table(&format!("{kind}s"), key, &columns), expected, "rows of {kind}");
        }
        let mut journal: Vec<String> = self.model.journal.iter().map(|a| format!("|{a}|{a}")).collect();
        journal.sort();
        assert_eq!(self.table("journal", "''", &["a", "a"]), journal, "rows of the journal");
    }

    fn table(&self, table: &str, key: &str, columns: &[&str; 2]) -> Vec<String> {
        let text = |column: &str| format!("coalesce({column}, 'NULL')");
        let sql = format!(
            "SELECT {key} || '|' || {} || '|' || {} FROM {table}",
            text(columns[0]),
            text(columns[1])
        );
        let his = self.house.his();
        let mut statement = his.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let mut rows: Vec<String> = rows.map(Result::unwrap).collect();
        rows.sort();
        rows
    }
}

/// Plays acts to the end; what went wrong where something did.
fn play(acts: &[Act], batch: usize) -> Result<Done, String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut game = Game::new(batch);
        for act in acts {
            game.play(act);
        }
        game.drain();
        game.house.close();
        let queue = rusqlite::Connection::open(game.house.path("queue.db")).unwrap();
        let whole: String = queue.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        game.done
    }));
    played.map_err(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Leaves out what is not needed for something to go wrong.
fn fewest(mut acts: Vec<Act>, batch: usize, mut wrong: String) -> (Vec<Act>, String) {
    let begun = Instant::now();
    let mut piece = acts.len() / 2;
    while piece > 0 && begun.elapsed() < SHRUNK_WITHIN {
        let mut at = 0;
        while at < acts.len() && begun.elapsed() < SHRUNK_WITHIN {
            let mut fewer = acts.clone();
            fewer.drain(at..(at + piece).min(acts.len()));
            match play(&fewer, batch) {
                Err(still) => (acts, wrong) = (fewer, still),
                Ok(_) => at += piece,
            }
        }
        piece /= 2;
    }
    (acts, wrong)
}

#[test]
fn the_daemon_does_as_plain_lists_would() {
    let run = Run::new("model of queue and HIS", Duration::from_secs(8));
    let mut rng: Rng = run.rng(0);
    let mut total = Done::default();
    let mut cases = 0;
    while run.goes_on() {
        let count = rng.u32(20..250);
        let (acts, batch) = (acts(&mut rng, count), *rng.choice(&[1, 2, 3, 8, 50]).unwrap());
        match play(&acts, batch) {
            Ok(done) => {
                cases += 1;
                total.acts += done.acts;
                total.crashes += done.crashes;
                total.drains += done.drains;
                total.events += done.events;
            }
            Err(wrong) => {
                let (acts, wrong) = fewest(acts, batch, wrong);
                let acts: Vec<String> = acts.iter().map(|act| format!("  {act:?}")).collect();
                panic!("with pages of {batch}: {wrong}\nafter:\n{}", acts.join("\n"));
            }
        }
    }
    run.total("model cases", cases);
    run.total("model operations", total.acts);
    run.total("model events", total.events);
    run.total("model crashes", total.crashes);
    run.total("model comparisons of every row and event", total.drains);
}
