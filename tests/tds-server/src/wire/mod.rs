//! Owns types and values as bytes of TDS, both ways; never converts one type to another.

mod read;

pub(crate) use read::{Malformed, Reader};

use rusqlite::types::Value;

use crate::collation::CodePage;
use crate::convert::{guid_bytes, text_of};
use crate::datetime::{BASE, Moment};
use crate::decimal::Dec;
use crate::types::{MAX, SqlType, decimal_bytes};

use SqlType as T;

/// Bytes of a clock with this many decimals.
fn clock_bytes(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

/// `TYPE_INFO`. What cannot be NULL goes by its fixed form, as SQL Server sends it.
pub(crate) fn type_info(out: &mut Vec<u8>, ty: T, nullable: bool, collation: [u8; 5]) {
    let sized = |out: &mut Vec<u8>, token: u8, length: u32, factor: u32| {
        out.push(token);
        let bytes = if length == MAX { 0xffff } else { (length.max(1) * factor) as u16 };
        out.extend(bytes.to_le_bytes());
    };
    let fixed = |out: &mut Vec<u8>, fixed: u8, variable: u8, length: u8| {
        if nullable { out.extend([variable, length]) } else { out.push(fixed) }
    };
    match ty {
        T::Null | T::Int => fixed(out, 0x38, 0x26, 4),
        T::Bit => fixed(out, 0x32, 0x68, 1),
        T::TinyInt => fixed(out, 0x30, 0x26, 1),
        T::SmallInt => fixed(out, 0x34, 0x26, 2),
        T::BigInt => fixed(out, 0x7f, 0x26, 8),
        T::Real => fixed(out, 0x3b, 0x6d, 4),
        T::Float => fixed(out, 0x3e, 0x6d, 8),
        T::SmallMoney => fixed(out, 0x7a, 0x6e, 4),
        T::Money => fixed(out, 0x3c, 0x6e, 8),
        T::SmallDateTime => fixed(out, 0x3a, 0x6f, 4),
        T::DateTime => fixed(out, 0x3d, 0x6f, 8),
        T::Decimal(p, s) => out.extend([0x6a, decimal_bytes(p) as u8, p, s]),
        T::UniqueIdentifier => out.extend([0x24, 16]),
        T::Date => out.push(0x28),
        T::Time(n) => out.extend([0x29, n]),
        T::DateTime2(n) => out.extend([0x2a, n]),
        T::DateTimeOffset(n) => out.extend([0x2b, n]),
        T::Binary(n) => sized(out, 0xad, n, 1),
        T::VarBinary(n) => sized(out, 0xa5, n, 1),
        T::Timestamp => sized(out, 0xad, 8, 1),
        T::Char(n) => sized(out, 0xaf, n, 1),
        T::VarChar(n) => sized(out, 0xa7, n, 1),
        T::NChar(n) => sized(out, 0xef, n, 2),
        T::NVarChar(n) => sized(out, 0xe7, n, 2),
        T::Text => out.extend([0x23, 0xff, 0xff, 0xff, 0x7f]),
        T::NText => out.extend([0x63, 0xfe, 0xff, 0xff, 0x7f]),
        T::Image => out.extend([0x22, 0xff, 0xff, 0xff, 0x7f]),
        T::Variant => out.extend([0x62, 0x49, 0x1f, 0, 0]),
    }
    if ty.is_text() {
        out.extend(collation);
    }
}

/// The bytes of a number, date or GUID, without a length.
fn plain(ty: T, value: &Value) -> Vec<u8> {
    let int = || if let Value::Integer(n) = value { *n } else { 0 };
    let float = || if let Value::Real(f) = value { *f } else { int() as f64 };
    let dec =
        |scale: u8| Dec::parse(&text_of(value)).and_then(|d| d.rescale(scale).ok()).map_or(0, |d| d.value);
    let moment =
        || Moment::from_canonical(&text_of(value)).unwrap_or(Moment { days: BASE, ticks: 0, offset: None });
    let clock = |m: Moment, n: u8| {
        let ticks = m.ticks / 10_i64.pow(u32::from(7 - n));
        ticks.to_le_bytes()[..clock_bytes(n)].to_vec()
    };
    let days = |m: Moment| (m.days as u32).to_le_bytes()[..3].to_vec();
    match ty {
        T::Bit | T::TinyInt => vec![int() as u8],
        T::SmallInt => (int() as i16).to_le_bytes().to_vec(),
        T::Int | T::Null => (int() as i32).to_le_bytes().to_vec(),
        T::BigInt => int().to_le_bytes().to_vec(),
        T::Real => (float() as f32).to_le_bytes().to_vec(),
        T::Float => float().to_le_bytes().to_vec(),
        T::SmallMoney => (dec(4) as i32).to_le_bytes().to_vec(),
        T::Money => {
            let n = dec(4) as i64;
            [((n >> 32) as i32).to_le_bytes(), (n as i32).to_le_bytes()].concat()
        }
        T::Decimal(p, s) => {
            let n = dec(s);
            let mut bytes = vec![u8::from(n >= 0)];
            bytes.extend(&n.unsigned_abs().to_le_bytes()[..decimal_bytes(p) as usize - 1]);
            bytes
        }
        T::UniqueIdentifier => guid_bytes(&text_of(value)).to_vec(),
        T::Date => days(moment()),
        T::Time(n) => clock(moment(), n),
        T::DateTime2(n) => {
            let m = moment();
            [clock(m, n), days(m)].concat()
        }
        T::DateTimeOffset(n) => {
            let m = moment();
            let offset = (m.offset.unwrap_or(0) as i16).to_le_bytes().to_vec();
            [clock(m, n), days(m), offset].concat()
        }
        T::DateTime => {
            let m = moment();
            let thirds = (m.ticks * 3 + 50_000) / 100_000;
            [((m.days - BASE) as i32).to_le_bytes(), (thirds as u32).to_le_bytes()].concat()
        }
        T::SmallDateTime => {
            let m = moment();
            let minutes = (m.ticks / crate::datetime::MINUTE) as u16;
            [((m.days - BASE) as u16).to_le_bytes(), minutes.to_le_bytes()].concat()
        }
        _ => Vec::new(),
    }
}

/// A value with whatever length its type puts before it.
pub(crate) fn value(out: &mut Vec<u8>, ty: T, nullable: bool, value: &Value, page: CodePage) {
    let null = matches!(value, Value::Null);
    if ty == T::Variant {
        return variant(out, value);
    }
    if ty.is_text() || ty.is_binary() {
        let bytes = match value {
            Value::Blob(b) => b.clone(),
            other if ty.is_national() => text_of(other).encode_utf16().flat_map(u16::to_le_bytes).collect(),
            other => page.encode(&text_of(other)),
        };
        return long(out, ty, null, &bytes);
    }
    let fixed = matches!(
        ty,
        T::Null
            | T::Bit
            | T::TinyInt
            | T::SmallInt
            | T::Int
            | T::BigInt
            | T::Real
            | T::Float
            | T::SmallMoney
            | T::Money
            | T::SmallDateTime
            | T::DateTime
    );
    if null {
        out.push(0);
        return;
    }
    let bytes = plain(ty, value);
    if !fixed || nullable {
        out.push(bytes.len() as u8);
    }
    out.extend(bytes);
}

fn long(out: &mut Vec<u8>, ty: T, null: bool, bytes: &[u8]) {
    if matches!(ty, T::Text | T::NText | T::Image) {
        if null {
            out.push(0);
            return;
        }
        out.push(16);
        out.extend([0x64; 24]);
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(bytes);
    } else if ty.length() == MAX {
        if null {
            out.extend([0xff; 8]);
            return;
        }
        out.extend((bytes.len() as u64).to_le_bytes());
        for chunk in bytes.chunks(8000) {
            out.extend((chunk.len() as u32).to_le_bytes());
            out.extend(chunk);
        }
        out.extend(0u32.to_le_bytes());
    } else if null {
        out.extend([0xff, 0xff]);
    } else {
        out.extend((bytes.len() as u16).to_le_bytes());
        out.extend(bytes);
    }
}

/// `sql_variant`, with the type that the value has by itself: int, bigint, float or nvarchar.
fn variant(out: &mut Vec<u8>, value: &Value) {
    let (head, bytes): (Vec<u8>, Vec<u8>) = match value {
        Value::Null => return out.extend([0; 4]),
        Value::Integer(n) if i32::try_from(*n).is_ok() => (vec![0x38, 0], (*n as i32).to_le_bytes().to_vec()),
        Value::Integer(n) => (vec![0x7f, 0], n.to_le_bytes().to_vec()),
        Value::Real(f) => (vec![0x3e, 0], f.to_le_bytes().to_vec()),
        Value::Blob(b) => {
            let length = (b.len() as u16).to_le_bytes();
            (vec![0xa5, 2, length[0], length[1]], b.clone())
        }
        Value::Text(t) => {
            let mut head = vec![0xe7, 7];
            head.extend(crate::collation::wire("SQL_Latin1_General_CP1_CI_AS"));
            head.extend(8000u16.to_le_bytes());
            (head, t.encode_utf16().flat_map(u16::to_le_bytes).collect())
        }
    };
    out.extend(((head.len() + bytes.len()) as u32).to_le_bytes());
    out.extend(head);
    out.extend(bytes);
}
