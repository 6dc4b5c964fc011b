//! Owns the words of T-SQL; never knows what they mean together.

pub(crate) use crate::sql::reserved::is_reserved;

use crate::error::{SqlError, err_class, syntax};

/// One word with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: u32,
    /// Where it begins and ends in the text, in bytes.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A word without quotes: a keyword or a name.
    Word(String),
    /// A name in brackets or double quotes.
    Quoted(String),
    /// A text; the flag says that it is an N'...'.
    Text(String, bool),
    /// Digits with or without a point.
    Number(String),
    /// A number with an exponent.
    Float(String),
    Hex(Vec<u8>),
    /// `@name` or `@@name`.
    Variable(String),
    /// An operator or a mark.
    Mark(&'static str),
    /// A character that no T-SQL has.
    Odd(char),
    End,
}

const MARKS: &[&str] = &[
    "<>", "<=", ">=", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "(", ")", ",",
    ";", ".", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~", ":",
];

/// Cuts the text into words. `quoted` is `QUOTED_IDENTIFIER`.
pub(crate) fn lex(text: &str, mut quoted: bool) -> Result<Vec<Token>, SqlError> {
    let mut tokens: Vec<Token> = Vec::new();
    let (mut at, mut line) = (0usize, 1u32);
    loop {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else { break };
        let start = at;
        let kind = match c {
            '\n' => {
                line += 1;
                at += 1;
                continue;
            }
            c if c.is_whitespace() || c == '\u{feff}' => {
                at += c.len_utf8();
                continue;
            }
            '-' if rest.starts_with("--") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '/' if rest.starts_with("/*") => {
                let length = comment(rest)
                    .ok_or_else(|| err_class(113, 15, 1, "Missing end comment mark '*/'.").at(line))?;
                line += rest[..length].matches('\n').count() as u32;
                at += length;
                continue;
            }
            _ => {
                let (kind, length) = word(c, rest, quoted, line)?;
                at += length;
                kind
            }
        };
        line += text[start..at].matches('\n').count() as u32;
        tokens.push(Token { kind, line, start, end: at });
        quoted = switched(&tokens).unwrap_or(quoted);
    }
    tokens.push(Token { kind: Kind::End, line, start: text.len(), end: text.len() });
    Ok(tokens)
}

/// The word at the head of `rest`, which begins with `c`, and its length in bytes.
fn word(c: char, rest: &str, quoted: bool, line: u32) -> Result<(Kind, usize), SqlError> {
    Ok(match c {
        '\'' => {
            let (value, length) = delimited(rest, '\'', 1).ok_or_else(|| unclosed(rest, line))?;
            (Kind::Text(value, false), length)
        }
        'N' | 'n' if rest[1..].starts_with('\'') => {
            let (value, length) = delimited(rest, '\'', 2).ok_or_else(|| unclosed(rest, line))?;
            (Kind::Text(value, true), length)
        }
        '[' | '"' => {
            let close = if c == '[' { ']' } else { '"' };
            let (value, length) = delimited(rest, close, 1).ok_or_else(|| unclosed(rest, line))?;
            (if c == '"' && !quoted { Kind::Text(value, false) } else { name(value, line)? }, length)
        }
        '@' => {
            let length = 1 + rest[1..].find(|c: char| !is_name(c)).unwrap_or(rest.len() - 1);
            (Kind::Variable(rest[..length].to_owned()), length)
        }
        '0' if rest[1..].starts_with(['x', 'X']) => {
            let digits: String = rest[2..].chars().take_while(char::is_ascii_hexdigit).collect();
            let length = 2 + digits.len();
            let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
            let pairs = (0..even.len()).step_by(2);
            (Kind::Hex(pairs.filter_map(|i| u8::from_str_radix(&even[i..i + 2], 16).ok()).collect()), length)
        }
        c if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit()) => {
            number(rest)
        }
        c if c.is_alphabetic() || matches!(c, '_' | '#' | '$') => {
            let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            (Kind::Word(rest[..length].to_owned()), length)
        }
        _ => match MARKS.iter().find(|m| rest.starts_with(**m)) {
            Some(mark) => (Kind::Mark(mark), mark.len()),
            None => (Kind::Odd(c), c.len_utf8()),
        },
    })
}

/// `SET QUOTED_IDENTIFIER ON|OFF` works while the text is read.
fn switched(tokens: &[Token]) -> Option<bool> {
    let words: Vec<&str> = tokens
        .iter()
        .rev()
        .take(2)
        .filter_map(|t| if let Kind::Word(w) = &t.kind { Some(w.as_str()) } else { None })
        .collect();
    match words.as_slice() {
        [state, option] if option.eq_ignore_ascii_case("QUOTED_IDENTIFIER") => {
            Some(state.eq_ignore_ascii_case("ON"))
        }
        _ => None,
    }
}

fn name(value: String, line: u32) -> Result<Kind, SqlError> {
    if value.is_empty() {
        return Err(err_class(
            1038,
            15,
            4,
            "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.",
        )
        .at(line));
    }
    if value.encode_utf16().count() > 128 {
        let head: String = value.chars().take(128).collect();
        return Err(err_class(
            103,
            15,
            4,
            format!("The identifier that starts with '{head}' is too long. Maximum length is 128."),
        )
        .at(line));
    }
    Ok(Kind::Quoted(value))
}

fn unclosed(rest: &str, line: u32) -> SqlError {
    let inner: String = rest.trim_start_matches(['N', 'n', '\'', '[', '"']).chars().take(128).collect();
    err_class(105, 15, 1, format!("Unclosed quotation mark after the character string '{inner}'.")).at(line)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

/// Length of a comment; they nest.
fn comment(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let (mut depth, mut i) = (0, 0);
    while i + 1 < bytes.len() {
        match &bytes[i..i + 2] {
            b"/*" => {
                depth += 1;
                i += 2;
            }
            b"*/" => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => i += 1,
        }
    }
    None
}

/// The inside of a quoted run that opens with `open` bytes; a doubled closing mark stands for itself.
fn delimited(rest: &str, close: char, open: usize) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = rest[open..].char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != close {
            value.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == close) {
            value.push(close);
            chars.next();
        } else {
            return Some((value, open + i + close.len_utf8()));
        }
    }
    None
}

fn number(rest: &str) -> (Kind, usize) {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if rest[length..].starts_with('.') {
        length += 1;
        length += digits(length);
    }
    let tail = &rest[length..];
    if tail.starts_with(['e', 'E']) {
        let sign = usize::from(tail[1..].starts_with(['+', '-']));
        let n = digits(length + 1 + sign);
        let total = length + 1 + sign + n;
        let text = if n == 0 { format!("{}0", &rest[..total]) } else { rest[..total].to_owned() };
        return (Kind::Float(text), total);
    }
    (Kind::Number(rest[..length].to_owned()), length)
}

/// 102 or 156 at this word.
pub(crate) fn unexpected(token: &Token, text: &str) -> SqlError {
    let error = match &token.kind {
        Kind::Word(word) if is_reserved(word) => crate::error::syntax_keyword(word),
        Kind::Quoted(name) => syntax(name),
        Kind::Text(value, _) => syntax(value),
        Kind::End => {
            // The real one names the last word that it has read.
            let last =
                text.trim_end().rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',')).next();
            let tail = last.filter(|w| !w.is_empty()).map_or_else(
                || text.trim_end().chars().next_back().map(String::from).unwrap_or_default(),
                str::to_owned,
            );
            syntax(&tail)
        }
        _ => syntax(text.get(token.start..token.end).unwrap_or_default()),
    };
    error.at(token.line)
}
