//! Events on their way to the HIS: claimed as a page, compared with their entities, settled. A claim is committed
//! before its events are handed out, so that a crash of the process is counted with them.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::{
    limits::{AWAITS_BYTES_MAX, PAGE_BYTES_MAX},
    model::{
        clock::Timestamp,
        event::{EventKind, EventState, Seq, StoredEvent},
        outcome::{Settlement, Standing},
    },
    queue::{
        ClaimId, Page, Question, QueueError, links,
        memory::{self, Remembering, Writers},
        schema::UNFINISHED,
        sealing::Sealing,
        store::{Store, bounded},
    },
};

const READ_PAGE: &str = "
    SELECT seq, crashes, length(body), event_id, kind, operation, occurred_at, received_at, attempts, replay, body,
        conflict_of IS NOT NULL, EXISTS (SELECT 1 FROM doubt WHERE doubt.seq = event.seq)
    FROM event INDEXED BY event_pending
    WHERE state = 0 AND seq > ?1 ORDER BY seq LIMIT ?2";
const SETTLE: &str = "
    UPDATE event SET
        state = ?2,
        attempts = attempts + ?3,
        replay = CASE WHEN ?4 THEN 0 ELSE max(replay, ?5) END,
        next_at = ?6,
        settled_at = coalesce(?7, settled_at),
        cause = CASE WHEN ?8 THEN cause ELSE ?9 END,
        error = CASE WHEN ?8 THEN error ELSE ?10 END,
        entity = coalesce(?11, entity),
        awaits = ?13
    WHERE seq = ?1 AND state = ?12";
/// As [`SETTLE`] does it for an event that was pending and is applied.
const APPLY: &str = "
    UPDATE event SET
        state = 8,
        attempts = attempts + 1,
        replay = 0,
        next_at = NULL,
        settled_at = ?2,
        cause = NULL,
        error = NULL,
        entity = coalesce(?3, entity),
        awaits = NULL
    WHERE seq = ?1 AND state = 0";

/// The cause of events that cannot be unsealed.
const UNREADABLE_CAUSE: &str = "unreadable";
const UNREADABLE_WORDS: &str = "the event's body in the queue file was changed or damaged and cannot be unsealed: restore a \
    backup of the queue file, or let the event be sent again and discard this one";

impl Store {
    /// Claims the next page of pending events.
    ///
    /// All events of a page have been through the same number of crashes, and the more crashes, the fewer events:
    /// so an event that takes the process down soon stands alone, and its neighbours are not counted with it
    /// again and again. For the same reason such a page is given only while no other claim is open.
    pub(super) fn claim(&mut self, after: Option<Seq>, events_max: usize) -> Result<Page, QueueError> {
        self.sound()?;
        let after = after.map_or(i64::MIN, |seq| seq.0);
        let busy = !self.open_claims.is_empty();
        let suspect_open = self.open_claims.iter().any(|(_, suspect)| *suspect);
        let id = ClaimId(self.next_claim);
        let sealing = Arc::clone(&self.sealing);
        let mut parked = 0;
        let found = self.write(|conn| {
            let page = loop {
                let (page, unreadable) = read_page(conn, &sealing, after, events_max.max(1))?;
                park_unreadable(conn, &sealing, &unreadable)?;
                parked += unreadable.len() as u64;
                if !page.is_empty() || unreadable.is_empty() {
                    break page;
                }
            };
            let suspect = page.first().is_some_and(|event| event.crashes > 0);
            if suspect_open || (suspect && busy) {
                return Ok((Vec::new(), !page.is_empty(), suspect));
            }
            if let (Some(first), Some(last)) = (page.first(), page.last()) {
                conn.prepare_cached("INSERT INTO claim (id, first_seq, last_seq) VALUES (?1, ?2, ?3)")?
                    .execute([id.0, first.seq.0, last.seq.0])?;
            }
            Ok((page, false, suspect))
        })?;
        let (page, held_back, suspect) = found;
        if parked > 0 {
            self.unfinished = self.unfinished.saturating_sub(parked);
            self.held_due = true;
            tracing::error!(
                events = parked,
                "events cannot be unsealed and were parked; `events list` shows them"
            );
        }
        if !page.is_empty() {
            self.next_claim += 1;
            self.open_claims.push((id, suspect));
        }
        let events = page.into_iter().map(|event| event.named(self)).collect();
        Ok(Page { claim: id, events, held_back })
    }

    /// The pending events that a claim after that place would give next, without claiming them.
    pub(super) fn peek(&mut self, after: Seq, events_max: usize) -> Result<Vec<StoredEvent>, QueueError> {
        let sealing = Arc::clone(&self.sealing);
        // Those that cannot be unsealed are parked when they are claimed.
        let (page, _) = self.read(|conn| read_page(conn, &sealing, after.0, events_max.max(1)))?;
        Ok(page.into_iter().map(|event| event.named(self)).collect())
    }

    /// Closes a claim of which nothing was tried.
    pub(super) fn release(&mut self, claim: ClaimId) -> Result<(), QueueError> {
        self.write(|conn| close_claim(conn, claim))?;
        self.open_claims.retain(|(open, _)| *open != claim);
        Ok(())
    }

    /// Records what became of events, and closes their claim, in one commit.
    ///
    /// Only pending events change, because an operator may have given up others in between; but what is in the HIS
    /// is recorded as applied even then.
    pub(super) fn settle(
        &mut self,
        claim: ClaimId,
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<(), QueueError> {
        let (mut writers, mut scopes) = (std::mem::take(&mut self.writers), std::mem::take(&mut self.scopes));
        let sealing = Arc::clone(&self.sealing);
        let finished = self.write(|conn| {
            let finished = settle_all(conn, &mut writers, &sealing, settlements, now)?;
            for (entity, change) in settlements.iter().flat_map(|settlement| &settlement.links) {
                links::change(conn, &mut scopes, entity, change, now)?;
            }
            close_claim(conn, claim)?;
            Ok(finished)
        })?;
        (self.writers, self.scopes) = (writers, scopes);
        self.open_claims.retain(|(open, _)| *open != claim);
        self.unfinished = self.unfinished.saturating_sub(finished);
        self.held_due |= settlements.iter().any(|settlement| settlement.state == EventState::Held);
        Ok(())
    }

    /// What is known of each entity, and its least unfinished event before the given one: of those that wait for
    /// something where there is one, because what is merely pending may be in the same page.
    pub(super) fn standing(&mut self, questions: &[Question]) -> Result<Vec<Standing>, QueueError> {
        let (mut writers, mut scopes) = (std::mem::take(&mut self.writers), std::mem::take(&mut self.scopes));
        let found = self.read(|conn| standings(conn, &mut writers, &mut scopes, questions))?;
        (self.writers, self.scopes) = (writers, scopes);
        Ok(found)
    }
}

/// See [`Store::standing`].
pub(super) fn standings(
    conn: &Connection,
    writers: &mut memory::Writers,
    scopes: &mut links::Scopes,
    questions: &[Question],
) -> rusqlite::Result<Vec<Standing>> {
    let unfinished_sql = format!(
        "SELECT seq FROM event INDEXED BY event_unfinished
         WHERE entity IS NOT NULL AND {UNFINISHED} AND entity = ?1 AND seq < ?2
         ORDER BY (state = 0), seq LIMIT 1"
    );
    let any_sql = format!(
        "SELECT EXISTS (SELECT 1 FROM event INDEXED BY event_unfinished
                        WHERE entity IS NOT NULL AND {UNFINISHED})"
    );
    let expected_sql = "SELECT EXISTS (SELECT 1 FROM event INDEXED BY event_expecting
                        WHERE entity IS NOT NULL AND awaits IS NOT NULL AND entity = ?1 AND seq < ?2)";
    let any_expected_sql = "SELECT EXISTS (SELECT 1 FROM event INDEXED BY event_expecting
                            WHERE entity IS NOT NULL AND awaits IS NOT NULL)";
    let mut unfinished = conn.prepare_cached(&unfinished_sql)?;
    let mut expected = conn.prepare_cached(expected_sql)?;
    let any_expected: bool = conn.prepare_cached(any_expected_sql)?.query_row([], |row| row.get(0))?;
    // Mostly nothing waits, and then one look answers for all.
    let any_unfinished: bool = conn.prepare_cached(&any_sql)?.query_row([], |row| row.get(0))?;
    let answer = |Question { entity, seq, order, link }: &Question| {
        let least: Option<i64> = if *order && any_unfinished {
            unfinished.query_row(params![entity.0, seq.0], |row| row.get(0)).optional()?
        } else {
            None
        };
        let expected =
            *order && any_expected && expected.query_row(params![entity.0, seq.0], |row| row.get(0))?;
        let link = if *link { links::find(conn, scopes, entity)? } else { None };
        let written = memory::written(conn, writers, entity)?;
        Ok(Standing { written, unfinished: least.map(Seq), expected, link })
    };
    questions.iter().map(answer).collect()
}

/// An event of a page, before the id that it is shown under is made.
struct Claimed {
    seq: Seq,
    crashes: u32,
    id: Option<String>,
    kind: String,
    operation: Option<String>,
    occurred_at: Option<i64>,
    received_at: i64,
    attempts: u32,
    replay: bool,
    body: Vec<u8>,
    twin: bool,
    doubt: bool,
}

impl Claimed {
    fn named(self, store: &Store) -> StoredEvent {
        StoredEvent {
            seq: self.seq,
            id: store.shown_id(self.id, self.seq),
            kind: EventKind(self.kind),
            operation: self.operation,
            occurred_at: self.occurred_at.map(Timestamp),
            received_at: Timestamp(self.received_at),
            body: self.body,
            attempts: self.attempts,
            crashes: self.crashes,
            replay: self.replay,
            twin: self.twin,
            doubt: self.doubt,
        }
    }
}

/// The next pending events; and those among them whose bodies cannot be unsealed.
fn read_page(
    conn: &Connection,
    sealing: &Sealing,
    after: i64,
    events_max: usize,
) -> rusqlite::Result<(Vec<Claimed>, Vec<i64>)> {
    let mut statement = conn.prepare_cached(READ_PAGE)?;
    let mut rows = statement.query(params![after, i64::try_from(events_max).unwrap_or(i64::MAX)])?;
    let (mut page, mut unreadable): (Vec<Claimed>, Vec<i64>) = (Vec::new(), Vec::new());
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        let (crashes, size): (u32, usize) = (row.get(1)?, row.get::<_, u32>(2)? as usize);
        bytes = bytes.saturating_add(size);
        if let Some(first) = page.first()
            && (first.crashes != crashes
                || page.len() >= narrowed(events_max, crashes)
                || bytes > PAGE_BYTES_MAX)
        {
            break;
        }
        let seq = row.get(0)?;
        let Ok(body) = sealing.open_body(seq, row.get(10)?) else {
            unreadable.push(seq);
            continue;
        };
        page.push(Claimed {
            seq: Seq(seq),
            crashes,
            id: row.get(3)?,
            kind: row.get(4)?,
            operation: row.get(5)?,
            occurred_at: row.get(6)?,
            received_at: row.get(7)?,
            attempts: row.get(8)?,
            replay: row.get(9)?,
            body,
            twin: row.get(11)?,
            doubt: row.get(12)?,
        });
    }
    Ok((page, unreadable))
}

/// Hands events to an operator whose bodies cannot be unsealed: they must not keep the others waiting.
fn park_unreadable(conn: &Connection, sealing: &Sealing, unreadable: &[i64]) -> rusqlite::Result<()> {
    for seq in unreadable {
        conn.prepare_cached(
            "UPDATE event SET state = 6, cause = ?2, error = ?3 WHERE seq = ?1 AND state = 0",
        )?
        .execute(params![seq, UNREADABLE_CAUSE, sealing.error(*seq, UNREADABLE_WORDS)?])?;
    }
    Ok(())
}

/// Events of one page after so many crashes: an eighth for each, at least one.
fn narrowed(events_max: usize, crashes: u32) -> usize {
    events_max.checked_shr(crashes.saturating_mul(3)).unwrap_or(0).max(1)
}

fn close_claim(conn: &Connection, claim: ClaimId) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM claim WHERE id = ?1")?.execute([claim.0]).map(drop)
}

/// Gives how many events are no longer unfinished.
fn settle_all(
    conn: &Connection,
    writers: &mut Writers,
    sealing: &Sealing,
    settlements: &[Settlement],
    now: Timestamp,
) -> rusqlite::Result<u64> {
    let mut settle = conn.prepare_cached(SETTLE)?;
    let mut apply = conn.prepare_cached(APPLY)?;
    let mut remembering = Remembering::begin(conn, writers, now)?;
    let mut finished = 0;
    for settlement in settlements {
        let Settlement { seq, state, entity, .. } = settlement;
        let name = entity.as_ref().map(|e| &*e.0);
        if is_plainly_applied(settlement) && apply.execute(params![seq.0, now.0, name])? > 0 {
            finished += 1;
            remembering.applied(settlement, true)?;
            continue;
        }
        if record(&mut settle, sealing, settlement, EventState::Pending, now)? > 0 {
            finished += u64::from(!unfinished(*state));
        } else if *state == EventState::Applied {
            record(&mut settle, sealing, settlement, EventState::Discarded, now)?;
        }
        if *state == EventState::Applied {
            remembering.applied(settlement, false)?;
        }
    }
    remembering.end()?;
    Ok(finished)
}

/// Whether [`APPLY`] says all of it.
fn is_plainly_applied(settlement: &Settlement) -> bool {
    settlement.state == EventState::Applied && settlement.counted && settlement.next_at.is_none()
}

/// Records a settlement, where the event is in that state; gives whether it was.
fn record(
    settle: &mut CachedStatement<'_>,
    sealing: &Sealing,
    settlement: &Settlement,
    from: EventState,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let Settlement { seq, state, counted, replay, next_at, reason, entity, awaits, .. } = settlement;
    let released = *state == EventState::Pending;
    // States that wait for a moment always have one, or nothing would ever wake them.
    let waits = matches!(state, EventState::Deferred | EventState::Waiting);
    let next_at = next_at.map(|t| t.0).or(waits.then_some(now.0));
    let settled_at = (!released || *counted).then_some(now.0);
    let reason = reason.as_ref().filter(|_| *state != EventState::Applied);
    let error = reason.map(|r| sealing.error(seq.0, bounded(&r.message))).transpose()?;
    settle.execute(params![
        seq.0,
        *state as i64,
        counted,
        state.is_final(),
        replay,
        next_at,
        settled_at,
        released && reason.is_none(),
        reason.map(|r| bounded(&r.cause)),
        error,
        entity.as_ref().map(|e| &*e.0),
        from as i64,
        awaits.as_ref().filter(|a| *state == EventState::Parked && (1..=AWAITS_BYTES_MAX).contains(&a.len()))
    ])
}

/// Whether an event in that state counts as waiting to be applied; the same states as [`UNFINISHED`].
fn unfinished(state: EventState) -> bool {
    matches!(
        state,
        EventState::Pending
            | EventState::Deferred
            | EventState::Held
            | EventState::Waiting
            | EventState::Paused
    )
}

/// Counts a crash with every event of the claims that a process left open, and closes them. Gives how many events.
pub(super) fn recover(conn: &Connection) -> rusqlite::Result<u64> {
    let mut ranges: Vec<(i64, i64)> = conn
        .prepare("SELECT first_seq, last_seq FROM claim ORDER BY first_seq")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if ranges.is_empty() {
        return Ok(0);
    }
    let mut reached = i64::MIN;
    let mut recovered = 0;
    for (first, last) in &mut ranges {
        // Claims may overlap; an event is counted once.
        *first = (*first).max(reached);
        recovered += conn
            .prepare_cached(
                "UPDATE event SET attempts = attempts + 1, crashes = crashes + 1, replay = 1
                 WHERE seq IN (SELECT seq FROM event INDEXED BY event_pending
                               WHERE state = 0 AND seq BETWEEN ?1 AND ?2)",
            )?
            .execute([*first, *last])? as u64;
        reached = reached.max(last.saturating_add(1));
    }
    conn.execute("DELETE FROM claim", [])?;
    Ok(recovered)
}
