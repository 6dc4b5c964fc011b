//! Owns sessions: logging in, running statements, transactions, faults. It must never touch memory of the caller.

mod admin;
pub(crate) mod dictionary;
mod errors;
mod exec;
mod faults;
pub(crate) mod login;
mod ready;
pub(crate) mod session;
pub(crate) mod value;

pub(crate) use exec::{Outcome, Request};
pub(crate) use session::Session;
pub(crate) use value::{Stamp, Val};
