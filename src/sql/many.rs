//! Statements of many rows, and which shapes may have them. Where one of the rows is not as it should be, such a statement
//! fails as a whole; the caller halves it until the row stands alone with a statement of its own.

use crate::{
    limits,
    model::{
        change::{Op, Role, Shape},
        table::{ColumnType, Filled, TextLength, UniqueIndex},
    },
    sql::{
        Template, allowed,
        ident::{Bulk, Dialect, GeneratedKeys, ManyUpdates},
        writer::{Writer, keys, updated},
    },
};

/// Longest text that a derived column is declared for.
const DERIVED_CHARS_MAX: u64 = 65_535;
/// `YYYY-MM-DD HH:MM:SS.ffffff`.
const DATE_TIME_CHARS: u64 = 26;

/// How rows of one shape share a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// Inserted or updated, by key.
    Upsert,
    /// Inserted.
    Insert,
    /// Updated by key; no two of them may be the same row.
    Update,
}

/// How rows of this shape may share a statement; none where each needs one of its own.
#[must_use]
pub fn together(shape: &Shape, dialect: &Dialect) -> Option<Together> {
    match shape.op {
        Op::Update => may_update(shape, dialect).then_some(Together::Update),
        Op::Upsert => is_bulk(shape, dialect).then_some(Together::Upsert),
        Op::Insert => may_insert(shape, dialect).then_some(Together::Insert),
        Op::Delete => None,
    }
}

/// How many rows of this shape share a statement at most.
#[must_use]
pub fn rows_max(shape: &Shape, dialect: &Dialect) -> usize {
    let rows = limits::STATEMENT_ROWS_MAX.min(dialect.params_max / shape.columns.len().max(1));
    match (dialect.many_updates, together(shape, dialect)) {
        (ManyUpdates::JoinedSelects { rows_max }, Some(Together::Update)) => rows.min(rows_max),
        _ => rows,
    }
}

/// Whether guards of this shape may be inserted many at a time: an index refuses what is there already.
#[must_use]
pub fn guards_together(shape: &Shape) -> bool {
    shape.table.transactional && !shape.table.view && key_index(shape).is_some_and(|index| index.safe)
}

/// Whether rows may share an upsert. Chosen by the table's real indexes: a second unique
/// index could make `ON DUPLICATE KEY UPDATE` overwrite another row; a missing NOT NULL column, an insert
/// trigger or a counter would feel the attempted insert although the row is there.
pub(super) fn is_bulk(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    let Some(index) = key_index(shape) else { return false };
    let alone = dialect.bulk == Bulk::OnConflict || table.unique.len() == 1;
    let written = |index: usize| shape.columns.iter().any(|(c, _)| *c == index);
    alone
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

/// Whether rows may share a plain insert. What a table without transactions has taken would stay when the statement fails;
/// a trigger could give single rows other keys than the server counts.
fn may_insert(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    let counted = |c: usize| table.columns.get(c).is_some_and(|c| c.filled.is_counted());
    let keys_known = match shape.generated {
        None => keys(shape).next().is_none(),
        Some(c) => {
            counted(c) && (dialect.generated_keys == GeneratedKeys::ReturningClause || !table.insert_triggers)
        }
    };
    keys_known && table.transactional && !table.view
}

/// Whether rows may share an update.
fn may_update(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    let kind = |c: usize| table.columns.get(c).map(|c| &c.kind);
    let comparable = |c: usize| match kind(c) {
        Some(ColumnType::Int { .. }) => true,
        Some(ColumnType::Text { .. }) => dialect.many_updates == ManyUpdates::FromValues,
        _ => false,
    };
    let unchanged = |c: usize| match dialect.many_updates {
        ManyUpdates::FromValues => true,
        ManyUpdates::JoinedSelects { .. } => kind(c).and_then(derived).is_some(),
    };
    table.transactional
        && !table.view
        && key_index(shape).is_some_and(|index| index.safe)
        && keys(shape).all(|(_, c)| comparable(c))
        && updated(shape).all(|(_, c, _)| unchanged(c))
}

/// What stands before and after a placeholder in a derived table, so that its type is this column's and no other row's
/// value or NULL has a say in it. None where a value could be changed on its way: `CAST(? AS BINARY(n))` pads it, and the
/// type of a text without a known length depends on the server's version.
fn derived(kind: &ColumnType) -> Option<(&'static str, String)> {
    let chars = |n: u64| (n <= DERIVED_CHARS_MAX).then(|| ("CAST(", format!(" AS CHAR({}))", n.max(1))));
    let count = |text: &str| text.chars().count() as u64;
    match kind {
        ColumnType::Int { max, .. } if *max > i128::from(i64::MAX) => {
            Some(("CAST(", " AS UNSIGNED)".to_owned()))
        }
        ColumnType::Int { .. } | ColumnType::Year => Some(("CAST(", " AS SIGNED)".to_owned())),
        ColumnType::Decimal { precision, scale, .. } => {
            Some(("CAST(", format!(" AS DECIMAL({precision},{scale}))")))
        }
        // Not + 0e0, which makes -0 of it 0.
        ColumnType::Float { .. } => Some(("(", " * 1e0)".to_owned())),
        // A character has one byte at least.
        ColumnType::Text {
            length: TextLength::Chars(n) | TextLength::Bytes(n) | TextLength::Units(n),
            ..
        } => chars(*n),
        ColumnType::Choice { members, many: false } => {
            chars(members.iter().map(|m| count(m)).max().unwrap_or(0))
        }
        ColumnType::Choice { members, many: true } => chars(count(&members.join(","))),
        // Dates and times travel as text, and the column reads them as if they were bound to it.
        ColumnType::Date
        | ColumnType::Time { .. }
        | ColumnType::DateTime { .. }
        | ColumnType::Timestamp { .. } => chars(DATE_TIME_CHARS),
        ColumnType::Text { length: TextLength::Unlimited, .. }
        | ColumnType::Bytes { .. }
        | ColumnType::Money { .. }
        | ColumnType::Guid
        | ColumnType::Json
        | ColumnType::Other => None,
    }
}

/// Inserts or updates rows by key.
pub(super) fn upsert(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    w.insert_into();
    w.values(rows);
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

/// Updates rows by key, each with values of its own.
pub(super) fn update(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    // (slot, column) of each derived column.
    let set = updated(shape).filter(|(_, _, role)| *role != Role::Key);
    let columns: Vec<(usize, usize)> = keys(shape).chain(set.map(|(slot, c, _)| (slot, c))).collect();
    w.text("UPDATE ");
    match dialect.many_updates {
        ManyUpdates::JoinedSelects { .. } => {
            w.text("(");
            joined_selects(&mut w, &columns, rows);
            // In this order, so that each row is looked up by its key and no other one is locked.
            w.text(") AS s STRAIGHT_JOIN ");
            w.table();
            w.text(" AS t ON ");
            same_keys(&mut w, &columns);
            w.text(" SET ");
            assignments(&mut w, &columns);
        }
        ManyUpdates::FromValues => {
            w.table();
            w.text(" AS t SET ");
            assignments(&mut w, &columns);
            w.text(" FROM (VALUES (");
            w.list(columns.iter(), |w, (slot, _)| w.placeholder(*slot));
            w.text(")");
            for _ in 1..rows {
                w.text(", (");
                w.list(columns.iter(), |w, _| w.text("?"));
                w.text(")");
            }
            w.text(") AS s WHERE ");
            same_keys(&mut w, &columns);
        }
    }
    w.done()
}

fn joined_selects(w: &mut Writer<'_>, columns: &[(usize, usize)], rows: usize) {
    let table = &w.shape.table;
    let types: Vec<_> = columns.iter().filter_map(|(_, c)| derived(&table.columns.get(*c)?.kind)).collect();
    for row in 0..rows {
        w.text(if row == 0 { "SELECT " } else { " UNION ALL SELECT " });
        w.list(columns.iter().zip(&types).enumerate(), |w, (i, ((slot, _), (before, after)))| {
            w.text(before);
            if row == 0 {
                w.placeholder(*slot);
            } else {
                w.text("?");
            }
            w.text(after);
            if row == 0 {
                w.text(&format!(" AS v{i}"));
            }
        });
    }
}

fn same_keys(w: &mut Writer<'_>, columns: &[(usize, usize)]) {
    for i in 0..keys(w.shape).count() {
        if i > 0 {
            w.text(" AND ");
        }
        own(w, columns, i);
        w.text(" = ");
        proposed(w, i);
    }
}

fn assignments(w: &mut Writer<'_>, columns: &[(usize, usize)]) {
    let shape = w.shape;
    w.list(updated(shape), |w, (slot, _, role)| {
        let Some(i) = columns.iter().position(|(s, _)| *s == slot) else { return };
        if matches!(w.dialect.many_updates, ManyUpdates::JoinedSelects { .. }) {
            own(w, columns, i);
        } else if let Some((_, c)) = columns.get(i) {
            w.column(*c);
        }
        w.text(" = ");
        match role {
            Role::Key => own(w, columns, i),
            Role::IfNull => {
                w.text("COALESCE(");
                own(w, columns, i);
                w.text(", ");
                proposed(w, i);
                w.text(")");
            }
            Role::Always | Role::InsertOnly => proposed(w, i),
        }
    });
}

/// The row's own value.
fn own(w: &mut Writer<'_>, columns: &[(usize, usize)], i: usize) {
    w.text("t.");
    if let Some((_, c)) = columns.get(i) {
        w.column(*c);
    }
}

/// The value that it is to get.
fn proposed(w: &mut Writer<'_>, i: usize) {
    match w.dialect.many_updates {
        ManyUpdates::JoinedSelects { .. } => w.text(&format!("s.v{i}")),
        ManyUpdates::FromValues => w.text(&format!("s.column{}", i + 1)),
    }
}
