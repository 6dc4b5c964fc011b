//! SQL that a configuration writes itself: finds its `:name` parameters, and refuses what may not run inside the
//! daemon's transactions. Reads no further than quotes, comments and words; whether the rest is right is for the
//! database to say. Knows no mapping: a name is a text here.

use crate::sql::{
    ident::{Dialect, Procedures},
    parameters::{
        rules::{begins_block, check},
        tokens::{Kind, Token, place, placeholder, token, tokens},
    },
    text::Sql,
};

mod rules;
mod tokens;

/// One statement, cut at its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedSql {
    /// In order. The closing semicolon and what follows it are gone, but for that of a block.
    pub pieces: Vec<Piece>,
}

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// SQL as it was written.
    Text(String),
    /// A parameter's name, without the colon.
    Name(String),
}

impl ParsedSql {
    /// The SQL with a placeholder for each parameter, and their names in the same order: a name that is written twice is
    /// there twice.
    #[must_use]
    pub fn render(&self, dialect: &Dialect) -> (String, Vec<&str>) {
        let (mut sql, mut names) = (Sql::new(dialect), Vec::new());
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => sql.push(text),
                Piece::Name(name) => {
                    sql.placeholder();
                    names.push(name.as_str());
                }
            }
        }
        (sql.done().to_string(), names)
    }
}

/// Reads one statement. The error says in words what is wrong, where (line and column of the SQL) and what to write.
pub fn parse(sql: &str, dialect: &Dialect) -> Result<ParsedSql, String> {
    let tokens = tokens(sql, dialect)?;
    let statement = one_statement(sql, &tokens, dialect)?;
    check(sql, statement, dialect)?;
    let mut pieces = Vec::new();
    let mut names = 0;
    for token in statement {
        match (token.kind, pieces.last_mut()) {
            (Kind::Name, _) => {
                names += 1;
                pieces.push(Piece::Name(token.text.trim_start_matches(':').to_owned()));
            }
            (_, Some(Piece::Text(text))) => text.push_str(token.text),
            _ => pieces.push(Piece::Text(token.text.to_owned())),
        }
    }
    if needs_semicolon(statement, dialect) {
        // Behind a comment on a line of its own.
        let end = if statement.last().is_some_and(|t| t.kind == Kind::Blank) { "\n;" } else { ";" };
        pieces.push(Piece::Text(end.to_owned()));
    }
    if names > dialect.params_max {
        return Err(format!(
            "has {names} parameters, and the database takes {} in one statement; write fewer",
            dialect.params_max
        ));
    }
    Ok(ParsedSql { pieces })
}

/// `MERGE` alone is nothing to SQL Server without a semicolon at its end (10713):
/// <https://learn.microsoft.com/sql/t-sql/statements/merge-transact-sql>.
fn needs_semicolon(statement: &[Token<'_>], dialect: &Dialect) -> bool {
    let is_merge = |token: &Token<'_>| token.kind == Kind::Word && token.text.eq_ignore_ascii_case("MERGE");
    dialect.procedures == Procedures::Exec && statement.iter().any(is_merge)
}

/// The words and names of a statement that [`ParsedSql::render`] has made, in their order and without what quotes them; parts
/// that a dot joins are one.
#[must_use]
pub fn words(rendered: &str, dialect: &Dialect) -> Vec<String> {
    let (mut words, mut rest, mut before): (Vec<String>, _, _) = (Vec::new(), rendered, None);
    let mut joined = false;
    while !rest.is_empty() {
        let (kind, length) = match placeholder(rest, dialect) {
            Some(length) => (Kind::Sign, length),
            None => token(rest, before, dialect).unwrap_or((Kind::Sign, rest.len())),
        };
        let Some((text, after)) = rest.split_at_checked(length).filter(|(text, _)| !text.is_empty()) else {
            break;
        };
        let name = match kind {
            Kind::Word => Some(text.to_owned()),
            Kind::Quoted if dialect.quoting.iter().any(|(open, _)| text.starts_with(*open)) => {
                Some(text.chars().skip(1).take(text.chars().count().saturating_sub(2)).collect())
            }
            _ => None,
        };
        match (name, words.last_mut()) {
            (Some(name), Some(last)) if joined => *last = format!("{last}.{name}"),
            (Some(name), _) => words.push(name),
            (None, _) => {}
        }
        joined = text == "." || (joined && kind == Kind::Blank);
        before = text.chars().next_back();
        rest = after;
    }
    words
}

/// The statement without its closing semicolon and what follows that; of a block all.
fn one_statement<'t, 'a>(
    sql: &str,
    tokens: &'t [Token<'a>],
    dialect: &Dialect,
) -> Result<&'t [Token<'a>], String> {
    if tokens.iter().find(|t| t.kind != Kind::Blank).is_some_and(|first| begins_block(first, dialect)) {
        return block(sql, tokens);
    }
    let end = tokens.iter().position(|t| t.kind == Kind::Sign && t.text == ";");
    let (statement, after) = tokens.split_at_checked(end.unwrap_or(tokens.len())).unwrap_or((tokens, &[]));
    if let Some(next) = after.iter().skip(1).find(|t| t.kind != Kind::Blank) {
        return Err(format!(
            "{}: here a second statement begins, and \"sql\" is one statement; write a step for each, or a procedure that the DBA makes",
            place(sql, next.at)
        ));
    }
    Ok(statement)
}

/// A block: it ends with END and a semicolon, which belongs to it.
fn block<'t, 'a>(sql: &str, tokens: &'t [Token<'a>]) -> Result<&'t [Token<'a>], String> {
    let last = tokens.iter().rposition(|t| t.kind != Kind::Blank).map_or(0, |last| last + 1);
    let block = tokens.get(..last).unwrap_or(tokens);
    let mut back = block.iter().rev().filter(|t| t.kind != Kind::Blank);
    let at = back.clone().next().map_or(0, |t| t.at);
    let wrong = |what: &str| Err(format!("{}: {what}", place(sql, at)));
    let is_end = |t: Option<&Token<'_>>| t.is_some_and(|t| t.text.eq_ignore_ascii_case("END"));
    match back.next().map(|t| t.text) {
        Some("/") => wrong("a / at the end belongs to SQL*Plus, and the server does not know it; remove it"),
        // Its name may stand behind END.
        Some(";") if is_end(back.clone().next()) || is_end(back.clone().nth(1)) => Ok(block),
        _ => wrong("a block ends with END and a semicolon; write END; at its end"),
    }
}

#[cfg(test)]
mod tests;
