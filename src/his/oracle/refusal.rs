//! What Oracle's refusals to connect mean, and what to do about each. The words of a refused login hold user, host and
//! service, never a value and never the password.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{connect::words, fault};
use crate::{
    config::{OracleAddress, OracleTarget},
    his::{HisError, faults},
    model::outcome::FaultClass,
};

/// Where, as whom and with what it was tried.
pub(super) struct At<'a> {
    pub(super) address: &'a OracleAddress,
    pub(super) user: &'a str,
    pub(super) client: (i32, i32),
    pub(super) client_dir: Option<&'a Path>,
}

impl At<'_> {
    /// Service or SID, where the configuration names it apart.
    fn target(&self) -> Option<&OracleTarget> {
        match self.address {
            OracleAddress::Listener { target, .. } => Some(target),
            OracleAddress::ConnectString(_) => None,
        }
    }
}

/// That nothing answered in time.
pub(super) fn silent(address: &str, limit: Duration) -> HisError {
    let message = format!(
        "no answer from {address} within {} s: is this the right host and port, is the server up, and does a firewall let \
         this computer through",
        limit.as_secs_f32()
    );
    HisError::plain(FaultClass::Unreachable, "oracle-no-answer", message)
}

/// The refusal with what to do.
pub(super) fn of(outer: i32, text: &str, at: &At<'_>) -> HisError {
    let number = faults::oracle::inner(outer, text);
    let class = faults::oracle::connect_class(number);
    let what = account(number, at)
        .or_else(|| place(number, at))
        .or_else(|| encryption(number))
        .unwrap_or_else(|| format!("{} refuses the connection", words(at.address)));
    let message =
        format!("{what} (ORA-{number:05}: {})", without_number(&faults::oracle::words(text), number));
    let mut error = fault::numbered(class, number, message);
    error.public = format!("{what} (ORA-{number:05})");
    error.duplicate_key = false;
    error
}

fn without_number(text: &str, number: i32) -> String {
    text.strip_prefix(&format!("ORA-{number:05}: ")).unwrap_or(text).to_owned()
}

/// About the account.
fn account(number: i32, at: &At<'_>) -> Option<String> {
    let user = at.user;
    Some(match number {
        1017 | 1005 => format!(
            "the login {user} is refused: the user or the password is wrong (from Oracle 11 on capitals count in passwords); \
             correct database.user and database.password. Oracle locks an account after a few wrong passwords, therefore not \
             many are tried"
        ),
        28_000 => format!(
            "the account {user} is locked, as happens after several wrong passwords: let the database's administrator run \
             ALTER USER {user} ACCOUNT UNLOCK;"
        ),
        28_001 => format!(
            "the password of {user} has expired: ALTER USER {user} IDENTIFIED BY a new one, and write that here"
        ),
        28_003 => format!("the password of {user} does not meet the database's rules; set another one there"),
        28_009 => format!(
            "{user} is the administrator's account and cannot be used here: create an account of this program's own"
        ),
        1045 => format!(
            "{user} may not log in: let the database's administrator run GRANT CREATE SESSION TO {user};"
        ),
        1435 => "there is no schema of that name: correct database.schema".to_owned(),
        28_040 => format!(
            "the server refuses this client's way to check passwords: the account {user} has one of an old form, or the \
             client library (version {}.{}) is too old or too new for the server. Set the password anew with ALTER USER \
             {user} IDENTIFIED BY ..., or take Instant Client 19, or let the administrator set \
             SQLNET.ALLOWED_LOGON_VERSION_SERVER in the server's sqlnet.ora",
            at.client.0, at.client.1
        ),
        3134 => format!(
            "the client library (version {}.{}) is too new for this server: take Instant Client 19, which reaches Oracle \
             11.2 and newer",
            at.client.0, at.client.1
        ),
        18 | 20 | 2391 => format!("{} has no session left", words(at.address)),
        1033 | 1034 | 1089 | 1090 | 12_528 => {
            format!("the database at {} is starting or stopping, or is down", words(at.address))
        }
        1035 | 12_526 | 12_527 => {
            format!("the database at {} lets only administrators in now", words(at.address))
        }
        _ => return None,
    })
}

/// About the address.
fn place(number: i32, at: &At<'_>) -> Option<String> {
    let address = words(at.address);
    Some(match (number, at.target()) {
        (12_514, Some(OracleTarget::Service(name))) => format!(
            "the listener at {address} knows no service {name}: ask the administrator for the service's name (`lsnrctl \
             services` lists them); perhaps {name} is a SID, then write \"sid\": {name:?} in place of \"database\": {name:?}. \
             A database that is just starting is not known yet, either"
        ),
        (12_505, Some(OracleTarget::Sid(name))) => format!(
            "the listener at {address} knows no SID {name}: perhaps {name} is a service, then write \"database\": {name:?} \
             in place of \"sid\": {name:?}"
        ),
        (12_504 | 12_505 | 12_514 | 12_521, _) => format!(
            "the listener at {address} does not know the service or SID that it is asked for: correct database.connect_string"
        ),
        (12_541 | 12_533, _) => format!(
            "no listener of Oracle answers at {address}: is the server up, and is database.port right (1521 as a rule)"
        ),
        (12_154, _) => format!("{address} is not known to Oracle's client: {}", aliases(at)),
        (12_162 | 12_261 | 12_263, _) => format!(
            "{address} is no address that Oracle's client can read: correct database.connect_string, e.g. \
             //db.hospital.local:1521/HIS"
        ),
        (12_545 | 12_262, _) => {
            format!(
                "the host of {address} has no address: check database.host, or write the IP address there"
            )
        }
        (12_170 | 12_535 | 12_543 | 12_606 | 12_608 | 12_609 | 3136, _) => format!(
            "no answer from {address}: is this the right host and port, is the server up, and does a firewall let this \
             computer through"
        ),
        (12_516 | 12_518 | 12_519 | 12_520, _) => format!("{address} has no connection left"),
        (12_537 | 12_547 | 12_560 | 12_570 | 28_547, _) => format!(
            "{address} broke the connection off before the login was done: perhaps it is no listener of Oracle, or it \
             demands encryption (database.tls \"require\"), or lets this computer not in (TCP.INVITED_NODES)"
        ),
        _ => return None,
    })
}

/// About encryption.
fn encryption(number: i32) -> Option<String> {
    Some(match number {
        12_650 | 12_660 | 12_268 | 12_599 => {
            "client and server find no way to encrypt that both know (SQLNET.ENCRYPTION_* and SQLNET.CRYPTO_CHECKSUM_* in the \
             sqlnet.ora of both): let the administrator allow AES256 and SHA256, or take the client library of the server's \
             version"
                .to_owned()
        }
        12_638 | 12_699 => "the server wants to know the Windows account: write SQLNET.AUTHENTICATION_SERVICES = (NONE) into the \
                           sqlnet.ora that the client library reads"
            .to_owned(),
        12_557 => "the client library lacks this protocol: for TCPS take the package Instant Client Basic".to_owned(),
        28_750 | 28_759 | 28_860..=28_865 | 29_002 | 29_003 | 29_019 | 29_024 | 29_106 => {
            "no encrypted connection could be made: Oracle's client trusts only certificates in a wallet (WALLET_LOCATION in \
             the sqlnet.ora of the folder that TNS_ADMIN names); put the authority's certificate there with orapki, or set \
             database.tls to \"off\""
                .to_owned()
        }
        _ => return None,
    })
}

/// Where the client has looked for an alias.
fn aliases(at: &At<'_>) -> String {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = variable("TNS_ADMIN")
        .or_else(|| Some(at.client_dir?.join("network").join("admin")))
        .or_else(|| Some(variable("ORACLE_HOME")?.join("network").join("admin")));
    let Some(folder) = folder else {
        return "no folder with a tnsnames.ora is known: set the environment variable TNS_ADMIN to it for this program, or \
                write host, port and database in place of the alias"
            .to_owned();
    };
    let file = folder.join("tnsnames.ora");
    if file.is_file() {
        format!("{} has no entry of that name", file.display())
    } else {
        format!(
            "there is no {}; set the environment variable TNS_ADMIN to the folder of your tnsnames.ora for this program, or \
             write host, port and database in place of the alias",
            file.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tls;

    fn address(target: OracleTarget) -> OracleAddress {
        OracleAddress::Listener { host: "his-db".into(), port: 1521, target, tls: Tls::Off }
    }

    #[test]
    fn refusals_say_what_to_do() {
        fn check(number: i32, target: OracleTarget, class: FaultClass, expected: &str) {
            let address = address(target);
            let at = At { address: &address, user: "buktor", client: (19, 25), client_dir: None };
            let error = of(number, &format!("ORA-{number:05}: the server's words"), &at);
            assert_eq!((error.class, error.code.as_str()), (class, format!("oracle-{number}").as_str()));
            assert!(error.message.contains(expected), "{}", error.message);
            assert!(
                error.message.ends_with(&format!("(ORA-{number:05}: the server's words)")),
                "{}",
                error.message
            );
            assert!(!error.public.contains("server's words"), "{}", error.public);
        }
        let service = || OracleTarget::Service("ORCL".into());
        let sid = || OracleTarget::Sid("ORCL".into());
        let (login, unreachable) = (FaultClass::Login, FaultClass::Unreachable);
        check(1017, service(), login, "the password is wrong");
        check(28_000, service(), login, "ACCOUNT UNLOCK");
        check(28_001, service(), login, "expired");
        check(28_009, service(), login, "of this program's own");
        check(1045, service(), login, "GRANT CREATE SESSION TO buktor;");
        check(28_040, service(), login, "19.25");
        check(3134, service(), login, "Instant Client 19");
        check(12_514, service(), unreachable, "write \"sid\": \"ORCL\" in place of \"database\": \"ORCL\"");
        check(12_505, sid(), login, "write \"database\": \"ORCL\" in place of \"sid\": \"ORCL\"");
        check(12_541, service(), unreachable, "no listener");
        check(12_170, service(), unreachable, "firewall");
        check(12_535, service(), unreachable, "firewall");
        check(12_545, service(), unreachable, "has no address");
        check(12_650, service(), login, "SQLNET.ENCRYPTION_");
        check(12_660, service(), login, "AES256");
        check(29_024, service(), login, "wallet");
        check(1034, service(), unreachable, "is down");
        check(12_519, service(), unreachable, "no connection left");
        check(1435, service(), login, "database.schema");
        check(4711, service(), FaultClass::Unrecognised, "his-db:1521 refuses the connection");
    }

    #[test]
    fn an_alias_that_is_not_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let address = OracleAddress::ConnectString("HISPROD".into());
        let at = At { address: &address, user: "b", client: (19, 3), client_dir: Some(folder.path()) };
        let error = of(12_154, "ORA-12154: TNS:could not resolve the connect identifier", &at);
        assert!(error.message.contains("HISPROD is not known"), "{}", error.message);
        assert!(error.message.contains("tnsnames.ora"), "{}", error.message);
        let logon = "ORA-00604: error occurred at recursive SQL level 1\nORA-20001: not at night\nORA-06512: at line 2";
        let error = of(604, logon, &at);
        assert_eq!((error.class, error.code.as_str()), (FaultClass::Login, "oracle-20001"));
        assert!(error.message.contains("not at night"), "{}", error.message);
    }
}
