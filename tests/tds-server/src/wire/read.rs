//! Owns the reading of TDS: numbers, texts, types and values as clients send them; never converts one type to another.

use crate::collation::CodePage;
use crate::convert::guid_text;
use crate::datetime::{BASE, Moment};
use crate::decimal::{Dec, ten};
use crate::login::utf16;
use crate::types::{MAX, SqlType};
use SqlType as T;
use rusqlite::types::Value;

/// Bytes that are read from their beginning.
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

/// A message that ends before it should, or a type that no client sends.
#[derive(Debug)]
pub(crate) struct Malformed;

type Read<T> = Result<T, Malformed>;

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }
    pub(crate) fn is_end(&self) -> bool {
        self.at >= self.data.len()
    }
    pub(crate) fn bytes(&mut self, n: usize) -> Read<&'a [u8]> {
        let bytes = self.data.get(self.at..self.at + n).ok_or(Malformed)?;
        self.at += n;
        Ok(bytes)
    }
    pub(crate) fn u8(&mut self) -> Read<u8> {
        Ok(self.bytes(1)?[0])
    }
    pub(crate) fn u16(&mut self) -> Read<u16> {
        Ok(u16::from_le_bytes(self.bytes(2)?.try_into().map_err(|_| Malformed)?))
    }
    pub(crate) fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_le_bytes(self.bytes(4)?.try_into().map_err(|_| Malformed)?))
    }
    pub(crate) fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.bytes(8)?.try_into().map_err(|_| Malformed)?))
    }
    /// UTF-16 of so many units.
    pub(crate) fn text(&mut self, units: usize) -> Read<String> {
        Ok(utf16(self.bytes(units * 2)?))
    }
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.data[self.at.min(self.data.len())..];
        self.at = self.data.len();
        rest
    }

    /// `TYPE_INFO` and the value behind it.
    pub(crate) fn typed(&mut self, page: CodePage) -> Read<(T, Value)> {
        let token = self.u8()?;
        match token {
            0x1f => Ok((T::Null, Value::Null)),
            0x30 | 0x32 | 0x34 | 0x38 | 0x3a | 0x3b | 0x3c | 0x3d | 0x3e | 0x7a | 0x7f => {
                let (ty, n) = match token {
                    0x30 => (T::TinyInt, 1),
                    0x32 => (T::Bit, 1),
                    0x34 => (T::SmallInt, 2),
                    0x38 => (T::Int, 4),
                    0x3a => (T::SmallDateTime, 4),
                    0x3b => (T::Real, 4),
                    0x3c => (T::Money, 8),
                    0x3d => (T::DateTime, 8),
                    0x3e => (T::Float, 8),
                    0x7a => (T::SmallMoney, 4),
                    _ => (T::BigInt, 8),
                };
                Ok((ty, parse(ty, self.bytes(n)?)?))
            }
            0x24 | 0x26 | 0x68 | 0x6d | 0x6e | 0x6f => {
                let size = self.u8()?;
                let ty = match (token, size) {
                    (0x24, _) => T::UniqueIdentifier,
                    (0x26, 1) => T::TinyInt,
                    (0x26, 2) => T::SmallInt,
                    (0x26, 4) => T::Int,
                    (0x26, _) => T::BigInt,
                    (0x68, _) => T::Bit,
                    (0x6d, 4) => T::Real,
                    (0x6d, _) => T::Float,
                    (0x6e, 4) => T::SmallMoney,
                    (0x6e, _) => T::Money,
                    (_, 4) => T::SmallDateTime,
                    _ => T::DateTime,
                };
                self.short(ty)
            }
            0x6a | 0x6c => {
                self.u8()?;
                let (p, s) = (self.u8()?, self.u8()?);
                self.short(T::Decimal(p, s))
            }
            0x28 => self.short(T::Date),
            0x29 => {
                let n = self.u8()?;
                self.short(T::Time(n))
            }
            0x2a => {
                let n = self.u8()?;
                self.short(T::DateTime2(n))
            }
            0x2b => {
                let n = self.u8()?;
                self.short(T::DateTimeOffset(n))
            }
            _ => self.typed_long(token, page),
        }
    }

    fn short(&mut self, ty: T) -> Read<(T, Value)> {
        let n = usize::from(self.u8()?);
        if n == 0 {
            return Ok((ty, Value::Null));
        }
        Ok((ty, parse(ty, self.bytes(n)?)?))
    }

    fn typed_long(&mut self, token: u8, page: CodePage) -> Read<(T, Value)> {
        if matches!(token, 0x22 | 0x23 | 0x63) {
            self.u32()?;
            if token != 0x22 {
                self.bytes(5)?;
            }
            let n = self.u32()?;
            let ty = match token {
                0x22 => T::Image,
                0x23 => T::Text,
                _ => T::NText,
            };
            if n == u32::MAX {
                return Ok((ty, Value::Null));
            }
            return Ok((ty, long_value(ty, self.bytes(n as usize)?, page)));
        }
        let size = self.u16()?;
        let length = if size == 0xffff { MAX } else { u32::from(size) };
        let half = if length == MAX { MAX } else { length / 2 };
        let ty = match token {
            0xa5 => T::VarBinary(length),
            0xad => T::Binary(length),
            0xa7 => T::VarChar(length),
            0xaf => T::Char(length),
            0xe7 => T::NVarChar(half),
            0xef => T::NChar(half),
            _ => return Err(Malformed),
        };
        if ty.is_text() {
            self.bytes(5)?;
        }
        let bytes = if size == 0xffff {
            match self.chunks()? {
                Some(bytes) => bytes,
                None => return Ok((ty, Value::Null)),
            }
        } else {
            match self.u16()? {
                0xffff => return Ok((ty, Value::Null)),
                n => self.bytes(usize::from(n))?.to_vec(),
            }
        };
        Ok((ty, long_value(ty, &bytes, page)))
    }

    /// PLP.
    fn chunks(&mut self) -> Read<Option<Vec<u8>>> {
        if self.u64()? == u64::MAX {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        loop {
            match self.u32()? {
                0 => return Ok(Some(bytes)),
                n => bytes.extend_from_slice(self.bytes(n as usize)?),
            }
        }
    }
}

fn long_value(ty: T, bytes: &[u8], page: CodePage) -> Value {
    if ty.is_binary() {
        Value::Blob(bytes.to_vec())
    } else if ty.is_national() {
        Value::Text(utf16(bytes))
    } else {
        Value::Text(page.decode(bytes))
    }
}

/// The value of a number, date or GUID.
fn parse(ty: T, bytes: &[u8]) -> Read<Value> {
    let wide = |part: &[u8]| part.iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    let moment = |days: i64, ticks: i64, offset: Option<i32>| {
        let moment = Moment { days, ticks, offset };
        moment.fit(ty).map(|m| Value::Text(m.canonical(ty))).ok_or(Malformed)
    };
    let dec = |value: i128, scale: u8| Value::Text(Dec { value, scale }.to_string());
    Ok(match (ty, bytes) {
        (T::Bit | T::TinyInt, [b]) => Value::Integer(i64::from(*b)),
        (T::SmallInt, [_, _]) => Value::Integer(i64::from(wide(bytes) as i16)),
        (T::Int, [_, _, _, _]) => Value::Integer(i64::from(wide(bytes) as i32)),
        (T::BigInt, _) => Value::Integer(wide(bytes) as i64),
        (T::Real, [a, b, c, d]) => Value::Real(f64::from(f32::from_le_bytes([*a, *b, *c, *d]))),
        (T::Float, _) => Value::Real(f64::from_bits(wide(bytes))),
        (T::SmallMoney, _) => dec(i128::from(wide(bytes) as i32), 4),
        (T::Money, [_, _, _, _, _, _, _, _]) => {
            dec(i128::from(((wide(&bytes[..4]) << 32) | wide(&bytes[4..])) as i64), 4)
        }
        (T::Decimal(_, s), [sign, rest @ ..]) => {
            let value = rest.iter().rev().fold(0u128, |n, b| (n << 8) | u128::from(*b));
            if value >= ten(38).unsigned_abs() {
                return Err(Malformed);
            }
            dec(if *sign == 0 { -(value as i128) } else { value as i128 }, s)
        }
        (T::UniqueIdentifier, _) => Value::Text(guid_text(bytes.try_into().map_err(|_| Malformed)?)),
        (T::Date, _) => moment(wide(bytes) as i64, 0, None)?,
        (T::Time(n), _) => moment(BASE, wide(bytes) as i64 * 10_i64.pow(u32::from(7 - n)), None)?,
        (T::DateTime2(n), _) if bytes.len() > 3 => {
            let (clock, days) = bytes.split_at(bytes.len() - 3);
            moment(wide(days) as i64, wide(clock) as i64 * 10_i64.pow(u32::from(7 - n)), None)?
        }
        (T::DateTimeOffset(n), _) if bytes.len() > 5 => {
            let (rest, offset) = bytes.split_at(bytes.len() - 2);
            let (clock, days) = rest.split_at(rest.len() - 3);
            let offset = i32::from(wide(offset) as i16);
            moment(wide(days) as i64, wide(clock) as i64 * 10_i64.pow(u32::from(7 - n)), Some(offset))?
        }
        (T::DateTime, [_, _, _, _, _, _, _, _]) => {
            let days = i64::from(wide(&bytes[..4]) as i32) + BASE;
            moment(days, wide(&bytes[4..]) as i64 * 100_000 / 3, None)?
        }
        (T::SmallDateTime, [_, _, _, _]) => {
            moment(wide(&bytes[..2]) as i64 + BASE, wide(&bytes[2..]) as i64 * crate::datetime::MINUTE, None)?
        }
        _ => return Err(Malformed),
    })
}
