//! `auth`, `server.tls` and secrets as they are written: plain structs, nothing checked. The comments here are the
//! descriptions that an editor shows through the JSON Schema. No `Debug` of them shows a text that may be a secret.

#![expect(clippy::doc_markdown, reason = "these comments are shown by editors as plain text")]

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::file_shapes::OneOrMany;

/// Who may send events. Without bearer_tokens and signing_secrets nobody is asked for credentials, and only this
/// machine is answered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// Accept events without credentials also through a proxy or tunnel (nginx, ngrok) and on another address than
    /// 127.0.0.1. Whoever can reach the port can then write to the HIS: set it to true only where the network or
    /// the proxy keeps strangers out.
    #[schemars(extend("default" = false))]
    pub(crate) allow_unauthenticated: Option<bool>,
    /// Tokens, one of which a request must show as "Authorization: Bearer TOKEN". At least 16 characters each;
    /// "buktor-middleware secret new" makes one. A list while one takes the place of another.
    #[schemars(extend("default" = []))]
    pub(crate) bearer_tokens: Option<OneOrMany<CredentialText>>,
    /// Secrets, by one of which a request's body must be signed (Buktor-Signature, or the headers of Standard Webhooks
    /// with a secret that begins with whsec_). "buktor-middleware secret new" makes one. A list while one takes the
    /// place of another.
    #[schemars(extend("default" = []))]
    pub(crate) signing_secrets: Option<OneOrMany<CredentialText>>,
    /// Where both bearer_tokens and signing_secrets are set: whether a request needs a token and a signature, or one
    /// of them.
    #[schemars(extend("default" = "all"))]
    pub(crate) require: Option<Require>,
    /// Addresses and networks from which events are accepted; without it, any. They are the sender's own, or, where
    /// trusted_proxies names the proxy, those that the proxy saw.
    #[schemars(extend("default" = [], "examples" = [["203.0.113.7", "10.20.0.0/16"]]))]
    pub(crate) allowed_addresses: Option<OneOrMany<String>>,
    /// Addresses and networks of the proxies (nginx, ngrok) in front of this program, whose X-Forwarded-For is
    /// believed; from others it is not.
    #[schemars(extend("default" = [], "examples" = [["127.0.0.1"]]))]
    pub(crate) trusted_proxies: Option<OneOrMany<String>>,
}

/// Whether a request needs a token and a signature, or one of them.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Require {
    /// A token and a signature.
    All,
    /// A token or a signature.
    Any,
}

/// TLS on the listener itself. Both files are read again when they change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["certificate", "key"]))]
pub(crate) struct ServerTls {
    /// File with the certificate and those of the authorities above it (PEM), in this order.
    #[schemars(extend("examples" = ["fullchain.pem"]))]
    pub(crate) certificate: Option<String>,
    /// File with the certificate's private key (PEM), without a passphrase.
    #[schemars(extend("examples" = ["privkey.pem"]))]
    pub(crate) key: Option<String>,
}

/// A token or signing secret with a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["name", "secret"]))]
pub(crate) struct NamedSecret {
    /// What the audit trail calls it. Without a name they are "token 1", "token 2", "secret 1" and so on.
    #[schemars(extend("examples" = ["buktor 2026"]))]
    pub(crate) name: Option<String>,
    /// The token or secret itself, or where it is kept.
    pub(crate) secret: Option<SecretText>,
}

/// Where a secret is kept, outside this file. Exactly one of these keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1, "examples" = [{ "file": "secret.txt" }]))]
pub(crate) struct SecretFrom {
    /// Name of the environment variable that holds it.
    #[schemars(extend("examples" = ["HIS_PASSWORD"]))]
    pub(crate) env: Option<String>,
    /// Path of the file that holds it and nothing else.
    #[schemars(extend("examples" = ["his-password.txt"]))]
    pub(crate) file: Option<String>,
    /// Linux with systemd: name of the credential that holds it, as the unit's LoadCredential= or
    /// LoadCredentialEncrypted= calls it.
    #[schemars(extend("examples" = ["his-password"]))]
    pub(crate) credential: Option<String>,
    /// Windows: what "buktor-middleware secret protect" printed; only this machine, or this account, can read it.
    #[schemars(extend("examples" = ["AQAAANCMnd8BFdERjHoAwE..."]))]
    pub(crate) dpapi: Option<String>,
}

/// A secret, or where it is kept.
pub(crate) enum SecretText {
    /// The text itself.
    Plain(Zeroizing<String>),
    /// Outside the file.
    From(SecretFrom),
}

/// A token or signing secret, with or without a name.
#[derive(Debug)]
pub(crate) enum CredentialText {
    /// The secret alone.
    Unnamed(SecretText),
    /// With its name.
    Named(NamedSecret),
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("[secret]"),
            Self::From(from) => from.fmt(f),
        }
    }
}

/// Shows which keys there are: somebody may have put the secret where the name of its place belongs.
impl fmt::Debug for SecretFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = [
            ("env", &self.env),
            ("file", &self.file),
            ("credential", &self.credential),
            ("dpapi", &self.dpapi),
        ];
        f.debug_set().entries(keys.iter().filter(|(_, v)| v.is_some()).map(|(key, _)| key)).finish()
    }
}
