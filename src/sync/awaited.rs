//! Records of the HIS that parked events wait for: asks from time to time whether they have appeared, many in one query,
//! and takes their events up again.

use std::time::Instant;

use tracing::{info, warn};

use crate::{
    limits::{AWAITED_INTERVAL, AWAITED_RECORDS_MAX},
    model::{answer::Answer, awaits::Awaits},
    plan::{Ask, Planner},
    sync::{Interrupted, Worker},
};

/// When was last asked.
#[derive(Debug, Default)]
pub(super) struct Asked(Option<Instant>);

impl Asked {
    fn is_due(&self, now: bool) -> bool {
        now || self.0.is_none_or(|at| at.elapsed() >= AWAITED_INTERVAL)
    }
}

impl Worker {
    /// Takes up events whose missing record has appeared. One that no lookup of the mappings asks for any more is taken
    /// up, too: its event is planned anew. `now` asks without regard to when it was asked last.
    pub(super) async fn release_awaited(&mut self, now: bool) -> Result<(), Interrupted> {
        if !self.asked.is_due(now) {
            return Ok(());
        }
        let mut after = None;
        let mut released = 0;
        loop {
            let page = self.queue.awaited(after.take(), AWAITED_RECORDS_MAX).await?;
            let Some(last) = page.last().map(|record| record.awaits.clone()) else { break };
            self.contact().await?;
            let texts = page.into_iter().map(|record| record.awaits).collect();
            let arrived = self.arrived(texts).await?;
            if !arrived.is_empty() {
                released += self.queue.arrived(arrived).await?;
            }
            after = Some(last);
        }
        self.asked = Asked(Some(Instant::now()));
        if released > 0 {
            info!(events = released, "records that events waited for have appeared in the HIS");
        }
        Ok(())
    }

    /// Those of the records that are there now.
    async fn arrived(&mut self, texts: Vec<String>) -> Result<Vec<String>, Interrupted> {
        let binding = self.binding()?;
        let asks: Vec<Option<Ask>> = texts.iter().map(|text| ask(&binding.planner, text)).collect();
        let mut there: Vec<bool> = asks.iter().map(Option::is_none).collect();
        for lookup in 0..binding.planner.lookups().len() {
            let own = |ask: &Ask| ask.lookup == lookup;
            let places: Vec<usize> = (0..asks.len())
                .filter(|p| asks.get(*p).is_some_and(|a| a.as_ref().is_some_and(own)))
                .collect();
            let known: Vec<Ask> = asks.iter().flatten().filter(|ask| own(ask)).cloned().collect();
            if known.is_empty() {
                continue;
            }
            let answers = match self.link.lookup(&binding.planner, &known).await {
                Ok(answers) => answers,
                Err(error) if error.is_of_connection() => return Err(error.into()),
                Err(error) => {
                    // Its events wait on; everything else goes on.
                    warn!(
                        code = error.code,
                        "the HIS does not tell whether awaited records are there: {}", error.public
                    );
                    continue;
                }
            };
            for (place, answer) in places.into_iter().zip(answers) {
                if let Some(there) = there.get_mut(place) {
                    *there = answer != Answer::Missing;
                }
            }
        }
        Ok(texts.into_iter().zip(there).filter(|(_, there)| *there).map(|(text, _)| text).collect())
    }
}

/// The question whether a record is there; none where no lookup asks it.
fn ask(planner: &Planner, text: &str) -> Option<Ask> {
    let awaits = Awaits::from_text(text)?;
    let same = |lookup: &crate::plan::BoundLookup| {
        lookup.table.title() == awaits.table
            && lookup.matches_name() == awaits.column
            && lookup.only_words() == awaits.only
    };
    let lookup = planner.lookups().iter().position(same)?;
    planner.ask(lookup, &awaits.value)
}
