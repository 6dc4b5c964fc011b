//! `backup`: a whole copy of the queue file, beside a running daemon or without one.

use std::path::{Path, PathBuf};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config,
        operator::operator,
        output,
    },
    model::clock::Timestamp,
    queue::{self, Content},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to make; it must not be there. On another disk than the queue's it survives that one
    file: PathBuf,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let by = operator("backup");
    let made = queue::backup(&config.queue.path, &args.file, config.queue.free_bytes_min, &by)
        .map_err(|error| Failure::new(Exit::Problems, error))?;
    output::data(&format!(
        "{} is a whole copy of {}: {:.1} MB, {}",
        args.file.display(),
        config.queue.path.display(),
        megabytes(made.bytes),
        words(&made.content)
    ))?;
    if made.content.is_sealed {
        output::talk(
            "The events in it are encrypted, and their key (queue.key) is NOT in it: keep a copy of the key elsewhere. \
             Without it nobody can read the backup, you neither.",
        );
    }
    Ok(Exit::Done)
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// `12 events (3 pending, 9 applied), the last received 2026-11-21T14:30:00Z`.
pub(super) fn words(content: &Content) -> String {
    let all: u64 = content.counts.values().sum();
    if all == 0 {
        return "no events".to_owned();
    }
    let states: Vec<String> =
        content.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let last = content.last_received_at.map(Timestamp::rfc3339).unwrap_or_default();
    let events = if all == 1 { "event" } else { "events" };
    format!("{all} {events} ({}), the last received {last}", states.join(", "))
}
