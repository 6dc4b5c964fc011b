//! Owns MERGE.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::catalog::Table;
use crate::compile::Compiler;
use crate::error::{Run, SqlError, err};
use crate::session::dml::{find_alias, target_name};
use crate::session::exec::MERGE;
use crate::session::output::{Change, Event};
use crate::session::update::Target;
use crate::session::{Frame, Session};
use crate::sql::ast::{Expr, From, Merge, MergeAction, MergeClause, MergeWhen};
use crate::types::SqlType;

/// A clause with its names resolved: what it sets or inserts.
struct Plan {
    when: MergeWhen,
    and: Option<Expr>,
    kind: PlanKind,
    values: Vec<Expr>,
    /// Types of the values, once they are compiled.
    types: Vec<SqlType>,
}

enum PlanKind {
    Update(Vec<(Target, Expr)>),
    Insert(Vec<usize>),
    Delete,
}

impl Session {
    pub(crate) fn merge(&mut self, merge: &Merge, frame: &mut Frame) -> Run<()> {
        let table = self.find_table(&merge.target, frame)?;
        for clause in &merge.clauses {
            let permission = match clause.action {
                MergeAction::Update(_) => "UPDATE",
                MergeAction::Insert(..) => "INSERT",
                MergeAction::Delete => "DELETE",
            };
            self.require(&table, permission)?;
        }
        self.require_options(&table, "MERGE")?;
        self.refuse_output(&table, merge.output.as_ref(), 3)?;
        let mut plans = self.plans(&table, &merge.clauses)?;
        let work = |s: &mut Self, frame: &mut Frame| -> Run<Change> {
            let matched = s.merge_rows(merge, &mut plans, false, frame)?;
            let orphans = if plans.iter().any(|p| p.when == MergeWhen::NotMatchedBySource) {
                s.merge_rows(merge, &mut plans, true, frame)?
            } else {
                Vec::new()
            };
            s.merge_apply(&table, &plans, &matched.into_iter().chain(orphans).collect::<Vec<_>>(), frame)
        };
        self.change(&table, MERGE, merge.output.as_ref(), frame, work)
    }

    fn plans(&mut self, table: &Arc<Table>, clauses: &[MergeClause]) -> Run<Vec<Plan>> {
        let mut plans = Vec::new();
        for clause in clauses {
            let (kind, values) = match &clause.action {
                MergeAction::Delete => (PlanKind::Delete, Vec::new()),
                MergeAction::Update(set) => {
                    let targets = Self::set_targets(table, set)?;
                    let values = targets.iter().map(|t| t.1.clone()).collect();
                    (PlanKind::Update(targets), values)
                }
                MergeAction::Insert(columns, values) => {
                    let at = if columns.is_empty() {
                        (0..table.columns.len())
                            .filter(|i| {
                                let c = &table.columns[*i];
                                c.identity.is_none() && c.computed.is_none() && c.ty != SqlType::Timestamp
                            })
                            .collect()
                    } else {
                        self.named_columns(table, columns)?
                    };
                    if at.len() != values.len() {
                        return Err(err(10709, "The number of columns for each row in a table value constructor must be the same.").into());
                    }
                    let mut values = values.clone();
                    for (value, at) in values.iter_mut().zip(&at) {
                        if *value == Expr::Default {
                            *value = Self::default_expr(&table.columns[*at])?;
                        }
                    }
                    (PlanKind::Insert(at), values)
                }
            };
            plans.push(Plan { when: clause.when, and: clause.and.clone(), kind, values, types: Vec::new() });
        }
        Ok(plans)
    }

    /// For each row what it is about: the clause's number, the target's rowid or NULL, the clause's values.
    fn merge_rows(
        &mut self,
        merge: &Merge,
        plans: &mut [Plan],
        orphans: bool,
        frame: &Frame,
    ) -> Run<Vec<(usize, Option<i64>, Vec<Value>)>> {
        let name = merge.alias.clone().unwrap_or_else(|| target_name(&merge.target));
        let target = if merge.target.len() == 1 && merge.target[0].starts_with('@') {
            From::Variable { name: merge.target[0].clone(), alias: merge.alias.clone() }
        } else {
            From::Table {
                name: merge.target.clone(),
                alias: merge.alias.clone(),
                hints: merge.hints.clone(),
                line: 0,
            }
        };
        let made = self.compile(frame, |c| {
            c.scopes.push(Vec::new());
            let mut seen = Vec::new();
            let target = c.from(&target, &mut seen)?;
            let alias = find_alias(c.scopes.last().map_or(&[], Vec::as_slice), &name)?;
            let source = c.from(&merge.source, &mut seen)?;
            let on = c.condition(&merge.on)?;
            let case = clause_number(c, plans, &alias, orphans)?;
            let mut items = vec![case.clone(), format!("{alias}.rowid")];
            for (i, plan) in plans.iter_mut().enumerate() {
                if (plan.when == MergeWhen::NotMatchedBySource) != orphans {
                    continue;
                }
                plan.types.clear();
                for value in &plan.values {
                    let value = c.value(value)?;
                    plan.types.push(value.ty);
                    // Only where the clause applies: another row's value may not convert.
                    items.push(format!("CASE WHEN {case} = {i} THEN {} END", value.sql));
                }
            }
            let from = if orphans {
                format!("{target} WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE {on})")
            } else {
                format!("{source} LEFT JOIN {target} ON {on}")
            };
            Ok(format!("SELECT {} FROM {from}", items.join(", ")))
        })?;
        self.lock()?;
        let rows = self.fetch(&made.result, &made.params)?;
        let mut found = Vec::new();
        for mut row in rows {
            let values = row.split_off(2);
            let (Value::Integer(clause), id) = (&row[0], &row[1]) else { continue };
            let clause = *clause as usize;
            let before: usize = plans[..clause]
                .iter()
                .filter(|p| (p.when == MergeWhen::NotMatchedBySource) == orphans)
                .map(|p| p.values.len())
                .sum();
            let values = values[before..before + plans[clause].values.len()].to_vec();
            let id = if let Value::Integer(n) = id { Some(*n) } else { None };
            found.push((clause, id, values));
        }
        Ok(found)
    }

    fn merge_apply(
        &mut self,
        table: &Arc<Table>,
        plans: &[Plan],
        rows: &[(usize, Option<i64>, Vec<Value>)],
        frame: &mut Frame,
    ) -> Run<Change> {
        let mut touched = std::collections::HashSet::new();
        if rows.iter().any(|(_, id, _)| id.is_some_and(|id| !touched.insert(id))) {
            return Err(err(8672, "The MERGE statement attempted to UPDATE or DELETE the same row more than once. This happens when a target row matches more than one source row. A MERGE statement cannot UPDATE/DELETE the same row of the target table multiple times. Refine the ON clause to ensure a target row matches at most one source row, or use the GROUP BY clause to group the source rows.").into());
        }
        let mut whole = Change::of(Event::Merge);
        for (i, plan) in plans.iter().enumerate() {
            let mine: Vec<(Option<i64>, Vec<Value>)> =
                rows.iter().filter(|r| r.0 == i).map(|r| (r.1, r.2.clone())).collect();
            let part = match &plan.kind {
                PlanKind::Update(targets) => {
                    let changes = mine.into_iter().filter_map(|(id, values)| Some((id?, values))).collect();
                    self.apply_updates(table, targets, &plan.types, changes, false, frame)?
                }
                PlanKind::Delete => {
                    let ids: Vec<i64> = mine.into_iter().filter_map(|m| m.0).collect();
                    let deleted = self.read_rows(table, &ids)?;
                    for id in &ids {
                        self.execute(
                            &format!("DELETE FROM {} WHERE rowid = ?1", table.sql),
                            &[Value::Integer(*id)],
                        )?;
                    }
                    self.check_children(table, &deleted, "MERGE")?;
                    Change { deleted, ..Change::of(Event::Delete) }
                }
                PlanKind::Insert(at) => {
                    let mut ids = Vec::new();
                    for (_, values) in mine {
                        let row = self.whole_row(table, at, values, &plan.types)?;
                        ids.push(self.insert_row(table, row)?);
                    }
                    self.check_rows(table, &ids, "MERGE")?;
                    let inserted = self.read_rows(table, &ids)?;
                    self.check_parents(table, &inserted, "MERGE")?;
                    Change { inserted, ..Change::of(Event::Insert) }
                }
            };
            whole.parts.push(part);
        }
        Ok(whole)
    }
}

/// The number of the clause that applies to a row, as SQLite computes it.
fn clause_number(
    c: &mut Compiler<'_>,
    plans: &[Plan],
    alias: &str,
    orphans: bool,
) -> Result<String, SqlError> {
    let mut case = "CASE".to_owned();
    for (i, plan) in plans.iter().enumerate() {
        if (plan.when == MergeWhen::NotMatchedBySource) != orphans {
            continue;
        }
        let there = if plan.when == MergeWhen::NotMatched { "IS NULL" } else { "IS NOT NULL" };
        let and = match &plan.and {
            Some(and) => format!(" AND {}", c.condition(and)?),
            None => String::new(),
        };
        case.push_str(&format!(" WHEN {alias}.rowid {there}{and} THEN {i}"));
    }
    Ok(format!("({case} END)"))
}
