//! Configurations with mistakes, and where the configuration is found.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, EXECUTABLE, Finished, Site, executable, finish},
    mariadb::His,
    tables::{VISITS, visit, visits},
};

/// Runs the daemon on a configuration that it must refuse.
fn refused(text: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("his-config.json");
    fs::write(&path, text).unwrap();
    let mut command = executable(Path::new(EXECUTABLE));
    command.arg("--config").arg(&path);
    let done = finish(command, "");
    assert_eq!(done.code, 78, "{done:?}");
    assert!(!done.stderr.contains("listening on http"), "{done:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left, ["his-config.json"], "a refused configuration left something behind");
    done
}

/// Holds that a mistake is told with its place and these words.
fn told(done: &Finished, place: &str, words: &[&str]) {
    let mark = format!("his-config.json:{place}");
    let Some(from) = done.stderr.find(&mark) else { panic!("{mark} is not in {}", done.stderr) };
    // The mistake's own words end where the next one's place begins.
    let rest = &done.stderr[from + mark.len()..];
    let own = rest.split("his-config.json:").next().unwrap_or(rest).to_lowercase();
    for word in words {
        assert!(own.contains(&word.to_lowercase()), "{word:?} is not in {own:?} of {}", done.stderr);
    }
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let done = refused(
        r#"{
  "server": { "listen": "here", "max_body_kb": 0 },
  "sync": { "schedule": "every day" },
  "database": {
    "type": "mysqll",
    "hosst": "db",
    "user": "u",
    "password": "canary-secret",
    "database": "d",
    "timezone": "Europe/Atlantis"
  },
  "mapping": {
    "visit": { "tabel": "visits", "fields": { "visit_id": "id" } },
    "payment": { "table": "p", "fields": { "payment_id": "id", "$nonsense": "x" }, "action": "replace" }
  },
  "logging": { "level": "loud" }
}"#,
    );
    // Each at its key.
    told(&done, "2:15", &["server.listen", "127.0.0.1:5000"]);
    told(&done, "2:33", &["server.max_body_kb", "1"]);
    told(&done, "3:13", &["sync.schedule", "*/5 * * * * *"]);
    told(&done, "5:5", &["database.type", "mysql"]);
    told(&done, "6:5", &["hosst", "host"]);
    told(&done, "10:5", &["database.timezone", "Asia/Kolkata"]);
    told(&done, "13:16", &["tabel", "table"]);
    told(&done, "14:64", &["$nonsense"]);
    told(&done, "14:84", &["action"]);
    told(&done, "16:16", &["logging.level", "info"]);
    assert!(!done.stderr.contains("canary-secret"), "the password was printed: {}", done.stderr);
}

#[test]
fn broken_json_is_told_with_its_place() {
    for (text, place, words) in [
        ("", "1:1", &["empty"] as &[&str]),
        ("{\n  \"database\": {,}\n}", "2:16", &["comma"]),
        ("{\n  \"database\": {} \n  \"mapping\": {}\n}", "3:3", &["comma"]),
        // The manual's two examples, one after the other, as somebody will paste them.
        ("{ \"database\": {} }\n{ \"mapping\": {} }", "2:1", &["second"]),
        ("{ \"database\": {}, // the HIS\n \"mapping\": {} }", "1:19", &["comment"]),
    ] {
        told(&refused(text), place, words);
    }
    let bom = "\u{feff}{ \"database\": 5, \"mapping\": {} }";
    told(&refused(bom), "1:", &["database"]);
}

#[test]
fn what_is_required_or_would_be_dangerous() {
    let done = refused("{}");
    let all = done.stderr.to_lowercase();
    assert!(all.contains("database") && all.contains("mapping"), "{all}");

    let check = |patch: Value, words: &[&str]| {
        let site =
            Site::new(json!({"type": "mysql", "host": "h", "user": "u", "password": "p", "database": "d"}))
                .mapping(visits())
                .with(patch);
        let done = refused(&site.config.to_string());
        for word in words {
            assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
        }
    };
    // Another address than loopback, without credentials.
    check(json!({"server": {"listen": "0.0.0.0:5000"}}), &["server.listen", "allow_unauthenticated"]);
    // A key of another database.
    check(json!({"database": {"path": "his.db"}}), &["database.path", "sqlite"]);
    check(json!({"database": {"lock_timeout_s": 50, "statement_timeout_s": 10}}), &["lock_timeout_s"]);
    check(
        json!({"database": {"password": {"env": "BUKTOR_TEST_NO_SUCH_VARIABLE"}}}),
        &["BUKTOR_TEST_NO_SUCH_VARIABLE"],
    );
    check(json!({"database": {"password": {"file": "no-such-file.txt"}}}), &["no-such-file.txt"]);
    // A text that may be the password is not repeated; where its path begins is.
    check(json!({"database": {"password": {"file": "no-such-file"}}}), &["begins in the folder /"]);
    check(json!({"database": {"port": 70000}}), &["database.port", "65535"]);
    check(json!({"sync": {"quiet_hours": ["25:00-26:00"]}}), &["quiet_hours"]);
}

#[test]
fn a_configuration_that_is_not_there() {
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(["--config", "/no/such/his-config.json"]);
    let done = finish(command, "");
    done.assert_code(78);
    assert!(done.stderr.contains("/no/such/his-config.json"), "{done:?}");
    // Nowhere at all: it says where it looked, and first beside the executable.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("buktor-middleware");
    fs::copy(EXECUTABLE, &copy).unwrap();
    let done = finish(executable(&copy), "");
    done.assert_code(78);
    assert!(done.stderr.contains(folder.path().to_str().unwrap()), "{done:?}");
}

#[test]
fn the_nearest_configuration_wins() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let config = site.write_config();
    let executables = tempfile::tempdir().unwrap();
    let copy = executables.path().join("buktor-middleware");
    fs::copy(EXECUTABLE, &copy).unwrap();
    // The working directory's is found where there is none beside the executable.
    let mut command = executable(&copy);
    command.current_dir(site.path("."));
    let daemon = Daemon::start(command);
    daemon.accept(&visit(1, "new"));
    his.wait_rows("SELECT id FROM visits", &["1"]);
    daemon.stop();
    // Beside the executable it comes before that, and BUKTOR_CONFIG before both.
    fs::write(executables.path().join("his-config.json"), "{ \"broken\": 1 }").unwrap();
    let mut command = executable(&copy);
    command.current_dir(site.path("."));
    finish(command, "").assert_code(78);
    let mut command = executable(&copy);
    command.env("BUKTOR_CONFIG", &config);
    let daemon = Daemon::start(command);
    assert!(daemon.stop().contains(config.to_str().unwrap()));
}

#[test]
fn secrets_may_stand_elsewhere() {
    let his = His::with(VISITS);
    let mut site = Site::new(his.section()).mapping(visits());
    fs::write(site.path("password.txt"), format!("{}\n", his.password())).unwrap();
    site.config["database"]["password"] = json!({"file": "password.txt"});
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    his.wait_rows("SELECT id FROM visits", &["1"]);
    let printed = daemon.stop();
    assert!(!printed.contains(&his.password()), "{printed}");

    site.config["database"]["password"] = json!({"env": "BUKTOR_TEST_PASSWORD"});
    let mut command = executable(Path::new(EXECUTABLE));
    command.arg("check").arg("--config").arg(site.write_config()).env("BUKTOR_TEST_PASSWORD", his.password());
    finish(command, "").assert_code(0);
}
