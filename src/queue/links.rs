//! The crosswalk: which row of the HIS database each record with a generated key is. Points into one HIS database, is never
//! pruned, and never read as a whole.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    limits::NAMES_CACHED_MAX,
    model::{
        clock::Timestamp,
        entity::{Entity, scope_parts},
        event::Seq,
        outcome::{Link, LinkChange},
    },
    queue::{QueueError, store::Store},
};

/// The event that proposed a row is named as long as it is unfinished ([`super::schema::UNFINISHED`]): until then it knows best.
const FIND: &str = "
    SELECT his_key, proof,
           iif(proof IS NULL, NULL, (SELECT seq FROM event WHERE seq = proposed_by AND state <= 4))
    FROM link WHERE scope = ?1 AND key = ?2";
const PROPOSE: &str = "
    INSERT INTO link (scope, key, his_key, proof, linked_at, proposed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?7)
    ON CONFLICT (scope, key) DO UPDATE SET
        his_key = excluded.his_key, proof = excluded.proof, linked_at = excluded.linked_at,
        proposed_by = excluded.proposed_by
    WHERE proof IS NOT NULL OR his_key = ?6";
const CONFIRM: &str = "
    INSERT INTO link (scope, key, his_key, proof, linked_at) VALUES (?1, ?2, ?3, NULL, ?4)
    ON CONFLICT (scope, key) DO UPDATE SET
        his_key = excluded.his_key, proof = NULL, linked_at = excluded.linked_at
    WHERE proof IS NOT NULL OR his_key <> excluded.his_key";
/// [`CONFIRM`] for a link that became what was proposed: touches no index.
const KEEP: &str = "
    UPDATE link SET proof = NULL, linked_at = ?4
    WHERE scope = ?1 AND key = ?2 AND his_key = ?3 AND proof IS NOT NULL";
/// Whether another record has that row. Mostly none has, and asking costs a fraction of what [`VOID_OTHERS`] does.
const OTHERS: &str = "
    SELECT EXISTS (SELECT 1 FROM link INDEXED BY link_by_row WHERE scope = ?1 AND his_key = ?3 AND key <> ?2)";
/// Proposals of other records for a row that is now known to be another's.
const VOID_OTHERS: &str = "
    DELETE FROM link WHERE scope = ?1 AND key IN (
        SELECT key FROM link INDEXED BY link_by_row
        WHERE scope = ?1 AND his_key = ?3 AND key <> ?2 AND proof IS NOT NULL)";
const DROP: &str = "DELETE FROM link WHERE scope = ?1 AND key = ?2";
const OWNER: &str = "SELECT links_of FROM meta WHERE EXISTS (SELECT 1 FROM link)";
const VOID: &str = "DELETE FROM link WHERE scope = ?1 AND key = ?2 AND proof IS NOT NULL";

/// All that is done to links, for the test that shows that none of it walks through them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 9] =
    [FIND, PROPOSE, CONFIRM, KEEP, OTHERS, VOID_OTHERS, DROP, VOID, OWNER];

/// A row that the HIS is about to be asked to insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The record.
    pub entity: Entity,
    /// The key that the row is to have.
    pub his_key: String,
    /// See [`Link::proof`].
    pub proof: i64,
    /// The event that inserts the row.
    pub by: Seq,
    /// The key of a row that the record was linked to, and that is gone.
    pub instead_of: Option<String>,
}

/// Whose rows the crosswalk's links point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinksOf {
    /// Those of the database that was named.
    Ours,
    /// Those of another one.
    Other(String),
}

/// The numbers of the scopes in the file, as far as they were needed; see [`Entity::scope_and_key`]. To be taken out of
/// the store and put back after a commit, as [`super::memory::Writers`]; out of date once another process was at work.
#[derive(Default)]
pub(super) struct Scopes(HashMap<String, i64>);

impl Scopes {
    /// The number of a scope, where it has one.
    pub(super) fn find(&mut self, conn: &Connection, scope: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.0.get(scope) {
            return Ok(Some(*number));
        }
        let found: Option<i64> = conn
            .prepare_cached("SELECT id FROM link_scope WHERE scope = ?1")?
            .query_row([scope], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.keep(scope, number);
        }
        Ok(found)
    }

    /// The number of a scope, which is given one where it has none.
    fn number(&mut self, conn: &Connection, scope: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.find(conn, scope)? {
            return Ok(number);
        }
        conn.prepare_cached("INSERT INTO link_scope (scope) VALUES (?1)")?.execute([scope])?;
        let number = conn.last_insert_rowid();
        self.keep(scope, number);
        Ok(number)
    }

    fn keep(&mut self, scope: &str, number: i64) {
        // There are as many as the mappings have steps with a generated key: few. Beyond that, begin again.
        if self.0.len() >= NAMES_CACHED_MAX {
            self.0.clear();
        }
        self.0.insert(scope.to_owned(), number);
    }
}

impl Store {
    /// Records what the HIS is about to be asked, in one commit: all of it, or, where one of the records has a confirmed
    /// link, nothing.
    pub(super) fn propose(&mut self, proposals: &[Proposal], now: Timestamp) -> Result<(), QueueError> {
        let mut scopes = std::mem::take(&mut self.scopes);
        let confirmed = self.write(|conn| {
            conn.execute_batch("SAVEPOINT proposals")?;
            for Proposal { entity, his_key, proof, by, instead_of } in proposals {
                let (scope, key) = entity.scope_and_key();
                let scope = scopes.number(conn, scope)?;
                let values = params![scope, key, his_key, proof, now.0, instead_of, by.0];
                if conn.prepare_cached(PROPOSE)?.execute(values)? == 0 {
                    // A confirmed link stays as it is.
                    conn.execute_batch("ROLLBACK TO proposals")?;
                    return Ok(Some(entity));
                }
            }
            Ok(None)
        })?;
        let Some(entity) = confirmed else {
            self.scopes = scopes;
            return Ok(());
        };
        // The numbers of new scopes were taken back with the rest, and are not kept.
        let (table, name) = scope_parts(entity.scope_and_key().0).unwrap_or_default();
        Err(QueueError::Linked { table: table.to_owned(), name: name.to_owned() })
    }

    /// Whether no other record of the same table and step is linked to that row, or may be.
    pub(super) fn is_unlinked(&mut self, entity: &Entity, his_key: &str) -> Result<bool, QueueError> {
        let (scope, key) = entity.scope_and_key();
        self.read(|conn| {
            conn.prepare_cached(
                "SELECT NOT EXISTS (SELECT 1 FROM link JOIN link_scope ON link.scope = link_scope.id
                                    WHERE link_scope.scope = ?1 AND his_key = ?3 AND key <> ?2)",
            )?
            .query_row(params![scope, key, his_key], |row| row.get(0))
        })
    }

    /// Whether the links belong to that database. Where there are none yet, they do from now on.
    pub(super) fn links_of(&mut self, database: &str) -> Result<LinksOf, QueueError> {
        self.notice_changes()?;
        let known = self.read(owner)?;
        if known.as_deref() == Some(database) {
            return Ok(LinksOf::Ours);
        }
        self.write(|conn| own(conn, database))
    }
}

/// The entry of an entity.
pub(super) fn find(
    conn: &Connection,
    scopes: &mut Scopes,
    entity: &Entity,
) -> rusqlite::Result<Option<Link>> {
    let (scope, key) = entity.scope_and_key();
    let Some(scope) = scopes.find(conn, scope)? else { return Ok(None) };
    conn.prepare_cached(FIND)?
        .query_row(params![scope, key], |row| {
            Ok(Link { his_key: row.get(0)?, proof: row.get(1)?, by: row.get::<_, Option<i64>>(2)?.map(Seq) })
        })
        .optional()
}

/// Changes an entry.
pub(super) fn change(
    conn: &Connection,
    scopes: &mut Scopes,
    entity: &Entity,
    change: &LinkChange,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (scope, key) = entity.scope_and_key();
    if let LinkChange::Set(his_key) = change {
        let scope = scopes.number(conn, scope)?;
        if conn.prepare_cached(KEEP)?.execute(params![scope, key, his_key, now.0])? == 0 {
            conn.prepare_cached(CONFIRM)?.execute(params![scope, key, his_key, now.0])?;
        }
        let others =
            conn.prepare_cached(OTHERS)?.query_row(params![scope, key, his_key], |row| row.get(0))?;
        if others {
            conn.prepare_cached(VOID_OTHERS)?.execute(params![scope, key, his_key])?;
        }
        return Ok(());
    }
    // What was never linked has nothing to lose.
    let Some(scope) = scopes.find(conn, scope)? else { return Ok(()) };
    let sql = if *change == LinkChange::Drop { DROP } else { VOID };
    conn.prepare_cached(sql)?.execute(params![scope, key]).map(drop)
}

/// The database that the links belong to; none while there are no links, or nobody has said it.
pub(super) fn owner(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached(OWNER)?.query_row([], |row| row.get(0)).optional().map(Option::flatten)
}

/// Makes the links that database's, unless they are another's.
pub(super) fn own(conn: &Connection, database: &str) -> rusqlite::Result<LinksOf> {
    match owner(conn)? {
        Some(other) if other != database => Ok(LinksOf::Other(other)),
        Some(_) => Ok(LinksOf::Ours),
        None => give(conn, database).map(|()| LinksOf::Ours),
    }
}

/// Makes the links that database's, whosever they were.
pub(super) fn give(conn: &Connection, database: &str) -> rusqlite::Result<()> {
    // Mostly it is so already, and then nothing is written.
    conn.prepare_cached("UPDATE meta SET links_of = ?1 WHERE links_of IS NOT ?1")?
        .execute([database])
        .map(drop)
}
