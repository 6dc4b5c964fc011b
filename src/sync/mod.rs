//! The one worker that moves events from the queue into the HIS: claims pages in order, plans, applies and
//! records them, one cycle at a time. It may wait for the HIS; ingest never waits for it.

mod answers;
mod apply;
mod awaited;
mod crosswalk;
mod decide;
mod doubt;
mod find;
mod link;
mod lookups;
mod page;
mod pass;
mod prove;
mod refused;
pub mod rehearse;
mod resolve;
pub mod schedule;
mod shown;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    config::{Config, Sync},
    his::HisError,
    limits,
    model::{
        clock::{Clock, Timestamp},
        event::EventState,
        outcome::{FaultClass, Settlement},
    },
    policy,
    queue::{DaemonReport, Kinds, LinksOf, Queue, QueueError, Release},
    sync::{link::Link, schedule::Wake},
};

/// What one cycle did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that stand in the HIS now.
    pub applied: u64,
    /// Events that an operator has to look at.
    pub parked: u64,
    /// Events that wait for something.
    pub waiting: u64,
    /// Events that needed nothing: ignored or stale.
    pub passed: u64,
}

impl Tally {
    fn add(&mut self, settlement: &Settlement) {
        match settlement.state {
            EventState::Applied => self.applied += 1,
            EventState::Ignored | EventState::Stale | EventState::Discarded => self.passed += 1,
            EventState::Paused => self.waiting += 1,
            state if state.needs_operator() => self.parked += 1,
            EventState::Pending => {}
            _ => self.waiting += 1,
        }
    }

    /// Events that are done with, one way or another.
    fn settled(self) -> u64 {
        self.applied + self.parked + self.passed
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// See the module.
pub struct Worker {
    queue: Queue,
    link: Link,
    losses: refused::Losses,
    asked: awaited::Asked,
    /// The database as the crosswalk is to know it, where a mapping uses the crosswalk; none once it has said that its links
    /// belong there.
    links_of: Option<String>,
    clock: Arc<dyn Clock>,
    sync: Sync,
    zone: chrono_tz::Tz,
    outage: Option<Outage>,
    /// Events may wait for a mapping to fit its table again.
    maybe_paused: bool,
    /// When something was last applied; the start counts, since the HIS has gone on without us.
    applied_at: Option<Timestamp>,
    /// What the queue file's last error said, until it can be used again: told once.
    queue_problem: Option<String>,
    /// What `status` is told.
    report: DaemonReport,
}

/// The HIS cannot be used now.
struct Outage {
    since: Timestamp,
    attempts: u32,
    /// Logins that were refused for their password since the last one that was not.
    refused: u32,
    /// None: until an operator asks, so that the account is not locked.
    until: Option<Instant>,
}

/// What an operator has to know when no more logins are tried.
const LOGIN_GIVEN_UP: &str = "; no more logins are tried, so that the account is not locked: correct database.user and \
                              database.password and restart, or, where the account was mended, run `sync --now`";

/// The crosswalk's links are those of another database.
fn links_elsewhere(other: &str, database: &str) -> HisError {
    let message = format!(
        "the links of the queue file (which HIS row belongs to which record) were made for {other}, and the configuration names {database}; if that is the same database under another name run `events link --same-database`, else name another \"queue.path\""
    );
    HisError::plain(FaultClass::Config, "links-elsewhere", message)
}

/// Why a cycle ended early.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    His(#[from] HisError),
}

impl Worker {
    /// A worker for a configuration. What was asked for by `sync --now` up to the number in the report counts as done.
    #[must_use]
    pub fn new(config: &Config, queue: Queue, clock: Arc<dyn Clock>, report: DaemonReport) -> Self {
        let link = Link::new(config.database.clone(), Arc::new(config.mappings.clone()));
        Self {
            queue,
            link,
            losses: refused::Losses::default(),
            asked: awaited::Asked::default(),
            links_of: config.mappings.has_links().then(|| config.database.place()),
            clock,
            sync: config.sync.clone(),
            zone: config.database.timezone,
            outage: None,
            maybe_paused: true,
            queue_problem: None,
            applied_at: Some(report.started_at),
            report,
        }
    }

    /// Works at every wake until stopped. A cycle under way ends with its page.
    pub async fn run(mut self, mut wakes: mpsc::Receiver<Wake>, stop: CancellationToken) {
        let mut poll = tokio::time::interval(limits::REQUEST_POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.tell().await;
        self.first_contact().await;
        loop {
            let (wake, asked) = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(wake) = wakes.recv() => (wake, self.report.sync_done),
                _ = poll.tick() => (Wake::Operator, self.requested().await),
            };
            if wake == Wake::Operator && asked == self.report.sync_done {
                continue;
            }
            self.wake(wake, &stop).await;
            if wake == Wake::Operator {
                self.report.sync_done = asked;
                self.tell().await;
            }
        }
    }

    /// The number of the newest `sync --now` that another process asked for.
    async fn requested(&mut self) -> u64 {
        match self.queue.requests().await {
            Ok(requests) => requests.sync_now,
            Err(error) => {
                warn!(%error, "the queue could not be asked for requests");
                self.report.sync_done
            }
        }
    }

    /// Tells at start, once, whether the HIS can be reached and the mappings fit.
    async fn first_contact(&mut self) {
        if let Err(error) = self.contact().await {
            self.interrupted(error).await;
        }
    }

    /// One cycle, unless it is not the time for one.
    pub async fn wake(&mut self, wake: Wake, stop: &CancellationToken) -> Tally {
        let mut tally = Tally::default();
        let resting =
            self.outage.as_ref().is_some_and(|o| o.until.is_none_or(|until| Instant::now() < until));
        if wake == Wake::Tick && (resting || self.is_quiet()) {
            return tally;
        }
        let end = self.cycle(wake, stop, &mut tally).await;
        if !tally.is_empty() {
            info!(
                applied = tally.applied,
                parked = tally.parked,
                waiting = tally.waiting,
                passed = tally.passed,
                "cycle done"
            );
            let now = self.clock.now();
            self.report.last_cycle_at = Some(now);
            if tally.applied > 0 {
                self.report.last_applied_at = Some(now);
            }
            self.tell().await;
        }
        match end {
            Err(error) if !stop.is_cancelled() => self.interrupted(error).await,
            Ok(()) | Err(_) => {}
        }
        tally
    }

    async fn cycle(
        &mut self,
        wake: Wake,
        stop: &CancellationToken,
        tally: &mut Tally,
    ) -> Result<(), Interrupted> {
        // An operator's cycle takes up what waits for a later moment, too, and looks at the tables anew.
        let operator = wake == Wake::Operator;
        let mut ahead = if operator { limits::OPERATOR_AHEAD } else { Duration::ZERO };
        self.link.begin_cycle(operator);
        self.release_awaited(operator).await?;
        loop {
            if self.outage.is_some() || self.maybe_paused {
                self.contact().await?;
            }
            let due = self.clock.now().after(std::mem::take(&mut ahead));
            self.queue.begin_pass(due, Release { applied_at: self.applied_at }).await?;
            let before = *tally;
            self.pass(stop, tally).await?;
            if self.queue_problem.take().is_some() {
                info!("the queue file can be used again");
            }
            if tally.applied > before.applied {
                self.applied_at = Some(self.clock.now());
            }
            if tally.settled() == before.settled() || stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Makes sure that the HIS can be used; takes up paused events whose mapping fits (again).
    async fn contact(&mut self) -> Result<(), Interrupted> {
        self.own_links().await?;
        let age_max = if self.maybe_paused { limits::SCHEMA_AGE_PAUSED_MAX } else { limits::SCHEMA_AGE_MAX };
        let described = self.link.ready(age_max).await?;
        if let Some(outage) = self.outage.take() {
            let seconds = self.clock.now().seconds_since(outage.since);
            info!(seconds, "the HIS database can be used again");
        }
        if described && let Some(binding) = self.link.binding() {
            let resumed = self.queue.resume_paused(Kinds::These(binding.planner.sound_kinds())).await?;
            self.maybe_paused = binding.planner.has_unbound();
            if resumed > 0 {
                info!(events = resumed, "events of paused mappings are taken up again");
            }
        }
        self.told(None).await;
        Ok(())
    }

    /// Makes sure that the crosswalk's links point into this database: in another one they are other patients' rows.
    async fn own_links(&mut self) -> Result<(), Interrupted> {
        let Some(database) = &self.links_of else { return Ok(()) };
        match self.queue.links_of(database.clone()).await? {
            LinksOf::Ours => self.links_of = None,
            LinksOf::Other(other) => return Err(links_elsewhere(&other, database).into()),
        }
        Ok(())
    }

    async fn interrupted(&mut self, interrupted: Interrupted) {
        let error = match interrupted {
            Interrupted::Queue(error) => {
                let words = error.to_string();
                if self.queue_problem.as_ref() != Some(&words) {
                    error!(error = words, "the queue file cannot be used now; trying again at every tick");
                    self.queue_problem = Some(words);
                }
                return;
            }
            Interrupted::His(error) => error,
        };
        let now = self.clock.now();
        let (since, attempts, before) =
            self.outage.as_ref().map_or((now, 0, 0), |o| (o.since, o.attempts, o.refused));
        let refused = before + u32::from(error.counts_against_account());
        let rest = policy::rest(error.class, attempts, refused, fastrand::f64());
        let given_up = if rest.is_none() { LOGIN_GIVEN_UP } else { "" };
        let problem = format!("{}{given_up}", error.public);
        if attempts > 0 && (rest.is_some() || refused > limits::LOGINS_REFUSED_MAX) {
            debug!(code = error.code, attempts, "the HIS database still cannot be used");
        } else if error.class.needs_operator() {
            error!(code = error.code, "the HIS database cannot be used; events are kept and wait: {problem}");
        } else {
            warn!(
                code = error.code,
                "the HIS database cannot be reached; events are kept and wait: {problem}"
            );
        }
        self.link.distrust();
        let until = rest.map(|rest| Instant::now() + rest);
        self.outage = Some(Outage { since, attempts: attempts + 1, refused, until });
        self.report.next_attempt_at = rest.map(|rest| now.after(rest));
        self.told(Some(problem)).await;
    }

    /// Tells `status` whether the HIS can be used.
    async fn told(&mut self, problem: Option<String>) {
        let up = problem.is_none();
        if self.report.his_up != Some(up) {
            self.report.his_since = Some(self.clock.now());
        }
        self.report.his_up = Some(up);
        self.report.his_error = problem;
        if up {
            self.report.next_attempt_at = None;
        }
        self.tell().await;
    }

    async fn tell(&mut self) {
        if let Err(error) = self.queue.report(self.report.clone()).await {
            warn!(%error, "the daemon's state could not be recorded for the status command");
        }
    }

    fn is_quiet(&self) -> bool {
        let now = self.clock.now().utc().with_timezone(&self.zone).time();
        self.sync
            .quiet_hours
            .iter()
            .any(|(from, to)| if from <= to { *from <= now && now < *to } else { *from <= now || now < *to })
    }
}
