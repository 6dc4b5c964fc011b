//! INSERT, UPDATE, DELETE. It must never write a column that has a value of its own, or without the right to.

use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::plan::query::split_rownum;
use crate::plan::scope::{Scope, Source};
use crate::plan::types::{Col, Ex, Ty};
use crate::plan::{Object, OutCol, Planner, ident};
use crate::sql::ast::{Assignment, Delete, Expr, Insert, Path, Returning, Update};

/// A statement that changes rows, in PostgreSQL's text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) sql: String,
    /// What RETURNING gives.
    pub(crate) columns: Vec<OutCol>,
    /// The placeholders that take it.
    pub(crate) into: Vec<usize>,
}

pub(crate) fn source_of(object: &Rc<Object>, alias: Option<&String>) -> Source {
    let alias = alias.cloned().unwrap_or_else(|| object.name.clone());
    Source {
        sql: ident(&alias),
        alias,
        object: Some(object.clone()),
        columns: object.columns.clone(),
        merged: Vec::new(),
        placed: object.kind == "TABLE",
    }
}

impl Planner<'_> {
    /// The columns that are named, or all that can be written.
    fn written<'o>(
        &self,
        object: &'o Object,
        alias: Option<&String>,
        names: &[(Path, usize)],
    ) -> Ora<Vec<&'o Col>> {
        if names.is_empty() {
            return Ok(object.columns.iter().collect());
        }
        let mut columns: Vec<&Col> = Vec::new();
        for (path, at) in names {
            let name = path.last().map_or("", String::as_str);
            let qualifier = path.len().checked_sub(2).and_then(|i| path.get(i));
            let known = qualifier.is_none_or(|q| *q == object.name || Some(q) == alias);
            let col = object.columns.iter().find(|c| c.name == name).filter(|_| known).ok_or_else(|| {
                let quoted: Vec<String> = path.iter().map(|p| format!("\"{p}\"")).collect();
                OraError::new(904, format!("{}: invalid identifier", quoted.join("."))).at(*at)
            })?;
            if columns.iter().any(|c| c.name == col.name) {
                return Err(OraError::plain(957).at(*at));
            }
            columns.push(col);
        }
        Ok(columns)
    }

    /// A value for a column, in the form that the column holds.
    pub(crate) fn value_for(&mut self, e: &Expr, col: &Col, scope: &Scope) -> Ora<String> {
        let value = self.expr(e, scope)?;
        self.fitted(&value, col)
    }

    pub(crate) fn fitted(&self, value: &Ex, col: &Col) -> Ora<String> {
        if !matches!(col.ty, Ty::Clob { .. } | Ty::Blob | Ty::Long) {
            self.check_long_bind(value)?;
            if value.ty == Ty::Blob || (matches!(value.ty, Ty::Clob { .. }) && !col.ty.is_text()) {
                return Err(OraError::new(
                    932,
                    format!("inconsistent datatypes: expected {} got {}", col.ty.label(), value.ty.label()),
                ));
            }
        }
        value.as_ty(col.ty)
    }

    /// The columns and the values of MERGE's INSERT.
    pub(crate) fn merge_row(&mut self, insert: &Insert, scope: &Scope) -> Ora<(String, String)> {
        let object = self.target(&insert.table, "INSERT")?;
        let columns: Vec<Col> = self
            .written(&object, insert.table.alias.as_ref(), &insert.columns)?
            .into_iter()
            .cloned()
            .collect();
        let row = insert.rows.first().map(Vec::as_slice).unwrap_or_default();
        count(row.len(), columns.len())?;
        let mut values = Vec::new();
        for (value, col) in row.iter().zip(&columns) {
            not_generated(col, value.is_none())?;
            values.push(match value {
                Some(e) => self.value_for(e, col, scope)?,
                None => "DEFAULT".to_owned(),
            });
        }
        let list: Vec<String> = columns.iter().map(|c| ident(&c.name)).collect();
        Ok((list.join(", "), values.join(", ")))
    }

    pub(crate) fn insert(&mut self, insert: &Insert) -> Ora<Change> {
        let object = self.target(&insert.table, "INSERT")?;
        let columns: Vec<Col> = self
            .written(&object, insert.table.alias.as_ref(), &insert.columns)?
            .into_iter()
            .cloned()
            .collect();
        for col in &columns {
            if !object.may("INSERT", Some(&col.name)) {
                return Err(OraError::plain(1031));
            }
        }
        let list: Vec<String> = columns.iter().map(|c| ident(&c.name)).collect();
        let mut sql = format!("INSERT INTO {} ({})", object.sql(), list.join(", "));
        if let Some(query) = &insert.query {
            let planned = self.query(query, None)?;
            count(planned.columns.len(), columns.len())?;
            let mut items = Vec::new();
            for (i, (col, out)) in columns.iter().zip(&planned.columns).enumerate() {
                not_generated(col, false)?;
                items.push(self.fitted(&Ex::new(format!("q.c{i}"), out.ty), col)?);
            }
            let names: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
            sql.push_str(&format!(
                " SELECT {} FROM ({}) q({})",
                items.join(", "),
                planned.sql,
                names.join(", ")
            ));
        } else {
            let mut rows = Vec::new();
            for row in &insert.rows {
                count(row.len(), columns.len())?;
                let mut values = Vec::new();
                for (value, col) in row.iter().zip(&columns) {
                    not_generated(col, value.is_none())?;
                    values.push(match value {
                        Some(e) => self.value_for(e, col, &Scope::EMPTY)?,
                        None => "DEFAULT".to_owned(),
                    });
                }
                rows.push(format!("({})", values.join(", ")));
            }
            sql.push_str(&format!(" VALUES {}", rows.join(", ")));
        }
        let scope = Scope { sources: vec![source_of(&object, None)], outer: None };
        self.returning(sql, &insert.returning, &scope)
    }

    /// `a = 1, (b, c) = (SELECT ..)`, in PostgreSQL's text.
    pub(crate) fn assignments(
        &mut self,
        object: &Object,
        alias: Option<&String>,
        sets: &[Assignment],
        scope: &Scope,
    ) -> Ora<String> {
        let mut seen: Vec<String> = Vec::new();
        let mut parts = Vec::new();
        for (names, value) in sets {
            let columns: Vec<Col> = self.written(object, alias, names)?.into_iter().cloned().collect();
            for col in &columns {
                if col.computed {
                    return Err(OraError::plain(54017));
                }
                if col.identity.as_deref() == Some("ALWAYS") {
                    return Err(OraError::plain(32796));
                }
                if !object.may("UPDATE", Some(&col.name)) {
                    return Err(OraError::plain(1031));
                }
                if seen.contains(&col.name) {
                    return Err(OraError::plain(957));
                }
                seen.push(col.name.clone());
            }
            match (columns.as_slice(), value) {
                ([col], None) => parts.push(format!("{} = DEFAULT", ident(&col.name))),
                ([col], Some(e)) => {
                    parts.push(format!("{} = {}", ident(&col.name), self.value_for(e, col, scope)?))
                }
                (many, Some(Expr::Sub(query))) => {
                    let planned = self.query(query, Some(scope))?;
                    count(planned.columns.len(), many.len())?;
                    let mut items = Vec::new();
                    for (i, (col, out)) in many.iter().zip(&planned.columns).enumerate() {
                        items.push(self.fitted(&Ex::new(format!("q.c{i}"), out.ty), col)?);
                    }
                    let left: Vec<String> = many.iter().map(|c| ident(&c.name)).collect();
                    let names: Vec<String> = (0..many.len()).map(|i| format!("c{i}")).collect();
                    parts.push(format!(
                        "({}) = (SELECT {} FROM ({}) q({}))",
                        left.join(", "),
                        items.join(", "),
                        planned.sql,
                        names.join(", ")
                    ));
                }
                _ => return Err(OraError::new(1767, "UPDATE ... SET expression must be a subquery")),
            }
        }
        Ok(parts.join(", "))
    }

    pub(crate) fn update(&mut self, update: &Update) -> Ora<Change> {
        let object = self.target(&update.table, "UPDATE")?;
        let source = source_of(&object, update.table.alias.as_ref());
        let target = format!("{} {}", object.sql(), source.sql);
        let scope = Scope { sources: vec![source], outer: None };
        let sets = self.assignments(&object, update.table.alias.as_ref(), &update.sets, &scope)?;
        let filter = self.row_filter(&object, update.filter.as_ref(), &scope)?;
        self.returning(format!("UPDATE {target} SET {sets}{filter}"), &update.returning, &scope)
    }

    pub(crate) fn delete(&mut self, delete: &Delete) -> Ora<Change> {
        let object = self.target(&delete.table, "DELETE")?;
        let source = source_of(&object, delete.table.alias.as_ref());
        let target = format!("{} {}", object.sql(), source.sql);
        let scope = Scope { sources: vec![source], outer: None };
        let filter = self.row_filter(&object, delete.filter.as_ref(), &scope)?;
        self.returning(format!("DELETE FROM {target}{filter}"), &delete.returning, &scope)
    }

    fn row_filter(&mut self, object: &Object, filter: Option<&Expr>, scope: &Scope) -> Ora<String> {
        let (conditions, limit) = split_rownum(filter);
        let mut parts = Vec::new();
        for condition in conditions {
            parts.push(self.condition(condition, scope)?);
        }
        let filter = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
        let Some((op, e)) = limit else { return Ok(filter) };
        let n = self.expr(e, scope)?.number()?;
        let n = if op == "<" { format!("{n} - 1") } else { n };
        let alias = scope.sources.first().map_or("", |s| s.sql.as_str());
        Ok(format!(
            " WHERE {alias}.ctid IN (SELECT {alias}.ctid FROM {} {alias}{filter} LIMIT greatest({n}, 0)::bigint)",
            object.sql()
        ))
    }

    fn returning(&mut self, mut sql: String, returning: &Returning, scope: &Scope) -> Ora<Change> {
        let mut change = Change::default();
        let mut items = Vec::new();
        for (what, into) in returning.what.iter().zip(&returning.into) {
            // The bare columns of the row, after the statement.
            let value = self.expr(what, scope)?;
            items.push(value.output());
            change.columns.push(OutCol { name: String::new(), ty: value.ty, nullable: true });
            match into {
                Expr::Bind(n) if !self.in_block => change.into.push(*n),
                other if self.in_block => items.push(format!("\u{1}{}", self.expr(other, scope)?.sql)),
                _ => return Err(OraError::new(6550, "line 1, column 1:\nPLS-00049: bad bind variable")),
            }
        }
        if self.in_block && !items.is_empty() {
            let (into, what): (Vec<String>, Vec<String>) =
                items.into_iter().partition(|i| i.starts_with('\u{1}'));
            let into: Vec<&str> = into.iter().map(|i| i.trim_start_matches('\u{1}')).collect();
            sql.push_str(&format!(" RETURNING {} INTO {}", what.join(", "), into.join(", ")));
        } else if !items.is_empty() {
            sql.push_str(&format!(" RETURNING {}", items.join(", ")));
        }
        change.sql = sql;
        Ok(change)
    }
}

fn count(have: usize, want: usize) -> Ora<()> {
    match have.cmp(&want) {
        std::cmp::Ordering::Less => Err(OraError::plain(947)),
        std::cmp::Ordering::Greater => Err(OraError::plain(913)),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

fn not_generated(col: &Col, default: bool) -> Ora<()> {
    if col.computed && !default {
        return Err(OraError::plain(54013));
    }
    if col.identity.as_deref() == Some("ALWAYS") && !default {
        return Err(OraError::plain(32795));
    }
    Ok(())
}
