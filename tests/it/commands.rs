//! The commands, as an operator and a script use them, beside a running daemon and without one.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    daemon::{EXECUTABLE, Finished, Site, executable, finish},
    mariadb::{His, free_port},
    proxy::{Network, Proxy},
    tables::{MANUAL, MANUAL_MAPPING, VISITS, visit, visits},
    wait_until,
};

/// Runs the executable without a configuration.
fn bare(args: &[&str]) -> Finished {
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(args);
    finish(command, "")
}

/// A site with the manual's mapping on a port that `send` can find in the configuration.
fn manual_site(his: &His) -> Site {
    Site::new(his.section())
        .with(serde_json::from_str(MANUAL_MAPPING).unwrap())
        .with(json!({"server": {"listen": format!("127.0.0.1:{}", free_port())}}))
}

#[test]
fn check_tells_what_is_wrong_before_anything_is_lost() {
    let his = His::with(MANUAL);
    let mut site = manual_site(&his);
    let good = site.cli(&["check"]).assert_code(0);
    assert!(good.contains("HIS_appointments"), "{good}");
    assert!(!good.contains(&his.password()), "{good}");
    // Each mistake against the live tables, with a suggestion.
    site.config["mapping"]["appointment"]["fields"]["status"] = json!("HIS_statu");
    site.config["mapping"]["payment"]["table"] = json!("HIS_payment");
    let done = site.cli(&["check"]);
    let said = done.assert_code(1);
    for expected in ["HIS_statu", "HIS_status", "HIS_payment", "HIS_payments", "mapping.payment"] {
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    // Nobody fills a NOT NULL column.
    let mut site = manual_site(&his);
    site.config["mapping"]["appointment"]["fields"].as_object_mut().unwrap().remove("status");
    assert!(site.cli(&["check"]).assert_code(1).contains("HIS_status"));
    // No database at all.
    let mut site = manual_site(&his);
    site.config["database"]["port"] = json!(free_port());
    let done = site.cli(&["check"]);
    assert!([1, 69].contains(&done.code), "{done:?}");
    assert!(done.assert_code(done.code).contains("127.0.0.1"), "{done:?}");
    // MyISAM has no transactions, and an unmapped key has no row.
    his.sql("ALTER TABLE HIS_appointments ENGINE = MyISAM");
    let said = manual_site(&his).cli(&["check"]);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("MyISAM"), "{said:?}");
}

#[test]
fn demo_shows_the_whole_path_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = executable(Path::new(EXECUTABLE));
    // Its own folder for temporary files, so that what it leaves can be seen.
    command.arg("demo").env("TMPDIR", temporary.path()).current_dir(temporary.path());
    let done = finish(command, "");
    let said = done.assert_code(0);
    assert!(said.contains("confirmed"), "the demo shows no row: {said}");
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(left.is_empty(), "the demo left {left:?}");

    let kept = temporary.path().join("kept");
    let mut command = executable(Path::new(EXECUTABLE));
    command.arg("demo").arg("--keep").arg(&kept).env("TMPDIR", temporary.path());
    finish(command, "").assert_code(0);
    assert!(fs::read_dir(&kept).unwrap().count() > 0, "--keep kept nothing");
}

#[test]
fn send_posts_what_the_manual_posts() {
    let his = His::with(MANUAL);
    let site = manual_site(&his);
    // Nobody listens yet.
    site.cli(&["send", "appointment"]).assert_code(69);
    let _daemon = site.start();
    site.cli(&["send"]).assert_code(0);
    his.wait_rows("SELECT HIS_appointment_id, HIS_status FROM HIS_appointments", &["123\tconfirmed"]);
    site.cli(&["send", "schedule_change"]).assert_code(0);
    his.wait_rows("SELECT HIS_schedule_id FROM HIS_schedules", &["456"]);
    site.cli(&["send", "payment"]).assert_code(0);
    his.wait_rows("SELECT HIS_payment_id, HIS_amount FROM HIS_payments", &["789\t1500.00"]);
    let event = json!({"event_type": "appointment", "appointment_id": 5, "status": "by file"});
    fs::write(site.path("event.json"), event.to_string()).unwrap();
    site.cli(&["send", "--file", site.path("event.json").to_str().unwrap()]).assert_code(0);
    his.wait_rows("SELECT HIS_status FROM HIS_appointments WHERE HIS_appointment_id = 5", &["by file"]);
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(["send", "--file", "-", "--config"]).arg(site.write_config());
    let event = json!({"event_type": "appointment", "appointment_id": 6, "status": "by stdin"});
    finish(command, &event.to_string()).assert_code(0);
    his.wait_rows("SELECT HIS_status FROM HIS_appointments WHERE HIS_appointment_id = 6", &["by stdin"]);
    // What the daemon refuses is a problem, in its words.
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(["send", "--file", "-", "--config"]).arg(site.write_config());
    let done = finish(command, "{\"no\": \"type\"}");
    assert!(done.assert_code(1).contains("event_type"), "{done:?}");
}

#[test]
fn an_operator_works_beside_the_daemon() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let long = |id: &str, number: u32| {
        daemon.accept(&json!({"event_id": id, "event_type": "visit", "visit_id": number, "status": "much too long a status"}));
    };
    for (id, number) in [("l1", 1), ("l2", 2), ("l3", 3), ("l4", 4)] {
        long(id, number);
    }
    daemon.accept(&json!({"event_id": "n1", "event_type": "visit", "status": "new"}));
    daemon.accept(&visit(9, "new"));
    site.wait_count("parked", 5);
    site.wait_count("applied", 1);

    let parked = site.json(&["events", "list", "--state", "parked", "--json"]);
    let ids = |list: &Value| -> Vec<String> {
        let mut ids: Vec<_> =
            list.as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&parked), ["l1", "l2", "l3", "l4", "n1"]);
    let cause = site.event("l1")["cause"].as_str().unwrap().to_owned();
    assert!(cause.starts_with("too-long"), "{cause}");
    let by_cause = site.json(&["events", "list", "--cause", &cause, "--json"]);
    assert_eq!(ids(&by_cause), ["l1", "l2", "l3", "l4"]);
    let two = site.json(&["events", "list", "--kind", "visit", "--state", "all", "--limit", "2", "--json"]);
    assert_eq!(two.as_array().unwrap().len(), 2);
    let both = site.json(&["events", "list", "--state", "applied", "--state", "parked", "--json"]);
    assert_eq!(both.as_array().unwrap().len(), 6);

    let status = site.json(&["status", "--json"]);
    assert_eq!(status["daemon"]["running"], true, "{status}");
    let causes = status["queue"]["causes"].as_array().unwrap();
    let found = causes.iter().find(|c| c["cause"] == cause.as_str()).unwrap_or_else(|| panic!("{status}"));
    assert_eq!((&found["state"], &found["count"]), (&json!("parked"), &json!(4)), "{status}");

    let shown = site.json(&["events", "show", "l1", "--json"]);
    assert_eq!(shown["id"], "l1");
    // By its place in the queue, too, as the list prints it.
    let seq = site.event("l1")["seq"].as_i64().unwrap().to_string();
    assert_eq!(site.json(&["events", "show", &seq, "--json"])["id"], "l1");

    // One, all of a cause, and what is given up.
    his.sql("ALTER TABLE visits MODIFY status VARCHAR(40)");
    site.cli(&["events", "retry", "l1"]).assert_code(0);
    his.wait_rows("SELECT id FROM visits ORDER BY id", &["1", "9"]);
    site.cli(&["events", "retry", "--cause", &cause]).assert_code(0);
    his.wait_rows("SELECT id FROM visits ORDER BY id", &["1", "2", "3", "4", "9"]);
    // It asks first, and nobody answers: nothing is lost.
    let done = site.cli(&["events", "discard", "n1"]);
    assert_ne!(done.code, 0, "{done:?}");
    assert_eq!(site.event("n1")["state"], "parked");
    site.cli(&["events", "discard", "n1", "--yes"]).assert_code(0);
    assert_eq!(site.event("n1")["state"], "discarded");
    // What is in the HIS cannot be given up any more.
    let done = site.cli(&["events", "discard", "l1", "--yes"]);
    assert_eq!(site.event("l1")["state"], "applied", "{done:?}");
    let done = site.cli(&["events", "show", "no-such-event"]);
    assert_eq!(done.code, 1, "{done:?}");
    daemon.stop();
    assert_eq!(site.json(&["status", "--json"])["daemon"]["running"], false);
}

#[test]
fn sync_now_does_not_wait_for_the_schedule() {
    let his = His::with(VISITS);
    // Once a year.
    let mut site =
        Site::new(his.section()).mapping(visits()).with(json!({"sync": {"schedule": "0 0 0 1 1 *"}}));
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    site.cli(&["sync", "--now"]).assert_code(0);
    his.wait_rows("SELECT id FROM visits", &["1"]);
    daemon.stop();
    // Without a daemon the command does the work itself.
    let proxy = Proxy::before(his.port, Network::Refuse);
    site.config["database"] = his.section_at(proxy.port);
    let daemon = site.start();
    daemon.accept(&visit(2, "new"));
    site.cli(&["sync", "--now"]).assert_code(69);
    daemon.stop();
    site.config["database"] = his.section();
    site.cli(&["sync", "--now"]).assert_code(0);
    assert_eq!(his.rows("SELECT id FROM visits ORDER BY id"), ["1", "2"]);
}

#[test]
fn status_is_honest_without_a_daemon_a_queue_or_a_his() {
    let his = His::with(VISITS);
    let mut site = Site::new(his.section()).mapping(visits());
    // Before the first start there is no queue; asking makes none.
    let done = site.cli(&["status"]);
    assert!(!done.stderr.contains("panicked"), "{done:?}");
    assert!(!site.path("queue.db").exists(), "status made a queue file");
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    site.wait_count("applied", 1);
    let text = site.cli(&["status"]);
    assert!(text.stdout.contains("applied"), "{text:?}");
    daemon.stop();
    site.config["database"]["port"] = json!(free_port());
    let daemon = site.start();
    daemon.accept(&visit(2, "new"));
    wait_until("status tells that the HIS is away", || {
        let status: Value = serde_json::from_str(&site.cli(&["status", "--json"]).stdout).unwrap();
        let his = status["his"].to_string().to_lowercase();
        status["queue"]["states"]["pending"] == 1 && (his.contains("false") || his.contains("down"))
    });
}

#[test]
fn the_command_line_is_refused_with_usage() {
    for args in [
        &["--no-such-flag"] as &[&str],
        &["no-such-command"],
        &["events"],
        &["events", "retry"],
        &["sync", "--later"],
    ] {
        let done = bare(args);
        assert_eq!(done.code, 2, "{args:?}: {done:?}");
        assert!(done.stdout.is_empty() && !done.stderr.is_empty(), "{args:?}: {done:?}");
    }
    assert!(bare(&["--help"]).assert_code(0).contains("buktor-middleware"));
    assert!(bare(&["--version"]).assert_code(0).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_generated() {
    let man = bare(&["generate", "man"]);
    man.assert_code(0);
    assert!(man.stdout.contains(".TH") && man.stdout.contains("buktor"), "{}", man.stdout);
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let done = bare(&["generate", "completions", shell]);
        done.assert_code(0);
        assert!(done.stdout.contains("buktor-middleware"), "{shell}: {}", done.stdout);
    }
    let schema = bare(&["generate", "schema"]);
    schema.assert_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    for section in ["server", "auth", "queue", "sync", "database", "mapping", "logging"] {
        assert!(schema["properties"][section].is_object(), "the schema has no {section}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    for number in 0..300 {
        daemon.accept(&visit(number, "new"));
    }
    let mut command = executable(Path::new(EXECUTABLE));
    command
        .args(["events", "list", "--state", "all", "--limit", "300", "--json", "--config"])
        .arg(site.write_config());
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(0), true), "{output:?}");
}
