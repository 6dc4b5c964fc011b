//! Values of every type, out and in again.

use tiberius::{ColumnData, ToSql};

use super::{cell, check_all, run, start};

#[tokio::test]
async fn casts_give_typed_values() {
    let fixture = start(|_| {}).await;
    check_all(
        &fixture,
        &[
            ("SELECT CAST(1 AS bit), CAST(255 AS tinyint), CAST(-32768 AS smallint), CAST(2147483647 AS int)", "true|255|-32768|2147483647"),
            ("SELECT CAST(9223372036854775807 AS bigint)", "9223372036854775807"),
            ("SELECT CAST(1.005 AS decimal(10,2)), CAST(-1.005 AS decimal(10,2)), CAST('12345678901234567890.123456789' AS decimal(38,9))", "1.01|-1.01|12345678901234567890.123456789"),
            ("SELECT CAST(1 AS decimal(5,2)) / 3", "0.333333"),
            ("SELECT 7 / 2, -7 / 2, 7 % 3, 7.0 / 2", "3|-3|1|3.500000"),
            ("SELECT 1.5 * 2, 1 + 2.25, 10 - 0.5", "3.0|3.25|9.5"),
            ("SELECT CAST(12.34567 AS money), CAST(1 AS smallmoney)", "12.3457|1"),
            ("SELECT CAST(0.1 AS float), CAST(0.1 AS real), 1e3", "0.1|0.1|1000"),
            ("SELECT CAST('abcdef' AS varchar(3)), CAST('ab' AS char(4)) + '|', CAST(N'äöü' AS nchar(2)) + N'|'", "abc|ab  ||äö|"),
            ("SELECT CAST(N'€ä中' AS varchar(10))", "€ä?"),
            ("SELECT CAST('20240229' AS date), CAST('2024-02-29' AS date), CAST('2024-02-29T10:11:12' AS datetime)", "2024-02-29|2024-02-29|2024-02-29 10:11:12"),
            ("SELECT CAST('2024-02-29T10:11:12.345' AS datetime)", "2024-02-29 10:11:12.346666666"),
            ("SELECT CONVERT(varchar(30), CAST('2024-02-29T10:11:12.345' AS datetime), 121)", "2024-02-29 10:11:12.347"),
            ("SELECT CONVERT(varchar(30), CAST('2024-02-29T23:59:59.999' AS datetime), 121)", "2024-03-01 00:00:00.000"),
            ("SELECT CAST('2024-02-29T10:11:30' AS smalldatetime), CAST('2024-02-29T10:11:29' AS smalldatetime)", "2024-02-29 10:12:00|2024-02-29 10:11:00"),
            ("SELECT CAST('2024-02-29T10:11:12.3456789' AS datetime2(3)), CAST('2024-02-29T10:11:12.3456789' AS datetime2)", "2024-02-29 10:11:12.346|2024-02-29 10:11:12.345678900"),
            ("SELECT CAST('10:11:12.3456789' AS time(0)), CAST('10:11:12.3456789' AS time)", "10:11:12|10:11:12.345678900"),
            ("SELECT CAST('2024-02-29T10:11:12+02:00' AS datetimeoffset(0))", "2024-02-29 10:11:12 +02:00"),
            ("SELECT CONVERT(varchar(40), CAST('2024-02-29T10:11:12+02:00' AS datetimeoffset(0)))", "2024-02-29 10:11:12 +02:00"),
            ("SELECT CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
            ("SELECT CAST(0x0102 AS binary(4)), CAST(0x010203 AS varbinary(2)), CAST(258 AS varbinary(4)), 0xABC", "01020000|0102|00000102|0abc"),
            ("SELECT CONVERT(varchar(20), 0x1A2B, 1), CONVERT(varbinary(8), '0x1A2B', 1)", "0x1A2B|1a2b"),
            ("SELECT CAST(1.5 AS int), CAST(-1.5 AS int), CAST(CAST(1.5 AS money) AS int), CAST('  7 ' AS int), CAST('' AS int)", "1|-1|2|7|0"),
            ("SELECT CAST(12.50 AS varchar(10)), CAST(CAST(12.5 AS money) AS varchar(10)), CAST(1.5e0 AS varchar(10)), CAST(123 AS char(2))", "12.50|12.50|1.5|* "),
            ("SELECT CAST(NULL AS int), CAST(NULL AS varchar(max)), CAST(NULL AS decimal(5,2)), CAST(NULL AS datetime), CAST(NULL AS text)", "NULL|NULL|NULL|NULL|NULL"),
            ("SELECT CAST('long' AS text), CAST(N'länger' AS ntext), CAST(0x01 AS image)", "long|länger|01"),
            ("SELECT CAST('Feb 29 2024' AS datetime), CAST('2024-02-29 10:11' AS datetime), CAST('' AS datetime)", "2024-02-29 00:00:00|2024-02-29 10:11:00|1900-01-01 00:00:00"),
            ("SELECT TRY_CAST('x' AS int), TRY_CONVERT(date, '2024-02-30')", "NULL|NULL"),
            ("SELECT LEN('ab  '), DATALENGTH('ab  '), DATALENGTH(N'ab'), LEN(N'äö')", "2|4|4|2"),
            ("SELECT 'a' + NULL, N'ä' + 'b', UPPER('aä'), REPLACE('aAb', 'a', 'x'), SUBSTRING('abc', 2, 5), LEFT('abc', 2), RIGHT('abc', 2), CHARINDEX('B', 'abc')", "NULL|äb|AÄ|xxb|bc|ab|bc|2"),
            ("SELECT QUOTENAME('a]b'), LTRIM('  a') + RTRIM('b  '), ABS(-5), ISNULL(NULL, 3), COALESCE(NULL, NULL, 'x'), NULLIF(1, 1)", "[a]]b]|ab|5|3|x|NULL"),
            ("SELECT DATEADD(month, 1, CAST('20240131' AS date)), DATEDIFF(day, '20240101', '20240301'), YEAR('20240229'), DATEPART(hour, CAST('10:30' AS time))", "2024-02-29|60|2024|10"),
            ("SELECT COLLATIONPROPERTY('Czech_CI_AS', 'CodePage')", "1250"),
            ("SELECT CASE WHEN 'abc ' = 'ABC' THEN 1 ELSE 0 END, CASE WHEN N'ß' LIKE N'%' THEN 'y' END", "1|y"),
        ],
    )
    .await;
}

#[tokio::test]
async fn wrong_values_are_errors_by_number() {
    let fixture = start(|_| {}).await;
    check_all(
        &fixture,
        &[
            ("SELECT CAST('x' AS int)", "error 245"),
            ("SELECT CAST('1.5' AS int)", "error 245"),
            ("SELECT CAST('99999999999' AS int)", "error 248"),
            ("SELECT CAST(99999999999 AS int)", "error 8115"),
            ("SELECT CAST(300 AS tinyint)", "error 220"),
            ("SELECT CAST(70000 AS smallint)", "error 220"),
            ("SELECT CAST(1e10 AS int)", "error 232"),
            ("SELECT CAST('x' AS decimal(5,2))", "error 8114"),
            ("SELECT CAST('' AS decimal(5,2))", "error 8114"),
            ("SELECT CAST(1000 AS decimal(5,2))", "error 8115"),
            ("SELECT CAST(999.995 AS decimal(5,2))", "error 8115"),
            ("SELECT CAST('x' AS float)", "error 8114"),
            ("SELECT CAST('x' AS bigint)", "error 8114"),
            ("SELECT CAST('20240230' AS date)", "error 241"),
            ("SELECT CAST('20240230' AS datetime)", "error 242"),
            ("SELECT CAST('17521231' AS datetime)", "error 242"),
            ("SELECT CAST('2024-02-29T10:11:12.3456' AS datetime)", "error 241"),
            ("SELECT CAST('2024-02-29T10:11:12Z' AS time)", "error 241"),
            ("SELECT CAST('nonsense' AS date)", "error 241"),
            ("SET DATEFORMAT dmy; SELECT CAST('2024-02-13' AS datetime)", "error 242"),
            ("SET LANGUAGE german; SELECT CAST('2024-02-13' AS date)", "2024-02-13"),
            ("SELECT CAST('zzz' AS uniqueidentifier)", "error 8169"),
            ("SELECT CAST(1 AS date)", "error 529"),
            ("SELECT 1 / 0", "error 8134"),
            ("SELECT 2147483647 + 1", "error 8115"),
            ("SELECT 1 + 'x'", "error 245"),
            ("SELECT CAST('abcdefgh' AS nvarchar(3)) + 1", "error 245"),
            ("SELECT (SELECT 1 UNION ALL SELECT 2)", "error 512"),
        ],
    )
    .await;
}

const ALL: &str = "CREATE TABLE dbo.AllTypes (id int NOT NULL PRIMARY KEY, a bit NULL, b tinyint, c smallint, d int, e bigint, f decimal(18,4), \
 g money, h smallmoney, i float, j real, k char(5), l varchar(20), m nchar(5), n nvarchar(20), o varchar(max), p nvarchar(max), \
 q text, r ntext, s image, t date, u time(3), v datetime, w smalldatetime, x datetime2(5), y datetimeoffset(2), z uniqueidentifier, \
 aa binary(4), ab varbinary(10), ac varbinary(max), ad rowversion, ae AS (d + 1) PERSISTED)";

#[tokio::test]
async fn every_type_goes_through_a_table() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, ALL).await;
    run(
        &mut db,
        "INSERT INTO AllTypes (id,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,ab,ac) VALUES (1,1,2,3,4,5,6.78901,7.5,8.25,9.5,10.5,\
         'abc','def',N'ä',N'中',REPLICATE('x',7000),N'big','tx',N'nx',0x01,'2024-02-29','10:11:12.3456','20240229 10:11:12.345',\
         '20240229 10:11','2024-02-29T10:11:12.1234567','2024-02-29T10:11:12+05:30','6F9619FF-8B86-D011-B42D-00C04FC964FF',0x01,0x0203,0x04)",
    )
    .await;
    run(&mut db, "INSERT INTO AllTypes (id) VALUES (2)").await;
    let rows = db
        .simple_query("SELECT * FROM AllTypes ORDER BY id")
        .await
        .unwrap()
        .into_first_result()
        .await
        .unwrap();
    let first: Vec<String> = rows[0].cells().map(|c| cell(c.1)).collect();
    let expected = [
        "1", "true", "2", "3", "4", "5", "6.7890", "7.5", "8.25", "9.5", "10.5", "abc  ", "def", "ä    ",
        "中",
    ];
    assert_eq!(first[..15], expected);
    assert_eq!(first[15].len(), 7000);
    assert_eq!(
        first[16..30],
        [
            "big",
            "tx",
            "nx",
            "01",
            "2024-02-29",
            "10:11:12.346",
            "2024-02-29 10:11:12.346666666",
            "2024-02-29 10:11:00",
            "2024-02-29 10:11:12.123460",
            "2024-02-29 10:11:12 +05:30",
            "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            "01000000",
            "0203",
            "04",
        ]
    );
    assert_eq!((first[30].len(), first[31].as_str()), (16, "5"));
    let second: Vec<String> = rows[1].cells().map(|c| cell(c.1)).collect();
    assert!(second[1..30].iter().all(|c| c == "NULL"), "{second:?}");
    let types: Vec<_> = rows[0].columns().iter().map(|c| format!("{:?}", c.column_type())).collect();
    assert_eq!(types[..3], ["Int4", "Bitn", "Int1"], "{types:?}");
}

#[tokio::test]
async fn parameters_come_in_as_they_are() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    let long = "ä".repeat(9000);
    let date = tiberius::time::chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let moment = date.and_hms_milli_opt(10, 11, 12, 345).unwrap();
    let bytes: &[u8] = &[1, 2, 3];
    let none: Option<&str> = None;
    let values: Vec<(&dyn ToSql, &str)> = vec![
        (&1u8, "1"),
        (&-2i16, "-2"),
        (&3i32, "3"),
        (&-4i64, "-4"),
        (&true, "true"),
        (&1.5f32, "1.5"),
        (&2.5f64, "2.5"),
        (&"text", "text"),
        (&long, &long),
        (&none, "NULL"),
        (&bytes, "010203"),
        (&date, "2024-02-29"),
        (&moment, "2024-02-29 10:11:12.345"),
    ];
    for (value, expected) in values {
        let row = db.query("SELECT @P1 AS v", &[value]).await.unwrap().into_row().await.unwrap().unwrap();
        let data: &ColumnData<'static> = row.cells().next().unwrap().1;
        assert_eq!(cell(data), expected);
    }
    let number = tiberius::numeric::Numeric::new_with_scale(-12345, 2);
    let row =
        db.query("SELECT CAST(@P1 AS decimal(10,3)), CAST(@P2 AS int)", &[&number, &"42"]).await.unwrap();
    let row = row.into_row().await.unwrap().unwrap();
    let cells: Vec<String> = row.cells().map(|c| cell(c.1)).collect();
    assert_eq!(cells, ["-123.450", "42"]);
}
