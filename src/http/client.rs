//! One request to a daemon on this machine, for `send`. Plain HTTP, one connection, a bounded reply; never
//! follows a redirect and never tries again.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Request,
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

pub use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};

/// Largest reply that is read.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens there, or the name is unknown.
    #[error("cannot connect to {authority}")]
    Connect {
        /// `host:port`, as given.
        authority: String,
        /// What the system said.
        source: io::Error,
    },
    /// Host or path hold what cannot stand in a request.
    #[error("not an address for HTTP")]
    Address(#[source] hyper::http::Error),
    /// The connection broke, or the other side does not speak HTTP/1.
    #[error("no HTTP reply")]
    Http(#[source] hyper::Error),
    /// The reply is larger than this client reads.
    #[error("the reply is larger than {REPLY_BYTES_MAX} bytes")]
    TooLarge,
    /// No whole reply within the time given.
    #[error("no reply within {} seconds", .0.as_secs_f32())]
    Timeout(Duration),
}

/// Posts a JSON body to `http://{authority}{path}`, with these headers besides the usual ones; `authority` is `host:port`.
/// Status and body of the reply.
pub async fn post(
    authority: &str,
    path: &str,
    body: Vec<u8>,
    headers: &[(HeaderName, HeaderValue)],
    time_max: Duration,
) -> Result<(StatusCode, Vec<u8>), ClientError> {
    timeout(time_max, exchange(authority, path, body, headers))
        .await
        .unwrap_or(Err(ClientError::Timeout(time_max)))
}

async fn exchange(
    authority: &str,
    path: &str,
    body: Vec<u8>,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<(StatusCode, Vec<u8>), ClientError> {
    let mut request = Request::post(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(ClientError::Address)?;
    request.headers_mut().extend(headers.iter().cloned());
    let stream = TcpStream::connect(authority)
        .await
        .map_err(|source| ClientError::Connect { authority: authority.to_owned(), source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Http)?;
    // Owns the sender: the connection ends when it is dropped.
    let reply = async move {
        let reply = sender.send_request(request).await.map_err(ClientError::Http)?;
        let status = reply.status();
        let body = Limited::new(reply.into_body(), REPLY_BYTES_MAX).collect().await.map_err(body_error)?;
        Ok((status, body.to_bytes().to_vec()))
    };
    let (reply, ()) = tokio::join!(reply, async {
        // Whatever ends the connection also ends the reply, which is where it is told.
        let _ended = connection.await;
    });
    reply
}

fn body_error(error: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
    if error.is::<LengthLimitError>() {
        return ClientError::TooLarge;
    }
    match error.downcast::<hyper::Error>() {
        Ok(error) => ClientError::Http(*error),
        // `Limited` has these two errors alone; its own is the other one.
        Err(_) => ClientError::TooLarge,
    }
}
