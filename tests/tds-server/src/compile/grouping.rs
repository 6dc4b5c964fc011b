//! Owns GROUP BY: which columns may stand beside it (8120); never translates anything.

use crate::catalog::same;
use crate::compile::query::AGGREGATES;
use crate::compile::{Compiled, Compiler};
use crate::error::err;
use crate::sql::ast::{Expr, Item, Select};

impl Compiler<'_> {
    /// 8120: a column that is neither grouped nor aggregated.
    pub(crate) fn check_grouping(&mut self, select: &Select) -> Compiled<()> {
        let items = || {
            select.items.iter().filter_map(|i| match i {
                Item::Value(e, _) | Item::Assign(_, e) => Some(e),
                Item::Star(_) => None,
            })
        };
        if select.group.is_empty() && !items().any(has_aggregate) && select.having.is_none() {
            return Ok(());
        }
        for expr in items() {
            if let Some(parts) = loose_column(expr, &select.group) {
                // What comes from outside is constant here.
                let inner = self.scopes.pop().unwrap_or_default();
                let outside = self.column(parts).is_ok();
                self.scopes.push(inner);
                if !outside {
                    self.column(parts)?;
                    return Err(err(
                        8120,
                        format!(
                            "Column '{}' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.",
                            parts.join(".")
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn has_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => {
            (AGGREGATES.contains(&call.name.as_str()) && call.over.is_none())
                || call.args.iter().any(has_aggregate)
        }
        Expr::Negate(e) | Expr::BitNot(e) | Expr::Cast(e, ..) | Expr::Collate(e, _) => has_aggregate(e),
        Expr::Binary(_, a, b) => has_aggregate(a) || has_aggregate(b),
        Expr::Case(operand, whens, other) => {
            operand.as_deref().is_some_and(has_aggregate)
                || whens.iter().any(|(_, then)| has_aggregate(then))
                || other.as_deref().is_some_and(has_aggregate)
        }
        _ => false,
    }
}

/// A column outside of every aggregate that no GROUP BY names.
pub(crate) fn loose_column<'e>(expr: &'e Expr, group: &[Expr]) -> Option<&'e [String]> {
    if group.iter().any(|g| same_expr(g, expr)) {
        return None;
    }
    match expr {
        Expr::Column(parts) => Some(parts),
        Expr::Call(call) if AGGREGATES.contains(&call.name.as_str()) => None,
        Expr::Call(call) => call.args.iter().find_map(|a| loose_column(a, group)),
        Expr::Negate(e) | Expr::BitNot(e) | Expr::Cast(e, ..) | Expr::Collate(e, _) => loose_column(e, group),
        Expr::Binary(_, a, b) => loose_column(a, group).or_else(|| loose_column(b, group)),
        Expr::Case(operand, whens, other) => operand
            .as_deref()
            .and_then(|e| loose_column(e, group))
            .or_else(|| whens.iter().find_map(|(_, then)| loose_column(then, group)))
            .or_else(|| other.as_deref().and_then(|e| loose_column(e, group))),
        _ => None,
    }
}

/// Columns are alike by their last name.
pub(crate) fn same_expr(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Column(a), Expr::Column(b)) => {
            matches!((a.last(), b.last()), (Some(a), Some(b)) if same(a, b))
        }
        _ => a == b,
    }
}
