//! Values as SQL Server's parameters. Dates and times travel as texts in the forms that no language setting reads otherwise;
//! the statement casts each to its column's type. Never looks at a column.

use std::fmt::Write as _;

use chrono::{Datelike, Offset};
use chrono_tz::Tz;
use tiberius::{ColumnData, IntoSql};

use crate::{his::text, model::value::SqlValue};

/// A parameter as tiberius takes it.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) ColumnData<'a>);

impl<'a> IntoSql<'a> for Bound<'a> {
    fn into_sql(self) -> ColumnData<'a> {
        self.0
    }
}

/// The parameters of a statement. Moments are written in `zone`, with its offset.
pub(super) fn values<'a>(params: &[&'a SqlValue], zone: Tz) -> Vec<ColumnData<'a>> {
    params.iter().map(|value| bound(value, zone)).collect()
}

fn bound(value: &SqlValue, zone: Tz) -> ColumnData<'_> {
    let mut out = String::new();
    match value {
        SqlValue::Null => return ColumnData::String(None),
        SqlValue::Int(n) => match i64::try_from(*n) {
            Ok(n) => return ColumnData::I64(Some(n)),
            // Beyond what the protocol has; the server judges the text.
            Err(_) => out = n.to_string(),
        },
        SqlValue::Float(n) => return ColumnData::F64(Some(*n)),
        SqlValue::Decimal(s) | SqlValue::Text(s) => return ColumnData::String(Some(s.as_str().into())),
        SqlValue::Bytes(bytes) => return ColumnData::Binary(Some(bytes.as_slice().into())),
        SqlValue::Date(at) => {
            text::date(&mut out, *at);
            // `YYYY-MM-DD` is read by the login's language where the column is an old datetime.
            out.retain(|c| c != '-');
        }
        SqlValue::Time(at) => time(&mut out, *at),
        SqlValue::DateTime(at) => iso(&mut out, *at),
        SqlValue::Instant(at) => {
            let local = at.with_timezone(&zone);
            // Where the local year has no four digits, the same moment is told in UTC.
            let local = if (1..=9999).contains(&local.year()) { local } else { at.with_timezone(&Tz::UTC) };
            iso(&mut out, local.naive_local());
            // Offsets of old times had seconds, which the server has no place for.
            let minutes = local.offset().fix().local_minus_utc() / 60;
            let exact = chrono::FixedOffset::east_opt(minutes * 60);
            if let Some(exact) = exact.filter(|exact| *exact != local.offset().fix()) {
                out.clear();
                iso(&mut out, at.with_timezone(&exact).naive_local());
            }
            let sign = if minutes < 0 { '-' } else { '+' };
            // Writing to a String cannot fail.
            let _ = write!(out, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
        }
    }
    ColumnData::String(Some(out.into()))
}

/// `YYYY-MM-DDThh:mm:ss[.f]`.
fn iso(out: &mut String, at: chrono::NaiveDateTime) {
    text::date(out, at.date());
    out.push('T');
    time(out, at.time());
}

/// Without zeros at the end: an old datetime takes three digits of a second's fraction and no more, be they zeros.
fn time(out: &mut String, at: chrono::NaiveTime) {
    text::time(out, at);
    if out.contains('.') {
        out.truncate(out.trim_end_matches('0').len());
    }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeZone, Utc};

    use super::*;

    #[test]
    fn every_value_is_bound() {
        fn check(value: &SqlValue, zone: Tz, expected: &ColumnData<'_>) {
            assert_eq!(bound(value, zone), *expected, "{value:?}");
        }
        let text = |text: &str| ColumnData::String(Some(text.to_owned().into()));
        let zone = chrono_tz::Asia::Kolkata;
        let day = NaiveDate::from_ymd_opt(2026, 3, 5).expect("a day");
        let at = day.and_hms_micro_opt(2, 30, 0, 500_000).expect("a time");
        check(&SqlValue::Null, zone, &ColumnData::String(None));
        check(&SqlValue::Int(-1), zone, &ColumnData::I64(Some(-1)));
        check(&SqlValue::Int(i128::from(u64::MAX)), zone, &text("18446744073709551615"));
        check(&SqlValue::Float(0.5), zone, &ColumnData::F64(Some(0.5)));
        check(&SqlValue::Decimal("1.50".into()), zone, &text("1.50"));
        check(&SqlValue::Text("\u{1f600}".into()), zone, &text("\u{1f600}"));
        check(&SqlValue::Bytes(vec![0]), zone, &ColumnData::Binary(Some(vec![0].into())));
        check(&SqlValue::Date(day), zone, &text("20260305"));
        check(&SqlValue::Time(at.time()), zone, &text("02:30:00.5"));
        check(&SqlValue::DateTime(at), zone, &text("2026-03-05T02:30:00.5"));
        let moment = SqlValue::Instant(Utc.from_utc_datetime(&at));
        check(&moment, zone, &text("2026-03-05T08:00:00.5+05:30"));
        check(&moment, chrono_tz::America::St_Johns, &text("2026-03-04T23:00:00.5-03:30"));
        check(&moment, chrono_tz::UTC, &text("2026-03-05T02:30:00.5+00:00"));
        let last =
            NaiveDate::from_ymd_opt(9999, 12, 31).expect("a day").and_hms_opt(23, 0, 0).expect("a time");
        check(&SqlValue::Instant(Utc.from_utc_datetime(&last)), zone, &text("9999-12-31T23:00:00+00:00"));
        // Before 1900 or so a place had its own time, to the second.
        let old = NaiveDate::from_ymd_opt(1850, 1, 1).expect("a day").and_hms_opt(12, 0, 0).expect("a time");
        let old = SqlValue::Instant(Utc.from_utc_datetime(&old));
        check(&old, chrono_tz::Europe::Berlin, &text("1850-01-01T12:53:00+00:53"));
    }
}
