//! The mapping's little languages: formats, templates, sources and statements with parameters, each with a value that comes
//! to it in an event. The input is a pattern, a line end, and the value.

use buktor_middleware::{
    ingest::envelope,
    model::{
        clock::Timestamp,
        event::{EventKind, Seq, StoredEvent},
        format::Format,
        mapping::{Action, Field, Mapping, Mappings, Origin, Rule, Source, Step, What, Write, WriteRule},
        table::{ColumnName, TableName},
        template::Template,
    },
    plan::{Planned, StepKnown},
    sql::{
        ident::{MYSQL, ORACLE, SQLITE, TSQL},
        parameters,
    },
};
use serde_json::{Value, json};

use super::{his, is_told_well};

/// Columns that texts go into.
const COLUMNS: [&str; 5] = ["WIDE", "CHARS", "LATIN", "UNITS", "OTHER"];

/// Whatever is written, it is a pattern or its mistake is told; whatever value comes to it, it is written exactly or refused
/// without being shown.
pub(crate) fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (pattern, value) = text.split_once('\n').unwrap_or((text, ""));
    statements(pattern);
    let format = match Format::parse(pattern) {
        Ok(format) => Some(format),
        Err(message) => {
            is_told_well(&message);
            None
        }
    };
    let template = Template::parse(pattern);
    if let Err(message) = &template {
        is_told_well(message);
    }
    let source = Source::parse(pattern);
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    if let Some(source) = source {
        fills(pattern, &value, &Origin::Event(source), None);
    }
    if let Ok(template) = template {
        fills(pattern, &value, &Origin::Text(template), None);
    }
    if let (Some(format), Some(source)) = (format, Source::parse("v")) {
        fills(pattern, &value, &Origin::Event(source), Some(&format));
    }
}

/// As many placeholders as names, and nothing changes when what was made is read again as words.
fn statements(pattern: &str) {
    for dialect in [&MYSQL, &SQLITE, &TSQL, &ORACLE] {
        match parameters::parse(pattern, dialect) {
            Ok(parsed) => {
                let (sql, names) = parsed.render(dialect);
                assert!(names.iter().all(|name| !name.is_empty()));
                assert!(sql.len() <= pattern.len() + 12 * names.len() + 4, "{sql}");
                let _ = parameters::words(&sql, dialect);
            }
            Err(message) => assert!(message.len() < 1000, "{message}"),
        }
    }
}

/// The value goes through a mapping into columns of texts.
fn fills(pattern: &str, value: &Value, from: &Origin, format: Option<&Format>) {
    let body = json!({
        "type": "a", "k": 1, "v": value, "a": value, "b": { "c": value }, "timestamp": value, "source": value,
    });
    let Ok(event) = envelope::read(body.to_string().as_bytes(), Timestamp(1_740_000_000_000_000)) else {
        return;
    };
    let event = StoredEvent::unqueued(event, Seq(7), "made-7");
    for (column, truncate) in COLUMNS.iter().zip([false, true].into_iter().cycle()) {
        let planner = his::planner(mapping(column, from, format, truncate));
        match planner.plan(&event) {
            Planned::Draft(draft, _) => {
                let steps = vec![StepKnown::default(); draft.steps().len()];
                if let Ok(finished) = planner.finish(draft, &event, &steps, &[]) {
                    his::fits(&finished.change);
                }
            }
            Planned::Rejected(rejection, _) => {
                is_told_well(&rejection.message);
                let secret = value.as_str().filter(|v| v.len() >= 12 && !pattern.contains(*v));
                assert!(
                    secret.is_none_or(|v| !rejection.message.contains(v) || OWN.contains(v)),
                    "{rejection:?}"
                );
            }
            Planned::Paused(rejection) => is_told_well(&rejection.message),
            Planned::Ignored(_) | Planned::Unmapped(_) => panic!("a mapping of one step without conditions"),
        }
    }
}

/// Words that stand in messages as they are.
const OWN: &str = "2025-03-03T09:00:00Z YYYY-MM-DD";

fn mapping(column: &str, from: &Origin, format: Option<&Format>, truncate: bool) -> Mappings {
    let field = |from: Origin, column: &str| Field {
        at: format!("mapping.a.fields.{column}"),
        from,
        or_from: Vec::new(),
        column: ColumnName(column.to_owned()),
        lookup: None,
        values: None,
        format: None,
        default: None,
        write: WriteRule::Always,
        timezone: None,
        truncate: false,
    };
    let key = Source::parse("k").expect("a name is a source");
    let filled = Field { format: format.cloned(), truncate, ..field(from.clone(), column) };
    let step = Step {
        name: "a".to_owned(),
        skip: false,
        what: What::Row { table: TableName("CELLS".to_owned()), action: Action::Upsert, generated: None },
        fields: vec![field(Origin::Event(key.clone()), "ID"), filled],
        constants: Vec::new(),
        key: Some(vec![key]),
        when: Vec::new(),
        marker: None,
        at: "mapping.a".to_owned(),
    };
    let rule = Rule::Write(Write { steps: vec![step], at: "mapping.a".to_owned() });
    let mapping =
        Mapping { kind: EventKind("a".to_owned()), rule, on: [].into(), at: "mapping.a".to_owned() };
    Mappings { by_kind: [("a".to_owned(), mapping)].into() }
}
