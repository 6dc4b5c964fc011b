//! How the address of a database server is written in one text, so far as all types agree: `host`, `host:port`, and
//! IPv6. Repeats no text in its words: a URL in the host's place would hold the password.

/// A server's name or address, and its port where that was written with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// What is no address.
pub(super) const BARE: &str = "must be the server's name or address alone, or host:port; user, password, database and \
                               the like have keys of their own";

/// Reads `host`, `host:port`, `[::1]:port` and a bare IPv6 address.
pub(super) fn split(written: &str) -> Result<Address, &'static str> {
    if written.contains("://") || written.contains(['@', '/', '?', ' ']) {
        return Err(BARE);
    }
    let address = |host: &str, port| Address { host: host.to_owned(), port };
    if let Some((host, rest)) = written.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(written) => Ok(address(host, Some(port(written)?))),
            None if rest.is_empty() => Ok(address(host, None)),
            None => Err(BARE),
        };
    }
    match written.split_once(':') {
        // More than one colon: an IPv6 address without a port.
        Some((_, rest)) if rest.contains(':') => match written.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(address(written, None)),
            Err(_) => Err(BARE),
        },
        Some(("", _)) => Err(BARE),
        Some((host, written)) => Ok(address(host, Some(port(written)?))),
        None => Ok(address(written, None)),
    }
}

/// Reads a port.
pub(super) fn port(written: &str) -> Result<u16, &'static str> {
    match written.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("ends in a port that is no number from 1 to 65535; write e.g. \"192.168.1.20:3306\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_hold_its_port() {
        let check = |written: &str, expected: Option<(&str, Option<u16>)>| {
            let expected = expected.map(|(host, port)| Address { host: host.to_owned(), port });
            assert_eq!(split(written).ok(), expected, "{written}");
        };
        check("db", Some(("db", None)));
        check("db:3307", Some(("db", Some(3307))));
        check("192.168.1.20:3306", Some(("192.168.1.20", Some(3306))));
        check("::1", Some(("::1", None)));
        check("[::1]", Some(("::1", None)));
        check("[::1]:3307", Some(("::1", Some(3307))));
        for wrong in [
            "db:",
            "db:x",
            "db:0",
            "db:70000",
            ":3306",
            "a:b:c",
            "mysql://u:p@db/his",
            "u:p@db",
            "db/his",
            "[::1]x",
        ] {
            check(wrong, None);
        }
    }
}
