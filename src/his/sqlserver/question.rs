//! Questions to the server about itself and its catalog. What an odd server does not know is asked for more plainly, or gone
//! on without; a lost connection is no such thing. Changes nothing.

use tiberius::ColumnData;

use super::{SqlServer, last};
use crate::{his::HisError, model::outcome::FaultClass};

/// The rows of an answer, as texts.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// A text as a parameter.
pub(super) fn text(text: &str) -> ColumnData<'_> {
    ColumnData::String(Some(text.into()))
}

impl SqlServer {
    /// Runs a query; gives its rows.
    pub(super) async fn ask(&mut self, sql: &str, values: &[ColumnData<'_>]) -> Result<Rows, HisError> {
        Ok(last(self.run(sql, values.to_vec()).await?))
    }

    /// Asks by the first of these queries that the server takes.
    pub(super) async fn ask_plainly(
        &mut self,
        queries: &[&str],
        values: &[ColumnData<'_>],
    ) -> Result<Rows, HisError> {
        let mut refusal = None;
        for sql in queries {
            match self.ask(sql, values).await {
                Err(error) if is_refusal(&error) => {
                    tracing::debug!(code = error.code, "the server does not answer a question about itself");
                    refusal.get_or_insert(error);
                }
                answer => return answer,
            }
        }
        refusal.map_or_else(|| Ok(Vec::new()), |error| Err(unanswered(error)))
    }

    /// The same where an answer is not indispensable: an odd server or a missing privilege gives no row.
    pub(super) async fn ask_gently(
        &mut self,
        sql: &str,
        values: &[ColumnData<'_>],
    ) -> Result<Rows, HisError> {
        match self.ask_plainly(&[sql], values).await {
            Err(error) if !error.is_of_connection() => Ok(Vec::new()),
            answer => answer,
        }
    }
}

/// That a question has no answer without which nothing can be written.
fn unanswered(error: HisError) -> HisError {
    let words = |of: &str| {
        format!(
            "SQL Server does not answer a question about its tables ({of}): this program is made for SQL Server 2008 R2 and \
             later, and its login must be a user of the database"
        )
    };
    HisError {
        message: words(&format!("{}: {}", error.code, error.message)),
        public: words(&error.code),
        ..error
    }
}

/// Whether the server understood, and would not or could not.
pub(super) fn is_refusal(error: &HisError) -> bool {
    matches!(error.class, FaultClass::Config | FaultClass::Rejected | FaultClass::Unrecognised)
}
