//! Names of the configuration found in the live tables, or what to write instead. Decides nothing about events.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::{
    model::{
        table::{Column, ColumnName, Filled, Schema, Table, TableName},
        value::{Literal, SqlValue},
    },
    plan::{convert::Target, verify::Finding},
};

/// The live table of a name.
pub(super) fn table_of<'a>(
    name: &TableName,
    schema: &'a Schema,
    at: &str,
) -> Result<&'a Arc<Table>, Finding> {
    schema.tables.get(name).ok_or_else(|| {
        let near = schema.missing.get(name).map_or(&[][..], Vec::as_slice);
        let hint = did_you_mean(near).unwrap_or_else(|| {
            "check the spelling, and the database and the schema that are configured".to_owned()
        });
        Finding::problem(
            at,
            format!("the HIS database has no table {name}, or hides it from this login; {hint}"),
        )
    })
}

/// The live column of a name.
pub(super) fn any_column_of<'a>(
    table: &'a Table,
    name: &ColumnName,
    at: &str,
) -> Result<(usize, &'a Column), Finding> {
    let Some((index, column)) = table.column(name) else {
        let score = |c: &Column| strsim::jaro_winkler(&c.name.0.to_lowercase(), &name.0.to_lowercase());
        let mut near: Vec<_> = table.columns.iter().map(|c| (score(c), c.name.0.clone())).collect();
        near.retain(|(score, _)| *score > 0.75);
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let names: Vec<String> = near.into_iter().take(3).map(|(_, name)| name).collect();
        let hint = did_you_mean(&names).unwrap_or_else(|| {
            let all: Vec<_> = table.columns.iter().take(40).map(|c| c.name.0.as_str()).collect();
            format!("it has {}", all.join(", "))
        });
        let hidden = if table.columns_hidden {
            " (the login sees only the columns that it may use; the privilege REFERENCES shows the names of all)"
        } else {
            ""
        };
        let message = format!("table {} has no column {name}; {hint}{hidden}", table.title());
        return Err(Finding::problem(at, message));
    };
    Ok((index, column))
}

/// The live column of a name, where it can be written.
pub(super) fn column_of<'a>(
    table: &'a Table,
    name: &ColumnName,
    at: &str,
) -> Result<(usize, &'a Column), Finding> {
    let (index, column) = any_column_of(table, name, at)?;
    if column.filled == Filled::ByExpression {
        let message = format!(
            "column {} of {} is computed by the database and cannot be written; take it out of the mapping",
            column.name,
            table.title()
        );
        return Err(Finding::problem(at, message));
    }
    Ok((index, column))
}

/// A configured value as its column holds it. `title` is of what has the column, for messages.
pub(super) fn literal(
    title: &str,
    column: &Column,
    zone: Tz,
    literal: &Literal,
    at: &str,
) -> Result<SqlValue, Finding> {
    Target { column, zone, truncate: false }.literal(literal).map_err(|misfit| {
        let place = format!("{title}.{} ({})", column.name, column.declared);
        Finding::problem(at, format!("the configured value cannot go into {place}: {}", misfit.words))
    })
}

/// A scalar as a column holds it, or, in words, why it cannot hold it. NULL is what every column could be asked for.
pub fn held(column: &Column, zone: Tz, value: &Literal) -> Result<SqlValue, String> {
    if *value == Literal::Null {
        return Ok(SqlValue::Null);
    }
    Target { column, zone, truncate: false }.literal(value).map_err(|misfit| misfit.words)
}

fn did_you_mean(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}
