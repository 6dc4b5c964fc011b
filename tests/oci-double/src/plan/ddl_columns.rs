//! How the dictionary keeps columns. It must never keep a type that a column has not.

use crate::plan::types::Ty;
use crate::plan::{ident, literal};

/// How the dictionary describes a type: name, bytes, characters, unit, precision, scale.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) numbers: [Option<i64>; 4],
    pub(crate) unit: Option<&'static str>,
}

pub(crate) fn shape(ty: Ty, by_char: bool) -> Shape {
    let sized = |name, bytes: u32, chars: u32, unit| Shape {
        name,
        numbers: [Some(bytes.into()), Some(chars.into()), None, None],
        unit: Some(unit),
    };
    let plain = |name, length, precision: Option<i64>, scale: Option<i64>| Shape {
        name,
        numbers: [Some(length), None, precision, scale],
        unit: None,
    };
    match ty {
        Ty::Varchar { bytes, chars, national: false } => {
            sized("VARCHAR2", bytes, chars, if by_char || bytes != chars { "C" } else { "B" })
        }
        Ty::Varchar { bytes, chars, national: true } => sized("NVARCHAR2", bytes, chars, "C"),
        Ty::Char { bytes, chars, national: false } => {
            sized("CHAR", bytes, chars, if by_char || bytes != chars { "C" } else { "B" })
        }
        Ty::Char { bytes, chars, national: true } => sized("NCHAR", bytes, chars, "C"),
        Ty::Number { precision: 0, scale: -127 } => plain("NUMBER", 22, None, None),
        Ty::Number { precision, scale } => plain("NUMBER", 22, Some(precision.into()), Some(scale.into())),
        Ty::Float(p) => plain("FLOAT", 22, Some(p.into()), None),
        Ty::BFloat => plain("BINARY_FLOAT", 4, None, None),
        Ty::BDouble => plain("BINARY_DOUBLE", 8, None, None),
        Ty::Date => plain("DATE", 7, None, None),
        Ty::Ts(n) => plain("TIMESTAMP", 11, None, Some(n.into())),
        Ty::TsTz(n) => plain("TIMESTAMP WITH TIME ZONE", 13, None, Some(n.into())),
        Ty::TsLtz(n) => plain("TIMESTAMP WITH LOCAL TIME ZONE", 11, None, Some(n.into())),
        Ty::Raw(n) => plain("RAW", n.into(), None, None),
        Ty::Clob { national } => plain(if national { "NCLOB" } else { "CLOB" }, 4000, None, None),
        Ty::Blob => plain("BLOB", 4000, None, None),
        Ty::Long => plain("LONG", 0, None, None),
        Ty::Rowid => plain("ROWID", 10, None, None),
        Ty::IntervalDs => plain("INTERVAL DAY TO SECOND", 11, Some(2), Some(6)),
        Ty::IntervalYm => plain("INTERVAL YEAR TO MONTH", 5, Some(2), None),
        Ty::Null | Ty::Bool => plain("BOOLEAN", 1, None, None),
    }
}

/// The dictionary's row of a column.
pub(crate) fn column_row(
    owner: &str,
    table: &str,
    name: &str,
    id: &str,
    shape: &Shape,
    rest: &[(&str, String)],
) -> String {
    let number = |n: Option<i64>| n.map_or("NULL".to_owned(), |n| n.to_string());
    let [length, chars, precision, scale] = shape.numbers;
    let mut columns = "owner, tab, name, quoted, id, type, length, chars, unit, prec, scale".to_owned();
    let mut values = format!(
        "{}, {}, {}, {}, {id}, {}, {}, {}, {}, {}, {}",
        literal(owner),
        literal(table),
        literal(name),
        literal(&ident(name)),
        literal(shape.name),
        number(length),
        number(chars),
        shape.unit.map_or("NULL".to_owned(), literal),
        number(precision),
        number(scale)
    );
    for (column, value) in rest {
        columns.push_str(&format!(", {column}"));
        values.push_str(&format!(", {value}"));
    }
    format!("INSERT INTO ora.columns ({columns}) VALUES ({values})")
}

/// The statement that makes a table's holding trigger anew.
pub(crate) fn hold(owner: &str, table: &str) -> String {
    let relation = format!("{}.{}", ident(owner), ident(table));
    let function = format!("{}.{}", ident(owner), ident(&format!("c~{table}")));
    format!(
        "SELECT ora.hold({}, {}, {}, {})",
        literal(owner),
        literal(table),
        literal(&relation),
        literal(&function)
    )
}

pub(crate) fn system_name(parts: &[&str]) -> String {
    let mut hash = 7u64;
    for byte in parts.join(".").bytes() {
        hash = hash.wrapping_mul(131).wrapping_add(byte.into());
    }
    format!("SYS_C{:08}", hash % 100_000_000)
}
