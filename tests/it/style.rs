//! Holds the parts of the style that a machine can judge: sizes, headings, and what must not be left behind.

use crate::support::source::{Source, block_end, read, words};

/// Lines that a function may have, from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines that a file may have before its tests.
const FILE_LINES_MAX: usize = 400;

#[test]
fn every_file_says_what_it_owns() {
    complain(all(), |source, wrong| {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{}: does not open with `//! ` and what it owns", source.path));
        }
    });
}

#[test]
fn functions_fit_on_a_screen() {
    complain(all(), |source, wrong| {
        for (name, line, lines) in functions(source) {
            if lines > FUNCTION_LINES_MAX {
                wrong.push(format!("{}:{line}: {name} has {lines} lines", source.path));
            }
        }
    });
}

#[test]
fn files_stay_short_before_their_tests() {
    complain(read("src"), |source, wrong| {
        // `product` blanks the tests out, wherever they stand.
        let lines = source.product.trim_end().lines().count();
        if lines > FILE_LINES_MAX && !source.path.ends_with("/tests.rs") {
            wrong.push(format!("{}: {lines} lines before its tests", source.path));
        }
    });
}

#[test]
fn nothing_is_left_behind() {
    complain(all(), |source, wrong| {
        let mut find = |code: &str, what: &str| {
            for (at, _) in code.match_indices(what) {
                wrong.push(format!("{}:{}: {what}", source.path, source.line(at)));
            }
        };
        // Whole files of tests are not under a `#[cfg(test)]` of their own.
        if !source.path.ends_with("/tests.rs") {
            find(&source.product, "use super::*");
        }
        for what in ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            find(&source.code, what);
        }
        for what in ["#[allow(", "#![allow("] {
            find(&source.product, what);
        }
    });
}

fn all() -> Vec<Source> {
    let mut sources = read("src");
    sources.extend(read("tests/it"));
    sources
}

fn complain(sources: Vec<Source>, mut judge: impl FnMut(&Source, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for source in sources {
        judge(&source, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Name, first line and number of lines of every function with a body, outside what is for tests alone in `src`.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let code = &source.product;
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let name: String =
            code[at + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // Without a name it is a function's type.
        let Some(end) = (!name.is_empty()).then(|| body(code, at)).flatten() else { continue };
        found.push((name, source.line(at), source.line(end - 1) - source.line(at) + 1));
    }
    found
}

/// Where the body of the function whose `fn` stands at `at` ends; `None` where it has no body.
fn body(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0i32;
    for (i, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(block_end(code, i)),
            _ => {}
        }
    }
    None
}

#[test]
fn functions_are_measured() {
    let text = "fn a(x: [u8; 3]) -> u8 {\n  1\n}\ntrait T { fn b(); fn c() {} }\ntype F = fn(u8);\n";
    let source = Source::new("src/x.rs".into(), text.to_owned());
    assert_eq!(functions(&source), [("a".to_owned(), 1, 3), ("c".to_owned(), 4, 1)]);
}
