//! Connecting to `MySQL` and `MariaDB`: how far the connection is encrypted, what each refusal means and what to do about
//! it, and the session's settings. No message here ever holds the password.

use std::{
    io::ErrorKind,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sqlx::{
    ConnectOptions,
    mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode},
};
use tokio::task::JoinSet;

use super::{Increment, MySql, PRODUCT, driver_words, server_error};
use crate::{
    config::{Database, Network, Tls},
    his::{HisError, authorities, faults, zone},
    model::outcome::FaultClass,
};

/// Prepared statements that are kept on the server: each of 512 rows takes it about a megabyte, but most are of fewer. One
/// that makes way for another is closed by a message without an answer, which costs 40 ms.
const STATEMENTS_KEPT_MAX: usize = 128;
/// What `max_allowed_packet` is taken for where the server does not say: the least default of all versions.
const PACKET_BYTES_DEFAULT: usize = 1024 * 1024;
/// "unknown character set": a server before 5.5.3.
const UNKNOWN_CHARSET: &str = "mysql-1115";
/// "unknown system variable": a server without `InnoDB`.
const UNKNOWN_VARIABLE: &str = "mysql-1193";
/// "you must reset your password".
const PASSWORD_EXPIRED: &str = "mysql-1820";

/// So that the log says it once and not at each reconnect.
static UNENCRYPTED_TOLD: AtomicBool = AtomicBool::new(false);

/// Connects and prepares the session.
pub(super) async fn open(database: &Database, network: &Network) -> Result<MySql, HisError> {
    let address = address(network);
    resolve(network).await?;
    let connection = establish(network).await?;
    let offset = zone::offset_now(database.timezone);
    let mut session = MySql {
        connection,
        server: PRODUCT.to_owned(),
        schema: network.database.clone(),
        account: network.user.clone(),
        address,
        statement_bytes_max: PACKET_BYTES_DEFAULT,
        encrypted: false,
        statement_time: database.statement_time,
        timezone: database.timezone,
        offset,
        increment: Increment { step: 1, changes: false },
        usable: true,
        open: false,
    };
    let settled = settle(&mut session, database.lock_time).await;
    settled.map_err(|error| match error.code.as_str() {
        // The one refusal that comes with the first statement.
        PASSWORD_EXPIRED => denied(1820, &error.message, network),
        _ => error,
    })?;
    let cipher = session.ask("SHOW SESSION STATUS LIKE 'Ssl_cipher'".to_owned(), &[]).await?;
    session.encrypted = cipher.into_iter().flatten().nth(1).flatten().is_some_and(|name| !name.is_empty());
    if !session.encrypted && network.tls == Tls::Prefer && !UNENCRYPTED_TOLD.swap(true, Ordering::Relaxed) {
        tracing::info!(
            address = session.address,
            "the connection to the HIS database is not encrypted: the server offers no TLS, or none newer than 1.1"
        );
    }
    Ok(session)
}

/// That nothing answered in time.
pub(super) fn silent(network: &Network, limit: Duration) -> HisError {
    let message = format!(
        "no answer from {} within {} s: is this the right host and port, is the server up, and does a firewall let \
         this computer through",
        address(network),
        limit.as_secs_f32()
    );
    HisError::plain(FaultClass::Unreachable, "mysql-no-answer", message)
}

/// The session's settings, and what the server says of itself.
async fn settle(session: &mut MySql, lock_time: Duration) -> Result<(), HisError> {
    match session.say("SET NAMES utf8mb4").await {
        Err(error) if error.code == UNKNOWN_CHARSET => session.say("SET NAMES utf8").await?,
        answer => answer?,
    }
    // Strict, because 5.5 and 5.6 otherwise cut texts silently; the server's own modes stay.
    let offset = session.offset;
    session
        .say(format!(
            "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES'), autocommit = 1, \
             time_zone = '{offset}'"
        ))
        .await?;
    set_lock_time(session, lock_time).await?;
    let select = "SELECT CAST(@@max_allowed_packet AS CHAR), VERSION(), DATABASE(), CURRENT_USER()";
    let row = session.ask(select.to_owned(), &[]).await?.into_iter().next().unwrap_or_default();
    let mut row = row.into_iter().map(Option::unwrap_or_default);
    let packet = row.next().and_then(|bytes| bytes.parse().ok()).unwrap_or(PACKET_BYTES_DEFAULT);
    // A quarter stays free: types, lengths and the packet's head are not counted in the values' size.
    session.statement_bytes_max = packet - packet / 4;
    session.server = product(&row.next().unwrap_or_default());
    if let Some(schema) = row.next().filter(|name| !name.is_empty()) {
        session.schema = schema;
    }
    session.account = row.next().unwrap_or_default();
    let galera = session.ask("SHOW VARIABLES LIKE 'wsrep_on'".to_owned(), &[]).await?;
    session.increment.changes =
        galera.into_iter().flatten().nth(1).flatten().is_some_and(|on| on.eq_ignore_ascii_case("ON"));
    read_step(session).await
}

/// Reads the step from one generated key to the next.
pub(super) async fn read_step(session: &mut MySql) -> Result<(), HisError> {
    let select = "SELECT CAST(@@SESSION.auto_increment_increment AS CHAR)";
    let answer = session.ask(select.to_owned(), &[]).await?;
    session.increment.step =
        answer.into_iter().flatten().flatten().next().and_then(|n| n.parse().ok()).unwrap_or(1);
    Ok(())
}

/// `lock_wait_timeout` is the one for ALTER TABLE and its like, a year by default; the other is `InnoDB`'s for rows.
pub(super) async fn set_lock_time(session: &mut MySql, time: Duration) -> Result<(), HisError> {
    let seconds = time.as_secs().max(1);
    session.say(format!("SET SESSION lock_wait_timeout = {seconds}")).await?;
    match session.say(format!("SET SESSION innodb_lock_wait_timeout = {seconds}")).await {
        Err(error) if error.code == UNKNOWN_VARIABLE => Ok(()),
        answer => answer,
    }
}

/// Finds a wrong host name before sqlx does, so that it can be told apart. Opens no connection: one that is given up
/// counts against `max_connect_errors`.
async fn resolve(network: &Network) -> Result<(), HisError> {
    let found = tokio::net::lookup_host((network.host.as_str(), network.port)).await;
    if found.is_ok_and(|mut all| all.next().is_some()) {
        return Ok(());
    }
    let message = format!(
        "the host name {} has no address: check database.host, or write the IP address there (name resolution may be \
         down as well)",
        network.host
    );
    Err(HisError::plain(FaultClass::Unreachable, "mysql-host", message))
}

async fn establish(network: &Network) -> Result<MySqlConnection, HisError> {
    let options = options(network)?;
    let mode = match network.tls {
        Tls::Off => MySqlSslMode::Disabled,
        Tls::Prefer => MySqlSslMode::Preferred,
        Tls::Require => MySqlSslMode::Required,
        Tls::Verify => MySqlSslMode::VerifyIdentity,
    };
    match attempt(options.clone().ssl_mode(mode)).await {
        Ok(connection) => Ok(connection),
        // rustls refuses TLS 1.0 and 1.1, which is all that 5.5 and 5.6 speak; sqlx's `Preferred` does not fall back.
        Err(Failure::Driver(error)) if network.tls == Tls::Prefer && handshake_failed(&error) => {
            let plain = attempt(options.ssl_mode(MySqlSslMode::Disabled)).await;
            plain.map_err(|failure| refusal(&failure, network))
        }
        Err(failure) => Err(refusal(&failure, network)),
    }
}

fn options(network: &Network) -> Result<MySqlConnectOptions, HisError> {
    // `localhost` is TCP here: sqlx takes a socket only where one is named.
    let mut options = MySqlConnectOptions::new()
        .host(&network.host)
        .port(network.port)
        .username(&network.user)
        .statement_cache_capacity(STATEMENTS_KEPT_MAX)
        // What sqlx would set on its own; the session's settings are all in `settle`.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging();
    if !network.database.is_empty() {
        options = options.database(&network.database);
    }
    // An empty password is sent as none; its hash would be refused.
    let password = network.password.expose();
    if !password.is_empty() {
        options = options.password(password);
    }
    if let Some(path) = network.ca_file.as_deref().filter(|_| network.tls == Tls::Verify) {
        options = options.ssl_ca_from_pem(authorities::read(path, "mysql-ca-file")?);
    }
    Ok(options)
}

/// Why an attempt failed.
enum Failure {
    Driver(sqlx::Error),
    /// sqlx's decoder gave up on what came; it does so by a panic.
    NotMySql,
}

/// In a task of its own, because sqlx panics at a first packet that is not `MySQL`'s (port 33060 sends such). The task ends
/// with the set, and so with the caller's time limit.
async fn attempt(options: MySqlConnectOptions) -> Result<MySqlConnection, Failure> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { options.connect().await });
    match tasks.join_next().await {
        Some(Ok(answer)) => answer.map_err(Failure::Driver),
        Some(Err(_)) | None => Err(Failure::NotMySql),
    }
}

/// Whether a connection without TLS may fare better.
fn handshake_failed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::InvalidData
                | ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::Other
        ),
        _ => false,
    }
}

fn refusal(failure: &Failure, network: &Network) -> HisError {
    let address = address(network);
    let Failure::Driver(error) = failure else { return not_mysql(&address) };
    if let Some(server) = server_error(error) {
        return denied(server.number(), server.message(), network);
    }
    let words = driver_words(error);
    match error {
        sqlx::Error::Io(io) if io.kind() == ErrorKind::InvalidData => untrusted(&words, network),
        sqlx::Error::Tls(_) => untrusted(&words, network),
        sqlx::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused => {
            let message = format!(
                "nothing listens at {address}: is the server up, is database.port right, and does the server listen on \
                 this address (bind-address, skip-networking)"
            );
            HisError::plain(FaultClass::Unreachable, "mysql-refused", message)
        }
        sqlx::Error::Protocol(_) if words.starts_with("unknown authentication plugin") => {
            unknown_plugin(&words, network)
        }
        sqlx::Error::Protocol(_) if words.starts_with("mysql_cleartext_plugin") => {
            unknown_plugin("the account logs in by PAM or LDAP with a password in clear text", network)
        }
        sqlx::Error::Protocol(_) => not_mysql(&address),
        _ => {
            let message = format!("the connection to {address} broke off before the login was done: {words}");
            HisError::plain(FaultClass::Unreachable, "mysql-broken-off", message)
        }
    }
}

fn not_mysql(address: &str) -> HisError {
    let message = format!(
        "what answers at {address} does not speak MySQL's protocol: check database.port (3306 as a rule; 33060 is the X \
         protocol)"
    );
    HisError::plain(FaultClass::Unreachable, "mysql-protocol", message)
}

fn unknown_plugin(words: &str, network: &Network) -> HisError {
    let message = format!(
        "the account {} wants a way to log in that this program does not know ({words}), or there is no such account for \
         this computer; give it a password by mysql_native_password or caching_sha2_password: ALTER USER ... IDENTIFIED \
         WITH ... BY '...' (MySQL), ALTER USER ... IDENTIFIED VIA mysql_native_password USING PASSWORD('...') (MariaDB)",
        network.user
    );
    HisError::plain(FaultClass::Login, "mysql-plugin", message)
}

fn untrusted(words: &str, network: &Network) -> HisError {
    let (kind, advice) = if words.starts_with("invalid peer certificate") {
        (
            "verified",
            "set database.ca_file to the PEM file of the authority that signed the server's certificate (MySQL's own is \
             ca.pem in its data folder; without the setting only the public authorities are known, not those of the \
             system), and in database.host write a name that is in the certificate; or set database.tls to \"require\", \
             which encrypts without checking the certificate",
        )
    } else {
        (
            "encrypted",
            "enable TLS 1.2 or newer on the server (MySQL 5.5 and 5.6 have none), or set database.tls to \"prefer\", \
             which goes on without encryption where it must",
        )
    };
    let message = format!("no {kind} connection to {} could be made ({words}): {advice}", address(network));
    HisError::plain(FaultClass::Login, "mysql-tls", message)
}

/// The server's refusal with what to do. The words of a refused login hold user, host and database, never a value.
fn denied(number: u16, words: &str, network: &Network) -> HisError {
    let (user, database, address) = (&network.user, &network.database, address(network));
    let what = match number {
        1045 | 1698 => format!(
            "the login {user} is refused at {address}: the user or the password is wrong, or the account does not hold \
             for this computer, or it demands TLS; check database.user and database.password"
        ),
        1044 => format!(
            "the login {user} may not use the database {database}: GRANT it there, or correct database.database"
        ),
        1049 => format!("there is no database {database} at {address}: correct database.database"),
        1129 => format!(
            "{address} has blocked this computer after many broken connections: run FLUSH HOSTS there"
        ),
        1130 => format!(
            "{address} lets nobody log in from this computer: create the account for its address there"
        ),
        1251 | 1524 => {
            format!("the server cannot check the password of {user}: ALTER USER with another plugin")
        }
        1820 | 1862 => format!("the password of {user} has expired: set a new one on the server"),
        3118 | 3955 | 4151 => format!("the account {user} is locked: unlock it on the server"),
        3159 => "the server demands TLS: set database.tls to \"prefer\" or \"require\"".to_owned(),
        1040 | 1203 | 1226 => format!("{address} has no connection left"),
        _ => format!("{address} refuses the connection"),
    };
    let class = faults::mysql::while_connecting(number);
    let message = format!("{what} (error {number}: {words})");
    let mut error = HisError::server(class, PRODUCT, number.into(), message, false);
    error.public = format!("{what} (error {number})");
    error
}

/// `host:port`; an IPv6 address in brackets.
fn address(network: &Network) -> String {
    let (host, port) = (&network.host, network.port);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Product and version in words: `MariaDB 10.11.6`, `MySQL 5.6.24`.
fn product(version: &str) -> String {
    // MariaDB 10 and later put this before their own, for replication's sake.
    let own = version.strip_prefix("5.5.5-").unwrap_or(version);
    let number = own.split('-').next().unwrap_or_default();
    let name = if version.to_ascii_lowercase().contains("mariadb") { "MariaDB" } else { PRODUCT };
    format!("{name} {number}")
}

#[cfg(test)]
mod tests {
    use chrono::{Offset, TimeZone, Utc};

    use super::*;
    use crate::config::Secret;

    fn network() -> Network {
        Network {
            host: "his-db".into(),
            port: 3306,
            user: "buktor".into(),
            password: Secret::new("tOp-s3cret".into()),
            database: "his".into(),
            tls: Tls::Verify,
            ca_file: None,
        }
    }

    #[test]
    fn products() {
        fn check(version: &str, expected: &str) {
            assert_eq!(product(version), expected);
        }
        check("10.11.6-MariaDB-0+deb12u1", "MariaDB 10.11.6");
        check("5.5.5-10.4.7-MariaDB-1:10.4.7+maria~bionic", "MariaDB 10.4.7");
        check("5.6.24", "MySQL 5.6.24");
        check("5.5.62-0ubuntu0.14.04.1", "MySQL 5.5.62");
        check("8.0.36-28", "MySQL 8.0.36");
    }

    #[test]
    fn addresses() {
        assert_eq!(address(&network()), "his-db:3306");
        assert_eq!(address(&Network { host: "::1".into(), ..network() }), "[::1]:3306");
    }

    /// What is written into `SET time_zone`.
    #[test]
    fn time_zones_as_the_server_reads_them() {
        fn check(zone: chrono_tz::Tz, month: u32, expected: &str) {
            let at = Utc.with_ymd_and_hms(2026, month, 1, 0, 0, 0).single().expect("a moment");
            assert_eq!(at.with_timezone(&zone).offset().fix().to_string(), expected);
        }
        check(chrono_tz::Asia::Kolkata, 1, "+05:30");
        check(chrono_tz::Europe::Berlin, 1, "+01:00");
        check(chrono_tz::Europe::Berlin, 7, "+02:00");
        check(chrono_tz::America::St_Johns, 1, "-03:30");
        check(chrono_tz::UTC, 1, "+00:00");
    }

    #[test]
    fn refusals_say_what_to_do_and_keep_the_password() {
        fn check(number: u16, class: FaultClass, words: &str) {
            let error = denied(number, "the server's words", &network());
            assert_eq!((error.class, error.code), (class, format!("mysql-{number}")));
            assert!(
                error.message.contains(words) && error.message.contains("the server's words"),
                "{}",
                error.message
            );
            assert!(!error.message.contains("s3cret") && !error.public.contains("s3cret"));
        }
        check(1045, FaultClass::Login, "the password is wrong");
        check(1044, FaultClass::Login, "GRANT it");
        check(1049, FaultClass::Login, "no database his");
        check(1129, FaultClass::Login, "FLUSH HOSTS");
        check(1130, FaultClass::Login, "from this computer");
        check(1524, FaultClass::Login, "another plugin");
        check(1820, FaultClass::Login, "expired");
        check(3118, FaultClass::Login, "locked");
        check(3159, FaultClass::Login, "demands TLS");
        check(1040, FaultClass::Unreachable, "no connection left");
        check(1226, FaultClass::Full, "no connection left");
        check(9999, FaultClass::Unrecognised, "refuses the connection");
    }

    #[test]
    fn failures_of_the_connection() {
        fn check(error: sqlx::Error, class: FaultClass, code: &str, words: &str) {
            let error = refusal(&Failure::Driver(error), &network());
            assert_eq!((error.class, error.code.as_str()), (class, code), "{error}");
            assert!(error.message.contains(words), "{error}");
        }
        let io = |kind: ErrorKind, words: &str| sqlx::Error::Io(std::io::Error::new(kind, words.to_owned()));
        let protocol = |words: &str| sqlx::Error::Protocol(format!("{words} (sqlx_mysql::x:1)"));
        check(
            io(ErrorKind::ConnectionRefused, "no"),
            FaultClass::Unreachable,
            "mysql-refused",
            "nothing listens",
        );
        check(io(ErrorKind::UnexpectedEof, "eof"), FaultClass::Unreachable, "mysql-broken-off", "closed it");
        let untrusted = "invalid peer certificate: UnknownIssuer";
        check(io(ErrorKind::InvalidData, untrusted), FaultClass::Login, "mysql-tls", "set database.ca_file");
        let none = sqlx::Error::Tls("server does not support TLS".into());
        check(none, FaultClass::Login, "mysql-tls", "enable TLS 1.2");
        let plugin = protocol("unknown authentication plugin: client_ed25519");
        check(plugin, FaultClass::Login, "mysql-plugin", "client_ed25519), or there");
        check(protocol("expected 0xff"), FaultClass::Unreachable, "mysql-protocol", "does not speak");
    }

    #[test]
    fn prefer_tries_again_where_tls_is_the_trouble() {
        let io = |kind: ErrorKind| sqlx::Error::Io(kind.into());
        assert!(handshake_failed(&sqlx::Error::Tls("x".into())));
        assert!(handshake_failed(&io(ErrorKind::InvalidData)));
        assert!(handshake_failed(&io(ErrorKind::UnexpectedEof)));
        assert!(!handshake_failed(&io(ErrorKind::ConnectionRefused)));
        assert!(!handshake_failed(&io(ErrorKind::TimedOut)));
        assert!(!handshake_failed(&sqlx::Error::Protocol("x".into())));
    }
}
