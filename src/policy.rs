//! What follows from an outcome: pure. Time and chance are arguments.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    limits,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventState, Seq, StoredEvent},
        outcome::{FaultClass, Outcome, Rejection, Settlement, Writer, Written},
        table::ColumnName,
    },
};

/// `first` doubled for every attempt before this one, at most `max`; `chance` (0 to 1) takes off up to a half,
/// so that many daemons do not come back in the same instant.
#[must_use]
pub fn backoff(first: Duration, max: Duration, attempts: u32, chance: f64) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(attempts.min(30))).min(max);
    whole.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

/// How long the HIS database is left alone after it could not be used; none: until an operator asks. `attempts` came
/// before, `refused` were refused for their password, this one among them.
#[must_use]
pub fn rest(class: FaultClass, attempts: u32, refused: u32, chance: f64) -> Option<Duration> {
    if refused >= limits::LOGINS_REFUSED_MAX {
        None
    } else if class.needs_operator() {
        Some(limits::REFUSED_BACKOFF)
    } else {
        Some(backoff(limits::BACKOFF_FIRST, limits::OUTAGE_BACKOFF_MAX, attempts, chance))
    }
}

/// Whether old events may be erased by what the clock says. A clock that is years ahead, after a dead battery or a typing
/// mistake, would make all of them old at once; one that is behind erases nothing that the right one would not.
#[derive(Clone, Copy, Debug)]
pub struct Erasing {
    /// The last time of day that was believed, and for how long the process had run then.
    believed: (Timestamp, Duration),
    /// For how long it had run when the clock was first found ahead of that.
    doubted: Option<Duration>,
}

/// What [`Erasing`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// Erase.
    Believed,
    /// The clock was just found to have been moved forward.
    Doubted,
    /// It still stands so.
    StillDoubted,
}

impl Erasing {
    /// At the start; `newest` is when the newest event was received.
    #[must_use]
    pub fn begin(newest: Option<Timestamp>, now: Timestamp) -> Self {
        let latest = newest.map_or(now, |newest| newest.after(limits::CLOCK_GAP_MAX));
        Self { believed: (now.min(latest), Duration::ZERO), doubted: None }
    }

    /// Whether to erase at `now`, when the process has run for so long.
    pub fn judge(&mut self, now: Timestamp, up: Duration) -> Belief {
        let (believed, at) = self.believed;
        let expected = believed.after(up.saturating_sub(at));
        let ahead = now > expected.after(limits::CLOCK_AHEAD_MAX);
        match self.doubted {
            None if ahead => {
                self.doubted = Some(up);
                Belief::Doubted
            }
            Some(since) if ahead && up.saturating_sub(since) < limits::CLOCK_DOUBT => Belief::StillDoubted,
            _ => {
                self.doubted = None;
                // Where the clock is behind, it may be set right again.
                if now >= expected {
                    self.believed = (now, up);
                }
                Belief::Believed
            }
        }
    }
}

/// How much of an event is still news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it.
    Fresh,
    /// Nothing: it would undo what is newer.
    Stale,
    /// All but these columns, which newer events wrote. Never empty, never all.
    Without(BTreeSet<ColumnName>),
}

/// Compares an event with what was applied to its record.
///
/// An event that comes late, after a newer one of its type, is stale: each tells all that its sender knew. One that came
/// in time and was held up here, while newer ones were applied, still writes what these did not.
#[must_use]
pub fn judge(event: &StoredEvent, writer: &Writer, written: &[Written]) -> Verdict {
    let newer: Vec<&Written> = written.iter().filter(|w| is_newer(w, event)).collect();
    if newer.is_empty() {
        return Verdict::Fresh;
    }
    let came_late = newer.iter().any(|w| w.by.kind == writer.kind && event.seq > w.last_seq);
    let gone = newer.iter().any(|w| w.by.columns.is_none());
    let Some(columns) = writer.columns.as_ref().filter(|c| !c.is_empty() && !came_late && !gone) else {
        return Verdict::Stale;
    };
    let is_covered = |c: &&ColumnName| newer.iter().any(|w| w.by.columns.iter().any(|all| all.contains(*c)));
    let covered: BTreeSet<ColumnName> = columns.iter().filter(is_covered).cloned().collect();
    match covered.len() {
        0 => Verdict::Fresh,
        all if all == columns.len() => Verdict::Stale,
        _ => Verdict::Without(covered),
    }
}

/// Whether what was applied is newer than an event. By the senders' timestamps where both have one; the order of
/// receipt decides where they are equal or missing.
#[must_use]
pub fn is_newer(written: &Written, event: &StoredEvent) -> bool {
    let after = |last: Seq| event.seq < last;
    match (event.occurred_at, written.last_occurred_at) {
        (Some(mine), Some(last)) if mine != last => {
            mine < last || written.last_untimed_seq.is_some_and(after)
        }
        _ => after(written.last_seq),
    }
}

/// What becomes of an event that the HIS has refused for a reason of that class, when it was tried alone.
#[must_use]
pub fn blamed(class: FaultClass, reason: Rejection) -> Outcome {
    match class {
        FaultClass::Unreachable => Outcome::Released { replay: false },
        FaultClass::CommitUnknown => Outcome::Released { replay: true },
        FaultClass::Full => Outcome::PutOff(reason, limits::REFUSED_BACKOFF),
        FaultClass::Busy => Outcome::Busy(reason),
        FaultClass::Parent => Outcome::Parent(reason),
        FaultClass::Unrecognised => Outcome::Unrecognised(reason),
        FaultClass::Config => Outcome::Paused(reason),
        FaultClass::Rejected | FaultClass::Login => Outcome::Rejected(reason),
    }
}

/// What the queue records; what was written, the crosswalk's changes and what is awaited are the caller's to add.
/// `chance` is from 0 to 1.
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
        wrote: Vec::new(),
        links: Vec::new(),
        awaits: None,
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
    use std::sync::Arc;

    use super::*;
    use crate::model::sample;

    fn event(attempts: u32) -> StoredEvent {
        StoredEvent { attempts, ..sample::event("appointment", "{}") }
    }

    #[test]
    fn a_clock_that_runs_ahead_erases_nothing_for_a_day() {
        use Belief::{Believed, Doubted, StillDoubted};
        let hour = |n: i64| Timestamp(n * 3_600_000_000);
        let up = |n: u64| Duration::from_hours(n);
        // The newest event and the start, in hours; then what the clock says after so many hours, and what follows.
        let check = |newest: Option<i64>, start: i64, looks: &[(u64, i64, Belief)]| {
            let mut erasing = Erasing::begin(newest.map(hour), hour(start));
            for (at, now, expected) in looks {
                assert_eq!(
                    erasing.judge(hour(*now), up(*at)),
                    *expected,
                    "{newest:?} {start} {looks:?} {at}"
                );
            }
        };
        check(None, 1000, &[(0, 1000, Believed), (5, 1005, Believed), (6, 1007, Believed)]);
        check(Some(990), 1000, &[(0, 1000, Believed)]);
        // Years later, and it stays so.
        check(
            Some(0),
            100_000,
            &[
                (0, 100_000, Doubted),
                (1, 100_001, StillDoubted),
                (24, 100_024, Believed),
                (25, 100_025, Believed),
            ],
        );
        // A jump and back.
        check(
            Some(990),
            1000,
            &[
                (0, 1000, Believed),
                (1, 90_000, Doubted),
                (2, 90_001, StillDoubted),
                (3, 1003, Believed),
                (4, 90_003, Doubted),
            ],
        );
        // Behind, and set right.
        check(Some(990), 1000, &[(1, 5, Believed), (2, 6, Believed), (3, 1003, Believed)]);
    }

    #[test]
    fn no_delay_is_longer_than_the_longest() {
        for delay in [
            limits::BACKOFF_FIRST,
            limits::OUTAGE_BACKOFF_MAX,
            limits::BUSY_BACKOFF_MAX,
            limits::REFUSED_BACKOFF,
            limits::QUIET_TIME_MAX,
            limits::PARENT_BACKOFF,
        ] {
            assert!(delay <= limits::WAIT_MAX);
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
    fn a_refused_password_is_not_repeated_until_the_account_is_locked() {
        let check = |class, refused, expected: Option<Duration>| {
            assert_eq!(rest(class, 7, refused, 0.0), expected, "{class:?} {refused}");
        };
        check(FaultClass::Login, 0, Some(limits::REFUSED_BACKOFF));
        check(FaultClass::Login, limits::LOGINS_REFUSED_MAX - 1, Some(limits::REFUSED_BACKOFF));
        check(FaultClass::Login, limits::LOGINS_REFUSED_MAX, None);
        check(FaultClass::Login, limits::LOGINS_REFUSED_MAX + 1, None);
        check(FaultClass::Unreachable, 0, Some(limits::OUTAGE_BACKOFF_MAX));
        check(FaultClass::Unreachable, 1, Some(limits::OUTAGE_BACKOFF_MAX));
        check(FaultClass::Full, 0, Some(limits::REFUSED_BACKOFF));
    }

    fn writer(kind: &str, columns: Option<&str>) -> Writer {
        let names = |all: &str| all.chars().map(|c| ColumnName(c.to_string())).collect();
        Writer { kind: kind.to_owned(), columns: columns.map(names) }
    }

    fn written(by: Writer, last_seq: i64, occurred: Option<i64>, untimed: Option<i64>) -> Written {
        Written {
            by: Arc::new(by),
            last_seq: Seq(last_seq),
            last_occurred_at: occurred.map(Timestamp),
            last_untimed_seq: untimed.map(Seq),
        }
    }

    #[test]
    fn older_events_are_stale() {
        let check = |occurred: Option<i64>, last_seq: i64, last: Option<i64>, untimed, expected| {
            let event = StoredEvent { occurred_at: occurred.map(Timestamp), ..event(0) };
            let by = writer("appointment", Some("a"));
            let stale = judge(&event, &by, &[written(by.clone(), last_seq, last, untimed)]) == Verdict::Stale;
            assert_eq!(stale, expected, "{occurred:?} {last_seq:?} {last:?}");
        };
        check(None, 6, None, Some(6), false);
        check(None, 8, None, Some(8), true);
        check(Some(5), 6, Some(9), None, true);
        check(Some(10), 8, Some(9), None, false);
        check(Some(9), 8, Some(9), None, true);
        check(Some(9), 6, Some(9), None, false);
        check(Some(9), 8, None, Some(8), true);
        // A later event without a timestamp was applied.
        check(Some(9), 8, Some(1), Some(8), true);
        check(Some(9), 6, Some(1), Some(6), false);
    }

    #[test]
    fn what_newer_events_wrote_is_left_out() {
        // An event with place 7 and timestamp 50, of `appointment`; what was written, as type, columns, place, timestamp.
        type Other<'a> = (&'a str, Option<&'a str>, i64, Option<i64>);
        let check = |columns: Option<&str>, others: &[Other<'_>], expected: Verdict| {
            let event = StoredEvent { occurred_at: Some(Timestamp(50)), ..event(0) };
            let others: Vec<_> = others
                .iter()
                .map(|(kind, columns, seq, at)| {
                    written(writer(kind, *columns), *seq, *at, at.is_none().then_some(*seq))
                })
                .collect();
            let verdict = judge(&event, &writer("appointment", columns), &others);
            assert_eq!(verdict, expected, "{columns:?} {others:?}");
        };
        let without = |all: &str| Verdict::Without(writer("", Some(all)).columns.unwrap());
        let (own, other) = ("appointment", "payment");
        check(Some("ab"), &[], Verdict::Fresh);
        check(None, &[], Verdict::Fresh);
        check(Some("ab"), &[(own, Some("ab"), 3, Some(40))], Verdict::Fresh);
        // Held up here while a later one of its type was applied.
        check(Some("ab"), &[(own, Some("ab"), 9, Some(60))], Verdict::Stale);
        check(Some("abc"), &[(own, Some("ab"), 9, Some(60))], without("ab"));
        check(Some("abc"), &[(own, Some("a"), 9, Some(60)), (own, Some("c"), 10, None)], without("ac"));
        check(Some("abc"), &[(own, Some("a"), 9, Some(60)), (other, Some("bc"), 10, None)], Verdict::Stale);
        check(Some("abc"), &[(own, Some("a"), 9, Some(60)), (own, Some("b"), 3, Some(40))], without("a"));
        check(Some("ab"), &[(own, Some("cd"), 9, Some(60))], Verdict::Fresh);
        // A late arrival: the newer one of its type had come before.
        check(Some("ab"), &[(own, Some("cd"), 3, Some(60))], Verdict::Stale);
        check(Some("ab"), &[(own, None, 3, Some(60))], Verdict::Stale);
        // Another type's columns alone.
        check(Some("ab"), &[(other, Some("cd"), 3, Some(60))], Verdict::Fresh);
        check(Some("ab"), &[(other, Some("bc"), 3, Some(60))], without("b"));
        // Deletions, before it and by it; and an event that writes nothing but its key.
        check(Some("ab"), &[(other, None, 9, Some(60))], Verdict::Stale);
        check(Some("ab"), &[(other, None, 3, Some(40))], Verdict::Fresh);
        check(None, &[(other, Some("a"), 9, Some(60))], Verdict::Stale);
        check(None, &[(other, Some("a"), 9, Some(40)), (own, Some(""), 3, None)], Verdict::Fresh);
        check(Some(""), &[(other, Some("a"), 9, Some(60))], Verdict::Stale);
        check(Some(""), &[(other, Some("a"), 3, Some(40))], Verdict::Fresh);
    }

    proptest::proptest! {
        #[test]
        fn backoff_stays_in_bounds(attempts in 0_u32..100, chance in -1.0_f64..2.0) {
            let delay = backoff(limits::BACKOFF_FIRST, limits::BUSY_BACKOFF_MAX, attempts, chance);
            proptest::prop_assert!(delay >= limits::BACKOFF_FIRST / 2 && delay <= limits::BUSY_BACKOFF_MAX);
        }

        /// Events of one record in any order, as retries bring them: each column only ever gets what is newer.
        #[test]
        fn no_column_is_taken_back(
            timed in proptest::prelude::any::<bool>(),
            events in proptest::collection::btree_map(0_i64..40, (0_i64..1000, 0_usize..3, 0_u8..17), 1..12),
            order in proptest::collection::vec(0_usize..100, 12),
        ) {
            let mut left: Vec<_> = events.into_iter().collect();
            let mut memory: Vec<Written> = Vec::new();
            let mut newest: std::collections::BTreeMap<ColumnName, (i64, i64)> = std::collections::BTreeMap::new();
            let all = writer("", Some("abcd")).columns.unwrap();
            for pick in order.iter().take(left.len()) {
                let (seq, (occurred, kind, columns)) = left.remove(pick % left.len());
                // Bits say which columns; 16 is a deletion.
                let set = |bits: u8| all.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, c)| c.clone()).collect();
                let by = Writer { kind: ["x", "y", "z"][kind].to_owned(), columns: (columns < 16).then(|| set(columns)) };
                let event = StoredEvent { seq: Seq(seq), occurred_at: timed.then_some(Timestamp(occurred)), ..event(0) };
                let order = (if timed { occurred } else { 0 }, seq);
                let writes: BTreeSet<ColumnName> = match judge(&event, &by, &memory) {
                    Verdict::Stale => continue,
                    Verdict::Fresh => by.columns.clone().unwrap_or_else(|| all.clone()),
                    Verdict::Without(less) => {
                        let own = by.columns.clone().unwrap();
                        proptest::prop_assert!(!less.is_empty() && less.is_subset(&own) && less != own);
                        own.difference(&less).cloned().collect()
                    }
                };
                for column in writes {
                    let before = newest.insert(column.clone(), order);
                    proptest::prop_assert!(before.is_none_or(|b| b < order), "{column} was {before:?}, is {order:?}");
                }
                // What the queue remembers.
                let now = written(by, seq, event.occurred_at.map(|t| t.0), (!timed).then_some(seq));
                match memory.iter_mut().find(|w| w.by == now.by) {
                    None => memory.push(now),
                    Some(known) => {
                        known.last_seq = known.last_seq.max(now.last_seq);
                        known.last_occurred_at = known.last_occurred_at.max(now.last_occurred_at);
                        known.last_untimed_seq = known.last_untimed_seq.max(now.last_untimed_seq);
                    }
                }
            }
        }
    }
}
