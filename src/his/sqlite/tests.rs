//! The embedded HIS as a whole: connecting, describing, and `apply` with each kind of work.

use std::time::Duration;

use chrono::{NaiveDate, TimeZone, Utc};

use super::*;
use crate::{
    config::Engine,
    his::{
        self, Keys,
        ask::{self, LookupQuery, Marked},
    },
    model::{
        answer::Answer,
        change::{Act, Call, Cell, Change, EventChange, Guard, Op, Role, Shape},
        entity::Entity,
        table::{ColumnName, ColumnType, Filled, Table},
    },
    sql::{Batch, Form, Row, Template, Work, batch::Packer},
};

const DDL: &str = "
    CREATE TABLE HIS_patients (patient_id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
    CREATE TABLE HIS_appointments (
        id INTEGER PRIMARY KEY,
        buktor_id VARCHAR(20) NOT NULL UNIQUE,
        status TEXT NOT NULL CHECK (status <> 'bad'),
        patient_id INT REFERENCES HIS_patients (patient_id),
        fee DECIMAL(10,2) NOT NULL DEFAULT 0,
        starts DATETIME,
        label TEXT GENERATED ALWAYS AS (status || buktor_id) VIRTUAL
    );
    CREATE TABLE notes (a TEXT, b TEXT COLLATE NOCASE, c INT NOT NULL, PRIMARY KEY (a, c));
    CREATE UNIQUE INDEX notes_part ON notes (c) WHERE a IS NOT NULL;
    CREATE UNIQUE INDEX notes_expr ON notes (c + 1);
    CREATE UNIQUE INDEX notes_null ON notes (b);
    CREATE VIEW latest AS SELECT * FROM notes;
    CREATE TABLE log (line TEXT);
    CREATE TRIGGER log_it AFTER INSERT ON HIS_patients BEGIN INSERT INTO log VALUES (NEW.name); END;
    CREATE TABLE \"odd \"\"name`s.x\" (\"väl ue\" INT);";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        place.raw().execute_batch(DDL).expect("tables");
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("his.sqlite")
    }

    fn raw(&self) -> Connection {
        Connection::open(self.path()).expect("the file opens")
    }

    async fn connect(&self) -> Box<dyn Session> {
        his::connect(&database(&self.path())).await.expect("connected")
    }

    fn text(&self, sql: &str) -> String {
        self.raw().query_row(sql, [], |row| row.get(0)).expect("a row")
    }
}

fn database(path: &Path) -> Database {
    Database {
        engine: Engine::Sqlite { path: path.to_owned() },
        timezone: chrono_tz::Asia::Kolkata,
        connect_time: Duration::from_secs(5),
        statement_time: Duration::from_secs(5),
        lock_time: Duration::from_millis(100),
    }
}

fn template(sql: &str, params: usize) -> Template {
    Template { sql: sql.into(), slots: (0..params).collect() }
}

/// A work of one row with these values. What it refers to lives as long as the test.
fn work(form: Form, params: &[&SqlValue]) -> Work<'static> {
    let change = Change {
        act: Act::Call(Arc::new(Call::new("", String::new()))),
        values: params.iter().map(|value| Cell::Value((*value).clone())).collect(),
        entity: Entity(String::new()),
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

fn text(s: &str) -> SqlValue {
    SqlValue::Text(s.to_owned())
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
        his::apply(his.as_mut(), &batch(vec![work(form, &[status, &id])])).await.expect("applied");
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
    let error = his::apply(his.as_mut(), &batch(vec![work(form, &[&status, &id, &one])]))
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
    his::apply(his.as_mut(), &batch(works())).await.expect("inserted");
    let error = his::apply(his.as_mut(), &batch(works())).await.expect_err("it is there");
    assert_eq!(error.code, "row-exists");
    let replay = Batch { replay: true, ..batch(works()) };
    his::apply(his.as_mut(), &replay).await.expect("it counts as done");
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
    for (work, expected) in [
        (work(Form::Update(update()), &[&b, &a]), "many-rows"),
        (delete("DELETE FROM HIS_appointments WHERE status = ?", &a), "many-rows"),
        (work(upsert, &[&b, &a]), "many-rows"),
        (work(Form::Update(template(UPDATE, 2)), &[&b, &text("9")]), "no-row"),
    ] {
        let error = his::apply(his.as_mut(), &batch(vec![insert(), work])).await.expect_err(expected);
        assert_eq!(error.code, expected);
        assert_eq!(place.text(STATUS), "a:1 a:2");
    }
    let none = delete("DELETE FROM HIS_appointments WHERE buktor_id = ?", &three);
    his::apply(his.as_mut(), &batch(vec![none, insert()])).await.expect("nothing to delete is fine");
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
        let error = his::apply(his.as_mut(), &batch(vec![good_insert(), work])).await.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (class, code), "{error}");
        assert_eq!(place.text(STATUS), "");
    }
    his::apply(his.as_mut(), &batch(vec![good_insert()])).await.expect("applied");
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
    let error = his::apply(his.as_mut(), &batch(works)).await.expect_err("no such patient");
    assert_eq!(error.class, FaultClass::Parent);
    his::apply(his.as_mut(), &batch(Vec::new())).await.expect("the session goes on");
    assert_eq!(place.text("SELECT count(*) || '' FROM late"), "0");
}

#[tokio::test]
async fn a_locked_file_is_busy() {
    let place = Place::new();
    let mut his = place.connect().await;
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let error = his::apply(his.as_mut(), &batch(Vec::new())).await.expect_err("locked");
    assert_eq!((error.class, error.code.as_str()), (FaultClass::Busy, "sqlite-5"));
    other.execute_batch("ROLLBACK").expect("unlocked");
    his::apply(his.as_mut(), &batch(Vec::new())).await.expect("free again");
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
    his::apply(his.as_mut(), &batch(vec![insert])).await.expect("applied");
    let read = "SELECT a || '|' || b || '|' || typeof(b) || '|' || c || '|' || d || '|' || hex(e) || '|' || f || '|' || g \
                || '|' || h || '|' || i || '|' || (j IS NULL) FROM v";
    assert_eq!(
        place.text(read),
        "-5|1500.5|real|0.5|naïve 😀 '\"`|00FF|2026-03-29|09:05:00|2026-03-29 09:05:00.000001|2026-03-30 01:30:00|1"
    );
}

#[tokio::test]
async fn tables_are_described() {
    let place = Place::new();
    let mut his = place.connect().await;
    let names: Vec<TableName> =
        ["his_appointments", "main.HIS_patients", "notes", "latest", "odd \"name`s.x", "HIS_apointments"]
            .map(|name| TableName(name.to_owned()))
            .to_vec();
    let schema = his.describe(&names).await.expect("described");
    let near = schema.missing.get(&names[5]).expect("missing");
    assert_eq!(near.first().map(String::as_str), Some("HIS_appointments"));

    let table = &schema.tables[&names[0]];
    assert_eq!((table.name.as_str(), table.view, table.insert_triggers), ("HIS_appointments", false, false));
    assert_eq!(table.references, ["HIS_patients"]);
    let filled: Vec<_> = table.columns.iter().map(|column| (column.name.0.as_str(), column.filled)).collect();
    assert_eq!(
        filled,
        [
            ("id", Filled::ByCounter),
            ("buktor_id", Filled::ByNobody),
            ("status", Filled::ByNobody),
            ("patient_id", Filled::ByDefault),
            ("fee", Filled::ByDefault),
            ("starts", Filled::ByDefault),
            ("label", Filled::ByExpression),
        ]
    );
    assert_eq!(table.columns[5].kind, ColumnType::DateTime { fraction: 0 });
    let unique: Vec<_> = table.unique.iter().map(|u| (u.primary, u.safe, u.columns[0].0.as_str())).collect();
    assert_eq!(unique, [(true, true, "id"), (false, true, "buktor_id")]);

    assert!(schema.tables[&names[1]].insert_triggers);
    let notes = &schema.tables[&names[2]];
    assert_eq!(
        notes.primary_key(),
        [crate::model::table::ColumnName("a".into()), crate::model::table::ColumnName("c".into())]
    );
    let safe: Vec<_> = notes.unique.iter().filter(|u| u.safe).map(|u| u.name.as_str()).collect();
    assert_eq!(safe, ["PRIMARY"]);
    assert_eq!(notes.unique.len(), 4);
    assert!(schema.tables[&names[3]].view);
    assert_eq!(schema.tables[&names[4]].columns[0].name.0, "väl ue");
}

#[tokio::test]
async fn files_that_cannot_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = async |path: &Path, words: &str| {
        let Err(error) = his::connect(&database(path)).await else { panic!("{} opened", path.display()) };
        assert_eq!(error.class, FaultClass::Login);
        assert!(error.message.contains(words), "{error}");
    };
    check(&folder.path().join("none.sqlite"), "does not exist").await;
    check(folder.path(), "cannot be used").await;
    let text = folder.path().join("text.sqlite");
    std::fs::write(
        &text,
        "this is no database, whatever its name may say; it is far too long for an empty one",
    )
    .expect("written");
    check(&text, "not a database").await;
    assert!(!folder.path().join("none.sqlite").exists(), "the file is never created");
}

#[tokio::test]
async fn a_deleted_file_is_noticed() {
    let place = Place::new();
    let mut his = place.connect().await;
    his.ping().await.expect("alive");
    if std::fs::remove_file(place.path()).is_err() {
        return; // Windows
    }
    assert_eq!(his.ping().await.expect_err("deleted").class, FaultClass::Unreachable);
    assert_eq!(his.begin().await.expect_err("deleted").class, FaultClass::Unreachable);
}

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
    Change { act: Act::Row(Arc::clone(shape)), values, entity: Entity(String::new()), guard: None }
}

fn cells(values: impl IntoIterator<Item = SqlValue>) -> Vec<Cell> {
    values.into_iter().map(Cell::Value).collect()
}

fn events(all: impl IntoIterator<Item = Vec<Change>>) -> Vec<EventChange> {
    let event = |(n, mut rows): (usize, Vec<Change>)| {
        rows.iter_mut().enumerate().for_each(|(i, row)| row.entity = Entity(format!("{n} {i}")));
        EventChange { entity: Entity(n.to_string()), rows }
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
    let row = |name: &str| Answer::Row(Some(name.to_owned()));
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
    let rows = ask::rows(&mut *his, &doctors, 0, &keys, &[c("w"), c("name")], true).await.expect("asked");
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
