//! Asks the HIS what the events of a page want to have looked up; and what follows where it refuses a question.

use std::collections::HashMap;

use tracing::error;

use crate::{
    his::HisError,
    limits,
    model::{
        answer::Answer,
        outcome::{FaultClass, Outcome},
    },
    plan::{Ask, Planner},
    sync::{
        link::Link,
        page::{Intent, Item, Page},
    },
};

/// Looks up what the events ask for, each different value once.
pub(super) async fn answers(
    link: &mut Link,
    planner: &Planner,
    page: &mut Page,
    open: &[usize],
) -> Result<(), HisError> {
    let mut asks: Vec<Ask> = Vec::new();
    let mut places: HashMap<(usize, &str), usize> = HashMap::new();
    let mut wanted: Vec<(usize, Vec<usize>)> = Vec::new();
    for &index in open {
        let Some(Intent::Draft(draft, _)) = page.items.get(index).map(|i| &i.intent) else { continue };
        let mut own = Vec::with_capacity(draft.asks.len());
        for ask in &draft.asks {
            own.push(*places.entry((ask.lookup, &ask.text)).or_insert_with(|| {
                asks.push(ask.clone());
                asks.len() - 1
            }));
        }
        wanted.push((index, own));
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
pub(super) async fn unanswered(link: &mut Link, item: &mut Item, error: &HisError) -> Result<(), HisError> {
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
