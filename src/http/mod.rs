//! The listener: connections, their limits and their end. Turns a socket into requests and replies for one
//! handler, and never knows what a request means, nor lets one client take what belongs to the others.

mod body;
pub mod client;
mod client_tls;
mod connection;
mod connections;
mod der;
mod registry;
pub mod reply;
mod socket;
pub mod tls;
mod tls_files;

pub use body::{Body, BodyError};
pub use hyper::Request;

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    config,
    http::{
        connection::{Service, protocol},
        connections::Connections,
        registry::Bounds,
        reply::Reply,
        tls::Tls,
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
    /// Connections served at a time; where all are taken, the one that has kept its request back longest is cut for a
    /// new one.
    pub connections_max: usize,
    /// Of these from one address, or from one IPv6 network of 64 bits.
    pub connections_per_address_max: usize,
    /// Largest body in bytes.
    pub body_bytes_max: u64,
    /// Bytes that the bodies of all requests under way hold together.
    pub bodies_bytes_max: usize,
    /// For the headers of a request, for a handshake, and for an idle connection.
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
            connections_per_address_max: server.connections_per_address_max,
            body_bytes_max: server.body_bytes_max,
            bodies_bytes_max: limits::BODIES_BYTES_MAX,
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

/// Serves `listener` until `stop` resolves, by TLS where there is some; `handler` gets the other end's address with each
/// request. Then nothing is accepted any more, idle connections are closed, and requests under way are answered within
/// [`HttpLimits::stop_time`].
///
/// A panic in `handler` is a 500 for that request alone. Failures of `accept` are waited out.
pub async fn serve<H, F>(
    listener: TcpListener,
    limits: HttpLimits,
    tls: Option<Arc<Tls>>,
    handler: H,
    stop: impl Future<Output = ()>,
) -> Stopped
where
    H: Fn(SocketAddr, Request<Body>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let renewing = tls.clone().map(|tls| tokio::spawn(async move { tls.renew().await }));
    let connections = Connections::new(Bounds {
        connections_max: limits.connections_max.max(1),
        connections_per_address_max: limits.connections_per_address_max.max(1),
        bodies_bytes_max: limits.bodies_bytes_max,
    });
    let service = Arc::new(Service { limits, http1: protocol(limits), tls, handler });
    let mut acceptor = Acceptor { listener, told: None };
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let (stream, peer) = acceptor.accept().await;
            let place = connections.admit(peer.ip()).await;
            (stream, peer, place)
        };
        let (stream, peer, place) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.serve(stream, peer, place).await });
    }
    drop(acceptor);
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    finish(&connections, limits).await
}

/// Waits for the requests under way, then cuts what is left.
async fn finish(connections: &Connections, limits: HttpLimits) -> Stopped {
    connections.stop(false);
    if timeout(limits.stop_time, connections.all_ended()).await.is_ok() {
        return Stopped { cut: 0 };
    }
    let cut = connections.count();
    tracing::warn!(connections = cut, "cut connections whose requests did not end in time");
    connections.stop(true);
    connections.all_ended().await;
    Stopped { cut }
}

/// Takes connections.
struct Acceptor {
    listener: TcpListener,
    told: Option<Instant>,
}

impl Acceptor {
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (mut pause, pause_max) = ACCEPT_PAUSE;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        // Replies may come some milliseconds later; they come.
                        tracing::debug!(%error, "cannot set TCP_NODELAY");
                    }
                    return (stream, peer);
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
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
pub(crate) mod tests;
