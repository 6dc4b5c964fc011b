//! Owns the functions of dates.

use crate::convert::text_of;
use crate::datetime::{self, DAY, MINUTE, Moment, date_of, days_in, days_of};
use crate::error::{SqlError, err, err_class, overflow};
use crate::functions::plain::{Outcome, number};
use crate::types::SqlType;
use rusqlite::types::Value;

pub(crate) fn moment(value: &Value) -> Result<Moment, SqlError> {
    Moment::from_canonical(&text_of(value))
        .ok_or_else(|| err(241, "Conversion failed when converting date and/or time from character string."))
}

pub(crate) fn dates(name: &str, args: &[Value]) -> Outcome {
    if let Some(op) = name.strip_prefix("dateplus") {
        let (a, b) = (moment(&args[0])?, moment(&args[1])?);
        let ticks = (b.days - datetime::BASE) * DAY + b.ticks;
        let sum = a.plus(if op == "+" { ticks } else { -ticks });
        let fitted = sum.fit(SqlType::DateTime).ok_or_else(|| overflow("expression", "datetime"))?;
        return Ok(Value::Text(fitted.canonical(SqlType::DateTime)));
    }
    let part = canonical_part(&text_of(&args[0]))?;
    match name {
        "dateadd" => {
            let ty = SqlType::from_code(number(&args[3]));
            let start = moment(&args[2])?;
            let out = || {
                err_class(
                    517,
                    16,
                    1,
                    format!("Adding a value to a '{}' column caused an overflow.", ty.name()),
                )
            };
            let moved = add(part, number(&args[1]), start).ok_or_else(out)?.fit(ty).ok_or_else(out)?;
            let moved = if matches!(ty, SqlType::DateTimeOffset(_)) {
                Moment { offset: start.offset, ..moved }
            } else {
                moved
            };
            Ok(Value::Text(moved.canonical(ty)))
        }
        "datediff" => {
            let difference = count(part, moment(&args[2])?) - count(part, moment(&args[1])?);
            i32::try_from(difference).map(|n| Value::Integer(i64::from(n))).map_err(|_| {
                err(535, "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.")
            })
        }
        _ => part_of(name, part, moment(&args[1])?.local()),
    }
}

/// DATEPART and DATENAME.
fn part_of(name: &str, part: &str, at: Moment) -> Outcome {
    let (y, m, d) = date_of(at.days);
    if name == "datename" && matches!(part, "month" | "weekday") {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        const DAYS: [&str; 7] =
            ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let word = if part == "month" { MONTHS[(m - 1) as usize] } else { DAYS[(at.days % 7) as usize] };
        return Ok(Value::Text(word.into()));
    }
    let n = match part {
        "year" => y,
        "quarter" => (m + 2) / 3,
        "month" => m,
        "dayofyear" => at.days - days_of(y, 1, 1).unwrap_or(0) + 1,
        "day" => d,
        "weekday" => (at.days + 1) % 7 + 1,
        "week" => (at.days - days_of(y, 1, 1).unwrap_or(0) + (days_of(y, 1, 1).unwrap_or(0) + 1) % 7) / 7 + 1,
        "hour" => at.ticks / (60 * MINUTE),
        "minute" => at.ticks / MINUTE % 60,
        "second" => at.ticks / 10_000_000 % 60,
        "millisecond" => at.ticks / 10_000 % 1000,
        "microsecond" => at.ticks / 10 % 1_000_000,
        _ => at.ticks % 10_000_000 * 100,
    };
    Ok(if name == "datename" { Value::Text(n.to_string()) } else { Value::Integer(n) })
}

pub(crate) fn canonical_part(part: &str) -> Result<&'static str, SqlError> {
    Ok(match part {
        "year" | "yy" | "yyyy" => "year",
        "quarter" | "qq" | "q" => "quarter",
        "month" | "mm" | "m" => "month",
        "dayofyear" | "dy" | "y" => "dayofyear",
        "day" | "dd" | "d" => "day",
        "week" | "wk" | "ww" => "week",
        "weekday" | "dw" | "w" => "weekday",
        "hour" | "hh" => "hour",
        "minute" | "mi" | "n" => "minute",
        "second" | "ss" | "s" => "second",
        "millisecond" | "ms" => "millisecond",
        "microsecond" | "mcs" => "microsecond",
        "nanosecond" | "ns" => "nanosecond",
        _ => return Err(err_class(155, 15, 1, format!("'{part}' is not a recognized dateadd option."))),
    })
}

pub(crate) fn add(part: &str, n: i64, at: Moment) -> Option<Moment> {
    let months = match part {
        "year" => n.checked_mul(12)?,
        "quarter" => n.checked_mul(3)?,
        "month" => n,
        _ => {
            let unit = match part {
                "week" => DAY * 7,
                "day" | "dayofyear" | "weekday" => DAY,
                "hour" => MINUTE * 60,
                "minute" => MINUTE,
                "second" => 10_000_000,
                "millisecond" => 10_000,
                "microsecond" => 10,
                _ => return Some(at.plus(n / 100)),
            };
            return Some(at.plus(n.checked_mul(unit)?));
        }
    };
    let (y, m, d) = date_of(at.days);
    let total = y.checked_mul(12)?.checked_add(m - 1)?.checked_add(months)?;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    if !(1..=9999).contains(&year) {
        return None;
    }
    Some(Moment { days: days_of(year, month, d.min(days_in(year, month)))?, ..at })
}

/// How many boundaries of this part lie before the moment.
pub(crate) fn count(part: &str, at: Moment) -> i64 {
    let (y, m, _) = date_of(at.days);
    match part {
        "year" => y,
        "quarter" => y * 4 + (m - 1) / 3,
        "month" => y * 12 + m,
        "week" => (at.days + 1).div_euclid(7),
        "hour" => at.days * 24 + at.ticks / (60 * MINUTE),
        "minute" => at.days * 1440 + at.ticks / MINUTE,
        "second" => at.days * 86_400 + at.ticks / 10_000_000,
        "millisecond" => at.days * 86_400_000 + at.ticks / 10_000,
        "microsecond" => at.days * 86_400_000_000 + at.ticks / 10,
        _ => at.days,
    }
}
