//! Dates and times as SQL Server's older types count them: cut to what the column can keep, never rounded, because its own
//! rounding would move 23:59:59.999 into the next day.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::{
    model::table::Calendar,
    plan::convert::{Misfit, misfit},
};

/// The first year of `datetime`.
const DATETIME_YEAR_MIN: i32 = 1753;
/// The years of `smalldatetime`; of the last one not all days.
const SMALL_YEAR_MIN: i32 = 1900;
/// The last day of `smalldatetime`: year, month, day.
const SMALL_LAST: (i32, u32, u32) = (2079, 6, 6);
/// Nanoseconds of a millisecond.
const MILLI: u32 = 1_000_000;

/// The date and time as such a column keeps it.
pub(super) fn counted(at: NaiveDateTime, calendar: Calendar) -> Result<NaiveDateTime, Misfit> {
    match calendar {
        Calendar::Full => Ok(at),
        Calendar::From1753 if at.year() < DATETIME_YEAR_MIN => {
            misfit("out-of-range", "the column takes dates from 1753-01-01 on")
        }
        Calendar::From1753 => {
            let millis = at.nanosecond() % 1_000_000_000 / MILLI;
            // 1/300 of seconds are shown, and read, as .000, .003, .007, .010 and so on.
            let last = match millis % 10 {
                0..=2 => 0,
                3..=6 => 3,
                _ => 7,
            };
            Ok(at.with_nanosecond((millis - millis % 10 + last) * MILLI).unwrap_or(at))
        }
        Calendar::Small => {
            let (year, month, day) = SMALL_LAST;
            let last = NaiveDate::from_ymd_opt(year, month, day);
            if at.year() < SMALL_YEAR_MIN || last.is_some_and(|last| at.date() > last) {
                return misfit("out-of-range", "the column takes dates from 1900-01-01 to 2079-06-06");
            }
            Ok(at.with_nanosecond(0).and_then(|at| at.with_second(0)).unwrap_or(at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rounded_up() {
        fn check(calendar: Calendar, at: &str, expected: Option<&str>) {
            let at: NaiveDateTime = at.parse().expect("a date and time");
            let counted = counted(at, calendar).ok().map(|at| at.to_string());
            assert_eq!(counted.as_deref(), expected, "{at}");
        }
        let old = Calendar::From1753;
        check(old, "2026-03-05T23:59:59.999", Some("2026-03-05 23:59:59.997"));
        check(old, "2026-03-05T23:59:59.997", Some("2026-03-05 23:59:59.997"));
        check(old, "2026-03-05T09:00:00.006", Some("2026-03-05 09:00:00.003"));
        check(old, "2026-03-05T09:00:00.002", Some("2026-03-05 09:00:00"));
        check(old, "1753-01-01T00:00:00", Some("1753-01-01 00:00:00"));
        check(old, "1752-12-31T23:59:59", None);
        let small = Calendar::Small;
        check(small, "2026-03-05T23:59:59.999", Some("2026-03-05 23:59:00"));
        check(small, "2079-06-06T23:59:59", Some("2079-06-06 23:59:00"));
        check(small, "2079-06-07T00:00:00", None);
        check(small, "1899-12-31T23:59:59", None);
        check(Calendar::Full, "0001-01-01T00:00:00.1234567", Some("0001-01-01 00:00:00.123456700"));
    }
}
