//! Changes as the plan makes them, packed and written, and questions.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::{
    his::{
        self, HisError, Keys, Session,
        ask::{self, LookupQuery, Marked, Wanted},
        sqlite::tests::{Place, text},
    },
    model::{
        answer::Answer,
        change::{Act, Call, Cell, Change, EventChange, Guard, Op, Role, Shape},
        entity::Entity,
        table::{ColumnName, Table, TableName},
        value::SqlValue,
    },
    sql::batch::Packer,
};

const CLINIC: &str = "
    CREATE TABLE patients (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, seen DATETIME, fee DECIMAL(8,2), x BLOB);
    CREATE TABLE visits (
        id INTEGER PRIMARY KEY AUTOINCREMENT, patient INT NOT NULL REFERENCES patients (id), name TEXT
    );
    CREATE TABLE marks (mark TEXT PRIMARY KEY NOT NULL);
    CREATE TABLE doctors (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, exact TEXT, w REAL, name TEXT);
    INSERT INTO doctors VALUES (1, 'abc', 'abc', 0.1 + 0.2, 'A'), (2, 'DEF', 'ABC', 2, 'B'), (3, 'twin', 't', 3, 'C'),
        (4, 'TWIN', 'u', 3, 'D'), (5, 'nobody', 'v', 4, NULL);";

async fn described(his: &mut dyn Session, name: &str) -> Arc<Table> {
    let name = TableName(name.to_owned());
    let schema = his.describe(std::slice::from_ref(&name)).await.expect("described");
    Arc::clone(&schema.tables[&name])
}

fn column(table: &Table, name: &str) -> usize {
    table.column(&ColumnName(name.to_owned())).expect("a column").0
}

/// `=` after the name of a key, `?` after one that is filled where it is NULL.
fn shape(table: &Arc<Table>, op: Op, columns: &[&str], generated: Option<&str>) -> Arc<Shape> {
    let role = |name: &&str| match (name.strip_suffix('='), name.strip_suffix('?')) {
        (Some(key), _) => (column(table, key), Role::Key),
        (_, Some(name)) => (column(table, name), Role::IfNull),
        _ => (column(table, name), Role::Always),
    };
    let columns = columns.iter().map(role).collect();
    Arc::new(Shape {
        table: Arc::clone(table),
        op,
        columns,
        generated: generated.map(|name| column(table, name)),
    })
}

fn change(shape: &Arc<Shape>, values: Vec<Cell>) -> Change {
    Change { act: Act::Row(Arc::clone(shape)), values, entity: Entity("".into()), guard: None }
}

fn cells(values: impl IntoIterator<Item = SqlValue>) -> Vec<Cell> {
    values.into_iter().map(Cell::Value).collect()
}

fn events(all: impl IntoIterator<Item = Vec<Change>>) -> Vec<EventChange> {
    let event = |(n, mut rows): (usize, Vec<Change>)| {
        rows.iter_mut().enumerate().for_each(|(i, row)| row.entity = Entity(format!("{n} {i}").into()));
        EventChange { entity: Entity(n.to_string().into()), rows }
    };
    all.into_iter().enumerate().map(event).collect()
}

/// One transaction; the keys, and how many statements it took.
async fn written(his: &mut dyn Session, events: &[EventChange]) -> Result<(Keys, usize), HisError> {
    let batch = Packer::new(his.dialect(), his.statement_bytes()).pack(events.iter(), false);
    let keys = his::write(his, &batch).await?;
    his::commit(his).await?;
    Ok((keys, batch.works.len()))
}

#[tokio::test]
async fn steps_use_the_keys_of_steps_before() {
    let place = Place::new();
    place.raw().execute_batch(CLINIC).expect("tables");
    let mut his = place.connect().await;
    let (patients, visits) = (described(&mut *his, "patients").await, described(&mut *his, "visits").await);
    let patient = shape(&patients, Op::Insert, &["name"], Some("id"));
    let visit = shape(&visits, Op::Insert, &["patient", "name"], Some("id"));
    let name = |n: usize| text(&format!("name {n}"));
    let steps = (0..40).map(|n| {
        let visit = change(&visit, vec![Cell::Generated(0), Cell::Value(name(n))]);
        vec![change(&patient, cells([name(n)])), visit]
    });
    let (keys, statements) = written(&mut *his, &events(steps)).await.expect("written");
    assert_eq!(statements, 4, "32 and 8, twice");
    for n in 0..40 {
        let (patient, visit) = (keys.of(n, 0).expect("a key"), keys.of(n, 1).expect("a key"));
        let sql = format!("SELECT name FROM patients WHERE id = {patient}");
        assert_eq!(place.text(&sql), format!("name {n}"));
        let sql = format!("SELECT patient || ' ' || name FROM visits WHERE id = {visit}");
        assert_eq!(place.text(&sql), format!("{patient} name {n}"));
    }
    // Written and not kept.
    let one = events([vec![change(&patient, cells([name(99)]))]]);
    let batch = Packer::new(his.dialect(), his.statement_bytes()).pack(one.iter(), false);
    let keys = his::write(&mut *his, &batch).await.expect("written");
    assert_eq!(keys.of(0, 0), Some("41"));
    his::undo(&mut *his).await.expect("undone");
    assert_eq!(place.text("SELECT count(*) || '' FROM patients"), "40");
}

#[tokio::test]
async fn linked_rows_are_updated_together_or_not_at_all() {
    let place = Place::new();
    place.raw().execute_batch(CLINIC).expect("tables");
    let rows = "INSERT INTO patients (id, name, seen, fee) VALUES (1, 'a', 'old', 1), (2, 'b', NULL, 2), (4, 'd', NULL, NULL)";
    place.raw().execute_batch(rows).expect("rows");
    let mut his = place.connect().await;
    let patients = described(&mut *his, "patients").await;
    let columns = ["id=", "name", "seen?", "fee", "x"];
    let update = shape(&patients, Op::Update, &columns, Some("id"));
    let at = NaiveDate::from_ymd_opt(2026, 3, 29).expect("a day").and_hms_opt(9, 5, 0).expect("a time");
    let new = |shape: &Arc<Shape>, id: i128, fee: SqlValue| {
        let bytes = SqlValue::Bytes(vec![0, 255]);
        vec![change(shape, cells([SqlValue::Int(id), text("n\u{e4}me"), SqlValue::DateTime(at), fee, bytes]))]
    };
    let two = [(1, SqlValue::Null), (2, SqlValue::Decimal("12.50".into()))];
    let all = events(two.map(|(id, fee)| new(&update, id, fee)));
    let (keys, statements) = written(&mut *his, &all).await.expect("written");
    assert_eq!((statements, keys.of(1, 0)), (1, Some("2")));
    let read = "SELECT group_concat(id || name || ifnull(seen, '-') || ifnull(fee, '-') || typeof(fee) || hex(x), ' ') \
                FROM patients WHERE x IS NOT NULL";
    assert_eq!(place.text(read), "1n\u{e4}meold-null00FF 2n\u{e4}me2026-03-29 09:05:0012.5real00FF");

    let all = events([4, 3].map(|id| new(&update, id, SqlValue::Null)));
    assert_eq!(written(&mut *his, &all).await.expect_err("3 is gone").code, "row-gone");
    assert_eq!(place.text("SELECT name FROM patients WHERE id = 4"), "d");
    let alone = events([new(&update, 3, SqlValue::Null)]);
    assert_eq!(written(&mut *his, &alone).await.expect_err("gone").code, "row-gone");
    let look = shape(&patients, Op::Update, &["id="], Some("id"));
    let looks = |ids: [i128; 2]| events(ids.map(|id| vec![change(&look, cells([SqlValue::Int(id)]))]));
    written(&mut *his, &looks([1, 4])).await.expect("they are there");
    assert_eq!(written(&mut *his, &looks([1, 9])).await.expect_err("9 is not").code, "row-gone");
}

#[tokio::test]
async fn what_is_marked_is_not_done_again() {
    let place = Place::new();
    place.raw().execute_batch(CLINIC).expect("tables");
    let mut his = place.connect().await;
    let (log, marks) = (described(&mut *his, "log").await, described(&mut *his, "marks").await);
    let (line, mark) =
        (shape(&log, Op::Insert, &["line"], None), shape(&marks, Op::Insert, &["mark="], None));
    let call = Arc::new(Call::new("INSERT INTO log VALUES (?) RETURNING line", "mapping.x".into()));
    let guarded = |n: i32, act: Act| {
        let name = text(&format!("e{n}"));
        let guard = Guard { shape: Arc::clone(&mark), values: cells([name.clone()]) };
        vec![Change { act, guard: Some(Box::new(guard)), ..change(&line, cells([name])) }]
    };
    let row = |n| guarded(n, Act::Row(Arc::clone(&line)));
    let run = |n| guarded(n, Act::Call(Arc::clone(&call)));
    let (_, statements) = written(&mut *his, &events([row(1), row(2), run(3)])).await.expect("written");
    assert_eq!(statements, 2);
    for again in [row(1), run(3)] {
        written(&mut *his, &events([again])).await.expect("done before");
    }
    let error = written(&mut *his, &events([row(4), row(1)])).await.expect_err("one is there");
    assert!(error.duplicate_key);
    assert_eq!(place.text("SELECT group_concat(line, ' ') FROM log"), "e1 e2 e3");
}

#[tokio::test]
async fn questions() {
    let place = Place::new();
    place.raw().execute_batch(CLINIC).expect("tables");
    let mut his = place.connect().await;
    let doctors = described(&mut *his, "doctors").await;
    let c = |name: &str| column(&doctors, name);
    let row = |name: &str| Answer::Row(Some(name.into()));
    let only = [(c("w"), SqlValue::Int(3))];
    let mut query = LookupQuery { table: &doctors, matches: c("code"), take: c("name"), only: &[] };
    let values = ["ABC", "def", "none", "twin", "Twin", "nobody"].map(text);
    let found = ask::lookup(&mut *his, &query, &values).await.expect("asked");
    assert_eq!(found, [row("A"), row("B"), Answer::Missing, row("C"), Answer::Several, Answer::Row(None)]);
    query.only = &only;
    let found = ask::lookup(&mut *his, &query, &values[..4]).await.expect("asked");
    assert_eq!(found, [Answer::Missing, Answer::Missing, Answer::Missing, row("C")]);
    let query = LookupQuery { matches: c("exact"), only: &[], ..query };
    let found = ask::lookup(&mut *his, &query, &["ABC", "abc", "Abc"].map(text)).await.expect("asked");
    assert_eq!(found, [row("B"), row("A"), Answer::Missing]);

    let (twin, abc, a) = (text("TWIN"), text("abc"), text("A"));
    let (three, null) = (SqlValue::Float(3.0), SqlValue::Null);
    let marked = ask::marked(&mut *his, &doctors, 0, &[c("w")], &[vec![&three], vec![&null]], true).await;
    assert_eq!(marked.expect("asked"), [Marked::Several, Marked::No]);
    let pairs = [vec![&abc, &a], vec![&twin, &a], vec![&twin, &three]];
    let marked = ask::marked(&mut *his, &doctors, 0, &[c("code"), c("name")], &pairs, true).await;
    assert_eq!(marked.expect("asked"), [Marked::One("1".into()), Marked::No, Marked::No]);

    let keys = [5, 9, 1, 5].map(SqlValue::Int);
    let rows = ask::rows(&mut *his, &doctors, 0, &keys, Wanted::Each(&[c("w"), c("name")]), true)
        .await
        .expect("asked");
    let cells = |w: &str, name: Option<&str>| Some(vec![Some(w.to_owned()), name.map(str::to_owned)]);
    assert_eq!(rows, [cells("4.0", None), None, cells("0.30000000000000004", Some("A")), cells("4.0", None)]);
    let row = ask::row(&mut *his, &doctors, &[(c("code"), &abc), (c("name"), &a)], &[0]).await;
    assert_eq!(row.expect("asked"), Some(vec![Some("1".to_owned())]));
    let several = ask::row(&mut *his, &doctors, &[(c("w"), &three)], &[0]).await.expect_err("two");
    assert_eq!(several.code, "many-rows");

    let alike = ask::alike(&mut *his, &doctors, 0, &[(c("w"), &SqlValue::Int(4)), (c("name"), &null)]).await;
    assert_eq!(alike.expect("asked"), ["5"]);
    let alike = ask::alike(&mut *his, &doctors, 0, &[(c("w"), &three)]).await;
    assert_eq!(alike.expect("asked"), ["3", "4"]);
}
