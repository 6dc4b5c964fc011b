//! Text to tokens. It must never take a character that Oracle calls invalid.

use crate::ora::{Ora, OraError};

/// A word of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tok {
    /// Unquoted, in upper case.
    Word(String),
    Quoted(String),
    Str(String),
    NStr(String),
    Num(String),
    /// `:name`; the name in upper case, as written between quotes.
    Bind(String),
    Op(&'static str),
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) tok: Tok,
    pub(crate) at: usize,
    pub(crate) line: usize,
}

const OPS: [&str; 33] = [
    "=>", "||", "**", "<=", ">=", "<>", "!=", "^=", "~=", ":=", "..", "<<", ">>", "(", ")", ",", "+", "-",
    "*", "/", "=", "<", ">", ".", ";", "@", "%", "[", "]", "{", "}", "|", ":",
];

/// The tokens of `sql`; the last one is `End`.
pub(crate) fn tokens(sql: &str) -> Ora<Vec<Token>> {
    let (found, error) = scan(sql);
    error.map_or(Ok(found), Err)
}

/// The tokens up to the first character that is none, and what is wrong with that.
pub(crate) fn scan(sql: &str) -> (Vec<Token>, Option<OraError>) {
    let bytes = sql.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while at < bytes.len() {
        let rest = &sql[at..];
        let Some(c) = rest.chars().next() else { break };
        if c == '\n' {
            line += 1;
        }
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |e| e + 2);
            line += rest[..end].matches('\n').count();
            at += end;
            continue;
        }
        let (tok, length) = match one(rest) {
            Ok(found) => found,
            Err(error) => return (out, Some(error.at(at))),
        };
        out.push(Token { tok, at, line });
        line += rest[..length].matches('\n').count();
        at += length;
    }
    out.push(Token { tok: Tok::End, at: sql.len(), line });
    (out, None)
}

fn one(rest: &str) -> Ora<(Tok, usize)> {
    let mut chars = rest.chars();
    let c = chars.next().unwrap_or(' ');
    let next = chars.next();
    match c {
        '\'' => string(rest, 0).map(|(s, n)| (Tok::Str(s), n)),
        'n' | 'N' if next == Some('\'') => string(rest, 1).map(|(s, n)| (Tok::NStr(s), n)),
        'q' | 'Q' if next == Some('\'') => alternative(rest).map(|(s, n)| (Tok::Str(s), n)),
        '"' => quoted(rest).map(|(s, n)| (Tok::Quoted(s), n)),
        ':' if next == Some('"') => quoted(&rest[1..]).map(|(s, n)| (Tok::Bind(s), n + 1)),
        ':' if next.is_some_and(|n| n.is_alphanumeric() || n == '_') => {
            let name: String = rest[1..].chars().take_while(|c| word_char(*c)).collect();
            let length = name.len() + 1;
            Ok((Tok::Bind(name.to_uppercase()), length))
        }
        '0'..='9' => Ok(number(rest)),
        '.' if next.is_some_and(|n| n.is_ascii_digit()) => Ok(number(rest)),
        _ if c.is_alphabetic() => {
            let word: String = rest.chars().take_while(|c| word_char(*c)).collect();
            let length = word.len();
            Ok((Tok::Word(word.to_uppercase()), length))
        }
        _ => OPS
            .iter()
            .find(|op| rest.starts_with(**op))
            .map(|op| (Tok::Op(op), op.len()))
            .ok_or_else(|| OraError::plain(911)),
    }
}

fn word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

fn string(rest: &str, skip: usize) -> Ora<(String, usize)> {
    let mut value = String::new();
    let body = &rest[skip + 1..];
    let mut chars = body.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.peek().is_some_and(|(_, n)| *n == '\'') {
            chars.next();
            value.push('\'');
        } else {
            return Ok((value, skip + 1 + i + 1));
        }
    }
    Err(OraError::plain(1756))
}

/// `q'[it's]'`.
fn alternative(rest: &str) -> Ora<(String, usize)> {
    let open = rest[2..].chars().next().ok_or_else(|| OraError::plain(1756))?;
    let close = match open {
        '[' => ']',
        '(' => ')',
        '{' => '}',
        '<' => '>',
        other => other,
    };
    let start = 2 + open.len_utf8();
    let end = rest[start..].find(&format!("{close}'")).ok_or_else(|| OraError::plain(1756))?;
    Ok((rest[start..start + end].to_owned(), start + end + close.len_utf8() + 1))
}

fn quoted(rest: &str) -> Ora<(String, usize)> {
    let end = rest[1..].find('"').ok_or_else(|| OraError::new(1740, "missing double quote in identifier"))?;
    if end == 0 {
        return Err(OraError::new(1741, "illegal zero-length identifier"));
    }
    Ok((rest[1..=end].to_owned(), end + 2))
}

fn number(rest: &str) -> (Tok, usize) {
    let bytes = rest.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut i = 0;
    while digit(i) {
        i += 1;
    }
    // `1..10` is a range of PL/SQL.
    if bytes.get(i) == Some(&b'.') && bytes.get(i + 1) != Some(&b'.') {
        i += 1;
        while digit(i) {
            i += 1;
        }
    }
    if bytes.get(i).is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
        let sign = usize::from(bytes.get(i + 1).is_some_and(|b| matches!(b, b'+' | b'-')));
        if digit(i + 1 + sign) {
            i += 1 + sign;
            while digit(i) {
                i += 1;
            }
        }
    }
    (Tok::Num(rest[..i].to_owned()), i)
}
