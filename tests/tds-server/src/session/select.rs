//! Owns SELECT as a statement: results to the client, values to variables, rows to a new table.

use rusqlite::types::Value;

use crate::compile::OutColumn;
use crate::error::{Run, err, err_class};
use crate::session::exec::SELECT;
use crate::session::{Frame, Session};
use crate::sql::ast::{Body, ColumnDef, Item, Query, Select, TableDef};
use crate::token::Column;
use crate::types::SqlType;

/// A column of a result as the wire describes it.
pub(crate) fn wire_column(column: &OutColumn) -> Column {
    Column {
        name: column.name.clone().unwrap_or_default(),
        ty: column.ty,
        nullable: column.nullable || column.ty == SqlType::Null,
        identity: column.identity,
        computed: column.computed,
        collation: column.collation.clone().unwrap_or_default(),
    }
}

fn first_select(body: &Body) -> Option<&Select> {
    match body {
        Body::Select(select) => Some(select),
        Body::Set(_, left, _) => first_select(left),
        Body::Nested(query) => first_select(&query.body),
    }
}

impl Session {
    pub(crate) fn select(&mut self, query: &Query, frame: &mut Frame) -> Run<()> {
        let made = self.compile(frame, |c| c.query(query))?;
        let (sql, columns) = made.result;
        if sql.contains("\"sys.databases\"") || sql.contains("\"sys.dm_exec_") {
            self.fill_server_tables()?;
        }
        let lasting = matches!(self.options.isolation.as_str(), "SERIALIZABLE" | "REPEATABLE READ")
            && self.trancount > 0;
        if made.locks || lasting {
            self.lock()?;
        }
        let rows = self.fetch(&sql, &made.params);
        self.unlock_if_idle();
        let rows = rows?;
        let select = first_select(&query.body);
        if let Some(into) = select.and_then(|s| s.into.as_ref()) {
            return self.select_into(into, &columns, rows, frame);
        }
        if let Some(select) = select
            && select.items.iter().any(|i| matches!(i, Item::Assign(..)))
        {
            return self.assign(select, &columns, rows, frame);
        }
        let wire: Vec<Column> = columns.iter().map(wire_column).collect();
        self.reply.columns(&wire);
        for row in &rows {
            self.reply.row(&wire, row);
        }
        self.rowcount = rows.len() as i64;
        self.done(SELECT, Some(rows.len() as u64));
        Ok(())
    }

    fn assign(
        &mut self,
        select: &Select,
        columns: &[OutColumn],
        rows: Vec<Vec<Value>>,
        frame: &mut Frame,
    ) -> Run<()> {
        if select.items.iter().any(|i| !matches!(i, Item::Assign(..))) {
            return Err(err_class(141, 15, 1, "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.").into());
        }
        self.rowcount = rows.len() as i64;
        // Without rows the variables stay as they are.
        if let Some(row) = rows.into_iter().next_back() {
            for ((item, column), value) in select.items.iter().zip(columns).zip(row) {
                if let Item::Assign(name, _) = item {
                    self.set_variable(frame, name, value, column.ty)?;
                }
            }
        }
        self.done(SELECT, Some(self.rowcount.unsigned_abs()));
        Ok(())
    }

    fn select_into(
        &mut self,
        into: &[String],
        columns: &[OutColumn],
        rows: Vec<Vec<Value>>,
        frame: &mut Frame,
    ) -> Run<()> {
        let mut def = TableDef { columns: Vec::new(), constraints: Vec::new() };
        for column in columns {
            let Some(name) = &column.name else {
                return Err(err(1038, "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name.").into());
            };
            let ty = if column.ty == SqlType::Null { SqlType::Int } else { column.ty };
            def.columns.push(ColumnDef {
                name: name.clone(),
                ty,
                type_name: ty.name().into(),
                computed: None,
                nullable: Some(column.nullable),
                identity: None,
                default: None,
                collation: column.collation.clone(),
                rowguid: false,
            });
        }
        let count = rows.len() as u64;
        self.write(|s| {
            s.create_table(into, &def)?;
            s.refresh()?;
            let table = s.find_table(&into.to_vec(), frame)?;
            for row in rows {
                s.insert_row(&table, row)?;
            }
            Ok(())
        })?;
        self.rowcount = count as i64;
        self.done(SELECT, Some(count));
        Ok(())
    }

    /// sys.databases and the views of sessions hold the server's state of this moment.
    fn fill_server_tables(&mut self) -> Run<()> {
        self.execute("DELETE FROM \"sys.databases\"", &[])?;
        let collation = self.server.collation.clone();
        for (i, database) in self.server.databases.iter().enumerate() {
            let s = database.settings();
            let flag = i64::from;
            let sql = format!(
                "INSERT INTO \"sys.databases\" (name, database_id, create_date, compatibility_level, collation_name, user_access, \
                 user_access_desc, is_read_only, is_auto_close_on, is_auto_shrink_on, state, state_desc, snapshot_isolation_state, \
                 snapshot_isolation_state_desc, is_read_committed_snapshot_on, recovery_model, recovery_model_desc, \
                 is_quoted_identifier_on, is_arithabort_on, is_ansi_warnings_on) VALUES (?1, {}, '2020-01-01 00:00:00.0000000', {}, ?2, 0, \
                 'MULTI_USER', {}, 0, 0, 0, 'ONLINE', {}, '{}', {}, {}, ?3, 0, 0, 0)",
                if i == 0 { 1 } else { i as i64 + 4 },
                s.compatibility,
                flag(s.read_only),
                flag(s.snapshot),
                if s.snapshot { "ON" } else { "OFF" },
                flag(s.read_committed_snapshot),
                match s.recovery.as_str() {
                    "FULL" => 1,
                    "BULK_LOGGED" => 2,
                    _ => 3,
                },
            );
            self.execute(
                &sql,
                &[
                    Value::Text(database.name.clone()),
                    Value::Text(collation.clone()),
                    Value::Text(s.recovery),
                ],
            )?;
        }
        self.execute("DELETE FROM \"sys.dm_exec_sessions\"", &[])?;
        self.execute("DELETE FROM \"sys.dm_exec_connections\"", &[])?;
        for seen in self.server.sessions() {
            self.execute(
                "INSERT INTO \"sys.dm_exec_sessions\" VALUES (?1, '2020-01-01 00:00:00.0000000', ?2, ?3, ?4, 'running', 5, 0, 1)",
                &[Value::Integer(seen.spid), Value::Text(seen.host), Value::Text(seen.app), Value::Text(seen.login)],
            )?;
            self.execute(
                "INSERT INTO \"sys.dm_exec_connections\" VALUES (?1, '2020-01-01 00:00:00.0000000', 'TCP', ?2, 'SQL', '127.0.0.1', 4096)",
                &[Value::Integer(seen.spid), Value::Text(if seen.encrypted { "TRUE" } else { "FALSE" }.into())],
            )?;
        }
        Ok(())
    }
}
