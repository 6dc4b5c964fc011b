//! Owns the packets of TDS on a socket, with TLS inside packets or below them; never reads what a message says.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Packet types.
pub(crate) const BATCH: u8 = 1;
pub(crate) const RPC: u8 = 3;
pub(crate) const REPLY: u8 = 4;
pub(crate) const ATTENTION: u8 = 6;
pub(crate) const TRANSACTION: u8 = 14;
pub(crate) const LOGIN: u8 = 16;
pub(crate) const PRELOGIN: u8 = 18;

const HEADER: usize = 8;

/// A message put together from its packets.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) ty: u8,
    /// The client wants its settings back to those of the login (RESETCONNECTION).
    pub(crate) reset: bool,
    pub(crate) data: Vec<u8>,
}

/// One client's connection.
pub(crate) struct Conn {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// Bytes of packets that are not whole yet.
    plain: Vec<u8>,
    /// Packets of the message that is coming.
    partial: Vec<u8>,
    reset: bool,
    pub(crate) packet_size: usize,
}

impl Conn {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, tls: None, plain: Vec::new(), partial: Vec::new(), reset: false, packet_size: 4096 }
    }

    /// Reads what is there; false at the end of the stream. Nothing is lost when the future is dropped.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0u8; 16_384];
        let n = self.socket.read(&mut buffer).await?;
        if n == 0 {
            return Ok(false);
        }
        let Some(tls) = &mut self.tls else {
            self.plain.extend_from_slice(&buffer[..n]);
            return Ok(true);
        };
        let mut rest = &buffer[..n];
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            let start = self.plain.len();
            self.plain.resize(start + state.plaintext_bytes_to_read(), 0);
            tls.reader().read_exact(&mut self.plain[start..])?;
        }
        Ok(true)
    }

    /// The next message; `None` where the client has gone. Nothing is lost when the future is dropped.
    pub(crate) async fn message(&mut self) -> io::Result<Option<Message>> {
        loop {
            while let Some((ty, status, body)) = self.packet()? {
                self.partial.extend_from_slice(&body);
                self.reset |= status & 0x18 != 0;
                if status & 1 != 0 {
                    let message = Message { ty, reset: self.reset, data: std::mem::take(&mut self.partial) };
                    self.reset = false;
                    // A message that its client gave up half-way (status 0x02) is as if it had never been.
                    if status & 2 != 0 && ty != ATTENTION {
                        continue;
                    }
                    return Ok(Some(message));
                }
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// A whole packet from what has been read.
    fn packet(&mut self) -> io::Result<Option<(u8, u8, Vec<u8>)>> {
        if self.plain.len() < HEADER {
            return Ok(None);
        }
        let length = usize::from(self.plain[2]) << 8 | usize::from(self.plain[3]);
        if !(HEADER..=32_768).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet of an impossible length"));
        }
        if self.plain.len() < length {
            return Ok(None);
        }
        let rest = self.plain.split_off(length);
        let packet = std::mem::replace(&mut self.plain, rest);
        Ok(Some((packet[0], packet[1], packet[HEADER..].to_vec())))
    }

    /// Sends a message in as many packets as it needs.
    pub(crate) async fn send(&mut self, ty: u8, data: &[u8]) -> io::Result<()> {
        let room = self.packet_size - HEADER;
        let mut bytes = Vec::with_capacity(data.len() + HEADER);
        let mut chunks = data.chunks(room).peekable();
        let mut number = 1u8;
        while let Some(chunk) = chunks.next() {
            let length = (chunk.len() + HEADER) as u16;
            bytes.extend([ty, u8::from(chunks.peek().is_none())]);
            bytes.extend(length.to_be_bytes());
            bytes.extend([0, 0, number, 0]);
            bytes.extend_from_slice(chunk);
            number = number.wrapping_add(1);
        }
        self.write(&bytes).await
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            self.socket.write_all(bytes).await?;
            return self.socket.flush().await;
        };
        let mut sealed = Vec::new();
        while !bytes.is_empty() {
            let n = tls.writer().write(bytes)?;
            bytes = &bytes[n..];
            while tls.wants_write() {
                tls.write_tls(&mut sealed)?;
            }
        }
        self.socket.write_all(&sealed).await?;
        self.socket.flush().await
    }

    /// TLS inside packets of type 0x12, as TDS 7.x has it.
    pub(crate) async fn handshake(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = Box::new(ServerConnection::new(config).map_err(io::Error::other)?);
        while tls.is_handshaking() {
            let message = self.message().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let mut rest = message.data.as_slice();
            let mut verdict = Ok(());
            while !rest.is_empty() && verdict.is_ok() {
                tls.read_tls(&mut rest)?;
                verdict = tls.process_new_packets().map(|_| ());
            }
            let mut answer = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut answer)?;
            }
            if !answer.is_empty() {
                self.send(PRELOGIN, &answer).await?;
            }
            verdict.map_err(io::Error::other)?;
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Answers a TLS handshake as a server that has TLS 1.0 alone, and hangs up.
    pub(crate) async fn old_handshake(&mut self) -> io::Result<()> {
        if self.message().await?.is_none() {
            return Ok(());
        }
        // ServerHello, TLS 1.0, TLS_RSA_WITH_AES_128_CBC_SHA.
        let mut hello = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
        hello.extend([7u8; 32]);
        hello.extend([0, 0, 0x2f, 0]);
        self.send(PRELOGIN, &hello).await?;
        // The client's alert, or its end.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), self.message()).await;
        Ok(())
    }

    /// From here on without TLS: it was for the login alone.
    pub(crate) fn end_tls(&mut self) {
        self.tls = None;
    }
}
