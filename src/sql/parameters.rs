//! SQL that a configuration writes itself: finds its `:name` parameters, and refuses what may not run inside the
//! daemon's transactions. Reads no further than quotes, comments and words; whether the rest is right is for the
//! database to say. Knows no mapping: a name is a text here.

use crate::sql::{
    ident::{Comments, Dialect},
    text::Sql,
};

/// One statement, cut at its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedSql {
    /// In order. The closing semicolon and what follows it are gone.
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
    let statement = one_statement(sql, &tokens)?;
    check_beginning(sql, statement)?;
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
    if names > dialect.params_max {
        return Err(format!(
            "has {names} parameters, and the database takes {} in one statement; write fewer",
            dialect.params_max
        ));
    }
    Ok(ParsedSql { pieces })
}

/// The words and names of a statement that [`ParsedSql::render`] has made, in their order and without what quotes them; parts
/// that a dot joins are one.
#[must_use]
pub fn words(rendered: &str, dialect: &Dialect) -> Vec<String> {
    let (mut words, mut rest, mut before): (Vec<String>, _, _) = (Vec::new(), rendered, None);
    let mut joined = false;
    while !rest.is_empty() {
        let (kind, length) = match rest.strip_prefix('?') {
            Some(_) => (Kind::Sign, 1),
            None => token(rest, before, dialect).unwrap_or((Kind::Sign, rest.len())),
        };
        let Some((text, after)) = rest.split_at_checked(length).filter(|(text, _)| !text.is_empty()) else {
            break;
        };
        let name = match kind {
            Kind::Word => Some(text.to_owned()),
            Kind::Quoted if !text.starts_with('\'') => {
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

/// A stretch of SQL.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// Its first byte's place in the SQL.
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// White space or a comment.
    Blank,
    /// A string or a quoted name.
    Quoted,
    /// A parameter with its colon.
    Name,
    /// Letters, digits, `_` and `$`.
    Word,
    /// One other character.
    Sign,
}

fn tokens<'a>(sql: &'a str, dialect: &Dialect) -> Result<Vec<Token<'a>>, String> {
    let mut tokens = Vec::new();
    let (mut at, mut before, mut rest) = (0, None, sql);
    while !rest.is_empty() {
        let wrong = |what: String| format!("{}: {what}", place(sql, at));
        let (kind, length) = token(rest, before, dialect).map_err(wrong)?;
        let Some((text, after)) = rest.split_at_checked(length).filter(|(text, _)| !text.is_empty()) else {
            return Err(wrong("this character cannot be read; remove it".to_owned()));
        };
        tokens.push(Token { kind, text, at });
        before = text.chars().next_back();
        at += length;
        rest = after;
    }
    Ok(tokens)
}

/// What `rest` begins with, and how many bytes of it that is.
fn token(rest: &str, before: Option<char>, dialect: &Dialect) -> Result<(Kind, usize), String> {
    let mut chars = rest.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return Ok((Kind::Sign, 0)) };
    let quoting = || dialect.quoting.iter().find(|(open, _)| *open == first).map(|(_, close)| *close);
    let closing = if first == '\'' { Some(first) } else { quoting() };
    if let Some(closing) = closing {
        let escapes = dialect.backslash_escapes && matches!(first, '\'' | '"');
        let length = quoted(rest, closing, escapes);
        return length
            .map(|length| (Kind::Quoted, length))
            .ok_or_else(|| format!("the {first} is not closed; write {closing} where the quoted text ends"));
    }
    if let Some(length) = comment(rest, dialect.comments)? {
        return Ok((Kind::Blank, length));
    }
    let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
    match first {
        ':' if begins_name(second) && !before.is_some_and(|c| c == ':' || in_word(c)) => {
            let length = 1 + name_length(rest.get(1..).unwrap_or_default());
            if rest.get(length..).and_then(|after| after.chars().next()).is_some_and(char::is_alphanumeric) {
                return Err("a parameter's name has letters from a to z, digits, _, $ and dots alone; give the field such a name under \"fields\" and write that one here".to_owned());
            }
            Ok((Kind::Name, length))
        }
        '?' => {
            Err("a ? does not say which value is meant; write its name after a colon, e.g. :appointment_id"
                .to_owned())
        }
        '\0' => Err("a character with the code 0 cannot be in SQL; remove it".to_owned()),
        // The database takes it for a letter, or for nothing that it knows.
        c if c.is_whitespace() && !c.is_ascii() => {
            Err("a space that is no plain one, as documents have them; type a space in its place".to_owned())
        }
        c if c.is_whitespace() => Ok((Kind::Blank, run(|c| c.is_ascii() && c.is_whitespace()))),
        c if in_word(c) => Ok((Kind::Word, run(in_word))),
        c => Ok((Kind::Sign, c.len_utf8())),
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn begins_name(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$')
}

/// Bytes of the name at the beginning: a dot belongs to it where more of the name follows.
fn name_length(text: &str) -> usize {
    let in_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'$';
    let bytes = text.as_bytes();
    let part_of = |i: usize, b: &u8| in_name(b) || (*b == b'.' && bytes.get(i + 1).is_some_and(in_name));
    bytes.iter().enumerate().position(|(i, b)| !part_of(i, b)).unwrap_or(bytes.len())
}

/// Bytes up to and with the closing quote; a doubled one is a character of the text.
fn quoted(rest: &str, closing: char, escapes: bool) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == closing && chars.next_if(|(_, next)| *next == closing).is_none() {
            return Some(at + c.len_utf8());
        }
    }
    None
}

/// Bytes of the comment at the beginning, if there is one.
fn comment(rest: &str, comments: Comments) -> Result<Option<usize>, String> {
    let mysql = comments == Comments::MySql;
    let dashes = rest.strip_prefix("--").is_some_and(|after| {
        !mysql || after.chars().next().is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control())
    });
    if dashes || (mysql && rest.starts_with('#')) {
        return Ok(Some(rest.find('\n').unwrap_or(rest.len())));
    }
    let Some(inner) = rest.strip_prefix("/*") else { return Ok(None) };
    if mysql && (inner.starts_with('!') || inner.starts_with("M!")) {
        return Err("what stands between /*! and */ is run by some versions of the database and not by others; write it without, or remove it".to_owned());
    }
    let end = inner.find("*/").ok_or("the comment is not closed; write */ where it ends")?;
    Ok(Some(end + "/**/".len()))
}

/// The statement without its closing semicolon and what follows that.
fn one_statement<'t, 'a>(sql: &str, tokens: &'t [Token<'a>]) -> Result<&'t [Token<'a>], String> {
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
            "EXECUTE",
            "DEALLOCATE",
        ],
    ),
];

fn check_beginning(sql: &str, statement: &[Token<'_>]) -> Result<(), String> {
    const EXAMPLES: &str = "write one statement, e.g. \"CALL book(:appointment_id, :start_time)\"";
    let mut tokens = statement.iter().filter(|t| t.kind != Kind::Blank).skip_while(|t| t.text == "(");
    let Some(first) = tokens.next() else { return Err(format!("has no statement; {EXAMPLES}")) };
    let wrong = |what: &str| Err(format!("{}: {what}", place(sql, first.at)));
    if first.kind != Kind::Word {
        return wrong(&format!("a statement begins with a word such as CALL, INSERT or UPDATE; {EXAMPLES}"));
    }
    let word = first.text.to_uppercase();
    if let Some((why, _)) = REFUSED.iter().find(|(_, words)| words.contains(&word.as_str())) {
        return wrong(&format!("{word} {why}"));
    }
    // One variable of its own is harmless, and some HIS's triggers read one to know who writes.
    if word == "SET" {
        let mut depth = 0_i32;
        let several = tokens.clone().any(|t| {
            depth += i32::from(t.text == "(") - i32::from(t.text == ")");
            depth <= 0 && t.text == ","
        });
        let variable = tokens.next().is_some_and(|t| t.text == "@")
            && tokens.next().is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted));
        if !variable || several {
            return wrong(&format!(
                "SET {CONNECTION} (one variable of your own, as in \"SET @writer = :source\", is allowed)"
            ));
        }
    }
    Ok(())
}

/// Line and column of a byte, both from 1.
fn place(sql: &str, at: usize) -> String {
    let before = sql.get(..at).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests;
