//! Snapshots of every question in all dialects side by side.

use std::fmt::Write;

use super::*;
use crate::{
    model::{
        sample,
        table::{Calendar, Column},
    },
    sql::ident::{MYSQL, SQLITE},
};

fn table() -> Table {
    let column =
        |name: &str, kind, declared: &str| Column { declared: declared.into(), ..sample::column(name, kind) };
    let decimal = || ColumnType::Decimal { precision: 12, scale: 2, unsigned: true };
    let columns = vec![
        column("id", ColumnType::Int { min: 0, max: 9 }, "int(11)"),
        column("code", sample::text(9), "varchar(9)"),
        column("fee", decimal(), "decimal(12,2)"),
        column("padded", decimal(), "decimal(12,2) unsigned zerofill"),
        column("weight", ColumnType::Float { single: true }, "float"),
        column("photo", ColumnType::Bytes { max: None }, "blob"),
        column("at", ColumnType::DateTime { fraction: 6, calendar: Calendar::Full }, "datetime(6)"),
        column("more", ColumnType::Json, "json"),
    ];
    sample::table("order", columns)
}

#[test]
fn all_questions_in_all_dialects() {
    let table = table();
    let (one, two, null) = (SqlValue::Int(1), SqlValue::Text("b".into()), SqlValue::Null);
    let single: &[&SqlValue] = &[&one];
    let double: &[&SqlValue] = &[&one, &two];
    let cells = [(0, &one), (1, &null), (2, &one), (4, &one), (7, &two)];
    let select = |matches, columns, only, lock| Select {
        table: &table,
        matches,
        wanted: Wanted::Each(columns),
        only,
        lock,
    };
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let joined = Select { wanted: Wanted::Joined(&all), ..select(&[0], &[], &[], false) };
    let only = [(1, two.clone()), (2, one.clone()), (6, SqlValue::Null)];
    let mut text = String::new();
    for dialect in [&MYSQL, &SQLITE] {
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
            ("a range, as one text", between(&joined, dialect, (&one, &one), 9)),
            ("alike", alike(&table, dialect, 0, &cells, 3)),
        ];
        for (title, statement) in statements {
            assert_eq!(statement.sql.matches('?').count(), statement.params.len(), "{title}");
            writeln!(text, "-- {title}\n{:<6} {}", dialect.name, statement.sql).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}
