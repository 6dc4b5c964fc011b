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
    data(&format!("{value:#}"))
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

/// A text as a terminal may show it: control characters, also those that steer a terminal, are escaped.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}
