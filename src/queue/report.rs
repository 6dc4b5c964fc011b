//! What the daemon tells about itself through the queue file, for commands of other processes.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    model::clock::Timestamp,
    queue::{
        QueueError,
        store::{Store, count_at},
    },
};

/// What `status` shows of the daemon. Texts are public: no password, no value of an event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DaemonReport {
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// Where it listens, `127.0.0.1:5000`.
    pub listen: String,
    /// Its version.
    pub version: String,
    /// The configuration file.
    pub config_path: String,
    /// The HIS database in words, without the password.
    pub database: String,
    /// Whether the HIS database answered when it was last asked; none before that.
    pub his_up: Option<bool>,
    /// Since when it has been so.
    pub his_since: Option<Timestamp>,
    /// The last error of the HIS database, in its public words.
    pub his_error: Option<String>,
    /// When the last cycle ended.
    pub last_cycle_at: Option<Timestamp>,
    /// When an event was last applied.
    pub last_applied_at: Option<Timestamp>,
    /// When the HIS database is tried again, during an outage.
    pub next_attempt_at: Option<Timestamp>,
    /// The greatest [`Requests::sync_now`] that a finished cycle had seen before it began.
    pub sync_done: u64,
}

/// What other processes asked of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Requests {
    /// Counts the requests of `sync --now`; kept over restarts.
    pub sync_now: u64,
}

impl Store {
    /// Writes the daemon's report, where it differs from the last one.
    pub(super) fn report(&mut self, report: DaemonReport) -> Result<(), QueueError> {
        if self.reported.as_ref() == Some(&report) {
            return Ok(());
        }
        self.write(|conn| write(conn, &report))?;
        self.reported = Some(report);
        Ok(())
    }

    /// Reads what other processes asked, where the file was changed by one.
    pub(super) fn requests(&mut self) -> Result<Requests, QueueError> {
        self.notice_changes()?;
        if let Some(known) = self.requested {
            return Ok(known);
        }
        let requests = self.read(|conn| {
            conn.prepare_cached("SELECT sync_now FROM request")?
                .query_row([], |row| Ok(Requests { sync_now: count_at(row, 0)? }))
        })?;
        self.requested = Some(requests);
        Ok(requests)
    }
}

fn write(conn: &Connection, report: &DaemonReport) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO daemon (one, pid, started_at, listen, version, config_path, database, his_up,
             his_since, his_error, last_cycle_at, last_applied_at, next_attempt_at, sync_done)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        report.pid,
        report.started_at.0,
        report.listen,
        report.version,
        report.config_path,
        report.database,
        report.his_up,
        report.his_since.map(|t| t.0),
        report.his_error,
        report.last_cycle_at.map(|t| t.0),
        report.last_applied_at.map(|t| t.0),
        report.next_attempt_at.map(|t| t.0),
        i64::try_from(report.sync_done).unwrap_or(i64::MAX)
    ])?;
    Ok(())
}

/// Reads the last report that a daemon wrote.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<DaemonReport>> {
    conn.prepare_cached(
        "SELECT pid, started_at, listen, version, config_path, database, his_up, his_since, his_error, last_cycle_at,
                last_applied_at, next_attempt_at, sync_done
         FROM daemon",
    )?
    .query_row([], from_row)
    .optional()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<DaemonReport> {
    let moment = |column| row.get(column).map(|t: Option<i64>| t.map(Timestamp));
    Ok(DaemonReport {
        pid: row.get(0)?,
        started_at: Timestamp(row.get(1)?),
        listen: row.get(2)?,
        version: row.get(3)?,
        config_path: row.get(4)?,
        database: row.get(5)?,
        his_up: row.get(6)?,
        his_since: moment(7)?,
        his_error: row.get(8)?,
        last_cycle_at: moment(9)?,
        last_applied_at: moment(10)?,
        next_attempt_at: moment(11)?,
        sync_done: count_at(row, 12)?,
    })
}
