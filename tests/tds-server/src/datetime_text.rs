//! Owns dates and times as T-SQL reads and writes them; never rounds one.

use crate::datetime::{BASE, DateOrder, MINUTE, Moment, date_of, days_of};
use crate::error::{SqlError, err};
use crate::types::SqlType;

/// Reads a text as a value of a date or time type.
pub(crate) fn parse(text: &str, from: SqlType, ty: SqlType, order: DateOrder) -> Result<Moment, SqlError> {
    let text = text.trim();
    let old = matches!(ty, SqlType::DateTime | SqlType::SmallDateTime);
    let out = || if old { out_of_range(from.name(), ty) } else { bad() };
    let mut rest = text;
    let mut days = BASE;
    let iso_t = text.as_bytes().get(10) == Some(&b'T');
    if !text.is_empty() && !looks_like_time(text) {
        let (read, after) = parse_date(text, order, old && !iso_t).ok_or_else(bad)?;
        days = read.ok_or_else(out)?;
        rest = after;
        if let Some(after) = rest.strip_prefix('T') {
            if !iso_t || after.is_empty() {
                return Err(bad());
            }
            rest = after;
        } else if !rest.is_empty() && !rest.starts_with([' ', '+', '-', 'Z']) {
            return Err(bad());
        }
        rest = rest.trim_start();
    }
    let mut moment = Moment { days, ticks: 0, offset: None };
    if !rest.is_empty() {
        let (ticks, offset) = parse_time(rest, old, iso_t).ok_or_else(bad)?;
        moment.ticks = ticks.ok_or_else(out)?;
        if let Some(offset) = offset {
            if old || matches!(ty, SqlType::Time(_) | SqlType::Date) && !matches!(ty, SqlType::Date) {
                return Err(bad());
            }
            moment = Moment { offset: Some(offset), ..moment.plus(-i64::from(offset) * MINUTE) };
        }
    }
    moment.fit(ty).ok_or_else(out)
}

pub(crate) fn looks_like_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=2).contains(&digits) && text.as_bytes().get(digits) == Some(&b':')
}

/// The days of the date at the head of the text (`None` where there is no such day) and what follows it.
pub(crate) fn parse_date(text: &str, order: DateOrder, language: bool) -> Option<(Option<i64>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = |s: &str| s.parse::<i64>().ok();
    if digits == 8 || digits == 6 {
        let (y, rest) = text.split_at(digits - 4);
        let year = number(y)?;
        let year = if digits == 6 { year + if year < 50 { 2000 } else { 1900 } } else { year };
        return Some((days_of(year, number(&rest[..2])?, number(&rest[2..4])?), &text[digits..]));
    }
    if digits == 0 {
        return parse_named(text);
    }
    let separator = char::from(*text.as_bytes().get(digits)?);
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let mut parts = [0i64; 3];
    let mut rest = text;
    let mut lengths = [0usize; 3];
    for (i, part) in parts.iter_mut().enumerate() {
        let n = rest.bytes().take_while(u8::is_ascii_digit).count();
        *part = number(&rest[..n])?;
        lengths[i] = n;
        rest = &rest[n..];
        if i < 2 {
            rest = rest.strip_prefix(separator)?;
        }
    }
    let [a, b, c] = parts;
    let (year, month, day) = if lengths[0] == 4 {
        // The old types read year-day-month where the language puts the day first.
        if language && order == DateOrder::Dmy { (a, c, b) } else { (a, b, c) }
    } else if lengths[2] == 4 {
        if order == DateOrder::Dmy { (c, b, a) } else { (c, a, b) }
    } else {
        return None;
    };
    Some((days_of(year, month, day), rest))
}

/// `Mon dd yyyy`, as CONVERT writes dates without a style.
pub(crate) fn parse_named(text: &str) -> Option<(Option<i64>, &str)> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let head = text.get(..3)?.to_lowercase();
    let month = MONTHS.iter().position(|m| *m == head)? as i64 + 1;
    let rest = text.get(3..)?.trim_start();
    let n = rest.bytes().take_while(u8::is_ascii_digit).count();
    let day: i64 = rest.get(..n)?.parse().ok()?;
    let rest = rest[n..].trim_start_matches([' ', ',']);
    let year: i64 = rest.get(..4)?.parse().ok()?;
    Some((days_of(year, month, day), &rest[4..]))
}

/// Ticks since midnight (`None` where there is no such time) and the offset in minutes.
pub(crate) fn parse_time(text: &str, old: bool, iso_t: bool) -> Option<(Option<i64>, Option<i32>)> {
    let mut rest = text;
    let mut take = |limit: usize| -> Option<i64> {
        let n = rest.bytes().take_while(u8::is_ascii_digit).count();
        if n == 0 || n > limit {
            return None;
        }
        let value = rest[..n].parse().ok();
        rest = &rest[n..];
        value
    };
    let mut hour = take(2)?;
    let (mut minute, mut second, mut fraction) = (0, 0, 0);
    let mut colons = 0;
    while let Some(after) = rest.strip_prefix(':') {
        rest = after;
        let n = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value: i64 = rest.get(..n).filter(|_| (1..=2).contains(&n))?.parse().ok()?;
        rest = &rest[n..];
        colons += 1;
        match colons {
            1 => minute = value,
            2 => second = value,
            _ => return None,
        }
    }
    // An ISO time has its seconds, and hours alone are no time.
    if iso_t && colons < 2 {
        return None;
    }
    if let Some(after) = rest.strip_prefix('.') {
        let n = after.bytes().take_while(u8::is_ascii_digit).count();
        if n == 0 || n > if old { 3 } else { 7 } {
            return None;
        }
        fraction = format!("{:0<7}", &after[..n]).parse().ok()?;
        rest = &after[n..];
    }
    let mut offset = None;
    let tail = rest.trim();
    match tail.to_ascii_uppercase().as_str() {
        "" => {}
        "AM" => hour %= 12,
        "PM" => hour = hour % 12 + 12,
        "Z" => offset = Some(0),
        _ => offset = Some(parse_offset(tail)?),
    }
    if colons == 0 && !matches!(tail.to_ascii_uppercase().as_str(), "AM" | "PM") {
        return None;
    }
    let valid = hour < 24 && minute < 60 && second < 60;
    let ticks = ((hour * 60 + minute) * 60 + second) * 10_000_000 + fraction;
    Some((valid.then_some(ticks), offset))
}

pub(crate) fn parse_offset(text: &str) -> Option<i32> {
    let negative = match text.as_bytes().first()? {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let (h, m) = text[1..].split_once(':')?;
    if h.len() != 2 || m.len() != 2 {
        return None;
    }
    let minutes: i32 = h.parse::<i32>().ok()? * 60 + m.parse::<i32>().ok()?;
    (minutes <= 840).then_some(if negative { -minutes } else { minutes })
}

/// The text of a value, as CAST to a text type writes it, or CONVERT with a style.
pub(crate) fn print(moment: Moment, ty: SqlType, style: i64) -> String {
    let at = moment.local();
    let (y, m, d) = date_of(at.days);
    let (hour, minute, second) =
        (at.ticks / (60 * MINUTE), at.ticks / MINUTE % 60, at.ticks / 10_000_000 % 60);
    let fraction = |n: u8| {
        if n == 0 {
            String::new()
        } else {
            format!(".{}", &format!("{:07}", at.ticks % 10_000_000)[..usize::from(n)])
        }
    };
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    let date = format!("{y:04}-{m:02}-{d:02}");
    match style {
        101 => return format!("{m:02}/{d:02}/{y:04}"),
        103 => return format!("{d:02}/{m:02}/{y:04}"),
        104 => return format!("{d:02}.{m:02}.{y:04}"),
        108 => return clock,
        112 => return format!("{y:04}{m:02}{d:02}"),
        120 => return format!("{date} {clock}"),
        121 | 25 if matches!(ty, SqlType::DateTime | SqlType::SmallDateTime) => {
            return format!("{date} {clock}{}", fraction(3));
        }
        126 | 127 => {
            let digits = match ty {
                SqlType::DateTime if at.ticks % 10_000_000 != 0 => 3,
                SqlType::DateTime2(n) => n,
                _ => 0,
            };
            return format!("{date}T{clock}{}", fraction(digits));
        }
        _ => {}
    }
    match ty {
        SqlType::Date => date,
        SqlType::Time(n) => format!("{clock}{}", fraction(n)),
        SqlType::DateTime2(n) => format!("{date} {clock}{}", fraction(n)),
        SqlType::DateTimeOffset(n) => {
            let o = moment.offset.unwrap_or(0);
            let sign = if o < 0 { '-' } else { '+' };
            format!("{date} {clock}{} {sign}{:02}:{:02}", fraction(n), o.abs() / 60, o.abs() % 60)
        }
        _ => {
            const MONTHS: [&str; 12] =
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let half = if hour < 12 { "AM" } else { "PM" };
            let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
            format!("{} {d:>2} {y:04} {twelve:>2}:{minute:02}{half}", MONTHS[(m - 1) as usize])
        }
    }
}

fn bad() -> SqlError {
    err(241, "Conversion failed when converting date and/or time from character string.")
}

fn out_of_range(from: &str, ty: SqlType) -> SqlError {
    let mut error = err(
        242,
        format!(
            "The conversion of a {from} data type to a {} data type resulted in an out-of-range value.",
            ty.name()
        ),
    );
    error.state = 3;
    error
}
