//! What an SQL Server may lack or refuse: questions that it does not know, errors at each step of a transaction. The TDS test
//! server makes them by procedures of its own, so that none of this can be tried on the vendor's.

use std::env;

use serde_json::{Value, json};

use super::{
    his::{His, Kind},
    rows::{apply, send, site},
};
use crate::support::wait_equal;

const VISITS: &str = "CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), note NVARCHAR(40))";

/// The test server; none where the tests run on the vendor's.
fn double() -> Option<His> {
    env::var_os("BUKTOR_TEST_SQLSERVER").is_none().then(|| His::create(Kind::SqlServer))
}

/// The next statements like this fail with that error.
fn fail(his: &His, pattern: &str, number: u32, class: u8, times: u32) {
    his.run(&format!("EXEC buktor_test_fail N'{pattern}', {number}, {class}, {times}"));
}

fn visits(action: &str) -> Value {
    json!({"visit": {"table": "visits", "action": action,
        "fields": {"visit_id": "id", "name": "name", "note": "note"}}})
}

#[test]
fn a_server_that_knows_less_is_written_to_all_the_same() {
    let Some(his) = double() else { return };
    his.run(VISITS);
    let questions = [
        "%COLLATIONPROPERTY%",
        "%sys.synonyms%",
        "%is_ms_shipped%",
        "%sys.objects%",
        "%sys.trigger_events%",
        "%sys.triggers%",
        "%sys.foreign_keys%",
        "%sys.default_constraints%",
        "%is_hypothetical%",
        "%generated_always_type%",
        "%u.user_type_id%",
        "%HAS_PERMS_BY_NAME%",
        "%DATABASEPROPERTYEX%",
        "%SERVERPROPERTY%",
        "%USER_NAME()%",
        "%sys.databases%",
        "%IS_SRVROLEMEMBER%",
        "%SYSDATETIMEOFFSET%",
        "SET DEADLOCK_PRIORITY%",
        "SET DATEFORMAT%",
        "SET TEXTSIZE%",
        "SET IMPLICIT_TRANSACTIONS%",
        "SET LOCK_TIMEOUT%",
    ];
    let site = site(&his, visits("upsert"));
    for question in questions {
        fail(&his, question, 195, 15, 10_000);
        let words = site.cli(&["check"]);
        assert_eq!(words.code, 0, "{question}: {words:?}");
        his.run("EXEC buktor_test_reset");
    }
    for question in questions.iter().filter(|q| !q.contains("PROPERTYEX") && !q.contains("PRIORITY")) {
        fail(&his, question, 207, 16, 10_000);
    }
    // No question about the server itself is worth the connection, whatever it fails for.
    for question in ["%DATABASEPROPERTYEX%", "%HAS_PERMS_BY_NAME%", "SET DEADLOCK_PRIORITY%"] {
        fail(&his, question, 1222, 16, 10_000);
    }
    let daemon = site.start();
    apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "name": "a", "note": "b"}));
    his.assert_rows("SELECT id, name, note FROM visits", &["1|a|b"]);
}

#[test]
fn an_error_at_any_step_loses_and_doubles_nothing() {
    let Some(his) = double() else { return };
    his.run("CREATE TABLE visits (n INT IDENTITY PRIMARY KEY, id INT, name VARCHAR(20), note NVARCHAR(40))");
    let mapping = json!({"visit": {"table": "visits", "generated_key": "n",
        "fields": {"note": "note", "name": "name"}}});
    let site = site(&his, mapping);
    let daemon = site.start();
    apply(&site, &daemon, "first", &json!({"event_type": "visit", "visit_id": 0, "note": "0"}));
    let mut id = 0;
    for step in ["BEGIN TRANSACTION%", "INSERT%", "COMMIT%", "IF @@TRANCOUNT%"] {
        for (number, class) in [(1205, 13), (3902, 16), (596, 21), (12_345, 16)] {
            id += 1;
            if step.starts_with("IF") {
                fail(&his, "INSERT%", 1205, 13, 1);
            }
            fail(&his, step, number, class, 1);
            let note = id.to_string();
            send(&daemon, &note, &json!({"event_type": "visit", "visit_id": id, "note": note}));
            wait_equal(&format!("{step} {number}"), &json!("applied"), || site.event(&note)["state"].clone());
            his.run("EXEC buktor_test_reset");
        }
    }
    assert_eq!(his.number("SELECT COUNT(*) FROM visits"), id + 1);
    assert_eq!(his.number("SELECT COUNT(DISTINCT note) FROM visits"), id + 1);
}
