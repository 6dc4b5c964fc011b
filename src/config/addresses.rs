//! Addresses and networks as people write them. Only texts: no name is ever looked up.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::config::{keypath::printable, secret::looks_random};

const EXAMPLES: &str = "\"203.0.113.7\" (one machine) or \"10.20.0.0/16\" (a network)";

/// Reads an address or a network in CIDR form. One of IPv4 that is written as IPv6 (`::ffff:10.0.0.5`) is one of IPv4.
pub(super) fn network(written: &str) -> Result<IpNet, String> {
    let shown = printable(written);
    let text = written.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if address.is_unspecified() { Err(everybody(&shown)) } else { Ok(plain(address.into())) };
    }
    if let Ok(net) = bare.parse::<IpNet>() {
        return whole(net, &shown);
    }
    Err(not_read(bare, &shown))
}

/// A network whose address is its first.
fn whole(net: IpNet, shown: &str) -> Result<IpNet, String> {
    if net.prefix_len() == 0 {
        return Err(everybody(shown));
    }
    let first = net.trunc();
    if first == net {
        return Ok(plain(net));
    }
    let address = net.addr();
    Err(format!(
        "\"{shown}\" is one address of the network {first}; write \"{first}\" for all of it, or \"{address}\" for this \
         one machine"
    ))
}

fn everybody(shown: &str) -> String {
    format!("\"{shown}\" would be every address there is; write e.g. {EXAMPLES}, or leave the key out")
}

fn plain(net: IpNet) -> IpNet {
    let mapped = |net: &ipnet::Ipv6Net| {
        let address = net.addr().to_ipv4_mapped()?;
        Ipv4Net::new(address, net.prefix_len().checked_sub(96)?).ok()
    };
    match net {
        IpNet::V6(v6) => mapped(&v6).map_or(net, IpNet::V4),
        IpNet::V4(_) => net,
    }
}

/// What to say about a text that is neither.
fn not_read(text: &str, shown: &str) -> String {
    if looks_random(text) {
        return format!("what stands here, which looks like a secret, is no address; write e.g. {EXAMPLES}");
    }
    if let Some((address, mask)) = text.split_once('/')
        && let (Ok(address), Ok(mask)) = (address.parse::<Ipv4Addr>(), mask.parse::<Ipv4Addr>())
        && let Ok(net) = Ipv4Net::with_netmask(address, mask)
    {
        return format!("\"{shown}\" has a mask after the slash; write \"{}\"", net.trunc());
    }
    if let Some((address, length)) = text.split_once('/')
        && let Ok(address) = address.parse::<IpAddr>()
    {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = printable(length);
        return format!(
            "\"{shown}\" has \"{length}\" after the slash, where a number from 1 to {longest} belongs"
        );
    }
    if text.contains('*') {
        return match with_stars(text) {
            Some(net) => format!("\"{shown}\" is no network; write \"{net}\""),
            None => format!("\"{shown}\" is no network; write e.g. {EXAMPLES}"),
        };
    }
    let port = text.parse::<std::net::SocketAddr>();
    if let Ok(with_port) = port {
        return format!("\"{shown}\" has a port; write the address alone, \"{}\"", with_port.ip());
    }
    if let Some((from, to)) = text.split_once('-')
        && from.trim().parse::<IpAddr>().is_ok()
        && to.trim().parse::<IpAddr>().is_ok()
    {
        return format!("\"{shown}\" is a range; write the networks that it is made of, e.g. {EXAMPLES}");
    }
    if text.contains('%') && text.contains(':') {
        return format!("\"{shown}\" names an interface; write the address without % and what follows it");
    }
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    if text.contains(|c: char| c.is_ascii_alphabetic()) && !text.contains([':', '/']) {
        return format!(
            "\"{shown}\" is a name, and names are not looked up; write the address, e.g. {EXAMPLES}"
        );
    }
    if !text.is_empty() && text.chars().all(digits) {
        return format!("\"{shown}\" is no address; one has four numbers from 0 to 255, e.g. {EXAMPLES}");
    }
    format!("\"{shown}\" is no address and no network; write e.g. {EXAMPLES}")
}

/// `10.0.*.*` as the network that it means; none where that is not plain.
fn with_stars(text: &str) -> Option<Ipv4Net> {
    let mut numbers = [0_u8; 4];
    let mut prefix = 0_u8;
    let parts: Vec<&str> = text.split('.').collect();
    let stars = parts.iter().skip_while(|p| **p != "*");
    if parts.len() > 4 || !stars.clone().all(|p| *p == "*") || (parts.len() < 4 && stars.count() > 1) {
        return None;
    }
    for (number, part) in numbers.iter_mut().zip(parts.iter().take_while(|p| **p != "*")) {
        *number = part.parse().ok()?;
        prefix += 8;
    }
    (prefix > 0 && prefix < 32).then(|| Ipv4Net::new(numbers.into(), prefix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read() {
        let good = |written: &str, expected: &str| {
            assert_eq!(network(written).map(|net| net.to_string()), Ok(expected.to_owned()), "{written}");
        };
        good("10.0.0.5", "10.0.0.5/32");
        good(" 10.0.0.0/8 ", "10.0.0.0/8");
        good("203.0.113.7/32", "203.0.113.7/32");
        good("2001:db8::1", "2001:db8::1/128");
        good("[2001:db8::1]", "2001:db8::1/128");
        good("2001:db8::/32", "2001:db8::/32");
        good("::ffff:10.0.0.5", "10.0.0.5/32");
        good("::ffff:10.0.0.0/104", "10.0.0.0/8");
        good("::1", "::1/128");
    }

    #[test]
    fn what_is_none_is_told_with_what_is_meant() {
        let wrong = |written: &str, part: &str| {
            let message = network(written).unwrap_err();
            assert!(message.contains(part), "{written}: {message}");
        };
        wrong(
            "10.0.0.5/24",
            "one address of the network 10.0.0.0/24; write \"10.0.0.0/24\" for all of it, or \"10.0.0.5\"",
        );
        wrong("2001:db8::1/32", "the network 2001:db8::/32");
        wrong("0.0.0.0/0", "every address");
        wrong("10.0.0.0/0", "every address");
        wrong("::/0", "every address");
        wrong("0.0.0.0", "every address");
        wrong("::", "every address");
        wrong("*", "no network");
        wrong("10.0.*", "write \"10.0.0.0/16\"");
        wrong("10.0.*.*", "write \"10.0.0.0/16\"");
        wrong("10.0.0.*", "write \"10.0.0.0/24\"");
        wrong("10.*.0.1", "no network");
        wrong("*.example.com", "no network");
        wrong("buktor.com", "is a name, and names are not looked up");
        wrong("localhost", "is a name");
        wrong("10.0.0.5:5000", "has a port; write the address alone, \"10.0.0.5\"");
        wrong("[::1]:5000", "has a port; write the address alone, \"::1\"");
        wrong("10.0.0.0/255.255.0.0", "write \"10.0.0.0/16\"");
        wrong("10.0.0.0/33", "a number from 1 to 32");
        wrong("10.0.0.0/", "a number from 1 to 32");
        wrong("2001:db8::/129", "a number from 1 to 128");
        wrong("10.0.0.1-10.0.0.9", "is a range");
        wrong("fe80::1%eth0", "without %");
        wrong("10.0.0", "four numbers");
        wrong("10.0.0.256", "four numbers");
        wrong("", "no address");
        wrong("a/b", "no address");
        let secret = network("kT8vQ2nZr5xW1mB7yL4pC9dF").unwrap_err();
        assert!(secret.contains("no address") && !secret.contains("kT8v"), "{secret}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(written in "[0-9a-f.:/*%\\[\\]-]{0,40}|\\PC{0,12}") {
            drop(network(&written));
        }
    }
}
