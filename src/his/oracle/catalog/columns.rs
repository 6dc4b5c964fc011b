//! The columns of tables: what they hold, and who fills them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, Question, ask_least, ask_perhaps};
use crate::{
    his::{
        HisError,
        oracle::{
            Oracle,
            kind::{self, Filling},
        },
    },
    model::table::{Column, ColumnName, Filled, Storage, UniqueIndex},
};

/// Columns by their places and names.
type Names = BTreeSet<(Place, String)>;

/// What is asked about each column: first what is needed, then what a view may lack.
const WANTED: [&str; 10] = [
    "COLUMN_ID",
    "COLUMN_NAME",
    "DATA_TYPE",
    "DATA_LENGTH",
    "DATA_PRECISION",
    "DATA_SCALE",
    "NULLABLE",
    "CHAR_USED",
    "CHAR_LENGTH",
    "DEFAULT_LENGTH",
];
/// How many of them are needed.
const NEEDED: usize = 7;

const OF_TABLE: Question<'static> =
    Question { owner: "OWNER", name: "TABLE_NAME", wanted: "", view: "ALL_TAB_COLUMNS", only: "" };

pub(super) async fn read(
    session: &mut Oracle,
    places: &[Place],
) -> Result<BTreeMap<Place, Vec<Column>>, HisError> {
    let computed = computed(session, places).await?;
    let counted = counted(session, places).await?;
    let folding = folding(session, places).await?;
    let charset = session.facts.charset.clone();
    let mut columns: BTreeMap<Place, Vec<(u32, Column)>> = BTreeMap::new();
    let (told, rows) = ask_least(session, (&WANTED, NEEDED), OF_TABLE, places).await?;
    for mut row in rows {
        let position = row.number().unwrap_or(u32::MAX);
        let (name, data_type, bytes) = (row.text(), row.text(), row.number());
        let (precision, scale, nullable) = (row.number(), row.number(), row.text() == "Y");
        let (by_characters, characters) = (row.text() == "C", row.number());
        // Where it is not told, it may have one: the server says so if not.
        let has_default = row.cell().is_some() || told < WANTED.len();
        let declared = kind::Declared {
            data_type: &data_type,
            bytes,
            characters,
            by_characters,
            precision,
            scale,
            charset: &charset,
        };
        let kind = kind::kind(&declared);
        let at = (row.place.clone(), name.clone());
        let filling = Filling {
            is_virtual: computed.contains(&at),
            is_identity: counted.always.contains(&at),
            counts: counted.all.contains(&at),
            optional: has_default || nullable || counted.untold,
        };
        let column = Column {
            name: ColumnName(name),
            kind: kind.column_type,
            declared: kind.declared,
            storage: kind.storage,
            nullable,
            filled: filling.filled(),
            folds: folding.contains(&at),
            indexed: false,
        };
        columns.entry(row.place).or_default().push((position, column));
    }
    let sorted = columns.into_iter().map(|(place, mut columns)| {
        columns.sort_by_key(|(position, _)| *position);
        (place, columns.into_iter().map(|(_, column)| column).collect())
    });
    Ok(sorted.collect())
}

/// Who fills the columns of a table that has a trigger before each insert: those that it assigns to, or perhaps any, where
/// the catalog does not tell. A number that is the whole primary key it takes from a sequence.
pub(super) fn filled(
    mut columns: Vec<Column>,
    unique: &[UniqueIndex],
    assigned: Option<&BTreeSet<String>>,
) -> Vec<Column> {
    let primary = unique.iter().find(|index| index.primary).map_or(&[][..], |index| &index.columns);
    let unfilled = columns.iter_mut().filter(|column| column.filled == Filled::ByNobody);
    for column in unfilled {
        let is_assigned = assigned.map(|names| names.contains(&column.name.0));
        let is_key = primary == std::slice::from_ref(&column.name) && column.storage == Storage::Number;
        column.filled = match is_assigned {
            Some(true) if is_key => Filled::ByCounter,
            Some(true) | None => Filled::ByDefault,
            Some(false) => Filled::ByNobody,
        };
    }
    columns
}

/// The columns that triggers assign to before an insert, by table; none where the catalog does not tell.
pub(super) async fn assigned(
    session: &mut Oracle,
    places: &[Place],
    triggers: &BTreeSet<String>,
) -> Result<Option<BTreeMap<Place, BTreeSet<String>>>, HisError> {
    let question = Question {
        owner: "TABLE_OWNER",
        wanted: "TRIGGER_NAME, COLUMN_NAME, COLUMN_USAGE",
        view: "ALL_TRIGGER_COLS",
        ..OF_TABLE
    };
    let Some(rows) = ask_perhaps(session, question, places).await? else { return Ok(None) };
    let mut assigned: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    for mut row in rows {
        let (trigger, column, usage) = (row.text(), row.text(), row.text());
        // `NEW IN OUT`.
        if triggers.contains(&trigger) && usage.contains("NEW") && usage.contains("OUT") {
            assigned.entry(row.place).or_default().insert(column);
        }
    }
    Ok(Some(assigned))
}

/// Virtual columns.
async fn computed(session: &mut Oracle, places: &[Place]) -> Result<Names, HisError> {
    let only = " AND VIRTUAL_COLUMN = 'YES' AND HIDDEN_COLUMN = 'NO'";
    let question = Question { wanted: "COLUMN_NAME", view: "ALL_TAB_COLS", only, ..OF_TABLE };
    Ok(names(ask_perhaps(session, question, places).await?.unwrap_or_default()))
}

/// Identity columns, those that take no number from anyone among them, and columns whose default is the next number of a
/// sequence.
#[derive(Debug, Default)]
struct Counted {
    always: Names,
    all: Names,
    /// The catalog does not tell: any column may be one.
    untold: bool,
}

async fn counted(session: &mut Oracle, places: &[Place]) -> Result<Counted, HisError> {
    let mut counted = Counted::default();
    if session.facts.version < (12, 1) {
        return Ok(counted);
    }
    let view = "ALL_TAB_IDENTITY_COLS";
    let question = Question { wanted: "COLUMN_NAME, GENERATION_TYPE", view, ..OF_TABLE };
    let answer = ask_perhaps(session, question, places).await?;
    if answer.is_none() {
        let question = Question { wanted: "COLUMN_NAME", only: " AND IDENTITY_COLUMN = 'YES'", ..OF_TABLE };
        let answer = ask_perhaps(session, question, places).await?;
        counted.untold = answer.is_none();
        counted.all = names(answer.unwrap_or_default());
    }
    for mut row in answer.unwrap_or_default() {
        let at = (row.place.clone(), row.text());
        if row.text() == "ALWAYS" {
            counted.always.insert(at.clone());
        }
        counted.all.insert(at);
    }
    // DATA_DEFAULT is a LONG, of which each takes a round trip: only of those that may be meant.
    let only = " AND DATA_TYPE = 'NUMBER' AND NULLABLE = 'N' AND DEFAULT_LENGTH IS NOT NULL";
    let question = Question { wanted: "COLUMN_NAME, DATA_DEFAULT", only, ..OF_TABLE };
    for mut row in ask_perhaps(session, question, places).await?.unwrap_or_default() {
        let (name, default) = (row.text(), row.text());
        if default.trim().trim_end_matches('"').to_lowercase().ends_with("nextval") {
            counted.all.insert((row.place, name));
        }
    }
    Ok(counted)
}

/// Columns with a collation of their own that takes different texts for equal (12.2 and later).
async fn folding(session: &mut Oracle, places: &[Place]) -> Result<Names, HisError> {
    if session.facts.version < (12, 2) {
        return Ok(Names::new());
    }
    let question =
        Question { wanted: "COLUMN_NAME, COLLATION", only: " AND COLLATION IS NOT NULL", ..OF_TABLE };
    let rows = ask_perhaps(session, question, places).await?.unwrap_or_default();
    let folding = rows.into_iter().filter_map(|mut row| {
        let (name, collation) = (row.text(), row.text());
        folds(&collation).then_some((row.place, name))
    });
    Ok(folding.collect())
}

/// `BINARY_CI`, `GERMAN_AI` and their like; the session compares by bytes where a column leaves it to it.
fn folds(collation: &str) -> bool {
    !matches!(collation, "BINARY" | "USING_NLS_COMP")
}

fn names(rows: Vec<super::Answer>) -> Names {
    let name = |mut row: super::Answer| {
        let name = row.text();
        (row.place, name)
    };
    rows.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{sample, table::ColumnType};

    fn column(name: &str, storage: Storage) -> Column {
        let mut column = Column::parameter(ColumnName(name.to_owned()));
        column.storage = storage;
        column.filled = Filled::ByNobody;
        column.kind = ColumnType::Int { min: 0, max: 9 };
        column
    }

    #[test]
    fn what_a_trigger_may_fill() {
        fn check(assigned: Option<&[&str]>, key: &[&str], expected: [Filled; 2]) {
            let columns = vec![column("ID", Storage::Number), column("WHO", Storage::VarChar)];
            let names: Vec<ColumnName> = key.iter().map(|name| ColumnName((*name).to_owned())).collect();
            let assigned = assigned.map(|all| all.iter().map(|name| (*name).to_owned()).collect());
            let filled = filled(columns, &[sample::primary(&names)], assigned.as_ref());
            let filled: Vec<Filled> = filled.iter().map(|column| column.filled).collect();
            assert_eq!(filled, expected);
        }
        check(Some(&[]), &["ID"], [Filled::ByNobody, Filled::ByNobody]);
        check(Some(&["ID", "WHO"]), &["ID"], [Filled::ByCounter, Filled::ByDefault]);
        check(Some(&["ID"]), &["ID", "WHO"], [Filled::ByDefault, Filled::ByNobody]);
        check(Some(&["WHO"]), &["WHO"], [Filled::ByNobody, Filled::ByDefault]);
        check(None, &["ID"], [Filled::ByDefault, Filled::ByDefault]);
    }

    #[test]
    fn collations() {
        assert!(folds("BINARY_CI") && folds("GERMAN_AI") && !folds("BINARY") && !folds("USING_NLS_COMP"));
    }
}
