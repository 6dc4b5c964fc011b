//! The queue against a plain list that does the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::{
    model::{
        clock::Timestamp,
        event::{EventState, ReceiptKind, Seq},
        outcome::Settlement,
    },
    queue::{
        ClaimId, Queue, Release,
        tests::{Place, event, states},
    },
};

#[derive(Clone, Debug)]
enum Act {
    Append { id: u8, body: u8 },
    Claim { events_max: usize },
    Settle { how: Vec<(EventState, bool)> },
    Release,
    Pass,
    Prune,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let how = (0..12_usize, any::<bool>()).prop_map(|(state, counted)| (EventState::ALL[state], counted));
    prop_oneof![
        6 => (0..12_u8, 0..3_u8).prop_map(|(id, body)| Act::Append { id, body }),
        3 => (1..20_usize).prop_map(|events_max| Act::Claim { events_max }),
        3 => prop::collection::vec(how, 1..6).prop_map(|how| Act::Settle { how }),
        1 => Just(Act::Release),
        2 => Just(Act::Pass),
        1 => Just(Act::Prune),
        1 => Just(Act::Reopen),
    ]
}

#[derive(Clone, Debug)]
struct Row {
    id: u8,
    body: u8,
    first: bool,
    state: EventState,
    attempts: u32,
    crashes: u32,
}

/// The claims that are open, each with its page, and the events by place.
#[derive(Default)]
struct List {
    rows: BTreeMap<i64, Row>,
    next: i64,
    claims: Vec<(ClaimId, Vec<i64>)>,
}

impl List {
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
        self.rows.insert(self.next, Row { id, body, first: fresh, state, attempts: 0, crashes: 0 });
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
    use EventState::{Deferred, Held, Pending, Waiting};

    let place = Place::new();
    let mut queue = place.open();
    let mut list = List::default();
    for act in acts {
        match act {
            Act::Append { id, body } => {
                let receipt =
                    queue.append(event(Some(&format!("id{id}")), &format!("body{body}"))).await.unwrap();
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
                for row in list.rows.values_mut().filter(|row| matches!(row.state, Deferred | Held | Waiting))
                {
                    row.state = Pending;
                }
            }
            Act::Prune => {
                queue.prune(Timestamp(1000), Timestamp(1000)).await.unwrap();
                let greatest = list.next;
                let others: BTreeSet<u8> =
                    list.rows.values().filter(|row| !row.first).map(|row| row.id).collect();
                list.rows.retain(|seq, row| {
                    !row.state.is_final() || *seq == greatest || (row.first && others.contains(&row.id))
                });
            }
            Act::Reopen => {
                queue.close().await;
                let (again, opened) = place.try_open().unwrap();
                assert_eq!(opened.recovered, list.crash());
                queue = again;
            }
            Act::Settle { .. } | Act::Release | Act::Pass => {}
        }
    }
    let expected: Vec<_> = list.rows.iter().map(|(seq, row)| (*seq, row.state)).collect();
    let inspector = place.inspect();
    assert_eq!(states(&inspector), expected);
    for (seq, row) in &list.rows {
        let found = inspector.show(&format!("seq:{seq}")).unwrap().row;
        assert_eq!((found.attempts, found.crashes), (row.attempts, row.crashes), "event {seq}");
    }
    let unfinished = list.rows.values().filter(|row| (row.state as i64) < 5).count() as u64;
    assert_eq!(queue.job(|store| Ok(store.unfinished)).await.unwrap(), unfinished);
}

async fn settle(queue: &Queue, list: &mut List, how: &[(EventState, bool)]) {
    let (claim, page) = list.claims.remove(0);
    let mut settlements = Vec::new();
    for (seq, (state, counted)) in page.iter().zip(how) {
        let row = list.rows.get_mut(seq).unwrap();
        row.state = *state;
        row.attempts += u32::from(*counted);
        settlements.push(Settlement {
            seq: Seq(*seq),
            state: *state,
            counted: *counted,
            replay: false,
            next_at: None,
            reason: None,
            entity: None,
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
