//! What T-SQL is and is not.

use super::{check_all, run, show, start};

#[tokio::test]
async fn other_dialects_are_refused() {
    let fixture = start(|_| {}).await;
    run(
        &mut fixture.connect().await,
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'a')",
    )
    .await;
    check_all(
        &fixture,
        &[
            ("SELECT * FROM t LIMIT 1", "error 102"),
            ("SELECT * FROM t ORDER BY id LIMIT 1", "error 102"),
            ("SELECT * FROM `t`", "error 102"),
            ("SELECT 'a' || 'b'", "error 102"),
            ("SELECT * FROM t WHERE id = ?", "error 102"),
            ("SELECT * FROM t WHERE id = :1", "error 102"),
            ("SELECT TRUE", "error 207"),
            ("SELECT NOW()", "error 195"),
            ("SELECT 1 FROM DUAL", "error 208"),
            ("INSERT INTO t VALUES (2, 'b') RETURNING id", "error 102"),
            ("INSERT INTO t VALUES (2, 'b') ON DUPLICATE KEY UPDATE v = 'b'", "error 156"),
            ("INSERT INTO t VALUES (2, 'b') ON CONFLICT DO NOTHING", "error 156"),
            ("INSERT IGNORE INTO t VALUES (2, 'b')", "error 156"),
            ("REPLACE INTO t VALUES (2, 'b')", "error 102"),
            ("CREATE TABLE IF NOT EXISTS u (id int)", "error 156"),
            ("SELECT * FROM t FOR UPDATE", "error 156"),
            ("SELECT * FROM t FETCH FIRST 1 ROWS ONLY", "error 156"),
            ("SELECT id = 1 AND 2 FROM t", "error 156"),
            ("SELECT (id = 1) FROM t", "error 102"),
            ("SELECT id > 1 FROM t", "error 102"),
            ("SELECT * FROM t WHERE id", "error 4145"),
            ("SELECT * FROM t WHERE 1", "error 4145"),
            ("SET QUOTED_IDENTIFIER OFF; SELECT * FROM \"t\"", "error 102"),
            ("SET QUOTED_IDENTIFIER OFF; SELECT \"x\"", "x"),
            ("SELECT \"id\" FROM \"t\"", "1"),
            ("SELECT 1 WITH c AS (SELECT 1 AS x) SELECT x FROM c", "error 319"),
            ("SELECT 1; WITH c AS (SELECT 2 AS x) SELECT x FROM c", "1;2"),
            ("UPDATE t AS x SET v = 'b'", "error 156"),
            ("START TRANSACTION", "error 102"),
            ("BEGIN", "error 102"),
            (
                "MERGE t USING (VALUES (1)) AS s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 'm'",
                "error 10713",
            ),
            ("SELECT @x", "error 137"),
            ("SELECT @@nothing", "error 137"),
            ("DECLARE @x int; DECLARE @x int", "error 134"),
            ("SELECT nothing FROM t", "error 207"),
            ("SELECT x.id FROM t", "error 4104"),
            ("SELECT * FROM nothing", "error 208"),
            ("EXEC nothing", "error 2812"),
            ("SELECT id, COUNT(*) FROM t", "error 8120"),
            ("SELECT * FROM (SELECT 1) AS x", "error 8155"),
            ("INSERT INTO t (id) VALUES (1, 2)", "error 110"),
            ("INSERT INTO t (id, v) VALUES (1)", "error 109"),
            ("INSERT INTO t VALUES (1)", "error 213"),
            ("SELECT 'unclosed", "error 105"),
            ("SELECT * FROM t WITH (NONSENSE)", "error 321"),
            ("SET LOCK_TIMEOUT 5000, NOCOUNT ON", "error 102"),
            ("SET NOCOUNT ON, LOCK_TIMEOUT 5000", "error 102"),
            ("SET NONSENSE ON", "error 195"),
            ("SELECT 1 AS a UNION SELECT 1, 2", "error 205"),
            ("DELETE FROM t LIMIT 1", "error 102"),
            ("SELECT GETDATE(1)", "error 174"),
            ("SELECT LEN()", "error 174"),
        ],
    )
    .await;
}

#[tokio::test]
async fn t_sql_runs() {
    let fixture = start(|_| {}).await;
    run(
        &mut fixture.connect().await,
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(10), n int); INSERT INTO t VALUES (1, 'a', 5), (2, 'b', NULL), (3, 'c', 7);
         CREATE TABLE u (id int, w nvarchar(5)); INSERT u (id, w) VALUES (1, N'x'), (1, N'y'), (4, N'z')",
    )
    .await;
    check_all(
        &fixture,
        &[
            ("DECLARE @n int; SET @n = 3; SET @n += 2; SELECT @n AS n", "5"),
            ("DECLARE @n int = 3, @s nvarchar(2) = N'abc'; IF @n = 3 SELECT @s ELSE SELECT 'no'", "ab"),
            ("DECLARE @i int = 0; WHILE @i < 3 BEGIN SET @i = @i + 1; IF @i = 2 BREAK END SELECT @i", "2"),
            ("SELECT TOP (2) id FROM t ORDER BY id DESC", "3;2"),
            ("SELECT TOP 1 v FROM t ORDER BY n", "b"),
            ("SELECT id FROM t ORDER BY id OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", "2"),
            ("SELECT t.id, u.w FROM t LEFT JOIN u ON u.id = t.id ORDER BY t.id, u.w", "1|x;1|y;2|NULL;3|NULL"),
            ("SELECT a.id, b.id FROM t a CROSS JOIN u b WHERE a.id = 1 ORDER BY 2", "1|1;1|1;1|4"),
            ("SELECT COUNT(*), COUNT(n), SUM(n), MIN(v), MAX(n), AVG(n) FROM t", "3|2|12|a|7|6"),
            ("SELECT v, COUNT(*) AS c FROM t GROUP BY v HAVING COUNT(*) > 0 ORDER BY v", "a|1;b|1;c|1"),
            ("SELECT id FROM t WHERE v IN ('A', 'C') AND n BETWEEN 1 AND 10 ORDER BY id", "1;3"),
            ("SELECT id FROM t WHERE n IS NULL OR v LIKE '[a-b]' ORDER BY id", "1;2"),
            ("SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.id = t.id) ORDER BY id", "2;3"),
            ("SELECT id FROM t WHERE id NOT IN (SELECT id FROM u) ORDER BY id", "2;3"),
            ("SELECT id FROM t WHERE EXISTS (SELECT t.id, t.v INTERSECT SELECT 1, 'a')", "1"),
            ("SELECT x.a, x.b FROM (VALUES (1, 'p'), (2, NULL)) AS x (a, b) ORDER BY x.a", "1|p;2|NULL"),
            ("SELECT id FROM t UNION SELECT id FROM u ORDER BY id", "1;2;3;4"),
            ("SELECT CASE id WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE NULL END FROM t ORDER BY id", "one;two;NULL"),
            ("UPDATE t SET n = 1 WHERE id > 1; SELECT @@ROWCOUNT, @@ROWCOUNT", "2|2"),
            ("UPDATE a SET n = s.n, v = s.v FROM t AS a JOIN (VALUES (1, 10, 'z'), (9, 9, 'q')) AS s (id, n, v) ON s.id = a.id; SELECT @@ROWCOUNT; SELECT id, v, n FROM t WHERE id = 1", "1;1|z|10"),
            ("UPDATE t WITH (UPDLOCK, SERIALIZABLE) SET v = CAST(N'u' AS varchar(10)) WHERE id = 77; DECLARE @n int; SET @n = @@ROWCOUNT; IF @n = 0 INSERT INTO t (id, v) VALUES (77, 'new'); SELECT @n", "0"),
            ("MERGE t WITH (HOLDLOCK, UPDLOCK) AS d USING (VALUES (1, 'm'), (50, 'i')) AS s (id, v) ON d.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v); SELECT @@ROWCOUNT; SELECT id, v FROM t WHERE id IN (1, 50) ORDER BY id", "2;1|m;50|i"),
            ("MERGE t AS d USING (VALUES (1, 'm'), (1, 'i')) AS s (id, v) ON d.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v;", "error 8672"),
            ("DELETE FROM t WHERE id = 50; SELECT @@ROWCOUNT", "1"),
            ("DELETE d FROM t AS d JOIN u ON u.id = d.id; SELECT COUNT(*) FROM t", "3"),
            ("INSERT INTO t (id, v) OUTPUT inserted.id, inserted.v VALUES (90, 'o')", "90|o"),
            ("DECLARE @out TABLE (id int); INSERT INTO t (id) OUTPUT inserted.id INTO @out VALUES (91); SELECT id FROM @out", "91"),
            ("UPDATE t SET v = 'q' OUTPUT deleted.v, inserted.v WHERE id = 90", "o|q"),
            ("DELETE FROM t OUTPUT deleted.id WHERE id IN (90, 91)", "90;91"),
            ("SELECT name, is_identity FROM sys.columns WHERE object_id = OBJECT_ID(N'dbo.t') ORDER BY column_id", "id|false;v|false;n|false"),
            ("SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'U' ORDER BY ORDINAL_POSITION", "u|id|int;u|w|nvarchar"),
            ("SELECT DB_NAME(), SCHEMA_NAME(), SUSER_SNAME(), ORIGINAL_LOGIN(), @@TRANCOUNT, XACT_STATE()", "his|dbo|sa|sa|0|0"),
            ("SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(30)), SERVERPROPERTY('EngineEdition')", "14.0.3480.1|3"),
            ("EXEC sp_executesql N'SELECT @a + @b', N'@a int, @b int', @a = 1, @b = 2", "3"),
            ("EXEC sp_executesql N'SET @b = @a * 2', N'@a int, @b int OUTPUT', 4", "error 8178"),
            ("DECLARE @r int; EXEC sp_executesql N'SET @b = @a * 2', N'@a int, @b int OUTPUT', 4, @r OUTPUT; SELECT @r", "8"),
            ("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_MESSAGE() END CATCH", "8134|Divide by zero error encountered."),
            ("SELECT ROW_NUMBER() OVER (ORDER BY id) FROM t WHERE id < 4", "1;2"),
            ("SELECT name, compatibility_level FROM sys.databases WHERE name = DB_NAME()", "his|140"),
            ("USE other; SELECT DB_NAME()", "other"),
        ],
    )
    .await;
}

#[tokio::test]
async fn ten_thousand_characters_and_a_thousand_rows() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, "CREATE TABLE big (id int NOT NULL PRIMARY KEY, v nvarchar(max))").await;
    let rows: Vec<String> = (0..1000).map(|i| format!("({i}, N'{}')", "ü".repeat(50))).collect();
    run(&mut db, &format!("INSERT INTO big VALUES {}", rows.join(","))).await;
    assert_eq!(show(&mut db, "SELECT COUNT(*), SUM(LEN(v)) FROM big").await, "1000|50000");
    let rows: Vec<String> = (0..1001).map(|i| format!("({i}, N'')")).collect();
    assert_eq!(show(&mut db, &format!("INSERT INTO big VALUES {}", rows.join(","))).await, "error 10738");
    let all = show(&mut db, "SELECT v FROM big").await;
    assert_eq!(all.chars().count(), 1000 * 51 - 1);
}
