//! Owns T-SQL's data types: names, sizes, ids of the catalog, precedence; never holds a value.

use crate::error::{SqlError, err, err_class};

/// The length of a (var)char or (var)binary type.
pub(crate) const MAX: u32 = u32::MAX;

/// A T-SQL type with its length, precision and scale. Lengths are in characters for n-types, else in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlType {
    /// The bare word NULL, before it meets a type.
    Null,
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Decimal(u8, u8),
    SmallMoney,
    Money,
    Real,
    Float,
    Char(u32),
    VarChar(u32),
    NChar(u32),
    NVarChar(u32),
    Text,
    NText,
    Image,
    Binary(u32),
    VarBinary(u32),
    Date,
    Time(u8),
    SmallDateTime,
    DateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    UniqueIdentifier,
    Timestamp,
    Variant,
}

use SqlType as T;

impl SqlType {
    /// The word of the language, without length.
    pub(crate) fn name(self) -> &'static str {
        match self {
            T::Null => "NULL",
            T::Bit => "bit",
            T::TinyInt => "tinyint",
            T::SmallInt => "smallint",
            T::Int => "int",
            T::BigInt => "bigint",
            T::Decimal(..) => "decimal",
            T::SmallMoney => "smallmoney",
            T::Money => "money",
            T::Real => "real",
            T::Float => "float",
            T::Char(_) => "char",
            T::VarChar(_) => "varchar",
            T::NChar(_) => "nchar",
            T::NVarChar(_) => "nvarchar",
            T::Text => "text",
            T::NText => "ntext",
            T::Image => "image",
            T::Binary(_) => "binary",
            T::VarBinary(_) => "varbinary",
            T::Date => "date",
            T::Time(_) => "time",
            T::SmallDateTime => "smalldatetime",
            T::DateTime => "datetime",
            T::DateTime2(_) => "datetime2",
            T::DateTimeOffset(_) => "datetimeoffset",
            T::UniqueIdentifier => "uniqueidentifier",
            T::Timestamp => "timestamp",
            T::Variant => "sql_variant",
        }
    }

    /// Which of two types the other is converted to: the higher wins.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            T::Null => 0,
            T::Binary(_) => 1,
            T::VarBinary(_) => 2,
            T::Char(_) => 3,
            T::VarChar(_) => 4,
            T::NChar(_) => 5,
            T::NVarChar(_) => 6,
            T::UniqueIdentifier => 7,
            T::Timestamp => 8,
            T::Image => 9,
            T::Text => 10,
            T::NText => 11,
            T::Bit => 12,
            T::TinyInt => 13,
            T::SmallInt => 14,
            T::Int => 15,
            T::BigInt => 16,
            T::SmallMoney => 17,
            T::Money => 18,
            T::Decimal(..) => 19,
            T::Real => 20,
            T::Float => 21,
            T::Time(_) => 22,
            T::Date => 23,
            T::SmallDateTime => 24,
            T::DateTime => 25,
            T::DateTime2(_) => 26,
            T::DateTimeOffset(_) => 27,
            T::Variant => 28,
        }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, T::Char(_) | T::VarChar(_) | T::NChar(_) | T::NVarChar(_) | T::Text | T::NText)
    }
    pub(crate) fn is_national(self) -> bool {
        matches!(self, T::NChar(_) | T::NVarChar(_) | T::NText)
    }
    pub(crate) fn is_int(self) -> bool {
        matches!(self, T::Bit | T::TinyInt | T::SmallInt | T::Int | T::BigInt)
    }
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, T::Decimal(..) | T::Money | T::SmallMoney)
    }
    pub(crate) fn is_number(self) -> bool {
        self.is_int() || self.is_exact() || matches!(self, T::Real | T::Float)
    }
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, T::Binary(_) | T::VarBinary(_) | T::Timestamp | T::Image)
    }
    pub(crate) fn is_time(self) -> bool {
        matches!(
            self,
            T::Date | T::Time(_) | T::SmallDateTime | T::DateTime | T::DateTime2(_) | T::DateTimeOffset(_)
        )
    }

    /// Length of a text or binary type; `MAX` for the large ones.
    pub(crate) fn length(self) -> u32 {
        match self {
            T::Char(n) | T::VarChar(n) | T::NChar(n) | T::NVarChar(n) | T::Binary(n) | T::VarBinary(n) => n,
            T::Text | T::NText | T::Image => MAX,
            T::Timestamp => 8,
            _ => 0,
        }
    }

    /// Precision and scale as decimal(p,s) would hold this number.
    pub(crate) fn digits(self) -> (u8, u8) {
        match self {
            T::Bit | T::Null => (1, 0),
            T::TinyInt => (3, 0),
            T::SmallInt => (5, 0),
            T::Int => (10, 0),
            T::BigInt => (19, 0),
            T::Decimal(p, s) => (p, s),
            T::SmallMoney => (10, 4),
            T::Money => (19, 4),
            _ => (38, 6),
        }
    }

    /// `max_length`, `precision` and `scale` as sys.columns has them.
    pub(crate) fn catalog_sizes(self) -> (i64, i64, i64) {
        let time = |n: u8, base: i64| (base + if n > 4 { 2 } else { i64::from(n > 2) }, i64::from(n));
        match self {
            T::Bit => (1, 1, 0),
            T::TinyInt => (1, 3, 0),
            T::SmallInt => (2, 5, 0),
            T::Int => (4, 10, 0),
            T::BigInt => (8, 19, 0),
            T::Decimal(p, s) => (decimal_bytes(p), i64::from(p), i64::from(s)),
            T::SmallMoney => (4, 10, 4),
            T::Money => (8, 19, 4),
            T::Real => (4, 24, 0),
            T::Float => (8, 53, 0),
            T::Char(MAX) | T::VarChar(MAX) | T::NVarChar(MAX) | T::NChar(MAX) | T::VarBinary(MAX) => {
                (-1, 0, 0)
            }
            T::Char(n) | T::VarChar(n) | T::Binary(n) | T::VarBinary(n) => (i64::from(n), 0, 0),
            T::NChar(n) | T::NVarChar(n) => (i64::from(n) * 2, 0, 0),
            T::Text | T::NText | T::Image | T::UniqueIdentifier => (16, 0, 0),
            T::Date => (3, 10, 0),
            T::Time(n) => (time(n, 3).0, if n == 0 { 8 } else { 9 + i64::from(n) }, time(n, 3).1),
            T::SmallDateTime => (4, 16, 0),
            T::DateTime => (8, 23, 3),
            T::DateTime2(n) => (time(n, 6).0, if n == 0 { 19 } else { 20 + i64::from(n) }, i64::from(n)),
            T::DateTimeOffset(n) => (time(n, 8).0, if n == 0 { 26 } else { 27 + i64::from(n) }, i64::from(n)),
            T::Timestamp => (8, 0, 0),
            T::Variant => (8016, 0, 0),
            T::Null => (0, 0, 0),
        }
    }

    /// `system_type_id` of the catalog.
    pub(crate) fn system_id(self) -> i64 {
        SYSTEM_TYPES.iter().find(|(name, ..)| *name == self.name()).map_or(0, |t| t.1)
    }

    /// The type as the catalog's sizes tell it.
    pub(crate) fn from_catalog(id: i64, max_length: i64, precision: i64, scale: i64) -> Self {
        let name = SYSTEM_TYPES.iter().find(|t| t.1 == id).map_or("int", |t| t.0);
        let length = u32::try_from(max_length).unwrap_or(MAX);
        let half = if length == MAX { MAX } else { length / 2 };
        match name {
            "decimal" | "numeric" => T::Decimal(precision as u8, scale as u8),
            "char" => T::Char(length),
            "varchar" => T::VarChar(length),
            "nchar" => T::NChar(half),
            "nvarchar" => T::NVarChar(half),
            "binary" => T::Binary(length),
            "varbinary" => T::VarBinary(length),
            "time" => T::Time(scale as u8),
            "datetime2" => T::DateTime2(scale as u8),
            "datetimeoffset" => T::DateTimeOffset(scale as u8),
            _ => named(name, &[]).unwrap_or(T::Int),
        }
    }

    /// A number that stands for the type in a call of an SQLite function.
    pub(crate) fn code(self) -> i64 {
        let (a, b) = match self {
            T::Decimal(p, s) => (u32::from(p), s),
            T::Time(n) | T::DateTime2(n) | T::DateTimeOffset(n) => (0, n),
            _ => (self.length(), 0),
        };
        (i64::from(self.precedence()) << 40) | (i64::from(b) << 32) | i64::from(a)
    }

    /// The type behind [`SqlType::code`].
    pub(crate) fn from_code(code: i64) -> Self {
        let (a, b) = ((code & 0xffff_ffff) as u32, ((code >> 32) & 0xff) as u8);
        match code >> 40 {
            1 => T::Binary(a),
            2 => T::VarBinary(a),
            3 => T::Char(a),
            4 => T::VarChar(a),
            5 => T::NChar(a),
            6 => T::NVarChar(a),
            7 => T::UniqueIdentifier,
            8 => T::Timestamp,
            9 => T::Image,
            10 => T::Text,
            11 => T::NText,
            12 => T::Bit,
            13 => T::TinyInt,
            14 => T::SmallInt,
            15 => T::Int,
            16 => T::BigInt,
            17 => T::SmallMoney,
            18 => T::Money,
            19 => T::Decimal(a as u8, b),
            20 => T::Real,
            21 => T::Float,
            22 => T::Time(b),
            23 => T::Date,
            24 => T::SmallDateTime,
            25 => T::DateTime,
            26 => T::DateTime2(b),
            27 => T::DateTimeOffset(b),
            28 => T::Variant,
            _ => T::Null,
        }
    }
}

/// Bytes that decimal(p) takes, sign included.
pub(crate) fn decimal_bytes(precision: u8) -> i64 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// The type of this name and these arguments (`MAX` for the word max).
pub(crate) fn named(name: &str, args: &[u32]) -> Result<SqlType, SqlError> {
    let lower = name.to_lowercase();
    let length = |limit: u32, max_allowed: bool| match args {
        [] => Ok(1),
        [MAX] if max_allowed => Ok(MAX),
        [0] => Err(err_class(1001, 15, 1, "Line 1: Length or precision specification 0 is invalid.")),
        [n] if *n <= limit => Ok(*n),
        [n] => Err(err_class(
            131,
            15,
            3,
            format!(
                "The size ({n}) given to the type '{lower}' exceeds the maximum allowed for any data type ({limit})."
            ),
        )),
        _ => {
            Err(err_class(2724, 15, 1, format!("Parameter or variable has an invalid data type '{lower}'.")))
        }
    };
    let scale = || match args {
        [] => Ok(7),
        [n] if *n <= 7 => Ok(*n as u8),
        _ => Err(err_class(1002, 15, 1, "Line 1: Specified scale is invalid.")),
    };
    let decimal = || match args {
        [] => Ok(T::Decimal(18, 0)),
        [p] if (1..=38).contains(p) => Ok(T::Decimal(*p as u8, 0)),
        [p, s] if (1..=38).contains(p) && s <= p => Ok(T::Decimal(*p as u8, *s as u8)),
        _ => Err(err_class(1007, 15, 1, "The number is out of the range for numeric representation.")),
    };
    Ok(match lower.as_str() {
        "bit" => T::Bit,
        "tinyint" => T::TinyInt,
        "smallint" => T::SmallInt,
        "int" | "integer" => T::Int,
        "bigint" => T::BigInt,
        "decimal" | "dec" | "numeric" => decimal()?,
        "money" => T::Money,
        "smallmoney" => T::SmallMoney,
        "real" => T::Real,
        "float" | "double precision" => {
            if args.first().is_some_and(|n| *n <= 24) {
                T::Real
            } else {
                T::Float
            }
        }
        "char" | "character" => T::Char(length(8000, false)?),
        "varchar" | "character varying" | "char varying" => T::VarChar(length(8000, true)?),
        "nchar" | "national char" | "national character" => T::NChar(length(4000, false)?),
        "nvarchar" | "national char varying" => T::NVarChar(length(4000, true)?),
        "sysname" => T::NVarChar(128),
        "text" => T::Text,
        "ntext" => T::NText,
        "image" => T::Image,
        "binary" => T::Binary(length(8000, false)?),
        "varbinary" => T::VarBinary(length(8000, true)?),
        "date" => T::Date,
        "time" => T::Time(scale()?),
        "smalldatetime" => T::SmallDateTime,
        "datetime" => T::DateTime,
        "datetime2" => T::DateTime2(scale()?),
        "datetimeoffset" => T::DateTimeOffset(scale()?),
        "uniqueidentifier" => T::UniqueIdentifier,
        "timestamp" | "rowversion" => T::Timestamp,
        "sql_variant" => T::Variant,
        _ => return Err(err(243, format!("Type {name} is not a defined system type."))),
    })
}

/// Name, `system_type_id`, `user_type_id`, `max_length`, precision, scale of every system type.
pub(crate) const SYSTEM_TYPES: &[(&str, i64, i64, i64, i64, i64)] = &[
    ("image", 34, 34, 16, 0, 0),
    ("text", 35, 35, 16, 0, 0),
    ("uniqueidentifier", 36, 36, 16, 0, 0),
    ("date", 40, 40, 3, 10, 0),
    ("time", 41, 41, 5, 16, 7),
    ("datetime2", 42, 42, 8, 27, 7),
    ("datetimeoffset", 43, 43, 10, 34, 7),
    ("tinyint", 48, 48, 1, 3, 0),
    ("smallint", 52, 52, 2, 5, 0),
    ("int", 56, 56, 4, 10, 0),
    ("smalldatetime", 58, 58, 4, 16, 0),
    ("real", 59, 59, 4, 24, 0),
    ("money", 60, 60, 8, 19, 4),
    ("datetime", 61, 61, 8, 23, 3),
    ("float", 62, 62, 8, 53, 0),
    ("sql_variant", 98, 98, 8016, 0, 0),
    ("ntext", 99, 99, 16, 0, 0),
    ("bit", 104, 104, 1, 1, 0),
    ("decimal", 106, 106, 17, 38, 38),
    ("numeric", 108, 108, 17, 38, 38),
    ("smallmoney", 122, 122, 4, 10, 4),
    ("bigint", 127, 127, 8, 19, 0),
    ("varbinary", 165, 165, 8000, 0, 0),
    ("varchar", 167, 167, 8000, 0, 0),
    ("binary", 173, 173, 8000, 0, 0),
    ("char", 175, 175, 8000, 0, 0),
    ("timestamp", 189, 189, 8, 0, 0),
    ("nvarchar", 231, 231, 8000, 0, 0),
    ("sysname", 231, 256, 256, 0, 0),
    ("nchar", 239, 239, 8000, 0, 0),
];
