//! `restore`: a backup takes the place of the queue file. Says what that costs, and asks.

use std::path::{Path, PathBuf};

use crate::{
    cli::{
        backup,
        exit::{Exit, Failure},
        load_config,
        operator::operator,
        output,
    },
    model::clock::Timestamp,
    queue::{BackupError, Present, Restoring},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The backup
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let problem = |error: BackupError| Failure::new(Exit::Problems, error);
    let queue = &config.queue.path;
    let restoring = Restoring::prepare(queue, &args.file, &config.queue.key).map_err(problem)?;
    let content = restoring.content().clone();
    output::talk(&format!("The backup {}: {}", args.file.display(), backup::words(&content)));
    output::talk(&format!("The queue file {}: {}", queue.display(), present(restoring.present())));
    let lost = match content.last_received_at.map(Timestamp::rfc3339) {
        Some(last) => format!("Events that were received after {last}"),
        None => "All events that were ever received".to_owned(),
    };
    let question = format!(
        "{lost} are not in the backup: Buktor has to send them again. What was retried, discarded or linked since is undone. What is \
         not applied in it is looked for in the HIS before it is written."
    );
    let refusal = "restoring takes the queue file back to what it was then; add --yes if that is meant";
    if !args.yes && !output::confirmed(&question, refusal)? {
        return Err(Failure::new(Exit::Problems, "nothing was changed"));
    }
    let restored = restoring.finish(&operator("restore")).map_err(problem)?;
    output::data(&format!("{} is the queue file now", args.file.display()))?;
    if let Some(aside) = &restored.set_aside {
        output::data(&format!("the file before, with its audit trail, is {}", aside.display()))?;
    }
    if args.yes {
        output::talk(&question);
    }
    Ok(Exit::Done)
}

fn present(present: &Present) -> String {
    match present {
        Present::Nothing => "is not there yet".to_owned(),
        Present::Queue(content) => backup::words(content),
        Present::Unreadable(why) => output::printable(why),
    }
}
