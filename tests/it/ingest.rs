//! What `POST /receive-event` and its listener answer: to what is right, and to everything that is not.

use std::io::Write;

use buktor_middleware::limits;
use serde_json::json;

use crate::support::{
    daemon::{Daemon, Site},
    http::Client,
    mariadb::{His, free_port},
    tables::{VISITS, visit, visits},
    wait_until,
};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A daemon whose HIS is away: what is accepted stays in the queue.
fn without_his() -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    Site::new(section).mapping(visits())
}

#[test]
fn what_is_not_right_is_refused_with_words() {
    let site = without_his();
    let daemon = site.start();
    let check = |body: &str, status: u16, words: &[&str]| {
        let reply = daemon.post_text(body);
        assert_eq!(reply.status, status, "{body:?}: {reply:?}");
        reply.assert_error(status, words);
    };
    check("", 400, &["json"]);
    check("hello", 400, &["json"]);
    check("{\"event_type\": \"visit\"", 400, &["json"]);
    check("[]", 400, &["object"]);
    check("null", 400, &["object"]);
    check("[{\"event_type\": \"visit\"}]", 400, &["object"]);
    check("{}", 400, &["event_type"]);
    check("{\"visit_id\": 1}", 400, &["event_type"]);
    check("{\"event_type\": 5}", 400, &["event_type"]);
    check("{\"event_type\": \"\"}", 400, &["event_type"]);
    check("{\"event_type\": \"visit\"} {}", 400, &["json"]);
    check("{\"event_type\": \"visit\", \"visit_id\": 1, \"visit_id\": 2}", 400, &["visit_id", "twice"]);
    check(
        &format!("{{\"event_type\": \"{}\"}}", "v".repeat(limits::EVENT_KIND_BYTES_MAX + 1)),
        400,
        &["event_type"],
    );
    check(
        &format!(
            "{{\"event_type\": \"visit\", \"event_id\": \"{}\"}}",
            "i".repeat(limits::EVENT_ID_BYTES_MAX + 1)
        ),
        400,
        &["event_id"],
    );
    let deep = limits::JSON_DEPTH_MAX + 2;
    check(
        &format!("{{\"event_type\": \"visit\", \"x\": {}{}}}", "[".repeat(deep), "]".repeat(deep)),
        400,
        &[],
    );
    let not_utf8 = b"{\"event_type\": \"visit\", \"note\": \"\xff\xfe\"}";
    daemon.request("POST", "/receive-event", &[JSON], not_utf8).assert_error(400, &["utf-8"]);
    let states = ["pending", "unmapped", "parked"].map(|state| site.count(state));
    assert_eq!(states, [0, 0, 0], "something of this was kept");
}

#[test]
fn paths_methods_and_content_types() {
    let site = without_his();
    let daemon = site.start();
    let event = visit(1, "new").to_string();
    let event = event.as_bytes();
    daemon.request("POST", "/elsewhere", &[JSON], event).assert_error(404, &["/receive-event"]);
    daemon.request("GET", "/", &[], b"").assert_error(404, &[]);
    daemon.request("POST", "/receive-event/", &[JSON], event).assert_error(404, &[]);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = daemon.request(method, "/receive-event", &[], b"");
        reply.assert_error(405, &["post"]);
        assert_eq!(reply.header("allow"), Some("POST"), "{method}: {reply:?}");
    }
    // curl's -d without the header sends a form.
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
        let reply = daemon.request("POST", "/receive-event", &[("Content-Type", kind)], event);
        reply.assert_error(415, &["application/json"]);
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        daemon.request("POST", "/receive-event", &[("Content-Type", kind)], event).assert_success();
    }
    let health = daemon.request("GET", "/health", &[], b"");
    assert_eq!(health.status, 200, "{health:?}");
    // The log's and the status page's business is not on the port that faces the Internet.
    for path in ["/status", "/metrics", "/events", "/his-config.json"] {
        daemon.request("GET", path, &[], b"").assert_error(404, &[]);
    }
}

#[test]
fn large_bodies_and_headers_are_refused() {
    let site = without_his().with(json!({"server": {"max_body_kb": 4}}));
    let daemon = site.start();
    let event = |bytes: usize| {
        format!("{{\"event_type\": \"visit\", \"visit_id\": 1, \"note\": \"{}\"}}", "n".repeat(bytes))
    };
    daemon.post_text(&event(3900)).assert_success();
    daemon.post_text(&event(4100)).assert_error(413, &["max_body_kb"]);
    // Chunked, so that no length announces it: it is counted as it comes.
    let mut client = Client::connect(daemon.address).unwrap();
    client.write(b"POST /receive-event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let piece = format!("400\r\n{}\r\n", "n".repeat(0x400));
    for _ in 0..5 {
        // The daemon may have answered and closed already.
        client.write(piece.as_bytes()).ok();
    }
    assert_eq!(client.reply(false).unwrap().status, 413);
    // Within the limit, chunked is as good as any.
    let mut client = Client::connect(daemon.address).unwrap();
    client.write(b"POST /receive-event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let body = event(100);
    client.write(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes()).unwrap();
    client.reply(false).unwrap().assert_success();
    // Headers without end are cut off, and others are served meanwhile and afterwards.
    let mut client = Client::connect(daemon.address).unwrap();
    client.write(b"POST /receive-event HTTP/1.1\r\n").unwrap();
    let header = format!("X-Filler: {}\r\n", "f".repeat(1000));
    let lines = 2 * limits::HEADER_BYTES_MAX / header.len();
    for _ in 0..lines {
        client.write(header.as_bytes()).ok();
    }
    client.write(b"\r\n").ok();
    // An answer may be lost where the daemon closed with unread bytes; what must not come is a success.
    if let Ok(reply) = client.reply(false) {
        assert_eq!(reply.status, 431, "{reply:?}");
    }
    daemon.accept(&visit(2, "new"));
}

#[test]
fn what_nothing_maps_is_kept_or_refused_as_configured() {
    let his = His::with(VISITS);
    let mut site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let event = json!({"event_id": "u1", "event_type": "referral", "referral_id": 5});
    let reply = daemon.post(&event);
    reply.assert_success();
    let message = reply.message();
    assert!(message.contains("kept") && message.contains("map"), "{message}");
    assert_eq!(site.wait_state("u1", "unmapped")["kind"], "referral");
    let enveloped = json!({"event_id": "u2", "type": "referral.created", "data": {"referral_id": 6}});
    daemon.accept(&enveloped);
    site.wait_state("u2", "unmapped");
    daemon.stop();

    // The configuration maps it now: applied by itself.
    his.sql("CREATE TABLE referrals (id INT PRIMARY KEY)");
    site.merge(json!({"mapping": {"referral": {"table": "referrals", "fields": {"referral_id": "id"}}}}));
    let daemon = site.start();
    his.wait_rows("SELECT id FROM referrals ORDER BY id", &["5", "6"]);
    site.wait_state("u1", "applied");
    daemon.stop();

    site.merge(json!({"server": {"unmapped": "reject"}}));
    let daemon = site.start();
    let other = json!({"event_id": "u3", "event_type": "invoice", "invoice_id": 1});
    daemon.post(&other).assert_error(422, &["maps", "not kept"]);
    daemon.accept(&visit(1, "new"));
    his.wait_rows("SELECT id FROM visits", &["1"]);
    let all = site.json(&["events", "list", "--state", "all", "--json"]);
    assert!(all.as_array().unwrap().iter().all(|e| e["id"] != "u3"), "the refused event was kept: {all}");
}

#[test]
fn the_same_id_is_written_once_and_another_body_is_a_conflict() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let event = json!({"event_id": "d1", "event_type": "visit", "visit_id": 1, "status": "new"});
    let first = daemon.accept(&event);
    assert_ne!(first["duplicate"], true, "{first}");
    let again = daemon.accept(&event);
    assert_eq!(again["duplicate"], true, "{again}");
    // Other white space and another order of keys make no other body.
    let reordered = daemon.post_text(
        "{ \"status\" : \"new\", \"visit_id\": 1, \"event_type\": \"visit\", \"event_id\": \"d1\" }",
    );
    reordered.assert_success();
    assert_eq!(reordered.json()["duplicate"], true, "{reordered:?}");
    his.wait_rows("SELECT id, status FROM visits", &["1\tnew"]);
    let reply =
        daemon.accept(&json!({"event_id": "d1", "event_type": "visit", "visit_id": 1, "status": "gone"}));
    assert_ne!(reply["duplicate"], true, "{reply}");
    site.wait_count("conflict", 1);
    assert_eq!(site.count("applied"), 1);
    // Its duplicate after a restart, when nothing is in memory.
    daemon.stop();
    let daemon = site.start();
    assert_eq!(daemon.accept(&event)["duplicate"], true);
    daemon.accept(&visit(2, "new"));
    his.wait_rows("SELECT id, status FROM visits ORDER BY id", &["1\tnew", "2\tnew"]);
    assert_eq!(site.count("conflict"), 1);
    // Without an id there is nothing to compare: both are kept, as the second may be meant.
    let bare = json!({"event_type": "visit", "visit_id": 3, "status": "a"});
    let ids = [daemon.accept(&bare), daemon.accept(&bare)]
        .map(|r| r["event_id"].as_str().unwrap_or("?").to_owned());
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_full_queue_or_disk_answers_503() {
    let full = |daemon: &Daemon, event| {
        let reply = daemon.post(&event);
        reply.assert_error(503, &[]);
        let after: u32 =
            reply.header("retry-after").and_then(|v| v.parse().ok()).expect("Retry-After in seconds");
        assert!((1..=3600).contains(&after), "Retry-After: {after}");
    };
    let site = without_his().with(json!({"queue": {"max_events": 3}}));
    let daemon = site.start();
    for number in 1..=3 {
        daemon.accept(&visit(number, "new"));
    }
    full(&daemon, visit(4, "new"));
    // A duplicate needs no place.
    assert_eq!(daemon.accept(&visit(2, "new"))["duplicate"], true);
    drop(daemon);

    // A tebibyte of free space, more than the machines have that run this.
    let site = without_his().with(json!({"queue": {"min_free_mb": 1_048_576}}));
    let daemon = site.start();
    full(&daemon, visit(1, "new"));
    assert_eq!(site.count("pending"), 0);
}

#[test]
fn a_forwarded_request_needs_credentials_or_permission() {
    let site = without_his();
    let daemon = site.start();
    let event = visit(1, "new").to_string();
    // `Origin` is what a browser sends for a web page, which can reach the loopback address too.
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "x-forwarded-for", "Origin"] {
        let reply =
            daemon.request("POST", "/receive-event", &[JSON, (header, "203.0.113.9")], event.as_bytes());
        reply.assert_error(401, &["allow_unauthenticated"]);
    }
    assert_eq!(site.count("pending"), 0);
    drop(daemon);
    let site = without_his().with(json!({"auth": {"allow_unauthenticated": true}}));
    let daemon = site.start();
    let headers = [JSON, ("X-Forwarded-For", "203.0.113.9")];
    daemon.request("POST", "/receive-event", &headers, event.as_bytes()).assert_success();
}

#[test]
fn half_a_request_holds_up_nobody() {
    let site = without_his();
    let daemon = site.start();
    let event = visit(1, "new").to_string();
    let mut halves = Vec::new();
    for _ in 0..40 {
        let mut client = Client::connect(daemon.address).unwrap();
        let head = format!(
            "POST /receive-event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            event.len()
        );
        client.write(head.as_bytes()).unwrap();
        client.write(&event.as_bytes()[..20]).unwrap();
        halves.push(client);
    }
    // Another client hangs up in the middle, and one speaks no HTTP at all.
    drop(Client::connect(daemon.address).unwrap());
    let mut stream = std::net::TcpStream::connect(daemon.address).unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap();
    daemon.accept(&visit(2, "new"));
    // What was half is as good as any once the rest has come.
    let mut late = halves.pop().unwrap();
    late.write(&event.as_bytes()[20..]).unwrap();
    late.reply(false).unwrap().assert_success();
    drop(halves);
    wait_until("exactly the two whole events are kept", || site.count("pending") == 2);
}

#[test]
fn curl_may_ask_before_it_sends() {
    let site = without_his();
    let daemon = site.start();
    let event = visit(1, "new").to_string();
    let mut client = Client::connect(daemon.address).unwrap();
    let head = format!(
        "POST /receive-event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        event.len()
    );
    client.write(head.as_bytes()).unwrap();
    client.write(event.as_bytes()).unwrap();
    client.reply(false).unwrap().assert_success();
}
