//! What stands open: who can send without credentials, what travels in clear, which files with secrets others can read.
//! Only looks and says; changes no file.

use std::path::Path;

use crate::{
    cli::senders,
    config::{Auth, Config, QueueKey, ServerTls},
    http::tls,
    model::clock::{Clock as _, SystemClock},
    plan::verify::{Finding, Severity},
};

/// All that `check` says about it.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(words) = open_port_words(config) {
        found.push(finding(Severity::Warning, "auth", words));
    } else {
        found.push(finding(Severity::Note, "auth", &senders::words(&config.auth)));
    }
    if let Some(words) = clear_text_words(config) {
        found.push(finding(Severity::Warning, "server.listen", words));
    }
    if let Some(words) = address_words(config) {
        found.push(finding(Severity::Note, "auth.allowed_addresses", words));
    }
    if let Some(words) = senders::address_warning(&config.auth) {
        found.push(finding(Severity::Warning, "auth.allowed_addresses", &words));
    }
    found.extend(config.server.tls.as_ref().and_then(certificate));
    found.extend(unused_key(config));
    found.extend(readable_files(config));
    found
}

/// What is wrong with the listener's certificate.
fn certificate(tls: &ServerTls) -> Option<Finding> {
    match tls::examine(tls) {
        Err(error) => Some(finding(Severity::Problem, error.at(), &error.words())),
        Ok(Some((_, until))) if until < SystemClock.now() => {
            let words = format!(
                "{} has expired on {}, and senders will refuse it: renew it",
                tls.certificate.display(),
                until.rfc3339()
            );
            Some(finding(Severity::Warning, "server.tls.certificate", &words))
        }
        Ok(_) => None,
    }
}

/// A key for what is not encrypted: probably `encrypt` was forgotten.
fn unused_key(config: &Config) -> Option<Finding> {
    let beside = config.queue.path.with_extension("key");
    let named = !matches!(&config.queue.key, QueueKey::File(file) if *file == beside);
    let words = "names a key, but queue.encrypt is not true: the events in the queue file are not encrypted";
    (named && !config.queue.encrypt).then(|| finding(Severity::Warning, "queue.key", words))
}

/// What everyone who runs the daemon without credentials should know.
pub(super) fn open_port_words(config: &Config) -> Option<&'static str> {
    let Auth { allow_unauthenticated, allowed_addresses, .. } = &config.auth;
    if config.auth.has_credentials() {
        return None;
    }
    Some(match (allow_unauthenticated, allowed_addresses.is_empty()) {
        (true, true) => {
            "no credentials are configured and auth.allow_unauthenticated is true: anyone who can reach this port, also \
             from the Internet, can write to the HIS; `buktor-middleware secret new` makes credentials"
        }
        (true, false) => {
            "no credentials are configured and auth.allow_unauthenticated is true: whoever sends from an allowed address can \
             write to the HIS; `buktor-middleware secret new` makes credentials"
        }
        (false, _) => {
            "no credentials are configured: anyone who can reach this port can write to the HIS; requests that come through a \
             proxy or tunnel are refused until there are some (`buktor-middleware secret new` makes them) or \
             auth.allow_unauthenticated is true"
        }
    })
}

fn clear_text_words(config: &Config) -> Option<&'static str> {
    if config.server.tls.is_some() || config.server.listen.ip().is_loopback() {
        return None;
    }
    Some(if config.auth.bearer_tokens.is_empty() {
        "events come over the network in clear, with patients' data, as this listener has no TLS; set server.tls, or listen on \
         127.0.0.1 behind a proxy that has it"
    } else {
        "tokens and events come over the network in clear, as this listener has no TLS: whoever reads a token there can write \
         to the HIS; set server.tls, or listen on 127.0.0.1 behind a proxy that has it"
    })
}

/// Whose address it is that is compared.
fn address_words(config: &Config) -> Option<&'static str> {
    let Auth { allowed_addresses, trusted_proxies, .. } = &config.auth;
    if allowed_addresses.is_empty() || !trusted_proxies.is_empty() {
        return None;
    }
    Some(if config.server.listen.ip().is_loopback() {
        "what reaches 127.0.0.1 comes from this machine, so that the address compared is 127.0.0.1 for every sender behind nginx \
         or ngrok; with \"trusted_proxies\": [\"127.0.0.1\"] it is the address that the proxy saw"
    } else {
        "where a proxy forwards requests, the address compared is the proxy's, and X-Forwarded-For is not believed; name the \
         proxy in auth.trusted_proxies to have the sender's"
    })
}

/// Files with secrets that others on this machine can read. On Windows nothing is known of them.
pub(super) fn readable_files(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(first) = config.secrets.inline.first() {
        let keys = config.secrets.inline.join(", ");
        found.extend(exposed(first, &config.path, &format!("this file holds secrets ({keys})")));
    }
    let mut files: Vec<(&str, &Path)> =
        config.secrets.files.iter().map(|(at, path)| (at.as_str(), path.as_path())).collect();
    if let QueueKey::File(path) = &config.queue.key {
        files.push(("queue.key", path));
    }
    if let Some(tls) = &config.server.tls {
        files.push(("server.tls.key", &tls.key));
    }
    for (at, path) in files {
        found.extend(exposed(at, path, &format!("{} holds a secret", path.display())));
    }
    found
}

/// What to say of a file whose rights let others read or change it.
#[cfg(unix)]
fn exposed(at: &str, path: &Path, what: &str) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt as _;
    // Whether it is there is for others to say.
    let about = std::fs::metadata(path).ok()?;
    let mode = about.mode() & 0o777;
    let shown = path.display();
    if mode & 0o006 != 0 {
        let can = if mode & 0o002 == 0 { "read it" } else { "read or change it" };
        let words = format!(
            "{what}, and every account of this machine can {can} (mode {mode:o}); run: chmod o-rwx '{shown}' (the account that \
             runs the service must own it, or be in its group)"
        );
        return Some(finding(Severity::Warning, at, &words));
    }
    (mode & 0o060 != 0).then(|| {
        let words = format!(
            "{what}, and all members of its group (number {}) can read it (mode {mode:o}); that is right if only the service's \
             account is in it, else run: chmod 600 '{shown}'",
            about.gid()
        );
        finding(Severity::Note, at, &words)
    })
}

#[cfg(not(unix))]
fn exposed(_: &str, _: &Path, _: &str) -> Option<Finding> {
    None
}

fn finding(severity: Severity, at: &str, words: &str) -> Finding {
    Finding { severity, at: at.to_owned(), message: words.to_owned() }
}
