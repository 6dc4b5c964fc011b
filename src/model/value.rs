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
