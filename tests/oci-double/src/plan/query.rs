//! Queries. It must never give rows in an order, or of a number, that ROWNUM and FETCH do not say.

use crate::ora::{Ora, OraError};
use crate::plan::from::column_of;
use crate::plan::funcs::direction;
use crate::plan::scope::Scope;
use crate::plan::types::{Ex, Origin, Ty};
use crate::plan::{OutCol, Planner, ident};
use crate::sql::ast::{Body, Expr, Func, Item, Lock, Order, Query, Select, Wait};

/// A query in PostgreSQL's text.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) sql: String,
    pub(crate) columns: Vec<OutCol>,
}

/// A query of WITH that later ones may name.
type Named = (String, Vec<OutCol>);

thread_local! {
    /// The queries of WITH around the one that is worked out.
    pub(crate) static WITH: std::cell::RefCell<Vec<Named>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// What stands around a SELECT.
struct Frame<'q> {
    order: &'q [Order],
    fetch: Option<String>,
    offset: Option<String>,
    lock: Option<&'q Lock>,
    top: bool,
}

impl Planner<'_> {
    pub(crate) fn query(&mut self, query: &Query, outer: Option<&Scope>) -> Ora<Planned> {
        self.query_as(query, outer, false)
    }

    /// A query; the rows of the outermost one leave PostgreSQL.
    pub(crate) fn query_as(&mut self, query: &Query, outer: Option<&Scope>, top: bool) -> Ora<Planned> {
        let depth = WITH.with(|w| w.borrow().len());
        let planned = self.query_with(query, outer, top);
        WITH.with(|w| w.borrow_mut().truncate(depth));
        planned
    }

    fn query_with(&mut self, query: &Query, outer: Option<&Scope>, top: bool) -> Ora<Planned> {
        let mut with = Vec::new();
        for (name, columns, inner) in &query.with {
            let mut planned = self.query(inner, outer)?;
            for (column, new) in planned.columns.iter_mut().zip(columns) {
                column.name.clone_from(new);
            }
            let list: Vec<String> = planned.columns.iter().map(|c| ident(&c.name)).collect();
            with.push(format!("{}({}) AS ({})", ident(name), list.join(", "), planned.sql));
            WITH.with(|w| w.borrow_mut().push((name.clone(), planned.columns.clone())));
        }
        let limit = |p: &mut Self, e: &Option<Expr>| -> Ora<Option<String>> {
            let Some(e) = e else { return Ok(None) };
            let n = p.expr(e, &Scope::EMPTY)?.number()?;
            Ok(Some(format!("greatest(trunc({n}), 0)::bigint")))
        };
        let frame = Frame {
            order: &query.order,
            fetch: limit(self, &query.fetch)?,
            offset: limit(self, &query.offset)?,
            lock: query.lock.as_ref(),
            top,
        };
        let mut planned = self.body(&query.body, outer, &frame)?;
        if !with.is_empty() {
            planned.sql = format!("WITH {} {}", with.join(", "), planned.sql);
        }
        Ok(planned)
    }

    fn body(&mut self, body: &Body, outer: Option<&Scope>, frame: &Frame) -> Ora<Planned> {
        match body {
            Body::Select(select) => self.select(select, outer, frame),
            Body::Nested(query) => {
                let mut planned = self.query_as(query, outer, false)?;
                planned.sql = format!("({})", planned.sql);
                self.around(planned, frame)
            }
            Body::Set(op, left, right) => {
                let plain = Frame { order: &[], fetch: None, offset: None, lock: None, top: false };
                let left = self.body(left, outer, &plain)?;
                let right = self.body(right, outer, &plain)?;
                if left.columns.len() != right.columns.len() {
                    return Err(OraError::plain(1789));
                }
                let mut columns = left.columns.clone();
                for (column, other) in columns.iter_mut().zip(&right.columns) {
                    let alike = column.ty == other.ty
                        || column.ty == Ty::Null
                        || other.ty == Ty::Null
                        || (column.ty.is_text() && other.ty.is_text())
                        || (column.ty.is_number() && other.ty.is_number())
                        || (column.ty.is_time() && other.ty.is_time());
                    if !alike {
                        return Err(OraError::plain(1790));
                    }
                    column.ty = crate::plan::types::common(&[column.ty, other.ty]);
                    column.nullable |= other.nullable;
                }
                self.around(Planned { sql: format!("({}) {op} ({})", left.sql, right.sql), columns }, frame)
            }
        }
    }

    /// What stands around a query whose rows are there already: order by names and places, and the output's form.
    fn around(&mut self, planned: Planned, frame: &Frame) -> Ora<Planned> {
        if frame.lock.is_some() {
            return Err(OraError::plain(2014));
        }
        let list: Vec<String> = (0..planned.columns.len()).map(|i| format!("c{i}")).collect();
        let items: Vec<String> = planned
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let value = Ex::new(format!("q.c{i}"), c.ty);
                let sql = if frame.top { value.output() } else { value.sql };
                format!("{sql} AS {}", ident(&c.name))
            })
            .collect();
        let mut order = Vec::new();
        for o in frame.order {
            let at = match &o.by {
                Expr::Num(n) => n.parse::<usize>().ok().and_then(|n| n.checked_sub(1)),
                Expr::Name(path) => planned.columns.iter().position(|c| path.last() == Some(&c.name)),
                _ => None,
            };
            let at = at.filter(|at| *at < planned.columns.len()).ok_or_else(|| {
                OraError::new(1785, "ORDER BY item must be the number of a SELECT-list expression")
            })?;
            order.push(format!("q.c{at}{}", direction(o)));
        }
        let mut sql = format!("SELECT {} FROM ({}) q({})", items.join(", "), planned.sql, list.join(", "));
        if !order.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", order.join(", ")));
        }
        sql.push_str(&limits(frame));
        Ok(Planned { sql, columns: planned.columns })
    }

    fn select(&mut self, select: &Select, outer: Option<&Scope>, frame: &Frame) -> Ora<Planned> {
        let mut sources = Vec::new();
        let mut from = Vec::new();
        for item in &select.from {
            let sql = self.from(item, &mut sources, outer)?;
            from.push(sql);
        }
        let scope = Scope { sources, outer };
        let (filter, row_limit) = split_rownum(select.filter.as_ref());
        let mut conditions = Vec::new();
        for condition in &filter {
            conditions.push(self.condition(condition, &scope)?);
        }
        let row_limit = match row_limit {
            Some((op, e)) => Some(self.row_limit(op, e, &scope)?),
            None => None,
        };
        let mut items = Vec::new();
        for item in &select.items {
            self.item(item, &scope, &mut items)?;
        }
        let columns: Vec<OutCol> = items.iter().map(|(name, e)| out_column(name, e)).collect();
        let list: Vec<String> = items
            .iter()
            .map(|(name, e)| {
                let sql = if frame.top {
                    e.output()
                } else if e.ty == Ty::Null {
                    "NULL::text".into()
                } else {
                    e.sql.clone()
                };
                format!("{sql} AS {}", ident(name))
            })
            .collect();
        let mut sql = format!("SELECT {}{}", if select.distinct { "DISTINCT " } else { "" }, list.join(", "));
        let reshaped = row_limit.is_some()
            && (!frame.order.is_empty()
                || !select.group.is_empty()
                || select.distinct
                || has_aggregate(&select.items));
        let where_sql = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        let mut limit = limits(frame);
        if reshaped {
            // The rows are counted before they are sorted or grouped.
            let [only] = scope.sources.as_slice() else {
                return Err(OraError::absent("ROWNUM over a join that is sorted or grouped"));
            };
            let n = row_limit.unwrap_or_default();
            sql.push_str(&format!(
                " FROM (SELECT {0}.* FROM {1}{where_sql} LIMIT {n}) {0}",
                only.sql,
                from.join(", ")
            ));
        } else {
            if !from.is_empty() {
                sql.push_str(&format!(" FROM {}", from.join(", ")));
            }
            sql.push_str(&where_sql);
            if let Some(n) = row_limit {
                limit = format!(" LIMIT {n}");
            }
        }
        sql.push_str(&self.grouping(select, &scope)?);
        sql.push_str(&self.select_order(frame.order, &items, &scope, frame.top)?);
        sql.push_str(&limit);
        if let Some(lock) = frame.lock {
            sql.push_str(&lock_clause(lock, &scope)?);
        }
        Ok(Planned { sql, columns })
    }

    fn grouping(&mut self, select: &Select, scope: &Scope) -> Ora<String> {
        let mut sql = String::new();
        if !select.group.is_empty() {
            let list: Vec<String> =
                select.group.iter().map(|e| Ok(self.expr(e, scope)?.sql)).collect::<Ora<_>>()?;
            sql.push_str(&format!(" GROUP BY {}", list.join(", ")));
        }
        if let Some(having) = &select.having {
            sql.push_str(&format!(" HAVING {}", self.condition(having, scope)?));
        }
        Ok(sql)
    }

    fn row_limit(&mut self, op: &str, e: &Expr, scope: &Scope) -> Ora<String> {
        let n = self.expr(e, scope)?.number()?;
        Ok(match op {
            "<" => format!("greatest(ceil({n}) - 1, 0)::bigint"),
            "=" => format!("(CASE WHEN {n} = 1 THEN 1 ELSE 0 END)::bigint"),
            _ => format!("greatest(trunc({n}), 0)::bigint"),
        })
    }

    fn select_order(
        &mut self,
        order: &[Order],
        items: &[(String, Ex)],
        scope: &Scope,
        top: bool,
    ) -> Ora<String> {
        let mut list = Vec::new();
        for o in order {
            let by_alias = match &o.by {
                Expr::Num(n) => n.parse::<usize>().ok().and_then(|n| items.get(n.wrapping_sub(1))),
                Expr::Name(path) if path.len() == 1 => items.iter().find(|(name, _)| *name == path[0]),
                _ => None,
            };
            let value = match by_alias {
                Some((_, e)) => e.clone(),
                None if matches!(o.by, Expr::Num(_)) => {
                    return Err(OraError::new(
                        1785,
                        "ORDER BY item must be the number of a SELECT-list expression",
                    ));
                }
                None => self.expr(&o.by, scope)?,
            };
            if value.ty.is_lob() {
                return Err(OraError::new(
                    932,
                    format!("inconsistent datatypes: expected - got {}", value.ty.label()),
                ));
            }
            let sql = if matches!(value.ty, Ty::TsTz(_)) && top { value.instant()? } else { value.sql };
            list.push(format!("{sql}{}", direction(o)));
        }
        Ok(if list.is_empty() { String::new() } else { format!(" ORDER BY {}", list.join(", ")) })
    }

    fn item(&mut self, item: &Item, scope: &Scope, items: &mut Vec<(String, Ex)>) -> Ora<()> {
        match item {
            Item::Star => {
                for source in &scope.sources {
                    for col in &source.columns {
                        if !source.merged.contains(&col.name) {
                            items.push((col.name.clone(), column_of(source, col)));
                        }
                    }
                }
                Ok(())
            }
            Item::TableStar(path) => {
                let alias = path.last().cloned().unwrap_or_default();
                let source = scope
                    .sources
                    .iter()
                    .find(|s| s.alias == alias)
                    .ok_or_else(|| OraError::new(904, format!("\"{alias}\": invalid identifier")))?;
                for col in &source.columns {
                    items.push((col.name.clone(), column_of(source, col)));
                }
                Ok(())
            }
            Item::Expr(e, alias, text) => {
                let value = self.expr(e, scope)?;
                if value.ty == Ty::Bool && !self.rules.at_least(23) {
                    return Err(OraError::plain(923));
                }
                let name = match (alias, e) {
                    (Some(alias), _) => alias.clone(),
                    (None, Expr::Name(path)) => path.last().cloned().unwrap_or_default(),
                    // An expression is named by its text, in upper case and without blanks.
                    _ => text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase(),
                };
                items.push((name, value));
                Ok(())
            }
        }
    }
}

fn limits(frame: &Frame) -> String {
    let mut sql = String::new();
    if let Some(n) = &frame.fetch {
        sql.push_str(&format!(" LIMIT {n}"));
    }
    if let Some(n) = &frame.offset {
        sql.push_str(&format!(" OFFSET {n}"));
    }
    sql
}

fn lock_clause(lock: &Lock, scope: &Scope) -> Ora<String> {
    let mut names = Vec::new();
    for path in &lock.of {
        let name = match path.as_slice() {
            [table, _] => scope.sources.iter().find(|s| s.alias == *table),
            [column] => scope.sources.iter().find(|s| s.columns.iter().any(|c| c.name == *column)),
            _ => None,
        };
        names.push(name.ok_or_else(|| OraError::plain(1748))?.sql.clone());
    }
    let of = if names.is_empty() { String::new() } else { format!(" OF {}", names.join(", ")) };
    Ok(format!(
        " FOR UPDATE{of}{}",
        match lock.wait {
            Wait::Never => " NOWAIT",
            Wait::SkipLocked => " SKIP LOCKED",
            _ => "",
        }
    ))
}

fn out_column(name: &str, e: &Ex) -> OutCol {
    let nullable = !matches!(e.from, Origin::Column { nullable: false, .. });
    OutCol { name: name.to_owned(), ty: if e.ty == Ty::Null { Ty::varchar(1) } else { e.ty }, nullable }
}

fn is_rownum(e: &Expr) -> bool {
    matches!(e, Expr::Func(f) if f.name == ["ROWNUM"])
}

/// The conditions without those that count rows, and the limit that these set.
pub(crate) fn split_rownum(filter: Option<&Expr>) -> (Vec<&Expr>, Option<(&'static str, &Expr)>) {
    let mut rest = Vec::new();
    let mut limit = None;
    let mut todo: Vec<&Expr> = filter.into_iter().collect();
    while let Some(e) = todo.pop() {
        match e {
            Expr::And(a, b) => {
                todo.push(b);
                todo.push(a);
            }
            Expr::Compare(op @ ("<" | "<=" | "="), a, b) if is_rownum(a) => limit = Some((*op, &**b)),
            Expr::Compare(">", a, b) if is_rownum(b) => limit = Some(("<", &**a)),
            Expr::Compare(">=", a, b) if is_rownum(b) => limit = Some(("<=", &**a)),
            other => rest.push(other),
        }
    }
    (rest, limit)
}

fn has_aggregate(items: &[Item]) -> bool {
    let aggregate = |f: &Func| {
        f.over.is_none()
            && f.name.len() == 1
            && matches!(f.name[0].as_str(), "COUNT" | "SUM" | "MIN" | "MAX" | "AVG" | "LISTAGG")
    };
    items.iter().any(|i| matches!(i, Item::Expr(Expr::Func(f), _, _) if aggregate(f)))
}
