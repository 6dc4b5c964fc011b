//! The words of the domain: no I/O, no async, no serde. Everything above speaks in these types.

pub mod answer;
pub mod awaits;
pub mod change;
pub mod clock;
pub mod entity;
pub mod event;
pub mod format;
pub mod mapping;
pub mod moment;
pub mod need;
pub mod outcome;
#[cfg(test)]
pub(crate) mod sample;
pub mod storage;
pub mod table;
pub mod template;
pub mod value;
