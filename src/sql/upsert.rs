//! The one skeleton of all statements: shape + rows + dialect -> SQL text, and which of the shape's columns
//! each placeholder takes.

use std::sync::Arc;

use crate::{
    model::{
        change::{Op, Role, Shape},
        table::{ColumnType, Filled, UniqueIndex},
    },
    sql::{
        allowed,
        ident::{Bulk, Dialect},
    },
};

/// A statement's text with the order of its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// SQL with placeholders.
    pub sql: Arc<str>,
    /// For each placeholder of one row, the index of the value among the shape's columns.
    pub slots: Vec<usize>,
}

/// The statements of one shape, for a number of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// See [`crate::sql::Work::Upsert`]; as many rows as asked for.
    Upsert(Template),
    /// See [`crate::sql::Work::UpdateElseInsert`].
    UpdateElseInsert(Template, Template),
    /// See [`crate::sql::Work::Update`].
    Update(Template),
    /// See [`crate::sql::Work::Insert`].
    Insert(Template),
    /// See [`crate::sql::Work::InsertOnce`].
    InsertOnce(Template),
    /// See [`crate::sql::Work::Delete`].
    Delete(Template),
}

/// Whether many rows of this shape may go into one upsert. Chosen by the table's real indexes: a second unique
/// index could make `ON DUPLICATE KEY UPDATE` overwrite another row; a missing NOT NULL column, an insert
/// trigger or a counter would feel the attempted insert although the row is there. A login that may do the least needed may
/// not do this.
#[must_use]
pub fn is_bulk(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    let Some(index) = key_index(shape) else { return false };
    let alone = dialect.bulk == Bulk::OnConflict || table.unique.len() == 1;
    let written = |index: usize| shape.columns.iter().any(|(c, _)| *c == index);
    shape.op == Op::Upsert
        && alone
        && index.safe
        && !table.view
        && !table.insert_triggers
        && allowed::is_bulk(shape)
        && table
            .columns
            .iter()
            .enumerate()
            .all(|(i, c)| written(i) || matches!(c.filled, Filled::ByDefault | Filled::ByExpression))
}

/// The unique index whose columns are exactly the shape's key.
#[must_use]
pub fn key_index(shape: &Shape) -> Option<&UniqueIndex> {
    let table = &shape.table;
    let keys: Vec<_> = keys(shape).filter_map(|(_, c)| table.columns.get(c).map(|c| &c.name)).collect();
    table.unique.iter().find(|u| u.columns.len() == keys.len() && u.columns.iter().all(|c| keys.contains(&c)))
}

/// Renders the statements of a shape. `rows` are those that may share a [`Form::Upsert`]; without any it is not
/// used: where the row is there, it judges the proposed row by constraints that the update would keep.
#[must_use]
pub fn render(shape: &Shape, dialect: &Dialect, rows: usize) -> Form {
    match shape.op {
        Op::Upsert if rows > 0 && is_bulk(shape, dialect) => Form::Upsert(bulk(shape, dialect, rows)),
        Op::Upsert => Form::UpdateElseInsert(update(shape, dialect), insert(shape, dialect)),
        Op::Update => Form::Update(update(shape, dialect)),
        Op::Insert if keys(shape).next().is_some() => Form::InsertOnce(insert_once(shape, dialect)),
        Op::Insert => Form::Insert(insert(shape, dialect)),
        Op::Delete => Form::Delete(delete(shape, dialect)),
    }
}

fn bulk(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.text(" VALUES ");
    for row in 0..rows.max(1) {
        w.text(if row == 0 { "(" } else { ", (" });
        w.placeholders();
        w.text(")");
    }
    w.slots = (0..shape.columns.len()).collect();
    match dialect.bulk {
        Bulk::OnDuplicateKey => w.text(" ON DUPLICATE KEY UPDATE "),
        Bulk::OnConflict => {
            w.text(" ON CONFLICT (");
            w.list(keys(shape), |w, (_, c)| w.column(c));
            w.text(") DO UPDATE SET ");
        }
    }
    let proposed = |w: &mut Writer<'_>, c: usize| match dialect.bulk {
        Bulk::OnDuplicateKey => {
            w.text("VALUES(");
            w.column(c);
            w.text(")");
        }
        Bulk::OnConflict => {
            w.text("excluded.");
            w.column(c);
        }
    };
    // A unique index that the HIS has got since its description would make MySQL update another row: that row's key
    // is not the event's, and NULL in it is refused.
    let guards = keys(shape).filter(|_| dialect.bulk == Bulk::OnDuplicateKey);
    let guards = guards.map(|(slot, c)| (slot, c, Role::Key));
    let sets = updated(shape).filter(|(_, _, role)| dialect.bulk == Bulk::OnConflict || *role != Role::Key);
    w.list(guards.chain(sets), |w, (_, c, role)| {
        w.column(c);
        w.text(" = ");
        match role {
            Role::Key if dialect.bulk == Bulk::OnDuplicateKey => {
                w.text("IF(");
                w.qualified(c);
                w.text(" = ");
                proposed(w, c);
                w.text(", ");
                w.qualified(c);
                w.text(", NULL)");
            }
            Role::Key => w.column(c),
            Role::IfNull => {
                w.text("COALESCE(");
                w.qualified(c);
                w.text(", ");
                proposed(w, c);
                w.text(")");
            }
            Role::Always | Role::InsertOnly => proposed(w, c),
        }
    });
    w.done()
}

fn update(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.text("UPDATE ");
    w.table();
    w.text(" SET ");
    w.list(updated(shape), |w, (slot, c, role)| {
        w.column(c);
        w.text(" = ");
        match role {
            Role::Key => w.column(c),
            Role::IfNull => {
                w.text("COALESCE(");
                w.column(c);
                w.text(", ");
                w.placeholder(slot);
                w.text(")");
            }
            Role::Always | Role::InsertOnly => w.placeholder(slot),
        }
    });
    w.by_key();
    w.done()
}

fn insert(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.text(" VALUES (");
    w.placeholders();
    w.text(")");
    w.slots = (0..shape.columns.len()).collect();
    w.done()
}

fn insert_once(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.text(" SELECT ");
    w.placeholders();
    w.slots = (0..shape.columns.len()).collect();
    w.text(dialect.from_nothing);
    w.text(" WHERE NOT EXISTS (SELECT 1 FROM ");
    w.table();
    w.by_key();
    w.text(")");
    w.done()
}

fn delete(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.text("DELETE FROM ");
    w.table();
    w.by_key();
    w.done()
}

/// The key's columns: (slot, column).
fn keys(shape: &Shape) -> impl Iterator<Item = (usize, usize)> + '_ {
    shape
        .columns
        .iter()
        .enumerate()
        .filter(|(_, (_, role))| *role == Role::Key)
        .map(|(slot, (c, _))| (slot, *c))
}

/// What an update sets: (slot, column, role). A shape of nothing but keys (and insert-only columns) sets its
/// first key to itself, so that the statement still tells whether the row is there.
fn updated(shape: &Shape) -> impl Iterator<Item = (usize, usize, Role)> + '_ {
    let set = |role: &Role| matches!(role, Role::Always | Role::IfNull);
    let nothing = !shape.columns.iter().any(|(_, role)| set(role));
    let all = || shape.columns.iter().enumerate().map(|(slot, (c, role))| (slot, *c, *role));
    let first_key = all().find(|(_, _, role)| *role == Role::Key).filter(|_| nothing);
    first_key.into_iter().chain(all().filter(move |(_, _, role)| set(role)))
}

struct Writer<'a> {
    shape: &'a Shape,
    dialect: &'a Dialect,
    sql: String,
    slots: Vec<usize>,
}

impl<'a> Writer<'a> {
    fn new(shape: &'a Shape, dialect: &'a Dialect) -> Self {
        Self { shape, dialect, sql: String::with_capacity(256), slots: Vec::new() }
    }

    fn done(self) -> Template {
        Template { sql: self.sql.into(), slots: self.slots }
    }

    fn text(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        for (i, it) in items.enumerate() {
            if i > 0 {
                self.text(", ");
            }
            item(self, it);
        }
    }

    fn table(&mut self) {
        let table = &self.shape.table;
        if let Some(schema) = &table.schema {
            self.dialect.push_ident(&mut self.sql, schema);
            self.sql.push('.');
        }
        self.dialect.push_ident(&mut self.sql, &table.name);
    }

    fn column(&mut self, column: usize) {
        if let Some(column) = self.shape.table.columns.get(column) {
            self.dialect.push_ident(&mut self.sql, &column.name.0);
        }
    }

    /// The row's own value beside a proposed one.
    fn qualified(&mut self, column: usize) {
        self.dialect.push_ident(&mut self.sql, &self.shape.table.name);
        self.sql.push('.');
        self.column(column);
    }

    fn placeholder(&mut self, slot: usize) {
        self.sql.push('?');
        self.slots.push(slot);
    }

    /// One placeholder a column; the slots of a whole row are set by the caller.
    fn placeholders(&mut self) {
        let count = self.shape.columns.len();
        self.list(0..count, |w, _| w.text("?"));
    }

    fn insert_into(&mut self) {
        self.text("INSERT INTO ");
        self.table();
        self.text(" (");
        let shape = self.shape;
        self.list(shape.columns.iter(), |w, (c, _)| w.column(*c));
        self.text(")");
    }

    fn by_key(&mut self) {
        self.text(" WHERE ");
        let (shape, cast) = (self.shape, self.dialect.cast_decimal_keys);
        for (i, (slot, c)) in keys(shape).enumerate() {
            if i > 0 {
                self.text(" AND ");
            }
            self.column(c);
            self.text(" = ");
            match shape.table.columns.get(c).map(|c| &c.kind) {
                Some(ColumnType::Decimal { precision, scale, .. }) if cast => {
                    self.text("CAST(");
                    self.placeholder(slot);
                    self.text(&format!(" AS DECIMAL({precision},{scale}))"));
                }
                _ => self.placeholder(slot),
            }
        }
    }
}

#[cfg(test)]
mod tests;
