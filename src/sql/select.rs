//! Questions about rows, rendered as SQL: every selected column as text, so that no driver has to know types; every
//! compared column bare, so that its index is of use.

use crate::{
    model::{
        table::{ColumnType, Storage, Table},
        value::SqlValue,
    },
    sql::{
        Statement,
        ident::Dialect,
        writer::{push_column, push_compared},
    },
};

/// What is asked of the rows of a table. Columns are indexes into `table.columns`.
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    /// The table.
    pub table: &'a Table,
    /// Columns that are compared with the values that are asked for.
    pub matches: &'a [usize],
    /// Columns that are wanted.
    pub wanted: Wanted<'a>,
    /// What else holds for the rows.
    pub only: &'a [(usize, SqlValue)],
    /// Waits for whoever is writing the rows.
    pub lock: bool,
}

/// Columns that are read of a row.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Each as a text of its own.
    Each(&'a [usize]),
    /// All as one text, which is another one for other values.
    Joined(&'a [usize]),
}

/// Rows that have one of the asked tuples in the columns `matches`: first these columns, then those that are wanted. No
/// more than `rows_max`. The last tuple is repeated until their number is a power of two, so that a driver has few texts to
/// prepare; `asked` is not empty.
#[must_use]
pub fn find<'v>(
    select: &Select<'v>,
    dialect: &Dialect,
    asked: &[&'v [&'v SqlValue]],
    rows_max: usize,
) -> Statement<'v> {
    let table = select.table;
    let mut sql = begin(dialect, table, select.matches, select.wanted);
    let count = asked.len().next_power_of_two();
    match select.matches {
        [column] => {
            push_column(dialect, &mut sql, table, *column);
            sql.push_str(if count == 1 { " = " } else { " IN (" });
            list(&mut sql, ", ", 0..count, |sql, _| push_compared(dialect, sql, table, *column));
            sql.push_str(if count == 1 { "" } else { ")" });
        }
        columns => {
            sql.push('(');
            list(&mut sql, " OR ", 0..count, |sql, _| {
                sql.push('(');
                list(sql, " AND ", columns, |sql, column| {
                    push_column(dialect, sql, table, *column);
                    sql.push_str(" = ");
                    push_compared(dialect, sql, table, *column);
                });
                sql.push(')');
            });
            sql.push(')');
        }
    }
    let padding = asked.last().into_iter().cycle().take(count - asked.len());
    let mut params: Vec<&SqlValue> =
        asked.iter().chain(padding).flat_map(|tuple| tuple.iter().copied()).collect();
    let storage = |column: &usize| table.columns.get(*column).map_or(Storage::Any, |c| c.storage);
    let tuple: Vec<Storage> = select.matches.iter().map(storage).collect();
    let mut binds = tuple.repeat(count);
    for (column, value) in select.only {
        sql.push_str(" AND ");
        push_column(dialect, &mut sql, table, *column);
        if *value == SqlValue::Null {
            sql.push_str(" IS NULL");
        } else {
            sql.push_str(" = ");
            push_compared(dialect, &mut sql, table, *column);
            params.push(value);
            binds.push(storage(column));
        }
    }
    end(&mut sql, dialect, rows_max, select.lock);
    Statement { sql: sql.into(), params, binds: binds.into() }
}

/// As [`find`], by one column of whole numbers for all from one number to another.
#[must_use]
pub fn between<'v>(
    select: &Select<'v>,
    dialect: &Dialect,
    (first, last): (&'v SqlValue, &'v SqlValue),
    rows_max: usize,
) -> Statement<'v> {
    let mut sql = begin(dialect, select.table, select.matches, select.wanted);
    let mut binds = Vec::with_capacity(2);
    for column in select.matches {
        binds.extend([select.table.columns.get(*column).map_or(Storage::Any, |c| c.storage); 2]);
        push_column(dialect, &mut sql, select.table, *column);
        sql.push_str(" BETWEEN ");
        push_compared(dialect, &mut sql, select.table, *column);
        sql.push_str(" AND ");
        push_compared(dialect, &mut sql, select.table, *column);
    }
    end(&mut sql, dialect, rows_max, select.lock);
    Statement { sql: sql.into(), params: vec![first, last], binds: binds.into() }
}

/// A column of rows that are equal in all these cells, NULL to NULL. Documents are not compared: the database would
/// compare their texts.
#[must_use]
pub fn alike<'v>(
    table: &Table,
    dialect: &Dialect,
    column: usize,
    cells: &[(usize, &'v SqlValue)],
    rows_max: usize,
) -> Statement<'v> {
    let kind = |c: usize| table.columns.get(c).map(|c| &c.kind);
    let cells: Vec<_> = cells.iter().filter(|(c, _)| kind(*c) != Some(&ColumnType::Json)).collect();
    let mut sql = begin(dialect, table, &[column], Wanted::Each(&[]));
    let mut params = Vec::with_capacity(cells.len());
    let mut binds = Vec::with_capacity(cells.len());
    if cells.is_empty() {
        // Nothing tells them apart: any row may be the one.
        sql.push_str("1 = 1");
    }
    list(&mut sql, " AND ", cells, |sql, (c, value)| {
        let same = |sql: &mut String| {
            push_column(dialect, sql, table, *c);
            sql.push(' ');
            sql.push_str(dialect.same);
            sql.push(' ');
            push_compared(dialect, sql, table, *c);
        };
        let storage = table.columns.get(*c).map_or(Storage::Any, |c| c.storage);
        params.push(*value);
        binds.push(storage);
        if kind(*c) != Some(&ColumnType::Float { single: true }) {
            return same(sql);
        }
        // What was stored has 24 bits, what is compared 53.
        sql.push('(');
        same(sql);
        sql.push_str(" OR ABS(");
        push_column(dialect, sql, table, *c);
        sql.push_str(" - ?) <= ABS(");
        push_column(dialect, sql, table, *c);
        sql.push_str(") * 1e-6)");
        params.push(*value);
        binds.push(storage);
    });
    end(&mut sql, dialect, rows_max, false);
    Statement { sql: sql.into(), params, binds: binds.into() }
}

fn begin(dialect: &Dialect, table: &Table, matches: &[usize], wanted: Wanted<'_>) -> String {
    let mut sql = String::from("SELECT ");
    let columns = |of: &[usize]| of.iter().filter_map(|c| table.columns.get(*c)).collect::<Vec<_>>();
    match wanted {
        Wanted::Each(wanted) => {
            let columns = columns(matches).into_iter().chain(columns(wanted));
            list(&mut sql, ", ", columns, |sql, column| dialect.push_text_of(sql, column));
        }
        Wanted::Joined(wanted) => {
            list(&mut sql, ", ", columns(matches), |sql, column| dialect.push_text_of(sql, column));
            sql.push_str(", ");
            dialect.push_joined(&mut sql, &columns(wanted));
        }
    }
    sql.push_str(" FROM ");
    dialect.push_table(&mut sql, table);
    sql.push_str(" WHERE ");
    sql
}

fn end(sql: &mut String, dialect: &Dialect, rows_max: usize, lock: bool) {
    sql.push_str(" LIMIT ");
    sql.push_str(&rows_max.to_string());
    if lock {
        sql.push_str(dialect.locking_read);
    }
}

fn list<T>(
    sql: &mut String,
    between: &str,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut String, T),
) {
    for (i, it) in items.into_iter().enumerate() {
        if i > 0 {
            sql.push_str(between);
        }
        item(sql, it);
    }
}

#[cfg(test)]
mod tests;
