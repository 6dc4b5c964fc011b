//! Dates and times as events write them: ISO 8601, with or without a zone.

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use crate::model::clock::Timestamp;

/// What a text says about a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `2025-03-03`.
    Date(NaiveDate),
    /// `09:00`, `09:00:30.5`.
    Time(NaiveTime),
    /// `2025-03-03T09:00:00`: the wall clock of the column's zone.
    Local(NaiveDateTime),
    /// `2025-03-03T09:00:00Z`, `...+05:30`.
    Zoned(DateTime<Utc>),
}

impl Moment {
    /// Reads ISO 8601 in its extended form; a space may stand for the T, seconds may be missing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_ascii() {
            return None;
        }
        if text.len() <= 10
            && let Some(date) = parse_date(text)
        {
            return Some(Self::Date(date));
        }
        if text.as_bytes().get(2) == Some(&b':') {
            return parse_time(text).map(Self::Time);
        }
        let (date, rest) = text.split_at_checked(10)?;
        let date = parse_date(date)?;
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (time, offset) = split_offset(rest)?;
        let local = date.and_time(parse_time(time.trim_end())?);
        match offset {
            None => Some(Self::Local(local)),
            Some(offset) => {
                Some(Self::Zoned(offset.from_local_datetime(&local).single()?.with_timezone(&Utc)))
            }
        }
    }

    /// The wall clock of `zone`; `None` where there is a time but no date.
    #[must_use]
    pub fn local(self, zone: Tz) -> Option<NaiveDateTime> {
        match self {
            Self::Date(date) => Some(date.and_time(NaiveTime::MIN)),
            Self::Time(_) => None,
            Self::Local(local) => Some(local),
            Self::Zoned(utc) => Some(utc.with_timezone(&zone).naive_local()),
        }
    }

    /// The moment; a wall clock is read in `zone`, at the earlier of two where clocks went back,
    /// and is nothing where they went forward over it.
    #[must_use]
    pub fn instant(self, zone: Tz) -> Option<DateTime<Utc>> {
        if let Self::Zoned(utc) = self {
            return Some(utc);
        }
        match zone.from_local_datetime(&self.local(zone)?) {
            LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => Some(t.with_timezone(&Utc)),
            LocalResult::None => None,
        }
    }
}

/// An event's `timestamp`: a date and time, in UTC where it names no zone. `None` for anything else.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    match Moment::parse(text)? {
        Moment::Zoned(utc) => Some(utc.into()),
        Moment::Local(local) => Some(local.and_utc().into()),
        Moment::Date(_) | Moment::Time(_) => None,
    }
}

/// `09:00[:00[.123]]` and what follows it: nothing, `Z`, `+05:30`, `+0530`, `+05`.
fn split_offset(text: &str) -> Option<(&str, Option<FixedOffset>)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, FixedOffset::east_opt(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let (time, offset) = text.split_at_checked(at)?;
    let (sign, digits) = offset.split_at_checked(1)?;
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    if hours > 18 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Some((time, FixedOffset::east_opt(if sign == "-" { -seconds } else { seconds })))
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits(text.get(range)?);
    NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)
}

fn parse_time(text: &str) -> Option<NaiveTime> {
    let mut parts = text.splitn(3, ':');
    let mut two = || parts.next().filter(|p| p.len() == 2).and_then(digits);
    let (hour, minute) = (two()?, two()?);
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, "0"));
            if whole.len() != 2 || fraction.is_empty() {
                return None;
            }
            let kept: String = fraction.chars().chain("000000000".chars()).take(9).collect();
            digits(fraction.get(..fraction.len().min(9))?)?;
            (digits(whole)?, digits(&kept)?)
        }
    };
    NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A time cut to a number of fraction digits: databases round, and would move an appointment into the next second.
#[must_use]
pub fn cut_fraction(time: NaiveTime, digits: u32) -> NaiveTime {
    let unit = 10_u32.pow(9_u32.saturating_sub(digits.min(9)));
    let nanos = time.nanosecond() % 1_000_000_000;
    time.with_nanosecond(nanos - nanos % unit).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_iso_8601() {
        let check = |text: &str, expected: &str| {
            let found = Moment::parse(text).map_or_else(
                || "none".to_owned(),
                |m| match m {
                    Moment::Date(d) => format!("date {d}"),
                    Moment::Time(t) => format!("time {t}"),
                    Moment::Local(l) => format!("local {l}"),
                    Moment::Zoned(z) => format!("zoned {}", z.naive_utc()),
                },
            );
            assert_eq!(found, expected, "{text}");
        };
        check("2025-03-03", "date 2025-03-03");
        check("2025-02-30", "none");
        check("2025-3-3", "none");
        check("09:00", "time 09:00:00");
        check("09:00:59.5", "time 09:00:59.500");
        check("24:00", "none");
        check("2025-03-03T09:00:00", "local 2025-03-03 09:00:00");
        check("2025-03-03 09:00", "local 2025-03-03 09:00:00");
        check("2025-03-03T09:00:00Z", "zoned 2025-03-03 09:00:00");
        check("2025-03-03T09:00:00.123456789Z", "zoned 2025-03-03 09:00:00.123456789");
        check("2025-03-03T09:00:00+05:30", "zoned 2025-03-03 03:30:00");
        check("2025-03-03T09:00:00-0800", "zoned 2025-03-03 17:00:00");
        check("2025-03-03T09:00:00+05", "zoned 2025-03-03 04:00:00");
        check("2025-03-03T09:00:00+99:00", "none");
        check("2025-03-03T25:00:00", "none");
        check("2025-03-03T09:00:00 +05:30", "zoned 2025-03-03 03:30:00");
        check("2025-03-03T", "none");
        check("", "none");
        check("tomorrow", "none");
        check("2025-03-0\u{e9}", "none");
        check("1736337600", "none");
    }

    #[test]
    fn a_wall_clock_is_read_in_its_zone() {
        let berlin = chrono_tz::Europe::Berlin;
        let instant = |text: &str| Moment::parse(text).and_then(|m| m.instant(berlin)).map(|t| t.to_string());
        assert_eq!(instant("2025-07-01T12:00:00").as_deref(), Some("2025-07-01 10:00:00 UTC"));
        assert_eq!(instant("2025-03-30T02:30:00"), None, "the clocks went over it");
        assert_eq!(instant("2025-10-26T02:30:00").as_deref(), Some("2025-10-26 00:30:00 UTC"), "the earlier");
    }

    #[test]
    fn fractions_are_cut_not_rounded() {
        let t = NaiveTime::from_hms_nano_opt(9, 59, 59, 999_999_999).unwrap();
        assert_eq!(cut_fraction(t, 0).to_string(), "09:59:59");
        assert_eq!(cut_fraction(t, 3).to_string(), "09:59:59.999");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = Moment::parse(&text);
        }

        #[test]
        fn reads_what_it_writes(seconds in 0_i64..4_000_000_000) {
            let utc = DateTime::from_timestamp(seconds, 0).unwrap();
            let moment = Moment::parse(&utc.to_rfc3339());
            proptest::prop_assert_eq!(moment, Some(Moment::Zoned(utc)));
        }
    }
}
