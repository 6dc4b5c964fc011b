//! Owns the translation of conditions; never of values.

use crate::collation;
use crate::compile::expr::as_text;
use crate::compile::{Compiled, Compiler, Typed};
use crate::error::{err, err_class};
use crate::sql::ast::Expr;

impl Compiler<'_> {
    /// A condition.
    pub(crate) fn condition(&mut self, expr: &Expr) -> Compiled<String> {
        self.depth += 1;
        if self.depth > 400 {
            return Err(err_class(
                191,
                15,
                1,
                "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.",
            ));
        }
        let sql = self.condition_inner(expr);
        self.depth -= 1;
        sql
    }

    pub(crate) fn condition_inner(&mut self, expr: &Expr) -> Compiled<String> {
        let negated = |not: bool| if not { "NOT " } else { "" };
        match expr {
            // Long chains are flat: each step of recursion would cost SQLite's stack.
            Expr::And(a, b) => Ok(format!("({} AND {})", self.condition(a)?, self.condition(b)?)),
            Expr::Or(..) => {
                let mut parts = Vec::new();
                let mut rest = expr;
                while let Expr::Or(a, b) = rest {
                    parts.push(&**b);
                    rest = a;
                }
                parts.push(rest);
                let parts: Vec<String> =
                    parts.into_iter().rev().map(|p| self.condition(p)).collect::<Result<_, _>>()?;
                Ok(format!("({})", parts.join(" OR ")))
            }
            Expr::Not(inner) => Ok(format!("(NOT {})", self.condition(inner)?)),
            Expr::Compare(op, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                let (a, b, collate) = self.comparable(&a, &b)?;
                Ok(format!("({a} {op} {b}{collate})"))
            }
            Expr::IsNull(value, not) => {
                let value = self.value(value)?;
                Ok(format!("({} IS {}NULL)", value.sql, negated(*not)))
            }
            Expr::InList(value, list, not) => {
                let value = self.value(value)?;
                let mut parts = Vec::new();
                for item in list {
                    let item = self.value(item)?;
                    let (a, b, collate) = self.comparable(&value, &item)?;
                    parts.push(format!("{a} = {b}{collate}"));
                }
                Ok(format!("({}({}))", negated(*not), parts.join(" OR ")))
            }
            Expr::InQuery(value, query, not) => self.member(value, query, negated(*not)),
            Expr::Between(value, low, high, not) => {
                let (value, low, high) = (self.value(value)?, self.value(low)?, self.value(high)?);
                let (a, b, first) = self.comparable(&value, &low)?;
                let (c, d, second) = self.comparable(&value, &high)?;
                Ok(format!("({}({a} >= {b}{first} AND {c} <= {d}{second}))", negated(*not)))
            }
            Expr::Like(value, pattern, escape, not) => {
                self.like(value, pattern, escape.as_deref(), negated(*not))
            }
            Expr::Exists(query) => {
                let (sql, _) = self.query(query)?;
                Ok(format!("EXISTS ({sql})"))
            }
            _ => Err(err_class(
                4145,
                15,
                1,
                "An expression of non-boolean type specified in a context where a condition is expected, near ')'.",
            )),
        }
    }

    fn member(&mut self, value: &Expr, query: &crate::sql::ast::Query, not: &str) -> Compiled<String> {
        let value = self.value(value)?;
        let (sql, columns) = self.query(query)?;
        let [column] = columns.as_slice() else {
            return Err(err(
                116,
                "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
            ));
        };
        let alias = self.alias();
        let member = Typed {
            collation: column.collation.clone(),
            ..Typed::new(format!("{alias}.\"{}\"", column.sql), column.ty)
        };
        let (a, b, collate) = self.comparable(&value, &member)?;
        Ok(format!("({a}{collate} {not}IN (SELECT {b} FROM ({sql}) AS {alias}))"))
    }

    fn like(&mut self, value: &Expr, pattern: &Expr, escape: Option<&Expr>, not: &str) -> Compiled<String> {
        let (value, pattern) = (self.value(value)?, self.value(pattern)?);
        let escape = match escape {
            Some(escape) => self.value(escape)?.sql,
            None => "NULL".to_owned(),
        };
        let name =
            value.collation.as_ref().or(pattern.collation.as_ref()).unwrap_or(&self.env.facts.collation);
        let sensitive = i32::from(collation::is_sensitive(name));
        let (text, pattern) = (as_text(&value), as_text(&pattern));
        Ok(format!("({not}tlike({text}, {pattern}, {escape}, {sensitive}))"))
    }
}
