//! Owns the other definitions: ALTER, DROP, indexes, modules, schemas, logins, permissions, settings of databases.

use rusqlite::types::Value;

use crate::catalog::{Table, same};
use crate::error::{Run, err, err_class};
use crate::session::table::text;
use crate::session::{Frame, Session};
use crate::sql::ast::{Stmt, StmtKind};

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

    pub(crate) fn user_table(&mut self, name: &Vec<String>, frame: &Frame) -> Run<std::sync::Arc<Table>> {
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

    pub(crate) fn drop_index(&mut self, table: i64, id: i64) -> Run<()> {
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
