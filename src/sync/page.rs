//! A page of events on its way from the queue to the HIS: claimed, planned, and what the queue knows of their records.
//! Touches no HIS.

use std::{collections::HashMap, sync::Arc};

use crate::{
    model::{
        answer::Answer,
        change::{Act, Change, EventChange, Op, Role, Shape},
        entity::Entity,
        event::StoredEvent,
        outcome::{LinkChange, Outcome, Rejection, Standing, Writer},
        table::ColumnName,
    },
    plan::{Draft, DraftStep, Finished, Of, Planned, Planner, StepKnown},
    queue::{self, ClaimId, Question, Queue, QueueError},
};

/// A claimed and planned page.
pub(super) struct Page {
    pub(super) claim: ClaimId,
    pub(super) items: Vec<Item>,
    /// The binding that it was planned with.
    pub(super) generation: u64,
}

/// An event of a page.
pub(super) struct Item {
    pub(super) event: StoredEvent,
    pub(super) intent: Intent,
    /// What the queue knows of the record of each of its steps.
    pub(super) standings: Vec<Standing>,
    /// What is known of each of its steps' rows; empty for an event that needs no more than itself.
    pub(super) knowns: Vec<StepKnown>,
    /// What its lookups have found.
    pub(super) answers: Vec<Answer>,
    /// What it changes in the crosswalk.
    pub(super) links: Vec<(Entity, LinkChange)>,
    /// Records of which the crosswalk was told that this event inserts their row.
    pub(super) proposed: Vec<Entity>,
    /// The record of the HIS that it waits for.
    pub(super) awaits: Option<String>,
    /// What became of it; none while it is undecided.
    pub(super) outcome: Option<Outcome>,
}

/// What an event wants.
pub(super) enum Intent {
    /// Something that the HIS or the crosswalk has to say more about; by the rule at that place.
    Draft(Draft, Arc<str>),
    /// Changes.
    Work(Work),
    /// Nothing that could be done now; the record that it is about, where that much is known.
    Nothing(Outcome, Option<Entity>),
}

/// An event's changes.
pub(super) struct Work {
    pub(super) change: EventChange,
    /// For each change the step that it comes from.
    pub(super) of: Vec<Of>,
    /// For each change who writes what it writes.
    pub(super) writers: Vec<Arc<Writer>>,
    /// Records that it deletes, and of which no row is known.
    pub(super) absent: Vec<Entity>,
    /// The rule's place in the configuration.
    pub(super) rule: Arc<str>,
}

impl Work {
    /// The first record of it whose row is known by the key that its table gave it.
    pub(super) fn linked_entity(&self) -> Option<&Entity> {
        let linked = |row: &&Change| row.shape().is_some_and(|shape| shape.is_linked());
        self.change.rows.iter().find(linked).map(|row| &row.entity)
    }
}

/// Writers by the address of their shape, so that events of one shape share theirs.
#[derive(Default)]
pub(super) struct Writers(HashMap<usize, (Arc<Shape>, Arc<Writer>)>);

impl Writers {
    /// Who writes a change, for an event of a type before the dot.
    fn of(&mut self, kind: &str, change: &Change) -> Arc<Writer> {
        let shape = match &change.act {
            Act::Row(shape) => shape,
            Act::Call(call) => {
                // What a statement writes nobody knows; one that runs later has the last word over one of its own.
                let columns = Some([ColumnName(call.at.clone())].into());
                return Arc::new(Writer { kind: kind.to_owned(), columns });
            }
        };
        let (_, writer) = self.0.entry(Arc::as_ptr(shape) as usize).or_insert_with(|| {
            let named = shape.columns.iter().filter(|(_, role)| *role != Role::Key);
            let names = named.filter_map(|(column, _)| Some(shape.table.columns.get(*column)?.name.clone()));
            let columns = (shape.op != Op::Delete).then(|| names.collect());
            (Arc::clone(shape), Arc::new(Writer { kind: kind.to_owned(), columns }))
        });
        Arc::clone(writer)
    }

    pub(super) fn work(&mut self, event: &StoredEvent, finished: Finished, rule: Arc<str>) -> Work {
        let Finished { change, of, absent } = finished;
        let writers = change.rows.iter().map(|row| self.of(event.kind.base(), row)).collect();
        Work { change, of, writers, absent, rule }
    }
}

impl Item {
    pub(super) fn entity(&self) -> Option<&Entity> {
        match &self.intent {
            Intent::Draft(draft, _) => Some(&draft.entity),
            Intent::Work(work) => Some(&work.change.entity),
            Intent::Nothing(_, entity) => entity.as_ref(),
        }
    }

    pub(super) fn work(&self) -> Option<&Work> {
        match &self.intent {
            Intent::Work(work) => Some(work),
            Intent::Draft(..) | Intent::Nothing(..) => None,
        }
    }

    /// All records that it touches; another one than its own may come more than once.
    pub(super) fn entities(&self) -> impl Iterator<Item = &Entity> {
        let (draft, work) = match &self.intent {
            Intent::Draft(draft, _) => (Some(draft), None),
            Intent::Work(work) => (None, Some(work)),
            Intent::Nothing(..) => (None, None),
        };
        let steps = draft.into_iter().flat_map(|draft| draft.steps().iter().map(DraftStep::entity));
        let rows = work.into_iter().flat_map(|work| work.change.rows.iter().map(|row| &row.entity));
        let absent = work.into_iter().flat_map(|work| &work.absent);
        let main = self.entity();
        let other = move |entity: &&Entity| main.is_none_or(|main| !Arc::ptr_eq(&entity.0, &main.0));
        main.into_iter().chain(steps.chain(rows).chain(absent).filter(other))
    }

    /// An event of which an earlier attempt went wrong, or may have gone right, is applied alone: it harms no
    /// others, and what happens to it is its own doing. So is one whose table cannot roll back, or that runs a procedure,
    /// which may end the transaction: what is done in one transaction with others would be done again when these fail.
    pub(super) fn is_solo(&self) -> bool {
        let procedure = |row: &Change| matches!(&row.act, Act::Call(call) if call.is_procedure);
        let runs = self.work().is_some_and(|work| work.change.rows.iter().any(procedure));
        self.event.attempts > 0 || self.event.replay || runs || self.is_permanent()
    }

    /// Whether what it does stays done even if its transaction fails.
    pub(super) fn is_permanent(&self) -> bool {
        let rolls_back = |row: &Change| row.shape().is_none_or(|shape| shape.table.transactional);
        !self.work().is_none_or(|work| work.change.rows.iter().all(rolls_back))
    }

    /// Whether it changes a row that the crosswalk knows, of a record that `which` selects.
    pub(super) fn touches_linked(&self, which: impl Fn(&Entity) -> bool) -> bool {
        let linked = |row: &&Change| row.shape().is_some_and(|shape| shape.generated.is_some());
        self.work().is_some_and(|work| work.change.rows.iter().filter(linked).any(|row| which(&row.entity)))
    }

    /// Whether an earlier event of its record goes on by itself once a record of the HIS appears.
    pub(super) fn is_expected(&self) -> bool {
        self.standings.iter().any(|standing| standing.expected)
    }

    /// The places of earlier events that are to insert the rows with which it was planned.
    pub(super) fn makers(&self) -> impl Iterator<Item = usize> {
        self.knowns.iter().filter_map(|known| known.made_ahead)
    }

    /// The records whose rows it deletes.
    pub(super) fn deleted(&self) -> impl Iterator<Item = &Entity> {
        let (draft, work) = match &self.intent {
            Intent::Draft(draft, _) => (Some(draft), None),
            Intent::Work(work) => (None, Some(work)),
            Intent::Nothing(..) => (None, None),
        };
        let steps = draft.into_iter().flat_map(|draft| draft.steps().iter().filter(|step| step.deletes()));
        let deletes = |row: &&Change| row.shape().is_some_and(|shape| shape.op == Op::Delete);
        let rows = work.into_iter().flat_map(move |work| work.change.rows.iter().filter(deletes));
        let absent = work.into_iter().flat_map(|work| &work.absent);
        steps.map(DraftStep::entity).chain(rows.map(|row| &row.entity)).chain(absent)
    }

    pub(super) fn refuse(&mut self, reason: Rejection) {
        self.outcome = Some(Outcome::Rejected(reason));
    }
}

/// The mappings as bound to one description of the tables.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) planner: Arc<Planner>,
    pub(super) generation: u64,
}

/// Plans a claimed page. What the queue knows of its records is still to be read.
pub(super) async fn plan(claimed: queue::Page, binding: Binding) -> Page {
    let items = plan_events(binding.planner, claimed.events).await;
    Page { claim: claimed.claim, items, generation: binding.generation }
}

/// Plans a page again, with another binding.
pub(super) async fn plan_again(queue: &Queue, page: &mut Page, binding: Binding) -> Result<(), QueueError> {
    let events = page.items.drain(..).map(|i| i.event).collect();
    page.items = plan_events(binding.planner, events).await;
    page.generation = binding.generation;
    standings(queue, page, |_| true).await
}

/// Parsing and converting a page takes milliseconds of processor: not on the threads that answer requests.
async fn plan_events(planner: Arc<Planner>, events: Vec<StoredEvent>) -> Vec<Item> {
    let work = move || {
        let mut writers = Writers::default();
        events.into_iter().map(|event| plan_event(&planner, event, &mut writers)).collect()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(items) => items,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

pub(super) fn plan_event(planner: &Planner, event: StoredEvent, writers: &mut Writers) -> Item {
    let intent = intent(planner, &event, writers);
    Item {
        event,
        intent,
        standings: Vec::new(),
        knowns: Vec::new(),
        answers: Vec::new(),
        links: Vec::new(),
        proposed: Vec::new(),
        awaits: None,
        outcome: None,
    }
}

/// What an event wants. One that needs no more than itself is finished at once.
pub(super) fn intent(planner: &Planner, event: &StoredEvent, writers: &mut Writers) -> Intent {
    match planner.plan(event) {
        Planned::Draft(draft, rule) if draft.is_plain() => {
            let entity = draft.entity.clone();
            match planner.finish(draft, event, &[], &[]) {
                Ok(finished) => Intent::Work(writers.work(event, finished, rule)),
                Err(refusal) => Intent::Nothing(Outcome::Rejected(refusal.reason), Some(entity)),
            }
        }
        Planned::Draft(draft, rule) => Intent::Draft(draft, rule),
        Planned::Ignored(words) => Intent::Nothing(Outcome::Ignored(words), None),
        Planned::Unmapped(reason) => Intent::Nothing(Outcome::Unmapped(reason), None),
        Planned::Rejected(reason, entity) => Intent::Nothing(Outcome::Rejected(reason), entity),
        Planned::Paused(reason) => Intent::Nothing(Outcome::Paused(reason), None),
    }
}

/// Reads what the queue knows of the records of the events of which `which` selects one.
pub(super) async fn standings(
    queue: &Queue,
    page: &mut Page,
    which: impl Fn(&Entity) -> bool,
) -> Result<(), QueueError> {
    let (mut questions, mut counts) = (Vec::new(), Vec::new());
    for (index, item) in page.items.iter().enumerate() {
        if item.entities().any(&which) {
            let before = questions.len();
            ask(item, &mut questions);
            counts.push((index, questions.len() - before));
        }
    }
    if questions.is_empty() {
        return Ok(());
    }
    let mut answers = queue.standing(questions).await?.into_iter();
    for (index, count) in counts {
        if let Some(item) = page.items.get_mut(index) {
            let answered = answers.by_ref().take(count);
            item.standings = match &item.intent {
                Intent::Work(work) => by_step(&work.of, answered),
                Intent::Draft(..) | Intent::Nothing(..) => answered.collect(),
            };
        }
    }
    Ok(())
}

/// What is known of the records of changes, at the places of their steps: one that is skipped makes no change.
pub(super) fn by_step(of: &[Of], answered: impl Iterator<Item = Standing>) -> Vec<Standing> {
    let mut standings = Vec::new();
    for (of, standing) in of.iter().zip(answered) {
        standings.resize_with(standings.len().max(of.step + 1), Standing::default);
        if let Some(place) = standings.get_mut(of.step) {
            *place = standing;
        }
    }
    standings
}

/// One question for each step of a draft, or for each change, in their order; the main record's asks for what is unfinished
/// before it.
pub(super) fn ask(item: &Item, questions: &mut Vec<Question>) {
    let seq = item.event.seq;
    let main = item.entity();
    let mut ordered = false;
    let mut push = |entity: &Entity, link: bool| {
        let order = !ordered && Some(entity) == main;
        ordered |= order;
        questions.push(Question { entity: entity.clone(), seq, order, link });
    };
    match &item.intent {
        Intent::Draft(draft, _) => draft.steps().iter().for_each(|s| push(s.entity(), s.is_linked())),
        Intent::Work(work) => work.change.rows.iter().for_each(|row| push(&row.entity, false)),
        Intent::Nothing(_, Some(entity)) => push(entity, false),
        Intent::Nothing(_, None) => {}
    }
}
