//! From `auth` as written to [`Auth`]: tokens and signing secrets that nobody can guess, and the addresses that are let in.
//! No message repeats a secret or any part of one.

use ipnet::IpNet;

use crate::{
    config::{
        Auth, Credential, Require, addresses,
        credential::{self, Kind},
        file::{self, CredentialText, OneOrMany},
        keypath::KeyPath,
        resolve::Resolver,
    },
    limits::{CREDENTIALS_MAX, NETWORKS_MAX},
};

/// A credential with the path of its secret and of its name.
struct Found {
    at: KeyPath,
    credential: Credential,
}

impl Resolver<'_> {
    /// Resolves `auth`; nothing where it has a problem.
    pub(super) fn auth(&mut self, written: file::Auth) -> Option<Auth> {
        let at = KeyPath::root().key("auth");
        let told = self.problems.len();
        let tokens = self.credentials(&at.key("bearer_tokens"), Kind::Token, written.bearer_tokens);
        let secrets = self.credentials(&at.key("signing_secrets"), Kind::Signing, written.signing_secrets);
        self.twins(&tokens, &secrets);
        let flag = at.key("allow_unauthenticated");
        let some = !tokens.is_empty() || !secrets.is_empty();
        if written.allow_unauthenticated == Some(true) && some {
            self.wrong(
                &flag,
                "is true, which means that nobody is asked for credentials, but bearer_tokens or signing_secrets are set; \
                 remove it to have them asked for, or remove those",
            );
        }
        if written.require.is_some()
            && (tokens.is_empty() || secrets.is_empty())
            && !self.is_broken(&at.key("bearer_tokens"))
            && !self.is_broken(&at.key("signing_secrets"))
            && self.problems.len() == told
        {
            self.wrong(
                &at.key("require"),
                "has a use only where both bearer_tokens and signing_secrets are set; remove it, or set both",
            );
        }
        let allowed = self.networks(&at.key("allowed_addresses"), written.allowed_addresses);
        let proxies = self.networks(&at.key("trusted_proxies"), written.trusted_proxies);
        let plain = |all: Vec<Found>| all.into_iter().map(|found| found.credential).collect();
        let auth = Auth {
            allow_unauthenticated: written.allow_unauthenticated.unwrap_or(false),
            bearer_tokens: plain(tokens),
            signing_secrets: plain(secrets),
            require: match written.require {
                Some(file::Require::Any) => Require::Any,
                Some(file::Require::All) | None => Require::All,
            },
            allowed_addresses: allowed,
            trusted_proxies: proxies,
        };
        (self.problems.len() == told && !self.is_broken(&at)).then_some(auth)
    }

    fn credentials(
        &mut self,
        at: &KeyPath,
        kind: Kind,
        written: Option<OneOrMany<CredentialText>>,
    ) -> Vec<Found> {
        let all = written.map_or(Vec::new(), |written| written.at(at));
        if all.len() > CREDENTIALS_MAX {
            let message = format!("has {} entries; write at most {CREDENTIALS_MAX}", all.len());
            self.wrong(at, message);
            return Vec::new();
        }
        let mut found = Vec::new();
        for (number, (at, written)) in (1_usize..).zip(all) {
            found.extend(self.credential(at, kind, number, written));
        }
        found
    }

    fn credential(
        &mut self,
        at: KeyPath,
        kind: Kind,
        number: usize,
        written: CredentialText,
    ) -> Option<Found> {
        let (name, secret_at, secret) = match written {
            CredentialText::Unnamed(secret) => (kind.name(number), at.clone(), secret),
            CredentialText::Named(named) => {
                // What is not there, `shape` told of.
                let (name, secret) = (named.name?, named.secret?);
                if let Some(message) = credential::name_fault(&name) {
                    self.wrong(&at.key("name"), message);
                    return None;
                }
                (name, at.key("secret"), secret)
            }
        };
        let secret = self.secret(&secret_at, secret)?;
        if let Some(message) = credential::fault(kind, secret.expose()) {
            self.wrong(&secret_at, message);
            return None;
        }
        Some(Found { at, credential: Credential { name, secret } })
    }

    /// Tells of secrets and names that stand twice.
    fn twins(&mut self, tokens: &[Found], secrets: &[Found]) {
        let all: Vec<&Found> = tokens.iter().chain(secrets).collect();
        for (i, later) in all.iter().enumerate() {
            let before = all.get(..i).unwrap_or_default();
            let same = |of: fn(&Credential) -> &str| {
                before.iter().find(|b| of(&b.credential) == of(&later.credential)).map(|b| b.at.clone())
            };
            if let Some(first) = same(|c| c.secret.expose()) {
                self.wrong(
                    &later.at,
                    format!(
                        "is the same secret as {first}; remove one of them, or have another made by `buktor-middleware \
                         secret new` (a token travels with each request, so it must not be what requests are signed with)"
                    ),
                );
            } else if let Some(first) = same(|c| &c.name) {
                let message = format!(
                    "has the same name as {first}, so that the audit trail could not tell them apart; give it another"
                );
                self.wrong(&later.at, message);
            }
        }
    }

    fn networks(&mut self, at: &KeyPath, written: Option<OneOrMany<String>>) -> Vec<IpNet> {
        let all = written.map_or(Vec::new(), |written| written.at(at));
        if all.len() > NETWORKS_MAX {
            let message = format!("has {} entries; write at most {NETWORKS_MAX}", all.len());
            self.wrong(at, message);
            return Vec::new();
        }
        let mut networks = Vec::new();
        for (at, text) in all {
            match addresses::network(&text) {
                Ok(network) => networks.push(network),
                Err(message) => self.wrong(&at, message),
            }
        }
        networks
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        Auth, Require,
        tests::{check, good, parse_with, with},
    };

    fn auth(inner: &str) -> Auth {
        good(&with(&format!("\"auth\": {{{inner}}}"))).auth
    }

    #[test]
    fn who_may_send_is_as_it_is_written() {
        assert!(!auth("").has_credentials());
        assert!(!auth(r#""bearer_tokens": [], "signing_secrets": []"#).has_credentials());
        let one = auth(r#""bearer_tokens": "kT8vQ2nZr5xW1mB7""#);
        assert_eq!(one.require, Require::All);
        let all = auth(
            r#""bearer_tokens": ["kT8vQ2nZr5xW1mB7", {"name": "buktor 2026", "secret": "kT8vQ2nZr5xW1mB8"}],
               "signing_secrets": {"name": "hmac", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "require": "any",
               "allowed_addresses": ["10.0.0.5", "192.168.0.0/16"], "trusted_proxies": "127.0.0.1""#,
        );
        let names: Vec<&str> =
            all.bearer_tokens.iter().chain(&all.signing_secrets).map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["token 1", "buktor 2026", "hmac"]);
        assert_eq!(all.bearer_tokens[1].secret.expose(), "kT8vQ2nZr5xW1mB8");
        assert_eq!(all.require, Require::Any);
        assert_eq!(all.allowed_addresses.len(), 2);
        assert_eq!(all.trusted_proxies[0].to_string(), "127.0.0.1/32");
        assert!(!format!("{all:?}").contains("kT8v"), "{all:?}");
        let text =
            with(r#""auth": {"signing_secrets": [{"env": "A"}, {"name": "b", "secret": {"env": "B"}}]}"#);
        let values = [("A", "kT8vQ2nZr5xW1mB7"), ("B", "kT8vQ2nZr5xW1mB8")];
        let elsewhere = parse_with(text.as_bytes(), &values).unwrap();
        assert_eq!(elsewhere.auth.signing_secrets[1].secret.expose(), "kT8vQ2nZr5xW1mB8");
        assert_eq!(elsewhere.secrets.inline, ["database.password"]);
    }

    #[test]
    fn mistakes_in_auth() {
        let wrong = |inner: &str, at: &str, part: &str| {
            check(&with(&format!("\"auth\": {{{inner}}}")), &[(at, part)]);
        };
        wrong(r#""bearer_tokens": """#, "auth.bearer_tokens", "the token is empty");
        wrong(r#""bearer_tokens": ["hunter2"]"#, "auth.bearer_tokens.0", "fewer than 16 characters");
        wrong(
            r#""signing_secrets": {"secret": "hunter2", "name": "x"}"#,
            "auth.signing_secrets.secret",
            "fewer than 16",
        );
        wrong(
            r#""signing_secrets": {"secret": "hunter2"}"#,
            "auth.signing_secrets.name",
            "is missing; add a name",
        );
        wrong(
            r#""signing_secrets": [{"name": "x"}]"#,
            "auth.signing_secrets.0.secret",
            "as `buktor-middleware secret new`",
        );
        wrong(
            r#""signing_secrets": {"name": " ", "secret": "kT8vQ2nZr5xW1mB7"}"#,
            "auth.signing_secrets.name",
            "a name of 1",
        );
        wrong(
            r#""bearer_tokens": 1234567890123456"#,
            "auth.bearer_tokens",
            "not a number; put it in double quotes",
        );
        wrong(r#""bearer_tokens": [["hunter2"]]"#, "auth.bearer_tokens.0", "not a list");
        wrong(r#""bearer_tokens": [null]"#, "auth.bearer_tokens.0", "not null");
        wrong(r#""bearer_tokens": {"enf": "hunter2"}"#, "auth.bearer_tokens.enf", "did you mean \"env\"?");
        wrong(
            r#""bearer_tokens": {"hunter2hunter2": "x"}"#,
            "auth.bearer_tokens",
            "unknown key; known here: ",
        );
        wrong(r#""bearer_tokens": {"env": "A", "file": "b"}"#, "auth.bearer_tokens", "exactly one of `env`");
        wrong(r#""token": "hunter2""#, "auth.token", "did you mean \"bearer_tokens\"?");
        wrong(
            r#""allow_unauthenticated": true, "bearer_tokens": "kT8vQ2nZr5xW1mB7""#,
            "auth.allow_unauthenticated",
            "nobody is asked",
        );
        wrong(r#""require": "any", "bearer_tokens": "kT8vQ2nZr5xW1mB7""#, "auth.require", "set both");
        wrong(r#""require": "both""#, "auth.require", "write \"all\"");
        wrong(
            r#""allowed_addresses": ["10.0.0.5", "10.0.0.5/24"]"#,
            "auth.allowed_addresses.1",
            "write \"10.0.0.0/24\"",
        );
        wrong(r#""trusted_proxies": "0.0.0.0/0""#, "auth.trusted_proxies", "every address");
        wrong(
            r#""bearer_tokens": ["kT8vQ2nZr5xW1mB7", "kT8vQ2nZr5xW1mB7"]"#,
            "auth.bearer_tokens.1",
            "is the same secret as auth.bearer_tokens.0",
        );
        wrong(
            r#""bearer_tokens": "kT8vQ2nZr5xW1mB7", "signing_secrets": "kT8vQ2nZr5xW1mB7""#,
            "auth.signing_secrets",
            "is the same secret as auth.bearer_tokens;",
        );
        wrong(
            r#""bearer_tokens": ["kT8vQ2nZr5xW1mB7", {"name": "token 1", "secret": "kT8vQ2nZr5xW1mB8"}]"#,
            "auth.bearer_tokens.1",
            "has the same name as auth.bearer_tokens.0",
        );
        let many = ["\"kT8vQ2nZr5xW1mB7\""; 9].join(",");
        wrong(&format!("\"bearer_tokens\": [{many}]"), "auth.bearer_tokens", "at most 8");
        // What is wrong with credentials is told alone: that nobody would be asked follows from it.
        check(
            &with(r#""server": {"listen": "0.0.0.0:5000"}, "auth": {"bearer_tokens": 5}"#),
            &[("auth.bearer_tokens", "not a number")],
        );
        check(
            &with(r#""server": {"listen": "0.0.0.0:5000"}, "auth": {"bearer_tokens": "hunter2"}"#),
            &[("auth.bearer_tokens", "fewer than 16")],
        );
    }
}
