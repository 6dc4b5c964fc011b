//! A rehearsal of one event: what the worker would do with it, tried in a transaction on the real tables and taken back.
//! Plans and decides with the worker's own functions. Never commits, and writes nothing into the queue file.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    config::Config,
    his::{HisError, Look, Session, Trial},
    limits,
    model::{
        change::{Act, Cell, Change, Op, Role, Shape},
        clock::{Clock, SystemClock},
        event::{EventState, StoredEvent},
        outcome::{FaultClass, Outcome, Rejection, Settlement},
        table::{Table, TableName},
        value::SqlValue,
    },
    plan::{Planned, Planner},
    policy,
    queue::{ClaimId, Inspector, QueueError},
    sql::{batch::Packer, parameters::words},
    sync::{
        Interrupted,
        decide::decide,
        find,
        link::Link,
        links_elsewhere,
        page::{Item, Page, Work, Writers, ask, plan_event},
        resolve::finish_drafts,
        shown::{self, Row},
    },
};

pub use crate::sync::shown::{Does, ShownChange, ShownColumn, Side};

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The queue file could not be read.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The HIS database could not be used.
    #[error("{}", .0.message)]
    His(#[from] HisError),
    /// A table keeps what is written into it, whatever follows.
    #[error(
        "{table} has {engine}, which has no transactions: what is written there stays, so that nothing was tried. Try the \
         mapping without the database instead, with `buktor-middleware mapping test`, or rehearse it on a copy of the \
         table that has transactions (ENGINE=InnoDB)"
    )]
    Permanent {
        /// The table.
        table: String,
        /// Its engine, in words.
        engine: String,
    },
    /// A procedure may commit by itself.
    #[error(
        "{at} runs a procedure, which can commit by itself; then its work could not be taken back, so that nothing was \
         tried. Where you know that it does not commit, nor send or print anything, add --run-statements"
    )]
    Procedure {
        /// The statement's place in the configuration.
        at: String,
    },
}

impl From<Interrupted> for RehearseError {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Queue(error) => Self::Queue(error),
            Interrupted::His(error) => Self::His(error),
        }
    }
}

/// What a rehearsal showed.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// Where the event would stand then.
    pub state: EventState,
    /// Why, where there is something to say.
    pub reason: Option<Rejection>,
    /// It would wait for a missing record, and go on by itself once it is there.
    pub awaits: bool,
    /// The rule that it was planned by, a place in the configuration.
    pub rule: Option<String>,
    /// Its changes as far as they were tried, in their order. The last one is to blame where the HIS refused it.
    pub changes: Vec<ShownChange>,
    /// Steps that write nothing for this event.
    pub left_out: Vec<String>,
    /// What is to be known besides.
    pub notes: Vec<String>,
}

impl Rehearsed {
    /// Whether the event would be applied.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.state == EventState::Applied
    }
}

/// Names of an event's steps, each with the parameters that its statement has.
type Steps = Vec<(String, Vec<String>)>;

/// Rehearses an event. Without `inspector` there is no queue file, and nothing is known of earlier events. `procedures`:
/// run them, too.
pub async fn rehearse(
    config: &Config,
    inspector: Option<&Inspector>,
    event: StoredEvent,
    procedures: bool,
) -> Result<Rehearsed, RehearseError> {
    if let Some(owner) = inspector.filter(|_| config.mappings.has_links()).map(Inspector::links_owner) {
        let place = config.database.place();
        if let Some(other) = owner?.filter(|owner| *owner != place) {
            return Err(links_elsewhere(&other, &place).into());
        }
    }
    let mut link = Link::new(config.database.clone(), Arc::new(config.mappings.clone()));
    link.ready(limits::SCHEMA_AGE_MAX).await?;
    let Some(binding) = link.binding() else { return Err(HisError::not_connected().into()) };
    let planner = binding.planner;
    let (steps, left_out) = steps(&planner, &event);
    let mut item = plan_event(&planner, event, &mut Writers::default());
    if let Some(inspector) = inspector {
        let mut questions = Vec::new();
        ask(&item, &mut questions);
        item.standings = inspector.standing(&questions)?;
    }
    let mut page = Page { claim: ClaimId(0), items: vec![item], generation: binding.generation };
    finish_drafts(&mut link, None, &planner, &mut page).await?;
    decide(&planner, &mut page);
    let Some(mut item) = page.items.pop() else { return Err(HisError::not_connected().into()) };
    let mut notes = Vec::new();
    if item.outcome == Some(Outcome::Held) {
        notes.push(held(&item));
        item.outcome = None;
    }
    if item.outcome.is_none() {
        find::regain(&mut link, &planner, &mut item).await?;
    }
    let mut changes = Vec::new();
    if let Some(work) = item.work().filter(|_| item.outcome.is_none()) {
        refuse(&mut link, work, procedures).await?;
        notes.extend(besides(work));
        let (tried, outcome) = attempt(link, &item.event, work, &steps).await?;
        changes = tried;
        item.outcome = Some(outcome);
    }
    Ok(settled(&item, changes, left_out, notes))
}

fn settled(item: &Item, changes: Vec<ShownChange>, left_out: Vec<String>, notes: Vec<String>) -> Rehearsed {
    let outcome = item.outcome.clone().unwrap_or(Outcome::Released { replay: false });
    let Settlement { state, reason, .. } = policy::settle(&item.event, None, outcome, SystemClock.now(), 0.0);
    let rule = item.work().map(|work| work.rule.to_string());
    Rehearsed { state, reason, awaits: item.awaits.is_some(), rule, changes, left_out, notes }
}

/// An event's steps, and the names of those that write nothing.
fn steps(planner: &Planner, event: &StoredEvent) -> (Steps, Vec<String>) {
    let Planned::Draft(draft, _) = planner.plan(event) else { return (Vec::new(), Vec::new()) };
    let named = draft.steps().iter().map(|step| {
        (step.name().to_owned(), step.parameters().into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    let skipped = draft.steps().iter().filter(|step| step.is_skipped()).map(|step| step.name().to_owned());
    (named.collect(), skipped.collect())
}

fn held(item: &Item) -> String {
    let first = item.standings.iter().find_map(|standing| standing.unfinished);
    let which = first.map_or_else(|| "an earlier event".to_owned(), |seq| format!("event {seq}"));
    format!(
        "{which} of the same record is not finished: this one would wait for it, and come after what it does"
    )
}

/// Refuses what could not be taken back.
async fn refuse(link: &mut Link, work: &Work, procedures: bool) -> Result<(), RehearseError> {
    let guards = work.change.rows.iter().filter_map(|row| Some(&row.guard.as_ref()?.shape));
    let shapes = work.change.rows.iter().filter_map(Change::shape).chain(guards);
    if let Some(shape) = shapes.map(Arc::as_ref).find(|shape| !shape.table.transactional) {
        return Err(permanent(&shape.table));
    }
    for change in &work.change.rows {
        let Act::Call(call) = &change.act else { continue };
        let session = link.session()?;
        let words = words(&call.sql, session.dialect());
        if call.is_procedure && !procedures {
            return Err(RehearseError::Procedure { at: call.at.clone() });
        }
        if let Some(table) = permanent_among(session, &words).await? {
            return Err(permanent(&table));
        }
    }
    Ok(())
}

/// A table without transactions that a statement names.
async fn permanent_among(
    session: &mut dyn Session,
    words: &[String],
) -> Result<Option<Arc<Table>>, HisError> {
    let tables = session.tables().await?;
    let is_named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    let named = tables.into_iter().filter(|table| is_named(&table.0));
    let elsewhere = words.iter().filter(|word| word.contains('.')).map(|word| TableName(word.clone()));
    let named: BTreeSet<TableName> = named.chain(elsewhere).collect();
    let schema = session.describe(&named.into_iter().collect::<Vec<_>>()).await?;
    Ok(schema.tables.into_values().find(|table| !table.transactional))
}

fn permanent(table: &Table) -> RehearseError {
    let engine = match table.engine.as_str() {
        "" if table.view => "a table behind it".to_owned(),
        "" => "an engine".to_owned(),
        engine => format!("the engine {engine}"),
    };
    RehearseError::Permanent { table: table.title(), engine }
}

/// What stays, or may stay, of a rehearsal.
fn besides(work: &Work) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for shape in work.change.rows.iter().filter_map(Change::shape) {
        let (table, title) = (&shape.table, shape.table.title());
        let counts = table.columns.iter().any(|column| column.filled.is_counted());
        // A file rolls its counters back; a server, whose tables have schemas, does not.
        if matches!(shape.op, Op::Insert | Op::Upsert) && counts && table.schema.is_some() {
            notes.insert(format!(
                "a new row of {title} uses up a number of its counter (AUTO_INCREMENT, IDENTITY, sequence); the next row \
                 gets the one after it, which harms nothing"
            ));
        }
        if table.triggers_hidden {
            notes.insert(format!(
                "{title} may have triggers, which this login cannot see: they run, too, and what they do outside of the \
                 transaction cannot be taken back"
            ));
        } else if table.triggers.iter().any(|trigger| concerns(&trigger.event, shape.op)) {
            notes.insert(format!(
                "triggers of {title} run, too; what they write is taken back with the rest, unless it goes into tables \
                 without transactions or out of the database"
            ));
        }
    }
    notes.into_iter().collect()
}

fn concerns(event: &str, op: Op) -> bool {
    match op {
        Op::Upsert => event == "INSERT" || event == "UPDATE",
        Op::Insert => event == "INSERT",
        Op::Update => event == "UPDATE",
        Op::Delete => event == "DELETE",
    }
}

/// Runs an event's changes one after the other, looks at each row before and after, and takes all of it back.
async fn attempt(
    link: Link,
    event: &StoredEvent,
    work: &Work,
    steps: &Steps,
) -> Result<(Vec<ShownChange>, Outcome), RehearseError> {
    let session = link.into_session()?;
    let mut packer = Packer::new(session.dialect(), session.statement_bytes());
    let batch = packer.pack(std::iter::once(&work.change), event.replay);
    let mut trial = Trial::begin(session, &batch).await?;
    let (mut tried, mut outcome) = (Vec::new(), Outcome::Applied);
    for packed in &batch.works {
        let Some(row) = packed.rows.first() else { continue };
        let nothing = (String::new(), Vec::new());
        let step = work.of.get(row.slot).and_then(|of| steps.get(of.step)).unwrap_or(&nothing);
        let columns = readable(row.change);
        let key = key_of(row.change, row.slot, &trial);
        let before = match &key {
            // It has no key before it is there.
            None if row.change.inserted().is_some() => Row::Absent,
            key => look(&mut trial, row.change, key.as_deref(), &columns).await?,
        };
        let matched = match trial.run(packed).await {
            Ok(matched) => matched,
            Err(error) if matches!(error.class, FaultClass::Unreachable | FaultClass::CommitUnknown) => {
                return Err(error.into());
            }
            Err(error) => {
                let key = named(row.change, key.as_deref());
                tried.push((
                    row.slot,
                    shown::shown(row.change, &step.0, &step.1, key, (&Row::Unread, &Row::Unread)),
                ));
                let mut reason = error.reason();
                reason.message = format!("{} event, {}: {}", event.kind, row.change.title(), reason.message);
                outcome = policy::blamed(error.class, reason);
                break;
            }
        };
        let key = key_of(row.change, row.slot, &trial);
        let after = look(&mut trial, row.change, key.as_deref(), &columns).await?;
        let key = named(row.change, key.as_deref());
        let mut change = shown::shown(row.change, &step.0, &step.1, key, (&before, &after));
        (change.rows, change.done_before) = (matched, matched.is_none());
        tried.push((row.slot, change));
    }
    trial.end().await?;
    tried.sort_by_key(|(slot, _)| *slot);
    Ok((tried.into_iter().map(|(_, change)| change).collect(), outcome))
}

/// Columns of a change's table that the login may read, as far as is known.
fn readable(change: &Change) -> Vec<usize> {
    let Some(shape) = change.shape() else { return Vec::new() };
    let columns = shape.table.columns.iter().enumerate();
    columns.filter(|(_, c)| shape.table.may.select.covers(&c.name) != Some(false)).map(|(i, _)| i).collect()
}

/// Columns with their values.
type Key = Vec<(usize, SqlValue)>;

/// What tells a change's row now; none where nothing does (yet).
fn key_of(change: &Change, slot: usize, trial: &Trial) -> Option<Key> {
    let shape = change.shape()?;
    let made = |change: usize| trial.keys().of(0, change).map(SqlValue::of_key);
    if let Some((shape, made)) = change.inserted().zip(made(slot)) {
        return Some(vec![(shape.generated?, made)]);
    }
    let value = |cell: &Cell| match cell {
        Cell::Value(value) => Some(value.clone()),
        Cell::Generated(change) => made(*change),
        // One event stands alone.
        Cell::KeyOf(_) => None,
    };
    let keys = shape.columns.iter().zip(&change.values).filter(|((_, role), _)| *role == Role::Key);
    let key: Option<Key> = keys.map(|((column, _), cell)| Some((*column, value(cell)?))).collect();
    key.filter(|key| !key.is_empty())
}

/// A change's row, as far as it can be read.
async fn look(
    trial: &mut Trial,
    change: &Change,
    key: Option<&[(usize, SqlValue)]>,
    columns: &[usize],
) -> Result<Row, HisError> {
    let (Some(shape), Some(key)) = (change.shape(), key) else { return Ok(Row::Unread) };
    if columns.is_empty() || key.iter().any(|(column, _)| !columns.contains(column)) {
        return Ok(Row::Unread);
    }
    let found = trial.look(&Look { table: &shape.table, key: key.to_vec(), columns }).await;
    match found {
        Ok(None) => Ok(Row::Absent),
        Ok(Some(texts)) => Ok(Row::Texts(columns.iter().copied().zip(texts).collect())),
        // A privilege, or a key of several rows: what is written meets the latter, too, and says so.
        Err(error) if matches!(error.class, FaultClass::Config | FaultClass::Rejected) => Ok(Row::Unread),
        Err(error) => Err(error),
    }
}

/// A key for people.
fn named(change: &Change, key: Option<&[(usize, SqlValue)]>) -> Vec<(String, String)> {
    let Some(shape) = change.shape() else { return Vec::new() };
    let name = |shape: &Shape, column: usize| shape.table.columns.get(column).map(|c| c.name.0.clone());
    let named = key.unwrap_or_default().iter();
    named.filter_map(|(column, value)| Some((name(shape, *column)?, value.plain()))).collect()
}
