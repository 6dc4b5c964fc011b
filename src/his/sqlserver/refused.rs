//! Why SQL Server cannot be reached or refuses a login, in words for people, with what to do. No message here ever holds the
//! password.

use std::{io::ErrorKind, time::Duration};

use tiberius::error::{Error, TokenError};

use super::{PRODUCT, connect::Target};
use crate::{
    config::{SqlServer as Place, SqlServerAt, SqlServerLogin, Tls},
    his::{HisError, faults},
    model::outcome::FaultClass,
};

/// `host:port`, an IPv6 address in brackets; `host\instance`.
pub(super) fn address(place: &Place) -> String {
    match &place.at {
        SqlServerAt::Port(port) => joined(&place.host, *port),
        SqlServerAt::Instance(instance) => format!("{}\\{instance}", place.host),
    }
}

fn joined(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn unreachable_for(code: &str, message: String) -> HisError {
    HisError::plain(FaultClass::Unreachable, code, message)
}

/// That nothing answered in time.
pub(super) fn silent(place: &Place, limit: Duration) -> HisError {
    let message = format!(
        "no answer from {} within {} s: is this the right host and port, is the server up, and does a firewall let \
         this computer through",
        address(place),
        limit.as_secs_f32()
    );
    unreachable_for("sqlserver-no-answer", message)
}

/// That a host name has no address.
pub(super) fn no_host(place: &Place, host: &str) -> HisError {
    let sent = if host == place.host { "" } else { ", to which the server sends on," };
    let message = format!(
        "the host name {host}{sent} has no address: check database.host, or write the IP address there (name resolution \
         may be down as well)"
    );
    unreachable_for("sqlserver-host", message)
}

/// That no TCP connection could be made.
pub(super) fn unreachable(place: &Place, target: &Target, error: &std::io::Error) -> HisError {
    let at = joined(&target.host, target.port);
    if error.kind() == ErrorKind::ConnectionRefused {
        let port = match &place.at {
            SqlServerAt::Port(_) => {
                "is database.port right (the SQL Server Configuration Manager shows it under TCP/IP, \"IPAll\"; a named \
                 instance has a port of its own)"
            }
            SqlServerAt::Instance(_) => "does the instance run",
        };
        let message = format!(
            "nothing listens at {at}: is the server up, {port}, and is the protocol TCP/IP enabled there (in the \
             Configuration Manager; in Express and Developer editions it is off until someone switches it on)"
        );
        return unreachable_for("sqlserver-refused", message);
    }
    unreachable_for("sqlserver-unreachable", format!("no connection to {at}: {error}"))
}

/// That the SQL Browser does not tell an instance's port.
pub(super) fn browser(place: &Place, instance: &str, words: &str) -> HisError {
    let message = format!(
        "the SQL Server Browser of {} does not say at which port the instance {instance} listens ({words}): start the \
         service \"SQL Server Browser\" there, let UDP port 1434 through the firewall, and check the instance's name; or \
         write database.port, which needs no Browser, in place of database.instance (the SQL Server Configuration Manager \
         shows the port under TCP/IP, \"IPAll\")",
        place.host
    );
    unreachable_for("sqlserver-browser", message)
}

/// That servers send on from one to the next without an end.
pub(super) fn sent_on(place: &Place, next: &Target) -> HisError {
    let message = format!(
        "the server at {} sends on to another one, and that again, last to {}: name the server that holds the database in \
         database.host",
        address(place),
        joined(&next.host, next.port)
    );
    unreachable_for("sqlserver-routing", message)
}

/// That it is another program's port.
pub(super) fn not_sql_server(place: &Place) -> HisError {
    let message = format!(
        "what answers at {} does not speak SQL Server's protocol: check database.port (1433 as a rule)",
        address(place)
    );
    unreachable_for("sqlserver-protocol", message)
}

/// That the connection broke off before the login was done.
pub(super) fn broken_off(place: &Place, error: &Error, words: &str, encryption: bool) -> HisError {
    if encryption {
        return uncovered(place, error, words);
    }
    match error {
        Error::Protocol(_) | Error::Conversion(_) | Error::Encoding(_) | Error::Utf8 | Error::Utf16 => {
            not_sql_server(place)
        }
        _ => {
            let message =
                format!("the connection to {} broke off before the login was done: {words}", address(place));
            unreachable_for("sqlserver-broken-off", message)
        }
    }
}

/// A failure of encryption, which may also be a server that just stops.
fn uncovered(place: &Place, error: &Error, words: &str) -> HisError {
    let at = address(place);
    let is_closed = matches!(error, Error::Io { kind, .. } if *kind != ErrorKind::InvalidData);
    let (kind, advice) = match place.tls {
        Tls::Off => {
            // tiberius begins to encrypt all the same, where the server demands it.
            let begun =
                !is_closed || matches!(error, Error::Io { message, .. } if message.contains("tls handshake"));
            if !begun {
                let message = format!("the connection to {at} broke off before the login was done: {words}");
                return unreachable_for("sqlserver-broken-off", message);
            }
            let message = format!(
                "the server at {at} demands an encrypted connection, and database.tls is \"off\": set it to \"prefer\" or \
                 \"require\" ({words})"
            );
            return HisError::plain(FaultClass::Login, "sqlserver-tls", message);
        }
        Tls::Verify if matches!(error, Error::Tls(_)) => (
            "verified",
            "set database.ca_file to a PEM file with the server's certificate or that of the authority that signed it, and \
             in database.host write a name that is in the certificate (SQL Server makes a certificate of its own where \
             nobody gives it one, and that can never be verified); or set database.tls to \"require\", which encrypts \
             without checking the certificate",
        ),
        Tls::Prefer if is_closed => {
            let message = format!(
                "the connection to {at} broke off before the login was done, with encryption and without ({words}): is \
                 database.port SQL Server's, and is the server up; if so, it may demand an encryption that is too old for \
                 this program: let the server's administrator install TLS 1.2 (SQL Server 2016 SP1 and later have it)"
            );
            return unreachable_for("sqlserver-broken-off", message);
        }
        Tls::Prefer => (
            "encrypted",
            "nor could one without encryption: let the server's administrator install TLS 1.2 (SQL Server 2016 SP1 and later \
             have it) and look at \"Force Encryption\"",
        ),
        Tls::Require | Tls::Verify => (
            "encrypted",
            "let the server's administrator install TLS 1.2 (SQL Server 2016 SP1 and later have it; updates bring it to 2008 \
             and later), or set database.tls to \"prefer\", which goes on with less encryption where it must",
        ),
    };
    let message = format!("no {kind} connection to {at} could be made ({words}): {advice}");
    // A server that stops or starts closes connections too: then it is no matter of the configuration.
    let class = if is_closed { FaultClass::Unreachable } else { FaultClass::Login };
    HisError::plain(class, "sqlserver-tls", message)
}

/// The server's refusal with what to do. The words of a refused login hold user, host and database, never a value.
pub(super) fn denied(error: &TokenError, place: &Place) -> HisError {
    let (number, state, words) = (error.code(), error.state(), error.message());
    let class = faults::sqlserver::while_connecting(number, error.class());
    let what = advice(number, state, place);
    let mut told = HisError::server(
        class,
        PRODUCT,
        number.into(),
        format!("{what} (error {number}, state {state}: {words})"),
        false,
    );
    told.public = format!("{what} (error {number}, state {state})");
    told
}

fn advice(number: u32, state: u8, place: &Place) -> String {
    let (database, address) = (&place.database, address(place));
    let user = match &place.login {
        SqlServerLogin::Sql { user, .. } => user.as_str(),
        SqlServerLogin::Windows => "of this service's Windows account",
    };
    match number {
        18_456 => match state {
            2 | 5 => format!("there is no login {user} at {address}: correct database.user"),
            7 => format!("the login {user} is disabled at {address}: ALTER LOGIN ... ENABLE"),
            8 => format!("the password of the login {user} is wrong: correct database.password"),
            18 => format!("the login {user} must change its password first: set a new one on the server"),
            38 | 46 => no_database(database, user, &address),
            58 => windows_alone(user, &address),
            _ => format!(
                "the login {user} is refused at {address}: the user or the password is wrong, or the login is disabled, or \
                 the server takes Windows logins alone (the server's error log says which, with the state); check \
                 database.user and database.password"
            ),
        },
        18_452 => windows_alone(user, &address),
        18_470 => format!("the login {user} is disabled at {address}: ALTER LOGIN ... ENABLE"),
        18_486 => {
            format!("the login {user} is locked at {address}: ALTER LOGIN ... WITH PASSWORD = '...' UNLOCK")
        }
        18_487 => format!("the password of the login {user} has expired: set a new one on the server"),
        18_488 => format!("the login {user} must change its password first: set a new one on the server"),
        4060 => no_database(database, user, &address),
        4064 => format!(
            "the default database of the login {user} cannot be opened: ALTER LOGIN ... WITH DEFAULT_DATABASE = [{database}]"
        ),
        916 => format!(
            "the login {user} has no user in the database {database}: CREATE USER ... FOR LOGIN ... there"
        ),
        17_892 => format!(
            "a trigger at {address} that looks at each login refuses {user}: ask the server's administrator to let it in"
        ),
        233 | 17_809 | 10_928 | 10_929 => format!("{address} has no connection left"),
        18_401 | 17_142 => format!("{address} is just starting, or paused: it takes no logins now"),
        _ => format!("{address} refuses the connection"),
    }
}

fn no_database(database: &str, user: &str, address: &str) -> String {
    format!(
        "there is no database {database} at {address}, or it is offline, or the login {user} may not use it: correct \
         database.database, or let an administrator run CREATE USER ... FOR LOGIN ... in that database"
    )
}

fn windows_alone(user: &str, address: &str) -> String {
    format!(
        "{address} takes Windows logins alone, and {user} is a login of SQL Server's own (or the Windows account is not \
         trusted there): switch on \"SQL Server and Windows Authentication mode\" in the server's properties and restart it"
    )
}

#[cfg(test)]
mod tests;
