//! Values between the client's memory and PostgreSQL's text. It must never lose a digit.

use crate::pg::oid;
use crate::plan::types::Ty;

/// A date, with or without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    pub(crate) year: i16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) nanos: u32,
    /// Minutes east.
    pub(crate) zone: i32,
}

/// A value that a client binds or fetches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Text(String),
    /// Decimal digits.
    Number(String),
    Double(f64),
    Stamp(Stamp),
    Bytes(Vec<u8>),
    /// Days and nanoseconds.
    DaySecond(i64, i64),
    YearMonth(i64),
}

impl Stamp {
    /// Reads `2024-01-31 10:00:00.5+03:00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_once(' ').unwrap_or((text, "00:00:00"));
        let mut parts = date.splitn(3, '-');
        let mut stamp = Stamp {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
            ..Stamp::default()
        };
        let zone_at = rest.rfind(['+', '-']);
        let (time, zone) = zone_at.map_or((rest, ""), |at| rest.split_at(at));
        let mut parts = time.trim().splitn(3, ':');
        stamp.hour = parts.next()?.parse().ok()?;
        stamp.minute = parts.next()?.parse().ok()?;
        let seconds = parts.next().unwrap_or("0");
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        stamp.second = whole.parse().ok()?;
        stamp.nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        if let Some(digits) = zone.get(1..) {
            let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
            let minutes = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
            stamp.zone = if zone.starts_with('-') { -minutes } else { minutes };
        }
        Some(stamp)
    }

    /// Writes the same.
    pub(crate) fn text(&self, zoned: bool) -> String {
        let mut text = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:09}",
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.nanos
        );
        if zoned {
            let sign = if self.zone < 0 { '-' } else { '+' };
            text.push_str(&format!("{sign}{:02}:{:02}", self.zone.abs() / 60, self.zone.abs() % 60));
        }
        text
    }
}

/// The type that PostgreSQL gets a placeholder as.
pub(crate) fn parameter_type(ty: Ty) -> u32 {
    match ty {
        Ty::Number { .. } | Ty::Float(_) => oid::NUMERIC,
        Ty::BFloat => oid::FLOAT4,
        Ty::BDouble => oid::FLOAT8,
        Ty::Date | Ty::Ts(_) => oid::TIMESTAMP,
        Ty::TsLtz(_) => oid::TIMESTAMPTZ,
        Ty::Raw(_) | Ty::Blob => oid::BYTEA,
        Ty::IntervalDs | Ty::IntervalYm => oid::INTERVAL,
        _ => oid::TEXT,
    }
}

/// A value in PostgreSQL's text; an empty text is NULL.
pub(crate) fn parameter(value: &Val, ty: Ty) -> Option<Vec<u8>> {
    let text = match value {
        Val::Null => return None,
        Val::Text(t) if t.is_empty() && !ty.is_lob() => return None,
        Val::Text(t) | Val::Number(t) => t.clone(),
        Val::Double(d) => d.to_string(),
        Val::Stamp(s) => s.text(matches!(ty, Ty::TsTz(_) | Ty::TsLtz(_))),
        Val::Bytes(b) if b.is_empty() && !ty.is_lob() => return None,
        Val::Bytes(b) => format!("\\x{}", hex(b)),
        Val::DaySecond(days, nanos) => {
            let (sign, nanos) = if *nanos < 0 { ("-", -nanos) } else { ("", *nanos) };
            format!("{days} days {sign}{}.{:09} seconds", nanos / 1_000_000_000, nanos % 1_000_000_000)
        }
        Val::YearMonth(months) => format!("{months} months"),
    };
    Some(text.into_bytes())
}

/// A result's text as a value of its type.
pub(crate) fn read(text: Option<&str>, ty: Ty) -> Val {
    let Some(text) = text else { return Val::Null };
    match ty {
        Ty::Number { .. } | Ty::Float(_) => Val::Number(text.to_owned()),
        Ty::BFloat | Ty::BDouble => text.parse().map_or(Val::Null, Val::Double),
        Ty::Date | Ty::Ts(_) | Ty::TsTz(_) | Ty::TsLtz(_) => Stamp::parse(text).map_or(Val::Null, Val::Stamp),
        Ty::Raw(_) | Ty::Blob => Val::Bytes(unhex(text.strip_prefix("\\x").unwrap_or(text))),
        Ty::IntervalDs => interval(text),
        Ty::Bool => Val::Number(if text == "t" { "1" } else { "0" }.to_owned()),
        _ => Val::Text(text.to_owned()),
    }
}

/// `2 days 03:04:05.5`.
fn interval(text: &str) -> Val {
    let mut days = 0i64;
    let mut nanos = 0i64;
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word.contains(':') {
            let (sign, body) = word.strip_prefix('-').map_or((1, word.trim_start_matches('+')), |b| (-1, b));
            let mut parts = body.splitn(3, ':').map(|p| p.parse::<f64>().unwrap_or(0.0));
            let hours = parts.next().unwrap_or(0.0);
            let minutes = parts.next().unwrap_or(0.0);
            let seconds = parts.next().unwrap_or(0.0);
            #[expect(clippy::cast_possible_truncation, reason = "a day's nanoseconds fit")]
            let all = ((hours * 3600.0 + minutes * 60.0 + seconds) * 1e9).round() as i64;
            nanos = sign * all;
            at += 1;
            continue;
        }
        if words.get(at + 1).is_some_and(|w| w.starts_with("day")) {
            days = word.parse().unwrap_or(0);
        }
        at += 2;
    }
    Val::DaySecond(days, nanos)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()).unwrap_or(0))
        .collect()
}
