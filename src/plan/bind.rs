//! Binds a step of a mapping to its live table: columns found, constants and codes converted, the key known.
//! What does not fit is a [`Finding`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chrono_tz::Tz;

use crate::{
    model::{
        change::{Op, Role, Shape},
        event::EventKind,
        mapping::{Action, Condition, Field, Source, Step, WriteRule},
        table::{Column, ColumnName, Filled, Schema, Table},
        value::{Literal, SqlValue},
    },
    plan::{
        convert::Target,
        key::{self, Key},
        verify::Finding,
    },
};

/// Combinations of present sources that are remembered for one step.
const SHAPES_MAX: usize = 256;

/// A step bound to its table.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) table: Arc<Table>,
    pub(super) action: Action,
    pub(super) when: Vec<Condition>,
    /// Key fields first, in the key's order.
    pub(super) cells: Vec<BoundCell>,
    pub(super) keys: usize,
    pub(super) key: Option<Key>,
    shapes: Mutex<HashMap<Vec<u16>, Arc<Shape>>>,
}

/// A column with where its value comes from.
#[derive(Debug)]
pub(super) struct BoundCell {
    pub(super) column: usize,
    pub(super) role: Role,
    pub(super) from: From,
}

/// Where a cell's value comes from.
#[derive(Debug)]
pub(super) enum From {
    Constant(SqlValue),
    Source(BoundField),
}

/// A field bound to its column.
#[derive(Debug)]
pub(super) struct BoundField {
    pub(super) source: Source,
    pub(super) codes: Option<BoundCodes>,
    pub(super) default: Option<SqlValue>,
    pub(super) zone: Tz,
    pub(super) truncate: bool,
}

/// Codes converted to the column's type.
#[derive(Debug)]
pub(super) struct BoundCodes {
    pub(super) by_value: BTreeMap<String, SqlValue>,
    pub(super) rest: Option<SqlValue>,
}

impl Bound {
    /// The shape of the cells with these indexes.
    pub(super) fn shape(&self, present: Vec<u16>) -> Arc<Shape> {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = shapes.get(&present) {
            return Arc::clone(shape);
        }
        if shapes.len() >= SHAPES_MAX {
            shapes.clear();
        }
        let columns = present.iter().filter_map(|i| self.cells.get(usize::from(*i)));
        let shape = Arc::new(Shape {
            table: Arc::clone(&self.table),
            op: match self.action {
                Action::Upsert => Op::Upsert,
                Action::Insert => Op::Insert,
                Action::Update => Op::Update,
                Action::Delete => Op::Delete,
            },
            columns: columns.map(|c| (c.column, c.role)).collect(),
        });
        shapes.insert(present, Arc::clone(&shape));
        shape
    }
}

/// Binds a step, or says everything that keeps it from being bound.
pub(super) fn bind(step: &Step, kind: &EventKind, schema: &Schema, zone: Tz) -> Result<Bound, Vec<Finding>> {
    let Some(table) = schema.tables.get(&step.table) else {
        let near = schema.missing.get(&step.table).map_or(&[][..], Vec::as_slice);
        let hint = did_you_mean(near).unwrap_or_else(|| {
            "check the spelling, the database's name, and that the login may see the table".to_owned()
        });
        let message = format!("the HIS database has no table {}; {hint}", step.table);
        return Err(vec![Finding::problem(&format!("{}.table", step.at), message)]);
    };
    let mut findings = Vec::new();
    let mut cells = Vec::new();
    let mut add = |cell: Result<BoundCell, Finding>, at: &str, cells: &mut Vec<BoundCell>| match cell {
        Ok(cell) if cells.iter().any(|c: &BoundCell| c.column == cell.column) => {
            let name = table.columns.get(cell.column).map_or("", |c| &c.name.0);
            findings
                .push(Finding::problem(at, format!("column {name} of {} is written twice", table.title())));
        }
        Ok(cell) => cells.push(cell),
        Err(finding) => findings.push(finding),
    };
    for field in &step.fields {
        add(bind_field(field, table, zone), &field.at, &mut cells);
    }
    for constant in &step.constants {
        let cell = column(table, &constant.column, &constant.at).and_then(|(index, column)| {
            let value = literal(table, column, zone, &constant.value, &constant.at)?;
            Ok(BoundCell { column: index, role: Role::Always, from: From::Constant(value) })
        });
        add(cell, &constant.at, &mut cells);
    }
    let key = key::find(step, kind.base(), table);
    if key.is_none() && step.action != Action::Insert && findings.is_empty() {
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
    if step.action == Action::Delete {
        cells.truncate(keys);
    }
    let (table, when) = (Arc::clone(table), step.when.clone());
    Ok(Bound { table, action: step.action, when, cells, keys, key, shapes: Mutex::default() })
}

fn bind_field(field: &Field, table: &Table, zone: Tz) -> Result<BoundCell, Finding> {
    let (index, column) = column(table, &field.column, &field.at)?;
    let zone = field.timezone.unwrap_or(zone);
    let value = |l: &Literal, at: &str| literal(table, column, zone, l, at);
    let codes = field.values.as_ref().map(|codes| {
        let at = format!("{}.values", field.at);
        Ok::<_, Finding>(BoundCodes {
            by_value: codes
                .by_value
                .iter()
                .map(|(name, l)| Ok((name.clone(), value(l, &at)?)))
                .collect::<Result<_, Finding>>()?,
            rest: codes.rest.as_ref().map(|l| value(l, &at)).transpose()?,
        })
    });
    let at = format!("{}.default", field.at);
    Ok(BoundCell {
        column: index,
        role: match field.write {
            WriteRule::Always => Role::Always,
            WriteRule::InsertOnly => Role::InsertOnly,
            WriteRule::IfNull => Role::IfNull,
        },
        from: From::Source(BoundField {
            source: field.source.clone(),
            codes: codes.transpose()?,
            default: field.default.as_ref().map(|l| value(l, &at)).transpose()?,
            zone,
            truncate: field.truncate,
        }),
    })
}

fn column<'a>(table: &'a Table, name: &ColumnName, at: &str) -> Result<(usize, &'a Column), Finding> {
    let Some((index, column)) = table.column(name) else {
        let mut near: Vec<(f64, String)> = table
            .columns
            .iter()
            .map(|c| {
                (strsim::jaro_winkler(&c.name.0.to_lowercase(), &name.0.to_lowercase()), c.name.0.clone())
            })
            .filter(|(score, _)| *score > 0.75)
            .collect();
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

fn literal(
    table: &Table,
    column: &Column,
    zone: Tz,
    literal: &Literal,
    at: &str,
) -> Result<SqlValue, Finding> {
    Target { column, zone, truncate: false }.literal(literal).map_err(|misfit| {
        let place = format!("{}.{} ({})", table.title(), column.name, column.declared);
        Finding::problem(at, format!("the configured value cannot go into {place}: {}", misfit.words))
    })
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

fn did_you_mean(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}
