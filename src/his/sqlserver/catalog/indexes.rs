//! The indexes of tables: which columns identify rows, and by which rows are found fast.

use std::collections::BTreeMap;

use super::ask;
use crate::{
    his::{HisError, sqlserver::SqlServer},
    model::table::{Column, ColumnName, UniqueIndex},
};

/// One unique index while it is read.
#[derive(Debug, Default)]
struct Reading {
    primary: bool,
    /// It holds for some of the rows.
    filtered: bool,
    /// By their place in the key.
    columns: BTreeMap<i32, String>,
}

/// The unique indexes; of all indexes it marks the first columns. One that is switched off is none.
pub(super) async fn read(
    session: &mut SqlServer,
    ids: &[i32],
    columns: &mut BTreeMap<i32, Vec<Column>>,
) -> Result<BTreeMap<i32, Vec<UniqueIndex>>, HisError> {
    // Types 1 and 2 are those of rows: clustered or not. key_ordinal is 0 for columns that are only carried along.
    let sql = "SELECT i.object_id, i.name, i.is_unique, i.is_primary_key, i.has_filter, k.key_ordinal, c.name \
               FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id \
               JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id \
               WHERE i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.type IN (1, 2) AND k.key_ordinal > 0 \
               AND k.is_included_column = 0 AND i.object_id IN";
    let plain = "SELECT i.object_id, i.name, i.is_unique, i.is_primary_key, i.has_filter, k.key_ordinal, c.name \
                 FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id \
                 JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id \
                 WHERE i.is_disabled = 0 AND k.key_ordinal > 0 AND i.object_id IN";
    let mut reading: BTreeMap<(i32, String), Reading> = BTreeMap::new();
    for (id, mut row) in ask(session, &[sql, plain], ids).await? {
        let (name, unique) = (row.text(), row.is_set());
        let (primary, filtered) = (row.is_set(), row.is_set());
        let (place, column): (i32, String) = (row.number(), row.text());
        let own = columns.get_mut(&id).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(first) = own.iter_mut().find(|c| place == 1 && !filtered && c.name.0 == column) {
            first.indexed = true;
        }
        if unique {
            let index = reading.entry((id, name)).or_default();
            (index.primary, index.filtered) = (primary, filtered);
            index.columns.insert(place, column);
        }
    }
    let mut unique: BTreeMap<i32, Vec<UniqueIndex>> = BTreeMap::new();
    for ((id, name), index) in reading {
        let own = columns.get(&id).map(Vec::as_slice).unwrap_or_default();
        let nullable = |name: &String| own.iter().any(|column| column.name.0 == *name && column.nullable);
        let index = UniqueIndex {
            name,
            primary: index.primary,
            safe: !index.filtered && !index.columns.values().any(nullable),
            columns: index.columns.into_values().map(ColumnName).collect(),
        };
        unique.entry(id).or_default().push(index);
    }
    for indexes in unique.values_mut() {
        indexes.sort_by_key(|index| !index.primary);
    }
    Ok(unique)
}
