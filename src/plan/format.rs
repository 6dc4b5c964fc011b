//! Writes an event's value by a mapping's format, exactly or not at all. Knows no column: whether the text fits is
//! for `convert` to say.

use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    model::{
        format::{Format, FormatError},
        moment::Moment,
    },
    plan::{
        convert::{Misfit, misfit},
        number::written_out,
        source::{self, Found},
    },
};

/// The value as text; `None` for null, which no format writes. A moment with a zone is written by the wall clock of
/// `zone`.
pub(super) fn apply(format: &Format, found: Found<'_>, zone: Tz) -> Result<Option<String>, Misfit> {
    if matches!(found, Found::Json(Value::Null)) {
        return Ok(None);
    }
    let written = match format {
        Format::Date(format) => format.write(moment(found)?, zone),
        Format::Number(format) => {
            let (negative, whole, fraction) = number(found)?;
            format.write(negative, &whole, &fraction)
        }
    };
    written.map(Some).map_err(|error| Misfit {
        cause: match error {
            FormatError::NoDate => "no-date",
            FormatError::NoTime => "no-time",
            FormatError::Year | FormatError::Unwritable => "not-a-date",
            FormatError::TooPrecise { .. } => "too-precise",
        },
        words: error.to_string(),
    })
}

fn moment(found: Found<'_>) -> Result<Moment, Misfit> {
    let text = match found {
        Found::Moment(utc) => return Ok(Moment::Zoned(utc)),
        Found::Text(text) => text,
        Found::Json(Value::String(text)) => text,
        Found::Json(_) => {
            return misfit(
                "not-a-date",
                "it is no text, and the format writes a date or time; it must be text like 2025-03-03T09:00:00",
            );
        }
    };
    Moment::parse(text).ok_or_else(|| Misfit {
        cause: "not-a-date",
        words:
            "it is no valid ISO 8601 date or time, such as 2025-03-03T09:00:00 or 2025-03-03T09:00:00Z, which the format could write"
                .to_owned(),
    })
}

fn number(found: Found<'_>) -> Result<(bool, String, String), Misfit> {
    let text = match found {
        Found::Json(Value::Bool(_) | Value::Array(_) | Value::Object(_)) | Found::Moment(_) => None,
        other => source::text_form(other),
    };
    match text {
        Some(text) => written_out(&text),
        None => misfit("not-a-number", "it is no number, and the format writes one"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    /// The text, or the cause of the misfit.
    fn write(pattern: &str, found: Found<'_>) -> String {
        let format = Format::parse(pattern).unwrap();
        match apply(&format, found, chrono_tz::Asia::Kolkata) {
            Ok(text) => text.unwrap_or_else(|| "none".to_owned()),
            Err(misfit) => format!("! {}", misfit.cause),
        }
    }

    #[test]
    fn values_are_written_by_their_format() {
        let check = |pattern: &str, json: &str, expected: &str| {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(write(pattern, Found::Json(&value)), expected, "{pattern} {json}");
        };
        check("%d/%m/%Y %H:%M", r#""2025-03-03T09:00:00Z""#, "03/03/2025 14:30");
        check("%d/%m/%Y %H:%M", r#""2025-03-03T09:00:00""#, "03/03/2025 09:00");
        check("%d/%m/%Y %H:%M", r#""2025-03-03T20:00:00-08:00""#, "04/03/2025 09:30");
        check("%d/%m/%Y", r#""2025-03-03""#, "03/03/2025");
        check("%H:%M", r#""2025-03-03""#, "! no-time");
        check("%d/%m/%Y", r#""09:00""#, "! no-date");
        check("%d/%m/%Y", r#""0000-01-01""#, "! not-a-date");
        check("%d/%m/%Y", r#""2025-02-30""#, "! not-a-date");
        check("%d/%m/%Y", r#""""#, "! not-a-date");
        check("%d/%m/%Y", "1736337600", "! not-a-date");
        check("%d/%m/%Y", "true", "! not-a-date");
        check("%d/%m/%Y", "[1]", "! not-a-date");
        check("%d/%m/%Y", "null", "none");
        check("0.00", "null", "none");
        check("0.00", "1500", "1500.00");
        check("#,##0.00", "1.5e3", "1,500.00");
        check("0.00", "-0.050", "-0.05");
        check("0.00", "-0.00", "0.00");
        check("0.00", "1e-500", "! out-of-range");
        check("0.00", "0.125", "! too-precise");
        check("0", "1.5", "! too-precise");
        check("0", "1.50e1", "15");
        check("0", "1e99999999999999999999", "! out-of-range");
        check("0", "0e99999999999999999999", "0");
        check("00000", r#"" 42 ""#, "00042");
        check("00000", r#""0042""#, "00042");
        check("#,##0", "123456789012345678901234567890", "123,456,789,012,345,678,901,234,567,890");
        check("0.00", r#""1,500""#, "! not-a-number");
        check("0.00", r#""""#, "! not-a-number");
        check("0.00", "true", "! not-a-number");
        check("0.00", "{}", "! not-a-number");
        check("0.00", r#""2025-03-03""#, "! not-a-number");
    }

    #[test]
    fn built_in_values_too() {
        let moment = Found::Moment(DateTime::from_timestamp(1_740_992_400, 0).unwrap());
        assert_eq!(write("%d.%m.%Y %H:%M", moment), "03.03.2025 14:30");
        assert_eq!(write("0.00", moment), "! not-a-number");
        assert_eq!(write("00000", Found::Text("77")), "00077");
        assert_eq!(write("%F", Found::Text("appointment")), "! not-a-date");
    }

    proptest::proptest! {
        /// No value is ever quoted in what is said about it.
        #[test]
        fn nothing_panics_and_no_value_is_shown(text in "[-+0-9eE.:TZ ]{0,24}|\\PC{0,12}") {
            for pattern in ["%d/%m/%Y %H:%M", "%H", "0.00", "#,##0"] {
                let format = Format::parse(pattern).unwrap();
                let value = json!(format!("{text}secret"));
                let misfit = apply(&format, Found::Json(&value), Tz::UTC).unwrap_err();
                proptest::prop_assert!(!misfit.words.contains("secret"));
                let _ = apply(&format, Found::Text(&text), Tz::UTC);
            }
        }
    }
}
