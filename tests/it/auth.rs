//! Who may send: tokens, signatures, addresses and rates, as a hospital configures them, at the real daemon.

use std::{fs, path::Path, process::Command};

use buktor_middleware::{
    auth::{buktor_signature, webhook_signature},
    model::clock::{Clock, SystemClock},
};
use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, EXECUTABLE, Finished, Site, executable, finish},
    http::Reply,
    mariadb::free_port,
    tables::visits,
};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const TOKEN: &str = "kT8vQ2nZr5xW1mB7";
const OLDER: &str = "older-qK2rT9wZ4xV6n";
const TEXT: &str = "a shared secret of 2026";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A daemon's folder with that `auth` section, whose HIS is away: what is accepted stays in the queue.
fn site(auth: &Value) -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    Site::new(section).mapping(visits()).with(json!({ "auth": auth }))
}

/// An event without an id: each time that it comes, it is another one.
fn bare() -> String {
    json!({"event_type": "visit", "visit_id": 1, "status": "new"}).to_string()
}

fn post(daemon: &Daemon, headers: &[(&str, &str)], body: &str) -> Reply {
    daemon.request("POST", "/receive-event", &[&[JSON], headers].concat(), body.as_bytes())
}

/// Holds that a request is refused, with 401 and these words.
fn assert_unknown(reply: &Reply, words: &[&str]) {
    reply.assert_error(401, words);
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{reply:?}");
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The values of the three headers of Standard Webhooks, signed at that distance from now.
fn webhook(id: &str, later_s: i64, body: &str) -> [String; 2] {
    let seconds = SystemClock.now().utc().timestamp() + later_s;
    [seconds.to_string(), webhook_signature(WHSEC, id, seconds, body.as_bytes()).unwrap()]
}

fn post_webhook(daemon: &Daemon, id: &str, [seconds, signature]: &[String; 2], body: &str) -> Reply {
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", seconds.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    post(daemon, &headers, body)
}

fn run(args: &[&str]) -> Finished {
    let mut command: Command = executable(Path::new(EXECUTABLE));
    command.args(args);
    finish(command, "")
}

#[test]
fn fresh_secrets_work_on_both_sides() {
    let mut site = site(&json!({}));
    let file = site.path("buktor-2026.secret");
    let new = run(&["secret", "new", "--name", "buktor 2026", "--file", file.to_str().unwrap()]);
    new.assert_code(0);
    assert_eq!(new.stdout, "");
    let secret = fs::read_to_string(&file).unwrap();
    assert!(secret.starts_with("whsec_") && secret.ends_with('\n') && !new.stderr.contains(secret.trim()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Never over another one.
    run(&["secret", "new", "--file", file.to_str().unwrap()]).assert_code(1);
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    // What it says is to be put into the configuration is what the configuration takes.
    let start = new.stderr.find("{\"auth\"").unwrap();
    let section: Value =
        serde_json::Deserializer::from_str(&new.stderr[start..]).into_iter().next().unwrap().unwrap();
    site.merge(section);
    let token = run(&["secret", "new", "--token"]);
    token.assert_code(0);
    assert!(!token.stderr.contains(token.stdout.trim()) && token.stderr.contains("bearer_tokens"));
    assert_ne!(token.stdout, run(&["secret", "new", "--token"]).stdout);
    site.merge(json!({"auth": {"bearer_tokens": [token.stdout.trim()]}}));

    let daemon = site.start();
    let printed = daemon.printed();
    assert!(
        printed.contains("events need a token (\"token 1\") and a signature (\"buktor 2026\")"),
        "{printed}"
    );
    let to = daemon.address.to_string();
    let sent = site.cli(&["send", "--to", &to]);
    let told = sent.assert_code(0);
    assert!(told.contains("with the token \"token 1\" and signed with \"buktor 2026\""), "{told}");
    // The id that was signed is the event's.
    let id = sent.stdout.split_once("\"event_id\":\"").unwrap().1.split('"').next().unwrap();
    assert!(id.starts_with("msg_"), "{told}");
    assert_eq!(site.event(id)["kind"], "appointment");
    let told = site.cli(&["send", "--unsigned", "--to", &to]).assert_code(1);
    assert!(told.contains("401") && told.contains("without credentials"), "{told}");
    // `check` names them.
    let checked = site.cli(&["check", "--json"]);
    let found: Value = serde_json::from_str(&checked.stdout).unwrap();
    let note = found["findings"].as_array().unwrap().iter().find(|f| f["at"] == "auth").unwrap();
    assert!(
        note["severity"] == "note" && note["message"].as_str().unwrap().contains("buktor 2026"),
        "{note}"
    );
    let everything = format!("{}{}{checked:?}{told}", daemon.stop(), site.log());
    for secret in [secret.trim(), token.stdout.trim(), &secret.trim()[6..]] {
        assert!(!everything.contains(secret), "{everything}");
    }
}

#[test]
fn secrets_are_changed_without_a_gap() {
    let mut site = site(&json!({
        "signing_secrets": [{"name": "2025", "secret": OLDER}],
        "bearer_tokens": [{"name": "token of 2025", "secret": OLDER.to_uppercase()}],
    }));
    let body = bare();
    let accepted = |site: &Site, token: &str, secret: &str| {
        let daemon = site.start();
        let signature = buktor_signature(secret, body.as_bytes());
        let reply =
            post(&daemon, &[("Authorization", &bearer(token)), ("Buktor-Signature", &signature)], &body);
        if reply.status == 200 {
            return true;
        }
        assert_unknown(&reply, &["wrong"]);
        false
    };
    let upper = OLDER.to_uppercase();
    assert!(accepted(&site, &upper, OLDER) && !accepted(&site, TOKEN, TEXT));
    site.merge(json!({"auth": {
        "signing_secrets": [{"name": "2025", "secret": OLDER}, {"name": "2026", "secret": TEXT}],
        "bearer_tokens": [{"name": "token of 2025", "secret": upper}, {"name": "token of 2026", "secret": TOKEN}],
    }}));
    assert!(accepted(&site, &upper, OLDER) && accepted(&site, TOKEN, TEXT) && accepted(&site, &upper, TEXT));
    site.merge(json!({"auth": {
        "signing_secrets": [{"name": "2026", "secret": TEXT}],
        "bearer_tokens": [{"name": "token of 2026", "secret": TOKEN}],
    }}));
    assert!(accepted(&site, TOKEN, TEXT) && !accepted(&site, &upper, TEXT) && !accepted(&site, TOKEN, OLDER));
}

#[test]
fn all_or_any() {
    let both = json!({"bearer_tokens": TOKEN, "signing_secrets": TEXT});
    let body = bare();
    let token = ("Authorization", &*bearer(TOKEN));
    let right = ("Buktor-Signature", &*format!("sha256={}", buktor_signature(TEXT, body.as_bytes())));
    let wrong = ("Buktor-Signature", &*buktor_signature(TEXT, b"{}"));
    let every: [&[(&str, &str)]; 6] = [&[], &[token], &[right], &[wrong], &[token, right], &[token, wrong]];
    let statuses = |site: &Site| {
        let daemon = site.start();
        every.map(|headers| {
            let reply = post(&daemon, headers, &body);
            if reply.status != 200 {
                assert_unknown(&reply, &[]);
            }
            reply.status
        })
    };
    let mut site = site(&both);
    assert_eq!(statuses(&site), [401, 401, 401, 401, 200, 401]);
    site.merge(json!({"auth": {"require": "any"}}));
    assert_eq!(statuses(&site), [401, 200, 200, 401, 200, 401]);
    assert_eq!(site.count("pending"), 4);
}

#[test]
fn a_signed_request_cannot_be_changed_or_kept_for_later() {
    let site = site(&json!({"signing_secrets": [{"name": "hook", "secret": WHSEC}]}));
    let daemon = site.start();
    let body = bare();
    let fresh = webhook("msg_1", 0, &body);
    let reply = post_webhook(&daemon, "msg_1", &fresh, &body);
    reply.assert_success();
    assert_eq!(reply.json()["event_id"], "msg_1", "{reply:?}");
    // Delivered again within its time: the same event.
    let again = post_webhook(&daemon, "msg_1", &fresh, &body);
    assert_eq!(again.json()["duplicate"], true, "{again:?}");
    for changed in [body.replace("new", "nEw"), format!("{body} "), String::new()] {
        assert_unknown(&post_webhook(&daemon, "msg_1", &fresh, &changed), &["wrong"]);
    }
    assert_unknown(&post_webhook(&daemon, "msg_2", &fresh, &body), &["wrong"]);
    // Another time than the signed one does not help.
    let later = [(fresh[0].parse::<i64>().unwrap() + 1).to_string(), fresh[1].clone()];
    assert_unknown(&post_webhook(&daemon, "msg_1", &later, &body), &["wrong"]);
    for seconds in [-310, 310, -100_000_000] {
        let kept = webhook("msg_3", seconds, &body);
        assert_unknown(&post_webhook(&daemon, "msg_3", &kept, &body), &["five minutes", "clock"]);
    }
    post_webhook(&daemon, "msg_4", &webhook("msg_4", -290, &body), &body).assert_success();
    // The event's own id is the one that counts.
    let own = json!({"event_id": "e-1", "event_type": "visit", "visit_id": 2, "status": "new"}).to_string();
    let reply = post_webhook(&daemon, "msg_5", &webhook("msg_5", 0, &own), &own);
    assert_eq!(reply.json()["event_id"], "e-1", "{reply:?}");
    // Nobody learns what is right in a header that is not signed.
    let plain = [("Buktor-Signature", &*buktor_signature(WHSEC, body.as_bytes())), ("webhook-id", "msg_1")];
    let reply = post(&daemon, &plain, &body);
    reply.assert_success();
    assert!(reply.json()["event_id"] != "msg_1" && reply.json()["duplicate"] != true, "{reply:?}");
    assert_eq!(site.count("pending"), 4);
}

#[test]
fn forwarded_requests_are_known_by_their_credentials() {
    let site = site(&json!({"bearer_tokens": TOKEN}));
    let daemon = site.start();
    let body = bare();
    let token = ("Authorization", &*bearer(TOKEN));
    for header in [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=x"), ("Origin", "https://x")] {
        post(&daemon, &[token, header], &body).assert_success();
        assert_unknown(&post(&daemon, &[header], &body), &["bearer_tokens"]);
    }
    // Another scheme, another token, the token twice.
    let other = [("Authorization", "Basic a1Q4dlEyblpyNXhXMW1CNw==")];
    assert_unknown(&post(&daemon, &other, &body), &["no token"]);
    for value in [bearer(&TOKEN.to_lowercase()), bearer(&TOKEN[1..]), bearer(&format!("{TOKEN}x"))] {
        assert_unknown(&post(&daemon, &[("Authorization", &value)], &body), &["wrong"]);
    }
    assert_unknown(&post(&daemon, &[token, token], &body), &["wrong"]);
    post(&daemon, &[("authorization", &format!("bEARER  {TOKEN} "))], &body).assert_success();
    // Who is not known learns nothing of what would have been wrong besides.
    let form = [("Content-Type", "text/plain")];
    assert_unknown(&daemon.request("POST", "/receive-event", &form, b"x"), &[]);
    assert_eq!(daemon.request("GET", "/health", &[], b"").status, 200);
    let printed = daemon.stop();
    assert!(printed.contains("statuses=\"401: 1\" last_stranger=127.0.0.1"), "{printed}");
    assert!(!printed.contains(TOKEN), "{printed}");
    assert_eq!(site.count("pending"), 4);
}

#[test]
fn events_come_from_allowed_addresses_alone() {
    let mut site = site(&json!({
        "bearer_tokens": TOKEN, "allowed_addresses": ["192.0.2.0/24", "2001:db8::/32"], "trusted_proxies": "127.0.0.1",
    }));
    let body = bare();
    let status = |daemon: &Daemon, lines: &[&str]| {
        let token = bearer(TOKEN);
        let mut headers = vec![("Authorization", token.as_str())];
        headers.extend(lines.iter().map(|line| ("X-Forwarded-For", *line)));
        let reply = post(daemon, &headers, &body);
        match reply.status {
            403 => reply.assert_error(403, &["auth.allowed_addresses"]),
            400 => reply.assert_error(400, &["x-forwarded-for"]),
            _ => reply.assert_success(),
        }
        reply.status
    };
    let daemon = site.start();
    assert_eq!(status(&daemon, &["192.0.2.1"]), 200);
    assert_eq!(status(&daemon, &["203.0.113.9, 192.0.2.1:4711"]), 200);
    assert_eq!(status(&daemon, &["203.0.113.9", "[2001:db8::1]:4711, 127.0.0.1"]), 200);
    assert_eq!(status(&daemon, &["192.0.2.1, 203.0.113.9"]), 403);
    assert_eq!(status(&daemon, &["192.0.2.1", "203.0.113.9"]), 403);
    assert_eq!(status(&daemon, &["::ffff:203.0.113.9"]), 403);
    assert_eq!(status(&daemon, &["192.0.2.1, unknown"]), 400);
    assert_eq!(status(&daemon, &[]), 403);
    assert_eq!(daemon.request("GET", "/health", &[], b"").status, 200);
    drop(daemon);
    // Without a trusted proxy nobody can say who he is.
    site.merge(json!({"auth": {"trusted_proxies": []}}));
    let daemon = site.start();
    assert_eq!(status(&daemon, &["192.0.2.1"]), 403);
    drop(daemon);
    site.merge(json!({"auth": {"allowed_addresses": ["127.0.0.0/8"], "trusted_proxies": []}}));
    let daemon = site.start();
    assert_eq!(status(&daemon, &["203.0.113.9"]), 200);
    assert_eq!(site.count("pending"), 4);
    // A proxy that may send itself is worth a warning.
    site.merge(json!({"auth": {"trusted_proxies": "127.0.0.1"}}));
    let checked = site.cli(&["check"]).stdout;
    assert!(
        checked.contains("warning") && checked.contains("is a trusted proxy, and its own address"),
        "{checked}"
    );
}

#[test]
fn who_sends_too_fast_is_told_when_to_come_again() {
    let site = site(&json!({})).with(json!({"server": {"max_requests_per_second": 1}}));
    let daemon = site.start();
    let body = bare();
    let mut accepted = 0;
    let reply = loop {
        let reply = post(&daemon, &[], &body);
        if reply.status != 200 {
            break reply;
        }
        accepted += 1;
        assert!(accepted < 1000, "nothing is refused");
    };
    reply.assert_error(429, &["max_requests_per_second"]);
    assert_eq!(reply.header("retry-after"), Some("1"), "{reply:?}");
    assert!(accepted >= 10, "{accepted} in ten seconds");
    assert_eq!(site.count("pending"), accepted);
    assert_eq!(daemon.request("GET", "/health", &[], b"").status, 200);
    crate::support::wait_until("there is room again", || post(&daemon, &[], &body).status == 200);
}
