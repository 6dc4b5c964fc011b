//! What a bound step needs to be allowed: the least with which every event of its mapping can be written. Knows no statement,
//! but what each kind of statement reads and writes.

use crate::{
    model::{change::Role, mapping::Action, need::Need, table::ColumnName},
    plan::bind::{Bound, BoundCell, From},
};

/// What a step needs of its table.
pub(super) fn of(at: &str, bound: &Bound) -> Need {
    let mut need = Need::new(at, &bound.table);
    let name = |cell: &BoundCell| bound.table.columns.get(cell.column).map(|c| c.name.clone());
    let names = |wanted: &dyn Fn(&BoundCell) -> bool| -> Vec<ColumnName> {
        bound.cells.iter().filter(|cell| wanted(cell)).filter_map(name).collect()
    };
    // A row is looked for by its key.
    need.select.extend(names(&|cell| cell.role == Role::Key));
    if matches!(bound.action, Action::Upsert | Action::Insert) {
        need.insert.extend(names(&|_| true));
    }
    if matches!(bound.action, Action::Upsert | Action::Update) {
        // Whether the column is NULL decides.
        need.select.extend(names(&|cell| cell.role == Role::IfNull));
        need.update.extend(names(&is_set));
        // An event that has none of these sets the key to itself, to see whether the row is there.
        if !bound.cells.iter().any(|cell| is_set(cell) && is_certain(cell)) {
            need.update.extend(bound.cells.iter().find(|c| c.role == Role::Key).and_then(name));
        }
    }
    need.delete = bound.action == Action::Delete;
    need
}

/// It is written into rows that are there already.
fn is_set(cell: &BoundCell) -> bool {
    matches!(cell.role, Role::Always | Role::IfNull)
}

/// It has a value whatever the event holds.
fn is_certain(cell: &BoundCell) -> bool {
    match &cell.from {
        From::Constant(_) => true,
        From::Source(field) => field.default.is_some(),
    }
}

#[cfg(test)]
pub(super) mod tests;
