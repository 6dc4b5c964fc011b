//! Owns CREATE TABLE and the making of columns, constraints and indexes, in the catalog and in SQLite.

use rusqlite::types::Value;

use crate::catalog::{Column, Kind, Table, same};
use crate::collation;
use crate::error::{Run, err, err_class};
use crate::session::{Frame, Session};
use crate::sql::ast::{ColumnDef, Constraint, TableDef};
use crate::types::SqlType;

pub(crate) fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

pub(crate) fn optional(value: Option<String>) -> Value {
    value.map_or(Value::Null, Value::Text)
}

/// What sys.objects says of a type.
pub(crate) fn describe_type(ty: &str) -> &'static str {
    match ty {
        "U" => "USER_TABLE",
        "V" => "VIEW",
        "P" => "SQL_STORED_PROCEDURE",
        "TR" => "SQL_TRIGGER",
        "SN" => "SYNONYM",
        "D" => "DEFAULT_CONSTRAINT",
        "C" => "CHECK_CONSTRAINT",
        "F" => "FOREIGN_KEY_CONSTRAINT",
        "PK" => "PRIMARY_KEY_CONSTRAINT",
        _ => "UNIQUE_CONSTRAINT",
    }
}

impl Session {
    /// The catalog has changed.
    pub(crate) fn bump(&mut self) -> Run<()> {
        self.execute("UPDATE x_version SET n = n + 1", &[])?;
        self.refresh()
    }

    /// Schema and name of an object to be made.
    pub(crate) fn new_name(&self, name: &[String]) -> Run<(i64, String, String)> {
        let (schema, object) = match name {
            [object] => (self.account.schema.clone(), object),
            [schema, object] => (schema.clone(), object),
            [database, schema, object] if same(database, &self.database.name) => (schema.clone(), object),
            _ => return Err(err(166, "The object name contains prefixes that are not allowed here.").into()),
        };
        if object.starts_with('#') {
            return Err(
                err(50_000, "tds-server: temporary tables are not kept here, table variables are").into()
            );
        }
        let schema = if schema.is_empty() { "dbo".into() } else { schema };
        let id = self.catalog.schema_id(&schema).ok_or_else(|| {
            err(2760, format!("The specified schema name \"{schema}\" either does not exist or you do not have permission to use it."))
        })?;
        Ok((id, schema, object.clone()))
    }

    /// A row in sys.objects; its id.
    pub(crate) fn new_object(
        &mut self,
        schema: i64,
        name: &str,
        ty: &str,
        parent: i64,
        body: Option<String>,
    ) -> Run<i64> {
        let clash = self.fetch(
            "SELECT 1 FROM \"sys.objects\" WHERE schema_id = ?1 AND name = ?2",
            &[Value::Integer(schema), text(name)],
        )?;
        if !clash.is_empty() {
            return Err(err_class(
                2714,
                16,
                6,
                format!("There is already an object named '{name}' in the database."),
            )
            .into());
        }
        let rows = self.fetch(
            "UPDATE x_counters SET object_id = object_id + 16000057 % 2000000 + 1 RETURNING object_id",
            &[],
        )?;
        let Some(Value::Integer(id)) = rows.first().and_then(|r| r.first()).cloned() else {
            return Err(err(8624, "tds-server: no object id").into());
        };
        let now = crate::datetime::now()
            .fit(SqlType::DateTime)
            .map(|m| m.canonical(SqlType::DateTime))
            .unwrap_or_default();
        self.execute(
            "INSERT INTO \"sys.objects\" (name, object_id, schema_id, parent_object_id, type, type_desc, create_date, modify_date, \
             is_ms_shipped, is_published, is_schema_published, x_text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0, 0, 0, ?8)",
            &[
                text(name),
                Value::Integer(id),
                Value::Integer(schema),
                Value::Integer(parent),
                text(format!("{ty:<2}")),
                text(describe_type(ty)),
                text(now),
                optional(body),
            ],
        )?;
        Ok(id)
    }

    /// A name as the server gives one to a constraint without.
    pub(crate) fn generated_name(&self, prefix: &str, table: &str) -> Run<String> {
        let rows = self.fetch("SELECT object_id FROM x_counters", &[])?;
        let n = rows
            .first()
            .and_then(|r| if let Some(Value::Integer(n)) = r.first() { Some(*n) } else { None })
            .unwrap_or(0);
        let short: String = table.chars().take(9).collect();
        Ok(format!("{prefix}__{short}__{:016X}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)))
    }

    pub(crate) fn create_table(&mut self, name: &[String], def: &TableDef) -> Run<()> {
        let (schema_id, schema, table) = self.new_name(name)?;
        if def.columns.is_empty() {
            return Err(err(1715, "Incorrect table definition.").into());
        }
        let id = self.new_object(schema_id, &table, "U", 0, None)?;
        self.execute(&format!("CREATE TABLE \"t{id}\" (x_rid INTEGER PRIMARY KEY AUTOINCREMENT)"), &[])?;
        self.execute(
            "INSERT INTO \"sys.indexes\" (object_id, name, index_id, type, type_desc, is_unique, data_space_id, ignore_dup_key, \
             is_primary_key, is_unique_constraint, fill_factor, is_padded, is_disabled, is_hypothetical, allow_row_locks, \
             allow_page_locks, has_filter) VALUES (?1, NULL, 0, 0, 'HEAP', 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0)",
            &[Value::Integer(id)],
        )?;
        let full = format!("{schema}.{table}");
        for column in &def.columns {
            self.add_column(id, &full, column, def)?;
        }
        self.bump()?;
        for constraint in &def.constraints {
            self.add_constraint(id, constraint)?;
        }
        Ok(())
    }

    /// A column in the catalog and in SQLite; the rows that are there get NULL.
    pub(crate) fn add_column(
        &mut self,
        table: i64,
        full: &str,
        column: &ColumnDef,
        def: &TableDef,
    ) -> Run<()> {
        let taken = self.fetch(
            "SELECT name, column_id FROM \"sys.columns\" WHERE object_id = ?1",
            &[Value::Integer(table)],
        )?;
        if taken.iter().any(|r| same(&crate::convert::text_of(&r[0]), &column.name)) {
            return Err(err_class(2705, 16, 3, format!("Column names in each table must be unique. Column name '{}' in table '{full}' is specified more than once.", column.name)).into());
        }
        let keyed = def.constraints.iter().any(|c| {
            matches!(c, Constraint::Key { primary: true, columns, .. } if columns.iter().any(|k| same(&k.0, &column.name)))
        });
        let rows = self.fetch(
            "SELECT coalesce(max(column_id), 0) + 1 FROM (SELECT column_id FROM \"sys.columns\" WHERE object_id = ?1)",
            &[Value::Integer(table)],
        )?;
        let Some(Value::Integer(id)) = rows.first().and_then(|r| r.first()).cloned() else { return Ok(()) };
        let ty = if let Some((_, expr, _)) = &column.computed {
            self.computed_type(table, expr)?
        } else {
            column.ty
        };
        if let Some(name) = &column.collation
            && !collation::exists(name)
            && !name.eq_ignore_ascii_case("database_default")
        {
            return Err(err_class(448, 16, 3, format!("Invalid collation '{name}'.")).into());
        }
        let named = column.collation.clone().filter(|n| !n.eq_ignore_ascii_case("database_default"));
        let collation = ty.is_text().then(|| named.unwrap_or_else(|| self.server.collation.clone()));
        let nullable = !keyed && column.identity.is_none() && column.nullable.unwrap_or(true);
        let (length, precision, scale) = ty.catalog_sizes();
        let lower = column.type_name.to_lowercase();
        let system_id = if lower == "numeric" { 108 } else { ty.system_id() };
        let user_id = if lower == "sysname" { 256 } else { system_id };
        let (seed, step) = column
            .identity
            .map_or((Value::Null, Value::Null), |(a, b)| (Value::Integer(a), Value::Integer(b)));
        let flag = |b: bool| Value::Integer(i64::from(b));
        self.execute(
            "INSERT INTO \"sys.columns\" (object_id, name, column_id, system_type_id, user_type_id, max_length, precision, scale, \
             collation_name, is_nullable, is_ansi_padded, is_rowguidcol, is_identity, is_computed, is_filestream, is_replicated, \
             is_xml_document, is_sparse, is_column_set, default_object_id, rule_object_id, x_seed, x_increment, x_definition, x_persisted) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11, ?12, ?13, 0, 0, 0, 0, 0, 0, 0, ?14, ?15, ?16, ?17)",
            &[
                Value::Integer(table),
                text(&column.name),
                Value::Integer(id),
                Value::Integer(system_id),
                Value::Integer(user_id),
                Value::Integer(length),
                Value::Integer(precision),
                Value::Integer(scale),
                optional(collation.clone()),
                flag(nullable),
                flag(column.rowguid),
                flag(column.identity.is_some()),
                flag(column.computed.is_some()),
                seed,
                step,
                optional(column.computed.as_ref().map(|c| format!("({})", c.0))),
                flag(column.computed.as_ref().is_some_and(|c| c.2)),
            ],
        )?;
        let order = column_collation(ty, collation.as_deref());
        self.execute(&format!("ALTER TABLE \"t{table}\" ADD COLUMN c{id}{order}"), &[])?;
        if let Some((name, body)) = &column.default {
            self.add_default(table, &column.name, name.clone(), body)?;
        }
        Ok(())
    }

    /// The type of a computed column.
    fn computed_type(&mut self, table: i64, expr: &crate::sql::ast::Expr) -> Run<SqlType> {
        self.bump()?;
        let Some(table) = self.catalog.by_id(table).cloned() else { return Ok(SqlType::Int) };
        let made = self.compile(&Frame::default(), |c| {
            let columns = c.table_columns(&table, "s0")?;
            c.scopes.push(vec![crate::compile::Source {
                alias: table.name.clone(),
                table: None,
                sql: "s0".into(),
                columns,
            }]);
            let value = c.value(expr);
            c.scopes.pop();
            value
        })?;
        Ok(made.result.ty)
    }

    /// A table variable.
    pub(crate) fn declare_table(&mut self, name: &str, def: &TableDef) -> Run<()> {
        self.next_temporary += 1;
        let sql = format!("\"x_v_{}\"", self.next_temporary);
        let columns: Vec<Column> = def
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| Column {
                id: i as i64 + 1,
                name: c.name.clone(),
                ty: c.ty,
                collation: c.collation.clone(),
                nullable: c.nullable.unwrap_or(true),
                identity: c.identity,
                computed: c.computed.as_ref().map(|c| c.0.clone()),
                default: c.default.as_ref().map(|d| d.1.clone()),
                sql: format!("c{}", i + 1),
            })
            .collect();
        let list: Vec<String> = columns
            .iter()
            .map(|c| {
                format!(
                    "{}{}",
                    c.sql,
                    column_collation(c.ty, Some(c.collation.as_deref().unwrap_or(&self.server.collation)))
                )
            })
            .collect();
        self.execute(&format!("CREATE TEMP TABLE {sql} ({})", list.join(", ")), &[])?;
        // Identity counters of variables are told apart by negative ids.
        let id = -1_000_000 - self.next_temporary as i64;
        self.database.forget_identity(id);
        let table = Table {
            id,
            schema: String::new(),
            name: name.to_owned(),
            kind: Kind::Temporary,
            sql,
            columns,
            indexes: Vec::new(),
            checks: Vec::new(),
            triggers: Vec::new(),
        };
        self.temporary.insert(name.to_lowercase(), std::sync::Arc::new(table));
        Ok(())
    }
}

/// What SQLite is told of a column's order.
pub(crate) fn column_collation(ty: SqlType, name: Option<&str>) -> String {
    if ty.is_text() {
        return format!(" COLLATE {}", collation::sqlite(name.unwrap_or_default()));
    }
    match ty {
        _ if ty.is_exact() => " COLLATE TNUM".into(),
        SqlType::DateTimeOffset(_) => " COLLATE TDTO".into(),
        _ => String::new(),
    }
}
