//! What SQL Server alone has: its own types, code pages, identity columns and other makers of keys, synonyms, locks that a
//! catalog does not know.

use serde_json::json;

use super::{
    his::{His, Kind},
    rows::{apply, send, site},
};
use crate::support::wait_until;

fn his() -> His {
    His::create(Kind::SqlServer)
}

#[test]
fn each_type_keeps_its_value() {
    let his = his();
    his.run(
        "CREATE TABLE types (id UNIQUEIDENTIFIER NOT NULL PRIMARY KEY, fee MONEY, change SMALLMONEY, ratio REAL,
         old DATETIME, minute SMALLDATETIME, fine DATETIME2(7), moment DATETIMEOFFSET(3), clock TIME(3), day DATE,
         bits BIT, code NCHAR(6), name NVARCHAR(20), cyr VARCHAR(20) COLLATE Cyrillic_General_CI_AS, raw VARBINARY(8),
         big DECIMAL(38,4))",
    );
    let fields = [
        "fee", "change", "ratio", "old", "minute", "fine", "moment", "clock", "day", "bits", "code", "name",
        "cyr", "raw", "big",
    ];
    let mut mapped: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|f| ((*f).to_owned(), json!(f))).collect();
    mapped.insert("value_id".into(), json!("id"));
    let site = site(&his, json!({"value": {"table": "types", "key": "value_id", "fields": mapped}}))
        .with(json!({"database": {"timezone": "Asia/Kolkata"}}));
    let daemon = site.start();
    let id = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
    let event = json!({"event_type": "value", "value_id": format!("{{{}}}", id.to_lowercase()), "fee": "922337203685477.5807",
        "change": -214_748.364_8, "ratio": 0.1, "old": "2026-03-05T23:59:59.999", "minute": "2026-03-05T23:59:59",
        "fine": "2026-03-05T09:30:00.123456", "moment": "2026-03-05T04:00:00.5Z", "clock": "23:59:59.9999", "day": "2026-03-05",
        "bits": true, "code": "AB", "name": "Zoë 😀 漢字", "cyr": "Иван", "raw": "abc",
        "big": "9999999999999999999999999999999999.9999"});
    apply(&site, &daemon, "first", &event);
    // The row is found by its GUID, and by no other text of it.
    apply(&site, &daemon, "again", &event);
    his.assert_rows(
        "SELECT COUNT(*), CAST(MAX(fee) AS DECIMAL(19,4)), MAX(bits + 0), MAX(name), MAX(cyr) FROM types",
        &["1|922337203685477.5807|1|Zoë 😀 漢字|Иван"],
    );
    his.assert_rows(
        "SELECT old, CAST(minute AS DATETIME), fine FROM types",
        &["2026-03-05 23:59:59.997|2026-03-05 23:59:00|2026-03-05 09:30:00.123456"],
    );
    std::fs::write(site.path("event.json"), event.to_string().replace("\"first\"", "\"r\"")).unwrap();
    let words = site.cli(&["rehearse", site.path("event.json").to_str().unwrap()]).assert_code(0);
    for shown in [
        id,
        "922337203685477.58",
        "-214748.3648",
        "Иван",
        "616263",
        "9999999999999999999999999999999999.9999",
    ] {
        assert!(words.contains(shown), "{shown}: {words}");
    }
    let refused = |id: &str, field: &str, value: serde_json::Value| {
        send(&daemon, id, &json!({"event_type": "value", "value_id": id, field: value}));
        let event = site.wait_state(id, "parked");
        assert!(!event["cause"].as_str().unwrap().starts_with("sqlserver-"), "{event}");
    };
    refused("6F9619FF-8B86-D011-B42D-00C04FC964F0", "old", json!("1752-12-31T00:00:00"));
    refused("6F9619FF-8B86-D011-B42D-00C04FC964F1", "minute", json!("2079-06-07T00:00:00"));
    refused("6F9619FF-8B86-D011-B42D-00C04FC964F2", "cyr", json!("Zoë"));
    refused("6F9619FF-8B86-D011-B42D-00C04FC964F3", "change", json!(214_748.364_8));
    refused("6F9619FF-8B86-D011-B42D-00C04FC964F4", "name", json!("😀".repeat(11)));
    refused("no guid", "name", json!("x"));
}

#[test]
fn keys_of_every_maker_are_learnt() {
    let his = his();
    for (table, key) in [
        ("counted", "BIGINT IDENTITY(5,10) PRIMARY KEY"),
        ("guided", "UNIQUEIDENTIFIER NOT NULL DEFAULT NEWID() PRIMARY KEY"),
    ] {
        his.run(&format!("CREATE TABLE {table} (id {key}, note NVARCHAR(40))"));
        let mapping = json!({"visit": {"table": table, "generated_key": "id", "fields": {"note": "note"}}});
        let site = site(&his, mapping);
        let daemon = site.start();
        apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "note": "first"}));
        apply(&site, &daemon, "b", &json!({"event_type": "visit", "visit_id": 2, "note": "other"}));
        apply(&site, &daemon, "c", &json!({"event_type": "visit", "visit_id": 1, "note": "moved"}));
        his.assert_rows(&format!("SELECT note FROM {table} ORDER BY note"), &["moved", "other"]);
        daemon.stop();
    }
}

#[test]
fn an_identity_column_is_never_written() {
    let his = his();
    his.run("CREATE TABLE visits (id INT IDENTITY PRIMARY KEY, note NVARCHAR(40))");
    let check = |action: &str, code: i32, words: &str| {
        let mapping = json!({"visit": {"table": "visits", "action": action,
            "fields": {"visit_id": "id", "note": "note"}}});
        let told = site(&his, mapping).cli(&["check"]).assert_code(code);
        assert!(told.contains(words), "{told}");
    };
    check("upsert", 1, "no row with an event's number can be inserted");
    check("update", 0, "");
}

#[test]
fn names_lead_to_their_tables() {
    let his = his();
    let schema = his.other_schema();
    his.run("CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, note NVARCHAR(40))");
    his.run(&format!("CREATE TABLE {schema}.visits (id INT NOT NULL PRIMARY KEY, note NVARCHAR(40))"));
    his.allow(&format!("{schema}.visits"));
    let write = |table: &str, schema: Option<&str>, id: i32| {
        let mapping = json!({"visit": {"table": table, "fields": {"visit_id": "id", "note": "note"}}});
        let mut site = site(&his, mapping);
        if let Some(schema) = schema {
            site = site.with(json!({"database": {"schema": schema}}));
        }
        let daemon = site.start();
        apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": id, "note": table}));
        daemon.stop();
    };
    write("visits", None, 1);
    write("[dbo].[VISITS]", None, 2);
    write("visits", Some(&schema), 3);
    write(&format!("{schema}.visits"), None, 4);
    write(&format!("[{schema}].[visits]"), Some("dbo"), 5);
    his.assert_rows("SELECT id FROM dbo.visits ORDER BY id", &["1", "2"]);
    his.assert_rows(&format!("SELECT id FROM {schema}.visits ORDER BY id"), &["3", "4", "5"]);
}

#[test]
fn a_key_that_names_several_rows_changes_none() {
    let his = his();
    his.run("CREATE TABLE visits (n INT IDENTITY PRIMARY KEY, id INT, note NVARCHAR(40))");
    his.run("INSERT INTO visits (id, note) VALUES (1, 'a'), (1, 'b')");
    let mapping = json!({"visit": {"table": "visits", "fields": {"visit_id": "id", "note": "note"}}});
    let site = site(&his, mapping);
    let daemon = site.start();
    send(&daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "note": "new"}));
    let event = site.wait_state("a", "parked");
    assert_eq!(event["cause"], "many-rows");
    his.assert_rows("SELECT note FROM visits ORDER BY note", &["a", "b"]);
}

#[test]
fn a_transaction_that_is_left_open_is_no_commit() {
    let his = his();
    his.run("CREATE TABLE visits (id INT NOT NULL PRIMARY KEY)");
    his.run(
        "CREATE PROCEDURE book @id INT AS BEGIN SET NOCOUNT ON; BEGIN TRANSACTION; INSERT INTO visits (id) VALUES (@id); END",
    );
    his.allow_procedure("book");
    let sql = "EXEC book @id = :visit_id";
    let site = site(&his, json!({"visit": {"key": "visit_id", "sql": sql, "repeatable": true}}));
    let daemon = site.start();
    send(&daemon, "a", &json!({"event_type": "visit", "visit_id": 1}));
    // The server says so itself (266), or the COMMIT shows it.
    wait_until("it is refused", || site.event("a")["cause"].as_str().is_some());
    assert_eq!(site.count("applied"), 0);
    his.assert_rows("SELECT id FROM visits", &[]);
}

#[test]
fn odd_names_lead_to_their_tables() {
    let his = his();
    his.run("CREATE SCHEMA [my schema]");
    let tables = ["[my schema].[a.b]", "[my schema].[x]]y]", "[my schema].[order]", "[my schema].[it's]"];
    for (id, table) in tables.iter().enumerate() {
        his.run(&format!(
            "CREATE TABLE {table} ([the id] INT NOT NULL PRIMARY KEY, [note]]s] NVARCHAR(40), [a.b] INT)"
        ));
        his.allow(table);
        let mapping = json!({"visit": {"table": table, "key": "visit_id",
            "fields": {"visit_id": "the id", "note": "note]s", "n": "a.b"}}});
        let site = site(&his, mapping);
        let daemon = site.start();
        for note in ["first", "second"] {
            apply(
                &site,
                &daemon,
                note,
                &json!({"event_type": "visit", "visit_id": id, "note": note, "n": 1}),
            );
        }
        daemon.stop();
        his.assert_rows(
            &format!("SELECT [the id], [note]]s], [a.b] FROM {table}"),
            &[&format!("{id}|second|1")],
        );
    }
    his.run("CREATE VIEW seen AS SELECT [the id], [a.b] FROM [my schema].[a.b]");
    his.allow("seen");
    for (table, code) in [("his.[my schema].[a.b]", 0), ("seen", 0), ("master.dbo.x", 1)] {
        let mapping = json!({"visit": {"table": table, "key": "visit_id", "fields": {"visit_id": "THE ID", "n": "A.B"}}});
        site(&his, mapping).cli(&["check"]).assert_code(code);
    }
}

#[test]
fn a_merge_of_the_configurations_own_is_run() {
    let his = his();
    his.run("CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, note NVARCHAR(40))");
    let sql = "MERGE visits WITH (HOLDLOCK) AS t USING (SELECT :visit_id AS id, :note AS note) AS s ON t.id = s.id \
               WHEN MATCHED THEN UPDATE SET note = s.note \
               WHEN NOT MATCHED THEN INSERT (id, note) VALUES (s.id, s.note);";
    let site = site(&his, json!({"visit": {"key": "visit_id", "sql": sql, "repeatable": true}}));
    let daemon = site.start();
    apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "note": "first"}));
    apply(&site, &daemon, "b", &json!({"event_type": "visit", "visit_id": 1, "note": "second"}));
    his.assert_rows("SELECT id, note FROM visits", &["1|second"]);
}

#[test]
fn triggers_that_answer_and_count_do_not_confuse() {
    let his = his();
    his.run("CREATE TABLE trail (n INT IDENTITY(1000,1) PRIMARY KEY, what NVARCHAR(40))");
    his.run("CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, note NVARCHAR(40))");
    his.run("CREATE TABLE bills (n INT IDENTITY PRIMARY KEY, note NVARCHAR(40))");
    for table in ["visits", "bills"] {
        his.run(&format!(
            "CREATE TRIGGER busy_{table} ON {table} AFTER INSERT, UPDATE, DELETE AS BEGIN
                SELECT 99 AS matched, 98 AS made;
                INSERT INTO trail (what) VALUES (N'a'), (N'b'), (N'c');
                SELECT 77 AS matched;
                UPDATE trail SET what = N'd';
             END"
        ));
    }
    let fields = json!({"visit_id": "id", "note": "note"});
    let site = site(
        &his,
        json!({
            "visit": {"table": "visits", "fields": fields, "on": {"deleted": {"action": "delete"}}},
            "visit_change": {"table": "visits", "action": "update", "key": "visit_id", "fields": fields},
            "visit_once": {"table": "visits", "action": "insert", "key": "visit_id", "fields": fields},
            "bill": {"table": "bills", "generated_key": "n", "fields": {"note": "note"}},
        }),
    );
    let daemon = site.start();
    let visit = |kind: &str, id: u32, note: &str| json!({"event_type": kind, "visit_id": id, "note": note});
    apply(&site, &daemon, "a", &visit("visit", 1, "new"));
    apply(&site, &daemon, "b", &visit("visit", 1, "newer"));
    apply(&site, &daemon, "c", &visit("visit_change", 1, "changed"));
    apply(&site, &daemon, "d", &visit("visit_once", 2, "once"));
    send(&daemon, "e", &visit("visit_change", 3, "absent"));
    assert_eq!(site.wait_state("e", "parked")["cause"], "no-row");
    send(&daemon, "f", &visit("visit_once", 2, "again"));
    site.wait_state("f", "parked");
    for note in ["one", "two"] {
        apply(&site, &daemon, note, &json!({"event_type": "bill", "bill_id": 5, "note": note}));
    }
    his.assert_rows("SELECT id, note FROM visits ORDER BY id", &["1|changed", "2|once"]);
    his.assert_rows("SELECT n, note FROM bills", &["1|two"]);
    apply(&site, &daemon, "g", &visit("visit.deleted", 1, "gone"));
    his.assert_rows("SELECT id FROM visits", &["2"]);
}
