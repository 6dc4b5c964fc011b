//! Owns ALTER TABLE; never makes a table.

use crate::catalog::{Table, same};
use crate::error::{Run, err, err_class};
use crate::session::Session;
use crate::session::table::{column_collation, text};
use crate::sql::ast::{Alter, ColumnDef, TableDef};
use crate::types::SqlType;
use rusqlite::types::Value;

impl Session {
    pub(crate) fn alter_table(&mut self, table: &std::sync::Arc<Table>, alter: &Alter) -> Run<()> {
        match alter {
            Alter::Add(def) => {
                for column in &def.columns {
                    self.add_column_to(table, column, def)?;
                }
                self.bump()?;
                for constraint in &def.constraints {
                    self.add_constraint(table.id, constraint)?;
                }
                Ok(())
            }
            Alter::DropColumn(names) => {
                for name in names {
                    self.drop_column(table, name)?;
                }
                self.bump()
            }
            Alter::DropConstraint(names) => {
                for name in names {
                    self.drop_constraint(table, name)?;
                }
                self.bump()
            }
            Alter::Column(column) => self.alter_column(table, column),
            Alter::Trigger(enable, name) => self.switch_trigger(table, *enable, name.as_deref()),
            Alter::Check(enable, name) => {
                let off = Value::Integer(i64::from(!enable));
                for catalog in ["check_constraints", "foreign_keys"] {
                    self.execute(
                        &format!("UPDATE \"sys.{catalog}\" SET is_disabled = ?1 WHERE parent_object_id = ?2 AND (?3 IS NULL OR name = ?3)"),
                        &[off.clone(), Value::Integer(table.id), name.clone().map_or(Value::Null, Value::Text)],
                    )?;
                }
                self.bump()
            }
        }
    }

    pub(crate) fn add_column_to(
        &mut self,
        table: &std::sync::Arc<Table>,
        column: &ColumnDef,
        def: &TableDef,
    ) -> Run<()> {
        let filled = !self.fetch(&format!("SELECT 1 FROM {} LIMIT 1", table.sql), &[])?.is_empty();
        let strict =
            column.nullable == Some(false) && column.ty != SqlType::Timestamp && column.computed.is_none();
        if filled && strict && column.default.is_none() && column.identity.is_none() {
            return Err(err(4901, format!("ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column being added is an identity or timestamp column, or alternatively if none of the previous conditions are satisfied the table must be empty to allow addition of this column. Column '{}' cannot be added to non-empty table '{}' because it does not satisfy these conditions.", column.name, table.name)).into());
        }
        self.add_column(table.id, &table.full_name(), column, def)?;
        self.bump()?;
        let Some(now) = self.catalog.by_id(table.id).cloned() else { return Ok(()) };
        let Some(at) = now.column(&column.name) else { return Ok(()) };
        if filled && strict {
            let value = self.default_value(&now, &now.columns[at])?;
            self.execute(&format!("UPDATE {} SET {} = ?1", now.sql, now.columns[at].sql), &[value])?;
        }
        Ok(())
    }

    pub(crate) fn drop_column(&mut self, table: &std::sync::Arc<Table>, name: &str) -> Run<()> {
        let Some(at) = table.column(name) else {
            return Err(err(
                4924,
                format!(
                    "ALTER TABLE DROP COLUMN failed because column '{name}' does not exist in table '{}'.",
                    table.name
                ),
            )
            .into());
        };
        let column = &table.columns[at];
        let index = table.indexes.iter().find(|i| i.columns.contains(&at));
        let foreign = self
            .catalog
            .foreign
            .iter()
            .find(|f| f.child == table.id && f.columns.iter().any(|c| c.0 == column.id));
        let holder = if column.default.is_some() {
            Some("a DEFAULT constraint".to_owned())
        } else {
            index.map(|i| i.name.clone()).or_else(|| foreign.map(|f| f.name.clone()))
        };
        if let Some(holder) = holder {
            self.reply.message(&err(5074, format!("The object '{holder}' is dependent on column '{name}'.")));
            return Err(err_class(
                4922,
                16,
                9,
                format!(
                    "ALTER TABLE DROP COLUMN {name} failed because one or more objects access this column."
                ),
            )
            .into());
        }
        self.execute(&format!("ALTER TABLE {} DROP COLUMN {}", table.sql, column.sql), &[])?;
        self.execute(
            "DELETE FROM \"sys.columns\" WHERE object_id = ?1 AND column_id = ?2",
            &[Value::Integer(table.id), Value::Integer(column.id)],
        )?;
        Ok(())
    }

    pub(crate) fn alter_column(&mut self, table: &std::sync::Arc<Table>, def: &ColumnDef) -> Run<()> {
        let Some(at) = table.column(&def.name) else {
            return Err(err(
                4924,
                format!(
                    "ALTER TABLE ALTER COLUMN failed because column '{}' does not exist in table '{}'.",
                    def.name, table.name
                ),
            )
            .into());
        };
        let column = &table.columns[at];
        let rows = self.fetch(&format!("SELECT rowid, {} FROM {}", column.sql, table.sql), &[])?;
        let changed = crate::catalog::Column { ty: def.ty, ..column.clone() };
        for row in rows {
            if def.nullable == Some(false) && matches!(row[1], Value::Null) {
                return Err(self.refuse_null(table, column, "UPDATE").into());
            }
            let value = self.assign_column(table, &changed, row[1].clone(), column.ty)?;
            self.execute(
                &format!("UPDATE {} SET {} = ?1 WHERE rowid = ?2", table.sql, column.sql),
                &[value, row[0].clone()],
            )?;
        }
        let (length, precision, scale) = def.ty.catalog_sizes();
        let collation =
            def.ty.is_text().then(|| def.collation.clone().unwrap_or_else(|| self.server.collation.clone()));
        self.execute(
            "UPDATE \"sys.columns\" SET system_type_id = ?1, user_type_id = ?1, max_length = ?2, precision = ?3, scale = ?4, \
             is_nullable = ?5, collation_name = ?6 WHERE object_id = ?7 AND column_id = ?8",
            &[
                Value::Integer(def.ty.system_id()),
                Value::Integer(length),
                Value::Integer(precision),
                Value::Integer(scale),
                Value::Integer(i64::from(def.nullable.unwrap_or(true))),
                collation.clone().map_or(Value::Null, Value::Text),
                Value::Integer(table.id),
                Value::Integer(column.id),
            ],
        )?;
        // SQLite keeps the old column's order for plain comparisons, so the column is made anew where that changes.
        if column_collation(def.ty, collation.as_deref())
            != column_collation(column.ty, column.collation.as_deref())
        {
            let order = column_collation(def.ty, collation.as_deref());
            let spare = format!("{}_x", column.sql);
            self.execute(&format!("ALTER TABLE {} ADD COLUMN {spare}{order}", table.sql), &[])?;
            self.execute(&format!("UPDATE {} SET {spare} = {}", table.sql, column.sql), &[])?;
            self.execute(&format!("ALTER TABLE {} DROP COLUMN {}", table.sql, column.sql), &[])?;
            self.execute(&format!("ALTER TABLE {} RENAME COLUMN {spare} TO {}", table.sql, column.sql), &[])?;
        }
        self.bump()
    }

    pub(crate) fn drop_constraint(&mut self, table: &Table, name: &str) -> Run<()> {
        let found = self.fetch(
            "SELECT object_id, rtrim(type) FROM \"sys.objects\" WHERE parent_object_id = ?1 AND name = ?2",
            &[Value::Integer(table.id), text(name)],
        )?;
        let Some([Value::Integer(id), Value::Text(ty)]) = found.first().map(Vec::as_slice) else {
            self.reply.message(&err(3728, format!("'{name}' is not a constraint.")));
            return Err(err_class(3727, 16, 0, "Could not drop constraint. See previous errors.").into());
        };
        match ty.as_str() {
            "D" => {
                self.execute("UPDATE \"sys.columns\" SET default_object_id = 0, x_default = NULL WHERE default_object_id = ?1", &[Value::Integer(*id)])?;
                self.execute(
                    "DELETE FROM \"sys.default_constraints\" WHERE object_id = ?1",
                    &[Value::Integer(*id)],
                )?;
            }
            "C" => {
                self.execute(
                    "DELETE FROM \"sys.check_constraints\" WHERE object_id = ?1",
                    &[Value::Integer(*id)],
                )?;
            }
            "F" => {
                self.execute(
                    "DELETE FROM \"sys.foreign_keys\" WHERE object_id = ?1",
                    &[Value::Integer(*id)],
                )?;
                self.execute(
                    "DELETE FROM \"sys.foreign_key_columns\" WHERE constraint_object_id = ?1",
                    &[Value::Integer(*id)],
                )?;
            }
            _ => {
                if let Some(index) = table.indexes.iter().find(|i| same(&i.name, name)) {
                    self.drop_index(table.id, index.id)?;
                }
            }
        }
        self.execute("DELETE FROM \"sys.objects\" WHERE object_id = ?1", &[Value::Integer(*id)])?;
        Ok(())
    }
}
