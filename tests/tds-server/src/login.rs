//! Owns pre-login and LOGIN7: what a client says of itself; never decides whether it may come in.

use crate::version::Version;

/// What a client asks for in its LOGIN7 message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Login7 {
    /// As the client wrote it, 0x74000004 for TDS 7.4.
    pub(crate) tds: u32,
    pub(crate) packet_size: u32,
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) app: String,
    pub(crate) database: String,
    /// The client wants to log in with Windows' own account.
    pub(crate) integrated: bool,
}

/// The ENCRYPTION byte of a client's pre-login message.
pub(crate) fn wanted_encryption(data: &[u8]) -> u8 {
    let mut at = 0;
    while let Some([token, o1, o2, ..]) = data.get(at..at + 5) {
        if *token == 0xff {
            break;
        }
        if *token == 1 {
            return data.get(usize::from(*o1) << 8 | usize::from(*o2)).copied().unwrap_or(2);
        }
        at += 5;
    }
    2
}

/// The answer to a pre-login message.
pub(crate) fn prelogin_answer(version: Version, encryption: u8) -> Vec<u8> {
    let (major, minor, build) = version.numbers();
    let build = build.to_be_bytes();
    let values: [(u8, &[u8]); 5] =
        [(0, &[major, minor, build[0], build[1], 0, 0]), (1, &[encryption]), (2, &[0]), (3, &[]), (4, &[0])];
    let mut offset = (values.len() * 5 + 1) as u16;
    let mut head = Vec::new();
    let mut body = Vec::new();
    for (token, value) in values {
        head.push(token);
        head.extend(offset.to_be_bytes());
        head.extend((value.len() as u16).to_be_bytes());
        body.extend_from_slice(value);
        offset += value.len() as u16;
    }
    head.push(0xff);
    head.extend(body);
    head
}

/// Reads a LOGIN7 message; `None` where it is cut short.
pub(crate) fn login7(data: &[u8]) -> Option<Login7> {
    let number = |at: usize| Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?));
    let short = |at: usize| Some(usize::from(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?)));
    let bytes = |at: usize| {
        let (offset, length) = (short(at)?, short(at + 2)?);
        data.get(offset..offset + length * 2)
    };
    let text = |at: usize| bytes(at).map(utf16);
    let password: Vec<u8> = bytes(44)?.iter().map(|b| (b ^ 0xa5).rotate_left(4)).collect();
    Some(Login7 {
        tds: number(4)?,
        packet_size: number(8)?,
        host: text(36)?,
        user: text(40)?,
        password: utf16(&password),
        app: text(48)?,
        database: text(68)?,
        integrated: data.get(25)? & 0x80 != 0,
    })
}

/// Little-endian UTF-16.
pub(crate) fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    String::from_utf16_lossy(&units)
}
