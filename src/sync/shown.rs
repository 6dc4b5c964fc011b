//! What a rehearsed change did to its row, as it is shown: each column before and after. Pure; decides nothing.

use crate::model::{
    change::{Cell, Change, Op, Role},
    value::SqlValue,
};

/// Texts of a row's columns, by their places in the table; NULL is none.
pub(super) type Texts = Vec<(usize, Option<String>)>;

/// What a change did, or, where its row cannot be read, was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It made a row.
    Insert,
    /// It changed a row.
    Update,
    /// It removed a row.
    Delete,
    /// It updates the row, or makes it: which of them is not known, because the row cannot be read.
    Upsert,
    /// It left all as it was.
    Nothing,
    /// It ran a statement of the configuration's own.
    Statement,
}

impl Does {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Upsert => "upsert",
            Self::Nothing => "nothing",
            Self::Statement => "statement",
        }
    }
}

/// A column of a changed row, or a parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownColumn {
    /// Its name.
    pub name: String,
    /// The change names it.
    pub written: bool,
    /// What it held.
    pub before: Side,
    /// What it holds.
    pub after: Side,
}

/// What a column holds before or after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// There is no row, or it cannot be read.
    Nothing,
    /// NULL.
    Null,
    /// A value, as text.
    Text(String),
}

impl Side {
    fn of(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl ShownColumn {
    /// Whether it is another than it was.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.before != self.after
    }
}

/// A change as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownChange {
    /// The step's name.
    pub step: String,
    /// The table; none for a statement.
    pub table: Option<String>,
    /// The statement's place in the configuration.
    pub statement: Option<String>,
    /// What it did.
    pub does: Does,
    /// Columns that tell the row, with their values.
    pub key: Vec<(String, String)>,
    /// Rows that the database says it matched; none where it was not run.
    pub rows: Option<u64>,
    /// Its marker says that it was done before, so that it was not done again.
    pub done_before: bool,
    /// The row could not be read: what stands under `after` is what was written.
    pub unread: bool,
    /// All that is known of its columns, in the table's order; of a statement its parameters.
    pub columns: Vec<ShownColumn>,
}

/// What is known of a row: not read, or read, and then perhaps not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// It could not be read.
    Unread,
    /// It is not there.
    Absent,
    /// It is there.
    Texts(Texts),
}

/// A change with its row before and after. `parameters` are a statement's names, `key` tells the row.
#[must_use]
pub(super) fn shown(
    change: &Change,
    step: &str,
    parameters: &[String],
    key: Vec<(String, String)>,
    rows: (&Row, &Row),
) -> ShownChange {
    let mut shown = ShownChange {
        step: step.to_owned(),
        table: change.shape().map(|shape| shape.table.title()),
        statement: None,
        does: Does::Statement,
        key,
        rows: None,
        done_before: false,
        unread: false,
        columns: Vec::new(),
    };
    let Some(shape) = change.shape() else {
        if let crate::model::change::Act::Call(call) = &change.act {
            shown.statement = Some(call.at.clone());
        }
        let named = parameters.iter().zip(&change.values);
        shown.columns = named.map(|(name, value)| planned(name, value)).collect();
        return shown;
    };
    shown.does = does(shape.op, rows);
    shown.unread = matches!(rows, (Row::Unread, _) | (_, Row::Unread));
    let role = |place: usize| shape.columns.iter().find(|(c, _)| *c == place).map(|(_, role)| *role);
    if shown.unread {
        let named = shape.columns.iter().zip(&change.values);
        let column = |((place, _), value): (&(usize, Role), &Cell)| {
            Some(planned(&shape.table.columns.get(*place)?.name.0, value))
        };
        shown.columns = if shape.op == Op::Delete { Vec::new() } else { named.filter_map(column).collect() };
        return shown;
    }
    let (before, after) = (texts(rows.0), texts(rows.1));
    for (place, column) in shape.table.columns.iter().enumerate() {
        let of = |row: Option<&Texts>| {
            let found = row.and_then(|row| row.iter().find(|(at, _)| *at == place));
            found.map_or(Side::Nothing, |(_, text)| Side::of(text.clone()))
        };
        let (before, after) = (of(before), of(after));
        let written = shape.op != Op::Delete && role(place).is_some();
        if (&before, &after) != (&Side::Nothing, &Side::Nothing) {
            shown.columns.push(ShownColumn { name: column.name.0.clone(), written, before, after });
        }
    }
    shown
}

fn texts(row: &Row) -> Option<&Texts> {
    match row {
        Row::Texts(texts) => Some(texts),
        Row::Unread | Row::Absent => None,
    }
}

fn does(op: Op, rows: (&Row, &Row)) -> Does {
    match rows {
        (Row::Absent, Row::Texts(_)) => Does::Insert,
        (Row::Texts(_), Row::Absent) => Does::Delete,
        (Row::Texts(before), Row::Texts(after)) if before != after => Does::Update,
        (Row::Texts(_), Row::Texts(_)) | (Row::Absent, Row::Absent) => Does::Nothing,
        (Row::Unread, _) | (_, Row::Unread) => match op {
            Op::Upsert => Does::Upsert,
            Op::Insert => Does::Insert,
            Op::Update => Does::Update,
            Op::Delete => Does::Delete,
        },
    }
}

/// A column of which nothing but the planned value is known.
fn planned(name: &str, value: &Cell) -> ShownColumn {
    let after = match value {
        Cell::Value(SqlValue::Null) => Side::Null,
        Cell::Value(value) => Side::Text(value.plain()),
        Cell::Generated(_) | Cell::KeyOf(_) => Side::Nothing,
    };
    ShownColumn { name: name.to_owned(), written: true, before: Side::Nothing, after }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{
        change::{Act, Call, Shape},
        entity::Entity,
        sample,
        table::{ColumnType, Table},
    };

    fn table() -> Arc<Table> {
        let column = |name: &str| sample::column(name, ColumnType::Other);
        Arc::new(sample::table("V", ["ID", "ST", "NOTE"].map(column).into()))
    }

    fn change(op: Op) -> Change {
        let columns = vec![(0, Role::Key), (1, Role::Always)];
        let shape = Shape { table: table(), op, columns, generated: None };
        let values = vec![Cell::Value(SqlValue::Int(7)), Cell::Value(SqlValue::Text("new".into()))];
        Change { act: Act::Row(Arc::new(shape)), values, entity: Entity("".into()), guard: None }
    }

    fn row(texts: &[&str]) -> Row {
        Row::Texts(
            texts.iter().enumerate().map(|(i, t)| (i, (*t != "NULL").then(|| (*t).to_owned()))).collect(),
        )
    }

    #[test]
    fn columns_are_told_before_and_after() {
        let check = |op: Op, before: &Row, after: &Row, expected: &str| {
            let shown = shown(&change(op), "visit", &[], Vec::new(), (before, after));
            let text = |side: &Side| match side {
                Side::Nothing => "-".to_owned(),
                Side::Null => "NULL".to_owned(),
                Side::Text(text) => text.clone(),
            };
            let column = |c: &ShownColumn| {
                let (changed, written) =
                    (if c.changed() { "*" } else { "" }, if c.written { "" } else { "?" });
                format!(" {changed}{}{written}:{}>{}", c.name, text(&c.before), text(&c.after))
            };
            let columns: String = shown.columns.iter().map(column).collect();
            assert_eq!(format!("{}{columns}", shown.does.word()), expected);
            assert_eq!(shown.table.as_deref(), Some("his.V"));
        };
        let (old, new) = (row(&["7", "old", "NULL"]), row(&["7", "new", "NULL"]));
        check(Op::Upsert, &old, &new, "update ID:7>7 *ST:old>new NOTE?:NULL>NULL");
        check(Op::Upsert, &new, &new, "nothing ID:7>7 ST:new>new NOTE?:NULL>NULL");
        check(Op::Upsert, &Row::Absent, &new, "insert *ID:->7 *ST:->new *NOTE?:->NULL");
        check(Op::Delete, &old, &Row::Absent, "delete *ID?:7>- *ST?:old>- *NOTE?:NULL>-");
        check(Op::Delete, &Row::Absent, &Row::Absent, "nothing");
        // A trigger's work is seen, too.
        check(Op::Update, &old, &row(&["7", "new", "x"]), "update ID:7>7 *ST:old>new *NOTE?:NULL>x");
        check(Op::Insert, &Row::Unread, &Row::Unread, "insert *ID:->7 *ST:->new");
        check(Op::Delete, &Row::Unread, &Row::Unread, "delete");
    }

    #[test]
    fn statements_show_their_parameters() {
        let call = Act::Call(Arc::new(Call::new("CALL x(?)", "mapping.a.sql".into())));
        let change = Change { act: call, values: vec![Cell::Value(SqlValue::Null)], ..change(Op::Update) };
        let shown = shown(&change, "a", &["start".to_owned()], Vec::new(), (&Row::Unread, &Row::Unread));
        assert_eq!((shown.does, shown.statement.as_deref()), (Does::Statement, Some("mapping.a.sql")));
        assert_eq!(shown.columns[0].after, Side::Null);
        assert_eq!(shown.columns[0].name, "start");
    }
}
