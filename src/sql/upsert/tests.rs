//! Snapshots of every statement form in all dialects side by side, and when rows may share an upsert.

use std::{fmt::Write, sync::Arc};

use super::*;
use crate::{
    model::{
        sample::{self, text},
        table::{
            Calendar, Column, ColumnName, ColumnType, Filled, Grant, Privileges, Storage, Table, UniqueIndex,
        },
    },
    sql::{
        ident::{MYSQL, ORACLE},
        tests::{ALL_DIALECTS, placeholders},
    },
};

fn column(name: &str, kind: ColumnType, filled: Filled) -> Column {
    Column { nullable: filled != Filled::ByNobody, filled, ..sample::column(name, kind) }
}

/// A table with a column of each kind of trouble in its name or type.
fn table(unique: &[(&str, &[&str])]) -> Table {
    let decimal = ColumnType::Decimal { precision: 12, scale: 2, unsigned: false };
    let mut columns = vec![
        column("id", ColumnType::Int { min: 0, max: 9 }, Filled::ByNobody),
        column("clinic", decimal, Filled::ByDefault),
        column("select", text(10), Filled::ByDefault),
        column(
            "created at",
            ColumnType::DateTime { fraction: 0, calendar: Calendar::Full },
            Filled::ByDefault,
        ),
        column("note", text(10), Filled::ByDefault),
    ];
    let declared = ["int", "decimal(12,2)", "varchar(10)", "datetime2(0)", "nvarchar(10)"];
    let storage = [Storage::Number, Storage::Number, Storage::VarChar, Storage::Date, Storage::NVarChar];
    for (column, (declared, storage)) in columns.iter_mut().zip(declared.into_iter().zip(storage)) {
        column.declared = declared.into();
        column.storage = storage;
    }
    let index = |(name, columns): &(&str, &[&str])| UniqueIndex {
        name: (*name).into(),
        columns: columns.iter().map(|c| ColumnName((*c).into())).collect(),
        primary: *name == "PRIMARY",
        safe: *name != "unsafe",
    };
    Table {
        schema: Some("his db".into()),
        unique: unique.iter().map(index).collect(),
        ..sample::table("order`s \"x\"", columns)
    }
}

fn shape(op: Op, table: Table, columns: &[(usize, Role)]) -> Shape {
    Shape { table: Arc::new(table), op, columns: columns.to_vec(), generated: None }
}

/// A shape of a table whose first column is counted.
fn linked(op: Op, columns: &[(usize, Role)]) -> Shape {
    let mut table = table(&[("PRIMARY", &["id"])]);
    table.columns[0].filled = Filled::ByIdentity;
    Shape { generated: Some(0), ..shape(op, table, columns) }
}

/// The table with names that could be taken for SQL of their own, and types that are no keys.
fn nasty() -> Table {
    let names = ["]id[", ":1 ?", "@P1 \"x\"", "a`, ?", "; -- :2"];
    let mut table = table(&[("PRIMARY", &["]id[", ":1 ?"])]);
    for (column, name) in table.columns.iter_mut().zip(names) {
        column.name = ColumnName(name.into());
    }
    table.schema = Some("d?b.]o".into());
    table.columns[0].kind = text(10);
    for (index, declared, storage) in
        [(0, "char(10)", Storage::Char(10)), (3, "image", Storage::Blob), (4, "ntext", Storage::NClob)]
    {
        table.columns[index].declared = declared.into();
        table.columns[index].storage = storage;
    }
    table
}

const COLUMNS: [(usize, Role); 3] = [(1, Role::Always), (2, Role::Always), (3, Role::InsertOnly)];
const LINKED: [(usize, Role); 5] =
    [(0, Role::Key), (1, Role::Always), (2, Role::IfNull), (3, Role::InsertOnly), (4, Role::Always)];
const ALL: [(usize, Role); 5] =
    [(0, Role::Key), (1, Role::Key), (2, Role::Always), (3, Role::InsertOnly), (4, Role::IfNull)];

fn cases() -> Vec<(&'static str, Shape)> {
    let keyed = || table(&[("PRIMARY", &["id", "clinic"])]);
    let two = || table(&[("PRIMARY", &["id", "clinic"]), ("other", &["select"])]);
    let mut made = linked(Op::Insert, &COLUMNS);
    edit(&mut made, |t| t.columns[0].filled = Filled::ByDefault);
    vec![
        ("upsert, the key's index alone", shape(Op::Upsert, keyed(), &ALL)),
        ("upsert, a second unique index", shape(Op::Upsert, two(), &ALL)),
        ("upsert, nothing but the key", shape(Op::Upsert, keyed(), &ALL[..2])),
        ("update", shape(Op::Update, keyed(), &ALL)),
        ("update of nothing but insert-only columns", shape(Op::Update, keyed(), &[ALL[0], ALL[1], ALL[3]])),
        ("insert with a key", shape(Op::Insert, keyed(), &ALL)),
        ("insert without a key", shape(Op::Insert, keyed(), &ALL[2..])),
        ("delete", shape(Op::Delete, keyed(), &ALL[..2])),
        ("insert with a generated key", linked(Op::Insert, &COLUMNS)),
        ("insert with a generated key that is not counted", made),
        ("linked update", linked(Op::Update, &LINKED)),
        ("linked update of nothing", linked(Op::Update, &LINKED[..1])),
        ("linked delete", linked(Op::Delete, &LINKED[..1])),
        ("names with everything in them, upsert", shape(Op::Upsert, nasty(), &ALL)),
        ("names with everything in them, insert", shape(Op::Insert, nasty(), &ALL)),
    ]
}

/// The forms of a shape, with the rows that share them.
fn forms(shape: &Shape, dialect: &Dialect) -> Vec<(usize, Form)> {
    let (alone, shared) = (render(shape, dialect, 0), render(shape, dialect, 2));
    let mut forms = vec![(1, alone)];
    if forms.iter().all(|(_, form)| *form != shared) {
        forms.push((2, shared));
    }
    forms
}

/// Read by `tests/sql_dialects.py`, too: a line has the dialect, the rows and the statement.
#[test]
fn all_forms_in_all_dialects() {
    let mut text = String::new();
    for (title, shape) in &cases() {
        writeln!(text, "-- {title}").unwrap();
        for dialect in ALL_DIALECTS {
            for (rows, form) in forms(shape, dialect) {
                for t in templates(&form) {
                    writeln!(text, "{:<9} {rows}  {}\n{:14}{:?}", dialect.name, t.sql, "", t.slots).unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn placeholders_slots_and_binds_agree() {
    for (title, shape) in &cases() {
        for dialect in ALL_DIALECTS {
            let guards = [(1, render_guard(shape, dialect, 0)), (2, render_guard(shape, dialect, 2))];
            for (rows, form) in forms(shape, dialect).into_iter().chain(guards) {
                for t in templates(&form) {
                    let context = format!("{title}, {}: {}", dialect.name, t.sql);
                    let mut numbers = placeholders(&t.sql, dialect);
                    let mut expected = t.slots.len();
                    if !dialect.arrays {
                        expected *= rows_of(&form, rows);
                    }
                    let made = matches!(form, Form::InsertGenerating(_)) && dialect.name == "oracle";
                    if dialect.name == "sqlserver" {
                        numbers.sort_unstable();
                        numbers.dedup();
                    }
                    let all: Vec<usize> = (1..=expected + usize::from(made)).collect();
                    assert_eq!(numbers, all, "{context}");
                    let of_slot = |slot: &usize| shape.table.columns[shape.columns[*slot].0].storage;
                    let mut binds: Vec<Storage> = t.slots.iter().map(of_slot).collect();
                    binds.extend(made.then(|| shape.table.columns[shape.generated.unwrap()].storage));
                    assert_eq!(*t.binds, *binds, "{context}");
                }
            }
        }
    }
}

/// How many rows' placeholders a form has.
fn rows_of(form: &Form, rows: usize) -> usize {
    match form {
        Form::Upsert(_) | Form::UpdateMany(_) | Form::Insert(_) | Form::InsertGenerating(_) => rows,
        _ => 1,
    }
}

fn templates(form: &Form) -> Vec<&Template> {
    match form {
        Form::Upsert(t)
        | Form::Update(t)
        | Form::UpdateOrInsert(t)
        | Form::UpdateMany(t)
        | Form::Insert(t)
        | Form::InsertGenerating(t)
        | Form::InsertOnce(t)
        | Form::Delete(t)
        | Form::Call(t) => vec![t],
        Form::UpdateElseInsert { update, insert } => vec![update, insert],
    }
}

fn edit(shape: &mut Shape, change: impl FnOnce(&mut Table)) {
    change(Arc::make_mut(&mut shape.table));
}

#[test]
fn rows_share_an_upsert_only_where_that_is_right() {
    let check = |what: &str, change: fn(&mut Shape), mysql: bool, others: bool| {
        let mut shape = shape(Op::Upsert, table(&[("PRIMARY", &["id", "clinic"])]), &ALL);
        change(&mut shape);
        let upsert = |dialect| many::together(&shape, dialect) == Some(Together::Upsert);
        assert_eq!(ALL_DIALECTS.map(upsert), [mysql, others, false, others], "{what}");
    };
    check("as it is", |_| {}, true, true);
    check("an update", |s| s.op = Op::Update, false, false);
    check("no unique index", |s| edit(s, |t| t.unique.clear()), false, false);
    check("an unsafe index", |s| edit(s, |t| t.unique[0].safe = false), false, false);
    check(
        "an index of other columns",
        |s| {
            edit(s, |t| {
                t.unique[0].columns.pop();
            });
        },
        false,
        false,
    );
    check(
        "a second unique index",
        |s| {
            edit(s, |t| {
                let mut u = t.unique[0].clone();
                u.columns = vec![ColumnName("note".into())];
                t.unique.push(u);
            });
        },
        false,
        true,
    );
    check("a trigger on insert", |s| edit(s, |t| t.insert_triggers = true), false, false);
    check("unknown privileges", |s| edit(s, |t| t.may = Privileges::default()), true, true);
    check("columns that are not seen", |s| edit(s, |t| t.columns_hidden = true), false, false);
    check("a view", |s| edit(s, |t| t.view = true), false, false);
    check(
        "a NOT NULL column that the event does not fill",
        |s| edit(s, |t| t.columns.push(column("must", ColumnType::Date, Filled::ByNobody))),
        false,
        false,
    );
    check(
        "a counter that an insert would move",
        |s| edit(s, |t| t.columns.push(column("n", ColumnType::Other, Filled::ByCounter))),
        false,
        false,
    );
    check(
        "a computed column",
        |s| edit(s, |t| t.columns.push(column("c", ColumnType::Other, Filled::ByExpression))),
        true,
        true,
    );
}

/// MERGE sets and reads what the row by row form does.
#[test]
fn rows_share_an_upsert_only_where_the_login_may() {
    let by_columns = |names: &[&str]| Grant::Columns(names.iter().map(|n| ColumnName((*n).into())).collect());
    let all = by_columns(&["ID", "clinic", "select", "created at", "note"]);
    let read = by_columns(&["id", "clinic", "select", "note"]);
    let least = by_columns(&["select", "note"]);
    for (update, select, expected, merge) in [
        (&all, &read, true, true),
        (&all, &least, false, false),
        (&least, &read, false, true),
        (&Grant::No, &Grant::No, false, false),
    ] {
        let mut s = shape(Op::Upsert, table(&[("PRIMARY", &["id", "clinic"])]), &ALL);
        edit(&mut s, |t| {
            t.may = Privileges { update: update.clone(), select: select.clone(), ..Privileges::all() };
        });
        assert_eq!(many::is_bulk(&s, &MYSQL), expected, "{update:?}, {select:?}");
        assert_eq!(many::is_bulk(&s, &ORACLE), merge, "{update:?}, {select:?}");
    }
}

/// Whether two rows share a statement, by how a linked update's table is changed.
#[test]
fn rows_share_an_update_only_where_that_is_right() {
    let check = |what: &str, change: fn(&mut Shape), mysql: bool, sqlite: bool, oracle: bool| {
        let mut shape = linked(Op::Update, &LINKED);
        change(&mut shape);
        let update = |dialect| many::together(&shape, dialect) == Some(Together::Update);
        assert_eq!(ALL_DIALECTS.map(update), [mysql, sqlite, false, oracle], "{what}");
    };
    check("as it is", |_| {}, true, true, true);
    check("no transactions", |s| edit(s, |t| t.transactional = false), false, false, false);
    check("a view", |s| edit(s, |t| t.view = true), false, false, false);
    check("a key without an index", |s| edit(s, |t| t.unique.clear()), false, false, false);
    check(
        "a second unique index",
        |s| {
            edit(s, |t| {
                t.unique.push(UniqueIndex {
                    name: "u".into(),
                    columns: vec![ColumnName("note".into())],
                    primary: false,
                    safe: true,
                });
            });
        },
        true,
        true,
        true,
    );
    check("a key of text", |s| edit(s, |t| t.columns[0].kind = t.columns[2].kind.clone()), false, true, true);
    check(
        "a key of decimals",
        |s| edit(s, |t| t.columns[0].kind = t.columns[1].kind.clone()),
        false,
        false,
        true,
    );
    check(
        "a column of bytes",
        |s| edit(s, |t| t.columns[4].kind = ColumnType::Bytes { max: Some(9) }),
        false,
        true,
        true,
    );
    check("a document", |s| edit(s, |t| t.columns[4].kind = ColumnType::Json), false, true, true);
    check(
        "a column of bytes that is only inserted",
        |s| edit(s, |t| t.columns[3].kind = ColumnType::Bytes { max: None }),
        true,
        true,
        true,
    );
}

#[test]
fn rows_share_an_insert_only_where_that_is_right() {
    let check = |what: &str, change: fn(&mut Shape), mysql: bool, sqlite: bool, others: bool| {
        let mut shape = linked(Op::Insert, &COLUMNS);
        change(&mut shape);
        let insert = |dialect| many::together(&shape, dialect) == Some(Together::Insert);
        assert_eq!(ALL_DIALECTS.map(insert), [mysql, sqlite, others, others], "{what}");
    };
    check("as it is", |_| {}, true, true, false);
    check("without a wish for the key", |s| s.generated = None, true, true, true);
    check(
        "a trigger may have a say in the key",
        |s| edit(s, |t| t.insert_triggers = true),
        false,
        true,
        false,
    );
    check(
        "a trigger, and nobody asks for the key",
        |s| {
            s.generated = None;
            edit(s, |t| t.insert_triggers = true);
        },
        true,
        true,
        true,
    );
    check(
        "a key that is not counted",
        |s| edit(s, |t| t.columns[0].filled = Filled::ByDefault),
        false,
        false,
        false,
    );
    check("no transactions", |s| edit(s, |t| t.transactional = false), false, false, false);
    check("a view", |s| edit(s, |t| t.view = true), false, false, false);
}
