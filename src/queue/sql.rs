//! What all parts of the queue do with `SQLite` in the same way: transactions, columns of a row, small questions. Knows no
//! state of the owner's.

use rusqlite::Connection;

use crate::{model::event::EventState, queue::schema};

/// The greatest place that an event has, or had before it was erased.
pub(super) const LAST_SEQ: &str =
    "SELECT max(coalesce((SELECT max(seq) FROM event), 0), coalesce(last_seq, 0)) FROM meta";

/// The queue file's random identity.
pub(super) fn queue_id(conn: &Connection) -> rusqlite::Result<String> {
    conn.query_row("SELECT queue_id FROM meta", [], |row| row.get(0))
}

/// The state of that number in a row.
pub(super) fn state_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<EventState> {
    let number = row.get(column)?;
    EventState::from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A number that is never negative.
pub(super) fn count_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Runs `work` in a transaction of that kind; rolls back on any error.
pub(super) fn transaction<T>(
    conn: &Connection,
    begin: &str,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let done = (|| {
        if !conn.is_autocommit() {
            // A rollback failed earlier, on a disk that failed too.
            conn.prepare_cached("ROLLBACK")?.execute([])?;
        }
        conn.prepare_cached(begin)?.execute([])?;
        let value = work(conn)?;
        conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(value)
    })();
    // After some errors SQLite has rolled back by itself.
    if done.is_err()
        && !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::warn!(%error, "the queue file could not roll back; it will be tried again");
    }
    done
}

/// Counts the events that wait to be applied.
pub(super) fn count_unfinished(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = format!(
        "SELECT (SELECT count(*) FROM event INDEXED BY event_pending WHERE state = 0)
              + (SELECT count(*) FROM event INDEXED BY event_waiting WHERE {waiting})
              + (SELECT count(*) FROM event INDEXED BY event_operator WHERE {operator} AND state = 4)",
        waiting = schema::WAITING,
        operator = schema::OPERATOR
    );
    conn.prepare_cached(&sql)?.query_row([], |row| count_at(row, 0))
}

/// Changes with every commit of another connection.
pub(super) fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
