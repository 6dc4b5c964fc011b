//! What the client library knows of a statement without its server: the kind, the placeholders, whether it returns.
//! It must never fail: what is wrong is told when the statement runs.

use crate::sql::lexer::{Tok, scan};

/// The kinds of statements, by the numbers of `OCI_STMT_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    Unknown = 0,
    Select = 1,
    Update = 2,
    Delete = 3,
    Insert = 4,
    Create = 5,
    Drop = 6,
    Alter = 7,
    Begin = 8,
    Declare = 9,
    Call = 10,
    Merge = 16,
    Rollback = 17,
    Commit = 21,
}

impl Kind {
    pub(crate) fn is_block(self) -> bool {
        matches!(self, Kind::Begin | Kind::Declare | Kind::Call)
    }
}

/// What is known of a statement's text.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) kind: Kind,
    /// The placeholders in their order; twice when they stand twice, but once in blocks.
    pub(crate) binds: Vec<String>,
    pub(crate) returning: bool,
}

/// Looks at a statement as OCIStmtPrepare2 does.
pub(crate) fn probe(sql: &str) -> Probe {
    // A character that is no token ends it here; the server will say so.
    let (found, _) = scan(sql);
    let words: Vec<&Tok> = found.iter().map(|t| &t.tok).filter(|t| **t != Tok::Op("(")).collect();
    let kind = match words.first() {
        Some(Tok::Word(w)) => match w.as_str() {
            "SELECT" | "WITH" => Kind::Select,
            "UPDATE" => Kind::Update,
            "DELETE" => Kind::Delete,
            "INSERT" => Kind::Insert,
            "CREATE" => Kind::Create,
            "DROP" => Kind::Drop,
            "ALTER" => Kind::Alter,
            "BEGIN" => Kind::Begin,
            "DECLARE" => Kind::Declare,
            "CALL" => Kind::Call,
            "MERGE" => Kind::Merge,
            "ROLLBACK" => Kind::Rollback,
            "COMMIT" => Kind::Commit,
            _ => Kind::Unknown,
        },
        Some(Tok::Op("<<")) => Kind::Begin,
        _ => Kind::Unknown,
    };
    let mut binds = Vec::new();
    if !matches!(kind, Kind::Create | Kind::Drop | Kind::Alter) {
        for token in &found {
            let Tok::Bind(name) = &token.tok else { continue };
            if !kind.is_block() || !binds.contains(name) {
                binds.push(name.clone());
            }
        }
    }
    let dml = matches!(kind, Kind::Insert | Kind::Update | Kind::Delete | Kind::Merge);
    let word = |t: &Tok, what: &str| matches!(t, Tok::Word(w) if w == what);
    let from = found.iter().position(|t| word(&t.tok, "RETURNING") || word(&t.tok, "RETURN"));
    let returning = dml && from.is_some_and(|at| found[at..].iter().any(|t| word(&t.tok, "INTO")));
    Probe { kind, binds, returning }
}
