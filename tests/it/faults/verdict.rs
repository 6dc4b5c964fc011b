//! What must be in the HIS after all that was sent, made of the queue's order and of what the senders know. Reads; changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{blows::Ground, world::Sent};
use crate::support::daemon::Site;

/// What was looked at.
pub(super) struct Told {
    pub(super) events: u64,
    pub(super) history: u64,
}

/// An event of the queue.
struct Kept {
    seq: u64,
    number: u64,
    state: String,
    sent: Sent,
}

impl Kept {
    /// What decides which event of a record is the newest.
    fn order(&self) -> (u64, u64) {
        (self.sent.at.unwrap_or(0), self.seq)
    }
}

/// Holds that everything acknowledged is in the queue, and gives all that is there, in the queue's order.
fn kept(ground: &Ground) -> Vec<Kept> {
    let all = ground.site.json(&["events", "list", "--state", "all", "--limit", "10000000", "--json"]);
    let acknowledged = ground.desk.acknowledged.lock().unwrap();
    let sent = ground.desk.sent.lock().unwrap();
    let mut kept = Vec::new();
    for event in all.as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        let number = id.strip_prefix('x').and_then(|n| n.parse().ok());
        let number =
            number.or_else(|| acknowledged.get(id).copied()).unwrap_or_else(|| number_of(ground, id));
        kept.push(Kept {
            seq: event["seq"].as_u64().unwrap(),
            number,
            state: event["state"].as_str().unwrap().to_owned(),
            sent: sent[&number].clone(),
        });
    }
    kept.sort_by_key(|event| event.seq);
    let ids: BTreeSet<&str> =
        all.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), kept.len(), "an id stands in the queue twice");
    let lost: Vec<_> = acknowledged.keys().filter(|id| !ids.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    kept
}

/// The number of an event whose acknowledgement was lost, and that has no id of the sender's.
fn number_of(ground: &Ground, id: &str) -> u64 {
    let event = ground.site.json(&["events", "show", id, "--json"]);
    let body = &event["body"];
    let body =
        body.as_str().map_or_else(|| body.clone(), |text| serde_json::from_str::<Value>(text).unwrap());
    body["data"]["ver"].as_u64().unwrap_or_else(|| panic!("{event}"))
}

/// Holds that the HIS is as the events say.
pub(super) fn hold(ground: &Ground) -> Told {
    let kept = kept(ground);
    for event in &kept {
        assert!(
            event.state == "applied" || event.state == "stale" && event.sent.kind != "entry",
            "event {} is {}: {:?}",
            event.seq,
            event.state,
            event.sent
        );
    }
    let mut newest: BTreeMap<(&str, u32), &Kept> = BTreeMap::new();
    for event in &kept {
        let place = newest.entry((event.sent.kind, event.sent.record)).or_insert(event);
        if event.order() >= place.order() {
            *place = event;
        }
    }
    for event in newest.values() {
        assert_eq!(event.state, "applied", "event {} is the newest of its record", event.seq);
    }
    rows(ground, &kept, &newest);
    Told { events: kept.len() as u64, history: history(ground, &kept) }
}

fn rows(ground: &Ground, kept: &[Kept], newest: &BTreeMap<(&str, u32), &Kept>) {
    let live = |kind: &str| {
        let of_kind = newest.iter().filter(|((of, _), event)| *of == kind && !event.sent.deletes);
        of_kind.map(|((_, record), event)| (*record, event.number)).collect::<Vec<_>>()
    };
    let same = |query: &str, expected: Vec<String>| {
        let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (
            ground.his.rows(query).into_iter().enumerate().collect(),
            expected.into_iter().enumerate().collect(),
        );
        let wrong: Vec<_> = found.symmetric_difference(&expected).take(20).collect();
        assert!(wrong.is_empty(), "{query}: {wrong:?}");
    };
    let pairs =
        |all: Vec<(u32, u64)>| all.iter().map(|(record, number)| format!("{record}\t{number}")).collect();
    for (kind, query) in [
        ("visit", "SELECT id, ver FROM visits ORDER BY id"),
        ("slot", "SELECT label, ver FROM slots ORDER BY label, ver"),
        ("booking", "SELECT label, ver FROM bookings ORDER BY label, ver"),
        ("bed", "SELECT id, ver FROM beds ORDER BY id"),
        ("ward", "SELECT id, ver FROM wards WHERE ver > 0 ORDER BY id"),
    ] {
        same(query, pairs(live(kind)));
    }
    let mut entries: Vec<u64> = kept.iter().filter(|e| e.sent.kind == "entry").map(|e| e.number).collect();
    entries.sort_unstable();
    same("SELECT ver FROM journal ORDER BY ver", entries.iter().map(u64::to_string).collect());
    let made = kept.iter().filter(|e| e.sent.kind == "slot" && !e.sent.deletes && e.state == "applied");
    let patients: BTreeSet<u32> = made.map(|e| e.sent.record % 7).collect();
    same("SELECT who FROM patients ORDER BY who", patients.iter().map(u32::to_string).collect());
    assert_eq!(
        ground.his.number(
            "SELECT COUNT(*) FROM slots LEFT JOIN patients USING (pid) WHERE who IS NULL OR who <> label % 7"
        ),
        0,
        "a slot is another patient's"
    );
    // What a narrowed column has cut stays cut until the next event.
    for row in ground.his.rows("SELECT id, tag FROM visits") {
        let (id, found) = row.split_once('\t').unwrap();
        let tag = newest[&("visit", id.parse().unwrap())].sent.tag.clone().unwrap();
        assert!(found == tag || found == tag.chars().take(6).collect::<String>(), "{row}: {tag}");
    }
}

/// The events whose values a row has taken, and the newest among them.
type Taken = (BTreeSet<u64>, (u64, u64));

/// Holds that no row took an older event's value for the first time after a newer one's. One that it had before it may take
/// again: what may have been committed is repeated, in order.
fn history(ground: &Ground, kept: &[Kept]) -> u64 {
    let mut order: BTreeMap<u64, Option<(u64, u64)>> = BTreeMap::new();
    for event in kept {
        // One without an id that was sent twice is two events.
        order.entry(event.number).and_modify(|known| *known = None).or_insert(Some(event.order()));
    }
    let mut values = 0;
    let mut seen: BTreeMap<(String, String), Taken> = BTreeMap::new();
    for row in ground.his.rows("SELECT of, id, ver FROM history ORDER BY n") {
        let cells: Vec<&str> = row.split('\t').collect();
        let number: u64 = cells[2].parse().unwrap();
        let Some(Some(order)) = order.get(&number) else { continue };
        let (taken, last) = seen.entry((cells[0].to_owned(), cells[1].to_owned())).or_default();
        if taken.insert(number) {
            values += 1;
            assert!(*order > *last, "{} {} went back to event {number}", cells[0], cells[1]);
            *last = *order;
        }
    }
    values
}

/// Holds that the queue file is whole.
pub(super) fn whole(site: &Site) {
    let queue = rusqlite::Connection::open(site.path("queue.db")).unwrap();
    let check: String = queue.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
