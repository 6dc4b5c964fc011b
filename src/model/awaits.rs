//! A record of the HIS that events wait for, because a lookup did not find it.

use std::fmt;

/// Between the parts of its text; only the value, which stands last, may hold it too.
const SEPARATOR: char = '\u{1f}';

/// A record that a lookup did not find.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Awaits {
    /// The table that was looked into.
    pub table: String,
    /// The column that was to hold the value.
    pub column: String,
    /// What else the row must have, in words, `ACTIVE = 1`; empty for nothing.
    pub only: String,
    /// The event's value.
    pub value: String,
}

impl Awaits {
    /// As the queue keeps it: equal for equal records.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { table, column, only, value } = self;
        format!("{table}{SEPARATOR}{column}{SEPARATOR}{only}{SEPARATOR}{value}")
    }

    /// What [`Awaits::to_text`] was made of.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, SEPARATOR).map(str::to_owned);
        Some(Self { table: parts.next()?, column: parts.next()?, only: parts.next()?, value: parts.next()? })
    }
}

/// `DOCTORS.BUKTOR_CODE = D7`, for people.
impl fmt::Display for Awaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, only, value } = self;
        write!(f, "{table}.{column} = {value}")?;
        if only.is_empty() { Ok(()) } else { write!(f, " where {only}") }
    }
}

/// The queue's text of a missing record, for people.
#[must_use]
pub fn words(text: &str) -> String {
    Awaits::from_text(text).map_or_else(|| text.replace(SEPARATOR, " "), |awaits| awaits.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_record_is_a_text_and_words() {
        let check = |parts: [&str; 4], expected: &str| {
            let [table, column, only, value] = parts.map(str::to_owned);
            let awaits = Awaits { table, column, only, value };
            let text = awaits.to_text();
            assert_eq!(Awaits::from_text(&text), Some(awaits), "{parts:?}");
            assert_eq!(words(&text), expected, "{parts:?}");
        };
        check(["DOCTORS", "BUKTOR_CODE", "", "D7"], "DOCTORS.BUKTOR_CODE = D7");
        check(["his.DOCTORS", "CODE", "ACTIVE = 1", "D7"], "his.DOCTORS.CODE = D7 where ACTIVE = 1");
        check(["D", "C", "", ""], "D.C = ");
        check(["D", "C", "", "a\u{1f}b"], "D.C = a\u{1f}b");
        assert_eq!(words("something\u{1f}else"), "something else");
    }
}
