//! The manual, to the letter: what a hospital's technician types from it must do what it says.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::Path,
};

use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, EXECUTABLE, Site, executable},
    http::Client,
    mariadb::His,
    tables::{MANUAL, MANUAL_MAPPING},
};

/// The requests of the manual's chapter 4, bodies to the byte.
const APPOINTMENT: &str = r#"{"event_type": "appointment", "appointment_id": 123, "status": "confirmed"}"#;
const SCHEDULE: &str =
    r#"{"event_type": "schedule_change", "schedule_id": 456, "new_time": "2025-03-03T09:00:00"}"#;
const PAYMENT: &str = r#"{"event_type": "payment", "payment_id": 789, "amount": "1500", "status": "paid", "paid_at": "2025-03-02T11:00:00"}"#;

/// The manual's two fragments joined, with the database that the technician has.
fn manual_config(his: &His) -> Value {
    let mut config: Value = serde_json::from_str(MANUAL_MAPPING).unwrap();
    config["database"] = json!({
        "type": "mysql",
        // The manual's example names no port, as a HIS has MySQL on the usual one; the test's server has another.
        "host": format!("127.0.0.1:{}", his.port),
        "user": his.name,
        "password": his.password(),
        "database": his.name,
    });
    config
}

/// A copy of the executable in that folder: hard-linked where the file system can, as it is large.
fn install(folder: &Path) -> std::path::PathBuf {
    let copy = folder.join("buktor-middleware");
    if fs::hard_link(EXECUTABLE, &copy).is_err() {
        fs::copy(EXECUTABLE, &copy).unwrap();
    }
    copy
}

#[test]
fn works_as_written() {
    let his = His::with(MANUAL);
    let folder = tempfile::tempdir().unwrap();
    let copy = install(folder.path());
    // One test run at a time has the manual's port; where something else has it, the configuration moves.
    let lock = File::create(std::env::temp_dir().join("buktor-test-port-5000.lock")).unwrap();
    lock.lock().unwrap();
    let mut config = manual_config(&his);
    let free = TcpListener::bind("127.0.0.1:5000").is_ok();
    if !free {
        config["server"] = json!({ "listen": "127.0.0.1:0" });
    }
    fs::write(folder.path().join("his-config.json"), serde_json::to_string_pretty(&config).unwrap()).unwrap();

    let daemon = Daemon::start(executable(&copy));
    if free {
        assert_eq!(daemon.address, SocketAddr::from(([127, 0, 0, 1], 5000)));
    }
    for body in [APPOINTMENT, SCHEDULE, PAYMENT] {
        daemon.post_text(body).assert_success();
    }
    his.wait_rows("SELECT HIS_appointment_id, HIS_status FROM HIS_appointments", &["123\tconfirmed"]);
    his.wait_rows("SELECT HIS_schedule_id, HIS_new_time FROM HIS_schedules", &["456\t2025-03-03 09:00:00"]);
    his.wait_rows("SELECT * FROM HIS_payments", &["789\t1500.00\tpaid\t2025-03-02 11:00:00"]);
    // What the daemon fills by itself: when it received the event, in the machine's own time.
    let near = "ABS(TIMESTAMPDIFF(SECOND, NOW(), {})) < 60";
    let filled =
        |column: &str, table: &str| his.sql(&format!("SELECT {} FROM {table}", near.replace("{}", column)));
    assert_eq!(filled("HIS_created_at", "HIS_appointments"), "1\n");
    assert_eq!(filled("HIS_updated_at", "HIS_schedules"), "1\n");

    let printed = daemon.stop();
    let folder_name = folder.path().to_str().unwrap();
    for expected in
        ["his-config.json", folder_name, &his.name, "HIS_appointments", "HIS_schedules", "HIS_payments"]
    {
        assert!(printed.contains(expected), "{expected:?} is not in what it printed at the start: {printed}");
    }
    assert!(!printed.contains(&his.password()), "the password was printed: {printed}");
}

#[test]
fn a_later_event_leaves_other_columns_alone() {
    let his = His::with(MANUAL);
    let site = Site::new(his.section()).with(serde_json::from_str(MANUAL_MAPPING).unwrap());
    let daemon = site.start();
    daemon.post_text(APPOINTMENT).assert_success();
    his.wait_rows("SELECT HIS_status FROM HIS_appointments", &["confirmed"]);
    // A creation time that the daemon would not write, so that writing it again would show.
    his.sql("UPDATE HIS_appointments SET HIS_created_at = '2001-02-03 04:05:06'");
    daemon.accept(&json!({"event_type": "appointment", "appointment_id": 123, "status": "cancelled"}));
    his.wait_rows("SELECT * FROM HIS_appointments", &["123\tcancelled\t2001-02-03 04:05:06"]);
    daemon.post_text(PAYMENT).assert_success();
    his.wait_rows("SELECT HIS_payment_status FROM HIS_payments", &["paid"]);
    daemon.accept(&json!({"event_type": "payment", "payment_id": 789, "status": "refunded"}));
    his.wait_rows("SELECT * FROM HIS_payments", &["789\t1500.00\trefunded\t2025-03-02 11:00:00"]);
}

#[test]
fn enveloped_events_work_too() {
    let his = His::with(MANUAL);
    let site = Site::new(his.section()).with(serde_json::from_str(MANUAL_MAPPING).unwrap());
    let daemon = site.start();
    let reply = daemon.accept(&json!({
        "event_id": "evt_123456", "timestamp": "2025-01-08T12:00:00Z", "type": "appointment.created",
        "operation": "created", "data": {"appointment_id": 77, "status": "confirmed"}, "source": "Buktor",
    }));
    assert_eq!(reply["event_id"], "evt_123456", "{reply}");
    his.wait_rows("SELECT HIS_appointment_id, HIS_status FROM HIS_appointments", &["77\tconfirmed"]);
    // The envelope's time is the event's own.
    daemon.accept(&json!({
        "event_id": "evt_2", "timestamp": "2025-01-08T12:00:00Z", "type": "schedule_change.updated",
        "data": {"schedule_id": 1, "new_time": "2025-03-03T09:00:00"},
    }));
    his.wait_rows("SELECT * FROM HIS_schedules", &["1\t2025-03-03 09:00:00\t2025-01-08 12:00:00"]);
}

#[test]
fn one_connection_carries_many_requests() {
    let his = His::with(MANUAL);
    let site = Site::new(his.section()).with(serde_json::from_str(MANUAL_MAPPING).unwrap());
    let daemon = site.start();
    let mut client = Client::connect(daemon.address).unwrap();
    for id in 1..=50 {
        let event = json!({"event_type": "appointment", "appointment_id": id, "status": "confirmed"});
        client.post(&event).unwrap().assert_success();
    }
    his.wait_rows(
        "SELECT COUNT(*), MIN(HIS_appointment_id), MAX(HIS_appointment_id) FROM HIS_appointments",
        &["50\t1\t50"],
    );
}
