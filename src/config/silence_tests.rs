//! Secrets that stand in right and wrong places: whatever is said about the file, no word of it holds them.

use serde_json::{Value, json};

use crate::config::{file::File, tests::parse_with};

/// Texts that people take for secrets.
const SECRETS: [&str; 9] = [
    "kT8vQ2nZr5xW1mB7",
    "hunter2",
    "AB3DEF7HIJK9LMNOPQRS",
    "Z/m9+7qX=8rY==",
    "two words 7319",
    "ünïcödé-7319-sécret",
    "whsec_!MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "eyJhbGciOiJ9.e30.ZRrHA1JJJW8opsbCGfG",
];

/// Keys that hold a secret, or hold where one is.
const KEYS: [&str; 4] = ["/database/password", "/auth/bearer_tokens", "/auth/signing_secrets", "/queue/key"];

/// The secret as it should be written, and in each wrong place and form.
fn written(secret: &str) -> Vec<Value> {
    let one = [
        json!(secret),
        json!({ "env": secret }),
        json!({ "file": secret }),
        json!({ "credential": secret }),
        json!({ "dpapi": secret }),
        json!({ "env": { "x": secret } }),
        json!({ "env": [secret] }),
        json!({ "env": secret, "file": secret }),
        json!({ "enf": secret }),
        json!({ "nothing_known": secret }),
        json!({ secret: "x" }),
        json!({ secret: secret }),
        json!({ "name": "n", "secret": secret }),
        json!({ "name": "n", "secret": [secret] }),
        json!({ "name": "n", "secret": { "env": secret } }),
        json!({ "name": "n", "secret": { "file": secret } }),
        json!({ "name": "n", "secret": { "enf": secret } }),
        json!({ "name": "n", "secret": { "name": "n", "secret": secret } }),
        json!({ "name": "n", "value": secret }),
        json!({ "name": ["n"], "secret": secret }),
        json!({ "name": { "secret": secret } }),
        json!({ "secret": secret }),
        json!({ "name": "n", "secret": secret, secret: 1 }),
        json!([[secret]]),
        json!([{ "x": [secret] }]),
    ];
    let lists = one.iter().map(|value| json!([value, 5]));
    one.iter().cloned().chain(lists).chain([json!([secret, secret])]).collect()
}

fn file() -> Value {
    json!({
        "auth": { "bearer_tokens": null, "signing_secrets": null },
        "queue": { "key": null },
        "database": { "type": "mysql", "host": "db", "user": "u", "password": null, "database": "his" },
        "mapping": { "a": { "ignore": true } },
    })
}

/// Holds that nothing which can be printed of a file holds the secret.
fn silent(text: &str, secret: &str) {
    let of_systemd = [("CREDENTIALS_DIRECTORY", "/nowhere")];
    let environments = [&[], &of_systemd[..]];
    for environment in &environments[..if text.contains("credential") { 2 } else { 1 }] {
        let shown = match parse_with(text.as_bytes(), environment) {
            Ok(config) => format!("{config:?}"),
            Err(error) => format!("{error}\n{error:?}"),
        };
        assert!(!shown.contains(secret), "{secret} is shown of\n{text}\n{shown:.2000}");
    }
    if let Ok(file) = serde_json::from_str::<File>(text) {
        let shown = format!("{:?} {:?} {:?}", file.auth, file.queue.map(|q| q.key), file.database);
        assert!(!shown.contains(secret), "{secret} is shown of\n{text}\n{shown}");
    }
}

#[test]
fn no_message_and_no_debug_text_holds_a_secret() {
    let mut files = 0;
    for secret in SECRETS {
        for key in KEYS {
            for value in written(secret) {
                // A short name of a key's file is a good one, and the file is not read here.
                if key == "/queue/key" && value == json!({ "file": secret }) && secret.len() < 30 {
                    continue;
                }
                let mut file = file();
                *file.pointer_mut(key).unwrap() = value;
                let auth = file["auth"].as_object_mut().unwrap();
                auth.retain(|_, value| !value.is_null());
                silent(&file.to_string(), secret);
                files += 1;
            }
        }
    }
    assert!(files > 1500, "{files}");
}

#[test]
fn a_token_that_stands_somewhere_else_is_known_by_its_looks() {
    for secret in ["kT8vQ2nZr5xW1mB7", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] {
        for section in ["auth", "queue", "server", "database", "logging", "sync"] {
            silent(&json!({ section: { secret: secret } }).to_string(), secret);
        }
        silent(&json!({ "auth": { "require": secret } }).to_string(), secret);
        silent(&json!({ "database": { "type": secret, "tls": secret } }).to_string(), secret);
        silent(&format!("{{\"auth\": {{\"bearer_tokens\": {{\"{secret}\": 1, \"{secret}\": 2}}}}}}"), secret);
        silent(&format!("{{\"auth\": {{\"{secret}\": 1, \"{secret}\": 2}}}}"), secret);
    }
}

#[test]
fn no_message_about_broken_text_holds_a_secret() {
    let secret = "kT8vQ2nZr5xW1mB7";
    let text = format!(
        r#"{{"auth": {{"bearer_tokens": ["{secret}", {{"name": "n", "secret": "{secret}"}}]}}, "database": {{"password": "{secret}"}}}}"#
    );
    for end in 0..text.len() {
        silent(&text[..end], secret);
        for stray in ["\"", "\\", "{", "]", ",", "'", "\n"] {
            let broken = format!("{}{stray}{}", &text[..end], &text[end..]);
            silent(&broken, secret);
        }
    }
}
