//! The program's own source as text, for the tests that hold its shape: comments and literals blanked out, so that
//! what is found is code. Parses no Rust beyond that.

use std::{fs, path::Path};

/// A source file.
pub(crate) struct Source {
    /// Its path from the repository's top, `src/his/mod.rs`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// Of the same length, with comments, strings and characters blanked out.
    pub(crate) code: String,
    /// As `code`, with what is compiled for tests alone blanked out too.
    pub(crate) product: String,
}

/// All `.rs` files under a folder of the repository, by path.
pub(crate) fn read(folder: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![top.join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source::new(name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!sources.is_empty(), "no source under {folder}");
    sources
}

impl Source {
    /// Reads a source from its text.
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = blank(&text);
        let product = without_tests(&code);
        Self { path, text, code, product }
    }

    /// The line, from 1, of a place in the text.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

/// Blanks out comments, strings and character literals; line breaks stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(text, at);
        match end {
            Some(end) => {
                for byte in &mut code[at..end] {
                    if *byte != b'\n' {
                        *byte = b' ';
                    }
                }
                at = end;
            }
            None => at += 1,
        }
    }
    // What is outside comments and literals is whole characters, and blanks are ASCII.
    String::from_utf8(code).unwrap()
}

/// Where the comment or literal that begins at `at` ends; `None` where none begins.
fn literal_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let find = |from: usize, end: &str| rest.get(from..)?.find(end).map(|i| at + from + i + end.len());
    if rest.starts_with("//") {
        return Some(rest.find('\n').map_or(text.len(), |i| at + i));
    }
    if rest.starts_with("/*") {
        return Some(find(2, "*/").unwrap_or(text.len()));
    }
    if rest.starts_with('"') {
        return Some(quoted_end(text, at, b'"'));
    }
    let word_before = at > 0 && is_word(text.as_bytes()[at - 1]);
    if !word_before {
        let raw = ["br", "cr", "r"].into_iter().find_map(|p| rest.strip_prefix(p));
        if let Some(raw) = raw {
            let hashes = raw.bytes().take_while(|&b| b == b'#').count();
            if raw.as_bytes().get(hashes) == Some(&b'"') {
                let end = format!("\"{}", "#".repeat(hashes));
                return Some(find(rest.len() - raw.len() + hashes + 1, &end).unwrap_or(text.len()));
            }
        }
    }
    // A character, not a lifetime: closed after one character or an escape.
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return Some(quoted_end(text, at, b'\''));
    }
    let width = inner.chars().next()?.len_utf8();
    (inner.as_bytes().get(width) == Some(&b'\'')).then_some(at + 2 + width)
}

fn quoted_end(text: &str, at: usize, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// Blanks out every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut product = code.as_bytes().to_vec();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let body = at + mark.len();
        let end = match code[body..].find(['{', ';']).map(|i| body + i) {
            Some(open) if code.as_bytes()[open] == b'{' => block_end(code, open),
            Some(semicolon) => semicolon + 1,
            None => code.len(),
        };
        for byte in &mut product[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(product).unwrap()
}

/// Just after the brace that closes the one at `open`.
pub(crate) fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (i, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    code.len()
}

/// Whether the byte can stand in an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Places where `word` stands as a whole identifier.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(|&b| is_word(b));
        let after = bytes.get(at + word.len()).is_some_and(|&b| is_word(b));
        !before && !after
    })
}

#[test]
fn blanking_leaves_code_and_line_breaks() {
    let check = |text: &str, expected: &str| assert_eq!(blank(text), expected, "{text}");
    check("a // b\nc", "a     \nc");
    check("a /* b\n */ c", "a     \n    c");
    check(r#"f("x\"{", 'y', b"z")"#, "f(      ,    , b   )");
    check("f::<'a>('\\'', '{')", "f::<'a>(    ,    )");
    check("r#\"a\"{\"# b", "         b");
    check("for r in x", "for r in x");
    check("\"é\" a", "     a");
}

#[test]
fn what_is_for_tests_is_left_out() {
    let source =
        Source::new("src/x.rs".into(), "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}".into());
    assert!(source.product.contains("fn a") && source.product.contains("fn c"));
    assert!(!source.product.contains("fn b"));
}
