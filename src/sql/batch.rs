//! Packs the changes of many events into the statements of one transaction: rows of one shape share a
//! statement, as far as the order of an entity's events and of tables that refer to each other allows.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    model::{
        change::{Act, Cell, Change, EventChange, Shape},
        entity::Entity,
    },
    sql::{
        Batch, Form, Row, StatementBytes, Template, Work,
        ident::Dialect,
        many::{Together, guards_together, rows_max, together},
        order::{Name, Order, Step},
        upsert::{render, render_guard},
    },
};

/// Statement texts that are remembered.
const FORMS_MAX: usize = 1024;
/// Groups of one kind that a change may still join. More than one, because a record that comes twice needs two updates: what
/// comes between and behind goes on joining the first.
const OPEN_MAX: usize = 8;
/// From so many rows on, a statement is cut at a power of two rather than filled to the last byte.
const ROWS_ROUND: usize = 16;

/// Renders batches and remembers the texts. Lives as long as the shapes that it was given.
#[derive(Debug)]
pub struct Packer {
    dialect: &'static Dialect,
    bytes: StatementBytes,
    /// By the shape's address, the rows, and whether it is that of guards.
    forms: HashMap<(usize, usize, bool), Remembered>,
}

/// A form, with the shape that its address stands for.
#[derive(Debug)]
struct Remembered {
    form: Arc<Form>,
    _shape: Arc<Shape>,
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
        let events: Vec<_> = events.collect();
        let mut bases = Vec::with_capacity(events.len() + 1);
        let mut slots = 0;
        for event in &events {
            bases.push(slots);
            slots += event.rows.len();
        }
        bases.push(slots);
        let wanted = wanted(&events, &bases);
        let mut works = Vec::new();
        for group in self.group(&events, &bases) {
            let shared = group.together.is_some() && events.len() > 1;
            let mut rows = group.rows.as_slice();
            while !rows.is_empty() {
                let take = match (shared, self.dialect.arrays) {
                    (false, _) => 1,
                    (true, true) => rows.len(),
                    // Halves of the largest statement: a few texts serve every number of rows.
                    (true, false) => largest_power_of_two(rows.len()),
                };
                let (now, later) = rows.split_at(take);
                works.extend(self.work(now, if shared { take } else { 0 }));
                rows = later;
            }
        }
        Batch { works, replay, bases, wanted }
    }

    fn group<'a>(&self, events: &[&'a EventChange], bases: &[usize]) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut open: HashMap<Kind, Vec<usize>> = HashMap::new();
        let mut order = Order::default();
        let mut earlier = Vec::new();
        for (event, base) in events.iter().copied().zip(bases.iter().copied()) {
            earlier.clear();
            for (index, change) in event.rows.iter().enumerate() {
                let row = Row { change, base, slot: base + index };
                let size = change.values.iter().map(Cell::size).sum();
                let step = Step { event, change, earlier: &earlier };
                let name = Name::of(event, change);
                let earliest = order.earliest(&step, &name);
                let fits = |place: usize| {
                    place >= earliest
                        && groups.get(place).is_some_and(|group| {
                            group.together != Some(Together::Update) || !order.holds(&step, &name, place)
                        })
                };
                let open = open.entry(Kind::of(change)).or_default();
                // What is full once is closed, so that no shorter row goes ahead.
                open.retain(|place| groups.get(*place).is_some_and(|group| self.has_room(group, size)));
                let place = open.iter().copied().find(|place| fits(*place)).unwrap_or(groups.len());
                order.stands(&step, name, place);
                earlier.push(place);
                if let Some(group) = groups.get_mut(place) {
                    group.rows.push(row);
                    group.bytes += size;
                } else {
                    groups.push(self.begin(row, size));
                    if open.len() >= OPEN_MAX {
                        open.remove(0);
                    }
                    open.push(place);
                }
            }
        }
        groups
    }

    fn begin<'a>(&self, row: Row<'a>, bytes: usize) -> Group<'a> {
        let guarded =
            row.change.guard.as_ref().is_none_or(|guard| guards_together(&guard.shape, self.dialect));
        let shape = row.change.shape().filter(|_| guarded);
        let together = shape.and_then(|shape| together(shape, self.dialect));
        let guard_rows_max =
            row.change.guard.as_ref().map_or(usize::MAX, |g| rows_max(&g.shape, self.dialect));
        let rows_max = shape.map_or(1, |shape| rows_max(shape, self.dialect)).min(guard_rows_max);
        Group { together, rows_max, rows: vec![row], bytes }
    }

    fn has_room(&self, group: &Group<'_>, size: usize) -> bool {
        group.together.is_some() && group.rows.len() < group.rows_max && !self.is_full(group, size)
    }

    /// Full by bytes; or so full that it is better left at a number of rows that makes one statement.
    fn is_full(&self, group: &Group<'_>, size: usize) -> bool {
        let halves = !self.dialect.arrays;
        let rounded = halves && group.rows.len().is_power_of_two() && group.rows.len() >= ROWS_ROUND;
        group.bytes + size > self.bytes.best || (rounded && group.bytes * 2 > self.bytes.best)
    }

    /// The statement of rows of one kind; without a number of rows that share it, it is a single one's.
    fn work<'a>(&mut self, rows: &[Row<'a>], shared: usize) -> Option<Work<'a>> {
        let change = rows.first()?.change;
        let guard = change.guard.as_ref().map(|guard| self.form(&guard.shape, shared, true));
        let form = match &change.act {
            Act::Row(shape) => self.form(shape, shared, false),
            Act::Call(call) => {
                let slots = (0..change.values.len()).collect();
                Arc::new(Form::Call(Template { sql: Arc::clone(&call.sql), slots, binds: [].into() }))
            }
        };
        Some(Work { form, guard, rows: rows.to_vec() })
    }

    fn form(&mut self, shape: &Arc<Shape>, rows: usize, guards: bool) -> Arc<Form> {
        let render = if guards { render_guard } else { render };
        // An array's text is the same for any number of rows.
        let rows = if self.dialect.arrays { rows.min(2) } else { rows };
        let remembered = self.forms.entry((Arc::as_ptr(shape) as usize, rows, guards)).or_insert_with(|| {
            let form = Arc::new(render(shape, self.dialect, rows));
            Remembered { form, _shape: Arc::clone(shape) }
        });
        Arc::clone(&remembered.form)
    }
}

/// The slots of the inserts whose keys other events want.
fn wanted(events: &[&EventChange], bases: &[usize]) -> HashMap<Entity, usize> {
    let needs: HashSet<&Entity> =
        events.iter().flat_map(|event| event.rows.iter().flat_map(Change::needs)).collect();
    if needs.is_empty() {
        return HashMap::new();
    }
    let of_event = |(event, base): (&&EventChange, &usize)| {
        let slots = event.rows.iter().zip(*base..);
        let made = slots.filter(|(change, _)| change.inserted().is_some() && needs.contains(&change.entity));
        made.map(|(change, slot)| (change.entity.clone(), slot)).collect::<Vec<_>>()
    };
    events.iter().zip(bases).flat_map(of_event).collect()
}

/// What changes with the same statements share.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    act: usize,
    guard: usize,
}

impl Kind {
    fn of(change: &Change) -> Self {
        let act = match &change.act {
            Act::Row(shape) => Arc::as_ptr(shape) as usize,
            Act::Call(call) => Arc::as_ptr(call) as usize,
        };
        Self { act, guard: change.guard.as_ref().map_or(0, |guard| Arc::as_ptr(&guard.shape) as usize) }
    }
}

#[derive(Debug)]
struct Group<'a> {
    /// None where it has but one row.
    together: Option<Together>,
    rows_max: usize,
    rows: Vec<Row<'a>>,
    bytes: usize,
}

fn largest_power_of_two(n: usize) -> usize {
    if n == 0 { 0 } else { 1 << n.ilog2() }
}

#[cfg(test)]
mod tests;
