//! Gives the rows of a queue file the form that new ones have: sealed with the current data key, or as they came. In steps
//! of bounded size; a step that was cut off is repeated.

use std::sync::Arc;

use rusqlite::params;

use crate::{
    limits::{CONVERT_BYTES_MAX, CONVERT_ROWS_MAX},
    queue::{
        QueueError,
        pass::Step,
        seal::SealKey,
        sealing::{self, Sealing},
        store::{Store, count_at},
    },
};

/// Whether the payloads in the file are sealed, as far as the file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtRest {
    /// They stand as they came.
    Plain,
    /// They are being sealed, or sealed with another key.
    Sealing,
    /// They are sealed.
    Sealed,
    /// They are being unsealed.
    Unsealing,
}

impl AtRest {
    pub(super) fn of(conn: &rusqlite::Connection) -> rusqlite::Result<Self> {
        let form = sealing::form(conn)?;
        Ok(match (form.current.is_some(), form.converting) {
            (false, false) => Self::Plain,
            (true, true) => Self::Sealing,
            (true, false) => Self::Sealed,
            (false, true) => Self::Unsealing,
        })
    }
}

/// A row that has not the form of new ones.
struct Old {
    seq: i64,
    body: Vec<u8>,
    error: Option<String>,
}

/// A step's rows, and where the next one begins; none at the end.
struct Found {
    old: Vec<Old>,
    last: Option<i64>,
}

impl Store {
    /// Gives some rows the form of new ones, and at the end takes away the data keys that nothing is sealed with any more.
    pub(super) fn convert(&mut self) -> Result<Step, QueueError> {
        if !self.upkeep.converting {
            return Ok(Step::default());
        }
        let sealing = Arc::clone(&self.sealing);
        let done = self.write(|conn| {
            let found = read(conn, &sealing)?;
            let mut step = Step { changed: 0, more: found.last.is_some() };
            let mut update = conn.prepare_cached("UPDATE event SET body = ?2, error = ?3 WHERE seq = ?1")?;
            let mut unreadable = 0_u64;
            for Old { seq, body, error } in found.old {
                let plain = sealing
                    .open_body(seq, body)
                    .and_then(|body| Ok((body, error.map(|e| sealing.open_error(seq, e)).transpose()?)));
                let Ok((body, error)) = plain else {
                    // It is told of when it is to be applied or shown.
                    unreadable += 1;
                    continue;
                };
                let error = error.as_deref().map(|e| sealing.error(seq, e)).transpose()?;
                update.execute(params![seq, sealing.body(seq, &body)?, error])?;
                step.changed += 1;
            }
            conn.prepare_cached("UPDATE meta SET converted = ?1")?.execute([found.last])?;
            Ok((step, unreadable))
        });
        let (step, unreadable) = done?;
        self.upkeep.unreadable += unreadable;
        self.upkeep.log_due |= step.changed > 0;
        if !step.more {
            self.converted()?;
        }
        Ok(step)
    }

    /// Events in the file.
    pub(super) fn count(&mut self) -> Result<u64, QueueError> {
        self.read(|conn| conn.query_row("SELECT count(*) FROM event", [], |row| count_at(row, 0)))
    }

    /// Seals all data keys with another master key, in one commit.
    pub(super) fn reseal(&mut self, master: &SealKey) -> Result<(), QueueError> {
        let sealing = Arc::clone(&self.sealing);
        self.upkeep.log_due = true;
        self.write(|conn| sealing.reseal_keys(conn, master))
    }

    fn converted(&mut self) -> Result<(), QueueError> {
        self.upkeep.converting = false;
        if self.upkeep.unreadable > 0 {
            // Their keys are kept: whatever may still be done for them needs these.
            tracing::error!(
                events = self.upkeep.unreadable,
                "events cannot be unsealed, neither with the key nor otherwise: the file was changed or damaged; restore a backup"
            );
            return Ok(());
        }
        let current = self.sealing.current();
        self.write(|conn| conn.execute("DELETE FROM data_key WHERE id IS NOT ?1", [current]))?;
        Arc::make_mut(&mut self.sealing).forget_others();
        self.upkeep.log_due = true;
        Ok(())
    }
}

fn read(conn: &rusqlite::Connection, sealing: &Sealing) -> rusqlite::Result<Found> {
    let from: Option<i64> =
        conn.prepare_cached("SELECT converted FROM meta")?.query_row([], |row| row.get(0))?;
    let mut found = Found { old: Vec::new(), last: None };
    let Some(from) = from else { return Ok(found) };
    let mut statement = conn.prepare_cached(
        "SELECT seq, length(body), body, error FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query([from, i64::from(CONVERT_ROWS_MAX)])?;
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        bytes = bytes.saturating_add(row.get::<_, u32>(1)? as usize);
        if found.last.is_some() && bytes > CONVERT_BYTES_MAX {
            break;
        }
        let seq = row.get(0)?;
        found.last = Some(seq);
        let (body, error): (Vec<u8>, Option<String>) = (row.get(2)?, row.get(3)?);
        if !sealing.is_converted(&body) || error.as_deref().is_some_and(|e| !sealing.is_error_converted(e)) {
            found.old.push(Old { seq, body, error });
        }
    }
    Ok(found)
}
