//! `check` against real tables, logins and servers: what a hospital's IT reads before anything is lost, and that exactly the
//! privileges that it asks for are enough.

use serde_json::{Value, json};

use crate::support::{
    daemon::{Finished, Site},
    mariadb::{His, Server},
    tables::{VISITS, visits},
};

/// Tables that are written in every way there is, one of them with a counter that the login need not touch.
const TABLES: &str = "
    CREATE TABLE visits (
        id INT NOT NULL PRIMARY KEY, status VARCHAR(10), note VARCHAR(40), made_at DATETIME, secret VARCHAR(40));
    CREATE TABLE bookings (
        no INT AUTO_INCREMENT PRIMARY KEY, buktor_id VARCHAR(20) COLLATE utf8mb4_bin NOT NULL UNIQUE,
        amount DECIMAL(10,2), secret VARCHAR(40));
    CREATE TABLE doctors (id INT NOT NULL PRIMARY KEY, name VARCHAR(40));
    CREATE TABLE log (event VARCHAR(40), kind VARCHAR(40));";

fn mapping() -> Value {
    json!({
        "visit": {
            "table": "visits",
            "fields": {
                "visit_id": "id", "status": "status", "note": { "column": "note", "write": "if_null" },
                "received_at": "made_at",
            },
            "on": { "deleted": { "action": "delete" } },
        },
        "booking": {
            "table": "bookings", "action": "insert", "fields": { "booking_id": "buktor_id", "amount": "amount" },
        },
        "doctor": { "table": "doctors", "action": "update", "fields": { "doctor_id": "id", "name": "name" } },
        "log": { "table": "log", "action": "insert", "fields": { "event_id": "event", "event_type": "kind" } },
    })
}

/// A login that may see the tables' columns and nothing else.
fn strip(his: &His) {
    his.sql(&format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {0}@'%'; GRANT REFERENCES ON {0}.* TO {0}@'%'",
        his.name
    ));
}

fn said(done: &Finished, expected: &[&str]) {
    for words in expected {
        assert!(done.stdout.contains(words), "{words:?} is not in {}", done.stdout);
    }
}

#[test]
fn exactly_the_printed_grants_are_enough() {
    let his = His::with(TABLES);
    strip(&his);
    let site = Site::new(his.section()).mapping(mapping());
    let before = site.cli(&["check"]);
    before.assert_code(1);
    said(
        &before,
        &[
            "PROBLEM",
            "lacks privileges on",
            ".visits: SELECT (id, note), INSERT (id, made_at, note, status), UPDATE (id, note, status), DELETE.",
        ],
    );
    let printed = site.cli(&["check", "--grants"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""), "{printed:?}");
    let name = &his.name;
    let expected = [
        ("SELECT (`buktor_id`), INSERT (`amount`, `buktor_id`)", "bookings"),
        ("SELECT (`id`), UPDATE (`id`, `name`)", "doctors"),
        ("INSERT (`event`, `kind`)", "log"),
        (
            "SELECT (`id`, `note`), INSERT (`id`, `made_at`, `note`, `status`), UPDATE (`id`, `note`, `status`), DELETE",
            "visits",
        ),
    ]
    .map(|(what, table)| format!("GRANT REFERENCES, {what} ON `{name}`.`{table}` TO '{name}'@'%';"));
    assert_eq!(printed.stdout.lines().collect::<Vec<_>>(), expected);
    // What is missing stands in the report, each statement alone on its line, ready to be copied; here all but REFERENCES.
    for statement in &expected {
        let missing = statement.replace("REFERENCES, ", "");
        assert!(before.stdout.lines().any(|line| line == missing), "{missing} is not in {}", before.stdout);
    }

    his.sql(&format!("REVOKE REFERENCES ON {name}.* FROM {name}@'%'; {}", printed.stdout));
    let after = site.cli(&["check"]);
    assert!(
        !after.assert_code(0).contains("privilege") && after.stdout.contains("\n0 problems"),
        "{after:?}"
    );
    // The catalog shows it the columns that it may not touch: the counter, for one.
    assert!(!after.stdout.contains("GRANT"), "{after:?}");
    assert_eq!(site.cli(&["check", "--grants"]).stdout, printed.stdout);

    his.sql("INSERT INTO doctors VALUES (1, 'old'), (2, 'old')");
    let daemon = site.start();
    for number in 1..40 {
        daemon.accept(&json!({"event_type": "visit", "visit_id": number, "status": "new", "note": "first"}));
        daemon
            .accept(&json!({"event_type": "booking", "booking_id": format!("b{number}"), "amount": "1.50"}));
        daemon.accept(&json!({"event_type": "log", "event_id": format!("l{number}")}));
    }
    daemon.accept(&json!({"event_type": "visit", "visit_id": 1, "status": "seen", "note": "second"}));
    daemon.accept(&json!({"event_type": "visit", "visit_id": 2}));
    daemon.accept(&json!({"event_type": "visit", "operation": "deleted", "visit_id": 3}));
    daemon.accept(&json!({"event_type": "doctor", "doctor_id": 1, "name": "new"}));
    daemon.accept(&json!({"event_type": "doctor", "doctor_id": 2}));
    site.wait_count("applied", 39 * 3 + 5);
    his.wait_rows(
        "SELECT id, status, note FROM visits WHERE id < 5",
        &["1\tseen\tfirst", "2\tnew\tfirst", "4\tnew\tfirst"],
    );
    his.wait_rows("SELECT COUNT(*), MAX(amount) FROM bookings", &["39\t1.50"]);
    his.wait_rows("SELECT name FROM doctors ORDER BY id", &["new", "old"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM log"), 39);
}

#[test]
fn privileges_that_come_by_table_database_or_role_count() {
    let his = His::with(VISITS);
    let name = &his.name;
    let site = Site::new(his.section()).mapping(visits());
    let check = |what: &str, grants: &str, code: i32| {
        his.sql(&format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name}@'%'; {grants}"));
        let done = site.cli(&["check"]);
        assert_eq!(done.code, code, "{what}: {done:?}");
        assert_eq!(done.stdout.contains("lacks privileges"), code == 1, "{what}: {done:?}");
    };
    check("table", &format!("GRANT SELECT, INSERT, UPDATE ON {name}.visits TO {name}@'%'"), 0);
    check("no UPDATE", &format!("GRANT SELECT, INSERT ON {name}.visits TO {name}@'%'"), 1);
    let pattern = name.replace('_', "\\_");
    check("database, as a pattern", &format!("GRANT ALL PRIVILEGES ON `{pattern}`.* TO {name}@'%'"), 0);
    check("everything", &format!("GRANT SELECT, INSERT, UPDATE ON *.* TO {name}@'%'"), 0);
    let role = format!("r{name}");
    let grants = format!(
        "CREATE ROLE {role}; GRANT SELECT, INSERT, UPDATE ON {name}.* TO {role}; GRANT {role} TO {name}@'%'; \
         SET DEFAULT ROLE {role} FOR {name}@'%'"
    );
    check("a role", &grants, 0);
    his.sql(&format!("DROP ROLE {role}"));
    // Columns alone, and no sight of the others.
    let columns = "SELECT (id), INSERT (id, status), UPDATE (id, status)";
    his.sql(&format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name}@'%'; GRANT {columns} ON {name}.visits TO {name}@'%'"
    ));
    let done = site.cli(&["check"]);
    said(
        &done,
        &[
            "has no column note",
            "the login sees only the columns that it may use",
            &format!("GRANT REFERENCES ON `{name}`.`visits` TO '{name}'@'%';"),
        ],
    );
    // The list is not whole, and says so where it does not disturb.
    let printed = site.cli(&["check", "--grants"]);
    assert_eq!(printed.code, 1, "{printed:?}");
    assert!(
        printed.stdout.starts_with("GRANT REFERENCES ON") && printed.stderr.contains("not in this list"),
        "{printed:?}"
    );

    his.sql(&format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name}@'%'; GRANT SELECT ON {name}.* TO {name}@'%'"
    ));
    let done = site.cli(&["check", "--json"]);
    let report: Value = serde_json::from_str(&done.assert_code(1)).unwrap();
    let missing = format!(
        "GRANT INSERT (`id`, `note`, `status`), UPDATE (`id`, `note`, `status`) ON `{name}`.`visits` TO '{name}'@'%';"
    );
    assert_eq!(report["missing_grants"], json!([missing]));
    assert_eq!(report["grants"].as_array().unwrap().len(), 1);
    // The daemon says it, too; the event waits, and goes on when it is granted.
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "v1", "event_type": "visit", "visit_id": 1, "status": "new"}));
    site.wait_state("v1", "paused");
    assert!(site.log().contains("lacks privileges on"), "{}", site.log());
    his.sql(&missing);
    site.wait_state("v1", "applied");
}

#[test]
fn tables_are_looked_at_closely() {
    let his = His::with(
        "CREATE TABLE plain (
            code VARCHAR(10) NOT NULL UNIQUE, stamp VARCHAR(10), made INT, day DATE, note VARCHAR(10) CHARACTER SET latin1,
            flag VARCHAR(5) NOT NULL);
         CREATE TABLE loose (id INT, label VARCHAR(20), UNIQUE (id), UNIQUE (label(5)), INDEX (label)) ENGINE = MyISAM;
         CREATE TRIGGER audit AFTER INSERT ON loose FOR EACH ROW SET @x = 1;
         CREATE TRIGGER other BEFORE DELETE ON loose FOR EACH ROW SET @x = 1;
         CREATE VIEW seen AS SELECT code, note FROM plain;
         CREATE VIEW sums AS SELECT note, COUNT(*) AS n FROM plain GROUP BY note",
    );
    let site = Site::new(his.section()).mapping(json!({
        "plain": {
            "table": "plain",
            "fields": {
                "plain_id": "code", "$received_at": "stamp", "updated_at": "made", "event_type": "day", "note": "note",
            },
        },
        "loose": { "table": "loose", "fields": { "loose_id": "id", "label": "label" } },
        "label": { "table": "loose", "key": "label", "fields": { "label": "label" } },
        "seen": { "table": "seen", "fields": { "seen_id": "code" } },
        "sums": { "table": "sums", "fields": { "sums_id": "note" } },
    }));
    let done = site.cli(&["check"]);
    done.assert_code(1);
    said(
        &done,
        &[
            "$received_at cannot go into",
            "it has 19 characters, 10 fit",
            "updated_at cannot go into",
            "a date and time is no number",
            "event_type cannot go into",
            "flag (varchar(5)) must be filled in every new row",
            "the key code of",
            "takes A1 and a1 for the same",
            "cannot hold letters beyond Western European ones",
            "has the engine MyISAM, which has no transactions",
            "has the trigger audit AFTER INSERT:",
            "a unique index on (id)",
            "is not safe (it takes NULLs, or parts of values or rows); the key (from the event's name) must be unique, or an \
             event that matches several rows is parked\n",
            "a unique index on (label)",
            ".seen is a view:",
            ".sums is a view that rows cannot be written through",
        ],
    );
    assert_eq!(done.stdout.matches("MyISAM").count(), 1, "{done:?}");
    assert!(!done.stdout.contains("other BEFORE DELETE"), "{done:?}");
}

#[test]
fn what_the_server_is_set_to_is_told() {
    let mut server = Server::private();
    let his = server.database();
    his.sql(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let before = site.cli(&["check"]);
    assert!(!before.assert_code(0).contains("strict"), "{before:?}");
    his.sql("SET GLOBAL sql_mode = ''; SET GLOBAL time_zone = '+05:30'; SET GLOBAL max_allowed_packet = 65536; SET GLOBAL read_only = 1");
    let done = site.cli(&["check"]);
    done.assert_code(1);
    said(
        &done,
        &[
            "PROBLEM: ",
            "the server takes no changes now (read_only is on)",
            "not in strict mode",
            "on the server it is UTC+05:30 (time_zone +05:30), and in UTC, which is database.timezone, UTC+00:00",
            "64 kB at most",
        ],
    );
    server.kill();
    let done = site.cli(&["check", "--grants"]);
    assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{done:?}");
}

#[test]
fn a_file_has_no_logins() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _) = Site::of_demo(folder.path());
    let done = site.cli(&["check"]);
    assert!(done.assert_code(0).contains("0 problems"), "{done:?}");
    let done = site.cli(&["check", "--grants"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{done:?}");
    assert!(done.stderr.contains("no logins"), "{done:?}");
}
