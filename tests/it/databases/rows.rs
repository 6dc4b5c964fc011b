//! From the socket to the row: what is written and how values look there.

use serde_json::{Value, json};

use super::his::{His, Kind};
use crate::support::{
    daemon::{Daemon, Site},
    tables::MANUAL_MAPPING,
};

/// The manual's tables.
const MANUAL: &str = "
CREATE TABLE HIS_appointments (
    HIS_appointment_id {int} NOT NULL PRIMARY KEY,
    HIS_status {text(20)} NOT NULL,
    HIS_created_at {datetime} NOT NULL);
CREATE TABLE HIS_schedules (
    HIS_schedule_id {int} NOT NULL PRIMARY KEY,
    HIS_new_time {datetime} NOT NULL,
    HIS_updated_at {datetime} NOT NULL);
CREATE TABLE HIS_payments (
    HIS_payment_id {int} NOT NULL PRIMARY KEY,
    HIS_amount {decimal(10,2)} NOT NULL,
    HIS_payment_status {text(20)} NOT NULL,
    HIS_paid_at {datetime} NOT NULL);";

/// The daemon on a HIS with that mapping, and its folder.
pub(super) fn site(his: &His, mapping: Value) -> Site {
    Site::new(his.section()).mapping(mapping)
}

/// Sends an event and waits until it is applied.
pub(super) fn apply(site: &Site, daemon: &Daemon, id: &str, event: &Value) {
    send(daemon, id, event);
    site.wait_state(id, "applied");
}

/// Sends an event under that id.
pub(super) fn send(daemon: &Daemon, id: &str, event: &Value) {
    let mut event = event.clone();
    event["event_id"] = json!(id);
    daemon.accept(&event);
}

pub(super) fn the_manuals_events_become_rows(his: &His) {
    his.sql(MANUAL);
    let mapping: Value = serde_json::from_str(MANUAL_MAPPING).unwrap();
    let site = site(his, json!({})).with(mapping);
    let daemon = site.start();
    daemon.accept(&json!({"event_type": "appointment", "appointment_id": 123, "status": "confirmed"}));
    daemon.accept(&json!({
        "event_type": "schedule_change", "schedule_id": 456, "new_time": "2025-02-01T10:00:00Z"}));
    daemon.accept(&json!({
        "event_type": "payment", "payment_id": 789, "amount": "1500.00", "status": "paid",
        "paid_at": "2025-01-25T12:30:00Z"}));
    site.wait_count("applied", 3);
    his.assert_rows("SELECT HIS_appointment_id, HIS_status FROM HIS_appointments", &["123|confirmed"]);
    his.assert_rows("SELECT HIS_schedule_id, HIS_new_time FROM HIS_schedules", &["456|2025-02-01 10:00:00"]);
    let amount = if his.kind == Kind::MySql || his.kind == Kind::SqlServer { "1500.00" } else { "1500" };
    his.assert_rows(
        "SELECT HIS_payment_id, HIS_amount, HIS_payment_status, HIS_paid_at FROM HIS_payments",
        &[&format!("789|{amount}|paid|2025-01-25 12:30:00")],
    );
    daemon.stop();
}

const VISITS: &str = "CREATE TABLE visits (
    id {int} NOT NULL PRIMARY KEY, status {text(10)}, note {wide(40)}, changed_at {datetime})";

fn visits() -> Value {
    json!({ "visit": { "table": "visits",
        "fields": { "visit_id": "id", "status": "status", "note": "note", "updated_at": "changed_at" },
        "on": { "deleted": { "action": "delete" } } } })
}

pub(super) fn an_update_writes_what_it_has_and_a_late_one_nothing(his: &His) {
    his.sql(VISITS);
    let site = site(his, visits());
    let daemon = site.start();
    let at = |hour: u32| format!("2025-03-01T{hour:02}:00:00Z");
    apply(
        &site,
        &daemon,
        "a",
        &json!({"type": "visit.created", "timestamp": at(8), "data": {"visit_id": 1, "status": "new", "note": "x"}}),
    );
    apply(
        &site,
        &daemon,
        "b",
        &json!({"type": "visit.updated", "timestamp": at(10), "data": {"visit_id": 1, "status": "late"}}),
    );
    send(
        &daemon,
        "c",
        &json!({"type": "visit.updated", "timestamp": at(9), "data": {"visit_id": 1, "status": "old"}}),
    );
    site.wait_state("c", "stale");
    his.assert_rows("SELECT id, status, note, changed_at FROM visits", &["1|late|x|2025-03-01 10:00:00"]);
    apply(
        &site,
        &daemon,
        "d",
        &json!({"type": "visit.updated", "timestamp": at(11), "data": {"visit_id": 1, "note": null}}),
    );
    his.assert_rows("SELECT id, status, note FROM visits", &["1|late|NULL"]);
}

pub(super) fn a_deletion_is_declared(his: &His) {
    his.sql(VISITS);
    let site = site(his, visits());
    let daemon = site.start();
    for id in 1..=3 {
        let event = json!({"type": "visit.created", "data": {"visit_id": id, "status": "new"}});
        apply(&site, &daemon, &format!("c{id}"), &event);
    }
    apply(
        &site,
        &daemon,
        "d2",
        &json!({"type": "visit.deleted", "operation": "deleted", "data": {"visit_id": 2}}),
    );
    his.assert_rows("SELECT id FROM visits ORDER BY id", &["1", "3"]);
    // One that is not there is no trouble.
    apply(
        &site,
        &daemon,
        "d9",
        &json!({"type": "visit.deleted", "operation": "deleted", "data": {"visit_id": 9}}),
    );
    his.assert_rows("SELECT id FROM visits ORDER BY id", &["1", "3"]);
}

pub(super) fn values_arrive_as_they_were(his: &His) {
    his.sql(
        "CREATE TABLE vals (
            id {text(20)} NOT NULL PRIMARY KEY, small {small}, big {big}, flag {bool}, amount {decimal(12,3)}, ratio {double},
            code {char(6)}, name {wide(40)}, story {long}, born {date}, at {datetime}, fine {fine})",
    );
    let fields = ["small", "big", "flag", "amount", "ratio", "code", "name", "story", "born", "at", "fine"];
    let mut mapped: serde_json::Map<String, Value> =
        fields.iter().map(|f| ((*f).to_owned(), json!(f))).collect();
    mapped.insert("value_id".to_owned(), json!("id"));
    let site = site(his, json!({ "value": { "table": "vals", "key": "value_id", "fields": mapped } }));
    let daemon = site.start();
    let story = "long ".repeat(2000);
    let full = json!({"event_type": "value", "value_id": "A'b\"?", "small": 255, "big": 9_007_199_254_740_993_i64,
        "flag": true, "amount": "-1234567.125", "ratio": 0.5, "code": "AB", "name": "Zoë 漢字", "story": story,
        "born": "1979-02-28", "at": "2025-03-01T23:59:59Z", "fine": "2025-03-01T23:59:59.999Z"});
    apply(&site, &daemon, "full", &full);
    // The same again is the same: the key is found.
    apply(&site, &daemon, "again", &full);
    apply(
        &site,
        &daemon,
        "empty",
        &json!({"event_type": "value", "value_id": "B", "small": null, "name": null}),
    );
    his.assert_rows(
        "SELECT id, small, big, amount, ratio, name FROM vals ORDER BY id",
        &["A'b\"?|255|9007199254740993|-1234567.125|0.5|Zoë 漢字", "B|NULL|NULL|NULL|NULL|NULL"],
    );
    assert_eq!(his.rows("SELECT story FROM vals WHERE small = 255"), [story]);
    let day = if his.kind == Kind::Oracle { "1979-02-28 00:00:00" } else { "1979-02-28" };
    his.assert_rows("SELECT born, at FROM vals WHERE small = 255", &[&format!("{day}|2025-03-01 23:59:59")]);
    // SQLite's DATETIME is a text of whole seconds.
    let fine = if his.kind == Kind::Sqlite { "2025-03-01 23:59:59" } else { "2025-03-01 23:59:59.999" };
    his.assert_rows("SELECT fine FROM vals WHERE small = 255", &[fine]);
    assert_eq!(his.rows("SELECT code FROM vals WHERE small = 255")[0].trim_end(), "AB");
}

pub(super) fn hundreds_of_events_of_one_page(his: &His) {
    his.sql(VISITS);
    let site = site(his, visits());
    let daemon = site.start();
    let held = his.hold("INSERT INTO visits (id, status) VALUES (0, 'held')");
    for id in 1..=400 {
        let event =
            json!({"event_type": "visit", "visit_id": id, "status": "new", "note": format!("note {id}")});
        send(&daemon, &format!("n{id}"), &event);
    }
    for id in (1..=400).step_by(10) {
        send(&daemon, &format!("u{id}"), &json!({"event_type": "visit", "visit_id": id, "status": "moved"}));
    }
    drop(held);
    site.wait_count("applied", 440);
    assert_eq!(his.number("SELECT COUNT(*) FROM visits WHERE status = 'new'"), 360);
    assert_eq!(his.number("SELECT COUNT(*) FROM visits WHERE status = 'moved'"), 40);
    his.assert_rows("SELECT note FROM visits WHERE id = 391", &["note 391"]);
}

pub(super) fn names_that_need_quotes(his: &His) {
    let (open, close) = match his.kind {
        Kind::MySql => ('`', '`'),
        Kind::SqlServer => ('[', ']'),
        Kind::Oracle | Kind::Sqlite => ('"', '"'),
    };
    let quoted = |name: &str| format!("{open}{name}{close}");
    let (table, key, order, ask) = (quoted("Order Book"), quoted("Id No"), quoted("order"), quoted("what?"));
    his.run(&format!(
        "CREATE TABLE {table} ({key} {{int}} NOT NULL PRIMARY KEY, {order} {{text(10)}}, {ask} {{text(10)}})"
    ));
    let site = site(
        his,
        json!({ "visit": { "table": "Order Book",
        "fields": { "visit_id": "Id No", "status": "order", "note": "what?" } } }),
    );
    let daemon = site.start();
    apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "status": "x", "note": "y"}));
    apply(&site, &daemon, "b", &json!({"event_type": "visit", "visit_id": 1, "status": "z"}));
    his.assert_rows(&format!("SELECT {key}, {order}, {ask} FROM {table}"), &["1|z|y"]);
}

pub(super) fn a_table_of_another_schema(his: &His) {
    let name = his.other_schema();
    his.run(&format!("CREATE TABLE {name}.visits (id {{int}} NOT NULL PRIMARY KEY, status {{text(10)}})"));
    his.allow(&format!("{name}.visits"));
    let site = site(
        his,
        json!({ "visit": { "table": format!("{name}.visits"),
        "fields": { "visit_id": "id", "status": "status" } } }),
    );
    let daemon = site.start();
    apply(&site, &daemon, "a", &json!({"event_type": "visit", "visit_id": 1, "status": "x"}));
    his.assert_rows(&format!("SELECT id, status FROM {name}.visits"), &["1|x"]);
}

pub(super) fn the_same_event_twice_is_one_row(his: &His) {
    his.sql("CREATE TABLE log_of (n {counter}, id {int}, status {text(10)})");
    let site = site(
        his,
        json!({ "visit": { "table": "log_of", "action": "insert", "key": "visit_id",
        "fields": { "visit_id": "id", "status": "status" } } }),
    );
    let daemon = site.start();
    let event = json!({"event_id": "a", "event_type": "visit", "visit_id": 1, "status": "x"});
    assert_eq!(daemon.accept(&event)["duplicate"], json!(false));
    assert_eq!(daemon.accept(&event)["duplicate"], json!(true));
    site.wait_state("a", "applied");
    his.assert_rows("SELECT id, status FROM log_of", &["1|x"]);
}
