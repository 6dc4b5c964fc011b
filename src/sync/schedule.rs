//! The cron schedule, which only ever wakes the worker: the scheduler may start jobs that overlap, so its jobs
//! do nothing that could. Begins anew where the clock was moved: a scheduler only knows when it is to ring next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Offset as _;
use chrono_tz::Tz;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    limits::{CLOCK_LOOK, CLOCK_STEP_MAX},
    model::clock::{Clock, Timestamp},
};

/// Why there is no schedule.
#[derive(Debug, thiserror::Error)]
#[error("the schedule cannot be kept: {0}")]
pub struct ScheduleError(#[from] JobSchedulerError);

/// Why the worker is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The schedule came round.
    Tick,
    /// An operator asked for it.
    Operator,
}

/// When to wake.
#[derive(Clone, Debug)]
pub struct Cron {
    /// The expression, with seconds.
    pub expression: String,
    /// Where its hours are those of the wall clock.
    pub zone: Tz,
}

/// A running schedule; it ends when this is shut down.
pub struct Schedule {
    stop: CancellationToken,
    keeper: JoinHandle<Result<(), ScheduleError>>,
}

impl Schedule {
    /// Sends a [`Wake::Tick`] whenever the cron expression comes round, and when the clock was moved. A tick that
    /// finds an earlier one not yet taken is dropped.
    pub async fn start(
        cron: Cron,
        wakes: mpsc::Sender<Wake>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ScheduleError> {
        let bell = Bell { wakes, clock, rung: Arc::new(AtomicI64::new(i64::MIN)) };
        let scheduler = begin(&cron, &bell).await?;
        let stop = CancellationToken::new();
        let keeper = tokio::spawn(keep(scheduler, cron, bell, stop.clone()));
        Ok(Self { stop, keeper })
    }

    /// Ends the schedule.
    pub async fn shutdown(self) -> Result<(), ScheduleError> {
        self.stop.cancel();
        // Where it has panicked there is nothing left to end.
        self.keeper.await.unwrap_or(Ok(()))
    }
}

/// What a scheduler rings.
#[derive(Clone)]
struct Bell {
    wakes: mpsc::Sender<Wake>,
    clock: Arc<dyn Clock>,
    /// What the clock said when it last rang.
    rung: Arc<AtomicI64>,
}

impl Bell {
    fn ring(&self) {
        self.rung.store(self.clock.now().0, Ordering::Relaxed);
        // Full means that a tick is waiting already.
        let _ = self.wakes.try_send(Wake::Tick);
    }

    /// Whether it rang at a time that has not come yet: the clock went forth and back, perhaps between two looks, and the
    /// scheduler waits for what comes after that.
    fn is_ahead(&self, now: Timestamp) -> bool {
        self.rung.load(Ordering::Relaxed) > now.after(CLOCK_STEP_MAX).0
    }
}

async fn begin(cron: &Cron, bell: &Bell) -> Result<JobScheduler, ScheduleError> {
    let scheduler = JobScheduler::new().await?;
    let bell = bell.clone();
    let job = Job::new_tz(&cron.expression, cron.zone, move |_, _| bell.ring())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Looks at the clock until it is told to stop; after a jump, and when summer time begins or ends (a job keeps the offset
/// that it was made with), another scheduler takes the place of the one that waits for the wrong moment.
async fn keep(
    mut scheduler: JobScheduler,
    cron: Cron,
    bell: Bell,
    stop: CancellationToken,
) -> Result<(), ScheduleError> {
    let offset = |now: Timestamp| now.utc().with_timezone(&cron.zone).offset().fix();
    let (mut before, mut looked) = (bell.clock.now(), Instant::now());
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(scheduler.shutdown().await?),
            () = tokio::time::sleep(CLOCK_LOOK) => {}
        }
        let (now, passed) = (bell.clock.now(), looked.elapsed());
        looked = Instant::now();
        let expected = before.after(passed);
        let moved = Duration::from_micros(now.0.abs_diff(expected.0));
        if moved > CLOCK_STEP_MAX || bell.is_ahead(now) || offset(now) != offset(before) {
            match begin(&cron, &bell).await {
                Ok(next) => {
                    info!(seconds = moved.as_secs(), "the clock was moved; the schedule begins anew");
                    if let Err(error) = std::mem::replace(&mut scheduler, next).shutdown().await {
                        // Its ticks do no harm.
                        warn!(%error, "the schedule of before did not stop");
                    }
                    bell.ring();
                }
                Err(error) => {
                    warn!(%error, "the clock was moved, and the schedule could not begin anew; trying again");
                    continue;
                }
            }
        }
        before = now;
    }
}
