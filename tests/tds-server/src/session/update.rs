//! Owns UPDATE, with FROM and variables in SET.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::catalog::{Kind, Table};
use crate::error::{Run, err, no_column};
use crate::session::dml::{find_alias, target_name};
use crate::session::exec::UPDATE;
use crate::session::output::{Change, Event};
use crate::session::{Frame, Session};
use crate::sql::ast::{Expr, Set, Update};
use crate::types::SqlType;

/// What SET sets: a column by its position, or a variable.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Column(usize),
    Variable(String),
}

impl Session {
    /// The columns of SET, none of them one that the server fills.
    pub(crate) fn set_targets(table: &Table, set: &[(Set, Expr)]) -> Run<Vec<(Target, Expr)>> {
        let mut targets = Vec::new();
        for (target, value) in set {
            let name = match target {
                Set::Variable(name) => {
                    targets.push((Target::Variable(name.clone()), value.clone()));
                    continue;
                }
                Set::Column(name) => name.last().cloned().unwrap_or_default(),
            };
            let at = table.column(&name).ok_or_else(|| no_column(&name))?;
            let column = &table.columns[at];
            if column.computed.is_some() {
                return Err(err(271, format!("The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.", column.name)).into());
            }
            if column.ty == SqlType::Timestamp {
                return Err(err(272, "Cannot update a timestamp column.").into());
            }
            if column.identity.is_some() {
                return Err(err(8102, format!("Cannot update identity column '{}'.", column.name)).into());
            }
            if targets.iter().any(|(t, _)| matches!(t, Target::Column(c) if *c == at)) {
                return Err(err(264, format!("The column name '{name}' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.")).into());
            }
            let value = if *value == Expr::Default { Self::default_expr(column)? } else { value.clone() };
            targets.push((Target::Column(at), value));
        }
        Ok(targets)
    }

    pub(crate) fn update(&mut self, update: &Update, frame: &mut Frame) -> Run<()> {
        let (table, from) = self.target(&update.target, &update.hints, &update.from, frame)?;
        self.require(&table, "UPDATE")?;
        self.require_options(&table, "UPDATE")?;
        if matches!(table.kind, Kind::View(..)) {
            return Err(err(4403, format!("Cannot update the view or function '{}' because tds-server keeps views for reading alone.", table.name)).into());
        }
        self.refuse_output(&table, update.output.as_ref(), 1)?;
        let instead = table.triggers.iter().any(|t| t.instead && !t.disabled && t.events[1]);
        let targets = Self::set_targets(&table, &update.set)?;
        let name = target_name(&update.target);
        let work = |s: &mut Self, frame: &mut Frame| -> Run<Change> {
            let made = s.compile(frame, |c| {
                c.scopes.push(Vec::new());
                let mut seen = Vec::new();
                let sources: Vec<String> =
                    from.iter().map(|f| c.from(f, &mut seen)).collect::<Result<_, _>>()?;
                let alias = find_alias(c.scopes.last().map_or(&[], Vec::as_slice), &name)?;
                let filter = match &update.filter {
                    Some(filter) => format!(" WHERE {}", c.condition(filter)?),
                    None => String::new(),
                };
                let mut items = vec![format!("{alias}.rowid")];
                let mut types = Vec::new();
                for (_, value) in &targets {
                    let value = c.value(value)?;
                    items.push(value.sql);
                    types.push(value.ty);
                }
                let limit = match &update.top {
                    Some(top) => format!(" LIMIT {}", c.value(top)?.sql),
                    None => String::new(),
                };
                Ok((format!("SELECT {} FROM {}{filter}{limit}", items.join(", "), sources.join(", ")), types))
            })?;
            let rows = s.fetch(&made.result.0, &made.params)?;
            let mut seen = std::collections::HashSet::new();
            let mut changes = Vec::new();
            for mut row in rows {
                let Value::Integer(id) = row.remove(0) else { continue };
                // A row that several rows of FROM meet is changed once.
                if seen.insert(id) {
                    changes.push((id, row));
                }
            }
            s.apply_updates(&table, &targets, &made.result.1, changes, instead, frame)
        };
        self.change(&table, UPDATE, update.output.as_ref(), frame, work)
    }

    /// Changes rows by their rowids.
    pub(crate) fn apply_updates(
        &mut self,
        table: &Arc<Table>,
        targets: &[(Target, Expr)],
        types: &[SqlType],
        changes: Vec<(i64, Vec<Value>)>,
        instead: bool,
        frame: &mut Frame,
    ) -> Run<Change> {
        let ids: Vec<i64> = changes.iter().map(|c| c.0).collect();
        let deleted = self.read_rows(table, &ids)?;
        let mut planned = Vec::new();
        for ((id, values), old) in changes.into_iter().zip(&deleted) {
            self.check_stopped()?;
            let mut row = old.clone();
            let mut names = Vec::new();
            let mut stored = Vec::new();
            for (((target, _), from), value) in targets.iter().zip(types).zip(values) {
                match target {
                    Target::Variable(name) => self.set_variable(frame, name, value, *from)?,
                    Target::Column(at) => {
                        let column = &table.columns[*at];
                        let value = self.assign_column(table, column, value, *from)?;
                        if matches!(value, Value::Null) && !column.nullable {
                            return Err(self.refuse_null(table, column, "UPDATE").into());
                        }
                        names.push(column.sql.clone());
                        row[*at] = value.clone();
                        stored.push(value);
                    }
                }
            }
            planned.push((id, row, names, stored));
        }
        if instead {
            let inserted = planned.into_iter().map(|p| p.1).collect();
            return Ok(Change { inserted, deleted, ..Change::of(Event::Update) });
        }
        for (id, mut row, mut names, mut stored) in planned {
            if let Some(at) = table.columns.iter().position(|c| c.ty == SqlType::Timestamp) {
                let version = self.next_rowversion()?;
                names.push(table.columns[at].sql.clone());
                row[at] = version.clone();
                stored.push(version);
            }
            if names.is_empty() {
                continue;
            }
            self.check_null_keys(table, &row, Some(id))?;
            let set: Vec<String> =
                names.iter().enumerate().map(|(n, c)| format!("{c} = ?{}", n + 1)).collect();
            let sql = format!("UPDATE {} SET {} WHERE rowid = ?{}", table.sql, set.join(", "), set.len() + 1);
            stored.push(Value::Integer(id));
            self.store(table, &sql, &stored, &row, Some(id))?;
        }
        self.check_rows(table, &ids, "UPDATE")?;
        let inserted = self.read_rows(table, &ids)?;
        self.check_parents(table, &inserted, "UPDATE")?;
        self.check_children(table, &deleted, "UPDATE")?;
        Ok(Change { inserted, deleted, ..Change::of(Event::Update) })
    }
}
