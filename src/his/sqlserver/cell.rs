//! Typed cells as texts: equal texts for equal values, as `his::ask` writes values itself. Asks nothing and binds nothing.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use tiberius::{
    ColumnData, ColumnType, Row,
    numeric::Numeric,
    time::{Date, DateTime, DateTime2, SmallDateTime, Time},
};

use crate::his::text;

/// Fraction digits of money, which tiberius gives as a double.
const MONEY_DIGITS: u8 = 4;
/// Ticks of a second in `datetime`.
const TICKS: u32 = 300;

/// A row's cells.
pub(super) fn texts(row: &Row) -> Vec<Option<String>> {
    row.cells().map(|(column, cell)| text(column.column_type(), cell)).collect()
}

fn text(kind: ColumnType, cell: &ColumnData<'_>) -> Option<String> {
    Some(match cell {
        ColumnData::U8(n) => n.as_ref()?.to_string(),
        ColumnData::I16(n) => n.as_ref()?.to_string(),
        ColumnData::I32(n) => n.as_ref()?.to_string(),
        ColumnData::I64(n) => n.as_ref()?.to_string(),
        ColumnData::Bit(b) => u8::from((*b)?).to_string(),
        // Rust writes the shortest text that reads back as the same number.
        ColumnData::F32(n) => n.as_ref()?.to_string(),
        ColumnData::F64(n) if matches!(kind, ColumnType::Money | ColumnType::Money4) => money((*n)?),
        ColumnData::F64(n) => n.as_ref()?.to_string(),
        ColumnData::String(s) => s.as_ref()?.to_string(),
        ColumnData::Xml(xml) => xml.as_ref()?.to_string(),
        ColumnData::Guid(guid) => guid.as_ref()?.to_string().to_ascii_uppercase(),
        ColumnData::Binary(bytes) => hex(bytes.as_ref()?),
        ColumnData::Numeric(n) => numeric((*n)?),
        ColumnData::Date(date) => {
            let mut out = String::new();
            text::date(&mut out, day((*date)?)?);
            out
        }
        ColumnData::Time(time) => {
            let mut out = String::new();
            push_time(&mut out, clock((*time)?)?);
            out
        }
        ColumnData::DateTime(at) => moment(ticks((*at)?)?),
        ColumnData::SmallDateTime(at) => moment(minutes((*at)?)?),
        ColumnData::DateTime2(at) => moment(wall((*at)?)?),
        // Stored in UTC, and equal moments are equal whatever their offsets: told in UTC.
        ColumnData::DateTimeOffset(at) => format!("{}Z", moment(wall((*at)?.datetime2())?)),
    })
}

/// A decimal as plain digits, with all digits of its scale.
fn numeric(n: Numeric) -> String {
    let (sign, digits) = (if n.value() < 0 { "-" } else { "" }, n.value().unsigned_abs().to_string());
    let scale = usize::from(n.scale());
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Ten-thousandths are exact in the double up to 900,000 millions, and there it is only the last digit that may differ.
fn money(n: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "money has 19 digits at most")]
    let scaled = (n * 10f64.powi(MONEY_DIGITS.into())).round() as i128;
    numeric(Numeric::new_with_scale(scaled, MONEY_DIGITS))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0').to_ascii_uppercase();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn day(date: Date) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(1, 1, 1)?.checked_add_days(Days::new(date.days().into()))
}

fn clock(time: Time) -> Option<NaiveTime> {
    let unit = 10_u64.checked_pow(9_u32.checked_sub(time.scale().into())?)?;
    let nanos = time.increments().checked_mul(unit)?;
    let seconds = u32::try_from(nanos / 1_000_000_000).ok()?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, u32::try_from(nanos % 1_000_000_000).ok()?)
}

fn wall(at: DateTime2) -> Option<NaiveDateTime> {
    Some(day(at.date())?.and_time(clock(at.time())?))
}

/// `datetime`: days since 1900 and 1/300 of seconds, which the server itself shows as milliseconds.
fn ticks(at: DateTime) -> Option<NaiveDateTime> {
    let day = NaiveDate::from_ymd_opt(1900, 1, 1)?.checked_add_signed(TimeDelta::days(at.days().into()))?;
    let (seconds, rest) = (at.seconds_fragments() / TICKS, at.seconds_fragments() % TICKS);
    // .000, .003, .007, .010 and so on.
    let millis = (rest * 10 + 1) / 3;
    Some(day.and_time(NaiveTime::from_num_seconds_from_midnight_opt(seconds, millis * 1_000_000)?))
}

fn minutes(at: SmallDateTime) -> Option<NaiveDateTime> {
    let day = NaiveDate::from_ymd_opt(1900, 1, 1)?.checked_add_days(Days::new(at.days().into()))?;
    let seconds = u32::from(at.seconds_fragments()) * 60;
    Some(day.and_time(NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)?))
}

fn moment(at: NaiveDateTime) -> String {
    let mut out = String::new();
    text::date(&mut out, at.date());
    out.push(' ');
    push_time(&mut out, at.time());
    out
}

/// `HH:MM:SS`, with seven digits behind it where the seventh is not 0.
fn push_time(out: &mut String, time: NaiveTime) {
    use chrono::Timelike;
    text::time(out, time);
    let tenths_of_micros = time.nanosecond() % 1_000_000_000 / 100;
    let seventh = tenths_of_micros % 10;
    if seventh != 0 {
        if tenths_of_micros < 10 {
            out.push_str(".000000");
        }
        out.extend(char::from_digit(seventh, 10));
    }
}

#[cfg(test)]
mod tests {
    use tiberius::{Uuid, time::DateTimeOffset};

    use super::*;

    #[test]
    fn cells_as_texts() {
        fn check(kind: ColumnType, cell: &ColumnData<'_>, expected: &str) {
            assert_eq!(text(kind, cell).as_deref(), Some(expected), "{cell:?}");
        }
        let (int, float) = (ColumnType::Intn, ColumnType::Floatn);
        check(int, &ColumnData::U8(Some(255)), "255");
        check(int, &ColumnData::I64(Some(i64::MIN)), "-9223372036854775808");
        check(ColumnType::Bit, &ColumnData::Bit(Some(true)), "1");
        check(float, &ColumnData::F32(Some(0.1)), "0.1");
        check(float, &ColumnData::F64(Some(0.1)), "0.1");
        check(float, &ColumnData::F64(Some(1500.0)), "1500");
        check(ColumnType::Money, &ColumnData::F64(Some(1500.5)), "1500.5000");
        check(ColumnType::Money4, &ColumnData::F64(Some(-0.0001)), "-0.0001");
        check(ColumnType::Money, &ColumnData::F64(Some(900_000_000_000.123_4)), "900000000000.1234");
        let number = |value, scale| ColumnData::Numeric(Some(Numeric::new_with_scale(value, scale)));
        check(ColumnType::Numericn, &number(1250, 2), "12.50");
        check(ColumnType::Numericn, &number(-5, 3), "-0.005");
        check(ColumnType::Numericn, &number(7, 0), "7");
        let most = 10_i128.pow(38) - 1;
        check(ColumnType::Numericn, &number(most, 0), &most.to_string());
        check(ColumnType::NVarchar, &ColumnData::String(Some("a ".into())), "a ");
        check(ColumnType::BigVarBin, &ColumnData::Binary(Some(vec![0, 0xab].into())), "00AB");
        let guid = Uuid::parse_str("6f9619ff-8b86-d011-b42d-00c04fc964ff").expect("a GUID");
        check(ColumnType::Guid, &ColumnData::Guid(Some(guid)), "6F9619FF-8B86-D011-B42D-00C04FC964FF");
    }

    #[test]
    fn dates_and_times() {
        fn check(cell: &ColumnData<'_>, expected: Option<&str>) {
            assert_eq!(text(ColumnType::Datetimen, cell).as_deref(), expected, "{cell:?}");
        }
        // Days from 0001-01-01 to 2026-03-05, and from 1900-01-01.
        let (day, old_day) = (739_679, 46_084);
        check(&ColumnData::Date(Some(Date::new(day))), Some("2026-03-05"));
        check(&ColumnData::Date(Some(Date::new(0))), Some("0001-01-01"));
        check(&ColumnData::Time(Some(Time::new(9 * 3600, 0))), Some("09:00:00"));
        check(&ColumnData::Time(Some(Time::new(324_005_000, 4))), Some("09:00:00.500000"));
        check(&ColumnData::Time(Some(Time::new(863_999_999_999, 7))), Some("23:59:59.9999999"));
        check(&ColumnData::Time(Some(Time::new(1, 7))), Some("00:00:00.0000001"));
        check(&ColumnData::Time(Some(Time::new(u64::MAX, 7))), None);
        let at = DateTime2::new(Date::new(day), Time::new(34_200, 0));
        check(&ColumnData::DateTime2(Some(at)), Some("2026-03-05 09:30:00"));
        check(&ColumnData::DateTimeOffset(Some(DateTimeOffset::new(at, 330))), Some("2026-03-05 09:30:00Z"));
        let old = |ticks| ColumnData::DateTime(Some(DateTime::new(old_day, ticks)));
        check(&old(0), Some("2026-03-05 00:00:00"));
        check(&old(1), Some("2026-03-05 00:00:00.003000"));
        check(&old(2), Some("2026-03-05 00:00:00.007000"));
        check(&old(3), Some("2026-03-05 00:00:00.010000"));
        check(&old(24 * 3600 * 300 - 1), Some("2026-03-05 23:59:59.997000"));
        check(&ColumnData::DateTime(Some(DateTime::new(-53_690, 0))), Some("1753-01-01 00:00:00"));
        let small = SmallDateTime::new(46_084, 570);
        check(&ColumnData::SmallDateTime(Some(small)), Some("2026-03-05 09:30:00"));
        check(&ColumnData::DateTime2(None), None);
    }
}
