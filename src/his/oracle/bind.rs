//! Values as the client library takes them, each declared as its column is kept: Oracle compares an index with nothing
//! else, and converts nothing by the session's settings then. Pure; asks no connection.
//!
//! See <https://docs.oracle.com/en/database/oracle/oracle-database/19/lnoci/data-types.html>.

use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, Timelike};
use chrono_tz::Tz;
use oracle::{
    Connection, SqlValue as Buffer,
    sql_type::{OracleType, Timestamp, ToSql},
};

use super::fault;
use crate::{
    his::HisError,
    model::{table::Storage, value::SqlValue},
};

/// Bytes of a text that can stand wherever a value may; a longer one is a LOB, or goes into a wide VARCHAR2 directly.
const TEXT_BYTES_MAX: usize = 4000;
/// UTF-16 units of the same in the national character set.
const NATIONAL_UNITS_MAX: usize = 2000;
/// Bytes of a binary value that can stand wherever a value may.
const RAW_BYTES_MAX: usize = 2000;
/// Bytes of a character in the client's set, AL32UTF8: the crate declares texts in characters.
const CHARACTER_BYTES: u32 = 4;
/// Lengths that texts are declared with: for each other one the server would look for another plan.
const LENGTHS: [usize; 4] = [32, 128, 2000, 4000];

/// What a placeholder is declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    VarChar,
    NVarChar,
    Char,
    NChar,
    Clob,
    NClob,
    Raw,
    Blob,
    Number,
    BinaryFloat,
    BinaryDouble,
    Date,
    Timestamp,
    TimestampTz,
}

/// A value without its declaration.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    /// Also a number: Oracle's have more digits than any type of Rust.
    Text(String),
    Bytes(Vec<u8>),
    Double(f64),
    Moment(Timestamp),
}

/// A value for a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) kind: Kind,
    pub(super) value: Value,
}

/// A value with the type that it is passed as.
pub(super) struct Typed<'a> {
    pub(super) value: &'a Value,
    pub(super) oratype: &'a OracleType,
}

impl ToSql for Typed<'_> {
    fn oratype(&self, _: &Connection) -> oracle::Result<OracleType> {
        Ok(self.oratype.clone())
    }

    fn to_sql(&self, buffer: &mut Buffer<'_>) -> oracle::Result<()> {
        match self.value {
            Value::Null => buffer.set_null(),
            Value::Text(text) => text.to_sql(buffer),
            Value::Bytes(bytes) => bytes.to_sql(buffer),
            Value::Double(number) => number.to_sql(buffer),
            Value::Moment(at) => at.to_sql(buffer),
        }
    }
}

/// Values of one row, for placeholders of these storages; `Any` for those beyond them.
pub(super) fn row(params: &[&SqlValue], binds: &[Storage], zone: Tz) -> Result<Vec<Bound>, HisError> {
    let storages = binds.iter().copied().chain(std::iter::repeat(Storage::Any));
    let bound = params.iter().zip(storages).map(|(value, storage)| bound(value, storage, zone));
    bound.collect::<oracle::Result<_>>().map_err(|error| fault::of(&error))
}

/// A name of the catalog.
pub(super) fn text(text: &str) -> Bound {
    Bound { kind: Kind::VarChar, value: Value::Text(text.to_owned()) }
}

/// Runs of rows, `rows_max` at most each, that all have the same declarations. A row of a long text is a run of its own, so
/// that its neighbours need no LOBs.
pub(super) fn runs(rows: &[Vec<Bound>], rows_max: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let kinds = |row: &[Bound]| row.iter().map(|bound| bound.kind).collect::<Vec<_>>();
        let fits = |run: &Range<usize>| {
            run.len() < rows_max && rows.get(run.start).is_some_and(|first| kinds(first) == kinds(row))
        };
        match runs.last_mut() {
            Some(run) if fits(run) => run.end = index + 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// The types of the placeholders of rows that have the same declarations.
pub(super) fn types(rows: &[Vec<Bound>]) -> Vec<OracleType> {
    let columns = rows.first().map_or(0, Vec::len);
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let oratype = |at: usize| {
        let bytes = column(at).map(|bound| bound.value.bytes()).max().unwrap_or(0);
        column(at).next().map(|bound| bound.kind.oratype(bytes))
    };
    (0..columns).filter_map(oratype).collect()
}

/// What the key of a new row is given back as, by the storage of its column.
pub(super) fn returned(storage: Storage) -> OracleType {
    match storage {
        Storage::Number => OracleType::Number(0, 0),
        Storage::Raw => OracleType::Raw(2000),
        _ => OracleType::Varchar2(1000),
    }
}

impl Kind {
    /// Its type, where the longest value has so many bytes.
    fn oratype(self, bytes: usize) -> OracleType {
        let length = LENGTHS.into_iter().find(|length| bytes <= *length).unwrap_or(bytes);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let characters = length.div_ceil(CHARACTER_BYTES);
        match self {
            Self::VarChar => OracleType::Varchar2(characters),
            Self::NVarChar => OracleType::NVarchar2(characters),
            Self::Char => OracleType::Char(characters),
            Self::NChar => OracleType::NChar(characters),
            Self::Clob => OracleType::CLOB,
            Self::NClob => OracleType::NCLOB,
            Self::Raw => OracleType::Raw(length),
            Self::Blob => OracleType::BLOB,
            Self::Number => OracleType::Number(0, 0),
            Self::BinaryFloat => OracleType::BinaryFloat,
            Self::BinaryDouble => OracleType::BinaryDouble,
            Self::Date => OracleType::Date,
            Self::Timestamp => OracleType::Timestamp(9),
            Self::TimestampTz => OracleType::TimestampTZ(9),
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Self::VarChar | Self::NVarChar | Self::Char | Self::NChar | Self::Clob | Self::NClob)
    }
}

impl Value {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Double(_) | Self::Moment(_) => 0,
        }
    }
}

fn bound(value: &SqlValue, storage: Storage, zone: Tz) -> oracle::Result<Bound> {
    let kind = kind(value, storage);
    let text = |text: String| Value::Text(text);
    let value = match value {
        SqlValue::Null => Value::Null,
        SqlValue::Text(s) if s.is_empty() => Value::Null,
        SqlValue::Bytes(bytes) if bytes.is_empty() => Value::Null,
        SqlValue::Float(n) if matches!(kind, Kind::BinaryFloat | Kind::BinaryDouble) => Value::Double(*n),
        SqlValue::Int(_) | SqlValue::Decimal(_) if matches!(kind, Kind::BinaryFloat | Kind::BinaryDouble) => {
            value.plain().parse().map_or_else(|_| text(value.plain()), Value::Double)
        }
        SqlValue::Int(_) | SqlValue::Decimal(_) | SqlValue::Float(_) | SqlValue::Text(_) => {
            text(value.plain())
        }
        SqlValue::Bytes(bytes) if kind.is_text() => text(String::from_utf8_lossy(bytes).into_owned()),
        SqlValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        SqlValue::Time(at) => text(at.format("%H:%M:%S%.f").to_string()),
        SqlValue::Date(_) | SqlValue::DateTime(_) | SqlValue::Instant(_) => {
            match moment(value, kind, zone)? {
                Some(at) => Value::Moment(at),
                None => text(moment_text(value, zone)),
            }
        }
    };
    Ok(Bound { kind, value })
}

/// What a value is declared as for a column that is kept so.
fn kind(value: &SqlValue, storage: Storage) -> Kind {
    let (text, bytes) = match value {
        SqlValue::Text(text) => (text.as_str(), 0),
        SqlValue::Bytes(bytes) => ("", bytes.len()),
        _ => ("", 0),
    };
    match storage {
        Storage::Char(_) => Kind::Char,
        Storage::NChar(_) => Kind::NChar,
        Storage::Clob if stored_bytes(text) > TEXT_BYTES_MAX => Kind::Clob,
        Storage::VarChar | Storage::Clob => Kind::VarChar,
        Storage::NClob if text.encode_utf16().count() > NATIONAL_UNITS_MAX => Kind::NClob,
        Storage::NVarChar | Storage::NClob => Kind::NVarChar,
        Storage::Blob if bytes > RAW_BYTES_MAX => Kind::Blob,
        Storage::Raw | Storage::Blob => Kind::Raw,
        Storage::Number => Kind::Number,
        Storage::BinaryFloat => Kind::BinaryFloat,
        Storage::BinaryDouble => Kind::BinaryDouble,
        Storage::Date => Kind::Date,
        Storage::Timestamp => Kind::Timestamp,
        // Oracle turns a moment with its zone into the session's; as a local time it would be one of two in the hour that
        // comes twice.
        Storage::TimestampTz | Storage::TimestampLtz => Kind::TimestampTz,
        Storage::Any => kind_of_its_own(value),
    }
}

/// Of a value for a statement that the configuration wrote.
fn kind_of_its_own(value: &SqlValue) -> Kind {
    match value {
        SqlValue::Text(text) if stored_bytes(text) > TEXT_BYTES_MAX => Kind::Clob,
        SqlValue::Null | SqlValue::Text(_) | SqlValue::Time(_) => Kind::VarChar,
        SqlValue::Int(_) | SqlValue::Decimal(_) | SqlValue::Float(_) => Kind::Number,
        SqlValue::Bytes(bytes) if bytes.len() > RAW_BYTES_MAX => Kind::Blob,
        SqlValue::Bytes(_) => Kind::Raw,
        SqlValue::Date(_) => Kind::Date,
        SqlValue::DateTime(at) if at.nanosecond() == 0 => Kind::Date,
        SqlValue::DateTime(_) => Kind::Timestamp,
        SqlValue::Instant(_) => Kind::TimestampTz,
    }
}

/// Bytes of a text in the larger of Oracle's two Unicode sets: UTF8 writes characters beyond U+FFFF in six bytes.
fn stored_bytes(text: &str) -> usize {
    text.len() + 2 * text.chars().filter(|c| c.len_utf8() == 4).count()
}

/// A date or moment for a column that keeps such; none for one that does not.
fn moment(value: &SqlValue, kind: Kind, zone: Tz) -> oracle::Result<Option<Timestamp>> {
    let at = match (kind, value) {
        (Kind::TimestampTz, SqlValue::Instant(at)) => return zoned(*at, zone).map(Some),
        (Kind::Date | Kind::Timestamp | Kind::TimestampTz, SqlValue::Date(day)) => NaiveDateTime::from(*day),
        (Kind::Date | Kind::Timestamp | Kind::TimestampTz, SqlValue::DateTime(at)) => *at,
        (Kind::Date | Kind::Timestamp, SqlValue::Instant(at)) => at.with_timezone(&zone).naive_local(),
        _ => return Ok(None),
    };
    if kind == Kind::TimestampTz {
        // The earlier of two in the hour that comes twice, as everywhere.
        if let Some(at) = at.and_local_timezone(zone).earliest() {
            return zoned(at.to_utc(), zone).map(Some);
        }
    }
    timestamp(at).map(Some)
}

fn zoned(at: DateTime<chrono::Utc>, zone: Tz) -> oracle::Result<Timestamp> {
    let local = at.with_timezone(&zone);
    timestamp(local.naive_local())?.and_tz_offset(local.offset().fix().local_minus_utc())
}

fn timestamp(at: NaiveDateTime) -> oracle::Result<Timestamp> {
    // chrono counts a leap second as nanoseconds from 1,000,000,000 on.
    let nanos = at.nanosecond() % 1_000_000_000;
    Timestamp::new(at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second(), nanos)
}

/// As the session's date formats have it, for a column that keeps texts.
fn moment_text(value: &SqlValue, zone: Tz) -> String {
    let mut out = String::new();
    match value {
        SqlValue::Date(day) => crate::his::text::date(&mut out, *day),
        SqlValue::DateTime(at) => crate::his::text::date_time(&mut out, *at),
        SqlValue::Instant(at) => {
            crate::his::text::date_time(&mut out, at.with_timezone(&zone).naive_local());
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeZone, Utc};

    use super::*;

    const ZONE: Tz = chrono_tz::Europe::Berlin;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 10, 25).expect("a day")
    }

    #[test]
    fn values_by_the_storage_of_their_columns() {
        fn check(value: &SqlValue, storage: Storage, kind: Kind, expected: &Value) {
            let found = bound(value, storage, ZONE).expect("bound");
            assert_eq!((found.kind, &found.value), (kind, expected), "{value:?} {storage:?}");
        }
        let text = |text: &str| Value::Text(text.to_owned());
        let at = day().and_hms_micro_opt(2, 30, 0, 500_000).expect("a time");
        let whole = day().and_hms_opt(2, 30, 0).expect("a time");
        let plain =
            |h, m, nanos| Value::Moment(Timestamp::new(2026, 10, 25, h, m, 0, nanos).expect("a moment"));
        let with = |moment: &Value, hours: i32| match moment {
            Value::Moment(at) => Value::Moment(at.and_tz_hm_offset(hours, 0).expect("an offset")),
            _ => unreachable!("a moment"),
        };
        check(&SqlValue::Null, Storage::Number, Kind::Number, &Value::Null);
        check(&SqlValue::Text("é".into()), Storage::VarChar, Kind::VarChar, &text("é"));
        check(&SqlValue::Text(String::new()), Storage::VarChar, Kind::VarChar, &Value::Null);
        check(&SqlValue::Text("a".into()), Storage::NVarChar, Kind::NVarChar, &text("a"));
        check(&SqlValue::Text("a".into()), Storage::Char(10), Kind::Char, &text("a"));
        check(&SqlValue::Text("a".into()), Storage::NChar(10), Kind::NChar, &text("a"));
        let (edge, long) = ("a".repeat(4000), "a".repeat(4001));
        check(&SqlValue::Text(edge.clone()), Storage::Clob, Kind::VarChar, &text(&edge));
        check(&SqlValue::Text(long.clone()), Storage::Clob, Kind::Clob, &text(&long));
        let emoji = "😀".repeat(1000);
        check(&SqlValue::Text(emoji.clone()), Storage::Clob, Kind::Clob, &text(&emoji));
        check(&SqlValue::Text(emoji.clone()), Storage::NClob, Kind::NVarChar, &text(&emoji));
        let national = "a".repeat(2001);
        check(&SqlValue::Text(national.clone()), Storage::NClob, Kind::NClob, &text(&national));
        check(&SqlValue::Int(i128::MAX), Storage::Number, Kind::Number, &text(&i128::MAX.to_string()));
        check(&SqlValue::Decimal("-0.50".into()), Storage::Number, Kind::Number, &text("-0.50"));
        check(&SqlValue::Float(1e21), Storage::Number, Kind::Number, &text("1000000000000000000000"));
        check(&SqlValue::Float(0.1), Storage::BinaryFloat, Kind::BinaryFloat, &Value::Double(0.1));
        check(&SqlValue::Int(7), Storage::BinaryDouble, Kind::BinaryDouble, &Value::Double(7.0));
        check(&SqlValue::Date(day()), Storage::Date, Kind::Date, &plain(0, 0, 0));
        check(&SqlValue::DateTime(at), Storage::Timestamp, Kind::Timestamp, &plain(2, 30, 500_000_000));
        let instant = SqlValue::Instant(Utc.from_utc_datetime(&whole));
        check(&instant, Storage::TimestampTz, Kind::TimestampTz, &with(&plain(3, 30, 0), 1));
        check(&instant, Storage::TimestampLtz, Kind::TimestampTz, &with(&plain(3, 30, 0), 1));
        check(&instant, Storage::Date, Kind::Date, &plain(3, 30, 0));
        check(&instant, Storage::VarChar, Kind::VarChar, &text("2026-10-25 03:30:00"));
        check(
            &SqlValue::DateTime(whole),
            Storage::TimestampTz,
            Kind::TimestampTz,
            &with(&plain(2, 30, 0), 2),
        );
        check(&SqlValue::Bytes(vec![1]), Storage::Raw, Kind::Raw, &Value::Bytes(vec![1]));
        check(&SqlValue::Bytes(vec![1]), Storage::Blob, Kind::Raw, &Value::Bytes(vec![1]));
        check(&SqlValue::Bytes(vec![1; 2001]), Storage::Blob, Kind::Blob, &Value::Bytes(vec![1; 2001]));
        // Statements of the configuration's own.
        check(&SqlValue::Null, Storage::Any, Kind::VarChar, &Value::Null);
        check(&SqlValue::Int(1), Storage::Any, Kind::Number, &text("1"));
        check(&SqlValue::DateTime(whole), Storage::Any, Kind::Date, &plain(2, 30, 0));
        check(&SqlValue::DateTime(at), Storage::Any, Kind::Timestamp, &plain(2, 30, 500_000_000));
        check(&SqlValue::Time(whole.time()), Storage::Any, Kind::VarChar, &text("02:30:00"));
    }

    #[test]
    fn a_year_that_oracle_lacks_is_refused() {
        let far = NaiveDate::from_ymd_opt(12_345, 1, 2).expect("a day");
        let error = row(&[&SqlValue::Date(far)], &[Storage::Date], ZONE).expect_err("too far");
        assert_eq!(error.code, "oracle-value");
        assert!(!error.public.contains("12345"));
    }

    #[test]
    fn rows_that_go_together() {
        let row = |text: &str| row(&[&SqlValue::Text(text.into())], &[Storage::Clob], ZONE).expect("bound");
        let long = "x".repeat(5000);
        let rows: Vec<_> = ["a", "b", &long, "c", "d", "e"].iter().map(|t| row(t)).collect();
        assert_eq!(runs(&rows, 2), [0..2, 2..3, 3..5, 5..6]);
        assert_eq!(runs(&[], 2), []);
    }

    #[test]
    fn declared_lengths() {
        fn check(texts: &[&str], storage: Storage, expected: &OracleType) {
            let row =
                |text: &&str| row(&[&SqlValue::Text((*text).to_owned())], &[storage], ZONE).expect("bound");
            let rows: Vec<_> = texts.iter().map(row).collect();
            assert_eq!(types(&rows), std::slice::from_ref(expected));
        }
        check(&[""], Storage::VarChar, &OracleType::Varchar2(8));
        check(&["a", &"b".repeat(33)], Storage::VarChar, &OracleType::Varchar2(32));
        check(&[&"b".repeat(4000)], Storage::VarChar, &OracleType::Varchar2(1000));
        check(&[&"b".repeat(9001)], Storage::VarChar, &OracleType::Varchar2(2251));
        check(&["ab"], Storage::Char(10), &OracleType::Char(8));
        check(&["12"], Storage::Number, &OracleType::Number(0, 0));
    }
}
