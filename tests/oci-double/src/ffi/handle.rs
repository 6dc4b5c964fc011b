//! Handles and descriptors: what the pointers that callers hold point at. It must never hand out memory that is freed.

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use crate::ora::OraError;
use crate::pg::Canceller;
use crate::plan::OutCol;
use crate::plan::types::Ty;
use crate::run::login::Attached;
use crate::run::{Session, Stamp};
use crate::sql::probe::Probe;

const MAGIC: u32 = 0x0C1D_0B1E;

/// What a caller's pointer points at.
pub(crate) struct Handle {
    magic: u32,
    pub(crate) data: Data,
}

pub(crate) enum Data {
    Env,
    Error(ErrorData),
    Server(ServerData),
    Service(ServiceData),
    User(UserData),
    Statement(Box<StatementData>),
    Bind(BindData),
    Define(DefineData),
    Param(ParamData),
    Stamp(Stamp),
    DaySecond(i64, i64),
    YearMonth(i64),
    Lob(LobData),
    Rowid(String),
    Other,
}

#[derive(Default)]
pub(crate) struct ErrorData {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) offset: usize,
    /// The rows that failed in the last array DML.
    pub(crate) batch: Vec<(u32, OraError)>,
    pub(crate) row: u32,
}

#[derive(Default)]
pub(crate) struct ServerData {
    pub(crate) attached: Option<Attached>,
    pub(crate) session: Arc<Mutex<Option<Session>>>,
    pub(crate) canceller: Arc<Mutex<Option<Canceller>>>,
    /// 1 while the connection is good.
    pub(crate) status: Arc<AtomicU32>,
    /// Texts that attributes have pointed at.
    pub(crate) texts: BTreeMap<u32, CString>,
}

pub(crate) struct ServiceData {
    pub(crate) server: *mut Handle,
    pub(crate) user: *mut Handle,
    pub(crate) call_timeout: u32,
    pub(crate) cache: u32,
}

pub(crate) struct UserData {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) server: *mut Handle,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) texts: BTreeMap<u32, CString>,
}

pub(crate) struct StatementData {
    pub(crate) service: *mut Handle,
    pub(crate) text: CString,
    pub(crate) probe: Probe,
    pub(crate) binds: Vec<*mut Handle>,
    pub(crate) defines: BTreeMap<u32, *mut Handle>,
    pub(crate) columns: Vec<OutCol>,
    /// Their names, at which callers keep pointing.
    pub(crate) names: Vec<CString>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) next: usize,
    pub(crate) fetched: u32,
    pub(crate) touched: u64,
    pub(crate) counts: Vec<u64>,
    pub(crate) failed_rows: u32,
    pub(crate) error_offset: usize,
    pub(crate) executed: bool,
}

/// Where lengths are kept: 16 bits in the older functions, 32 in the newer.
#[derive(Clone, Copy)]
pub(crate) enum Lengths {
    None,
    Short(*mut u16),
    Long(*mut u32),
}

pub(crate) type InCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut Handle,
    u32,
    u32,
    *mut *mut c_void,
    *mut u32,
    *mut u8,
    *mut *mut c_void,
) -> i32;
pub(crate) type OutCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut Handle,
    u32,
    u32,
    *mut *mut c_void,
    *mut *mut u32,
    *mut u8,
    *mut *mut c_void,
    *mut *mut u16,
) -> i32;
pub(crate) type DefineCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut Handle,
    u32,
    *mut *mut c_void,
    *mut *mut u32,
    *mut u8,
    *mut *mut c_void,
    *mut *mut u16,
) -> i32;

/// The caller's buffers of one placeholder or column.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    pub(crate) value: *mut c_void,
    pub(crate) size: usize,
    pub(crate) dty: u16,
    pub(crate) indicators: *mut i16,
    pub(crate) lengths: Lengths,
    pub(crate) codes: *mut u16,
    /// 2 for national character data.
    pub(crate) form: u8,
}

pub(crate) struct BindData {
    /// From 1; 0 when bound by name.
    pub(crate) position: u32,
    pub(crate) name: String,
    pub(crate) buffers: Buffers,
    pub(crate) at_exec: bool,
    pub(crate) is_array: bool,
    pub(crate) input: Option<(InCallback, *mut c_void)>,
    pub(crate) output: Option<(OutCallback, *mut c_void)>,
    pub(crate) returned: u32,
}

pub(crate) struct DefineData {
    pub(crate) buffers: Buffers,
    pub(crate) dynamic: Option<(DefineCallback, *mut c_void)>,
}

pub(crate) struct ParamData {
    pub(crate) name: *const std::ffi::c_char,
    pub(crate) name_length: usize,
    pub(crate) ty: Ty,
    pub(crate) nullable: bool,
}

#[derive(Default)]
pub(crate) struct LobData {
    /// `None` until it points at something.
    pub(crate) bytes: Option<Arc<Mutex<Vec<u8>>>>,
    pub(crate) binary: bool,
    pub(crate) temporary: bool,
}

/// A new handle; it lives until it is freed.
pub(crate) fn new(data: Data) -> *mut Handle {
    Box::into_raw(Box::new(Handle { magic: MAGIC, data }))
}

/// The handle behind a pointer, if it is one of ours and lives.
pub(crate) fn of<'h>(pointer: *mut Handle) -> Option<&'h mut Handle> {
    if pointer.is_null() || !(pointer as usize).is_multiple_of(align_of::<Handle>()) {
        return None;
    }
    // SAFETY: callers hand back what `new` gave them; the mark shows that it was not freed.
    let handle = unsafe { &mut *pointer };
    (handle.magic == MAGIC).then_some(handle)
}

pub(crate) fn free(pointer: *mut Handle) -> bool {
    let Some(handle) = of(pointer) else { return false };
    handle.magic = 0;
    // SAFETY: it came from `new`, and the mark says that it was not freed before.
    drop(unsafe { Box::from_raw(pointer) });
    true
}

macro_rules! reach {
    ($name:ident, $variant:ident, $data:ty) => {
        pub(crate) fn $name<'h>(pointer: *mut Handle) -> Option<&'h mut $data> {
            match &mut of(pointer)?.data {
                Data::$variant(data) => Some(data),
                _ => None,
            }
        }
    };
}

reach!(error, Error, ErrorData);
reach!(server, Server, ServerData);
reach!(service, Service, ServiceData);
reach!(user, User, UserData);
reach!(statement, Statement, StatementData);
reach!(bind, Bind, BindData);
reach!(define, Define, DefineData);
reach!(stamp, Stamp, Stamp);
reach!(lob, Lob, LobData);

/// The server of a service context.
pub(crate) fn server_of<'h>(service_: *mut Handle) -> Option<&'h mut ServerData> {
    server(service(service_)?.server)
}
