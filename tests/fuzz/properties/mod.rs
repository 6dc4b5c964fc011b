//! What must hold for every input that a stranger, or a person who writes a configuration, can give: one module for each
//! fuzz target. `holds(bytes)` panics where it does not. `tests/it/fuzz_corpus.rs` calls the same functions with the corpus,
//! so nothing here may need libFuzzer.

pub(crate) mod configuration;
pub(crate) mod credentials;
pub(crate) mod event;
pub(crate) mod his;
pub(crate) mod language;
pub(crate) mod request;

/// Longest message to a person that is not cut by whoever keeps it.
const MESSAGE_BYTES_MAX: usize = 4096;

/// A message fits on a screen, and cannot colour or move what is on it.
fn is_told_well(message: &str) {
    assert!(message.len() <= MESSAGE_BYTES_MAX, "a message of {} bytes", message.len());
    let control = message.chars().find(|c| c.is_control());
    assert!(control.is_none(), "{control:?} in {message:?}");
}
