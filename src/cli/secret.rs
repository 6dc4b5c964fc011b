//! `secret`: makes what senders are known by, and helps to keep secrets. A fresh one goes to stdout or into a file of its own,
//! and nowhere else.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    auth,
    cli::{
        exit::{Exit, Failure},
        output, random, secret_protect,
    },
    config::credential_name_fault,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a fresh secret, and say where it goes here and at Buktor
    ///
    /// Prints it once and keeps nothing. Without --token it is a signing secret: Buktor signs each event with it, and the
    /// daemon checks the signature.
    New(New),
    /// On Windows: seal a password, token or key so that his-config.json need not hold it in clear
    ///
    /// Asks for the secret without showing it, or reads it from standard input, and prints what to write in its place:
    /// {"dpapi": "..."}. Only this machine can open it. On Linux this says what to use instead, and ends with exit code 2.
    Protect(secret_protect::Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// What the audit trail is to call it, e.g. "buktor 2026"
    #[arg(long)]
    name: Option<String>,
    /// Make a bearer token, which is sent with each event, in place of a signing secret
    #[arg(long)]
    token: bool,
    /// Write it into this new file, which only its owner can read, in place of printing it
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::New(new) => make(new),
        Command::Protect(args) => secret_protect::run(args),
    }
}

fn make(new: &New) -> Result<Exit, Failure> {
    if let Some(fault) = new.name.as_deref().and_then(credential_name_fault) {
        return Err(Failure::new(Exit::Usage, format!("--name {fault}; no secret was made")));
    }
    let random = Zeroizing::new(random()?);
    let secret = if new.token { auth::new_token(&random) } else { auth::new_signing_secret(&random) };
    let kept = match &new.file {
        None => {
            output::data(&secret)?;
            json!("THE SECRET")
        }
        Some(path) => {
            write(path, &secret)?;
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            output::talk(&format!(
                "Written into {}, which only you can read; the daemon's account must be able to read it, too.",
                whole.display()
            ));
            json!({ "file": whole.display().to_string() })
        }
    };
    for line in advice(new, &kept) {
        output::talk(&line);
    }
    Ok(Exit::Done)
}

/// Where it goes; `kept` is what stands in its place in the configuration.
fn advice(new: &New, kept: &Value) -> Vec<String> {
    let (key, there) = if new.token {
        ("bearer_tokens", "as the access token (Buktor sends it as \"Authorization: Bearer ...\")")
    } else {
        (
            "signing_secrets",
            "as the webhook's shared secret, all of it, with whsec_ (Buktor signs each event with it)",
        )
    };
    let entry = match &new.name {
        Some(name) => json!({ "name": name, "secret": kept }),
        None => kept.clone(),
    };
    let section = json!({ "auth": { key: [entry] } });
    vec![
        "Whoever knows this secret can write to the HIS: keep it as you keep a password.".to_owned(),
        format!("1. Here, in his-config.json: {section}"),
        "   The text itself may stand there, or {\"file\": PATH}, {\"env\": NAME}, or {\"credential\": NAME} with systemd \
         (LoadCredential=NAME:PATH); where the list has entries, add this one at its end."
            .to_owned(),
        "   Run `buktor-middleware check`, then start buktor-middleware again.".to_owned(),
        format!("2. At Buktor: {there}."),
        "3. Try it: `buktor-middleware send`. The old one is removed from the list once Buktor uses the new one.".to_owned(),
    ]
}

fn write(path: &Path, secret: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        let hint = match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "; a secret is never written over another file, name a new one"
            }
            _ => "",
        };
        Failure::new(Exit::Problems, format!("{} cannot be written: {e}{hint}", path.display()))
    };
    let mut file = create(path).map_err(failed)?;
    file.write_all(secret.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

/// A new file for its owner alone; on Windows with the rights of its folder.
fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, "whsec_AAEC").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whsec_AAEC\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(write(&path, "other").unwrap_err().message.contains("name a new one"));
        assert!(write(folder.path(), "other").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whsec_AAEC\n");
    }

    #[test]
    fn a_name_that_the_configuration_would_refuse_is_refused() {
        let check = |name: &str| {
            let new = New { name: Some(name.to_owned()), token: false, file: None };
            let failure = make(&new).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.message.starts_with("--name must be"), "{}", failure.message);
        };
        check("");
        check(" a");
    }

    #[test]
    fn the_advice_holds_json_for_the_file() {
        let new = |name: Option<&str>, token| New { name: name.map(str::to_owned), token, file: None };
        let check = |new: &New, expected: &str| {
            let lines = advice(new, &json!("THE SECRET"));
            assert!(lines.iter().any(|line| line.contains(expected)), "{lines:?}");
        };
        check(&new(None, false), r#"{"auth":{"signing_secrets":["THE SECRET"]}}"#);
        check(&new(None, true), r#"{"auth":{"bearer_tokens":["THE SECRET"]}}"#);
        check(
            &new(Some("a \"b\"\u{1b}"), true),
            r#"{"auth":{"bearer_tokens":[{"name":"a \"b\"\u001b","secret":"THE SECRET"}]}}"#,
        );
        check(&new(None, false), "with whsec_");
    }
}
