//! Moves many events at once from one state to another: what is due, what a new configuration maps, what is old
//! enough to be erased. Always in steps of bounded size, so that requests get their turn in between.

use std::time::Duration;

use rusqlite::{CachedStatement, OptionalExtension, params};

use crate::{
    limits::{PRUNE_ROWS_MAX, WAIT_MAX},
    model::{
        clock::Timestamp,
        event::{EventKind, EventState},
    },
    queue::{
        Kinds, QueueError, Release,
        schema::{FINAL, OPERATOR, WAITING},
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

    /// Erases some events that were finished before `applied_before`, and some entities that were not touched since
    /// `entities_before`. The greatest place in the queue stays, so that none is ever given twice; an event stays as long
    /// as others with its id and another body do, so that these are still known for what they are.
    pub(super) fn prune(
        &mut self,
        applied_before: Timestamp,
        entities_before: Timestamp,
    ) -> Result<u64, QueueError> {
        let events = format!(
            "DELETE FROM event WHERE seq IN (
                 SELECT seq FROM event AS old INDEXED BY event_final
                 WHERE {FINAL} AND settled_at < ?1 AND seq < (SELECT max(seq) FROM event) AND NOT EXISTS (
                     SELECT 1 FROM event AS other INDEXED BY event_by_conflict
                     WHERE other.conflict_of IS NOT NULL AND other.conflict_of = old.seq)
                 LIMIT ?2)"
        );
        let cursor = self.entity_cursor.clone();
        let (erased, next) = self.write(|conn| {
            let mut erased =
                conn.prepare_cached(&events)?.execute(params![applied_before.0, PRUNE_ROWS_MAX])?;
            // The entities have no index by age, which every settlement would have to keep: each step looks at the
            // next thousand of them instead.
            let (last, seen): (Option<String>, u32) = conn
                .prepare_cached(
                    "SELECT max(entity), count(*)
                     FROM (SELECT entity FROM entity WHERE entity > ?1 ORDER BY entity LIMIT ?2)",
                )?
                .query_row(params![cursor, PRUNE_ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
            erased += conn
                .prepare_cached("DELETE FROM entity WHERE entity > ?1 AND entity <= ?2 AND touched_at < ?3")?
                .execute(params![cursor, last, entities_before.0])?;
            // Fewer than asked for: that was the end, and the next step begins again.
            Ok((erased, last.filter(|_| seen == PRUNE_ROWS_MAX)))
        })?;
        self.entity_cursor = next.unwrap_or_default();
        Ok(erased as u64)
    }
}
