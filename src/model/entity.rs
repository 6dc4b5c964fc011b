//! The record that an event is about.

/// The record that an event is about: event type before the dot + key values. Events of one entity keep their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entity(pub String);
