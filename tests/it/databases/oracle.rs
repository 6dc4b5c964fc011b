//! Oracle: being built.

use serde_json::Value;

use super::his::Database;

pub(crate) struct Oracle;

impl Oracle {
    pub(crate) fn create() -> Self {
        panic!("being built")
    }
}

impl Database for Oracle {
    fn run(&self, _: &str) -> Result<(), String> {
        unreachable!()
    }
    fn rows(&self, _: &str) -> Vec<String> {
        unreachable!()
    }
    fn section(&self, _: Option<u16>) -> Value {
        unreachable!()
    }
    fn port(&self) -> Option<u16> {
        unreachable!()
    }
    fn hold(&self, _: &str) -> Box<dyn std::any::Any> {
        unreachable!()
    }
    fn kill_sessions(&self) {
        unreachable!()
    }
    fn limit(&self, _: &str, _: &str) {
        unreachable!()
    }
    fn other_schema(&self) -> String {
        unreachable!()
    }
    fn allow(&self, _: &str) {
        unreachable!()
    }
    fn allow_procedure(&self, _: &str) {
        unreachable!()
    }
}
