//! Questions about rows, rendered as SQL: every selected column as text, where the driver does not make that of it; every
//! compared column bare, so that its index is of use.

use crate::{
    model::{
        table::{ColumnType, Storage, Table},
        value::SqlValue,
    },
    sql::{
        Statement,
        casts::{Comparing, Use},
        ident::{Dialect, Limit},
        text::Sql,
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
    /// All as one text, which is another one for other values. Where the driver makes the texts, each is there for itself.
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
    let mut sql = begin(dialect, select, rows_max);
    let count = asked.len().next_power_of_two();
    match select.matches {
        [column] => {
            sql.operand(table, *column);
            sql.push(if count == 1 { " = " } else { " IN (" });
            sql.list(", ", 0..count, |sql, _| sql.value(table, *column, Use::Compared, None));
            sql.push(if count == 1 { "" } else { ")" });
        }
        columns => {
            sql.push("(");
            sql.list(" OR ", 0..count, |sql, _| {
                sql.push("(");
                sql.list(" AND ", columns, |sql, column| equals(sql, table, *column));
                sql.push(")");
            });
            sql.push(")");
        }
    }
    let padding = asked.last().into_iter().cycle().take(count - asked.len());
    let mut params: Vec<&SqlValue> =
        asked.iter().chain(padding).flat_map(|tuple| tuple.iter().copied()).collect();
    let tuple: Vec<Storage> = select.matches.iter().map(|column| storage(table, *column)).collect();
    let mut binds = tuple.repeat(count);
    for (column, value) in select.only {
        sql.push(" AND ");
        if is_null(table, value) {
            sql.column(table, *column);
            sql.push(" IS NULL");
        } else {
            equals(&mut sql, table, *column);
            params.push(value);
            binds.push(storage(table, *column));
        }
    }
    end(&mut sql, rows_max, select.lock);
    Statement { sql: sql.done(), params, binds: binds.into() }
}

/// As [`find`], by one column of whole numbers for all from one number to another.
#[must_use]
pub fn between<'v>(
    select: &Select<'v>,
    dialect: &Dialect,
    (first, last): (&'v SqlValue, &'v SqlValue),
    rows_max: usize,
) -> Statement<'v> {
    let table = select.table;
    let mut sql = begin(dialect, select, rows_max);
    let mut binds = Vec::with_capacity(2);
    for column in select.matches {
        binds.extend([storage(table, *column); 2]);
        sql.column(table, *column);
        sql.push(" BETWEEN ");
        sql.value(table, *column, Use::Compared, None);
        sql.push(" AND ");
        sql.value(table, *column, Use::Compared, None);
    }
    end(&mut sql, rows_max, select.lock);
    Statement { sql: sql.done(), params: vec![first, last], binds: binds.into() }
}

/// What waits until nobody is writing a table, in a transaction that ends behind it; none where a locking read does.
#[must_use]
pub fn quiet<'v>(table: &Table, dialect: &Dialect) -> Option<Statement<'v>> {
    let (before, after) = dialect.quiet_table?;
    let mut sql = Sql::new(dialect);
    sql.push(before);
    sql.table(table);
    sql.push(after);
    Some(Statement { sql: sql.done(), params: Vec::new(), binds: [].into() })
}

/// A column of rows that are equal in all these cells, NULL to NULL. Documents are not compared: the database would
/// compare their texts. Nor is what the database cannot compare.
#[must_use]
pub fn alike<'v>(
    table: &Table,
    dialect: &Dialect,
    column: usize,
    cells: &[(usize, &'v SqlValue)],
    rows_max: usize,
) -> Statement<'v> {
    let kind = |c: usize| table.columns.get(c).map(|c| &c.kind);
    let select = Select { table, matches: &[column], wanted: Wanted::Each(&[]), only: &[], lock: false };
    let mut sql = begin(dialect, &select, rows_max);
    let compared =
        |c: usize| kind(c) != Some(&ColumnType::Json) && sql.comparing(table, c) != Comparing::Never;
    let cells: Vec<_> = cells.iter().filter(|(c, _)| compared(*c)).collect();
    let mut params = Vec::with_capacity(cells.len());
    let mut binds = Vec::with_capacity(cells.len());
    if cells.is_empty() {
        // Nothing tells them apart: any row may be the one.
        sql.push("1 = 1");
    }
    sql.list(" AND ", cells, |sql, (c, value)| {
        if is_null(table, value) {
            sql.column(table, *c);
            return sql.push(" IS NULL");
        }
        params.push(*value);
        binds.push(storage(table, *c));
        if kind(*c) != Some(&ColumnType::Float { single: true }) {
            return equals(sql, table, *c);
        }
        // What was stored has 24 bits, what is compared 53.
        sql.push("(");
        equals(sql, table, *c);
        sql.push(" OR ABS(");
        sql.column(table, *c);
        sql.push(" - ");
        sql.value(table, *c, Use::Compared, None);
        sql.push(") <= ABS(");
        sql.column(table, *c);
        sql.push(") * 1e-6)");
        params.push(*value);
        binds.push(storage(table, *c));
    });
    end(&mut sql, rows_max, false);
    Statement { sql: sql.done(), params, binds: binds.into() }
}

fn storage(table: &Table, column: usize) -> Storage {
    table.columns.get(column).map_or(Storage::Any, |c| c.storage)
}

/// Whether a column holds NULL where it was given this value.
fn is_null(table: &Table, value: &SqlValue) -> bool {
    match value {
        SqlValue::Null => true,
        SqlValue::Text(text) => table.empty_is_null && text.is_empty(),
        _ => false,
    }
}

fn equals(sql: &mut Sql<'_>, table: &Table, column: usize) {
    sql.operand(table, column);
    sql.push(" = ");
    sql.value(table, column, Use::Compared, None);
}

fn begin<'d>(dialect: &'d Dialect, select: &Select<'_>, rows_max: usize) -> Sql<'d> {
    let table = select.table;
    let mut sql = Sql::new(dialect);
    sql.push("SELECT ");
    if dialect.limit == Limit::Top {
        sql.push(&format!("TOP ({rows_max}) "));
    }
    let columns = |of: &[usize]| of.iter().filter_map(|c| table.columns.get(*c)).collect::<Vec<_>>();
    sql.list(", ", columns(select.matches), Sql::text_of);
    match select.wanted {
        Wanted::Joined(wanted) if dialect.texts.by_database() => {
            sql.push(", ");
            sql.joined(&columns(wanted));
        }
        Wanted::Each(wanted) | Wanted::Joined(wanted) => {
            for column in columns(wanted) {
                sql.push(", ");
                sql.text_of(column);
            }
        }
    }
    sql.push(" FROM ");
    sql.table(table);
    if select.lock {
        sql.push(dialect.locking_hint);
    }
    sql.push(" WHERE ");
    sql
}

fn end(sql: &mut Sql<'_>, rows_max: usize, lock: bool) {
    let dialect = sql.dialect;
    match dialect.limit {
        Limit::Limit => sql.push(&format!(" LIMIT {rows_max}")),
        Limit::RowNum => sql.push(&format!(" AND ROWNUM <= {rows_max}")),
        Limit::Top => {}
    }
    if lock {
        sql.push(dialect.locking_read);
    }
}

#[cfg(test)]
mod tests;
