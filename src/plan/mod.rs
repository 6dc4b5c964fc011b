//! Event + mapping + live schema -> row changes, or the reason why not. Pure: no I/O, no clock, no SQL, no dialect.
//!
//! `bind` checks a mapping against the live tables once and prepares it as `bound` has it (`live` finds names, `key` what identifies a row,
//! `link` generated keys and marks, `lookup` lookups, `call` statements). `rows` plans single events with what was bound:
//! `draft` says what the event itself tells (`source` finds values in it, `cell` reads them, `convert` with `number` makes
//! them fit their columns, `format` and `template` make texts), `finish` adds what the queue and the HIS know. `verify` tells what `check` and the start-up
//! log say about a mapping, `needs` what the login must be allowed for it.

mod bind;
mod bound;
mod calendar;
mod call;
mod cell;
mod charset;
mod convert;
mod draft;
mod finish;
mod format;
mod guid;
mod key;
mod link;
mod live;
mod lookup;
mod needs;
mod number;
mod rows;
mod source;
mod template;
pub mod verify;

pub use draft::{Draft, DraftStep, Search};
pub use finish::{Finished, NO_LINK, Of, Refusal, StepKnown};
pub use link::link_command;
pub use live::held;
pub use lookup::{Ask, BoundLookup};
pub use rows::{Planned, Planner, tables};

#[cfg(test)]
mod tests;
