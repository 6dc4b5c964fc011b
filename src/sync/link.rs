//! The link to the HIS: a session, what its tables look like, and the mappings bound to them. Connects,
//! reconnects, describes again on drift. Decides nothing about events.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{debug, error, info, warn};

use crate::{
    config::Database,
    his::{
        self, HisError, Keys, Session,
        ask::{self, LookupQuery, Marked, Wanted},
    },
    limits,
    model::{
        answer::Answer,
        change::EventChange,
        mapping::Mappings,
        outcome::FaultClass,
        table::{Schema, Table, TableName},
        value::SqlValue,
    },
    plan::{Ask, Planner, tables, verify::Severity},
    sql::{StatementBytes, batch::Packer},
    sync::{lookups::Lookups, page::Binding},
};

/// A session that was not used for this long is asked for a sign of life first.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Link {
    database: Database,
    mappings: Arc<Mappings>,
    tables: Vec<TableName>,
    session: Option<Box<dyn Session>>,
    used_at: Instant,
    bound: Option<Bound>,
    /// Grows with every new binding.
    generation: u64,
    /// The description is not to be relied on any more.
    expired: bool,
    cycle_began_at: Instant,
    /// The session waits only briefly for locks.
    hurried: bool,
    distrusted: bool,
    lookups: Lookups,
    /// Tables of events in doubt that somebody has been writing ever since.
    busy_tables: HashMap<String, Instant>,
}

struct Bound {
    schema: Schema,
    planner: Arc<Planner>,
    packer: Packer,
    /// What the packer was made for: a server's administrator can change it.
    bytes: StatementBytes,
    described_at: Instant,
}

impl Link {
    pub(super) fn new(database: Database, mappings: Arc<Mappings>) -> Self {
        let tables = tables(&mappings);
        let now = Instant::now();
        Self {
            database,
            mappings,
            tables,
            session: None,
            used_at: now,
            bound: None,
            generation: 0,
            expired: false,
            cycle_began_at: now,
            hurried: false,
            distrusted: false,
            lookups: Lookups::default(),
            busy_tables: HashMap::new(),
        }
    }

    /// Makes the link fit for use: connected, alive, described not too long ago. Tells whether the mappings
    /// were looked at anew, as they are when their description is older than `age_max`.
    pub(super) async fn ready(&mut self, age_max: Duration) -> Result<bool, HisError> {
        if std::mem::take(&mut self.distrusted) {
            self.session = None;
        }
        if self.session.is_some() && self.used_at.elapsed() > IDLE_MAX {
            self.ping().await?;
        }
        if self.session.is_none() {
            self.connect().await?;
        }
        let fresh = self.bound.as_ref().is_some_and(|b| b.described_at.elapsed() < age_max);
        if fresh && !self.expired { Ok(false) } else { self.describe().await.map(|_| true) }
    }

    /// Drops the session and connects again. Describes nothing unless nothing was described before.
    pub(super) async fn reconnect(&mut self) -> Result<(), HisError> {
        self.session = None;
        self.connect().await?;
        // A proxy accepts connections for a server that is gone: only an answer is a sign of life.
        self.ping().await
    }

    async fn connect(&mut self) -> Result<(), HisError> {
        let session = his::connect(&self.database).await?;
        info!(server = session.server(), "connected to the HIS database");
        self.expired |= self.bound.as_ref().is_some_and(|b| b.bytes != session.statement_bytes());
        self.session = Some(session);
        self.hurried = false;
        self.used_at = Instant::now();
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), HisError> {
        if let Some(session) = &mut self.session
            && session.ping().await.is_err()
        {
            self.session = None;
            self.connect().await?;
        }
        self.used_at = Instant::now();
        Ok(())
    }

    /// Describes the tables and binds the mappings; gives whether anything had changed.
    pub(super) async fn describe(&mut self) -> Result<bool, HisError> {
        let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
        let schema = match session.describe(&self.tables).await {
            Ok(schema) => schema,
            Err(error) => {
                if error.class == FaultClass::Unreachable {
                    self.session = None;
                }
                return Err(error);
            }
        };
        self.used_at = Instant::now();
        self.expired = false;
        if let Some(bound) = &mut self.bound
            && bound.schema == schema
            && bound.bytes == session.statement_bytes()
        {
            bound.described_at = Instant::now();
            return Ok(false);
        }
        let first = self.bound.is_none();
        let bytes = session.statement_bytes();
        let packer = Packer::new(session.dialect(), bytes);
        let zone = self.database.timezone;
        let planner = Planner::new(Arc::clone(&self.mappings), &schema, zone, packer.row_bytes_max());
        for finding in planner.findings() {
            match finding.severity {
                Severity::Problem => error!(at = finding.at, "{}", finding.message),
                Severity::Warning => warn!(at = finding.at, "{}", finding.message),
                Severity::Note => {}
            }
        }
        if !first {
            info!("the HIS tables have changed and were described again");
        }
        let planner = Arc::new(planner);
        self.bound = Some(Bound { schema, planner, packer, bytes, described_at: Instant::now() });
        self.generation += 1;
        Ok(true)
    }

    /// Lets [`Link::refresh`] describe once more; `expired` makes [`Link::ready`] do so.
    pub(super) fn begin_cycle(&mut self, expired: bool) {
        self.cycle_began_at = Instant::now();
        self.expired |= expired;
    }

    /// Describes again, unless that was done in this cycle and within the last seconds; gives whether anything
    /// had changed.
    pub(super) async fn refresh(&mut self) -> Result<bool, HisError> {
        let fresh = self.bound.as_ref().is_some_and(|b| {
            b.described_at >= self.cycle_began_at && b.described_at.elapsed() < limits::SCHEMA_REFRESH_MIN
        });
        if fresh { Ok(false) } else { self.describe().await }
    }

    /// The mappings as bound last.
    pub(super) fn binding(&self) -> Option<Binding> {
        let planner = Arc::clone(&self.bound.as_ref()?.planner);
        Some(Binding { planner, generation: self.generation })
    }

    /// The session, for something that is no event's writing.
    pub(super) fn session(&mut self) -> Result<&mut dyn Session, HisError> {
        match &mut self.session {
            Some(session) => Ok(&mut **session),
            None => Err(HisError::not_connected()),
        }
    }

    /// Gives the session away.
    pub(super) fn into_session(self) -> Result<Box<dyn Session>, HisError> {
        self.session.ok_or_else(HisError::not_connected)
    }

    /// Makes [`Link::ready`] connect anew: the server may have changed its mind about this login, or about its role.
    pub(super) fn distrust(&mut self) {
        self.distrusted = true;
    }

    /// Whether [`Link::distrust`] was said, and it has not connected anew since.
    pub(super) fn is_distrusted(&self) -> bool {
        self.distrusted
    }

    /// Waits only briefly for locks, or as long as configured again.
    pub(super) async fn hurry(&mut self, hurried: bool) -> Result<(), HisError> {
        let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
        if self.hurried == hurried {
            return Ok(());
        }
        let usual = self.database.lock_time;
        session.set_lock_time(if hurried { usual.min(limits::LOCK_TIME_HURRIED) } else { usual }).await?;
        self.hurried = hurried;
        Ok(())
    }

    /// Writes events in one transaction, which stays open; gives the keys that the tables made.
    pub(super) async fn write(&mut self, events: &[&EventChange], replay: bool) -> Result<Keys, HisError> {
        let (Some(session), Some(bound)) = (&mut self.session, &mut self.bound) else {
            return Err(HisError::not_connected());
        };
        let batch = bound.packer.pack(events.iter().copied(), replay);
        let written = his::write(&mut **session, &batch).await;
        self.used(written)
    }

    /// Commits what was written.
    pub(super) async fn commit(&mut self) -> Result<(), HisError> {
        let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
        let committed = his::commit(&mut **session).await;
        self.used(committed)
    }

    /// Takes back what was written.
    pub(super) async fn undo(&mut self) -> Result<(), HisError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let undone = his::undo(&mut **session).await;
        self.used(undone)
    }

    /// Looks values up, those that are not remembered in one query for each lookup.
    pub(super) async fn lookup(&mut self, planner: &Planner, asks: &[Ask]) -> Result<Vec<Answer>, HisError> {
        self.lookups.begin(self.generation);
        let mut answers: Vec<Option<Answer>> = asks.iter().map(|ask| self.lookups.known(ask)).collect();
        for (index, bound) in planner.lookups().iter().enumerate() {
            let open: Vec<usize> = (asks.iter().enumerate())
                .filter(|(place, ask)| {
                    ask.lookup == index && answers.get(*place).is_some_and(Option::is_none)
                })
                .map(|(place, _)| place)
                .collect();
            if open.is_empty() {
                continue;
            }
            let values: Vec<SqlValue> =
                open.iter().filter_map(|place| asks.get(*place)).map(|ask| ask.value.clone()).collect();
            let query = LookupQuery {
                table: &bound.table,
                matches: bound.matches,
                take: bound.take,
                only: &bound.only,
            };
            let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
            let found = ask::lookup(&mut **session, &query, &values).await;
            for (place, answer) in open.into_iter().zip(self.used(found)?) {
                if let (Some(ask), Some(slot)) = (asks.get(place), answers.get_mut(place)) {
                    self.lookups.remember(ask, &answer);
                    *slot = Some(answer);
                }
            }
        }
        Ok(answers.into_iter().map(|answer| answer.unwrap_or(Answer::Missing)).collect())
    }

    /// What lookups have found may be out of date.
    pub(super) fn forget_lookups(&mut self) {
        self.lookups.clear();
    }

    /// See [`his::marked`].
    pub(super) async fn marked(
        &mut self,
        table: &Table,
        generated: usize,
        matches: &[usize],
        values: &[Vec<&SqlValue>],
        lock: bool,
    ) -> Result<Vec<Marked>, HisError> {
        self.quiet(table, lock).await?;
        let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
        let found = ask::marked(&mut **session, table, generated, matches, values, lock).await;
        self.used(found)
    }

    /// Columns of the rows with these generated keys, as text. With `lock` one whose transaction is still open is waited for.
    pub(super) async fn rows(
        &mut self,
        table: &Table,
        generated: usize,
        keys: &[String],
        wanted: Wanted<'_>,
        lock: bool,
    ) -> Result<Vec<Option<Vec<Option<String>>>>, HisError> {
        self.quiet(table, lock).await?;
        let keys: Vec<SqlValue> = keys.iter().map(|key| SqlValue::of_key(key)).collect();
        let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
        let found = ask::rows(&mut **session, table, generated, &keys, wanted, lock).await;
        self.used(found)
    }

    /// See [`ask::quiet`]. Where the table is never quiet, or may not be locked, what is there now counts in the end.
    async fn quiet(&mut self, table: &Table, lock: bool) -> Result<(), HisError> {
        let Some(session) = self.session.as_mut().filter(|_| lock) else { return Ok(()) };
        match ask::quiet(&mut **session, table).await {
            Ok(()) => drop(self.busy_tables.remove(&table.title())),
            Err(error) if error.is_of_connection() => return self.used(Err(error)),
            Err(error) if error.class == FaultClass::Busy => {
                let since = *self.busy_tables.entry(table.title()).or_insert_with(Instant::now);
                if since.elapsed() < limits::QUIET_TIME_MAX {
                    return Err(error);
                }
            }
            Err(error) => debug!(code = error.code, "a table in doubt cannot be locked; it is read as it is"),
        }
        Ok(())
    }

    /// See [`his::alike`].
    pub(super) async fn alike(
        &mut self,
        table: &Table,
        generated: usize,
        cells: &[(usize, &SqlValue)],
    ) -> Result<Vec<String>, HisError> {
        let Some(session) = &mut self.session else { return Err(HisError::not_connected()) };
        let found = ask::alike(&mut **session, table, generated, cells).await;
        self.used(found)
    }

    /// Notes that the session was used, and drops one that is of no more use.
    fn used<T>(&mut self, result: Result<T, HisError>) -> Result<T, HisError> {
        self.used_at = Instant::now();
        if let Err(error) = &result
            && matches!(error.class, FaultClass::Unreachable | FaultClass::CommitUnknown)
        {
            self.session = None;
        }
        result
    }
}
