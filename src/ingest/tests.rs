//! Every reply of the door, over a real socket, with a queue of a few lines.

use std::sync::Mutex;

use crate::{
    http::tests::{Running, limits, status},
    model::{clock::FixedClock, event::Seq},
};

use super::*;

/// Keeps what it is given; the event's id decides what it answers.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<RawEvent>>>);

impl Kept {
    fn append(&self, event: RawEvent) -> Result<Receipt, Refusal> {
        let id = event.id.clone().map_or("made-1".to_owned(), |id| id.0);
        let kind = match id.as_str() {
            "full" => return Err(Refusal::AtCap),
            "disk" => return Err(Refusal::DiskLow),
            "broken" => return Err(Refusal::Failed),
            "again" => ReceiptKind::Duplicate,
            "other" => ReceiptKind::Conflict,
            _ => ReceiptKind::Fresh,
        };
        let mut kept = self.0.lock().unwrap();
        kept.push(event);
        Ok(Receipt { seq: Seq(i64::try_from(kept.len()).unwrap()), id, kind })
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

struct Set {
    reject_unmapped: bool,
    allow_unauthenticated: bool,
    healthy: bool,
}

const PLAIN: Set = Set { reject_unmapped: false, allow_unauthenticated: false, healthy: true };

async fn door(set: Set) -> (Running, Kept) {
    let kept = Kept::default();
    let queue = kept.clone();
    let ingest = Ingest {
        append: move |event| {
            let queue = queue.clone();
            async move {
                tokio::task::yield_now().await;
                queue.append(event)
            }
        },
        health: move || if set.healthy { Ok(()) } else { Err(Refusal::DiskLow) },
        is_mapped: |event: &RawEvent| event.kind.base() == "appointment",
        clock: FixedClock(Timestamp(1_740_000_000_000_000)),
        reject_unmapped: set.reject_unmapped,
        allow_unauthenticated: set.allow_unauthenticated,
        refusals: Refusals::default(),
    };
    (Running::start(limits(), ingest.handler()).await, kept)
}

fn request(line: &str, headers: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn event(id: &str) -> String {
    format!(r#"{{"event_type":"appointment","event_id":"{id}","x":"PATIENT"}}"#)
}

/// Sends one request; its reply has the status, contains the words, and repeats nothing of the payload.
async fn check(server: &Running, request: String, expected: &str, words: &[&str]) {
    let reply = server.talk(&request).await;
    assert_eq!(status(&reply), expected, "{request:?} {reply}");
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    for word in words {
        assert!(reply.contains(word), "{word:?} is missing in {reply}");
    }
    assert!(!reply.contains("PATIENT"), "{reply}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    let success = json["status"] == "success";
    assert_eq!(success, expected == "200", "{body}");
    assert!(json["message"].as_str().is_some_and(|m| !m.is_empty()), "{body}");
}

#[tokio::test]
async fn the_manuals_requests() {
    let (server, kept) = door(PLAIN).await;
    let json = "Content-Type: application/json\r\n";
    let bodies = [
        r#"{"event_type": "appointment", "appointment_id": 123, "status": "confirmed"}"#,
        r#"{"event_type": "schedule_change", "schedule_id": 456, "new_time": "2025-03-03T09:00:00"}"#,
        r#"{"event_type": "payment", "payment_id": 789, "amount": "1500", "status": "paid", "paid_at": "2025-03-02T11:00:00"}"#,
    ];
    for body in bodies {
        check(
            &server,
            request("POST /receive-event", json, body),
            "200",
            &[r#"{"status":"success","message":"#],
        )
        .await;
    }
    let stored: Vec<_> = kept.0.lock().unwrap().iter().map(|event| event.body.clone()).collect();
    assert_eq!(stored, bodies.map(|body| body.as_bytes().to_vec()));
}

#[tokio::test]
async fn what_a_kept_event_is_answered() {
    let (server, kept) = door(PLAIN).await;
    let post = |body: &str| request("POST /receive-event?from=buktor", "", body);
    let fresh = r#"{"status":"success","message":"the event is stored","event_id":"e-1","duplicate":false}"#;
    check(&server, post(&event("e-1")), "200", &[fresh]).await;
    check(
        &server,
        post(&event("again")),
        "200",
        &["stored before", r#""event_id":"again","duplicate":true}"#],
    )
    .await;
    check(&server, post(&event("other")), "200", &["another body", r#""duplicate":false,"conflict":true}"#])
        .await;
    check(
        &server,
        post(r#"{"event_type":"unknown"}"#),
        "200",
        &["nothing maps its type", r#""event_id":"made-1""#],
    )
    .await;
    check(&server, post("\u{feff}{\"event_type\":\"appointment.x\"}"), "200", &["the event is stored\""])
        .await;
    assert_eq!(kept.count(), 5);
}

#[tokio::test]
async fn what_is_not_kept_is_answered() {
    let (server, kept) = door(PLAIN).await;
    let post = |body: &str| request("POST /receive-event", "", body);
    check(&server, post(&event("full")), "503", &["retry-after: 60", "queue.max_events"]).await;
    check(&server, post(&event("disk")), "503", &["retry-after: 60", "disk is nearly full"]).await;
    check(&server, post(&event("broken")), "500", &["could not store"]).await;
    check(&server, post(&event(&"x".repeat(10_240))), "400", &["event_id\\\" is too long"]).await;
    check(&server, post(r#"{"event_type":"a","event_id":"a\u0000b"}"#), "400", &["control characters"]).await;
    check(&server, post("PATIENT"), "400", &["line 1, column 1"]).await;
    check(&server, post("[]"), "400", &["not a JSON object"]).await;
    check(&server, post(r#"{"x":"PATIENT"}"#), "400", &["has no type"]).await;
    check(&server, post(&"[".repeat(10_000)), "400", &["deep"]).await;
    check(&server, post(r#"{"x":[{"y":"PATIENT","y":"PATIENT"}]}"#), "400", &["x.0.y twice"]).await;
    check(&server, post(""), "400", &["the body is empty"]).await;
    check(&server, post(&"x".repeat(70_000)), "413", &["64 KiB", "server.max_body_kb", "connection: close"])
        .await;
    assert_eq!(kept.count(), 0);
}

#[tokio::test]
async fn unmapped_events_are_refused_where_configured() {
    let (server, kept) = door(Set { reject_unmapped: true, ..PLAIN }).await;
    let post = |body: &str| request("POST /receive-event", "", body);
    check(&server, post(r#"{"event_type":"unknown"}"#), "422", &["server.unmapped", "not kept"]).await;
    check(&server, post(&event("e-1")), "200", &[]).await;
    assert_eq!(kept.count(), 1);
}

#[tokio::test]
async fn paths_and_methods() {
    let (server, kept) = door(PLAIN).await;
    for line in
        ["POST /", "POST /receive-event/", "POST /Receive-Event", "GET /metrics", "GET //health", "OPTIONS *"]
    {
        check(&server, request(line, "", "{}"), "404", &["POST /receive-event"]).await;
    }
    for line in ["GET /receive-event", "PUT /receive-event", "OPTIONS /receive-event", "post /receive-event"]
    {
        check(&server, request(line, "", ""), "405", &["allow: POST\r\n"]).await;
    }
    check(&server, request("POST /health", "", "{}"), "405", &["allow: GET, HEAD\r\n"]).await;
    check(&server, request("POST http://x/receive-event", "", &event("e")), "200", &[]).await;
    assert_eq!(kept.count(), 1);
}

#[tokio::test]
async fn content_types() {
    let (server, _kept) = door(PLAIN).await;
    let with = |header: &str| request("POST /receive-event", &format!("{header}\r\n"), &event("e"));
    for good in [
        "Content-Type: Application/JSON",
        "Content-Type: application/json; charset=UTF-8",
        "Content-Type: application/json;charset=\"utf8\"; x=y",
        "Content-Type: application/cloudevents+json",
        "Content-Type:",
        "Content-Encoding: identity",
    ] {
        check(&server, with(good), "200", &[]).await;
    }
    for bad in [
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: application/json-seq",
        "Content-Type: +json",
        "Content-Type: application/+json",
        "Content-Type: application/json\r\nContent-Type: text/plain",
    ] {
        check(&server, with(bad), "415", &["Content-Type: application/json"]).await;
    }
    check(&server, with("Content-Type: application/json; charset=iso-8859-1"), "415", &["charset", "UTF-8"])
        .await;
    check(&server, with("Content-Encoding: gzip"), "415", &["without Content-Encoding"]).await;
}

#[tokio::test]
async fn strangers() {
    let (server, kept) = door(PLAIN).await;
    let with = |header: &str| request("POST /receive-event", &format!("{header}\r\n"), &event("e"));
    let headers = ["Forwarded: for=1.2.3.4", "x-forwarded-for: 1.2.3.4", "X-Real-IP: ::1", "Origin: null"];
    for header in headers {
        let words = ["www-authenticate: Bearer\r\n", "auth.allow_unauthenticated"];
        check(&server, with(header), "401", &words).await;
        // Before anything is said about the content.
        check(
            &server,
            request("POST /receive-event", &format!("{header}\r\nContent-Type: a/b\r\n"), ""),
            "401",
            &[],
        )
        .await;
        check(&server, request("PUT /receive-event", &format!("{header}\r\n"), ""), "405", &[]).await;
        assert_eq!(status(&server.talk(request("GET /health", &format!("{header}\r\n"), "")).await), "200");
    }
    assert_eq!(kept.count(), 0);
    let (server, _kept) = door(Set { allow_unauthenticated: true, ..PLAIN }).await;
    for header in headers {
        check(&server, with(header), "200", &[]).await;
    }
}

#[tokio::test]
async fn health() {
    let (server, _kept) = door(PLAIN).await;
    let reply = server.talk(request("GET /health", "", "")).await;
    assert!(status(&reply) == "200" && reply.ends_with("\r\n\r\n{\"status\":\"ok\"}"), "{reply}");
    let reply = server.talk(request("HEAD /health", "", "")).await;
    assert!(status(&reply) == "200" && reply.ends_with("\r\n\r\n"), "{reply}");
    let (server, _kept) = door(Set { healthy: false, ..PLAIN }).await;
    check(&server, request("GET /health", "", ""), "503", &["retry-after: 60", "at the moment"]).await;
}

#[test]
fn refusals_are_counted_and_told_once_a_minute() {
    let refusals = Refusals::default();
    let at = |second: i64| {
        refusals.tell(StatusCode::BAD_REQUEST, Timestamp(1_740_000_000_000_000 + second * 1_000_000));
    };
    let waiting = || refusals.since_told.load(Ordering::Relaxed);
    at(0);
    assert_eq!(waiting(), 0);
    (1..50).for_each(at);
    assert_eq!(waiting(), 49);
    at(60);
    assert_eq!(waiting(), 0);
}
