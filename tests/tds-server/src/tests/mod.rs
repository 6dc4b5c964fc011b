//! Tests over the wire with tiberius: a server in the same process, a client of another's making.

mod dialect;
mod faults;
mod rules;
mod session;
mod types;

use std::net::SocketAddr;

use tempfile::TempDir;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::{Login, Options, TlsMode, Version, bind};

/// A client of the tests.
pub(crate) type Db = Client<Compat<TcpStream>>;

/// A server with its folder.
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
}

pub(crate) fn options(folder: &TempDir) -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        folder: folder.path().to_owned(),
        logins: vec![
            Login { name: "sa".into(), password: "pässword;1".into(), limited: false },
            Login { name: "lim".into(), password: "lim".into(), limited: true },
        ],
        databases: vec!["his".into(), "other".into()],
        tls: TlsMode::On,
        cert: None,
        key: None,
        version: Version::named("2017").unwrap(),
        collation: "SQL_Latin1_General_CP1_CI_AS".into(),
        browser: None,
        instance: "MSSQLSERVER".into(),
    }
}

/// A server with options of its own.
pub(crate) async fn start(change: impl FnOnce(&mut Options)) -> Fixture {
    let folder = TempDir::new().unwrap();
    let mut options = options(&folder);
    change(&mut options);
    let bound = bind(&options).await.unwrap();
    let address = bound.address().unwrap();
    tokio::spawn(bound.serve());
    Fixture { address, folder }
}

impl Fixture {
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1");
        config.port(self.address.port());
        config.authentication(AuthMethod::sql_server("sa", "pässword;1"));
        config.database("his");
        config.encryption(EncryptionLevel::NotSupported);
        config.trust_cert();
        config
    }

    pub(crate) async fn connect(&self) -> Db {
        open(self.config()).await.unwrap()
    }

    pub(crate) async fn limited(&self) -> Db {
        let mut config = self.config();
        config.authentication(AuthMethod::sql_server("lim", "lim"));
        open(config).await.unwrap()
    }
}

pub(crate) async fn open(config: Config) -> tiberius::Result<Db> {
    let socket = TcpStream::connect(config.get_addr()).await?;
    socket.set_nodelay(true)?;
    Client::connect(config, socket.compat_write()).await
}

/// Runs a batch that must succeed.
pub(crate) async fn run(db: &mut Db, sql: &str) {
    if let Err(error) = outcome(db, sql).await {
        panic!("{sql}: {error}");
    }
}

/// Runs a batch to its end.
pub(crate) async fn outcome(db: &mut Db, sql: &str) -> tiberius::Result<()> {
    db.simple_query(sql).await?.into_results().await?;
    Ok(())
}

/// The number of the error that a batch ends with; 0 for none.
pub(crate) async fn number(db: &mut Db, sql: &str) -> u32 {
    match outcome(db, sql).await {
        Ok(()) => 0,
        Err(tiberius::error::Error::Server(error)) => error.code(),
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// All rows of all results as texts, `|` between columns and `;` between rows.
pub(crate) async fn show(db: &mut Db, sql: &str) -> String {
    let stream = match db.simple_query(sql).await {
        Ok(stream) => stream,
        Err(error) => return format!("error {}", error.code().unwrap_or(0)),
    };
    let results = match stream.into_results().await {
        Ok(results) => results,
        Err(error) => return format!("error {}", error.code().unwrap_or(0)),
    };
    let mut rows = Vec::new();
    for row in results.into_iter().flatten() {
        let cells: Vec<String> = row.cells().map(|(_, data)| cell(data)).collect();
        rows.push(cells.join("|"));
    }
    rows.join(";")
}

/// A value as a test writes it, with the type that it came in.
pub(crate) fn cell(data: &tiberius::ColumnData<'static>) -> String {
    use tiberius::{ColumnData as D, FromSql};
    match data {
        D::U8(Some(n)) => n.to_string(),
        D::I16(Some(n)) => n.to_string(),
        D::I32(Some(n)) => n.to_string(),
        D::I64(Some(n)) => n.to_string(),
        D::F32(Some(n)) => n.to_string(),
        D::F64(Some(n)) => n.to_string(),
        D::Bit(Some(b)) => b.to_string(),
        D::String(Some(s)) => s.to_string(),
        D::Guid(Some(g)) => g.to_string(),
        D::Binary(Some(b)) => b.iter().map(|b| format!("{b:02x}")).collect(),
        D::Numeric(Some(n)) => n.to_string(),
        D::DateTime(Some(_)) | D::SmallDateTime(Some(_)) | D::DateTime2(Some(_)) => {
            tiberius::time::chrono::NaiveDateTime::from_sql(data).unwrap().unwrap().to_string()
        }
        D::Date(Some(_)) => tiberius::time::chrono::NaiveDate::from_sql(data).unwrap().unwrap().to_string(),
        D::Time(Some(_)) => tiberius::time::chrono::NaiveTime::from_sql(data).unwrap().unwrap().to_string(),
        D::DateTimeOffset(Some(value)) => {
            // Its own moment is in UTC.
            let at = D::DateTime2(Some(value.datetime2()));
            let utc = tiberius::time::chrono::NaiveDateTime::from_sql(&at).unwrap().unwrap();
            let offset = i64::from(value.offset());
            let local = utc + std::time::Duration::from_secs(offset.max(0).unsigned_abs() * 60)
                - std::time::Duration::from_secs((-offset).max(0).unsigned_abs() * 60);
            format!(
                "{local} {}{:02}:{:02}",
                if offset < 0 { '-' } else { '+' },
                offset.abs() / 60,
                offset.abs() % 60
            )
        }
        _ => "NULL".into(),
    }
}

/// Each statement in a session of its own gives what stands beside it.
pub(crate) async fn check_all(fixture: &Fixture, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let mut db = fixture.connect().await;
        let found = show(&mut db, sql).await;
        if found != *expected {
            wrong.push(format!("{sql}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
