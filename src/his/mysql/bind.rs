//! Values as `MySQL` arguments. Dates, times and decimals travel as text, so that the server's own conversion counts and no
//! sqlx feature is needed for them.

use chrono::FixedOffset;
use sqlx::{Arguments, error::BoxDynError, mysql::MySqlArguments};

use crate::{his::text, model::value::SqlValue};

/// Bytes of the text buffer that dates and large numbers are written in.
const SCRATCH_BYTES: usize = 64;

/// The arguments of a statement. `offset` is the session's zone, in which moments are written.
pub(super) fn arguments(params: &[&SqlValue], offset: FixedOffset) -> Result<MySqlArguments, BoxDynError> {
    let mut arguments = MySqlArguments::default();
    arguments.reserve(params.len(), params.iter().map(|value| value.size()).sum());
    let mut scratch = String::with_capacity(SCRATCH_BYTES);
    for value in params {
        scratch.clear();
        match value {
            SqlValue::Null => arguments.add(None::<&str>)?,
            SqlValue::Int(n) => add_int(&mut arguments, *n)?,
            SqlValue::Float(n) => arguments.add(*n)?,
            SqlValue::Decimal(s) | SqlValue::Text(s) => arguments.add(s.as_str())?,
            SqlValue::Bytes(bytes) => arguments.add(bytes.as_slice())?,
            SqlValue::Date(at) => {
                text::date(&mut scratch, *at);
                arguments.add(scratch.as_str())?;
            }
            SqlValue::Time(at) => {
                text::time(&mut scratch, *at);
                arguments.add(scratch.as_str())?;
            }
            SqlValue::DateTime(at) => {
                text::date_time(&mut scratch, *at);
                arguments.add(scratch.as_str())?;
            }
            SqlValue::Instant(at) => {
                text::date_time(&mut scratch, at.with_timezone(&offset).naive_local());
                arguments.add(scratch.as_str())?;
            }
        }
    }
    Ok(arguments)
}

fn add_int(arguments: &mut MySqlArguments, n: i128) -> Result<(), BoxDynError> {
    match (i64::try_from(n), u64::try_from(n)) {
        (Ok(n), _) => arguments.add(n),
        (_, Ok(n)) => arguments.add(n),
        // Beyond what the protocol has; the server judges the text.
        _ => arguments.add(n.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeZone, Utc};
    use sqlx::Arguments;

    use super::*;

    #[test]
    fn every_value_is_bound() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 29).expect("a day");
        let at = day.and_hms_micro_opt(2, 30, 0, 500_000).expect("a time");
        let values = [
            SqlValue::Null,
            SqlValue::Int(-1),
            SqlValue::Int(u64::MAX.into()),
            SqlValue::Int(i128::MAX),
            SqlValue::Float(0.5),
            SqlValue::Decimal("1.50".into()),
            SqlValue::Text("😀".into()),
            SqlValue::Bytes(vec![0]),
            SqlValue::Date(day),
            SqlValue::Time(at.time()),
            SqlValue::DateTime(at),
            SqlValue::Instant(Utc.from_utc_datetime(&at)),
        ];
        let params: Vec<&SqlValue> = values.iter().collect();
        let offset = FixedOffset::east_opt(19_800).expect("an offset");
        let arguments = arguments(&params, offset).expect("bound");
        assert_eq!(arguments.len(), values.len());
        // sqlx shows a text's bytes in its debug form alone.
        let bytes = format!("{arguments:?}");
        let as_bytes = |text: &str| text.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ");
        for text in [
            "2026-03-29",
            "02:30:00.500000",
            "2026-03-29 02:30:00.500000",
            "2026-03-29 08:00:00.500000",
            "1.50",
        ] {
            assert!(bytes.contains(&as_bytes(text)), "{text}");
        }
    }
}
