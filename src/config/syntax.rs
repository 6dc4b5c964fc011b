//! What to say where the configuration's text is not JSON: plain sentences for people who never heard of tokens.
//! No sentence repeats the text around the place, which may be a password.

/// What belongs where the text went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Anything at all.
    File,
    /// Nothing more.
    End,
    /// A value.
    Value,
    /// A key, or the end of its object.
    Key,
    /// The colon after a key.
    Colon,
    /// A comma, or the end of an object.
    CommaOrBrace,
    /// A comma, or the end of an array.
    CommaOrBracket,
    /// No comma before a closing brace.
    NoComma,
    /// A number as JSON writes them.
    Number,
    /// The end of a text on its line.
    Quote,
    /// A known escape after a backslash.
    Escape,
    /// The other half of a pair of escapes.
    Surrogate,
    /// No control character.
    NoControl,
    /// Less nesting.
    Shallower,
}

/// The least that a configuration holds, for messages.
pub(crate) const LEAST: &str = "{ \"database\": { ... }, \"mapping\": { ... } }";

/// Says what is wrong where `rest` begins.
pub(crate) fn sentence(expected: Expected, rest: &str) -> String {
    let text = match expected {
        Expected::File => {
            return format!("the file is empty; write {LEAST}, or copy his-config.example.json");
        }
        Expected::NoComma => "nothing follows this comma; remove it",
        Expected::Quote => {
            "the text that begins here does not end on its line; its closing \" is missing, or a \\ stands before it \
             (in JSON a backslash is written \\\\; in paths / works too)"
        }
        Expected::Escape => {
            "a single backslash; write it twice (\"HIS-SERVER\\\\SQLEXPRESS\", \"C:\\\\Buktor\\\\queue.db\"); in paths / works \
             too (\"C:/Buktor/queue.db\")"
        }
        Expected::Surrogate => {
            "half a character in this text: \\ud800 to \\udfff stand in pairs; write the character itself"
        }
        Expected::NoControl => "a control character inside a text; write a tab as \\t, and delete any other",
        Expected::Shallower => {
            "braces and brackets are nested too deep; a configuration needs no more than ten levels"
        }
        _ => stray(rest).unwrap_or_else(|| plainly(expected, rest)),
    };
    text.to_owned()
}

/// Says that the file ends before its brace or bracket is closed.
pub(crate) fn unclosed(opening: char, line: usize, column: usize) -> String {
    let closing = if opening == '{' { '}' } else { ']' };
    format!(
        "the file ends before the {opening} of line {line}, column {column} is closed; add the missing {closing}"
    )
}

/// Bytes of the escape that begins `rest`, `\n` or `\u00e9`; none where there is no such escape.
pub(crate) fn escape_length(rest: &str) -> Option<usize> {
    match rest.as_bytes() {
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'\\', b'u', digits @ ..] => {
            let four = digits.get(..4)?;
            four.iter().all(u8::is_ascii_hexdigit).then_some(6)
        }
        _ => None,
    }
}

/// What never stands outside a text, whatever is expected.
fn stray(rest: &str) -> Option<&'static str> {
    let first = rest.chars().next()?;
    Some(match first {
        '/' if rest.starts_with("//") || rest.starts_with("/*") => "JSON has no comments; remove this one",
        '#' => "JSON has no comments; remove this one",
        '\'' | '`' => "texts stand in double quotes; write \" in place of this quote",
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => {
            "a typographic quote, as word processors make them; write a straight \""
        }
        '\0' => "a NUL character; the file is damaged or not a text file: save it again as UTF-8",
        '\u{a0}'
        | '\u{2000}'..='\u{200f}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{2060}'
        | '\u{3000}'
        | '\u{feff}' => {
            "an invisible character (a special space, as copying from a web page or PDF brings them); delete it"
        }
        '=' => "JSON writes a colon between key and value; write : in place of =",
        ';' => "JSON writes a comma between entries; write , in place of ;",
        _ => return None,
    })
}

fn plainly(expected: Expected, rest: &str) -> &'static str {
    let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    match expected {
        Expected::End if rest.starts_with('{') => {
            "a second { ... } begins here, but a file holds one; join the two: put a comma in place of the } before \
             and of this {"
        }
        Expected::End if rest.starts_with(['}', ']']) => "one closing brace or bracket too many; remove it",
        Expected::End => "the outermost { ... } ended before this; remove a } above, or what stands here",
        Expected::Key if rest.starts_with(',') => "one comma too many; remove it",
        Expected::Key | Expected::CommaOrBrace if rest.starts_with(']') => {
            "a { is closed by ] here; write } in its place"
        }
        Expected::Key => "a key in double quotes belongs here, as in \"host\": \"...\"",
        Expected::Colon => {
            "a colon belongs between a key and its value; if it is there, look for a missing \" before it"
        }
        Expected::CommaOrBracket if rest.starts_with('}') => "a [ is closed by } here; write ] in its place",
        Expected::CommaOrBracket if rest.starts_with(':') => {
            "a list in [ ] has no keys; write { } around keys and their values"
        }
        Expected::CommaOrBrace | Expected::CommaOrBracket => {
            "a comma is missing before this (or a \" inside the text before it is not written as \\\")"
        }
        Expected::Number => {
            "not a number as JSON writes them (5, -5, 0.5; no + and no 0 before other digits); \
             or put it in double quotes if it is meant as text"
        }
        _ if rest.is_empty() => "the file ends where a value belongs; write the value and the missing }",
        _ if rest.starts_with([',', '}', ']']) => {
            "a value is missing here; write one after the colon or comma before it"
        }
        _ if is(&["true", "false", "null"]) => "true, false and null are written in small letters",
        _ if is(&["yes", "no", "on", "off"]) => "write true or false",
        _ if is(&["none", "nil", "undefined"]) => "write null, or leave the key out",
        _ if rest.starts_with(['+', '.']) => "a number begins with a digit or -, as in 0.5",
        _ => "a value belongs here; a text stands in double quotes",
    }
}

#[cfg(test)]
mod tests {
    use crate::config::locate::locate;

    #[test]
    fn text_that_is_not_json_is_told_where_and_why() {
        let check = |text: &str, place: (usize, usize), part: &str| {
            let problem = locate(text).err().unwrap_or_else(|| panic!("no problem in {text}"));
            assert_eq!(problem.place, Some(place), "{text}: {}", problem.message);
            assert!(problem.message.contains(part), "{text}: {}", problem.message);
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        };
        check("", (1, 1), "the file is empty");
        check(" \n", (2, 1), "the file is empty");
        check("{\n \"a\": 1,\n}", (2, 8), "nothing follows this comma");
        check("[1,]", (1, 3), "nothing follows this comma");
        check("{\"a\": 1,, \"b\": 2}", (1, 9), "one comma too many");
        check("{\"a\": 1 \"b\": 2}", (1, 9), "a comma is missing");
        check("{\"a\": [1 2]}", (1, 10), "a comma is missing");
        check("{\"a\": \"x\"y\"}", (1, 10), "a comma is missing before this (or a \"");
        check("{\"a\" 1}", (1, 6), "a colon belongs");
        check("{\"a\" = 1}", (1, 6), "in place of =");
        check("{\"a\": }", (1, 7), "a value is missing");
        check("{\"a\": \"x\n\"}", (1, 7), "its closing \" is missing");
        check("{\"a\": \"C:\\data\\\"}", (1, 10), "a single backslash");
        check("{\"a\": \"C:\\new\\\"\n}", (1, 7), "a \\ stands before it");
        check("{\"é\": \"\\u12\"}", (1, 8), "a single backslash");
        check("{\"é\": \"\\ud800\"}", (1, 7), "half a character");
        check("{\"a\": \"x\ty\"}", (1, 9), "a tab as \\t");
        check("{a: 1}", (1, 2), "a key in double quotes");
        check("{'a': 1}", (1, 2), "in place of this quote");
        check("{\u{201c}a\u{201d}: 1}", (1, 2), "typographic");
        check("{\u{a0}\"a\": 1}", (1, 2), "invisible");
        check("{\"a\": 1 // one\n}", (1, 9), "no comments");
        check("# x\n{}", (1, 1), "no comments");
        check("{\"a\": True}", (1, 7), "small letters");
        check("{\"a\": yes}", (1, 7), "true or false");
        check("{\"a\": None}", (1, 7), "write null");
        check("{\"a\": abc}", (1, 7), "double quotes");
        check("{\"a\": 05}", (1, 7), "not a number");
        check("{\"a\": 1.}", (1, 7), "not a number");
        check("{\"a\": .5}", (1, 7), "begins with a digit");
        check("{\"a\": 5s}", (1, 8), "a comma is missing");
        check("{\"a\": {\n\"b\": 1", (2, 7), "the { of line 1, column 7");
        check("{\"a\": [1", (1, 9), "add the missing ]");
        check("{\"a\": 1]", (1, 8), "write } in its place");
        check("{\"a\": [1}", (1, 9), "write ] in its place");
        check("{\"a\": [\"b\": 1]}", (1, 11), "a list in [ ] has no keys");
        check("{}\n{}", (2, 1), "join the two");
        check("{}}", (1, 3), "too many");
        check("{}, \"a\": 1", (1, 3), "ended before this");
        check("\0", (1, 1), "NUL");
        check(&"[".repeat(100_000), (1, 128), "too deep");
        check("{\"a\": ", (1, 7), "the file ends");
    }
}
