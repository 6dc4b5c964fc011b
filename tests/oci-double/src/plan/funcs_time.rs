//! Functions on dates and times. It must never read a text by another format than the session's or the one that is given.

use crate::ora::{Ora, OraError};
use crate::plan::types::{Ex, NUMBER, TEXT, Ty};

pub(crate) fn time_function(name: &str, args: &[Ex]) -> Ora<Option<Ex>> {
    if let Some(found) = clock(name, args)? {
        return Ok(Some(found));
    }
    Ok(Some(match (name, args) {
        ("TO_CHAR", [a]) => {
            Ex::new(a.text()?, if a.ty.national() { TEXT } else { crate::plan::expr::varying(text_type(a)) })
        }
        ("TO_CHAR", [a, mask, ..]) => {
            let value = if a.ty.is_number() {
                a.number()?
            } else if a.ty.is_time() {
                if matches!(a.ty, Ty::TsTz(_)) { a.sql.clone() } else { a.timestamp()? }
            } else if a.ty == Ty::Null {
                "NULL::numeric".to_owned()
            } else {
                // A text with a number's mask is read as a number.
                a.number()?
            };
            Ex::new(format!("ora.to_char({value}, {})", mask.text()?), TEXT)
        }
        ("TO_DATE", [a]) => Ex::new(a.date()?, Ty::Date),
        ("TO_DATE", [a, mask, ..]) => {
            Ex::new(format!("ora.to_date({}, {})", a.text()?, mask.text()?), Ty::Date)
        }
        ("TO_TIMESTAMP", [a]) => Ex::new(a.timestamp()?, Ty::Ts(9)),
        ("TO_TIMESTAMP", [a, mask, ..]) => {
            Ex::new(format!("ora.to_ts({}, {})", a.text()?, mask.text()?), Ty::Ts(9))
        }
        ("TO_TIMESTAMP_TZ", [a]) => Ex::new(a.zoned()?, Ty::TsTz(9)),
        ("TO_TIMESTAMP_TZ", [a, mask, ..]) => {
            Ex::new(format!("ora.to_tstz({}, {})", a.text()?, mask.text()?), Ty::TsTz(9))
        }
        ("TRUNC", [a]) if a.ty.is_time() => Ex::new(format!("ora.trunc({})", a.timestamp()?), Ty::Date),
        ("TRUNC", [a, f]) if a.ty.is_time() => {
            Ex::new(format!("ora.trunc({}, {})", a.timestamp()?, f.text()?), Ty::Date)
        }
        ("ROUND", [a]) if a.ty.is_time() => {
            Ex::new(format!("date_trunc('day', {} + interval '12 hours')", a.timestamp()?), Ty::Date)
        }
        ("ADD_MONTHS", [a, n]) => {
            Ex::new(format!("ora.add_months({}, {})", a.date()?, n.number()?), Ty::Date)
        }
        ("LAST_DAY", [a]) => Ex::new(format!("ora.last_day({})", a.date()?), Ty::Date),
        ("MONTHS_BETWEEN", [a, b]) => {
            Ex::new(format!("ora.months_between({}, {})", a.date()?, b.date()?), NUMBER)
        }
        ("FROM_TZ", [a, z]) => {
            let (t, z) = (a.timestamp()?, z.text()?);
            Ex::new(format!("ora.tz(({t}) AT TIME ZONE ora.zone({z}), {z})"), Ty::TsTz(9))
        }
        ("SYS_EXTRACT_UTC", [a]) => Ex::new(format!("(({}) AT TIME ZONE 'UTC')", a.instant()?), Ty::Ts(9)),
        ("NUMTODSINTERVAL", [n, unit]) => Ex::new(
            format!("({} * ('1 ' || lower({}))::interval)", n.double()?, unit.text()?),
            Ty::IntervalDs,
        ),
        ("NUMTOYMINTERVAL", [n, unit]) => Ex::new(
            format!("({} * ('1 ' || lower({}))::interval)", n.double()?, unit.text()?),
            Ty::IntervalYm,
        ),
        ("TO_DSINTERVAL", [a]) => Ex::new(format!("({})::interval", a.text()?), Ty::IntervalDs),
        ("TO_CHAR" | "TO_DATE" | "TO_TIMESTAMP", []) => {
            return Err(OraError::new(938, "not enough arguments for function"));
        }
        _ => return Ok(None),
    }))
}

fn text_type(a: &Ex) -> Ty {
    if a.ty.is_text() { a.ty } else { Ty::varchar(75) }
}

fn clock(name: &str, args: &[Ex]) -> Ora<Option<Ex>> {
    Ok(Some(match (name, args) {
        ("SYSDATE", []) => Ex::new("ora.sysdate()", Ty::Date),
        ("SYSTIMESTAMP", _) => Ex::new("ora.systimestamp()", Ty::TsTz(6)),
        ("CURRENT_TIMESTAMP", _) => Ex::new("ora.now_here()", Ty::TsTz(6)),
        ("LOCALTIMESTAMP", _) => Ex::new("ora.local(ora.now_here())", Ty::Ts(6)),
        ("CURRENT_DATE", []) => Ex::new("date_trunc('second', ora.local(ora.now_here()))", Ty::Date),
        ("SESSIONTIMEZONE", []) => Ex::new("ora.session_zone()", Ty::varchar(75)),
        ("DBTIMEZONE", []) => Ex::new("'+00:00'::text", Ty::varchar(6)),
        _ => return Ok(None),
    }))
}
