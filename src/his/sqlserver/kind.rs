//! What `sys.columns` says of a column, as a [`ColumnType`]. Pure; holds for 2008 R2 to 2022. See
//! <https://learn.microsoft.com/en-us/sql/t-sql/data-types/data-types-transact-sql>.

use crate::model::table::{Calendar, Charset, ColumnType, Filled, Storage, TextLength};

/// `max_length` of a type without a limit.
const MAX: i32 = -1;
/// The code page of UTF-8.
const UTF8: u32 = 65_001;
/// Digits of a second's fraction that travel: a microsecond is what an event can tell.
const FRACTION_MAX: u32 = 6;

/// A row of `sys.columns` with its base type, as far as types go.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    /// Name of the base type; none for types of code in the database.
    pub(super) base: Option<&'a str>,
    /// The type's own name: an alias, or one of code in the database.
    pub(super) own_type: Option<&'a str>,
    /// In bytes; -1 without a limit.
    pub(super) max_length: i32,
    pub(super) precision: u32,
    pub(super) scale: u32,
    /// Of its collation.
    pub(super) code_page: Option<u32>,
}

/// The column's type.
pub(super) fn column_type(declared: &Declared<'_>) -> ColumnType {
    let bytes = u64::try_from(declared.max_length).ok();
    match declared.base.unwrap_or_default() {
        "bit" => ColumnType::Int { min: 0, max: 1 },
        "tinyint" => ColumnType::Int { min: 0, max: 255 },
        "smallint" => ColumnType::Int { min: i16::MIN.into(), max: i16::MAX.into() },
        "int" => ColumnType::Int { min: i32::MIN.into(), max: i32::MAX.into() },
        "bigint" => ColumnType::Int { min: i64::MIN.into(), max: i64::MAX.into() },
        "decimal" | "numeric" => {
            ColumnType::Decimal { precision: declared.precision, scale: declared.scale, unsigned: false }
        }
        "money" => ColumnType::Money { small: false },
        "smallmoney" => ColumnType::Money { small: true },
        "real" => ColumnType::Float { single: true },
        "float" => ColumnType::Float { single: false },
        "char" | "varchar" => text(bytes.map_or(TextLength::Unlimited, TextLength::Bytes), declared),
        "text" => text(TextLength::Unlimited, declared),
        "nchar" | "nvarchar" => ColumnType::Text {
            length: bytes.map_or(TextLength::Unlimited, |bytes| TextLength::Units(bytes / 2)),
            charset: Charset::Any,
        },
        "ntext" => ColumnType::Text { length: TextLength::Unlimited, charset: Charset::Any },
        "binary" | "varbinary" => ColumnType::Bytes { max: bytes },
        "image" => ColumnType::Bytes { max: None },
        "date" => ColumnType::Date,
        "time" => ColumnType::Time { fraction: fraction(declared) },
        "datetime" => ColumnType::DateTime { fraction: 3, calendar: Calendar::From1753 },
        "smalldatetime" => ColumnType::DateTime { fraction: 0, calendar: Calendar::Small },
        "datetime2" => ColumnType::DateTime { fraction: fraction(declared), calendar: Calendar::Full },
        "datetimeoffset" => ColumnType::Timestamp { fraction: fraction(declared) },
        "uniqueidentifier" => ColumnType::Guid,
        // rowversion, which is never written, xml, sql_variant, and what code in the database defines.
        _ => ColumnType::Other,
    }
}

/// The type as T-SQL writes it, `decimal(12,2)`: what values are cast to.
pub(super) fn declaration(declared: &Declared<'_>) -> String {
    let base = declared.base.or(declared.own_type).unwrap_or("sql_variant");
    let length = |unit: i32| match declared.max_length {
        MAX => format!("{base}(max)"),
        bytes => format!("{base}({})", bytes / unit),
    };
    match base {
        "decimal" | "numeric" => format!("{base}({},{})", declared.precision, declared.scale),
        "char" | "varchar" | "binary" | "varbinary" => length(1),
        "nchar" | "nvarchar" => length(2),
        "time" | "datetime2" | "datetimeoffset" => format!("{base}({})", declared.scale),
        "timestamp" => "rowversion".to_owned(),
        _ => base.to_owned(),
    }
}

/// How a value is bound. A text in another code page than the database's goes as Unicode: a cast to `varchar` would turn it
/// into the database's code page on the way, and lose what that lacks. So does one in a code page that tiberius reads wrong
/// or not at all: UTF-8, and those of DOS.
pub(super) fn storage(declared: &Declared<'_>, database_page: Option<u32>) -> Storage {
    let narrow = matches!(declared.base, Some("char" | "varchar" | "text"));
    match (declared.code_page, database_page) {
        (Some(own), _) if narrow && !matches!(own, 874 | 932 | 936 | 949 | 950 | 1250..=1258) => {
            Storage::NVarChar
        }
        (Some(own), Some(databases)) if narrow && own != databases => Storage::NVarChar,
        _ => Storage::Any,
    }
}

/// Who fills the column, as `sys.columns` has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filling<'a> {
    pub(super) identity: bool,
    /// Computed, a rowversion, or the period of a table with a history.
    pub(super) computed: bool,
    /// The text of its default; empty where the login may not see it.
    pub(super) default: Option<&'a str>,
    pub(super) nullable: bool,
}

/// Who fills the column when it is left out.
pub(super) fn filled(filling: &Filling<'_>) -> Filled {
    // Each row gets a value of its own: a sequence, or a GUID.
    let counts = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("next value for") || text.contains("newid()") || text.contains("newsequentialid()")
    };
    if filling.computed {
        Filled::ByExpression
    } else if filling.identity {
        Filled::ByIdentity
    } else if filling.default.is_some_and(counts) {
        Filled::ByCounter
    } else if filling.default.is_some() || filling.nullable {
        Filled::ByDefault
    } else {
        Filled::ByNobody
    }
}

/// Whether a collation takes texts for equal that differ in case or accents.
pub(super) fn folds(collation: Option<&str>) -> bool {
    collation.is_some_and(|name| {
        let name = name.to_ascii_uppercase();
        !name.contains("_BIN") && (name.contains("_CI") || name.contains("_AI"))
    })
}

fn fraction(declared: &Declared<'_>) -> u32 {
    declared.scale.min(FRACTION_MAX)
}

fn text(length: TextLength, declared: &Declared<'_>) -> ColumnType {
    let charset = match declared.code_page {
        Some(UTF8) | None => Charset::Any,
        // A collation without a code page keeps plain English letters only.
        Some(page) => u16::try_from(page).map_or(Charset::Ascii, Charset::CodePage),
    };
    ColumnType::Text { length, charset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        fn check(base: &str, max_length: i32, digits: (u32, u32), written: &str, expected: &ColumnType) {
            let declared = Declared {
                base: Some(base),
                own_type: None,
                max_length,
                precision: digits.0,
                scale: digits.1,
                code_page: Some(1252),
            };
            assert_eq!(column_type(&declared), *expected, "{base}");
            assert_eq!(declaration(&declared), written);
        }
        let page = |length| ColumnType::Text { length, charset: Charset::CodePage(1252) };
        let wide = |length| ColumnType::Text { length, charset: Charset::Any };
        check("bit", 1, (1, 0), "bit", &ColumnType::Int { min: 0, max: 1 });
        check("tinyint", 1, (3, 0), "tinyint", &ColumnType::Int { min: 0, max: 255 });
        check(
            "bigint",
            8,
            (19, 0),
            "bigint",
            &ColumnType::Int { min: i64::MIN.into(), max: i64::MAX.into() },
        );
        let decimal = ColumnType::Decimal { precision: 12, scale: 2, unsigned: false };
        check("decimal", 9, (12, 2), "decimal(12,2)", &decimal);
        check("money", 8, (19, 4), "money", &ColumnType::Money { small: false });
        check("smallmoney", 4, (10, 4), "smallmoney", &ColumnType::Money { small: true });
        check("real", 4, (24, 0), "real", &ColumnType::Float { single: true });
        check("float", 8, (53, 0), "float", &ColumnType::Float { single: false });
        check("varchar", 20, (0, 0), "varchar(20)", &page(TextLength::Bytes(20)));
        check("varchar", -1, (0, 0), "varchar(max)", &page(TextLength::Unlimited));
        check("text", 16, (0, 0), "text", &page(TextLength::Unlimited));
        check("nvarchar", 40, (0, 0), "nvarchar(20)", &wide(TextLength::Units(20)));
        check("nchar", 20, (0, 0), "nchar(10)", &wide(TextLength::Units(10)));
        check("nvarchar", -1, (0, 0), "nvarchar(max)", &wide(TextLength::Unlimited));
        check("varbinary", 16, (0, 0), "varbinary(16)", &ColumnType::Bytes { max: Some(16) });
        check("varbinary", -1, (0, 0), "varbinary(max)", &ColumnType::Bytes { max: None });
        check("date", 3, (10, 0), "date", &ColumnType::Date);
        check("time", 5, (16, 7), "time(7)", &ColumnType::Time { fraction: 6 });
        let old = ColumnType::DateTime { fraction: 3, calendar: Calendar::From1753 };
        check("datetime", 8, (23, 3), "datetime", &old);
        let small = ColumnType::DateTime { fraction: 0, calendar: Calendar::Small };
        check("smalldatetime", 4, (16, 0), "smalldatetime", &small);
        let new = ColumnType::DateTime { fraction: 0, calendar: Calendar::Full };
        check("datetime2", 6, (19, 0), "datetime2(0)", &new);
        check("datetimeoffset", 10, (34, 3), "datetimeoffset(3)", &ColumnType::Timestamp { fraction: 3 });
        check("uniqueidentifier", 16, (0, 0), "uniqueidentifier", &ColumnType::Guid);
        check("xml", -1, (0, 0), "xml", &ColumnType::Other);
        check("timestamp", 8, (0, 0), "rowversion", &ColumnType::Other);
        assert_eq!(column_type(&Declared::default()), ColumnType::Other);
    }

    #[test]
    fn code_pages() {
        fn check(code_page: Option<u32>, expected: Charset) {
            let declared =
                Declared { base: Some("varchar"), max_length: 10, code_page, ..Declared::default() };
            let expected = ColumnType::Text { length: TextLength::Bytes(10), charset: expected };
            assert_eq!(column_type(&declared), expected);
        }
        check(Some(1251), Charset::CodePage(1251));
        check(Some(65_001), Charset::Any);
        check(Some(0), Charset::CodePage(0));
        check(None, Charset::Any);
    }

    #[test]
    fn texts_of_another_code_page_go_as_unicode() {
        fn check(base: &str, page: u32, database: Option<u32>, expected: Storage) {
            let declared = Declared { base: Some(base), code_page: Some(page), ..Declared::default() };
            assert_eq!(storage(&declared, database), expected, "{base} {page}");
        }
        check("varchar", 1251, Some(1252), Storage::NVarChar);
        check("varchar", 1252, Some(1252), Storage::Any);
        check("varchar", 1252, None, Storage::Any);
        check("varchar", 65_001, Some(65_001), Storage::NVarChar);
        check("char", 437, Some(437), Storage::NVarChar);
        check("nvarchar", 1251, Some(1252), Storage::Any);
    }

    #[test]
    fn collations() {
        let check = |name, expected| assert_eq!(folds(name), expected, "{name:?}");
        check(Some("SQL_Latin1_General_CP1_CI_AS"), true);
        check(Some("Latin1_General_CS_AI"), true);
        check(Some("Latin1_General_100_CS_AS_SC"), false);
        check(Some("Latin1_General_BIN2"), false);
        check(None, false);
    }

    #[test]
    fn who_fills() {
        fn check(filling: &Filling<'_>, expected: Filled) {
            assert_eq!(filled(filling), expected, "{filling:?}");
        }
        let nothing = Filling::default();
        check(&nothing, Filled::ByNobody);
        check(&Filling { identity: true, ..nothing }, Filled::ByIdentity);
        check(&Filling { computed: true, nullable: true, ..nothing }, Filled::ByExpression);
        check(&Filling { nullable: true, ..nothing }, Filled::ByDefault);
        let default = |default| Filling { default, ..nothing };
        check(&default(Some("")), Filled::ByDefault);
        check(&default(Some("((0))")), Filled::ByDefault);
        check(&default(Some("(NEXT VALUE FOR [dbo].[VisitNo])")), Filled::ByCounter);
        check(&default(Some("(newsequentialid())")), Filled::ByCounter);
    }
}
