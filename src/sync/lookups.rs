//! What lookups have found, remembered for a while and bounded. What they have not found is asked for again: it may be
//! there by now.

use std::{collections::HashMap, time::Instant};

use crate::{
    limits::{LOOKUP_AGE_MAX, LOOKUPS_KEPT_MAX},
    model::answer::Answer,
    plan::Ask,
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// By lookup and value.
    found: HashMap<(usize, String), (Answer, Instant)>,
    /// The binding whose lookups they are.
    generation: u64,
}

impl Lookups {
    /// Forgets what other bindings' lookups have found.
    pub(super) fn begin(&mut self, generation: u64) {
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.clear();
        }
    }

    pub(super) fn known(&self, ask: &Ask) -> Option<Answer> {
        let (answer, at) = self.found.get(&(ask.lookup, ask.text.clone()))?;
        is_young(*at).then(|| answer.clone())
    }

    pub(super) fn remember(&mut self, ask: &Ask, answer: &Answer) {
        if !matches!(answer, Answer::Row(_)) {
            return;
        }
        if self.found.len() >= LOOKUPS_KEPT_MAX {
            self.found.retain(|_, (_, at)| is_young(*at));
            if self.found.len() >= LOOKUPS_KEPT_MAX {
                self.found.clear();
            }
        }
        self.found.insert((ask.lookup, ask.text.clone()), (answer.clone(), Instant::now()));
    }

    pub(super) fn clear(&mut self) {
        self.found.clear();
    }
}

fn is_young(at: Instant) -> bool {
    at.elapsed() < LOOKUP_AGE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::SqlValue;

    #[test]
    fn only_what_was_found_is_kept_and_never_too_much() {
        let ask = |n: usize| Ask { lookup: 0, value: SqlValue::Int(1), text: n.to_string() };
        let mut lookups = Lookups::default();
        lookups.begin(1);
        lookups.remember(&ask(1), &Answer::Row(Some("7".into())));
        lookups.remember(&ask(2), &Answer::Missing);
        lookups.remember(&ask(3), &Answer::Several);
        assert_eq!(lookups.known(&ask(1)), Some(Answer::Row(Some("7".into()))));
        assert_eq!((lookups.known(&ask(2)), lookups.known(&ask(3))), (None, None));
        for n in 0..LOOKUPS_KEPT_MAX + 10 {
            lookups.remember(&ask(n), &Answer::Row(None));
        }
        assert!(lookups.found.len() <= LOOKUPS_KEPT_MAX);
        lookups.begin(2);
        assert!(lookups.found.is_empty());
    }
}
