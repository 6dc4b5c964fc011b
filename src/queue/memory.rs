//! What was written into each record, by whom, and how new it was. Decides nothing about what follows from it.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::{
    limits::NAMES_CACHED_MAX,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::Seq,
        outcome::{Settlement, Standing, Writer, Written},
        table::ColumnName,
    },
    queue::{Question, links, schema::UNFINISHED},
};

const REMEMBER: &str = "
    INSERT INTO entity (entity, writer, last_seq, last_occurred_at, last_untimed_seq, touched_at)
    SELECT coalesce(?4, entity), ?5, seq, occurred_at, CASE WHEN occurred_at IS NULL THEN seq END, ?3
    FROM event WHERE seq BETWEEN ?1 AND ?2
    ON CONFLICT (entity, writer) DO UPDATE SET
        last_seq = max(last_seq, excluded.last_seq),
        last_untimed_seq = coalesce(
            max(last_untimed_seq, excluded.last_untimed_seq), last_untimed_seq, excluded.last_untimed_seq),
        last_occurred_at = coalesce(
            max(last_occurred_at, excluded.last_occurred_at), last_occurred_at, excluded.last_occurred_at),
        touched_at = excluded.touched_at";
const KNOWN: &str = "
    SELECT writer, last_seq, last_occurred_at, last_untimed_seq FROM entity WHERE entity = ?1";

/// Between the columns of a writer in the file.
const SEPARATOR: char = '\u{1f}';
/// In place of a writer's columns where it writes all of them: no list of names looks like it.
const ALL_COLUMNS: &str = "\u{1f}";

/// Writers that are found by their address.
const LAST_MAX: usize = 8;

/// Writers and their numbers in the file, as far as they were needed. What a transaction has put in is good only once
/// it is committed: whoever changes the file takes this out of the store, and puts it back afterwards.
#[derive(Default)]
pub(super) struct Writers {
    numbers: HashMap<Arc<Writer>, i64>,
    by_number: HashMap<i64, Arc<Writer>>,
    /// Some that were asked for, by their address: neighbours in the queue mostly have them in common.
    last: Vec<(Arc<Writer>, i64)>,
}

impl Writers {
    /// The number of a writer, which is given one where it has none.
    pub(super) fn number(&mut self, conn: &Connection, writer: &Arc<Writer>) -> rusqlite::Result<i64> {
        if let Some((_, number)) = self.last.iter().find(|(last, _)| Arc::ptr_eq(last, writer)) {
            return Ok(*number);
        }
        let number = if let Some(number) = self.numbers.get(writer) {
            *number
        } else {
            let number = stored(conn, writer)?;
            self.keep(number, Arc::clone(writer));
            number
        };
        if self.last.len() >= LAST_MAX {
            self.last.remove(0);
        }
        self.last.push((Arc::clone(writer), number));
        Ok(number)
    }

    /// The writer of a number.
    fn writer(&mut self, conn: &Connection, number: i64) -> rusqlite::Result<Arc<Writer>> {
        if let Some(writer) = self.by_number.get(&number) {
            return Ok(Arc::clone(writer));
        }
        let writer = conn.prepare_cached("SELECT kind, columns FROM writer WHERE id = ?1")?.query_row(
            [number],
            |row| {
                let columns: String = row.get(1)?;
                Ok(Arc::new(Writer { kind: row.get(0)?, columns: columns_of(&columns) }))
            },
        )?;
        self.keep(number, Arc::clone(&writer));
        Ok(writer)
    }

    fn keep(&mut self, number: i64, writer: Arc<Writer>) {
        // There are as many as the mappings have sets of columns: few. Beyond that, begin again.
        if self.by_number.len() >= NAMES_CACHED_MAX {
            self.by_number.clear();
            self.numbers.clear();
        }
        self.by_number.insert(number, Arc::clone(&writer));
        self.numbers.insert(writer, number);
    }
}

/// The number of a writer in the file.
fn stored(conn: &Connection, writer: &Writer) -> rusqlite::Result<i64> {
    let columns = text_of(writer);
    let known = conn
        .prepare_cached("SELECT id FROM writer WHERE kind = ?1 AND columns = ?2")?
        .query_row(params![writer.kind, columns], |row| row.get(0))
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    conn.prepare_cached("INSERT INTO writer (kind, columns) VALUES (?1, ?2)")?
        .execute(params![writer.kind, columns])?;
    Ok(conn.last_insert_rowid())
}

fn text_of(writer: &Writer) -> String {
    let Some(columns) = &writer.columns else { return ALL_COLUMNS.to_owned() };
    let mut text = String::new();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            text.push(SEPARATOR);
        }
        text.push_str(&column.0);
    }
    text
}

fn columns_of(text: &str) -> Option<std::collections::BTreeSet<ColumnName>> {
    let name = |name: &str| ColumnName(name.to_owned());
    (text != ALL_COLUMNS).then(|| text.split(SEPARATOR).filter(|n| !n.is_empty()).map(name).collect())
}

/// Remembers what applied events wrote, in the order of their settlements.
pub(super) struct Remembering<'a> {
    conn: &'a Connection,
    writers: &'a mut Writers,
    remember: CachedStatement<'a>,
    now: Timestamp,
    /// Neighbours in the queue that were just applied, have their entities with them, and wrote that row each.
    run: Option<Run>,
}

struct Run {
    first: Seq,
    last: Seq,
    writer: i64,
}

impl<'a> Remembering<'a> {
    pub(super) fn begin(
        conn: &'a Connection,
        writers: &'a mut Writers,
        now: Timestamp,
    ) -> rusqlite::Result<Self> {
        Ok(Self { conn, writers, remember: conn.prepare_cached(REMEMBER)?, now, run: None })
    }

    /// An applied event. `in_row`: its entity was written into its own row just now.
    pub(super) fn applied(&mut self, settlement: &Settlement, in_row: bool) -> rusqlite::Result<()> {
        let Settlement { seq, entity, wrote, .. } = settlement;
        let mut own = in_row.then_some(()).and(entity.as_ref());
        for (row, writer) in wrote {
            let writer = self.writers.number(self.conn, writer)?;
            if own.take_if(|own| *own == row).is_some() {
                self.in_run(*seq, writer)?;
            } else {
                self.remember.execute(params![seq.0, seq.0, self.now.0, row.0, writer])?;
            }
        }
        Ok(())
    }

    /// An event that wrote its entity's row: by itself at first, then with its neighbours.
    fn in_run(&mut self, seq: Seq, writer: i64) -> rusqlite::Result<()> {
        if let Some(run) = self.run.as_mut().filter(|run| run.last.0 + 1 == seq.0 && run.writer == writer) {
            run.last = seq;
            return Ok(());
        }
        self.end()?;
        self.run = Some(Run { first: seq, last: seq, writer });
        Ok(())
    }

    /// Writes down what is left.
    pub(super) fn end(&mut self) -> rusqlite::Result<()> {
        if let Some(Run { first, last, writer }) = self.run.take() {
            self.remember.execute(params![first.0, last.0, self.now.0, None::<&str>, writer])?;
        }
        Ok(())
    }
}

/// What is remembered of an entity.
pub(super) fn written(
    conn: &Connection,
    writers: &mut Writers,
    entity: &Entity,
) -> rusqlite::Result<Vec<Written>> {
    let mut statement = conn.prepare_cached(KNOWN)?;
    let mut rows = statement.query([&entity.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Written {
            by: writers.writer(conn, row.get(0)?)?,
            last_seq: Seq(row.get(1)?),
            last_occurred_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
            last_untimed_seq: row.get::<_, Option<i64>>(3)?.map(Seq),
        });
    }
    Ok(found)
}

/// See [`super::store::Store::standing`].
pub(super) fn standings(
    conn: &Connection,
    writers: &mut Writers,
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
        let written = written(conn, writers, entity)?;
        Ok(Standing { written, unfinished: least.map(Seq), expected, link })
    };
    questions.iter().map(answer).collect()
}
