//! Plans single events: which rule applies, which records it is about, which rows change.

use std::{collections::BTreeMap, sync::Arc};

use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    model::{
        answer::Answer,
        change::Cell,
        entity::Entity,
        event::{EventKind, StoredEvent},
        mapping::{Action, DELETIONS, Mapping, Mappings, Marker, Rule, Step, Write, is_deletion},
        need::{Need, Needs},
        outcome::Rejection,
        table::{Schema, TableName},
    },
    plan::{
        bind::{Binder, bind},
        bound::{Body, BoundRule, BoundStep},
        cell::reject,
        draft::{Draft, draft},
        finish::{Finished, Refusal, StepKnown, finish},
        lookup::{Ask, BoundLookup},
        needs,
        source::{self, Content},
        verify::{self, Finding},
    },
};

/// What an event comes to.
#[derive(Clone, Debug)]
pub enum Planned {
    /// Something to do, by the rule at that place of the configuration.
    Draft(Draft, Arc<str>),
    /// Nothing, on purpose.
    Ignored(&'static str),
    /// Nothing maps its type.
    Unmapped(Rejection),
    /// It cannot be applied as it is; its record, where that much is known.
    Rejected(Rejection, Option<Entity>),
    /// Its mapping does not fit the tables now.
    Paused(Rejection),
}

/// All mappings bound to the tables of one description.
#[derive(Debug)]
pub struct Planner {
    mappings: Arc<Mappings>,
    rules: BTreeMap<String, BoundRule>,
    lookups: Vec<BoundLookup>,
    /// Event types before the dot of which a rule does not fit its table, and why. All of their events wait, so that
    /// none overtakes another of its record.
    unbound: BTreeMap<String, Rejection>,
    findings: Vec<Finding>,
    needs: Needs,
    row_bytes_max: usize,
}

impl Planner {
    /// Binds every mapping. `zone` is that of the HIS's local times, `row_bytes_max` what one statement may hold.
    #[must_use]
    pub fn new(mappings: Arc<Mappings>, schema: &Schema, zone: Tz, row_bytes_max: usize) -> Self {
        let (mut rules, mut unbound) = (BTreeMap::new(), BTreeMap::new());
        let (mut findings, mut lookups) = (Vec::new(), Vec::new());
        let mut needs = Needs::default();
        for (mapping, write) in writes(&mappings) {
            let mut binder = Binder { schema, zone, lookups: &mut lookups };
            match bind(write, &mapping.kind, &mut binder) {
                Ok(bound) => {
                    for (step, bound) in write.steps.iter().zip(&bound.steps) {
                        verify::add(&mut findings, &mapping.at, verify::findings(step, &mapping.kind, bound));
                        needs::add(&mut needs, bound);
                    }
                    rules.insert(write.at.clone(), bound);
                }
                Err(found) => {
                    let message = found.iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join("; ");
                    let cause = format!("mapping:{}", mapping.kind);
                    unbound.insert(mapping.kind.base().to_owned(), Rejection { cause, message });
                    verify::add(&mut findings, &mapping.at, found);
                    // Columns that it lacks may only be hidden.
                    let table = |step: &Step| Some((step.at.clone(), schema.tables.get(step.table()?)?));
                    let seen = write.steps.iter().filter_map(table);
                    needs.extend(seen.map(|(at, table)| Need::new(&at, table)));
                }
            }
        }
        needs.extend(lookups.iter().map(needs::of_lookup));
        findings.extend(lookups.iter().flat_map(verify::lookup));
        findings.extend(verify::tables(&needs));
        Self { mappings, rules, lookups, unbound, findings, needs, row_bytes_max }
    }

    /// All that is to be said about the mappings and their tables.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What the login must be allowed to do, of the rules that fit their tables.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Event types of which every rule fits its table; also as they are called without their operation. Types that
    /// share the part before the dot belong together.
    #[must_use]
    pub fn sound_kinds(&self) -> Vec<EventKind> {
        let sound = self.mappings.by_kind.values().filter(|m| !self.unbound.contains_key(m.kind.base()));
        sound.flat_map(|m| [m.kind.clone(), EventKind(m.kind.base().to_owned())]).collect()
    }

    /// One line for each rule that fits: event type, table, action, and the key with how it was found.
    #[must_use]
    pub fn bindings(&self) -> Vec<String> {
        let lines = |(mapping, write): (&Mapping, &Write)| {
            let steps = self.rules.get(&write.at).map_or(&[][..], |rule| &rule.steps);
            steps.iter().map(|step| format!("{} -> {}", mapping.kind, line(step))).collect::<Vec<_>>()
        };
        let mut all: Vec<String> = writes(&self.mappings).flat_map(lines).collect();
        all.dedup();
        all
    }

    /// All lookups of all mappings, each once.
    #[must_use]
    pub fn lookups(&self) -> &[BoundLookup] {
        &self.lookups
    }

    /// The question for a value, as one of these lookups asks it.
    #[must_use]
    pub fn ask(&self, lookup: usize, text: &str) -> Option<Ask> {
        self.lookups.get(lookup)?.ask(lookup, text)
    }

    /// Whether events wait for a mapping to fit its table.
    #[must_use]
    pub fn has_unbound(&self) -> bool {
        !self.unbound.is_empty()
    }

    /// Plans an event.
    #[must_use]
    pub fn plan(&self, event: &StoredEvent) -> Planned {
        let Some(mapping) = self.mappings.find(&event.kind, event.operation.as_deref()) else {
            return Planned::Unmapped(self.unmapped(event));
        };
        let rule = match rule_of(mapping, event) {
            Ok(rule) => rule,
            Err(rejection) => return Planned::Rejected(rejection, None),
        };
        let Rule::Write(write) = rule else { return Planned::Ignored("the mapping says ignore") };
        if let Some(rejection) = self.unbound.get(mapping.kind.base()) {
            return Planned::Paused(rejection.clone());
        }
        let Some(bound) = self.rules.get(&write.at) else {
            return Planned::Rejected(
                reject("unbound", event, "its mapping was not bound to its table"),
                None,
            );
        };
        let body = event.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&event.body);
        let root: Value = match serde_json::from_slice(body) {
            Ok(root) => root,
            Err(_) => {
                return Planned::Rejected(reject("unreadable", event, "the stored body is no JSON"), None);
            }
        };
        match draft(event, &Content::new(event, &root), bound, &self.lookups) {
            Ok(draft) => Planned::Draft(draft, Arc::clone(&bound.at)),
            Err(Some((rejection, entity))) => Planned::Rejected(rejection, entity),
            Err(None) => Planned::Ignored("the mapping's \"when\" does not hold"),
        }
    }

    fn unmapped(&self, event: &StoredEvent) -> Rejection {
        let (kind, base) = (&event.kind, event.kind.base());
        let near = self.mappings.near(kind).map_or_else(String::new, |near| {
            format!(" (it maps {near}; event types are told apart by upper and lower case)")
        });
        let message = format!(
            "the configuration has no mapping for {kind}{near}; add \"{base}\" under \"mapping\", and the event is applied by itself"
        );
        Rejection { cause: format!("unmapped:{kind}"), message }
    }

    /// Finishes a draft with what the queue and the HIS know: `steps` of each step's row, `answers` to its questions.
    pub fn finish(
        &self,
        draft: Draft,
        event: &StoredEvent,
        steps: &[StepKnown],
        answers: &[Answer],
    ) -> Result<Finished, Refusal> {
        let finished = finish(draft, event, steps, answers, &self.lookups)?;
        let size = |cells: &[Cell]| cells.iter().map(Cell::size).sum::<usize>();
        let largest = finished.change.rows.iter().map(|row| size(&row.values)).max().unwrap_or(0);
        if largest > self.row_bytes_max {
            let message = format!(
                "its row has about {largest} bytes, and the HIS database takes {} in one statement (max_allowed_packet)",
                self.row_bytes_max
            );
            return Err(reject("too-large", event, &message).into());
        }
        Ok(finished)
    }
}

/// What `check` says of a step that fits.
fn line(step: &BoundStep) -> String {
    let row = match &step.body {
        Body::Row(row) => row,
        Body::Call(call) => {
            return format!("a statement{}", if call.repeatable { " (repeatable)" } else { "" });
        }
    };
    let action = match row.action {
        Action::Upsert => "upsert",
        Action::Insert => "insert",
        Action::Update => "update",
        Action::Delete => "delete",
    };
    let key = match (&row.key, &row.link) {
        (_, Some(link)) => {
            let column = row.table.columns.get(link.column).map_or("", |c| &c.name.0);
            let sources: Vec<_> = link.key.iter().map(|s| s.written.as_str()).collect();
            format!("key {column} (generated), linked to {}", sources.join(", "))
        }
        (Some(key), None) => {
            let columns: Vec<_> = key.columns.iter().map(|c| c.0.as_str()).collect();
            format!("key {} ({})", columns.join(", "), key.found.words())
        }
        (None, None) => "no key".to_owned(),
    };
    format!("{}: {action}, {key}", row.table.title())
}

/// Every table that the mappings write to or look into, once.
#[must_use]
pub fn tables(mappings: &Mappings) -> Vec<TableName> {
    let of_step = |step: &Step| {
        let marks = match &step.marker {
            Some(Marker::Table { table, .. }) => Some(table.clone()),
            Some(Marker::Column(_)) | None => None,
        };
        let lookups = step.fields.iter().filter_map(|f| Some(f.lookup.as_ref()?.table.clone()));
        step.table().cloned().into_iter().chain(marks).chain(lookups).collect::<Vec<_>>()
    };
    let mut tables: Vec<_> = writes(mappings).flat_map(|(_, w)| &w.steps).flat_map(of_step).collect();
    tables.sort();
    tables.dedup();
    tables
}

fn writes(mappings: &Mappings) -> impl Iterator<Item = (&Mapping, &Write)> {
    mappings.by_kind.values().flat_map(|mapping| {
        std::iter::once(&mapping.rule).chain(mapping.on.values()).filter_map(move |rule| match rule {
            Rule::Write(write) => Some((mapping, write)),
            Rule::Ignore => None,
        })
    })
}

/// The rule of an event's operation. A deletion that nothing provides for is never guessed.
fn rule_of<'a>(mapping: &'a Mapping, event: &StoredEvent) -> Result<&'a Rule, Rejection> {
    let named = event.kind.suffix().filter(|suffix| is_deletion(suffix));
    let operation = named.or(source::operation(event)).map(str::to_lowercase);
    if let Some(rule) = operation.as_ref().and_then(|o| mapping.on.get(o)) {
        return Ok(rule);
    }
    let deletion =
        operation.as_deref().is_some_and(is_deletion) || event.kind.suffix().is_some_and(is_deletion);
    if !deletion || mapping.kind.suffix().is_some_and(is_deletion) {
        return Ok(&mapping.rule);
    }
    if let Some(rule) = DELETIONS.iter().find_map(|o| mapping.on.get(*o)) {
        return Ok(rule);
    }
    Err(Rejection {
        cause: format!("deletion:{}", mapping.kind),
        message: format!(
            "it deletes, and the mapping does not say what a deletion does; add \"on\": {{\"deleted\": {{\"action\": \"delete\"}}}} to {} (or an update that marks the row), then retry",
            mapping.at
        ),
    })
}

/// Whether an action looks for a row by key.
pub(super) fn needs_key(action: Action) -> bool {
    action != Action::Insert
}

#[cfg(test)]
mod tests;
