//! `send`: posts a test event to the daemon, as Buktor would.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config, output, random, runtime,
        signing::Shown,
    },
    config::{self, Server},
    http::{
        self,
        client::{Target, Trust},
    },
    ingest::EVENT_PATH,
    limits,
    model::clock::{Clock as _, SystemClock},
};

/// How long the daemon may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which sample event to send
    #[arg(value_enum, default_value = "appointment", conflicts_with = "file")]
    sample: Sample,
    /// Send the event in this file instead, one JSON object (- for standard input)
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where the daemon listens (https://HOST:PORT for TLS); without it, as the configuration says, else 127.0.0.1:5000
    #[arg(long, value_name = "HOST:PORT")]
    to: Option<String>,
    /// Send no token and no signature, to see what becomes of such a request
    #[arg(long)]
    unsigned: bool,
}

/// The sample events of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Sample {
    Appointment,
    ScheduleChange,
    Payment,
}

impl Sample {
    pub(super) const ALL: [Self; 3] = [Self::Appointment, Self::ScheduleChange, Self::Payment];

    /// The event as JSON.
    pub(super) fn body(self) -> &'static str {
        match self {
            Self::Appointment => {
                r#"{"event_type": "appointment", "appointment_id": 123, "status": "confirmed"}"#
            }
            Self::ScheduleChange => {
                r#"{"event_type": "schedule_change", "schedule_id": 456, "new_time": "2025-03-03T09:00:00"}"#
            }
            Self::Payment => {
                r#"{"event_type": "payment", "payment_id": 789, "amount": "1500", "status": "paid", "paid_at": "2025-03-02T11:00:00"}"#
            }
        }
    }
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let body = match &args.file {
        None => args.sample.body().as_bytes().to_vec(),
        Some(path) => read(path)?,
    };
    let config = match (explicit, &args.to) {
        (None, None) if config::find(None).is_err() => None,
        (Some(_), _) | (None, None) => Some(load_config(explicit)?),
        // Where the event goes was said; a mistake in a file that nobody named is no reason to stop.
        (None, Some(_)) => load_config(None).ok(),
    };
    let to = target(args.to.as_deref(), config.as_ref().map(|config| &config.server));
    let shown = match &config {
        Some(config) if !args.unsigned => {
            let id = format!("msg_{:032x}", u128::from_le_bytes(random()?));
            Shown::of(&config.auth, &body, &id, SystemClock.now())?
        }
        _ => Shown::nothing(),
    };
    output::talk(&format!("sending the event {}", shown.words));
    let answer = runtime()?.block_on(http::client::post(&to, EVENT_PATH, body, &shown.headers, ANSWER_TIME));
    let (status, answer) = answer.map_err(|e| {
        Failure::new(
            Exit::Unreachable,
            format!("{e}; is the daemon running there? Start it with `buktor-middleware`"),
        )
    })?;
    output::talk(&format!("{}{EVENT_PATH} answered {status}", to.url()));
    output::data(&output::printable(&String::from_utf8_lossy(&answer)))?;
    Ok(if status.is_success() { Exit::Done } else { Exit::Problems })
}

/// Where the event goes. The configured listener is known by its certificate.
fn target(to: Option<&str>, server: Option<&Server>) -> Target {
    let listener = server.map(|server| {
        let mut address = server.listen;
        // Where it listens everywhere, it does so here.
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let tls = server.tls.as_ref().map(|tls| Trust::Certificate(tls.certificate.clone()));
        Target { authority: address.to_string(), tls }
    });
    match (to, listener) {
        (None, Some(listener)) => listener,
        (None, None) => Target::parse("127.0.0.1:5000"),
        (Some(to), listener) => {
            let target = Target::parse(to);
            let is_it = |listener: &Target| {
                let agrees = listener.tls.is_some() == target.tls.is_some() || !to.contains("://");
                agrees && listener.authority == target.authority
            };
            listener.filter(is_it).unwrap_or(target)
        }
    }
}

/// The bytes of an event's file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e| Failure::new(Exit::Problems, format!("{} cannot be read: {e}", path.display()));
    let mut body = Vec::new();
    // One byte more than the daemon could ever take, so that it is the daemon which says so.
    let limit = limits::BODY_KIB_MAX * 1024 + 1;
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut body).map_err(failed)?;
    } else {
        std::fs::File::open(path).and_then(|f| f.take(limit).read_to_end(&mut body)).map_err(failed)?;
    }
    Ok(body)
}
