//! Owns the conversation with PostgreSQL: protocol 3 over TCP, without TLS. It must never know anything of Oracle.

mod cancel;
mod message;
pub(crate) mod wire;

pub(crate) use cancel::Canceller;
pub(crate) use message::{Answer, PgError};
pub(crate) use wire::{Failure, PgConn};

/// Type numbers of PostgreSQL that parameters are declared with.
pub(crate) mod oid {
    pub(crate) const BYTEA: u32 = 17;
    pub(crate) const TEXT: u32 = 25;
    pub(crate) const FLOAT4: u32 = 700;
    pub(crate) const FLOAT8: u32 = 701;
    pub(crate) const TIMESTAMP: u32 = 1114;
    pub(crate) const TIMESTAMPTZ: u32 = 1184;
    pub(crate) const NUMERIC: u32 = 1700;
    pub(crate) const INTERVAL: u32 = 1186;
}
