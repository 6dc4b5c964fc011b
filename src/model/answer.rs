//! What the HIS answers when it is asked for a row.

use std::sync::Arc;

/// What a lookup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The value, as text; none where it is NULL. One answer is many events'.
    Row(Option<Arc<str>>),
    /// No row has the value.
    Missing,
    /// Several rows have it, and say different things.
    Several,
}
