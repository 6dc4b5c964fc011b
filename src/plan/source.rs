//! Finds a mapping's sources in an event.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::model::{
    event::StoredEvent,
    mapping::{Builtin, Source},
    value::Literal,
};

/// A source's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    /// From the event's body.
    Json(&'a Value),
    /// A built-in text.
    Text(&'a str),
    /// A built-in moment.
    Moment(DateTime<Utc>),
}

/// An event with its body parsed.
pub(super) struct Content<'a> {
    event: &'a StoredEvent,
    root: &'a Value,
    data: Option<&'a Value>,
}

impl<'a> Content<'a> {
    pub(super) fn new(event: &'a StoredEvent, root: &'a Value) -> Self {
        Self { event, root, data: root.get("data").filter(|d| d.is_object()) }
    }

    /// A field of that path in `data`, else at the top level, else the built-in source of that name.
    pub(super) fn find(&self, source: &Source) -> Option<Found<'a>> {
        let field = |from: &'a Value| descend(from, &source.path);
        let field = if source.path.is_empty() {
            None
        } else {
            self.data.and_then(field).or_else(|| field(self.root))
        };
        field.map(Found::Json).or_else(|| self.builtin(source.builtin?))
    }

    fn builtin(&self, builtin: Builtin) -> Option<Found<'a>> {
        let event = self.event;
        match builtin {
            Builtin::ReceivedAt => Some(Found::Moment(event.received_at.utc())),
            Builtin::UpdatedAt => Some(Found::Moment(event.occurred_at.unwrap_or(event.received_at).utc())),
            Builtin::Timestamp => match event.occurred_at {
                Some(t) => Some(Found::Moment(t.utc())),
                None => self.root.get("timestamp").map(Found::Json),
            },
            Builtin::EventId => Some(Found::Text(&event.id)),
            Builtin::EventType => Some(Found::Text(&event.kind.0)),
            Builtin::Operation => operation(event).map(Found::Text),
            Builtin::Source => self.root.get("source").map(Found::Json),
        }
    }
}

/// The event's operation, else the part of its type after the dot.
pub(super) fn operation(event: &StoredEvent) -> Option<&str> {
    event.operation.as_deref().or_else(|| event.kind.suffix())
}

fn descend<'a>(from: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(from, |value, part| match value {
        Value::Object(map) => map.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A scalar's text form: what `values` and `when` compare. `None` for arrays and objects.
pub(super) fn text_form(found: Found<'_>) -> Option<std::borrow::Cow<'_, str>> {
    use std::borrow::Cow;
    Some(match found {
        Found::Json(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Found::Json(Value::Number(number)) => Cow::Borrowed(number.as_str()),
        Found::Json(Value::Bool(b)) => Cow::Borrowed(if *b { "true" } else { "false" }),
        Found::Json(Value::Null) => Cow::Borrowed("null"),
        Found::Json(Value::Array(_) | Value::Object(_)) => return None,
        Found::Text(text) => Cow::Borrowed(text),
        Found::Moment(t) => Cow::Owned(t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    })
}

/// Whether a source's value equals a literal of the configuration. Numbers are compared as written.
pub(super) fn equals(found: Found<'_>, literal: &Literal) -> bool {
    let text = match literal {
        Literal::Null => return matches!(found, Found::Json(Value::Null)),
        Literal::Bool(true) => "true",
        Literal::Bool(false) => "false",
        Literal::Number(text) | Literal::Text(text) => text,
    };
    !matches!(found, Found::Json(Value::Null)) && text_form(found).is_some_and(|t| t == text)
}
