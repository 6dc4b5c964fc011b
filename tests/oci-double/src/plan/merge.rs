//! MERGE. It must never update a column that ON compares.

use crate::ora::{Ora, OraError};
use crate::plan::Planner;
use crate::plan::dml::{Change, source_of};
use crate::plan::scope::Scope;
use crate::sql::ast::{Expr, Merge, Path};

impl Planner<'_> {
    pub(crate) fn merge(&mut self, merge: &Merge) -> Ora<Change> {
        let privilege = if merge.update.is_some() { "UPDATE" } else { "INSERT" };
        let object = self.target(&merge.table, privilege)?;
        if merge.insert.is_some() && !object.may("INSERT", None) && merge.update.is_some() {
            return Err(OraError::plain(1031));
        }
        let target = source_of(&object, merge.table.alias.as_ref());
        let alias = target.alias.clone();
        let target_sql = format!("{} {}", object.sql(), target.sql);
        let mut sources = vec![target];
        let source_sql = self.from(&merge.source, &mut sources, None)?;
        let scope = Scope { sources, outer: None };
        let source_scope = Scope { sources: scope.sources[1..].to_vec(), outer: None };
        let on = self.condition(&merge.on, &scope)?;
        let mut sql = format!("MERGE INTO {target_sql} USING {source_sql} ON {on}");
        if let Some((sets, filter, delete)) = &merge.update {
            let mut compared = Vec::new();
            names_in(&merge.on, &mut compared);
            for (columns, _) in sets {
                for (path, at) in columns {
                    let name = path.last().cloned().unwrap_or_default();
                    let hit = compared.iter().any(|p| match p.as_slice() {
                        [column] => {
                            *column == name
                                && !source_scope
                                    .sources
                                    .iter()
                                    .any(|s| s.columns.iter().any(|c| c.name == name))
                        }
                        [.., table, column] => *column == name && (*table == alias || *table == object.name),
                        [] => false,
                    });
                    if hit {
                        let quoted = format!("\"{alias}\".\"{name}\"");
                        let text = format!("Columns referenced in the ON Clause cannot be updated: {quoted}");
                        return Err(OraError::new(38104, text).at(*at));
                    }
                }
            }
            let assignments = self.assignments(&object, merge.table.alias.as_ref(), sets, &scope)?;
            let filter = match filter {
                Some(f) => format!(" AND {}", self.condition(f, &scope)?),
                None => String::new(),
            };
            if let Some(delete) = delete {
                // Rows that the condition meets before the update, which is as near as PostgreSQL comes.
                let condition = self.condition(delete, &scope)?;
                sql.push_str(&format!(" WHEN MATCHED{filter} AND {condition} THEN DELETE"));
            }
            sql.push_str(&format!(" WHEN MATCHED{filter} THEN UPDATE SET {assignments}"));
        }
        if let Some((columns, values, filter)) = &merge.insert {
            let insert = crate::sql::ast::Insert {
                table: merge.table.clone(),
                columns: columns.clone(),
                rows: vec![values.clone()],
                query: None,
                returning: crate::sql::ast::Returning::default(),
            };
            let (list, row) = self.merge_row(&insert, &source_scope)?;
            let filter = match filter {
                Some(f) => format!(" AND {}", self.condition(f, &source_scope)?),
                None => String::new(),
            };
            sql.push_str(&format!(" WHEN NOT MATCHED{filter} THEN INSERT ({list}) VALUES ({row})"));
        }
        Ok(Change { sql, ..Change::default() })
    }
}

/// The columns that a condition names.
fn names_in(e: &Expr, out: &mut Vec<Path>) {
    match e {
        Expr::Name(path) => out.push(path.clone()),
        Expr::And(a, b) | Expr::Or(a, b) | Expr::Compare(_, a, b) | Expr::Binary(_, a, b) => {
            names_in(a, out);
            names_in(b, out);
        }
        Expr::Not(a) | Expr::IsNull(a, _) | Expr::Negative(a) | Expr::Cast(a, _) => names_in(a, out),
        Expr::Func(f) => f.args.iter().for_each(|(_, a)| names_in(a, out)),
        Expr::Case(operand, whens, otherwise) => {
            operand.iter().chain(otherwise).for_each(|a| names_in(a, out));
            for (a, b) in whens {
                names_in(a, out);
                names_in(b, out);
            }
        }
        Expr::Between(a, b, c, _) => [a, b, c].iter().for_each(|a| names_in(a, out)),
        Expr::In(a, list, _) => {
            names_in(a, out);
            list.iter().for_each(|a| names_in(a, out));
        }
        _ => {}
    }
}
