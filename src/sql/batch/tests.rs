//! Packing by outline and by property.

use super::*;
use crate::{
    model::{
        change::{Op, Role},
        entity::Entity,
        sample,
        table::{ColumnType, Filled, Storage, Table},
        value::SqlValue,
    },
    sql::ident::{MYSQL, ORACLE, TSQL},
};

const BYTES: StatementBytes = StatementBytes { max: 1 << 20, best: 1 << 20 };

fn table(name: &str, references: &[&str]) -> Arc<Table> {
    let columns = ["id", "a", "b"].map(|name| sample::column(name, ColumnType::Other)).into();
    let references = references.iter().map(|r| (*r).to_owned()).collect();
    Arc::new(Table { schema: None, references, ..sample::table(name, columns) })
}

fn shape(table: &Arc<Table>, op: Op, columns: &[usize]) -> Arc<Shape> {
    let role = |c: usize| if c == 0 { Role::Key } else { Role::Always };
    Arc::new(Shape {
        table: Arc::clone(table),
        op,
        columns: columns.iter().map(|c| (*c, role(*c))).collect(),
        generated: None,
    })
}

fn event(shape: &Arc<Shape>, id: i128) -> EventChange {
    let values = shape.columns.iter().map(|(c, _)| SqlValue::Int(if *c == 0 { id } else { 7 }));
    EventChange {
        entity: Entity(format!("{}{id}", shape.table.name).into()),
        rows: vec![Change {
            act: Act::Row(Arc::clone(shape)),
            values: values.map(Cell::Value).collect(),
            entity: Entity(format!("e{id}").into()),
            guard: None,
        }],
    }
}

/// What a batch does, in short: `U3` an upsert of three rows, `D1` a delete, with the first key of each.
fn outline(events: &[EventChange]) -> String {
    outline_in(&MYSQL, events)
}

fn outline_in(dialect: &'static Dialect, events: &[EventChange]) -> String {
    let mut packer = Packer::new(dialect, BYTES);
    let batch = packer.pack(events.iter(), false);
    let words = batch.works.iter().map(|work| {
        let first = work.rows[0].change;
        let id = match &first.values[0] {
            Cell::Value(SqlValue::Int(id)) => id.to_string(),
            _ => "?".to_owned(),
        };
        format!("{}{}{}{id}", letter(work), work.rows.len(), table_of(first))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn letter(work: &Work<'_>) -> &'static str {
    match &*work.form {
        Form::Upsert(_) => "U",
        Form::Delete(_) => "D",
        Form::Update(_) | Form::UpdateMany(_) => "C",
        Form::Insert(_) | Form::InsertOnce(_) => "I",
        Form::InsertGenerating(_) => "G",
        Form::UpdateOrInsert(_) | Form::UpdateElseInsert { .. } => "E",
        Form::Call(_) => "S",
    }
}

fn table_of(change: &Change) -> &str {
    change.shape().map_or("", |shape| &shape.table.name)
}

/// Rows that are an array have one text for any number of them; a batch of SQL Server is one row's.
#[test]
fn databases_share_statements_in_their_own_way() {
    let unknown = shape(&table("a", &[]), Op::Upsert, &[0, 1]);
    let mut a = table("a", &[]);
    for column in &mut Arc::make_mut(&mut a).columns {
        column.storage = Storage::Number;
    }
    let (upsert, update) = (shape(&a, Op::Upsert, &[0, 1]), shape(&a, Op::Update, &[0, 1]));
    let insert = shape(&a, Op::Insert, &[1]);
    let check = |dialect, shape: &Arc<Shape>, count: i128, expected: &str| {
        let events: Vec<EventChange> = (0..count).map(|id| event(shape, id)).collect();
        assert_eq!(outline_in(dialect, &events), expected, "{}", dialect.name);
    };
    // As what an array would be bound is not known.
    check(&ORACLE, &unknown, 2, "E1a0 E1a1");
    check(&ORACLE, &upsert, 3, "U3a0");
    check(&ORACLE, &upsert, 603, "U500a0 U103a500");
    check(&ORACLE, &update, 3, "C3a0");
    check(&ORACLE, &insert, 3, "I3a7");
    check(&TSQL, &upsert, 3, "E1a0 E1a1 E1a2");
    check(&TSQL, &update, 2, "C1a0 C1a1");
    check(&TSQL, &insert, 4, "I4a7");
    let mut packer = Packer::new(&ORACLE, BYTES);
    for count in 2..6 {
        let events: Vec<EventChange> = (0..count).map(|id| event(&upsert, id)).collect();
        packer.pack(events.iter(), false);
    }
    assert_eq!(packer.forms.len(), 1);
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
    check(&[e(&wide, 1), e(&delete, 1), e(&wide, 1), e(&wide, 2)], "U2a1 D1a1 U1a1");
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
                *last = Cell::Value(SqlValue::Int(1000 + n as i128));
            }
            e
        }).collect();
        let mut packer = Packer::new(&MYSQL, BYTES);
        let batch = packer.pack(events.iter(), false);
        let mut seen: Vec<(String, i128, i128)> = Vec::new();
        for row in batch.works.iter().flat_map(|work| &work.rows) {
            let number = |slot: usize| match row.change.values.get(slot) {
                Some(Cell::Value(SqlValue::Int(n))) => *n,
                _ => -1,
            };
            seen.push((table_of(row.change).to_owned(), number(0), number(1)));
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

/// A table whose `id` is counted.
fn counted(name: &str, references: &[&str]) -> Arc<Table> {
    let mut table = (*table(name, references)).clone();
    table.columns[0].filled = Filled::ByCounter;
    table.columns[0].kind = ColumnType::Int { min: 0, max: 1 << 32 };
    table.columns[1].kind = table.columns[0].kind.clone();
    table.columns[2].kind = table.columns[0].kind.clone();
    Arc::new(table)
}

fn generating(table: &Arc<Table>) -> Arc<Shape> {
    let columns = vec![(1, Role::Always), (2, Role::Always)];
    Arc::new(Shape { table: Arc::clone(table), op: Op::Insert, columns, generated: Some(0) })
}

fn linked(table: &Arc<Table>, op: Op) -> Arc<Shape> {
    let columns =
        if op == Op::Delete { vec![(0, Role::Key)] } else { vec![(0, Role::Key), (1, Role::Always)] };
    Arc::new(Shape { table: Arc::clone(table), op, columns, generated: Some(0) })
}

fn int(n: i128) -> Cell {
    Cell::Value(SqlValue::Int(n))
}

fn change(shape: &Arc<Shape>, entity: &str, values: Vec<Cell>) -> Change {
    Change { act: Act::Row(Arc::clone(shape)), values, entity: Entity(entity.into()), guard: None }
}

fn event_of(entity: &str, rows: Vec<Change>) -> EventChange {
    EventChange { entity: Entity(entity.into()), rows }
}

/// A new patient with a visit that refers to it.
fn admission(patients: &Arc<Shape>, visits: &Arc<Shape>, n: i128) -> EventChange {
    let patient = change(patients, &format!("p{n}"), vec![int(n), int(0)]);
    let visit = change(visits, &format!("v{n}"), vec![Cell::Generated(0), int(n)]);
    event_of(&format!("v{n}"), vec![patient, visit])
}

#[test]
fn steps_of_many_events_become_a_few_statements() {
    let (patients, visits) = (counted("patients", &[]), counted("visits", &["patients"]));
    let (patient, visit) = (generating(&patients), generating(&visits));
    let many: Vec<_> = (0..1000).map(|n| admission(&patient, &visit, n)).collect();
    let full = "G512patients0 G512visits?";
    // 488 of each are left, as powers of two.
    let sizes = |table: &str, first: i128| {
        let (mut text, mut at) = (String::new(), first);
        for size in [256, 128, 64, 32, 8] {
            let id = if table == "visits" { "?".to_owned() } else { at.to_string() };
            text.push_str(&[" G", &size.to_string(), table, &id].concat());
            at += size;
        }
        text
    };
    assert_eq!(outline(&many), format!("{full}{}{}", sizes("patients", 512), sizes("visits", 512)));

    // Patients that are known already, some of them twice.
    let update = linked(&patients, Op::Update);
    let known = |n: i128| {
        let patient = change(&update, &format!("p{n}"), vec![int(n), int(1)]);
        event_of("v", vec![patient, change(&visit, "v", vec![Cell::Generated(0), int(n)])])
    };
    let known: Vec<_> = [1, 2, 1, 3]
        .into_iter()
        .enumerate()
        .map(|(i, n)| EventChange { entity: Entity(format!("v{i}").into()), ..known(n) })
        .map(|mut event| {
            event.rows[1].entity = event.entity.clone();
            event
        })
        .collect();
    assert_eq!(outline(&known), "C2patients1 C1patients3 G2visits? G1visits? C1patients1 G1visits?");
    // An update alone is a statement of its own kind.
    assert_eq!(outline(&known[..1]), "C1patients1 G1visits?");
}

#[test]
fn a_row_that_another_event_makes_is_changed_behind_it() {
    let (patients, visits) = (counted("patients", &[]), counted("visits", &["patients"]));
    let (patient, visit) = (generating(&patients), generating(&visits));
    let update = linked(&patients, Op::Update);
    let again = |n: i128, visit_of: i128| {
        let of = || Cell::KeyOf(Entity(format!("p{n}").into()));
        let entity = format!("v{visit_of}");
        let patient = change(&update, &format!("p{n}"), vec![of(), int(1)]);
        event_of(&entity, vec![patient, change(&visit, &entity, vec![of(), int(visit_of)])])
    };
    let events = [
        admission(&patient, &visit, 1),
        again(1, 11),
        admission(&patient, &visit, 2),
        again(1, 12),
        again(2, 13),
    ];
    assert_eq!(outline(&events), "G2patients1 G2visits? C2patients? G2visits? C1patients? G1visits?");
    let batch = Packer::new(&MYSQL, BYTES).pack(events.iter(), false);
    let wanted = [("p1", 0), ("p2", 4)].map(|(entity, slot)| (Entity(entity.into()), slot));
    assert_eq!(batch.wanted, wanted.into());
}

/// A second step on the patients' table, by the key that the first one made.
#[test]
fn a_row_that_is_made_has_one_name_for_all_events() {
    let patients = counted("patients", &[]);
    let (patient, again) = (generating(&patients), linked(&patients, Op::Update));
    let step = |of: Cell| change(&again, "patients by key", vec![of, int(1)]);
    let first = vec![change(&patient, "p1", vec![int(1), int(0)]), step(Cell::Generated(0))];
    let events = [event_of("v1", first), event_of("v2", vec![step(Cell::KeyOf(Entity("p1".into())))])];
    assert_eq!(outline(&events), "G1patients1 C1patients? C1patients?");
}

#[test]
fn records_that_come_twice_take_no_statement_each() {
    let patients = counted("patients", &[]);
    let update = linked(&patients, Op::Update);
    // Each record comes twice in a row, as a patient with two appointments does.
    let events: Vec<EventChange> = (0..64)
        .map(|n| {
            let entity = format!("patient {}", n / 2);
            event_of(&entity, vec![change(&update, &entity, vec![int(n / 2), int(n)])])
        })
        .collect();
    let mut packer = Packer::new(&MYSQL, BYTES);
    let batch = packer.pack(events.iter(), false);
    let rows: Vec<usize> = batch.works.iter().map(|work| work.rows.len()).collect();
    assert_eq!(rows, [32, 32]);
}

#[test]
fn a_parent_may_go_ahead_and_a_child_may_not() {
    let (patients, visits) = (counted("patients", &[]), counted("visits", &["patients"]));
    let write = |table, op, id| {
        let shape = linked(table, op);
        (shape, id)
    };
    let check = |steps: &[(&(Arc<Shape>, i128), &str)], expected: &str| {
        let events: Vec<_> = steps
            .iter()
            .map(|((shape, id), entity)| {
                let values = shape.columns.iter().map(|_| int(*id)).collect();
                event_of(entity, vec![change(shape, entity, values)])
            })
            .collect();
        assert_eq!(outline(&events), expected);
    };
    let patient = write(&patients, Op::Update, 1);
    let other = (Arc::clone(&patient.0), 2);
    let visit = write(&visits, Op::Update, 5);
    let another = (Arc::clone(&visit.0), 6);
    let gone = write(&visits, Op::Delete, 7);
    let deceased = write(&patients, Op::Delete, 3);
    check(&[(&patient, "a"), (&visit, "b"), (&other, "c")], "C2patients1 C1visits5");
    // What an update of other columns than an index's writes, no child can refer to.
    check(&[(&visit, "b"), (&patient, "a"), (&another, "c")], "C2visits5 C1patients1");
    let mut indexed = (*patients).clone();
    indexed.columns[1].indexed = true;
    let renumbered = write(&Arc::new(indexed), Op::Update, 1);
    check(&[(&visit, "b"), (&renumbered, "a"), (&another, "c")], "C1visits5 C1patients1 C1visits6");
    check(&[(&patient, "a"), (&gone, "b"), (&other, "c")], "C1patients1 D1visits7 C1patients2");
    check(&[(&visit, "a"), (&deceased, "b"), (&another, "c")], "C1visits5 D1patients3 C1visits6");
    check(&[(&patient, "a"), (&visit, "b"), (&deceased, "c")], "C1patients1 C1visits5 D1patients3");
    // One record's, though about two rows.
    check(&[(&patient, "a"), (&visit, "b"), (&other, "b")], "C1patients1 C1visits5 C1patients2");
}

#[test]
fn nothing_overtakes_a_statement_of_the_configuration() {
    let table = counted("a", &[]);
    let shape = generating(&table);
    let call = Arc::new(crate::model::change::Call::new("CALL book(?)", "mapping.x".into()));
    let row = |n: i128| event_of(&n.to_string(), vec![change(&shape, &n.to_string(), vec![int(n), int(n)])]);
    let run = |n: i128| {
        let act = Act::Call(Arc::clone(&call));
        let change = Change { act, values: vec![int(n)], entity: Entity(n.to_string().into()), guard: None };
        event_of(&n.to_string(), vec![change])
    };
    let events = [row(1), row(2), run(3), run(4), row(5), row(6)];
    assert_eq!(outline(&events), "G2a1 S13 S14 G2a5");
}

#[test]
fn guards_share_a_statement_where_an_index_refuses_what_is_there() {
    let (notes, marks) = (table("notes", &[]), table("marks", &[]));
    let note = shape(&notes, Op::Insert, &[1, 2]);
    let check = |mark: &Arc<Shape>, expected: &[(usize, bool)]| {
        let events: Vec<_> = (0..3)
            .map(|n| {
                let guard =
                    crate::model::change::Guard { shape: Arc::clone(mark), values: vec![int(n), int(0)] };
                let name = n.to_string();
                let change =
                    Change { guard: Some(Box::new(guard)), ..change(&note, &name, vec![int(n), int(n)]) };
                event_of(&name, vec![change])
            })
            .collect();
        let batch = Packer::new(&MYSQL, BYTES).pack(events.iter(), false);
        let works: Vec<_> = batch
            .works
            .iter()
            .map(|work| (work.rows.len(), matches!(work.guard.as_deref(), Some(Form::Insert(_)))))
            .collect();
        assert_eq!(works, expected);
    };
    check(&shape(&marks, Op::Insert, &[0, 1]), &[(2, true), (1, true)]);
    let mut unsafe_marks = (*marks).clone();
    unsafe_marks.unique.clear();
    check(&shape(&Arc::new(unsafe_marks), Op::Insert, &[0, 1]), &[(1, false), (1, false), (1, false)]);
}

#[test]
fn slots_count_through_all_events() {
    let (patients, visits) = (counted("patients", &[]), counted("visits", &["patients"]));
    let (patient, visit) = (generating(&patients), generating(&visits));
    let events: Vec<_> = (0..2).map(|n| admission(&patient, &visit, n)).collect();
    let batch = Packer::new(&MYSQL, BYTES).pack(events.iter(), false);
    assert_eq!(batch.bases, [0, 2, 4]);
    let slots: Vec<_> =
        batch.works.iter().flat_map(|work| &work.rows).map(|row| (row.base, row.slot)).collect();
    assert_eq!(slots, [(0, 0), (2, 2), (0, 1), (2, 3)]);
    let keys = [SqlValue::Int(70), SqlValue::Null, SqlValue::Int(72)];
    let Form::InsertGenerating(template) = &*batch.works[1].form else { panic!() };
    let rows = || batch.works[1].rows.iter().map(|row| (row.change.values.as_slice(), row.base));
    let filled = template
        .fill(rows(), |cell, base| match cell {
            Cell::Value(value) => Some(value),
            Cell::Generated(index) => keys.get(base + index),
            Cell::KeyOf(_) => None,
        })
        .unwrap();
    assert_eq!(filled.params, [&keys[0], &SqlValue::Int(0), &keys[2], &SqlValue::Int(1)]);
    assert_eq!(template.fill(rows(), |_, _| None), None);
}

/// A change of the property test: which shape, which row, which record.
type Pick = (usize, i128, u8);

fn picked(shapes: &[Arc<Shape>], picks: &[Vec<Pick>]) -> Vec<EventChange> {
    let one = |shape: &Arc<Shape>, index: usize, id: i128, record: u8| {
        // Where there is an earlier step whose key is made, a child uses it.
        let first = if shape.table.name == "visits" && index > 0 && shape.op == Op::Insert {
            Cell::Generated(0)
        } else {
            int(id)
        };
        let values = std::iter::once(first).chain((1..shape.columns.len()).map(|_| int(0))).collect();
        change(shape, &format!("{}{record}", shape.table.name), values)
    };
    let rows = |event: &Vec<Pick>| {
        let all = event.iter().enumerate();
        all.map(|(i, (shape, id, record))| one(&shapes[*shape], i, *id, *record)).collect::<Vec<_>>()
    };
    let event = |event: &Vec<Pick>| {
        let mut rows = rows(event);
        // Only what makes a key can be pointed at.
        let makes = rows[0].shape().is_some_and(|s| s.generated.is_some() && s.op != Op::Delete);
        for row in rows.iter_mut().filter(|_| !makes) {
            row.values.iter_mut().filter(|c| c.value().is_none()).for_each(|c| *c = int(1));
        }
        let entity = Arc::clone(&rows[0].entity.0);
        event_of(&entity, rows)
    };
    picks.iter().map(event).collect()
}

proptest::proptest! {
    #[test]
    fn steps_lose_nothing_and_keep_every_order(
        picks in proptest::collection::vec(
            proptest::collection::vec((0_usize..8, 1_i128..5, 0_u8..5), 1..4), 2..40
        )
    ) {
        let (patients, visits) = (counted("patients", &[]), counted("visits", &["patients"]));
        let shapes = [
            generating(&patients), linked(&patients, Op::Update),
            linked(&patients, Op::Delete), shape(&patients, Op::Upsert, &[0, 1, 2]),
            generating(&visits), linked(&visits, Op::Update), linked(&visits, Op::Delete),
            shape(&visits, Op::Upsert, &[0, 1, 2]),
        ];
        let events = picked(&shapes, &picks);
        let batch = Packer::new(&MYSQL, BYTES).pack(events.iter(), false);
        // (slot, work, place in it) in the order of execution.
        let mut done: Vec<(usize, usize, &Row<'_>)> = batch.works.iter().enumerate()
            .flat_map(|(work, w)| w.rows.iter().map(move |row| (row.slot, work, row)))
            .collect();
        let order: Vec<usize> = done.iter().map(|(slot, ..)| *slot).collect();
        let position = |slot: usize| order.iter().position(|s| *s == slot).unwrap();
        done.sort_by_key(|(slot, ..)| *slot);
        let slots: Vec<usize> = done.iter().map(|(slot, ..)| *slot).collect();
        proptest::prop_assert_eq!(slots, (0..batch.bases[events.len()]).collect::<Vec<_>>());
        let event_of_base = |base: usize| &events[batch.bases.iter().position(|b| *b == base).unwrap()];
        for (a, work_a, first) in &done {
            for (b, work_b, second) in done.iter().filter(|(b, ..)| b > a) {
                let (x, y) = (first.change.shape().unwrap(), second.change.shape().unwrap());
                let kept = position(*a) < position(*b);
                let same_event = first.base == second.base;
                let same_record = first.change.entity == second.change.entity
                    || event_of_base(first.base).entity == event_of_base(second.base).entity;
                let deletes = x.op == Op::Delete || y.op == Op::Delete;
                let related = x.table.name != y.table.name && (deletes || (y.table.name == "visits" && x.op != Op::Update));
                let key = |row: &Row<'_>| row.change.shape().filter(|s| s.columns[0].1 == Role::Key)
                    .and_then(|_| row.change.values[0].value().cloned());
                let same_row = x.table.name == y.table.name && key(first).is_some() && key(first) == key(second);
                if same_event || same_record || related || same_row {
                    proptest::prop_assert!(kept, "{} before {}", a, b);
                }
                if same_event && second.change.values.contains(&Cell::Generated(a - first.base)) {
                    proptest::prop_assert!(work_a < work_b, "{} needs {}", b, a);
                }
                if same_row && work_a == work_b {
                    proptest::prop_assert!(!matches!(&*batch.works[*work_a].form, Form::UpdateMany(_)));
                }
            }
        }
    }
}
