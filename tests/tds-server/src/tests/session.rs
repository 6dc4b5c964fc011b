//! Logins, TLS, transactions, locks, attentions.

use std::time::{Duration, Instant};

use tiberius::{AuthMethod, EncryptionLevel};

use super::{number, open, outcome, run, show, start};
use crate::TlsMode;

#[tokio::test]
async fn the_tls_ladder() {
    use EncryptionLevel::{NotSupported, Off, On, Required};
    for (mode, level, expected) in [
        (TlsMode::Off, NotSupported, Some("FALSE")),
        (TlsMode::Off, Required, None),
        (TlsMode::Login, Off, Some("FALSE")),
        (TlsMode::Login, Required, None),
        (TlsMode::Login, NotSupported, Some("FALSE")),
        (TlsMode::On, Required, Some("TRUE")),
        (TlsMode::On, On, Some("TRUE")),
        (TlsMode::On, Off, Some("FALSE")),
        (TlsMode::Require, Required, Some("TRUE")),
        (TlsMode::Require, Off, Some("TRUE")),
        (TlsMode::Require, NotSupported, None),
        (TlsMode::Old, Required, None),
        (TlsMode::Old, Off, None),
        (TlsMode::Old, NotSupported, Some("FALSE")),
        (TlsMode::OldClose, Off, None),
    ] {
        let fixture = start(|o| o.tls = mode).await;
        let mut config = fixture.config();
        config.encryption(level);
        let found = match open(config).await {
            Ok(mut db) => {
                let big = "x".repeat(100_000);
                let echoed =
                    db.query("SELECT @P1", &[&big]).await.unwrap().into_row().await.unwrap().unwrap();
                assert_eq!(echoed.get::<&str, _>(0), Some(big.as_str()));
                Some(
                    show(
                        &mut db,
                        "SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID",
                    )
                    .await,
                )
            }
            Err(_) => None,
        };
        assert_eq!(found.as_deref(), expected, "{mode:?} {level:?}");
    }
}

#[tokio::test]
async fn logins_are_refused_by_number() {
    let fixture = start(|_| {}).await;
    let refused = |change: fn(&mut tiberius::Config)| {
        let mut config = fixture.config();
        change(&mut config);
        async move { open(config).await.err().and_then(|e| e.code()) }
    };
    assert_eq!(refused(|c| c.authentication(AuthMethod::sql_server("sa", "wrong"))).await, Some(18_456));
    assert_eq!(refused(|c| c.authentication(AuthMethod::sql_server("nobody", "x"))).await, Some(18_456));
    assert_eq!(refused(|c| c.database("nothing")).await, Some(4060));
    let mut db = fixture.connect().await;
    run(&mut db, "EXEC buktor_test_lock_login N'sa'").await;
    assert_eq!(refused(|_| {}).await, Some(18_486));
    run(&mut db, "EXEC buktor_test_lock_login N'sa', 0; EXEC buktor_test_refuse_logins 18452").await;
    assert_eq!(refused(|_| {}).await, Some(18_452));
    run(&mut db, "EXEC buktor_test_allow_logins").await;
    assert_eq!(refused(|_| {}).await, None);
}

#[tokio::test]
async fn transactions_by_text() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(3))").await;
    run(&mut db, "BEGIN TRANSACTION").await;
    run(&mut db, "INSERT INTO t VALUES (1, 'a')").await;
    assert_eq!(show(&mut db, "SELECT @@TRANCOUNT, XACT_STATE()").await, "1|1");
    let mut other = fixture.connect().await;
    assert_eq!(show(&mut other, "SELECT COUNT(*) FROM t").await, "0");
    run(&mut db, "COMMIT").await;
    assert_eq!(show(&mut other, "SELECT COUNT(*) FROM t").await, "1");
    run(&mut db, "BEGIN TRAN; DELETE FROM t; IF @@TRANCOUNT > 0 ROLLBACK").await;
    assert_eq!(show(&mut db, "SELECT COUNT(*), @@TRANCOUNT FROM t").await, "1|0");
    assert_eq!(number(&mut db, "COMMIT").await, 3902);
    assert_eq!(number(&mut db, "ROLLBACK").await, 3903);
    // XACT_ABORT OFF: the statement alone is undone.
    run(&mut db, "BEGIN TRAN; INSERT INTO t VALUES (2, 'b')").await;
    assert_eq!(number(&mut db, "INSERT INTO t VALUES (3, 'c'), (1, 'x')").await, 2627);
    assert_eq!(show(&mut db, "SELECT COUNT(*), @@TRANCOUNT FROM t").await, "2|1");
    // A conversion takes the transaction along even so.
    assert_eq!(number(&mut db, "INSERT INTO t (id) VALUES ('x'); INSERT INTO t VALUES (9, 'z')").await, 245);
    assert_eq!(show(&mut db, "SELECT COUNT(*), @@TRANCOUNT FROM t").await, "1|0");
    run(&mut db, "SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO t VALUES (2, 'b')").await;
    assert_eq!(number(&mut db, "INSERT INTO t VALUES (1, 'x'); INSERT INTO t VALUES (9, 'z')").await, 2627);
    assert_eq!(show(&mut db, "SELECT COUNT(*), @@TRANCOUNT FROM t").await, "1|0");
    // What a procedure of the server begins must end in it.
    let error = db.execute("BEGIN TRANSACTION", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(266));
    run(&mut db, "IF @@TRANCOUNT > 0 ROLLBACK").await;
    run(&mut db, "BEGIN TRAN; SAVE TRAN p; DELETE FROM t; ROLLBACK TRAN p; COMMIT").await;
    assert_eq!(show(&mut db, "SELECT COUNT(*) FROM t").await, "1");
}

#[tokio::test]
async fn counts_and_nocount() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)").await;
    let done = db.execute("INSERT INTO t VALUES (@P1), (@P2)", &[&1i32, &2i32]).await.unwrap();
    assert_eq!(done.rows_affected(), [2]);
    let done = db
        .execute("UPDATE t SET id = id WHERE id > @P1; DELETE FROM t WHERE id = 1", &[&0i32])
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), [2, 1]);
    run(&mut db, "SET NOCOUNT ON").await;
    let done = db.execute("UPDATE t SET id = id", &[]).await.unwrap();
    assert_eq!(done.total(), 0);
}

#[tokio::test]
async fn a_writer_waits_for_a_writer() {
    let fixture = start(|_| {}).await;
    let (mut a, mut b) = (fixture.connect().await, fixture.connect().await);
    run(&mut a, "CREATE TABLE t (id int NOT NULL PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    run(&mut a, "BEGIN TRAN; UPDATE t SET id = 2").await;
    let begun = Instant::now();
    assert_eq!(number(&mut b, "SET LOCK_TIMEOUT 300; UPDATE t SET id = 3").await, 1222);
    assert!(begun.elapsed() >= Duration::from_millis(290));
    assert_eq!(number(&mut b, "SELECT * FROM t WITH (UPDLOCK)").await, 1222);
    assert_eq!(show(&mut b, "SELECT id FROM t").await, "1");
    run(&mut a, "COMMIT").await;
    assert_eq!(show(&mut b, "SELECT id FROM t WITH (UPDLOCK)").await, "2");
    // A session that ends gives its lock back.
    run(&mut a, "BEGIN TRAN; UPDATE t SET id = 5").await;
    drop(a);
    run(&mut b, "SET LOCK_TIMEOUT 5000; UPDATE t SET id = 6").await;
    assert_eq!(show(&mut b, "SELECT id FROM t").await, "6");
}

#[tokio::test]
async fn an_attention_stops_a_wait() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, "CREATE TABLE t (id int)").await;
    let begun = Instant::now();
    {
        let waiting =
            db.simple_query("INSERT INTO t VALUES (1); WAITFOR DELAY '00:00:30'; INSERT INTO t VALUES (2)");
        assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    }
    db.cancel_query().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(show(&mut db, "SELECT id FROM t").await, "1");
}

#[tokio::test]
async fn parameters_are_counted() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    for (count, expected) in [(2098usize, 0u32), (2099, 8003)] {
        let values: Vec<i32> = (0..count as i32).collect();
        let params: Vec<&dyn tiberius::ToSql> = values.iter().map(|v| v as &dyn tiberius::ToSql).collect();
        let found = match db.execute("SELECT @P1", &params).await {
            Ok(_) => 0,
            Err(error) => error.code().unwrap_or(1),
        };
        assert_eq!(found, expected, "{count}");
    }
}

#[tokio::test]
async fn the_browser_knows_the_port() {
    use tiberius::SqlBrowser;
    let folder = tempfile::TempDir::new().unwrap();
    let mut options = super::options(&folder);
    options.browser = Some(([127, 0, 0, 1], 0).into());
    options.instance = "KIS".into();
    let bound = crate::bind(&options).await.unwrap();
    let (address, browser) = (bound.address().unwrap(), bound.browser_address().unwrap());
    tokio::spawn(bound.serve());
    let mut config = tiberius::Config::new();
    config.host("127.0.0.1");
    config.port(browser.port());
    config.instance_name("kis");
    let socket = tokio::net::TcpStream::connect_named(&config).await.unwrap();
    assert_eq!(socket.peer_addr().unwrap(), address);
    config.instance_name("other");
    assert!(tokio::net::TcpStream::connect_named(&config).await.is_err());
}

#[tokio::test]
async fn kill_ends_a_session() {
    let fixture = start(|_| {}).await;
    let (mut a, mut b) = (fixture.connect().await, fixture.connect().await);
    let spid = show(&mut b, "SELECT @@SPID").await;
    run(&mut a, &format!("KILL {spid}")).await;
    assert!(outcome(&mut b, "SELECT 1").await.is_err());
    assert_eq!(number(&mut a, "KILL 9999").await, 6106);
}
