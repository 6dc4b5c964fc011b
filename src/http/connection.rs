//! One connection, from its first byte to its last: TLS where there is some, HTTP/1, the handler's replies. Never lets
//! a handler's fault go beyond its request.

use std::{
    convert::Infallible,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    header::{CONNECTION, HeaderValue, TRANSFER_ENCODING},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    http::{
        Body, HttpLimits,
        connections::Place,
        reply::{Problem, Reply},
        socket::{Socket, Stream},
        tls::{Greeting, Tls},
    },
    limits,
};

/// What all connections of a listener have in common.
pub(super) struct Service<H> {
    pub(super) limits: HttpLimits,
    pub(super) http1: http1::Builder,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) handler: H,
}

/// HTTP/1 with this program's limits.
pub(super) fn protocol(limits: HttpLimits) -> http1::Builder {
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

impl<H, F> Service<H>
where
    H: Fn(SocketAddr, Request<Body>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    /// Serves a connection until it ends, or must make room for another one.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let place = Arc::new(place);
        let (stream, greeted) = match &self.tls {
            None => (Stream::Plain(stream), true),
            Some(tls) => match self.greet(tls, stream, &place).await {
                Some(Greeting::Tls(stream)) => (Stream::Tls(stream), true),
                Some(Greeting::Other(stream)) => (Stream::Plain(stream), false),
                None => return,
            },
        };
        let socket = Socket::new(stream, Arc::clone(&place), self.limits.body_time);
        let service = service_fn(|request: Request<Incoming>| {
            place.has_headers(!request.body().is_end_stream());
            // A proxy that goes by the length, where we go by the chunks, would take what follows for a part of this
            // request: nothing follows (RFC 9112, section 6.1).
            let is_last = !greeted || request.headers().contains_key(TRANSFER_ENCODING);
            let request = request.map(|incoming| Body::new(incoming, self.limits, Arc::clone(&place)));
            let (handler, place) = (self.handler.clone(), Arc::clone(&place));
            async move {
                let mut reply = if greeted {
                    answer(async move { handler(peer, request).await }).await
                } else {
                    wants_tls().reply()
                };
                // Also for a client that speaks plain HTTP where there is TLS: it has the wrong address.
                if place.has_reply() || is_last {
                    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(reply)
            }
        });
        let serving = self.http1.serve_connection(TokioIo::new(socket), service);
        let ended = place
            .attend(serving, |serving| {
                serving.graceful_shutdown();
                true
            })
            .await;
        // A client that breaks off or talks nonsense was told so where it could be; it is no concern of
        // the operator's, and its bytes must not reach a log.
        if let Some(Err(error)) = ended {
            tracing::debug!(timeout = error.is_timeout(), parse = error.is_parse(), "a connection broke off");
        }
    }

    /// The handshake of TLS, in as much time as headers have.
    async fn greet(&self, tls: &Tls, stream: TcpStream, place: &Place) -> Option<Greeting> {
        let greeting = timeout(self.limits.header_time, tls.greet(stream));
        match place.attend(greeting, |_| false).await? {
            Ok(Ok(greeting)) => Some(greeting),
            Ok(Err(error)) => {
                tracing::debug!(kind = ?error.kind(), "a connection broke off in the handshake of TLS");
                None
            }
            Err(_slow) => None,
        }
    }
}

fn wants_tls() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "this port speaks HTTPS alone (server.tls in his-config.json); send the request to https:// instead of http://",
    )
}

/// The handler's reply, or that of its fault.
async fn answer(answering: impl Future<Output = Reply>) -> Reply {
    let mut answering = pin!(answering);
    std::future::poll_fn(|cx| {
        // The future is not polled again after a panic, so no broken state of it can be seen.
        catch_unwind(AssertUnwindSafe(|| Pin::as_mut(&mut answering).poll(cx))).unwrap_or_else(|_panic| {
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
    .await
}
