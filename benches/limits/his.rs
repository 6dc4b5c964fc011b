//! The HIS database of the benchmarks, and the upsert that somebody would write by hand for it.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::{Value, json};
use sqlx::{
    Arguments as _, AssertSqlSafe, Connection as _, Row as _,
    mysql::{MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlSslMode},
};

use crate::events::NUMBER_FIRST;

const DATABASE: &str = "limits";
/// The login that tests/mariadb.sh makes.
const LOGIN: &str = "admin";
const TABLE: &str = "CREATE TABLE appointments (
    id BIGINT NOT NULL PRIMARY KEY, status VARCHAR(20) NOT NULL, starts_at DATETIME NOT NULL,
    doctor VARCHAR(80) NOT NULL, fee DECIMAL(10,2) NOT NULL, notes VARCHAR(200), changed_at DATETIME NOT NULL
) ENGINE = InnoDB";

/// A session of the benchmark itself.
pub(crate) struct His {
    connection: MySqlConnection,
    port: u16,
}

impl His {
    /// Makes the database, unless it is there.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let address = env::var("BUKTOR_TEST_MARIADB")
            .context("there is no MariaDB server; start the benchmarks with `bash benches/run.sh`")?;
        let port = address.rsplit(':').next().context("a port")?.parse()?;
        let mut connection = MySqlConnection::connect_with(&options(port, false)).await?;
        for sql in
            ["CREATE DATABASE IF NOT EXISTS limits", "USE limits", "DROP TABLE IF EXISTS appointments", TABLE]
        {
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        }
        Ok(Self { connection, port })
    }

    /// The daemon's `database` section.
    pub(crate) fn section(&self, tls: bool) -> Value {
        json!({
            "type": "mysql", "host": "127.0.0.1", "port": self.port, "user": LOGIN, "password": LOGIN,
            "database": DATABASE, "tls": if tls { "require" } else { "off" }, "timezone": "UTC",
        })
    }

    pub(crate) async fn empty(&mut self) -> anyhow::Result<()> {
        sqlx::raw_sql("TRUNCATE TABLE appointments").execute(&mut self.connection).await?;
        Ok(())
    }

    pub(crate) async fn count(&mut self) -> anyhow::Result<u64> {
        self.number("SELECT COUNT(*) FROM appointments", None).await
    }

    /// Whether that event of the run was written.
    pub(crate) async fn has(&mut self, number: u64) -> anyhow::Result<bool> {
        let sql = "SELECT COUNT(*) FROM appointments WHERE id = ?";
        Ok(self.number(sql, Some(NUMBER_FIRST + number)).await? > 0)
    }

    /// Runs statements one after the other.
    pub(crate) async fn run(&mut self, statements: &[&'static str]) -> anyhow::Result<()> {
        for sql in statements {
            sqlx::raw_sql(*sql).execute(&mut self.connection).await?;
        }
        Ok(())
    }

    /// The number that a query gives.
    pub(crate) async fn number(&mut self, sql: &'static str, id: Option<u64>) -> anyhow::Result<u64> {
        let query = id.into_iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
        let count: i64 = query.fetch_one(&mut self.connection).await?.try_get(0)?;
        Ok(count.try_into()?)
    }

    /// A connection for [`Hand`].
    pub(crate) async fn hand(&self, tls: bool, rows: u64) -> anyhow::Result<Hand> {
        let mut options = options(self.port, tls);
        options = options.database(DATABASE);
        let connection = MySqlConnection::connect_with(&options).await?;
        Ok(Hand { connection, rows: (0..rows).map(HandRow::new).collect() })
    }
}

fn options(port: u16, tls: bool) -> MySqlConnectOptions {
    let mode = if tls { MySqlSslMode::Required } else { MySqlSslMode::Disabled };
    MySqlConnectOptions::new().host("127.0.0.1").port(port).username(LOGIN).password(LOGIN).ssl_mode(mode)
}

/// Values as the mapping of the benchmark makes them, ready in memory.
struct HandRow {
    id: i64,
    fee: String,
    texts: [&'static str; 3],
    starts_at: String,
    changed_at: String,
}

impl HandRow {
    fn new(number: u64) -> Self {
        Self {
            id: i64::try_from(NUMBER_FIRST + number).unwrap_or(i64::MAX),
            fee: "1500".to_owned(),
            texts: ["confirmed", "Dr. Meera Nair", "first visit, brings the reports of the last one"],
            starts_at: "2026-03-05 10:30:00".to_owned(),
            changed_at: "2026-03-03 09:00:00".to_owned(),
        }
    }

    fn bind(&self, arguments: &mut MySqlArguments) -> Result<(), sqlx::error::BoxDynError> {
        let [status, doctor, notes] = self.texts;
        arguments.add(self.id)?;
        arguments.add(status)?;
        arguments.add(self.starts_at.as_str())?;
        arguments.add(doctor)?;
        arguments.add(self.fee.as_str())?;
        arguments.add(notes)?;
        arguments.add(self.changed_at.as_str())
    }
}

/// The upsert by hand: one connection, many rows a statement, transactions of as many rows as the daemon's.
pub(crate) struct Hand {
    connection: MySqlConnection,
    rows: Vec<HandRow>,
}

impl Hand {
    /// Writes all rows; gives the time that it took.
    pub(crate) async fn write(&mut self, transaction: usize, statement: usize) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut sql: (usize, Arc<str>) = (0, "".into());
        for rows in self.rows.chunks(transaction) {
            sqlx::raw_sql("START TRANSACTION").execute(&mut self.connection).await?;
            for rows in rows.chunks(statement) {
                if sql.0 != rows.len() {
                    sql = (rows.len(), upsert(rows.len()).into());
                }
                let mut arguments = MySqlArguments::default();
                arguments.reserve(rows.len() * 7, rows.len() * 150);
                for row in rows {
                    row.bind(&mut arguments).map_err(|error| anyhow::anyhow!(error))?;
                }
                let query = sqlx::query_with(AssertSqlSafe(Arc::clone(&sql.1)), arguments);
                query.execute(&mut self.connection).await?;
            }
            sqlx::raw_sql("COMMIT").execute(&mut self.connection).await?;
        }
        Ok(began.elapsed())
    }
}

fn upsert(rows: usize) -> String {
    let columns = ["id", "status", "starts_at", "doctor", "fee", "notes", "changed_at"];
    let values = vec!["(?, ?, ?, ?, ?, ?, ?)"; rows].join(", ");
    let updates: Vec<String> = columns.iter().skip(1).map(|c| format!("{c} = VALUES({c})")).collect();
    format!(
        "INSERT INTO appointments ({}) VALUES {values} ON DUPLICATE KEY UPDATE {}",
        columns.join(", "),
        updates.join(", ")
    )
}
