//! How a command ends: exit codes as scripts know them, and the words for a failure.

use std::{fmt, process::ExitCode};

/// Exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done = 0,
    /// Problems were found, or it could not be done.
    Problems = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The daemon or the database cannot be reached.
    Unreachable = 69,
    /// The configuration is wrong.
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that did not do what it was asked to; the message goes to stderr.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    /// What happened and what to do; empty where nothing is to be said.
    pub(super) message: String,
}

impl Failure {
    /// A failure with words.
    pub(super) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// The reader of stdout has gone away, as `head` does: that is success.
    #[must_use]
    pub(super) fn broken_pipe() -> Self {
        Self { exit: Exit::Done, message: String::new() }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Problems, format!("{error:#}"))
    }
}
