//! What fuzzing has found, once more: every input of `tests/fuzz/corpus`, and some thousand that are made of them, must hold
//! what the fuzz targets hold. `bash tests/fuzz.sh` looks for new ones.

use std::{fs, path::Path, time::Duration};

use crate::support::rounds::{self, Seed};

#[path = "../fuzz/properties/mod.rs"]
mod properties;

#[test]
fn configurations_hold() {
    replay("configuration", properties::configuration::holds);
}
