//! Character sets: there is UTF-8. It must never be asked for another one and pretend to have it.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::ffi::handle::Handle;
use crate::ffi::{ERROR, SUCCESS, guard};
use crate::ora::OraError;

pub(crate) const UTF8: u16 = 873;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINlsEnvironmentVariableGet(
    value: *mut u16,
    _size: usize,
    _item: u16,
    _charset: u16,
    written: *mut usize,
) -> i32 {
    // SAFETY: the caller's variables.
    unsafe {
        *value = UTF8;
        if !written.is_null() {
            *written = 2;
        }
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINlsNumericInfoGet(
    _env: *mut Handle,
    _err: *mut Handle,
    value: *mut i32,
    _item: u16,
) -> i32 {
    // SAFETY: the caller's variable.
    unsafe { *value = 4 };
    SUCCESS
}

/// Copies bytes as they are: every character set here is UTF-8 or a part of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINlsCharSetConvert(
    _env: *mut Handle,
    errhp: *mut Handle,
    _to: u16,
    out: *mut u8,
    room: usize,
    _from: u16,
    input: *const u8,
    length: usize,
    written: *mut usize,
) -> i32 {
    guard(errhp, || {
        if length > room {
            return Err(OraError::new(1406, "fetched column value was truncated"));
        }
        // SAFETY: buffers of the caller, with their sizes.
        unsafe {
            ptr::copy_nonoverlapping(input, out, length);
            if !written.is_null() {
                *written = length;
            }
        }
        Ok(SUCCESS)
    })
}

unsafe fn copy_name(buffer: *mut c_char, size: usize, name: &str) -> i32 {
    if name.len() + 1 > size {
        return ERROR;
    }
    // SAFETY: the caller's buffer of `size` bytes.
    unsafe {
        ptr::copy_nonoverlapping(name.as_ptr().cast(), buffer, name.len());
        *buffer.add(name.len()) = 0;
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINlsCharSetIdToName(
    _env: *mut Handle,
    buffer: *mut c_char,
    size: usize,
    id: u16,
) -> i32 {
    let name = match id {
        1 => "US7ASCII",
        871 => "UTF8",
        UTF8 => "AL32UTF8",
        2000 => "AL16UTF16",
        _ => return ERROR,
    };
    // SAFETY: passed on.
    unsafe { copy_name(buffer, size, name) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINlsCharSetNameToId(_env: *mut Handle, name: *const c_char) -> u16 {
    // SAFETY: a text that ends with zero.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().to_uppercase();
    match name.as_str() {
        "AL32UTF8" | "UTF-8" => UTF8,
        "UTF8" => 871,
        "US7ASCII" => 1,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCINlsNameMap(
    _env: *mut Handle,
    buffer: *mut c_char,
    size: usize,
    source: *const c_char,
    flag: u32,
) -> i32 {
    // SAFETY: a text that ends with zero.
    let source = unsafe { CStr::from_ptr(source) }.to_string_lossy().to_uppercase();
    let pairs = [("UTF-8", "AL32UTF8"), ("ASCII", "US7ASCII"), ("UTF-16BE", "AL16UTF16")];
    for (iana, oracle) in pairs {
        let (from, to) = if flag == 0 { (iana, oracle) } else { (oracle, iana) };
        if source == from {
            // SAFETY: passed on.
            return unsafe { copy_name(buffer, size, to) };
        }
    }
    ERROR
}
