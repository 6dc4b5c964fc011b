//! `queue`: the queue file as a whole, while the daemon is stopped.

use std::path::{Path, PathBuf};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config,
        operator::operator,
        output,
    },
    daemon,
    queue::{self, AuditAction, Inspector, QueueError, Rekeyed},
};

/// Events between two lines of progress.
const TOLD_EVENTS: u64 = 10_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Encrypt all events in the queue file with a new key, after the old one may have become known
    ///
    /// The daemon must be stopped. The new key takes the place of the old one in the key file: back it up, apart from the
    /// queue file. The old one is kept beside it; delete it once no backup of the queue is left that was made with it. If it is
    /// interrupted, run it again; the events stay readable at every instant.
    Rekey {
        /// The file that holds the new key, a text of at least 32 characters; without it one is made. Needed where
        /// queue.key names no file
        #[arg(long, value_name = "FILE")]
        new_key: Option<PathBuf>,
    },
    /// Write the queue file anew, without what is free in it, and let it give room back to the disk from then on
    ///
    /// The daemon must be stopped. Needed once, for a large file of an earlier version. Takes room on the disk for two copies
    /// of what is in the file.
    Compact,
}

pub(super) fn run(explicit: Option<&Path>, command: &Command) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let problem = |e: QueueError| Failure::new(Exit::Problems, e);
    let options = daemon::queue_options(&config);
    let note = |command: &str, action: AuditAction, detail: &str| {
        let inspector = Inspector::open(&config.queue.path, &config.queue.key)?;
        inspector.note(&operator(command), action, Some(detail))
    };
    match command {
        Command::Rekey { new_key } => {
            let mut told = None;
            let done = queue::rekey(options, new_key.as_deref(), |done, all| {
                let due = told.is_none_or(|told| done >= told + TOLD_EVENTS || (done == all && told != all));
                if due {
                    told = Some(done);
                    output::talk(&format!("{done} of {all} events encrypted with the new key"));
                }
            })
            .map_err(problem)?;
            let detail = format!("{} encrypted with a new key", events(done.events));
            note("queue rekey", AuditAction::Rekey, &detail).map_err(problem)?;
            output::data(&summary(&done))?;
        }
        Command::Compact => {
            output::talk("writing the queue file anew; this may take minutes");
            let done = queue::compact(options).map_err(problem)?;
            let kib = |bytes: u64| bytes.div_ceil(1024);
            let detail = format!("from {} to {} KiB", kib(done.before), kib(done.after));
            note("queue compact", AuditAction::Compact, &detail).map_err(problem)?;
            output::data(&format!(
                "the queue file had {} KiB and has {} KiB now",
                kib(done.before),
                kib(done.after)
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn summary(done: &Rekeyed) -> String {
    let next = match &done.key {
        Some(file) => format!("The new key is in {}: back it up, apart from the queue file.", file.display()),
        None => "Now put the new key where queue.key of the configuration says: until then the daemon does not start.".to_owned(),
    };
    let old = match &done.old_key {
        Some(file) => {
            format!(", which is in {} now: delete that once no such backup is left", file.display())
        }
        None => String::new(),
    };
    format!(
        "{} encrypted with the new key.
{next} Backups of the queue that were made before need the old key{old}.",
        events(done.events)
    )
}

fn events(count: u64) -> String {
    if count == 1 { "1 event is".to_owned() } else { format!("{count} events are") }
}
