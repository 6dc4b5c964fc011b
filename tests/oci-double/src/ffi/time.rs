//! Date, time and interval descriptors. It must never shift a time that it was given.

use std::ffi::c_char;

use crate::ffi::handle::{self, Data, Handle};
use crate::ffi::{INVALID_HANDLE, SUCCESS, guard};
use crate::ora::OraError;
use crate::run::{Stamp, Val};

/// Days since 1970, in the calendar of ISO 8601.
fn days(s: &Stamp) -> i64 {
    let (y, m, d) = (i64::from(s.year), i64::from(s.month), i64::from(s.day));
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn civil(days: i64) -> (i16, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + i64::from(m <= 2);
    (i16::try_from(y).unwrap_or(i16::MAX), u8::try_from(m).unwrap_or(1), u8::try_from(d).unwrap_or(1))
}

fn nanos(s: &Stamp) -> i64 {
    (i64::from(s.hour) * 3600 + i64::from(s.minute) * 60 + i64::from(s.second)) * 1_000_000_000
        + i64::from(s.nanos)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeConstruct(
    _env: *mut Handle,
    errhp: *mut Handle,
    datetime: *mut Handle,
    year: i16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    fsec: u32,
    zone: *const c_char,
    zone_length: usize,
) -> i32 {
    guard(errhp, || {
        let Some(stamp) = handle::stamp(datetime) else { return Ok(INVALID_HANDLE) };
        if !(1..=12).contains(&month) {
            return Err(OraError::plain(1843));
        }
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        };
        if !(1..=last).contains(&day) {
            return Err(OraError::plain(if (1..=31).contains(&day) { 1839 } else { 1847 }));
        }
        let mut minutes = 0;
        if !zone.is_null() && zone_length > 0 {
            // SAFETY: the caller's text with its length.
            let bytes = unsafe { std::slice::from_raw_parts(zone.cast::<u8>(), zone_length) };
            let text = String::from_utf8_lossy(bytes);
            let (sign, body) = text.strip_prefix('-').map_or((1, text.trim_start_matches('+')), |b| (-1, b));
            let (h, m) = body.split_once(':').unwrap_or((body, "0"));
            minutes =
                sign * (h.trim().parse::<i32>().unwrap_or(0) * 60 + m.trim().parse::<i32>().unwrap_or(0));
        }
        *stamp = Stamp { year, month, day, hour, minute, second, nanos: fsec, zone: minutes };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeGetDate(
    _env: *mut Handle,
    errhp: *mut Handle,
    datetime: *mut Handle,
    year: *mut i16,
    month: *mut u8,
    day: *mut u8,
) -> i32 {
    guard(errhp, || {
        let Some(stamp) = handle::stamp(datetime) else { return Ok(INVALID_HANDLE) };
        // SAFETY: the caller's variables.
        unsafe { (*year, *month, *day) = (stamp.year, stamp.month, stamp.day) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeGetTime(
    _env: *mut Handle,
    errhp: *mut Handle,
    datetime: *mut Handle,
    hour: *mut u8,
    minute: *mut u8,
    second: *mut u8,
    fsec: *mut u32,
) -> i32 {
    guard(errhp, || {
        let Some(stamp) = handle::stamp(datetime) else { return Ok(INVALID_HANDLE) };
        // SAFETY: the caller's variables.
        unsafe { (*hour, *minute, *second, *fsec) = (stamp.hour, stamp.minute, stamp.second, stamp.nanos) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeGetTimeZoneOffset(
    _env: *mut Handle,
    errhp: *mut Handle,
    datetime: *mut Handle,
    hour: *mut i8,
    minute: *mut i8,
) -> i32 {
    guard(errhp, || {
        let Some(stamp) = handle::stamp(datetime) else { return Ok(INVALID_HANDLE) };
        let part = |n: i32| i8::try_from(n).unwrap_or(0);
        // SAFETY: the caller's variables.
        unsafe { (*hour, *minute) = (part(stamp.zone / 60), part(stamp.zone % 60)) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeConvert(
    _env: *mut Handle,
    errhp: *mut Handle,
    from: *mut Handle,
    to: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let (Some(from), Some(to)) = (handle::stamp(from).map(|s| *s), handle::stamp(to)) else {
            return Ok(INVALID_HANDLE);
        };
        *to = from;
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeIntervalAdd(
    _env: *mut Handle,
    errhp: *mut Handle,
    datetime: *mut Handle,
    interval: *mut Handle,
    out: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(stamp) = handle::stamp(datetime).map(|s| *s) else { return Ok(INVALID_HANDLE) };
        let Some(Data::DaySecond(d, n)) = handle::of(interval).map(|h| &h.data) else {
            return Ok(INVALID_HANDLE);
        };
        let total = nanos(&stamp) + n;
        let day = days(&stamp) + d + total.div_euclid(86_400_000_000_000);
        let rest = total.rem_euclid(86_400_000_000_000);
        let (year, month, day) = civil(day);
        let seconds = rest / 1_000_000_000;
        let small = |n: i64| u8::try_from(n).unwrap_or(0);
        let Some(out) = handle::stamp(out) else { return Ok(INVALID_HANDLE) };
        *out = Stamp {
            year,
            month,
            day,
            hour: small(seconds / 3600),
            minute: small(seconds / 60 % 60),
            second: small(seconds % 60),
            nanos: u32::try_from(rest % 1_000_000_000).unwrap_or(0),
            zone: stamp.zone,
        };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDateTimeSubtract(
    _env: *mut Handle,
    errhp: *mut Handle,
    a: *mut Handle,
    b: *mut Handle,
    interval: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let (Some(a), Some(b)) = (handle::stamp(a).map(|s| *s), handle::stamp(b).map(|s| *s)) else {
            return Ok(INVALID_HANDLE);
        };
        let zone = i64::from(a.zone - b.zone) * 60_000_000_000;
        let total = (days(&a) - days(&b)) * 86_400_000_000_000 + nanos(&a) - nanos(&b) - zone;
        let Some(out) = handle::of(interval) else { return Ok(INVALID_HANDLE) };
        out.data = Data::DaySecond(total / 86_400_000_000_000, total % 86_400_000_000_000);
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIIntervalGetDaySecond(
    _env: *mut Handle,
    errhp: *mut Handle,
    day: *mut i32,
    hour: *mut i32,
    minute: *mut i32,
    second: *mut i32,
    fsec: *mut i32,
    interval: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(Data::DaySecond(d, n)) = handle::of(interval).map(|h| &h.data) else {
            return Ok(INVALID_HANDLE);
        };
        let part = |n: i64| i32::try_from(n).unwrap_or(0);
        let seconds = n / 1_000_000_000;
        // SAFETY: the caller's variables.
        unsafe {
            *day = part(*d);
            *hour = part(seconds / 3600);
            *minute = part(seconds / 60 % 60);
            *second = part(seconds % 60);
            *fsec = part(n % 1_000_000_000);
        }
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIIntervalSetDaySecond(
    _env: *mut Handle,
    errhp: *mut Handle,
    day: i32,
    hour: i32,
    minute: i32,
    second: i32,
    fsec: i32,
    interval: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(handle) = handle::of(interval) else { return Ok(INVALID_HANDLE) };
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        handle.data = Data::DaySecond(day.into(), seconds * 1_000_000_000 + i64::from(fsec));
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIIntervalGetYearMonth(
    _env: *mut Handle,
    errhp: *mut Handle,
    year: *mut i32,
    month: *mut i32,
    interval: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(Data::YearMonth(n)) = handle::of(interval).map(|h| &h.data) else {
            return Ok(INVALID_HANDLE);
        };
        let part = |n: i64| i32::try_from(n).unwrap_or(0);
        // SAFETY: the caller's variables.
        unsafe { (*year, *month) = (part(n / 12), part(n % 12)) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIIntervalSetYearMonth(
    _env: *mut Handle,
    errhp: *mut Handle,
    year: i32,
    month: i32,
    interval: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(handle) = handle::of(interval) else { return Ok(INVALID_HANDLE) };
        handle.data = Data::YearMonth(i64::from(year) * 12 + i64::from(month));
        Ok(SUCCESS)
    })
}

/// What a descriptor holds.
pub(crate) fn value_of(pointer: *mut Handle) -> Option<Val> {
    Some(match &handle::of(pointer)?.data {
        Data::Stamp(s) => Val::Stamp(*s),
        Data::DaySecond(d, n) => Val::DaySecond(*d, *n),
        Data::YearMonth(n) => Val::YearMonth(*n),
        _ => return None,
    })
}
