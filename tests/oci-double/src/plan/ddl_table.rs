//! Tables and their constraints. It must never make a column whose Oracle type is forgotten.

use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::plan::ddl::{Definition, row, sequence_steps};
use crate::plan::ddl_columns::{column_row, hold, shape, system_name};
use crate::plan::expr::column_type;
use crate::plan::scope::{Scope, Source};
use crate::plan::types::{Col, Ty};
use crate::plan::{Object, Planner, ident, literal};
use crate::sql::ast::{ColumnDef, Constraint, Path, Query, Rule, Sequence, TypeName};

pub(crate) struct Place<'p> {
    pub(crate) owner: &'p str,
    pub(crate) table: &'p str,
    pub(crate) relation: String,
}

impl Planner<'_> {
    pub(crate) fn create_table(
        &mut self,
        out: &mut Definition,
        path: &Path,
        temporary: bool,
        columns: &[ColumnDef],
        constraints: &[Constraint],
        query: Option<&Query>,
    ) -> Ora<()> {
        let (owner, name) = self.place(path)?;
        let relation = format!("{}.{}", ident(&owner), ident(&name));
        out.step(format!("SELECT ora.new_object({}, {})", literal(&owner), literal(&name)));
        let mut object = Object {
            kind: "TABLE".into(),
            owner: owner.clone(),
            name: name.clone(),
            privileges: "ALL".into(),
            ..Object::default()
        };
        let mut filled = None;
        let mut defs = columns.to_vec();
        if let Some(query) = query {
            let planned = self.query(query, None)?;
            for column in &planned.columns {
                object.columns.push(crate::plan::from::derived(column));
                defs.push(ColumnDef {
                    name: column.name.clone(),
                    ty: None,
                    default: None,
                    default_on_null: false,
                    identity: None,
                    identity_start: None,
                    computed: None,
                    not_null: None,
                    constraints: Vec::new(),
                });
            }
            filled = Some(planned.sql);
        } else {
            for def in &defs {
                let ty = self.defined_type(def)?;
                if object.columns.iter().any(|c| c.name == def.name) {
                    return Err(OraError::plain(957));
                }
                object.columns.push(plain_column(&def.name, ty));
            }
        }
        let types: Vec<String> =
            object.columns.iter().map(|c| format!("{} {}", ident(&c.name), c.ty.pg())).collect();
        out.step(format!("CREATE TABLE {relation} ({})", types.join(", ")));
        out.step(row(
            "tables",
            "owner, name, temporary",
            &[Some(&owner), Some(&name), Some(if temporary { "t" } else { "f" })],
        ));
        let object = Rc::new(object);
        let place = Place { owner: &owner, table: &name, relation };
        for (id, (def, col)) in defs.iter().zip(&object.columns).enumerate() {
            self.add_column(out, &place, &object, def, col.ty, &(id + 1).to_string())?;
        }
        for def in &defs {
            for constraint in &def.constraints {
                self.add_constraint(out, &place, &object, constraint)?;
            }
        }
        for constraint in constraints {
            self.add_constraint(out, &place, &object, constraint)?;
        }
        out.step(hold(&owner, &name));
        if let Some(sql) = filled {
            out.step(format!("INSERT INTO {} {sql}", place.relation));
        }
        Ok(())
    }

    pub(crate) fn defined_type(&mut self, def: &ColumnDef) -> Ora<Ty> {
        let fallback = TypeName { name: "NUMBER".into(), args: Vec::new(), unit: None, like: None };
        match (&def.ty, &def.computed, def.identity) {
            (Some(ty), _, _) => column_type(ty, self.rules.major),
            (None, Some(_), _) | (None, _, Some(_)) => column_type(&fallback, self.rules.major),
            _ => Err(OraError::plain(902)),
        }
    }

    /// The column's row in the dictionary, its default, and whether it may be empty.
    pub(crate) fn add_column(
        &mut self,
        out: &mut Definition,
        place: &Place,
        object: &Rc<Object>,
        def: &ColumnDef,
        ty: Ty,
        id: &str,
    ) -> Ora<()> {
        let by_char = def.ty.as_ref().and_then(|t| t.unit.as_deref()) == Some("CHAR");
        let mut shape = shape(ty, by_char);
        if def.ty.as_ref().is_some_and(|t| matches!(t.name.as_str(), "INTEGER" | "INT" | "SMALLINT")) {
            shape.numbers[2] = None;
        }
        let mut rest: Vec<(&str, String)> = Vec::new();
        let key = def.constraints.iter().any(|c| matches!(c.rule, Rule::Primary(_)) && !c.disabled);
        if def.not_null == Some(true) || key || def.identity.is_some() || def.default_on_null {
            rest.push(("nullable", "false".into()));
        }
        if let Some((value, text)) = &def.default {
            let col = plain_column(&def.name, ty);
            let sql = self.value_for(value, &col, &Scope::EMPTY)?;
            out.step(format!(
                "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {sql}",
                place.relation,
                ident(&def.name)
            ));
            rest.push(("deflt", literal(&format!("{text} "))));
            rest.push(("deflt_pg", literal(&sql)));
            rest.push(("on_null", def.default_on_null.to_string()));
        }
        if let Some((value, text)) = &def.computed {
            let scope = Scope { sources: vec![row_source(object, "NEW")], outer: None };
            let sql = self.value_for(value, &plain_column(&def.name, ty), &scope)?;
            rest.push(("is_virtual", "true".into()));
            rest.push(("deflt", literal(text)));
            rest.push(("deflt_pg", literal(&sql)));
        }
        if let Some(how) = def.identity {
            let sequence = format!("ISEQ$$_{}", &system_name(&[place.owner, place.table, &def.name])[5..]);
            let options =
                Sequence { start: def.identity_start, increment: None, min: None, max: None, cycle: false };
            sequence_steps(out, place.owner, &sequence, &options);
            let next = format!(
                "nextval({}::regclass)::numeric",
                literal(&format!("{}.{}", ident(place.owner), ident(&sequence)))
            );
            out.step(format!(
                "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {next}",
                place.relation,
                ident(&def.name)
            ));
            rest.push(("identity", literal(how)));
            rest.push(("on_null", (how == "BY DEFAULT ON NULL").to_string()));
            rest.push(("sequence", literal(&sequence)));
            rest.push(("deflt_pg", literal(&next)));
            rest.push(("deflt", literal(&format!("\"{}\".\"{sequence}\".nextval", place.owner))));
        }
        out.step(column_row(place.owner, place.table, &def.name, id, &shape, &rest));
        if def.not_null == Some(true) {
            let name = system_name(&[place.owner, place.table, &def.name, "NN"]);
            let condition = format!("\"{}\" IS NOT NULL", def.name);
            let values =
                [Some(place.owner), Some(&name), Some(place.table), Some("C"), Some(&condition), Some("t")];
            out.step(row("constraints", "owner, name, tab, type, condition, generated", &values));
            let values = [Some(place.owner), Some(name.as_str()), Some(place.table), Some(&def.name)];
            out.step(row("cons_columns", "owner, name, tab, col", &values));
        }
        Ok(())
    }

    pub(crate) fn add_constraint(
        &mut self,
        out: &mut Definition,
        place: &Place,
        object: &Rc<Object>,
        constraint: &Constraint,
    ) -> Ora<()> {
        let (kind, columns) = match &constraint.rule {
            Rule::Primary(c) => ("P", c.clone()),
            Rule::Unique(c) => ("U", c.clone()),
            Rule::Check(..) => ("C", Vec::new()),
            Rule::Foreign { columns, .. } => ("R", columns.clone()),
        };
        for column in &columns {
            if !object.columns.iter().any(|c| c.name == *column) {
                return Err(OraError::new(904, format!("\"{column}\": invalid identifier")));
            }
        }
        let text = match &constraint.rule {
            Rule::Check(_, text) => text.clone(),
            _ => columns.join(","),
        };
        let generated = constraint.name.is_none();
        let name =
            constraint.name.clone().unwrap_or_else(|| system_name(&[place.owner, place.table, kind, &text]));
        let list: Vec<String> = columns.iter().map(|c| ident(c)).collect();
        let list = list.join(", ");
        let (mut r_owner, mut r_name, mut rule) = (None, "NULL".to_owned(), None);
        let sql = match &constraint.rule {
            Rule::Primary(_) => format!("PRIMARY KEY ({list})"),
            Rule::Unique(_) => format!("UNIQUE ({list})"),
            Rule::Check(condition, _) => {
                let scope = Scope { sources: vec![row_source(object, &ident(place.table))], outer: None };
                format!("CHECK ({})", self.condition(condition, &scope)?)
            }
            Rule::Foreign { table, targets, on_delete, .. } => {
                let (owner, target) = self.place(table)?;
                let array: Vec<String> = targets.iter().map(|t| literal(t)).collect();
                r_name = format!(
                    "ora.key_name({}, {}, ARRAY[{}]::text[])",
                    literal(&owner),
                    literal(&target),
                    array.join(", ")
                );
                let quoted: Vec<String> = targets.iter().map(|t| ident(t)).collect();
                let targets =
                    if quoted.is_empty() { String::new() } else { format!(" ({})", quoted.join(", ")) };
                rule = Some(on_delete.unwrap_or("NO ACTION"));
                let on_delete = on_delete.map_or(String::new(), |r| format!(" ON DELETE {r}"));
                let sql = format!(
                    "FOREIGN KEY ({list}) REFERENCES {}.{}{targets}{on_delete}",
                    ident(&owner),
                    ident(&target)
                );
                r_owner = Some(owner);
                sql
            }
        };
        if !constraint.disabled {
            let deferrable = if constraint.deferrable && kind == "R" { " DEFERRABLE" } else { "" };
            out.step(format!(
                "ALTER TABLE {} ADD CONSTRAINT {} {sql}{deferrable}",
                place.relation,
                ident(&name)
            ));
        }
        let keyed = matches!(kind, "P" | "U") && !constraint.disabled;
        let optional = |v: Option<&str>| v.map_or("NULL".to_owned(), literal);
        out.step(format!(
            "INSERT INTO ora.constraints (owner, name, tab, type, status, r_owner, r_name, condition, delete_rule, index_name, \
             is_deferrable, generated) VALUES ({}, {}, {}, '{kind}', '{}', {}, {r_name}, {}, {}, {}, {}, {generated})",
            literal(place.owner),
            literal(&name),
            literal(place.table),
            if constraint.disabled { "DISABLED" } else { "ENABLED" },
            optional(r_owner.as_deref()),
            optional(Some(text.as_str()).filter(|_| kind == "C")),
            optional(rule),
            optional(Some(name.as_str()).filter(|_| keyed)),
            constraint.deferrable
        ));
        if keyed {
            let values = [
                Some(place.owner),
                Some(name.as_str()),
                Some(place.owner),
                Some(place.table),
                Some("UNIQUE"),
            ];
            out.step(row("indexes", "owner, name, table_owner, tab, uniqueness", &values));
        }
        for (i, column) in columns.iter().enumerate() {
            let at = (i + 1).to_string();
            let values =
                [Some(place.owner), Some(name.as_str()), Some(place.table), Some(column.as_str()), Some(&at)];
            out.step(row("cons_columns", "owner, name, tab, col, position", &values));
            if keyed {
                let values = [
                    Some(place.owner),
                    Some(name.as_str()),
                    Some(place.owner),
                    Some(place.table),
                    Some(column.as_str()),
                    Some(&at),
                ];
                out.step(row("ind_columns", "owner, name, table_owner, tab, col, position", &values));
            }
            if kind == "P" && !constraint.disabled {
                out.step(format!(
                    "UPDATE ora.columns SET nullable = false WHERE owner = {} AND tab = {} AND name = {}",
                    literal(place.owner),
                    literal(place.table),
                    literal(column)
                ));
            }
        }
        Ok(())
    }
}

pub(crate) fn plain_column(name: &str, ty: Ty) -> Col {
    Col { name: name.to_owned(), ty, nullable: true, computed: false, identity: None, indexed: false }
}

/// The table's row under another name, as conditions and computed columns see it.
fn row_source(object: &Rc<Object>, sql: &str) -> Source {
    Source {
        alias: object.name.clone(),
        sql: sql.to_owned(),
        object: Some(object.clone()),
        columns: object.columns.clone(),
        merged: Vec::new(),
        placed: false,
    }
}
