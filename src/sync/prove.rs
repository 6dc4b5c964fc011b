//! Proposals that an ended process, or a lost connection, has left: whether the HIS has kept their rows.

use std::sync::Arc;

use crate::{
    his::HisError,
    model::{
        change::{Change, Op},
        entity::{Entity, scope_parts},
        outcome::{Link as Entry, Outcome, Rejection},
    },
    plan::{Finished, Planner, link_command},
    sync::{
        crosswalk::fingerprints,
        find,
        link::Link,
        page::{Intent, Item, Writers},
    },
};

/// The steps of which it is not known whether the HIS has kept their row.
pub(super) fn doubtful(item: &Item) -> impl Iterator<Item = (usize, &Entry, i64)> {
    item.standings.iter().enumerate().filter_map(|(step, standing)| {
        let entry = standing.link.as_ref()?;
        Some((step, entry, entry.proof?))
    })
}

/// Whether rows are in doubt that an unfinished event other than this one has proposed. A later event of its own record does
/// not go before it.
fn is_anothers(item: &Item) -> bool {
    let Intent::Draft(draft, _) = &item.intent else { return false };
    let mine = item.event.seq;
    doubtful(item).any(|(step, entry, _)| {
        let main = draft.steps().get(step).is_some_and(|step| *step.entity() == draft.entity);
        entry.by.is_some_and(|by| by < mine || (by > mine && !main))
    })
}

/// Finds out whether the transaction that proposed an event's rows was committed: their keys were written down before.
/// Where it was another event, that one knows what it wrote, and goes first.
pub(super) async fn prove(link: &mut Link, planner: &Planner, item: &mut Item) -> Result<(), HisError> {
    if is_anothers(item) {
        item.outcome = Some(Outcome::Held);
        return Ok(());
    }
    let Intent::Draft(draft, rule) = &item.intent else { return Ok(()) };
    let rule = Arc::clone(rule);
    let doubtful: Vec<(usize, Entry, i64)> = doubtful(item).map(|(s, e, p)| (s, e.clone(), p)).collect();
    // As it was planned then: an insert of the rows in doubt.
    let inserted = planner.finish(draft.clone(), &item.event, &item.knowns, &item.answers);
    let inserted = inserted.unwrap_or_else(|_| Finished::nothing(draft.entity.clone()));
    let (mut kept, mut changed) = (Vec::new(), None);
    for (step, entry, proof) in doubtful {
        let place = inserted.of.iter().position(|of| of.step == step);
        let row = place.and_then(|place| inserted.change.rows.get(place)).and_then(Change::shape);
        let Some(shape) = row.filter(|shape| shape.op == Op::Insert) else {
            changed = Some((step, entry.his_key.clone()));
            continue;
        };
        match fingerprints(link, shape, std::slice::from_ref(&entry.his_key), true).await?.first() {
            Some(Some(now)) if *now == proof => kept.push((step, entry)),
            Some(Some(_)) => changed = Some((step, entry.his_key.clone())),
            // It was rolled back. Nobody is to wait for this event because of it.
            Some(None) | None => item.proposed.extend(draft.steps().get(step).map(|s| s.entity().clone())),
        }
    }
    if kept.is_empty() {
        if let Some((step, key)) = changed {
            let entity = draft.steps().get(step).map(|s| s.entity().clone());
            item.refuse(uncertain(entity.as_ref(), &key));
        }
        return Ok(());
    }
    let own = kept.iter().any(|(_, entry)| entry.by == Some(item.event.seq));
    for (step, entry) in kept {
        let Intent::Draft(draft, _) = &item.intent else { return Ok(()) };
        let Some(entity) = draft.steps().get(step).map(|step| step.entity().clone()) else { continue };
        find::adopt(item, step, &entity, entry.his_key);
    }
    if !item.event.replay || !own {
        // Another event, that was given up since, has made the row: this one changes it.
        return Ok(());
    }
    // One transaction: where one row is there, all of the event is done. Rows that can be found again were not proposed.
    find::unlinked(link, item).await?;
    let Intent::Draft(draft, _) = &item.intent else { return Ok(()) };
    let finished = planner.finish(draft.clone(), &item.event, &item.knowns, &item.answers);
    item.intent = match finished {
        Ok(finished) => Intent::Work(Writers::default().work(&item.event, finished, rule)),
        Err(_) => Intent::Nothing(Outcome::Applied, Some(draft.entity.clone())),
    };
    item.outcome = Some(Outcome::Applied);
    Ok(())
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
