//! The SQL of each database that the daemon writes to, as data. Decides nothing.

use crate::{
    limits,
    sql::ident::{
        Bulk, Casts, Comments, Dialect, GeneratedKeys, Limit, ManyUpdates, Placeholders, Procedures,
        SetsNothing, Texts,
    },
};

/// MySQL 5.5 to 9 and `MariaDB`: <https://dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html>.
pub static MYSQL: Dialect = Dialect {
    name: "mysql",
    quotes: ('`', '`'),
    placeholders: Placeholders::Question,
    casts: Casts::DecimalKeys,
    params_max: 65_535,
    rows_max: limits::STATEMENT_ROWS_MAX,
    arrays: false,
    bulk: Bulk::OnDuplicateKey,
    from_nothing: " FROM DUAL",
    insert_hint: "",
    matched: "",
    sets_nothing: SetsNothing::SetsKey,
    backslash_escapes: true,
    quoting: &[('"', '"'), ('`', '`')],
    procedures: Procedures::Call,
    comments: Comments::MySql,
    generated_keys: GeneratedKeys::LastInsertId,
    many_updates: ManyUpdates::JoinedSelects { rows_max: 128 },
    texts: Texts::Char,
    limit: Limit::Limit,
    locking_hint: "",
    locking_read: " LOCK IN SHARE MODE",
    quiet_table: None,
};

/// The embedded HIS: <https://sqlite.org/lang_upsert.html>, <https://sqlite.org/limits.html>.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    quotes: ('"', '"'),
    placeholders: Placeholders::Question,
    casts: Casts::Never,
    params_max: 32_766,
    rows_max: limits::STATEMENT_ROWS_MAX,
    arrays: false,
    bulk: Bulk::OnConflict,
    from_nothing: "",
    insert_hint: "",
    matched: "",
    sets_nothing: SetsNothing::SetsKey,
    backslash_escapes: false,
    quoting: &[('"', '"'), ('`', '`'), ('[', ']')],
    procedures: Procedures::Call,
    comments: Comments::Standard,
    generated_keys: GeneratedKeys::ReturningClause,
    many_updates: ManyUpdates::FromValues,
    texts: Texts::Text,
    limit: Limit::Limit,
    locking_hint: "",
    locking_read: "",
    quiet_table: None,
};

/// SQL Server 2008 R2 to 2022. Of its 2,100 parameters `sp_executesql` takes two:
/// <https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server>. `READCOMMITTEDLOCK` waits for
/// a writer in a database that reads old versions, too:
/// <https://learn.microsoft.com/sql/t-sql/queries/hints-transact-sql-table>.
pub static TSQL: Dialect = Dialect {
    name: "sqlserver",
    quotes: ('[', ']'),
    placeholders: Placeholders::AtP,
    casts: Casts::Declared,
    params_max: 2_098,
    // 1,000 in VALUES.
    rows_max: limits::STATEMENT_ROWS_MAX,
    arrays: false,
    bulk: Bulk::Never,
    from_nothing: "",
    insert_hint: " WITH (UPDLOCK, SERIALIZABLE)",
    matched: "; SELECT @@ROWCOUNT AS matched",
    sets_nothing: SetsNothing::Counts,
    backslash_escapes: false,
    quoting: &[('"', '"'), ('[', ']')],
    procedures: Procedures::Exec,
    comments: Comments::Nested,
    generated_keys: GeneratedKeys::ScopeIdentity,
    many_updates: ManyUpdates::Never,
    texts: Texts::TypedTsql,
    limit: Limit::Top,
    locking_hint: " WITH (READCOMMITTEDLOCK)",
    locking_read: "",
    quiet_table: None,
};

/// Oracle 11g R2 to 23ai: <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/MERGE.html>.
pub static ORACLE: Dialect = Dialect {
    name: "oracle",
    quotes: ('"', '"'),
    placeholders: Placeholders::Colon,
    casts: Casts::Never,
    params_max: 65_535,
    rows_max: 500,
    arrays: true,
    bulk: Bulk::Merge,
    from_nothing: " FROM DUAL",
    insert_hint: "",
    matched: "",
    sets_nothing: SetsNothing::SetsOrdinary,
    backslash_escapes: false,
    quoting: &[('"', '"')],
    procedures: Procedures::CallOrBlock,
    comments: Comments::Standard,
    generated_keys: GeneratedKeys::ReturningInto,
    many_updates: ManyUpdates::Array,
    texts: Texts::TypedOracle,
    limit: Limit::RowNum,
    locking_hint: "",
    locking_read: " FOR UPDATE WAIT 5",
    quiet_table: Some(("LOCK TABLE ", " IN SHARE MODE WAIT 2")),
};
