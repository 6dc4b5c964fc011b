//! The crosswalk: proposals, confirmed links, whose they are, what operators do to them, and its size.

use crate::{
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, Seq},
        outcome::{Link, LinkChange, Settlement},
    },
    queue::{
        Inspector, LinkRow, LinkScope, LinksOf, Proposal, Question, Queue, QueueError, Release, Relinked,
        links, relink,
        tests::{Place, append_many, asks, older, settled, tester},
    },
};
use LinkChange::{Drop, Set, Void};

fn visit(key: &str) -> Entity {
    Entity::linked("his.VISITS", "visit", [key])
}

fn scope() -> LinkScope {
    LinkScope { name: "visit".into(), table: "his.VISITS".into() }
}

fn set(his_key: &str) -> LinkChange {
    Set(his_key.to_owned())
}

fn proposal(entity: Entity, his_key: &str, proof: i64) -> Proposal {
    Proposal { entity, his_key: his_key.to_owned(), proof, by: Seq(1), instead_of: None }
}

async fn propose(queue: &Queue, entity: Entity, his_key: &str, proof: i64) {
    queue.propose(vec![proposal(entity, his_key, proof)], Timestamp(5)).await.unwrap();
}

async fn settle(queue: &Queue, links: Vec<(Entity, LinkChange)>) {
    let receipt = append_many(queue, 1).await.remove(0);
    let claim = queue.claim(None, 1).await.unwrap().claim;
    let settlement = Settlement { links, ..settled(receipt.seq.0, EventState::Pending) };
    queue.settle(claim, vec![settlement], Timestamp(7)).await.unwrap();
}

async fn link(queue: &Queue, entity: &Entity) -> Option<(String, Option<i64>)> {
    let question = Question { entity: entity.clone(), seq: Seq(9), order: false, link: true };
    let standing = queue.standing(vec![question]).await.unwrap().remove(0);
    standing.link.map(|Link { his_key, proof, .. }| (his_key, proof))
}

#[expect(clippy::unnecessary_wraps, reason = "as it is found")]
fn confirmed(his_key: &str) -> Option<(String, Option<i64>)> {
    Some((his_key.to_owned(), None))
}

#[expect(clippy::unnecessary_wraps, reason = "as it is found")]
fn proposed(his_key: &str, proof: i64) -> Option<(String, Option<i64>)> {
    Some((his_key.to_owned(), Some(proof)))
}

#[tokio::test]
async fn a_proposal_becomes_a_link_or_goes() {
    let place = Place::new();
    let queue = place.open();
    let one = visit("1");
    assert_eq!(link(&queue, &one).await, None);
    propose(&queue, one.clone(), "17", 100).await;
    assert_eq!(link(&queue, &one).await, proposed("17", 100));
    propose(&queue, one.clone(), "18", -5).await;
    assert_eq!(link(&queue, &one).await, proposed("18", -5));
    settle(&queue, vec![(one.clone(), Void)]).await;
    assert_eq!(link(&queue, &one).await, None);
    propose(&queue, one.clone(), "19", 1).await;
    settle(&queue, vec![(one.clone(), set("19"))]).await;
    assert_eq!(link(&queue, &one).await, confirmed("19"));
    settle(&queue, vec![(one.clone(), Void)]).await;
    assert_eq!(link(&queue, &one).await, confirmed("19"), "a confirmed link is not void");
    settle(&queue, vec![(one.clone(), Drop), (one.clone(), set("20")), (visit("2"), set("21"))]).await;
    assert_eq!(link(&queue, &one).await, confirmed("20"), "in order");
    settle(&queue, vec![(one.clone(), set("22")), (visit("2"), Drop), (visit("3"), Drop)]).await;
    assert_eq!((link(&queue, &one).await, link(&queue, &visit("2")).await), (confirmed("22"), None));
    queue.close().await;
    let queue = place.open();
    assert_eq!(link(&queue, &one).await, confirmed("22"), "kept");
    let unasked = queue.standing(vec![asks(&one.0, 9)]).await.unwrap().remove(0);
    assert_eq!(unasked.link, None, "only where it is asked for");
}

#[tokio::test]
async fn nothing_is_proposed_for_a_record_that_is_linked() {
    let place = Place::new();
    let queue = place.open();
    settle(&queue, vec![(visit("1"), set("17"))]).await;
    let both = vec![proposal(visit("2"), "18", 1), proposal(visit("1"), "19", 1)];
    let refused = queue.propose(both, Timestamp(5)).await.unwrap_err();
    assert!(
        matches!(&refused, QueueError::Linked { table, name } if table == "his.VISITS" && name == "visit")
    );
    assert!(!refused.to_string().contains("19"), "{refused}");
    assert_eq!((link(&queue, &visit("1")).await, link(&queue, &visit("2")).await), (confirmed("17"), None));
}

#[tokio::test]
async fn a_row_that_is_gone_makes_room_for_a_proposal() {
    let place = Place::new();
    let queue = place.open();
    settle(&queue, vec![(visit("1"), set("17"))]).await;
    let instead_of =
        |gone: &str| Proposal { instead_of: Some(gone.to_owned()), ..proposal(visit("1"), "18", 5) };
    let refused = queue.propose(vec![instead_of("16")], Timestamp(5)).await;
    assert!(matches!(refused, Err(QueueError::Linked { .. })), "{refused:?}");
    assert_eq!(link(&queue, &visit("1")).await, confirmed("17"));
    queue.propose(vec![instead_of("17")], Timestamp(5)).await.unwrap();
    assert_eq!(link(&queue, &visit("1")).await, proposed("18", 5));
}

#[tokio::test]
async fn a_confirmed_row_is_nobody_elses_proposal() {
    let place = Place::new();
    let queue = place.open();
    let other = Entity::linked("his.VISITS", "note", ["1"]);
    let elsewhere = Entity::linked("his.BILLS", "visit", ["1"]);
    for entity in [visit("2"), visit("3"), other.clone(), elsewhere.clone()] {
        propose(&queue, entity, "17", 1).await;
    }
    settle(&queue, vec![(visit("4"), set("17"))]).await;
    settle(&queue, vec![(visit("1"), set("17"))]).await;
    for (entity, expected) in [
        (visit("1"), confirmed("17")),
        (visit("2"), None),
        (visit("3"), None),
        (visit("4"), confirmed("17")),
        (other, proposed("17", 1)),
        (elsewhere, proposed("17", 1)),
    ] {
        assert_eq!(link(&queue, &entity).await, expected, "{entity:?}");
    }
}

#[tokio::test]
async fn links_are_recorded_with_their_settlement_or_not_at_all() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    let page = queue.claim(None, 1).await.unwrap();
    let sql = "CREATE TEMP TRIGGER t BEFORE DELETE ON claim BEGIN SELECT RAISE(ABORT, 'no'); END";
    let run = |sql: &'static str| {
        queue.job(move |store| {
            store.conn.execute_batch(sql).unwrap();
            Ok(())
        })
    };
    run(sql).await.unwrap();
    let settlement = Settlement { links: vec![(visit("1"), set("17"))], ..settled(1, EventState::Applied) };
    let settle = || queue.settle(page.claim, vec![settlement.clone()], Timestamp(1));
    assert!(settle().await.is_err());
    assert_eq!(link(&queue, &visit("1")).await, None);
    run("DROP TRIGGER t").await.unwrap();
    settle().await.unwrap();
    assert_eq!(link(&queue, &visit("1")).await, confirmed("17"));
}

#[tokio::test]
async fn links_belong_to_one_database() {
    let place = Place::new();
    let queue = place.open();
    let of = async |database: &str| queue.links_of(database.to_owned()).await.unwrap();
    // As long as there are none, they are anybody's.
    assert_eq!(of("a").await, LinksOf::Ours);
    assert_eq!(of("b").await, LinksOf::Ours);
    assert_eq!(place.inspect().links_owner().unwrap(), None);
    propose(&queue, visit("1"), "17", 1).await;
    assert_eq!(of("a").await, LinksOf::Other("b".into()));
    assert_eq!(of("b").await, LinksOf::Ours);
    let inspector = place.inspect();
    assert_eq!(inspector.links_owner().unwrap().as_deref(), Some("b"));
    assert_eq!(inspector.give_links("a", None, &tester()).unwrap(), None);
    assert_eq!(of("a").await, LinksOf::Ours);
    settle(&queue, vec![(visit("1"), Drop)]).await;
    assert_eq!(of("c").await, LinksOf::Ours);

    // Links that are older than the word about them.
    let place = Place::new();
    let queue = place.open();
    propose(&queue, visit("1"), "17", 1).await;
    assert_eq!(queue.links_of("a".into()).await.unwrap(), LinksOf::Ours);
    assert_eq!(queue.links_of("b".into()).await.unwrap(), LinksOf::Other("a".into()));
}

#[tokio::test]
async fn links_go_with_a_database_that_is_renamed() {
    let place = Place::new();
    let queue = place.open();
    let of = |table: &str| Entity::linked(table, "visit", ["1"]);
    let change = async |table: &str, change: LinkChange| settle(&queue, vec![(of(table), change)]).await;
    for table in ["his.A", "HIS.B", "other.A", "A"] {
        change(table, set("17")).await;
    }
    // Linked once under the new name, and not any more: no hindrance.
    change("new.A", set("99")).await;
    change("new.A", Drop).await;
    let rename = |old, new| place.inspect().give_links("x", Some((old, new)), &tester()).unwrap();
    let keys = async || {
        let mut keys = Vec::new();
        for table in ["his.A", "HIS.B", "other.A", "A", "new.A", "new.B"] {
            keys.push(link(&queue, &of(table)).await.map_or_else(String::new, |(key, _)| key));
        }
        // As at the beginning of a pass, which notices that another process was at work.
        queue.begin_pass(Timestamp(0), Release::default()).await.unwrap();
        keys
    };
    keys().await;
    assert_eq!(rename("his", "new"), None);
    queue.links_of("x".into()).await.unwrap();
    assert_eq!(keys().await, ["", "", "17", "17", "17", "17"]);
    assert_eq!(rename("new", "his"), None);
    queue.links_of("x".into()).await.unwrap();
    assert_eq!(keys().await, ["17", "", "17", "17", "", ""], "in the spelling that was asked for");
    change("new.A", set("18")).await;
    assert_eq!(rename("his", "new").as_deref(), Some("new.A"));
    assert_eq!(keys().await[0], "17", "nothing was changed");
}

#[tokio::test]
async fn an_operator_sees_and_changes_single_links() {
    let place = Place::new();
    let queue = place.open();
    settle(&queue, vec![(visit("1"), set("17")), (visit("3"), set("17")), (visit("2"), set("18"))]).await;
    propose(&queue, visit("4"), "19", 1).await;
    queue.links_of("db".into()).await.unwrap();
    let inspector = place.inspect();
    assert_eq!(inspector.link_scopes().unwrap(), [scope()]);
    let keys = |his_key: Option<&str>, limit| {
        let found = inspector.links(&scope(), his_key, limit).unwrap();
        found.into_iter().map(|row| row.keys.join("/")).collect::<Vec<_>>()
    };
    assert_eq!(keys(None, 9), ["1", "2", "3", "4"]);
    assert_eq!(keys(None, 2), ["1", "2"]);
    assert_eq!(keys(Some("17"), 9), ["1", "3"]);
    assert_eq!(keys(Some("1"), 9), [""; 0]);
    let nowhere = LinkScope { name: "visit".into(), table: "VISITS".into() };
    assert_eq!(inspector.links(&nowhere, None, 9).unwrap(), []);

    let seen = inspector.link(&visit("2"), Some("17")).unwrap();
    assert_eq!(seen.own.as_ref().map(|row| row.link.his_key.as_str()), Some("18"));
    assert_eq!(seen.own.as_ref().map(LinkRow::entity), Some(visit("2")));
    assert_eq!(seen.others.iter().map(|row| row.keys.join("/")).collect::<Vec<_>>(), ["1", "3"]);
    let relink = |inspector: &Inspector, change: &LinkChange, database: &str| {
        inspector.relink(&visit("2"), change, &seen, database, &tester()).unwrap()
    };
    assert_eq!(relink(&inspector, &set("17"), "elsewhere"), Relinked::Other("db".into()));
    assert_eq!(relink(&inspector, &set("17"), "db"), Relinked::Done);
    assert_eq!(link(&queue, &visit("2")).await, confirmed("17"));
    assert_eq!(relink(&inspector, &set("17"), "db"), Relinked::Meanwhile);
    // A proposal of the same row is void, here too; a new name gets its place.
    let note = Entity::linked("his.VISITS", "note", ["a", "b"]);
    let seen = inspector.link(&visit("5"), Some("19")).unwrap();
    assert_eq!(inspector.relink(&visit("5"), &set("19"), &seen, "db", &tester()).unwrap(), Relinked::Done);
    assert_eq!(link(&queue, &visit("4")).await, None);
    let seen = inspector.link(&note, Some("1")).unwrap();
    assert_eq!((&seen.own, seen.others.len()), (&None, 0));
    assert_eq!(inspector.relink(&note, &set("1"), &seen, "db", &tester()).unwrap(), Relinked::Done);
    assert_eq!(link(&queue, &note).await, confirmed("1"));
    let seen = inspector.link(&note, None).unwrap();
    assert_eq!(inspector.relink(&note, &Drop, &seen, "db", &tester()).unwrap(), Relinked::Done);
    assert_eq!(link(&queue, &note).await, None);
}

/// Two hundred thousand links, in a file that is too large to be checked as a whole.
async fn with_many_links(place: &Place) -> Queue {
    let queue = place.open();
    settle(&queue, vec![(visit("first"), set("1"))]).await;
    place
        .raw()
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 200000)
             INSERT INTO link (scope, key, his_key, proof, linked_at)
             SELECT 1, 'a key as long as those of some are ' || n, n, CASE WHEN n % 10 = 0 THEN n END, 1 FROM n",
            [],
        )
        .unwrap();
    queue
}

#[tokio::test]
async fn links_are_found_without_a_walk_through_them() {
    let place = Place::new();
    let queue = with_many_links(&place).await;
    let some = visit("a key as long as those of some are 777");
    assert_eq!(link(&queue, &some).await, confirmed("777"));
    let raw = place.raw();
    for sql in links::STATEMENTS.into_iter().chain(relink::STATEMENTS) {
        let plan: String = raw
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .and_then(|mut plan| {
                let values = rusqlite::params_from_iter(vec![None::<i64>; plan.parameter_count()]);
                plan.query_map(values, |row| row.get::<_, String>(3))?.collect()
            })
            .map(|lines: Vec<String>| lines.join("; "))
            .unwrap();
        let scans = plan.replace("SCAN CONSTANT ROW", "");
        // To see whether there is any, it looks at the first.
        let first = sql.contains("meta") && scans.contains("SCAN link");
        assert!(first || !scans.contains("SCAN"), "{sql}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        if sql.contains("link_by_row") {
            assert!(plan.contains("link_by_row (scope=? AND his_key=?"), "{sql}: {plan}");
        }
        // The same of SQLite's own counters, with values of rows that are there.
        let mut statement = raw.prepare(sql).unwrap();
        let linked_by_scope = sql.contains("s.scope = ?1");
        let scope = if linked_by_scope { "his.VISITS\u{1f}$visit\u{1f}" } else { "1" };
        for (index, value) in [scope, "some", "777", "9", "9"].iter().enumerate() {
            if index < statement.parameter_count() {
                let value: &dyn rusqlite::ToSql = if index + 1 == 3 && linked_by_scope { &9 } else { value };
                statement.raw_bind_parameter(index + 1, value).unwrap();
            }
        }
        let mut rows = statement.raw_query();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        let steps = statement.get_status(rusqlite::StatementStatus::VmStep);
        assert!(steps < 300, "{sql}: {steps} steps");
    }
}

/// Nothing reads the links but what asks for one: a file in which they are noise works otherwise.
#[tokio::test]
async fn opening_and_claiming_do_not_read_the_links() {
    let place = Place::new();
    let queue = with_many_links(&place).await;
    append_many(&queue, 3).await;
    queue.close().await;
    let size = std::fs::metadata(place.path()).unwrap().len();
    assert!(size > crate::limits::QUICK_CHECK_BYTES_MAX, "{size} bytes");
    let file = std::fs::OpenOptions::new().write(true).open(place.path()).unwrap();
    let noise = vec![0xa5; 1024 * 1024];
    for at in 1..(size / noise.len() as u64) {
        std::os::unix::fs::FileExt::write_all_at(&file, &noise, at * noise.len() as u64).unwrap();
    }
    std::mem::drop(file);
    let (queue, opened) = place.try_open().unwrap();
    assert_eq!(opened.unfinished, 3);
    let claim = queue.claim(None, 10).await.unwrap();
    assert_eq!(claim.events.len(), 3);
    queue.standing(vec![asks("x", 3)]).await.unwrap();
    queue.settle(claim.claim, vec![settled(1, EventState::Applied)], Timestamp(9)).await.unwrap();
    queue.begin_pass(Timestamp(9), Release::default()).await.unwrap();
    queue.prune(older(9)).await.unwrap();
    place.inspect().counts().unwrap();
    let asked = Question { link: true, ..asks(&visit("a key as long as those of some are 777").0, 9) };
    let lost = queue.standing(vec![asked]).await.unwrap_err();
    assert!(matches!(lost, QueueError::Damaged { .. }), "the links were not where the noise is: {lost}");
}
