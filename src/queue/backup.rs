//! A copy of the queue file that is whole and consistent, made beside a running daemon or without one. Never overwrites a
//! file, never leaves half of one under the name that was asked for, and takes no room that the daemon needs.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use rusqlite::{Connection, ErrorCode};

use crate::{
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::EventState,
    },
    queue::{
        AuditAction, Operator, QueueError,
        audit::{self, Entry},
        open::{self, beside, keep_entry, owner_only},
        schema::{self, Identity, LAYOUT},
        sql::{LAST_SEQ, count_at, queue_id, state_at, transaction},
    },
};

/// How often it is looked whether the disk of the queue file has room left.
const LOOK: Duration = Duration::from_millis(100);
/// Files that can be left beside one that was being written.
const ENDS: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// Why there is no backup, or why one cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The queue file.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A backup never takes another file's place.
    #[error("{} is there already and is not overwritten: choose another name, with the date in it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another backup, or what is left of one.
    #[error(
        "{} is there: another backup is being written to it, or one was broken off; if none runs, delete it and try again",
        path.display()
    )]
    Unfinished {
        /// The unfinished file.
        path: PathBuf,
    },
    /// The disk that the copy was to stand on.
    #[error(
        "the disk of {} has no room for a copy of the queue file, which needs about {} MB; what was begun was removed",
        path.display(),
        bytes.div_ceil(1_000_000)
    )]
    Full {
        /// The file that was to be made.
        path: PathBuf,
        /// Bytes that the copy takes.
        bytes: u64,
    },
    /// While the copy was made, the queue's own disk came close to its limit.
    #[error(
        "the backup was broken off, because the disk of the queue file was running full and the daemon needs the room: \
         what was begun was removed; write it to another disk, or free some space"
    )]
    Crowded,
    /// The copy is not what it should be.
    #[error("the copy {} is not whole ({detail}); it was removed. Run the backup again; if that happens twice, check the disk", path.display())]
    Broken {
        /// The copy.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A file that is no backup of a queue file.
    #[error("{} cannot be restored: {why}; nothing was changed", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A command has the queue file open.
    #[error("another command uses the queue file {}: end it, then restore again; nothing was changed", path.display())]
    InUse {
        /// The queue file.
        path: PathBuf,
    },
}

/// What is in a queue file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// How many events stand where; states without any are left out.
    pub counts: BTreeMap<EventState, u64>,
    /// When the last event was received.
    pub last_received_at: Option<Timestamp>,
    /// Events are encrypted in it: without their key they cannot be read.
    pub is_sealed: bool,
    pub(super) queue_id: String,
    pub(super) last_seq: i64,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// What is in it.
    pub content: Content,
    /// Its size.
    pub bytes: u64,
}

/// Copies the queue file `from` to `to`, which must not be there. `free_bytes_min` is what the daemon wants free on the
/// disk of its queue.
pub fn backup(from: &Path, to: &Path, free_bytes_min: u64, by: &Operator) -> Result<BackedUp, BackupError> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|error| QueueError::io("find the place of", path, error))
    };
    let (from, to) = (&absolute(from)?, &absolute(to)?);
    if !fs::metadata(from).is_ok_and(|file| file.len() > 0) {
        return Err(QueueError::NoFile { path: from.clone() }.into());
    }
    let fault = |error| QueueError::sqlite(from, error);
    let conn = open::look(from)?;
    let Identity::Queue(layout) = open::whose(&conn, from)? else {
        return Err(QueueError::NoFile { path: from.clone() }.into());
    };
    refuse_existing(to)?;
    let bytes = size(&conn).map_err(fault)?;
    let part = Part::make(beside(to, ".part"))?;
    copy(&conn, from, &part.path, bytes, free_bytes_min)?;
    let content = checked(&part.path)?;
    let file = File::options().write(true).open(&part.path);
    let bytes = file
        .and_then(|file| file.sync_all().and_then(|()| file.metadata()))
        .map_err(|error| QueueError::io("write the backup", &part.path, error))?
        .len();
    refuse_existing(to)?;
    part.rename(to)?;
    if layout == LAYOUT {
        let events: u64 = content.counts.values().sum();
        let detail = format!("{events} events to {}", to.display());
        let entry = Entry { action: AuditAction::Backup, event: None, detail: Some(&detail) };
        let now = SystemClock.now();
        transaction(&conn, "BEGIN IMMEDIATE", |conn| audit::record(conn, now, Some(by), &entry))
            .map_err(fault)?;
    }
    Ok(BackedUp { content, bytes })
}

fn refuse_existing(path: &Path) -> Result<(), BackupError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(QueueError::io("make the backup", path, error).into()),
        Ok(_) => Err(BackupError::Exists { path: path.to_owned() }),
    }
}

/// Bytes that a copy without free pages takes.
fn size(conn: &Connection) -> rusqlite::Result<u64> {
    let number = |name: &str| conn.pragma_query_value(None, name, |row| count_at(row, 0));
    Ok((number("page_count")?.saturating_sub(number("freelist_count")?)).saturating_mul(number("page_size")?))
}

/// Copies one view of the file. It holds up nobody but the write-ahead log, which cannot be cut meanwhile: where its disk
/// runs full, the copy is given up.
fn copy(
    conn: &Connection,
    from: &Path,
    part: &Path,
    bytes: u64,
    free_bytes_min: u64,
) -> Result<(), BackupError> {
    let full = || BackupError::Full { path: part.to_owned(), bytes };
    let free = |path: &Path| fs4::available_space(path.parent().unwrap_or(path)).unwrap_or(u64::MAX);
    if free(part) < bytes {
        return Err(full());
    }
    // Where there is less than that already, the daemon takes no events anyway.
    let least = free_bytes_min.min(free(from) / 2);
    let crowded = Arc::new(AtomicBool::new(false));
    let (done, ends) = mpsc::channel::<()>();
    let interrupt = conn.get_interrupt_handle();
    let watch = std::thread::spawn({
        let (crowded, from) = (Arc::clone(&crowded), from.to_owned());
        move || {
            while ends.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                if free(&from) < least {
                    crowded.store(true, Ordering::Relaxed);
                    interrupt.interrupt();
                }
            }
        }
    });
    let copied = part
        .to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidFilename, "its name is not Unicode"))
        .map_err(|error| QueueError::io("write the backup", part, error))
        .map(|name| conn.execute("VACUUM INTO ?1", [name]));
    drop(done);
    if watch.join().is_err() {
        tracing::warn!("nobody watched the queue's disk during the backup");
    }
    match copied? {
        Ok(_) => Ok(()),
        Err(_) if crowded.load(Ordering::Relaxed) => Err(BackupError::Crowded),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Err(full()),
        Err(error) => Err(QueueError::sqlite(from, error).into()),
    }
}

/// Reads all of a copy, and gives what is in it.
fn checked(path: &Path) -> Result<Content, BackupError> {
    let broken = |detail: String| BackupError::Broken { path: path.to_owned(), detail };
    let conn = open::look(path)?;
    match integrity(&conn) {
        Ok(None) => content(&conn).map_err(|error| broken(error.to_string())),
        Ok(Some(detail)) => Err(broken(detail)),
        Err(error) => Err(broken(error.to_string())),
    }
}

/// What is wrong with a file, by reading all of it and its indexes.
pub(super) fn integrity(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// What is in a queue file of any layout.
pub(super) fn content(conn: &Connection) -> rusqlite::Result<Content> {
    let counts = conn
        .prepare("SELECT state, count(*) FROM event GROUP BY state")?
        .query_map([], |row| Ok((state_at(row, 0)?, count_at(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let last: Option<i64> = conn.query_row("SELECT max(received_at) FROM event", [], |row| row.get(0))?;
    // Before, there were no keys, and the greatest place was never erased.
    let has_keys = matches!(schema::identity(conn)?, Identity::Queue(layout) if layout >= 2);
    let is_sealed =
        has_keys && conn.query_row("SELECT EXISTS (SELECT 1 FROM data_key)", [], |row| row.get(0))?;
    let last_seq = if has_keys { LAST_SEQ } else { "SELECT coalesce(max(seq), 0) FROM event" };
    let last_seq = conn.query_row(last_seq, [], |row| row.get(0))?;
    Ok(Content {
        counts,
        last_received_at: last.map(Timestamp),
        is_sealed,
        queue_id: queue_id(conn)?,
        last_seq,
    })
}

/// A file that is removed again, with what `SQLite` has put beside it, unless it gets its name.
pub(super) struct Part {
    pub(super) path: PathBuf,
    renamed: bool,
}

impl Part {
    /// Makes it, empty and for its owner alone.
    pub(super) fn make(path: PathBuf) -> Result<Self, BackupError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        match owner_only(&mut options).open(&path) {
            Ok(_) => Ok(Self { path, renamed: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(BackupError::Unfinished { path })
            }
            Err(error) => Err(QueueError::io("make the file", &path, error).into()),
        }
    }

    /// Gives it its name, for good.
    pub(super) fn rename(mut self, to: &Path) -> Result<(), BackupError> {
        fs::rename(&self.path, to).map_err(|error| QueueError::io("give its name to", to, error))?;
        self.renamed = true;
        Ok(keep_entry(to)?)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.renamed {
            remove(&self.path);
        }
    }
}

/// Removes a file and what `SQLite` has put beside it.
pub(super) fn remove(path: &Path) {
    for end in ENDS {
        let file = beside(path, end);
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %file.display(), %error, "an unfinished copy could not be removed: delete it");
        }
    }
}
