//! The audit trail: who sent which event, and what operators did, each written in the transaction that does it. Never
//! holds a value of an event beyond its ids; never read by the daemon's own work.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    limits::{
        AUDIT_DETAIL_BYTES_MAX, AUDIT_DUPLICATES_MAX, AUDIT_DUPLICATES_TIME, NAMES_CACHED_MAX, PRUNE_ROWS_MAX,
    },
    model::{
        clock::Timestamp,
        event::{EventState, RawEvent, ReceiptKind, Sender, Seq},
    },
    queue::{QueueError, store::Store},
};

const RECORD: &str =
    "INSERT INTO audit (at, action, actor, seq, event_id, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Events that came in; all others are what operators did, and are kept longer.
const OF_SENDERS: &str = "action <= 2";
/// The user's name is at most so long in the trail.
const NAME_CHARS_MAX: usize = 200;

/// What the audit trail tells. The number is what the queue file stores; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuditAction {
    /// An event came and was kept.
    Received = 0,
    /// An event came that was kept before.
    Duplicate = 1,
    /// An event came under the id of another one, with another body; kept for an operator to decide.
    Conflict = 2,
    /// An operator has an event tried again.
    Retry = 3,
    /// An operator gave an event up.
    Discard = 4,
    /// An operator said which HIS row a record is.
    Link = 5,
    /// An operator took the link of a record away.
    Unlink = 6,
    /// An operator said that the links belong to a database of another name.
    LinksMoved = 7,
    /// Retention erased an event that was never written into the HIS.
    Erased = 8,
    /// An operator had waiting events written at once.
    Sync = 9,
    /// An operator changed the key of the payloads.
    Rekey = 10,
    /// An operator made a backup.
    Backup = 11,
    /// An operator put a backup in the place of the queue file.
    Restore = 12,
    /// The file was made smaller.
    Compact = 13,
}

impl AuditAction {
    /// All actions, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Received,
        Self::Duplicate,
        Self::Conflict,
        Self::Retry,
        Self::Discard,
        Self::Link,
        Self::Unlink,
        Self::LinksMoved,
        Self::Erased,
        Self::Sync,
        Self::Rekey,
        Self::Backup,
        Self::Restore,
        Self::Compact,
    ];

    /// The action's name, as the command line takes and prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::LinksMoved => "links-moved",
            Self::Erased => "erased",
            Self::Sync => "sync",
            Self::Rekey => "rekey",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Compact => "compact",
        }
    }

    pub(super) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|action| *action as i64 == number)
    }
}

/// Who runs a command, as far as the operating system tells, and which command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The user, `root (sudo: asha)`.
    pub user: String,
    /// The command without what it names, `events retry`.
    pub command: String,
}

/// What was done, for [`record`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) action: AuditAction,
    /// The event's place, and the id that its sender gave it.
    pub(super) event: Option<(Seq, Option<&'a str>)>,
    pub(super) detail: Option<&'a str>,
}

/// Writes down what an operator did or, with none, the daemon by itself. Belongs into the transaction that does it.
pub(super) fn record(
    conn: &Connection,
    at: Timestamp,
    by: Option<&Operator>,
    entry: &Entry<'_>,
) -> rusqlite::Result<()> {
    let name: String = by.map_or("", |by| &by.user).chars().take(NAME_CHARS_MAX).collect();
    let actor = number(conn, &name, "")?;
    let command = by.map(|by| by.command.as_str());
    let detail = match (command, entry.detail) {
        (Some(command), Some(detail)) => Some(format!("{command}: {detail}")),
        (command, detail) => command.or(detail).map(str::to_owned),
    };
    insert(conn, at, actor, &Entry { detail: detail.as_deref(), ..*entry })
}

/// Where an event stood.
pub(super) fn was(state: EventState, cause: Option<&str>) -> String {
    cause.map_or_else(|| format!("was {state}"), |cause| format!("was {state}, {cause}"))
}

fn insert(conn: &Connection, at: Timestamp, actor: i64, entry: &Entry<'_>) -> rusqlite::Result<()> {
    let detail =
        entry.detail.map(|text| text.get(..text.floor_char_boundary(AUDIT_DETAIL_BYTES_MAX)).unwrap_or(text));
    let (seq, id) = entry.event.map_or((None, None), |(seq, id)| (Some(seq.0), id));
    conn.prepare_cached(RECORD)?.execute(params![at.0, entry.action as i64, actor, seq, id, detail]).map(drop)
}

/// The number of a name with an address, which is given one where it has none.
fn number(conn: &Connection, name: &str, address: &str) -> rusqlite::Result<i64> {
    let found = conn
        .prepare_cached("SELECT id FROM actor WHERE name = ?1 AND address = ?2")?
        .query_row([name, address], |row| row.get(0))
        .optional()?;
    if let Some(number) = found {
        return Ok(number);
    }
    conn.prepare_cached("INSERT INTO actor (name, address) VALUES (?1, ?2)")?.execute([name, address])?;
    Ok(conn.last_insert_rowid())
}

/// What the owner of the file remembers of the trail. To be taken out of the store and put back after a commit, as
/// [`super::memory::Writers`].
#[derive(Default)]
pub(super) struct Trail {
    senders: HashMap<Sender, i64>,
    duplicates: Duplicates,
    /// Where pruning has found nothing but operators' rows so far.
    front: i64,
    /// Where the round through all rows goes on.
    round: i64,
}

/// The same event again and again must not fill the disk: of an hour's duplicates some are listed, each event once for
/// each sender, and the others are counted.
#[derive(Default)]
struct Duplicates {
    began: Timestamp,
    listed: HashSet<(Seq, i64)>,
    unlisted: u64,
}

impl Trail {
    /// Writes down what became of an event that came.
    pub(super) fn came(
        &mut self,
        conn: &Connection,
        event: &RawEvent,
        seq: Seq,
        kind: ReceiptKind,
        first: Option<Seq>,
    ) -> rusqlite::Result<()> {
        let at = event.received_at;
        let action = match kind {
            ReceiptKind::Fresh => AuditAction::Received,
            ReceiptKind::Duplicate => AuditAction::Duplicate,
            ReceiptKind::Conflict => AuditAction::Conflict,
        };
        let actor = self.sender(conn, &event.sender)?;
        if kind == ReceiptKind::Duplicate && !self.lists(conn, at, seq, actor)? {
            return Ok(());
        }
        let detail = first.map(|first| format!("event {first} has the same id and another body"));
        let id = event.id.as_ref().map(|id| id.0.as_str());
        insert(conn, at, actor, &Entry { action, event: Some((seq, id)), detail: detail.as_deref() })
    }

    /// Counts a duplicate that is acknowledged while nothing can be written.
    pub(super) fn came_unwritten(&mut self) {
        self.duplicates.unlisted = self.duplicates.unlisted.saturating_add(1);
    }

    /// Whether a duplicate gets a row of its own.
    fn lists(&mut self, conn: &Connection, at: Timestamp, seq: Seq, actor: i64) -> rusqlite::Result<bool> {
        let began = self.duplicates.began;
        if at < began || at >= began.after(AUDIT_DUPLICATES_TIME) {
            let unlisted = self.duplicates.unlisted;
            self.duplicates = Duplicates { began: at, ..Duplicates::default() };
            if unlisted > 0 {
                let detail = format!("{unlisted} more came before, which are not listed");
                let entry =
                    Entry { action: AuditAction::Duplicate, event: None, detail: Some(detail.as_str()) };
                insert(conn, at, number(conn, "", "")?, &entry)?;
            }
        }
        let Duplicates { listed, unlisted, .. } = &mut self.duplicates;
        let lists = listed.len() < AUDIT_DUPLICATES_MAX && listed.insert((seq, actor));
        *unlisted = unlisted.saturating_add(u64::from(!lists));
        Ok(lists)
    }

    fn sender(&mut self, conn: &Connection, sender: &Sender) -> rusqlite::Result<i64> {
        if let Some(number) = self.senders.get(sender) {
            return Ok(*number);
        }
        let name = sender.credential.as_deref().unwrap_or_default();
        let number = number(conn, name, &sender.address.to_string())?;
        if self.senders.len() >= NAMES_CACHED_MAX {
            self.senders.clear();
        }
        self.senders.insert(sender.clone(), number);
        Ok(number)
    }

    /// Erases some rows: those of senders from before one moment, those of operators from before another.
    ///
    /// Rows have no index by age. The old ones stand in front, behind a few of operators that are kept; and because a clock
    /// that was wrong may have left some anywhere, each step looks at the next ones of a round through all of them, too.
    fn prune(
        &mut self,
        conn: &Connection,
        senders_before: Timestamp,
        operators_before: Timestamp,
    ) -> rusqlite::Result<u64> {
        let before = [senders_before.0, operators_before.0];
        let front = window(conn, self.front, before)?;
        if !front.keeps_senders {
            self.front = front.last.filter(|_| front.full).unwrap_or(self.front);
        }
        let round = window(conn, self.round, before)?;
        self.round = round.last.filter(|_| round.full).unwrap_or(0);
        Ok(front.erased + round.erased)
    }
}

/// What a look at the rows behind a place has done.
struct Window {
    erased: u64,
    /// The last row that was looked at.
    last: Option<i64>,
    /// There may be more behind it.
    full: bool,
    /// Rows of senders are left in it.
    keeps_senders: bool,
}

fn window(conn: &Connection, after: i64, before: [i64; 2]) -> rusqlite::Result<Window> {
    let (last, seen): (Option<i64>, u32) = conn
        .prepare_cached(
            "SELECT max(id), count(*) FROM (SELECT id FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2)",
        )?
        .query_row(params![after, PRUNE_ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let erase = format!(
        "DELETE FROM audit WHERE id > ?1 AND id <= ?2 AND id < (SELECT max(id) FROM audit)
             AND at < CASE WHEN {OF_SENDERS} THEN ?3 ELSE ?4 END"
    );
    let keeps = format!("SELECT EXISTS (SELECT 1 FROM audit WHERE id > ?1 AND id <= ?2 AND {OF_SENDERS})");
    let erased = conn.prepare_cached(&erase)?.execute(params![after, last, before[0], before[1]])? as u64;
    let keeps_senders = conn.prepare_cached(&keeps)?.query_row(params![after, last], |row| row.get(0))?;
    Ok(Window { erased, last, full: seen >= PRUNE_ROWS_MAX, keeps_senders })
}

impl Store {
    /// One bounded step of erasing old rows of the trail. The row with the greatest number stays, so that none is given twice.
    pub(super) fn prune_audit(
        &mut self,
        senders_before: Timestamp,
        operators_before: Timestamp,
    ) -> Result<u64, QueueError> {
        let mut trail = std::mem::take(&mut self.trail);
        let erased = self.write(|conn| trail.prune(conn, senders_before, operators_before))?;
        self.trail = trail;
        Ok(erased)
    }
}
