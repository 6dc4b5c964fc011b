//! `mapping test`: example events against a saved description of the tables, without a database. Prints what `examples` has
//! found; writes nothing but the expectations that it is asked to record.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config, output,
    },
    config::Config,
    examples::{
        self, Came, Difference, Example, Examples, Mistake, Runner, compare, expectation, expectation_text,
    },
    plan::{Planner, verify::Severity},
    saved,
};

/// The file of examples that is looked for beside the configuration.
const FILE_NAME: &str = "his-mapping-tests.json";
/// The description that is looked for beside the examples, where they name none.
const SCHEMA_NAME: &str = "his-schema.json";

/// Spaces before the keys of an example, as docs/mapping.md writes them.
const RECORD_INDENT: usize = 6;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Compare what the mapping makes of example events with what is expected, without a database
    ///
    /// Needs the description of the tables that `check --save-schema his-schema.json` has saved. Ends with exit code 0 if
    /// everything is as expected, and with 1 if not. docs/mapping.md shows what stands in the file.
    Test(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file with the example events; without it his-mapping-tests.json beside the configuration
    file: Option<PathBuf>,
    /// The description of the tables; without it the file that "schema" in the examples names, else his-schema.json
    /// beside them
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Write what comes now as "expect" into the examples that have none yet; look at it before you rely on it
    #[arg(long)]
    record: bool,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// What became of an example.
struct Done<'a> {
    example: &'a Example,
    came: Came,
    /// None where nothing is expected yet.
    differences: Option<Vec<Difference>>,
}

impl Done<'_> {
    fn is_ok(&self) -> bool {
        self.differences.as_ref().is_some_and(Vec::is_empty)
    }
}

pub(super) fn run(explicit: Option<&Path>, command: &Command) -> Result<Exit, Failure> {
    let Command::Test(args) = command;
    let config = load_config(explicit)?;
    let folder = config.path.parent().unwrap_or(Path::new("."));
    let path = args.file.clone().unwrap_or_else(|| folder.join(FILE_NAME));
    let text = read(&path, "copy the example of docs/mapping.md into such a file, or name another one")?;
    let examples = examples::read(&text).map_err(|mistakes| wrong(&path, &mistakes))?;
    let planner = planner(&config, &schema_path(args, &path, &examples))?;
    let runner = Runner { planner: &planner, examples: &examples };
    let mistakes = runner.mistakes();
    if !mistakes.is_empty() {
        return Err(wrong(&path, &mistakes));
    }
    let zone = config.database.timezone;
    let done = |example| {
        let came = runner.run(example);
        let differences = example.expected.as_ref().map(|expected| compare(expected, &came, zone));
        Done { example, came, differences }
    };
    let done: Vec<Done<'_>> = examples.examples.iter().map(done).collect();
    if args.record {
        record(&path, &text, &examples, &done, zone)?;
    }
    if args.json {
        output::json(&done.iter().map(|d| to_json(d, zone)).collect::<Value>())?;
    } else {
        print(&config, args, &planner, &done)?;
    }
    let well =
        |d: &Done<'_>| d.is_ok() || (args.record && d.differences.is_none() && recorded(d, zone).is_some());
    Ok(if done.iter().all(well) { Exit::Done } else { Exit::Problems })
}

fn read(path: &Path, remedy: &str) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| {
        let remedy =
            if e.kind() == std::io::ErrorKind::NotFound { format!("; {remedy}") } else { String::new() };
        Failure::new(Exit::Configuration, format!("{} cannot be read: {e}{remedy}", path.display()))
    })
}

fn wrong(path: &Path, mistakes: &[Mistake]) -> Failure {
    let line = |m: &Mistake| {
        let place = m.place.map_or_else(String::new, |(line, column)| format!("{line}:{column}:"));
        let at = if m.at.is_empty() { String::new() } else { format!(" {}:", m.at) };
        format!("{}:{place}{at} {}", path.display(), m.message)
    };
    Failure::new(Exit::Configuration, mistakes.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Where the description of the tables is: what the examples name is relative to them.
fn schema_path(args: &Args, path: &Path, examples: &Examples) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = || folder.join(examples.schema.as_deref().unwrap_or(SCHEMA_NAME));
    args.schema.clone().unwrap_or_else(named)
}

fn planner(config: &Config, path: &Path) -> Result<Planner, Failure> {
    let remedy = format!("make it with `buktor-middleware check --save-schema {}`", path.display());
    let schema = saved::from_json(&read(path, &remedy)?)
        .map_err(|e| Failure::new(Exit::Configuration, format!("{}: {e}", path.display())))?;
    let mappings = Arc::new(config.mappings.clone());
    Ok(Planner::new(mappings, &schema, config.database.timezone, usize::MAX))
}

fn print(config: &Config, args: &Args, planner: &Planner, done: &[Done<'_>]) -> Result<(), Failure> {
    let zone = config.database.timezone;
    for finding in planner.findings().iter().filter(|f| f.severity == Severity::Problem) {
        let (line, column) = config.place(&finding.at).unwrap_or((1, 1));
        let at = crate::config::plain_path(&finding.at);
        let file = config.path.display();
        output::talk(&output::printable(&format!(
            "PROBLEM: {file}:{line}:{column}: {at}: {}",
            finding.message
        )));
    }
    if planner.has_unbound() {
        output::talk(
            "If the tables have changed since, make their description anew with `buktor-middleware check --save-schema \
             FILE`.",
        );
    }
    for done in done {
        let state = match &done.differences {
            None => "new   ",
            Some(differences) if differences.is_empty() => "ok    ",
            Some(_) => "FAILED",
        };
        output::data(&format!("{state}  {}", output::printable(&done.example.name)))?;
        for difference in done.differences.iter().flatten() {
            let Difference { row, column, expected, came } = difference;
            let place =
                [row.as_deref(), column.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ");
            let place = if place.is_empty() { place } else { format!("{place}: ") };
            output::data(&output::printable(&format!("        {place}expected {expected}, came {came}")))?;
        }
        if done.differences.is_none() {
            output::data(&format!("        {}", unexpected(args, &done.came, zone)))?;
        }
    }
    let failed = done.iter().filter(|d| d.differences.as_ref().is_some_and(|d| !d.is_empty())).count();
    let new = done.iter().filter(|d| d.differences.is_none()).count();
    let ok = done.len() - failed - new;
    let more = match (new, args.record) {
        (0, _) => String::new(),
        (_, true) => format!(", {new} new"),
        (_, false) => format!(", {new} without \"expect\" (--record writes it)"),
    };
    output::data(&format!("{ok} ok, {failed} failed{more}"))
}

/// What is said of an example that expects nothing yet.
fn unexpected(args: &Args, came: &Came, zone: chrono_tz::Tz) -> String {
    match expectation_text(came, zone, 8) {
        Some(_) if args.record => "recorded what comes now".to_owned(),
        Some(text) => format!("nothing is expected yet; what comes is\n        {text}"),
        None => {
            let difference = compare(&examples::Expected::Ignored, came, zone).pop();
            let words = difference.map_or_else(String::new, |d| output::printable(&d.came));
            format!("this is to be mended first: {words}")
        }
    }
}

fn recorded(done: &Done<'_>, zone: chrono_tz::Tz) -> Option<Value> {
    expectation(&done.came, zone)
}

/// Puts what came before the events of those examples that expect nothing yet; all else of the file stays to the byte.
fn record(
    path: &Path,
    text: &str,
    examples: &Examples,
    done: &[Done<'_>],
    zone: chrono_tz::Tz,
) -> Result<(), Failure> {
    let mut text = text.to_owned();
    let mut count = 0;
    // From the end, so that the places before stay what they are.
    for done in done.iter().rev().filter(|d| d.differences.is_none()) {
        let place = examples.place_of_event(done.example.number).and_then(|place| byte_of(&text, place));
        if let (Some(at), Some(expected)) = (place, expectation_text(&done.came, zone, RECORD_INDENT)) {
            text.insert_str(at, &format!("\"expect\": {expected},\n{}", " ".repeat(RECORD_INDENT)));
            count += 1;
        }
    }
    if count > 0 {
        fs::write(path, text).map_err(|e| {
            Failure::new(Exit::Problems, format!("{} cannot be written: {e}", path.display()))
        })?;
    }
    output::talk(&format!("{count} recorded in {}; look at what is expected now", path.display()));
    Ok(())
}

/// The byte of a place in a text.
fn byte_of(text: &str, (line, column): (usize, usize)) -> Option<usize> {
    // A byte order mark is no character of the first line.
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let start = mark
        + text.get(mark..)?.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let (offset, _) = text.get(start..)?.char_indices().nth(column.checked_sub(1)?)?;
    Some(start + offset)
}

fn to_json(done: &Done<'_>, zone: chrono_tz::Tz) -> Value {
    let difference =
        |d: &Difference| json!({ "row": d.row, "column": d.column, "expected": d.expected, "came": d.came });
    json!({
        "name": done.example.name,
        "result": match &done.differences {
            None => "new",
            Some(differences) if differences.is_empty() => "ok",
            Some(_) => "failed",
        },
        "differences": done.differences.iter().flatten().map(difference).collect::<Vec<_>>(),
        "came": recorded(done, zone),
    })
}
