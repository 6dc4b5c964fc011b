//! The program `tds-server`: reads its arguments, says where it listens, serves until it is ended.

use std::io::Write;
use std::process::ExitCode;

use tds_server::{Login, Options, TlsMode, Version, bind};

const USAGE: &str = "tds-server --listen 127.0.0.1:0 --folder DIR --login NAME:PASSWORD[:limited] ... --database NAME ... \
[--tls off|login|on|require|old|old-close] [--cert FILE --key FILE] [--version 2005..2025] [--collation NAME] \
[--browser 127.0.0.1:PORT] [--instance NAME]";

fn main() -> ExitCode {
    let outcome = options(std::env::args().skip(1)).and_then(|options| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(512)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.block_on(run(&options))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "tds-server: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let bound = bind(options).await?;
    let mut out = std::io::stdout();
    let address = bound.address().map_err(|e| e.to_string())?;
    writeln!(out, "listening on {address}").map_err(|e| e.to_string())?;
    if let Some(browser) = bound.browser_address() {
        writeln!(out, "browser on {browser}").map_err(|e| e.to_string())?;
    }
    out.flush().map_err(|e| e.to_string())?;
    tokio::select! {
        served = bound.serve() => served.map_err(|e| e.to_string()),
        () = ended() => std::process::exit(0),
    }
}

#[cfg(unix)]
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn ended() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn options(args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        folder: "tds-server-data".into(),
        logins: Vec::new(),
        databases: Vec::new(),
        tls: TlsMode::On,
        cert: None,
        key: None,
        version: Version::named("2017").ok_or(USAGE)?,
        collation: "SQL_Latin1_General_CP1_CI_AS".into(),
        browser: None,
        instance: "MSSQLSERVER".into(),
    };
    let mut args = args;
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value: {USAGE}"))?;
        let wrong = |e: std::net::AddrParseError| format!("{arg} {value}: {e}");
        match arg.as_str() {
            "--listen" => options.listen = value.parse().map_err(wrong)?,
            "--folder" => options.folder = value.into(),
            "--login" => {
                let (value, limited) =
                    value.strip_suffix(":limited").map_or((value.as_str(), false), |v| (v, true));
                let (name, password) =
                    value.split_once(':').ok_or_else(|| format!("--login {value}: NAME:PASSWORD"))?;
                options.logins.push(Login { name: name.into(), password: password.into(), limited });
            }
            "--database" => options.databases.push(value),
            "--tls" => options.tls = TlsMode::named(&value).ok_or(USAGE)?,
            "--cert" => options.cert = Some(value.into()),
            "--key" => options.key = Some(value.into()),
            "--version" => options.version = Version::named(&value).ok_or(USAGE)?,
            "--collation" => options.collation = value,
            "--browser" => options.browser = Some(value.parse().map_err(wrong)?),
            "--instance" => options.instance = value,
            _ => return Err(format!("{arg} is unknown: {USAGE}")),
        }
    }
    Ok(options)
}
