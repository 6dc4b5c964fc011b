//! Measures the program against its limits, each figure beside what it is compared with, in one run and in
//! interleaved rounds. `bash benches/run.sh` starts it. Says what was missed; judges nothing else.

mod crosswalk;
mod drain;
mod events;
mod figures;
mod footprint;
mod his;
mod ingest;
mod load;
mod site;

use anyhow::Context as _;

/// Parts that may be asked for, in the order in which they run.
const PARTS: [&str; 6] = ["size", "startup", "memory", "ingest", "drain", "crosswalk"];

fn main() -> anyhow::Result<()> {
    // cargo passes --bench to say what it is that it runs.
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let Some(how @ (ingest::SERVE_NOTHING | ingest::SERVE_GUARDED)) = asked.first().map(String::as_str) {
        return ingest::serve_nothing(how == ingest::SERVE_GUARDED);
    }
    if let Some(unknown) = asked.iter().find(|arg| !PARTS.contains(&arg.as_str())) {
        anyhow::bail!("there is no part {unknown:?}; there are {}", PARTS.join(", "));
    }
    let mut paper = figures::Paper::new();
    for part in PARTS {
        if !asked.is_empty() && !asked.iter().any(|arg| arg == part) {
            continue;
        }
        match part {
            "size" => footprint::size(&mut paper),
            "startup" => footprint::startup(&mut paper),
            "memory" => footprint::memory(&mut paper),
            "ingest" => ingest::measure(&mut paper),
            "drain" => drain::measure(&mut paper),
            _ => crosswalk::measure(&mut paper),
        }
        .with_context(|| format!("the part {part}"))?;
    }
    paper.end()
}
