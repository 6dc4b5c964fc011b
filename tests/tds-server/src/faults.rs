//! Owns the faults that a test has asked for; never decides how a session carries one out.

use crate::error::SqlError;
use crate::functions::like;

/// What a fault does when it is due.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// The connection ends without a word.
    Drop,
    /// An error with this number and class.
    Fail(SqlError),
    /// So many milliseconds of nothing.
    Delay(u64),
}

/// A fault that waits for a statement.
#[derive(Debug, Clone)]
struct OnStatement {
    pattern: String,
    deed: Deed,
    left: u32,
}

/// What is due at the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtCommit {
    DropBefore,
    DropAfter,
    /// The daemon is killed from outside meanwhile.
    DelayBefore(u64),
    DelayAfter(u64),
}

/// All faults of the server.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    commits: Vec<AtCommit>,
    statements: Vec<OnStatement>,
    /// Logins are refused with this error.
    pub(crate) login: Option<SqlError>,
    /// Statements that compared a narrow key with a wide value.
    pub(crate) scans: Vec<String>,
}

impl Faults {
    pub(crate) fn at_commit(&mut self, deed: AtCommit) {
        self.commits.push(deed);
    }

    pub(crate) fn next_commit(&mut self) -> Option<AtCommit> {
        if self.commits.is_empty() { None } else { Some(self.commits.remove(0)) }
    }

    pub(crate) fn on_statement(&mut self, pattern: &str, deed: Deed, times: u32) {
        self.statements.push(OnStatement { pattern: pattern.to_owned(), deed, left: times });
    }

    /// The fault that is due at this statement.
    pub(crate) fn at_statement(&mut self, text: &str) -> Option<Deed> {
        let at = self.statements.iter().position(|f| like(text, &f.pattern, None, false))?;
        let fault = &mut self.statements[at];
        let deed = fault.deed.clone();
        fault.left -= 1;
        if fault.left == 0 {
            self.statements.remove(at);
        }
        Some(deed)
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
