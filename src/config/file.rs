//! `his-config.json` as it is written: plain structs, one for each object, nothing checked. The comments here are
//! the descriptions that an editor shows through the JSON Schema. What is decoded has passed `shape` before.

#![expect(clippy::doc_markdown, reason = "these comments are shown by editors as plain text")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use crate::config::{
    file_auth::{Auth, CredentialText, Require, SecretFrom, SecretText, ServerTls},
    file_mapping::Mapping,
    file_shapes::OneOrMany,
};
use crate::limits::{
    BATCH_EVENTS_DEFAULT, BATCH_EVENTS_MAX, BODY_KIB_DEFAULT, BODY_KIB_MAX, BODY_TIME_DEFAULT,
    CONNECT_TIMEOUT_S_DEFAULT, CONNECTIONS_DEFAULT, CONNECTIONS_PER_ADDRESS_DEFAULT, HEADER_TIME_DEFAULT,
    KEEP_APPLIED_DAYS_DEFAULT, KEEP_AUDIT_DAYS_DEFAULT, LOCK_TIMEOUT_S_DEFAULT, LOG_DAYS_DEFAULT,
    QUEUE_EVENTS_DEFAULT, QUEUE_FREE_MIB_DEFAULT, REQUESTS_PER_SECOND_DEFAULT, STATEMENT_TIMEOUT_S_DEFAULT,
};

/// What `server.max_connections` may be set to at most.
const CONNECTIONS_MAX: u64 = 10_000;
/// What `server.max_requests_per_second` may be set to at most.
const REQUESTS_PER_SECOND_MAX: u32 = 1_000_000;
/// What `server.header_timeout_s` and `server.body_timeout_s` may be set to at most.
const REQUEST_TIME_S_MAX: u64 = 600;
/// What `queue.max_events` may be set to at most.
const QUEUE_EVENTS_MAX: u64 = 1_000_000_000;
/// What `queue.min_free_mb` may be set to at most, in MiB.
const QUEUE_FREE_MIB_MAX: u64 = 1024 * 1024;
/// What `queue.keep_applied_days` and its like, and `logging.keep_days` may be set to at most.
const KEEP_DAYS_MAX: u64 = 3650;
/// What `database.connect_timeout_s` may be set to at most.
const CONNECT_TIMEOUT_S_MAX: u64 = 300;
/// What `database.statement_timeout_s` and `database.lock_timeout_s` may be set to at most.
const STATEMENT_TIMEOUT_S_MAX: u64 = 3600;

/// What `server.listen` defaults to.
pub(crate) const LISTEN_DEFAULT: &str = "127.0.0.1:5000";
/// What `sync.schedule` defaults to.
pub(crate) const SCHEDULE_DEFAULT: &str = "*/5 * * * * *";
/// What `database.port` defaults to for MySQL and MariaDB.
pub(crate) const MYSQL_PORT_DEFAULT: u16 = 3306;
/// What `database.port` defaults to for SQL Server.
pub(crate) const SQLSERVER_PORT_DEFAULT: u16 = 1433;
/// What `database.port` defaults to for Oracle.
pub(crate) const ORACLE_PORT_DEFAULT: u16 = 1521;

/// The configuration of buktor-middleware. Only "database" and "mapping" are required; everything else has
/// defaults that suit a small hospital. Relative paths are relative to this file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["database", "mapping"]))]
pub(crate) struct File {
    /// Where this file's JSON Schema is, for editors that check and complete it. The program does not read it.
    #[serde(rename = "$schema")]
    #[expect(dead_code, reason = "editors read it; the program only lets it stand")]
    pub(crate) schema: Option<String>,
    /// The listener that receives Buktor's events.
    pub(crate) server: Option<Server>,
    /// Who may send events.
    pub(crate) auth: Option<Auth>,
    /// The queue file, in which every event is kept before it is answered.
    pub(crate) queue: Option<Queue>,
    /// When, and how much at a time, is written to the HIS database.
    pub(crate) sync: Option<Sync>,
    /// The HIS database.
    pub(crate) database: Option<Database>,
    /// Which HIS table and columns each event type is written to. Each key is an event type: "appointment", or
    /// with its operation, "appointment.created".
    pub(crate) mapping: Option<BTreeMap<String, Mapping>>,
    /// The program's log.
    pub(crate) logging: Option<Logging>,
}

/// The listener that receives Buktor's events.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port. Another address than 127.0.0.1 needs credentials ("auth": bearer_tokens or signing_secrets),
    /// or "allow_unauthenticated": true.
    #[schemars(extend("default" = LISTEN_DEFAULT))]
    pub(crate) listen: Option<String>,
    /// Largest accepted event, in KiB (1024 bytes).
    #[schemars(range(min = 1, max = BODY_KIB_MAX), extend("default" = BODY_KIB_DEFAULT))]
    pub(crate) max_body_kb: Option<u64>,
    /// Connections that are served at a time. For a further one, that is cut which has kept its request back longest.
    #[schemars(range(min = 1, max = CONNECTIONS_MAX), extend("default" = CONNECTIONS_DEFAULT))]
    pub(crate) max_connections: Option<u64>,
    /// Of these, connections from one address (where a proxy is in front of this program, all are the proxy's).
    /// Default: three quarters of max_connections.
    #[schemars(range(min = 1, max = CONNECTIONS_MAX), extend("default" = CONNECTIONS_PER_ADDRESS_DEFAULT))]
    pub(crate) max_connections_per_address: Option<u64>,
    /// Requests a second from one address, on average over ten seconds; further ones are answered with 429 (try again
    /// later).
    #[schemars(range(min = 1, max = REQUESTS_PER_SECOND_MAX), extend("default" = REQUESTS_PER_SECOND_DEFAULT))]
    pub(crate) max_requests_per_second: Option<u64>,
    /// Seconds that a sender may take for a request's headers; also how long an idle connection is kept.
    #[schemars(range(min = 1, max = REQUEST_TIME_S_MAX), extend("default" = HEADER_TIME_DEFAULT.as_secs()))]
    pub(crate) header_timeout_s: Option<u64>,
    /// Seconds that a sender may take for a request's body.
    #[schemars(range(min = 1, max = REQUEST_TIME_S_MAX), extend("default" = BODY_TIME_DEFAULT.as_secs()))]
    pub(crate) body_timeout_s: Option<u64>,
    /// What happens to an event of a type that nothing maps.
    #[schemars(extend("default" = "keep"))]
    pub(crate) unmapped: Option<Unmapped>,
    /// TLS (https) on this listener itself, where no proxy in front of it has it. null: none.
    #[schemars(extend("x-null" = true))]
    pub(crate) tls: Option<ServerTls>,
}

/// What happens to an event of a type that nothing maps.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unmapped {
    /// It is kept, counted, and written once the configuration maps it.
    Keep,
    /// It is answered with 422 and not kept.
    Reject,
}

/// The queue file, in which every event is kept before it is answered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queue {
    /// The queue file, on a local disk (not a network share). Default: buktor-queue.db in the folder that systemd
    /// gives the service ($STATE_DIRECTORY), else beside this file. On Windows write \\ or / in paths.
    #[schemars(extend("examples" = ["buktor-queue.db"]))]
    pub(crate) path: Option<String>,
    /// Events that may wait to be written before further ones are answered with 503 (try again later).
    #[schemars(range(min = 1, max = QUEUE_EVENTS_MAX), extend("default" = QUEUE_EVENTS_DEFAULT))]
    pub(crate) max_events: Option<u64>,
    /// MiB that stay free on the queue file's disk; with less, events are answered with 503 (try again later).
    #[schemars(range(min = 0, max = QUEUE_FREE_MIB_MAX), extend("default" = QUEUE_FREE_MIB_DEFAULT))]
    pub(crate) min_free_mb: Option<u64>,
    /// Days that events are kept after they were written to the HIS. In this time a repeated event is recognised.
    #[schemars(range(min = 1, max = KEEP_DAYS_MAX), extend("default" = KEEP_APPLIED_DAYS_DEFAULT))]
    pub(crate) keep_applied_days: Option<u64>,
    /// What happens at start when the queue file is damaged.
    #[schemars(extend("default" = "stop"))]
    pub(crate) on_damage: Option<OnDamage>,
    /// Days that events are kept which wait for somebody (parked, unmapped, conflict), counted from their arrival.
    /// null: until somebody retries or discards them.
    #[schemars(range(min = 1, max = KEEP_DAYS_MAX), extend("x-null" = true, "examples" = [90]))]
    pub(crate) keep_parked_days: Option<u64>,
    /// Days that the audit trail tells which events came, from whom, and who changed something.
    #[schemars(range(min = 1, max = KEEP_DAYS_MAX), extend("default" = KEEP_AUDIT_DAYS_DEFAULT))]
    pub(crate) keep_audit_days: Option<u64>,
    /// Encrypt the events in the queue file.
    #[schemars(extend("default" = false))]
    pub(crate) encrypt: Option<bool>,
    /// With "encrypt": where the key is, which has at least 32 characters: { "file": "PATH" }, { "credential": "NAME" },
    /// { "dpapi": "BASE64" } or { "env": "NAME" }. A file that is not there is made. Without the key nobody can read
    /// the events, so keep a copy in another place. Default: a file beside the queue file, with the ending .key.
    pub(crate) key: Option<SecretFrom>,
}

/// What happens at start when the queue file is damaged.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnDamage {
    /// The program says so and does not start, so that somebody decides.
    Stop,
    /// The damaged file is set aside, and the program starts with a fresh one.
    StartFresh,
}

/// When, and how much at a time, is written to the HIS database.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sync {
    /// When waiting events are written: a cron expression with seconds first ("second minute hour day month
    /// weekday").
    #[schemars(extend("default" = SCHEDULE_DEFAULT))]
    pub(crate) schedule: Option<String>,
    /// Events that are taken from the queue at a time.
    #[schemars(range(min = 1, max = BATCH_EVENTS_MAX), extend("default" = BATCH_EVENTS_DEFAULT))]
    pub(crate) batch_events: Option<u64>,
    /// Times of day, in the database's time zone, in which nothing is written to the HIS: one, or a list. Events
    /// are still accepted. A time may pass midnight.
    #[schemars(extend("default" = [], "examples" = [["13:00-14:00"], ["23:30-04:00"]]))]
    pub(crate) quiet_hours: Option<OneOrMany<String>>,
}

/// The HIS database.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["type"]))]
#[expect(clippy::struct_field_names, reason = "the names are those of the file")]
pub(crate) struct Database {
    /// The kind of database.
    #[serde(rename = "type")]
    pub(crate) kind: Option<DatabaseType>,
    /// Name or address of the database server, also as host:port; with SQL Server also as host,port or HOST\INSTANCE
    /// (in JSON a backslash is written twice); with Oracle also as host:port/service or host:port:sid.
    #[schemars(extend("examples" = ["192.168.1.20", "HIS-SERVER\\SQLEXPRESS"]))]
    pub(crate) host: Option<String>,
    /// Port of the database server. Default: 3306 (MySQL), 1433 (SQL Server), 1521 (Oracle).
    #[schemars(range(min = 1, max = u16::MAX),
        extend("examples" = [MYSQL_PORT_DEFAULT, SQLSERVER_PORT_DEFAULT, ORACLE_PORT_DEFAULT]))]
    pub(crate) port: Option<u64>,
    /// SQL Server alone: the named instance, in place of a port. The SQL Server Browser is asked for its port.
    #[schemars(extend("examples" = ["SQLEXPRESS"]))]
    pub(crate) instance: Option<String>,
    /// The login. It needs SELECT, INSERT, UPDATE (and DELETE, where a mapping deletes) on the mapped tables.
    #[schemars(extend("examples" = ["buktor"]))]
    pub(crate) user: Option<String>,
    /// The login's password: the text itself, { "env": "NAME" }, { "file": "PATH" }, { "credential": "NAME" } (systemd) or
    /// { "dpapi": "BASE64" } (Windows).
    pub(crate) password: Option<SecretText>,
    /// SQL Server alone, and only where this program runs on Windows: true to log in as the Windows account that it
    /// runs as, in place of user and password.
    #[schemars(extend("default" = false))]
    pub(crate) windows_login: Option<bool>,
    /// Name of the database on the server; with Oracle the name of the service.
    #[schemars(extend("examples" = ["his_database"]))]
    pub(crate) database: Option<String>,
    /// SQL Server and Oracle: the schema of tables that a mapping names without one. Default: the login's own.
    #[schemars(extend("examples" = ["dbo"]))]
    pub(crate) schema: Option<String>,
    /// Oracle alone: the SID, in place of database (the service name).
    #[schemars(extend("examples" = ["ORCL"]))]
    pub(crate) sid: Option<String>,
    /// Oracle alone, in place of host, port, database and sid: a connect descriptor in parentheses, an alias of
    /// tnsnames.ora, or //host:port/service. Without user and password.
    #[schemars(extend("examples" = ["(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=192.168.1.20)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=HIS)))"]))]
    pub(crate) connect_string: Option<String>,
    /// Oracle alone: the folder of Oracle's client library (Instant Client). Default: this program's own folder, else
    /// where the system looks for libraries.
    #[schemars(extend("examples" = ["instantclient"]))]
    pub(crate) client_dir: Option<String>,
    /// How far the connection is encrypted. With Oracle "off" and "prefer" are TCP, "require" and "verify" TCPS.
    #[schemars(extend("default" = "prefer"))]
    pub(crate) tls: Option<Tls>,
    /// With "tls": "verify": a file with the certificate (PEM) of the authority that signed the server's, where the
    /// system does not know it. null: none. Not with Oracle, whose client reads a wallet.
    #[schemars(extend("x-null" = true))]
    pub(crate) ca_file: Option<String>,
    /// Time zone of the HIS's dates and times, by its IANA name. Default: the machine's.
    #[schemars(extend("examples" = ["Asia/Kolkata"]))]
    pub(crate) timezone: Option<String>,
    /// Seconds that connecting and logging in may take.
    #[schemars(range(min = 1, max = CONNECT_TIMEOUT_S_MAX), extend("default" = CONNECT_TIMEOUT_S_DEFAULT))]
    pub(crate) connect_timeout_s: Option<u64>,
    /// Seconds that one statement may take.
    #[schemars(range(min = 1, max = STATEMENT_TIMEOUT_S_MAX), extend("default" = STATEMENT_TIMEOUT_S_DEFAULT))]
    pub(crate) statement_timeout_s: Option<u64>,
    /// Seconds to wait for a row that the HIS has locked, before trying again later. At most statement_timeout_s.
    #[schemars(range(min = 1, max = STATEMENT_TIMEOUT_S_MAX), extend("default" = LOCK_TIMEOUT_S_DEFAULT))]
    pub(crate) lock_timeout_s: Option<u64>,
    /// SQLite alone: the database file. It must exist.
    #[schemars(extend("examples" = ["his.db"]))]
    pub(crate) path: Option<String>,
}

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DatabaseType {
    /// MySQL 5.5 and later, MariaDB 10 and later.
    MySql,
    /// Microsoft SQL Server 2008 R2 and later.
    SqlServer,
    /// Oracle 11g R2 and later. Oracle's own client library is needed.
    Oracle,
    /// An SQLite file, for trials.
    Sqlite,
}

/// How far the connection is encrypted.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tls {
    /// Never.
    Off,
    /// Where the server can; its certificate is not checked.
    Prefer,
    /// Always; its certificate is not checked.
    Require,
    /// Always, and the server's certificate and name are checked.
    Verify,
}

/// The program's log.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logging {
    /// What is logged: this level and the ones before it.
    #[schemars(extend("default" = "info"))]
    pub(crate) level: Option<Level>,
    /// How a line is written.
    #[schemars(extend("default" = "text"))]
    pub(crate) format: Option<LogFormat>,
    /// Folder of the daily log files. Default: the folder that systemd gives the service ($LOGS_DIRECTORY), else
    /// "logs" beside this file. null: no files.
    #[serde(default, deserialize_with = "crate::config::file_shapes::present")]
    #[schemars(extend("x-null" = true, "examples" = ["logs"]))]
    #[expect(clippy::option_option, reason = "null means no files, absence means the default")]
    pub(crate) directory: Option<Option<String>>,
    /// Days that log files are kept.
    #[schemars(range(min = 1, max = KEEP_DAYS_MAX), extend("default" = LOG_DAYS_DEFAULT))]
    pub(crate) keep_days: Option<u64>,
}

/// What is logged: this level and the ones before it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// What somebody must see to.
    Error,
    /// What went wrong and mended itself.
    Warn,
    /// Start, stop, and a line for each time that something was written.
    Info,
    /// A line for each event.
    Debug,
    /// Everything.
    Trace,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}
