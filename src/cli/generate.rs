//! `generate`: the manual page, shell completions and the JSON Schema, from the code itself.

use clap::CommandFactory;
use clap_complete::Shell;

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
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(cli.clone());
    man.render(&mut page).map_err(failed)?;
    for command in cli.get_subcommands().filter(|c| c.get_name() != "help") {
        commands(command, command.get_name(), &mut page).map_err(failed)?;
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn commands(command: &clap::Command, name: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    let nested: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
    if nested.is_empty() {
        page.extend_from_slice(format!(".SH COMMAND {}\n", name.to_uppercase()).as_bytes());
        let man = clap_mangen::Man::new(command.clone());
        man.render_description_section(page)?;
        return man.render_options_section(page);
    }
    nested.into_iter().try_for_each(|c| commands(c, &format!("{name} {}", c.get_name()), page))
}
