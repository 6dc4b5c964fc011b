//! The commands' view, beside a running daemon.

use crate::{
    model::{
        clock::Timestamp,
        event::{EventState, Seq},
    },
    queue::{
        Changed, DaemonReport, EventFilter, Inspector, Queue, QueueError, QueueOptions, Release, Selection,
        tests::{
            Place, about, append_many, because, due, event, of_kind, settle_all, settled, states, tester,
        },
    },
};
use EventState::{
    Applied, Conflict, Deferred, Discarded, Held, Ignored, Parked, Paused, Pending, Stale, Unmapped, Waiting,
};

/// Places 1 to 12: one event in each state, in the order of the states.
async fn one_of_each(queue: &Queue) {
    append_many(queue, 7).await;
    queue.append(event(Some("e0"), "another body")).await.unwrap();
    for kind in ["payment", "payment.created", "schedule.updated", "schedule"] {
        queue.append(of_kind(kind)).await.unwrap();
    }
    settle_all(
        queue,
        50,
        vec![
            due(99, because("busy", settled(2, Deferred))),
            about("a", settled(3, Held)),
            due(99, because("parent", settled(4, Waiting))),
            because("mysql-1054", settled(5, Paused)),
            because("unmapped", settled(6, Unmapped)),
            because("mysql-1364", settled(7, Parked)),
            settled(9, Applied),
            because("stale", settled(10, Stale)),
            settled(11, Ignored),
        ],
    )
    .await;
}

async fn place_with_each() -> (Place, Queue, Inspector) {
    let place = Place::new();
    let queue = place.open();
    one_of_each(&queue).await;
    let inspector = place.inspect();
    inspector.discard(&Selection::Ids(vec!["12".into()]), &tester()).unwrap();
    let all: Vec<_> = (1..).zip(EventState::ALL).collect();
    assert_eq!(states(&inspector), all);
    (place, queue, inspector)
}

#[tokio::test]
async fn every_state_is_counted() {
    let (_place, _queue, inspector) = place_with_each().await;
    let counts = inspector.counts().unwrap();
    assert_eq!(counts.len(), 12);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(inspector.oldest_unfinished().unwrap().map(|row| row.seq), Some(Seq(1)));
    let causes: Vec<_> = inspector
        .causes()
        .unwrap()
        .into_iter()
        .map(|c| (c.state, c.cause.unwrap_or_default(), c.count, c.oldest.0))
        .collect();
    let expected = [
        (Deferred, "busy", 1, 2),
        (Held, "", 1, 3),
        (Waiting, "parent", 1, 4),
        (Paused, "mysql-1054", 1, 5),
        (Unmapped, "unmapped", 1, 6),
        (Parked, "mysql-1364", 1, 7),
        (Conflict, "id-conflict", 1, 8),
    ];
    assert_eq!(causes, expected.map(|(state, cause, count, seq)| (state, cause.to_owned(), count, seq)));
}

#[tokio::test]
async fn events_are_listed_by_what_is_asked() {
    let (_place, _queue, inspector) = place_with_each().await;
    let check = |filter: EventFilter, expected: &[i64]| {
        let filter = EventFilter { limit: if filter.limit == 0 { 99 } else { filter.limit }, ..filter };
        let found: Vec<i64> = inspector.list(&filter).unwrap().iter().map(|row| row.seq.0).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let any = EventFilter::default();
    check(EventFilter { limit: 2, ..any.clone() }, &[12, 11]);
    check(EventFilter { before: Some(Seq(4)), ..any.clone() }, &[3, 2, 1]);
    check(EventFilter { after: Some(Seq(9)), limit: 2, ..any.clone() }, &[10, 11]);
    check(EventFilter { after: Some(Seq(2)), before: Some(Seq(5)), ..any.clone() }, &[4, 3]);
    check(EventFilter { states: vec![Parked, Conflict], ..any.clone() }, &[8, 7]);
    check(EventFilter { states: vec![Pending], ..any.clone() }, &[1]);
    check(EventFilter { states: vec![Held, Waiting], ..any.clone() }, &[4, 3]);
    check(EventFilter { states: vec![Applied, Parked], ..any.clone() }, &[9, 7]);
    check(EventFilter { kind: Some("payment".into()), ..any.clone() }, &[10, 9]);
    check(EventFilter { kind: Some("payment.created".into()), ..any.clone() }, &[10]);
    check(EventFilter { cause: Some("mysql-1364".into()), ..any.clone() }, &[7]);
    check(EventFilter { cause: Some("mysql-1364".into()), states: vec![Stale], ..any.clone() }, &[]);
}

#[tokio::test]
async fn a_retry_takes_what_can_be_tried_again() {
    let check = async |selection: Selection, retried: &[i64], skipped: &[EventState], unknown: &[&str]| {
        let (_place, queue, inspector) = place_with_each().await;
        let changed = inspector.retry(&selection, &tester()).unwrap();
        let expected = Changed {
            changed: retried.len() as u64,
            skipped: skipped.iter().map(|state| (*state, 1)).collect(),
            unknown: unknown.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(changed, expected, "{selection:?}");
        let pending: Vec<i64> =
            states(&inspector).into_iter().filter(|(_, s)| *s == Pending).map(|(n, _)| n).collect();
        assert_eq!(pending, [&[1], retried].concat(), "{selection:?}");
        queue.begin_pass(Timestamp(60), Release::default()).await.unwrap();
        let unfinished = queue.job(|store| Ok(store.unfinished)).await.unwrap();
        let counts = inspector.counts().unwrap();
        let counted: u64 = [Pending, Deferred, Held, Waiting, Paused].iter().map(|state| counts[state]).sum();
        assert_eq!(unfinished, counted, "the daemon has noticed");
    };
    let ids = |names: &[&str]| Selection::Ids(names.iter().map(|name| (*name).to_owned()).collect());
    check(ids(&["7", "e5", "nobody", "e5"]), &[6, 7], &[], &["nobody"]).await;
    check(ids(&["1", "9", "10", "11", "12"]), &[], &[Pending, Applied, Stale, Ignored, Discarded], &[]).await;
    check(ids(&["2", "3", "4", "5", "8"]), &[2, 3, 4, 5, 8], &[], &[]).await;
    check(Selection::Cause("mysql-1364".into()), &[7], &[], &[]).await;
    check(Selection::Cause("id-conflict".into()), &[8], &[], &[]).await;
    check(Selection::Cause("stale".into()), &[], &[], &[]).await;
    check(Selection::All, &[2, 3, 4, 5, 6, 7], &[Conflict], &[]).await;
}

#[tokio::test]
async fn a_discard_takes_whatever_is_not_final() {
    let (_place, queue, inspector) = place_with_each().await;
    assert_eq!(inspector.discard(&Selection::Cause("busy".into()), &tester()).unwrap().changed, 1);
    assert_eq!(
        inspector.discard(&Selection::All, &tester()).unwrap().changed,
        3,
        "parked, unmapped, conflict"
    );
    let counts = inspector.counts().unwrap();
    assert_eq!((counts[&Discarded], counts[&Applied], counts[&Pending]), (5, 1, 1));
    assert!(inspector.show("7").unwrap().row.settled_at > Some(Timestamp(50)));
    let pending = Selection::Ids(vec!["1".into()]);
    assert_eq!(inspector.discard(&pending, &tester()).unwrap().changed, 1);
    assert!(queue.claim(None, 9).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn a_retry_starts_the_count_of_crashes_anew() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    queue.claim(None, 1).await.unwrap();
    queue.close().await;
    let queue = place.open();
    settle_all(&queue, 5, vec![because("crashes", settled(1, Parked))]).await;
    assert_eq!(place.inspect().show("1").unwrap().row.crashes, 1);
    place.inspect().retry(&Selection::Cause("crashes".into()), &tester()).unwrap();
    let event = queue.claim(None, 1).await.unwrap().events.remove(0);
    assert_eq!((event.crashes, event.attempts, event.replay), (0, 2, true));
}

#[tokio::test]
async fn many_events_are_changed_in_short_steps() {
    let place = Place::new();
    let queue = Queue::open(QueueOptions { events_max: 2500, ..place.options() }).unwrap().0;
    queue
        .job(|store| {
            let events: Vec<_> = (0..2500).map(|n: u32| event(None, &n.to_string())).collect();
            store.append(&events.iter().collect::<Vec<_>>()).map(drop)
        })
        .await
        .unwrap();
    assert!(queue.append(event(None, "{}")).await.is_err(), "at the cap");
    let all = Selection::Ids((1..=2500).map(|n| n.to_string()).collect());
    assert_eq!(place.inspect().discard(&all, &tester()).unwrap().changed, 2500);
    assert!(queue.append(event(None, "{}")).await.is_ok(), "the daemon counts again before it refuses");
    assert_eq!(queue.health().unfinished, 1);
}

#[tokio::test]
async fn a_name_that_is_both_a_place_and_an_id_is_asked_back() {
    let place = Place::new();
    let queue = place.open();
    for id in ["2", "other", "3", "seq:1"] {
        queue.append(event(Some(id), id)).await.unwrap();
    }
    let inspector = place.inspect();
    let found = |name: &str| inspector.show(name).map(|detail| detail.row.seq.0);
    assert!(matches!(found("2"), Err(QueueError::Ambiguous { .. })));
    assert_eq!(found("id:2").unwrap(), 1);
    assert_eq!(found("seq:2").unwrap(), 2);
    assert_eq!(found("3").unwrap(), 3, "place and id of the same event");
    assert_eq!(found("id:seq:1").unwrap(), 4);
    for missing in ["9", "nobody", "", "-1", "local-00000000-1", "seq:x", "id:9"] {
        assert!(matches!(found(missing), Err(QueueError::NoEvent { .. })), "{missing}");
    }
    assert_eq!(inspector.show("other").unwrap().body, b"other");
}

#[tokio::test]
async fn a_request_reaches_the_daemon_and_its_end_the_command() {
    let place = Place::new();
    let queue = place.open();
    let inspector = place.inspect();
    assert_eq!(inspector.daemon().unwrap(), None);
    assert!(inspector.is_running().unwrap());
    assert_eq!(queue.requests().await.unwrap().sync_now, 0);
    let ticket = inspector.request_sync(&tester()).unwrap();
    assert_eq!(queue.requests().await.unwrap().sync_now, ticket);
    assert_eq!(queue.requests().await.unwrap().sync_now, ticket);
    assert!(!inspector.sync_done(ticket).unwrap());
    let report = DaemonReport {
        pid: 42,
        listen: "127.0.0.1:5000".into(),
        his_up: Some(false),
        his_error: Some("refused".into()),
        next_attempt_at: Some(Timestamp(9)),
        sync_done: ticket,
        ..Default::default()
    };
    queue.report(report.clone()).await.unwrap();
    queue.report(report.clone()).await.unwrap();
    assert!(inspector.sync_done(ticket).unwrap());
    assert_eq!(inspector.request_sync(&tester()).unwrap(), ticket + 1);
    queue.close().await;
    let status = inspector.daemon().unwrap().unwrap();
    assert_eq!((status.report, status.is_running), (report, false));
    assert_eq!(place.open().requests().await.unwrap().sync_now, ticket + 1, "kept over a restart");
}
