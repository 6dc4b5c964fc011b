//! What follows from an outcome: pure. Time and chance are arguments.

use std::time::Duration;

use crate::{
    limits,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, Seq, StoredEvent},
        outcome::{Outcome, Rejection, Settlement, Standing},
    },
};

/// `first` doubled for every attempt before this one, at most `max`; `chance` (0 to 1) takes off up to a half,
/// so that many daemons do not come back in the same instant.
#[must_use]
pub fn backoff(first: Duration, max: Duration, attempts: u32, chance: f64) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(attempts.min(30))).min(max);
    whole.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

/// Whether an event is older than what was applied to its entity. By the senders' timestamps where both have
/// one; the order of receipt decides where they are equal or missing.
#[must_use]
pub fn is_stale(event: &StoredEvent, standing: &Standing) -> bool {
    let before = |last: Option<Seq>| last.is_some_and(|last| event.seq < last);
    match (event.occurred_at, standing.last_occurred_at) {
        (Some(mine), Some(last)) if mine != last => mine < last || before(standing.last_untimed_seq),
        _ => before(standing.last_seq),
    }
}

/// What the queue records. `chance` is from 0 to 1.
#[must_use]
pub fn settle(
    event: &StoredEvent,
    entity: Option<Entity>,
    outcome: Outcome,
    now: Timestamp,
    chance: f64,
) -> Settlement {
    let settlement = |state, reason: Option<Rejection>| Settlement {
        seq: event.seq,
        state,
        counted: true,
        replay: event.replay,
        next_at: None,
        reason,
        entity: None,
    };
    let busy = || now.after(backoff(limits::BACKOFF_FIRST, limits::BUSY_BACKOFF_MAX, event.attempts, chance));
    let settled = match outcome {
        Outcome::Applied => settlement(EventState::Applied, None),
        Outcome::Stale(reason) => settlement(EventState::Stale, Some(reason)),
        Outcome::Ignored(words) => {
            let reason = Rejection { cause: "ignored".to_owned(), message: words.to_owned() };
            settlement(EventState::Ignored, Some(reason))
        }
        Outcome::Unmapped(reason) => settlement(EventState::Unmapped, Some(reason)),
        Outcome::Held => Settlement { counted: false, ..settlement(EventState::Held, None) },
        Outcome::PutOff(reason, delay) => Settlement {
            counted: false,
            next_at: Some(now.after(delay)),
            ..settlement(EventState::Deferred, Some(reason))
        },
        Outcome::Rejected(reason) => settlement(EventState::Parked, Some(reason)),
        Outcome::Paused(reason) => {
            Settlement { counted: false, ..settlement(EventState::Paused, Some(reason)) }
        }
        Outcome::Parent(reason) => Settlement {
            next_at: Some(now.after(limits::PARENT_BACKOFF)),
            ..settlement(EventState::Waiting, Some(reason))
        },
        Outcome::Unrecognised(reason) if event.attempts + 1 >= limits::UNRECOGNISED_ATTEMPTS_MAX => {
            settlement(EventState::Parked, Some(reason))
        }
        Outcome::Busy(reason) | Outcome::Unrecognised(reason) => {
            Settlement { next_at: Some(busy()), ..settlement(EventState::Deferred, Some(reason)) }
        }
        Outcome::Released { replay } => Settlement {
            counted: false,
            replay: replay || event.replay,
            ..settlement(EventState::Pending, None)
        },
    };
    Settlement { entity, ..settled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::EventKind;

    fn event(attempts: u32) -> StoredEvent {
        StoredEvent {
            seq: Seq(7),
            id: "e7".into(),
            kind: EventKind("appointment".into()),
            operation: None,
            occurred_at: None,
            received_at: Timestamp(0),
            body: b"{}".to_vec(),
            attempts,
            crashes: 0,
            replay: false,
        }
    }

    #[test]
    fn outcomes_become_states() {
        let why = || Rejection { cause: "c".into(), message: "m".into() };
        let check = |attempts, outcome, state, counted, delayed| {
            let s = settle(&event(attempts), None, outcome, Timestamp(0), 0.0);
            assert_eq!((s.state, s.counted, s.next_at.is_some()), (state, counted, delayed), "{s:?}");
        };
        check(0, Outcome::Applied, EventState::Applied, true, false);
        check(0, Outcome::Held, EventState::Held, false, false);
        check(0, Outcome::Rejected(why()), EventState::Parked, true, false);
        check(0, Outcome::Busy(why()), EventState::Deferred, true, true);
        check(1000, Outcome::Busy(why()), EventState::Deferred, true, true);
        check(0, Outcome::Parent(why()), EventState::Waiting, true, true);
        check(0, Outcome::Paused(why()), EventState::Paused, false, false);
        check(0, Outcome::Unrecognised(why()), EventState::Deferred, true, true);
        check(
            limits::UNRECOGNISED_ATTEMPTS_MAX - 1,
            Outcome::Unrecognised(why()),
            EventState::Parked,
            true,
            false,
        );
        check(0, Outcome::Released { replay: true }, EventState::Pending, false, false);
    }

    #[test]
    fn older_events_are_stale() {
        let check = |occurred: Option<i64>, last_seq: Option<i64>, last_occurred: Option<i64>, expected| {
            let event = StoredEvent { occurred_at: occurred.map(Timestamp), ..event(0) };
            let standing = Standing {
                last_seq: last_seq.map(Seq),
                last_occurred_at: last_occurred.map(Timestamp),
                ..Standing::default()
            };
            let stale = is_stale(&event, &standing);
            assert_eq!(stale, expected, "{occurred:?} {last_seq:?} {last_occurred:?}");
        };
        check(None, None, None, false);
        check(Some(5), None, None, false);
        check(None, Some(6), None, false);
        check(None, Some(8), None, true);
        check(Some(5), Some(6), Some(9), true);
        check(Some(10), Some(8), Some(9), false);
        check(Some(9), Some(8), Some(9), true);
        check(Some(9), Some(6), Some(9), false);
        check(Some(9), Some(8), None, true);
        let untimed = Standing {
            last_seq: Some(Seq(8)),
            last_occurred_at: Some(Timestamp(1)),
            last_untimed_seq: Some(Seq(8)),
            unfinished: None,
        };
        let retried = StoredEvent { occurred_at: Some(Timestamp(9)), ..event(0) };
        assert!(is_stale(&retried, &untimed), "a later event without a timestamp was applied");
    }

    proptest::proptest! {
        #[test]
        fn backoff_stays_in_bounds(attempts in 0_u32..100, chance in -1.0_f64..2.0) {
            let delay = backoff(limits::BACKOFF_FIRST, limits::BUSY_BACKOFF_MAX, attempts, chance);
            proptest::prop_assert!(delay >= limits::BACKOFF_FIRST / 2 && delay <= limits::BUSY_BACKOFF_MAX);
        }
    }
}
