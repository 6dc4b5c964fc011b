//! Mappings, valid by type: `config::resolve` makes them, `plan` binds them to live tables.

use std::collections::BTreeMap;

use crate::model::{
    event::EventKind,
    table::{ColumnName, TableName},
    value::Literal,
};

/// All mappings of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mappings {
    /// By event type; `appointment.*` is kept as `appointment`.
    pub by_kind: BTreeMap<String, Mapping>,
}

impl Mappings {
    /// The mapping of an event: that of its type's exact name, of its type with its operation, of the part of its
    /// type before the dot.
    #[must_use]
    pub fn find(&self, kind: &EventKind, operation: Option<&str>) -> Option<&Mapping> {
        let with_operation = || {
            let operation = operation.filter(|_| kind.suffix().is_none())?;
            self.by_kind.get(&format!("{kind}.{operation}"))
        };
        self.by_kind.get(&kind.0).or_else(with_operation).or_else(|| self.by_kind.get(kind.base()))
    }

    /// An event type that is mapped and differs from this one in case alone.
    #[must_use]
    pub fn near(&self, kind: &EventKind) -> Option<&EventKind> {
        let alike = |name: &str| name.eq_ignore_ascii_case(&kind.0) || name.eq_ignore_ascii_case(kind.base());
        self.by_kind.values().map(|m| &m.kind).find(|mapped| alike(&mapped.0))
    }
}

/// What happens to events of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The event type that it is for.
    pub kind: EventKind,
    /// For operations that `on` does not name.
    pub rule: Rule,
    /// By operation, in lower case. A deletion that is not here is parked, unless `kind` itself names it.
    pub on: BTreeMap<String, Rule>,
    /// Its place in the configuration, `mapping.appointment`.
    pub at: String,
}

/// Operations that mean a deletion.
pub const DELETIONS: [&str; 2] = ["deleted", "delete"];

/// Whether an operation, in whatever case, means a deletion.
#[must_use]
pub fn is_deletion(operation: &str) -> bool {
    DELETIONS.iter().any(|word| operation.eq_ignore_ascii_case(word))
}

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Accept and drop.
    Ignore,
    /// Write a row.
    Write(Step),
}

/// One row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The table.
    pub table: TableName,
    /// What to do with the row.
    pub action: Action,
    /// Columns filled from the event.
    pub fields: Vec<Field>,
    /// Columns with fixed values.
    pub constants: Vec<Constant>,
    /// Sources that identify the row, where the mapping names them.
    pub key: Option<Vec<Source>>,
    /// All must hold, else nothing is written.
    pub when: Vec<Condition>,
    /// Its place in the configuration.
    pub at: String,
}

/// What happens to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Update the row of that key; insert it where there is none.
    Upsert,
    /// Insert.
    Insert,
    /// Update the row of that key; without one the event is parked.
    Update,
    /// Delete the row of that key; without one there is nothing to do.
    Delete,
}

/// A column filled from the event. A source with several columns is several fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where the value comes from.
    pub source: Source,
    /// Where it goes.
    pub column: ColumnName,
    /// Codes for values.
    pub values: Option<Codes>,
    /// Used when the event lacks the source.
    pub default: Option<Literal>,
    /// When it is written.
    pub write: WriteRule,
    /// The zone of the column's local times, where it is not the database's.
    pub timezone: Option<chrono_tz::Tz>,
    /// Cut a text that is too long.
    pub truncate: bool,
    /// Its place in the configuration.
    pub at: String,
}

/// A column with a fixed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The column.
    pub column: ColumnName,
    /// Its value.
    pub value: Literal,
    /// Its place in the configuration.
    pub at: String,
}

/// A table of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// By the source's text form.
    pub by_value: BTreeMap<String, Literal>,
    /// For all other values (`"*"`); without it they park the event.
    pub rest: Option<Literal>,
}

/// When a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteRule {
    /// At every event that has the source.
    Always,
    /// Only when the row is inserted.
    InsertOnly,
    /// Only where the column is NULL.
    IfNull,
}

/// A condition of `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The source.
    pub source: Source,
    /// It must equal one of these.
    pub any_of: Vec<Literal>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// As the configuration writes it, `patient_info.patient_id`, `$received_at`.
    pub written: String,
    /// Its parts, looked up in `data` first, then at the top level; empty for a `$` source.
    pub path: Vec<String>,
    /// The built-in source of that name, used where the event has no such field.
    pub builtin: Option<Builtin>,
}

/// A source that every event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Builtin {
    /// When the daemon accepted the event.
    ReceivedAt,
    /// The event's timestamp, else when it was accepted.
    UpdatedAt,
    /// The event's id.
    EventId,
    /// The event's type.
    EventType,
    /// The event's operation, else the part of its type after the dot.
    Operation,
    /// The event's timestamp.
    Timestamp,
    /// The event's source.
    Source,
}

impl Builtin {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("received_at", Self::ReceivedAt),
        ("updated_at", Self::UpdatedAt),
        ("event_id", Self::EventId),
        ("event_type", Self::EventType),
        ("operation", Self::Operation),
        ("timestamp", Self::Timestamp),
        ("source", Self::Source),
    ];
}

impl Source {
    /// Reads a source as the configuration writes it; `None` for an empty name, an empty part, or a `$` name
    /// that is not built in.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let builtin = |name: &str| Builtin::ALL.iter().find(|(n, _)| *n == name).map(|(_, b)| *b);
        if let Some(name) = written.strip_prefix('$') {
            let builtin = builtin(name)?;
            return Some(Self { written: written.to_owned(), path: Vec::new(), builtin: Some(builtin) });
        }
        let path: Vec<String> = written.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return None;
        }
        Some(Self { written: written.to_owned(), builtin: builtin(written), path })
    }
}
