//! The configuration, resolved: types that can only be right. `file` mirrors the JSON as written, `shape` and
//! `resolve` turn it into [`Config`] or into every [`Problem`] at once, `locate` knows each key's line.
//! Reads files and environment; never connects anywhere.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use crate::model::mapping::Mappings;

mod addresses;
mod advice;
mod credential;
pub(crate) mod dpapi;
mod file;
mod file_auth;
mod file_mapping;
mod file_shapes;
mod find;
mod keypath;
mod load;
mod locate;
mod problem;
mod resolve;
mod resolve_auth;
mod resolve_database;
mod resolve_field;
mod resolve_mapping;
mod resolve_operation;
mod resolve_queue;
mod resolve_reference;
mod resolve_server;
mod resolve_step;
mod resolve_steps;
mod resolve_target;
mod schema;
mod secret;
mod shape;
mod shaped;
#[cfg(test)]
mod silence_tests;
mod syntax;
#[cfg(test)]
mod tests;
mod words;

pub use credential::name_fault as credential_name_fault;
pub use find::{FILE_NAME, find};
pub use keypath::{KeyPath, plain_path};
pub use locate::Places;
pub use problem::{ConfigError, Problem};
pub(crate) use resolve_database::machine_timezone;
pub use schema::schema;
pub use secret::Secret;
pub(crate) use shaped::read_shaped;
pub use words::schema_of_place;

/// A valid configuration. Paths are absolute.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// The listener.
    pub server: Server,
    /// Who may send.
    pub auth: Auth,
    /// The queue file.
    pub queue: Queue,
    /// When and how much is written to the HIS.
    pub sync: Sync,
    /// The HIS database.
    pub database: Database,
    /// What is written.
    pub mappings: Mappings,
    /// The log.
    pub logging: Logging,
    /// Line and column of every key in the file.
    pub places: Places,
    /// Where its secrets stand.
    pub secrets: SecretPlaces,
}

/// Where secrets stand that others must not read.
#[derive(Clone, Debug, Default)]
pub struct SecretPlaces {
    /// Keys whose secret stands in the configuration itself.
    pub inline: Vec<String>,
    /// Keys whose secret has a file of its own, with the file.
    pub files: Vec<(String, PathBuf)>,
}

impl Config {
    /// Line and column of a key, given as `Step::at` and its like or as a plain dotted path; of its nearest parent
    /// where the file does not have it.
    #[must_use]
    pub fn place(&self, at: &str) -> Option<(usize, usize)> {
        self.places.find(at)
    }
}

/// `server`.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address and port of the listener.
    pub listen: SocketAddr,
    /// Largest request body in bytes.
    pub body_bytes_max: u64,
    /// Connections at a time.
    pub connections_max: usize,
    /// For a request's headers, and for an idle connection.
    pub header_time: Duration,
    /// For a request's body.
    pub body_time: Duration,
    /// Answer 422 to events that nothing maps, and keep nothing.
    pub reject_unmapped: bool,
    /// Connections at a time from one address.
    pub connections_per_address_max: usize,
    /// Requests a second from one address, on average over ten seconds.
    pub requests_per_second_max: u32,
    /// TLS on the listener itself; none for plain HTTP.
    pub tls: Option<ServerTls>,
}

/// `server.tls`.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// The certificate and those of the authorities above it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// `auth`.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Requests that come through a proxy or to another address than loopback need no credentials.
    pub allow_unauthenticated: bool,
    /// Tokens, one of which `Authorization: Bearer` must hold. Several for rotation.
    pub bearer_tokens: Vec<Credential>,
    /// Secrets, by one of which the body must be signed. Several for rotation.
    pub signing_secrets: Vec<Credential>,
    /// Whether a token and a signature are both needed, where both are configured.
    pub require: Require,
    /// Networks from which events are accepted; empty for any.
    pub allowed_addresses: Vec<IpNet>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Auth {
    /// Whether senders must show credentials.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        !self.bearer_tokens.is_empty() || !self.signing_secrets.is_empty()
    }
}

/// A token or signing secret with its name.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What the audit trail calls it.
    pub name: String,
    /// What the sender knows.
    pub secret: Secret,
}

/// Which credentials a request needs, where tokens and signing secrets are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// A token and a signature.
    All,
    /// One of the two.
    Any,
}

/// `queue`.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The queue file.
    pub path: PathBuf,
    /// Unfinished events before the daemon answers 503.
    pub events_max: u64,
    /// Bytes that stay free on the queue's disk.
    pub free_bytes_min: u64,
    /// How long applied events are kept.
    pub keep_applied: Duration,
    /// A damaged file is set aside and a fresh one begun; otherwise the daemon does not start.
    pub replace_damaged: bool,
    /// How long events are kept that wait for an operator (parked, unmapped, conflict); none for ever.
    pub keep_parked: Option<Duration>,
    /// How long the audit trail tells of received events.
    pub keep_audit: Duration,
    /// Payloads are sealed in the file.
    pub encrypt: bool,
    /// With what they are sealed, and unsealed where `encrypt` was on before.
    pub key: QueueKey,
}

/// Where the key of the queue file's payloads is.
#[derive(Clone, Debug)]
pub enum QueueKey {
    /// In this file, which the daemon makes where it is missing and nothing is sealed yet.
    File(PathBuf),
    /// Elsewhere: a credential of systemd, DPAPI, the environment.
    Given(Secret),
}

/// `sync`.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Cron expression with seconds.
    pub schedule: String,
    /// Events of one page at most.
    pub batch_events: usize,
    /// Times of day, in the database's zone, in which nothing is written: from (inclusive), to (exclusive); may pass midnight.
    pub quiet_hours: Vec<(chrono::NaiveTime, chrono::NaiveTime)>,
}

/// `database`.
#[derive(Clone, Debug)]
pub struct Database {
    /// Type and what belongs to it alone.
    pub engine: Engine,
    /// Zone of the HIS's local times.
    pub timezone: chrono_tz::Tz,
    /// For connecting and logging in.
    pub connect_time: Duration,
    /// For one statement.
    pub statement_time: Duration,
    /// For a lock, in whole seconds.
    pub lock_time: Duration,
}

/// A database type with its connection.
#[derive(Clone, Debug)]
pub enum Engine {
    /// `MySQL` and `MariaDB`.
    MySql(Network),
    /// SQL Server.
    SqlServer(SqlServer),
    /// Oracle.
    Oracle(Oracle),
    /// The embedded HIS: a `SQLite` file.
    Sqlite {
        /// The file; it must exist.
        path: PathBuf,
    },
}

/// A database reached over the network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Login.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Database (schema) on the server.
    pub database: String,
    /// How far the connection must be encrypted.
    pub tls: Tls,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// SQL Server's place and login.
#[derive(Clone, Debug)]
pub struct SqlServer {
    /// Host name or address.
    pub host: String,
    /// Where on that host it listens.
    pub at: SqlServerAt,
    /// Who logs in.
    pub login: SqlServerLogin,
    /// Database on the server.
    pub database: String,
    /// Schema of tables that a mapping names without one; none for the login's own.
    pub schema: Option<String>,
    /// How far the connection must be encrypted.
    pub tls: Tls,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where on its host a SQL Server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlServerAt {
    /// At this port.
    Port(u16),
    /// Where the SQL Browser says that this instance listens.
    Instance(String),
}

/// Who logs in to SQL Server.
#[derive(Clone, Debug)]
pub enum SqlServerLogin {
    /// A login of SQL Server's own.
    Sql {
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// The Windows account that the daemon runs as; on Windows alone.
    Windows,
}

/// Oracle's place and login.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// Where it is.
    pub address: OracleAddress,
    /// User.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Schema of tables that a mapping names without one; none for the user's own.
    pub schema: Option<String>,
    /// Folder of Oracle's client library; none to look where the system looks.
    pub client_dir: Option<PathBuf>,
}

/// How Oracle is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OracleAddress {
    /// By a listener.
    Listener {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// What it is asked for.
        target: OracleTarget,
        /// How far the connection must be encrypted: `Off` and `Prefer` are TCP, `Require` and `Verify` TCPS.
        tls: Tls,
    },
    /// As Oracle's client reads it: a descriptor, a TNS alias or `//host:port/service`.
    ConnectString(String),
}

/// What Oracle's listener is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OracleTarget {
    /// A service.
    Service(String),
    /// A SID.
    Sid(String),
}

/// `database.tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    Off,
    /// Where the server can; the certificate is not checked.
    Prefer,
    /// Always; the certificate is not checked.
    Require,
    /// Always, with the certificate and its host name checked.
    Verify,
}

/// `logging`.
#[derive(Clone, Debug)]
pub struct Logging {
    /// Least level that is logged.
    pub level: tracing::Level,
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Folder of the daily files; none where `logging.directory` is null.
    pub directory: Option<PathBuf>,
    /// Daily files that are kept.
    pub keep_days: usize,
}
