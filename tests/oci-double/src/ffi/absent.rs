//! Functions of features that the double has not: pools, objects, queues, two-phase commits. They must never do anything
//! but say so.

use std::ffi::c_void;

use crate::ffi::handle::Handle;
use crate::ffi::tell;
use crate::ora::OraError;

/// The error handle is the second argument of all of these; what follows it is not looked at.
macro_rules! absent {
    ($($name:ident),* $(,)?) => { $( absent!(one $name); )* };
    (one $name:ident) => {
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(_first: *mut c_void, errhp: *mut Handle) -> i32 {
            tell(errhp, &OraError::absent(stringify!($name)))
        }
    };
}

absent!(
    OCISessionGet,
    OCISessionPoolCreate,
    OCISessionPoolDestroy,
    OCISessionRelease,
    OCITransStart,
    OCITransPrepare,
    OCITransForget,
    OCITransDetach,
    OCIBindObject,
    OCIDefineObject,
    OCIDescribeAny,
    OCITypeByName,
    OCITypeByFullName,
    OCIObjectNew,
    OCIObjectFree,
    OCIObjectPin,
    OCIObjectCopy,
    OCIObjectGetAttr,
    OCIObjectSetAttr,
    OCIObjectGetInd,
    OCIAQEnq,
    OCIAQDeq,
    OCIAQEnqArray,
    OCIAQDeqArray,
    OCIDBStartup,
    OCIDBShutdown,
    OCILobFileExists,
    OCILobFileGetName,
    OCILobFileSetName,
    OCIContextGetValue,
    OCIContextSetValue,
);
