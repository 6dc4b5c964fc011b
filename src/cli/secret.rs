//! `secret`: what helps to keep secrets.

use crate::cli::{
    exit::{Exit, Failure},
    secret_protect,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// On Windows: seal a password, token or key so that his-config.json need not hold it in clear
    ///
    /// Asks for the secret without showing it, or reads it from standard input, and prints what to write in its place:
    /// {"dpapi": "..."}. Only this machine can open it. On Linux this says what to use instead, and ends with exit code 2.
    Protect(secret_protect::Args),
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Protect(args) => secret_protect::run(args),
    }
}
