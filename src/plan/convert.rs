//! Makes a value fit its column, exactly or not at all. A [`Misfit`] says what would be lost, never the value.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    model::{
        moment::{Moment, cut_fraction},
        table::{Charset, Column, ColumnType, TextLength},
        value::{Literal, SqlValue},
    },
    plan::{
        calendar, charset, guid,
        number::{decimal, float, money, whole, year},
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

pub(super) fn misfit<T>(cause: &'static str, words: impl Into<String>) -> Result<T, Misfit> {
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

    /// NULL.
    pub(super) fn null(&self) -> Result<SqlValue, Misfit> {
        if self.column.nullable {
            return Ok(SqlValue::Null);
        }
        misfit("null", "the event says null and the column may not be NULL")
    }

    /// An empty text, where the database keeps it as NULL. What is made of the value elsewhere must know that.
    fn empty(&self) -> Result<SqlValue, Misfit> {
        if self.column.nullable {
            return Ok(SqlValue::Null);
        }
        misfit(
            "null",
            "it is empty, and Oracle keeps an empty text as NULL: the column may not be NULL, and no row is ever found by it",
        )
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

    /// A text.
    pub(super) fn text(&self, text: &str) -> Result<SqlValue, Misfit> {
        if text.is_empty() && self.column.storage.keeps_empty_as_null() {
            return self.empty();
        }
        match &self.column.kind {
            ColumnType::Int { min, max } => whole(text, *min, *max).map(SqlValue::Int),
            ColumnType::Year => year(text).map(SqlValue::Int),
            ColumnType::Choice { members, many } => choice(text, members, *many).map(SqlValue::Text),
            ColumnType::Decimal { precision, scale, unsigned } => {
                decimal(text, *precision, *scale, *unsigned).map(SqlValue::Decimal)
            }
            ColumnType::Money { small } => money(text, *small).map(SqlValue::Decimal),
            ColumnType::Float { single } => float(text, *single).map(SqlValue::Float),
            ColumnType::Guid => guid::canonical(text).map(SqlValue::Text),
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
                self.text(&moment_text(utc, self.zone))
            }
            ColumnType::Guid => self.text(&moment_text(utc, self.zone)),
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
            ColumnType::DateTime { fraction, calendar: counting } => {
                let local = moment.local(self.zone).ok_or_else(no_date)?;
                let local = local.date().and_time(cut_fraction(local.time(), *fraction));
                SqlValue::DateTime(calendar::counted(local, *counting)?)
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
        if year > 9999 {
            return misfit("not-a-time", "its year has more than four digits");
        }
        Ok(value)
    }

    fn fit_text(&self, text: &str, length: TextLength, charset: Charset) -> Result<SqlValue, Misfit> {
        if !text.is_ascii()
            && let Some(words) = charset::unsupported(text, charset)
        {
            return misfit("charset", words);
        }
        let bytes_of = |c: char| charset::width(c, charset);
        let (max, weight): (u64, &dyn Fn(char) -> usize) = match length {
            TextLength::Unlimited => return Ok(SqlValue::Text(text.to_owned())),
            TextLength::Chars(max) => (max, &|_| 1),
            TextLength::Bytes(max) => (max, &bytes_of),
            TextLength::Units(max) => (max, &char::len_utf16),
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

/// A built-in moment as text, where no format says otherwise.
pub(super) fn moment_text(utc: DateTime<Utc>, zone: Tz) -> String {
    utc.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
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

#[cfg(test)]
mod tests;
