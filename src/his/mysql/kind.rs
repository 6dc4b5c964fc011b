//! What `information_schema.COLUMNS` says of a column, as a [`ColumnType`]. Pure; holds for 5.5 to 9.x and `MariaDB`.

use crate::model::table::{Calendar, Charset, ColumnType, Filled, TextLength};

/// A row of `information_schema.COLUMNS`, as far as types go.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    /// `DATA_TYPE`, `varchar`.
    pub(super) data_type: &'a str,
    /// `COLUMN_TYPE`, `int(10) unsigned`. Fractions are read from here: 5.5 has no `DATETIME_PRECISION`.
    pub(super) column_type: &'a str,
    /// `CHARACTER_MAXIMUM_LENGTH`.
    pub(super) chars_max: Option<u64>,
    /// `CHARACTER_OCTET_LENGTH`.
    pub(super) bytes_max: Option<u64>,
    /// `NUMERIC_PRECISION`.
    pub(super) precision: Option<u32>,
    /// `NUMERIC_SCALE`.
    pub(super) scale: Option<u32>,
    /// `CHARACTER_SET_NAME`.
    pub(super) charset: Option<&'a str>,
}

/// The column's type.
pub(super) fn column_type(declared: &Declared<'_>) -> ColumnType {
    let unsigned = declared.column_type.to_ascii_lowercase().contains("unsigned");
    let argument = argument(declared.column_type);
    let fraction = argument.unwrap_or(0);
    match declared.data_type.to_ascii_lowercase().as_str() {
        "tinyint" => int(8, unsigned),
        "smallint" => int(16, unsigned),
        "mediumint" => int(24, unsigned),
        "int" | "integer" => int(32, unsigned),
        "bigint" => int(64, unsigned),
        "bit" => int(argument.unwrap_or(1).clamp(1, 64), true),
        "decimal" | "numeric" => ColumnType::Decimal {
            precision: declared.precision.unwrap_or(10),
            scale: declared.scale.unwrap_or(0),
            unsigned,
        },
        "float" => ColumnType::Float { single: true },
        "double" | "real" => ColumnType::Float { single: false },
        "char" | "varchar" => {
            text(declared.chars_max.map_or(TextLength::Unlimited, TextLength::Chars), declared)
        }
        "tinytext" | "text" | "mediumtext" | "longtext" => {
            text(declared.bytes_max.map_or(TextLength::Unlimited, TextLength::Bytes), declared)
        }
        "enum" => ColumnType::Choice { members: members(declared.column_type), many: false },
        "set" => ColumnType::Choice { members: members(declared.column_type), many: true },
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            ColumnType::Bytes { max: declared.bytes_max.or(declared.chars_max) }
        }
        "date" => ColumnType::Date,
        "time" => ColumnType::Time { fraction },
        "datetime" => ColumnType::DateTime { fraction, calendar: Calendar::Full },
        "timestamp" => ColumnType::Timestamp { fraction },
        "year" => ColumnType::Year,
        "json" => ColumnType::Json,
        _ => ColumnType::Other,
    }
}

/// Who fills the column when it is left out. `extra` is `EXTRA`.
pub(super) fn filled(data_type: &str, extra: &str, has_default: bool, nullable: bool) -> Filled {
    let extra = extra.to_ascii_lowercase();
    let mut words = extra.split_ascii_whitespace();
    if extra.contains("auto_increment") {
        Filled::ByCounter
    // MariaDB before 10.2 writes `PERSISTENT` and `VIRTUAL` alone; `DEFAULT_GENERATED` is MySQL 8's word for a default.
    } else if words.any(|word| matches!(word, "virtual" | "stored" | "persistent")) {
        Filled::ByExpression
    // The first member is an ENUM's default, even where the server is strict.
    } else if has_default || nullable || data_type.eq_ignore_ascii_case("enum") {
        Filled::ByDefault
    } else {
        Filled::ByNobody
    }
}

/// Whether a storage engine rolls back. A view has none and is as good as its tables.
pub(super) fn transactional(engine: Option<&str>) -> bool {
    const WITHOUT: [&str; 9] =
        ["myisam", "memory", "heap", "archive", "csv", "mrg_myisam", "aria", "blackhole", "federated"];
    !engine.is_some_and(|engine| WITHOUT.iter().any(|name| engine.eq_ignore_ascii_case(name)))
}

fn int(bits: u32, unsigned: bool) -> ColumnType {
    if unsigned {
        ColumnType::Int { min: 0, max: (1_i128 << bits) - 1 }
    } else {
        ColumnType::Int { min: -(1_i128 << (bits - 1)), max: (1_i128 << (bits - 1)) - 1 }
    }
}

fn text(length: TextLength, declared: &Declared<'_>) -> ColumnType {
    let charset = match declared.charset.map(str::to_ascii_lowercase).as_deref() {
        Some("utf8" | "utf8mb3") => Charset::Utf8mb3,
        Some("latin1") => Charset::Latin1,
        Some("ascii") => Charset::Ascii,
        _ => Charset::Any,
    };
    ColumnType::Text { length, charset }
}

/// Whether a collation takes texts for equal that differ; NULL is that of a column that holds no text.
pub(super) fn folds(collation: Option<&str>) -> bool {
    collation.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name != "binary" && !name.ends_with("_bin") && !name.contains("_cs")
    })
}

/// The members of `enum('a','it''s')`.
fn members(column_type: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut open: Option<String> = None;
    let mut chars = column_type.chars().peekable();
    while let Some(c) = chars.next() {
        match (&mut open, c) {
            (Some(member), '\'') if chars.peek() == Some(&'\'') => {
                chars.next();
                member.push('\'');
            }
            (Some(_), '\'') => members.extend(open.take()),
            (Some(member), c) => member.push(c),
            (None, '\'') => open = Some(String::new()),
            (None, _) => {}
        }
    }
    members
}

/// The first number in parentheses: 3 of `datetime(3)`.
fn argument(column_type: &str) -> Option<u32> {
    let (_, rest) = column_type.split_once('(')?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        fn check(column_type: &str, expected: &ColumnType) {
            let data_type = column_type.split(['(', ' ']).next().unwrap_or_default();
            let declared = Declared {
                data_type,
                column_type,
                chars_max: Some(20),
                bytes_max: Some(80),
                precision: Some(10),
                scale: Some(2),
                charset: Some("latin1"),
            };
            assert_eq!(column_type_of(&declared), *expected, "{column_type}");
        }
        let latin1 = |length| ColumnType::Text { length, charset: Charset::Latin1 };
        check("tinyint(1)", &ColumnType::Int { min: -128, max: 127 });
        check("tinyint(3) unsigned", &ColumnType::Int { min: 0, max: 255 });
        check("smallint", &ColumnType::Int { min: -32768, max: 32767 });
        check("mediumint unsigned", &ColumnType::Int { min: 0, max: 16_777_215 });
        check("int(10) unsigned zerofill", &ColumnType::Int { min: 0, max: 4_294_967_295 });
        check("bigint(20)", &ColumnType::Int { min: i128::from(i64::MIN), max: i128::from(i64::MAX) });
        check("bigint(20) unsigned", &ColumnType::Int { min: 0, max: i128::from(u64::MAX) });
        check("bit(1)", &ColumnType::Int { min: 0, max: 1 });
        check("bit(64)", &ColumnType::Int { min: 0, max: i128::from(u64::MAX) });
        check("decimal(10,2)", &ColumnType::Decimal { precision: 10, scale: 2, unsigned: false });
        check("decimal(10,2) unsigned", &ColumnType::Decimal { precision: 10, scale: 2, unsigned: true });
        check("float", &ColumnType::Float { single: true });
        check("double(8,2)", &ColumnType::Float { single: false });
        check("varchar(20)", &latin1(TextLength::Chars(20)));
        check("char(20)", &latin1(TextLength::Chars(20)));
        check("text", &latin1(TextLength::Bytes(80)));
        let choice = |members: &[&str], many| ColumnType::Choice {
            members: members.iter().map(|m| (*m).to_owned()).collect(),
            many,
        };
        check("enum('a(3)','it''s, b','')", &choice(&["a(3)", "it's, b", ""], false));
        check("set('a')", &choice(&["a"], true));
        check("varbinary(80)", &ColumnType::Bytes { max: Some(80) });
        check("longblob", &ColumnType::Bytes { max: Some(80) });
        check("date", &ColumnType::Date);
        check("time", &ColumnType::Time { fraction: 0 });
        check("time(6)", &ColumnType::Time { fraction: 6 });
        check("datetime(3)", &ColumnType::DateTime { fraction: 3, calendar: Calendar::Full });
        check("timestamp", &ColumnType::Timestamp { fraction: 0 });
        check("year(4)", &ColumnType::Year);
        check("json", &ColumnType::Json);
        check("point", &ColumnType::Other);
        check("uuid", &ColumnType::Other);
    }

    fn column_type_of(declared: &Declared<'_>) -> ColumnType {
        column_type(declared)
    }

    #[test]
    fn charsets() {
        fn check(charset: Option<&str>, expected: Charset) {
            let declared =
                Declared { data_type: "varchar", column_type: "varchar(1)", charset, ..Declared::default() };
            let ColumnType::Text { charset: found, .. } = column_type(&declared) else { panic!("not text") };
            assert_eq!(found, expected, "{charset:?}");
        }
        check(Some("utf8mb4"), Charset::Any);
        check(Some("utf8"), Charset::Utf8mb3);
        check(Some("utf8mb3"), Charset::Utf8mb3);
        check(Some("latin1"), Charset::Latin1);
        check(Some("ascii"), Charset::Ascii);
        check(Some("cp1251"), Charset::Any);
        check(None, Charset::Any);
    }

    #[test]
    fn collations() {
        let check = |name, expected| assert_eq!(folds(name), expected, "{name:?}");
        check(Some("utf8mb4_general_ci"), true);
        check(Some("utf8mb4_0900_ai_ci"), true);
        check(Some("latin1_bin"), false);
        check(Some("utf8mb4_0900_as_cs"), false);
        check(Some("binary"), false);
        check(None, false);
    }

    #[test]
    fn who_fills() {
        fn check(extra: &str, has_default: bool, nullable: bool, expected: Filled) {
            assert_eq!(filled("int", extra, has_default, nullable), expected, "{extra}");
        }
        check("auto_increment", false, false, Filled::ByCounter);
        check("VIRTUAL GENERATED", false, true, Filled::ByExpression);
        check("STORED GENERATED", false, true, Filled::ByExpression);
        check("PERSISTENT", false, true, Filled::ByExpression);
        check("VIRTUAL", false, true, Filled::ByExpression);
        check("DEFAULT_GENERATED on update CURRENT_TIMESTAMP", true, false, Filled::ByDefault);
        check("on update CURRENT_TIMESTAMP", true, false, Filled::ByDefault);
        check("INVISIBLE", false, true, Filled::ByDefault);
        check("", false, true, Filled::ByDefault);
        check("", true, false, Filled::ByDefault);
        check("", false, false, Filled::ByNobody);
        assert_eq!(filled("enum", "", false, false), Filled::ByDefault);
    }

    #[test]
    fn engines() {
        assert!(transactional(Some("InnoDB")));
        assert!(transactional(Some("ROCKSDB")));
        assert!(transactional(None));
        assert!(!transactional(Some("MyISAM")));
        assert!(!transactional(Some("Aria")));
    }
}
