//! What is sealed in the file, and what is gone from it.

use std::fs;

use tempfile::TempDir;

use crate::{
    config::{QueueKey, Secret},
    model::{
        clock::Timestamp,
        event::{EventState, Seq},
        outcome::{Rejection, Settlement},
    },
    queue::{
        AtRest, Queue, QueueError, QueueOptions, Retention, compact, rekey,
        tests::{Place, append_many, bytes, event, older, seqs, settled},
    },
};

/// A text that stands in no program and no file but for this test.
const MARK: &str = "Zyprexa-4711-Kowalczyk";

fn encrypted(place: &Place) -> QueueOptions {
    QueueOptions { encrypt: true, ..place.options() }
}

fn open(options: QueueOptions) -> Queue {
    Queue::open(options).unwrap().0
}

/// How often a text stands in the queue file and those beside it, as it is and as base64 might have it.
fn found(place: &Place, text: &str) -> usize {
    let all: Vec<u8> = ["", "-wal", "-shm", "-journal"]
        .iter()
        .flat_map(|end| fs::read(place.beside(end)).unwrap_or_default())
        .collect();
    all.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

fn body(number: usize, bytes: usize) -> String {
    format!("{{\"n\":{number},\"text\":\"{MARK} {}\"}}", "x".repeat(bytes))
}

fn parked(seq: i64, words: &str) -> Settlement {
    let reason = Some(Rejection { cause: "too-long".to_owned(), message: words.to_owned() });
    Settlement { reason, ..settled(seq, EventState::Parked) }
}

async fn tidied(queue: &Queue) {
    assert!(queue.tidy().await.unwrap());
}

#[tokio::test]
async fn nothing_of_a_payload_is_readable_in_an_encrypted_file() {
    let place = Place::new();
    let queue = open(encrypted(&place));
    let first = queue.append(event(Some("a"), &body(1, 10))).await.unwrap();
    queue.append(event(Some("b"), &body(2, 20_000))).await.unwrap();
    queue.append(event(Some("a"), &body(3, 10))).await.unwrap();
    let again = queue.append(event(Some("a"), &body(1, 10))).await.unwrap();
    assert_eq!((again.seq, again.kind), (first.seq, crate::model::event::ReceiptKind::Duplicate));
    let page = queue.claim(None, 10).await.unwrap();
    assert_eq!(page.events[0].body, body(1, 10).as_bytes());
    assert_eq!(page.events[1].body, body(2, 20_000).as_bytes());
    queue
        .settle(page.claim, vec![settled(1, EventState::Applied), parked(2, MARK)], Timestamp(9))
        .await
        .unwrap();
    assert_eq!(found(&place, MARK), 0);
    let inspector = place.inspect();
    assert_eq!(inspector.at_rest().unwrap(), AtRest::Sealing);
    queue.convert().await.unwrap();
    assert_eq!(inspector.at_rest().unwrap(), AtRest::Sealed);
    let shown = inspector.show("b").unwrap();
    assert_eq!((shown.body.as_slice(), shown.row.error.as_deref()), (body(2, 20_000).as_bytes(), Some(MARK)));
    assert_eq!(shown.row.body_bytes, body(2, 20_000).len() as u64);
    let listed = inspector.list(&crate::queue::EventFilter { limit: 9, ..Default::default() }).unwrap();
    assert_eq!(listed[1].error.as_deref(), Some(MARK));
    queue.close().await;
    assert_eq!(found(&place, MARK), 0);
    // Without the key everything that is not sealed can be told, and nothing else.
    fs::rename(place.folder.path().join("queue.key"), place.folder.path().join("away")).unwrap();
    let inspector = place.inspect();
    inspector.counts().unwrap();
    assert!(matches!(inspector.show("b"), Err(QueueError::KeyMissing { .. })));
    assert!(matches!(inspector.key_fits(), Err(QueueError::KeyMissing { .. })));
}

#[tokio::test]
async fn a_file_without_its_key_is_left_as_it_is() {
    let place = Place::new();
    let queue = open(encrypted(&place));
    queue.append(event(Some("a"), &body(1, 10))).await.unwrap();
    queue.close().await;
    let key = place.folder.path().join("queue.key");
    let text = fs::read(&key).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&key).unwrap().permissions());
    assert_eq!((mode & 0o777, text.len()), (0o600, 45));
    let file = bytes(&place.path());
    let check = |encrypt: bool, content: Option<&[u8]>, expected: &str| {
        match content {
            Some(content) => fs::write(&key, content).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        let refused =
            Queue::open(QueueOptions { encrypt, replace_damaged: true, ..place.options() }).err().unwrap();
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(refused.to_string().contains("queue.key"), "{refused}");
        assert!(!refused.to_string().contains(std::str::from_utf8(&text).unwrap().trim()));
        assert!(bytes(&place.path()) == file, "changed");
        assert_eq!(key.exists(), content.is_some(), "a key was made");
    };
    for encrypt in [true, false] {
        check(encrypt, None, "is missing");
        check(encrypt, Some(b""), "fewer than 32 characters");
        check(encrypt, Some(b"\xff\xfe\x00"), "fewer than 32 characters");
        check(encrypt, Some(&text[..40]), "does not open the queue file");
        check(encrypt, Some(&[b'x'; 44]), "does not open the queue file");
        fs::write(&key, &text).unwrap();
    }
    let queue = open(encrypted(&place));
    assert_eq!(queue.claim(None, 1).await.unwrap().events[0].body, body(1, 10).as_bytes());
}

#[tokio::test]
async fn a_key_from_elsewhere_does_as_well() {
    let place = Place::new();
    let given =
        |text: &str| QueueOptions { key: QueueKey::Given(Secret::new(text.to_owned())), ..encrypted(&place) };
    let short = Queue::open(given("short")).err().unwrap();
    assert!(matches!(short, QueueError::KeyShort { .. }), "{short}");
    let text = "a long text that nobody guesses, ever";
    let queue = open(given(text));
    queue.append(event(Some("a"), &body(1, 10))).await.unwrap();
    queue.close().await;
    assert!(!place.folder.path().join("queue.key").exists());
    let refused = Queue::open(given("another text that nobody guesses, ever")).err().unwrap();
    assert!(matches!(refused, QueueError::KeyWrong { .. }), "{refused}");
    let elsewhere = rekey(given(text), None, |_, _| {}).unwrap_err();
    assert!(matches!(elsewhere, QueueError::KeyElsewhere), "{elsewhere}");
    let next = place.folder.path().join("next");
    fs::write(&next, "the next text that nobody guesses, ever\n").unwrap();
    rekey(given(text), Some(&next), |_, _| {}).unwrap();
    assert!(matches!(Queue::open(given(text)).err(), Some(QueueError::KeyWrong { .. })));
    open(given("the next text that nobody guesses, ever")).close().await;
    // What a file or credential of it has around it is no part of it: a key file is read without.
    open(given(" the next text that nobody guesses, ever\r\n\n")).close().await;
}

#[tokio::test]
async fn what_stands_in_the_file_is_converted_when_the_configuration_changes() {
    let place = Place::new();
    let queue = place.open();
    for number in 0..600 {
        queue.append(event(Some(&format!("e{number}")), &body(number, number * 20))).await.unwrap();
    }
    let page = queue.claim(None, 100).await.unwrap();
    let settled: Vec<_> = page.events.iter().map(|e| parked(e.seq.0, MARK)).collect();
    queue.settle(page.claim, settled, Timestamp(9)).await.unwrap();
    assert!(found(&place, MARK) > 600);
    queue.close().await;
    for (encrypt, before, after) in [
        (true, AtRest::Sealing, AtRest::Sealed),
        (false, AtRest::Unsealing, AtRest::Plain),
        (true, AtRest::Sealing, AtRest::Sealed),
    ] {
        let queue = open(QueueOptions { encrypt, ..place.options() });
        assert_eq!(place.inspect().at_rest().unwrap(), before);
        assert_eq!(queue.convert().await.unwrap(), 600);
        tidied(&queue).await;
        assert_eq!(place.inspect().at_rest().unwrap(), after);
        assert_eq!(found(&place, MARK) > 0, !encrypt, "{before:?}");
        let twin = queue.append(event(Some("e7"), &body(7, 140))).await.unwrap();
        assert_eq!(twin.seq, Seq(8));
        queue.close().await;
    }
    // While it is off and nothing is sealed, nobody asks for the key.
    let queue = open(place.options());
    queue.convert().await.unwrap();
    queue.close().await;
    fs::remove_file(place.folder.path().join("queue.key")).unwrap();
    let shown = place.inspect().show("e599").unwrap();
    assert_eq!(shown.body, body(599, 599 * 20).as_bytes());
    place.open().close().await;
}

#[tokio::test]
async fn a_new_key_takes_the_old_ones_place() {
    let place = Place::new();
    let queue = open(encrypted(&place));
    for number in 0..700 {
        queue.append(event(Some(&format!("e{number}")), &body(number, 10))).await.unwrap();
    }
    queue.close().await;
    let key = place.folder.path().join("queue.key");
    let old = fs::read(&key).unwrap();
    let mut told = Vec::new();
    let done = rekey(encrypted(&place), None, |done, all| told.push((done, all))).unwrap();
    assert_eq!((done.events, done.key.as_deref()), (700, Some(key.as_path())));
    assert_eq!((told[0], *told.last().unwrap()), ((0, 700), (700, 700)));
    assert_ne!(fs::read(&key).unwrap(), old);
    assert_eq!(done.old_key.map(|kept| fs::read(kept).unwrap()).as_ref(), Some(&old), "for older backups");
    assert_eq!(place.inspect().at_rest().unwrap(), AtRest::Sealed);
    let keys: i64 = place.raw().query_row("SELECT count(*) FROM data_key", [], |row| row.get(0)).unwrap();
    assert_eq!(keys, 1);
    let queue = open(encrypted(&place));
    assert_eq!(queue.claim(None, 1000).await.unwrap().events[699].body, body(699, 10).as_bytes());
    assert_eq!(queue.append(event(Some("e1"), &body(1, 10))).await.unwrap().seq, Seq(2));
    let refused = rekey(encrypted(&place), None, |_, _| {}).unwrap_err();
    assert!(matches!(refused, QueueError::Running { .. }), "{refused}");
    queue.close().await;
    assert!(matches!(rekey(place.options(), None, |_, _| {}), Err(QueueError::NotEncrypted)));
    fs::write(&key, &old).unwrap();
    assert!(matches!(Queue::open(encrypted(&place)).err(), Some(QueueError::KeyWrong { .. })));
}

/// What stands in the files beside the key file whose names go on so.
fn beside_key(place: &Place, what: &str) -> Vec<String> {
    let begins = format!("queue.key.{what}-");
    let files = fs::read_dir(place.folder.path()).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.file_name().to_str().unwrap().starts_with(&begins));
    files.map(|file| fs::read_to_string(file.path()).unwrap().trim().to_owned()).collect()
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_root_changes_belongs_to_whom_it_belonged() {
    use std::os::unix::fs::{MetadataExt, chown};

    let place = Place::new();
    open(encrypted(&place)).close().await;
    let key = place.folder.path().join("queue.key");
    // Only root can give files away.
    if chown(&key, Some(65_534), Some(65_534)).is_err() {
        return;
    }
    let done = rekey(encrypted(&place), None, |_, _| {}).unwrap();
    for file in [key, done.old_key.unwrap()] {
        let about = fs::metadata(file).unwrap();
        assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (65_534, 65_534, 0o600));
    }
}

#[tokio::test]
async fn a_change_of_the_key_that_was_cut_off_is_finished() {
    let folder = TempDir::new().unwrap();
    let place = Place::new();
    let queue = open(encrypted(&place));
    queue.append(event(Some("a"), &body(1, 10))).await.unwrap();
    queue.close().await;
    let key = place.folder.path().join("queue.key");
    let staged = place.folder.path().join("queue.key.new");
    fs::copy(&key, folder.path().join("old")).unwrap();
    // Cut off before the file was sealed with it: the old key stays.
    fs::write(&staged, "x".repeat(44)).unwrap();
    place.inspect().show("a").unwrap();
    open(encrypted(&place)).close().await;
    assert!(!staged.exists());
    assert_eq!(
        beside_key(&place, "unused"),
        ["x".repeat(44)],
        "it may be the key of a file that was set aside"
    );
    // Cut off after that: the new key is put in place.
    rekey(encrypted(&place), None, |_, _| {}).unwrap();
    fs::rename(&key, &staged).unwrap();
    fs::copy(folder.path().join("old"), &key).unwrap();
    assert_eq!(place.inspect().show("a").unwrap().body, body(1, 10).as_bytes());
    let queue = open(encrypted(&place));
    assert!(!staged.exists());
    queue.close().await;
    assert_eq!(place.inspect().show("a").unwrap().body, body(1, 10).as_bytes());
}

#[tokio::test]
async fn an_event_that_cannot_be_unsealed_keeps_nobody_waiting() {
    let place = Place::new();
    let queue = open(encrypted(&place));
    append_many(&queue, 3).await;
    place
        .raw()
        .execute("UPDATE event SET body = (SELECT body FROM event WHERE seq = 1) WHERE seq = 2", [])
        .unwrap();
    let page = queue.claim(None, 10).await.unwrap();
    assert_eq!(seqs(&page), [1, 3]);
    assert_eq!(queue.health().unfinished, 3);
    queue.release(page.claim).await.unwrap();
    assert_eq!(queue.health().unfinished, 2);
    let row = place.inspect().list(&crate::queue::EventFilter { limit: 9, ..Default::default() }).unwrap();
    assert_eq!((row[1].state, row[1].cause.as_deref()), (EventState::Parked, Some("unreadable")));
    assert!(matches!(place.inspect().show("e1"), Err(QueueError::Unreadable { seq: 2 })));
    queue.convert().await.unwrap();
}

#[tokio::test]
async fn what_was_erased_is_nowhere_in_the_file() {
    let place = Place::new();
    let queue = place.open();
    for number in 0..400 {
        let size = [10, 300, 3000, 5000, 70_000][number % 5];
        queue.append(event(Some(&format!("e{number}")), &body(number, size))).await.unwrap();
    }
    // Errors come and go.
    for moment in 1..4 {
        let page = queue.claim(None, 1000).await.unwrap();
        let how = |e: &crate::model::event::StoredEvent| Settlement {
            next_at: Some(Timestamp(0)),
            ..Settlement { state: EventState::Deferred, ..parked(e.seq.0, &MARK.repeat(moment * 3)) }
        };
        let settled: Vec<_> = page.events.iter().map(how).collect();
        queue.settle(page.claim, settled, Timestamp(9)).await.unwrap();
        queue.begin_pass(Timestamp(10), crate::queue::Release::default()).await.unwrap();
    }
    loop {
        let page = queue.claim(None, 1000).await.unwrap();
        let Some(first) = page.events.first() else { break };
        let mut all: Vec<_> = page.events.iter().map(|e| settled(e.seq.0, EventState::Applied)).collect();
        all[0] = parked(first.seq.0, MARK);
        queue.settle(page.claim, all, Timestamp(9)).await.unwrap();
    }
    assert!(found(&place, MARK) > 300);
    let retention = Retention { parked_before: Some(Timestamp(10)), ..older(10) };
    while queue.prune(retention).await.unwrap().more {}
    tidied(&queue).await;
    assert_eq!(found(&place, MARK), 0);
    assert_eq!(
        place.inspect().list(&crate::queue::EventFilter { limit: 9, ..Default::default() }).unwrap(),
        []
    );
    let size = fs::metadata(place.path()).unwrap().len();
    assert!(size < 2 * 1024 * 1024, "{size}");
    assert_eq!(fs::metadata(place.beside("-wal")).unwrap().len(), 0);
    assert_eq!(queue.append(event(None, "{}")).await.unwrap().seq, Seq(401));
}

#[tokio::test]
async fn what_was_erased_is_gone_after_a_crash_as_well() {
    let place = Place::new();
    let queue = place.open();
    queue.append(event(None, &body(1, 9000))).await.unwrap();
    let page = queue.claim(None, 9).await.unwrap();
    queue.settle(page.claim, vec![settled(1, EventState::Applied)], Timestamp(9)).await.unwrap();
    queue.prune(older(10)).await.unwrap();
    // A copy of the files as they stand is what a kill leaves behind.
    let copy = Place::new();
    for end in ["", "-wal"] {
        fs::copy(place.beside(end), copy.beside(end)).unwrap();
    }
    assert!(found(&copy, MARK) > 0, "in the log");
    let queue = copy.open();
    tidied(&queue).await;
    assert_eq!(found(&copy, MARK), 0);
}

#[tokio::test]
async fn a_reader_is_not_waited_for() {
    let place = Place::new();
    let queue = place.open();
    queue.append(event(None, &body(1, 10))).await.unwrap();
    let reader = place.raw();
    reader.execute_batch("BEGIN; SELECT count(*) FROM event").unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    let began = std::time::Instant::now();
    assert!(!queue.tidy().await.unwrap());
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    reader.execute_batch("COMMIT").unwrap();
    tidied(&queue).await;
}

#[tokio::test]
async fn a_file_that_cannot_shrink_is_written_anew() {
    let place = Place::new();
    place.open().close().await;
    place.raw().execute_batch("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    // What an earlier version left in free pages.
    place
        .raw()
        .execute_batch(&format!(
            "CREATE TABLE rest (a); INSERT INTO rest VALUES ('{}'); DROP TABLE rest",
            MARK.repeat(3000)
        ))
        .unwrap();
    assert!(found(&place, MARK) > 0);
    let queue = place.open();
    tidied(&queue).await;
    assert_eq!(found(&place, MARK), 0);
    let mode: i64 = place.raw().pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
    assert_eq!(mode, 2);
    queue.close().await;
    let done = compact(place.options()).unwrap();
    assert!(done.after <= done.before);
}
