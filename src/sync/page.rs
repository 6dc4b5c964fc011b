//! A page of events on its way from the queue to the HIS: claimed, planned, and each event's standing known.
//! Touches no HIS.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    limits,
    model::{
        change::EventChange,
        entity::Entity,
        event::{Seq, StoredEvent},
        outcome::{Outcome, Rejection, Standing},
    },
    plan::{Planned, Planner},
    policy,
    queue::{self, ClaimId, Queue, QueueError},
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
    pub(super) change: Option<(EventChange, Arc<str>)>,
    pub(super) standing: Standing,
    /// What became of it; none while it is undecided.
    pub(super) outcome: Option<Outcome>,
}

impl Item {
    pub(super) fn entity(&self) -> Option<&Entity> {
        match &self.planned {
            Planned::Draft(change, _) => Some(&change.entity),
            Planned::Rejected(_, entity) => entity.as_ref(),
            Planned::Ignored(_) | Planned::Unmapped(_) | Planned::Paused(_) => None,
        }
    }

    pub(super) fn change(&self) -> Option<(&EventChange, &Arc<str>)> {
        self.change.as_ref().map(|(c, r)| (c, r))
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
        let item = |event| {
            let planned = planner.plan(&event);
            let change = match &planned {
                Planned::Draft(d, r) => {
                    planner.finish(d.clone(), &event, &[], &[]).ok().map(|f| (f.change, r.clone()))
                }
                _ => None,
            };
            Item { event, planned, change, standing: Standing::default(), outcome: None }
        };
        events.into_iter().map(item).collect()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(items) => items,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Reads the standing of the entities that `which` selects.
pub(super) async fn standings(
    queue: &Queue,
    page: &mut Page,
    which: impl Fn(&Entity) -> bool,
) -> Result<(), QueueError> {
    let asked = |item: &Item| {
        item.entity().filter(|e| which(e)).map(|e| (e.clone(), item.event.kind.clone(), item.event.seq))
    };
    let questions: Vec<_> = page.items.iter().filter_map(asked).collect();
    if questions.is_empty() {
        return Ok(());
    }
    let seqs: Vec<Seq> = questions.iter().map(|(_, _, seq)| *seq).collect();
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
    let mut ahead: HashMap<String, Standing> = HashMap::new();
    for item in page.items.iter_mut().filter(|i| i.outcome.is_none()) {
        let behind = item.standing.unfinished.is_some_and(|seq| !own.contains(&seq));
        let stale = |s: &Standing| policy::is_stale(&item.event, s);
        item.outcome = match &item.planned {
            _ if item.event.crashes >= limits::CRASHES_MAX => Some(Outcome::Rejected(crash_reason())),
            Planned::Ignored(words) => Some(Outcome::Ignored(words)),
            Planned::Unmapped(reason) => Some(Outcome::Unmapped(reason.clone())),
            Planned::Paused(reason) => Some(Outcome::Paused(reason.clone())),
            Planned::Rejected(..) | Planned::Draft(..) if stale(&item.standing) => {
                Some(Outcome::Stale(stale_reason(&item.standing)))
            }
            Planned::Rejected(reason, _) => Some(Outcome::Rejected(reason.clone())),
            Planned::Draft(..) if behind => Some(Outcome::Held),
            Planned::Draft(change, _) => {
                let standing = ahead.entry(change.entity.memory(&item.event.kind)).or_default();
                if stale(standing) {
                    // Stale only if the event ahead of it in this page gets applied: the next pass knows.
                    Some(Outcome::Held)
                } else {
                    standing.last_seq = Some(item.event.seq);
                    standing.last_occurred_at = standing.last_occurred_at.max(item.event.occurred_at);
                    if item.event.occurred_at.is_none() {
                        standing.last_untimed_seq = Some(item.event.seq);
                    }
                    None
                }
            }
        };
    }
}

fn stale_reason(standing: &Standing) -> Rejection {
    let newer = standing.last_seq.map_or_else(String::new, |seq| format!(" (event {seq})"));
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
