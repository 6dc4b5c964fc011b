//! Owns the making of constraints and indexes, in the catalog and in SQLite; never checks a row.

use crate::catalog::{Kind, Table, same};
use crate::error::{Run, err};
use crate::session::table::{column_collation, optional, text};
use crate::session::{Frame, Session};
use crate::sql::ast::{Constraint, IndexDef};
use rusqlite::types::Value;

impl Session {
    pub(crate) fn add_default(
        &mut self,
        table: i64,
        column: &str,
        name: Option<String>,
        body: &str,
    ) -> Run<()> {
        let rows = self.fetch(
            "SELECT column_id, (SELECT schema_id FROM \"sys.objects\" o WHERE o.object_id = ?1), default_object_id, \
             (SELECT name FROM \"sys.objects\" o WHERE o.object_id = ?1) FROM \"sys.columns\" WHERE object_id = ?1 AND name = ?2",
            &[Value::Integer(table), text(column)],
        )?;
        let Some([Value::Integer(column_id), Value::Integer(schema), Value::Integer(old), owner]) =
            rows.first().map(Vec::as_slice)
        else {
            return Err(err(
                1752,
                format!("Column '{column}' in table is invalid for creating a default constraint."),
            )
            .into());
        };
        if *old != 0 {
            return Err(err(1781, "Column already has a DEFAULT bound to it.").into());
        }
        let system = name.is_none();
        let name = match name {
            Some(name) => name,
            None => self.generated_name("DF", &crate::convert::text_of(owner))?,
        };
        let id = self.new_object(*schema, &name, "D", table, None)?;
        self.execute(
            "INSERT INTO \"sys.default_constraints\" VALUES (?1, ?2, ?3, ?4, ?5, 'D ', 'DEFAULT_CONSTRAINT', ?6, ?7)",
            &[text(name), Value::Integer(id), Value::Integer(*schema), Value::Integer(table), Value::Integer(*column_id), text(body), Value::Integer(i64::from(system))],
        )?;
        self.execute(
            "UPDATE \"sys.columns\" SET default_object_id = ?1, x_default = ?2 WHERE object_id = ?3 AND column_id = ?4",
            &[Value::Integer(id), text(body), Value::Integer(table), Value::Integer(*column_id)],
        )?;
        self.bump()
    }

    pub(crate) fn add_constraint(&mut self, id: i64, constraint: &Constraint) -> Run<()> {
        let Some(table) = self.catalog.by_id(id).cloned() else { return Ok(()) };
        let schema = self.catalog.schema_id(&table.schema).unwrap_or(1);
        match constraint {
            Constraint::Key { name, primary, columns, clustered } => {
                if *primary && table.indexes.iter().any(|i| i.primary) {
                    return Err(err(
                        1779,
                        format!("Table '{}' already has a primary key defined on it.", table.name),
                    )
                    .into());
                }
                for (column, _) in columns {
                    if *primary && table.column(column).is_some_and(|i| table.columns[i].nullable) {
                        return Err(err(
                            8111,
                            format!(
                                "Cannot define PRIMARY KEY constraint on nullable column in table '{}'.",
                                table.name
                            ),
                        )
                        .into());
                    }
                }
                let name = match name {
                    Some(name) => name.clone(),
                    None => self.generated_name(if *primary { "PK" } else { "UQ" }, &table.name)?,
                };
                self.new_object(schema, &name, if *primary { "PK" } else { "UQ" }, id, None)?;
                let def = IndexDef {
                    name,
                    table: Vec::new(),
                    unique: true,
                    clustered: clustered.unwrap_or(*primary),
                    columns: columns.clone(),
                    include: Vec::new(),
                    filter: None,
                };
                self.add_index(&table, &def, *primary, true)
            }
            Constraint::Check { name, text: body } => {
                let system = name.is_none();
                let name = match name {
                    Some(name) => name.clone(),
                    None => self.generated_name("CK", &table.name)?,
                };
                let object = self.new_object(schema, &name, "C", id, None)?;
                self.execute(
                    "INSERT INTO \"sys.check_constraints\" VALUES (?1, ?2, ?3, ?4, 0, 'C ', 'CHECK_CONSTRAINT', 0, 0, ?5, ?6)",
                    &[text(name), Value::Integer(object), Value::Integer(schema), Value::Integer(id), text(body), Value::Integer(i64::from(system))],
                )?;
                self.bump()
            }
            Constraint::Default { name, text, column } => self.add_default(id, column, name.clone(), text),
            Constraint::Foreign { name, columns, table: parent, refs, cascade } => {
                let parent = self.find_table(parent, &Frame::default())?;
                self.add_foreign(&table, &parent, name.clone(), columns, refs, *cascade)
            }
        }
    }

    pub(crate) fn add_foreign(
        &mut self,
        table: &Table,
        parent: &Table,
        name: Option<String>,
        columns: &[String],
        refs: &[String],
        cascade: (u8, u8),
    ) -> Run<()> {
        let schema = self.catalog.schema_id(&table.schema).unwrap_or(1);
        let name = match name {
            Some(name) => name,
            None => self.generated_name("FK", &table.name)?,
        };
        let refs: Vec<String> = if refs.is_empty() {
            let key = parent.indexes.iter().find(|i| i.primary);
            key.map(|k| k.columns.iter().map(|c| parent.columns[*c].name.clone()).collect())
                .unwrap_or_default()
        } else {
            refs.to_vec()
        };
        let wrong = || {
            err(
                1776,
                format!(
                    "There are no primary or candidate keys in the referenced table '{}' that match the referencing column list in the foreign key '{name}'.",
                    parent.full_name()
                ),
            )
        };
        let there: Vec<usize> =
            refs.iter().map(|r| parent.column(r).ok_or_else(wrong)).collect::<Result<_, _>>()?;
        let key = parent.indexes.iter().find(|i| {
            i.unique
                && i.filter.is_none()
                && i.columns.len() == there.len()
                && i.columns.iter().all(|c| there.contains(c))
        });
        let key = key.ok_or_else(wrong)?.id;
        let id = self.new_object(schema, &name, "F", table.id, None)?;
        let actions = ["NO_ACTION", "CASCADE", "SET_NULL", "SET_DEFAULT"];
        self.execute(
            "INSERT INTO \"sys.foreign_keys\" VALUES (?1, ?2, ?3, ?4, 'F ', 'FOREIGN_KEY_CONSTRAINT', ?5, ?6, 0, 0, ?7, ?8, ?9, 0)",
            &[
                text(&name),
                Value::Integer(id),
                Value::Integer(schema),
                Value::Integer(table.id),
                Value::Integer(parent.id),
                Value::Integer(key),
                Value::Integer(i64::from(cascade.0)),
                text(actions[usize::from(cascade.0)]),
                Value::Integer(i64::from(cascade.1)),
            ],
        )?;
        for (i, (column, there)) in columns.iter().zip(&there).enumerate() {
            let here = table.column(column).ok_or_else(|| err(1769, format!("Foreign key '{name}' references invalid column '{column}' in referencing table '{}'.", table.name)))?;
            self.execute(
                "INSERT INTO \"sys.foreign_key_columns\" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                &[
                    Value::Integer(id),
                    Value::Integer(i as i64 + 1),
                    Value::Integer(table.id),
                    Value::Integer(table.columns[here].id),
                    Value::Integer(parent.id),
                    Value::Integer(parent.columns[*there].id),
                ],
            )?;
        }
        self.bump()
    }

    /// An index, a primary key or a unique constraint.
    pub(crate) fn add_index(
        &mut self,
        table: &Table,
        def: &IndexDef,
        primary: bool,
        constraint: bool,
    ) -> Run<()> {
        if table.indexes.iter().any(|i| same(&i.name, &def.name)) {
            return Err(err(1913, format!("The operation failed because an index or statistics with name '{}' already exists on table '{}'.", def.name, table.full_name())).into());
        }
        let next = table.indexes.iter().map(|i| i.id).max().unwrap_or(0) + 1;
        let clustered = def.clustered && !table.indexes.iter().any(|i| i.id == 1);
        let id = if clustered { 1 } else { next.max(2) };
        let flag = |b: bool| Value::Integer(i64::from(b));
        if clustered {
            self.execute(
                "DELETE FROM \"sys.indexes\" WHERE object_id = ?1 AND index_id = 0",
                &[Value::Integer(table.id)],
            )?;
        }
        self.execute(
            "INSERT INTO \"sys.indexes\" VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, ?7, ?8, 0, 0, 0, 0, 1, 1, ?9, ?10)",
            &[
                Value::Integer(table.id),
                text(&def.name),
                Value::Integer(id),
                Value::Integer(if clustered { 1 } else { 2 }),
                text(if clustered { "CLUSTERED" } else { "NONCLUSTERED" }),
                flag(def.unique),
                flag(primary),
                flag(constraint && !primary),
                flag(def.filter.is_some()),
                optional(def.filter.clone()),
            ],
        )?;
        let all = def
            .columns
            .iter()
            .map(|(c, d)| (c, *d, false))
            .chain(def.include.iter().map(|c| (c, false, true)));
        for (i, (name, descending, included)) in all.enumerate() {
            let at = table.column(name).ok_or_else(|| {
                err(1911, format!("Column name '{name}' does not exist in the target table or view."))
            })?;
            self.execute(
                "INSERT INTO \"sys.index_columns\" VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)",
                &[
                    Value::Integer(table.id),
                    Value::Integer(id),
                    Value::Integer(i as i64 + 1),
                    Value::Integer(table.columns[at].id),
                    Value::Integer(if included { 0 } else { i as i64 + 1 }),
                    flag(descending),
                    flag(included),
                ],
            )?;
        }
        self.bump()?;
        self.build_index(table.id, id)
    }

    /// SQLite's side of an index; of one over computed columns there is none.
    pub(crate) fn build_index(&mut self, table: i64, id: i64) -> Run<()> {
        let Some(table) = self.catalog.by_id(table).cloned() else { return Ok(()) };
        let Some(index) = table.indexes.iter().find(|i| i.id == id).cloned() else { return Ok(()) };
        if index.columns.iter().any(|c| table.columns[*c].computed.is_some()) || table.kind != Kind::User {
            return Ok(());
        }
        let filter = match &index.filter {
            Some(text) => {
                let condition = crate::sql::parser::condition(text)?;
                let made = self.compile(&Frame::default(), |c| {
                    let mut columns = c.table_columns(&table, "s0")?;
                    for column in &mut columns {
                        // An index knows no alias.
                        column.typed.sql = column.typed.sql.replace("s0.", "");
                    }
                    c.scopes.push(vec![crate::compile::Source {
                        alias: table.name.clone(),
                        table: None,
                        sql: String::new(),
                        columns,
                    }]);
                    let sql = c.condition(&condition);
                    c.scopes.pop();
                    sql
                })?;
                format!(" WHERE {}", made.result)
            }
            None => String::new(),
        };
        let columns: Vec<String> = index
            .columns
            .iter()
            .map(|c| {
                let column = &table.columns[*c];
                format!("{}{}", column.sql, column_collation(column.ty, column.collation.as_deref()))
            })
            .collect();
        let sql = format!(
            "CREATE {} INDEX \"i{}_{id}\" ON {} ({}){filter}",
            if index.unique { "UNIQUE" } else { "" },
            table.id,
            table.sql,
            columns.join(", ")
        );
        if let Err(error) = self.db.execute_batch(&sql) {
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
                return Err(err(1505, format!("The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '{}' and the index name '{}'.", table.full_name(), index.name)).into());
            }
            return Err(self.sqlite_halt(&error));
        }
        Ok(())
    }
}
