//! Oracle's numbers in memory: a length, an exponent of 100, digits of base 100. It must never round what fits.

use std::ffi::c_void;

use crate::ffi::handle::Handle;
use crate::ffi::{SUCCESS, guard};
use crate::ora::OraError;

/// A number as decimal text; 22 bytes with the length first.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    let length = usize::from(*bytes.first()?);
    let body = bytes.get(1..=length)?;
    let (exponent, mantissa) = body.split_first()?;
    if mantissa.is_empty() {
        return Some(if *exponent == 0x80 { "0".to_owned() } else { return None });
    }
    let negative = exponent & 0x80 == 0;
    let power = i32::from(if negative { !exponent } else { *exponent } & 0x7f) - 65;
    let mantissa =
        if negative && mantissa.last() == Some(&102) { &mantissa[..mantissa.len() - 1] } else { mantissa };
    let mut digits = String::new();
    for byte in mantissa {
        let pair = if negative { 101u8.checked_sub(*byte)? } else { byte.checked_sub(1)? };
        digits.push_str(&format!("{pair:02}"));
    }
    let point = (power + 1) * 2;
    let mut text = String::new();
    let count = i32::try_from(digits.len()).ok()?;
    if point <= 0 {
        text.push_str("0.");
        text.push_str(&"0".repeat(usize::try_from(-point).ok()?));
        text.push_str(&digits);
    } else if point >= count {
        text.push_str(&digits);
        text.push_str(&"0".repeat(usize::try_from(point - count).ok()?));
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(point).ok()?);
        text = format!("{whole}.{fraction}");
    }
    let mut text = text.trim_start_matches('0').to_owned();
    if text.contains('.') {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    if text.is_empty() || text.starts_with('.') {
        text.insert(0, '0');
    }
    Some(if negative { format!("-{text}") } else { text })
}

/// Decimal text as 22 bytes.
pub(crate) fn encode(text: &str) -> Option<[u8; 22]> {
    let mut out = [0u8; 22];
    let (negative, body) =
        text.trim().strip_prefix('-').map_or((false, text.trim().trim_start_matches('+')), |b| (true, b));
    let (body, shift) = match body.split_once(['e', 'E']) {
        Some((b, e)) => (b, e.parse::<i32>().ok()?),
        None => (body, 0),
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut digits: String = format!("{whole}{fraction}");
    if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.is_empty() {
        return None;
    }
    let mut point = i32::try_from(whole.len()).ok()? + shift;
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    digits.drain(..zeros);
    point -= i32::try_from(zeros).ok()?;
    let kept = digits.trim_end_matches('0').len();
    digits.truncate(kept);
    if digits.is_empty() {
        out[0] = 1;
        out[1] = 0x80;
        return Some(out);
    }
    if point.rem_euclid(2) == 1 {
        digits.insert(0, '0');
        point += 1;
    }
    if !digits.len().is_multiple_of(2) {
        digits.push('0');
    }
    let power = point / 2 - 1;
    if !(-65..=62).contains(&power) {
        return None;
    }
    let exponent = u8::try_from(power + 193).ok()?;
    out[1] = if negative { !exponent } else { exponent };
    let pairs: Vec<u8> =
        digits.as_bytes().chunks(2).take(20).map(|p| (p[0] - b'0') * 10 + p[1] - b'0').collect();
    for (to, pair) in out[2..].iter_mut().zip(&pairs) {
        *to = if negative { 101 - pair } else { pair + 1 };
    }
    let mut length = pairs.len() + 1;
    if negative && pairs.len() < 20 {
        out[length + 1] = 102;
        length += 1;
    }
    out[0] = u8::try_from(length).ok()?;
    Some(out)
}

fn number_at(number: *const u8) -> Result<String, OraError> {
    // SAFETY: an OCINumber has 22 bytes.
    let bytes = unsafe { std::slice::from_raw_parts(number, 22) };
    decode(bytes).ok_or_else(|| OraError::new(22052, "number is corrupt"))
}

fn put(number: *mut u8, text: &str) -> Result<i32, OraError> {
    let bytes = encode(text).ok_or_else(|| OraError::new(22053, "overflow error"))?;
    // SAFETY: an OCINumber has 22 bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), number, 22) };
    Ok(SUCCESS)
}

/// An integer of the caller as text.
pub(crate) fn integer_text(value: *const c_void, size: usize, signed: bool) -> Option<String> {
    // SAFETY: the caller's integer of `size` bytes.
    unsafe {
        Some(match (size, signed) {
            (1, true) => value.cast::<i8>().read_unaligned().to_string(),
            (2, true) => value.cast::<i16>().read_unaligned().to_string(),
            (4, true) => value.cast::<i32>().read_unaligned().to_string(),
            (8, true) => value.cast::<i64>().read_unaligned().to_string(),
            (1, false) => value.cast::<u8>().read_unaligned().to_string(),
            (2, false) => value.cast::<u16>().read_unaligned().to_string(),
            (4, false) => value.cast::<u32>().read_unaligned().to_string(),
            (8, false) => value.cast::<u64>().read_unaligned().to_string(),
            _ => return None,
        })
    }
}

/// Text as an integer of the caller; fractions are cut.
pub(crate) fn put_integer(text: &str, value: *mut c_void, size: usize, signed: bool) -> Result<(), OraError> {
    let over = || OraError::new(1455, "converting column overflows integer datatype");
    let whole: i128 = text.split('.').next().unwrap_or("0").parse().map_err(|_| over())?;
    // SAFETY: the caller's integer of `size` bytes.
    unsafe {
        match (size, signed) {
            (1, true) => value.cast::<i8>().write_unaligned(i8::try_from(whole).map_err(|_| over())?),
            (2, true) => value.cast::<i16>().write_unaligned(i16::try_from(whole).map_err(|_| over())?),
            (4, true) => value.cast::<i32>().write_unaligned(i32::try_from(whole).map_err(|_| over())?),
            (8, true) => value.cast::<i64>().write_unaligned(i64::try_from(whole).map_err(|_| over())?),
            (1, false) => value.cast::<u8>().write_unaligned(u8::try_from(whole).map_err(|_| over())?),
            (2, false) => value.cast::<u16>().write_unaligned(u16::try_from(whole).map_err(|_| over())?),
            (4, false) => value.cast::<u32>().write_unaligned(u32::try_from(whole).map_err(|_| over())?),
            (8, false) => value.cast::<u64>().write_unaligned(u64::try_from(whole).map_err(|_| over())?),
            _ => return Err(over()),
        }
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINumberFromInt(
    errhp: *mut Handle,
    value: *const c_void,
    size: u32,
    flag: u32,
    number: *mut u8,
) -> i32 {
    guard(errhp, || {
        let text = integer_text(value, size as usize, flag == 2).ok_or_else(|| OraError::plain(1722))?;
        put(number, &text)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINumberToInt(
    errhp: *mut Handle,
    number: *const u8,
    size: u32,
    flag: u32,
    value: *mut c_void,
) -> i32 {
    guard(errhp, || {
        put_integer(&number_at(number)?, value, size as usize, flag == 2)?;
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINumberFromReal(
    errhp: *mut Handle,
    value: *const c_void,
    size: u32,
    number: *mut u8,
) -> i32 {
    guard(errhp, || {
        // SAFETY: the caller's float of `size` bytes.
        let value = unsafe {
            if size == 4 {
                f64::from(value.cast::<f32>().read_unaligned())
            } else {
                value.cast::<f64>().read_unaligned()
            }
        };
        put(number, &format!("{value}"))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINumberToReal(
    errhp: *mut Handle,
    number: *const u8,
    size: u32,
    value: *mut c_void,
) -> i32 {
    guard(errhp, || {
        let real: f64 = number_at(number)?.parse().map_err(|_| OraError::plain(1722))?;
        // SAFETY: the caller's float of `size` bytes.
        unsafe {
            if size == 4 {
                #[expect(clippy::cast_possible_truncation, reason = "the caller wants a float of 4 bytes")]
                value.cast::<f32>().write_unaligned(real as f32);
            } else {
                value.cast::<f64>().write_unaligned(real);
            }
        }
        Ok(SUCCESS)
    })
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    fn check(text: &str, bytes: &[u8]) {
        let got = encode(text).unwrap();
        assert_eq!(&got[..bytes.len()], bytes, "{text}");
        assert_eq!(decode(&got).unwrap(), text);
    }

    #[test]
    fn numbers_in_memory() {
        check("0", &[1, 0x80]);
        check("1", &[2, 0xc1, 2]);
        check("100", &[2, 0xc2, 2]);
        check("123.45", &[4, 0xc2, 2, 24, 46]);
        check("-5", &[3, 0x3e, 96, 102]);
        check("0.01", &[2, 0xc0, 2]);
        check("0.001", &[2, 0xbf, 11]);
        for text in [
            "-0.000123",
            "99999999999999999999999999999999999999",
            "1000000",
            "-123456.789",
            "12345678901234567890.5",
        ] {
            assert_eq!(decode(&encode(text).unwrap()).unwrap(), text);
        }
        assert_eq!(decode(&encode("1.5e3").unwrap()).unwrap(), "1500");
        assert!(encode("1e200").is_none());
    }
}
