//! Packs the changes of many events into the statements of one transaction: rows of one shape share a
//! statement, as far as the order of an entity's events and of tables that refer to each other allows.

use std::{collections::HashMap, sync::Arc};

use crate::{
    limits,
    model::{
        change::{Act, Cell, Change, EventChange, Role, Shape},
        entity::Entity,
        table::Table,
        value::SqlValue,
    },
    sql::{
        Batch, Statement, StatementBytes, Work,
        ident::Dialect,
        upsert::{Form, Template, is_bulk, render},
    },
};

/// Statement texts that are remembered.
const FORMS_MAX: usize = 1024;
/// From so many rows on, a statement is cut at a power of two rather than filled to the last byte.
const ROWS_ROUND: usize = 16;

/// Renders batches and remembers the texts. Lives as long as the shapes that it was given.
#[derive(Debug)]
pub struct Packer {
    dialect: &'static Dialect,
    bytes: StatementBytes,
    forms: HashMap<(usize, usize), (Arc<Shape>, Arc<Form>)>,
}

impl Packer {
    /// A packer for one database.
    #[must_use]
    pub fn new(dialect: &'static Dialect, bytes: StatementBytes) -> Self {
        Self { dialect, bytes, forms: HashMap::new() }
    }

    /// The bytes that one row's values may have at most.
    #[must_use]
    pub fn row_bytes_max(&self) -> usize {
        self.bytes.max
    }

    /// Packs whole events, in their order.
    pub fn pack<'a>(&mut self, events: impl Iterator<Item = &'a EventChange>, replay: bool) -> Batch<'a> {
        if self.forms.len() > FORMS_MAX {
            self.forms.clear();
        }
        let mut works = Vec::new();
        let events: Vec<_> = events.collect();
        let alone = events.len() == 1;
        for mut group in self.group(events.into_iter()) {
            group.bulk &= !alone;
            let mut rows = group.rows.as_slice();
            while !rows.is_empty() {
                // Halves of the largest statement: a few texts serve every number of rows.
                let take = if group.bulk { largest_power_of_two(rows.len()) } else { 1 };
                let (now, later) = rows.split_at(take);
                works.push(self.work(group.shape, now, if group.bulk { take } else { 0 }));
                rows = later;
            }
        }
        Batch { works, replay }
    }

    fn group<'a>(&self, events: impl Iterator<Item = &'a EventChange>) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut newest_of_shape: HashMap<*const Shape, usize> = HashMap::new();
        let mut newest_of_entity: HashMap<&Entity, usize> = HashMap::new();
        let mut newest_of_row: HashMap<RowName<'a>, usize> = HashMap::new();
        let mut newest_of_table: HashMap<&str, NewestOfTable> = HashMap::new();
        for event in events {
            for row in &event.rows {
                let Act::Row(shape) = &row.act else { continue };
                let size = row.values.iter().map(Cell::size).sum();
                let name = row_name(row);
                let table = newest_of_table.entry(&shape.table.name).or_default();
                let mut not_before = newest_of_entity.get(&event.entity).copied().unwrap_or(0);
                not_before = not_before.max(match &name {
                    Some(name) => table.nameless.max(newest_of_row.get(name).copied().unwrap_or(0)),
                    None => table.any,
                });
                let shape_ptr = Arc::as_ptr(shape);
                let place = newest_of_shape
                    .get(&shape_ptr)
                    .copied()
                    .filter(|&place| place >= not_before && self.has_room(&groups, place, shape, size));
                let place = place.unwrap_or_else(|| {
                    groups.push(Group::new(shape, is_bulk(shape, self.dialect)));
                    groups.len() - 1
                });
                if let Some(group) = groups.get_mut(place) {
                    group.rows.push(row);
                    group.bytes += size;
                }
                newest_of_shape.insert(shape_ptr, place);
                newest_of_entity.insert(&event.entity, place);
                table.any = table.any.max(place);
                match name {
                    Some(name) => drop(newest_of_row.insert(name, place)),
                    None => table.nameless = table.nameless.max(place),
                }
            }
        }
        groups
    }

    /// Whether a row may join a group that later groups follow.
    fn has_room(&self, groups: &[Group<'_>], place: usize, shape: &Shape, size: usize) -> bool {
        let Some((group, later)) = groups.get(place..).and_then(<[_]>::split_first) else { return false };
        let columns = shape.columns.len().max(1);
        group.bulk
            && group.rows.len() < limits::STATEMENT_ROWS_MAX.min(self.dialect.params_max / columns)
            && !self.is_full(group, size)
            && !later.iter().any(|g| related(&g.shape.table, &shape.table))
    }

    /// Full by bytes; or so full that it is better left at a number of rows that makes one statement.
    fn is_full(&self, group: &Group<'_>, size: usize) -> bool {
        let rounded = group.rows.len().is_power_of_two() && group.rows.len() >= ROWS_ROUND;
        group.bytes + size > self.bytes.best || (rounded && group.bytes * 2 > self.bytes.best)
    }

    fn work<'a>(&mut self, shape: &Arc<Shape>, rows: &[&'a Change], bulk_rows: usize) -> Work<'a> {
        let key = (Arc::as_ptr(shape) as usize, bulk_rows);
        let dialect = self.dialect;
        let (_, form) = self
            .forms
            .entry(key)
            .or_insert_with(|| (Arc::clone(shape), Arc::new(render(shape, dialect, bulk_rows))));
        let fill = |template: &Template| Statement {
            sql: Arc::clone(&template.sql),
            params: rows
                .iter()
                .flat_map(|row| {
                    template.slots.iter().filter_map(|slot| row.values.get(*slot).and_then(Cell::value))
                })
                .collect(),
        };
        match &**form {
            Form::Upsert(t) => Work::Upsert(fill(t)),
            Form::UpdateElseInsert(u, i) => Work::UpdateElseInsert { update: fill(u), insert: fill(i) },
            Form::Update(t) => Work::Update(fill(t)),
            Form::Insert(t) => Work::Insert(fill(t)),
            Form::InsertOnce(t) => Work::InsertOnce(fill(t)),
            Form::Delete(t) => Work::Delete(fill(t)),
        }
    }
}

/// Greatest places of the statements that touch a table.
#[derive(Clone, Copy, Debug, Default)]
struct NewestOfTable {
    any: usize,
    /// Of those with a row that has no [`RowName`].
    nameless: usize,
}

/// A row's table and key, such that rows which a collation could take for one have one name.
type RowName<'a> = (&'a str, Vec<std::borrow::Cow<'a, str>>);

/// A row's name. None where only the database can tell: then it may be any row of its table.
fn row_name(row: &Change) -> Option<RowName<'_>> {
    let shape = row.shape()?;
    let keys = shape.columns.iter().zip(&row.values).filter(|((_, role), _)| *role == Role::Key);
    let folded = |cell: &'_ Cell| match cell.value()? {
        SqlValue::Text(text) if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
            Some(text.trim_end().to_ascii_lowercase().into())
        }
        SqlValue::Int(n) => Some(n.to_string().into()),
        SqlValue::Date(d) => Some(d.to_string().into()),
        SqlValue::DateTime(t) => Some(t.to_string().into()),
        _ => None,
    };
    Some((shape.table.name.as_str(), keys.map(|(_, value)| folded(value)).collect::<Option<_>>()?))
}

#[derive(Debug)]
struct Group<'a> {
    shape: &'a Arc<Shape>,
    bulk: bool,
    rows: Vec<&'a Change>,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn new(shape: &'a Arc<Shape>, bulk: bool) -> Self {
        Self { shape, bulk, rows: Vec::new(), bytes: 0 }
    }
}

fn related(a: &Table, b: &Table) -> bool {
    let refers = |a: &Table, b: &Table| a.references.iter().any(|r| r.eq_ignore_ascii_case(&b.name));
    refers(a, b) || refers(b, a)
}

fn largest_power_of_two(n: usize) -> usize {
    if n == 0 { 0 } else { 1 << n.ilog2() }
}

#[cfg(test)]
mod tests;
