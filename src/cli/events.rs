//! `events`: single events, for the person who has to decide about them.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    cli::{
        audit,
        exit::{Exit, Failure},
        links, load_config,
        operator::operator,
        output,
    },
    model::{
        awaits,
        clock::Timestamp,
        event::{EventState, Seq},
    },
    queue::{
        AuditFilter, Awaited, Changed, EventDetail, EventFilter, EventRow, Inspector, Operator, QueueError,
        Selection,
    },
};

/// Missing records that are shown at most, those with the most events.
pub(super) const MISSING_SHOWN_MAX: usize = 10;

/// Rows of the audit trail that are shown with an event, the newest.
const HISTORY_SHOWN_MAX: usize = 20;

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
    /// Show which row of the HIS belongs to which record, where the row has a key that its table made itself
    ///
    /// Without KEY it lists the links of a name, or all of them, in the order of their keys. With KEY it shows one link, or
    /// changes it with --to or --remove.
    Link(links::Args),
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

    /// Who asks for it, and how the events were named where they were not named one by one.
    fn operator(&self, command: &str) -> Operator {
        match &self.cause {
            Some(cause) => operator(&format!("{command} --cause {cause}")),
            None if self.all => operator(&format!("{command} --all")),
            None => operator(command),
        }
    }
}

fn problem(error: QueueError) -> Failure {
    Failure::new(Exit::Problems, error)
}

pub(super) fn run(explicit: Option<&Path>, command: &Command) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let inspector = Inspector::open(&config.queue.path, &config.queue.key).map_err(problem)?;
    match command {
        Command::List(args) => list(&inspector, args),
        Command::Show { id, json } => show(&inspector, id, *json),
        Command::Retry(which) => {
            let done =
                inspector.retry(&which.selection(), &which.operator("events retry")).map_err(problem)?;
            changed(&done, "will be tried again at the next tick")
        }
        Command::Discard { which, yes } => {
            let refusal = "discarded events never reach the HIS; add --yes if that is meant";
            if !yes && !output::confirmed("Discarded events never reach the HIS.", refusal)? {
                return Err(Failure::new(Exit::Problems, "nothing was discarded"));
            }
            let done =
                inspector.discard(&which.selection(), &which.operator("events discard")).map_err(problem)?;
            changed(&done, "discarded")
        }
        Command::Link(args) => links::run(&config, &inspector, args),
    }
}

fn list(inspector: &Inspector, args: &ListArgs) -> Result<Exit, Failure> {
    let states = states(&args.state)?;
    // What is missing concerns those that are parked, of whatever type and cause.
    let parked = states.is_empty() || states.contains(&EventState::Parked);
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
        if parked && args.kind.is_none() && args.cause.is_none() {
            missing_records(&inspector.awaiting(MISSING_SHOWN_MAX).map_err(problem)?)?;
        }
    }
    if more {
        output::talk(&format!("and more; --limit shows more than {}", args.limit));
    }
    Ok(Exit::Done)
}

/// Records that events wait for, each with how many do.
pub(super) fn missing_records(awaiting: &[Awaited]) -> Result<(), Failure> {
    if awaiting.is_empty() {
        return Ok(());
    }
    let cells = |a: &Awaited| vec![a.events.to_string(), output::printable(&awaits::words(&a.awaits))];
    output::data("")?;
    output::table(
        &["events", "wait for a record that is missing"],
        &awaiting.iter().map(cells).collect::<Vec<_>>(),
    )
}

/// A missing record, for scripts.
pub(super) fn missing_record(awaited: &Awaited) -> Value {
    json!({"record": awaits::words(&awaited.awaits), "events": awaited.events})
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
    let filter = AuditFilter {
        event: Some(format!("seq:{}", event.seq)),
        limit: HISTORY_SHOWN_MAX,
        ..AuditFilter::default()
    };
    let trail = inspector.audit(&filter).map_err(problem)?;
    if as_json {
        let mut value = row(&event);
        if let Some(object) = value.as_object_mut() {
            object.insert("awaits".to_owned(), awaits.as_ref().map(missing_record).into());
            object.insert("body".to_owned(), Value::from(body));
            object.insert("audit".to_owned(), trail.iter().rev().map(audit::row).collect());
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
    trail.iter().rev().try_for_each(|row| line("audit", Some(audit::words(row))))?;
    line("same id as", event.conflict_of.map(|s| format!("event {s}, which has another body")))?;
    line("cause", event.cause.clone())?;
    line("message", event.error.clone())?;
    line("waits for", awaits.as_ref().map(waits_for))?;
    line("what to do", advice(&event, awaits.is_some()))?;
    output::data("body")?;
    let pretty = serde_json::from_str::<Value>(body.trim_start_matches('\u{feff}'));
    output::data(&pretty.map_or_else(|_| output::printable(&body), |v| output::document(&v)))?;
    Ok(Exit::Done)
}

fn waits_for(awaited: &Awaited) -> String {
    let wait = if awaited.events == 1 { "event waits" } else { "events wait" };
    format!("{} ({} {wait} for it)", awaits::words(&awaited.awaits), awaited.events)
}

fn advice(event: &EventRow, awaits: bool) -> Option<String> {
    let seq = event.seq;
    Some(match event.state {
        EventState::Parked if awaits => format!(
            "enter the missing record in the HIS: the event is then applied by itself; or give it up with `buktor-middleware events discard {seq}`"
        ),
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
            "correct what the message says; `buktor-middleware check` tells what else does not fit (it does not look into statements and procedures). The event is then applied by itself within a minute".to_owned()
        }
        EventState::Waiting => {
            "nothing, if the row that it refers to is still to come: it is tried again by itself (`buktor-middleware sync --now` does so at once); else do what the message says, or enter that row in the HIS".to_owned()
        }
        EventState::Deferred | EventState::Held => {
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
