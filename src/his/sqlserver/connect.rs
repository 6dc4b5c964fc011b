//! Connecting to SQL Server: where it listens, the way to it, and to another server where it sends on. No message here ever
//! holds the password.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tiberius::{Config, SqlBrowser, error::Error};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use super::{Open, SqlServer, ladder, refused, settle};
use crate::{
    config::{Database, SqlServer as Place, SqlServerAt},
    his::HisError,
};

/// Times that a server may send on to another one (Azure, availability groups).
const ROUTES_MAX: usize = 4;
/// Questions to the SQL Browser: each waits a second, and a datagram may get lost.
const BROWSER_ATTEMPTS_MAX: usize = 3;
/// For one question and for the connection behind it.
const BROWSER_TIME: Duration = Duration::from_secs(4);

/// So that the log says it once and not at each reconnect.
static COVER_TOLD: AtomicBool = AtomicBool::new(false);

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Connects and prepares the session.
pub(super) async fn open(database: &Database, place: &Place) -> Result<SqlServer, HisError> {
    let mut target = match &place.at {
        SqlServerAt::Port(port) => Target { host: place.host.clone(), port: *port },
        SqlServerAt::Instance(instance) => browse(place, instance).await?,
    };
    let mut routes = 0;
    let (client, cover) = loop {
        match ladder::climb(place, &target, database.connect_time).await? {
            ladder::Climbed::There(client, cover) => break (*client, cover),
            ladder::Climbed::SentOn(next) if routes < ROUTES_MAX => {
                routes += 1;
                target = next;
            }
            ladder::Climbed::SentOn(next) => return Err(refused::sent_on(place, &next)),
        }
    };
    let mut session = SqlServer {
        client,
        facts: settle::Facts::new(place),
        cover,
        address: refused::address(place),
        schema: place.schema.clone(),
        statement_time: database.statement_time,
        timezone: database.timezone,
        usable: true,
        open: Open::No,
    };
    settle::settle(&mut session, database.lock_time).await?;
    if let Some(words) = session.cover.words(&session.facts)
        && !COVER_TOLD.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(address = session.address, "{words}");
    }
    Ok(session)
}

/// A TCP connection, without Nagle's delay: to whichever of the host's addresses answers first, because the listener of an
/// availability group has addresses where nobody is. Finds a wrong host name by itself, so that it can be told apart.
pub(super) async fn reach(place: &Place, target: &Target) -> Result<TcpStream, HisError> {
    let mut attempts = JoinSet::new();
    for address in resolve(place, &target.host, target.port).await? {
        attempts.spawn(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(stream)
        });
    }
    let mut failure = None;
    while let Some(attempt) = attempts.join_next().await {
        match attempt.unwrap_or_else(|error| Err(error.into())) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    let failure = failure.unwrap_or_else(|| ErrorKind::NotFound.into());
    Err(refused::unreachable(place, target, &failure))
}

async fn resolve(place: &Place, host: &str, port: u16) -> Result<Vec<SocketAddr>, HisError> {
    // An IPv6 address in brackets, as people write it before a port.
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let found = tokio::net::lookup_host((host, port)).await.map(Iterator::collect::<Vec<_>>);
    match found {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        _ => Err(refused::no_host(place, host)),
    }
}

/// Asks the SQL Browser for an instance's port. It answers by a connection to that port, which is given up again: the
/// ladder needs a fresh one for each of its steps.
async fn browse(place: &Place, instance: &str) -> Result<Target, HisError> {
    // It would ask a wrong name too, and then say that nobody answers.
    resolve(place, &place.host, 0).await?;
    let host = if place.host.contains(':') && !place.host.starts_with('[') {
        format!("[{}]", place.host)
    } else {
        place.host.clone()
    };
    let mut config = Config::new();
    config.host(host);
    config.instance_name(instance);
    let mut failure = None;
    for _ in 0..BROWSER_ATTEMPTS_MAX {
        match timeout(BROWSER_TIME, TcpStream::connect_named(&config)).await {
            Ok(Ok(stream)) => {
                let port = stream.peer_addr().map(|address| address.port());
                let port = port.map_err(|error| refused::browser(place, instance, &error.to_string()))?;
                return Ok(Target { host: place.host.clone(), port });
            }
            // What the Browser does not know it does not answer.
            Ok(Err(Error::Conversion(_))) | Err(_) => failure = Some("no answer".to_owned()),
            Ok(Err(error)) => failure = Some(super::driver_words(&error)),
        }
    }
    Err(refused::browser(place, instance, &failure.unwrap_or_default()))
}
