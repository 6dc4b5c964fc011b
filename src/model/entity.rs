//! The record that an event is about.

use crate::model::event::EventKind;

/// The HIS row that an event is about, by table, key columns and their values: events of one entity keep their order,
/// whatever their type. Made by `plan`; a text for the queue to keep and to compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entity(pub String);

impl Entity {
    /// Under which name the newest applied event of a type is remembered. Another type writes other columns, so that
    /// one's news do not make the other's old.
    #[must_use]
    pub fn memory(&self, kind: &EventKind) -> String {
        format!("{}\u{1f}{}", self.0, kind.base())
    }
}
