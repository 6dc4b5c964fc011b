//! Conversations: scripted answers against an SQLite HIS, from the first question to what would be written.

use clap::Parser;
use serde_json::json;

use super::*;
use crate::propose::{Document, Proposal};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(words: &[&str]) -> Args {
    Line::try_parse_from(std::iter::once(&"init").chain(words)).unwrap().args
}

/// A folder with `his.db`.
fn his(sql: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    rusqlite::Connection::open(dir.path().join("his.db")).unwrap().execute_batch(sql).unwrap();
    dir
}

fn talk(dir: &Path, words: &[&str], answers: &str) -> Result<(Document, Vec<Proposal>), Failure> {
    let db = dir.join("his.db").display().to_string();
    let (args, output) = (args(words), dir.join("his-config.json"));
    let mut asker = Asker::scripted(answers.replace("$DB", &db).leak());
    let runtime = runtime()?;
    let (connection, mut session) = connection::connect(&args, &mut asker, &output, &runtime)?;
    let proposals = runtime.block_on(tables::choose(&args, &mut asker, session.as_mut()))?;
    Ok((connection.document(&output), proposals))
}

const VISITS: &str = "
    CREATE TABLE visits (id INTEGER PRIMARY KEY, patient_id INT NOT NULL, visit_date DATETIME);
    CREATE TABLE bookings (booking_id VARCHAR(20) NOT NULL PRIMARY KEY, status VARCHAR(20));";

#[test]
fn a_whole_conversation() {
    let dir = his(VISITS);
    let check = |words: &[&str], answers: &str, expected: &[(&str, bool)]| {
        let (_, proposals) = talk(dir.path(), words, answers).unwrap();
        let found: Vec<_> = proposals.iter().map(|p| (p.table.0.as_str(), p.other_ids.is_empty())).collect();
        assert_eq!(found, expected, "{answers}");
    };
    let sqlite = ["--type", "sqlite", "--timezone", "UTC"];
    // Kind, file, zone; table, its mapping; two event types left out.
    check(&[], "access\nsqlite\n$DB\nUTC\n\ny\nnone\nnone\n", &[("bookings", true)]);
    // A wrong file and a wrong table are asked again; ids of patients only where that is said.
    check(&sqlite, "nowhere.db\n$DB\n?\nvisit\nvisits\n\n\n\n\n", &[("visits", false)]);
    check(&sqlite, "$DB\nvisits\nyes\nyes\n\n\n", &[("visits", true)]);
    // Another table after a look at the first; the question about ids comes once.
    check(
        &sqlite,
        "$DB\nvisits\nno\nno\nbookings\nyes\nnone\nvisits\nyes\n",
        &[("bookings", true), ("visits", false)],
    );
    // What options say is not asked.
    let all = [
        "--table",
        "appointment=visits",
        "--same-ids",
        "--table",
        "payment=none",
        "--table",
        "schedule_change=none",
    ];
    check(&[&sqlite[..], &all].concat(), "$DB\ny\n", &[("visits", true)]);
    // A table that an option names and that is not there.
    check(
        &[&sqlite[..], &["--table", "appointment=x"]].concat(),
        "$DB\nbookings\ny\n\n\n",
        &[("bookings", true)],
    );
}

#[test]
fn an_end_of_input_ends_it() {
    let dir = his(VISITS);
    let sqlite = ["--type", "sqlite", "--timezone", "UTC"];
    for answers in
        ["", "$DB\n", "nowhere.db\n", "$DB\nbookings\n", "$DB\nbookings\nyes\nnone\n", "$DB\n\nmaybe\n"]
    {
        let failure = talk(dir.path(), &sqlite, answers).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{answers}: {}", failure.message);
        assert!(failure.message.contains("nothing was written"), "{answers}: {}", failure.message);
    }
    let failure = talk(dir.path(), &sqlite, "$DB\nnone\nnone\nnone\n").unwrap_err();
    assert_eq!(failure.exit, Exit::Problems, "{}", failure.message);
}

#[test]
fn a_server_that_is_not_there_is_asked_for_again() {
    let dir = his(VISITS);
    // Host, port, user, password (typed by the script), database, zone; then host and port again, until the input ends.
    let failure =
        talk(dir.path(), &["--type", "mysql"], "127.0.0.1\n1\nbuktor\nhis\nNo/Where\nUTC\n127.0.0.1\n")
            .unwrap_err();
    assert_eq!(failure.exit, Exit::Usage, "{}", failure.message);
    // A host that cannot be one is refused before anything is connected.
    let failure = talk(dir.path(), &["--type", "mysql"], "mysql://x\nbuktor\nhis\nUTC\n").unwrap_err();
    assert_eq!(failure.exit, Exit::Usage, "{}", failure.message);
}

/// What is written of the database after these answers, without connecting.
fn written(words: &[&str], answers: &'static str) -> serde_json::Value {
    let (args, mut asker) = (args(words), Asker::scripted(answers));
    let mut connection = connection::Connection::given(&args, &mut asker).unwrap();
    connection.complete(&mut asker, args.yes).unwrap();
    let text = connection.document(Path::new("/nowhere/his-config.json")).text();
    serde_json::from_str(&text).unwrap()
}

/// Where the program runs on Windows, it asks whether to log in by the Windows account: not here.
fn of_windows(answers: &str) -> &'static str {
    answers.replace("$W", if cfg!(windows) { "no\n" } else { "" }).leak()
}

#[test]
fn a_sql_server_is_asked_for() {
    let check = |words: &[&str], answers: &str, expected: serde_json::Value| {
        assert_eq!(written(words, of_windows(answers)), expected, "{answers}");
    };
    // Host, port or instance, login, password (typed by the script), database, schema, zone.
    check(
        &[],
        "sql server\nhis\n\n$Wbuktor\nHIS\n\nUTC\n",
        json!({"type": "sqlserver", "host": "his", "port": 1433, "user": "buktor", "password": "typed",
               "database": "HIS", "timezone": "UTC"}),
    );
    check(
        &["--type", "mssql"],
        "his\n70000\nSQLEXPRESS\n$Wbuktor\nHIS\ndbo\nUTC\n",
        json!({"type": "sqlserver", "host": "his", "instance": "SQLEXPRESS", "user": "buktor", "password": "typed",
               "database": "HIS", "schema": "dbo", "timezone": "UTC"}),
    );
    check(
        &["--type", "sqlserver", "--timezone", "UTC"],
        "HIS\\SQLEXPRESS\n$Wbuktor\nHIS\n-\n",
        json!({"type": "sqlserver", "host": "HIS\\SQLEXPRESS", "user": "buktor", "password": "typed",
               "database": "HIS", "timezone": "UTC"}),
    );
    // Options that no other kind has say which kind it is.
    let all = [
        "--instance",
        "S1",
        "--windows-login",
        "--host",
        "his",
        "--database",
        "HIS",
        "--timezone",
        "UTC",
        "--yes",
    ];
    check(
        &all,
        "",
        json!({"type": "sqlserver", "host": "his", "instance": "S1", "windows_login": true, "database": "HIS",
               "timezone": "UTC"}),
    );
}

#[test]
fn an_oracle_is_asked_for() {
    let check = |words: &[&str], answers: &'static str, expected: serde_json::Value| {
        assert_eq!(written(words, answers), expected, "{answers}");
    };
    // Host, port, login, password (typed by the script), service, schema, zone.
    check(
        &[],
        "oracle\nhis\n\nbuktor\nHISPDB\nHIS\nUTC\n",
        json!({"type": "oracle", "host": "his", "port": 1521, "user": "buktor", "password": "typed",
               "database": "HISPDB", "schema": "HIS", "timezone": "UTC"}),
    );
    check(
        &["--type", "oracle"],
        "his\n1522\nbuktor\nSID: HIS\n\nUTC\n",
        json!({"type": "oracle", "host": "his", "port": 1522, "user": "buktor", "password": "typed", "sid": "HIS",
               "timezone": "UTC"}),
    );
    // What the host holds already is not asked.
    let whole = json!({"type": "oracle", "host": "his:1521/HISPDB", "user": "buktor", "password": "typed",
                       "timezone": "UTC"});
    check(&["--type", "oracle"], "his:1521/HISPDB\nbuktor\n\nUTC\n", whole);
    check(
        &["--type", "oracle"],
        "(DESCRIPTION=(X=Y))\nbuktor\n\nUTC\n",
        json!({"type": "oracle", "connect_string": "(DESCRIPTION=(X=Y))", "user": "buktor", "password": "typed",
               "timezone": "UTC"}),
    );
    let all = [
        "--connect-string",
        "HIS",
        "--client-dir",
        "/ic",
        "--schema",
        "HIS",
        "--user",
        "u",
        "--password-env",
        "PW",
    ];
    check(
        &[&all[..], &["--timezone", "UTC", "--yes"]].concat(),
        "",
        json!({"type": "oracle", "connect_string": "HIS", "client_dir": "/ic", "schema": "HIS", "user": "u",
               "password": {"env": "PW"}, "timezone": "UTC"}),
    );
    let all = ["--type", "oracle", "--sid", "HIS", "--host", "his", "--user", "u", "--password-env", "PW"];
    check(
        &[&all[..], &["--timezone", "UTC", "--yes"]].concat(),
        "",
        json!({"type": "oracle", "host": "his", "sid": "HIS", "user": "u", "password": {"env": "PW"}, "timezone": "UTC"}),
    );
}

#[test]
fn a_wrong_answer_about_another_kind_of_database_is_asked_again() {
    let dir = his(VISITS);
    let fails = |words: &[&str], answers: &str, part: &str| {
        let failure = talk(dir.path(), words, of_windows(answers)).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{}", failure.message);
        assert!(failure.message.contains(part), "{answers}: {}", failure.message);
    };
    let sqlserver = ["--type", "sqlserver", "--timezone", "UTC", "--schema", "dbo"];
    // Each wrong host is followed by a question for another, until the input ends.
    fails(&sqlserver, "np:his\n$Wbuktor\nHIS\n(localdb)\\x\n", "the input ended");
    fails(&sqlserver, "his,x\n$Wbuktor\nHIS\n", "the input ended");
    let oracle = ["--type", "oracle", "--timezone", "UTC", "--schema", "HIS"];
    fails(&oracle, "u/p@his\nbuktor\nHIS\n", "the input ended");
    fails(&oracle, "(DESCRIPTION=\nbuktor\n", "the input ended");
    fails(&oracle, "his:1521\nsys as sysdba\nHIS\n", "the input ended");
    // What no question can mend ends it at once.
    if !cfg!(windows) {
        let login =
            ["--windows-login", "--host", "his", "--database", "HIS", "--schema", "dbo", "--timezone", "UTC"];
        fails(&login, "", "works only where this program runs on Windows");
    }
    let mysql =
        ["--type", "mysql", "--host", "h:1", "--user", "u", "--password-env", "PATH", "--database", "D"];
    fails(&[&mysql[..], &["--schema", "HIS"]].concat(), "UTC\n", "with MySQL a schema is a database");
    fails(&[&mysql[..], &["--instance", "S1"]].concat(), "UTC\n", "belongs to the type \"sqlserver\"");
}

#[test]
fn paths_are_written_as_the_file_needs_them() {
    let dir = his(VISITS);
    let (document, _) = talk(dir.path(), &["--type", "sqlite"], "$DB\nAsia/Kolkata\n\n\n\n\n").unwrap();
    let written: serde_json::Value = serde_json::from_str(&document.text()).unwrap();
    let path = dir.path().join("his.db").display().to_string();
    assert_eq!(written, json!({"type": "sqlite", "path": path, "timezone": "Asia/Kolkata"}));
}

#[test]
fn pairs_are_read() {
    let check = |written: &str, expected: Result<(EventType, &str), &str>| match (pair(written), expected) {
        (Ok((event, name)), Ok(expected)) => assert_eq!((event, name.as_str()), expected),
        (Err(words), Err(part)) => assert!(words.contains(part), "{words}"),
        (got, _) => panic!("{written}: {got:?}"),
    };
    check("appointment=VISITS", Ok((EventType::Appointment, "VISITS")));
    check("schedule_change = a=b ", Ok((EventType::ScheduleChange, "a=b")));
    check("payment=none", Ok((EventType::Payment, "none")));
    check("payment=", Err("e.g. appointment=VISITS"));
    check("VISITS", Err("e.g. appointment=VISITS"));
    check("visit=VISITS", Err("there are appointment, schedule_change, payment"));
}
