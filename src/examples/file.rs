//! The file of examples: its form, and what stands in it. Every mistake has its line and column.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    config::{KeyPath, Places, read_shaped},
    model::{clock::Timestamp, moment::parse_timestamp},
};

/// When an example's event was received, where the example does not say it: 2025-01-01T00:00:00Z.
const RECEIVED_AT: Timestamp = Timestamp(1_735_689_600_000_000);

/// Examples, as they were read.
#[derive(Clone, Debug)]
pub struct Examples {
    /// The file with the description of the tables, as it is written.
    pub schema: Option<String>,
    /// What lookups find: by `TABLE.COLUMN`, then by the event's value. An object holds columns of the row.
    pub lookups: BTreeMap<String, Map<String, Value>>,
    /// In their order.
    pub examples: Vec<Example>,
    places: Places,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Example {
    /// What it is called.
    pub name: String,
    /// The event as Buktor would send it.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Rows that records are linked to, by `NAME KEY`.
    pub links: BTreeMap<String, String>,
    /// None where nothing is expected yet.
    pub expected: Option<Expected>,
    /// Its place among the examples.
    pub number: usize,
}

/// What is expected of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// These rows, in this order.
    Rows(Vec<ExpectedRow>),
    /// It cannot be written as it is, for this cause or any that begins so.
    Parked(String),
    /// It is dropped on purpose.
    Ignored,
    /// Nothing maps it.
    Unmapped,
}

/// A row that is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedRow {
    /// Its table, with or without the schema.
    pub table: Option<String>,
    /// `insert`, `update`, `upsert`, `delete` or `statement`.
    pub action: Option<String>,
    /// Columns with what they must hold.
    pub row: Map<String, Value>,
    /// No other columns are written.
    pub exact: bool,
}

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line and column, from 1, where it has a place.
    pub place: Option<(usize, usize)>,
    /// The key that it is about; empty for the whole file.
    pub at: String,
    /// What it is, and what to write instead.
    pub message: String,
}

impl Examples {
    /// A mistake at a key.
    #[must_use]
    pub fn mistake(&self, at: &[&str], message: String) -> Mistake {
        let path = at.iter().fold(KeyPath::root(), |path, part| path.key(part));
        Mistake { place: self.places.of(&path), at: path.to_string(), message }
    }

    /// Line and column of an example's event.
    #[must_use]
    pub fn place_of_event(&self, number: usize) -> Option<(usize, usize)> {
        self.places.of(&KeyPath::root().key("tests").item(number).key("event"))
    }
}

/// Reads a file's text.
pub fn read(text: &str) -> Result<Examples, Vec<Mistake>> {
    let (value, places) = read_shaped(text, &form(), "Examples").map_err(|problems| {
        let mistake =
            |p: crate::config::Problem| Mistake { place: p.place, at: p.at.to_string(), message: p.message };
        problems.into_iter().map(mistake).collect::<Vec<_>>()
    })?;
    let lookups =
        objects(value.get("lookups")).filter_map(|(name, rows)| Some((name, rows.as_object()?.clone())));
    let mut examples = Examples {
        schema: value.get("schema").and_then(Value::as_str).map(str::to_owned),
        lookups: lookups.collect(),
        examples: Vec::new(),
        places,
    };
    let shared = links(value.get("links"));
    let mut mistakes = Vec::new();
    for (number, test) in value.get("tests").and_then(Value::as_array).into_iter().flatten().enumerate() {
        match example(number, test, &shared) {
            Ok(example) => examples.examples.push(example),
            Err((at, message)) => {
                let number = number.to_string();
                let path: Vec<&str> = ["tests", &number].into_iter().chain(at).collect();
                mistakes.push(examples.mistake(&path, message));
            }
        }
    }
    if mistakes.is_empty() { Ok(examples) } else { Err(mistakes) }
}

fn example(
    number: usize,
    test: &Value,
    shared: &BTreeMap<String, String>,
) -> Result<Example, (Vec<&'static str>, String)> {
    let received_at = match test.get("received_at").and_then(Value::as_str) {
        None => RECEIVED_AT,
        Some(text) => parse_timestamp(text).ok_or_else(|| {
            (vec!["received_at"], "must be a date and time such as 2025-03-02T10:30:45Z".to_owned())
        })?,
    };
    let mut links_of = shared.clone();
    links_of.extend(links(test.get("links")));
    let name = test.get("name").and_then(Value::as_str).map(str::to_owned);
    let expected = match test.get("expect") {
        None => None,
        Some(Value::Array(rows)) => Some(Expected::Rows(rows.iter().map(row).collect())),
        Some(other) => Some(outcome(other).ok_or_else(|| {
            let words = "must be a list of rows, or one of {\"parked\": \"CAUSE\"}, {\"ignored\": true}, {\"unmapped\": true}";
            (vec!["expect"], words.to_owned())
        })?),
    };
    Ok(Example {
        name: name.unwrap_or_else(|| format!("test {}", number + 1)),
        body: test.get("event").map(Value::to_string).unwrap_or_default().into_bytes(),
        received_at,
        links: links_of,
        expected,
        number,
    })
}

fn outcome(expect: &Value) -> Option<Expected> {
    let mut entries = objects(Some(expect));
    let (key, value) = entries.next().filter(|_| expect.as_object().is_some_and(|o| o.len() == 1))?;
    match (key.as_str(), value) {
        ("parked", Value::String(cause)) => Some(Expected::Parked(cause)),
        ("ignored", Value::Bool(true)) => Some(Expected::Ignored),
        ("unmapped", Value::Bool(true)) => Some(Expected::Unmapped),
        _ => None,
    }
}

fn row(row: &Value) -> ExpectedRow {
    let text = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
    ExpectedRow {
        table: text("table"),
        action: text("action"),
        row: row.get("row").and_then(Value::as_object).cloned().unwrap_or_default(),
        exact: row.get("exact") == Some(&Value::Bool(true)),
    }
}

fn links(value: Option<&Value>) -> BTreeMap<String, String> {
    objects(value).filter_map(|(record, key)| Some((record, super::value::text(&key)?))).collect()
}

fn objects(value: Option<&Value>) -> impl Iterator<Item = (String, Value)> {
    value.and_then(Value::as_object).into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()))
}

/// The file's form, as a JSON Schema.
fn form() -> Value {
    let text = json!({ "type": "string" });
    let anything = json!({ "$ref": "#/$defs/Anything" });
    let links = json!({ "type": "object", "additionalProperties": { "type": ["string", "integer"] } });
    json!({
        "type": "object",
        "properties": {
            "$schema": text, "schema": text, "links": links,
            "lookups": {
                "type": "object",
                "additionalProperties": { "type": "object", "additionalProperties": anything },
            },
            "tests": { "type": "array", "items": { "$ref": "#/$defs/Example" } },
        },
        "required": ["tests"],
        "$defs": {
            "Anything": { "additionalProperties": anything },
            "Example": {
                "type": "object",
                "properties": {
                    "name": text, "received_at": text, "links": links,
                    "event": { "type": "object", "additionalProperties": anything },
                    "expect": { "anyOf": [
                        { "type": "array", "items": { "$ref": "#/$defs/ExpectedRow" } },
                        {
                            "type": "object",
                            "properties": {
                                "parked": text, "ignored": { "type": "boolean" }, "unmapped": { "type": "boolean" },
                            },
                        },
                    ] },
                },
                "required": ["event"],
            },
            "ExpectedRow": {
                "type": "object",
                "properties": {
                    "table": text,
                    "action": { "enum": ["insert", "update", "upsert", "delete", "statement"], "type": "string" },
                    "row": { "type": "object", "additionalProperties": anything },
                    "exact": { "type": "boolean" },
                },
            },
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_their_places() {
        let check = |text: &str, expected: &str| {
            let told: Vec<String> = read(text)
                .unwrap_err()
                .into_iter()
                .map(|m| {
                    let (line, column) = m.place.unwrap();
                    format!("{line}:{column} {}: {}", m.at, m.message)
                })
                .collect();
            assert!(told.iter().any(|m| m.starts_with(expected)), "{text}: {told:?}");
        };
        check("", "1:1 : the file is empty");
        check("[]", "1:1 : the file must hold an object");
        check("{\"tests\": [}", "1:12 : ");
        check("{\n \"test\": []}", "2:2 test: unknown key; did you mean \"tests\"?");
        check("{\"tests\": [{}]}", "1:12 tests.0.event: ");
        check("{\"tests\": [{\"event\": 1}]}", "1:13 tests.0.event: must be an object in { }");
        check(
            "{\"tests\": [{\"event\": {}, \"expect\": {}}]}",
            "1:26 tests.0.expect: must be a list of rows",
        );
        check(
            "{\"tests\": [{\"event\": {}, \"expect\": {\"parkt\": \"x\"}}]}",
            "1:37 tests.0.expect.parkt: unknown",
        );
        check(
            "{\"tests\": [{\"event\": {}, \"expect\": [{\"action\": \"ad\"}]}]}",
            "1:38 tests.0.expect.0.action: ",
        );
        check(
            "{\"tests\": [{\"event\": {}, \"received_at\": \"now\"}]}",
            "1:26 tests.0.received_at: must be a date",
        );
        check("{\"tests\": [], \"tests\": []}", "1:15 tests: this key stands twice");
    }

    #[test]
    fn examples_are_read() {
        let text = r#"{
            "schema": "s.json", "links": { "visit 5": 17, "visit 6": "18" },
            "tests": [
                { "event": { "a": 1.50 }, "links": { "visit 6": 19 }, "expect": [{ "row": { "A": null } }] },
                { "name": "x", "event": {}, "expect": { "parked": "null" } },
                { "event": { "data": { "x": { "y": [{}] } } }, "expect": { "ignored": true } }
            ]
        }"#;
        let read = read(text).unwrap();
        let first = &read.examples[0];
        assert_eq!((first.name.as_str(), first.body.as_slice()), ("test 1", br#"{"a":1.50}"#.as_slice()));
        assert_eq!(first.received_at.rfc3339(), "2025-01-01T00:00:00Z");
        assert_eq!(first.links.values().collect::<Vec<_>>(), ["17", "19"]);
        assert!(matches!(&first.expected, Some(Expected::Rows(rows)) if rows[0].row["A"].is_null()));
        assert_eq!(read.examples[1].expected, Some(Expected::Parked("null".into())));
        assert_eq!(read.examples[2].expected, Some(Expected::Ignored));
        assert_eq!(read.place_of_event(1), Some((5, 32)), "in characters");
    }
}
