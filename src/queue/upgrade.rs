//! What brings a queue file of an earlier layout up besides the SQL of `schema`: shapes of layout 1 from before its
//! first release, and the digests of layout 2. Works inside the migration's transaction and never commits.

use rusqlite::{Connection, OptionalExtension, params};

use crate::queue::{schema::LAYOUT_1, seal::DigestKey};

/// Rows that are in memory at a time.
const ROWS_MAX: u32 = 1000;
/// Between the parts of a record's text.
const SEPARATOR: char = '\u{1f}';

/// A row of the old memory: the record, its newest event, the newest timestamp, the newest event without one, and when.
type Remembered = (String, i64, Option<i64>, Option<i64>, i64);

/// Gives a file of layout 1 all that layout 1 had in the end. The catalog tells what it lacks: while the layout was being
/// made, its number stayed the same.
pub(super) fn complete_layout_1(conn: &Connection) -> rusqlite::Result<()> {
    let lacks = |table: &str, column: &str| {
        let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1))
                          AND NOT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)";
        conn.query_row(sql, [table, column], |row| row.get::<_, bool>(0))
    };
    for (table, column, kind) in
        [("event", "awaits", "TEXT"), ("meta", "links_of", "TEXT"), ("link", "proposed_by", "INTEGER")]
    {
        if lacks(table, column)? {
            conn.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"))?;
        }
    }
    let (old_memory, old_names) = (lacks("entity", "writer")?, lacks("entity", "last_untimed_seq")?);
    if old_memory {
        conn.execute_batch("ALTER TABLE entity RENAME TO entity_before")?;
    }
    for statement in LAYOUT_1.split(';').map(str::trim).filter(|s| s.starts_with("CREATE ")) {
        complete(conn, statement)?;
    }
    if old_names {
        // Records were known by other texts at first: what waits is looked at again, in the order of the queue.
        conn.execute_batch(
            "UPDATE event SET state = 0, next_at = NULL WHERE state >= 1 AND state <= 3;
             UPDATE event SET entity = NULL WHERE state <= 4",
        )?;
    } else if old_memory {
        move_memory(conn)?;
    }
    if old_memory {
        conn.execute_batch("DROP TABLE entity_before")?;
    }
    Ok(())
}

/// Makes a table or an index that is missing, and an index that is another one anew.
fn complete(conn: &Connection, statement: &str) -> rusqlite::Result<()> {
    let is_index = !statement.starts_with("CREATE TABLE ");
    let words = statement.split([' ', '(', '\n']);
    let name = words.skip_while(|w| !["TABLE", "INDEX"].contains(w)).nth(1).unwrap_or_default();
    let found: Option<String> = conn
        .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    match found {
        Some(sql) if is_index && sql != statement => {
            conn.execute_batch(&format!("DROP INDEX {name}; {statement}"))
        }
        Some(_) => Ok(()),
        None => conn.execute_batch(statement),
    }
}

/// What was written into each record: it was remembered by type alone, the text's last part, and later by type and columns.
/// Nothing is known of the columns, so that an event that comes late is known as such, and no other one loses a column.
fn move_memory(conn: &Connection) -> rusqlite::Result<()> {
    let mut select = conn.prepare(
        "SELECT entity, last_seq, last_occurred_at, last_untimed_seq, touched_at FROM entity_before
         WHERE entity > ?1 ORDER BY entity LIMIT ?2",
    )?;
    let mut name = conn.prepare("INSERT OR IGNORE INTO writer (kind, columns) VALUES (?1, '')")?;
    let mut insert = conn.prepare(
        "INSERT OR IGNORE INTO entity (entity, writer, last_seq, last_occurred_at, last_untimed_seq, touched_at)
         SELECT ?1, id, ?3, ?4, ?5, ?6 FROM writer WHERE kind = ?2 AND columns = ''",
    )?;
    let mut after = String::new();
    loop {
        let rows: Vec<Remembered> = select
            .query_map(params![after, ROWS_MAX], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.0);
        for (text, seq, occurred_at, untimed_seq, touched_at) in rows {
            let Some((entity, kind)) = text.rsplit_once(SEPARATOR) else { continue };
            name.execute([kind])?;
            insert.execute(params![entity, kind, seq, occurred_at, untimed_seq, touched_at])?;
        }
    }
}

/// Gives the file its key for digests, and turns the digests that it has into keyed ones.
pub(super) fn key_digests(conn: &Connection, key: &DigestKey) -> rusqlite::Result<()> {
    conn.execute("UPDATE meta SET digest_key = ?1", [key.bytes()])?;
    let mut select = conn.prepare("SELECT seq, digest FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut update = conn.prepare("UPDATE event SET digest = ?2 WHERE seq = ?1")?;
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, [u8; 16])> = select
            .query_map(params![after, ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (seq, digest) in rows {
            update.execute(params![seq, key.keyed(digest)])?;
        }
    }
}
