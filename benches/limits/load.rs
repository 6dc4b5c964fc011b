//! Senders: connections that are kept open and post one event after the other, as cheaply as can be, since they share
//! the processor with what they measure.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::events::{Body, Ids};

/// Before the first request is counted.
const WARM_UP: Duration = Duration::from_millis(100);

/// What the senders saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Requests a second that were answered with 200.
    pub(crate) rate: f64,
    /// Half of the answers came within, in microseconds.
    pub(crate) p50: f64,
    /// 99 of a hundred did.
    pub(crate) p99: f64,
}

struct Course {
    run: u64,
    ids: Ids,
    headers: &'static str,
    ended: AtomicBool,
    sent: AtomicU64,
    answered: AtomicU64,
}

/// Sends over so many connections for so long. `run` makes the events' ids others than those of other runs.
pub(crate) fn send(
    address: SocketAddr,
    connections: u64,
    time: Duration,
    run: u64,
    ids: Ids,
) -> anyhow::Result<Seen> {
    follow(address, connections, time, &course(run, ids, ""))
}

/// Sends the same event with these header lines.
pub(crate) fn send_same(
    address: SocketAddr,
    connections: u64,
    time: Duration,
    headers: &'static str,
) -> anyhow::Result<Seen> {
    follow(address, connections, time, &course(0, Ids::Same, headers))
}

fn course(run: u64, ids: Ids, headers: &'static str) -> Arc<Course> {
    let (sent, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    Arc::new(Course { run, ids, headers, ended: AtomicBool::new(false), sent, answered })
}

fn follow(
    address: SocketAddr,
    connections: u64,
    time: Duration,
    course: &Arc<Course>,
) -> anyhow::Result<Seen> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut senders = Vec::new();
    let mut alone = None;
    if connections == 1 {
        let course = Arc::clone(course);
        alone = Some(thread::spawn(move || send_alone(address, &course)));
    } else {
        for _ in 0..connections {
            senders.push(runtime.spawn(send_among(address, Arc::clone(course))));
        }
    }
    thread::sleep(WARM_UP);
    let (before, started) = (course.answered.load(Ordering::Relaxed), Instant::now());
    thread::sleep(time);
    let (after, took) = (course.answered.load(Ordering::Relaxed), started.elapsed());
    course.ended.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for sender in senders {
        times.extend(runtime.block_on(sender)??);
    }
    if let Some(alone) = alone {
        times.extend(alone.join().ok().context("a sender failed")??);
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().map_or(f64::NAN, f64::from);
    Ok(Seen { rate: crate::figures::rate(after - before, took), p50: at(50), p99: at(99) })
}

/// One connection has a thread of its own, which looks for the reply without pause: how long this machine takes to
/// wake a sender that sleeps is no property of the server.
fn send_alone(address: SocketAddr, course: &Course) -> anyhow::Result<Vec<u32>> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let (mut request, mut reply, mut times) = (Request::new(course.headers), [0; 1024], Vec::new());
    loop {
        let began = Instant::now();
        stream.write_all(request.event(course))?;
        let mut length = 0;
        while !is_whole(reply.get(..length).unwrap_or_default())? {
            match stream.read(reply.get_mut(length..).unwrap_or_default()) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(more) => length += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
        if course.count(began, &mut times) {
            return Ok(times);
        }
    }
}

async fn send_among(address: SocketAddr, course: Arc<Course>) -> anyhow::Result<Vec<u32>> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut reply, mut times) = (Request::new(course.headers), [0; 1024], Vec::new());
    loop {
        let began = Instant::now();
        stream.write_all(request.event(&course)).await?;
        let mut length = 0;
        while !is_whole(reply.get(..length).unwrap_or_default())? {
            let more = stream.read(reply.get_mut(length..).unwrap_or_default()).await?;
            ensure!(more > 0, "the server closed the connection");
            length += more;
        }
        if course.count(began, &mut times) {
            return Ok(times);
        }
    }
}

impl Course {
    /// Counts an answer; gives whether the senders are to end.
    fn count(&self, began: Instant, times: &mut Vec<u32>) -> bool {
        times.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.ended.load(Ordering::Relaxed)
    }
}

/// A request whose event changes.
struct Request {
    body: Body,
    bytes: Vec<u8>,
    head: usize,
}

impl Request {
    fn new(headers: &str) -> Self {
        let body = Body::new();
        let length = body.bytes().len();
        let bytes = format!(
            "POST /receive-event HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        let head = bytes.len();
        Self { bytes: [bytes.as_bytes(), body.bytes()].concat(), body, head }
    }

    /// The next event of the course.
    fn event(&mut self, course: &Course) -> &[u8] {
        let number = match course.ids {
            Ids::Same => 0,
            Ids::Ascending | Ids::Scattered => course.sent.fetch_add(1, Ordering::Relaxed),
        };
        self.body.set(course.ids.id(course.run, number), number);
        if let Some(place) = self.bytes.get_mut(self.head..) {
            place.copy_from_slice(self.body.bytes());
        }
        &self.bytes
    }
}

/// Whether a success was received to its end, which is the reply's only closing brace.
fn is_whole(reply: &[u8]) -> anyhow::Result<bool> {
    let whole = reply.last() == Some(&b'}');
    ensure!(
        !whole || reply.starts_with(b"HTTP/1.1 200"),
        "the server answered {}",
        String::from_utf8_lossy(reply)
    );
    Ok(whole)
}
