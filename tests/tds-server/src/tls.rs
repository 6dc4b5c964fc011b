//! Owns the server's certificate and TLS configuration; never touches a socket.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the server answers to a client's wish for encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// `ENCRYPT_NOT_SUP`: no TLS at all.
    Off,
    /// `ENCRYPT_OFF` whatever the client asks: TLS for the login alone.
    Login,
    /// As SQL Server out of the box: all is encrypted where the client asks for it, the login in any case.
    On,
    /// `ENCRYPT_REQ`: "Force encryption".
    Require,
    /// As `On`, with TLS 1.0 alone, told in a `ServerHello`.
    Old,
    /// As `Old`, but the connection is closed without a word, as Windows does where no cipher suite is shared.
    OldClose,
}

impl TlsMode {
    /// The mode of this name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "off" => Self::Off,
            "login" => Self::Login,
            "on" => Self::On,
            "require" => Self::Require,
            "old" => Self::Old,
            "old-close" => Self::OldClose,
            _ => return None,
        })
    }

    /// The ENCRYPTION byte that answers the client's.
    pub(crate) fn answer(self, client: u8) -> u8 {
        const OFF: u8 = 0;
        const ON: u8 = 1;
        const NOT_SUP: u8 = 2;
        const REQ: u8 = 3;
        match (self, client) {
            (Self::Off, _) => NOT_SUP,
            (Self::Require, ON | REQ) => ON,
            (Self::Require, _) => REQ,
            (_, NOT_SUP) => NOT_SUP,
            (Self::Login, _) | (_, OFF) => OFF,
            (_, _) => ON,
        }
    }
}

/// The configuration from files, or with a certificate made now. TLS 1.2 alone, as SQL Server speaks under TDS 7.
pub(crate) fn config(cert: Option<&Path>, key: Option<&Path>) -> Result<Arc<ServerConfig>, String> {
    let (chain, key) = if let (Some(cert), Some(key)) = (cert, key) {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
            .map_err(|e| format!("{}: {e}", cert.display()))?
            .collect::<Result<_, _>>()
            .map_err(|e| format!("{}: {e}", cert.display()))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{}: {e}", key.display()))?;
        (chain, key)
    } else {
        let made = rcgen::generate_simple_self_signed(vec!["SSL_Self_Signed_Fallback".into()])
            .map_err(|e| e.to_string())?;
        (vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()))
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| e.to_string())?;
    Ok(Arc::new(config))
}
