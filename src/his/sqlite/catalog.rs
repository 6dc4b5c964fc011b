//! HIS tables as `SQLite`'s own catalog describes them. Reads names and types, never a row.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::kind;
use crate::{
    his::near,
    model::table::{
        Column, ColumnName, Filled, Privileges, Schema, Storage, Table, TableName, Trigger, UniqueIndex,
    },
};

/// The names of the file's tables and views.
pub(super) fn names(connection: &Connection) -> Result<Vec<TableName>> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE ?1 ORDER BY name";
    let names: Vec<String> = query(connection, sql, "sqlite_%", |row| row.get(0))?;
    Ok(names.into_iter().map(TableName).collect())
}

/// Describes the tables; those that are not there come with the names of some that are.
pub(super) fn describe(connection: &Connection, names: &[TableName]) -> Result<Schema> {
    let mut schema = Schema::default();
    for name in names {
        // `main` is the one schema of a file.
        let inner = name.0.split_once('.').filter(|(schema, _)| schema.eq_ignore_ascii_case("main"));
        let found = match (find(connection, &name.0)?, inner) {
            (None, Some((_, table))) => find(connection, table)?,
            (found, _) => found,
        };
        if let Some((table, view)) = found {
            schema.tables.insert(name.clone(), Arc::new(table_of(connection, table, view)?));
            continue;
        }
        let sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE ?1";
        let all: Vec<String> = query(connection, sql, "sqlite_%", |row| row.get(0))?;
        schema.missing.insert(name.clone(), near::names(&name.0, all.iter().map(String::as_str)));
    }
    Ok(schema)
}

/// The table's own spelling, and whether it is a view.
fn find(connection: &Connection, name: &str) -> Result<Option<(String, bool)>> {
    let sql = "SELECT name, type = 'view' FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    connection.query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

fn table_of(connection: &Connection, name: String, view: bool) -> Result<Table> {
    let indexes = indexes(connection, &name)?;
    let parts = parts(connection, &name)?;
    // An INTEGER PRIMARY KEY is the row's own number: it has no index, and counts by itself.
    let row_number = match parts.iter().filter(|part| part.key > 0).collect::<Vec<_>>().as_slice() {
        [only] if !indexes.iter().any(|index| index.primary) => Some(only.name.clone()),
        _ => None,
    };
    let mut columns: Vec<Column> = parts.into_iter().map(|part| part.column(row_number.as_deref())).collect();
    let indexed = first_columns(connection, &name)?;
    for column in &mut columns {
        column.indexed |= indexed.contains(&column.name.0);
    }
    let triggers = triggers(connection, &name)?;
    let mut unique = Vec::new();
    if let Some(name) = row_number {
        unique.push(UniqueIndex {
            name: "PRIMARY".into(),
            columns: vec![ColumnName(name)],
            primary: true,
            safe: true,
        });
    }
    for index in indexes {
        unique.push(index.described(connection, &columns)?);
    }
    unique.sort_by_key(|index| !index.primary);
    Ok(Table {
        schema: None,
        view,
        updatable: !view || triggers.iter().any(|t| t.timing == "INSTEAD OF"),
        engine: String::new(),
        columns,
        unique,
        references: query(
            connection,
            "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)",
            &name,
            |row| row.get(0),
        )?,
        insert_triggers: triggers.iter().any(|t| t.event == "INSERT"),
        triggers,
        triggers_hidden: false,
        transactional: true,
        ignore_case: true,
        empty_is_null: false,
        may: Privileges::all(),
        columns_hidden: false,
        name,
    })
}

/// A row of `pragma_table_xinfo`.
struct Part {
    name: String,
    declared: String,
    not_null: bool,
    has_default: bool,
    /// Place in the primary key, from 1; 0 outside of it.
    key: i64,
    generated: bool,
}

impl Part {
    fn column(self, row_number: Option<&str>) -> Column {
        // SQLite lets NULL into a primary key, by an old mistake; a row cannot be found again by it, so it is refused.
        let nullable = !self.not_null && self.key == 0;
        let filled = if self.generated {
            Filled::ByExpression
        } else if row_number == Some(self.name.as_str()) {
            Filled::ByCounter
        } else if nullable || self.has_default {
            Filled::ByDefault
        } else {
            Filled::ByNobody
        };
        Column {
            indexed: row_number == Some(self.name.as_str()),
            name: ColumnName(self.name),
            kind: kind::column_type(&self.declared),
            declared: self.declared,
            storage: Storage::Any,
            nullable,
            filled,
            folds: false,
        }
    }
}

fn parts(connection: &Connection, table: &str) -> Result<Vec<Part>> {
    // hidden: 0 ordinary, 1 of a virtual table, 2 and 3 generated.
    let sql = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1) \
               WHERE hidden <> 1 ORDER BY cid";
    query(connection, sql, table, |row| {
        Ok(Part {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            has_default: row.get(3)?,
            key: row.get(4)?,
            generated: row.get::<_, i64>(5)? > 1,
        })
    })
}

/// A row of `pragma_index_list`.
struct Index {
    name: String,
    primary: bool,
    partial: bool,
}

impl Index {
    fn described(self, connection: &Connection, columns: &[Column]) -> Result<UniqueIndex> {
        // No name: an expression, or the row's own number.
        let sql = "SELECT name FROM pragma_index_xinfo(?1) WHERE \"key\" = 1 ORDER BY seqno";
        let names: Vec<Option<String>> = query(connection, sql, &self.name, |row| row.get(0))?;
        let sound = |name: &Option<String>| {
            let column = name.as_ref().and_then(|name| columns.iter().find(|column| column.name.0 == *name));
            column.is_some_and(|column| !column.nullable)
        };
        Ok(UniqueIndex {
            safe: !self.partial && names.iter().all(sound),
            name: if self.primary { "PRIMARY".to_owned() } else { self.name },
            columns: names.into_iter().flatten().map(ColumnName).collect(),
            primary: self.primary,
        })
    }
}

/// The unique indexes.
fn indexes(connection: &Connection, table: &str) -> Result<Vec<Index>> {
    let sql =
        "SELECT name, origin = 'pk', partial FROM pragma_index_list(?1) WHERE \"unique\" = 1 ORDER BY seq";
    query(connection, sql, table, |row| {
        Ok(Index { name: row.get(0)?, primary: row.get(1)?, partial: row.get(2)? })
    })
}

/// The columns that indexes of all rows begin with.
fn first_columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT x.name FROM pragma_index_list(?1) AS i, pragma_index_xinfo(i.name) AS x \
               WHERE i.partial = 0 AND x.seqno = 0 AND x.name IS NOT NULL";
    query(connection, sql, table, |row| row.get(0))
}

fn triggers(connection: &Connection, table: &str) -> Result<Vec<Trigger>> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY name";
    query(connection, sql, table, |row| {
        let (name, sql): (String, String) = (row.get(0)?, row.get(1)?);
        let (timing, event) = when_it_fires(&sql, &name);
        Ok(Trigger { timing: timing.to_owned(), event: event.to_owned(), name })
    })
}

/// Timing and event of a `CREATE TRIGGER`: what stands behind its name.
fn when_it_fires(sql: &str, name: &str) -> (&'static str, &'static str) {
    let upper = sql.to_ascii_uppercase();
    let after = |text: &str, part: &str| text.split_once(part).map(|(_, rest)| rest.to_owned());
    let rest = after(&upper, "TRIGGER").unwrap_or_default();
    let rest = after(&rest, &name.to_ascii_uppercase()).unwrap_or(rest);
    let mut timing = "BEFORE";
    for word in rest.split_ascii_whitespace() {
        match word {
            "AFTER" => timing = "AFTER",
            "INSTEAD" => timing = "INSTEAD OF",
            "INSERT" => return (timing, "INSERT"),
            "UPDATE" => return (timing, "UPDATE"),
            "DELETE" => return (timing, "DELETE"),
            _ => {}
        }
    }
    (timing, "")
}

fn query<T>(
    connection: &Connection,
    sql: &str,
    name: &str,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    connection.prepare(sql)?.query_map([name], read)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers() {
        fn check(sql: &str, name: &str, timing: &str, event: &str) {
            assert_eq!(when_it_fires(sql, name), (timing, event), "{sql}");
        }
        check("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "t", "AFTER", "INSERT");
        check("CREATE TRIGGER t\nbefore insert\non a begin select 1; end", "t", "BEFORE", "INSERT");
        check("CREATE TRIGGER if not exists \"t insert\" DELETE ON a", "t insert", "BEFORE", "DELETE");
        check(
            "CREATE TRIGGER insert AFTER UPDATE OF b ON a BEGIN SELECT 1; END",
            "insert",
            "AFTER",
            "UPDATE",
        );
        check(
            "CREATE TEMP TRIGGER t INSTEAD OF DELETE ON a BEGIN SELECT 1; END",
            "t",
            "INSTEAD OF",
            "DELETE",
        );
    }
}
