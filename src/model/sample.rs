//! Plain samples of the model's words, for the tests of all modules: they change by struct update what they are about.
//! Compiled for tests alone; never what a product's default would be.

use crate::model::{
    clock::Timestamp,
    event::{EventKind, Seq, StoredEvent},
    mapping::{Field, Origin, Rule, Source, Step, What, Write, WriteRule},
    table::{
        Charset, Column, ColumnName, ColumnType, Filled, Privileges, Storage, Table, TextLength, UniqueIndex,
    },
};

/// A column that may stay empty, without an index.
pub(crate) fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: ColumnName(name.into()),
        kind,
        declared: "its type".into(),
        storage: Storage::Any,
        nullable: true,
        filled: Filled::ByDefault,
        folds: false,
        indexed: false,
    }
}

/// The type of a text of so many characters.
pub(crate) fn text(chars: u64) -> ColumnType {
    ColumnType::Text { length: TextLength::Chars(chars), charset: Charset::Any }
}

/// The primary key over these columns.
pub(crate) fn primary(columns: &[ColumnName]) -> UniqueIndex {
    UniqueIndex { name: "PRIMARY".into(), columns: columns.to_vec(), primary: true, safe: true }
}

/// An `InnoDB` table of the schema `his` that the login may do all with; its first column is the primary key.
pub(crate) fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        schema: Some("his".into()),
        name: name.into(),
        view: false,
        updatable: true,
        engine: "InnoDB".into(),
        unique: columns.first().map(|first| primary(std::slice::from_ref(&first.name))).into_iter().collect(),
        columns,
        references: vec![],
        triggers: vec![],
        triggers_hidden: false,
        insert_triggers: false,
        transactional: true,
        ignore_case: true,
        empty_is_null: false,
        may: Privileges::all(),
        columns_hidden: false,
    }
}

/// A field of the mapping of `appointment` that is always written.
pub(crate) fn field(source: &str, column: &str) -> Field {
    Field {
        from: Origin::Event(Source::parse(source).unwrap()),
        or_from: vec![],
        lookup: None,
        format: None,
        column: ColumnName(column.into()),
        values: None,
        default: None,
        write: WriteRule::Always,
        timezone: None,
        truncate: false,
        at: format!("mapping.appointment.fields.{source}"),
    }
}

/// The one step of the mapping of `appointment`.
pub(crate) fn step(what: What, fields: Vec<Field>) -> Step {
    Step {
        name: "appointment".into(),
        skip: false,
        what,
        marker: None,
        fields,
        constants: vec![],
        key: None,
        when: vec![],
        at: "mapping.appointment".into(),
    }
}

/// A rule of one step.
pub(crate) fn rule(step: Step) -> Rule {
    Rule::Write(Write { at: step.at.clone(), steps: vec![step] })
}

/// An event at its first attempt.
pub(crate) fn event(kind: &str, body: &str) -> StoredEvent {
    StoredEvent {
        seq: Seq(7),
        id: "e7".into(),
        kind: EventKind(kind.into()),
        operation: None,
        occurred_at: None,
        received_at: Timestamp(0),
        body: body.as_bytes().to_vec(),
        attempts: 0,
        crashes: 0,
        replay: false,
        twin: false,
        doubt: false,
    }
}
