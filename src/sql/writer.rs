//! Writes the SQL of one shape piece by piece and notes which value each placeholder takes. Decides nothing.

use crate::{
    model::{
        change::{Role, Shape},
        table::{Filled, Storage, Table},
    },
    sql::{
        Template,
        casts::{Comparing, Use},
        ident::{Dialect, Placeholders, SetsNothing},
        text::Sql,
    },
};

/// The key's columns: (slot, column).
pub(super) fn keys(shape: &Shape) -> impl Iterator<Item = (usize, usize)> + '_ {
    all(shape).filter(|(_, _, role)| *role == Role::Key).map(|(slot, c, _)| (slot, c))
}

/// What an update sets: (slot, column, role). A shape of nothing but keys (and insert-only columns) sets a column to itself,
/// so that the statement still tells whether the row is there: its role is then that of a key.
pub(super) fn updated<'s>(
    shape: &'s Shape,
    dialect: &Dialect,
) -> impl Iterator<Item = (usize, usize, Role)> + use<'s> {
    let first_key = all(shape).find(|(_, _, role)| *role == Role::Key).filter(|_| sets_nothing(shape));
    let itself = first_key.map(|(slot, key, role)| (slot, settable(shape, dialect, key), role));
    itself.into_iter().chain(all(shape).filter(|(_, _, role)| is_set(*role)))
}

/// Whether an update of the shape has nothing to set.
pub(super) fn sets_nothing(shape: &Shape) -> bool {
    !shape.columns.iter().any(|(_, role)| is_set(*role))
}

fn is_set(role: Role) -> bool {
    matches!(role, Role::Always | Role::IfNull)
}

/// The key, or where the database may not let anybody set it, a column of no consequence.
fn settable(shape: &Shape, dialect: &Dialect, key: usize) -> usize {
    let table = &shape.table;
    let counted = table.columns.get(key).is_some_and(|c| c.filled.is_counted());
    if dialect.sets_nothing != SetsNothing::SetsOrdinary || !counted {
        return key;
    }
    let sql = Sql::new(dialect);
    let ordinary = table.columns.iter().enumerate().filter(|(i, c)| {
        matches!(c.filled, Filled::ByNobody | Filled::ByDefault)
            && sql.comparing(table, *i) == Comparing::Bare
            && table.may.update.covers(&c.name) != Some(false)
            && !keys(shape).any(|(_, k)| k == *i)
    });
    let in_index = |i: usize| {
        table
            .columns
            .get(i)
            .is_some_and(|c| c.indexed || table.unique.iter().any(|u| u.columns.contains(&c.name)))
    };
    ordinary.map(|(i, _)| i).min_by_key(|i| in_index(*i)).unwrap_or(key)
}

/// What an insert writes: (slot, column); all but what the table makes itself.
pub(super) fn inserted(shape: &Shape) -> impl Iterator<Item = (usize, usize)> + '_ {
    all(shape).filter(|(_, c, _)| shape.generated != Some(*c)).map(|(slot, c, _)| (slot, c))
}

fn all(shape: &Shape) -> impl Iterator<Item = (usize, usize, Role)> + '_ {
    shape.columns.iter().enumerate().map(|(slot, (c, role))| (slot, *c, *role))
}

pub(super) struct Writer<'a> {
    pub(super) shape: &'a Shape,
    pub(super) dialect: &'a Dialect,
    sql: Sql<'a>,
    slots: Vec<usize>,
    /// The column whose value a placeholder behind the row's gives back.
    made: Option<usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(shape: &'a Shape, dialect: &'a Dialect) -> Self {
        Self { shape, dialect, sql: Sql::new(dialect), slots: Vec::new(), made: None }
    }

    pub(super) fn done(self) -> Template {
        let columns = self.slots.iter().filter_map(|slot| Some(self.shape.columns.get(*slot)?.0));
        let storage = |column: usize| self.table_of().columns.get(column).map_or(Storage::Any, |c| c.storage);
        let binds = columns.chain(self.made).map(storage).collect();
        Template { sql: self.sql.done(), slots: self.slots, binds }
    }

    fn table_of(&self) -> &'a Table {
        &self.shape.table
    }

    pub(super) fn text(&mut self, text: &str) {
        self.sql.push(text);
    }

    pub(super) fn list<T>(&mut self, items: impl Iterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        for (i, it) in items.enumerate() {
            if i > 0 {
                self.text(", ");
            }
            item(self, it);
        }
    }

    pub(super) fn table(&mut self) {
        self.sql.table(&self.shape.table);
    }

    pub(super) fn column(&mut self, column: usize) {
        self.sql.column(self.table_of(), column);
    }

    /// A column in an expression.
    pub(super) fn operand(&mut self, column: usize) {
        self.sql.operand(self.table_of(), column);
    }

    /// The row's own value beside a proposed one.
    pub(super) fn qualified(&mut self, column: usize) {
        self.sql.name(&self.shape.table.name);
        self.text(".");
        self.column(column);
    }

    /// A placeholder without regard to what its column is.
    pub(super) fn placeholder(&mut self, slot: usize) {
        self.sql.placeholder();
        self.slots.push(slot);
    }

    /// A placeholder of a further row, whose slots are the first one's.
    pub(super) fn further_placeholder(&mut self) {
        self.sql.placeholder();
    }

    /// A placeholder whose value a column gets.
    pub(super) fn assigned(&mut self, slot: usize) {
        self.value(slot, Use::Assigned);
    }

    fn value(&mut self, slot: usize, what: Use) {
        let column = self.shape.columns.get(slot).map_or(usize::MAX, |(c, _)| *c);
        let again = match self.dialect.placeholders {
            Placeholders::AtP => self.slots.iter().position(|s| *s == slot).map(|place| place + 1),
            Placeholders::Question | Placeholders::Colon => None,
        };
        self.sql.value(self.table_of(), column, what, again);
        if again.is_none() {
            self.slots.push(slot);
        }
    }

    /// A placeholder behind all others, which gives a column's value back.
    pub(super) fn made(&mut self, column: usize) {
        self.sql.placeholder();
        self.made = Some(column);
    }

    /// `INSERT INTO t (...)`; the values are for the caller to write.
    pub(super) fn insert_into(&mut self) {
        self.text("INSERT INTO ");
        self.table();
        self.text(" ");
        self.inserted_columns();
    }

    /// `(...)`, the columns that an insert writes.
    pub(super) fn inserted_columns(&mut self) {
        self.text("(");
        self.list(inserted(self.shape), |w, (_, c)| w.column(c));
        self.text(")");
    }

    /// ` VALUES (?, ?), ...`, with the slots of the first row; of rows that are an array the first one's alone.
    pub(super) fn values(&mut self, rows: usize) {
        self.text(" VALUES (");
        self.inserted();
        self.text(")");
        for _ in 1..if self.dialect.arrays { 1 } else { rows } {
            self.text(", (");
            self.list(inserted(self.shape), |w, (_, c)| w.sql.value(&w.shape.table, c, Use::Assigned, None));
            self.text(")");
        }
    }

    /// One placeholder for each column that an insert writes.
    pub(super) fn inserted(&mut self) {
        self.list(inserted(self.shape), |w, (slot, _)| w.assigned(slot));
    }

    pub(super) fn by_key(&mut self) {
        self.text(" WHERE ");
        for (i, (slot, c)) in keys(self.shape).enumerate() {
            if i > 0 {
                self.text(" AND ");
            }
            self.operand(c);
            self.text(" = ");
            self.value(slot, Use::Compared);
        }
    }
}
