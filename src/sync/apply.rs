//! Applies a page to the HIS: many events a transaction, halved when one fails, until the event that is to
//! blame stands alone. Every event of the page has an outcome afterwards.

use std::{collections::HashMap, ops::Range, sync::Arc};

use tracing::{debug, error, warn};

use crate::{
    his::{
        HisError, Keys,
        error::{NO_ROW, ROW_GONE},
    },
    limits,
    model::{
        entity::Entity,
        outcome::{FaultClass, Outcome, Rejection},
    },
    policy,
    queue::QueueError,
    sync::{
        Interrupted,
        crosswalk::{self, Crosswalk},
        decide::finish_again,
        find,
        link::Link,
        page::{Item, Page, Writers},
        refused::{self, Losses, Refused},
    },
};

/// Applies what is undecided. An error means that the HIS, or the queue, cannot be used now; what was not reached is
/// released.
pub(super) async fn apply(
    link: &mut Link,
    crosswalk: Crosswalk<'_>,
    losses: &mut Losses,
    refused: &mut Refused,
    page: &mut Page,
) -> Result<(), Interrupted> {
    let mut run = Run {
        link,
        crosswalk,
        losses,
        refused,
        items: &mut page.items,
        blocked: HashMap::new(),
        moved: HashMap::new(),
        behind: None,
    };
    for index in 0..run.items.len() {
        run.block(index);
    }
    let end = match run.link.hurry(false).await {
        Ok(()) => run.all().await,
        Err(error) => Err(error.into()),
    };
    for item in page.items.iter_mut().filter(|i| i.outcome.is_none()) {
        item.outcome = Some(Outcome::Released { replay: false });
    }
    end
}

struct Run<'a> {
    link: &'a mut Link,
    crosswalk: Crosswalk<'a>,
    losses: &'a mut Losses,
    refused: &'a mut Refused,
    items: &'a mut [Item],
    /// Entities with an unfinished event, and the first such event's index: later ones must wait.
    blocked: HashMap<Entity, usize>,
    /// Records whose row is another one since the event at that place: what was planned for them before is void.
    moved: HashMap<Entity, usize>,
    /// What repeated events behind the page delete; looked for when a row is missed.
    behind: Option<find::Deletions>,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), Interrupted> {
        let mut todo = self.ranges();
        todo.reverse();
        while let Some(range) = todo.pop() {
            let live = self.live(range.clone());
            if live.is_empty() {
                continue;
            }
            let error = match self.transaction(&live).await? {
                Ok(keys) => {
                    self.applied(&live, &keys);
                    continue;
                }
                Err(error) => error,
            };
            debug!(events = live.len(), code = error.code, class = ?error.class, "the HIS refused a batch");
            if error.class == FaultClass::Login {
                return Err(error.into());
            }
            if live.len() > 1 && error.class == FaultClass::Busy {
                // Halving would wait for the same lock again and again: each for itself, and not for long.
                self.link.hurry(true).await?;
                todo.extend(live.iter().rev().map(|i| *i..*i + 1));
                continue;
            }
            if live.len() > 1 {
                todo.extend(apart(range, &live, &error.refused).into_iter().rev());
                continue;
            }
            if let Some(&index) = live.first()
                && self.blame(index, error).await?
            {
                todo.push(range);
            }
        }
        Ok(())
    }

    /// Runs of events that share a transaction; a solo event is a run of its own.
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut open = false;
        for (index, item) in self.items.iter().enumerate() {
            match ranges.last_mut() {
                Some(last) if open && !item.is_solo() => last.end = index + 1,
                _ => ranges.push(index..index + 1),
            }
            open = !item.is_solo();
        }
        ranges
    }

    /// The undecided events of a range; those that have to wait are decided now.
    fn live(&mut self, range: Range<usize>) -> Vec<usize> {
        let mut live = Vec::with_capacity(range.len());
        for index in range {
            let Some(item) = self.items.get_mut(index).filter(|i| i.outcome.is_none()) else { continue };
            let Some(work) = item.work() else { continue };
            let rule = &work.rule;
            if self.refused.paused.contains(rule) {
                let reason = Rejection {
                    cause: format!("mapping:{}", item.event.kind.base()),
                    message: "its mapping is paused, see the other events of this kind".to_owned(),
                };
                item.outcome = Some(Outcome::Paused(reason));
                self.block(index);
            } else if let Some(delay) = self.refused.put_off(rule, item.is_solo()) {
                let reason = Rejection {
                    cause: "put-off".to_owned(),
                    message:
                        "other events of its mapping met locks, or a full table; it was put off with them"
                            .to_owned(),
                };
                item.outcome = Some(Outcome::PutOff(reason, delay));
                self.block(index);
            } else if self.blocked.get(&work.change.entity).is_some_and(|first| *first < index) {
                item.outcome = Some(Outcome::Held);
            } else if item.makers().any(|maker| live.binary_search(&maker).is_err())
                || item.touches_linked(|record| self.moved.get(record).is_some_and(|by| *by != index))
            {
                item.outcome = Some(Outcome::Held);
                self.block(index);
            } else {
                live.push(index);
            }
        }
        live
    }

    /// One transaction. The outer error means that the HIS is out of reach, the inner one is the batch's own.
    /// After a lost connection the link is up again.
    async fn transaction(&mut self, live: &[usize]) -> Result<Result<Keys, HisError>, Interrupted> {
        let (mut tries, mut unknown) = (0, false);
        loop {
            let (error, keys) = match self.attempt(live).await? {
                Ok(keys) => return Ok(Ok(keys)),
                Err(failed) => failed,
            };
            if !matches!(error.class, FaultClass::Unreachable | FaultClass::CommitUnknown) {
                return Ok(Err(error));
            }
            // Once a COMMIT went unanswered the batch may be in the HIS: from then on only a replay of all of it is right.
            unknown |= error.class == FaultClass::CommitUnknown;
            for index in live {
                if let Some(item) = self.items.get_mut(*index) {
                    item.event.replay |= unknown || item.is_permanent();
                }
            }
            tries += 1;
            warn!(code = error.code, unknown, "the connection to the HIS database was lost");
            let reconnected = self.link.reconnect().await;
            if reconnected.is_err() || tries > limits::COMMIT_REPLAYS_MAX {
                self.release(live);
                return Err(reconnected.err().unwrap_or(error).into());
            }
            if !unknown {
                return Ok(Err(error));
            }
            let Some(keys) = keys else { continue };
            match self.crosswalk.was_committed(self.link, self.items, live, &keys).await? {
                Some(true) => return Ok(Ok(keys)),
                Some(false) => {}
                None => {
                    self.release(live);
                    return Err(error.into());
                }
            }
        }
    }

    /// Writes and commits. Before the COMMIT the crosswalk is told which rows it makes. With an error come the keys of what
    /// may have been committed.
    async fn attempt(
        &mut self,
        live: &[usize],
    ) -> Result<Result<Keys, (HisError, Option<Keys>)>, Interrupted> {
        let items = live.iter().filter_map(|i| self.items.get(*i));
        let replay = items.clone().all(|i| i.event.replay);
        let changes: Vec<_> = items.filter_map(|i| Some(&i.work()?.change)).collect();
        let keys = match self.link.write(&changes, replay).await {
            Ok(keys) => keys,
            Err(error) => return Ok(Err((error, None))),
        };
        match self.crosswalk.propose(self.link, self.items, live, &keys).await {
            Ok(()) => {}
            Err(interrupted) => {
                let undone = self.link.undo().await;
                return match interrupted {
                    Interrupted::His(error) => Ok(Err((error, None))),
                    Interrupted::Queue(error) => {
                        undone?;
                        Err(error.into())
                    }
                };
            }
        }
        Ok(match self.link.commit().await {
            Ok(()) => Ok(keys),
            Err(error) => Err((error, Some(keys))),
        })
    }

    /// Decides about an event that failed alone. `true`: it was planned anew and is to be tried again.
    async fn blame(&mut self, index: usize, error: HisError) -> Result<bool, Interrupted> {
        let drift =
            matches!(error.class, FaultClass::Config | FaultClass::Rejected | FaultClass::Unrecognised);
        if drift && self.link.refresh().await? && self.replan(index) {
            return Ok(true);
        }
        let gone = error.code == ROW_GONE;
        if (gone || error.code == NO_ROW) && self.pass_over(index).await? {
            return Ok(true);
        }
        if gone && self.regain(index).await? {
            return Ok(true);
        }
        if error.class != FaultClass::Busy {
            // What they have found may be what the HIS refuses.
            self.link.forget_lookups();
        }
        let Some(item) = self.items.get(index) else { return Ok(false) };
        let reason = refused::reason(item, &error);
        let rule = item.work().map(|work| Arc::clone(&work.rule));
        let outcome = match error.class {
            FaultClass::Unreachable | FaultClass::CommitUnknown => {
                self.losses.judge(item.event.seq, error)?
            }
            FaultClass::Full => {
                if let Some(rule) = rule {
                    self.refused.full.insert(Arc::clone(&rule));
                    if self.losses.told.insert(Arc::clone(&rule)) {
                        error!(at = %rule, code = error.code, "the HIS has no room for these events; they wait: {}", error.public);
                    }
                }
                // A server that only reads may have another one in its place by now.
                self.link.distrust();
                policy::blamed(error.class, reason)
            }
            FaultClass::Busy => {
                if let Some(rule) = rule {
                    *self.refused.busy.entry((Arc::clone(&rule), item.is_solo())).or_default() += 1;
                    if self.losses.told.insert(Arc::clone(&rule)) {
                        warn!(at = %rule, code = error.code, "a lock in the HIS holds up events; they are tried again");
                    }
                }
                self.link.hurry(true).await?;
                policy::blamed(error.class, reason)
            }
            FaultClass::Config => {
                if let Some(rule) = rule {
                    self.refused.paused.insert(Arc::clone(&rule));
                    if self.losses.told.insert(Arc::clone(&rule)) {
                        error!(at = %rule, code = error.code, "the HIS refuses this mapping; its events wait: {}", error.public);
                    }
                }
                // A privilege that is granted now may hold for new connections alone.
                self.link.distrust();
                policy::blamed(error.class, reason)
            }
            // What the row lacks an earlier event of its record may bring.
            FaultClass::Rejected if item.is_expected() => Outcome::Held,
            FaultClass::Parent | FaultClass::Unrecognised | FaultClass::Rejected | FaultClass::Login => {
                policy::blamed(error.class, reason)
            }
        };
        self.decide(&[index], &outcome);
        Ok(false)
    }

    /// Plans one event with the newest binding; `false` where there is none.
    fn replan(&mut self, index: usize) -> bool {
        let (Some(binding), Some(item)) = (self.link.binding(), self.items.get_mut(index)) else {
            return false;
        };
        // Whatever it is now, nothing is left of what it was.
        item.outcome = finish_again(&binding.planner, item, &mut Writers::default());
        true
    }

    /// Plans a repeated event without the rows that are gone because a later event has deleted them, when its COMMIT went
    /// unanswered; `false` where there is none.
    async fn pass_over(&mut self, index: usize) -> Result<bool, QueueError> {
        let Some(binding) = self.link.binding() else { return Ok(false) };
        let (queue, behind) = (self.crosswalk.queue, &mut self.behind);
        let again = find::pass_over(queue, &binding.planner, self.items, behind, index).await?;
        self.block(index);
        Ok(again)
    }

    /// Finds the row of an event again that its number does not tell any more. Later events of its page know only the old
    /// number: they wait for the next pass.
    async fn regain(&mut self, index: usize) -> Result<bool, HisError> {
        let (Some(binding), Some(item)) = (self.link.binding(), self.items.get_mut(index)) else {
            return Ok(false);
        };
        let moved = find::regain(self.link, &binding.planner, item).await?;
        let any = !moved.is_empty();
        self.moved.extend(moved.into_iter().map(|entity| (entity, index)));
        Ok(any)
    }

    fn decide(&mut self, indexes: &[usize], outcome: &Outcome) {
        for &index in indexes {
            let Some(item) = self.items.get_mut(index) else { continue };
            item.outcome = Some(outcome.clone());
            self.block(index);
        }
    }

    /// A transaction has gone well: what was held against the HIS or against these rules is void.
    fn applied(&mut self, live: &[usize], keys: &Keys) {
        self.losses.recent.clear();
        for (place, index) in live.iter().enumerate() {
            if let Some(item) = self.items.get_mut(*index) {
                self.losses.times.remove(&item.event.seq);
                let links = crosswalk::links_of(item, |change| keys.of(place, change).map(str::to_owned));
                item.links.extend(links);
                if let Some(work) = item.work() {
                    self.refused.busy.remove(&(Arc::clone(&work.rule), item.is_solo()));
                    self.losses.told.remove(&work.rule);
                }
            }
        }
        self.decide(live, &Outcome::Applied);
    }

    fn release(&mut self, live: &[usize]) {
        for index in live {
            if let Some(item) = self.items.get_mut(*index) {
                item.outcome = Some(Outcome::Released { replay: item.event.replay });
            }
        }
    }

    /// An event that is not finished holds up its entity's later ones.
    fn block(&mut self, index: usize) {
        let Some(item) = self.items.get(index) else { return };
        let unfinished = item.outcome.as_ref().is_some_and(Outcome::is_unfinished);
        if unfinished && let Some(entity) = item.entity() {
            self.blocked.entry(entity.clone()).or_insert(index);
        }
    }
}

/// The parts that a failed batch is tried again in, in their order: those events alone that the database has named, as places
/// among the live ones, and the runs between them; else its halves.
fn apart(range: Range<usize>, live: &[usize], refused: &[usize]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    for index in refused.iter().filter_map(|place| live.get(*place).copied()) {
        parts.extend([start..index, index..index + 1]);
        start = index + 1;
    }
    if parts.is_empty() {
        // Where the live ones are few and far between, halve them rather than their range.
        start = live.get(live.len() / 2).copied().unwrap_or(start);
        parts.push(range.start..start);
    }
    parts.push(start..range.end);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_batch_is_tried_in_parts() {
        fn check(range: Range<usize>, live: &[usize], refused: &[usize], expected: &[Range<usize>]) {
            assert_eq!(apart(range, live, refused), expected, "{live:?} {refused:?}");
        }
        check(0..4, &[0, 1, 2, 3], &[], &[0..2, 2..4]);
        check(0..9, &[0, 8], &[], &[0..8, 8..9]);
        check(0..4, &[0, 1, 2, 3], &[2], &[0..2, 2..3, 3..4]);
        check(2..9, &[2, 4, 8], &[0, 2], &[2..3, 3..8, 8..9]);
        check(0..2, &[0, 1], &[0, 1], &[0..1, 1..2]);
        check(0..2, &[0, 1], &[7], &[0..1, 1..2]);
    }
}
