//! Owns SQL Server's errors: number, state, class and wording; never decides what an error does to a transaction.

/// An error as SQL Server sends it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{number} (class {class}, state {state}, line {line}): {message}")]
pub(crate) struct SqlError {
    pub(crate) number: i32,
    pub(crate) state: u8,
    pub(crate) class: u8,
    pub(crate) message: String,
    pub(crate) line: u32,
    pub(crate) procedure: String,
}

/// Why a request does not go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A statement failed.
    Error(SqlError),
    /// The client sent an attention.
    Attention,
    /// The connection is to be cut without a word.
    Disconnect,
}

/// What a statement comes to.
pub(crate) type Run<T> = Result<T, Halt>;

impl From<SqlError> for Halt {
    fn from(error: SqlError) -> Self {
        Self::Error(error)
    }
}

impl SqlError {
    /// Errors of THROW, RAISERROR and triggers end as these do.
    pub(crate) fn at(mut self, line: u32) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self
    }
}

/// An error of class 16 and state 1, as most are.
pub(crate) fn err(number: i32, message: impl Into<String>) -> SqlError {
    err_class(number, 16, 1, message)
}

/// An error with its class and state.
pub(crate) fn err_class(number: i32, class: u8, state: u8, message: impl Into<String>) -> SqlError {
    SqlError { number, state, class, message: message.into(), line: 0, procedure: String::new() }
}

/// 102: a token that does not fit.
pub(crate) fn syntax(near: &str) -> SqlError {
    err_class(102, 15, 1, format!("Incorrect syntax near '{near}'."))
}

/// 156: a reserved word that does not fit.
pub(crate) fn syntax_keyword(word: &str) -> SqlError {
    err_class(156, 15, 1, format!("Incorrect syntax near the keyword '{word}'."))
}

/// 207.
pub(crate) fn no_column(name: &str) -> SqlError {
    err(207, format!("Invalid column name '{name}'."))
}

/// 208.
pub(crate) fn no_object(name: &str) -> SqlError {
    err(208, format!("Invalid object name '{name}'."))
}

/// 137.
pub(crate) fn no_variable(name: &str) -> SqlError {
    err_class(137, 15, 2, format!("Must declare the scalar variable \"{name}\"."))
}

/// 8115 in its general form.
pub(crate) fn overflow(from: &str, to: &str) -> SqlError {
    err_class(8115, 16, 2, format!("Arithmetic overflow error converting {from} to data type {to}."))
}

/// 8134.
pub(crate) fn divide_by_zero() -> SqlError {
    err(8134, "Divide by zero error encountered.")
}

/// Whether the error ends the batch and rolls the transaction back even with `XACT_ABORT` OFF.
pub(crate) fn dooms_the_batch(error: &SqlError) -> bool {
    matches!(error.number, 241 | 242 | 245 | 248 | 293 | 295 | 1205 | 3609 | 8169) || error.class >= 19
}

/// Whether the error ends the batch but leaves the transaction alone: what a statement could not be compiled for.
pub(crate) fn ends_the_batch(error: &SqlError) -> bool {
    matches!(
        error.number,
        102 | 105
            | 128
            | 137
            | 156
            | 195
            | 206
            | 207
            | 208
            | 209
            | 213
            | 257
            | 402
            | 529
            | 4104
            | 4121
            | 4145
            | 8117
            | 8120
            | 8155
            | 10738
            | 107
            | 110
            | 109
            | 264
            | 271
            | 273
            | 334
            | 2715
            | 10713
            | 319
            | 336
    )
}
