//! Fills a mapping's `concat` texts from an event. Knows no column: whether the text fits is for `convert` to say.

use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    model::{
        mapping::Source,
        template::{Piece, Template},
    },
    plan::{
        convert::{Misfit, misfit, moment_text},
        format,
        source::Found,
    },
};

/// The text, with an empty one for each source that is missing or null; of the template's spaces that this brings together one
/// stays, and the text is trimmed of spaces (line breaks, and what is within a value, stay). `None` where the event has none of the sources; a null counts as there.
pub(super) fn fill<'a>(
    template: &Template,
    lookup: impl Fn(&Source) -> Option<Found<'a>>,
    zone: Tz,
) -> Result<Option<String>, Misfit> {
    let mut filled = String::new();
    let mut any = false;
    // The last character is the template's own space.
    let mut spaced = false;
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => {
                for c in text.chars() {
                    if c != ' ' || !spaced {
                        filled.push(c);
                    }
                    spaced = c == ' ';
                }
            }
            Piece::Source { source, format } => {
                let Some(found) = lookup(source) else { continue };
                any = true;
                let text = match format {
                    Some(format) => format::apply(format, found, zone).map(Option::unwrap_or_default),
                    None => plain(found, zone),
                };
                let text = text.map_err(|misfit| Misfit {
                    cause: misfit.cause,
                    words: format!("of its part {{{}}}: {}", source.written, misfit.words),
                })?;
                spaced &= text.is_empty();
                filled.push_str(&text);
            }
        }
    }
    Ok(any.then(|| filled.trim_matches(' ').to_owned()))
}

/// A value without a format, as a text column takes it; null is empty.
fn plain(found: Found<'_>, zone: Tz) -> Result<String, Misfit> {
    Ok(match found {
        Found::Json(Value::Null) => String::new(),
        Found::Json(Value::Bool(b)) => if *b { "1" } else { "0" }.to_owned(),
        Found::Json(Value::Number(number)) => number.as_str().to_owned(),
        Found::Json(Value::String(text)) => text.clone(),
        Found::Json(Value::Array(_) | Value::Object(_)) => {
            return misfit(
                "not-a-scalar",
                "it is an object or an array; name the part that is meant with a path, such as patient_info.patient_id",
            );
        }
        Found::Text(text) => text.to_owned(),
        Found::Moment(utc) => moment_text(utc, zone),
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// The text, `none`, or the cause of the misfit.
    fn filled(template: &str, event: &Value) -> String {
        let template = Template::parse(template).unwrap();
        let lookup = |source: &Source| match source.written.as_str() {
            "$event_id" => Some(Found::Text("ev-1")),
            "$received_at" => Some(Found::Moment(DateTime::from_timestamp(1_740_992_400, 0).unwrap())),
            name => event.get(name).map(Found::Json),
        };
        match fill(&template, lookup, chrono_tz::Asia::Kolkata) {
            Ok(text) => text.unwrap_or_else(|| "none".to_owned()),
            Err(misfit) => format!("! {}: {}", misfit.cause, misfit.words),
        }
    }

    #[test]
    fn templates_are_filled() {
        let check = |template: &str, event: &str, expected: &str| {
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!(filled(template, &event), expected, "{template} {event}");
        };
        check("{f} {m} {l}", r#"{"f": "Ada", "m": "B.", "l": "C"}"#, "Ada B. C");
        check("{f} {m} {l}", r#"{"f": "Ada", "l": "C"}"#, "Ada C");
        check("{f} {m} {l}", r#"{"f": "Ada", "m": null, "l": "C"}"#, "Ada C");
        check("{f} {m} {l}", r#"{"l": " C "}"#, "C");
        check("{f} {m}  {l}", r#"{"f": "A  da ", "m": "", "l": " C"}"#, "A  da   C");
        check("{f} {m} {l}", r#"{"m": ""}"#, "");
        check("{f} {m} {l}", r#"{"m": null}"#, "");
        check("{f} {m} {l}", "{}", "none");
        check("Dr. {l}", "{}", "none");
        check("Dr. {l}", r#"{"l": null}"#, "Dr.");
        check("a\n\n {f} {m}\t", r#"{"f": "x"}"#, "a\n\n x \t");
        check("{a} {b} {c}", r#"{"a": 1.50, "b": true, "c": false}"#, "1.50 1 0");
        check("{a}", r#"{"a": 12345678901234567890123}"#, "12345678901234567890123");
        check("{{{a}}}", r#"{"a": "x"}"#, "{x}");
        check(
            "{d:%d.%m.%Y %H:%M} {n:0.00}",
            r#"{"d": "2025-03-03T09:00:00Z", "n": 5}"#,
            "03.03.2025 14:30 5.00",
        );
        check("{d:%d.%m.%Y} {n:0.00}", r#"{"d": null, "n": 5}"#, "5.00");
        check("{$event_id}: {x}", "{}", "ev-1:");
        check("{$received_at}", "{}", "2025-03-03 14:30:00");
        check("{$received_at:%d.%m.}", "{}", "03.03.");
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_source() {
        let check = |template: &str, event: &str, expected: &str| {
            let event: Value = serde_json::from_str(event).unwrap();
            let told = filled(template, &event);
            assert!(told.starts_with(expected), "{template} {event}: {told}");
            assert!(!told.contains("secret"));
        };
        check("{a}", r#"{"a": ["secret"]}"#, "! not-a-scalar: of its part {a}: it is an object or an array");
        check("{a}", r#"{"a": {}}"#, "! not-a-scalar");
        check("{a} {d:%F}", r#"{"d": "secret"}"#, "! not-a-date: of its part {d}: it is no valid ISO 8601");
        check("{d:%F}", r#"{"d": ""}"#, "! not-a-date");
        check("{d:%H}", r#"{"d": "2025-03-03"}"#, "! no-time");
        check("{n:0.0}", r#"{"n": 1.25}"#, "! too-precise: of its part {n}: it has 2 decimal places");
    }

    proptest::proptest! {
        #[test]
        fn a_value_keeps_its_spaces(text in "[ab\n\t]{0,6}( {0,3}[ab\n ]{0,4}){0,4}") {
            let event = serde_json::json!({"a": text});
            proptest::prop_assert_eq!(filled("{a}", &event), text.trim_matches(' '));
            let between = if text.is_empty() { "x y".to_owned() } else { format!("x {text} y") };
            proptest::prop_assert_eq!(filled("x {a}  y", &event), between);
        }
    }
}
