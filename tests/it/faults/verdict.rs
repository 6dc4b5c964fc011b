//! What must be in the HIS after all that was sent, made of the queue's order and of what the senders know. Reads; changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    blows::Ground,
    world::{Desk, Sent},
};
use crate::support::daemon::Site;

/// What was looked at.
pub(super) struct Told {
    pub(super) events: u64,
    pub(super) history: u64,
}

/// An event of the queue.
pub(crate) struct Kept {
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
fn kept(site: &Site, desk: &Desk) -> Vec<Kept> {
    let all = site.json(&["events", "list", "--state", "all", "--limit", "10000000", "--json"]);
    let acknowledged = desk.acknowledged.lock().unwrap();
    let sent = desk.sent.lock().unwrap();
    let mut kept = Vec::new();
    for event in all.as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        let number = id.strip_prefix('x').and_then(|n| n.parse().ok());
        let number = number.or_else(|| acknowledged.get(id).copied()).unwrap_or_else(|| number_of(site, id));
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
fn number_of(site: &Site, id: &str) -> u64 {
    let event = site.json(&["events", "show", id, "--json"]);
    let body = &event["body"];
    let body =
        body.as_str().map_or_else(|| body.clone(), |text| serde_json::from_str::<Value>(text).unwrap());
    body["data"]["ver"].as_u64().unwrap_or_else(|| panic!("{event}"))
}

/// Reads rows of the HIS: columns separated by tabs.
pub(crate) type Read<'a> = &'a dyn Fn(&str) -> Vec<String>;

/// Holds that the HIS is as the events say.
pub(super) fn hold(ground: &Ground) -> Told {
    let kept = hold_rows(&ground.site, &ground.desk, &|query| ground.his.rows(query));
    tags(ground, &newest(&kept));
    Told { events: kept.len() as u64, history: history(ground, &kept) }
}

/// Holds that every row is as the events say, and gives these.
pub(crate) fn hold_rows(site: &Site, desk: &Desk, read: Read<'_>) -> Vec<Kept> {
    let kept = kept(site, desk);
    for event in &kept {
        assert!(
            event.state == "applied" || event.state == "stale" && event.sent.kind != "entry",
            "event {} is {}: {:?}",
            event.seq,
            event.state,
            event.sent
        );
    }
    let newest = newest(&kept);
    for event in newest.values() {
        assert_eq!(event.state, "applied", "event {} is the newest of its record", event.seq);
    }
    rows(read, &kept, &newest);
    kept
}

type Newest<'a> = BTreeMap<(&'static str, u32), &'a Kept>;

/// The newest event of each record.
fn newest(kept: &[Kept]) -> Newest<'_> {
    let mut newest = Newest::new();
    for event in kept {
        let place = newest.entry((event.sent.kind, event.sent.record)).or_insert(event);
        if event.order() >= place.order() {
            *place = event;
        }
    }
    newest
}

fn rows(read: Read<'_>, kept: &[Kept], newest: &Newest<'_>) {
    let live = |kind: &str| {
        let of_kind = newest.iter().filter(|((of, _), event)| *of == kind && !event.sent.deletes);
        of_kind.map(|((_, record), event)| format!("{record}\t{}", event.number)).collect::<Vec<_>>()
    };
    let same = |query: &str, expected: Vec<String>| {
        let (found, expected) = (counted(read(query)), counted(expected));
        let wrong: Vec<_> = found.symmetric_difference(&expected).take(20).collect();
        assert!(wrong.is_empty(), "{query}: only in the HIS, or only expected: {wrong:?}");
    };
    same("SELECT id, ver FROM visits", live("visit"));
    same("SELECT label, ver FROM slots", live("slot"));
    same("SELECT label, ver FROM bookings", live("booking"));
    same("SELECT id, ver FROM beds", live("bed"));
    same("SELECT id, ver FROM wards WHERE ver > 0", live("ward"));
    let entries = kept.iter().filter(|event| event.sent.kind == "entry");
    same("SELECT ver FROM journal", entries.map(|event| event.number.to_string()).collect());
    let made = kept.iter().filter(|e| e.sent.kind == "slot" && !e.sent.deletes && e.state == "applied");
    let patients: BTreeSet<u32> = made.map(|e| e.sent.record % 7).collect();
    same("SELECT who FROM patients", patients.iter().map(u32::to_string).collect());
    let of = newest.iter().filter(|((kind, _), event)| *kind == "slot" && !event.sent.deletes);
    same(
        "SELECT label, who FROM slots JOIN patients ON slots.pid = patients.pid",
        of.map(|((_, record), _)| format!("{record}\t{}", record % 7)).collect(),
    );
}

/// Rows that are equal, numbered: one that is there twice is two.
fn counted(rows: Vec<String>) -> BTreeSet<(String, u32)> {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let count = |row: String| {
        let time = times.entry(row.clone()).or_default();
        *time += 1;
        (row, *time)
    };
    rows.into_iter().map(count).collect()
}

/// What a narrowed column has cut stays cut until the next event.
fn tags(ground: &Ground, newest: &Newest<'_>) {
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
pub(crate) fn whole(site: &Site) {
    let queue = rusqlite::Connection::open(site.path("queue.db")).unwrap();
    let check: String = queue.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
