//! Values of columns as examples write them: JSON.

use chrono_tz::Tz;
use serde_json::{Number, Value, json};

use crate::{
    examples::{CameColumn, CameValue},
    model::{
        table::ColumnType,
        value::{Literal, SqlValue},
    },
};

/// What a column is to hold, as an example would say it. Moments are written in the zone of the database.
#[must_use]
pub fn shown(column: &CameColumn, zone: Tz) -> Value {
    let value = match &column.value {
        CameValue::Key(step) => return json!({ "generated": step }),
        CameValue::Value(value) => value,
    };
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Int(n) => number(&n.to_string()),
        SqlValue::Decimal(text) => number(text),
        SqlValue::Float(n) => number(&n.to_string()),
        SqlValue::Text(text) if column.column.kind == ColumnType::Json => {
            serde_json::from_str(text).unwrap_or_else(|_| json!(text))
        }
        SqlValue::Text(text) => json!(text),
        SqlValue::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        SqlValue::Date(date) => json!(date.format("%Y-%m-%d").to_string()),
        SqlValue::Time(time) => json!(time.format("%H:%M:%S%.f").to_string()),
        SqlValue::DateTime(at) => json!(at.format("%Y-%m-%d %H:%M:%S%.f").to_string()),
        SqlValue::Instant(at) => json!(at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%.f").to_string()),
    }
}

fn number(text: &str) -> Value {
    text.parse::<Number>().map_or_else(|_| json!(text), Value::Number)
}

/// A scalar; none for an object or a list.
pub(super) fn literal(value: &Value) -> Option<Literal> {
    Some(match value {
        Value::Null => Literal::Null,
        Value::Bool(b) => Literal::Bool(*b),
        Value::Number(number) => Literal::Number(number.to_string()),
        Value::String(text) => Literal::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

/// A scalar as a database would give it as text; none for NULL.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(u8::from(*b).to_string()),
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
