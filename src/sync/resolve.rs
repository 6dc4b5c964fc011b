//! What a page's events must know of the HIS before they can be written: what their lookups find, which rows their
//! records are. Asks in one query for many, and changes nothing.

use std::collections::HashSet;

use crate::{
    his::HisError,
    model::{
        awaits::Awaits,
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
    for index in finish_drafts(link, planner, page).await? {
        let Some(item) = page.items.get_mut(index) else { continue };
        if item.event.replay && item.is_permanent() {
            find::alike(link, queue, planner, item, &mut writers).await?;
        }
    }
    Ok(())
}

/// Finishes every draft of a page with what the HIS knows; gives their places, without those that it has decided about.
pub(super) async fn finish_drafts(
    link: &mut Link,
    planner: &Planner,
    page: &mut Page,
) -> Result<Vec<usize>, HisError> {
    let drafts = |page: &Page| {
        let open = page.items.iter().enumerate().filter(|(_, item)| item.outcome.is_none());
        open.filter(|(_, item)| matches!(item.intent, Intent::Draft(..))).map(|(i, _)| i).collect::<Vec<_>>()
    };
    let open = drafts(page);
    if open.is_empty() {
        return Ok(open);
    }
    answers(link, planner, page, &open).await?;
    for index in open {
        let Some(item) = page.items.get_mut(index).filter(|item| item.outcome.is_none()) else { continue };
        item.knowns = knowns(item);
        if doubtful(item).next().is_some()
            && let Err(error) = prove(link, planner, item).await
        {
            unanswered(link, item, &error).await?;
        }
    }
    find::check_marks(link, page, &drafts(page)).await?;
    find::search(link, page, &drafts(page)).await?;
    let mut writers = Writers::default();
    // Records of which an earlier event of the page may make the row, or lose it.
    let mut unsure: HashSet<Entity> = HashSet::new();
    let mut finished = Vec::new();
    for index in drafts(page) {
        let Some(item) = page.items.get_mut(index) else { continue };
        let records = linked_records(item);
        if records.iter().any(|(record, _)| unsure.contains(record)) {
            unsure.extend(records.into_iter().map(|(record, _)| record));
            item.outcome = Some(Outcome::Held);
            continue;
        }
        find::refuse_gone(item);
        if item.outcome.is_some() {
            continue;
        }
        finish(planner, item, &mut writers);
        finished.push(index);
        if item.outcome.is_none() && item.work().is_some() {
            unsure.extend(records.into_iter().filter(|(_, unlinked)| *unlinked).map(|(record, _)| record));
        }
    }
    Ok(finished)
}

/// The records of an event that the crosswalk knows or is to know, and whether their rows are unknown yet.
fn linked_records(item: &Item) -> Vec<(Entity, bool)> {
    let Intent::Draft(draft, _) = &item.intent else { return Vec::new() };
    let record = |(place, step): (usize, &crate::plan::DraftStep)| {
        let unlinked = item.knowns.get(place).is_none_or(StepKnown::is_unlinked);
        step.is_linked().then(|| (step.entity().clone(), unlinked))
    };
    draft.steps().iter().enumerate().filter_map(record).collect()
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
