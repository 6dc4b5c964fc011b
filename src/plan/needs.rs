//! What a bound step needs to be allowed: the least with which every event of its mapping can be written. Knows no statement,
//! but what each kind of statement reads and writes.

use crate::{
    model::{
        change::{Role, Shape},
        mapping::Action,
        need::{Need, Needs, Routine},
        table::ColumnName,
    },
    plan::{
        bound::{Body, BoundCell, BoundRow, BoundStep, From},
        link::FoundBy,
        lookup::BoundLookup,
    },
};

/// Adds what a step needs of its tables.
pub(super) fn add(needs: &mut Needs, step: &BoundStep) {
    let mark = match &step.body {
        Body::Row(row) => {
            needs.extend([of(&step.at, row)]);
            &row.mark
        }
        Body::Call(call) => {
            needs.routines.extend(routine(&call.call.sql));
            &call.mark
        }
    };
    needs.extend(mark.iter().map(|mark| of_mark(&step.at, &mark.shape)));
}

/// What a lookup needs of the table that it looks into.
pub(super) fn of_lookup(lookup: &BoundLookup) -> Need {
    let mut need = Need::new(&lookup.at, &lookup.table);
    let columns = [lookup.matches, lookup.take].into_iter().chain(lookup.only.iter().map(|(c, _)| *c));
    need.select.extend(columns.filter_map(|c| Some(lookup.table.columns.get(c)?.name.clone())));
    need.catalog = false;
    need
}

/// A mark is looked for and inserted.
fn of_mark(at: &str, shape: &Shape) -> Need {
    let mut need = Need::new(at, &shape.table);
    let names = || shape.columns.iter().filter_map(|(c, _)| Some(shape.table.columns.get(*c)?.name.clone()));
    need.select.extend(names());
    need.insert.extend(names());
    need
}

/// The procedure that a statement calls, where it is no more than a call.
fn routine(sql: &str) -> Option<Routine> {
    let (word, rest) = sql.trim_start().split_once(char::is_whitespace)?;
    let name = match word.to_ascii_lowercase().as_str() {
        "call" => rest.split('(').next()?,
        "exec" | "execute" => {
            // The value that it returns may be kept: EXEC @result = name ...
            let rest = rest.trim_start();
            let name = if rest.starts_with('@') { rest.split_once('=')?.1 } else { rest };
            name.split_whitespace().next()?
        }
        _ => return None,
    };
    let bare = |part: &str| part.trim_matches(|c: char| c.is_whitespace() || "`\"[];".contains(c)).to_owned();
    Some(match name.split_once('.') {
        Some((schema, name)) => Routine { schema: Some(bare(schema)), name: bare(name) },
        None => Routine { schema: None, name: bare(name) },
    })
}

/// What a row needs of its table.
fn of(at: &str, bound: &BoundRow) -> Need {
    let mut need = Need::new(at, &bound.table);
    let column = |index: usize| bound.table.columns.get(index).map(|c| c.name.clone());
    let name = |cell: &BoundCell| column(cell.column);
    let names = |wanted: &dyn Fn(&BoundCell) -> bool| -> Vec<ColumnName> {
        bound.cells.iter().filter(|cell| wanted(cell)).filter_map(name).collect()
    };
    // A row is looked for by its key.
    need.select.extend(names(&|cell| cell.role == Role::Key));
    let generated = bound.link.as_ref().and_then(|link| column(link.column));
    need.select.extend(generated.clone());
    if matches!(bound.action, Action::Upsert | Action::Insert) {
        need.insert.extend(names(&|_| true));
        if let Some(link) = &bound.link {
            // A new row is found again by what was written into it.
            need.select.extend(match link.found_by {
                FoundBy::Mark(marked) => column(marked).into_iter().collect(),
                FoundBy::Cells(_) | FoundBy::Nothing => names(&|_| true),
            });
        }
    }
    if matches!(bound.action, Action::Upsert | Action::Update) {
        // Whether the column is NULL decides.
        need.select.extend(names(&|cell| cell.role == Role::IfNull));
        need.update.extend(names(&is_set));
        // An event that has none of these sets the key to itself, to see whether the row is there.
        if !bound.cells.iter().any(|cell| is_set(cell) && is_certain(cell)) {
            let key = bound.cells.iter().find(|c| c.role == Role::Key).and_then(name);
            need.update.extend(generated.or(key));
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
        From::Constant(_) | From::Mark => true,
        From::Step { .. } => false,
        From::Source(field) => field.default.is_some(),
    }
}

#[cfg(test)]
pub(super) mod tests;
