//! The integration tests, one binary of them: most start the real executable as its users do and look at what
//! it answers, prints and writes into a real `MariaDB`. `bash tests/run.sh` runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod layers;
mod style;

mod adversary;
mod audit;
mod auth;
mod backup;
mod check;
#[cfg(target_os = "linux")]
mod clock;
mod commands;
mod config;
mod crosswalk;
mod databases;
#[cfg(target_os = "linux")]
mod disk;
mod driver;
mod faults;
mod fuzz_corpus;
mod generated;
#[cfg(target_os = "linux")]
mod hostile;
mod ingest;
mod init;
mod inside;
#[cfg(target_os = "linux")]
mod kill;
mod links;
mod logs;
mod manual;
mod mapping;
mod mapping_test;
mod order;
#[cfg(target_os = "linux")]
mod power;
mod queue;
mod recipes;
mod rehearse;
mod review;
mod sealed;
mod secrets;
mod sync;
mod tls;
mod upgrades;
