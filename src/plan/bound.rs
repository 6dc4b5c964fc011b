//! Rules bound to their live tables, as `bind` makes them and `draft` and `finish` use them. Decides nothing about events.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chrono_tz::Tz;

use crate::{
    model::{
        change::{Op, Role, Shape},
        format::Format,
        mapping::{Action, Condition, Source},
        table::{ColumnName, Table},
        template::Template,
        value::SqlValue,
    },
    plan::{
        call::BoundCall,
        key::Key,
        link::{BoundLink, BoundMark},
    },
};

/// Combinations of present sources that are remembered for one step.
const SHAPES_MAX: usize = 256;

/// A rule bound to its tables.
#[derive(Debug)]
pub(super) struct BoundRule {
    pub(super) steps: Vec<Arc<BoundStep>>,
    /// The step whose record is the event's: it keeps the order of its events.
    pub(super) main: usize,
    pub(super) at: Arc<str>,
}

/// A step bound to its table, or a statement bound to its parameters.
#[derive(Debug)]
pub(super) struct BoundStep {
    pub(super) name: String,
    /// It writes nothing, and only its link may be asked for.
    pub(super) skip: bool,
    pub(super) when: Vec<Condition>,
    pub(super) body: Body,
    pub(super) at: String,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Body {
    Row(BoundRow),
    Call(BoundCall),
}

impl BoundStep {
    pub(super) fn row(&self) -> Option<&BoundRow> {
        match &self.body {
            Body::Row(row) => Some(row),
            Body::Call(_) => None,
        }
    }

    /// Whether the mark of its record or event is written anywhere.
    pub(super) fn is_marked(&self) -> bool {
        let (mark, cells) = match &self.body {
            Body::Row(row) => (&row.mark, &row.cells),
            Body::Call(call) => (&call.mark, &call.cells),
        };
        mark.is_some() || cells.iter().any(|cell| matches!(cell.from, From::Mark))
    }
}

/// Shapes by their form and the places of the cells in them.
pub(super) type Shapes = HashMap<(Form, Vec<u16>), Arc<Shape>>;

/// A row bound to its table.
#[derive(Debug)]
pub(super) struct BoundRow {
    pub(super) table: Arc<Table>,
    pub(super) action: Action,
    /// Key fields first, in the key's order.
    pub(super) cells: Vec<BoundCell>,
    pub(super) keys: usize,
    pub(super) key: Option<Key>,
    /// The row is known by the key that its table gives it.
    pub(super) link: Option<BoundLink>,
    /// A row of another table shows that it was inserted.
    pub(super) mark: Option<BoundMark>,
    pub(super) shapes: Mutex<Shapes>,
}

/// A column, or parameter, with where its value comes from.
#[derive(Debug)]
pub(super) struct BoundCell {
    pub(super) column: usize,
    pub(super) role: Role,
    pub(super) from: From,
}

/// Where a cell's value comes from.
#[derive(Debug)]
pub(super) enum From {
    Constant(SqlValue),
    Source(Box<BoundField>),
    /// An earlier step: the key of its row, or one of its cells.
    Step {
        step: usize,
        cell: Option<usize>,
    },
    /// The mark of the record, or of the event.
    Mark,
}

/// A field bound to its column.
#[derive(Debug)]
pub(super) struct BoundField {
    pub(super) read: Read,
    pub(super) or_from: Vec<Source>,
    pub(super) format: Option<Format>,
    pub(super) codes: Option<BoundCodes>,
    pub(super) default: Option<SqlValue>,
    pub(super) zone: Tz,
    pub(super) truncate: bool,
    /// Among [`crate::plan::Planner::lookups`], with what is written where nothing is found; none: the event is parked.
    pub(super) lookup: Option<(usize, Option<SqlValue>)>,
}

/// What of an event a field is made of.
#[derive(Debug)]
pub(super) enum Read {
    Source(Source),
    Text(Template),
}

impl BoundField {
    /// The source, where it is one.
    pub(super) fn source(&self) -> Option<&Source> {
        match &self.read {
            Read::Source(source) => Some(source),
            Read::Text(_) => None,
        }
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &str {
        self.source().map_or("(several, by concat)", |s| &s.written)
    }
}

/// Codes converted to the column's type.
#[derive(Debug)]
pub(super) struct BoundCodes {
    pub(super) by_value: BTreeMap<String, SqlValue>,
    pub(super) rest: Option<SqlValue>,
}

/// How a row of a step is changed: the same columns make another statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// As the mapping's action says.
    Plain,
    /// What newer events have left of an upsert.
    Rest,
    /// Its row is inserted and its key captured.
    Insert,
    /// Its row is updated by the key that the table gave it.
    Linked,
    /// Its row is deleted by the key that the table gave it.
    Unlinked,
}

impl BoundRow {
    /// The shape of the cells with these indexes, in that form.
    pub(super) fn shape(&self, form: Form, present: Vec<u16>) -> Arc<Shape> {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        let id = (form, present);
        if let Some(shape) = shapes.get(&id) {
            return Arc::clone(shape);
        }
        if shapes.len() >= SHAPES_MAX {
            shapes.clear();
        }
        let op = match (form, self.action) {
            (Form::Rest | Form::Linked, _) | (Form::Plain, Action::Update) => Op::Update,
            (Form::Plain, Action::Upsert) => Op::Upsert,
            (Form::Insert, _) | (Form::Plain, Action::Insert) => Op::Insert,
            (Form::Unlinked, _) | (Form::Plain, Action::Delete) => Op::Delete,
        };
        let generated = self.link.as_ref().map(|link| link.column);
        let known = matches!(form, Form::Linked | Form::Unlinked);
        let key = generated.filter(|_| known).map(|column| (column, Role::Key));
        let cells = id.1.iter().filter_map(|i| self.cells.get(usize::from(*i)));
        let columns = key.into_iter().chain(cells.map(|c| (c.column, c.role))).collect();
        let shape = Arc::new(Shape { table: Arc::clone(&self.table), op, columns, generated });
        shapes.insert(id, Arc::clone(&shape));
        shape
    }

    /// The cell that fills a column.
    pub(super) fn cell_of(&self, column: &ColumnName) -> Option<usize> {
        let (index, _) = self.table.column(column)?;
        self.cells.iter().position(|c| c.column == index)
    }
}
