//! One request to a daemon, for `send`: HTTP or HTTPS, one connection, a bounded reply; never follows a redirect and never
//! tries again.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Request,
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

pub use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};

pub use crate::http::client_tls::Trust;
use crate::http::{client_tls, tls::TlsError};

/// Largest reply that is read.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// Where a request goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port`, as it was given.
    pub authority: String,
    /// Whose certificate is believed; none for plain HTTP.
    pub tls: Option<Trust>,
}

impl Target {
    /// What a person wrote: `host:port`, `http://host:port` or `https://host:port`; the port may be missing after a scheme.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(Trust::Authorities), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (None, rest),
            _ => return Self { authority: text.to_owned(), tls: None },
        };
        let rest = rest.trim_end_matches('/');
        // The colons of an IPv6 address stand in brackets.
        let has_port = rest.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = if tls.is_some() { ":443" } else { ":80" };
        Self { authority: format!("{rest}{}", if has_port { "" } else { port }), tls }
    }

    /// `http://host:port` or `https://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.authority)
    }
}

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
    /// The other side has no TLS, or a certificate that is not believed.
    #[error("no TLS connection with {authority}: {source}; without TLS, write http://{authority}")]
    Tls {
        /// `host:port`, as given.
        authority: String,
        /// What is wrong.
        source: io::Error,
    },
    /// The certificate that is to be believed cannot be read.
    #[error(transparent)]
    Certificate(#[from] TlsError),
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

/// Posts a JSON body to a path there, with these headers besides the usual ones. Status and body of the reply.
pub async fn post(
    target: &Target,
    path: &str,
    body: Vec<u8>,
    headers: &[(HeaderName, HeaderValue)],
    time_max: Duration,
) -> Result<(StatusCode, Vec<u8>), ClientError> {
    let exchange = async {
        let request = request(&target.authority, path, body, headers)?;
        let authority = || target.authority.clone();
        let stream = TcpStream::connect(&target.authority)
            .await
            .map_err(|source| ClientError::Connect { authority: authority(), source })?;
        let Some(trust) = &target.tls else { return exchange(stream, request).await };
        let connector = client_tls::connector(trust)?;
        let name = client_tls::name(&target.authority);
        let name = name.map_err(|source| ClientError::Tls { authority: authority(), source })?;
        let stream = connector.connect(name, stream).await;
        exchange(stream.map_err(|source| ClientError::Tls { authority: authority(), source })?, request).await
    };
    timeout(time_max, exchange).await.unwrap_or(Err(ClientError::Timeout(time_max)))
}

fn request(
    authority: &str,
    path: &str,
    body: Vec<u8>,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut request = Request::post(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(ClientError::Address)?;
    request.headers_mut().extend(headers.iter().cloned());
    Ok(request)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Vec<u8>), ClientError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_as_people_write_them() {
        let check = |text: &str, expected: &str| assert_eq!(Target::parse(text).url(), expected, "{text}");
        check("127.0.0.1:5000", "http://127.0.0.1:5000");
        check("http://127.0.0.1:5000/", "http://127.0.0.1:5000");
        check("HTTPS://his.example:8443", "https://his.example:8443");
        check("https://his.example", "https://his.example:443");
        check("http://[::1]", "http://[::1]:80");
        check("https://[::1]:5000", "https://[::1]:5000");
    }
}
