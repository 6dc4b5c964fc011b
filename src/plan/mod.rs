//! Event + mapping + live schema -> row changes, or the reason why not. Pure: no I/O, no clock, no SQL, no dialect.
//!
//! `bind` checks a mapping against the live tables once and prepares it, `rows` plans single events with what
//! was bound, `source` finds values in an event, `convert` (with `number`) makes them fit their columns, `verify` tells what
//! `check` and the start-up log say about a mapping, `needs` what the login must be allowed for it.

mod bind;
mod convert;
mod key;
mod needs;
mod number;
mod rows;
mod source;
pub mod verify;

pub use rows::{Planned, Planner, tables};
