//! Configuration files: a technician's, so honest, but damaged in every way that an editor knows.

use std::{ffi::OsString, path::Path};

use buktor_middleware::{
    config::Config,
    model::{
        clock::Timestamp,
        event::{EventKind, Seq, StoredEvent},
    },
    plan::Planned,
};
use serde_json::Value;

use super::his;

/// What no message may show.
const SECRET: &str = "hunter2-kZ9q";
/// Words in keys whose values are secrets, or are meant to be.
const SECRET_KEYS: [&str; 5] = ["pass", "token", "secret", "pwd", "key"];

/// A configuration, or all that is wrong with it, without a secret in the words; and a mapping that is right can be planned
/// with, whatever tables there are.
pub(crate) fn holds(bytes: &[u8]) {
    check(bytes);
    if let Ok(mut written) = serde_json::from_slice::<Value>(bytes)
        && conceal(&mut written)
    {
        check(written.to_string().as_bytes());
    }
}

fn check(bytes: &[u8]) {
    let environment = |name: &str| match name {
        "SET" => Some(OsString::from(SECRET)),
        _ => None,
    };
    match Config::parse(bytes, Path::new("/no-such-folder/his-config.json"), &environment) {
        Err(error) => {
            assert!(!error.problems.is_empty());
            let told = error.to_string();
            assert!(!told.contains(SECRET) || is_elsewhere(bytes), "{told}");
            let control = told.chars().find(|c| c.is_control() && *c != '\n');
            assert!(control.is_none(), "{control:?} in {told:?}");
        }
        Ok(config) => {
            let shown = format!("{:?}", config.auth)
                + &format!("{:?}", config.database)
                + &format!("{:?}", config.queue);
            assert!(!shown.contains(SECRET) || is_elsewhere(bytes), "{shown}");
            plan(config);
        }
    }
}

/// Whether the secret's text stands where no secret belongs, and may be shown.
fn is_elsewhere(bytes: &[u8]) -> bool {
    let Ok(mut written) = serde_json::from_slice::<Value>(bytes) else { return false };
    remove_secrets(&mut written);
    written.to_string().contains(SECRET)
}

/// Puts the secret in the place of every text where one belongs, or where somebody may have put one. Whether there was any.
fn conceal(written: &mut Value) -> bool {
    let mut any = false;
    each_secret(written, &mut |text| {
        any = true;
        SECRET.clone_into(text);
    });
    any
}

fn remove_secrets(written: &mut Value) {
    each_secret(written, &mut |text| text.clear());
}

fn each_secret(written: &mut Value, act: &mut dyn FnMut(&mut String)) {
    for section in ["database", "auth"] {
        let Some(Value::Object(fields)) = written.get_mut(section) else { continue };
        for (key, value) in fields {
            if SECRET_KEYS.iter().any(|word| key.to_lowercase().contains(word)) {
                texts(value, act);
            }
        }
    }
}

/// Texts that are secrets: not what names a variable, a file or the secret itself.
fn texts(value: &mut Value, act: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => act(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, act)),
        Value::Object(fields) => {
            if let Some(secret) = fields.get_mut("secret") {
                texts(secret, act);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn plan(config: Config) {
    let kinds: Vec<EventKind> =
        config.mappings.by_kind.values().map(|mapping| mapping.kind.clone()).collect();
    let planner = his::planner(config.mappings);
    for finding in planner.findings() {
        assert!(!finding.message.is_empty());
    }
    let body = br#"{"type":"a","appointment_id":5,"patient_info":{"patient_id":"P1"},"status":"confirmed","k":1,"v":"2025-03-03T09:00:00Z","slots":[{"start":"09:00"}]}"#;
    for kind in kinds {
        let event = StoredEvent {
            seq: Seq(7),
            id: "e7".to_owned(),
            kind,
            operation: None,
            occurred_at: None,
            received_at: Timestamp(1_740_000_000_000_000),
            body: body.to_vec(),
            attempts: 0,
            crashes: 0,
            replay: false,
            twin: false,
            doubt: false,
        };
        if let Planned::Draft(draft, _) = planner.plan(&event)
            && let Ok(finished) = planner.finish(draft, &event, &[], &[])
        {
            his::fits(&finished.change);
        }
    }
}
