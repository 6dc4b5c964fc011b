//! Decides about the events of a page what needs no more of the HIS: what planning refused, what is no news, what stands
//! behind something unfinished. Pure.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    limits,
    model::{
        change::{Change, Op},
        entity::Entity,
        event::{Seq, StoredEvent},
        outcome::{Outcome, Rejection, Standing, Writer, Written},
        table::ColumnName,
    },
    plan::{NO_LINK, Planned, Planner, StepKnown},
    policy::{self, Verdict},
    sync::{
        doubt,
        page::{Intent, Item, Page, Work, Writers},
    },
};

/// Decides what needs no more of the HIS: what planning refused, what is stale, what stands behind an unfinished event.
pub(super) fn decide(planner: &Planner, page: &mut Page) {
    let own: HashSet<Seq> = page.items.iter().map(|i| i.event.seq).collect();
    let (mut ahead, mut writers, mut open) = (Ahead::default(), Writers::default(), Open::default());
    for item in &mut page.items {
        if item.outcome.is_some() {
            open.note(item);
            continue;
        }
        let waits = open.holds_up(item);
        let behind = item.standings.iter().any(|s| s.unfinished.is_some_and(|seq| !own.contains(&seq)));
        item.outcome = match &item.intent {
            _ if item.event.crashes >= limits::CRASHES_MAX => Some(Outcome::Rejected(crash_reason())),
            // The row that it misses may be what the event before it makes.
            Intent::Nothing(Outcome::Rejected(reason), _)
                if reason.cause.starts_with(NO_LINK) && (waits || behind || item.is_expected()) =>
            {
                Some(Outcome::Held)
            }
            Intent::Nothing(Outcome::Rejected(reason), entity) => {
                Some(late(item, entity.as_ref()).unwrap_or_else(|| refused(reason.clone())))
            }
            Intent::Nothing(outcome, _) => Some(outcome.clone()),
            Intent::Draft(..) => Some(Outcome::Released { replay: item.event.replay }),
            Intent::Work(work) => match judge(item, work) {
                Judged::Stale(reason) => Some(Outcome::Stale(reason)),
                _ if behind => Some(Outcome::Held),
                // The row that it does not know of is what an earlier one of this page has found, or makes.
                Judged::Fresh if ahead.is_touched(&work.absent) => Some(Outcome::Held),
                Judged::Fresh if work.change.rows.is_empty() => Some(Outcome::Applied),
                Judged::Fresh => None,
                Judged::Without(knowns) => {
                    item.knowns = knowns;
                    finish_again(planner, item, &mut writers)
                }
            },
        };
        if item.outcome.is_none() {
            item.outcome = doubt::refusal(item).map(Outcome::Rejected);
        }
        if item.outcome.is_none()
            && let Intent::Work(work) = &item.intent
        {
            item.outcome = ahead.pass(&item.event, work).then_some(Outcome::Held);
        }
        open.note(item);
    }
}

/// The records of a page's events that are not done with now and go on by themselves later.
#[derive(Default)]
struct Open {
    unfinished: HashSet<Entity>,
    /// Their events are parked until a record of the HIS appears.
    expected: HashSet<Entity>,
}

impl Open {
    /// Whether an earlier event of its record is unfinished. Tells it of one that is expected, as the queue does later.
    fn holds_up(&self, item: &mut Item) -> bool {
        if item.entity().is_some_and(|entity| self.expected.contains(entity))
            && let Some(standing) = item.standings.first_mut()
        {
            standing.expected = true;
        }
        item.entity().is_some_and(|entity| self.unfinished.contains(entity))
    }

    fn note(&mut self, item: &Item) {
        let (Some(outcome), Some(entity)) = (&item.outcome, item.entity()) else { return };
        if outcome.is_unfinished() {
            self.unfinished.insert(entity.clone());
        } else if item.awaits.is_some() && matches!(outcome, Outcome::Rejected(_)) {
            self.expected.insert(entity.clone());
        }
    }
}

/// Whether an event that cannot be planned came after a newer one of its record and type: then it is not missed.
fn late(item: &Item, entity: Option<&Entity>) -> Option<Outcome> {
    entity?;
    let nothing = Some([ColumnName(String::new())].into());
    let writer = Writer { kind: item.event.kind.base().to_owned(), columns: nothing };
    let standing = item.standings.first()?;
    let same: Vec<Written> = standing.written.iter().filter(|w| w.by.kind == writer.kind).cloned().collect();
    let is_late = policy::judge(&item.event, &writer, &same) == Verdict::Stale;
    is_late.then(|| Outcome::Stale(stale_reason(&same)))
}

/// How much of an event is still news.
enum Judged {
    Fresh,
    Stale(Rejection),
    /// With what its steps must leave alone.
    Without(Vec<StepKnown>),
}

fn judge(item: &Item, work: &Work) -> Judged {
    let mut knowns = Vec::new();
    let nothing = Standing::default();
    for ((change, of), writer) in work.change.rows.iter().zip(&work.of).zip(&work.writers) {
        let written = &item.standings.get(of.step).unwrap_or(&nothing).written;
        if written.is_empty() {
            continue;
        }
        let leave = match policy::judge(&item.event, writer, written) {
            Verdict::Fresh => continue,
            Verdict::Stale if change.entity == work.change.entity => {
                return Judged::Stale(stale_reason(written));
            }
            Verdict::Stale => writer.columns.clone().unwrap_or_default(),
            Verdict::Without(columns) => columns,
        };
        // Another record's deletion that is no news.
        let stays = leave.is_empty() && writer.columns.is_none();
        if leave.is_empty() && !stays {
            continue;
        }
        if knowns.is_empty() {
            knowns.clone_from(&item.knowns);
        }
        knowns.resize_with(knowns.len().max(of.step + 1), StepKnown::default);
        if let Some(known) = knowns.get_mut(of.step) {
            known.leave = leave;
            known.stays = stays;
        }
    }
    if knowns.is_empty() { Judged::Fresh } else { Judged::Without(knowns) }
}

/// Plans an event again with what is known of its rows by now; gives what became of it where that decides it.
pub(super) fn finish_again(planner: &Planner, item: &mut Item, writers: &mut Writers) -> Option<Outcome> {
    let Planned::Draft(draft, rule) = planner.plan(&item.event) else {
        return Some(Outcome::Released { replay: item.event.replay });
    };
    match planner.finish(draft, &item.event, &item.knowns, &item.answers) {
        Ok(finished) => {
            item.intent = Intent::Work(writers.work(&item.event, finished, rule));
            None
        }
        Err(_) if item.makers().next().is_some() => Some(Outcome::Held),
        Err(refusal) => Some(refused(refusal.reason)),
    }
}

/// What becomes of an event that cannot be planned. One that lacks the row of an earlier step waits for it as for the row of a
/// foreign key: the event that makes it may be late, or waiting itself.
fn refused(reason: Rejection) -> Outcome {
    match reason.cause.strip_prefix(NO_LINK) {
        Some(step) if step.starts_with(':') => Outcome::Parent(reason),
        _ => Outcome::Rejected(reason),
    }
}

/// The undecided events of a page so far, by the records that they touch.
#[derive(Default)]
struct Ahead {
    touched: HashMap<Entity, Written>,
    /// Records whose row will be another one, or none, after these events.
    moved: HashSet<Entity>,
}

impl Ahead {
    /// Whether an earlier event of this page changes the row of one of these records.
    fn is_touched(&self, records: &[Entity]) -> bool {
        records.iter().any(|record| self.touched.contains_key(record))
    }

    /// Takes an event in. True where it has to wait for the next pass: an earlier one of this page makes or moves its row,
    /// or is newer than it, which counts only if that one gets applied.
    fn pass(&mut self, event: &StoredEvent, work: &Work) -> bool {
        let older = |change: &Change| {
            let planned_with = || change.needs().any(|of| *of == change.entity);
            // An insert: an earlier one has found the row, and this one was planned without it.
            (self.moved.contains(&change.entity) && !planned_with())
                || self
                    .touched
                    .get(&change.entity)
                    .is_some_and(|w| change.inserted().is_some() || policy::is_newer(w, event))
        };
        if work.change.rows.iter().any(older) {
            return true;
        }
        for (change, writer) in work.change.rows.iter().zip(&work.writers) {
            if change.shape().is_some_and(|s| s.generated.is_some() && s.op != Op::Update) {
                self.moved.insert(change.entity.clone());
            }
            let touched = self.touched.entry(change.entity.clone()).or_insert_with(|| Written {
                by: Arc::clone(writer),
                last_seq: event.seq,
                last_occurred_at: None,
                last_untimed_seq: None,
            });
            touched.last_seq = event.seq;
            touched.last_occurred_at = touched.last_occurred_at.max(event.occurred_at);
            if event.occurred_at.is_none() {
                touched.last_untimed_seq = Some(event.seq);
            }
        }
        false
    }
}

fn stale_reason(written: &[Written]) -> Rejection {
    let newer =
        written.iter().map(|w| w.last_seq).max().map_or_else(String::new, |seq| format!(" (event {seq})"));
    Rejection {
        cause: "stale".to_owned(),
        message: format!(
            "a newer event{newer} of the same record was applied before; this one would undo it"
        ),
    }
}

fn crash_reason() -> Rejection {
    Rejection {
        cause: "crashes".to_owned(),
        message: format!(
            "the program ended {} times while it worked on this event; it may be in the HIS. Look at the row before you retry",
            limits::CRASHES_MAX
        ),
    }
}
