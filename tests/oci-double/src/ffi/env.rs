//! Environments, handles, descriptors, threads, errors. It must never free what it did not make.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::ffi::charset::UTF8;
use crate::ffi::handle::{self, Data, ErrorData, Handle, LobData, ServerData, ServiceData, UserData};
use crate::ffi::{ERROR, INVALID_HANDLE, NO_DATA, SUCCESS};
use crate::run::Stamp;

unsafe extern "C" {
    fn pthread_key_create(key: *mut u32, destroy: Option<unsafe extern "C" fn(*mut c_void)>) -> i32;
    fn pthread_key_delete(key: u32) -> i32;
    fn pthread_getspecific(key: u32) -> *mut c_void;
    fn pthread_setspecific(key: u32, value: *const c_void) -> i32;
    fn malloc(size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

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
        3 => Data::Service(ServiceData {
            server: ptr::null_mut(),
            user: ptr::null_mut(),
            call_timeout: 0,
            cache: 20,
        }),
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
pub unsafe extern "C" fn OCIThreadKeyDestroy(
    _env: *mut Handle,
    _err: *mut Handle,
    key: *mut *mut u32,
) -> i32 {
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
pub unsafe extern "C" fn OCIThreadKeyGet(
    _env: *mut Handle,
    _err: *mut Handle,
    key: *mut u32,
    value: *mut *mut c_void,
) -> i32 {
    // SAFETY: a key that OCIThreadKeyInit made.
    unsafe { *value = pthread_getspecific(*key) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIThreadKeySet(
    _env: *mut Handle,
    _err: *mut Handle,
    key: *mut u32,
    value: *mut c_void,
) -> i32 {
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
