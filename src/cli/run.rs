//! `run`: the daemon in the foreground.

use std::{path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    cli::{
        check,
        exit::{Exit, Failure},
        guard, load_config, output, runtime, senders,
    },
    config::Config,
    daemon::{self, Daemon, StartError},
    model::{
        clock::SystemClock,
        mapping::{Action, Rule, What},
    },
    plan::verify::Severity,
    telemetry,
};

pub(super) fn run(explicit: Option<&Path>) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let _log = telemetry::init(&config.logging, false).map_err(|e| Failure::new(Exit::Problems, e))?;
    for file in guard::readable_files(&config).into_iter().filter(|f| f.severity == Severity::Warning) {
        warn!(key = file.at, "{}", file.message);
    }
    runtime()?.block_on(async {
        let signal = daemon::stop_signal()
            .map_err(|e| Failure::new(Exit::Problems, format!("signals cannot be received: {e}")))?;
        let daemon =
            Daemon::start(config.clone(), Arc::new(SystemClock)).await.map_err(|e| failure(&config, e))?;
        for line in summary(&config, &daemon) {
            output::talk(&line);
        }
        let stop = CancellationToken::new();
        let signalled = stop.clone();
        tokio::spawn(async move {
            signal.await;
            info!("stopping: requests and events under way are finished first");
            signalled.cancel();
        });
        daemon.run(stop).await.map_err(|e| failure(&config, e))
    })?;
    Ok(Exit::Done)
}

fn failure(config: &Config, error: StartError) -> Failure {
    match error {
        StartError::Tls(error) => {
            let place = check::place(config, error.at());
            Failure::new(Exit::Configuration, format!("{place}: {}", error.words()))
        }
        other => Failure::new(Exit::Problems, other),
    }
}

/// The few lines that tell what runs here.
fn summary(config: &Config, daemon: &Daemon) -> Vec<String> {
    let mut lines = vec![
        format!(
            "buktor-middleware {} is listening on {}://{}",
            env!("CARGO_PKG_VERSION"),
            if config.server.tls.is_some() { "https" } else { "http" },
            daemon.local_address()
        ),
        format!("  configuration  {}", config.path.display()),
        format!("  queue          {}", config.queue.path.display()),
        format!("  database       {}", config.database.words()),
        format!("  schedule       {}", config.sync.schedule),
    ];
    lines.extend(mapping_lines(config).into_iter().map(|line| format!("  mapping        {line}")));
    lines.push(match guard::open_port_words(config) {
        Some(words) => format!("  note           {words}"),
        None => format!("  senders        {}", senders::words(&config.auth)),
    });
    lines
}

/// One line a mapping.
pub(super) fn mapping_lines(config: &Config) -> Vec<String> {
    let words = |rule: &Rule| match rule {
        Rule::Ignore => "ignored".to_owned(),
        Rule::Write(write) => {
            let steps = write.steps.iter().filter(|step| !step.skip).map(|step| match &step.what {
                What::Row { table, action: Action::Upsert, .. } => table.to_string(),
                What::Row { table, action: Action::Insert, .. } => format!("{table} (insert)"),
                What::Row { table, action: Action::Update, .. } => format!("{table} (update)"),
                What::Row { table, action: Action::Delete, .. } => format!("{table} (delete)"),
                What::Sql { .. } => "a statement".to_owned(),
            });
            steps.collect::<Vec<_>>().join(", ")
        }
    };
    let mappings = config.mappings.by_kind.values();
    mappings
        .map(|m| {
            let on = m.on.iter().map(|(op, rule)| format!("{op}: {}", words(rule)));
            let own = words(&m.rule);
            let differs = on.filter(|line| !matches!(m.rule, Rule::Ignore) || !line.ends_with(&own));
            let all: Vec<String> = std::iter::once(own.clone()).chain(differs).collect();
            format!("{} -> {}", m.kind, all.join("; "))
        })
        .collect()
}
