//! Bytes on the socket: the real listener and the real door, with a queue that is a list. The input is what a stranger sends
//! before he stops sending.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use buktor_middleware::{
    config::Config,
    http::{self, HttpLimits},
    ingest::{Door, Ingest, Refusal, Refusals},
    model::{
        clock::{FixedClock, Timestamp},
        event::{RawEvent, Receipt, ReceiptKind, Seq},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
    runtime::Runtime,
    time::timeout,
};

/// A reply takes no longer; the listener's own times are shorter.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the door says, and nothing else.
const STATUSES: [&str; 14] =
    ["100", "200", "400", "401", "403", "404", "405", "408", "413", "414", "415", "422", "429", "431"];

/// Without credentials, and with some that the input does not know.
const AUTHS: [&str; 2] = [
    "{}",
    r#"{"bearer_tokens": ["x7Qw-0Zk2-never-in-the-corpus-1"], "signing_secrets": ["whsec_bmV2ZXItaW4tdGhlLWNvcnB1cy0wMTIzNDU2Nzg5"]}"#,
];

struct Doors {
    runtime: Runtime,
    doors: Vec<(SocketAddr, Kept)>,
}

type Kept = Arc<Mutex<Vec<RawEvent>>>;

fn doors() -> &'static Doors {
    static DOORS: OnceLock<Doors> = OnceLock::new();
    DOORS.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let doors = AUTHS.iter().map(|auth| open(&runtime, auth)).collect();
        Doors { runtime, doors }
    })
}

fn open(runtime: &Runtime, auth: &str) -> (SocketAddr, Kept) {
    let written = format!(
        r#"{{"auth": {auth}, "database": {{"type": "sqlite", "path": "x"}}, "mapping": {{"a": {{"ignore": true}}}}}}"#
    );
    let config = Config::parse(written.as_bytes(), Path::new("/his-config.json"), &|_: &str| None)
        .expect("a configuration that is right");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    let kept = Kept::default();
    let queue = Arc::clone(&kept);
    let ingest = Ingest {
        append: move |event: RawEvent| {
            let id = event.id.clone().map_or("made-1".to_owned(), |id| id.0);
            queue.lock().expect("nobody panics with it").push(event);
            async move { Ok::<_, Refusal>(Receipt { seq: Seq(1), id, kind: ReceiptKind::Fresh }) }
        },
        health: || Ok(()),
        is_mapped: |event: &RawEvent| event.kind.base() == "appointment",
        clock: FixedClock(Timestamp(1_740_000_000_000_000)),
        reject_unmapped: false,
        door: Door::new(&config.auth, u32::MAX),
        refusals: Refusals::default().into(),
    };
    let limits = HttpLimits {
        body_bytes_max: 64 * 1024,
        header_time: Duration::from_secs(5),
        body_time: Duration::from_secs(5),
        ..HttpLimits::from(&config.server)
    };
    runtime.spawn(http::serve(listener, limits, None, ingest.handler(), std::future::pending()));
    (address, kept)
}

/// Whatever is sent is answered in HTTP or not at all, soon; what was kept was acknowledged, and was sent; and nothing is
/// kept of a sender without credentials.
pub(crate) fn holds(bytes: &[u8]) {
    let Doors { runtime, doors } = doors();
    for (place, (address, kept)) in doors.iter().enumerate() {
        let reply = runtime.block_on(talk(*address, bytes));
        let kept = std::mem::take(&mut *kept.lock().expect("nobody panics with it"));
        assert!(place == 0 || kept.is_empty(), "kept without credentials");
        check(bytes, &replies(&reply), &kept);
    }
}

fn check(bytes: &[u8], replies: &[(String, String)], kept: &[RawEvent]) {
    let acknowledged =
        replies.iter().filter(|(status, body)| status == "200" && body.contains("\"event_id\"")).count();
    // A client that has gone may never read the reply to what it sent.
    assert!(acknowledged <= kept.len(), "acknowledged {acknowledged}, kept {}", kept.len());
    for (status, body) in replies {
        assert!(STATUSES.contains(&status.as_str()), "{status}");
        assert!(body.is_empty() || body.starts_with("{\"status\":"), "{body}");
    }
    let chunked = bytes.to_ascii_lowercase().windows(7).any(|window| window == b"chunked");
    for event in kept {
        let sent = chunked || bytes.windows(event.body.len()).any(|window| window == event.body);
        assert!(sent, "a body that nobody sent");
    }
}

async fn talk(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    // Another address each time: the ports of one would all be waiting for their old connections' stragglers.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let own = Ipv4Addr::from_bits(0x7f01_0000 | (next & 0xffff)).max(Ipv4Addr::new(127, 1, 0, 1));
    let socket = TcpSocket::new_v4().expect("a socket");
    // Elsewhere than on Linux there may be but one loopback address; then the usual one does.
    let _ = socket.bind(SocketAddr::from((own, 0)));
    let mut stream =
        timeout(PATIENCE, socket.connect(server)).await.expect("in time").expect("the door is open");
    let mut reply = Vec::new();
    let talking = async {
        // The listener may have seen enough before it has seen all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut reply).await;
    };
    timeout(PATIENCE, talking).await.expect("an answer in time");
    reply
}

/// Status and body of each reply.
fn replies(bytes: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
        // Cut off by a connection that was reset.
        let Some(end) = end else { break };
        let head = std::str::from_utf8(&rest[..end]).expect("the listener's own words");
        let status =
            head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 ")).expect("HTTP").get(..3);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().expect("a number"));
        let body = &rest[end + 4..];
        // A reply to HEAD has a length and no body; another reply begins, or nothing does.
        let length = if body.starts_with(b"{") { length.min(body.len()) } else { 0 };
        found.push((
            status.expect("three digits").to_owned(),
            String::from_utf8(body[..length].to_vec()).expect("JSON is UTF-8"),
        ));
        rest = &body[length..];
    }
    found
}
