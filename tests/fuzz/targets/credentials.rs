//! libFuzzer's way into `properties::credentials`; decides nothing.

#![no_main]

#[path = "../properties/mod.rs"]
#[allow(dead_code, reason = "each target uses its own property")]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::credentials::holds(bytes));
