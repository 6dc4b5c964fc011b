//! Signatures of a body: Buktor's own and those of Standard Webhooks. Compares every secret with every signature shown, in
//! constant time, and looks at the time of a signature only once that is right.

use std::{fmt, sync::Arc};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::{
    auth::{Line, Refused, Shown, sign::mac},
    config::Credential,
    limits,
    model::clock::Timestamp,
};

/// What the secrets of Standard Webhooks begin with.
pub(super) const WEBHOOK_SECRET_PREFIX: &str = "whsec_";
/// A signature of this kind among those in `webhook-signature`; others are asymmetric ones, or of the future.
const WEBHOOK_VERSION: &[u8] = b"v1,";
/// What may stand before the hex of `Buktor-Signature`, in any case.
const ALGORITHM: &[u8] = b"sha256=";

/// With padding and without: both are in use.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A configured secret, with its keys.
pub(super) struct SigningSecret {
    name: Arc<str>,
    text: Zeroizing<Vec<u8>>,
    webhook: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningSecret").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SigningSecret {
    pub(super) fn new(credential: &Credential) -> Self {
        let text = credential.secret.expose();
        Self {
            name: credential.name.as_str().into(),
            text: Zeroizing::new(text.as_bytes().to_vec()),
            webhook: webhook_key(text),
        }
    }
}

/// The key of a secret of Standard Webhooks.
pub(super) fn webhook_key(secret: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(BASE64.decode(secret.strip_prefix(WEBHOOK_SECRET_PREFIX)?).ok()?);
    (!key.is_empty()).then_some(key)
}

/// Whether Standard Webhooks' signatures can be made with a secret: `whsec_`, then Base64.
#[must_use]
pub fn is_webhook_secret(secret: &str) -> bool {
    webhook_key(secret).is_some()
}

/// The signatures that a request shows; one at least.
#[derive(Debug)]
pub(super) struct Signatures<'a> {
    buktor: Option<[u8; 32]>,
    webhook: Option<Webhook<'a>>,
}

#[derive(Debug)]
struct Webhook<'a> {
    id: &'a [u8],
    timestamp: &'a [u8],
    tags: Vec<[u8; 32]>,
}

/// A signature that cannot be one of ours, whatever the body.
#[derive(Debug)]
pub(super) struct Unreadable;

/// What right signatures tell.
pub(super) struct Signed<'a> {
    /// The secrets' names, each once.
    pub(super) names: Vec<&'a Arc<str>>,
    /// The `webhook-id` that was signed.
    pub(super) webhook_id: Option<&'a [u8]>,
}

impl<'a> Signatures<'a> {
    /// What is shown and can be checked with such secrets; none where there is nothing of that.
    pub(super) fn read(shown: &Shown<'a>, secrets: &[SigningSecret]) -> Option<Result<Self, Unreadable>> {
        if secrets.is_empty() {
            return None;
        }
        let buktor = match shown.buktor_signature {
            Line::Absent => None,
            Line::Once(line) => Some(from_hex(line)),
            Line::Repeated => Some(None),
        };
        // Without a secret for them they are somebody else's.
        let is_known = secrets.iter().any(|secret| secret.webhook.is_some());
        let webhook = match (shown.webhook_signature, shown.webhook_id, shown.webhook_timestamp) {
            (Line::Once(list), Line::Once(id), Line::Once(timestamp)) if is_known => {
                Some(from_list(list).map(|tags| Webhook { id, timestamp, tags }))
            }
            (Line::Once(_) | Line::Repeated, ..) if is_known => Some(None),
            _ => None,
        };
        match (buktor, webhook) {
            (None, None) => None,
            (Some(None), _) | (_, Some(None)) => Some(Err(Unreadable)),
            (buktor, webhook) => Some(Ok(Self { buktor: buktor.flatten(), webhook: webhook.flatten() })),
        }
    }

    /// Holds them against the body; every one must be right.
    pub(super) fn verify(
        self,
        secrets: &'a [SigningSecret],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Signed<'a>, Refused> {
        let mut names: Vec<&Arc<str>> = Vec::new();
        let mut is_right = true;
        let mut found = |name: Option<&'a Arc<str>>| match name {
            Some(name) if names.contains(&name) => {}
            Some(name) => names.push(name),
            None => is_right = false,
        };
        if let Some(tag) = self.buktor {
            let matching = |secret: &SigningSecret| mac(&secret.text, &[body]).ct_eq(&tag);
            found(which(secrets, matching));
        }
        if let Some(webhook) = &self.webhook {
            found(which(secrets, |secret| webhook.matches(secret, body)));
        }
        if !is_right {
            return Err(Refused::Wrong);
        }
        // Only now: whoever does not know the secret learns nothing of this machine's clock.
        if self.webhook.as_ref().is_some_and(|webhook| !is_present(webhook.timestamp, now)) {
            return Err(Refused::Clock);
        }
        Ok(Signed { names, webhook_id: self.webhook.map(|webhook| webhook.id) })
    }
}

impl Webhook<'_> {
    fn matches(&self, secret: &SigningSecret, body: &[u8]) -> Choice {
        let none = Choice::from(0);
        let Some(key) = &secret.webhook else { return none };
        let own = mac(key, &[self.id, b".", self.timestamp, b".", body]);
        self.tags.iter().fold(none, |any, tag| any | own.ct_eq(tag))
    }
}

/// The name of the secret that matches. All of them are tried, so that the time says nothing of their order.
fn which(secrets: &[SigningSecret], matching: impl Fn(&SigningSecret) -> Choice) -> Option<&Arc<str>> {
    let mut found = None;
    for secret in secrets {
        if bool::from(matching(secret)) {
            found = Some(&secret.name);
        }
    }
    found
}

/// 64 hex digits of either case, perhaps after `sha256=`.
fn from_hex(line: &[u8]) -> Option<[u8; 32]> {
    let digits = match line.split_at_checked(ALGORITHM.len()) {
        Some((algorithm, digits)) if algorithm.eq_ignore_ascii_case(ALGORITHM) => digits,
        _ => line,
    };
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != 32 {
        return None;
    }
    let half = |digit: u8| char::from(digit).to_digit(16).and_then(|half| u8::try_from(half).ok());
    let mut tag = [0; 32];
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = half(*high)? << 4 | half(*low)?;
    }
    Some(tag)
}

/// The signatures of a list that we may know. None where there are too many, or none at all.
fn from_list(line: &[u8]) -> Option<Vec<[u8; 32]>> {
    let mut tags = Vec::new();
    let all = line.split(u8::is_ascii_whitespace).filter(|one| !one.is_empty());
    for (place, one) in all.enumerate() {
        if place == limits::SIGNATURES_MAX {
            return None;
        }
        let Some(text) = one.strip_prefix(WEBHOOK_VERSION) else { continue };
        // One that is none does not match, and says nothing about the others.
        if let Some(tag) = BASE64.decode(text).ok().and_then(|tag| <[u8; 32]>::try_from(tag).ok()) {
            tags.push(tag);
        }
    }
    (!tags.is_empty()).then_some(tags)
}

/// Whether a `webhook-timestamp` is close enough to this machine's time.
fn is_present(timestamp: &[u8], now: Timestamp) -> bool {
    // `parse` would take a sign.
    if timestamp.is_empty() || !timestamp.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let seconds = std::str::from_utf8(timestamp).ok().and_then(|digits| digits.parse::<i64>().ok());
    let Some(moment) = seconds.and_then(|seconds| seconds.checked_mul(1_000_000)) else { return false };
    u128::from(moment.abs_diff(now.0)) <= limits::SIGNATURE_AGE_MAX.as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_in_any_form() {
        let good = "0123456789abcdefABCDEF0123456789abcdefABCDEF00112233445566778899";
        let check = |line: &str, expected: bool| {
            let tag = from_hex(line.as_bytes());
            assert_eq!(tag.is_some(), expected, "{line:?}");
            assert!(tag.is_none_or(|tag| tag.starts_with(&[0x01, 0x23]) && tag.ends_with(&[0x88, 0x99])));
        };
        check(good, true);
        check(&format!("sha256={good}"), true);
        check(&format!("SHA256={}", good.to_uppercase()), true);
        check(&format!("Sha256={}", good.to_lowercase()), true);
        for wrong in ["", "sha256=", "sha256", "00", "0", "é", "sha1=00", "sha256=sha256="] {
            check(wrong, false);
        }
        check(&good[1..], false);
        check(&format!("{good}0"), false);
        check(&format!("{good}00"), false);
        check(&format!("0x{}", &good[2..]), false);
        check(&format!("sha256= {good}"), false);
        check(&format!("sha512={good}"), false);
        check(&format!("{}g{}", &good[..10], &good[11..]), false);
        check(&format!("{}+{}", &good[..10], &good[11..]), false);
        check(&format!("{}é{}", &good[..10], &good[12..]), false);
        assert_eq!(from_hex(&[0xff; 64]), None);
    }

    #[test]
    fn lists_of_signatures() {
        let tag = BASE64.encode([7; 32]);
        let bare = tag.trim_end_matches('=');
        let check = |line: &str, expected: Option<usize>| {
            assert_eq!(from_list(line.as_bytes()).map(|tags| tags.len()), expected, "{line:?}");
        };
        check(&format!("v1,{tag}"), Some(1));
        check(&format!("v1,{bare}"), Some(1));
        check(&format!("  v1,{bare}   v1,{tag} v1a,{tag} v2,{tag}\tv1,short"), Some(2));
        for none in ["", " ", "v1,", "v1", &tag, &format!("V1,{tag}"), &format!("v1a,{tag}"), "v1,é"] {
            check(none, None);
        }
        check(&format!("v1,{tag}{tag}"), None);
        check(&format!("v1,{}", tag.replace('=', "==")), None);
        let many = |count: usize| vec![format!("v1,{tag}"); count].join(" ");
        check(&many(limits::SIGNATURES_MAX), Some(limits::SIGNATURES_MAX));
        check(&many(limits::SIGNATURES_MAX + 1), None);
        assert_eq!(from_list(&[0xff; 2000]), None);
    }

    #[test]
    fn times() {
        let now = Timestamp(1_740_000_000_999_999);
        let check = |timestamp: &str, expected: bool| {
            assert_eq!(is_present(timestamp.as_bytes(), now), expected, "{timestamp:?}");
        };
        check("1740000000", true);
        check("0001740000000", true);
        check("1739999701", true);
        check("1739999700", false);
        check("1740000300", true);
        check("1740000301", false);
        for wrong in [
            "",
            "0",
            "+1740000000",
            "-1740000000",
            "1740000000.0",
            " 1740000000",
            "1740000000000",
            "1740000000000000",
            "9223372036854775807",
            "9223372036854775808",
            "99999999999999999999999999999999",
            "2025-02-19T21:20:00Z",
            "１740000000",
        ] {
            check(wrong, false);
        }
        assert!(!is_present(b"1740000000\xff", now));
        assert!(is_present(b"0", Timestamp(0)) && !is_present(b"9223372036854", Timestamp(i64::MIN)));
    }

    #[test]
    fn secrets_of_standard_webhooks() {
        let check =
            |secret: &str, expected: bool| assert_eq!(is_webhook_secret(secret), expected, "{secret}");
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true);
        check("whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD", false);
        check("whsec_AAEC", true);
        check("whsec_AAE=", true);
        check("whsec_AAE", true);
        check("whsec_", false);
        check("whsec_A", false);
        check("WHSEC_AAEC", false);
        check("AAEC", false);
    }
}
