//! Statements: prepare, run, fetch. It must never say that a row was written which was not.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::handle::{self, Data, Handle, StatementData};
use crate::ffi::memory::{Slot, bound_type, text_of};
use crate::ffi::{
    CONTINUE, ERROR, INVALID_HANDLE, NO_DATA, SUCCESS, SUCCESS_WITH_INFO, bind, connect, guard, tell,
};
use crate::ora::{Ora, OraError};
use crate::plan::BindType;
use crate::run::value::read;
use crate::run::{Outcome, Request, Val};
use crate::sql::probe::{Kind, probe};

const DESCRIBE_ONLY: u32 = 0x10;
const COMMIT_ON_SUCCESS: u32 = 0x20;
const BATCH_ERRORS: u32 = 0x80;
const PARSE_ONLY: u32 = 0x100;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIStmtPrepare2(
    svchp: *mut Handle,
    stmtpp: *mut *mut Handle,
    errhp: *mut Handle,
    sql: *const c_char,
    length: u32,
    _key: *const c_char,
    _key_length: u32,
    _language: u32,
    _mode: u32,
) -> i32 {
    guard(errhp, || {
        if sql.is_null() {
            return Err(OraError::new(24431, "Statement does not exist in the cache"));
        }
        // SAFETY: the caller's text with its length.
        let bytes = unsafe { std::slice::from_raw_parts(sql.cast::<u8>(), length as usize) };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let statement = StatementData {
            service: svchp,
            probe: probe(&text),
            text: CString::new(text).map_err(|_| OraError::plain(911))?,
            binds: Vec::new(),
            defines: BTreeMap::new(),
            columns: Vec::new(),
            names: Vec::new(),
            rows: Vec::new(),
            next: 0,
            fetched: 0,
            touched: 0,
            counts: Vec::new(),
            failed_rows: 0,
            error_offset: 0,
            executed: false,
        };
        // SAFETY: the caller's variable.
        unsafe { *stmtpp = handle::new(Data::Statement(Box::new(statement))) };
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIStmtRelease(
    stmtp: *mut Handle,
    _errhp: *mut Handle,
    _key: *const c_char,
    _length: u32,
    _mode: u32,
) -> i32 {
    let Some(statement) = handle::statement(stmtp) else { return INVALID_HANDLE };
    for bind in statement.binds.drain(..) {
        handle::free(bind);
    }
    for define in std::mem::take(&mut statement.defines).into_values() {
        handle::free(define);
    }
    handle::free(stmtp);
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIStmtGetBindInfo(
    stmtp: *mut Handle,
    errhp: *mut Handle,
    size: u32,
    start: u32,
    found: *mut i32,
    names: *mut *const c_char,
    name_lengths: *mut u8,
    indicator_names: *mut *const c_char,
    indicator_lengths: *mut u8,
    duplicates: *mut u8,
    handles: *mut *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(statement) = handle::statement(stmtp) else { return Ok(INVALID_HANDLE) };
        let all = &statement.probe.binds;
        let from = (start as usize).saturating_sub(1);
        // SAFETY: the caller's variable, and its arrays of `size` elements.
        unsafe {
            // How many there are in all.
            *found = i32::try_from(all.len()).unwrap_or(0);
            if all.is_empty() {
                return Ok(NO_DATA);
            }
            if all.len() > from + size as usize {
                // More than the caller has room for this time, which it learns by a negative number.
                *found = -*found;
            }
            for (i, name) in all.iter().enumerate().skip(from).take(size as usize) {
                let at = i - from;
                *names.add(at) = name.as_ptr().cast();
                *name_lengths.add(at) = u8::try_from(name.len()).unwrap_or(u8::MAX);
                *indicator_names.add(at) = ptr::null();
                *indicator_lengths.add(at) = 0;
                *duplicates.add(at) = u8::from(all[..i].contains(name));
                *handles.add(at) = ptr::null_mut();
            }
        }
        Ok(SUCCESS)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIStmtExecute(
    svchp: *mut Handle,
    stmtp: *mut Handle,
    errhp: *mut Handle,
    iters: u32,
    offset: u32,
    _snapshot_in: *const Handle,
    _snapshot_out: *mut Handle,
    mode: u32,
) -> i32 {
    guard(errhp, || {
        let Some(statement) = handle::statement(stmtp) else { return Ok(INVALID_HANDLE) };
        statement.failed_rows = 0;
        statement.touched = 0;
        statement.counts.clear();
        statement.error_offset = 0;
        let result = execute(svchp, statement, iters, offset, mode);
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => {
                statement.error_offset = error.offset;
                return Err(error);
            }
        };
        statement.touched = outcome.touched;
        statement.counts.clone_from(&outcome.counts);
        give_back(statement, &outcome)?;
        let same = statement.columns.len() == outcome.columns.len()
            && statement.columns.iter().zip(&outcome.columns).all(|(a, b)| a.name == b.name);
        if !same {
            statement.names =
                outcome.columns.iter().map(|c| CString::new(c.name.clone()).unwrap_or_default()).collect();
        }
        statement.columns = outcome.columns;
        statement.rows = outcome.rows;
        statement.next = 0;
        statement.executed = mode & (DESCRIBE_ONLY | PARSE_ONLY) == 0;
        if let Some(error) = outcome.failure {
            if let (Some(kept), Some((row, _))) = (handle::error(errhp), outcome.errors.first()) {
                kept.row = *row;
            }
            return Err(error);
        }
        if mode & COMMIT_ON_SUCCESS != 0 && statement.probe.kind != Kind::Select {
            connect::call(svchp, crate::run::Session::commit)?;
        }
        if !outcome.errors.is_empty() {
            statement.failed_rows = u32::try_from(outcome.errors.len()).unwrap_or(0);
            tell(errhp, &OraError::plain(24381));
            if let Some(kept) = handle::error(errhp) {
                kept.batch = outcome.errors;
            }
            return Ok(SUCCESS_WITH_INFO);
        }
        if let Some(warning) = outcome.warning {
            tell(errhp, &warning);
            return Ok(SUCCESS_WITH_INFO);
        }
        Ok(SUCCESS)
    })
}

fn execute(
    svchp: *mut Handle,
    statement: &mut StatementData,
    iters: u32,
    offset: u32,
    mode: u32,
) -> Ora<Outcome> {
    let describe_only = mode & (DESCRIBE_ONLY | PARSE_ONLY) != 0;
    let binds = if describe_only && statement.binds.is_empty() {
        Vec::new()
    } else {
        bind::by_placeholder(statement)?
    };
    let mut types = Vec::with_capacity(binds.len());
    for pointer in &binds {
        let Some(bind) = handle::bind(*pointer) else { return Err(OraError::plain(1008)) };
        if bind.is_array {
            return Err(OraError::absent("PL/SQL arrays"));
        }
        types.push(BindType { ty: bound_type(&bind.buffers)?, longest: 0 });
    }
    let runs = if statement.probe.kind == Kind::Select { 1 } else { iters.max(1) as usize };
    let mut rows = Vec::with_capacity(runs);
    for run in offset as usize..runs {
        let mut row = Vec::with_capacity(binds.len());
        for (pointer, ty) in binds.iter().zip(&mut types) {
            let value = if describe_only { Val::Null } else { bind::value(*pointer, run)? };
            let length = match &value {
                Val::Text(t) => t.len(),
                Val::Bytes(b) => b.len(),
                _ => 0,
            };
            ty.longest = ty.longest.max(length);
            row.push(value);
        }
        rows.push(row);
    }
    let unbound = statement.probe.binds.len().saturating_sub(types.len());
    types.extend((0..unbound).map(|_| BindType { ty: crate::plan::types::TEXT, longest: 0 }));
    let sql = statement.text.to_str().unwrap_or_default().to_owned();
    let request = Request { sql: &sql, types, rows, batch_errors: mode & BATCH_ERRORS != 0, describe_only };
    connect::call(svchp, |session| session.run(&request))
}

/// What RETURNING or a block gives back, into the buffers of its placeholders.
fn give_back(statement: &StatementData, outcome: &Outcome) -> Ora<()> {
    if outcome.into.is_empty() {
        return Ok(());
    }
    let binds = bind::by_placeholder(statement)?;
    for (run, rows) in outcome.returned.iter().enumerate() {
        for (column, (place, ty)) in outcome.into.iter().zip(&outcome.into_types).enumerate() {
            let values: Vec<Val> =
                rows.iter().map(|row| read(row.get(column).and_then(|c| c.as_deref()), *ty)).collect();
            let Some(pointer) = binds.get(*place) else { continue };
            bind::give_back(*pointer, run, &values)?;
        }
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIStmtFetch2(
    stmtp: *mut Handle,
    errhp: *mut Handle,
    count: u32,
    orientation: u16,
    _offset: i32,
    _mode: u32,
) -> i32 {
    guard(errhp, || {
        let Some(statement) = handle::statement(stmtp) else { return Ok(INVALID_HANDLE) };
        if !statement.executed {
            return Err(OraError::plain(1002));
        }
        if !matches!(orientation, 0 | 2) {
            return Err(OraError::absent("scrolling"));
        }
        // A lost connection shows at the next fetch, though the rows are here already.
        connect::call(statement.service, |s| s.begin_call())?;
        let end = statement.rows.len().min(statement.next + count as usize);
        statement.fetched = 0;
        for (i, row) in statement.rows[statement.next..end].iter().enumerate() {
            for (position, define) in &statement.defines {
                let Some(column) = statement.columns.get(*position as usize - 1) else { continue };
                let value = read(row.get(*position as usize - 1).and_then(|c| c.as_deref()), column.ty);
                fetch_value(*define, i, &value)?;
            }
        }
        statement.fetched = u32::try_from(end - statement.next).unwrap_or(0);
        statement.next = end;
        statement.touched += u64::from(statement.fetched);
        Ok(if statement.fetched < count { NO_DATA } else { SUCCESS })
    })
}

fn fetch_value(definep: *mut Handle, i: usize, value: &Val) -> Ora<()> {
    let Some(define) = handle::define(definep) else { return Ok(()) };
    let buffers = define.buffers;
    let Some((callback, context)) = define.dynamic else { return Slot::of(&buffers, i).write(value) };
    let bytes = match value {
        Val::Bytes(b) => b.clone(),
        other => text_of(other).into_bytes(),
    };
    let mut done = 0;
    loop {
        let (mut at, mut length, mut piece) = (ptr::null_mut(), ptr::null_mut::<u32>(), 0u8);
        let (mut indicator, mut code) = (ptr::null_mut(), ptr::null_mut());
        let row = u32::try_from(i).unwrap_or(0);
        // SAFETY: the caller's function, called as OCI calls it; then its buffer and its length.
        unsafe {
            let status = callback(
                context,
                definep,
                row,
                &raw mut at,
                &raw mut length,
                &raw mut piece,
                &raw mut indicator,
                &raw mut code,
            );
            if status != CONTINUE {
                return Err(OraError::new(24331, "user buffer too small"));
            }
            let part = (bytes.len() - done).min(*length as usize);
            ptr::copy_nonoverlapping(bytes.as_ptr().add(done), at.cast::<u8>(), part);
            *length = u32::try_from(part).unwrap_or(0);
            if !indicator.is_null() {
                *indicator.cast::<i16>() = if *value == Val::Null { -1 } else { 0 };
            }
            done += part;
        }
        if done >= bytes.len() {
            return Ok(());
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIStmtGetNextResult(
    _stmtp: *mut Handle,
    _errhp: *mut Handle,
    _result: *mut *mut Handle,
    _kind: *mut u32,
    _mode: u32,
) -> i32 {
    NO_DATA
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn OCIRowidToChar(
    rowid: *mut Handle,
    out: *mut c_char,
    size: *mut u16,
    errhp: *mut Handle,
) -> i32 {
    guard(errhp, || {
        let Some(Data::Rowid(text)) = handle::of(rowid).map(|h| &h.data) else { return Ok(INVALID_HANDLE) };
        // SAFETY: the caller's buffer and its size.
        unsafe {
            let room = usize::from(*size);
            *size = u16::try_from(text.len()).unwrap_or(u16::MAX);
            if room < text.len() {
                return Ok(ERROR);
            }
            ptr::copy_nonoverlapping(text.as_ptr().cast(), out, text.len());
        }
        Ok(SUCCESS)
    })
}
