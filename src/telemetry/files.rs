//! The log's files: one a day, readable by their owner alone, none larger than its bound, and only so many of them. Never
//! makes whoever logs wait for a disk, and never fails silently: what a file lacks is told on stderr, once.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    limits::{LOG_ERROR_BYTES_MAX, LOG_FILE_BYTES_MAX, LOG_LINES_MAX},
    model::clock::Clock,
};

/// Files are named `buktor-middleware.YYYY-MM-DD.log`, by the day in UTC.
const PREFIX: &str = "buktor-middleware.";
const SUFFIX: &str = ".log";
/// How often it is looked whether the file is still in its folder, and tried to open one that could not be.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the files do not have, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Today's file has reached its bound.
    Full,
    /// Today's file has used up what was left for errors, too.
    NoErrors,
    /// The file cannot be opened, or written.
    Broken,
    /// It can again; so many lines are missing, also those of a file that was full.
    Over(u64),
}

/// Says on stderr what is wrong, but for what is over again; gives the line for the file.
pub(super) type Tell = Box<dyn FnMut(Trouble, &Path, Option<&io::Error>) -> Vec<u8> + Send>;

/// How much one file takes.
#[derive(Clone, Copy, Debug)]
struct Bound {
    bytes: u64,
    /// Of errors alone, when these bytes are used up.
    for_errors: u64,
}

const BOUND: Bound = Bound { bytes: LOG_FILE_BYTES_MAX, for_errors: LOG_ERROR_BYTES_MAX };

/// Where the log's lines go in; clones share the files.
#[derive(Clone, Debug)]
pub(super) struct Lines(NonBlocking);

/// Before an error's line on its way to the files, and before any other's.
const MARKS: [u8; 2] = *b"E-";

/// One line's way in.
#[derive(Debug)]
pub(super) struct Pen {
    lines: NonBlocking,
    is_error: bool,
}

/// Ends the thread of the files when it is dropped, after the lines that wait.
#[derive(Debug)]
pub(super) struct Files {
    _worker: WorkerGuard,
    dropped: ErrorCounter,
}

impl Files {
    /// Opens today's file in the folder and starts the thread that writes it. `days` older ones are kept.
    pub(super) fn open(
        folder: &Path,
        days: usize,
        clock: impl Clock + 'static,
        tell: Tell,
    ) -> io::Result<(Lines, Self)> {
        make_folder(folder)?;
        let day = Day::open(folder, days, BOUND, clock.now().utc().date_naive(), tell)?;
        let (lines, worker) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(LOG_LINES_MAX)
            .thread_name("log")
            .finish(Today { day, clock });
        let dropped = lines.error_counter();
        Ok((Lines(lines), Self { _worker: worker, dropped }))
    }

    /// Lines that found the buffer full because the disk was too slow.
    pub(super) fn dropped(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Pen;

    fn make_writer(&'a self) -> Pen {
        Pen { lines: self.0.clone(), is_error: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Pen {
        Pen { lines: self.0.clone(), is_error: *metadata.level() == Level::ERROR }
    }
}

impl io::Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let [error, other] = MARKS;
        let mut line = Vec::with_capacity(bytes.len() + 1);
        line.push(if self.is_error { error } else { other });
        line.extend_from_slice(bytes);
        self.lines.write_all(&line)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The other end of [`Pen`]: takes a marked line a call, and what fails is the day's to tell.
struct Today<C> {
    day: Day,
    clock: C,
}

impl<C: Clock> io::Write for Today<C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((mark, line)) = bytes.split_first() {
            let [error, _] = MARKS;
            self.day.line(self.clock.now().utc().date_naive(), Instant::now(), *mark == error, line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Today's file, and what becomes of its lines.
struct Day {
    folder: PathBuf,
    days: usize,
    bound: Bound,
    today: NaiveDate,
    /// None while it cannot be opened.
    file: Option<Opened>,
    tell: Tell,
    lacks: Lacks,
}

/// What the file lacks since its last line.
#[derive(Debug, Default)]
struct Lacks {
    lines: u64,
    is_broken: bool,
    /// When it was last tried.
    tried: Option<Instant>,
}

struct Opened {
    path: PathBuf,
    file: File,
    size: u64,
    is_full: bool,
    has_no_errors: bool,
    /// The last line was not written whole.
    is_torn: bool,
    looked: Instant,
}

impl Opened {
    fn open(folder: &Path, day: NaiveDate) -> io::Result<Self> {
        let path = folder.join(format!("{PREFIX}{day}{SUFFIX}"));
        let file = open_owned(&path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            size,
            // Told again after a restart.
            is_full: false,
            has_no_errors: false,
            is_torn: false,
            looked: Instant::now(),
        })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
            self.size += 1;
        }
        self.file.write_all(line).inspect_err(|_| self.is_torn = true)?;
        self.size += line.len() as u64;
        Ok(())
    }
}

impl Day {
    fn open(folder: &Path, days: usize, bound: Bound, today: NaiveDate, tell: Tell) -> io::Result<Self> {
        make_folder(folder)?;
        let file = Some(Opened::open(folder, today)?);
        let day = Self { folder: folder.to_owned(), days, bound, today, file, tell, lacks: Lacks::default() };
        day.prune();
        Ok(day)
    }

    /// Writes a line, or counts it as missing.
    fn line(&mut self, day: NaiveDate, now: Instant, is_error: bool, line: &[u8]) {
        self.turn(day, now);
        let waits = self.lacks.is_broken && !self.is_due(now);
        if waits || !self.has_room(is_error, line.len(), now) {
            self.lacks.lines += 1;
            return;
        }
        if self.lacks.lines > 0 && !self.file.as_ref().is_some_and(|file| file.is_full) {
            let words = (self.tell)(Trouble::Over(self.lacks.lines), &self.folder, None);
            if self.write(&words, now) {
                self.lacks = Lacks::default();
            }
        }
        if self.lacks.is_broken || !self.write(line, now) {
            self.lacks.lines += 1;
        }
    }

    /// Whether it is time to try again what has failed.
    fn is_due(&self, now: Instant) -> bool {
        self.lacks.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= LOOK_EVERY)
    }

    /// Goes over to another day's file, or to one in the place of that which is gone.
    fn turn(&mut self, day: NaiveDate, now: Instant) {
        let is_gone = self.file.as_mut().is_some_and(|opened| {
            let is_due = now.saturating_duration_since(opened.looked) >= LOOK_EVERY;
            if is_due {
                opened.looked = now;
            }
            is_due && !opened.path.exists()
        });
        if self.today == day && !is_gone && (self.file.is_some() || !self.is_due(now)) {
            return;
        }
        self.today = day;
        self.file = None;
        match make_folder(&self.folder).and_then(|()| Opened::open(&self.folder, day)) {
            Ok(file) => {
                self.file = Some(file);
                self.prune();
            }
            Err(error) => self.broken(&error, now),
        }
    }

    /// Whether the file takes such a line; the first that it does not take is told in its place.
    fn has_room(&mut self, is_error: bool, bytes: usize, now: Instant) -> bool {
        let Bound { bytes: ordinary, for_errors } = self.bound;
        let Some(opened) = &mut self.file else { return false };
        let size = opened.size + bytes as u64;
        if size <= ordinary || (is_error && size <= ordinary + for_errors) {
            return true;
        }
        let (told, trouble) = if is_error {
            (&mut opened.has_no_errors, Trouble::NoErrors)
        } else {
            (&mut opened.is_full, Trouble::Full)
        };
        if !std::mem::replace(told, true) {
            let (path, has_room) = (opened.path.clone(), opened.size <= ordinary + for_errors);
            let words = (self.tell)(trouble, &path, None);
            // A process that starts again and again tells it each time.
            if has_room {
                self.write(&words, now);
            }
        }
        false
    }

    /// Whether it was written.
    fn write(&mut self, line: &[u8], now: Instant) -> bool {
        let Some(opened) = &mut self.file else { return false };
        match opened.write(line) {
            Ok(()) => true,
            Err(error) => {
                self.broken(&error, now);
                false
            }
        }
    }

    fn broken(&mut self, error: &io::Error, now: Instant) {
        self.lacks.tried = Some(now);
        if !std::mem::replace(&mut self.lacks.is_broken, true) {
            (self.tell)(Trouble::Broken, &self.folder, Some(error));
        }
    }

    /// Removes the oldest files. One that cannot be removed stays, and is tried again tomorrow.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut old: Vec<(NaiveDate, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                Some((day_of(&path)?, path))
            })
            .filter(|(day, _)| *day < self.today)
            .collect();
        old.sort();
        let surplus = old.len().saturating_sub(self.days);
        for (_, path) in old.iter().take(surplus) {
            // Somebody reads it, or it is gone.
            let _ = fs::remove_file(path);
        }
        #[cfg(unix)]
        for (_, path) in old.iter().skip(surplus) {
            // Earlier versions made them readable by all. A file that is not ours is its owner's to close.
            let _ = close_to_others(path);
        }
    }
}

/// The day of a file that is the log's.
fn day_of(path: &Path) -> Option<NaiveDate> {
    let day = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    day.parse().ok()
}

/// A folder that is made here is its owner's alone; one that is there stays as it is.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn open_owned(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if let Err(error) = close_to_others(path) {
        // Somebody else's file, which may be written all the same.
        if error.kind() != io::ErrorKind::PermissionDenied {
            return Err(error);
        }
    }
    Ok(file)
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = fs::metadata(path)?.permissions();
    let owners = permissions.mode() & 0o700;
    if permissions.mode() & 0o777 == owners {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(owners))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    const SMALL: Bound = Bound { bytes: 100, for_errors: 40 };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A day whose troubles are gathered.
    fn open(folder: &Path, days: usize) -> (Day, Receiver<Trouble>) {
        let (told, troubles) = mpsc::channel();
        let tell: Tell = Box::new(move |trouble, _, _| {
            told.send(trouble).unwrap();
            format!("<{trouble:?}>\n").into_bytes()
        });
        (Day::open(folder, days, SMALL, day("2025-03-03"), tell).unwrap(), troubles)
    }

    fn text(folder: &Path, day: &str) -> String {
        fs::read_to_string(folder.join(format!("buktor-middleware.{day}.log"))).unwrap()
    }

    #[test]
    fn a_full_file_takes_errors_and_says_so_once() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, troubles) = open(folder.path(), 3);
        let (monday, now) = (day("2025-03-03"), Instant::now());
        for _ in 0..20 {
            log.line(monday, now, false, b"an ordinary line\n");
        }
        for _ in 0..20 {
            log.line(monday, now, true, b"an error\n");
        }
        let expected =
            format!("{}<Full>\n{}<NoErrors>\n", "an ordinary line\n".repeat(5), "an error\n".repeat(5));
        assert_eq!(text(folder.path(), "2025-03-03"), expected);
        assert_eq!(troubles.try_iter().collect::<Vec<_>>(), [Trouble::Full, Trouble::NoErrors]);
        // After a restart it is told again, but written no more.
        let (mut log, troubles) = open(folder.path(), 3);
        log.line(monday, now, true, b"an error\n");
        log.line(monday, now, false, b"x\n");
        assert_eq!(text(folder.path(), "2025-03-03"), expected);
        assert_eq!(troubles.try_iter().collect::<Vec<_>>(), [Trouble::NoErrors, Trouble::Full]);
        // The next day has a file of its own, and says what the other lacks.
        log.line(day("2025-03-04"), now, false, b"next\n");
        assert_eq!(text(folder.path(), "2025-03-04"), "<Over(2)>\nnext\n");
    }

    #[test]
    fn a_folder_that_goes_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let (mut log, troubles) = open(&logs, 3);
        let (monday, start) = (day("2025-03-03"), Instant::now());
        let at = |second: u64| start + Duration::from_secs(second);
        log.line(monday, at(0), false, b"one\n");
        fs::remove_dir_all(&logs).unwrap();
        // A file in its place: nothing can be made there.
        fs::write(&logs, "").unwrap();
        for second in 11..60 {
            log.line(monday, at(second), false, b"lost\n");
        }
        assert_eq!(troubles.try_iter().collect::<Vec<_>>(), [Trouble::Broken]);
        fs::remove_file(&logs).unwrap();
        log.line(monday, at(70), false, b"two\n");
        log.line(monday, at(71), false, b"three\n");
        assert_eq!(text(&logs, "2025-03-03"), "<Over(49)>\ntwo\nthree\n");
        assert_eq!(troubles.try_iter().collect::<Vec<_>>(), [Trouble::Over(49)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_once_and_its_end_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, troubles) = open(folder.path(), 3);
        let (monday, start) = (day("2025-03-03"), Instant::now());
        let at = |second: u64| start + Duration::from_secs(second);
        log.line(monday, at(0), false, b"one\n");
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let good = std::mem::replace(&mut log.file.as_mut().unwrap().file, full);
        for second in 1..30 {
            log.line(monday, at(second), second % 2 == 0, b"lost\n");
        }
        log.file.as_mut().unwrap().file = good;
        log.line(monday, at(45), false, b"two\n");
        // What was torn off is ended first.
        assert_eq!(text(folder.path(), "2025-03-03"), "one\n\n<Over(29)>\ntwo\n");
        let told: Vec<_> = troubles.try_iter().collect();
        assert_eq!(
            (told.first(), told.iter().filter(|t| **t == Trouble::Broken).count()),
            (Some(&Trouble::Broken), 1)
        );
    }

    #[test]
    fn old_files_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| fs::write(folder.path().join(name), "x").unwrap();
        for day in ["2025-02-01", "2025-02-27", "2025-02-28", "2025-03-01", "2025-03-02", "2025-12-31"] {
            put(&format!("buktor-middleware.{day}.log"));
        }
        put("buktor-middleware.2025-01-01.log.gz");
        put("buktor-middleware.note.log");
        put("other.2025-01-01.log");
        let (mut log, _troubles) = open(folder.path(), 2);
        log.line(day("2025-03-05"), Instant::now(), false, b"x\n");
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "buktor-middleware.2025-01-01.log.gz",
                "buktor-middleware.2025-03-02.log",
                "buktor-middleware.2025-03-03.log",
                "buktor-middleware.2025-03-05.log",
                "buktor-middleware.2025-12-31.log",
                "buktor-middleware.note.log",
                "other.2025-01-01.log"
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let logs = folder.path().join("a/logs");
        let (log, _troubles) = open(&logs, 2);
        drop(log);
        assert_eq!((mode(&logs), mode(&logs.join("buktor-middleware.2025-03-03.log"))), (0o700, 0o600));
        let there = folder.path().join("there");
        fs::create_dir(&there).unwrap();
        fs::set_permissions(&there, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["buktor-middleware.2025-03-02.log", "buktor-middleware.2025-03-03.log"] {
            fs::write(there.join(name), "x").unwrap();
            fs::set_permissions(there.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        let (log, _troubles) = open(&there, 2);
        drop(log);
        assert_eq!(mode(&there), 0o755);
        assert_eq!(mode(&there.join("buktor-middleware.2025-03-02.log")), 0o600);
        assert_eq!(mode(&there.join("buktor-middleware.2025-03-03.log")), 0o600);
    }
}
