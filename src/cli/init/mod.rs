//! `init`: from a database to a configuration. Connects, proposes a mapping for each event type, writes
//! `his-config.json` and does what `check` does. Writes nothing into the database.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        check,
        exit::{Exit, Failure},
        output, runtime,
    },
    config,
    propose::EventType,
};

mod ask;
mod connection;
mod parts;
mod tables;
mod write;

use ask::Asker;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Args {
    /// The kind of database
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<Kind>,
    /// Name or address of the database server, also as host:port; with SQL Server also HOST\INSTANCE, with Oracle also
    /// host:port/service
    #[arg(long)]
    host: Option<String>,
    /// Port of the database server; without it 3306 (MySQL), 1433 (SQL Server) or 1521 (Oracle)
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// With SQL Server: the named instance, in place of a port
    #[arg(long, value_name = "NAME", conflicts_with = "port")]
    instance: Option<String>,
    /// The login
    #[arg(long)]
    user: Option<String>,
    /// The password is in this environment variable, now and when the program runs
    #[arg(long, value_name = "NAME", group = "password")]
    password_env: Option<String>,
    /// The password is in this file, alone
    #[arg(long, value_name = "PATH", group = "password")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input; it is written into the configuration
    #[arg(long, group = "password")]
    password_stdin: bool,
    /// With SQL Server, on Windows: log in as the Windows account that runs the program, now and later
    #[arg(long, conflicts_with_all = ["user", "password"])]
    windows_login: bool,
    /// Name of the database on the server; with Oracle of the service
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// With SQL Server and Oracle: the schema (owner) of the HIS's tables; without it the login's own
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// With Oracle: the SID, in place of the service
    #[arg(long, value_name = "NAME", conflicts_with = "database")]
    sid: Option<String>,
    /// With Oracle: a connect descriptor or an alias of tnsnames.ora, in place of host, port and service
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["host", "port", "database", "sid", "tls"])]
    connect_string: Option<String>,
    /// With Oracle: the folder of Oracle's client library (Instant Client); without it where the system looks
    #[arg(long, value_name = "PATH")]
    client_dir: Option<PathBuf>,
    /// With --type sqlite: the database file
    #[arg(long, conflicts_with_all = [
        "host", "port", "instance", "user", "password", "windows_login", "database", "schema", "sid", "connect_string",
        "client_dir", "tls", "ca_file",
    ])]
    path: Option<PathBuf>,
    /// How far the connection is encrypted; without it "prefer"
    #[arg(long, value_enum)]
    tls: Option<Tls>,
    /// With --tls verify: a file with the certificate (PEM) of the authority that signed the server's
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// Time zone of the dates and times in the HIS, by its IANA name; without it the machine's
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// The table for an event type (`appointment`, `schedule_change`, `payment`), e.g. appointment=VISITS; none leaves the
    /// type out. Can be repeated
    #[arg(long, value_name = "EVENT=TABLE", value_parser = pair)]
    table: Vec<(EventType, String)>,
    /// A free text column of that event type's table, in which the program may leave a mark by which it knows its own
    /// rows, e.g. appointment=NOTE. Can be repeated
    #[arg(long, value_name = "EVENT=COLUMN", value_parser = pair)]
    marker: Vec<(EventType, String)>,
    /// Buktor sends the HIS's own ids of patients, doctors and places: write them too
    #[arg(long)]
    same_ids: bool,
    /// The file to write; without it the one that --config names, else his-config.json in the current folder
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite that file if it is there
    #[arg(long)]
    force: bool,
    /// Accept what is proposed, without a question
    #[arg(long, short)]
    yes: bool,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// `MySQL` and `MariaDB`.
    #[value(name = "mysql", alias = "mariadb", help = "MySQL and MariaDB")]
    MySql,
    /// SQL Server.
    #[value(name = "sqlserver", alias = "mssql", help = "Microsoft SQL Server")]
    SqlServer,
    /// Oracle.
    #[value(help = "Oracle")]
    Oracle,
    /// An `SQLite` file.
    #[value(help = "An SQLite file, for trials")]
    Sqlite,
}

impl Kind {
    /// The kind that is meant by an answer.
    fn parse(answer: &str) -> Option<Self> {
        match answer.to_lowercase().as_str() {
            "mysql" | "mariadb" => Some(Self::MySql),
            "sqlserver" | "sql server" | "mssql" => Some(Self::SqlServer),
            "oracle" => Some(Self::Oracle),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::SqlServer => "sqlserver",
            Self::Oracle => "oracle",
            Self::Sqlite => "sqlite",
        }
    }
}

/// How far the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Tls {
    /// Never
    Off,
    /// Where the server can; its certificate is not checked
    Prefer,
    /// Always; its certificate is not checked
    Require,
    /// Always, and the server's certificate and name are checked
    Verify,
}

impl Tls {
    fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::Verify => "verify",
        }
    }
}

/// Reads `appointment=VISITS`.
fn pair(written: &str) -> Result<(EventType, String), String> {
    let names = EventType::ALL.map(EventType::name).join(", ");
    let (event, name) = written
        .split_once('=')
        .filter(|(_, name)| !name.trim().is_empty())
        .ok_or_else(|| "write the event type, = and a name, e.g. appointment=VISITS".to_owned())?;
    let event = EventType::parse(event.trim())
        .ok_or_else(|| format!("{event} is no event type that is proposed for; there are {names}"))?;
    Ok((event, name.trim().to_owned()))
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let path = args.output.as_deref().or(explicit).unwrap_or(Path::new(config::FILE_NAME));
    let path = std::path::absolute(path)
        .map_err(|e: io::Error| Failure::new(Exit::Usage, format!("--output {}: {e}", path.display())))?;
    let mut asker = Asker::new();
    ask::overwrite(&mut asker, &path, args.force)?;
    write::check_folder(&path)?;
    let runtime = runtime()?;
    let (connection, mut session) = connection::connect(args, &mut asker, &path, &runtime)?;
    let proposals = runtime.block_on(tables::choose(args, &mut asker, session.as_mut()))?;
    // Its socket belongs to the runtime.
    runtime.block_on(async move { drop(session) });
    write::configuration(&path, &connection.document(&path), &proposals, connection.holds_password())?;
    let secret =
        if connection.holds_password() { "; it holds the password, so keep it to yourself" } else { "" };
    output::data(&format!("\n{} was written{secret}. What `check` says of it:\n", path.display()))?;
    let exit = check::run(Some(&path), &check::Args::default())?;
    output::talk(
        "\nBefore the Internet reaches this machine: `buktor-middleware secret new` makes a token or a secret for senders, and says \
         where to put it here and in Buktor.",
    );
    Ok(exit)
}

#[cfg(test)]
mod tests;
