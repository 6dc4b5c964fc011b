//! TLS on the listener, as an administrator meets it: certificate files in the configuration, `send`, a renewal while the
//! daemon runs, and files that are not what they should be.

use std::{fs, path::Path};

use serde_json::json;

use crate::support::{
    daemon::{Daemon, Site},
    http::Client,
    mariadb::free_port,
    tables::visits,
    wait_until,
};

/// A folder whose configuration names a certificate and a key, at a port of its own.
fn site() -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    Site::new(section).mapping(visits()).with(json!({"server": {
        "listen": format!("127.0.0.1:{}", free_port()),
        "tls": {"certificate": "certificate.pem", "key": "key.pem"},
    }}))
}

/// A certificate for localhost with its key, in the folder.
fn certify(site: &Site) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(site.path("certificate.pem"), made.cert.pem()).unwrap();
    write_private(&site.path("key.pem"), &made.signing_key.serialize_pem());
}

fn write_private(path: &Path, text: &str) {
    // The folder is its owner's alone.
    fs::write(path, text).unwrap();
}

fn send(site: &Site, to: &[&str]) -> String {
    site.cli(&[&["send"], to].concat()).assert_code(0)
}

#[test]
fn events_come_by_tls() {
    let site = site();
    certify(&site);
    let daemon = site.start();
    assert!(daemon.printed().contains("listening on https://127.0.0.1:"), "{}", daemon.printed());
    let url = format!("https://{}", daemon.address);
    for to in [&[][..], &["--to", &url], &["--to", &daemon.address.to_string()]] {
        let said = send(&site, to);
        assert!(said.contains(&format!("{url}/receive-event answered 200")), "{said}");
    }
    // Plain HTTP is told what to write instead.
    let plain = format!("http://{}", daemon.address);
    let said = site.cli(&["send", "--to", &plain]).assert_code(1);
    assert!(said.contains("answered 400") && said.contains("https://"), "{said}");
    let mut client = Client::connect(daemon.address).unwrap();
    client.request("GET", "/health", &[], b"").unwrap().assert_error(400, &["https://"]);
    daemon.stop();
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let site = site();
    certify(&site);
    let daemon = site.start();
    send(&site, &[]);
    certify(&site);
    // `send` believes what stands in the file now.
    wait_until("the new certificate is served", || site.cli(&["send"]).code == 0);
    assert!(site.log().contains("serves with the new certificate"), "{}", site.log());
    // A wrong one is told, and the last good one is served on.
    let good = fs::read(site.path("certificate.pem")).unwrap();
    fs::write(site.path("certificate.pem"), "nothing").unwrap();
    wait_until("the wrong file is told", || site.log().contains("holds no certificate"));
    fs::write(site.path("certificate.pem"), good).unwrap();
    send(&site, &[]);
    daemon.stop();
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let site = site();
    let check = |words: &[&str]| {
        let said = site.cli(&["run"]).assert_code(78);
        for word in words.iter().chain(&["server.tls"]) {
            assert!(said.contains(word), "{word}: {said}");
        }
        // There is no HIS here.
        let checked = site.cli(&["check"]).assert_code(69);
        for word in words.iter().chain(&["PROBLEM: ", ": server.tls"]) {
            assert!(checked.contains(word), "{word}: {checked}");
        }
        assert!(!site.path("queue.db").exists(), "a queue was made for a daemon that does not start");
    };
    check(&["certificate.pem", "cannot be read"]);
    certify(&site);
    fs::remove_file(site.path("key.pem")).unwrap();
    check(&["key.pem", "cannot be read"]);
    fs::copy(site.path("certificate.pem"), site.path("key.pem")).unwrap();
    check(&["key.pem", "exchanged"]);
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    write_private(&site.path("key.pem"), &other.signing_key.serialize_pem());
    check(&["does not belong"]);
}

#[test]
fn a_certificate_that_has_expired_is_told() {
    let site = site();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    fs::write(site.path("certificate.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    write_private(&site.path("key.pem"), &key.serialize_pem());
    let daemon: Daemon = site.start();
    wait_until("the expiry is told", || site.log().contains("has expired"));
    send(&site, &[]);
    daemon.stop();
}
