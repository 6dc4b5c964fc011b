//! The queue through its own doors: a file in a folder of its own for each test, times as plain numbers.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use crate::{
    config::QueueKey,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventId, EventKind, EventState, RawEvent, Receipt, Sender, Seq},
        outcome::{Rejection, Settlement, Writer},
        table::ColumnName,
    },
    queue::{Inspector, Opened, Operator, Question, Queue, QueueError, QueueOptions, Retention},
};

mod appending;
mod audit;
mod awaiting;
mod backup;
mod files;
mod links;
mod memory;
mod model;
mod operators;
mod passing;
mod sealed;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }

    fn options(&self) -> QueueOptions {
        QueueOptions {
            path: self.path(),
            events_max: 1000,
            free_bytes_min: 0,
            replace_damaged: false,
            encrypt: false,
            key: self.key(),
        }
    }

    fn key(&self) -> QueueKey {
        QueueKey::File(self.folder.path().join("queue.key"))
    }

    fn try_open(&self) -> Result<(Queue, Opened), QueueError> {
        Queue::open(self.options())
    }

    fn open(&self) -> Queue {
        self.try_open().unwrap().0
    }

    fn inspect(&self) -> Inspector {
        Inspector::open(&self.path(), &self.key()).unwrap()
    }

    /// The file without its daemon: what another process would see.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    fn beside(&self, end: &str) -> PathBuf {
        super::open::beside(&self.path(), end)
    }
}

/// Who acts in these tests.
fn tester() -> Operator {
    Operator { user: "tester".into(), command: "test".into() }
}

/// What was finished, or left to an operator, before a moment is old, and so are entities.
fn older(than: i64) -> Retention {
    let than = Timestamp(than);
    Retention { applied_before: than, parked_before: None, entities_before: than }
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn event(id: Option<&str>, body: &str) -> RawEvent {
    let mut digest = [0; 16];
    for (at, byte) in body.bytes().enumerate() {
        digest[at % 16] ^= byte.wrapping_add(u8::try_from(at % 251).unwrap());
    }
    RawEvent {
        id: id.map(|id| EventId(id.to_owned())),
        kind: EventKind("appointment.created".into()),
        operation: Some("created".into()),
        occurred_at: None,
        received_at: Timestamp(1_000_000),
        sender: Sender::LOCAL,
        body: body.as_bytes().to_vec(),
        digest,
    }
}

fn of_kind(kind: &str) -> RawEvent {
    RawEvent { kind: EventKind(kind.into()), ..event(None, "{}") }
}

async fn append_many(queue: &Queue, count: usize) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for number in 0..count {
        receipts.push(
            queue.append(event(Some(&format!("e{number}")), &format!("{{\"n\":{number}}}"))).await.unwrap(),
        );
    }
    receipts
}

fn settled(seq: i64, state: EventState) -> Settlement {
    Settlement {
        seq: Seq(seq),
        state,
        counted: true,
        replay: false,
        next_at: None,
        reason: None,
        entity: None,
        wrote: Vec::new(),
        links: Vec::new(),
        awaits: None,
    }
}

/// About a record, whose row it changes where it is applied.
fn about(entity: &str, settlement: Settlement) -> Settlement {
    let entity = Entity(entity.into());
    let wrote = vec![(entity.clone(), writer("appointment", Some("status")))];
    Settlement { entity: Some(entity), wrote, ..settlement }
}

/// Who writes these columns, by their names with commas between.
fn writer(kind: &str, columns: Option<&str>) -> Arc<Writer> {
    let names =
        |all: &str| all.split(',').filter(|n| !n.is_empty()).map(|n| ColumnName(n.to_owned())).collect();
    Arc::new(Writer { kind: kind.to_owned(), columns: columns.map(names) })
}

fn asks(entity: &str, seq: i64) -> Question {
    Question { entity: Entity(entity.into()), seq: Seq(seq), order: true, link: false }
}

fn because(cause: &str, settlement: Settlement) -> Settlement {
    let reason = Some(Rejection { cause: cause.into(), message: format!("{cause} happened") });
    Settlement { reason, ..settlement }
}

fn due(at: i64, settlement: Settlement) -> Settlement {
    Settlement { next_at: Some(Timestamp(at)), ..settlement }
}

/// Claims everything that is pending and settles it so.
async fn settle_all(queue: &Queue, now: i64, settlements: Vec<Settlement>) {
    let page = queue.claim(None, 1000).await.unwrap();
    queue.settle(page.claim, settlements, Timestamp(now)).await.unwrap();
}

fn states(inspector: &Inspector) -> Vec<(i64, EventState)> {
    let filter = super::EventFilter { after: Some(Seq(0)), limit: 10_000, ..Default::default() };
    inspector.list(&filter).unwrap().into_iter().map(|row| (row.seq.0, row.state)).collect()
}

fn seqs(page: &super::Page) -> Vec<i64> {
    page.events.iter().map(|event| event.seq.0).collect()
}
