//! LOB locators: temporary ones hold what was written, fetched ones what was read. It must never write to a fetched one,
//! which would be lost.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use crate::ffi::handle::{self, Data, Handle, LobData};
use crate::ffi::{INVALID_HANDLE, SUCCESS, guard};
use crate::ora::{Ora, OraError};

/// The bytes, whether they are a BLOB's, and whether it is temporary.
type Content = (Arc<Mutex<Vec<u8>>>, bool, bool);

fn content(locp: *mut Handle) -> Ora<Content> {
    let invalid = || OraError::new(22275, "invalid LOB locator specified");
    let lob = handle::lob(locp).ok_or_else(invalid)?;
    Ok((lob.bytes.clone().ok_or_else(invalid)?, lob.binary, lob.temporary))
}

/// The byte at which the character `n`, from 0, begins; beyond the end it is the end.
fn byte_at(text: &[u8], n: u64) -> usize {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let mut seen = 0u64;
    for (at, c) in text.char_indices() {
        if seen >= n {
            return at;
        }
        seen += c.len_utf16() as u64;
    }
    text.len()
}

fn length(bytes: &[u8], binary: bool) -> u64 {
    if binary {
        return bytes.len() as u64;
    }
    // Oracle counts a character outside the first plane as two.
    std::str::from_utf8(bytes).unwrap_or_default().chars().map(|c| c.len_utf16() as u64).sum()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobCreateTemporary(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
    _charset: u16,
    _form: u8,
    kind: u8,
    _cache: i32,
    _duration: u16,
) -> i32 {
    guard(errhp, || {
        let Some(lob) = handle::lob(locp) else { return Ok(INVALID_HANDLE) };
        *lob = LobData { bytes: Some(Arc::default()), binary: kind == 1, temporary: true };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobFreeTemporary(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(lob) = handle::lob(locp) else { return Ok(INVALID_HANDLE) };
        *lob = LobData::default();
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobIsTemporary(
    _env: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
    flag: *mut i32,
) -> i32 {
    guard(errhp, || {
        let Some(lob) = handle::lob(locp) else { return Ok(INVALID_HANDLE) };
        // SAFETY: the caller's variable.
        unsafe { *flag = i32::from(lob.temporary) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobLocatorAssign(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    from: *mut Handle,
    to: *mut *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(source) = handle::lob(from) else { return Ok(INVALID_HANDLE) };
        let copied = source.bytes.as_ref().map(|b| b.lock().map(|b| b.clone()).unwrap_or_default());
        let copy = LobData {
            bytes: copied.map(|b| Arc::new(Mutex::new(b))),
            binary: source.binary,
            temporary: source.temporary,
        };
        // SAFETY: the caller's variable, which points at a locator of its own.
        let Some(target) = handle::of(unsafe { *to }) else { return Ok(INVALID_HANDLE) };
        target.data = Data::Lob(copy);
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobGetLength2(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
    size: *mut u64,
) -> i32 {
    guard(errhp, || {
        let (bytes, binary, _) = content(locp)?;
        let bytes = bytes.lock().map_err(|_| OraError::plain(7445))?;
        // SAFETY: the caller's variable.
        unsafe { *size = length(&bytes, binary) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobGetChunkSize(
    _svchp: *mut Handle,
    _errhp: *mut Handle,
    _locp: *mut Handle,
    size: *mut u32,
) -> i32 {
    // SAFETY: the caller's variable.
    unsafe { *size = 8132 };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobRead2(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
    byte_amount: *mut u64,
    char_amount: *mut u64,
    offset: u64,
    buffer: *mut c_void,
    room: u64,
    _piece: u8,
    _context: *mut c_void,
    _callback: *mut c_void,
    _charset: u16,
    _form: u8,
) -> i32 {
    guard(errhp, || {
        let (bytes, binary, _) = content(locp)?;
        let bytes = bytes.lock().map_err(|_| OraError::plain(7445))?;
        let start = offset.max(1) - 1;
        // SAFETY: the caller's variables, and its buffer of `room` bytes.
        unsafe {
            let (wanted_bytes, wanted_chars) = (*byte_amount, *char_amount);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (from, mut to) = if binary {
                let from = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
                (
                    from,
                    from.saturating_add(usize::try_from(wanted_bytes).unwrap_or(usize::MAX)).min(bytes.len()),
                )
            } else {
                let from = byte_at(&bytes, start);
                if wanted_chars > 0 {
                    (from, byte_at(&bytes, start.saturating_add(wanted_chars)))
                } else {
                    (
                        from,
                        from.saturating_add(usize::try_from(wanted_bytes).unwrap_or(usize::MAX))
                            .min(bytes.len()),
                    )
                }
            };
            to = to.min(from + room);
            if !binary {
                let text = std::str::from_utf8(&bytes).unwrap_or_default();
                while !text.is_char_boundary(to) {
                    to -= 1;
                }
            }
            let part = &bytes[from..to];
            std::ptr::copy_nonoverlapping(part.as_ptr(), buffer.cast::<u8>(), part.len());
            *byte_amount = part.len() as u64;
            *char_amount = length(part, binary);
        }
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobWrite2(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
    byte_amount: *mut u64,
    _char_amount: *mut u64,
    offset: u64,
    buffer: *const c_void,
    room: u64,
    _piece: u8,
    _context: *mut c_void,
    _callback: *mut c_void,
    _charset: u16,
    _form: u8,
) -> i32 {
    guard(errhp, || {
        let (bytes, binary, temporary) = content(locp)?;
        if !temporary {
            return Err(OraError::new(22920, "row containing the LOB value is not locked"));
        }
        let mut bytes = bytes.lock().map_err(|_| OraError::plain(7445))?;
        // SAFETY: the caller's variable, and its buffer of `room` bytes.
        let new = unsafe {
            std::slice::from_raw_parts(
                buffer.cast::<u8>(),
                usize::try_from((*byte_amount).min(room)).unwrap_or(0),
            )
        };
        let start = offset.max(1) - 1;
        let (from, to) = if binary {
            let from = usize::try_from(start).unwrap_or(0);
            if from > bytes.len() {
                bytes.resize(from, 0);
            }
            (from, (from + new.len()).min(bytes.len()))
        } else {
            (byte_at(&bytes, start), byte_at(&bytes, start + length(new, false)))
        };
        bytes.splice(from..to, new.iter().copied());
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobTrim2(
    _svchp: *mut Handle,
    errhp: *mut Handle,
    locp: *mut Handle,
    size: u64,
) -> i32 {
    guard(errhp, || {
        let Some(lob) = handle::lob(locp) else { return Ok(INVALID_HANDLE) };
        // ODPI-C makes a temporary one where there is none yet.
        let Some(bytes) = lob.bytes.clone() else { return Ok(INVALID_HANDLE) };
        if !lob.temporary {
            return Err(OraError::new(22920, "row containing the LOB value is not locked"));
        }
        let mut bytes = bytes.lock().map_err(|_| OraError::plain(7445))?;
        let end = if lob.binary {
            usize::try_from(size).unwrap_or(0).min(bytes.len())
        } else {
            byte_at(&bytes, size)
        };
        bytes.truncate(end);
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobOpen(
    _svchp: *mut Handle,
    _errhp: *mut Handle,
    _locp: *mut Handle,
    _mode: u8,
) -> i32 {
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobClose(_svchp: *mut Handle, _errhp: *mut Handle, _locp: *mut Handle) -> i32 {
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCILobIsOpen(
    _svchp: *mut Handle,
    _errhp: *mut Handle,
    _locp: *mut Handle,
    flag: *mut i32,
) -> i32 {
    // SAFETY: the caller's variable.
    unsafe { *flag = 0 };
    SUCCESS
}
