//! Who may send: addresses, bearer tokens, signatures and the rate of requests. Decides about what it is shown and nothing
//! else; never reads a clock or a socket, never says which of several secrets was nearly right, and never takes anything
//! from a header that no signature covers.
//!
//! The rules, where several credentials are shown:
//! - A credential of a kind that the configuration does not have is not looked at.
//! - Every signature that is shown and could be checked must be right, also where a token would be enough: somebody has
//!   changed the body otherwise.
//! - With `require: "any"` a wrong token does no harm beside a right signature, which says more.
//! - A header of a credential that comes twice is a wrong one: another program on the way may have read the other line.

mod address;
mod rate;
mod sign;
mod signature;

use std::{fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    auth::signature::{Signatures, SigningSecret},
    config::{self, Require},
    model::clock::Timestamp,
};

pub use rate::Rates;
pub use sign::{
    BUKTOR_SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, buktor_signature, new_signing_secret,
    new_token, webhook_signature,
};
pub use signature::is_webhook_secret;

/// A header as it came, without white space around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line<'a> {
    /// Not there.
    #[default]
    Absent,
    /// There once.
    Once(&'a [u8]),
    /// There several times.
    Repeated,
}

impl<'a> Line<'a> {
    /// From all lines of that name.
    pub fn of(mut lines: impl Iterator<Item = &'a [u8]>) -> Self {
        match (lines.next(), lines.next()) {
            (None, _) => Self::Absent,
            (Some(line), None) => Self::Once(line.trim_ascii()),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// `Authorization`.
    pub authorization: Line<'a>,
    /// `Buktor-Signature`.
    pub buktor_signature: Line<'a>,
    /// `webhook-id`.
    pub webhook_id: Line<'a>,
    /// `webhook-timestamp`.
    pub webhook_timestamp: Line<'a>,
    /// `webhook-signature`.
    pub webhook_signature: Line<'a>,
    /// Whether it has a header that proxies add.
    pub is_forwarded: bool,
    /// Whether it has an `Origin`, as requests of web pages have.
    pub has_origin: bool,
}

/// Why a request is refused. The words are for whoever runs its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its address is not among those that are allowed.
    #[error(
        "events are not accepted from this address; the middleware's administrator adds it to auth.allowed_addresses in \
         his-config.json, and a proxy between to auth.trusted_proxies"
    )]
    Address,
    /// A trusted proxy did not say who it speaks for.
    #[error(
        "X-Forwarded-For holds no address where the proxy puts the sender's; the proxy's administrator makes it append the \
         address (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for)"
    )]
    ForwardedFor,
    /// It came through a proxy, and there are no credentials that it could have shown.
    #[error(
        "this request came through a proxy, and no credentials are configured; the middleware's administrator makes some \
         with `buktor-middleware secret new`; to accept such requests without credentials, auth.allow_unauthenticated is \
         set to true in his-config.json"
    )]
    Forwarded,
    /// It came from a web page, and there are no credentials that it could have shown.
    #[error(
        "this request came from a web page, and no credentials are configured; the middleware's administrator makes some \
         with `buktor-middleware secret new`; to accept such requests without credentials, auth.allow_unauthenticated is \
         set to true in his-config.json"
    )]
    WebPage,
    /// Something that it needs is not there at all.
    #[error("{0}")]
    Missing(Missing),
    /// A credential is wrong; which one is nobody's business.
    #[error(
        "the credentials are wrong; compare the sender's token and secret with \"auth\" in the middleware's his-config.json, \
         and sign the body exactly as it is sent"
    )]
    Wrong,
    /// Signed rightly, but at another time than now.
    #[error(
        "webhook-timestamp is more than five minutes from the middleware's time; set the clocks of both machines, and sign \
         again when sending again (seconds since 1970, UTC)"
    )]
    Clock,
}

/// Credentials that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// A token.
    #[error(
        "this request has no token; its sender must send \"Authorization: Bearer TOKEN\" with a token of auth.bearer_tokens \
         in the middleware's his-config.json"
    )]
    Token,
    /// A signature.
    #[error(
        "this request is not signed; its sender must send \"Buktor-Signature\", the hex HMAC-SHA256 of the body with a \
         secret of auth.signing_secrets in the middleware's his-config.json"
    )]
    Signature,
    /// Either would do.
    #[error(
        "this request has no credentials; its sender must send \"Authorization: Bearer TOKEN\" or sign the body in \
         \"Buktor-Signature\", as \"auth\" in the middleware's his-config.json says"
    )]
    Either,
    /// Both, of which none is there.
    #[error(
        "this request has no credentials; its sender must send \"Authorization: Bearer TOKEN\" and sign the body in \
         \"Buktor-Signature\", as \"auth\" in the middleware's his-config.json says"
    )]
    Both,
}

impl Missing {
    /// What a request lacks that has no token, and no signature.
    fn of(needs: Needs, absent: (bool, bool)) -> Option<Self> {
        match (needs, absent) {
            (Needs::Token, (true, _)) | (Needs::Both, (true, false)) => Some(Self::Token),
            (Needs::Signature, (_, true)) | (Needs::Both, (false, true)) => Some(Self::Signature),
            (Needs::Either, (true, true)) => Some(Self::Either),
            (Needs::Both, (true, true)) => Some(Self::Both),
            _ => None,
        }
    }
}

/// What a request must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: no credentials are configured.
    Nothing,
    /// A token.
    Token,
    /// A signature.
    Signature,
    /// A token, or a signature.
    Either,
    /// A token and a signature.
    Both,
}

impl Needs {
    /// What senders need by that configuration.
    #[must_use]
    pub fn of(auth: &config::Auth) -> Self {
        match (auth.bearer_tokens.is_empty(), auth.signing_secrets.is_empty(), auth.require) {
            (true, true, _) => Self::Nothing,
            (false, true, _) => Self::Token,
            (true, false, _) => Self::Signature,
            (false, false, Require::Any) => Self::Either,
            (false, false, Require::All) => Self::Both,
        }
    }
}

/// The configured credentials and addresses, ready for requests.
#[derive(Debug)]
pub struct Gate {
    needs: Needs,
    allow_unauthenticated: bool,
    tokens: Vec<Token>,
    secrets: Vec<SigningSecret>,
    allowed: Vec<IpNet>,
    trusted: Vec<IpNet>,
}

/// A token by its digest, which has the same length for all and says nothing of the token's.
struct Token {
    name: Arc<str>,
    digest: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One kind of credential, as far as it can be judged before the body is there.
enum Judged<T> {
    Absent,
    Wrong,
    Good(T),
}

/// A request whose body may be read.
#[derive(Debug)]
pub struct Admitted<'a> {
    secrets: &'a [SigningSecret],
    token: Option<&'a Arc<str>>,
    signatures: Option<Signatures<'a>>,
}

/// A request whose sender is known as far as the configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof<'a> {
    /// Names of the credentials.
    pub credential: Option<Arc<str>>,
    /// The `webhook-id` that was signed with the body.
    pub webhook_id: Option<&'a [u8]>,
}

impl Gate {
    /// Prepares what the configuration has.
    #[must_use]
    pub fn new(auth: &config::Auth) -> Self {
        let token = |c: &config::Credential| Token {
            name: c.name.as_str().into(),
            digest: Sha256::digest(c.secret.expose().as_bytes()).into(),
        };
        Self {
            needs: Needs::of(auth),
            allow_unauthenticated: auth.allow_unauthenticated,
            tokens: auth.bearer_tokens.iter().map(token).collect(),
            secrets: auth.signing_secrets.iter().map(SigningSecret::new).collect(),
            allowed: auth.allowed_addresses.clone(),
            trusted: auth.trusted_proxies.clone(),
        }
    }

    /// The sender's address: the other end's, or, where that is a trusted proxy, the last one in `forwarded_for` (all lines
    /// of `X-Forwarded-For` in their order) that is none. Entries before that one are never read, for anybody can have
    /// written them.
    ///
    /// An entry that is no address is an error and not passed over: the one before it may be a stranger's invention.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Result<IpAddr, Refused> {
        address::client(peer, forwarded_for, &self.trusted).ok_or(Refused::ForwardedFor)
    }

    /// Whether events are accepted from an address.
    pub fn allow(&self, client: IpAddr) -> Result<(), Refused> {
        let is_allowed = self.allowed.is_empty() || address::is_in(&self.allowed, client);
        if is_allowed { Ok(()) } else { Err(Refused::Address) }
    }

    /// Judges all that can be judged before the body is read.
    pub fn admit<'a>(&'a self, shown: &Shown<'a>) -> Result<Admitted<'a>, Refused> {
        if self.needs == Needs::Nothing {
            self.refuse_strangers(shown)?;
        }
        let token = self.token(shown.authorization);
        let signatures = match Signatures::read(shown, &self.secrets) {
            None => Judged::Absent,
            Some(Err(signature::Unreadable)) => Judged::Wrong,
            Some(Ok(signatures)) => Judged::Good(signatures),
        };
        let absent = (matches!(token, Judged::Absent), matches!(signatures, Judged::Absent));
        // What is missing comes before what is wrong, so that a stranger who shows the half of it learns nothing of it.
        if let Some(missing) = Missing::of(self.needs, absent) {
            return Err(Refused::Missing(missing));
        }
        let token = if let Judged::Good(name) = token { Some(name) } else { None };
        let (token, signatures) = match (self.needs, token, signatures) {
            (Needs::Nothing, ..) => (None, None),
            (Needs::Token | Needs::Either, Some(name), Judged::Absent) => (Some(name), None),
            (Needs::Both, Some(name), Judged::Good(signatures)) => (Some(name), Some(signatures)),
            (Needs::Signature | Needs::Either, token, Judged::Good(signatures)) => (token, Some(signatures)),
            (Needs::Token | Needs::Signature | Needs::Either | Needs::Both, ..) => {
                return Err(Refused::Wrong);
            }
        };
        Ok(Admitted { secrets: &self.secrets, token, signatures })
    }

    /// Loopback is not trust: a proxy makes the Internet look local, and so does a web page in a browser on this
    /// machine, which can post JSON without asking as long as it names no content type.
    fn refuse_strangers(&self, shown: &Shown<'_>) -> Result<(), Refused> {
        if self.allow_unauthenticated {
            Ok(())
        } else if shown.is_forwarded {
            Err(Refused::Forwarded)
        } else if shown.has_origin {
            Err(Refused::WebPage)
        } else {
            Ok(())
        }
    }

    /// RFC 6750, section 2.1; the scheme in any case (RFC 9110, section 11.1). Another scheme is no token.
    fn token(&self, authorization: Line<'_>) -> Judged<&Arc<str>> {
        let line = match authorization {
            Line::Absent => return Judged::Absent,
            Line::Repeated => return Judged::Wrong,
            Line::Once(line) => line,
        };
        let scheme = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            return Judged::Absent;
        }
        let shown = Sha256::digest(line.get(scheme.len()..).unwrap_or_default().trim_ascii());
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.digest.ct_eq(&shown)) {
                found = Some(&token.name);
            }
        }
        found.map_or(Judged::Wrong, Judged::Good)
    }
}

impl<'a> Admitted<'a> {
    /// Judges the rest, with the body as it came. `now` counts for signatures that tell their time.
    pub fn verify(self, body: &[u8], now: Timestamp) -> Result<Proof<'a>, Refused> {
        let Some(signatures) = self.signatures else {
            return Ok(Proof { credential: self.token.cloned(), webhook_id: None });
        };
        let signed = signatures.verify(self.secrets, body, now)?;
        let names = self.token.into_iter().chain(signed.names);
        Ok(Proof { credential: joined(names), webhook_id: signed.webhook_id })
    }
}

/// `token 1`, or `token 1 + secret 1`.
fn joined<'n>(names: impl Iterator<Item = &'n Arc<str>>) -> Option<Arc<str>> {
    names.fold(None, |all, name| match all {
        None => Some(Arc::clone(name)),
        Some(all) => Some(format!("{all} + {name}").into()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests;
