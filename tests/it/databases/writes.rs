//! Actions, write rules, markers and statements of the configuration's own.

use serde_json::json;

use super::{
    his::His,
    rows::{apply, send, site},
};

pub(super) fn what_is_written_once_stays(his: &His) {
    his.sql("CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, made {text(10)}, phone {text(10)}, status {text(10)})");
    let site = site(
        his,
        json!({ "visit": { "table": "visits", "fields": {
        "visit_id": "id", "status": "status",
        "made": { "column": "made", "write": "insert_only" }, "phone": { "column": "phone", "write": "if_null" } } } }),
    );
    let daemon = site.start();
    apply(
        &site,
        &daemon,
        "a",
        &json!({"event_type": "visit", "visit_id": 1, "made": "first", "status": "x"}),
    );
    apply(
        &site,
        &daemon,
        "b",
        &json!({"event_type": "visit", "visit_id": 1, "made": "second", "phone": "1", "status": "y"}),
    );
    apply(
        &site,
        &daemon,
        "c",
        &json!({"event_type": "visit", "visit_id": 1, "made": "third", "phone": "2", "status": "z"}),
    );
    his.assert_rows("SELECT id, made, phone, status FROM visits", &["1|first|1|z"]);
}

pub(super) fn an_update_without_its_row_is_parked(his: &His) {
    his.sql("CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, status {text(10)});\nINSERT INTO visits VALUES (1, 'old')");
    let site = site(
        his,
        json!({ "visit": { "table": "visits", "action": "update",
        "fields": { "visit_id": "id", "status": "status" } } }),
    );
    let daemon = site.start();
    for id in 1..=3 {
        send(&daemon, &format!("v{id}"), &json!({"event_type": "visit", "visit_id": id, "status": "new"}));
    }
    site.wait_state("v1", "applied");
    for id in ["v2", "v3"] {
        assert_eq!(site.wait_state(id, "parked")["cause"], json!("no-row"));
    }
    his.assert_rows("SELECT id, status FROM visits", &["1|new"]);
}

pub(super) fn an_insert_with_a_key_finds_its_row(his: &His) {
    his.sql("CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, status {text(10)});\nINSERT INTO visits VALUES (1, 'theirs')");
    let site = site(
        his,
        json!({ "visit": { "table": "visits", "action": "insert",
        "fields": { "visit_id": "id", "status": "status" } } }),
    );
    let daemon = site.start();
    send(&daemon, "v1", &json!({"event_type": "visit", "visit_id": 1, "status": "ours"}));
    apply(&site, &daemon, "v2", &json!({"event_type": "visit", "visit_id": 2, "status": "ours"}));
    assert_eq!(site.wait_state("v1", "parked")["cause"], json!("row-exists"));
    his.assert_rows("SELECT id, status FROM visits ORDER BY id", &["1|theirs", "2|ours"]);
}

pub(super) fn a_marker_table_holds_what_was_done(his: &His) {
    his.sql(
        "CREATE TABLE total_of (id {int} NOT NULL PRIMARY KEY, amount {int} NOT NULL);
INSERT INTO total_of VALUES (1, 0);
CREATE TABLE marks (mark {text(80)} NOT NULL PRIMARY KEY)",
    );
    let site = site(
        his,
        json!({ "payment": { "steps": [ {
        "name": "add", "sql": "UPDATE total_of SET amount = amount + :amount WHERE id = :account",
        "marker": { "table": "marks", "column": "mark" } } ] } }),
    );
    let daemon = site.start();
    for n in 1..=5 {
        apply(&site, &daemon, &format!("p{n}"), &json!({"event_type": "payment", "account": 1, "amount": n}));
    }
    his.assert_rows("SELECT amount FROM total_of", &["15"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM marks"), 5);
}

pub(super) fn a_procedure_is_called(his: &His) {
    his.sql("CREATE TABLE visits (id {int} NOT NULL PRIMARY KEY, status {text(10)})");
    his.run(his.pick([
        "CREATE PROCEDURE book (IN p_id INT, IN p_status VARCHAR(10)) BEGIN INSERT INTO visits (id, status) VALUES (p_id, p_status); END",
        "CREATE PROCEDURE book @p_id INT, @p_status VARCHAR(10) AS BEGIN SET NOCOUNT ON; INSERT INTO visits (id, status) VALUES (@p_id, @p_status); END",
        "CREATE PROCEDURE book (p_id IN NUMBER, p_status IN VARCHAR2) AS BEGIN INSERT INTO visits (id, status) VALUES (p_id, p_status); END;",
        "",
    ]));
    his.allow_procedure("book");
    let sql = his.pick([
        "CALL book(:visit_id, :status)",
        "EXEC book @p_id = :visit_id, @p_status = :status",
        "BEGIN book(:visit_id, :status); END;",
        "",
    ]);
    let site = site(his, json!({ "visit": { "key": "visit_id", "sql": sql, "repeatable": true } }));
    let daemon = site.start();
    apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "status": "x"}));
    his.assert_rows("SELECT id, status FROM visits", &["1|x"]);
    send(&daemon, "b", &json!({"event_type": "visit", "visit_id": 1, "status": "y"}));
    site.wait_state("b", "parked");
}
