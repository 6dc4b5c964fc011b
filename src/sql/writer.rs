//! Writes the SQL of one shape piece by piece and notes which value each placeholder takes. Decides nothing.

use crate::{
    model::{
        change::{Role, Shape},
        table::{ColumnType, Table},
    },
    sql::{Template, ident::Dialect},
};

/// The key's columns: (slot, column).
pub(super) fn keys(shape: &Shape) -> impl Iterator<Item = (usize, usize)> + '_ {
    all(shape).filter(|(_, _, role)| *role == Role::Key).map(|(slot, c, _)| (slot, c))
}

/// What an update sets: (slot, column, role). A shape of nothing but keys (and insert-only columns) sets its
/// first key to itself, so that the statement still tells whether the row is there.
pub(super) fn updated(shape: &Shape) -> impl Iterator<Item = (usize, usize, Role)> + '_ {
    let set = |role: &Role| matches!(role, Role::Always | Role::IfNull);
    let nothing = !shape.columns.iter().any(|(_, role)| set(role));
    let first_key = all(shape).find(|(_, _, role)| *role == Role::Key).filter(|_| nothing);
    first_key.into_iter().chain(all(shape).filter(move |(_, _, role)| set(role)))
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
    sql: String,
    slots: Vec<usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(shape: &'a Shape, dialect: &'a Dialect) -> Self {
        Self { shape, dialect, sql: String::with_capacity(256), slots: Vec::new() }
    }

    pub(super) fn done(self) -> Template {
        let columns = &self.shape.table.columns;
        let storage = |slot: &usize| Some(columns.get(self.shape.columns.get(*slot)?.0)?.storage);
        let binds = self.slots.iter().map(|slot| storage(slot).unwrap_or_default()).collect();
        Template { sql: self.sql.into(), slots: self.slots, binds }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.sql.push_str(text);
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
        self.dialect.push_table(&mut self.sql, &self.shape.table);
    }

    pub(super) fn column(&mut self, column: usize) {
        push_column(self.dialect, &mut self.sql, &self.shape.table, column);
    }

    /// The row's own value beside a proposed one.
    pub(super) fn qualified(&mut self, column: usize) {
        self.dialect.push_ident(&mut self.sql, &self.shape.table.name);
        self.sql.push('.');
        self.column(column);
    }

    pub(super) fn placeholder(&mut self, slot: usize) {
        self.sql.push('?');
        self.slots.push(slot);
    }

    /// `INSERT INTO t (...)`; the values are for the caller to write.
    pub(super) fn insert_into(&mut self) {
        self.text("INSERT INTO ");
        self.table();
        self.text(" (");
        self.list(inserted(self.shape), |w, (_, c)| w.column(c));
        self.text(")");
    }

    /// ` VALUES (?, ?), ...`, with the slots of the first row.
    pub(super) fn values(&mut self, rows: usize) {
        self.text(" VALUES (");
        self.inserted();
        self.text(")");
        let count = inserted(self.shape).count();
        for _ in 1..rows {
            self.text(", (");
            self.list(0..count, |w, _| w.text("?"));
            self.text(")");
        }
    }

    /// One placeholder for each column that an insert writes.
    pub(super) fn inserted(&mut self) {
        self.list(inserted(self.shape), |w, (slot, _)| w.placeholder(slot));
    }

    pub(super) fn by_key(&mut self) {
        self.text(" WHERE ");
        for (i, (slot, c)) in keys(self.shape).enumerate() {
            if i > 0 {
                self.text(" AND ");
            }
            self.column(c);
            self.text(" = ");
            push_compared(self.dialect, &mut self.sql, &self.shape.table, c);
            self.slots.push(slot);
        }
    }
}

pub(super) fn push_column(dialect: &Dialect, sql: &mut String, table: &Table, column: usize) {
    if let Some(column) = table.columns.get(column) {
        dialect.push_ident(sql, &column.name.0);
    }
}

/// A placeholder that a column is compared with.
pub(super) fn push_compared(dialect: &Dialect, sql: &mut String, table: &Table, column: usize) {
    match table.columns.get(column).map(|c| &c.kind) {
        Some(ColumnType::Decimal { precision, scale, .. }) if dialect.cast_decimal_keys => {
            let typed = format!("CAST(? AS DECIMAL({precision},{scale}))");
            sql.push_str(&typed);
        }
        _ => sql.push('?'),
    }
}
