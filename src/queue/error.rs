//! What can go wrong with the queue file, in words for the people who run the daemon. Never holds a value of
//! an event.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

/// An error of the queue. Cheap to clone, because all requests of a failed commit get it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueueError {
    /// As many events as the configuration allows wait to be applied.
    #[error(
        "{events_max} events wait to be applied, which is the limit of queue.max_events; nothing more is accepted \
         until some of them are written to the HIS database"
    )]
    AtCap {
        /// The limit.
        events_max: u64,
    },
    /// The disk has less free space than the configuration wants kept.
    #[error(
        "the disk of the queue file has {} MiB free, and queue.min_free_mb keeps {} MiB: free some space",
        free / (1024 * 1024),
        min.div_ceil(1024 * 1024)
    )]
    DiskLow {
        /// Bytes free.
        free: u64,
        /// Bytes that must stay free.
        min: u64,
    },
    /// The disk, or the owner's quota on it, is full.
    #[error("the disk of the queue file {} is full: free some space", path.display())]
    Full {
        /// The queue file.
        path: PathBuf,
    },
    /// The disk refuses or fails; the owner's quota on it counts as that, too, because `SQLite` does not tell it apart.
    #[error(
        "the disk of the queue file {} could not be read or written ({detail}): look whether the quota of the user that the daemon \
         runs as is used up, whether the disk is mounted read-only, and what the system's log says about the disk",
        path.display()
    )]
    Disk {
        /// The queue file.
        path: PathBuf,
        /// What `SQLite` was about to do.
        detail: String,
    },
    /// Another process held the write lock for too long.
    #[error(
        "another process has kept the queue file {} locked for more than {} seconds",
        path.display(),
        crate::limits::QUEUE_BUSY_TIME.as_secs()
    )]
    Busy {
        /// The queue file.
        path: PathBuf,
    },
    /// The file is not what `SQLite` wrote.
    #[error(
        "the queue file {} is damaged ({detail}): copy it and the files beside it to a safe place first, because \
         events that were accepted may be in it; then restore a backup, or set queue.on_damage to \"start_fresh\", \
         which keeps the damaged file under another name and begins an empty one",
        path.display()
    )]
    Damaged {
        /// The queue file.
        path: PathBuf,
        /// What `SQLite` said.
        detail: String,
    },
    /// Another daemon uses the file.
    #[error(
        "another buktor-middleware{} uses the queue file {}: stop that one first, or give this one a queue.path of \
         its own",
        process(*pid),
        path.display()
    )]
    Running {
        /// The queue file.
        path: PathBuf,
        /// The other daemon's process, where it is known.
        pid: Option<u32>,
    },
    /// A later version of the program wrote the file.
    #[error(
        "the queue file {} was written by a newer buktor-middleware (its layout is {found}, this one knows up to \
         {known}): run the newer one; the file was left as it is",
        path.display()
    )]
    Newer {
        /// The queue file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The latest layout that this program knows.
        known: i64,
    },
    /// An earlier version wrote the file, and no daemon of this version has run since.
    #[error(
        "the queue file {} was written by an older buktor-middleware: start the daemon of this version once, it \
         brings the file up to date",
        path.display()
    )]
    Older {
        /// The queue file.
        path: PathBuf,
    },
    /// A database of another program.
    #[error(
        "{} is an SQLite database of another program, not a queue file: set queue.path to another name; the file was \
         left as it is",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was deleted or replaced under a running daemon.
    #[error(
        "the queue file {} was deleted or replaced while the daemon runs: put it back where it was, or restart the daemon once it \
         has written what waits; nothing new is taken until then",
        path.display()
    )]
    Gone {
        /// The queue file.
        path: PathBuf,
    },
    /// A folder, a device or the like stands there.
    #[error("{} is no file: set queue.path to a file's name; it was left as it is", path.display())]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// There is no file to look at.
    #[error("no queue file yet at {}: the daemon makes it when it is first started", path.display())]
    NoFile {
        /// Where it would be.
        path: PathBuf,
    },
    /// The file can be read but not written.
    #[error(
        "the queue file {} cannot be written: check its owner and mode, and whether its disk is mounted read-only",
        path.display()
    )]
    ReadOnly {
        /// The queue file.
        path: PathBuf,
    },
    /// Its owner alone may open it.
    #[error(
        "the queue file {} cannot be opened: run this as the user that the daemon runs as, or as an administrator",
        path.display()
    )]
    Denied {
        /// The queue file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: Arc<io::Error>,
    },
    /// `SQLite` refused for another reason.
    #[error("the queue file {} does not work: {source}", path.display())]
    Sqlite {
        /// The queue file.
        path: PathBuf,
        /// `SQLite`'s words.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The key of what is sealed is not there.
    #[error(
        "the key file {} is missing: events in the queue file {} are encrypted and cannot be read without it. Restore the key \
         file from your backup; never delete the queue file, for events that the HIS does not have yet may be in it. Nothing \
         was changed",
        key.display(),
        path.display()
    )]
    KeyMissing {
        /// The key file.
        key: PathBuf,
        /// The queue file.
        path: PathBuf,
    },
    /// The key is another one, or the key or what was sealed with it is damaged.
    #[error(
        "{key} does not open the queue file {}: it is another key than the one that the events in it were encrypted with, or it \
         is damaged, and they cannot be read without it. Restore the key from your backup; never delete the queue file, for \
         events that the HIS does not have yet may be in it. Nothing was changed",
        path.display()
    )]
    KeyWrong {
        /// Where the key is, in words.
        key: String,
        /// The queue file.
        path: PathBuf,
    },
    /// The key's text is too short.
    #[error(
        "{key} has fewer than {} characters: put a long random text there; `buktor-middleware secret new` makes one",
        crate::limits::MASTER_KEY_CHARS_MIN
    )]
    KeyShort {
        /// Where the key is, in words.
        key: String,
    },
    /// The key stands in no file that could be replaced.
    #[error(
        "queue.key names no file, so that this program cannot put a new key there: make a new one, e.g. with \
         `buktor-middleware secret new`, write it into a file and name that with --new-key FILE"
    )]
    KeyElsewhere,
    /// There is nothing to change the key of.
    #[error(
        "queue.encrypt is false: nothing in the queue file is encrypted, so that there is no key to change"
    )]
    NotEncrypted,
    /// A body cannot be unsealed.
    #[error(
        "event {seq} cannot be unsealed: it was changed or damaged in the queue file, or the key was changed while this command \
         ran (then run it again)"
    )]
    Unreadable {
        /// Its place in the queue.
        seq: i64,
    },
    /// A link was to be proposed for a record that has one.
    #[error(
        "a record of {table} (\"{name}\") was linked to its row meanwhile, perhaps by an operator: nothing was proposed, its \
         events are looked at again"
    )]
    Linked {
        /// The table.
        table: String,
        /// The name of the mapping's step.
        name: String,
    },
    /// The queue was closed, or its thread ended.
    #[error("the queue is closed")]
    Closed,
    /// No event has that number or id.
    #[error("no event is called {name}")]
    NoEvent {
        /// As it was asked for.
        name: String,
    },
    /// The name is the number of one event and the id of another.
    #[error("{name} is the number of one event and the id of another: write seq:{name} or id:{name}")]
    Ambiguous {
        /// As it was asked for.
        name: String,
    },
}

/// What an error means for the one who sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueTrouble {
    /// No room, by limit or by disk, or a disk that fails: the same request will do later.
    NoRoom,
    /// Locked by another process: the same request will do soon.
    Busy,
    /// The file is damaged: an operator must act.
    Damaged,
    /// Anything else.
    Other,
}

impl QueueError {
    /// What it means for the one who sent the request.
    #[must_use]
    pub fn trouble(&self) -> QueueTrouble {
        match self {
            Self::AtCap { .. } | Self::DiskLow { .. } | Self::Full { .. } | Self::Disk { .. } => {
                QueueTrouble::NoRoom
            }
            Self::Busy { .. } => QueueTrouble::Busy,
            Self::Damaged { .. } => QueueTrouble::Damaged,
            _ => QueueTrouble::Other,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Tells `SQLite`'s errors apart by their codes.
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, detail: source.to_string() }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Denied { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::SystemIoFailure) => {
                let code = source.sqlite_extended_error_code().unwrap_or_default();
                Self::Disk { path, detail: format!("SQLite's code {code}") }
            }
            _ => Self::Sqlite { path, source: Arc::new(source) },
        }
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
