//! Binds and defines: which buffers stand for which placeholder or column. It must never touch a buffer before a statement runs.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::ffi::handle::{
    self, BindData, Buffers, Data, DefineCallback, DefineData, Handle, InCallback, Lengths, OutCallback,
    StatementData,
};
use crate::ffi::memory::{Slot, is_descriptor, read};
use crate::ffi::{CONTINUE, INVALID_HANDLE, SUCCESS, guard};
use crate::ora::{Ora, OraError};
use crate::run::Val;

const DATA_AT_EXEC: u32 = 2;

/// What the four ways to bind have in common.
struct Call {
    bindpp: *mut *mut Handle,
    buffers: Buffers,
    is_array: bool,
    mode: u32,
}

fn attach(stmtp: *mut Handle, errhp: *mut Handle, position: u32, name: String, call: &Call) -> i32 {
    guard(errhp, || {
        let Some(statement) = handle::statement(stmtp) else { return Ok(INVALID_HANDLE) };
        let known = if name.is_empty() {
            (position as usize) <= statement.probe.binds.len() && position > 0
        } else {
            statement.probe.binds.contains(&name)
        };
        if !known {
            return Err(OraError::plain(1036));
        }
        let data = BindData {
            position,
            name: name.clone(),
            buffers: call.buffers,
            at_exec: call.mode & DATA_AT_EXEC != 0,
            is_array: call.is_array,
            input: None,
            output: None,
            returned: 0,
        };
        // What was bound before in the same place is bound anew.
        let old = statement
            .binds
            .iter()
            .copied()
            .find(|b| handle::bind(*b).is_some_and(|b| b.position == position && b.name == name));
        let bind = match old {
            Some(bind) => {
                if let Some(handle) = handle::of(bind) {
                    handle.data = Data::Bind(data);
                }
                bind
            }
            None => {
                let bind = handle::new(Data::Bind(data));
                statement.binds.push(bind);
                bind
            }
        };
        // SAFETY: the caller's variable.
        unsafe { *call.bindpp = bind };
        Ok(SUCCESS)
    })
}

fn placeholder(name: *const c_char, length: i32) -> String {
    // SAFETY: the caller's text with its length.
    let bytes =
        unsafe { std::slice::from_raw_parts(name.cast::<u8>(), usize::try_from(length).unwrap_or(0)) };
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches(':');
    match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => text.to_uppercase(),
    }
}

macro_rules! bind_function {
    ($name:ident, $which:ident, $what:ty, $extra:ident, $extra_ty:ty, $size:ty, $length:ty, $lengths:ident) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            stmtp: *mut Handle,
            bindpp: *mut *mut Handle,
            errhp: *mut Handle,
            $which: $what,
            $extra: $extra_ty,
            value: *mut c_void,
            size: $size,
            dty: u16,
            indicators: *mut i16,
            lengths: *mut $length,
            codes: *mut u16,
            most: u32,
            _current: *mut u32,
            mode: u32,
        ) -> i32 {
            let lengths = if lengths.is_null() { Lengths::None } else { Lengths::$lengths(lengths) };
            let size = usize::try_from(size).unwrap_or(0);
            let buffers = Buffers { value, size, dty, indicators, lengths, codes, form: 1 };
            let call = Call { bindpp, buffers, is_array: most > 0, mode };
            attach(stmtp, errhp, 0, placeholder($which, $extra), &call)
        }
    };
}

bind_function!(OCIBindByName, name, *const c_char, name_length, i32, i32, u16, Short);
bind_function!(OCIBindByName2, name, *const c_char, name_length, i32, i64, u32, Long);

macro_rules! bind_by_position {
    ($name:ident, $size:ty, $length:ty, $lengths:ident) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            stmtp: *mut Handle,
            bindpp: *mut *mut Handle,
            errhp: *mut Handle,
            position: u32,
            value: *mut c_void,
            size: $size,
            dty: u16,
            indicators: *mut i16,
            lengths: *mut $length,
            codes: *mut u16,
            most: u32,
            _current: *mut u32,
            mode: u32,
        ) -> i32 {
            let lengths = if lengths.is_null() { Lengths::None } else { Lengths::$lengths(lengths) };
            let size = usize::try_from(size).unwrap_or(0);
            let buffers = Buffers { value, size, dty, indicators, lengths, codes, form: 1 };
            let call = Call { bindpp, buffers, is_array: most > 0, mode };
            attach(stmtp, errhp, position, String::new(), &call)
        }
    };
}

bind_by_position!(OCIBindByPos, i32, u16, Short);
bind_by_position!(OCIBindByPos2, i64, u32, Long);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIBindDynamic(
    bindp: *mut Handle,
    errhp: *mut Handle,
    in_context: *mut c_void,
    input: Option<InCallback>,
    out_context: *mut c_void,
    output: Option<OutCallback>,
) -> i32 {
    guard(errhp, || {
        let Some(bind) = handle::bind(bindp) else { return Ok(INVALID_HANDLE) };
        bind.input = input.map(|f| (f, in_context));
        bind.output = output.map(|f| (f, out_context));
        Ok(SUCCESS)
    })
}

macro_rules! define_function {
    ($name:ident, $size:ty, $length:ty, $lengths:ident) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            stmtp: *mut Handle,
            definepp: *mut *mut Handle,
            errhp: *mut Handle,
            position: u32,
            value: *mut c_void,
            size: $size,
            dty: u16,
            indicators: *mut i16,
            lengths: *mut $length,
            codes: *mut u16,
            _mode: u32,
        ) -> i32 {
            guard(errhp, || {
                let Some(statement) = handle::statement(stmtp) else { return Ok(INVALID_HANDLE) };
                let lengths = if lengths.is_null() { Lengths::None } else { Lengths::$lengths(lengths) };
                let size = usize::try_from(size).unwrap_or(0);
                let buffers = Buffers { value, size, dty, indicators, lengths, codes, form: 1 };
                let define = handle::new(Data::Define(DefineData { buffers, dynamic: None }));
                if let Some(old) = statement.defines.insert(position, define) {
                    handle::free(old);
                }
                // SAFETY: the caller's variable.
                unsafe { *definepp = define };
                Ok(SUCCESS)
            })
        }
    };
}

define_function!(OCIDefineByPos, i32, u16, Short);
define_function!(OCIDefineByPos2, u64, u32, Long);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIDefineDynamic(
    definep: *mut Handle,
    errhp: *mut Handle,
    context: *mut c_void,
    callback: Option<DefineCallback>,
) -> i32 {
    guard(errhp, || {
        let Some(define) = handle::define(definep) else { return Ok(INVALID_HANDLE) };
        define.dynamic = callback.map(|f| (f, context));
        Ok(SUCCESS)
    })
}

/// The bind handle of each placeholder, in the order of the text.
pub(crate) fn by_placeholder(statement: &StatementData) -> Ora<Vec<*mut Handle>> {
    let find = |i: usize, name: &String| {
        statement.binds.iter().copied().find(|b| {
            handle::bind(*b)
                .is_some_and(|b| b.position as usize == i + 1 || (!b.name.is_empty() && b.name == *name))
        })
    };
    let binds = statement.probe.binds.iter().enumerate();
    binds.map(|(i, name)| find(i, name).ok_or_else(|| OraError::plain(1008))).collect()
}

/// The value that a bind has for the run `i`.
pub(crate) fn value(bindp: *mut Handle, i: usize) -> Ora<Val> {
    let Some(bind) = handle::bind(bindp) else { return Err(OraError::plain(1008)) };
    let buffers = bind.buffers;
    if bind.at_exec {
        let Some((callback, context)) = bind.input else { return Ok(Val::Null) };
        let (mut at, mut length, mut piece, mut indicator) = (ptr::null_mut(), 0u32, 0u8, ptr::null_mut());
        let run = u32::try_from(i).unwrap_or(0);
        // SAFETY: the caller's function, called as OCI calls it.
        let status = unsafe {
            callback(context, bindp, run, 0, &raw mut at, &raw mut length, &raw mut piece, &raw mut indicator)
        };
        if status != CONTINUE {
            return Err(OraError::new(24331, "user buffer too small"));
        }
        // SAFETY: an indicator of the caller, or null.
        if !indicator.is_null() && unsafe { *indicator.cast::<i16>() } == -1 {
            return Ok(Val::Null);
        }
        return read(buffers.dty, at, length as usize);
    }
    let slot = Slot::of(&buffers, i);
    // SAFETY: an indicator of the caller, or null.
    if !slot.indicator.is_null() && unsafe { *slot.indicator } == -1 {
        return Ok(Val::Null);
    }
    let length = if is_descriptor(buffers.dty) {
        0
    } else {
        // SAFETY: lengths of the caller.
        unsafe {
            match slot.length {
                Lengths::None => buffers.size,
                Lengths::Short(p) => usize::from(*p),
                Lengths::Long(p) => *p as usize,
            }
        }
    };
    read(buffers.dty, slot.at, length)
}

/// Gives the rows that a RETURNING has for the run `i` to the caller.
pub(crate) fn give_back(bindp: *mut Handle, i: usize, values: &[Val]) -> Ora<()> {
    let Some(bind) = handle::bind(bindp) else { return Err(OraError::plain(1008)) };
    let buffers = bind.buffers;
    let output = bind.output;
    bind.returned = u32::try_from(values.len()).unwrap_or(0);
    let Some((callback, context)) = output else {
        return values.first().map_or(Ok(()), |v| Slot::of(&buffers, i).write(v));
    };
    for (row, value) in values.iter().enumerate() {
        let (mut at, mut length, mut piece) = (ptr::null_mut(), ptr::null_mut(), 0u8);
        let (mut indicator, mut code) = (ptr::null_mut(), ptr::null_mut());
        let (run, row) = (u32::try_from(i).unwrap_or(0), u32::try_from(row).unwrap_or(0));
        let mut ask = |piece: &mut u8| {
            // SAFETY: the caller's function, called as OCI calls it.
            let status = unsafe {
                callback(
                    context,
                    bindp,
                    run,
                    row,
                    &raw mut at,
                    &raw mut length,
                    piece,
                    &raw mut indicator,
                    &raw mut code,
                )
            };
            if status == CONTINUE {
                Ok((at, length, indicator, code))
            } else {
                Err(OraError::new(24331, "user buffer too small"))
            }
        };
        let (at, length, indicator, code) = ask(&mut piece)?;
        // SAFETY: a length of the caller, or null.
        let room = if length.is_null() { buffers.size } else { unsafe { *length as usize } };
        let slot = Slot {
            kind: buffers.dty,
            at,
            room,
            indicator: indicator.cast(),
            length: if length.is_null() { Lengths::None } else { Lengths::Long(length) },
            code,
        };
        slot.write(value)?;
    }
    Ok(())
}
