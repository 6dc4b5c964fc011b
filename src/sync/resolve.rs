//! What a page's events must know of the HIS before they can be written: what their lookups find, which rows their
//! records are. Asks in one query for many, and changes nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tracing::error;

use crate::{
    his::{HisError, ask::Marked},
    limits,
    model::{
        answer::Answer,
        awaits::Awaits,
        change::{Change, Op},
        entity::{Entity, key_parts, scope_parts},
        outcome::{FaultClass, Link as Entry, LinkChange, Outcome, Rejection},
        value::SqlValue,
    },
    plan::{Ask, Planner, Refusal, Search, StepKnown},
    queue::Queue,
    sync::{
        Interrupted,
        crosswalk::{fingerprints, inserted},
        decide::finish_again,
        link::Link,
        page::{Intent, Item, Page, Writers},
    },
};

/// Finishes every draft of a page, or decides about its event.
pub(super) async fn resolve(
    link: &mut Link,
    queue: &Queue,
    planner: &Planner,
    page: &mut Page,
) -> Result<(), Interrupted> {
    let drafts = |page: &Page| {
        let open = page.items.iter().enumerate().filter(|(_, item)| item.outcome.is_none());
        open.filter(|(_, item)| matches!(item.intent, Intent::Draft(..))).map(|(i, _)| i).collect::<Vec<_>>()
    };
    let open = drafts(page);
    if open.is_empty() {
        return Ok(());
    }
    answers(link, planner, page, &open).await?;
    let mut proven: HashSet<Entity> = HashSet::new();
    for index in open {
        let Some(item) = page.items.get_mut(index).filter(|item| item.outcome.is_none()) else { continue };
        item.knowns = knowns(item);
        let records = doubtful_records(item);
        if records.iter().any(|record| proven.contains(record)) {
            // The row is an earlier event's: what that one says of it is to be recorded first.
            item.outcome = Some(Outcome::Held);
        } else if !records.is_empty() {
            if let Err(error) = prove(link, planner, item).await {
                unanswered(link, item, &error).await?;
            }
            if item.outcome == Some(Outcome::Applied) {
                proven.extend(records);
            }
        }
    }
    search(link, page, &drafts(page)).await?;
    let mut writers = Writers::default();
    for index in drafts(page) {
        let Some(item) = page.items.get_mut(index) else { continue };
        finish(planner, item, &mut writers);
        if item.event.replay && item.is_permanent() {
            find_alike(link, queue, planner, item, &mut writers).await?;
        }
    }
    Ok(())
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
    let mut answers = vec![Answer::Missing; asks.len()];
    for lookup in 0..planner.lookups().len() {
        let own: Vec<usize> =
            (0..asks.len()).filter(|p| asks.get(*p).is_some_and(|a| a.lookup == lookup)).collect();
        let own_asks: Vec<Ask> = own.iter().filter_map(|place| asks.get(*place)).cloned().collect();
        if own_asks.is_empty() {
            continue;
        }
        match link.lookup(planner, &own_asks).await {
            Ok(found) => {
                for (place, answer) in own.into_iter().zip(found) {
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = answer;
                    }
                }
            }
            // Mappings that ask something else go on.
            Err(error) => {
                let asking =
                    wanted.iter().filter(|(_, places)| places.iter().any(|place| own.contains(place)));
                for (index, _) in asking {
                    if let Some(item) = page.items.get_mut(*index) {
                        unanswered(link, item, &error).await?;
                    }
                }
            }
        }
    }
    for (index, places) in wanted {
        if let Some(item) = page.items.get_mut(index) {
            item.answers =
                places.iter().map(|p| answers.get(*p).cloned().unwrap_or(Answer::Missing)).collect();
        }
    }
    Ok(())
}

/// The HIS has refused a question that an event depends on. An error where that is no matter of the event's: there is no
/// connection.
async fn unanswered(link: &mut Link, item: &mut Item, error: &HisError) -> Result<(), HisError> {
    if error.is_of_connection() {
        return Err(HisError::again(error));
    }
    let mut reason = error.reason();
    reason.message = format!("{} event, asking the HIS: {}", item.event.kind, reason.message);
    item.outcome = Some(match error.class {
        FaultClass::Busy => {
            // The next ones wait less.
            link.hurry(true).await?;
            Outcome::Busy(reason)
        }
        FaultClass::Config => {
            if !link.is_distrusted() {
                error!(kind = %item.event.kind, code = error.code, "the HIS refuses a question of this mapping; its events wait: {}", error.public);
            }
            link.distrust();
            Outcome::Paused(reason)
        }
        FaultClass::Full => Outcome::PutOff(reason, limits::REFUSED_BACKOFF),
        FaultClass::Rejected => Outcome::Rejected(reason),
        _ => Outcome::Unrecognised(reason),
    });
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

/// The records of these steps.
fn doubtful_records(item: &Item) -> Vec<Entity> {
    let Intent::Draft(draft, _) = &item.intent else { return Vec::new() };
    let record = |(step, ..): (usize, &Entry, i64)| Some(draft.steps().get(step)?.entity().clone());
    doubtful(item).filter_map(record).collect()
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
            changed = Some((step, entry.his_key.clone()));
            continue;
        };
        match fingerprints(link, shape, std::slice::from_ref(&entry.his_key)).await?.first() {
            Some(Some(now)) if *now == proof => kept.push((step, entry)),
            Some(Some(_)) => changed = Some((step, entry.his_key.clone())),
            Some(None) | None => {}
        }
    }
    if kept.is_empty() {
        if let Some((step, key)) = changed {
            let entity = draft.steps().get(step).map(|s| s.entity().clone());
            item.refuse(uncertain(entity.as_ref(), &key));
        }
        return Ok(());
    }
    for (step, entry) in kept {
        if let Some(known) = item.knowns.get_mut(step) {
            known.his_key = Some(entry.his_key.clone());
        }
        if let Some(step) = draft.steps().get(step) {
            item.links.push((step.entity().clone(), LinkChange::Set(entry.his_key)));
        }
    }
    if !item.event.replay {
        // Another event, that was given up since, has made the row: this one changes it.
        return Ok(());
    }
    // One transaction: where one row is there, all of the event is done.
    let finished = planner.finish(draft.clone(), &item.event, &item.knowns, &item.answers);
    item.intent = match finished {
        Ok(finished) => Intent::Work(Writers::default().work(&item.event, finished, rule)),
        Err(_) => Intent::Nothing(Outcome::Applied, Some(draft.entity.clone())),
    };
    item.outcome = Some(Outcome::Applied);
    Ok(())
}

/// The command by which an operator says which row a record is.
pub(super) fn link_command(entity: &Entity) -> String {
    let (scope, keys) = entity.scope_and_key();
    let (_, name) = scope_parts(scope).unwrap_or_default();
    let keys: Vec<String> = key_parts(keys).map(|part| format!("{part:?}")).collect();
    format!("buktor-middleware events link {name} {}", keys.join(" "))
}

fn uncertain(entity: Option<&Entity>, key: &str) -> Rejection {
    let (table, _) = entity.and_then(|e| scope_parts(e.scope_and_key().0)).unwrap_or_default();
    let command = entity.map(link_command).unwrap_or_default();
    Rejection {
        cause: "link-uncertain".to_owned(),
        message: format!(
            "the program ended in the moment when the HIS was to keep a new row of {table}, number {key}; a row of that number is there, but not as it was written: it was changed since, or is another record's. Look at it; if it is this record's, `{command} --to {key}`, if not, `{command} --remove`; then retry the event"
        ),
    }
}

/// Searches the rows of records that are not linked by the columns that tell them. Those that were never tried are
/// searched only where that costs little.
async fn search(link: &mut Link, page: &mut Page, open: &[usize]) -> Result<(), HisError> {
    type Group = (usize, usize, Vec<usize>, bool);
    type Asked = Vec<(usize, usize, Search)>;
    let mut groups: HashMap<Group, Asked> = HashMap::new();
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
    let mut groups: Vec<(Group, Asked)> = groups.into_iter().collect();
    while let Some((group, mut asked)) = groups.pop() {
        let (_, generated, matches, lock) = &group;
        let Some((_, _, first)) = asked.first() else { continue };
        let values: Vec<Vec<&SqlValue>> = asked.iter().map(|(_, _, s)| s.values.iter().collect()).collect();
        let found = match link.marked(&first.table, *generated, matches, &values, *lock).await {
            Ok(found) => found,
            Err(error) if error.class == FaultClass::Busy && asked.len() > 1 => {
                // Each for itself, and not for long.
                link.hurry(true).await?;
                groups.extend(asked.drain(..).map(|one| (group.clone(), vec![one])));
                continue;
            }
            Err(error) => {
                for (index, ..) in &asked {
                    if let Some(item) = page.items.get_mut(*index) {
                        unanswered(link, item, &error).await?;
                    }
                }
                continue;
            }
        };
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
