//! The grammar alone: what is taken, what is refused with which number, and what the client library sees without its server.

use crate::sql::parse::{Rules, parse};
use crate::sql::probe::{Kind, probe};

const NEW: Rules = Rules { major: 19, minor: 0 };

fn check(sql: &str, rules: Rules, expected: i32) {
    let got = parse(sql, rules).map_or_else(|e| e.code, |_| 0);
    assert_eq!(got, expected, "{sql}");
}

#[test]
fn what_is_taken_and_what_is_refused() {
    for (sql, expected) in [
        ("SELECT 1 FROM DUAL", 0),
        ("SELECT 1", 923),
        ("SELECT 1 FROM DUAL;", 911),
        ("SELECT a FROM t AS x", 933),
        ("SELECT a FROM t x, (SELECT 1 b FROM DUAL) y WHERE x.a = y.b(+)", 3001),
        ("SELECT a FROM t LIMIT 5", 933),
        ("SELECT a, FROM t", 936),
        ("SELECT a FROM t WHERE a IN (1,", 936),
        ("SELECT a FROM t WHERE (a = 1", 907),
        ("SELECT a b c FROM t", 923),
        ("SELECT 'x FROM t", 1756),
        ("SELECT \"\" FROM t", 1741),
        ("SELECT `a` FROM t", 911),
        ("SELECT a FROM t WHERE a = ?", 911),
        ("SELECT a FROM t FETCH FIRST 5 ROWS ONLY", 0),
        ("SELECT a FROM t FOR UPDATE WAIT 5", 0),
        ("INSERT INTO t (a) VALUES (1), (2)", 933),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING", 933),
        ("INSERT INTO t (a b) VALUES (1)", 917),
        ("INSERT INTO t (a) VALUES (1) RETURNING a INTO :1", 0),
        ("INSERT INTO t (a) VALUES (1) RETURNING a, b INTO :1", 947),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1", 906),
        ("MERGE INTO t USING s ON (t.a = s.a) WHEN MATCHED THEN UPDATE SET b = 1", 0),
        ("UPDATE t SET a 1", 927),
        ("UPDATE t SET (a, b) = (SELECT 1, 2 FROM DUAL) WHERE c IS NOT NULL", 0),
        ("DELETE t WHERE a BETWEEN 1 AND 2 OR NOT EXISTS (SELECT 1 FROM u)", 0),
        ("BEGIN p(:1); END;", 0),
        ("BEGIN p(:1) END;", 6550),
        ("CREATE TABLE t (a NUMBER GENERATED ALWAYS AS IDENTITY, b AS (a * 2) VIRTUAL, CHECK (a > 0))", 0),
        ("ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY' TIME_ZONE = '+01:00'", 0),
        ("EXPLODE", 900),
    ] {
        check(sql, NEW, expected);
    }
}

#[test]
fn versions_differ() {
    let old = Rules { major: 11, minor: 2 };
    let free = Rules { major: 23, minor: 0 };
    let long = format!("SELECT {} FROM DUAL", "x".repeat(31));
    check(&long, old, 972);
    check(&long, NEW, 0);
    check("SELECT a FROM t FETCH FIRST 5 ROWS ONLY", old, 933);
    check("CREATE TABLE t (a NUMBER GENERATED ALWAYS AS IDENTITY)", old, 2000);
    check("SELECT 1", free, 0);
    check("INSERT INTO t (a) VALUES (1), (2)", free, 0);
}

#[test]
fn the_client_knows_kinds_and_placeholders() {
    let see = |sql: &str| {
        let seen = probe(sql);
        (seen.kind, seen.binds.join(","), seen.returning)
    };
    assert_eq!(see("INSERT INTO t VALUES (:1, ':x', :a, :1) -- :c"), (Kind::Insert, "1,A,1".into(), false));
    assert_eq!(see("begin p(:a, :b, :a); end;"), (Kind::Begin, "A,B".into(), false));
    assert_eq!(see("UPDATE t SET a = 1 RETURNING b INTO :x"), (Kind::Update, "X".into(), true));
    assert_eq!(
        see("CREATE TRIGGER x BEFORE INSERT ON t BEGIN :NEW.a := 1; END;"),
        (Kind::Create, String::new(), false)
    );
    assert_eq!(see("(SELECT 1 FROM DUAL)").0, Kind::Select);
}
