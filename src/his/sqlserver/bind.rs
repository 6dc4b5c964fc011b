//! Values as SQL Server's parameters. Dates and times travel as texts in the forms that no language setting reads otherwise;
//! the statement casts each to its column's type. Never looks at a column.

use chrono::Offset;
use chrono_tz::Tz;
use tiberius::{ColumnData, IntoSql};

use crate::{his::text, model::value::SqlValue};

/// A parameter as tiberius takes it.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) ColumnData<'a>);

impl<'a> IntoSql<'a> for Bound<'a> {
    fn into_sql(self) -> ColumnData<'a> {
        self.0
    }
}

/// The parameters of a statement. Moments are written in `zone`, with its offset.
pub(super) fn values<'a>(params: &[&'a SqlValue], zone: Tz) -> Vec<ColumnData<'a>> {
    params.iter().map(|value| bound(value, zone)).collect()
}

fn bound(value: &SqlValue, zone: Tz) -> ColumnData<'_> {
    let mut out = String::new();
    match value {
        SqlValue::Null => return ColumnData::String(None),
        SqlValue::Int(n) => match i64::try_from(*n) {
            Ok(n) => return ColumnData::I64(Some(n)),
            // Beyond what the protocol has; the server judges the text.
            Err(_) => out = n.to_string(),
        },
        SqlValue::Float(n) => return ColumnData::F64(Some(*n)),
        SqlValue::Decimal(s) | SqlValue::Text(s) => return ColumnData::String(Some(s.as_str().into())),
        SqlValue::Bytes(bytes) => return ColumnData::Binary(Some(bytes.as_slice().into())),
        SqlValue::Date(at) => {
            text::date(&mut out, *at);
            // `YYYY-MM-DD` is read by the login's language where the column is an old datetime.
            out.retain(|c| c != '-');
        }
        SqlValue::Time(at) => text::time(&mut out, *at),
        SqlValue::DateTime(at) => iso(&mut out, *at),
        SqlValue::Instant(at) => {
            let local = at.with_timezone(&zone);
            iso(&mut out, local.naive_local());
            // Offsets of old times had seconds, which the server has no place for.
            let minutes = local.offset().fix().local_minus_utc() / 60;
            let exact = chrono::FixedOffset::east_opt(minutes * 60);
            if let Some(exact) = exact.filter(|exact| *exact != local.offset().fix()) {
                out.clear();
                iso(&mut out, at.with_timezone(&exact).naive_local());
            }
            let sign = if minutes < 0 { '-' } else { '+' };
            out.push_str(&format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60));
        }
    }
    ColumnData::String(Some(out.into()))
}

/// `YYYY-MM-DDThh:mm:ss[.ffffff]`.
fn iso(out: &mut String, at: chrono::NaiveDateTime) {
    text::date(out, at.date());
    out.push('T');
    text::time(out, at.time());
}
