//! Which statements of a configuration may not run inside the daemon's transactions. Reads words and nothing else.

use crate::sql::{
    ident::{Dialect, Procedures},
    parameters::tokens::{Kind, Token, place},
};

const TRANSACTION: &str = "begins or ends a transaction, which the daemon does by itself, so that an event is written whole or not at all; remove it";
const DEFINITION: &str = "changes tables, rights or the server rather than rows, and ends the transaction on some databases; let the DBA do that by hand";
const CONNECTION: &str = "changes the connection, which other events are written over; remove it";

/// Statements that may not run for an event, by their first word. On MySQL most of them commit:
/// <https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html>.
const REFUSED: [(&str, &[&str]); 3] = [
    (TRANSACTION, &["COMMIT", "ROLLBACK", "START", "BEGIN", "END", "SAVEPOINT", "RELEASE", "XA", "SAVE"]),
    (
        DEFINITION,
        &[
            "CREATE",
            "ALTER",
            "DROP",
            "TRUNCATE",
            "RENAME",
            "GRANT",
            "REVOKE",
            "LOAD",
            "ANALYZE",
            "CACHE",
            "CHECK",
            "FLUSH",
            "INSTALL",
            "UNINSTALL",
            "OPTIMIZE",
            "REPAIR",
            "RESET",
            "PURGE",
            "CHANGE",
            "STOP",
            "SHUTDOWN",
            "KILL",
            "VACUUM",
            "REINDEX",
            "DENY",
            "BACKUP",
            "RESTORE",
            "DBCC",
            "RECONFIGURE",
            "CHECKPOINT",
            "COMMENT",
            "AUDIT",
            "NOAUDIT",
            "FLASHBACK",
        ],
    ),
    (
        CONNECTION,
        &[
            "LOCK",
            "UNLOCK",
            "USE",
            "ATTACH",
            "DETACH",
            "PRAGMA",
            "HANDLER",
            "DO",
            "PREPARE",
            "DEALLOCATE",
            "WAITFOR",
            "SETUSER",
            "REVERT",
        ],
    ),
];

/// Words that SQL Server keeps for itself and that may not stand anywhere: statements follow each other there without a
/// semicolon. <https://learn.microsoft.com/sql/t-sql/language-elements/reserved-keywords-transact-sql>.
const REFUSED_ANYWHERE: [(&str, &[&str]); 3] = [
    (TRANSACTION, &["COMMIT", "ROLLBACK", "TRAN", "TRANSACTION", "SAVE"]),
    (
        DEFINITION,
        &[
            "CREATE",
            "ALTER",
            "DROP",
            "TRUNCATE",
            "GRANT",
            "REVOKE",
            "DENY",
            "BACKUP",
            "RESTORE",
            "DBCC",
            "KILL",
            "RECONFIGURE",
            "SHUTDOWN",
        ],
    ),
    (CONNECTION, &["USE", "WAITFOR", "SETUSER", "REVERT"]),
];

/// Words that may not stand in a block of Oracle.
const REFUSED_IN_BLOCKS: [(&str, &[&str]); 2] = [
    (TRANSACTION, &["COMMIT", "ROLLBACK", "SAVEPOINT", "AUTONOMOUS_TRANSACTION"]),
    (
        "runs SQL that is not written here, which may change tables or end the transaction; write the statement itself, or a procedure that the DBA makes",
        &["EXECUTE"],
    ),
];

const GO: &str = "is a word of SQL Server's tools, and the server does not know it; remove it";

/// Refuses a statement that may not run for an event.
pub(super) fn check(sql: &str, statement: &[Token<'_>], dialect: &Dialect) -> Result<(), String> {
    let example = match dialect.procedures {
        Procedures::Exec => {
            "write one statement, e.g. \"EXEC book @id = :appointment_id, @start = :start_time\""
        }
        _ => "write one statement, e.g. \"CALL book(:appointment_id, :start_time)\"",
    };
    let mut tokens = statement.iter().filter(|t| t.kind != Kind::Blank).skip_while(|t| t.text == "(");
    let Some(first) = tokens.next() else { return Err(format!("has no statement; {example}")) };
    let wrong = |what: &str| Err(format!("{}: {what}", place(sql, first.at)));
    if first.kind != Kind::Word {
        let call = if dialect.procedures == Procedures::Exec { "EXEC" } else { "CALL" };
        return wrong(&format!("a statement begins with a word such as {call}, INSERT or UPDATE; {example}"));
    }
    let word = first.text.to_uppercase();
    if begins_block(first, dialect) {
        return check_words(sql, statement, &REFUSED_IN_BLOCKS);
    }
    if let Some((why, _)) = REFUSED.iter().find(|(_, words)| words.contains(&word.as_str())) {
        return wrong(&format!("{word} {why}"));
    }
    let second = tokens.clone().next().map(|t| t.text.to_uppercase()).unwrap_or_default();
    match (word.as_str(), dialect.procedures) {
        ("EXEC" | "EXECUTE", Procedures::Exec) if second == "AS" => wrong(&format!("{word} AS {CONNECTION}")),
        ("EXEC" | "EXECUTE", Procedures::Call) => {
            wrong(&format!("{word} is SQL Server's word for a procedure; write CALL book(:appointment_id)"))
        }
        ("EXEC" | "EXECUTE", Procedures::CallOrBlock) => wrong(&format!(
            "{word} is a word of SQL*Plus, and the server does not know it; write CALL book(:appointment_id), or BEGIN book(:appointment_id); END;"
        )),
        ("CALL", Procedures::Exec) => wrong(
            "CALL is not SQL Server's word for a procedure; write EXEC book @id = :appointment_id, with the names of the procedure's parameters",
        ),
        ("GO", Procedures::Exec) => wrong(&format!("GO {GO}")),
        ("SET", Procedures::Exec | Procedures::CallOrBlock) => wrong(&format!("SET {CONNECTION}")),
        ("SET", Procedures::Call) => one_variable(tokens).or_else(|()| {
            wrong(&format!(
                "SET {CONNECTION} (one variable of your own, as in \"SET @writer = :source\", is allowed)"
            ))
        }),
        (_, Procedures::Exec) => {
            check_words(sql, statement, &REFUSED_ANYWHERE)?;
            check_go(sql, statement)
        }
        _ => Ok(()),
    }
}

/// Whether a block begins, to whose statements semicolons belong.
pub(super) fn begins_block(first: &Token<'_>, dialect: &Dialect) -> bool {
    dialect.procedures == Procedures::CallOrBlock
        && ["BEGIN", "DECLARE"].iter().any(|word| first.text.eq_ignore_ascii_case(word))
}

/// One variable of its own is harmless, and some HIS's triggers read one to know who writes.
fn one_variable<'t>(mut tokens: impl Iterator<Item = &'t Token<'t>> + Clone) -> Result<(), ()> {
    let mut depth = 0_i32;
    let several = tokens.clone().any(|t| {
        depth += i32::from(t.text == "(") - i32::from(t.text == ")");
        depth <= 0 && t.text == ","
    });
    let variable = tokens.next().is_some_and(|t| t.text == "@")
        && tokens.next().is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted));
    if variable && !several { Ok(()) } else { Err(()) }
}

fn check_words(sql: &str, statement: &[Token<'_>], refused: &[(&str, &[&str])]) -> Result<(), String> {
    let tokens: Vec<&Token<'_>> = statement.iter().filter(|t| t.kind != Kind::Blank).collect();
    let mut before = "";
    for (index, token) in tokens.iter().enumerate() {
        // Of a variable, or of something that has it for a part of its name.
        let is_own = token.kind == Kind::Word && !matches!(before, "@" | "." | "#");
        before = token.text;
        let word = token.text.to_uppercase();
        let next = tokens.get(index + 1).map(|t| t.text.to_uppercase()).unwrap_or_default();
        // OPTION (USE HINT (...)).
        if !is_own || (word == "USE" && matches!(next.as_str(), "HINT" | "PLAN")) {
            continue;
        }
        if let Some((why, _)) = refused.iter().find(|(_, words)| words.contains(&word.as_str())) {
            return Err(format!("{}: {word} {why}", place(sql, token.at)));
        }
    }
    Ok(())
}

/// GO is a word of its own where it has a line of its own.
fn check_go(sql: &str, statement: &[Token<'_>]) -> Result<(), String> {
    let alone = |token: &&Token<'_>| {
        let line = |text: &str, last: bool| {
            let part = if last { text.rsplit('\n').next() } else { text.split('\n').next() };
            part.is_none_or(|part| part.trim().is_empty())
        };
        let (before, after) = (sql.get(..token.at), sql.get(token.at + token.text.len()..));
        before.is_none_or(|text| line(text, true)) && after.is_none_or(|text| line(text, false))
    };
    let is_go = |token: &&Token<'_>| token.kind == Kind::Word && token.text.eq_ignore_ascii_case("GO");
    match statement.iter().filter(is_go).find(alone) {
        Some(token) => Err(format!("{}: GO {GO}", place(sql, token.at))),
        None => Ok(()),
    }
}
