//! Backups of the queue file and their way back, with the executable as it is run: nothing lost of what the backup has, and
//! nothing written into the HIS twice.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, EXECUTABLE, Site, executable},
    wait_until,
};

/// A table that numbers its rows and has no room for an id of Buktor's; one that has; one with the sender's own key.
const TABLES: &str = "
    CREATE TABLE slot (sid INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT, status TEXT);
    CREATE TABLE marked (mid INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT, status TEXT, ref VARCHAR(40));
    CREATE TABLE visit (id INTEGER PRIMARY KEY, status TEXT);
    CREATE TABLE once (id INTEGER PRIMARY KEY, status TEXT);
    CREATE TABLE journal (jid INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT);
    CREATE TABLE marked_journal (jid INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT, ref VARCHAR(40));";

fn mapping() -> Value {
    let generated = |table: &str, key: &str| json!({ "table": table, "generated_key": key, "key": "id", "fields": { "day": "day", "status": "status" } });
    let mut marked = generated("marked", "mid");
    marked["marker"] = json!("ref");
    let keyed = |table: &str, action: &str| json!({ "table": table, "action": action, "key": "id", "fields": { "id": "id", "status": "status" } });
    json!({
        "slot": generated("slot", "sid"),
        "marked": marked,
        "visit": keyed("visit", "upsert"),
        "once": keyed("once", "insert"),
        "journal": { "table": "journal", "action": "insert", "fields": { "status": "status" } },
        "marked_journal": { "table": "marked_journal", "action": "insert", "fields": { "status": "status" }, "marker": "ref" },
    })
}

const KINDS: [&str; 6] = ["slot", "marked", "visit", "once", "journal", "marked_journal"];

/// A site on an embedded HIS that writes only when it is told to.
struct Place {
    site: Site,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let his = folder.path().join("his.db");
        Connection::open(&his).unwrap().execute_batch(TABLES).unwrap();
        let site = Site::new(json!({"type": "sqlite", "path": his.to_str().unwrap()}))
            .mapping(mapping())
            .with(json!({"sync": {"schedule": "0 0 0 1 1 *"}}));
        Self { site, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cli(&self, args: &[&str]) -> String {
        self.site.cli(args).assert_code(0)
    }

    fn backup(&self, name: &str) -> String {
        let path = self.path(name);
        self.cli(&["backup", path.to_str().unwrap()])
    }

    fn restore(&self, name: &str) -> String {
        let path = self.path(name);
        self.cli(&["restore", "--yes", path.to_str().unwrap()])
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path("his.db")).unwrap().execute_batch(sql).unwrap();
    }

    fn rows(&self, table: &str) -> u32 {
        let his = Connection::open(self.path("his.db")).unwrap();
        his.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Has all that waits written, and gives where the event of each kind stands, with its cause.
    fn written(&self, id: impl Fn(&str) -> String) -> Vec<(String, String)> {
        self.site.cli(&["sync", "--now"]);
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let stands = |kind: &str| {
            let event = self.site.event(&id(kind));
            (text(&event["state"]), text(&event["cause"]))
        };
        KINDS.iter().map(|kind| stands(kind)).collect()
    }
}

fn event(kind: &str, id: &str, key: u32) -> Value {
    json!({ "event_id": id, "type": kind, "timestamp": "2025-03-01T10:00:00Z",
            "data": { "id": key, "day": "2025-03-10", "status": "new" } })
}

fn accept_all(daemon: &Daemon, id: impl Fn(&str) -> String, key: u32) {
    for kind in KINDS {
        daemon.accept(&event(kind, &id(kind), key));
    }
}

/// Where events stand after a restoration that were written before it: what nothing tells again waits for an operator.
fn settled_without_doubling() -> Vec<(String, String)> {
    let settled = [
        ("parked", "after-restore"),
        ("applied", ""),
        ("applied", ""),
        ("applied", ""),
        ("parked", "after-restore"),
        ("applied", ""),
    ];
    settled.map(|(state, cause)| (state.to_owned(), cause.to_owned())).into()
}

/// The backup has the events as pending; they are written after it was made.
#[test]
fn what_was_written_after_the_backup_is_not_written_twice() {
    let place = Place::new();
    let id = |kind: &str| format!("{kind}-1");
    let daemon = place.site.start();
    accept_all(&daemon, id, 1);
    let said = place.backup("copy.db");
    assert!(said.contains("6 events (6 pending)"), "{said}");
    let applied = vec![("applied".to_owned(), String::new()); 6];
    assert_eq!(place.written(id), applied);
    daemon.stop();
    let said = place.restore("copy.db");
    for words in ["6 pending", "6 applied", "before-restore-", "are not in the backup"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let daemon = place.site.start();
    assert_eq!(place.written(id), settled_without_doubling());
    for kind in KINDS {
        assert_eq!(place.rows(kind), 1, "{kind}");
    }
    // The operator finds the row of the one, and that the other's is not there.
    let shown = place.site.json(&["events", "show", "slot-1", "--json"]);
    let words = shown["error"].as_str().unwrap();
    assert!(words.contains("events link slot \"1\" --to") && words.contains("marker"), "{words}");
    place.cli(&["events", "link", "slot", "1", "--to", "1", "--yes"]);
    place.sql("DELETE FROM journal");
    place.cli(&["events", "retry", "slot-1", "journal-1"]);
    assert_eq!(place.written(id), applied);
    for kind in KINDS {
        assert_eq!(place.rows(kind), 1, "{kind}");
    }
    daemon.stop();
}

/// The backup knows nothing of the events; Buktor sends them again.
#[test]
fn what_is_sent_again_after_a_restoration_is_not_written_twice() {
    let place = Place::new();
    let id = |kind: &str| format!("{kind}-2");
    let daemon = place.site.start();
    daemon.accept(&event("visit", "before", 9));
    place.backup("copy.db");
    accept_all(&daemon, id, 2);
    place.written(id);
    daemon.stop();
    place.restore("copy.db");
    let daemon = place.site.start();
    accept_all(&daemon, id, 2);
    assert_eq!(place.written(id), settled_without_doubling());
    for kind in KINDS {
        assert_eq!(place.rows(kind), if kind == "visit" { 2 } else { 1 }, "{kind}");
    }
    // What is new is new: nobody is asked.
    let at = chrono::Utc::now() + chrono::TimeDelta::minutes(5);
    let mut fresh = event("slot", "fresh", 3);
    fresh["timestamp"] = json!(at.to_rfc3339());
    daemon.accept(&fresh);
    place.cli(&["sync", "--now"]);
    assert_eq!(place.site.event("fresh")["state"], "applied");
    assert_eq!(place.rows("slot"), 2);
    daemon.stop();
}

/// Events without an id have one that is made of their place, and a mark in the HIS that is made of that.
#[test]
fn no_place_is_given_twice() {
    let place = Place::new();
    let send = |daemon: &Daemon, status: &str| {
        let event = json!({ "type": "marked_journal", "timestamp": "2030-01-01T00:00:00Z", "data": { "status": status } });
        daemon.accept(&event)
    };
    let daemon = place.site.start();
    send(&daemon, "a");
    place.cli(&["sync", "--now"]);
    place.backup("copy.db");
    let lost = send(&daemon, "b");
    place.cli(&["sync", "--now"]);
    daemon.stop();
    place.restore("copy.db");
    let daemon = place.site.start();
    assert_ne!(send(&daemon, "c"), lost);
    place.cli(&["sync", "--now"]);
    assert_eq!(place.rows("marked_journal"), 3);
    daemon.stop();
}

#[test]
fn a_restoration_asks_and_refuses() {
    let place = Place::new();
    let daemon = place.site.start();
    daemon.accept(&event("visit", "a", 1));
    place.backup("copy.db");
    let copy = place.path("copy.db");
    let copy = copy.to_str().unwrap();
    let done = place.site.cli(&["backup", copy]);
    assert!(done.assert_code(1).contains("is not overwritten"), "{done:?}");
    let done = place.site.cli(&["restore", "--yes", copy]);
    assert!(done.assert_code(1).contains("stop that one first"), "{done:?}");
    daemon.stop();
    let done = place.site.cli(&["restore", copy]);
    assert!(done.assert_code(2).contains("--yes"), "{done:?}");
    let said = place.site.cli(&["restore", "--yes", "/etc/passwd"]).assert_code(1);
    assert!(said.contains("cannot be restored") && said.contains("nothing was changed"), "{said}");
    assert!(!place.site.path("queue.db.restoring").exists());
    assert_eq!(place.site.count("pending"), 1);
    let trail = place.site.json(&["audit", "--json"]);
    let actions: Vec<&str> =
        trail.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["backup", "received"]);
    place.restore("copy.db");
    let trail = place.site.json(&["audit", "--json"]);
    assert_eq!(trail[0]["action"], "restore", "{trail}");
}

fn events_in(path: &Path) -> u32 {
    let queue = Connection::open(path).unwrap();
    let whole: String = queue.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    queue.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap()
}

/// Whenever it is killed, the one file is there or the other, whole.
#[test]
fn a_restoration_that_is_killed_leaves_the_one_or_the_other() {
    let place = Place::new();
    let daemon = place.site.start();
    for number in 0..50 {
        daemon.accept(&event("visit", &format!("e{number}"), number));
    }
    place.backup("fifty.db");
    for number in 50..80 {
        daemon.accept(&event("visit", &format!("e{number}"), number));
    }
    place.backup("eighty.db");
    daemon.stop();
    let queue = place.site.path("queue.db");
    let (mut seen, mut stands) = ([0_u32; 2], 80);
    let began = std::time::Instant::now();
    place.restore("eighty.db");
    let takes = began.elapsed().max(Duration::from_millis(20));
    let mut kills = 0;
    while kills < 40 || (seen.contains(&0) && kills < 400) {
        let (name, next) = if stands == 80 { ("fifty.db", 50) } else { ("eighty.db", 80) };
        let mut command = executable(Path::new(EXECUTABLE));
        command
            .args(["restore", "--yes"])
            .arg(place.path(name))
            .arg("--config")
            .arg(place.site.write_config());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(takes.mul_f64(fastrand::f64() * 1.1));
        child.kill().ok();
        child.wait().unwrap();
        kills += 1;
        let found = events_in(&queue);
        assert!([stands, next].contains(&found), "{found} after {kills} kills");
        seen[usize::from(found == next)] += 1;
        stands = found;
        for file in fs::read_dir(place.site.path(".")).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // One name more than is needed is no harm; the next one cleans up what was unfinished.
            if name.contains(".before-restore-") && !name.ends_with("-wal") && !name.ends_with("-shm") {
                assert!([50, 80].contains(&events_in(&path)), "{name}");
                fs::remove_file(path).unwrap();
            }
        }
    }
    place.restore("fifty.db");
    let daemon = place.site.start();
    wait_until("the restored file works", || place.site.count("pending") == 50);
    daemon.stop();
}

#[test]
fn an_encrypted_queue_is_backed_up_sealed() {
    let mut place = Place::new();
    place.site.merge(json!({"queue": {"encrypt": true}}));
    let daemon = place.site.start();
    let mut secret = event("visit", "a", 1);
    secret["data"]["status"] = json!("Asha-Nair-secret");
    daemon.accept(&secret);
    let said = place.backup("copy.db");
    assert!(said.contains("key (queue.key) is NOT in it"), "{said}");
    let copy = fs::read(place.path("copy.db")).unwrap();
    assert!(!copy.windows(16).any(|bytes| bytes == b"Asha-Nair-secret"));
    daemon.stop();
    let (key, aside) = (place.site.path("queue.key"), place.site.path("key.aside"));
    fs::rename(&key, &aside).unwrap();
    let copy = place.path("copy.db");
    let said = place.site.cli(&["restore", "--yes", copy.to_str().unwrap()]).assert_code(1);
    assert!(said.contains("the key of when the backup was made"), "{said}");
    fs::rename(&aside, &key).unwrap();
    place.restore("copy.db");
    let daemon = place.site.start();
    place.cli(&["sync", "--now"]);
    assert_eq!(place.site.event("a")["state"], "applied");
    daemon.stop();
}
