//! Attributes of handles. It must never write more bytes than the attribute has in Oracle's interface.

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::Ordering;

use crate::ffi::env::UTF8;
use crate::ffi::handle::{self, Data, Handle, ParamData, StatementData};
use crate::ffi::memory::dty;
use crate::ffi::{INVALID_HANDLE, NO_DATA, SUCCESS, connect, guard};
use crate::ora::{Ora, OraError};
use crate::plan::types::Ty;

/// Where an attribute's value goes.
struct Out {
    to: *mut c_void,
    size: *mut u32,
}

impl Out {
    fn put<T: Copy>(&self, value: T) -> i32 {
        // SAFETY: the caller's variable of this attribute's type.
        unsafe { self.to.cast::<T>().write_unaligned(value) };
        self.sized(size_of::<T>());
        SUCCESS
    }

    fn sized(&self, size: usize) {
        if !self.size.is_null() {
            // SAFETY: the caller's variable.
            unsafe { *self.size = u32::try_from(size).unwrap_or(u32::MAX) };
        }
    }

    fn text(&self, text: &CString) -> i32 {
        // SAFETY: the caller's variable, which points at text that lives as long as the handle.
        unsafe { self.to.cast::<*const c_char>().write_unaligned(text.as_ptr()) };
        self.sized(text.as_bytes().len());
        SUCCESS
    }

    fn nothing(&self) -> i32 {
        // SAFETY: the caller's variable.
        unsafe { self.to.cast::<*const c_char>().write_unaligned(ptr::null()) };
        self.sized(0);
        SUCCESS
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIAttrGet(
    hndlp: *mut Handle,
    _kind: u32,
    to: *mut c_void,
    size: *mut u32,
    attribute: u32,
    errhp: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let out = Out { to, size };
        let Some(target) = handle::of(hndlp) else { return Ok(INVALID_HANDLE) };
        match &target.data {
            Data::Env => match attribute {
                31 | 262 => Ok(out.put(UTF8)),
                _ => Err(unknown(attribute)),
            },
            Data::Error(error) => match attribute {
                74 => Ok(out.put(error.row)),
                472 => Ok(out.put(0i32)),
                _ => Err(unknown(attribute)),
            },
            Data::Statement(statement) => statement_attribute(statement, attribute, &out),
            Data::Param(param) => param_attribute(param, attribute, &out),
            Data::Bind(bind) if attribute == 42 => Ok(out.put(bind.returned)),
            Data::Lob(_) | Data::Bind(_) | Data::Define(_) => Err(unknown(attribute)),
            _ => session_attribute(hndlp, attribute, &out),
        }
    })
}

fn unknown(attribute: u32) -> OraError {
    OraError::new(24315, format!("illegal attribute type ({attribute})"))
}

fn statement_attribute(statement: &StatementData, attribute: u32, out: &Out) -> Ora<i32> {
    Ok(match attribute {
        // The number of columns is known once the statement has been described.
        18 => out.put(u32::try_from(statement.columns.len()).unwrap_or(0)),
        // The statement's function, which the crate asks for after DDL: ALTER SESSION stands for all that makes no type.
        10 => out.put(52_u16),
        9 => out.put(u32::try_from(statement.touched).unwrap_or(u32::MAX)),
        24 => out.put(statement.probe.kind as u16),
        73 => out.put(statement.failed_rows),
        129 => out.put(u16::try_from(statement.error_offset).unwrap_or(0)),
        144 => out.text(&statement.text),
        190 => out.put(u32::try_from(statement.probe.binds.len()).unwrap_or(0)),
        197 => out.put(statement.fetched),
        218 => out.put(u8::from(statement.probe.returning)),
        457 => out.put(statement.touched),
        469 => {
            // SAFETY: the caller's variable, which points at numbers that live until the next run.
            unsafe { out.to.cast::<*const u64>().write_unaligned(statement.counts.as_ptr()) };
            out.sized(statement.counts.len());
            SUCCESS
        }
        19 => NO_DATA,
        // The statement's own number in the server's cache, which newer clients ask for.
        504 => out.nothing(),
        _ => return Err(unknown(attribute)),
    })
}

fn param_attribute(param: &ParamData, attribute: u32, out: &Out) -> Ora<i32> {
    let (bytes, chars) = match param.ty {
        Ty::Varchar { bytes, chars, .. } | Ty::Char { bytes, chars, .. } => (bytes, chars),
        Ty::Raw(n) => (n, 0),
        Ty::Date => (7, 0),
        Ty::Rowid => (18, 18),
        Ty::Long => (0, 0),
        _ => (22, 0),
    };
    Ok(match attribute {
        1 => out.put(u16::try_from(bytes).unwrap_or(u16::MAX)),
        2 => out.put(described(param.ty)),
        4 => {
            // SAFETY: the caller's variable; the name belongs to the statement, which outlives its descriptors.
            unsafe { out.to.cast::<*const c_char>().write_unaligned(param.name) };
            out.sized(param.name_length);
            SUCCESS
        }
        5 => out.put(match param.ty {
            Ty::Number { precision, .. } => i16::from(precision),
            Ty::Float(p) => i16::from(p),
            Ty::IntervalDs | Ty::IntervalYm => 2,
            _ => 0,
        }),
        6 => out.put(match param.ty {
            Ty::Number { scale, .. } => i8::try_from(scale).unwrap_or(-127),
            Ty::Float(_) => -127,
            Ty::Ts(n) | Ty::TsTz(n) | Ty::TsLtz(n) => i8::try_from(n).unwrap_or(6),
            Ty::IntervalDs => 6,
            _ => 0,
        }),
        7 => out.put(u8::from(param.nullable)),
        32 => out.put(if param.ty.national() { 2u8 } else { 1 }),
        286 => out.put(u16::try_from(chars).unwrap_or(u16::MAX)),
        534 | 623 => out.put(0u8),
        659 | 660 => out.nothing(),
        687 => out.put(0u32),
        _ => return Err(unknown(attribute)),
    })
}

fn described(ty: Ty) -> u16 {
    match ty {
        Ty::Varchar { .. } | Ty::Null => dty::CHR,
        Ty::Char { .. } => dty::AFC,
        Ty::Number { .. } | Ty::Float(_) => dty::NUM,
        Ty::BFloat => dty::IBFLOAT,
        Ty::BDouble => dty::IBDOUBLE,
        Ty::Date => dty::DAT,
        Ty::Ts(_) => dty::TIMESTAMP,
        Ty::TsTz(_) => dty::TIMESTAMP_TZ,
        Ty::TsLtz(_) => dty::TIMESTAMP_LTZ,
        Ty::Raw(_) => dty::BIN,
        Ty::Blob => dty::BLOB,
        Ty::Clob { .. } => dty::CLOB,
        Ty::Long => dty::LNG,
        Ty::Rowid => dty::RDD,
        Ty::IntervalDs => dty::INTERVAL_DS,
        Ty::IntervalYm => dty::INTERVAL_YM,
        Ty::Bool => dty::BOL,
    }
}

fn session_attribute(hndlp: *mut Handle, attribute: u32, out: &Out) -> Ora<i32> {
    if let Some(service) = handle::service(hndlp) {
        return Ok(match attribute {
            5 => out.put(ptr::null_mut::<Handle>()),
            6 => out.put(service.server),
            7 => out.put(service.user),
            176 => out.put(service.cache),
            500 => {
                let bytes = connect::with(service.server, |s| Ok(s.rules.name_bytes())).unwrap_or(128);
                out.put(u8::try_from(bytes).unwrap_or(128))
            }
            531 => out.put(service.call_timeout),
            694 => out.put(1u8),
            _ => return Err(unknown(attribute)),
        });
    }
    if let Some(user) = handle::user(hndlp) {
        let text = match attribute {
            471 => return Ok(out.put(300u32)),
            484 => {
                let open = connect::with(user.server, |s| Ok(s.in_transaction)).unwrap_or(false);
                return Ok(out.put(i32::from(open)));
            }
            // Empty unless it was set, as OCI has it.
            224 => user.settings.iter().rev().find(|(n, _)| n == "schema").map(|(_, v)| v.clone()),
            22 => Some(user.name.clone()),
            288 | 462 => None,
            _ => return Err(unknown(attribute)),
        };
        let Some(text) = text.and_then(|t| CString::new(t).ok()) else { return Ok(out.nothing()) };
        user.texts.insert(attribute, text);
        return Ok(user.texts.get(&attribute).map_or(NO_DATA, |t| out.text(t)));
    }
    let server = hndlp;
    let Some(data) = handle::server(server) else { return Err(unknown(attribute)) };
    let text = match attribute {
        143 => return Ok(out.put(data.status.load(Ordering::SeqCst))),
        31 => return Ok(out.put(UTF8)),
        391 => connect::with(server, |s| Ok(s.database.to_uppercase()))?,
        392 => connect::with(server, |s| Ok(s.database.clone()))?,
        393 => connect::with(server, |s| Ok(s.service.clone()))?,
        399 | 25 | 26 => String::new(),
        _ => return Err(unknown(attribute)),
    };
    let text = CString::new(text).unwrap_or_default();
    data.texts.insert(attribute, text);
    Ok(data.texts.get(&attribute).map_or(NO_DATA, |t| out.text(t)))
}

fn text_at(value: *const c_void, size: u32) -> String {
    if value.is_null() {
        return String::new();
    }
    // SAFETY: the caller's text with its length.
    let bytes = unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size as usize) };
    String::from_utf8_lossy(bytes).into_owned()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIAttrSet(
    hndlp: *mut Handle,
    _kind: u32,
    value: *mut c_void,
    size: u32,
    attribute: u32,
    errhp: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(target) = handle::of(hndlp) else { return Ok(INVALID_HANDLE) };
        // SAFETY: a number of the caller, where the attribute is one.
        let number = || unsafe { value.cast::<u32>().read_unaligned() };
        match &mut target.data {
            Data::Service(service) => match attribute {
                6 => service.server = value.cast(),
                7 => service.user = value.cast(),
                176 => service.cache = number(),
                531 => service.call_timeout = number(),
                _ => {}
            },
            Data::User(user) => match attribute {
                22 => user.name = text_at(value, size),
                23 => user.password = text_at(value, size),
                224 | 278 | 366 => {
                    let name = match attribute {
                        224 => "schema",
                        278 => "client_identifier",
                        _ => "module",
                    };
                    let text = text_at(value, size);
                    user.settings.push((name.to_owned(), text.clone()));
                    if !user.server.is_null() {
                        connect::with(user.server, |s| {
                            if name == "schema" {
                                s.schema.clone_from(&text);
                            }
                            s.set(name, &text)
                        })?;
                    }
                }
                _ => {}
            },
            // SAFETY: a byte of the caller.
            Data::Bind(bind) if attribute == 32 => bind.buffers.form = unsafe { *value.cast::<u8>() },
            // SAFETY: as above.
            Data::Define(define) if attribute == 32 => define.buffers.form = unsafe { *value.cast::<u8>() },
            // Sizes of caches and prefetches change nothing here.
            _ => {}
        }
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIParamGet(
    hndlp: *mut Handle,
    _kind: u32,
    errhp: *mut Handle,
    parampp: *mut *mut Handle,
    position: u32,
) -> i32 {
    guard(errhp, || {
        if let Some(statement) = handle::statement(hndlp) {
            let column = (position as usize).checked_sub(1).and_then(|i| statement.columns.get(i));
            let column = column.ok_or_else(|| OraError::new(24334, "no descriptor for this position"))?;
            let name = statement.names.get(position as usize - 1).ok_or_else(|| OraError::plain(600))?;
            let param = ParamData {
                name: name.as_ptr(),
                name_length: name.as_bytes().len(),
                ty: column.ty,
                nullable: column.nullable,
            };
            // SAFETY: the caller's variable.
            unsafe { *parampp = handle::new(Data::Param(param)) };
            return Ok(SUCCESS);
        }
        // One of the errors of an array DML, into the error handle that the caller gives.
        let Some(from) = handle::error(hndlp) else { return Ok(INVALID_HANDLE) };
        let (row, error) = from
            .batch
            .get(position as usize)
            .cloned()
            .ok_or_else(|| OraError::new(24334, "no descriptor for this position"))?;
        // SAFETY: the caller's variable.
        let Some(to) = handle::error(unsafe { *parampp }) else { return Ok(INVALID_HANDLE) };
        to.code = error.code;
        to.text = error.text;
        to.row = row;
        Ok(SUCCESS)
    })
}
