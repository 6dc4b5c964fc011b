//! The listener over real sockets, to the byte. What talks to it here serves the tests of `ingest` too.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
    task::JoinHandle,
};

use super::{client::Target, reply::Problem, *};

/// Nothing here takes that long; a test that hangs ends with it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn limits() -> HttpLimits {
    HttpLimits {
        connections_max: 100,
        connections_per_address_max: 100,
        body_bytes_max: 64 * 1024,
        bodies_bytes_max: 1024 * 1024,
        header_time: Duration::from_secs(10),
        body_time: Duration::from_secs(10),
        stop_time: Duration::from_secs(10),
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Stopped>,
}

impl Running {
    pub(crate) async fn start<H, F>(limits: HttpLimits, handler: H) -> Self
    where
        H: Fn(SocketAddr, Request<Body>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, limits, None, handler)
    }

    pub(crate) fn on<H, F>(
        listener: TcpListener,
        limits: HttpLimits,
        tls: Option<Arc<Tls>>,
        handler: H,
    ) -> Self
    where
        H: Fn(SocketAddr, Request<Body>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(serve(listener, limits, tls, handler, async {
            let _ = stopped.await;
        }));
        Self { address, stop, done }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends, and reads until the server closes.
    pub(crate) async fn talk(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // A server that has seen enough may close before it was sent everything.
        let _ = stream.write_all(bytes.as_ref()).await;
        rest(&mut stream).await
    }

    pub(crate) async fn stop(self) -> Stopped {
        self.stop.send(()).unwrap();
        within(self.done).await.unwrap()
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("in time")
}

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// One reply, on a connection that stays.
async fn one(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with('}') {
        let mut piece = [0; 4096];
        let len = within(stream.read(&mut piece)).await.unwrap();
        assert!(len > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&piece[..len]).unwrap());
    }
    text
}

pub(crate) fn status(reply: &str) -> &str {
    reply.split(' ').nth(1).unwrap_or("closed without a reply")
}

/// Says what it was asked: `/read` reads the body first, `/wait` takes a while, `/panic` panics.
async fn parrot(_peer: SocketAddr, request: Request<Body>) -> Reply {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/panic" => panic!("on purpose"),
        "/wait" => sleep(Duration::from_secs(1)).await,
        "/forever" => std::future::pending().await,
        "/large" => return reply::json(StatusCode::OK, &"x".repeat(20_000_000)),
        _ => {}
    }
    if path != "/read" {
        return reply::json(StatusCode::OK, &json!({"path": path}));
    }
    match request.into_body().read().await {
        Ok(body) => reply::json(StatusCode::OK, &json!({"bytes": body.len()})),
        Err(error) => {
            let status = match error {
                BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                BodyError::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
                BodyError::Broken => StatusCode::BAD_REQUEST,
                BodyError::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            };
            Problem::new(status, error.to_string()).reply()
        }
    }
}

#[tokio::test]
async fn fifty_requests_at_once_are_answered_in_order() {
    let server = Running::start(limits(), parrot).await;
    let requests: String = (0..50)
        .map(|n| {
            let last = if n == 49 { "Connection: close\r\n" } else { "" };
            if n % 2 == 0 {
                format!("POST /{n} HTTP/1.1\r\nHost: x\r\n{last}\r\n")
            } else {
                format!(
                    "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n{last}\r\n{}",
                    "x".repeat(n)
                )
            }
        })
        .collect();
    let replies = server.talk(requests).await;
    let bodies: Vec<_> =
        replies.split("HTTP/1.1 200 OK\r\n").skip(1).map(|r| r.split("\r\n\r\n").nth(1).unwrap()).collect();
    let expected: Vec<_> = (0..50)
        .map(|n| if n % 2 == 0 { format!("{{\"path\":\"/{n}\"}}") } else { format!("{{\"bytes\":{n}}}") })
        .collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn http_1_0_with_and_without_keep_alive() {
    let server = Running::start(limits(), parrot).await;
    let reply = server.talk("GET /a HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&reply), "200");
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
        let reply = one(&mut stream).await;
        assert!(reply.to_lowercase().contains("connection: keep-alive"), "{reply}");
    }
}

#[tokio::test]
async fn every_reply_has_a_length_and_a_type() {
    let server = Running::start(limits(), parrot).await;
    let reply = server.talk("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").await.to_lowercase();
    assert!(
        reply.contains("content-type: application/json\r\n") && reply.contains("content-length: 13\r\n"),
        "{reply}"
    );
    let reply = server.talk("HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n").await.to_lowercase();
    assert!(reply.contains("content-length: 13\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue() {
    let server = Running::start(limits(), parrot).await;
    let head = |path, length| {
        format!("POST {path} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    let mut stream = server.connect().await;
    stream.write_all(head("/read", 5).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    within(stream.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"12345").await.unwrap();
    assert!(one(&mut stream).await.ends_with("{\"bytes\":5}"));
    // Refused before the body: never asked for it.
    assert_eq!(status(&server.talk(head("/read", 70_000)).await), "413");
    let reply = server.talk(head("/other", 5)).await;
    assert_eq!(status(&reply), "200");
    assert!(reply.contains("connection: close"), "{reply}");
}

#[tokio::test]
async fn slow_headers_and_idle_connections_are_closed() {
    let server =
        Running::start(HttpLimits { header_time: Duration::from_millis(200), ..limits() }, parrot).await;
    for sent in ["", "GET /a HTT", "GET /a HTTP/1.1\r\nHost: x\r\n"] {
        let begun = Instant::now();
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        assert!(!rest(&mut stream).await.contains("200 OK"));
        assert!(begun.elapsed() >= Duration::from_millis(150) && begun.elapsed() < Duration::from_secs(5));
    }
    // One byte now and then does not help.
    let mut stream = server.connect().await;
    let begun = Instant::now();
    while stream.write_all(b"a").await.is_ok() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    let mut stream = server.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
    let begun = Instant::now();
    assert_eq!(status(&rest(&mut stream).await), "200");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_slow_body_is_told_so() {
    let server =
        Running::start(HttpLimits { body_time: Duration::from_millis(200), ..limits() }, parrot).await;
    for head in ["Content-Length: 100\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"] {
        let reply = server.talk(format!("POST /read HTTP/1.1\r\n{head}")).await;
        assert_eq!(status(&reply), "408", "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn bodies_up_to_the_limit_and_beyond() {
    let server = Running::start(limits(), parrot).await;
    let max = 64 * 1024;
    let check = async |head: &str, body: String, expected: &str| {
        let reply =
            server.talk(format!("POST /read HTTP/1.1\r\nConnection: close\r\n{head}\r\n\r\n{body}")).await;
        assert_eq!(status(&reply), expected, "{head}");
        reply
    };
    let exact = check(&format!("Content-Length: {max}"), "x".repeat(max), "200").await;
    assert!(exact.ends_with("{\"bytes\":65536}"));
    let chunk = |len: usize| format!("{len:x}\r\n{}\r\n", "x".repeat(len));
    let chunked = "Transfer-Encoding: chunked";
    check(chunked, chunk(max) + "0\r\n\r\n", "200").await;
    check(chunked, chunk(1).repeat(max) + "0\r\n\r\n", "200").await;
    check(chunked, chunk(5) + "0\r\nTrailer: x\r\n\r\n", "200").await;
    check(chunked, "0\r\n\r\n".to_owned(), "200").await;
    // The reply arrives although the client goes on sending for a while.
    for beyond in [max + 1, 5_000_000] {
        check(&format!("Content-Length: {beyond}"), "x".repeat(beyond), "413").await;
        check(chunked, chunk(beyond) + "0\r\n\r\n", "413").await;
    }
    check("Content-Length: 9223372036854775807", "x".to_owned(), "413").await;
    check(chunked, chunk(1000).repeat(5000), "413").await;
    check(chunked, "zz\r\n".to_owned(), "400").await;
    check(chunked, "5\r\n1234567\r\n".to_owned(), "400").await;
}

#[tokio::test]
async fn nothing_is_smuggled_behind_chunks() {
    let server = Running::start(limits(), parrot).await;
    let hidden = "POST /read HTTP/1.1\r\nContent-Length: 1\r\n\r\nx";
    for head in ["Transfer-Encoding: chunked", "Content-Length: 4\r\nTransfer-Encoding: chunked"] {
        let reply =
            server.talk(format!("POST /read HTTP/1.1\r\n{head}\r\n\r\n1\r\nx\r\n0\r\n\r\n{hidden}")).await;
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn header_floods() {
    let server = Running::start(limits(), parrot).await;
    let with = |headers: String| format!("GET /a HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    assert_eq!(status(&server.talk(with("a: b\r\n".repeat(limits::HEADERS_MAX - 1))).await), "200");
    assert_eq!(status(&server.talk(with("a: b\r\n".repeat(limits::HEADERS_MAX))).await), "431");
    assert_eq!(
        status(&server.talk(with(format!("a: {}\r\n", "b".repeat(limits::HEADER_BYTES_MAX)))).await),
        "431"
    );
    assert_eq!(status(&server.talk("a".repeat(1_000_000)).await), "431");
    assert_eq!(status(&server.talk(with("a b\r\n".to_owned())).await), "400");
    assert_eq!(status(&server.talk("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\r\n\r\n").await), "400");
    assert_eq!(status(&server.talk("POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n").await), "400");
    assert_eq!(
        status(&server.talk("POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n").await),
        "400"
    );
}

#[tokio::test]
async fn a_new_connection_cuts_what_was_kept_back_longest() {
    let server = Running::start(HttpLimits { connections_max: 4, ..limits() }, parrot).await;
    let mut silent = server.connect().await;
    let mut headers = server.connect().await;
    headers.write_all(b"GET /a HTTP/1.1\r\nHo").await.unwrap();
    let mut body = server.connect().await;
    body.write_all(b"POST /read HTTP/1.1\r\nContent-Length: 9\r\n\r\n12").await.unwrap();
    let mut idle = server.connect().await;
    idle.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
    one(&mut idle).await;
    let mut others = Vec::new();
    for expected in ["", "", "503", "idle"] {
        let mut other = server.connect().await;
        other.write_all(b"GET /other HTTP/1.1\r\n\r\n").await.unwrap();
        let reply = one(&mut other).await;
        // Nothing is left idle that would have to be cut.
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("connection: close"), "{reply}");
        others.push(other);
        let victim = match expected {
            "503" => &mut body,
            "idle" => break,
            _ if others.len() == 1 => &mut silent,
            _ => &mut headers,
        };
        let last = rest(victim).await;
        assert!(last == expected || status(&last) == expected, "{expected}: {last}");
        // The others' places are taken again.
        others.push(server.connect().await);
    }
}

#[tokio::test]
async fn an_address_that_takes_too_much_cuts_its_own() {
    let server = Running::start(HttpLimits { connections_per_address_max: 2, ..limits() }, parrot).await;
    let neighbour = tokio::net::TcpSocket::new_v4().unwrap();
    neighbour.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut neighbour = neighbour.connect(server.address).await.unwrap();
    let mut oldest = server.connect().await;
    let mut second = server.connect().await;
    let mut third = server.connect().await;
    assert_eq!(rest(&mut oldest).await, "");
    for stream in [&mut neighbour, &mut second, &mut third] {
        stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(status(&one(stream).await), "200");
    }
}

#[tokio::test]
async fn what_is_being_answered_is_never_cut() {
    let server = Running::start(HttpLimits { connections_max: 2, ..limits() }, parrot).await;
    let begun = Instant::now();
    let waits = "GET /wait HTTP/1.1\r\nConnection: close\r\n\r\n";
    let late = async || {
        sleep(Duration::from_millis(300)).await;
        let reply = server.talk(waits).await;
        assert!(begun.elapsed() >= Duration::from_millis(1900), "more than two at a time");
        reply
    };
    let replies = tokio::join!(server.talk(waits), server.talk(waits), late(), late());
    for reply in [replies.0, replies.1, replies.2, replies.3] {
        assert_eq!(status(&reply), "200");
    }
}

#[tokio::test]
async fn a_request_that_was_received_is_never_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let body = "x".repeat(number * 100);
        let request = format!("POST /read HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let _server = Running::on(listener, HttpLimits { connections_max: 2, ..limits() }, None, parrot);
    for (number, stream) in streams.iter_mut().enumerate() {
        assert!(one(stream).await.ends_with(&format!("{{\"bytes\":{}}}", number * 100)));
    }
}

#[tokio::test]
async fn bodies_that_come_slowest_give_way() {
    let server = Running::start(HttpLimits { bodies_bytes_max: 128 * 1024, ..limits() }, parrot).await;
    let begin = async || {
        let mut stream = server.connect().await;
        stream.write_all(b"POST /read HTTP/1.1\r\nContent-Length: 60000\r\n\r\n").await.unwrap();
        stream.write_all("x".repeat(50_000).as_bytes()).await.unwrap();
        stream
    };
    let mut slow = [begin().await, begin().await, begin().await, begin().await];
    // The pieces of a small one have no room of their own in anybody's memory either.
    let mut small = server.connect().await;
    small.write_all(b"POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    small.write_all(b"1\r\nx\r\n0\r\n\r\n").await.unwrap();
    assert!(one(&mut small).await.ends_with("{\"bytes\":2}"));
    for stream in &mut slow[..2] {
        let reply = rest(stream).await;
        assert_eq!(status(&reply), "503", "{reply}");
        assert!(reply.contains("connection: close"), "{reply}");
    }
    let last = slow.last_mut().unwrap();
    last.write_all("x".repeat(10_000).as_bytes()).await.unwrap();
    assert!(one(last).await.ends_with("{\"bytes\":60000}"));
    // What was answered holds nothing any more.
    for _ in 0..10 {
        let mut stream = begin().await;
        stream.write_all("x".repeat(10_000).as_bytes()).await.unwrap();
        assert!(one(&mut stream).await.ends_with("{\"bytes\":60000}"));
    }
}

#[tokio::test]
async fn what_goes_with_chunks_is_bounded() {
    let server = Running::start(limits(), parrot).await;
    let head = "POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let check = async |rest: String, expected: &str| {
        let reply = server.talk(format!("{head}{rest}")).await;
        assert_eq!(status(&reply), expected, "{}", rest.get(..40).unwrap_or(&rest));
    };
    let many = 200_000;
    check(format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(many)), "400").await;
    check(format!("{}0\r\n\r\n", format!("1;{}\r\nx\r\n", "e".repeat(100)).repeat(many / 100)), "400").await;
    check(format!("1\r\nx\r\n0\r\n{}\r\n", "t: x\r\n".repeat(many / 6)), "400").await;
    check(format!("1\r\nx\r\n0\r\nt: {}\r\n\r\n", "x".repeat(many)), "400").await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way() {
    let server = Running::start(limits(), parrot).await;
    let address = server.address;
    let mut fresh = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
    one(&mut idle).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\n\r\n").await.unwrap();
    let mut sending = server.connect().await;
    sending.write_all(b"POST /read HTTP/1.1\r\nContent-Length: 5\r\n\r\n12").await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    let stopping = tokio::spawn(server.stop());
    assert_eq!(rest(&mut fresh).await, "");
    assert_eq!(rest(&mut idle).await, "");
    assert!(begun.elapsed() < Duration::from_millis(800), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).await.is_err());
    sending.write_all(b"345").await.unwrap();
    assert!(rest(&mut sending).await.ends_with("{\"bytes\":5}"));
    assert!(rest(&mut busy).await.ends_with("{\"path\":\"/wait\"}"));
    assert_eq!(stopping.await.unwrap(), Stopped { cut: 0 });
}

#[tokio::test]
async fn a_stop_cuts_what_does_not_end() {
    let server =
        Running::start(HttpLimits { stop_time: Duration::from_millis(200), ..limits() }, parrot).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /forever HTTP/1.1\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.stop().await, Stopped { cut: 1 });
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn a_panic_is_one_requests_own() {
    let server = Running::start(limits(), parrot).await;
    let mut stream = server.connect().await;
    for (path, expected) in [("/panic", "500"), ("/a", "200"), ("/panic", "500")] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(status(&one(&mut stream).await), expected);
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_half_gets_its_reply() {
    let server = Running::start(limits(), parrot).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), "200");
}

#[tokio::test]
async fn clients_that_break_off_free_their_slot() {
    let server = Running::start(HttpLimits { connections_max: 1, ..limits() }, parrot).await;
    for sent in ["", "GET", "POST /read HTTP/1.1\r\nContent-Length: 100\r\n\r\n1", "GET /a HTTP/1.1\r\n\r\n"]
    {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
    }
    assert_eq!(status(&server.talk("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").await), "200");
}

#[tokio::test]
async fn a_client_that_takes_no_reply_is_cut() {
    let limits = HttpLimits { connections_max: 1, body_time: Duration::from_millis(200), ..limits() };
    let server = Running::start(limits, parrot).await;
    let mut greedy = server.connect().await;
    greedy.write_all(b"GET /large HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(status(&server.talk("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").await), "200");
}

#[tokio::test]
async fn the_client_of_send() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let limits = HttpLimits { stop_time: Duration::from_millis(100), ..limits() };
    let server = Running::start(limits, move |peer, request: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(
            (request.method(), request.headers()["content-type"].as_bytes()),
            (&Method::POST, &b"application/json"[..])
        );
        parrot(peer, request)
    })
    .await;
    let post = async |path: &str, time| {
        client::post(&Target::parse(&server.address.to_string()), path, b"{}".to_vec(), &[], time).await
    };
    let (status, body) = post("/read", PATIENCE).await.unwrap();
    assert_eq!((status, body.as_slice()), (StatusCode::OK, &b"{\"bytes\":2}"[..]));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(matches!(post("/large", PATIENCE).await, Err(client::ClientError::TooLarge)));
    assert!(matches!(
        post("/forever", Duration::from_millis(50)).await,
        Err(client::ClientError::Timeout(_))
    ));
    assert!(matches!(post("no path", PATIENCE).await, Err(client::ClientError::Address(_))));
    let address = server.address.to_string();
    server.stop().await;
    let refused = client::post(&Target::parse(&address), "/", vec![], &[], PATIENCE).await;
    assert!(matches!(refused, Err(client::ClientError::Connect { .. })), "{refused:?}");
}
