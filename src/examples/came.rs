//! What the mapping makes of an example's event: the planner's own answer, with lookups and links as the examples have them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    examples::{Example, Examples, Mistake, value::text},
    ingest::envelope,
    model::{
        answer::Answer,
        change::{Act, Cell, Change, Op},
        entity::{Entity, key_parts, scope_parts},
        event::{Seq, StoredEvent},
        outcome::Rejection,
        table::{Column, ColumnName},
        value::SqlValue,
    },
    plan::{Ask, BoundLookup, Draft, DraftStep, Finished, Planned, Planner, StepKnown},
};

/// What an event comes to.
#[derive(Clone, Debug)]
pub enum Came {
    /// These rows.
    Rows(Vec<CameRow>),
    /// It cannot be written as it is.
    Parked(Rejection),
    /// It is dropped on purpose.
    Ignored(&'static str),
    /// Nothing maps it.
    Unmapped(Rejection),
    /// Its mapping does not fit the tables.
    Paused(Rejection),
    /// It would not even be accepted.
    NoEvent(String),
}

/// A row, or a statement.
#[derive(Clone, Debug)]
pub struct CameRow {
    /// The step's name.
    pub step: String,
    /// The table; none for a statement.
    pub table: Option<String>,
    /// `insert`, `update`, `upsert`, `delete` or `statement`.
    pub action: &'static str,
    /// Its columns, or the statement's parameters.
    pub columns: Vec<CameColumn>,
}

impl CameRow {
    /// The table without its schema.
    pub(super) fn table_alone(&self) -> Option<&str> {
        let table = self.table.as_deref()?;
        Some(table.rsplit_once('.').map_or(table, |(_, last)| last))
    }
}

/// A column, or a parameter.
#[derive(Clone, Debug)]
pub struct CameColumn {
    /// The column.
    pub column: Column,
    /// What it gets.
    pub value: CameValue,
}

/// What a column gets.
#[derive(Clone, Debug, PartialEq)]
pub enum CameValue {
    /// A value.
    Value(SqlValue),
    /// The key that the database makes for that step's row.
    Key(String),
}

/// Runs examples.
#[derive(Clone, Copy, Debug)]
pub struct Runner<'a> {
    /// The mappings, bound to the described tables.
    pub planner: &'a Planner,
    /// Where lookups are answered.
    pub examples: &'a Examples,
}

impl Runner<'_> {
    /// Lookups of the file that no mapping asks, or that lack the column that is taken.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        // The lookups of a mapping that does not fit are not known.
        if self.planner.has_unbound() {
            return mistakes;
        }
        for (name, rows) in &self.examples.lookups {
            let asked: Vec<&BoundLookup> =
                self.planner.lookups().iter().filter(|bound| is_lookup(bound, name)).collect();
            if asked.is_empty() {
                let all: Vec<String> = self.planner.lookups().iter().map(name_of).collect();
                let known =
                    if all.is_empty() { "no mapping has a lookup".to_owned() } else { all.join(", ") };
                let message = format!("no lookup of the mapping looks there; they look into: {known}");
                mistakes.push(self.examples.mistake(&["lookups", name], message));
            }
            for (value, row) in rows {
                let lacks =
                    |bound: &&&BoundLookup| row.as_object().is_some_and(|row| taken(row, bound).is_none());
                if let Some(bound) = asked.iter().find(lacks) {
                    let message = format!("lacks the column {}, which the lookup takes", take_name(bound));
                    mistakes.push(self.examples.mistake(&["lookups", name, value], message));
                }
            }
        }
        mistakes
    }

    /// What an example's event comes to.
    #[must_use]
    pub fn run(&self, example: &Example) -> Came {
        let event = match envelope::read(&example.body, example.received_at) {
            Ok(event) => StoredEvent::unqueued(event, Seq(1), "example"),
            Err(refused) => return Came::NoEvent(refused.to_string()),
        };
        match self.planner.plan(&event) {
            Planned::Draft(draft, _) => self.finish(draft, &event, example),
            Planned::Ignored(words) => Came::Ignored(words),
            Planned::Unmapped(reason) => Came::Unmapped(reason),
            Planned::Rejected(reason, _) => Came::Parked(reason),
            Planned::Paused(reason) => Came::Paused(reason),
        }
    }

    fn finish(&self, draft: Draft, event: &StoredEvent, example: &Example) -> Came {
        let answers: Vec<Answer> = draft.asks.iter().map(|ask| self.answer(ask)).collect();
        let known = |step: &DraftStep| StepKnown {
            his_key: example.links.get(&record(step.entity())).cloned(),
            ..StepKnown::default()
        };
        let knowns: Vec<StepKnown> = draft.steps().iter().map(known).collect();
        let steps: Vec<(String, Vec<String>)> = draft
            .steps()
            .iter()
            .map(|s| (s.name().to_owned(), s.parameters().into_iter().map(str::to_owned).collect()))
            .collect();
        match self.planner.finish(draft, event, &knowns, &answers) {
            Ok(finished) => Came::Rows(rows(&finished, &steps)),
            Err(refusal) => Came::Parked(refusal.reason),
        }
    }

    fn answer(&self, ask: &Ask) -> Answer {
        let Some(bound) = self.planner.lookups().get(ask.lookup) else { return Answer::Missing };
        let mut found = self.examples.lookups.iter().filter(|(name, _)| is_lookup(bound, name));
        match found.find_map(|(_, rows)| rows.get(&ask.text)) {
            None => Answer::Missing,
            Some(Value::Object(row)) => {
                taken(row, bound).map_or(Answer::Missing, |v| Answer::Row(text(v).map(Into::into)))
            }
            Some(value) => Answer::Row(text(value).map(Into::into)),
        }
    }
}

/// `appointment 5`, as `events link` shows a record.
fn record(entity: &Entity) -> String {
    let (scope, key) = entity.scope_and_key();
    let name = scope_parts(scope).map_or("", |(_, name)| name);
    format!("{name} {}", key_parts(key).collect::<Vec<_>>().join(" "))
}

fn name_of(bound: &BoundLookup) -> String {
    format!("{}.{}", bound.table.name, bound.matches_name())
}

fn is_lookup(bound: &BoundLookup, name: &str) -> bool {
    let full = format!("{}.{}", bound.table.title(), bound.matches_name());
    name.eq_ignore_ascii_case(&name_of(bound)) || name.eq_ignore_ascii_case(&full)
}

fn take_name(bound: &BoundLookup) -> &str {
    bound.table.columns.get(bound.take).map_or("", |c| &c.name.0)
}

fn taken<'v>(row: &'v Map<String, Value>, bound: &BoundLookup) -> Option<&'v Value> {
    row.iter().find(|(name, _)| name.eq_ignore_ascii_case(take_name(bound))).map(|(_, value)| value)
}

fn rows(finished: &Finished, steps: &[(String, Vec<String>)]) -> Vec<CameRow> {
    let nothing = (String::new(), Vec::new());
    let names: BTreeMap<usize, &str> = (finished.of.iter().enumerate())
        .map(|(change, of)| (change, steps.get(of.step).map_or("", |step| step.0.as_str())))
        .collect();
    let changes = finished.change.rows.iter().zip(&finished.of);
    changes.map(|(change, of)| row(change, steps.get(of.step).unwrap_or(&nothing), &names)).collect()
}

fn row(
    change: &Change,
    (step, parameters): &(String, Vec<String>),
    names: &BTreeMap<usize, &str>,
) -> CameRow {
    let value = |cell: &Cell| match cell {
        Cell::Value(value) => CameValue::Value(value.clone()),
        // Each event has its own transaction.
        Cell::KeyOf(_) => CameValue::Key(String::new()),
        Cell::Generated(of) => CameValue::Key(names.get(of).copied().unwrap_or_default().to_owned()),
    };
    match &change.act {
        Act::Row(shape) => CameRow {
            step: step.clone(),
            table: Some(shape.table.title()),
            action: match shape.op {
                Op::Upsert => "upsert",
                Op::Insert => "insert",
                Op::Update => "update",
                Op::Delete => "delete",
            },
            columns: (shape.columns.iter().zip(&change.values))
                .filter_map(|((column, _), cell)| {
                    Some(CameColumn { column: shape.table.columns.get(*column)?.clone(), value: value(cell) })
                })
                .collect(),
        },
        Act::Call(_) => CameRow {
            step: step.clone(),
            table: None,
            action: "statement",
            columns: (parameters.iter().zip(&change.values))
                .map(|(name, cell)| CameColumn {
                    column: Column::parameter(ColumnName(name.clone())),
                    value: value(cell),
                })
                .collect(),
        },
    }
}
