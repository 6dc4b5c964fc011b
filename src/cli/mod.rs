//! The command line: one file per command. Turns arguments into calls, and results into words and exit codes.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::{
    cli::exit::{Exit, Failure},
    config::Config,
};

mod check;
mod demo;
mod events;
mod exit;
mod generate;
mod guard;
mod init;
mod link_table;
mod links;
mod mapping;
mod output;
mod queue;
mod rehearse;
mod run;
mod save_schema;
mod secret;
mod secret_protect;
mod send;
mod status;
mod sync;

/// Keeps Buktor's events safe on this machine and writes them into the hospital's own database.
///
/// Started without a command it runs until it is stopped: it receives events at
/// <http://127.0.0.1:5000/receive-event>, keeps each one in a file before it answers, and writes them into the
/// tables that his-config.json names.
#[derive(Debug, Parser)]
#[command(name = "buktor-middleware", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// The configuration file; without it his-config.json is looked for in the program's own folder, then in the
    /// current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)
    #[arg(long, short, global = true, value_name = "FILE", env = "BUKTOR_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "New here? `buktor-middleware demo` shows the whole path in a few seconds and needs nothing.\n\
    Then `buktor-middleware init` makes his-config.json from your database, and `buktor-middleware check` tells whether\n\
    it fits.\n\n\
    Exit codes: 0 done, 1 problems found, 2 wrong command line, 69 not reachable, 78 wrong configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive events and write them into the HIS until stopped (what happens without a command)
    Run,
    /// Check the configuration, the connection to the HIS database, and the mapping against its tables
    ///
    /// Changes nothing. Ends with exit code 1 if there is any problem, so that a script can use it.
    Check(check::Args),
    /// Try an event on the real tables and take it back: shows each column before and after, and any error
    ///
    /// Runs the statements that the daemon would run, in a transaction that is rolled back at the end, whatever happens.
    /// Shows what stands in the tables: patient data! Works beside a running daemon. Ends with exit code 0 if the event
    /// would be applied, and with 1 if it would not. Tables without transactions are refused before anything is written.
    Rehearse(rehearse::Args),
    /// Try the mapping without a database
    #[command(subcommand)]
    Mapping(mapping::Command),
    /// Make his-config.json: connects to the HIS database, looks at its tables and proposes a mapping
    ///
    /// Asks on a terminal; every question has an option, so that it works without one. Writes nothing into the
    /// database, and no file but the configuration. At the end it does what `check` does.
    Init(Box<init::Args>),
    /// Show the whole path with a small database that stands in for the HIS; needs no server and no configuration
    ///
    /// Receives three sample events as Buktor sends them, writes them into the tables of that database and shows
    /// the rows. Leaves nothing behind, unless --keep names a folder.
    Demo(demo::Args),
    /// Send a test event to the running daemon
    Send(send::Args),
    /// Write waiting events into the HIS now, without waiting for the schedule
    Sync(sync::Args),
    /// Show how many events wait, are done or need attention, and whether the HIS can be reached
    Status(status::Args),
    /// List, show, retry or discard single events; show and change which row of the HIS a record is
    #[command(subcommand)]
    Events(events::Command),
    /// Change the key of the queue file's events, or write the file anew
    #[command(subcommand)]
    Queue(queue::Command),
    /// Keep secrets out of the configuration
    #[command(subcommand)]
    Secret(secret::Command),
    /// Print files for packages and editors: manual page, shell completions, JSON Schema of his-config.json
    #[command(subcommand)]
    Generate(generate::Command),
}

/// Runs the program. `args` begins with the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let config = cli.config.as_deref();
    let result = match cli.command.unwrap_or(Command::Run) {
        Command::Run => run::run(config),
        Command::Check(args) => check::run(config, &args),
        Command::Rehearse(args) => rehearse::run(config, &args),
        Command::Mapping(command) => mapping::run(config, &command),
        Command::Init(args) => init::run(config, &args),
        Command::Demo(args) => demo::run(&args),
        Command::Send(args) => send::run(config, &args),
        Command::Sync(args) => sync::run(config, &args),
        Command::Status(args) => status::run(config, &args),
        Command::Events(command) => events::run(config, &command),
        Command::Queue(command) => queue::run(config, &command),
        Command::Secret(command) => secret::run(&command),
        Command::Generate(command) => generate::run(&command),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                output::talk(&failure.message);
            }
            failure.exit.into()
        }
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // A closed stdout or stderr changes nothing of what the exit code says.
    drop(error.print());
    if asked_for { Exit::Done.into() } else { Exit::Usage.into() }
}

/// Finds and reads the configuration; every mistake in it is in the failure's message.
fn load_config(explicit: Option<&Path>) -> Result<Config, Failure> {
    let path = crate::config::find(explicit).map_err(|e| Failure::new(Exit::Configuration, e))?;
    Config::load(&path).map_err(|e| Failure::new(Exit::Configuration, e))
}

/// The runtime of the daemon and of commands that talk to it.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Problems, format!("the program cannot start its threads: {e}")))
}
