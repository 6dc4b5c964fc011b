//! The owner's side of the queue file: transactions, what is kept in memory of it, and appending. Every method
//! that changes the file commits before it returns; none of them waits for anything but `SQLite`.

use std::{path::PathBuf, sync::Arc};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::{
    limits::ERROR_BYTES_MAX,
    model::event::{RawEvent, Receipt, ReceiptKind, Seq},
    queue::{
        ClaimId, Health, HealthCell, QueueError, QueueOptions,
        audit::Trail,
        damage::Damage,
        disk::Disk,
        doubt::Doubt,
        links::Scopes,
        memory::Writers,
        report::{DaemonReport, Requests},
        sealing::{self, Sealing},
        sql::{LAST_SEQ, count_unfinished, data_version, queue_id},
    },
};

pub(super) use crate::queue::sql::{count_at, state_at, transaction};

/// Rows changed since the last checkpoint that make a quiet moment worth one.
const CHECKPOINT_ROWS: u64 = 500;

/// The cause of events whose id was used before with another body.
const CONFLICT_CAUSE: &str = "id-conflict";

const INSERT: &str = "
    INSERT INTO event (seq, state, received_at, occurred_at, event_id, kind, operation, digest, body)
    VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (event_id) WHERE event_id IS NOT NULL AND conflict_of IS NULL DO NOTHING";
const INSERT_CONFLICT: &str = "
    INSERT INTO event (seq, state, received_at, occurred_at, event_id, kind, operation, digest, body,
                       conflict_of, cause, error)
    VALUES (?1, 7, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const FIND_ID: &str = "
    SELECT seq, digest FROM event INDEXED BY event_by_id
    WHERE event_id IS NOT NULL AND conflict_of IS NULL AND event_id = ?1";
const FIND_CONFLICT: &str = "
    SELECT seq FROM event INDEXED BY event_by_conflict
    WHERE conflict_of IS NOT NULL AND conflict_of = ?1 AND digest = ?2 LIMIT 1";

/// The only writing connection of the daemon, and what it remembers.
pub(super) struct Store {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    /// The queue file's random identity, for the ids of events that came without one.
    queue_id: String,
    events_max: u64,
    disk: Disk,
    next_seq: i64,
    pub(super) unfinished: u64,
    /// Claims that are open, and whether their events have taken the process down before.
    pub(super) open_claims: Vec<(ClaimId, bool)>,
    pub(super) next_claim: i64,
    /// Something may have happened that lets held events go.
    pub(super) held_due: bool,
    /// Another process changed the file since `unfinished` was counted.
    pub(super) recount_due: bool,
    data_version: i64,
    /// Where the next pruning step goes on in the table of entities.
    pub(super) entity_cursor: String,
    pub(super) writers: Writers,
    pub(super) scopes: Scopes,
    pub(super) trail: Trail,
    doubt: Doubt,
    pub(super) reported: Option<DaemonReport>,
    pub(super) requested: Option<Requests>,
    /// The keys of what is sealed.
    pub(super) sealing: Arc<Sealing>,
    pub(super) upkeep: Upkeep,
    checkpointed_changes: u64,
    damage: Damage,
    append_error: Option<QueueError>,
    health: Arc<HealthCell>,
}

/// What is to be done to the file itself.
pub(super) struct Upkeep {
    /// Rows are being given the form of new ones.
    pub(super) converting: bool,
    /// Rows that could not be, because they cannot be read.
    pub(super) unreadable: u64,
    /// The file can give room back to the disk.
    pub(super) shrinks: bool,
    /// The write-ahead log may hold what was erased.
    pub(super) log_due: bool,
}

impl Store {
    /// Takes over a connection whose file was checked and recovered.
    pub(super) fn new(
        conn: Connection,
        options: &QueueOptions,
        sealing: Sealing,
        shrinks: bool,
        health: Arc<HealthCell>,
    ) -> rusqlite::Result<Self> {
        let queue_id = queue_id(&conn)?;
        let last: i64 = conn.query_row(LAST_SEQ, [], |row| row.get(0))?;
        let converting = sealing::form(&conn)?.converting;
        // Before the count, so that what another process changes in between is counted again.
        let data_version = data_version(&conn)?;
        let unfinished = count_unfinished(&conn)?;
        Ok(Self {
            queue_id,
            events_max: options.events_max,
            disk: Disk::new(&options.path, options.free_bytes_min),
            next_seq: last + 1,
            unfinished,
            open_claims: Vec::new(),
            next_claim: 1,
            held_due: true,
            recount_due: false,
            data_version,
            entity_cursor: String::new(),
            writers: Writers::default(),
            scopes: Scopes::default(),
            trail: Trail::default(),
            doubt: Doubt::of(&conn)?,
            reported: None,
            requested: None,
            sealing: Arc::new(sealing),
            // The last process may have ended before it emptied the log.
            upkeep: Upkeep { converting, unreadable: 0, shrinks, log_due: true },
            checkpointed_changes: conn.total_changes(),
            damage: Damage::default(),
            append_error: None,
            health,
            path: options.path.clone(),
            conn,
        })
    }

    /// Runs `work` in a transaction that is kept whole or not at all.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueueError> {
        let done = transaction(&self.conn, "BEGIN IMMEDIATE", work);
        if done.is_ok() {
            self.append_error = None;
        }
        self.judge(done)
    }

    /// Runs `work` on one view of the file.
    pub(super) fn read<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueueError> {
        let done = transaction(&self.conn, "BEGIN", work);
        self.judge(done)
    }

    pub(super) fn judge<T>(&mut self, done: rusqlite::Result<T>) -> Result<T, QueueError> {
        let result = done.map_err(|error| QueueError::sqlite(&self.path, error));
        match &result {
            Err(error @ QueueError::Damaged { .. }) => self.damage.note(error),
            Err(QueueError::Full { .. }) => self.disk.forget(),
            _ => {}
        }
        result
    }

    /// Refuses where no new work may be taken from, or put into, a file that is known to be damaged.
    pub(super) fn sound(&mut self) -> Result<(), QueueError> {
        self.damage.refusal(&self.conn)
    }

    /// Stores events in one commit. The outer error is that of the commit: none of the events is kept then.
    pub(super) fn append(
        &mut self,
        events: &[&RawEvent],
    ) -> Result<Vec<Result<Receipt, QueueError>>, QueueError> {
        self.sound()?;
        let low = self.disk.refusal();
        if self.unfinished.saturating_add(events.len() as u64) > self.events_max && self.notice_changes()? {
            self.recount()?;
        }
        let mut tail = Tail {
            seq: self.next_seq,
            unfinished: self.unfinished,
            events_max: self.events_max,
            low,
            doubt: self.doubt,
        };
        let (queue_id, sealing) = (self.queue_id.clone(), Arc::clone(&self.sealing));
        let mut trail = std::mem::take(&mut self.trail);
        let stored = self.write(|conn| {
            let mut insert = conn.prepare_cached(INSERT)?;
            let mut append = |event| tail.append(conn, &mut insert, &mut trail, event, &queue_id, &sealing);
            events.iter().map(|event| append(event)).collect()
        });
        match &stored {
            Ok(_) => (self.next_seq, self.unfinished, self.trail) = (tail.seq, tail.unfinished, trail),
            Err(error) => self.append_error = Some(error.clone()),
        }
        stored
    }

    /// Looks whether another process has changed the file since the last look, or since the last count.
    pub(super) fn notice_changes(&mut self) -> Result<bool, QueueError> {
        let found = data_version(&self.conn);
        let version = self.judge(found)?;
        if version != self.data_version {
            self.data_version = version;
            self.requested = None;
            self.scopes = Scopes::default();
            self.recount_due = true;
            self.held_due = true;
        }
        Ok(self.recount_due)
    }

    /// Counts the unfinished events again.
    pub(super) fn recount(&mut self) -> Result<(), QueueError> {
        self.unfinished = self.read(count_unfinished)?;
        self.recount_due = false;
        Ok(())
    }

    /// The id that an event is shown under.
    pub(super) fn shown_id(&self, id: Option<String>, seq: Seq) -> String {
        id.unwrap_or_else(|| local_id(&self.queue_id, seq))
    }

    /// Whether a quiet moment should be used for [`Store::checkpoint`].
    pub(super) fn checkpoint_due(&self) -> bool {
        self.conn.total_changes().saturating_sub(self.checkpointed_changes) >= CHECKPOINT_ROWS
    }

    /// Copies the write-ahead log into the file. A failure costs nothing but the log's length: the next commit
    /// that finds the log long tries again.
    pub(super) fn checkpoint(&mut self, mode: &str) {
        self.checkpointed_changes = self.conn.total_changes();
        let done = self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        if let Err(error) = self.judge(done) {
            tracing::warn!(%error, "the log of the queue file could not be written back");
        }
    }

    #[cfg(test)]
    pub(super) fn forget_disk(&mut self) {
        self.disk.forget();
    }

    /// Looks at the disk where the last look is old, and makes the present state known to [`Health`]'s readers.
    pub(super) fn publish(&mut self) {
        let refusing = self
            .damage
            .known()
            .or_else(|| self.disk.refusal())
            .or_else(|| {
                (self.unfinished >= self.events_max)
                    .then_some(QueueError::AtCap { events_max: self.events_max })
            })
            .or_else(|| self.append_error.clone());
        self.health.set(Health { unfinished: self.unfinished, refusing });
    }
}

/// The end of the queue while a group is being stored.
struct Tail {
    seq: i64,
    unfinished: u64,
    events_max: u64,
    low: Option<QueueError>,
    doubt: Doubt,
}

impl Tail {
    fn append(
        &mut self,
        conn: &Connection,
        insert: &mut CachedStatement<'_>,
        trail: &mut Trail,
        event: &RawEvent,
        queue_id: &str,
        sealing: &Sealing,
    ) -> rusqlite::Result<Result<Receipt, QueueError>> {
        let digest = sealing.digest(event.digest);
        let refusal = self.low.clone().or_else(|| {
            (self.unfinished >= self.events_max).then_some(QueueError::AtCap { events_max: self.events_max })
        });
        if let Some(refusal) = refusal {
            let known = duplicate(conn, event, digest)?;
            return Ok(known.map_or(Err(refusal), |seq| {
                trail.came_unwritten();
                Ok(receipt(event, seq, ReceiptKind::Duplicate, queue_id))
            }));
        }
        let id = event.id.as_ref().map(|id| id.0.as_str());
        let (received, occurred) = (event.received_at.0, event.occurred_at.map(|t| t.0));
        let seq = Seq(self.seq);
        let body = sealing.body(seq.0, &event.body)?;
        let stored = insert.execute(params![
            seq.0,
            received,
            occurred,
            id,
            event.kind.0,
            event.operation,
            digest,
            body
        ])?;
        if stored == 1 {
            self.seq += 1;
            self.unfinished += 1;
            trail.came(conn, event, seq, ReceiptKind::Fresh, None)?;
            self.doubt.mark(conn, event, seq)?;
            return Ok(Ok(receipt(event, seq, ReceiptKind::Fresh, queue_id)));
        }
        let first = match id.map(|id| twin(conn, id, digest)).transpose()?.flatten() {
            Some(Twin::Same(seq)) => {
                trail.came(conn, event, seq, ReceiptKind::Duplicate, None)?;
                return Ok(Ok(receipt(event, seq, ReceiptKind::Duplicate, queue_id)));
            }
            Some(Twin::Other(first)) => first,
            None => return Err(rusqlite::Error::StatementChangedRows(stored)),
        };
        let error = format!(
            "event {first} has the same event_id and another body: compare the two, then retry or discard this one"
        );
        conn.prepare_cached(INSERT_CONFLICT)?.execute(params![
            seq.0,
            received,
            occurred,
            id,
            event.kind.0,
            event.operation,
            digest,
            body,
            first.0,
            CONFLICT_CAUSE,
            sealing.error(seq.0, &error)?
        ])?;
        self.seq += 1;
        trail.came(conn, event, seq, ReceiptKind::Conflict, Some(first))?;
        self.doubt.mark(conn, event, seq)?;
        Ok(Ok(receipt(event, seq, ReceiptKind::Conflict, queue_id)))
    }
}

/// The event that this one repeats. What is stored already is acknowledged even where nothing can be stored, or its sender
/// would repeat it without end.
fn duplicate(conn: &Connection, event: &RawEvent, digest: [u8; 16]) -> rusqlite::Result<Option<Seq>> {
    let twin = event.id.as_ref().map(|id| twin(conn, &id.0, digest)).transpose()?.flatten();
    Ok(twin.and_then(|twin| match twin {
        Twin::Same(seq) => Some(seq),
        Twin::Other(_) => None,
    }))
}

/// An event that has the id of another.
enum Twin {
    /// With the same body.
    Same(Seq),
    /// The first of that id; none of that id has the same body.
    Other(Seq),
}

fn twin(conn: &Connection, id: &str, digest: [u8; 16]) -> rusqlite::Result<Option<Twin>> {
    let first: Option<(i64, [u8; 16])> =
        conn.prepare_cached(FIND_ID)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((first, first_digest)) = first else { return Ok(None) };
    if first_digest == digest {
        return Ok(Some(Twin::Same(Seq(first))));
    }
    let same: Option<i64> =
        conn.prepare_cached(FIND_CONFLICT)?.query_row(params![first, digest], |row| row.get(0)).optional()?;
    Ok(Some(same.map_or(Twin::Other(Seq(first)), |seq| Twin::Same(Seq(seq)))))
}

fn receipt(event: &RawEvent, seq: Seq, kind: ReceiptKind, queue_id: &str) -> Receipt {
    let id = event.id.as_ref().map_or_else(|| local_id(queue_id, seq), |id| id.0.clone());
    Receipt { seq, id, kind }
}

/// The id of an event that came without one: computed, never stored.
pub(super) fn local_id(queue_id: &str, seq: Seq) -> String {
    format!("local-{queue_id}-{seq}")
}

/// The part of a text that is kept with an event.
pub(super) fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(ERROR_BYTES_MAX)).unwrap_or(text)
}
