//! Owns a database's file, its one write lock, and what outlives a transaction: identity values and settings.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

use crate::catalog::system;

/// What ALTER DATABASE changes.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) read_only: bool,
    pub(crate) compatibility: i64,
    pub(crate) snapshot: bool,
    pub(crate) read_committed_snapshot: bool,
    pub(crate) recovery: String,
}

/// A database.
pub(crate) struct Database {
    pub(crate) name: String,
    path: PathBuf,
    pub(crate) settings: Mutex<Settings>,
    lock: Mutex<Lock>,
    freed: Condvar,
    identities: Mutex<HashMap<i64, i64>>,
}

#[derive(Default)]
struct Lock {
    holder: Option<i64>,
    waiting: VecDeque<i64>,
}

/// Why a lock was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotLocked {
    TimedOut,
    Stopped,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Database {
    /// The database in this folder; its file is made when it is first opened.
    pub(crate) fn new(folder: &Path, name: &str, major: u8) -> Result<Arc<Self>> {
        let safe: String =
            name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect();
        let database = Arc::new(Self {
            name: name.to_owned(),
            path: folder.join(format!("{safe}.db")),
            settings: Mutex::new(Settings {
                read_only: false,
                compatibility: i64::from(major) * 10,
                snapshot: false,
                read_committed_snapshot: false,
                recovery: "SIMPLE".into(),
            }),
            lock: Mutex::new(Lock::default()),
            freed: Condvar::new(),
            identities: Mutex::new(HashMap::new()),
        });
        let db = database.open()?;
        system::create(&db)?;
        let mut statement =
            db.prepare("SELECT object_id, x_last FROM \"sys.columns\" WHERE x_last IS NOT NULL")?;
        let last: Vec<(i64, i64)> =
            statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_>>()?;
        hold(&database.identities).extend(last);
        Ok(Arc::clone(&database))
    }

    /// A connection to the file.
    pub(crate) fn open(&self) -> Result<Connection> {
        let db = Connection::open(&self.path)?;
        db.create_collation("TCI", crate::collation::compare_ci)?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = OFF;")?;
        db.set_prepared_statement_cache_capacity(200);
        Ok(db)
    }

    /// Waits for the write lock. `stop` ends the wait.
    pub(crate) fn acquire(
        &self,
        spid: i64,
        timeout: Option<Duration>,
        stop: &dyn Fn() -> bool,
    ) -> std::result::Result<(), NotLocked> {
        let end = timeout.map(|t| Instant::now() + t);
        let mut lock = hold(&self.lock);
        if lock.holder == Some(spid) {
            return Ok(());
        }
        lock.waiting.push_back(spid);
        loop {
            if lock.holder.is_none() && lock.waiting.front() == Some(&spid) {
                lock.waiting.pop_front();
                lock.holder = Some(spid);
                return Ok(());
            }
            let failure = if stop() {
                Some(NotLocked::Stopped)
            } else if end.is_some_and(|e| Instant::now() >= e) {
                Some(NotLocked::TimedOut)
            } else {
                None
            };
            if let Some(failure) = failure {
                lock.waiting.retain(|w| *w != spid);
                self.freed.notify_all();
                return Err(failure);
            }
            let slice = end.map_or(Duration::from_millis(20), |e| {
                e.saturating_duration_since(Instant::now())
                    .min(Duration::from_millis(20))
                    .max(Duration::from_millis(1))
            });
            lock = self.freed.wait_timeout(lock, slice).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives the write lock back.
    pub(crate) fn release(&self, spid: i64) {
        let mut lock = hold(&self.lock);
        if lock.holder == Some(spid) {
            lock.holder = None;
        }
        self.freed.notify_all();
    }

    /// The next identity value of a table; it is never given again, even after a rollback.
    pub(crate) fn next_identity(&self, table: i64, seed: i64, step: i64) -> i64 {
        let mut all = hold(&self.identities);
        let next = all.get(&table).map_or(seed, |last| last.saturating_add(step));
        all.insert(table, next);
        next
    }

    /// A value that was inserted by hand moves the counter on.
    pub(crate) fn saw_identity(&self, table: i64, value: i64, step: i64) {
        let mut all = hold(&self.identities);
        let further = all.get(&table).is_none_or(|last| if step > 0 { value > *last } else { value < *last });
        if further {
            all.insert(table, value);
        }
    }

    pub(crate) fn last_identity(&self, table: i64) -> Option<i64> {
        hold(&self.identities).get(&table).copied()
    }

    /// TRUNCATE and DROP begin anew.
    pub(crate) fn forget_identity(&self, table: i64) {
        hold(&self.identities).remove(&table);
    }

    pub(crate) fn settings(&self) -> Settings {
        hold(&self.settings).clone()
    }
}
