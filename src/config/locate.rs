//! One pass over the configuration's text: where each key stands, which keys stand twice, and where and how the
//! text is not JSON. It builds no values and knows no key's meaning.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::{
    config::{
        keypath::KeyPath,
        problem::Problem,
        syntax::{self, Expected},
    },
    limits::JSON_DEPTH_MAX,
};

/// Keys that stand twice, that one pass tells of.
const DUPLICATES_MAX: usize = 1000;

/// Line and column of every key and array item, from 1, columns in characters.
#[derive(Clone, Debug, Default)]
pub struct Places {
    root: Option<Node>,
}

impl Places {
    /// Where a path stands: `Step::at` and its like, or a plain dotted path. Where the file does not have it, its
    /// nearest parent. `None` only where there is no file, as in tests.
    #[must_use]
    pub fn find(&self, at: &str) -> Option<(usize, usize)> {
        let root = self.root.as_ref()?;
        let path = KeyPath::parse(at);
        let (node, rest) = root.descend(path.parts());
        if rest.is_empty() {
            return Some(node.place);
        }
        let (place, _) = root.descend_plain(at, 0);
        Some(place)
    }

    /// Where a path stands, else its nearest parent.
    pub(crate) fn of(&self, path: &KeyPath) -> Option<(usize, usize)> {
        Some(self.root.as_ref()?.descend(path.parts()).0.place)
    }
}

#[derive(Clone, Debug)]
struct Node {
    place: (usize, usize),
    children: BTreeMap<String, Node>,
}

impl Node {
    /// The deepest node on the way, and the parts that are left.
    fn descend<'p>(&self, parts: &'p [String]) -> (&Self, &'p [String]) {
        match parts.split_first().and_then(|(first, rest)| Some((self.children.get(first)?, rest))) {
            Some((child, rest)) => child.descend(rest),
            None => (self, parts),
        }
    }

    /// The place of the deepest node whose plain dotted form begins `text`, and the bytes that it has of it.
    fn descend_plain(&self, text: &str, used: usize) -> (Place, usize) {
        let below = |(name, child): (&String, &Self)| {
            let rest = text.strip_prefix(name.as_str())?;
            match rest.strip_prefix('.') {
                Some(rest) => Some(child.descend_plain(rest, used + name.len() + 1)),
                None => rest.is_empty().then_some((child.place, used + name.len())),
            }
        };
        self.children.iter().filter_map(below).max_by_key(|(_, used)| *used).unwrap_or((self.place, used))
    }
}

type Place = (usize, usize);

/// What one pass found.
pub(crate) struct Located {
    pub(crate) places: Places,
    /// A problem for each key that its object has already.
    pub(crate) duplicates: Vec<Problem>,
}

/// Reads the text once; `Err` is the first place where it is not JSON.
pub(crate) fn locate(text: &str) -> Result<Located, Problem> {
    let mut scanner =
        Scanner { text, at: 0, marked: 0, mark: (1, 1), path: Vec::new(), depth: 0, duplicates: Vec::new() };
    match scanner.file() {
        Ok(root) => Ok(Located { places: Places { root: Some(root) }, duplicates: scanner.duplicates }),
        Err(fault) => Err(Problem {
            at: KeyPath::root(),
            place: Some(place_of(text, fault.at)),
            message: fault.message,
        }),
    }
}

/// Line and column of a byte's character.
pub(crate) fn place_of(text: &str, at: usize) -> Place {
    advance((1, 1), text.get(..at).unwrap_or(text))
}

fn advance((line, column): Place, passed: &str) -> Place {
    match passed.rsplit_once('\n') {
        Some((before, last)) => (line + 1 + before.matches('\n').count(), 1 + last.chars().count()),
        None => (line, column + passed.chars().count()),
    }
}

struct Fault {
    at: usize,
    message: String,
}

struct Scanner<'t> {
    text: &'t str,
    /// The next byte.
    at: usize,
    /// A byte before it, whose place is `mark`, so that places cost one pass in all.
    marked: usize,
    mark: Place,
    path: Vec<String>,
    depth: usize,
    duplicates: Vec<Problem>,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn place(&mut self) -> Place {
        self.mark = advance(self.mark, self.text.get(self.marked..self.at).unwrap_or(""));
        self.marked = self.at;
        self.mark
    }

    fn fault<T>(&self, expected: Expected) -> Result<T, Fault> {
        Err(Fault { at: self.at, message: syntax::sentence(expected, self.rest()) })
    }

    fn file(&mut self) -> Result<Node, Fault> {
        self.skip_space();
        if self.rest().is_empty() {
            return self.fault(Expected::File);
        }
        let mut root = self.value()?;
        root.place = (1, 1);
        self.skip_space();
        if self.rest().is_empty() { Ok(root) } else { self.fault(Expected::End) }
    }

    fn value(&mut self) -> Result<Node, Fault> {
        let place = self.place();
        let mut node = Node { place, children: BTreeMap::new() };
        match self.peek() {
            Some(opening @ (b'{' | b'[')) => {
                self.depth += 1;
                if self.depth >= JSON_DEPTH_MAX {
                    return self.fault(Expected::Shallower);
                }
                if opening == b'{' {
                    self.object(&mut node)?;
                } else {
                    self.array(&mut node)?;
                }
                self.depth -= 1;
            }
            Some(b'"') => drop(Zeroizing::new(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        }
        Ok(node)
    }

    fn object(&mut self, node: &mut Node) -> Result<(), Fault> {
        let opened = self.at;
        self.at += 1;
        let mut comma = None;
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => {}
                Some(b'}') => return self.close(comma),
                None => return self.unclosed('{', opened),
                Some(_) => return self.fault(Expected::Key),
            }
            let place = self.place();
            let name = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.fault(Expected::Colon);
            }
            self.at += 1;
            self.skip_space();
            self.path.push(name.clone());
            let mut child = self.value()?;
            child.place = place;
            if let Some(first) = node.children.get(&name) {
                self.duplicate(first.place, place);
            }
            self.path.pop();
            node.children.insert(name, child);
            comma = match self.separator(b'}', '{', opened)? {
                Some(comma) => Some(comma),
                None => return Ok(()),
            };
        }
    }

    fn duplicate(&mut self, (line, _): Place, place: Place) {
        if self.duplicates.len() < DUPLICATES_MAX {
            let message = format!(
                "this key stands twice, on line {line} and on line {}; keep one of them (the last would win)",
                place.0
            );
            self.duplicates.push(Problem { at: KeyPath::of(&self.path), place: Some(place), message });
        }
    }

    fn array(&mut self, node: &mut Node) -> Result<(), Fault> {
        let opened = self.at;
        self.at += 1;
        let mut comma = None;
        for index in 0_usize.. {
            self.skip_space();
            match self.peek() {
                Some(b']') => return self.close(comma),
                None => return self.unclosed('[', opened),
                Some(_) => {}
            }
            let name = index.to_string();
            self.path.push(name.clone());
            let child = self.value()?;
            self.path.pop();
            node.children.insert(name, child);
            comma = match self.separator(b']', '[', opened)? {
                Some(comma) => Some(comma),
                None => return Ok(()),
            };
        }
        Ok(())
    }

    /// After a value: the comma's byte, or none where the object or array ends.
    fn separator(&mut self, closing: u8, opening: char, opened: usize) -> Result<Option<usize>, Fault> {
        self.skip_space();
        let at = self.at;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(Some(at))
            }
            Some(c) if c == closing => {
                self.at += 1;
                Ok(None)
            }
            None => self.unclosed(opening, opened),
            Some(_) => {
                self.fault(if closing == b'}' { Expected::CommaOrBrace } else { Expected::CommaOrBracket })
            }
        }
    }

    fn close(&mut self, comma: Option<usize>) -> Result<(), Fault> {
        if let Some(comma) = comma {
            let message = syntax::sentence(Expected::NoComma, "");
            return Err(Fault { at: comma, message });
        }
        self.at += 1;
        Ok(())
    }

    fn unclosed<T>(&self, opening: char, opened: usize) -> Result<T, Fault> {
        let (line, column) = place_of(self.text, opened);
        Err(Fault { at: self.at, message: syntax::unclosed(opening, line, column) })
    }

    /// A text; gives what it says.
    fn string(&mut self) -> Result<String, Fault> {
        let opened = self.at;
        let fault = |at, expected| Err(Fault { at, message: syntax::sentence(expected, "") });
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let escape = self.rest();
                    match syntax::escape_length(escape) {
                        Some(length) => self.at += length,
                        None => return fault(self.at, Expected::Escape),
                    }
                }
                None | Some(b'\n' | b'\r') => return fault(opened, Expected::Quote),
                Some(0..=0x1f) => return fault(self.at, Expected::NoControl),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let written = self.text.get(opened..self.at).unwrap_or("");
        // What is left to go wrong is half a pair of \u escapes.
        serde_json::from_str(written).or_else(|_| fault(opened, Expected::Surrogate))
    }

    fn number(&mut self) -> Result<(), Fault> {
        let number = self.rest();
        let length = number.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let number = length.and_then(|n| number.get(..n)).unwrap_or(number);
        if serde_json::from_str::<serde_json::Number>(number).is_err() {
            return self.fault(Expected::Number);
        }
        self.at += number.len();
        Ok(())
    }

    fn word(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let Some(word) = ["true", "false", "null"].into_iter().find(|w| rest.starts_with(w)) else {
            return self.fault(Expected::Value);
        };
        self.at += word.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_place() {
        let text = "{\n  \"mapping\": {\n\t\"a.b\": {\"t\": 1}, \"a\": {\"b\": {\"u\": [10, {\"ü\": 1, \"é.x\": 2}]}}\n  },\r\n  \"z\": null}";
        let places = locate(text).ok().unwrap().places;
        let check = |at: &str, expected| assert_eq!(places.find(at), Some(expected), "{at}");
        check("", (1, 1));
        check("mapping", (2, 3));
        check("mapping.\"a.b\"", (3, 2));
        check("mapping.\"a.b\".t", (3, 10));
        check("mapping.a.b", (3, 25));
        check("mapping.a.b.u.0", (3, 37));
        check("mapping.a.b.u.1.ü", (3, 42));
        check("mapping.a.b.u.1.\"é.x\"", (3, 50));
        check("z", (5, 3));
        // Plain forms, and the nearest parent of what is not there.
        check("mapping.a.b.t", (3, 10));
        check("mapping.a.b.u.1.é.x", (3, 50));
        check("mapping.a.b.u.1.é.x.y", (3, 50));
        check("mapping.a.b.u.7", (3, 31));
        check("mapping.q.fields", (2, 3));
        check("nothing", (1, 1));
        assert_eq!(Places::default().find("a"), None);
    }

    #[test]
    fn a_key_that_stands_twice_names_both_lines() {
        let located = locate("{\"a\": {\"x\": 1,\n\"x\": 2},\n\"a\": 3}").ok().unwrap();
        let told: Vec<_> =
            located.duplicates.iter().map(|p| (p.at.to_string(), p.place, p.message.as_str())).collect();
        let message = |a, b| {
            format!(
                "this key stands twice, on line {a} and on line {b}; keep one of them (the last would win)"
            )
        };
        assert_eq!(
            told,
            [
                ("a.x".to_owned(), Some((2, 1)), message(1, 2).as_str()),
                ("a".to_owned(), Some((3, 1)), message(1, 3).as_str()),
            ]
        );
    }
}
