//! JSON that keeps the order in which it was put together and is laid out to be read and edited by people.

use std::fmt::Write as _;

use serde_json::Value;

/// A JSON value with its layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// A text, a number, true, false or null.
    Scalar(Value),
    /// A list on one line.
    List(Vec<Document>),
    /// An object on one line.
    Row(Vec<(String, Document)>),
    /// An object with a line for each key.
    Object(Vec<(String, Document)>),
}

impl Document {
    /// A text, a number, true, false or null.
    pub fn scalar(value: impl Into<Value>) -> Self {
        Self::Scalar(value.into())
    }

    /// An object with a line for each key.
    pub fn object<K: Into<String>>(entries: impl IntoIterator<Item = (K, Document)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// An object on one line.
    pub fn row<K: Into<String>>(entries: impl IntoIterator<Item = (K, Document)>) -> Self {
        Self::Row(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The text, with a line end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            // Writing to a String cannot fail.
            Self::Scalar(value) => {
                let _ = write!(out, "{value}");
            }
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.write(out, depth);
                }
                out.push(']');
            }
            Self::Object(entries) | Self::Row(entries) if entries.is_empty() => out.push_str("{}"),
            Self::Row(entries) => {
                out.push('{');
                for (i, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { " " });
                    let _ = write!(out, "{}: ", Value::from(key.as_str()));
                    value.write(out, depth);
                }
                out.push_str(" }");
            }
            Self::Object(entries) => {
                out.push('{');
                for (i, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if i > 0 { ",\n" } else { "\n" });
                    let _ =
                        write!(out, "{:width$}{}: ", "", Value::from(key.as_str()), width = 2 * depth + 2);
                    value.write(out, depth + 1);
                }
                let _ = write!(out, "\n{:width$}}}", "", width = 2 * depth);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_order_and_are_json() {
        let row = Document::row([("column", Document::scalar("S\"")), ("truncate", Document::scalar(true))]);
        let list = Document::List(vec![Document::scalar("a"), Document::scalar(1)]);
        let fields = Document::object([("z", row), ("a", list), ("empty", Document::Row(Vec::new()))]);
        let text = Document::object([("fields", fields)]).text();
        let expected = "{\n  \"fields\": {\n    \"z\": { \"column\": \"S\\\"\", \"truncate\": true },\n    \
                        \"a\": [\"a\", 1],\n    \"empty\": {}\n  }\n}\n";
        assert_eq!(text, expected);
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}
