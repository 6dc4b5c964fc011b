//! SQL Server: the vendor's own where `BUKTOR_TEST_SQLSERVER` says where it is, else a TDS test server of each test's own.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::support::unique;

use super::his::{Database, admin_of, table_made};

type Session = Client<Compat<TcpStream>>;

/// The daemon's login and its password; the test's own is an administrator's.
const LOGIN: &str = "buktor";
const PASSWORD: &str = "s3cret-Buktor";
const ADMIN_PASSWORD: &str = "Admin-s3cret";

pub(crate) struct SqlServer {
    port: u16,
    admin: (String, String),
    name: String,
    login: String,
    runtime: tokio::runtime::Runtime,
    /// The test server; none where it is the vendor's.
    server: Option<Server>,
}

/// A TDS test server with its folder.
struct Server {
    child: Child,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        if self.server.is_none() && !std::thread::panicking() {
            let name = std::mem::replace(&mut self.name, "master".to_owned());
            let mut session = self.connect();
            let statements = [
                format!("ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE"),
                format!("DROP DATABASE {name}"),
                format!("DROP LOGIN {name}"),
            ];
            for statement in statements {
                // What stays begins with `his_` and harms nothing.
                self.batch(&mut session, &statement).ok();
            }
        }
    }
}

impl SqlServer {
    pub(crate) fn create() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if let Ok(address) = env::var("BUKTOR_TEST_SQLSERVER") {
            Self::on_real_server(&address, runtime)
        } else {
            let (server, port) = start();
            let admin = ("sa".to_owned(), ADMIN_PASSWORD.to_owned());
            Self { port, admin, name: "his".into(), login: LOGIN.into(), runtime, server: Some(server) }
        }
    }

    /// A database and a login of the test's own.
    fn on_real_server(address: &str, runtime: tokio::runtime::Runtime) -> Self {
        let (admin, port) = admin_of(address, "sqlserver://");
        let name = format!("his_{}", unique());
        let mut his = Self { port, admin, name: "master".into(), login: name.clone(), runtime, server: None };
        his.run(&format!("CREATE DATABASE {name}")).unwrap();
        his.run(&format!("CREATE LOGIN {name} WITH PASSWORD = '{PASSWORD}', CHECK_POLICY = OFF")).unwrap();
        his.name.clone_from(&name);
        his.run(&format!("CREATE USER {name} FOR LOGIN {name}")).unwrap();
        his
    }

    fn connect(&self) -> Session {
        self.runtime.block_on(async {
            let mut config = Config::new();
            config.host("127.0.0.1");
            config.port(self.port);
            config.database(&self.name);
            config.authentication(AuthMethod::sql_server(&self.admin.0, &self.admin.1));
            config.encryption(EncryptionLevel::NotSupported);
            config.trust_cert();
            let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            tcp.set_nodelay(true).unwrap();
            Box::pin(Client::connect(config, tcp.compat_write())).await.unwrap()
        })
    }

    fn batch(&self, session: &mut Session, sql: &str) -> Result<Vec<Vec<String>>, String> {
        self.runtime.block_on(async {
            let stream = session.simple_query(sql).await.map_err(|error| error.to_string())?;
            let results = stream.into_results().await.map_err(|error| error.to_string())?;
            let row = |row: tiberius::Row| row.into_iter().map(text).collect();
            Ok(results.into_iter().next_back().unwrap_or_default().into_iter().map(row).collect())
        })
    }
}

fn start() -> (Server, u16) {
    let Some(executable) = env::var_os("BUKTOR_TEST_TDS_SERVER") else {
        panic!(
            "this test needs the TDS test server: start the tests with `bash tests/run.sh`, which builds it"
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(executable)
        .args(["--listen", "127.0.0.1:0", "--database", "his", "--folder"])
        .arg(folder.path())
        .args(["--login", &format!("sa:{ADMIN_PASSWORD}"), "--login", &format!("{LOGIN}:{PASSWORD}:limited")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
    let port = port.unwrap_or_else(|| panic!("the TDS test server did not say where it listens: {line}"));
    (Server { child, _folder: folder }, port)
}

/// A cell as the other databases' tests write it.
fn text(cell: ColumnData<'_>) -> String {
    let date =
        |days: u32| chrono::NaiveDate::from_num_days_from_ce_opt(i32::try_from(days).unwrap() + 1).unwrap();
    let time = |time: tiberius::time::Time| {
        let nanos = time.increments() * 10_u64.pow(9 - u32::from(time.scale()));
        let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        chrono::NaiveTime::from_num_seconds_from_midnight_opt(
            u32::try_from(seconds).unwrap(),
            u32::try_from(nanos).unwrap(),
        )
        .unwrap()
    };
    let text = match cell {
        ColumnData::U8(n) => n.map(|n| n.to_string()),
        ColumnData::I16(n) => n.map(|n| n.to_string()),
        ColumnData::I32(n) => n.map(|n| n.to_string()),
        ColumnData::I64(n) => n.map(|n| n.to_string()),
        ColumnData::F32(n) => n.map(|n| n.to_string()),
        ColumnData::F64(n) => n.map(|n| n.to_string()),
        ColumnData::Bit(bit) => bit.map(|bit| u8::from(bit).to_string()),
        ColumnData::String(text) => text.map(std::borrow::Cow::into_owned),
        ColumnData::Guid(id) => id.map(|id| id.to_string()),
        ColumnData::Numeric(n) => n.map(|n| n.to_string()),
        ColumnData::Date(at) => at.map(|at| date(at.days()).to_string()),
        ColumnData::Time(at) => at.map(|at| time(at).to_string()),
        ColumnData::DateTime2(at) => at.map(|at| format!("{} {}", date(at.date().days()), time(at.time()))),
        ColumnData::DateTime(at) => at.map(|at| {
            let day = chrono::NaiveDate::from_ymd_opt(1900, 1, 1).unwrap()
                + chrono::Duration::days(at.days().into());
            let millis = (u64::from(at.seconds_fragments()) * 10 + 1) / 3;
            let start = day.and_hms_opt(0, 0, 0).unwrap();
            (start + chrono::Duration::milliseconds(i64::try_from(millis).unwrap())).to_string()
        }),
        other => panic!("the tests read no {other:?}"),
    };
    text.unwrap_or_else(|| "NULL".to_owned())
}

impl Database for SqlServer {
    fn run(&self, sql: &str) -> Result<(), String> {
        let mut session = self.connect();
        self.batch(&mut session, sql)?;
        if let Some(table) = table_made(sql) {
            let login = &self.login;
            let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {login}");
            self.batch(&mut session, &grant)?;
        }
        Ok(())
    }

    fn rows(&self, query: &str) -> Vec<String> {
        let rows = self.batch(&mut self.connect(), query).unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|row| row.join("|")).collect()
    }

    fn section(&self, port: Option<u16>) -> Value {
        json!({
            "type": "sqlserver", "host": "127.0.0.1", "port": port.unwrap_or(self.port), "user": self.login,
            "password": PASSWORD, "database": self.name, "tls": "off", "timezone": "UTC",
        })
    }

    fn port(&self) -> Option<u16> {
        Some(self.port)
    }

    fn hold(&self, sql: &str) -> Box<dyn std::any::Any> {
        let mut session = self.connect();
        self.batch(&mut session, &format!("BEGIN TRANSACTION; {sql}")).unwrap();
        Box::new(session)
    }

    fn kill_sessions(&self) {
        let mut session = self.connect();
        let query =
            format!("SELECT session_id FROM sys.dm_exec_sessions WHERE login_name = '{}'", self.login);
        for row in self.batch(&mut session, &query).unwrap() {
            // It may have ended by itself.
            self.batch(&mut session, &format!("KILL {}", row[0])).ok();
        }
    }

    fn limit(&self, table: &str, privileges: &str) {
        let login = &self.login;
        for privilege in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
            let allowed = privileges.split(", ").any(|p| p == privilege);
            let word = if allowed { "GRANT" } else { "DENY" };
            self.run(&format!("{word} {privilege} ON {table} TO {login}")).unwrap();
        }
    }

    fn other_schema(&self) -> String {
        self.run("CREATE SCHEMA clinic").unwrap();
        "clinic".to_owned()
    }

    fn allow(&self, table: &str) {
        self.run(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {}", self.login)).unwrap();
    }

    fn allow_procedure(&self, name: &str) {
        self.run(&format!("GRANT EXECUTE ON {name} TO {}", self.login)).unwrap();
    }
}
