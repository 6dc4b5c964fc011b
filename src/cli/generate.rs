//! `generate`: the manual page, shell completions and the JSON Schema, from the code itself.

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    cli::{
        Cli,
        exit::{Exit, Failure},
        output,
    },
    config,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The manual page, for /usr/share/man/man1/buktor-middleware.1
    Man,
    /// What lets the Tab key complete this program's commands
    Completions {
        /// The shell that it is for
        shell: Shell,
    },
    /// The JSON Schema of his-config.json, with which editors complete and check it
    Schema,
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Man => output::data(man()?.trim_end())?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "buktor-middleware", &mut script);
            output::data(String::from_utf8_lossy(&script).trim_end())?;
        }
        Command::Schema => output::json(&config::schema())?,
    }
    Ok(Exit::Done)
}

/// One page for the program and all of its commands.
fn man() -> Result<String, Failure> {
    let failed =
        |e: std::io::Error| Failure::new(Exit::Problems, format!("the manual page cannot be written: {e}"));
    let mut cli = Cli::command();
    cli.build();
    let page = Man::new(cli.clone());
    let mut out = Vec::new();
    for section in [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ] {
        section(&page, &mut out).map_err(failed)?;
    }
    out.extend_from_slice(b".SH COMMANDS\n");
    command_sections(&cli, &mut out).map_err(failed)?;
    page.render_extra_section(&mut out).map_err(failed)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// A section for each command that does something itself. `clap_mangen` writes pages, so its headings go one level down.
fn command_sections(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    for command in command.get_subcommands().filter(|c| c.get_name() != "help") {
        if command.has_subcommands() {
            command_sections(command, out)?;
            continue;
        }
        let page = Man::new(command.clone());
        let mut text = Vec::new();
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
        let name = command.get_bin_name().unwrap_or(command.get_name());
        let text = String::from_utf8_lossy(&text)
            .replace(".SH SYNOPSIS\n", &format!(".SS {}\n", name.trim_start_matches("buktor-middleware ")))
            .replace(".SH DESCRIPTION\n", ".PP\n")
            .replace(".SH OPTIONS\n", "");
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}
