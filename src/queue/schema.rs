//! The layout of the queue file: tables, indexes, versions, and the pragmas of its connections. Holds no query
//! of the daily work.

use rusqlite::{Connection, config::DbConfig};

use crate::{
    limits::QUEUE_BUSY_TIME,
    queue::{seal::DigestKey, store::transaction, upgrade},
};

/// Marks the file as ours, in its header: "BKTQ".
pub(super) const APPLICATION_ID: i64 = 0x424b_5451;

/// Each brings the file from the layout of its place in the list to the next one. Never change one that was
/// released; add to the end.
const MIGRATIONS: [&str; 3] = [LAYOUT_1, LAYOUT_2, LAYOUT_3];

/// The layout that this program reads and writes.
#[expect(clippy::cast_possible_wrap, reason = "the list has a handful of entries")]
pub(super) const LAYOUT: i64 = MIGRATIONS.len() as i64;

/// States that keep later events of the same entity waiting: pending, deferred, held, waiting, paused.
pub(super) const UNFINISHED: &str = "state <= 4";
/// States that wait by themselves: deferred, held, waiting.
pub(super) const WAITING: &str = "state >= 1 AND state <= 3";
/// States in which an operator has to look: paused, unmapped, parked, conflict.
pub(super) const OPERATOR: &str = "state >= 4 AND state <= 7";
/// States that nothing but an operator, or a new configuration, moves: unmapped, parked, conflict.
pub(super) const LEFT: &str = "state >= 5 AND state <= 7";
/// States in which nothing more happens: applied, stale, ignored, discarded.
pub(super) const FINAL: &str = "state >= 8";
/// Parked events that wait for a record that is missing in the HIS.
pub(super) const AWAITING: &str = "awaits IS NOT NULL AND state = 6";

// The body stands last, so that reading or changing the other columns never walks its overflow pages.
// No AUTOINCREMENT: it would write a page more per append; instead `meta.last_seq` knows the greatest place that was erased.
// The conditions of the partial indexes are repeated word by word in the queries (the constants above), because
// SQLite uses such an index only where it finds the same words. They compare, and have no IN: for a list of three
// or more SQLite builds a temporary table, for each such index, in every INSERT and UPDATE of a row.
// The crosswalk's table has what all links of a table and step have in common under a number, because there may be ten
// million of them. Rows of `writer` and `link_scope` are never deleted: other processes keep their numbers in memory.
pub(super) const LAYOUT_1: &str = "
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 11),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    replay INTEGER NOT NULL DEFAULT 0 CHECK (replay IN (0, 1)),
    received_at INTEGER NOT NULL,
    occurred_at INTEGER,
    next_at INTEGER,
    settled_at INTEGER,
    conflict_of INTEGER,
    event_id TEXT,
    kind TEXT NOT NULL,
    operation TEXT,
    entity TEXT,
    cause TEXT,
    error TEXT,
    awaits TEXT,
    digest BLOB NOT NULL CHECK (length(digest) = 16),
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_by_id ON event (event_id) WHERE event_id IS NOT NULL AND conflict_of IS NULL;
CREATE INDEX event_by_conflict ON event (conflict_of, digest) WHERE conflict_of IS NOT NULL;
CREATE INDEX event_pending ON event (seq) WHERE state = 0;
CREATE INDEX event_waiting ON event (state, next_at) WHERE state >= 1 AND state <= 3;
CREATE INDEX event_operator ON event (state, kind, cause) WHERE state >= 4 AND state <= 7;
CREATE INDEX event_final ON event (settled_at, state) WHERE state >= 8;
CREATE INDEX event_unfinished ON event (entity, seq) WHERE entity IS NOT NULL AND state <= 4;
CREATE INDEX event_blocking ON event (entity, seq) WHERE entity IS NOT NULL AND state >= 1 AND state <= 4 AND state <> 2;
CREATE INDEX event_expecting ON event (entity, seq) WHERE entity IS NOT NULL AND awaits IS NOT NULL;
CREATE INDEX event_awaiting ON event (awaits) WHERE awaits IS NOT NULL AND state = 6;
CREATE TABLE writer (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    columns TEXT NOT NULL,
    UNIQUE (kind, columns)
) STRICT;
CREATE TABLE entity (
    entity TEXT NOT NULL,
    writer INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_occurred_at INTEGER,
    last_untimed_seq INTEGER,
    touched_at INTEGER NOT NULL,
    PRIMARY KEY (entity, writer)
) STRICT, WITHOUT ROWID;
CREATE TABLE link_scope (id INTEGER PRIMARY KEY, scope TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE link (
    scope INTEGER NOT NULL,
    key TEXT NOT NULL,
    his_key TEXT NOT NULL,
    proof INTEGER,
    proposed_by INTEGER,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_row ON link (scope, his_key);
CREATE TABLE claim (id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL) STRICT;
CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), queue_id TEXT NOT NULL, links_of TEXT) STRICT;
INSERT INTO meta (one, queue_id) VALUES (1, lower(hex(randomblob(4))));
CREATE TABLE request (one INTEGER PRIMARY KEY CHECK (one = 1), sync_now INTEGER NOT NULL) STRICT;
INSERT INTO request (one, sync_now) VALUES (1, 0);
CREATE TABLE daemon (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    listen TEXT NOT NULL,
    version TEXT NOT NULL,
    config_path TEXT NOT NULL,
    database TEXT NOT NULL,
    his_up INTEGER CHECK (his_up IN (0, 1)),
    his_since INTEGER,
    his_error TEXT,
    last_cycle_at INTEGER,
    last_applied_at INTEGER,
    next_attempt_at INTEGER,
    sync_done INTEGER NOT NULL
) STRICT;
";

// `actor` has an empty text where there is no name or no address. Rows of it are never deleted, as those of `writer`.
// `meta.digest_key` keys the digests of bodies: 32 bytes, or, while rows are sealed, these sealed with a data key.
// `meta.data_key` is the data key with which new rows are sealed; none where they stand as they came. `meta.converted` is
// the last event that was looked at while rows are given that form; none where all have it. `meta.last_seq` is the
// greatest place that an erased event had.
// Nothing finds audit rows by their event but a command that may read all of them: an index would cost every append.
const LAYOUT_2: &str = "
CREATE TABLE actor (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    UNIQUE (name, address)
) STRICT;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action INTEGER NOT NULL CHECK (action BETWEEN 0 AND 31),
    actor INTEGER NOT NULL,
    seq INTEGER,
    event_id TEXT,
    detail TEXT
) STRICT;
CREATE TABLE data_key (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
    sealed BLOB NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
ALTER TABLE meta ADD COLUMN digest_key BLOB;
ALTER TABLE meta ADD COLUMN data_key INTEGER;
ALTER TABLE meta ADD COLUMN converted INTEGER;
ALTER TABLE meta ADD COLUMN last_seq INTEGER;
CREATE INDEX event_left ON event (coalesce(settled_at, received_at)) WHERE state >= 5 AND state <= 7;
";

// `doubt` has events that may be in the HIS though nothing here says so, because the file was restored from a backup at
// `meta.restored_at`.
const LAYOUT_3: &str = "
ALTER TABLE meta ADD COLUMN restored_at INTEGER;
CREATE TABLE doubt (seq INTEGER PRIMARY KEY) STRICT;
";

/// Names that a complete file of the latest layout has in its catalog.
pub(super) const OBJECTS: [&str; 25] = [
    "event",
    "event_by_id",
    "event_by_conflict",
    "event_pending",
    "event_waiting",
    "event_operator",
    "event_final",
    "event_unfinished",
    "event_blocking",
    "event_expecting",
    "event_awaiting",
    "event_left",
    "writer",
    "entity",
    "link_scope",
    "link",
    "link_by_row",
    "claim",
    "meta",
    "request",
    "daemon",
    "actor",
    "audit",
    "data_key",
    "doubt",
];

/// Pages in the write-ahead log before a commit copies them into the file itself: 16 MiB. The owner thread does it
/// earlier, in quiet moments.
const WAL_PAGES_MAX: u32 = 4096;
/// Pages kept in memory, in KiB: a commit that changes more writes pages out early and reads them again.
const CACHE_KIB_MAX: i64 = 8192;
/// What the log file is cut back to after it has grown beyond.
const WAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 64;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// An empty database.
    Empty,
    /// A queue file of that layout.
    Queue(i64),
    /// Another program's database.
    Foreign,
}

/// Reads whose the file is. Writes nothing.
pub(super) fn identity(conn: &Connection) -> rusqlite::Result<Identity> {
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match application {
        APPLICATION_ID if layout > 0 => Identity::Queue(layout),
        0 | APPLICATION_ID if objects == 0 => Identity::Empty,
        _ => Identity::Foreign,
    })
}

/// Settings that write nothing: to be called before anything else is done with a connection. Until
/// [`trust`] is called, closing the connection leaves the file and its log as they are.
pub(super) fn look_only(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(QUEUE_BUSY_TIME)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    conn.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;
         PRAGMA secure_delete = ON;",
    )
}

/// Brings a file of an earlier layout, or an empty one, to the latest. In one transaction, so that a crash leaves
/// either layout and never half of one.
pub(super) fn migrate(conn: &Connection, from: i64, digest_key: &DigestKey) -> rusqlite::Result<()> {
    if from == 0 {
        // Before the first table: later it takes a VACUUM.
        conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    let from = usize::try_from(from).unwrap_or(0);
    transaction(conn, "BEGIN EXCLUSIVE", |conn| {
        if from == 1 {
            upgrade::complete_layout_1(conn)?;
        }
        let steps: String = MIGRATIONS.iter().skip(from).copied().collect();
        conn.execute_batch(&steps)?;
        if from < 2 {
            upgrade::key_digests(conn, digest_key)?;
        }
        conn.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {LAYOUT};"
        ))
    })
}

/// Settings of a connection that writes; gives the journal mode that `SQLite` settled on, `wal` where all is well.
pub(super) fn accept(conn: &Connection) -> rusqlite::Result<String> {
    let mode = conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    // FULL syncs the log in every commit; with NORMAL a power cut could take back what was acknowledged.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB_MAX)?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES_MAX, |_| Ok(()))?;
    Ok(mode)
}

/// Ends what [`look_only`] began: from now on, closing the connection writes the log back.
pub(super) fn trust(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

/// What is wrong with the file as far as can be told: by reading all of it, or by its catalog alone.
pub(super) fn damage(conn: &Connection, thorough: bool) -> rusqlite::Result<Option<String>> {
    for name in OBJECTS {
        let there: i64 =
            conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))?;
        if there != 1 {
            return Ok(Some(format!("it has no {name} in its catalog")));
        }
    }
    if !thorough {
        return Ok(None);
    }
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
