//! Example events with the rows that are expected of them: what `mapping test` runs, without a database, against a saved
//! description of the tables. Pure: reads no file, asks nobody.
//!
//! `file` reads the examples, `came` says what the mapping makes of an event, `compare` holds that against what was expected,
//! `value` brings values to JSON and back.

mod came;
mod compare;
mod file;
mod value;

pub use came::{Came, CameColumn, CameRow, CameValue, Runner};
pub use compare::{Difference, compare};
pub use file::{Example, Examples, Expected, ExpectedRow, Mistake, read};
pub use value::shown;

use serde_json::{Map, Value, json};

/// What came, as an example would expect it; none where that is a mistake to mend.
#[must_use]
pub fn expectation(came: &Came, zone: chrono_tz::Tz) -> Option<Value> {
    match came {
        Came::Rows(rows) => Some(rows.iter().map(|row| expected_row(row, zone)).collect()),
        Came::Parked(reason) => Some(json!({ "parked": compare::cause_word(&reason.cause) })),
        Came::Ignored(_) => Some(json!({ "ignored": true })),
        Came::Unmapped(_) => Some(json!({ "unmapped": true })),
        Came::Paused(_) | Came::NoEvent(_) => None,
    }
}

fn expected_row(row: &CameRow, zone: chrono_tz::Tz) -> Value {
    let columns = row.columns.iter().map(|column| (column.column.name.0.clone(), shown(column, zone)));
    let mut object = json!({ "action": row.action, "row": columns.collect::<Map<_, _>>() });
    if let (Some(table), Some(object)) = (row.table_alone(), object.as_object_mut()) {
        object.insert("table".to_owned(), json!(table));
    }
    object
}

/// As [`expectation`], written as people write it: a line for each column, in the order of the mapping. `indent` spaces stand
/// before its last line.
#[must_use]
pub fn expectation_text(came: &Came, zone: chrono_tz::Tz, indent: usize) -> Option<String> {
    let Came::Rows(rows) = came else { return expectation(came, zone).map(|value| value.to_string()) };
    let (outer, inner) = (" ".repeat(indent), " ".repeat(indent + 4));
    let row = |row: &CameRow| {
        let table =
            row.table_alone().map_or_else(String::new, |table| format!("\"table\": {}, ", json!(table)));
        let column = |column: &CameColumn| {
            format!("{inner}  {}: {}", json!(column.column.name.0), shown(column, zone))
        };
        let columns: Vec<String> = row.columns.iter().map(column).collect();
        let columns = columns.join(",\n");
        format!(
            "{outer}  {{\n{inner}{table}\"action\": {},\n{inner}\"row\": {{\n{columns}\n{inner}}}\n{outer}  }}",
            json!(row.action)
        )
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    Some(if rows.is_empty() { "[]".to_owned() } else { format!("[\n{}\n{outer}]", rows.join(",\n")) })
}
