//! From `server` as written to [`Server`]: the listener's address, its bounds and its TLS. Opens no socket and reads no
//! certificate.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::{
    config::{
        Auth, Server, ServerTls,
        file::{self, LISTEN_DEFAULT},
        keypath::{KeyPath, printable},
        resolve::{Resolver, to_usize},
    },
    limits::{
        BODY_KIB_DEFAULT, BODY_TIME_DEFAULT, CONNECTIONS_DEFAULT, HEADER_TIME_DEFAULT,
        REQUESTS_PER_SECOND_DEFAULT,
    },
};

impl Resolver<'_> {
    /// Resolves `server`; nothing where it has a problem. `auth` is none where that has one.
    pub(super) fn server(&mut self, written: file::Server, auth: Option<&Auth>) -> Option<Server> {
        let at = KeyPath::root().key("server");
        let listen = self.listen(&at.key("listen"), written.listen.as_deref().unwrap_or(LISTEN_DEFAULT));
        if let (Some(listen), Some(auth)) = (listen, auth) {
            self.open_listener(&at.key("listen"), listen, auth);
        }
        let tls = match written.tls {
            Some(tls) => Some(self.server_tls(&at.key("tls"), &tls)?),
            None => None,
        };
        let (in_all, of_one) =
            self.connections(&at, written.max_connections, written.max_connections_per_address);
        let requests = written.max_requests_per_second.and_then(|n| u32::try_from(n).ok());
        Some(Server {
            listen: listen?,
            body_bytes_max: written.max_body_kb.unwrap_or(BODY_KIB_DEFAULT).saturating_mul(1024),
            connections_max: to_usize(in_all),
            header_time: written.header_timeout_s.map_or(HEADER_TIME_DEFAULT, Duration::from_secs),
            body_time: written.body_timeout_s.map_or(BODY_TIME_DEFAULT, Duration::from_secs),
            reject_unmapped: matches!(written.unmapped, Some(file::Unmapped::Reject)),
            connections_per_address_max: to_usize(of_one),
            requests_per_second_max: requests.unwrap_or(REQUESTS_PER_SECOND_DEFAULT),
            tls,
        })
    }

    /// A listener that other machines reach must ask them for credentials.
    fn open_listener(&mut self, at: &KeyPath, listen: SocketAddr, auth: &Auth) {
        if listen.ip().is_loopback() || auth.allow_unauthenticated || auth.has_credentials() {
            return;
        }
        let port = listen.port();
        let message = format!(
            "{listen} can be reached by other machines, and nothing would ask them for credentials; set auth.bearer_tokens \
             or auth.signing_secrets (`buktor-middleware secret new` makes one), or write \"127.0.0.1:{port}\" (nginx or \
             ngrok on this machine reach it there), or set auth.allow_unauthenticated to true if your network keeps \
             strangers out"
        );
        self.wrong(at, message);
    }

    /// Connections in all and from one address.
    fn connections(&mut self, at: &KeyPath, in_all: Option<u64>, of_one: Option<u64>) -> (u64, u64) {
        let all = in_all.unwrap_or(CONNECTIONS_DEFAULT);
        let Some(one) = of_one else { return (all, (all * 3 / 4).max(1)) };
        if one > all && !self.is_broken(&at.key("max_connections")) {
            self.wrong(
                &at.key("max_connections_per_address"),
                format!(
                    "{one} is more than max_connections, {all}, so that one address could take them all; write less than \
                     {all}, or raise max_connections"
                ),
            );
        }
        (all, one)
    }

    fn server_tls(&mut self, at: &KeyPath, written: &file::ServerTls) -> Option<ServerTls> {
        let certificate =
            written.certificate.as_ref().and_then(|path| self.path(&at.key("certificate"), path));
        let key = written.key.as_ref().and_then(|path| self.path(&at.key("key"), path));
        Some(ServerTls { certificate: certificate?, key: key? })
    }

    fn listen(&mut self, at: &KeyPath, written: &str) -> Option<SocketAddr> {
        if let Ok(listen) = written.parse() {
            return Some(listen);
        }
        if let Some(port) = written.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let port = written.trim_start_matches(':').parse::<u16>();
        let example = port.map_or(LISTEN_DEFAULT.to_owned(), |port| format!("127.0.0.1:{port}"));
        let shown = printable(written);
        self.wrong(
            at,
            format!("\"{shown}\" is no address with a port from 0 to 65535; write e.g. \"{example}\""),
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{check, good, with};

    #[test]
    fn mistakes_in_the_server() {
        let listen = |listen: &str, part: &str| {
            check(&with(&format!(r#""server": {{"listen": "{listen}"}}"#)), &[("server.listen", part)]);
        };
        listen("0.0.0.0:5000", "set auth.allow_unauthenticated to true");
        listen("0.0.0.0:5000", "secret new");
        listen("192.168.1.5:80", "write \"127.0.0.1:80\"");
        listen("5001", "write e.g. \"127.0.0.1:5001\"");
        listen(":5001", "write e.g. \"127.0.0.1:5001\"");
        listen("127.0.0.1", "write e.g. \"127.0.0.1:5000\"");
        listen("127.0.0.1:70000", "a port from 0 to 65535");
        listen("http://127.0.0.1:5000", "no address");
        let server = |inner: &str, at: &str, part: &str| {
            check(&with(&format!("\"server\": {{{inner}}}")), &[(at, part)]);
        };
        server(
            r#""tls": {"certificate": "c.pem"}"#,
            "server.tls.key",
            "is missing; add the certificate's private key",
        );
        server(r#""tls": {"key": "k.pem"}"#, "server.tls.certificate", "is missing; add the certificate");
        server(r#""tls": {"certificate": "", "key": "k.pem"}"#, "server.tls.certificate", "must be a path");
        server(r#""tls": "verify""#, "server.tls", "must be an object in { } or null");
        server(
            r#""max_connections": 10, "max_connections_per_address": 11"#,
            "server.max_connections_per_address",
            "is more than max_connections, 10",
        );
        server(r#""max_requests_per_second": 0"#, "server.max_requests_per_second", "from 1 to 1000000");
        server(r#""cert": "c.pem""#, "server.cert", "belongs in \"tls\"");
    }

    #[test]
    fn the_listener_is_as_it_is_written() {
        let server = |inner: &str| good(&with(&format!("\"server\": {{{inner}}}"))).server;
        let tls = server(r#""tls": {"certificate": "tls/full.pem", "key": "tls/key.pem"}"#).tls.unwrap();
        assert!(tls.certificate.is_absolute() && tls.certificate.ends_with("tls/full.pem"), "{tls:?}");
        assert!(tls.key.ends_with("tls/key.pem"), "{tls:?}");
        assert!(server(r#""tls": null"#).tls.is_none());
        let bounds = |inner: &str, expected: (usize, usize)| {
            let server = server(inner);
            assert_eq!((server.connections_max, server.connections_per_address_max), expected, "{inner}");
        };
        bounds("", (512, 384));
        bounds(r#""max_connections": 100"#, (100, 75));
        bounds(r#""max_connections": 1"#, (1, 1));
        bounds(r#""max_connections": 1000"#, (1000, 750));
        bounds(r#""max_connections": 100, "max_connections_per_address": 100"#, (100, 100));
        assert_eq!(server(r#""max_requests_per_second": 5"#).requests_per_second_max, 5);
        let open = |auth: &str| {
            let text = with(&format!(r#""server": {{"listen": "0.0.0.0:5000"}}, "auth": {{{auth}}}"#));
            assert!(!good(&text).server.listen.ip().is_loopback());
        };
        open(r#""allow_unauthenticated": true"#);
        open(r#""bearer_tokens": "kT8vQ2nZr5xW1mB7""#);
        open(r#""signing_secrets": "kT8vQ2nZr5xW1mB7""#);
    }
}
