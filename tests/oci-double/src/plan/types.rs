//! Oracle's types, how PostgreSQL holds them, and how one becomes another. It must never lose what a type says.

use crate::ora::{Ora, OraError};

/// A type of Oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    Null,
    Char { bytes: u32, chars: u32, national: bool },
    Varchar { bytes: u32, chars: u32, national: bool },
    Long,
    Clob { national: bool },
    Number { precision: u8, scale: i16 },
    Float(u8),
    BFloat,
    BDouble,
    Date,
    Ts(u8),
    TsTz(u8),
    TsLtz(u8),
    Raw(u32),
    Blob,
    Rowid,
    IntervalDs,
    IntervalYm,
    Bool,
}

pub(crate) const NUMBER: Ty = Ty::Number { precision: 0, scale: -127 };
pub(crate) const TEXT: Ty = Ty::Varchar { bytes: 4000, chars: 4000, national: false };

impl Ty {
    pub(crate) fn varchar(n: u32) -> Self {
        Ty::Varchar { bytes: n, chars: n, national: false }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Ty::Char { .. } | Ty::Varchar { .. } | Ty::Rowid)
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Ty::Number { .. } | Ty::Float(_) | Ty::BFloat | Ty::BDouble)
    }

    pub(crate) fn is_binary_float(self) -> bool {
        matches!(self, Ty::BFloat | Ty::BDouble)
    }

    pub(crate) fn is_time(self) -> bool {
        matches!(self, Ty::Date | Ty::Ts(_) | Ty::TsTz(_) | Ty::TsLtz(_))
    }

    pub(crate) fn is_lob(self) -> bool {
        matches!(self, Ty::Clob { .. } | Ty::Blob)
    }

    pub(crate) fn national(self) -> bool {
        matches!(
            self,
            Ty::Char { national: true, .. }
                | Ty::Varchar { national: true, .. }
                | Ty::Clob { national: true }
        )
    }

    /// The name that errors call it by.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Ty::Null | Ty::Bool => "-",
            Ty::Char { .. } | Ty::Varchar { .. } => "CHAR",
            Ty::Long => "LONG",
            Ty::Clob { national: false } => "CLOB",
            Ty::Clob { national: true } => "NCLOB",
            Ty::Number { .. } | Ty::Float(_) => "NUMBER",
            Ty::BFloat => "BINARY_FLOAT",
            Ty::BDouble => "BINARY_DOUBLE",
            Ty::Date => "DATE",
            Ty::Ts(_) => "TIMESTAMP",
            Ty::TsTz(_) => "TIMESTAMP WITH TIME ZONE",
            Ty::TsLtz(_) => "TIMESTAMP WITH LOCAL TIME ZONE",
            Ty::Raw(_) => "BINARY",
            Ty::Blob => "BLOB",
            Ty::Rowid => "ROWID",
            Ty::IntervalDs => "INTERVAL DAY TO SECOND",
            Ty::IntervalYm => "INTERVAL YEAR TO MONTH",
        }
    }

    /// How PostgreSQL holds a column of it.
    pub(crate) fn pg(self) -> String {
        match self {
            Ty::Number { precision: 0, scale: -127 } | Ty::Float(_) => "numeric".to_owned(),
            Ty::Number { precision, scale } => {
                format!("numeric({},{scale})", if precision == 0 { 38 } else { precision })
            }
            Ty::BFloat => "float4".to_owned(),
            Ty::BDouble => "float8".to_owned(),
            Ty::Date => "timestamp".to_owned(),
            Ty::Ts(n) => format!("timestamp({})", n.min(6)),
            Ty::TsTz(_) => "ora.tstz".to_owned(),
            Ty::TsLtz(n) => format!("timestamptz({})", n.min(6)),
            Ty::Raw(_) | Ty::Blob => "bytea".to_owned(),
            Ty::IntervalDs | Ty::IntervalYm => "interval".to_owned(),
            Ty::Bool => "boolean".to_owned(),
            _ => "text".to_owned(),
        }
    }

    /// The type of a variable, which has no limits here.
    pub(crate) fn pg_free(self) -> String {
        match self {
            Ty::Number { .. } => "numeric".to_owned(),
            Ty::Ts(_) => "timestamp".to_owned(),
            Ty::TsLtz(_) => "timestamptz".to_owned(),
            other => other.pg(),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Col {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) nullable: bool,
    pub(crate) computed: bool,
    pub(crate) identity: Option<String>,
    pub(crate) indexed: bool,
}

/// Where a value comes from, as far as conversions look at it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    Column { owner: String, table: String, column: String, indexed: bool, nullable: bool },
    Literal,
    Bind(usize),
    Other,
}

/// An expression in PostgreSQL's text.
#[derive(Debug, Clone)]
pub(crate) struct Ex {
    pub(crate) sql: String,
    pub(crate) ty: Ty,
    pub(crate) from: Origin,
}

impl Ex {
    pub(crate) fn new(sql: impl Into<String>, ty: Ty) -> Self {
        Self { sql: sql.into(), ty, from: Origin::Other }
    }

    fn refuse(&self, wanted: &str) -> OraError {
        OraError::new(932, format!("inconsistent datatypes: expected {wanted} got {}", self.ty.label()))
    }

    pub(crate) fn text(&self) -> Ora<String> {
        let sql = &self.sql;
        Ok(match self.ty {
            Ty::Null => "NULL::text".to_owned(),
            Ty::Char { .. } | Ty::Varchar { .. } | Ty::Long | Ty::Clob { .. } | Ty::Rowid => sql.clone(),
            Ty::Number { .. } | Ty::Float(_) => format!("ora.txt({sql})"),
            Ty::BFloat | Ty::BDouble => format!("ora.txt(({sql})::numeric)"),
            Ty::Date => format!("ora.date_txt({sql})"),
            Ty::Ts(_) => format!("ora.ts_txt({sql})"),
            Ty::TsTz(_) => format!("ora.tstz_txt({sql})"),
            Ty::TsLtz(_) => format!("ora.ts_txt({sql} AT TIME ZONE ora.zone(ora.session_zone()))"),
            Ty::Raw(_) => format!("ora.rawtohex({sql})"),
            Ty::IntervalDs | Ty::IntervalYm => format!("({sql})::text"),
            Ty::Blob => return Err(self.refuse("CHAR")),
            Ty::Bool => return Err(OraError::plain(907)),
        })
    }

    pub(crate) fn number(&self) -> Ora<String> {
        let sql = &self.sql;
        Ok(match self.ty {
            Ty::Null => "NULL::numeric".to_owned(),
            Ty::Number { .. } | Ty::Float(_) => sql.clone(),
            Ty::BFloat | Ty::BDouble => format!("({sql})::numeric"),
            Ty::Char { .. } | Ty::Varchar { .. } | Ty::Long => format!("ora.num({sql})"),
            Ty::Bool => return Err(OraError::plain(907)),
            _ => return Err(self.refuse("NUMBER")),
        })
    }

    pub(crate) fn double(&self) -> Ora<String> {
        if self.ty.is_binary_float() {
            Ok(self.sql.clone())
        } else {
            Ok(format!("({})::float8", self.number()?))
        }
    }

    pub(crate) fn date(&self) -> Ora<String> {
        let sql = &self.sql;
        Ok(match self.ty {
            Ty::Null => "NULL::timestamp".to_owned(),
            Ty::Date => sql.clone(),
            Ty::Ts(_) => format!("date_trunc('second', {sql})"),
            Ty::TsTz(_) | Ty::TsLtz(_) => format!("date_trunc('second', {})", self.timestamp()?),
            Ty::Char { .. } | Ty::Varchar { .. } => format!("ora.to_date({sql})"),
            _ => return Err(self.refuse("DATE")),
        })
    }

    pub(crate) fn timestamp(&self) -> Ora<String> {
        let sql = &self.sql;
        Ok(match self.ty {
            Ty::Null => "NULL::timestamp".to_owned(),
            Ty::Date | Ty::Ts(_) => sql.clone(),
            Ty::TsTz(_) => format!("ora.local({sql})"),
            Ty::TsLtz(_) => format!("(({sql}) AT TIME ZONE ora.zone(ora.session_zone()))"),
            Ty::Char { .. } | Ty::Varchar { .. } => format!("ora.to_ts({sql})"),
            _ => return Err(self.refuse("TIMESTAMP")),
        })
    }

    pub(crate) fn zoned(&self) -> Ora<String> {
        let sql = &self.sql;
        Ok(match self.ty {
            Ty::Null => "NULL::ora.tstz".to_owned(),
            Ty::TsTz(_) => sql.clone(),
            Ty::Char { .. } | Ty::Varchar { .. } => format!("ora.to_tstz({sql})"),
            _ => format!("ora.tz({}, ora.session_zone())", self.instant()?),
        })
    }

    /// A moment: what two values with zones are compared by.
    pub(crate) fn instant(&self) -> Ora<String> {
        Ok(match self.ty {
            Ty::TsTz(_) => format!("({}).ts", self.sql),
            Ty::TsLtz(_) => self.sql.clone(),
            _ => format!("(({}) AT TIME ZONE ora.zone(ora.session_zone()))", self.timestamp()?),
        })
    }

    pub(crate) fn bytes(&self) -> Ora<String> {
        let sql = &self.sql;
        Ok(match self.ty {
            Ty::Null => "NULL::bytea".to_owned(),
            Ty::Raw(_) | Ty::Blob => sql.clone(),
            Ty::Char { .. } | Ty::Varchar { .. } => format!("ora.hextoraw({sql})"),
            _ => return Err(self.refuse("BINARY")),
        })
    }

    /// The value as one of `ty`.
    pub(crate) fn as_ty(&self, ty: Ty) -> Ora<String> {
        Ok(match ty {
            Ty::Null => self.sql.clone(),
            Ty::Clob { .. }
                if !(self.ty.is_text() || matches!(self.ty, Ty::Clob { .. } | Ty::Null | Ty::Long)) =>
            {
                return Err(self.refuse("CLOB"));
            }
            Ty::Char { .. } | Ty::Varchar { .. } | Ty::Long | Ty::Clob { .. } | Ty::Rowid => self.text()?,
            Ty::Number { .. } | Ty::Float(_) => self.number()?,
            Ty::BFloat => format!("({})::float4", self.double()?),
            Ty::BDouble => self.double()?,
            Ty::Date => self.date()?,
            Ty::Ts(_) => self.timestamp()?,
            Ty::TsTz(_) => self.zoned()?,
            Ty::TsLtz(_) => self.instant()?,
            Ty::Raw(_) | Ty::Blob => self.bytes()?,
            Ty::IntervalDs | Ty::IntervalYm => format!("({})::interval", self.sql),
            Ty::Bool => self.sql.clone(),
        })
    }

    /// How a result's column leaves PostgreSQL.
    pub(crate) fn output(&self) -> String {
        match self.ty {
            Ty::TsTz(_) => format!("ora.tstz_out({})", self.sql),
            Ty::TsLtz(_) => format!("ora.tstz_out(ora.tz({}, ora.session_zone()))", self.sql),
            Ty::Null => "NULL::text".to_owned(),
            _ => self.sql.clone(),
        }
    }
}

/// The type that values of several types have together, as in CASE.
pub(crate) fn common(types: &[Ty]) -> Ty {
    let known: Vec<Ty> = types.iter().copied().filter(|t| *t != Ty::Null).collect();
    let Some(first) = known.first().copied() else { return Ty::Null };
    if known.iter().all(|t| *t == first) {
        return first;
    }
    if known.iter().all(|t| t.is_number()) {
        return if known.iter().any(|t| t.is_binary_float()) { Ty::BDouble } else { NUMBER };
    }
    if known.iter().all(|t| t.is_time()) {
        let zoned = known.iter().any(|t| matches!(t, Ty::TsTz(_)));
        let local = known.iter().any(|t| matches!(t, Ty::TsLtz(_)));
        return if zoned {
            Ty::TsTz(6)
        } else if local {
            Ty::TsLtz(6)
        } else {
            Ty::Ts(6)
        };
    }
    if known.iter().any(|t| matches!(t, Ty::Clob { .. })) {
        return Ty::Clob { national: known.iter().any(|t| t.national()) };
    }
    if known.iter().all(|t| matches!(t, Ty::Raw(_) | Ty::Blob)) {
        return Ty::Blob;
    }
    let size = |t: &Ty| match t {
        Ty::Char { bytes, chars, .. } | Ty::Varchar { bytes, chars, .. } => (*bytes, *chars),
        _ => (40, 40),
    };
    let bytes = known.iter().map(|t| size(t).0).max().unwrap_or(4000);
    let chars = known.iter().map(|t| size(t).1).max().unwrap_or(4000);
    Ty::Varchar { bytes, chars, national: known.iter().any(|t| t.national()) }
}
