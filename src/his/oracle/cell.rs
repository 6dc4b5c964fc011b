//! What a row's columns hold, as texts that are equal for equal values, whatever the session's settings are.

use std::fmt::Write;

use chrono::{NaiveDate, TimeDelta};
use oracle::{
    Error, SqlValue,
    sql_type::{OracleType, Timestamp},
};

/// A column's value; none for NULL.
pub(super) fn text(cell: &SqlValue<'_>) -> Result<Option<String>, Error> {
    if cell.is_null()? {
        return Ok(None);
    }
    let text = match cell.oracle_type()? {
        OracleType::Date | OracleType::Timestamp(_) => local(&cell.get()?),
        OracleType::TimestampTZ(_) => zoned(&cell.get()?),
        // The client gives it in the session's zone, which changes twice a year.
        OracleType::TimestampLTZ(_) => utc(&cell.get()?),
        OracleType::Number(..) | OracleType::Float(_) | OracleType::Int64 => number(cell.get()?),
        _ => cell.get()?,
    };
    Ok(Some(text))
}

/// `YYYY-MM-DD HH:MM:SS`, with `.ffffff` where there is a fraction, its last zeros cut off.
fn local(at: &Timestamp) -> String {
    let mut out = String::with_capacity(29);
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    // A text takes whatever is written.
    let _ = write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    if at.nanosecond() > 0 {
        let _ = write!(out, ".{:09}", at.nanosecond());
        out.truncate(out.trim_end_matches('0').len());
    }
    out
}

/// The same with ` +HH:MM` behind it.
fn zoned(at: &Timestamp) -> String {
    let minutes = at.tz_offset() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{} {sign}{:02}:{:02}", local(at), minutes.abs() / 60, minutes.abs() % 60)
}

/// The same moment with ` +00:00` behind it.
fn utc(at: &Timestamp) -> String {
    let moved = || {
        let time = NaiveDate::from_ymd_opt(at.year(), at.month(), at.day())?.and_hms_nano_opt(
            at.hour(),
            at.minute(),
            at.second(),
            at.nanosecond(),
        )?;
        time.checked_sub_signed(TimeDelta::seconds(at.tz_offset().into()))
    };
    let Some(moved) = moved() else { return zoned(at) };
    let text = moved.format("%Y-%m-%d %H:%M:%S%.9f").to_string();
    format!("{} +00:00", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Plain digits: no exponent, a zero before the point, none at the end behind it.
fn number(text: String) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let Ok(exponent) = exponent.parse::<i32>() else { return text };
    if exponent.abs() > 200 || !all_digits(whole) || !all_digits(fraction) || mantissa.is_empty() {
        return text;
    }
    let zeros = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    let (whole, fraction) = if exponent >= 0 {
        let fraction = format!("{fraction}{}", "0".repeat(zeros.saturating_sub(fraction.len())));
        let (moved, rest) = fraction.split_at(zeros.min(fraction.len()));
        (format!("{whole}{moved}"), rest.to_owned())
    } else {
        let whole = format!("{}{whole}", "0".repeat(zeros.saturating_sub(whole.len())));
        let (rest, moved) = whole.split_at(whole.len() - zeros);
        (rest.to_owned(), format!("{moved}{fraction}"))
    };
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u32) -> Timestamp {
        Timestamp::new(2026, 3, 29, 1, 30, 5, nanos).expect("a moment")
    }

    #[test]
    fn dates_and_moments() {
        assert_eq!(local(&at(0)), "2026-03-29 01:30:05");
        assert_eq!(local(&at(500_000_000)), "2026-03-29 01:30:05.5");
        assert_eq!(local(&at(1)), "2026-03-29 01:30:05.000000001");
        assert_eq!(local(&Timestamp::new(987, 1, 2, 0, 0, 0, 0).expect("a moment")), "0987-01-02 00:00:00");
        let east = at(0).and_tz_hm_offset(5, 30).expect("an offset");
        let west = at(250_000_000).and_tz_hm_offset(-3, -30).expect("an offset");
        assert_eq!(zoned(&east), "2026-03-29 01:30:05 +05:30");
        assert_eq!(zoned(&west), "2026-03-29 01:30:05.25 -03:30");
        assert_eq!(utc(&east), "2026-03-28 20:00:05 +00:00");
        assert_eq!(utc(&west), "2026-03-29 05:00:05.25 +00:00");
    }

    #[test]
    fn numbers() {
        fn check(text: &str, expected: &str) {
            assert_eq!(number(text.to_owned()), expected, "{text}");
        }
        check("0", "0");
        check("42", "42");
        check("-42.50", "-42.5");
        check(".5", "0.5");
        check("-.5", "-0.5");
        check("1E+30", "1000000000000000000000000000000");
        check("1.5e3", "1500");
        check("1.2345e2", "123.45");
        check("12E-3", "0.012");
        check("-0", "0");
        check("100", "100");
        check("0.0", "0");
        check("99999999999999999999999999999999999999", "99999999999999999999999999999999999999");
        check("~", "~");
        check("1e999", "1e999");
        check("", "");
    }
}
