//! Events on their way to the HIS: claimed as a page, compared with their entities, settled. A claim is committed
//! before its events are handed out, so that a crash of the process is counted with them.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::{
    limits::PAGE_BYTES_MAX,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventKind, EventState, Seq, StoredEvent},
        outcome::{Settlement, Standing},
    },
    queue::{
        ClaimId, Page, QueueError,
        schema::UNFINISHED,
        store::{Store, bounded},
    },
};

const READ_PAGE: &str = "
    SELECT seq, crashes, length(body), event_id, kind, operation, occurred_at, received_at, attempts, replay, body
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
        entity = coalesce(?11, entity)
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
        entity = coalesce(?3, entity)
    WHERE seq = ?1 AND state = 0";
const REMEMBER_ENTITIES: &str = "
    INSERT INTO entity (entity, last_seq, last_occurred_at, last_untimed_seq, touched_at)
    SELECT coalesce(?4, entity) || char(31) || substr(kind, 1, instr(kind || '.', '.') - 1), seq, occurred_at,
           CASE WHEN occurred_at IS NULL THEN seq END, ?3
    FROM event WHERE seq BETWEEN ?1 AND ?2
    ON CONFLICT (entity) DO UPDATE SET
        last_seq = max(last_seq, excluded.last_seq),
        last_untimed_seq = coalesce(
            max(last_untimed_seq, excluded.last_untimed_seq), last_untimed_seq, excluded.last_untimed_seq),
        last_occurred_at = coalesce(
            max(last_occurred_at, excluded.last_occurred_at), last_occurred_at, excluded.last_occurred_at),
        touched_at = excluded.touched_at";

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
        let found = self.write(|conn| {
            let page = read_page(conn, after, events_max.max(1))?;
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
        if !page.is_empty() {
            self.next_claim += 1;
            self.open_claims.push((id, suspect));
        }
        let events = page.into_iter().map(|event| event.named(self)).collect();
        Ok(Page { claim: id, events, held_back })
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
        let finished = self.write(|conn| {
            let finished = settle_all(conn, settlements, now)?;
            close_claim(conn, claim)?;
            Ok(finished)
        })?;
        self.open_claims.retain(|(open, _)| *open != claim);
        self.unfinished = self.unfinished.saturating_sub(finished);
        self.held_due |= settlements.iter().any(|settlement| settlement.state == EventState::Held);
        Ok(())
    }

    /// What is known of each entity and event type, and the entity's least unfinished event before the given one:
    /// of those that wait for something where there is one, because what is merely pending may be in the same page.
    pub(super) fn standing(
        &mut self,
        entities: &[(Entity, EventKind, Seq)],
    ) -> Result<Vec<Standing>, QueueError> {
        let unfinished_sql = format!(
            "SELECT seq FROM event INDEXED BY event_unfinished
             WHERE entity IS NOT NULL AND {UNFINISHED} AND entity = ?1 AND seq < ?2
             ORDER BY (state = 0), seq LIMIT 1"
        );
        let any_sql = format!(
            "SELECT EXISTS (SELECT 1 FROM event INDEXED BY event_unfinished
                            WHERE entity IS NOT NULL AND {UNFINISHED})"
        );
        self.read(|conn| {
            let mut known = conn.prepare_cached(
                "SELECT last_seq, last_occurred_at, last_untimed_seq FROM entity WHERE entity = ?1",
            )?;
            let mut unfinished = conn.prepare_cached(&unfinished_sql)?;
            // Mostly nothing waits, and then one look answers for all.
            let any_unfinished: bool = conn.prepare_cached(&any_sql)?.query_row([], |row| row.get(0))?;
            entities
                .iter()
                .map(|(entity, kind, seq)| {
                    let newest = known.query_row([entity.memory(kind)], |row| {
                        Ok(Standing {
                            last_seq: row.get::<_, Option<i64>>(0)?.map(Seq),
                            last_occurred_at: row.get::<_, Option<i64>>(1)?.map(Timestamp),
                            last_untimed_seq: row.get::<_, Option<i64>>(2)?.map(Seq),
                            unfinished: None,
                        })
                    });
                    let least: Option<i64> = if any_unfinished {
                        unfinished.query_row(params![entity.0, seq.0], |row| row.get(0)).optional()?
                    } else {
                        None
                    };
                    let newest = newest.optional()?.unwrap_or_default();
                    Ok(Standing { unfinished: least.map(Seq), ..newest })
                })
                .collect()
        })
    }
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
        }
    }
}

fn read_page(conn: &Connection, after: i64, events_max: usize) -> rusqlite::Result<Vec<Claimed>> {
    let mut statement = conn.prepare_cached(READ_PAGE)?;
    let mut rows = statement.query(params![after, i64::try_from(events_max).unwrap_or(i64::MAX)])?;
    let mut page: Vec<Claimed> = Vec::new();
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
        page.push(Claimed {
            seq: Seq(row.get(0)?),
            crashes,
            id: row.get(3)?,
            kind: row.get(4)?,
            operation: row.get(5)?,
            occurred_at: row.get(6)?,
            received_at: row.get(7)?,
            attempts: row.get(8)?,
            replay: row.get(9)?,
            body: row.get(10)?,
        });
    }
    Ok(page)
}

/// Events of one page after so many crashes: an eighth for each, at least one.
fn narrowed(events_max: usize, crashes: u32) -> usize {
    events_max.checked_shr(crashes.saturating_mul(3)).unwrap_or(0).max(1)
}

fn close_claim(conn: &Connection, claim: ClaimId) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM claim WHERE id = ?1")?.execute([claim.0]).map(drop)
}

/// Gives how many events are no longer unfinished.
fn settle_all(conn: &Connection, settlements: &[Settlement], now: Timestamp) -> rusqlite::Result<u64> {
    let mut settle = conn.prepare_cached(SETTLE)?;
    let mut apply = conn.prepare_cached(APPLY)?;
    let mut remember = conn.prepare_cached(REMEMBER_ENTITIES)?;
    // Neighbours in the queue that were just applied, and have their entities with them.
    let mut run: Option<(Seq, Seq)> = None;
    let mut finished = 0;
    for settlement in settlements {
        let Settlement { seq, state, entity, .. } = settlement;
        let name = entity.as_ref().map(|e| e.0.as_str());
        if is_plainly_applied(settlement) && apply.execute(params![seq.0, now.0, name])? > 0 {
            finished += 1;
            if let Some((_, last)) = run.as_mut().filter(|(_, last)| last.0 + 1 == seq.0 && name.is_some()) {
                *last = *seq;
                continue;
            }
            if let Some((first, last)) = run.take() {
                remember.execute(params![first.0, last.0, now.0, None::<&str>])?;
            }
            run = name.map(|_| (*seq, *seq));
            continue;
        }
        if record(&mut settle, settlement, EventState::Pending, now)? > 0 {
            finished += u64::from(!unfinished(*state));
        } else if *state == EventState::Applied {
            record(&mut settle, settlement, EventState::Discarded, now)?;
        }
        if *state == EventState::Applied && name.is_some() {
            remember.execute(params![seq.0, seq.0, now.0, name])?;
        }
    }
    if let Some((first, last)) = run {
        remember.execute(params![first.0, last.0, now.0, None::<&str>])?;
    }
    Ok(finished)
}

/// Whether [`APPLY`] says all of it.
fn is_plainly_applied(settlement: &Settlement) -> bool {
    settlement.state == EventState::Applied && settlement.counted && settlement.next_at.is_none()
}

/// Records a settlement, where the event is in that state; gives whether it was.
fn record(
    settle: &mut CachedStatement<'_>,
    settlement: &Settlement,
    from: EventState,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let Settlement { seq, state, counted, replay, next_at, reason, entity } = settlement;
    let released = *state == EventState::Pending;
    // States that wait for a moment always have one, or nothing would ever wake them.
    let waits = matches!(state, EventState::Deferred | EventState::Waiting);
    let next_at = next_at.map(|t| t.0).or(waits.then_some(now.0));
    let settled_at = (!released || *counted).then_some(now.0);
    let reason = reason.as_ref().filter(|_| *state != EventState::Applied);
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
        reason.map(|r| bounded(&r.message)),
        entity.as_ref().map(|e| e.0.as_str()),
        from as i64
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
