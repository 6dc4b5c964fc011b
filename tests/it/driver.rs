//! The HIS behind its trait, against a real `MariaDB`: keys that tables make, rows that share statements, statements of
//! the user's own, and questions. The daemon is not started; what it would plan is written down here.

use std::{sync::Arc, time::Duration};

use buktor_middleware::{
    config::{Database, Engine, Network, Secret, Tls},
    his::{
        self, HisError, Keys, Session,
        ask::{self, LookupQuery, Marked, Wanted},
    },
    model::{
        answer::Answer,
        change::{Act, Call, Cell, Change, EventChange, Guard, Op, Role, Shape},
        entity::Entity,
        outcome::FaultClass,
        table::{ColumnName, Table, TableName},
        value::SqlValue,
    },
    sql::{Form, batch::Packer},
};
use chrono::{NaiveDate, TimeZone, Utc};

use crate::support::mariadb::{His, Server};

fn database(his: &His) -> Database {
    Database {
        engine: Engine::MySql(Network {
            host: "127.0.0.1".into(),
            port: his.port,
            user: his.name.clone(),
            password: Secret::new(his.password()),
            database: his.name.clone(),
            tls: Tls::Off,
            ca_file: None,
        }),
        timezone: chrono_tz::Asia::Kolkata,
        connect_time: Duration::from_secs(5),
        statement_time: Duration::from_secs(10),
        lock_time: Duration::from_secs(1),
    }
}

async fn connect(his: &His) -> Box<dyn Session> {
    his::connect(&database(his)).await.unwrap()
}

async fn table(session: &mut dyn Session, name: &str) -> Arc<Table> {
    let name = TableName(name.to_owned());
    let schema = session.describe(std::slice::from_ref(&name)).await.unwrap();
    Arc::clone(&schema.tables[&name])
}

fn column(table: &Table, name: &str) -> usize {
    table.column(&ColumnName(name.to_owned())).unwrap().0
}

/// Columns that are written, with `=` after the name of a key; `generated` is the one that the table makes.
fn shape(table: &Arc<Table>, op: Op, columns: &[&str], generated: Option<&str>) -> Arc<Shape> {
    let role = |name: &&str| match name.strip_suffix('=') {
        Some(key) => (column(table, key), Role::Key),
        None => (column(table, name), Role::Always),
    };
    Arc::new(Shape {
        table: Arc::clone(table),
        op,
        columns: columns.iter().map(role).collect(),
        generated: generated.map(|name| column(table, name)),
    })
}

fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

fn int(n: impl Into<i128>) -> SqlValue {
    SqlValue::Int(n.into())
}

fn change(shape: &Arc<Shape>, values: impl IntoIterator<Item = impl Into<Value>>) -> Change {
    Change {
        act: Act::Row(Arc::clone(shape)),
        values: values.into_iter().map(|value| value.into().0).collect(),
        entity: Entity("".into()),
        guard: None,
    }
}

/// A cell, so that values and keys can be written side by side.
struct Value(Cell);

impl From<SqlValue> for Value {
    fn from(value: SqlValue) -> Self {
        Self(Cell::Value(value))
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Self {
        Self(cell)
    }
}

/// Events of records of their own.
fn events(all: impl IntoIterator<Item = Vec<Change>>) -> Vec<EventChange> {
    let event = |(n, mut rows): (usize, Vec<Change>)| {
        let entity = Entity(format!("record {n}").into());
        rows.iter_mut()
            .enumerate()
            .for_each(|(i, row)| row.entity = Entity(format!("record {n}, row {i}").into()));
        EventChange { entity, rows }
    };
    all.into_iter().enumerate().map(event).collect()
}

/// Writes the events in one transaction and commits it. Gives the keys and how many statements it took.
async fn write(session: &mut dyn Session, events: &[EventChange]) -> Result<(Keys, usize), HisError> {
    let mut packer = Packer::new(session.dialect(), session.statement_bytes());
    let batch = packer.pack(events.iter(), false);
    let keys = his::write(session, &batch).await?;
    his::commit(session).await?;
    Ok((keys, batch.works.len()))
}

const CLINIC: &str = "
    CREATE TABLE patients (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, note TEXT);
    CREATE TABLE visits (
        id BIGINT AUTO_INCREMENT PRIMARY KEY, patient INT UNSIGNED NOT NULL, name VARCHAR(40) NOT NULL,
        FOREIGN KEY (patient) REFERENCES patients (id)
    );";

/// A new patient with a visit, each with the name in it.
fn admissions(patient: &Arc<Shape>, visit: &Arc<Shape>, count: i32) -> Vec<EventChange> {
    events((0..count).map(|n| {
        let name = text(&format!("name {n}"));
        let visit = change(visit, [Value(Cell::Generated(0)), name.clone().into()]);
        vec![change(patient, [name]), visit]
    }))
}

const MISMATCHES: &str =
    "SELECT COUNT(*) FROM patients p JOIN visits v ON v.patient = p.id WHERE v.name <> p.name";

/// Every key that was given back is that of its row.
fn assert_keys(his: &His, keys: &Keys, count: i32) {
    let rows = his.rows("SELECT v.name, p.id, v.id FROM visits v JOIN patients p ON p.id = v.patient");
    let mut expected: Vec<String> = (0..)
        .take(usize::try_from(count).unwrap())
        .map(|n: usize| format!("name {n}\t{}\t{}", keys.of(n, 0).unwrap(), keys.of(n, 1).unwrap()))
        .collect();
    let mut rows = rows;
    rows.sort();
    expected.sort();
    assert_eq!(rows, expected);
    assert_eq!(his.number(MISMATCHES), 0);
}

#[tokio::test]
async fn two_steps_of_many_events_take_a_few_statements() {
    let his = His::with(CLINIC);
    let mut session = connect(&his).await;
    let (patients, visits) = (table(&mut *session, "patients").await, table(&mut *session, "visits").await);
    let patient = shape(&patients, Op::Insert, &["name"], Some("id"));
    let visit = shape(&visits, Op::Insert, &["patient", "name"], Some("id"));
    let (keys, statements) = write(&mut *session, &admissions(&patient, &visit, 300)).await.unwrap();
    // 256 + 32 + 8 + 4, twice.
    assert_eq!(statements, 8);
    assert_keys(&his, &keys, 300);
    assert_eq!((keys.of(299, 2), keys.of(300, 0)), (None, None));
}

#[tokio::test]
async fn keys_go_in_the_steps_that_the_server_has() {
    let server = Server::private();
    let his = server.database();
    his.sql(CLINIC);
    his.sql("SET GLOBAL auto_increment_increment = 5; SET GLOBAL auto_increment_offset = 3;");
    let mut session = connect(&his).await;
    let (patients, visits) = (table(&mut *session, "patients").await, table(&mut *session, "visits").await);
    let patient = shape(&patients, Op::Insert, &["name"], Some("id"));
    let visit = shape(&visits, Op::Insert, &["patient", "name"], Some("id"));
    let (keys, _) = write(&mut *session, &admissions(&patient, &visit, 20)).await.unwrap();
    assert_keys(&his, &keys, 20);
    assert_eq!((keys.of(0, 0), keys.of(1, 0)), (Some("3"), Some("8")));
}

#[tokio::test]
async fn triggers_may_have_a_say_in_keys() {
    let his = His::with(CLINIC);
    // One gives every third row a key of its own, the other counts in a table of its own.
    his.sql(
        "CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40)) AUTO_INCREMENT = 5000;
        CREATE TRIGGER own BEFORE INSERT ON patients FOR EACH ROW
            SET NEW.id = IF(NEW.name LIKE '%3', 1000 + SUBSTRING(NEW.name, 6), NEW.id);
        CREATE TRIGGER told AFTER INSERT ON visits FOR EACH ROW INSERT INTO log (what) VALUES (NEW.name);",
    );
    let mut session = connect(&his).await;
    let (patients, visits) = (table(&mut *session, "patients").await, table(&mut *session, "visits").await);
    let patient = shape(&patients, Op::Insert, &["name"], Some("id"));
    let visit = shape(&visits, Op::Insert, &["patient", "name"], Some("id"));
    let (keys, statements) = write(&mut *session, &admissions(&patient, &visit, 20)).await.unwrap();
    assert_eq!(statements, 40, "a trigger could give single rows other keys than the server counts");
    assert_keys(&his, &keys, 20);
    assert_eq!((keys.of(3, 0), keys.of(13, 0)), (Some("1003"), Some("1013")));
}

#[tokio::test]
async fn a_table_that_makes_no_key_is_the_mappings_fault() {
    let his = His::with("CREATE TABLE t (id INT NOT NULL DEFAULT 7, name VARCHAR(10))");
    let mut session = connect(&his).await;
    let t = table(&mut *session, "t").await;
    let insert = shape(&t, Op::Insert, &["name"], Some("id"));
    let error = write(&mut *session, &events([vec![change(&insert, [text("x")])]])).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (FaultClass::Config, "no-key"));
    assert_eq!(his.number("SELECT COUNT(*) FROM t"), 0);
}

const KINDS: &str = "(
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    tiny TINYINT, bits BIT(9), big BIGINT, huge BIGINT UNSIGNED, amount DECIMAL(20,6), wide DECIMAL(65,30),
    f FLOAT, d DOUBLE, v VARCHAR(20) CHARACTER SET utf8mb4, latin CHAR(20) CHARACTER SET latin1,
    bin VARCHAR(300) COLLATE utf8mb4_bin, note TEXT, small TINYTEXT, day DATE, t TIME(6), dt DATETIME(6), dt0 DATETIME,
    ts TIMESTAMP(3) NULL, y YEAR, choice ENUM('a','bcd'), many SET('x','yy','z'), code INT NOT NULL DEFAULT 0
)";

fn extremes() -> Vec<Vec<SqlValue>> {
    let day = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
    let at = day.and_hms_micro_opt(2, 30, 0, 123_456).unwrap();
    let utc = Utc.with_ymd_and_hms(2026, 3, 29, 20, 0, 0).unwrap();
    let long = "é😀".repeat(150);
    let mut rows = vec![vec![SqlValue::Null; 21]];
    rows.push(vec![
        int(-128),
        int(511),
        int(i64::MIN),
        int(u64::MAX),
        SqlValue::Decimal("-12345678901234.567891".into()),
        SqlValue::Decimal("12345678901234567890123456789012345.123456789012345678901234567891".into()),
        SqlValue::Float(0.1),
        SqlValue::Float(-0.0),
        text("  naïve 😀 '\"`\\  "),
        text("Größe €"),
        text(&long),
        text(&"ä".repeat(32_000)),
        text(&"y".repeat(255)),
        SqlValue::Date(day),
        SqlValue::Time(at.time()),
        SqlValue::DateTime(at),
        SqlValue::DateTime(day.and_hms_opt(2, 30, 0).unwrap()),
        SqlValue::Instant(utc),
        int(1999),
        text("bcd"),
        text("x,z"),
    ]);
    rows.push(vec![
        int(127),
        int(0),
        int(i64::MAX),
        int(0),
        SqlValue::Decimal("0.000001".into()),
        SqlValue::Decimal("-0.000000000000000000000000000001".into()),
        SqlValue::Float(-3.402_823e38),
        SqlValue::Float(1.797_693_134_862_315_7e308),
        text(""),
        text(""),
        text("trailing   "),
        text(""),
        text("\u{0}\n\t"),
        SqlValue::Date(NaiveDate::from_ymd_opt(1, 1, 1).unwrap()),
        SqlValue::Time(at.time()),
        SqlValue::DateTime(NaiveDate::from_ymd_opt(9999, 12, 31).unwrap().and_hms_opt(23, 59, 59).unwrap()),
        SqlValue::DateTime(NaiveDate::from_ymd_opt(1, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap()),
        SqlValue::Instant(Utc.with_ymd_and_hms(1970, 1, 2, 0, 0, 0).unwrap()),
        int(2155),
        text("a"),
        text(""),
    ]);
    rows.push(vec![SqlValue::Null; 21]);
    rows
}

#[tokio::test]
async fn values_are_the_same_whether_rows_share_an_update_or_not() {
    let names = [
        "tiny", "bits", "big", "huge", "amount", "wide", "f", "d", "v", "latin", "bin", "note", "small",
        "day", "t", "dt", "dt0", "ts", "y", "choice", "many",
    ];
    let his = His::shared();
    for t in ["one", "shared"] {
        his.sql(&format!("CREATE TABLE {t} {KINDS}; INSERT INTO {t} (tiny, v) VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'x');"));
    }
    let mut session = connect(&his).await;
    // What is already there in a column that is filled where it is NULL.
    let columns: Vec<&str> = std::iter::once("id=").chain(names).collect();
    for name in ["one", "shared"] {
        let table = table(&mut *session, name).await;
        let update = shape(&table, Op::Update, &columns, Some("id"));
        let rows = extremes().into_iter().zip(1..).map(|(values, id): (_, i32)| {
            vec![change(&update, std::iter::once(int(id)).chain(values).collect::<Vec<_>>())]
        });
        let events = events(rows);
        if name == "one" {
            for event in &events {
                assert_eq!(write(&mut *session, std::slice::from_ref(event)).await.unwrap().1, 1);
            }
        } else {
            let (keys, statements) = write(&mut *session, &events).await.unwrap();
            assert_eq!(statements, 1);
            assert_eq!((keys.of(0, 0), keys.of(3, 0)), (Some("1"), Some("4")));
        }
    }
    let all: Vec<String> = names.iter().map(|name| format!("HEX({name})")).collect();
    let read = |t: &str| his.rows(&format!("SELECT id, {}, d, f, wide FROM {t} ORDER BY id", all.join(", ")));
    let one = read("one");
    assert_eq!(read("shared"), one);
    assert_eq!(one.len(), 4);
    assert!(one[0].matches("NULL").count() == 24 && !one[1].contains("NULL"), "{one:?}");
    assert_eq!(
        his.sql("SELECT ts, dt FROM one WHERE id = 2").trim(),
        "2026-03-29 20:00:00.000\t2026-03-29 02:30:00.123456"
    );
}

#[tokio::test]
async fn a_shared_update_locks_its_rows_alone() {
    let his = His::with(CLINIC);
    let insert = "INSERT INTO patients (name) SELECT CONCAT('p', seq) FROM seq_1_to_50";
    his.sql(insert);
    let mut session = connect(&his).await;
    let patients = table(&mut *session, "patients").await;
    let update = shape(&patients, Op::Update, &["id=", "name"], Some("id"));
    let changes = [7, 9].map(|id| vec![change(&update, [int(id), text("new")])]);
    let changes = events(changes);
    let mut packer = Packer::new(session.dialect(), session.statement_bytes());
    let batch = packer.pack(changes.iter(), false);
    assert!(matches!(&*batch.works[0].form, Form::UpdateMany(_)));
    his::write(&mut *session, &batch).await.unwrap();
    let free = his.number("SELECT COUNT(*) FROM (SELECT id FROM patients FOR UPDATE SKIP LOCKED) AS free");
    assert_eq!(free, 48);
    his::undo(&mut *session).await.unwrap();
    assert_eq!(his.number("SELECT COUNT(*) FROM patients WHERE name = 'new'"), 0);
}

#[tokio::test]
async fn a_linked_row_that_is_gone() {
    let his = His::with(CLINIC);
    his.sql("INSERT INTO patients (id, name) VALUES (1, 'a'), (2, 'b'), (4, 'd')");
    let mut session = connect(&his).await;
    let (patients, visits) = (table(&mut *session, "patients").await, table(&mut *session, "visits").await);
    let linked = |op| shape(&patients, op, &["id=", "name"], Some("id"));
    let update = linked(Op::Update);
    let new = |shape: &Arc<Shape>, id: i32| change(shape, [int(id), text("new")]);
    let unchanged =
        || assert_eq!(his.sql("SELECT GROUP_CONCAT(id, name ORDER BY id) FROM patients").trim(), "1a,2b,4d");

    let error = write(&mut *session, &events([vec![new(&update, 3)]])).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (FaultClass::Rejected, "row-gone"));
    // Of many rows one is gone: nothing is written, and the caller halves them.
    let error = write(&mut *session, &events([1, 3].map(|id| vec![new(&update, id)]))).await.unwrap_err();
    assert_eq!(error.code, "row-gone");
    unchanged();
    // Nothing but the key: whether it is there is asked all the same.
    let look = shape(&patients, Op::Update, &["id="], Some("id"));
    write(&mut *session, &events([1, 2].map(|id| vec![change(&look, [int(id)])]))).await.unwrap();
    for ids in [vec![3], vec![1, 3]] {
        let looks = ids.iter().map(|id| vec![change(&look, [int(*id)])]);
        assert_eq!(write(&mut *session, &events(looks)).await.unwrap_err().code, "row-gone");
    }
    unchanged();

    // A later step refers to the row that is linked.
    let visit = shape(&visits, Op::Insert, &["patient", "name"], Some("id"));
    let steps =
        |id| events([vec![new(&update, id), change(&visit, [Value(Cell::Generated(0)), text("v").into()])]]);
    let (keys, _) = write(&mut *session, &steps(2)).await.unwrap();
    assert_eq!(keys.of(0, 0), Some("2"));
    assert_eq!(his.rows("SELECT patient FROM visits ORDER BY id"), ["2"]);
    let delete = shape(&patients, Op::Delete, &["id="], Some("id"));
    let gone = [1, 3].map(|id| vec![change(&delete, [int(id)])]);
    write(&mut *session, &events(gone)).await.unwrap();
    assert_eq!(his.rows("SELECT id FROM patients ORDER BY id"), ["2", "4"]);
}

#[tokio::test]
async fn a_mark_says_that_it_was_done() {
    let his = His::with(
        "CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(40));
        CREATE TABLE marks (mark VARCHAR(64) PRIMARY KEY);",
    );
    let mut session = connect(&his).await;
    let (notes, marks) = (table(&mut *session, "notes").await, table(&mut *session, "marks").await);
    let (note, mark) =
        (shape(&notes, Op::Insert, &["note"], None), shape(&marks, Op::Insert, &["mark="], None));
    let marked = |n: i32| {
        let name = text(&format!("event {n}"));
        let guard = Guard { shape: Arc::clone(&mark), values: vec![Cell::Value(name.clone())] };
        vec![Change { guard: Some(Box::new(guard)), ..change(&note, [name]) }]
    };
    let (_, statements) = write(&mut *session, &events((0..4).map(marked))).await.unwrap();
    assert_eq!(statements, 1);
    write(&mut *session, &events([marked(2)])).await.unwrap();
    let error = write(&mut *session, &events([marked(7), marked(2)])).await.unwrap_err();
    assert_eq!((error.class, error.duplicate_key), (FaultClass::Rejected, true));
    assert_eq!(his.rows("SELECT note FROM notes ORDER BY id"), ["event 0", "event 1", "event 2", "event 3"]);
    assert_eq!(his.number("SELECT COUNT(*) FROM marks"), 4);
}

#[tokio::test]
async fn statements_of_the_users_own() {
    let his = His::with(CLINIC);
    his.sql(&format!(
        "DELIMITER //
        CREATE PROCEDURE book(who VARCHAR(40), what INT) BEGIN
            IF what < 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such room'; END IF;
            SELECT 1 AS one UNION SELECT 2;
            INSERT INTO patients (name) VALUES (who);
            SELECT id, name FROM patients;
        END//
        DELIMITER ;
        GRANT EXECUTE ON {0}.* TO {0}@'%';",
        his.name
    ));
    let mut session = connect(&his).await;
    let visits = table(&mut *session, "visits").await;
    let call = |sql: &str, values: Vec<SqlValue>| Change {
        act: Act::Call(Arc::new(Call::new(sql, "mapping.x".into()))),
        values: values.into_iter().map(Cell::Value).collect(),
        entity: Entity("".into()),
        guard: None,
    };
    let book = |who: &str, what: i32| vec![call("CALL book(?, ?)", vec![text(who), int(what)])];
    write(&mut *session, &events([book("Ada", 1), book("Grace", 2)])).await.unwrap();
    // What follows in the same transaction reads no answer of the procedure's.
    let visit = shape(&visits, Op::Insert, &["patient", "name"], Some("id"));
    let mut both = book("Joan", 3);
    both.push(change(&visit, [int(1), text("v")]));
    let (keys, _) = write(&mut *session, &events([both])).await.unwrap();
    assert_eq!((keys.of(0, 0), keys.of(0, 1)), (None, Some("1")));
    let select = call("SELECT name FROM patients WHERE id = ?", vec![int(1)]);
    write(&mut *session, &events([vec![select]])).await.unwrap();

    let error = write(&mut *session, &events([book("Eve", 1), book("Eve", -1)])).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (FaultClass::Rejected, "mysql-1644"));
    for sql in ["CALL nobody(?)", "CALL book(?)", "LOCK TABLES patients READ"] {
        let values = if sql.contains('?') { vec![int(1)] } else { Vec::new() };
        let error = write(&mut *session, &events([vec![call(sql, values)]])).await.unwrap_err();
        assert_eq!(error.class, FaultClass::Config, "{sql}: {error}");
    }
    assert_eq!(his.rows("SELECT name FROM patients ORDER BY id"), ["Ada", "Grace", "Joan"]);
}

const DOCTORS: &str = "CREATE TABLE doctors (
            id INT PRIMARY KEY, code VARCHAR(20) COLLATE utf8mb4_general_ci, exact VARCHAR(20) COLLATE utf8mb4_bin,
            fee DECIMAL(8,2), at DATETIME(3), ward TINYINT, name VARCHAR(20), n INT, KEY (code)
        );
        INSERT INTO doctors VALUES
            (1, 'abc', 'abc', 1.50, '2026-03-29 02:30:00.500', 1, 'A', 7), (2, 'DEF', 'ABC', 2, NULL, 1, 'B', 7),
            (3, 'Ünal', 'x ', 10, NULL, 1, 'C', 7), (4, 'same', 's', 10, NULL, 1, 'D', 7),
            (5, 'SAME', 'S', 11, NULL, 2, 'E', 7), (6, 'twin', 't', 12, NULL, 1, 'F', 7),
            (7, 'twin', 'u', 13, NULL, 1, 'F', 7), (8, 'null', 'v', 14, NULL, 1, NULL, 7);";

#[tokio::test]
async fn lookups_compare_as_the_column_does() {
    let his = His::with(DOCTORS);
    let mut session = connect(&his).await;
    let doctors = table(&mut *session, "doctors").await;
    let row = |name: &str| Answer::Row(Some(name.into()));
    let mut check =
        async |matches: &str, only: &[(usize, SqlValue)], values: &[SqlValue], expected: &[Answer]| {
            let query = LookupQuery {
                table: &doctors,
                matches: column(&doctors, matches),
                take: column(&doctors, "name"),
                only,
            };
            let all = ask::lookup(&mut *session, &query, values).await.unwrap();
            assert_eq!(all, expected, "{matches}");
            for (value, expected) in values.iter().zip(expected) {
                let one = ask::lookup(&mut *session, &query, std::slice::from_ref(value)).await.unwrap();
                assert_eq!(one, std::slice::from_ref(expected), "{value:?} alone");
            }
        };
    let texts = |all: &[&str]| all.iter().map(|t| text(t)).collect::<Vec<_>>();
    check(
        "code",
        &[],
        &texts(&["ABC", "def", "unal", "nobody", "same", "SaMe", "twin", "null", "abc"]),
        // The very text goes before others that the collation takes for it; where there is none, all of these count.
        &[
            row("A"),
            row("B"),
            row("C"),
            Answer::Missing,
            row("D"),
            Answer::Several,
            row("F"),
            Answer::Row(None),
            row("A"),
        ],
    )
    .await;
    check(
        "exact",
        &[],
        &texts(&["abc", "ABC", "x", "Abc"]),
        &[row("A"), row("B"), row("C"), Answer::Missing],
    )
    .await;
    let ward = [(column(&doctors, "ward"), int(2))];
    check("code", &ward, &texts(&["SaMe", "abc"]), &[row("E"), Answer::Missing]).await;
    let decimal = |d: &str| SqlValue::Decimal(d.into());
    check(
        "fee",
        &[],
        &[decimal("1.5"), decimal("2.00"), decimal("3"), decimal("10")],
        &[row("A"), row("B"), Answer::Missing, Answer::Several],
    )
    .await;
    check("id", &[], &[int(2), SqlValue::Null, int(99)], &[row("B"), Answer::Missing, Answer::Missing]).await;
    let at = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap().and_hms_milli_opt(2, 30, 0, 500).unwrap();
    check("at", &[], &[SqlValue::DateTime(at)], &[row("A")]).await;
}

#[tokio::test]
async fn thousands_of_values_and_of_rows() {
    let his = His::with(DOCTORS);
    let mut session = connect(&his).await;
    let doctors = table(&mut *session, "doctors").await;
    let row = |name: &str| Answer::Row(Some(name.into()));
    his.sql("INSERT INTO doctors SELECT seq + 100, CONCAT('c', seq % 6000), 'z', 0, NULL, 9, CONCAT('n', seq % 6000), 7 FROM seq_1_to_12000");
    let values: Vec<SqlValue> = (0..6001).map(|n| text(&format!("C{n}"))).collect();
    let query = LookupQuery {
        table: &doctors,
        matches: column(&doctors, "code"),
        take: column(&doctors, "name"),
        only: &[],
    };
    let found = ask::lookup(&mut *session, &query, &values).await.unwrap();
    assert!((0..6000).all(|n| found[n] == row(&format!("n{n}"))) && found[6000] == Answer::Missing);
    let query = LookupQuery { matches: column(&doctors, "n"), ..query };
    assert_eq!(
        ask::lookup(&mut *session, &query, &[int(7), int(8)]).await.unwrap(),
        [Answer::Several, Answer::Missing]
    );
    // Runs of numbers, with what is missing between them, what stands alone, and what is asked for again much later.
    let numbers: Vec<i128> =
        (101..1700).chain([-7, 12_100, 12_101]).chain((101..800).rev()).chain([3000, 3001]).collect();
    his.sql("DELETE FROM doctors WHERE id IN (101, 612, 3000)");
    let keys: Vec<SqlValue> = numbers.iter().copied().map(SqlValue::Int).collect();
    let id = column(&doctors, "id");
    for lock in [false, true] {
        let rows = ask::rows(&mut *session, &doctors, id, &keys, Wanted::Each(&[id]), lock).await.unwrap();
        let there = |n: i128| (101..=12_100).contains(&n) && ![101, 612, 3000].contains(&n);
        let expected: Vec<_> = numbers.iter().map(|n| there(*n).then(|| vec![Some(n.to_string())])).collect();
        assert!(rows == expected, "lock {lock}");
    }
}

#[tokio::test]
async fn every_column_is_read_as_text() {
    let his = His::with(
        "CREATE TABLE t (
            id INT(10) ZEROFILL PRIMARY KEY, b BIT(10), u BIGINT UNSIGNED, m DECIMAL(8,2) ZEROFILL, f FLOAT, d DOUBLE,
            v VARCHAR(9) CHARACTER SET latin1, x VARBINARY(9), day DATE, t TIME(2), dt DATETIME(6), y YEAR,
            e ENUM('ä'), j JSON, n INT
        ) CHARACTER SET utf8mb4;
        INSERT INTO t VALUES (7, 513, 18446744073709551615, 1.5, 0.1, 0.1, 'é', X'00FF', '2026-03-29', '-12:30:00.5',
            '2026-03-29 02:30:00.000001', 2026, 'ä', '{\"a\": 1}', NULL);",
    );
    let mut session = connect(&his).await;
    let t = table(&mut *session, "t").await;
    let columns: Vec<usize> = (0..t.columns.len()).collect();
    let rows =
        ask::rows(&mut *session, &t, 0, &[int(8), int(7)], Wanted::Each(&columns), false).await.unwrap();
    assert_eq!(rows[0], None);
    let texts: Vec<&str> = rows[1].as_ref().unwrap().iter().map(|t| t.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(
        texts,
        [
            "7",
            "513",
            "18446744073709551615",
            "1.50",
            "0.10000000149011612",
            "0.1",
            "é",
            "00FF",
            "2026-03-29",
            "-12:30:00.50",
            "2026-03-29 02:30:00.000001",
            "2026",
            "ä",
            "{\"a\": 1}",
            "NULL"
        ]
    );
    let joined = ask::rows(&mut *session, &t, 0, &[int(7)], Wanted::Joined(&columns), true).await.unwrap();
    let quoted = texts.iter().map(|t| if *t == "NULL" { (*t).to_owned() } else { format!("'{t}'") });
    assert_eq!(joined, [Some(vec![Some(quoted.collect::<Vec<_>>().join(","))])]);
    let none = ask::rows(&mut *session, &t, 0, &[int(7), int(8)], Wanted::Joined(&[]), false).await.unwrap();
    assert_eq!(none, [Some(vec![Some(String::new())]), None]);
    let key = [(0, &int(7)), (1, &int(513))];
    assert_eq!(ask::row(&mut *session, &t, &key, &[6]).await.unwrap(), Some(vec![Some("é".to_owned())]));
    let year = int(2026);
    his.sql("INSERT INTO t (id, y) VALUES (8, 2026)");
    let error = ask::row(&mut *session, &t, &[(column(&t, "y"), &year)], &[0]).await.unwrap_err();
    assert_eq!(error.code, "many-rows");
}

#[tokio::test]
async fn rows_in_doubt_are_waited_for() {
    let his = His::with(
        "CREATE TABLE v (
            id INT AUTO_INCREMENT PRIMARY KEY, mark VARCHAR(60), clinic INT, w FLOAT, t TEXT, note VARCHAR(20),
            KEY (mark), KEY (clinic)
        );
        INSERT INTO v (mark, clinic, w, t, note) VALUES
            ('buktor:a:1', 1, 0.1, 'x', NULL), ('buktor:a:2', 1, 0.1, 'x', 'y'), ('twice', 2, 1, 'z', NULL),
            ('twice', 2, 1, 'z', NULL);",
    );
    let mut session = connect(&his).await;
    let v = table(&mut *session, "v").await;
    let c = |name: &str| column(&v, name);
    let one = |key: &str| Marked::One(key.to_owned());
    let (first, other, twice, open) = (text("buktor:a:1"), text("none"), text("twice"), text("open"));
    let marks = [vec![&first], vec![&other], vec![&twice]];
    for lock in [false, true] {
        let found = ask::marked(&mut *session, &v, 0, &[c("mark")], &marks, lock).await.unwrap();
        assert_eq!(found, [one("1"), Marked::No, Marked::Several]);
    }
    let (clinic, two) = (int(1), int(2));
    let pairs = [vec![&first, &two], vec![&first, &clinic], vec![&twice, &two]];
    let found = ask::marked(&mut *session, &v, 0, &[c("mark"), c("clinic")], &pairs, true).await.unwrap();
    assert_eq!(found, [Marked::No, one("1"), Marked::Several]);

    // Another session's transaction has not ended: what it wrote is waited for, or seen only afterwards.
    let mut held = his.hold("INSERT INTO v (mark) VALUES ('open'); UPDATE v SET note = 'new' WHERE id = 1");
    let asked = [vec![&open]];
    let found = ask::marked(&mut *session, &v, 0, &[c("mark")], &asked, false).await.unwrap();
    assert_eq!(found, [Marked::No]);
    let error = ask::marked(&mut *session, &v, 0, &[c("mark")], &asked, true).await.unwrap_err();
    assert_eq!(error.class, FaultClass::Busy);
    assert_eq!(
        ask::rows(&mut *session, &v, 0, &[int(1)], Wanted::Each(&[c("note")]), false).await.unwrap(),
        [Some(vec![None])]
    );
    let error =
        ask::rows(&mut *session, &v, 0, &[int(1)], Wanted::Each(&[c("note")]), true).await.unwrap_err();
    assert_eq!(error.class, FaultClass::Busy);
    held.run("COMMIT");
    let found = ask::marked(&mut *session, &v, 0, &[c("mark")], &asked, true).await.unwrap();
    assert_eq!(found, [one("5")]);
    his.sql("UPDATE v SET note = NULL WHERE id = 1");

    let (weight, x, null) = (SqlValue::Float(0.1), text("x"), SqlValue::Null);
    let cells = [(c("clinic"), &clinic), (c("w"), &weight), (c("t"), &x), (c("note"), &null)];
    assert_eq!(ask::alike(&mut *session, &v, 0, &cells).await.unwrap(), ["1"]);
    assert_eq!(ask::alike(&mut *session, &v, 0, &cells[..3]).await.unwrap(), ["1", "2"]);
    assert_eq!(ask::alike(&mut *session, &v, 0, &[(c("w"), &two)]).await.unwrap(), [""; 0]);
}
