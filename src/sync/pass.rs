//! One pass over all pending events, page by page. While a page is applied, the page before it is recorded and
//! the page behind it is claimed and planned.

use std::{collections::HashSet, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    his::HisError,
    model::{
        clock::Clock,
        entity::Entity,
        event::EventState,
        outcome::{Outcome, Settlement},
    },
    plan::Planned,
    policy,
    queue::{ClaimId, Queue, QueueError},
    sync::{
        Interrupted, Tally, Worker, apply,
        page::{self, Item, Page},
    },
};

/// A page that was applied and is to be recorded.
struct Unrecorded {
    claim: ClaimId,
    settlements: Vec<Settlement>,
    entities: HashSet<Entity>,
}

impl Worker {
    pub(super) async fn pass(
        &mut self,
        stop: &CancellationToken,
        tally: &mut Tally,
    ) -> Result<(), Interrupted> {
        let Some(claimed) = page::claim(&self.queue, None, self.sync.batch_events).await? else {
            return Ok(());
        };
        if let Err(error) = self.contact().await {
            self.queue.release(claimed.claim).await?;
            return Err(error);
        }
        let mut next = Some(page::plan(&self.queue, claimed, self.binding()?).await?);
        let mut unrecorded = None;
        while let Some(page) = next {
            let before = unrecorded.take();
            let (applied, following) = self.page(page, before, stop, tally).await;
            unrecorded = applied;
            next = match following {
                Ok(next) => next,
                Err(error) => {
                    record(&self.queue, &*self.clock, unrecorded, stop).await?;
                    return Err(error);
                }
            };
        }
        Ok(record(&self.queue, &*self.clock, unrecorded, stop).await?)
    }

    /// Applies a page. Gives what is to be recorded, and the next page.
    async fn page(
        &mut self,
        mut page: Page,
        before: Option<Unrecorded>,
        stop: &CancellationToken,
        tally: &mut Tally,
    ) -> (Option<Unrecorded>, Result<Option<Page>, Interrupted>) {
        let (mut before, after) = (before, page.items.last().map(|i| i.event.seq));
        let binding = match self.decide(&mut page, &mut before, stop).await {
            Ok(binding) => binding,
            Err(error) => {
                let released = self.queue.release(page.claim).await;
                return (before, Err(released.err().map_or(error, Interrupted::from)));
            }
        };
        let (queue, clock, events_max) = (self.queue.clone(), &*self.clock, self.sync.batch_events);
        let (applied, recorded, following) = tokio::join!(
            apply::apply(&mut self.link, &mut self.losses, &mut page),
            record(&queue, clock, before, stop),
            async {
                match page::claim(&queue, after, events_max).await? {
                    Some(claimed) if !stop.is_cancelled() => {
                        page::plan(&queue, claimed, binding).await.map(Some)
                    }
                    Some(claimed) => queue.release(claimed.claim).await.map(|()| None),
                    None => Ok(None),
                }
            }
        );
        let unrecorded = self.settlements(page, tally);
        let trouble = applied.err().map(Interrupted::from).or(recorded.err().map(Interrupted::from));
        let following = match (trouble, following) {
            (None, following) => following.map_err(Interrupted::from),
            (Some(error), Ok(Some(next))) => {
                Err(self.queue.release(next.claim).await.err().map_or(error, Interrupted::from))
            }
            (Some(error), _) => Err(error),
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
            before.take_if(|b| page.items.iter().filter_map(Item::entity).any(|e| b.entities.contains(e)))
        {
            let entities = unrecorded.entities.clone();
            record(&self.queue, &*self.clock, Some(unrecorded), stop).await?;
            page::standings(&self.queue, page, |e| entities.contains(e)).await?;
        }
        let misfit = |i: &Item| matches!(i.planned, Planned::Rejected(..) | Planned::Paused(_));
        if page.items.iter().any(misfit) {
            self.link.refresh().await?;
        }
        let binding = self.binding()?;
        if binding.generation != page.generation {
            page::plan_again(&self.queue, page, binding.clone()).await?;
        }
        page::decide(page);
        Ok(binding)
    }

    fn binding(&self) -> Result<page::Binding, HisError> {
        self.link.binding().ok_or_else(HisError::not_connected)
    }

    /// What the queue is to record of a page.
    fn settlements(&mut self, page: Page, tally: &mut Tally) -> Unrecorded {
        let now = self.clock.now();
        let mut settlements = Vec::with_capacity(page.items.len());
        for mut item in page.items {
            let outcome = item.outcome.take().unwrap_or(Outcome::Released { replay: false });
            let entity = item.entity().cloned();
            let settlement = policy::settle(&item.event, entity, outcome, now, fastrand::f64());
            self.maybe_paused |= settlement.state == EventState::Paused;
            tally.add(&settlement);
            settlements.push(settlement);
        }
        let entities = settlements.iter().filter_map(|s| s.entity.clone()).collect();
        Unrecorded { claim: page.claim, settlements, entities }
    }
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
        let settlements = unrecorded.settlements.clone();
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
