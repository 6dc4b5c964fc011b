//! A transaction with each kind of work.

use std::sync::Arc;

use chrono::{NaiveDate, TimeZone, Utc};

use crate::{
    his::{
        self, HisError, Session,
        sqlite::tests::{Place, text},
    },
    model::{
        change::{Act, Call, Cell, Change},
        entity::Entity,
        outcome::FaultClass,
        value::SqlValue,
    },
    sql::{Batch, Form, Row, Template, Work},
};

fn template(sql: &str, params: usize) -> Template {
    Template { sql: sql.into(), slots: (0..params).collect(), binds: [].into() }
}

/// A work of one row with these values. What it refers to lives as long as the test.
fn work(form: Form, params: &[&SqlValue]) -> Work<'static> {
    let change = Change {
        act: Act::Call(Arc::new(Call::new("", String::new()))),
        values: params.iter().map(|value| Cell::Value((*value).clone())).collect(),
        entity: Entity("".into()),
        guard: None,
    };
    let row = Row { change: Box::leak(Box::new(change)), base: 0, slot: 0 };
    Work { form: Arc::new(form), guard: None, rows: vec![row] }
}

fn insert(sql: &str, params: &[&SqlValue]) -> Work<'static> {
    work(Form::Insert(template(sql, params.len())), params)
}

fn batch(works: Vec<Work<'_>>) -> Batch<'_> {
    Batch { works, bases: vec![0, 1], ..Batch::default() }
}

async fn apply(session: &mut dyn Session, batch: &Batch<'_>) -> Result<(), HisError> {
    his::write(session, batch).await?;
    his::commit(session).await
}

const UPDATE: &str = "UPDATE HIS_appointments SET status = ? WHERE buktor_id = ?";
const INSERT: &str = "INSERT INTO HIS_appointments (status, buktor_id) VALUES (?, ?)";
const ONCE: &str =
    "INSERT INTO HIS_appointments (status, buktor_id) VALUES (?, ?) ON CONFLICT (buktor_id) DO NOTHING";
const STATUS: &str =
    "SELECT coalesce(group_concat(status || ':' || buktor_id, ' '), '') FROM HIS_appointments";

#[tokio::test]
async fn upsert_by_update_then_insert() {
    let place = Place::new();
    let mut his = place.connect().await;
    let (booked, cancelled, id) = (text("booked"), text("cancelled"), text("7"));
    for status in [&booked, &cancelled] {
        let form = Form::UpdateElseInsert { update: template(UPDATE, 2), insert: template(INSERT, 2) };
        apply(his.as_mut(), &batch(vec![work(form, &[status, &id])])).await.expect("applied");
    }
    assert_eq!(place.text(STATUS), "cancelled:7");
}

#[tokio::test]
async fn another_unique_index_is_the_data() {
    let place = Place::new();
    let mut his = place.connect().await;
    place
        .raw()
        .execute_batch("INSERT INTO HIS_appointments (id, buktor_id, status) VALUES (1, '7', 'booked')")
        .expect("row");
    let (status, id, one) = (text("x"), text("8"), SqlValue::Int(1));
    let form = Form::UpdateElseInsert {
        update: template(UPDATE, 2),
        insert: template("INSERT INTO HIS_appointments (status, buktor_id, id) VALUES (?, ?, ?)", 3),
    };
    let error = apply(his.as_mut(), &batch(vec![work(form, &[&status, &id, &one])]))
        .await
        .expect_err("the id is taken");
    assert_eq!(
        (error.class, error.code.as_str(), error.duplicate_key),
        (FaultClass::Rejected, "sqlite-1555", true)
    );
    assert_eq!(error.public, "SQLite error 1555 (the data)");
    assert_eq!(place.text(STATUS), "booked:7");
}

#[tokio::test]
async fn insert_once_with_and_without_replay() {
    let place = Place::new();
    let mut his = place.connect().await;
    let (booked, id) = (text("booked"), text("7"));
    let works = || vec![work(Form::InsertOnce(template(ONCE, 2)), &[&booked, &id])];
    apply(his.as_mut(), &batch(works())).await.expect("inserted");
    let error = apply(his.as_mut(), &batch(works())).await.expect_err("it is there");
    assert_eq!(error.code, "row-exists");
    let replay = Batch { replay: true, ..batch(works()) };
    apply(his.as_mut(), &replay).await.expect("it counts as done");
    assert_eq!(place.text(STATUS), "booked:7");
}

#[tokio::test]
async fn many_rows_and_no_row_roll_back() {
    let place = Place::new();
    let rows = "INSERT INTO HIS_appointments (buktor_id, status) VALUES ('1', 'a'), ('2', 'a')";
    place.raw().execute_batch(rows).expect("rows");
    let mut his = place.connect().await;
    let (a, b, three) = (text("a"), text("b"), text("3"));
    let by_status = "UPDATE HIS_appointments SET status = ? WHERE status = ?";
    let update = || template(by_status, 2);
    let insert = || insert(INSERT, &[&b, &three]);
    let delete = |sql, id| work(Form::Delete(template(sql, 1)), &[id]);
    let upsert = Form::UpdateElseInsert { update: update(), insert: template(INSERT, 2) };
    let upsert_at_once = Form::UpdateOrInsert(update());
    for (work, expected) in [
        (work(upsert_at_once, &[&b, &a]), "many-rows"),
        (work(Form::Update(update()), &[&b, &a]), "many-rows"),
        (delete("DELETE FROM HIS_appointments WHERE status = ?", &a), "many-rows"),
        (work(upsert, &[&b, &a]), "many-rows"),
        (work(Form::Update(template(UPDATE, 2)), &[&b, &text("9")]), "no-row"),
    ] {
        let error = apply(his.as_mut(), &batch(vec![insert(), work])).await.expect_err(expected);
        assert_eq!(error.code, expected);
        assert_eq!(place.text(STATUS), "a:1 a:2");
    }
    let none = delete("DELETE FROM HIS_appointments WHERE buktor_id = ?", &three);
    apply(his.as_mut(), &batch(vec![none, insert()])).await.expect("nothing to delete is fine");
    assert_eq!(place.text(STATUS), "a:1 a:2 b:3");
}

#[tokio::test]
async fn a_failure_rolls_everything_back_and_the_session_goes_on() {
    let place = Place::new();
    let mut his = place.connect().await;
    let (good, bad, one, two, nobody) = (text("good"), text("bad"), text("1"), text("2"), SqlValue::Int(99));
    let good_insert = || insert(INSERT, &[&good, &one]);
    for (work, class, code) in [
        (insert(INSERT, &[&bad, &two]), FaultClass::Rejected, "sqlite-275"),
        (insert(INSERT, &[&SqlValue::Null, &two]), FaultClass::Rejected, "sqlite-1299"),
        (
            insert(
                "INSERT INTO HIS_appointments (status, buktor_id, patient_id) VALUES (?, ?, ?)",
                &[&good, &two, &nobody],
            ),
            FaultClass::Parent,
            "sqlite-787",
        ),
        (insert("INSERT INTO nowhere VALUES (?)", &[&good]), FaultClass::Config, "sqlite-1"),
        (insert("UPDATE log SET nothing = ?", &[&good]), FaultClass::Config, "sqlite-1"),
    ] {
        let error = apply(his.as_mut(), &batch(vec![good_insert(), work])).await.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (class, code), "{error}");
        assert_eq!(place.text(STATUS), "");
    }
    apply(his.as_mut(), &batch(vec![good_insert()])).await.expect("applied");
    assert_eq!(place.text(STATUS), "good:1");
}

#[tokio::test]
async fn a_constraint_checked_at_commit_leaves_no_transaction_behind() {
    let place = Place::new();
    let ddl = "CREATE TABLE late (p INT REFERENCES HIS_patients (patient_id) DEFERRABLE INITIALLY DEFERRED)";
    place.raw().execute_batch(ddl).expect("table");
    let mut his = place.connect().await;
    let nobody = SqlValue::Int(99);
    let works = vec![insert("INSERT INTO late VALUES (?)", &[&nobody])];
    let error = apply(his.as_mut(), &batch(works)).await.expect_err("no such patient");
    assert_eq!(error.class, FaultClass::Parent);
    apply(his.as_mut(), &batch(Vec::new())).await.expect("the session goes on");
    assert_eq!(place.text("SELECT count(*) || '' FROM late"), "0");
}

#[tokio::test]
async fn a_locked_file_is_busy() {
    let place = Place::new();
    let mut his = place.connect().await;
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let error = apply(his.as_mut(), &batch(Vec::new())).await.expect_err("locked");
    assert_eq!((error.class, error.code.as_str()), (FaultClass::Busy, "sqlite-5"));
    other.execute_batch("ROLLBACK").expect("unlocked");
    apply(his.as_mut(), &batch(Vec::new())).await.expect("free again");
}

#[tokio::test]
async fn values_as_other_programs_read_them() {
    let place = Place::new();
    place.raw().execute_batch("CREATE TABLE v (a INT, b DECIMAL(10,2), c DOUBLE, d TEXT, e BLOB, f DATE, g TIME, h DATETIME, i DATETIME, j INT)").expect("table");
    let mut his = place.connect().await;
    let day = NaiveDate::from_ymd_opt(2026, 3, 29).expect("a day");
    let values = [
        SqlValue::Int(-5),
        SqlValue::Decimal("1500.50".into()),
        SqlValue::Float(0.5),
        text("naïve 😀 '\"`"),
        SqlValue::Bytes(vec![0, 255]),
        SqlValue::Date(day),
        SqlValue::Time(day.and_hms_opt(9, 5, 0).expect("a time").time()),
        SqlValue::DateTime(day.and_hms_micro_opt(9, 5, 0, 1).expect("a time")),
        SqlValue::Instant(Utc.with_ymd_and_hms(2026, 3, 29, 20, 0, 0).single().expect("a moment")),
        SqlValue::Null,
    ];
    let params: Vec<&SqlValue> = values.iter().collect();
    let insert = insert("INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &params);
    apply(his.as_mut(), &batch(vec![insert])).await.expect("applied");
    let read = "SELECT a || '|' || b || '|' || typeof(b) || '|' || c || '|' || d || '|' || hex(e) || '|' || f || '|' || g \
                || '|' || h || '|' || i || '|' || (j IS NULL) FROM v";
    assert_eq!(
        place.text(read),
        "-5|1500.5|real|0.5|naïve 😀 '\"`|00FF|2026-03-29|09:05:00|2026-03-29 09:05:00.000001|2026-03-30 01:30:00|1"
    );
}
