//! How far the connection to SQL Server is encrypted: all of it, the login alone, nothing; in that order, and only as far
//! down as `database.tls` allows. Each step is a connection of its own. A step down follows from a failure of encryption
//! alone, never from a refused login.

use std::{io::ErrorKind, time::Duration};

use tiberius::{AuthMethod, Client, Config, EncryptionLevel, error::Error};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::{
    connect::{Target, reach},
    driver_words, refused,
    settle::Facts,
};
use crate::{
    config::{SqlServer as Place, SqlServerLogin, Tls},
    his::{HisError, authorities},
    model::outcome::FaultClass,
};

/// Bytes of a packet: what other clients ask for.
const PACKET_BYTES: u32 = 8000;
/// Words of tiberius where the server does not encrypt so much.
const DECLINED: &str = "encryption level";
/// Words of its decoder where the connection ended within what should have been a packet.
const ODD_PACKET: &str = "bytes remaining on stream";
/// How much of the time for connecting the encryption of the login may take, where the server has just declined more: one
/// that has no encryption at all may well wait for ever for the end of what it does not understand.
const DECLINED_SHARE: u32 = 3;
/// A name that no certificate has: where `tls` is `off`, a server that encrypts all the same is noticed.
const NO_NAME: &str = "off.invalid";

/// How a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// All of it.
    Whole,
    /// The login alone, and why no more.
    Login(String),
    /// Nothing; why, where it is not what the configuration says.
    Nothing(Option<String>),
}

/// What came of it.
pub(super) enum Climbed {
    There(Box<Client<Compat<TcpStream>>>, Cover),
    /// The server sends on to another one.
    SentOn(Target),
}

impl Cover {
    /// What of it is not as the configuration would have it.
    pub(super) fn words(&self, facts: &Facts) -> Option<String> {
        let (what, why) = match self {
            Self::Whole | Self::Nothing(None) => return None,
            Self::Login(why) => (
                "of the connection to the HIS database the login alone is encrypted, the data of patients is not",
                why,
            ),
            Self::Nothing(Some(why)) => (
                "the connection to the HIS database is not encrypted: the password can be read on the way (SQL Server only \
                 scrambles it), and the data of patients too",
                why,
            ),
        };
        Some(format!("{what}; the attempt to encrypt it failed: {why}. {}", cure(facts)))
    }

    /// What is to be said about it where somebody asks.
    pub(super) fn remark(&self, facts: &Facts) -> Option<String> {
        if *self == Self::Nothing(None) { Some(OFF.to_owned()) } else { self.words(facts) }
    }
}

/// What the configuration itself has chosen.
const OFF: &str = "the connection to the HIS database is not encrypted, because database.tls is \"off\": the password can be \
                   read on the way (SQL Server only scrambles it), and the data of patients too. \"prefer\" encrypts what the \
                   server can";

/// What would help against an old TLS.
fn cure(facts: &Facts) -> &'static str {
    match facts.version() {
        Some(version) if version >= (13, 0) => {
            "The server can do TLS 1.2: let its administrator allow that in Windows (SCHANNEL) and look at its certificate"
        }
        Some((12, _)) => "SQL Server 2014 learns TLS 1.2 by service pack 3",
        Some((11, _)) => "SQL Server 2012 learns TLS 1.2 by service pack 4",
        Some((10, _)) => {
            "SQL Server 2008 and 2008 R2 learn TLS 1.2 by service pack 4 (2008) or 3 (2008 R2) and the update KB3135244"
        }
        _ => {
            "TLS 1.2 comes with SQL Server 2016 SP1 and later, and with updates for 2008 to 2014 (KB3135244)"
        }
    }
}

/// Connects and logs in.
pub(super) async fn climb(
    place: &Place,
    target: &Target,
    connect_time: Duration,
) -> Result<Climbed, HisError> {
    let steps: &[EncryptionLevel] = match place.tls {
        Tls::Off => &[EncryptionLevel::NotSupported],
        Tls::Prefer => &[EncryptionLevel::Required, EncryptionLevel::Off, EncryptionLevel::NotSupported],
        Tls::Require | Tls::Verify => &[EncryptionLevel::Required],
    };
    let mut first: Option<Failure> = None;
    for step in steps {
        let attempt = attempt(config(place, target, *step)?, reach(place, target).await?);
        let limit = if *step == EncryptionLevel::Off { connect_time / DECLINED_SHARE } else { Duration::MAX };
        match timeout(limit, attempt).await.unwrap_or(Err(Failure::Silent)) {
            Ok(client) => {
                let why = first.map(|failure| failure.words());
                let cover = match step {
                    EncryptionLevel::Required => Cover::Whole,
                    EncryptionLevel::Off => Cover::Login(why.unwrap_or_default()),
                    _ => Cover::Nothing(why),
                };
                return Ok(Climbed::There(Box::new(client), cover));
            }
            Err(Failure::Driver(Error::Routing { host, port })) => {
                return Ok(Climbed::SentOn(Target { host, port }));
            }
            Err(failure) if failure.is_of_encryption() => drop(first.get_or_insert(failure)),
            Err(failure) => return Err(failure.told(place)),
        }
    }
    // The first one says the most: what follows it only tried to do without.
    Err(first.map_or_else(|| refused::not_sql_server(place), |failure| failure.told(place)))
}

fn config(place: &Place, target: &Target, step: EncryptionLevel) -> Result<Config, HisError> {
    let mut config = Config::new();
    config.host(&target.host);
    config.port(target.port);
    if !place.database.is_empty() {
        config.database(&place.database);
    }
    config.application_name(env!("CARGO_PKG_NAME"));
    config.packet_size(PACKET_BYTES);
    config.authentication(authentication(place)?);
    config.encryption(step);
    match (place.tls, place.ca_file.as_deref()) {
        (Tls::Off, _) => config.hostname_in_certificate(NO_NAME),
        (Tls::Verify, Some(path)) => {
            config.trust_cert_ca_bundle(authorities::read(path, "sqlserver-ca-file")?);
        }
        (Tls::Verify, None) => {}
        (Tls::Prefer | Tls::Require, _) => config.trust_cert(),
    }
    // Time is kept here, for connecting and for each call.
    config.handshake_timeout(None);
    config.command_timeout(None);
    // Half an emoji, which only another program can have written, is no reason to lose the connection.
    config.lossy_utf16_decoding(true);
    Ok(config)
}

fn authentication(place: &Place) -> Result<AuthMethod, HisError> {
    match &place.login {
        SqlServerLogin::Sql { user, password } => Ok(AuthMethod::sql_server(user, password.expose())),
        #[cfg(windows)]
        SqlServerLogin::Windows => Ok(AuthMethod::Integrated),
        #[cfg(not(windows))]
        SqlServerLogin::Windows => Err(no_windows()),
    }
}

/// That a Windows account is wanted where there is none.
#[cfg(not(windows))]
fn no_windows() -> HisError {
    HisError::plain(
        FaultClass::Login,
        "sqlserver-windows-login",
        "a Windows login is possible where this program runs on Windows alone: set database.user and database.password to a \
         login of SQL Server's own (\"SQL Server and Windows Authentication mode\" must be on there)",
    )
}

/// Why an attempt failed.
pub(super) enum Failure {
    Driver(Error),
    /// The driver's decoder gave up on what came; it does so by a panic.
    NotSqlServer,
    /// Nothing came within the time of that step.
    Silent,
}

/// In a task of its own, because tiberius may panic at a first packet that is not SQL Server's. The task ends with the set,
/// and so with the caller's time limit.
async fn attempt(config: Config, stream: TcpStream) -> Result<Client<Compat<TcpStream>>, Failure> {
    let mut tasks = JoinSet::new();
    tasks.spawn(Client::connect(config, stream.compat_write()));
    match tasks.join_next().await {
        Some(Ok(Err(Error::Io { message, .. }))) if message.contains(ODD_PACKET) => {
            Err(Failure::NotSqlServer)
        }
        Some(Ok(answer)) => answer.map_err(Failure::Driver),
        Some(Err(_)) | None => Err(Failure::NotSqlServer),
    }
}

impl Failure {
    /// Whether a connection with less encryption may fare better.
    pub(super) fn is_of_encryption(&self) -> bool {
        match self {
            Self::Silent | Self::Driver(Error::Tls(_)) => true,
            Self::Driver(Error::Protocol(words)) => words.contains(DECLINED),
            Self::Driver(Error::Io { kind, .. }) => matches!(
                kind,
                ErrorKind::InvalidData
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::Other
            ),
            Self::Driver(_) | Self::NotSqlServer => false,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Driver(Error::Tls(words)) => certificate(words),
            Self::Driver(Error::Protocol(words)) if words.contains(DECLINED) => {
                "the server offers none".to_owned()
            }
            Self::Driver(error) => driver_words(error),
            Self::NotSqlServer => "no answer of SQL Server's".to_owned(),
            Self::Silent => "no answer".to_owned(),
        }
    }

    fn told(&self, place: &Place) -> HisError {
        match self {
            Self::Driver(Error::Server(error)) => refused::denied(error, place),
            Self::Driver(error) => refused::broken_off(place, error, &self.words(), self.is_of_encryption()),
            Self::NotSqlServer | Self::Silent => refused::not_sql_server(place),
        }
    }
}

/// What is wrong with a certificate, in words for people; tiberius' own advice, which is for programmers, left out.
fn certificate(words: &str) -> String {
    let known = [
        ("certificate expired", "the server's certificate has expired and must be renewed"),
        (
            "certificate not valid yet",
            "the server's certificate is not valid yet: is this computer's clock right",
        ),
        (
            "CaUsedAsEndEntity",
            "the server shows a certificate that is an authority's own (CA:TRUE, as some tools make them), which is never \
             accepted as a server's: have one made without that",
        ),
        ("UnknownIssuer", "the server's certificate is signed by nobody whom this computer trusts"),
    ];
    match known.iter().find(|(mark, _)| words.contains(mark)) {
        Some((_, told)) => (*told).to_owned(),
        None => words.split(" To connect anyway").next().unwrap_or(words).trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_of_encryption_leads_down() {
        fn check(error: &Error, expected: bool) {
            assert_eq!(Failure::Driver(error.clone()).is_of_encryption(), expected, "{error}");
        }
        let io = |kind| Error::Io { kind, message: "why".into() };
        check(&Error::Tls("x".into()), true);
        check(&io(ErrorKind::InvalidData), true);
        check(&io(ErrorKind::UnexpectedEof), true);
        check(&io(ErrorKind::ConnectionRefused), false);
        check(&io(ErrorKind::TimedOut), false);
        check(&Error::Protocol("Server does not allow the requested encryption level.".into()), true);
        check(&Error::Protocol("invalid token type 48".into()), false);
        assert!(!Failure::NotSqlServer.is_of_encryption());
    }

    #[test]
    fn less_than_all_is_told_with_a_cure() {
        fn check(cover: &Cover, version: Option<&str>, expected: &[&str]) {
            let facts = Facts { product_version: version.map(str::to_owned), ..Facts::default() };
            let words = cover.words(&facts);
            assert_eq!(words.is_none(), expected.is_empty(), "{words:?}");
            for part in expected {
                assert!(words.as_ref().is_some_and(|words| words.contains(part)), "{words:?}");
            }
        }
        check(&Cover::Whole, Some("15.0"), &[]);
        check(&Cover::Nothing(None), Some("15.0"), &[]);
        let off = Cover::Nothing(None).remark(&Facts::default());
        assert!(off.is_some_and(|words| words.contains("the password can be read")));
        assert_eq!(Cover::Whole.remark(&Facts::default()), None);
        let login = Cover::Login("peer is incompatible".into());
        check(&login, Some("15.0"), &["the login alone", "peer is incompatible", "SCHANNEL"]);
        let nothing = Cover::Nothing(Some("why".into()));
        check(&nothing, Some("10.50"), &["password can be read", "KB3135244"]);
        check(&nothing, None, &["2016 SP1"]);
    }

    fn place(port: u16) -> Place {
        Place {
            host: "127.0.0.1".into(),
            at: crate::config::SqlServerAt::Port(port),
            login: SqlServerLogin::Sql {
                user: "sa".into(),
                password: crate::config::Secret::new("x".to_owned()),
            },
            database: String::new(),
            schema: None,
            tls: Tls::Prefer,
            ca_file: None,
        }
    }

    /// A server that has no encryption, and waits for a login while it gets a TLS handshake.
    #[tokio::test]
    async fn a_server_without_encryption_is_not_waited_for() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut packet = [0; 4096];
                let _ = stream.read(&mut packet).await;
                // VERSION and ENCRYPTION = NOT_SUP.
                let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 255, 14, 0, 0, 0, 0, 0, 2];
                let header = [4, 1, 0, 26, 0, 0, 1, 0];
                stream.write_all(&[&header[..], &options].concat()).await.expect("a client");
                let _ = stream.read(&mut packet).await;
                if packet[0] == 0x12 {
                    silent.push(stream);
                }
            }
        });
        let place = place(port);
        let target = Target { host: place.host.clone(), port };
        let climbed = timeout(Duration::from_secs(4), climb(&place, &target, Duration::from_secs(3))).await;
        assert!(climbed.is_ok_and(|climbed| climbed.is_err()));
    }

    #[tokio::test]
    async fn another_programs_port_is_told() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        for tls in [Tls::Off, Tls::Prefer, Tls::Require] {
            let place = Place { tls, ..place(port) };
            let target = Target { host: place.host.clone(), port };
            let climbed = climb(&place, &target, Duration::from_secs(3)).await;
            assert!(climbed.is_err_and(|error| error.code == "sqlserver-protocol"), "{tls:?}");
        }
    }

    #[test]
    fn advice_for_programmers_is_left_out() {
        let check = |why: &str, expected: &str| {
            let words =
                format!("the server's certificate was rejected: {why}. To connect anyway you can: (1)");
            assert_eq!(certificate(&words), expected);
        };
        check("odd", "the server's certificate was rejected: odd");
        check("UnknownIssuer", "the server's certificate is signed by nobody whom this computer trusts");
        check(
            "certificate expired: verification time 7",
            "the server's certificate has expired and must be renewed",
        );
        assert_eq!(certificate("other"), "other");
    }
}
