//! A hospital inside this process: a configuration, a queue file, a worker, an embedded HIS and a clock. Judges nothing.

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use buktor_middleware::{
    config::{Config, QueueKey},
    daemon,
    ingest::envelope,
    limits,
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::Receipt,
    },
    queue::{Inspector, Operator, Queue, Retention},
    sync::{Tally, Worker, schedule::Wake},
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Who acts in the operator's place.
pub(super) fn operator() -> Operator {
    Operator { user: "test".to_owned(), command: "test".to_owned() }
}

/// A clock that stands until it is moved.
pub(super) struct HandClock(AtomicI64);

impl HandClock {
    pub(super) fn advance(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// What lives until it is closed or crashes.
struct Life {
    runtime: Runtime,
    queue: Queue,
    worker: Worker,
}

/// See the module. The folder is gone with its value.
pub(super) struct House {
    folder: TempDir,
    pub(super) clock: Arc<HandClock>,
    life: Option<Life>,
}

impl House {
    /// An embedded HIS with these tables, under that mapping; the daemon is not open yet.
    pub(super) fn new(tables: &str, mapping: Value, batch_events: usize) -> Self {
        // In memory where there is such a place: what the disk does is for other tests.
        let place = Path::new("/dev/shm");
        let place = if place.is_dir() { place.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("buktor-inside.").tempdir_in(place).unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(SystemClock.now().0)));
        let house = Self { folder, clock, life: None };
        house.his().execute_batch(tables).unwrap();
        house.configure(mapping, batch_events);
        house
    }

    /// Writes the configuration; it holds from the next opening on.
    pub(super) fn configure(&self, mapping: Value, batch_events: usize) {
        let mut config = json!({
            "queue": {"path": "queue.db", "min_free_mb": 1},
            "sync": {"batch_events": batch_events},
            "database": {"type": "sqlite", "path": "his.db", "timezone": "UTC", "lock_timeout_s": 1},
        });
        config["mapping"] = mapping;
        fs::write(self.path("his-config.json"), config.to_string()).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another session of the HIS.
    pub(super) fn his(&self) -> Connection {
        let connection = Connection::open(self.path("his.db")).unwrap();
        // What the HIS promises of a power cut is no matter here.
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection
    }

    /// A look into the queue file, as the commands have it.
    pub(super) fn look(&self) -> Inspector {
        Inspector::open(&self.path("queue.db"), &QueueKey::File(self.path("queue.key"))).unwrap()
    }

    /// Starts the daemon's inner half.
    pub(super) fn open(&mut self) {
        let config = Config::load(&self.path("his-config.json")).unwrap_or_else(|e| panic!("{e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let queue = daemon::open_queue(&config).unwrap();
        runtime.block_on(daemon::adopt(&config, &queue)).unwrap();
        let report = daemon::report(&config, ([127, 0, 0, 1], 0).into(), &*self.clock);
        let clock: Arc<dyn Clock> = self.clock.clone();
        let worker = Worker::new(&config, queue.clone(), clock, report);
        self.life = Some(Life { runtime, queue, worker });
    }

    /// Ends it in order.
    pub(super) fn close(&mut self) {
        let Life { runtime, queue, worker } = self.life.take().expect("it is open");
        drop(worker);
        runtime.block_on(queue.close());
    }

    pub(super) fn append(&self, body: &Value) -> Receipt {
        self.append_many(std::slice::from_ref(body)).pop().unwrap()
    }

    /// Appends events that come at the same time, in this order.
    pub(super) fn append_many(&self, bodies: &[Value]) -> Vec<Receipt> {
        let life = self.life.as_ref().expect("it is open");
        let now = self.clock.now();
        life.runtime.block_on(async {
            let one = |body: &Value| {
                let event = envelope::read(body.to_string().as_bytes(), now).unwrap();
                let queue = life.queue.clone();
                tokio::spawn(async move { queue.append(event).await })
            };
            let mut receipts = Vec::with_capacity(bodies.len());
            for task in bodies.iter().map(one).collect::<Vec<_>>() {
                receipts.push(task.await.unwrap().unwrap());
            }
            receipts
        })
    }

    /// One cycle, that takes up everything.
    pub(super) fn cycle(&mut self) -> Tally {
        let Life { runtime, worker, .. } = self.life.as_mut().expect("it is open");
        runtime.block_on(worker.wake(Wake::Operator, &CancellationToken::new()))
    }

    /// What the schedule starts.
    pub(super) fn tick(&mut self) -> Tally {
        let Life { runtime, worker, .. } = self.life.as_mut().expect("it is open");
        runtime.block_on(worker.wake(Wake::Tick, &CancellationToken::new()))
    }

    /// Begins a cycle, has the process die after so many steps of it, and starts anew. Gives whether the cycle had ended before.
    pub(super) fn crash(&mut self, steps: u32) -> bool {
        let Life { runtime, queue, mut worker } = self.life.take().expect("it is open");
        let ended = runtime.block_on(async {
            let stop = CancellationToken::new();
            let mut wake = Box::pin(worker.wake(Wake::Operator, &stop));
            let mut left = steps;
            std::future::poll_fn(move |context| {
                if left == 0 {
                    return Poll::Ready(false);
                }
                left -= 1;
                wake.as_mut().poll(context).map(|_| true)
            })
            .await
        });
        drop(worker);
        // What the HIS was asked for ends, with an answer that nobody hears; the queue's claims stay open in its file.
        runtime.block_on(queue.close());
        drop(runtime);
        self.open();
        ended
    }

    /// Erases what is old enough, as the daemon's housekeeping does.
    pub(super) fn prune(&self, keep_applied: Duration, keep_entities: Duration) {
        let life = self.life.as_ref().expect("it is open");
        let (queue, now) = (&life.queue, self.clock.now());
        let retention = Retention {
            applied_before: now.before(keep_applied),
            parked_before: None,
            entities_before: now.before(keep_entities),
        };
        let keep_audit = Duration::from_hours(24 * u64::from(limits::KEEP_AUDIT_DAYS_DEFAULT));
        life.runtime.block_on(async {
            loop {
                let erased = queue.prune(retention).await.unwrap();
                if !erased.more && erased.finished + erased.parked == 0 {
                    break;
                }
            }
            let operators_before = now.before(limits::KEEP_AUDIT_OPERATORS);
            while queue.prune_audit(now.before(keep_audit), operators_before).await.unwrap() > 0 {}
            queue.tidy().await.unwrap();
        });
    }
}
