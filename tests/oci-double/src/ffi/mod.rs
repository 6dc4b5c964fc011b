//! Owns the C interface: Oracle's functions as ODPI-C loads them, handles, and the caller's memory. It must never let a
//! panic out, nor follow a pointer that is not one of its own handles.

mod absent;
mod attributes;
mod bind;
mod charset;
mod connect;
mod env;
pub(crate) mod handle;
mod lob;
mod memory;
mod number;
mod statement;
mod time;

use crate::ora::OraError;
use handle::{Data, Handle};

pub(crate) const SUCCESS: i32 = 0;
pub(crate) const SUCCESS_WITH_INFO: i32 = 1;
pub(crate) const ERROR: i32 = -1;
pub(crate) const INVALID_HANDLE: i32 = -2;
pub(crate) const NO_DATA: i32 = 100;
pub(crate) const CONTINUE: i32 = -24200;

/// Keeps an error in the caller's error handle.
pub(crate) fn tell(errhp: *mut Handle, error: &OraError) -> i32 {
    if let Some(handle) = handle::of(errhp)
        && let Data::Error(kept) = &mut handle.data
    {
        kept.code = error.code;
        kept.text.clone_from(&error.text);
        kept.offset = error.offset;
    }
    ERROR
}

/// Runs what a function does; a panic becomes an internal error.
pub(crate) fn guard(errhp: *mut Handle, work: impl FnOnce() -> Result<i32, OraError>) -> i32 {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => tell(errhp, &error),
        Err(_) => tell(errhp, &OraError::new(7445, "exception encountered: the test double panicked")),
    }
}
