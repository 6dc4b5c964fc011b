//! Writing records of the journal. Never tells what is to be in them.

use std::sync::atomic::Ordering;

use crate::control::{State, Word};

/// Operations of the journal.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Bytes at an offset.
    Write = 1,
    /// A new length.
    Truncate = 2,
    /// All changes of the file until now are durable.
    Sync = 3,
    /// They were to be made durable, and who knows which are.
    SyncFailed = 4,
    /// A new file of that path.
    Create = 5,
    /// A path is gone.
    Unlink = 6,
    /// A path is another's.
    Rename = 7,
    /// A file has one more path.
    Link = 8,
    /// A new folder.
    MakeFolder = 9,
    /// The paths of a folder are durable.
    SyncFolder = 10,
}

/// Adds a record.
pub fn record(state: &State, op: Op, inode: u64, offset: u64, path: &[u8], data: &[u8]) {
    if state.get(Word::Journal) == 0 {
        return;
    }
    let mut bytes = Vec::with_capacity(40 + path.len() + data.len());
    for number in [op as u64, inode, offset, data.len() as u64, path.len() as u64] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(path);
    bytes.extend_from_slice(data);
    // SAFETY: the bytes outlive the call.
    let written = unsafe {
        libc::syscall(libc::SYS_write, state.journal.load(Ordering::Relaxed), bytes.as_ptr(), bytes.len())
    };
    if usize::try_from(written) != Ok(bytes.len()) {
        // A journal with a hole would prove nothing.
        // SAFETY: always safe.
        unsafe { libc::abort() }
    }
    state.word(Word::JournalLength).fetch_add(bytes.len() as u64, Ordering::SeqCst);
}
