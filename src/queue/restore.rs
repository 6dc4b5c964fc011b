//! Puts a backup in the place of the queue file, which is set aside and never thrown away. A kill at any instant leaves the
//! one or the other, whole. Never changes the backup.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, params};

use crate::{
    config::QueueKey,
    model::clock::{Clock, SystemClock, Timestamp},
    queue::{
        AuditAction, BackupError, Content, Operator, QueueError,
        audit::{self, Entry},
        backup::{Part, content, integrity, remove},
        keys,
        open::{self, beside, keep_entry, owner_only},
        schema::{self, Identity, LAYOUT},
        seal::DigestKey,
        sealing::Sealing,
        sql::transaction,
    },
};

/// Places that are left free behind a backup's last event, where nobody knows how many the lost file has given: they stand in
/// the marks that the HIS keeps of events without an id, so that none may be given twice.
const SEQS_SKIPPED: i64 = 10_000_000;

/// What the name of a file that was set aside goes on with.
const ASIDE: &str = ".before-restore-";
/// How long a command that has the present file open is waited for: most end at once, and one that asks a person does not.
const IN_USE_TIME: Duration = Duration::from_secs(2);

/// What stands at the queue file's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// Nothing.
    Nothing,
    /// A queue file.
    Queue(Content),
    /// A file that cannot be read; why not.
    Unreadable(String),
}

/// A backup that was copied and found whole, before it takes the queue file's place. Until it does, no daemon can start;
/// dropped, it leaves all as it was.
pub struct Restoring {
    queue: PathBuf,
    from: PathBuf,
    part: Part,
    content: Content,
    present: Present,
    _lock: File,
}

/// What a restoration has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the file is that stood there before.
    pub set_aside: Option<PathBuf>,
}

impl Restoring {
    /// Copies the backup beside the queue file and reads all of it. Refused while a daemon runs, and where `key` does not open
    /// what is encrypted in it.
    pub fn prepare(queue: &Path, from: &Path, key: &QueueKey) -> Result<Self, BackupError> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| QueueError::io("find the place of", path, error))
        };
        let (queue, from) = (absolute(queue)?, absolute(from)?);
        let unfit = |why: &str| BackupError::Unfit { path: from.clone(), why: why.to_owned() };
        match fs::metadata(&from) {
            Err(error) => return Err(QueueError::io("read the backup", &from, error).into()),
            Ok(file) if !file.is_file() => return Err(unfit("it is no file")),
            Ok(file) if file.len() == 0 => return Err(unfit("it is empty")),
            Ok(_) => {}
        }
        if is_same(&queue, &from) {
            return Err(unfit("it is the queue file itself"));
        }
        if open::is_running(&from)? {
            return Err(unfit("a daemon uses it; make a backup of it with `buktor-middleware backup`"));
        }
        open::make_folder(&queue)?;
        let lock = open::take_lock(&queue)?;
        forget_second_names(&queue);
        let present = look_at(&queue)?;
        let part = beside(&queue, ".restoring");
        // What a restoration that was killed has left: no other one holds the lock.
        remove(&part);
        let part = Part::make(part)?;
        for end in ["", "-wal"] {
            copy(&beside(&from, end), &beside(&part.path, end), end.is_empty())?;
        }
        let content = fit(&part.path, key).map_err(|why| unfit(&why))?;
        Ok(Self { queue, from, part, content, present, _lock: lock })
    }

    /// What is in the backup.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What stands at the queue file's place now.
    #[must_use]
    pub fn present(&self) -> &Present {
        &self.present
    }

    /// Sets the present file aside and gives its place to the copy.
    pub fn finish(self, by: &Operator) -> Result<Restored, BackupError> {
        let now = SystemClock.now();
        let aside = (self.present != Present::Nothing).then(|| free_name(&self.queue, now));
        let last_seq = match &self.present {
            Present::Queue(present) if present.queue_id == self.content.queue_id => {
                present.last_seq.max(self.content.last_seq)
            }
            _ => self.content.last_seq.saturating_add(SEQS_SKIPPED),
        };
        let detail = match &aside {
            Some(aside) => format!("{}; the file before is {}", self.from.display(), aside.display()),
            None => self.from.display().to_string(),
        };
        mark(&self.part.path, last_seq, &detail, by, now)?;
        give(&self.queue, &[&self.part.path, &beside(&self.queue, ".lock")])?;
        let held = match &aside {
            Some(aside) => set_aside(&self.queue, aside)?,
            None => None,
        };
        self.part.rename(&self.queue)?;
        // Up to here nobody could write into the file that was set aside.
        drop(held);
        Ok(Restored { set_aside: aside })
    }
}

/// What stands at the queue file's place; another program's database is left alone.
fn look_at(queue: &Path) -> Result<Present, BackupError> {
    match fs::metadata(queue) {
        Ok(file) if !file.is_file() => return Err(QueueError::NotAFile { path: queue.to_owned() }.into()),
        Ok(file) if file.len() > 0 => {}
        _ if fs::metadata(beside(queue, "-wal")).is_ok_and(|log| log.len() > 0) => {
            return Ok(Present::Unreadable("only its log is there".to_owned()));
        }
        _ => return Ok(Present::Nothing),
    }
    let read = || -> Result<Content, QueueError> {
        // Before SQLite sees it: what is damaged is set aside as it was found.
        drop(open::check_header(queue)?);
        let conn = open::look(queue)?;
        open::whose(&conn, queue)?;
        content(&conn).map_err(|error| QueueError::sqlite(queue, error))
    };
    match read() {
        Ok(content) => Ok(Present::Queue(content)),
        Err(foreign @ QueueError::Foreign { .. }) => Err(foreign.into()),
        Err(denied @ (QueueError::Denied { .. } | QueueError::ReadOnly { .. })) => Err(denied.into()),
        Err(QueueError::Damaged { detail, .. }) => {
            Ok(Present::Unreadable(format!("it is damaged: {detail}")))
        }
        Err(error) => Ok(Present::Unreadable(error.to_string())),
    }
}

fn copy(from: &Path, to: &Path, must: bool) -> Result<(), BackupError> {
    let mut source = match File::open(from) {
        Ok(source) => source,
        Err(error) if !must && error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(QueueError::io("read the backup", from, error).into()),
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let copied = owner_only(&mut options).open(to).and_then(|mut copy| {
        io::copy(&mut source, &mut copy)?;
        copy.sync_all()
    });
    copied.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let bytes = fs::metadata(from).map_or(0, |file| file.len());
            BackupError::Full { path: to.to_owned(), bytes }
        }
        _ => QueueError::io("copy the backup to", to, error).into(),
    })
}

/// Reads all of the copy and brings it to the present layout; or why it cannot take the queue file's place.
fn fit(path: &Path, key: &QueueKey) -> Result<Content, String> {
    let words = |error: rusqlite::Error| format!("it is damaged: {error}");
    // The copy's own name means nothing to the one who reads this.
    let told = |error: QueueError| match error {
        QueueError::Foreign { .. } => "it is an SQLite database of another program".to_owned(),
        QueueError::Newer { found, known, .. } => format!(
            "it was made by a newer buktor-middleware (its layout is {found}, this one knows up to {known}); use that one"
        ),
        QueueError::Damaged { detail, .. } => format!("it is damaged: {detail}"),
        QueueError::KeyWrong { key, .. } => format!(
            "its events are encrypted, and {key} does not open them: put the key of when the backup was made there first (`queue \
             rekey` keeps old ones beside it), and keep a copy of the present one for the present file"
        ),
        QueueError::KeyMissing { key, .. } => format!(
            "its events are encrypted, and the key file {} is missing: put the key of when the backup was made there first",
            key.display()
        ),
        other => other.to_string(),
    };
    let conn = open::look(path).map_err(told)?;
    let Identity::Queue(layout) = open::whose(&conn, path).map_err(told)? else {
        return Err("there is nothing in it".to_owned());
    };
    if let Some(detail) = integrity(&conn).map_err(words)? {
        return Err(format!("it is damaged: {detail}"));
    }
    if layout < LAYOUT {
        let key = DigestKey::new(keys::random(path).map_err(told)?);
        schema::migrate(&conn, layout, &key).map_err(words)?;
    }
    if let Some(detail) = schema::damage(&conn, false).map_err(words)? {
        return Err(format!("it is damaged: {detail}"));
    }
    Sealing::look(&conn, path, key).map_err(told)?;
    content(&conn).map_err(words)
}

/// Tells the copy that it was restored. What is not done with may have been written into the HIS after the backup was made:
/// it is looked for before it is written again. All of it is on the disk when this returns, in one file.
fn mark(path: &Path, last_seq: i64, detail: &str, by: &Operator, now: Timestamp) -> Result<(), QueueError> {
    let fault = |error| QueueError::sqlite(path, error);
    let conn = open::look(path)?;
    transaction(&conn, "BEGIN IMMEDIATE", |conn| {
        conn.execute("UPDATE event SET replay = 1 WHERE state <= 7 AND replay = 0", [])?;
        conn.execute("INSERT OR IGNORE INTO doubt (seq) SELECT seq FROM event WHERE state <= 7", [])?;
        conn.execute("UPDATE meta SET last_seq = ?1, restored_at = ?2", params![last_seq, now.0])?;
        audit::record(
            conn,
            now,
            Some(by),
            &Entry { action: AuditAction::Restore, event: None, detail: Some(detail) },
        )
    })
    .map_err(fault)?;
    one_file(&conn).map_err(fault)?;
    drop(conn);
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| QueueError::io("write", path, error))
}

/// Gives files to whom the queue file belongs, or its folder: what root restores the daemon must be able to open.
#[cfg(unix)]
fn give(queue: &Path, files: &[&Path]) -> Result<(), QueueError> {
    use std::os::unix::fs::{MetadataExt, chown};

    let fault = |error| QueueError::io("look whom it belongs to:", queue, error);
    let owner = fs::metadata(queue).or_else(|_| fs::metadata(queue.parent().unwrap_or(queue)));
    let owner = owner.map(|owner| (owner.uid(), owner.gid())).map_err(fault)?;
    for file in files {
        let now = fs::metadata(file).map(|file| (file.uid(), file.gid())).map_err(fault)?;
        if now != owner {
            chown(file, Some(owner.0), Some(owner.1))
                .map_err(|error| QueueError::io("give to the user of the queue file", file, error))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn give(_queue: &Path, _files: &[&Path]) -> Result<(), QueueError> {
    Ok(())
}

/// Writes the log back and ends it, so that the file alone is all. Fails where another process has the file open.
fn one_file(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
}

/// Gives the queue file a second name. Its own is then given to another file by a rename that takes its place, so that there
/// is a file of that name at any instant. Its log must not stay: `SQLite` would write it into whatever file is there.
///
/// Gives a connection that keeps other processes from writing into the file, where it can be opened.
fn set_aside(queue: &Path, aside: &Path) -> Result<Option<Connection>, BackupError> {
    let held = match end_log(queue) {
        // Windows replaces no file that is open.
        Ok(conn) => Some(conn).filter(|_| cfg!(unix)),
        Err(QueueError::Busy { .. }) => return Err(BackupError::InUse { path: queue.to_owned() }),
        // Damaged: all of it is set aside as it is.
        Err(_) => None,
    };
    for end in ["", "-wal", "-journal"] {
        second_name(&beside(queue, end), &beside(aside, end))?;
    }
    keep_entry(queue)?;
    for end in ["-wal", "-journal", "-shm"] {
        let file = beside(queue, end);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(QueueError::io("remove", &file, error).into());
            }
            _ => {}
        }
    }
    keep_entry(queue)?;
    Ok(held)
}

fn end_log(queue: &Path) -> Result<Connection, QueueError> {
    let fault = |error| QueueError::sqlite(queue, error);
    let conn = open::look(queue)?;
    conn.busy_timeout(IN_USE_TIME).map_err(fault)?;
    one_file(&conn).map_err(fault)?;
    conn.execute_batch("BEGIN EXCLUSIVE").map_err(fault)?;
    Ok(conn)
}

/// Another name for a file; where the disk has no such thing, a copy. A file that is not there needs none.
fn second_name(file: &Path, name: &Path) -> Result<(), BackupError> {
    let Err(error) = fs::hard_link(file, name) else { return Ok(()) };
    if error.kind() == io::ErrorKind::NotFound && !file.exists() {
        return Ok(());
    }
    copy(file, name, true).inspect_err(|_| remove(name))
}

/// Takes the second names away again that a restoration has given to the file and was killed before it took the first.
fn forget_second_names(queue: &Path) {
    let (Some(folder), Some(name)) = (queue.parent(), queue.file_name().and_then(OsStr::to_str)) else {
        return;
    };
    let begins = format!("{name}{ASIDE}");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let second =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&begins)));
    for path in second.map(|entry| entry.path()).filter(|path| is_same(queue, path)) {
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(file = %path.display(), %error, "a second name of the queue file could not be removed");
        }
    }
}

/// A name for the file that is set aside, which no other one has.
fn free_name(queue: &Path, now: Timestamp) -> PathBuf {
    let plain = beside(queue, &format!("{ASIDE}{}", now.utc().format("%Y%m%dT%H%M%S")));
    let taken = |name: &Path| ["", "-wal", "-journal"].iter().any(|end| beside(name, end).exists());
    let mut name = plain.clone();
    for number in 2.. {
        if !taken(&name) {
            break;
        }
        name = beside(&plain, &format!("-{number}"));
    }
    name
}

/// Whether two paths are one file.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
            return (one.dev(), one.ino()) == (other.dev(), other.ino());
        }
    }
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}
