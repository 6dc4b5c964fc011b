//! From when until when a certificate holds, read out of its DER. Pure; checks nothing else of it.
//! (RFC 5280, section 4.1: `Certificate ::= { TBSCertificate ::= { [0] version, serial, algorithm, issuer, validity, ... } ... }`)

use chrono::NaiveDateTime;

use crate::model::clock::Timestamp;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Its first and its last second; none where this is no certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, after)) = expect(rest, VERSION) {
        rest = after;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = expect(rest, tag)?;
    }
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (until, _) = time(rest)?;
    Some((from, until))
}

/// Whether this is the DER of a PKCS#12 file (`PFX ::= { version 3, ... }`, RFC 7292).
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    let version = expect(bytes, SEQUENCE).and_then(|(inside, _)| expect(inside, INTEGER));
    version.is_some_and(|(version, _)| version == [3])
}

/// Whether this is DER of whatever kind.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    expect(bytes, SEQUENCE).is_some()
}

fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (&tag, _) = bytes.split_first()?;
    let (text, rest) = expect(bytes, tag)?;
    let text = std::str::from_utf8(text).ok()?;
    let full = match tag {
        // RFC 5280, section 4.1.2.5.1: 50 and above are of the last century.
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let moment = NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?;
    Some((moment.and_utc().into(), rest))
}

/// What a value of that tag holds, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests {
    use super::*;

    fn certificate(from: i32, until: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 2, 3);
        params.not_after = rcgen::date_time_ymd(until, 4, 5);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn times_of_certificates() {
        let check = |from, until| {
            let (a, b) = validity(&certificate(from, until)).unwrap();
            assert_eq!(
                (a.rfc3339(), b.rfc3339()),
                (format!("{from}-02-03T00:00:00Z"), format!("{until}-04-05T00:00:00Z"))
            );
        };
        check(1975, 1999);
        check(2001, 2049);
        check(2024, 2050);
        check(1950, 2999);
    }

    #[test]
    fn half_a_certificate_is_none() {
        let whole = certificate(2020, 2030);
        for length in 0..whole.len() {
            let half = whole.get(..length).unwrap();
            assert_eq!(validity(half), None);
        }
        assert!(is_der(&whole) && !is_pkcs12(&whole));
        assert!(is_pkcs12(b"\x30\x82\x00\x05\x02\x01\x03\x30\x00"));
        for no in [&b""[..], b"0", b"-----BEGIN", b"\x30\x80\x00", b"\x30\x85\x00\x00\x00\x00\x01x"] {
            assert!(!is_der(no) && !is_pkcs12(no) && validity(no).is_none(), "{no:?}");
        }
    }
}
