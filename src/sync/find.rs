//! Finds the rows of records without their links: by a mark, by the columns of their key, by all that was written. And finds
//! out whether a linked row is still the record's.

use std::{collections::HashMap, sync::Arc};

use crate::{
    his::{
        HisError,
        ask::{Marked, Wanted, is_same},
    },
    model::{
        change::{Cell, Change, Op},
        entity::Entity,
        event::Seq,
        outcome::{FaultClass, LinkChange, Outcome, Rejection},
        table::Table,
        value::SqlValue,
    },
    plan::{Planned, Planner, Search, StepKnown},
    queue::{Queue, QueueError},
    sync::{
        Interrupted,
        answers::unanswered,
        decide::finish_again,
        link::Link,
        page::{Intent, Item, Page, Writers, plan_event},
        refused::row_gone_advice,
    },
};

/// Looks whether linked rows that carry a mark are still their records': a number can be given to another row after its
/// own was deleted. Those that are not count as gone.
pub(super) async fn check_marks(link: &mut Link, page: &mut Page, open: &[usize]) -> Result<(), HisError> {
    type Marks = Vec<(usize, usize, String, String)>;
    let mut groups: HashMap<(usize, usize), (Arc<Table>, usize, Marks)> = HashMap::new();
    for &index in open {
        let Some(item) = page.items.get(index) else { continue };
        let Intent::Draft(draft, _) = &item.intent else { continue };
        for (step, known) in item.knowns.iter().enumerate() {
            let Some(key) = &known.his_key else { continue };
            let marked = draft.steps().get(step).and_then(crate::plan::DraftStep::marked);
            let Some((search, mark)) = marked else { continue };
            let id = (Arc::as_ptr(&search.table) as usize, search.column);
            let group = groups.entry(id).or_insert_with(|| (search.table, search.generated, Vec::new()));
            group.2.push((index, step, key.clone(), mark));
        }
    }
    for ((_, column), (table, generated, marks)) in groups {
        let keys: Vec<String> = marks.iter().map(|(_, _, key, _)| key.clone()).collect();
        let rows = match link.rows(&table, generated, &keys, Wanted::Each(&[column]), false).await {
            Ok(rows) => rows,
            Err(error) => {
                for (index, ..) in &marks {
                    if let Some(item) = page.items.get_mut(*index) {
                        unanswered(link, item, &error).await?;
                    }
                }
                continue;
            }
        };
        for ((index, step, _, mark), row) in marks.into_iter().zip(rows) {
            let found = row.and_then(|cells| cells.into_iter().next().flatten());
            let known = page.items.get_mut(index).and_then(|item| item.knowns.get_mut(step));
            let same = |found: &str| table.columns.get(column).is_some_and(|c| is_same(c, found, &mark));
            if let Some(known) = known.filter(|_| !found.as_deref().is_some_and(same)) {
                known.gone = true;
            }
        }
    }
    Ok(())
}

/// Parks an event whose linked row is gone, where neither its mapping nor an earlier event inserts it anew.
pub(super) fn refuse_gone(item: &mut Item) {
    let Intent::Draft(draft, _) = &item.intent else { return };
    let lost = |(step, known): (usize, &StepKnown)| {
        let is_lost = known.gone && known.made_ahead.is_none() && !known.stays;
        let step = draft.steps().get(step).filter(|step| is_lost && !step.relinks())?;
        Some(step.entity().clone())
    };
    if let Some(entity) = item.knowns.iter().enumerate().find_map(lost) {
        let Rejection { cause, message } = HisError::row_gone().reason();
        let message = format!("{} event: {message}; {}", item.event.kind, row_gone_advice(&entity));
        item.refuse(Rejection { cause, message });
    }
}

/// Events that are looked at behind a page for what they delete: more than two of the largest pages are never under way.
const AHEAD_EVENTS_MAX: usize = 10_000;

/// For the records that events of a page delete again: the last of these events. Only of those that may have been done
/// already, since nobody heard of their COMMIT. And of those that repeated events behind the page delete.
#[derive(Default)]
pub(super) struct Deletions(HashMap<Entity, usize>);

impl Deletions {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut last = HashMap::new();
        for (index, item) in items.iter().enumerate().filter(|(_, item)| item.event.replay) {
            if item.outcome.as_ref().is_none_or(Outcome::is_unfinished) {
                last.extend(item.deleted().cloned().map(|entity| (entity, index)));
            }
        }
        Self(last)
    }

    /// Takes in what the repeated events behind a place in the queue delete: after a crash a deletion can come into a later page
    /// than what it was committed with.
    pub(super) async fn look_behind(
        &mut self,
        queue: &Queue,
        planner: &Planner,
        place: Option<Seq>,
    ) -> Result<(), QueueError> {
        let (mut after, mut looked) = (place, 0);
        let mut writers = Writers::default();
        while let Some(place) = after.filter(|_| looked < AHEAD_EVENTS_MAX) {
            let events = queue.peek(place, AHEAD_EVENTS_MAX).await?;
            // What a crash has left to be repeated stands together.
            after = events.last().filter(|last| last.replay).map(|last| last.seq);
            looked += events.len();
            for event in events.into_iter().filter(|event| event.replay) {
                let item = plan_event(planner, event, &mut writers);
                self.0.extend(item.deleted().cloned().map(|record| (record, usize::MAX)));
            }
        }
        Ok(())
    }

    /// Whether a repeated event's row is gone because an earlier one of its page has deleted it. It is planned anew when that one
    /// is settled.
    pub(super) fn is_behind(&self, index: usize, item: &Item) -> bool {
        let Intent::Draft(draft, _) = &item.intent else { return false };
        let gone = draft.steps().iter().zip(&item.knowns).filter(|(_, known)| known.gone);
        gone.into_iter().any(|(step, _)| self.0.get(step.entity()).is_some_and(|last| *last < index))
    }

    /// Leaves out those changes of a repeated event that are of rows which a later event of its page deletes: had both been
    /// committed, the row would be gone, and nobody is to look for it. True where there is one.
    pub(super) fn pass_over(&self, index: usize, item: &mut Item) -> bool {
        if !item.event.replay {
            return false;
        }
        let is_deleted = |entity: &Entity| self.0.get(entity).is_some_and(|last| *last > index);
        let steps: Vec<usize> = match &item.intent {
            Intent::Draft(draft, _) => {
                let open = draft.steps().iter().enumerate().filter(|(_, step)| !step.relinks());
                let lost = open.filter(|(at, _)| item.knowns.get(*at).is_some_and(|known| known.gone));
                lost.filter(|(_, step)| is_deleted(step.entity())).map(|(at, _)| at).collect()
            }
            Intent::Work(work) => {
                let rows = work.change.rows.iter().zip(&work.of);
                let updates = |row: &Change| row.shape().is_some_and(|s| s.is_linked() || s.op == Op::Update);
                rows.filter(|(row, _)| updates(row) && is_deleted(&row.entity))
                    .map(|(_, of)| of.step)
                    .collect()
            }
            Intent::Nothing(..) => Vec::new(),
        };
        for step in &steps {
            item.knowns.resize_with(item.knowns.len().max(step + 1), StepKnown::default);
            if let Some(known) = item.knowns.get_mut(*step) {
                known.stays = true;
            }
        }
        !steps.is_empty()
    }
}

/// Plans a repeated event, whose row is missing, without the rows that later repeated events delete; `false` where there is none.
pub(super) async fn pass_over(
    queue: &Queue,
    planner: &Planner,
    items: &mut [Item],
    behind: &mut Option<Deletions>,
    index: usize,
) -> Result<bool, QueueError> {
    let (own, last) = (Deletions::of(items), items.last().map(|item| item.event.seq));
    let Some(item) = items.get_mut(index).filter(|item| item.event.replay) else { return Ok(false) };
    if !own.pass_over(index, item) {
        if behind.is_none() {
            let mut deletions = Deletions::default();
            deletions.look_behind(queue, planner, last).await?;
            *behind = Some(deletions);
        }
        if !behind.as_ref().is_some_and(|behind| behind.pass_over(index, item)) {
            return Ok(false);
        }
    }
    // Whatever it is now, nothing is left of what it was.
    item.outcome = finish_again(planner, item, &mut Writers::default());
    let done = item.work().is_some_and(|work| work.change.rows.is_empty());
    if item.outcome.is_none() && done {
        item.outcome = Some(Outcome::Applied);
    }
    Ok(true)
}

/// Searches the rows of records that are not linked by the columns that tell them. Those that were never tried are
/// searched only where that costs little.
pub(super) async fn search(link: &mut Link, page: &mut Page, open: &[usize]) -> Result<(), HisError> {
    type Group = (usize, usize, Vec<usize>, bool);
    type Asked = Vec<(usize, usize, Search)>;
    let mut groups: HashMap<Group, Asked> = HashMap::new();
    for &index in open {
        let Some(item) = page.items.get(index) else { continue };
        let Intent::Draft(draft, _) = &item.intent else { continue };
        for (step, known) in item.knowns.iter().enumerate().filter(|(_, known)| known.is_unlinked()) {
            let replay = item.event.replay || item.event.attempts > 0;
            let search = draft.steps().get(step).and_then(|s| s.search(&item.answers));
            let worth = |s: &Search| s.indexed || replay || known.seen || known.gone;
            let Some(search) = search.filter(worth) else { continue };
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
                Marked::One(key) => adopt(item, *step, &search.entity, key),
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

/// Takes a row that was found for a record's own.
pub(super) fn adopt(item: &mut Item, step: usize, entity: &Entity, key: String) {
    if let Some(known) = item.knowns.get_mut(step) {
        known.his_key = Some(key.clone());
        known.gone = false;
    }
    item.links.push((entity.clone(), LinkChange::Set(key)));
}

/// Searches the rows of one event's unlinked records.
pub(super) async fn unlinked(link: &mut Link, item: &mut Item) -> Result<(), HisError> {
    let Intent::Draft(draft, _) = &item.intent else { return Ok(()) };
    let open = item.knowns.iter().enumerate().filter(|(_, known)| known.is_unlinked());
    let searches: Vec<(usize, Search)> =
        open.filter_map(|(step, _)| Some((step, draft.steps().get(step)?.search(&item.answers)?))).collect();
    for (step, search) in searches {
        if let Some(key) = one(link, &search).await? {
            adopt(item, step, &search.entity, key);
        }
    }
    Ok(())
}

/// The one row that a search finds.
async fn one(link: &mut Link, search: &Search) -> Result<Option<String>, HisError> {
    let values = [search.values.iter().collect()];
    let found =
        link.marked(&search.table, search.generated, &search.matches, &values, search.indexed).await?;
    Ok(found.into_iter().next().and_then(|found| match found {
        Marked::One(key) => Some(key),
        Marked::No | Marked::Several => None,
    }))
}

/// Where the HIS has deleted rows that an event's records are linked to, or given them another number, finds them again or
/// plans to insert them anew, as far as the mapping lets us. Gives the records whose row is another one now.
pub(super) async fn regain(
    link: &mut Link,
    planner: &Planner,
    item: &mut Item,
) -> Result<Vec<Entity>, HisError> {
    let Some(work) = item.work() else { return Ok(Vec::new()) };
    let mut gone = Vec::new();
    for (change, of) in work.change.rows.iter().zip(&work.of).filter(|(_, of)| of.relinks || of.findable) {
        let Some(shape) = change.shape().filter(|shape| shape.is_linked()) else { continue };
        let key = change.values.first().and_then(Cell::value).map(SqlValue::plain);
        let (Some(generated), Some(key)) = (shape.generated, key) else { continue };
        let rows = link.rows(&shape.table, generated, &[key], Wanted::Each(&[generated]), true).await?;
        if rows.iter().all(Option::is_none) {
            gone.push((of.step, of.relinks, change.entity.clone()));
        }
    }
    let Planned::Draft(draft, _) = planner.plan(&item.event) else { return Ok(Vec::new()) };
    let mut moved = Vec::new();
    for (step, relinks, entity) in gone {
        item.knowns.resize_with(item.knowns.len().max(step + 1), StepKnown::default);
        let search = draft.steps().get(step).and_then(|s| s.search(&item.answers));
        let found = match search {
            Some(search) => one(link, &search).await?,
            None => None,
        };
        match (found, item.knowns.get_mut(step)) {
            (Some(key), _) => adopt(item, step, &entity, key),
            (None, Some(known)) if relinks => known.gone = true,
            (None, _) => continue,
        }
        moved.push(entity);
    }
    if !moved.is_empty() {
        item.outcome = finish_again(planner, item, &mut Writers::default());
    }
    Ok(moved)
}

/// An event that may have inserted a row into a table that rolls nothing back, and that has no mark: a row that is equal
/// in all that it writes, and is nobody else's, is its own.
pub(super) async fn alike(
    link: &mut Link,
    queue: &Queue,
    planner: &Planner,
    item: &mut Item,
    writers: &mut Writers,
) -> Result<(), Interrupted> {
    let Some(work) = item.work() else { return Ok(()) };
    let inserts: Vec<(usize, Change)> = (work.change.rows.iter().zip(&work.of))
        .filter(|(row, of)| !of.findable && row.inserted().is_some_and(|shape| !shape.table.transactional))
        .map(|(row, of)| (of.step, row.clone()))
        .collect();
    let mut found_any = false;
    for (step, row) in inserts {
        let Some(shape) = row.inserted() else { continue };
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
                adopt(item, step, &row.entity, key.clone());
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
