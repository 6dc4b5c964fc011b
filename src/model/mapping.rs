//! Mappings, valid by type: `config::resolve` makes them, `plan` binds them to live tables.

use std::collections::BTreeMap;

use crate::model::{
    event::EventKind,
    format::Format,
    table::{ColumnName, TableName},
    template::Template,
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

    /// Whether a row of one of them is known by the key that its table gives it.
    #[must_use]
    pub fn has_links(&self) -> bool {
        let generated = |step: &Step| matches!(&step.what, What::Row { generated: Some(_), .. });
        let links = |rule: &Rule| match rule {
            Rule::Write(write) => write.steps.iter().any(generated),
            Rule::Ignore => false,
        };
        self.by_kind.values().any(|m| std::iter::once(&m.rule).chain(m.on.values()).any(links))
    }

    /// The sources that identify the records of that name which the crosswalk keeps, where a mapping names them.
    #[must_use]
    pub fn links(&self, name: &str) -> Option<&[Source]> {
        let generated =
            |step: &&Step| step.name == name && matches!(&step.what, What::Row { generated: Some(_), .. });
        let rules = self.by_kind.values().flat_map(|m| std::iter::once(&m.rule).chain(m.on.values()));
        let writes = rules.filter_map(|rule| match rule {
            Rule::Write(write) => Some(write),
            Rule::Ignore => None,
        });
        writes.flat_map(|write| &write.steps).find(generated)?.key.as_deref()
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
    /// Do something, in one transaction.
    Write(Write),
}

/// What is done for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// In this order; at least one.
    pub steps: Vec<Step>,
    /// Its place in the configuration, `mapping.appointment` or `mapping.appointment.on.deleted`.
    pub at: String,
}

/// One row of one table, or one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What later steps, and the crosswalk, call it: the event type before the dot where the mapping names none.
    pub name: String,
    /// For this operation it writes nothing, and is here because a later step refers to it: its row's link is read by its
    /// key, whatever `when` says, and what it would write into a column counts as missing.
    pub skip: bool,
    /// The row or the statement.
    pub what: What,
    /// Columns, or parameters, filled from the event.
    pub fields: Vec<Field>,
    /// Columns, or parameters, with fixed values.
    pub constants: Vec<Constant>,
    /// Sources that identify the row, where the mapping names them. With a generated key, and for a statement, they need
    /// not be among `fields`.
    pub key: Option<Vec<Source>>,
    /// All must hold, else nothing is written.
    pub when: Vec<Condition>,
    /// Where it shows that an insert, or a statement, was done before.
    pub marker: Option<Marker>,
    /// Its place in the configuration.
    pub at: String,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Changes a row.
    Row {
        /// The table.
        table: TableName,
        /// What to do with the row.
        action: Action,
        /// The key that the table gives its rows itself, where the crosswalk is to remember it.
        generated: Option<GeneratedKey>,
    },
    /// Runs a statement of the configuration's own.
    Sql {
        /// One statement in the database's own form, with a `?` for each parameter.
        sql: String,
        /// A name for each `?`, in their order: each is the column of a field or of a constant.
        parameters: Vec<ColumnName>,
        /// Running it twice does no harm.
        repeatable: bool,
    },
}

impl Step {
    /// What is done with its row, but for a statement.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        match &self.what {
            What::Row { action, .. } => Some(*action),
            What::Sql { .. } => None,
        }
    }

    /// The table, but for a statement.
    #[must_use]
    pub fn table(&self) -> Option<&TableName> {
        match &self.what {
            What::Row { table, .. } => Some(table),
            What::Sql { .. } => None,
        }
    }
}

/// A key that the table gives its rows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedKey {
    /// Its column.
    pub column: ColumnName,
    /// What happens where the row that is linked is gone.
    pub missing_row: MissingRow,
}

/// What happens where the HIS has deleted a row that the crosswalk knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRow {
    /// The event is parked.
    Park,
    /// The row is inserted anew.
    Insert,
}

/// Where it shows that an insert, or a statement, was done before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A column of the step's own table.
    Column(ColumnName),
    /// A table that is there for this alone: one row for each event.
    Table {
        /// The table.
        table: TableName,
        /// Its column.
        column: ColumnName,
    },
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

/// A column, or parameter, filled from the event. A source with several columns is several fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where the value comes from.
    pub from: Origin,
    /// Sources used where the event lacks that one, in this order, before `default`.
    pub or_from: Vec<Source>,
    /// Where it goes: the column, or the parameter's name.
    pub column: ColumnName,
    /// The id under which the HIS knows it is written in its place.
    pub lookup: Option<Lookup>,
    /// Codes for values.
    pub values: Option<Codes>,
    /// How a date, a time or a number is written as text.
    pub format: Option<Format>,
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

impl Field {
    /// The source in the event, where it comes from one; a text made of several has none.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        match &self.from {
            Origin::Event(source) => Some(source),
            Origin::Step { .. } | Origin::Text(_) => None,
        }
    }
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The event.
    Event(Source),
    /// An earlier step: the key that its row got, or what it writes into a column.
    Step {
        /// The step's name.
        name: String,
        /// The column; none for its generated key.
        column: Option<ColumnName>,
    },
    /// A text made of several sources (`concat`).
    Text(Template),
}

/// A table of the HIS in which a value is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The table.
    pub table: TableName,
    /// The column that holds the event's value.
    pub matches: ColumnName,
    /// The column whose value is written.
    pub take: ColumnName,
    /// Fixed values that a row must have besides.
    pub only: Vec<Constant>,
    /// What happens where no row has the value.
    pub missing: Missing,
    /// Its place in the configuration.
    pub at: String,
}

/// What happens where a lookup finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The event is parked until the row appears.
    Park,
    /// This is written.
    Value(Literal),
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
