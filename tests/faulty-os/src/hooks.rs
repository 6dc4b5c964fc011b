//! The C library's functions, each as a raw system call with the journal and the faults around it.

use std::{
    ffi::CStr,
    sync::{MutexGuard, PoisonError, atomic::Ordering},
};

use libc::{
    c_char, c_int, c_long, c_void, clockid_t, iovec, mode_t, off64_t, size_t, ssize_t, time_t, timespec,
    timeval,
};

use crate::{
    control::{State, Word, state},
    files::{self, FOLDER},
    journal::{Op, record},
};

const NANOS: i64 = 1_000_000_000;

fn fail<T: From<i8>>(errno: c_int) -> T {
    // SAFETY: the place of this thread's errno.
    unsafe { *libc::__errno_location() = errno };
    T::from(-1)
}

fn order(state: &State) -> MutexGuard<'_, ()> {
    state.order.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe fn bytes<'a>(path: *const c_char) -> &'a [u8] {
    // SAFETY: the C library's callers give texts that end with a zero.
    unsafe { CStr::from_ptr(path) }.to_bytes()
}

/// Inode, length, and whether it is a folder.
unsafe fn look(fd: c_int) -> Option<(u64, u64, bool)> {
    // SAFETY: the memory is this function's.
    unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        if libc::fstat64(fd, &raw mut stat) != 0 {
            return None;
        }
        let length = u64::try_from(stat.st_size).unwrap_or(0);
        Some((stat.st_ino, length, stat.st_mode & libc::S_IFMT == libc::S_IFDIR))
    }
}

unsafe fn open_at(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        let raw = || libc::syscall(libc::SYS_openat, folder, path, flags | libc::O_LARGEFILE, mode) as c_int;
        let name = bytes(path);
        let Some(state) = state().filter(|state| files::is_watched(state, name)) else { return raw() };
        let _order = order(state);
        let existed = libc::syscall(libc::SYS_faccessat, folder, path, libc::F_OK) == 0;
        let creates = flags & libc::O_CREAT != 0 && !existed;
        let writes = flags & (libc::O_WRONLY | libc::O_RDWR) != 0;
        let gate = if creates {
            files::count(state);
            files::gate_name(state)
        } else if writes && flags & libc::O_EXCL == 0 && state.get(Word::WriteErrno) == libc::EROFS as u64 {
            files::gate_change(state)
        } else {
            Ok(())
        };
        if let Err(errno) = gate {
            return fail(errno);
        }
        let fd = raw();
        let Some((inode, _, folder)) = (fd >= 0).then(|| look(fd)).flatten() else { return fd };
        files::watch(fd, if folder { inode | FOLDER } else { inode });
        if creates {
            record(state, Op::Create, inode, 0, name, &[]);
        } else if flags & libc::O_TRUNC != 0 {
            record(state, Op::Truncate, inode, 0, &[], &[]);
        }
        fd
    }
}

/// open(2). The mode stands where a variadic argument would; where none was given it is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

/// As [`open`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

/// openat(2); watched where the path is absolute.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { open_at(folder, path, flags, mode) }
}

/// As [`openat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { open_at(folder, path, flags, mode) }
}

/// close(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    files::watch(fd, 0);
    // SAFETY: what the caller gave.
    unsafe { libc::syscall(libc::SYS_close, fd) as c_int }
}

unsafe fn write_at(fd: c_int, data: *const c_void, count: size_t, offset: Option<off64_t>) -> ssize_t {
    // SAFETY: what the caller gave.
    unsafe {
        let raw = |count: size_t| {
            (match offset {
                Some(offset) => libc::syscall(libc::SYS_pwrite64, fd, data, count, offset),
                None => libc::syscall(libc::SYS_write, fd, data, count),
            }) as ssize_t
        };
        let Some((state, inode)) = state().zip(files::inode(fd)) else { return raw(count) };
        let _order = order(state);
        files::count(state);
        let (length, appends) = (
            look(fd).map_or(0, |(_, length, _)| length),
            libc::syscall(libc::SYS_fcntl, fd, libc::F_GETFL) as c_int & libc::O_APPEND != 0,
        );
        let at = match offset {
            Some(offset) => offset as u64,
            None if appends => length,
            None => libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) as u64,
        };
        let allowed = match files::gate_write(state, length, at, count) {
            Ok(allowed) => allowed,
            Err(errno) => return fail(errno),
        };
        let written = raw(allowed);
        if let Ok(length) = usize::try_from(written) {
            record(state, Op::Write, inode, at, &[], std::slice::from_raw_parts(data.cast::<u8>(), length));
        }
        written
    }
}

/// write(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, data: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: what the caller gave.
    unsafe { write_at(fd, data, count, None) }
}

/// pwrite(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, data: *const c_void, count: size_t, offset: off64_t) -> ssize_t {
    // SAFETY: what the caller gave.
    unsafe { write_at(fd, data, count, Some(offset)) }
}

/// As [`pwrite`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, count: size_t, offset: off64_t) -> ssize_t {
    // SAFETY: what the caller gave.
    unsafe { write_at(fd, data, count, Some(offset)) }
}

/// writev(2); of a watched file only its first part is written, which callers must expect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: what the caller gave.
    unsafe {
        if files::inode(fd).is_none() || state().is_none() {
            return libc::syscall(libc::SYS_writev, fd, parts, count) as ssize_t;
        }
        let parts = std::slice::from_raw_parts(parts, usize::try_from(count).unwrap_or(0));
        let Some(first) = parts.iter().find(|part| part.iov_len > 0) else { return 0 };
        write_at(fd, first.iov_base, first.iov_len, None)
    }
}

fn gate_read(fd: c_int) -> Result<(), c_int> {
    let Some(state) = files::inode(fd).and_then(|_| state()) else { return Ok(()) };
    files::take(state, Word::ReadErrno, Word::ReadTimes)
}

/// read(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, into: *mut c_void, count: size_t) -> ssize_t {
    if let Err(errno) = gate_read(fd) {
        return fail(errno);
    }
    // SAFETY: what the caller gave.
    unsafe { libc::syscall(libc::SYS_read, fd, into, count) as ssize_t }
}

/// pread(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(fd: c_int, into: *mut c_void, count: size_t, offset: off64_t) -> ssize_t {
    if let Err(errno) = gate_read(fd) {
        return fail(errno);
    }
    // SAFETY: what the caller gave.
    unsafe { libc::syscall(libc::SYS_pread64, fd, into, count, offset) as ssize_t }
}

/// As [`pread`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread64(fd: c_int, into: *mut c_void, count: size_t, offset: off64_t) -> ssize_t {
    // SAFETY: what the caller gave.
    unsafe { pread(fd, into, count, offset) }
}

unsafe fn truncate_to(fd: c_int, length: off64_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        let raw = || libc::syscall(libc::SYS_ftruncate, fd, length) as c_int;
        let Some((state, inode)) = state().zip(files::inode(fd)) else { return raw() };
        let _order = order(state);
        files::count(state);
        if let Err(errno) = files::gate_change(state) {
            return fail(errno);
        }
        let done = raw();
        if done == 0 {
            record(state, Op::Truncate, inode, length as u64, &[], &[]);
        }
        done
    }
}

/// ftruncate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off64_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { truncate_to(fd, length) }
}

/// As [`ftruncate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off64_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { truncate_to(fd, length) }
}

unsafe fn sync(fd: c_int, call: c_long) -> c_int {
    let Some((state, inode)) = state().zip(files::inode(fd)) else {
        // SAFETY: what the caller gave.
        return unsafe { libc::syscall(call, fd) as c_int };
    };
    let _order = order(state);
    files::count(state);
    if state.get(Word::SyncLies) != 0 {
        return 0;
    }
    let (folder, inode) = (inode & FOLDER != 0, inode & !FOLDER);
    if let Err(errno) = files::take(state, Word::SyncErrno, Word::SyncTimes) {
        record(state, Op::SyncFailed, inode, 0, &[], &[]);
        return fail(errno);
    }
    // The machine outlives the test: the journal's word is enough.
    record(state, if folder { Op::SyncFolder } else { Op::Sync }, inode, 0, &[], &[]);
    0
}

/// fsync(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { sync(fd, libc::SYS_fsync) }
}

/// fdatasync(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: what the caller gave.
    unsafe { sync(fd, libc::SYS_fdatasync) }
}

/// Does what changes names, and tells the journal of it.
unsafe fn rename_like(op: Op, from: *const c_char, to: *const c_char, raw: impl Fn() -> c_long) -> c_int {
    // SAFETY: what the caller gave.
    let (from, to) = unsafe { (bytes(from), if to.is_null() { &[][..] } else { bytes(to) }) };
    let watched =
        |state: &&State| files::is_watched(state, from) || (!to.is_empty() && files::is_watched(state, to));
    let Some(state) = state().filter(watched) else { return raw() as c_int };
    let _order = order(state);
    files::count(state);
    let gate = match op {
        Op::Link | Op::MakeFolder => files::gate_name(state),
        _ => files::gate_change(state),
    };
    if let Err(errno) = gate {
        return fail(errno);
    }
    let done = raw() as c_int;
    if done == 0 {
        record(state, op, 0, 0, from, to);
    }
    done
}

/// rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        rename_like(Op::Rename, from, to, || {
            libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
        })
    }
}

/// link(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        rename_like(Op::Link, from, to, || {
            libc::syscall(libc::SYS_linkat, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
        })
    }
}

/// unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        rename_like(Op::Unlink, path, std::ptr::null(), || {
            libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0)
        })
    }
}

/// mkdir(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        rename_like(Op::MakeFolder, path, std::ptr::null(), || {
            libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode)
        })
    }
}

/// The time of day moved by the control's offset.
fn moved(seconds: i64, nanos: i64) -> (i64, i64) {
    let offset =
        state().map_or(0, |state| state.word(Word::ClockOffset).load(Ordering::SeqCst).cast_signed());
    let all = seconds * NANOS + nanos + offset;
    (all.div_euclid(NANOS), all.rem_euclid(NANOS))
}

/// clock_gettime(2): the time of day is moved, the clock that only runs forward is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, into: *mut timespec) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        let done = libc::syscall(libc::SYS_clock_gettime, clock, into) as c_int;
        if done == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) && !into.is_null()
        {
            ((*into).tv_sec, (*into).tv_nsec) = moved((*into).tv_sec, (*into).tv_nsec);
        }
        done
    }
}

/// gettimeofday(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(into: *mut timeval, zone: *mut c_void) -> c_int {
    // SAFETY: what the caller gave.
    unsafe {
        let done = libc::syscall(libc::SYS_gettimeofday, into, zone) as c_int;
        if done == 0 && !into.is_null() {
            let (seconds, nanos) = moved((*into).tv_sec, (*into).tv_usec * 1000);
            ((*into).tv_sec, (*into).tv_usec) = (seconds, nanos / 1000);
        }
        done
    }
}

/// time(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(into: *mut time_t) -> time_t {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the memory is this function's, or what the caller gave.
    unsafe {
        clock_gettime(libc::CLOCK_REALTIME, &raw mut now);
        if !into.is_null() {
            *into = now.tv_sec;
        }
    }
    now.tv_sec
}
