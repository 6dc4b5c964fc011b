//! Owns views, procedures, synonyms and triggers as objects of the catalog; never runs one.

use crate::catalog::{Kind, Table, same};
use crate::error::{Run, err};
use crate::session::table::text;
use crate::session::{Frame, Session};
use crate::sql::ast::TriggerDef;
use crate::types::SqlType;
use rusqlite::types::Value;

impl Session {
    /// A view, procedure or synonym with its text.
    pub(crate) fn module(&mut self, name: &[String], ty: &str, body: &str, alter: bool) -> Run<()> {
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
    pub(crate) fn describe_view(&mut self, name: &Vec<String>) -> Run<()> {
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

    pub(crate) fn create_trigger(&mut self, def: &TriggerDef, frame: &Frame) -> Run<()> {
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

    pub(crate) fn switch_trigger(&mut self, table: &Table, enable: bool, name: Option<&str>) -> Run<()> {
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
}
