//! The keys of tables: which columns identify rows, by which rows are found fast, and which other tables are referred to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, Question, ask, ask_least, ask_perhaps};
use crate::{
    his::{HisError, oracle::Oracle},
    model::table::{Column, ColumnName, UniqueIndex},
};

/// What is known of a table's keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The primary key first. `safe` does not know yet which columns take NULLs.
    pub(super) unique: Vec<UniqueIndex>,
    pub(super) references: Vec<String>,
    /// The first columns of all indexes.
    indexed: BTreeSet<String>,
}

impl Keys {
    /// The unique indexes: an index with a column that takes NULLs identifies no row.
    pub(super) fn safe_by(&self, columns: &[Column]) -> Vec<UniqueIndex> {
        let nullable = |name: &ColumnName| columns.iter().any(|c| c.name == *name && c.nullable);
        let judged = self.unique.iter().cloned().map(|mut index| {
            index.safe &= !index.columns.iter().any(nullable);
            index
        });
        judged.collect()
    }

    /// The columns, those marked by which rows are found fast.
    pub(super) fn marked(&self, mut columns: Vec<Column>) -> Vec<Column> {
        for column in &mut columns {
            column.indexed = self.indexed.contains(&column.name.0);
        }
        columns
    }
}

/// What is asked about each constraint: first what is needed, then what a view may lack.
const WANTED: [&str; 7] = [
    "CONSTRAINT_NAME",
    "CONSTRAINT_TYPE",
    "R_OWNER",
    "R_CONSTRAINT_NAME",
    "VALIDATED",
    "DEFERRED",
    "INDEX_NAME",
];
/// How many of them are needed.
const NEEDED: usize = 2;

/// A constraint that makes a key.
#[derive(Debug)]
struct Constraint {
    primary: bool,
    /// It holds for all rows, and at the end of each statement.
    sound: bool,
    index: Option<String>,
}

/// The parts of constraints or indexes, by their names.
type Parts = BTreeMap<(Place, String), Vec<(u32, String)>>;

pub(super) async fn read(session: &mut Oracle, places: &[Place]) -> Result<BTreeMap<Place, Keys>, HisError> {
    let of_table =
        Question { owner: "OWNER", name: "TABLE_NAME", wanted: "", view: "ALL_CONSTRAINTS", only: "" };
    let only = " AND STATUS = 'ENABLED' AND CONSTRAINT_TYPE IN ('P', 'U', 'R')";
    let mut constraints: BTreeMap<(Place, String), Constraint> = BTreeMap::new();
    let mut referred: Vec<(Place, (String, String))> = Vec::new();
    let (_, rows) = ask_least(session, (&WANTED, NEEDED), Question { only, ..of_table }, places).await?;
    for mut row in rows {
        let (name, kind, other) = (row.text(), row.text(), (row.text(), row.text()));
        if kind == "R" {
            referred.push((row.place, other));
            continue;
        }
        let (validated, deferred, index) = (row.text(), row.text(), row.cell());
        // NOT VALIDATED: old rows may be duplicates. DEFERRED: the check comes with COMMIT, too late for one event.
        let sound = validated != "NOT VALIDATED" && deferred != "DEFERRED";
        constraints.insert((row.place, name), Constraint { primary: kind == "P", sound, index });
    }
    let question =
        Question { wanted: "CONSTRAINT_NAME, POSITION, COLUMN_NAME", view: "ALL_CONS_COLUMNS", ..of_table };
    let mut parts = parts(ask(session, question, places).await?);
    let mut keys: BTreeMap<Place, Keys> = BTreeMap::new();
    let mut under: BTreeSet<(Place, String)> = BTreeSet::new();
    for ((place, name), constraint) in constraints {
        let columns = parts.remove(&(place.clone(), name.clone())).unwrap_or_default();
        under.extend(constraint.index.map(|index| (place.clone(), index)));
        under.insert((place.clone(), name.clone()));
        let Constraint { primary, sound, .. } = constraint;
        let safe = sound && !columns.is_empty();
        let columns = columns.into_iter().map(|(_, column)| ColumnName(column)).collect();
        keys.entry(place).or_default().unique.push(UniqueIndex { name, columns, primary, safe });
    }
    for (place, table) in references(session, referred).await? {
        let references = &mut keys.entry(place).or_default().references;
        if !references.contains(&table) {
            references.push(table);
        }
    }
    indexes(session, places, &under, &mut keys).await?;
    for keys in keys.values_mut() {
        keys.unique.sort_by_key(|index| !index.primary);
    }
    Ok(keys)
}

/// Unique indexes that are under no constraint, and the first columns of all.
async fn indexes(
    session: &mut Oracle,
    places: &[Place],
    under: &BTreeSet<(Place, String)>,
    keys: &mut BTreeMap<Place, Keys>,
) -> Result<(), HisError> {
    let of_table =
        Question { owner: "TABLE_OWNER", name: "TABLE_NAME", wanted: "", view: "ALL_INDEXES", only: "" };
    let wanted = "INDEX_NAME, COLUMN_POSITION, COLUMN_NAME";
    let question = Question { wanted, view: "ALL_IND_COLUMNS", ..of_table };
    let mut parts = parts(ask_perhaps(session, question, places).await?.unwrap_or_default());
    for ((place, _), columns) in &parts {
        if let Some((_, first)) = columns.first() {
            keys.entry(place.clone()).or_default().indexed.insert(first.clone());
        }
    }
    let question =
        Question { wanted: "INDEX_NAME, INDEX_TYPE, STATUS", only: " AND UNIQUENESS = 'UNIQUE'", ..of_table };
    for mut row in ask_perhaps(session, question, places).await?.unwrap_or_default() {
        let (name, kind, status) = (row.text(), row.text(), row.text());
        let at = (row.place, name);
        let Some(columns) = parts.remove(&at).filter(|_| !under.contains(&at)) else { continue };
        // A function's column is hidden, with a name of the system's. N/A: partitions have a status each.
        let safe = kind == "NORMAL" && status != "UNUSABLE" && !columns.is_empty();
        let (place, name) = at;
        let columns = columns.into_iter().map(|(_, column)| ColumnName(column)).collect();
        keys.entry(place).or_default().unique.push(UniqueIndex { name, columns, primary: false, safe });
    }
    Ok(())
}

/// Tables that the constraints of these names are of, for the tables that refer to them.
async fn references(
    session: &mut Oracle,
    referred: Vec<(Place, (String, String))>,
) -> Result<Vec<(Place, String)>, HisError> {
    let wanted: BTreeSet<Place> = referred.iter().map(|(_, (owner, name))| Place::new(owner, name)).collect();
    let wanted: Vec<Place> = wanted.into_iter().collect();
    let question = Question {
        owner: "OWNER",
        name: "CONSTRAINT_NAME",
        wanted: "TABLE_NAME",
        view: "ALL_CONSTRAINTS",
        only: "",
    };
    // Not shown where the login may not see the other table.
    let rows = ask_perhaps(session, question, &wanted).await?.unwrap_or_default();
    let tables: BTreeMap<Place, String> =
        rows.into_iter().map(|mut row| (row.place.clone(), row.text())).collect();
    let table = |(place, (owner, name)): (Place, (String, String))| {
        Some((place, tables.get(&Place { owner, name })?.clone()))
    };
    Ok(referred.into_iter().filter_map(table).collect())
}

/// Rows of name, position and column; the columns of each in their order.
fn parts(rows: Vec<super::Answer>) -> Parts {
    let mut parts = Parts::new();
    for mut row in rows {
        let (name, position, column) = (row.text(), row.number().unwrap_or(u32::MAX), row.text());
        parts.entry((row.place, name)).or_default().push((position, column));
    }
    for columns in parts.values_mut() {
        columns.sort();
    }
    parts
}
