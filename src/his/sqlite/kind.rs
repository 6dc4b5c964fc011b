//! A column's declared type as a [`ColumnType`]. `SQLite` itself takes any value anywhere; what counts is what the programs
//! that share the file expect. Pure. See <https://www.sqlite.org/datatype3.html>.

use crate::model::table::{Calendar, Charset, ColumnType, TextLength};

/// Digits that a decimal keeps, because `SQLite` stores one with a fraction as a double.
const DECIMAL_DIGITS_MAX: u32 = 15;
/// Digits of a whole number that fits into 64 bits.
const INTEGER_DIGITS_MAX: u32 = 18;
/// Digits of a second's fraction at most. Without a number there are none, as in MySQL: programs that read
/// `YYYY-MM-DD HH:MM:SS` choke on more.
const FRACTION_DIGITS_MAX: u32 = 6;

/// The column's type.
pub(super) fn column_type(declared: &str) -> ColumnType {
    let upper = declared.to_ascii_uppercase();
    let (name, arguments) = upper.split_once('(').unwrap_or((&upper, ""));
    let name = name.trim();
    let mut arguments = arguments.trim_end_matches(')').split(',').map(|n| n.trim().parse::<u32>().ok());
    let (first, second) = (arguments.next().flatten(), arguments.next().flatten());
    match name {
        "BOOLEAN" | "BOOL" => ColumnType::Int { min: 0, max: 1 },
        "DATE" => ColumnType::Date,
        "TIME" => ColumnType::Time { fraction: fraction(first) },
        "DATETIME" | "TIMESTAMP" => {
            ColumnType::DateTime { fraction: fraction(first), calendar: Calendar::Full }
        }
        "JSON" => ColumnType::Json,
        // Without digits it is left to the column's affinity.
        "DECIMAL" | "NUMERIC" | "NUMBER" | "MONEY" => {
            first.map_or(ColumnType::Other, |digits| decimal(digits, second))
        }
        _ if name.contains("INT") => ColumnType::Int {
            min: if name.contains("UNSIGNED") { 0 } else { i128::from(i64::MIN) },
            max: i128::from(i64::MAX),
        },
        _ if ["CHAR", "CLOB", "TEXT", "STRING"].iter().any(|part| name.contains(part)) => ColumnType::Text {
            length: first.map_or(TextLength::Unlimited, |chars| TextLength::Chars(chars.into())),
            charset: Charset::Any,
        },
        _ if name.contains("BLOB") || name.contains("BINARY") => {
            ColumnType::Bytes { max: first.map(u64::from) }
        }
        _ if ["REAL", "FLOA", "DOUB"].iter().any(|part| name.contains(part)) => {
            ColumnType::Float { single: false }
        }
        _ => ColumnType::Other,
    }
}

fn fraction(digits: Option<u32>) -> u32 {
    digits.unwrap_or(0).min(FRACTION_DIGITS_MAX)
}

fn decimal(digits: u32, scale: Option<u32>) -> ColumnType {
    let scale = scale.unwrap_or(0);
    let digits_max = if scale == 0 { INTEGER_DIGITS_MAX } else { DECIMAL_DIGITS_MAX };
    ColumnType::Decimal { precision: digits.min(digits_max), scale: scale.min(digits_max), unsigned: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        fn check(declared: &str, expected: &ColumnType) {
            assert_eq!(column_type(declared), *expected, "{declared}");
        }
        let int = || ColumnType::Int { min: i128::from(i64::MIN), max: i128::from(i64::MAX) };
        let text = |length| ColumnType::Text { length, charset: Charset::Any };
        check("INTEGER", &int());
        check("bigint(20)", &int());
        check("TINYINT", &int());
        check("UNSIGNED BIG INT", &ColumnType::Int { min: 0, max: i128::from(i64::MAX) });
        check("boolean", &ColumnType::Int { min: 0, max: 1 });
        check("VARCHAR(20)", &text(TextLength::Chars(20)));
        check("NATIVE CHARACTER(70)", &text(TextLength::Chars(70)));
        check("varchar", &text(TextLength::Unlimited));
        check("TEXT", &text(TextLength::Unlimited));
        check("CLOB", &text(TextLength::Unlimited));
        check("DECIMAL(10,2)", &ColumnType::Decimal { precision: 10, scale: 2, unsigned: false });
        check("DECIMAL(10, 2)", &ColumnType::Decimal { precision: 10, scale: 2, unsigned: false });
        check("NUMERIC(6)", &ColumnType::Decimal { precision: 6, scale: 0, unsigned: false });
        check("DECIMAL(30,4)", &ColumnType::Decimal { precision: 15, scale: 4, unsigned: false });
        check("NUMERIC", &ColumnType::Other);
        check("REAL", &ColumnType::Float { single: false });
        check("DOUBLE PRECISION", &ColumnType::Float { single: false });
        check("FLOAT", &ColumnType::Float { single: false });
        check("DATE", &ColumnType::Date);
        check("time", &ColumnType::Time { fraction: 0 });
        check("DATETIME", &ColumnType::DateTime { fraction: 0, calendar: Calendar::Full });
        check("DATETIME(3)", &ColumnType::DateTime { fraction: 3, calendar: Calendar::Full });
        check("timestamp", &ColumnType::DateTime { fraction: 0, calendar: Calendar::Full });
        check("BLOB", &ColumnType::Bytes { max: None });
        check("VARBINARY(16)", &ColumnType::Bytes { max: Some(16) });
        check("JSON", &ColumnType::Json);
        check("", &ColumnType::Other);
        check("ANY", &ColumnType::Other);
    }
}
