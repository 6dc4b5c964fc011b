//! How the databases write what a column holds as text: the select list of a question. Decides nothing about conditions.

use crate::{
    model::table::{Column, ColumnType, Storage},
    sql::{
        casts::{Use, cast_to},
        ident::{Dialect, Texts},
    },
};

/// Types of Oracle that a driver reads as they are, by the first word of what they are declared as.
const ORACLE_PLAIN: &[&str] = &[
    "VARCHAR2",
    "VARCHAR",
    "NVARCHAR2",
    "CHAR",
    "NCHAR",
    "NUMBER",
    "FLOAT",
    "BINARY_FLOAT",
    "BINARY_DOUBLE",
    "DATE",
    "TIMESTAMP",
    "INTERVAL",
    "RAW",
    "LONG",
    "CLOB",
    "NCLOB",
    "BLOB",
    "ROWID",
    "UROWID",
];

impl Dialect {
    /// Appends a column's value as text: numbers exact and without padding, dates and times with their fractions, bytes
    /// as hexadecimal digits; NULL stays NULL. Where the driver makes the texts, it is the bare column.
    pub fn push_text_of(&self, sql: &mut String, column: &Column) {
        let mut name = String::new();
        self.push_ident(&mut name, &column.name.0);
        // The column's name stands between the pieces.
        let pieces = match self.texts {
            Texts::Char => by_mysql(column),
            Texts::Text => by_sqlite(&column.kind),
            Texts::TypedTsql => by_tsql(column),
            Texts::TypedOracle => by_oracle(&column.declared),
        };
        sql.push_str(&pieces.join(&name));
    }

    /// Appends the values of columns as one text, each as [`Self::push_text_of`] has it, but quoted: NULL is the bare word.
    /// Nothing where the driver makes the texts: who has asked joins them.
    pub fn push_joined(&self, sql: &mut String, columns: &[&Column]) {
        let (before, quote, between, after) = match self.texts {
            Texts::TypedTsql | Texts::TypedOracle => return,
            _ if columns.is_empty() => return sql.push_str("''"),
            Texts::Char => ("CONCAT_WS(',', ", "QUOTE(", ", ", ")"),
            Texts::Text => ("", "quote(", " || ',' || ", ""),
        };
        sql.push_str(before);
        for (index, column) in columns.iter().enumerate() {
            sql.push_str(if index > 0 { between } else { "" });
            sql.push_str(quote);
            self.push_text_of(sql, column);
            sql.push(')');
        }
        sql.push_str(after);
    }
}

fn by_mysql(column: &Column) -> &'static [&'static str] {
    let padded = column.declared.to_ascii_lowercase().contains("zerofill");
    match column.kind {
        ColumnType::Bytes { .. } => &["HEX(", ")"],
        // BIT would be bytes.
        ColumnType::Int { .. } => &["CAST(", " + 0 AS CHAR)"],
        ColumnType::Decimal { .. } if padded => &["CAST(", " + 0 AS CHAR)"],
        // A FLOAT alone is shown with six digits.
        ColumnType::Float { .. } => &["CAST(", " * 1e0 AS CHAR)"],
        _ => &["CAST(", " AS CHAR)"],
    }
}

fn by_sqlite(kind: &ColumnType) -> &'static [&'static str] {
    match kind {
        // NULL alone would be an empty text.
        ColumnType::Bytes { .. } => &["CASE WHEN ", " IS NOT NULL THEN hex(", ") END"],
        // The cast alone keeps 15 digits.
        ColumnType::Float { .. } => {
            &["CASE typeof(", ") WHEN 'real' THEN printf('%!.17g', ", ") ELSE CAST(", " AS TEXT) END"]
        }
        _ => &["CAST(", " AS TEXT)"],
    }
}

fn by_tsql(column: &Column) -> &'static [&'static str] {
    let declared = column.declared.to_ascii_lowercase();
    match declared.as_str() {
        // The driver might not know its code page.
        _ if column.storage == Storage::NVarChar => &["CAST(", " AS nvarchar(max))"],
        "timestamp" | "rowversion" => &["", ""],
        // Drivers read them as doubles, which have fewer digits.
        "money" | "smallmoney" => &["CAST(", " AS decimal(19,4))"],
        // It holds no (max), and is not converted to one.
        "sql_variant" => &["CAST(", " AS nvarchar(4000))"],
        known if cast_to(known, Use::Compared).is_some() => &["", ""],
        // hierarchyid, geography, json: drivers know none of them, and the server writes them as text.
        _ => &["CAST(", " AS nvarchar(max))"],
    }
}

fn by_oracle(declared: &str) -> &'static [&'static str] {
    let declared = declared.to_ascii_uppercase();
    let first = declared.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    match first {
        first if ORACLE_PLAIN.contains(&first) => &["", ""],
        "XMLTYPE" => &["XMLSERIALIZE(CONTENT ", " AS CLOB)"],
        "JSON" => &["JSON_SERIALIZE(", " RETURNING CLOB)"],
        // A geometry, an object: no driver reads it, and nothing writes it as text.
        _ => &["CASE WHEN ", " IS NOT NULL THEN '(not shown)' END"],
    }
}
