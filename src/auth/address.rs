//! The address that a request comes from, and networks of addresses. Believes nothing that a stranger could have written.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Whether one of the networks has that address, which is canonical, as the networks of a configuration are.
pub(super) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// See [`super::Gate::client`]; `None` where an entry that counts is no address. Where the proxy says nothing, or every entry
/// is a proxy, it is the last one that was looked at.
pub(super) fn client<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let mut client = peer.to_canonical();
    let mut entries = forwarded_for.rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    while is_in(trusted, client) {
        let Some(entry) = entries.next() else { break };
        client = address(entry)?;
    }
    Some(client)
}

/// An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(bare) => IpAddr::V6(bare.parse().ok()?),
        None => entry
            .parse::<IpAddr>()
            .or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()))
            .ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(all: &[&str]) -> Vec<IpNet> {
        all.iter().map(|n| n.parse().unwrap()).collect()
    }

    #[test]
    fn networks_have_addresses_of_their_own_version() {
        let check = |network: &str, address: &str, expected: bool| {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(is_in(&networks(&[network]), address.to_canonical()), expected, "{network} {address}");
        };
        check("10.0.0.0/8", "10.1.2.3", true);
        check("10.0.0.0/8", "11.1.2.3", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "192.0.2.1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("192.0.2.1/32", "192.0.2.1", true);
        check("192.0.2.1/32", "192.0.2.2", false);
    }

    #[test]
    fn addresses_as_proxies_write_them() {
        let check = |entry: &[u8], expected: Option<&str>| {
            assert_eq!(address(entry).map(|a| a.to_string()).as_deref(), expected, "{entry:?}");
        };
        check(b"192.0.2.1", Some("192.0.2.1"));
        check(b" \t192.0.2.1 ", Some("192.0.2.1"));
        check(b"192.0.2.1:4711", Some("192.0.2.1"));
        check(b"2001:db8::1", Some("2001:db8::1"));
        check(b"[2001:db8::1]", Some("2001:db8::1"));
        check(b"[2001:db8::1]:4711", Some("2001:db8::1"));
        check(b"::ffff:192.0.2.1", Some("192.0.2.1"));
        check(b"[::ffff:192.0.2.1]:80", Some("192.0.2.1"));
        for wrong in [
            "",
            "unknown",
            "_hidden",
            "unix:",
            "192.0.2",
            "192.0.2.1.5",
            "192.0.2.01",
            "0x7f.1",
            "2130706433",
            "192.0.2.1:",
            "192.0.2.1:99999",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "\"[2001:db8::1]\"",
            "for=192.0.2.1",
            "192.0.2.1/32",
            "192.0.2.1 203.0.113.1",
        ] {
            check(wrong.as_bytes(), None);
        }
        check(b"192.0.2.1\xff", None);
        check("１92.0.2.1".as_bytes(), None);
    }

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let check = |trusted: &[&str], peer: &str, lines: &[&str], expected: Option<&str>| {
            let lines = lines.iter().map(|line| line.as_bytes());
            let found = client(peer.parse().unwrap(), lines, &networks(trusted));
            assert_eq!(found.map(|a| a.to_string()).as_deref(), expected, "{trusted:?} {peer}");
        };
        let local: &[&str] = &["127.0.0.1/32"];
        // Nobody is trusted, or not this one.
        check(&[], "127.0.0.1", &["192.0.2.1"], Some("127.0.0.1"));
        check(local, "203.0.113.9", &["192.0.2.1"], Some("203.0.113.9"));
        check(local, "::1", &["192.0.2.1"], Some("::1"));
        // Trusted: the last entry is the proxy's, all before it are the sender's own words.
        check(local, "127.0.0.1", &["192.0.2.1"], Some("192.0.2.1"));
        check(local, "::ffff:127.0.0.1", &["192.0.2.1"], Some("192.0.2.1"));
        check(local, "127.0.0.1", &["198.51.100.7, 192.0.2.1"], Some("192.0.2.1"));
        check(local, "127.0.0.1", &["198.51.100.7", "192.0.2.1"], Some("192.0.2.1"));
        check(local, "127.0.0.1", &["nonsense,, ,192.0.2.1:80"], Some("192.0.2.1"));
        check(local, "127.0.0.1", &["198.51.100.7, 127.0.0.1"], Some("198.51.100.7"));
        // Two proxies.
        let two: &[&str] = &["127.0.0.1/32", "10.0.0.0/8"];
        check(two, "127.0.0.1", &["198.51.100.7, 192.0.2.1, 10.0.0.5"], Some("192.0.2.1"));
        check(two, "127.0.0.1", &["198.51.100.7, 192.0.2.1", "10.0.0.5"], Some("192.0.2.1"));
        check(two, "127.0.0.1", &["10.0.0.9, 10.0.0.5"], Some("10.0.0.9"));
        // The proxy says nothing.
        check(local, "127.0.0.1", &[], Some("127.0.0.1"));
        // What it says is no address: never the one before it.
        check(local, "127.0.0.1", &[""], None);
        check(local, "127.0.0.1", &["192.0.2.1, "], None);
        check(local, "127.0.0.1", &["192.0.2.1", ""], None);
        check(local, "127.0.0.1", &["192.0.2.1, unknown"], None);
        check(two, "127.0.0.1", &["192.0.2.1, unknown, 10.0.0.5"], None);
    }
}
