//! What is held against the HIS, or against single events and rules, while a page is applied.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    his::{HisError, error::ROW_GONE},
    limits,
    model::{
        change::Change,
        entity::Entity,
        event::Seq,
        outcome::{Outcome, Rejection},
    },
    plan::link_command,
    sync::page::Item,
};

/// Times that events lost the connection in their own statements. Forgotten with the process.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) times: HashMap<Seq, u32>,
    /// The first events that lost it since anything has gone well. Two are enough to know that it is the HIS.
    pub(super) recent: HashSet<Seq>,
    /// Rules of which it was told that their events wait, until one goes well.
    pub(super) told: HashSet<Arc<str>>,
}

/// Rules of the configuration that the HIS does not let us follow in this pass.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Its events wait for the mapping or the login to be put right.
    pub(super) paused: HashSet<Arc<str>>,
    /// Events running that met a lock, by rule and by whether they had met one before: a locked table must not cost a
    /// lock's time-out for each of its events, and rows that stay locked must not hold up the others.
    pub(super) busy: HashMap<(Arc<str>, bool), u32>,
    /// Its table, or the whole server, has no room.
    pub(super) full: HashSet<Arc<str>>,
}

impl Losses {
    /// An event has lost the connection in its own statements. An error where it is the HIS that hangs: others lost it
    /// too, and nothing has gone well since.
    pub(super) fn judge(&mut self, seq: Seq, error: HisError) -> Result<Outcome, HisError> {
        if self.recent.len() < 2 {
            self.recent.insert(seq);
        }
        if self.recent.len() > 1 {
            return Err(error);
        }
        let times = self.times.entry(seq).or_default();
        *times += 1;
        let mut reason = error.reason();
        if *times < limits::LOST_ATTEMPTS_MAX {
            return Ok(Outcome::Busy(reason));
        }
        reason.message =
            format!("the connection was lost {times} times at this event alone: {}", reason.message);
        Ok(Outcome::Rejected(reason))
    }
}

impl Refused {
    /// How long an event of a rule is put off without a try, where it is.
    pub(super) fn put_off(&self, rule: &Arc<str>, solo: bool) -> Option<Duration> {
        if self.full.contains(rule) {
            return Some(limits::REFUSED_BACKOFF);
        }
        let met = self.busy.get(&(Arc::clone(rule), solo)).copied().unwrap_or(0);
        (met >= limits::BUSY_EVENTS_MAX).then_some(limits::BACKOFF_FIRST)
    }
}

/// Why the HIS refused an event that stood alone: in its words, with what the event is, what it was about, and what to do.
pub(super) fn reason(item: &Item, error: &HisError) -> Rejection {
    let Rejection { cause, message } = error.reason();
    let Some(work) = item.work() else { return Rejection { cause, message } };
    let mut titles: Vec<String> = work.change.rows.iter().map(Change::title).collect();
    titles.dedup();
    let gone = work.linked_entity().filter(|_| error.code == ROW_GONE);
    let advice = gone.map(|record| format!("; {}", row_gone_advice(record))).unwrap_or_default();
    let message = format!("{} event, {}: {message}{advice}", item.event.kind, titles.join(", "));
    Rejection { cause, message }
}

/// What to do about a record whose row is gone.
pub(super) fn row_gone_advice(record: &Entity) -> String {
    let command = link_command(record);
    format!(
        "if the record should have a row again, `{command} --remove`, then retry; if it is another row now, `{command} --to NUMBER`; else discard the event"
    )
}
