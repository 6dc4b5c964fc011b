//! Lookups of the mappings, bound to the tables that they look into: each different one once. Asks no database.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::{
    model::{
        mapping::Lookup,
        table::{Column, ColumnType, Schema, Table},
        value::SqlValue,
    },
    plan::{
        convert::Target,
        live::{any_column_of, literal, table_of},
        verify::Finding,
    },
};

/// A lookup bound to its table.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundLookup {
    /// The table.
    pub table: Arc<Table>,
    /// The column that holds the event's value, as an index into the table's columns.
    pub matches: usize,
    /// The column whose value is written.
    pub take: usize,
    /// Fixed values that a row must have besides.
    pub only: Vec<(usize, SqlValue)>,
    /// The first place in the configuration that asks it.
    pub at: String,
}

/// A value that an event wants looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Which lookup, an index into [`crate::plan::Planner::lookups`].
    pub lookup: usize,
    /// The value, as the column that is searched holds it.
    pub value: SqlValue,
    /// The value as text: equal for equal values.
    pub text: String,
}

impl BoundLookup {
    /// The question for a value that was asked before, as text.
    pub(super) fn ask(&self, lookup: usize, text: &str) -> Option<Ask> {
        let column = self.table.columns.get(self.matches)?;
        let value = Target { column, zone: Tz::UTC, truncate: false }.text(text).ok()?;
        Some(Ask { lookup, value, text: text.to_owned() })
    }

    /// The name of the column that is searched.
    #[must_use]
    pub fn matches_name(&self) -> &str {
        self.table.columns.get(self.matches).map_or("", |c| &c.name.0)
    }

    /// The fixed values that a row must have besides, as a text for people: `ACTIVE = 1`.
    #[must_use]
    pub fn only_words(&self) -> String {
        let word = |(column, value): &(usize, SqlValue)| {
            let name = self.table.columns.get(*column).map_or("", |c| &c.name.0);
            format!("{name} = {}", value.plain())
        };
        self.only.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

/// Columns that values are looked for in: those that tell them apart exactly.
fn comparable(table: &Table, column: &Column, at: &str) -> Result<(), Finding> {
    let inexact = matches!(
        column.kind,
        ColumnType::Bytes { .. }
            | ColumnType::Float { .. }
            | ColumnType::Json
            | ColumnType::Time { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
    );
    if !inexact {
        return Ok(());
    }
    let message = format!(
        "column {} of {} ({}) cannot be searched for an event's value: name a column of texts, numbers or dates",
        column.name,
        table.title(),
        column.declared
    );
    Err(Finding::problem(at, message))
}

/// Binds a lookup and gives its place among all of them.
pub(super) fn bind(
    lookup: &Lookup,
    schema: &Schema,
    zone: Tz,
    all: &mut Vec<BoundLookup>,
) -> Result<usize, Finding> {
    let table = table_of(&lookup.table, schema, &lookup.at)?;
    let (matches, matched) = any_column_of(table, &lookup.matches, &format!("{}.match", lookup.at))?;
    let (take, taken) = any_column_of(table, &lookup.take, &format!("{}.take", lookup.at))?;
    comparable(table, matched, &format!("{}.match", lookup.at))?;
    if matches!(taken.kind, ColumnType::Bytes { .. }) {
        let message = format!(
            "column {} of {} ({}) holds bytes, which are not taken over; take another column",
            taken.name,
            table.title(),
            taken.declared
        );
        return Err(Finding::problem(&format!("{}.take", lookup.at), message));
    }
    let only = lookup.only.iter().map(|constant| {
        let (index, column) = any_column_of(table, &constant.column, &constant.at)?;
        Ok((index, literal(&table.title(), column, zone, &constant.value, &constant.at)?))
    });
    let only = only.collect::<Result<_, Finding>>()?;
    let bound = BoundLookup { table: Arc::clone(table), matches, take, only, at: lookup.at.clone() };
    let same = |l: &BoundLookup| {
        (l.matches, l.take) == (matches, take) && l.only == bound.only && l.table.title() == table.title()
    };
    if let Some(place) = all.iter().position(same) {
        return Ok(place);
    }
    all.push(bound);
    Ok(all.len() - 1)
}
