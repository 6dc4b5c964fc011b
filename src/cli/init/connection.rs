//! Where the HIS database is: by options and questions, checked as the configuration file is, and tried out.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    Args, Kind,
    ask::{Asker, password_line, unanswered},
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        output,
    },
    config::{self, Config, ConfigError, Database, Secret},
    his::{self, HisError, Session},
    model::outcome::FaultClass,
    propose::{Document, EventType},
};

const PASSWORD_OPTION: &str = "--password-env NAME, --password-file PATH or --password-stdin";
const PASSWORD_QUESTION: &str = "Password (it is not shown)";
const DATABASE_OPTION: &str = "--database NAME";

/// What the configuration will say of the database.
#[derive(Debug)]
pub(super) struct Connection {
    kind: Kind,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Password>,
    database: Option<String>,
    path: Option<PathBuf>,
    tls: Option<&'static str>,
    ca_file: Option<PathBuf>,
    timezone: Option<String>,
}

/// The password, or where it is.
#[derive(Debug)]
enum Password {
    Text(Secret),
    Env(String),
    File(PathBuf),
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Host,
    Port,
    User,
    Password,
    Database,
    Path,
    Timezone,
}

/// Asks for what the options do not say, and connects. On a terminal, what is wrong is asked again.
pub(super) fn connect(
    args: &Args,
    asker: &mut Asker,
    output: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<(Connection, Box<dyn Session>), Failure> {
    let mut connection = Connection::given(args, asker)?;
    connection.ask_missing(asker, args.yes)?;
    loop {
        let (failure, again) = match connection.resolve(output) {
            Ok(database) => match runtime.block_on(his::connect(&database)) {
                Ok(session) => {
                    output::talk(&format!("connected to {}: {}", database.words(), session.server()));
                    return Ok((connection, session));
                }
                Err(error) => (refused(&error), connection.wrong_for(&error)),
            },
            Err(error) => (mistaken(&error), mistakes(&error)),
        };
        if !asker.is_there() || again.is_empty() {
            return Err(failure);
        }
        output::talk(&format!("  {}", failure.message));
        for part in again {
            connection.ask(part, asker)?;
        }
    }
}

fn refused(error: &HisError) -> Failure {
    let exit = if error.class == FaultClass::Unreachable { Exit::Unreachable } else { Exit::Problems };
    Failure::new(exit, &error.message)
}

fn mistaken(error: &ConfigError) -> Failure {
    let line = |p: &config::Problem| format!("{}: {}", p.at, p.message);
    Failure::new(Exit::Usage, error.problems.iter().map(line).collect::<Vec<_>>().join("\n  "))
}

impl Connection {
    /// What the options say.
    fn given(args: &Args, asker: &mut Asker) -> Result<Self, Failure> {
        let kind = match (args.kind, &args.path) {
            (Some(kind), _) => kind,
            (None, Some(_)) => Kind::Sqlite,
            (None, None) if asker.is_there() && !args.yes => asker.ask(
                "Kind of database, mysql (also MariaDB) or sqlite",
                Some("mysql"),
                "--type TYPE",
                |answer| match answer.to_lowercase().as_str() {
                    "mysql" | "mariadb" => Ok(Kind::MySql),
                    "sqlite" => Ok(Kind::Sqlite),
                    _ => Err("write mysql or sqlite; others are not supported yet".to_owned()),
                },
            )?,
            (None, None) => Kind::MySql,
        };
        let password = match (&args.password_env, &args.password_file, args.password_stdin) {
            (Some(name), _, _) => Some(Password::Env(name.clone())),
            (_, Some(path), _) => Some(Password::File(path.clone())),
            (_, _, true) if asker.is_there() => {
                Some(Password::Text(Secret::new(asker.password(PASSWORD_QUESTION, PASSWORD_OPTION)?)))
            }
            (_, _, true) => Some(Password::Text(Secret::new(password_line()?))),
            _ => None,
        };
        Ok(Self {
            kind,
            host: args.host.clone(),
            port: args.port,
            user: args.user.clone(),
            password,
            database: args.database.clone(),
            path: args.path.clone(),
            tls: args.tls.map(super::Tls::name),
            ca_file: args.ca_file.clone(),
            timezone: args.timezone.clone(),
        })
    }

    /// Asks for the rest; without a terminal, names all options that are needed at once.
    fn ask_missing(&mut self, asker: &mut Asker, yes: bool) -> Result<(), Failure> {
        let parts: &[(Part, bool, &str)] = match self.kind {
            Kind::MySql => &[
                (Part::Host, self.host.is_none(), "--host HOST"),
                (Part::User, self.user.is_none(), "--user USER"),
                (Part::Password, self.password.is_none(), PASSWORD_OPTION),
                (Part::Database, self.database.is_none(), DATABASE_OPTION),
            ],
            Kind::Sqlite => &[(Part::Path, self.path.is_none(), "--path PATH")],
        };
        let missing: Vec<_> = parts.iter().filter(|(_, missing, _)| *missing).collect();
        if !asker.is_there() {
            let mut options: Vec<&str> = missing.iter().map(|(_, _, option)| *option).collect();
            options.extend((!yes).then_some("--yes, which accepts what is proposed"));
            return if options.is_empty() { Ok(()) } else { Err(unanswered(&options.join("; "))) };
        }
        for (part, _, _) in missing {
            self.ask(*part, asker)?;
            let alone = self.port.is_none() && self.host.as_deref().is_some_and(|h| !h.contains(':'));
            if *part == Part::Host && alone && !yes {
                self.ask(Part::Port, asker)?;
            }
        }
        if self.timezone.is_none() && !yes {
            self.ask(Part::Timezone, asker)?;
        }
        Ok(())
    }

    fn ask(&mut self, part: Part, asker: &mut Asker) -> Result<(), Failure> {
        match part {
            Part::Host => {
                let default = self.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned());
                self.host =
                    Some(asker.text("Host name or address of the server", Some(&default), "--host HOST")?);
            }
            Part::Port => {
                let default = self.port.unwrap_or(3306).to_string();
                let port =
                    asker.ask("Port", Some(&default), "--port PORT", |answer| match answer.parse() {
                        Ok(port) if port > 0 => Ok(port),
                        _ => Err("a port is a number from 1 to 65535".to_owned()),
                    })?;
                self.port = Some(port);
            }
            Part::User => {
                let default = self.user.clone();
                self.user = Some(asker.text("Login (user name)", default.as_deref(), "--user USER")?);
            }
            Part::Password => {
                let typed = asker.password(PASSWORD_QUESTION, PASSWORD_OPTION)?;
                self.password = Some(Password::Text(Secret::new(typed)));
            }
            Part::Database => {
                let default = self.database.clone();
                self.database =
                    Some(asker.text("Name of the database", default.as_deref(), DATABASE_OPTION)?);
            }
            Part::Path => {
                let default = self.path.as_ref().map(|p| p.display().to_string());
                let path = asker.text("The database file", default.as_deref(), "--path PATH")?;
                self.path = Some(PathBuf::from(path));
            }
            Part::Timezone => {
                let default = config::machine_timezone().name();
                let question = "Time zone of the dates and times in the HIS";
                self.timezone = Some(asker.text(question, Some(default), "--timezone ZONE")?);
            }
        }
        Ok(())
    }

    /// As the configuration reads it, with all its checks.
    fn resolve(&self, output: &Path) -> Result<Database, ConfigError> {
        // The mapping is not known yet; there must be one.
        let ignore = Document::row([("ignore", Document::scalar(true))]);
        let mapping = Document::object([(EventType::Appointment.name(), ignore)]);
        let file = Document::object([("database", self.document(output)), ("mapping", mapping)]);
        let text = Zeroizing::new(file.text());
        let environment = |name: &str| std::env::var_os(name);
        Config::parse(text.as_bytes(), output, &environment).map(|config| config.database)
    }

    /// The `database` section of the file at `output`.
    pub(super) fn document(&self, output: &Path) -> Document {
        let near = |path: &Path| Document::scalar(beside(path, output).display().to_string());
        let text = |value: &Option<String>| value.as_deref().map(Document::scalar);
        let timezone = self.timezone.clone().unwrap_or_else(|| config::machine_timezone().name().to_owned());
        let password = self.password.as_ref().map(|password| match password {
            Password::Text(secret) => Document::scalar(secret.expose()),
            Password::Env(name) => Document::row([("env", Document::scalar(name.as_str()))]),
            Password::File(path) => Document::row([("file", near(path))]),
        });
        let entries = [
            ("type", Some(Document::scalar(self.kind.name()))),
            ("path", self.path.as_deref().map(near)),
            ("host", text(&self.host)),
            ("port", self.port.map(Document::scalar)),
            ("user", text(&self.user)),
            ("password", password),
            ("database", text(&self.database)),
            ("tls", self.tls.map(Document::scalar)),
            ("ca_file", self.ca_file.as_deref().map(near)),
            ("timezone", Some(Document::scalar(timezone))),
        ];
        Document::object(entries.into_iter().filter_map(|(key, value)| Some((key, value?))))
    }

    /// Whether the file holds the password itself.
    pub(super) fn holds_password(&self) -> bool {
        matches!(self.password, Some(Password::Text(_)))
    }

    /// What to ask again after the server's refusal.
    fn wrong_for(&self, error: &HisError) -> Vec<Part> {
        if self.kind == Kind::Sqlite {
            return vec![Part::Path];
        }
        match error.code.as_str() {
            "mysql-1044" | "mysql-1049" => vec![Part::Database],
            "mysql-1045" | "mysql-1698" => vec![Part::User, Part::Password],
            "mysql-host" => vec![Part::Host],
            "mysql-refused" | "mysql-no-answer" | "mysql-protocol" => vec![Part::Host, Part::Port],
            // A second try at the same place is what helps when the server was down or has been set right meanwhile.
            _ => vec![Part::Host, Part::Port, Part::User, Part::Password],
        }
    }
}

/// What to ask again after the configuration's own checks.
fn mistakes(error: &ConfigError) -> Vec<Part> {
    let part = |problem: &config::Problem| match problem.at.to_string().as_str() {
        "database.host" => Some(Part::Host),
        "database.port" => Some(Part::Port),
        "database.user" => Some(Part::User),
        "database.password" => Some(Part::Password),
        "database.database" => Some(Part::Database),
        "database.path" => Some(Part::Path),
        "database.timezone" => Some(Part::Timezone),
        _ => None,
    };
    // One that cannot be asked for cannot be mended by asking for others.
    let parts: Option<BTreeSet<Part>> = error.problems.iter().map(part).collect();
    parts.unwrap_or_default().into_iter().collect()
}

/// A path as the configuration must have it, which takes relative ones from its own folder.
fn beside(path: &Path, output: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let same_folder = here.is_some() && output.parent() == here.as_deref();
    if path.is_absolute() || same_folder {
        return path.to_owned();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
