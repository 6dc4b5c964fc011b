//! Running statements: one or many rows of values, with what comes back. It must never let a failed statement leave a trace.

use crate::ora::{Ora, OraError};
use crate::pg::Failure;
use crate::plan::{BindType, OutCol, Scan, ident, literal};
use crate::run::ready::{Ready, encode, take};
use crate::run::session::{Mark, Session};
use crate::run::value::{Val, parameter_type};
use crate::sql::ast::{Block, Query, Statement, Step, Wait};
use crate::sql::parse::{Parsed, parse};

/// A statement to run.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    pub(crate) sql: &'r str,
    /// What is bound, by the order of the placeholders in the text.
    pub(crate) types: Vec<BindType>,
    pub(crate) rows: Vec<Vec<Val>>,
    pub(crate) batch_errors: bool,
    /// Parse and describe, but do not run.
    pub(crate) describe_only: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) columns: Vec<OutCol>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) touched: u64,
    pub(crate) counts: Vec<u64>,
    pub(crate) errors: Vec<(u32, OraError)>,
    /// The placeholders that values come back in, their types, and the rows of each run.
    pub(crate) into: Vec<usize>,
    pub(crate) into_types: Vec<crate::plan::types::Ty>,
    pub(crate) returned: Vec<Vec<Vec<Option<String>>>>,
    pub(crate) warning: Option<OraError>,
    /// Why it ended early; what is above was done.
    pub(crate) failure: Option<OraError>,
}

impl Session {
    pub(crate) fn run(&mut self, request: &Request) -> Ora<Outcome> {
        self.begin_call()?;
        let parsed = parse(request.sql, self.rules)?;
        match &parsed.statement {
            Statement::Commit => self.commit_now().map(|()| Outcome::default()),
            Statement::Rollback(None) => self.rollback_now().map(|()| Outcome::default()),
            Statement::Rollback(Some(name)) => {
                if !self.in_transaction {
                    return Err(OraError::new(
                        1086,
                        format!("savepoint '{name}' never established in this session or is invalid"),
                    ));
                }
                let mark = self.mark(true)?;
                let sql = format!("ROLLBACK TO SAVEPOINT {}", ident(&format!("u~{name}")));
                if let Err(e) = self.ask(&sql) {
                    self.back(&mark);
                    return Err(e);
                }
                Ok(Outcome::default())
            }
            Statement::Savepoint(name) => {
                self.mark(true)?;
                self.ask(&format!("RELEASE SAVEPOINT \"~s\"; SAVEPOINT {}", ident(&format!("u~{name}"))))?;
                Ok(Outcome::default())
            }
            Statement::SetTransaction(what) => self.set_transaction(what),
            Statement::AlterSession(sets) => self.alter_session(sets),
            Statement::KillSession(which) => self.kill_session(which),
            Statement::Ddl(ddl) => self.define(ddl),
            Statement::Block(block) => self.run_block(request, &parsed, block),
            _ => self.run_marked(request, &parsed),
        }
    }

    fn run_block(&mut self, request: &Request, parsed: &Parsed, block: &Block) -> Ora<Outcome> {
        if let Some(done) = self.control(&block.body) {
            return done.map(|()| Outcome::default());
        }
        let simple = block.declarations.is_empty() && block.handlers.is_empty();
        if !crate::sql::parse_block::commits(block) || !simple {
            return self.run_marked(request, parsed);
        }
        // Commits cut the block into parts, each of which is run by itself.
        let mut part: Vec<Step> = Vec::new();
        for step in block.body.iter().chain([&Step::Sql(Box::new(Statement::Savepoint(String::new())))]) {
            let end = matches!(step, Step::Sql(s) if matches!(**s, Statement::Commit | Statement::Rollback(None) | Statement::Savepoint(_)));
            if !end {
                part.push(step.clone());
                continue;
            }
            if !part.is_empty() {
                let body = std::mem::take(&mut part);
                let statement = Statement::Block(Box::new(Block { body, ..Block::default() }));
                let outcome = self.run_marked(request, &Parsed { statement, binds: parsed.binds.clone() })?;
                if let Some(failure) = outcome.failure {
                    return Err(failure);
                }
            }
            match step {
                Step::Sql(s) if matches!(**s, Statement::Commit) => self.commit_now()?,
                Step::Sql(s) if matches!(**s, Statement::Rollback(_)) => self.rollback_now()?,
                _ => {}
            }
        }
        Ok(Outcome::default())
    }

    fn run_marked(&mut self, request: &Request, parsed: &Parsed) -> Ora<Outcome> {
        let locks = |q: &Query| q.lock.is_some();
        let open = !matches!(&parsed.statement, Statement::Select(q) if !locks(q));
        let mark = self.mark(open)?;
        let result = self.run_inside(request, parsed, &mark);
        if result.is_err() {
            self.back(&mark);
        }
        result
    }

    fn run_inside(&mut self, request: &Request, parsed: &Parsed, mark: &Mark) -> Ora<Outcome> {
        if request.types.len() < parsed.binds.len() {
            return Err(OraError::plain(1008));
        }
        let ready = self.prepare(&parsed.statement, &request.types)?;
        let fault = if mark.faults { self.fault("statement", request.sql)? } else { None };
        if let Some(fault) = &fault {
            self.before_statement(fault)?;
        }
        self.note_scans(&ready.scans, request.sql, request.rows.len())?;
        let mut outcome = Outcome {
            columns: ready.columns.clone(),
            into: ready.into.clone(),
            into_types: ready.into_types.clone(),
            ..Outcome::default()
        };
        if request.describe_only {
            self.release(mark)?;
            return Ok(outcome);
        }
        if !ready.before.is_empty() {
            self.ask(&ready.before)?;
        }
        let types: Vec<u32> =
            ready.params.iter().filter_map(|p| request.types.get(*p)).map(|t| parameter_type(t.ty)).collect();
        let rows: Vec<Vec<Option<Vec<u8>>>> =
            request.rows.iter().map(|row| encode(row, &ready.params, &request.types)).collect();
        let (answers, failure) = self.conn.prepared(&ready.sql, &types, &rows);
        match failure {
            None => {
                for answer in answers {
                    take(&mut outcome, &ready, answer);
                }
            }
            Some(failure) if rows.len() < 2 && !request.batch_errors => {
                return Err(self.explain(&failure, &parsed.statement));
            }
            Some(failure) => {
                if self.conn.dead.is_some() || matches!(failure, Failure::TimedOut) {
                    return Err(self.failed(&failure));
                }
                // Row by row, so that those that can be done are, and the others are known.
                self.ask("ROLLBACK TO SAVEPOINT \"~s\"")?;
                if !ready.before.is_empty() {
                    self.ask(&ready.before)?;
                }
                self.row_by_row(request, parsed, &ready, &types, &rows, &mut outcome)?;
            }
        }
        if !ready.after.is_empty() {
            self.ask(&ready.after)?;
        }
        self.release(mark)?;
        Ok(outcome)
    }

    fn row_by_row(
        &mut self,
        request: &Request,
        parsed: &Parsed,
        ready: &Ready,
        types: &[u32],
        rows: &[Vec<Option<Vec<u8>>>],
        outcome: &mut Outcome,
    ) -> Ora<()> {
        for (i, row) in rows.iter().enumerate() {
            self.ask("SAVEPOINT \"~r\"")?;
            let (answers, failure) = self.conn.prepared(&ready.sql, types, std::slice::from_ref(row));
            match failure {
                None => {
                    for answer in answers {
                        take(outcome, ready, answer);
                    }
                    self.ask("RELEASE SAVEPOINT \"~r\"")?;
                }
                Some(failure) => {
                    let error = self.explain(&failure, &parsed.statement);
                    if self.conn.dead.is_some() {
                        return Err(error);
                    }
                    self.ask("ROLLBACK TO SAVEPOINT \"~r\"; RELEASE SAVEPOINT \"~r\"")?;
                    // Neither a cancelled nor a timed out batch goes on with its next row.
                    if !request.batch_errors || matches!(error.code, 1013 | 3156) {
                        outcome.errors.push((u32::try_from(i).unwrap_or(u32::MAX), error.clone()));
                        outcome.failure = Some(error);
                        return Ok(());
                    }
                    outcome.errors.push((u32::try_from(i).unwrap_or(u32::MAX), error));
                    outcome.counts.push(0);
                    outcome.returned.push(Vec::new());
                }
            }
        }
        Ok(())
    }

    /// The failure of a statement, by what kind of statement it was.
    fn explain(&mut self, failure: &Failure, statement: &Statement) -> OraError {
        let mut error = self.failed(failure);
        let waited = match statement {
            Statement::Select(query) => {
                matches!(query.lock.as_ref().map(|l| &l.wait), Some(Wait::Seconds(_)))
            }
            Statement::LockTable(_, _, wait) => matches!(wait, Wait::Seconds(_)),
            _ => false,
        };
        if error.code == 54 && waited {
            error = OraError::plain(30006);
        }
        if error.code == 1
            && self.rules.at_least(23)
            && let Failure::Server(pg) = failure
        {
            error.text.push_str(&format!(" on table {}.{} columns", pg.schema, pg.table));
            if let Some((columns, values)) = pg.detail.trim_start_matches("Key ").split_once(")=(") {
                let columns = columns.trim_start_matches('(').replace('"', "");
                let values = values.split(") already").next().unwrap_or_default();
                error.text.push_str(&format!(" ({columns})"));
                error = error.below(
                    3301,
                    &format!(
                        "(ORA-00001 details) row with column values ({columns}:{values}) already exists"
                    ),
                );
            }
        }
        error
    }

    fn note_scans(&mut self, scans: &[Scan], sql: &str, rows: usize) -> Ora<()> {
        if scans.is_empty() {
            return Ok(());
        }
        // On a connection of its own, so that it stays whatever becomes of the transaction.
        let mut aside = self.aside()?;
        for scan in scans {
            let text = format!(
                "INSERT INTO ora.scans VALUES ({}, {}, {}, '{}', {rows}, {}) \
                 ON CONFLICT (owner, tab, col, reason) DO UPDATE SET hits = ora.scans.hits + {rows}",
                literal(&scan.owner),
                literal(&scan.table),
                literal(&scan.column),
                scan.reason,
                literal(sql)
            );
            aside.simple(&text).map_err(|f| crate::run::errors::failure(&f))?;
        }
        aside.close();
        Ok(())
    }
}
