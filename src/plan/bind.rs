//! Binds the steps of a rule to their live tables: columns found, constants and codes converted, the key known.
//! What does not fit is a [`Finding`].

use std::sync::{Arc, Mutex};

use chrono_tz::Tz;

use crate::{
    model::{
        change::Role,
        event::EventKind,
        mapping::{Action, Field, Missing, Origin, Step, What, Write, WriteRule},
        table::{Column, Filled, Schema, Table, TableName},
        value::Literal,
    },
    plan::{
        bound::{Body, BoundCell, BoundCodes, BoundField, BoundRow, BoundRule, BoundStep, From, Read},
        call,
        key::{self, Key},
        link,
        live::{column_of, literal, table_of},
        lookup::{self, BoundLookup},
        verify::Finding,
    },
};

/// What binding a rule needs besides the rule.
pub(super) struct Binder<'a> {
    pub(super) schema: &'a Schema,
    pub(super) zone: Tz,
    /// All lookups that were bound before; new ones are added.
    pub(super) lookups: &'a mut Vec<BoundLookup>,
}

/// Binds a rule, or says everything that keeps it from being bound.
pub(super) fn bind(
    write: &Write,
    kind: &EventKind,
    binder: &mut Binder<'_>,
) -> Result<BoundRule, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut steps: Vec<Arc<BoundStep>> = Vec::new();
    for step in &write.steps {
        match bind_step(step, kind, &steps, binder) {
            Ok(bound) => steps.push(Arc::new(bound)),
            Err(found) => findings.extend(found),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let main = main_step(write, kind.base(), &steps);
    Ok(BoundRule { steps, main, at: Arc::from(write.at.as_str()) })
}

/// The step that is about the event's own record: the first that `<event>_id` identifies, else the last with a key.
fn main_step(write: &Write, base: &str, steps: &[Arc<BoundStep>]) -> usize {
    let own = format!("{base}_id");
    let by_own_id = |step: &Arc<BoundStep>| {
        match &step.body {
        Body::Row(row) => match (&row.link, &row.key) {
            (Some(link), _) => link.key.iter().any(|s| s.written == own),
            (None, Some(_)) => row.cells.iter().take(row.keys).any(|c| {
                matches!(&c.from, From::Source(field) if field.source().is_some_and(|s| s.written == own))
            }),
            (None, None) => false,
        },
        Body::Call(call) => call.key.iter().any(|s| s.written == own),
    }
    };
    let keyed = |step: &Arc<BoundStep>| match &step.body {
        Body::Row(row) => row.link.is_some() || row.key.is_some(),
        Body::Call(call) => !call.key.is_empty(),
    };
    let last = write.steps.len().saturating_sub(1);
    steps.iter().position(by_own_id).or_else(|| steps.iter().rposition(keyed)).unwrap_or(last)
}

fn bind_step(
    step: &Step,
    kind: &EventKind,
    before: &[Arc<BoundStep>],
    binder: &mut Binder<'_>,
) -> Result<BoundStep, Vec<Finding>> {
    let body = match &step.what {
        What::Row { table, action, .. } => Body::Row(bind_row(step, table, *action, kind, before, binder)?),
        What::Sql { .. } => Body::Call(call::bind(step, kind, before, binder)?),
    };
    Ok(BoundStep {
        name: step.name.clone(),
        skip: step.skip,
        when: step.when.clone(),
        body,
        at: step.at.clone(),
    })
}

fn bind_row(
    step: &Step,
    table: &TableName,
    action: Action,
    kind: &EventKind,
    before: &[Arc<BoundStep>],
    binder: &mut Binder<'_>,
) -> Result<BoundRow, Vec<Finding>> {
    let table = table_of(table, binder.schema, &format!("{}.table", step.at)).map_err(|f| vec![f])?;
    let mut findings = Vec::new();
    let mut cells = bind_cells(step, table, before, binder, &mut findings);
    let (link, mark) = match link::bind(step, kind, table, &mut cells, binder) {
        Ok(bound) => bound,
        Err(finding) => {
            findings.push(finding);
            (None, None)
        }
    };
    let key = if link.is_some() { None } else { key::find(step, kind.base(), table) };
    if key.is_none() && link.is_none() && action != Action::Insert && findings.is_empty() {
        let message = format!(
            "nothing tells which row of {} an event means: add \"key\": \"...\" with the source that identifies it",
            table.title()
        );
        findings.push(Finding::problem(&step.at, message));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let keys = keys_first(&mut cells, key.as_ref(), table);
    // A mark by which an insert without a key is found again.
    let keys = if keys == 0 && link.is_none() && action == Action::Insert {
        link::mark_first(&mut cells)
    } else {
        keys
    };
    if let Some(finding) = identity(step, table, action, &cells) {
        return Err(vec![finding]);
    }
    if action == Action::Delete {
        cells.truncate(keys);
    }
    let table = Arc::clone(table);
    Ok(BoundRow { table, action, cells, keys, key, link, mark, shapes: Mutex::default() })
}

/// A column that the database alone numbers, among those that are written. As the key of rows that are there it tells which
/// row is meant.
fn identity(step: &Step, table: &Table, action: Action, cells: &[BoundCell]) -> Option<Finding> {
    let is_new = matches!(action, Action::Upsert | Action::Insert);
    let own =
        |cell: &&BoundCell| table.columns.get(cell.column).is_some_and(|c| c.filled == Filled::ByIdentity);
    let cell = cells.iter().filter(own).find(|cell| cell.role != Role::Key || is_new)?;
    let name = table.columns.get(cell.column).map_or("", |c| &c.name.0);
    let title = table.title();
    let message = if cell.role == Role::Key {
        format!(
            "column {name} of {title} is numbered by the database (IDENTITY), which takes no number from anyone else: no row \
             with an event's number can be inserted. Name the column as \"generated_key\", or use \"action\": \"update\" if the \
             rows are there already"
        )
    } else {
        format!(
            "column {name} of {title} is numbered by the database (IDENTITY) and cannot be written: take it out of the mapping, \
             or name it as \"generated_key\" if it is what tells the rows"
        )
    };
    Some(Finding::problem(&step.at, message))
}

fn bind_cells(
    step: &Step,
    table: &Table,
    before: &[Arc<BoundStep>],
    binder: &mut Binder<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<BoundCell> {
    let mut cells: Vec<BoundCell> = Vec::new();
    let mut add = |cell: Result<BoundCell, Finding>, at: &str| match cell {
        Ok(cell) if cells.iter().any(|c| c.column == cell.column) => {
            let name = table.columns.get(cell.column).map_or("", |c| &c.name.0);
            findings
                .push(Finding::problem(at, format!("column {name} of {} is written twice", table.title())));
        }
        Ok(cell) => cells.push(cell),
        Err(finding) => findings.push(finding),
    };
    for field in &step.fields {
        let cell = column_of(table, &field.column, &field.at).and_then(|(index, column)| {
            let from = bind_origin(field, &table.title(), column, before, binder)?;
            Ok(BoundCell { column: index, role: role_of(field.write), from })
        });
        add(cell, &field.at);
    }
    for constant in &step.constants {
        let cell = column_of(table, &constant.column, &constant.at).and_then(|(index, column)| {
            let value = literal(&table.title(), column, binder.zone, &constant.value, &constant.at)?;
            Ok(BoundCell { column: index, role: Role::Always, from: From::Constant(value) })
        });
        add(cell, &constant.at);
    }
    cells
}

fn role_of(write: WriteRule) -> Role {
    match write {
        WriteRule::Always => Role::Always,
        WriteRule::InsertOnly => Role::InsertOnly,
        WriteRule::IfNull => Role::IfNull,
    }
}

/// Binds where a field's value comes from. `title` is of what has the column, for messages.
pub(super) fn bind_origin(
    field: &Field,
    title: &str,
    column: &Column,
    before: &[Arc<BoundStep>],
    binder: &mut Binder<'_>,
) -> Result<From, Finding> {
    let source = match &field.from {
        Origin::Event(source) => Read::Source(source.clone()),
        Origin::Text(template) => Read::Text(template.clone()),
        Origin::Step { name, column } => {
            return link::earlier(name, column.as_ref(), before).ok_or_else(|| {
                let message = format!("no earlier step {name} gives this value");
                Finding::problem(&field.at, message)
            });
        }
    };
    let zone = field.timezone.unwrap_or(binder.zone);
    let value = |l: &Literal, at: &str| literal(title, column, zone, l, at);
    let codes = field.values.as_ref().map(|codes| {
        let at = format!("{}.values", field.at);
        let by_value = codes.by_value.iter().map(|(name, l)| Ok((name.clone(), value(l, &at)?)));
        Ok::<_, Finding>(BoundCodes {
            by_value: by_value.collect::<Result<_, Finding>>()?,
            rest: codes.rest.as_ref().map(|l| value(l, &at)).transpose()?,
        })
    });
    let lookup = field.lookup.as_ref().map(|l| {
        let missing = match &l.missing {
            Missing::Park => None,
            Missing::Value(l) => Some(value(l, &format!("{}.lookup.missing", field.at))?),
        };
        Ok::<_, Finding>((lookup::bind(l, binder.schema, binder.zone, binder.lookups)?, missing))
    });
    Ok(From::Source(Box::new(BoundField {
        read: source,
        format: field.format.clone(),
        or_from: field.or_from.clone(),
        codes: codes.transpose()?,
        default: field.default.as_ref().map(|l| value(l, &format!("{}.default", field.at))).transpose()?,
        zone,
        truncate: field.truncate,
        lookup: lookup.transpose()?,
    })))
}

/// Moves the key's cells to the front, in the key's order; gives their number.
fn keys_first(cells: &mut [BoundCell], key: Option<&Key>, table: &Table) -> usize {
    let columns = key.map_or(&[][..], |k| &k.columns);
    let rank = |cell: &BoundCell| {
        let name = table.columns.get(cell.column).map(|c| &c.name);
        columns.iter().position(|k| Some(k) == name).unwrap_or(usize::MAX)
    };
    cells.sort_by_key(rank);
    let mut keys = 0;
    for cell in cells.iter_mut().filter(|c| rank(c) != usize::MAX) {
        cell.role = Role::Key;
        keys += 1;
    }
    keys
}
