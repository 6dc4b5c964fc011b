//! What operators do to the crosswalk: look at it and change single entries. Works beside a running daemon, in short
//! transactions.

use rusqlite::{Connection, Row, params};

use crate::{
    model::{
        clock::{Clock, SystemClock, Timestamp},
        entity::{Entity, key_parts, link_scope, scope_parts},
        outcome::{Link, LinkChange},
    },
    queue::{
        AuditAction, Inspector, LinksOf, Operator, QueueError,
        audit::{self, Entry},
        links::{self, Scopes},
    },
};

/// Other records of a row that are shown at most.
const OTHERS_MAX: i64 = 10;

const BY_KEY: &str = "
    SELECT s.scope, l.key, l.his_key, l.proof, l.linked_at
    FROM link_scope AS s JOIN link AS l ON l.scope = s.id
    WHERE s.scope = ?1 AND l.key >= ?2 ORDER BY l.key LIMIT ?3";
const BY_ROW: &str = "
    SELECT s.scope, l.key, l.his_key, l.proof, l.linked_at
    FROM link_scope AS s JOIN link AS l INDEXED BY link_by_row ON l.scope = s.id
    WHERE s.scope = ?1 AND l.his_key = ?2 ORDER BY l.key LIMIT ?3";

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM link WHERE scope = ?1)";

/// All that is looked for among links, for the test that shows that none of it walks through them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 3] = [BY_KEY, BY_ROW, ANY];

/// A table and the name under which a step links its rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkScope {
    /// The step's name.
    pub name: String,
    /// The table, `his.APPOINTMENTS`.
    pub table: String,
}

/// An entry of the crosswalk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// Where it belongs.
    pub scope: LinkScope,
    /// The event's own key.
    pub keys: Vec<String>,
    /// The HIS row.
    pub link: Link,
    /// When it was linked, or proposed.
    pub linked_at: Timestamp,
}

impl LinkRow {
    /// The record.
    #[must_use]
    pub fn entity(&self) -> Entity {
        Entity::linked(&self.scope.table, &self.scope.name, self.keys.iter().map(String::as_str))
    }
}

/// What is to be known before an entry is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// The record's entry.
    pub own: Option<LinkRow>,
    /// Other records that are linked to the row that it is to get; not all where there are very many.
    pub others: Vec<LinkRow>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relinked {
    /// It was made.
    Done,
    /// Not made: what was seen before has changed meanwhile.
    Meanwhile,
    /// Not made: the links belong to that database, not to the one that was named.
    Other(String),
}

impl Inspector {
    /// All tables and names that have links, or had some.
    pub fn link_scopes(&self) -> Result<Vec<LinkScope>, QueueError> {
        self.rows("SELECT scope FROM link_scope ORDER BY scope", &[], |row| {
            row.get::<_, String>(0).map(|scope| scope_of(&scope))
        })
    }

    /// Links of one table and name, in the order of their keys; of one row alone, where it is given.
    pub fn links(
        &self,
        scope: &LinkScope,
        his_key: Option<&str>,
        limit: usize,
    ) -> Result<Vec<LinkRow>, QueueError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (sql, value) = his_key.map_or((BY_KEY, ""), |his_key| (BY_ROW, his_key));
        self.checked(many(&self.conn, sql, &link_scope(&scope.table, &scope.name), value, limit))
    }

    /// A record's entry, and who else is linked to the row that it is to get.
    pub fn link(&self, entity: &Entity, to: Option<&str>) -> Result<LinkView, QueueError> {
        self.checked(view(&self.conn, entity, to))
    }

    /// Changes an entry, if all is still as it was seen with [`Inspector::link`] and the links are those of `database`.
    pub fn relink(
        &self,
        entity: &Entity,
        change: &LinkChange,
        seen: &LinkView,
        database: &str,
        by: &Operator,
    ) -> Result<Relinked, QueueError> {
        let now = SystemClock.now();
        let to = match change {
            LinkChange::Set(his_key) => Some(his_key.as_str()),
            LinkChange::Drop | LinkChange::Void => None,
        };
        self.write(|conn| {
            if view(conn, entity, to)? != *seen {
                return Ok(Relinked::Meanwhile);
            }
            if let LinksOf::Other(other) = links::own(conn, database)? {
                return Ok(Relinked::Other(other));
            }
            links::change(conn, &mut Scopes::default(), entity, change, now)?;
            let action = if to.is_some() { AuditAction::Link } else { AuditAction::Unlink };
            let detail = relinked(entity, seen.own.as_ref(), to);
            audit::record(conn, now, Some(by), &Entry { action, event: None, detail: Some(&detail) })?;
            Ok(Relinked::Done)
        })
    }

    /// The database that the links belong to; none while there are no links, or nobody has said it.
    pub fn links_owner(&self) -> Result<Option<String>, QueueError> {
        self.checked(links::owner(&self.conn))
    }

    /// Makes all links that database's: it is the one that they were made for, under another name. `schemas` is what the
    /// titles of its tables began with, and begin with now. Gives a table that has links under both, where there is one;
    /// then nothing was changed.
    pub fn give_links(
        &self,
        database: &str,
        schemas: Option<(&str, &str)>,
        by: &Operator,
    ) -> Result<Option<String>, QueueError> {
        let now = SystemClock.now();
        self.write(|conn| {
            let clash = match schemas {
                Some((old, new)) if old != new => rename(conn, old, new)?,
                _ => None,
            };
            if clash.is_none() {
                let was = links::owner(conn)?;
                links::give(conn, database)?;
                let detail = format!("{} -> {database}", was.as_deref().unwrap_or("nobody's"));
                let entry = Entry { action: AuditAction::LinksMoved, event: None, detail: Some(&detail) };
                audit::record(conn, now, Some(by), &entry)?;
            }
            Ok(clash)
        })
    }
}

/// `appointment 17 of his.VISITS: row 4 -> row 5`.
fn relinked(entity: &Entity, was: Option<&LinkRow>, to: Option<&str>) -> String {
    let (scope, key) = entity.scope_and_key();
    let LinkScope { name, table } = scope_of(scope);
    let keys: Vec<&str> = key_parts(key).collect();
    let row = |key: Option<&str>| key.map_or_else(|| "not linked".to_owned(), |key| format!("row {key}"));
    let was = row(was.map(|was| was.link.his_key.as_str()));
    format!("{name} {} of {table}: {was} -> {}", keys.join(" "), row(to))
}

/// Gives the links of a schema's tables to those of another. Nothing was changed where it gives a table.
fn rename(conn: &Connection, old: &str, new: &str) -> rusqlite::Result<Option<String>> {
    let scopes: Vec<(i64, String)> = conn
        .prepare_cached("SELECT id, scope FROM link_scope")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let moved = |scope: &str| {
        // Catalog and configuration may differ in case.
        let (schema, rest) = scope.split_once('.')?;
        schema.eq_ignore_ascii_case(old).then(|| format!("{new}.{rest}"))
    };
    let moves: Vec<(i64, &String, String)> =
        scopes.iter().filter_map(|(id, scope)| Some((*id, scope, moved(scope)?))).collect();
    let target = |name: &String| scopes.iter().find(|(_, scope)| scope == name).map(|(id, _)| *id);
    let has_links = |id: i64| conn.prepare_cached(ANY)?.query_row([id], |row| row.get::<_, bool>(0));
    for (id, _, name) in &moves {
        if let Some(target) = target(name)
            && has_links(target)?
            && has_links(*id)?
        {
            return Ok(Some(scope_of(name).table));
        }
    }
    let mut set = conn.prepare_cached("UPDATE link_scope SET scope = ?2 WHERE id = ?1")?;
    for (id, scope, name) in &moves {
        match target(name) {
            // It has the links already.
            Some(target) if has_links(target)? => {}
            // No row is ever deleted: they change places.
            Some(target) => {
                set.execute(params![target, "\u{1f}"])?;
                set.execute(params![id, name])?;
                set.execute(params![target, scope])?;
            }
            None => {
                set.execute(params![id, name])?;
            }
        }
    }
    Ok(None)
}

fn view(conn: &Connection, entity: &Entity, to: Option<&str>) -> rusqlite::Result<LinkView> {
    let (scope, key) = entity.scope_and_key();
    let is_own = |row: &LinkRow| row.entity() == *entity;
    let own = many(conn, BY_KEY, scope, key, 1)?.into_iter().find(is_own);
    let mut others = to.map_or(Ok(Vec::new()), |to| many(conn, BY_ROW, scope, to, OTHERS_MAX))?;
    others.retain(|row| !is_own(row));
    Ok(LinkView { own, others })
}

fn many(
    conn: &Connection,
    sql: &str,
    scope: &str,
    value: &str,
    limit: i64,
) -> rusqlite::Result<Vec<LinkRow>> {
    conn.prepare_cached(sql)?.query_map(params![scope, value, limit], from_row)?.collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<LinkRow> {
    let (scope, key): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(LinkRow {
        scope: scope_of(&scope),
        keys: key_parts(&key).map(str::to_owned).collect(),
        link: Link { his_key: row.get(2)?, proof: row.get(3)?, by: None },
        linked_at: Timestamp(row.get(4)?),
    })
}

fn scope_of(scope: &str) -> LinkScope {
    let (table, name) = scope_parts(scope).unwrap_or((scope, ""));
    LinkScope { name: name.to_owned(), table: table.to_owned() }
}
