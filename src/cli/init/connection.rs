//! Where the HIS database is: by options and questions, checked as the configuration file is, and tried out.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    Args, Kind,
    ask::{Asker, password_line, unanswered},
    parts::mistakes,
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

pub(super) const PASSWORD_OPTION: &str = "--password-env NAME, --password-file PATH or --password-stdin";
pub(super) const PASSWORD_QUESTION: &str = "Password (it is not shown)";

/// What the configuration will say of the database.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) kind: Kind,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) instance: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
    pub(super) windows_login: bool,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) connect_string: Option<String>,
    pub(super) client_dir: Option<PathBuf>,
    pub(super) path: Option<PathBuf>,
    tls: Option<&'static str>,
    ca_file: Option<PathBuf>,
    pub(super) timezone: Option<String>,
}

/// The password, or where it is.
#[derive(Debug)]
pub(super) enum Password {
    Text(Secret),
    Env(String),
    File(PathBuf),
}

/// Asks for what the options do not say, and connects. On a terminal, what is wrong is asked again.
pub(super) fn connect(
    args: &Args,
    asker: &mut Asker,
    output: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<(Connection, Box<dyn Session>), Failure> {
    let mut connection = Connection::given(args, asker)?;
    connection.complete(asker, args.yes)?;
    loop {
        let (failure, again) = match connection.resolve(output) {
            Ok(database) => match runtime.block_on(his::connect(&database)) {
                Ok(session) => {
                    output::talk(&format!("connected to {}: {}", database.words(), session.server()));
                    return Ok((connection, session));
                }
                Err(error) => (refused(&error), connection.wrong_for(&error)),
            },
            Err(error) => (mistaken(&error), mistakes(&error, connection.kind)),
        };
        if !asker.is_there() || again.is_empty() {
            return Err(failure);
        }
        output::talk(&format!("  {}", failure.message));
        connection.ask_again(&again, asker)?;
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
    pub(super) fn given(args: &Args, asker: &mut Asker) -> Result<Self, Failure> {
        let kind = match args.kind.or_else(|| kind_of_options(args)) {
            Some(kind) => kind,
            None if asker.is_there() && !args.yes => asker.ask(
                "Kind of database: mysql (also MariaDB), sqlserver, oracle or sqlite",
                Some("mysql"),
                "--type TYPE",
                |answer| {
                    Kind::parse(answer).ok_or_else(|| "write mysql, sqlserver, oracle or sqlite".to_owned())
                },
            )?,
            None => Kind::MySql,
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
            instance: args.instance.clone(),
            user: args.user.clone(),
            password,
            windows_login: args.windows_login,
            database: args.database.clone(),
            schema: args.schema.clone(),
            sid: args.sid.clone(),
            connect_string: args.connect_string.clone(),
            client_dir: args.client_dir.clone(),
            path: args.path.clone(),
            tls: args.tls.map(super::Tls::name),
            ca_file: args.ca_file.clone(),
            timezone: args.timezone.clone(),
        })
    }

    /// Asks for the rest; without a terminal, names all options that are needed at once.
    pub(super) fn complete(&mut self, asker: &mut Asker, yes: bool) -> Result<(), Failure> {
        if asker.is_there() {
            return self.ask_missing(asker, !yes);
        }
        let mut options = self.lacking();
        options.extend((!yes).then_some("--yes, which accepts what is proposed"));
        if options.is_empty() { Ok(()) } else { Err(unanswered(&options.join("; "))) }
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
            ("instance", text(&self.instance)),
            ("user", text(&self.user)),
            ("password", password),
            ("windows_login", self.windows_login.then(|| Document::scalar(true))),
            ("database", text(&self.database)),
            ("schema", text(&self.schema)),
            ("sid", text(&self.sid)),
            ("connect_string", text(&self.connect_string)),
            ("client_dir", self.client_dir.as_deref().map(near)),
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
}

/// The kind of database that options belong to which no other has.
fn kind_of_options(args: &Args) -> Option<Kind> {
    let sqlserver = args.instance.is_some() || args.windows_login;
    let oracle = args.sid.is_some() || args.connect_string.is_some() || args.client_dir.is_some();
    [(args.path.is_some(), Kind::Sqlite), (sqlserver, Kind::SqlServer), (oracle, Kind::Oracle)]
        .into_iter()
        .find_map(|(given, kind)| given.then_some(kind))
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
