//! Parked events that wait for a record that is missing in the HIS: which records, and what happens when one is there.
//! Never looks for them itself.

use rusqlite::params;

use crate::{
    limits::AWAITING_COUNTED_MAX,
    queue::{
        Inspector, QueueError,
        pass::{STEP_ROWS_MAX, Step},
        schema::AWAITING,
        store::{Store, count_at},
    },
};

/// A missing record, and the events that wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The record, see [`crate::model::awaits::Awaits`].
    pub awaits: String,
    /// How many events wait for it.
    pub events: u64,
}

impl Store {
    /// Missing records in the order of their texts, after that one.
    pub(super) fn awaited(&mut self, after: Option<&str>, max: usize) -> Result<Vec<Awaited>, QueueError> {
        // From one to the next through the index, however many events wait for each.
        let next = format!(
            "SELECT awaits FROM event INDEXED BY event_awaiting WHERE {AWAITING} AND awaits > ?1
             ORDER BY awaits LIMIT 1"
        );
        let count = format!(
            "SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_awaiting
                                   WHERE {AWAITING} AND awaits = ?1 LIMIT ?2)"
        );
        self.read(|conn| {
            let (mut next, mut count) = (conn.prepare_cached(&next)?, conn.prepare_cached(&count)?);
            let mut found: Vec<Awaited> = Vec::new();
            while found.len() < max {
                let after = found.last().map(|a| a.awaits.as_str()).or(after).unwrap_or("");
                let mut rows = next.query([after])?;
                let Some(row) = rows.next()? else { break };
                let awaits: String = row.get(0)?;
                let events =
                    count.query_row(params![awaits, AWAITING_COUNTED_MAX], |row| count_at(row, 0))?;
                found.push(Awaited { awaits, events });
            }
            Ok(found)
        })
    }

    /// Makes events pending that wait for these records, which are there now.
    pub(super) fn arrived(&mut self, awaits: &[String]) -> Result<Step, QueueError> {
        let update = format!(
            "UPDATE event SET state = 0, next_at = NULL, awaits = NULL
             WHERE seq IN (SELECT seq FROM event INDEXED BY event_awaiting
                           WHERE {AWAITING} AND awaits = ?1 LIMIT ?2)"
        );
        let step = self.write(|conn| {
            let mut statement = conn.prepare_cached(&update)?;
            let mut step = Step::default();
            for awaits in awaits {
                step.run(&mut statement, params![awaits, STEP_ROWS_MAX])?;
                if step.changed >= u64::from(STEP_ROWS_MAX) {
                    step.more = true;
                    break;
                }
            }
            Ok(step)
        })?;
        self.unfinished += step.changed;
        self.held_due |= step.changed > 0;
        Ok(step)
    }
}

impl Inspector {
    /// Missing records, those with the most events first.
    pub fn awaiting(&self, limit: usize) -> Result<Vec<Awaited>, QueueError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT awaits, count(*) AS n FROM event INDEXED BY event_awaiting WHERE {AWAITING}
             GROUP BY awaits ORDER BY n DESC, awaits LIMIT :limit"
        );
        self.rows(&sql, &[(":limit", &limit)], |row| {
            Ok(Awaited { awaits: row.get(0)?, events: count_at(row, 1)? })
        })
    }

    /// How many events wait for that record.
    pub(super) fn awaiting_it(&self, awaits: String) -> Result<Awaited, QueueError> {
        let sql =
            format!("SELECT count(*) FROM event INDEXED BY event_awaiting WHERE {AWAITING} AND awaits = :it");
        let events = self.rows(&sql, &[(":it", &awaits)], |row| count_at(row, 0))?.first().copied();
        Ok(Awaited { awaits, events: events.unwrap_or(0) })
    }
}
