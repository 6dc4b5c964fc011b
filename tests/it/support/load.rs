//! Senders under load: threads that post events, repeat what was not acknowledged as Buktor does, and remember
//! what was.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::json;

use super::http::Client;

/// How long a sender waits before it tries again.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Shared {
    address: Mutex<Option<SocketAddr>>,
    acknowledged: Mutex<BTreeSet<u32>>,
    sent: AtomicU32,
    stopped: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

/// Senders of `visit` events, each with a number of its own as its id and key.
pub(crate) struct Load {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many senders.
    pub(crate) fn start(address: SocketAddr, senders: u32) -> Self {
        let shared = Arc::new(Shared::default());
        *shared.address.lock().unwrap() = Some(address);
        let spawn = |_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || send(&shared))
        };
        let senders = (0..senders).map(spawn).collect();
        Self { shared, senders }
    }

    /// Tells the senders where the daemon listens now.
    pub(crate) fn moved(&self, address: SocketAddr) {
        *self.shared.address.lock().unwrap() = Some(address);
    }

    /// How many events were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.lock().unwrap().len()
    }

    /// Ends the senders; gives the acknowledged numbers, and the least number that nobody sent.
    pub(crate) fn end(self) -> (BTreeSet<u32>, u32) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for sender in self.senders {
            sender.join().unwrap();
        }
        let wrong = self.shared.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} answers were wrong, the first: {}", wrong.len(), wrong[0]);
        (self.shared.acknowledged.lock().unwrap().clone(), self.shared.sent.load(Ordering::SeqCst) + 1)
    }
}

/// Sends one event after the other. One that was not acknowledged is sent again, under the same id, unless the
/// load ends meanwhile.
fn send(shared: &Shared) {
    let mut client = None;
    let mut number = None;
    while !shared.stopped.load(Ordering::SeqCst) {
        let address = *shared.address.lock().unwrap();
        let Some(connection) = client.take().or_else(|| Client::connect(address?).ok()) else {
            thread::sleep(PAUSE);
            continue;
        };
        let mut connection: Client = connection;
        let current = *number.get_or_insert_with(|| shared.sent.fetch_add(1, Ordering::SeqCst) + 1);
        let event = json!({
            "event_id": format!("load-{current}"), "event_type": "visit", "visit_id": current, "status": "new",
            "note": format!("note of {current}"),
        });
        match connection.post(&event) {
            Ok(reply) if reply.status == 200 => {
                shared.acknowledged.lock().unwrap().insert(current);
                number = None;
                client = Some(connection);
            }
            // A daemon that stops may say so; Buktor tries again.
            Ok(reply) if reply.status == 503 => thread::sleep(PAUSE),
            Ok(reply) => shared.wrong.lock().unwrap().push(format!("{reply:?}")),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
