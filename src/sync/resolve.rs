//! What a page's events must know of the HIS before they can be written: what their lookups find, which rows their
//! records are. Asks in one query for many, and changes nothing.

use std::{collections::HashMap, sync::Arc};

use crate::{
    his::{HisError, ask::Marked},
    model::{
        answer::Answer,
        awaits::Awaits,
        change::{Cell, Change, Op},
        entity::Entity,
        outcome::{Link as Entry, LinkChange, Outcome, Rejection},
        value::SqlValue,
    },
    plan::{Ask, Planner, Refusal, Search, StepKnown},
    queue::Queue,
    sync::{
        Interrupted,
        crosswalk::{fingerprints, inserted},
        decide::finish_again,
        link::Link,
        page::{Intent, Item, Page, Work, Writers},
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
            find_alike(link, queue, planner, item, &mut writers).await?;
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
        let Some(item) = page.items.get_mut(index) else { continue };
        item.knowns = knowns(item);
        if doubtful(item).next().is_some() {
            prove(link, planner, item).await?;
        }
    }
    search(link, page, &drafts(page)).await?;
    let (finished, mut writers) = (drafts(page), Writers::default());
    for index in &finished {
        if let Some(item) = page.items.get_mut(*index) {
            finish(planner, item, &mut writers);
        }
    }
    Ok(finished)
}

/// The steps of an event, each with its record, whose linked row the HIS has deleted, and that insert it anew then.
pub(super) async fn gone(link: &mut Link, work: &Work) -> Result<Vec<(usize, Entity)>, HisError> {
    let mut gone = Vec::new();
    for (change, of) in work.change.rows.iter().zip(&work.of).filter(|(_, of)| of.relinks) {
        let Some(shape) = change.shape().filter(|shape| shape.is_linked()) else { continue };
        let key = change.values.first().and_then(Cell::value).map(SqlValue::plain);
        let (Some(generated), Some(key)) = (shape.generated, key) else { continue };
        let rows = link.rows(&shape.table, generated, &[key], &[generated]).await?;
        if rows.iter().all(Option::is_none) {
            gone.push((of.step, change.entity.clone()));
        }
    }
    Ok(gone)
}

/// Plans an event anew, without the rows that [`gone`] has named.
pub(super) fn insert_anew(planner: &Planner, item: &mut Item, gone: &[(usize, Entity)]) {
    for (step, _) in gone {
        item.knowns.resize_with(item.knowns.len().max(step + 1), StepKnown::default);
        if let Some(known) = item.knowns.get_mut(*step) {
            known.gone = true;
        }
    }
    item.outcome = finish_again(planner, item, &mut Writers::default());
}

/// Looks up what the events ask for, each different value once.
async fn answers(
    link: &mut Link,
    planner: &Planner,
    page: &mut Page,
    open: &[usize],
) -> Result<(), HisError> {
    let mut asks: Vec<Ask> = Vec::new();
    let mut places: HashMap<(usize, String), usize> = HashMap::new();
    let mut wanted: Vec<(usize, Vec<usize>)> = Vec::new();
    for &index in open {
        let Some(Intent::Draft(draft, _)) = page.items.get(index).map(|i| &i.intent) else { continue };
        let place = |ask: &Ask| {
            *places.entry((ask.lookup, ask.text.clone())).or_insert_with(|| {
                asks.push(ask.clone());
                asks.len() - 1
            })
        };
        wanted.push((index, draft.asks.iter().map(place).collect()));
    }
    if asks.is_empty() {
        return Ok(());
    }
    let answers = link.lookup(planner, &asks).await?;
    for (index, places) in wanted {
        if let Some(item) = page.items.get_mut(index) {
            item.answers =
                places.iter().map(|p| answers.get(*p).cloned().unwrap_or(Answer::Missing)).collect();
        }
    }
    Ok(())
}

/// What the queue knows of an event's rows.
fn knowns(item: &Item) -> Vec<StepKnown> {
    let known = |standing: &crate::model::outcome::Standing| StepKnown {
        his_key: standing.link.as_ref().filter(|l| l.proof.is_none()).map(|l| l.his_key.clone()),
        seen: !standing.written.is_empty(),
        ..StepKnown::default()
    };
    item.standings.iter().map(known).collect()
}

/// The steps of which it is not known whether the HIS has kept their row.
fn doubtful(item: &Item) -> impl Iterator<Item = (usize, &Entry, i64)> {
    let entry = |(step, standing): (usize, &'_ crate::model::outcome::Standing)| {
        Some((step, standing.link.as_ref()?.proof?))
    };
    let steps: Vec<_> = item.standings.iter().enumerate().filter_map(entry).collect();
    steps
        .into_iter()
        .filter_map(|(step, proof)| Some((step, item.standings.get(step)?.link.as_ref()?, proof)))
}

/// Finds out whether the transaction that proposed an event's rows was committed: their keys were written down before.
async fn prove(link: &mut Link, planner: &Planner, item: &mut Item) -> Result<(), HisError> {
    let Intent::Draft(draft, rule) = &item.intent else { return Ok(()) };
    let rule = Arc::clone(rule);
    let doubtful: Vec<(usize, Entry, i64)> = doubtful(item).map(|(s, e, p)| (s, e.clone(), p)).collect();
    // As it was planned then: an insert of the rows in doubt.
    let inserted = planner.finish(draft.clone(), &item.event, &item.knowns, &item.answers);
    let inserted = inserted.unwrap_or_else(|_| crate::plan::Finished::nothing(draft.entity.clone()));
    let (mut kept, mut changed) = (Vec::new(), None);
    for (step, entry, proof) in doubtful {
        let place = inserted.of.iter().position(|of| of.step == step);
        let row = place.and_then(|place| inserted.change.rows.get(place)).and_then(Change::shape);
        let Some(shape) = row.filter(|shape| shape.op == Op::Insert) else {
            changed = Some(entry.his_key.clone());
            continue;
        };
        match fingerprints(link, shape, std::slice::from_ref(&entry.his_key)).await?.first() {
            Some(Some(now)) if *now == proof => kept.push((step, entry)),
            Some(Some(_)) => changed = Some(entry.his_key.clone()),
            Some(None) | None => {}
        }
    }
    if kept.is_empty() {
        if let Some(key) = changed {
            let title =
                draft.steps().first().map_or_else(String::new, |s| s.entity().0.replace('\u{1f}', " "));
            item.refuse(Rejection {
                cause: "link-uncertain".to_owned(),
                message: format!(
                    "the program ended in the moment when the HIS was to keep the new row {key} of {title}; that row is there, but not as it was written: it was changed since, or is another one. Look at it, then say which row it is with `events link ... --to KEY` (or `--remove` for none), and retry"
                ),
            });
        }
        return Ok(());
    }
    // One transaction: where one row is there, all of the event is done.
    for (step, entry) in kept {
        if let Some(known) = item.knowns.get_mut(step) {
            known.his_key = Some(entry.his_key.clone());
        }
        if let Some(step) = draft.steps().get(step) {
            item.links.push((step.entity().clone(), LinkChange::Set(entry.his_key)));
        }
    }
    let finished = planner.finish(draft.clone(), &item.event, &item.knowns, &item.answers);
    item.intent = match finished {
        Ok(finished) => Intent::Work(Writers::default().work(&item.event, finished, rule)),
        Err(_) => Intent::Nothing(Outcome::Applied, Some(draft.entity.clone())),
    };
    item.outcome = Some(Outcome::Applied);
    Ok(())
}

/// Searches the rows of records that are not linked by the columns that tell them. Those that were never tried are
/// searched only where that costs little.
async fn search(link: &mut Link, page: &mut Page, open: &[usize]) -> Result<(), HisError> {
    type Group = (usize, usize, Vec<usize>, bool);
    let mut groups: HashMap<Group, Vec<(usize, usize, Search)>> = HashMap::new();
    for &index in open {
        let Some(item) = page.items.get(index) else { continue };
        let Intent::Draft(draft, _) = &item.intent else { continue };
        for (step, known) in item.knowns.iter().enumerate().filter(|(_, known)| known.his_key.is_none()) {
            let replay = item.event.replay || item.event.attempts > 0;
            let search = draft.steps().get(step).and_then(|s| s.search(&item.answers));
            let Some(search) = search.filter(|s| s.indexed || replay || known.seen) else { continue };
            let lock = replay && search.indexed;
            let group = (Arc::as_ptr(&search.table) as usize, search.generated, search.matches.clone(), lock);
            groups.entry(group).or_default().push((index, step, search));
        }
    }
    for ((_, generated, matches, lock), asked) in groups {
        let Some((_, _, first)) = asked.first() else { continue };
        let values: Vec<Vec<&SqlValue>> = asked.iter().map(|(_, _, s)| s.values.iter().collect()).collect();
        let found = link.marked(&first.table, generated, &matches, &values, lock).await?;
        for ((index, step, search), found) in asked.iter().zip(found) {
            let Some(item) = page.items.get_mut(*index) else { continue };
            match found {
                Marked::No => {}
                Marked::One(key) => adopt(item, *step, key),
                Marked::Several => {
                    let columns: Vec<&str> = matches
                        .iter()
                        .filter_map(|c| search.table.columns.get(*c).map(|c| c.name.0.as_str()))
                        .collect();
                    item.refuse(Rejection {
                        cause: "many-rows".to_owned(),
                        message: format!(
                            "several rows of {} have the {} of its record; it must identify one. Say which row it is with `events link`, then retry",
                            search.table.title(),
                            columns.join(", ")
                        ),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Takes a row that was found for an event's own.
fn adopt(item: &mut Item, step: usize, key: String) {
    let Intent::Draft(draft, _) = &item.intent else { return };
    let Some(entity) = draft.steps().get(step).map(|s| s.entity().clone()) else { return };
    if let Some(known) = item.knowns.get_mut(step) {
        known.his_key = Some(key.clone());
    }
    item.links.push((entity, LinkChange::Set(key)));
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
    match planner.finish(draft, &item.event, &item.knowns, &item.answers) {
        Ok(finished) => item.intent = Intent::Work(writers.work(&item.event, finished, rule)),
        Err(Refusal { reason, missing }) => {
            item.awaits = missing.and_then(|(lookup, value)| {
                let bound = planner.lookups().get(lookup)?;
                let column = bound.matches_name().to_owned();
                Some(Awaits { table: bound.table.title(), column, only: bound.only_words(), value }.to_text())
            });
            item.intent = Intent::Nothing(Outcome::Rejected(reason), Some(entity));
        }
    }
}

/// An event that may have inserted a row into a table that rolls nothing back, and that has no mark: a row that is equal
/// in all that it writes, and is nobody else's, is its own.
async fn find_alike(
    link: &mut Link,
    queue: &Queue,
    planner: &Planner,
    item: &mut Item,
    writers: &mut Writers,
) -> Result<(), Interrupted> {
    let Some(work) = item.work() else { return Ok(()) };
    let inserts: Vec<(usize, Change)> = (work.change.rows.iter().zip(&work.of))
        .filter(|(row, of)| !of.findable && inserted(row).is_some_and(|shape| !shape.table.transactional))
        .map(|(row, of)| (of.step, row.clone()))
        .collect();
    let mut found_any = false;
    for (step, row) in inserts {
        let Some(shape) = inserted(&row) else { continue };
        let cells: Option<Vec<(usize, &SqlValue)>> = (shape.columns.iter().zip(&row.values))
            .map(|((column, _), cell)| Some((*column, cell.value()?)))
            .collect();
        let (Some(cells), Some(generated)) = (cells, shape.generated) else { continue };
        let mut mine = Vec::new();
        for key in link.alike(&shape.table, generated, &cells).await? {
            if queue.is_unlinked(row.entity.clone(), key.clone()).await? {
                mine.push(key);
            }
        }
        match mine.as_slice() {
            [] => {}
            [key] => {
                if let Some(known) = item.knowns.get_mut(step) {
                    known.his_key = Some(key.clone());
                }
                item.links.push((row.entity.clone(), LinkChange::Set(key.clone())));
                found_any = true;
            }
            _ => item.refuse(Rejection {
                cause: "link-uncertain".to_owned(),
                message: format!(
                    "the program ended while it inserted a row into {}, which has no transactions; several rows look like it. Say which row it is with `events link`, then retry",
                    shape.table.title()
                ),
            }),
        }
    }
    if found_any && item.outcome.is_none() {
        item.outcome = finish_again(planner, item, writers);
    }
    Ok(())
}
