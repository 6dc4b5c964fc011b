//! Reads an event's fields as their columns hold them. Asks nobody: what a lookup must tell is written down as a question.

use serde_json::Value;

use crate::{
    model::{event::StoredEvent, outcome::Rejection, table::Column, template::Template, value::SqlValue},
    plan::{
        bound::{BoundField, Read},
        convert::{Misfit, Target},
        draft::DraftCell,
        format,
        lookup::{Ask, BoundLookup},
        source::{self, Content, Found},
        template,
    },
};

/// An event that is being read.
pub(super) struct Reader<'a> {
    pub(super) event: &'a StoredEvent,
    pub(super) content: &'a Content<'a>,
    pub(super) lookups: &'a [BoundLookup],
    pub(super) asks: Vec<Ask>,
}

impl Reader<'_> {
    /// A field's value for its column; none where the event does not have it. `title` is of what has the column.
    pub(super) fn field(
        &mut self,
        field: &BoundField,
        column: &Column,
        title: &str,
        is_key: bool,
    ) -> Result<Option<DraftCell>, Rejection> {
        let read = match &field.read {
            Read::Text(template) => self.text(template, field, column, title)?,
            Read::Source(source) => {
                let mut sources = std::iter::once(source).chain(&field.or_from);
                match sources.find_map(|source| Some((self.content.find(source)?, &source.written))) {
                    Some((found, name)) => Some(self.value(field, column, title, found, name)?),
                    None => None,
                }
            }
        };
        let value = read.or_else(|| field.default.clone().map(DraftCell::Value));
        if !is_key {
            return Ok(value);
        }
        let wrong = match &value {
            None => "missing-key",
            Some(DraftCell::Value(SqlValue::Null)) if column.storage.keeps_empty_as_null() => "void-key",
            Some(DraftCell::Value(SqlValue::Null)) => "null-key",
            Some(DraftCell::Value(SqlValue::Text(text))) if text.is_empty() => "empty-key",
            Some(_) => return Ok(value),
        };
        Err(self.wrong_key(wrong, field.name(), title))
    }

    /// Why a field cannot identify its row.
    pub(super) fn wrong_key(&self, wrong: &str, name: &str, title: &str) -> Rejection {
        let what = match wrong {
            "missing-key" => "is not in the event",
            "null-key" => "is null",
            "empty-key" => "is empty",
            "void-key" => {
                "is empty or null; Oracle keeps an empty text as NULL, and by that the row would never be found again"
            }
            "odd-key" => "has a control character in it",
            _ => "is an object or a list",
        };
        let message = format!("field {name}, which identifies the row of {title}, {what}");
        reject(&format!("{wrong}:{}.{name}", self.event.kind.base()), self.event, &message)
    }

    fn value(
        &mut self,
        field: &BoundField,
        column: &Column,
        title: &str,
        found: Found<'_>,
        name: &str,
    ) -> Result<DraftCell, Rejection> {
        let is_null = matches!(found, Found::Json(Value::Null));
        if let Some(codes) = &field.codes {
            let text = source::text_form(found);
            if let Some(code) = text.as_deref().and_then(|t| codes.by_value.get(t)) {
                return Ok(DraftCell::Value(code.clone()));
            }
            if !is_null {
                return codes.rest.clone().map(DraftCell::Value).ok_or_else(|| {
                    let value = text
                        .map_or_else(|| "an object or array".to_owned(), |t| format!("{:?}", cut(&t)));
                    let message = format!(
                        "field {name} has the value {value}, which \"values\" does not list; add it there, or \"*\" for all others, then retry"
                    );
                    reject(&format!("unknown-value:{}.{name}", self.event.kind.base()), self.event, &message)
                });
            }
        }
        if let Some((lookup, _)) = field.lookup.as_ref().filter(|_| !is_null)
            && let Some(bound) = self.lookups.get(*lookup)
            && let Some(matches) = bound.table.columns.get(bound.matches)
        {
            let value = Target { column: matches, zone: field.zone, truncate: false }
                .found(found)
                .map_err(|misfit| misfit_of(self.event, &misfit, name, &bound.table.title(), matches))?;
            let text = value.plain();
            self.asks.push(Ask { lookup: *lookup, value, text });
            return Ok(DraftCell::Ask(self.asks.len() - 1));
        }
        let target = Target { column, zone: field.zone, truncate: field.truncate };
        let value = match field.format.as_ref().map(|format| format::apply(format, found, field.zone)) {
            Some(Ok(Some(text))) => target.text(&text),
            Some(Err(misfit)) => Err(misfit),
            Some(Ok(None)) | None => target.found(found),
        };
        value.map(DraftCell::Value).map_err(|misfit| misfit_of(self.event, &misfit, name, title, column))
    }

    /// A text made of several fields.
    fn text(
        &self,
        template: &Template,
        field: &BoundField,
        column: &Column,
        title: &str,
    ) -> Result<Option<DraftCell>, Rejection> {
        let target = Target { column, zone: field.zone, truncate: field.truncate };
        template::fill(template, |source| self.content.find(source), field.zone)
            .and_then(|text| text.map(|text| target.text(&text)).transpose())
            .map(|value| value.map(DraftCell::Value))
            .map_err(|misfit| misfit_of(self.event, &misfit, field.name(), title, column))
    }
}

/// Why a field cannot go into its column.
pub(super) fn misfit_of(
    event: &StoredEvent,
    misfit: &Misfit,
    name: &str,
    title: &str,
    column: &Column,
) -> Rejection {
    let place = format!("{title}.{} ({})", column.name, column.declared);
    let message = format!("field {name} cannot go into {place}: {}", misfit.words);
    reject(&format!("{}:{}.{name}", misfit.cause, event.kind.base()), event, &message)
}

/// A key's value as text, or why it is none.
pub(super) fn key_text(found: Found<'_>) -> Result<String, &'static str> {
    if matches!(found, Found::Json(Value::Null)) {
        return Err("null-key");
    }
    let text = source::text_form(found).ok_or("object-key")?;
    if text.is_empty() {
        return Err("empty-key");
    }
    // It stands between the parts of a record's name.
    if text.contains('\u{1f}') { Err("odd-key") } else { Ok(text.into_owned()) }
}

/// A reason that names the event's type.
pub(super) fn reject(cause: &str, event: &StoredEvent, message: &str) -> Rejection {
    Rejection { cause: cause.to_owned(), message: format!("{} event: {message}", event.kind) }
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}
