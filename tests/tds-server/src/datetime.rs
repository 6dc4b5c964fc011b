//! Owns calendar and clock values: reading T-SQL's date texts, rounding, the canonical text that SQLite keeps and sorts;
//! never reads the clock but in `now`.

use crate::types::SqlType;

/// Ticks of 100 ns in a day.
pub(crate) const DAY: i64 = 864_000_000_000;
/// Ticks of 100 ns in a minute.
pub(crate) const MINUTE: i64 = 600_000_000;

/// A moment: days since 0001-01-01 and ticks of 100 ns since midnight, in UTC where there is an offset (in minutes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) days: i64,
    pub(crate) ticks: i64,
    pub(crate) offset: Option<i32>,
}

/// 1900-01-01.
pub(crate) const BASE: i64 = 693_595;
/// 1753-01-01, the first day of datetime.
pub(crate) const FIRST_DATETIME: i64 = 639_905;
/// 9999-12-31.
pub(crate) const LAST: i64 = 3_652_058;

/// Days since 0001-01-01 of a date of the Gregorian calendar; `None` where there is no such day.
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let before = year - 1;
    let to_year = before * 365 + before / 4 - before / 100 + before / 400;
    let to_month: i64 = (1..month).map(|m| days_in(year, m)).sum();
    Some(to_year + to_month + day - 1)
}

pub(crate) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

/// Year, month and day.
pub(crate) fn date_of(days: i64) -> (i64, i64, i64) {
    // The civil calendar counted from 0000-03-01, where leap days end a year.
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let in_era = z.rem_euclid(146_097);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * in_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, in_year - (153 * mp + 2) / 5 + 1)
}

impl Moment {
    /// The moment of the text that SQLite keeps.
    pub(crate) fn from_canonical(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let clock = |at: usize| -> Option<i64> {
            let whole = number(at, at + 2)? * 3600 + number(at + 3, at + 5)? * 60 + number(at + 6, at + 8)?;
            Some(whole * 10_000_000 + number(at + 9, at + 16)?)
        };
        if bytes.get(2) == Some(&b':') {
            return Some(Self { days: BASE, ticks: clock(0)?, offset: None });
        }
        let days = days_of(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
        if bytes.len() == 10 {
            return Some(Self { days, ticks: 0, offset: None });
        }
        let ticks = clock(11)?;
        let offset = match bytes.get(28) {
            None => None,
            Some(sign) => {
                let minutes = number(29, 31)? * 60 + number(32, 34)?;
                Some((if *sign == b'-' { -minutes } else { minutes }) as i32)
            }
        };
        Some(Self { days, ticks, offset })
    }

    /// The text that SQLite keeps for this type; it sorts as the moments do.
    pub(crate) fn canonical(self, ty: SqlType) -> String {
        let (y, m, d) = date_of(self.days);
        let (hours, minutes) = (self.ticks / (60 * MINUTE), self.ticks / MINUTE % 60);
        let clock = format!(
            "{hours:02}:{minutes:02}:{:02}.{:07}",
            self.ticks / 10_000_000 % 60,
            self.ticks % 10_000_000
        );
        match ty {
            SqlType::Date => format!("{y:04}-{m:02}-{d:02}"),
            SqlType::Time(_) => clock,
            SqlType::DateTimeOffset(_) => {
                let offset = self.offset.unwrap_or(0);
                let sign = if offset < 0 { '-' } else { '+' };
                let o = offset.abs();
                format!("{y:04}-{m:02}-{d:02} {clock} {sign}{:02}:{:02}", o / 60, o % 60)
            }
            _ => format!("{y:04}-{m:02}-{d:02} {clock}"),
        }
    }

    /// In the zone of the offset, without it.
    pub(crate) fn local(self) -> Self {
        let Some(offset) = self.offset else { return self };
        Self { offset: None, ..self }.plus(i64::from(offset) * MINUTE)
    }

    /// This moment and so many ticks.
    pub(crate) fn plus(self, ticks: i64) -> Self {
        let total = self.ticks + ticks;
        Self { days: self.days + total.div_euclid(DAY), ticks: total.rem_euclid(DAY), ..self }
    }

    /// As a value of this type: rounded, cut and checked; `None` where it is out of the type's range.
    pub(crate) fn fit(self, ty: SqlType) -> Option<Self> {
        let plain = if matches!(ty, SqlType::DateTimeOffset(_)) {
            Self { offset: Some(self.offset.unwrap_or(0)), ..self }
        } else {
            self.local()
        };
        let fitted = match ty {
            SqlType::Date => Self { ticks: 0, ..plain },
            SqlType::Time(n) => Self { days: BASE, ..plain.rounded(10_i64.pow(u32::from(7 - n))) },
            SqlType::DateTime2(n) | SqlType::DateTimeOffset(n) => plain.rounded(10_i64.pow(u32::from(7 - n))),
            SqlType::SmallDateTime => {
                // A minute begins at 29.999 seconds.
                let up = plain.ticks % MINUTE >= 299_990_000;
                Self { ticks: plain.ticks / MINUTE * MINUTE, ..plain }.plus(if up { MINUTE } else { 0 })
            }
            SqlType::DateTime => {
                let thirds = (plain.ticks * 3 + 50_000) / 100_000;
                let milliseconds = (thirds * 10 + 1) / 3;
                Self { ticks: 0, ..plain }.plus(milliseconds * 10_000)
            }
            _ => return None,
        };
        let range = match ty {
            SqlType::DateTime => FIRST_DATETIME..=LAST,
            SqlType::SmallDateTime => BASE..=BASE + 65_535,
            _ => 0..=LAST,
        };
        range.contains(&fitted.days).then_some(fitted)
    }

    fn rounded(self, unit: i64) -> Self {
        let ticks = (self.ticks + unit / 2) / unit * unit;
        // A time of day never becomes tomorrow's; a date and time may.
        Self { ticks: 0, ..self }.plus(ticks)
    }
}

/// The time of the machine in UTC, which the server takes for its zone.
pub(crate) fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment { days: 719_162, ticks: 0, offset: None }.plus((since.as_nanos() / 100) as i64)
}

/// How `SET DATEFORMAT` orders the parts of a date with separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}
