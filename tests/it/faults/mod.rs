//! Faults as ordinary inputs: databases and daemons that are killed, connections that are cut at the worst
//! moment, tables that change under way. No acknowledged event is lost, and none has effect twice.

mod blows;
mod mixed;
pub(crate) mod verdict;
pub(crate) mod world;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    daemon::{Site, signal},
    load::Load,
    mariadb::{His, Server},
    proxy::{Network, Proxy},
    tables::{VISITS, visit, visits},
    wait_equal, wait_for, wait_until,
};

/// Rows of `visits`, in which each number is the key and stands in the note, too.
fn written(his: &His) -> Vec<u32> {
    his.rows("SELECT id FROM visits ORDER BY id").iter().map(|n| n.parse().unwrap()).collect()
}

/// Holds that exactly what was sent stands in the table: everything acknowledged once, nothing that was never sent,
/// nothing half.
fn assert_exact(his: &His, site: &Site, acknowledged: &BTreeSet<u32>, end: u32) {
    let rows = written(his);
    let distinct: BTreeSet<u32> = rows.iter().copied().collect();
    assert_eq!(rows.len(), distinct.len(), "a row stands there twice");
    let lost: Vec<_> = acknowledged.difference(&distinct).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(distinct.iter().all(|n| (1..end).contains(n)), "a row that nobody sent");
    assert_eq!(
        his.number("SELECT COUNT(*) FROM visits WHERE note <> CONCAT('note of ', id) OR note IS NULL"),
        0
    );
    for state in ["parked", "conflict", "deferred", "held", "waiting", "paused", "unmapped"] {
        assert_eq!(
            site.count(state),
            0,
            "events are {state}: {}",
            site.cli(&["events", "list", "--state", state]).stdout
        );
    }
}

#[test]
fn a_killed_his_is_caught_up_with() {
    let mut server = Server::private();
    let his = server.database();
    his.sql(VISITS);
    // Each write once: an insert that finds its row there was repeated.
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let load = Load::start(daemon.address, 4);
    for round in 1..=2 {
        wait_until("rows arrive", || his.number("SELECT COUNT(*) FROM visits") > 200 * round);
        server.kill();
        let before = load.acknowledged();
        wait_until("events are accepted meanwhile", || load.acknowledged() > before + 200);
        server.start();
    }
    let before = his.number("SELECT COUNT(*) FROM visits");
    wait_until("rows arrive again", || his.number("SELECT COUNT(*) FROM visits") > before);
    let (acknowledged, end) = load.end();
    wait_equal("everything is applied", &0, || site.count("pending"));
    assert_exact(&his, &site, &acknowledged, end);
    // The outage blamed nobody.
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), site.count("applied"));
    daemon.stop();
}

/// Cuts the connection at the COMMIT of an insert whose table would take the row twice.
fn cut_at_commit(network: Network) {
    let his = His::with(
        "CREATE TABLE ledger (n INT AUTO_INCREMENT PRIMARY KEY, id INT NOT NULL, st VARCHAR(10), INDEX (id));",
    );
    his.sql(VISITS);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(visits()).with(json!({"mapping": {
        "ledger": {"table": "ledger", "action": "insert", "key": ["ledger_id"], "fields": {"ledger_id": "id", "status": "st"}},
    }}));
    let daemon = site.start();
    let send = |number: u32| {
        daemon.accept(&json!({"event_id": format!("l{number}"), "event_type": "ledger", "ledger_id": number, "status": "new"}));
        daemon.accept(&visit(number, "new"));
    };
    send(1);
    his.wait_rows("SELECT id FROM ledger", &["1"]);
    for number in 2..=4 {
        proxy.set(network);
        send(number);
        proxy.wait_cut();
        site.wait_state(&format!("l{number}"), "applied");
        site.wait_state(&format!("v{number}-new"), "applied");
    }
    assert_eq!(
        his.rows("SELECT id, COUNT(*) FROM ledger GROUP BY id ORDER BY id"),
        ["1\t1", "2\t1", "3\t1", "4\t1"]
    );
    assert_eq!(
        his.rows("SELECT id, status FROM visits ORDER BY id"),
        ["1\tnew", "2\tnew", "3\tnew", "4\tnew"]
    );
    for state in ["parked", "conflict"] {
        assert_eq!(site.count(state), 0, "the repetition was taken for the event's fault");
    }
}

#[test]
fn a_commit_that_never_arrived_is_repeated() {
    cut_at_commit(Network::CutBeforeCommit);
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_done_twice() {
    cut_at_commit(Network::CutAfterCommit);
}

#[test]
fn a_commit_whose_answer_was_lost_and_a_crash_on_top() {
    let his =
        His::with("CREATE TABLE ledger (n INT AUTO_INCREMENT PRIMARY KEY, id INT NOT NULL, INDEX (id));");
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(json!({
        "ledger": {"table": "ledger", "action": "insert", "key": ["ledger_id"], "fields": {"ledger_id": "id"}},
    }));
    let daemon = site.start();
    proxy.set(Network::CutAfterCommit);
    daemon.accept(&json!({"event_id": "l1", "event_type": "ledger", "ledger_id": 1}));
    proxy.wait_cut();
    // The daemon dies before it could ask again, or just after.
    proxy.down();
    daemon.kill();
    his.wait_rows("SELECT id FROM ledger", &["1"]);
    proxy.set(Network::Pass);
    let _daemon = site.start();
    site.wait_state("l1", "applied");
    assert_eq!(his.rows("SELECT id FROM ledger"), ["1"]);
}

#[test]
fn a_cut_in_mid_load_doubles_nothing() {
    let his = His::with(VISITS);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port)).mapping(visits());
    let daemon = site.start();
    let load = Load::start(daemon.address, 3);
    for round in 1..=5 {
        wait_until("rows arrive", || his.number("SELECT COUNT(*) FROM visits") > 50 * round);
        proxy.cut();
    }
    let (acknowledged, end) = load.end();
    wait_equal("everything is applied", &0, || site.count("pending"));
    assert_exact(&his, &site, &acknowledged, end);
    daemon.stop();
}

#[test]
fn a_his_that_answers_no_more_is_left_and_tried_again() {
    let his = His::with(VISITS);
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .mapping(visits())
        .with(json!({"database": {"statement_timeout_s": 2, "lock_timeout_s": 1, "connect_timeout_s": 2}}));
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    his.wait_rows("SELECT id FROM visits", &["1"]);
    proxy.set(Network::Stall);
    daemon.accept(&visit(2, "new"));
    wait_until("it says that the HIS cannot be reached", || daemon.printed().contains("cannot be reached"));
    // It goes on accepting.
    let start = Instant::now();
    daemon.accept(&visit(3, "new"));
    assert!(start.elapsed() < Duration::from_secs(2), "ingest waits for the HIS: {:?}", start.elapsed());
    proxy.cut();
    proxy.set(Network::Pass);
    his.wait_rows("SELECT id, status FROM visits ORDER BY id", &["1\tnew", "2\tnew", "3\tnew"]);
    assert_eq!(site.count("parked"), 0);
}

#[test]
fn a_slow_network_is_no_outage() {
    let his = His::with(VISITS);
    let proxy = Proxy::before(his.port, Network::Delay(Duration::from_millis(100)));
    let site = Site::new(his.section_at(proxy.port)).mapping(visits());
    let daemon = site.start();
    for number in 1..=300 {
        daemon.accept(&visit(number, "new"));
    }
    his.wait_rows("SELECT COUNT(*) FROM visits", &["300"]);
    assert!(!daemon.printed().contains("cannot be reached"), "{}", daemon.printed());
}

#[test]
fn a_locked_row_defers_its_event_alone() {
    let his = His::with(VISITS);
    his.sql("INSERT INTO visits (id, status) VALUES (1, 'old'), (2, 'old')");
    let site = Site::new(his.section()).mapping(visits()).with(json!({"database": {"lock_timeout_s": 1}}));
    let daemon = site.start();
    let held = his.hold("SELECT * FROM visits WHERE id = 1 FOR UPDATE");
    for number in 1..=6 {
        daemon.accept(&visit(number, "new"));
    }
    his.wait_rows("SELECT COUNT(*) FROM visits WHERE id > 1 AND status = 'new'", &["5"]);
    let event = site.wait_state("v1-new", "deferred");
    assert!(event["cause"].as_str().is_some_and(|c| c.contains("1205")), "{event}");
    // What comes later for the same record waits behind it.
    daemon.accept(&visit(1, "later"));
    site.wait_state("v1-later", "held");
    drop(held);
    his.wait_rows("SELECT status FROM visits WHERE id = 1", &["later"]);
    site.wait_count("applied", 7);
}

/// A whole table in somebody's hands costs a few lock time-outs, not one for each of its events.
#[test]
fn a_locked_table_holds_up_no_other() {
    let his = His::with(&format!("{VISITS} CREATE TABLE other (id INT PRIMARY KEY);"));
    let site = Site::new(his.section())
        .mapping(visits())
        .with(json!({"mapping": {"other": {"table": "other", "fields": {"other_id": "id"}}}}))
        .with(json!({"database": {"lock_timeout_s": 1}, "sync": {"schedule": "*/4 * * * * *"}}));
    let held = his.hold("LOCK TABLES visits WRITE");
    let daemon = site.start();
    for number in 1..=40 {
        daemon.accept(&visit(number, "new"));
        daemon.accept(&json!({"event_type": "other", "event_id": format!("o{number}"), "other_id": number}));
    }
    wait_until("the other table's rows", || site.count("applied") == 40);
    assert!(site.count("deferred") > 0, "the locked table's events wait");
    drop(held);
    site.wait_count("applied", 80);
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), 40);
}

#[test]
fn a_deadlock_is_tried_again() {
    let his = His::with(VISITS);
    his.sql("INSERT INTO visits (id, status) VALUES (1, 'old'), (2, 'old')");
    // Longer than the deadlock takes to be found, so that it is no lock time-out.
    let site = Site::new(his.section()).mapping(visits()).with(json!({"database": {"lock_timeout_s": 15}}));
    let daemon = site.start();
    // The HIS holds row 2 and, once the daemon has row 1 and waits for row 2, wants row 1. Having written the most,
    // it is not the one that the database gives up.
    let mut held = his.hold(
        "UPDATE visits SET note = 'x' WHERE id = 2; INSERT INTO visits (id) SELECT seq FROM seq_100_to_600",
    );
    for number in 1..=2 {
        daemon.accept(&visit(number, "new"));
    }
    wait_until("the daemon waits for the row", || {
        his.number("SELECT COUNT(*) FROM information_schema.processlist WHERE user = DATABASE() AND command <> 'Sleep'") > 0
            && his.number("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") > 0
    });
    held.run("UPDATE visits SET note = 'y' WHERE id = 1");
    drop(held);
    his.wait_rows("SELECT id, status, note FROM visits ORDER BY id", &["1\tnew\tNULL", "2\tnew\tNULL"]);
    assert_eq!(site.count("parked"), 0);
}

#[test]
fn a_dropped_column_pauses_its_mapping_until_it_is_back() {
    let his = His::with(&format!("{VISITS} CREATE TABLE other (id INT PRIMARY KEY);"));
    let site = Site::new(his.section())
        .mapping(visits())
        .with(json!({"mapping": {"other": {"table": "other", "fields": {"other_id": "id"}}}}));
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    his.wait_rows("SELECT id FROM visits", &["1"]);
    his.sql("ALTER TABLE visits DROP COLUMN note");
    let with_note = |number: u32| {
        let mut event = visit(number, "new");
        event["note"] = json!("a note");
        daemon.accept(&event);
    };
    with_note(2);
    daemon.accept(&json!({"event_type": "other", "other_id": 1}));
    his.wait_rows("SELECT id FROM other", &["1"]);
    let event = site.wait_state("v2-new", "paused");
    assert!(event["cause"].as_str().is_some_and(|c| !c.is_empty()), "{event}");
    let shown = site.cli(&["events", "show", "v2-new"]).assert_code(0);
    assert!(shown.contains("note"), "it does not name the column: {shown}");
    with_note(3);
    site.wait_state("v3-new", "paused");
    his.sql("ALTER TABLE visits ADD COLUMN note VARCHAR(40)");
    // By itself, as soon as the tables are described again.
    wait_for(Duration::from_secs(80), "the paused events are applied", || site.count("applied") == 4);
    assert_eq!(his.rows("SELECT id, note FROM visits ORDER BY id"), ["1\tNULL", "2\ta note", "3\ta note"]);
}

#[test]
fn a_widened_column_takes_what_was_parked() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    daemon.accept(&visit(1, "twelve chars"));
    site.wait_state("v1-twelve chars", "parked");
    his.sql("ALTER TABLE visits MODIFY status VARCHAR(12)");
    site.cli(&["events", "retry", "--all"]).assert_code(0);
    his.wait_rows("SELECT status FROM visits", &["twelve chars"]);
    // Narrowed again: parked with the reason of now.
    his.sql("DELETE FROM visits; ALTER TABLE visits MODIFY status VARCHAR(5)");
    daemon.accept(&visit(2, "sixsix"));
    site.wait_state("v2-sixsix", "parked");
    daemon.accept(&visit(2, "five5"));
    his.wait_rows("SELECT id, status FROM visits", &["2\tfive5"]);
}

#[test]
fn a_table_that_comes_late_is_waited_for() {
    let his = His::shared();
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    site.wait_state("v1-new", "paused");
    his.sql(VISITS);
    site.cli(&["sync", "--now"]).assert_code(0);
    his.wait_rows("SELECT id FROM visits", &["1"]);
    daemon.stop();
}

#[test]
fn a_daemon_killed_ten_times_loses_and_doubles_nothing() {
    let his = His::with(VISITS);
    his.sql(
        "CREATE TABLE inserted (id INT NOT NULL);
        CREATE TRIGGER visits_i AFTER INSERT ON visits FOR EACH ROW INSERT INTO inserted VALUES (NEW.id);",
    );
    let site = Site::new(his.section()).mapping(visits());
    let mut daemon = site.start();
    let load = Load::start(daemon.address, 4);
    for round in 1..=10_u32 {
        let before = load.acknowledged();
        wait_until("events are acknowledged", || load.acknowledged() > before + 40);
        if round.is_multiple_of(3) {
            // In the middle of a cycle, as far as that can be hit: while rows appear.
            let rows = his.number("SELECT COUNT(*) FROM visits");
            wait_until("rows arrive", || his.number("SELECT COUNT(*) FROM visits") > rows);
        }
        daemon.kill();
        daemon = site.start();
        load.moved(daemon.address);
    }
    let (acknowledged, end) = load.end();
    assert!(acknowledged.len() > 400, "{} events", acknowledged.len());
    wait_equal("everything is applied", &0, || site.count("pending"));
    assert_exact(&his, &site, &acknowledged, end);
    assert_eq!(his.number("SELECT COUNT(*) FROM inserted"), his.number("SELECT COUNT(*) FROM visits"));
    daemon.stop();
}

#[test]
fn a_stop_under_load_loses_nothing() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let mut daemon = site.start();
    let load = Load::start(daemon.address, 4);
    for _ in 0..3 {
        let before = load.acknowledged();
        wait_until("events are acknowledged", || load.acknowledged() > before + 200);
        let start = Instant::now();
        daemon.stop();
        assert!(start.elapsed() < Duration::from_secs(20), "the stop took {:?}", start.elapsed());
        daemon = site.start();
        load.moved(daemon.address);
    }
    let (acknowledged, end) = load.end();
    wait_equal("everything is applied", &0, || site.count("pending"));
    assert_exact(&his, &site, &acknowledged, end);
    daemon.stop();
}

#[test]
fn a_stop_while_the_his_is_away_is_as_quick() {
    let his = His::with(VISITS);
    let proxy = Proxy::before(his.port, Network::Stall);
    let site = Site::new(his.section_at(proxy.port)).mapping(visits());
    let daemon = site.start();
    for number in 1..=5 {
        daemon.accept(&visit(number, "new"));
    }
    // A second signal, from an impatient administrator, makes it no worse.
    signal(daemon.id(), "TERM");
    let start = Instant::now();
    daemon.stop();
    assert!(start.elapsed() < Duration::from_secs(22), "{:?}", start.elapsed());
    proxy.cut();
    proxy.set(Network::Pass);
    let _daemon = site.start();
    his.wait_rows("SELECT COUNT(*) FROM visits", &["5"]);
}

#[test]
fn a_stop_with_an_open_connection_does_not_wait_for_it() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let mut idle = crate::support::http::Client::connect(daemon.address).unwrap();
    idle.post(&visit(1, "new")).unwrap().assert_success();
    his.wait_rows("SELECT id FROM visits", &["1"]);
    let start = Instant::now();
    daemon.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn no_log_line_holds_what_patients_told() {
    const CANARY: &str = "canaryzebra";
    let his = His::with(&format!(
        "{VISITS} ALTER TABLE visits ADD COLUMN num INT, ADD COLUMN at DATETIME, ADD COLUMN code VARCHAR(30) UNIQUE;
         INSERT INTO visits (id, code) VALUES (1000, '{CANARY}');"
    ));
    let mut mapping = visits();
    for column in ["num", "at", "code"] {
        mapping["visit"]["fields"][column] = json!(column);
    }
    let proxy = Proxy::before(his.port, Network::Pass);
    let site = Site::new(his.section_at(proxy.port))
        .mapping(mapping)
        .with(json!({"logging": {"level": "trace", "directory": "log"}}));
    let daemon = site.start();
    let send = |id: &str, part: Value| {
        let mut event = json!({"event_id": id, "event_type": "visit", "visit_id": id.len()});
        event.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        daemon.post(&event)
    };
    // Good and bad, refused by the daemon and refused by the database, whose messages hold values.
    send("1", json!({"note": CANARY})).assert_success();
    send("22", json!({"status": format!("{CANARY} is far too long")})).assert_success();
    send("333", json!({"num": CANARY})).assert_success();
    send("4444", json!({"at": CANARY})).assert_success();
    send("55555", json!({"code": CANARY})).assert_success();
    daemon.accept(&json!({"event_id": "unmapped", "event_type": "referral", "name": CANARY}));
    daemon.accept(&json!({"event_id": "unmapped", "event_type": "referral", "name": format!("{CANARY}2")}));
    assert_eq!(daemon.post_text(&format!("{{\"event_type\": \"visit\", \"name\": \"{CANARY}\"")).status, 400);
    assert_eq!(daemon.post_text(&format!("\"{CANARY}\"")).status, 400);
    daemon.request("POST", &format!("/{CANARY}?name={CANARY}"), &[("X-Name", CANARY)], CANARY.as_bytes());
    for id in ["22", "333", "4444", "55555"] {
        site.wait_state(id, "parked");
    }
    site.wait_state("1", "applied");
    proxy.cut();
    send("666666", json!({"note": CANARY})).assert_success();
    site.wait_state("666666", "applied");
    let printed = daemon.stop();
    let log = site.log();
    assert!(!log.is_empty(), "there is no log file");
    for (place, text) in [("what it printed", &printed), ("the log", &log)] {
        let found = text.lines().find(|l| l.to_lowercase().contains(CANARY));
        assert!(found.is_none(), "{place} holds a value: {found:?}");
        assert!(!text.contains(&his.password()), "{place} holds the password");
    }
}

/// One table without room is no outage: the others' events go on.
#[test]
fn a_full_table_holds_up_no_other() {
    let his = His::with(&format!(
        "{VISITS} SET max_heap_table_size = 16384; CREATE TABLE m (id INT PRIMARY KEY, st CHAR(200)) ENGINE=MEMORY;"
    ));
    let site = Site::new(his.section())
        .mapping(visits())
        .with(json!({"mapping": {"m": {"table": "m", "fields": {"m_id": "id", "status": "st"}}}}));
    let daemon = site.start();
    for number in 0..200 {
        daemon.accept(&json!({"event_type": "m", "m_id": number, "status": "x".repeat(150)}));
    }
    wait_until("the table is full", || site.count("deferred") > 0);
    for number in 0..20 {
        daemon.accept(&visit(number, "new"));
    }
    his.wait_rows("SELECT COUNT(*) FROM visits", &["20"]);
    assert_eq!(site.count("parked"), 0);
}

/// A HIS whose statements hang, while it answers otherwise, is no fault of the events.
#[test]
fn a_his_that_hangs_parks_nobody() {
    let his = His::with(&format!(
        "{VISITS} CREATE TABLE slow (a INT); INSERT INTO slow VALUES (3);
         CREATE TRIGGER t BEFORE INSERT ON visits FOR EACH ROW
             SET NEW.note = SLEEP((SELECT COALESCE(MAX(a), 0) FROM slow));"
    ));
    let site = Site::new(his.section())
        .mapping(visits())
        .with(json!({"database": {"lock_timeout_s": 1, "statement_timeout_s": 1}}));
    let daemon = site.start();
    for number in 1..=4 {
        daemon.accept(&visit(number, "new"));
    }
    let lost = || daemon.printed().matches("was lost").count();
    wait_until("many statements had no answer", || lost() >= 8);
    assert_eq!(site.count("parked"), 0);
}
