//! Numbers as events write them, made exact for their columns or refused.

use crate::plan::convert::{Misfit, misfit};

/// Whole numbers up to 2^24 and 2^53 have an exact place in FLOAT and DOUBLE.
const FLOAT_WHOLE_MAX: f64 = 16_777_216.0;
/// See [`FLOAT_WHOLE_MAX`].
const DOUBLE_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Digits of money after the point.
const MONEY_SCALE: u32 = 4;

/// Digits that a plain number may be written out with: more than any database's decimals have.
const PLAIN_DIGITS_MAX: i64 = 400;

pub(super) fn whole(text: &str, min: i128, max: i128) -> Result<i128, Misfit> {
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

pub(super) fn decimal(text: &str, precision: u32, scale: u32, unsigned: bool) -> Result<String, Misfit> {
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

/// SQL Server's `money`: its limits are those of a whole number of ten-thousandths.
pub(super) fn money(text: &str, small: bool) -> Result<String, Misfit> {
    let (precision, min, max) = if small {
        (10, i128::from(i32::MIN), i128::from(i32::MAX))
    } else {
        (19, i128::from(i64::MIN), i128::from(i64::MAX))
    };
    let plain = decimal(text, precision, MONEY_SCALE, false)?;
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let scaled = format!("{whole}{fraction:0<width$}", width = MONEY_SCALE as usize).parse::<i128>();
    match scaled {
        Ok(scaled) if (min..=max).contains(&scaled) => Ok(plain),
        _ if small => misfit("out-of-range", "the column takes -214748.3648 to 214748.3647"),
        _ => misfit("out-of-range", "the column takes -922337203685477.5808 to 922337203685477.5807"),
    }
}

/// Whether it is negative, its digits before (without leading zeros) and after the point.
pub(super) fn written_out(text: &str) -> Result<(bool, String, String), Misfit> {
    let number = Digits::parse(text)?;
    let too_long = || Misfit {
        cause: "out-of-range",
        words: format!("written out it has more than {PLAIN_DIGITS_MAX} digits"),
    };
    let (whole, fraction) = number.plain().ok_or_else(too_long)?;
    Ok((number.negative, whole, fraction))
}

/// MySQL would make 1999 of 99, and of "25" another year than of 25.
pub(super) fn year(text: &str) -> Result<i128, Misfit> {
    match whole(text, 0, 2155)? {
        year @ (0 | 1901..) => Ok(year),
        _ => misfit("out-of-range", "the column takes years from 1901 to 2155"),
    }
}

pub(super) fn float(text: &str, single: bool) -> Result<f64, Misfit> {
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
