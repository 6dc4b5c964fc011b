//! What can be asked about a database: which of it a kind of database needs, which question stands for it, and what is
//! asked again after a mistake. Connects nowhere.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    Kind,
    ask::Asker,
    connection::{Connection, PASSWORD_OPTION, PASSWORD_QUESTION, Password},
};
use crate::{
    cli::exit::Failure,
    config::{self, ConfigError, Secret},
    his::HisError,
};

/// The answer that leaves the schema out.
const OWN_SCHEMA: &str = "-";
/// Before a SID that is given in the service's place.
const SID: &str = "sid:";

/// What can be asked for, in the order in which it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Path,
    ConnectString,
    Host,
    Port,
    WindowsLogin,
    User,
    Password,
    Database,
    Schema,
    ClientDir,
    Timezone,
}

impl Part {
    const ALL: [Self; 11] = [
        Self::Path,
        Self::ConnectString,
        Self::Host,
        Self::Port,
        Self::WindowsLogin,
        Self::User,
        Self::Password,
        Self::Database,
        Self::Schema,
        Self::ClientDir,
        Self::Timezone,
    ];

    /// The option that answers its question.
    fn option(self) -> &'static str {
        match self {
            Self::Path => "--path PATH",
            Self::ConnectString => "--connect-string TEXT",
            Self::Host => "--host HOST",
            Self::Port => "--port PORT",
            Self::WindowsLogin => "--windows-login",
            Self::User => "--user USER",
            Self::Password => PASSWORD_OPTION,
            Self::Database => "--database NAME",
            Self::Schema => "--schema NAME",
            Self::ClientDir => "--client-dir PATH",
            Self::Timezone => "--timezone ZONE",
        }
    }
}

/// A port, or the name of the instance that is asked for in its place.
enum At {
    Port(u16),
    Instance(String),
}

impl Connection {
    /// The options that are needed and were not given.
    pub(super) fn lacking(&self) -> Vec<&'static str> {
        Part::ALL.into_iter().filter(|part| self.lacks(*part)).map(Part::option).collect()
    }

    /// Asks for what is needed and, where `all`, for what has a default.
    pub(super) fn ask_missing(&mut self, asker: &mut Asker, all: bool) -> Result<(), Failure> {
        let mut host_asked = false;
        for part in Part::ALL {
            let wonders = match part {
                // Who has given the host by an option has given the port, too, or means the default.
                Part::Port => host_asked && self.is_host_alone(),
                Part::WindowsLogin => cfg!(windows) && self.kind == Kind::SqlServer && self.lacks(Part::User),
                Part::Schema => matches!(self.kind, Kind::SqlServer | Kind::Oracle) && self.schema.is_none(),
                Part::Timezone => self.timezone.is_none(),
                _ => false,
            };
            if self.lacks(part) || (all && wonders) {
                self.ask(part, asker)?;
                host_asked |= part == Part::Host;
            }
        }
        Ok(())
    }

    /// Whether it must be known and is not.
    fn lacks(&self, part: Part) -> bool {
        let on_server = self.kind != Kind::Sqlite;
        match part {
            Part::Path => !on_server && self.path.is_none(),
            Part::Host => on_server && self.host.is_none() && self.connect_string.is_none(),
            Part::User => on_server && !self.windows_login && self.user.is_none(),
            Part::Password => on_server && !self.windows_login && self.password.is_none(),
            Part::Database if self.kind == Kind::Oracle => {
                let within = self.host.as_deref().is_some_and(holds_target);
                self.database.is_none() && self.sid.is_none() && self.connect_string.is_none() && !within
            }
            Part::Database => on_server && self.database.is_none(),
            _ => false,
        }
    }

    /// Whether nothing but the host says where it is.
    fn is_host_alone(&self) -> bool {
        self.port.is_none()
            && self.instance.is_none()
            && self.host.as_deref().is_some_and(|host| !host.contains([':', ',', '\\', '/']))
    }

    /// Asks again for what was wrong.
    pub(super) fn ask_again(&mut self, parts: &[Part], asker: &mut Asker) -> Result<(), Failure> {
        for part in parts {
            // The host may be answered with its port, or with the whole address.
            let within = self.host.as_deref().is_some_and(|host| host.contains([':', ',', '\\', '/']));
            let needless = match part {
                Part::Port => within || self.connect_string.is_some(),
                Part::Database => self.connect_string.is_some(),
                _ => false,
            };
            if !needless {
                self.ask(*part, asker)?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, part: Part, asker: &mut Asker) -> Result<(), Failure> {
        let option = part.option();
        match part {
            Part::Host => self.ask_host(asker)?,
            Part::Port => self.ask_port(asker)?,
            Part::Database => self.ask_database(asker)?,
            Part::User => {
                self.user = Some(asker.text("Login (user name)", offered(self.user.as_ref()), option)?);
            }
            Part::Password => {
                let typed = asker.password(PASSWORD_QUESTION, option)?;
                self.password = Some(Password::Text(Secret::new(typed)));
            }
            Part::WindowsLogin => {
                let question = "Log in as the Windows account that runs the program, without a password?";
                self.windows_login = asker.agrees(question, false, option)?;
            }
            Part::Schema => {
                let question = "Schema (owner) of the HIS's tables, - for the login's own";
                let default = self.schema.clone().unwrap_or_else(|| OWN_SCHEMA.to_owned());
                let answer = asker.text(question, Some(&default), option)?;
                self.schema = Some(answer).filter(|schema| schema != OWN_SCHEMA);
            }
            Part::ConnectString => {
                let question = "Connect descriptor, or alias of tnsnames.ora";
                let default = offered(self.connect_string.as_ref());
                self.connect_string = Some(asker.text(question, default, option)?);
            }
            Part::ClientDir => {
                let question = "Folder of Oracle's client library (Instant Client)";
                let default = self.client_dir.as_ref().map(|p| p.display().to_string());
                let folder = asker.text(question, default.as_deref(), option)?;
                self.client_dir = Some(PathBuf::from(folder));
            }
            Part::Path => {
                let default = self.path.as_ref().map(|p| p.display().to_string());
                let path = asker.text("The database file", default.as_deref(), option)?;
                self.path = Some(PathBuf::from(path));
            }
            Part::Timezone => {
                let default = config::machine_timezone().name();
                let question = "Time zone of the dates and times in the HIS";
                self.timezone = Some(asker.text(question, Some(default), option)?);
            }
        }
        Ok(())
    }

    fn ask_host(&mut self, asker: &mut Asker) -> Result<(), Failure> {
        let question = match self.kind {
            Kind::SqlServer => "Host name or address of the server, also as HOST\\INSTANCE",
            Kind::Oracle => "Host name or address of the server, also as host:port/service",
            Kind::MySql | Kind::Sqlite => "Host name or address of the server",
        };
        let default = offered(self.host.as_ref()).unwrap_or("127.0.0.1").to_owned();
        let answer = asker.text(question, Some(&default), Part::Host.option())?;
        if self.kind == Kind::Oracle && answer.starts_with('(') {
            (self.connect_string, self.host, self.port) = (Some(answer), None, None);
            return Ok(());
        }
        if answer.contains([':', ',', '\\', '/']) {
            (self.port, self.instance) = (None, None);
        }
        self.host = Some(answer);
        Ok(())
    }

    fn ask_port(&mut self, asker: &mut Asker) -> Result<(), Failure> {
        let (question, default) = match self.kind {
            Kind::SqlServer => ("Port, or the instance's name", 1433),
            Kind::Oracle => ("Port", 1521),
            Kind::MySql | Kind::Sqlite => ("Port", 3306),
        };
        let default = self.instance.clone().unwrap_or_else(|| self.port.unwrap_or(default).to_string());
        let named = self.kind == Kind::SqlServer;
        let at = asker.ask(question, Some(&default), Part::Port.option(), |answer| match answer.parse() {
            Ok(port) if port > 0 => Ok(At::Port(port)),
            Err(_) if named && answer.starts_with(char::is_alphabetic) => Ok(At::Instance(answer.to_owned())),
            _ => Err("a port is a number from 1 to 65535".to_owned()),
        })?;
        (self.port, self.instance) = match at {
            At::Port(port) => (Some(port), None),
            At::Instance(name) => (None, Some(name)),
        };
        Ok(())
    }

    fn ask_database(&mut self, asker: &mut Asker) -> Result<(), Failure> {
        let (question, default) = match (self.kind, &self.sid) {
            (Kind::Oracle, Some(sid)) => {
                ("Name of the service, or sid:NAME for a SID", Some(format!("{SID}{sid}")))
            }
            (Kind::Oracle, None) => ("Name of the service, or sid:NAME for a SID", self.database.clone()),
            _ => ("Name of the database", self.database.clone()),
        };
        let answer = asker.text(question, default.as_deref(), Part::Database.option())?;
        let oracle = self.kind == Kind::Oracle;
        let sid = answer.get(..SID.len()).filter(|start| oracle && start.eq_ignore_ascii_case(SID));
        (self.database, self.sid) = match sid.and_then(|_| answer.get(SID.len()..)) {
            Some(sid) => (None, Some(sid.trim().to_owned())),
            None => (Some(answer), None),
        };
        Ok(())
    }

    /// What to ask again after the server's refusal.
    pub(super) fn wrong_for(&self, error: &HisError) -> Vec<Part> {
        if self.kind == Kind::Sqlite {
            return vec![Part::Path];
        }
        let parts: &[Part] = match error.code.as_str() {
            "mysql-1044" | "mysql-1049" | "sqlserver-4060" | "oracle-12505" | "oracle-12514" => {
                &[Part::Database]
            }
            "mysql-1045" | "mysql-1698" | "sqlserver-18456" | "oracle-1017" => &[Part::User, Part::Password],
            "mysql-host" | "sqlserver-host" | "oracle-12545" | "oracle-address" => &[Part::Host],
            "mysql-refused"
            | "mysql-no-answer"
            | "mysql-protocol"
            | "sqlserver-refused"
            | "sqlserver-no-answer"
            | "sqlserver-protocol"
            | "sqlserver-browser"
            | "oracle-no-answer"
            | "oracle-12541" => &[Part::Host, Part::Port],
            "oracle-client" | "oracle-dpi-1047" | "oracle-dpi-1050" | "oracle-dpi-1072" => &[Part::ClientDir],
            // A second try at the same place is what helps when the server was down or has been set right meanwhile.
            _ => &[Part::Host, Part::Port, Part::User, Part::Password],
        };
        let here = |part: &Part| match part {
            Part::Host | Part::Port | Part::Database if self.connect_string.is_some() => Part::ConnectString,
            Part::User | Part::Password if self.windows_login => Part::WindowsLogin,
            part => *part,
        };
        let parts: BTreeSet<Part> = parts.iter().map(here).collect();
        parts.into_iter().collect()
    }
}

/// Whether a host names the service or the SID, too: `host/service`, `host:port:sid`.
fn holds_target(host: &str) -> bool {
    let host = host.strip_prefix("//").unwrap_or(host);
    let named = host.rsplit(':').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
    host.contains('/') || (host.matches(':').count() == 2 && named)
}

/// What may stand in a question as its default: not what has a password in it by mistake.
fn offered(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str)
        .filter(|text| !text.contains(['@', ';']) && !text.to_ascii_lowercase().contains("password"))
}

/// What to ask again after the configuration's own checks.
pub(super) fn mistakes(error: &ConfigError, kind: Kind) -> Vec<Part> {
    let part = |problem: &config::Problem| match (problem.at.to_string().as_str(), kind) {
        ("database.path", Kind::Sqlite) => Some(Part::Path),
        ("database.timezone", _) => Some(Part::Timezone),
        (_, Kind::Sqlite) => None,
        ("database.host", _) => Some(Part::Host),
        ("database.port", _) | ("database.instance", Kind::SqlServer) => Some(Part::Port),
        ("database.user", _) => Some(Part::User),
        ("database.password", _) => Some(Part::Password),
        ("database.database", _) | ("database.sid", Kind::Oracle) => Some(Part::Database),
        ("database.schema", Kind::SqlServer | Kind::Oracle) => Some(Part::Schema),
        ("database.connect_string", Kind::Oracle) => Some(Part::ConnectString),
        ("database.client_dir", Kind::Oracle) => Some(Part::ClientDir),
        _ => None,
    };
    // One that cannot be asked for cannot be mended by asking for others.
    let parts: Option<BTreeSet<Part>> = error.problems.iter().map(part).collect();
    parts.unwrap_or_default().into_iter().collect()
}
