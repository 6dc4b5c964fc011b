//! An event, from the bytes of a request to its last state in the queue.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use crate::model::clock::Timestamp;

/// Place of an event in the queue: the order in which events were received. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The sender's name of an event: 1 to [`crate::limits::EVENT_ID_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId(pub String);

/// An event's type, `appointment` or `appointment.created`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKind(pub String);

impl EventKind {
    /// The part before the dot, or all of it.
    #[must_use]
    pub fn base(&self) -> &str {
        self.0.split_once('.').map_or(self.0.as_str(), |(base, _)| base)
    }

    /// The part after the dot.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, suffix)| suffix)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An accepted request: its envelope was checked, its mapping was not consulted.
#[derive(Clone, Debug)]
pub struct RawEvent {
    /// The sender's `event_id`, where there is one.
    pub id: Option<EventId>,
    /// `event_type`, else `type`.
    pub kind: EventKind,
    /// `operation`, where there is one.
    pub operation: Option<String>,
    /// `timestamp`, where it is a date and time.
    pub occurred_at: Option<Timestamp>,
    /// When the daemon accepted it.
    pub received_at: Timestamp,
    /// Who sent it.
    pub sender: Sender,
    /// The body, to the byte as it came.
    pub body: Vec<u8>,
    /// SHA-256 of the body's canonical form (keys sorted, no white space), first 16 bytes: equal for equal JSON.
    pub digest: [u8; 16],
}

/// Who sent an event, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    /// Names of the credentials that were shown, `buktor 2026`, both where two were; none where none are configured.
    pub credential: Option<Arc<str>>,
    /// The sender's address; behind a trusted proxy the one that the proxy saw.
    pub address: IpAddr,
}

impl Sender {
    /// Someone on this machine who showed no credentials.
    pub const LOCAL: Self = Self { credential: None, address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
}

/// What the queue answers to an append, after its commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where the event stands; for a duplicate, where the first one stands.
    pub seq: Seq,
    /// The event's id: the sender's, else one that the queue made.
    pub id: String,
    /// Whether it was new.
    pub kind: ReceiptKind,
}

/// Whether an appended event was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    /// Stored now.
    Fresh,
    /// The same `event_id` with the same body was stored before; nothing was written.
    Duplicate,
    /// The same `event_id` was stored before with another body; stored now, parked as a conflict.
    Conflict,
}

/// An event as the queue hands it to the worker.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Place in the queue.
    pub seq: Seq,
    /// The event's id: the sender's, else one that the queue made.
    pub id: String,
    /// The event's type.
    pub kind: EventKind,
    /// The sender's `operation`.
    pub operation: Option<String>,
    /// The sender's `timestamp`.
    pub occurred_at: Option<Timestamp>,
    /// When the daemon accepted it.
    pub received_at: Timestamp,
    /// The body as it came.
    pub body: Vec<u8>,
    /// Attempts before this one.
    pub attempts: u32,
    /// Attempts among these that ended with the process.
    pub crashes: u32,
    /// An earlier attempt may have been committed in the HIS without the daemon knowing.
    pub replay: bool,
    /// Another event, with another body, had its id before.
    pub twin: bool,
    /// It may be in the HIS without the queue file knowing anything of it: the file was restored from a backup.
    pub doubt: bool,
}

impl StoredEvent {
    /// An event that the queue does not have, as if it were claimed from there for the first time. `unnamed` is its id
    /// where its sender gave none.
    #[must_use]
    pub fn unqueued(event: RawEvent, seq: Seq, unnamed: &str) -> Self {
        let RawEvent { id, kind, operation, occurred_at, received_at, body, sender: _, digest: _ } = event;
        Self {
            seq,
            id: id.map_or_else(|| unnamed.to_owned(), |id| id.0),
            kind,
            operation,
            occurred_at,
            received_at,
            body,
            attempts: 0,
            crashes: 0,
            replay: false,
            twin: false,
            doubt: false,
        }
    }
}

/// Where an event stands. The number is what the queue file stores; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventState {
    /// Waits for its turn.
    Pending = 0,
    /// Waits for a moment: the row was busy, or the error was one that may pass.
    Deferred = 1,
    /// Waits behind an earlier event of its entity.
    Held = 2,
    /// Waits for a row that it refers to.
    Waiting = 3,
    /// Waits because its mapping does not fit the HIS tables, or the login may not write there.
    Paused = 4,
    /// Nothing maps its type.
    Unmapped = 5,
    /// Cannot be applied as it is; an operator decides.
    Parked = 6,
    /// Its `event_id` was used before with another body; an operator decides.
    Conflict = 7,
    /// In the HIS.
    Applied = 8,
    /// Older than what was applied to its entity: not applied.
    Stale = 9,
    /// Mapped with `ignore`, or its `when` did not hold: not applied, on purpose.
    Ignored = 10,
    /// Given up by an operator.
    Discarded = 11,
}

impl EventState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Deferred,
        Self::Held,
        Self::Waiting,
        Self::Paused,
        Self::Unmapped,
        Self::Parked,
        Self::Conflict,
        Self::Applied,
        Self::Stale,
        Self::Ignored,
        Self::Discarded,
    ];

    /// The state's name, as the command line takes and prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Deferred => "deferred",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Unmapped => "unmapped",
            Self::Parked => "parked",
            Self::Conflict => "conflict",
            Self::Applied => "applied",
            Self::Stale => "stale",
            Self::Ignored => "ignored",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as i64 == number)
    }

    /// Whether nothing more happens to the event by itself or by an operator: what retention may erase.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Applied | Self::Stale | Self::Ignored | Self::Discarded)
    }

    /// Whether an operator has to look.
    #[must_use]
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::Parked | Self::Conflict | Self::Unmapped | Self::Paused)
    }
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
