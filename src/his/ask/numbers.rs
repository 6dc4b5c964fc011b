//! Rows by a column of whole numbers: no two texts are the same number, and those that follow one after the other are asked
//! for as a range.

use std::collections::HashMap;

use crate::{
    his::{
        HisError, Session,
        ask::{Cells, ROWS_MAX, chunk, texts::query},
    },
    model::value::SqlValue,
    sql::select::{self, Select},
};

/// Numbers that are asked for as one range.
const RUN_MAX: usize = 2_048;

/// A whole number.
pub(super) fn number(key: &SqlValue) -> Option<i128> {
    if let SqlValue::Int(n) = key { Some(*n) } else { None }
}

/// The rows of these numbers: none of them twice, the least first.
pub(super) async fn rows(
    session: &mut dyn Session,
    select: &Select<'_>,
    mut rest: Vec<&[&SqlValue]>,
) -> Result<HashMap<i128, Cells>, HisError> {
    let mut found = HashMap::with_capacity(rest.len());
    while !rest.is_empty() {
        // Of consecutive ones a range is asked for, unless that would lock what others insert behind it.
        let run = if select.lock { 0 } else { run(&rest).min(RUN_MAX) };
        let now = run.max(chunk(&*session, select, &rest));
        let later = rest.split_off(now);
        let statement = match rest.as_slice() {
            [[first], .., [last]] if run == now => {
                select::between(select, session.dialect(), (first, last), ROWS_MAX)
            }
            some => select::find(select, session.dialect(), some, ROWS_MAX),
        };
        let rows = query(session, select, &statement).await?;
        for mut cells in rows {
            let wanted = cells.split_off(1.min(cells.len()));
            let number = cells.pop().flatten().and_then(|text| text.parse().ok());
            if number.is_some_and(|number| found.insert(number, wanted).is_some()) {
                return Err(HisError::many_rows(2));
            }
        }
        rest = later;
    }
    Ok(found)
}

/// How many of these numbers follow one after the other.
fn run(asked: &[&[&SqlValue]]) -> usize {
    let number = |asked: &&[&SqlValue]| asked.first().copied().and_then(number);
    let follows = |pair: &[&[&SqlValue]]| {
        let [first, second] = pair else { return false };
        number(first).zip(number(second)).is_some_and(|(a, b)| a.checked_add(1) == Some(b))
    };
    asked.windows(2).take_while(|pair| follows(pair)).count() + 1
}
