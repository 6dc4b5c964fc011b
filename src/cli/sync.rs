//! `sync --now`: one cycle at once, by the running daemon, or by this process where none runs.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config,
        operator::operator,
        output, runtime,
    },
    config::Config,
    daemon,
    model::{clock::SystemClock, event::EventState},
    queue::{AuditAction, Inspector, QueueError},
    sync::{Worker, schedule::Wake},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write now; also what waits for a later attempt
    #[arg(long, required = true)]
    now: bool,
    /// How long to wait for the running daemon, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    wait: u64,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let problem = |e: QueueError| Failure::new(Exit::Problems, e);
    let inspector = Inspector::open(&config.queue.path, &config.queue.key).map_err(problem)?;
    if inspector.is_running().map_err(problem)? {
        ask(&inspector, Duration::from_secs(args.wait))?;
    } else {
        output::talk("no daemon is running; this command does the work itself");
        inspector.note(&operator("sync --now"), AuditAction::Sync, None).map_err(problem)?;
        here(&config)?;
    }
    outcome(&inspector)
}

/// Asks the daemon and waits until a cycle that began after the question has ended.
fn ask(inspector: &Inspector, wait: Duration) -> Result<(), Failure> {
    let problem = |e: QueueError| Failure::new(Exit::Problems, e);
    let ticket = inspector.request_sync(&operator("sync --now")).map_err(problem)?;
    let asked_at = Instant::now();
    while !inspector.sync_done(ticket).map_err(problem)? {
        if !inspector.is_running().map_err(problem)? {
            return Err(Failure::new(
                Exit::Problems,
                "the daemon has stopped before it was done; run the command again",
            ));
        }
        if asked_at.elapsed() > wait {
            let words = "the daemon is still at work; it goes on by itself, `buktor-middleware status` shows how far it is";
            return Err(Failure::new(Exit::Problems, words));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn here(config: &Config) -> Result<(), Failure> {
    let work = async {
        let queue = daemon::open_queue(config)?;
        daemon::adopt(config, &queue).await?;
        let report = daemon::report(config, config.server.listen, &SystemClock);
        let mut worker = Worker::new(config, queue.clone(), Arc::new(SystemClock), report);
        worker.wake(Wake::Operator, &CancellationToken::new()).await;
        drop(worker);
        queue.close().await;
        Ok(())
    };
    runtime()?.block_on(work).map_err(|e: QueueError| Failure::new(Exit::Problems, e))
}

/// Says what is left; fails where the HIS could not be used.
fn outcome(inspector: &Inspector) -> Result<Exit, Failure> {
    let problem = |e: QueueError| Failure::new(Exit::Problems, e);
    let report = inspector.daemon().map_err(problem)?.map(|d| d.report);
    if let Some(error) = report.filter(|r| r.his_up == Some(false)).and_then(|r| r.his_error) {
        return Err(Failure::new(Exit::Unreachable, format!("the HIS database cannot be used: {error}")));
    }
    let counts = inspector.counts().map_err(problem)?;
    let of = |states: &[EventState]| states.iter().filter_map(|s| counts.get(s)).sum::<u64>();
    let waiting = of(&[EventState::Pending, EventState::Deferred, EventState::Held, EventState::Waiting]);
    let looked_at: u64 = counts.iter().filter(|(s, _)| s.needs_operator()).map(|(_, n)| n).sum();
    output::data(&format!(
        "{} applied in all, {waiting} waiting, {looked_at} need attention (see `buktor-middleware events list`)",
        of(&[EventState::Applied])
    ))?;
    Ok(Exit::Done)
}
