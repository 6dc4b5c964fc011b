//! The listener's TLS over real sockets, and what is said of files that are not what they should be.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, pki_types::ServerName},
};

use super::*;
use crate::http::{
    Body, HttpLimits, Request,
    client::{ClientError, StatusCode, Target, Trust, post},
    reply::{self, Reply},
    tests::{Running, limits, status},
};

/// 2030-01-01.
struct Then;

impl Clock for Then {
    fn now(&self) -> Timestamp {
        Timestamp(1_893_456_000_000_000)
    }
}

/// A folder with a certificate for localhost and its key.
struct Made {
    folder: TempDir,
    paths: ServerTls,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = ServerTls {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        let made = Self { folder, paths };
        let (certificate, key) = pair();
        made.write(&certificate, &key);
        made
    }

    fn write(&self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) {
        fs::write(&self.paths.certificate, certificate).unwrap();
        fs::write(&self.paths.key, key).unwrap();
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.paths, Arc::new(Then))
    }

    async fn serve(&self, limits: HttpLimits) -> (Running, Arc<Tls>) {
        let tls = Arc::new(self.load().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (Running::on(listener, limits, Some(Arc::clone(&tls)), echo), tls)
    }

    fn pinned(&self, server: &Running) -> Target {
        let tls = Some(Trust::Certificate(self.paths.certificate.clone()));
        Target { authority: server.address.to_string(), tls }
    }
}

/// Certificate and key, PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

async fn echo(_peer: SocketAddr, request: Request<Body>) -> Reply {
    let body = request.into_body().read().await.unwrap();
    reply::json(StatusCode::OK, &body.len())
}

async fn send(target: &Target) -> Result<(StatusCode, Vec<u8>), ClientError> {
    post(target, "/", b"{}".to_vec(), &[], Duration::from_secs(10)).await
}

async fn handshake(
    address: SocketAddr,
    made: &Made,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let pem = fs::read(&made.paths.certificate).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(rustls_pem(&pem)).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

fn rustls_pem(pem: &[u8]) -> tokio_rustls::rustls::pki_types::CertificateDer<'static> {
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    tokio_rustls::rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap()
}

#[tokio::test]
async fn both_versions_and_http_1_1_alone() {
    let made = Made::new();
    let (server, _) = made.serve(limits()).await;
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut stream = handshake(server.address, &made, &[version], &["h2", "http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345")
            .await
            .unwrap();
        let mut text = String::new();
        // To its end, which is said, and not only cut.
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with('5'), "{text}");
    }
    assert!(handshake(server.address, &made, &[&TLS13], &["h2"]).await.is_err());
}

#[tokio::test]
async fn large_bodies_go_through_tls_and_are_refused_as_without() {
    let made = Made::new();
    let (server, _) = made.serve(limits()).await;
    let target = made.pinned(&server);
    let body = vec![b'x'; 64 * 1024];
    let (status, answer) = post(&target, "/", body, &[], Duration::from_secs(10)).await.unwrap();
    assert_eq!((status, answer.as_slice()), (StatusCode::OK, &b"65536"[..]));
}

#[tokio::test]
async fn plain_http_at_the_port_is_told_so() {
    let made = Made::new();
    let (server, _) = made.serve(limits()).await;
    for request in ["GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"] {
        let reply = server.talk(request).await;
        assert_eq!(status(&reply), "400", "{reply}");
        assert!(reply.contains("https://") && reply.contains("connection: close"), "{reply}");
    }
    assert_eq!(status(&server.talk("\x01\x02 no HTTP at all\r\n\r\n").await), "400");
    let (status, _) = send(&Target::parse(&server.address.to_string())).await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn handshakes_that_do_not_end() {
    let made = Made::new();
    let limits = HttpLimits { header_time: Duration::from_millis(300), connections_max: 2, ..limits() };
    let (server, _) = made.serve(limits).await;
    let begun = std::time::Instant::now();
    for sent in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut stream = server.connect().await;
        stream.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        // It may be reset, too.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    // They make room as others do.
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
        halves.push(stream);
    }
    assert_eq!(send(&made.pinned(&server)).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let made = Made::new();
    let (server, _) = made.serve(limits()).await;
    let mut half = server.connect().await;
    half.write_all(b"\x16").await.unwrap();
    assert_eq!(send(&made.pinned(&server)).await.unwrap().0, StatusCode::OK);
    let begun = std::time::Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_client_that_knows_the_certificate_believes_no_other() {
    let made = Made::new();
    let (server, _) = made.serve(limits()).await;
    assert_eq!(send(&made.pinned(&server)).await.unwrap().0, StatusCode::OK);
    let check = |error: ClientError, words: &str| {
        assert!(matches!(error, ClientError::Tls { .. }) && error.to_string().contains(words), "{error}");
    };
    check(send(&Made::new().pinned(&server)).await.unwrap_err(), "server.tls.certificate");
    let unknown = Target::parse(&format!("https://localhost:{}", server.address.port()));
    check(send(&unknown).await.unwrap_err(), "certificate");
    let plain = Running::start(limits(), echo).await;
    check(send(&made.pinned(&plain)).await.unwrap_err(), "http://");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_a_wrong_one_is_not() {
    let made = Made::new();
    let (server, tls) = made.serve(limits()).await;
    let old = made.pinned(&server);
    let (certificate, key) = pair();
    // One file after the other, as any tool writes them.
    let first = fs::read(&made.paths.certificate).unwrap();
    fs::write(&made.paths.certificate, &certificate).unwrap();
    tls.look();
    assert_eq!(tls.seen().told, None, "told while the files were being written");
    fs::write(&made.paths.key, &key).unwrap();
    tls.look();
    assert_eq!(send(&old).await.unwrap().0, StatusCode::OK, "the new pair is in the file and in use");
    // What lasts is told once, and nothing changes.
    let told = |tls: &Tls| tls.seen().told.clone().unwrap_or_default();
    fs::write(&made.paths.certificate, &first).unwrap();
    for _ in 0..3 {
        tls.look();
    }
    assert!(told(&tls).contains("does not belong"), "{}", told(&tls));
    fs::remove_file(&made.paths.certificate).unwrap();
    for _ in 0..2 {
        tls.look();
    }
    assert!(told(&tls).contains("cannot be read"), "{}", told(&tls));
    fs::write(&made.paths.certificate, &certificate).unwrap();
    tls.look();
    assert_eq!(send(&old).await.unwrap().0, StatusCode::OK);
    assert_eq!(tls.seen().complaint, None);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_points_to_another_file() {
    use std::os::unix::fs::symlink;
    let made = Made::new();
    let at = |name: &str| made.folder.path().join(name);
    for (number, (certificate, key)) in [(1, pair()), (2, pair())] {
        fs::write(at(&format!("certificate{number}.pem")), certificate).unwrap();
        fs::write(at(&format!("key{number}.pem")), key).unwrap();
    }
    let point = |number: u8| {
        for name in ["certificate", "key"] {
            symlink(at(&format!("{name}{number}.pem")), at("new")).unwrap();
            fs::rename(at("new"), at(&format!("{name}.pem"))).unwrap();
        }
    };
    point(1);
    let (server, tls) = made.serve(limits()).await;
    point(2);
    assert!(send(&made.pinned(&server)).await.is_err());
    tls.look();
    assert_eq!(send(&made.pinned(&server)).await.unwrap().0, StatusCode::OK);
}

#[test]
fn what_the_files_hold_instead() {
    let made = Made::new();
    let (certificate, key) = pair();
    let other = pair();
    let check = |certificate: &[u8], key: &[u8], words: &[&str]| {
        made.write(certificate, key);
        let error = made.load().err().unwrap().to_string();
        let folder = made.folder.path().to_str().unwrap();
        for words in words.iter().chain(&[folder, "server.tls"]) {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(!error.contains("BEGIN E") && !error.contains('\n'), "{error}");
    };
    let der = |pem: &str| rustls_pem(pem.as_bytes()).to_vec();
    let key_der = KeyPair::from_pem(&key).unwrap().serialize_der();
    let pem = |name: &str| format!("-----BEGIN {name}-----\nMIIB\n-----END {name}-----\n");
    let (c, k) = (certificate.as_bytes(), key.as_bytes());
    check(b"", k, &["holds no certificate"]);
    check(b"hello", k, &["holds no certificate"]);
    check(k, k, &["exchanged"]);
    check(c, c, &["exchanged"]);
    check(&der(&certificate), k, &["DER", "openssl x509", "certificate.pem"]);
    check(c, &key_der, &["DER", "openssl pkey"]);
    check(b"\x30\x82\x00\x05\x02\x01\x03\x30\x00", k, &["PKCS#12", "openssl pkcs12"]);
    check(c, b"\x30\x82\x00\x05\x02\x01\x03\x30\x00", &["PKCS#12", "openssl pkcs12"]);
    check(pem("CERTIFICATE REQUEST").as_bytes(), k, &["request"]);
    check(pem("PKCS7").as_bytes(), k, &["PKCS#7"]);
    check(c, pem("ENCRYPTED PRIVATE KEY").as_bytes(), &["passphrase", "openssl pkey"]);
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    check(c, legacy.as_bytes(), &["passphrase"]);
    check(c, b"", &["holds no key"]);
    check(c, pem("PRIVATE KEY").as_bytes(), &["kind"]);
    check(c, other.1.as_bytes(), &["does not belong", "requested"]);
    check([other.0.as_bytes(), c].concat().as_slice(), k, &["does not belong", "stands first"]);
    check(pem("CERTIFICATE").as_bytes(), k, &["damaged"]);
    check(certificate.get(..certificate.len() - 30).unwrap().as_bytes(), k, &["damaged"]);
    check(c, key.get(..key.len() - 30).unwrap().as_bytes(), &["damaged"]);
    fs::remove_file(&made.paths.key).unwrap();
    let error = made.load().err().unwrap().to_string();
    assert!(error.contains("server.tls.key") && error.contains("PEM"), "{error}");
    assert!(!Path::new("certificate.pem").exists());
}

#[test]
fn a_certificate_that_does_not_hold_now_is_told_and_used() {
    let check = |from, until, told| {
        let made = Made::new();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        made.write(params.self_signed(&key).unwrap().pem(), key.serialize_pem());
        assert_eq!(made.load().unwrap().seen().expiry_told, told, "{from} {until}");
    };
    check(2020, 2029, true);
    check(2031, 2039, true);
    check(2020, 2039, false);
}
