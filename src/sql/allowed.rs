//! Which statements the login's privileges allow, where there is a choice. Decides nothing else.

use crate::model::change::{Role, Shape};

/// Whether a bulk upsert is allowed. It reads every column that it sets, and sets the key to itself, which the row by row form
/// does not. `MariaDB` asks for UPDATE on all columns that are inserted (measured with 10.11). What is not known is allowed;
/// columns that are not seen may be counters, or must be filled.
pub(super) fn is_bulk(shape: &Shape) -> bool {
    let (table, may) = (&shape.table, &shape.table.may);
    let columns = shape.columns.iter().filter_map(|(c, role)| Some((&table.columns.get(*c)?.name, *role)));
    let mut denied = columns.filter(|(column, role)| {
        let reads = *role != Role::InsertOnly;
        may.update.covers(column) == Some(false) || (reads && may.select.covers(column) == Some(false))
    });
    !table.columns_hidden && denied.next().is_none()
}
