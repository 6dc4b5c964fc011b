//! Plans single events: which rule applies, which record it is about, which row changes.

use std::{collections::BTreeMap, sync::Arc};

use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    model::{
        change::{EventChange, RowChange},
        entity::Entity,
        event::{EventKind, StoredEvent},
        mapping::{Action, DELETIONS, Mapping, Mappings, Rule, Step, is_deletion},
        need::{Need, Needs},
        outcome::Rejection,
        table::{Schema, TableName},
        value::SqlValue,
    },
    plan::{
        bind::{Bound, BoundCell, BoundField, From, bind},
        convert::{Misfit, Target},
        needs,
        source::{self, Content, Found},
        verify::{self, Finding},
    },
};

/// What an event comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    /// Rows to change, by the rule at that place of the configuration.
    Change(EventChange, Arc<str>),
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
    rules: BTreeMap<String, (Bound, Arc<str>)>,
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
        let (mut findings, mut needs) = (Vec::new(), Needs::default());
        for (mapping, step) in steps(&mappings) {
            match bind(step, &mapping.kind, schema, zone) {
                Ok(bound) => {
                    verify::add(&mut findings, &mapping.at, verify::findings(step, &mapping.kind, &bound));
                    needs.extend([needs::of(&step.at, &bound)]);
                    rules.insert(step.at.clone(), (bound, Arc::from(step.at.as_str())));
                }
                Err(found) => {
                    let message = found.iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join("; ");
                    let cause = format!("mapping:{}", mapping.kind);
                    unbound.insert(mapping.kind.base().to_owned(), Rejection { cause, message });
                    verify::add(&mut findings, &mapping.at, found);
                    // Columns that it lacks may only be hidden.
                    needs.extend(schema.tables.get(&step.table).map(|table| Need::new(&step.at, table)));
                }
            }
        }
        findings.extend(verify::tables(&needs));
        Self { mappings, rules, unbound, findings, needs, row_bytes_max }
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
        let line = |(mapping, step): (&Mapping, &Step)| {
            let (bound, _) = self.rules.get(&step.at)?;
            let action = match bound.action {
                Action::Upsert => "upsert",
                Action::Insert => "insert",
                Action::Update => "update",
                Action::Delete => "delete",
            };
            let key = bound.key.as_ref().map_or_else(
                || "no key".to_owned(),
                |k| {
                    let columns: Vec<_> = k.columns.iter().map(|c| c.0.as_str()).collect();
                    format!("key {} ({})", columns.join(", "), k.found.words())
                },
            );
            Some(format!("{} -> {}: {action}, {key}", mapping.kind, bound.table.title()))
        };
        steps(&self.mappings).filter_map(line).collect()
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
        let Rule::Write(step) = rule else { return Planned::Ignored("the mapping says ignore") };
        if let Some(rejection) = self.unbound.get(mapping.kind.base()) {
            return Planned::Paused(rejection.clone());
        }
        let Some((bound, at)) = self.rules.get(&step.at) else {
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
        self.write(event, &Content::new(event, &root), bound, at)
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

    fn write(&self, event: &StoredEvent, content: &Content<'_>, bound: &Bound, at: &Arc<str>) -> Planned {
        let holds = |c: &crate::model::mapping::Condition| {
            content.find(&c.source).is_some_and(|found| c.any_of.iter().any(|l| source::equals(found, l)))
        };
        if !bound.when.iter().all(holds) {
            return Planned::Ignored("the mapping's \"when\" does not hold");
        }
        let mut present = Vec::with_capacity(bound.cells.len());
        let mut values = Vec::with_capacity(bound.cells.len());
        let mut entity = None;
        for (index, cell) in bound.cells.iter().enumerate() {
            if index == bound.keys {
                entity = Some(entity_of(event, bound, &values));
            }
            let is_key = index < bound.keys;
            match cell_value(event, content, bound, cell, is_key) {
                Ok(Some(value)) => {
                    present.push(u16::try_from(index).unwrap_or(u16::MAX));
                    values.push(value);
                }
                Ok(None) => {}
                Err(rejection) => return Planned::Rejected(rejection, entity),
            }
        }
        let entity =
            entity.unwrap_or_else(|| entity_of(event, bound, values.get(..bound.keys).unwrap_or_default()));
        let size: usize = values.iter().map(SqlValue::size).sum();
        if size > self.row_bytes_max {
            let message = format!(
                "its row has about {size} bytes, and the HIS database takes {} in one statement (max_allowed_packet)",
                self.row_bytes_max
            );
            return Planned::Rejected(reject("too-large", event, &message), Some(entity));
        }
        let row = RowChange { shape: bound.shape(present), values };
        Planned::Change(EventChange { entity, rows: vec![row] }, Arc::clone(at))
    }
}

/// Every table that the mappings write to, once.
#[must_use]
pub fn tables(mappings: &Mappings) -> Vec<TableName> {
    let mut tables: Vec<_> = steps(mappings).map(|(_, step)| step.table.clone()).collect();
    tables.sort();
    tables.dedup();
    tables
}

fn steps(mappings: &Mappings) -> impl Iterator<Item = (&Mapping, &Step)> {
    mappings.by_kind.values().flat_map(|mapping| {
        std::iter::once(&mapping.rule).chain(mapping.on.values()).filter_map(move |rule| match rule {
            Rule::Write(step) => Some((mapping, step)),
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

fn cell_value(
    event: &StoredEvent,
    content: &Content<'_>,
    bound: &Bound,
    cell: &BoundCell,
    is_key: bool,
) -> Result<Option<SqlValue>, Rejection> {
    let field = match &cell.from {
        From::Constant(value) => return Ok(Some(value.clone())),
        From::Source(field) => field,
    };
    let name = &field.source.written;
    let value = match content.find(&field.source) {
        Some(found) => Some(field_value(event, bound, cell, field, found)?),
        None => field.default.clone(),
    };
    if !is_key {
        return Ok(value);
    }
    let wrong = match &value {
        None => "missing-key",
        Some(SqlValue::Null) => "null-key",
        Some(SqlValue::Text(text)) if text.is_empty() => "empty-key",
        Some(_) => return Ok(value),
    };
    let what = match wrong {
        "missing-key" => "is not in the event",
        "null-key" => "is null",
        _ => "is empty",
    };
    let message = format!("field {name}, which identifies the row of {}, {what}", bound.table.title());
    Err(reject(&format!("{wrong}:{}.{name}", event.kind.base()), event, &message))
}

fn field_value(
    event: &StoredEvent,
    bound: &Bound,
    cell: &BoundCell,
    field: &BoundField,
    found: Found<'_>,
) -> Result<SqlValue, Rejection> {
    let name = &field.source.written;
    let Some(column) = bound.table.columns.get(cell.column) else {
        return Err(reject("unbound", event, "the column is not in the table's description"));
    };
    let words = |misfit: Misfit| {
        let place = format!("{}.{} ({})", bound.table.title(), column.name, column.declared);
        let message = format!("field {name} cannot go into {place}: {}", misfit.words);
        reject(&format!("{}:{}.{name}", misfit.cause, event.kind.base()), event, &message)
    };
    if let Some(codes) = &field.codes {
        let text = source::text_form(found);
        let code = text.as_deref().and_then(|t| codes.by_value.get(t));
        if let Some(code) = code {
            return Ok(code.clone());
        }
        if !matches!(found, Found::Json(Value::Null)) {
            return codes.rest.clone().ok_or_else(|| {
                let value = text.map_or_else(|| "an object or array".to_owned(), |t| format!("{:?}", cut(&t)));
                let message = format!(
                    "field {name} has the value {value}, which \"values\" does not list; add it there, or \"*\" for all others, then retry"
                );
                reject(&format!("unknown-value:{}.{name}", event.kind.base()), event, &message)
            });
        }
    }
    Target { column, zone: field.zone, truncate: field.truncate }.found(found).map_err(words)
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

fn reject(cause: &str, event: &StoredEvent, message: &str) -> Rejection {
    Rejection { cause: cause.to_owned(), message: format!("{} event: {message}", event.kind) }
}

/// The record that an event is about: the HIS row, by table and key. What the column's collation takes for equal
/// is one record. An event without a key is its own.
fn entity_of(event: &StoredEvent, bound: &Bound, keys: &[SqlValue]) -> Entity {
    let mut name = bound.table.title();
    if keys.is_empty() {
        name = format!("{name}#{}", event.seq);
    }
    for (key, cell) in keys.iter().zip(&bound.cells) {
        let column = bound.table.columns.get(cell.column);
        name.push('\u{1f}');
        name.push_str(column.map_or("", |c| &c.name.0));
        name.push('=');
        match key {
            SqlValue::Null => {}
            SqlValue::Int(n) => name.push_str(&n.to_string()),
            SqlValue::Text(text) if column.is_some_and(|c| c.folds) => {
                name.push_str(&text.trim_end().to_lowercase());
            }
            SqlValue::Decimal(text) | SqlValue::Text(text) => name.push_str(text),
            SqlValue::Float(f) => name.push_str(&f.to_string()),
            SqlValue::Bytes(bytes) => name.push_str(&String::from_utf8_lossy(bytes)),
            SqlValue::Date(d) => name.push_str(&d.to_string()),
            SqlValue::Time(t) => name.push_str(&t.to_string()),
            SqlValue::DateTime(t) => name.push_str(&t.to_string()),
            SqlValue::Instant(t) => name.push_str(&t.to_rfc3339()),
        }
    }
    Entity(name)
}

/// Whether an action looks for a row by key.
pub(super) fn needs_key(action: Action) -> bool {
    action != Action::Insert
}

#[cfg(test)]
mod tests;
