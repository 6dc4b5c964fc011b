//! From the queue into the HIS: order, waiting, retries, time zones, TLS, and what an operator sees of it.

use serde_json::json;

use crate::support::{
    daemon::Site,
    mariadb::{His, prepared},
    proxy::{Network, Proxy},
    tables::{VISITS, visit, visits},
    wait_for, wait_until,
};

use std::time::Duration;

/// Whoever asks for a cycle gets one that began afterwards, also from a daemon that has only just said that it listens.
#[test]
fn a_cycle_that_is_asked_for_at_the_start_is_done() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).with(json!({"sync": {"schedule": "0 0 0 1 1 *"}})).mapping(visits());
    for number in 1..=5 {
        let daemon = site.start();
        daemon.accept(&visit(number, "new"));
        site.cli(&["sync", "--now"]).assert_code(0);
        assert_eq!(site.event(&format!("v{number}-new"))["state"], "applied");
        daemon.kill();
    }
}

#[test]
fn starts_without_the_his_and_catches_up() {
    let his = His::with(VISITS);
    let proxy = Proxy::before(his.port, Network::Refuse);
    let site = Site::new(his.section_at(proxy.port)).mapping(visits());
    let daemon = site.start();
    for number in 1..=20 {
        daemon.accept(&visit(number, "new"));
    }
    wait_until("it says that the HIS database is away", || {
        let printed = daemon.printed().to_lowercase();
        printed.contains("database") && printed.contains("cannot") || printed.contains("unreachable")
    });
    assert_eq!(site.count("pending"), 20);
    proxy.set(Network::Pass);
    his.wait_rows("SELECT COUNT(*), MIN(id), MAX(id) FROM visits", &["20\t1\t20"]);
    site.wait_count("applied", 20);
    // An outage blames no event.
    assert_eq!(site.event("v1-new")["attempts"], 1);
    // And goes away as quietly as it came: the next ones work.
    proxy.cut();
    daemon.accept(&visit(21, "new"));
    his.wait_rows("SELECT COUNT(*) FROM visits", &["21"]);
}

#[test]
fn an_outage_is_said_once_not_every_second() {
    let his = His::with(VISITS);
    let proxy = Proxy::before(his.port, Network::Refuse);
    let site =
        Site::new(his.section_at(proxy.port)).mapping(visits()).with(json!({"logging": {"level": "info"}}));
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    let count = || daemon.printed().matches("WARN").count() + daemon.printed().matches("ERROR").count();
    wait_until("it says that the database is away", || count() > 0);
    // Several ticks and attempts later.
    let seen = daemon.printed().len();
    let until = std::time::Instant::now() + Duration::from_secs(6);
    wait_until("six seconds have passed", || std::time::Instant::now() > until);
    assert!(count() <= 3, "{} of {seen} bytes before: {}", count(), daemon.printed());
}

#[test]
fn events_of_one_record_keep_their_order() {
    let his = His::with(VISITS);
    his.sql("CREATE TABLE seen (n INT AUTO_INCREMENT PRIMARY KEY, id INT, status VARCHAR(10));
        CREATE TRIGGER visits_i AFTER INSERT ON visits FOR EACH ROW INSERT INTO seen (id, status) VALUES (NEW.id, NEW.status);
        CREATE TRIGGER visits_u AFTER UPDATE ON visits FOR EACH ROW INSERT INTO seen (id, status) VALUES (NEW.id, NEW.status);");
    let proxy = Proxy::before(his.port, Network::Refuse);
    let site = Site::new(his.section_at(proxy.port)).mapping(visits());
    let daemon = site.start();
    // All wait, so that they share a page.
    for step in 0..40 {
        for number in 1..=3 {
            daemon.accept(&visit(number, &format!("s{step:02}")));
        }
    }
    proxy.set(Network::Pass);
    his.wait_rows("SELECT id, status FROM visits ORDER BY id", &["1\ts39", "2\ts39", "3\ts39"]);
    let disorder =
        "SELECT COUNT(*) FROM seen a JOIN seen b ON a.id = b.id AND a.n < b.n AND a.status > b.status";
    assert_eq!(his.sql(disorder), "0\n", "{}", his.sql("SELECT * FROM seen ORDER BY n"));
    site.wait_count("applied", 120);
}

#[test]
fn an_older_event_is_stale_and_a_parked_one_holds_up_its_record_alone() {
    let his = His::with(VISITS);
    let site = Site::new(his.section()).mapping(visits());
    let daemon = site.start();
    let at = |id: &str, time: &str, number: u32, status: &str| json!({"event_id": id, "type": "visit.updated", "timestamp": time, "data": {"visit_id": number, "status": status}});
    daemon.accept(&at("new", "2025-03-02T12:00:00Z", 1, "second"));
    his.wait_rows("SELECT status FROM visits", &["second"]);
    daemon.accept(&at("old", "2025-03-02T11:00:00Z", 1, "first"));
    site.wait_state("old", "stale");
    assert_eq!(his.rows("SELECT status FROM visits"), ["second"]);

    // A parked event of one record, and others around it.
    daemon.accept(
        &json!({"event_id": "bad", "event_type": "visit", "visit_id": 2, "status": "far too long for it"}),
    );
    daemon.accept(&visit(3, "fine"));
    site.wait_state("bad", "parked");
    his.wait_rows("SELECT id, status FROM visits ORDER BY id", &["1\tsecond", "3\tfine"]);
    // A later one of the same record goes ahead, and a retry of the parked one never overwrites it.
    daemon.accept(&json!({"event_id": "later", "event_type": "visit", "visit_id": 2, "status": "right"}));
    his.wait_rows("SELECT status FROM visits WHERE id = 2", &["right"]);
    his.sql("ALTER TABLE visits MODIFY status VARCHAR(60)");
    site.cli(&["events", "retry", "bad"]).assert_code(0);
    site.wait_state("bad", "stale");
    assert_eq!(his.rows("SELECT status FROM visits WHERE id = 2"), ["right"]);
}

#[test]
fn a_missing_parent_is_waited_for() {
    let his = His::with(
        "CREATE TABLE patients (id INT PRIMARY KEY, name VARCHAR(40));
         CREATE TABLE stays (id INT PRIMARY KEY, patient_id INT NOT NULL, FOREIGN KEY (patient_id) REFERENCES patients (id));",
    );
    let site = Site::new(his.section()).mapping(json!({
        "stay": {"table": "stays", "fields": {"stay_id": "id", "patient_id": "patient_id"}},
        "patient": {"table": "patients", "fields": {"patient_id": "id", "name": "name"}},
    }));
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "s1", "event_type": "stay", "stay_id": 1, "patient_id": 7}));
    let event = site.wait_state("s1", "waiting");
    assert!(event["cause"].as_str().is_some_and(|c| !c.is_empty()), "{event}");
    daemon.accept(&json!({"event_id": "p7", "event_type": "patient", "patient_id": 7, "name": "A"}));
    his.wait_rows("SELECT id, patient_id FROM stays", &["1\t7"]);
    site.wait_state("s1", "applied");
    // In one page, in the wrong order.
    daemon.accept(&json!({"event_id": "s2", "event_type": "stay", "stay_id": 2, "patient_id": 8}));
    daemon.accept(&json!({"event_id": "p8", "event_type": "patient", "patient_id": 8, "name": "B"}));
    his.wait_rows("SELECT id, patient_id FROM stays ORDER BY id", &["1\t7", "2\t8"]);
}

#[test]
fn times_are_the_hospitals() {
    let his = His::with(
        "CREATE TABLE times (id INT PRIMARY KEY, dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL, d DATE, t TIME, txt VARCHAR(40), ny DATETIME);",
    );
    let fields = json!({
        "times_id": "id",
        "at": ["dt", "dt6", "ts", "d", "t", {"column": "ny", "timezone": "America/New_York"}],
        "text": "txt",
    });
    let site = Site::new(his.section())
        .with(json!({"database": {"timezone": "Asia/Kolkata"}}))
        .mapping(json!({"times": {"table": "times", "fields": fields}}));
    let daemon = site.start();
    let post = |id: u32, at: &str| {
        daemon.accept(&json!({"event_id": format!("t{id}"), "event_type": "times", "times_id": id, "at": at, "text": at}));
    };
    post(1, "2025-03-02T20:30:45.123456Z");
    // An offset, and the day changes with it.
    post(2, "2025-03-03T01:00:00+02:00");
    // Without a zone it is the hospital's own time, to be kept as it is.
    post(3, "2025-03-03T09:00:00");
    let query = |id: u32| format!("SELECT dt, dt6, d, t FROM times WHERE id = {id}");
    his.wait_rows(&query(1), &["2025-03-03 02:00:45\t2025-03-03 02:00:45.123456\t2025-03-03\t02:00:45"]);
    his.wait_rows(&query(2), &["2025-03-03 04:30:00\t2025-03-03 04:30:00.000000\t2025-03-03\t04:30:00"]);
    his.wait_rows(&query(3), &["2025-03-03 09:00:00\t2025-03-03 09:00:00.000000\t2025-03-03\t09:00:00"]);
    // A TIMESTAMP is a moment, whatever zone the session has.
    let moment =
        |id: u32| his.rows(&format!("SET time_zone = '+00:00'; SELECT ts FROM times WHERE id = {id}"));
    assert_eq!(moment(1), ["2025-03-02 20:30:45"]);
    assert_eq!(moment(3), ["2025-03-03 03:30:00"]);
    assert_eq!(his.rows("SELECT ny FROM times WHERE id = 1"), ["2025-03-02 15:30:45"]);
    // Text stays text.
    assert_eq!(his.rows("SELECT txt FROM times WHERE id = 2"), ["2025-03-03T01:00:00+02:00"]);
}

#[test]
fn tls_as_far_as_it_is_asked_for() {
    let his = His::with(VISITS);
    let tls = prepared().join("tls");
    his.sql(&format!("ALTER USER {}@'%' REQUIRE SSL", his.name));
    let site = |mode: &str, ca: Option<&str>| {
        let mut section = his.section();
        section["tls"] = json!(mode);
        if let Some(ca) = ca {
            section["ca_file"] = json!(tls.join(ca));
        }
        Site::new(section).mapping(visits())
    };
    for (number, mode, ca) in [(1, "require", None), (2, "verify", Some("ca.pem")), (3, "prefer", None)] {
        let site = site(mode, ca);
        let daemon = site.start();
        daemon.accept(&visit(number, "new"));
        his.wait_rows(&format!("SELECT status FROM visits WHERE id = {number}"), &["new"]);
        site.cli(&["check"]).assert_code(0);
        daemon.stop();
    }
    // A certificate that the given authority did not sign is no HIS.
    let done = site("verify", Some("stranger.pem")).cli(&["check"]);
    assert!([1, 69].contains(&done.code), "{done:?}");
    assert!(done.assert_code(done.code).to_lowercase().contains("certificate"), "{done:?}");
    // The server insists on TLS for that login; a configuration without it does not get in.
    let done = site("off", None).cli(&["check"]);
    assert!([1, 69].contains(&done.code), "{done:?}");
}

#[test]
fn a_refused_login_stops_nothing_but_the_writing() {
    let his = His::with(VISITS);
    let mut section = his.section();
    section["password"] = json!("not the one");
    let site = Site::new(section).mapping(visits());
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    wait_until("it says that the login was refused", || daemon.printed().contains("1045"));
    assert_eq!(site.event("v1-new")["attempts"], 0, "a refused login blames no event");
    his.sql(&format!("SET PASSWORD FOR {}@'%' = PASSWORD('not the one')", his.name));
    // It does not hammer, as that locks accounts; the operator asks for now.
    site.cli(&["sync", "--now"]).assert_code(0);
    his.wait_rows("SELECT id FROM visits", &["1"]);
}

#[test]
fn a_missing_privilege_pauses_that_mapping_alone() {
    let his = His::with(&format!("{VISITS} CREATE TABLE secrets (id INT PRIMARY KEY)"));
    his.sql(&format!(
        "REVOKE ALL ON {0}.* FROM {0}@'%'; GRANT SELECT, INSERT, UPDATE ON {0}.visits TO {0}@'%'; GRANT SELECT ON {0}.secrets TO {0}@'%'",
        his.name
    ));
    let site = Site::new(his.section())
        .mapping(visits())
        .with(json!({"mapping": {"secret": {"table": "secrets", "fields": {"secret_id": "id"}}}}));
    let daemon = site.start();
    daemon.accept(&json!({"event_id": "x1", "event_type": "secret", "secret_id": 1}));
    daemon.accept(&visit(1, "new"));
    his.wait_rows("SELECT id FROM visits", &["1"]);
    let event = site.wait_state("x1", "paused");
    assert!(event["cause"].as_str().is_some_and(|c| !c.is_empty()), "{event}");
    his.sql(&format!("GRANT INSERT, UPDATE ON {0}.secrets TO {0}@'%'", his.name));
    site.cli(&["sync", "--now"]).assert_code(0);
    his.wait_rows("SELECT id FROM secrets", &["1"]);
}

#[test]
fn quiet_hours_write_nothing() {
    let his = His::with(VISITS);
    // All day but for one minute that is half a day away, so that no test run meets it.
    // Asked once, because a minute may end between two questions.
    let now = his.sql(
        "SELECT TIME_FORMAT(t + INTERVAL 1 MINUTE, '%H:%i'), TIME_FORMAT(t, '%H:%i') FROM (SELECT UTC_TIME() + INTERVAL 12 HOUR AS t) AS n",
    );
    let (from, to) = now.trim().split_once('\t').unwrap();
    let clock = |text: &str| {
        let (hour, minute) = text.trim().split_once(':').unwrap();
        format!("{:02}:{minute}", hour.parse::<u32>().unwrap() % 24)
    };
    let quiet = format!("{}-{}", clock(from), clock(to));
    let mut site = Site::new(his.section()).mapping(visits()).with(json!({"sync": {"quiet_hours": [quiet]}}));
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    let until = std::time::Instant::now() + Duration::from_secs(4);
    wait_for(Duration::from_secs(10), "four ticks have passed", || std::time::Instant::now() > until);
    assert_eq!(site.count("pending"), 1);
    assert_eq!(his.rows("SELECT id FROM visits"), Vec::<String>::new());
    daemon.stop();
    site.merge(json!({"sync": {"quiet_hours": []}}));
    let _daemon = site.start();
    his.wait_rows("SELECT id FROM visits", &["1"]);
}

/// Types that share a table, and keys that its collation takes for one: the row ends as the last event left it.
#[test]
fn events_of_one_row_keep_their_order_whatever_names_it() {
    let his = His::with(
        "CREATE TABLE ap (id INT PRIMARY KEY, st VARCHAR(20), note VARCHAR(20), room VARCHAR(20));
         CREATE TABLE ci (id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, st VARCHAR(20), extra VARCHAR(20));",
    );
    let fields = json!({"appointment_id": "id", "status": "st", "note": "note", "room": "room"});
    let site = Site::new(his.section())
        .mapping(json!({
            "appointment": {"table": "ap", "fields": fields},
            "appointment_change": {"table": "ap", "key": "appointment_id", "fields": fields},
            "ci": {"table": "ci", "fields": {"ci_id": "id", "status": "st", "extra": "extra"}},
        }))
        .with(json!({"sync": {"schedule": "*/3 * * * * *"}}));
    let daemon = site.start();
    for event in [
        json!({"event_type": "appointment", "appointment_id": 9, "status": "x", "note": "n"}),
        json!({"event_type": "appointment_change", "appointment_id": 5, "status": "rescheduled", "room": "R1"}),
        json!({"event_type": "appointment", "appointment_id": 5, "status": "CANCELLED", "note": "n"}),
        json!({"event_type": "ci", "ci_id": "z", "status": "s", "extra": "e"}),
        json!({"event_type": "ci", "ci_id": "c1", "status": "confirmed"}),
        json!({"event_type": "ci", "ci_id": "C1 ", "status": "CANCELLED", "extra": "late"}),
    ] {
        daemon.accept(&event);
    }
    site.wait_count("applied", 6);
    assert_eq!(his.rows("SELECT st, room FROM ap WHERE id = 5"), ["CANCELLED\tR1"]);
    assert_eq!(his.rows("SELECT st, extra FROM ci WHERE id = 'c1'"), ["CANCELLED\tlate"]);
}

/// What is done in a table that cannot roll back is done once, whatever fails beside it.
#[test]
fn a_table_without_transactions_gets_each_row_once() {
    let his = His::with(
        "CREATE TABLE my (id INT, st VARCHAR(20)) ENGINE=MyISAM;
         CREATE TABLE strict (id INT PRIMARY KEY, n INT NOT NULL CHECK (n < 5));",
    );
    let site = Site::new(his.section()).mapping(json!({
        "my": {"table": "my", "action": "insert", "fields": {"my_id": "id", "status": "st"}},
        "strict": {"table": "strict", "fields": {"strict_id": "id", "n": "n"}},
    }));
    let daemon = site.start();
    for number in 1..=8 {
        daemon.accept(&json!({"event_type": "my", "my_id": number, "status": "s"}));
        daemon.accept(&json!({"event_type": "strict", "strict_id": number, "n": number}));
    }
    site.wait_count("applied", 12);
    site.wait_count("parked", 4);
    assert_eq!(his.rows("SELECT COUNT(*), COUNT(DISTINCT id) FROM my"), ["8\t8"]);
}
