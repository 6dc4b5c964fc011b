//! Every reply of the door, over a real socket, with a queue of a few lines.

use std::sync::Mutex;

use crate::{
    auth::{buktor_signature, webhook_signature},
    config::{Auth, Credential, Require, Secret},
    http::tests::{Running, limits, status},
    limits::REQUEST_BURST,
    model::{
        clock::{FixedClock, Timestamp},
        event::Seq,
    },
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
    auth: Auth,
    requests_per_second_max: u32,
    healthy: bool,
}

const NO_AUTH: Auth = Auth {
    allow_unauthenticated: false,
    bearer_tokens: Vec::new(),
    signing_secrets: Vec::new(),
    require: Require::All,
    allowed_addresses: Vec::new(),
    trusted_proxies: Vec::new(),
};
const PLAIN: Set =
    Set { reject_unmapped: false, auth: NO_AUTH, requests_per_second_max: 10_000, healthy: true };
const NOW_S: i64 = 1_740_000_000;

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
        clock: FixedClock(Timestamp(NOW_S * 1_000_000)),
        reject_unmapped: set.reject_unmapped,
        door: Door::new(&set.auth, set.requests_per_second_max),
        refusals: Arc::default(),
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
    let (server, _kept) = door(Set { auth: Auth { allow_unauthenticated: true, ..NO_AUTH }, ..PLAIN }).await;
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

const TOKEN: &str = "SECRET-token";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn credential(name: &str, secret: &str) -> Credential {
    Credential { name: name.to_owned(), secret: Secret::new(secret.to_owned()) }
}

fn guarded() -> Auth {
    Auth {
        bearer_tokens: vec![credential("old token", "older"), credential("token", TOKEN)],
        signing_secrets: vec![credential("hook", WHSEC)],
        ..NO_AUTH
    }
}

fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}

/// The headers of a signature by Standard Webhooks, at that distance from now.
fn webhook(id: &str, body: &str, later_s: i64) -> String {
    let signature = webhook_signature(WHSEC, id, NOW_S + later_s, body.as_bytes()).unwrap();
    format!(
        "Webhook-Id: {id}\r\nWebhook-Timestamp: {}\r\nWebhook-Signature: {signature}\r\n",
        NOW_S + later_s
    )
}

#[tokio::test]
async fn senders_with_credentials() {
    let (server, kept) = door(Set { auth: guarded(), ..PLAIN }).await;
    let body = event("e-1");
    let signed = format!("Buktor-Signature: {}\r\n", buktor_signature(WHSEC, body.as_bytes()));
    let post = |headers: &str, body: &str| request("POST /receive-event", headers, body);
    check(&server, post(&(bearer() + &signed), &body), "200", &[r#""event_id":"e-1""#]).await;
    // With a proxy and a web page between, which are no concern any more.
    let through = bearer() + &signed + "X-Forwarded-For: 1.2.3.4\r\nOrigin: null\r\n";
    check(&server, post(&through, &body), "200", &[]).await;
    // The id that was signed is the event's where it has none of its own; what was not signed says nothing.
    let bare = r#"{"event_type":"appointment"}"#;
    check(&server, post(&(bearer() + &webhook("msg_1", bare, 0)), bare), "200", &[r#""event_id":"msg_1""#])
        .await;
    check(&server, post(&(bearer() + &webhook("msg_1", &body, 0)), &body), "200", &[r#""event_id":"e-1""#])
        .await;
    let unsigned = format!("Buktor-Signature: {}\r\n", buktor_signature(WHSEC, bare.as_bytes()))
        + "Webhook-Id: msg_2\r\nEvent-Id: x\r\nX-Event-Type: payment\r\n";
    check(&server, post(&(bearer() + &unsigned), bare), "200", &[r#""event_id":"made-1""#]).await;
    let long = "x".repeat(256);
    check(
        &server,
        post(&(bearer() + &webhook(&long, bare, 0)), bare),
        "400",
        &["webhook-id\\\" is too long"],
    )
    .await;
    let senders: Vec<_> = kept.0.lock().unwrap().iter().map(|e| e.sender.clone()).collect();
    assert_eq!(senders.len(), 5);
    for sender in senders {
        assert_eq!(sender.credential.as_deref(), Some("token + hook"));
        assert!(sender.address.is_loopback());
    }
}

#[tokio::test]
async fn senders_with_wrong_credentials() {
    let (server, kept) = door(Set { auth: guarded(), ..PLAIN }).await;
    let body = event("e-1");
    let post = |headers: &str, body: &str| request("POST /receive-event", headers, body);
    let sign = |body: &str| format!("Buktor-Signature: {}\r\n", buktor_signature(WHSEC, body.as_bytes()));
    let wrong_token = "Authorization: Bearer SECRET-tokem\r\n".to_owned();
    let cases: [(String, &str); 8] = [
        (String::new(), "has no credentials"),
        (bearer(), "not signed"),
        (sign(&body), "no token"),
        (wrong_token.clone() + &sign(&body), "the credentials are wrong"),
        (bearer() + &sign(&event("e-2")), "the credentials are wrong"),
        (bearer() + &webhook("msg_1", &event("e-2"), 0), "the credentials are wrong"),
        (bearer() + &webhook("msg_1", &event("e-2"), 301), "the credentials are wrong"),
        (bearer() + &webhook("msg_1", &body, -301), "five minutes"),
    ];
    for (headers, words) in &cases {
        let asked = post(headers, &body);
        let reply = server.talk(&asked).await;
        assert!(!reply.contains("SECRET") && !reply.contains("older"), "{reply}");
        check(&server, asked, "401", &[words, "www-authenticate: Bearer\r\n"]).await;
    }
    // A stranger is told before anything is said about the content, and before the body is there.
    let half = "POST /receive-event HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 9\r\n";
    for headers in [wrong_token + &sign(&body), bearer(), String::new()] {
        check(&server, format!("{half}Connection: close\r\n{headers}\r\n"), "401", &["connection: close"])
            .await;
    }
    // Paths, methods and health are answered as ever.
    check(&server, request("PUT /receive-event", "", ""), "405", &[]).await;
    check(&server, request("POST /", "", ""), "404", &[]).await;
    assert_eq!(status(&server.talk(request("GET /health", "", "")).await), "200");
    // A signature is held against the bytes, before they are read as JSON.
    let broken = r#"{"event_type": "PATIENT"#;
    check(&server, post(&(bearer() + &sign("{}")), broken), "401", &[]).await;
    check(&server, post(&(bearer() + &sign(broken)), broken), "400", &["not whole"]).await;
    check(&server, post(&(bearer() + &sign(&body) + "Content-Type: a/b\r\n"), &body), "415", &[]).await;
    assert_eq!(kept.count(), 0);
}

#[tokio::test]
async fn addresses() {
    let networks = |all: &[&str]| all.iter().map(|n| n.parse().unwrap()).collect::<Vec<_>>();
    let with = |header: &str| request("POST /receive-event", header, &event("e"));
    let trusting = Auth {
        allowed_addresses: networks(&["192.0.2.0/24"]),
        trusted_proxies: networks(&["127.0.0.0/8"]),
        bearer_tokens: vec![credential("token", TOKEN)],
        ..NO_AUTH
    };
    let (server, kept) = door(Set { auth: trusting.clone(), ..PLAIN }).await;
    let from = |lines: &[&str]| {
        lines.iter().fold(bearer(), |all, line| all + &format!("X-Forwarded-For: {line}\r\n"))
    };
    check(&server, with(&from(&["192.0.2.7"])), "200", &[]).await;
    check(&server, with(&from(&["203.0.113.1, 192.0.2.8:4711"])), "200", &[]).await;
    check(&server, with(&from(&["203.0.113.1", "[::ffff:192.0.2.9]:80"])), "200", &[]).await;
    let refused = ["allowed_addresses", "trusted_proxies"];
    check(&server, with(&from(&["203.0.113.1"])), "403", &refused).await;
    check(&server, with(&from(&["192.0.2.7", "203.0.113.1"])), "403", &refused).await;
    check(&server, with(&from(&["192.0.2.7, unknown"])), "400", &["X-Forwarded-For"]).await;
    // Neither credentials nor their absence matter to an address that is not allowed.
    check(&server, with(&bearer()), "403", &refused).await;
    check(&server, with(""), "403", &refused).await;
    check(&server, with("X-Forwarded-For: 192.0.2.7\r\n"), "401", &["no token"]).await;
    let seen: Vec<_> = kept.0.lock().unwrap().iter().map(|e| e.sender.address.to_string()).collect();
    assert_eq!(seen, ["192.0.2.7", "192.0.2.8", "192.0.2.9"]);
    // Nobody is trusted: the header is a stranger's.
    let (server, kept) = door(Set { auth: Auth { trusted_proxies: Vec::new(), ..trusting }, ..PLAIN }).await;
    check(&server, with(&from(&["192.0.2.7"])), "403", &refused).await;
    assert_eq!(kept.count(), 0);
}

#[tokio::test]
async fn requests_that_come_too_fast() {
    let (server, kept) = door(Set { requests_per_second_max: 1, ..PLAIN }).await;
    let post = || request("POST /receive-event", "", &event("e"));
    // A slow machine takes seconds for it, which fill the bucket again.
    let begun = Instant::now();
    let mut refused = 0;
    for _ in 0..3 * REQUEST_BURST.as_secs() {
        match status(&server.talk(&post()).await) {
            "200" => {}
            "429" => refused += 1,
            other => panic!("{other}"),
        }
    }
    let let_through = REQUEST_BURST.as_secs() + begun.elapsed().as_secs() + 1;
    assert!(kept.count() as u64 <= let_through && refused > 0, "{} {refused}", kept.count());
    while status(&server.talk(&post()).await) != "429" {}
    check(&server, post(), "429", &["retry-after: 1\r\n", "server.max_requests_per_second"]).await;
    assert_eq!(status(&server.talk(request("GET /health", "", "")).await), "200");
}
