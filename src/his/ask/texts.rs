//! Values and rows as texts: how a database writes them, and which texts stand for one value. Asks nothing of its own.

use std::fmt::Write;

use crate::{
    his::{HisError, Session, ask::Cells, text},
    model::{
        table::{Column, ColumnType},
        value::SqlValue,
    },
    sql::{
        Statement,
        select::{Select, Wanted},
    },
};

/// Rows of a question, as if the database itself had made the texts: the padding of texts of fixed length is gone, and what is
/// wanted as one text is one.
pub(super) async fn query(
    session: &mut dyn Session,
    select: &Select<'_>,
    statement: &Statement<'_>,
) -> Result<Vec<Cells>, HisError> {
    let mut rows = session.query(statement).await?;
    if session.dialect().texts.by_database() {
        return Ok(rows);
    }
    let (Wanted::Each(wanted) | Wanted::Joined(wanted)) = select.wanted;
    let columns = select.matches.iter().chain(wanted).filter_map(|c| select.table.columns.get(*c));
    let padded: Vec<bool> = columns.map(is_padded).collect();
    for row in &mut rows {
        for (cell, _) in row.iter_mut().zip(&padded).filter(|(_, padded)| **padded) {
            if let Some(text) = cell {
                text.truncate(text.trim_end_matches(' ').len());
            }
        }
        if matches!(select.wanted, Wanted::Joined(_)) {
            let cells = row.split_off(select.matches.len().min(row.len()));
            row.push(Some(joined(&cells)));
        }
    }
    Ok(rows)
}

/// Whether the database fills a column's texts up with spaces.
fn is_padded(column: &Column) -> bool {
    let declared = column.declared.trim_start().to_ascii_lowercase();
    let base = declared.split(|c: char| !c.is_ascii_alphanumeric()).next();
    matches!(base, Some("char" | "nchar"))
}

/// Cells as one text, which is another one for other cells: quoted, with NULL as the bare word.
fn joined(cells: &[Option<String>]) -> String {
    let mut out = String::new();
    for (index, cell) in cells.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        match cell {
            None => out.push_str("NULL"),
            Some(text) => write!(out, "'{}'", text.replace('\'', "''")).unwrap_or_default(),
        }
    }
    out
}

/// Whether two texts stand for one value of a column.
#[must_use]
pub fn is_same(column: &Column, a: &str, b: &str) -> bool {
    let plain = |text: &str| plain(column, text.trim_end_matches(' '));
    plain(a) == plain(b)
}

/// A value as the database writes it; none for a moment, which it writes in a zone that is not known here.
pub(super) fn text_of(value: &SqlValue) -> Option<String> {
    let mut out = String::new();
    match value {
        SqlValue::Null | SqlValue::Instant(_) => return None,
        SqlValue::Int(n) => return Some(n.to_string()),
        SqlValue::Float(n) => return Some(n.to_string()),
        SqlValue::Decimal(text) | SqlValue::Text(text) => return Some(text.clone()),
        SqlValue::Bytes(bytes) => {
            for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
                out.extend(char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
        SqlValue::Date(at) => text::date(&mut out, *at),
        SqlValue::Time(at) => text::time(&mut out, *at),
        SqlValue::DateTime(at) => text::date_time(&mut out, *at),
    }
    Some(out)
}

/// One text for all in which a column's value may be written.
pub(super) fn plain(column: &Column, text: &str) -> String {
    // SQL Server writes them in upper case, whoever wrote them how.
    if column.declared.eq_ignore_ascii_case("uniqueidentifier") {
        return text.trim_matches(['{', '}']).to_ascii_uppercase();
    }
    match column.kind {
        ColumnType::Float { .. } => text.parse().map_or_else(|_| text.to_owned(), |n: f64| n.to_string()),
        // A date that the database keeps with a time of day.
        ColumnType::Date => text.strip_suffix(" 00:00:00").unwrap_or(text).to_owned(),
        ColumnType::Decimal { .. }
        | ColumnType::Money { .. }
        | ColumnType::Time { .. }
        | ColumnType::DateTime { .. }
        | ColumnType::Timestamp { .. }
            if text.contains('.') =>
        {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => text.to_owned(),
    }
}

/// Texts as far as a collation tells them apart for certain.
pub(super) fn fold(columns: &[&Column], texts: &[String]) -> Vec<String> {
    let fold = |(text, column): (&String, &&Column)| match column.kind {
        ColumnType::Text { .. } | ColumnType::Choice { .. } | ColumnType::Other => {
            let text = text.trim_end_matches(' ');
            if column.folds { text.to_lowercase() } else { text.to_owned() }
        }
        _ => text.clone(),
    };
    texts.iter().zip(columns).map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{sample, table::Calendar};

    #[test]
    fn texts_of_one_value() {
        let decimal = ColumnType::Decimal { precision: 9, scale: 3, unsigned: false };
        let check = |declared: &str, kind: ColumnType, a: &str, b: &str, same: bool| {
            let column = Column { declared: declared.into(), ..sample::column("c", kind) };
            assert_eq!(is_same(&column, a, b), same, "{declared}: {a}, {b}");
        };
        let guid = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
        check("uniqueidentifier", sample::text(36), guid, &format!("{{{}}}", guid.to_lowercase()), true);
        check("varchar(36)", sample::text(36), guid, &guid.to_lowercase(), false);
        check("char(9)", sample::text(9), "a", "a  ", true);
        check("decimal(9,3)", decimal, "1.5", "1.500", true);
        check("DATE", ColumnType::Date, "2026-01-02", "2026-01-02 00:00:00", true);
        check(
            "DATE",
            ColumnType::DateTime { fraction: 0, calendar: Calendar::Full },
            "2026-01-02",
            "2026-01-02 00:00:00",
            false,
        );
        let at = ColumnType::DateTime { fraction: 3, calendar: Calendar::Full };
        check("datetime", at, "2026-01-02 03:04:05.1", "2026-01-02 03:04:05.100000", true);
    }

    #[test]
    fn cells_are_joined_unmistakably() {
        let check = |cells: &[Option<&str>], expected: &str| {
            let cells: Vec<_> = cells.iter().map(|cell| cell.map(str::to_owned)).collect();
            assert_eq!(joined(&cells), expected);
        };
        check(&[], "");
        check(&[Some("a"), None, Some("NULL"), Some("")], "'a',NULL,'NULL',''");
        check(&[Some("a','b")], "'a'',''b'");
        check(&[Some("a"), Some("b")], "'a','b'");
    }

    #[test]
    fn padding_is_known() {
        let check = |declared: &str, padded: bool| {
            let column = Column { declared: declared.into(), ..sample::column("c", sample::text(9)) };
            assert_eq!(is_padded(&column), padded, "{declared}");
        };
        check("char(9)", true);
        check("CHAR(9 BYTE)", true);
        check("NCHAR(9)", true);
        check("char", true);
        check("varchar(9)", false);
        check("character varying", false);
    }
}
