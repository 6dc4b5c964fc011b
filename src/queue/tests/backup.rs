//! Copies of the queue file, and their way back into its place.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rusqlite::Connection;

use crate::{
    model::{
        clock::Timestamp,
        event::{EventState, RawEvent, Seq},
    },
    queue::{
        AuditAction, AuditFilter, BackedUp, BackupError, Present, Queue, QueueError, QueueOptions,
        RESTORED_CAUSE, Restoring, Selection, backup as back_up,
        tests::{Place, append_many, because, bytes, event, settle_all, settled, states, tester},
    },
};
use EventState::{Applied, Conflict, Parked, Pending};

fn backup(place: &Place, to: &Path) -> Result<BackedUp, BackupError> {
    back_up(&place.path(), to, 0, &tester())
}

fn restore(place: &Place, from: &Path) -> Option<PathBuf> {
    Restoring::prepare(&place.path(), from, &place.key()).unwrap().finish(&tester()).unwrap().set_aside
}

fn refused(place: &Place, from: &Path) -> String {
    Restoring::prepare(&place.path(), from, &place.key()).err().unwrap().to_string()
}

fn seqs(path: &Path) -> Vec<i64> {
    let conn = Connection::open(path).unwrap();
    let mut query = conn.prepare("SELECT seq FROM event ORDER BY seq").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn names(place: &Place) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(place.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["queue.db.lock", "queue.key"].contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// Three events, of which the first is applied and the second parked.
async fn three(queue: &Queue) {
    append_many(queue, 3).await;
    settle_all(queue, 5, vec![settled(1, Applied), because("mysql-1364", settled(2, Parked))]).await;
}

#[tokio::test]
async fn a_backup_beside_the_daemon_is_whole() {
    let place = Place::new();
    let queue = place.open();
    three(&queue).await;
    let to = place.folder.path().join("copy.db");
    let made = backup(&place, &to).unwrap();
    let counts: Vec<_> = made.content.counts.into_iter().collect();
    assert_eq!(counts, [(Pending, 1), (Parked, 1), (Applied, 1)]);
    assert_eq!(made.content.last_received_at, Some(Timestamp(1_000_000)));
    assert!(!made.content.is_sealed);
    assert_eq!(made.bytes, fs::metadata(&to).unwrap().len());
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(seqs(&to), [1, 2, 3]);
    assert!(names(&place).iter().all(|name| !name.contains(".part")), "{:?}", names(&place));
    let before = bytes(&to);
    let again = backup(&place, &to).err().unwrap();
    assert!(matches!(&again, BackupError::Exists { path } if *path == to), "{again}");
    assert!(before == bytes(&to));
    let rows = place.inspect().audit(&AuditFilter { limit: 1, ..Default::default() }).unwrap();
    let (action, detail) = (rows[0].action, rows[0].detail.clone().unwrap());
    assert_eq!((action, detail), (AuditAction::Backup, format!("test: 3 events to {}", to.display())));
    // The daemon goes on.
    assert_eq!(queue.append(event(None, "{}")).await.unwrap().seq, Seq(4));
    queue.close().await;
    backup(&place, &place.folder.path().join("without a daemon.db")).unwrap();
}

#[tokio::test]
async fn what_is_in_the_way_of_a_backup_is_told() {
    let place = Place::new();
    let to = place.folder.path().join("copy.db");
    let refused = backup(&place, &to).err().unwrap();
    assert!(matches!(refused, BackupError::Queue(QueueError::NoFile { .. })), "{refused}");
    let queue = place.open();
    fs::write(place.folder.path().join("copy.db.part"), "of another one").unwrap();
    let refused = backup(&place, &to).err().unwrap();
    assert!(matches!(refused, BackupError::Unfinished { .. }), "{refused}");
    assert_eq!(fs::read(place.folder.path().join("copy.db.part")).unwrap(), b"of another one");
    let refused = backup(&place, &place.folder.path().join("no folder/copy.db")).err().unwrap();
    assert!(refused.to_string().contains("no folder"), "{refused}");
    let refused = backup(&place, place.folder.path()).err().unwrap();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    queue.close().await;
    // The trail is in the way: the file stays as it is, and is copied all the same.
    let other = place.raw();
    other.execute_batch("PRAGMA user_version = 99").unwrap();
    let refused = backup(&place, &place.folder.path().join("newer.db")).err().unwrap();
    assert!(matches!(refused, BackupError::Queue(QueueError::Newer { .. })), "{refused}");
}

#[test]
fn a_backup_under_load_has_all_events_up_to_one() {
    let place = Place::new();
    let queue = Queue::open(QueueOptions { events_max: 1_000_000, ..place.options() }).unwrap().0;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (stop, body) = (AtomicBool::new(false), "x".repeat(2000));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime.block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    queue.append(event(None, &body)).await.unwrap();
                }
            });
        });
        for number in 0..5 {
            let to = place.folder.path().join(format!("copy {number}.db"));
            let made = backup(&place, &to).unwrap();
            let found = seqs(&to);
            let all: Vec<i64> = (1..).take(found.len()).collect();
            assert_eq!(found, all, "no gap");
            assert_eq!(made.content.counts.values().sum::<u64>(), found.len() as u64);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[tokio::test]
async fn a_restored_file_has_what_the_backup_had_and_doubts_it() {
    let place = Place::new();
    let queue = place.open();
    three(&queue).await;
    queue.append(event(Some("e1"), "another body")).await.unwrap();
    let copy = place.folder.path().join("copy.db");
    backup(&place, &copy).unwrap();
    let kept = bytes(&copy);
    append_many(&queue, 9).await;
    assert!(refused(&place, &copy).contains("another buktor-middleware"), "a daemon runs");
    queue.close().await;
    // Root restores what another user's daemon is to open.
    chown(place.path(), Some(4321), Some(4321)).ok();
    fs::remove_file(place.beside(".lock")).unwrap();
    let owner = |path: &Path| fs::metadata(path).map(|file| (file.uid(), file.gid())).unwrap();
    let owned = owner(&place.path());
    let aside = restore(&place, &copy).unwrap();
    assert_eq!([owner(&place.path()), owner(&place.beside(".lock")), owner(&aside)], [owned; 3]);
    assert!(kept == bytes(&copy), "the backup stays as it is");
    assert_eq!(seqs(&aside).len(), 10, "the file before is whole");
    assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let name = aside.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("queue.db.before-restore-20"), "{name}");
    assert_eq!(names(&place), ["copy.db", "queue.db", name]);
    let queue = place.open();
    let inspector = place.inspect();
    assert_eq!(states(&inspector), [(1, Applied), (2, Parked), (3, Pending), (4, Conflict)]);
    let replays: Vec<bool> =
        (1..=4).map(|seq| inspector.show(&format!("seq:{seq}")).unwrap().row.replay).collect();
    assert_eq!(replays, [false, true, true, true]);
    let row = inspector.audit(&AuditFilter { limit: 1, ..Default::default() }).unwrap().remove(0);
    assert_eq!((row.action, row.who.as_deref()), (AuditAction::Restore, Some("tester")));
    let page = queue.claim(None, 10).await.unwrap();
    assert!(page.events.iter().all(|event| event.doubt && event.replay), "{page:?}");
    queue.release(page.claim).await.unwrap();
    // Places are not given again: the HIS may know events by them.
    let now = crate::model::clock::Clock::now(&crate::model::clock::SystemClock);
    let late = std::time::Duration::from_hours(48);
    let came = |event: RawEvent, occurred: Option<Timestamp>, received: Timestamp| RawEvent {
        occurred_at: occurred,
        received_at: received,
        ..event
    };
    let checks = [
        ("sent again", came(event(None, "1"), Some(Timestamp(5)), now.after(late)), true),
        ("new", came(event(None, "2"), Some(now.after(late)), now.after(late)), false),
        ("soon, without a time", came(event(None, "3"), None, now), true),
        ("later, without a time", came(event(None, "4"), None, now.after(late)), false),
    ];
    for ((name, event, doubt), seq) in checks.into_iter().zip(11..) {
        assert_eq!(queue.append(event).await.unwrap().seq, Seq(seq), "{name}");
        let page = queue.claim(Some(Seq(seq - 1)), 10).await.unwrap();
        assert_eq!((page.events[0].doubt, page.events[0].replay), (doubt, doubt), "{name}");
        queue.release(page.claim).await.unwrap();
    }
}

#[tokio::test]
async fn an_operator_ends_the_doubt_about_an_event() {
    let place = Place::new();
    let queue = place.open();
    append_many(&queue, 2).await;
    let copy = place.folder.path().join("copy.db");
    backup(&place, &copy).unwrap();
    queue.close().await;
    restore(&place, &copy).unwrap();
    let queue = place.open();
    let parked = vec![because(RESTORED_CAUSE, settled(1, Parked)), because("too-long", settled(2, Parked))];
    settle_all(&queue, 5, parked).await;
    place.inspect().retry(&Selection::All, &tester()).unwrap();
    let page = queue.claim(None, 10).await.unwrap();
    let doubts: Vec<_> = page.events.iter().map(|event| (event.doubt, event.replay)).collect();
    assert_eq!(doubts, [(false, true), (true, true)]);
}

#[tokio::test]
async fn a_backup_takes_the_place_of_whatever_is_there() {
    let source = Place::new();
    let queue = source.open();
    append_many(&queue, 3).await;
    let copy = source.folder.path().join("copy.db");
    backup(&source, &copy).unwrap();
    queue.close().await;

    let nothing = Place::new();
    assert_eq!(restore(&nothing, &copy), None);
    // Nobody knows which places were given.
    assert_eq!(nothing.open().append(event(None, "{}")).await.unwrap().seq, Seq(10_000_004));

    let damaged = Place::new();
    fs::write(damaged.path(), "x".repeat(9000)).unwrap();
    fs::write(damaged.beside("-wal"), "what was in its log").unwrap();
    let restoring = Restoring::prepare(&damaged.path(), &copy, &damaged.key()).unwrap();
    assert!(matches!(restoring.present(), Present::Unreadable(_)), "{:?}", restoring.present());
    drop(restoring);
    assert_eq!(names(&damaged), ["queue.db", "queue.db-wal"], "nothing was changed");
    let aside = restore(&damaged, &copy).unwrap();
    assert_eq!(fs::read_to_string(&aside).unwrap(), "x".repeat(9000));
    let log = crate::queue::open::beside(&aside, "-wal");
    assert_eq!(fs::read_to_string(log).unwrap(), "what was in its log");
    assert!(!damaged.beside("-wal").exists());
    assert_eq!(damaged.try_open().unwrap().1.unfinished, 3);

    let stray = Place::new();
    fs::write(stray.beside("-wal"), "of a file that is gone").unwrap();
    restore(&stray, &copy).unwrap();
    // Killed after the file had got its second name, and before it lost the first.
    let second = stray.beside(".before-restore-20260101T000000");
    fs::hard_link(stray.path(), &second).unwrap();
    restore(&stray, &copy).unwrap();
    assert!(!second.exists());
    assert_eq!(stray.try_open().unwrap().1.unfinished, 3);

    let newer = Place::new();
    newer.open().close().await;
    newer.raw().execute_batch("PRAGMA user_version = 99").unwrap();
    restore(&newer, &copy).unwrap();
    assert_eq!(newer.try_open().unwrap().1.unfinished, 3);

    // The log of a process that was killed is kept with its file.
    let killed = Place::new();
    let queue = killed.open();
    append_many(&queue, 5).await;
    let left = Place::new();
    for end in ["", "-wal"] {
        fs::copy(killed.beside(end), left.beside(end)).unwrap();
    }
    let aside = restore(&left, &copy).unwrap();
    assert_eq!(seqs(&aside).len(), 5);
    assert_eq!(left.try_open().unwrap().1.unfinished, 3);
    // And such a file is itself good to be restored.
    let raw = Place::new();
    restore(&raw, &aside);
    assert_eq!(raw.try_open().unwrap().1.unfinished, 5);
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_nothing_changes() {
    let place = Place::new();
    let queue = place.open();
    for number in 0..200 {
        queue.append(event(Some(&format!("some-long-event-id-{number}")), &"x".repeat(500))).await.unwrap();
    }
    let file = |name: &str| place.folder.path().join(name);
    let copy = file("copy.db");
    backup(&place, &copy).unwrap();
    queue.close().await;
    let good = bytes(&copy);
    let with = |name: &str, change: &dyn Fn(&Path)| {
        let path = file(name);
        fs::write(&path, &good).unwrap();
        change(&path);
        path
    };
    let sql =
        |text: &'static str| move |path: &Path| Connection::open(path).unwrap().execute_batch(text).unwrap();
    let noise = |path: &Path| {
        let mut bytes = good.clone();
        bytes[8 * 4096..12 * 4096].fill(0xa5);
        fs::write(path, bytes).unwrap();
    };
    let before = bytes(&place.path());
    let check = |from: PathBuf, words: &str| {
        let said = refused(&place, &from);
        assert!(said.contains(words), "{words}: {said}");
        assert!(before == bytes(&place.path()), "{words}");
        assert!(!place.beside(".restoring").exists(), "{words}");
    };
    check(place.path(), "the queue file itself");
    fs::hard_link(place.path(), file("link.db")).unwrap();
    check(file("link.db"), "the queue file itself");
    check(file("nowhere.db"), "nowhere.db");
    check(place.folder.path().to_owned(), "it is no file");
    check(with("empty.db", &|path| fs::write(path, "").unwrap()), "it is empty");
    check(with("text.db", &|path| fs::write(path, "x".repeat(9000)).unwrap()), "damaged");
    check(
        with("cut.db", &|path| fs::File::options().write(true).open(path).unwrap().set_len(9000).unwrap()),
        "damaged",
    );
    check(with("noise.db", &noise), "damaged");
    check(with("index.db", &sql("DROP INDEX event_pending")), "event_pending");
    check(
        with("other.db", &|path| {
            fs::remove_file(path).unwrap();
            sql("CREATE TABLE t (a)")(path);
        }),
        "another program",
    );
    check(with("newer.db", &sql("PRAGMA user_version = 99")), "newer");
    let theirs = Place::new();
    let daemon = theirs.open();
    check(theirs.path(), "a daemon uses it");
    drop(daemon);
    let foreign = Place::new();
    Connection::open(foreign.path()).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(refused(&foreign, &copy).contains("another program"));
    // A command that waits for an answer has the file open.
    let inspector = place.inspect();
    let refused =
        Restoring::prepare(&place.path(), &copy, &place.key()).unwrap().finish(&tester()).err().unwrap();
    assert!(matches!(refused, BackupError::InUse { .. }), "{refused}");
    drop(inspector);
    assert_eq!(place.try_open().unwrap().1.unfinished, 200, "nothing was changed");
}
