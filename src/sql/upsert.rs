//! The one skeleton of all statements: shape + rows + dialect -> SQL text, and which of the shape's columns
//! each placeholder takes.

use crate::{
    model::change::{Op, Role, Shape},
    sql::{
        Form, Template,
        ident::{Dialect, GeneratedKeys},
        many::{self, Together},
        writer::{Writer, keys, updated},
    },
};

/// Renders the statements of a shape. `rows` are those that share a statement, where the shape's may
/// ([`many::together`]); without any each stands for itself, and an upsert is not one statement: where the row is there, it
/// would judge the proposed row by constraints that the update would keep.
#[must_use]
pub fn render(shape: &Shape, dialect: &Dialect, rows: usize) -> Form {
    let together = if rows > 0 { many::together(shape, dialect) } else { None };
    match shape.op {
        Op::Upsert if together == Some(Together::Upsert) => Form::Upsert(many::upsert(shape, dialect, rows)),
        Op::Update if together == Some(Together::Update) && rows > 1 => {
            Form::UpdateMany(many::update(shape, dialect, rows))
        }
        Op::Upsert => {
            Form::UpdateElseInsert { update: update(shape, dialect), insert: insert(shape, dialect, 1) }
        }
        Op::Update => Form::Update(update(shape, dialect)),
        Op::Insert if shape.generated.is_some() => {
            Form::InsertGenerating(generating(shape, dialect, rows.max(1)))
        }
        Op::Insert if keys(shape).next().is_some() => Form::InsertOnce(insert_once(shape, dialect)),
        Op::Insert => Form::Insert(insert(shape, dialect, rows.max(1))),
        Op::Delete => Form::Delete(delete(shape, dialect)),
    }
}

/// Renders the statement of guards: one that looks whether its row is there, or one of many rows that fails if so.
#[must_use]
pub fn render_guard(shape: &Shape, dialect: &Dialect, rows: usize) -> Form {
    if rows > 0 {
        Form::Insert(insert(shape, dialect, rows))
    } else {
        Form::InsertOnce(insert_once(shape, dialect))
    }
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

fn insert(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.values(rows);
    w.done()
}

/// An insert that leaves the generated column out and tells what it became.
fn generating(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.values(rows);
    if let (GeneratedKeys::ReturningClause, Some(column)) = (dialect.generated_keys, shape.generated) {
        w.text(" RETURNING ");
        w.column(column);
    }
    w.done()
}

fn insert_once(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.text(" SELECT ");
    w.inserted();
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

#[cfg(test)]
mod tests;
