//! The thread that owns a connection: the client library blocks, and may do so for ever. Takes one job at a time, never lets
//! a panic out, and counts the threads that were given up, because nobody can end them. Knows no SQL.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicU8, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use oracle::Connection;
use tokio::sync::oneshot;

use crate::{his::HisError, model::outcome::FaultClass};

/// Threads that hang in the client library at most, before no further connection is tried.
const HUNG_MAX: usize = 8;
/// How long a connection that is in order may take to log off. Ending the process in the middle of it is harmless.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// Threads that were given up and are not back.
static HUNG: AtomicUsize = AtomicUsize::new(0);

type Job = Box<dyn FnOnce(&Connection) -> ControlFlow<()> + Send>;

/// What has become of a thread.
#[derive(Default)]
struct Fate(AtomicU8);

/// How long a call may take, and what it means when it takes longer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// The statement's time; then the connection is given up.
    Statement,
    /// It may wait for a lock, which Oracle does for ever. A call of many rows takes its time without any lock.
    Lock { rows: usize },
}

impl Fate {
    const RUNNING: u8 = 0;
    const GIVEN_UP: u8 = 1;
    const ENDED: u8 = 2;

    /// Nobody waits for it any more.
    fn give_up(&self) {
        let running =
            self.0.compare_exchange(Self::RUNNING, Self::GIVEN_UP, Ordering::SeqCst, Ordering::SeqCst);
        if running.is_ok() {
            HUNG.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn end(&self) {
        if self.0.swap(Self::ENDED, Ordering::SeqCst) == Self::GIVEN_UP {
            HUNG.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A thread with its connection.
pub(super) struct Thread {
    /// None once it is to end.
    jobs: Option<mpsc::Sender<Job>>,
    connection: Weak<Connection>,
    fate: Arc<Fate>,
    ended: mpsc::Receiver<()>,
}

/// A thread that is about to connect. Where it is dropped first, the thread is given up.
pub(super) struct Opening<T> {
    answer: oneshot::Receiver<Result<(Weak<Connection>, T), HisError>>,
    thread: Option<Thread>,
}

impl Thread {
    /// Starts a thread that connects by `connect`, which may block, and then takes jobs.
    pub(super) fn open<T: Send + 'static>(
        connect: impl FnOnce() -> Result<(Connection, T), HisError> + Send + 'static,
    ) -> Result<Opening<T>, HisError> {
        if HUNG.load(Ordering::SeqCst) >= HUNG_MAX {
            let message = format!(
                "{HUNG_MAX} earlier calls still hang in Oracle's client library, and no further one is made until one of them \
                 ends; where the database can be reached again and this goes on, restart this program"
            );
            return Err(HisError::plain(FaultClass::Unreachable, "oracle-hung", message));
        }
        let (jobs, queue) = mpsc::channel::<Job>();
        let (tell, answer) = oneshot::channel();
        let (told, ended) = mpsc::channel();
        let fate = Arc::new(Fate::default());
        let own = Arc::clone(&fate);
        let body = move || {
            let opened = catch_unwind(AssertUnwindSafe(connect)).unwrap_or_else(|_| Err(panicked()));
            // Closing may panic, too.
            let _ = catch_unwind(AssertUnwindSafe(|| match opened {
                Ok((connection, facts)) => serve(connection, facts, tell, &queue),
                Err(error) => drop(tell.send(Err(error))),
            }));
            own.end();
            let _ = told.send(());
        };
        let spawned = std::thread::Builder::new().name("oracle".to_owned()).spawn(body);
        spawned.map_err(|error| {
            let message = format!("no thread could be started for the Oracle connection: {error}");
            HisError::plain(FaultClass::Unreachable, "oracle-thread", message)
        })?;
        let thread = Self { jobs: Some(jobs), connection: Weak::new(), fate, ended };
        Ok(Opening { answer, thread: Some(thread) })
    }

    /// Begins `work`; none where the thread has ended. The receiver gets nothing where the thread ends with it.
    pub(super) fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, HisError> + Send + 'static,
    ) -> Option<oneshot::Receiver<Result<T, HisError>>> {
        let (tell, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let (answer, flow) = match catch_unwind(AssertUnwindSafe(|| work(connection))) {
                Ok(answer) => (answer, ControlFlow::Continue(())),
                Err(_) => (Err(panicked()), ControlFlow::Break(())),
            };
            // Nobody waits where the caller was dropped.
            let _ = tell.send(answer);
            flow
        });
        self.jobs.as_ref()?.send(job).ok()?;
        Some(answer)
    }

    /// Asks the server to break off what it does for this connection. Sending that may block as well: it has a thread of its
    /// own, which ends with the connection at the latest. The receiver gets its answer when it has been sent.
    pub(super) fn interrupt(&self) -> oneshot::Receiver<()> {
        let connection = self.connection.clone();
        let (tell, sent) = oneshot::channel();
        let body = move || {
            if let Some(connection) = connection.upgrade() {
                // Where it fails, the call does not come back, which is seen by the caller.
                let _ = catch_unwind(AssertUnwindSafe(|| connection.break_execution()));
            }
            // Nobody waits where the connection is given up.
            let _ = tell.send(());
        };
        if let Err(error) = std::thread::Builder::new().name("oracle-break".to_owned()).spawn(body) {
            tracing::warn!(%error, "no thread could be started to break off a call of the HIS database");
        }
        sent
    }

    /// Waits for it no more.
    pub(super) fn give_up(&self) {
        self.fate.give_up();
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs = None;
        if self.fate.0.load(Ordering::SeqCst) == Fate::RUNNING
            && self.ended.recv_timeout(CLOSE_TIME) == Err(mpsc::RecvTimeoutError::Timeout)
        {
            // A statement whose caller has gone: it must not keep its locks until it ends by itself.
            drop(self.interrupt());
            self.fate.give_up();
        }
    }
}

impl<T> Opening<T> {
    /// The thread, once it is connected, with what `connect` has told.
    pub(super) async fn wait(mut self) -> Result<(Thread, T), HisError> {
        let (connection, facts) = (&mut self.answer).await.unwrap_or_else(|_| Err(panicked()))?;
        let mut thread = self.thread.take().ok_or_else(panicked)?;
        thread.connection = connection;
        Ok((thread, facts))
    }
}

impl<T> Drop for Opening<T> {
    fn drop(&mut self) {
        // An attempt that was refused ends by itself.
        if let Some(thread) = &self.thread {
            thread.give_up();
        }
    }
}

/// Takes jobs until nobody is left who could send any.
fn serve<T>(
    connection: Connection,
    facts: T,
    tell: oneshot::Sender<Result<(Weak<Connection>, T), HisError>>,
    queue: &mpsc::Receiver<Job>,
) {
    let connection = Arc::new(connection);
    if tell.send(Ok((Arc::downgrade(&connection), facts))).is_err() {
        return;
    }
    while let Ok(job) = queue.recv() {
        if job(&connection).is_break() {
            break;
        }
    }
    // Logging off commits what is left open: <https://docs.oracle.com/en/database/oracle/oracle-database/19/lnoci/connect-authorize-and-initialize-functions.html>.
    // The client library rolls back before, but does not try again where a late break meets that.
    let _ = connection.rollback();
}

/// Its words hold no payload, which a panic's own could.
fn panicked() -> HisError {
    let message = "the Oracle driver broke off in the middle of a call; the connection is given up";
    HisError::plain(FaultClass::Unreachable, "oracle-broke-off", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_without_its_words() {
        let opening = Thread::open::<()>(|| panic!("secret")).expect("a thread");
        let error = opening.wait().await.map(drop).expect_err("no connection");
        assert_eq!((error.class, error.code.as_str()), (FaultClass::Unreachable, "oracle-broke-off"));
        assert!(!error.message.contains("secret"));
    }

    /// One test, because the count is the process's.
    #[tokio::test]
    async fn threads_that_hang_are_counted_and_limited() {
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let hang = || {
            let wait = Arc::clone(&wait);
            Thread::open::<()>(move || {
                let _ = wait.lock().map(|wait| wait.recv());
                Err(panicked())
            })
        };
        for _ in 0..HUNG_MAX {
            drop(hang().expect("a thread"));
        }
        let error = hang().map(drop).expect_err("too many");
        assert_eq!(error.code, "oracle-hung");
        drop(release);
        while HUNG.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        let refused = hang().expect("a thread again").wait().await.map(drop);
        assert_eq!(refused.expect_err("no connection").code, "oracle-broke-off");
    }
}
