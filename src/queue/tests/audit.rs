//! The audit trail: told with what it tells of, and bounded.

use std::{net::IpAddr, sync::Arc};

use crate::{
    limits::{AUDIT_DUPLICATES_MAX, AUDIT_DUPLICATES_TIME, PRUNE_ROWS_MAX},
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, RawEvent, Sender, Seq},
        outcome::LinkChange,
    },
    queue::{
        AuditAction, AuditFilter, AuditRow, Inspector, Operator, QueueOptions, Selection,
        tests::{Place, append_many, because, event, settle_all, settled, tester},
    },
};
use AuditAction::{Conflict, Discard, Duplicate, Erased, Link, LinksMoved, Received, Retry, Sync, Unlink};

fn trail(inspector: &Inspector) -> Vec<AuditRow> {
    inspector.audit(&AuditFilter { limit: 10_000, ..Default::default() }).unwrap()
}

fn count(place: &Place) -> u64 {
    place.raw().query_row("SELECT count(*) FROM audit", [], |row| row.get::<_, u32>(0)).unwrap().into()
}

fn by(credential: Option<&str>, address: &str, event: RawEvent) -> RawEvent {
    let address: IpAddr = address.parse().unwrap();
    RawEvent { sender: Sender { credential: credential.map(Arc::from), address }, ..event }
}

#[tokio::test]
async fn what_came_is_told_with_its_sender() {
    let place = Place::new();
    let queue = place.open();
    queue.append(by(Some("buktor 2026"), "203.0.113.9", event(Some("a"), "1"))).await.unwrap();
    queue.append(by(None, "127.0.0.1", event(Some("a"), "1"))).await.unwrap();
    queue.append(by(Some("token 1 and secret 1"), "::1", event(Some("a"), "2"))).await.unwrap();
    let local = queue.append(by(None, "127.0.0.1", event(None, "3"))).await.unwrap();
    let found: Vec<_> = trail(&place.inspect())
        .into_iter()
        .rev()
        .map(|row| (row.action, row.who, row.address.unwrap(), row.seq.unwrap().0, row.event_id.unwrap()))
        .collect();
    let who = |name: &str| Some(name.to_owned());
    let expected = [
        (Received, who("buktor 2026"), "203.0.113.9", 1, "a"),
        (Duplicate, None, "127.0.0.1", 1, "a"),
        (Conflict, who("token 1 and secret 1"), "::1", 2, "a"),
        (Received, None, "127.0.0.1", 3, local.id.as_str()),
    ];
    assert_eq!(found, expected.map(|(a, w, at, seq, id)| (a, w, at.to_owned(), seq, id.to_owned())));
    let actors: u32 = place.raw().query_row("SELECT count(*) FROM actor", [], |row| row.get(0)).unwrap();
    assert_eq!(actors, 3);
    let reopened = place.inspect();
    queue.close().await;
    let queue = place.open();
    queue.append(by(Some("buktor 2026"), "203.0.113.9", event(Some("b"), "1"))).await.unwrap();
    assert_eq!(trail(&reopened)[0].who.as_deref(), Some("buktor 2026"), "known after a restart");
}

#[tokio::test]
async fn what_is_not_kept_is_not_told() {
    let place = Place::new();
    let queue = crate::queue::Queue::open(QueueOptions { events_max: 1, ..place.options() }).unwrap().0;
    queue.append(event(Some("a"), "1")).await.unwrap();
    assert!(queue.append(event(Some("b"), "1")).await.is_err());
    assert_eq!(count(&place), 1);
    // Acknowledged without a write, as where the disk is full.
    queue.append(event(Some("a"), "1")).await.unwrap();
    assert_eq!(count(&place), 1);
    // A commit that fails takes the trail with it.
    place
        .raw()
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no'); END")
        .unwrap();
    place.inspect().discard(&Selection::Ids(vec!["a".into()]), &tester()).unwrap_err();
    queue.append(event(Some("c"), "1")).await.unwrap_err();
    let counts = place.inspect().counts().unwrap();
    assert_eq!((counts[&EventState::Pending], counts[&EventState::Discarded]), (1, 0));
}

#[tokio::test]
async fn a_duplicate_in_a_loop_does_not_fill_the_disk() {
    let place = Place::new();
    let queue = place.open();
    let at = |moment: i64, event: RawEvent| RawEvent { received_at: Timestamp(moment), ..event };
    for id in 0..300 {
        queue.append(at(5, event(Some(&id.to_string()), "1"))).await.unwrap();
    }
    for _ in 0..500 {
        queue.append(at(6, event(Some("1"), "1"))).await.unwrap();
    }
    assert_eq!(count(&place), 301, "once for the event and sender");
    queue.append(by(None, "192.0.2.1", at(7, event(Some("1"), "1")))).await.unwrap();
    assert_eq!(count(&place), 302, "another sender");
    for id in 0..300 {
        queue.append(at(8, event(Some(&id.to_string()), "1"))).await.unwrap();
    }
    let listed = AUDIT_DUPLICATES_MAX as u64;
    assert_eq!(count(&place), 300 + listed, "so many in an hour");
    let hour = i64::try_from(AUDIT_DUPLICATES_TIME.as_micros()).unwrap();
    queue.append(at(6 + hour, event(Some("1"), "1"))).await.unwrap();
    let rows = trail(&place.inspect());
    assert_eq!(rows.len() as u64, 300 + listed + 2);
    let unlisted = 500 + 1 + 300 - listed;
    assert_eq!(rows[1].detail, Some(format!("{unlisted} more came before, which are not listed")));
    assert_eq!((rows[0].action, rows[0].seq), (Duplicate, Some(Seq(2))));
}

#[tokio::test]
async fn what_operators_do_is_told() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 3).await;
    settle_all(&queue, 5, vec![because("mysql-1364", settled(1, EventState::Parked))]).await;
    let inspector = place.inspect();
    let asha = |command: &str| Operator { user: "root (sudo asha)".into(), command: command.into() };
    inspector.retry(&Selection::All, &asha("events retry --all")).unwrap();
    inspector.retry(&Selection::All, &asha("events retry --all")).unwrap();
    inspector.discard(&Selection::Ids(vec!["e1".into(), "e1".into()]), &asha("events discard")).unwrap();
    inspector.request_sync(&asha("sync --now")).unwrap();
    let visit = Entity::linked("his.A", "visit", ["7"]);
    for change in [LinkChange::Set("5".into()), LinkChange::Set("6".into()), LinkChange::Drop] {
        let to = match &change {
            LinkChange::Set(key) => Some(key.as_str()),
            _ => None,
        };
        let seen = inspector.link(&visit, to).unwrap();
        inspector.relink(&visit, &change, &seen, "db", &asha("events link")).unwrap();
        // What is not done is not told.
        let elsewhere = inspector.link(&visit, None).unwrap();
        inspector.relink(&visit, &LinkChange::Drop, &seen, "other", &asha("events link")).unwrap();
        assert_eq!(inspector.link(&visit, None).unwrap(), elsewhere);
    }
    inspector
        .relink(
            &visit,
            &LinkChange::Set("9".into()),
            &inspector.link(&visit, Some("9")).unwrap(),
            "db",
            &tester(),
        )
        .unwrap();
    inspector.give_links("new", None, &asha("events link --same-database")).unwrap();
    let rows: Vec<_> = trail(&inspector).into_iter().rev().skip(3).collect();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.action, row.event_id.as_deref().unwrap_or(""), row.detail.as_deref().unwrap()))
        .collect();
    let expected = [
        (Retry, "e0", "events retry --all: was parked, mysql-1364"),
        (Discard, "e1", "events discard: was pending"),
        (Sync, "", "sync --now"),
        (Link, "", "events link: visit 7 of his.A: not linked -> row 5"),
        (Link, "", "events link: visit 7 of his.A: row 5 -> row 6"),
        (Unlink, "", "events link: visit 7 of his.A: row 6 -> not linked"),
        (Link, "", "test: visit 7 of his.A: not linked -> row 9"),
        (LinksMoved, "", "events link --same-database: db -> new"),
    ];
    assert_eq!(found, expected);
    assert!(rows.iter().all(|row| row.address.is_none() && row.who.is_some()), "{rows:?}");
}

#[tokio::test]
async fn rows_are_found_by_what_is_asked() {
    let place = Place::new();
    let queue = place.open();
    queue.append(by(Some("Buktor 2026"), "203.0.113.9", event(Some("17"), "1"))).await.unwrap();
    queue
        .append(by(None, "192.0.2.7", RawEvent { received_at: Timestamp(9), ..event(None, "2") }))
        .await
        .unwrap();
    let inspector = place.inspect();
    inspector.discard(&Selection::Ids(vec!["17".into()]), &tester()).unwrap();
    let local = inspector.show("2").unwrap().row.id;
    let check = |filter: AuditFilter, expected: &[AuditAction]| {
        let filter = AuditFilter { limit: if filter.limit == 0 { 99 } else { filter.limit }, ..filter };
        let found: Vec<_> = inspector.audit(&filter).unwrap().iter().map(|row| row.action).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let any = AuditFilter::default();
    let event = |name: &str| AuditFilter { event: Some(name.to_owned()), ..AuditFilter::default() };
    let who = |text: &str| AuditFilter { who: Some(text.to_owned()), ..AuditFilter::default() };
    check(any.clone(), &[Discard, Received, Received]);
    check(AuditFilter { limit: 1, ..any.clone() }, &[Discard]);
    check(event("17"), &[Discard, Received]);
    check(event("1"), &[Discard, Received]);
    check(event("id:1"), &[]);
    check(event("seq:1"), &[Discard, Received]);
    check(event("2"), &[Received]);
    check(event(&local), &[Received]);
    check(event("local-00000000-2"), &[]);
    check(who("buktor"), &[Received]);
    check(who("192.0.2"), &[Received]);
    check(who("TESTER"), &[Discard]);
    check(AuditFilter { actions: vec![Discard, Erased], ..any.clone() }, &[Discard]);
    check(AuditFilter { until: Some(Timestamp(1_000_000)), ..any.clone() }, &[Received]);
    check(AuditFilter { since: Some(Timestamp(1_000_000)), ..any }, &[Discard, Received]);
}

#[tokio::test]
async fn the_trail_is_shortened_by_age_and_operators_rows_stay_longer() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    let write = |from: i64, count: i64, action: AuditAction, at: i64| {
        let sql = format!(
            "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {from} + {count} - 1)
             INSERT INTO audit (id, at, action, actor) SELECT i, {at}, {}, 1 FROM n",
            action as i64
        );
        place.raw().execute_batch(&sql).unwrap();
    };
    let full = i64::from(PRUNE_ROWS_MAX);
    place.raw().execute_batch("DELETE FROM audit").unwrap();
    write(1, full + 200, Retry, 5);
    // The clock was wrong for a while.
    write(2 * full, 2 * full, Received, 1_000_000);
    write(10 * full, 2 * full, Received, 10);
    write(20 * full, 10, Received, 90);
    let mut erased = 0;
    for _ in 0..20 {
        let step = queue.prune_audit(Timestamp(50), Timestamp(5)).await.unwrap();
        assert!(step <= 2 * u64::from(PRUNE_ROWS_MAX), "bounded");
        erased += step;
    }
    assert_eq!(erased, 2 * u64::from(PRUNE_ROWS_MAX), "the old ones of senders");
    assert_eq!(queue.prune_audit(Timestamp(50), Timestamp(6)).await.unwrap() % 200, 0);
    for _ in 0..10 {
        queue.prune_audit(Timestamp(2_000_000), Timestamp(6)).await.unwrap();
    }
    assert_eq!(count(&place), 1, "the last row stays");
    queue.append(event(Some("next"), "1")).await.unwrap();
    assert_eq!(trail(&place.inspect()).len(), 2);
}
