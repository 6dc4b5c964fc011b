//! What the scenario tests stand on: the daemon as a process, a database of its own for each test, a proxy that
//! breaks connections, and waiting for conditions. No test sleeps for a fixed time.

use std::time::{Duration, Instant};

pub(crate) mod daemon;
#[cfg(target_os = "linux")]
pub(crate) mod disk;
#[cfg(target_os = "linux")]
pub(crate) mod faulty;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod mariadb;
pub(crate) mod proxy;
pub(crate) mod seed;
pub(crate) mod source;
pub(crate) mod tables;
#[cfg(target_os = "linux")]
pub(crate) mod traffic;

/// A number that no other test of a run has: those of processes come again when there have been many. Short, because a user's
/// name in MySQL 5.6 has sixteen letters at most.
pub(crate) fn unique() -> String {
    format!("{:08x}", fastrand::u32(..))
}

/// How long a condition may take to come true: many ticks, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; fails after 20 s with what was awaited.
pub(crate) fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, condition);
}

/// Waits until `condition` holds, as long as `patience` says.
pub(crate) fn wait_for(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience, "waited {} s in vain until {what}", patience.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `read` gives `expected`; fails after 20 s with what it gave last.
pub(crate) fn wait_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    mut read: impl FnMut() -> T,
) {
    let start = Instant::now();
    loop {
        let found = read();
        if found == *expected {
            return;
        }
        if start.elapsed() >= PATIENCE {
            assert_eq!(found, *expected, "waited {} s in vain: {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
