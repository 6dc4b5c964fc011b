//! What became of an event, and of a call to the HIS database.

use std::{collections::BTreeSet, sync::Arc};

use crate::model::{
    clock::Timestamp,
    entity::Entity,
    event::{EventState, Seq},
    table::ColumnName,
};

/// What an error of the HIS database means for the daemon. By the vendor's number, never by message text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// Deadlock, lock time-out, serialization: roll back, retry soon.
    Busy,
    /// Connection lost or refused: reconnect with back-off; blames no event.
    Unreachable,
    /// Out of disk, tablespace or log: slow retry, alert.
    Full,
    /// Login refused: pause everything, do not hammer, alert.
    Login,
    /// Missing table, column or privilege, syntax: pause that mapping, alert; blames no event.
    Config,
    /// The data: halve the batch, park the event.
    Rejected,
    /// A foreign key's parent is missing: wait for it.
    Parent,
    /// Connection lost during COMMIT: replay by key.
    CommitUnknown,
    /// Any other number: retry a few times, then park.
    Unrecognised,
}

impl FaultClass {
    /// Whether an operator has to mend something before the HIS can be used again.
    #[must_use]
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::Login | Self::Full | Self::Config)
    }
}

/// Why an event cannot be applied as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Short and equal for equal causes, without any value of the event: `too-long:appointment.status`, `mysql-1364`.
    pub cause: String,
    /// What happened, where, and what to do. May hold the HIS's own words, so it stays in the queue file.
    pub message: String,
}

/// What became of an event in one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In the HIS, committed.
    Applied,
    /// Older than what was applied to its entity.
    Stale(Rejection),
    /// Mapped with `ignore`, or its `when` did not hold.
    Ignored(&'static str),
    /// Nothing maps it.
    Unmapped(Rejection),
    /// Behind an unfinished earlier event of its entity.
    Held,
    /// Cannot be applied as it is.
    Rejected(Rejection),
    /// Its mapping does not fit the tables now.
    Paused(Rejection),
    /// The row was busy.
    Busy(Rejection),
    /// Not tried, because others of its mapping met locks, or tried where there is no room: counts no attempt.
    PutOff(Rejection, std::time::Duration),
    /// A row that it refers to is missing.
    Parent(Rejection),
    /// An error that no class describes.
    Unrecognised(Rejection),
    /// Nothing was tried, or the database went away: blames nobody, counts no attempt.
    Released {
        /// The HIS may have committed it.
        replay: bool,
    },
}

impl Outcome {
    /// Whether its event goes on by itself later, and holds up the later ones of its record until then.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        match self {
            Self::Held
            | Self::Paused(_)
            | Self::Busy(_)
            | Self::PutOff(..)
            | Self::Parent(_)
            | Self::Unrecognised(_)
            | Self::Released { .. } => true,
            Self::Applied | Self::Stale(_) | Self::Ignored(_) | Self::Unmapped(_) | Self::Rejected(_) => {
                false
            }
        }
    }
}

/// What the queue records of an event after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The event.
    pub seq: Seq,
    /// Where it stands now.
    pub state: EventState,
    /// Counts the attempt.
    pub counted: bool,
    /// Sets (never clears, unless the state is final) the mark that the HIS may hold it already.
    pub replay: bool,
    /// When it is due again, for states that wait for a moment.
    pub next_at: Option<Timestamp>,
    /// Why, see [`Rejection`].
    pub reason: Option<Rejection>,
    /// The record that it is about, where planning got so far: it keeps the order of its events.
    pub entity: Option<Entity>,
    /// The rows that it changed, each with what was written. On `Applied` the queue remembers each as written by it.
    pub wrote: Vec<(Entity, Arc<Writer>)>,
    /// What it changed in the crosswalk, in this order; recorded whatever the state.
    pub links: Vec<(Entity, LinkChange)>,
    /// The missing record that a parked event waits for, see [`crate::model::awaits::Awaits`].
    pub awaits: Option<String>,
}

/// Who writes a record: events of one type (before the dot) that write the same columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Writer {
    /// The event type before the dot.
    pub kind: String,
    /// The columns that it writes, in the catalog's spelling, without those that identify the row. None for all of
    /// them: a deletion.
    pub columns: Option<BTreeSet<ColumnName>>,
}

/// The newest that a writer has written into a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The writer.
    pub by: Arc<Writer>,
    /// Greatest place in the queue among its events.
    pub last_seq: Seq,
    /// Greatest timestamp among those that had one.
    pub last_occurred_at: Option<Timestamp>,
    /// Greatest place in the queue among those that had no timestamp.
    pub last_untimed_seq: Option<Seq>,
}

/// What happens to an entry of the crosswalk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// The record is the HIS row with that key, for certain. Other records' proposals of the same row are void.
    Set(String),
    /// The row is gone: we have deleted it.
    Drop,
    /// The row that was proposed was never inserted. A confirmed link stays.
    Void,
}

/// Which HIS row a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The key that the row's table gave it, as text.
    pub his_key: String,
    /// Only proposed: the HIS was asked to insert the row with that key, and whether it did is not known. A fingerprint
    /// by which the worker knows the row again.
    pub proof: Option<i64>,
    /// The event that proposed it, while that is unfinished.
    pub by: Option<Seq>,
}

/// What the queue knows of a record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Standing {
    /// What was applied to it.
    pub written: Vec<Written>,
    /// Its least unfinished event before the one that asks, where there is one; of those that wait for something first.
    pub unfinished: Option<Seq>,
    /// An event of it before that one is parked until a record of the HIS appears, and goes on by itself then.
    pub expected: bool,
    /// Its entry in the crosswalk.
    pub link: Option<Link>,
}
