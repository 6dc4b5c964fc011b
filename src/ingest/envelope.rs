//! What every event has around it: its type, and perhaps an id, an operation and a time. Pure; never looks at the
//! rest of the event, never at the mapping, and never repeats a value in what it tells the sender.

use crate::{
    ingest::json::{self, Fault, Fields, Json},
    limits::{EVENT_ID_BYTES_MAX, EVENT_KIND_BYTES_MAX, JSON_DEPTH_MAX},
    model::{
        clock::Timestamp,
        event::{EventId, EventKind, RawEvent, Sender},
        moment::parse_timestamp,
    },
};

/// What some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const _: () = assert!(EVENT_KIND_BYTES_MAX == 128 && EVENT_ID_BYTES_MAX == 255, "words below name them");

/// Why a body is no event. The words are for its sender: what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No bytes, or white space alone.
    #[error("the body is empty; send the event as a JSON object")]
    Empty,
    /// Not UTF-8.
    #[error("the body is not UTF-8 (byte {at}); send it, or save the file that it comes from, as UTF-8")]
    NotUtf8 {
        /// Place of the first wrong byte, from 1.
        at: usize,
    },
    /// Not JSON.
    #[error("the body is not JSON: mistake in line {line}, column {column}{hint}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What to do about a mistake that is often made.
        hint: &'static str,
    },
    /// JSON that ends too early.
    #[error("the body is not whole: the JSON ends in the middle, in line {line}, column {column}{hint}")]
    CutOff {
        /// Line, from 1.
        line: usize,
        /// Column in bytes.
        column: usize,
        /// What to do about a mistake that is often made.
        hint: &'static str,
    },
    /// Nested too deeply.
    #[error("the body nests arrays and objects more than {} deep", JSON_DEPTH_MAX - 1)]
    TooDeep,
    /// Half of a pair of `\u` escapes.
    #[error(
        "the body holds half of a surrogate pair in line {line}, column {column}; write \\uD800 to \\uDFFF in pairs"
    )]
    LoneSurrogate {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// A key twice in one object: no telling which one is meant.
    #[error("the body has the key {path} twice in one object; send each key once")]
    DuplicateKey {
        /// Where, with dots, cut.
        path: String,
    },
    /// A key that this program's JSON reader keeps for itself.
    #[error("the body has a key that begins with $serde_json::private::, which is reserved; rename it")]
    ReservedKey,
    /// JSON, but no object.
    #[error("the body is not a JSON object; send one event per request, as {{\"event_type\": ...}}")]
    NotObject,
    /// Neither `event_type` nor `type`.
    #[error("the event has no type; add \"event_type\", for example \"event_type\": \"appointment\"")]
    NoKind,
    /// A field of the envelope that cannot be used.
    #[error("\"{field}\" {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it must be.
        problem: &'static str,
    },
}

/// Reads the envelope of an event that was received at that moment, from this machine as far as the envelope can tell. A
/// byte order mark before it is dropped; everything else of the body is kept to the byte.
pub fn read(body: &[u8], received_at: Timestamp) -> Result<RawEvent, Refused> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|e| Refused::NotUtf8 { at: e.valid_up_to() + 1 })?;
    if body.trim_ascii().is_empty() {
        return Err(Refused::Empty);
    }
    let Json::Object(fields) = json::parse(text).map_err(|fault| refused(fault, body))? else {
        return Err(Refused::NotObject);
    };
    Ok(RawEvent {
        id: id(&fields)?,
        kind: kind(&fields)?,
        operation: operation(&fields)?,
        occurred_at: occurred_at(&fields),
        received_at,
        sender: Sender::LOCAL,
        body: body.to_vec(),
        digest: json::digest(&fields),
    })
}

fn refused(fault: Fault, body: &[u8]) -> Refused {
    match fault {
        Fault::Syntax { line, column } => Refused::Syntax { line, column, hint: hint(body) },
        Fault::CutOff { line, column } => Refused::CutOff { line, column, hint: hint(body) },
        Fault::TooDeep => Refused::TooDeep,
        Fault::LoneSurrogate { line, column } => Refused::LoneSurrogate { line, column },
        Fault::DuplicateKey { path } => Refused::DuplicateKey { path },
        Fault::ReservedKey => Refused::ReservedKey,
    }
}

/// Windows' shells take the quotes out of the manual's curl lines: `cmd` sends the single ones and drops the
/// double ones, `PowerShell` drops the double ones.
fn hint(body: &[u8]) -> &'static str {
    match body.trim_ascii() {
        [b'\'', ..] => {
            "; the Windows command prompt knows no single quotes: put the event into a file and send it with -d @file.json"
        }
        [b'{', b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'\\', ..] => {
            "; keys stand in double quotes, which some shells drop: put the event into a file and send it with -d @file.json"
        }
        _ => "",
    }
}

fn kind(fields: &Fields<'_>) -> Result<EventKind, Refused> {
    let (field, value) = match (fields.get("event_type"), fields.get("type")) {
        (Some(value), _) => ("event_type", value),
        (None, Some(value)) => ("type", value),
        (None, None) => return Err(Refused::NoKind),
    };
    let refuse = |problem| Err(Refused::Field { field, problem });
    let Json::Text(kind) = value else { return refuse("must be a text") };
    if kind.is_empty() {
        refuse("is empty")
    } else if kind.len() > EVENT_KIND_BYTES_MAX {
        refuse("is too long; 128 bytes are the most")
    } else if kind.chars().any(char::is_control) {
        refuse("holds control characters")
    } else if kind.trim().len() < kind.len() {
        refuse("begins or ends with white space")
    } else if kind.starts_with('.') {
        refuse("has nothing before its dot")
    } else {
        Ok(EventKind(kind.to_string()))
    }
}

fn id(fields: &Fields<'_>) -> Result<Option<EventId>, Refused> {
    let refuse = |problem| Err(Refused::Field { field: "event_id", problem });
    let id: &str = match fields.get("event_id") {
        None => return Ok(None),
        Some(Json::Text(text)) => text,
        Some(Json::Number(digits)) if !digits.contains(['.', 'e', 'E']) => digits,
        Some(_) => return refuse("must be a text or a whole number"),
    };
    if id.is_empty() {
        return refuse("is empty; leave it out where an event has no id");
    }
    valid_id("event_id", id).map(Some)
}

/// The `webhook-id` that was signed together with an event that has no `event_id`; the same may stand in it.
pub fn webhook_id(id: &[u8]) -> Result<EventId, Refused> {
    const FIELD: &str = "webhook-id";
    let refuse = |problem| Err(Refused::Field { field: FIELD, problem });
    match std::str::from_utf8(id) {
        Ok("") => refuse("is empty"),
        Ok(id) => valid_id(FIELD, id),
        Err(_) => refuse("is not UTF-8"),
    }
}

fn valid_id(field: &'static str, id: &str) -> Result<EventId, Refused> {
    let refuse = |problem| Err(Refused::Field { field, problem });
    if id.len() > EVENT_ID_BYTES_MAX {
        refuse("is too long; 255 bytes are the most")
    } else if id.chars().any(char::is_control) {
        refuse("holds control characters")
    } else {
        Ok(EventId(id.to_owned()))
    }
}

fn operation(fields: &Fields<'_>) -> Result<Option<String>, Refused> {
    let refuse = |problem| Err(Refused::Field { field: "operation", problem });
    match fields.get("operation") {
        None => Ok(None),
        Some(Json::Text(text)) if text.len() > EVENT_KIND_BYTES_MAX => {
            refuse("is too long; 128 bytes are the most")
        }
        Some(Json::Text(text)) if text.chars().any(char::is_control) => refuse("holds control characters"),
        Some(Json::Text(text)) => Ok(Some(text.to_string()).filter(|text| !text.is_empty())),
        Some(_) => refuse("must be a text"),
    }
}

/// As a mapping would read it; without an offset it is UTC. A `timestamp` that cannot be read costs the event its place
/// in time, but not its acceptance.
fn occurred_at(fields: &Fields<'_>) -> Option<Timestamp> {
    let Some(Json::Text(text)) = fields.get("timestamp") else { return None };
    parse_timestamp(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_740_000_000_000_000);

    fn check(body: impl AsRef<[u8]>, expected: &str) {
        let body = body.as_ref();
        let read = read(body, NOW).map(|event| {
            assert_eq!(event.body, body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
            assert_eq!(event.received_at, NOW);
            let id = event.id.map_or("-".to_owned(), |id| id.0);
            let operation = event.operation.unwrap_or("-".to_owned());
            let at = event.occurred_at.map_or("-".to_owned(), |at| at.utc().to_rfc3339());
            format!("{} {id} {operation} {at}", event.kind)
        });
        let told = read.unwrap_or_else(|refused| refused.to_string());
        assert_eq!(told, expected, "{}", String::from_utf8_lossy(body).chars().take(200).collect::<String>());
    }

    #[test]
    fn events_of_the_manuals() {
        check(
            r#"{"event_type": "appointment", "appointment_id": 123, "status": "confirmed"}"#,
            "appointment - - -",
        );
        check(
            r#"{"event_id":"e-1","timestamp":"2025-03-02T11:00:00Z","type":"appointment.created",
                "operation":"created","data":{"a":1},"source":"buktor"}"#,
            "appointment.created e-1 created 2025-03-02T11:00:00+00:00",
        );
        check(b"\xef\xbb\xbf{\"type\":\"a\"}", "a - - -");
    }

    #[test]
    fn types() {
        check(r#"{"event_type":"a","type":"b"}"#, "a - - -");
        check(r#"{"event_type":"a","type":7}"#, "a - - -");
        check(r#"{"event_type":null,"type":"b"}"#, "b - - -");
        check(r#"{"event_type":"a.b.c"}"#, "a.b.c - - -");
        check(r#"{"event_type":"a."}"#, "a. - - -");
        check(r#"{"event_type":"rendez vous é"}"#, "rendez vous é - - -");
        let none = r#"the event has no type; add "event_type", for example "event_type": "appointment""#;
        check("{}", none);
        check(r#"{"data":{"event_type":"a"}}"#, none);
        check(r#"{"event_type":null}"#, none);
        check(r#"{"event_type":7,"type":"b"}"#, r#""event_type" must be a text"#);
        check(r#"{"type":["b"]}"#, r#""type" must be a text"#);
        check(r#"{"event_type":""}"#, r#""event_type" is empty"#);
        check(r#"{"event_type":" a"}"#, r#""event_type" begins or ends with white space"#);
        check("{\"event_type\":\"a\u{a0}\"}", r#""event_type" begins or ends with white space"#);
        check(r#"{"event_type":"a\u0000"}"#, r#""event_type" holds control characters"#);
        check(r#"{"event_type":".a"}"#, r#""event_type" has nothing before its dot"#);
        let longest = "é".repeat(64);
        check(format!(r#"{{"event_type":"{longest}"}}"#), &format!("{longest} - - -"));
        let longer = "a".repeat(EVENT_KIND_BYTES_MAX + 1);
        check(
            format!(r#"{{"event_type":"{longer}"}}"#),
            r#""event_type" is too long; 128 bytes are the most"#,
        );
    }

    #[test]
    fn ids() {
        let with = |id: &str| format!(r#"{{"event_type":"a","event_id":{id}}}"#);
        check(with("null"), "a - - -");
        check(with("42"), "a 42 - -");
        check(with("-42"), "a -42 - -");
        check(with("123456789012345678901234567890"), "a 123456789012345678901234567890 - -");
        check(with(r#""{6F9619FF}""#), "a {6F9619FF} - -");
        for wrong in ["1.0", "1e3", "1E400", "true", "[]", "{}"] {
            check(with(wrong), r#""event_id" must be a text or a whole number"#);
        }
        check(with(r#""""#), r#""event_id" is empty; leave it out where an event has no id"#);
        check(with(r#""a\u0000b""#), r#""event_id" holds control characters"#);
        check(with(r#""a\u0085b""#), r#""event_id" holds control characters"#);
        let too_long = r#""event_id" is too long; 255 bytes are the most"#;
        check(with(&format!("\"{}\"", "x".repeat(10_240))), too_long);
        check(with(&"9".repeat(256)), too_long);
        let longest = "9".repeat(EVENT_ID_BYTES_MAX);
        check(with(&longest), &format!("a {longest} - -"));
    }

    #[test]
    fn ids_of_signatures() {
        let check = |id: &[u8], expected: Result<&str, &str>| {
            let told = webhook_id(id).map(|id| id.0).map_err(|refused| refused.to_string());
            assert_eq!(told.as_deref().map_err(String::as_str), expected);
        };
        check(b"msg_1", Ok("msg_1"));
        check("é 1".as_bytes(), Ok("é 1"));
        check(&[b'x'; 255], Ok(&"x".repeat(255)));
        check(&[b'x'; 256], Err(r#""webhook-id" is too long; 255 bytes are the most"#));
        check(b"", Err(r#""webhook-id" is empty"#));
        check(b"a\tb", Err(r#""webhook-id" holds control characters"#));
        check(b"a\xff", Err(r#""webhook-id" is not UTF-8"#));
    }

    #[test]
    fn operations() {
        let with = |operation: &str| format!(r#"{{"event_type":"a","operation":{operation}}}"#);
        check(with("null"), "a - - -");
        check(with(r#""""#), "a - - -");
        check(with(r#""deleted""#), "a - deleted -");
        check(with("7"), r#""operation" must be a text"#);
        check(with(r#""a\u0007""#), r#""operation" holds control characters"#);
        check(
            with(&format!("\"{}\"", "x".repeat(129))),
            r#""operation" is too long; 128 bytes are the most"#,
        );
    }

    #[test]
    fn times() {
        let table = [
            ("2025-03-02T11:00:00Z", "2025-03-02T11:00:00+00:00"),
            ("2025-03-02T11:00:00.123456789+02:00", "2025-03-02T09:00:00.123456+00:00"),
            ("2025-03-02T11:00:00", "2025-03-02T11:00:00+00:00"),
            ("2025-03-02T11:00:00.5", "2025-03-02T11:00:00.500+00:00"),
            ("2025-03-02 11:00:00", "2025-03-02T11:00:00+00:00"),
            ("2025-02-30T11:00:00Z", "-"),
            ("2025-03-02", "-"),
            ("yesterday", "-"),
            ("+262142-12-31T23:59:59", "-"),
            ("", "-"),
        ];
        for (text, at) in table {
            check(format!(r#"{{"event_type":"a","timestamp":"{text}"}}"#), &format!("a - - {at}"));
        }
        for other in ["1740000000", "null", "{}"] {
            check(format!(r#"{{"event_type":"a","timestamp":{other}}}"#), "a - - -");
        }
    }

    #[test]
    fn numbers_beyond_every_type() {
        check(r#"{"event_type":"a","x":1e400,"y":12345678901234567890,"z":-0.0}"#, "a - - -");
    }

    #[test]
    fn bodies_that_are_no_event() {
        check("", "the body is empty; send the event as a JSON object");
        check(" \r\n\t", "the body is empty; send the event as a JSON object");
        check(b"\xef\xbb\xbf", "the body is empty; send the event as a JSON object");
        let not_object =
            r#"the body is not a JSON object; send one event per request, as {"event_type": ...}"#;
        for other in ["[]", r#"[{"event_type":"a"}]"#, "1", "null", r#""a""#] {
            check(other, not_object);
        }
        check(
            b"{\"a\":\"\xff\"}",
            "the body is not UTF-8 (byte 7); send it, or save the file that it comes from, as UTF-8",
        );
        check(
            b"\xff\xfe{\0}\0",
            "the body is not UTF-8 (byte 1); send it, or save the file that it comes from, as UTF-8",
        );
        check("{\n  \"event_type\": secret\n}", "the body is not JSON: mistake in line 2, column 17");
        check("event_type=a", "the body is not JSON: mistake in line 1, column 1");
        check(
            "'{event_type:",
            "the body is not JSON: mistake in line 1, column 1; the Windows command prompt knows no single \
             quotes: put the event into a file and send it with -d @file.json",
        );
        check(
            "{event_type: appointment}",
            "the body is not JSON: mistake in line 1, column 2; keys stand in double quotes, which some shells \
             drop: put the event into a file and send it with -d @file.json",
        );
        check(
            r#"{"event_type":"app"#,
            "the body is not whole: the JSON ends in the middle, in line 1, column 18",
        );
        check("[".repeat(10_000), "the body nests arrays and objects more than 127 deep");
        check(
            r#"{"a":"\ud800"}"#,
            "the body holds half of a surrogate pair in line 1, column 13; write \\uD800 to \\uDFFF in pairs",
        );
        check(
            r#"{"event_type":"a","data":[{"id":1,"id":2}]}"#,
            "the body has the key data.0.id twice in one object; send each key once",
        );
        check(
            r#"{"$serde_json::private::Number":"1"}"#,
            "the body has a key that begins with $serde_json::private::, which is reserved; rename it",
        );
    }

    /// JSON that is near to an event.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::{Value, json};
        let key = prop_oneof![
            Just("event_type".to_owned()),
            Just("type".to_owned()),
            Just("event_id".to_owned()),
            Just("operation".to_owned()),
            Just("timestamp".to_owned()),
            Just("$serde_json::private::Number".to_owned()),
            any::<String>(),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|f| json!(f)),
            any::<String>().prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        });
        prop::collection::btree_map(key, value, 0..6).prop_map(|map| map.into_iter().collect::<Value>())
    }

    proptest! {
        #[test]
        fn never_panics_on_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body, NOW);
        }

        #[test]
        fn never_panics_on_mutated_json(value in json(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
            let mut body = value.to_string().into_bytes();
            for (place, byte) in cuts {
                let place = place.index(body.len());
                body[place] = byte;
            }
            if let Ok(event) = read(&body, NOW) {
                // What is accepted here can be read again when it is applied.
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&event.body).is_ok());
            }
        }

        #[test]
        fn digest_depends_on_the_json_alone(value in json()) {
            let compact = read(value.to_string().as_bytes(), NOW);
            let pretty = read(serde_json::to_string_pretty(&value).unwrap().as_bytes(), NOW);
            prop_assert_eq!(compact.map(|e| e.digest), pretty.map(|e| e.digest));
        }
    }
}
