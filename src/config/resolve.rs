//! From the file as written to [`Config`]: defaults, paths, and every value that is wrong by itself or beside another.
//! Reads the environment and secrets' files; never connects and creates nothing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveTime, Timelike as _};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};

use crate::{
    config::{
        Config, Engine, Logging, Places, Secret, SecretPlaces, Sync,
        file::{self, File, SCHEDULE_DEFAULT, SecretText},
        keypath::{KeyPath, printable},
        problem::{Problem, nearest},
        secret::{self, Environment, Source},
    },
    limits::{BATCH_EVENTS_DEFAULT, LOG_DAYS_DEFAULT},
    sql::ident::{Dialect, MYSQL, ORACLE, SQLITE, TSQL},
};

const MINUTES_OF_A_DAY: u32 = 24 * 60;

/// What resolving needs besides the file, and what it found.
pub(crate) struct Resolver<'a> {
    /// The configuration file's folder, absolute.
    pub(crate) folder: &'a Path,
    pub(crate) environment: &'a Environment<'a>,
    pub(crate) places: &'a Places,
    /// Keys that `shape` found fault with, and that are therefore not in the file as it comes here.
    pub(crate) broken: &'a BTreeSet<KeyPath>,
    /// How the database reads SQL; none where its type has a problem.
    pub(crate) dialect: Option<&'static Dialect>,
    pub(crate) problems: Vec<Problem>,
    /// Where the secrets came from that have been read.
    pub(crate) secrets: SecretPlaces,
}

impl Resolver<'_> {
    /// Tells what is wrong with a key's value.
    pub(crate) fn wrong(&mut self, at: &KeyPath, message: impl Into<String>) {
        self.problems.push(Problem { at: at.clone(), place: self.places.of(at), message: message.into() });
    }

    /// Tells that something is not there or not complete, unless that is because `shape` told of it already.
    pub(crate) fn missing(&mut self, at: &KeyPath, message: impl Into<String>) {
        if !self.is_broken(at) {
            self.wrong(at, message);
        }
    }

    /// Whether `shape` told of something at or below a key. In their order, what is below a path follows it at once.
    pub(crate) fn is_broken(&self, at: &KeyPath) -> bool {
        self.broken.range(at..).next().is_some_and(|told| told.is_within(at))
    }

    /// A path of the file, made absolute.
    pub(crate) fn path(&mut self, at: &KeyPath, written: &str) -> Option<PathBuf> {
        let message = if written.trim().is_empty() {
            "must be a path, not an empty text; leave the key out to have the default"
        } else if written.contains(char::is_control) {
            "holds a control character; in JSON a \\ is written \\\\ (\"C:\\\\Buktor\\\\new\"), and / works too"
        } else if written.starts_with(['~', '$', '%']) {
            "is taken as it stands: ~, $NAME and %NAME% are not replaced; write the path in full"
        } else {
            return Some(self.folder.join(written));
        };
        self.wrong(at, message);
        None
    }

    /// A secret, from where it is.
    pub(crate) fn secret(&mut self, at: &KeyPath, written: SecretText) -> Option<Secret> {
        match written {
            SecretText::Plain(text) => {
                self.secrets.inline.push(at.canonical());
                Some(Secret::from(text))
            }
            SecretText::From(from) => match secret::source(from) {
                Ok(source) => self.secret_from(at, source),
                Err(message) => {
                    self.missing(at, message);
                    None
                }
            },
        }
    }

    /// A secret that is kept outside the file.
    pub(crate) fn secret_from(&mut self, at: &KeyPath, source: Source) -> Option<Secret> {
        if let Source::File(path) = &source {
            self.secrets.files.push((at.canonical(), self.folder.join(path)));
        }
        secret::read(source, self.folder, self.environment).map_err(|message| self.missing(at, message)).ok()
    }

    /// A time zone by its IANA name.
    pub(crate) fn timezone(&mut self, at: &KeyPath, written: &str) -> Option<Tz> {
        if let Ok(zone) = written.parse() {
            return Some(zone);
        }
        let shown = printable(written);
        let zones = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let city = written.replace(' ', "_").to_lowercase();
        let meant = zones()
            .find(|z| z.to_lowercase() == city || z.to_lowercase().rsplit('/').next() == Some(city.as_str()))
            .or_else(|| nearest(written, zones().filter(|z| z.contains('/'))));
        let message = match meant {
            Some(meant) => format!("\"{shown}\" is no IANA time zone; did you mean \"{meant}\"?"),
            None => format!(
                "\"{shown}\" is no IANA time zone; write a name such as \"Asia/Kolkata\" (no offset, no abbreviation, \
                 no Windows name)"
            ),
        };
        self.wrong(at, message);
        None
    }

    /// The first folder of a variable that systemd sets, a list with colons.
    pub(crate) fn systemd_folder(&self, variable: &str) -> Option<PathBuf> {
        let list = (self.environment)(variable)?.into_string().ok()?;
        let first = list.split(':').next().filter(|folder| Path::new(folder).is_absolute())?;
        Some(PathBuf::from(first))
    }

    fn sync(&mut self, written: file::Sync) -> Option<Sync> {
        let at = KeyPath::root().key("sync");
        let schedule = written.schedule.unwrap_or_else(|| SCHEDULE_DEFAULT.to_owned());
        let fault = schedule_fault(&schedule);
        if let Some(fault) = &fault {
            self.wrong(&at.key("schedule"), fault.clone());
        }
        let quiet_hours = self.quiet_hours(&at.key("quiet_hours"), written.quiet_hours);
        let batch_events = to_usize(written.batch_events.unwrap_or(BATCH_EVENTS_DEFAULT));
        fault.is_none().then_some(Sync { schedule, batch_events, quiet_hours: quiet_hours? })
    }

    fn quiet_hours(
        &mut self,
        at: &KeyPath,
        written: Option<file::OneOrMany<String>>,
    ) -> Option<Vec<(NaiveTime, NaiveTime)>> {
        let mut all = Vec::new();
        let mut fine = true;
        for (at, written) in written.into_iter().flat_map(|w| w.at(at)) {
            match quiet_time(&written) {
                Ok(time) => all.push(time),
                Err(message) => {
                    self.wrong(&at, message);
                    fine = false;
                }
            }
        }
        let minute_is_quiet = |minute: u32| {
            all.iter().any(|(from, to)| {
                let (from, to) = (minute_of(*from), minute_of(*to));
                if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
            })
        };
        if fine && !all.is_empty() && (0..MINUTES_OF_A_DAY).all(minute_is_quiet) {
            self.wrong(
                at,
                "these times cover the whole day, so that nothing would ever be written; leave some out",
            );
            fine = false;
        }
        fine.then_some(all)
    }

    fn logging(&mut self, written: file::Logging) -> Option<Logging> {
        let at = KeyPath::root().key("logging").key("directory");
        let directory = match written.directory {
            Some(None) => None,
            Some(Some(path)) => Some(self.path(&at, &path)?),
            None => Some(self.systemd_folder("LOGS_DIRECTORY").unwrap_or_else(|| self.folder.join("logs"))),
        };
        Some(Logging {
            level: match written.level {
                Some(file::Level::Error) => tracing::Level::ERROR,
                Some(file::Level::Warn) => tracing::Level::WARN,
                Some(file::Level::Debug) => tracing::Level::DEBUG,
                Some(file::Level::Trace) => tracing::Level::TRACE,
                Some(file::Level::Info) | None => tracing::Level::INFO,
            },
            json: matches!(written.format, Some(file::LogFormat::Json)),
            directory,
            keep_days: to_usize(written.keep_days.unwrap_or(LOG_DAYS_DEFAULT)),
        })
    }
}

/// Resolves a whole file; `Err` where there is any problem, all of them being in `resolver.problems`.
pub(crate) fn resolve(file: File, path: &Path, resolver: &mut Resolver<'_>) -> Option<Config> {
    let auth = resolver.auth(file.auth.unwrap_or_default());
    let server = resolver.server(file.server.unwrap_or_default(), auth.as_ref());
    let queue = resolver.queue(file.queue.unwrap_or_default());
    let sync = resolver.sync(file.sync.unwrap_or_default());
    let logging = resolver.logging(file.logging.unwrap_or_default());
    let database = file.database.and_then(|written| resolver.database(written));
    let mappings = file.mapping.and_then(|written| resolver.mappings(written));

    if let (Some(queue), Some(database)) = (&queue, &database)
        && let Engine::Sqlite { path: his } = &database.engine
        && queue.path == *his
    {
        let at = KeyPath::root().key("database").key("path");
        resolver.wrong(&at, "is also the queue file; the HIS needs a file of its own");
    }
    if !resolver.problems.is_empty() {
        return None;
    }
    Some(Config {
        path: path.to_owned(),
        server: server?,
        auth: auth?,
        queue: queue?,
        sync: sync?,
        database: database?,
        mappings: mappings?,
        logging: logging?,
        places: resolver.places.clone(),
        secrets: std::mem::take(&mut resolver.secrets),
    })
}

/// How a database of that type reads SQL.
pub(crate) fn dialect(kind: file::DatabaseType) -> &'static Dialect {
    match kind {
        file::DatabaseType::MySql => &MYSQL,
        file::DatabaseType::SqlServer => &TSQL,
        file::DatabaseType::Oracle => &ORACLE,
        file::DatabaseType::Sqlite => &SQLITE,
    }
}

pub(crate) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn minute_of(time: NaiveTime) -> u32 {
    time.hour() * 60 + time.minute()
}

/// What is wrong with a cron expression, read as tokio-cron-scheduler reads it.
fn schedule_fault(schedule: &str) -> Option<String> {
    const EXAMPLES: &str = "\"*/5 * * * * *\" (every five seconds) or \"0 */2 * * * *\" (every two minutes)";
    let shown = printable(schedule);
    let parser = CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).build();
    if schedule.split_whitespace().count() == 5 {
        return Some(format!(
            "\"{shown}\" has five fields; seconds come first, so write \"0 {shown}\" to have it at second 0"
        ));
    }
    match parser.parse(schedule) {
        Err(_) => Some(format!(
            "\"{shown}\" is no cron expression \"second minute hour day month weekday\"; write e.g. {EXAMPLES}"
        )),
        Ok(cron) => cron
            .find_next_occurrence(&DateTime::UNIX_EPOCH, false)
            .is_err()
            .then(|| format!("\"{shown}\" names a time that never comes; write e.g. {EXAMPLES}")),
    }
}

/// Reads `13:00-14:00`.
fn quiet_time(written: &str) -> Result<(NaiveTime, NaiveTime), String> {
    let shown = printable(written);
    let time = |text: &str| match text.trim() {
        "24:00" => Some(NaiveTime::MIN),
        text => NaiveTime::parse_from_str(text, "%H:%M").ok(),
    };
    let times = written.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    match times {
        None => Err(format!("\"{shown}\" is no time of day from-to; write e.g. \"13:00-14:00\"")),
        Some((from, to)) if from == to => {
            Err(format!("\"{shown}\" begins and ends at the same time; write e.g. \"13:00-14:00\""))
        }
        Some(times) => Ok(times),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{MAPPING, check, with};

    #[test]
    fn mistakes_in_the_other_sections() {
        let sync = |inner: &str, at: &str, part: &str| {
            check(&with(&format!("\"sync\": {{{inner}}}")), &[(at, part)]);
        };
        sync(r#""schedule": "*/5 * * * *""#, "sync.schedule", "write \"0 */5 * * * *\"");
        sync(r#""schedule": "every 5 seconds""#, "sync.schedule", "is no cron expression");
        sync(r#""schedule": """#, "sync.schedule", "is no cron expression");
        sync(r#""schedule": "61 * * * * *""#, "sync.schedule", "is no cron expression");
        sync(r#""schedule": "0 0 0 30 2 *""#, "sync.schedule", "never comes");
        sync(r#""quiet_hours": "13-14""#, "sync.quiet_hours", "write e.g. \"13:00-14:00\"");
        sync(r#""quiet_hours": ["13:00-25:00"]"#, "sync.quiet_hours.0", "no time of day");
        sync(r#""quiet_hours": ["13:00-13:00"]"#, "sync.quiet_hours.0", "begins and ends at the same time");
        sync(r#""quiet_hours": ["08:00-20:00", "19:00-08:00"]"#, "sync.quiet_hours", "cover the whole day");

        check(&with(r#""logging": {"directory": "~/logs"}"#), &[("logging.directory", "are not replaced")]);
        let text = format!(
            r#"{{"queue": {{"path": "his.db"}}, "database": {{"type": "sqlite", "path": "his.db"}}, "mapping": {MAPPING}}}"#
        );
        check(&text, &[("database.path", "is also the queue file")]);
    }

    proptest::proptest! {
        #[test]
        fn no_schedule_panics(schedule in "[0-9*/,#LW+?@ A-Z-]{0,24}|([0-9*/,-]{1,4} ){5}[0-9*#L+,-]{1,4}") {
            schedule_fault(&schedule);
        }

        #[test]
        fn no_quiet_time_panics(written in "[0-9: -]{0,12}|\\PC{0,8}") {
            drop(quiet_time(&written));
        }
    }
}
