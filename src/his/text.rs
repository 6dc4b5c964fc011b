//! Dates and times as the text that `MySQL` and `SQLite` read. Written digit by digit into the caller's buffer: chrono's
//! own formatting is several times slower, and a batch has thousands of them. Knows no zone.

use std::fmt::Write;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// `YYYY-MM-DD`.
pub(super) fn date(out: &mut String, date: NaiveDate) {
    match u32::try_from(date.year()) {
        Ok(year @ 0..=9999) => {
            two(out, year / 100);
            two(out, year % 100);
        }
        // Beyond what a database takes; it says so itself.
        _ => write!(out, "{}", date.year()).unwrap_or_default(),
    }
    out.push('-');
    two(out, date.month());
    out.push('-');
    two(out, date.day());
}

/// `HH:MM:SS`, with `.ffffff` where there is a fraction.
pub(super) fn time(out: &mut String, time: NaiveTime) {
    two(out, time.hour());
    out.push(':');
    two(out, time.minute());
    out.push(':');
    two(out, time.second());
    // chrono counts a leap second as nanoseconds from 1,000,000,000 on.
    let micros = time.nanosecond() % 1_000_000_000 / 1000;
    if micros != 0 {
        out.push('.');
        two(out, micros / 10_000);
        two(out, micros / 100 % 100);
        two(out, micros % 100);
    }
}

/// `YYYY-MM-DD HH:MM:SS`, with `.ffffff` where there is a fraction.
pub(super) fn date_time(out: &mut String, at: NaiveDateTime) {
    date(out, at.date());
    out.push(' ');
    time(out, at.time());
}

fn two(out: &mut String, n: u32) {
    for digit in [n / 10 % 10, n % 10] {
        out.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        fn check(at: &str, expected: &str) {
            let at: NaiveDateTime = at.parse().expect("a date and time");
            let mut out = String::new();
            date_time(&mut out, at);
            assert_eq!(out, expected);
        }
        check("2026-03-29T02:30:05", "2026-03-29 02:30:05");
        check("0001-01-01T00:00:00", "0001-01-01 00:00:00");
        check("9999-12-31T23:59:59.999999", "9999-12-31 23:59:59.999999");
        check("2026-01-02T03:04:05.5", "2026-01-02 03:04:05.500000");
        check("2026-01-02T03:04:05.000001", "2026-01-02 03:04:05.000001");
        check("2026-01-02T03:04:05.0000009", "2026-01-02 03:04:05");
        check("2016-12-31T23:59:60.25", "2016-12-31 23:59:59.250000");
        check("+12345-01-02T00:00:00", "12345-01-02 00:00:00");
    }
}
