//! HIS tables as `sys.objects` and its kin describe them. Each question is plain, so that every version answers it: what is
//! new in one is asked for by itself, and gone on without. Reads names and types, never a row.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use tiberius::ColumnData;

use super::{SqlServer, question};
use crate::{
    his::{HisError, near},
    model::table::{Schema, Table, TableName, Trigger},
};

mod columns;
mod indexes;
mod names;
mod privileges;

use names::Place;

/// Names or numbers that one question asks for.
const QUESTION_MAX: usize = 64;
/// What follows a table in a catalog query.
const SCHEMA_OF: &str = "JOIN sys.schemas s ON s.schema_id = o.schema_id";

/// A table or view that is there, in the catalog's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    id: i32,
    schema: String,
    name: String,
    view: bool,
}

/// What stands behind a name.
enum Behind {
    Table(Found),
    /// A synonym for something that is not in this database.
    Elsewhere(String),
}

/// One row of an answer.
struct Answer {
    cells: std::vec::IntoIter<Option<String>>,
}

impl Answer {
    /// The next column, where it is not NULL.
    fn cell(&mut self) -> Option<String> {
        self.cells.next().flatten()
    }

    /// The next column; empty where it is NULL. `CHAR` columns of the catalog are padded.
    fn text(&mut self) -> String {
        self.cell().unwrap_or_default().trim_end().to_owned()
    }

    fn number<N: std::str::FromStr + Default>(&mut self) -> N {
        self.cell().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Whether the next column is a number other than 0.
    fn is_set(&mut self) -> bool {
        self.number::<i64>() != 0
    }
}

/// The names of the tables and views, as a mapping names them: without the schema where that is found anyway.
pub(super) async fn names(session: &mut SqlServer) -> Result<Vec<TableName>, HisError> {
    let all = all(session).await?;
    let schemas = names::schemas(session.schema.as_deref(), &session.facts.schema);
    let same = same(session);
    let is_first = |place: &Place| {
        let own =
            |schema: &String| all.iter().find(|p| same(&p.schema, schema) && same(&p.table, &place.table));
        schemas.iter().find_map(own) == Some(place)
    };
    let mut names: Vec<TableName> =
        all.iter().map(|place| TableName(place.written(is_first(place)))).collect();
    names.sort();
    Ok(names)
}

async fn all(session: &mut SqlServer) -> Result<Vec<Place>, HisError> {
    let kinds = "o.type IN ('U', 'V', 'SN')";
    let queries = [
        format!("SELECT s.name, o.name FROM sys.objects o {SCHEMA_OF} WHERE {kinds} AND o.is_ms_shipped = 0"),
        format!("SELECT s.name, o.name FROM sys.objects o {SCHEMA_OF} WHERE {kinds}"),
        format!("SELECT s.name, o.name FROM sys.tables o {SCHEMA_OF}"),
    ];
    let rows = session.ask_plainly(&queries.each_ref().map(String::as_str), &[]).await?;
    let place = |mut row: Answer| Place { schema: row.text(), table: row.text() };
    Ok(rows.into_iter().map(answer).map(place).collect())
}

/// Describes the tables; those that are not there come with the names of some that are.
pub(super) async fn describe(session: &mut SqlServer, names: &[TableName]) -> Result<Schema, HisError> {
    let mut schema = Schema::default();
    let mut found: BTreeMap<TableName, Found> = BTreeMap::new();
    let mut absent = Vec::new();
    for (name, behind) in locate(session, names).await? {
        match behind {
            Some(Behind::Table(table)) => drop(found.insert(name, table)),
            Some(Behind::Elsewhere(target)) => {
                let words = format!(
                    "a table of this database (that name is a synonym for {target}, which cannot be written from here)"
                );
                schema.missing.insert(name, vec![words]);
            }
            None => absent.push(name),
        }
    }
    if !absent.is_empty() {
        let all = self::names(session).await?;
        for name in absent {
            let near = near::names(&name.0, all.iter().map(|name| name.0.as_str()));
            schema.missing.insert(name, near);
        }
    }
    let tables: Vec<Found> = distinct(found.values());
    let described = tables_of(session, &tables).await?;
    for (name, table) in found {
        if let Some(table) = described.get(&table.id) {
            schema.tables.insert(name, Arc::clone(table));
        }
    }
    Ok(schema)
}

fn distinct<'a>(found: impl Iterator<Item = &'a Found>) -> Vec<Found> {
    let mut seen = BTreeSet::new();
    found.filter(|table| seen.insert(table.id)).cloned().collect()
}

async fn tables_of(session: &mut SqlServer, tables: &[Found]) -> Result<BTreeMap<i32, Arc<Table>>, HisError> {
    let ids: Vec<i32> = tables.iter().map(|table| table.id).collect();
    let mut columns = columns::read(session, &ids).await?;
    let mut unique = indexes::read(session, &ids, &mut columns).await?;
    let mut references = references(session, &ids).await?;
    let mut triggers = triggers(session, &ids).await?;
    let mut described = BTreeMap::new();
    for Found { id, schema, name, view } in tables.iter().cloned() {
        let (may, hidden) = privileges::read(session, id, &schema, &name).await?;
        let hidden = hidden || triggers.is_none();
        let triggers = triggers.as_mut().and_then(|all| all.remove(&id)).unwrap_or_default();
        let on_insert = |trigger: &Trigger| trigger.event.is_empty() || trigger.event == "INSERT";
        let table = Table {
            view,
            // Which views take writes, the server says when they are written: 4405 and its kin.
            updatable: true,
            transactional: true,
            engine: String::new(),
            columns: columns.remove(&id).unwrap_or_default(),
            unique: unique.remove(&id).unwrap_or_default(),
            references: references.remove(&id).unwrap_or_default(),
            insert_triggers: hidden || triggers.iter().any(on_insert),
            triggers,
            triggers_hidden: hidden,
            ignore_case: session.facts.ignores_case(),
            empty_is_null: false,
            may,
            columns_hidden: false,
            schema: Some(schema),
            name,
        };
        described.insert(id, Arc::new(table));
    }
    Ok(described)
}

/// How this database compares names.
fn same(session: &SqlServer) -> impl Fn(&str, &str) -> bool + use<> {
    let ignore_case = session.facts.ignores_case();
    move |a, b| if ignore_case { a.to_lowercase() == b.to_lowercase() } else { a == b }
}

/// What the names stand for. Synonyms are followed once: one for another one cannot be made.
async fn locate(
    session: &mut SqlServer,
    names: &[TableName],
) -> Result<Vec<(TableName, Option<Behind>)>, HisError> {
    let schemas = names::schemas(session.schema.as_deref(), &session.facts.schema);
    let places = |name: &str, session: &SqlServer| {
        names::places(name, &session.facts.database, &schemas, &same(session))
    };
    let wanted: BTreeMap<TableName, Vec<Place>> =
        names.iter().map(|name| (name.clone(), places(&name.0, session))).collect();
    let objects = objects(session, wanted.values().flatten()).await?;
    let mut located = Vec::with_capacity(wanted.len());
    for (name, wanted) in wanted {
        let behind = match pick(session, &objects, &wanted) {
            None => None,
            Some(Object { synonym: None, found }) => Some(Behind::Table(found)),
            Some(Object { synonym: Some(target), .. }) => {
                let wanted = places(&target, session);
                let objects = self::objects(session, wanted.iter()).await?;
                Some(match pick(session, &objects, &wanted) {
                    Some(Object { synonym: None, found }) => Behind::Table(found),
                    _ => Behind::Elsewhere(target),
                })
            }
        };
        located.push((name, behind));
    }
    Ok(located)
}

/// An object of the catalog; what a synonym stands for.
#[derive(Clone)]
struct Object {
    found: Found,
    synonym: Option<String>,
}

/// The first of these places where something is.
fn pick(session: &SqlServer, objects: &[Object], wanted: &[Place]) -> Option<Object> {
    let same = same(session);
    let at = |place: &Place| {
        let is_there =
            |o: &&Object| same(&o.found.schema, &place.schema) && same(&o.found.name, &place.table);
        objects.iter().find(is_there).cloned()
    };
    wanted.iter().find_map(at)
}

/// Everything of these names, in whatever schema.
async fn objects(
    session: &mut SqlServer,
    places: impl Iterator<Item = &Place>,
) -> Result<Vec<Object>, HisError> {
    let names: Vec<String> =
        places.map(|place| place.table.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut objects = Vec::new();
    for chunk in names.chunks(QUESTION_MAX) {
        let named = format!("o.name IN ({})", placeholders(chunk.len()));
        let queries = [
            format!(
                "SELECT o.object_id, s.name, o.name, o.type, y.base_object_name FROM sys.objects o {SCHEMA_OF} \
                 LEFT JOIN sys.synonyms y ON y.object_id = o.object_id \
                 WHERE o.type IN ('U', 'V', 'SN') AND {named}"
            ),
            format!(
                "SELECT o.object_id, s.name, o.name, o.type FROM sys.objects o {SCHEMA_OF} \
                 WHERE o.type IN ('U', 'V') AND {named}"
            ),
            format!("SELECT o.object_id, s.name, o.name FROM sys.tables o {SCHEMA_OF} WHERE {named}"),
        ];
        let values: Vec<ColumnData<'_>> = chunk.iter().map(|name| question::text(name)).collect();
        let rows = session.ask_plainly(&queries.each_ref().map(String::as_str), &values).await?;
        for mut row in rows.into_iter().map(answer) {
            let (id, schema, name, kind) = (row.number(), row.text(), row.text(), row.text());
            let synonym = row.cell().filter(|_| kind == "SN");
            objects.push(Object { found: Found { id, schema, name, view: kind == "V" }, synonym });
        }
    }
    Ok(objects)
}

/// `@P1, @P2`.
fn placeholders(count: usize) -> String {
    (1..=count).fold(String::new(), |mut list, n| {
        // Writing to a String cannot fail.
        let _ = write!(list, "{}@P{n}", if n > 1 { ", " } else { "" });
        list
    })
}

fn answer(row: Vec<Option<String>>) -> Answer {
    Answer { cells: row.into_iter() }
}

/// Asks about tables by their numbers, by the first of these queries that the server takes; the first column of each row is
/// the table's number. A query ends where the list begins.
async fn ask(session: &mut SqlServer, queries: &[&str], ids: &[i32]) -> Result<Vec<(i32, Answer)>, HisError> {
    let mut answers = Vec::new();
    for chunk in ids.chunks(QUESTION_MAX) {
        let list = placeholders(chunk.len());
        let queries: Vec<String> = queries.iter().map(|sql| format!("{sql} ({list})")).collect();
        let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
        let values: Vec<ColumnData<'_>> = chunk.iter().map(|id| ColumnData::I32(Some(*id))).collect();
        let rows = session.ask_plainly(&queries, &values).await?;
        answers.extend(rows.into_iter().map(answer).map(|mut row| (row.number(), row)));
    }
    Ok(answers)
}

/// The same where an answer is not indispensable. None where the server has none.
async fn ask_gently(
    session: &mut SqlServer,
    queries: &[&str],
    ids: &[i32],
) -> Result<Option<Vec<(i32, Answer)>>, HisError> {
    match ask(session, queries, ids).await {
        Err(error) if question::is_refusal(&error) => Ok(None),
        answers => answers.map(Some),
    }
}

/// The tables that foreign keys lead to, as far as the server tells.
async fn references(session: &mut SqlServer, ids: &[i32]) -> Result<BTreeMap<i32, Vec<String>>, HisError> {
    let sql = "SELECT f.parent_object_id, o.name FROM sys.foreign_keys f \
               JOIN sys.objects o ON o.object_id = f.referenced_object_id WHERE f.parent_object_id IN";
    let plain = "SELECT f.parent_object_id, o.name FROM sys.foreign_keys f \
                 JOIN sys.tables o ON o.object_id = f.referenced_object_id WHERE f.parent_object_id IN";
    let mut references: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for (id, mut row) in ask_gently(session, &[sql, plain], ids).await?.unwrap_or_default() {
        let table = row.text();
        let tables = references.entry(id).or_default();
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    Ok(references)
}

/// The tables' triggers that are on, as far as the login sees them; the event is empty where the server does not tell. None
/// where it tells nothing at all.
async fn triggers(
    session: &mut SqlServer,
    ids: &[i32],
) -> Result<Option<BTreeMap<i32, Vec<Trigger>>>, HisError> {
    let sql = "SELECT t.parent_id, t.name, e.type_desc, t.is_instead_of_trigger FROM sys.triggers t \
               JOIN sys.trigger_events e ON e.object_id = t.object_id WHERE t.is_disabled = 0 AND t.parent_id IN";
    let plain =
        "SELECT t.parent_id, t.name, NULL FROM sys.triggers t WHERE t.is_disabled = 0 AND t.parent_id IN";
    let Some(answers) = ask_gently(session, &[sql, plain], ids).await? else { return Ok(None) };
    let mut triggers: BTreeMap<i32, Vec<Trigger>> = BTreeMap::new();
    for (id, mut row) in answers {
        let (name, event) = (row.text(), row.text());
        let timing = if row.is_set() { "INSTEAD OF" } else { "AFTER" };
        triggers.entry(id).or_default().push(Trigger { name, event, timing: timing.to_owned() });
    }
    for triggers in triggers.values_mut() {
        triggers.sort_by(|a, b| (&a.name, &a.event).cmp(&(&b.name, &b.event)));
    }
    Ok(Some(triggers))
}
