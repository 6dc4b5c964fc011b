//! The owner thread: takes requests in the order in which they came, puts appends that wait together into one
//! commit, and answers after it. Nothing else in the daemon writes to the queue file.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    limits::COMMIT_REQUESTS_MAX,
    model::event::{RawEvent, Receipt},
    queue::{Health, HealthCell, QueueError, open::DaemonLock, store::Store},
};

/// A moment without requests that is long enough to write the log back into the file.
const QUIET: Duration = Duration::from_millis(50);

/// How long the thread looks for the next request before it sleeps: waking a sleeping thread takes about as long as
/// half a commit. It yields between the looks, so that it takes no time from who has work.
const LINGER: Duration = Duration::from_micros(100);

/// One request, with its place in the channel until it is served.
pub(super) struct Request {
    pub(super) work: Work,
    pub(super) room: OwnedSemaphorePermit,
}

/// What is asked for.
pub(super) enum Work {
    /// Store an event; may share a commit with others.
    Append(Append),
    /// Anything else; commits by itself.
    Job(Box<dyn FnOnce(&mut Store) + Send>),
    /// End the thread.
    Close(oneshot::Sender<Result<(), QueueError>>),
}

/// An event on its way into the file.
pub(super) struct Append {
    pub(super) event: RawEvent,
    pub(super) reply: oneshot::Sender<Result<Receipt, QueueError>>,
}

/// Serves requests until it is told to end, or until nobody is left to ask.
// The lock stands first among the parameters, because in a panic they are dropped from the last to the first.
pub(super) fn run(lock: DaemonLock, mut store: Store, inbox: &Receiver<Request>, health: Arc<HealthCell>) {
    let _closed = Closed(health);
    store.publish();
    let close = serve(&mut store, inbox);
    store.checkpoint("TRUNCATE");
    // In this order, so that no other daemon has the file before this one is done with it.
    drop(store);
    drop(lock);
    if let Some(reply) = close {
        // Where nobody waits for it, the end has come all the same.
        drop(reply.send(Ok(())));
    }
}

/// Makes the end of the thread known, by whichever way it comes.
struct Closed(Arc<HealthCell>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.set(Health { refusing: Some(QueueError::Closed), ..self.0.get() });
        if std::thread::panicking() {
            tracing::error!("the thread of the queue file has panicked: nothing is accepted until a restart");
        }
    }
}

fn serve(store: &mut Store, inbox: &Receiver<Request>) -> Option<oneshot::Sender<Result<(), QueueError>>> {
    // A request that was taken while a group was gathered, and does not belong to it.
    let mut next = None;
    loop {
        let Request { work, room } = match next.take() {
            Some(request) => request,
            None => wait(store, inbox)?,
        };
        match work {
            Work::Append(first) => {
                let mut group = vec![first];
                let mut rooms = vec![room];
                while group.len() < COMMIT_REQUESTS_MAX
                    && let Ok(request) = inbox.try_recv()
                {
                    match request.work {
                        Work::Append(append) => {
                            group.push(append);
                            rooms.push(request.room);
                        }
                        work => {
                            next = Some(Request { work, room: request.room });
                            break;
                        }
                    }
                }
                append(store, group);
            }
            Work::Job(job) => job(store),
            Work::Close(reply) => return Some(reply),
        }
    }
}

/// The next request; none where nobody is left to send one.
fn wait(store: &mut Store, inbox: &Receiver<Request>) -> Option<Request> {
    let served = Instant::now();
    while served.elapsed() < LINGER {
        match inbox.try_recv() {
            Ok(request) => return Some(request),
            Err(TryRecvError::Empty) => std::thread::yield_now(),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
    while store.checkpoint_due() {
        match inbox.recv_timeout(QUIET) {
            Ok(request) => return Some(request),
            Err(RecvTimeoutError::Timeout) => store.checkpoint("PASSIVE"),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    inbox.recv().ok()
}

fn append(store: &mut Store, group: Vec<Append>) {
    let events: Vec<&RawEvent> = group.iter().map(|append| &append.event).collect();
    let stored = store.append(&events);
    store.publish();
    // Those who no longer wait for their answer have their events stored all the same.
    match stored {
        Ok(results) => {
            for (append, result) in group.into_iter().zip(results) {
                drop(append.reply.send(result));
            }
        }
        Err(error) => {
            for append in group {
                drop(append.reply.send(Err(error.clone())));
            }
        }
    }
}
