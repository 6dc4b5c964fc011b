//! `events`: single events, for the person who has to decide about them.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config, output,
    },
    model::{
        clock::Timestamp,
        event::{EventState, Seq},
    },
    queue::{Changed, EventDetail, EventFilter, EventRow, Inspector, QueueError, Selection},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List events; without a filter those that are not done, the oldest first
    List(ListArgs),
    /// Show one event with its body (patient data!), its state and what to do
    Show {
        /// The event's number in the list, or its `event_id`
        id: String,
        /// Print JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Try events again, after their cause was corrected
    ///
    /// An event that is older than what was written for the same record since does not overwrite it.
    Retry(Which),
    /// Give events up: they are never written into the HIS
    ///
    /// With --all it takes the events that nothing but an operator moves: parked, conflict, unmapped. Events that only
    /// wait are taken where their number, `event_id` or cause is named.
    Discard {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only this state (can be repeated): pending, deferred, held, waiting, paused, unmapped, parked, conflict,
    /// applied, stale, ignored, discarded, or all
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Only this cause, as `status` shows it, e.g. too-long:appointment.status
    #[arg(long)]
    cause: Option<String>,
    /// Only this event type; appointment also shows appointment.created and its like
    #[arg(long)]
    kind: Option<String>,
    /// Show at most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The events' numbers in the list, or their `event_id`s
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All events with this cause, as `status` shows it
    #[arg(long)]
    cause: Option<String>,
    /// All events that need attention
    #[arg(long)]
    all: bool,
}

impl Which {
    fn selection(&self) -> Selection {
        match &self.cause {
            Some(cause) => Selection::Cause(cause.clone()),
            None if self.all => Selection::All,
            None => Selection::Ids(self.ids.clone()),
        }
    }
}

fn problem(error: QueueError) -> Failure {
    Failure::new(Exit::Problems, error)
}

pub(super) fn run(explicit: Option<&Path>, command: &Command) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let inspector = Inspector::open(&config.queue.path).map_err(problem)?;
    match command {
        Command::List(args) => list(&inspector, args),
        Command::Show { id, json } => show(&inspector, id, *json),
        Command::Retry(which) => {
            let done = inspector.retry(&which.selection()).map_err(problem)?;
            changed(&done, "will be tried again at the next tick")
        }
        Command::Discard { which, yes } => {
            if !yes && !confirmed()? {
                return Err(Failure::new(Exit::Problems, "nothing was discarded"));
            }
            let done = inspector.discard(&which.selection()).map_err(problem)?;
            changed(&done, "discarded")
        }
    }
}

/// Asks on the terminal; without one, `--yes` is needed.
fn confirmed() -> Result<bool, Failure> {
    use std::io::{IsTerminal, stdin};
    if !stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "discarded events never reach the HIS; add --yes if that is meant",
        ));
    }
    output::talk("Discarded events never reach the HIS. Type yes to go on:");
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|e| Failure::new(Exit::Problems, e))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

fn list(inspector: &Inspector, args: &ListArgs) -> Result<Exit, Failure> {
    let states = states(&args.state)?;
    let filter = EventFilter {
        states,
        kind: args.kind.clone(),
        cause: args.cause.clone(),
        before: None,
        after: Some(Seq(0)),
        // One more than is shown tells that there are more.
        limit: args.limit.saturating_add(1),
    };
    let mut events = inspector.list(&filter).map_err(problem)?;
    let more = events.len() > args.limit;
    events.truncate(args.limit);
    if args.json {
        output::json(&events.iter().map(row).collect::<Value>())?;
    } else if events.is_empty() {
        output::talk("no such events");
    } else {
        let rows: Vec<Vec<String>> = events.iter().map(cells).collect();
        output::table(&["seq", "event_id", "type", "state", "tries", "received", "cause"], &rows)?;
    }
    if more {
        output::talk(&format!("and more; --limit shows more than {}", args.limit));
    }
    Ok(Exit::Done)
}

/// The states that were asked for; without any, those that are not done.
fn states(names: &[String]) -> Result<Vec<EventState>, Failure> {
    if names.is_empty() {
        return Ok(EventState::ALL.into_iter().filter(|s| !s.is_final()).collect());
    }
    if names.iter().any(|n| n == "all") {
        return Ok(Vec::new());
    }
    let state = |name: &String| {
        EventState::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let all: Vec<_> = EventState::ALL.iter().map(|s| s.name()).collect();
            Failure::new(
                Exit::Usage,
                format!("there is no state {name}; there are {}, and all", all.join(", ")),
            )
        })
    };
    names.iter().map(state).collect()
}

fn cells(event: &EventRow) -> Vec<String> {
    vec![
        event.seq.to_string(),
        output::printable(&event.id),
        output::printable(&event.kind),
        event.state.name().to_owned(),
        event.attempts.to_string(),
        event.received_at.rfc3339(),
        output::printable(event.cause.as_deref().unwrap_or("")),
    ]
}

fn row(event: &EventRow) -> Value {
    let moment = |t: Option<Timestamp>| t.map(Timestamp::rfc3339);
    json!({
        "seq": event.seq.0, "id": event.id, "kind": event.kind, "operation": event.operation,
        "state": event.state.name(), "attempts": event.attempts, "crashes": event.crashes,
        "received_at": event.received_at.rfc3339(), "timestamp": moment(event.occurred_at),
        "next_at": moment(event.next_at), "settled_at": moment(event.settled_at),
        "record": event.entity.as_ref().map(|e| e.replace('\u{1f}', ":")),
        "cause": event.cause, "error": event.error, "conflict_of": event.conflict_of.map(|s| s.0),
        "body_bytes": event.body_bytes,
    })
}

fn show(inspector: &Inspector, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let EventDetail { row: event, body, awaits } = inspector.show(id).map_err(problem)?;
    let body = String::from_utf8_lossy(&body);
    if as_json {
        let mut value = row(&event);
        if let Some(object) = value.as_object_mut() {
            object.insert("body".to_owned(), Value::from(body));
        }
        output::json(&value)?;
        return Ok(Exit::Done);
    }
    let line = |name: &str, value: Option<String>| {
        value.map_or(Ok(()), |value| output::data(&format!("{name:<10}  {}", output::printable(&value))))
    };
    line("seq", Some(event.seq.to_string()))?;
    line("event_id", Some(event.id.clone()))?;
    line("type", Some(event.kind.clone()))?;
    line("operation", event.operation.clone())?;
    line("received", Some(event.received_at.rfc3339()))?;
    line("timestamp", event.occurred_at.map(Timestamp::rfc3339))?;
    line("record", event.entity.as_ref().map(|e| e.replace('\u{1f}', ":")))?;
    line("state", Some(event.state.name().to_owned()))?;
    line("tries", Some(event.attempts.to_string()))?;
    line("last try", event.settled_at.map(Timestamp::rfc3339))?;
    line("next try", event.next_at.map(Timestamp::rfc3339))?;
    line("same id as", event.conflict_of.map(|s| format!("event {s}, which has another body")))?;
    line("cause", event.cause.clone())?;
    line("message", event.error.clone())?;
    line("what to do", advice(&event))?;
    output::data("body")?;
    let pretty = serde_json::from_str::<Value>(body.trim_start_matches('\u{feff}'));
    output::data(&pretty.map_or_else(|_| output::printable(&body), |v| format!("{v:#}")))?;
    Ok(Exit::Done)
}

fn advice(event: &EventRow) -> Option<String> {
    let seq = event.seq;
    Some(match event.state {
        EventState::Parked => format!(
            "correct the cause (mapping, table or sender), then `buktor-middleware events retry {seq}`; or give it up with `events discard {seq}`"
        ),
        EventState::Conflict => format!(
            "compare it with the other event; `buktor-middleware events retry {seq}` applies this one too, `events discard {seq}` gives it up"
        ),
        EventState::Unmapped => {
            "add a mapping for its type to the configuration and restart; it is then applied by itself".to_owned()
        }
        EventState::Paused => {
            "run `buktor-middleware check` and correct what it names; it is then applied by itself within a minute".to_owned()
        }
        EventState::Waiting | EventState::Deferred | EventState::Held => {
            "nothing: it is tried again by itself; `buktor-middleware sync --now` does so at once".to_owned()
        }
        _ => return None,
    })
}

fn changed(done: &Changed, words: &str) -> Result<Exit, Failure> {
    output::data(&format!("{} {words}", count(done.changed)))?;
    for (state, n) in &done.skipped {
        output::talk(&format!("{} in state {state}: left as it was", count(*n)));
    }
    for name in &done.unknown {
        output::talk(&format!("no event has the number or event_id {}", output::printable(name)));
    }
    let clean = done.unknown.is_empty() && (done.changed > 0 || done.skipped.is_empty());
    Ok(if clean { Exit::Done } else { Exit::Problems })
}

fn count(events: u64) -> String {
    format!("{events} {}", if events == 1 { "event" } else { "events" })
}
