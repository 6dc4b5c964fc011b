//! Packing by outline and by property.

use super::*;
use crate::{
    model::{
        change::{Op, Role},
        table::{Column, ColumnName, ColumnType, Filled, Privileges, UniqueIndex},
        value::SqlValue,
    },
    sql::ident::MYSQL,
};

const BYTES: StatementBytes = StatementBytes { max: 1 << 20, best: 1 << 20 };

fn table(name: &str, references: &[&str]) -> Arc<Table> {
    let column = |name: &str| Column {
        name: ColumnName(name.into()),
        kind: ColumnType::Other,
        declared: String::new(),
        nullable: true,
        filled: Filled::ByDefault,
        folds: false,
        indexed: false,
    };
    let id = ColumnName("id".into());
    Arc::new(Table {
        schema: None,
        name: name.into(),
        view: false,
        updatable: true,
        engine: "InnoDB".into(),
        columns: vec![column("id"), column("a"), column("b")],
        unique: vec![UniqueIndex { name: "PRIMARY".into(), columns: vec![id], primary: true, safe: true }],
        references: references.iter().map(|r| (*r).to_owned()).collect(),
        triggers: vec![],
        triggers_hidden: false,
        insert_triggers: false,
        transactional: true,
        ignore_case: true,
        may: Privileges::all(),
        columns_hidden: false,
    })
}

fn shape(table: &Arc<Table>, op: Op, columns: &[usize]) -> Arc<Shape> {
    let role = |c: usize| if c == 0 { Role::Key } else { Role::Always };
    Arc::new(Shape {
        table: Arc::clone(table),
        op,
        columns: columns.iter().map(|c| (*c, role(*c))).collect(),
    })
}

fn event(shape: &Arc<Shape>, id: i128) -> EventChange {
    let values = shape.columns.iter().map(|(c, _)| SqlValue::Int(if *c == 0 { id } else { 7 })).collect();
    EventChange {
        entity: Entity(format!("{}{id}", shape.table.name)),
        rows: vec![RowChange { shape: Arc::clone(shape), values }],
    }
}

/// What a batch does, in short: `U3` an upsert of three rows, `D1` a delete, with the first key of each.
fn outline(events: &[EventChange]) -> String {
    let mut packer = Packer::new(&MYSQL, BYTES);
    let batch = packer.pack(events.iter(), false);
    let words = batch.works.iter().map(|work| {
        let (letter, s) = match work {
            Work::Upsert(s) => ("U", s),
            Work::Delete(s) => ("D", s),
            Work::Update(s) => ("C", s),
            Work::Insert(s) | Work::InsertOnce(s) => ("I", s),
            Work::UpdateElseInsert { update, .. } => ("E", update),
        };
        let rows = s.sql.matches("), (").count() + 1;
        let table = s.sql.split('`').nth(1).unwrap();
        let SqlValue::Int(id) = s.params[0] else { panic!() };
        format!("{letter}{rows}{table}{id}")
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn rows_of_one_shape_share_a_statement() {
    let (a, b) = (table("a", &[]), table("b", &[]));
    let (wide, narrow, other) =
        (shape(&a, Op::Upsert, &[0, 1, 2]), shape(&a, Op::Upsert, &[0, 1]), shape(&b, Op::Upsert, &[0, 1]));
    let delete = shape(&a, Op::Delete, &[0]);
    let check = |events: &[EventChange], expected: &str| assert_eq!(outline(events), expected);
    let e = event;
    check(&[], "");
    check(&[e(&wide, 1), e(&wide, 2)], "U2a1");
    check(&[e(&wide, 1), e(&other, 5), e(&wide, 2), e(&other, 6)], "U2a1 U2b5");
    check(&[e(&wide, 1), e(&narrow, 2), e(&wide, 3)], "U2a1 U1a2");
    // The events of one record keep their order.
    check(&[e(&wide, 1), e(&narrow, 1), e(&wide, 1)], "U1a1 U1a1 U1a1");
    check(&[e(&wide, 1), e(&delete, 1), e(&wide, 1), e(&wide, 2)], "U1a1 D1a1 U2a1");
    check(&[e(&wide, 1), e(&wide, 1)], "U2a1");
    // Seven rows are four, two and one.
    let seven: Vec<_> = (0..7).map(|i| e(&wide, i)).collect();
    check(&seven, "U4a0 U2a4 U1a6");
}

#[test]
fn a_row_does_not_overtake_the_row_that_it_refers_to() {
    let (visits, patients) = (table("visits", &["PATIENTS"]), table("patients", &[]));
    let (visit, patient) = (shape(&visits, Op::Upsert, &[0, 1]), shape(&patients, Op::Upsert, &[0, 1]));
    let events = [event(&visit, 1), event(&patient, 2), event(&visit, 3), event(&visit, 4)];
    assert_eq!(outline(&events), "U1visits1 U1patients2 U2visits3");
}

#[test]
fn statements_stay_within_the_packet() {
    let wide = shape(&table("a", &[]), Op::Upsert, &[0, 1, 2]);
    let events: Vec<_> = (0..8).map(|i| event(&wide, i)).collect();
    let mut packer = Packer::new(&MYSQL, StatementBytes { max: 1 << 20, best: 60 });
    assert_eq!(packer.pack(events.iter(), false).works.len(), 4, "27 bytes a row");
}

proptest::proptest! {
    #[test]
    fn packing_loses_nothing_and_keeps_each_records_order(
        picks in proptest::collection::vec((0_usize..4, 0_i128..6), 2..80)
    ) {
        let (a, b) = (table("a", &[]), table("b", &["a"]));
        let shapes = [
            shape(&a, Op::Upsert, &[0, 1]), shape(&a, Op::Upsert, &[0, 1, 2]),
            shape(&a, Op::Delete, &[0]), shape(&b, Op::Upsert, &[0, 2]),
        ];
        // Every event carries its number in a value, so that it can be found again.
        let events: Vec<EventChange> = picks.iter().enumerate().map(|(n, (s, id))| {
            let mut e = event(&shapes[*s], *id);
            if let Some(last) = e.rows[0].values.get_mut(1) {
                *last = SqlValue::Int(1000 + n as i128);
            }
            e
        }).collect();
        let mut packer = Packer::new(&MYSQL, BYTES);
        let batch = packer.pack(events.iter(), false);
        let mut seen: Vec<(String, i128, i128)> = Vec::new();
        for work in &batch.works {
            let (Work::Upsert(s) | Work::Delete(s)) = work else { panic!() };
            let table = s.sql.split('`').nth(1).unwrap().to_owned();
            let rows = s.sql.matches("), (").count() + 1;
            for row in s.params.chunks(s.params.len() / rows) {
                let SqlValue::Int(id) = row[0] else { panic!() };
                let n = row.get(1).map_or(-1, |v| if let SqlValue::Int(n) = v { *n } else { panic!() });
                seen.push((table.clone(), *id, n));
            }
        }
        proptest::prop_assert_eq!(seen.len(), events.len());
        for (table, id) in seen.iter().map(|(t, id, _)| (t.clone(), *id)) {
            let numbers = |pairs: Vec<i128>| pairs;
            let got = numbers(seen.iter().filter(|(t, i, _)| *t == table && *i == id).map(|(_, _, n)| *n).collect());
            let want = numbers(picks.iter().enumerate().filter(|(_, (s, i))| {
                (if *s == 3 { "b" } else { "a" }) == table && *i == id
            }).map(|(n, (s, _))| if *s == 2 { -1 } else { 1000 + n as i128 }).collect());
            proptest::prop_assert_eq!(got, want);
        }
    }
}
