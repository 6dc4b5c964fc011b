//! The log: where its lines go and what they look like. Never lets a dependency print what it handles, never
//! holds up the daemon for a slow disk, and never fails the daemon because a folder cannot be made.

mod files;

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Format, Writer},
        time::FormatTime,
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{
    config::Logging,
    limits::LOG_FILE_BYTES_MAX,
    model::clock::{Clock, SystemClock},
    telemetry::files::{Files, Lines, Trouble},
};

/// This program's own targets begin with it.
const OWN_TARGET: &str = "buktor_middleware";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The process has a log already.
    #[error("the log was begun twice")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the log's files going; when it is dropped, the lines that wait are written.
#[derive(Debug)]
pub struct Guard {
    /// What the operator must know: the log goes to stderr alone, and why.
    pub warning: Option<String>,
    files: Option<Files>,
}

impl Guard {
    /// Lines that found the buffer full because the disk was too slow.
    #[must_use]
    pub fn dropped_lines(&self) -> usize {
        self.files.as_ref().map_or(0, Files::dropped)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let dropped = self.dropped_lines();
        drop(self.files.take());
        if dropped > 0 {
            say(&format!("{dropped} log lines were not written to the log file: its disk was too slow"));
        }
    }
}

/// Begins the process's log: stderr, and daily files where `logging.directory` names a folder.
///
/// `service`: the service manager started the process, so nobody watches stderr: no colours, and the journal's
/// form wherever `JOURNAL_STREAM` is set. Without it the journal's form is taken only if stderr really is that
/// stream, for the variable is inherited by terminals too.
///
/// A folder that cannot be made, or written to, is told on stderr and in [`Guard::warning`]; the log then goes
/// on without files.
pub fn init(logging: &Logging, service: bool) -> Result<Guard, TelemetryError> {
    let style = Style::of_stderr(service);
    let (files, warning) = match logging.directory.as_deref().map(|folder| open_files(folder, logging, style))
    {
        None => (None, None),
        Some(Ok(files)) => (Some(files), None),
        Some(Err(error)) => {
            let folder = logging.directory.as_deref().unwrap_or(Path::new("")).display();
            (
                None,
                Some(format!(
                    "no log files: cannot write to {folder}: {error}; the log goes to stderr alone"
                )),
            )
        }
    };
    let file_layer = files.as_ref().map(|(writer, _)| layer(writer.clone(), logging.json, Style::PLAIN));
    tracing_subscriber::registry()
        .with(layer(io::stderr, logging.json, style).and_then(file_layer).with_filter(targets(logging.level)))
        .try_init()?;
    quiet_panics();
    if let Some(warning) = &warning {
        tracing::error!("{warning}");
    }
    let files = files.map(|(_, files)| files);
    Ok(Guard { warning, files })
}

/// Opens today's file; the lines go there through a bounded buffer that rather drops than waits.
fn open_files(folder: &Path, logging: &Logging, style: Style) -> io::Result<(Lines, Files)> {
    let json = logging.json;
    let tell =
        move |trouble, path: &Path, error: Option<&io::Error>| line_of(json, style, trouble, path, error);
    Files::open(folder, logging.keep_days, SystemClock, Box::new(tell))
}

/// Says on stderr what the files lack, and gives the same line in their form. It cannot go the usual way: the buffer before
/// the files may be as full as they are.
fn line_of(json: bool, style: Style, trouble: Trouble, path: &Path, error: Option<&io::Error>) -> Vec<u8> {
    let line = Gathered::default();
    let copy = line.clone();
    let file = layer(move || copy.clone(), json, Style::PLAIN);
    // Stderr has every line, and nothing was missing there.
    let stderr = (!matches!(trouble, Trouble::Over(_))).then(|| layer(io::stderr, json, style));
    let subscriber = tracing_subscriber::registry().with(file.and_then(stderr));
    tracing::subscriber::with_default(subscriber, || told(trouble, path, error));
    std::mem::take(&mut *line.0.lock().unwrap_or_else(PoisonError::into_inner))
}

fn told(trouble: Trouble, path: &Path, error: Option<&io::Error>) {
    let (path, mib) = (path.display(), LOG_FILE_BYTES_MAX >> 20);
    match trouble {
        Trouble::Full => tracing::error!(
            file = %path,
            mib,
            "today's log file is full: until tomorrow (UTC) it takes errors alone; all other lines go to stderr. Something \
             writes too much: look at its last lines, and at logging.level"
        ),
        Trouble::NoErrors => tracing::error!(
            file = %path,
            "today's log file has no room for errors either; until tomorrow (UTC) all lines go to stderr alone"
        ),
        Trouble::Broken => tracing::error!(
            folder = %path,
            error = error.map(tracing::field::display),
            "the log files cannot be written; lines go to stderr alone until they can"
        ),
        Trouble::Over(lines) => {
            tracing::warn!(folder = %path, lines, "lines are missing before this one: the log file could not take them");
        }
    }
}

/// A line that is not written yet.
#[derive(Clone, Default)]
struct Gathered(Arc<Mutex<Vec<u8>>>);

impl io::Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Our own lines by `logging.level`; of others no more than warnings; of the database drivers nothing, because
/// they log statements and what the server says about values.
fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target(OWN_TARGET, level)
        .with_target("sqlx", LevelFilter::OFF)
        .with_target("tiberius", LevelFilter::OFF)
}

/// How a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    /// The journal adds the time itself, and takes the priority from `<N>` before the line (sd-daemon(3)).
    journal: bool,
    colours: bool,
}

impl Style {
    const PLAIN: Self = Self { journal: false, colours: false };

    fn of_stderr(service: bool) -> Self {
        let journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| service || is_stderr(&stream));
        let colours = !journal
            && !service
            && io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { journal, colours }
    }
}

/// Whether `JOURNAL_STREAM` (`device:inode`) is this process's stderr.
#[cfg(unix)]
fn is_stderr(journal_stream: &str) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/dev/fd/2")
        .is_ok_and(|stderr| journal_stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

/// Whether `JOURNAL_STREAM` is this process's stderr: there is no journal here.
#[cfg(not(unix))]
fn is_stderr(_journal_stream: &str) -> bool {
    false
}

type Boxed<S> = Box<dyn Layer<S> + Send + Sync>;

fn layer<W>(writer: W, json: bool, style: Style) -> Boxed<Registry>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A stderr that was closed must not end the daemon through the layer's own complaint about it.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(style.colours)
        .log_internal_errors(false);
    let format = tracing_subscriber::fmt::format().with_ansi(style.colours);
    match (style.journal, json) {
        (false, false) => layer.event_format(format.with_timer(LocalTime)).boxed(),
        (true, false) => layer.event_format(Journal(format.without_time())).boxed(),
        (false, true) => layer.json().event_format(flat(format.json()).with_timer(LocalTime)).boxed(),
        (true, true) => layer.json().event_format(Journal(flat(format.json()).without_time())).boxed(),
    }
}

/// One flat object a line.
fn flat<T>(
    format: Format<tracing_subscriber::fmt::format::Json, T>,
) -> Format<tracing_subscriber::fmt::format::Json, T> {
    format.flatten_event(true).with_current_span(false).with_span_list(false)
}

/// The machine's time with its offset: what the clock on the wall of the server room says.
struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let now = SystemClock.now().utc().with_timezone(&chrono::Local);
        write!(w, "{}", now.format("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    }
}

/// A format with the journal's priority before each line.
struct Journal<F>(F);

impl<S, N, F> FormatEvent<S, N> for Journal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(event.metadata()))?;
        self.0.format_event(ctx, writer, event)
    }
}

/// syslog(3)'s number for a level.
fn priority(metadata: &Metadata<'_>) -> u8 {
    match *metadata.level() {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Rust's own report of a panic prints its message, and messages about text quote the text.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // A literal of the source is no payload; a formatted message may hold one.
        let words = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
        tracing::error!(place, words, "a fault of this program; please report it");
    }));
}

/// Where there is no log, or none any more.
fn say(words: &str) {
    // Nobody is left to tell if stderr is gone too.
    let _gone = writeln!(io::stderr(), "{words}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests {
    use std::{
        fs,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::util::SubscriberInitExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(json: bool, style: Style, level: Level, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let to = lines.clone();
        let subscriber = tracing_subscriber::registry()
            .with(layer(move || to.clone(), json, style).with_filter(targets(level)));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const JOURNAL: Style = Style { journal: true, colours: false };

    #[test]
    fn text_has_the_local_time() {
        let line = logged(false, Style::PLAIN, Level::INFO, || tracing::info!(seq = 7, "applied"));
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
        assert_eq!(rest.trim_start(), "INFO buktor_middleware::telemetry::tests: applied seq=7\n");
    }

    #[test]
    fn the_journal_gets_priorities_and_no_time() {
        let line = logged(false, JOURNAL, Level::DEBUG, || {
            tracing::error!("a");
            tracing::warn!("b");
            tracing::info!("c");
            tracing::debug!("d");
        });
        let expected = "<3>ERROR buktor_middleware::telemetry::tests: a\n\
                        <4> WARN buktor_middleware::telemetry::tests: b\n\
                        <6> INFO buktor_middleware::telemetry::tests: c\n\
                        <7>DEBUG buktor_middleware::telemetry::tests: d\n";
        assert_eq!(line, expected);
        let line = logged(true, JOURNAL, Level::INFO, || tracing::info!(seq = 7, "applied"));
        let json: serde_json::Value = serde_json::from_str(line.strip_prefix("<6>").unwrap()).unwrap();
        assert_eq!(json["message"], "applied");
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let line = logged(true, Style::PLAIN, Level::INFO, || tracing::info!(seq = 7, "two\nlines"));
        assert_eq!(line.lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&json["message"], &json["seq"], &json["level"]),
            (&"two\nlines".into(), &7.into(), &"INFO".into())
        );
        assert!(chrono::DateTime::parse_from_rfc3339(json["timestamp"].as_str().unwrap()).is_ok());
    }

    #[test]
    fn control_characters_cannot_colour_or_forge() {
        let line = logged(false, Style::PLAIN, Level::INFO, || tracing::info!(path = "a\x1b[31mb", "x"));
        assert!(!line.contains('\x1b'), "{line}");
        let line =
            logged(false, Style { journal: false, colours: true }, Level::INFO, || tracing::info!("x"));
        assert!(line.contains('\x1b'), "{line}");
    }

    #[test]
    fn levels_by_target() {
        let all = || {
            tracing::debug!("own debug");
            tracing::info!(target: "hyper::proto", "hyper info");
            tracing::warn!(target: "hyper::proto", "hyper warn");
            tracing::error!(target: "sqlx::query", "statement");
            tracing::error!(target: "sqlx_mysql::connection", "statement");
            tracing::error!(target: "tiberius::tds", "statement");
        };
        let check = |level, expected: &[&str]| {
            let text = logged(false, Style::PLAIN, level, all);
            let told: Vec<_> = text.lines().map(|line| line.rsplit(": ").next().unwrap()).collect();
            assert_eq!(told, expected, "{level}");
        };
        check(Level::TRACE, &["own debug", "hyper warn"]);
        check(Level::INFO, &["hyper warn"]);
        check(Level::ERROR, &[]);
    }

    fn logging(directory: Option<&Path>) -> Logging {
        Logging { level: Level::INFO, json: false, directory: directory.map(Path::to_path_buf), keep_days: 1 }
    }

    #[test]
    fn files_are_dated_and_kept_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("a/b");
        for line in ["one", "two", "three"] {
            let (writer, files) = open_files(&logs, &logging(Some(&logs)), Style::PLAIN).unwrap();
            let guard = Guard { warning: None, files: Some(files) };
            let subscriber = tracing_subscriber::registry().with(layer(writer, false, Style::PLAIN));
            tracing::subscriber::with_default(subscriber, || tracing::info!("{line}"));
            assert_eq!(guard.dropped_lines(), 0);
            drop(guard);
        }
        let names: Vec<_> =
            fs::read_dir(&logs).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        let [name] = names.as_slice() else { panic!("{names:?}") };
        let date = name.strip_prefix("buktor-middleware.").unwrap().strip_suffix(".log").unwrap();
        assert!(chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok(), "{name}");
        let text = fs::read_to_string(logs.join(name)).unwrap();
        assert_eq!(
            text.lines().map(|l| l.rsplit(' ').next().unwrap()).collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
    }

    /// The only test that may begin the process's log; nextest gives each test a process of its own, `cargo test`
    /// does not.
    #[test]
    fn a_folder_that_cannot_be_made_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let guard = init(&logging(Some(&file.join("logs"))), true).unwrap();
        let warning = guard.warning.clone().unwrap();
        assert!(warning.starts_with("no log files: cannot write to "), "{warning}");
        assert_eq!(guard.dropped_lines(), 0);
        assert!(matches!(init(&logging(None), false), Err(TelemetryError::Twice(_))));
        assert!(tracing_subscriber::registry().try_init().is_err());
        let _ = std::panic::take_hook();
    }

    #[cfg(unix)]
    #[test]
    fn the_journal_is_told_from_a_terminal_that_inherited_its_variable() {
        use std::os::unix::fs::MetadataExt as _;
        let stderr = fs::metadata("/dev/fd/2").unwrap();
        assert!(is_stderr(&format!("{}:{}", stderr.dev(), stderr.ino())));
        assert!(!is_stderr("1:1"));
        assert!(!is_stderr(""));
    }
}
