//! The one skeleton of all statements: shape + rows + dialect -> SQL text, and which of the shape's columns
//! each placeholder takes.

use crate::{
    model::{
        change::{Op, Role, Shape},
        table::Filled,
    },
    sql::{
        Form, Template,
        casts::{Use, cast_to},
        ident::{Bulk, Dialect, GeneratedKeys, SetsNothing},
        many::{self, Together},
        writer::{Writer, keys, sets_nothing, updated},
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
        Op::Upsert if dialect.bulk == Bulk::Never => Form::UpdateOrInsert(update_or_insert(shape, dialect)),
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

/// The update of one row, or of each of an array.
pub(super) fn update(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    if counts(shape, dialect) {
        w.text("SELECT COUNT(*) AS matched FROM ");
        w.table();
        w.text(" WITH (UPDLOCK)");
        w.by_key();
        return w.done();
    }
    w.text("UPDATE ");
    w.table();
    set(&mut w);
    w.by_key();
    w.text(dialect.matched);
    w.done()
}

/// Whether the row is counted rather than updated.
fn counts(shape: &Shape, dialect: &Dialect) -> bool {
    dialect.sets_nothing == SetsNothing::Counts && sets_nothing(shape)
}

fn set(w: &mut Writer<'_>) {
    w.text(" SET ");
    w.list(updated(w.shape, w.dialect), |w, (slot, c, role)| {
        w.column(c);
        w.text(" = ");
        match role {
            Role::Key => w.column(c),
            Role::IfNull => {
                w.text("COALESCE(");
                w.operand(c);
                w.text(", ");
                w.assigned(slot);
                w.text(")");
            }
            Role::Always | Role::InsertOnly => w.assigned(slot),
        }
    });
}

/// The update of one row and, where it matched none, its insert, in one batch: the locks keep others from inserting the row
/// in between. Tells how many rows the update matched.
fn update_or_insert(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.text("DECLARE @n int; ");
    if counts(shape, dialect) {
        w.text("SELECT @n = COUNT(*) FROM ");
        w.table();
        w.text(dialect.insert_hint);
        w.by_key();
    } else {
        w.text("UPDATE ");
        w.table();
        w.text(dialect.insert_hint);
        set(&mut w);
        w.by_key();
        // At once: whatever comes next counts anew.
        w.text("; SET @n = @@ROWCOUNT");
    }
    w.text("; IF @n = 0 ");
    w.insert_into();
    w.values(1);
    w.text("; SELECT @n AS matched");
    w.done()
}

fn insert(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.values(rows);
    w.text(dialect.matched);
    w.done()
}

/// An insert that leaves the generated column out and tells what it became.
fn generating(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    let column = shape.generated.and_then(|c| Some((c, shape.table.columns.get(c)?)));
    match (dialect.generated_keys, column) {
        (GeneratedKeys::ReturningClause, Some((c, _))) => {
            w.insert_into();
            w.values(rows);
            w.text(" RETURNING ");
            w.column(c);
        }
        (GeneratedKeys::ReturningInto, Some((c, _))) => {
            w.insert_into();
            w.values(1);
            w.text(" RETURNING ");
            w.column(c);
            w.text(" INTO ");
            w.made(c);
        }
        (GeneratedKeys::ScopeIdentity, Some((_, column))) if column.filled == Filled::ByIdentity => {
            w.insert_into();
            w.values(1);
            w.text("; SELECT SCOPE_IDENTITY() AS made");
        }
        (GeneratedKeys::ScopeIdentity, Some((c, column))) => {
            let known = cast_to(&column.declared, Use::Compared);
            w.text("DECLARE @made TABLE (k ");
            w.text(known.as_deref().unwrap_or("nvarchar(max)"));
            w.text("); ");
            w.insert_into();
            w.text(" OUTPUT INSERTED.");
            w.column(c);
            w.text(" INTO @made");
            w.values(1);
            w.text("; SELECT k AS made FROM @made");
        }
        (GeneratedKeys::LastInsertId, _) | (_, None) => {
            w.insert_into();
            w.values(rows);
        }
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
    w.text(dialect.insert_hint);
    w.by_key();
    w.text(")");
    w.text(dialect.matched);
    w.done()
}

fn delete(shape: &Shape, dialect: &Dialect) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.text("DELETE FROM ");
    w.table();
    w.by_key();
    w.text(dialect.matched);
    w.done()
}

#[cfg(test)]
mod tests;
