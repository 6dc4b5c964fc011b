//! A small server that speaks TDS 7.2 to 7.4 (SQL Server's wire protocol) and runs T-SQL on SQLite, for the tests of
//! buktor-middleware; never for anything else, and never lenient where SQL Server is strict.
//!
//! It is held against tiberius (`src/tests`), python-tds and the `tsql` of `FreeTDS` (`check.py`). What it does not keep answers
//! with an error that begins with `tds-server:`, or with 102.
//!
//! # Running it
//! `tds-server --listen 127.0.0.1:0 --folder DIR --login NAME:PASSWORD[:limited] ... --database NAME ...` prints
//! `listening on 127.0.0.1:PORT`, then `browser on ADDRESS` where there is one. Further:
//! - `--tls off` (`NOT_SUP`), `login` (answers OFF to all: TLS for the login packet alone), `on` (the default, as SQL Server out
//!   of the box: whole where the client asks, the login in any case), `require` (Force encryption), `old` (a TLS 1.0
//!   `ServerHello`), `old-close` (hangs up in the handshake, as Windows does without a shared cipher). TLS 1.2 alone.
//! - `--cert FILE --key FILE` instead of a self-signed certificate made at the start.
//! - `--version 2005|2008|2008r2|2012|2014|2016|2017|2019|2022|2025`: @@VERSION, TDS version, 8152 or 2628, DROP IF EXISTS.
//! - `--collation NAME` of all databases, `--browser ADDRESS --instance NAME` for the SQL Browser.
//!
//! `master` is there always; the first `--database` is that of a login which names none. One SQLite file in WAL mode a
//! database: what is committed survives kill -9. A `limited` login sees and does what was granted to it; the others own all.
//!
//! # Locks
//! A transaction that has written holds the one write lock of its database, so writers of different rows wait for each other
//! as well: `LOCK_TIMEOUT`, then 1222. Plain reads see what is committed. Reads with UPDLOCK, HOLDLOCK, SERIALIZABLE,
//! REPEATABLEREAD, READCOMMITTEDLOCK, XLOCK, TABLOCK(X) take the lock, and under SERIALIZABLE or REPEATABLE READ within a
//! transaction all do.
//!
//! # What only tests call
//! Faults are the server's: any session asks for them, and the next session that meets one gets it. Patterns are those of
//! LIKE, held against the text of each single statement, without regard to case.
//!
//! | call | then |
//! | --- | --- |
//! | `EXEC buktor_test_fault N'next_commit_drop_before'` | at the next COMMIT of a transaction that wrote: rolled back, connection cut |
//! | `EXEC buktor_test_fault N'next_commit_then_drop'` | the next COMMIT takes effect, and the connection is cut without an answer |
//! | `EXEC buktor_test_fault N'next_commit_delay_before', MS` | the next COMMIT waits first; `next_commit_delay_after`: it waits before it answers |
//! | `EXEC buktor_test_fail N'PATTERN', NUMBER [, CLASS [, TIMES [, N'MESSAGE']]]` | the next statements like this fail with that error, and with what it does to a transaction; class 20 and above ends the connection |
//! | `EXEC buktor_test_deadlock N'PATTERN' [, TIMES]` | 1205, transaction rolled back |
//! | `EXEC buktor_test_drop N'PATTERN' [, TIMES]` | connection cut before the statement |
//! | `EXEC buktor_test_delay N'PATTERN', MS [, TIMES]` | the statement waits first (an attention ends the wait) |
//! | `EXEC buktor_test_kill_others`, `KILL n` | the other sessions are cut and rolled back |
//! | `EXEC buktor_test_shutdown` | 6005 to the caller, all others cut, logins refused with 6005 for two seconds |
//! | `EXEC buktor_test_refuse_logins NUMBER [, CLASS [, N'MESSAGE']]` | until `buktor_test_allow_logins` (by a session that is open still) |
//! | `EXEC buktor_test_lock_login N'NAME' [, 0]` | 18486 for this login; 0 unlocks it |
//! | `EXEC buktor_test_scans` | the statements that compared a char or varchar column with an n-type since the last call |
//! | `EXEC buktor_test_sessions` | one line for each session: number, login, application |
//! | `EXEC buktor_test_reset` | no more faults |

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "bytes of a protocol and numbers with known ranges: every `as` here means what it says"
)]
#![allow(
    clippy::match_same_arms,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::struct_excessive_bools,
    clippy::many_single_char_names,
    clippy::type_complexity,
    clippy::large_futures,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    clippy::large_enum_variant,
    reason = "tables of the vendor's rules, SQL put together as text, and futures of tiberius: a test's helper, not the product"
)]

mod browser;
mod catalog;
mod collation;
mod compile;
mod connection;
mod convert;
mod database;
mod datetime;
mod datetime_text;
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
            tokio::spawn(connection::serve(std::sync::Arc::clone(&self.server), socket));
        }
    }
}
