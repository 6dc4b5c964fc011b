//! Owns the tables and views of the schema sys and of INFORMATION_SCHEMA, with the columns that SQL Server has; the rows
//! are written by whoever changes an object.

use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, Result};

use crate::catalog::{Column, Kind, Table};
use crate::sql::ast::StmtKind;
use crate::sql::parser::batch;
use crate::types::SYSTEM_TYPES;

/// Tables that hold the catalog. What SQLite keeps beside these columns stands in `EXTRA`.
const TABLES: &str = "
CREATE TABLE sys.schemas (name sysname NOT NULL, schema_id int NOT NULL, principal_id int);
CREATE TABLE sys.objects (name sysname NOT NULL, object_id int NOT NULL, principal_id int, schema_id int NOT NULL,
  parent_object_id int NOT NULL, type char(2) NOT NULL, type_desc nvarchar(60), create_date datetime NOT NULL,
  modify_date datetime NOT NULL, is_ms_shipped bit NOT NULL, is_published bit NOT NULL, is_schema_published bit NOT NULL);
CREATE TABLE sys.columns (object_id int NOT NULL, name sysname, column_id int NOT NULL, system_type_id tinyint NOT NULL,
  user_type_id int NOT NULL, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL,
  collation_name sysname NULL, is_nullable bit, is_ansi_padded bit NOT NULL, is_rowguidcol bit NOT NULL,
  is_identity bit NOT NULL, is_computed bit NOT NULL, is_filestream bit NOT NULL, is_replicated bit, is_xml_document bit NOT NULL,
  is_sparse bit, is_column_set bit, default_object_id int NOT NULL, rule_object_id int NOT NULL);
CREATE TABLE sys.default_constraints (name sysname NOT NULL, object_id int NOT NULL, schema_id int NOT NULL,
  parent_object_id int NOT NULL, parent_column_id int NOT NULL, type char(2) NOT NULL, type_desc nvarchar(60), definition nvarchar(max), is_system_named bit NOT NULL);
CREATE TABLE sys.check_constraints (name sysname NOT NULL, object_id int NOT NULL, schema_id int NOT NULL,
  parent_object_id int NOT NULL, parent_column_id int NOT NULL, type char(2) NOT NULL, type_desc nvarchar(60), is_disabled bit NOT NULL, is_not_trusted bit NOT NULL,
  definition nvarchar(max), is_system_named bit NOT NULL);
CREATE TABLE sys.types (name sysname NOT NULL, system_type_id tinyint NOT NULL, user_type_id int NOT NULL, schema_id int NOT NULL,
  principal_id int, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL, collation_name sysname NULL,
  is_nullable bit, is_user_defined bit NOT NULL, is_assembly_type bit NOT NULL, default_object_id int NOT NULL, rule_object_id int NOT NULL, is_table_type bit NOT NULL);
CREATE TABLE sys.indexes (object_id int NOT NULL, name sysname NULL, index_id int NOT NULL, type tinyint NOT NULL,
  type_desc nvarchar(60), is_unique bit, data_space_id int NOT NULL, ignore_dup_key bit, is_primary_key bit,
  is_unique_constraint bit, fill_factor tinyint NOT NULL, is_padded bit, is_disabled bit, is_hypothetical bit,
  allow_row_locks bit, allow_page_locks bit, has_filter bit, filter_definition nvarchar(max));
CREATE TABLE sys.index_columns (object_id int NOT NULL, index_id int NOT NULL, index_column_id int NOT NULL,
  column_id int NOT NULL, key_ordinal tinyint NOT NULL, partition_ordinal tinyint NOT NULL, is_descending_key bit, is_included_column bit);
CREATE TABLE sys.foreign_keys (name sysname NOT NULL, object_id int NOT NULL, schema_id int NOT NULL, parent_object_id int NOT NULL,
  type char(2) NOT NULL, type_desc nvarchar(60), referenced_object_id int, key_index_id int, is_disabled bit NOT NULL, is_not_trusted bit NOT NULL,
  delete_referential_action tinyint, delete_referential_action_desc nvarchar(60), update_referential_action tinyint, is_system_named bit NOT NULL);
CREATE TABLE sys.foreign_key_columns (constraint_object_id int NOT NULL, constraint_column_id int NOT NULL,
  parent_object_id int NOT NULL, parent_column_id int NOT NULL, referenced_object_id int NOT NULL, referenced_column_id int NOT NULL);
CREATE TABLE sys.triggers (name sysname NOT NULL, object_id int NOT NULL, parent_class tinyint NOT NULL, parent_class_desc nvarchar(60),
  parent_id int NOT NULL, type char(2) NOT NULL, type_desc nvarchar(60), create_date datetime NOT NULL, modify_date datetime NOT NULL,
  is_ms_shipped bit NOT NULL, is_disabled bit NOT NULL, is_not_for_replication bit NOT NULL, is_instead_of_trigger bit NOT NULL);
CREATE TABLE sys.trigger_events (object_id int NOT NULL, type int NOT NULL, type_desc nvarchar(60), is_first bit, is_last bit);
CREATE TABLE sys.synonyms (name sysname NOT NULL, object_id int NOT NULL, schema_id int NOT NULL, base_object_name nvarchar(1035));
CREATE TABLE sys.databases (name sysname NOT NULL, database_id int NOT NULL, owner_sid varbinary(85), create_date datetime NOT NULL,
  compatibility_level tinyint NOT NULL, collation_name sysname NULL, user_access tinyint, user_access_desc nvarchar(60), is_read_only bit, is_auto_close_on bit NOT NULL,
  is_auto_shrink_on bit, state tinyint, state_desc nvarchar(60), snapshot_isolation_state tinyint, snapshot_isolation_state_desc nvarchar(60),
  is_read_committed_snapshot_on bit, recovery_model tinyint, recovery_model_desc nvarchar(60), is_quoted_identifier_on bit, is_arithabort_on bit, is_ansi_warnings_on bit);
CREATE TABLE sys.dm_exec_sessions (session_id smallint NOT NULL, login_time datetime NOT NULL, host_name nvarchar(128), program_name nvarchar(128),
  login_name nvarchar(128) NOT NULL, status nvarchar(30) NOT NULL, database_id smallint NOT NULL, open_transaction_count int NOT NULL, is_user_process bit NOT NULL);
CREATE TABLE sys.dm_exec_connections (session_id int, connect_time datetime NOT NULL, net_transport nvarchar(40) NOT NULL,
  encrypt_option nvarchar(40) NOT NULL, auth_scheme nvarchar(40) NOT NULL, client_net_address varchar(48), net_packet_size int);
CREATE TABLE sys.database_principals (name sysname NOT NULL, principal_id int NOT NULL, type char(1) NOT NULL, type_desc nvarchar(60), default_schema_name sysname NULL);
CREATE TABLE sys.sql_modules (object_id int NOT NULL, definition nvarchar(max), uses_ansi_nulls bit, uses_quoted_identifier bit);
CREATE TABLE sys.extended_properties (class tinyint NOT NULL, major_id int NOT NULL, minor_id int NOT NULL, name sysname NOT NULL, value nvarchar(max));
";

/// What SQLite keeps beside the columns that T-SQL sees.
const EXTRA: &[(&str, &str)] = &[
    ("objects", ", x_text TEXT"),
    (
        "columns",
        ", x_seed INTEGER, x_increment INTEGER, x_last INTEGER, x_definition TEXT, x_persisted INTEGER, x_default TEXT",
    ),
    ("triggers", ", x_body TEXT"),
];

/// Views over those tables, as T-SQL.
const VIEWS: &[(&str, &str, &str)] = &[
    (
        "sys",
        "tables",
        "SELECT name, object_id, principal_id, schema_id, parent_object_id, type, type_desc, create_date, modify_date, is_ms_shipped, CAST(0 AS bit) AS is_memory_optimized, CAST(0 AS tinyint) AS temporal_type FROM sys.objects WHERE type = 'U'",
    ),
    (
        "sys",
        "views",
        "SELECT name, object_id, principal_id, schema_id, parent_object_id, type, type_desc, create_date, modify_date, is_ms_shipped FROM sys.objects WHERE type = 'V'",
    ),
    (
        "sys",
        "procedures",
        "SELECT name, object_id, principal_id, schema_id, parent_object_id, type, type_desc, create_date, modify_date, is_ms_shipped FROM sys.objects WHERE type = 'P'",
    ),
    ("sys", "all_objects", "SELECT * FROM sys.objects"),
    ("sys", "all_columns", "SELECT * FROM sys.columns"),
    (
        "sys",
        "key_constraints",
        "SELECT o.name, o.object_id, o.schema_id, o.parent_object_id, o.type, o.type_desc, i.index_id AS unique_index_id, CAST(0 AS bit) AS is_system_named FROM sys.objects AS o JOIN sys.indexes AS i ON i.object_id = o.parent_object_id AND i.name = o.name WHERE o.type IN ('PK', 'UQ')",
    ),
    (
        "sys",
        "computed_columns",
        "SELECT object_id, name, column_id, system_type_id, user_type_id, max_length, precision, scale, collation_name, is_nullable, is_identity, is_computed, x_definition AS definition, CAST(x_persisted AS bit) AS is_persisted FROM sys.columns WHERE is_computed = 1",
    ),
    (
        "sys",
        "identity_columns",
        "SELECT object_id, name, column_id, system_type_id, user_type_id, max_length, precision, scale, collation_name, is_nullable, is_identity, is_computed, x_seed AS seed_value, x_increment AS increment_value, x_last AS last_value FROM sys.columns WHERE is_identity = 1",
    ),
    ("sys", "sysobjects", "SELECT name, object_id AS id, type AS xtype FROM sys.objects"),
    (
        "INFORMATION_SCHEMA",
        "TABLES",
        "SELECT DB_NAME() AS TABLE_CATALOG, s.name AS TABLE_SCHEMA, o.name AS TABLE_NAME, CAST(CASE o.type WHEN 'U' THEN 'BASE TABLE' ELSE 'VIEW' END AS varchar(10)) AS TABLE_TYPE FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE o.type IN ('U', 'V')",
    ),
    (
        "INFORMATION_SCHEMA",
        "COLUMNS",
        "SELECT DB_NAME() AS TABLE_CATALOG, s.name AS TABLE_SCHEMA, o.name AS TABLE_NAME, c.name AS COLUMN_NAME, c.column_id AS ORDINAL_POSITION, CAST(NULL AS nvarchar(4000)) AS COLUMN_DEFAULT, CAST(CASE c.is_nullable WHEN 1 THEN 'YES' ELSE 'NO' END AS varchar(3)) AS IS_NULLABLE, t.name AS DATA_TYPE, CASE WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 WHEN t.name IN ('char', 'varchar', 'nchar', 'nvarchar', 'binary', 'varbinary') THEN c.max_length ELSE NULL END AS CHARACTER_MAXIMUM_LENGTH, CASE WHEN t.name IN ('decimal', 'numeric', 'int', 'bigint', 'smallint', 'tinyint', 'money') THEN c.precision ELSE NULL END AS NUMERIC_PRECISION, CASE WHEN t.name IN ('decimal', 'numeric', 'int', 'bigint', 'smallint', 'tinyint', 'money') THEN CAST(c.scale AS int) ELSE NULL END AS NUMERIC_SCALE, CASE WHEN t.name IN ('datetime', 'datetime2', 'time', 'datetimeoffset') THEN CAST(c.scale AS smallint) ELSE NULL END AS DATETIME_PRECISION, c.collation_name AS COLLATION_NAME FROM sys.columns AS c JOIN sys.objects AS o ON o.object_id = c.object_id JOIN sys.schemas AS s ON s.schema_id = o.schema_id JOIN sys.types AS t ON t.user_type_id = c.user_type_id WHERE o.type IN ('U', 'V')",
    ),
];

/// The column of a system table that names the object which its rows belong to.
pub(crate) fn owner_column(table: &str) -> Option<&'static str> {
    Some(match table {
        "objects" => "CASE WHEN parent_object_id = 0 THEN object_id ELSE parent_object_id END",
        "columns" | "indexes" | "index_columns" => "object_id",
        "triggers" => "parent_id",
        "default_constraints" | "check_constraints" | "foreign_keys" | "foreign_key_columns" => {
            "parent_object_id"
        }
        _ => return None,
    })
}

/// The system's tables and views.
pub(crate) fn tables() -> &'static [Arc<Table>] {
    static TABLES_ONCE: OnceLock<Vec<Arc<Table>>> = OnceLock::new();
    TABLES_ONCE.get_or_init(|| {
        let mut all: Vec<Arc<Table>> = base().into_iter().map(Arc::new).collect();
        all.extend(VIEWS.iter().enumerate().map(|(i, (schema, name, text))| {
            Arc::new(Table {
                id: -200 - i as i64,
                schema: (*schema).into(),
                name: (*name).into(),
                kind: Kind::View((*text).into(), Vec::new()),
                sql: String::new(),
                columns: Vec::new(),
                indexes: Vec::new(),
                checks: Vec::new(),
                triggers: Vec::new(),
            })
        }));
        all
    })
}

fn base() -> Vec<Table> {
    let statements = batch(TABLES, true, &[], 16).expect("the text above is T-SQL, and a test parses it");
    let mut tables = Vec::new();
    for (i, statement) in statements.into_iter().enumerate() {
        let StmtKind::CreateTable(name, def) = statement.kind else { continue };
        let mut columns: Vec<Column> = def
            .columns
            .into_iter()
            .enumerate()
            .map(|(i, c)| Column {
                id: i as i64 + 1,
                sql: format!("\"{}\"", c.name),
                name: c.name,
                ty: c.ty,
                collation: None,
                nullable: c.nullable.unwrap_or(true),
                identity: None,
                computed: None,
                persisted: false,
                default: None,
            })
            .collect();
        // The views above read these; `SELECT *` does not show them (`hidden`).
        if name[1] == "columns" {
            for (i, (extra, ty)) in [
                ("x_seed", crate::types::SqlType::Int),
                ("x_increment", crate::types::SqlType::Int),
                ("x_last", crate::types::SqlType::BigInt),
                ("x_definition", crate::types::SqlType::NVarChar(crate::types::MAX)),
                ("x_persisted", crate::types::SqlType::Int),
            ]
            .into_iter()
            .enumerate()
            {
                columns.push(Column {
                    id: 100 + i as i64,
                    name: extra.into(),
                    sql: format!("\"{extra}\""),
                    ty,
                    collation: None,
                    nullable: true,
                    identity: None,
                    computed: None,
                    persisted: false,
                    default: None,
                });
            }
        }
        tables.push(Table {
            id: -100 - i as i64,
            schema: name[0].clone(),
            sql: format!("\"{}.{}\"", name[0], name[1]),
            name: name[1].clone(),
            kind: Kind::System,
            columns,
            indexes: Vec::new(),
            checks: Vec::new(),
            triggers: Vec::new(),
        });
    }
    tables
}

/// Whether `SELECT *` leaves the column out.
pub(crate) fn hidden(column: &Column) -> bool {
    column.id >= 100 && column.name.starts_with("x_")
}

/// These are about the server and hold rows for one statement alone.
fn is_temporary(name: &str) -> bool {
    matches!(name, "databases" | "dm_exec_sessions" | "dm_exec_connections")
}

fn create_tables(db: &Connection, temporary: bool) -> Result<()> {
    for table in base().into_iter().filter(|t| is_temporary(&t.name) == temporary) {
        let columns: Vec<String> = table
            .columns
            .iter()
            .filter(|c| !hidden(c))
            .map(|c| format!("{}{}", c.sql, if c.ty.is_text() { " COLLATE TCI" } else { "" }))
            .collect();
        let extra = EXTRA.iter().find(|e| e.0 == table.name).map_or("", |e| e.1);
        let kind = if temporary { "TEMP" } else { "" };
        db.execute_batch(&format!("CREATE {kind} TABLE {} ({}{extra})", table.sql, columns.join(", ")))?;
    }
    Ok(())
}

/// Makes what a session has of its own.
pub(crate) fn create_temporary(db: &Connection) -> Result<()> {
    create_tables(db, true)
}

/// Makes the system tables of a database that has none yet.
pub(crate) fn create(db: &Connection) -> Result<()> {
    let made: i64 =
        db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'x_version'", [], |r| r.get(0))?;
    if made > 0 {
        return Ok(());
    }
    db.execute_batch("BEGIN IMMEDIATE")?;
    create_tables(db, false)?;
    fill(db)?;
    db.execute_batch("COMMIT")
}

fn fill(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE x_version (n INTEGER NOT NULL);
         CREATE TABLE x_grants (user TEXT COLLATE NOCASE, object_id INTEGER, permission TEXT, denied INTEGER);
         CREATE TABLE x_counters (rowversion INTEGER NOT NULL, object_id INTEGER NOT NULL);
         CREATE INDEX x_columns ON \"sys.columns\" (object_id);
         INSERT INTO x_version SELECT 1;
         INSERT INTO x_counters SELECT 2000, 245575913;",
    )?;
    for (id, name) in [(1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")] {
        db.execute(
            "INSERT INTO \"sys.schemas\" (name, schema_id, principal_id) VALUES (?2, ?1, ?1)",
            (id, name),
        )?;
        db.execute(
            "INSERT INTO \"sys.database_principals\" VALUES (?2, ?1, 'S', 'SQL_USER', ?2)",
            (id, name),
        )?;
    }
    for (name, id, user_id, length, precision, scale) in SYSTEM_TYPES {
        let collation = name.contains("char") || name.contains("text") || *name == "sysname";
        db.execute(
            "INSERT INTO \"sys.types\" VALUES (?1, ?2, ?3, 4, NULL, ?4, ?5, ?6, ?7, 1, 0, 0, 0, 0, 0)",
            (
                name,
                id,
                user_id,
                length,
                precision,
                scale,
                collation.then_some("SQL_Latin1_General_CP1_CI_AS"),
            ),
        )?;
    }
    Ok(())
}
