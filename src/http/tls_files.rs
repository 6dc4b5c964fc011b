//! Certificate and key of the listener, out of their files, or words for whoever put something else there. Never tells a
//! byte of what it reads.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    self,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use crate::{config::ServerTls, http::der, model::clock::Timestamp};

/// Largest certificate or key file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

const NO_CERTIFICATE: &str = "holds no certificate in PEM form (a line -----BEGIN CERTIFICATE-----)";

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or may not be read.
    #[error("server.tls.{key}: {} cannot be read: {source}; {}", path.display(), read_advice(source))]
    Read {
        /// `certificate` or `key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("server.tls.{key}: {} {problem}", path.display())]
    Content {
        /// `certificate` or `key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it holds instead, and what to do about it.
        problem: String,
    },
    /// They do not belong together.
    #[error("server.tls: the key in {} does not belong to the first certificate in {}; {advice}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What to do.
        advice: &'static str,
    },
}

impl TlsError {
    /// The configuration's key that is wrong.
    #[must_use]
    pub fn at(&self) -> &'static str {
        match self {
            Self::Read { key: "key", .. } | Self::Content { key: "key", .. } => "server.tls.key",
            Self::Read { .. } | Self::Content { .. } => "server.tls.certificate",
            Self::Mismatch { .. } => "server.tls",
        }
    }

    /// What is wrong and what to do, without the key.
    #[must_use]
    pub fn words(&self) -> String {
        let words = self.to_string();
        words
            .strip_prefix(self.at())
            .and_then(|rest| rest.strip_prefix(": "))
            .map_or(words.clone(), str::to_owned)
    }
}

fn read_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "write the path of a PEM file there; a relative one begins at the configuration's folder"
        }
        io::ErrorKind::PermissionDenied => "give the account that runs the daemon the right to read it",
        _ => "write the path of a PEM file there",
    }
}

/// Both files as they are.
pub(super) struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Files {
    pub(super) fn read(paths: &ServerTls) -> Result<Self, TlsError> {
        let bytes = |key, path: &Path| {
            read(path).map_err(|source| TlsError::Read { key, path: path.to_owned(), source })
        };
        Ok(Self {
            certificate: bytes("certificate", &paths.certificate)?,
            key: Zeroizing::new(bytes("key", &paths.key)?),
        })
    }

    /// Tells one pair of files from another.
    pub(super) fn print(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update((self.certificate.len() as u64).to_be_bytes());
        hash.update(&self.certificate);
        hash.update(&*self.key);
        hash.finalize().into()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is far too large for a certificate or key",
        ));
    }
    Ok(bytes)
}

/// A certificate with its key, and from when until when it holds.
pub(super) struct Pair {
    pub(super) certified: CertifiedKey,
    pub(super) validity: Option<(Timestamp, Timestamp)>,
}

impl Pair {
    pub(super) fn of(files: &Files, paths: &ServerTls, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let content = |key, path: &Path, problem| TlsError::Content { key, path: path.to_owned(), problem };
        let certificate_problem = |problem| content("certificate", &paths.certificate, problem);
        let key_problem = |problem| content("key", &paths.key, problem);
        let chain = certificates(&files.certificate, &paths.certificate).map_err(certificate_problem)?;
        let key = private_key(&files.key, &paths.key).map_err(key_problem)?;
        let key = provider.key_provider.load_private_key(key).map_err(|_| {
            key_problem(
                "holds a key of a kind that is not used here; RSA with 2048 bits or more, ECDSA (P-256, P-384, P-521) and Ed25519 are"
                    .to_owned(),
            )
        })?;
        let validity = chain.first().and_then(|first| der::validity(first));
        let belongs =
            |chain: Vec<CertificateDer<'static>>| match CertifiedKey::new(chain, key.clone()).keys_match() {
                Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(true),
                Err(rustls::Error::InconsistentKeys(_)) => Ok(false),
                Err(error) => Err(error),
            };
        match belongs(chain.clone()) {
            Ok(true) => Ok(Self { certified: CertifiedKey::new(chain, key), validity }),
            Ok(false) => {
                let further =
                    chain.into_iter().skip(1).any(|other| belongs(vec![other]).is_ok_and(|fits| fits));
                let advice = if further {
                    "it belongs to a later one: the server's own certificate stands first, the authorities' after it"
                } else {
                    "use the key with which that certificate was requested, and the certificate that was made for it"
                };
                let (certificate, key) = (paths.certificate.clone(), paths.key.clone());
                Err(TlsError::Mismatch { certificate, key, advice })
            }
            Err(_) => {
                Err(certificate_problem("holds a certificate that is damaged; copy it again".to_owned()))
            }
        }
    }
}

/// The server's own certificate in a file.
pub(super) fn first_certificate(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    let pem =
        read(path).map_err(|source| TlsError::Read { key: "certificate", path: path.to_owned(), source })?;
    let first = certificates(&pem, path).map(|certificates| certificates.into_iter().next());
    let problem = |problem| TlsError::Content { key: "certificate", path: path.to_owned(), problem };
    first.map_err(problem)?.ok_or_else(|| problem(NO_CERTIFICATE.to_owned()))
}

/// The certificates of a PEM file, at least one.
fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => {}
        Err(_) => return Err("is damaged: a line is missing or broken in it; copy it again".to_owned()),
    }
    let path = path.display();
    let text = String::from_utf8_lossy(pem);
    Err(if der::is_pkcs12(pem) {
        pkcs12(&path)
    } else if der::is_der(pem) {
        format!("is in DER form; make PEM of it: openssl x509 -inform der -in \"{path}\" -out \"{path}.pem\"")
    } else if text.contains("-----BEGIN CERTIFICATE REQUEST-----") {
        "holds a request for a certificate; use the certificate that the authority has made of it".to_owned()
    } else if text.contains("-----BEGIN PKCS7-----") {
        format!(
            "is a PKCS#7 file; make PEM of it: openssl pkcs7 -print_certs -in \"{path}\" -out \"{path}.pem\""
        )
    } else if text.contains("PRIVATE KEY-----") {
        "holds a key and no certificate; are server.tls.certificate and server.tls.key exchanged?".to_owned()
    } else {
        NO_CERTIFICATE.to_owned()
    })
}

fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) if !is_encrypted(pem) => return Ok(key),
        Ok(_) | Err(rustls::pki_types::pem::Error::NoItemsFound) => {}
        Err(_) if is_encrypted(pem) => {}
        Err(_) => return Err("is damaged: a line is missing or broken in it; copy it again".to_owned()),
    }
    let path = path.display();
    Err(if is_encrypted(pem) {
        format!(
            "is protected by a passphrase, which nobody can type when the daemon starts; write the key without it, into a file that only the daemon's account may read: openssl pkey -in \"{path}\" -out \"{path}.open\""
        )
    } else if der::is_pkcs12(pem) {
        pkcs12(&path)
    } else if der::is_der(pem) {
        format!("is in DER form; make PEM of it: openssl pkey -inform der -in \"{path}\" -out \"{path}.pem\"")
    } else if String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----") {
        "holds a certificate and no key; are server.tls.certificate and server.tls.key exchanged?".to_owned()
    } else {
        "holds no key in PEM form (a line -----BEGIN PRIVATE KEY-----)".to_owned()
    })
}

fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

fn pkcs12(path: &impl std::fmt::Display) -> String {
    format!(
        "is a PKCS#12 file (.pfx, .p12); take it apart: openssl pkcs12 -in \"{path}\" -nokeys -out certificate.pem, and openssl pkcs12 -in \"{path}\" -nocerts -nodes -out key.pem"
    )
}
