//! Oracle's address, login and client library, in the ways in which hospitals write them. Reads what `host` says; a
//! connect string is `connect_string`'s to judge. Repeats no text in its words that may hold a password.

use std::path::PathBuf;

use crate::config::{
    Oracle, OracleAddress, OracleTarget,
    file::{self, ORACLE_PORT_DEFAULT},
    keypath::{KeyPath, printable},
    resolve::Resolver,
    resolve_database::{
        Told,
        address::{self, Address},
        connect_string, tls,
    },
};

const BARE: &str = "must be the server's name or address: \"his-server\", \"his-server:1521\", \"his-server:1521/SERVICE\" or \
                    \"his-server:1521:SID\"; user and password have keys of their own";
const DESCRIPTOR: &str =
    "holds a connect descriptor in parentheses; write it as \"connect_string\" in place of \"host\"";
const TCPS: &str = "names a protocol; write what follows the //, and \"tls\": \"require\" for tcps";
const INSTANCE: &str = "an instance name (HOST\\INSTANCE) belongs to SQL Server; write the host alone, host:port/service or \
                        host:port:sid";
const COMMA: &str = "a port after a comma belongs to SQL Server; write host:port";
const PORT: &str = "ends in a port that is no number from 1 to 65535; write e.g. \"192.168.1.20:1521\"";
const LONG: &str =
    "says more than host, port and service; write the whole as \"connect_string\" in place of \"host\"";

/// What `host` says.
#[derive(Debug, PartialEq, Eq)]
struct Listener {
    host: String,
    port: Option<u16>,
    target: Option<OracleTarget>,
}

impl Resolver<'_> {
    /// Resolves what Oracle needs.
    pub(super) fn oracle(&mut self, at: &KeyPath, mut written: file::Database) -> Option<Oracle> {
        let user = self.oracle_user(at, written.user.take());
        let password = self.password(&at.key("password"), written.password.take());
        let schema = self.schema(at, written.schema.take());
        let client_dir = self.client_dir(&at.key("client_dir"), written.client_dir.take());
        let address = match written.connect_string.take() {
            Some(text) => self.connect_string(at, &text, &written),
            None if self.is_broken(&at.key("connect_string")) => None,
            None => self.listener(at, written),
        };
        Some(Oracle {
            address: address?,
            user: user?,
            password: password?,
            schema: schema.ok()?,
            client_dir: client_dir.ok()?,
        })
    }

    fn connect_string(&mut self, at: &KeyPath, text: &str, beside: &file::Database) -> Option<OracleAddress> {
        const TWICE: &str = "has no use beside \"connect_string\", which says it already; remove it, or remove \
                             \"connect_string\"";
        let others = [
            ("host", beside.host.is_some()),
            ("port", beside.port.is_some()),
            ("database", beside.database.is_some()),
            ("sid", beside.sid.is_some()),
        ];
        for (key, _) in others.into_iter().filter(|(_, there)| *there) {
            self.wrong(&at.key(key), TWICE);
        }
        if beside.tls.is_some() {
            self.wrong(
                &at.key("tls"),
                "has no use beside \"connect_string\", which says itself whether the connection is encrypted \
                 ((PROTOCOL=TCPS), or tcps:// before the host); remove it",
            );
        }
        let text = self.told(&at.key("connect_string"), connect_string::read(text))?;
        Some(OracleAddress::ConnectString(text))
    }

    fn listener(&mut self, at: &KeyPath, written: file::Database) -> Option<OracleAddress> {
        let file::Database { host, port, database, sid, tls: written_tls, .. } = written;
        let host = self.host(at, host);
        // A host that was told of may have said what is asked for.
        let mistaken = host.as_deref().is_some_and(|host| listener(host).is_err());
        let inner = host.and_then(|host| self.told(&at.key("host"), listener(&host)));
        let service = match database {
            Some(name) => Some(self.asked_for(&at.key("database"), name, "the service's name")?),
            None => None,
        };
        let sid = match sid {
            Some(name) => Some(self.asked_for(&at.key("sid"), name, "the SID")?),
            None => None,
        };
        if mistaken && service.is_none() && sid.is_none() {
            return None;
        }
        let target = self.target(at, inner.as_ref().and_then(|i| i.target.clone()), service, sid);
        let Listener { host, port: inner, .. } = inner?;
        let port = self.one_port(at, inner, port).ok()?;
        let port = port.unwrap_or(ORACLE_PORT_DEFAULT);
        Some(OracleAddress::Listener { host, port, target: target?, tls: tls(written_tls) })
    }

    /// The service or SID, which may stand within the host and beside it.
    fn target(
        &mut self,
        at: &KeyPath,
        inner: Option<OracleTarget>,
        service: Option<String>,
        sid: Option<String>,
    ) -> Option<OracleTarget> {
        const OTHER: &str = "is not what \"host\" asks for; write the service or the SID in one place alone";
        if service.is_some() && sid.is_some() {
            let message = "a SID and a service name (\"database\") exclude each other; keep the one that you know to be right";
            self.wrong(&at.key("sid"), message);
            return None;
        }
        let beside = match (service, sid) {
            (Some(name), _) => Some(("database", OracleTarget::Service(name))),
            (None, Some(name)) => Some(("sid", OracleTarget::Sid(name))),
            (None, None) => None,
        };
        match (inner, beside) {
            (Some(inner), Some((key, beside))) if !same(&inner, &beside) => {
                self.wrong(&at.key(key), OTHER);
                None
            }
            (Some(target), _) | (None, Some((_, target))) => Some(target),
            (None, None) => {
                let told = ["host", "database", "sid"].iter().any(|key| self.is_broken(&at.key(key)));
                if !told {
                    self.wrong(
                        &at.key("database"),
                        "is missing; add the service's name, \"database\": \"...\", or \"sid\": \"...\" where the database has \
                         no service",
                    );
                }
                None
            }
        }
    }

    fn asked_for(&mut self, at: &KeyPath, written: String, what: &str) -> Option<String> {
        let name = self.name(at, Some(written), &format!("{what}, \"...\""))?;
        if !is_target(&name) {
            self.wrong(at, format!("must be {what} alone (letters, digits, . _ $ # -)"));
            return None;
        }
        Some(name)
    }

    fn oracle_user(&mut self, at: &KeyPath, written: Option<String>) -> Option<String> {
        let user = self.user(at, written)?;
        let lower = user.to_ascii_lowercase();
        let message = if !user.contains('"') && user.contains(['/', '@']) {
            "must be the user's name alone; the password and the database have keys of their own"
        } else if lower.ends_with(" as sysdba") || lower.ends_with(" as sysoper") {
            "asks for an administrator's rights, which this program must not have; have an ordinary user made for it"
        } else {
            return Some(user);
        };
        self.wrong(&at.key("user"), message);
        None
    }

    /// `client_dir`. What is in it is the driver's to judge.
    fn client_dir(&mut self, at: &KeyPath, written: Option<String>) -> Result<Option<PathBuf>, Told> {
        let Some(written) = written else { return Ok(None) };
        let folder = self.path(at, &written).ok_or(Told)?;
        if folder.is_dir() {
            return Ok(Some(folder));
        }
        let shown = printable(&folder.display().to_string());
        let message = if folder.exists() {
            format!("{shown} is a file; name the folder in which it is")
        } else {
            format!(
                "the folder {shown} is not there, or this account may not see it; unpack Oracle's Instant Client there, \
                 or correct the path"
            )
        };
        self.wrong(at, message);
        Err(Told)
    }
}

/// Oracle reads the names of services and SIDs without regard to case.
fn same(one: &OracleTarget, other: &OracleTarget) -> bool {
    match (one, other) {
        (OracleTarget::Service(a), OracleTarget::Service(b))
        | (OracleTarget::Sid(a), OracleTarget::Sid(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    }
}

/// Whether it can stand in a descriptor as it is.
fn is_target(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | '#' | '-'))
}

/// Reads `host`, `host:port`, `host:port/service` and `host:port:sid`, with `//` before it or without.
fn listener(written: &str) -> Result<Listener, &'static str> {
    if written.contains('@') {
        return Err(connect_string::LOGIN);
    }
    let rest = written.strip_prefix("//").unwrap_or(written);
    let unfit = [("(", DESCRIPTOR), ("://", TCPS), ("\\", INSTANCE), (",", COMMA), ("?", LONG), (" ", BARE)];
    if let Some((_, words)) = unfit.iter().find(|(part, _)| rest.contains(part)) {
        return Err(words);
    }
    let (place, target) = match rest.split_once('/') {
        Some((place, service)) if is_target(service) => {
            (place, Some(OracleTarget::Service(service.to_owned())))
        }
        // A kind of server or an instance follows the service.
        Some((_, service)) if service.contains([':', '/']) => return Err(LONG),
        Some(_) => return Err(BARE),
        None => match sid_of(rest) {
            Some((place, sid)) => (place, Some(OracleTarget::Sid(sid.to_owned()))),
            None => (rest, None),
        },
    };
    let no_port = |_| if place.contains(':') { PORT } else { BARE };
    let Address { host, port } = address::split(place).map_err(no_port)?;
    if host.is_empty() || host.contains([')', '=', ';', '"', '\'']) {
        return Err(BARE);
    }
    Ok(Listener { host, port, target })
}

/// The parts of `host:port:sid`.
fn sid_of(written: &str) -> Option<(&str, &str)> {
    if written.parse::<std::net::Ipv6Addr>().is_ok() {
        return None;
    }
    let (place, sid) = written.rsplit_once(':')?;
    let (host, port) = place.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    (is_port && !host.is_empty() && is_target(sid)).then_some((place, sid))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Whatever stands there, it is read or told of; and what is read can stand in a descriptor.
        #[test]
        fn no_host_panics(text in "(//)?[a-zA-Z0-9.()\\[\\]:,/ @=-]{0,24}|\\PC{0,12}") {
            if let Ok(Listener { host, target, .. }) = listener(&text) {
                proptest::prop_assert!(!host.is_empty() && !host.contains(['(', ')', '=', '/', '@', ' ']), "{}", host);
                if let Some(OracleTarget::Service(name) | OracleTarget::Sid(name)) = target {
                    proptest::prop_assert!(is_target(&name));
                }
            }
        }
    }
}
