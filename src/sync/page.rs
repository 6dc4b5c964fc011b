//! A page of events on its way from the queue to the HIS: claimed, planned, and each event's standing known.
//! Touches no HIS.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    limits,
    model::{
        change::{EventChange, Op, Role, Shape},
        entity::Entity,
        event::{Seq, StoredEvent},
        outcome::{Outcome, Rejection, Standing, Writer, Written},
    },
    plan::{Planned, Planner},
    policy::{self, Verdict},
    queue::{self, ClaimId, Question, Queue, QueueError},
};

/// A claimed and planned page.
pub(super) struct Page {
    pub(super) claim: ClaimId,
    pub(super) items: Vec<Item>,
    /// The binding that it was planned with.
    pub(super) generation: u64,
}

/// An event of a page.
pub(super) struct Item {
    pub(super) event: StoredEvent,
    pub(super) planned: Planned,
    /// Who writes what it changes.
    pub(super) writer: Option<Arc<Writer>>,
    pub(super) standing: Standing,
    /// What became of it; none while it is undecided.
    pub(super) outcome: Option<Outcome>,
}

impl Item {
    pub(super) fn entity(&self) -> Option<&Entity> {
        match &self.planned {
            Planned::Change(change, _) => Some(&change.entity),
            Planned::Rejected(_, entity) => entity.as_ref(),
            Planned::Ignored(_) | Planned::Unmapped(_) | Planned::Paused(_) => None,
        }
    }

    pub(super) fn change(&self) -> Option<(&EventChange, &Arc<str>)> {
        match &self.planned {
            Planned::Change(change, rule) => Some((change, rule)),
            _ => None,
        }
    }

    /// An event of which an earlier attempt went wrong, or may have gone right, is applied alone: it harms no
    /// others, and what happens to it is its own doing. So is one whose table cannot roll back: what is done in
    /// one transaction with others would be done again when these fail.
    pub(super) fn is_solo(&self) -> bool {
        let rolls_back = |(change, _): (&EventChange, _)| {
            change.rows.iter().all(|r| r.shape().is_none_or(|s| s.table.transactional))
        };
        self.event.attempts > 0 || self.event.replay || !self.change().is_none_or(rolls_back)
    }
}

/// The mappings as bound to one description of the tables.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) planner: Arc<Planner>,
    pub(super) generation: u64,
}

/// Plans a claimed page. The standing of its entities is still to be read.
pub(super) async fn plan(claimed: queue::Page, binding: Binding) -> Page {
    let items = plan_events(binding.planner, claimed.events).await;
    Page { claim: claimed.claim, items, generation: binding.generation }
}

/// Plans a page again, with another binding.
pub(super) async fn plan_again(queue: &Queue, page: &mut Page, binding: Binding) -> Result<(), QueueError> {
    let events = page.items.drain(..).map(|i| i.event).collect();
    page.items = plan_events(binding.planner, events).await;
    page.generation = binding.generation;
    standings(queue, page, |_| true).await
}

/// Parsing and converting a page takes milliseconds of processor: not on the threads that answer requests.
async fn plan_events(planner: Arc<Planner>, events: Vec<StoredEvent>) -> Vec<Item> {
    let work = move || {
        // Events with the same shape have their writer in common.
        let mut known: HashMap<*const Shape, Vec<Arc<Writer>>> = HashMap::new();
        let item = |event: StoredEvent| {
            let planned = planner.plan(&event);
            let writer = shape_of(&planned).map(|shape| {
                let known = known.entry(Arc::as_ptr(shape)).or_default();
                let kind = event.kind.base();
                if let Some(writer) = known.iter().find(|w| w.kind == kind) {
                    return Arc::clone(writer);
                }
                let writer = Arc::new(writer_of(kind, shape));
                known.push(Arc::clone(&writer));
                writer
            });
            Item { event, planned, writer, standing: Standing::default(), outcome: None }
        };
        events.into_iter().map(item).collect()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(items) => items,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The shape of the row that an event changes.
pub(super) fn shape_of(planned: &Planned) -> Option<&Arc<Shape>> {
    match planned {
        Planned::Change(change, _) => change.rows.first().and_then(|row| row.shape()),
        _ => None,
    }
}

/// Who writes such a row.
pub(super) fn writer_of(kind: &str, shape: &Shape) -> Writer {
    let written = shape.columns.iter().filter(|(_, role)| *role != Role::Key);
    let name = |(index, _): &(usize, Role)| shape.table.columns.get(*index).map(|c| c.name.clone());
    let columns = (shape.op != Op::Delete).then(|| written.filter_map(name).collect());
    Writer { kind: kind.to_owned(), columns }
}

/// Reads the standing of the entities that `which` selects.
pub(super) async fn standings(
    queue: &Queue,
    page: &mut Page,
    which: impl Fn(&Entity) -> bool,
) -> Result<(), QueueError> {
    let asked = |item: &Item| {
        let entity = item.entity().filter(|e| which(e))?.clone();
        Some(Question { entity, seq: item.event.seq, order: true, link: false })
    };
    let questions: Vec<_> = page.items.iter().filter_map(asked).collect();
    if questions.is_empty() {
        return Ok(());
    }
    let seqs: Vec<Seq> = questions.iter().map(|question| question.seq).collect();
    let answers = queue.standing(questions).await?;
    let mut answers: HashMap<Seq, Standing> = seqs.into_iter().zip(answers).collect();
    for item in &mut page.items {
        if let Some(standing) = answers.remove(&item.event.seq) {
            item.standing = standing;
        }
    }
    Ok(())
}

/// Decides what needs no HIS: what planning refused, what is stale, what stands behind an unfinished event.
pub(super) fn decide(page: &mut Page) {
    let own: HashSet<Seq> = page.items.iter().map(|i| i.event.seq).collect();
    let mut ahead: HashMap<Entity, Vec<Written>> = HashMap::new();
    for item in page.items.iter_mut().filter(|i| i.outcome.is_none()) {
        let behind = item.standing.unfinished.is_some_and(|seq| !own.contains(&seq));
        let stale = |written: &[Written]| is_stale(&item.event, item.writer.as_deref(), written);
        item.outcome = match &item.planned {
            _ if item.event.crashes >= limits::CRASHES_MAX => Some(Outcome::Rejected(crash_reason())),
            Planned::Ignored(words) => Some(Outcome::Ignored(words)),
            Planned::Unmapped(reason) => Some(Outcome::Unmapped(reason.clone())),
            Planned::Paused(reason) => Some(Outcome::Paused(reason.clone())),
            Planned::Rejected(..) | Planned::Change(..) if stale(&item.standing.written) => {
                Some(Outcome::Stale(stale_reason(&item.standing)))
            }
            Planned::Rejected(reason, _) => Some(Outcome::Rejected(reason.clone())),
            Planned::Change(..) if behind => Some(Outcome::Held),
            Planned::Change(change, _) => {
                let written = ahead.entry(change.entity.clone()).or_default();
                if stale(written) {
                    // Stale only if the event ahead of it in this page gets applied: the next pass knows.
                    Some(Outcome::Held)
                } else {
                    if let Some(writer) = &item.writer {
                        remember(written, writer, &item.event);
                    }
                    None
                }
            }
        };
    }
}

/// Whether an event would undo what is newer. As a whole: of one that is news in part, only what other types wrote
/// since is written over.
fn is_stale(event: &StoredEvent, writer: Option<&Writer>, written: &[Written]) -> bool {
    if written.is_empty() {
        return false;
    }
    let own_type = || {
        let own = |w: &&Written| w.by.kind == event.kind.base();
        written.iter().filter(own).cloned().collect::<Vec<_>>()
    };
    let Some(writer) = writer else {
        // It could not be planned: what it would have written is not known.
        let nothing = Writer { kind: event.kind.base().to_owned(), columns: Some(BTreeSet::new()) };
        return policy::judge(event, &nothing, &own_type()) == Verdict::Stale;
    };
    match policy::judge(event, writer, written) {
        Verdict::Fresh => false,
        Verdict::Stale => true,
        Verdict::Without(_) => policy::judge(event, writer, &own_type()) != Verdict::Fresh,
    }
}

/// Adds an event to what is written.
fn remember(written: &mut Vec<Written>, writer: &Arc<Writer>, event: &StoredEvent) {
    let untimed = event.occurred_at.is_none().then_some(event.seq);
    let known = written.iter_mut().find(|w| Arc::ptr_eq(&w.by, writer));
    if let Some(known) = known {
        known.last_seq = known.last_seq.max(event.seq);
        known.last_occurred_at = known.last_occurred_at.max(event.occurred_at);
        known.last_untimed_seq = known.last_untimed_seq.max(untimed);
    } else {
        written.push(Written {
            by: Arc::clone(writer),
            last_seq: event.seq,
            last_occurred_at: event.occurred_at,
            last_untimed_seq: untimed,
        });
    }
}

fn stale_reason(standing: &Standing) -> Rejection {
    let newest = standing.written.iter().map(|w| w.last_seq).max();
    let newer = newest.map_or_else(String::new, |seq| format!(" (event {seq})"));
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
