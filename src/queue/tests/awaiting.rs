//! Events that wait for a record that is missing in the HIS.

use crate::{
    limits::AWAITS_BYTES_MAX,
    model::event::EventState,
    queue::{
        Awaited, Queue, Selection,
        tests::{Place, append_many, because, event, settle_all, settled, states, tester},
    },
};
use EventState::{Applied, Deferred, Parked, Pending};

fn waits_for(awaits: &str, seq: i64) -> crate::model::outcome::Settlement {
    let parked = because("missing", settled(seq, Parked));
    crate::model::outcome::Settlement { awaits: Some(awaits.to_owned()), ..parked }
}

async fn awaited(queue: &Queue, after: Option<&str>, max: usize) -> Vec<(String, u64)> {
    let found = queue.awaited(after.map(str::to_owned), max).await.unwrap();
    found.into_iter().map(|a| (a.awaits, a.events)).collect()
}

fn pairs(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter().map(|(awaits, events)| ((*awaits).to_owned(), *events)).collect()
}

#[tokio::test]
async fn missing_records_are_listed_in_order_and_in_pages() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 8).await;
    let long = "x".repeat(AWAITS_BYTES_MAX + 1);
    settle_all(
        &queue,
        5,
        vec![
            waits_for("d7", 1),
            waits_for("d3", 2),
            waits_for("d7", 3),
            waits_for("d5", 4),
            // Only a parked event awaits, and only what can be looked for.
            crate::model::outcome::Settlement { state: Deferred, ..waits_for("d9", 5) },
            waits_for("", 6),
            waits_for(&long, 7),
            settled(8, Parked),
        ],
    )
    .await;
    assert_eq!(awaited(&queue, None, 9).await, pairs(&[("d3", 1), ("d5", 1), ("d7", 2)]));
    assert_eq!(awaited(&queue, None, 2).await, pairs(&[("d3", 1), ("d5", 1)]));
    assert_eq!(awaited(&queue, Some("d5"), 2).await, pairs(&[("d7", 2)]));
    assert_eq!(awaited(&queue, Some("d7"), 2).await, []);
    let inspector = place.inspect();
    let shown = |name| inspector.show(name).unwrap().awaits;
    assert_eq!(shown("3"), Some(Awaited { awaits: "d7".into(), events: 2 }));
    assert_eq!([shown("5"), shown("6"), shown("7"), shown("8")], [None, None, None, None]);
    let most: Vec<_> = inspector.awaiting(2).unwrap().into_iter().map(|a| (a.awaits, a.events)).collect();
    assert_eq!(most, pairs(&[("d7", 2), ("d3", 1)]));
}

#[tokio::test]
async fn what_has_arrived_lets_its_events_go() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 4).await;
    queue.claim(None, 9).await.unwrap();
    queue.close().await;
    let queue = place.open();
    // One after a crash, which is kept in mind.
    settle_all(&queue, 5, vec![waits_for("d7", 1)]).await;
    queue.begin_pass(crate::model::clock::Timestamp(6), crate::queue::Release::default()).await.unwrap();
    for seq in 2..=4 {
        let awaits = if seq == 3 { "d3" } else { "d7" };
        settle_all(&queue, 5, vec![waits_for(awaits, seq)]).await;
    }
    assert_eq!(queue.health().unfinished, 0);
    assert_eq!(queue.arrived(vec!["nobody".into(), "d7".into()]).await.unwrap(), 3);
    assert_eq!(queue.health().unfinished, 3);
    let inspector = place.inspect();
    assert_eq!(states(&inspector), [(1, Pending), (2, Pending), (3, Parked), (4, Pending)]);
    assert_eq!(awaited(&queue, None, 9).await, pairs(&[("d3", 1)]));
    let first = inspector.show("1").unwrap();
    assert_eq!((first.awaits, first.row.crashes, first.row.attempts), (None, 1, 2));
    assert_eq!(queue.arrived(vec!["d7".into()]).await.unwrap(), 0);
}

#[tokio::test]
async fn many_that_wait_for_one_record_go_in_steps() {
    let place = Place::new();
    let options = crate::queue::QueueOptions { events_max: 20_000, ..place.options() };
    let queue = Queue::open(options).unwrap().0;
    queue
        .job(|store| {
            let events: Vec<_> = (0..12_000).map(|n: u32| event(None, &n.to_string())).collect();
            store.append(&events.iter().collect::<Vec<_>>()).map(drop)
        })
        .await
        .unwrap();
    place
        .raw()
        .execute("UPDATE event SET state = 6, awaits = CASE WHEN seq % 2 THEN 'odd' ELSE 'even' END", [])
        .unwrap();
    assert_eq!(awaited(&queue, None, 9).await, pairs(&[("even", 1000), ("odd", 1000)]), "counted so far");
    assert_eq!(place.inspect().awaiting(1).unwrap()[0].events, 6000);
    let step = queue.job(|store| store.arrived(&["odd".into(), "even".into()])).await.unwrap();
    assert!(step.changed < 12_000 && step.more, "{step:?}");
    let rest = queue.arrived(vec!["odd".into(), "even".into()]).await.unwrap();
    assert_eq!(step.changed + rest, 12_000);
}

#[tokio::test]
async fn whoever_moves_an_event_on_ends_its_waiting() {
    let check = async |act: &dyn Fn(&Place)| {
        let place = Place::new();
        let queue = place.open();
        append_many(&queue, 1).await;
        settle_all(&queue, 5, vec![waits_for("d7", 1)]).await;
        act(&place);
        assert_eq!(place.inspect().show("1").unwrap().awaits, None);
        assert_eq!(awaited(&queue, None, 9).await, []);
    };
    let one = || Selection::Ids(vec!["1".into()]);
    check(&|place| drop(place.inspect().retry(&one(), &tester()).unwrap())).await;
    check(&|place| drop(place.inspect().discard(&one(), &tester()).unwrap())).await;

    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    for (settlement, left) in [(waits_for("d8", 1), 1), (settled(1, Parked), 0), (settled(1, Applied), 0)] {
        settle_all(&queue, 5, vec![settlement]).await;
        assert_eq!(awaited(&queue, None, 9).await.len(), left);
        place.inspect().retry(&one(), &tester()).unwrap();
    }
}
