//! Which type a placeholder is cast to on SQL Server, and which columns it and Oracle cannot compare as they are. Writes no
//! statement.

use crate::model::table::{Column, Storage};

/// What a placeholder's value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The column is compared with it.
    Compared,
    /// The column gets it.
    Assigned,
}

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparing {
    /// As it is.
    Bare,
    /// Cast to this type.
    As(&'static str),
    /// Not at all.
    Never,
}

/// Types of SQL Server that a value is cast to as they are declared, with their length, precision or scale.
const EXACT: &[&str] = &[
    "bit",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "decimal",
    "numeric",
    "money",
    "smallmoney",
    "float",
    "real",
    "date",
    "time",
    "datetime",
    "datetime2",
    "smalldatetime",
    "datetimeoffset",
    "uniqueidentifier",
];

/// The type that a value for a column of SQL Server is cast to; none where nothing is known to be right.
///
/// A driver binds texts as `nvarchar`, and numbers and dates as types of its own choice. Compared with a column of another
/// type the column would be converted instead of the value, and an index on it would be of no use: the update would read,
/// and lock, the whole table. So a value is cast to its column's type
/// (<https://learn.microsoft.com/sql/t-sql/data-types/data-type-precedence-transact-sql>).
///
/// Two things about texts are not as they look. `CAST(x AS varchar(5))` cuts what is longer, without an error: an assigned
/// value would lose its end, and a compared one could become the key of another row. So no length is given but the type's
/// greatest, which does an index no harm; the server itself refuses what the column cannot hold. And a cast to `varchar`
/// goes through the code page of the database, which need not be the column's: an assigned text stays `nvarchar(max)`, and
/// the assignment converts it to the column's code page. `binary(n)` is compared exactly, because it is padded; bytes are not
/// longer than what `plan` let through.
pub(super) fn cast_to(declared: &str, what: Use) -> Option<String> {
    let declared = declared.trim().to_ascii_lowercase();
    let (base, arguments) = declared.split_at_checked(declared.find('(').unwrap_or(declared.len()))?;
    let base = base.trim();
    let of = |max: &str, sized: &str| Some(if arguments == "(max)" { max } else { sized }.to_owned());
    match (base, what) {
        ("char" | "varchar" | "nchar" | "nvarchar" | "text" | "ntext", Use::Assigned) => {
            Some("nvarchar(max)".to_owned())
        }
        ("char" | "varchar", Use::Compared) => of("varchar(max)", "varchar(8000)"),
        ("nchar" | "nvarchar", Use::Compared) => of("nvarchar(max)", "nvarchar(4000)"),
        ("text", Use::Compared) => Some("varchar(max)".to_owned()),
        ("ntext", Use::Compared) => Some("nvarchar(max)".to_owned()),
        ("binary" | "varbinary" | "image", Use::Assigned) | ("image", Use::Compared) => {
            Some("varbinary(max)".to_owned())
        }
        ("varbinary", Use::Compared) => of("varbinary(max)", "varbinary(8000)"),
        ("xml", _) => Some("xml".to_owned()),
        (base, _) if base == "binary" || EXACT.contains(&base) => {
            let sizes = |c: char| c.is_ascii_digit() || matches!(c, '(' | ')' | ',' | ' ');
            arguments.chars().all(sizes).then_some(declared)
        }
        _ => None,
    }
}

/// How a column of SQL Server is compared: `text`, `ntext` and `image` know no `=`, nor has `xml` one
/// (<https://learn.microsoft.com/sql/t-sql/language-elements/equals-transact-sql>).
pub(super) fn comparing_tsql(column: &Column) -> Comparing {
    match column.declared.to_ascii_lowercase().as_str() {
        "text" => Comparing::As("varchar(max)"),
        "ntext" => Comparing::As("nvarchar(max)"),
        "image" => Comparing::As("varbinary(max)"),
        declared => match cast_to(declared, Use::Compared).as_deref() {
            Some("xml") | None => Comparing::Never,
            Some(_) => Comparing::Bare,
        },
    }
}

/// How a column of Oracle is compared: large objects, `LONG` and types of its own know no `=`
/// (<https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Data-Type-Comparison-Rules.html>).
pub(super) fn comparing_oracle(column: &Column) -> Comparing {
    match column.storage {
        Storage::Clob | Storage::NClob | Storage::Blob | Storage::Any => Comparing::Never,
        _ if column.declared.to_ascii_uppercase().starts_with("LONG") => Comparing::Never,
        _ => Comparing::Bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_casts() {
        let check = |declared: &str, compared: &str, assigned: &str| {
            let cast = |what| cast_to(declared, what).unwrap_or_default();
            assert_eq!((cast(Use::Compared).as_str(), cast(Use::Assigned).as_str()), (compared, assigned));
        };
        check("varchar(20)", "varchar(8000)", "nvarchar(max)");
        check("VARCHAR(max)", "varchar(max)", "nvarchar(max)");
        check("char(3)", "varchar(8000)", "nvarchar(max)");
        check("nchar(3)", "nvarchar(4000)", "nvarchar(max)");
        check("nvarchar(max)", "nvarchar(max)", "nvarchar(max)");
        check("text", "varchar(max)", "nvarchar(max)");
        check("ntext", "nvarchar(max)", "nvarchar(max)");
        check("image", "varbinary(max)", "varbinary(max)");
        check("varbinary(16)", "varbinary(8000)", "varbinary(max)");
        check("binary(16)", "binary(16)", "varbinary(max)");
        for exact in ["int", "decimal(12,2)", "datetime2(3)", "uniqueidentifier", "float(53)"] {
            check(exact, exact, exact);
        }
        check("xml", "xml", "xml");
        for unknown in
            ["sql_variant", "geography", "hierarchyid", "timestamp", "a parameter", "int); DROP", ""]
        {
            check(unknown, "", "");
        }
    }
}
