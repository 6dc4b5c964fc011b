//! Draining through the crosswalk, two steps and two lookups, beside the plain mapping in the same round; and the memory
//! that it takes beside a crosswalk of ten million links.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use buktor_middleware::{
    config::Config,
    ingest::envelope,
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::RawEvent,
    },
    queue::{DaemonReport, Queue},
    sync::{Tally, Worker, schedule::Wake},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{
    events::{copy, fill, fill_with, queue_at},
    figures::{Limit, Paper, Rounds, rate, rounds},
    his::His,
    site::{Site, folder, place},
};

const ROUNDS_USUAL: u64 = 3;
const EVENTS: u64 = 100_000;
const DOCTORS: u64 = 500;
const DEPARTMENTS: u64 = 20;
const LINKS: u64 = 10_000_000;
const EVENTS_BESIDE_LINKS: u64 = 20_000;
/// Between two looks at the process and the HIS.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(3);
/// The queue file's cache (8 MiB), which an empty crosswalk does not fill, and what comes with it.
const LINKS_MIB_MAX: f64 = 10.0;
/// How much longer than by the plain mapping it may take.
const TIMES: f64 = 3.0;

const TABLES: [&str; 10] = [
    "DROP TABLE IF EXISTS visits",
    "DROP TABLE IF EXISTS patients",
    "DROP TABLE IF EXISTS doctors",
    "DROP TABLE IF EXISTS departments",
    "CREATE TABLE patients (
        patient_no INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL, phone VARCHAR(20)
    ) ENGINE = InnoDB",
    "CREATE TABLE visits (
        visit_no INT NOT NULL AUTO_INCREMENT PRIMARY KEY, patient_no INT NOT NULL, doctor_no INT NOT NULL,
        department_no INT NOT NULL, status VARCHAR(20) NOT NULL, starts_at DATETIME NOT NULL, fee DECIMAL(10,2) NOT NULL,
        notes VARCHAR(200), changed_at DATETIME NOT NULL,
        FOREIGN KEY (patient_no) REFERENCES patients (patient_no)
    ) ENGINE = InnoDB",
    "CREATE TABLE doctors (doctor_no INT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE) ENGINE = InnoDB",
    "CREATE TABLE departments (department_no INT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE) ENGINE = InnoDB",
    "INSERT INTO doctors SELECT seq + 1, CONCAT('D', seq) FROM seq_0_to_499",
    "INSERT INTO departments SELECT seq + 1, CONCAT('K', seq) FROM seq_0_to_19",
];
const EMPTY: [&str; 5] = [
    "SET foreign_key_checks = 0",
    "TRUNCATE TABLE visits",
    "TRUNCATE TABLE patients",
    "TRUNCATE TABLE appointments",
    "SET foreign_key_checks = 1",
];

pub(crate) fn measure(paper: &mut Paper) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut his = His::open().await?;
        his.run(&TABLES).await?;
        speed(paper, &mut his).await?;
        memory(paper, &mut his).await
    })
}

async fn speed(paper: &mut Paper, his: &mut His) -> anyhow::Result<()> {
    let rounds = rounds(ROUNDS_USUAL);
    paper.line(&format!(
        "\ncrosswalk: the worker in this process empties a queue file of {EVENTS} events; from the first claim to the last\n\
         settlement. \"two steps\": a patient and a visit, both with a generated key and without a marker, and two lookups ({DOCTORS}\n\
         doctors, {DEPARTMENTS} departments). Of four visits one is its patient's second in the same page; in the second half\n\
         another one is of a patient who came in the first. {rounds} rounds; medians (least to most). Ratios are of the same round."
    ))?;
    let mut plain = Rounds::default();
    let names =
        ["two steps, new rows, lookups cold", "two steps, new rows, lookups warm", "two steps, known rows"];
    let mut drained = names.map(|name| (name, Rounds::default(), Rounds::default()));
    for _ in 0..rounds {
        let by_plain = plainly(his).await?;
        plain.add(by_plain);
        let rates = in_two_steps(his).await?;
        for ((_, figures, ratios), rate) in drained.iter_mut().zip(rates) {
            figures.add(rate);
            ratios.add(by_plain / rate);
        }
    }
    paper.rounds("plain mapping", &plain, "events/s", "")?;
    for (name, figures, _) in &drained {
        paper.rounds(name, figures, "events/s", "")?;
    }
    for (name, _, ratios) in &drained {
        paper.judge(&format!("plain / {name}"), ratios.median(), "", Limit::Below(TIMES))?;
    }
    Ok(())
}

/// A queue, and a worker that drains it.
struct Bench {
    queue: Queue,
    file: PathBuf,
    worker: Worker,
    /// Gone with their values.
    _folders: (Site, TempDir),
}

impl Bench {
    fn new(site: Site) -> anyhow::Result<Self> {
        let config = Config::load(&site.config()?).map_err(|error| anyhow::anyhow!("{error}"))?;
        let files = folder()?;
        let file = files.path().join("queue.db");
        let queue = queue_at(&file)?;
        let worker = Worker::new(&config, queue.clone(), Arc::new(SystemClock), DaemonReport::default());
        Ok(Self { queue, file, worker, _folders: (site, files) })
    }

    /// Drains what is there; gives the events a second.
    async fn drain(&mut self, events: u64) -> anyhow::Result<f64> {
        let stop = CancellationToken::new();
        let began = Instant::now();
        let tally: Tally = self.worker.wake(Wake::Tick, &stop).await;
        let took = began.elapsed();
        ensure!(tally.applied == events && tally.parked == 0, "{tally:?}");
        Ok(rate(events, took))
    }
}

async fn plainly(his: &mut His) -> anyhow::Result<f64> {
    his.run(&EMPTY).await?;
    let mut bench = Bench::new(Site::new(Some(his.section(false)))?)?;
    fill(&bench.queue, 0, EVENTS).await?;
    let rate = bench.drain(EVENTS).await?;
    bench.queue.close().await;
    Ok(rate)
}

/// New records with a cold worker, others with the same one, and these again.
async fn in_two_steps(his: &mut His) -> anyhow::Result<[f64; 3]> {
    his.run(&EMPTY).await?;
    let mut bench = Bench::new(Site::new(Some(his.section(false)))?.mapping(mapping()))?;
    let mut rates = [0.0; 3];
    for (rate, (run, numbers)) in
        rates.iter_mut().zip([(0, 0..EVENTS), (1, EVENTS..2 * EVENTS), (2, EVENTS..2 * EVENTS)])
    {
        let now = SystemClock.now();
        fill_with(&bench.queue, numbers, |number| event(run, number, patient(number), now)).await?;
        *rate = bench.drain(EVENTS).await?;
    }
    ensure!(his.number("SELECT COUNT(*) FROM visits", None).await? == 2 * EVENTS, "not a row for each visit");
    bench.queue.close().await;
    Ok(rates)
}

fn mapping() -> Value {
    let lookup = |table: &str, take: &str| json!({ "table": table, "match": "code", "take": take });
    json!({ "appointment": { "steps": [
        {
            "name": "patient", "table": "patients", "generated_key": "patient_no", "key": "patient_id",
            "fields": { "patient_name": "name", "patient_phone": "phone" },
        },
        {
            "name": "visit", "table": "visits", "generated_key": "visit_no", "key": "appointment_id",
            "fields": {
                "$patient.generated_key": "patient_no",
                "doctor_id": { "column": "doctor_no", "lookup": lookup("doctors", "doctor_no") },
                "department_id": { "column": "department_no", "lookup": lookup("departments", "department_no") },
                "status": "status", "start_time": "starts_at", "fee": "fee", "notes": "notes",
                "updated_at": "changed_at",
            },
        },
    ] } })
}

/// Whose visit it is: most patients have two. Some come again at once, others after half of the events.
fn patient(number: u64) -> u64 {
    match number % 4 {
        1 => number - 1,
        3 if number % EVENTS > EVENTS / 2 => number - EVENTS / 2 - 1,
        _ => number,
    }
}

fn event(run: u64, number: u64, patient: u64, now: Timestamp) -> anyhow::Result<RawEvent> {
    let body = json!({
        "event_id": format!("evt_{:016x}", run << 40 | number),
        "appointment_id": 100_000_000 + number,
        "type": "appointment.created",
        "operation": "created",
        "timestamp": format!("2026-03-03T09:{run:02}:00Z"),
        "source": "buktor",
        "data": {
            "patient_id": 100_000_000 + patient,
            "patient_name": "Asha Menon", "patient_phone": "+91 98470 12345",
            "doctor_id": format!("D{}", number % DOCTORS),
            "department_id": format!("K{}", number % DEPARTMENTS),
            "status": "confirmed", "start_time": "2026-03-05T10:30:00Z", "fee": "1500.00",
            "notes": "first visit, brings the reports of the last one",
        },
    });
    Ok(envelope::read(body.to_string().as_bytes(), now)?)
}

async fn memory(paper: &mut Paper, his: &mut His) -> anyhow::Result<()> {
    paper.line(&format!(
        "\n  memory of the process while it drains {EVENTS_BESIDE_LINKS} events of new records, all over the crosswalk's keys; by\n  \
         /proc/PID/status, the most that was seen"
    ))?;
    let empty = beside_links(his, 0).await?;
    let full = beside_links(his, LINKS).await?;
    for (what, seen) in [("an empty crosswalk", &empty), ("ten million links", &full)] {
        paper.line(&format!(
            "  {what:<52} {:>9.1} MiB       ({:.1} MiB anonymous), {:.1} s",
            seen.peak, seen.anonymous, seen.time
        ))?;
    }
    paper.judge("what the links take", full.peak - empty.peak, "MiB", Limit::Below(LINKS_MIB_MAX))?;
    paper.judge("with ten million links", full.peak, "MiB", Limit::Below(60.0))
}

struct Seen {
    peak: f64,
    anonymous: f64,
    time: f64,
}

async fn beside_links(his: &mut His, links: u64) -> anyhow::Result<Seen> {
    let site = || anyhow::Ok(Site::new(Some(his.section(false)))?.mapping(mapping()));
    let file = linked(&site, links).await?;
    let site = site()?.ticking();
    his.run(&EMPTY).await?;
    copy(&file, &site.queue())?;
    let process = site.start()?;
    let began = Instant::now();
    let (mut seen, mut written) = (Seen { peak: 0.0, anonymous: 0.0, time: 0.0 }, 0);
    while written < EVENTS_BESIDE_LINKS {
        tokio::time::sleep(LOOK).await;
        seen.anonymous = process.memory("RssAnon")?.max(seen.anonymous);
        written = his.number("SELECT COUNT(*) FROM visits", None).await?;
        ensure!(began.elapsed() < PATIENCE, "the backlog was not drained within three minutes");
    }
    seen.time = began.elapsed().as_secs_f64();
    seen.peak = process.memory("VmHWM")?;
    Ok(seen)
}

/// A queue file with so many links and the events; made once, kept under `target`.
async fn linked(site: &impl Fn() -> anyhow::Result<Site>, links: u64) -> anyhow::Result<PathBuf> {
    let mut bench = Bench::new(site()?)?;
    // The scopes of the links are what the worker makes them.
    let one = u64::MAX >> 24;
    fill_with(&bench.queue, one..one + 1, |number| event(0, number, number, SystemClock.now())).await?;
    bench.drain(1).await?;
    let path = place(&format!("links-{links}-{:x}.db", fingerprint(&bench.file)?));
    if path.exists() {
        bench.queue.close().await;
        return Ok(path);
    }
    // Even numbers are the links', odd ones the events'.
    let step = LINKS / EVENTS_BESIDE_LINKS;
    let scattered = |number: u64| (number * 7919) % EVENTS_BESIDE_LINKS * step + 1;
    let now = SystemClock.now();
    fill_with(&bench.queue, 0..EVENTS_BESIDE_LINKS, |number| {
        event(1, scattered(number), scattered(number), now)
    })
    .await?;
    bench.queue.close().await;
    let connection = rusqlite::Connection::open(&bench.file)?;
    connection.execute_batch(
        "PRAGMA cache_size = -400000; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;",
    )?;
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
         INSERT INTO link (scope, key, his_key, proof, linked_at)
         SELECT id, 100000000 + 2 * i, 100000000 + i, NULL, 0 FROM link_scope CROSS JOIN n WHERE ?1 > 0",
        [i64::try_from(links / 2)?],
    )?;
    // The server's port is another one the next time.
    connection.execute_batch("UPDATE meta SET links_of = NULL; PRAGMA journal_mode = WAL;")?;
    drop(connection);
    fs::rename(&bench.file, &path)?;
    Ok(path)
}

/// Another layout makes another file.
fn fingerprint(path: &Path) -> anyhow::Result<u64> {
    let connection = rusqlite::Connection::open(path)?;
    let layout: String =
        connection.query_row("SELECT group_concat(sql) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(layout.bytes().fold(1, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
}
