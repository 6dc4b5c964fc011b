//! `secret protect`: seals a secret with Windows' DPAPI. Keeps it nowhere, and prints nothing but what is sealed.

use std::io::{IsTerminal as _, Read as _};

use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::{
        exit::{Exit, Failure},
        output,
    },
    config::dpapi::{self, Scope},
};

/// Bytes that a secret may have.
const SECRET_BYTES_MAX: usize = 16 * 1024;

/// What there is on systems without DPAPI.
const ELSEWHERE: &str = "\
this seals a secret with Windows' DPAPI, which this system does not have. Here a secret stays out of his-config.json so:

systemd hands it over, encrypted on disk (systemd 250 and later):
  systemd-ask-password | systemd-creds encrypt --name=buktor-secret - /etc/credstore.encrypted/buktor-secret
  in the [Service] section of the unit:  LoadCredentialEncrypted=buktor-secret:/etc/credstore.encrypted/buktor-secret
  in his-config.json:                    { \"credential\": \"buktor-secret\" }

or a file has it, that the service's account alone can read:
  (umask 077; systemd-ask-password > buktor-secret.txt), then chown it to that account
  in his-config.json:                    { \"file\": \"buktor-secret.txt\" }";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only the account that runs this command can open it, so run it as the service's own account. Without this, every
    /// account of this machine can that reads his-config.json
    #[arg(long)]
    user: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    // Before somebody types a secret in vain.
    if !cfg!(windows) {
        return Err(Failure::new(Exit::Usage, ELSEWHERE));
    }
    let secret = read()?;
    let scope = if args.user { Scope::User } else { Scope::Machine };
    let sealed = dpapi::seal(secret.as_bytes(), scope)
        .map_err(|e| Failure::new(Exit::Problems, format!("Windows could not seal the secret: {e}")))?;
    output::data(&json!({ "dpapi": sealed }).to_string())?;
    output::talk(if args.user {
        "write this in the secret's place in his-config.json; only this account can open it, and only on this machine"
    } else {
        "write this in the secret's place in his-config.json; only this machine can open it. Every account on it can, so let \
         nobody but the service and administrators read that file; --user narrows it to the account that runs this"
    });
    Ok(Exit::Done)
}

/// The secret: typed where there is a terminal, else from standard input, without one line end.
fn read() -> Result<Zeroizing<String>, Failure> {
    let failed = |e: std::io::Error| Failure::new(Exit::Usage, format!("the secret cannot be read: {e}"));
    let stdin = std::io::stdin();
    let secret = if stdin.is_terminal() {
        Zeroizing::new(rpassword::prompt_password("Secret (it is not shown): ").map_err(failed)?)
    } else {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES_MAX + 1));
        stdin.take(SECRET_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(failed)?;
        let end = text.trim_end_matches('\n').trim_end_matches('\r').len();
        text.truncate(end);
        text
    };
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        let words = format!("a secret has 1 to {SECRET_BYTES_MAX} bytes; nothing was sealed");
        return Err(Failure::new(Exit::Usage, words));
    }
    Ok(secret)
}
