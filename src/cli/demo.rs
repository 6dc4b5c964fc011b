//! `demo`: the three sample events from HTTP to the rows of an embedded HIS, by the daemon itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{
        exit::{Exit, Failure},
        output, runtime,
        send::Sample,
    },
    config::{self, Config},
    daemon::Daemon,
    his::embedded,
    http::{self, client::Target},
    ingest::EVENT_PATH,
    model::{clock::SystemClock, event::EventState},
    queue::Inspector,
};

/// How long the demo waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep the demo's files in this folder, to look at them or to try more with them
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let failed = |what: &str, e: &dyn std::fmt::Display| Failure::new(Exit::Problems, format!("{what}: {e}"));
    let temporary = tempfile::Builder::new()
        .prefix("buktor-demo-")
        .tempdir()
        .map_err(|e| failed("no temporary folder can be made", &e))?;
    let dir = match &args.keep {
        None => temporary.path().to_owned(),
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .map_err(|e| failed(&format!("{} cannot be made", dir.display()), &e))?;
            std::path::absolute(dir).map_err(|e| failed(&dir.display().to_string(), &e))?
        }
    };
    let config_path = prepare(&dir)?;
    let config = Config::load(&config_path).map_err(|e| Failure::new(Exit::Configuration, e))?;
    runtime()?.block_on(show(config))?;
    for table in embedded::DEMO_TABLES {
        let rows =
            embedded::rows(&dir.join(HIS), table).map_err(|e| failed("the rows cannot be read", &e))?;
        output::data(&format!("\n{table}"))?;
        output::table(&rows.columns.iter().map(String::as_str).collect::<Vec<_>>(), &rows.rows)?;
    }
    if args.keep.is_some() {
        output::talk(&format!(
            "\nThe files are in {0}. Go on with `buktor-middleware --config {1}` and, in another window, \
             `buktor-middleware --config {1} send`; run the demo again in an empty folder.",
            dir.display(),
            config_path.display()
        ));
    }
    temporary.close().map_err(|e| failed("the temporary folder cannot be removed", &e))?;
    Ok(Exit::Done)
}

const HIS: &str = "demo-his.db";

/// Writes the embedded HIS and its configuration. Overwrites nothing.
fn prepare(dir: &Path) -> Result<PathBuf, Failure> {
    let config_path = dir.join("his-config.json");
    if config_path.exists() || dir.join(HIS).exists() {
        let words =
            format!("{} holds a configuration or a demo already; name an empty folder", dir.display());
        return Err(Failure::new(Exit::Problems, words));
    }
    embedded::create_demo(&dir.join(HIS))
        .map_err(|e| Failure::new(Exit::Problems, format!("the embedded HIS cannot be made: {e}")))?;
    let config = json!({
        "server": { "listen": format!("127.0.0.1:{}", free_port()) },
        "sync": { "schedule": "* * * * * *" },
        "queue": { "path": "buktor-queue.db" },
        "logging": { "directory": null },
        "database": { "type": "sqlite", "path": HIS },
        "mapping": {
            "appointment": {
                "table": "HIS_appointments",
                "fields": {
                    "appointment_id": "HIS_appointment_id", "status": "HIS_status", "received_at": "HIS_created_at"
                }
            },
            "schedule_change": {
                "table": "HIS_schedules",
                "fields": {
                    "schedule_id": "HIS_schedule_id", "new_time": "HIS_new_time", "updated_at": "HIS_updated_at"
                }
            },
            "payment": {
                "table": "HIS_payments",
                "fields": {
                    "payment_id": "HIS_payment_id", "amount": "HIS_amount",
                    "status": "HIS_payment_status", "paid_at": "HIS_paid_at"
                }
            }
        }
    });
    std::fs::write(&config_path, format!("{config:#}\n")).map_err(|e| {
        Failure::new(Exit::Problems, format!("{} cannot be written: {e}", config_path.display()))
    })?;
    Ok(config_path)
}

/// A port for a demo that is kept: 5000, or one that the system knows to be free.
fn free_port() -> u16 {
    let bind = |port| std::net::TcpListener::bind(("127.0.0.1", port)).and_then(|l| l.local_addr());
    bind(5000).or_else(|_| bind(0)).map_or(5000, |address| address.port())
}

/// Starts the daemon, sends the events, waits until they are in the HIS, stops the daemon.
async fn show(config: Config) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(Exit::Problems, e);
    let kept = config.queue.clone();
    let daemon = Daemon::start(config, Arc::new(SystemClock)).await.map_err(|e| failed(&e))?;
    let address = daemon.local_address().to_string();
    output::talk(&format!("A daemon with an embedded HIS listens on http://{address}"));
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    let sent = send(&address).await;
    let applied = match sent {
        Ok(()) => wait_for_rows(&kept).await,
        Err(failure) => Err(failure),
    };
    stop.cancel();
    running.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    applied
}

async fn send(address: &str) -> Result<(), Failure> {
    for sample in Sample::ALL {
        let body = sample.body().as_bytes().to_vec();
        let answer = http::client::post(&Target::parse(address), EVENT_PATH, body, &[], PATIENCE).await;
        let (status, answer) = answer.map_err(|e| Failure::new(Exit::Problems, e))?;
        output::talk(&format!("-> {}", sample.body()));
        output::talk(&format!("<- {status} {}", String::from_utf8_lossy(&answer)));
        if !status.is_success() {
            return Err(Failure::new(Exit::Problems, "the daemon did not take the event"));
        }
    }
    Ok(())
}

async fn wait_for_rows(queue: &config::Queue) -> Result<(), Failure> {
    output::talk("Each event is on disk now; within a second the schedule writes them into the HIS ...");
    let problem = |e| Failure::new(Exit::Problems, e);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let counts = Inspector::open(&queue.path, &queue.key).and_then(|i| i.counts()).map_err(problem)?;
        if counts.get(&EventState::Applied).copied().unwrap_or(0) >= Sample::ALL.len() as u64 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::new(Exit::Problems, "the events did not reach the embedded HIS in time"))
}
