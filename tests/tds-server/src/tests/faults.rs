//! The faults that tests ask for, and a server that is started again.

use std::time::{Duration, Instant};

use super::{number, options, outcome, run, show, start};

#[tokio::test]
async fn a_commit_is_cut_before_or_after() {
    let fixture = start(|_| {}).await;
    let mut other = fixture.connect().await;
    run(&mut other, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)").await;
    for (fault, rows) in [("next_commit_drop_before", "0"), ("next_commit_then_drop", "1")] {
        let mut db = fixture.connect().await;
        run(&mut db, "BEGIN TRAN; INSERT INTO t VALUES (1)").await;
        run(&mut db, &format!("EXEC buktor_test_fault N'{fault}'")).await;
        let error = outcome(&mut db, "COMMIT").await.unwrap_err();
        assert!(error.code().is_none(), "{error}");
        assert_eq!(show(&mut other, "SELECT COUNT(*) FROM t").await, rows, "{fault}");
    }
}

#[tokio::test]
async fn statements_fail_wait_and_drop() {
    let fixture = start(|_| {}).await;
    let (mut db, mut other) = (fixture.connect().await, fixture.connect().await);
    run(&mut db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)").await;
    run(&mut other, "EXEC buktor_test_fail N'INSERT INTO t%', 1105, 17, 2").await;
    assert_eq!(number(&mut db, "INSERT INTO t VALUES (1)").await, 1105);
    assert_eq!(number(&mut db, "INSERT INTO t VALUES (1)").await, 1105);
    assert_eq!(number(&mut db, "INSERT INTO t VALUES (1)").await, 0);
    run(&mut other, "EXEC buktor_test_deadlock N'UPDATE%'").await;
    assert_eq!(number(&mut db, "BEGIN TRAN; UPDATE t SET id = 5").await, 1205);
    assert_eq!(show(&mut db, "SELECT @@TRANCOUNT").await, "0");
    run(&mut other, "EXEC buktor_test_delay N'SELECT%', 300").await;
    let begun = Instant::now();
    run(&mut db, "SELECT 1").await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    run(&mut other, "EXEC buktor_test_drop N'DELETE%'").await;
    assert!(outcome(&mut db, "DELETE FROM t").await.unwrap_err().code().is_none());
    assert_eq!(show(&mut other, "SELECT COUNT(*) FROM t").await, "1");
    let mut db = fixture.connect().await;
    run(&mut db, "EXEC buktor_test_kill_others").await;
    assert!(outcome(&mut other, "SELECT 1").await.is_err());
    run(&mut db, "EXEC buktor_test_reset").await;
}

#[tokio::test]
async fn scans_are_noted() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, "CREATE TABLE t (code varchar(10) NOT NULL PRIMARY KEY, n int)").await;
    db.execute("UPDATE t SET n = 1 WHERE code = CAST(@P1 AS varchar(10))", &[&"a"]).await.unwrap();
    assert_eq!(show(&mut db, "EXEC buktor_test_scans").await, "");
    db.execute("UPDATE t SET n = 1 WHERE code = @P1", &[&"a"]).await.unwrap();
    assert_eq!(show(&mut db, "EXEC buktor_test_scans").await, "UPDATE t SET n = 1 WHERE code = @P1");
    assert_eq!(show(&mut db, "EXEC buktor_test_scans").await, "");
}

#[tokio::test]
async fn what_was_committed_is_there_again() {
    let folder = tempfile::TempDir::new().unwrap();
    for round in 0..2 {
        let bound = crate::bind(&options(&folder)).await.unwrap();
        let fixture =
            super::Fixture { address: bound.address().unwrap(), folder: tempfile::TempDir::new().unwrap() };
        let server = tokio::spawn(bound.serve());
        let mut db = fixture.connect().await;
        if round == 0 {
            run(&mut db, "CREATE TABLE t (id int IDENTITY(5,1) PRIMARY KEY, v varchar(5)); INSERT INTO t (v) VALUES ('a')").await;
            run(&mut db, "BEGIN TRAN; INSERT INTO t (v) VALUES ('lost')").await;
        } else {
            run(&mut db, "INSERT INTO t (v) VALUES ('b')").await;
            let found = show(&mut db, "SELECT id, v FROM t ORDER BY id").await;
            assert!(found == "5|a;6|b" || found == "5|a;7|b", "{found}");
        }
        assert!(fixture.folder.path().exists());
        server.abort();
    }
}
