//! Connecting to Oracle: the connect string, the session's settings, and what the server is asked about itself. No message
//! here ever holds the password.

use std::{path::PathBuf, time::Duration};

use chrono::FixedOffset;
use oracle::{Connection, Connector, Error, ErrorKind};

use super::{Oracle, client, fault, refusal, thread::Thread};
use crate::{
    config::{Database, Oracle as Place, OracleAddress, OracleTarget, Secret, Tls},
    his::{HisError, faults, zone},
    model::outcome::FaultClass,
};

/// Statements that the client keeps parsed.
const STATEMENTS_KEPT_MAX: u32 = 64;
/// "could not resolve the connect identifier": the short form of an address is switched off in a sqlnet.ora.
const UNRESOLVED: i32 = 12_154;
/// "user does not exist", of a schema.
const NO_SCHEMA: i32 = 1435;
/// The version that a server is taken for that does not tell it.
const OLDEST: (i32, i32) = (11, 2);
/// How the program calls itself in `V$SESSION`.
const MODULE: &str = "buktor-middleware";

/// Settings of the session, beside its time zone: texts that the HIS's own triggers make of numbers and dates, and the
/// comparison of keys, do not depend on the computer's language then.
const SETTINGS: [&str; 7] = [
    "NLS_NUMERIC_CHARACTERS = '.,'",
    "NLS_CALENDAR = 'GREGORIAN'",
    "NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
    "NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9'",
    "NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'",
    "NLS_SORT = 'BINARY'",
    "NLS_COMP = 'BINARY'",
];

/// What is known of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Version of the server: 19, 3.
    pub(super) version: (i32, i32),
    /// Version of the client library.
    pub(super) client: (i32, i32),
    /// Who is logged in, as the catalog spells it.
    pub(super) user: String,
    /// Owner of tables that are named without one.
    pub(super) schema: String,
    /// `NLS_CHARACTERSET`.
    pub(super) charset: String,
    /// The client cuts calls that take too long by itself.
    pub(super) call_time: bool,
}

impl Facts {
    /// Each row of array DML tells how many rows it matched.
    pub(super) fn counts_rows(&self) -> bool {
        self.version >= (12, 1) && self.client >= (12, 1)
    }
}

/// All that the thread needs to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: OracleAddress,
    user: String,
    password: Secret,
    schema: Option<String>,
    client_dir: Option<PathBuf>,
    connect_time: Duration,
    statement_time: Duration,
    offset: FixedOffset,
}

/// Connects and prepares the session, within `connect_time`.
pub(super) async fn open(database: &Database, place: &Place) -> Result<Oracle, HisError> {
    let offset = zone::offset_now(database.timezone);
    let target = Target {
        address: place.address.clone(),
        user: place.user.clone(),
        password: place.password.clone(),
        schema: place.schema.clone(),
        client_dir: place.client_dir.clone(),
        connect_time: database.connect_time,
        statement_time: database.statement_time,
        offset,
    };
    let address = words(&place.address);
    let opening = Thread::open(move || target.connect())?;
    let limit = database.connect_time;
    let opened = tokio::time::timeout(limit, opening.wait()).await;
    let (thread, facts) = opened.unwrap_or_else(|_| Err(refusal::silent(&address, limit)))?;
    Ok(Oracle {
        thread,
        facts,
        address,
        statement_time: database.statement_time,
        lock_time: database.lock_time,
        timezone: database.timezone,
        offset,
        usable: true,
        open: false,
        refused: Vec::new(),
    })
}

impl Target {
    fn connect(&self) -> Result<(Connection, Facts), HisError> {
        let client = client::load(self.client_dir.as_deref())?;
        let connection = self.log_in(client)?;
        let refused = |error: &Error| self.refused(error, client);
        let mut facts = Facts { client, ..Facts::default() };
        let version = perhaps(&connection, connection.server_version()).map_err(|error| refused(&error))?;
        facts.version = version.map_or(OLDEST, |(version, _)| (version.major(), version.minor()));
        // An older client does not know how; a hanging call is then given up with its connection.
        facts.call_time = connection.set_call_timeout(Some(self.statement_time)).is_ok();
        // A name for administrators, nothing more.
        let _ = connection.set_module(MODULE);
        let settings = SETTINGS.iter().map(|setting| format!("ALTER SESSION SET {setting}"));
        for setting in settings.chain([zone_setting(self.offset)]) {
            // Values are bound as what their columns are: no setting decides about one.
            perhaps(&connection, connection.execute(&setting, &[])).map_err(|error| refused(&error))?;
        }
        self.introduce(&connection, &mut facts).map_err(|error| refused(&error))?;
        Ok((connection, facts))
    }

    fn log_in(&self, client: (i32, i32)) -> Result<Connection, HisError> {
        let mut strings = strings(&self.address, self.connect_time)?.into_iter().peekable();
        while let Some(string) = strings.next() {
            let mut connector = Connector::new(self.user.as_str(), self.password.expose(), string);
            connector.stmt_cache_size(STATEMENTS_KEPT_MAX);
            match connector.connect() {
                Ok(connection) => return Ok(connection),
                Err(error) if error.oci_code() == Some(UNRESOLVED) && strings.peek().is_some() => {}
                Err(error) => return Err(self.refused(&error, client)),
            }
        }
        Err(refusal::silent(&words(&self.address), self.connect_time))
    }

    fn refused(&self, error: &Error, client: (i32, i32)) -> HisError {
        let at = refusal::At {
            address: &self.address,
            user: &self.user,
            client,
            client_dir: self.client_dir.as_deref(),
        };
        if let Some(number) = error.oci_code() {
            return refusal::of(number, error.db_error().map_or("", oracle::DbError::message), &at);
        }
        let error = fault::of(error);
        HisError { class: faults::oracle::while_connecting(error.class), ..error }
    }

    /// Who we are, where our tables are, and in which characters they are kept.
    fn introduce(&self, connection: &Connection, facts: &mut Facts) -> Result<(), Error> {
        let asked = "SELECT USER, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL";
        let told = perhaps(connection, connection.query_row_as::<(String, Option<String>)>(asked, &[]))?;
        let (user, schema) = if let Some(told) = told {
            told
        } else {
            let asked = "SELECT USER FROM DUAL";
            let user = perhaps(connection, connection.query_row_as::<String>(asked, &[]))?;
            (user.unwrap_or_else(|| self.user.to_uppercase()), None)
        };
        facts.schema = schema.unwrap_or_else(|| user.clone());
        facts.user = user;
        if let Some(schema) = &self.schema {
            facts.schema = use_schema(connection, schema)?;
        }
        let asked = "SELECT VALUE FROM NLS_DATABASE_PARAMETERS WHERE PARAMETER = 'NLS_CHARACTERSET'";
        let charset = perhaps(connection, connection.query_row_as::<Option<String>>(asked, &[]))?;
        facts.charset = charset.flatten().unwrap_or_default();
        Ok(())
    }
}

/// What is nice to have: none where the database refuses it; an error where the connection is lost.
fn perhaps<T>(connection: &Connection, answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if fault::of(&error).is_of_connection() => Err(error),
        Err(error) => {
            tracing::debug!(code = fault::of(&error).code, "a setting of the session was left out");
            // Nothing has been changed; a gateway to another database may answer nothing more before.
            connection.rollback()?;
            Ok(None)
        }
    }
}

/// Makes the configured schema the one of names without an owner: as it is written, else in capitals. Where the server can't
/// change it, statements of the configuration's own have to name it, and those of this program do.
fn use_schema(connection: &Connection, schema: &str) -> Result<String, Error> {
    let capitals = schema.to_uppercase();
    let mut refusal = None;
    for name in names_of(connection, schema, &capitals)? {
        let quoted = name.replace('"', "\"\"");
        let set = connection.execute(&format!("ALTER SESSION SET CURRENT_SCHEMA = \"{quoted}\""), &[]);
        match set {
            Ok(_) => return Ok(name.to_owned()),
            Err(error) if error.oci_code() == Some(NO_SCHEMA) => refusal = Some(error),
            Err(error) => drop(perhaps(connection, Err::<(), _>(error))?),
        }
    }
    refusal.map_or(Ok(capitals), Err)
}

/// The spellings to try: the one that is written stands behind where only the other one has tables that can be seen.
fn names_of<'n>(connection: &Connection, written: &'n str, capitals: &'n str) -> Result<Vec<&'n str>, Error> {
    if written == capitals {
        return Ok(vec![written]);
    }
    let has_tables = |name: &str| {
        let asked = "SELECT TABLE_NAME FROM ALL_TABLES WHERE OWNER = :1 AND ROWNUM <= 1";
        let answer = connection.query_row_as::<String>(asked, &[&name]).map(drop);
        let is_empty = answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::NoDataFound);
        if is_empty { Ok(false) } else { perhaps(connection, answer).map(|found| found.is_some()) }
    };
    let is_in_capitals = !has_tables(written)? && has_tables(capitals)?;
    Ok(if is_in_capitals { vec![capitals, written] } else { vec![written, capitals] })
}

/// The connect strings to try, in order.
fn strings(address: &OracleAddress, limit: Duration) -> Result<Vec<String>, HisError> {
    let (host, port, target, tls) = match address {
        OracleAddress::ConnectString(string) => return Ok(vec![string.clone()]),
        OracleAddress::Listener { host, port, target, tls } => (host.as_str(), *port, target, *tls),
    };
    let (OracleTarget::Service(name) | OracleTarget::Sid(name)) = target;
    for (key, text) in [("host", host), ("database (the service) or database.sid", name.as_str())] {
        if text.is_empty() || text.contains(|c: char| !is_plain(c)) {
            let message = format!(
                "database.{key} is {text:?}, which no Oracle address can hold; where it is right, write the whole descriptor \
                 as \"connect_string\""
            );
            return Err(HisError::plain(FaultClass::Login, "oracle-address", message));
        }
    }
    let encrypted = matches!(tls, Tls::Require | Tls::Verify);
    let descriptor = descriptor((host, port), target, tls, limit);
    Ok(match target {
        // The short form goes through every client; where an administrator has switched it off, the long one does.
        OracleTarget::Service(service) if !encrypted => {
            vec![format!("//{}/{service}", host_and_port(host, port)), descriptor]
        }
        _ => vec![descriptor],
    })
}

/// See <https://docs.oracle.com/en/database/oracle/oracle-database/19/netrf/local-naming-parameters-in-tns-ora-file.html>.
fn descriptor((host, port): (&str, u16), target: &OracleTarget, tls: Tls, limit: Duration) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let (protocol, security) = match tls {
        Tls::Off | Tls::Prefer => ("TCP", ""),
        Tls::Require => ("TCPS", "(SECURITY=(SSL_SERVER_DN_MATCH=NO))"),
        Tls::Verify => ("TCPS", "(SECURITY=(SSL_SERVER_DN_MATCH=YES))"),
    };
    let seconds = limit.as_secs().max(1);
    let data = match target {
        OracleTarget::Service(name) => format!("(SERVICE_NAME={name})"),
        OracleTarget::Sid(name) => format!("(SID={name})"),
    };
    format!(
        "(DESCRIPTION=(CONNECT_TIMEOUT={seconds})(TRANSPORT_CONNECT_TIMEOUT={seconds})\
         (ADDRESS=(PROTOCOL={protocol})(HOST={host})(PORT={port}))(CONNECT_DATA={data}){security})"
    )
}

/// Characters of hosts, services and SIDs; all others mean something in an address.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '$' | '#' | ':' | '[' | ']' | '%')
}

/// `host:port`; an IPv6 address in brackets.
fn host_and_port(host: &str, port: u16) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.contains(':') { format!("[{bare}]:{port}") } else { format!("{bare}:{port}") }
}

/// Where it is, for messages.
pub(super) fn words(address: &OracleAddress) -> String {
    match address {
        OracleAddress::Listener { host, port, .. } => host_and_port(host, *port),
        OracleAddress::ConnectString(string) => string.clone(),
    }
}

/// The statement that sets the session's zone, as an offset: a region's name would need the same version of the zones' tables
/// on both sides (ORA-01805). It is said anew when the clocks change.
pub(super) fn zone_setting(offset: FixedOffset) -> String {
    format!("ALTER SESSION SET TIME_ZONE = '{offset}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_as_oracle_reads_them() {
        fn check(seconds: i32, expected: &str) {
            let offset = FixedOffset::east_opt(seconds).expect("an offset");
            assert_eq!(zone_setting(offset), format!("ALTER SESSION SET TIME_ZONE = '{expected}'"));
        }
        check(19_800, "+05:30");
        check(3_600, "+01:00");
        check(-12_600, "-03:30");
        check(0, "+00:00");
    }

    fn listener(host: &str, target: OracleTarget, tls: Tls) -> OracleAddress {
        OracleAddress::Listener { host: host.into(), port: 1521, target, tls }
    }

    #[test]
    fn connect_strings() {
        fn check(address: &OracleAddress, expected: &[&str]) {
            let strings = strings(address, Duration::from_secs(10)).expect("an address");
            assert_eq!(strings, expected);
        }
        let service = || OracleTarget::Service("HIS.hospital.local".into());
        let sid = || OracleTarget::Sid("ORCL".into());
        check(
            &listener("db", service(), Tls::Prefer),
            &[
                "//db:1521/HIS.hospital.local",
                "(DESCRIPTION=(CONNECT_TIMEOUT=10)(TRANSPORT_CONNECT_TIMEOUT=10)(ADDRESS=(PROTOCOL=TCP)(HOST=db)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=HIS.hospital.local)))",
            ],
        );
        check(
            &listener("::1", sid(), Tls::Off),
            &[
                "(DESCRIPTION=(CONNECT_TIMEOUT=10)(TRANSPORT_CONNECT_TIMEOUT=10)(ADDRESS=(PROTOCOL=TCP)(HOST=::1)(PORT=1521))(CONNECT_DATA=(SID=ORCL)))",
            ],
        );
        check(
            &listener("db", service(), Tls::Verify),
            &[
                "(DESCRIPTION=(CONNECT_TIMEOUT=10)(TRANSPORT_CONNECT_TIMEOUT=10)(ADDRESS=(PROTOCOL=TCPS)(HOST=db)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=HIS.hospital.local))(SECURITY=(SSL_SERVER_DN_MATCH=YES)))",
            ],
        );
        check(&OracleAddress::ConnectString("HISPROD".into()), &["HISPROD"]);
        let v6 =
            strings(&listener("[fe80::1]", service(), Tls::Off), Duration::from_secs(1)).expect("an address");
        assert!(v6[0].starts_with("//[fe80::1]:1521/") && v6[1].contains("(HOST=fe80::1)"), "{v6:?}");
    }

    #[test]
    fn what_means_something_in_an_address_is_refused() {
        for (host, name) in [("db)(x", "S"), ("db", "S/x"), ("db", "a b"), ("", "S"), ("db", "")] {
            let error =
                strings(&listener(host, OracleTarget::Service(name.into()), Tls::Off), Duration::ZERO);
            let error = error.expect_err("no address");
            assert_eq!((error.class, error.code.as_str()), (FaultClass::Login, "oracle-address"));
        }
    }
}
