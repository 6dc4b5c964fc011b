//! Gives room back to the disk, and takes what was erased out of the write-ahead log as well. In steps, and never waiting
//! for another process.

use std::{fs, path::Path, time::Duration};

use rusqlite::Connection;

use crate::{
    limits::{COMPACT_AT_START_BYTES_MAX, FREE_PAGES_KEPT, QUEUE_BUSY_TIME, SHRINK_PAGES_MAX},
    queue::{QueueError, open::beside, pass::Step, store::Store},
};

/// `PRAGMA auto_vacuum` of a file that can give pages back by itself.
const INCREMENTAL: i64 = 2;

impl Store {
    /// Gives some free pages back, those beyond a few that will be needed again.
    pub(super) fn shrink(&mut self) -> Result<Step, QueueError> {
        if !self.upkeep.shrinks {
            return Ok(Step::default());
        }
        let free = self.read(free_pages)?;
        let give = free.saturating_sub(FREE_PAGES_KEPT).min(u64::from(SHRINK_PAGES_MAX));
        // A page at a time would cost more than it is worth.
        if give < u64::from(SHRINK_PAGES_MAX).min(FREE_PAGES_KEPT) {
            return Ok(Step::default());
        }
        self.write(|conn| {
            // Each page is a row of its answer, without columns.
            let mut statement = conn.prepare(&format!("PRAGMA incremental_vacuum({give})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })?;
        let left = self.read(free_pages)?;
        self.upkeep.log_due = true;
        Ok(Step { changed: free.saturating_sub(left), more: left < free && left > FREE_PAGES_KEPT })
    }

    /// Writes the log back and empties it, where it may hold what was erased or is long. Gives whether that is done: a
    /// process that reads keeps it from being so, and is not waited for.
    pub(super) fn cut_log(&mut self) -> bool {
        if !self.upkeep.log_due && !self.checkpoint_due() {
            return true;
        }
        // What is copied first needs no lock against readers and commits.
        self.checkpoint("PASSIVE");
        let cut = self.conn.busy_timeout(Duration::ZERO).and_then(|()| {
            self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        });
        if let Err(error) = self.conn.busy_timeout(QUEUE_BUSY_TIME) {
            tracing::warn!(%error, "the queue file's lock time could not be set");
        }
        match cut {
            Ok(0) => self.upkeep.log_due = false,
            Ok(_) => self.upkeep.log_due = true,
            Err(error) => {
                self.upkeep.log_due = true;
                tracing::warn!(%error, "the log of the queue file could not be emptied; it will be tried again");
            }
        }
        !self.upkeep.log_due
    }

    /// Writes the whole file anew: free pages go back to the disk, and what earlier versions left in them is gone.
    pub(super) fn compact(&mut self) -> Result<(), QueueError> {
        let done = rewrite(&self.conn);
        self.judge(done)?;
        self.upkeep.shrinks = shrinks(&self.conn).unwrap_or(false);
        self.upkeep.log_due = true;
        Ok(())
    }
}

/// A file of a version that could not shrink is written anew where that takes but a moment. Gives whether it can shrink now.
pub(super) fn at_start(conn: &Connection, path: &Path) -> bool {
    match shrinks(conn) {
        Ok(true) => return true,
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(%error, "the queue file does not tell whether it can shrink");
            return false;
        }
    }
    let used = used_bytes(conn).unwrap_or(u64::MAX);
    let room = path.parent().and_then(|folder| fs4::available_space(folder).ok()).unwrap_or(0);
    if used <= COMPACT_AT_START_BYTES_MAX && room > used.saturating_mul(3) {
        match rewrite(conn) {
            Ok(()) => return shrinks(conn).unwrap_or(false),
            Err(error) => tracing::warn!(%error, "the queue file could not be written anew"),
        }
    }
    tracing::info!(
        "the queue file is of an earlier version: it gives no room back to the disk, and what that version erased may still stand in its free pages; `buktor-middleware queue compact`, while the program is stopped, changes both"
    );
    false
}

/// Sizes of the file and its log, in bytes.
pub(super) fn sizes(path: &Path) -> u64 {
    let size = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
    size(path) + size(&beside(path, "-wal"))
}

fn rewrite(conn: &Connection) -> rusqlite::Result<()> {
    // In memory only what is small: the copy of a large file stands in the folder for temporary files.
    let large = used_bytes(conn)? > COMPACT_AT_START_BYTES_MAX;
    if large {
        conn.execute_batch("PRAGMA temp_store = FILE")?;
    }
    let done = conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
    if large {
        conn.execute_batch("PRAGMA temp_store = MEMORY")?;
    }
    done
}

fn shrinks(conn: &Connection) -> rusqlite::Result<bool> {
    conn.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0)).map(|mode| mode == INCREMENTAL)
}

fn free_pages(conn: &Connection) -> rusqlite::Result<u64> {
    number(conn, "freelist_count")
}

fn used_bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let used = number(conn, "page_count")?.saturating_sub(free_pages(conn)?);
    Ok(used.saturating_mul(number(conn, "page_size")?))
}

fn number(conn: &Connection, pragma: &str) -> rusqlite::Result<u64> {
    let number: i64 = conn.pragma_query_value(None, pragma, |row| row.get(0))?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))
}
