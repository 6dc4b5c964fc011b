//! Queue files of earlier versions (tests/fixtures/queue): each opens, whole, and goes on where it was left.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, EXECUTABLE, Site, executable, signal},
    seed::Run,
    wait_equal,
};

/// Each file, and whether its version knew generated keys.
const FILES: [(&str, bool); 7] = [
    ("layout-1a", false),
    ("layout-1b", false),
    ("layout-1c", true),
    ("layout-1d", true),
    ("layout-1e", true),
    ("layout-2", true),
    ("layout-3", true),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/queue").join(name)
}

/// A site with a copy of the file, and the HIS that the file's events were for.
fn site(name: &str, links: bool) -> (Site, Connection) {
    let mut site = Site::new(json!({}));
    let his = Connection::open(site.path("his.db")).unwrap();
    his.execute_batch(
        "CREATE TABLE HIS_appointments (ID INTEGER PRIMARY KEY, STATUS VARCHAR(10) NOT NULL CHECK (length(STATUS) < 11));
         CREATE TABLE VISITS (VISIT_NO INTEGER PRIMARY KEY AUTOINCREMENT, PATIENT VARCHAR(20));
         INSERT INTO HIS_appointments VALUES (1, 'new'), (2, 'new'), (3, 'new'), (4, 'new'), (5, 'new'), (7, 'noid');
         INSERT INTO VISITS VALUES (1, 'Kim'), (2, 'Kim'), (3, 'Kim');",
    )
    .unwrap();
    site.config["database"] = json!({"type": "sqlite", "path": site.path("his.db").to_str().unwrap()});
    let mut mapping = json!({"appointment": {
        "table": "HIS_appointments", "key": "id", "fields": {"id": "ID", "status": "STATUS"}}});
    if links {
        mapping["visit"] = json!({
            "table": "VISITS", "key": "visit_id", "generated_key": "VISIT_NO", "fields": {"patient": "PATIENT"}});
    }
    site.config["mapping"] = mapping;
    fs::copy(fixture(&format!("{name}.db")), site.path("queue.db")).unwrap();
    // As if it had been used today, or retention would erase what is looked for; and with the HIS that is here.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let queue = Connection::open(site.path("queue.db")).unwrap();
    queue
        .execute_batch(&format!(
            "UPDATE entity SET touched_at = {now}; UPDATE event SET settled_at = {now} WHERE settled_at IS NOT NULL"
        ))
        .unwrap();
    if links {
        let place = format!("sqlite {}", site.path("his.db").display());
        queue.execute("UPDATE meta SET links_of = ?1 WHERE links_of IS NOT NULL", [place]).unwrap();
    }
    drop(queue);
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/queue/{name}.key"));
    if key.exists() {
        site.merge(json!({"queue": {"encrypt": true}}));
        fs::copy(key, site.path("queue.key")).unwrap();
    }
    (site, his)
}

fn statuses(his: &Connection) -> Vec<String> {
    let mut statement = his.prepare("SELECT ID || ' ' || STATUS FROM HIS_appointments ORDER BY ID").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The daemon says that it has it already.
fn again(daemon: &Daemon, event: &Value, duplicate: bool) {
    let answer = daemon.accept(event);
    assert_eq!(answer["duplicate"] == true, duplicate, "{event}: {answer}");
}

fn check(name: &str, links: bool) {
    let (site, his) = site(name, links);
    let (applied, all) = if links { (9, 17) } else { (6, 14) };
    let daemon = site.start();
    site.wait_count("applied", applied + 4);
    for (state, count) in [("pending", 0), ("conflict", 1), ("parked", 1), ("unmapped", 1), ("stale", 1)] {
        assert_eq!(site.count(state), count, "{name}: {state}");
    }
    wait_equal("rows", &10, || statuses(&his).len());
    assert_eq!(
        statuses(&his),
        ["1 new", "2 new", "3 new", "4 new", "5 new", "7 noid", "11 late", "12 late", "13 late", "14 late"]
    );
    let appointment = |number: u32, status: &str| json!({"event_id": format!("a{number}"), "type": "appointment", "id": number, "status": status});
    again(&daemon, &appointment(11, "late"), true);
    again(&daemon, &appointment(1, "other"), true);
    again(&daemon, &appointment(6, "much too long a status"), true);
    again(&daemon, &json!({"event_id": "u1", "type": "lab", "text": "x".repeat(9000)}), true);
    again(&daemon, &appointment(12, "else"), false);
    assert_eq!(site.count("conflict"), 2);
    // What was written into a record is remembered, but for the first shape, which knew records by other names.
    if name != "layout-1a" {
        daemon.accept(&json!({"event_id": "old", "type": "appointment", "id": 3, "status": "older",
            "timestamp": "2026-01-01T00:00:00Z"}));
        site.wait_state("old", "stale");
    }
    if links {
        daemon.accept(&json!({"event_id": "v2b", "type": "visit", "visit_id": "V2", "patient": "Kimberley"}));
        site.wait_state("v2b", "applied");
        let found: (i64, String) = his
            .query_row("SELECT count(*), max(PATIENT) FROM VISITS", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(found, (3, "Kimberley".to_owned()), "{name}: the link is known");
    }
    let shown = site.json(&["events", "show", "u1", "--json"]);
    assert_eq!(
        shown["body"].as_str().unwrap().len(),
        9000 + r#"{"event_id":"u1","type":"lab","text":""}"#.len()
    );
    assert!(site.json(&["events", "show", "a6", "--json"])["error"].as_str().unwrap().len() > 10, "{name}");
    let listed = site.json(&["events", "list", "--state", "all", "--limit", "99", "--json"]);
    assert!(listed.as_array().unwrap().len() >= all, "{name}");
    daemon.stop();
    let queue = Connection::open(site.path("queue.db")).unwrap();
    for (pragma, expected) in [("integrity_check", "ok"), ("user_version", "3"), ("auto_vacuum", "2")] {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let found: String = queue.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "{name}: {pragma}");
    }
}

#[test]
fn a_file_of_any_earlier_version_goes_on_where_it_was_left() {
    for (name, links) in FILES {
        check(name, links);
    }
}

/// The layout of a sound file, and how many events have the digest that they had in layout 1.
fn layout(path: &Path) -> (i64, i64) {
    let queue = Connection::open(path).unwrap();
    let sound: String = queue.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let layout = queue.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let plain = "SELECT count(*) FROM event WHERE digest = CAST(printf('%016d', seq) AS BLOB)";
    (layout, queue.query_row(plain, [], |row| row.get(0)).unwrap())
}

#[test]
fn a_migration_that_is_killed_leaves_one_layout_or_the_other() {
    let run = Run::new("migration", Duration::from_secs(10));
    let mut random = run.rng(1);
    let (site, _) = site("layout-1e", true);
    let path = site.path("queue.db");
    let queue = Connection::open(&path).unwrap();
    queue
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 10099)
             INSERT INTO event (seq, state, received_at, settled_at, event_id, kind, digest, body)
             SELECT i, 8, 1, 1900000000000000, 'n' || i, 'appointment', CAST(printf('%016d', i) AS BLOB), x'7b7d' FROM n",
        )
        .unwrap();
    drop(queue);
    // To begin with the old layout again.
    let before = site.path("before.db");
    fs::copy(&path, &before).unwrap();
    let (mut old, mut new) = (0, 0);
    while run.goes_on() {
        let mut daemon = executable(Path::new(EXECUTABLE));
        daemon.arg("run").arg("--config").arg(site.write_config());
        let mut child = daemon.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.u64(5..1000)));
        signal(child.id(), "KILL");
        child.wait().unwrap();
        let (layout, plain) = layout(&path);
        if layout == 1 {
            old += 1;
            assert_eq!(plain, 10_000);
        } else {
            new += 1;
            assert_eq!((layout, plain), (3, 0));
            if run.goes_on() {
                for end in ["", "-wal", "-shm"] {
                    drop(fs::remove_file(site.path(&format!("queue.db{end}"))));
                }
                fs::copy(&before, &path).unwrap();
            }
        }
    }
    run.total("kills in a migration that left the old layout", old);
    run.total("kills in and after a migration that left the new layout", new);
    let daemon = site.start();
    site.wait_count("applied", 10_013);
    daemon.stop();
}
