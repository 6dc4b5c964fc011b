//! How long a test of many random tries runs, and from which seed: `BUKTOR_TEST_SECONDS` and `BUKTOR_TEST_SEED`, which
//! tests/faults.sh sets. Without them the time is short and the seed a new one, printed at the start and on failure.
//! Must never give two runs of one seed different decisions.

use std::{
    env,
    time::{Duration, Instant},
};

use fastrand::Rng;

/// One run of a test of many tries. Says its seed at the start and, where the test fails, at the end; its totals by
/// [`Run::total`].
pub(crate) struct Run {
    name: &'static str,
    /// What decides everything that is decided at random.
    pub(crate) seed: u64,
    /// How long it may go on.
    pub(crate) budget: Duration,
    started: Instant,
}

impl Run {
    /// `short` is the time that it takes where nobody has asked for another.
    #[expect(clippy::print_stderr, reason = "the seed is what a failed run is repeated by")]
    pub(crate) fn new(name: &'static str, short: Duration) -> Self {
        let number = |name: &str| {
            let text = env::var(name).ok().filter(|t| !t.is_empty())?;
            Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is no whole number: {text}")))
        };
        let seed = number("BUKTOR_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
        let budget = number("BUKTOR_TEST_SECONDS").map_or(short, Duration::from_secs);
        eprintln!("{name}: BUKTOR_TEST_SEED={seed} for {} s", budget.as_secs());
        Self { name, seed, budget, started: Instant::now() }
    }

    /// Random numbers for one part of the test; the same for the same seed and part.
    pub(crate) fn rng(&self, part: u64) -> Rng {
        Rng::with_seed(self.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Whether time is left for another try.
    pub(crate) fn goes_on(&self) -> bool {
        self.started.elapsed() < self.budget
    }

    /// Says how much of something was done: `kill: TOTAL kills survived: 12`, which tests/faults.sh adds up by their names.
    #[expect(clippy::print_stderr, reason = "what was done belongs to the test's output")]
    pub(crate) fn total(&self, what: &str, count: u64) {
        eprintln!("{}: TOTAL {what}: {count}", self.name);
    }
}

impl Drop for Run {
    #[expect(clippy::print_stderr, reason = "the seed is what a failed run is repeated by")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: FAILED; again with BUKTOR_TEST_SEED={}", self.name, self.seed);
        }
    }
}
