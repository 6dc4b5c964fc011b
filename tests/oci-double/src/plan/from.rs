//! What stands in FROM: tables, queries, joins, names of WITH. It must never bring a column twice that a join has made one.

use crate::ora::{Ora, OraError};
use crate::plan::query::WITH;
use crate::plan::scope::{Scope, Source};
use crate::plan::types::{Col, Ex, Origin};
use crate::plan::{OutCol, Planner, ident};
use crate::sql::ast::{From, Table};

impl Planner<'_> {
    /// A part of FROM; what it brings goes to `sources`.
    pub(crate) fn from(
        &mut self,
        from: &From,
        sources: &mut Vec<Source>,
        outer: Option<&Scope>,
    ) -> Ora<String> {
        match from {
            From::Table(table) => {
                let (sql, source) = self.table_source(table)?;
                sources.push(source);
                Ok(sql)
            }
            From::Query(query, alias) => {
                let planned = self.query(query, outer)?;
                let alias = alias.clone().unwrap_or_else(|| format!("~q{}", sources.len()));
                let sql = ident(&alias);
                let list: Vec<String> = planned.columns.iter().map(|c| ident(&c.name)).collect();
                let text = format!("({}) {sql}({})", planned.sql, list.join(", "));
                sources.push(Source {
                    alias,
                    sql,
                    object: None,
                    columns: planned.columns.iter().map(derived).collect(),
                    merged: Vec::new(),
                    placed: false,
                });
                Ok(text)
            }
            From::Join(left, kind, right, on, using) => {
                let first = sources.len();
                let l = self.from(left, sources, outer)?;
                let middle = sources.len();
                let r = self.from(right, sources, outer)?;
                let mut using = using.clone();
                if *kind == "NATURAL" {
                    using = sources[middle..]
                        .iter()
                        .flat_map(|s| s.columns.iter())
                        .map(|c| c.name.clone())
                        .filter(|n| {
                            sources[first..middle].iter().any(|s| s.columns.iter().any(|c| c.name == *n))
                        })
                        .collect();
                }
                let join = if *kind == "NATURAL" { "INNER" } else { kind };
                if *kind == "CROSS" {
                    return Ok(format!("({l} CROSS JOIN {r})"));
                }
                let condition = match on {
                    Some(on) => {
                        let scope = Scope { sources: sources[first..].to_vec(), outer };
                        self.condition(on, &scope)?
                    }
                    None => "true".to_owned(),
                };
                let mut parts = vec![condition];
                for name in &using {
                    let side = |range: &[Source]| {
                        range
                            .iter()
                            .find(|s| s.columns.iter().any(|c| c.name == *name))
                            .map(|s| s.sql.clone())
                    };
                    let (Some(a), Some(b)) = (side(&sources[first..middle]), side(&sources[middle..])) else {
                        return Err(OraError::new(904, format!("\"{name}\": invalid identifier")));
                    };
                    parts.push(format!("{a}.{0} = {b}.{0}", ident(name)));
                }
                for source in &mut sources[middle..] {
                    source.merged.extend(using.iter().cloned());
                }
                Ok(format!("({l} {join} JOIN {r} ON {})", parts.join(" AND ")))
            }
        }
    }

    fn table_source(&mut self, table: &Table) -> Ora<(String, Source)> {
        if let [name] = table.path.as_slice() {
            let named = WITH.with(|w| w.borrow().iter().rev().find(|(n, _)| n == name).cloned());
            if let Some((name, columns)) = named {
                let alias = table.alias.clone().unwrap_or_else(|| name.clone());
                let sql = ident(&alias);
                let source = Source {
                    alias,
                    sql: sql.clone(),
                    object: None,
                    columns: columns.iter().map(derived).collect(),
                    merged: Vec::new(),
                    placed: false,
                };
                return Ok((format!("{} {sql}", ident(&name)), source));
            }
        }
        let object = self.target(table, "SELECT")?;
        let alias = table.alias.clone().or_else(|| table.path.last().cloned()).unwrap_or_default();
        let sql = ident(&alias);
        let text = format!("{} {sql}", object.sql());
        let placed = object.kind == "TABLE";
        let columns = object.columns.clone();
        Ok((text, Source { alias, sql, object: Some(object), columns, merged: Vec::new(), placed }))
    }
}

pub(crate) fn column_of(source: &Source, col: &Col) -> Ex {
    let from = match &source.object {
        Some(o) => Origin::Column {
            owner: o.owner.clone(),
            table: o.name.clone(),
            column: col.name.clone(),
            indexed: col.indexed,
            nullable: col.nullable,
        },
        None => Origin::Other,
    };
    Ex { sql: format!("{}.{}", source.sql, ident(&col.name)), ty: col.ty, from }
}

pub(crate) fn derived(column: &OutCol) -> Col {
    Col {
        name: column.name.clone(),
        ty: column.ty,
        nullable: column.nullable,
        computed: false,
        identity: None,
        indexed: false,
    }
}
