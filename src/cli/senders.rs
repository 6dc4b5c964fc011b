//! What `run` and `check` say about who may send: names of credentials, never their texts.

use crate::{
    auth::Needs,
    config::{Auth, Credential},
};

/// What senders must show, and where they may send from: `events need a token ("buktor 2026")`.
pub(super) fn words(auth: &Auth) -> String {
    let token = || format!("a token ({})", names(&auth.bearer_tokens));
    let signature = || format!("a signature ({})", names(&auth.signing_secrets));
    let needed = match Needs::of(auth) {
        Needs::Nothing => "no credentials".to_owned(),
        Needs::Token => token(),
        Needs::Signature => signature(),
        Needs::Either => format!("{} or {}", token(), signature()),
        Needs::Both => format!("{} and {}", token(), signature()),
    };
    format!("events need {needed}{}", address_words(auth))
}

fn address_words(auth: &Auth) -> String {
    let listed = |all: &[ipnet::IpNet]| all.iter().map(address).collect::<Vec<_>>().join(", ");
    let allowed = (!auth.allowed_addresses.is_empty())
        .then(|| format!("; only from {}", listed(&auth.allowed_addresses)));
    let trusted = (!auth.trusted_proxies.is_empty())
        .then(|| format!("; {} may say by X-Forwarded-For who sent", listed(&auth.trusted_proxies)));
    allowed.into_iter().chain(trusted).collect()
}

/// As people write it: one machine without the length of its network.
fn address(net: &ipnet::IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
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
        "{} is a trusted proxy, and its own address is allowed to send: a request that it passes on without \
         X-Forwarded-For counts as its own and is let in; leave its address out here, unless programs on that machine \
         send events too",
        address(proxy)
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
        let check = |auth: &Auth, expected: &str| assert_eq!(words(auth), format!("events need {expected}"));
        let (all, any) = (Require::All, Require::Any);
        check(&auth(&[], &[], all), "no credentials");
        check(&auth(&["a", "b"], &[], all), r#"a token ("a" or "b")"#);
        check(&auth(&[], &["c"], any), r#"a signature ("c")"#);
        check(&auth(&["a"], &["c"], all), r#"a token ("a") and a signature ("c")"#);
        check(&auth(&["a"], &["c"], any), r#"a token ("a") or a signature ("c")"#);
        let far = Auth {
            allowed_addresses: vec!["192.0.2.0/24".parse().unwrap()],
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            ..auth(&["a"], &[], all)
        };
        check(
            &far,
            r#"a token ("a"); only from 192.0.2.0/24; 127.0.0.1 may say by X-Forwarded-For who sent"#,
        );
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
