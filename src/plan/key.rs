//! Which columns identify a row: as the mapping says, else inferred from names and from the table's own keys.

use crate::model::{
    mapping::{Field, Source, Step},
    table::{ColumnName, Table, UniqueIndex},
};

/// A row's key as column names in the catalog's spelling, with how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) columns: Vec<ColumnName>,
    pub(super) found: Found,
}

/// How a key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Named,
    ByEventName,
    ByUniqueIndex,
}

impl Found {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Named => "named by the mapping",
            Self::ByEventName => "from the event's name",
            Self::ByUniqueIndex => "from the table's key",
        }
    }
}

/// The key of a step for events whose type before the dot is `base`. `None`: nothing identifies a row.
///
/// In this order: `key`; the mapped source `<base>_id`; the primary key, then another safe unique index, where
/// all of its columns are mapped; the only mapped source `<word>_id` whose word begins the event's name
/// (`schedule_id` for `schedule_change`).
pub(super) fn find(step: &Step, base: &str, table: &Table) -> Option<Key> {
    let by_source = |name: &str| step.fields.iter().any(|f| f.source().is_some_and(|s| s.written == name));
    let of = |sources: &[&Source], found| {
        let columns = sources.iter().map(|s| column_of(step, s, table)).collect::<Option<Vec<_>>>()?;
        Some(Key { columns: with_constants(step, table, &columns), found })
    };
    if let Some(named) = &step.key {
        return of(&named.iter().collect::<Vec<_>>(), Found::Named);
    }
    let name = format!("{base}_id");
    if by_source(&name)
        && let Some(field) = step.fields.iter().find(|f| f.source().is_some_and(|s| s.written == name))
    {
        return of(&[field.source()?], Found::ByEventName);
    }
    let mapped = |index: &&UniqueIndex| index.safe && index.columns.iter().all(|c| is_mapped(step, table, c));
    let from_fields = |index: &&UniqueIndex| {
        index.columns.iter().any(|c| step.fields.iter().any(|f| same(table, &f.column, c)))
    };
    if let Some(index) = table.unique.iter().filter(mapped).find(from_fields) {
        return Some(Key { columns: index.columns.clone(), found: Found::ByUniqueIndex });
    }
    let mut named_alike = step.fields.iter().filter(|f| {
        f.source()
            .and_then(|s| s.written.strip_suffix("_id"))
            .is_some_and(|word| base.strip_prefix(word).is_some_and(|rest| rest.starts_with(['_', '-'])))
    });
    let first = named_alike.next()?;
    if named_alike.any(|f| f.source() != first.source()) {
        return None;
    }
    of(&[first.source()?], Found::ByEventName)
}

/// The column that a key source fills: of several the one with a unique index, else the first.
fn column_of(step: &Step, source: &Source, table: &Table) -> Option<ColumnName> {
    let columns = || {
        step.fields.iter().filter(|f| f.source() == Some(source)).filter_map(|f| spelled(table, &f.column))
    };
    let indexed = |c: &&ColumnName| table.unique.iter().any(|u| u.safe && u.columns.contains(c));
    columns().find(indexed).or_else(|| columns().next()).cloned()
}

/// Adds the constants that complete a unique index: with `{"CLINIC": 7}` fixed and a primary key of
/// (`CLINIC`, `VISIT_ID`), another clinic's visit of the same number is another row.
fn with_constants(step: &Step, table: &Table, key: &[ColumnName]) -> Vec<ColumnName> {
    let constant = |c: &ColumnName| step.constants.iter().any(|k| same(table, &k.column, c));
    let completes = |u: &&UniqueIndex| {
        u.safe
            && key.iter().all(|k| u.columns.contains(k))
            && u.columns.iter().all(|c| key.contains(c) || constant(c))
    };
    table.unique.iter().find(completes).map_or_else(|| key.to_vec(), |u| u.columns.clone())
}

fn is_mapped(step: &Step, table: &Table, column: &ColumnName) -> bool {
    let field = |f: &Field| same(table, &f.column, column);
    step.fields.iter().any(field) || step.constants.iter().any(|c| same(table, &c.column, column))
}

fn same(table: &Table, written: &ColumnName, spelling: &ColumnName) -> bool {
    spelled(table, written) == Some(spelling)
}

fn spelled<'a>(table: &'a Table, written: &ColumnName) -> Option<&'a ColumnName> {
    table.column(written).map(|(_, c)| &c.name)
}
