//! One connection to PostgreSQL: start, simple queries, one prepared statement for many rows of parameters, cancel.
//! It must never wait longer than its caller allows, and never hide that the connection is gone.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::pg::cancel::{Canceller, open};
use crate::pg::message::{Answer, PgError, c_string, columns_of, error_of, int, put, row_of, short, text};

/// Why an exchange did not give an answer.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The server refused the statement; the connection lives unless it was fatal.
    Server(Box<PgError>),
    /// The connection is gone.
    Gone,
    /// The caller's time was up, and the server did not answer the cancellation either.
    Stuck,
    /// The caller's time was up; the statement was cancelled.
    TimedOut,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct PgConn {
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
    pub(crate) canceller: Canceller,
    deadline: Option<Instant>,
    timed_out: bool,
    /// 'I' idle, 'T' in a transaction, 'E' in a failed one.
    pub(crate) state: u8,
    pub(crate) dead: Option<String>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum NoConnection {
    Io(io::Error),
    Refused(Failure),
}

impl PgConn {
    /// Connects as `user`, who must be trusted.
    pub(crate) fn connect(
        host: &str,
        port: u16,
        user: &str,
        database: &str,
        wait: Duration,
    ) -> Result<Self, NoConnection> {
        let stream = open(host, port, wait).map_err(NoConnection::Io)?;
        let canceller = Canceller {
            host: host.to_owned(),
            port,
            pid: 0,
            key: 0,
            asked: Arc::new(AtomicBool::new(false)),
        };
        let mut conn = Self {
            stream,
            buffer: Vec::new(),
            at: 0,
            canceller,
            deadline: Some(Instant::now() + wait),
            timed_out: false,
            state: b'I',
            dead: None,
        };
        let mut body = 196_608i32.to_be_bytes().to_vec();
        for (name, value) in [
            ("user", user),
            ("database", database),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, YMD"),
            ("IntervalStyle", "postgres"),
            ("TimeZone", "UTC"),
            ("extra_float_digits", "3"),
            ("application_name", "oci-double"),
        ] {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        let mut message = i32::try_from(body.len() + 4).unwrap_or(i32::MAX).to_be_bytes().to_vec();
        message.extend_from_slice(&body);
        conn.stream.write_all(&message).map_err(NoConnection::Io)?;
        conn.start().map_err(NoConnection::Refused)?;
        conn.deadline = None;
        Ok(conn)
    }

    fn start(&mut self) -> Result<(), Failure> {
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'R' if body.get(..4) == Some(&[0; 4]) => {}
                b'R' => return Err(Failure::Gone),
                b'K' => {
                    self.canceller.pid = int(&body, 0);
                    self.canceller.key = int(&body, 4);
                }
                b'E' => return Err(Failure::Server(Box::new(error_of(&body)))),
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    /// From now on exchanges end at `limit`.
    pub(crate) fn set_deadline(&mut self, limit: Option<Duration>) {
        self.deadline = limit.map(|l| Instant::now() + l);
        self.timed_out = false;
    }

    /// Closes the connection under the feet of both sides.
    pub(crate) fn cut(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        self.dead = Some("cut by a fault".into());
    }

    /// Ends the connection as a client does.
    pub(crate) fn close(&mut self) {
        let _ = self.stream.write_all(&[b'X', 0, 0, 0, 4]);
    }

    /// One or more statements as text; the answers of all.
    pub(crate) fn simple(&mut self, sql: &str) -> Result<Vec<Answer>, Failure> {
        let mut out = Vec::new();
        put(&mut out, b'Q', |b| text(b, sql));
        self.send(&out)?;
        let mut answers = Vec::new();
        let mut current = Answer::default();
        let mut error = None;
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'T' => current.columns = columns_of(&body),
                b'D' => current.rows.push(row_of(&body)),
                b'C' => {
                    current.tag = c_string(&body);
                    answers.push(std::mem::take(&mut current));
                }
                b'E' => error = Some(self.failed(error_of(&body))?),
                b'Z' => break,
                _ => {}
            }
        }
        self.ended(error).map(|()| answers)
    }

    /// One statement for each row of `rows`; stops at the first that fails. `after` is run as text in the same
    /// exchange when all went well.
    pub(crate) fn prepared(
        &mut self,
        sql: &str,
        types: &[u32],
        rows: &[Vec<Option<Vec<u8>>>],
    ) -> (Vec<Answer>, Option<Failure>) {
        let mut answers = Vec::with_capacity(rows.len());
        match self.prepared_into(sql, types, rows, &mut answers) {
            Ok(()) => (answers, None),
            Err(failure) => (answers, Some(failure)),
        }
    }

    fn prepared_into(
        &mut self,
        sql: &str,
        types: &[u32],
        rows: &[Vec<Option<Vec<u8>>>],
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let mut out = Vec::new();
        put(&mut out, b'P', |b| {
            b.push(0);
            text(b, sql);
            b.extend_from_slice(&short(types.len()));
            for oid in types {
                b.extend_from_slice(&oid.to_be_bytes());
            }
        });
        put(&mut out, b'D', |b| b.extend_from_slice(b"S\0"));
        for row in rows {
            put(&mut out, b'B', |b| {
                b.extend_from_slice(&[0, 0, 0, 0]);
                b.extend_from_slice(&short(row.len()));
                for value in row {
                    match value {
                        None => b.extend_from_slice(&(-1i32).to_be_bytes()),
                        Some(v) => {
                            b.extend_from_slice(&i32::try_from(v.len()).unwrap_or(i32::MAX).to_be_bytes());
                            b.extend_from_slice(v);
                        }
                    }
                }
                b.extend_from_slice(&[0, 0]);
            });
            put(&mut out, b'E', |b| b.extend_from_slice(&[0, 0, 0, 0, 0]));
        }
        put(&mut out, b'S', |_| {});
        self.send_while_reading(&out)?;
        let mut columns = 0;
        let mut current = Answer::default();
        let mut error = None;
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'T' => columns = columns_of(&body),
                b'D' => current.rows.push(row_of(&body)),
                b'C' | b'I' => {
                    current.tag = if kind == b'C' { c_string(&body) } else { String::new() };
                    current.columns = columns;
                    answers.push(std::mem::take(&mut current));
                }
                b'E' => error = Some(self.failed(error_of(&body))?),
                b'Z' => break,
                _ => {}
            }
        }
        if rows.is_empty() && error.is_none() {
            answers.push(Answer { columns, ..Answer::default() });
        }
        self.ended(error)
    }

    fn ended(&mut self, error: Option<PgError>) -> Result<(), Failure> {
        let Some(error) = error else { return Ok(()) };
        if error.state == "57014" && self.timed_out {
            return Err(Failure::TimedOut);
        }
        Err(Failure::Server(Box::new(error)))
    }

    /// A fatal error ends the connection; nothing follows it.
    fn failed(&mut self, error: PgError) -> Result<PgError, Failure> {
        if error.fatal {
            self.dead = Some(error.message.clone());
            return Err(Failure::Server(Box::new(error)));
        }
        Ok(error)
    }

    fn send(&mut self, out: &[u8]) -> Result<(), Failure> {
        if self.dead.is_some() {
            return Err(Failure::Gone);
        }
        self.stream.write_all(out).map_err(|e| self.gone(&e))
    }

    /// Large batches: the server answers while it still reads, so both sides could wait for each other.
    fn send_while_reading(&mut self, out: &[u8]) -> Result<(), Failure> {
        if out.len() < 64 * 1024 {
            return self.send(out);
        }
        if self.dead.is_some() {
            return Err(Failure::Gone);
        }
        let mut writer = self.stream.try_clone().map_err(|e| self.gone(&e))?;
        let all = out.to_vec();
        // It ends with the connection at the latest.
        std::thread::spawn(move || writer.write_all(&all));
        Ok(())
    }

    fn gone(&mut self, error: &io::Error) -> Failure {
        // What the server said before it closed may still be there to read.
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(200)));
        for _ in 0..64 {
            match self.message_from_buffer() {
                Some((b'E', body)) => {
                    let said = error_of(&body);
                    self.dead = Some(said.message.clone());
                    return Failure::Server(Box::new(said));
                }
                Some(_) => {}
                None if self.more().is_err() => break,
                None => {}
            }
        }
        self.dead = Some(error.to_string());
        Failure::Gone
    }

    fn more(&mut self) -> io::Result<()> {
        let mut chunk = [0; 32 * 1024];
        let n = self.stream.read(&mut chunk)?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(&chunk[..n]);
        Ok(())
    }

    fn message_from_buffer(&mut self) -> Option<(u8, Vec<u8>)> {
        let rest = &self.buffer[self.at..];
        if rest.len() < 5 {
            return None;
        }
        let length = usize::try_from(int(rest, 1)).ok()?;
        let body = rest.get(5..=length)?.to_vec();
        let kind = rest[0];
        self.at += length + 1;
        if kind == b'Z' {
            self.state = body.first().copied().unwrap_or(b'I');
        }
        Some((kind, body))
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>), Failure> {
        loop {
            if let Some(message) = self.message_from_buffer() {
                return Ok(message);
            }
            if self.dead.is_some() {
                return Err(Failure::Gone);
            }
            let left = self.deadline.map(|d| d.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                if self.timed_out || self.canceller.pid == 0 {
                    self.dead = Some("time out".into());
                    return Err(Failure::Stuck);
                }
                self.timed_out = true;
                self.deadline = Some(Instant::now() + Duration::from_secs(2));
                let canceller = self.canceller.clone();
                std::thread::spawn(move || canceller.cancel());
                continue;
            }
            let _ = self.stream.set_read_timeout(left);
            match self.more() {
                Ok(()) => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.gone(&e)),
            }
        }
    }

    /// Whether someone asked to stop since the last time this was asked.
    pub(crate) fn was_broken(&self) -> bool {
        self.canceller.asked.swap(false, Ordering::SeqCst)
    }

    /// Whether the server has closed an idle connection.
    pub(crate) fn closed_by_peer(&mut self) -> bool {
        if self.dead.is_some() {
            return true;
        }
        if self.stream.set_nonblocking(true).is_err() {
            return true;
        }
        let mut byte = [0; 1];
        let closed = match self.stream.peek(&mut byte) {
            Ok(0) => true,
            Ok(_) => false,
            Err(e) => e.kind() != ErrorKind::WouldBlock,
        };
        let _ = self.stream.set_nonblocking(false);
        closed
    }
}
