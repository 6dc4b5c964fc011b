//! Owns the translation of SELECT: sources, joins, grouping, order, set operations; never of single values.

use crate::catalog::{Table, same};
use crate::compile::expr::order_collation;
use crate::compile::rules::{common, convert};
use crate::compile::{Compiled, Compiler, Source, SourceColumn, Typed};
use crate::error::{err, err_class};
use crate::sql::ast::{Body, Expr, Item, Query, Select};
use crate::types::SqlType;
use std::sync::Arc;

/// A column that a query gives.
#[derive(Debug, Clone)]
pub(crate) struct OutColumn {
    /// Its name in SQLite's query.
    pub(crate) sql: String,
    pub(crate) name: Option<String>,
    pub(crate) ty: SqlType,
    pub(crate) nullable: bool,
    pub(crate) identity: bool,
    pub(crate) computed: bool,
    pub(crate) collation: Option<String>,
}

/// Functions that take many rows to one.
pub(crate) const AGGREGATES: &[&str] = &["COUNT", "COUNT_BIG", "SUM", "AVG", "MIN", "MAX", "STRING_AGG"];

impl Compiler<'_> {
    /// A query as SQLite's, and its columns.
    pub(crate) fn query(&mut self, query: &Query) -> Compiled<(String, Vec<OutColumn>)> {
        let known = self.ctes.len();
        self.ctes.extend(query.ctes.iter().cloned());
        let result = self.query_body(query);
        self.ctes.truncate(known);
        result
    }

    fn query_body(&mut self, query: &Query) -> Compiled<(String, Vec<OutColumn>)> {
        let (mut sql, columns) = match &query.body {
            Body::Select(select) => self.select(select, &query.order, query.offset.is_some())?,
            Body::Set(..) | Body::Nested(_) => {
                let (inner, columns) = self.body(&query.body)?;
                (self.ordered_set(inner, &columns, &query.order)?, columns)
            }
        };
        if let Some((skip, count)) = &query.offset {
            let skip = self.value(skip)?;
            let count = match count {
                Some(count) => self.value(count)?.sql,
                None => "-1".to_owned(),
            };
            sql = format!("{sql} LIMIT {count} OFFSET {}", skip.sql);
        }
        Ok((sql, columns))
    }

    /// ORDER BY over a set operation knows its columns by name or number.
    fn ordered_set(
        &mut self,
        inner: String,
        columns: &[OutColumn],
        order: &[(Expr, bool)],
    ) -> Compiled<String> {
        if order.is_empty() {
            return Ok(inner);
        }
        let mut terms = Vec::new();
        for (expr, descending) in order {
            let column = match expr {
                Expr::Number(n, false) => {
                    n.parse::<usize>().ok().and_then(|n| columns.get(n.wrapping_sub(1)))
                }
                Expr::Column(parts) if parts.len() == 1 => {
                    columns.iter().find(|c| c.name.as_ref().is_some_and(|n| same(n, &parts[0])))
                }
                _ => None,
            };
            let column = column.ok_or_else(|| err_class(104, 15, 1, "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator."))?;
            let typed = Typed { collation: column.collation.clone(), ..Typed::new("", column.ty) };
            let collate = order_collation(&typed, &self.env.facts.collation);
            terms.push(format!("\"{}\"{collate}{}", column.sql, if *descending { " DESC" } else { "" }));
        }
        Ok(format!("SELECT * FROM ({inner}) ORDER BY {}", terms.join(", ")))
    }

    fn body(&mut self, body: &Body) -> Compiled<(String, Vec<OutColumn>)> {
        match body {
            Body::Select(select) => self.select(select, &[], false),
            Body::Nested(query) => {
                let (sql, columns) = self.query(query)?;
                Ok((format!("SELECT * FROM ({sql})"), columns))
            }
            Body::Set(op, a, b) => {
                let (left, mut columns) = self.body(a)?;
                let (right, others) = self.body(b)?;
                if columns.len() != others.len() {
                    return Err(err(
                        205,
                        "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
                    ));
                }
                let types: Vec<SqlType> =
                    columns.iter().zip(&others).map(|(a, b)| common(a.ty, b.ty)).collect();
                let left = self.adapt(&left, &columns, &types)?;
                let right = self.adapt(&right, &others, &types)?;
                for ((column, other), ty) in columns.iter_mut().zip(&others).zip(types) {
                    column.ty = ty;
                    column.nullable |= other.nullable;
                    column.identity = false;
                    column.computed = false;
                    column.collation = column.collation.take().or_else(|| other.collation.clone());
                }
                Ok((format!("{left} {op} {right}"), columns))
            }
        }
    }

    /// The query with its columns converted.
    fn adapt(&mut self, sql: &str, columns: &[OutColumn], types: &[SqlType]) -> Compiled<String> {
        let alias = self.alias();
        let mut items = Vec::new();
        for (column, ty) in columns.iter().zip(types) {
            let typed = Typed {
                collation: column.collation.clone(),
                ..Typed::new(format!("{alias}.\"{}\"", column.sql), column.ty)
            };
            let value = self.implicit(&typed, *ty)?;
            let collate = order_collation(&Typed { ty: *ty, ..typed }, &self.env.facts.collation);
            items.push(format!("{value}{collate} AS \"{}\"", column.sql));
        }
        Ok(format!("SELECT {} FROM ({sql}) AS {alias}", items.join(", ")))
    }

    fn select(
        &mut self,
        select: &Select,
        order: &[(Expr, bool)],
        offset: bool,
    ) -> Compiled<(String, Vec<OutColumn>)> {
        let mut scope = Vec::new();
        let mut from = Vec::new();
        // Each source sees those before it, so that ON may name them.
        self.scopes.push(Vec::new());
        let result = (|| {
            for source in &select.from {
                from.push(self.from(source, &mut scope)?);
            }
            self.select_in_scope(select, order, offset, &from)
        })();
        self.scopes.pop();
        result
    }

    fn select_in_scope(
        &mut self,
        select: &Select,
        order: &[(Expr, bool)],
        offset: bool,
        from: &[String],
    ) -> Compiled<(String, Vec<OutColumn>)> {
        let filter = select.filter.as_ref().map(|f| self.condition(f)).transpose()?;
        self.check_grouping(select)?;
        let mut columns = Vec::new();
        let mut items = Vec::new();
        for item in &select.items {
            self.select_item(item, &mut items, &mut columns)?;
        }
        let mut sql =
            format!("SELECT {}{}", if select.distinct { "DISTINCT " } else { "" }, items.join(", "));
        if !from.is_empty() {
            sql.push_str(&format!(" FROM {}", from.join(", ")));
        }
        if let Some(filter) = filter {
            sql.push_str(&format!(" WHERE {filter}"));
        }
        if !select.group.is_empty() {
            let mut terms = Vec::new();
            for expr in &select.group {
                let value = self.value(expr)?;
                let collate = order_collation(&value, &self.env.facts.collation);
                terms.push(format!("{}{collate}", value.sql));
            }
            sql.push_str(&format!(" GROUP BY {}", terms.join(", ")));
        }
        if let Some(having) = &select.having {
            let having = self.condition(having)?;
            sql.push_str(&format!(" HAVING {having}"));
        }
        if !order.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", self.order(order, select, &columns)?));
        }
        if let Some(top) = &select.top {
            if offset {
                return Err(err(10741, "A TOP can not be used in the same query or sub-query as a OFFSET."));
            }
            let top = self.value(top)?;
            sql = format!("SELECT * FROM ({sql} LIMIT {})", convert(&top, SqlType::BigInt, "0"));
        }
        Ok((sql, columns))
    }

    fn select_item(
        &mut self,
        item: &Item,
        items: &mut Vec<String>,
        columns: &mut Vec<OutColumn>,
    ) -> Compiled<()> {
        let mut add = |typed: Typed, name: Option<String>| {
            let sql = format!("o{}", columns.len() + 1);
            let base = typed.column.as_ref().map(|(t, i)| &t.columns[*i]);
            items.push(format!("{} AS \"{sql}\"", typed.sql));
            columns.push(OutColumn {
                sql,
                name,
                ty: typed.ty,
                nullable: typed.nullable,
                identity: base.is_some_and(|c| c.identity.is_some()),
                computed: base.is_some_and(|c| c.computed.is_some()),
                collation: typed.collation,
            });
        };
        match item {
            Item::Star(qualifier) => {
                let scope = self.scopes.last().cloned().unwrap_or_default();
                if scope.is_empty() {
                    return Err(err_class(263, 16, 1, "Must specify table to select from."));
                }
                let mut any = false;
                for source in scope {
                    let wanted =
                        qualifier.as_ref().is_none_or(|q| q.last().is_some_and(|n| same(n, &source.alias)));
                    if !wanted {
                        continue;
                    }
                    any = true;
                    for column in source.columns.into_iter().filter(|c| !c.hidden) {
                        add(column.typed, Some(column.name));
                    }
                }
                if !any {
                    let name = qualifier.as_ref().map(|q| q.join(".")).unwrap_or_default();
                    return Err(err(
                        107,
                        format!(
                            "The column prefix '{name}' does not match with a table name or alias name used in the query."
                        ),
                    ));
                }
            }
            Item::Value(expr, alias) => {
                let typed = self.value(expr)?;
                let name = alias.clone().or_else(|| match expr {
                    Expr::Column(parts) => parts.last().cloned(),
                    _ => None,
                });
                add(typed, name);
            }
            Item::Assign(_, expr) => {
                let typed = self.value(expr)?;
                add(typed, None);
            }
        }
        Ok(())
    }

    fn order(&mut self, order: &[(Expr, bool)], select: &Select, columns: &[OutColumn]) -> Compiled<String> {
        let mut terms = Vec::new();
        for (expr, descending) in order {
            let by_name = match expr {
                Expr::Number(n, false) => {
                    let n: usize = n.parse().unwrap_or(0);
                    if n == 0 || n > columns.len() {
                        return Err(err_class(
                            108,
                            15,
                            1,
                            format!(
                                "The ORDER BY position number {n} is out of range of the number of items in the select list."
                            ),
                        ));
                    }
                    Some(n - 1)
                }
                Expr::Column(parts) if parts.len() == 1 => select
                    .items
                    .iter()
                    .position(|i| matches!(i, Item::Value(_, Some(alias)) if same(alias, &parts[0]))),
                _ => None,
            };
            // A star before it moves the numbers; then the name says enough.
            let by_name = by_name.filter(|_| !select.items.iter().any(|i| matches!(i, Item::Star(_))));
            let (sql, collate) = if let Some(column) = by_name.and_then(|n| columns.get(n)) {
                let typed = Typed { collation: column.collation.clone(), ..Typed::new("", column.ty) };
                (format!("\"{}\"", column.sql), order_collation(&typed, &self.env.facts.collation))
            } else {
                let value = self.value(expr)?;
                let collate = order_collation(&value, &self.env.facts.collation);
                (value.sql, collate)
            };
            terms.push(format!("{sql}{collate}{}", if *descending { " DESC" } else { "" }));
        }
        Ok(terms.join(", "))
    }

    /// The items of OUTPUT over the rows of inserted and deleted, which lie side by side; `hidden` says which of the two
    /// the statement does not have.
    pub(crate) fn output(
        &mut self,
        select: &Select,
        tables: [&Arc<Table>; 2],
        hidden: [bool; 2],
        action: &str,
    ) -> Compiled<(String, Vec<OutColumn>)> {
        let mut scope = Vec::new();
        for ((table, alias), hidden) in tables.into_iter().zip(["s_i", "s_d"]).zip(hidden) {
            if !hidden {
                let columns = self.table_columns(table, alias)?;
                scope.push(Source { alias: table.name.clone(), table: None, sql: alias.into(), columns });
            }
        }
        let action = SourceColumn {
            name: "$action".into(),
            typed: Typed::new(crate::compile::quote(action), SqlType::NVarChar(10)),
            hidden: true,
        };
        if let Some(first) = scope.first_mut() {
            first.columns.push(action);
        }
        self.scopes.push(scope);
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for item in &select.items {
            self.select_item(item, &mut items, &mut columns)?;
        }
        self.scopes.pop();
        let [inserted, deleted] = tables;
        let sql = format!(
            "SELECT {} FROM {} AS s_i JOIN {} AS s_d ON s_i.rowid = s_d.rowid ORDER BY s_i.rowid",
            items.join(", "),
            inserted.sql,
            deleted.sql
        );
        Ok((sql, columns))
    }

    /// Rows of VALUES, all converted to the type that their column has together.
    pub(crate) fn rows(&mut self, rows: &[Vec<Expr>]) -> Compiled<(String, Vec<OutColumn>)> {
        let mut values: Vec<Vec<Typed>> = Vec::new();
        for row in rows {
            values.push(row.iter().map(|e| self.value(e)).collect::<Result<_, _>>()?);
        }
        let width = values.first().map_or(0, Vec::len);
        let mut outs = Vec::new();
        for i in 0..width {
            let ty = values.iter().fold(SqlType::Null, |ty, row| common(ty, row[i].ty));
            let collation = values.iter().find_map(|row| row[i].collation.clone());
            outs.push(OutColumn {
                sql: format!("column{}", i + 1),
                name: None,
                ty,
                nullable: values.iter().any(|row| row[i].nullable),
                identity: false,
                computed: false,
                collation,
            });
        }
        let mut parts = Vec::new();
        for row in &values {
            let row: Vec<String> =
                row.iter().zip(&outs).map(|(v, out)| self.implicit(v, out.ty)).collect::<Result<_, _>>()?;
            parts.push(format!("({})", row.join(", ")));
        }
        Ok((format!("VALUES {}", parts.join(", ")), outs))
    }
}
