//! The indexes of tables: which columns identify rows, and by which rows are found fast.

use std::collections::BTreeMap;

use super::{Place, ask};
use crate::{
    his::{HisError, mysql::MySql},
    model::table::{Column, ColumnName, UniqueIndex},
};

/// A column of an index.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct IndexPart {
    position: u32,
    /// None for a function.
    column: Option<String>,
    /// Only the beginning of the column's text is in the index.
    prefix: bool,
}

/// The unique indexes; of all indexes it marks the first columns.
pub(super) async fn read(
    session: &mut MySql,
    places: &[Place],
    columns: &mut BTreeMap<usize, Vec<Column>>,
) -> Result<BTreeMap<usize, Vec<UniqueIndex>>, HisError> {
    // COLUMN_NAME is NULL for a function (8.0.13 and later).
    let what = "INDEX_NAME, CAST(SEQ_IN_INDEX AS CHAR), COLUMN_NAME, CAST(SUB_PART AS CHAR), CAST(NON_UNIQUE AS CHAR) \
                FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
    let mut parts: BTreeMap<(usize, String), Vec<IndexPart>> = BTreeMap::new();
    for mut row in ask(session, what, places).await? {
        let index = (row.place, row.text());
        let (position, column) = (row.number().unwrap_or(u32::MAX), row.cell());
        let (prefix, unique) = (row.cell().is_some(), row.text() == "0");
        let own = columns.get_mut(&index.0).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(first) = own.iter_mut().find(|c| position == 1 && Some(&c.name.0) == column.as_ref()) {
            first.indexed = true;
        }
        if unique {
            parts.entry(index).or_default().push(IndexPart { position, column, prefix });
        }
    }
    let mut unique: BTreeMap<usize, Vec<UniqueIndex>> = BTreeMap::new();
    for ((i, name), mut parts) in parts {
        parts.sort();
        let own = columns.get(&i).map(Vec::as_slice).unwrap_or_default();
        let nullable = |name: &str| own.iter().any(|column| column.name.0 == name && column.nullable);
        let sound =
            |part: &IndexPart| !part.prefix && part.column.as_deref().is_some_and(|name| !nullable(name));
        let index = UniqueIndex {
            primary: name == "PRIMARY",
            safe: parts.iter().all(sound),
            columns: parts.into_iter().filter_map(|part| part.column.map(ColumnName)).collect(),
            name,
        };
        unique.entry(i).or_default().push(index);
    }
    for indexes in unique.values_mut() {
        indexes.sort_by_key(|index| !index.primary);
    }
    Ok(unique)
}
