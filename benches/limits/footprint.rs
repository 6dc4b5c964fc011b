//! What the executable takes: bytes on the disk, memory, and time until it listens.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    events::{Ids, backlog, copy},
    figures::{Limit, Paper, Rounds},
    his::His,
    load,
    site::{EXECUTABLE, Process, Site},
};

const MILLION: u64 = 1_000_000;
const STARTS: u64 = 11;
/// After it is reached nothing more is allocated: the first look at the HIS and at old events is over.
const SETTLED: Duration = Duration::from_secs(3);

pub(crate) fn size(paper: &mut Paper) -> anyhow::Result<()> {
    paper.line("\nexecutable")?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let size = std::fs::metadata(EXECUTABLE)?.len() as f64 / (1024.0 * 1024.0);
    paper.judge("size", size, "MiB", Limit::Below(15.0))
}

pub(crate) fn startup(paper: &mut Paper) -> anyhow::Result<()> {
    paper.line(&format!(
        "\nstart-up: from the start of the process to its line \"listening on\"; {STARTS} starts, median (least to most)"
    ))?;
    let mut empty = Rounds::default();
    let mut full = Rounds::default();
    let site = Site::new(None)?;
    copy(&backlog(MILLION)?, &site.queue())?;
    for _ in 0..STARTS {
        full.add(site.start()?.start_time.as_secs_f64() * 1e3);
        empty.add(Site::new(None)?.start()?.start_time.as_secs_f64() * 1e3);
    }
    paper.rounds("without a queue file", &empty, "ms", "")?;
    paper.rounds("with a million events that wait", &full, "ms", "")?;
    paper.judge("with a million events that wait", full.median(), "ms", Limit::Below(100.0))
}

pub(crate) fn memory(paper: &mut Paper) -> anyhow::Result<()> {
    paper.line(
        "\nmemory: of the process, by /proc/PID/status; resident (all), and the part of it that is no file's",
    )?;
    let runtime = tokio::runtime::Runtime::new()?;
    let his = runtime.block_on(His::open())?.section(true);
    idle(paper, &his)?;
    under_load(paper)?;
    waiting(paper)?;
    let mut database = runtime.block_on(His::open())?;
    let site = full_site(Some(his))?;
    let process = site.start()?;
    let mut most = 0.0_f64;
    let began = Instant::now();
    while !runtime.block_on(database.has(MILLION - 1))? && began.elapsed() < Duration::from_mins(2) {
        most = most.max(process.memory("RssAnon")?);
        thread::sleep(Duration::from_millis(20));
    }
    let peak = process.memory("VmHWM")?;
    told(paper, "while it drains the million, by TLS (peak)", peak, most)
}

fn idle(paper: &mut Paper, his: &Value) -> anyhow::Result<()> {
    let site = Site::new(Some(his.clone()))?.ticking();
    let process = site.start()?;
    thread::sleep(SETTLED);
    let resident = now(paper, "idle, connected to MariaDB by TLS", &process)?;
    paper.judge("idle", resident, "MiB", Limit::Below(15.0))
}

fn under_load(paper: &mut Paper) -> anyhow::Result<()> {
    for connections in [64, 256] {
        // Kept, because a queue file that is deleted takes nothing more.
        let site = Site::new(None)?;
        let process = site.start()?;
        let seen =
            load::send(process.address, connections, Duration::from_secs(3), connections, Ids::Ascending)?;
        let (peak, anonymous) = (process.memory("VmHWM")?, process.memory("RssAnon")?);
        let what = format!("{connections} connections at {:.0} events/s (peak)", seen.rate);
        told(paper, &what, peak, anonymous)?;
    }
    Ok(())
}

/// The million waits because the HIS is down.
fn waiting(paper: &mut Paper) -> anyhow::Result<()> {
    let site = full_site(None)?;
    let process = site.start()?;
    thread::sleep(SETTLED);
    let resident = now(paper, "a million events wait, the HIS is down", &process)?;
    paper.judge("a million events wait", resident, "MiB", Limit::Below(40.0))
}

fn full_site(his: Option<Value>) -> anyhow::Result<Site> {
    let site = Site::new(his)?.ticking();
    copy(&backlog(MILLION)?, &site.queue())?;
    Ok(site)
}

fn now(paper: &mut Paper, what: &str, process: &Process) -> anyhow::Result<f64> {
    let resident = process.memory("VmRSS")?;
    told(paper, what, resident, process.memory("RssAnon")?)?;
    Ok(resident)
}

fn told(paper: &mut Paper, what: &str, resident: f64, anonymous: f64) -> anyhow::Result<()> {
    paper.line(&format!("  {what:<52} {resident:>9.1} MiB       ({anonymous:.1} MiB anonymous)"))
}
