//! A network between the daemon and the HIS database that breaks on demand. Understands of the protocol only what
//! a `COMMIT` looks like in it, so connections through it go without TLS.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::wait_until;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Passes everything on.
    Pass,
    /// Passes each piece on after that time.
    Delay(Duration),
    /// Ends new connections at once; those there are live on.
    Refuse,
    /// Keeps connections open and passes nothing on.
    Stall,
    /// Cuts the connection in place of the next COMMIT, which the server never sees. Then passes everything on.
    CutBeforeCommit,
    /// As [`Network::CutBeforeCommit`]; then refuses.
    DownBeforeCommit,
    /// Passes the next COMMIT on, and cuts the connection in place of its answer. Then passes everything on.
    CutAfterCommit,
    /// As [`Network::CutAfterCommit`]; then refuses.
    DownAfterCommit,
    /// As [`Network::CutAfterCommit`]; then cuts the connection in place of the next locking read, and passes everything on.
    CutAfterCommitAndLook,
    /// Cuts the connection in place of the next locking read. Then passes everything on.
    CutAtLook,
    /// Puts nonsense in the place of the server's next answer and ends the connection. Then passes everything on.
    Garble,
}

struct Shared {
    network: Mutex<Network>,
    changed: Condvar,
    connections: Mutex<Vec<TcpStream>>,
    closed: AtomicBool,
}

/// The proxy. Ends with its value.
pub(crate) struct Proxy {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy that listens in front of that port of 127.0.0.1.
    pub(crate) fn before(port: u16, network: Network) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let shared = Arc::new(Shared {
            network: Mutex::new(network),
            changed: Condvar::new(),
            connections: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let proxy = Self { port: listener.local_addr().unwrap().port(), shared: Arc::clone(&shared) };
        thread::spawn(move || accept(&listener, port, &shared));
        proxy
    }

    /// Changes what the network does.
    pub(crate) fn set(&self, network: Network) {
        *self.shared.network.lock().unwrap() = network;
        self.shared.changed.notify_all();
    }

    /// Cuts all connections now.
    pub(crate) fn cut(&self) {
        for stream in self.shared.connections.lock().unwrap().drain(..) {
            // The other end may have closed it already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Takes the network away: new connections are refused, those there are cut.
    pub(crate) fn down(&self) {
        self.set(Network::Refuse);
        self.cut();
    }

    /// Waits until the network refuses connections.
    pub(crate) fn wait_down(&self) {
        wait_until("the proxy has seen a COMMIT and is down", || {
            *self.shared.network.lock().unwrap() == Network::Refuse
        });
    }

    /// Waits until the cut at COMMIT has happened.
    pub(crate) fn wait_cut(&self) {
        wait_until("the proxy has seen a COMMIT and cut it", || {
            *self.shared.network.lock().unwrap() == Network::Pass
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.set(Network::Pass);
        self.cut();
        // Wakes the accepting thread, which then ends. Where it has ended there is nothing to wake.
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port))).ok();
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.closed.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = client else { continue };
        if *shared.network.lock().unwrap() == Network::Refuse {
            continue;
        }
        // A server that is down refuses; so does the proxy then, by closing.
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            shared.connections.lock().unwrap().push(stream.try_clone().unwrap());
        }
        // Set by the one direction for the other: what the server says next is cut.
        let mute = Arc::new(AtomicBool::new(false));
        let (to_server, to_client) = ((&client, &server, true), (&server, &client, false));
        for (from, to, asking) in [to_server, to_client] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let (shared, mute) = (Arc::clone(shared), Arc::clone(&mute));
            thread::spawn(move || {
                carry(&from, &to, asking, &shared, &mute);
                // The peer may have closed its side already.
                from.shutdown(Shutdown::Both).ok();
                to.shutdown(Shutdown::Both).ok();
            });
        }
    }
}

/// Carries bytes one way until the connection ends or is cut.
fn carry(mut from: &TcpStream, mut to: &TcpStream, asking: bool, shared: &Shared, mute: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let piece = &buffer[..length];
        let mut network = shared.network.lock().unwrap();
        network = shared.changed.wait_while(network, |n| *n == Network::Stall).unwrap();
        let delay = if let Network::Delay(delay) = *network { delay } else { Duration::ZERO };
        if asking && is_commit(piece) {
            match *network {
                Network::CutBeforeCommit => {
                    *network = Network::Pass;
                    return;
                }
                Network::DownBeforeCommit => {
                    *network = Network::Refuse;
                    return;
                }
                Network::CutAfterCommit | Network::DownAfterCommit | Network::CutAfterCommitAndLook => {
                    mute.store(true, Ordering::SeqCst);
                }
                _ => {}
            }
        }
        if !asking && mute.load(Ordering::SeqCst) {
            *network = match *network {
                Network::DownAfterCommit => Network::Refuse,
                Network::CutAfterCommitAndLook => Network::CutAtLook,
                _ => Network::Pass,
            };
            return;
        }
        if !asking && *network == Network::Garble {
            *network = Network::Pass;
            // The other end may have gone.
            to.write_all(&[0x5a; 64]).ok();
            return;
        }
        if asking && *network == Network::CutAtLook && is_look(piece) {
            *network = Network::Pass;
            return;
        }
        drop(network);
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        if to.write_all(piece).is_err() {
            return;
        }
    }
}

/// Whether the bytes hold a COMMIT: a query packet of `MySQL`'s (`COM_QUERY`, 3), a batch of SQL Server's (UTF-16), or a query of
/// `PostgreSQL`'s, which stands for Oracle.
fn is_commit(bytes: &[u8]) -> bool {
    let holds = |words: &[u8]| bytes.windows(words.len()).any(|w| w.eq_ignore_ascii_case(words));
    holds(b"\x03COMMIT") || holds(b"C\0O\0M\0M\0I\0T\0") || holds(b"COMMIT\0")
}

/// Whether the bytes hold a read that waits for writers.
fn is_look(bytes: &[u8]) -> bool {
    const WORDS: &[u8] = b"LOCK IN SHARE MODE";
    bytes.windows(WORDS.len()).any(|w| w == WORDS)
}
