//! Which descriptors and paths are watched, and whether a change of them may happen. Makes no change itself.

use std::sync::atomic::{AtomicU64, Ordering};

use libc::c_int;

use crate::control::{State, Word};

/// Descriptors beyond are not watched; the daemon has a few hundred.
const DESCRIPTORS_MAX: usize = 65_536;
/// Marks a folder's descriptor.
pub const FOLDER: u64 = 1 << 63;

static WATCHED: [AtomicU64; DESCRIPTORS_MAX] = [const { AtomicU64::new(0) }; DESCRIPTORS_MAX];

/// The inode behind a watched descriptor, with [`FOLDER`] for a folder's.
pub fn inode(fd: c_int) -> Option<u64> {
    let slot = WATCHED.get(usize::try_from(fd).ok()?)?;
    Some(slot.load(Ordering::SeqCst)).filter(|inode| *inode != 0)
}

/// Begins, or with 0 ends, to watch a descriptor.
pub fn watch(fd: c_int, inode: u64) {
    if let Some(slot) = usize::try_from(fd).ok().and_then(|fd| WATCHED.get(fd)) {
        slot.store(inode, Ordering::SeqCst);
    }
}

/// Whether a path is the watched folder or lies in it.
pub fn is_watched(state: &State, path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(&state.watched[..]) else { return false };
    (rest.is_empty() || rest.starts_with(b"/")) && !rest.ends_with(b"-shm")
}

/// Counts a change; ends the process in its place where that was asked for.
pub fn count(state: &State) {
    let number = state.word(Word::Changes).fetch_add(1, Ordering::SeqCst) + 1;
    let at = state.get(Word::KillAt);
    if at != 0 && number >= at {
        // SAFETY: always safe; nothing comes after it.
        unsafe {
            libc::syscall(libc::SYS_kill, libc::getpid(), libc::SIGKILL);
            loop {
                libc::pause();
            }
        }
    }
}

/// How many of those bytes may be written, or the error.
pub fn gate_write(state: &State, inode_length: u64, offset: u64, bytes: usize) -> Result<usize, c_int> {
    let errno = state.get(Word::WriteErrno);
    if errno == 0 {
        return Ok(bytes);
    }
    let errno = c_int::try_from(errno).unwrap_or(libc::EIO);
    if errno == libc::EROFS {
        return fault(state, errno);
    }
    // What is overwritten needs no room.
    let free = if state.get(Word::WriteGrowth) == 0 {
        0
    } else {
        usize::try_from(inode_length.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes)
    };
    let room = usize::try_from(state.get(Word::WriteBytes)).unwrap_or(usize::MAX);
    let allowed = bytes.min(free.saturating_add(room));
    let used = (allowed - free.min(allowed)) as u64;
    state.word(Word::WriteBytes).fetch_sub(used, Ordering::SeqCst);
    if allowed == 0 && bytes > 0 {
        return fault(state, errno);
    }
    if allowed < bytes {
        state.word(Word::Faults).fetch_add(1, Ordering::SeqCst);
    }
    Ok(allowed)
}

/// Whether a new name may be made: it needs a little room.
pub fn gate_name(state: &State) -> Result<(), c_int> {
    let errno = c_int::try_from(state.get(Word::WriteErrno)).unwrap_or(0);
    if errno == 0 || (errno != libc::EROFS && state.get(Word::WriteBytes) > 0) {
        return Ok(());
    }
    fault(state, errno)
}

/// Whether something that needs no room, but a disk that can be written, may happen.
pub fn gate_change(state: &State) -> Result<(), c_int> {
    let errno = c_int::try_from(state.get(Word::WriteErrno)).unwrap_or(0);
    if errno == libc::EROFS || errno == libc::EIO { fault(state, errno) } else { Ok(()) }
}

/// Takes one from a number of faults that are still to be; whether there was one.
pub fn take(state: &State, errno: Word, times: Word) -> Result<(), c_int> {
    let code = c_int::try_from(state.get(errno)).unwrap_or(0);
    if code == 0 {
        return Ok(());
    }
    let left = state.word(times).fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    if left.is_err() { Ok(()) } else { fault(state, code) }
}

fn fault<T>(state: &State, errno: c_int) -> Result<T, c_int> {
    state.word(Word::Faults).fetch_add(1, Ordering::SeqCst);
    Err(errno)
}
