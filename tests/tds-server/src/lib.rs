//! A small server that speaks TDS and runs T-SQL on SQLite, for the tests of buktor-middleware; never for anything else.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::unnecessary_wraps,
    reason = "bytes of a protocol and numbers with known ranges: every `as` here means what it says"
)]

mod browser;
mod catalog;
mod collation;
mod compile;
mod convert;
mod database;
mod datetime;
mod decimal;
mod error;
mod faults;
mod functions;
mod login;
mod packet;
mod rpc;
mod server;
mod session;
mod sql;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod types;
mod version;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;

pub use tls::TlsMode;
pub use version::Version;

/// A login of the server.
#[derive(Debug, Clone)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
    /// It owns nothing: what it may do is granted.
    pub limited: bool,
}

/// What the server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where its databases are.
    pub folder: PathBuf,
    /// Who may log in.
    pub logins: Vec<Login>,
    /// Its databases beside master; the first is that of a login that names none.
    pub databases: Vec<String>,
    /// What it says to a client's wish for TLS.
    pub tls: TlsMode,
    /// A certificate instead of one made at the start.
    pub cert: Option<PathBuf>,
    /// The key of `cert`.
    pub key: Option<PathBuf>,
    /// Which SQL Server it is like.
    pub version: Version,
    /// The collation of all databases.
    pub collation: String,
    /// Where the SQL Browser listens, if there is one.
    pub browser: Option<SocketAddr>,
    /// The name of the instance.
    pub instance: String,
}

/// A server that listens but does not serve yet.
pub struct Bound {
    listener: TcpListener,
    server: std::sync::Arc<server::Server>,
    browser: Option<tokio::net::UdpSocket>,
    instance: String,
}

/// Opens the databases and the ports.
///
/// # Errors
/// A sentence about what could not be opened.
pub async fn bind(options: &Options) -> Result<Bound, String> {
    if !collation::exists(&options.collation) {
        return Err(format!("no such collation: {}", options.collation));
    }
    let server = server::Server::new(options)?;
    let listener = TcpListener::bind(options.listen).await.map_err(|e| format!("{}: {e}", options.listen))?;
    let browser = match options.browser {
        Some(address) => {
            Some(tokio::net::UdpSocket::bind(address).await.map_err(|e| format!("{address}: {e}"))?)
        }
        None => None,
    };
    Ok(Bound { listener, server, browser, instance: options.instance.clone() })
}

impl Bound {
    /// Where the server listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where the SQL Browser listens.
    #[must_use]
    pub fn browser_address(&self) -> Option<SocketAddr> {
        self.browser.as_ref().and_then(|b| b.local_addr().ok())
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// What the system says when no more connections can be taken.
    pub async fn serve(self) -> std::io::Result<()> {
        let address = self.address()?;
        if let Some(browser) = self.browser {
            tokio::spawn(browser::answer(
                browser,
                self.instance,
                address.port(),
                self.server.version.product(),
            ));
        }
        loop {
            let (socket, _) = self.listener.accept().await?;
            // A client that hangs up is no news.
            tokio::spawn(server::serve(std::sync::Arc::clone(&self.server), socket));
        }
    }
}
