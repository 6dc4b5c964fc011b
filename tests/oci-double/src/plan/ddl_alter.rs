//! ALTER TABLE. It must never change a table without its dictionary.

use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::plan::ddl::Definition;
use crate::plan::ddl_columns::{hold, shape};
use crate::plan::ddl_table::{Place, plain_column};
use crate::plan::expr::column_type;
use crate::plan::scope::Scope;
use crate::plan::{Object, Planner, ident, literal};
use crate::sql::ast::{AlterTable, ColumnDef, Path};

impl Planner<'_> {
    pub(crate) fn alter_table(
        &mut self,
        out: &mut Definition,
        path: &Path,
        changes: &[AlterTable],
    ) -> Ora<()> {
        let object = self.object(path)?;
        if object.privileges != "ALL" && !object.may("ALTER", None) {
            return Err(OraError::plain(1031));
        }
        let mut whole = (*object).clone();
        let (owner, table) = (object.owner.clone(), object.name.clone());
        let place = Place { owner: &owner, table: &table, relation: object.sql() };
        let (o, t) = (literal(&owner), literal(&table));
        for change in changes {
            match change {
                AlterTable::Add(columns, constraints) => {
                    for def in columns {
                        let ty = self.defined_type(def)?;
                        if whole.columns.iter().any(|c| c.name == def.name) {
                            return Err(OraError::plain(1430));
                        }
                        whole.columns.push(plain_column(&def.name, ty));
                        out.step(format!("ALTER TABLE {} ADD COLUMN {} {}", place.relation, ident(&def.name), ty.pg()));
                        let id = format!("(SELECT coalesce(max(id), 0) + 1 FROM ora.columns WHERE owner = {o} AND tab = {t})");
                        self.add_column(out, &place, &Rc::new(whole.clone()), def, ty, &id)?;
                        if def.default.is_some() {
                            out.step(format!("UPDATE {} SET {} = DEFAULT", place.relation, ident(&def.name)));
                        }
                        for constraint in &def.constraints {
                            self.add_constraint(out, &place, &Rc::new(whole.clone()), constraint)?;
                        }
                    }
                    for constraint in constraints {
                        self.add_constraint(out, &place, &Rc::new(whole.clone()), constraint)?;
                    }
                }
                AlterTable::Modify(columns) => self.modify(out, &place, &whole, columns)?,
                AlterTable::DropColumns(names) => {
                    for name in names {
                        known(&whole, name)?;
                        out.step(format!("ALTER TABLE {} DROP COLUMN {} CASCADE", place.relation, ident(name)));
                        out.step(format!("DELETE FROM ora.columns WHERE owner = {o} AND tab = {t} AND name = {}", literal(name)));
                        out.step(format!("SELECT ora.forget_column({o}, {t}, {})", literal(name)));
                    }
                }
                AlterTable::DropConstraint(name) => {
                    out.step(format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE", place.relation, ident(name)));
                    out.step(format!("SELECT ora.forget_constraint({o}, {t}, {})", literal(name)));
                }
                AlterTable::DropPrimary => out.step(format!("SELECT ora.drop_primary({o}, {t}, {})", literal(&place.relation))),
                AlterTable::RenameColumn(from, to) => {
                    known(&whole, from)?;
                    out.step(format!("ALTER TABLE {} RENAME COLUMN {} TO {}", place.relation, ident(from), ident(to)));
                    out.step(format!(
                        "SELECT ora.renamed_column({o}, {t}, {}, {}, {})",
                        literal(from),
                        literal(to),
                        literal(&ident(to))
                    ));
                }
                AlterTable::RenameTo(name) => {
                    out.step(format!("ALTER TABLE {} RENAME TO {}", place.relation, ident(name)));
                    out.step(format!("SELECT ora.renamed({o}, {t}, {})", literal(name)));
                    out.step(hold(&owner, name));
                    return Ok(());
                }
                AlterTable::Constraint(name, on) => {
                    if *on {
                        return Err(OraError::absent("ENABLE CONSTRAINT: drop it and add it again"));
                    }
                    out.step(format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE", place.relation, ident(name)));
                    out.step(format!(
                        "UPDATE ora.constraints SET status = 'DISABLED', index_name = NULL WHERE owner = {o} AND name = {}",
                        literal(name)
                    ));
                    out.step(format!("DELETE FROM ora.indexes WHERE owner = {o} AND name = {}", literal(name)));
                    out.step(format!("DELETE FROM ora.ind_columns WHERE owner = {o} AND name = {}", literal(name)));
                }
                AlterTable::Triggers(on) => out.step(format!(
                    "SELECT ora.switch_trigger(owner, name, {on}) FROM ora.triggers WHERE t_owner = {o} AND tab = {t}"
                )),
            }
        }
        out.step(hold(&owner, &table));
        Ok(())
    }

    fn modify(
        &mut self,
        out: &mut Definition,
        place: &Place,
        whole: &Object,
        columns: &[ColumnDef],
    ) -> Ora<()> {
        for def in columns {
            known(whole, &def.name)?;
            let row = format!(
                "WHERE owner = {} AND tab = {} AND name = {}",
                literal(place.owner),
                literal(place.table),
                literal(&def.name)
            );
            if let Some(ty) = &def.ty {
                let by_char = ty.unit.as_deref() == Some("CHAR");
                let ty = column_type(ty, self.rules.major)?;
                let shape = shape(ty, by_char);
                out.step(format!(
                    "ALTER TABLE {0} ALTER COLUMN {1} TYPE {2} USING {1}::{2}",
                    place.relation,
                    ident(&def.name),
                    ty.pg()
                ));
                let number = |n: Option<i64>| n.map_or("NULL".to_owned(), |n| n.to_string());
                let [length, chars, precision, scale] = shape.numbers.map(number);
                out.step(format!(
                    "UPDATE ora.columns SET type = '{}', length = {length}, chars = {chars}, unit = {}, prec = {precision}, scale = {scale} {row}",
                    shape.name,
                    shape.unit.map_or("NULL".to_owned(), literal)
                ));
            }
            if let Some(not_null) = def.not_null {
                out.step(format!("UPDATE ora.columns SET nullable = {} {row}", !not_null));
            }
            if let Some((value, text)) = &def.default {
                let col = whole
                    .columns
                    .iter()
                    .find(|c| c.name == def.name)
                    .cloned()
                    .ok_or_else(|| OraError::plain(904))?;
                let sql = self.value_for(value, &col, &Scope::EMPTY)?;
                out.step(format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {sql}",
                    place.relation,
                    ident(&def.name)
                ));
                out.step(format!(
                    "UPDATE ora.columns SET deflt = {}, deflt_pg = {} {row}",
                    literal(text),
                    literal(&sql)
                ));
            }
        }
        Ok(())
    }
}

fn known(object: &Object, name: &str) -> Ora<()> {
    if object.columns.iter().any(|c| c.name == name) {
        return Ok(());
    }
    Err(OraError::new(904, format!("\"{name}\": invalid identifier")))
}
