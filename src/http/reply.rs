//! Replies: always JSON with a `status` and a `message` (or what its maker put there). Messages are for the
//! person who reads them in the sender's log; they never hold a value out of the request.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde::Serialize;

/// A whole reply; hyper adds its length.
pub type Reply = Response<Full<Bytes>>;

/// A request that is not done, with what its sender is told.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status code.
    pub status: StatusCode,
    /// What to change.
    pub message: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    status: &'static str,
    message: &'a str,
}

impl Problem {
    /// A problem with its status code and message.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// The header that the status code asks for: `Allow`, `Retry-After`, `WWW-Authenticate`.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    /// The reply that tells it.
    #[must_use]
    pub fn reply(self) -> Reply {
        let mut reply = json(self.status, &ProblemBody { status: "error", message: &self.message });
        if let Some((name, value)) = self.header {
            reply.headers_mut().insert(name, value);
        }
        reply
    }
}

/// A reply with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    // Only a map with keys that are no strings, or a `Serialize` that fails on purpose, could end here.
    let body = serde_json::to_vec(body).unwrap_or_else(|_| br#"{"status":"error"}"#.to_vec());
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
