//! Ingest with durable commit, at several numbers of connections, beside the same server that stores nothing and
//! beside bare `SQLite` commits on the same disk.

use std::{
    process::Command,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use buktor_middleware::{
    auth::buktor_signature,
    config::{Auth, Credential, Require, Secret},
    http::{self, HttpLimits},
    ingest::{Door, Ingest, Refusal, Refusals},
    limits,
    model::{
        clock::{Clock, SystemClock},
        event::{RawEvent, Receipt, ReceiptKind, Seq},
    },
};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use crate::{
    events::{Body, Ids, queue_at},
    figures::{Limit, Paper, Rounds, rate, rounds},
    load,
    site::{Process, Site, folder},
};

/// The argument that makes this program the server that stores nothing.
pub(crate) const SERVE_NOTHING: &str = "serve-nothing";
/// The same, and every request must show a token and a signature.
pub(crate) const SERVE_GUARDED: &str = "serve-guarded";
const TOKEN: &str = "kT8vQ2nZr5xW1mB7";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ROUNDS_USUAL: u64 = 12;
/// Short, so that what else the machine does meets all of a round alike.
const TIME: Duration = Duration::from_millis(400);
const CONNECTIONS: [u64; 4] = [1, 16, 64, 256];

/// Whoever comes is let in, as fast as he comes.
const NO_AUTH: Auth = Auth {
    allow_unauthenticated: false,
    bearer_tokens: Vec::new(),
    signing_secrets: Vec::new(),
    require: Require::All,
    allowed_addresses: Vec::new(),
    trusted_proxies: Vec::new(),
};
/// The daemon's own statement and connection settings (src/queue/store.rs, src/queue/schema.rs).
const INSERT: &str = "
    INSERT INTO event (seq, state, received_at, occurred_at, event_id, kind, operation, digest, body)
    VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (event_id) WHERE event_id IS NOT NULL AND conflict_of IS NULL DO NOTHING";
const SETTINGS: &str = "
    PRAGMA journal_mode = wal; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 4096;";

#[derive(Default)]
struct Figures {
    stored: Rounds,
    nothing: Rounds,
    p50: Rounds,
    p99: Rounds,
    to_nothing: Rounds,
    to_bare: Rounds,
}

pub(crate) fn measure(paper: &mut Paper) -> anyhow::Result<()> {
    let rounds = rounds(ROUNDS_USUAL);
    paper.line(&format!(
        "\ningest: the executable, {} bytes an event, {rounds} rounds of {} ms each; medians (least to most).\n\
         \"stores nothing\": the same listener and checks, whose append answers at once, as a process of its own.\n\
         \"bare commits\": the daemon's INSERT into the same tables and indexes, one row a transaction, WAL and\n\
         synchronous=FULL, from one rusqlite connection in a loop. Ratios are of the same round.",
        Body::new().bytes().len(),
        TIME.as_millis()
    ))?;
    let mut bare = Rounds::default();
    let mut scattered = Rounds::default();
    let mut figures: Vec<Figures> = CONNECTIONS.iter().map(|_| Figures::default()).collect();
    let (site, other_site) = (Site::new(None)?, Site::new(None)?);
    let (storing, scattering, nothing) = (site.start()?, other_site.start()?, start_nothing(SERVE_NOTHING)?);
    let mut single = Bare::open()?;
    for round in 0..rounds {
        let before = single.commit()?;
        for (place, (connections, figures)) in (0..).zip(CONNECTIONS.iter().zip(&mut figures)) {
            let run = round << 4 | place;
            let stored = load::send(storing.address, *connections, TIME, run, Ids::Ascending)?;
            // What is compared with it stands on both sides of a single connection's turn.
            let bare_rate = if place == 0 { f64::midpoint(before, single.commit()?) } else { before };
            let beside = load::send(nothing.address, *connections, TIME, run, Ids::Ascending)?;
            figures.stored.add(stored.rate);
            figures.p50.add(stored.p50);
            figures.p99.add(stored.p99);
            figures.nothing.add(beside.rate);
            figures.to_nothing.add(stored.rate / beside.rate);
            figures.to_bare.add(stored.rate / bare_rate);
            if place == 0 {
                bare.add(bare_rate);
            }
        }
        scattered.add(load::send(scattering.address, 64, TIME, round, Ids::Scattered)?.rate);
    }
    paper.rounds("bare commits", &bare, "events/s", "")?;
    for (connections, figures) in CONNECTIONS.iter().zip(&figures) {
        let times =
            format!("p50 {:.2} ms, p99 {:.2} ms", figures.p50.median() / 1e3, figures.p99.median() / 1e3);
        paper.rounds(&format!("{connections} connections, stored"), &figures.stored, "events/s", &times)?;
        paper.rounds(
            &format!("{connections} connections, stores nothing"),
            &figures.nothing,
            "events/s",
            &format!(
                "stored/nothing {:.2}, stored/bare {:.2}",
                figures.to_nothing.median(),
                figures.to_bare.median()
            ),
        )?;
    }
    paper.rounds("64 connections, stored, ids that do not ascend", &scattered, "events/s", "")?;
    measure_guarded(paper, &nothing, rounds)?;
    if let [one, _, sixty_four, _] = figures.as_slice() {
        paper.judge("1 connection / bare commits", one.to_bare.median(), "", Limit::AtLeast(0.7))?;
        paper.judge(
            "64 connections / stores nothing",
            sixty_four.to_nothing.median(),
            "",
            Limit::AtLeast(0.6),
        )?;
    }
    Ok(())
}

/// Single-row commits into a file of their own.
struct Bare {
    connection: Connection,
    stored: u64,
    _folder: TempDir,
}

impl Bare {
    fn open() -> anyhow::Result<Self> {
        let folder = folder()?;
        let path = folder.path().join("bare.db");
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(queue_at(&path)?.close());
        let connection = Connection::open(&path)?;
        connection.execute_batch(SETTINGS)?;
        Ok(Self { connection, stored: 0, _folder: folder })
    }

    /// Gives the commits a second.
    fn commit(&mut self) -> anyhow::Result<f64> {
        let mut insert = self.connection.prepare_cached(INSERT)?;
        let (mut body, now, began, before) = (Body::new(), SystemClock.now(), Instant::now(), self.stored);
        while began.elapsed() < TIME {
            body.set(Ids::Ascending.id(1, self.stored), self.stored);
            let event = body.event(now)?;
            self.stored += 1;
            insert.execute(params![
                i64::try_from(self.stored)?,
                event.received_at.0,
                event.occurred_at.map(|t| t.0),
                event.id.map(|id| id.0),
                event.kind.0,
                event.operation,
                event.digest,
                event.body,
            ])?;
        }
        Ok(rate(self.stored - before, began.elapsed()))
    }
}

fn start_nothing(how: &str) -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(how);
    Process::start(command)
}

fn guarded() -> Auth {
    let one = |text: &str| vec![Credential { name: "one".to_owned(), secret: Secret::new(text.to_owned()) }];
    Auth { bearer_tokens: one(TOKEN), signing_secrets: one(SECRET), ..NO_AUTH }
}

/// The same requests with a token and a signature, at a server that asks for them, and without at one that does not.
fn measure_guarded(paper: &mut Paper, open: &Process, rounds: u64) -> anyhow::Result<()> {
    let guarded = start_nothing(SERVE_GUARDED)?;
    let mut body = Body::new();
    body.set(0, 0);
    let signature = buktor_signature(SECRET, body.bytes());
    let headers: &'static str =
        format!("Authorization: Bearer {TOKEN}\r\nBuktor-Signature: {signature}\r\n").leak();
    let (mut signed, mut ratio) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds {
        let without = load::send_same(open.address, 64, TIME, "")?.rate;
        let with = load::send_same(guarded.address, 64, TIME, headers)?.rate;
        signed.add(with);
        ratio.add(with / without);
    }
    let to_open = format!("signed/unsigned {:.2}", ratio.median());
    paper.rounds("64 connections, stores nothing, token and signature", &signed, "events/s", &to_open)
}

/// Serves until it is killed, whoever comes or whoever shows his credentials.
pub(crate) fn serve_nothing(is_guarded: bool) -> anyhow::Result<()> {
    // As many threads as the daemon has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("listening on http://{}\n", listener.local_addr()?),
        )?;
        let seq = AtomicI64::new(0);
        let ingest = Ingest {
            append: move |event: RawEvent| {
                let seq = Seq(seq.fetch_add(1, Ordering::Relaxed));
                let id = event.id.map_or_else(String::new, |id| id.0);
                std::future::ready(Ok::<_, Refusal>(Receipt { seq, id, kind: ReceiptKind::Fresh }))
            },
            health: || Ok(()),
            is_mapped: |_: &RawEvent| true,
            clock: SystemClock,
            reject_unmapped: false,
            door: Door::new(&if is_guarded { guarded() } else { NO_AUTH }, u32::MAX),
            refusals: Refusals::default().into(),
        };
        let http_limits = HttpLimits {
            connections_max: 512,
            connections_per_address_max: 512,
            body_bytes_max: limits::BODY_KIB_DEFAULT * 1024,
            bodies_bytes_max: limits::BODIES_BYTES_MAX,
            header_time: limits::HEADER_TIME_DEFAULT,
            body_time: limits::BODY_TIME_DEFAULT,
            stop_time: limits::STOP_DEADLINE,
        };
        http::serve(listener, http_limits, None, ingest.handler(), std::future::pending()).await;
        Ok(())
    })
}
