//! What commands see of the queue: events, their causes, the daemon. Plain data; `inspect` reads it.

use crate::{
    model::{
        clock::Timestamp,
        event::{EventState, Seq},
    },
    queue::{Awaited, DaemonReport},
};

/// Events that have a cause in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// Where they stand.
    pub state: EventState,
    /// Short and equal for equal causes; none where the state says all.
    pub cause: Option<String>,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub oldest: Seq,
    /// When that was received.
    pub oldest_received_at: Timestamp,
}

/// The last that a daemon told about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonStatus {
    /// Its words.
    pub report: DaemonReport,
    /// Whether a daemon uses the file now.
    pub is_running: bool,
}

/// Which events are listed. `Default` lists nothing, because its limit is 0.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// In one of these states; empty for any.
    pub states: Vec<EventState>,
    /// Of this type; without a dot also those that have it before the dot.
    pub kind: Option<String>,
    /// With this cause.
    pub cause: Option<String>,
    /// Before this place in the queue.
    pub before: Option<Seq>,
    /// After this place in the queue.
    pub after: Option<Seq>,
    /// As many at most.
    pub limit: usize,
}

/// An event without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Place in the queue.
    pub seq: Seq,
    /// The sender's id, else one that the queue made.
    pub id: String,
    /// Event type.
    pub kind: String,
    /// The sender's `operation`.
    pub operation: Option<String>,
    /// Where it stands.
    pub state: EventState,
    /// Attempts so far.
    pub attempts: u32,
    /// Attempts that ended with the process.
    pub crashes: u32,
    /// The HIS may hold it already.
    pub replay: bool,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// The sender's `timestamp`.
    pub occurred_at: Option<Timestamp>,
    /// When it is due again.
    pub next_at: Option<Timestamp>,
    /// When it was last tried or settled.
    pub settled_at: Option<Timestamp>,
    /// The record that it is about, where planning got so far.
    pub entity: Option<String>,
    /// Short and equal for equal causes.
    pub cause: Option<String>,
    /// What happened and what to do; may hold the HIS's own words.
    pub error: Option<String>,
    /// The first event of the same `event_id`, where this one has another body.
    pub conflict_of: Option<Seq>,
    /// Bytes of its body.
    pub body_bytes: u64,
}

/// An event with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDetail {
    /// All but the body.
    pub row: EventRow,
    /// The body as it came.
    pub body: Vec<u8>,
    /// The missing record that it waits for, with how many events do, itself included.
    pub awaits: Option<Awaited>,
}
