//! Which statements the login's privileges allow, where there is a choice. Decides nothing else.

use crate::{
    model::change::{Role, Shape},
    sql::ident::Bulk,
};

/// Whether a bulk upsert is allowed. What is not known is allowed; columns that are not seen may be counters, or must be
/// filled.
///
/// `ON DUPLICATE KEY UPDATE` and `ON CONFLICT` read every column that they set, and set the key to itself, which the row by
/// row form does not. `MariaDB` asks for UPDATE on all columns that are inserted (measured with 10.11).
///
/// `MERGE` asks for UPDATE on what it sets and for INSERT on what it inserts, as the row by row form does
/// (<https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/MERGE.html>), and reads the key, and what it fills
/// only where it is NULL. SQL Server's batch is the row by row form itself: there is nothing to choose.
pub(super) fn is_bulk(shape: &Shape, bulk: Bulk) -> bool {
    let (table, may) = (&shape.table, &shape.table.may);
    let columns = shape.columns.iter().filter_map(|(c, role)| Some((&table.columns.get(*c)?.name, *role)));
    let mut denied = columns.filter(|(column, role)| {
        let (sets, reads) = match bulk {
            Bulk::OnDuplicateKey | Bulk::OnConflict => (true, *role != Role::InsertOnly),
            Bulk::Merge => {
                (matches!(role, Role::Always | Role::IfNull), matches!(role, Role::Key | Role::IfNull))
            }
            Bulk::Never => (false, false),
        };
        (sets && may.update.covers(column) == Some(false))
            || (reads && may.select.covers(column) == Some(false))
    });
    !table.columns_hidden && denied.next().is_none()
}
