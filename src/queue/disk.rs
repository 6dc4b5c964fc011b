//! Free space on the queue's disk, and whether the file still stands in its place. Asks the system seldom; never decides
//! what to do about the answer.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::queue::QueueError;

/// How long one look is good for.
const DISK_LOOK: Duration = Duration::from_secs(1);

/// Free space, looked at now and then.
pub(super) struct Disk {
    file: PathBuf,
    identity: Option<Identity>,
    free_min: u64,
    looked: Option<(Instant, Look)>,
    unknown: bool,
}

/// What a look has shown.
#[derive(Clone, Copy)]
struct Look {
    free: u64,
    /// The file was deleted, or something else was put in its place: what is written now dies with the process.
    gone: bool,
}

impl Disk {
    pub(super) fn new(path: &Path, free_min: u64) -> Self {
        Self { file: path.to_owned(), identity: identity(path), free_min, looked: None, unknown: false }
    }

    /// Makes the next question a new look.
    pub(super) fn forget(&mut self) {
        self.looked = None;
    }

    /// Why nothing more can be taken, where the disk is the reason. A disk that cannot be asked is no reason.
    pub(super) fn refusal(&mut self) -> Option<QueueError> {
        let Look { free, gone } = match self.looked {
            Some((at, look)) if at.elapsed() < DISK_LOOK => look,
            _ => self.look(),
        };
        if gone {
            return Some(QueueError::Gone { path: self.file.clone() });
        }
        (free < self.free_min).then_some(QueueError::DiskLow { free, min: self.free_min })
    }

    fn look(&mut self) -> Look {
        let folder = self.file.parent().unwrap_or(&self.file);
        let free = fs4::available_space(folder).unwrap_or_else(|error| {
            if !std::mem::replace(&mut self.unknown, true) {
                tracing::warn!(%error, "the free space of the queue's disk cannot be told");
            }
            u64::MAX
        });
        let look = Look { free, gone: self.identity.is_some() && identity(&self.file) != self.identity };
        self.looked = Some((Instant::now(), look));
        look
    }
}

/// Device and inode. Windows lets nobody delete a file that is open.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_path: &Path) -> Option<Identity> {
    None
}
