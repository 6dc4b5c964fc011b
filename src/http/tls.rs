//! TLS on the listener: handshakes, and the certificate that is exchanged while the daemon runs. Never serves with less
//! than the last pair that was good.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};
use tracing::{info, warn};

pub use crate::http::tls_files::TlsError;
use crate::{
    config::ServerTls,
    http::tls_files::{Files, Pair},
    limits,
    model::clock::{Clock, Timestamp},
};

/// What a connection with TLS begins with: a record of a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// The listener's TLS.
pub struct Tls {
    paths: ServerTls,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    seen: Mutex<Seen>,
}

/// What was found in the files so far.
struct Seen {
    /// The pair that is in use.
    print: [u8; 32],
    validity: Option<(Timestamp, Timestamp)>,
    /// The last look's complaint. One that is gone at the next look is no complaint: the files were being written.
    complaint: Option<String>,
    told: Option<String>,
    expiry_told: bool,
}

/// The pair in use.
#[derive(Debug)]
struct Certificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Whether a listener could serve with these files, and from when until when their certificate holds.
pub fn examine(paths: &ServerTls) -> Result<Option<(Timestamp, Timestamp)>, TlsError> {
    let files = Files::read(paths)?;
    Ok(Pair::of(&files, paths, &aws_lc_rs::default_provider())?.validity)
}

/// How a connection has begun.
pub(super) enum Greeting {
    /// With a handshake, which is done.
    Tls(Box<TlsStream<TcpStream>>),
    /// With something else, which was not read.
    Other(TcpStream),
}

impl Tls {
    /// Reads both files.
    ///
    /// # Panics
    ///
    /// Never: the provider has suites of both versions.
    pub fn load(paths: &ServerTls, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let files = Files::read(paths)?;
        let pair = Pair::of(&files, paths, &provider)?;
        let certificate = Arc::new(Certificate(RwLock::new(Arc::new(pair.certified))));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has suites of both versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let seen = Seen {
            print: files.print(),
            validity: pair.validity,
            complaint: None,
            told: None,
            expiry_told: false,
        };
        let tls = Self {
            paths: paths.clone(),
            clock,
            provider,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate,
            seen: Mutex::new(seen),
        };
        tls.tell_expiry();
        Ok(tls)
    }

    /// Looks at the files again and again, and serves with what is new and good in them. Never ends.
    pub(super) async fn renew(self: Arc<Self>) {
        loop {
            sleep(limits::TLS_RENEWAL_INTERVAL).await;
            let tls = Arc::clone(&self);
            // Files may lie on a share that hangs.
            if let Err(error) = tokio::task::spawn_blocking(move || tls.look()).await {
                warn!(%error, "the certificate's files could not be looked at");
            }
        }
    }

    /// Looks at the files once.
    fn look(&self) {
        match Files::read(&self.paths) {
            Ok(files) => {
                let print = files.print();
                if print == self.seen().print {
                    self.seen().complaint = None;
                } else {
                    match Pair::of(&files, &self.paths, &self.provider) {
                        Ok(pair) => self.exchange(pair, print),
                        Err(error) => self.complain(&error),
                    }
                }
            }
            Err(error) => self.complain(&error),
        }
        self.tell_expiry();
    }

    fn exchange(&self, pair: Pair, print: [u8; 32]) {
        let validity = pair.validity;
        *self.certificate.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair.certified);
        *self.seen() = Seen { print, validity, complaint: None, told: None, expiry_told: false };
        info!(
            file = %self.paths.certificate.display(),
            valid_until = validity.map(|(_, until)| until.rfc3339()),
            "the listener serves with the new certificate"
        );
    }

    fn complain(&self, error: &TlsError) {
        let words = error.to_string();
        let mut seen = self.seen();
        if seen.complaint.as_ref() == Some(&words) && seen.told.as_ref() != Some(&words) {
            warn!("the new certificate cannot be used, the listener serves with the old one: {words}");
            seen.told = Some(words.clone());
        }
        seen.complaint = Some(words);
    }

    /// Tells, once for each certificate, that it does not hold now.
    fn tell_expiry(&self) {
        let mut seen = self.seen();
        let Some((from, until)) = seen.validity else { return };
        let now = self.clock.now();
        let file = self.paths.certificate.display();
        if seen.expiry_told || (from <= now && now <= until) {
            return;
        }
        seen.expiry_told = true;
        if now > until {
            warn!(
                %file,
                since = until.rfc3339(),
                "the listener's certificate has expired, and senders will refuse it: renew it; the new one is used as soon as it is there"
            );
        } else {
            warn!(%file, from = from.rfc3339(), "the listener's certificate is not valid yet: is this machine's clock right?");
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        // Every change of it is whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handshake, where one is begun.
    pub(super) async fn greet(&self, stream: TcpStream) -> io::Result<Greeting> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first != [HANDSHAKE] {
            return Ok(Greeting::Other(stream));
        }
        Ok(Greeting::Tls(Box::new(self.acceptor.accept(stream).await?)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests;
