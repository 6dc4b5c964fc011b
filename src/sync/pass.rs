//! One pass over all pending events, page by page. While a page is applied, the page before it is recorded and
//! the page behind it is claimed and planned.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    his::HisError,
    limits,
    model::{
        clock::{Clock, Timestamp},
        entity::Entity,
        event::{EventState, Seq},
        outcome::{LinkChange, Outcome, Settlement, Writer},
    },
    policy,
    queue::{ClaimId, Queue, QueueError},
    sync::{
        Interrupted, Tally, Worker, apply,
        crosswalk::Crosswalk,
        decide,
        page::{self, Intent, Item, Page},
        refused, resolve,
    },
};

/// A page that was applied and is to be recorded.
struct Unrecorded {
    claim: ClaimId,
    settlements: Arc<[Settlement]>,
    entities: Entities,
}

/// The records of a page, by hash: one that is taken for another is asked for once more.
#[derive(Clone, Default)]
struct Entities {
    hashes: HashSet<u64>,
    by: RandomState,
}

impl Entities {
    fn extend<'a>(&mut self, entities: impl Iterator<Item = &'a Entity>) {
        self.hashes.extend(entities.map(|entity| self.by.hash_one(entity)));
    }

    fn contains(&self, entity: &Entity) -> bool {
        self.hashes.contains(&self.by.hash_one(entity))
    }
}

/// What was found behind a page.
enum Ahead {
    /// The next page.
    Page(Page),
    /// Events that are claimed only while nothing else is under way, because they may take the process down.
    HeldBack,
    /// Nothing more.
    End,
}

impl Worker {
    pub(super) async fn pass(
        &mut self,
        stop: &CancellationToken,
        tally: &mut Tally,
    ) -> Result<(), Interrupted> {
        let (mut after, mut ahead, mut unrecorded) = (None, None, None);
        let mut refused = refused::Refused::default();
        loop {
            let page = if let Some(page) = ahead.take() {
                page
            } else {
                record(&self.queue, &*self.clock, unrecorded.take(), stop).await?;
                let Some(page) = self.next_page(after, stop).await? else { return Ok(()) };
                page
            };
            after = page.items.last().map(|i| i.event.seq);
            let (applied, following) = self.page(page, unrecorded.take(), &mut refused, stop, tally).await;
            unrecorded = applied;
            match following {
                Ok(Ahead::Page(page)) => ahead = Some(page),
                Ok(Ahead::HeldBack) => {}
                Ok(Ahead::End) => return Ok(record(&self.queue, &*self.clock, unrecorded, stop).await?),
                Err(error) => {
                    record(&self.queue, &*self.clock, unrecorded, stop).await?;
                    return Err(error);
                }
            }
        }
    }

    /// Claims and plans a page while nothing else is under way. The HIS is asked for nothing where there is none.
    async fn next_page(
        &mut self,
        after: Option<Seq>,
        stop: &CancellationToken,
    ) -> Result<Option<Page>, Interrupted> {
        let claimed = self.queue.claim(after, self.sync.batch_events).await?;
        if claimed.events.is_empty() {
            return Ok(None);
        }
        let contact = tokio::select! {
            contact = self.contact() => contact,
            () = stop.cancelled() => Err(HisError::not_connected().into()),
        };
        if let Err(error) = contact {
            self.queue.release(claimed.claim).await?;
            return Err(error);
        }
        let mut page = page::plan(claimed, self.binding()?).await;
        page::standings(&self.queue, &mut page, |_| true).await?;
        Ok(Some(page))
    }

    /// Applies a page. Gives what is to be recorded, and the next page.
    async fn page(
        &mut self,
        mut page: Page,
        before: Option<Unrecorded>,
        refused: &mut refused::Refused,
        stop: &CancellationToken,
        tally: &mut Tally,
    ) -> (Option<Unrecorded>, Result<Ahead, Interrupted>) {
        let (mut before, after) = (before, page.items.last().map(|i| i.event.seq));
        let binding = match self.decide(&mut page, &mut before, stop).await {
            Ok(binding) => binding,
            Err(error) => {
                let released = self.queue.release(page.claim).await;
                return (before, Err(released.err().map_or(error, Interrupted::from)));
            }
        };
        let (queue, clock, events_max) = (self.queue.clone(), &*self.clock, self.sync.batch_events);
        let crosswalk = Crosswalk { queue: &self.queue, clock };
        let apply = apply::apply(&mut self.link, crosswalk, &mut self.losses, refused, &mut page);
        let (applied, following) = tokio::join!(
            in_time(apply, stop),
            read_ahead(&queue, after, events_max, binding, stop, record(&queue, clock, before, stop))
        );
        let unrecorded = self.settlements(page, tally);
        let following = match (applied, following) {
            (Ok(()), following) => following.map_err(Interrupted::from),
            (Err(error), Ok(Ahead::Page(next))) => {
                Err(self.queue.release(next.claim).await.err().map_or(error, Interrupted::from))
            }
            (Err(error), _) => Err(error),
        };
        (Some(unrecorded), following)
    }

    /// Brings a page up to date and decides what needs no HIS.
    async fn decide(
        &mut self,
        page: &mut Page,
        before: &mut Option<Unrecorded>,
        stop: &CancellationToken,
    ) -> Result<page::Binding, Interrupted> {
        // Events of the page before have changed the standing of their entities.
        if let Some(unrecorded) =
            before.take_if(|b| page.items.iter().flat_map(Item::entities).any(|e| b.entities.contains(e)))
        {
            let entities = unrecorded.entities.clone();
            record(&self.queue, &*self.clock, Some(unrecorded), stop).await?;
            page::standings(&self.queue, page, |e| entities.contains(e)).await?;
        }
        let misfit =
            |i: &Item| matches!(i.intent, Intent::Nothing(Outcome::Rejected(_) | Outcome::Paused(_), _));
        if page.items.iter().any(misfit) {
            self.link.refresh().await?;
        }
        let binding = self.binding()?;
        if binding.generation != page.generation {
            page::plan_again(&self.queue, page, binding.clone()).await?;
        }
        resolve::resolve(&mut self.link, &self.queue, &binding.planner, page).await?;
        decide::decide(&binding.planner, page);
        Ok(binding)
    }

    pub(super) fn binding(&self) -> Result<page::Binding, HisError> {
        self.link.binding().ok_or_else(HisError::not_connected)
    }

    /// What the queue is to record of a page.
    fn settlements(&mut self, page: Page, tally: &mut Tally) -> Unrecorded {
        let now = self.clock.now();
        let mut settlements = Vec::with_capacity(page.items.len());
        let mut entities = Entities::default();
        let mut items = page.items;
        for item in &mut items {
            // Undecided means given up in the middle, perhaps in a COMMIT.
            let outcome = item.outcome.take().unwrap_or(Outcome::Released { replay: true });
            entities.extend(item.entities());
            let settlement = settlement(item, outcome, now);
            self.maybe_paused |= settlement.state == EventState::Paused;
            tally.add(&settlement);
            settlements.push(settlement);
        }
        // What is left of a page is freed in a millisecond, in which the HIS would wait.
        tokio::task::spawn_blocking(|| drop(items));
        Unrecorded { claim: page.claim, settlements: settlements.into(), entities }
    }
}

/// What the queue is to record of an event.
fn settlement(item: &mut Item, outcome: Outcome, now: Timestamp) -> Settlement {
    let entity = item.entity().cloned();
    // What is proposed stays so as long as the HIS may have kept it.
    let in_doubt = match outcome {
        Outcome::Applied => true,
        Outcome::Released { replay } => replay || item.event.replay,
        _ => false,
    };
    let settled = policy::settle(&item.event, entity, outcome, now, fastrand::f64());
    let mut links = std::mem::take(&mut item.links);
    if !in_doubt {
        links.extend(item.proposed.drain(..).map(|entity| (entity, LinkChange::Void)));
    }
    let wrote = match &item.intent {
        Intent::Work(work) if settled.state == EventState::Applied => {
            let entities = work.change.rows.iter().map(|change| change.entity.clone());
            let gone = || Arc::new(Writer { kind: item.event.kind.base().to_owned(), columns: None });
            let absent = work.absent.iter().map(|entity| (entity.clone(), gone()));
            entities.zip(work.writers.iter().cloned()).chain(absent).collect()
        }
        Intent::Work(_) | Intent::Draft(..) | Intent::Nothing(..) => Vec::new(),
    };
    let awaits = item.awaits.take().filter(|_| settled.state == EventState::Parked);
    // Nothing was tried: the next attempt is its first.
    let counted = settled.counted && awaits.is_none();
    Settlement { counted, wrote, links, awaits, ..settled }
}

/// Gives up what a HIS that does not answer would let no stop end.
async fn in_time(
    apply: impl Future<Output = Result<(), Interrupted>>,
    stop: &CancellationToken,
) -> Result<(), Interrupted> {
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(limits::STOP_BATCH_TIME).await;
    };
    tokio::select! {
        applied = apply => applied,
        () = overdue => Err(HisError::not_connected().into()),
    }
}

/// Claims and plans the page behind the one that is being applied, while the one before is recorded. Asks for its
/// standing only then, because what is recorded is part of it.
async fn read_ahead(
    queue: &Queue,
    after: Option<Seq>,
    events_max: usize,
    binding: page::Binding,
    stop: &CancellationToken,
    recording: impl Future<Output = Result<(), QueueError>>,
) -> Result<Ahead, QueueError> {
    if stop.is_cancelled() {
        return recording.await.map(|()| Ahead::End);
    }
    let claimed = match queue.claim(after, events_max).await {
        Ok(claimed) => claimed,
        Err(error) => return recording.await.and(Err(error)),
    };
    if claimed.events.is_empty() {
        let end = if claimed.held_back { Ahead::HeldBack } else { Ahead::End };
        return recording.await.map(|()| end);
    }
    let claim = claimed.claim;
    let (recorded, page) = tokio::join!(recording, page::plan(claimed, binding));
    let mut page = page;
    if let Err(error) = recorded {
        return queue.release(claim).await.and(Err(error));
    }
    page::standings(queue, &mut page, |_| true).await?;
    Ok(Ahead::Page(page))
}

/// Records a page, however long it takes: what stands in the HIS must not be forgotten. After a failure the
/// pass is over, since what was read meanwhile is out of date.
async fn record(
    queue: &Queue,
    clock: &dyn Clock,
    unrecorded: Option<Unrecorded>,
    stop: &CancellationToken,
) -> Result<(), QueueError> {
    let Some(unrecorded) = unrecorded else { return Ok(()) };
    let mut failed = None;
    loop {
        let settlements = Arc::clone(&unrecorded.settlements);
        match queue.settle(unrecorded.claim, settlements, clock.now()).await {
            Ok(()) => return failed.map_or(Ok(()), Err),
            Err(error) => {
                if failed.is_none() {
                    error!(%error, "the queue file cannot record what was written to the HIS; trying until it can");
                }
                failed = Some(error);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return failed.map_or(Ok(()), Err),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}
