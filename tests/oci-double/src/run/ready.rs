//! Statements made ready for PostgreSQL. It must never run one.

use crate::ora::{Ora, OraError};
use crate::pg::Answer;
use crate::plan::{BindType, OutCol, Planner, Scan, literal};
use crate::run::exec::Outcome;
use crate::run::session::Session;
use crate::run::value::{Val, parameter};
use crate::sql::ast::{Block, Statement, Step, Wait};

/// A statement in PostgreSQL's text.
pub(crate) struct Ready {
    pub(crate) sql: String,
    pub(crate) params: Vec<usize>,
    pub(crate) columns: Vec<OutCol>,
    pub(crate) into: Vec<usize>,
    pub(crate) into_types: Vec<crate::plan::types::Ty>,
    pub(crate) scans: Vec<Scan>,
    /// Run before and after, with the statement's own savepoint around.
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) query: bool,
}

impl Session {
    pub(crate) fn prepare(&mut self, statement: &Statement, binds: &[BindType]) -> Ora<Ready> {
        let Session { conn, dictionary, user, schema, rules, blocks, .. } = self;
        let (user, schema, rules) = (user.clone(), schema.clone(), *rules);
        let from = schema.clone();
        let mut lookup =
            |owner: Option<&str>, name: &str| dictionary.look_up(conn, &user, &from, owner, name);
        let mut planner = Planner::new(&mut lookup, &schema, rules, binds);
        let mut ready = Ready {
            sql: String::new(),
            params: Vec::new(),
            columns: Vec::new(),
            into: Vec::new(),
            into_types: Vec::new(),
            scans: Vec::new(),
            before: String::new(),
            after: String::new(),
            query: false,
        };
        match statement {
            Statement::Select(query) => {
                let planned = planner.query_as(query, None, true)?;
                ready.sql = planned.sql;
                ready.columns = planned.columns;
                ready.query = true;
                if let Some(Wait::Seconds(n)) = query.lock.as_ref().map(|l| &l.wait) {
                    ready.before = format!("SET LOCAL lock_timeout = '{}ms'", (*n * 1000).max(1));
                    ready.after = "SET LOCAL lock_timeout = 0".to_owned();
                }
            }
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => {
                let change = match statement {
                    Statement::Insert(s) => planner.insert(s)?,
                    Statement::Update(s) => planner.update(s)?,
                    Statement::Delete(s) => planner.delete(s)?,
                    Statement::Merge(s) => planner.merge(s)?,
                    _ => return Err(OraError::plain(900)),
                };
                ready.sql = change.sql;
                ready.into = change.into;
                ready.into_types = change.columns.iter().map(|c| c.ty).collect();
            }
            Statement::LockTable(tables, mode, wait) => {
                let mut list = Vec::new();
                for table in tables {
                    list.push(planner.target(table, "SELECT")?.sql());
                }
                // The modes conflict with each other as PostgreSQL's of the same name do.
                let mode = match mode.as_str() {
                    "ROW SHARE" | "SHARE UPDATE" => "ROW SHARE",
                    "ROW EXCLUSIVE" | "SHARE" | "SHARE ROW EXCLUSIVE" | "EXCLUSIVE" => mode,
                    _ => return Err(OraError::plain(1737)),
                };
                let nowait = if *wait == Wait::Never { " NOWAIT" } else { "" };
                if let Wait::Seconds(n) = wait {
                    ready.before = format!("SET LOCAL lock_timeout = '{}ms'", (*n * 1000).max(1));
                    ready.after = "SET LOCAL lock_timeout = 0".to_owned();
                }
                ready.sql = format!("LOCK TABLE {} IN {mode} MODE{nowait}", list.join(", "));
            }
            Statement::Block(_) | Statement::Call(..) => {
                *blocks += 1;
                let number = *blocks;
                block_ready(&mut planner, statement, binds, number, &mut ready)?;
            }
            _ => return Err(OraError::plain(900)),
        }
        ready.params = planner.params.clone();
        ready.scans = std::mem::take(&mut planner.scans);
        Ok(ready)
    }
}

/// A block as a function of this session, whose parameters are the placeholders.
fn block_ready(
    planner: &mut Planner,
    statement: &Statement,
    binds: &[BindType],
    number: u32,
    ready: &mut Ready,
) -> Ora<()> {
    planner.in_block = true;
    let text = match statement {
        Statement::Block(block) => planner.block_text(block, "")?,
        Statement::Call(path, args) => {
            let step = Step::Call(path.clone(), args.clone());
            planner.block_text(&Block { body: vec![step], ..Block::default() }, "")?
        }
        _ => return Err(OraError::plain(900)),
    };
    planner.in_block = false;
    let mut list = Vec::new();
    let (mut args, mut outs) = (Vec::new(), Vec::new());
    for (i, bind) in binds.iter().enumerate() {
        list.push(format!("INOUT \"b~{i}\" {}", bind.ty.pg_free()));
        planner.params.push(i);
        args.push(match bind.ty {
            crate::plan::types::Ty::TsTz(_) => format!("ora.tstz_in(${})", i + 1),
            _ => format!("${}", i + 1),
        });
        outs.push(crate::plan::types::Ex::new(format!("q.\"b~{i}\""), bind.ty).output());
        ready.into.push(i);
        ready.into_types.push(bind.ty);
    }
    let returns = if binds.is_empty() { " RETURNS void" } else { "" };
    let name = format!("pg_temp.\"block~{number}\"");
    ready.before = format!(
        "CREATE FUNCTION {name}({}){returns} LANGUAGE plpgsql AS {}",
        list.join(", "),
        literal(&format!("#variable_conflict use_variable\n{text}"))
    );
    let outs = if outs.is_empty() { "1".to_owned() } else { outs.join(", ") };
    let names: Vec<String> = (0..binds.len()).map(|i| format!("\"b~{i}\"")).collect();
    let alias = if names.is_empty() { "q".to_owned() } else { format!("q({})", names.join(", ")) };
    ready.sql = format!("SELECT {outs} FROM {name}({}) {alias}", args.join(", "));
    ready.after = format!("DROP FUNCTION {name}");
    Ok(())
}

pub(crate) fn encode(row: &[Val], params: &[usize], types: &[BindType]) -> Vec<Option<Vec<u8>>> {
    params
        .iter()
        .map(|p| match (row.get(*p), types.get(*p)) {
            (Some(value), Some(bind)) => parameter(value, bind.ty),
            _ => None,
        })
        .collect()
}

pub(crate) fn take(outcome: &mut Outcome, ready: &Ready, answer: Answer) {
    let touched = if ready.query || !ready.into.is_empty() && answer.tag.starts_with("SELECT") {
        1
    } else {
        answer.touched()
    };
    outcome.touched += touched;
    outcome.counts.push(touched);
    if ready.query {
        outcome.rows = answer.rows;
    } else {
        outcome.returned.push(answer.rows);
    }
}
