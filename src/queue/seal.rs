//! Sealing of what the queue file must not show: bytes in, bytes out. Never opens a file, and never tells more of a
//! failure than that it failed.
//!
//! A sealed text begins with byte 1, which no JSON does, then the number of the key that it was sealed with (0 for the
//! master key), the nonce and the ciphertext with its tag: XChaCha20-Poly1305, whose nonces are long enough to be
//! random. It is bound to the queue file and to its place there, so that it cannot be moved to another one.
//!
//! Sealed are the bodies of events, the errors that stand with them (they may hold the HIS's own words) and the key of
//! the digests. Readable in the file stay event ids, types, times, the keys of records (`entity`, `awaits`, the
//! crosswalk), causes, counts and sizes: the queue finds and orders its events by them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::limits::MASTER_KEY_CHARS_MIN;

/// The first byte of what is sealed.
pub(super) const SEALED: u8 = 1;
/// Bytes that sealing adds: the first byte, the key's number, the nonce and the tag.
pub(super) const SEAL_BYTES: usize = 1 + 4 + NONCE_BYTES + 16;
/// What stands before a sealed text in a column of texts: the same byte, then base64.
const SEALED_TEXT: char = '\u{1}';
/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;
/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// Under which the master key is made of its text; another use of the same text gives another key.
const MASTER_LABEL: &[u8] = b"buktor-middleware queue master key 1";
/// The master key's number.
const MASTER: u32 = 0;

/// What could not be unsealed: sealed with another key, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// What a sealed text is, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The body of the event at that place in the queue.
    Body(i64),
    /// Its error.
    Error(i64),
    /// The data key of that number.
    DataKey(u32),
    /// The key of the digests.
    DigestKey,
}

impl Place {
    /// The associated data.
    fn bytes(self, queue_id: &str) -> Vec<u8> {
        let (kind, number) = match self {
            Self::Body(seq) => (b'b', seq),
            Self::Error(seq) => (b'e', seq),
            Self::DataKey(id) => (b'k', i64::from(id)),
            Self::DigestKey => (b'd', 0),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(queue_id.as_bytes());
        bytes
    }
}

/// A key with its number. Overwritten in memory when it is dropped.
#[derive(Clone)]
pub(super) struct SealKey {
    id: u32,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl SealKey {
    /// The master key of a text; none where the text is too short to be one.
    pub(super) fn master(text: &str) -> Option<Self> {
        if text.chars().count() < MASTER_KEY_CHARS_MIN {
            return None;
        }
        Some(Self { id: MASTER, bytes: mac(text.as_bytes(), MASTER_LABEL) })
    }

    /// The data key of that number.
    pub(super) fn data(id: u32, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self { id, bytes }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// The key itself, to be sealed.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Seals with a nonce that was never used before: random bytes.
    pub(super) fn seal(
        &self,
        plain: &[u8],
        place: Place,
        queue_id: &str,
        nonce: &[u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, Unreadable> {
        let payload = Payload { msg: plain, aad: &place.bytes(queue_id) };
        let text = self.cipher().encrypt(&XNonce::from(*nonce), payload).map_err(|_| Unreadable)?;
        let mut sealed = Vec::with_capacity(text.len() + SEAL_BYTES);
        sealed.push(SEALED);
        sealed.extend_from_slice(&self.id.to_be_bytes());
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Unseals what was sealed with this key for that place.
    pub(super) fn unseal(
        &self,
        sealed: &[u8],
        place: Place,
        queue_id: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        if key_of(sealed) != Some(self.id) {
            return Err(Unreadable);
        }
        let (nonce, text) =
            sealed.get(5..).and_then(|rest| rest.split_first_chunk::<NONCE_BYTES>()).ok_or(Unreadable)?;
        let payload = Payload { msg: text, aad: &place.bytes(queue_id) };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Unreadable)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(<&Key>::from(&*self.bytes))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

/// The number of the key that something was sealed with; none where it is not sealed.
pub(super) fn key_of(bytes: &[u8]) -> Option<u32> {
    let rest = bytes.strip_prefix(&[SEALED])?;
    Some(u32::from_be_bytes(*rest.first_chunk()?))
}

/// Sealed bytes for a column of texts.
pub(super) fn to_text(sealed: &[u8]) -> String {
    let mut text = String::from(SEALED_TEXT);
    BASE64.encode_string(sealed, &mut text);
    text
}

/// The sealed bytes of a text; none where it is not sealed. What is no base64 is as good as changed.
pub(super) fn from_text(text: &str) -> Option<Vec<u8>> {
    text.strip_prefix(SEALED_TEXT).map(|text| BASE64.decode(text).unwrap_or_default())
}

/// Keys the digests of bodies: who has the file alone cannot try bodies against them.
#[derive(Clone)]
pub(super) struct DigestKey(Zeroizing<[u8; KEY_BYTES]>);

impl DigestKey {
    pub(super) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    /// The key itself, to be kept or sealed.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The digest as it is kept.
    pub(super) fn keyed(&self, digest: [u8; 16]) -> [u8; 16] {
        let mac = mac(&*self.0, &digest);
        mac.first_chunk().copied().unwrap_or_default()
    }
}

fn mac(key: &[u8], message: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length, RFC 2104");
    mac.update(message);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32, byte: u8) -> SealKey {
        SealKey::data(id, Zeroizing::new([byte; KEY_BYTES]))
    }

    #[test]
    fn what_was_sealed_is_read_with_its_key_at_its_place() {
        let sealed = key(7, 1).seal(b"{\"a\":1}", Place::Body(5), "q", &[9; NONCE_BYTES]).unwrap();
        assert_eq!((sealed.len(), key_of(&sealed)), (7 + SEAL_BYTES, Some(7)));
        let check = |key: &SealKey, place, queue: &str, expected: Result<&[u8], Unreadable>| {
            let got = key.unseal(&sealed, place, queue);
            assert_eq!(got.as_ref().map(|plain| plain.as_slice()), expected.as_ref().map(|plain| *plain));
        };
        check(&key(7, 1), Place::Body(5), "q", Ok(b"{\"a\":1}"));
        check(&key(7, 2), Place::Body(5), "q", Err(Unreadable));
        check(&key(8, 1), Place::Body(5), "q", Err(Unreadable));
        check(&key(7, 1), Place::Body(6), "q", Err(Unreadable));
        check(&key(7, 1), Place::Error(5), "q", Err(Unreadable));
        check(&key(7, 1), Place::Body(5), "p", Err(Unreadable));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key(7, 1).unseal(&changed, Place::Body(5), "q").is_err(), "{at}");
            assert!(key(7, 1).unseal(&sealed[..at], Place::Body(5), "q").is_err(), "{at}");
        }
    }

    #[test]
    fn texts_are_told_apart() {
        let check = |text: &str, expected: Option<&[u8]>| assert_eq!(from_text(text).as_deref(), expected);
        check("parked", None);
        check("", None);
        check(&to_text(b"\x01abc"), Some(b"\x01abc"));
        check("\u{1}?", Some(b""));
        assert_eq!(key_of(b"{}"), None);
        assert_eq!(key_of(b"\x01\0\0\0"), None);
    }

    #[test]
    fn a_master_key_needs_a_long_text() {
        let check = |text: &str, expected: bool| assert_eq!(SealKey::master(text).is_some(), expected);
        check("", false);
        check(&"x".repeat(31), false);
        check(&"x".repeat(32), true);
        let bytes = |text: &str| *SealKey::master(text).unwrap().bytes();
        assert_ne!(bytes(&"x".repeat(32)), bytes(&"x".repeat(33)));
        assert_eq!(format!("{:?}", SealKey::master(&"x".repeat(32)).unwrap()), "SealKey(0)");
    }

    #[test]
    fn digests_depend_on_their_key() {
        let keyed = |byte: u8, digest| DigestKey::new(Zeroizing::new([byte; KEY_BYTES])).keyed([digest; 16]);
        assert_eq!(keyed(1, 1), keyed(1, 1));
        assert_ne!(keyed(1, 1), keyed(2, 1));
        assert_ne!(keyed(1, 1), keyed(1, 2));
    }
}
