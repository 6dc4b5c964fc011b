//! The listener: connections, their limits and their end. Turns a socket into requests and replies for one
//! handler, and never knows what a request means, nor lets one client take what belongs to the others.

mod body;
pub mod client;
pub mod reply;
mod socket;

pub use body::{Body, BodyError};
pub use hyper::Request;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use hyper::{
    StatusCode,
    body::{Body as _, Incoming},
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config,
    http::{
        reply::{Problem, Reply},
        socket::Socket,
    },
    limits,
};

/// First and longest pause after an `accept` that failed.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How often a lasting failure of `accept` is told again.
const ACCEPT_TOLD_EVERY: Duration = Duration::from_mins(1);

/// What one client, and all of them together, may take.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Connections served at a time; further ones wait in the kernel's backlog.
    pub connections_max: usize,
    /// Largest body in bytes.
    pub body_bytes_max: u64,
    /// For the headers of a request, and for an idle connection.
    pub header_time: Duration,
    /// For the body of a request, and for a client that does not take its reply.
    pub body_time: Duration,
    /// For the requests that are under way at a stop.
    pub stop_time: Duration,
}

impl From<&config::Server> for HttpLimits {
    fn from(server: &config::Server) -> Self {
        Self {
            connections_max: server.connections_max,
            body_bytes_max: server.body_bytes_max,
            header_time: server.header_time,
            body_time: server.body_time,
            stop_time: limits::STOP_DEADLINE,
        }
    }
}

/// How the listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut because their request was not answered within the stop's deadline.
    pub cut: usize,
}

/// Serves `listener` until `stop` resolves; `handler` gets the other end's address with each request. Then nothing is accepted any more, idle connections are closed,
/// and requests under way are answered within [`HttpLimits::stop_time`].
///
/// A panic in `handler` is a 500 for that request alone. Failures of `accept` are waited out.
pub async fn serve<H, F>(
    listener: TcpListener,
    limits: HttpLimits,
    handler: H,
    stop: impl Future<Output = ()>,
) -> Stopped
where
    H: Fn(SocketAddr, Request<Body>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let http1 = protocol(limits);
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let mut acceptor = Acceptor::new(listener, limits.connections_max);
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, slot) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = acceptor.accept() => accepted,
        };
        let unread = Arc::new(AtomicBool::new(false));
        let socket = Socket::new(stream, Arc::clone(&unread), limits.body_time);
        let handler = handler.clone();
        let service = service_fn(move |request| {
            let request = bounded(request, limits, &unread);
            let handler = handler.clone();
            answer(move |request| handler(peer, request), request, Arc::clone(&unread))
        });
        let connection = graceful.watch(http1.serve_connection(TokioIo::new(socket), service));
        let cut = cut.clone();
        tokio::spawn(async move {
            // A client that breaks off or talks nonsense was told so where it could be; it is no concern of
            // the operator's, and its bytes must not reach a log.
            if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
                tracing::debug!(
                    timeout = error.is_timeout(),
                    parse = error.is_parse(),
                    "a connection broke off"
                );
            }
            drop(slot);
        });
    }
    let slots = acceptor.close();
    finish(graceful, &cut, limits, &slots).await
}

/// HTTP/1 with this program's limits.
fn protocol(limits: HttpLimits) -> http1::Builder {
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits::HEADERS_MAX)
        .max_header_size(limits::HEADER_BYTES_MAX)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        // A client that closes its sending half after the request (`nc -N`, some devices) still gets its reply,
        // and a request under way is not dropped half done.
        .half_close(true);
    http1
}

/// Waits for the requests under way, then cuts what is left.
async fn finish(
    graceful: GracefulShutdown,
    cut: &CancellationToken,
    limits: HttpLimits,
    slots: &Semaphore,
) -> Stopped {
    let mut closed = pin!(graceful.shutdown());
    if timeout(limits.stop_time, &mut closed).await.is_ok() {
        return Stopped { cut: 0 };
    }
    let left = limits.connections_max.saturating_sub(slots.available_permits());
    tracing::warn!(connections = left, "cut connections whose requests did not end in time");
    cut.cancel();
    closed.await;
    Stopped { cut: left }
}

/// Gives a request's body its limits.
fn bounded(request: Request<Incoming>, limits: HttpLimits, unread: &Arc<AtomicBool>) -> Request<Body> {
    unread.store(!request.body().is_end_stream(), Ordering::Relaxed);
    request.map(|incoming| Body::new(incoming, limits, Arc::clone(unread)))
}

/// One request, whatever its handler does.
async fn answer<H, F>(
    handler: H,
    request: Request<Body>,
    unread: Arc<AtomicBool>,
) -> Result<Reply, Infallible>
where
    H: Fn(Request<Body>) -> F,
    F: Future<Output = Reply>,
{
    let mut answering = pin!(async move { handler(request).await });
    let mut reply = std::future::poll_fn(|cx| {
        // The future is not polled again after a panic, so no broken state of it can be seen.
        catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx))).unwrap_or_else(|_panic| {
            tracing::error!("a request ended in a fault of this program and was answered with 500");
            Poll::Ready(
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the middleware failed at this request; its log says where, and the event was not acknowledged",
                )
                .reply(),
            )
        })
    })
    .await;
    if unread.load(Ordering::Relaxed) {
        // What is left of the body would be taken for the next request.
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(reply)
}

/// Takes connections, as many at a time as there are slots.
struct Acceptor {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    told: Option<Instant>,
}

impl Acceptor {
    fn new(listener: TcpListener, connections_max: usize) -> Self {
        // Tokio panics above its own maximum, which no machine has memory for.
        let slots = connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Self { listener, slots: Arc::new(Semaphore::new(slots)), told: None }
    }

    /// The next connection, once there is a slot for it.
    async fn accept(&mut self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let slot = Arc::clone(&self.slots).acquire_owned().await.expect("nothing closes this semaphore");
        let (mut pause, pause_max) = ACCEPT_PAUSE;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        // Replies may come some milliseconds later; they come.
                        tracing::debug!(%error, "cannot set TCP_NODELAY");
                    }
                    return (stream, peer, slot);
                }
                // The client gave up while it waited.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.tell(&error);
                    sleep(pause).await;
                    pause = (pause * 2).min(pause_max);
                }
            }
        }
    }

    /// Too many open files last for a while: said once, not twenty times a second.
    fn tell(&mut self, error: &io::Error) {
        if self.told.is_none_or(|told| told.elapsed() >= ACCEPT_TOLD_EVERY) {
            self.told = Some(Instant::now());
            tracing::error!(%error, "cannot accept connections; trying on");
        }
    }

    /// Stops listening.
    fn close(self) -> Arc<Semaphore> {
        self.slots
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
pub(crate) mod tests;
