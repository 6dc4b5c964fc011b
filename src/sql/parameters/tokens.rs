//! Cuts a configuration's SQL into strings, names, comments, words and parameters, by the rules of its database. Judges
//! nothing but what cannot be read.

use crate::sql::ident::{Comments, Dialect, Placeholders, Procedures};

/// A stretch of SQL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Its first byte's place in the SQL.
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

pub(super) fn tokens<'a>(sql: &'a str, dialect: &Dialect) -> Result<Vec<Token<'a>>, String> {
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
pub(super) fn token(rest: &str, before: Option<char>, dialect: &Dialect) -> Result<(Kind, usize), String> {
    let mut chars = rest.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return Ok((Kind::Sign, 0)) };
    let quoting = || dialect.quoting.iter().find(|(open, _)| *open == first).map(|(_, close)| *close);
    let closing = if first == '\'' { Some(first) } else { quoting() };
    if dialect.procedures == Procedures::CallOrBlock
        && !before.is_some_and(in_word)
        && let Some(length) = alternative(rest)?
    {
        return Ok((Kind::Quoted, length));
    }
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
        // It would be taken for one of those that are made of the names.
        ':' if dialect.placeholders == Placeholders::Colon
            && second.is_some_and(|c| c.is_ascii_digit())
            && !before.is_some_and(|c| c == ':' || in_word(c)) =>
        {
            Err("a number after a colon does not say which value is meant; write its name, e.g. :appointment_id"
                .to_owned())
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

/// Bytes of a text that is written `q'[...]'` or `nq'[...]'`, if there is one: it ends with its second bracket, or with the
/// character that it began with, before a '.
fn alternative(rest: &str) -> Result<Option<usize>, String> {
    let after = rest.strip_prefix(['n', 'N']).unwrap_or(rest);
    let Some(inner) = after.strip_prefix(['q', 'Q']).and_then(|after| after.strip_prefix('\'')) else {
        return Ok(None);
    };
    let Some(open) = inner.chars().next() else {
        return Err("the q' is not closed; write q'[text]'".to_owned());
    };
    let close = match open {
        '[' => ']',
        '{' => '}',
        '(' => ')',
        '<' => '>',
        other => other,
    };
    let begun = rest.len() - inner.len() + open.len_utf8();
    let end = rest.get(begun..).and_then(|text| text.find(&format!("{close}'")));
    let length = |end| Some(begun + end + close.len_utf8() + 1);
    end.map(length)
        .ok_or_else(|| format!("the q'{open} is not closed; write {close}' where the quoted text ends"))
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
    let end = if comments == Comments::Nested { nested(inner) } else { inner.find("*/") };
    let end = end.ok_or("the comment is not closed; write */ where it ends")?;
    Ok(Some(end + "/**/".len()))
}

/// Where the comment ends that was begun before `inner`: each that begins in it has an end of its own.
fn nested(inner: &str) -> Option<usize> {
    let (mut depth, mut at) = (1, 0);
    loop {
        let rest = inner.get(at..)?;
        let next = rest.find(['/', '*'])?;
        let mark = rest.get(next..)?;
        let (change, length) = match (mark.starts_with("/*"), mark.starts_with("*/")) {
            (true, _) => (1, 2),
            (_, true) => (-1, 2),
            _ => (0, 1),
        };
        depth += change;
        if depth == 0 {
            return Some(at + next);
        }
        at += next + length;
    }
}

/// Bytes of a placeholder, as [`super::ParsedSql::render`] writes it, at the beginning.
pub(super) fn placeholder(rest: &str, dialect: &Dialect) -> Option<usize> {
    let sign = match dialect.placeholders {
        Placeholders::Question => return rest.starts_with('?').then_some(1),
        Placeholders::AtP => "@P",
        Placeholders::Colon => ":",
    };
    let digits = rest.strip_prefix(sign)?;
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let ends = !digits.get(length..)?.starts_with(in_word);
    (length > 0 && ends).then_some(sign.len() + length)
}

/// Line and column of a byte, both from 1.
pub(super) fn place(sql: &str, at: usize) -> String {
    let before = sql.get(..at).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}
