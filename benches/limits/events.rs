//! Events as Buktor sends them, and queue files full of them.

use std::{
    fs::{self, File},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use buktor_middleware::{
    config::QueueKey,
    ingest::envelope,
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::RawEvent,
    },
    queue::{Queue, QueueOptions},
};
use tokio::task::JoinSet;

use crate::site::{folder, place};

/// The place of the id's sixteen digits, and of the nine of the appointment, in [`BODY`].
const ID_AT: usize = "{\"event_id\":\"evt_".len();
const BODY: &str = "{\"event_id\":\"evt_0000000000000000\",\"appointment_id\":100000000,\"type\":\"appointment.created\",\
    \"operation\":\"created\",\"timestamp\":\"2026-03-03T09:00:00Z\",\"source\":\"buktor\",\"data\":{\"status\":\"confirmed\",\
    \"start_time\":\"2026-03-05T10:30:00Z\",\"doctor\":\"Dr. Meera Nair\",\"fee\":\"1500.00\",\
    \"notes\":\"first visit, brings the reports of the last one\"}}";
const NUMBER_AT: usize = ID_AT + 16 + "\",\"appointment_id\":".len();
/// The least appointment.
pub(crate) const NUMBER_FIRST: u64 = 100_000_000;
/// Appends under way while a queue file is filled.
const IN_FLIGHT: u64 = 512;

/// How a sender makes its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// As Buktor does: each is greater than the one before (`evt_123456`).
    Ascending,
    /// By chance: each is at another place in an index.
    Scattered,
    /// All the same: the same event again and again.
    Same,
}

impl Ids {
    /// The id of that event of a run.
    pub(crate) fn id(self, run: u64, number: u64) -> u64 {
        let id = run << 40 | number;
        match self {
            Self::Ascending => id,
            // An odd factor: different numbers stay different.
            Self::Scattered => id.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            Self::Same => 0,
        }
    }
}

/// The body of an event that everything else has the same of, but for its id and its appointment.
#[derive(Clone)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    pub(crate) fn new() -> Self {
        Self(BODY.as_bytes().to_vec())
    }

    /// Makes it that event, of that appointment.
    pub(crate) fn set(&mut self, id: u64, number: u64) {
        self.put(ID_AT, format!("{id:016x}").as_bytes());
        self.put(NUMBER_AT, (NUMBER_FIRST + number).to_string().as_bytes());
    }

    fn put(&mut self, at: usize, text: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As the listener gives it to the queue.
    pub(crate) fn event(&self, now: Timestamp) -> anyhow::Result<RawEvent> {
        Ok(envelope::read(&self.0, now)?)
    }
}

/// How the benchmarks open a queue file.
pub(crate) fn queue_at(path: &Path) -> anyhow::Result<Queue> {
    let (queue, _) = Queue::open(QueueOptions {
        path: path.to_owned(),
        events_max: u64::MAX,
        free_bytes_min: 0,
        replace_damaged: false,
        encrypt: false,
        key: QueueKey::File(path.with_extension("key")),
    })?;
    Ok(queue)
}

/// Puts events into a queue, many at a time.
pub(crate) async fn fill(queue: &Queue, run: u64, events: u64) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let event = |number| {
        let mut body = Body::new();
        body.set(Ids::Ascending.id(run, number), number);
        body.event(now)
    };
    fill_with(queue, 0..events, event).await
}

/// Puts events of any kind into a queue, many at a time.
pub(crate) async fn fill_with(
    queue: &Queue,
    numbers: Range<u64>,
    event: impl Fn(u64) -> anyhow::Result<RawEvent>,
) -> anyhow::Result<()> {
    // All from one thread, so that they stand in the queue in this order.
    let under_way = tokio::task::LocalSet::new();
    under_way
        .run_until(async {
            let mut appends = JoinSet::new();
            for number in numbers {
                let (queue, event) = (queue.clone(), event(number)?);
                appends.spawn_local(async move { queue.append(event).await });
                if appends.len() as u64 >= IN_FLIGHT {
                    done(appends.join_next().await)?;
                }
            }
            while let Some(result) = appends.join_next().await {
                done(Some(result))?;
            }
            anyhow::Ok(())
        })
        .await
}

type Appended = Result<buktor_middleware::model::event::Receipt, buktor_middleware::queue::QueueError>;

fn done(result: Option<Result<Appended, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match result {
        Some(result) => result?.map(drop).map_err(anyhow::Error::new),
        None => Ok(()),
    }
}

/// A queue file with so many pending events; made once, kept under `target`. Copied by those who change it.
pub(crate) fn backlog(events: u64) -> anyhow::Result<PathBuf> {
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = folder()?;
    let empty = folder.path().join("empty.db");
    runtime.block_on(queue_at(&empty)?.close());
    // Another layout or another body makes another file.
    let layout: String = rusqlite::Connection::open(&empty)?.query_row(
        "SELECT group_concat(sql) FROM sqlite_schema",
        [],
        |row| row.get(0),
    )?;
    let name = [BODY, layout.as_str()]
        .iter()
        .flat_map(|text| text.bytes())
        .fold(1_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let path = place(&format!("backlog-{events}-{name:x}.db"));
    if path.exists() {
        return Ok(path);
    }
    let unfinished = path.with_extension("new");
    drop(fs::remove_file(&unfinished));
    runtime.block_on(async {
        let queue = Arc::new(queue_at(&unfinished)?);
        fill(&queue, 0, events).await?;
        Arc::try_unwrap(queue).unwrap_or_else(|shared| (*shared).clone()).close().await;
        anyhow::Ok(())
    })?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// A copy that is on the disk, so that writing it back disturbs no measurement.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to)?;
    Ok(File::open(to)?.sync_all()?)
}
