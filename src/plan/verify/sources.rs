//! What is known of a field before any event comes: built-in sources that cannot go into their column, and settings that do
//! nothing there. Names of an event's own fields prove nothing.

use chrono::DateTime;

use crate::{
    model::{
        event::EventKind,
        mapping::{Builtin, Field, Step},
        table::{Column, ColumnType},
    },
    plan::{
        bound::{BoundRow, From},
        convert::{Misfit, Target},
        source::Found,
        verify::{Finding, Severity},
    },
};

/// A moment like any other: 2025-03-03 09:00:00 in UTC.
const MOMENT_SECONDS: i64 = 1_740_992_400;

/// What is to be said about the fields of a bound step.
pub(super) fn findings(step: &Step, kind: &EventKind, bound: &BoundRow) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cell in &bound.cells {
        let (Some(column), From::Source(source)) = (bound.table.columns.get(cell.column), &cell.from) else {
            continue;
        };
        let written = |f: &&Field| {
            f.source() == source.source()
                && f.source().is_some()
                && bound.table.column(&f.column).is_some_and(|(i, _)| i == cell.column)
        };
        let Some(field) = step.fields.iter().find(written) else { continue };
        let place = format!("{}.{} ({})", bound.table.title(), column.name, column.declared);
        let target = Target { column, zone: source.zone, truncate: source.truncate };
        let builtin = source
            .source()
            .and_then(|s| s.builtin)
            .filter(|_| source.codes.is_none() && source.format.is_none() && source.lookup.is_none());
        if let Some((severity, words)) = builtin.and_then(|b| misfit(b, kind, &target)) {
            let message = format!("{} cannot go into {place}: {words}", source.name());
            findings.push(Finding { severity, at: field.at.clone(), message });
        }
        if field.truncate && !matches!(column.kind, ColumnType::Text { .. }) {
            let message = format!("\"truncate\" does nothing in {place}: only texts are cut");
            findings.push(Finding::warning(&field.at, message));
        }
        if field.timezone.is_some() && is_timeless(column) {
            let message = format!("\"timezone\" does nothing in {place}: it holds no times");
            findings.push(Finding::warning(&field.at, message));
        }
    }
    findings
}

/// Why what a built-in source gives does not fit. An event may have a field of its own with that name, or an id that is a
/// number: where only that would fit, it is a warning.
fn misfit(builtin: Builtin, kind: &EventKind, target: &Target<'_>) -> Option<(Severity, String)> {
    let found = match builtin {
        Builtin::ReceivedAt | Builtin::UpdatedAt | Builtin::Timestamp => {
            Found::Moment(DateTime::from_timestamp(MOMENT_SECONDS, 0)?)
        }
        Builtin::EventType => Found::Text(&kind.0),
        Builtin::Operation | Builtin::EventId | Builtin::Source => {
            if matches!(
                target.column.kind,
                ColumnType::Text { .. } | ColumnType::Bytes { .. } | ColumnType::Choice { .. }
            ) {
                return None;
            }
            Found::Text("created")
        }
    };
    let Err(Misfit { cause, words }) = target.found(found) else { return None };
    match builtin {
        // An event of this mapping can have a longer type, `appointment.created`.
        Builtin::EventType if cause == "no-member" => None,
        Builtin::EventId => Some((
            Severity::Warning,
            format!("{words}; an event's id is a text, unless its sender makes it otherwise"),
        )),
        Builtin::Source => {
            Some((Severity::Warning, format!("{words}; it is a text, unless the sender makes it otherwise")))
        }
        _ => Some((Severity::Problem, words)),
    }
}

fn is_timeless(column: &Column) -> bool {
    matches!(
        column.kind,
        ColumnType::Int { .. }
            | ColumnType::Decimal { .. }
            | ColumnType::Money { .. }
            | ColumnType::Float { .. }
            | ColumnType::Guid
            | ColumnType::Choice { .. }
            | ColumnType::Year
    )
}
