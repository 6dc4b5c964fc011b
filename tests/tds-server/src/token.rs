//! Owns the tokens of a reply: messages, changes, results, DONE; never decides what to reply.

use crate::collation;
use crate::error::SqlError;
use crate::types::SqlType;
use crate::wire;
use rusqlite::types::Value;

/// A result's column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: SqlType,
    pub(crate) nullable: bool,
    pub(crate) identity: bool,
    pub(crate) computed: bool,
    /// The collation's name; the database's where it is empty.
    pub(crate) collation: String,
}

const DONE: u8 = 0xfd;
const DONE_PROC: u8 = 0xfe;
const DONE_IN_PROC: u8 = 0xff;
const MORE: u16 = 1;
const ERROR: u16 = 2;
const IN_TRANSACTION: u16 = 4;
const COUNT: u16 = 0x10;
const ATTN: u16 = 0x20;

/// A reply that grows.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) data: Vec<u8>,
    /// Where the status of the last DONE stands, if that token is the last.
    last_done: Option<usize>,
    server: String,
    /// NBCROW may be used: TDS 7.3 and later.
    pub(crate) compact: bool,
    /// The rows are those of a procedure or an RPC.
    pub(crate) in_proc: bool,
    /// The collation of texts that have none of their own.
    collation: String,
}

impl Reply {
    /// A reply of this server, in its collation.
    pub(crate) fn new(server: &str, collation: &str) -> Self {
        Self { server: server.to_owned(), collation: collation.to_owned(), compact: true, ..Self::default() }
    }

    /// Takes what has been written.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.last_done = None;
        std::mem::take(&mut self.data)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.last_done = None;
        self.data.extend_from_slice(bytes);
    }

    /// `B_VARCHAR`.
    fn short_text(&mut self, text: &str) {
        let units: Vec<u16> = text.encode_utf16().take(255).collect();
        self.put(&[units.len() as u8]);
        self.data.extend(units.iter().flat_map(|u| u.to_le_bytes()));
    }

    /// `US_VARCHAR`.
    fn long_text(&mut self, text: &str) {
        let units: Vec<u16> = text.encode_utf16().collect();
        self.put(&(units.len() as u16).to_le_bytes());
        self.data.extend(units.iter().flat_map(|u| u.to_le_bytes()));
    }

    /// A token whose length stands before it.
    fn sized(&mut self, token: u8, fill: impl FnOnce(&mut Self)) {
        self.put(&[token, 0, 0]);
        let start = self.data.len();
        fill(self);
        let length = (self.data.len() - start) as u16;
        self.data[start - 2..start].copy_from_slice(&length.to_le_bytes());
        self.last_done = None;
    }

    /// ERROR, or INFO for class 10 and below.
    pub(crate) fn message(&mut self, error: &SqlError) {
        let token = if error.class > 10 { 0xaa } else { 0xab };
        let server = self.server.clone();
        self.sized(token, |r| {
            r.put(&error.number.to_le_bytes());
            r.put(&[error.state, error.class]);
            r.long_text(&error.message);
            r.short_text(&server);
            r.short_text(&error.procedure);
            r.put(&error.line.to_le_bytes());
        });
    }

    /// ENVCHANGE with texts: 1 database, 2 language, 4 packet size.
    pub(crate) fn change_text(&mut self, ty: u8, new: &str, old: &str) {
        self.sized(0xe3, |r| {
            r.put(&[ty]);
            r.short_text(new);
            r.short_text(old);
        });
    }

    /// ENVCHANGE with bytes: 7 collation, 8 to 10 transactions.
    pub(crate) fn change_bytes(&mut self, ty: u8, new: &[u8], old: &[u8]) {
        self.sized(0xe3, |r| {
            r.put(&[ty, new.len() as u8]);
            r.put(new);
            r.put(&[old.len() as u8]);
            r.put(old);
        });
    }

    pub(crate) fn login_ack(&mut self, tds: u32, numbers: (u8, u8, u16)) {
        self.sized(0xad, |r| {
            r.put(&[1]);
            r.put(&tds.to_be_bytes());
            r.short_text("Microsoft SQL Server");
            let build = numbers.2.to_be_bytes();
            r.put(&[numbers.0, numbers.1, build[0], build[1]]);
        });
    }

    /// The columns of a result.
    pub(crate) fn columns(&mut self, columns: &[Column]) {
        self.put(&[0x81]);
        self.put(&(columns.len() as u16).to_le_bytes());
        for column in columns {
            let user_type: u32 = if column.ty == SqlType::Timestamp { 80 } else { 0 };
            let flags = u16::from(column.nullable)
                | u16::from(column.identity) << 4
                | u16::from(column.computed) << 5
                | if column.identity || column.computed { 0 } else { 8 };
            self.put(&user_type.to_le_bytes());
            self.put(&flags.to_le_bytes());
            let name = if column.collation.is_empty() { &self.collation } else { &column.collation };
            let wire_collation = collation::wire(name);
            wire::type_info(&mut self.data, column.ty, column.nullable, wire_collation);
            if matches!(column.ty, SqlType::Text | SqlType::NText | SqlType::Image) {
                self.put(&[1]);
                self.long_text("t");
            }
            self.short_text(&column.name);
        }
    }

    /// A row of a result.
    pub(crate) fn row(&mut self, columns: &[Column], values: &[Value]) {
        let nulls = values.iter().filter(|v| matches!(v, Value::Null)).count();
        let compact = self.compact && nulls > 1;
        if compact {
            let mut bits = vec![0u8; columns.len().div_ceil(8)];
            for (i, value) in values.iter().enumerate() {
                if matches!(value, Value::Null) {
                    bits[i / 8] |= 1 << (i % 8);
                }
            }
            self.put(&[0xd2]);
            self.put(&bits);
        } else {
            self.put(&[0xd1]);
        }
        for (column, value) in columns.iter().zip(values) {
            if compact && matches!(value, Value::Null) {
                continue;
            }
            let name = if column.collation.is_empty() { &self.collation } else { &column.collation };
            wire::value(&mut self.data, column.ty, column.nullable, value, collation::code_page(name));
        }
    }

    fn done_token(&mut self, token: u8, status: u16, command: u16, count: u64) {
        self.put(&[token]);
        let at = self.data.len();
        self.put(&status.to_le_bytes());
        self.put(&command.to_le_bytes());
        self.put(&count.to_le_bytes());
        self.last_done = Some(at);
    }

    /// The end of a statement; more may follow.
    pub(crate) fn done(&mut self, command: u16, count: Option<u64>, failed: bool, transaction: bool) {
        let mut status = MORE;
        if count.is_some() {
            status |= COUNT;
        }
        if failed {
            status |= ERROR;
        }
        if transaction {
            status |= IN_TRANSACTION;
        }
        self.done_token(if self.in_proc { DONE_IN_PROC } else { DONE }, status, command, count.unwrap_or(0));
    }

    /// The end of a batch: the last DONE says so, or one is added.
    pub(crate) fn end_batch(&mut self, failed: bool) {
        match self.last_done {
            Some(at) => self.data[at] &= !1,
            None => self.done_token(DONE, if failed { ERROR } else { 0 }, 0, 0),
        }
    }

    /// RETURNSTATUS of a procedure.
    pub(crate) fn status(&mut self, status: i32) {
        self.put(&[0x79]);
        self.put(&status.to_le_bytes());
    }

    /// The end of an RPC.
    pub(crate) fn end_proc(&mut self, failed: bool) {
        self.done_token(DONE_PROC, if failed { ERROR } else { 0 }, 0xe0, 0);
    }

    /// The end of a procedure that a batch called.
    pub(crate) fn end_inner_proc(&mut self) {
        self.done_token(DONE_PROC, MORE, 0xe0, 0);
    }

    /// The answer to an attention.
    pub(crate) fn attention(&mut self) {
        self.done_token(DONE, ATTN, 0, 0);
    }

    /// An output parameter.
    pub(crate) fn return_value(&mut self, ordinal: u16, name: &str, ty: SqlType, value: &Value) {
        self.put(&[0xac]);
        self.put(&ordinal.to_le_bytes());
        self.short_text(name);
        self.put(&[1]);
        self.put(&0u32.to_le_bytes());
        self.put(&0u16.to_le_bytes());
        let name = self.collation.clone();
        wire::type_info(&mut self.data, ty, true, collation::wire(&name));
        wire::value(&mut self.data, ty, true, value, collation::code_page(&name));
    }
}
