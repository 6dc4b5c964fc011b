//! The protocol's messages as bytes. It must never read beyond one.

/// What the server said of an error.
#[derive(Debug, Clone, Default)]
pub(crate) struct PgError {
    pub(crate) fatal: bool,
    pub(crate) state: String,
    pub(crate) message: String,
    pub(crate) detail: String,
    pub(crate) context: String,
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) constraint: String,
    pub(crate) position: usize,
}

/// The result of one statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// How many columns it has; none where it is no query.
    pub(crate) columns: usize,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) tag: String,
}

impl Answer {
    /// Rows that the statement touched, by its tag.
    pub(crate) fn touched(&self) -> u64 {
        self.tag.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// One value of the first row.
    pub(crate) fn cell(&self, column: usize) -> Option<&str> {
        self.rows.first()?.get(column)?.as_deref()
    }
}

pub(crate) fn put(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX).to_be_bytes();
    out[at..at + 4].copy_from_slice(&length);
}

pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

pub(crate) fn short(n: usize) -> [u8; 2] {
    u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes()
}

pub(crate) fn int(body: &[u8], at: usize) -> i32 {
    body.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, i32::from_be_bytes)
}

pub(crate) fn c_string(body: &[u8]) -> String {
    String::from_utf8_lossy(body.split(|b| *b == 0).next().unwrap_or_default()).into_owned()
}

pub(crate) fn columns_of(body: &[u8]) -> usize {
    body.get(..2).and_then(|b| b.try_into().ok()).map_or(0, |b| usize::from(u16::from_be_bytes(b)))
}

pub(crate) fn row_of(body: &[u8]) -> Vec<Option<String>> {
    let mut row = Vec::new();
    let mut at = 2;
    while at + 4 <= body.len() {
        let length = int(body, at);
        at += 4;
        let Ok(length) = usize::try_from(length) else {
            row.push(None);
            continue;
        };
        row.push(body.get(at..at + length).map(|v| String::from_utf8_lossy(v).into_owned()));
        at += length;
    }
    row
}

pub(crate) fn error_of(body: &[u8]) -> PgError {
    let mut error = PgError::default();
    for field in body.split(|b| *b == 0) {
        let Some((kind, value)) = field.split_first() else { continue };
        let value = String::from_utf8_lossy(value).into_owned();
        match kind {
            b'V' => error.fatal = value != "ERROR",
            b'C' => error.state = value,
            b'M' => error.message = value,
            b'D' => error.detail = value,
            b'W' => error.context = value,
            b's' => error.schema = value,
            b't' => error.table = value,
            b'c' => error.column = value,
            b'n' => error.constraint = value,
            b'P' => error.position = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    error
}
