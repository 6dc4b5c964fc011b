//! HIS tables as `information_schema` describes them. Asks for one table at a time (all in one query), because the catalog of
//! 5.5 to 5.7 opens every table of a schema unless schema and table are both given. Reads names and types, never a row.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{MySql, grants::Grants, kind};
use crate::{
    his::{HisError, answer, near},
    model::{
        outcome::FaultClass,
        table::{Column, ColumnName, Schema, Storage, Table, TableName, Trigger},
    },
};

mod indexes;

/// Tables that one query asks for.
const QUERY_TABLES_MAX: usize = 32;
/// Schemas of the server's own, never offered as near names.
const SYSTEM_SCHEMAS: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// A place where a table may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    schema: String,
    table: String,
}

/// A table that is there, in the catalog's spelling.
#[derive(Clone, Debug)]
struct Found {
    place: Place,
    view: bool,
    engine: Option<String>,
}

/// One row of the answer to a question about several places, each by its index.
type Answer = answer::Answer<usize>;

/// The names of the tables and views of the session's own database.
pub(super) async fn names(session: &mut MySql) -> Result<Vec<TableName>, HisError> {
    let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME";
    let schema = session.schema.clone();
    let rows = session.ask(sql.to_owned(), &[&schema]).await?;
    Ok(rows.into_iter().flatten().flatten().map(TableName).collect())
}

/// Describes the tables; those that are not there come with the names of some that are.
pub(super) async fn describe(session: &mut MySql, names: &[TableName]) -> Result<Schema, HisError> {
    let (mut found, absent) = locate(session, names).await?;
    let mut schema = Schema::default();
    if !absent.is_empty() {
        let offers = offers(session, &absent).await?;
        for (name, offer) in absent.into_iter().zip(offers) {
            match offer {
                Offer::OtherCase(table) => drop(found.insert(name, table)),
                Offer::Near(names) => drop(schema.missing.insert(name, names)),
            }
        }
    }
    let places: Vec<Place> = found.values().map(|table| table.place.clone()).collect();
    let mut columns = columns(session, &places).await?;
    let mut unique = indexes::read(session, &places, &mut columns).await?;
    let mut references = references(session, &places).await?;
    let mut triggers = triggers(session, &places).await?;
    let fixed_views = if found.values().any(|table| table.view) {
        fixed_views(session, &places).await?
    } else {
        BTreeSet::new()
    };
    let grants = grants(session).await?;
    for (i, (name, table)) in found.into_iter().enumerate() {
        let Found { place, view, engine } = table;
        // MariaDB shows them to everyone.
        let hidden =
            !session.server.contains("MariaDB") && !grants.shows_triggers(&place.schema, &place.table);
        let triggers = triggers.remove(&i).unwrap_or_default();
        let table = Table {
            view,
            updatable: !fixed_views.contains(&i),
            transactional: kind::transactional(engine.as_deref()),
            engine: engine.unwrap_or_default(),
            columns: columns.remove(&i).unwrap_or_default(),
            unique: unique.remove(&i).unwrap_or_default(),
            references: references.remove(&i).unwrap_or_default(),
            insert_triggers: hidden || triggers.iter().any(|t| t.event == "INSERT"),
            triggers,
            triggers_hidden: hidden,
            ignore_case: true,
            empty_is_null: false,
            may: grants.privileges(&place.schema, &place.table),
            columns_hidden: grants.hides_columns(&place.schema, &place.table),
            schema: Some(place.schema),
            name: place.table,
        };
        schema.tables.insert(name, Arc::new(table));
    }
    Ok(schema)
}

/// Where a name of the configuration may point: the own database first, then `schema.table` at each dot.
fn places(name: &TableName, own: &str) -> Vec<Place> {
    let mut places = vec![Place { schema: own.to_owned(), table: name.0.clone() }];
    for (dot, _) in name.0.match_indices('.') {
        let (schema, table) = name.0.split_at(dot);
        let table = table.trim_start_matches('.');
        if !schema.is_empty() && !table.is_empty() {
            places.push(Place { schema: schema.to_owned(), table: table.to_owned() });
        }
    }
    places
}

/// The tables that the server finds by these names, comparing as `lower_case_table_names` has it, and the rest.
async fn locate(
    session: &mut MySql,
    names: &[TableName],
) -> Result<(BTreeMap<TableName, Found>, Vec<TableName>), HisError> {
    let wanted: Vec<(&TableName, Place)> = names
        .iter()
        .flat_map(|name| places(name, &session.schema).into_iter().map(move |place| (name, place)))
        .collect();
    let asked: Vec<Place> = wanted.iter().map(|(_, place)| place.clone()).collect();
    let mut by_place: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
    for (i, table) in tables(session, &asked).await? {
        by_place.entry(i).or_default().push(table);
    }
    let mut found = BTreeMap::new();
    for (i, (name, place)) in wanted.iter().enumerate() {
        // Earlier places win.
        if found.contains_key(*name) {
            continue;
        }
        let Some(tables) = by_place.remove(&i) else { continue };
        let exact = tables.iter().position(|table| table.place == *place);
        let unique = (tables.len() == 1).then_some(0);
        if let Some(table) = exact.or(unique).and_then(|i| tables.into_iter().nth(i)) {
            found.insert((*name).clone(), table);
        }
    }
    let absent: BTreeSet<TableName> =
        names.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
    Ok((found, absent.into_iter().collect()))
}

async fn tables(session: &mut MySql, places: &[Place]) -> Result<Vec<(usize, Found)>, HisError> {
    let what = "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES \
                WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
    let rows = ask(session, what, places).await?;
    let table = |mut row: Answer| {
        let place = Place { schema: row.text(), table: row.text() };
        // `VIEW`, and `SYSTEM VIEW` of the server's own.
        (row.place, Found { place, view: row.text().contains("VIEW"), engine: row.cell() })
    };
    Ok(rows.into_iter().map(table).collect())
}

/// What is there in place of a table that is not.
enum Offer {
    /// One table has this name in another case.
    OtherCase(Found),
    /// Names like it.
    Near(Vec<String>),
}

async fn offers(session: &mut MySql, absent: &[TableName]) -> Result<Vec<Offer>, HisError> {
    let own = session.schema.clone();
    let mut all: BTreeSet<Place> = BTreeSet::new();
    let schemas: BTreeSet<String> =
        absent.iter().flat_map(|name| places(name, &own)).map(|p| p.schema).collect();
    for schema in &schemas {
        let sql = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?";
        all.extend(read_places(session.ask(sql.to_owned(), &[schema]).await?));
    }
    let mut offers = Vec::with_capacity(absent.len());
    for name in absent {
        let wanted = places(name, &own);
        let same = |place: &&Place| {
            wanted.iter().any(|w| {
                w.schema.to_lowercase() == place.schema.to_lowercase()
                    && w.table.to_lowercase() == place.table.to_lowercase()
            })
        };
        let alike: Vec<Place> = all.iter().filter(same).cloned().collect();
        if let [only] = alike.as_slice()
            && let Some((_, table)) = tables(session, std::slice::from_ref(only)).await?.into_iter().next()
        {
            offers.push(Offer::OtherCase(table));
            continue;
        }
        offers.push(Offer::Near(near_names(session, name, &wanted, &all).await?));
    }
    Ok(offers)
}

/// Near names in the same schemas, and the very name in others.
async fn near_names(
    session: &mut MySql,
    name: &TableName,
    wanted: &[Place],
    all: &BTreeSet<Place>,
) -> Result<Vec<String>, HisError> {
    let own = session.schema.clone();
    let title = |place: &Place| {
        if place.schema == own { place.table.clone() } else { format!("{}.{}", place.schema, place.table) }
    };
    let mut candidates: BTreeSet<String> = all.iter().map(title).collect();
    if let Some(place) = wanted.last() {
        let sql = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME = ?";
        let elsewhere = read_places(session.ask(sql.to_owned(), &[&place.table]).await?);
        let elsewhere =
            elsewhere.filter(|p| !SYSTEM_SCHEMAS.contains(&p.schema.to_ascii_lowercase().as_str()));
        let mut names: Vec<String> = elsewhere.map(|p| title(&p)).collect();
        if !names.is_empty() {
            candidates.retain(|candidate| !names.contains(candidate));
            names.extend(near::names(&name.0, candidates.iter().map(String::as_str)));
            names.truncate(near::NAMES_MAX);
            return Ok(names);
        }
    }
    Ok(near::names(&name.0, candidates.iter().map(String::as_str)))
}

fn read_places(rows: Vec<Vec<Option<String>>>) -> impl Iterator<Item = Place> {
    rows.into_iter().map(|row| {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        Place { schema: row.next().unwrap_or_default(), table: row.next().unwrap_or_default() }
    })
}

async fn columns(session: &mut MySql, places: &[Place]) -> Result<BTreeMap<usize, Vec<Column>>, HisError> {
    let what = "CAST(ORDINAL_POSITION AS CHAR), COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, \
                CAST(CHARACTER_MAXIMUM_LENGTH AS CHAR), CAST(CHARACTER_OCTET_LENGTH AS CHAR), \
                CAST(NUMERIC_PRECISION AS CHAR), CAST(NUMERIC_SCALE AS CHAR), CHARACTER_SET_NAME, COLLATION_NAME, \
                IS_NULLABLE, EXTRA, IF(COLUMN_DEFAULT IS NULL, 'NO', 'YES') FROM information_schema.COLUMNS \
                WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
    let mut columns: BTreeMap<usize, Vec<(u32, Column)>> = BTreeMap::new();
    for mut row in ask(session, what, places).await? {
        let position = row.number().unwrap_or(u32::MAX);
        let (name, data_type, column_type) = (row.text(), row.text(), row.text());
        let (chars_max, bytes_max, precision, scale) =
            (row.number(), row.number(), row.number(), row.number());
        let (charset, collation) = (row.cell(), row.cell());
        let nullable = row.text() == "YES";
        let (extra, has_default) = (row.text(), row.text() == "YES");
        let declared = kind::Declared {
            data_type: &data_type,
            column_type: &column_type,
            chars_max,
            bytes_max,
            precision,
            scale,
            charset: charset.as_deref(),
        };
        let column = Column {
            name: ColumnName(name),
            kind: kind::column_type(&declared),
            nullable,
            filled: kind::filled(&data_type, &extra, has_default, nullable),
            declared: column_type,
            storage: Storage::Any,
            folds: kind::folds(collation.as_deref()),
            indexed: false,
        };
        columns.entry(row.place).or_default().push((position, column));
    }
    let sorted = columns.into_iter().map(|(i, mut columns)| {
        columns.sort_by_key(|(position, _)| *position);
        (i, columns.into_iter().map(|(_, column)| column).collect())
    });
    Ok(sorted.collect())
}

async fn references(session: &mut MySql, places: &[Place]) -> Result<BTreeMap<usize, Vec<String>>, HisError> {
    let what = "REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS \
                WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?";
    let mut references: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for mut row in ask(session, what, places).await? {
        // NULL where the login may not see the other table.
        let Some(table) = row.cell() else { continue };
        let tables = references.entry(row.place).or_default();
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    Ok(references)
}

/// What the login may do, with its active roles (which both products show without being asked).
async fn grants(session: &mut MySql) -> Result<Grants, HisError> {
    match session.ask("SHOW GRANTS".to_owned(), &[]).await {
        Ok(rows) => Ok(Grants::read(rows.into_iter().flatten().flatten())),
        Err(error) if error.class == FaultClass::Unreachable => Err(error),
        // Some proxies and servers that speak MySQL's protocol have no such thing.
        Err(_) => Ok(Grants::unknown()),
    }
}

/// The tables' triggers, as far as the login sees them.
async fn triggers(session: &mut MySql, places: &[Place]) -> Result<BTreeMap<usize, Vec<Trigger>>, HisError> {
    let what = "TRIGGER_NAME, EVENT_MANIPULATION, ACTION_TIMING FROM information_schema.TRIGGERS \
                WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?";
    let mut triggers: BTreeMap<usize, Vec<Trigger>> = BTreeMap::new();
    for mut row in ask(session, what, places).await? {
        let trigger = Trigger { name: row.text(), event: row.text(), timing: row.text() };
        triggers.entry(row.place).or_default().push(trigger);
    }
    for triggers in triggers.values_mut() {
        triggers.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(triggers)
}

/// The places of views that no row can be written through.
async fn fixed_views(session: &mut MySql, places: &[Place]) -> Result<BTreeSet<usize>, HisError> {
    let what = "TABLE_NAME FROM information_schema.VIEWS \
                WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND IS_UPDATABLE = 'NO'";
    Ok(ask(session, what, places).await?.into_iter().map(|row| row.place).collect())
}

/// Asks the same of all places. `what` has two placeholders: schema and table.
async fn ask(session: &mut MySql, what: &str, places: &[Place]) -> Result<Vec<Answer>, HisError> {
    let mut answers = Vec::new();
    let numbered: Vec<(usize, &Place)> = places.iter().enumerate().collect();
    for chunk in numbered.chunks(QUERY_TABLES_MAX) {
        let selects: Vec<String> = chunk.iter().map(|(i, _)| format!("SELECT '{i}', {what}")).collect();
        let params: Vec<&str> =
            chunk.iter().flat_map(|(_, place)| [place.schema.as_str(), place.table.as_str()]).collect();
        for row in session.ask(selects.join(" UNION ALL "), &params).await? {
            let mut cells = row.into_iter();
            let place = cells.next().flatten().and_then(|i| i.parse().ok());
            answers.extend(place.map(|place| Answer { place, cells }));
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_may_point() {
        fn check(name: &str, expected: &[(&str, &str)]) {
            let places = places(&TableName(name.to_owned()), "own");
            let places: Vec<_> = places.iter().map(|p| (p.schema.as_str(), p.table.as_str())).collect();
            assert_eq!(places, expected, "{name}");
        }
        check("t", &[("own", "t")]);
        check("his.t", &[("own", "his.t"), ("his", "t")]);
        check("a.b.c", &[("own", "a.b.c"), ("a", "b.c"), ("a.b", "c")]);
        check(".t", &[("own", ".t")]);
        check("t.", &[("own", "t.")]);
    }
}
