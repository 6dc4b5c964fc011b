//! `POST /receive-event`, and `GET /health` beside it: from a request to an event in the queue and back to a
//! reply. Never says success before the append says so, never consults a mapping beyond "is there one", and never
//! repeats what a request holds.

mod content;
mod door;
pub mod envelope;
mod json;
mod problems;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use hyper::{Method, StatusCode};
use serde::Serialize;

use crate::{
    http::{
        Body, Request,
        reply::{self, Problem, Reply},
    },
    ingest::{
        content::check_content,
        problems::{append_problem, body_problem, door_problem, method_not_allowed, unavailable},
    },
    model::{
        clock::Clock,
        event::{RawEvent, Receipt, ReceiptKind, Sender},
    },
};

pub use door::Door;
pub use problems::Refusals;

/// Where events are posted.
pub const EVENT_PATH: &str = "/receive-event";
/// Where a monitor asks whether events can be posted.
pub const HEALTH_PATH: &str = "/health";

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
    /// Who may send.
    pub door: Door,
    /// Counts what was refused.
    pub refusals: Arc<Refusals>,
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
        move |peer, request| {
            let ingest = Arc::clone(&ingest);
            Box::pin(async move { ingest.answer(peer.ip(), request).await })
        }
    }

    /// The reply to any request; `peer` is the other end of its connection.
    pub async fn answer(&self, peer: IpAddr, request: Request<Body>) -> Reply {
        let client = self.door.client(peer, request.headers());
        let from = *client.as_ref().unwrap_or(&peer);
        let answered = match (request.uri().path(), request.method()) {
            (EVENT_PATH, &Method::POST) => match client {
                Ok(client) => self.receive(client, request).await,
                Err(problem) => Err(problem),
            },
            (EVENT_PATH, _) => Err(method_not_allowed("events are sent with POST", "POST")),
            (HEALTH_PATH, &Method::GET | &Method::HEAD) => return self.tell_health(),
            (HEALTH_PATH, _) => Err(method_not_allowed("health is asked with GET", "GET, HEAD")),
            _ => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "there is nothing at this path; events go to POST /receive-event",
            )),
        };
        answered.unwrap_or_else(|problem| {
            self.refusals.tell(problem.status, from, Instant::now());
            problem.reply()
        })
    }

    async fn receive(&self, client: IpAddr, request: Request<Body>) -> Result<Reply, Problem> {
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        let admitted = self.door.admit(client, headers, Instant::now())?;
        check_content(headers)?;
        let body = body.read().await.map_err(body_problem)?;
        let now = self.clock.now();
        let proof = admitted.verify(&body, now).map_err(door_problem)?;
        let refused = |refused: envelope::Refused| Problem::new(StatusCode::BAD_REQUEST, refused.to_string());
        let mut event = envelope::read(&body, now).map_err(refused)?;
        drop(body);
        if let (None, Some(id)) = (&event.id, proof.webhook_id) {
            event.id = Some(envelope::webhook_id(id).map_err(refused)?);
        }
        event.sender = Sender { credential: proof.credential, address: client };
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
            self.refusals.tell_conflict(Instant::now());
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests;
