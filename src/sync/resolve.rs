//! What a page's events must know of the HIS before they can be written: what their lookups find, which rows their
//! records are. Asks in one query for many, and changes nothing.

use std::collections::{HashMap, HashSet};

use crate::{
    model::{
        awaits::Awaits,
        change::{Change, Op},
        entity::Entity,
        outcome::{Outcome, Standing},
    },
    plan::{Planner, Refusal, StepKnown},
    queue::Queue,
    sync::{
        Interrupted,
        answers::{answers, unanswered},
        find,
        link::Link,
        page::{Intent, Item, Page, Writers},
        prove::{doubtful, prove},
    },
};

/// Finishes every draft of a page, or decides about its event.
pub(super) async fn resolve(
    link: &mut Link,
    queue: &Queue,
    planner: &Planner,
    page: &mut Page,
) -> Result<(), Interrupted> {
    let mut writers = Writers::default();
    for index in finish_drafts(link, Some(queue), planner, page).await? {
        let Some(item) = page.items.get_mut(index) else { continue };
        if item.event.replay && item.is_permanent() {
            find::alike(link, queue, planner, item, &mut writers).await?;
        }
    }
    Ok(())
}

/// Finishes every draft of a page with what the HIS knows; gives their places, without those that it has decided about. The queue
/// is asked what is behind the page, where that matters.
pub(super) async fn finish_drafts(
    link: &mut Link,
    queue: Option<&Queue>,
    planner: &Planner,
    page: &mut Page,
) -> Result<Vec<usize>, Interrupted> {
    let drafts = |page: &Page| {
        let open = page.items.iter().enumerate().filter(|(_, item)| item.outcome.is_none());
        open.filter(|(_, item)| matches!(item.intent, Intent::Draft(..))).map(|(i, _)| i).collect::<Vec<_>>()
    };
    let open = drafts(page);
    if open.is_empty() {
        return Ok(open);
    }
    answers(link, planner, page, &open).await?;
    // Records whose row is known by now, though the queue does not know it yet.
    let mut proven: HashSet<Entity> = HashSet::new();
    for index in open {
        let Some(item) = page.items.get_mut(index).filter(|item| item.outcome.is_none()) else { continue };
        item.knowns = knowns(item);
        if doubtful(item).next().is_none() {
            continue;
        }
        if item.entities().any(|record| proven.contains(record)) {
            item.outcome = Some(Outcome::Held);
            continue;
        }
        if let Err(error) = prove(link, planner, item).await {
            unanswered(link, item, &error).await?;
        }
        proven.extend(item.links.iter().map(|(record, _)| record.clone()));
    }
    find::check_marks(link, page, &drafts(page)).await?;
    find::search(link, page, &drafts(page)).await?;
    let mut writers = Writers::default();
    let mut earlier = Earlier::default();
    let mut finished = Vec::new();
    let mut deletions = find::Deletions::of(&page.items);
    let missed = |item: &Item| item.event.replay && item.knowns.iter().any(|known| known.gone);
    if let Some(queue) = queue.filter(|_| page.items.iter().any(missed)) {
        let last = page.items.last().map(|item| item.event.seq);
        deletions.look_behind(queue, planner, last).await?;
    }
    for index in drafts(page) {
        let Some(item) = page.items.get_mut(index) else { continue };
        let records = earlier.look(item);
        if item.outcome.is_none() {
            deletions.pass_over(index, item);
            find::refuse_gone(item);
            if item.outcome.is_some() && deletions.is_behind(index, item) {
                item.outcome = Some(Outcome::Held);
            }
        }
        if item.outcome.is_some() {
            continue;
        }
        finish(planner, item, &mut writers);
        finished.push(index);
        earlier.note(index, item, records);
    }
    Ok(finished)
}

/// What the earlier events of a page do to rows that the crosswalk does not know yet.
#[derive(Default)]
struct Earlier {
    /// Records whose row one of them inserts, and its place: the others change it in the same transaction.
    made: HashMap<Entity, usize>,
    /// Records of which one of them may make the row, or lose it: what comes behind waits for the next pass.
    unsure: HashSet<Entity>,
}

impl Earlier {
    /// Tells an event what the earlier ones make; gives its records whose rows nobody knows, nor makes before it.
    fn look(&mut self, item: &mut Item) -> Vec<Entity> {
        let Intent::Draft(draft, _) = &item.intent else { return Vec::new() };
        let mut new = Vec::new();
        let linked = draft.steps().iter().enumerate().filter(|(_, step)| step.is_linked());
        for (place, step) in linked {
            let entity = step.entity();
            if self.unsure.contains(entity) {
                let steps = draft.steps().iter().filter(|step| step.is_linked());
                self.unsure.extend(steps.map(|step| step.entity().clone()));
                item.outcome = Some(Outcome::Held);
                return Vec::new();
            }
            match item.knowns.get_mut(place) {
                Some(known) if !known.is_unlinked() => {}
                Some(known) if self.made.contains_key(entity) => {
                    known.made_ahead = self.made.get(entity).copied();
                }
                Some(_) | None if step.is_skipped() => {}
                Some(_) | None => new.push(entity.clone()),
            }
        }
        new
    }

    /// Takes in an event that was finished, at its place.
    fn note(&mut self, index: usize, item: &mut Item, records: Vec<Entity>) {
        let Some(work) = item.work().filter(|_| item.outcome.is_none()) else { return };
        let rows = &work.change.rows;
        // The row would not be there to be looked at before COMMIT.
        let takes_back = |row: &Change| {
            row.shape().is_some_and(|shape| shape.op == Op::Delete) && row.needs().next().is_some()
        };
        if rows.iter().any(takes_back) {
            self.unsure.extend(rows.iter().map(|row| row.entity.clone()));
            item.outcome = Some(Outcome::Held);
            return;
        }
        let makes = |row: &Change| row.inserted().is_some_and(|shape| shape.table.transactional);
        for record in records {
            if rows.iter().any(|row| row.entity == record && makes(row)) {
                self.made.insert(record, index);
            } else {
                self.unsure.insert(record);
            }
        }
    }
}

/// What the queue knows of an event's rows.
fn knowns(item: &Item) -> Vec<StepKnown> {
    let known = |standing: &Standing| StepKnown {
        his_key: standing.link.as_ref().filter(|l| l.proof.is_none()).map(|l| l.his_key.clone()),
        seen: !standing.written.is_empty(),
        ..StepKnown::default()
    };
    item.standings.iter().map(known).collect()
}

fn finish(planner: &Planner, item: &mut Item, writers: &mut Writers) {
    let nothing = Intent::Nothing(Outcome::Released { replay: item.event.replay }, None);
    let (draft, rule) = match std::mem::replace(&mut item.intent, nothing) {
        Intent::Draft(draft, rule) => (draft, rule),
        other => {
            item.intent = other;
            return;
        }
    };
    let entity = draft.entity.clone();
    let main = draft.steps().iter().position(|step| *step.entity() == entity);
    match planner.finish(draft, &item.event, &item.knowns, &item.answers) {
        Ok(finished) => item.intent = Intent::Work(writers.work(&item.event, finished, rule)),
        Err(Refusal { missing: None, .. }) if item.makers().next().is_some() => {
            item.intent = Intent::Nothing(Outcome::Held, Some(entity));
            item.outcome = Some(Outcome::Held);
        }
        Err(Refusal { reason, missing }) => {
            item.awaits = missing.and_then(|(lookup, value)| {
                let bound = planner.lookups().get(lookup)?;
                let column = bound.matches_name().to_owned();
                Some(Awaits { table: bound.table.title(), column, only: bound.only_words(), value }.to_text())
            });
            // What is left of it is about that record alone.
            let standing = main.and_then(|main| item.standings.get_mut(main)).map(std::mem::take);
            item.standings = standing.into_iter().collect();
            item.intent = Intent::Nothing(Outcome::Rejected(reason), Some(entity));
        }
    }
}
