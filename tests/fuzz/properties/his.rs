//! A HIS of every column type and a mapping of every kind, in the SQL of all four databases. What is planned with them must
//! fit its columns, and no value of an event may stand in a statement's text.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, OnceLock},
};

use buktor_middleware::{
    config::Config,
    model::{
        answer::Answer,
        change::{Act, Cell, EventChange},
        event::{EventKind, StoredEvent},
        mapping::Mappings,
        outcome::Rejection,
        table::{
            Calendar, Charset, Column, ColumnName, ColumnType, Filled, Privileges, Schema, Storage, Table,
            TableName, TextLength, UniqueIndex,
        },
        value::SqlValue,
    },
    plan::{Draft, Planned, Planner, StepKnown},
    sql::{
        Form, StatementBytes,
        batch::Packer,
        ident::{Dialect, MYSQL, ORACLE, SQLITE, TSQL},
    },
};
use serde_json::{Value, json};

use super::is_told_well;

/// Bytes that one statement takes here.
const ROW_BYTES_MAX: usize = 1 << 20;
/// Shorter values may well be a part of a statement's own words.
const TELLING_BYTES_MIN: usize = 12;

/// One database's side.
pub(crate) struct Side {
    dialect: &'static Dialect,
    planner: Planner,
    /// Names and words that a statement may hold, whatever the event is.
    own: String,
}

/// All four.
pub(crate) fn sides() -> &'static [Side] {
    static SIDES: OnceLock<Vec<Side>> = OnceLock::new();
    SIDES.get_or_init(|| {
        let sides: [(&'static Dialect, Value); 4] = [
            (&MYSQL, json!({"type": "mysql", "host": "h", "user": "u", "password": "p", "database": "d"})),
            (&SQLITE, json!({"type": "sqlite", "path": "his.db"})),
            (&TSQL, json!({"type": "sqlserver", "host": "h", "user": "u", "password": "p", "database": "d"})),
            (&ORACLE, json!({"type": "oracle", "host": "h", "user": "u", "password": "p", "database": "d"})),
        ];
        sides.into_iter().map(|(dialect, database)| side(dialect, database)).collect()
    })
}

fn side(dialect: &'static Dialect, mut database: Value) -> Side {
    database["timezone"] = json!("Asia/Kolkata");
    let written = json!({ "database": database, "mapping": mapping() }).to_string();
    let config = match Config::parse(written.as_bytes(), Path::new("/his-config.json"), &|_: &str| None) {
        Ok(config) => config,
        Err(error) => panic!("{}: {error}", dialect.name),
    };
    let planner = planner(config.mappings);
    assert!(!planner.has_unbound(), "{}: {:?}", dialect.name, planner.findings());
    Side { dialect, planner, own: format!("{written}{:?}", schema()) }
}

/// The mappings bound to this HIS.
pub(crate) fn planner(mappings: Mappings) -> Planner {
    Planner::new(Arc::new(mappings), &schema(), chrono_tz::Asia::Kolkata, ROW_BYTES_MAX)
}

/// Event types that the mapping knows.
pub(crate) fn kinds() -> impl Iterator<Item = String> {
    let cells = types().into_iter().map(|(name, _)| format!("to_{name}"));
    cells.chain(
        ["visit", "visit.rescheduled", "visit.deleted", "note", "procedure", "booking"].map(str::to_owned),
    )
}

/// A column for each type, by its name.
fn types() -> Vec<(String, ColumnType)> {
    let text = |length, charset| ColumnType::Text { length, charset };
    let when = |fraction, calendar| ColumnType::DateTime { fraction, calendar };
    let members = || ["confirmed", "cancelled", "x"].map(str::to_owned).to_vec();
    let all = [
        ("TINY", ColumnType::Int { min: -128, max: 127 }),
        ("BIG", ColumnType::Int { min: 0, max: i128::from(u64::MAX) }),
        ("AMOUNT", ColumnType::Decimal { precision: 10, scale: 2, unsigned: false }),
        ("NUMERAL", ColumnType::Decimal { precision: 38, scale: 0, unsigned: true }),
        ("MONEY", ColumnType::Money { small: false }),
        ("COINS", ColumnType::Money { small: true }),
        ("SINGLE", ColumnType::Float { single: true }),
        ("DOUBLE", ColumnType::Float { single: false }),
        ("WIDE", text(TextLength::Unlimited, Charset::Any)),
        ("CHARS", text(TextLength::Chars(10), Charset::Utf8mb3)),
        ("LATIN", text(TextLength::Bytes(12), Charset::Latin1)),
        ("PLAIN", text(TextLength::Chars(12), Charset::Ascii)),
        ("UNITS", text(TextLength::Units(12), Charset::Any)),
        ("PAGED", text(TextLength::Bytes(12), Charset::CodePage(1253))),
        ("EURO", text(TextLength::Bytes(12), Charset::Iso8859(15))),
        ("BLOB", ColumnType::Bytes { max: Some(16) }),
        ("DAY", ColumnType::Date),
        ("HOUR", ColumnType::Time { fraction: 3 }),
        ("MOMENT", when(6, Calendar::Full)),
        ("OLD", when(3, Calendar::From1753)),
        ("SMALL", when(0, Calendar::Small)),
        ("STAMP", ColumnType::Timestamp { fraction: 0 }),
        ("ONE", ColumnType::Choice { members: members(), many: false }),
        ("MANY", ColumnType::Choice { members: members(), many: true }),
        ("YEAR", ColumnType::Year),
        ("GUID", ColumnType::Guid),
        ("JSON", ColumnType::Json),
        ("OTHER", ColumnType::Other),
    ];
    all.map(|(name, kind)| (name.to_owned(), kind)).to_vec()
}

fn mapping() -> Value {
    let mut mapping = json!({
        "visit": {
            "steps": [
                { "name": "patient", "table": "PATIENT", "generated_key": "PID", "key": "patient_info.patient_id",
                  "marker": "CODE",
                  "fields": { "patient_info.patient_phone": { "column": "PHONE", "truncate": true, "default_from": ["phone"] } },
                  "concat": { "NAME": { "text": "{first} {last}, {start_time:%d.%m.%Y %H:%M} {amount:#,##0.00}", "truncate": true } } },
                { "table": "VISIT", "generated_key": "VID", "key": "appointment_id", "missing_row": "insert",
                  "fields": {
                    "$patient.generated_key": "PID",
                    "$patient.PHONE": "PHONE",
                    "start_time": [ "DAY", { "column": "HOUR", "default_from": ["slots.0.start"] } ],
                    "doctor_id": { "column": "DOC", "lookup": { "table": "DOCTOR", "match": "CODE", "take": "DID", "where": { "ACTIVE": 1 } } },
                    "place": { "column": "PLACE", "lookup": { "table": "DOCTOR", "match": "DID", "take": "CODE", "missing": null } },
                    "status": { "column": "ST", "values": { "confirmed": "C", "cancelled": "X", "true": 1, "null": null }, "default": "O" },
                    "amount": { "column": "FEE", "format": "#,##0.00", "write": "if_null" },
                    "updated_at": { "column": "CHANGED", "timezone": "America/New_York" },
                    "received_at": "MADE", "event_id": "REF"
                  },
                  "constants": { "SOURCE": "BUKTOR" },
                  "when": { "type_of": ["new", 5, true, null] },
                  "on": { "deleted": { "action": "delete" } } }
            ]
        },
        "visit.rescheduled": { "table": "KEYED", "action": "update", "key": ["a", "b"],
            "fields": { "a": "A", "b": "B", "v": { "column": "V", "write": "if_null" }, "w": "W" } },
        "note": { "table": "LOG", "action": "insert", "fields": { "text": "TXT", "$source": "SRC", "$operation": "OP" },
            "marker": { "table": "MARKS", "column": "MARK" } },
        "procedure": { "sql": "UPDATE KEYED SET V = :v WHERE A = :a AND B = :a", "fields": { "a": "a", "v": "v" }, "repeatable": true },
        "booking": { "table": "KEYED", "key": ["a", "b"], "fields": { "a": "A", "b": "B", "v": "V", "w": { "column": "W", "write": "insert_only" } },
            "on": { "deleted": { "action": "delete" }, "cancelled": { "constants": { "V": "X" } }, "merged": { "ignore": true } } }
    });
    for (name, _) in types() {
        mapping[format!("to_{name}")] =
            json!({ "table": "CELLS", "key": "k", "fields": { "k": "ID", "v": name } });
    }
    mapping
}

fn column(name: &str, kind: ColumnType, filled: Filled) -> Column {
    Column {
        name: ColumnName(name.to_owned()),
        kind,
        declared: "its type".to_owned(),
        storage: Storage::Any,
        nullable: true,
        filled,
        folds: false,
        indexed: true,
    }
}

fn table(name: &str, keys: usize, columns: Vec<Column>) -> Arc<Table> {
    let key = columns.iter().take(keys).map(|c| c.name.clone()).collect();
    let primary = UniqueIndex { name: "PRIMARY".to_owned(), columns: key, primary: true, safe: true };
    Arc::new(Table {
        schema: Some("his".to_owned()),
        name: name.to_owned(),
        view: false,
        updatable: true,
        engine: String::new(),
        columns,
        unique: vec![primary],
        references: Vec::new(),
        triggers: Vec::new(),
        triggers_hidden: false,
        insert_triggers: false,
        transactional: true,
        ignore_case: true,
        empty_is_null: false,
        may: Privileges::all(),
        columns_hidden: false,
    })
}

fn schema() -> Schema {
    let int = || ColumnType::Int { min: 0, max: 1 << 31 };
    let text = |n| ColumnType::Text { length: TextLength::Chars(n), charset: Charset::Any };
    let plain = |name: &str, kind| column(name, kind, Filled::ByDefault);
    let counted = |name: &str| column(name, int(), Filled::ByCounter);
    let of_type = |(name, kind): (String, ColumnType)| column(&name, kind, Filled::ByDefault);
    let texts =
        |names: &[&str]| names.iter().map(|n| column(n, text(60), Filled::ByDefault)).collect::<Vec<_>>();
    let with = |first: Vec<Column>, rest: Vec<Column>| first.into_iter().chain(rest).collect::<Vec<_>>();
    let now = || ColumnType::DateTime { fraction: 0, calendar: Calendar::Full };
    let visit = vec![
        counted("VID"),
        plain("PID", int()),
        plain("DAY", ColumnType::Date),
        plain("HOUR", ColumnType::Time { fraction: 0 }),
        plain("DOC", int()),
        plain("CHANGED", now()),
        plain("MADE", now()),
    ];
    let tables = [
        table(
            "CELLS",
            1,
            with(vec![column("ID", text(40), Filled::ByNobody)], types().into_iter().map(of_type).collect()),
        ),
        table("PATIENT", 1, with(vec![counted("PID")], texts(&["CODE", "PHONE", "NAME"]))),
        table("VISIT", 1, with(visit, texts(&["PHONE", "PLACE", "ST", "FEE", "REF", "SOURCE"]))),
        table("DOCTOR", 1, vec![counted("DID"), plain("CODE", text(9)), plain("ACTIVE", int())]),
        table(
            "KEYED",
            2,
            with(
                vec![column("A", text(20), Filled::ByNobody), column("B", int(), Filled::ByNobody)],
                texts(&["V", "W"]),
            ),
        ),
        table("LOG", 1, with(vec![counted("ID")], texts(&["TXT", "SRC", "OP"]))),
        table("MARKS", 1, vec![column("MARK", text(60), Filled::ByNobody)]),
    ];
    Schema {
        tables: tables.into_iter().map(|t| (TableName(t.name.clone()), t)).collect(),
        ..Schema::default()
    }
}

impl Side {
    /// Plans an event as if it were of that type, and writes its statements.
    pub(crate) fn holds(&self, event: &StoredEvent, kind: &str, telling: &[&str]) {
        let event = StoredEvent { kind: EventKind(kind.to_owned()), ..event.clone() };
        match self.planner.plan(&event) {
            Planned::Draft(draft, _) => self.finish(&draft, &event, telling),
            Planned::Rejected(rejection, entity) => {
                is_refused_well(&rejection);
                assert!(entity.is_none_or(|entity| entity.0.len() <= 2 * event.body.len() + 200));
            }
            Planned::Ignored(_) => {}
            Planned::Unmapped(rejection) | Planned::Paused(rejection) => panic!("{kind}: {rejection:?}"),
        }
    }

    /// With all that the queue and the HIS may know of its rows.
    fn finish(&self, draft: &Draft, event: &StoredEvent, telling: &[&str]) {
        let known = |his_key: Option<&str>, gone| StepKnown {
            his_key: his_key.map(str::to_owned),
            gone,
            ..StepKnown::default()
        };
        let rows = [known(None, false), known(Some("17"), false), known(Some("x"), true)];
        let answers = [Answer::Row(Some("5".into())), Answer::Row(None), Answer::Missing, Answer::Several];
        for (row, answer) in
            rows.iter().zip(answers.iter().cycle()).chain(rows.iter().take(1).zip(answers.iter().skip(2)))
        {
            let steps = vec![row.clone(); draft.steps().len()];
            let answers = vec![answer.clone(); draft.asks.len()];
            match self.planner.finish(draft.clone(), event, &steps, &answers) {
                Ok(finished) => self.render(&finished.change, telling),
                Err(refusal) => is_refused_well(&refusal.reason),
            }
        }
    }

    /// Alone, and together with another event of the same columns.
    fn render(&self, change: &EventChange, telling: &[&str]) {
        fits(change);
        let bytes = StatementBytes { max: ROW_BYTES_MAX, best: ROW_BYTES_MAX };
        let mut packer = Packer::new(self.dialect, bytes);
        let mut texts = BTreeSet::new();
        for events in [vec![change], vec![change, change]] {
            let batch = packer.pack(events.into_iter(), false);
            for form in batch.works.iter().flat_map(|work| work.guard.iter().chain([&work.form])) {
                texts.extend(sql(form));
            }
        }
        for text in &texts {
            let leaked = telling.iter().find(|value| text.contains(**value) && !self.own.contains(**value));
            assert!(leaked.is_none(), "{}: {leaked:?} stands in {text}", self.dialect.name);
        }
    }
}

/// Values of a body, and its keys, by which they would be known in a statement.
pub(crate) fn telling(body: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![body];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => found.push(text.as_str()),
            Value::Number(number) => found.push(number.as_str()),
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                found.extend(fields.keys().map(String::as_str));
                open.extend(fields.values());
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
    found.retain(|text| text.len() >= TELLING_BYTES_MIN);
    found.truncate(100);
    found
}

fn is_refused_well(rejection: &Rejection) {
    is_told_well(&rejection.message);
    is_told_well(&rejection.cause);
}

fn sql(form: &Form) -> Vec<String> {
    let templates = match form {
        Form::Upsert(one)
        | Form::UpdateOrInsert(one)
        | Form::Update(one)
        | Form::UpdateMany(one)
        | Form::Insert(one)
        | Form::InsertGenerating(one)
        | Form::InsertOnce(one)
        | Form::Delete(one)
        | Form::Call(one) => vec![one],
        Form::UpdateElseInsert { update, insert } => vec![update, insert],
    };
    templates.into_iter().map(|template| template.sql.to_string()).collect()
}

/// Every value is one that its column takes.
pub(crate) fn fits(change: &EventChange) {
    for row in &change.rows {
        let Act::Row(shape) = &row.act else { continue };
        assert_eq!(shape.columns.len(), row.values.len(), "a value for each column");
        for ((index, _), cell) in shape.columns.iter().zip(&row.values) {
            let column = &shape.table.columns[*index];
            if let Cell::Value(value) = cell {
                assert!(takes(&column.kind, value), "{} takes no {value:?}", column.name);
            }
        }
    }
}

fn takes(kind: &ColumnType, value: &SqlValue) -> bool {
    match (kind, value) {
        (_, SqlValue::Null)
        | (ColumnType::Json | ColumnType::Other, _)
        | (ColumnType::Date, SqlValue::Date(_))
        | (ColumnType::Time { .. }, SqlValue::Time(_))
        | (ColumnType::DateTime { .. }, SqlValue::DateTime(_))
        | (ColumnType::Timestamp { .. }, SqlValue::Instant(_)) => true,
        (ColumnType::Int { min, max }, SqlValue::Int(n)) => (min..=max).contains(&n),
        // What `his_key` said above.
        (ColumnType::Int { .. }, SqlValue::Text(text)) => text == "x",
        (ColumnType::Year, SqlValue::Int(n)) => (0..=2155).contains(n),
        (ColumnType::Decimal { precision, scale, .. }, SqlValue::Decimal(text)) => {
            is_decimal(text, *precision, *scale)
        }
        (ColumnType::Money { .. }, SqlValue::Decimal(text)) => is_decimal(text, 19, 4),
        (ColumnType::Float { .. }, SqlValue::Float(f)) => f.is_finite(),
        (ColumnType::Text { length, charset }, SqlValue::Text(text)) => {
            let count = match length {
                TextLength::Unlimited => true,
                // A character has one byte at least, whatever the set.
                TextLength::Chars(n) | TextLength::Bytes(n) => text.chars().count() as u64 <= *n,
                TextLength::Units(n) => text.encode_utf16().count() as u64 <= *n,
            };
            count && (*charset != Charset::Ascii || text.is_ascii())
        }
        (ColumnType::Bytes { max }, SqlValue::Bytes(bytes)) => {
            max.is_none_or(|max| bytes.len() as u64 <= max)
        }
        (ColumnType::Choice { members, many: false }, SqlValue::Text(text)) => {
            members.contains(text) || text.is_empty()
        }
        (ColumnType::Choice { members, many: true }, SqlValue::Text(text)) => {
            text.is_empty() || text.split(',').all(|part| members.iter().any(|m| m == part))
        }
        (ColumnType::Guid, SqlValue::Text(text)) => text.len() == 36,
        _ => false,
    }
}

fn is_decimal(text: &str, precision: u32, scale: u32) -> bool {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let whole_max = (precision - scale).max(1) as usize;
    digits(whole)
        && digits(fraction)
        && !whole.is_empty()
        && whole.len() <= whole_max
        && fraction.len() <= scale as usize
}
