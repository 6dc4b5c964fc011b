//! The only printer: data to stdout, talk to stderr.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::cli::exit::{Exit, Failure};

/// Writes data and a line end to stdout.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::broken_pipe(),
        _ => Failure::new(Exit::Problems, format!("stdout cannot be written: {error}")),
    })
}

/// Writes a line to stderr. Nobody may be listening there.
pub(crate) fn talk(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Writes a question to stderr; the answer stands on the same line.
pub(crate) fn question(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(write!(out, "{text} ").and_then(|()| out.flush()));
}

/// A value as one JSON document.
pub(crate) fn json(value: &serde_json::Value) -> Result<(), Failure> {
    data(&document(value))
}

/// A JSON document as a terminal may show it. JSON itself lets through what steers some terminals, within texts alone.
pub(crate) fn document(value: &serde_json::Value) -> String {
    format!("{value:#}").chars().fold(String::new(), |mut out, c| {
        if c != '\n' && misleads(c) {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
        out
    })
}

/// Asks on the terminal whether to go on. Where there is none, nobody can answer: `refusal` says what to add.
pub(crate) fn confirmed(question: &str, refusal: &str) -> Result<bool, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(Exit::Usage, refusal));
    }
    talk(&format!("{question} Type yes to go on:"));
    let mut answer = String::new();
    stdin.read_line(&mut answer).map_err(|e| Failure::new(Exit::Problems, e))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// Rows under a heading, columns as wide as they must be.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count());
        cells.chain(heading.get(column).map(|h| h.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    data(&line(&mut heading.iter().copied()))?;
    rows.iter().try_for_each(|row| data(&line(&mut row.iter().map(String::as_str))))
}

/// A text as a terminal may show it: what steers a terminal, or hides how the text reads, is escaped.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if misleads(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// Control characters, also those of 8 bits; those that turn the order of what is shown; those that nobody sees. Not the
/// joiners, without which Indian names cannot be written.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_cannot_steer_a_terminal() {
        let check = |text: &str, shown: &str, quoted: &str| {
            assert_eq!(printable(text), shown);
            let document = document(&serde_json::json!([text]));
            assert_eq!(document, format!("[\n  \"{quoted}\"\n]"));
            assert_eq!(serde_json::from_str::<Vec<String>>(&document).ok(), Some(vec![text.to_owned()]));
        };
        check(
            "Zoë \u{928}\u{94d}\u{200d}\u{1f600}",
            "Zoë \u{928}\u{94d}\u{200d}\u{1f600}",
            "Zoë \u{928}\u{94d}\u{200d}\u{1f600}",
        );
        check("\u{1b}[2J", "\\u{1b}[2J", "\\u001b[2J");
        check("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}", "\\u009b31m\\u007f");
        check("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}", "a\\u202eb\\u2066");
        check("visit\u{200b}", "visit\\u{200b}", "visit\\u200b");
        check("\u{feff}", "\\u{feff}", "\\ufeff");
    }
}
