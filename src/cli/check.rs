//! `check`: configuration, connection, and the live tables against the mapping. Changes nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        guard, load_config, output, runtime, save_schema,
    },
    config::Config,
    his::{self, HisError},
    model::{outcome::FaultClass, table::Schema},
    plan::{
        Planner, tables,
        verify::{Finding, Severity},
    },
    queue::{self, Inspector, QueueError},
    sql::batch::Packer,
};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Print what was found as JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Print only the GRANT statements by which the database's administrator allows this login the least that the mappings
    /// need, also where nothing is missing
    #[arg(long, conflicts_with = "json")]
    grants: bool,
    /// Also write the description of the mapped tables into this file, for `mapping test` and for support; it holds names
    /// and types, and nothing that stands in the tables
    #[arg(long, value_name = "FILE")]
    save_schema: Option<PathBuf>,
}

/// What was found, in the order of the work.
#[derive(Default)]
struct Report {
    server: Option<String>,
    bindings: Vec<String>,
    findings: Vec<Finding>,
    /// Statements that allow all that the mappings need.
    grants: Vec<String>,
    /// Statements that allow what is not allowed yet.
    missing_grants: Vec<String>,
    /// Why not all that the mappings need is known.
    partial: Option<String>,
    schema: Option<Schema>,
    unreachable: bool,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    // Said before the HIS is asked, not after.
    args.save_schema.as_deref().map(save_schema::may_be_written).transpose()?;
    let mut report = Report::default();
    if args.grants {
        runtime()?.block_on(look_at_his(&config, &mut report));
        return report.print_grants();
    }
    if config.queue.path.exists() {
        match Inspector::open(&config.queue.path, &config.queue.key) {
            // The daemon mends that by itself.
            Err(error @ QueueError::Older { .. }) => report.warning("queue.path", error.to_string()),
            Err(error) => report.problem("queue.path", error.to_string()),
            Ok(inspector) => {
                if let Err(error) = inspector.key_fits() {
                    report.problem("queue.key", error.to_string());
                }
            }
        }
    }
    if config.queue.encrypt
        && report.findings.is_empty()
        && let Err(error) = queue::key_is_usable(&config.queue.key)
    {
        report.problem("queue.key", error.to_string());
    }
    report.findings.extend(guard::findings(&config));
    runtime()?.block_on(look_at_his(&config, &mut report));
    report.sort(&config);
    if args.json {
        report.print_json(&config)?;
    } else {
        report.print(&config)?;
    }
    if let Some(path) = &args.save_schema {
        save_schema::save(path, report.schema.as_ref())?;
    }
    Ok(if report.unreachable {
        Exit::Unreachable
    } else if report.findings.iter().any(|f| f.severity == Severity::Problem) {
        Exit::Problems
    } else {
        Exit::Done
    })
}

async fn look_at_his(config: &Config, report: &mut Report) {
    if let Err(error) = compare(config, report).await {
        report.unreachable = error.class == FaultClass::Unreachable;
        report.partial = Some(error.message.clone());
        report.problem("database", error.message);
    }
}

async fn compare(config: &Config, report: &mut Report) -> Result<(), HisError> {
    let mut session = his::connect(&config.database).await?;
    report.server = Some(session.server());
    let schema = session.describe(&tables(&config.mappings)).await?;
    let packer = Packer::new(session.dialect(), session.statement_bytes());
    let mappings = Arc::new(config.mappings.clone());
    let planner = Planner::new(mappings, &schema, config.database.timezone, packer.row_bytes_max());
    report.bindings = planner.bindings();
    report.findings.extend_from_slice(planner.findings());
    report.grants = session.grants(planner.needs());
    report.missing_grants = session.grants(&planner.needs().missing());
    report.schema = Some(schema);
    if planner.has_unbound() {
        let words = "some mappings do not fit their tables, so that what they need is not in this list; correct what \
                     `buktor-middleware check` says, then run this again";
        report.partial = Some(words.to_owned());
    }
    for remark in session.remarks().await? {
        if remark.problem {
            report.problem("database", remark.message);
        } else {
            report.warning("database", remark.message);
        }
    }
    Ok(())
}

impl Report {
    fn problem(&mut self, at: &str, message: String) {
        self.findings.push(Finding { severity: Severity::Problem, at: at.to_owned(), message });
    }

    fn warning(&mut self, at: &str, message: String) {
        self.findings.push(Finding { severity: Severity::Warning, at: at.to_owned(), message });
    }

    /// The mappings' findings in the order of the file, after those of the work before.
    fn sort(&mut self, config: &Config) {
        self.findings.sort_by_key(|f| (f.at.starts_with("mapping"), config.place(&f.at)));
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }

    fn print(&self, config: &Config) -> Result<(), Failure> {
        output::data(&format!("configuration  {}: valid", config.path.display()))?;
        output::data(&format!("queue          {}", config.queue.path.display()))?;
        let server = self.server.as_deref().map_or("not connected".to_owned(), |s| format!("connected, {s}"));
        output::data(&format!("database       {}: {server}", config.database.words()))?;
        for line in &self.bindings {
            output::data(&format!("mapping        {line}"))?;
        }
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Problem => "PROBLEM",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            output::data(&format!("{severity}: {}: {}", place(config, &finding.at), finding.message))?;
        }
        if !self.missing_grants.is_empty() {
            output::data(
                "\nFor the database's administrator, who can allow what is missing with these statements:",
            )?;
            self.missing_grants.iter().try_for_each(|statement| output::data(statement))?;
            output::data("")?;
        }
        let (problems, warnings) = (self.count(Severity::Problem), self.count(Severity::Warning));
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        output::data(&format!("{}, {}", plural(problems, "problem"), plural(warnings, "warning")))
    }

    /// SQL on stdout and nothing else there.
    fn print_grants(&self) -> Result<Exit, Failure> {
        self.grants.iter().try_for_each(|statement| output::data(statement))?;
        if let Some(words) = &self.partial {
            let exit = if self.unreachable { Exit::Unreachable } else { Exit::Problems };
            return Err(Failure::new(exit, words));
        }
        if self.grants.is_empty() {
            output::talk("nothing is to be granted: this database has no logins, or nothing is mapped");
        }
        Ok(Exit::Done)
    }

    fn print_json(&self, config: &Config) -> Result<(), Failure> {
        let finding = |f: &Finding| -> Value {
            let place = config.place(&f.at);
            json!({
                "severity": match f.severity {
                    Severity::Problem => "problem",
                    Severity::Warning => "warning",
                    Severity::Note => "note",
                },
                "at": crate::config::plain_path(&f.at),
                "line": place.map(|p| p.0),
                "column": place.map(|p| p.1),
                "message": f.message,
            })
        };
        output::json(&json!({
            "configuration": config.path.display().to_string(),
            "queue": config.queue.path.display().to_string(),
            "database": config.database.words(),
            "server": self.server,
            "mappings": self.bindings,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "grants": self.grants,
            "missing_grants": self.missing_grants,
        }))
    }
}

/// `FILE:LINE:COLUMN: KEY.PATH`; without a line where the file does not have the key's section.
pub(super) fn place(config: &Config, at: &str) -> String {
    let file = config.path.display();
    let path = crate::config::plain_path(at);
    config
        .place(at)
        .filter(|place| *place != (1, 1))
        .map_or_else(|| format!("{file}: {path}"), |(line, column)| format!("{file}:{line}:{column}: {path}"))
}
