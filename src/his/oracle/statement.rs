//! Runs statements on a connection, in its thread: single ones, array DML, inserts that give keys back, questions. Every
//! value is bound. Begins and ends no transaction.

use std::sync::Arc;

use oracle::{Batch, Connection, DbError, Error, Statement, StatementType, sql_type::OracleType};

use super::{
    BROKEN_OFF,
    bind::{self, Bound, Typed},
    cell, fault,
};
use crate::{
    his::HisError,
    model::{outcome::FaultClass, table::Storage},
};

/// Rows that one round trip of array DML carries at most.
const ARRAY_ROWS_MAX: usize = 500;
/// Rows that are fetched in one round trip.
const FETCH_ROWS: u32 = 200;
/// Times that a row is merged again which another session inserted in the same moment.
const MERGES_AGAIN_MAX: usize = 2;
/// The unique index that refuses such a row.
const DUPLICATE: i32 = 1;

/// "SQL command not properly ended", "missing expression" and their like, and "unimplemented feature".
const UNKNOWN_SYNTAX: [&str; 5] = ["oracle-900", "oracle-907", "oracle-923", "oracle-933", "oracle-3001"];

/// A statement with its rows of values.
pub(super) struct Work {
    pub(super) sql: Arc<str>,
    pub(super) rows: Vec<Vec<Bound>>,
    /// The server says of each row of array DML how many rows it matched.
    pub(super) counts: bool,
}

/// Runs it; gives the rows that it matched.
pub(super) fn execute(connection: &Connection, work: &Work) -> Result<u64, HisError> {
    if work.rows.len() > 1 { many(connection, work) } else { single(connection, work) }
}

fn single(connection: &Connection, work: &Work) -> Result<u64, HisError> {
    let none = Vec::new();
    let row = work.rows.first().unwrap_or(&none);
    let run = || -> Result<u64, Error> {
        let mut statement = connection.statement(&work.sql).build()?;
        bind_row(&mut statement, row, &bind::types(std::slice::from_ref(row)))?;
        if statement.is_query() {
            // A statement of the configuration's own may ask, too; nobody wants the answer.
            let mut count = 0;
            for answer in statement.query(&[])? {
                answer?;
                count += 1;
            }
            return Ok(count);
        }
        statement.execute(&[])?;
        statement.row_count()
    };
    run().map_err(|error| fault::of(&error))
}

fn many(connection: &Connection, work: &Work) -> Result<u64, HisError> {
    let mut matched = 0;
    for range in bind::runs(&work.rows, ARRAY_ROWS_MAX) {
        let first = range.start;
        let rows = work.rows.get(range).unwrap_or_default();
        matched += array(connection, &work.sql, rows, work.counts).map_err(|mut error| {
            error.refused.iter_mut().for_each(|row| *row += first);
            error
        })?;
    }
    Ok(matched)
}

/// Rows that have the same declarations.
fn array(connection: &Connection, sql: &str, rows: &[Vec<Bound>], counts: bool) -> Result<u64, HisError> {
    let types = bind::types(rows);
    // A row that is inserted, or merged by a unique key, is one; an update may have matched none.
    let counts = counts && sql.starts_with("UPDATE ");
    let mut builder = connection.batch(sql, rows.len());
    builder.with_batch_errors();
    if counts {
        builder.with_row_counts();
    }
    let mut batch = builder.build().map_err(|error| fault::of(&error))?;
    let kind = batch.statement_type();
    let inserts = matches!(kind, StatementType::Insert | StatementType::Merge);
    if !counts && !inserts {
        // Nobody would know how many rows were matched.
        drop(batch);
        return one_by_one(connection, sql, rows, &types);
    }
    fill(&mut batch, rows, &types).map_err(|error| fault::of(&error))?;
    match batch.execute() {
        Ok(()) if counts => match batch.row_counts() {
            Ok(matched) if matched.len() == rows.len() => sum(&matched),
            // A client or server that does not tell: the same once more changes nothing, and is counted.
            _ => {
                drop(batch);
                one_by_one(connection, sql, rows, &types)
            }
        },
        Ok(()) => Ok(rows.len() as u64),
        Err(error) => {
            drop(batch);
            let failed = error.batch_errors().map(Vec::as_slice).unwrap_or_default();
            let again = failed.iter().all(|e| e.code() == DUPLICATE) && kind == StatementType::Merge;
            if failed.is_empty() || !again {
                return Err(of_batch(&error, failed));
            }
            merge_again(connection, sql, rows, &types, failed)?;
            Ok(rows.len() as u64)
        }
    }
}

fn fill(batch: &mut Batch<'_>, rows: &[Vec<Bound>], types: &[OracleType]) -> Result<(), Error> {
    for (index, oratype) in types.iter().enumerate() {
        batch.set_type(index + 1, oratype)?;
    }
    for row in rows {
        for (index, (bound, oratype)) in row.iter().zip(types).enumerate() {
            batch.set(index + 1, &Typed { value: &bound.value, oratype })?;
        }
        batch.append_row(&[])?;
    }
    Ok(())
}

/// The error of the first row that failed, with all such rows; one that ends the connection before all others.
fn of_batch(error: &Error, failed: &[DbError]) -> HisError {
    let errors: Vec<HisError> = failed.iter().map(|e| fault::of_server(e.code(), e.message())).collect();
    let lost = errors.iter().position(|e| e.class == FaultClass::Unreachable).unwrap_or(0);
    let mut first = errors.into_iter().nth(lost).unwrap_or_else(|| fault::of(error));
    first.refused = failed.iter().map(row_of).collect();
    first
}

/// The rows that all have matched; an error where the key of one matched several: one that matched none and one that matched
/// two are not two.
fn sum(matched: &[u64]) -> Result<u64, HisError> {
    match matched.iter().enumerate().find(|(_, matched)| **matched > 1) {
        Some((row, matched)) => Err(HisError { refused: vec![row], ..HisError::many_rows(*matched) }),
        None => Ok(matched.iter().sum()),
    }
}

fn row_of(error: &DbError) -> usize {
    usize::try_from(error.offset()).unwrap_or(usize::MAX)
}

/// Between a MERGE's look and its INSERT somebody else can insert the row: then there is one now, which another MERGE
/// finds. Where another unique index refuses the row, that fails in the same way.
fn merge_again(
    connection: &Connection,
    sql: &str,
    rows: &[Vec<Bound>],
    types: &[OracleType],
    failed: &[DbError],
) -> Result<(), HisError> {
    for error in failed {
        let at = row_of(error);
        let row = rows.get(at).map(std::slice::from_ref).unwrap_or_default();
        let mut tries = 0;
        loop {
            tries += 1;
            match one_by_one(connection, sql, row, types) {
                Ok(_) => break,
                Err(again) if again.duplicate_key && tries < MERGES_AGAIN_MAX => {}
                Err(again) => return Err(HisError { refused: vec![at], ..again }),
            }
        }
    }
    Ok(())
}

fn one_by_one(
    connection: &Connection,
    sql: &str,
    rows: &[Vec<Bound>],
    types: &[OracleType],
) -> Result<u64, HisError> {
    let run = || -> Result<Vec<u64>, Error> {
        let mut statement = connection.statement(sql).build()?;
        let mut matched = Vec::with_capacity(rows.len());
        for row in rows {
            bind_row(&mut statement, row, types)?;
            statement.execute(&[])?;
            matched.push(statement.row_count()?);
        }
        Ok(matched)
    };
    let matched = run().map_err(|error| fault::of(&error))?;
    sum(&matched)
}

/// Inserts rows whose last placeholder gives the row's key back, which the table kept in a column of that storage.
pub(super) fn insert(
    connection: &Connection,
    work: &Work,
    key: Storage,
) -> Result<Vec<Option<String>>, HisError> {
    let run = || -> Result<Vec<Option<String>>, Error> {
        let mut keys = Vec::with_capacity(work.rows.len());
        for row in &work.rows {
            let mut statement = connection.statement(&work.sql).build()?;
            bind_row(&mut statement, row, &bind::types(std::slice::from_ref(row)))?;
            let place = row.len() + 1;
            statement.bind(place, &bind::returned(key))?;
            statement.execute(&[])?;
            let made: Vec<Option<String>> = statement.returned_values(place)?;
            keys.push(made.into_iter().next().flatten().filter(|key| !key.is_empty()));
        }
        Ok(keys)
    };
    run().map_err(|error| fault::of(&error))
}

/// Asks; gives the rows, all columns as texts.
pub(super) fn query(connection: &Connection, work: &Work) -> Result<Vec<Vec<Option<String>>>, HisError> {
    let none = Vec::new();
    let row = work.rows.first().unwrap_or(&none);
    let run = |sql: &str| -> Result<Vec<Vec<Option<String>>>, Error> {
        let mut statement = connection.statement(sql).fetch_array_size(FETCH_ROWS).build()?;
        bind_row(&mut statement, row, &bind::types(std::slice::from_ref(row)))?;
        let mut rows = Vec::new();
        for answer in statement.query(&[])? {
            let cells = answer?.sql_values().iter().map(cell::text).collect::<Result<_, Error>>()?;
            rows.push(cells);
        }
        Ok(rows)
    };
    let answer = run(&work.sql).map_err(|error| fault::of(&error));
    match (answer, work.sql.rsplit_once(" WAIT ")) {
        // A gateway to another database may not know that; the call is broken off when its time is over.
        (Err(error), Some((sql, _))) if UNKNOWN_SYNTAX.contains(&error.code.as_str()) => {
            run(sql).map_err(|error| fault::of(&error))
        }
        (answer, _) => answer,
    }
}

/// Whether the server answers: by the client's own means, or, where it lacks them, by a question.
pub(super) fn ping(connection: &Connection) -> Result<(), HisError> {
    match connection.ping().map_err(|error| fault::of(&error)) {
        Err(error) if error.code != BROKEN_OFF && !error.is_of_connection() => {
            let answer = connection.query_row_as::<String>("SELECT USER FROM DUAL", &[]);
            answer.map(drop).map_err(|error| fault::of(&error))
        }
        answer => answer,
    }
}

fn bind_row(statement: &mut Statement, row: &[Bound], types: &[OracleType]) -> Result<(), Error> {
    for (index, (bound, oratype)) in row.iter().zip(types).enumerate() {
        statement.bind(index + 1, &Typed { value: &bound.value, oratype })?;
    }
    Ok(())
}
