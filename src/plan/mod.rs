//! Event + mapping + live schema -> row changes, or the reason why not. Pure: no I/O, no clock, no SQL, no dialect.
//!
//! `bind` checks a mapping against the live tables once and prepares it, `rows` plans single events with what
//! was bound, `source` finds values in an event, `convert` (with `number`) makes them fit their columns, `format` and
//! `template` write texts of them, `verify` tells what `check` and the start-up log say about a mapping.

mod bind;
mod convert;
mod format;
mod key;
mod number;
mod rows;
mod source;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "called from plan::bind and plan::rows with the mapping keys that come with it"
    )
)]
mod template;
pub mod verify;

pub use rows::{Planned, Planner, tables};
