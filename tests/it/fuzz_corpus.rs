//! What fuzzing has found, once more: every input of `tests/fuzz/corpus`, and some seconds of new ones that are made of them,
//! must hold what the fuzz targets hold. `bash tests/fuzz.sh` looks for more, and knows what is new.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use buktor_middleware::{
    ingest::envelope,
    model::{
        clock::Timestamp,
        event::{Seq, StoredEvent},
    },
};
use fastrand::Rng;

use crate::support::seed::Run;

#[path = "../fuzz/properties/mod.rs"]
mod properties;

use properties::{configuration, credentials, event, his, language, request};

#[test]
fn bodies_hold() {
    replay("event", event::holds);
}

#[test]
fn requests_hold() {
    replay("request", request::holds);
}

#[test]
fn credentials_hold() {
    replay("credentials", credentials::holds);
}

#[test]
fn configurations_hold() {
    replay("configuration", configuration::holds);
}

#[test]
fn the_mappings_language_holds() {
    replay("language", language::holds);
}

/// All inputs of a target, then new ones made of them.
fn replay(target: &'static str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(inputs.len() > 3, "{} is not the corpus", folder.display());
    for input in &inputs {
        let _shown = Shown(input);
        holds(input);
    }
    let run = Run::new(target, Duration::from_secs(2));
    let (mut rng, mut tried) = (run.rng(0), 0);
    while run.goes_on() {
        let input = mutated(&mut rng, &inputs);
        let _shown = Shown(&input);
        holds(&input);
        tried += 1;
    }
    run.total("inputs made of the corpus", tried);
}

/// Shows the input that failed.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    #[expect(clippy::print_stderr, reason = "the input is what the failure is repeated by")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input: {}", self.0.escape_ascii());
        }
    }
}

/// One of the inputs, changed in a few places; pieces come from the others.
fn mutated(rng: &mut Rng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let any = |rng: &mut Rng| &inputs[rng.usize(..inputs.len())];
    let piece = |rng: &mut Rng, of: &[u8]| {
        let from = rng.usize(..=of.len());
        let length = rng.usize(..=(of.len() - from).min(24));
        from..from + length
    };
    let mut input = any(rng).clone();
    for _ in 0..=rng.usize(..4) {
        let place = piece(rng, &input);
        match rng.u8(..4) {
            0 => drop(input.drain(place)),
            1 => input.insert(place.start, rng.u8(..)),
            2 => {
                for byte in &mut input[place] {
                    *byte ^= 1 << rng.u8(..8);
                }
            }
            _ => {
                let other = any(rng);
                let with = other[piece(rng, other)].to_vec();
                input.splice(place, with);
            }
        }
    }
    input
}

/// Eight times the bytes take about eight times the time, whatever they are.
#[test]
fn no_body_is_slow_by_its_form() {
    type Form = (&'static str, fn(usize) -> String);
    let forms: [Form; 10] = [
        ("digits", |n| "7".repeat(n)),
        ("a fraction", |n| format!("0.{}", "0".repeat(n))),
        ("an exponent", |n| format!("1e{}", "9".repeat(n))),
        ("a text", |n| format!("\"{}\"", "x".repeat(n))),
        ("digits in a text", |n| format!("\"{}\"", "7".repeat(n))),
        ("escapes", |n| format!("\"{}\"", "\\u00e9".repeat(n / 6))),
        ("spaces", |n| format!("\"{}\"", " x".repeat(n / 2))),
        ("lists", |n| format!("[{}1]", "[1],".repeat(n / 4))),
        ("keys", |n| {
            let keys: Vec<String> = (0..n / 12).map(|i| format!("\"k{:06}\":1", n - i)).collect();
            format!("{{{}}}", keys.join(","))
        }),
        ("a key", |n| format!("{{\"{}\":1}}", "k".repeat(n))),
    ];
    for (name, value) in forms {
        let took = |bytes: usize| {
            let body = format!(r#"{{"type":"visit","k":1,"v":{}}}"#, value(bytes));
            (0..3).map(|_| time(body.as_bytes())).min().unwrap()
        };
        // A machine that has other work makes one of them slow, but not each time the longer one.
        let tries: Vec<_> = std::iter::repeat_with(|| (took(16 * 1024), took(128 * 1024)))
            .take(5)
            .take_while(|(small, large)| *large > *small * 32 + Duration::from_millis(100))
            .collect();
        assert!(tries.len() < 5, "{name}: {tries:?}");
    }
}

/// Reads a body, and plans it for a few columns in one database's SQL.
fn time(body: &[u8]) -> Duration {
    let side = &his::sides()[0];
    let started = Instant::now();
    let event = envelope::read(body, Timestamp(0)).unwrap();
    let stored = StoredEvent::unqueued(event, Seq(1), "made-1");
    for column in ["AMOUNT", "BIG", "DOUBLE", "WIDE", "CHARS", "MOMENT", "MANY", "JSON"] {
        side.holds(&stored, &format!("to_{column}"), &[]);
    }
    started.elapsed()
}
