//! Owns the sources of a query: tables with their columns, views, derived tables, joins; never of single values.

use crate::catalog::{Kind, Table, same, system};
use crate::compile::OutColumn;
use crate::compile::rules::convert;
use crate::compile::{Compiled, Compiler, Source, SourceColumn, Typed, resolve};
use crate::error::{err, err_class};
use crate::sql::ast::{From, Name, Query};
use std::sync::Arc;

impl Compiler<'_> {
    /// A source as SQLite's FROM has it; its columns join the scope.
    pub(crate) fn from(&mut self, from: &From, seen: &mut Vec<String>) -> Compiled<String> {
        match from {
            From::Table { name, alias, hints, .. } => {
                if hints.iter().any(|h| {
                    matches!(
                        h.as_str(),
                        "UPDLOCK"
                            | "XLOCK"
                            | "HOLDLOCK"
                            | "SERIALIZABLE"
                            | "REPEATABLEREAD"
                            | "READCOMMITTEDLOCK"
                            | "TABLOCKX"
                            | "TABLOCK"
                    )
                }) {
                    self.locks = true;
                }
                let cte = if let [only] = name.as_slice() {
                    self.ctes.iter().rposition(|c| same(&c.0, only))
                } else {
                    None
                };
                let shown = alias.clone().unwrap_or_else(|| name.last().cloned().unwrap_or_default());
                if let Some(at) = cte {
                    let (_, columns, query) = self.ctes[at].clone();
                    let later = self.ctes.split_off(at);
                    let result = self.derived(&query, &shown, &columns, seen);
                    self.ctes.extend(later);
                    return result;
                }
                let table = resolve(self.env, name)?;
                self.permit(&table, "SELECT", name)?;
                self.table_source(&table, &shown, seen)
            }
            From::Variable { name, alias } => {
                let table = resolve(self.env, &vec![name.clone()])?;
                let shown = alias.clone().unwrap_or_else(|| name.clone());
                self.table_source(&table, &shown, seen)
            }
            From::Derived { query, alias, columns } => self.derived(query, alias, columns, seen),
            From::Values { rows, alias, columns } => {
                let (sql, outs) = self.rows(rows)?;
                self.add_derived(&sql, outs, alias, columns, seen)
            }
            From::Join(kind, left, right, on) => {
                let left = self.from(left, seen)?;
                let right = self.from(right, seen)?;
                let on = match on {
                    Some(on) => format!(" ON {}", self.condition(on)?),
                    None => String::new(),
                };
                Ok(format!("({left} {kind} JOIN {right}{on})"))
            }
        }
    }

    /// 229, or as if the table were not there.
    pub(crate) fn permit(&self, table: &Table, permission: &str, _name: &Name) -> Compiled<()> {
        if table.kind == Kind::System
            || table.kind == Kind::Temporary
            || table.id < 0
            || (self.env.may)(permission, table.id)
        {
            return Ok(());
        }
        Err(err_class(
            229,
            14,
            5,
            format!(
                "The {permission} permission was denied on the object '{}', database '{}', schema '{}'.",
                table.name, self.env.facts.database, table.schema
            ),
        ))
    }

    pub(crate) fn check_alias(shown: &str, seen: &mut Vec<String>) -> Compiled<()> {
        if seen.iter().any(|s| same(s, shown)) {
            return Err(err_class(
                1013,
                16,
                1,
                format!(
                    "The objects \"{shown}\" and \"{shown}\" in the FROM clause have the same exposed names. Use correlation names to distinguish them."
                ),
            ));
        }
        seen.push(shown.to_owned());
        Ok(())
    }

    /// A table, or the query of a view, as a source.
    pub(crate) fn table_source(
        &mut self,
        table: &Arc<Table>,
        shown: &str,
        seen: &mut Vec<String>,
    ) -> Compiled<String> {
        if let Kind::View(text, names) = &table.kind {
            let query = view_query(text)?;
            // A view sees neither the caller's sources nor its CTEs.
            let scopes = std::mem::take(&mut self.scopes);
            let ctes = std::mem::take(&mut self.ctes);
            let compiled = self.query(&query.1);
            self.scopes = scopes;
            self.ctes = ctes;
            let (sql, outs) = compiled?;
            let names = if names.is_empty() { &query.0 } else { names };
            let sql = self.add_derived(&sql, outs, shown, names, seen)?;
            if let Some(source) = self.scopes.last_mut().and_then(|s| s.last_mut()) {
                source.table = Some(Arc::clone(table));
            }
            return Ok(sql);
        }
        Self::check_alias(shown, seen)?;
        let alias = self.alias();
        let columns = self.table_columns(table, &alias)?;
        let filter =
            system::owner_column(&table.name).filter(|_| table.kind == Kind::System && self.env.limited);
        let sql = match filter {
            Some(owner) => format!("(SELECT * FROM {} WHERE tvisible({owner})) AS {alias}", table.sql),
            None => format!("{} AS {alias}", table.sql),
        };
        let source = Source { alias: shown.to_owned(), table: Some(Arc::clone(table)), sql: alias, columns };
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(source);
        }
        Ok(sql)
    }

    /// The columns of a table under an alias; computed ones by their expression.
    pub(crate) fn table_columns(&mut self, table: &Arc<Table>, alias: &str) -> Compiled<Vec<SourceColumn>> {
        let mut columns: Vec<SourceColumn> = Vec::new();
        let base = |i: usize| {
            let column = &table.columns[i];
            Typed {
                nullable: column.nullable,
                collation: if column.ty.is_text() {
                    Some(column.collation.clone().unwrap_or_else(|| self.env.facts.collation.clone()))
                } else {
                    None
                },
                column: Some((Arc::clone(table), i)),
                ..Typed::new(format!("{alias}.{}", column.sql), column.ty)
            }
        };
        for (i, column) in table.columns.iter().enumerate() {
            columns.push(SourceColumn {
                name: column.name.clone(),
                typed: base(i),
                hidden: system::hidden(column),
            });
        }
        if table.kind == Kind::User && table.columns.iter().any(|c| c.computed.is_some()) {
            let plain: Vec<SourceColumn> = columns
                .iter()
                .zip(&table.columns)
                .filter(|(_, c)| c.computed.is_none())
                .map(|(s, _)| s.clone())
                .collect();
            let own =
                Source { alias: table.name.clone(), table: None, sql: alias.to_owned(), columns: plain };
            let outer = std::mem::replace(&mut self.scopes, vec![vec![own]]);
            for (i, column) in table.columns.iter().enumerate() {
                if let Some(text) = &column.computed {
                    let typed = self.value(&crate::sql::parser::value(text)?)?;
                    columns[i].typed.sql = format!("({})", convert(&typed, column.ty, "0"));
                }
            }
            self.scopes = outer;
        }
        Ok(columns)
    }

    pub(crate) fn derived(
        &mut self,
        query: &Query,
        shown: &str,
        names: &[String],
        seen: &mut Vec<String>,
    ) -> Compiled<String> {
        // A derived table does not see its neighbours.
        let inner = self.scopes.pop().unwrap_or_default();
        let compiled = self.query(query);
        self.scopes.push(inner);
        let (sql, outs) = compiled?;
        self.add_derived(&sql, outs, shown, names, seen)
    }

    pub(crate) fn add_derived(
        &mut self,
        sql: &str,
        outs: Vec<OutColumn>,
        shown: &str,
        names: &[String],
        seen: &mut Vec<String>,
    ) -> Compiled<String> {
        Self::check_alias(shown, seen)?;
        if !names.is_empty() && names.len() != outs.len() {
            let (number, word) = if names.len() < outs.len() { (8158, "more") } else { (8159, "fewer") };
            return Err(err(
                number,
                format!("'{shown}' has {word} columns than were specified in the column list."),
            ));
        }
        let alias = self.alias();
        let mut columns = Vec::new();
        for (i, out) in outs.into_iter().enumerate() {
            let name = names.get(i).cloned().or(out.name);
            let Some(name) = name else {
                return Err(err(
                    8155,
                    format!("No column name was specified for column {} of '{shown}'.", i + 1),
                ));
            };
            let typed = Typed {
                nullable: out.nullable,
                collation: out.collation,
                ..Typed::new(format!("{alias}.\"{}\"", out.sql), out.ty)
            };
            columns.push(SourceColumn { name, typed, hidden: false });
        }
        let source = Source { alias: shown.to_owned(), table: None, sql: alias.clone(), columns };
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(source);
        }
        Ok(format!("({sql}) AS {alias}"))
    }
}

/// The names of a view's columns and its query, from the text of its CREATE VIEW or of the query alone.
fn view_query(text: &str) -> Compiled<(Vec<String>, Query)> {
    let mut parser = crate::sql::parser::Parser::new(text, true)?;
    if parser.take("CREATE") || parser.take("ALTER") {
        parser.take_all(&["OR", "ALTER"]);
        parser.take("VIEW");
        parser.name()?;
        let names = if parser.is_mark("(") { parser.name_list()? } else { Vec::new() };
        if parser.take("WITH") {
            parser.ident()?;
        }
        parser.expect("AS")?;
        return Ok((names, parser.query()?));
    }
    Ok((Vec::new(), parser.query()?))
}
