//! The queue file as the commands see it, beside a running daemon or without one: what is in it, and since when.
//! A short-lived connection of its own; takes no daemon lock. Changing events is in `change`.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use crate::{
    config::QueueKey,
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::{EventState, Seq},
        outcome::Standing,
    },
    queue::{
        AtRest, AuditAction, Operator, Question, QueueError,
        audit::{self, Entry},
        links::Scopes,
        listed::{CauseCount, DaemonStatus, EventDetail, EventFilter, EventRow},
        memory::{self, Writers},
        open, report,
        schema::{self, FINAL, Identity, LAYOUT, OPERATOR, WAITING},
        seal,
        sealing::Sealing,
        sql::{count_at, queue_id, state_at, transaction},
        store::local_id,
    },
};

/// A look into the queue file.
pub struct Inspector {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) queue_id: String,
    key: QueueKey,
    /// The keys of what is sealed, once they were needed.
    sealing: OnceCell<Sealing>,
}

const ROW_COLUMNS: &str =
    "seq, event_id, kind, operation, state, attempts, crashes, replay, received_at, occurred_at,
    next_at, settled_at, entity, cause, error, conflict_of, length(body), substr(body, 1, 1)";

impl Inspector {
    /// Opens the queue file for a command. The file must exist; one of a newer version is refused. `key` is needed only
    /// where something is shown that is sealed.
    pub fn open(path: &Path, key: &QueueKey) -> Result<Self, QueueError> {
        let path = &std::path::absolute(path)
            .map_err(|error| QueueError::io("find the place of the queue file", path, error))?;
        // Only its size is asked here: opening the file otherwise than through SQLite could free the locks that a
        // daemon in this very process holds on it.
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > 0 => {}
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(QueueError::io("open the queue file", path, error));
            }
            _ => return Err(QueueError::NoFile { path: path.clone() }),
        }
        let fault = |error| QueueError::sqlite(path, error);
        let conn = open::look(path)?;
        match open::whose(&conn, path)? {
            Identity::Queue(LAYOUT) => {}
            Identity::Queue(_) => return Err(QueueError::Older { path: path.clone() }),
            _ => return Err(QueueError::NoFile { path: path.clone() }),
        }
        let queue_id = queue_id(&conn).map_err(fault)?;
        conn.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
        Ok(Self { conn, path: path.clone(), queue_id, key: key.clone(), sealing: OnceCell::new() })
    }

    /// How many events stand where; every state is there.
    pub fn counts(&self) -> Result<BTreeMap<EventState, u64>, QueueError> {
        let sql = format!(
            "SELECT 0, count(*) FROM event INDEXED BY event_pending WHERE state = 0
             UNION ALL SELECT state, count(*) FROM event INDEXED BY event_waiting WHERE {WAITING} GROUP BY state
             UNION ALL SELECT state, count(*) FROM event INDEXED BY event_operator WHERE {OPERATOR} GROUP BY state
             UNION ALL SELECT state, count(*) FROM event INDEXED BY event_final WHERE {FINAL} GROUP BY state"
        );
        let mut counts: BTreeMap<EventState, u64> =
            EventState::ALL.into_iter().map(|state| (state, 0)).collect();
        let found = self.rows(&sql, &[], |row| Ok((state_at(row, 0)?, count_at(row, 1)?)))?;
        counts.extend(found);
        Ok(counts)
    }

    /// Unfinished events and those that an operator has to look at, by state and cause, the most frequent first.
    pub fn causes(&self) -> Result<Vec<CauseCount>, QueueError> {
        let sql = format!(
            "SELECT g.state, g.cause, g.n, g.least, e.received_at FROM (
                 SELECT state, cause, count(*) AS n, min(seq) AS least
                 FROM event INDEXED BY event_operator WHERE {OPERATOR} GROUP BY state, cause
                 UNION ALL
                 SELECT state, cause, count(*), min(seq)
                 FROM event INDEXED BY event_waiting WHERE {WAITING} GROUP BY state, cause
             ) AS g JOIN event AS e ON e.seq = g.least ORDER BY g.n DESC, g.least"
        );
        self.rows(&sql, &[], |row| {
            Ok(CauseCount {
                state: state_at(row, 0)?,
                cause: row.get(1)?,
                count: count_at(row, 2)?,
                oldest: Seq(row.get(3)?),
                oldest_received_at: Timestamp(row.get(4)?),
            })
        })
    }

    /// The first event that waits to be applied.
    pub fn oldest_unfinished(&self) -> Result<Option<EventRow>, QueueError> {
        let sql = format!(
            "SELECT {ROW_COLUMNS} FROM event WHERE seq = (SELECT min(least) FROM (
                 SELECT min(seq) AS least FROM event INDEXED BY event_pending WHERE state = 0
                 UNION ALL SELECT min(seq) FROM event INDEXED BY event_waiting WHERE {WAITING}
                 UNION ALL SELECT min(seq) FROM event INDEXED BY event_operator WHERE {OPERATOR} AND state = 4))"
        );
        let mut found = self.rows(&sql, &[], |row| self.event(row))?.pop();
        if let Some(row) = &mut found {
            // Asked for by those who have no key as well.
            row.error.take_if(|error| seal::from_text(error).is_some());
        }
        Ok(found)
    }

    /// What the last daemon told about itself, and whether one runs now; none where there never was one.
    pub fn daemon(&self) -> Result<Option<DaemonStatus>, QueueError> {
        let found = self.checked(report::read(&self.conn))?;
        let Some(report) = found else { return Ok(None) };
        Ok(Some(DaemonStatus { report, is_running: self.is_running()? }))
    }

    /// Whether a daemon uses the file now.
    pub fn is_running(&self) -> Result<bool, QueueError> {
        open::is_running(&self.path)
    }

    /// Whether payloads are sealed in the file.
    pub fn at_rest(&self) -> Result<AtRest, QueueError> {
        self.checked(AtRest::of(&self.conn))
    }

    /// Whether the key opens what is sealed in the file.
    pub fn key_fits(&self) -> Result<(), QueueError> {
        self.sealing().map(drop)
    }

    /// Lists events: the newest first, or, where only `after` is given, the oldest first.
    pub fn list(&self, filter: &EventFilter) -> Result<Vec<EventRow>, QueueError> {
        let order = if filter.after.is_some() && filter.before.is_none() { "ASC" } else { "DESC" };
        let mut sql = format!("SELECT {ROW_COLUMNS} FROM event WHERE 1 = 1");
        let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
        push_states(&mut sql, &filter.states);
        if let Some(kind) = &filter.kind {
            sql += " AND (kind = :kind OR (kind > :kind || '.' AND kind < :kind || '/' AND instr(:kind, '.') = 0))";
            values.push((":kind", kind));
        }
        if let Some(cause) = &filter.cause {
            sql += " AND cause = :cause";
            values.push((":cause", cause));
        }
        let (before, after) = (filter.before.map(|seq| seq.0), filter.after.map(|seq| seq.0));
        if before.is_some() {
            sql += " AND seq < :before";
            values.push((":before", &before));
        }
        if after.is_some() {
            sql += " AND seq > :after";
            values.push((":after", &after));
        }
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        sql = format!("{sql} ORDER BY seq {order} LIMIT :limit");
        values.push((":limit", &limit));
        self.events(&sql, &values)
    }

    /// One event with its body, by its place, its sender's id, or the id that it is shown under.
    pub fn show(&self, name: &str) -> Result<EventDetail, QueueError> {
        let seq = self.find(name)?;
        let sql = format!("SELECT {ROW_COLUMNS}, body, awaits FROM event WHERE seq = :seq");
        let (row, body, awaits): (_, _, Option<String>) = self
            .rows(&sql, &[(":seq", &seq.0)], |row| Ok((self.event(row)?, row.get(18)?, row.get(19)?)))?
            .pop()
            .ok_or_else(|| QueueError::NoEvent { name: name.to_owned() })?;
        let row = self.readable(row)?;
        let body =
            self.sealing()?.open_body(seq.0, body).map_err(|_| QueueError::Unreadable { seq: seq.0 })?;
        let awaits = awaits.map(|awaits| self.awaiting_it(awaits)).transpose()?;
        Ok(EventDetail { row, body, awaits })
    }

    /// What the worker would be told of these records, see [`crate::queue::Queue::standing`].
    pub fn standing(&self, questions: &[Question]) -> Result<Vec<Standing>, QueueError> {
        let (mut writers, mut scopes) = (Writers::default(), Scopes::default());
        self.checked(memory::standings(&self.conn, &mut writers, &mut scopes, questions))
    }

    /// Asks the daemon to write to the HIS now. Gives a ticket for [`Inspector::sync_done`].
    pub fn request_sync(&self, by: &Operator) -> Result<u64, QueueError> {
        let now = SystemClock.now();
        self.write(|conn| {
            let entry = Entry { action: AuditAction::Sync, event: None, detail: None };
            audit::record(conn, now, Some(by), &entry)?;
            conn.query_row("UPDATE request SET sync_now = sync_now + 1 RETURNING sync_now", [], |row| {
                count_at(row, 0)
            })
        })
    }

    /// Whether a cycle that began after that request has ended.
    pub fn sync_done(&self, ticket: u64) -> Result<bool, QueueError> {
        let done = self.conn.query_row("SELECT sync_done FROM daemon", [], |row| count_at(row, 0)).optional();
        Ok(self.checked(done)?.is_some_and(|done| done >= ticket))
    }

    /// Finds an event by its place (`17`), its sender's id, or the id that it is shown under. Where a number is both
    /// a place and an id, `seq:17` and `id:17` tell them apart.
    pub(super) fn find(&self, name: &str) -> Result<Seq, QueueError> {
        let missing = || QueueError::NoEvent { name: name.to_owned() };
        if let Some(place) = name.strip_prefix("seq:") {
            return self.by_place(place)?.ok_or_else(missing);
        }
        if let Some(id) = name.strip_prefix("id:")
            && let Some(seq) = self.by_id(id)?
        {
            return Ok(seq);
        }
        let local = match name.rsplit_once('-') {
            Some((_, place)) => self.by_place(place)?.filter(|seq| local_id(&self.queue_id, *seq) == name),
            None => None,
        };
        let mut found = [self.by_place(name)?, self.by_id(name)?, local].into_iter().flatten();
        match (found.next(), found.next()) {
            (None, _) => Err(missing()),
            (Some(first), Some(second)) if first != second => {
                Err(QueueError::Ambiguous { name: name.to_owned() })
            }
            (Some(seq), _) => Ok(seq),
        }
    }

    fn by_place(&self, place: &str) -> Result<Option<Seq>, QueueError> {
        let Ok(place) = place.parse::<i64>() else { return Ok(None) };
        let found =
            self.rows("SELECT seq FROM event WHERE seq = :seq", &[(":seq", &place)], |row| row.get(0))?;
        Ok(found.into_iter().next().map(Seq))
    }

    fn by_id(&self, id: &str) -> Result<Option<Seq>, QueueError> {
        let sql = "SELECT seq FROM event INDEXED BY event_by_id
                   WHERE event_id IS NOT NULL AND conflict_of IS NULL AND event_id = :id";
        Ok(self.rows(sql, &[(":id", &id)], |row| row.get(0))?.into_iter().next().map(Seq))
    }

    fn events(&self, sql: &str, values: &[(&str, &dyn ToSql)]) -> Result<Vec<EventRow>, QueueError> {
        let found = self.rows(sql, values, |row| self.event(row))?;
        found.into_iter().map(|row| self.readable(row)).collect()
    }

    /// A row with its error as it was told.
    fn readable(&self, mut row: EventRow) -> Result<EventRow, QueueError> {
        if let Some(error) = row.error.take_if(|error| seal::from_text(error).is_some()) {
            let opened = self.sealing()?.open_error(row.seq.0, error);
            row.error = Some(opened.map_err(|_| QueueError::Unreadable { seq: row.seq.0 })?);
        }
        Ok(row)
    }

    fn sealing(&self) -> Result<&Sealing, QueueError> {
        if let Some(known) = self.sealing.get() {
            return Ok(known);
        }
        let loaded = Sealing::look(&self.conn, &self.path, &self.key)?;
        Ok(self.sealing.get_or_init(|| loaded))
    }

    fn event(&self, row: &Row<'_>) -> rusqlite::Result<EventRow> {
        let moment = |column| row.get(column).map(|t: Option<i64>| t.map(Timestamp));
        let seq = Seq(row.get(0)?);
        Ok(EventRow {
            seq,
            id: row.get::<_, Option<String>>(1)?.unwrap_or_else(|| local_id(&self.queue_id, seq)),
            kind: row.get(2)?,
            operation: row.get(3)?,
            state: state_at(row, 4)?,
            attempts: row.get(5)?,
            crashes: row.get(6)?,
            replay: row.get(7)?,
            received_at: Timestamp(row.get(8)?),
            occurred_at: moment(9)?,
            next_at: moment(10)?,
            settled_at: moment(11)?,
            entity: row.get(12)?,
            cause: row.get(13)?,
            error: row.get(14)?,
            conflict_of: row.get::<_, Option<i64>>(15)?.map(Seq),
            body_bytes: body_bytes(count_at(row, 16)?, &row.get::<_, Vec<u8>>(17)?),
        })
    }

    /// Runs a query to its end.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        values: &[(&str, &dyn ToSql)],
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, QueueError> {
        let found = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(values, row)?.collect());
        self.checked(found)
    }

    /// Runs `work` in a short transaction.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueueError> {
        self.checked(transaction(&self.conn, "BEGIN IMMEDIATE", work))
    }

    pub(super) fn checked<T>(&self, result: rusqlite::Result<T>) -> Result<T, QueueError> {
        result.map_err(|error| QueueError::sqlite(&self.path, error))
    }
}

/// Bytes of a body as it came, by those of the column and the first of them.
fn body_bytes(stored: u64, first: &[u8]) -> u64 {
    if first == [seal::SEALED] { stored.saturating_sub(seal::SEAL_BYTES as u64) } else { stored }
}

/// Adds a condition on the state, and with it the words by which `SQLite` finds the index that holds these states.
pub(super) fn push_states(sql: &mut String, states: &[EventState]) {
    if states.is_empty() {
        return;
    }
    let numbers: Vec<String> = states.iter().map(|state| (*state as i64).to_string()).collect();
    // Writing to a String does not fail.
    let _ = write!(sql, " AND state IN ({})", numbers.join(", "));
    let within = |set: &[i64]| states.iter().all(|state| set.contains(&(*state as i64)));
    for (set, words) in [(&[0][..], "state = 0"), (&[1, 2, 3], schema::WAITING), (&[4, 5, 6, 7], OPERATOR)] {
        if within(set) {
            *sql = format!("{sql} AND {words}");
        }
    }
}
