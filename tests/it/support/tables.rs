//! Tables and mappings that many tests share: those of the manual.

use serde_json::{Value, json};

/// The tables that the manual's mapping is for, as a hospital would have made them.
pub(crate) const MANUAL: &str = "
    CREATE TABLE HIS_appointments (
        HIS_appointment_id INT NOT NULL PRIMARY KEY,
        HIS_status VARCHAR(20) NOT NULL,
        HIS_created_at DATETIME NOT NULL);
    CREATE TABLE HIS_schedules (
        HIS_schedule_id INT NOT NULL PRIMARY KEY,
        HIS_new_time DATETIME NOT NULL,
        HIS_updated_at DATETIME NOT NULL);
    CREATE TABLE HIS_payments (
        HIS_payment_id INT NOT NULL PRIMARY KEY,
        HIS_amount DECIMAL(10,2) NOT NULL,
        HIS_payment_status VARCHAR(20) NOT NULL,
        HIS_paid_at DATETIME NOT NULL);";

/// The manual's mapping, to the letter.
pub(crate) const MANUAL_MAPPING: &str = r#"{
  "mapping": {
    "appointment": {
      "table": "HIS_appointments",
      "fields": {
        "appointment_id": "HIS_appointment_id",
        "status": "HIS_status",
        "received_at": "HIS_created_at"
      }
    },
    "schedule_change": {
      "table": "HIS_schedules",
      "fields": {
        "schedule_id": "HIS_schedule_id",
        "new_time": "HIS_new_time",
        "updated_at": "HIS_updated_at"
      }
    },
    "payment": {
      "table": "HIS_payments",
      "fields": {
        "payment_id": "HIS_payment_id",
        "amount": "HIS_amount",
        "status": "HIS_payment_status",
        "paid_at": "HIS_paid_at"
      }
    }
  }
}"#;

/// A small table that many events of many keys go into.
pub(crate) const VISITS: &str = "CREATE TABLE visits (
    id INT NOT NULL PRIMARY KEY, status VARCHAR(10), note VARCHAR(40), changed_at DATETIME);";

/// The mapping for [`VISITS`].
pub(crate) fn visits() -> Value {
    json!({ "visit": { "table": "visits", "fields": { "visit_id": "id", "status": "status", "note": "note" } } })
}

/// An event for [`VISITS`], with an id of its own.
pub(crate) fn visit(number: u32, status: &str) -> Value {
    json!({ "event_id": format!("v{number}-{status}"), "event_type": "visit", "visit_id": number, "status": status })
}
