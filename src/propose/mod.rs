//! From the tables of a HIS to a mapping that a person can accept or correct: `init`'s guesses. Pure; it knows the
//! tables' names and types, never a row. It never makes up a value, and what would be harmful if guessed wrong (another
//! system's ids, a deletion without a flag) it points out instead.

use crate::model::table::{Column, ColumnName, ColumnType, Table, TableName};

mod choose;
mod document;
mod fit;
mod show;
mod sources;
mod words;

pub use choose::propose;
pub use document::Document;

use fit::{Named, Verdict, judge};
use sources::{entity, sources};

/// Points from which on a table is proposed at all.
const TABLE_POINTS_MIN: i32 = 55;
/// Points of a table's name that has the word for the event's records, for each further word, and of a name such as
/// `appointment_log`.
const NAME_POINTS: i32 = 50;
const FURTHER_WORD_POINTS: i32 = -10;
const SIDE_TABLE_POINTS: i32 = -60;
/// Points of a table that counts its rows itself, where it has no column for Buktor's id.
const COUNTER_POINTS: i32 = 10;
/// Points of a view: it can often not be written.
const VIEW_POINTS: i32 = -10;
/// Tables whose points differ by no more than this are equally likely.
const ALIKE_POINTS: i32 = 5;
/// Characters that a marker needs.
const MARKER_CHARS_MIN: u64 = 40;

/// An event type that Buktor's manual has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// `appointment`.
    Appointment,
    /// `schedule_change`.
    ScheduleChange,
    /// `payment`.
    Payment,
}

impl EventType {
    /// All of them, in the manual's order.
    pub const ALL: [Self; 3] = [Self::Appointment, Self::ScheduleChange, Self::Payment];

    /// As events and mappings name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Appointment => "appointment",
            Self::ScheduleChange => "schedule_change",
            Self::Payment => "payment",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// A table that may be the one for an event type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As a mapping names it.
    pub table: TableName,
    /// The more, the likelier.
    pub points: i32,
    /// It is a view.
    pub view: bool,
}

/// What the person who is asked has said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices<'a> {
    /// Buktor sends the HIS's own ids of patients, doctors and places.
    pub same_ids: bool,
    /// A column for the daemon's marker, as written.
    pub marker: Option<&'a str>,
}

/// Why a choice cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// There is no such column.
    #[error("table {table} has no column {column} for the marker")]
    NoColumn {
        /// The table.
        table: String,
        /// As written.
        column: String,
    },
    /// It is no text, or too short.
    #[error(
        "column {column} of {table} ({declared}) cannot hold the marker: it must be a text of {MARKER_CHARS_MIN} characters or more"
    )]
    Unfit {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        declared: String,
    },
    /// The table has a column for Buktor's id.
    #[error(
        "table {table} needs no marker: {column} holds Buktor's id, by which the row is found again; leave the marker out"
    )]
    Needless {
        /// The table.
        table: String,
        /// The column for Buktor's id.
        column: String,
    },
    /// The table counts nothing itself.
    #[error(
        "table {table} numbers no rows itself (AUTO_INCREMENT, IDENTITY, a sequence), so that a marker has no use; leave it out"
    )]
    NoCounter {
        /// The table.
        table: String,
    },
}

/// How a field's value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// Cut where it is too long.
    Cut,
    /// Translated: Buktor's word, the HIS's.
    Values(Vec<(String, String)>),
}

/// A field that fills a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filling {
    /// The event's field.
    pub source: &'static str,
    /// Events of this type are known to have it.
    pub certain: bool,
    /// The column, in the catalog's spelling.
    pub column: ColumnName,
    /// How it is written.
    pub form: Form,
}

/// How a row is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// A column holds Buktor's id.
    Column(ColumnName),
    /// The table counts its rows itself, and the daemon remembers which is whose.
    Generated(ColumnName),
    /// Nothing in the table tells.
    Unknown,
}

/// A mapping for one event type and one table, with what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The event type.
    pub event: EventType,
    /// The table, as the mapping names it.
    pub table: TableName,
    /// How a row is found again.
    pub key: RowKey,
    /// What is filled, in the order of the event's fields.
    pub fillings: Vec<Filling>,
    /// The flag that a deletion sets to 1.
    pub deleted: Option<ColumnName>,
    /// The column for the daemon's marker, where one was chosen.
    pub marker: Option<ColumnName>,
    /// Ids of patients, doctors and places that were found a column for, and are not written unless
    /// [`Choices::same_ids`].
    pub other_ids: Vec<(&'static str, ColumnName)>,
    /// Columns that must be filled in every new row, and that nothing fills.
    pub unfilled: Vec<ColumnName>,
    /// What the person should know, a sentence each.
    pub hints: Vec<String>,
}

/// The tables that may be meant, the likeliest first.
#[must_use]
pub fn rank(event: EventType, tables: &[(&TableName, &Table)]) -> Vec<Candidate> {
    let candidate = |(name, table): &(&TableName, &Table)| Candidate {
        table: (*name).clone(),
        points: points(event, table),
        view: table.view,
    };
    let mut all: Vec<Candidate> =
        tables.iter().map(candidate).filter(|c| c.points >= TABLE_POINTS_MIN).collect();
    all.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.table.cmp(&b.table)));
    all
}

/// The one that is clearly the likeliest; `None` where there is none, or where others are as likely.
#[must_use]
pub fn clear_winner(candidates: &[Candidate]) -> Option<&Candidate> {
    match candidates {
        [first] => Some(first),
        [first, second, ..] if first.points - second.points > ALIKE_POINTS => Some(first),
        _ => None,
    }
}

/// Whether a table's name alone speaks of that event type's records; for choosing among thousands.
#[must_use]
pub fn is_named_alike(event: EventType, table: &TableName) -> bool {
    name_points(event, &table.0) > 0
}

fn points(event: EventType, table: &Table) -> i32 {
    let named = named(event, table);
    let mut points = name_points(event, &table.name) + if table.view { VIEW_POINTS } else { 0 };
    let mut own_id = false;
    for source in sources(event) {
        if named.iter().any(|n| matches!(judge(source, n), Verdict::Suits(..))) {
            points += source.evidence;
            own_id |= source.kind == sources::Kind::OwnId;
        }
    }
    if !own_id && counter(table).is_some() {
        points += COUNTER_POINTS;
    }
    points
}

fn name_points(event: EventType, name: &str) -> i32 {
    let words = words::meanings(name);
    if !words.iter().any(|w| w == entity(event)) {
        return 0;
    }
    let further = i32::try_from(words.len()).unwrap_or(i32::MAX).saturating_sub(1);
    let side = if words::is_side_table(name) { SIDE_TABLE_POINTS } else { 0 };
    NAME_POINTS + further.min(3) * FURTHER_WORD_POINTS + side
}

/// The table's columns with what their names say to that event type.
fn named(event: EventType, table: &Table) -> Vec<Named<'_>> {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.0.as_str()).collect();
    let (words, prefix) = words::of_columns(&names);
    let by_prefix = prefix.as_deref() == Some(entity(event));
    let mut all = Vec::with_capacity(words.len());
    for (column, mut words) in table.columns.iter().zip(words) {
        let inside = words.iter().any(|w| w == entity(event));
        if words.len() > 1 {
            words.retain(|w| w != entity(event));
        }
        all.push(Named { column, words, entity: inside || by_prefix });
    }
    all
}

/// The column that the database counts.
fn counter(table: &Table) -> Option<&Column> {
    table.columns.iter().find(|c| c.filled.is_counted())
}

/// Whether a column could hold the daemon's marker.
fn holds_marker(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Text { .. }) && fit::chars(&column.kind) >= MARKER_CHARS_MIN
}

#[cfg(test)]
mod tests;
