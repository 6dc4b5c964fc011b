//! Power cuts: the real daemon's changes of its disk are journaled while events come, are written to the HIS and are erased; then
//! the disk is made as it may be after a cut at any of them, and opened. What was acknowledged is there, whatever the disk had
//! not got round to.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use buktor_middleware::{
    config::QueueKey,
    queue::{Queue, QueueOptions},
};
use fastrand::Rng;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    daemon::Site,
    disk::{Disk, Journal, Op},
    faulty::Machine,
    seed::Run,
    traffic::{self, Found, Sent, Traffic, assert_in_effect},
    wait_until,
};

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// What a daemon did to its disk, and what it acknowledged meanwhile.
struct History {
    before: Disk,
    journal: Journal,
    sent: Vec<Sent>,
    /// Old events were erased meanwhile.
    erased: bool,
}

/// A site, its machine with a journal, and the HIS's file on the machine's disk.
fn machine() -> (Site, Machine, PathBuf) {
    let (mut site, his) = traffic::site(|site| site.path("disk"));
    site.merge(json!({"queue": {"keep_applied_days": 1}, "logging": {"level": "info"}}));
    let machine = Machine::under(&mut site).with_journal();
    (site, machine, his)
}

/// Two lives of a daemon under load: the first begins the file and is stopped, the second is three days later, erases what the
/// first has applied, and is killed. `disturb` is called now and then.
fn live(run: &Run, part: u64, events: usize, disturb: impl Fn(&Machine, &mut Rng)) -> History {
    let (site, machine, his) = machine();
    let before = Disk::of_folder(&machine.disk);
    let machine = std::sync::Arc::new(machine);
    let daemon = machine.start(&site);
    let mark = {
        let machine = std::sync::Arc::clone(&machine);
        move || machine.journal_length()
    };
    let rngs = (0..4).map(|sender| run.rng(part * 100 + sender)).collect();
    let mut rng = run.rng(part * 100 + 99);
    let traffic = Traffic::start(daemon.address, rngs, mark);
    // A pause now and then, in which the log is written back into the file.
    let mut until = |events: usize| {
        let mut next = 0;
        while traffic.acknowledged() < events {
            next += events / 4 + 1;
            wait_until("events are acknowledged", || traffic.acknowledged() >= next.min(events));
            disturb(&machine, &mut rng);
            traffic.pause(true);
            thread::sleep(Duration::from_millis(120));
            traffic.pause(false);
        }
    };
    until(events / 2);
    // Something is applied, and recorded with the stop.
    wait_until("rows arrive", || {
        rusqlite::Connection::open(&his)
            .and_then(|conn| conn.query_row("SELECT count(*) FROM visits", [], |row| row.get::<_, i64>(0)))
            .is_ok_and(|rows| rows > 0)
    });
    daemon.stop();
    machine.clock(3 * DAY_S);
    let daemon = machine.start(&site);
    traffic.moved(daemon.address);
    until(events);
    let sent = traffic.end();
    daemon.kill();
    let kept: i64 = rusqlite::Connection::open(machine.disk.join("queue.db"))
        .and_then(|conn| conn.query_row("SELECT min(seq) FROM event", [], |row| row.get(0)))
        .unwrap();
    History { erased: kept > 1, before, journal: Journal::read(machine.journal()), sent }
}

/// What a replay has found.
#[derive(Default)]
struct Replayed {
    cuts: u64,
    images: u64,
    drained: u64,
    losses: Vec<String>,
}

/// A disk after a cut.
struct Image {
    folder: TempDir,
    /// Where in the journal, and how it was chosen what is there.
    words: String,
    mark: u64,
    /// The real daemon is started on it, too.
    drain: bool,
}

/// How much of a history is replayed.
struct Effort<'a> {
    /// Cuts, half of them around syncs, each pass through the history having a share of them.
    cuts: usize,
    passes: usize,
    /// Disks that are looked at for each.
    images: usize,
    /// Whether there is time for another pass.
    goes_on: &'a (dyn Fn() -> bool + Sync),
}

/// Cuts a history in many places, and looks at some of the disks that there may be then.
fn replay(history: &History, rng: &mut Rng, effort: &Effort<'_>) -> Replayed {
    let (to, from) = mpsc::sync_channel::<Image>(4);
    let from = Mutex::new(from);
    let found = Mutex::new(Replayed::default());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = from.lock().unwrap().recv();
                    let Ok(image) = next else { return };
                    let wrong = judge(&image, &history.sent);
                    let mut found = found.lock().unwrap();
                    found.images += 1;
                    found.drained += u64::from(image.drain);
                    if !wrong.is_empty() {
                        found.losses.push(format!("{}\n{wrong}", image.words));
                    }
                }
            });
        }
        for pass in 0..effort.passes {
            if pass > 0 && !(effort.goes_on)() {
                break;
            }
            let mut disk = history.before.clone();
            let mut places = places(history, effort.cuts / effort.passes, rng).into_iter().peekable();
            for (index, record) in history.journal.records.iter().enumerate() {
                disk.apply(&history.journal, record);
                if places.next_if_eq(&(index + 1)).is_none() {
                    continue;
                }
                found.lock().unwrap().cuts += 1;
                for _ in 0..effort.images {
                    let folder = shm();
                    let words = disk.image(&history.journal, rng, folder.path());
                    let words = format!("cut after record {} ({:?}), {words}", index + 1, record.op);
                    let drain = rng.u8(0..40) == 0;
                    to.send(Image { folder, words, mark: record.end, drain }).unwrap();
                }
            }
        }
        drop(to);
    });
    found.into_inner().unwrap()
}

/// Where to cut: anywhere, and right before and right after syncs.
fn places(history: &History, cuts: usize, rng: &mut Rng) -> Vec<usize> {
    let records = &history.journal.records;
    let is_sync = |i: &usize| matches!(records[*i].op, Op::Sync | Op::SyncFolder | Op::SyncFailed);
    let syncs: Vec<usize> = (0..records.len()).filter(is_sync).collect();
    let mut places: Vec<usize> = (0..cuts / 2).map(|_| rng.usize(1..=records.len())).collect();
    if !syncs.is_empty() {
        places.extend(
            (0..cuts / 2).map(|_| (syncs[rng.usize(0..syncs.len())] + usize::from(rng.bool())).max(1)),
        );
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// The short form is done in seconds; the long one goes through each history as often as there is time.
fn effort(short: bool, goes_on: &(dyn Fn() -> bool + Sync)) -> Effort<'_> {
    if short {
        Effort { cuts: 160, passes: 4, images: 2, goes_on }
    } else {
        Effort { cuts: 3000, passes: 60, images: 2, goes_on }
    }
}

/// A folder in memory, where the machine has one: thousands of images are made.
fn shm() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// What is wrong with a disk after a cut; nothing where all is well.
fn judge(image: &Image, sent: &[Sent]) -> String {
    let (queue, his) = (image.folder.path().join("queue.db"), image.folder.path().join("his.db"));
    if let Err(error) = open(&queue) {
        return format!("the queue does not open: {error}");
    }
    match Found::read(&queue, &his) {
        Err(error) => return error,
        Ok(found) => {
            let wrong = found.wrong(sent, image.mark);
            if !wrong.is_empty() || !image.drain {
                return wrong;
            }
        }
    }
    drained(image, sent)
}

/// Opens and closes a queue file as the daemon does.
fn open(path: &Path) -> Result<(), String> {
    let options = QueueOptions {
        path: path.to_owned(),
        events_max: 1_000_000,
        free_bytes_min: 0,
        replace_damaged: false,
        encrypt: false,
        key: QueueKey::File(path.with_extension("key")),
    };
    let (queue, opened) = Queue::open(options).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(queue.close());
    opened.set_aside.map_or(Ok(()), |aside| Err(format!("set aside as {}", aside.display())))
}

/// Lets the real daemon write what waits into the HIS, and holds that all is there once.
fn drained(image: &Image, sent: &[Sent]) -> String {
    let (mut site, _) = traffic::site(|site| site.path("unused"));
    let (queue, his) = (image.folder.path().join("queue.db"), image.folder.path().join("his.db"));
    site.merge(json!({"queue": {"path": queue, "min_free_mb": 0, "keep_applied_days": 1000}, "database": {"path": his}}));
    // The HIS has moved with the disk.
    let moved = format!("sqlite {}", his.display());
    rusqlite::Connection::open(&queue)
        .and_then(|conn| conn.execute("UPDATE meta SET links_of = ?1 WHERE links_of IS NOT NULL", [moved]))
        .unwrap();
    let daemon = site.start();
    // Later cuts have what this one has not.
    let there: Vec<Sent> = sent.iter().map(|sent| sent.as_of(image.mark)).collect();
    let done = std::panic::catch_unwind(|| assert_in_effect(&site, &queue, &his, &there));
    let printed = daemon.stop();
    done.err().map(|_| format!("not all came to the HIS after the cut: {printed}")).unwrap_or_default()
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let run = Run::new("power", Duration::from_secs(8));
    let (mut cuts, mut images, mut drained) = (0, 0, 0);
    let short = run.budget < Duration::from_secs(20);
    for round in 0.. {
        let history = live(&run, round, if short { 300 } else { 600 }, |_, _| {});
        assert!(history.erased, "nothing was erased, so that no cut came while it was");
        let mut rng = run.rng(round * 100 + 98);
        let found = replay(&history, &mut rng, &effort(short, &|| run.goes_on()));
        assert!(found.losses.is_empty(), "{} losses: {}", found.losses.len(), found.losses.join("\n"));
        (cuts, images, drained) = (cuts + found.cuts, images + found.images, drained + found.drained);
        if short || !run.goes_on() {
            break;
        }
    }
    run.total("power cuts replayed", cuts);
    run.total("disks after a power cut opened", images);
    run.total("disks after a power cut drained to the HIS by the daemon", drained);
}

#[test]
fn a_sync_that_fails_is_no_loss() {
    let run = Run::new("power-sync", Duration::from_secs(8));
    let (mut cuts, mut images) = (0, 0);
    let short = run.budget < Duration::from_secs(20);
    for round in 0.. {
        // The system takes what it could not write for written; only what is written again is sure to be there later.
        let history = live(&run, 500 + round, if short { 200 } else { 600 }, |machine, rng| {
            machine.fail_syncs(rng.u64(1..4));
        });
        let failed = history.journal.records.iter().filter(|record| record.op == Op::SyncFailed).count();
        assert!(failed > 0, "no sync has failed");
        let mut rng = run.rng(round * 100 + 598);
        let found = replay(&history, &mut rng, &effort(short, &|| run.goes_on()));
        assert!(found.losses.is_empty(), "{} losses: {}", found.losses.len(), found.losses.join("\n"));
        (cuts, images) = (cuts + found.cuts, images + found.images);
        if short || !run.goes_on() {
            break;
        }
    }
    run.total("power cuts after failed syncs replayed", cuts);
    run.total("disks after a power cut opened", images);
}

#[test]
fn a_disk_that_lies_is_noticed_by_the_test() {
    let run = Run::new("power-lies", Duration::from_secs(4));
    let history = live(&run, 900, 150, |machine, _| machine.lie());
    let found =
        replay(&history, &mut run.rng(998), &Effort { cuts: 60, passes: 1, images: 1, goes_on: &|| true });
    let lost = found.losses.iter().filter(|loss| loss.contains("was acknowledged and is lost")).count();
    assert!(lost > 0, "{} disks, and nothing was lost although nothing was synced", found.images);
}
