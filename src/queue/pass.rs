//! Moves many events at once from one state to another: what is due, what a new configuration maps, what is old
//! enough to be erased. Always in steps of bounded size, so that requests get their turn in between.

use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::{
    limits::{PRUNE_BYTES_MAX, PRUNE_ROWS_MAX, WAIT_MAX},
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::{EventKind, EventState, Seq},
    },
    queue::{
        AuditAction, QueueError,
        audit::{self, Entry},
        schema::{FINAL, LEFT, OPERATOR, WAITING},
        sql::{LAST_SEQ, state_at},
        store::Store,
    },
};

/// Rows that one step changes at most.
pub(super) const STEP_ROWS_MAX: u32 = 5000;
/// An event that waits for another row is tried again at a sign, but not sooner after its last attempt than this, doubled
/// with every attempt: ten thousand that wait must not all be tried whenever something was applied.
const SIGN_DELAY: Duration = Duration::from_secs(2);
/// The delay stops doubling after so many attempts, at 17 minutes.
const SIGN_DOUBLINGS_MAX: u32 = 9;

/// What a pass releases besides what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Release {
    /// When something was last applied: events that wait for another row and were last tried before are tried again.
    pub applied_at: Option<Timestamp>,
}

/// Event types that an action is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// All of them.
    All,
    /// These, by their exact name; one without a dot also stands for all that have it before the dot.
    These(Vec<EventKind>),
}

/// What is old enough to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events that were finished before.
    pub applied_before: Timestamp,
    /// Events that wait for an operator since before; none where these are kept for ever.
    pub parked_before: Option<Timestamp>,
    /// Entities that were not touched since.
    pub entities_before: Timestamp,
}

/// What a step of erasing has erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Erased {
    /// Events that were finished.
    pub finished: u64,
    /// Events that waited for an operator.
    pub parked: u64,
    /// Entities.
    pub entities: u64,
    /// There may be more.
    pub more: bool,
}

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Step {
    /// Rows changed.
    pub(super) changed: u64,
    /// There may be more to change.
    pub(super) more: bool,
}

impl Step {
    pub(super) fn run(
        &mut self,
        statement: &mut CachedStatement<'_>,
        values: impl rusqlite::Params,
    ) -> rusqlite::Result<usize> {
        let changed = statement.execute(values)?;
        self.changed += changed as u64;
        self.more |= changed as u64 >= u64::from(STEP_ROWS_MAX);
        Ok(changed)
    }
}

impl Store {
    /// Makes pending what is due at `now`, and what would be due later than anything is ever put off: the clock was moved back.
    ///
    /// A held event goes when nothing before it in its entity waits. What is pending before it does not hold it:
    /// a pass keeps the order of the queue, and the worker asks for the entity's standing again.
    pub(super) fn begin_pass(&mut self, now: Timestamp, release: Release) -> Result<Step, QueueError> {
        self.notice_changes()?;
        // The one worker holds no page when it begins a pass: a claim that is still open could not be closed.
        if !self.open_claims.is_empty() {
            self.write(|conn| conn.execute("DELETE FROM claim", []))?;
            self.open_claims.clear();
        }
        if self.recount_due {
            self.recount()?;
        }
        let due = format!(
            "UPDATE event SET state = 0, next_at = NULL
             WHERE seq IN (SELECT seq FROM event INDEXED BY event_waiting
                           WHERE {WAITING} AND state = ?1 AND next_at <= ?2 ORDER BY next_at LIMIT ?3)"
        );
        let overdue = format!(
            "UPDATE event SET state = 0, next_at = NULL
             WHERE seq IN (SELECT seq FROM event INDEXED BY event_waiting
                           WHERE {WAITING} AND state = ?1 AND next_at > ?2 LIMIT ?3)"
        );
        let signalled = format!(
            "UPDATE event SET state = 0, next_at = NULL
             WHERE seq IN (SELECT seq FROM event INDEXED BY event_waiting
                           WHERE {WAITING} AND state = 3 AND settled_at < ?1
                             AND settled_at <= ?2 - (?3 << min(attempts, {SIGN_DOUBLINGS_MAX})) LIMIT ?4)"
        );
        let held = format!(
            "UPDATE event SET state = 0, next_at = NULL
             WHERE seq IN (SELECT seq FROM event AS h INDEXED BY event_waiting
                           WHERE {WAITING} AND state = 2 AND NOT EXISTS (
                               SELECT 1 FROM event AS b INDEXED BY event_blocking
                               WHERE b.entity IS NOT NULL AND b.state >= 1 AND b.state <= 4 AND b.state <> 2
                                 AND b.entity = h.entity AND b.seq < h.seq)
                             AND NOT EXISTS (
                               SELECT 1 FROM event AS e INDEXED BY event_expecting
                               WHERE e.entity IS NOT NULL AND e.awaits IS NOT NULL
                                 AND e.entity = h.entity AND e.seq < h.seq)
                           LIMIT ?1)"
        );
        let held_due = self.held_due;
        let (step, looked) = self.write(|conn| {
            let mut step = Step::default();
            for (sql, at) in [(&due, now), (&overdue, now.after(WAIT_MAX))] {
                let mut statement = conn.prepare_cached(sql)?;
                for state in [EventState::Deferred, EventState::Waiting] {
                    step.run(&mut statement, params![state as i64, at.0, STEP_ROWS_MAX])?;
                }
            }
            if let Some(applied_at) = release.applied_at {
                let delay = i64::try_from(SIGN_DELAY.as_micros()).unwrap_or(i64::MAX);
                let values = params![applied_at.0, now.0, delay, STEP_ROWS_MAX];
                step.run(&mut conn.prepare_cached(&signalled)?, values)?;
            }
            let look = held_due || step.changed > 0;
            if look {
                step.run(&mut conn.prepare_cached(&held)?, params![STEP_ROWS_MAX])?;
            }
            Ok((step, look))
        })?;
        if looked {
            self.held_due = step.more;
        }
        Ok(step)
    }

    /// Makes events of these kinds pending that are in `from`, one of the states that an operator looks at.
    pub(super) fn resume(&mut self, from: EventState, kinds: &Kinds) -> Result<Step, QueueError> {
        let select =
            format!("SELECT seq FROM event INDEXED BY event_operator WHERE {OPERATOR} AND state = ?1");
        let update = |condition: &str| {
            format!("UPDATE event SET state = 0, next_at = NULL WHERE seq IN ({select} {condition} LIMIT ?2)")
        };
        let (all, exact, below) =
            (update(""), update("AND kind = ?3"), update("AND kind > ?3 || '.' AND kind < ?3 || '/'"));
        let step = self.write(|conn| {
            let mut step = Step::default();
            let state = from as i64;
            match kinds {
                Kinds::All => {
                    step.run(&mut conn.prepare_cached(&all)?, params![state, STEP_ROWS_MAX])?;
                }
                Kinds::These(kinds) => {
                    for EventKind(kind) in kinds {
                        step.run(&mut conn.prepare_cached(&exact)?, params![state, STEP_ROWS_MAX, kind])?;
                        if !kind.contains('.') {
                            // `appointment` maps `appointment.created` too; '/' is the character after '.'.
                            let mut statement = conn.prepare_cached(&below)?;
                            step.run(&mut statement, params![state, STEP_ROWS_MAX, kind])?;
                        }
                    }
                }
            }
            Ok(step)
        })?;
        if from == EventState::Paused {
            self.held_due |= step.changed > 0;
        } else {
            self.unfinished += step.changed;
        }
        Ok(step)
    }

    /// When the newest event was received.
    pub(super) fn newest(&mut self) -> Result<Option<Timestamp>, QueueError> {
        self.read(|conn| {
            let newest = "SELECT received_at FROM event ORDER BY seq DESC LIMIT 1";
            conn.prepare_cached(newest)?.query_row([], |row| row.get(0).map(Timestamp)).optional()
        })
    }

    /// Erases some events whose time has come, and some entities that were not touched for long. No place in the queue is
    /// ever given twice; an event stays as long as others with its id and another body do, so that these are still known
    /// for what they are.
    pub(super) fn prune(&mut self, retention: Retention) -> Result<Erased, QueueError> {
        let finished = old_events("event_final", FINAL, "settled_at");
        let left = old_events("event_left", LEFT, "coalesce(settled_at, received_at)");
        let cursor = self.entity_cursor.clone();
        let now = SystemClock.now();
        let (mut erased, next) = self.write(|conn| {
            let last: i64 = conn.prepare_cached(LAST_SEQ)?.query_row([], |row| row.get(0))?;
            let mut erased = Erased::default();
            let mut bytes = 0;
            (erased.finished, erased.more) =
                erase(conn, &finished, retention.applied_before, None, &mut bytes)?;
            if let Some(before) = retention.parked_before.filter(|_| !erased.more) {
                (erased.parked, erased.more) = erase(conn, &left, before, Some(now), &mut bytes)?;
            }
            if erased.finished + erased.parked > 0 {
                conn.prepare_cached("UPDATE meta SET last_seq = ?1")?.execute([last])?;
            }
            // The entities have no index by age, which every settlement would have to keep: each step looks at the
            // next thousand of them instead.
            let (last, seen): (Option<String>, u32) = conn
                .prepare_cached(
                    "SELECT max(entity), count(*)
                     FROM (SELECT entity FROM entity WHERE entity > ?1 ORDER BY entity LIMIT ?2)",
                )?
                .query_row(params![cursor, PRUNE_ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
            erased.entities = conn
                .prepare_cached("DELETE FROM entity WHERE entity > ?1 AND entity <= ?2 AND touched_at < ?3")?
                .execute(params![cursor, last, retention.entities_before.0])?
                as u64;
            // Fewer than asked for: that was the end, and the next step begins again.
            Ok((erased, last.filter(|_| seen == PRUNE_ROWS_MAX)))
        })?;
        erased.more |= erased.entities > 0;
        self.entity_cursor = next.unwrap_or_default();
        // What waited behind one that waited for an operator need wait no more.
        self.held_due |= erased.parked > 0;
        self.upkeep.log_due |= erased.finished + erased.parked > 0;
        Ok(erased)
    }
}

/// Finds events of some states that came to them before a moment, by the index that has them.
fn old_events(index: &str, states: &str, since: &str) -> String {
    format!(
        "SELECT seq, length(body) FROM event AS old INDEXED BY {index}
         WHERE {states} AND {since} < ?1 AND NOT EXISTS (
             SELECT 1 FROM event AS other INDEXED BY event_by_conflict
             WHERE other.conflict_of IS NOT NULL AND other.conflict_of = old.seq)
         LIMIT ?2"
    )
}

/// Deletes events that a query finds, until a step has done enough; gives how many, and whether there may be more. The
/// audit trail tells of each where it is to be `told`, as at that moment.
fn erase(
    conn: &Connection,
    find: &str,
    before: Timestamp,
    told: Option<Timestamp>,
    bytes: &mut usize,
) -> rusqlite::Result<(u64, bool)> {
    let found: Vec<(i64, u32)> = conn
        .prepare_cached(find)?
        .query_map(params![before.0, PRUNE_ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut delete = conn.prepare_cached("DELETE FROM event WHERE seq = ?1")?;
    let mut erased = 0;
    for (seq, size) in &found {
        *bytes = bytes.saturating_add(*size as usize);
        if erased > 0 && *bytes > PRUNE_BYTES_MAX {
            return Ok((erased, true));
        }
        if let Some(at) = told {
            tell_erased(conn, Seq(*seq), at)?;
        }
        delete.execute([seq])?;
        erased += 1;
    }
    Ok((erased, found.len() >= PRUNE_ROWS_MAX as usize))
}

fn tell_erased(conn: &Connection, seq: Seq, at: Timestamp) -> rusqlite::Result<()> {
    let (state, cause, id): (EventState, Option<String>, Option<String>) = conn
        .prepare_cached("SELECT state, cause, event_id FROM event WHERE seq = ?1")?
        .query_row([seq.0], |row| Ok((state_at(row, 0)?, row.get(1)?, row.get(2)?)))?;
    let was = audit::was(state, cause.as_deref());
    let entry = Entry { action: AuditAction::Erased, event: Some((seq, id.as_deref())), detail: Some(&was) };
    audit::record(conn, at, None, &entry)
}
