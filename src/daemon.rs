//! The composition root: queue, listener, worker, schedule and pruning, started together and stopped in order.

use std::{
    io,
    mem::{Discriminant, discriminant},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    config::Config,
    housekeeping,
    http::{
        self, HttpLimits,
        tls::{Tls, TlsError},
    },
    ingest::{Door, Ingest, Refusal, Refusals},
    limits,
    model::{
        clock::Clock,
        event::{EventKind, RawEvent, Receipt},
        mapping::Mapping,
    },
    queue::{DaemonReport, Kinds, Queue, QueueError, QueueOptions},
    sync::{
        Worker,
        schedule::{Cron, Schedule, ScheduleError},
    },
};

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener.
    #[error("cannot listen on {address}: {source}; {}", listen_advice(source))]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The listener's certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The queue file.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The worker panicked.
    #[error(
        "the part that writes to the HIS has failed and the program has stopped; start it again, and report this with the log"
    )]
    Worker,
    /// The schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// A daemon that has everything it needs and does not serve yet.
pub struct Daemon {
    config: Config,
    queue: Queue,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
    /// The newest `sync --now` that was asked for before: whoever asks from now on gets a cycle.
    asked_before: u64,
}

impl Daemon {
    /// Opens the queue and the port. The HIS database is not needed for that.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let tls = config.server.tls.as_ref().map(|tls| Tls::load(tls, Arc::clone(&clock))).transpose()?;
        let queue = open_queue(&config)?;
        let asked_before = queue.requests().await?.sync_now;
        let listen = |source| StartError::Listen { address: config.server.listen, source };
        let listener = TcpListener::bind(config.server.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let tls = tls.map(Arc::new);
        Ok(Self { config, queue, listener, address, tls, clock, asked_before })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then finishes what was begun.
    pub async fn run(self, stop: CancellationToken) -> Result<(), StartError> {
        let Self { config, queue, listener, address, tls, clock, asked_before } = self;
        adopt(&config, &queue).await?;
        let (wake, wakes) = mpsc::channel(1);
        let cron = Cron { expression: config.sync.schedule.clone(), zone: config.database.timezone };
        let schedule = Schedule::start(cron, wake.clone(), Arc::clone(&clock)).await?;
        let report = DaemonReport { sync_done: asked_before, ..report(&config, address, &*clock) };
        let worker = Worker::new(&config, queue.clone(), Arc::clone(&clock), report);
        let (guard, until) = (stop.clone().drop_guard(), stop.clone());
        let worker = tokio::spawn(async move {
            // A worker that panics takes the daemon down with it: one that only collects events is no use.
            let _guard = guard;
            worker.run(wakes, until).await;
        });
        let pruning = tokio::spawn(housekeeping::keep(
            queue.clone(),
            config.queue.clone(),
            Arc::clone(&clock),
            stop.clone(),
        ));
        info!(%address, version = env!("CARGO_PKG_VERSION"), "accepting events");
        serve(&config, &queue, listener, tls, clock, stop).await;
        drop(wake);
        if let Err(error) = schedule.shutdown().await {
            warn!(%error, "the schedule did not stop");
        }
        // What is cut off here is taken up again at the next start, as after a crash.
        let worked = tokio::time::timeout(limits::STOP_DEADLINE, worker).await;
        if worked.is_err() {
            warn!(
                "the HIS database did not let the last batch end in time; it is repeated at the next start"
            );
        }
        pruning.abort();
        queue.close().await;
        if let Ok(Err(error)) = worked {
            error!(%error, "the worker failed; start the program again, and report this with the log");
            return Err(StartError::Worker);
        }
        info!("stopped");
        Ok(())
    }
}

/// How the configuration wants the queue file opened.
#[must_use]
pub fn queue_options(config: &Config) -> QueueOptions {
    QueueOptions {
        path: config.queue.path.clone(),
        events_max: config.queue.events_max,
        free_bytes_min: config.queue.free_bytes_min,
        replace_damaged: config.queue.replace_damaged,
        encrypt: config.queue.encrypt,
        key: config.queue.key.clone(),
    }
}

/// Opens the queue file and tells what was found in it.
pub fn open_queue(config: &Config) -> Result<Queue, QueueError> {
    let (queue, opened) = Queue::open(queue_options(config))?;
    if let Some(aside) = &opened.set_aside {
        error!(
            file = %aside.display(),
            "THE QUEUE FILE WAS DAMAGED and was set aside under this name; a fresh one was begun, and events that had not reached the HIS are in the damaged file alone"
        );
    }
    if opened.recovered > 0 {
        warn!(
            events = opened.recovered,
            "the last run ended in the middle of a batch; its events are repeated"
        );
    }
    info!(waiting = opened.unfinished, fresh = opened.fresh, "queue file open");
    Ok(queue)
}

/// Events that nothing mapped when they came, and that are mapped now, get their turn.
pub async fn adopt(config: &Config, queue: &Queue) -> Result<(), QueueError> {
    // Also as they are called without their operation, which stands in a field of its own then.
    let names = |m: &Mapping| [m.kind.clone(), EventKind(m.kind.base().to_owned())];
    let kinds = config.mappings.by_kind.values().flat_map(names).collect();
    let adopted = queue.adopt(Kinds::These(kinds)).await?;
    // Also those whose mapping is gone: they are unmapped now, and hold up nobody.
    queue.resume_paused(Kinds::All).await?;
    if adopted > 0 {
        info!(events = adopted, "events that nothing mapped before are mapped now and will be applied");
    }
    Ok(())
}

/// What `status` is told of this process.
#[must_use]
pub fn report(config: &Config, address: SocketAddr, clock: &dyn Clock) -> DaemonReport {
    DaemonReport {
        pid: std::process::id(),
        started_at: clock.now(),
        listen: address.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_path: config.path.display().to_string(),
        database: config.database.words(),
        ..DaemonReport::default()
    }
}

async fn serve(
    config: &Config,
    queue: &Queue,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let (appending, looking) = (queue.clone(), queue.clone());
    let acceptance = Arc::new(Acceptance::default());
    let mappings = config.mappings.clone();
    let refusals = Arc::new(Refusals::default());
    let ingest = Ingest {
        append: move |event| {
            let (queue, acceptance) = (appending.clone(), Arc::clone(&acceptance));
            async move { acceptance.told(queue.append(event).await) }
        },
        health: move || looking.health().refusing.map_or(Ok(()), |_| Err(Refusal::Failed)),
        is_mapped: move |event: &RawEvent| mappings.find(&event.kind, event.operation.as_deref()).is_some(),
        clock,
        reject_unmapped: config.server.reject_unmapped,
        door: Door::new(&config.auth, config.server.requests_per_second_max),
        refusals: Arc::clone(&refusals),
    };
    let http_limits = HttpLimits::from(&config.server);
    let served = http::serve(listener, http_limits, tls, ingest.handler(), stop.cancelled_owned());
    // Beside the requests: what was refused after the last telling would else wait for the next refusal.
    let telling = async {
        loop {
            tokio::time::sleep(limits::REFUSED_TOLD_EVERY).await;
            refusals.tell_counted(Instant::now(), false);
        }
    };
    let stopped = tokio::select! {
        stopped = served => stopped,
        () = telling => return,
    };
    refusals.tell_counted(Instant::now(), true);
    if stopped.cut > 0 {
        warn!(connections = stopped.cut, "connections were cut at the stop's deadline");
    }
}

/// How often it is told that events are being refused: at the cap, each event that is applied makes room for one more.
const REFUSING_TOLD_EVERY: Duration = Duration::from_mins(1);

/// Whether events are being refused: told when it begins and when it ends, for each cause once a minute at most.
#[derive(Default)]
struct Acceptance {
    /// That they are was told, and not that they are kept again.
    refusing: AtomicBool,
    told: Mutex<Vec<(Discriminant<QueueError>, Instant)>>,
}

impl Acceptance {
    fn told(&self, appended: Result<Receipt, QueueError>) -> Result<Receipt, Refusal> {
        match &appended {
            Ok(_) if self.refusing.load(Ordering::Relaxed) => {
                if self.refusing.swap(false, Ordering::Relaxed) {
                    info!("events are kept again");
                }
            }
            Ok(_) => {}
            Err(error) => {
                if self.begins(discriminant(error), Instant::now()) {
                    error!(%error, "events cannot be kept; their senders are told to send them again later");
                }
            }
        }
        appended.map_err(|error| match error {
            QueueError::AtCap { .. } => Refusal::AtCap,
            QueueError::DiskLow { .. } | QueueError::Full { .. } | QueueError::Disk { .. } => {
                Refusal::DiskLow
            }
            _ => Refusal::Failed,
        })
    }

    /// Whether it is to be told that events are refused for that cause.
    fn begins(&self, cause: Discriminant<QueueError>, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(_, at)| now.saturating_duration_since(*at) < REFUSING_TOLD_EVERY);
        let is_due = told.iter().all(|(other, _)| *other != cause);
        let begins = is_due && !self.refusing.swap(true, Ordering::Relaxed);
        if begins {
            told.push((cause, now));
        }
        begins
    }
}

fn listen_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program (or another buktor-middleware) uses the port: stop it, or set \"server\": {\"listen\": \"127.0.0.1:PORT\"}"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: set \"server\": {\"listen\": \"127.0.0.1:5000\"}"
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not listen there: use a port from 1024 on, \"server\": {\"listen\": \"127.0.0.1:5000\"}"
        }
        _ => "set another address in \"server\": {\"listen\": \"127.0.0.1:5000\"}",
    }
}

/// Listens from now on for what asks a process to stop: SIGTERM and SIGINT; on Windows Ctrl-C, Ctrl-Break, the
/// closing of the console and the machine's shutdown. The future completes at the first of them.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows;
        let (mut c, mut brk) = (windows::ctrl_c()?, windows::ctrl_break()?);
        let (mut close, mut down) = (windows::ctrl_close()?, windows::ctrl_shutdown()?);
        Ok(async move {
            tokio::select! {
                _ = c.recv() => {}
                _ = brk.recv() => {}
                _ = close.recv() => {}
                _ = down.recv() => {}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusing_is_told_once_a_minute_for_each_cause() {
        let acceptance = Acceptance::default();
        let (cap, disk) = (QueueError::AtCap { events_max: 1 }, QueueError::DiskLow { free: 0, min: 1 });
        let start = Instant::now();
        let begins = |error: &QueueError, second: u64| {
            let begins = acceptance.begins(discriminant(error), start + Duration::from_secs(second));
            // The next event is kept.
            acceptance.refusing.store(false, Ordering::Relaxed);
            begins
        };
        assert!(begins(&cap, 0));
        assert!(!(1..60).any(|second| begins(&cap, second)));
        assert!(begins(&disk, 30));
        assert!(begins(&cap, 60));
        assert!(!begins(&cap, 61) && !begins(&disk, 61));
        acceptance.refusing.store(true, Ordering::Relaxed);
        let late = acceptance.begins(discriminant(&cap), start + Duration::from_mins(5));
        assert!(!late, "it was told, and is still so");
    }
}
