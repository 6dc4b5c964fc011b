//! An HTTP client of a few lines over a plain socket, so that tests can send what no client library would.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// The header of that name, whatever its case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: the reply is no JSON: {self:?}"))
    }

    /// `message` of the body.
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_else(|| panic!("no message in {self:?}")).to_owned()
    }

    /// Holds that the event was accepted, as the manual shows it.
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.json()["status"], "success", "{self:?}");
    }

    /// Holds that the request was refused, with a JSON error whose message has these words.
    pub(crate) fn assert_error(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.json()["status"], "error", "{self:?}");
        let message = self.message().to_lowercase();
        for word in words {
            assert!(message.contains(&word.to_lowercase()), "{word:?} is not in {message:?}");
        }
    }
}

/// One connection, for any number of requests.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Posts an event as the manual's curl does.
    pub(crate) fn post(&mut self, event: &Value) -> io::Result<Reply> {
        let head = [("Content-Type", "application/json")];
        self.request("POST", "/receive-event", &head, event.to_string().as_bytes())
    }

    /// Sends a request and reads its answer.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !body.is_empty() || method == "POST" {
            head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        self.write(&[head.as_bytes(), body].concat())?;
        self.reply(method == "HEAD")
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads the next answer; one to HEAD has no body.
    pub(crate) fn reply(&mut self, headless: bool) -> io::Result<Reply> {
        let eof = || io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended before an answer");
        let bad = |line: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {line:?}"));
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(eof());
        }
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad(&line))?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(eof());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: String::new() };
        let length = reply.header("content-length").and_then(|v| v.parse::<usize>().ok()).unwrap_or(0);
        let mut body = vec![0; if headless { 0 } else { length }];
        self.stream.read_exact(&mut body)?;
        reply.body = String::from_utf8(body).map_err(|_| bad("a body that is no UTF-8"))?;
        if status == 100 { self.reply(headless) } else { Ok(reply) }
    }
}
