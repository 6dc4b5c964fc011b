//! Environments, handles, descriptors, threads, character sets, errors. It must never be asked for a character set other
//! than UTF-8 and pretend to have it.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use crate::ffi::handle::{self, Data, ErrorData, Handle, LobData, ServerData, ServiceData, UserData};
use crate::ffi::{ERROR, INVALID_HANDLE, NO_DATA, SUCCESS, guard};
use crate::ora::OraError;
use crate::run::Stamp;

unsafe extern "C" {
    fn pthread_key_create(key: *mut u32, destroy: Option<unsafe extern "C" fn(*mut c_void)>) -> i32;
    fn pthread_key_delete(key: u32) -> i32;
    fn pthread_getspecific(key: u32) -> *mut c_void;
    fn pthread_setspecific(key: u32, value: *const c_void) -> i32;
    fn malloc(size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

pub(crate) const UTF8: u16 = 873;

/// What the client library says it is: `BUKTOR_OCI_CLIENT_VERSION`, else 19.22.
fn client_version() -> [i32; 5] {
    let text = std::env::var("BUKTOR_OCI_CLIENT_VERSION").unwrap_or_else(|_| "19.22.0.0.0".to_owned());
    let mut parts = [0; 5];
    for (part, value) in parts.iter_mut().zip(text.split('.')) {
        *part = value.parse().unwrap_or(0);
    }
    parts
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIClientVersion(a: *mut i32, b: *mut i32, c: *mut i32, d: *mut i32, e: *mut i32) {
    for (to, value) in [a, b, c, d, e].into_iter().zip(client_version()) {
        if !to.is_null() {
            // SAFETY: five integers of the caller.
            unsafe { *to = value };
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIEnvNlsCreate(
    envhpp: *mut *mut Handle,
    _mode: u32,
    _ctx: *mut c_void,
    _malloc: *mut c_void,
    _realloc: *mut c_void,
    _free: *mut c_void,
    _extra: usize,
    _user: *mut *mut c_void,
    charset: u16,
    _ncharset: u16,
) -> i32 {
    if !matches!(charset, 0 | 1 | 871 | UTF8) {
        return ERROR;
    }
    // SAFETY: the caller's variable.
    unsafe { *envhpp = handle::new(Data::Env) };
    SUCCESS
}

fn fresh(kind: u32) -> Option<Data> {
    let stamp = || Data::Stamp(Stamp { year: 1970, month: 1, day: 1, ..Stamp::default() });
    Some(match kind {
        2 => Data::Error(ErrorData::default()),
        3 => Data::Service(ServiceData { server: ptr::null_mut(), user: ptr::null_mut(), call_timeout: 0, cache: 20 }),
        8 => Data::Server(ServerData::default()),
        9 => Data::User(UserData {
            name: String::new(),
            password: String::new(),
            server: ptr::null_mut(),
            settings: Vec::new(),
            texts: std::collections::BTreeMap::new(),
        }),
        50 => Data::Lob(LobData::default()),
        54 => Data::Rowid(String::new()),
        62 => Data::YearMonth(0),
        63 => Data::DaySecond(0, 0),
        68..=70 => stamp(),
        // Statements come from OCIStmtPrepare2; the others are taken, and do nothing.
        _ => Data::Other,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIHandleAlloc(
    _parent: *const c_void,
    hndlpp: *mut *mut Handle,
    kind: u32,
    _extra: usize,
    _user: *mut *mut c_void,
) -> i32 {
    let Some(data) = fresh(kind) else { return ERROR };
    // SAFETY: the caller's variable.
    unsafe { *hndlpp = handle::new(data) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIHandleFree(hndlp: *mut Handle, _kind: u32) -> i32 {
    if handle::free(hndlp) { SUCCESS } else { INVALID_HANDLE }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDescriptorAlloc(
    parent: *const c_void,
    descpp: *mut *mut Handle,
    kind: u32,
    extra: usize,
    user: *mut *mut c_void,
) -> i32 {
    // SAFETY: the same contract.
    unsafe { OCIHandleAlloc(parent, descpp, kind, extra, user) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDescriptorFree(descp: *mut Handle, _kind: u32) -> i32 {
    if handle::free(descp) { SUCCESS } else { INVALID_HANDLE }
}

/// The sizes of descriptor arrays, by their first element: OCIArrayDescriptorFree is not told them.
static ARRAYS: std::sync::Mutex<Vec<(usize, Vec<usize>)>> = std::sync::Mutex::new(Vec::new());

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIArrayDescriptorAlloc(
    _parent: *const c_void,
    descpp: *mut *mut Handle,
    kind: u32,
    count: u32,
    _extra: usize,
    _user: *mut *mut c_void,
) -> i32 {
    let mut all = Vec::with_capacity(count as usize);
    for i in 0..count as usize {
        let Some(data) = fresh(kind) else { return ERROR };
        let made = handle::new(data);
        all.push(made as usize);
        // SAFETY: the caller's array of `count` pointers.
        unsafe { *descpp.add(i) = made };
    }
    if let (Some(first), Ok(mut arrays)) = (all.first().copied(), ARRAYS.lock()) {
        arrays.push((first, all));
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIArrayDescriptorFree(descpp: *mut *mut Handle, _kind: u32) -> i32 {
    if descpp.is_null() {
        return INVALID_HANDLE;
    }
    // SAFETY: the caller's array, whose first element names it.
    let first = unsafe { *descpp } as usize;
    let Ok(mut arrays) = ARRAYS.lock() else { return ERROR };
    let Some(at) = arrays.iter().position(|(f, _)| *f == first) else { return INVALID_HANDLE };
    for pointer in arrays.swap_remove(at).1 {
        handle::free(pointer as *mut Handle);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIErrorGet(
    hndlp: *mut Handle,
    record: u32,
    _sqlstate: *mut c_char,
    codep: *mut i32,
    buffer: *mut c_char,
    size: u32,
    _kind: u32,
) -> i32 {
    let Some(error) = handle::error(hndlp) else { return INVALID_HANDLE };
    if record != 1 || error.code == 0 {
        return NO_DATA;
    }
    let mut text = format!("{}\n", error.text);
    let mut end = text.len().min(size.saturating_sub(1) as usize);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    // SAFETY: the caller's buffer of `size` bytes, and an integer.
    unsafe {
        if !codep.is_null() {
            *codep = error.code;
        }
        if !buffer.is_null() && size > 0 {
            ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len());
            *buffer.add(text.len()) = 0;
        }
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIThreadProcessInit() {}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIThreadKeyInit(
    _env: *mut Handle,
    _err: *mut Handle,
    key: *mut *mut u32,
    destroy: Option<unsafe extern "C" fn(*mut c_void)>,
) -> i32 {
    let mut made = 0;
    // SAFETY: a key of our own; the caller's variable.
    unsafe {
        if pthread_key_create(&raw mut made, destroy) != 0 {
            return ERROR;
        }
        *key = Box::into_raw(Box::new(made));
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIThreadKeyDestroy(_env: *mut Handle, _err: *mut Handle, key: *mut *mut u32) -> i32 {
    // SAFETY: a key that OCIThreadKeyInit made.
    unsafe {
        if key.is_null() || (*key).is_null() {
            return ERROR;
        }
        pthread_key_delete(*Box::from_raw(*key));
        *key = ptr::null_mut();
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIThreadKeyGet(_env: *mut Handle, _err: *mut Handle, key: *mut u32, value: *mut *mut c_void) -> i32 {
    // SAFETY: a key that OCIThreadKeyInit made.
    unsafe { *value = pthread_getspecific(*key) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIThreadKeySet(_env: *mut Handle, _err: *mut Handle, key: *mut u32, value: *mut c_void) -> i32 {
    // SAFETY: a key that OCIThreadKeyInit made.
    unsafe { if pthread_setspecific(*key, value) == 0 { SUCCESS } else { ERROR } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIMemoryAlloc(
    _hdl: *mut Handle,
    _err: *mut Handle,
    memory: *mut *mut c_void,
    _duration: u16,
    size: u32,
    _flags: u32,
) -> i32 {
    // SAFETY: the caller's variable.
    unsafe { *memory = malloc(size as usize) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIMemoryFree(_hdl: *mut Handle, _err: *mut Handle, memory: *mut c_void) -> i32 {
    // SAFETY: memory of OCIMemoryAlloc.
    unsafe { free(memory) };
    SUCCESS
}

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
pub unsafe extern "C" fn OCINlsNumericInfoGet(_env: *mut Handle, _err: *mut Handle, value: *mut i32, _item: u16) -> i32 {
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
pub unsafe extern "C" fn OCINlsCharSetIdToName(_env: *mut Handle, buffer: *mut c_char, size: usize, id: u16) -> i32 {
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
pub unsafe extern "C" fn OCINlsNameMap(_env: *mut Handle, buffer: *mut c_char, size: usize, source: *const c_char, flag: u32) -> i32 {
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
