//! `POST /receive-event`, and `GET /health` beside it: from a request to an event in the queue and back to a
//! reply. Never says success before the append says so, never consults a mapping beyond "is there one", and never
//! repeats what a request holds.

pub mod envelope;
mod json;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{
        ALLOW, CONTENT_ENCODING, CONTENT_TYPE, FORWARDED, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
};
use serde::Serialize;

use crate::{
    http::{
        Body, BodyError, Request,
        reply::{self, Problem, Reply},
    },
    model::{
        clock::{Clock, Timestamp},
        event::{RawEvent, Receipt, ReceiptKind},
    },
};

/// Where events are posted.
pub const EVENT_PATH: &str = "/receive-event";
/// Where a monitor asks whether events can be posted.
pub const HEALTH_PATH: &str = "/health";

/// What a client is told to wait before it tries again, in seconds.
const RETRY_AFTER_S: &str = "60";
/// How often refused requests are told in the log.
const REFUSED_TOLD_EVERY_S: u64 = 60;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Why an event was not appended. What lies behind it was logged by whoever knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many events wait as may wait.
    AtCap,
    /// The queue's disk is nearly full, or full.
    DiskLow,
    /// The queue failed.
    Failed,
}

/// The door for events: `append` keeps them, `health` says whether it could, `is_mapped` whether anything maps a
/// type.
#[derive(Debug)]
pub struct Ingest<A, G, M, C> {
    /// `Fn(RawEvent) -> impl Future<Output = Result<Receipt, Refusal>>`; resolves after the commit.
    pub append: A,
    /// `Fn() -> Result<(), Refusal>`.
    pub health: G,
    /// `Fn(&RawEvent) -> bool`.
    pub is_mapped: M,
    /// Tells when an event was received.
    pub clock: C,
    /// Answer 422 to events that nothing maps, and keep nothing.
    pub reject_unmapped: bool,
    /// Accept requests that came through a proxy, or from a web page.
    pub allow_unauthenticated: bool,
    /// Counts what was refused.
    pub refusals: Refusals,
}

/// What the sender of a kept event reads.
#[derive(Serialize)]
struct Accepted<'a> {
    status: &'static str,
    message: &'static str,
    event_id: &'a str,
    duplicate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    conflict: bool,
}

#[derive(Serialize)]
struct Healthy {
    status: &'static str,
}

impl<A, F, G, M, C> Ingest<A, G, M, C>
where
    A: Fn(RawEvent) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Receipt, Refusal>> + Send,
    G: Fn() -> Result<(), Refusal> + Send + Sync + 'static,
    M: Fn(&RawEvent) -> bool + Send + Sync + 'static,
    C: Clock + 'static,
{
    /// As [`crate::http::serve`] takes it.
    pub fn handler(
        self,
    ) -> impl Fn(SocketAddr, Request<Body>) -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>>
    + Clone
    + Send
    + Sync
    + 'static {
        let ingest = Arc::new(self);
        move |_peer, request| {
            let ingest = Arc::clone(&ingest);
            Box::pin(async move { ingest.answer(request).await })
        }
    }

    /// The reply to any request.
    pub async fn answer(&self, request: Request<Body>) -> Reply {
        let answered = match (request.uri().path(), request.method()) {
            (EVENT_PATH, &Method::POST) => self.receive(request).await,
            (EVENT_PATH, _) => Err(method_not_allowed("events are sent with POST", "POST")),
            (HEALTH_PATH, &Method::GET | &Method::HEAD) => return self.tell_health(),
            (HEALTH_PATH, _) => Err(method_not_allowed("health is asked with GET", "GET, HEAD")),
            _ => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "there is nothing at this path; events go to POST /receive-event",
            )),
        };
        answered.unwrap_or_else(|problem| {
            self.refusals.tell(problem.status, self.clock.now());
            problem.reply()
        })
    }

    async fn receive(&self, request: Request<Body>) -> Result<Reply, Problem> {
        let headers = request.headers();
        if !self.allow_unauthenticated {
            refuse_strangers(headers)?;
        }
        check_content(headers)?;
        let body = request.into_body().read().await.map_err(body_problem)?;
        let event = envelope::read(&body, self.clock.now())
            .map_err(|refused| Problem::new(StatusCode::BAD_REQUEST, refused.to_string()))?;
        drop(body);
        let mapped = (self.is_mapped)(&event);
        if !mapped && self.reject_unmapped {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "nothing maps events of this type, and server.unmapped is \"reject\"; the event was not kept. \
                 Add its type to \"mapping\" in his-config.json",
            ));
        }
        let receipt = (self.append)(event).await.map_err(append_problem)?;
        tracing::debug!(seq = receipt.seq.0, kind = ?receipt.kind, mapped, "received an event");
        if receipt.kind == ReceiptKind::Conflict {
            tracing::warn!(
                seq = receipt.seq.0,
                "an event_id came again with another body; parked as a conflict"
            );
        }
        Ok(accepted(&receipt, mapped))
    }

    fn tell_health(&self) -> Reply {
        match (self.health)() {
            Ok(()) => reply::json(StatusCode::OK, &Healthy { status: "ok" }),
            Err(_reason) => unavailable("events cannot be accepted at the moment").reply(),
        }
    }
}

fn accepted(receipt: &Receipt, mapped: bool) -> Reply {
    let message = match receipt.kind {
        ReceiptKind::Fresh if mapped => "the event is stored",
        ReceiptKind::Fresh => {
            "the event is stored, but nothing maps its type yet; it is kept, and applied once the configuration maps it"
        }
        ReceiptKind::Duplicate => "this event was stored before; nothing was written twice",
        ReceiptKind::Conflict => {
            "another event with this event_id and another body was received before; this one is kept, \
             but not applied until an operator decides"
        }
    };
    let body = Accepted {
        status: "success",
        message,
        event_id: &receipt.id,
        duplicate: receipt.kind == ReceiptKind::Duplicate,
        conflict: receipt.kind == ReceiptKind::Conflict,
    };
    reply::json(StatusCode::OK, &body)
}

/// Loopback is not trust: a proxy makes the Internet look local, and so does a web page in a browser on this
/// machine, which can post JSON without asking as long as it names no content type.
fn refuse_strangers(headers: &HeaderMap) -> Result<(), Problem> {
    let message = if [FORWARDED, X_FORWARDED_FOR, X_REAL_IP].iter().any(|name| headers.contains_key(name)) {
        "this request came through a proxy, and no credentials are configured; to accept such requests \
         without credentials, the administrator sets auth.allow_unauthenticated to true in his-config.json"
    } else if headers.contains_key(ORIGIN) {
        "this request came from a web page, and no credentials are configured; to accept such requests \
         without credentials, the administrator sets auth.allow_unauthenticated to true in his-config.json"
    } else {
        return Ok(());
    };
    Err(Problem::new(StatusCode::UNAUTHORIZED, message).with(WWW_AUTHENTICATE, "Bearer"))
}

/// JSON in UTF-8, not compressed. No content type at all is taken as that.
fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |message| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    for value in headers.get_all(CONTENT_TYPE) {
        match content_type(value) {
            Content::Json => {}
            Content::OtherCharset => {
                return unsupported("the Content-Type names another charset than utf-8; send UTF-8");
            }
            Content::Other => {
                return unsupported("the Content-Type is not JSON; send \"Content-Type: application/json\"");
            }
        }
    }
    let plain = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return unsupported("compressed bodies are not read; send the event without Content-Encoding");
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Json,
    OtherCharset,
    Other,
}

/// RFC 9110, section 8.3.1: `type/subtype` with `; name=value` after it; names and types in either case.
fn content_type(value: &HeaderValue) -> Content {
    let Ok(value) = value.to_str() else { return Content::Other };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = match essence.split_once('/') {
        Some((kind, subtype)) => {
            essence == "application/json"
                || (!kind.is_empty() && subtype.len() > 5 && subtype.ends_with("+json"))
        }
        None => essence.is_empty(),
    };
    if !is_json {
        return Content::Other;
    }
    let other_charset = parts.filter_map(|part| part.split_once('=')).any(|(name, charset)| {
        let charset = charset.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8"].iter().any(|utf8| charset.eq_ignore_ascii_case(utf8))
    });
    if other_charset { Content::OtherCharset } else { Content::Json }
}

fn method_not_allowed(message: &'static str, allow: &'static str) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, message).with(ALLOW, allow)
}

fn unavailable(message: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).with(RETRY_AFTER, RETRY_AFTER_S)
}

fn body_problem(error: BodyError) -> Problem {
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

fn append_problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::AtCap => unavailable(
            "too many events wait to be applied (queue.max_events); the event was not kept, send it again later",
        ),
        Refusal::DiskLow => {
            unavailable("the middleware's disk is nearly full; the event was not kept, send it again later")
        }
        Refusal::Failed => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the middleware could not store the event, its log says why; the event was not kept, send it again",
        ),
    }
}

/// Refused requests are the sender's to mend, but an operator wants to know of them: once a minute, with how many
/// there were, so that a stranger cannot fill the log.
#[derive(Debug, Default)]
pub struct Refusals {
    since_told: AtomicU64,
    told_at: AtomicI64,
}

impl Refusals {
    fn tell(&self, status: StatusCode, now: Timestamp) {
        let count = self.since_told.fetch_add(1, Ordering::Relaxed) + 1;
        let told_at = self.told_at.load(Ordering::Relaxed);
        let due = told_at == 0 || now.seconds_since(Timestamp(told_at)) >= REFUSED_TOLD_EVERY_S;
        if due && self.told_at.compare_exchange(told_at, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.since_told.store(0, Ordering::Relaxed);
            tracing::warn!(
                requests = count,
                last_status = status.as_u16(),
                "refused requests; their senders were told why"
            );
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests;
