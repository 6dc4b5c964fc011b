//! The file itself: whose it is, who may read it, what is done about damage.

use std::{fs, os::unix::fs::FileExt, path::Path};

use crate::{
    model::event::Seq,
    queue::{
        Inspector, Queue, QueueError, QueueOptions, QueueTrouble, schema,
        tests::{Place, append_many, bytes, event},
    },
};

fn replacing(place: &Place) -> QueueOptions {
    QueueOptions { replace_damaged: true, ..place.options() }
}

fn inspected(place: &Place) -> QueueError {
    Inspector::open(&place.path(), &place.key()).err().unwrap()
}

#[tokio::test]
async fn a_fresh_file_is_made_with_its_folder() {
    let place = Place::new();
    let path = place.folder.path().join("a/b/queue.db");
    assert!(matches!(Inspector::open(&path, &place.key()).err(), Some(QueueError::NoFile { .. })));
    let (queue, opened) = Queue::open(QueueOptions { path: path.clone(), ..place.options() }).unwrap();
    assert!(opened.fresh && opened.set_aside.is_none());
    queue.append(event(None, "{}")).await.unwrap();
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    };
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for end in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(mode(&crate::queue::open::beside(&path, end)), 0o600, "{end}");
    }
    queue.close().await;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (_queue, opened) = Queue::open(QueueOptions { path: path.clone(), ..place.options() }).unwrap();
    assert!(!opened.fresh);
    assert_eq!(mode(&path), 0o600, "narrowed");
}

#[tokio::test]
async fn an_empty_file_is_as_good_as_none() {
    let place = Place::new();
    fs::write(place.path(), b"").unwrap();
    assert!(matches!(inspected(&place), QueueError::NoFile { .. }));
    assert!(place.try_open().unwrap().1.fresh);
}

#[tokio::test]
async fn what_was_stored_survives_a_process_that_never_closed() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 20).await;
    queue.claim(None, 5).await.unwrap();
    // A copy of the files as they stand is what a kill leaves behind.
    let copy = Place::new();
    for end in ["", "-wal"] {
        fs::copy(place.beside(end), copy.beside(end)).unwrap();
    }
    let (queue, opened) = copy.try_open().unwrap();
    assert_eq!((opened.recovered, opened.unfinished, opened.fresh), (5, 20, false));
    assert_eq!(queue.append(event(None, "{}")).await.unwrap().seq, Seq(21));
}

#[tokio::test]
async fn a_dropped_queue_frees_its_file() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 3).await;
    drop(queue);
    assert_eq!(place.try_open().unwrap().1.unfinished, 3);
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_told_of_the_first() {
    let place = Place::new();
    let queue = place.open();
    let refused = place.try_open().err().unwrap();
    assert!(
        matches!(&refused, QueueError::Running { pid: Some(pid), .. } if *pid == std::process::id()),
        "{refused}"
    );
    assert!(refused.to_string().contains("queue.db"), "{refused}");
    queue.close().await;
    assert!(place.try_open().is_ok());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_as_it_is() {
    let place = Place::new();
    place.open().close().await;
    // First where the header shows it, then where only the log does.
    for in_the_log in [false, true] {
        let other = place.raw();
        if in_the_log {
            other.execute_batch("PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            other.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        }
        other.execute_batch("PRAGMA user_version = 99").unwrap();
        drop(other);
        let ends = if in_the_log { &["", "-wal"][..] } else { &[""][..] };
        let before: Vec<_> = ends.iter().map(|end| bytes(&place.beside(end))).collect();
        for refused in [Queue::open(replacing(&place)).err().unwrap(), inspected(&place)] {
            assert!(
                matches!(refused, QueueError::Newer { found: 99, known: schema::LAYOUT, .. }),
                "{refused}"
            );
        }
        let after: Vec<_> = ends.iter().map(|end| bytes(&place.beside(end))).collect();
        assert!(before == after, "untouched, in the log: {in_the_log}");
    }
}

#[tokio::test]
async fn the_database_of_another_program_is_left_as_it_is() {
    for mark in [0, 0x1234_5678] {
        let place = Place::new();
        let other = place.raw();
        other.execute_batch(&format!("CREATE TABLE t (a); PRAGMA application_id = {mark}")).unwrap();
        drop(other);
        let before = bytes(&place.path());
        for refused in [Queue::open(replacing(&place)).err().unwrap(), inspected(&place)] {
            assert!(matches!(refused, QueueError::Foreign { .. }), "{refused}");
        }
        assert!(before == bytes(&place.path()));
    }
}

#[tokio::test]
async fn a_damaged_file_stops_the_daemon_or_is_set_aside() {
    async fn check(name: &str, damage: impl Fn(&Place)) {
        let place = Place::new();
        let queue = place.open();
        for number in 0..200 {
            queue
                .append(event(Some(&format!("some-long-event-id-{number}")), &"x".repeat(500)))
                .await
                .unwrap();
        }
        queue.close().await;
        damage(&place);
        let before = bytes(&place.path());
        let refused = place.try_open().err().unwrap_or_else(|| panic!("{name}: opened"));
        assert_eq!(refused.trouble(), QueueTrouble::Damaged, "{name}: {refused}");
        assert!(refused.to_string().contains("start_fresh"), "{refused}");
        assert!(before == bytes(&place.path()), "{name}: untouched");
        let (queue, opened) = Queue::open(replacing(&place)).unwrap();
        let aside = opened.set_aside.clone().unwrap();
        assert!(aside.to_string_lossy().contains("queue.db.damaged-20"), "{aside:?}");
        assert!(before == bytes(&aside), "{name}: kept");
        assert!(opened.fresh && opened.unfinished == 0);
        assert_eq!(queue.append(event(None, "{}")).await.unwrap().seq, Seq(1));
    }
    let overwrite = |place: &Place, at: u64, with: &[u8]| {
        fs::OpenOptions::new().write(true).open(place.path()).unwrap().write_all_at(with, at).unwrap();
    };
    check("not a database", |place| fs::write(place.path(), "this is a text").unwrap()).await;
    check("cut short", |place| {
        fs::OpenOptions::new().write(true).open(place.path()).unwrap().set_len(20_000).unwrap();
    })
    .await;
    check("a page of noise", |place| overwrite(place, 3 * 4096, &[0xa5; 4096])).await;
    check("a catalog of noise", |place| overwrite(place, 100, &[0xa5; 3000])).await;
    check("a lost index", |place| place.raw().execute_batch("DROP INDEX event_pending").unwrap()).await;
}

#[tokio::test]
async fn a_log_without_its_file_is_kept() {
    let place = Place::new();
    fs::write(place.beside("-wal"), b"what was acknowledged").unwrap();
    let (_queue, opened) = place.try_open().unwrap();
    assert!(opened.fresh);
    let aside = opened.set_aside.unwrap();
    assert_eq!(bytes(&crate::queue::open::beside(&aside, "-wal")), b"what was acknowledged");
}

#[tokio::test]
async fn damage_that_is_met_at_work_stops_acceptance() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 50).await;
    queue
        .job(|store| {
            store.checkpoint("TRUNCATE");
            let page: u64 = store
                .conn
                .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'event_pending'", [], |row| {
                    row.get::<_, u32>(0)
                })
                .unwrap()
                .into();
            let file = fs::OpenOptions::new().write(true).open(&store.path).unwrap();
            file.write_all_at(&[0xa5; 4096], (page - 1) * 4096).unwrap();
            // Kept open: closing it would free SQLite's locks.
            std::mem::forget(file);
            store.conn.execute_batch("PRAGMA cache_size = 0; PRAGMA shrink_memory").unwrap();
            store.conn.cache_flush().unwrap();
            Ok(())
        })
        .await
        .unwrap();
    let failed = queue.claim(None, 10).await.err().unwrap();
    assert_eq!(failed.trouble(), QueueTrouble::Damaged, "{failed}");
    assert!(matches!(queue.append(event(None, "{}")).await, Err(QueueError::Damaged { .. })));
    assert!(matches!(queue.health().refusing, Some(QueueError::Damaged { .. })));
}

#[tokio::test]
async fn a_file_that_was_taken_away_takes_nothing_more() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 1).await;
    let aside = place.folder.path().join("aside");
    fs::rename(place.path(), &aside).unwrap();
    queue
        .job(|store| {
            store.forget_disk();
            Ok(())
        })
        .await
        .unwrap();
    let refused = queue.append(event(None, "{}")).await.unwrap_err();
    assert!(matches!(refused, QueueError::Gone { .. }), "{refused}");
    fs::rename(&aside, place.path()).unwrap();
    queue
        .job(|store| {
            store.forget_disk();
            Ok(())
        })
        .await
        .unwrap();
    queue.append(event(None, "{}")).await.unwrap();
}

#[tokio::test]
async fn places_that_cannot_be_written_are_told() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    let mode = || std::os::unix::fs::PermissionsExt::mode(&fs::metadata(place.path()).unwrap().permissions());
    let before = mode();
    let refused = place.try_open().err().unwrap();
    assert!(matches!(refused, QueueError::NotAFile { .. }), "{refused}");
    assert_eq!(mode(), before, "a folder keeps its mode");
    let file = place.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let refused = Queue::open(QueueOptions { path: file.join("queue.db"), ..place.options() }).err().unwrap();
    assert!(refused.to_string().starts_with("cannot "), "{refused}");
}
