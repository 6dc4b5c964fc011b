//! Headers that say who sends, as bytes of a stranger's. The input is a line for each header, in the order of [`Lines`], and
//! the body behind them.

use std::{net::IpAddr, path::Path, sync::OnceLock};

use buktor_middleware::{
    auth::{self, Gate, Line, Shown},
    config::Config,
    model::clock::Timestamp,
};

use super::is_told_well;

const NOW_S: i64 = 1_740_000_000;
const TOKEN: &str = "x7Qw-0Zk2-never-in-the-corpus-1";
const SECRET: &str = "whsec_bmV2ZXItaW4tdGhlLWNvcnB1cy0wMTIzNDU2Nzg5";
const PLAIN_SECRET: &str = "a plain secret that is never in the corpus";
/// The proxy that is believed.
const PROXY: &str = "127.0.0.1";

fn gates() -> &'static [Gate] {
    static GATES: OnceLock<Vec<Gate>> = OnceLock::new();
    GATES.get_or_init(|| {
        let secrets = format!(r#""signing_secrets": ["{SECRET}", "{PLAIN_SECRET}"]"#);
        let token = format!(r#""bearer_tokens": ["{TOKEN}"]"#);
        [
            token.clone(),
            secrets.clone(),
            format!(r#"{token}, {secrets}, "require": "any""#),
            format!(r#"{token}, {secrets}, "trusted_proxies": ["{PROXY}"]"#),
        ]
        .map(|auth| gate(&auth))
        .into()
    })
}

fn gate(auth: &str) -> Gate {
    let written = format!(
        r#"{{"auth": {{{auth}}}, "database": {{"type": "sqlite", "path": "x"}}, "mapping": {{"a": {{"ignore": true}}}}}}"#
    );
    let config = Config::parse(written.as_bytes(), Path::new("/his-config.json"), &|_: &str| None)
        .expect("a configuration that is right");
    Gate::new(&config.auth)
}

/// The lines of the input, each of which may stand several times in a request, with a NUL between.
struct Lines<'a> {
    authorization: &'a [u8],
    buktor_signature: &'a [u8],
    id: &'a [u8],
    timestamp: &'a [u8],
    signature: &'a [u8],
    forwarded_for: &'a [u8],
    body: &'a [u8],
}

/// Nobody comes in who does not know a secret; whoever does comes in, with this body alone; and an address is believed only
/// from the proxy.
pub(crate) fn holds(bytes: &[u8]) {
    let mut parts = bytes.splitn(7, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let lines = Lines {
        authorization: next(),
        buktor_signature: next(),
        id: next(),
        timestamp: next(),
        signature: next(),
        forwarded_for: next(),
        body: next(),
    };
    strangers(&lines);
    friends(&lines);
    addresses(&lines);
}

fn shown<'a>(lines: &Lines<'a>) -> Shown<'a> {
    let line = |bytes: &'a [u8]| Line::of(bytes.split(|byte| *byte == 0).filter(|one| !one.is_empty()));
    Shown {
        authorization: line(lines.authorization),
        buktor_signature: line(lines.buktor_signature),
        webhook_id: line(lines.id),
        webhook_timestamp: line(lines.timestamp),
        webhook_signature: line(lines.signature),
        is_forwarded: !lines.forwarded_for.is_empty(),
        has_origin: false,
    }
}

fn strangers(lines: &Lines<'_>) {
    for gate in gates() {
        let shown = shown(lines);
        let refused = match gate.admit(&shown) {
            Ok(admitted) => admitted.verify(lines.body, now()).expect_err("nobody knows the secrets"),
            Err(refused) => refused,
        };
        is_told_well(&refused.to_string());
    }
}

fn friends(lines: &Lines<'_>) {
    let body = lines.body;
    let bearer = format!("bEARER  {TOKEN} ");
    let plain = format!("SHA256={}", auth::buktor_signature(PLAIN_SECRET, body));
    let id = String::from_utf8_lossy(lines.id).trim().to_owned();
    let signature = auth::webhook_signature(SECRET, &id, NOW_S, body).expect("a secret of that kind");
    let (time, wrong_time) = (NOW_S.to_string(), (NOW_S - 301).to_string());
    let with = |token: bool, hex: &'_ str, list: &'_ str, time: &'_ str, body: &[u8]| -> Vec<bool> {
        let shown = Shown {
            authorization: if token { Line::Once(bearer.trim().as_bytes()) } else { Line::Absent },
            buktor_signature: if hex.is_empty() { Line::Absent } else { Line::Once(hex.as_bytes()) },
            webhook_id: Line::Once(id.as_bytes()),
            webhook_timestamp: Line::Once(time.as_bytes()),
            webhook_signature: if list.is_empty() { Line::Absent } else { Line::Once(list.as_bytes()) },
            ..Shown::default()
        };
        let passes =
            |gate: &Gate| gate.admit(&shown).is_ok_and(|admitted| admitted.verify(body, now()).is_ok());
        gates().iter().map(passes).collect()
    };
    // By gate: a token, a signature, either, both.
    assert_eq!(with(true, "", "", &time, body), [true, false, true, false]);
    assert_eq!(with(false, &plain, "", &time, body), [false, true, true, false]);
    assert_eq!(with(false, "", &signature, &time, body), [false, true, true, false]);
    assert_eq!(with(true, &plain, &signature, &time, body), [true, true, true, true]);
    assert_eq!(with(false, "", &signature, &wrong_time, body), [false; 4]);
    let other = [body, b"x"].concat();
    assert_eq!(with(false, &plain, "", &time, &other), [false; 4]);
    assert_eq!(with(false, "", &signature, &time, &other), [false; 4]);
    assert_eq!(with(true, &plain, &signature, &time, &other), [true, false, false, false]);
    // Somebody else's signatures beside ours do no harm; nor do ours beside a broken one of our kind.
    let list = format!("v1a,x {signature} v2,y");
    assert_eq!(with(false, "", &list, &time, body), [false, true, true, false]);
}

/// An address from the header is the last entry, where the proxy itself is the other end; else it is the other end's.
fn addresses(lines: &Lines<'_>) {
    let entries = || lines.forwarded_for.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let stranger: IpAddr = [192, 0, 2, 1].into();
    let proxy: IpAddr = PROXY.parse().expect("an address");
    let all: Vec<&[u8]> = entries().collect();
    for gate in gates() {
        assert_eq!(gate.client(stranger, all.iter().copied()), Ok(stranger));
    }
    let [.., trusting] = gates() else { return };
    let believed = trusting.client(proxy, all.iter().copied());
    let last = all.last().and_then(|line| line.rsplit(|byte| *byte == b',').next());
    match (believed, last) {
        (Ok(address), Some(last)) => {
            let last = String::from_utf8_lossy(last);
            assert!(
                address == proxy
                    || last.contains(&address.to_string())
                    || is_other_form(&last, address)
                    || last.contains("127.0.0.1"),
                "{address} of {last:?}"
            );
        }
        (Ok(address), None) => assert_eq!(address, proxy),
        (Err(refused), _) => is_told_well(&refused.to_string()),
    }
}

/// IPv6 has many forms.
fn is_other_form(entry: &str, address: IpAddr) -> bool {
    let bare = entry.trim().trim_start_matches('[');
    let bare = bare.split(']').next().unwrap_or_default();
    bare.parse::<IpAddr>().is_ok_and(|parsed| parsed.to_canonical() == address)
        || entry
            .trim()
            .parse::<std::net::SocketAddr>()
            .is_ok_and(|parsed| parsed.ip().to_canonical() == address)
}

fn now() -> Timestamp {
    Timestamp(NOW_S * 1_000_000)
}
