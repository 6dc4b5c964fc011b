//! Signatures as senders make them, and fresh secrets for both sides. Randomness is an argument.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::auth::signature::{WEBHOOK_SECRET_PREFIX, webhook_key};

/// The header of Buktor's own signature.
pub const BUKTOR_SIGNATURE: &str = "buktor-signature";
/// The headers of Standard Webhooks (<https://www.standardwebhooks.com>).
pub const WEBHOOK_ID: &str = "webhook-id";
/// See [`WEBHOOK_ID`]: seconds since 1970-01-01T00:00:00Z.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// See [`WEBHOOK_ID`]: `v1,` and Base64, several with spaces between.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// HMAC-SHA256 of the parts, one after the other (RFC 2104; keys of any length).
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The value of `Buktor-Signature`: hex HMAC-SHA256 of the body. The key is the secret's text as it stands.
#[must_use]
pub fn buktor_signature(secret: &str, body: &[u8]) -> String {
    hex(&mac(secret.as_bytes(), &[body]))
}

/// The value of `webhook-signature`; none for a secret that Standard Webhooks does not know.
#[must_use]
pub fn webhook_signature(secret: &str, id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
    let key = webhook_key(secret)?;
    let timestamp = timestamp_s.to_string();
    let tag = mac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    Some(format!("v1,{}", STANDARD.encode(tag)))
}

/// A signing secret of these bytes, as Standard Webhooks writes it.
#[must_use]
pub fn new_signing_secret(random: &[u8; 32]) -> Zeroizing<String> {
    let mut secret = Zeroizing::new(String::with_capacity(WEBHOOK_SECRET_PREFIX.len() + 44));
    secret.push_str(WEBHOOK_SECRET_PREFIX);
    STANDARD.encode_string(random, &mut secret);
    secret
}

/// A bearer token of these bytes: letters and digits alone, which a double click selects as a whole.
#[must_use]
pub fn new_token(random: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(hex(random))
}

/// Never grows its text, which would leave a copy behind.
fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')));
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn rfc_4231() {
        let check = |key: &[u8], data: &[u8], expected: &str| {
            let whole = mac(key, &[data]);
            assert_eq!(whole.as_slice(), bytes(expected).get(..32).unwrap());
            let (a, b) = data.split_at(data.len() / 2);
            assert_eq!(mac(key, &[a, b]), whole);
        };
        check(&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
        check(
            &bytes("0102030405060708090a0b0c0d0e0f10111213141516171819"),
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        );
        check(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
        check(
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        );
    }

    #[test]
    fn signatures_of_others() {
        // printf '%s' '{"event_type": "appointment"}' | openssl dgst -sha256 -hmac your_shared_secret
        assert_eq!(
            buktor_signature("your_shared_secret", br#"{"event_type": "appointment"}"#),
            "79aba18220346c52cf62bbf1b899dbeb25d9ddeef2cc6d04ac594754c7449034"
        );
        // The vector that Standard Webhooks' libraries test themselves with.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = webhook_signature(
            secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(webhook_signature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "m", 0, b"{}"), None);
    }

    #[test]
    fn fresh_secrets() {
        let random: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 8).unwrap());
        let secret = new_signing_secret(&random);
        assert_eq!(secret.as_str(), "whsec_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg=");
        assert_eq!(webhook_key(&secret).unwrap().as_slice(), random);
        assert_eq!(
            new_token(&random).as_str(),
            "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8"
        );
    }
}
