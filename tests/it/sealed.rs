//! The payload at rest, by the real executable: encrypted, with another key, erased; and killed in all of it.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    daemon::{EXECUTABLE, Site, executable, finish, signal},
    mariadb::free_port,
    seed::Run,
};

/// A text that stands nowhere but in the events of this test.
const MARK: &str = "Haldol-0815-Wisniewska";

fn site() -> Site {
    // The HIS is away, so that everything stays in the queue.
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    Site::new(section).mapping(json!({"visit": {"table": "visits", "fields": {"visit_id": "id"}}}))
}

fn visit(number: u32) -> Value {
    json!({"event_id": format!("v{number}"), "event_type": "visit", "visit_id": number, "text": MARK.repeat(30)})
}

fn found(site: &Site) -> usize {
    let all: Vec<u8> = ["queue.db", "queue.db-wal", "queue.db-shm", "queue.db-journal"]
        .iter()
        .flat_map(|name| fs::read(site.path(name)).unwrap_or_default())
        .collect();
    all.windows(MARK.len()).filter(|window| *window == MARK.as_bytes()).count()
}

/// The command is killed after some milliseconds; gives whether it had ended by itself.
fn killed(site: &Site, args: &[&str], after: u64) -> bool {
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(args).arg("--config").arg(site.write_config());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(after));
    let ended = child.try_wait().unwrap().is_some_and(|status| status.success());
    signal(child.id(), "KILL");
    child.wait().unwrap();
    ended
}

#[test]
fn encryption_is_turned_on_and_off_and_told() {
    let mut site = site();
    let words = |site: &Site| site.json(&["status", "--json"])["queue"]["at_rest"].clone();
    let daemon = site.start();
    for number in 0..300 {
        daemon.accept(&visit(number));
    }
    assert_eq!(words(&site), "not encrypted");
    let log = daemon.stop();
    assert!(found(&site) > 0);
    site.merge(json!({"queue": {"encrypt": true}}));
    let daemon = site.start();
    crate::support::wait_equal("encrypted", &json!("encrypted"), || words(&site));
    // Housekeeping empties the log once it is done.
    crate::support::wait_equal("marks", &0, || found(&site));
    assert_eq!(daemon.accept(&visit(7))["duplicate"], true);
    let shown = site.json(&["events", "show", "v7", "--json"]);
    assert!(shown["body"].as_str().unwrap().contains(MARK));
    let key = fs::read_to_string(site.path("queue.key")).unwrap();
    let log = log + &daemon.kill() + &site.log();
    assert!(!log.contains(MARK) && !log.contains(key.trim()), "in the log");
    assert_eq!(found(&site), 0);
    site.merge(json!({"queue": {"encrypt": false}}));
    let daemon = site.start();
    crate::support::wait_equal("plain", &json!("not encrypted"), || words(&site));
    assert!(found(&site) > 0);
    daemon.stop();
}

#[test]
fn a_missing_key_is_told_by_every_command() {
    let mut site = site();
    site.merge(json!({"queue": {"encrypt": true}}));
    let daemon = site.start();
    daemon.accept(&visit(1));
    daemon.stop();
    fs::rename(site.path("queue.key"), site.path("away")).unwrap();
    let mut run = executable(Path::new(EXECUTABLE));
    run.arg("run").arg("--config").arg(site.write_config());
    let done = finish(run, "");
    assert_ne!(done.code, 0);
    for word in ["queue.key", "is missing", "backup", "never delete"] {
        assert!(done.stderr.contains(word), "{word}: {done:?}");
    }
    assert!(site.cli(&["check"]).stdout.contains("is missing"));
    assert!(site.cli(&["events", "show", "v1"]).stderr.contains("is missing"));
    assert_eq!(site.count("pending"), 1);
    assert!(site.cli(&["status"]).assert_code(0).contains("THEIR KEY IS LOST: the key file"));
    assert_ne!(site.cli(&["queue", "rekey"]).code, 0);
    assert!(!site.path("queue.key").exists());
}

#[test]
fn a_change_of_the_key_that_is_killed_leaves_every_event_readable() {
    let run = Run::new("rekey", Duration::from_secs(15));
    let mut random = run.rng(1);
    let mut site = site();
    site.merge(json!({"queue": {"encrypt": true}}));
    let daemon = site.start();
    for number in 0..1500 {
        daemon.accept(&visit(number));
    }
    assert!(site.cli(&["queue", "rekey"]).stderr.contains("stop that one first"));
    daemon.stop();
    let first = fs::read(site.path("queue.key")).unwrap();
    let (mut cut, mut through) = (0, 0);
    while run.goes_on() || cut < 3 {
        if killed(&site, &["queue", "rekey"], random.u64(5..700)) {
            through += 1;
        } else {
            cut += 1;
        }
        let shown = site.json(&["events", "show", &format!("v{}", random.u32(0..1500)), "--json"]);
        assert!(shown["body"].as_str().unwrap().contains(MARK));
        if random.u8(0..4) == 0 {
            let daemon = site.start();
            assert_eq!(daemon.accept(&visit(3))["duplicate"], true);
            daemon.kill();
        }
    }
    run.total("kills in a change of the queue's key survived", cut);
    run.total("changes of the queue's key that went through", through);
    assert!(site.cli(&["queue", "rekey"]).assert_code(0).contains("1500 events"));
    assert!(fs::read(site.path("queue.key")).unwrap() != first);
    assert!(!site.path("queue.key.new").exists());
    let daemon = site.start();
    assert_eq!(site.count("pending"), 1500);
    assert_eq!(daemon.accept(&visit(1499))["duplicate"], true);
    assert_eq!(found(&site), 0);
    daemon.stop();
    let before = fs::metadata(site.path("queue.db")).unwrap().len();
    assert!(site.cli(&["queue", "compact"]).assert_code(0).contains("KiB now"));
    assert!(fs::metadata(site.path("queue.db")).unwrap().len() <= before);
}
