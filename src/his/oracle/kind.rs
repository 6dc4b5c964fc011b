//! What `ALL_TAB_COLUMNS` says of a column, as a [`ColumnType`] and a [`Storage`]. Pure; holds for 11.2 to 23ai.
//!
//! See <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Data-Types.html>.

use crate::model::table::{Calendar, Charset, ColumnType, Filled, Storage, TextLength};

/// Digits of a NUMBER before and behind the point where neither is declared; more than 38 in all the client refuses.
const FREE_DIGITS: u32 = 38;
/// Digits of a NUMBER at most.
const PRECISION_MAX: u32 = 38;
/// Binary digits of a single.
const SINGLE_BITS: u32 = 24;
/// Binary digits of a FLOAT that is as good as a NUMBER.
const FLOAT_BITS_MAX: u32 = 126;

/// A row of `ALL_TAB_COLUMNS`, as far as types go.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    /// `DATA_TYPE`, `TIMESTAMP(6) WITH TIME ZONE`.
    pub(super) data_type: &'a str,
    /// `DATA_LENGTH`, in bytes.
    pub(super) bytes: Option<u32>,
    /// `CHAR_LENGTH`.
    pub(super) characters: Option<u32>,
    /// `CHAR_USED` is `C`: the length is declared in characters.
    pub(super) by_characters: bool,
    /// `DATA_PRECISION`: decimal digits, of FLOAT binary ones.
    pub(super) precision: Option<u32>,
    /// `DATA_SCALE`.
    pub(super) scale: Option<i32>,
    /// The database's character set, `NLS_CHARACTERSET`.
    pub(super) charset: &'a str,
}

impl Declared<'_> {
    /// The length in characters. Where it is not told, that in bytes is never less; a national one takes two each.
    fn characters(&self) -> u32 {
        let bytes = self.bytes.unwrap_or(0);
        let national = matches!(self.data_type, "NVARCHAR2" | "NCHAR");
        self.characters.filter(|n| *n > 0).unwrap_or(if national { bytes / 2 } else { bytes })
    }
}

/// What a column is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) column_type: ColumnType,
    pub(super) storage: Storage,
    /// As Oracle writes it.
    pub(super) declared: String,
}

/// The column's type.
pub(super) fn kind(declared: &Declared<'_>) -> Kind {
    let bytes = declared.bytes.unwrap_or(0);
    let characters = declared.characters();
    let unlimited = |charset| ColumnType::Text { length: TextLength::Unlimited, charset };
    // Both national sets, AL16UTF16 and UTF8, count an emoji as two.
    let national =
        || ColumnType::Text { length: TextLength::Units(characters.into()), charset: Charset::Any };
    let own = charset(declared.charset);
    let (column_type, storage) = match declared.data_type {
        "VARCHAR2" | "VARCHAR" => (text(declared), Storage::VarChar),
        "CHAR" => (text(declared), Storage::Char(if declared.by_characters { characters } else { bytes })),
        "NVARCHAR2" => (national(), Storage::NVarChar),
        "NCHAR" => (national(), Storage::NChar(characters)),
        "CLOB" => (unlimited(own), Storage::Clob),
        "NCLOB" => (unlimited(Charset::Any), Storage::NClob),
        "NUMBER" => (number(declared), Storage::Number),
        "FLOAT" => (float(declared.precision.unwrap_or(FLOAT_BITS_MAX)), Storage::Number),
        "BINARY_FLOAT" => (ColumnType::Float { single: true }, Storage::BinaryFloat),
        "BINARY_DOUBLE" => (ColumnType::Float { single: false }, Storage::BinaryDouble),
        // Oracle's DATE has a time of day; a date alone is written as its midnight.
        "DATE" => (date_time(0), Storage::Date),
        "RAW" => (ColumnType::Bytes { max: Some(bytes.into()) }, Storage::Raw),
        "BLOB" => (ColumnType::Bytes { max: None }, Storage::Blob),
        // 23ai's turns 0 and 1 into FALSE and TRUE.
        "BOOLEAN" => (ColumnType::Int { min: 0, max: 1 }, Storage::Number),
        "JSON" => (ColumnType::Json, Storage::Clob),
        other => timestamp(other).unwrap_or((ColumnType::Other, Storage::Any)),
    };
    Kind { column_type, storage, declared: written(declared) }
}

/// Who fills the column when it is left out.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the catalog, no state machine")]
pub(super) struct Filling {
    pub(super) is_virtual: bool,
    /// An identity column that takes no number from anyone.
    pub(super) is_identity: bool,
    /// Another identity column, or one whose default takes the next number of a sequence.
    pub(super) counts: bool,
    /// It has a default, or takes NULL.
    pub(super) optional: bool,
}

impl Filling {
    pub(super) fn filled(self) -> Filled {
        if self.is_virtual {
            Filled::ByExpression
        } else if self.is_identity {
            Filled::ByIdentity
        } else if self.counts {
            Filled::ByCounter
        } else if self.optional {
            Filled::ByDefault
        } else {
            Filled::ByNobody
        }
    }
}

/// Which characters a set of Oracle's has, as far as they are known here. See
/// <https://docs.oracle.com/en/database/oracle/oracle-database/19/nlspg/appendix-A-locale-data.html>.
pub(super) fn charset(name: &str) -> Charset {
    let after = |mark: &str| name.split_once(mark).and_then(|(_, number)| number.parse().ok());
    match name {
        "US7ASCII" => Charset::Ascii,
        "JA16SJIS" | "JA16SJISTILDE" => Charset::CodePage(932),
        "ZHS16GBK" => Charset::CodePage(936),
        "KO16MSWIN949" => Charset::CodePage(949),
        "ZHT16MSWIN950" | "ZHT16BIG5" => Charset::CodePage(950),
        _ => match (after("8MSWIN"), after("8ISO8859P")) {
            (Some(page), _) => Charset::CodePage(page),
            (_, Some(part)) => u8::try_from(part).map_or(Charset::Any, Charset::Iso8859),
            _ => Charset::Any,
        },
    }
}

/// Whether each character takes one byte: the number in a set's name is that of its bits.
fn is_single_byte(name: &str) -> bool {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let after = |bits: &str| {
        digits.strip_prefix(bits).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    after("7") || after("8")
}

fn text(declared: &Declared<'_>) -> ColumnType {
    let (bytes, characters) = (declared.bytes.unwrap_or(0), declared.characters());
    let length = match (declared.by_characters, is_single_byte(declared.charset)) {
        (true, _) => TextLength::Chars(characters.into()),
        (false, true) => TextLength::Chars(bytes.into()),
        (false, false) => TextLength::Bytes(bytes.into()),
    };
    ColumnType::Text { length, charset: charset(declared.charset) }
}

fn number(declared: &Declared<'_>) -> ColumnType {
    match (declared.precision, declared.scale) {
        (None, None) => {
            ColumnType::Decimal { precision: 2 * FREE_DIGITS, scale: FREE_DIGITS, unsigned: false }
        }
        // INTEGER.
        (None, Some(scale)) if scale <= 0 => int(PRECISION_MAX),
        (None, Some(scale)) => {
            let scale = scale.unsigned_abs();
            ColumnType::Decimal { precision: PRECISION_MAX.max(scale), scale, unsigned: false }
        }
        // With a negative scale the last digits before the point are rounded by the server.
        (Some(precision), scale) => match scale.unwrap_or(0) {
            scale if scale <= 0 => int((precision + scale.unsigned_abs()).min(PRECISION_MAX)),
            scale => ColumnType::Decimal { precision, scale: scale.unsigned_abs(), unsigned: false },
        },
    }
}

/// 38 digits are fewer than an `i128` has.
fn int(digits: u32) -> ColumnType {
    let max = 10_i128.pow(digits.min(PRECISION_MAX)) - 1;
    ColumnType::Int { min: -max, max }
}

fn float(bits: u32) -> ColumnType {
    if bits >= FLOAT_BITS_MAX {
        ColumnType::Decimal { precision: 2 * FREE_DIGITS, scale: FREE_DIGITS, unsigned: false }
    } else {
        ColumnType::Float { single: bits <= SINGLE_BITS }
    }
}

/// Oracle's years begin 4712 BC; an event's begin with 1.
fn date_time(fraction: u32) -> ColumnType {
    ColumnType::DateTime { fraction, calendar: Calendar::Full }
}

fn timestamp(data_type: &str) -> Option<(ColumnType, Storage)> {
    let rest = data_type.strip_prefix("TIMESTAMP")?;
    let (fraction, zone) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((digits, zone)) => (digits.parse().unwrap_or(6), zone.trim()),
        None => (6, rest.trim()),
    };
    Some(match zone {
        "" => (date_time(fraction), Storage::Timestamp),
        "WITH TIME ZONE" => (ColumnType::Timestamp { fraction }, Storage::TimestampTz),
        "WITH LOCAL TIME ZONE" => (ColumnType::Timestamp { fraction }, Storage::TimestampLtz),
        _ => return None,
    })
}

fn written(declared: &Declared<'_>) -> String {
    let name = declared.data_type;
    let (bytes, characters) = (declared.bytes.unwrap_or(0), declared.characters());
    match name {
        "VARCHAR2" | "CHAR" if declared.by_characters => format!("{name}({characters} CHAR)"),
        "VARCHAR2" | "CHAR" => format!("{name}({bytes} BYTE)"),
        "NVARCHAR2" | "NCHAR" => format!("{name}({characters})"),
        "RAW" => format!("{name}({bytes})"),
        "NUMBER" => match (declared.precision, declared.scale) {
            (Some(precision), Some(scale)) if scale != 0 => format!("{name}({precision},{scale})"),
            (Some(precision), _) => format!("{name}({precision})"),
            (None, Some(0)) => "INTEGER".to_owned(),
            (None, Some(scale)) => format!("{name}(*,{scale})"),
            (None, None) => name.to_owned(),
        },
        "FLOAT" => declared.precision.map_or_else(|| name.to_owned(), |bits| format!("{name}({bits})")),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(data_type: &str) -> Declared<'_> {
        Declared {
            data_type,
            bytes: Some(80),
            characters: Some(20),
            charset: "AL32UTF8",
            ..Declared::default()
        }
    }

    fn check(declared: &Declared<'_>, column_type: &ColumnType, storage: Storage, written: &str) {
        let found = kind(declared);
        assert_eq!(
            (&found.column_type, found.storage, found.declared.as_str()),
            (column_type, storage, written)
        );
    }

    #[test]
    fn texts() {
        let any = |length| ColumnType::Text { length, charset: Charset::Any };
        let by_characters = |data_type| Declared { by_characters: true, ..declared(data_type) };
        check(&declared("VARCHAR2"), &any(TextLength::Bytes(80)), Storage::VarChar, "VARCHAR2(80 BYTE)");
        check(&by_characters("VARCHAR2"), &any(TextLength::Chars(20)), Storage::VarChar, "VARCHAR2(20 CHAR)");
        check(&declared("CHAR"), &any(TextLength::Bytes(80)), Storage::Char(80), "CHAR(80 BYTE)");
        check(&by_characters("CHAR"), &any(TextLength::Chars(20)), Storage::Char(20), "CHAR(20 CHAR)");
        check(&declared("NVARCHAR2"), &any(TextLength::Units(20)), Storage::NVarChar, "NVARCHAR2(20)");
        check(&declared("NCHAR"), &any(TextLength::Units(20)), Storage::NChar(20), "NCHAR(20)");
        check(&declared("CLOB"), &any(TextLength::Unlimited), Storage::Clob, "CLOB");
        check(&declared("NCLOB"), &any(TextLength::Unlimited), Storage::NClob, "NCLOB");
        let win = Declared { charset: "WE8MSWIN1252", ..declared("VARCHAR2") };
        let latin1 = ColumnType::Text { length: TextLength::Chars(80), charset: Charset::CodePage(1252) };
        check(&win, &latin1, Storage::VarChar, "VARCHAR2(80 BYTE)");
    }

    #[test]
    fn numbers() {
        let number = |precision, scale| Declared { precision, scale, ..declared("NUMBER") };
        let decimal = |precision, scale| ColumnType::Decimal { precision, scale, unsigned: false };
        let int = |max: i128| ColumnType::Int { min: -max, max };
        check(&number(None, None), &decimal(76, 38), Storage::Number, "NUMBER");
        check(&number(Some(10), Some(0)), &int(9_999_999_999), Storage::Number, "NUMBER(10)");
        check(&number(Some(10), Some(2)), &decimal(10, 2), Storage::Number, "NUMBER(10,2)");
        check(&number(Some(3), Some(5)), &decimal(3, 5), Storage::Number, "NUMBER(3,5)");
        check(&number(Some(5), Some(-2)), &int(9_999_999), Storage::Number, "NUMBER(5,-2)");
        check(&number(None, Some(0)), &int(10_i128.pow(38) - 1), Storage::Number, "INTEGER");
        check(&number(Some(38), Some(0)), &int(10_i128.pow(38) - 1), Storage::Number, "NUMBER(38)");
        let float = |bits| Declared { precision: Some(bits), ..declared("FLOAT") };
        check(&float(126), &decimal(76, 38), Storage::Number, "FLOAT(126)");
        check(&float(53), &ColumnType::Float { single: false }, Storage::Number, "FLOAT(53)");
        check(&float(24), &ColumnType::Float { single: true }, Storage::Number, "FLOAT(24)");
        check(
            &declared("BINARY_FLOAT"),
            &ColumnType::Float { single: true },
            Storage::BinaryFloat,
            "BINARY_FLOAT",
        );
        check(
            &declared("BINARY_DOUBLE"),
            &ColumnType::Float { single: false },
            Storage::BinaryDouble,
            "BINARY_DOUBLE",
        );
    }

    #[test]
    fn others() {
        let check = |data_type: &str, column_type: ColumnType, storage| {
            super::tests::check(&declared(data_type), &column_type, storage, data_type);
        };
        check("DATE", date_time(0), Storage::Date);
        check("TIMESTAMP(6)", date_time(6), Storage::Timestamp);
        check("TIMESTAMP(0)", date_time(0), Storage::Timestamp);
        check("TIMESTAMP(3) WITH TIME ZONE", ColumnType::Timestamp { fraction: 3 }, Storage::TimestampTz);
        check(
            "TIMESTAMP(9) WITH LOCAL TIME ZONE",
            ColumnType::Timestamp { fraction: 9 },
            Storage::TimestampLtz,
        );
        check("BLOB", ColumnType::Bytes { max: None }, Storage::Blob);
        check("LONG", ColumnType::Other, Storage::Any);
        check("XMLTYPE", ColumnType::Other, Storage::Any);
        check("INTERVAL DAY(2) TO SECOND(6)", ColumnType::Other, Storage::Any);
        check("JSON", ColumnType::Json, Storage::Clob);
        let raw = kind(&declared("RAW"));
        assert_eq!(
            (raw.column_type, raw.declared.as_str()),
            (ColumnType::Bytes { max: Some(80) }, "RAW(80)")
        );
    }

    #[test]
    fn character_sets() {
        fn check(name: &str, expected: Charset) {
            assert_eq!(charset(name), expected, "{name}");
        }
        check("AL32UTF8", Charset::Any);
        check("US7ASCII", Charset::Ascii);
        check("WE8MSWIN1252", Charset::CodePage(1252));
        check("AR8MSWIN1256", Charset::CodePage(1256));
        check("BLT8MSWIN1257", Charset::CodePage(1257));
        check("WE8ISO8859P1", Charset::Iso8859(1));
        check("WE8ISO8859P15", Charset::Iso8859(15));
        check("ZHS16GBK", Charset::CodePage(936));
        check("TH8TISASCII", Charset::Any);
        check("", Charset::Any);
    }

    #[test]
    fn sets_of_one_byte_a_character() {
        for name in ["US7ASCII", "WE8MSWIN1252", "WE8ISO8859P15", "AR8MSWIN1256"] {
            assert!(is_single_byte(name), "{name}");
        }
        for name in ["AL32UTF8", "UTF8", "AL16UTF16", "ZHS16GBK", "JA16SJIS", ""] {
            assert!(!is_single_byte(name), "{name}");
        }
    }

    #[test]
    fn who_fills() {
        let base = Filling::default();
        assert_eq!(base.filled(), Filled::ByNobody);
        assert_eq!(Filling { optional: true, ..base }.filled(), Filled::ByDefault);
        assert_eq!(Filling { optional: true, counts: true, ..base }.filled(), Filled::ByCounter);
        assert_eq!(Filling { is_identity: true, counts: true, ..base }.filled(), Filled::ByIdentity);
        assert_eq!(Filling { is_virtual: true, optional: true, ..base }.filled(), Filled::ByExpression);
    }
}
