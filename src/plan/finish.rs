//! A draft and what the HIS and the queue know -> changes, or the reason why not. Pure: nobody is asked here.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    model::{
        answer::Answer,
        change::{Act, Cell, Change, EventChange, Guard, Role},
        entity::Entity,
        event::StoredEvent,
        mapping::Action,
        outcome::Rejection,
        table::{Column, ColumnName},
        value::SqlValue,
    },
    plan::{
        bound::{Body, BoundCell, BoundRow, BoundStep, Form, From},
        cell::{misfit_of, reject},
        convert::Target,
        draft::{Draft, DraftCell, DraftStep},
        link::{BoundMark, link_command},
        lookup::{Ask, BoundLookup},
    },
};

/// What causes begin with where a record is linked to no row; with `:` and a name where it is an earlier step's.
pub const NO_LINK: &str = "no-link";

/// What is known of one step's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepKnown {
    /// The key that its table gave it, where the crosswalk knows it.
    pub his_key: Option<String>,
    /// The row of that key is not in its table any more.
    pub gone: bool,
    /// No row is known, but an earlier event inserts it in the same transaction: the one at this place of the page.
    pub made_ahead: Option<usize>,
    /// Columns that newer events have written: left as they are.
    pub leave: BTreeSet<ColumnName>,
    /// Newer events have written the row that it would delete, or deleted the one that it would change: it stays as it is.
    pub stays: bool,
    /// Something was written for its record before.
    pub seen: bool,
}

impl StepKnown {
    /// Whether no row is known, or the one that was known is gone.
    #[must_use]
    pub fn is_unlinked(&self) -> bool {
        self.his_key.is_none() || self.gone
    }
}

/// An event's changes, and the step that each of them comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The changes. None where all that the event would do is done already.
    pub change: EventChange,
    /// For each change the step that it comes from.
    pub of: Vec<Of>,
    /// Records that it deletes, and of which no row is known: nothing is to be done, but it counts as done.
    pub absent: Vec<Entity>,
}

impl Finished {
    /// Nothing to do for a record.
    #[must_use]
    pub fn nothing(entity: Entity) -> Self {
        Self { change: EventChange { entity, rows: Vec::new() }, of: Vec::new(), absent: Vec::new() }
    }
}

/// The step that a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Of {
    /// Its place among the draft's.
    pub step: usize,
    /// Its row can be found without its link, see [`DraftStep::search`].
    pub findable: bool,
    /// Its row is inserted anew where the HIS has deleted it.
    pub relinks: bool,
    /// It is a statement that does no harm when it is run twice, as the configuration says.
    pub repeatable: bool,
}

/// Why an event cannot be applied as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Rejection,
    /// The lookup and the value for which the HIS has no row, where that is the reason.
    pub missing: Option<(usize, String)>,
}

impl std::convert::From<Rejection> for Refusal {
    fn from(reason: Rejection) -> Self {
        Self { reason, missing: None }
    }
}

/// Finishes a draft. `steps` may be shorter than the draft's: nothing is known of the others.
pub(super) fn finish(
    draft: Draft,
    event: &StoredEvent,
    steps: &[StepKnown],
    answers: &[Answer],
    lookups: &[BoundLookup],
) -> Result<Finished, Refusal> {
    let nothing = StepKnown::default();
    let Draft { entity, asks, steps: drafted } = draft;
    let count = drafted.len();
    let cells = drafted.iter().flat_map(|step| &step.cells);
    let quoted: Vec<usize> = cells.filter_map(|(_, cell)| cell.quoted_step()).collect();
    let mut run = Run { event, asks: &asks, answers, lookups, made: Vec::with_capacity(count) };
    let mut finished = Finished {
        change: EventChange { entity, rows: Vec::with_capacity(count) },
        of: Vec::with_capacity(count),
        absent: Vec::new(),
    };
    for (index, step) in drafted.into_iter().enumerate() {
        let known = steps.get(index).unwrap_or(&nothing);
        let place = finished.change.rows.len();
        let of = Of {
            step: index,
            findable: step.can_be_found(),
            relinks: step.relinks(),
            repeatable: step.is_repeatable(),
        };
        let deletes = step.deletes();
        let absent = (deletes && !known.stays).then(|| step.entity.clone());
        let (change, made) = run.step(step, known, place, quoted.contains(&index))?;
        run.made.push(made);
        if let Some(change) = change {
            finished.change.rows.push(change);
            finished.of.push(of);
        } else {
            finished.absent.extend(absent);
        }
    }
    Ok(finished)
}

/// What a step that was finished gives to later ones.
struct Made {
    name: Arc<BoundStep>,
    entity: Entity,
    key: Key,
    /// By the places of the step's cells; none where no later step takes one.
    cells: Vec<(u16, Cell)>,
}

/// The generated key of a step's row.
enum Key {
    Known(SqlValue),
    /// The database makes it, for the change at that place.
    Of(usize),
    /// The database makes it for an earlier event's change.
    Ahead(Entity),
    None,
}

struct Run<'a> {
    event: &'a StoredEvent,
    asks: &'a [Ask],
    answers: &'a [Answer],
    lookups: &'a [BoundLookup],
    made: Vec<Made>,
}

impl Run<'_> {
    fn step(
        &self,
        mut step: DraftStep,
        known: &StepKnown,
        place: usize,
        is_quoted: bool,
    ) -> Result<(Option<Change>, Made), Refusal> {
        let his_key = known.his_key.as_deref().filter(|_| !known.gone).map(SqlValue::of_key);
        let bound = Arc::clone(&step.bound);
        let key = match his_key {
            Some(key) => Key::Known(key),
            None if known.made_ahead.is_some() => Key::Ahead(step.entity.clone()),
            None => Key::None,
        };
        let mut made = Made { name: Arc::clone(&bound), entity: step.entity.clone(), key, cells: Vec::new() };
        if step.skipped {
            return Ok((None, made));
        }
        let drafted = std::mem::take(&mut step.cells);
        let cells = self.cells(&step, drafted)?;
        if is_quoted {
            made.cells.clone_from(&cells);
        }
        if known.stays {
            return Ok((None, made));
        }
        let (act, values, mark) = match &bound.body {
            Body::Call(call) => {
                let values = cells.into_iter().map(|(_, cell)| cell).collect();
                (Act::Call(Arc::clone(&call.call)), values, &call.mark)
            }
            Body::Row(row) => {
                let chosen = match &made.key {
                    _ if row.link.is_none() => plain(row, cells, known),
                    Key::Known(_) | Key::Ahead(_) => self.linked(row, cells, known)?,
                    Key::Of(_) | Key::None => self.unlinked(row, cells)?,
                };
                let Some((form, cells)) = chosen else { return Ok((None, made)) };
                let mut values = Vec::with_capacity(cells.len() + 1);
                match (form, &made.key) {
                    (Form::Linked | Form::Unlinked, Key::Known(key)) => values.push(Cell::Value(key.clone())),
                    (Form::Linked | Form::Unlinked, Key::Ahead(of)) => values.push(Cell::KeyOf(of.clone())),
                    _ => {}
                }
                if form == Form::Insert {
                    made.key = Key::Of(place);
                }
                let (present, cells): (Vec<u16>, Vec<Cell>) = cells.into_iter().unzip();
                values.extend(cells);
                (Act::Row(row.shape(form, present)), values, &row.mark)
            }
        };
        let guard = mark.as_ref().zip(step.mark.as_ref()).map(|(mark, text)| Box::new(guard(mark, text)));
        Ok((Some(Change { act, values, entity: step.entity, guard }), made))
    }

    /// All of a step's cells, as far as the event has them.
    fn cells(&self, step: &DraftStep, drafted: Vec<(u16, DraftCell)>) -> Result<Vec<(u16, Cell)>, Refusal> {
        let mut cells = Vec::with_capacity(drafted.len());
        for (place, value) in drafted {
            let cell = match value {
                DraftCell::Value(value) => Some(Cell::Value(value)),
                DraftCell::Ask(ask) => Some(Cell::Value(self.answer(step, place, ask)?)),
                DraftCell::Step { step: from, cell } => self.earlier(step, place, from, cell)?,
            };
            cells.extend(cell.map(|cell| (place, cell)));
        }
        Ok(cells)
    }

    /// What a lookup has found, as the cell's column holds it.
    fn answer(&self, step: &DraftStep, place: u16, ask: usize) -> Result<SqlValue, Refusal> {
        let Some((cell, column, title)) = cell_of(step, place) else { return Ok(SqlValue::Null) };
        let From::Source(field) = &cell.from else { return Ok(SqlValue::Null) };
        let name = field.name();
        let target = Target { column, zone: field.zone, truncate: false };
        let asked = self.asks.get(ask);
        let bound = asked.and_then(|a| self.lookups.get(a.lookup));
        let (Some(asked), Some(bound)) = (asked, bound) else { return Ok(SqlValue::Null) };
        let place = format!("{}.{}", bound.table.title(), bound.matches_name());
        let value = match self.answers.get(ask).unwrap_or(&Answer::Missing) {
            Answer::Row(Some(text)) => target.text(text),
            Answer::Row(None) => target.null(),
            Answer::Several => {
                let message = format!(
                    "several rows of {} have the {} {:?} of field {name}, and say different things; make it unique there, or narrow the lookup with \"where\"",
                    bound.table.title(),
                    bound.matches_name(),
                    asked.text
                );
                return Err(reject(&format!("lookup-several:{place}"), self.event, &message).into());
            }
            Answer::Missing => {
                if let Some(value) = field.lookup.as_ref().and_then(|(_, missing)| missing.clone()) {
                    return Ok(value);
                }
                let message = format!(
                    "no row of {} has the {} {:?} of field {name}; add it in the HIS, and the event is written by itself",
                    bound.table.title(),
                    bound.matches_name(),
                    asked.text
                );
                let reason = reject(&format!("lookup:{place}"), self.event, &message);
                return Err(Refusal { reason, missing: Some((asked.lookup, asked.text.clone())) });
            }
        };
        value.map_err(|misfit| misfit_of(self.event, &misfit, name, &title, column).into())
    }

    /// What an earlier step gives.
    fn earlier(
        &self,
        step: &DraftStep,
        place: u16,
        from: usize,
        cell: Option<usize>,
    ) -> Result<Option<Cell>, Refusal> {
        let Some(made) = self.made.get(from) else { return Ok(None) };
        if let Some(wanted) = cell {
            let found = made.cells.iter().find(|(at, _)| usize::from(*at) == wanted);
            return Ok(found.map(|(_, cell)| cell.clone()));
        }
        match &made.key {
            Key::Known(key) => Ok(Some(Cell::Value(key.clone()))),
            Key::Of(change) => Ok(Some(Cell::Generated(*change))),
            Key::Ahead(entity) => Ok(Some(Cell::KeyOf(entity.clone()))),
            Key::None => {
                let column = cell_of(step, place).map_or("", |(_, column, _)| &column.name.0);
                Err(self.no_row(column, made).into())
            }
        }
    }

    /// Why a column cannot take the key of an earlier step's row.
    fn no_row(&self, column: &str, made: &Made) -> Rejection {
        let name = &made.name.name;
        let nothing =
            format!("column {column} takes the generated key of the step {name}, which wrote nothing here");
        if made.entity.scope_and_key().0.is_empty() {
            let message = format!(
                "{nothing}, and the event does not have what tells its row (the step's \"key\"); the sender must name it, or the mapping must not need it"
            );
            return reject(NO_LINK, self.event, &message);
        }
        let message = format!(
            "{nothing} and is linked to no row yet: it waits for the event that makes the row; if that was made before this program, or not by it, `{} --to NUMBER` says which one it is",
            link_command(&made.entity)
        );
        reject(&format!("{NO_LINK}:{name}"), self.event, &message)
    }

    /// The form of a row whose key is known.
    fn linked(&self, row: &BoundRow, cells: Cells, known: &StepKnown) -> Result<Chosen, Refusal> {
        match row.action {
            Action::Delete => Ok(Some((Form::Unlinked, Vec::new()))),
            Action::Insert => {
                let message = format!(
                    "its record is linked to a row of {} already, and the mapping's action is insert",
                    row.table.title()
                );
                Err(reject("row-exists", self.event, &message).into())
            }
            Action::Upsert | Action::Update => {
                let rest = left(row, cells, known);
                let nothing = rest.is_empty() && !known.leave.is_empty();
                Ok((!nothing).then_some((Form::Linked, rest)))
            }
        }
    }

    /// The form of a row of which the crosswalk knows nothing.
    fn unlinked(&self, row: &BoundRow, cells: Cells) -> Result<Chosen, Refusal> {
        match row.action {
            Action::Upsert | Action::Insert => Ok(Some((Form::Insert, cells))),
            Action::Delete => Ok(None),
            Action::Update => {
                let message = format!(
                    "no row of {} is known for its record: it was made before this program, or not by it; say which row it is with `events link`, then retry",
                    row.table.title()
                );
                Err(reject(NO_LINK, self.event, &message).into())
            }
        }
    }
}

/// The form of a row's change and the cells in it; none where there is nothing to do.
type Chosen = Option<(Form, Cells)>;

/// Cells by their places among the step's.
type Cells = Vec<(u16, Cell)>;

/// The form of a row that columns identify.
fn plain(row: &BoundRow, cells: Cells, known: &StepKnown) -> Chosen {
    if known.leave.is_empty() || matches!(row.action, Action::Insert | Action::Delete) {
        return Some((Form::Plain, cells));
    }
    let rest = left(row, cells, known);
    let writes = |(place, _): &(u16, Cell)| usize::from(*place) >= row.keys;
    rest.iter().any(writes).then_some((Form::Rest, rest))
}

/// The cells that an update writes, without those that newer events have written; and the key's.
fn left(row: &BoundRow, mut cells: Cells, known: &StepKnown) -> Cells {
    let stays = |(place, _): &(u16, Cell)| {
        let Some(cell) = row.cells.get(usize::from(*place)) else { return false };
        let left = || row.table.columns.get(cell.column).is_some_and(|c| known.leave.contains(&c.name));
        cell.role == Role::Key || (cell.role != Role::InsertOnly && !left())
    };
    cells.retain(stays);
    cells
}

fn guard(mark: &BoundMark, text: &str) -> Guard {
    Guard { shape: Arc::clone(&mark.shape), values: vec![Cell::Value(SqlValue::Text(text.to_owned()))] }
}

/// A step's cell with its column, and the title of what has the column.
fn cell_of(step: &DraftStep, place: u16) -> Option<(&BoundCell, &Column, String)> {
    let (cells, columns, title): (_, &[Column], _) = match &step.bound.body {
        Body::Row(row) => (&row.cells, &row.table.columns, row.table.title()),
        Body::Call(call) => (&call.cells, &call.parameters, "the statement".to_owned()),
    };
    let cell = cells.get(usize::from(place))?;
    Some((cell, columns.get(cell.column)?, title))
}
