//! Stopping what another thread's connection runs. It must never touch that connection itself.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What another thread needs to stop a running statement.
#[derive(Debug, Clone)]
pub(crate) struct Canceller {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) pid: i32,
    pub(crate) key: i32,
    /// Set before the server is asked, so that the running call knows why it was stopped.
    pub(crate) asked: Arc<AtomicBool>,
}

pub(crate) fn open(host: &str, port: u16, wait: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Canceller {
    /// Asks the server to stop what the connection runs.
    pub(crate) fn cancel(&self) {
        let Ok(mut stream) = open(&self.host, self.port, Duration::from_secs(5)) else { return };
        let mut message = Vec::with_capacity(16);
        for part in [16, 80_877_102, self.pid, self.key] {
            message.extend_from_slice(&part.to_be_bytes());
        }
        if stream.write_all(&message).is_ok() {
            // The server closes the connection when it has sent the signal.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.read(&mut [0; 1]);
        }
    }
}
