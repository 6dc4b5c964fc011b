//! Draining a backlog into `MariaDB`, plain and under TLS, beside the best upsert written by hand over the same kind of
//! connection; and how the length of the backlog tells.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use buktor_middleware::{
    config::Config,
    limits,
    model::clock::SystemClock,
    queue::DaemonReport,
    sync::{Worker, schedule::Wake},
};
use tokio_util::sync::CancellationToken;

use crate::{
    events::{self, backlog, copy, queue_at},
    figures::{Limit, Paper, Rounds, rate, rounds},
    his::His,
    site::{Site, folder},
};

const ROUNDS_USUAL: u64 = 5;
const EVENTS: u64 = 100_000;
const LONG: u64 = 1_000_000;
const SHORT: u64 = 1000;
/// Rows of one statement by hand that are tried.
const STATEMENTS: [usize; 5] = [64, 128, 256, 512, 1024];
/// Between two looks into the HIS.
const LOOK: Duration = Duration::from_millis(2);
/// Thousands that are drained one after the other.
const SHORT_ROUNDS: u64 = 40;
const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) fn measure(paper: &mut Paper) -> anyhow::Result<()> {
    // The runtime of the daemon.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut his = His::open().await?;
        let rounds = rounds(ROUNDS_USUAL);
        paper.line(&format!(
            "\ndrain: the executable empties a queue file of {EVENTS} events (a record each, 7 columns, new rows) into\n\
             MariaDB on this machine; from the first row in the table to the last. {rounds} rounds; medians (least to most).\n\
             \"by hand\": multi-row INSERT ... ON DUPLICATE KEY UPDATE through sqlx on one connection, values ready in\n\
             memory, transactions of {} rows, the best number of rows a statement. Ratios are of the same round.",
            limits::BATCH_EVENTS_DEFAULT
        ))?;
        let plain = beside_hand(paper, &mut his, false).await?;
        beside_hand(paper, &mut his, true).await?;
        lengths(paper, &mut his, &plain).await
    })
}

/// Drains beside the upsert by hand; gives the rates of draining.
async fn beside_hand(paper: &mut Paper, his: &mut His, tls: bool) -> anyhow::Result<Rounds> {
    let rounds = rounds(ROUNDS_USUAL);
    let name = if tls { "TLS" } else { "plain" };
    let transaction = usize::try_from(limits::BATCH_EVENTS_DEFAULT)?;
    let statement = best_statement(his, tls, transaction).await?;
    let (mut drained, mut by_hand, mut ratio) = (Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..rounds {
        let daemon = drain(his, tls, EVENTS).await?;
        his.empty().await?;
        let mut hand = his.hand(tls, EVENTS).await?;
        let hand = rate(EVENTS, hand.write(transaction, statement).await?);
        drained.add(daemon);
        by_hand.add(hand);
        ratio.add(daemon / hand);
    }
    paper.rounds(&format!("{name}: drained"), &drained, "events/s", "")?;
    paper.rounds(
        &format!("{name}: by hand"),
        &by_hand,
        "rows/s",
        &format!("{statement} rows a statement"),
    )?;
    paper.judge(&format!("{name}: drained / by hand"), ratio.median(), "", Limit::AtLeast(0.7))?;
    Ok(drained)
}

async fn best_statement(his: &mut His, tls: bool, transaction: usize) -> anyhow::Result<usize> {
    let mut best = (Duration::MAX, 0);
    let mut hand = his.hand(tls, EVENTS / 4).await?;
    for statement in STATEMENTS {
        his.empty().await?;
        best = best.min((hand.write(transaction, statement).await?, statement));
    }
    Ok(best.1)
}

/// Drains a copy of a backlog; gives the events a second.
async fn drain(his: &mut His, tls: bool, events: u64) -> anyhow::Result<f64> {
    his.empty().await?;
    let site = Site::new(Some(his.section(tls)))?.ticking();
    copy(&backlog_off_runtime(events).await?, &site.queue())?;
    let process = site.start()?;
    let started = Instant::now();
    let mut before = 0;
    while before == 0 {
        tokio::time::sleep(LOOK).await;
        before = his.count().await?;
        ensure!(started.elapsed() < PATIENCE, "nothing was drained");
    }
    let began = Instant::now();
    while !his.has(events - 1).await? {
        tokio::time::sleep(LOOK).await;
        ensure!(began.elapsed() < PATIENCE, "the backlog was not drained within three minutes");
    }
    let took = began.elapsed();
    drop(process);
    ensure!(his.count().await? == events, "not every event became a row");
    Ok(rate(events - before, took))
}

async fn backlog_off_runtime(events: u64) -> anyhow::Result<PathBuf> {
    tokio::task::spawn_blocking(move || backlog(events)).await?
}

/// A backlog of a million beside one of a thousand.
async fn lengths(paper: &mut Paper, his: &mut His, middle: &Rounds) -> anyhow::Result<()> {
    let short = short_ones(his).await?;
    let mut long = Rounds::default();
    for _ in 0..2 {
        long.add(drain(his, false, LONG).await?);
    }
    paper.line(&format!(
        "  A backlog of {SHORT} is a single page, begun and ended alone (the worker in this process, {SHORT_ROUNDS} times)."
    ))?;
    paper.rounds(&format!("a backlog of {SHORT}"), &short, "events/s", "")?;
    paper.rounds(&format!("a backlog of {LONG}"), &long, "events/s", "")?;
    let least = Limit::AtLeast(0.95);
    paper.judge("a million / a thousand", long.median() / short.median(), "", least)?;
    paper.judge("a million / a hundred thousand", long.median() / middle.median(), "", least)
}

/// A thousand events at a time, in a queue that is otherwise empty.
async fn short_ones(his: &mut His) -> anyhow::Result<Rounds> {
    his.empty().await?;
    let site = Site::new(Some(his.section(false)))?;
    let config = Config::load(&site.config()?).map_err(|error| anyhow::anyhow!("{error}"))?;
    let files = folder()?;
    let queue = queue_at(&files.path().join("queue.db"))?;
    let mut worker = Worker::new(&config, queue.clone(), Arc::new(SystemClock), DaemonReport::default());
    let stop = CancellationToken::new();
    let mut rounds = Rounds::default();
    for round in 0..=SHORT_ROUNDS {
        his.empty().await?;
        events::fill(&queue, round + 1, SHORT).await?;
        let began = Instant::now();
        let tally = worker.wake(Wake::Tick, &stop).await;
        let took = began.elapsed();
        ensure!(tally.applied == SHORT, "{tally:?}");
        // The first one connects.
        if round > 0 {
            rounds.add(rate(SHORT, took));
        }
    }
    queue.close().await;
    Ok(rounds)
}
