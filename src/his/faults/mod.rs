//! What the vendors' error numbers mean, as data, one file a vendor. Never decides what is done about it.

use crate::model::outcome::FaultClass;

#[cfg(feature = "mysql")]
pub(super) mod mysql;
#[cfg(feature = "oracle")]
pub(super) mod oracle;
pub(super) mod sqlite;
#[cfg(feature = "sqlserver")]
pub(super) mod sqlserver;

/// Codes of a login that was refused for its name or password.
pub(super) const WRONG_PASSWORD: [&str; 3] = ["mysql-1045", "sqlserver-18456", "oracle-1017"];

/// A class in words for log lines.
pub(super) fn words(class: FaultClass) -> &'static str {
    match class {
        FaultClass::Busy => "the row or table is locked",
        FaultClass::Unreachable => "the connection",
        FaultClass::Full => "the server has no room or only reads",
        FaultClass::Login => "the login",
        FaultClass::Config => "a table, a column or a privilege",
        FaultClass::Rejected => "the data",
        FaultClass::Parent => "a row that it refers to is missing",
        FaultClass::CommitUnknown => "not known whether it was committed",
        FaultClass::Unrecognised => "of no known kind",
    }
}
