//! Appending: answers, duplicates, conflicts, refusals, and what a failed commit leaves behind.

use crate::{
    model::event::{EventState, ReceiptKind, Seq},
    queue::{
        EventFilter, Queue, QueueError, QueueOptions, QueueTrouble,
        tests::{Place, append_many, event, settle_all, settled},
    },
};

#[tokio::test]
async fn an_event_keeps_every_byte_and_gets_a_place() {
    let place = Place::new();
    let queue = place.open();
    let receipt = queue.append(event(Some("evt_1"), "{ \"a\" : 1 }")).await.unwrap();
    assert_eq!((receipt.seq, receipt.id.as_str(), receipt.kind), (Seq(1), "evt_1", ReceiptKind::Fresh));
    let page = queue.claim(None, 10).await.unwrap();
    assert_eq!(page.events[0].body, b"{ \"a\" : 1 }");
    assert_eq!(page.events[0].id, "evt_1");
    assert_eq!((page.events[0].attempts, page.events[0].crashes, page.events[0].replay), (0, 0, false));
}

#[tokio::test]
async fn an_event_without_an_id_is_shown_under_one() {
    let place = Place::new();
    let queue = place.open();
    let receipt = queue.append(event(None, "{}")).await.unwrap();
    let again = queue.append(event(None, "{}")).await.unwrap();
    assert_eq!(again.kind, ReceiptKind::Fresh);
    assert!(receipt.id.starts_with("local-") && receipt.id.ends_with("-1"), "{}", receipt.id);
    assert_eq!(receipt.id.len(), "local-01234567-1".len());
    assert_eq!(queue.claim(None, 1).await.unwrap().events[0].id, receipt.id);
    assert_eq!(place.inspect().show(&receipt.id).unwrap().row.seq, receipt.seq);
}

#[tokio::test]
async fn the_same_id_is_stored_once_a_body() {
    use ReceiptKind::{Conflict, Duplicate, Fresh};

    let place = Place::new();
    let queue = place.open();
    for (body, seq, kind) in [
        ("{\"a\":1}", 1, Fresh),
        ("{\"a\":1}", 1, Duplicate),
        ("{\"a\":2}", 2, Conflict),
        ("{\"a\":2}", 2, Duplicate),
        ("{\"a\":3}", 3, Conflict),
        ("{\"a\":1}", 1, Duplicate),
    ] {
        let receipt = queue.append(event(Some("x"), body)).await.unwrap();
        assert_eq!((receipt.seq.0, receipt.kind), (seq, kind), "{body}");
    }
    let conflict = place.inspect().show("2").unwrap();
    assert_eq!(conflict.row.state, EventState::Conflict);
    assert_eq!(conflict.row.conflict_of, Some(Seq(1)));
    assert_eq!(conflict.row.cause.as_deref(), Some("id-conflict"));
    assert_eq!(queue.claim(None, 10).await.unwrap().events.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_come_together_share_a_commit_and_keep_apart_answers() {
    let place = Place::new();
    let queue = place.open();
    let tasks: Vec<_> = (0..300)
        .map(|number: u32| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let id = (number % 100).to_string();
                queue.append(event(Some(&id), &format!("{{\"n\":{id}}}"))).await.unwrap()
            })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        fresh += usize::from(task.await.unwrap().kind == ReceiptKind::Fresh);
    }
    assert_eq!(fresh, 100);
    assert_eq!(queue.health().unfinished, 100);
}

#[tokio::test]
async fn at_the_cap_only_known_events_are_acknowledged() {
    let place = Place::new();
    let queue = Queue::open(QueueOptions { events_max: 2, ..place.options() }).unwrap().0;
    append_many(&queue, 2).await;
    let refused = queue.append(event(Some("new"), "{}")).await.unwrap_err();
    assert!(matches!(refused, QueueError::AtCap { events_max: 2 }), "{refused}");
    assert_eq!(refused.trouble(), QueueTrouble::NoRoom);
    assert!(matches!(queue.health().refusing, Some(QueueError::AtCap { .. })));
    let known = queue.append(event(Some("e0"), "{\"n\":0}")).await.unwrap();
    assert_eq!(known.kind, ReceiptKind::Duplicate);
    settle_all(&queue, 5, vec![settled(1, EventState::Applied)]).await;
    assert!(queue.health().refusing.is_none());
    assert_eq!(queue.append(event(Some("new"), "{}")).await.unwrap().seq, Seq(3));
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_refused_before_it_is_full() {
    let place = Place::new();
    let queue = Queue::open(QueueOptions { free_bytes_min: u64::MAX, ..place.options() }).unwrap().0;
    let refused = queue.append(event(Some("new"), "{}")).await.unwrap_err();
    assert!(matches!(refused, QueueError::DiskLow { .. }), "{refused}");
    assert!(matches!(queue.health().refusing, Some(QueueError::DiskLow { .. })));
}

#[tokio::test]
async fn a_full_disk_loses_the_group_and_nothing_else() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 3).await;
    let limit = |pages: u32| {
        queue.job(move |store| {
            store.conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
            Ok(())
        })
    };
    limit(1).await.unwrap();
    let big = "x".repeat(100_000);
    let refused = queue.append(event(Some("big"), &big)).await.unwrap_err();
    assert!(matches!(refused, QueueError::Full { .. }), "{refused}");
    assert!(matches!(queue.health().refusing, Some(QueueError::Full { .. })));
    limit(1_000_000).await.unwrap();
    assert_eq!(queue.append(event(Some("big"), &big)).await.unwrap().seq, Seq(4));
    assert!(queue.health().refusing.is_none());
    assert_eq!(queue.health().unfinished, 4);
}

#[tokio::test]
async fn a_failed_group_answers_all_of_its_requests_with_the_error() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    let (good, bad) = (event(Some("good"), "{}"), event(Some("bad"), "{}"));
    // The second row violates a check, so that the first must go too.
    let failed = queue
        .job(move |store| {
            store
                .conn
                .execute_batch(
                    "CREATE TEMP TRIGGER t BEFORE INSERT ON event WHEN new.event_id = 'bad'
                BEGIN SELECT RAISE(ABORT, 'no'); END",
                )
                .unwrap();
            let failed = store.append(&[&good, &bad]).is_err();
            store.conn.execute_batch("DROP TRIGGER t").unwrap();
            Ok(failed)
        })
        .await
        .unwrap();
    assert!(failed);
    assert_eq!(place.inspect().list(&EventFilter { limit: 9, ..Default::default() }).unwrap().len(), 1);
    let receipt = queue.append(event(Some("good"), "{}")).await.unwrap();
    assert_eq!((receipt.seq, receipt.kind), (Seq(2), ReceiptKind::Fresh));
}

#[tokio::test]
async fn a_panic_of_the_owner_is_an_error_for_all_and_hangs_nobody() {
    let place = Place::new();
    let queue = place.open();
    let lost = queue.job(|_| -> Result<(), QueueError> { panic!("on purpose") }).await;
    assert!(matches!(lost, Err(QueueError::Closed)));
    assert!(matches!(queue.append(event(None, "{}")).await, Err(QueueError::Closed)));
    while queue.health().refusing.is_none() {
        tokio::task::yield_now().await;
    }
    queue.close().await;
    assert!(place.try_open().is_ok(), "the lock is free again");
}

#[tokio::test]
async fn a_closed_queue_answers_that_it_is_closed() {
    let place = Place::new();
    let queue = place.open();
    let other = queue.clone();
    append_many(&queue, 2).await;
    queue.close().await;
    assert!(matches!(other.append(event(None, "{}")).await, Err(QueueError::Closed)));
    assert!(!place.beside("-wal").exists(), "the log was written back");
    assert_eq!(place.try_open().unwrap().1.unfinished, 2);
}

#[tokio::test]
async fn another_process_that_holds_the_file_is_waited_for() {
    let place = Place::new();
    let queue = place.open();
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.append(event(Some("a"), "{}")).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().seq, Seq(1));
}
