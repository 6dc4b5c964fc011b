//! What the tests of all statements share: the dialects, and the placeholders of a finished text.

use crate::sql::ident::{Dialect, MYSQL, ORACLE, Placeholders, SQLITE, TSQL};

pub(super) const ALL_DIALECTS: [&Dialect; 4] = [&MYSQL, &SQLITE, &TSQL, &ORACLE];

/// The numbers of the placeholders, in the order of the text, from 1. What is quoted has none.
pub(super) fn placeholders(sql: &str, dialect: &Dialect) -> Vec<usize> {
    let (open, close) = dialect.quotes;
    let mut numbers = Vec::new();
    let mut quoted_until = None;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(end) = quoted_until {
            if c == end && chars.next_if_eq(&end).is_none() {
                quoted_until = None;
            }
            continue;
        }
        let begins = match dialect.placeholders {
            Placeholders::Question if c == '?' => {
                numbers.push(numbers.len() + 1);
                false
            }
            Placeholders::AtP => c == '@' && chars.next_if_eq(&'P').is_some(),
            Placeholders::Colon => c == ':',
            Placeholders::Question => false,
        };
        if begins {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            numbers.push(digits.parse().expect("a number"));
        } else if c == open || c == '\'' {
            quoted_until = Some(if c == open { close } else { c });
        }
    }
    numbers
}

#[test]
fn placeholders_are_told_from_names() {
    assert_eq!(placeholders("UPDATE `a?``?` SET b = ? WHERE c = ?", &MYSQL), [1, 2]);
    assert_eq!(
        placeholders("[@P9]]@P8] = CAST(@P1 AS int), '@P7', @@ROWCOUNT, @P12, @P1", &TSQL),
        [1, 12, 1]
    );
    assert_eq!(placeholders("\":9\"\":8\" = :1, ':7', :10", &ORACLE), [1, 10]);
}
