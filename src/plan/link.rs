//! Rows that are known by the key which their table gives them, and the marks by which a row or a statement is found to
//! have been done before. Asks no database.

use std::{fmt::Write as _, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    model::{
        change::{Op, Role, Shape},
        entity::{Entity, key_parts, link_scope, scope_parts},
        event::EventKind,
        mapping::{GeneratedKey, Marker, MissingRow, Source, Step, What},
        table::{ColumnName, ColumnType, Filled, Table, TextLength},
    },
    plan::{
        bind::Binder,
        bound::{BoundCell, BoundStep, From},
        live::{column_of, table_of},
        verify::Finding,
    },
};

/// Longest mark that is written as it is; what a mark's column must hold.
const MARK_CHARS_MAX: u64 = 40;

/// A row that the crosswalk knows.
#[derive(Debug)]
pub(super) struct BoundLink {
    /// The column of its key.
    pub(super) column: usize,
    /// What the records of its table and step have in common.
    pub(super) scope: String,
    pub(super) missing_row: MissingRow,
    /// What identifies the row for Buktor.
    pub(super) key: Vec<Source>,
    /// How the row is found without its link.
    pub(super) found_by: FoundBy,
}

/// How a row is found that is not linked (any more).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FoundBy {
    /// By the mark in that column.
    Mark(usize),
    /// By the columns that these cells fill.
    Cells(Vec<usize>),
    /// Not at all.
    Nothing,
}

/// A table that holds marks of what was done.
#[derive(Debug)]
pub(super) struct BoundMark {
    /// An insert of one row that has the mark as its key.
    pub(super) shape: Arc<Shape>,
}

/// Binds a step's generated key and marker; adds the cell of a marker column.
pub(super) fn bind(
    step: &Step,
    kind: &EventKind,
    table: &Table,
    cells: &mut Vec<BoundCell>,
    binder: &Binder<'_>,
) -> Result<(Option<BoundLink>, Option<BoundMark>), Finding> {
    let at = format!("{}.marker", step.at);
    let mut marked = None;
    if let Some(Marker::Column(name)) = &step.marker {
        let column = mark_column(table, name, &at)?;
        if cells.iter().any(|c| c.column == column) {
            let message =
                format!("column {name} of {} is written twice; a marker needs its own", table.title());
            return Err(Finding::problem(&at, message));
        }
        cells.push(BoundCell { column, role: Role::InsertOnly, from: From::Mark });
        marked = Some(column);
    }
    let mark = mark_table(step, binder)?;
    let What::Row { generated: Some(generated), .. } = &step.what else { return Ok((None, mark)) };
    let column = generated_column(generated, table, cells, &format!("{}.generated_key", step.at))?;
    let key = key_of(step, kind);
    let by_source = |source: &Source| {
        cells.iter().position(|c| matches!(&c.from, From::Source(f) if f.source() == Some(source)))
    };
    let found_by = match (marked, key.iter().map(by_source).collect::<Option<Vec<_>>>()) {
        (Some(column), _) => FoundBy::Mark(column),
        (None, Some(cells)) => FoundBy::Cells(cells),
        (None, None) => FoundBy::Nothing,
    };
    let scope = link_scope(&table.title(), &step.name);
    Ok((Some(BoundLink { column, scope, missing_row: generated.missing_row, key, found_by }), mark))
}

/// The sources that identify a step's record where its columns do not: as the mapping says, else `<event>_id`.
pub(super) fn key_of(step: &Step, kind: &EventKind) -> Vec<Source> {
    step.key.clone().unwrap_or_else(|| Source::parse(&format!("{}_id", kind.base())).into_iter().collect())
}

fn generated_column(
    generated: &GeneratedKey,
    table: &Table,
    cells: &[BoundCell],
    at: &str,
) -> Result<usize, Finding> {
    let (index, column) = column_of(table, &generated.column, at)?;
    let title = table.title();
    // Oracle gives any column of the new row back, and nobody can tell what a trigger fills before it is there. A default
    // may make keys, too: SYS_GUID().
    let has_default = column.filled == Filled::ByDefault && !column.nullable;
    let may_be_filled = table.empty_is_null && (table.insert_triggers || has_default);
    if !column.filled.is_counted() && !may_be_filled {
        let message = format!(
            "column {} of {title} is not numbered by the database (AUTO_INCREMENT, IDENTITY); name the column that is, or map this one and remove \"generated_key\"",
            column.name
        );
        return Err(Finding::problem(at, message));
    }
    if cells.iter().any(|c| c.column == index) {
        let message = format!(
            "column {} of {title} is written by the mapping, too; the database makes its value: take it out of \"fields\" and \"constants\"",
            column.name
        );
        return Err(Finding::problem(at, message));
    }
    Ok(index)
}

/// The table of a step's marks, where it names one.
pub(super) fn mark_table(step: &Step, binder: &Binder<'_>) -> Result<Option<BoundMark>, Finding> {
    let Some(Marker::Table { table, column }) = &step.marker else { return Ok(None) };
    let at = format!("{}.marker", step.at);
    let table = table_of(table, binder.schema, &format!("{at}.table"))?;
    let index = mark_column(table, column, &format!("{at}.column"))?;
    if !table.transactional {
        let message = format!(
            "table {} has the engine {}, which has no transactions: a mark would stay when what it marks fails, which would then never be done; convert it to InnoDB",
            table.title(),
            table.engine
        );
        return Err(Finding::problem(&format!("{at}.table"), message));
    }
    let columns = vec![(index, Role::Key)];
    let shape = Shape { table: Arc::clone(table), op: Op::Insert, columns, generated: None };
    Ok(Some(BoundMark { shape: Arc::new(shape) }))
}

fn mark_column(table: &Table, name: &ColumnName, at: &str) -> Result<usize, Finding> {
    let (index, column) = column_of(table, name, at)?;
    let fits = match &column.kind {
        ColumnType::Text { length: TextLength::Unlimited, .. } => true,
        ColumnType::Text {
            length: TextLength::Chars(max) | TextLength::Bytes(max) | TextLength::Units(max),
            ..
        } => *max >= MARK_CHARS_MAX,
        _ => false,
    };
    if fits {
        return Ok(index);
    }
    let message = format!(
        "column {} of {} ({}) cannot hold a marker: it must be a text of at least {MARK_CHARS_MAX} characters",
        column.name,
        table.title(),
        column.declared
    );
    Err(Finding::problem(at, message))
}

/// Moves the cell of a marker column to the front, as the key of an insert that has no other; gives the number of keys.
pub(super) fn mark_first(cells: &mut [BoundCell]) -> usize {
    let Some(place) = cells.iter().position(|c| matches!(c.from, From::Mark)) else { return 0 };
    if let Some(front) = cells.get_mut(..=place) {
        front.rotate_right(1);
    }
    if let Some(first) = cells.first_mut() {
        first.role = Role::Key;
    }
    1
}

/// What an earlier step of that name gives: its generated key, or what it writes into a column.
pub(super) fn earlier(name: &str, column: Option<&ColumnName>, before: &[Arc<BoundStep>]) -> Option<From> {
    let (step, bound) = before.iter().enumerate().find(|(_, s)| s.name == name)?;
    let row = bound.row()?;
    let generated = || {
        let link = row.link.as_ref()?;
        row.table.columns.get(link.column).map(|c| c.name.clone())
    };
    let cell = match column {
        None => {
            row.link.as_ref()?;
            None
        }
        Some(column) if generated().is_some_and(|g| g.0.eq_ignore_ascii_case(&column.0)) => None,
        Some(column) => Some(row.cell_of(column)?),
    };
    Some(From::Step { step, cell })
}

/// The command by which an operator says which row a record is.
#[must_use]
pub fn link_command(entity: &Entity) -> String {
    let (scope, keys) = entity.scope_and_key();
    let (_, name) = scope_parts(scope).unwrap_or_default();
    let keys: Vec<String> = key_parts(keys).map(|part| format!("{part:?}")).collect();
    format!("buktor-middleware events link {name} {}", keys.join(" "))
}

/// The mark of a record or an event, the same whenever it is made. Two are the same for a column only where their parts are:
/// what a collation could take for something else, and what could end a part, is told apart by a digest.
pub(super) fn mark(parts: &[&str]) -> String {
    let plain = |part: &str| {
        part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.#!".contains(&b))
    };
    let text = format!("buktor:{}", parts.join(":"));
    if text.len() as u64 <= MARK_CHARS_MAX && parts.iter().all(|part| plain(part)) {
        return text;
    }
    // With their lengths, so that no part can look like two.
    let lengths = |part: &&str| format!("{}:{part}", part.len());
    let text = if parts.iter().any(|part| part.contains(':')) {
        format!("buktor:{}", parts.iter().map(lengths).collect::<Vec<_>>().join(":"))
    } else {
        text
    };
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold("buktor:".to_owned(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
