//! Easy Connect strings, descriptors and aliases of tnsnames.ora. It must never take a name that it cannot resolve for a host.

use std::path::PathBuf;
use std::time::Duration;

use crate::ora::{Ora, OraError};

/// Where a connect string points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) addresses: Vec<(String, u16)>,
    pub(crate) service: Option<String>,
    pub(crate) sid: Option<String>,
    pub(crate) wait: Duration,
}

/// One `(NAME=value)` or `(NAME=(..)(..))`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    name: String,
    value: String,
    children: Vec<Node>,
}

/// Resolves a connect string; `tns_admin` is the folder with tnsnames.ora.
pub(crate) fn resolve(text: &str, tns_admin: Option<PathBuf>) -> Ora<Target> {
    let text = text.trim();
    if text.starts_with('(') {
        return descriptor(text);
    }
    if text.contains('/') || text.contains(':') {
        return easy(text);
    }
    let alias = text.to_uppercase();
    let path = tns_admin.map(|d| d.join("tnsnames.ora"));
    let file = path.and_then(|p| std::fs::read_to_string(p).ok()).ok_or_else(|| OraError::plain(12154))?;
    for (names, value) in entries(&file) {
        if names.iter().any(|n| *n == alias || n.split('.').next() == Some(&alias)) {
            return descriptor(&value);
        }
    }
    Err(OraError::plain(12154))
}

fn easy(text: &str) -> Ora<Target> {
    let wrong = || OraError::plain(12154);
    let rest = text.split('?').next().unwrap_or(text);
    let rest = rest.rsplit_once("//").map_or(rest, |(_, r)| r);
    let (host_port, service) = rest.split_once('/').map_or((rest, None), |(h, s)| (h, Some(s)));
    let (host, port) = if let Some(v6) = host_port.strip_prefix('[') {
        let (host, port) = v6.split_once(']').ok_or_else(wrong)?;
        (host, port.strip_prefix(':'))
    } else {
        host_port.split_once(':').map_or((host_port, None), |(h, p)| (h, Some(p)))
    };
    let port = port.map_or(Ok(1521), str::parse).map_err(|_| wrong())?;
    if host.is_empty() {
        return Err(wrong());
    }
    // `service:dedicated/instance`
    let service = service.and_then(|s| s.split(['/', ':']).next()).filter(|s| !s.is_empty());
    Ok(Target {
        addresses: vec![(host.to_owned(), port)],
        service: service.map(str::to_owned),
        sid: None,
        wait: Duration::from_secs(60),
    })
}

fn descriptor(text: &str) -> Ora<Target> {
    let (node, _) = parse(text).ok_or_else(|| OraError::new(12533, "TNS:illegal ADDRESS parameters"))?;
    let mut addresses = Vec::new();
    let mut target =
        Target { addresses: Vec::new(), service: None, sid: None, wait: Duration::from_secs(60) };
    walk(&node, &mut |n| match n.name.as_str() {
        "ADDRESS" => {
            let value = |name: &str| n.children.iter().find(|c| c.name == name).map(|c| c.value.clone());
            if let (Some(host), Some(port)) = (value("HOST"), value("PORT").and_then(|p| p.parse().ok())) {
                addresses.push((host, port));
            }
        }
        "SERVICE_NAME" => target.service = Some(n.value.clone()),
        "SID" => target.sid = Some(n.value.clone()),
        "CONNECT_TIMEOUT" | "TRANSPORT_CONNECT_TIMEOUT" => {
            if let Ok(seconds) = n.value.parse() {
                target.wait = Duration::from_secs(seconds);
            }
        }
        _ => {}
    });
    if addresses.is_empty() {
        return Err(OraError::new(12533, "TNS:illegal ADDRESS parameters"));
    }
    target.addresses = addresses;
    Ok(target)
}

fn walk(node: &Node, see: &mut impl FnMut(&Node)) {
    see(node);
    for child in &node.children {
        walk(child, see);
    }
}

/// A node in parentheses, and what follows it.
fn parse(text: &str) -> Option<(Node, &str)> {
    let rest = text.trim_start().strip_prefix('(')?;
    let (name, mut rest) = rest.split_once('=')?;
    let mut node = Node { name: name.trim().to_uppercase(), value: String::new(), children: Vec::new() };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(')') {
            return Some((node, after));
        }
        if rest.starts_with('(') {
            let (child, after) = parse(rest)?;
            node.children.push(child);
            rest = after;
        } else {
            let end = rest.find(['(', ')'])?;
            rest[..end].trim().trim_matches('"').clone_into(&mut node.value);
            rest = &rest[end..];
        }
    }
}

/// The entries of tnsnames.ora: names in upper case, and the descriptor.
fn entries(file: &str) -> Vec<(Vec<String>, String)> {
    let clean: Vec<&str> = file.lines().map(|l| l.split('#').next().unwrap_or_default()).collect();
    let clean = clean.join("\n");
    let mut found = Vec::new();
    let mut rest = clean.as_str();
    while let Some((names, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let mut depth = 0i32;
        let mut end = after.len();
        for (i, c) in after.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 && c == ')' {
                end = i + 1;
                break;
            }
            if depth == 0 && !c.is_whitespace() && c != '(' {
                end = after[i..].find('\n').map_or(after.len(), |e| i + e);
                break;
            }
        }
        let names = names.split(',').map(|n| n.trim().to_uppercase()).collect();
        found.push((names, after[..end].to_owned()));
        rest = &after[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, u16, Option<&str>, Option<&str>)>) {
        let got = resolve(text, None).ok().map(|t| (t.addresses[0].clone(), t.service, t.sid));
        let want =
            expected.map(|(h, p, s, i)| ((h.to_owned(), p), s.map(str::to_owned), i.map(str::to_owned)));
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn connect_strings() {
        check("//db:1530/HIS", Some(("db", 1530, Some("HIS"), None)));
        check("db/HIS", Some(("db", 1521, Some("HIS"), None)));
        check("db:1530/his:dedicated/i1", Some(("db", 1530, Some("his"), None)));
        check("[::1]:1530/his", Some(("::1", 1530, Some("his"), None)));
        check("nowhere", None);
        let d = "(description=(address=(protocol=tcp)(host= db )(port=1530))(connect_data=(sid=ORCL)))";
        check(d, Some(("db", 1530, None, Some("ORCL"))));
        let d = "(DESCRIPTION = (ADDRESS_LIST = (ADDRESS = (PROTOCOL = TCP)(HOST = a)(PORT = 1)) (ADDRESS = (PROTOCOL = TCP)\
                 (HOST = b)(PORT = 2))) (CONNECT_DATA = (SERVER = DEDICATED)(SERVICE_NAME = x.y)))";
        check(d, Some(("a", 1, Some("x.y"), None)));
    }

    #[test]
    fn aliases() {
        let file = "# comment\nHIS, HIS.WORLD =\n  (DESCRIPTION =\n (ADDRESS=(HOST=a)(PORT=1)))\nB=(DESCRIPTION=(X=1))\n";
        let found = entries(file);
        assert_eq!(found[0].0, ["HIS", "HIS.WORLD"]);
        assert_eq!(found[1].1, "(DESCRIPTION=(X=1))");
    }
}
