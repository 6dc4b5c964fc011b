//! The columns of tables, with their types and who fills them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, ask, ask_gently};
use crate::{
    his::{
        HisError,
        sqlserver::{SqlServer, kind},
    },
    model::table::{Column, ColumnName},
};

/// The version from which on tables may have a history: 2016.
const WITH_HISTORY: (u32, u32) = (13, 0);

/// The columns of each table, in their order.
pub(super) async fn read(
    session: &mut SqlServer,
    ids: &[i32],
) -> Result<BTreeMap<i32, Vec<Column>>, HisError> {
    // The base type of an alias type is the one whose own number is its system number; code's types have none.
    let sql = "SELECT c.object_id, c.column_id, c.name, t.name, u.name, c.max_length, c.precision, c.scale, c.is_nullable, \
               c.is_identity, c.is_computed, c.default_object_id, c.collation_name, \
               CAST(COLLATIONPROPERTY(c.collation_name, 'CodePage') AS int) \
               FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.system_type_id \
               LEFT JOIN sys.types u ON u.user_type_id = c.user_type_id WHERE c.object_id IN";
    let plain = "SELECT c.object_id, c.column_id, c.name, t.name, NULL, c.max_length, c.precision, c.scale, c.is_nullable, \
                 c.is_identity, c.is_computed, c.default_object_id, c.collation_name \
                 FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.system_type_id WHERE c.object_id IN";
    let plainest = "SELECT c.object_id, c.column_id, c.name, t.name, NULL, c.max_length, c.precision, c.scale, c.is_nullable, \
                    c.is_identity, c.is_computed FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id \
                    WHERE c.object_id IN";
    let defaults = defaults(session, ids).await?;
    let periods = periods(session, ids).await?;
    let mut columns: BTreeMap<i32, Vec<(i32, Column)>> = BTreeMap::new();
    for (id, mut row) in ask(session, &[sql, plain, plainest], ids).await? {
        let position = row.number();
        let place = (id, position);
        let default = defaults.get(&place).map(String::as_str);
        let column = column(&mut row, default, periods.contains(&place), session.facts.code_page);
        columns.entry(id).or_default().push((position, column));
    }
    let sorted = columns.into_iter().map(|(id, mut columns)| {
        columns.sort_by_key(|(position, _)| *position);
        (id, columns.into_iter().map(|(_, column)| column).collect())
    });
    Ok(sorted.collect())
}

/// `database_page` is the code page of the database's own collation.
fn column(row: &mut Answer, default: Option<&str>, period: bool, database_page: Option<u32>) -> Column {
    let (name, base, own_type) = (row.text(), row.cell(), row.cell());
    let (max_length, precision, scale) = (row.number(), row.number(), row.number());
    let nullable = row.is_set();
    let (identity, is_computed, has_default) = (row.is_set(), row.is_set(), row.is_set());
    let (collation, page) = (row.cell(), row.cell());
    let declared = kind::Declared {
        base: base.as_deref(),
        own_type: own_type.as_deref(),
        max_length,
        precision,
        scale,
        // Where the server does not tell, it is most likely the database's.
        code_page: page.as_deref().and_then(|page| page.parse().ok()).or(database_page),
    };
    let filling = kind::Filling {
        identity,
        computed: is_computed || period || declared.base == Some("timestamp"),
        default: default.or(has_default.then_some("")),
        nullable,
    };
    Column {
        name: ColumnName(name),
        kind: kind::column_type(&declared),
        declared: kind::declaration(&declared),
        storage: kind::storage(&declared, database_page),
        nullable,
        filled: kind::filled(&filling),
        folds: kind::folds(collation.as_deref()),
        indexed: false,
    }
}

/// The texts of defaults, as far as the login sees them, by table and column.
async fn defaults(session: &mut SqlServer, ids: &[i32]) -> Result<BTreeMap<(i32, i32), String>, HisError> {
    let sql = "SELECT d.parent_object_id, d.parent_column_id, d.definition FROM sys.default_constraints d \
               WHERE d.parent_object_id IN";
    let rows = ask_gently(session, &[sql], ids).await?.unwrap_or_default();
    Ok(rows.into_iter().map(|(id, mut row)| ((id, row.number()), row.text())).collect())
}

/// The columns of tables with a history that say from when to when a row held: the server alone writes them.
async fn periods(session: &mut SqlServer, ids: &[i32]) -> Result<BTreeSet<(i32, i32)>, HisError> {
    if session.facts.version().is_none_or(|version| version < WITH_HISTORY) {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT c.object_id, c.column_id FROM sys.columns c WHERE c.generated_always_type <> 0 AND c.object_id IN";
    let rows = ask_gently(session, &[sql], ids).await?.unwrap_or_default();
    Ok(rows.into_iter().map(|(id, mut row)| (id, row.number())).collect())
}
