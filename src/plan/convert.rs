//! Makes a value fit its column, exactly or not at all. A [`Misfit`] says what would be lost, never the value.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    model::{
        table::{Charset, Column, ColumnType, TextLength},
        value::{Literal, SqlValue},
    },
    plan::{
        moment::{Moment, cut_fraction},
        source::Found,
    },
};

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Equal for equal causes: `too-long`, `not-a-number`.
    pub(super) cause: &'static str,
    /// What would be lost, and how it could be right; continues "field X cannot go into column Y (type): ".
    pub(super) words: String,
}

fn misfit<T>(cause: &'static str, words: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { cause, words: words.into() })
}

/// What converting needs besides the value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) column: &'a Column,
    pub(super) zone: Tz,
    pub(super) truncate: bool,
}

impl Target<'_> {
    /// A value of an event.
    pub(super) fn found(&self, found: Found<'_>) -> Result<SqlValue, Misfit> {
        match found {
            Found::Json(Value::Null) => self.null(),
            Found::Json(Value::Bool(b)) => self.bool(*b),
            Found::Json(Value::Number(number)) => self.number(number.as_str()),
            Found::Json(Value::String(text)) => self.text(text),
            Found::Json(value @ (Value::Array(_) | Value::Object(_))) => self.document(value),
            Found::Text(text) => self.text(text),
            Found::Moment(moment) => self.instant(moment),
        }
    }

    /// A value of the configuration.
    pub(super) fn literal(&self, literal: &Literal) -> Result<SqlValue, Misfit> {
        match literal {
            Literal::Null => self.null(),
            Literal::Bool(b) => self.bool(*b),
            Literal::Number(number) => self.number(number),
            Literal::Text(text) => self.text(text),
        }
    }

    fn null(&self) -> Result<SqlValue, Misfit> {
        if self.column.nullable {
            return Ok(SqlValue::Null);
        }
        misfit("null", "the event says null and the column may not be NULL")
    }

    fn bool(&self, b: bool) -> Result<SqlValue, Misfit> {
        match self.column.kind {
            ColumnType::Date
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::Time { .. } => misfit("not-a-time", "true or false is no date or time"),
            ColumnType::Json => Ok(SqlValue::Text(b.to_string())),
            _ => self.number(if b { "1" } else { "0" }),
        }
    }

    fn number(&self, number: &str) -> Result<SqlValue, Misfit> {
        match &self.column.kind {
            ColumnType::Date
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::Time { .. } => {
                misfit("not-a-time", "a number is no date or time; it must be text like 2025-03-03T09:00:00")
            }
            ColumnType::Json | ColumnType::Other => Ok(SqlValue::Text(number.to_owned())),
            _ => self.text(number),
        }
    }

    fn text(&self, text: &str) -> Result<SqlValue, Misfit> {
        match &self.column.kind {
            ColumnType::Int { min, max } => whole(text, *min, *max).map(SqlValue::Int),
            ColumnType::Year => year(text).map(SqlValue::Int),
            ColumnType::Choice { members, many } => choice(text, members, *many).map(SqlValue::Text),
            ColumnType::Decimal { precision, scale, unsigned } => {
                decimal(text, *precision, *scale, *unsigned).map(SqlValue::Decimal)
            }
            ColumnType::Float { single } => float(text, *single).map(SqlValue::Float),
            ColumnType::Text { length, charset } => self.fit_text(text, *length, *charset),
            ColumnType::Bytes { max } => {
                let bytes = text.as_bytes();
                if max.is_some_and(|max| bytes.len() as u64 > max) {
                    return misfit("too-long", format!("it has {} bytes", bytes.len()));
                }
                Ok(SqlValue::Bytes(bytes.to_vec()))
            }
            ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. } => match Moment::parse(text) {
                Some(moment) => self.moment(moment),
                None => misfit(
                    "not-a-time",
                    "it is no valid ISO 8601 date or time, such as 2025-03-03T09:00:00 or 2025-03-03T09:00:00Z",
                ),
            },
            ColumnType::Json => Ok(SqlValue::Text(Value::from(text).to_string())),
            ColumnType::Other => Ok(SqlValue::Text(text.to_owned())),
        }
    }

    fn document(&self, value: &Value) -> Result<SqlValue, Misfit> {
        match self.column.kind {
            ColumnType::Text { .. } => self.text(&value.to_string()),
            ColumnType::Json | ColumnType::Other => Ok(SqlValue::Text(value.to_string())),
            _ => misfit(
                "not-a-scalar",
                "it is an object or an array; name the part that is meant with a path, such as patient_info.patient_id",
            ),
        }
    }

    fn instant(&self, utc: DateTime<Utc>) -> Result<SqlValue, Misfit> {
        match self.column.kind {
            ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. } => self.moment(Moment::Zoned(utc)),
            ColumnType::Text { .. } | ColumnType::Other | ColumnType::Bytes { .. } | ColumnType::Json => {
                self.text(&utc.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S").to_string())
            }
            _ => misfit("not-a-number", "a date and time is no number"),
        }
    }

    fn moment(&self, moment: Moment) -> Result<SqlValue, Misfit> {
        let no_date = || Misfit { cause: "no-date", words: "it is a time of day without a date".to_owned() };
        let value = match &self.column.kind {
            ColumnType::Date => SqlValue::Date(moment.local(self.zone).ok_or_else(no_date)?.date()),
            ColumnType::Time { fraction } => {
                let time = match moment {
                    Moment::Time(time) => time,
                    Moment::Date(_) => return misfit("no-time", "it is a date without a time of day"),
                    _ => moment.local(self.zone).ok_or_else(no_date)?.time(),
                };
                SqlValue::Time(cut_fraction(time, *fraction))
            }
            ColumnType::DateTime { fraction } => {
                let local = moment.local(self.zone).ok_or_else(no_date)?;
                SqlValue::DateTime(local.date().and_time(cut_fraction(local.time(), *fraction)))
            }
            kind => {
                let fraction = if let ColumnType::Timestamp { fraction } = kind { *fraction } else { 0 };
                moment.local(self.zone).ok_or_else(no_date)?;
                let Some(utc) = moment.instant(self.zone) else {
                    return misfit(
                        "skipped-time",
                        format!(
                            "its local time does not exist in {}: the clocks went forward over it",
                            self.zone
                        ),
                    );
                };
                SqlValue::Instant(utc.date_naive().and_time(cut_fraction(utc.time(), fraction)).and_utc())
            }
        };
        let year = match &value {
            SqlValue::Date(d) => d.year(),
            SqlValue::DateTime(t) => t.year(),
            SqlValue::Instant(t) => t.year(),
            _ => 2000,
        };
        // MySQL keeps 0000-00-00 and its like as a mark for "no date".
        if year < 1 {
            return misfit("not-a-time", "its year is 0");
        }
        Ok(value)
    }

    fn fit_text(&self, text: &str, length: TextLength, charset: Charset) -> Result<SqlValue, Misfit> {
        if !text.is_ascii()
            && let Some(words) = unsupported(text, charset)
        {
            return misfit("charset", words);
        }
        // In a set of one byte a character, characters are bytes.
        let bytes_of =
            |c: char| if matches!(charset, Charset::Latin1 | Charset::Ascii) { 1 } else { c.len_utf8() };
        let (max, weight): (u64, &dyn Fn(char) -> usize) = match length {
            TextLength::Unlimited => return Ok(SqlValue::Text(text.to_owned())),
            TextLength::Chars(max) => (max, &|_| 1),
            TextLength::Bytes(max) => (max, &bytes_of),
        };
        if text.len() as u64 <= max {
            return Ok(SqlValue::Text(text.to_owned()));
        }
        let mut weighed = 0_u64;
        let mut end = None;
        for (at, c) in text.char_indices() {
            weighed += weight(c) as u64;
            if weighed > max && end.is_none() {
                end = Some(at);
            }
        }
        match end {
            None => Ok(SqlValue::Text(text.to_owned())),
            Some(end) if self.truncate => Ok(SqlValue::Text(text.get(..end).unwrap_or_default().to_owned())),
            Some(_) => misfit(
                "too-long",
                format!(
                    "it has {weighed} {}, {max} fit; let the HIS's vendor widen the column or set \"truncate\": true",
                    if matches!(length, TextLength::Bytes(_)) { "bytes" } else { "characters" }
                ),
            ),
        }
    }
}

/// What in a text the column's character set cannot hold, in words.
fn unsupported(text: &str, charset: Charset) -> Option<String> {
    let (fits, set): (fn(char) -> bool, _) = match charset {
        Charset::Any => return None,
        Charset::Utf8mb3 => (|c| (c as u32) < 0x1_0000, "utf8mb3"),
        Charset::Latin1 => (is_windows_1252, "latin1"),
        Charset::Ascii => (|c| c.is_ascii(), "ascii"),
    };
    let count = text.chars().filter(|c| !fits(*c)).count();
    (count > 0).then(|| format!("{count} of its characters do not exist in the column's character set {set}"))
}

fn is_windows_1252(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{81}' | '\u{8d}' | '\u{8f}' | '\u{90}' | '\u{9d}' | '\u{a0}'..='\u{ff}')
        || "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ".contains(c)
}

fn whole(text: &str, min: i128, max: i128) -> Result<i128, Misfit> {
    let out_of_range = || Misfit { cause: "out-of-range", words: format!("the column takes {min} to {max}") };
    let number = Digits::parse(text)?;
    let (digits, fraction) = number.plain().ok_or_else(out_of_range)?;
    if fraction.bytes().any(|b| b != b'0') {
        return misfit("fraction", "it has decimal places, and the column takes whole numbers");
    }
    let magnitude: i128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| out_of_range())? };
    let value = if number.negative { -magnitude } else { magnitude };
    if value < min || value > max { Err(out_of_range()) } else { Ok(value) }
}

fn decimal(text: &str, precision: u32, scale: u32, unsigned: bool) -> Result<String, Misfit> {
    let number = Digits::parse(text)?;
    let whole_max = precision.saturating_sub(scale) as usize;
    let out_of_range = || Misfit {
        cause: "out-of-range",
        words: format!("the column takes {whole_max} digits before the decimal point"),
    };
    let (digits, fraction) = number.plain().ok_or_else(out_of_range)?;
    let fraction = fraction.trim_end_matches('0');
    if digits.len() > whole_max {
        return Err(out_of_range());
    }
    if fraction.len() > scale as usize {
        return misfit(
            "fraction",
            format!("it has {} decimal places, the column takes {scale}", fraction.len()),
        );
    }
    let zero = digits.is_empty() && fraction.is_empty();
    if number.negative && unsigned && !zero {
        return misfit("out-of-range", "it is negative, and the column takes no negative numbers");
    }
    let sign = if number.negative && !zero { "-" } else { "" };
    let digits = if digits.is_empty() { "0" } else { &digits };
    Ok(if fraction.is_empty() { format!("{sign}{digits}") } else { format!("{sign}{digits}.{fraction}") })
}

/// MySQL would make 1999 of 99, and of "25" another year than of 25.
fn year(text: &str) -> Result<i128, Misfit> {
    match whole(text, 0, 2155)? {
        year @ (0 | 1901..) => Ok(year),
        _ => misfit("out-of-range", "the column takes years from 1901 to 2155"),
    }
}

/// A member by its text, never by its number, which is how MySQL would read `2`.
fn choice(text: &str, members: &[String], many: bool) -> Result<String, Misfit> {
    let spelled = |text: &str| {
        let alike = |m: &&String| m.to_lowercase() == text.to_lowercase();
        members.iter().find(|m| *m == text).or_else(|| members.iter().find(alike)).map(String::as_str)
    };
    let found = match many {
        false => spelled(text).map(str::to_owned),
        true if text.is_empty() => Some(String::new()),
        true => text.split(',').map(spelled).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
    };
    found.ok_or_else(|| Misfit {
        cause: "no-member",
        words: format!(
            "it is none of the values that the column takes ({}); translate it with \"values\"",
            members.iter().map(|m| format!("{m:?}")).collect::<Vec<_>>().join(", ")
        ),
    })
}

fn float(text: &str, single: bool) -> Result<f64, Misfit> {
    Digits::parse(text)?;
    let out_of_range =
        || Misfit { cause: "out-of-range", words: "it is beyond what the column can hold".to_owned() };
    let value: f64 = text.trim().parse().map_err(|_| not_a_number())?;
    if !value.is_finite() || (single && value.abs() > f64::from(f32::MAX)) {
        return Err(out_of_range());
    }
    // A fraction is rounded by nature; a whole number, which may be somebody's number, is not.
    let whole_max = if single { FLOAT_WHOLE_MAX } else { DOUBLE_WHOLE_MAX };
    if value.fract() == 0.0 && value.abs() > whole_max {
        return misfit(
            "out-of-range",
            format!("the column keeps whole numbers exactly up to {whole_max} only"),
        );
    }
    Ok(value)
}

fn not_a_number() -> Misfit {
    Misfit { cause: "not-a-number", words: "it is no number, such as 1500 or 1500.50".to_owned() }
}

/// Whole numbers up to 2^24 and 2^53 have an exact place in FLOAT and DOUBLE.
const FLOAT_WHOLE_MAX: f64 = 16_777_216.0;
/// See [`FLOAT_WHOLE_MAX`].
const DOUBLE_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Digits that a plain number may be written out with: more than any database's decimals have.
const PLAIN_DIGITS_MAX: i64 = 400;

/// A number as written: sign, digits, decimal digits, exponent.
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Digits<'a> {
    fn parse(text: &'a str) -> Result<Self, Misfit> {
        let text = text.trim();
        let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
        let (negative, mantissa) = match mantissa.strip_prefix(['-', '+']) {
            Some(rest) => (mantissa.starts_with('-'), rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let exponent = match exponent {
            None => 0,
            Some(e) => {
                let digits = e.strip_prefix(['-', '+']).unwrap_or(e);
                if digits.is_empty() || !all_digits(digits) {
                    return Err(not_a_number());
                }
                // An exponent that no i64 holds is as far off as one that does.
                e.parse().unwrap_or(if e.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 })
            }
        };
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(not_a_number());
        }
        Ok(Self { negative, whole, fraction, exponent })
    }

    /// Digits before (without leading zeros) and after the point, exponent applied; `None` where that would
    /// take more digits than any column has.
    fn plain(&self) -> Option<(String, String)> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some((String::new(), String::new()));
        }
        let leading = digits.len() - significant.len();
        let point = i64::try_from(self.whole.len()).ok()?.checked_add(self.exponent)?;
        let point = point.checked_sub(i64::try_from(leading).ok()?)?;
        let length = i64::try_from(significant.len()).ok()?;
        if point.abs() > PLAIN_DIGITS_MAX || length > PLAIN_DIGITS_MAX {
            return None;
        }
        let zeros = |n: i64| "0".repeat(usize::try_from(n).unwrap_or(0));
        if point <= 0 {
            return Some((String::new(), format!("{}{significant}", zeros(-point))));
        }
        if point >= length {
            return Some((format!("{significant}{}", zeros(point - length)), String::new()));
        }
        let (whole, fraction) = significant.split_at_checked(usize::try_from(point).ok()?)?;
        Some((whole.to_owned(), fraction.to_owned()))
    }
}

#[cfg(test)]
mod tests;
