//! Requests that are refused: what their senders are told, and what the operator is told of all of them together. Never
//! repeats what a request holds.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use hyper::{
    StatusCode,
    header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    auth::Refused,
    http::{BodyError, reply::Problem},
    ingest::Refusal,
    limits::REFUSED_TOLD_EVERY,
};

/// What a client is told to wait before it tries again, in seconds.
const RETRY_AFTER_S: &str = "60";
/// The same where it is too fast: an address gets one request a second at least.
const RATE_RETRY_AFTER_S: &str = "1";

pub(super) fn method_not_allowed(message: &'static str, allow: &'static str) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, message).with(ALLOW, allow)
}

pub(super) fn unavailable(message: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).with(RETRY_AFTER, RETRY_AFTER_S)
}

pub(super) fn body_problem(error: BodyError) -> Problem {
    match error {
        BodyError::TooLarge(bytes_max) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body is larger than {} KiB; send one event per request, or raise server.max_body_kb",
                bytes_max / 1024
            ),
        ),
        BodyError::TooSlow(time) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} seconds; send the request again", time.as_secs_f32()),
        ),
        BodyError::Broken => Problem::new(
            StatusCode::BAD_REQUEST,
            "the body broke off, or its chunks are malformed; send the request again",
        ),
        BodyError::Crowded => unavailable(
            "too many requests come at once, and this one came slowest; the event was not kept, send it again later",
        ),
    }
}

pub(super) fn append_problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::AtCap => unavailable(
            "too many events wait to be applied (queue.max_events); the event was not kept, send it again later",
        ),
        Refusal::DiskLow => unavailable(
            "the middleware's disk is nearly full, or does not work; the event was not kept, send it again later",
        ),
        Refusal::Failed => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the middleware could not store the event, its log says why; the event was not kept, send it again",
        ),
    }
}

/// What a sender is told whom the door does not let in.
pub(super) fn door_problem(refused: Refused) -> Problem {
    let status = match refused {
        Refused::ForwardedFor => StatusCode::BAD_REQUEST,
        Refused::Address => StatusCode::FORBIDDEN,
        Refused::Forwarded | Refused::WebPage | Refused::Missing(_) | Refused::Wrong | Refused::Clock => {
            StatusCode::UNAUTHORIZED
        }
    };
    let problem = Problem::new(status, refused.to_string());
    if status == StatusCode::UNAUTHORIZED { problem.with(WWW_AUTHENTICATE, "Bearer") } else { problem }
}

pub(super) fn too_fast() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too many requests from this address; the event was not kept, send it again after a second, or raise \
         server.max_requests_per_second",
    )
    .with(RETRY_AFTER, RATE_RETRY_AFTER_S)
}

/// Refused requests are the sender's to mend, but an operator wants to know of them, and of events that are a conflict: once
/// a minute, with how many there were, so that a stranger cannot fill the log.
#[derive(Debug, Default)]
pub struct Refusals {
    refused: Mutex<Counted>,
    conflicts: Mutex<Conflicts>,
}

#[derive(Debug, Default)]
struct Conflicts {
    told_at: Option<Instant>,
    events: u64,
}

#[derive(Debug, Default)]
struct Counted {
    told_at: Option<Instant>,
    by_status: BTreeMap<u16, u64>,
    last_stranger: Option<IpAddr>,
}

impl Refusals {
    pub(super) fn tell(&self, status: StatusCode, from: IpAddr, now: Instant) {
        self.count(status, from);
        self.tell_counted(now, false);
    }

    /// An event's id came again with another body.
    pub(super) fn tell_conflict(&self, now: Instant) {
        self.count_conflict();
        self.tell_counted(now, false);
    }

    /// Tells what was counted, but nothing that was told less than a minute ago, unless it is the `end`. To be called now and
    /// then, for what comes after the last telling.
    pub fn tell_counted(&self, now: Instant, end: bool) {
        if let Some(told) = self.refused(now, end) {
            tracing::warn!(
                requests = told.by_status.values().sum::<u64>(),
                statuses = told.words(),
                last_stranger = told.last_stranger.map(tracing::field::display),
                "refused requests; their senders were told why"
            );
        }
        if let Some(events) = self.conflicts(now, end) {
            tracing::warn!(
                events,
                "an event_id came again with another body; parked as a conflict, `events list --state conflict` shows it"
            );
        }
    }

    fn count(&self, status: StatusCode, from: IpAddr) {
        let mut counted = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.by_status.entry(status.as_u16()).or_default() += 1;
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            counted.last_stranger = Some(from);
        }
    }

    fn count_conflict(&self) {
        self.conflicts.lock().unwrap_or_else(PoisonError::into_inner).events += 1;
    }

    /// Gives what is to be told now.
    fn refused(&self, now: Instant, end: bool) -> Option<Counted> {
        let mut counted = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = !counted.by_status.is_empty() && (end || is_due(counted.told_at, now));
        let next = Counted { told_at: Some(now), ..Counted::default() };
        is_told.then(|| std::mem::replace(&mut *counted, next))
    }

    /// Gives how many are to be told now.
    fn conflicts(&self, now: Instant, end: bool) -> Option<u64> {
        let mut conflicts = self.conflicts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = conflicts.events > 0 && (end || is_due(conflicts.told_at, now));
        let next = Conflicts { told_at: Some(now), events: 0 };
        is_told.then(|| std::mem::replace(&mut *conflicts, next).events)
    }
}

fn is_due(told_at: Option<Instant>, now: Instant) -> bool {
    told_at.is_none_or(|told| now.saturating_duration_since(told) >= REFUSED_TOLD_EVERY)
}

impl Counted {
    /// `401: 12, 404: 1`.
    fn words(&self) -> String {
        let each: Vec<_> =
            self.by_status.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        each.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn refusals_are_counted_and_told_once_a_minute() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let at = |second: u64, status: u16, host: u8| {
            refusals.count(StatusCode::from_u16(status).unwrap(), [192, 0, 2, host].into());
            let told = refusals.refused(start + Duration::from_secs(second), false);
            told.map(|told| format!("{}; {:?}", told.words(), told.last_stranger))
        };
        assert_eq!(at(0, 400, 1).as_deref(), Some("400: 1; None"));
        for second in 1..50 {
            assert_eq!(at(second, if second % 2 == 0 { 404 } else { 401 }, 7), None);
        }
        assert_eq!(at(59, 403, 8), None);
        assert_eq!(at(60, 400, 9).as_deref(), Some("400: 1, 401: 25, 403: 1, 404: 24; Some(192.0.2.8)"));
        assert_eq!(at(61, 400, 9), None);
        assert_eq!(at(120, 400, 9).as_deref(), Some("400: 2; None"));
        assert_eq!(at(121, 400, 9), None);
        // What comes last is told, too.
        let later = |second: u64, end| {
            refusals.refused(start + Duration::from_secs(second), end).map(|told| told.words())
        };
        assert_eq!(later(179, false), None);
        assert_eq!(later(180, false).as_deref(), Some("400: 1"));
        assert_eq!(later(500, true), None);
        assert_eq!(at(500, 404, 1).as_deref(), Some("404: 1; None"));
        assert_eq!(at(501, 404, 1), None);
        assert_eq!(later(502, true).as_deref(), Some("404: 1"));
    }

    #[test]
    fn conflicts_are_told_once_a_minute() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let at = |second: u64| {
            refusals.count_conflict();
            refusals.conflicts(start + Duration::from_secs(second), false)
        };
        assert_eq!(at(0), Some(1));
        assert_eq!((1..60).filter_map(at).count(), 0);
        assert_eq!(at(60), Some(60));
        assert_eq!(at(61), None);
    }
}
