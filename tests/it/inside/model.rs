//! What the queue and the HIS must hold, as plain lists: events in the order of receipt, rows by record. Knows the product's
//! rules as docs/mapping.md tells them, and of its code only [`policy::judge`], which has tests of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use buktor_middleware::{
    limits,
    model::{
        clock::Timestamp,
        event::{EventKind, EventState, Seq, StoredEvent},
        outcome::{Writer, Written},
        table::ColumnName,
    },
    policy::{self, Verdict},
};
use serde_json::{Value, json};

/// Tables of the embedded HIS.
pub(super) const TABLES: &str = "
    CREATE TABLE visits (id INTEGER PRIMARY KEY, a VARCHAR(8), b VARCHAR(8));
    CREATE TABLE slots (sid INTEGER PRIMARY KEY AUTOINCREMENT, a VARCHAR(8), b VARCHAR(8));
    CREATE TABLE journal (n INTEGER PRIMARY KEY, a VARCHAR(8), ref VARCHAR(60));
    CREATE TABLE orders (id INTEGER PRIMARY KEY, doc INTEGER, a VARCHAR(8));
    CREATE TABLE doctors (doc INTEGER PRIMARY KEY, code VARCHAR(8) UNIQUE);
    CREATE TABLE extras (id INTEGER PRIMARY KEY, a VARCHAR(8), b VARCHAR(8));
";

/// The mapping for [`TABLES`]; `extra` is mapped later.
pub(super) fn mapping(with_extra: bool) -> Value {
    let on =
        json!({"deleted": {"action": "delete"}, "cancelled": {"action": "update", "constants": {"b": "X"}}});
    let both = json!({"a": "a", "b": "b"});
    let keyed = |key: &str| json!({key: "id", "a": "a", "b": "b"});
    let mut mapping = json!({
        "visit": {"table": "visits", "fields": keyed("visit_id"), "on": on},
        "triage": {"table": "visits", "key": "visit_id", "fields": keyed("visit_id"), "on": on},
        "slot": {"table": "slots", "generated_key": "sid", "fields": both, "on": on},
        "entry": {"table": "journal", "action": "insert", "marker": "ref", "fields": {"a": "a"}},
        "order": {"table": "orders", "fields": {
            "order_id": "id", "a": "a", "doctor": {"column": "doc", "lookup": {"table": "doctors", "match": "code", "take": "doc"}},
        }},
        "gossip": {"ignore": true},
    });
    if with_extra {
        mapping["extra"] = json!({"table": "extras", "fields": keyed("extra_id"), "on": on});
    }
    mapping
}

/// An event as its sender means it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) operation: &'static str,
    pub(super) record: u8,
    pub(super) a: Option<String>,
    pub(super) b: Option<String>,
    pub(super) doctor: Option<u8>,
    /// Its `timestamp`, in seconds.
    pub(super) at: Option<i64>,
}

impl Sent {
    pub(super) fn body(&self) -> Value {
        let mut data = json!({format!("{}_id", self.kind): self.record, "visit_id": self.record});
        for (name, value) in [("a", &self.a), ("b", &self.b)] {
            if let Some(value) = value {
                data[name] = json!(value);
            }
        }
        if let Some(doctor) = self.doctor {
            data["doctor"] = json!(format!("D{doctor}"));
        }
        let mut body =
            json!({"event_id": self.id, "type": format!("{}.{}", self.kind, self.operation), "data": data});
        if let Some(at) = self.at {
            body["timestamp"] = json!(Timestamp(at * 1_000_000).rfc3339());
        }
        body
    }

    /// The record: table and key.
    fn place(&self) -> (&'static str, u8) {
        (if self.kind == "triage" { "visit" } else { self.kind }, self.record)
    }

    /// What it writes besides its key.
    fn writes(&self) -> BTreeMap<&'static str, String> {
        let mut writes = BTreeMap::new();
        writes.extend(self.a.clone().map(|a| ("a", a)));
        if matches!(self.kind, "visit" | "triage" | "slot" | "extra") {
            writes.extend(self.b.clone().map(|b| ("b", b)));
            if self.operation == "cancelled" {
                writes.insert("b", "X".to_owned());
            }
        }
        if self.kind == "order" {
            writes.extend(self.doctor.map(|doctor| ("doc", format!("{}", 100 + u32::from(doctor)))));
        }
        writes
    }
}

/// An event in the queue.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) seq: i64,
    pub(super) sent: Sent,
    pub(super) state: EventState,
    pub(super) settled_at: Timestamp,
    /// The first event of its id, where that has another body.
    pub(super) conflict_of: Option<i64>,
    /// It waits for a doctor.
    pub(super) awaits: bool,
}

pub(super) type Row = BTreeMap<&'static str, String>;

/// See the module.
#[derive(Default)]
pub(super) struct Model {
    pub(super) events: BTreeMap<i64, Kept>,
    /// Rows by record. One that the HIS has deleted is `None` as long as Buktor does not know.
    pub(super) rows: BTreeMap<(&'static str, u8), Option<Row>>,
    /// Rows of the journal.
    pub(super) journal: Vec<String>,
    pub(super) doctors: BTreeSet<u8>,
    pub(super) with_extra: bool,
    memory: BTreeMap<(&'static str, u8), Vec<(Written, Timestamp)>>,
}

impl Model {
    /// What a newly opened daemon does with events of a type that is mapped by now.
    pub(super) fn adopt(&mut self) {
        self.with_extra = true;
        for event in self.events.values_mut().filter(|e| e.state == EventState::Unmapped) {
            event.state = EventState::Pending;
        }
    }

    /// Everything that can be done is done, in the order of the queue. `found` says of an event for which no row was there that the
    /// queue has it as applied: after a crash, the row may be there that a later event has made, and nobody knew any more.
    pub(super) fn drain(&mut self, now: Timestamp, found: impl Fn(i64) -> bool) {
        for event in self.events.values_mut() {
            let there = event.sent.doctor.is_some_and(|doctor| self.doctors.contains(&doctor));
            if event.state == EventState::Parked && event.awaits && there {
                event.state = EventState::Pending;
            }
        }
        let open: Vec<Kept> =
            self.events.values().filter(|e| e.state == EventState::Pending).cloned().collect();
        let mut again = Vec::new();
        for event in open {
            let (state, awaits) = self.apply(&event, now);
            if state == EventState::Parked && found(event.seq) {
                again.push(event.clone());
            }
            let kept = self.events.get_mut(&event.seq).unwrap();
            (kept.state, kept.awaits, kept.settled_at) = (state, awaits, now);
        }
        for event in again {
            // What it wrote, the later one has overwritten, or not.
            let (state, _) = self.apply(&event, now);
            assert_ne!(state, EventState::Parked, "{event:?}");
            self.events.get_mut(&event.seq).unwrap().state = EventState::Applied;
        }
    }

    fn apply(&mut self, event: &Kept, now: Timestamp) -> (EventState, bool) {
        let sent = &event.sent;
        match sent.kind {
            "gossip" => return (EventState::Ignored, false),
            "extra" if !self.with_extra => return (EventState::Unmapped, false),
            _ => {}
        }
        let writes = sent.writes();
        let too_long = sent.operation != "deleted" && writes.values().any(|value| value.len() > 8);
        if sent.kind == "entry" {
            if too_long {
                return (EventState::Parked, false);
            }
            self.journal.push(writes.get("a").cloned().unwrap_or_default());
            return (EventState::Applied, false);
        }
        let unknown =
            sent.doctor.is_some_and(|doctor| !self.doctors.contains(&doctor)) && sent.kind == "order";
        let place = sent.place();
        let lacks_row =
            sent.kind == "slot" && sent.operation == "cancelled" && !self.rows.contains_key(&place);
        if too_long || unknown || lacks_row {
            let late = self.is_late(event);
            let state = if late { EventState::Stale } else { EventState::Parked };
            return (state, unknown && !too_long && !late);
        }
        let deletes = sent.operation == "deleted";
        let writer = Writer { kind: sent.kind.to_owned(), columns: (!deletes).then(|| names(writes.keys())) };
        let there = self.rows.get(&place);
        if deletes && sent.kind == "slot" && there.is_none() {
            // Nothing is left to do, however old it is.
            self.remember(event, writer, now);
            return (EventState::Applied, false);
        }
        let mut left = writes;
        let mut needs_row = sent.operation == "cancelled" || there.is_some() && sent.kind == "slot";
        match policy::judge(&stored(event), &writer, &self.written(place, None)) {
            Verdict::Fresh => {}
            Verdict::Stale => return (EventState::Stale, false),
            Verdict::Without(columns) => {
                left.retain(|name, _| !columns.contains(&ColumnName((*name).to_owned())));
                // A part of what is known to be there makes no new row.
                needs_row = true;
            }
        }
        if deletes {
            self.rows.remove(&place);
        } else if needs_row && !matches!(there, Some(Some(_))) {
            return (EventState::Parked, false);
        } else {
            self.rows.entry(place).or_default().get_or_insert_default().extend(left.clone());
        }
        let by = Writer { kind: sent.kind.to_owned(), columns: (!deletes).then(|| names(left.keys())) };
        self.remember(event, by, now);
        (EventState::Applied, false)
    }

    /// Whether an event that cannot be written came after a newer one of its record and type.
    fn is_late(&self, event: &Kept) -> bool {
        let nothing =
            Writer { kind: event.sent.kind.to_owned(), columns: Some([ColumnName(String::new())].into()) };
        let same = self.written(event.sent.place(), Some(event.sent.kind));
        policy::judge(&stored(event), &nothing, &same) == Verdict::Stale
    }

    fn written(&self, place: (&'static str, u8), kind: Option<&str>) -> Vec<Written> {
        let known = self.memory.get(&place).into_iter().flatten().map(|(written, _)| written);
        known.filter(|w| kind.is_none_or(|kind| w.by.kind == kind)).cloned().collect()
    }

    fn remember(&mut self, event: &Kept, by: Writer, now: Timestamp) {
        let memory = self.memory.entry(event.sent.place()).or_default();
        let at = event.sent.at.map(|at| Timestamp(at * 1_000_000));
        let (seq, untimed) = (Seq(event.seq), at.is_none().then_some(Seq(event.seq)));
        match memory.iter_mut().find(|(written, _)| *written.by == by) {
            Some((written, touched)) => {
                written.last_seq = written.last_seq.max(seq);
                written.last_occurred_at = written.last_occurred_at.max(at);
                written.last_untimed_seq = written.last_untimed_seq.max(untimed);
                *touched = now;
            }
            None => memory.push((
                Written { by: Arc::new(by), last_seq: seq, last_occurred_at: at, last_untimed_seq: untimed },
                now,
            )),
        }
    }

    /// Erases what retention lets the queue erase. What is left there says what became of those that are just old enough.
    pub(super) fn prune(&mut self, now: Timestamp, left: &BTreeSet<i64>) {
        let hour = Duration::from_hours(1);
        let keep = Duration::from_hours(24 * limits::KEEP_APPLIED_DAYS_DEFAULT);
        let (sure, perhaps) = (now.before(keep).before(hour), now.before(keep).after(hour));
        // A twin goes first; then the one whose id it has.
        let mut gone: BTreeSet<i64> = BTreeSet::new();
        loop {
            let before = gone.len();
            for event in self.events.values() {
                let twin =
                    self.events.values().any(|e| e.conflict_of == Some(event.seq) && !gone.contains(&e.seq));
                let may = event.state.is_final() && !twin;
                if may
                    && (event.settled_at < sure || event.settled_at < perhaps && !left.contains(&event.seq))
                {
                    gone.insert(event.seq);
                }
            }
            if gone.len() == before {
                break;
            }
        }
        self.events.retain(|seq, _| !gone.contains(seq));
        for memory in self.memory.values_mut() {
            memory.retain(|(_, touched)| *touched >= now.before(limits::KEEP_ENTITIES));
        }
    }
}

fn names<'a>(columns: impl Iterator<Item = &'a &'static str>) -> BTreeSet<ColumnName> {
    columns.map(|name| ColumnName((*name).to_owned())).collect()
}

fn stored(event: &Kept) -> StoredEvent {
    StoredEvent {
        seq: Seq(event.seq),
        id: event.sent.id.clone(),
        kind: EventKind(format!("{}.{}", event.sent.kind, event.sent.operation)),
        operation: None,
        occurred_at: event.sent.at.map(|at| Timestamp(at * 1_000_000)),
        received_at: Timestamp(0),
        body: Vec::new(),
        attempts: 0,
        crashes: 0,
        replay: false,
        twin: false,
        doubt: false,
    }
}
