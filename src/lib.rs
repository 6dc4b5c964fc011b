//! buktor-middleware: receives Buktor's events over HTTP, keeps each one durable in `SQLite` before it
//! answers, and writes them on a schedule into the tables of a Hospital Information System (HIS).
//!
//! Modules in reading order, lowest layer first; imports go from later to earlier ones only
//! (`docs/architecture.md`, held by `tests/it/layers.rs`).

pub mod limits;
pub mod model;

pub mod auth;
pub mod config;
pub mod plan;
pub mod policy;
pub mod propose;
pub mod saved;
pub mod sql;

pub mod his;
pub mod http;
pub mod ingest;
pub mod queue;
pub mod telemetry;

pub mod examples;
pub mod sync;

pub mod daemon;
pub mod housekeeping;

pub mod cli;
