//! Owns what follows a change of rows: the tables inserted and deleted, triggers, OUTPUT, counts.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::catalog::{Column, Kind, Table};
use crate::error::{Halt, Run, err};
use crate::session::run::Flow;
use crate::session::{Frame, Session};
use crate::sql::ast::Output;
use crate::token;
use crate::types::SqlType;

/// What a statement does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Insert,
    Update,
    Delete,
    Merge,
}

/// Rows before and after; of a MERGE, rows by what happened to them.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) event: Event,
    pub(crate) inserted: Vec<Vec<Value>>,
    pub(crate) deleted: Vec<Vec<Value>>,
    /// The parts of a MERGE.
    pub(crate) parts: Vec<Change>,
}

impl Change {
    pub(crate) fn of(event: Event) -> Self {
        Self { event, inserted: Vec::new(), deleted: Vec::new(), parts: Vec::new() }
    }

    fn count(&self) -> usize {
        if self.event == Event::Merge {
            return self.parts.iter().map(Change::count).sum();
        }
        self.inserted.len().max(self.deleted.len())
    }
}

impl Session {
    /// 334: OUTPUT to the client from a table whose triggers would speak too.
    pub(crate) fn refuse_output(&self, table: &Table, output: Option<&Output>, event: usize) -> Run<()> {
        let enabled = table.triggers.iter().any(|t| !t.disabled && (event > 2 || t.events[event]));
        if enabled && output.is_some_and(|o| o.into.is_none()) {
            return Err(err(334, format!("The target table '{}' of the DML statement cannot have any enabled triggers if the statement contains an OUTPUT clause without INTO clause.", table.full_name())).into());
        }
        Ok(())
    }

    /// Runs a change as one statement: rows, triggers, OUTPUT, count.
    pub(crate) fn change(
        &mut self,
        table: &Arc<Table>,
        command: u16,
        output: Option<&Output>,
        frame: &mut Frame,
        work: impl FnOnce(&mut Self, &mut Frame) -> Run<Change>,
    ) -> Run<()> {
        let whole = |s: &mut Self| -> Run<(u64, Option<(Vec<token::Column>, Vec<Vec<Value>>)>)> {
            let change = work(s, frame)?;
            let count = change.count() as u64;
            let out = match output {
                Some(output) => s.output(table, output, &change, frame)?,
                None => None,
            };
            s.rowcount = count as i64;
            if change.event == Event::Merge {
                for part in &change.parts {
                    s.fire(table, part)?;
                }
            } else {
                s.fire(table, &change)?;
            }
            Ok((count, out))
        };
        // A table variable is no concern of other sessions and of no transaction.
        let (count, out) = if table.kind == Kind::Temporary { whole(self)? } else { self.write(whole)? };
        if let Some((columns, rows)) = out {
            self.reply.columns(&columns);
            for row in &rows {
                self.reply.row(&columns, row);
            }
        }
        self.rowcount = count as i64;
        self.done(command, Some(count));
        Ok(())
    }

    /// A table of rows under a name that only this statement knows.
    fn pseudo(&mut self, table: &Table, name: &str, rows: &[Vec<Value>]) -> Run<Arc<Table>> {
        self.next_temporary += 1;
        let sql = format!("\"x_{name}_{}\"", self.next_temporary);
        let columns: Vec<Column> = table
            .columns
            .iter()
            .map(|c| Column {
                computed: None,
                identity: None,
                default: None,
                nullable: true,
                sql: format!("c{}", c.id),
                ..c.clone()
            })
            .collect();
        let pseudo = Table {
            id: 0,
            schema: String::new(),
            name: name.into(),
            kind: Kind::Temporary,
            sql: sql.clone(),
            columns,
            indexes: Vec::new(),
            checks: Vec::new(),
            triggers: Vec::new(),
        };
        let list: Vec<&str> = pseudo.columns.iter().map(|c| c.sql.as_str()).collect();
        self.execute(&format!("CREATE TEMP TABLE {sql} ({})", list.join(", ")), &[])?;
        let marks: Vec<String> = (1..=list.len()).map(|n| format!("?{n}")).collect();
        let insert = format!("INSERT INTO {sql} VALUES ({})", marks.join(", "));
        for row in rows {
            self.execute(&insert, row)?;
        }
        Ok(Arc::new(pseudo))
    }

    fn drop_pseudo(&self, tables: &[Arc<Table>]) {
        for table in tables {
            // After a rollback the table is gone already.
            let _ = self.db.execute_batch(&format!("DROP TABLE IF EXISTS temp.{}", table.sql));
        }
    }

    /// Fires the triggers of a change.
    fn fire(&mut self, table: &Arc<Table>, change: &Change) -> Run<()> {
        let event = match change.event {
            Event::Insert => 0,
            Event::Update => 1,
            _ => 2,
        };
        let due: Vec<_> = table
            .triggers
            .iter()
            .filter(|t| !t.disabled && t.events[event] && !self.firing.contains(&t.id))
            .cloned()
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        if self.nest >= 32 {
            return Err(err(
                217,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            )
            .into());
        }
        let inserted = self.pseudo(table, "inserted", &change.inserted)?;
        let deleted = self.pseudo(table, "deleted", &change.deleted)?;
        let before = std::mem::take(&mut self.temporary);
        let (identity, count) = (self.scope_identity, self.rowcount);
        let mut outcome = Ok(());
        for trigger in due {
            self.temporary = [
                ("inserted".to_owned(), Arc::clone(&inserted)),
                ("deleted".to_owned(), Arc::clone(&deleted)),
            ]
            .into();
            self.scope_identity = None;
            self.rowcount = count;
            self.firing.push(trigger.id);
            self.nest += 1;
            let nocount = self.options.nocount;
            outcome = self.trigger_body(&trigger.body);
            self.options.nocount = nocount;
            self.nest -= 1;
            self.firing.pop();
            if let Err(Halt::Error(error)) = &mut outcome
                && error.procedure.is_empty()
            {
                error.procedure.clone_from(&trigger.name);
            }
            if outcome.is_err() || !self.writing {
                break;
            }
        }
        self.temporary = before;
        self.scope_identity = identity;
        self.rowcount = count;
        self.drop_pseudo(&[inserted, deleted]);
        match outcome {
            Err(Halt::Error(error)) => {
                // XACT_ABORT is ON in a trigger: its error takes the transaction along.
                if self.tries > 0 {
                    self.doomed = true;
                } else {
                    self.roll_back()?;
                }
                Err(error.into())
            }
            other => other,
        }
    }

    fn trigger_body(&mut self, body: &str) -> Run<()> {
        let statements = crate::sql::parser::batch(body, true, &[], self.server.version.major())?;
        let mut frame = Frame::default();
        match self.run(&statements, &mut frame)? {
            Flow::Over => {
                Err(err(3609, "The transaction ended in the trigger. The batch has been aborted.").into())
            }
            _ => Ok(()),
        }
    }

    /// The rows of an OUTPUT clause: to a table, or back for the client.
    fn output(
        &mut self,
        table: &Arc<Table>,
        output: &Output,
        change: &Change,
        frame: &mut Frame,
    ) -> Run<Option<(Vec<token::Column>, Vec<Vec<Value>>)>> {
        let parts = if change.event == Event::Merge { change.parts.clone() } else { vec![change.clone()] };
        let mut all = Vec::new();
        let mut columns = Vec::new();
        for part in &parts {
            let blank = vec![Value::Null; table.columns.len()];
            let pad = |rows: &[Vec<Value>], n: usize| -> Vec<Vec<Value>> {
                if rows.is_empty() { vec![blank.clone(); n] } else { rows.to_vec() }
            };
            let n = part.count();
            let inserted = self.pseudo(table, "inserted", &pad(&part.inserted, n))?;
            let deleted = self.pseudo(table, "deleted", &pad(&part.deleted, n))?;
            let action = match part.event {
                Event::Insert => "INSERT",
                Event::Update => "UPDATE",
                _ => "DELETE",
            };
            let select =
                crate::sql::ast::Select { items: output.items.clone(), ..crate::sql::ast::Select::default() };
            let only_inserted = change.event == Event::Insert;
            let only_deleted = change.event == Event::Delete;
            let made = self.compile(frame, |c| {
                c.output(&select, [&inserted, &deleted], [only_deleted, only_inserted], action)
            })?;
            all.extend(self.fetch(&made.result.0, &made.params)?);
            columns = made.result.1;
            self.drop_pseudo(&[inserted, deleted]);
        }
        let Some((into, names)) = &output.into else {
            let wire = columns.iter().map(crate::session::select::wire_column).collect();
            return Ok(Some((wire, all)));
        };
        let target = self.find_table(into, frame)?;
        let at: Vec<usize> = if names.is_empty() {
            (0..target.columns.len()).filter(|i| target.columns[*i].identity.is_none()).collect()
        } else {
            self.named_columns(&target, names)?
        };
        if at.len() != columns.len() {
            return Err(err(
                213,
                "Column name or number of supplied values does not match table definition.",
            )
            .into());
        }
        let types: Vec<SqlType> = columns.iter().map(|c| c.ty).collect();
        for row in all {
            let whole = self.whole_row(&target, &at, row, &types)?;
            self.insert_row(&target, whole)?;
        }
        Ok(None)
    }
}
