//! The embedded HIS of the demo: makes its tables, and reads their rows to be shown.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::ValueRef};

/// The demo's tables, in the order in which they are shown.
pub const DEMO_TABLES: [&str; 3] = ["HIS_appointments", "HIS_schedules", "HIS_payments"];

const DEMO_SQL: &str = "
    CREATE TABLE HIS_appointments (
        HIS_appointment_id INTEGER PRIMARY KEY, HIS_status VARCHAR(20), HIS_created_at DATETIME
    );
    CREATE TABLE HIS_schedules (
        HIS_schedule_id INTEGER PRIMARY KEY, HIS_new_time DATETIME, HIS_updated_at DATETIME
    );
    CREATE TABLE HIS_payments (
        HIS_payment_id INTEGER PRIMARY KEY, HIS_amount DECIMAL(10,2), HIS_payment_status VARCHAR(20),
        HIS_paid_at DATETIME
    );";

/// A table's rows as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each with a text for every column.
    pub rows: Vec<Vec<String>>,
}

/// Makes the demo's HIS in a new file.
pub fn create_demo(path: &Path) -> rusqlite::Result<()> {
    Connection::open(path)?.execute_batch(DEMO_SQL)
}

/// All rows of one of the demo's tables.
pub fn rows(path: &Path, table: &str) -> rusqlite::Result<Rows> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let count = columns.len();
    let row = |row: &rusqlite::Row<'_>| (0..count).map(|i| row.get_ref(i).map(text)).collect();
    let rows = statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
    Ok(Rows { columns, rows })
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
