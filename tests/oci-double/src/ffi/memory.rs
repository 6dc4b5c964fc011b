//! Values in the caller's buffers, read and written. It must never write past what the caller said there is.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex};

use crate::ffi::handle::{self, Buffers, Data, Handle, Lengths, LobData};
use crate::ffi::{number, time};
use crate::ora::{Ora, OraError};
use crate::plan::types::{NUMBER, Ty};
use crate::run::{Stamp, Val};

/// Types of buffers, by the numbers of `SQLT_*`.
pub(crate) mod dty {
    pub(crate) const CHR: u16 = 1;
    pub(crate) const NUM: u16 = 2;
    pub(crate) const INT: u16 = 3;
    pub(crate) const FLT: u16 = 4;
    pub(crate) const VNU: u16 = 6;
    pub(crate) const LNG: u16 = 8;
    pub(crate) const VCS: u16 = 9;
    pub(crate) const DAT: u16 = 12;
    pub(crate) const BFLOAT: u16 = 21;
    pub(crate) const BDOUBLE: u16 = 22;
    pub(crate) const BIN: u16 = 23;
    pub(crate) const LBI: u16 = 24;
    pub(crate) const UIN: u16 = 68;
    pub(crate) const AFC: u16 = 96;
    pub(crate) const IBFLOAT: u16 = 100;
    pub(crate) const IBDOUBLE: u16 = 101;
    pub(crate) const RDD: u16 = 104;
    pub(crate) const CLOB: u16 = 112;
    pub(crate) const BLOB: u16 = 113;
    pub(crate) const ODT: u16 = 156;
    pub(crate) const TIMESTAMP: u16 = 187;
    pub(crate) const TIMESTAMP_TZ: u16 = 188;
    pub(crate) const INTERVAL_YM: u16 = 189;
    pub(crate) const INTERVAL_DS: u16 = 190;
    pub(crate) const TIMESTAMP_LTZ: u16 = 232;
    pub(crate) const BOL: u16 = 252;
}

/// Whether a buffer's elements are pointers to descriptors.
pub(crate) fn is_descriptor(kind: u16) -> bool {
    matches!(
        kind,
        dty::RDD
            | dty::CLOB
            | dty::BLOB
            | dty::TIMESTAMP
            | dty::TIMESTAMP_TZ
            | dty::TIMESTAMP_LTZ
            | dty::INTERVAL_DS
            | dty::INTERVAL_YM
    )
}

/// The type that the server takes a buffer's values as.
pub(crate) fn bound_type(buffers: &Buffers) -> Ora<Ty> {
    let national = buffers.form == 2;
    let bytes = u32::try_from(buffers.size).unwrap_or(u32::MAX).clamp(1, 32767);
    Ok(match buffers.dty {
        dty::CHR | dty::VCS | dty::LNG => Ty::Varchar { bytes, chars: bytes, national },
        dty::AFC => Ty::Char { bytes, chars: bytes, national },
        dty::NUM | dty::VNU | dty::INT | dty::UIN => NUMBER,
        dty::FLT | dty::IBDOUBLE | dty::BDOUBLE => Ty::BDouble,
        dty::IBFLOAT | dty::BFLOAT => Ty::BFloat,
        dty::DAT | dty::ODT => Ty::Date,
        dty::TIMESTAMP => Ty::Ts(9),
        dty::TIMESTAMP_TZ => Ty::TsTz(9),
        dty::TIMESTAMP_LTZ => Ty::TsLtz(9),
        dty::CLOB => Ty::Clob { national },
        dty::BLOB => Ty::Blob,
        dty::BIN | dty::LBI => Ty::Raw(bytes),
        dty::RDD => Ty::Rowid,
        dty::INTERVAL_DS => Ty::IntervalDs,
        dty::INTERVAL_YM => Ty::IntervalYm,
        dty::BOL => Ty::Bool,
        other => return Err(OraError::absent(&format!("binds of type {other}"))),
    })
}

/// Reads one value: `at` is the value itself, or for descriptors the descriptor.
pub(crate) fn read(kind: u16, at: *const c_void, length: usize) -> Ora<Val> {
    if at.is_null() {
        return Ok(Val::Null);
    }
    // SAFETY: the caller's buffer of `length` bytes, as it bound it.
    let bytes = || unsafe { std::slice::from_raw_parts(at.cast::<u8>(), length) };
    let wrong = || OraError::new(1461, "can bind a LONG value only for insert into a LONG column");
    Ok(match kind {
        dty::CHR | dty::AFC | dty::LNG | dty::VCS => Val::Text(
            String::from_utf8(bytes().to_vec())
                .map_err(|_| OraError::new(29275, "partial multibyte character"))?
                .replace('\0', " "),
        ),
        dty::VNU => {
            // SAFETY: 22 bytes with their length first.
            let raw = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), 22) };
            Val::Number(number::decode(raw).ok_or_else(|| OraError::plain(1722))?)
        }
        dty::INT => Val::Number(number::integer_text(at, length, true).ok_or_else(wrong)?),
        dty::UIN => Val::Number(number::integer_text(at, length, false).ok_or_else(wrong)?),
        // SAFETY: a float of the caller.
        dty::BFLOAT | dty::IBFLOAT => Val::Double(f64::from(unsafe { at.cast::<f32>().read_unaligned() })),
        // SAFETY: as above.
        dty::BDOUBLE | dty::IBDOUBLE | dty::FLT => Val::Double(unsafe { at.cast::<f64>().read_unaligned() }),
        dty::ODT => {
            let b = bytes();
            let b: &[u8; 7] = b.get(..7).and_then(|b| b.try_into().ok()).ok_or_else(wrong)?;
            Val::Stamp(Stamp {
                year: i16::from_ne_bytes([b[0], b[1]]),
                month: b[2],
                day: b[3],
                hour: b[4],
                minute: b[5],
                second: b[6],
                ..Stamp::default()
            })
        }
        dty::BIN | dty::LBI => Val::Bytes(bytes().to_vec()),
        dty::BOL => Val::Number(number::integer_text(at, 4, true).ok_or_else(wrong)?),
        dty::CLOB | dty::BLOB => {
            let Some(lob) = handle::lob(at.cast_mut().cast()) else {
                return Err(OraError::new(22275, "invalid LOB locator specified"));
            };
            let Some(shared) = &lob.bytes else { return Ok(Val::Null) };
            let content = shared.lock().map_err(|_| OraError::plain(7445))?.clone();
            if kind == dty::BLOB {
                Val::Bytes(content)
            } else {
                Val::Text(
                    String::from_utf8(content)
                        .map_err(|_| OraError::new(29275, "partial multibyte character"))?,
                )
            }
        }
        dty::RDD => match handle::of(at.cast_mut().cast()).map(|h| &h.data) {
            Some(Data::Rowid(r)) => Val::Text(r.clone()),
            _ => return Err(OraError::plain(1410)),
        },
        _ => time::value_of(at.cast_mut().cast()).ok_or_else(wrong)?,
    })
}

/// Where one value goes.
pub(crate) struct Slot {
    pub(crate) kind: u16,
    /// The value's bytes, or the descriptor.
    pub(crate) at: *mut c_void,
    pub(crate) room: usize,
    pub(crate) indicator: *mut i16,
    pub(crate) length: Lengths,
    pub(crate) code: *mut u16,
}

impl Slot {
    /// The slot of the element `i` of the caller's arrays.
    pub(crate) fn of(buffers: &Buffers, i: usize) -> Self {
        // SAFETY: the caller's arrays have as many elements as it runs or fetches.
        unsafe {
            let at = if is_descriptor(buffers.dty) {
                buffers.value.cast::<*mut c_void>().add(i).read_unaligned()
            } else {
                buffers.value.cast::<u8>().add(i * buffers.size).cast()
            };
            Slot {
                kind: buffers.dty,
                at,
                room: buffers.size,
                indicator: if buffers.indicators.is_null() {
                    ptr::null_mut()
                } else {
                    buffers.indicators.add(i)
                },
                length: match buffers.lengths {
                    Lengths::None => Lengths::None,
                    Lengths::Short(p) => Lengths::Short(p.add(i)),
                    Lengths::Long(p) => Lengths::Long(p.add(i)),
                },
                code: if buffers.codes.is_null() { ptr::null_mut() } else { buffers.codes.add(i) },
            }
        }
    }

    fn mark(&self, indicator: i16, length: usize, code: u16) {
        // SAFETY: pointers of the caller, or null.
        unsafe {
            if !self.indicator.is_null() {
                *self.indicator = indicator;
            }
            match self.length {
                Lengths::Short(p) if !p.is_null() => *p = u16::try_from(length).unwrap_or(u16::MAX),
                Lengths::Long(p) if !p.is_null() => *p = u32::try_from(length).unwrap_or(u32::MAX),
                _ => {}
            }
            if !self.code.is_null() {
                *self.code = code;
            }
        }
    }

    fn bytes(&self, value: &[u8]) {
        let fits = value.len().min(self.room);
        // SAFETY: the caller's buffer has `room` bytes.
        unsafe { ptr::copy_nonoverlapping(value.as_ptr(), self.at.cast::<u8>(), fits) };
        if fits < value.len() {
            self.mark(i16::try_from(value.len()).unwrap_or(-2), fits, 1406);
        } else {
            self.mark(0, fits, 0);
        }
    }

    /// Writes a value, turned into what the slot takes.
    pub(crate) fn write(&self, value: &Val) -> Ora<()> {
        if *value == Val::Null {
            self.mark(-1, 0, if self.kind == dty::CHR { 1405 } else { 0 });
            // SAFETY: a return code of a NULL is no error to ODPI-C, which looks at the indicator first.
            return Ok(());
        }
        let wrong = || OraError::new(932, "inconsistent datatypes: expected - got -");
        match self.kind {
            dty::CHR | dty::AFC | dty::LNG | dty::VCS => self.bytes(text_of(value).as_bytes()),
            dty::BIN | dty::LBI => match value {
                Val::Bytes(b) => self.bytes(b),
                other => self.bytes(text_of(other).as_bytes()),
            },
            dty::VNU => {
                let encoded = number::encode(&text_of(value)).ok_or_else(|| OraError::plain(1722))?;
                // SAFETY: an OCINumber has 22 bytes.
                unsafe { ptr::copy_nonoverlapping(encoded.as_ptr(), self.at.cast::<u8>(), 22) };
                self.mark(0, 22, 0);
            }
            dty::INT | dty::UIN => {
                number::put_integer(&text_of(value), self.at, self.room, self.kind == dty::INT)?;
                self.mark(0, self.room, 0);
            }
            dty::BOL => {
                number::put_integer(&text_of(value), self.at, 4, true)?;
                self.mark(0, 4, 0);
            }
            dty::BFLOAT | dty::IBFLOAT | dty::BDOUBLE | dty::IBDOUBLE | dty::FLT => {
                let real: f64 = match value {
                    Val::Double(d) => *d,
                    other => text_of(other).parse().map_err(|_| OraError::plain(1722))?,
                };
                // SAFETY: a float of the caller.
                unsafe {
                    if matches!(self.kind, dty::BFLOAT | dty::IBFLOAT) {
                        #[expect(
                            clippy::cast_possible_truncation,
                            reason = "the caller wants a float of 4 bytes"
                        )]
                        self.at.cast::<f32>().write_unaligned(real as f32);
                    } else {
                        self.at.cast::<f64>().write_unaligned(real);
                    }
                }
                self.mark(0, self.room, 0);
            }
            dty::ODT => {
                let Val::Stamp(s) = value else { return Err(wrong()) };
                let year = s.year.to_ne_bytes();
                let raw = [year[0], year[1], s.month, s.day, s.hour, s.minute, s.second];
                // SAFETY: an OCIDate has these seven bytes.
                unsafe { ptr::copy_nonoverlapping(raw.as_ptr(), self.at.cast::<u8>(), 7) };
                self.mark(0, 8, 0);
            }
            dty::CLOB | dty::BLOB => {
                let Some(lob) = handle::lob(self.at.cast()) else { return Err(wrong()) };
                let bytes = match value {
                    Val::Bytes(b) => b.clone(),
                    other => text_of(other).into_bytes(),
                };
                *lob = LobData {
                    bytes: Some(Arc::new(Mutex::new(bytes))),
                    binary: self.kind == dty::BLOB,
                    temporary: false,
                };
                self.mark(0, size_of::<*mut Handle>(), 0);
            }
            _ => {
                let Some(handle) = handle::of(self.at.cast()) else { return Err(wrong()) };
                handle.data = match value {
                    Val::Stamp(s) => Data::Stamp(*s),
                    Val::DaySecond(d, n) => Data::DaySecond(*d, *n),
                    Val::YearMonth(n) => Data::YearMonth(*n),
                    Val::Text(t) if self.kind == dty::RDD => Data::Rowid(t.clone()),
                    _ => return Err(wrong()),
                };
                self.mark(0, size_of::<*mut Handle>(), 0);
            }
        }
        Ok(())
    }
}

/// A value as the client library would make text of it.
pub(crate) fn text_of(value: &Val) -> String {
    match value {
        Val::Null => String::new(),
        Val::Text(t) | Val::Number(t) => t.clone(),
        Val::Double(d) => d.to_string(),
        Val::Stamp(s) => s.text(false).split('.').next().unwrap_or_default().to_owned(),
        Val::Bytes(b) => crate::run::value::hex(b).to_uppercase(),
        Val::DaySecond(d, n) => format!(
            "+{d:02} {:02}:{:02}:{:02}",
            n / 3_600_000_000_000,
            n / 60_000_000_000 % 60,
            n / 1_000_000_000 % 60
        ),
        Val::YearMonth(n) => format!("+{:02}-{:02}", n / 12, n % 12),
    }
}
