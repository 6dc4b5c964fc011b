//! What `run` and `check` say about who may send. Names of credentials, never their texts.

use crate::{
    auth::Needs,
    config::{Auth, Credential},
};

/// Who may send; `is_open` where nobody is asked who he is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Senders {
    /// Whether no credentials are configured.
    pub(super) is_open: bool,
    /// In words.
    pub(super) words: String,
}

impl Senders {
    /// By that configuration.
    pub(super) fn of(auth: &Auth) -> Self {
        let tokens = || format!("a token ({})", names(&auth.bearer_tokens));
        let signature = || format!("a signature ({})", names(&auth.signing_secrets));
        let needed = match Needs::of(auth) {
            Needs::Nothing => {
                return Self { is_open: true, words: format!("{}{}", open_words(auth), address_words(auth)) };
            }
            Needs::Token => tokens(),
            Needs::Signature => signature(),
            Needs::Either => format!("{} or {}", tokens(), signature()),
            Needs::Both => format!("{} and {}", tokens(), signature()),
        };
        Self { is_open: false, words: format!("events need {needed}{}", address_words(auth)) }
    }
}

/// What everyone who runs the daemon without credentials should know.
fn open_words(auth: &Auth) -> &'static str {
    if auth.allow_unauthenticated {
        "no credentials are configured and auth.allow_unauthenticated is true: anyone who can reach this port, \
         also from the Internet, can write to the HIS"
    } else {
        "no credentials are configured: anyone who can reach this port can write to the HIS; requests that come \
         through a proxy or tunnel are refused until there are some (`buktor-middleware secret new` makes one) or \
         auth.allow_unauthenticated is true"
    }
}

fn address_words(auth: &Auth) -> String {
    let listed = |all: &[ipnet::IpNet]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let allowed = (!auth.allowed_addresses.is_empty())
        .then(|| format!("; only from {}", listed(&auth.allowed_addresses)));
    let trusted = (!auth.trusted_proxies.is_empty())
        .then(|| format!("; {} may say by X-Forwarded-For who sent", listed(&auth.trusted_proxies)));
    allowed.into_iter().chain(trusted).collect()
}

fn names(all: &[Credential]) -> String {
    let quoted: Vec<_> = all.iter().map(|credential| format!("\"{}\"", credential.name)).collect();
    quoted.join(" or ")
}

/// What is odd about the addresses, for `check`.
pub(super) fn address_warning(auth: &Auth) -> Option<String> {
    let proxy = auth.trusted_proxies.iter().find(|proxy| {
        auth.allowed_addresses.iter().any(|allowed| allowed.contains(*proxy) || proxy.contains(allowed))
    })?;
    Some(format!(
        "{proxy} is a trusted proxy, and its own address is allowed to send: a request that it passes on without \
         X-Forwarded-For counts as its own and is let in; leave its address out here, unless programs on that machine \
         send events too"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Require, Secret};

    fn auth(tokens: &[&str], secrets: &[&str], require: Require) -> Auth {
        let some = |names: &[&str]| {
            let one =
                |name: &&str| Credential { name: (*name).to_owned(), secret: Secret::new("hunter2".into()) };
            names.iter().map(one).collect()
        };
        Auth {
            allow_unauthenticated: false,
            bearer_tokens: some(tokens),
            signing_secrets: some(secrets),
            require,
            allowed_addresses: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }

    #[test]
    fn who_may_send_in_words() {
        let check = |auth: &Auth, is_open, expected: &str| {
            let senders = Senders::of(auth);
            assert!(!senders.words.contains("hunter2"));
            assert_eq!(senders.is_open, is_open);
            assert!(senders.words.contains(expected), "{}", senders.words);
        };
        let (all, any) = (Require::All, Require::Any);
        check(&auth(&[], &[], all), true, "refused until there are some");
        check(&Auth { allow_unauthenticated: true, ..auth(&[], &[], all) }, true, "also from the Internet");
        check(&auth(&["a", "b"], &[], all), false, r#"need a token ("a" or "b")"#);
        check(&auth(&[], &["c"], any), false, r#"need a signature ("c")"#);
        check(&auth(&["a"], &["c"], all), false, r#"need a token ("a") and a signature ("c")"#);
        check(&auth(&["a"], &["c"], any), false, r#"need a token ("a") or a signature ("c")"#);
        let far = Auth {
            allowed_addresses: vec!["192.0.2.0/24".parse().unwrap()],
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            ..auth(&["a"], &[], all)
        };
        check(&far, false, "; only from 192.0.2.0/24; 127.0.0.1/32 may say by X-Forwarded-For who sent");
    }

    #[test]
    fn a_proxy_that_may_send_itself_is_odd() {
        let check = |allowed: &str, trusted: &str, expected: bool| {
            let auth = Auth {
                allowed_addresses: vec![allowed.parse().unwrap()],
                trusted_proxies: vec![trusted.parse().unwrap()],
                ..auth(&[], &[], Require::All)
            };
            assert_eq!(address_warning(&auth).is_some(), expected, "{allowed} {trusted}");
        };
        check("192.0.2.0/24", "127.0.0.1/32", false);
        check("127.0.0.0/8", "127.0.0.1/32", true);
        check("10.0.0.7/32", "10.0.0.0/8", true);
        check("::1/128", "127.0.0.1/32", false);
        assert_eq!(address_warning(&auth(&[], &[], Require::All)), None);
    }
}
