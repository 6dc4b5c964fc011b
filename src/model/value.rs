//! Values on their way into a HIS column.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// A value that fits its column: `plan::convert` makes it from JSON, a driver binds it.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// NULL.
    Null,
    /// A whole number, -2^63 to 2^64-1.
    Int(i128),
    /// A decimal number as plain digits, `-12.50`: never an exponent.
    Decimal(String),
    /// A finite double.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A calendar date.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A wall-clock date and time in the column's zone.
    DateTime(NaiveDateTime),
    /// A moment, for columns that know zones (MySQL's TIMESTAMP); the driver writes it in its session's zone.
    Instant(DateTime<Utc>),
}

impl SqlValue {
    /// About how many bytes the value takes in a statement.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Int(_) | Self::Float(_) => 9,
            Self::Decimal(s) | Self::Text(s) => s.len() + 9,
            Self::Bytes(b) => b.len() + 9,
            Self::Date(_) | Self::Time(_) | Self::DateTime(_) | Self::Instant(_) => 30,
        }
    }

    /// A key that a table gave to its row, as its column holds it.
    #[must_use]
    pub fn of_key(text: &str) -> Self {
        // Not +7, 007 or -0, which are texts.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = text == "0" || digits.starts_with(|c: char| ('1'..='9').contains(&c));
        match text.parse() {
            Ok(n) if is_plain => Self::Int(n),
            _ => Self::Text(text.to_owned()),
        }
    }

    /// The value as a text that is equal for equal values, for names and for people; empty for NULL.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Int(n) => n.to_string(),
            Self::Decimal(text) | Self::Text(text) => text.clone(),
            Self::Float(f) => f.to_string(),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Date(d) => d.to_string(),
            Self::Time(t) => t.to_string(),
            Self::DateTime(t) => t.to_string(),
            Self::Instant(t) => t.to_rfc3339(),
        }
    }
}

/// A scalar written in the configuration: a constant, a default, a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// Text.
    Text(String),
}
