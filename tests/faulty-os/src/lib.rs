//! Owns a stand-in for the parts of the C library by which a process writes files and reads the clock. Loaded by
//! `LD_PRELOAD` into the daemon, it keeps an ordered journal of all changes to the files under one folder, lets them fail as
//! disks do, ends the process at a chosen one of them, and moves the clock. It must never change what the process sees where no
//! fault is asked for, and never wait for the disk: what counts as durable is what stands in the journal before a sync.
//!
//! # The control folder, named by `BUKTOR_FAULTY_OS`
//! - `watched`: the folder whose files are watched, its absolute real path; they may be open for writing only since the process
//!   began. Files whose names end with `-shm` are left alone, for they do not outlive the machine anyway.
//! - `control`: 512 numbers of 64 bits in the machine's order, mapped into memory by both sides; see control.rs.
//! - `journal`: records, each a head of five numbers of 64 bits (operation, inode, offset, bytes of data, bytes of path), the path,
//!   the data. Operations: 1 write, 2 truncate (the offset is the new length), 3 sync, 4 a sync that failed, 5 create, 6 unlink,
//!   7 rename (the data is the new path), 8 link (the same), 9 make a folder, 10 sync of a folder.
//!
//! # What it has not
//! Writes through duplicated descriptors, through mapped memory, by `openat` with a folder, or by another process.

#![cfg(target_os = "linux")]

mod control;
mod files;
mod hooks;
mod journal;
