//! What operators do to events: retry and discard. Works beside a running daemon, in transactions so short that
//! ingest hardly notices.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::{
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::{EventState, Seq},
    },
    queue::{
        AuditAction, Inspector, Operator, QueueError, RESTORED_CAUSE,
        audit::{self, Entry},
        inspect::push_states,
        store::state_at,
    },
};

/// Events of one transaction.
const STEP_EVENTS: usize = 1000;
/// Between two transactions, so that the daemon gets its turn.
const STEP_PAUSE: Duration = Duration::from_millis(5);

/// Which events an operator means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These, each by its place, its sender's id, or the id that it is shown under.
    Ids(Vec<String>),
    /// All that have this cause.
    Cause(String),
    /// All that the action is for. A retry leaves conflicts out: each of them is a decision of its own.
    All,
}

/// What became of a selection.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Changed {
    /// Events changed.
    pub changed: u64,
    /// Events left as they are, by the state that they are in: the reason why.
    pub skipped: BTreeMap<EventState, u64>,
    /// Names that no event has.
    pub unknown: Vec<String>,
}

/// An operator's action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Retry,
    Discard,
}

impl Action {
    fn applies_to(self, state: EventState) -> bool {
        !state.is_final() && (self == Self::Discard || state != EventState::Pending)
    }

    /// States that it looks for where a cause, or nothing, is named. Without a cause, a retry leaves conflicts to be
    /// looked at one by one, and a discard takes only what never goes by itself.
    fn states(self, selection: &Selection) -> Vec<EventState> {
        let all = *selection == Selection::All;
        let stuck = |state| matches!(state, EventState::Parked | EventState::Conflict | EventState::Unmapped);
        let left_out = |state: EventState| match self {
            Self::Retry => all && state == EventState::Conflict,
            Self::Discard => all && !stuck(state),
        };
        EventState::ALL.into_iter().filter(|state| self.applies_to(*state) && !left_out(*state)).collect()
    }

    fn told_as(self) -> AuditAction {
        match self {
            Self::Retry => AuditAction::Retry,
            Self::Discard => AuditAction::Discard,
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Retry => {
                "UPDATE event SET state = 0, next_at = NULL, awaits = NULL, crashes = 0
                 WHERE seq = ?1 AND state = ?2 AND ?3 = ?3"
            }
            Self::Discard => {
                "UPDATE event SET state = 11, next_at = NULL, awaits = NULL, settled_at = ?3
                 WHERE seq = ?1 AND state = ?2"
            }
        }
    }
}

impl Inspector {
    /// Makes events pending again. An event keeps its place, so that it never overwrites what a later one wrote.
    pub fn retry(&self, selection: &Selection, by: &Operator) -> Result<Changed, QueueError> {
        self.act(Action::Retry, selection, by)
    }

    /// Gives events up: they stay in the queue until they are pruned, and are not applied.
    pub fn discard(&self, selection: &Selection, by: &Operator) -> Result<Changed, QueueError> {
        self.act(Action::Discard, selection, by)
    }

    fn act(&self, action: Action, selection: &Selection, by: &Operator) -> Result<Changed, QueueError> {
        let mut changed = Changed::default();
        let seqs = match selection {
            Selection::Ids(names) => self.named(names, &mut changed.unknown)?,
            Selection::Cause(cause) => self.selected(&action.states(selection), Some(cause))?,
            Selection::All => self.selected(&action.states(selection), None)?,
        };
        if *selection == Selection::All && action == Action::Retry {
            let conflicts = self.selected(&[EventState::Conflict], None)?.len() as u64;
            if conflicts > 0 {
                changed.skipped.insert(EventState::Conflict, conflicts);
            }
        }
        let now = SystemClock.now();
        // The list was made once: what the daemon parks again meanwhile is not taken up a second time.
        for (step, seqs) in seqs.chunks(STEP_EVENTS).enumerate() {
            if step > 0 {
                std::thread::sleep(STEP_PAUSE);
            }
            let before: Vec<(EventState, bool)> = self.write(|conn| {
                seqs.iter().filter_map(|seq| change(conn, action, *seq, by, now).transpose()).collect()
            })?;
            for (state, done) in before {
                if done {
                    changed.changed += 1;
                } else {
                    *changed.skipped.entry(state).or_default() += 1;
                }
            }
        }
        Ok(changed)
    }

    fn named(&self, names: &[String], unknown: &mut Vec<String>) -> Result<Vec<Seq>, QueueError> {
        let mut seqs = Vec::new();
        for name in names {
            match self.find(name) {
                Ok(seq) if seqs.contains(&seq) => {}
                Ok(seq) => seqs.push(seq),
                Err(QueueError::NoEvent { name }) => unknown.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(seqs)
    }

    fn selected(&self, states: &[EventState], cause: Option<&String>) -> Result<Vec<Seq>, QueueError> {
        let mut seqs = Vec::new();
        for state in states {
            let mut sql = "SELECT seq FROM event WHERE 1 = 1".to_owned();
            push_states(&mut sql, &[*state]);
            let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
            if let Some(cause) = &cause {
                sql += " AND cause = :cause";
                values.push((":cause", cause));
            }
            seqs.extend(self.rows(&sql, &values, |row| row.get(0).map(Seq))?);
        }
        Ok(seqs)
    }
}

/// Gives the state that the event was in, and whether it was changed; none where it is there no more.
fn change(
    conn: &Connection,
    action: Action,
    seq: Seq,
    by: &Operator,
    now: Timestamp,
) -> rusqlite::Result<Option<(EventState, bool)>> {
    type Found = (EventState, Option<String>, Option<String>);
    let found: Option<Found> = conn
        .prepare_cached("SELECT state, cause, event_id FROM event WHERE seq = ?1")?
        .query_row([seq.0], |row| Ok((state_at(row, 0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((state, cause, id)) = found else { return Ok(None) };
    let done = action.applies_to(state)
        && conn.prepare_cached(action.sql())?.execute(params![seq.0, state as i64, now.0])? == 1;
    if done {
        if action == Action::Retry && cause.as_deref() == Some(RESTORED_CAUSE) {
            conn.prepare_cached("DELETE FROM doubt WHERE seq = ?1")?.execute([seq.0])?;
        }
        let was = audit::was(state, cause.as_deref());
        let event = Some((seq, id.as_deref()));
        audit::record(conn, now, Some(by), &Entry { action: action.told_as(), event, detail: Some(&was) })?;
    }
    Ok(Some((state, done)))
}
