//! Owns keys and constraints of rows that were written: duplicates, foreign keys, CHECK; never writes but by a cascade.

use rusqlite::types::Value;

use crate::catalog::{Foreign, Index, Kind, Table};
use crate::compile::Source;
use crate::convert::text_of;
use crate::error::{Run, SqlError, err_class};
use crate::session::{Frame, Session};
use crate::types::SqlType;

/// `c1 = ?1 AND c2 = ?2` for the columns of a key, NULL being equal to NULL where `nulls` says so.
fn key_condition(table: &Table, columns: &[usize], nulls: bool) -> String {
    let op = if nulls { "IS" } else { "=" };
    let parts: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(n, c)| format!("{} {op} ?{}", table.columns[*c].sql, n + 1))
        .collect();
    parts.join(" AND ")
}

/// A value as messages show it.
fn shown(value: &Value, ty: SqlType) -> String {
    match value {
        Value::Null => "<NULL>".into(),
        Value::Blob(b) => format!("0x{}", b.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        other if ty == SqlType::UniqueIdentifier => text_of(other).to_lowercase(),
        other => crate::convert::print(other, ty, 0),
    }
}

impl Session {
    /// SQL Server takes NULL for a value like any other in a unique index, which SQLite does not.
    pub(crate) fn check_null_keys(&self, table: &Table, row: &[Value], rowid: Option<i64>) -> Run<()> {
        for index in table.indexes.iter().filter(|i| i.unique && !i.disabled && i.filter.is_none()) {
            let key: Vec<Value> = index.columns.iter().map(|c| row[*c].clone()).collect();
            if !key.iter().any(|v| matches!(v, Value::Null))
                || index.columns.iter().any(|c| table.columns[*c].computed.is_some())
            {
                continue;
            }
            let sql = format!(
                "SELECT 1 FROM {} WHERE {} AND rowid <> {}",
                table.sql,
                key_condition(table, &index.columns, true),
                rowid.unwrap_or(-1)
            );
            if !self.fetch(&sql, &key)?.is_empty() {
                return Err(self.duplicate_in(table, index, &key).into());
            }
        }
        Ok(())
    }

    /// The error for a row that SQLite refused.
    pub(crate) fn duplicate(&self, table: &Table, row: &[Value], rowid: Option<i64>) -> Run<SqlError> {
        for index in table.indexes.iter().filter(|i| i.unique && !i.disabled) {
            let key: Vec<Value> = index.columns.iter().map(|c| row[*c].clone()).collect();
            let sql = format!(
                "SELECT 1 FROM {} WHERE {} AND rowid <> {}",
                table.sql,
                key_condition(table, &index.columns, false),
                rowid.unwrap_or(-1)
            );
            if !self.fetch(&sql, &key)?.is_empty() {
                return Ok(self.duplicate_in(table, index, &key));
            }
        }
        Ok(err_class(2627, 14, 1, format!("Cannot insert duplicate key in object '{}'.", table.full_name())))
    }

    /// 2627 for a constraint, 2601 for an index.
    pub(crate) fn duplicate_in(&self, table: &Table, index: &Index, key: &[Value]) -> SqlError {
        let values: Vec<String> =
            index.columns.iter().zip(key).map(|(c, v)| shown(v, table.columns[*c].ty)).collect();
        let values = values.join(", ");
        let object = if table.kind == Kind::Temporary { table.name.clone() } else { table.full_name() };
        if index.primary || index.constraint {
            let kind = if index.primary { "PRIMARY KEY" } else { "UNIQUE KEY" };
            return err_class(
                2627,
                14,
                1,
                format!(
                    "Violation of {kind} constraint '{}'. Cannot insert duplicate key in object '{object}'. The duplicate key value is ({values}).",
                    index.name
                ),
            );
        }
        err_class(
            2601,
            14,
            1,
            format!(
                "Cannot insert duplicate key row in object '{object}' with unique index '{}'. The duplicate key value is ({values}).",
                index.name
            ),
        )
    }

    /// 547 of a CHECK.
    pub(crate) fn check_rows(
        &mut self,
        table: &std::sync::Arc<Table>,
        rowids: &[i64],
        verb: &str,
    ) -> Run<()> {
        if rowids.is_empty() || table.kind != Kind::User {
            return Ok(());
        }
        for (name, text) in table.checks.clone() {
            let condition = crate::sql::parser::condition(&text)?;
            let made = self.compile(&Frame::default(), |c| {
                let columns = c.table_columns(table, "s0")?;
                c.scopes.push(vec![Source {
                    alias: table.name.clone(),
                    table: None,
                    sql: "s0".into(),
                    columns,
                }]);
                let sql = c.condition(&condition);
                c.scopes.pop();
                sql
            })?;
            let ids: Vec<String> = rowids.iter().map(i64::to_string).collect();
            let sql = format!(
                "SELECT 1 FROM {} AS s0 WHERE s0.rowid IN ({}) AND NOT ({})",
                table.sql,
                ids.join(","),
                made.result
            );
            if !self.fetch(&sql, &made.params)?.is_empty() {
                let columns: Vec<&str> = table
                    .columns
                    .iter()
                    .filter(|c| text.to_lowercase().contains(&c.name.to_lowercase()))
                    .map(|c| c.name.as_str())
                    .collect();
                let place = self.place(table, if columns.len() == 1 { Some(columns[0]) } else { None });
                return Err(err_class(547, 16, 0, format!("The {verb} statement conflicted with the CHECK constraint \"{name}\". The conflict occurred in {place}.")).into());
            }
        }
        Ok(())
    }

    fn place(&self, table: &Table, column: Option<&str>) -> String {
        let column = column.map(|c| format!(", column '{c}'")).unwrap_or_default();
        format!("database \"{}\", table \"{}\"{column}", self.database.name, table.full_name())
    }

    /// 547 for rows whose parent is not there.
    pub(crate) fn check_parents(&self, table: &Table, rows: &[Vec<Value>], verb: &str) -> Run<()> {
        let foreign: Vec<Foreign> =
            self.catalog.foreign.iter().filter(|f| f.child == table.id && !f.disabled).cloned().collect();
        for key in foreign {
            let Some(parent) = self.catalog.by_id(key.parent).cloned() else { continue };
            let here: Vec<usize> =
                key.columns.iter().filter_map(|c| table.columns.iter().position(|x| x.id == c.0)).collect();
            let there: Vec<usize> =
                key.columns.iter().filter_map(|c| parent.columns.iter().position(|x| x.id == c.1)).collect();
            let sql = format!("SELECT 1 FROM {} WHERE {}", parent.sql, key_condition(&parent, &there, false));
            for row in rows {
                let values: Vec<Value> = here.iter().map(|c| row[*c].clone()).collect();
                if values.iter().any(|v| matches!(v, Value::Null)) || !self.fetch(&sql, &values)?.is_empty() {
                    continue;
                }
                let place = self.place(
                    &parent,
                    if there.len() == 1 { Some(&parent.columns[there[0]].name) } else { None },
                );
                let kind = if key.child == key.parent { "FOREIGN KEY SAME TABLE" } else { "FOREIGN KEY" };
                return Err(err_class(547, 16, 0, format!("The {verb} statement conflicted with the {kind} constraint \"{}\". The conflict occurred in {place}.", key.name)).into());
            }
        }
        Ok(())
    }

    /// 547 for rows that are gone and still have children; ON DELETE CASCADE takes those along.
    pub(crate) fn check_children(&mut self, table: &Table, old: &[Vec<Value>], verb: &str) -> Run<()> {
        let foreign: Vec<Foreign> =
            self.catalog.foreign.iter().filter(|f| f.parent == table.id && !f.disabled).cloned().collect();
        for key in foreign {
            let Some(child) = self.catalog.by_id(key.child).cloned() else { continue };
            let here: Vec<usize> =
                key.columns.iter().filter_map(|c| table.columns.iter().position(|x| x.id == c.1)).collect();
            let there: Vec<usize> =
                key.columns.iter().filter_map(|c| child.columns.iter().position(|x| x.id == c.0)).collect();
            let still = format!("SELECT 1 FROM {} WHERE {}", table.sql, key_condition(table, &here, false));
            let children =
                format!("SELECT rowid FROM {} WHERE {}", child.sql, key_condition(&child, &there, false));
            for row in old {
                let values: Vec<Value> = here.iter().map(|c| row[*c].clone()).collect();
                if !self.fetch(&still, &values)?.is_empty() {
                    continue;
                }
                let found = self.fetch(&children, &values)?;
                if found.is_empty() {
                    continue;
                }
                if verb == "DELETE" && key.on_delete == 1 {
                    let sql =
                        format!("DELETE FROM {} WHERE {}", child.sql, key_condition(&child, &there, false));
                    self.execute(&sql, &values)?;
                    continue;
                }
                let place = self
                    .place(&child, if there.len() == 1 { Some(&child.columns[there[0]].name) } else { None });
                let kind = if key.child == key.parent { "SAME TABLE REFERENCE" } else { "REFERENCE" };
                return Err(err_class(547, 16, 0, format!("The {verb} statement conflicted with the {kind} constraint \"{}\". The conflict occurred in {place}.", key.name)).into());
            }
        }
        Ok(())
    }

    /// Whole rows by their rowids, computed columns among them.
    pub(crate) fn read_rows(
        &mut self,
        table: &std::sync::Arc<Table>,
        rowids: &[i64],
    ) -> Run<Vec<Vec<Value>>> {
        let made = self.compile(&Frame::default(), |c| c.table_columns(table, "s0"))?;
        let columns: Vec<String> = made.result.into_iter().map(|c| c.typed.sql).collect();
        let sql = format!("SELECT {} FROM {} AS s0 WHERE s0.rowid = ?1", columns.join(", "), table.sql);
        let mut rows = Vec::new();
        for id in rowids {
            rows.extend(self.fetch(&sql, &[Value::Integer(*id)])?);
        }
        Ok(rows)
    }
}
