//! Owns INSERT and DELETE; UPDATE and MERGE stand in files of their own.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::catalog::{Kind, Table, same};
use crate::error::{Run, err, err_class, no_column};
use crate::session::exec::{DELETE, INSERT};
use crate::session::output::{Change, Event};
use crate::session::{Frame, Session};
use crate::sql::ast::{Delete, Expr, From, Insert, Source};
use crate::types::SqlType;

impl Session {
    pub(crate) fn insert(&mut self, insert: &Insert, frame: &mut Frame) -> Run<()> {
        let table = self.find_table(&insert.table, frame)?;
        self.require(&table, "INSERT")?;
        self.require_options(&table, "INSERT")?;
        let instead = table.triggers.iter().any(|t| t.instead && !t.disabled && t.events[0]);
        if matches!(table.kind, Kind::View(..)) && !instead {
            return Err(err(4403, format!("Cannot update the view or function '{}' because tds-server keeps views for reading alone.", table.name)).into());
        }
        self.refuse_output(&table, insert.output.as_ref(), 0)?;
        let columns = self.insert_columns(&table, insert)?;
        let work = |s: &mut Self, frame: &mut Frame| -> Run<Change> {
            let rows = s.source_rows(&table, &columns, insert, frame)?;
            if instead {
                return Ok(Change { inserted: rows, ..Change::of(Event::Insert) });
            }
            let mut ids = Vec::new();
            for row in rows {
                s.check_stopped()?;
                ids.push(s.insert_row(&table, row)?);
            }
            s.check_rows(&table, &ids, "INSERT")?;
            let inserted = s.read_rows(&table, &ids)?;
            s.check_parents(&table, &inserted, "INSERT")?;
            Ok(Change { inserted, ..Change::of(Event::Insert) })
        };
        self.change(&table, INSERT, insert.output.as_ref(), frame, work)
    }

    /// Positions of the columns that an INSERT names.
    pub(crate) fn insert_columns(&mut self, table: &Table, insert: &Insert) -> Run<Vec<usize>> {
        let by_hand = self.identity_insert == Some(table.id);
        if insert.columns.is_empty() {
            // Without a list the values are for all columns but those that the server fills.
            if by_hand
                && table.columns.iter().any(|c| c.identity.is_some())
                && !matches!(insert.source, Source::Defaults)
            {
                return Err(err(8101, format!("An explicit value for the identity column in table '{}' can only be specified when a column list is used and IDENTITY_INSERT is ON.", table.full_name())).into());
            }
            return Ok((0..table.columns.len())
                .filter(|i| {
                    let c = &table.columns[*i];
                    c.identity.is_none() && c.computed.is_none() && (c.ty != SqlType::Timestamp)
                })
                .collect());
        }
        self.named_columns(table, &insert.columns)
    }

    pub(crate) fn named_columns(&self, table: &Table, names: &[String]) -> Run<Vec<usize>> {
        let by_hand = self.identity_insert == Some(table.id);
        let mut columns = Vec::new();
        for name in names {
            let at = table.column(name).ok_or_else(|| no_column(name))?;
            if columns.contains(&at) {
                return Err(err(264, format!("The column name '{name}' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.")).into());
            }
            let column = &table.columns[at];
            if column.computed.is_some() {
                return Err(err(271, format!("The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.", column.name)).into());
            }
            if column.ty == SqlType::Timestamp {
                return Err(err(273, "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.").into());
            }
            if column.identity.is_some() && !by_hand {
                return Err(err(544, format!("Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.", table.name)).into());
            }
            columns.push(at);
        }
        if by_hand
            && let Some(identity) = table.columns.iter().position(|c| c.identity.is_some())
            && !columns.contains(&identity)
        {
            return Err(err(545, format!("Explicit value must be specified for identity column in table '{}' either when IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR REPLICATION identity column.", table.name)).into());
        }
        Ok(columns)
    }

    /// The rows of an INSERT, whole and in the columns' types.
    fn source_rows(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        insert: &Insert,
        frame: &mut Frame,
    ) -> Run<Vec<Vec<Value>>> {
        let mismatch =
            || err(213, "Column name or number of supplied values does not match table definition.");
        let (rows, types) = match &insert.source {
            Source::Defaults => (vec![Vec::new()], Vec::new()),
            Source::Values(rows) => {
                if rows[0].len() != columns.len() {
                    return Err(mismatch().into());
                }
                let mut filled = rows.clone();
                for row in &mut filled {
                    for (value, at) in row.iter_mut().zip(columns) {
                        if *value == Expr::Default {
                            *value = Self::default_expr(&table.columns[*at])?;
                        }
                    }
                }
                let made = self.compile(frame, |c| c.rows(&filled))?;
                let types: Vec<SqlType> = made.result.1.iter().map(|o| o.ty).collect();
                (self.fetch(&made.result.0, &made.params)?, types)
            }
            Source::Query(query) => {
                let made = self.compile(frame, |c| c.query(query))?;
                if made.locks {
                    self.lock()?;
                }
                let types: Vec<SqlType> = made.result.1.iter().map(|o| o.ty).collect();
                if types.len() != columns.len() {
                    if insert.columns.is_empty() {
                        return Err(mismatch().into());
                    }
                    let (number, word) =
                        if types.len() < columns.len() { (120, "fewer") } else { (121, "more") };
                    return Err(err_class(number, 15, 1, format!("The select list for the INSERT statement contains {word} items than the insert list. The number of SELECT values must match the number of INSERT columns.")).into());
                }
                (self.fetch(&made.result.0, &made.params)?, types)
            }
            Source::Exec(_) => {
                return Err(err(50_000, "tds-server: INSERT .. EXEC is not kept here").into());
            }
        };
        let given = if matches!(insert.source, Source::Defaults) { &[][..] } else { columns };
        rows.into_iter().map(|row| self.whole_row(table, given, row, &types)).collect()
    }

    /// A row of all columns: what is given, and defaults.
    pub(crate) fn whole_row(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        row: Vec<Value>,
        types: &[SqlType],
    ) -> Run<Vec<Value>> {
        let mut whole = vec![Value::Null; table.columns.len()];
        for ((value, at), from) in row.into_iter().zip(columns).zip(types) {
            whole[*at] = self.assign_column(table, &table.columns[*at], value, *from)?;
        }
        for (i, column) in table.columns.iter().enumerate() {
            if !columns.contains(&i) && column.default.is_some() {
                whole[i] = self.default_value(table, column)?;
            }
        }
        Ok(whole)
    }

    pub(crate) fn delete(&mut self, delete: &Delete, frame: &mut Frame) -> Run<()> {
        let (table, from) = self.target(&delete.target, &delete.hints, &delete.from, frame)?;
        self.require(&table, "DELETE")?;
        self.require_options(&table, "DELETE")?;
        self.refuse_output(&table, delete.output.as_ref(), 2)?;
        let instead = table.triggers.iter().any(|t| t.instead && !t.disabled && t.events[2]);
        let name = target_name(&delete.target);
        let work = |s: &mut Self, frame: &mut Frame| -> Run<Change> {
            let made = s.compile(frame, |c| {
                c.scopes.push(Vec::new());
                let mut seen = Vec::new();
                let sources: Vec<String> =
                    from.iter().map(|f| c.from(f, &mut seen)).collect::<Result<_, _>>()?;
                let alias = find_alias(c.scopes.last().map_or(&[], Vec::as_slice), &name)?;
                let filter = match &delete.filter {
                    Some(filter) => format!(" WHERE {}", c.condition(filter)?),
                    None => String::new(),
                };
                let limit = match &delete.top {
                    Some(top) => format!(" LIMIT {}", c.value(top)?.sql),
                    None => String::new(),
                };
                Ok(format!("SELECT DISTINCT {alias}.rowid FROM {}{filter}{limit}", sources.join(", ")))
            })?;
            let ids = integers(&s.fetch(&made.result, &made.params)?);
            let deleted = s.read_rows(&table, &ids)?;
            if !instead {
                let sql = format!("DELETE FROM {} WHERE rowid = ?1", table.sql);
                for id in &ids {
                    s.execute(&sql, &[Value::Integer(*id)])?;
                }
                s.check_children(&table, &deleted, "DELETE")?;
            }
            Ok(Change { deleted, ..Change::of(Event::Delete) })
        };
        self.change(&table, DELETE, delete.output.as_ref(), frame, work)
    }

    /// The table that UPDATE and DELETE mean, and the sources with that table among them.
    pub(crate) fn target(
        &mut self,
        target: &Vec<String>,
        hints: &[String],
        from: &[From],
        frame: &Frame,
    ) -> Run<(Arc<Table>, Vec<From>)> {
        if let [alias] = target.as_slice()
            && let Some(name) = from.iter().find_map(|f| aliased(f, alias))
        {
            return Ok((self.find_table(&name, frame)?, from.to_vec()));
        }
        let table = self.find_table(target, frame)?;
        let mut from = from.to_vec();
        let named = |f: &From| names(f).iter().any(|n| n.last().is_some_and(|n| same(n, &table.name)));
        if !from.iter().any(named) {
            let own = if target.len() == 1 && target[0].starts_with('@') {
                From::Variable { name: target[0].clone(), alias: None }
            } else {
                From::Table { name: target.clone(), alias: None, hints: hints.to_vec(), line: 0 }
            };
            from.insert(0, own);
        }
        Ok((table, from))
    }
}

/// The name under which the sources show the target.
pub(crate) fn target_name(target: &[String]) -> String {
    target.last().cloned().unwrap_or_default()
}

/// SQLite's alias of the source with this alias or table name.
pub(crate) fn find_alias(
    scope: &[crate::compile::Source],
    name: &str,
) -> Result<String, crate::error::SqlError> {
    scope
        .iter()
        .find(|s| same(&s.alias, name))
        .or_else(|| scope.iter().find(|s| s.table.as_ref().is_some_and(|t| same(&t.name, name))))
        .map(|s| s.sql.clone())
        .ok_or_else(|| crate::error::no_object(name))
}

pub(crate) fn integers(rows: &[Vec<Value>]) -> Vec<i64> {
    rows.iter()
        .filter_map(|r| if let Some(Value::Integer(n)) = r.first() { Some(*n) } else { None })
        .collect()
}

fn aliased(from: &From, wanted: &str) -> Option<Vec<String>> {
    match from {
        From::Table { name, alias: Some(alias), .. } if same(alias, wanted) => Some(name.clone()),
        From::Variable { name, alias: Some(alias) } if same(alias, wanted) => Some(vec![name.clone()]),
        From::Join(_, left, right, _) => aliased(left, wanted).or_else(|| aliased(right, wanted)),
        _ => None,
    }
}

fn names(from: &From) -> Vec<Vec<String>> {
    match from {
        From::Table { name, .. } => vec![name.clone()],
        From::Variable { name, .. } => vec![vec![name.clone()]],
        From::Join(_, left, right, _) => [names(left), names(right)].concat(),
        _ => Vec::new(),
    }
}
