//! What a request must show, for every kind of configuration and every kind of hostile header.

use proptest::prelude::*;

use super::*;
use crate::{
    config::{Auth, Credential, Secret},
    limits,
};

const NOW_S: i64 = 1_740_000_000;
const NOW: Timestamp = Timestamp(NOW_S * 1_000_000);
const BODY: &[u8] = br#"{"event_type": "appointment", "note": "f\u00fcr"}"#;
const TOKEN: &str = "t0ken-of-today";
const TEXT: &str = "a shared secret";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_WHSEC: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

fn auth(tokens: &[&str], secrets: &[&str], require: Require) -> Auth {
    let named = |kind: &str, all: &[&str]| {
        let one = |(n, text): (usize, &&str)| Credential {
            name: format!("{kind} {}", n + 1),
            secret: Secret::new((*text).to_owned()),
        };
        all.iter().enumerate().map(one).collect()
    };
    Auth {
        allow_unauthenticated: false,
        bearer_tokens: named("token", tokens),
        signing_secrets: named("secret", secrets),
        require,
        allowed_addresses: Vec::new(),
        trusted_proxies: Vec::new(),
    }
}

/// Headers as they came, and what becomes of the request.
#[derive(Clone, Default)]
struct Head(Vec<(&'static str, Vec<u8>)>);

impl Head {
    fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.0.push((name, value.as_ref().to_vec()));
        self
    }

    fn token(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    fn signed(self, secret: &str) -> Self {
        self.with(BUKTOR_SIGNATURE, buktor_signature(secret, BODY))
    }

    fn webhook(self, secret: &str, seconds: i64) -> Self {
        self.with(WEBHOOK_ID, ID)
            .with(WEBHOOK_TIMESTAMP, seconds.to_string())
            .with(WEBHOOK_SIGNATURE, webhook_signature(secret, ID, seconds, BODY).unwrap())
    }

    fn shown(&self) -> Shown<'_> {
        let line =
            |name: &str| Line::of(self.0.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.as_slice()));
        Shown {
            authorization: line("authorization"),
            buktor_signature: line(BUKTOR_SIGNATURE),
            webhook_id: line(WEBHOOK_ID),
            webhook_timestamp: line(WEBHOOK_TIMESTAMP),
            webhook_signature: line(WEBHOOK_SIGNATURE),
            is_forwarded: self.0.iter().any(|(name, _)| *name == "x-forwarded-for"),
            has_origin: self.0.iter().any(|(name, _)| *name == "origin"),
        }
    }
}

fn head() -> Head {
    Head::default()
}

/// `NAMES[, webhook-id]`, or the refusal, with `early: ` where the body was not needed for it.
fn outcome(auth: &Auth, head: &Head, body: &[u8]) -> String {
    let gate = Gate::new(auth);
    let shown = head.shown();
    match gate.admit(&shown) {
        Err(refused) => format!("early: {refused:?}"),
        Ok(admitted) => match admitted.verify(body, NOW) {
            Err(refused) => format!("{refused:?}"),
            Ok(proof) => {
                let names = proof.credential.as_deref().unwrap_or("nobody").to_owned();
                match proof.webhook_id {
                    Some(id) => format!("{names}, {}", String::from_utf8_lossy(id)),
                    None => names,
                }
            }
        },
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is made for this alone")]
fn check(auth: &Auth, head: Head, expected: &str) {
    let told = outcome(auth, &head, BODY);
    assert_eq!(told, expected, "{:?}", head.0);
}

#[test]
fn tokens() {
    let both = auth(&["older", TOKEN], &[], Require::All);
    check(&both, head().token(TOKEN), "token 2");
    check(&both, head().token("older"), "token 1");
    for scheme in ["bearer ", "BEARER ", "bEaReR   "] {
        check(&both, head().with("authorization", format!("  {scheme}{TOKEN} \t")), "token 2");
    }
    check(&both, head(), "early: Missing(Token)");
    for absent in ["", "Basic dXNlcjpwYXNz", TOKEN, "Bearertoken", "Token older"] {
        check(&both, head().with("authorization", absent), "early: Missing(Token)");
    }
    let wrong = ["", " ", "olde", "olderr", "OLDER", "older older", "older,", "\"older\"", "öld"];
    for wrong in wrong {
        check(&both, head().token(wrong), "early: Wrong");
    }
    check(&both, head().with("authorization", b"Bearer older\xff"), "early: Wrong");
    check(&both, head().with("authorization", b"Bearer\tolder"), "early: Missing(Token)");
    check(&both, head().token(&"x".repeat(30_000)), "early: Wrong");
    // Twice, even if both are right.
    check(&both, head().token(TOKEN).token(TOKEN), "early: Wrong");
    // Signatures mean nothing where no secret is configured.
    check(&both, head().token(TOKEN).signed("x").webhook(WHSEC, 0), "token 2");
    check(&both, head().signed(TOKEN), "early: Missing(Token)");
}

#[test]
fn buktor_signatures() {
    let two = auth(&[], &["older", TEXT], Require::All);
    check(&two, head().signed(TEXT), "secret 2");
    check(&two, head().signed("older"), "secret 1");
    let hex = buktor_signature(TEXT, BODY);
    for form in [hex.to_uppercase(), format!("sha256={hex}"), format!(" SHA256={} ", hex.to_uppercase())] {
        check(&two, head().with(BUKTOR_SIGNATURE, form), "secret 2");
    }
    check(&two, head(), "early: Missing(Signature)");
    check(&two, head().token(TEXT), "early: Missing(Signature)");
    check(&two, head().signed("another"), "Wrong");
    for unreadable in ["", "sha256=", &hex[1..], &format!("{hex}00"), &format!("{hex}, {hex}")] {
        check(&two, head().with(BUKTOR_SIGNATURE, unreadable), "early: Wrong");
    }
    check(&two, head().with(BUKTOR_SIGNATURE, [0xff; 64]), "early: Wrong");
    check(&two, head().with(BUKTOR_SIGNATURE, vec![b'a'; 30_000]), "early: Wrong");
    check(&two, head().signed(TEXT).signed(TEXT), "early: Wrong");
    // Tokens mean nothing where none is configured, whatever they are.
    check(&two, head().signed(TEXT).token("x").token("y"), "secret 2");
    // The headers of Standard Webhooks are somebody else's where no secret is one of theirs.
    check(&two, head().webhook(WHSEC, 0), "early: Missing(Signature)");
    check(&two, head().signed(TEXT).webhook(WHSEC, 0), "secret 2");
}

#[test]
fn standard_webhooks() {
    let some = auth(&[], &[TEXT, OTHER_WHSEC, WHSEC], Require::All);
    let named = format!("secret 3, {ID}");
    check(&some, head().webhook(WHSEC, NOW_S), &named);
    check(&some, head().webhook(WHSEC, NOW_S - 300), &named);
    check(&some, head().webhook(WHSEC, NOW_S + 300), &named);
    check(&some, head().webhook(WHSEC, NOW_S - 301), "Clock");
    check(&some, head().webhook(WHSEC, NOW_S + 301), "Clock");
    for strange in [0, -1, NOW_S * 1000, i64::MAX, i64::MIN] {
        check(&some, head().webhook(WHSEC, strange), "Clock");
        // Who does not know the secret learns nothing of the clock.
        check(&some, head().webhook("whsec_AAEC", strange), "Wrong");
    }
    check(&some, head().webhook("whsec_AAEC", NOW_S), "Wrong");
    let with = |id: &str, time: &str, list: &str| {
        head().with(WEBHOOK_ID, id).with(WEBHOOK_TIMESTAMP, time).with(WEBHOOK_SIGNATURE, list)
    };
    let signed = webhook_signature(WHSEC, ID, NOW_S, BODY).unwrap();
    let bare = signed.trim_end_matches('=');
    let (time, wrong) = (NOW_S.to_string(), format!("v1,{}", "A".repeat(43)));
    check(&some, with(ID, &time, bare), &named);
    check(&some, with(ID, &time, &format!("v1a,xyz  {wrong} {signed} {wrong}")), &named);
    check(&some, with(ID, &time, &vec![wrong.as_str(); limits::SIGNATURES_MAX].join(" ")), "Wrong");
    check(&some, with(ID, &time, &format!("{signed} ").repeat(limits::SIGNATURES_MAX + 1)), "early: Wrong");
    for unreadable in ["", "v1,", "v1a,xyz", &signed[3..], &format!("V1,{bare}"), &format!("{bare}é")] {
        check(&some, with(ID, &time, unreadable), "early: Wrong");
    }
    // Each part is signed.
    check(&some, with("msg_other", &time, &signed), "Wrong");
    check(&some, with(ID, &(NOW_S + 1).to_string(), &signed), "Wrong");
    check(&some, with(ID, &format!("0{time}"), &signed), "Wrong");
    check(&some, with("", &time, &signed), "Wrong");
    // A part that is not there, or twice.
    let list = head().with(WEBHOOK_SIGNATURE, &signed);
    check(&some, list.clone(), "early: Wrong");
    check(&some, list.clone().with(WEBHOOK_ID, ID), "early: Wrong");
    check(&some, list.with(WEBHOOK_TIMESTAMP, &time), "early: Wrong");
    check(&some, with(ID, &time, &signed).with(WEBHOOK_ID, ID), "early: Wrong");
    check(&some, with(ID, &time, &signed).with(WEBHOOK_TIMESTAMP, &time), "early: Wrong");
    check(&some, with(ID, &time, &signed).with(WEBHOOK_SIGNATURE, &signed), "early: Wrong");
    check(&some, head().with(WEBHOOK_ID, ID).with(WEBHOOK_TIMESTAMP, time), "early: Missing(Signature)");
}

#[test]
fn every_signature_that_is_shown_must_be_right() {
    let some = auth(&[], &[TEXT, WHSEC], Require::All);
    check(&some, head().signed(WHSEC).webhook(WHSEC, NOW_S), &format!("secret 2, {ID}"));
    check(&some, head().signed(TEXT).webhook(WHSEC, NOW_S), &format!("secret 1 + secret 2, {ID}"));
    check(&some, head().signed("x").webhook(WHSEC, NOW_S), "Wrong");
    check(&some, head().signed(TEXT).webhook(OTHER_WHSEC, NOW_S), "Wrong");
    check(&some, head().signed(TEXT).webhook(WHSEC, NOW_S - 301), "Clock");
    check(&some, head().with(BUKTOR_SIGNATURE, "x").webhook(WHSEC, NOW_S), "early: Wrong");
    check(&some, head().signed(TEXT).with(WEBHOOK_SIGNATURE, ""), "early: Wrong");
}

#[test]
fn both_kinds() {
    let all = auth(&[TOKEN], &[TEXT, WHSEC], Require::All);
    check(&all, head().token(TOKEN).signed(TEXT), "token 1 + secret 1");
    check(&all, head().token(TOKEN).webhook(WHSEC, NOW_S), &format!("token 1 + secret 2, {ID}"));
    check(&all, head().token(TOKEN), "early: Missing(Signature)");
    check(&all, head().token("x"), "early: Missing(Signature)");
    check(&all, head().signed(TEXT), "early: Missing(Token)");
    check(&all, head().signed("x"), "early: Missing(Token)");
    check(&all, head(), "early: Missing(Both)");
    check(&all, head().token("x").signed(TEXT), "early: Wrong");
    check(&all, head().token(TOKEN).signed("x"), "Wrong");
    let any = auth(&[TOKEN], &[TEXT, WHSEC], Require::Any);
    check(&any, head().token(TOKEN), "token 1");
    check(&any, head().signed(TEXT), "secret 1");
    check(&any, head().token(TOKEN).signed(TEXT), "token 1 + secret 1");
    check(&any, head(), "early: Missing(Either)");
    check(&any, head().token("x"), "early: Wrong");
    check(&any, head().signed("x"), "Wrong");
    // Somebody has changed the body of a sender who knows the token.
    check(&any, head().token(TOKEN).signed("x"), "Wrong");
    check(&any, head().token(TOKEN).with(BUKTOR_SIGNATURE, "x"), "early: Wrong");
    check(&any, head().token(TOKEN).webhook(WHSEC, 0), "Clock");
    // A right signature says more than a wrong token.
    check(&any, head().token("x").signed(TEXT), "secret 1");
    check(&any, head().token(TOKEN).token(TOKEN).signed(TEXT), "secret 1");
}

#[test]
fn without_credentials() {
    let mut none = auth(&[], &[], Require::All);
    check(&none, head(), "nobody");
    check(&none, head().token("x").signed("x").webhook(WHSEC, 0), "nobody");
    check(&none, head().with("x-forwarded-for", "192.0.2.1"), "early: Forwarded");
    check(&none, head().with("origin", "null"), "early: WebPage");
    none.allow_unauthenticated = true;
    check(&none, head().with("x-forwarded-for", "192.0.2.1").with("origin", "null"), "nobody");
    // Credentials are needed wherever there are some, and are enough for requests from anywhere.
    let some = Auth { allow_unauthenticated: true, ..auth(&[TOKEN], &[], Require::All) };
    check(&some, head(), "early: Missing(Token)");
    let from_anywhere = |head: Head| head.with("x-forwarded-for", "192.0.2.1").with("origin", "null");
    check(&some, from_anywhere(head().token(TOKEN)), "token 1");
    check(&auth(&[TOKEN], &[], Require::All), from_anywhere(head().token(TOKEN)), "token 1");
}

#[test]
fn addresses() {
    let check = |allowed: &[&str],
                 trusted: &[&str],
                 peer: &str,
                 forwarded: &[&str],
                 expected: Result<&str, Refused>| {
        let networks = |all: &[&str]| all.iter().map(|n| n.parse().unwrap()).collect();
        let auth = Auth {
            allowed_addresses: networks(allowed),
            trusted_proxies: networks(trusted),
            ..auth(&[], &[], Require::All)
        };
        let lines = forwarded.iter().map(|line| line.as_bytes());
        let gate = Gate::new(&auth);
        let client = gate.client(peer.parse().unwrap(), lines);
        let found = client.and_then(|client| gate.allow(client).map(|()| client.to_string()));
        assert_eq!(
            found.as_deref().map_err(|e| *e),
            expected,
            "{allowed:?} {trusted:?} {peer} {forwarded:?}"
        );
    };
    let buktor: &[&str] = &["192.0.2.0/24"];
    let nginx: &[&str] = &["127.0.0.1/32"];
    check(&[], &[], "203.0.113.9", &["192.0.2.1"], Ok("203.0.113.9"));
    check(buktor, &[], "192.0.2.1", &[], Ok("192.0.2.1"));
    check(buktor, &[], "::ffff:192.0.2.1", &[], Ok("192.0.2.1"));
    check(buktor, &[], "203.0.113.9", &["192.0.2.1"], Err(Refused::Address));
    check(buktor, &[], "127.0.0.1", &["192.0.2.1"], Err(Refused::Address));
    check(buktor, nginx, "127.0.0.1", &["192.0.2.1"], Ok("192.0.2.1"));
    check(buktor, nginx, "127.0.0.1", &["192.0.2.1, 203.0.113.9"], Err(Refused::Address));
    check(buktor, nginx, "127.0.0.1", &["192.0.2.1", "203.0.113.9"], Err(Refused::Address));
    check(buktor, nginx, "127.0.0.1", &["192.0.2.1,"], Err(Refused::ForwardedFor));
    check(buktor, nginx, "127.0.0.1", &[], Err(Refused::Address));
    check(buktor, nginx, "203.0.113.9", &["192.0.2.1"], Err(Refused::Address));
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let gate = Gate::new(&auth(&[TOKEN], &[TEXT, WHSEC], Require::All));
    let head = head().token(TOKEN).webhook(WHSEC, NOW_S);
    let told = format!("{gate:?} {:?}", gate.admit(&head.shown()).unwrap());
    let key = format!("{:?}", TEXT.as_bytes());
    for secret in [TOKEN, TEXT, &WHSEC[6..], key.trim_matches(['[', ']'])] {
        assert!(!told.contains(secret), "{told}");
    }
}

proptest! {
    /// No change of a single byte goes through, of the body or of what was signed with it.
    #[test]
    fn a_changed_byte_is_refused(place in 0..BODY.len(), bits in 1_u8..) {
        let all = auth(&[], &[TEXT, WHSEC], Require::All);
        let mut body = BODY.to_vec();
        body[place] ^= bits;
        prop_assert_eq!(outcome(&all, &head().signed(TEXT), &body), "Wrong");
        prop_assert_eq!(outcome(&all, &head().webhook(WHSEC, NOW_S), &body), "Wrong");
    }

    /// Whatever stands in the headers, it is refused without a panic.
    #[test]
    fn nonsense_is_refused(
        lines in prop::collection::vec((0_usize..5, prop::collection::vec(any::<u8>(), 0..100)), 0..8),
        require_all in any::<bool>(),
    ) {
        let names = ["authorization", BUKTOR_SIGNATURE, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE];
        let require = if require_all { Require::All } else { Require::Any };
        let all = auth(&[TOKEN], &[TEXT, WHSEC], require);
        let head = lines.into_iter().fold(head(), |head, (name, value)| head.with(names[name], value));
        let told = outcome(&all, &head, BODY);
        prop_assert!(told.ends_with("Wrong") || told.contains("Missing"), "{}", told);
    }
}
