//! An event's changes as far as the event itself tells them. What the HIS has to say (which row is meant, what a lookup
//! finds) is still open; `finish` closes it.

use std::{borrow::Cow, sync::Arc};

use crate::{
    model::{
        answer::Answer,
        entity::Entity,
        event::StoredEvent,
        mapping::{Action, Condition, MissingRow, Source},
        outcome::Rejection,
        table::{Column, Table},
        value::SqlValue,
    },
    plan::{
        bound::{Body, BoundRow, BoundRule, BoundStep, From},
        cell::{Reader, key_text},
        link::{BoundLink, FoundBy, mark},
        lookup::Ask,
        source::{self, Content},
    },
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The record that the event is about: it keeps the order of its events.
    pub entity: Entity,
    /// Values that the HIS has to look up.
    pub asks: Vec<Ask>,
    pub(super) steps: Vec<DraftStep>,
}

/// One step of an event.
#[derive(Clone, Debug)]
pub struct DraftStep {
    pub(super) bound: Arc<BoundStep>,
    pub(super) entity: Entity,
    /// By the places of the step's cells.
    pub(super) cells: Vec<(u16, DraftCell)>,
    /// Its `when` does not hold: it writes nothing, and only its link may be asked for.
    pub(super) skipped: bool,
    /// The mark of the record or of the event, where the step has one.
    pub(super) mark: Option<String>,
}

/// A value that is known, or where it will come from.
#[derive(Clone, Debug)]
pub(super) enum DraftCell {
    Value(SqlValue),
    /// Among the draft's `asks`.
    Ask(usize),
    /// An earlier step's key, or cell.
    Step {
        step: usize,
        cell: Option<usize>,
    },
}

impl DraftCell {
    /// The earlier step of which it takes a cell.
    pub(super) fn quoted_step(&self) -> Option<usize> {
        match self {
            Self::Step { step, cell: Some(_) } => Some(*step),
            Self::Step { .. } | Self::Value(_) | Self::Ask(_) => None,
        }
    }
}

/// A question for the row of a record that is not linked.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The record.
    pub entity: Entity,
    /// The table.
    pub table: Arc<Table>,
    /// The column of its generated key.
    pub generated: usize,
    /// Columns that tell the row.
    pub matches: Vec<usize>,
    /// Their values.
    pub values: Vec<SqlValue>,
    /// The search costs little.
    pub indexed: bool,
}

/// A column that holds the marks of a table's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Marked {
    /// The table.
    pub table: Arc<Table>,
    /// The column of its generated key.
    pub generated: usize,
    /// The column of the marks.
    pub column: usize,
}

impl DraftStep {
    /// The row's record.
    #[must_use]
    pub fn entity(&self) -> &Entity {
        &self.entity
    }

    /// Its name, as later steps call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.bound.name
    }

    /// The names of a statement's parameters, in the order of their values; none of a row.
    #[must_use]
    pub fn parameters(&self) -> Vec<&str> {
        match &self.bound.body {
            Body::Row(_) => Vec::new(),
            Body::Call(call) => call.parameters.iter().map(|p| p.name.0.as_str()).collect(),
        }
    }

    pub(super) fn row(&self) -> Option<&BoundRow> {
        self.bound.row()
    }

    fn link(&self) -> Option<(&BoundRow, &BoundLink)> {
        let row = self.row()?;
        Some((row, row.link.as_ref()?))
    }

    /// Whether the crosswalk knows the row of its record.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.link().is_some()
    }

    /// Whether it writes nothing.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// Whether it deletes its row.
    #[must_use]
    pub fn deletes(&self) -> bool {
        !self.skipped && self.row().is_some_and(|row| row.action == Action::Delete)
    }

    /// Where its row carries a mark, and the mark.
    #[must_use]
    pub fn marked(&self) -> Option<(Marked, String)> {
        let (row, link) = self.link()?;
        let FoundBy::Mark(column) = link.found_by else { return None };
        let marked = Marked { table: Arc::clone(&row.table), generated: link.column, column };
        Some((marked, self.mark.clone()?))
    }

    /// Whether its row is inserted anew where the HIS has deleted it.
    #[must_use]
    pub fn relinks(&self) -> bool {
        self.link()
            .is_some_and(|(row, link)| link.missing_row == MissingRow::Insert && row.action == Action::Upsert)
    }

    /// Whether its row can be found without its link.
    #[must_use]
    pub fn can_be_found(&self) -> bool {
        self.link().is_some_and(|(_, link)| link.found_by != FoundBy::Nothing)
    }

    /// Whether it is a statement that does no harm when it is run twice.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(&self.bound.body, Body::Call(call) if call.repeatable)
    }

    /// How the row is found without its link; none where it cannot be, or where the answers do not tell enough.
    #[must_use]
    pub fn search(&self, answers: &[Answer]) -> Option<Search> {
        let (row, link) = self.link()?;
        let table = &row.table;
        let (matches, values) = match &link.found_by {
            FoundBy::Nothing => return None,
            FoundBy::Mark(column) => (vec![*column], vec![SqlValue::Text(self.mark.clone()?)]),
            FoundBy::Cells(cells) => {
                let column = |cell: &usize| row.cells.get(*cell).map(|c| c.column);
                let value = |cell: &usize| {
                    let (_, value) = self.cells.iter().find(|(at, _)| usize::from(*at) == *cell)?;
                    match value {
                        DraftCell::Value(value) => Some(value.clone()),
                        DraftCell::Ask(ask) => match answers.get(*ask)? {
                            Answer::Row(Some(text)) => Some(SqlValue::of_key(text)),
                            Answer::Row(None) | Answer::Missing | Answer::Several => None,
                        },
                        DraftCell::Step { .. } => None,
                    }
                };
                (
                    cells.iter().map(column).collect::<Option<Vec<_>>>()?,
                    cells.iter().map(value).collect::<Option<Vec<_>>>()?,
                )
            }
        };
        let first = matches.first().and_then(|c| table.columns.get(*c));
        let indexed = first.is_some_and(|c| c.indexed);
        let (entity, table) = (self.entity.clone(), Arc::clone(table));
        Some(Search { entity, table, generated: link.column, matches, values, indexed })
    }
}

impl Draft {
    /// Its steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[DraftStep] {
        &self.steps
    }

    /// Whether nothing but the event is needed to finish it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.asks.is_empty() && !self.steps.iter().any(DraftStep::is_linked)
    }
}

/// Why an event cannot be drafted: the reason, and its record where that much is known. None: no step's `when` holds.
pub(super) type Undrafted = Option<(Rejection, Option<Entity>)>;

/// Drafts an event by a rule.
pub(super) fn draft(
    event: &StoredEvent,
    content: &Content<'_>,
    rule: &BoundRule,
    lookups: &[super::lookup::BoundLookup],
) -> Result<Draft, Undrafted> {
    let mut reader = Reader { event, content, lookups, asks: Vec::new() };
    let mut steps: Vec<DraftStep> = Vec::with_capacity(rule.steps.len());
    for (index, bound) in rule.steps.iter().enumerate() {
        let step = match draft_step(&mut reader, bound, index, &steps) {
            Ok(step) => step,
            Err((rejection, own)) => {
                let main = steps.get(rule.main).map(|s| s.entity.clone());
                let own = own.filter(|_| index == rule.main);
                return Err(Some((rejection, main.or(own))));
            }
        };
        steps.push(step);
    }
    if steps.iter().all(|s| s.skipped) {
        return Err(None);
    }
    let main = steps.get(rule.main).filter(|s| !s.skipped).or_else(|| steps.iter().find(|s| !s.skipped));
    let entity = main.map_or_else(|| Entity("".into()), |s| s.entity.clone());
    Ok(Draft { entity, asks: reader.asks, steps })
}

fn draft_step(
    reader: &mut Reader<'_>,
    bound: &Arc<BoundStep>,
    index: usize,
    before: &[DraftStep],
) -> Result<DraftStep, (Rejection, Option<Entity>)> {
    let holds = |c: &Condition| {
        reader.content.find(&c.source).is_some_and(|found| c.any_of.iter().any(|l| source::equals(found, l)))
    };
    let skipped = bound.skip || !bound.when.iter().all(holds);
    let own = |of: &str| Entity(format!("{of}#{}", reader.event.seq).into());
    let marked = bound.is_marked();
    let event_mark = |place: usize| match place {
        // Its id is another's, whose mark it must not take for its own.
        _ if reader.event.twin => mark(&[&format!("event#{place}!{}", reader.event.seq), &reader.event.id]),
        0 => mark(&["event", &reader.event.id]),
        // Not behind the id, which may end like that itself.
        place => mark(&[&format!("event#{place}"), &reader.event.id]),
    };
    let (entity, mark) = match &bound.body {
        Body::Row(row @ BoundRow { link: Some(link), .. }) => match link_texts(reader, &link.key, &row.table)
        {
            Ok(texts) => {
                let name = std::iter::once(bound.name.as_str());
                let mark =
                    marked.then(|| mark(&name.chain(texts.iter().map(String::as_str)).collect::<Vec<_>>()));
                let keys = folded(row, &texts);
                (Entity::of_scope(&link.scope, keys.iter().map(AsRef::as_ref)), mark)
            }
            Err(_) if skipped => (own(&bound.at), None),
            Err(rejection) => return Err((rejection, None)),
        },
        Body::Row(row) => {
            let of = if row.keys == 0 { &row.table.title() } else { &bound.at };
            (own(of), marked.then(|| event_mark(index)))
        }
        Body::Call(call) => {
            let texts: Option<Vec<String>> =
                call.key.iter().map(|s| key_text(reader.content.find(s)?).ok()).collect();
            let entity = match texts.filter(|texts| !texts.is_empty()) {
                Some(texts) => Entity(format!("{}\u{1f}{}", call.call.at, texts.join("\u{1f}")).into()),
                None => own(&bound.at),
            };
            (entity, marked.then(|| event_mark(index)))
        }
    };
    let mut step = DraftStep { bound: Arc::clone(bound), entity, cells: Vec::new(), skipped, mark };
    if skipped {
        return Ok(step);
    }
    read_cells(reader, &mut step, before)?;
    Ok(step)
}

fn read_cells(
    reader: &mut Reader<'_>,
    step: &mut DraftStep,
    before: &[DraftStep],
) -> Result<(), (Rejection, Option<Entity>)> {
    let bound = Arc::clone(&step.bound);
    let (cells, keys, columns, title): (_, _, &[Column], String) = match &bound.body {
        Body::Row(row) => (&row.cells, row.keys, &row.table.columns, row.table.title()),
        Body::Call(call) => (&call.cells, 0, &call.parameters, "the statement".to_owned()),
    };
    let has_entity = keys == 0;
    step.cells.reserve(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        if index == keys && !has_entity {
            step.entity = row_entity(step, before, reader);
        }
        let known = (index >= keys || has_entity).then(|| step.entity.clone());
        let Some(column) = columns.get(cell.column) else { continue };
        let value = match &cell.from {
            From::Mark => step.mark.clone().map(|text| DraftCell::Value(SqlValue::Text(text))),
            From::Constant(value) => Some(DraftCell::Value(value.clone())),
            From::Step { step, cell } => Some(DraftCell::Step { step: *step, cell: *cell }),
            From::Source(field) => {
                reader.field(field, column, &title, index < keys).map_err(|rejection| (rejection, known))?
            }
        };
        // A statement has no columns to leave out.
        let is_call = matches!(bound.body, Body::Call(_));
        let value = value.or_else(|| is_call.then_some(DraftCell::Value(SqlValue::Null)));
        let place = u16::try_from(index).unwrap_or(u16::MAX);
        step.cells.extend(value.map(|value| (place, value)));
    }
    if cells.len() == keys && !has_entity {
        step.entity = row_entity(step, before, reader);
    }
    Ok(())
}

/// The record of a row that columns identify: by table and key. What a column's collation takes for equal is one record.
fn row_entity(step: &DraftStep, before: &[DraftStep], reader: &Reader<'_>) -> Entity {
    let Some(row) = step.row() else { return step.entity.clone() };
    let mut name = row.table.title();
    for ((_, value), cell) in step.cells.iter().zip(&row.cells) {
        let column = row.table.columns.get(cell.column);
        name.push('\u{1f}');
        name.push_str(column.map_or("", |c| &c.name.0));
        name.push('=');
        match value {
            DraftCell::Value(SqlValue::Text(text)) if column.is_some_and(|c| c.folds) => {
                name.push_str(&text.trim_end().to_lowercase());
            }
            DraftCell::Value(value) => name.push_str(&value.plain()),
            DraftCell::Ask(ask) => {
                name.push('@');
                name.push_str(reader.asks.get(*ask).map_or("", |a| &a.text));
            }
            DraftCell::Step { step, .. } => {
                name.push('$');
                name.push_str(before.get(*step).map_or("", |s| &s.entity.0));
            }
        }
    }
    Entity(name.into())
}

/// A linked record's key. Where its parts go into columns, what a column's collation takes for equal is one record.
fn folded<'a>(row: &BoundRow, texts: &'a [String]) -> Vec<Cow<'a, str>> {
    let cells = match row.link.as_ref().map(|link| &link.found_by) {
        Some(FoundBy::Cells(cells)) => cells.as_slice(),
        Some(FoundBy::Mark(_) | FoundBy::Nothing) | None => &[],
    };
    let folds = |place: usize| {
        let cell = cells.get(place).and_then(|cell| row.cells.get(*cell));
        cell.and_then(|cell| row.table.columns.get(cell.column)).is_some_and(|column| column.folds)
    };
    let fold = |(place, text): (usize, &'a String)| {
        if folds(place) { Cow::Owned(text.trim_end().to_lowercase()) } else { Cow::Borrowed(text.as_str()) }
    };
    texts.iter().enumerate().map(fold).collect()
}

fn link_texts(reader: &Reader<'_>, key: &[Source], table: &Table) -> Result<Vec<String>, Rejection> {
    key.iter()
        .map(|source| {
            let text = match reader.content.find(source) {
                None => Err("missing-key"),
                Some(found) => key_text(found),
            };
            text.map_err(|wrong| reader.wrong_key(wrong, &source.written, &table.title()))
        })
        .collect()
}
