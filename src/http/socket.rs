//! A client's socket, with TLS or without. Ends the wait for a client that does not take its reply, and closes so that a
//! reply to a request which was not read to its end still arrives. Never reads for the protocol's sake.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;

use crate::http::connections::Place;

/// How long the rest of a refused request is thrown away before the connection is closed on it.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// How much of it.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A socket with an end to every wait.
pub(super) struct Socket {
    stream: Stream,
    place: Arc<Place>,
    write_time: Duration,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    /// Runs after the last byte was sent.
    linger: Option<Linger>,
}

/// What the bytes go through.
pub(super) enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

/// Calls a method of whichever stream it is.
macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match &mut $socket.stream {
            Stream::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

struct Linger {
    end: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl Socket {
    pub(super) fn new(stream: Stream, place: Arc<Place>, write_time: Duration) -> Self {
        Self { stream, place, write_time, stall: None, linger: None }
    }

    /// Turns a write that has been pending for too long into an error.
    fn in_time(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(self.write_time)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// A socket that is closed with unread bytes in it resets the connection, and the reset can overtake the
    /// reply. So what still comes is thrown away for a moment.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            end: Box::pin(sleep(LINGER_TIME)),
            bytes_left: LINGER_BYTES_MAX,
        });
        let mut scratch = [0; 8 * 1024];
        loop {
            let mut rest = ReadBuf::new(&mut scratch);
            match Pin::new(self.stream.tcp()).poll_read(cx, &mut rest) {
                Poll::Ready(Ok(())) if !rest.filled().is_empty() => {
                    linger.bytes_left = linger.bytes_left.saturating_sub(rest.filled().len());
                    if linger.bytes_left == 0 {
                        return Poll::Ready(());
                    }
                }
                Poll::Pending if self.place.lingers() => return linger.end.as_mut().poll(cx),
                Poll::Ready(_) | Poll::Pending => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = either!(self, stream => stream.poll_read(cx, buf));
        if buf.filled().len() > before {
            self.place.has_read();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = either!(self, stream => stream.poll_write(cx, buf));
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = either!(self, stream => stream.poll_write_vectored(cx, bufs));
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(either!(self, stream => stream.poll_shutdown(cx)))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}
