//! What is known of damage in the queue file while it is open. Never mends it, and never forgets it without having read all of
//! the file.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::queue::{QueueError, schema};

/// How long a file that was found damaged is left alone before all of it is read again.
const LOOK_PAUSE: Duration = Duration::from_secs(5);

/// Whether the file was found damaged.
#[derive(Default)]
pub(super) struct Damage {
    error: Option<QueueError>,
    /// When it is looked at again.
    look: Option<Instant>,
}

impl Damage {
    /// Takes down that it is.
    pub(super) fn note(&mut self, error: &QueueError) {
        self.look.get_or_insert_with(|| Instant::now() + LOOK_PAUSE);
        self.error = Some(error.clone());
    }

    /// What is known, without a look.
    pub(super) fn known(&self) -> Option<QueueError> {
        self.error.clone()
    }

    /// Refuses where it is damaged. Now and then all of it is read, because `SQLite` also calls a file damaged whose disk has
    /// failed to read it once.
    pub(super) fn refusal(&mut self, conn: &Connection) -> Result<(), QueueError> {
        let Some(error) = self.known() else { return Ok(()) };
        let begun = Instant::now();
        if self.look.is_some_and(|at| begun < at) {
            return Err(error);
        }
        if matches!(schema::damage(conn, true), Ok(None)) {
            *self = Self::default();
            tracing::info!(
                "the queue file was read as a whole and is not damaged; its disk had failed to read it"
            );
            return Ok(());
        }
        // However large the file, most of the time is left for what still works.
        self.look = Some(Instant::now() + LOOK_PAUSE.max(begun.elapsed() * 10));
        Err(error)
    }
}
