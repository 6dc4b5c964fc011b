//! `check`: configuration, connection, and the live tables against the mapping. Changes nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config, output,
        run::open_port_words,
        runtime, save_schema,
    },
    config::Config,
    his,
    model::{outcome::FaultClass, table::Schema},
    plan::{
        Planner, tables,
        verify::{Finding, Severity},
    },
    queue::Inspector,
    sql::batch::Packer,
};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Print what was found as JSON, for scripts
    #[arg(long)]
    json: bool,
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
    schema: Option<Schema>,
    unreachable: bool,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let config = load_config(explicit)?;
    // Said before the HIS is asked, not after.
    args.save_schema.as_deref().map(save_schema::may_be_written).transpose()?;
    let mut report = Report::default();
    if config.queue.path.exists()
        && let Err(error) = Inspector::open(&config.queue.path)
    {
        report.problem("queue.path", error.to_string());
    }
    report.warning("auth", open_port_words(&config).to_owned());
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
    let mut session = match his::connect(&config.database).await {
        Ok(session) => session,
        Err(error) => {
            report.unreachable = error.class == FaultClass::Unreachable;
            return report.problem("database", error.message);
        }
    };
    report.server = Some(session.server());
    let schema = match session.describe(&tables(&config.mappings)).await {
        Ok(schema) => schema,
        Err(error) => {
            report.unreachable = error.class == FaultClass::Unreachable;
            return report.problem("database", error.message);
        }
    };
    let packer = Packer::new(session.dialect(), session.statement_bytes());
    let mappings = Arc::new(config.mappings.clone());
    let planner = Planner::new(mappings, &schema, config.database.timezone, packer.row_bytes_max());
    report.bindings = planner.bindings();
    report.findings.extend_from_slice(planner.findings());
    report.schema = Some(schema);
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
            };
            output::data(&format!("{severity}: {}: {}", place(config, &finding.at), finding.message))?;
        }
        let (problems, warnings) = (self.count(Severity::Problem), self.count(Severity::Warning));
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        output::data(&format!("{}, {}", plural(problems, "problem"), plural(warnings, "warning")))
    }

    fn print_json(&self, config: &Config) -> Result<(), Failure> {
        let finding = |f: &Finding| -> Value {
            let place = config.place(&f.at);
            json!({
                "severity": match f.severity { Severity::Problem => "problem", Severity::Warning => "warning" },
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
        }))
    }
}

/// `FILE:LINE:COLUMN: KEY.PATH`; without a line where the file does not have the key's section.
fn place(config: &Config, at: &str) -> String {
    let file = config.path.display();
    let path = crate::config::plain_path(at);
    config
        .place(at)
        .filter(|place| *place != (1, 1))
        .map_or_else(|| format!("{file}: {path}"), |(line, column)| format!("{file}:{line}:{column}: {path}"))
}
