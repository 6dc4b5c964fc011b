//! Owns exact decimal numbers of up to 38 digits as T-SQL rounds and prints them; never touches floats but to convert.

use std::cmp::Ordering;

use crate::error::{SqlError, divide_by_zero};
use crate::types::SqlType;

/// `value / 10^scale`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dec {
    pub(crate) value: i128,
    pub(crate) scale: u8,
}

/// A number that does not fit 38 digits.
#[derive(Debug)]
pub(crate) struct TooLarge;

/// 10^n for n <= 38.
pub(crate) fn ten(n: u8) -> i128 {
    10i128.pow(u32::from(n.min(38)))
}

impl Dec {
    pub(crate) fn int(value: i64) -> Self {
        Self { value: i128::from(value), scale: 0 }
    }

    /// Reads `[+-]digits[.digits]`; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, text[1..].trim_start()),
            b'+' => (false, text[1..].trim_start()),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty())
            || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let fraction = &fraction[..fraction.len().min(38)];
        let mut value: i128 = 0;
        for b in whole.bytes().chain(fraction.bytes()) {
            value = value.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
        }
        Some(Self { value: if negative { -value } else { value }, scale: fraction.len() as u8 })
    }

    /// The number with this many decimals, rounded half away from zero.
    pub(crate) fn rescale(self, scale: u8) -> Result<Self, TooLarge> {
        let value = match scale.cmp(&self.scale) {
            Ordering::Equal => self.value,
            Ordering::Greater => self.value.checked_mul(ten(scale - self.scale)).ok_or(TooLarge)?,
            Ordering::Less => {
                let unit = ten(self.scale - scale);
                let half = unit / 2;
                (if self.value < 0 { self.value.checked_sub(half) } else { self.value.checked_add(half) })
                    .ok_or(TooLarge)?
                    / unit
            }
        };
        Ok(Self { value, scale })
    }

    /// The number without its decimals, cut, not rounded.
    pub(crate) fn truncate(self) -> i128 {
        self.value / ten(self.scale)
    }

    /// Rounded to decimal(precision, scale).
    pub(crate) fn fit(self, precision: u8, scale: u8) -> Result<Self, TooLarge> {
        let fitted = self.rescale(scale)?;
        if precision <= 38 && fitted.value.unsigned_abs() >= ten(precision).unsigned_abs() {
            return Err(TooLarge);
        }
        Ok(fitted)
    }

    pub(crate) fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(0.0)
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.rescale(scale), other.rescale(scale)) {
            (Ok(a), Ok(b)) => a.value.cmp(&b.value),
            _ => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl std::fmt::Display for Dec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.value < 0 { "-" } else { "" };
        let magnitude = self.value.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let unit = ten(self.scale).unsigned_abs();
        write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = usize::from(self.scale))
    }
}

/// The type of an arithmetic result of two exact numbers.
pub(crate) fn result_type(op: char, a: SqlType, b: SqlType) -> SqlType {
    let ((p1, s1), (p2, s2)) = (a.digits(), b.digits());
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let (p, s) = match op {
        '*' => (p1 + p2 + 1, s1 + s2),
        '/' => {
            let s = 6.max(s1 + p2 + 1);
            (p1 - s1 + s2 + s, s)
        }
        '%' => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
        _ => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
    };
    if p <= 38 {
        return SqlType::Decimal(p as u8, s as u8);
    }
    let whole = p - s;
    let s = if matches!(op, '*' | '/') && whole > 32 { s.min(6) } else { (38 - whole).max(0).min(s) };
    SqlType::Decimal(38, s as u8)
}

/// `a op b`; the caller fits the result to its type.
pub(crate) fn arithmetic(op: char, a: Dec, b: Dec, scale: u8) -> Result<Result<Dec, TooLarge>, SqlError> {
    if matches!(op, '/' | '%') && b.value == 0 {
        return Err(divide_by_zero());
    }
    Ok(calculate(op, a, b, scale))
}

fn calculate(op: char, a: Dec, b: Dec, scale: u8) -> Result<Dec, TooLarge> {
    match op {
        '*' => {
            let value = a.value.checked_mul(b.value).ok_or(TooLarge)?;
            let wide = a.scale + b.scale;
            Dec { value, scale: wide }.rescale(wide.min(38))
        }
        '/' => {
            let up = (i32::from(scale) + i32::from(b.scale) - i32::from(a.scale)).clamp(0, 38) as u8;
            let value = a.value.checked_mul(ten(up)).ok_or(TooLarge)? / b.value;
            Ok(Dec { value, scale: a.scale + up - b.scale })
        }
        _ => {
            let common = a.scale.max(b.scale);
            let (a, b) = (a.rescale(common)?.value, b.rescale(common)?.value);
            let value = match op {
                '+' => a.checked_add(b),
                '-' => a.checked_sub(b),
                _ => a.checked_rem(b),
            };
            Ok(Dec { value: value.ok_or(TooLarge)?, scale: common })
        }
    }
}
