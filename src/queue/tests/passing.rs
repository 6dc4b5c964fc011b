//! Claims, crashes, settlements, and what becomes due.

use crate::{
    limits::PAGE_BYTES_MAX,
    model::{
        clock::Timestamp,
        event::{EventKind, EventState, RawEvent, Seq},
        outcome::{Settlement, Standing, Written},
    },
    queue::{
        Erased, Kinds, Question, Queue, Release, Retention,
        tests::{
            Place, about, append_many, asks, because, due, event, of_kind, older, seqs, settle_all, settled,
            states, tester, writer,
        },
    },
};
use EventState::{
    Applied, Deferred, Discarded, Held, Ignored, Parked, Paused, Pending, Stale, Unmapped, Waiting,
};

/// Ends the owner thread as a kill would: its claims stay open.
async fn kill(queue: Queue) {
    queue.close().await;
}

#[tokio::test]
async fn pages_follow_the_order_of_the_queue() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 5).await;
    let first = queue.claim(None, 2).await.unwrap();
    let second = queue.claim(Some(Seq(2)), 2).await.unwrap();
    assert_eq!((seqs(&first), seqs(&second)), (vec![1, 2], vec![3, 4]));
    assert_ne!(first.claim, second.claim);
    queue.settle(first.claim, vec![settled(1, Applied)], Timestamp(1)).await.unwrap();
    queue.release(second.claim).await.unwrap();
    assert_eq!(seqs(&queue.claim(None, 9).await.unwrap()), [2, 3, 4, 5]);
    assert_eq!(seqs(&queue.claim(Some(Seq(5)), 9).await.unwrap()), [0; 0]);
}

#[tokio::test]
async fn a_page_is_bounded_by_the_bytes_of_its_bodies() {
    let place = Place::new();
    let queue = place.open();
    let big = "x".repeat(PAGE_BYTES_MAX / 2);
    for body in ["a", &big, &big, "b"] {
        queue.append(event(None, body)).await.unwrap();
    }
    assert_eq!(seqs(&queue.claim(None, 9).await.unwrap()), [1, 2]);
    let huge = "y".repeat(PAGE_BYTES_MAX + 1);
    queue.append(event(None, &huge)).await.unwrap();
    assert_eq!(seqs(&queue.claim(Some(Seq(4)), 9).await.unwrap()), [5]);
}

#[tokio::test]
async fn a_crash_is_counted_once_and_narrows_the_next_pages() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 40).await;
    let page = queue.claim(None, 16).await.unwrap();
    queue.claim(Some(Seq(16)), 16).await.unwrap();
    queue.settle(page.claim, vec![settled(2, Applied)], Timestamp(1)).await.unwrap();
    let again = queue.claim(None, 8).await.unwrap();
    assert_eq!(again.events.len(), 8);
    kill(queue).await;

    let (queue, opened) = place.try_open().unwrap();
    // 17..=32 of the second claim; 1, 3..=9 of the third.
    assert_eq!((opened.recovered, opened.unfinished), (24, 39));
    let page = queue.claim(None, 16).await.unwrap();
    assert_eq!(seqs(&page), [1, 3], "an eighth of 16");
    assert!(page.events.iter().all(|e| (e.attempts, e.crashes, e.replay) == (1, 1, true)));
    let ahead = queue.claim(Some(Seq(3)), 16).await.unwrap();
    assert!(ahead.events.is_empty() && ahead.held_back, "a suspect page stands alone");
    queue.release(page.claim).await.unwrap();
    let innocent = queue.claim(Some(Seq(9)), 16).await.unwrap();
    assert_eq!(seqs(&innocent), [10, 11, 12, 13, 14, 15, 16], "not mixed with 17, which has crashed");
    kill(queue).await;

    let (_queue, opened) = place.try_open().unwrap();
    assert_eq!(opened.recovered, 7);
}

#[tokio::test]
async fn an_event_that_kills_the_process_is_soon_alone() {
    let place = Place::new();
    let mut queue = place.open();
    append_many(&queue, 600).await;
    for _ in 0..8 {
        let mut after = None;
        // Settle page by page until the page that holds the killer, number 300.
        loop {
            let page = queue.claim(after, 512).await.unwrap();
            assert!(!page.events.is_empty());
            after = page.events.last().map(|event| event.seq);
            if page.events.iter().any(|event| event.seq.0 == 300) {
                break;
            }
            queue.release(page.claim).await.unwrap();
        }
        kill(queue).await;
        queue = place.open();
    }
    let rows = place.raw();
    let crashes = |condition: &str| -> Vec<u32> {
        rows.prepare(&format!("SELECT crashes FROM event WHERE seq {condition} ORDER BY crashes"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    assert_eq!(crashes("= 300"), [8]);
    assert_eq!(crashes("<> 300").last(), Some(&3), "its last neighbours were alone after three rounds");
}

#[tokio::test]
async fn a_settlement_records_what_happened() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 4).await;
    let long = "é".repeat(2000);
    let mut parked = because("too-long:a.b", settled(1, Parked));
    parked.reason.as_mut().unwrap().message = long;
    let released = Settlement { counted: false, replay: true, ..settled(2, Pending) };
    settle_all(
        &queue,
        77,
        vec![parked, released, due(500, because("mysql-1205", settled(3, Deferred))), settled(4, Ignored)],
    )
    .await;
    let inspector = place.inspect();
    let row = |name: &str| inspector.show(name).unwrap().row;
    let parked = row("1");
    assert_eq!((parked.state, parked.attempts, parked.settled_at), (Parked, 1, Some(Timestamp(77))));
    assert_eq!((parked.cause.as_deref(), parked.error.map(|e| e.len())), (Some("too-long:a.b"), Some(2000)));
    let released = row("2");
    assert_eq!((released.state, released.attempts, released.replay), (Pending, 0, true));
    assert_eq!(released.settled_at, None);
    assert_eq!((row("3").state, row("3").next_at), (Deferred, Some(Timestamp(500))));
    assert_eq!((row("4").state, row("4").settled_at), (Ignored, Some(Timestamp(77))));
    assert_eq!(queue.health().unfinished, 2);

    settle_all(&queue, 78, vec![Settlement { replay: false, ..settled(2, Pending) }]).await;
    assert!(row("2").replay, "the mark is not cleared by a later attempt");
    settle_all(&queue, 79, vec![settled(2, Applied)]).await;
    assert!(!row("2").replay);
}

#[tokio::test]
async fn an_entity_knows_its_newest_event_and_its_least_unfinished_one() {
    let place = Place::new();
    let queue = place.open();
    for occurred_at in [Some(300), None, Some(200), None, None] {
        let raw = RawEvent { occurred_at: occurred_at.map(Timestamp), ..event(None, "{}") };
        queue.append(raw).await.unwrap();
    }
    let applied = |seq| about("appointment 1", settled(seq, Applied));
    settle_all(
        &queue,
        9,
        vec![
            applied(3),
            applied(1),
            applied(2),
            about("appointment 2", due(99, settled(4, Waiting))),
            about("appointment 2", settled(5, Held)),
        ],
    )
    .await;
    let standing = queue
        .standing(vec![
            asks("appointment 1", 9),
            asks("appointment 2", 5),
            asks("appointment 2", 4),
            asks("new", 9),
            Question { order: false, ..asks("appointment 2", 5) },
        ])
        .await
        .unwrap();
    let nothing = Standing::default();
    let written = Written {
        by: writer("appointment", Some("status")),
        last_seq: Seq(3),
        last_occurred_at: Some(Timestamp(300)),
        last_untimed_seq: Some(Seq(2)),
    };
    assert_eq!(
        standing,
        [
            Standing { written: vec![written], ..nothing.clone() },
            Standing { unfinished: Some(Seq(4)), ..nothing.clone() },
            nothing.clone(),
            nothing.clone(),
            nothing,
        ]
    );
}

#[tokio::test]
async fn what_an_operator_gave_up_stays_so_unless_it_is_in_the_his() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 2).await;
    let page = queue.claim(None, 9).await.unwrap();
    let both = super::super::Selection::Ids(vec!["1".into(), "2".into()]);
    place.inspect().discard(&both, &tester()).unwrap();
    queue.settle(page.claim, vec![settled(1, Parked), settled(2, Applied)], Timestamp(1)).await.unwrap();
    assert_eq!(states(&place.inspect()), [(1, Discarded), (2, Applied)]);
}

#[tokio::test]
async fn a_pass_releases_what_is_due() {
    // What an event was settled as, with its entity; and after which moment, with something applied then or not, it is pending.
    let check = async |settlement: Settlement, now: i64, applied_at: Option<i64>, expected: EventState| {
        let place = Place::new();
        let queue = place.open();
        append_many(&queue, 1).await;
        settle_all(&queue, 10_000_000, vec![settlement.clone()]).await;
        let released = queue
            .begin_pass(Timestamp(now), Release { applied_at: applied_at.map(Timestamp) })
            .await
            .unwrap();
        assert_eq!(states(&place.inspect()), [(1, expected)], "{settlement:?} at {now}");
        assert_eq!(released, u64::from(expected == Pending));
    };
    check(due(50_000_000, settled(1, Deferred)), 49_999_999, Some(10_000_001), Deferred).await;
    // The clock was moved back since.
    check(due(80_000_000, settled(1, Deferred)), 20_000_000, None, Deferred).await;
    check(due(80_000_000, settled(1, Deferred)), 19_999_999, None, Pending).await;
    check(due(i64::MAX, settled(1, Waiting)), 19_999_999, None, Pending).await;
    check(due(50_000_000, settled(1, Deferred)), 50_000_000, None, Pending).await;
    check(settled(1, Deferred), 10_000_000, None, Pending).await;
    check(due(50_000_000, settled(1, Waiting)), 49_999_999, None, Waiting).await;
    // One attempt: 4 s after it.
    check(due(50_000_000, settled(1, Waiting)), 13_999_999, Some(10_000_001), Waiting).await;
    check(due(50_000_000, settled(1, Waiting)), 14_000_000, Some(10_000_001), Pending).await;
    check(due(50_000_000, settled(1, Waiting)), 14_000_000, Some(10_000_000), Waiting).await;
    check(due(50_000_000, settled(1, Waiting)), 50_000_000, None, Pending).await;
    check(about("a", settled(1, Held)), 10_000_000, None, Pending).await;
    check(settled(1, Paused), 99_000_000, Some(10_000_001), Paused).await;
    check(settled(1, Parked), 99_000_000, Some(10_000_001), Parked).await;
}

#[tokio::test]
async fn a_sign_takes_longer_to_reach_those_that_were_tried_often() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    let later = 30_000_000;
    let mut now = 0;
    for attempts in 1..=12 {
        let delay = 2_000_000 << attempts.min(9);
        settle_all(&queue, now, vec![due(now + delay + later, settled(1, Waiting))]).await;
        let pass = async |now| {
            let release = Release { applied_at: Some(Timestamp(now)) };
            queue.begin_pass(Timestamp(now), release).await.unwrap()
        };
        assert_eq!(pass(now + delay - 1).await, 0, "attempt {attempts}");
        assert_eq!(pass(now + delay).await, 1, "attempt {attempts}");
        now += delay;
    }
    // The slow clock goes on beside it.
    settle_all(&queue, now, vec![due(now + 60, settled(1, Waiting))]).await;
    assert_eq!(queue.begin_pass(Timestamp(now + 60), Release::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_held_event_goes_with_or_after_the_one_before_it() {
    // The first event's state, and whether the second, held in the same entity, goes in a pass at moment 100.
    let check = async |first: Settlement, third: &str, expected: &[(i64, EventState)]| {
        let place = Place::new();
        let queue = place.open();
        append_many(&queue, 3).await;
        settle_all(
            &queue,
            5,
            vec![about("a", first.clone()), about("a", settled(2, Held)), about(third, settled(3, Held))],
        )
        .await;
        queue.begin_pass(Timestamp(100), Release::default()).await.unwrap();
        assert_eq!(states(&place.inspect()), expected, "{first:?}");
    };
    check(due(101, settled(1, Deferred)), "b", &[(1, Deferred), (2, Held), (3, Pending)]).await;
    check(due(101, settled(1, Waiting)), "a", &[(1, Waiting), (2, Held), (3, Held)]).await;
    check(settled(1, Paused), "a", &[(1, Paused), (2, Held), (3, Held)]).await;
    check(due(100, settled(1, Deferred)), "a", &[(1, Pending), (2, Pending), (3, Pending)]).await;
    check(settled(1, Parked), "a", &[(1, Parked), (2, Pending), (3, Pending)]).await;
    check(settled(1, Applied), "a", &[(1, Applied), (2, Pending), (3, Pending)]).await;
    check(settled(1, Pending), "a", &[(1, Pending), (2, Pending), (3, Pending)]).await;
}

#[tokio::test]
async fn a_held_event_goes_when_its_blocker_is_resumed_or_given_up() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 4).await;
    settle_all(
        &queue,
        5,
        vec![
            about("a", settled(1, Paused)),
            about("a", settled(2, Held)),
            about("b", settled(3, Paused)),
            about("b", settled(4, Held)),
        ],
    )
    .await;
    let pass = async || queue.begin_pass(Timestamp(100), Release::default()).await.unwrap();
    assert_eq!(pass().await, 0);
    place.inspect().discard(&super::super::Selection::Ids(vec!["1".into()]), &tester()).unwrap();
    assert_eq!(pass().await, 1);
    assert_eq!(queue.health().unfinished, 3);
    assert_eq!(queue.resume_paused(Kinds::All).await.unwrap(), 1);
    assert_eq!(pass().await, 1);
    assert_eq!(states(&place.inspect()), [(1, Discarded), (2, Pending), (3, Pending), (4, Pending)]);
}

#[tokio::test]
async fn kinds_are_taken_up_by_name_or_by_the_part_before_the_dot() {
    let kinds = ["a", "a.created", "a.b.c", "ab", "b.created"];
    let check = async |asked: Kinds, expected: &[i64]| {
        let place = Place::new();
        let queue = place.open();
        for kind in kinds {
            queue.append(of_kind(kind)).await.unwrap();
        }
        settle_all(&queue, 5, (1..=5).map(|seq| settled(seq, Unmapped)).collect()).await;
        assert_eq!(queue.health().unfinished, 0);
        assert_eq!(queue.adopt(asked.clone()).await.unwrap(), expected.len() as u64);
        assert_eq!(queue.health().unfinished, expected.len() as u64);
        assert_eq!(seqs(&queue.claim(None, 9).await.unwrap()), expected, "{asked:?}");
    };
    let these = |kinds: &[&str]| Kinds::These(kinds.iter().map(|kind| EventKind((*kind).into())).collect());
    check(these(&["a"]), &[1, 2, 3]).await;
    check(these(&["a.created"]), &[2]).await;
    check(these(&["a.b"]), &[]).await;
    check(these(&["b", "ab"]), &[4, 5]).await;
    check(these(&[]), &[]).await;
    check(Kinds::All, &[1, 2, 3, 4, 5]).await;
}

#[tokio::test]
async fn pruning_never_gives_a_place_twice() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 5).await;
    settle_all(
        &queue,
        10,
        vec![
            about("a", settled(1, Applied)),
            settled(2, Stale),
            settled(3, Parked),
            settled(4, Ignored),
            about("b", settled(5, Applied)),
        ],
    )
    .await;
    let entities = |kept: Retention, than| Retention { entities_before: Timestamp(than), ..kept };
    assert_eq!(queue.prune(older(10)).await.unwrap(), Erased::default());
    let erased = queue.prune(entities(older(11), 10)).await.unwrap();
    assert_eq!(erased, Erased { finished: 4, ..Erased::default() });
    assert_eq!(states(&place.inspect()), [(3, Parked)]);
    queue.prune(entities(older(11), 10)).await.unwrap();
    let erased = queue.prune(older(11)).await.unwrap();
    assert_eq!(erased, Erased { entities: 2, more: true, ..Erased::default() });
    let erased = queue.prune(Retention { parked_before: Some(Timestamp(11)), ..older(11) }).await.unwrap();
    assert_eq!(erased, Erased { parked: 1, ..Erased::default() });
    assert_eq!(states(&place.inspect()), []);
    let forgotten = queue.standing(vec![asks("b", 9)]).await.unwrap();
    assert_eq!(forgotten, [Standing::default()]);
    queue.close().await;
    let queue = place.open();
    assert_eq!(queue.append(event(None, "{}")).await.unwrap().seq, Seq(6));
}
