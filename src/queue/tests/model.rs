//! The queue against a plain list that does the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::{
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, RawEvent, ReceiptKind, Seq},
        outcome::{Link, LinkChange, Settlement, Standing, Writer, Written},
    },
    queue::{
        AtRest, ClaimId, Proposal, Question, Queue, QueueError, QueueOptions, Release,
        tests::{Place, event, older, settled, states, writer},
    },
};

/// Records, writers and missing records that there are.
const RECORDS: u8 = 4;
const WRITERS: u8 = 3;
const MISSING: u8 = 3;

#[derive(Clone, Debug)]
enum Act {
    Append { id: u8, body: u8 },
    Claim { events_max: usize },
    Settle { how: Vec<How> },
    Propose { record: u8, row: u8, proof: i64 },
    Arrived { missing: u8 },
    Release,
    Pass,
    Prune,
    Convert,
    Reopen { encrypt: bool },
}

/// What becomes of an event.
#[derive(Clone, Debug)]
struct How {
    state: EventState,
    counted: bool,
    record: Option<u8>,
    /// Rows that it writes, each with its writer.
    wrote: Vec<(u8, u8)>,
    link: Option<(u8, LinkChange)>,
    awaits: Option<u8>,
}

fn how() -> impl Strategy<Value = How> {
    let change = prop_oneof![
        2 => (0..RECORDS).prop_map(|row| LinkChange::Set(row.to_string())),
        1 => Just(LinkChange::Drop),
        1 => Just(LinkChange::Void),
    ];
    let record = || prop::option::of(0..RECORDS);
    let own_row = prop::collection::vec((0..RECORDS, 0..WRITERS), 0..3);
    // Mostly an event is applied and writes the row that it is about.
    let plain = (0..RECORDS, 0..WRITERS).prop_map(|(record, by)| How {
        state: EventState::Applied,
        counted: true,
        record: Some(record),
        wrote: vec![(record, by)],
        link: None,
        awaits: None,
    });
    let link = prop::option::of((0..RECORDS, change));
    let any = (0..12_usize, any::<bool>(), record(), own_row, link, prop::option::of(0..MISSING)).prop_map(
        |(state, counted, record, wrote, link, awaits)| {
            let state = EventState::ALL[state];
            How { state, counted, record, wrote, link, awaits }
        },
    );
    prop_oneof![plain, any]
}

fn act() -> impl Strategy<Value = Act> {
    let proposal = (0..RECORDS, 0..RECORDS, -9..9_i64);
    prop_oneof![
        6 => (0..12_u8, 0..3_u8).prop_map(|(id, body)| Act::Append { id, body }),
        3 => (1..20_usize).prop_map(|events_max| Act::Claim { events_max }),
        3 => prop::collection::vec(how(), 1..8).prop_map(|how| Act::Settle { how }),
        1 => proposal.prop_map(|(record, row, proof)| Act::Propose { record, row, proof }),
        1 => (0..MISSING).prop_map(|missing| Act::Arrived { missing }),
        1 => Just(Act::Release),
        2 => Just(Act::Pass),
        1 => Just(Act::Prune),
        1 => Just(Act::Convert),
        1 => any::<bool>().prop_map(|encrypt| Act::Reopen { encrypt }),
    ]
}

fn entity(record: u8) -> Entity {
    Entity::linked("his.VISITS", "visit", [record.to_string().as_str()])
}

fn by(number: u8) -> std::sync::Arc<Writer> {
    writer(
        ["visit", "visit", "note"][usize::from(number)],
        [Some("a,b"), None, Some("a,b")][usize::from(number)],
    )
}

/// When an event of that id says that it happened.
fn occurred_at(id: u8) -> Option<Timestamp> {
    (!id.is_multiple_of(3)).then_some(Timestamp(i64::from(id)))
}

#[derive(Clone, Debug)]
struct Row {
    id: u8,
    body: u8,
    first: bool,
    state: EventState,
    attempts: u32,
    crashes: u32,
    record: Option<u8>,
    awaits: Option<u8>,
}

/// The claims that are open, each with its page, the events by place, and what is known of records.
#[derive(Default)]
struct List {
    rows: BTreeMap<i64, Row>,
    next: i64,
    claims: Vec<(ClaimId, Vec<i64>)>,
    written: BTreeMap<(u8, u8), Written>,
    links: BTreeMap<u8, Link>,
}

impl List {
    fn settle(&mut self, seq: i64, how: &How) {
        let row = self.rows.get_mut(&seq).unwrap();
        row.state = how.state;
        row.attempts += u32::from(how.counted);
        row.record = how.record.or(row.record);
        row.awaits = how.awaits.filter(|_| how.state == EventState::Parked);
        let occurred = occurred_at(row.id);
        let wrote = if how.state == EventState::Applied { how.wrote.as_slice() } else { &[] };
        for (record, number) in wrote {
            let new = || Written {
                by: by(*number),
                last_seq: Seq(seq),
                last_occurred_at: None,
                last_untimed_seq: None,
            };
            let known = self.written.entry((*record, *number)).or_insert_with(new);
            known.last_seq = known.last_seq.max(Seq(seq));
            known.last_occurred_at = known.last_occurred_at.max(occurred);
            known.last_untimed_seq = known.last_untimed_seq.max(occurred.is_none().then_some(Seq(seq)));
        }
        match &how.link {
            None => {}
            Some((record, LinkChange::Drop)) => drop(self.links.remove(record)),
            Some((record, LinkChange::Void)) => {
                self.links.retain(|other, link| other != record || link.proof.is_none());
            }
            Some((record, LinkChange::Set(his_key))) => {
                self.links.retain(|_, link| link.his_key != *his_key || link.proof.is_none());
                self.links.insert(*record, Link { his_key: his_key.clone(), proof: None, by: None });
            }
        }
    }

    fn arrived(&mut self, missing: u8) -> u64 {
        let mut count = 0;
        for row in self.rows.values_mut().filter(|row| row.awaits == Some(missing)) {
            (row.state, row.awaits) = (EventState::Pending, None);
            count += 1;
        }
        count
    }

    fn pass(&mut self) {
        use EventState::{Deferred, Held, Paused, Pending, Waiting};
        for row in self.rows.values_mut().filter(|row| matches!(row.state, Deferred | Waiting)) {
            row.state = Pending;
        }
        let paused: Vec<(i64, Option<u8>)> = self
            .rows
            .iter()
            .filter(|(_, row)| row.state == Paused || row.awaits.is_some())
            .map(|(seq, row)| (*seq, row.record))
            .collect();
        for (seq, row) in self.rows.iter_mut().filter(|(_, row)| row.state == Held) {
            let blocked = |(before, record): &(i64, Option<u8>)| before < seq && *record == row.record;
            if row.record.is_none() || !paused.iter().any(blocked) {
                row.state = Pending;
            }
        }
    }

    fn standing(&self, record: u8, before: i64) -> Standing {
        let blocks = |row: &Row| row.record == Some(record) && (row.state as i64) < 5;
        let blocking = self.rows.range(..before).filter(|(_, row)| blocks(row));
        let least = blocking.min_by_key(|(seq, row)| (row.state == EventState::Pending, **seq));
        Standing {
            written: self.written.range((record, 0)..=(record, WRITERS)).map(|(_, w)| w.clone()).collect(),
            unfinished: least.map(|(seq, _)| Seq(*seq)),
            expected: self
                .rows
                .range(..before)
                .any(|(_, row)| row.record == Some(record) && row.awaits.is_some()),
            link: self.links.get(&record).cloned().map(|link| Link {
                by: link.by.filter(|by| self.rows.get(&by.0).is_some_and(|row| (row.state as i64) < 5)),
                ..link
            }),
        }
    }

    fn append(&mut self, id: u8, body: u8) -> (i64, ReceiptKind) {
        let known: Vec<_> = self.rows.iter().filter(|(_, row)| row.id == id).collect();
        let first = known.iter().find(|(_, row)| row.first);
        let kind = match first {
            None => ReceiptKind::Fresh,
            Some((seq, row)) if row.body == body => return (**seq, ReceiptKind::Duplicate),
            Some(_) => match known.iter().find(|(_, row)| !row.first && row.body == body) {
                Some((seq, _)) => return (**seq, ReceiptKind::Duplicate),
                None => ReceiptKind::Conflict,
            },
        };
        self.next += 1;
        let fresh = kind == ReceiptKind::Fresh;
        let state = if fresh { EventState::Pending } else { EventState::Conflict };
        self.rows.insert(
            self.next,
            Row { id, body, first: fresh, state, attempts: 0, crashes: 0, record: None, awaits: None },
        );
        (self.next, kind)
    }

    fn page(&self, events_max: usize) -> Vec<i64> {
        let after = self.claims.iter().flat_map(|(_, page)| page).max().copied().unwrap_or(0);
        let pending = self.rows.range(after + 1..).filter(|(_, row)| row.state == EventState::Pending);
        let mut page: Vec<(i64, u32)> = Vec::new();
        for (seq, row) in pending {
            let full = page.first().is_some_and(|(_, crashes)| {
                *crashes != row.crashes || page.len() >= (events_max >> (3 * crashes).min(63)).max(1)
            });
            if full {
                break;
            }
            page.push((*seq, row.crashes));
        }
        let suspect = |seq: &i64| self.rows[seq].crashes > 0;
        let open = !self.claims.is_empty();
        let alone = self.claims.iter().any(|(_, page)| page.iter().any(suspect));
        if alone || (open && page.iter().any(|(_, crashes)| *crashes > 0)) {
            page.clear();
        }
        page.into_iter().map(|(seq, _)| seq).collect()
    }

    fn crash(&mut self) -> u64 {
        let mut counted = 0;
        for seq in self.claims.drain(..).flat_map(|(_, page)| page) {
            let row = self.rows.get_mut(&seq).unwrap();
            if row.state == EventState::Pending {
                row.attempts += 1;
                row.crashes += 1;
                counted += 1;
            }
        }
        counted
    }
}

async fn play(acts: Vec<Act>) {
    let place = Place::new();
    let mut queue = place.open();
    let mut list = List::default();
    let mut encrypted = false;
    for act in acts {
        match act {
            Act::Append { id, body } => {
                let raw = event(Some(&format!("id{id}")), &format!("body{body}"));
                let raw = RawEvent { occurred_at: occurred_at(id), ..raw };
                let receipt = queue.append(raw).await.unwrap();
                assert_eq!((receipt.seq.0, receipt.kind), list.append(id, body));
            }
            Act::Claim { events_max } => {
                let expected = list.page(events_max);
                let after = list.claims.iter().flat_map(|(_, page)| page).max().copied();
                let page = queue.claim(after.map(Seq), events_max).await.unwrap();
                assert_eq!(super::seqs(&page), expected);
                if !expected.is_empty() {
                    list.claims.push((page.claim, expected));
                }
            }
            Act::Settle { how } if !list.claims.is_empty() => settle(&queue, &mut list, &how).await,
            Act::Release if !list.claims.is_empty() => {
                queue.release(list.claims.remove(0).0).await.unwrap();
            }
            // The worker begins a pass only when no claim is open.
            Act::Pass if list.claims.is_empty() => {
                queue.begin_pass(Timestamp(1000), Release::default()).await.unwrap();
                list.pass();
            }
            Act::Propose { record, row, proof } => propose(&queue, &mut list, record, row, proof).await,
            Act::Arrived { missing } => {
                let arrived = queue.arrived(vec![format!("m{missing}")]).await.unwrap();
                assert_eq!(arrived, list.arrived(missing));
            }
            Act::Prune => {
                queue.prune(older(1000)).await.unwrap();
                list.written.clear();
                let others: BTreeSet<u8> =
                    list.rows.values().filter(|row| !row.first).map(|row| row.id).collect();
                list.rows.retain(|_, row| !row.state.is_final() || (row.first && others.contains(&row.id)));
            }
            Act::Convert => {
                queue.convert().await.unwrap();
                assert_eq!(
                    place.inspect().at_rest().unwrap(),
                    if encrypted { AtRest::Sealed } else { AtRest::Plain }
                );
            }
            Act::Reopen { encrypt } => {
                encrypted = encrypt;
                queue.close().await;
                let (again, opened) = Queue::open(QueueOptions { encrypt, ..place.options() }).unwrap();
                assert_eq!(opened.recovered, list.crash());
                queue = again;
            }
            Act::Settle { .. } | Act::Release | Act::Pass => {}
        }
    }
    compare(&place, &queue, &list).await;
}

async fn propose(queue: &Queue, list: &mut List, record: u8, row: u8, proof: i64) {
    let proposal =
        Proposal { entity: entity(record), his_key: row.to_string(), proof, by: Seq(1), instead_of: None };
    let done = queue.propose(vec![proposal], Timestamp(500)).await;
    if list.links.get(&record).is_some_and(|link| link.proof.is_none()) {
        assert!(matches!(done, Err(QueueError::Linked { .. })), "{done:?}");
    } else {
        done.unwrap();
        list.links.insert(record, Link { his_key: row.to_string(), proof: Some(proof), by: Some(Seq(1)) });
    }
}

/// All that can be asked.
async fn compare(place: &Place, queue: &Queue, list: &List) {
    let expected: Vec<_> = list.rows.iter().map(|(seq, row)| (*seq, row.state)).collect();
    let inspector = place.inspect();
    assert_eq!(states(&inspector), expected);
    for (seq, row) in &list.rows {
        let found = inspector.show(&format!("seq:{seq}")).unwrap().row;
        assert_eq!((found.attempts, found.crashes), (row.attempts, row.crashes), "event {seq}");
    }
    let unfinished = list.rows.values().filter(|row| (row.state as i64) < 5).count() as u64;
    assert_eq!(queue.job(|store| Ok(store.unfinished)).await.unwrap(), unfinished);
    for before in [list.next / 2, list.next + 1] {
        let ask = |record| Question { entity: entity(record), seq: Seq(before), order: true, link: true };
        let mut found = queue.standing((0..RECORDS).map(ask).collect()).await.unwrap();
        for (record, standing) in (0..RECORDS).zip(&mut found) {
            let number = |w: &Written| (0..WRITERS).find(|number| by(*number) == w.by);
            standing.written.sort_by_key(number);
            assert_eq!(*standing, list.standing(record, before), "record {record} before {before}");
        }
    }
    let mut awaited: BTreeMap<String, u64> = BTreeMap::new();
    for missing in list.rows.values().filter_map(|row| row.awaits) {
        *awaited.entry(format!("m{missing}")).or_default() += 1;
    }
    let found = queue.awaited(None, 9).await.unwrap().into_iter().map(|a| (a.awaits, a.events));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), awaited);
}

async fn settle(queue: &Queue, list: &mut List, how: &[How]) {
    let (claim, page) = list.claims.remove(0);
    let mut settlements = Vec::new();
    for (seq, how) in page.iter().zip(how) {
        list.settle(*seq, how);
        settlements.push(Settlement {
            counted: how.counted,
            entity: how.record.map(entity),
            wrote: how.wrote.iter().map(|(record, number)| (entity(*record), by(*number))).collect(),
            links: how.link.iter().map(|(record, change)| (entity(*record), change.clone())).collect(),
            awaits: how.awaits.map(|missing| format!("m{missing}")),
            ..settled(*seq, how.state)
        });
    }
    queue.settle(claim, settlements, Timestamp(500)).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_as_a_plain_list_would(acts in prop::collection::vec(act(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(play(acts));
    }
}
