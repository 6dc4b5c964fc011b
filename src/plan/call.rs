//! Statements of the configuration's own, bound to where their parameters come from. Reads no SQL.

use std::sync::Arc;

use crate::{
    model::{
        change::{Call, Role},
        event::EventKind,
        mapping::{Constant, Field, Origin, Source, Step, What, WriteRule},
        table::{Column, ColumnName, ColumnType, Filled},
    },
    plan::{
        bind::{Binder, BoundCell, BoundStep, From, bind_origin},
        link::{self, BoundMark},
        live::literal,
        verify::Finding,
    },
};

/// A statement bound to its parameters.
#[derive(Debug)]
pub(super) struct BoundCall {
    pub(super) call: Arc<Call>,
    /// One for each placeholder; `column` is its place among `parameters`.
    pub(super) cells: Vec<BoundCell>,
    /// What a value must fit: anything that the database takes.
    pub(super) parameters: Vec<Column>,
    /// What identifies the record that it is about.
    pub(super) key: Vec<Source>,
    pub(super) repeatable: bool,
    pub(super) mark: Option<BoundMark>,
}

pub(super) fn bind(
    step: &Step,
    kind: &EventKind,
    before: &[Arc<BoundStep>],
    binder: &mut Binder<'_>,
) -> Result<BoundCall, Vec<Finding>> {
    let What::Sql { sql, parameters: names, repeatable } = &step.what else { return Err(Vec::new()) };
    let mut findings = Vec::new();
    let (mut cells, mut parameters) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        let parameter = parameter(name);
        match bind_parameter(step, &parameter, before, binder) {
            Ok(from) => cells.push(BoundCell { column: index, role: Role::Always, from }),
            Err(finding) => findings.push(finding),
        }
        parameters.push(parameter);
    }
    let mark = link::mark_table(step, binder).unwrap_or_else(|finding| {
        findings.push(finding);
        None
    });
    if !findings.is_empty() {
        return Err(findings);
    }
    let call = Arc::new(Call { sql: sql.as_str().into(), at: format!("{}.sql", step.at) });
    let key = link::key_of(step, kind);
    Ok(BoundCall { call, cells, parameters, key, repeatable: *repeatable, mark })
}

fn bind_parameter(
    step: &Step,
    parameter: &Column,
    before: &[Arc<BoundStep>],
    binder: &mut Binder<'_>,
) -> Result<From, Finding> {
    const TITLE: &str = "the statement";
    let same = |name: &ColumnName| name.0.eq_ignore_ascii_case(&parameter.name.0);
    if let Some(Constant { value, at, .. }) = step.constants.iter().find(|c| same(&c.column)) {
        return literal(TITLE, parameter, binder.zone, value, at).map(From::Constant);
    }
    if let Some(field) = step.fields.iter().find(|f| same(&f.column)) {
        return bind_origin(field, TITLE, parameter, before, binder);
    }
    let at = format!("{}.sql", step.at);
    let name = &parameter.name.0;
    let from = Origin::parse(name).ok_or_else(|| {
        Finding::problem(&at, format!("parameter :{name} is no field of an event; write its name, or its path with dots"))
    })?;
    bind_origin(&plain_field(from, &parameter.name, &at), TITLE, parameter, before, binder)
}

/// A parameter that the mapping says nothing about beyond its name.
fn plain_field(from: Origin, column: &ColumnName, at: &str) -> Field {
    Field {
        from,
        or_from: Vec::new(),
        column: column.clone(),
        lookup: None,
        values: None,
        default: None,
        write: WriteRule::Always,
        timezone: None,
        truncate: false,
        at: at.to_owned(),
    }
}

fn parameter(name: &str) -> Column {
    Column {
        name: ColumnName(name.to_owned()),
        kind: ColumnType::Other,
        declared: "a parameter".to_owned(),
        nullable: true,
        filled: Filled::ByDefault,
        folds: false,
    }
}
