//! The double under the crate `oracle`, as the daemon uses it. It must never need anything of the daemon.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use oracle::sql_type::{Clob, OracleType, Timestamp};
use oracle::{Connection, Error, ErrorKind, InitParams};

fn server() -> String {
    env::var("BUKTOR_TEST_POSTGRES")
        .expect("start the tests with `bash tests/run.sh`, which sets BUKTOR_TEST_POSTGRES")
}

fn connect_to(address: &str, user: &str, password: &str) -> Result<Connection, Error> {
    if !InitParams::is_initialized() {
        let folder = env::var("BUKTOR_TEST_OCI_DOUBLE").expect("tests/run.sh sets BUKTOR_TEST_OCI_DOUBLE");
        InitParams::new().oracle_client_lib_dir(folder).unwrap().init().unwrap();
    }
    Connection::connect(user, password, address)
}

/// A database of its own with the user HIS.
fn database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // The number of a process comes again when there have been many.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let name = format!("d{}_{now}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let root = connect_to(&format!("//{}/buktor_root", server()), "system", "manager").unwrap();
    root.execute(&format!("CREATE PLUGGABLE DATABASE {name}"), &[]).unwrap();
    run(&admin(&name), "CREATE USER his IDENTIFIED BY secret");
    name
}

fn admin(database: &str) -> Connection {
    connect_to(&format!("//{}/{database}", server()), "system", "manager").unwrap()
}

fn his(database: &str) -> Connection {
    connect_to(&format!("//{}/{database}", server()), "his", "secret").unwrap()
}

fn run(connection: &Connection, sql: &str) {
    connection.execute(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn code<T>(result: Result<T, Error>) -> i32 {
    match result {
        Ok(_) => 0,
        Err(error) => error.oci_code().or(error.dpi_code()).unwrap_or(-1),
    }
}

fn texts(connection: &Connection, sql: &str) -> Vec<Option<String>> {
    let rows = connection.query(sql, &[]).unwrap();
    rows.flat_map(|row| {
        row.unwrap().sql_values().iter().map(|v| v.get().unwrap()).collect::<Vec<Option<String>>>()
    })
    .collect()
}

#[test]
fn values_of_all_types_come_back() {
    let connection = his(&database());
    run(
        &connection,
        "CREATE TABLE v (n NUMBER, p NUMBER(10,2), v VARCHAR2(20), nv NVARCHAR2(20), c CHAR(5), d DATE, t TIMESTAMP(6), \
         z TIMESTAMP WITH TIME ZONE, r RAW(4), l CLOB, f BINARY_DOUBLE)",
    );
    let stamp = Timestamp::new(2024, 2, 29, 13, 14, 15, 123_456_000).unwrap();
    let zoned = Timestamp::new(2024, 2, 29, 13, 14, 15, 0).unwrap().and_tz_hm_offset(3, 30).unwrap();
    let mut statement = connection
        .statement("INSERT INTO v VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)")
        .build()
        .unwrap();
    let number = OracleType::Number(0, 0);
    statement.bind(1, &(&"-1234567890123456789.012", &number)).unwrap();
    statement.bind(2, &(&"1.005", &number)).unwrap();
    statement.bind(3, &(&"žluť", &OracleType::Varchar2(20))).unwrap();
    statement.bind(4, &"ñ").unwrap();
    statement.bind(5, &(&"ab", &OracleType::Char(5))).unwrap();
    statement.bind(6, &(&stamp, &OracleType::Date)).unwrap();
    statement.bind(7, &(&stamp, &OracleType::Timestamp(6))).unwrap();
    statement.bind(8, &(&zoned, &OracleType::TimestampTZ(6))).unwrap();
    statement.bind(9, &vec![1u8, 255]).unwrap();
    statement.bind(10, &(&"x".repeat(40_000), &OracleType::CLOB)).unwrap();
    statement.bind(11, &1.5f64).unwrap();
    statement.execute(&[]).unwrap();
    assert_eq!(statement.row_count().unwrap(), 1);
    let row = connection.query_row("SELECT * FROM v", &[]).unwrap();
    assert_eq!(row.get::<_, String>("N").unwrap(), "-1234567890123456789.012");
    assert_eq!(row.get::<_, String>("P").unwrap(), "1.01");
    assert_eq!(row.get::<_, String>("V").unwrap(), "žluť");
    assert_eq!(row.get::<_, String>("C").unwrap(), "ab   ");
    assert_eq!(row.get::<_, Timestamp>("D").unwrap(), Timestamp::new(2024, 2, 29, 13, 14, 15, 0).unwrap());
    assert_eq!(row.get::<_, Timestamp>("T").unwrap(), stamp);
    assert_eq!(row.get::<_, Timestamp>("Z").unwrap(), zoned);
    assert_eq!(row.get::<_, Vec<u8>>("R").unwrap(), [1, 255]);
    assert_eq!(row.get::<_, String>("L").unwrap().len(), 40_000);
    assert_eq!(row.get::<_, f64>("F").unwrap(), 1.5);
    let mut statement = connection.statement("SELECT l FROM v").lob_locator().build().unwrap();
    let mut lob: Clob = statement.query_row_as(&[]).unwrap();
    let mut text = String::new();
    lob.read_to_string(&mut text).unwrap();
    assert_eq!(text.len(), 40_000);
    let types: Vec<String> = row.column_info().iter().map(|c| c.oracle_type().to_string()).collect();
    assert_eq!(
        types[..7],
        ["NUMBER(0,-127)", "NUMBER(10,2)", "VARCHAR2(20)", "NVARCHAR2(20)", "CHAR(5)", "DATE", "TIMESTAMP"]
            .map(|t| if t == "NUMBER(0,-127)" { "NUMBER" } else { t })
    );
    // NULLs, with the bare type.
    connection
        .execute(
            "UPDATE v SET n = :1, v = :2, d = :3",
            &[&number, &OracleType::Varchar2(1), &OracleType::Date],
        )
        .unwrap();
    assert_eq!(texts(&connection, "SELECT n, v, d FROM v"), [None, None, None]);
}

#[test]
fn arrays_tell_their_rows_and_errors() {
    let connection = his(&database());
    run(&connection, "CREATE TABLE t (k VARCHAR2(10) PRIMARY KEY, n NUMBER(3) NOT NULL)");
    let merge = "MERGE INTO \"HIS\".\"T\" t USING (SELECT :1 AS \"K\", :2 AS \"N\" FROM DUAL) s ON (t.\"K\" = s.\"K\") \
                 WHEN MATCHED THEN UPDATE SET \"N\" = s.\"N\" WHEN NOT MATCHED THEN INSERT (\"K\", \"N\") VALUES (s.\"K\", s.\"N\")";
    let mut batch = connection.batch(merge, 100).with_batch_errors().with_row_counts().build().unwrap();
    batch.set(1, &OracleType::Varchar2(10)).unwrap();
    for (key, number) in [("a", Some(1)), ("b", None), ("a", Some(2)), ("c", Some(1000))] {
        batch.append_row(&[&key, &number]).unwrap();
    }
    let error = batch.execute().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BatchErrors);
    let seen: Vec<(u32, i32)> =
        error.batch_errors().unwrap().iter().map(|e| (e.offset(), e.code())).collect();
    assert_eq!(seen, [(1, 1400), (3, 1438)]);
    assert_eq!(batch.row_counts().unwrap(), [1, 0, 1, 0]);
    drop(batch);
    connection.commit().unwrap();
    assert_eq!(texts(&connection, "SELECT k, n FROM t"), [Some("a".to_owned()), Some("2".to_owned())]);
    let many: Vec<String> = (0..500).map(|i| format!("k{i}")).collect();
    let mut batch = connection.batch(merge, 500).with_batch_errors().with_row_counts().build().unwrap();
    batch.set(1, &OracleType::Varchar2(10)).unwrap();
    for key in &many {
        batch.append_row(&[key, &1]).unwrap();
    }
    batch.execute().unwrap();
    assert_eq!(batch.row_counts().unwrap().iter().sum::<u64>(), 500);
    assert!(texts(&admin_of(&connection), "SELECT reason FROM buktor_scans").is_empty());
}

fn admin_of(connection: &Connection) -> Connection {
    let name: String =
        connection.query_row_as("SELECT SYS_CONTEXT('USERENV', 'DB_NAME') FROM DUAL", &[]).unwrap();
    admin(&name)
}

#[test]
fn a_text_that_is_bound_without_its_type_scans() {
    let connection = his(&database());
    run(&connection, "CREATE TABLE t (k VARCHAR2(10) PRIMARY KEY, d DATE, CONSTRAINT d_uk UNIQUE (d))");
    connection.query("SELECT 1 FROM t WHERE k = :1", &[&"a"]).unwrap();
    let stamp = Timestamp::new(2024, 1, 1, 0, 0, 0, 0).unwrap();
    connection.query("SELECT 1 FROM t WHERE d = :1", &[&stamp]).unwrap();
    let scans = texts(&admin_of(&connection), "SELECT column_name, reason FROM buktor_scans ORDER BY 1");
    assert_eq!(scans, ["D", "TIMESTAMP", "K", "NVARCHAR2"].map(|s| Some(s.to_owned())));
}

#[test]
fn rows_that_were_made_tell_their_keys() {
    let connection = his(&database());
    run(
        &connection,
        "CREATE TABLE t (id NUMBER(9) GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name VARCHAR2(9))",
    );
    let statement = connection
        .execute("INSERT INTO t (name) VALUES (:1) RETURNING id INTO :2", &[&"a", &OracleType::Varchar2(40)]);
    assert_eq!(statement.unwrap().returned_values::<_, String>(2).unwrap(), ["1"]);
    let none = connection
        .execute("UPDATE t SET name = 'b' WHERE id = 5 RETURNING id INTO :1", &[&OracleType::Number(0, 0)]);
    assert!(none.unwrap().returned_values::<_, String>(1).unwrap().is_empty());
    run(
        &connection,
        "CREATE PROCEDURE p (a IN VARCHAR2, b OUT NUMBER) AS BEGIN INSERT INTO t (name) VALUES (a) RETURNING id INTO b; END;",
    );
    let statement = connection.execute("BEGIN p(:1, :2); END;", &[&"c", &OracleType::Number(0, 0)]).unwrap();
    assert_eq!(statement.bind_value::<_, String>(2).unwrap(), "2");
}

#[test]
fn calls_end_when_their_time_is_up() {
    let name = database();
    let (holder, connection) = (his(&name), his(&name));
    run(&holder, "CREATE TABLE t (id NUMBER PRIMARY KEY)");
    run(&holder, "INSERT INTO t VALUES (1)");
    holder.commit().unwrap();
    run(&holder, "DELETE FROM t");
    connection.set_call_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = connection.execute("DELETE FROM t", &[]).unwrap_err();
    assert_eq!((error.dpi_code(), error.oci_code()), (Some(1067), None), "{error}");
    connection.set_call_timeout(None).unwrap();
    connection.ping().unwrap();
    let connection = Arc::new(connection);
    let other = connection.clone();
    let breaker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        other.break_execution().unwrap();
    });
    assert_eq!(code(connection.execute("DELETE FROM t", &[])), 1013);
    breaker.join().unwrap();
    connection.rollback().unwrap();
    holder.rollback().unwrap();
    assert_eq!(texts(&connection, "SELECT id FROM t"), [Some("1".to_owned())]);
}

/// Passes bytes on until it is told to cut or to swallow them.
struct Proxy {
    port: u16,
    cut: Arc<AtomicBool>,
    deaf: Arc<AtomicBool>,
}

fn proxy(to: String) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, deaf) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let all = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    let proxy = Proxy { port, cut: cut.clone(), deaf: deaf.clone() };
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(&to).unwrap();
            for (mut from, mut into) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server.try_clone().unwrap(), client.try_clone().unwrap()),
            ] {
                let (cut, deaf) = (cut.clone(), deaf.clone());
                thread::spawn(move || {
                    from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                    let mut bytes = [0; 4096];
                    while !cut.load(Ordering::SeqCst) {
                        match from.read(&mut bytes) {
                            Ok(0) => break,
                            Ok(n) if !deaf.load(Ordering::SeqCst) && into.write_all(&bytes[..n]).is_err() => {
                                break;
                            }
                            _ => {}
                        }
                    }
                    from.shutdown(std::net::Shutdown::Both).ok();
                    into.shutdown(std::net::Shutdown::Both).ok();
                });
            }
            all.lock().unwrap().extend([client, server]);
        }
    });
    proxy
}

#[test]
fn a_lost_connection_is_told() {
    let name = database();
    let lost = proxy(server());
    let connection = connect_to(&format!("//127.0.0.1:{}/{name}", lost.port), "his", "secret").unwrap();
    run(&connection, "CREATE TABLE t (id NUMBER)");
    run(&connection, "INSERT INTO t VALUES (1)");
    lost.cut.store(true, Ordering::SeqCst);
    thread::sleep(Duration::from_millis(100));
    let error = connection.commit().unwrap_err();
    assert_eq!(error.dpi_code(), Some(1080), "{error}");
    assert!(error.to_string().contains("ORA-03113"), "{error}");
    assert_eq!(connection.ping().unwrap_err().dpi_code(), Some(1010));
    assert!(texts(&his(&name), "SELECT id FROM t").is_empty());
    // A network that swallows everything: the call's time ends it, and the connection is of no more use.
    let deaf = proxy(server());
    let connection = connect_to(&format!("//127.0.0.1:{}/{name}", deaf.port), "his", "secret").unwrap();
    connection.set_call_timeout(Some(Duration::from_millis(300))).unwrap();
    deaf.deaf.store(true, Ordering::SeqCst);
    let started = Instant::now();
    let error = connection.execute("INSERT INTO t VALUES (2)", &[]).unwrap_err();
    assert_eq!(error.dpi_code(), Some(1067), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(connection.ping().unwrap_err().dpi_code(), Some(1080));
}

#[test]
fn killed_sessions_and_faults_have_their_numbers() {
    let name = database();
    let (connection, admin) = (his(&name), admin(&name));
    run(&connection, "CREATE TABLE t (id NUMBER)");
    let session: String = admin
        .query_row_as("SELECT sid || ',' || serial# FROM v$session WHERE username = :1", &[&"HIS"])
        .unwrap();
    run(&admin, &format!("ALTER SYSTEM KILL SESSION '{session}' IMMEDIATE"));
    thread::sleep(Duration::from_millis(200));
    let error = connection.execute("INSERT INTO t VALUES (1)", &[]).unwrap_err();
    assert!(error.to_string().contains("ORA-00028"), "{error}");
    let connection = his(&name);
    run(&admin, "BEGIN BUKTOR_FAULT.FAIL('INSERT%', 1653, NULL); BUKTOR_FAULT.DROP_AFTER_COMMIT; END;");
    assert_eq!(code(connection.execute("INSERT INTO t VALUES (1)", &[])), 1653);
    run(&connection, "INSERT INTO t VALUES (2)");
    assert_eq!(code(connection.commit()), 1080);
    assert_eq!(texts(&his(&name), "SELECT id FROM t"), [Some("2".to_owned())]);
}

/// What is set for a whole process is tried in one of its own.
fn in_a_process_of_its_own(test: &str, settings: &[(&str, &str)]) -> bool {
    if env::var_os("DOUBLE_CHILD").is_some() {
        return false;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("DOUBLE_CHILD", "1").envs(settings.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

#[test]
fn an_old_client_has_no_time_outs_and_no_row_counts() {
    if in_a_process_of_its_own(
        "an_old_client_has_no_time_outs_and_no_row_counts",
        &[("BUKTOR_OCI_CLIENT_VERSION", "11.2.0.4.0")],
    ) {
        return;
    }
    let connection = his(&database());
    run(&connection, "CREATE TABLE t (id NUMBER PRIMARY KEY, d TIMESTAMP, l CLOB)");
    assert_eq!(code(connection.set_call_timeout(Some(Duration::from_secs(1)))), 1050);
    let mut batch =
        connection.batch("INSERT INTO t (id, l) VALUES (:1, :2)", 10).with_batch_errors().build().unwrap();
    for id in [1, 1, 2] {
        batch.append_row(&[&id, &"text"]).unwrap();
    }
    let error = batch.execute().unwrap_err();
    assert_eq!(error.batch_errors().unwrap().iter().map(|e| e.offset()).collect::<Vec<_>>(), [1]);
    assert_eq!(texts(&connection, "SELECT id, l FROM t ORDER BY id").len(), 4);
    let statement =
        connection.execute("INSERT INTO t (id) VALUES (9) RETURNING id INTO :1", &[&OracleType::Varchar2(9)]);
    assert_eq!(statement.unwrap().returned_values::<_, String>(1).unwrap(), ["9"]);
}

#[test]
fn a_client_that_is_too_old_is_refused() {
    if in_a_process_of_its_own(
        "a_client_that_is_too_old_is_refused",
        &[("BUKTOR_OCI_CLIENT_VERSION", "10.2.0.1.0")],
    ) {
        return;
    }
    let folder = env::var("BUKTOR_TEST_OCI_DOUBLE").unwrap();
    assert_eq!(code(InitParams::new().oracle_client_lib_dir(folder).unwrap().init()), 1050);
}

#[test]
fn aliases_are_found() {
    let name = database();
    let folder = env::temp_dir().join(format!("double-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let server = server();
    let (host, port) = server.split_once(':').unwrap();
    let entry = format!(
        "# a hospital's\nOTHER = (DESCRIPTION = (ADDRESS = (HOST = 127.0.0.1)(PORT = 1))(CONNECT_DATA = (SID = x)))\nHIS.WORLD, HIS =\n  (DESCRIPTION =\n    (ADDRESS_LIST =\n      \
         (ADDRESS = (PROTOCOL = TCP)(HOST = 127.0.0.1)(PORT = 1))\n      (ADDRESS = (PROTOCOL = TCP)(HOST = {host})(PORT = {port})))\n    \
         (CONNECT_DATA = (SERVICE_NAME = {name})))\n"
    );
    std::fs::write(folder.join("tnsnames.ora"), entry).unwrap();
    let settings = [("TNS_ADMIN", folder.to_str().unwrap())];
    if in_a_process_of_its_own("aliases_are_found", &settings) {
        std::fs::remove_dir_all(folder).unwrap();
        return;
    }
    std::fs::remove_dir_all(folder).unwrap();
    let found = env::var("TNS_ADMIN").unwrap();
    assert!(found.contains("double-"));
    let connected = connect_to("his", "his", "secret");
    assert_eq!(code(connected.and_then(|c| c.ping())), 0);
    assert_eq!(code(connect_to("nowhere", "his", "secret")), 12154);
    assert_eq!(code(connect_to("other", "his", "secret")), 12541);
}
