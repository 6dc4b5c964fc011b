//! What must not stand before what, when changes of many events share statements: an event's changes and a record's events
//! keep their order, a row its changes', a child's row comes after its parent's. Packs nothing.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use crate::model::{
    change::{Act, Cell, Change, EventChange, Op, Role, Shape},
    entity::Entity,
    table::{Column, Table},
    value::SqlValue,
};

/// A change on its way to a place.
pub(super) struct Step<'a, 'e> {
    pub(super) event: &'a EventChange,
    pub(super) change: &'a Change,
    /// Where the event's earlier changes stand.
    pub(super) earlier: &'e [usize],
}

/// Which row a change is about, as far as that can be told without the database.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// One that no other change is about.
    New,
    /// Rows that a collation could take for one have one name.
    Row(RowName<'a>),
    /// Any of its table.
    Any,
}

/// A row's table and key.
pub(super) type RowName<'a> = (&'a str, Vec<Cow<'a, str>>);

/// The places that are taken. A place is a group's number.
#[derive(Debug, Default)]
pub(super) struct Order<'a> {
    of_entity: HashMap<&'a Entity, usize>,
    of_row: HashMap<RowName<'a>, usize>,
    /// Where the rows are inserted whose keys their table makes.
    made: HashMap<&'a Entity, usize>,
    tables: Vec<Touched<'a>>,
    /// The last statement of the configuration's own: nobody knows what it does.
    barrier: usize,
}

/// Greatest places of the changes to a table.
#[derive(Debug)]
struct Touched<'a> {
    table: &'a Arc<Table>,
    any: Option<usize>,
    /// Of those that make, move or take away what another table may refer to.
    keys: Option<usize>,
    deletes: Option<usize>,
    /// Of those about [`Name::Any`].
    nameless: Option<usize>,
    parents: Vec<usize>,
    children: Vec<usize>,
}

type PlaceOf = fn(&Touched<'_>) -> Option<usize>;

impl<'a> Order<'a> {
    /// The first place where the change may stand.
    pub(super) fn earliest(&mut self, step: &Step<'a, '_>, name: &Name<'a>) -> usize {
        let of_entity = |entity| self.of_entity.get(entity).copied().unwrap_or(0);
        // The event's own earlier changes are its record's.
        let mut place = self.barrier.max(of_entity(&step.event.entity)).max(of_entity(&step.change.entity));
        let guarded = step.change.guard.iter().flat_map(|guard| &guard.values);
        for cell in step.change.values.iter().chain(guarded) {
            // The key is known when its statement is done.
            match cell {
                Cell::Generated(index) => {
                    place = place.max(step.earlier.get(*index).map_or(0, |place| place + 1));
                }
                Cell::KeyOf(of) => place = place.max(self.made.get(of).map_or(0, |place| place + 1)),
                Cell::Value(_) => {}
            }
        }
        let Act::Row(shape) = &step.change.act else { return place };
        let index = self.table(&shape.table);
        let Some(table) = self.tables.get(index) else { return place };
        place = place.max(
            match name {
                Name::New => table.nameless,
                Name::Row(name) => table.nameless.max(self.of_row.get(name).copied()),
                Name::Any => table.any,
            }
            .unwrap_or(0),
        );
        // A parent's row may be written sooner than another one's children are; a delete goes before nothing related.
        let places = |tables: &[usize], of: fn(&Touched<'_>) -> Option<usize>| {
            tables.iter().filter_map(|i| of(self.tables.get(*i)?)).max().unwrap_or(0)
        };
        let (parents, children): (PlaceOf, PlaceOf) =
            if shape.op == Op::Delete { (|t| t.any, |t| t.any) } else { (|t| t.keys, |t| t.deletes) };
        place.max(places(&table.parents, parents)).max(places(&table.children, children))
    }

    /// Whether a change about the same row may stand at that place.
    pub(super) fn holds(&self, step: &Step<'a, '_>, name: &Name<'a>, place: usize) -> bool {
        let table =
            || step.change.shape().and_then(|s| self.tables.iter().find(|t| is_same(t.table, &s.table)));
        match name {
            Name::New => false,
            Name::Row(name) => {
                self.of_row.get(name) == Some(&place) || table().is_some_and(|t| t.nameless == Some(place))
            }
            Name::Any => table().is_some_and(|t| t.any == Some(place)),
        }
    }

    /// Notes where the change stands.
    pub(super) fn stands(&mut self, step: &Step<'a, '_>, name: Name<'a>, place: usize) {
        for entity in [&step.event.entity, &step.change.entity] {
            let newest = self.of_entity.entry(entity).or_default();
            *newest = place.max(*newest);
        }
        if step.change.inserted().is_some() {
            self.made.insert(&step.change.entity, place);
        }
        let Act::Row(shape) = &step.change.act else {
            self.barrier = place;
            return;
        };
        let index = self.table(&shape.table);
        let Some(table) = self.tables.get_mut(index) else { return };
        table.any = table.any.max(Some(place));
        if shape.op != Op::Update || writes_index(shape) {
            table.keys = table.keys.max(Some(place));
        }
        if shape.op == Op::Delete {
            table.deletes = table.deletes.max(Some(place));
        }
        match name {
            Name::New => {}
            Name::Row(name) => drop(self.of_row.insert(name, place)),
            Name::Any => table.nameless = table.nameless.max(Some(place)),
        }
    }

    /// The table's number; a new one is related to those that are there.
    fn table(&mut self, table: &'a Arc<Table>) -> usize {
        if let Some(index) = self.tables.iter().position(|t| is_same(t.table, table)) {
            return index;
        }
        let own = self.tables.len();
        let mut new = Touched {
            table,
            any: None,
            keys: None,
            deletes: None,
            nameless: None,
            parents: Vec::new(),
            children: Vec::new(),
        };
        if refers(table, table) {
            new.parents.push(own);
            new.children.push(own);
        }
        for (index, other) in self.tables.iter_mut().enumerate() {
            if refers(table, other.table) {
                new.parents.push(index);
                other.children.push(own);
            }
            if refers(other.table, table) {
                new.children.push(index);
                other.parents.push(own);
            }
        }
        self.tables.push(new);
        own
    }
}

impl<'a> Name<'a> {
    /// The name of the row that the event's change is about.
    pub(super) fn of(event: &'a EventChange, change: &'a Change) -> Self {
        let Some(shape) = change.shape() else { return Self::Any };
        if shape.op == Op::Insert && !shape.columns.iter().any(|(_, role)| *role == Role::Key) {
            return Self::New;
        }
        let keys = shape.columns.iter().zip(&change.values).filter(|((_, role), _)| *role == Role::Key);
        let parts: Option<Vec<_>> = keys.map(|(_, cell)| part(event, cell)).collect();
        parts.map_or(Self::Any, |parts| Self::Row((shape.table.name.as_str(), parts)))
    }
}

fn part<'a>(event: &'a EventChange, cell: &'a Cell) -> Option<Cow<'a, str>> {
    match cell {
        Cell::Value(SqlValue::Text(text)) if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
            Some(text.trim_end().to_ascii_lowercase().into())
        }
        Cell::Value(SqlValue::Int(n)) => Some(n.to_string().into()),
        Cell::Value(SqlValue::Date(d)) => Some(d.to_string().into()),
        Cell::Value(SqlValue::DateTime(t)) => Some(t.to_string().into()),
        Cell::Value(_) => None,
        Cell::KeyOf(entity) => Some(format!("\u{2}{}", entity.0).into()),
        Cell::Generated(index) => match linked_key(event, *index) {
            // Only earlier changes are pointed at, so this ends.
            Some(key) if !matches!(key, Cell::Generated(before) if before >= index) => part(event, key),
            // As other events of the transaction call it.
            _ => Some(format!("\u{2}{}", event.rows.get(*index)?.entity.0).into()),
        },
    }
}

/// The key of the row that a change is linked to.
fn linked_key(event: &EventChange, index: usize) -> Option<&Cell> {
    let change = event.rows.get(index)?;
    let shape = change.shape().filter(|shape| shape.is_linked())?;
    change.values.get(shape.columns.iter().position(|(_, role)| *role == Role::Key)?)
}

fn is_same(a: &Arc<Table>, b: &Arc<Table>) -> bool {
    Arc::ptr_eq(a, b) || (a.name == b.name && a.schema == b.schema)
}

/// Whether an update writes a column of an index: foreign keys refer to no others.
fn writes_index(shape: &Shape) -> bool {
    let table = &shape.table;
    let is_indexed = |c: &Column| c.indexed || table.unique.iter().any(|u| u.columns.contains(&c.name));
    let written = shape.columns.iter().filter(|(_, role)| *role != Role::Key);
    written.filter_map(|(c, _)| table.columns.get(*c)).any(is_indexed)
}

fn refers(a: &Table, b: &Table) -> bool {
    a.references.iter().any(|r| r.eq_ignore_ascii_case(&b.name))
}
