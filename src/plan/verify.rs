//! What is to be said about a mapping and its live table: `check` prints it, the daemon logs it at start. Here what is
//! about one step; `tables` looks at each table once, `sources` at what a built-in source can give.

use crate::{
    model::{
        change::Role,
        event::EventKind,
        mapping::{Action, Step},
        table::{Charset, ColumnType, Filled},
    },
    plan::{
        bound::{BoundRow, BoundStep, From},
        rows::needs_key,
    },
};

mod again;
mod sources;
mod tables;

pub(super) use again::lookup;
pub(super) use tables::tables;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Events of this mapping cannot be applied, or not all of them.
    Problem,
    /// It works, with a risk that someone should know.
    Warning,
    /// It works; how, is worth knowing once.
    Note,
}

/// Something about a mapping and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The place in the configuration, `mapping.appointment.fields.status`.
    pub at: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    pub(super) fn problem(at: &str, message: String) -> Self {
        Self { severity: Severity::Problem, at: at.to_owned(), message }
    }

    fn warning(at: &str, message: String) -> Self {
        Self { severity: Severity::Warning, at: at.to_owned(), message }
    }

    fn note(at: &str, message: String) -> Self {
        Self { severity: Severity::Note, at: at.to_owned(), message }
    }
}

/// Adds what is new: what a mapping's rules share is said once. `at` is the mapping's place.
pub(super) fn add(findings: &mut Vec<Finding>, at: &str, new: Vec<Finding>) {
    for finding in new {
        let said = |f: &Finding| f.at.starts_with(at) && f.message == finding.message;
        if !findings.iter().any(said) {
            findings.push(finding);
        }
    }
}

/// What is to be said about a step that could be bound.
pub(super) fn findings(step: &Step, kind: &EventKind, bound: &BoundStep) -> Vec<Finding> {
    let mut findings = again::findings(step, bound);
    let Some(bound) = bound.row() else { return findings };
    let (table, title) = (&bound.table, bound.table.title());
    if needs_key(bound.action) {
        findings.extend(key_warning(step, bound));
    }
    findings.extend(folded_key(step, bound));
    if matches!(bound.action, Action::Upsert | Action::Insert) {
        findings.extend(unfilled(step, bound));
    }
    findings.extend(sources::findings(step, kind, bound));
    for cell in &bound.cells {
        let Some(column) = table.columns.get(cell.column) else { continue };
        let (ColumnType::Text { charset, .. }, From::Source(field)) = (&column.kind, &cell.from) else {
            continue;
        };
        let lost = match charset {
            Charset::Any => continue,
            Charset::Utf8mb3 => "emoji and rare Chinese characters",
            Charset::Latin1 | Charset::CodePage(1252) | Charset::Iso8859(1 | 15) => {
                "letters beyond Western European ones"
            }
            Charset::Ascii => "letters beyond plain English ones",
            Charset::CodePage(_) | Charset::Iso8859(_) => "letters and signs that its character set lacks",
        };
        if field.codes.is_none() && cell.role != Role::Key {
            let message = format!(
                "column {} of {title} cannot hold {lost}: an event with such a text in {} is parked",
                column.name,
                field.name()
            );
            findings.push(Finding::warning(&step.at, message));
        }
    }
    findings
}

fn key_warning(step: &Step, bound: &BoundRow) -> Option<Finding> {
    let key = bound.key.as_ref()?;
    let within = |columns: &[_]| !columns.is_empty() && columns.iter().all(|c| key.columns.contains(c));
    let unique = || bound.table.unique.iter().filter(|u| within(&u.columns));
    // Behind a view there may be one.
    if bound.table.view || unique().any(|u| u.safe) {
        return None;
    }
    let columns = key.columns.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ");
    let why = if unique().next().is_some() {
        "is not safe (it takes NULLs, or parts of values or rows)"
    } else {
        "does not exist"
    };
    let indexed = |c: &_| bound.table.column(c).is_some_and(|(_, c)| c.indexed);
    let slow =
        if key.columns.iter().any(indexed) { "" } else { ", and every write searches the whole table" };
    let message = format!(
        "a unique index on ({columns}) of {} {why}; the key ({}) must be unique, or an event that matches several rows is parked{slow}",
        bound.table.title(),
        key.found.words()
    );
    Some(Finding::warning(&step.at, message))
}

/// Text keys that are compared more loosely than they look.
fn folded_key(step: &Step, bound: &BoundRow) -> Option<Finding> {
    let keys = bound.cells.get(..bound.keys)?.iter().filter_map(|c| bound.table.columns.get(c.column));
    let folded: Vec<_> = keys
        .filter(|c| c.folds && matches!(c.kind, ColumnType::Text { .. }))
        .map(|c| c.name.0.as_str())
        .collect();
    if folded.is_empty() {
        return None;
    }
    let message = format!(
        "the key {} of {} takes A1 and a1 for the same, as its collation says: they are one row there",
        folded.join(", "),
        bound.table.title()
    );
    Some(Finding::warning(&step.at, message))
}

/// NOT NULL columns without a default that nothing fills: no row could be inserted.
fn unfilled(step: &Step, bound: &BoundRow) -> Option<Finding> {
    let given = bound.link.as_ref().map(|link| link.column);
    let written = |index: usize| given == Some(index) || bound.cells.iter().any(|c| c.column == index);
    let missing: Vec<_> = bound
        .table
        .columns
        .iter()
        .enumerate()
        .filter(|(i, c)| c.filled == Filled::ByNobody && !written(*i))
        .map(|(_, c)| format!("{} ({})", c.name, c.declared))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!(
        "{} must be filled in every new row of {}, and neither \"fields\" nor \"constants\" do: new rows will be parked; add constants, or use \"action\": \"update\"",
        missing.join(", "),
        bound.table.title()
    );
    Some(Finding::problem(&step.at, message))
}

#[cfg(test)]
mod tests;
