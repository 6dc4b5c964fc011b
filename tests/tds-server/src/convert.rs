//! Owns conversion of values between T-SQL's types, with the errors of each pair; never knows of tables.

use rusqlite::types::Value;

use crate::collation::CodePage;
use crate::datetime::{self, DateOrder, Moment};
use crate::decimal::Dec;
use crate::error::{SqlError, err, err_class, overflow};
use crate::types::{MAX, SqlType};

use SqlType as T;

/// What a conversion depends on besides its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ctx {
    pub(crate) order: DateOrder,
    pub(crate) page: CodePage,
    /// A text that is too long is an error (assignment to a column) instead of being cut (CAST, variables).
    pub(crate) strict: bool,
}

/// A text did not fit; the caller words it, since the message names the column.
pub(crate) const TOO_LONG: i32 = 8152;

/// The value as the type holds it.
pub(crate) fn convert(value: Value, from: T, to: T, style: i64, ctx: Ctx) -> Result<Value, SqlError> {
    if matches!(value, Value::Null) {
        return Ok(Value::Null);
    }
    let from = if from == T::Variant { natural(&value) } else { from };
    match to {
        T::Null | T::Variant => Ok(value),
        T::Bit => to_bit(&value, from),
        T::TinyInt | T::SmallInt | T::Int | T::BigInt => to_int(&value, from, to),
        T::Decimal(p, s) => to_decimal(&value, from, to, p, s),
        T::Money => to_decimal(&value, from, to, 19, 4),
        T::SmallMoney => to_decimal(&value, from, to, 10, 4),
        T::Real | T::Float => to_float(&value, from, to),
        _ if to.is_text() => to_text(&value, from, to, style, ctx),
        _ if to.is_binary() => to_binary(&value, from, to, style, ctx),
        T::UniqueIdentifier => to_guid(&value, from),
        _ => to_moment(&value, from, to, ctx),
    }
}

/// The type that a value without one has.
pub(crate) fn natural(value: &Value) -> T {
    match value {
        Value::Null => T::Null,
        Value::Integer(n) if i32::try_from(*n).is_ok() => T::Int,
        Value::Integer(_) => T::BigInt,
        Value::Real(_) => T::Float,
        Value::Text(_) => T::NVarChar(4000),
        Value::Blob(_) => T::VarBinary(8000),
    }
}

/// A value's text; numbers in SQLite's plain form.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(n) => n.to_string(),
        Value::Real(f) => f.to_string(),
        Value::Text(t) => t.clone(),
        Value::Blob(b) => String::from_utf8_lossy(b).into_owned(),
    }
}

fn refuse(from: T, to: T) -> SqlError {
    err_class(
        529,
        16,
        2,
        format!("Explicit conversion from data type {} to {} is not allowed.", from.name(), to.name()),
    )
}

/// The exact value of a number that is no text.
fn exact(value: &Value) -> Option<Dec> {
    match value {
        Value::Integer(n) => Some(Dec::int(*n)),
        Value::Text(t) => Dec::parse(t),
        _ => None,
    }
}

fn to_bit(value: &Value, from: T) -> Result<Value, SqlError> {
    if from.is_text() {
        let text = text_of(value);
        let text = text.trim();
        return match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Integer(1)),
            "false" => Ok(Value::Integer(0)),
            _ => match Dec::parse(text).filter(|d| d.scale == 0) {
                Some(d) => Ok(Value::Integer(i64::from(d.value != 0))),
                None => Err(failed(from, text, T::Bit)),
            },
        };
    }
    let set = match value {
        Value::Real(f) => *f != 0.0,
        Value::Blob(b) => b.iter().any(|x| *x != 0),
        _ => exact(value).ok_or_else(|| refuse(from, T::Bit))?.value != 0,
    };
    Ok(Value::Integer(i64::from(set)))
}

/// 245.
fn failed(from: T, text: &str, to: T) -> SqlError {
    err(
        245,
        format!(
            "Conversion failed when converting the {} value '{text}' to data type {}.",
            from.name(),
            to.name()
        ),
    )
}

fn to_int(value: &Value, from: T, to: T) -> Result<Value, SqlError> {
    let range = match to {
        T::TinyInt => 0..=255,
        T::SmallInt => -32_768..=32_767,
        T::Int => i128::from(i32::MIN)..=i128::from(i32::MAX),
        _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
    };
    let number: i128 = if from.is_text() {
        let text = text_of(value);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            0
        } else {
            let parsed = Dec::parse(trimmed).filter(|d| d.scale == 0 && !trimmed.contains('.'));
            let Some(parsed) = parsed else {
                return Err(if to == T::BigInt { bad_numeric(from, to) } else { failed(from, &text, to) });
            };
            if !range.contains(&parsed.value) {
                return Err(match to {
                    T::Int => err(
                        248,
                        format!(
                            "The conversion of the {} value '{text}' overflowed an int column.",
                            from.name()
                        ),
                    ),
                    T::BigInt => overflow("expression", "bigint"),
                    _ => err_class(
                        244,
                        16,
                        if to == T::TinyInt { 1 } else { 2 },
                        format!(
                            "The conversion of the {} value '{text}' overflowed an INT{} column. Use a larger integer column.",
                            from.name(),
                            if to == T::TinyInt { 1 } else { 2 }
                        ),
                    ),
                });
            }
            parsed.value
        }
    } else {
        match value {
            Value::Real(f) => f.trunc() as i128,
            Value::Blob(b) => {
                let wide = b.iter().rev().take(8).rev().fold(0u64, |n, x| (n << 8) | u64::from(*x));
                i128::from(if b.len() <= 4 { i64::from(wide as u32 as i32) } else { wide as i64 })
            }
            _ if from.is_time() || from == T::UniqueIdentifier => return Err(refuse(from, to)),
            // Money is rounded, decimal is cut.
            _ if matches!(from, T::Money | T::SmallMoney) => {
                exact(value).and_then(|d| d.rescale(0).ok()).ok_or_else(|| refuse(from, to))?.value
            }
            _ => exact(value).ok_or_else(|| refuse(from, to))?.truncate(),
        }
    };
    if range.contains(&number) {
        return Ok(Value::Integer(number as i64));
    }
    Err(out_of_int(&number.to_string(), from, to))
}

fn out_of_int(number: &str, from: T, to: T) -> SqlError {
    match (from, to) {
        (T::SmallInt | T::Int | T::BigInt, T::TinyInt | T::SmallInt) => err_class(
            220,
            16,
            if to == T::TinyInt { 2 } else { 1 },
            format!("Arithmetic overflow error for data type {}, value = {number}.", to.name()),
        ),
        (T::Real | T::Float, T::TinyInt | T::SmallInt | T::Int) => err_class(
            232,
            16,
            3,
            format!("Arithmetic overflow error for type {}, value = {number}.000000.", to.name()),
        ),
        (T::Decimal(..), _) => overflow("numeric", to.name()),
        (T::Money | T::SmallMoney, _) => overflow("money", to.name()),
        _ => overflow("expression", to.name()),
    }
}

/// 8114.
fn bad_numeric(from: T, to: T) -> SqlError {
    let name = if matches!(to, T::Decimal(..)) { "numeric" } else { to.name() };
    err_class(8114, 16, 5, format!("Error converting data type {} to {name}.", from.name()))
}

fn to_decimal(value: &Value, from: T, to: T, p: u8, s: u8) -> Result<Value, SqlError> {
    let name = if matches!(to, T::Decimal(..)) { "numeric" } else { to.name() };
    let money = matches!(to, T::Money | T::SmallMoney);
    let number = if from.is_text() {
        let text = text_of(value);
        let mut text = text.trim().to_owned();
        if money {
            text = text.replace(['$', ',', '€', '£'], "");
            if text.is_empty() {
                text.push('0');
            }
        }
        match Dec::parse(&text) {
            Some(number) => number,
            None if money => {
                return Err(err_class(
                    235,
                    16,
                    0,
                    "Cannot convert a char value to money. The char value has incorrect syntax.",
                ));
            }
            None if text.bytes().filter(u8::is_ascii_digit).count() > 38
                && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.')) =>
            {
                return Err(overflow(from.name(), name));
            }
            None => return Err(bad_numeric(from, to)),
        }
    } else {
        match value {
            Value::Real(f) => float_to_dec(*f, s).ok_or_else(|| overflow("float", name))?,
            Value::Blob(_) if money => {
                Dec::parse(&text_of(&to_int(value, from, T::BigInt)?)).ok_or_else(|| refuse(from, to))?
            }
            _ if from.is_time() || from == T::UniqueIdentifier => return Err(refuse(from, to)),
            _ => exact(value).ok_or_else(|| refuse(from, to))?,
        }
    };
    let source = match from {
        T::Decimal(..) => "numeric",
        T::Bit | T::TinyInt | T::SmallInt | T::Int | T::BigInt if money => "expression",
        other => other.name(),
    };
    // smallmoney ends at 214748.3647 and money at 922337203685477.5807.
    let fitted = number.fit(p, s).ok().filter(|d| match to {
        T::SmallMoney => i32::try_from(d.value).is_ok(),
        T::Money => i64::try_from(d.value).is_ok(),
        _ => true,
    });
    match fitted {
        Some(d) => Ok(Value::Text(d.to_string())),
        None => Err(overflow(source, name)),
    }
}

fn float_to_dec(f: f64, scale: u8) -> Option<Dec> {
    if !f.is_finite() || f.abs() >= 1e38 {
        return None;
    }
    // 17 digits tell a double apart; SQL Server's own conversion keeps as many.
    Dec::parse(&format!("{f:.*}", usize::from(scale.max(1)) + 1))
}

fn to_float(value: &Value, from: T, to: T) -> Result<Value, SqlError> {
    let number = if from.is_text() {
        let text = text_of(value);
        let trimmed = text.trim();
        let plain =
            trimmed.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        if trimmed.is_empty() {
            0.0
        } else {
            trimmed.parse::<f64>().ok().filter(|_| plain).ok_or_else(|| bad_numeric(from, to))?
        }
    } else {
        match value {
            Value::Real(f) => *f,
            _ if from.is_time() || from.is_binary() || from == T::UniqueIdentifier => {
                return Err(refuse(from, to));
            }
            _ => exact(value).ok_or_else(|| refuse(from, to))?.to_f64(),
        }
    };
    if to == T::Real {
        let single = number as f32;
        if single.is_infinite() {
            return Err(err_class(
                232,
                16,
                2,
                format!("Arithmetic overflow error for type real, value = {number:.6}."),
            ));
        }
        return Ok(Value::Real(f64::from(single)));
    }
    if !number.is_finite() {
        return Err(err_class(232, 16, 2, "Arithmetic overflow error for type float."));
    }
    Ok(Value::Real(number))
}

/// A float as text: six digits, as SQL Server's style 0 prints it.
fn print_float(f: f64) -> String {
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
        (Value::Text(t), _) if from.is_time() => {
            Moment::from_canonical(t).map_or_else(|| t.clone(), |m| datetime::print(m, from, style))
        }
        (Value::Text(t), T::Money | T::SmallMoney) => {
            Dec::parse(t).and_then(|d| d.rescale(2).ok()).map_or_else(|| t.clone(), |d| d.to_string())
        }
        (Value::Real(f), _) => print_float(*f),
        _ => text_of(value),
    }
}

fn to_text(value: &Value, from: T, to: T, style: i64, ctx: Ctx) -> Result<Value, SqlError> {
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

fn number_too_long(from: T, to: T) -> SqlError {
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

fn to_binary(value: &Value, from: T, to: T, style: i64, ctx: Ctx) -> Result<Value, SqlError> {
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

/// The bytes of a GUID on the wire: its first three groups little-endian.
pub(crate) fn guid_bytes(text: &str) -> [u8; 16] {
    let hex: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    let mut raw = [0u8; 16];
    for (i, byte) in raw.iter_mut().enumerate() {
        let pair = hex.get(i * 2..i * 2 + 2).and_then(|p| std::str::from_utf8(p).ok()).unwrap_or("0");
        *byte = u8::from_str_radix(pair, 16).unwrap_or(0);
    }
    swap_guid(raw)
}

fn swap_guid(mut raw: [u8; 16]) -> [u8; 16] {
    raw[..4].reverse();
    raw[4..6].reverse();
    raw[6..8].reverse();
    raw
}

/// The text of a GUID's bytes on the wire.
pub(crate) fn guid_text(bytes: [u8; 16]) -> String {
    let hex: String = swap_guid(bytes).iter().map(|b| format!("{b:02X}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn to_guid(value: &Value, from: T) -> Result<Value, SqlError> {
    let bad = || {
        err_class(
            8169,
            16,
            2,
            "Conversion failed when converting from a character string to uniqueidentifier.",
        )
    };
    match value {
        Value::Text(_) if from == T::UniqueIdentifier => Ok(value.clone()),
        Value::Text(t) if from.is_text() => {
            let t = t.trim();
            let t = t.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(t);
            let t = t.get(..36).unwrap_or(t);
            let shape = t.len() == 36
                && t.bytes().enumerate().all(|(i, b)| {
                    if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
                });
            if shape { Ok(Value::Text(t.to_uppercase())) } else { Err(bad()) }
        }
        Value::Blob(b) => {
            let mut raw = [0u8; 16];
            for (to, from) in raw.iter_mut().zip(b) {
                *to = *from;
            }
            Ok(Value::Text(guid_text(raw)))
        }
        _ => Err(refuse(from, T::UniqueIdentifier)),
    }
}

fn to_moment(value: &Value, from: T, to: T, ctx: Ctx) -> Result<Value, SqlError> {
    let moment = match value {
        Value::Text(t) if from.is_text() => datetime::parse(t, from, to, ctx.order)?,
        Value::Text(t) if from.is_time() => {
            if matches!((from, to), (T::Time(_), T::Date) | (T::Date, T::Time(_))) {
                return Err(refuse(from, to));
            }
            let moment = Moment::from_canonical(t).ok_or_else(|| refuse(from, to))?;
            moment.fit(to).ok_or_else(|| {
                err_class(
                    242,
                    16,
                    3,
                    format!(
                        "The conversion of a {} data type to a {} data type resulted in an out-of-range value.",
                        from.name(),
                        to.name()
                    ),
                )
            })?
        }
        // Days since 1900, for the two old types alone.
        Value::Integer(_) | Value::Real(_) if matches!(to, T::DateTime | T::SmallDateTime) => {
            let days = match value {
                Value::Integer(n) => *n as f64,
                Value::Real(f) => *f,
                _ => 0.0,
            };
            let base = Moment { days: datetime::BASE, ticks: 0, offset: None };
            let whole = Moment { days: base.days + days.floor() as i64, ..base };
            whole
                .plus(((days - days.floor()) * datetime::DAY as f64) as i64)
                .fit(to)
                .ok_or_else(|| overflow("expression", to.name()))?
        }
        _ => return Err(refuse(from, to)),
    };
    Ok(Value::Text(moment.canonical(to)))
}
