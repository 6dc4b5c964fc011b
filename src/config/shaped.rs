//! JSON files besides the configuration that people write by hand: read with the same means, so that every mistake has its
//! line and column. Knows no file's meaning.

use serde_json::Value;

use crate::config::{KeyPath, Places, Problem, locate, shape};

/// Reads JSON of the form that a JSON Schema describes; `name` is what the form is called. The error holds every mistake, in
/// the order of the text.
pub(crate) fn read_shaped(text: &str, schema: &Value, name: &str) -> Result<(Value, Places), Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let located = locate::locate(text).map_err(|problem| vec![problem])?;
    let about_file = |place, message: &str| {
        vec![Problem { at: KeyPath::root(), place: Some(place), message: message.to_owned() }]
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|e| about_file((e.line(), e.column().max(1)), "is not valid JSON here"))?;
    if !value.is_object() {
        return Err(about_file((1, 1), "the file must hold an object in { }"));
    }
    let mut problems = located.duplicates;
    problems.extend(shape::mistakes_in(name, schema, &value).into_iter().map(|mistake| Problem {
        place: located.places.of(&mistake.at),
        at: mistake.at,
        message: mistake.message,
    }));
    if problems.is_empty() {
        return Ok((value, located.places));
    }
    problems.sort_by(|a, b| (a.place, &a.at).cmp(&(b.place, &b.at)));
    Err(problems)
}
