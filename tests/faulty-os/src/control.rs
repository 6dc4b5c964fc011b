//! The control folder: found once, when the library is loaded. Holds no decision about a fault.

use std::{
    ffi::CString,
    sync::{
        Mutex,
        atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering},
    },
};

use libc::{c_int, c_void};

/// Numbers in the control file.
pub const WORDS: usize = 512;

/// What stands where in the control file. All are 0 at first, which asks for nothing.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// Nanoseconds, signed, that the time of day is moved by.
    ClockOffset = 0,
    /// The error of writes, and of whatever else would change the disk; 0 for none.
    WriteErrno = 1,
    /// Bytes that may still be written before that.
    WriteBytes = 2,
    /// 1: only bytes that make a file longer count, as on a disk that is full; else all do, as on one that copies on write.
    WriteGrowth = 3,
    /// The error of syncs.
    SyncErrno = 4,
    /// How many syncs fail.
    SyncTimes = 5,
    /// The error of reads.
    ReadErrno = 6,
    /// How many reads fail.
    ReadTimes = 7,
    /// 1: syncs answer that all is well, and do nothing.
    SyncLies = 8,
    /// The process is killed in place of the change of that number.
    KillAt = 9,
    /// Changes that were tried so far.
    Changes = 10,
    /// Faults that were injected so far.
    Faults = 11,
    /// Length of the journal.
    JournalLength = 12,
    /// 1: a journal is kept.
    Journal = 13,
}

/// What the library knows of its task.
pub struct State {
    words: AtomicPtr<AtomicU64>,
    /// The journal's descriptor.
    pub journal: AtomicI32,
    /// The watched folder's path, without a slash at its end.
    pub watched: Vec<u8>,
    /// Held over each change and its record, so that the journal has them in their order.
    pub order: Mutex<()>,
}

impl State {
    /// A number of the control file.
    pub fn word(&self, word: Word) -> &AtomicU64 {
        // SAFETY: the mapping has WORDS numbers and is never taken away.
        unsafe { &*self.words.load(Ordering::Relaxed).add(word as usize) }
    }

    /// Its value.
    pub fn get(&self, word: Word) -> u64 {
        self.word(word).load(Ordering::SeqCst)
    }
}

static STATE: AtomicPtr<State> = AtomicPtr::new(std::ptr::null_mut());

/// The task, where there is one.
pub fn state() -> Option<&'static State> {
    // SAFETY: set once to a value that is never freed.
    unsafe { STATE.load(Ordering::Acquire).as_ref() }
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    let Some(folder) = std::env::var_os("BUKTOR_FAULTY_OS") else { return };
    let folder = folder.into_encoded_bytes();
    let inside = |name: &str| CString::new([&folder[..], b"/", name.as_bytes()].concat()).unwrap_or_default();
    // SAFETY: plain system calls on memory of this function.
    unsafe {
        let control = raw_open(&inside("control"), libc::O_RDWR);
        let map = libc::mmap(
            std::ptr::null_mut(),
            WORDS * 8,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            control,
            0,
        );
        let journal = raw_open(&inside("journal"), libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND);
        let file = raw_open(&inside("watched"), libc::O_RDONLY);
        if map == libc::MAP_FAILED || journal < 0 || file < 0 {
            // A test whose faults do nothing would prove nothing.
            libc::abort();
        }
        let mut watched = vec![0u8; 4096];
        let read = libc::syscall(libc::SYS_read, file, watched.as_mut_ptr(), watched.len());
        watched.truncate(usize::try_from(read).unwrap_or(0));
        libc::syscall(libc::SYS_close, file);
        libc::syscall(libc::SYS_close, control);
        let state = State {
            words: AtomicPtr::new(map.cast::<AtomicU64>()),
            journal: AtomicI32::new(journal),
            watched,
            order: Mutex::new(()),
        };
        STATE.store(Box::into_raw(Box::new(state)), Ordering::Release);
    }
}

/// Opens without passing through this library.
unsafe fn raw_open(path: &CString, flags: c_int) -> c_int {
    // SAFETY: the caller's path ends with a zero.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat,
            libc::AT_FDCWD,
            path.as_ptr().cast::<c_void>(),
            flags | libc::O_CLOEXEC,
            0o600,
        )
    };
    c_int::try_from(fd).unwrap_or(-1)
}
