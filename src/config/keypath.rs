//! The path of a key in the configuration. It keeps keys apart that hold dots themselves, and shows them plainly.
//! It knows no file and no position.

use std::fmt;

/// A key's path from the top of the file; array items by their index from 0. Displays as `mapping.appointment.table`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The whole file.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of these parts, top first.
    #[must_use]
    pub fn of(parts: &[String]) -> Self {
        Self(parts.to_owned())
    }

    /// The path of a key below this one.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(name.to_owned());
        Self(parts)
    }

    /// The path of an array's item.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.key(&index.to_string())
    }

    /// Its parts, top first.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether `self` is `other` or stands below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The one text of this path that [`KeyPath::parse`] reads back: parts joined by dots, a part with dots of its
    /// own in quotes: `mapping."appointment.created".table`. What `Step::at` and `Field::at` hold.
    #[must_use]
    pub fn canonical(&self) -> String {
        let part = |part: &String| {
            let special = |c: char| matches!(c, '.' | '"' | '\\') || c.is_control();
            if part.is_empty() || part.contains(special) {
                format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                part.clone()
            }
        };
        self.0.iter().map(part).collect::<Vec<_>>().join(".")
    }

    /// Reads [`KeyPath::canonical`]'s text; any other text gives some path, never an error.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::root();
        }
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut quoted = false;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if quoted => part.extend(chars.next()),
                '"' if quoted => quoted = false,
                '"' if part.is_empty() => quoted = true,
                '.' if !quoted => parts.push(std::mem::take(&mut part)),
                _ => part.push(c),
            }
        }
        parts.push(part);
        Self(parts)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(&printable(part))?;
        }
        Ok(())
    }
}

/// The plain dotted form of `Step::at` and its like, for messages.
#[must_use]
pub fn plain_path(at: &str) -> String {
    KeyPath::parse(at).to_string()
}

/// A text from the file as messages show it: on one line, without control characters, not endlessly long.
pub(crate) fn printable(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == SHOWN_CHARS_MAX {
            shown.push_str("...");
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_reads_back_and_the_plain_form_has_no_quotes() {
        let check = |parts: &[&str], canonical: &str, plain: &str| {
            let path = parts.iter().fold(KeyPath::root(), |p, k| p.key(k));
            assert_eq!(path.canonical(), canonical);
            assert_eq!(path.to_string(), plain);
            assert_eq!(KeyPath::parse(canonical), path);
        };
        check(&[], "", "");
        check(&["mapping", "appointment", "table"], "mapping.appointment.table", "mapping.appointment.table");
        check(
            &["mapping", "a.b", "fields", "x.0.y"],
            r#"mapping."a.b".fields."x.0.y""#,
            "mapping.a.b.fields.x.0.y",
        );
        check(&["a\"b", "c\\d"], r#""a\"b"."c\\d""#, "a\"b.c\\d");
        check(&["a", "", "b"], r#"a."".b"#, "a..b");
        check(&["a\nb"], "\"a\nb\"", "a\\nb");
    }
}
