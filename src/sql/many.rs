//! Statements of many rows, and which shapes may have them. Where one of the rows is not as it should be, such a statement
//! fails as a whole; the caller halves it until the row stands alone with a statement of its own.

use crate::{
    model::{
        change::{Op, Role, Shape},
        table::{ColumnType, Filled, Storage, TextLength, UniqueIndex},
    },
    sql::{
        Template, allowed,
        ident::{Bulk, Dialect, ManyUpdates},
        upsert,
        writer::{Writer, inserted, keys, sets_nothing, updated},
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
    if dialect.arrays && !fits_array(shape) {
        return None;
    }
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
    let of_params = dialect.params_max / shape.columns.len().max(1);
    let rows = if dialect.arrays { dialect.rows_max } else { dialect.rows_max.min(of_params) };
    match (dialect.many_updates, together(shape, dialect)) {
        (ManyUpdates::JoinedSelects { rows_max }, Some(Together::Update)) => rows.min(rows_max),
        _ => rows,
    }
}

/// Whether guards of this shape may be inserted many at a time: an index refuses what is there already.
#[must_use]
pub fn guards_together(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    table.transactional
        && !table.view
        && key_index(shape).is_some_and(|index| index.safe)
        && (!dialect.arrays || fits_array(shape))
}

/// Whether rows may be an array: the values of a column are bound as one type, which has to be known; and a `LONG` is no
/// column of a query.
fn fits_array(shape: &Shape) -> bool {
    let column = |(c, _): &(usize, Role)| shape.table.columns.get(*c);
    shape.columns.iter().filter_map(column).all(|column| {
        column.storage != Storage::Any && !column.declared.to_ascii_uppercase().starts_with("LONG")
    })
}

/// Whether rows may share an upsert. Chosen by the table's real indexes: a second unique
/// index could make `ON DUPLICATE KEY UPDATE` overwrite another row; a missing NOT NULL column, an insert
/// trigger or a counter would feel the attempted insert although the row is there.
pub(super) fn is_bulk(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    let Some(index) = key_index(shape) else { return false };
    let alone = match dialect.bulk {
        Bulk::OnDuplicateKey => table.unique.len() == 1,
        Bulk::OnConflict | Bulk::Merge => true,
        Bulk::Never => false,
    };
    let written = |index: usize| shape.columns.iter().any(|(c, _)| *c == index);
    alone
        && index.safe
        && !table.view
        && !table.insert_triggers
        && allowed::is_bulk(shape, dialect.bulk)
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
        Some(c) => counted(c) && dialect.generated_keys.of_many(table.insert_triggers),
    };
    keys_known && table.transactional && !table.view
}

/// Whether rows may share an update.
fn may_update(shape: &Shape, dialect: &Dialect) -> bool {
    let table = &shape.table;
    let kind = |c: usize| table.columns.get(c).map(|c| &c.kind);
    let comparable = |c: usize| match (dialect.many_updates, kind(c)) {
        // Each row is compared by itself.
        (ManyUpdates::Array, _)
        | (_, Some(ColumnType::Int { .. }))
        | (ManyUpdates::FromValues, Some(ColumnType::Text { .. })) => true,
        _ => false,
    };
    let unchanged = |c: usize| match dialect.many_updates {
        ManyUpdates::FromValues | ManyUpdates::Array | ManyUpdates::Never => true,
        ManyUpdates::JoinedSelects { .. } => kind(c).and_then(derived).is_some(),
    };
    dialect.many_updates != ManyUpdates::Never
        && table.transactional
        && !table.view
        && key_index(shape).is_some_and(|index| index.safe)
        && keys(shape).all(|(_, c)| comparable(c))
        && updated(shape, dialect).all(|(_, c, _)| unchanged(c))
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
    if dialect.bulk == Bulk::Merge {
        merge(&mut w);
        return w.done();
    }
    w.insert_into();
    w.values(rows);
    let by_conflict = dialect.bulk == Bulk::OnConflict;
    if by_conflict {
        w.text(" ON CONFLICT (");
        w.list(keys(shape), |w, (_, c)| w.column(c));
        w.text(") DO UPDATE SET ");
    } else {
        w.text(" ON DUPLICATE KEY UPDATE ");
    }
    let proposed = |w: &mut Writer<'_>, c: usize| {
        w.text(if by_conflict { "excluded." } else { "VALUES(" });
        w.column(c);
        w.text(if by_conflict { "" } else { ")" });
    };
    // A unique index that the HIS has got since its description would make MySQL update another row: that row's key
    // is not the event's, and NULL in it is refused.
    let guards = keys(shape).filter(|_| !by_conflict);
    let guards = guards.map(|(slot, c)| (slot, c, Role::Key));
    let sets = updated(shape, dialect).filter(|(_, _, role)| by_conflict || *role != Role::Key);
    w.list(guards.chain(sets), |w, (_, c, role)| {
        w.column(c);
        w.text(" = ");
        match role {
            Role::Key if by_conflict => w.column(c),
            Role::Key => {
                w.text("IF(");
                w.qualified(c);
                w.text(" = ");
                proposed(w, c);
                w.text(", ");
                w.qualified(c);
                w.text(", NULL)");
            }
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

/// `MERGE`, of one row: no column of ON may be in SET (ORA-38104), and nothing but keys is not set at all.
fn merge(w: &mut Writer<'_>) {
    let column = |w: &mut Writer<'_>, of: &str, c: usize| {
        w.text(of);
        w.column(c);
    };
    let (shape, dialect) = (w.shape, w.dialect);
    w.text("MERGE INTO ");
    w.table();
    w.text(" t USING (SELECT ");
    w.list(inserted(shape), |w, (slot, c)| {
        w.assigned(slot);
        column(w, " AS ", c);
    });
    w.text(dialect.from_nothing);
    w.text(") s ON (");
    for (i, (_, c)) in keys(shape).enumerate() {
        column(w, if i > 0 { " AND t." } else { "t." }, c);
        column(w, " = s.", c);
    }
    w.text(")");
    if !sets_nothing(shape) {
        w.text(" WHEN MATCHED THEN UPDATE SET ");
        w.list(updated(shape, dialect), |w, (_, c, role)| {
            column(w, "t.", c);
            if role == Role::IfNull {
                column(w, " = COALESCE(t.", c);
                column(w, ", s.", c);
                w.text(")");
            } else {
                column(w, " = s.", c);
            }
        });
    }
    w.text(" WHEN NOT MATCHED THEN INSERT ");
    w.inserted_columns();
    w.text(" VALUES (");
    w.list(inserted(shape), |w, (_, c)| column(w, "s.", c));
    w.text(")");
}

/// Updates rows by key, each with values of its own.
pub(super) fn update(shape: &Shape, dialect: &Dialect, rows: usize) -> Template {
    let mut w = Writer::new(shape, dialect);
    // (slot, column) of each derived column.
    let set = updated(shape, dialect).filter(|(_, _, role)| *role != Role::Key);
    let columns: Vec<(usize, usize)> = keys(shape).chain(set.map(|(slot, c, _)| (slot, c))).collect();
    match dialect.many_updates {
        ManyUpdates::Array | ManyUpdates::Never => return upsert::update(shape, dialect),
        ManyUpdates::JoinedSelects { .. } => {
            w.text("UPDATE (");
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
            w.text("UPDATE ");
            w.table();
            w.text(" AS t SET ");
            assignments(&mut w, &columns);
            w.text(" FROM (VALUES (");
            w.list(columns.iter(), |w, (slot, _)| w.placeholder(*slot));
            w.text(")");
            for _ in 1..rows {
                w.text(", (");
                w.list(columns.iter(), |w, _| w.further_placeholder());
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
                w.further_placeholder();
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
    w.list(updated(shape, w.dialect), |w, (slot, _, role)| {
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
    if matches!(w.dialect.many_updates, ManyUpdates::JoinedSelects { .. }) {
        w.text(&format!("s.v{i}"));
    } else {
        w.text(&format!("s.column{}", i + 1));
    }
}
