//! Errors of the HIS database, classified by the vendor's number. Holds no number itself (see `faults`) and decides
//! nothing about what is done.

use crate::{
    his::faults,
    model::outcome::{FaultClass, Rejection},
};

/// The code of [`HisError::row_gone`].
pub(crate) const ROW_GONE: &str = "row-gone";

/// The code of an update that found no row.
pub(crate) const NO_ROW: &str = "no-row";

/// What a call to the HIS database ended with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HisError {
    /// What it means for the daemon.
    pub class: FaultClass,
    /// Short and without values: `mysql-1364`, `sqlite-2067`, `no-row`.
    pub code: String,
    /// In the database's own words where it has some; may hold patient data, so it is kept out of the log.
    pub message: String,
    /// What to log in its place: free of values.
    pub public: String,
    /// A unique index refused the row.
    pub duplicate_key: bool,
    /// Which were refused, where the database tells: rows of a statement, or events of a batch.
    pub refused: Vec<usize>,
}

impl HisError {
    /// An error in the daemon's own words, which hold no value and may be logged as they are.
    pub(crate) fn plain(class: FaultClass, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            class,
            code: code.to_owned(),
            public: message.clone(),
            message,
            duplicate_key: false,
            refused: Vec::new(),
        }
    }

    /// An error in the database's own words, which may hold values: the log gets its number and class.
    pub(crate) fn server(
        class: FaultClass,
        product: &str,
        number: i64,
        message: String,
        duplicate_key: bool,
    ) -> Self {
        Self {
            class,
            // "SQL Server" is `sqlserver`.
            code: format!("{}-{number}", product.to_ascii_lowercase().replace(' ', "")),
            message,
            public: format!("{product} error {number} ({})", faults::words(class)),
            duplicate_key,
            refused: Vec::new(),
        }
    }

    /// The loss of a connection in which COMMIT was under way.
    pub(crate) fn of_commit(self) -> Self {
        const UNKNOWN: &str = "it is not known whether the transaction was committed";
        Self {
            class: FaultClass::CommitUnknown,
            message: format!("{UNKNOWN}: {}", self.message),
            public: format!("{UNKNOWN}: {}", self.public),
            ..self
        }
    }

    /// Whether the server has counted a wrong password: enough of them lock the account.
    pub(crate) fn counts_against_account(&self) -> bool {
        faults::WRONG_PASSWORD.contains(&self.code.as_str())
    }

    /// Whether it is about the connection or the login, and not about what was asked.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self.class, FaultClass::Unreachable | FaultClass::CommitUnknown | FaultClass::Login)
    }

    /// The same error, for somebody else who has to know of it.
    pub(crate) fn again(error: &Self) -> Self {
        let Self { class, code, message, public, duplicate_key, refused } = error;
        Self {
            class: *class,
            code: code.clone(),
            message: message.clone(),
            public: public.clone(),
            duplicate_key: *duplicate_key,
            refused: refused.clone(),
        }
    }

    /// There is no session to run it on.
    pub(crate) fn not_connected() -> Self {
        Self::plain(FaultClass::Unreachable, "not-connected", "there is no connection to the HIS database")
    }

    /// An update found no row of its key.
    pub(crate) fn no_row() -> Self {
        Self::rejected(NO_ROW, "no row of the table has this key, and the mapping's action is update")
    }

    /// An update found no row of the key that it is linked to.
    pub(crate) fn row_gone() -> Self {
        Self::rejected(
            ROW_GONE,
            "the row that this record is linked to is not in the table any more; somebody deleted it in the HIS",
        )
    }

    /// The table made no key for an inserted row.
    pub(crate) fn no_key() -> Self {
        Self::plain(
            FaultClass::Config,
            "no-key",
            "the table gave the inserted row no generated key: generated_key must name the column that the table fills by \
             itself (AUTO_INCREMENT, IDENTITY, a sequence), and no INSTEAD OF trigger may insert the row in the table's place",
        )
    }

    /// A key is wanted that no statement has made.
    pub(crate) fn key_unknown() -> Self {
        Self::rejected(
            "key-unknown",
            "a step needs the generated key of an earlier step, and that one has inserted no row",
        )
    }

    /// An insert found its key in the table.
    pub(crate) fn row_exists() -> Self {
        Self::rejected(
            "row-exists",
            "the table has a row of this key already, and the mapping's action is insert",
        )
    }

    /// A key matched several rows.
    pub(crate) fn many_rows(matched: u64) -> Self {
        Self::rejected(
            "many-rows",
            format!("the key matches {matched} rows of the table; it must identify one"),
        )
    }

    /// The executable was built without that database.
    #[cfg(not(all(feature = "mysql", feature = "sqlserver", feature = "oracle")))]
    pub(crate) fn not_built(feature: &str) -> Self {
        let message = format!("this executable was built without {feature} support");
        Self::plain(FaultClass::Login, "not-built", message)
    }

    fn rejected(code: &str, message: impl Into<String>) -> Self {
        Self::plain(FaultClass::Rejected, code, message)
    }

    /// As the reason that the queue keeps.
    #[must_use]
    pub fn reason(&self) -> Rejection {
        Rejection { cause: self.code.clone(), message: self.message.clone() }
    }
}
