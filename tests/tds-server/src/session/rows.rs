//! Owns single rows on their way into a table: assignment to a column's type, defaults, identity, rowversion, NOT NULL.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::catalog::{Column, Kind, Table};
use crate::compile::{Env, resolve};
use crate::convert::{TOO_LONG, convert};
use crate::error::{Run, SqlError, err, err_class};
use crate::session::{Frame, Session};
use crate::sql::ast::Expr;
use crate::types::SqlType;

impl Session {
    /// The table that a statement writes to.
    pub(crate) fn find_table(&mut self, name: &Vec<String>, frame: &Frame) -> Run<Arc<Table>> {
        self.refresh()?;
        let facts = self.facts_now();
        let env = Env {
            catalog: &self.catalog,
            variables: &frame.variables,
            temporary: &self.temporary,
            facts: &facts,
            may: &|_, _| true,
            limited: false,
        };
        Ok(resolve(&env, name)?)
    }

    pub(crate) fn facts_now(&self) -> crate::compile::Facts {
        self.shared.with(|scope| scope.facts.clone())
    }

    /// 229 unless the user may.
    pub(crate) fn require(&self, table: &Table, permission: &str) -> Run<()> {
        if table.kind == Kind::Temporary
            || self.shared.with(|scope| crate::functions::may(scope, permission, table.id))
        {
            return Ok(());
        }
        if table.kind == Kind::System {
            return Err(err(259, "Ad hoc updates to system catalogs are not allowed.").into());
        }
        let message = format!(
            "The {permission} permission was denied on the object '{}', database '{}', schema '{}'.",
            table.name, self.database.name, table.schema
        );
        Err(err_class(229, 14, 5, message).into())
    }

    /// 1934: the SET options that a table with an indexed computed column asks for.
    pub(crate) fn require_options(&self, table: &Table, verb: &str) -> Run<()> {
        if !table.is_strict() {
            return Ok(());
        }
        let wrong: Vec<&str> = [
            "ANSI_NULLS",
            "ANSI_PADDING",
            "ANSI_WARNINGS",
            "ARITHABORT",
            "CONCAT_NULL_YIELDS_NULL",
            "NUMERIC_ROUNDABORT",
            "QUOTED_IDENTIFIER",
        ]
        .into_iter()
        .filter(|name| {
            let on = self.options.switches.get(*name).copied().unwrap_or(false);
            // ANSI_WARNINGS ON brings ARITHABORT with it at compatibility level 90 and above.
            let implied =
                *name == "ARITHABORT" && self.options.switches.get("ANSI_WARNINGS").copied().unwrap_or(false);
            (on || implied) != (*name != "NUMERIC_ROUNDABORT")
        })
        .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(err(
            1934,
            format!(
                "{verb} failed because the following SET options have incorrect settings: '{}'. Verify that SET options are correct for use with indexed views and/or indexes on computed columns and/or filtered indexes and/or query notifications and/or XML data type methods and/or spatial index operations.",
                wrong.join(", ")
            ),
        )
        .into())
    }

    /// A value as a column holds it.
    pub(crate) fn assign_column(
        &self,
        table: &Table,
        column: &Column,
        value: Value,
        from: SqlType,
    ) -> Run<Value> {
        crate::compile::assignable(from, column.ty)?;
        let warn = self.options.switches.get("ANSI_WARNINGS").copied().unwrap_or(true);
        let ctx = crate::convert::Ctx {
            page: column
                .collation
                .as_deref()
                .map_or_else(|| self.ctx(warn).page, crate::collation::code_page),
            ..self.ctx(warn)
        };
        match convert(value, from, column.ty, 0, ctx) {
            Ok(value) => Ok(value),
            Err(error) if error.number == TOO_LONG => Err(self.too_long(table, column, &error).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// 8152, or 2628 with the names since SQL Server 2019.
    fn too_long(&self, table: &Table, column: &Column, error: &SqlError) -> SqlError {
        if self.server.version.major() >= 15 {
            return err(
                2628,
                format!(
                    "String or binary data would be truncated in table '{}.{}', column '{}'. Truncated value: '{}'.",
                    self.database.name,
                    table.full_name(),
                    column.name,
                    error.procedure
                ),
            );
        }
        err_class(
            TOO_LONG,
            16,
            if column.ty.is_national() { 13 } else { 30 },
            "String or binary data would be truncated.",
        )
    }

    /// The value of a column's default; NULL where it has none.
    pub(crate) fn default_value(&mut self, table: &Table, column: &Column) -> Run<Value> {
        let Some(text) = &column.default else { return Ok(Value::Null) };
        let expr = crate::sql::parser::value(text)?;
        let (value, from) = self.eval(&Frame::default(), &expr)?;
        self.assign_column(table, column, value, from)
    }

    /// The expression that DEFAULT stands for.
    pub(crate) fn default_expr(column: &Column) -> Run<Expr> {
        match &column.default {
            Some(text) => Ok(crate::sql::parser::value(text)?),
            None => Ok(Expr::Null),
        }
    }

    /// The next rowversion of the database.
    pub(crate) fn next_rowversion(&self) -> Run<Value> {
        let rows =
            self.fetch("UPDATE x_counters SET rowversion = rowversion + 1 RETURNING rowversion", &[])?;
        let n = rows
            .first()
            .and_then(|r| if let Some(Value::Integer(n)) = r.first() { Some(*n) } else { None })
            .unwrap_or(0);
        Ok(Value::Blob(n.to_be_bytes().to_vec()))
    }

    /// 515.
    pub(crate) fn refuse_null(&self, table: &Table, column: &Column, verb: &str) -> SqlError {
        let name = if table.kind == Kind::Temporary {
            table.name.clone()
        } else {
            format!("{}.{}", self.database.name, table.full_name())
        };
        err_class(
            515,
            16,
            2,
            format!(
                "Cannot insert the value NULL into column '{}', table '{name}'; column does not allow nulls. {verb} fails.",
                column.name
            ),
        )
    }

    /// Puts a whole row into the table and tells its rowid. Computed columns are left out.
    pub(crate) fn insert_row(&mut self, table: &Table, mut row: Vec<Value>) -> Run<i64> {
        for (i, column) in table.columns.iter().enumerate() {
            if column.computed.is_some() {
                continue;
            }
            if column.ty == SqlType::Timestamp {
                row[i] = self.next_rowversion()?;
            } else if let Some((seed, step)) = column.identity {
                row[i] = self.identity_value(table, column, &row[i], seed, step)?;
            } else if matches!(row[i], Value::Null) && !column.nullable {
                return Err(self.refuse_null(table, column, "INSERT").into());
            }
        }
        self.check_null_keys(table, &row, None)?;
        let stored: Vec<usize> =
            (0..table.columns.len()).filter(|i| table.columns[*i].computed.is_none()).collect();
        let names: Vec<&str> = stored.iter().map(|i| table.columns[*i].sql.as_str()).collect();
        let marks: Vec<String> = (1..=stored.len()).map(|n| format!("?{n}")).collect();
        let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.sql, names.join(", "), marks.join(", "));
        let values: Vec<Value> = stored.iter().map(|i| row[*i].clone()).collect();
        self.store(table, &sql, &values, &row, None)?;
        Ok(self.db.last_insert_rowid())
    }

    fn identity_value(
        &mut self,
        table: &Table,
        column: &Column,
        given: &Value,
        seed: i64,
        step: i64,
    ) -> Run<Value> {
        let value = match given {
            Value::Null => self.database.next_identity(table.id, seed, step),
            given => {
                let n: i64 = crate::convert::text_of(given).parse().unwrap_or(0);
                self.database.saw_identity(table.id, n, step);
                n
            }
        };
        let checked = convert(Value::Integer(value), SqlType::BigInt, column.ty, 0, self.ctx(false));
        let Ok(stored) = checked else {
            return Err(err_class(
                8115,
                16,
                1,
                format!("Arithmetic overflow error converting IDENTITY to data type {}.", column.ty.name()),
            )
            .into());
        };
        if table.kind == Kind::User {
            let last = self.database.last_identity(table.id).unwrap_or(value);
            self.execute(
                "UPDATE \"sys.columns\" SET x_last = ?1 WHERE object_id = ?2 AND column_id = ?3",
                &[Value::Integer(last), Value::Integer(table.id), Value::Integer(column.id)],
            )?;
        }
        self.identity = Some(value);
        self.scope_identity = Some(value);
        Ok(stored)
    }

    /// A write of one row; SQLite's refusal in SQL Server's words.
    pub(crate) fn store(
        &mut self,
        table: &Table,
        sql: &str,
        values: &[Value],
        row: &[Value],
        rowid: Option<i64>,
    ) -> Run<()> {
        let run = || self.db.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values));
        match run() {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Err(self.duplicate(table, row, rowid)?.into())
            }
            Err(error) => Err(self.sqlite_halt(&error)),
        }
    }
}
