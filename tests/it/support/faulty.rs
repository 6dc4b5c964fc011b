//! The daemon with tests/faulty-os between it and the C library: what it writes is journaled, disks fail and clocks jump when a
//! test says so. Changes the daemon by the control file alone.

use std::{
    env, fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::daemon::{Daemon, EXECUTABLE, Site, executable};

/// Errors that disks have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    Io = 5,
    NoSpace = 28,
    ReadOnly = 30,
    Quota = 122,
}

/// What stands where in the control file, as tests/faulty-os/src/control.rs has it.
#[derive(Clone, Copy)]
enum Word {
    ClockOffset = 0,
    WriteErrno = 1,
    WriteBytes = 2,
    WriteGrowth = 3,
    SyncErrno = 4,
    SyncTimes = 5,
    ReadErrno = 6,
    ReadTimes = 7,
    SyncLies = 8,
    KillAt = 9,
    Changes = 10,
    Faults = 11,
    JournalLength = 12,
    Journal = 13,
}

/// Bytes of the control file.
const CONTROL_BYTES: usize = 4096;

/// The machine under a daemon.
pub(crate) struct Machine {
    control: fs::File,
    folder: PathBuf,
    /// The folder whose disk fails.
    pub(crate) disk: PathBuf,
}

impl Machine {
    /// Whose disk is that folder, made where it does not exist; what the library needs stands in a folder beside it.
    pub(crate) fn new(disk: &Path) -> Self {
        fs::create_dir_all(disk).unwrap();
        let disk = disk.canonicalize().unwrap();
        let mut name = disk.as_os_str().to_owned();
        name.push(".os");
        let folder = PathBuf::from(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("watched"), disk.to_str().unwrap()).unwrap();
        fs::write(folder.join("control"), [0; CONTROL_BYTES]).unwrap();
        let control = fs::File::options().read(true).write(true).open(folder.join("control")).unwrap();
        Self { control, folder, disk }
    }

    /// Under that site, whose queue file is put into a folder `disk` of its own.
    pub(crate) fn under(site: &mut Site) -> Self {
        let machine = Self::new(&site.path("disk"));
        site.merge(json!({"queue": {"path": machine.disk.join("queue.db"), "min_free_mb": 0}}));
        machine
    }

    /// Keeps a journal from now on.
    pub(crate) fn with_journal(self) -> Self {
        self.set(Word::Journal, 1);
        self
    }

    /// What starts the daemon on this machine.
    pub(crate) fn command(&self, site: &Site) -> Command {
        let mut command = executable(Path::new(EXECUTABLE));
        command.arg("run").arg("--config").arg(site.write_config());
        command.env("LD_PRELOAD", library()).env("BUKTOR_FAULTY_OS", &self.folder);
        command
    }

    /// Starts the daemon on this machine and waits until it listens.
    pub(crate) fn start(&self, site: &Site) -> Daemon {
        Daemon::start(self.command(site))
    }

    fn set(&self, word: Word, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
    }

    fn get(&self, word: Word) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, word as u64 * 8).unwrap();
        u64::from_ne_bytes(bytes)
    }

    /// Writes fail after that many bytes more.
    pub(crate) fn fail_writes(&self, errno: Errno, after: u64) {
        self.set(Word::WriteGrowth, 0);
        self.set(Word::WriteBytes, after);
        self.set(Word::WriteErrno, errno as u64);
    }

    /// Writes that make a file longer fail after that many bytes more.
    pub(crate) fn fail_growth(&self, errno: Errno, after: u64) {
        self.set(Word::WriteGrowth, 1);
        self.set(Word::WriteBytes, after);
        self.set(Word::WriteErrno, errno as u64);
    }

    /// That many syncs fail.
    pub(crate) fn fail_syncs(&self, times: u64) {
        self.set(Word::SyncTimes, times);
        self.set(Word::SyncErrno, Errno::Io as u64);
    }

    /// That many reads fail.
    pub(crate) fn fail_reads(&self, times: u64) {
        self.set(Word::ReadTimes, times);
        self.set(Word::ReadErrno, Errno::Io as u64);
    }

    /// Syncs do nothing and say that all is well.
    pub(crate) fn lie(&self) {
        self.set(Word::SyncLies, 1);
    }

    /// All is well again.
    pub(crate) fn heal(&self) {
        for word in [Word::WriteErrno, Word::SyncErrno, Word::ReadErrno, Word::SyncLies, Word::KillAt] {
            self.set(word, 0);
        }
    }

    /// Kills the daemon in place of its change of the disk that comes so many changes from now.
    pub(crate) fn kill_after(&self, changes: u64) {
        self.set(Word::KillAt, self.changes() + changes);
    }

    /// How many changes of the disk were tried so far.
    pub(crate) fn changes(&self) -> u64 {
        self.get(Word::Changes)
    }

    /// How many faults were injected so far.
    pub(crate) fn faults(&self) -> u64 {
        self.get(Word::Faults)
    }

    /// Moves the clock to so many seconds from the real time.
    pub(crate) fn clock(&self, seconds: i64) {
        self.set(Word::ClockOffset, (seconds * 1_000_000_000).cast_unsigned());
    }

    /// Length of the journal.
    pub(crate) fn journal_length(&self) -> u64 {
        self.get(Word::JournalLength)
    }

    /// The journal so far.
    pub(crate) fn journal(&self) -> Vec<u8> {
        let mut journal = fs::read(self.folder.join("journal")).unwrap();
        journal.truncate(usize::try_from(self.journal_length()).unwrap());
        journal
    }
}

/// The library that is preloaded.
fn library() -> PathBuf {
    let beside = || Path::new(EXECUTABLE).with_file_name("libfaulty_os.so");
    let path = env::var_os("BUKTOR_TEST_FAULTY_OS").map_or_else(beside, PathBuf::from);
    assert!(path.exists(), "{} is missing: run the tests by `bash tests/run.sh`", path.display());
    path
}
