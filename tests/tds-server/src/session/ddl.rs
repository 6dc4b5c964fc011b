//! Owns the other definitions: ALTER, DROP, indexes, modules, schemas, logins, permissions, settings of databases.

use rusqlite::types::Value;

use crate::catalog::{Kind, Table, same};
use crate::error::{Run, err, err_class};
use crate::session::table::{column_collation, text};
use crate::session::{Frame, Session};
use crate::sql::ast::{Alter, ColumnDef, Stmt, StmtKind, TableDef, TriggerDef};
use crate::types::SqlType;

impl Session {
    /// A statement that defines something.
    pub(crate) fn define(&mut self, statement: &Stmt, frame: &Frame) -> Run<()> {
        match &statement.kind {
            StmtKind::DeclareTable(name, def) => return self.declare_table(name, def),
            StmtKind::AlterDatabase(name, option, value) => {
                return self.alter_database(name.as_deref(), option, value);
            }
            StmtKind::CreateLogin(name, password) => return self.create_login(name, password),
            StmtKind::IdentityInsert(name, on) => {
                let table = self.find_table(name, frame)?;
                self.identity_insert = on.then_some(table.id);
                return Ok(());
            }
            _ => {}
        }
        if self.account.limited {
            return Err(err_class(
                262,
                14,
                1,
                format!("CREATE TABLE permission denied in database '{}'.", self.database.name),
            )
            .into());
        }
        self.write(|s| s.define_written(&statement.kind, frame))
    }

    fn define_written(&mut self, kind: &StmtKind, frame: &Frame) -> Run<()> {
        self.refresh()?;
        match kind {
            StmtKind::CreateTable(name, def) => self.create_table(name, def),
            StmtKind::AlterTable(name, alter) => {
                let table = self.user_table(name, frame)?;
                self.alter_table(&table, alter)
            }
            StmtKind::CreateIndex(def) => {
                let table = self.user_table(&def.table, frame)?;
                self.add_index(&table, def, false, false)
            }
            StmtKind::AlterIndex(index, name, disable) => {
                let table = self.user_table(name, frame)?;
                self.alter_index(&table, index.as_deref(), *disable)
            }
            StmtKind::Drop(kind, lenient, names) => {
                for name in names {
                    self.drop_object(kind, *lenient, name)?;
                }
                Ok(())
            }
            StmtKind::DropIndex(index, name) => {
                let table = self.user_table(name, frame)?;
                let Some(found) =
                    table.indexes.iter().find(|i| same(&i.name, index) && !i.constraint && !i.primary)
                else {
                    return Err(err_class(3701, 11, 7, format!("Cannot drop the index '{}.{index}', because it does not exist or you do not have permission.", table.name)).into());
                };
                self.drop_index(table.id, found.id)
            }
            StmtKind::CreateSchema(name) => {
                if self.catalog.schema_id(name).is_some() {
                    return Err(err(
                        2714,
                        format!("There is already an object named '{name}' in the database."),
                    )
                    .into());
                }
                self.execute(
                    "INSERT INTO \"sys.schemas\" SELECT ?1, max(schema_id) + 1, 1 FROM \"sys.schemas\"",
                    &[text(name)],
                )?;
                self.bump()
            }
            StmtKind::CreateView(name, body, _, alter) => {
                self.module(name, "V", body, *alter)?;
                self.bump()?;
                self.describe_view(name)
            }
            StmtKind::CreateProcedure(name, body, alter) => self.module(name, "P", body, *alter),
            StmtKind::CreateSynonym(name, target) => self.module(
                name,
                "SN",
                &target.iter().map(|p| format!("[{}]", p.replace(']', "]]"))).collect::<Vec<_>>().join("."),
                false,
            ),
            StmtKind::CreateTrigger(def) => self.create_trigger(def, frame),
            StmtKind::Trigger(enable, trigger, name) => {
                let table = self.user_table(name, frame)?;
                self.switch_trigger(
                    &table,
                    *enable,
                    trigger.as_ref().and_then(|t| t.last()).map(String::as_str),
                )
            }
            StmtKind::Truncate(name) => {
                let table = self.user_table(name, frame)?;
                if self.catalog.foreign.iter().any(|f| f.parent == table.id && f.child != table.id) {
                    return Err(err(4712, format!("Cannot truncate table '{}' because it is being referenced by a FOREIGN KEY constraint.", table.name)).into());
                }
                self.execute(&format!("DELETE FROM {}", table.sql), &[])?;
                self.database.forget_identity(table.id);
                Ok(())
            }
            StmtKind::Grant(verb, permissions, object, users) => {
                self.grant(verb, permissions, object.as_ref(), users, frame)
            }
            StmtKind::CreateUser(_) | StmtKind::AlterRole(..) => Ok(()),
            _ => Err(err(50_000, "tds-server: this statement is not kept here").into()),
        }
    }

    fn user_table(&mut self, name: &Vec<String>, frame: &Frame) -> Run<std::sync::Arc<Table>> {
        let missing = || {
            err_class(
                4902,
                16,
                1,
                format!(
                    "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                    name.join(".")
                ),
            )
        };
        let table = self.find_table(name, frame).map_err(|_| missing())?;
        if table.id <= 0 { Err(missing().into()) } else { Ok(table) }
    }

    fn alter_table(&mut self, table: &std::sync::Arc<Table>, alter: &Alter) -> Run<()> {
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

    fn add_column_to(
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

    fn drop_column(&mut self, table: &std::sync::Arc<Table>, name: &str) -> Run<()> {
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

    fn alter_column(&mut self, table: &std::sync::Arc<Table>, def: &ColumnDef) -> Run<()> {
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

    fn drop_constraint(&mut self, table: &Table, name: &str) -> Run<()> {
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

    fn drop_index(&mut self, table: i64, id: i64) -> Run<()> {
        self.execute(&format!("DROP INDEX IF EXISTS \"i{table}_{id}\""), &[])?;
        self.execute(
            "DELETE FROM \"sys.indexes\" WHERE object_id = ?1 AND index_id = ?2",
            &[Value::Integer(table), Value::Integer(id)],
        )?;
        self.execute(
            "DELETE FROM \"sys.index_columns\" WHERE object_id = ?1 AND index_id = ?2",
            &[Value::Integer(table), Value::Integer(id)],
        )?;
        self.bump()
    }

    fn alter_index(&mut self, table: &Table, name: Option<&str>, disable: bool) -> Run<()> {
        let mut any = false;
        for index in table.indexes.iter().filter(|i| name.is_none_or(|n| same(&i.name, n))) {
            any = true;
            self.execute(
                "UPDATE \"sys.indexes\" SET is_disabled = ?1 WHERE object_id = ?2 AND index_id = ?3",
                &[Value::Integer(i64::from(disable)), Value::Integer(table.id), Value::Integer(index.id)],
            )?;
            self.execute(&format!("DROP INDEX IF EXISTS \"i{}_{}\"", table.id, index.id), &[])?;
            if !disable {
                self.bump()?;
                self.build_index(table.id, index.id)?;
            }
        }
        if !any {
            return Err(err(2727, format!("Cannot find index '{}'.", name.unwrap_or_default())).into());
        }
        self.bump()
    }

    fn drop_object(&mut self, kind: &str, lenient: bool, name: &[String]) -> Run<()> {
        let word = match kind {
            "U" => "table",
            "V" => "view",
            "P" => "procedure",
            "TR" => "trigger",
            "SN" => "synonym",
            _ => "schema",
        };
        let shown = name.join(".");
        let missing = || {
            err_class(
                3701,
                11,
                5,
                format!(
                    "Cannot drop the {word} '{shown}', because it does not exist or you do not have permission."
                ),
            )
        };
        if kind == "SCHEMA" {
            let object = name.last().map_or("", String::as_str);
            let removed = self.execute(
                "DELETE FROM \"sys.schemas\" WHERE name = ?1 COLLATE TCI AND schema_id > 4",
                &[text(object)],
            )?;
            return if removed == 0 && !lenient { Err(missing().into()) } else { self.bump() };
        }
        let found = self.catalog.objects.iter().find(|o| {
            o.3 == kind
                && name.last().is_some_and(|n| same(n, &o.2))
                && match name {
                    [.., schema, _] if !schema.is_empty() => same(schema, &o.1),
                    _ => same(&o.1, &self.account.schema) || same(&o.1, "dbo"),
                }
        });
        let Some(id) = found.map(|o| o.0) else {
            return if lenient { Ok(()) } else { Err(missing().into()) };
        };
        if kind == "U" {
            if self.catalog.foreign.iter().any(|f| f.parent == id && f.child != id) {
                return Err(err(3726, format!("Could not drop object '{shown}' because it is referenced by a FOREIGN KEY constraint.")).into());
            }
            self.execute(&format!("DROP TABLE \"t{id}\""), &[])?;
            self.database.forget_identity(id);
        }
        for (catalog, column) in [
            ("columns", "object_id"),
            ("indexes", "object_id"),
            ("index_columns", "object_id"),
            ("trigger_events", "object_id"),
            ("triggers", "object_id"),
            ("triggers", "parent_id"),
            ("default_constraints", "parent_object_id"),
            ("sql_modules", "object_id"),
            ("check_constraints", "parent_object_id"),
            ("foreign_keys", "parent_object_id"),
            ("synonyms", "object_id"),
            ("foreign_key_columns", "parent_object_id"),
            ("objects", "object_id"),
            ("objects", "parent_object_id"),
        ] {
            self.execute(
                &format!("DELETE FROM \"sys.{catalog}\" WHERE {column} = ?1"),
                &[Value::Integer(id)],
            )?;
        }
        self.execute("DELETE FROM x_grants WHERE object_id = ?1", &[Value::Integer(id)])?;
        self.bump()
    }

    /// A view, procedure or synonym with its text.
    fn module(&mut self, name: &[String], ty: &str, body: &str, alter: bool) -> Run<()> {
        let (schema, schema_name, object) = self.new_name(name)?;
        let old = self
            .catalog
            .objects
            .iter()
            .find(|o| same(&o.2, &object) && same(&o.1, &schema_name) && o.3 == ty)
            .map(|o| o.0);
        if let Some(id) = old.filter(|_| alter) {
            self.execute(
                "UPDATE \"sys.objects\" SET x_text = ?1 WHERE object_id = ?2",
                &[text(body), Value::Integer(id)],
            )?;
            self.execute(
                "UPDATE \"sys.sql_modules\" SET definition = ?1 WHERE object_id = ?2",
                &[text(body), Value::Integer(id)],
            )?;
            return self.bump();
        }
        let id = self.new_object(schema, &object, ty, 0, Some(body.to_owned()))?;
        if ty == "SN" {
            self.execute(
                "INSERT INTO \"sys.synonyms\" VALUES (?1, ?2, ?3, ?4)",
                &[text(&object), Value::Integer(id), Value::Integer(schema), text(body)],
            )?;
        } else {
            self.execute(
                "INSERT INTO \"sys.sql_modules\" VALUES (?1, ?2, 1, 1)",
                &[Value::Integer(id), text(body)],
            )?;
        }
        self.bump()
    }

    /// The columns of a view, for the catalog.
    fn describe_view(&mut self, name: &Vec<String>) -> Run<()> {
        let table = self.find_table(name, &Frame::default())?;
        self.execute("DELETE FROM \"sys.columns\" WHERE object_id = ?1", &[Value::Integer(table.id)])?;
        let made = self.compile(&Frame::default(), |c| {
            c.scopes.push(Vec::new());
            let result = c.table_source(&table, "v", &mut Vec::new());
            let scope = c.scopes.pop().unwrap_or_default();
            result.map(|_| scope.into_iter().next().map(|s| s.columns).unwrap_or_default())
        })?;
        for (i, column) in made.result.into_iter().enumerate() {
            let ty = if column.typed.ty == SqlType::Null { SqlType::Int } else { column.typed.ty };
            let (length, precision, scale) = ty.catalog_sizes();
            self.execute(
                "INSERT INTO \"sys.columns\" (object_id, name, column_id, system_type_id, user_type_id, max_length, precision, scale, \
                 collation_name, is_nullable, is_ansi_padded, is_rowguidcol, is_identity, is_computed, is_filestream, is_replicated, \
                 is_xml_document, is_sparse, is_column_set, default_object_id, rule_object_id) \
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
                &[
                    Value::Integer(table.id),
                    text(column.name),
                    Value::Integer(i as i64 + 1),
                    Value::Integer(ty.system_id()),
                    Value::Integer(length),
                    Value::Integer(precision),
                    Value::Integer(scale),
                    if ty.is_text() { text(column.typed.collation.unwrap_or_else(|| self.server.collation.clone())) } else { Value::Null },
                    Value::Integer(i64::from(column.typed.nullable)),
                ],
            )?;
        }
        self.bump()
    }

    fn create_trigger(&mut self, def: &TriggerDef, frame: &Frame) -> Run<()> {
        let table = self.user_table(&def.table, frame)?;
        if matches!(table.kind, Kind::View(..)) && !def.instead {
            return Err(err(
                8197,
                format!("The object '{}' does not exist or is invalid for this operation.", table.name),
            )
            .into());
        }
        let schema = self.catalog.schema_id(&table.schema).unwrap_or(1);
        let name = def.name.last().cloned().unwrap_or_default();
        if def.alter
            && let Some(old) = table.triggers.iter().find(|t| same(&t.name, &name))
        {
            let id = old.id;
            self.execute(
                "UPDATE \"sys.triggers\" SET x_body = ?1 WHERE object_id = ?2",
                &[text(&def.body), Value::Integer(id)],
            )?;
            return self.bump();
        }
        let id = self.new_object(schema, &name, "TR", table.id, None)?;
        self.execute(
            "INSERT INTO \"sys.triggers\" SELECT name, object_id, 1, 'OBJECT_OR_COLUMN', parent_object_id, type, type_desc, create_date, \
             modify_date, 0, 0, 0, ?1, ?2 FROM \"sys.objects\" WHERE object_id = ?3",
            &[Value::Integer(i64::from(def.instead)), text(&def.body), Value::Integer(id)],
        )?;
        self.execute(
            "INSERT INTO \"sys.sql_modules\" VALUES (?1, ?2, 1, 1)",
            &[Value::Integer(id), text(&def.text)],
        )?;
        for (i, word) in ["INSERT", "UPDATE", "DELETE"].into_iter().enumerate() {
            if def.events[i] {
                self.execute(
                    "INSERT INTO \"sys.trigger_events\" VALUES (?1, ?2, ?3, 0, 0)",
                    &[Value::Integer(id), Value::Integer(i as i64 + 1), text(word)],
                )?;
            }
        }
        self.bump()
    }

    fn switch_trigger(&mut self, table: &Table, enable: bool, name: Option<&str>) -> Run<()> {
        let n = self.execute(
            "UPDATE \"sys.triggers\" SET is_disabled = ?1 WHERE parent_id = ?2 AND (?3 IS NULL OR name = ?3)",
            &[Value::Integer(i64::from(!enable)), Value::Integer(table.id), name.map_or(Value::Null, text)],
        )?;
        if n == 0 && name.is_some() {
            return Err(err(
                1088,
                format!(
                    "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                    name.unwrap_or_default()
                ),
            )
            .into());
        }
        self.bump()
    }

    /// Object ids in `x_grants`: the object's, minus a schema's, or 0 for the database.
    fn grant(
        &mut self,
        verb: &str,
        permissions: &[String],
        object: Option<&Vec<String>>,
        users: &[String],
        frame: &Frame,
    ) -> Run<()> {
        let id = match object.map(Vec::as_slice) {
            None => 0,
            Some([schema, empty]) if empty.is_empty() => {
                -self.catalog.schema_id(schema).ok_or_else(|| err(15_151, format!("Cannot find the schema '{schema}', because it does not exist or you do not have permission.")))?
            }
            Some(name) => {
                let last = name.last().cloned().unwrap_or_default();
                let schema = if name.len() > 1 { name[name.len() - 2].clone() } else { self.account.schema.clone() };
                match self.catalog.procedure(&schema, &last) {
                    Some(procedure) => procedure.id,
                    None => self.find_table(&name.to_vec(), frame).map_err(|_| {
                        err(15_151, format!("Cannot find the object '{last}', because it does not exist or you do not have permission."))
                    })?.id,
                }
            }
        };
        for user in users {
            if !same(user, "public") && !self.server.knows(user) {
                return Err(err(15_151, format!("Cannot find the user '{user}', because it does not exist or you do not have permission.")).into());
            }
            for permission in permissions {
                let key = [text(user), Value::Integer(id), text(permission)];
                self.execute(
                    "DELETE FROM x_grants WHERE user = ?1 AND object_id = ?2 AND permission = ?3",
                    &key,
                )?;
                if verb != "REVOKE" {
                    let [a, b, c] = key;
                    self.execute(
                        "INSERT INTO x_grants VALUES (?1, ?2, ?3, ?4)",
                        &[a, b, c, Value::Integer(i64::from(verb == "DENY"))],
                    )?;
                }
            }
        }
        self.bump()
    }

    fn alter_database(&mut self, name: Option<&str>, option: &str, value: &str) -> Run<()> {
        let name = name.map_or_else(|| self.database.name.clone(), str::to_owned);
        let Some(database) = self.server.database(&name) else {
            return Err(err(5011, format!("User does not have permission to alter database '{name}', the database does not exist, or the database is not in a state that allows access checks.")).into());
        };
        let mut settings = database.settings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match option {
            "READ_ONLY" => settings.read_only = true,
            "READ_WRITE" => settings.read_only = false,
            "ALLOW_SNAPSHOT_ISOLATION" => settings.snapshot = value == "ON",
            "READ_COMMITTED_SNAPSHOT" => settings.read_committed_snapshot = value == "ON",
            "COMPATIBILITY_LEVEL" => settings.compatibility = value.parse().unwrap_or(settings.compatibility),
            "RECOVERY" => value.clone_into(&mut settings.recovery),
            _ => {
                return Err(err_class(
                    5058,
                    16,
                    1,
                    format!("Option '{option}' cannot be set in database '{name}'."),
                )
                .into());
            }
        }
        Ok(())
    }

    fn create_login(&mut self, name: &str, password: &str) -> Run<()> {
        if self.server.knows(name) {
            return Err(err(15_025, format!("The server principal '{name}' already exists.")).into());
        }
        self.server.add_login(name, password).map_err(|e| err(50_000, format!("tds-server: {e}")))?;
        Ok(())
    }
}
