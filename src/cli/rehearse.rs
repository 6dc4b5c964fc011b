//! `rehearse`: what an event would do to the HIS's rows, tried and taken back. Prints what `sync::rehearse` has found, and
//! decides nothing.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config, output, runtime, send,
    },
    config::Config,
    daemon,
    his::HisError,
    ingest::envelope,
    model::{
        clock::{Clock, SystemClock},
        event::{EventKind, EventState, RawEvent, Seq, StoredEvent},
        outcome::FaultClass,
    },
    queue::{EventDetail, Inspector, QueueError},
    sync::rehearse::{Does, RehearseError, Rehearsed, ShownChange, ShownColumn, Side, rehearse},
};

/// Characters of a value that a line shows; JSON has all of them.
const VALUE_CHARS_MAX: usize = 60;
/// What an event is called that has no id and is in no queue.
const NO_ID: &str = "rehearsal";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file with the event, one JSON object as Buktor sends it (- for standard input)
    #[arg(required_unless_present = "event", conflicts_with = "event")]
    file: Option<PathBuf>,
    /// An event of the queue instead, by its number in the list or its `event_id`, whatever its state
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Also show the columns of the rows that stay as they are and that the mapping does not write
    #[arg(long)]
    all: bool,
    /// Run the mapping's own statements, even if they call procedures: only where these do not commit by themselves
    #[arg(long)]
    run_statements: bool,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    let problem = |error: QueueError| Failure::new(Exit::Problems, error);
    let inspector = match (Inspector::open(&config.queue.path, &config.queue.key), &args.event) {
        (Ok(inspector), _) => Some(inspector),
        // Nothing was received yet: so nothing is known of the event's record.
        (Err(QueueError::NoFile { .. }), None) => None,
        (Err(error), _) => return Err(problem(error)),
    };
    let event = match (&args.event, &args.file, &inspector) {
        (Some(id), _, Some(inspector)) => stored(inspector.show(id).map_err(problem)?),
        (_, Some(path), _) => from_file(path)?,
        _ => return Err(Failure::new(Exit::Usage, "name a file with an event, or an event with --event")),
    };
    let shown = event.clone();
    let rehearsed = runtime()?.block_on(async {
        let stopped = daemon::stop_signal()
            .map_err(|e| Failure::new(Exit::Problems, format!("signals cannot be received: {e}")))?;
        tokio::select! {
            done = rehearse(&config, inspector.as_ref(), event, args.run_statements) => done.map_err(failure),
            () = stopped => Err(Failure::new(
                Exit::Problems,
                "stopped; the connection was closed, and the database takes back what was begun",
            )),
        }
    })?;
    if args.json {
        output::json(&json(&shown, &rehearsed))?;
    } else {
        print(&config, args, &shown, &rehearsed)?;
    }
    Ok(if rehearsed.is_applied() { Exit::Done } else { Exit::Problems })
}

fn failure(error: RehearseError) -> Failure {
    let exit = match &error {
        RehearseError::His(HisError { class: FaultClass::Unreachable, .. }) => Exit::Unreachable,
        _ => Exit::Problems,
    };
    Failure::new(exit, error)
}

/// An event of the queue, as a retry would take it up.
fn stored(detail: EventDetail) -> StoredEvent {
    let EventDetail { row, body, .. } = detail;
    StoredEvent {
        seq: row.seq,
        id: row.id,
        kind: EventKind(row.kind),
        operation: row.operation,
        occurred_at: row.occurred_at,
        received_at: row.received_at,
        body,
        attempts: row.attempts,
        crashes: 0,
        replay: row.replay,
        twin: false,
        doubt: false,
    }
}

/// An event as if it were received now, after all that is in the queue.
fn from_file(path: &Path) -> Result<StoredEvent, Failure> {
    let body = send::read(path)?;
    let name = if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
    let event: RawEvent = envelope::read(&body, SystemClock.now())
        .map_err(|refused| Failure::new(Exit::Problems, format!("{name}: {refused}")))?;
    Ok(StoredEvent::unqueued(event, Seq(i64::MAX), NO_ID))
}

fn print(config: &Config, args: &Args, event: &StoredEvent, rehearsed: &Rehearsed) -> Result<(), Failure> {
    let Rehearsed { reason, rule, changes, left_out, notes, .. } = rehearsed;
    output::data(&format!(
        "event       {}, {}",
        output::printable(&event.kind.0),
        output::printable(&event.id)
    ))?;
    if let Some(rule) = rule {
        output::data(&format!("mapping     {}", crate::config::plain_path(rule)))?;
    }
    output::data(&format!("database    {}", config.database.words()))?;
    for (number, change) in changes.iter().enumerate() {
        output::data("")?;
        print_change(number + 1, change, args.all)?;
    }
    output::data("")?;
    for step in left_out {
        output::data(&format!("left out    {}: it writes nothing for this event", output::printable(step)))?;
    }
    output::data(&format!("would be    {}", verdict(rehearsed)))?;
    if let Some(reason) = reason {
        output::data(&format!("cause       {}", output::printable(&reason.cause)))?;
        output::data(&format!("message     {}", output::printable(&reason.message)))?;
    }
    if let Some(advice) = advice(rehearsed) {
        output::data(&format!("what to do  {advice}"))?;
    }
    for note in notes {
        output::talk(&format!("note: {}", output::printable(note)));
    }
    if !changes.is_empty() {
        output::talk(
            "Everything was rolled back: the tables are as they were. What stands above may be patient data; do not \
             pass it on.",
        );
    }
    Ok(())
}

fn verdict(rehearsed: &Rehearsed) -> String {
    if !rehearsed.is_applied() {
        return rehearsed.state.name().to_owned();
    }
    let idle = |c: &ShownChange| c.does == Does::Nothing || c.done_before;
    if rehearsed.changes.iter().all(idle) {
        "applied, and all would stay as it is".to_owned()
    } else {
        "applied".to_owned()
    }
}

fn advice(rehearsed: &Rehearsed) -> Option<&'static str> {
    Some(match rehearsed.state {
        EventState::Parked if rehearsed.awaits => {
            "enter the missing record in the HIS; the event is then written by itself"
        }
        EventState::Parked => "correct the mapping, the table or what is sent, and rehearse it again",
        EventState::Unmapped => "add a mapping for its type to the configuration",
        EventState::Paused => {
            "correct what the message says; `buktor-middleware check` tells what else does not fit (it does not look into statements and procedures)"
        }
        EventState::Deferred => "nothing: the daemon tries it again by itself; rehearse it again in a moment",
        EventState::Waiting => {
            "nothing, if the row that it refers to is still to come: the daemon waits for it; else enter that row in the HIS"
        }
        EventState::Stale => "nothing: what is in the HIS is newer than this event",
        _ => return None,
    })
}

fn print_change(number: usize, change: &ShownChange, all: bool) -> Result<(), Failure> {
    let what = match (&change.table, &change.statement) {
        (Some(table), _) => output::printable(table),
        (None, Some(at)) => format!("the statement of {}", crate::config::plain_path(at)),
        (None, None) => String::new(),
    };
    let done = match (change.done_before, change.does, change.rows) {
        (true, ..) => "was done before, as its marker says".to_owned(),
        (_, Does::Insert, _) => "a new row".to_owned(),
        (_, Does::Update, _) => "a row is changed".to_owned(),
        (_, Does::Delete, _) => "a row is deleted".to_owned(),
        (_, Does::Upsert, _) => "a row is changed, or made".to_owned(),
        (_, Does::Nothing, _) => "nothing changes".to_owned(),
        (_, Does::Statement, Some(1)) => "1 row".to_owned(),
        (_, Does::Statement, Some(rows)) => format!("{rows} rows"),
        (_, Does::Statement, None) => "not done".to_owned(),
    };
    let key: Vec<String> = change.key.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let key = if key.is_empty() { String::new() } else { format!(" ({})", key.join(", ")) };
    output::data(&output::printable(&format!("{number}. {}: {what}{key}: {done}", change.step)))?;
    if change.unread && change.does != Does::Statement {
        output::data("   the row cannot be read; this is what is written")?;
    }
    let rows: Vec<Vec<String>> =
        change.columns.iter().filter(|c| all || is_told(change, c)).map(cells).collect();
    if rows.is_empty() {
        return Ok(());
    }
    if change.does == Does::Statement {
        let rows: Vec<Vec<String>> = change.columns.iter().map(parameter).collect();
        return output::table(&["  ", "parameter", "value"], &rows);
    }
    output::table(&["  ", "column", "before", "after"], &rows)
}

/// Whether a column is shown without being asked for: the mapping writes it, or something else has changed it. Of a row that
/// is new or gone, its key is.
fn is_told(change: &ShownChange, column: &ShownColumn) -> bool {
    let whole = matches!(change.does, Does::Insert | Does::Delete);
    let is_key = || change.key.iter().any(|(name, _)| *name == column.name);
    column.written || if whole { is_key() } else { column.changed() }
}

fn cells(column: &ShownColumn) -> Vec<String> {
    let mark = if column.changed() { " *" } else { "  " };
    vec![mark.to_owned(), output::printable(&column.name), side(&column.before), side(&column.after)]
}

fn parameter(column: &ShownColumn) -> Vec<String> {
    let value = match &column.after {
        Side::Nothing => "(the key of a new row)".to_owned(),
        after => side(after),
    };
    vec!["  ".to_owned(), format!(":{}", output::printable(&column.name)), value]
}

/// What a cell holds; a dash where there is no row.
fn side(side: &Side) -> String {
    match side {
        Side::Nothing => "-".to_owned(),
        Side::Null => "NULL".to_owned(),
        Side::Text(text) if ["", "NULL", "-"].contains(&text.as_str()) => format!("'{text}'"),
        Side::Text(text) if text.chars().count() > VALUE_CHARS_MAX => {
            let cut: String = text.chars().take(VALUE_CHARS_MAX).collect();
            format!("{}...", output::printable(&cut))
        }
        Side::Text(text) => output::printable(text),
    }
}

fn json(event: &StoredEvent, rehearsed: &Rehearsed) -> Value {
    let cause = rehearsed.reason.as_ref();
    let seq = (event.seq != Seq(i64::MAX)).then_some(event.seq.0);
    json!({
        "event": {
            "id": event.id, "seq": seq, "kind": event.kind.0, "operation": event.operation,
            "received_at": event.received_at.rfc3339(),
        },
        "mapping": rehearsed.rule.as_deref().map(crate::config::plain_path),
        "would_be": rehearsed.state.name(),
        "cause": cause.map(|c| &c.cause),
        "message": cause.map(|c| &c.message),
        "changes": rehearsed.changes.iter().map(change_json).collect::<Vec<_>>(),
        "left_out": rehearsed.left_out,
        "notes": rehearsed.notes,
        "rolled_back": true,
    })
}

/// A side that has no row has no key in the object.
fn change_json(change: &ShownChange) -> Value {
    let column = |column: &ShownColumn| {
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(column.name));
        object.insert("written".to_owned(), json!(column.written));
        object.insert("changed".to_owned(), json!(column.changed()));
        for (name, side) in [("before", &column.before), ("after", &column.after)] {
            match side {
                Side::Nothing => {}
                Side::Null => drop(object.insert(name.to_owned(), Value::Null)),
                Side::Text(text) => drop(object.insert(name.to_owned(), json!(text))),
            }
        }
        Value::Object(object)
    };
    let key: Map<String, Value> = change.key.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
    json!({
        "step": change.step,
        "table": change.table,
        "statement": change.statement.as_deref().map(crate::config::plain_path),
        "does": change.does.word(),
        "key": key,
        "rows": change.rows,
        "done_before": change.done_before,
        "row_read": !change.unread,
        "columns": change.columns.iter().map(column).collect::<Vec<_>>(),
    })
}
