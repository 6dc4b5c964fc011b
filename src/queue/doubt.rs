//! Which events may be in the HIS without a word of it in the queue file, because that was restored from a backup. Never looks
//! at the HIS.

use std::time::Duration;

use rusqlite::Connection;

use crate::model::{
    clock::Timestamp,
    event::{RawEvent, Seq},
};

/// The cause of events of which nothing tells whether they were written before the file was restored: a retry means that
/// they were not.
pub const RESTORED_CAUSE: &str = "after-restore";

/// An event without a timestamp that comes so soon after a restoration may be one that was lost, and is sent again.
const RESENT_TIME: Duration = Duration::from_hours(24);

/// Which events may be in the HIS without a word of it in the file: those that are sent again after a restoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    restored_at: Option<Timestamp>,
}

impl Doubt {
    /// Reads when the file was restored, if ever.
    pub(super) fn of(conn: &Connection) -> rusqlite::Result<Self> {
        let at: Option<i64> = conn.query_row("SELECT restored_at FROM meta", [], |row| row.get(0))?;
        Ok(Self { restored_at: at.map(Timestamp) })
    }

    fn is_about(self, event: &RawEvent) -> bool {
        self.restored_at.is_some_and(|at| match event.occurred_at {
            Some(occurred) => occurred < at,
            None => event.received_at < at.after(RESENT_TIME),
        })
    }

    /// Marks an event that was stored now, where there is doubt about it.
    pub(super) fn mark(self, conn: &Connection, event: &RawEvent, seq: Seq) -> rusqlite::Result<()> {
        if !self.is_about(event) {
            return Ok(());
        }
        conn.prepare_cached("UPDATE event SET replay = 1 WHERE seq = ?1")?.execute([seq.0])?;
        conn.prepare_cached("INSERT OR IGNORE INTO doubt (seq) VALUES (?1)")?.execute([seq.0]).map(drop)
    }
}
