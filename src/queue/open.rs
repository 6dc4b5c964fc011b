//! Opening the queue file: the daemon lock, owner-only modes, whose file it is, damage and what is done about it.
//! A file that is another program's, or a newer version's, is never changed.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    limits::QUICK_CHECK_BYTES_MAX,
    model::clock::{Clock, SystemClock},
    queue::{
        HealthCell, Opened, QueueError, QueueOptions, keys, page, report,
        schema::{self, APPLICATION_ID, Identity, LAYOUT},
        seal::DigestKey,
        sealing::Sealing,
        shrink,
        store::{Store, transaction},
    },
};

/// What every `SQLite` file begins with, <https://www.sqlite.org/fileformat2.html#the_database_header>.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// What a journal that is to be rolled back begins with, <https://www.sqlite.org/fileformat2.html#the_rollback_journal>.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Where the file's layout stands in that header, big-endian.
const LAYOUT_AT: usize = 60;
/// Where the application's mark stands in that header, big-endian.
const APPLICATION_AT: usize = 68;
/// Bytes of that header.
const HEADER_BYTES: usize = 100;
/// Tries to get the daemon lock: a command that looks whether a daemon runs holds it for an instant.
const LOCK_TRIES: u32 = 10;
/// Between two of these tries.
const LOCK_PAUSE: Duration = Duration::from_millis(30);
/// Files that `SQLite` keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Held as long as a daemon uses the file.
pub(super) struct DaemonLock {
    _lock: File,
    /// Open for as long as the lock is held: closing any handle of the file would free `SQLite`'s own locks on it
    /// (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
    _header: File,
}

/// Opens or makes the file. Gives its only writing connection, and the lock that must outlive it.
pub(super) fn open(
    mut options: QueueOptions,
    health: &Arc<HealthCell>,
) -> Result<(Store, DaemonLock, Opened), QueueError> {
    options.path = std::path::absolute(&options.path)
        .map_err(|error| QueueError::io("find the place of the queue file", &options.path, error))?;
    let path = &options.path;
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(QueueError::NotAFile { path: path.clone() });
    }
    make_folder(path)?;
    let lock = take_lock(path)?;
    let mut set_aside = set_stray_log_aside(path)?;
    let ready = match prepare(&options, health) {
        Err(QueueError::Damaged { detail, .. }) if options.replace_damaged => {
            let aside = move_aside(path)?;
            tracing::error!(queue = %path.display(), aside = %aside.display(), detail,
                "the queue file is damaged; it was set aside and an empty one was begun");
            set_aside = Some(aside);
            prepare(&options, health)?
        }
        ready => ready?,
    };
    let Ready { store, header, recovered, fresh } = ready;
    let opened = Opened { recovered, set_aside, fresh, unfinished: store.unfinished };
    Ok((store, DaemonLock { _lock: lock, _header: header }, opened))
}

/// Whether a daemon uses the file.
pub(super) fn is_running(path: &Path) -> Result<bool, QueueError> {
    let lock = beside(path, ".lock");
    let file = match File::open(&lock) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(QueueError::io("open", &lock, error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(QueueError::io("lock", &lock, error)),
    }
}

/// A connection that has written nothing yet and will write nothing when it is closed.
pub(super) fn look(path: &Path) -> Result<Connection, QueueError> {
    let fault = |error| QueueError::sqlite(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fault)?;
    schema::look_only(&conn).map_err(fault)?;
    Ok(conn)
}

/// Refuses files of other programs and of newer versions.
pub(super) fn whose(conn: &Connection, path: &Path) -> Result<Identity, QueueError> {
    match schema::identity(conn).map_err(|error| QueueError::sqlite(path, error))? {
        Identity::Foreign => Err(QueueError::Foreign { path: path.to_owned() }),
        Identity::Queue(found) if found > LAYOUT => {
            Err(QueueError::Newer { path: path.to_owned(), found, known: LAYOUT })
        }
        identity => Ok(identity),
    }
}

struct Ready {
    store: Store,
    header: File,
    recovered: u64,
    fresh: bool,
}

fn prepare(options: &QueueOptions, health: &Arc<HealthCell>) -> Result<Ready, QueueError> {
    let path = options.path.as_path();
    let fault = |error| QueueError::sqlite(path, error);
    make_file(path)?;
    let (header, bytes) = check_header(path)?;
    let conn = look(path)?;
    let identity = whose(&conn, path)?;
    if conn.is_readonly("main").map_err(fault)? {
        return Err(QueueError::ReadOnly { path: path.to_owned() });
    }
    let layout = match identity {
        Identity::Queue(layout) => layout,
        _ => 0,
    };
    if layout < LAYOUT {
        schema::migrate(&conn, layout, &DigestKey::new(keys::random(path)?)).map_err(fault)?;
    }
    if let Some(detail) = schema::damage(&conn, bytes <= QUICK_CHECK_BYTES_MAX).map_err(fault)? {
        return Err(QueueError::Damaged { path: path.to_owned(), detail });
    }
    let mode = schema::accept(&conn).map_err(fault)?;
    if mode != "wal" {
        let source =
            io::Error::other(format!("its journal mode stays {mode}; network drives cannot do better"));
        return Err(QueueError::io("use the write-ahead log of", path, source));
    }
    // Before anything is changed: without the key of what is sealed, the file stays as it is.
    let sealing = Sealing::load(&conn, path, options.encrypt, &options.key)?;
    let shrinks = shrink::at_start(&conn, path);
    let recovered = transaction(&conn, "BEGIN IMMEDIATE", page::recover).map_err(fault)?;
    let store = Store::new(conn, options, sealing, shrinks, Arc::clone(health)).map_err(fault)?;
    // Only now: up to here, closing would have changed a file that turns out to be damaged.
    schema::trust(&store.conn).map_err(fault)?;
    Ok(Ready { store, header, recovered, fresh: layout == 0 })
}

/// Reads the header before `SQLite` sees the file, because opening it as a database may already change it (its log
/// may be written back). Gives the handle, see [`DaemonLock`], and the file's size.
pub(super) fn check_header(path: &Path) -> Result<(File, u64), QueueError> {
    let fault = |error| QueueError::io("read the queue file", path, error);
    let mut file = File::open(path).map_err(fault)?;
    let size = file.metadata().map_err(fault)?.len();
    if size == 0 {
        return Ok((file, size));
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut header).map_err(fault)?;
    if header.len() < HEADER_BYTES || !header.starts_with(MAGIC) {
        if is_half_made(path) {
            return Ok((file, size));
        }
        let detail = "it does not begin like an SQLite file".to_owned();
        return Err(QueueError::Damaged { path: path.to_owned(), detail });
    }
    let application = number_at(&header, APPLICATION_AT);
    let layout = number_at(&header, LAYOUT_AT);
    if application == APPLICATION_ID && layout > LAYOUT {
        return Err(QueueError::Newer { path: path.to_owned(), found: layout, known: LAYOUT });
    }
    if application != APPLICATION_ID && application != 0 {
        return Err(QueueError::Foreign { path: path.to_owned() });
    }
    Ok((file, size))
}

/// Whether the power went while the file was made: there is a journal to undo that with, which `SQLite` does when it opens
/// the file. Later the file has a write-ahead log, and no such journal.
fn is_half_made(path: &Path) -> bool {
    let mut magic = Vec::with_capacity(JOURNAL_MAGIC.len());
    let read = File::open(beside(path, "-journal"))
        .and_then(|file| file.take(JOURNAL_MAGIC.len() as u64).read_to_end(&mut magic));
    read.is_ok() && magic == JOURNAL_MAGIC
}

fn number_at(header: &[u8], at: usize) -> i64 {
    let bytes = header.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    i64::from(u32::from_be_bytes(bytes))
}

pub(super) fn make_folder(path: &Path) -> Result<(), QueueError> {
    let Some(folder) = path.parent().filter(|folder| !folder.exists()) else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| QueueError::io("make the folder", folder, error))?;
    keep_entry(folder)
}

/// Makes the file, for its owner alone, or takes others' rights to it away. `SQLite` gives its companions the same.
fn make_file(path: &Path) -> Result<(), QueueError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match owner_only(&mut options).open(path) {
        Ok(_) => keep_entry(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            narrow(path);
            BESIDE.iter().map(|end| beside(path, end)).for_each(|file| narrow(&file));
            Ok(())
        }
        Err(error) => Err(QueueError::io("make the queue file", path, error)),
    }
}

#[cfg(unix)]
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn narrow(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.permissions().mode() & 0o077 != 0
        && let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o600))
    {
        tracing::warn!(file = %path.display(), %error, "other users may read this file, and that cannot be changed");
    }
}

#[cfg(not(unix))]
fn narrow(_path: &Path) {}

/// Makes the directory entry of a new file or folder survive a power cut.
#[cfg(unix)]
pub(super) fn keep_entry(path: &Path) -> Result<(), QueueError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| QueueError::io("write down the folder", folder, error))
}

#[cfg(not(unix))]
pub(super) fn keep_entry(_path: &Path) -> Result<(), QueueError> {
    Ok(())
}

pub(super) fn take_lock(path: &Path) -> Result<File, QueueError> {
    let lock = beside(path, ".lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = owner_only(&mut options)
        .open(&lock)
        .map_err(|error| QueueError::io("open the lock file of the queue", &lock, error))?;
    for attempt in 1.. {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if attempt < LOCK_TRIES => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(QueueError::Running { path: path.to_owned(), pid: holder(&mut file, path) });
            }
            Err(TryLockError::Error(error)) => return Err(QueueError::io("lock", &lock, error)),
        }
    }
    file.set_len(0)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .and_then(|_| writeln!(file, "{}", std::process::id()))
        .map_err(|error| QueueError::io("write", &lock, error))?;
    Ok(file)
}

/// The process that holds the lock: as it says in the lock file, or, where that cannot be read while it is locked
/// (Windows), as the daemon has reported.
fn holder(lock: &mut File, path: &Path) -> Option<u32> {
    let mut text = String::new();
    if lock.read_to_string(&mut text).is_ok()
        && let Ok(pid) = text.trim().parse()
    {
        return Some(pid);
    }
    let conn = look(path).ok()?;
    matches!(whose(&conn, path), Ok(Identity::Queue(LAYOUT))).then_some(())?;
    Some(report::read(&conn).ok()??.pid)
}

/// A log without its file, or beside an empty one, is what is left of a file that someone took away; `SQLite` would
/// erase it.
fn set_stray_log_aside(path: &Path) -> Result<Option<PathBuf>, QueueError> {
    let size = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
    if size(path) == 0 && size(&beside(path, "-wal")) > 0 { move_aside(path).map(Some) } else { Ok(None) }
}

/// Renames the file and those beside it. The file goes first: should the process end in between, the log that is
/// left is found by [`set_stray_log_aside`].
fn move_aside(path: &Path) -> Result<PathBuf, QueueError> {
    let stamp = SystemClock.now().utc().format("%Y%m%dT%H%M%S");
    let taken = |aside: &Path| ["", "-wal"].iter().any(|end| beside(aside, end).exists());
    let plain = beside(path, &format!(".damaged-{stamp}"));
    let mut aside = plain.clone();
    for number in 2..100 {
        if !taken(&aside) {
            break;
        }
        aside = beside(&plain, &format!("-{number}"));
    }
    for end in ["", "-wal", "-shm"] {
        let (from, to) = (beside(path, end), beside(&aside, end));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(QueueError::io("set aside", &from, error));
            }
            _ => {}
        }
    }
    keep_entry(path)?;
    Ok(aside)
}

/// The path with an ending added to its name.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
