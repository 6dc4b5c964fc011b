//! `status`: what waits, what is done, what needs attention, and whether the HIS can be reached.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::{
    cli::{
        events,
        exit::{Exit, Failure},
        load_config, output,
    },
    config::Config,
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::EventState,
    },
    queue::{AtRest, Awaited, Inspector, QueueError},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let problem = |e: QueueError| Failure::new(Exit::Problems, e);
    if !config.queue.path.exists() {
        let words =
            format!("no queue file yet at {}: the daemon has not run here", config.queue.path.display());
        return if args.json { none(&config) } else { output::data(&words) }.map(|()| Exit::Done);
    }
    let inspector = Inspector::open(&config.queue.path, &config.queue.key).map_err(problem)?;
    let awaiting = inspector.awaiting(events::MISSING_SHOWN_MAX).map_err(problem)?;
    let view = view(&config, &inspector, &awaiting).map_err(problem)?;
    if args.json {
        output::json(&view)?;
    } else {
        print(&view, &awaiting)?;
    }
    Ok(Exit::Done)
}

fn none(config: &Config) -> Result<(), Failure> {
    let states: serde_json::Map<_, _> =
        EventState::ALL.iter().map(|s| (s.name().to_owned(), json!(0))).collect();
    let queue = json!({"path": config.queue.path.display().to_string(), "states": states, "causes": [], "awaiting": []});
    output::json(
        &json!({"queue": queue, "daemon": {"running": false}, "his": {"database": config.database.words()}}),
    )
}

fn view(config: &Config, inspector: &Inspector, awaiting: &[Awaited]) -> Result<Value, QueueError> {
    let now = SystemClock.now();
    let counts = inspector.counts()?;
    let states: serde_json::Map<_, _> = EventState::ALL
        .iter()
        .map(|s| (s.name().to_owned(), json!(counts.get(s).copied().unwrap_or(0))))
        .collect();
    let causes: Vec<Value> = inspector
        .causes()?
        .into_iter()
        .map(|c| {
            json!({
                "state": c.state.name(), "cause": c.cause, "count": c.count,
                "oldest_received_at": c.oldest_received_at.rfc3339(),
            })
        })
        .collect();
    let at_rest = at_rest_words(inspector.at_rest()?);
    // A daemon that runs has what it needs in memory, and would not start again. Who may not read the key asks for the rest.
    let key_problem = match inspector.key_fits() {
        Err(lost @ (QueueError::KeyMissing { .. } | QueueError::KeyWrong { .. })) => Some(lost.to_string()),
        _ => None,
    };
    let oldest = inspector.oldest_unfinished()?.map(|e| e.received_at);
    let status = inspector.daemon()?;
    let running = inspector.is_running()?;
    let report = status.map(|s| s.report);
    let moment = |t: Option<Timestamp>| t.map(Timestamp::rfc3339);
    let daemon = match &report {
        None => json!({"running": running}),
        Some(r) => json!({
            "running": running, "pid": r.pid, "started_at": r.started_at.rfc3339(), "listen": r.listen,
            "version": r.version, "configuration": r.config_path,
            "last_cycle_at": moment(r.last_cycle_at), "last_applied_at": moment(r.last_applied_at),
        }),
    };
    let his = json!({
        "database": report.as_ref().map_or_else(|| config.database.words(), |r| r.database.clone()),
        "up": report.as_ref().filter(|_| running).and_then(|r| r.his_up),
        "since": report.as_ref().and_then(|r| moment(r.his_since)),
        "problem": report.as_ref().and_then(|r| r.his_error.clone()),
        "next_attempt_at": report.as_ref().and_then(|r| moment(r.next_attempt_at)),
    });
    Ok(json!({
        "queue": {
            "path": config.queue.path.display().to_string(), "states": states, "causes": causes,
            "awaiting": awaiting.iter().map(events::missing_record).collect::<Value>(),
            "refusing": refusing(config, &counts), "at_rest": at_rest, "key_problem": key_problem,
            "oldest_unfinished_at": oldest.map(Timestamp::rfc3339),
            "oldest_unfinished_age_s": oldest.map(|t| now.seconds_since(t)),
        },
        "daemon": daemon,
        "his": his,
    }))
}

/// Why the daemon takes no new events, where that is so: it answers 503 then.
fn refusing(config: &Config, counts: &BTreeMap<EventState, u64>) -> Option<String> {
    let limits = &config.queue;
    let waits = |s: &EventState| *s <= EventState::Paused;
    let waiting: u64 = counts.iter().filter(|(s, _)| waits(s)).map(|(_, n)| n).sum();
    if waiting >= limits.events_max {
        return Some(format!("{waiting} events wait, and queue.max_events is {}", limits.events_max));
    }
    let free = limits.path.parent().and_then(|folder| fs4::available_space(folder).ok())?;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    (free < limits.free_bytes_min).then(|| {
        let (free, least) = (mib(free), mib(limits.free_bytes_min));
        format!("the queue's disk has {free} MB free, and queue.min_free_mb is {least}; make room there")
    })
}

fn print(view: &Value, awaiting: &[Awaited]) -> Result<(), Failure> {
    let text = |path: &str| view.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
    let running = view.pointer("/daemon/running") == Some(&Value::Bool(true));
    let daemon = if running {
        format!("running since {} on http://{}", text("/daemon/started_at"), text("/daemon/listen"))
    } else {
        "not running".to_owned()
    };
    output::data(&format!("daemon    {daemon}"))?;
    let his = match view.pointer("/his/up") {
        Some(Value::Bool(true)) => format!("reachable since {}", text("/his/since")),
        Some(Value::Bool(false)) => {
            format!("CANNOT BE USED since {}: {}", text("/his/since"), text("/his/problem"))
        }
        _ if running => "being connected".to_owned(),
        _ => "not known while the daemon does not run".to_owned(),
    };
    output::data(&format!("database  {}: {his}", text("/his/database")))?;
    output::data(&format!("queue     {}", text("/queue/path")))?;
    output::data(&format!("          the events in it are {}", text("/queue/at_rest")))?;
    if let Some(Value::String(why)) = view.pointer("/queue/key_problem") {
        output::data(&format!("          THEIR KEY IS LOST: {why}"))?;
    }
    if let Some(Value::String(why)) = view.pointer("/queue/refusing") {
        output::data(&format!("          NO NEW EVENTS ARE TAKEN: {why}"))?;
    }
    let states = EventState::ALL.iter().filter_map(|s| {
        let count = view.pointer(&format!("/queue/states/{}", s.name()))?.as_u64()?;
        (count > 0 || matches!(s, EventState::Pending | EventState::Applied))
            .then(|| vec![s.name().to_owned(), count.to_string(), meaning(*s).to_owned()])
    });
    output::data("")?;
    output::table(&["state", "events", ""], &states.collect::<Vec<_>>())?;
    let causes = view.pointer("/queue/causes").and_then(Value::as_array).cloned().unwrap_or_default();
    if !causes.is_empty() {
        let rows = causes.iter().map(|c| {
            let cell = |key: &str| {
                c.get(key).map_or(String::new(), |v| v.as_str().map_or(v.to_string(), str::to_owned))
            };
            vec![cell("state"), cell("count"), output::printable(&cell("cause"))]
        });
        output::data("")?;
        output::table(&["state", "events", "cause"], &rows.collect::<Vec<_>>())?;
        events::missing_records(awaiting)?;
        output::data(
            "\n`buktor-middleware events list` shows them one by one, `events show ID` says what to do",
        )?;
    }
    Ok(())
}

fn at_rest_words(at_rest: AtRest) -> &'static str {
    match at_rest {
        AtRest::Plain => "not encrypted",
        AtRest::Sealing => "being encrypted",
        AtRest::Sealed => "encrypted",
        AtRest::Unsealing => "being decrypted",
    }
}

fn meaning(state: EventState) -> &'static str {
    match state {
        EventState::Pending => "wait for their turn",
        EventState::Deferred => "wait for a row that is in use; tried again by itself",
        EventState::Held => "wait behind an earlier event of the same record",
        EventState::Waiting => "wait for a row that they refer to; tried again by itself",
        EventState::Paused => "wait for their mapping to fit the tables again",
        EventState::Unmapped => "nothing maps their type; applied by itself once the configuration does",
        EventState::Parked => "cannot be applied as they are: correct the cause, then `events retry`",
        EventState::Conflict => "use the event_id of another event: `events retry` or `events discard`",
        EventState::Applied => "are in the HIS",
        EventState::Stale => "were older than what the HIS had",
        EventState::Ignored => "were not to be written",
        EventState::Discarded => "were given up",
    }
}
