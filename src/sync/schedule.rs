//! The cron schedule, which only ever wakes the worker: the scheduler may start jobs that overlap, so its jobs
//! do nothing that could.

use chrono_tz::Tz;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

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

/// A running schedule; it ends when this is shut down.
pub struct Schedule(JobScheduler);

impl Schedule {
    /// Sends a [`Wake::Tick`] whenever the cron expression (with seconds, in that zone) comes round. A tick that
    /// finds an earlier one not yet taken is dropped.
    pub async fn start(cron: &str, zone: Tz, wakes: mpsc::Sender<Wake>) -> Result<Self, ScheduleError> {
        let scheduler = JobScheduler::new().await?;
        let job = Job::new_tz(cron, zone, move |_, _| {
            // Full means that a tick is waiting already.
            let _ = wakes.try_send(Wake::Tick);
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self(scheduler))
    }

    /// Ends the schedule.
    pub async fn shutdown(mut self) -> Result<(), ScheduleError> {
        Ok(self.0.shutdown().await?)
    }
}
