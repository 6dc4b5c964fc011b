//! The record that an event is about.

/// The HIS row that an event is about, by table and key: events of one entity keep their order, whatever their type.
/// Made by `plan`; a text for the queue to keep and to compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entity(pub String);
