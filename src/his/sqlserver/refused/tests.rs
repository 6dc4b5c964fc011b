//! What people read of refused logins and lost ways.

use super::*;
use crate::config::Secret;

fn place() -> Place {
    Place {
        host: "his-db".into(),
        at: SqlServerAt::Port(1433),
        login: SqlServerLogin::Sql { user: "buktor".into(), password: Secret::new("tOp-s3cret".into()) },
        database: "Clinic".into(),
        schema: None,
        tls: Tls::Verify,
        ca_file: None,
    }
}

#[test]
fn addresses() {
    assert_eq!(address(&place()), "his-db:1433");
    assert_eq!(address(&Place { host: "::1".into(), ..place() }), "[::1]:1433");
    let at = SqlServerAt::Instance("SQLEXPRESS".into());
    assert_eq!(address(&Place { at, ..place() }), "his-db\\SQLEXPRESS");
}

#[test]
fn refusals_say_what_to_do() {
    fn check(number: u32, state: u8, words: &str) {
        let advice = advice(number, state, &place());
        assert!(advice.contains(words), "{number}: {advice}");
        assert!(!advice.contains("s3cret"));
    }
    check(18_456, 1, "user or the password is wrong");
    check(18_456, 8, "database.password");
    check(18_456, 38, "no database Clinic");
    check(18_456, 58, "SQL Server and Windows Authentication mode");
    check(18_452, 1, "SQL Server and Windows Authentication mode");
    check(18_470, 1, "disabled");
    check(18_486, 1, "UNLOCK");
    check(18_487, 1, "expired");
    check(18_488, 1, "change its password");
    check(4060, 1, "no database Clinic");
    check(4064, 1, "DEFAULT_DATABASE = [Clinic]");
    check(916, 1, "CREATE USER");
    check(17_892, 1, "a trigger at his-db:1433");
    check(99_999, 1, "refuses the connection");
}

#[test]
fn failures_of_the_connection() {
    fn check(tls: Tls, error: &Error, encryption: bool, class: FaultClass, code: &str, words: &str) {
        let told = broken_off(&Place { tls, ..place() }, error, "why", encryption);
        assert_eq!((told.class, told.code.as_str()), (class, code), "{told}");
        assert!(told.message.contains(words), "{told}");
    }
    let io = |kind| Error::Io { kind, message: "why".into() };
    let old = io(ErrorKind::InvalidData);
    let closed = io(ErrorKind::UnexpectedEof);
    let untrusted = Error::Tls("unknown issuer".into());
    let declined = Error::Protocol("no".into());
    check(Tls::Verify, &untrusted, true, FaultClass::Login, "sqlserver-tls", "database.ca_file");
    check(Tls::Require, &old, true, FaultClass::Login, "sqlserver-tls", "\"prefer\"");
    check(Tls::Require, &declined, true, FaultClass::Login, "sqlserver-tls", "TLS 1.2");
    check(Tls::Prefer, &old, true, FaultClass::Login, "sqlserver-tls", "nor could one without");
    check(Tls::Prefer, &closed, true, FaultClass::Unreachable, "sqlserver-broken-off", "without (why)");
    check(Tls::Off, &untrusted, true, FaultClass::Login, "sqlserver-tls", "database.tls is \"off\"");
    check(Tls::Off, &closed, true, FaultClass::Unreachable, "sqlserver-broken-off", "before the login");
    let begun = Error::Io { kind: ErrorKind::UnexpectedEof, message: "tls handshake eof".into() };
    check(Tls::Off, &begun, true, FaultClass::Login, "sqlserver-tls", "demands an encrypted");
    check(Tls::Prefer, &declined, false, FaultClass::Unreachable, "sqlserver-protocol", "does not speak");
    let timed = io(ErrorKind::TimedOut);
    check(Tls::Prefer, &timed, false, FaultClass::Unreachable, "sqlserver-broken-off", "broke off");
}

#[test]
fn ways_that_lead_nowhere() {
    fn check(error: &HisError, code: &str, words: &str) {
        assert_eq!((error.class, error.code.as_str()), (FaultClass::Unreachable, code));
        assert!(error.message.contains(words), "{error}");
    }
    let target = Target { host: "his-db".into(), port: 1433 };
    let refused = std::io::Error::from(ErrorKind::ConnectionRefused);
    check(&unreachable(&place(), &target, &refused), "sqlserver-refused", "TCP/IP enabled");
    let unknown = browser(&place(), "SQLEXPRESS", "no answer");
    check(&unknown, "sqlserver-browser", "start the service \"SQL Server Browser\"");
    check(&unknown, "sqlserver-browser", "write database.port");
    check(&no_host(&place(), "his-db"), "sqlserver-host", "check database.host");
    check(
        &no_host(&place(), "other"),
        "sqlserver-host",
        "other, to which the server sends on, has no address",
    );
    check(&sent_on(&place(), &target), "sqlserver-routing", "sends on");
    check(&silent(&place(), Duration::from_secs(10)), "sqlserver-no-answer", "within 10 s");
}
