//! The connections that are open, and how a new one always gets in: what has kept its request back longest is cut for
//! it. A request that is complete is never cut, nor what a client has sent by then left unread.

use std::{
    future::poll_fn,
    net::IpAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering, fence},
    },
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::http::registry::{Address, Bounds, Phase, Registry, Seat, asked};

/// How long after a cut every connection is closed with its reply, which says so: none is left idle then, that would
/// have to be cut in the moment in which its client sends the next request.
const PRESSED_TIME: Duration = Duration::from_secs(10);
/// How often cuts are told in the log.
const TOLD_EVERY: Duration = Duration::from_mins(1);
/// Looks at a body that is to be cut and of which nothing more comes, so that what was received finds its way to whoever
/// reads it.
const LAST_LOOKS: u32 = 3;
/// Looks at a connection that is to be cut and of which more comes all the time.
const LOOKS_MAX: u32 = 64;

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct Connections {
    epoch: Instant,
    registry: Mutex<Registry>,
    /// Rings when a connection has ended, or could make room.
    changed: Notify,
    /// Somebody waits for that.
    awaited: AtomicBool,
    /// Rings when a body has given up its bytes.
    freed: Notify,
    /// When a connection was cut last, in microseconds since the epoch; 0 for never.
    cut_at: AtomicU64,
    cuts: Told,
    bodies: Told,
}

impl Connections {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            epoch: Instant::now(),
            registry: Mutex::new(Registry::new(bounds)),
            changed: Notify::new(),
            awaited: AtomicBool::new(false),
            freed: Notify::new(),
            cut_at: AtomicU64::new(0),
            cuts: Told::default(),
            bodies: Told::default(),
        })
    }

    /// A place for a new connection, as soon as there is one; usually at once.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Place {
        let address = Address::of(peer);
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let now = self.now();
            let admitted = self.registry().admit(address, now);
            if let Some((number, seat)) = admitted {
                self.awaited.store(false, Ordering::Relaxed);
                return Place { connections: Arc::clone(self), number, seat };
            }
            if self.awaited.swap(true, Ordering::SeqCst) {
                changed.await;
            }
        }
    }

    /// Asks all connections to end, each after the request that is under way, or at once.
    pub(super) fn stop(&self, at_once: bool) {
        self.registry().ask_all(if at_once { asked::NOW } else { asked::STOP });
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.registry().count()
    }

    /// Resolves when there are none.
    pub(super) async fn all_ended(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            self.awaited.store(true, Ordering::SeqCst);
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing panics while it holds this, and every change is whole.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn is_pressed(&self, now: u64) -> bool {
        let cut_at = self.cut_at.load(Ordering::Relaxed);
        cut_at > 0 && now.saturating_sub(cut_at) < micros(PRESSED_TIME)
    }

    fn tell_cut(&self) {
        let now = self.now();
        self.cut_at.store(now, Ordering::Relaxed);
        if let Some(connections) = self.cuts.count(now) {
            tracing::warn!(
                connections,
                "too many connections: those that kept their requests back longest were cut for new ones"
            );
        }
    }

    fn tell_change(&self) {
        if self.awaited.load(Ordering::SeqCst) {
            self.changed.notify_one();
        }
    }
}

/// A connection's place among the others, from its first byte to its last.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    seat: Arc<Seat>,
}

impl Place {
    /// Something was read.
    pub(super) fn has_read(&self) {
        self.seat.count_read();
        if self.seat.phase() == Phase::Idle {
            self.seat.set_since(self.connections.now());
            self.seat.set_phase(Phase::Coming);
        }
    }

    /// A request's headers are complete.
    pub(super) fn has_headers(&self, with_body: bool) {
        self.turn(if with_body { Phase::Body } else { Phase::Answering });
    }

    /// Its body is complete, too.
    pub(super) fn has_body(&self) {
        self.turn(Phase::Answering);
    }

    fn turn(&self, phase: Phase) {
        self.seat.set_phase(phase);
    }

    /// The reply is there; gives whether the connection is to be closed with it.
    pub(super) fn has_reply(&self) -> bool {
        let unread = self.seat.phase() == Phase::Body;
        let now = self.connections.now();
        self.seat.set_since(now);
        self.turn(if unread { Phase::Refused } else { Phase::Idle });
        if self.seat.holds_bytes() {
            self.connections.registry().release(&self.seat);
            self.connections.freed.notify_waiters();
        }
        // The phase is to be seen by whoever waits and did not say so yet.
        fence(Ordering::SeqCst);
        self.connections.tell_change();
        unread || self.connections.is_pressed(now)
    }

    /// Whether the client may still be sending the body of a request that has its reply, and time may be lost on it.
    pub(super) fn lingers(&self) -> bool {
        self.seat.phase() == Phase::Refused && !self.seat.is_asked(asked::ROOM | asked::NOW)
    }

    /// Whether the body that is being read must be given up.
    pub(super) fn must_give_up(&self) -> bool {
        self.seat.is_asked(asked::BYTES | asked::LAST | asked::NOW)
    }

    /// The body that is being read was given up. Where that was for its connection's place, it is told as such.
    pub(super) fn has_given_up(&self) {
        if !self.seat.is_asked(asked::BYTES) {
            return;
        }
        if let Some(bodies) = self.connections.bodies.count(self.connections.now()) {
            tracing::warn!(bodies, "too many large bodies at once: those that came slowest were cut");
        }
    }

    /// Lets the body hold so many bytes more, as soon as all bodies together may; `false` where it must be given up.
    pub(super) async fn reserve(&self, more: usize) -> bool {
        loop {
            let mut freed = pin!(self.connections.freed.notified());
            freed.as_mut().enable();
            if self.connections.registry().reserve(&self.seat, more) {
                return true;
            }
            let given_up = poll_fn(|cx| {
                if self.must_give_up() {
                    return Poll::Ready(true);
                }
                freed.as_mut().poll(cx).map(|()| false)
            });
            if given_up.await {
                return false;
            }
        }
    }

    /// Runs what serves the connection until it ends, or is cut. `close` tells it to end after the request that is
    /// under way; `false` where it knows no such thing, and is to be cut.
    pub(super) async fn attend<F: Future>(
        &self,
        serving: F,
        mut close: impl FnMut(Pin<&mut F>) -> bool,
    ) -> Option<F::Output> {
        let mut serving = pin!(serving);
        let mut bell = pin!(self.seat.bell.notified());
        let (mut looks, mut told) = (0, false);
        poll_fn(|cx| {
            loop {
                let reads = self.seat.reads();
                if let Poll::Ready(ended) = serving.as_mut().poll(cx) {
                    return Poll::Ready(Some(ended));
                }
                match self.order(reads != self.seat.reads(), &mut looks, told) {
                    Order::GoOn if bell.as_mut().poll(cx).is_pending() => return Poll::Pending,
                    Order::GoOn => bell.set(self.seat.bell.notified()),
                    Order::Look => {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Order::Close => {
                        told = true;
                        if !close(serving.as_mut()) {
                            return Poll::Ready(None);
                        }
                    }
                    Order::Cut => return Poll::Ready(None),
                }
            }
        })
        .await
    }

    /// What becomes of a connection that waits for its client. What the client has sent already is read first.
    fn order(&self, has_read: bool, looks: &mut u32, told: bool) -> Order {
        let seat = &self.seat;
        if seat.is_asked(asked::NOW) {
            return Order::Cut;
        }
        if seat.is_asked(asked::ROOM) && seat.phase() == Phase::Answering {
            *looks = 0;
            seat.excuse(asked::ROOM | asked::LAST);
            self.connections.tell_change();
        }
        if seat.is_asked(asked::ROOM) {
            let looks_max = if has_read { LOOKS_MAX } else { LAST_LOOKS };
            if seat.is_asked(asked::LAST) {
                return Order::Cut;
            }
            if *looks < looks_max && (has_read || seat.phase() == Phase::Body) {
                *looks += 1;
                return Order::Look;
            }
            seat.ask(asked::LAST);
            self.connections.tell_cut();
            return Order::Close;
        }
        if seat.is_asked(asked::STOP) && !told { Order::Close } else { Order::GoOn }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held_bytes = self.seat.holds_bytes();
        self.connections.registry().leave(self.number);
        if held_bytes {
            self.connections.freed.notify_waiters();
        }
        self.connections.tell_change();
    }
}

/// What to do with a connection whose client keeps us waiting.
enum Order {
    GoOn,
    /// There may be more to read.
    Look,
    /// To end in order.
    Close,
    Cut,
}

/// Counts what happens in bursts, and says when it is time to tell of it.
#[derive(Debug, Default)]
struct Told {
    since_told: AtomicU64,
    told_at: AtomicU64,
}

impl Told {
    /// Counts one; gives how many there were since the last time, where that was long ago.
    fn count(&self, now: u64) -> Option<u64> {
        let count = self.since_told.fetch_add(1, Ordering::Relaxed) + 1;
        let told_at = self.told_at.load(Ordering::Relaxed);
        let due = told_at == 0 || now.saturating_sub(told_at) >= micros(TOLD_EVERY);
        let taken =
            due && self.told_at.compare_exchange(told_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        taken.then(|| {
            self.since_told.store(0, Ordering::Relaxed);
            count
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
