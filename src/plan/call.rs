//! Statements of the configuration's own, bound to where their parameters come from. Reads no SQL.

use std::sync::Arc;

use crate::{
    model::{
        change::{Call, Role},
        event::EventKind,
        mapping::{Constant, Source, Step, What},
        table::{Column, ColumnName},
    },
    plan::{
        bind::{Binder, bind_origin},
        bound::{BoundCell, BoundStep, From},
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
        let parameter = Column::parameter(name.clone());
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
    let call = Arc::new(Call::new(sql, format!("{}.sql", step.at)));
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
    let name = &parameter.name;
    Err(Finding::problem(
        &format!("{}.sql", step.at),
        format!("nothing fills the parameter :{name}; name a field of the event"),
    ))
}
