//! Owns conversion to texts and to bytes, with their lengths; never to numbers.

use crate::convert::{Ctx, TOO_LONG, bad_numeric, guid_bytes, refuse, text_of};
use crate::datetime::Moment;
use crate::decimal::Dec;
use crate::error::{SqlError, err_class, overflow};
use crate::types::{MAX, SqlType};
use SqlType as T;
use rusqlite::types::Value;

/// A float as text: six digits, as SQL Server's style 0 prints it.
pub(crate) fn print_float(f: f64) -> String {
    if f == 0.0 {
        return "0".into();
    }
    let exponent = f.abs().log10().floor() as i32;
    if (-5..6).contains(&exponent) {
        let digits = usize::try_from(5 - exponent).unwrap_or(0);
        let text = format!("{f:.digits$}");
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        return text;
    }
    let mantissa = format!("{:.5}", f / 10f64.powi(exponent));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    format!("{mantissa}e{}{:03}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// The text of any value, before it meets a length.
pub(crate) fn print(value: &Value, from: T, style: i64) -> String {
    match (value, from) {
        (Value::Text(t), _) if from.is_time() => Moment::from_canonical(t)
            .map_or_else(|| t.clone(), |m| crate::datetime_text::print(m, from, style)),
        (Value::Text(t), T::Money | T::SmallMoney) => {
            Dec::parse(t).and_then(|d| d.rescale(2).ok()).map_or_else(|| t.clone(), |d| d.to_string())
        }
        (Value::Real(f), _) => print_float(*f),
        _ => text_of(value),
    }
}

pub(crate) fn to_text(value: &Value, from: T, to: T, style: i64, ctx: Ctx) -> Result<Value, SqlError> {
    if matches!(from, T::Image) && !matches!(to, T::Text | T::NText) {
        return Err(refuse(from, to));
    }
    let text = match value {
        Value::Blob(bytes) if style == 1 || style == 2 => {
            let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
            if style == 1 { format!("0x{hex}") } else { hex }
        }
        Value::Blob(bytes) if to.is_national() => {
            let units: Vec<u16> = bytes
                .chunks(2)
                .map(|c| u16::from(c[0]) | (u16::from(*c.get(1).unwrap_or(&0)) << 8))
                .collect();
            String::from_utf16_lossy(&units)
        }
        Value::Blob(bytes) => ctx.page.decode(bytes),
        _ => print(value, from, style),
    };
    let text = if to.is_national() { text } else { ctx.page.narrow(&text) };
    let limit = to.length();
    let size =
        |text: &str| if to.is_national() { text.encode_utf16().count() } else { ctx.page.bytes(text) } as u64;
    let mut text = text;
    let blank = from.is_text() || from.is_binary();
    if limit != MAX && size(&text) > u64::from(limit) {
        if !blank && !from.is_time() {
            // An old habit of the language: integers that do not fit a char become a star.
            if from.is_int() && !to.is_national() {
                let width = if matches!(to, T::Char(_)) { limit as usize } else { 1 };
                return Ok(Value::Text(format!("{:<width$}", "*")));
            }
            return Err(number_too_long(from, to));
        }
        let before = text.clone();
        while size(&text) > u64::from(limit) {
            text.pop();
        }
        // Blanks at the end are cut without a word.
        if ctx.strict && !before[text.len()..].bytes().all(|b| b == b' ') {
            let mut error = err_class(TOO_LONG, 16, 10, "String or binary data would be truncated.");
            error.procedure = text;
            return Err(error);
        }
    }
    if matches!(to, T::Char(_) | T::NChar(_)) && limit != MAX {
        let missing = u64::from(limit).saturating_sub(size(&text));
        text.extend(std::iter::repeat_n(' ', missing as usize));
    }
    Ok(Value::Text(text))
}

pub(crate) fn number_too_long(from: T, to: T) -> SqlError {
    match from {
        T::UniqueIdentifier => {
            err_class(8170, 16, 2, "Insufficient result space to convert uniqueidentifier value to char.")
        }
        T::Decimal(..) | T::Float | T::Real => {
            overflow(if matches!(from, T::Decimal(..)) { "numeric" } else { "expression" }, to.name())
        }
        T::Money | T::SmallMoney => {
            err_class(234, 16, 2, "There is insufficient result space to convert a money value to varchar.")
        }
        _ => overflow("expression", to.name()),
    }
}

pub(crate) fn to_binary(value: &Value, from: T, to: T, style: i64, ctx: Ctx) -> Result<Value, SqlError> {
    let mut bytes = match value {
        Value::Blob(b) => b.clone(),
        Value::Text(t) if from.is_text() && (style == 1 || style == 2) => {
            let hex = if style == 1 { t.strip_prefix("0x").unwrap_or("?") } else { t };
            let digits: Option<Vec<u8>> = (hex.len() % 2 == 0)
                .then(|| {
                    (0..hex.len())
                        .step_by(2)
                        .map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok())
                        .collect()
                })
                .flatten();
            digits.ok_or_else(|| bad_numeric(from, to))?
        }
        Value::Text(t) if from.is_national() => t.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Value::Text(t) if from.is_text() => ctx.page.encode(t),
        Value::Text(t) if from == T::UniqueIdentifier => guid_bytes(t).to_vec(),
        Value::Integer(n) => {
            let width = match from {
                T::Bit | T::TinyInt => 1,
                T::SmallInt => 2,
                T::Int => 4,
                _ => 8,
            };
            n.to_be_bytes()[8 - width..].to_vec()
        }
        _ => return Err(refuse(from, to)),
    };
    let limit = to.length();
    if limit != MAX && bytes.len() as u64 > u64::from(limit) {
        if ctx.strict && from.is_binary() {
            return Err(err_class(TOO_LONG, 16, 10, "String or binary data would be truncated."));
        }
        // Numbers keep their low end.
        bytes = if matches!(value, Value::Integer(_)) {
            bytes.split_off(bytes.len() - limit as usize)
        } else {
            bytes.truncate(limit as usize);
            bytes
        };
    }
    if matches!(to, T::Binary(_) | T::Timestamp) {
        let missing = (limit as usize).saturating_sub(bytes.len());
        if matches!(value, Value::Integer(_)) {
            let mut padded = vec![0; missing];
            padded.extend(bytes);
            bytes = padded;
        } else {
            bytes.extend(std::iter::repeat_n(0, missing));
        }
    }
    Ok(Value::Blob(bytes))
}
