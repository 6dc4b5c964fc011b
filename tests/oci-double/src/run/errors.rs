//! PostgreSQL's errors as Oracle's. It must never let PostgreSQL's own words out where Oracle has some.

use crate::ora::{OraError, message};
use crate::pg::{Failure, PgError};

/// Why an exchange failed, in Oracle's words.
pub(crate) fn failure(failure: &Failure) -> OraError {
    match failure {
        Failure::Server(error) => server(error),
        Failure::Gone => OraError::plain(3113),
        Failure::Stuck => OraError::plain(3136),
        Failure::TimedOut => OraError::plain(3156),
    }
}

fn server(error: &PgError) -> OraError {
    if error.state == "ORA00" {
        let base = OraError::from_text(&error.message).unwrap_or_else(|| OraError::new(7445, &error.message));
        return stack(base, error);
    }
    let named = |code: i32, text: &str| {
        let schema = if error.schema.is_empty() { "?" } else { &error.schema };
        OraError::new(code, text.replace("{}", &format!("{schema}.{}", error.constraint)))
    };
    let base = match error.state.as_str() {
        "23505" => named(1, "unique constraint ({}) violated"),
        "23503" if error.message.starts_with("update or delete") => {
            named(2292, "integrity constraint ({}) violated - child record found")
        }
        "23503" => named(2291, "integrity constraint ({}) violated - parent key not found"),
        "23514" => named(2290, "check constraint ({}) violated"),
        "23502" => {
            let (schema, table, column) = (&error.schema, &error.table, &error.column);
            OraError::new(1400, format!("cannot insert NULL into (\"{schema}\".\"{table}\".\"{column}\")"))
        }
        "22003" => OraError::plain(1438),
        "22P02" | "22018" => OraError::plain(1722),
        "22012" => OraError::plain(1476),
        "22008" | "22007" => OraError::plain(1839),
        "21000" if error.message.starts_with("MERGE") => OraError::plain(30926),
        "21000" => OraError::plain(1427),
        "40P01" => OraError::plain(60),
        "40001" => OraError::plain(8177),
        "55P03" => OraError::plain(54),
        "55000" if error.message.contains("currval") => {
            let name = error.message.split('"').nth(1).unwrap_or_default();
            OraError::new(8002, format!("sequence {name}.CURRVAL is not yet defined in this session"))
        }
        "57014" => OraError::plain(1013),
        "57P01" => OraError::plain(28),
        "57P02" | "57P03" => OraError::plain(1089),
        "42P01" => OraError::plain(942),
        "42703" => OraError::new(904, "invalid identifier"),
        "42803" => OraError::plain(979),
        "42P07" | "42710" | "42723" => OraError::plain(955),
        "42701" => OraError::plain(957),
        "42830" => OraError::new(2270, "no matching unique or primary key for this column-list"),
        "42P16" => OraError::new(2260, "table can have only one primary key"),
        "2BP01" => OraError::new(2429, "cannot drop index used for enforcement of unique/primary key"),
        "53100" => OraError::plain(1653),
        "53200" => OraError::new(4030, "out of process memory"),
        "53300" => OraError::new(20, "maximum number of processes (300) exceeded"),
        "2200H" => OraError::new(8004, "sequence exceeds MAXVALUE and cannot be instantiated"),
        "P0002" => OraError::plain(1403),
        "P0003" => OraError::plain(1422),
        "3B001" => OraError::plain(1086),
        "54001" => OraError::new(36, "maximum number of recursive SQL levels (50) exceeded"),
        "25006" => OraError::new(
            1456,
            "may not perform insert/delete/update operation inside a READ ONLY transaction",
        ),
        // A mistake of the double: it must be seen as one.
        _ => OraError::new(
            600,
            format!("internal error code, arguments: [{}], [{}]", error.state, error.message),
        ),
    };
    stack(base, error)
}

/// The lines of the routines and triggers that an error came through.
fn stack(mut base: OraError, error: &PgError) -> OraError {
    for line in error.context.lines() {
        let Some(rest) = line.strip_prefix("PL/pgSQL function ") else { continue };
        let Some((name, after)) = rest.split_once('(') else { continue };
        let number = after.split(" line ").nth(1).and_then(|l| l.split(' ').next()).unwrap_or("1");
        if name.starts_with("ora.") || name.contains(".\"c~") || name.contains("\"c~") {
            continue;
        }
        if name.starts_with("pg_temp") {
            base = base.below(6512, &format!("at line {number}"));
            continue;
        }
        let plain = name.replace("\"\"", "\u{1}").replace('"', "").replace('\u{1}', "\"");
        let (owner, object) = plain.split_once('.').unwrap_or(("", &plain));
        let full = format!("{owner}.{}", object.trim_start_matches("t~"));
        base = base.below(6512, &format!("at \"{full}\", line {number}"));
        if object.starts_with("t~") {
            base = base.below(4088, &format!("error during execution of trigger '{full}'"));
        }
    }
    base
}

/// The same error under the number of recursive SQL, which wraps it.
pub(crate) fn recursive(code: i32, text: &str) -> OraError {
    let inner = if text.is_empty() { message(code) } else { text };
    OraError::new(604, "error occurred at recursive SQL level 1").below(code, inner)
}
