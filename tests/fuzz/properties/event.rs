//! Bodies of requests: the envelope, and what every mapping makes of an event that was accepted.

use buktor_middleware::{
    ingest::envelope,
    model::{
        clock::Timestamp,
        event::{Seq, StoredEvent},
    },
};
use serde_json::Value;

use super::{his, is_told_well};

const NOW: Timestamp = Timestamp(1_740_000_000_000_000);

/// A body is refused in plain words, or read in one way alone: the envelope, its digest and the mapping see the same event.
pub(crate) fn holds(body: &[u8]) {
    let event = match envelope::read(body, NOW) {
        Ok(event) => event,
        Err(refused) => return is_told_well(&refused.to_string()),
    };
    let value: Value = serde_json::from_slice(&event.body).expect("an accepted body is JSON");
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let kind =
        value.get("event_type").filter(|kind| !kind.is_null()).and_then(Value::as_str).or(text("type"));
    assert_eq!(kind, Some(event.kind.0.as_str()));
    if let (Some(id), Some(written)) = (&event.id, value.get("event_id")) {
        assert_eq!(id.0, written.as_str().map_or_else(|| written.to_string(), str::to_owned));
        assert!(!id.0.chars().any(char::is_control));
    }
    assert_eq!(event.operation.as_deref(), text("operation").filter(|text| !text.is_empty()));

    let again =
        envelope::read(value.to_string().as_bytes(), NOW).expect("written again it is the same event");
    assert_eq!((&again.id, &again.kind, again.digest), (&event.id, &event.kind, event.digest));

    let telling = his::telling(&value);
    let kinds: Vec<String> = his::kinds().collect();
    let stored = StoredEvent::unqueued(event, Seq(7), "made-7");
    for side in his::sides() {
        for kind in &kinds {
            side.holds(&stored, kind, &telling);
        }
    }
}
