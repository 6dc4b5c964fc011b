//! Owns GUIDs as texts and as bytes of the wire.

use crate::convert::refuse;
use crate::error::{SqlError, err_class};
use crate::types::SqlType;
use SqlType as T;
use rusqlite::types::Value;

/// The bytes of a GUID on the wire: its first three groups little-endian.
pub(crate) fn guid_bytes(text: &str) -> [u8; 16] {
    let hex: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    let mut raw = [0u8; 16];
    for (i, byte) in raw.iter_mut().enumerate() {
        let pair = hex.get(i * 2..i * 2 + 2).and_then(|p| std::str::from_utf8(p).ok()).unwrap_or("0");
        *byte = u8::from_str_radix(pair, 16).unwrap_or(0);
    }
    swap_guid(raw)
}

pub(crate) fn swap_guid(mut raw: [u8; 16]) -> [u8; 16] {
    raw[..4].reverse();
    raw[4..6].reverse();
    raw[6..8].reverse();
    raw
}

/// The text of a GUID's bytes on the wire.
pub(crate) fn guid_text(bytes: [u8; 16]) -> String {
    let hex: String = swap_guid(bytes).iter().map(|b| format!("{b:02X}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(crate) fn to_guid(value: &Value, from: T) -> Result<Value, SqlError> {
    let bad = || {
        err_class(
            8169,
            16,
            2,
            "Conversion failed when converting from a character string to uniqueidentifier.",
        )
    };
    match value {
        Value::Text(_) if from == T::UniqueIdentifier => Ok(value.clone()),
        Value::Text(t) if from.is_text() => {
            let t = t.trim();
            let t = t.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(t);
            let t = t.get(..36).unwrap_or(t);
            let shape = t.len() == 36
                && t.bytes().enumerate().all(|(i, b)| {
                    if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
                });
            if shape { Ok(Value::Text(t.to_uppercase())) } else { Err(bad()) }
        }
        Value::Blob(b) => {
            let mut raw = [0u8; 16];
            for (to, from) in raw.iter_mut().zip(b) {
                *to = *from;
            }
            Ok(Value::Text(guid_text(raw)))
        }
        _ => Err(refuse(from, T::UniqueIdentifier)),
    }
}
