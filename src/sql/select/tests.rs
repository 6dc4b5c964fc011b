//! Snapshots of every question in all dialects side by side.

use std::fmt::Write;

use super::*;
use crate::{
    limits,
    model::{
        sample,
        table::{Calendar, Column, Table},
    },
    sql::tests::{ALL_DIALECTS, placeholders},
};

/// What the columns are declared as, and kept as, by a database.
fn declared(dialect: &Dialect) -> [&'static str; 9] {
    match dialect.name {
        "sqlserver" => {
            let fee = "decimal(12,2)";
            ["int", "varchar(9)", fee, fee, "real", "image", "datetime2(6)", "xml", "nvarchar(max)"]
        }
        "oracle" => {
            let fee = "NUMBER(12,2)";
            let at = "TIMESTAMP(6)";
            ["NUMBER(9)", "VARCHAR2(9 CHAR)", fee, fee, "BINARY_FLOAT", "BLOB", at, "XMLTYPE", "CHAR(9)"]
        }
        _ => {
            let padded = "decimal(12,2) unsigned zerofill";
            let fee = "decimal(12,2)";
            ["int(11)", "varchar(9)", fee, padded, "float", "blob", "datetime(6)", "json", "char(9)"]
        }
    }
}

const STORAGE: [Storage; 9] = [
    Storage::Number,
    Storage::VarChar,
    Storage::Number,
    Storage::Number,
    Storage::BinaryFloat,
    Storage::Blob,
    Storage::Timestamp,
    Storage::Any,
    Storage::Char(9),
];

fn table(dialect: &Dialect) -> Table {
    let decimal = || ColumnType::Decimal { precision: 12, scale: 2, unsigned: true };
    let columns = [
        ("id", ColumnType::Int { min: 0, max: 9 }),
        ("code", sample::text(9)),
        ("fee", decimal()),
        ("padded", decimal()),
        ("weight", ColumnType::Float { single: true }),
        ("photo", ColumnType::Bytes { max: None }),
        ("at", ColumnType::DateTime { fraction: 6, calendar: Calendar::Full }),
        ("more", ColumnType::Json),
        ("]\" :1 ? @P1 `", sample::text(9)),
    ];
    let columns = columns.into_iter().zip(declared(dialect).into_iter().zip(STORAGE));
    let column = |((name, kind), (declared, storage)): ((&str, ColumnType), (&str, Storage))| Column {
        declared: declared.into(),
        storage,
        ..sample::column(name, kind)
    };
    Table { empty_is_null: dialect.name == "oracle", ..sample::table("order", columns.map(column).collect()) }
}

/// Read by `tests/sql_dialects.py`, too: a line has the dialect and the statement.
#[test]
fn all_questions_in_all_dialects() {
    let (one, two, null) = (SqlValue::Int(1), SqlValue::Text("b".into()), SqlValue::Null);
    let empty = SqlValue::Text(String::new());
    let single: &[&SqlValue] = &[&one];
    let double: &[&SqlValue] = &[&one, &two];
    let cells = [(0, &one), (1, &null), (8, &empty), (2, &one), (4, &one), (5, &two), (7, &two)];
    let only = [(1, two.clone()), (2, one.clone()), (6, SqlValue::Null), (8, empty.clone())];
    let all: Vec<usize> = (0..8).collect();
    let mut text = String::new();
    for dialect in ALL_DIALECTS {
        let table = table(dialect);
        let select = |matches, columns, only, lock| Select {
            table: &table,
            matches,
            wanted: Wanted::Each(columns),
            only,
            lock,
        };
        let joined = Select { wanted: Wanted::Joined(&all), ..select(&[0], &[], &[], false) };
        let none = Select { wanted: Wanted::Joined(&[]), ..joined };
        let statements = [
            ("one value", find(&select(&[1], &[0], &[], false), dialect, &[single], 9)),
            (
                "three values, asked as four",
                find(&select(&[1], &[0], &only, false), dialect, &[single; 3], 9),
            ),
            ("decimals, locked", find(&select(&[2], &[0], &[], true), dialect, &[single; 2], 9)),
            (
                "several columns",
                find(&select(&[0, 1], &[2, 3, 4, 5, 6, 7], &[], false), dialect, &[double; 2], 9),
            ),
            ("a name with everything in it", find(&select(&[8], &[8], &[], true), dialect, &[single; 2], 9)),
            ("long bytes", find(&select(&[5], &[0], &[], false), dialect, &[single; 2], 9)),
            ("a range, as one text", between(&joined, dialect, (&one, &one), 9)),
            ("nothing, as one text", between(&none, dialect, (&one, &one), 9)),
            ("alike", alike(&table, dialect, 0, &cells, 3)),
            ("alike in nothing that can be compared", alike(&table, dialect, 0, &cells[6..], 3)),
        ];
        let quiet = quiet(&table, dialect).map(|statement| ("a table that nobody is writing", statement));
        for (title, statement) in statements.into_iter().chain(quiet) {
            assert_eq!(placeholders(&statement.sql, dialect).len(), statement.params.len(), "{title}");
            assert_eq!(statement.binds.len(), statement.params.len(), "{title}");
            writeln!(text, "-- {title}\n{:<9} {}", dialect.name, statement.sql).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

/// Oracle takes 1,000 in a list, SQL Server so many rows in VALUES.
#[test]
fn lists_are_short_enough() {
    for dialect in ALL_DIALECTS {
        assert!(dialect.rows_max <= 1_000 && limits::STATEMENT_ROWS_MAX <= 1_000, "{}", dialect.name);
    }
}
