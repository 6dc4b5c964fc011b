//! What is remembered of records, by writer.

use std::sync::Arc;

use crate::{
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, RawEvent, Seq},
        outcome::{Settlement, Writer, Written},
    },
    queue::{
        Queue, Selection,
        tests::{Place, about, append_many, asks, event, settle_all, settled, tester, writer},
    },
};
use EventState::{Applied, Parked, Stale};

fn wrote(seq: i64, entity: &str, rows: &[(&str, &Arc<Writer>)]) -> Settlement {
    let wrote = rows.iter().map(|(row, by)| (Entity((*row).into()), Arc::clone(by))).collect();
    Settlement { wrote, ..about(entity, settled(seq, Applied)) }
}

/// Kind, columns and places of what is remembered of an entity.
async fn known(queue: &Queue, entity: &str) -> Vec<(String, Option<Vec<String>>, i64, Option<i64>)> {
    let standing = queue.standing(vec![asks(entity, 999)]).await.unwrap().remove(0);
    let row = |w: Written| {
        let columns = w.by.columns.as_ref().map(|c| c.iter().map(|c| c.0.clone()).collect());
        (w.by.kind.clone(), columns, w.last_seq.0, w.last_untimed_seq.map(|s| s.0))
    };
    let mut found: Vec<_> = standing.written.into_iter().map(row).collect();
    found.sort();
    found
}

#[expect(clippy::unnecessary_wraps, reason = "as it is found")]
fn columns(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|n| (*n).to_owned()).collect())
}

#[tokio::test]
async fn each_writer_of_a_record_is_remembered() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 8).await;
    let ab = writer("appointment", Some("b,a"));
    let b = writer("appointment", Some("b"));
    let nothing = writer("appointment", Some(""));
    let all = writer("appointment", None);
    let payment = writer("payment", Some("b,a"));
    settle_all(
        &queue,
        9,
        vec![
            // A run of neighbours, cut by another writer, by a second row, by a row that is not the record's own.
            wrote(1, "x", &[("x", &ab)]),
            wrote(2, "x", &[("x", &writer("appointment", Some("a,b")))]),
            wrote(3, "x", &[("x", &b)]),
            wrote(4, "x", &[("x", &payment), ("y", &nothing)]),
            wrote(5, "z", &[("x", &all)]),
            wrote(6, "x", &[]),
            // Neither is remembered: nothing was written.
            Settlement { state: Parked, ..wrote(7, "x", &[("x", &ab)]) },
            Settlement { state: Stale, ..wrote(8, "x", &[("x", &ab)]) },
        ],
    )
    .await;
    let expected = [
        ("appointment".to_owned(), None, 5, Some(5)),
        ("appointment".to_owned(), columns(&["a", "b"]), 2, Some(2)),
        ("appointment".to_owned(), columns(&["b"]), 3, Some(3)),
        ("payment".to_owned(), columns(&["a", "b"]), 4, Some(4)),
    ];
    assert_eq!(known(&queue, "x").await, expected);
    assert_eq!(known(&queue, "y").await, [("appointment".to_owned(), columns(&[]), 4, Some(4))]);
    assert_eq!(known(&queue, "z").await, []);
    queue.close().await;
    let queue = place.open();
    assert_eq!(known(&queue, "x").await, expected, "read from the file");
    let writers: u32 = place.raw().query_row("SELECT count(*) FROM writer", [], |row| row.get(0)).unwrap();
    assert_eq!(writers, 5);
}

#[tokio::test]
async fn a_long_run_is_remembered_as_its_events_are() {
    let place = Place::new();
    let queue = place.open();
    for number in 0..100 {
        let occurred_at = (number % 3 > 0).then_some(Timestamp(1000 - number));
        queue.append(RawEvent { occurred_at, ..event(None, "{}") }).await.unwrap();
    }
    let by = writer("appointment", Some("status"));
    let settlements =
        (1..=100).map(|seq| wrote(seq, &format!("r{}", seq % 7), &[(&format!("r{}", seq % 7), &by)]));
    settle_all(&queue, 9, settlements.collect()).await;
    for record in 0..7 {
        let of = |timed: bool| {
            let seqs = (1..=100).filter(move |seq| seq % 7 == record && ((seq - 1) % 3 > 0) == timed);
            seqs.collect::<Vec<i64>>()
        };
        let standing = queue.standing(vec![asks(&format!("r{record}"), 999)]).await.unwrap().remove(0);
        let expected = Written {
            by: Arc::clone(&by),
            last_seq: Seq(*of(true).iter().chain(&of(false)).max().unwrap()),
            last_occurred_at: of(true).iter().map(|seq| Timestamp(1001 - seq)).max(),
            last_untimed_seq: of(false).iter().max().map(|seq| Seq(*seq)),
        };
        assert_eq!(standing.written, [expected], "record {record}");
    }
}

#[tokio::test]
async fn what_is_in_the_his_is_remembered_though_it_was_given_up() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 2).await;
    let page = queue.claim(None, 9).await.unwrap();
    place.inspect().discard(&Selection::Ids(vec!["1".into()]), &tester()).unwrap();
    let by = writer("appointment", Some("status"));
    let both = vec![wrote(1, "x", &[("x", &by)]), wrote(2, "y", &[("y", &by)])];
    queue.settle(page.claim, both, Timestamp(1)).await.unwrap();
    assert_eq!(known(&queue, "x").await.len(), 1);
    assert_eq!(known(&queue, "y").await.len(), 1);
}

#[tokio::test]
async fn a_settlement_that_failed_leaves_no_writer_behind() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    let by = writer("appointment", Some("status"));
    let page = queue.claim(None, 9).await.unwrap();
    let forbid = |sql: &'static str| {
        queue.job(move |store| {
            store.conn.execute_batch(sql).unwrap();
            Ok(())
        })
    };
    forbid(
        "CREATE TEMP TRIGGER t BEFORE DELETE ON claim
         BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await
    .unwrap();
    let settle = || queue.settle(page.claim, vec![wrote(1, "x", &[("x", &by)])], Timestamp(1));
    assert!(settle().await.is_err());
    assert_eq!(known(&queue, "x").await, []);
    forbid("DROP TRIGGER t").await.unwrap();
    // Had its number been kept in memory, the row would name a writer that is not in the file.
    settle().await.unwrap();
    assert_eq!(known(&queue, "x").await.len(), 1);
}
