//! Free space on the queue's disk. Asks the system seldom; never decides what to do about the answer.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::queue::QueueError;

/// How long one look is good for.
const DISK_LOOK: Duration = Duration::from_secs(1);

/// Free space, looked at now and then.
pub(super) struct Disk {
    folder: PathBuf,
    free_min: u64,
    looked: Option<(Instant, u64)>,
    unknown: bool,
}

impl Disk {
    pub(super) fn new(path: &Path, free_min: u64) -> Self {
        let folder = path.parent().unwrap_or(path).to_owned();
        Self { folder, free_min, looked: None, unknown: false }
    }

    /// Makes the next question a new look.
    pub(super) fn forget(&mut self) {
        self.looked = None;
    }

    /// Why nothing more can be taken, where the disk is the reason. A disk that cannot be asked is no reason.
    pub(super) fn refusal(&mut self) -> Option<QueueError> {
        let free = match self.looked {
            Some((at, free)) if at.elapsed() < DISK_LOOK => free,
            _ => self.look(),
        };
        (free < self.free_min).then_some(QueueError::DiskLow { free, min: self.free_min })
    }

    fn look(&mut self) -> u64 {
        let free = fs4::available_space(&self.folder).unwrap_or_else(|error| {
            if !std::mem::replace(&mut self.unknown, true) {
                tracing::warn!(%error, "the free space of the queue's disk cannot be told");
            }
            u64::MAX
        });
        self.looked = Some((Instant::now(), free));
        free
    }
}
