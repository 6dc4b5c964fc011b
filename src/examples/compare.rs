//! What came against what was expected, column by column.

use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    examples::{
        Came, CameColumn, CameRow, CameValue, Expected, ExpectedRow,
        value::{literal, shown},
    },
    model::table::ColumnType,
    plan::held,
};

/// Where what came is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row, from 1, with its table; none where it is about the whole event.
    pub row: Option<String>,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
}

/// All differences; none where all is as expected.
#[must_use]
pub fn compare(expected: &Expected, came: &Came, zone: Tz) -> Vec<Difference> {
    let whole = |expected: String| Difference { row: None, column: None, expected, came: words(came) };
    match (expected, came) {
        (Expected::Rows(expected), Came::Rows(came)) => rows(expected, came, zone),
        (Expected::Parked(cause), Came::Parked(reason)) if is_cause(cause, &reason.cause) => Vec::new(),
        (Expected::Ignored, Came::Ignored(_)) | (Expected::Unmapped, Came::Unmapped(_)) => Vec::new(),
        (Expected::Rows(rows), _) => vec![whole(format!("{} to be written", count(rows.len())))],
        (Expected::Parked(cause), _) => vec![whole(format!("parked, {cause}"))],
        (Expected::Ignored, _) => vec![whole("ignored".to_owned())],
        (Expected::Unmapped, _) => vec![whole("unmapped".to_owned())],
    }
}

/// The part of a cause before what it is about.
pub(super) fn cause_word(cause: &str) -> &str {
    cause.split_once(':').map_or(cause, |(word, _)| word)
}

fn is_cause(expected: &str, cause: &str) -> bool {
    expected == cause || expected == cause_word(cause)
}

fn count(rows: usize) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}

/// What came, in words.
fn words(came: &Came) -> String {
    match came {
        Came::Rows(rows) if rows.is_empty() => "nothing to be written".to_owned(),
        Came::Rows(rows) => {
            let title = |row: &CameRow| match &row.table {
                Some(table) => format!("{} {table}", row.action),
                None => format!("a statement ({})", row.step),
            };
            format!(
                "{} to be written: {}",
                count(rows.len()),
                rows.iter().map(title).collect::<Vec<_>>().join(", ")
            )
        }
        Came::Parked(reason) => format!("parked, {}: {}", reason.cause, reason.message),
        Came::Ignored(words) => format!("ignored: {words}"),
        Came::Unmapped(reason) => format!("unmapped: {}", reason.message),
        Came::Paused(reason) => {
            format!("paused, because the mapping does not fit the tables: {}", reason.message)
        }
        Came::NoEvent(words) => format!("an event that would not be accepted: {words}"),
    }
}

fn rows(expected: &[ExpectedRow], came: &[CameRow], zone: Tz) -> Vec<Difference> {
    let mut differences = Vec::new();
    if expected.len() != came.len() {
        let came = words(&Came::Rows(came.to_vec()));
        let expected = format!("{} to be written", count(expected.len()));
        differences.push(Difference { row: None, column: None, expected, came });
    }
    for (number, (expected, came)) in expected.iter().zip(came).enumerate() {
        row(number + 1, expected, came, zone, &mut differences);
    }
    differences
}

fn row(number: usize, expected: &ExpectedRow, came: &CameRow, zone: Tz, found: &mut Vec<Difference>) {
    let title = came.table.as_deref().unwrap_or("a statement");
    let mut differs = |column: Option<&str>, expected: String, came: String| {
        let row = Some(format!("row {number}, {title}"));
        found.push(Difference { row, column: column.map(str::to_owned), expected, came });
    };
    if let Some(table) = expected.table.as_ref().filter(|table| !is_table(title, table)) {
        differs(None, format!("table {table}"), format!("table {title}"));
        return;
    }
    if let Some(action) = expected.action.as_ref().filter(|action| *action != came.action) {
        differs(None, action.clone(), came.action.to_owned());
    }
    for (name, value) in &expected.row {
        match came.columns.iter().find(|c| c.column.name.0.eq_ignore_ascii_case(name)) {
            None => differs(Some(name), value.to_string(), "nothing: it is not written".to_owned()),
            Some(column) => {
                if let Err(came) = equal(value, column, zone) {
                    differs(Some(name), value.to_string(), came);
                }
            }
        }
    }
    let named =
        |column: &CameColumn| expected.row.keys().any(|k| k.eq_ignore_ascii_case(&column.column.name.0));
    for column in came.columns.iter().filter(|column| expected.exact && !named(column)) {
        differs(Some(&column.column.name.0), "nothing".to_owned(), shown(column, zone).to_string());
    }
}

/// Whether a column gets what was expected; else what it gets, in words.
fn equal(expected: &Value, column: &CameColumn, zone: Tz) -> Result<(), String> {
    let came = shown(column, zone);
    if *expected == came {
        return Ok(());
    }
    let value = match &column.value {
        CameValue::Value(value) if column.column.kind != ColumnType::Json => value,
        _ => return Err(came.to_string()),
    };
    let Some(literal) = literal(expected) else { return Err(came.to_string()) };
    match held(&column.column, zone, &literal) {
        Ok(held) if held == *value => Ok(()),
        Ok(_) => Err(came.to_string()),
        Err(words) => Err(format!("{came}; what is expected could not stand there: {words}")),
    }
}

/// Whether a table of that title is meant: `his.VISITS` by `his.VISITS`, and by `visits`.
fn is_table(title: &str, written: &str) -> bool {
    let last = title.rsplit_once('.').map_or(title, |(_, last)| last);
    title.eq_ignore_ascii_case(written) || last.eq_ignore_ascii_case(written)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use chrono::NaiveDate;
    use serde_json::json;

    use super::*;
    use crate::model::{
        outcome::Rejection,
        table::{Calendar, Charset, Column, ColumnName, Filled, Storage, TextLength},
        value::SqlValue,
    };

    fn column(name: &str, kind: ColumnType, value: CameValue) -> CameColumn {
        let column = Column {
            name: ColumnName(name.into()),
            kind,
            declared: "a type".into(),
            storage: Storage::Any,
            nullable: true,
            filled: Filled::ByDefault,
            folds: false,
            indexed: false,
        };
        CameColumn { column, value }
    }

    fn came() -> Came {
        let day = NaiveDate::from_ymd_opt(2025, 3, 10).unwrap().and_hms_opt(10, 30, 0).unwrap();
        let text = ColumnType::Text { length: TextLength::Unlimited, charset: Charset::Any };
        let value = CameValue::Value;
        let columns = vec![
            column("ID", ColumnType::Int { min: 0, max: 99 }, value(SqlValue::Int(7))),
            column(
                "PAID",
                ColumnType::Decimal { precision: 8, scale: 2, unsigned: false },
                value(SqlValue::Decimal("1500".into())),
            ),
            column(
                "AT",
                ColumnType::DateTime { fraction: 0, calendar: Calendar::Full },
                value(SqlValue::DateTime(day)),
            ),
            column("STAMP", ColumnType::Timestamp { fraction: 0 }, value(SqlValue::Instant(day.and_utc()))),
            column("NOTE", text, value(SqlValue::Text("7".into()))),
            column("GONE", ColumnType::Other, value(SqlValue::Null)),
            column("DOC", ColumnType::Json, value(SqlValue::Text("{\"a\": [1]}".into()))),
            column("PAT", ColumnType::Int { min: 0, max: 99 }, CameValue::Key("patient".into())),
        ];
        let table = Some("his.VISITS".to_owned());
        Came::Rows(vec![CameRow { step: "visit".into(), table, action: "insert", columns }])
    }

    #[test]
    fn values_are_compared_as_their_columns_hold_them() {
        let zone = chrono_tz::Asia::Kolkata;
        let check = |row: Value, expected: &[&str]| {
            let row = row.as_object().unwrap().clone();
            let wanted = ExpectedRow { table: Some("visits".into()), action: None, row, exact: false };
            let told: Vec<String> = compare(&Expected::Rows(vec![wanted]), &came(), zone)
                .into_iter()
                .map(|d| format!("{}: {}, not {}", d.column.unwrap_or_default(), d.expected, d.came))
                .collect();
            assert_eq!(told, expected);
        };
        check(json!({"id": 7, "PAID": 1500.00, "AT": "2025-03-10T10:30", "NOTE": 7, "GONE": null}), &[]);
        check(json!({"ID": "7", "PAID": "1500.0", "AT": "2025-03-10 10:30:00", "NOTE": "7"}), &[]);
        check(
            json!({"STAMP": "2025-03-10 16:00:00", "DOC": {"a": [1]}, "PAT": {"generated": "patient"}}),
            &[],
        );
        check(json!({"PAID": 1500.01}), &["PAID: 1500.01, not 1500"]);
        check(json!({"AT": "2025-03-10"}), &["AT: \"2025-03-10\", not \"2025-03-10 10:30:00\""]);
        check(json!({"STAMP": "2025-03-10T10:30:00Z"}), &[]);
        check(json!({"GONE": ""}), &["GONE: \"\", not null"]);
        check(json!({"NOTE": null}), &["NOTE: null, not \"7\""]);
        check(json!({"PAT": 5}), &["PAT: 5, not {\"generated\":\"patient\"}"]);
        check(json!({"NEW": 5}), &["NEW: 5, not nothing: it is not written"]);
        check(
            json!({"ID": "x"}),
            &[
                "ID: \"x\", not 7; what is expected could not stand there: it is no number, such as 1500 or 1500.50",
            ],
        );
    }

    #[test]
    fn whole_events_are_compared() {
        let zone = chrono_tz::UTC;
        let check = |expected: &Expected, came: &Came, words: Option<&str>| {
            let found = compare(expected, came, zone);
            assert_eq!(found.first().map(|d| format!("{} / {}", d.expected, d.came)).as_deref(), words);
        };
        let parked = |cause: &str| Came::Parked(Rejection { cause: cause.into(), message: "m".into() });
        let unknown = Expected::Parked("unknown-value".into());
        check(&unknown, &parked("unknown-value:appointment.status"), None);
        check(&Expected::Parked("null-key:a.b".into()), &parked("null-key:a.b"), None);
        check(&unknown, &parked("null"), Some("parked, unknown-value / parked, null: m"));
        check(&Expected::Ignored, &Came::Ignored("x"), None);
        check(&Expected::Unmapped, &Came::Ignored("x"), Some("unmapped / ignored: x"));
        let none = Expected::Rows(Vec::new());
        check(&none, &came(), Some("0 rows to be written / 1 row to be written: insert his.VISITS"));
        let row = |table: &str, action: &str| ExpectedRow {
            table: Some(table.into()),
            action: Some(action.into()),
            row: serde_json::Map::new(),
            exact: true,
        };
        check(&Expected::Rows(vec![row("X", "insert")]), &came(), Some("table X / table his.VISITS"));
        check(&Expected::Rows(vec![row("VISITS", "update")]), &came(), Some("update / insert"));
        let exact = Expected::Rows(vec![row("his.visits", "insert")]);
        check(&exact, &came(), Some("nothing / 7"));
        assert_eq!(compare(&exact, &came(), zone).len(), 8);
    }
}
