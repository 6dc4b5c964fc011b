//! The mapping language against real tables: what each key does, and what happens to data that does not fit.

use serde_json::{Value, json};

use crate::support::{
    daemon::Site,
    mariadb::His,
    proxy::{Network, Proxy},
};

#[test]
fn values_defaults_and_constants() {
    let his = His::with(
        "CREATE TABLE a (id INT PRIMARY KEY, st CHAR(1), place VARCHAR(10), source VARCHAR(10) NOT NULL, multiple INT NOT NULL, flag TINYINT, any_code CHAR(1));",
    );
    let site = Site::new(his.section()).mapping(json!({"a": {
        "table": "a",
        "fields": {
            "a_id": "id",
            "status": [
                {"column": "st", "values": {"confirmed": "C", "cancelled": "X"}},
                {"column": "any_code", "values": {"confirmed": "1", "*": "9"}},
            ],
            "place": {"column": "place", "default": "main"},
            "urgent": "flag",
        },
        "constants": {"source": "BUKTOR", "multiple": 0},
    }}));
    let daemon = site.start();
    daemon.accept(&json!({"event_type": "a", "a_id": 1, "status": "confirmed", "urgent": true}));
    daemon.accept(
        &json!({"event_type": "a", "a_id": 2, "status": "cancelled", "place": "east", "urgent": false}),
    );
    daemon.accept(&json!({"event_id": "odd", "event_type": "a", "a_id": 3, "status": "dreaming"}));
    his.wait_rows(
        "SELECT * FROM a ORDER BY id",
        &["1\tC\tmain\tBUKTOR\t0\t1\t1", "2\tX\teast\tBUKTOR\t0\t0\t9"],
    );
    let event = site.wait_state("odd", "parked");
    assert!(event["cause"].as_str().unwrap().starts_with("unknown-value"), "{event}");
    // The operator sees which value it was.
    let shown = site.cli(&["events", "show", "odd"]).assert_code(0);
    assert!(shown.contains("dreaming"), "{shown}");
}

#[test]
fn what_is_written_when() {
    let his = His::with(
        "CREATE TABLE w (id INT PRIMARY KEY, once VARCHAR(10), hole VARCHAR(10), every VARCHAR(10));",
    );
    let site = Site::new(his.section()).mapping(json!({"w": {
        "table": "w",
        "fields": {
            "w_id": "id",
            "once": {"column": "once", "write": "insert_only"},
            "hole": {"column": "hole", "write": "if_null"},
            "every": {"column": "every", "write": "always"},
        },
    }}));
    let daemon = site.start();
    let send = |step: u32, body: Value| {
        let mut event = json!({"event_type": "w", "w_id": 1, "event_id": format!("w{step}")});
        event.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        daemon.accept(&event);
    };
    send(1, json!({"once": "a", "every": "a"}));
    his.wait_rows("SELECT * FROM w", &["1\ta\tNULL\ta"]);
    send(2, json!({"once": "b", "hole": "b", "every": "b"}));
    his.wait_rows("SELECT * FROM w", &["1\ta\tb\tb"]);
    // null is written as NULL, what is missing is not written at all.
    send(3, json!({"once": "c", "hole": "c", "every": null}));
    his.wait_rows("SELECT * FROM w", &["1\ta\tb\tNULL"]);
    send(4, json!({"every": "d"}));
    his.wait_rows("SELECT * FROM w", &["1\ta\tb\td"]);
}

#[test]
fn operations_conditions_and_what_is_ignored() {
    let his = His::with(
        "CREATE TABLE o (id INT PRIMARY KEY, st VARCHAR(10)); CREATE TABLE plain (id INT PRIMARY KEY, st VARCHAR(10));",
    );
    let site = Site::new(his.section()).mapping(json!({
        "o": {
            "table": "o", "fields": {"o_id": "id", "status": "st"},
            "on": {"deleted": {"action": "delete"}, "cancelled": {"constants": {"st": "X"}, "fields": {"o_id": "id"}}},
        },
        "plain": {"table": "plain", "fields": {"plain_id": "id", "status": "st"}, "when": {"status": ["a", "b"]}},
        "noise": {"ignore": true},
    }));
    let daemon = site.start();
    let event = |id: &str, kind: &str, data: Value| json!({"event_id": id, "type": kind, "data": data});
    daemon.accept(&event("o1", "o.created", json!({"o_id": 1, "status": "new"})));
    daemon.accept(&event("o2", "o.created", json!({"o_id": 2, "status": "new"})));
    his.wait_rows("SELECT * FROM o ORDER BY id", &["1\tnew", "2\tnew"]);
    daemon.accept(&event("o3", "o.deleted", json!({"o_id": 1})));
    daemon.accept(&event("o4", "o.cancelled", json!({"o_id": 2})));
    his.wait_rows("SELECT * FROM o", &["2\tX"]);
    // A row that is not there is as good as deleted.
    daemon.accept(&event("o5", "o.deleted", json!({"o_id": 77})));
    site.wait_state("o5", "applied");
    // A deletion is never guessed.
    daemon.accept(&event("p1", "plain.created", json!({"plain_id": 1, "status": "a"})));
    his.wait_rows("SELECT * FROM plain", &["1\ta"]);
    daemon.accept(&event("p2", "plain.deleted", json!({"plain_id": 1, "status": "a"})));
    let parked = site.wait_state("p2", "parked");
    assert!(parked["cause"].as_str().unwrap().contains("deletion"), "{parked}");
    assert_eq!(his.rows("SELECT * FROM plain"), ["1\ta"]);
    // A condition that does not hold, and what is ignored, are settled and write nothing.
    daemon.accept(&event("p3", "plain.updated", json!({"plain_id": 5, "status": "z"})));
    daemon.accept(&json!({"event_id": "n1", "event_type": "noise", "x": 1}));
    site.wait_state("p3", "ignored");
    site.wait_state("n1", "ignored");
    assert_eq!(his.rows("SELECT * FROM plain"), ["1\ta"]);
}

#[test]
fn actions_beyond_upsert() {
    let his = His::with(
        "CREATE TABLE u (id INT PRIMARY KEY, st VARCHAR(10)); INSERT INTO u VALUES (1, 'old');
         CREATE TABLE i (id INT PRIMARY KEY, st VARCHAR(10)); INSERT INTO i VALUES (1, 'old');
         CREATE TABLE journal (n INT AUTO_INCREMENT PRIMARY KEY, st VARCHAR(10));",
    );
    let fields = |kind: &str| json!({format!("{kind}_id"): "id", "status": "st"});
    let site = Site::new(his.section()).mapping(json!({
        "u": {"table": "u", "action": "update", "fields": fields("u")},
        "i": {"table": "i", "action": "insert", "key": ["i_id"], "fields": fields("i")},
        "journal": {"table": "journal", "action": "insert", "fields": {"status": "st"}},
    }));
    let daemon = site.start();
    let send = |id: &str, kind: &str, number: u32| {
        daemon.accept(
            &json!({"event_id": id, "event_type": kind, format!("{kind}_id"): number, "status": "new"}),
        );
    };
    send("u1", "u", 1);
    his.wait_rows("SELECT * FROM u", &["1\tnew"]);
    // An update that finds what it wants to write is done, not missing.
    send("u1b", "u", 1);
    site.wait_state("u1b", "applied");
    send("u2", "u", 2);
    let event = site.wait_state("u2", "parked");
    assert_eq!(event["cause"], "no-row", "{event}");
    his.sql("INSERT INTO u VALUES (2, 'old')");
    site.cli(&["events", "retry", "--cause", "no-row"]).assert_code(0);
    his.wait_rows("SELECT * FROM u ORDER BY id", &["1\tnew", "2\tnew"]);

    send("i1", "i", 1);
    site.wait_state("i1", "parked");
    send("i2", "i", 2);
    his.wait_rows("SELECT * FROM i ORDER BY id", &["1\told", "2\tnew"]);

    for id in ["j1", "j2", "j3"] {
        send(id, "journal", 0);
    }
    his.wait_rows("SELECT COUNT(*) FROM journal", &["3"]);
}

#[test]
fn conversion_follows_the_live_column() {
    let his = His::with(
        "CREATE TABLE c (id INT PRIMARY KEY, dec_ DECIMAL(12,2), txt VARCHAR(60), num BIGINT, dbl DOUBLE, js TEXT, bits BIT(1), y YEAR, e ENUM('a','b'), cut VARCHAR(5), deep VARCHAR(20), first VARCHAR(20));",
    );
    let site = Site::new(his.section()).mapping(json!({"c": {
        "table": "c",
        "fields": {
            "c_id": "id", "amount": "dec_", "number": "txt", "big": "num", "real": "dbl", "object": "js", "y": "y", "e": "e",
            "long": {"column": "cut", "truncate": true},
            "patient.name.family": "deep",
            "slots.0.start": "first",
        },
    }}));
    let daemon = site.start();
    daemon.accept(&json!({
        "event_type": "c", "c_id": "1", "amount": "1500", "number": 123, "big": "9007199254740993", "real": 0.5,
        "object": {"a": [1, "ü"]}, "y": 2025, "e": "b", "long": "äöüßéàxxx",
        "patient": {"name": {"family": "Müller"}}, "slots": [{"start": "09:00"}, {"start": "10:00"}],
    }));
    his.wait_rows(
        "SELECT id, dec_, txt, num, dbl, y, e, cut, deep, first FROM c",
        &["1\t1500.00\t123\t9007199254740993\t0.5\t2025\tb\täöüßé\tMüller\t09:00"],
    );
    let text = his.sql("SELECT js FROM c").replace("\\\\", "\\");
    assert_eq!(serde_json::from_str::<Value>(text.trim()).unwrap(), json!({"a": [1, "ü"]}));
    // Amounts keep every digit; a float would not.
    daemon.post_text("{\"event_type\": \"c\", \"c_id\": 2, \"amount\": 1234567890.12, \"number\": 12345678901234567890123.45}").assert_success();
    his.wait_rows("SELECT dec_, txt FROM c WHERE id = 2", &["1234567890.12\t12345678901234567890123.45"]);
}

/// The table for what does not fit, each column with its own way to refuse.
const PICKY: &str = "
    CREATE TABLE parents (id INT PRIMARY KEY);
    CREATE TABLE picky (
        id INT PRIMARY KEY, short VARCHAR(5), num INT, tiny TINYINT UNSIGNED, price DECIMAL(5,2), d DATE, dt DATETIME, t TIME,
        old3 VARCHAR(50) CHARACTER SET utf8mb3, latin VARCHAR(50) CHARACTER SET latin1, must VARCHAR(10) NOT NULL DEFAULT 'x',
        code ENUM('a','b'), uniq VARCHAR(10) UNIQUE, checked INT CHECK (checked < 10), parent INT,
        CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parents (id));
    INSERT INTO picky (id, uniq) VALUES (1000, 'taken');
    DELIMITER //
    CREATE TRIGGER picky_t BEFORE INSERT ON picky FOR EACH ROW
        IF NEW.short = 'no' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the HIS says no'; END IF //
    DELIMITER ;";

#[test]
fn what_does_not_fit_is_parked_alone_with_its_cause() {
    let his = His::with(PICKY);
    let columns = [
        "short", "num", "tiny", "price", "d", "dt", "t", "old3", "latin", "must", "code", "uniq", "checked",
        "parent",
    ];
    let mut fields = json!({"picky_id": "id"});
    for column in columns {
        fields[column] = json!(column);
    }
    // All of it meets in one page: the HIS is away until everything is there.
    let proxy = Proxy::before(his.port, Network::Refuse);
    let site =
        Site::new(his.section_at(proxy.port)).mapping(json!({"picky": {"table": "picky", "fields": fields}}));
    let daemon = site.start();
    let bad: [(&str, Value, &str, &str); 21] = [
        ("short", json!("sixsix"), "parked", "too-long"),
        ("short", json!("äöüßéà"), "parked", "too-long"),
        ("short", json!("no"), "parked", "mysql-1644"),
        ("num", json!("twelve"), "parked", "not-a-number"),
        ("num", json!("12 apples"), "parked", "not-a-number"),
        ("num", json!(""), "parked", "not-a-number"),
        ("num", json!(3_000_000_000_i64), "parked", "out-of-range"),
        ("num", json!(1.5), "parked", "fraction"),
        ("tiny", json!(-1), "parked", "out-of-range"),
        ("price", json!("1000.00"), "parked", "out-of-range"),
        ("price", json!("1.005"), "parked", "fraction"),
        ("d", json!("2025-02-30"), "parked", "not-a-time"),
        ("dt", json!("tomorrow"), "parked", "not-a-time"),
        ("t", json!("25:00:00"), "parked", "not-a-time"),
        ("old3", json!("well 😀"), "parked", "charset"),
        ("latin", json!("Łódź"), "parked", "charset"),
        ("must", Value::Null, "parked", "null"),
        ("code", json!("c"), "parked", ""),
        ("uniq", json!("taken"), "parked", "mysql-1062"),
        ("checked", json!(10), "parked", "mysql-4025"),
        ("parent", json!(99), "waiting", "mysql-1452"),
    ];
    for (number, (column, value, _, _)) in bad.iter().enumerate() {
        daemon.accept(&json!({"event_id": format!("good{number}"), "event_type": "picky", "picky_id": 500 + number, "short": "ok"}));
        daemon.accept(&json!({"event_id": format!("bad{number}"), "event_type": "picky", "picky_id": number, *column: value}));
    }
    proxy.set(Network::Pass);
    his.wait_rows(
        "SELECT COUNT(*), MIN(id) FROM picky WHERE short = 'ok'",
        &[&format!("{}\t500", bad.len())],
    );
    for (number, (column, value, state, cause)) in bad.iter().enumerate() {
        let event = site.wait_state(&format!("bad{number}"), state);
        let found = event["cause"].as_str().unwrap_or_default();
        assert!(!found.is_empty() && found.starts_with(cause), "{column} = {value}: {event}");
        assert!(!found.contains("apples") && !found.contains("taken"), "a cause holds a value: {found}");
        let shown = site.cli(&["events", "show", &format!("bad{number}")]).assert_code(0);
        // The database's own message names what it will; the daemon's names the column.
        if !found.starts_with("mysql-") {
            assert!(shown.contains(column), "{shown}");
        }
    }
    assert_eq!(
        his.number("SELECT COUNT(*) FROM picky WHERE id < 500"),
        0,
        "something of the bad was written"
    );
    // Windows-1252 is what latin1 holds, and three-byte characters are what utf8mb3 holds.
    daemon.accept(&json!({"event_type": "picky", "picky_id": 900, "latin": "Zoë – 5 €", "old3": "Łódź 東京", "d": "2024-02-29"}));
    his.wait_rows("SELECT latin, old3, d FROM picky WHERE id = 900", &["Zoë – 5 €\tŁódź 東京\t2024-02-29"]);
}

#[test]
fn odd_names_are_quoted() {
    let his = His::with(
        "CREATE TABLE `Order Group` (`Select` INT PRIMARY KEY, `it's` VARCHAR(20), `MiXeD Case` VARCHAR(20),
            `dash-ed` VARCHAR(20), `ünïcode` VARCHAR(20), `per%cent?` VARCHAR(20), `x); DROP TABLE t; --` VARCHAR(20));",
    );
    let site = Site::new(his.section()).mapping(json!({
        "odd": {"table": "Order Group", "key": ["n"], "fields": {
            "n": "Select", "a": "it's", "b": "MiXeD Case", "c": "dash-ed", "d": "ünïcode", "e": "per%cent?", "f": "x); DROP TABLE t; --"}},
        "case": {"table": "Order Group", "key": ["n"], "fields": {"n": "select", "c": "mixed case"}},
    }));
    let daemon = site.start();
    daemon.accept(&json!({"event_type": "odd", "n": 1, "a": "' OR 1=1 --", "b": "`", "c": "\"", "d": "\\", "e": ";", "f": "?"}));
    his.wait_rows("SELECT * FROM `Order Group`", &["1\t' OR 1=1 --\t`\t\"\t\\\\\t;\t?"]);
    daemon.accept(&json!({"event_type": "case", "n": 1, "c": "same"}));
    his.wait_rows("SELECT `MiXeD Case` FROM `Order Group`", &["same"]);
    site.cli(&["check"]).assert_code(0);
}

#[test]
fn names_with_quotes_in_them_are_quoted() {
    let his = His::with(
        "CREATE TABLE `x``; DROP TABLE ``y` (`id` INT PRIMARY KEY, `back``tick` VARCHAR(20), `say \"so\"` VARCHAR(20), `a[0]` VARCHAR(20));",
    );
    let site = Site::new(his.section()).mapping(json!({
        "evil": {"table": "x`; DROP TABLE `y", "key": ["n"], "fields": {
            "n": "id", "a": "back`tick", "b": "say \"so\"", "c": "a[0]"}},
    }));
    let daemon = site.start();
    daemon.accept(&json!({"event_type": "evil", "n": 7, "a": "1", "b": "2", "c": "3"}));
    his.wait_rows("SELECT * FROM `x``; DROP TABLE ``y`", &["7\t1\t2\t3"]);
}

#[test]
fn tables_of_other_schemas_and_keys_of_several_columns() {
    let his = His::with("CREATE TABLE k (a INT, b VARCHAR(10), v INT, PRIMARY KEY (a, b));");
    let site = Site::new(his.section()).mapping(json!({
        "k": {"table": format!("{}.k", his.name), "fields": {"first": "a", "second": "b", "value": "v"}},
    }));
    let daemon = site.start();
    for (a, b, v) in [(1, "x", 1), (1, "y", 2), (2, "x", 3), (1, "x", 4)] {
        daemon.accept(&json!({"event_type": "k", "first": a, "second": b, "value": v}));
    }
    his.wait_rows("SELECT * FROM k ORDER BY a, b", &["1\tx\t4", "1\ty\t2", "2\tx\t3"]);
    daemon.accept(&json!({"event_id": "nokey", "event_type": "k", "first": 5, "value": 3}));
    let event = site.wait_state("nokey", "parked");
    assert!(event["cause"].as_str().unwrap().starts_with("missing-key"), "{event}");
}

#[test]
fn a_second_unique_index_overwrites_nobody() {
    let his = His::with(
        "CREATE TABLE two (id INT PRIMARY KEY, slot VARCHAR(10) UNIQUE, who VARCHAR(10)); INSERT INTO two VALUES (1, 'nine', 'Ann');",
    );
    let site = Site::new(his.section())
        .mapping(json!({"two": {"table": "two", "fields": {"two_id": "id", "slot": "slot", "who": "who"}}}));
    let daemon = site.start();
    daemon.accept(
        &json!({"event_id": "clash", "event_type": "two", "two_id": 2, "slot": "nine", "who": "Bob"}),
    );
    site.wait_state("clash", "parked");
    assert_eq!(his.rows("SELECT * FROM two"), ["1\tnine\tAnn"]);
    daemon.accept(&json!({"event_type": "two", "two_id": 1, "who": "Eve"}));
    his.wait_rows("SELECT * FROM two", &["1\tnine\tEve"]);
}

/// A unique index that the HIS gets while the daemon runs makes it overwrite nobody.
#[test]
fn a_new_unique_index_overwrites_nobody() {
    let his = His::with("CREATE TABLE mr (id INT PRIMARY KEY, mrn VARCHAR(20), st VARCHAR(20));");
    let site = Site::new(his.section())
        .mapping(json!({"mr": {"table": "mr", "fields": {"mr_id": "id", "mrn": "mrn", "status": "st"}}}));
    let daemon = site.start();
    let event = |id: u32, mrn: &str, status: &str| json!({"event_type": "mr", "event_id": format!("e{id}"), "mr_id": id, "mrn": mrn, "status": status});
    daemon.accept(&event(1, "M1", "one"));
    site.wait_count("applied", 1);
    his.sql("ALTER TABLE mr ADD UNIQUE (mrn)");
    daemon.accept(&event(7, "M1", "seven"));
    let parked = site.wait_state("e7", "parked");
    assert!(parked["cause"].as_str().is_some_and(|c| c.contains("1062")), "{parked}");
    assert_eq!(his.rows("SELECT id, mrn, st FROM mr"), ["1\tM1\tone"]);
}

/// A number is never read as the number of a member.
#[test]
fn members_are_meant_by_their_text() {
    let his = His::with("CREATE TABLE en (id INT PRIMARY KEY, st ENUM('confirmed', 'cancelled'));");
    let site = Site::new(his.section())
        .mapping(json!({"en": {"table": "en", "fields": {"en_id": "id", "status": "st"}}}));
    let daemon = site.start();
    for (number, status) in
        [json!("cancelled"), json!(2), json!("2"), json!(true), json!("done")].iter().enumerate()
    {
        daemon.accept(&json!({"event_type": "en", "en_id": number, "status": status}));
    }
    site.wait_count("applied", 1);
    site.wait_count("parked", 4);
    assert_eq!(his.rows("SELECT id, st FROM en"), ["0\tcancelled"]);
}

/// A constraint that the row as it is would keep is no reason to refuse a part of it.
#[test]
fn an_update_is_judged_by_the_row_that_it_leaves() {
    let his = His::with(
        "CREATE TABLE v (id INT PRIMARY KEY, starts INT NOT NULL DEFAULT 0, ends INT NOT NULL DEFAULT 0,
             CHECK (ends >= starts));
         INSERT INTO v VALUES (1, 10, 99), (2, 10, 99);",
    );
    let site = Site::new(his.section())
        .mapping(json!({"v": {"table": "v", "fields": {"v_id": "id", "starts": "starts", "ends": "ends"}}}));
    let daemon = site.start();
    for number in [1, 2] {
        daemon.accept(&json!({"event_type": "v", "v_id": number, "starts": 20}));
    }
    site.wait_count("applied", 2);
    assert_eq!(his.rows("SELECT starts, ends FROM v"), ["20\t99", "20\t99"]);
}
