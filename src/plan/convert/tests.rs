//! Conversion by table: every kind of column with what fits it and what does not.

use serde_json::json;

use super::*;
use crate::model::{
    sample,
    table::{Calendar, Storage},
};

fn column(kind: ColumnType) -> Column {
    Column { nullable: false, ..sample::column("C", kind) }
}

/// The value in words, or the cause of the misfit.
fn convert(kind: &ColumnType, value: &Value) -> String {
    let column = column(kind.clone());
    let target = Target { column: &column, zone: chrono_tz::Asia::Kolkata, truncate: false };
    match target.found(Found::Json(value)) {
        Ok(SqlValue::Null) => "null".into(),
        Ok(SqlValue::Int(n)) => n.to_string(),
        Ok(SqlValue::Decimal(s) | SqlValue::Text(s)) => s,
        Ok(SqlValue::Float(f)) => f.to_string(),
        Ok(SqlValue::Bytes(b)) => format!("{b:?}"),
        Ok(SqlValue::Date(d)) => d.to_string(),
        Ok(SqlValue::Time(t)) => t.to_string(),
        Ok(SqlValue::DateTime(t)) => t.to_string(),
        Ok(SqlValue::Instant(t)) => t.to_string(),
        Err(misfit) => format!("! {}", misfit.cause),
    }
}

/// A number that no f64 holds, as `serde_json` keeps it.
fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn whole_numbers() {
    let int = ColumnType::Int { min: -128, max: 127 };
    let check = |value: Value, expected: &str| assert_eq!(convert(&int, &value), expected, "{value}");
    check(json!(12), "12");
    check(json!("12"), "12");
    check(json!(" -7 "), "-7");
    check(json!("1.20e1"), "12");
    check(json!("5.00"), "5");
    check(number("1.5e1"), "15");
    check(json!(true), "1");
    check(json!(false), "0");
    check(json!("1.5"), "! fraction");
    check(json!(128), "! out-of-range");
    check(number("1e400"), "! out-of-range");
    check(number("1e99999999999999999999"), "! out-of-range");
    check(number("-1e-400"), "! fraction");
    check(number("12345678901234567890"), "! out-of-range");
    check(json!("twelve"), "! not-a-number");
    check(json!(""), "! not-a-number");
    check(json!("12 34"), "! not-a-number");
    check(json!("0x1f"), "! not-a-number");
    check(json!("1e"), "! not-a-number");
    check(json!(null), "! null");
    check(json!([1]), "! not-a-scalar");
    let big = ColumnType::Int { min: 0, max: u64::MAX.into() };
    assert_eq!(convert(&big, &number("18446744073709551615")), "18446744073709551615");
    assert_eq!(convert(&big, &number("18446744073709551616")), "! out-of-range");
}

#[test]
fn decimals_are_exact() {
    let decimal = ColumnType::Decimal { precision: 20, scale: 2, unsigned: false };
    let check = |value: Value, expected: &str| assert_eq!(convert(&decimal, &value), expected, "{value}");
    check(json!("1500"), "1500");
    check(json!("1500.5"), "1500.5");
    check(number("123456789012345678.99"), "123456789012345678.99");
    check(number("1234567890123456789"), "! out-of-range");
    check(json!("0.10"), "0.1");
    check(json!("0.100000"), "0.1");
    check(json!("0.105"), "! fraction");
    check(json!("-0.00"), "0");
    check(json!("-12.5"), "-12.5");
    check(json!("1.5e3"), "1500");
    check(json!("15e-1"), "1.5");
    check(json!(".5"), "0.5");
    check(json!("007"), "7");
    check(json!("1,500"), "! not-a-number");
    check(number("1e400"), "! out-of-range");
    let unsigned = ColumnType::Decimal { precision: 5, scale: 0, unsigned: true };
    assert_eq!(convert(&unsigned, &json!(-1)), "! out-of-range");
    assert_eq!(convert(&ColumnType::Float { single: false }, &number("1e400")), "! out-of-range");
    assert_eq!(convert(&ColumnType::Float { single: true }, &number("1e39")), "! out-of-range");
    assert_eq!(convert(&ColumnType::Float { single: false }, &json!("2.5")), "2.5");
    assert_eq!(convert(&ColumnType::Float { single: false }, &json!("inf")), "! not-a-number");
    assert_eq!(convert(&ColumnType::Float { single: true }, &json!(16_777_217)), "! out-of-range");
    assert_eq!(convert(&ColumnType::Float { single: true }, &json!(16_777_216)), "16777216");
}

#[test]
fn members_are_meant_by_their_text() {
    let members: Vec<String> = ["confirmed", "cancelled", "2"].map(str::to_owned).into();
    let one = ColumnType::Choice { members: members.clone(), many: false };
    let many = ColumnType::Choice { members, many: true };
    let check = |kind: &ColumnType, value: Value, expected: &str| {
        assert_eq!(convert(kind, &value), expected, "{value}");
    };
    check(&one, json!("confirmed"), "confirmed");
    check(&one, json!("Cancelled"), "cancelled");
    check(&one, json!(2), "2");
    check(&one, json!(1), "! no-member");
    check(&one, json!("1"), "! no-member");
    check(&one, json!(true), "! no-member");
    check(&one, json!(""), "! no-member");
    check(&many, json!("2,confirmed"), "2,confirmed");
    check(&many, json!(""), "");
    check(&many, json!("confirmed,3"), "! no-member");
    assert_eq!(convert(&ColumnType::Year, &json!(99)), "! out-of-range");
    assert_eq!(convert(&ColumnType::Year, &json!("2025")), "2025");
}

#[test]
fn texts_fit_or_are_refused() {
    let text = |length, charset| ColumnType::Text { length, charset };
    let check = |kind: &ColumnType, value: Value, expected: &str| {
        assert_eq!(convert(kind, &value), expected, "{value}");
    };
    let five = text(TextLength::Chars(5), Charset::Any);
    check(&five, json!("12345"), "12345");
    check(&five, json!("äöüß€"), "äöüß€");
    check(&five, json!("123456"), "! too-long");
    check(&five, json!(12345), "12345");
    check(&five, number("1.50"), "1.50");
    check(&five, json!(true), "1");
    check(&five, json!([1, 2]), "[1,2]");
    check(&text(TextLength::Bytes(4), Charset::Any), json!("äöü"), "! too-long");
    check(&text(TextLength::Bytes(3), Charset::Latin1), json!("äöü"), "äöü");
    check(&text(TextLength::Unlimited, Charset::Utf8mb3), json!("日本€"), "日本€");
    check(&text(TextLength::Unlimited, Charset::Utf8mb3), json!("ok 😀"), "! charset");
    check(&text(TextLength::Unlimited, Charset::Latin1), json!("Grüße €"), "Grüße €");
    check(&text(TextLength::Unlimited, Charset::Latin1), json!("ż"), "! charset");
    check(&text(TextLength::Unlimited, Charset::Ascii), json!("ü"), "! charset");
    check(&ColumnType::Json, json!({"a": [1, "x"]}), "{\"a\":[1,\"x\"]}");
    check(&ColumnType::Json, json!("x"), "\"x\"");
    check(&ColumnType::Bytes { max: Some(2) }, json!("ä"), "[195, 164]");
    check(&ColumnType::Bytes { max: Some(1) }, json!("ä"), "! too-long");
}

#[test]
fn types_of_sql_server() {
    let check = |kind: &ColumnType, value: Value, expected: &str| {
        assert_eq!(convert(kind, &value), expected, "{value}");
    };
    let (money, small) = (ColumnType::Money { small: false }, ColumnType::Money { small: true });
    check(&money, json!("1500.50"), "1500.5");
    check(&money, json!("922337203685477.5807"), "922337203685477.5807");
    check(&money, json!("-922337203685477.5808"), "-922337203685477.5808");
    check(&money, json!("922337203685477.5808"), "! out-of-range");
    check(&money, json!("0.00001"), "! fraction");
    check(&small, json!("214748.3647"), "214748.3647");
    check(&small, json!(214_748.364_8), "! out-of-range");
    check(&small, json!(-214_748), "-214748");
    check(
        &ColumnType::Guid,
        json!("{6f9619ff-8b86-d011-b42d-00c04fc964ff}"),
        "6F9619FF-8B86-D011-B42D-00C04FC964FF",
    );
    check(&ColumnType::Guid, json!(17), "! not-a-guid");
    let text = |length, charset| ColumnType::Text { length, charset };
    let units = text(TextLength::Units(3), Charset::Any);
    check(&units, json!("a😀"), "a😀");
    check(&units, json!("😀😀"), "! too-long");
    let cyrillic = text(TextLength::Bytes(4), Charset::CodePage(1251));
    check(&cyrillic, json!("Иван"), "Иван");
    check(&cyrillic, json!("Иванн"), "! too-long");
    check(&cyrillic, json!("Zoë"), "! charset");
    let chinese = text(TextLength::Bytes(4), Charset::CodePage(936));
    check(&chinese, json!("王芳"), "王芳");
    check(&chinese, json!("王芳a"), "! too-long");
    let old = ColumnType::DateTime { fraction: 3, calendar: Calendar::From1753 };
    check(&old, json!("2025-03-03T23:59:59.999"), "2025-03-03 23:59:59.997");
    check(&old, json!("1752-12-31"), "! out-of-range");
    let minutes = ColumnType::DateTime { fraction: 0, calendar: Calendar::Small };
    check(&minutes, json!("2025-03-03T09:30:59"), "2025-03-03 09:30:00");
    check(&minutes, json!("2080-01-01"), "! out-of-range");
}

#[test]
fn a_text_is_cut_only_where_that_is_asked_for() {
    let check = |length, text: &str, expected: &str| {
        let column = column(ColumnType::Text { length, charset: Charset::Any });
        let target = Target { column: &column, zone: chrono_tz::UTC, truncate: true };
        assert_eq!(target.found(Found::Text(text)), Ok(SqlValue::Text(expected.into())));
    };
    check(TextLength::Chars(3), "abcd", "abc");
    check(TextLength::Chars(3), "äöü€", "äöü");
    check(TextLength::Bytes(5), "äöü", "äö");
    check(TextLength::Units(3), "a😀b", "a😀");
    check(TextLength::Units(2), "a😀b", "a");
    check(TextLength::Chars(3), "ab", "ab");
}

#[test]
fn dates_and_times_go_into_the_columns_zone() {
    let (date, time) = (ColumnType::Date, ColumnType::Time { fraction: 0 });
    let (local, moment) = (
        ColumnType::DateTime { fraction: 0, calendar: Calendar::Full },
        ColumnType::Timestamp { fraction: 0 },
    );
    let check = |kind: &ColumnType, value: Value, expected: &str| {
        assert_eq!(convert(kind, &value), expected, "{value}");
    };
    check(&local, json!("2025-03-03T09:00:00"), "2025-03-03 09:00:00");
    check(&local, json!("2025-03-03T09:00:00.999Z"), "2025-03-03 14:30:00");
    check(&local, json!("2025-03-03T20:00:00-08:00"), "2025-03-04 09:30:00");
    check(&local, json!("2025-03-03"), "2025-03-03 00:00:00");
    check(&local, json!("09:00"), "! no-date");
    check(&local, json!("2025-02-30"), "! not-a-time");
    check(&local, json!("2025-02-30T10:00:00"), "! not-a-time");
    check(&local, json!(1_736_337_600), "! not-a-time");
    check(&local, json!(true), "! not-a-time");
    check(&date, json!("2025-03-03T20:00:00Z"), "2025-03-04");
    check(&date, json!("2025-03-03"), "2025-03-03");
    check(&date, json!("0000-01-01"), "! not-a-time");
    check(&time, json!("2025-03-03T20:00:00Z"), "01:30:00");
    check(&time, json!("09:15"), "09:15:00");
    check(&time, json!("2025-03-03"), "! no-time");
    check(&moment, json!("2025-03-03T09:00:00"), "2025-03-03 03:30:00 UTC");
    check(&moment, json!("2025-03-03T09:00:00.9Z"), "2025-03-03 09:00:00 UTC");
}

proptest::proptest! {
    #[test]
    fn a_decimal_keeps_its_value(whole in 0_u64..1_000_000_000, cents in 0_u32..100, exponent in -3_i32..4) {
        let decimal = ColumnType::Decimal { precision: 30, scale: 6, unsigned: false };
        let written = format!("{whole}.{cents:02}e{exponent}");
        let got: f64 = convert(&decimal, &json!(written)).parse().unwrap();
        let want: f64 = written.parse().unwrap();
        proptest::prop_assert!((got - want).abs() <= want.abs() * 1e-12, "{written} {got}");
    }

    #[test]
    fn nothing_panics(text in "[-+0-9eE.:TZ ]{0,24}|\\PC{0,12}") {
        for kind in [
            ColumnType::Int { min: i64::MIN.into(), max: i64::MAX.into() },
            ColumnType::Decimal { precision: 5, scale: 2, unsigned: false },
            ColumnType::Float { single: false },
            ColumnType::Text { length: TextLength::Chars(3), charset: Charset::Latin1 },
            ColumnType::Timestamp { fraction: 3 },
            ColumnType::Money { small: true },
            ColumnType::Guid,
            ColumnType::Text { length: TextLength::Bytes(3), charset: Charset::CodePage(932) },
            ColumnType::DateTime { fraction: 3, calendar: Calendar::From1753 },
            ColumnType::Time { fraction: 0 },
        ] {
            convert(&kind, &json!(text.clone()));
            if let Ok(number) = serde_json::from_str::<Value>(&text) {
                convert(&kind, &number);
            }
        }
    }
}

/// Oracle keeps an empty text as NULL.
#[test]
fn empty_texts() {
    fn check(storage: Storage, nullable: bool, expected: &Result<SqlValue, &str>) {
        let kind = ColumnType::Text { length: TextLength::Chars(5), charset: Charset::Any };
        let column = Column { storage, nullable, ..sample::column("C", kind) };
        let target = Target { column: &column, zone: chrono_tz::UTC, truncate: false };
        let found = target.found(Found::Json(&json!("")));
        assert_eq!(found.map_err(|misfit| misfit.cause), *expected, "{storage:?}");
    }
    check(Storage::VarChar, true, &Ok(SqlValue::Null));
    check(Storage::VarChar, false, &Err("null"));
    check(Storage::Clob, true, &Ok(SqlValue::Null));
    check(Storage::Any, false, &Ok(SqlValue::Text(String::new())));
}
