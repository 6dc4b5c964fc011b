//! Clients that mean harm, at the real daemon's port, while an honest one sends its events: it is answered within seconds,
//! and the daemon stays within its memory (`limits::RESIDENT_MIB_MAX`).

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use buktor_middleware::{
    http::client::{self, StatusCode, Target, Trust},
    limits,
};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::support::{
    daemon::{Daemon, Site},
    mariadb::free_port,
    tables::{visit, visits},
    wait_until,
};

/// Within this time an honest client has its answer, on a machine that many tests keep busy.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Events that are to be accepted while an attack goes on.
const ANSWERS: u32 = 20;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn site() -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    // A year of tests should not fill the disk with lines about each request.
    Site::new(section).mapping(visits()).with(json!({"logging": {"level": "info"}}))
}

/// Posts events, one a connection, from the attackers' address as from another one.
struct Honest {
    answers: Arc<AtomicU32>,
    repeats: Arc<AtomicU32>,
    ended: Arc<AtomicBool>,
    sender: JoinHandle<Duration>,
}

impl Honest {
    fn start(target: Target) -> Self {
        let [answers, repeats] = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
        let ended = Arc::new(AtomicBool::new(false));
        let (count, again, stop) = (Arc::clone(&answers), Arc::clone(&repeats), Arc::clone(&ended));
        let sender = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let mut longest = Duration::ZERO;
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (begun, body) = (Instant::now(), visit(number, "new").to_string().into_bytes());
                loop {
                    let post = client::post(&target, "/receive-event", body.clone(), &[], ANSWER_TIME);
                    // Among thousands of new connections one may be cut before its request is there. Buktor sends it again.
                    let answer = runtime.block_on(post);
                    assert!(
                        begun.elapsed() < ANSWER_TIME,
                        "event {number} after {:?}: {answer:?}",
                        begun.elapsed()
                    );
                    if answer.is_ok_and(|(status, _)| status == StatusCode::OK) {
                        break;
                    }
                    again.fetch_add(1, Ordering::Relaxed);
                }
                longest = longest.max(begun.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
            }
            longest
        });
        Self { answers, repeats, ended, sender }
    }

    fn answers(&self) -> u32 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Attacks again and again until enough events were accepted since now.
    fn hold(&self, mut again: impl FnMut()) {
        let before = self.answers();
        wait_until("the honest client is answered", || {
            again();
            assert!(!self.sender.is_finished(), "the honest client was not answered");
            self.answers() >= before + ANSWERS
        });
    }

    #[expect(clippy::print_stderr, reason = "figures for docs/reliability.md")]
    fn end(self, daemon: &Daemon, attack: &str) {
        self.ended.store(true, Ordering::Relaxed);
        let (answers, repeats) = (self.answers(), self.repeats.load(Ordering::Relaxed));
        let longest = self.sender.join().expect("each event was accepted in time");
        let resident = peak_mib(daemon);
        eprintln!(
            "{attack}: {answers} events accepted, {repeats} sent again; the longest took {longest:?}; at most {resident} MiB resident"
        );
        assert!(resident < limits::RESIDENT_MIB_MAX, "{attack}: {resident} MiB");
    }
}

/// The most that the daemon has had in memory.
fn peak_mib(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

fn plain(daemon: &Daemon) -> Target {
    Target { authority: daemon.address.to_string(), tls: None }
}

fn connect_from(source: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    }
    let connect = async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((IpAddr::V4(source), 0).into())?;
        socket.connect(to).await?.into_std()
    };
    let stream = RUNTIME.with(|runtime| runtime.block_on(connect))?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// So many connections from each of two addresses; what is sent on them never waits.
fn crowd(daemon: &Daemon, of_each: usize) -> Vec<TcpStream> {
    let sources = [HERE, THERE].into_iter().cycle().take(2 * of_each);
    sources.map(|source| connect_from(source, daemon.address).unwrap()).collect()
}

/// Sends what is taken at once; whoever was cut is replaced by a new one.
fn trickle(daemon: &Daemon, stream: &mut TcpStream, first: &[u8], bytes: &[u8]) {
    match stream.write(bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(_) => {
            let source = stream.local_addr().map_or(HERE, |address| match address.ip() {
                IpAddr::V4(ip) => ip,
                IpAddr::V6(_) => HERE,
            });
            if let Ok(mut new) = connect_from(source, daemon.address) {
                new.write_all(first).ok();
                *stream = new;
            }
        }
    }
}

/// Sockets that this process may have open.
fn sockets_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let soft = line.split_whitespace().next().unwrap();
    soft.parse().unwrap_or(usize::MAX)
}

#[test]
fn ten_thousand_idle_connections() {
    const CONNECTIONS: usize = 10_000;
    const ATTACKERS: usize = 20;
    let site = site();
    let daemon = site.start();
    let honest = Honest::start(plain(&daemon));
    // Others of this process need some as well.
    let held_max = sockets_max().saturating_sub(500).min(CONNECTIONS);
    if held_max < CONNECTIONS {
        eprintln!("{held_max} of {CONNECTIONS} connections at a time: ulimit -n is {}", sockets_max());
    }
    let attackers: Vec<_> = (0..ATTACKERS)
        .map(|number| {
            let (source, to) = (if number % 2 == 0 { HERE } else { THERE }, daemon.address);
            thread::spawn(move || {
                let mut held = VecDeque::new();
                for _ in 0..CONNECTIONS / ATTACKERS {
                    if held.len() >= held_max / ATTACKERS {
                        held.pop_front();
                    }
                    held.push_back(connect_from(source, to).unwrap());
                }
                held
            })
        })
        .collect();
    let held: Vec<_> = attackers.into_iter().map(|attacker| attacker.join().unwrap()).collect();
    honest.hold(|| {});
    honest.end(&daemon, "10,000 idle connections");
    drop(held);
    assert!(site.log().contains("too many connections"), "the operator is told");
}

#[test]
fn six_hundred_bodies_of_a_mebibyte_that_never_end() {
    const BODY: usize = 1024 * 1024;
    let site = site();
    let daemon = site.start();
    let honest = Honest::start(plain(&daemon));
    let head = format!(
        "POST /receive-event HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {BODY}\r\n\r\n"
    );
    let piece = vec![b' '; 32 * 1024];
    let mut crowd = crowd(&daemon, 300);
    for stream in &mut crowd {
        // Some are cut by now.
        stream.write_all(head.as_bytes()).ok();
        stream.set_nonblocking(true).unwrap();
    }
    for _ in 1..BODY / piece.len() {
        for stream in &mut crowd {
            let _ = stream.write_all(&piece);
        }
    }
    honest.hold(|| {});
    honest.end(&daemon, "600 bodies of 1 MiB");
    assert!(site.log().contains("too many large bodies"), "the operator is told");
    let mut told = 0;
    for stream in &mut crowd {
        let mut reply = [0; 12];
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        told += u32::from(stream.read_exact(&mut reply).is_ok() && &reply == b"HTTP/1.1 503");
    }
    assert!(told > 0, "nobody was told to come again");
}

#[test]
fn ten_gigabytes_in_chunks() {
    let site = site();
    let daemon = site.start();
    let honest = Honest::start(plain(&daemon));
    let mut stream = connect_from(HERE, daemon.address).unwrap();
    stream.set_write_timeout(Some(ANSWER_TIME)).unwrap();
    stream.set_read_timeout(Some(ANSWER_TIME)).unwrap();
    let mut reading = stream.try_clone().unwrap();
    let reply = thread::spawn(move || {
        let mut reply = [0; 12];
        reading.read_exact(&mut reply).map(|()| reply)
    });
    let head = "POST /receive-event HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let (mut sent, bytes) = (0_u64, 10_000_000_000);
    while sent < bytes && stream.write_all(chunk.as_bytes()).is_ok() {
        sent += chunk.len() as u64;
    }
    // What it throws away after its reply, and what both systems hold.
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
    assert_eq!(&reply.join().unwrap().unwrap(), b"HTTP/1.1 413");
    honest.hold(|| {});
    honest.end(&daemon, "10 GB in chunks");
}

#[test]
fn a_byte_now_and_then_on_more_connections_than_there_are() {
    let heads = [
        ("headers", "POST /receive-event HTTP/1.1\r\nX-Endless: "),
        ("a body", "POST /receive-event HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"),
        ("chunks", "POST /receive-event HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n"),
    ];
    for (what, head) in heads {
        let site = site();
        let daemon = site.start();
        let honest = Honest::start(plain(&daemon));
        let mut crowd = crowd(&daemon, 300);
        for stream in &mut crowd {
            stream.write_all(head.as_bytes()).ok();
            stream.set_nonblocking(true).unwrap();
        }
        honest.hold(|| {
            for stream in &mut crowd {
                trickle(&daemon, stream, head.as_bytes(), b"x");
            }
        });
        honest.end(&daemon, what);
    }
}

#[test]
fn a_flood_of_handshakes() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let site = site().with(json!({"server": {"tls": {"certificate": "certificate.pem", "key": "key.pem"}}}));
    std::fs::write(site.path("certificate.pem"), certified.cert.pem()).unwrap();
    write_private(&site.path("key.pem"), &certified.signing_key.serialize_pem());
    let daemon = site.start();
    let tls = Some(Trust::Certificate(site.path("certificate.pem")));
    let honest = Honest::start(Target { authority: daemon.address.to_string(), tls });
    let hello = client_hello();
    let mut held = Vec::new();
    honest.hold(|| {
        for source in [HERE, THERE].into_iter().cycle().take(100) {
            let mut stream = connect_from(source, daemon.address).unwrap();
            stream.write_all(&hello).ok();
            held.push(stream);
        }
        // Far more than the daemon holds.
        if held.len() > 2000 {
            held.drain(..1000);
        }
    });
    honest.end(&daemon, "handshakes that are begun");
}

/// What a client's TLS says first.
fn client_hello() -> Vec<u8> {
    use tokio_rustls::rustls::{
        ClientConfig, ClientConnection, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

fn write_private(path: &PathBuf, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn bytes_that_are_no_http() {
    let site = site();
    let daemon = site.start();
    let honest = Honest::start(plain(&daemon));
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let beginnings: [&[u8]; 6] = [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /receive-event HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /receive-event HTTP/1.1\r\nContent-Length: 100\r\nContent-Length: 200\r\n\r\n",
        b"POST /receive-event HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n",
    ];
    honest.hold(|| {
        for beginning in beginnings {
            let mut stream = connect_from(HERE, daemon.address).unwrap();
            let garbage: Vec<u8> = (0..random.usize(..20_000)).map(|_| random.u8(..)).collect();
            stream.write_all(beginning).ok();
            stream.write_all(&garbage).ok();
            stream.shutdown(Shutdown::Both).ok();
        }
    });
    honest.end(&daemon, &format!("garbage of the seed {seed}"));
    assert!(!daemon.printed().contains("panicked"), "seed {seed}");
}
