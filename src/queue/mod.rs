//! The durable queue: one `SQLite` file, one owner thread, many requests a commit. An answer comes only after
//! the commit that holds it. Knows no mapping and no HIS, and never reads the time of day for an event.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::QueueKey,
    limits::QUEUE_CHANNEL_MAX,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, RawEvent, Receipt, Seq, StoredEvent},
        outcome::{Settlement, Standing},
    },
    queue::{
        pass::Step,
        store::Store,
        writer::{Append, Request, Work},
    },
};

mod audit;
mod awaited;
mod backup;
mod change;
mod convert;
mod damage;
mod disk;
mod doubt;
mod error;
mod inspect;
mod keys;
mod links;
mod listed;
mod memory;
mod open;
mod page;
mod pass;
mod rekey;
mod relink;
mod report;
mod restore;
mod schema;
mod seal;
mod sealing;
mod shrink;
mod sql;
mod store;
mod trail;
mod upgrade;
mod writer;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests;

pub use audit::{AuditAction, Operator};
pub use awaited::Awaited;
pub use backup::{BackedUp, BackupError, Content, backup};
pub use change::{Changed, Selection};
pub use convert::AtRest;
pub use doubt::RESTORED_CAUSE;
pub use error::{QueueError, QueueTrouble};
pub use inspect::Inspector;
pub use keys::usable as key_is_usable;
pub use links::{LinksOf, Proposal};
pub use listed::{CauseCount, DaemonStatus, EventDetail, EventFilter, EventRow};
pub use pass::{Erased, Kinds, Release, Retention};
pub use rekey::{Compacted, Rekeyed, compact, rekey};
pub use relink::{LinkRow, LinkScope, LinkView, Relinked};
pub use report::{DaemonReport, Requests};
pub use restore::{Present, Restored, Restoring};
pub use trail::{AuditFilter, AuditRow};

/// How a queue is opened.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// The queue file.
    pub path: PathBuf,
    /// Events that may wait to be applied (pending, deferred, held, waiting, paused) before appends are refused.
    pub events_max: u64,
    /// Bytes that stay free on the file's disk; below, appends are refused.
    pub free_bytes_min: u64,
    /// A damaged file is set aside and an empty one begun.
    pub replace_damaged: bool,
    /// Bodies and errors are sealed in the file.
    pub encrypt: bool,
    /// With what they are sealed, and unsealed where `encrypt` was on before.
    pub key: QueueKey,
}

/// What was found when the queue was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Events that were being applied when the last process ended without a word; each counts a crash.
    pub recovered: u64,
    /// Where a damaged file was put.
    pub set_aside: Option<PathBuf>,
    /// The file was made now.
    pub fresh: bool,
    /// Events that wait to be applied.
    pub unfinished: u64,
}

/// Names a claimed page until it is settled or released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClaimId(pub i64);

/// Events to be applied, in the order of the queue.
#[derive(Clone, Debug)]
pub struct Page {
    /// To be settled or released; where `events` is empty nothing was recorded and nothing need be done.
    pub claim: ClaimId,
    /// The events.
    pub events: Vec<StoredEvent>,
    /// There are events, but the next ones may take the process down, or may be doing so: claim again once the open
    /// claims are settled.
    pub held_back: bool,
}

/// A question about a record, by an event that is about it or writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The record.
    pub entity: Entity,
    /// The event that asks.
    pub seq: Seq,
    /// Whether it is asked for unfinished events before it.
    pub order: bool,
    /// Whether it is asked for the entry in the crosswalk.
    pub link: bool,
}

/// Whether the queue can accept, as of the last request that it served.
#[derive(Clone, Debug)]
pub struct Health {
    /// Events that wait to be applied.
    pub unfinished: u64,
    /// Why an append would be refused, or why the last one failed.
    pub refusing: Option<QueueError>,
}

/// Where the owner thread leaves its health for others to read.
struct HealthCell(Mutex<Health>);

impl HealthCell {
    fn get(&self) -> Health {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, health: Health) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

/// The queue. Clones share one owner thread, which ends when it is told to ([`Queue::close`]) or when the last
/// clone is dropped.
#[derive(Clone)]
pub struct Queue {
    requests: mpsc::Sender<Request>,
    /// Bounds the requests under way; the channel itself does not.
    room: Arc<Semaphore>,
    health: Arc<HealthCell>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Queue {
    /// Opens or makes the queue file, takes the daemon lock, counts a crash with the events of claims that were left
    /// open, and starts the owner thread. Blocks for the time that takes.
    pub fn open(options: QueueOptions) -> Result<(Self, Opened), QueueError> {
        let path = options.path.clone();
        let health = Arc::new(HealthCell(Mutex::new(Health { unfinished: 0, refusing: None })));
        let (store, lock, opened) = open::open(options, &health)?;
        let (requests, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("queue".to_owned())
            .spawn({
                let health = Arc::clone(&health);
                move || writer::run(lock, store, &inbox, health)
            })
            .map_err(|error| QueueError::io("start the thread of", &path, error))?;
        let queue = Self {
            requests,
            room: Arc::new(Semaphore::new(QUEUE_CHANNEL_MAX)),
            health,
            thread: Arc::new(Mutex::new(Some(thread))),
        };
        Ok((queue, opened))
    }

    /// Stores an event; gives the answer only after the commit that holds it.
    pub async fn append(&self, event: RawEvent) -> Result<Receipt, QueueError> {
        self.ask(|reply| Work::Append(Append { event, reply })).await
    }

    /// Makes pending what is due at `now`: deferred and waiting events whose moment has come, held events whose
    /// entity is free. Gives how many.
    pub async fn begin_pass(&self, now: Timestamp, release: Release) -> Result<u64, QueueError> {
        self.steps(move |store| store.begin_pass(now, release)).await
    }

    /// Claims the next pending events after a place in the queue: at most `events_max`, at most
    /// [`crate::limits::PAGE_BYTES_MAX`] of bodies. A page is empty where there is none.
    pub async fn claim(&self, after: Option<Seq>, events_max: usize) -> Result<Page, QueueError> {
        let (answer, waits) = oneshot::channel();
        self.send(Work::Job(Box::new(move |store: &mut Store| {
            if let Err(Ok(page)) = answer.send(store.claim(after, events_max))
                && !page.events.is_empty()
                && let Err(error) = store.release(page.claim)
            {
                // The one who asked is gone; left open, the claim would count as a crash at the next start.
                tracing::warn!(%error, "a claim that nobody waits for stays open");
            }
        })))
        .await?;
        waits.await.unwrap_or(Err(QueueError::Closed))
    }

    /// The pending events after a place that a claim would give next, without claiming them: a look ahead.
    pub async fn peek(&self, after: Seq, events_max: usize) -> Result<Vec<StoredEvent>, QueueError> {
        self.job(move |store| store.peek(after, events_max)).await
    }

    /// What is known of each record. In the order of the questions.
    pub async fn standing(&self, questions: Vec<Question>) -> Result<Vec<Standing>, QueueError> {
        self.job(move |store| store.standing(&questions)).await
    }

    /// Records, before the HIS is asked to insert rows, which keys they are to have. A proposal takes the place of an
    /// earlier one of its record. Where one of the records has a confirmed link, nothing is recorded
    /// ([`QueueError::Linked`]).
    pub async fn propose(&self, proposals: Vec<Proposal>, now: Timestamp) -> Result<(), QueueError> {
        self.job(move |store| store.propose(&proposals, now)).await
    }

    /// Whether no other record of the same table and step is linked to that row, or may be.
    pub async fn is_unlinked(&self, entity: Entity, his_key: String) -> Result<bool, QueueError> {
        self.job(move |store| store.is_unlinked(&entity, &his_key)).await
    }

    /// Whether the crosswalk's links belong to that database. Where there are none yet, they do from now on.
    pub async fn links_of(&self, database: String) -> Result<LinksOf, QueueError> {
        self.job(move |store| store.links_of(&database)).await
    }

    /// Missing records that parked events wait for, in the order of their texts: at most `max`, after that one. Counts
    /// at most [`crate::limits::AWAITING_COUNTED_MAX`] events of each.
    pub async fn awaited(&self, after: Option<String>, max: usize) -> Result<Vec<Awaited>, QueueError> {
        self.job(move |store| store.awaited(after.as_deref(), max)).await
    }

    /// Makes the parked events pending that wait for these records. Gives how many.
    pub async fn arrived(&self, awaits: Vec<String>) -> Result<u64, QueueError> {
        self.steps(move |store| store.arrived(&awaits)).await
    }

    /// Records what became of events, and closes their claim, in one commit. Events of the claim that are not
    /// mentioned stay pending.
    pub async fn settle(
        &self,
        claim: ClaimId,
        settlements: impl Into<Arc<[Settlement]>>,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        let settlements = settlements.into();
        self.job(move |store| store.settle(claim, &settlements, now)).await
    }

    /// Closes a claim of which nothing was tried; nothing is counted.
    pub async fn release(&self, claim: ClaimId) -> Result<(), QueueError> {
        self.job(move |store| store.release(claim)).await
    }

    /// Makes unmapped events pending whose type is now mapped. Gives how many.
    pub async fn adopt(&self, mapped: Kinds) -> Result<u64, QueueError> {
        self.steps(move |store| store.resume(EventState::Unmapped, &mapped)).await
    }

    /// Makes paused events pending. Gives how many.
    pub async fn resume_paused(&self, kinds: Kinds) -> Result<u64, QueueError> {
        self.steps(move |store| store.resume(EventState::Paused, &kinds)).await
    }

    /// When the newest event was received.
    pub async fn newest(&self) -> Result<Option<Timestamp>, QueueError> {
        self.job(Store::newest).await
    }

    /// One bounded step of erasing.
    pub async fn prune(&self, retention: Retention) -> Result<Erased, QueueError> {
        self.job(move |store| store.prune(retention)).await
    }

    /// Gives the rows of the file the form that new ones have: sealed, or as they came. Gives how many were changed.
    pub async fn convert(&self) -> Result<u64, QueueError> {
        self.steps(Store::convert).await
    }

    /// Gives free room of the file back to the disk, and overwrites what was erased in the write-ahead log too. Gives
    /// whether that is done; where another process reads, the log has to be tried again.
    pub async fn tidy(&self) -> Result<bool, QueueError> {
        self.steps(Store::shrink).await?;
        self.job(|store| Ok(store.cut_log())).await
    }

    /// One bounded step of erasing the audit trail: what it tells of senders from before one moment, of operators from
    /// before another. Gives how many rows.
    pub async fn prune_audit(
        &self,
        senders_before: Timestamp,
        operators_before: Timestamp,
    ) -> Result<u64, QueueError> {
        self.job(move |store| store.prune_audit(senders_before, operators_before)).await
    }

    /// Leaves the daemon's report in the file, for `status`. Writes nothing where it equals the last one.
    pub async fn report(&self, report: DaemonReport) -> Result<(), QueueError> {
        self.job(move |store| store.report(report)).await
    }

    /// What other processes have asked for. Cheap where nothing has changed: to be called often.
    pub async fn requests(&self) -> Result<Requests, QueueError> {
        self.job(Store::requests).await
    }

    /// Whether the queue can accept, without waiting.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.get()
    }

    /// Serves the requests that were sent before, writes the log back into the file, gives the daemon lock free and
    /// ends the owner thread. Other clones get [`QueueError::Closed`] from then on.
    pub async fn close(self) {
        if self.ask(Work::Close).await.is_err() {
            // Closed before, or its thread has panicked, which the thread's own guard has told.
            return;
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread of the queue file ended in a panic");
        }
    }

    async fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        self.ask(|reply| {
            Work::Job(Box::new(move |store| {
                let result = job(store);
                store.publish();
                // Where the one who asked is gone, the work is done all the same.
                drop(reply.send(result));
            }))
        })
        .await
    }

    /// Repeats a step, each a request of its own, until nothing is left.
    async fn steps(
        &self,
        step: impl Fn(&mut Store) -> Result<Step, QueueError> + Send + Sync + 'static,
    ) -> Result<u64, QueueError> {
        let step = Arc::new(step);
        let mut changed = 0;
        loop {
            let step = Arc::clone(&step);
            let done = self.job(move |store| step(store)).await?;
            changed += done.changed;
            if !done.more {
                return Ok(changed);
            }
        }
    }

    async fn ask<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> Work,
    ) -> Result<T, QueueError> {
        let (reply, waits) = oneshot::channel();
        self.send(work(reply)).await?;
        waits.await.unwrap_or(Err(QueueError::Closed))
    }

    async fn send(&self, work: Work) -> Result<(), QueueError> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| QueueError::Closed)?;
        self.requests.send(Request { work, room }).map_err(|_| QueueError::Closed)
    }
}
