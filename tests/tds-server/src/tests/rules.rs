//! Constraints, triggers, procedures, permissions, the catalog.

use super::{check_all, number, run, show, start};

const HOSPITAL: &str = "
CREATE TABLE dbo.Doctor (DoctorID int IDENTITY(10,5) NOT NULL CONSTRAINT PK_Doctor PRIMARY KEY, Code varchar(10) NOT NULL CONSTRAINT UQ_Code UNIQUE, Name nvarchar(20) NULL);
CREATE TABLE dbo.Visit (VisitID int NOT NULL, Doctor int NULL CONSTRAINT FK_Visit_Doctor REFERENCES dbo.Doctor (DoctorID), State char(1) NOT NULL DEFAULT 'N' CONSTRAINT CK_State CHECK (State IN ('N', 'C')),
  Fee decimal(8,2) NOT NULL CONSTRAINT DF_Fee DEFAULT (0), Twice AS (Fee * 2), Stamp rowversion, Ext varchar(8) NULL, CONSTRAINT PK_Visit PRIMARY KEY (VisitID));
CREATE UNIQUE INDEX IX_Ext ON dbo.Visit (Ext) WHERE Ext IS NOT NULL;
CREATE TABLE dbo.Log (LogID int IDENTITY(1000,1) PRIMARY KEY, What varchar(20));
INSERT INTO Doctor (Code, Name) VALUES ('A1', N'Ann'), ('B2', NULL);";

#[tokio::test]
async fn constraints_have_their_numbers() {
    let fixture = start(|_| {}).await;
    run(&mut fixture.connect().await, HOSPITAL).await;
    check_all(
        &fixture,
        &[
            ("SELECT DoctorID FROM Doctor ORDER BY 1", "10;15"),
            ("INSERT INTO Visit (VisitID, Doctor) VALUES (1, 10); SELECT State, Fee, Twice FROM Visit", "N|0.00|0.00"),
            ("INSERT INTO Visit (VisitID) VALUES (1)", "error 2627"),
            ("INSERT INTO Doctor (Code) VALUES ('a1 ')", "error 2627"),
            ("INSERT INTO Visit (VisitID, Doctor) VALUES (2, 99)", "error 547"),
            ("INSERT INTO Visit (VisitID, State) VALUES (2, 'X')", "error 547"),
            ("DELETE FROM Doctor WHERE DoctorID = 10", "error 547"),
            ("UPDATE Visit SET Doctor = 11 WHERE VisitID = 1", "error 547"),
            ("INSERT INTO Visit (VisitID, Ext) VALUES (3, 'e'), (4, NULL), (5, NULL)", ""),
            ("INSERT INTO Visit (VisitID, Ext) VALUES (6, 'E')", "error 2601"),
            ("INSERT INTO Doctor (Code) VALUES (NULL)", "error 515"),
            ("UPDATE Doctor SET Code = NULL", "error 515"),
            ("INSERT INTO Doctor (DoctorID, Code) VALUES (1, 'x')", "error 544"),
            ("UPDATE Doctor SET DoctorID = 1", "error 8102"),
            ("INSERT INTO Visit (VisitID, Twice) VALUES (9, 1)", "error 271"),
            ("UPDATE Visit SET Twice = 1", "error 271"),
            ("INSERT INTO Visit (VisitID, Stamp) VALUES (9, 0x00)", "error 273"),
            ("UPDATE Visit SET Stamp = 0x00", "error 272"),
            ("INSERT INTO Doctor (Code) VALUES ('12345678901')", "error 8152"),
            ("INSERT INTO Doctor (Code) VALUES ('1234567890    ')", ""),
            ("INSERT INTO Visit (VisitID, Fee) VALUES (9, 1000000)", "error 8115"),
            ("INSERT INTO Visit (VisitID, Fee) VALUES (9, 'x')", "error 8114"),
            ("INSERT INTO Visit (VisitID) VALUES ('x')", "error 245"),
            ("SET IDENTITY_INSERT Doctor ON; INSERT INTO Doctor (DoctorID, Code) VALUES (100, 'h'); SET IDENTITY_INSERT Doctor OFF; INSERT INTO Doctor (Code) VALUES ('i'); SELECT CAST(SCOPE_IDENTITY() AS int)", "105"),
            ("DROP TABLE Doctor", "error 3726"),
            ("DROP TABLE Nothing", "error 3701"),
            ("DROP TABLE IF EXISTS Nothing", ""),
            ("CREATE TABLE Doctor (a int)", "error 2714"),
            ("ALTER TABLE Visit ADD Must int NOT NULL", "error 4901"),
            ("ALTER TABLE Visit ADD Must int NOT NULL DEFAULT 3; SELECT TOP 1 Must FROM Visit", "3"),
            ("ALTER TABLE Visit DROP COLUMN Fee", "error 5074"),
            ("ALTER TABLE Visit ALTER COLUMN Ext varchar(20); SELECT max_length FROM sys.columns WHERE name = 'Ext'", "20"),
        ],
    )
    .await;
}

#[tokio::test]
async fn messages_are_sql_servers_own() {
    let fixture = start(|o| o.version = crate::Version::named("2022").unwrap()).await;
    let mut db = fixture.connect().await;
    run(&mut db, HOSPITAL).await;
    for (sql, expected) in [
        (
            "INSERT INTO Doctor (Code) VALUES ('A1')",
            "Violation of UNIQUE KEY constraint 'UQ_Code'. Cannot insert duplicate key in object 'dbo.Doctor'. The duplicate key value is (A1).",
        ),
        (
            "INSERT INTO Visit (VisitID, Doctor) VALUES (1, 99)",
            "The INSERT statement conflicted with the FOREIGN KEY constraint \"FK_Visit_Doctor\". The conflict occurred in database \"his\", table \"dbo.Doctor\", column 'DoctorID'.",
        ),
        (
            "INSERT INTO Visit (VisitID, State) VALUES (1, 'X')",
            "The INSERT statement conflicted with the CHECK constraint \"CK_State\". The conflict occurred in database \"his\", table \"dbo.Visit\", column 'State'.",
        ),
        (
            "INSERT INTO Doctor (Code) VALUES ('12345678901')",
            "String or binary data would be truncated in table 'his.dbo.Doctor', column 'Code'. Truncated value: '1234567890'.",
        ),
        (
            "INSERT INTO Doctor (Code) VALUES (NULL)",
            "Cannot insert the value NULL into column 'Code', table 'his.dbo.Doctor'; column does not allow nulls. INSERT fails.",
        ),
    ] {
        let error = super::outcome(&mut db, sql).await.unwrap_err();
        let tiberius::error::Error::Server(error) = error else { panic!("{error}") };
        assert_eq!(error.message(), expected);
    }
}

#[tokio::test]
async fn triggers_pollute_and_refuse() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(&mut db, HOSPITAL).await;
    run(&mut db, "CREATE TRIGGER dbo.TR_Doctor ON dbo.Doctor AFTER INSERT, UPDATE AS INSERT INTO Log (What) SELECT Code FROM inserted; UPDATE Log SET What = What").await;
    assert_eq!(show(&mut db, "INSERT INTO Doctor (Code) VALUES ('T1'); SELECT CAST(SCOPE_IDENTITY() AS int), CAST(@@IDENTITY AS int), CAST(IDENT_CURRENT('Doctor') AS int)").await, "20|1000|20");
    assert_eq!(
        show(&mut db, "UPDATE Doctor SET Name = N'x' WHERE Code = 'T1'; SELECT @@ROWCOUNT").await,
        "1"
    );
    assert_eq!(
        number(&mut db, "INSERT INTO Doctor (Code) OUTPUT inserted.DoctorID VALUES ('T2')").await,
        334
    );
    run(&mut db, "CREATE TRIGGER TR_No ON Visit AFTER INSERT AS IF EXISTS (SELECT 1 FROM inserted WHERE VisitID = 666) BEGIN RAISERROR('no %s', 16, 1, 'beast'); ROLLBACK END").await;
    assert_eq!(number(&mut db, "INSERT INTO Visit (VisitID) VALUES (666)").await, 50_000);
    assert_eq!(show(&mut db, "SELECT COUNT(*) FROM Visit").await, "0");
    run(&mut db, "ALTER TRIGGER TR_No ON Visit AFTER INSERT AS THROW 50123, 'never', 1").await;
    assert_eq!(number(&mut db, "BEGIN TRAN; INSERT INTO Visit (VisitID) VALUES (1)").await, 50_123);
    assert_eq!(show(&mut db, "SELECT @@TRANCOUNT").await, "0");
    run(&mut db, "DISABLE TRIGGER TR_No ON Visit; INSERT INTO Visit (VisitID) VALUES (1)").await;
    assert_eq!(
        show(&mut db, "SELECT name, is_disabled, is_instead_of_trigger FROM sys.triggers ORDER BY name")
            .await,
        "TR_Doctor|false|false;TR_No|true|false"
    );
}

#[tokio::test]
async fn procedures_take_parameters() {
    let fixture = start(|_| {}).await;
    run(&mut fixture.connect().await, HOSPITAL).await;
    run(
        &mut fixture.connect().await,
        "CREATE PROCEDURE dbo.AddDoctor @Code varchar(10), @Name nvarchar(20) = N'nobody', @Id int = NULL OUTPUT AS BEGIN SET NOCOUNT ON; INSERT INTO Doctor (Code, Name) VALUES (@Code, @Name); SET @Id = SCOPE_IDENTITY(); SELECT @Id AS Id; RETURN 7 END",
    )
    .await;
    check_all(
        &fixture,
        &[
            ("EXEC dbo.AddDoctor 'P1'", "20"),
            ("DECLARE @r int, @i int; EXEC @r = AddDoctor @Name = N'Nn', @Code = 'P2', @Id = @i OUTPUT; SELECT @r, @i", "25;7|25"),
            ("EXEC AddDoctor", "error 201"),
            ("EXEC AddDoctor 'a', 'b', 1, 2", "error 8144"),
            ("EXEC AddDoctor @Nothing = 1", "error 8145"),
            ("EXEC AddDoctor @Id = 'x', @Code = 'y'", "error 8114"),
            ("SELECT Name FROM Doctor WHERE Code = 'P1'", "nobody"),
        ],
    )
    .await;
}

#[tokio::test]
async fn without_permission_a_table_is_not_there() {
    let fixture = start(|_| {}).await;
    let mut owner = fixture.connect().await;
    run(&mut owner, HOSPITAL).await;
    run(&mut owner, "GRANT SELECT, INSERT ON dbo.Visit TO lim; DENY INSERT ON Visit TO lim").await;
    let mut db = fixture.limited().await;
    assert_eq!(show(&mut db, "SELECT name FROM sys.tables").await, "Visit");
    assert_eq!(show(&mut db, "SELECT OBJECT_ID('dbo.Doctor')").await, "NULL");
    assert_eq!(show(&mut db, "SELECT HAS_PERMS_BY_NAME('dbo.Visit', 'OBJECT', 'SELECT'), HAS_PERMS_BY_NAME('dbo.Visit', 'OBJECT', 'INSERT'), HAS_PERMS_BY_NAME('dbo.Doctor', 'OBJECT', 'SELECT')").await, "1|0|NULL");
    assert_eq!(number(&mut db, "SELECT * FROM Doctor").await, 229);
    assert_eq!(number(&mut db, "INSERT INTO Visit (VisitID) VALUES (1)").await, 229);
    assert_eq!(number(&mut db, "SELECT * FROM Visit").await, 0);
    assert_eq!(number(&mut db, "CREATE TABLE x (a int)").await, 262);
}

#[tokio::test]
async fn the_catalog_describes_tables() {
    let fixture = start(|_| {}).await;
    run(&mut fixture.connect().await, HOSPITAL).await;
    run(&mut fixture.connect().await, "CREATE SCHEMA kis").await;
    run(&mut fixture.connect().await, "CREATE TABLE kis.[odd ]] name] ([a b] int NOT NULL)").await;
    run(
        &mut fixture.connect().await,
        "CREATE VIEW dbo.V AS SELECT DoctorID AS Id, Name FROM dbo.Doctor WHERE Name IS NOT NULL",
    )
    .await;
    run(&mut fixture.connect().await, "CREATE SYNONYM dbo.Syn FOR kis.[odd ]] name]").await;
    check_all(
        &fixture,
        &[
            ("SELECT c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable, c.is_identity, c.is_computed FROM sys.columns AS c JOIN sys.types AS t ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID('Visit') ORDER BY c.column_id",
             "VisitID|int|4|10|0|false|false|false;Doctor|int|4|10|0|true|false|false;State|char|1|0|0|false|false|false;Fee|decimal|5|8|2|false|false|false;Twice|decimal|9|10|2|true|false|true;Stamp|timestamp|8|0|0|false|false|false;Ext|varchar|8|0|0|true|false|false"),
            ("SELECT i.name, i.is_unique, i.is_primary_key, i.has_filter, i.is_disabled FROM sys.indexes AS i WHERE i.object_id = OBJECT_ID('Visit') AND i.index_id > 0 ORDER BY i.index_id",
             "PK_Visit|true|true|false|false;IX_Ext|true|false|true|false"),
            ("SELECT COL_NAME(ic.object_id, ic.column_id), ic.key_ordinal FROM sys.index_columns ic JOIN sys.indexes i ON i.object_id = ic.object_id AND i.index_id = ic.index_id WHERE i.name = 'UQ_Code'", "Code|1"),
            ("SELECT f.name, OBJECT_NAME(f.referenced_object_id), COL_NAME(c.parent_object_id, c.parent_column_id) FROM sys.foreign_keys f JOIN sys.foreign_key_columns c ON c.constraint_object_id = f.object_id", "FK_Visit_Doctor|Doctor|Doctor"),
            ("SELECT s.name, o.name, o.type FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE o.type IN ('U', 'V') ORDER BY 2", "dbo|Doctor|U ;dbo|Log|U ;kis|odd ] name|U ;dbo|V|V ;dbo|Visit|U "),
            ("SELECT [a b] FROM kis.[odd ]] name]", ""),
            ("SELECT [a b] FROM Syn", ""),
            ("SELECT * FROM V", "10|Ann"),
            ("SELECT OBJECT_ID('kis.[odd ]] name]') - OBJECT_ID('[kis].[odd ]] name]')", "0"),
            ("SELECT name, CAST(seed_value AS int), CAST(increment_value AS int) FROM sys.identity_columns WHERE object_id = OBJECT_ID('Doctor')", "DoctorID|10|5"),
            ("SELECT name, is_persisted FROM sys.computed_columns", "Twice|false"),
            ("SELECT name, definition FROM sys.default_constraints WHERE name = 'DF_Fee'", "DF_Fee|((0))"),
            ("SELECT collation_name FROM sys.columns WHERE name = 'Ext'", "SQL_Latin1_General_CP1_CI_AS"),
            ("ALTER INDEX IX_Ext ON Visit DISABLE; SELECT is_disabled FROM sys.indexes WHERE name = 'IX_Ext'", "true"),
        ],
    )
    .await;
}

#[tokio::test]
async fn indexed_computed_columns_need_seven_options() {
    let fixture = start(|_| {}).await;
    let made = "CREATE TABLE z (a int NULL, b AS (a + 1)); CREATE INDEX ix ON z (b)";
    run(&mut fixture.connect().await, made).await;
    check_all(
        &fixture,
        &[
            ("INSERT INTO z (a) VALUES (1); SELECT b FROM z", "2"),
            ("SET ANSI_WARNINGS OFF; INSERT INTO z (a) VALUES (1)", "error 1934"),
            ("SET QUOTED_IDENTIFIER OFF; UPDATE z SET a = 1", "error 1934"),
            ("SET NUMERIC_ROUNDABORT ON; DELETE FROM z", "error 1934"),
            ("SET CONCAT_NULL_YIELDS_NULL OFF; DELETE FROM z", "error 1934"),
        ],
    )
    .await;
}

#[tokio::test]
async fn instead_of_triggers_take_the_rows() {
    let fixture = start(|_| {}).await;
    let mut db = fixture.connect().await;
    run(
        &mut db,
        "CREATE TABLE a (id int NOT NULL PRIMARY KEY, v varchar(5)); CREATE TABLE b (id int, v varchar(5))",
    )
    .await;
    run(&mut db, "CREATE TRIGGER tr ON a INSTEAD OF INSERT AS INSERT INTO b SELECT id, v FROM inserted")
        .await;
    run(&mut db, "INSERT INTO a VALUES (1, 'x'), (2, 'y')").await;
    assert_eq!(show(&mut db, "SELECT COUNT(*) FROM a").await, "0");
    assert_eq!(show(&mut db, "SELECT id, v FROM b ORDER BY id").await, "1|x;2|y");
    run(&mut db, "CREATE TABLE c (id int IDENTITY PRIMARY KEY, p int REFERENCES a (id) ON DELETE CASCADE)")
        .await;
    run(
        &mut db,
        "DISABLE TRIGGER tr ON a; INSERT INTO a VALUES (1, 'x'); INSERT INTO c (p) VALUES (1); DELETE FROM a",
    )
    .await;
    assert_eq!(show(&mut db, "SELECT COUNT(*) FROM c").await, "0");
}
