//! The credentials that `send` shows: the first token and the first signing secret of the configuration.

use crate::{
    auth::{self, BUKTOR_SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP},
    cli::exit::{Exit, Failure},
    config::Auth,
    http::client::{HeaderName, HeaderValue},
    model::clock::Timestamp,
};

/// What goes with an event, and what the person is told of it.
#[derive(Debug)]
pub(super) struct Shown {
    /// Headers of the request.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// `with the token "token 1" and signed with "secret 1"`, or `without credentials`.
    pub(super) words: String,
}

impl Shown {
    /// Nothing.
    pub(super) fn nothing() -> Self {
        Self { headers: Vec::new(), words: "without credentials".to_owned() }
    }

    /// What the configuration has. `id` becomes the event's where it has none.
    pub(super) fn of(auth: &Auth, body: &[u8], id: &str, now: Timestamp) -> Result<Self, Failure> {
        let mut shown = Self { headers: Vec::new(), words: String::new() };
        let mut words = Vec::new();
        if let Some(token) = auth.bearer_tokens.first() {
            words.push(format!("with the token \"{}\"", token.name));
            shown.add("authorization", &format!("Bearer {}", token.secret.expose()))?;
        }
        if let Some(signing) = auth.signing_secrets.first() {
            let secret = signing.secret.expose();
            words.push(format!("signed with \"{}\"", signing.name));
            shown.add(BUKTOR_SIGNATURE, &auth::buktor_signature(secret, body))?;
            let seconds = now.utc().timestamp();
            if let Some(signature) = auth::webhook_signature(secret, id, seconds, body) {
                shown.add(WEBHOOK_ID, id)?;
                shown.add(WEBHOOK_TIMESTAMP, &seconds.to_string())?;
                shown.add(WEBHOOK_SIGNATURE, &signature)?;
            }
        }
        if words.is_empty() {
            return Ok(Self::nothing());
        }
        shown.words = words.join(" and ");
        Ok(shown)
    }

    fn add(&mut self, name: &'static str, value: &str) -> Result<(), Failure> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            let words = format!("what the configuration has for the header {name} cannot stand in one");
            Failure::new(Exit::Configuration, words)
        })?;
        value.set_sensitive(true);
        self.headers.push((HeaderName::from_static(name), value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Credential, Require, Secret};

    const TOKEN: &str = "t0ken-of-today";
    const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_first_of_each_kind_is_shown() {
        let check = |tokens: &[&str], secrets: &[&str], names: &[&str], words: &str| {
            let some = |all: &[&str]| {
                all.iter()
                    .map(|text| Credential {
                        name: text[..5].to_owned(),
                        secret: Secret::new((*text).to_owned()),
                    })
                    .collect()
            };
            let auth = Auth {
                allow_unauthenticated: false,
                bearer_tokens: some(tokens),
                signing_secrets: some(secrets),
                require: Require::All,
                allowed_addresses: Vec::new(),
                trusted_proxies: Vec::new(),
            };
            let shown = Shown::of(&auth, b"{}", "msg_1", Timestamp(1_740_000_000_000_000)).unwrap();
            assert_eq!(shown.words, words);
            let found: Vec<_> = shown.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(found, names);
            assert!(!format!("{shown:?}").contains(TOKEN), "{shown:?}");
        };
        check(&[], &[], &[], "without credentials");
        check(&[TOKEN, "other-token"], &[], &["authorization"], "with the token \"t0ken\"");
        check(&[], &["a secret"], &[BUKTOR_SIGNATURE], "signed with \"a sec\"");
        check(
            &[TOKEN],
            &[WHSEC, "a secret"],
            &["authorization", BUKTOR_SIGNATURE, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE],
            "with the token \"t0ken\" and signed with \"whsec\"",
        );
    }
}
