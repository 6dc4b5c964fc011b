//! The integration tests, one binary of them: most start the real executable as its users do and look at what
//! it answers, prints and writes into a real `MariaDB`. `bash tests/run.sh` runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod layers;
mod style;

mod adversary;
mod check;
mod commands;
mod config;
mod crosswalk;
mod databases;
mod driver;
mod faults;
mod generated;
mod ingest;
mod init;
mod links;
mod manual;
mod mapping;
mod mapping_test;
mod order;
mod queue;
mod recipes;
mod rehearse;
mod review;
mod sealed;
mod secrets;
mod sync;
mod upgrades;
