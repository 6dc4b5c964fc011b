//! Servers and sessions: attach, log in, ping, break, commit. It must never wait for a lock that a running call holds, where it breaks one.

use std::ffi::c_char;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::ffi::handle::{self, Handle};
use crate::ffi::{ERROR, INVALID_HANDLE, SUCCESS, guard};
use crate::ora::{Ora, OraError};
use crate::run::{Session, login};

/// Works with the session of a server handle; its health is noted afterwards.
pub(crate) fn with<T>(server: *mut Handle, work: impl FnOnce(&mut Session) -> Ora<T>) -> Ora<T> {
    let data = handle::server(server).ok_or_else(|| OraError::plain(1012))?;
    let (session, status) = (data.session.clone(), data.status.clone());
    let mut guard = session.lock().map_err(|_| OraError::plain(7445))?;
    let session = guard.as_mut().ok_or_else(|| OraError::plain(1012))?;
    let result = work(session);
    status.store(u32::from(session.alive()), Ordering::SeqCst);
    result
}

/// The same for a service context, whose time limit holds for the call.
pub(crate) fn call<T>(svchp: *mut Handle, work: impl FnOnce(&mut Session) -> Ora<T>) -> Ora<T> {
    let service = handle::service(svchp).ok_or_else(|| OraError::plain(1012))?;
    let limit = (service.call_timeout > 0).then(|| Duration::from_millis(service.call_timeout.into()));
    with(service.server, |session| {
        session.call_timeout = limit;
        work(session)
    })
}

fn text(value: *const c_char, length: usize) -> String {
    if value.is_null() {
        return String::new();
    }
    // SAFETY: the caller's text with its length.
    let bytes = unsafe { std::slice::from_raw_parts(value.cast::<u8>(), length) };
    String::from_utf8_lossy(bytes).into_owned()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIServerAttach(
    srvhp: *mut Handle,
    errhp: *mut Handle,
    link: *const c_char,
    length: i32,
    _mode: u32,
) -> i32 {
    guard(errhp, || {
        let Some(server) = handle::server(srvhp) else { return Ok(INVALID_HANDLE) };
        let attached = login::attach(&text(link, usize::try_from(length).unwrap_or(0)))?;
        server.attached = Some(attached);
        server.status.store(1, Ordering::SeqCst);
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIServerDetach(srvhp: *mut Handle, errhp: *mut Handle, _mode: u32) -> i32 {
    guard(errhp, || {
        let Some(server) = handle::server(srvhp) else { return Ok(INVALID_HANDLE) };
        if let Some(mut attached) = server.attached.take() {
            attached.conn.close();
        }
        end(srvhp);
        Ok(SUCCESS)
    })
}

fn end(srvhp: *mut Handle) {
    let Some(server) = handle::server(srvhp) else { return };
    if let Ok(mut session) = server.session.lock()
        && let Some(mut session) = session.take()
    {
        session.end();
    }
    server.status.store(0, Ordering::SeqCst);
}

fn begin(svchp: *mut Handle, name: &str, password: &str, new: Option<&str>) -> Ora<()> {
    let service = handle::service(svchp).ok_or_else(|| OraError::plain(1012))?;
    let server = handle::server(service.server).ok_or_else(|| OraError::plain(1012))?;
    let mut attached = server.attached.take().ok_or_else(|| OraError::plain(3114))?;
    let user = match new {
        Some(new) => attached.change_password(name, password, new),
        None => attached.log_in(name, password),
    };
    let user = match user {
        Ok(user) => user,
        Err(error) => {
            // The server hangs up on whom it does not let in.
            server.status.store(0, Ordering::SeqCst);
            return Err(error);
        }
    };
    let settings = handle::user(service.user).map(|u| u.settings.clone()).unwrap_or_default();
    let session = Session::start(attached, user, &settings)?;
    if let Ok(mut canceller) = server.canceller.lock() {
        *canceller = Some(session.canceller());
    }
    *server.session.lock().map_err(|_| OraError::plain(7445))? = Some(session);
    if let Some(user) = handle::user(service.user) {
        user.server = service.server;
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCISessionBegin(
    svchp: *mut Handle,
    errhp: *mut Handle,
    usrhp: *mut Handle,
    _credentials: u32,
    _mode: u32,
) -> i32 {
    guard(errhp, || {
        let Some(user) = handle::user(usrhp) else { return Ok(INVALID_HANDLE) };
        begin(svchp, &user.name.clone(), &user.password.clone(), None)?;
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIPasswordChange(
    svchp: *mut Handle,
    errhp: *mut Handle,
    name: *const c_char,
    name_length: u32,
    old: *const c_char,
    old_length: u32,
    new: *const c_char,
    new_length: u32,
    _mode: u32,
) -> i32 {
    guard(errhp, || {
        let (name, old, new) = (
            text(name, name_length as usize),
            text(old, old_length as usize),
            text(new, new_length as usize),
        );
        begin(svchp, &name, &old, Some(&new))?;
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCISessionEnd(
    svchp: *mut Handle,
    errhp: *mut Handle,
    _usrhp: *mut Handle,
    _mode: u32,
) -> i32 {
    guard(errhp, || {
        let Some(service) = handle::service(svchp) else { return Ok(INVALID_HANDLE) };
        end(service.server);
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIPing(svchp: *mut Handle, errhp: *mut Handle, _mode: u32) -> i32 {
    guard(errhp, || call(svchp, Session::ping).map(|()| SUCCESS))
}

/// May be called from any thread while another one runs a statement.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIBreak(hndlp: *mut Handle, _errhp: *mut Handle) -> i32 {
    let work = || {
        let server = handle::server_of(hndlp).or_else(|| handle::server(hndlp))?;
        let canceller = server.canceller.lock().ok()?.clone()?;
        canceller.asked.store(true, Ordering::SeqCst);
        canceller.cancel();
        Some(())
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Some(())) => SUCCESS,
        Ok(None) => INVALID_HANDLE,
        Err(_) => ERROR,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIReset(_hndlp: *mut Handle, _errhp: *mut Handle) -> i32 {
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCITransCommit(svchp: *mut Handle, errhp: *mut Handle, _flags: u32) -> i32 {
    guard(errhp, || call(svchp, Session::commit).map(|()| SUCCESS))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCITransRollback(svchp: *mut Handle, errhp: *mut Handle, _flags: u32) -> i32 {
    guard(errhp, || call(svchp, Session::rollback).map(|()| SUCCESS))
}

fn release(svchp: *mut Handle, errhp: *mut Handle, buffer: *mut c_char, size: u32, version: *mut u32) -> i32 {
    guard(errhp, || {
        let (number, banner) = call(svchp, |s| {
            s.begin_call()?;
            let banner = s
                .ask("SELECT ora.banner()")?
                .first()
                .and_then(|a| a.cell(0).map(str::to_owned))
                .unwrap_or_default();
            Ok((s.version.clone(), banner))
        })?;
        let mut parts = number.split('.').map(|p| p.parse::<u32>().unwrap_or(0));
        let mut part = || parts.next().unwrap_or(0);
        let (a, b, c, d, e) = (part(), part(), part(), part(), part());
        let packed = if a >= 18 {
            a << 24 | b << 16 | c << 12 | d << 4 | e
        } else {
            a << 24 | b << 20 | c << 12 | d << 8 | e
        };
        // SAFETY: the caller's variable, and its buffer of `size` bytes.
        unsafe {
            if !version.is_null() {
                *version = packed;
            }
            if !buffer.is_null() && size > 0 {
                let length = banner.len().min(size as usize - 1);
                std::ptr::copy_nonoverlapping(banner.as_ptr().cast(), buffer, length);
                *buffer.add(length) = 0;
            }
        }
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIServerRelease(
    hndlp: *mut Handle,
    errhp: *mut Handle,
    buffer: *mut c_char,
    size: u32,
    _kind: u8,
    version: *mut u32,
) -> i32 {
    release(hndlp, errhp, buffer, size, version)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIServerRelease2(
    hndlp: *mut Handle,
    errhp: *mut Handle,
    buffer: *mut c_char,
    size: u32,
    _kind: u8,
    version: *mut u32,
    _mode: u32,
) -> i32 {
    release(hndlp, errhp, buffer, size, version)
}
