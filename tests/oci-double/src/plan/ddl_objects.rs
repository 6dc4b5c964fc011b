//! Indexes, views, triggers, routines, and what is dropped. It must never let a body that is wrong look as if it were right.

use std::collections::HashMap;
use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::plan::ddl::{Definition, row};
use crate::plan::ddl_columns::{column_row, hold, shape};
use crate::plan::scope::{Scope, Source};
use crate::plan::types::{Ex, Ty};
use crate::plan::{Object, Planner, Var, ident, literal};
use crate::sql::ast::{Expr, Path, Query, Routine, Trigger};

impl Planner<'_> {
    pub(crate) fn create_index(
        &mut self,
        out: &mut Definition,
        path: &Path,
        table: &Path,
        unique: bool,
        keys: &[(Expr, bool, String)],
    ) -> Ora<()> {
        let (owner, name) = self.place(path)?;
        let object = self.object(table)?;
        let source = Source {
            alias: object.name.clone(),
            sql: ident(&object.name),
            object: Some(object.clone()),
            columns: object.columns.clone(),
            merged: Vec::new(),
            placed: false,
        };
        let scope = Scope { sources: vec![source], outer: None };
        let mut list = Vec::new();
        let mut computed = false;
        let mut rows = Vec::new();
        for (i, (key, descending, text)) in keys.iter().enumerate() {
            let value = self.expr(key, &scope)?;
            let at = (i + 1).to_string();
            let column = match key {
                Expr::Name(path) => path.last().cloned(),
                _ => None,
            };
            computed |= column.is_none();
            list.push(match &column {
                Some(c) => format!("{}{}", ident(c), if *descending { " DESC" } else { "" }),
                None => format!("({})", value.sql.replace(&format!("{}.", ident(&object.name)), "")),
            });
            let text = (column.is_none()).then_some(text.to_uppercase());
            let values = [
                Some(owner.as_str()),
                Some(name.as_str()),
                Some(object.owner.as_str()),
                Some(object.name.as_str()),
                column.as_deref(),
                Some(at.as_str()),
                Some(if *descending { "DESC" } else { "ASC" }),
                text.as_deref(),
            ];
            rows.push(row(
                "ind_columns",
                "owner, name, table_owner, tab, col, position, descend, expression",
                &values,
            ));
        }
        let kind = if computed { "FUNCTION-BASED NORMAL" } else { "NORMAL" };
        let uniqueness = if unique { "UNIQUE" } else { "NONUNIQUE" };
        if unique || !computed {
            let word = if unique { "UNIQUE " } else { "" };
            out.step(format!(
                "CREATE {word}INDEX {} ON {} ({})",
                ident(&name),
                object.sql(),
                list.join(", ")
            ));
        }
        let values = [
            Some(owner.as_str()),
            Some(&name),
            Some(&object.owner),
            Some(&object.name),
            Some(uniqueness),
            Some(kind),
        ];
        out.step(row("indexes", "owner, name, table_owner, tab, uniqueness, type", &values));
        out.steps.extend(rows);
        Ok(())
    }

    pub(crate) fn create_view(
        &mut self,
        out: &mut Definition,
        path: &Path,
        columns: &[String],
        query: &Query,
        text: &str,
        read_only: bool,
    ) -> Ora<()> {
        let (owner, name) = self.place(path)?;
        let planned = self.query(query, None)?;
        let mut names: Vec<String> = planned.columns.iter().map(|c| c.name.clone()).collect();
        if !columns.is_empty() {
            if columns.len() != names.len() {
                return Err(OraError::new(1730, "invalid number of column names specified"));
            }
            names = columns.to_vec();
        }
        let list: Vec<String> = names.iter().map(|n| ident(n)).collect();
        let relation = format!("{}.{}", ident(&owner), ident(&name));
        let (o, n) = (literal(&owner), literal(&name));
        out.step(format!("DELETE FROM ora.views WHERE owner = {o} AND name = {n}"));
        out.step(format!("DELETE FROM ora.columns c WHERE owner = {o} AND tab = {n} AND NOT EXISTS (SELECT 1 FROM ora.tables t WHERE t.owner = c.owner AND t.name = c.tab)"));
        out.step(format!("SELECT ora.new_object({o}, {n})"));
        out.step(format!("DROP VIEW IF EXISTS {relation} CASCADE"));
        out.step(format!("CREATE VIEW {relation} ({}) AS {}", list.join(", "), planned.sql));
        let values =
            [Some(owner.as_str()), Some(name.as_str()), Some(text), Some(if read_only { "t" } else { "f" })];
        out.step(row("views", "owner, name, body, read_only", &values));
        for (i, (column, name_)) in planned.columns.iter().zip(&names).enumerate() {
            let rest = [("nullable", column.nullable.to_string())];
            out.step(column_row(&owner, &name, name_, &(i + 1).to_string(), &shape(column.ty, false), &rest));
        }
        Ok(())
    }

    pub(crate) fn create_trigger(&mut self, out: &mut Definition, trigger: &Trigger) -> Ora<()> {
        let (owner, name) = self.place(&trigger.name)?;
        let table = self.object(&trigger.table)?;
        let body = self.trigger_body(trigger, &table);
        let relation = table.sql();
        let function = format!("{}.{}", ident(&owner), ident(&format!("t~{name}")));
        let mut events = Vec::new();
        for (event, columns) in &trigger.events {
            let of: Vec<String> = columns.iter().map(|c| ident(c)).collect();
            events.push(if of.is_empty() {
                (*event).to_owned()
            } else {
                format!("{event} OF {}", of.join(", "))
            });
        }
        let valid = body.is_ok();
        let text = body.unwrap_or_else(|_| {
            let what = literal(&format!("trigger '{owner}.{name}' is invalid and failed re-validation"));
            format!("BEGIN PERFORM ora.fail(4098, {what}); RETURN NULL; END")
        });
        if !valid {
            out.warning = Some(OraError::new(24344, "success with compilation error"));
        }
        let (o, n) = (literal(&owner), literal(&name));
        out.step(format!("DELETE FROM ora.triggers WHERE owner = {o} AND name = {n}"));
        out.step(format!("DROP TRIGGER IF EXISTS {} ON {relation}", ident(&name)));
        out.step(format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {}",
            literal(&text)
        ));
        out.step(format!(
            "CREATE TRIGGER {} {} {} ON {relation} FOR EACH {} EXECUTE FUNCTION {function}()",
            ident(&name),
            trigger.when,
            events.join(" OR "),
            if trigger.each_row { "ROW" } else { "STATEMENT" }
        ));
        let kind = match (trigger.when, trigger.each_row) {
            ("INSTEAD OF", _) => "INSTEAD OF".to_owned(),
            (when, true) => format!("{when} EACH ROW"),
            (when, false) => format!("{when} STATEMENT"),
        };
        let event: Vec<&str> = trigger.events.iter().map(|(e, _)| *e).collect();
        let event = event.join(" OR ");
        let status = if trigger.disabled { "DISABLED" } else { "ENABLED" };
        let values = [
            Some(owner.as_str()),
            Some(&name),
            Some(&table.owner),
            Some(&table.name),
            Some(&kind),
            Some(&event),
            Some(status),
            Some(&trigger.text),
            Some(if valid { "t" } else { "f" }),
        ];
        out.step(row("triggers", "owner, name, t_owner, tab, type, event, status, body, valid", &values));
        if trigger.disabled {
            out.step(format!("ALTER TABLE {relation} DISABLE TRIGGER {}", ident(&name)));
        }
        if table.kind == "TABLE" {
            out.step(hold(&table.owner, &table.name));
        }
        Ok(())
    }

    fn trigger_body(&mut self, trigger: &Trigger, table: &Rc<Object>) -> Ora<String> {
        let fields: Vec<(String, Ty)> = table.columns.iter().map(|c| (c.name.clone(), c.ty)).collect();
        let event = |op: &str| Var::Scalar(format!("(TG_OP = '{op}')"), Ty::Bool);
        self.vars.push(HashMap::from([
            ("NEW".to_owned(), Var::Record("NEW".into(), fields.clone())),
            ("OLD".to_owned(), Var::Record("OLD".into(), fields)),
            ("INSERTING".to_owned(), event("INSERT")),
            ("UPDATING".to_owned(), event("UPDATE")),
            ("DELETING".to_owned(), event("DELETE")),
        ]));
        self.row = Some(table.clone());
        self.in_block = true;
        let result = (|| {
            let back = if trigger.when == "AFTER" || !trigger.each_row {
                "RETURN NULL;\n"
            } else {
                "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n"
            };
            let condition = match &trigger.condition {
                Some(c) => {
                    let c = self.condition(c, &Scope::EMPTY)?;
                    format!("IF ({c}) IS NOT TRUE THEN {} END IF;\n", back.replace('\n', " "))
                }
                None => String::new(),
            };
            let text = self.block_text(&trigger.body, back)?;
            Ok(text.replacen("BEGIN\n", &format!("BEGIN\n{condition}"), 1))
        })();
        self.vars.pop();
        self.row = None;
        self.in_block = false;
        result
    }

    pub(crate) fn create_routine(&mut self, out: &mut Definition, routine: &Routine) -> Ora<()> {
        let (owner, name) = self.place(&routine.name)?;
        let mut frame = HashMap::new();
        let (mut list, mut lines) = (Vec::new(), Vec::new());
        for param in &routine.params {
            let ty = self.variable_type(&param.ty)?;
            frame.insert(param.name.clone(), Var::Scalar(ident(&param.name), ty));
            let mode = match param.mode {
                "OUT" => "OUT ",
                "IN OUT" => "INOUT ",
                _ => "",
            };
            let default = match &param.default {
                Some(e) => {
                    let value: Ex = self.expr(e, &Scope::EMPTY)?;
                    format!(" DEFAULT {}", value.as_ty(ty)?)
                }
                None => String::new(),
            };
            list.push(format!("{mode}{} {}{default}", ident(&param.name), ty.pg_free()));
            let optional = if param.default.is_some() { "Y" } else { "N" };
            lines.push(format!("{}|{}|{}|{optional}", param.name, param.mode, shape(ty, false).name));
        }
        let mut returns = String::new();
        if let Some(ty) = &routine.returns {
            let ty = self.variable_type(ty)?;
            returns = format!(" RETURNS {}", ty.pg_free());
            lines.push(format!("|RETURN|{}|N", shape(ty, false).name));
        } else if !routine.params.iter().any(|p| p.mode.contains("OUT")) {
            returns = " RETURNS void".to_owned();
        }
        self.vars.push(frame);
        self.in_block = true;
        let body = self.block_text(&routine.body, "");
        self.vars.pop();
        self.in_block = false;
        let kind = if routine.returns.is_some() { "FUNCTION" } else { "PROCEDURE" };
        let status = if body.is_ok() { "VALID" } else { "INVALID" };
        let text = body.unwrap_or_else(|_| {
            let what = format!("line 1, column 7:\nPLS-00905: object {owner}.{name} is invalid");
            format!("BEGIN PERFORM ora.fail(6550, {}); END", literal(&what))
        });
        if status == "INVALID" {
            out.warning = Some(OraError::new(24344, "success with compilation error"));
        }
        let function = format!("{}.{}", ident(&owner), ident(&name));
        let (o, n) = (literal(&owner), literal(&name));
        out.step(format!("DELETE FROM ora.procedures WHERE owner = {o} AND name = {n}"));
        out.step(format!("SELECT ora.new_object({o}, {n})"));
        out.step(format!("DROP FUNCTION IF EXISTS {function}"));
        out.step(format!(
            "CREATE FUNCTION {function}({}){returns} LANGUAGE plpgsql AS {}",
            list.join(", "),
            literal(&format!("#variable_conflict use_variable\n{text}"))
        ));
        let lines = lines.join("\n");
        let values = [Some(owner.as_str()), Some(&name), Some(kind), Some(&lines), Some(status)];
        out.step(row("procedures", "owner, name, kind, params, status", &values));
        Ok(())
    }

    pub(crate) fn drop_object(
        &mut self,
        out: &mut Definition,
        kind: &str,
        path: &Path,
        public: bool,
    ) -> Ora<()> {
        let (owner, name) = self.place(path)?;
        let owner = if public { "PUBLIC".to_owned() } else { owner };
        if kind == "USER" {
            out.step(format!("SELECT ora.forget_user({})", literal(&name)));
            return Ok(());
        }
        if kind == "ROLE" {
            out.step(format!("DELETE FROM ora.roles WHERE name = {}", literal(&name)));
            out.step(format!("DELETE FROM ora.role_grants WHERE role = {}", literal(&name)));
            out.step(format!("DELETE FROM ora.grants WHERE grantee = {}", literal(&name)));
            return Ok(());
        }
        let relation = format!("{}.{}", ident(&owner), ident(&name));
        match kind {
            "TABLE" => {
                let held = format!("{}.{}", ident(&owner), ident(&format!("c~{name}")));
                out.step(format!("SELECT ora.forget({}, {}, 'TABLE')", literal(&owner), literal(&name)));
                out.step(format!("DROP TABLE {relation} CASCADE"));
                out.step(format!("DROP FUNCTION IF EXISTS {held}"));
                return Ok(());
            }
            "VIEW" => out.step(format!("DROP VIEW IF EXISTS {relation} CASCADE")),
            "INDEX" => out.step(format!("DROP INDEX IF EXISTS {relation}")),
            "SEQUENCE" => out.step(format!("DROP SEQUENCE IF EXISTS {relation} CASCADE")),
            "TRIGGER" => {
                let function = format!("{}.{}", ident(&owner), ident(&format!("t~{name}")));
                out.step(format!("DROP FUNCTION IF EXISTS {function} CASCADE"));
            }
            "SYNONYM" => {}
            _ => out.step(format!("DROP FUNCTION IF EXISTS {relation}")),
        }
        out.step(format!("SELECT ora.forget({}, {}, '{kind}')", literal(&owner), literal(&name)));
        Ok(())
    }
}
