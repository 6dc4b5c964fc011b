//! What makes a token or a signing secret a good one. Pure; its words never hold the secret or a part of it.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::limits::{CREDENTIAL_NAME_CHARS_MAX, SECRET_CHARS_MIN, WEBHOOK_KEY_BYTES_MIN};

/// What a Standard Webhooks secret begins with; its key follows, in base64.
const WEBHOOK_PREFIX: &str = "whsec_";
/// How the key is written: with or without the = at its end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Characters that a secret has at least, each counted once: a random one of the least length has more.
const CHARS_DIFFERENT_MIN: usize = 6;
/// What stands in examples, in place of a secret.
const PLACEHOLDERS: [&str; 7] =
    ["changeme", "change-me", "change_me", "placeholder", "your-token", "your-secret", "your_secret"];

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Shown as it is.
    Token,
    /// Signs bodies.
    Signing,
}

impl Kind {
    /// What it is called where nobody named it.
    pub(super) fn name(self, number: usize) -> String {
        match self {
            Self::Token => format!("token {number}"),
            Self::Signing => format!("secret {number}"),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Signing => "secret",
        }
    }
}

/// What is wrong with a name.
#[must_use]
pub fn name_fault(name: &str) -> Option<String> {
    let fine = !name.trim().is_empty()
        && name.trim() == name
        && !name.contains(char::is_control)
        && name.chars().count() <= CREDENTIAL_NAME_CHARS_MAX;
    (!fine).then(|| {
        format!(
            "must be a name of 1 to {CREDENTIAL_NAME_CHARS_MAX} characters without spaces around it, e.g. \"buktor 2026\""
        )
    })
}

/// What is wrong with a secret.
pub(super) fn fault(kind: Kind, secret: &str) -> Option<String> {
    const NEW: &str = "`buktor-middleware secret new` makes a good one";
    let noun = kind.noun();
    if secret.trim().is_empty() {
        return Some(format!("the {noun} is empty; {NEW}, or leave the key out"));
    }
    if secret.trim() != secret || secret.contains(char::is_control) {
        return Some(format!(
            "the {noun} has white space around it, or a line break or another control character in it; write it alone"
        ));
    }
    if let Some(message) = form_fault(kind, secret) {
        return Some(message);
    }
    if secret.chars().count() < SECRET_CHARS_MIN {
        return Some(format!(
            "the {noun} has fewer than {SECRET_CHARS_MIN} characters, so that it can be guessed; {NEW}"
        ));
    }
    if is_guessable(secret) {
        return Some(format!("the {noun} can be guessed (it is from an example, or a pattern); {NEW}"));
    }
    None
}

/// What is wrong with its form, before its length counts.
fn form_fault(kind: Kind, secret: &str) -> Option<String> {
    match kind {
        Kind::Token if secret.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) => {
            Some("holds the word Bearer; write the token after it alone".to_owned())
        }
        Kind::Token if secret.starts_with(WEBHOOK_PREFIX) => Some(format!(
            "begins with {WEBHOOK_PREFIX}, as secrets do that bodies are signed with; write it as signing_secrets"
        )),
        Kind::Token if !secret.bytes().all(|b| b.is_ascii_graphic()) => Some(
            "the token has a character that cannot stand in an HTTP header; it may have letters, digits and signs of ASCII, \
             and no space; `buktor-middleware secret new` makes a good one"
                .to_owned(),
        ),
        Kind::Token => None,
        Kind::Signing => {
            let key = BASE64.decode(secret.strip_prefix(WEBHOOK_PREFIX)?).map(Zeroizing::new);
            match key {
                Err(_) => Some(format!(
                    "what follows {WEBHOOK_PREFIX} is no base64 (letters, digits, + and /); copy the secret whole"
                )),
                Ok(key) if key.len() < WEBHOOK_KEY_BYTES_MIN => Some(format!(
                    "the key after {WEBHOOK_PREFIX} has fewer than {WEBHOOK_KEY_BYTES_MIN} bytes, so that it can be guessed; \
                     copy the secret whole, or have one made by `buktor-middleware secret new`"
                )),
                Ok(_) => None,
            }
        }
    }
}

/// Whether a person would try it: an example's text, few characters over and over, or a row of neighbours.
fn is_guessable(secret: &str) -> bool {
    let lower = Zeroizing::new(secret.to_lowercase());
    let mut different: Zeroizing<Vec<char>> = Zeroizing::new(lower.chars().collect());
    let length = different.len();
    let neighbours = different
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if u32::from(*a).abs_diff(u32::from(*b)) == 1));
    let rows = neighbours.count() * 3 >= length * 2;
    different.sort_unstable();
    different.dedup();
    rows || different.len() < CHARS_DIFFERENT_MIN || PLACEHOLDERS.iter().any(|p| lower.contains(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "kT8vQ2nZr5xW1mB7";

    #[test]
    fn secrets_that_nobody_guesses_are_good() {
        let good = |kind, secret: &str| assert_eq!(fault(kind, secret), None, "{secret}");
        good(Kind::Token, GOOD);
        good(Kind::Token, "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo");
        good(Kind::Token, "Zm9v+mF/cXV4cXV4cXV4cQ==");
        good(Kind::Signing, GOOD);
        good(Kind::Signing, "correct horse battery staple");
        good(Kind::Signing, "pässe-für-die-größte-übung");
        good(Kind::Signing, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        good(Kind::Signing, "whsec_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg=");
        good(Kind::Signing, "whsec_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg");
        good(Kind::Token, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    }

    #[test]
    fn bad_secrets_are_told_and_not_repeated() {
        let bad = |kind, secret: &str, part: &str| {
            let message = fault(kind, secret).unwrap_or_else(|| panic!("{secret:?} is fine"));
            assert!(message.contains(part), "{secret:?}: {message}");
            let shown = secret.trim().len() > 6 && message.contains(secret.trim());
            assert!(!shown, "{message}");
        };
        bad(Kind::Token, "", "is empty");
        bad(Kind::Signing, "  ", "is empty");
        bad(Kind::Token, "short", "fewer than 16 characters");
        bad(Kind::Signing, "kT8vQ2nZr5xW1mB", "fewer than 16 characters");
        bad(Kind::Token, "kT8vQ2nZr5xW1mB7 ", "white space around it");
        bad(Kind::Signing, "kT8vQ2nZr5x\nW1mB7", "line break");
        bad(Kind::Token, "kT8vQ2nZr5x W1mB7", "no space");
        bad(Kind::Token, "kT8vQ2nZr5xW1mB7ü", "HTTP header");
        bad(Kind::Token, "Bearer kT8vQ2nZr5xW1mB7", "holds the word Bearer");
        bad(Kind::Token, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "write it as signing_secrets");
        bad(Kind::Signing, "whsec_", "fewer than 16 bytes");
        bad(Kind::Signing, "whsec_MfKQ9r8GKYqrTw==", "fewer than 16 bytes");
        bad(Kind::Signing, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL", "is no base64");
        bad(Kind::Signing, "whsec_!fKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "is no base64");
        bad(Kind::Token, "aaaaaaaaaaaaaaaaaaaaaaaa", "can be guessed");
        bad(Kind::Token, "0123456789abcdef", "can be guessed");
        bad(Kind::Token, "12345678901234567890", "can be guessed");
        bad(Kind::Signing, "CHANGEME-CHANGEME-1", "can be guessed");
        bad(Kind::Signing, "your-secret-goes-here-1", "can be guessed");
    }

    #[test]
    fn names_are_short_texts() {
        let check = |name: &str, fine: bool| assert_eq!(name_fault(name).is_none(), fine, "{name:?}");
        check("buktor 2026", true);
        check("Büro", true);
        check("", false);
        check(" x", false);
        check("a\nb", false);
        check(&"x".repeat(65), false);
    }
}
