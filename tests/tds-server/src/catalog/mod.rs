//! Owns what a database holds: tables with columns, keys, constraints and triggers, as statements need them; reads them
//! from the system tables and never changes those.

pub(crate) mod system;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Result, Row};

use crate::types::SqlType;

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) ty: SqlType,
    pub(crate) collation: Option<String>,
    pub(crate) nullable: bool,
    /// Seed and increment.
    pub(crate) identity: Option<(i64, i64)>,
    pub(crate) computed: Option<String>,
    /// The text of its default.
    pub(crate) default: Option<String>,
    /// Its name in SQLite.
    pub(crate) sql: String,
}

/// A unique or plain index, a primary key, a unique constraint.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) primary: bool,
    pub(crate) constraint: bool,
    pub(crate) disabled: bool,
    pub(crate) filter: Option<String>,
    /// Positions of the key columns in the table.
    pub(crate) columns: Vec<usize>,
}

/// A foreign key: positions of columns here and names of those there.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) name: String,
    pub(crate) child: i64,
    pub(crate) parent: i64,
    /// Column ids of child and parent.
    pub(crate) columns: Vec<(i64, i64)>,
    pub(crate) disabled: bool,
    pub(crate) on_delete: i64,
}

/// A trigger.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) instead: bool,
    pub(crate) disabled: bool,
    /// INSERT, UPDATE, DELETE.
    pub(crate) events: [bool; 3],
    pub(crate) body: String,
}

/// Where a table's rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    /// Of the catalog.
    System,
    /// The text of the query behind a view, and names of its columns if it gives them.
    View(String, Vec<String>),
    /// A table variable, or inserted and deleted of a trigger.
    Temporary,
}

/// A table or a view.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) id: i64,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Its name in SQLite, quoted.
    pub(crate) sql: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) indexes: Vec<Index>,
    /// Name and condition.
    pub(crate) checks: Vec<(String, String)>,
    pub(crate) triggers: Vec<Trigger>,
}

impl Table {
    /// The position of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| same(&c.name, name))
    }
    /// `dbo.t`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
    /// Whether its writes need the seven SET options: a computed column in an index.
    pub(crate) fn is_strict(&self) -> bool {
        self.indexes.iter().any(|i| i.columns.iter().any(|c| self.columns[*c].computed.is_some()))
    }
}

/// A procedure.
#[derive(Debug, Clone)]
pub(crate) struct Procedure {
    pub(crate) id: i64,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All objects of a database at one moment.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) version: i64,
    pub(crate) schemas: Vec<(i64, String)>,
    pub(crate) tables: HashMap<(String, String), Arc<Table>>,
    pub(crate) procedures: HashMap<(String, String), Arc<Procedure>>,
    pub(crate) foreign: Vec<Foreign>,
    /// Name of a synonym to that of its object.
    pub(crate) synonyms: HashMap<(String, String), String>,
    /// User, object, permission, denied.
    pub(crate) grants: Vec<(String, i64, String, bool)>,
    /// id, schema, name and type of every object.
    pub(crate) objects: Vec<(i64, String, String, String)>,
}

/// Names are alike whatever their case.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn key(schema: &str, name: &str) -> (String, String) {
    (schema.to_lowercase(), name.to_lowercase())
}

impl Catalog {
    pub(crate) fn table(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(&key(schema, name))
    }
    pub(crate) fn procedure(&self, schema: &str, name: &str) -> Option<&Arc<Procedure>> {
        self.procedures.get(&key(schema, name))
    }
    pub(crate) fn synonym(&self, schema: &str, name: &str) -> Option<&String> {
        self.synonyms.get(&key(schema, name))
    }
    pub(crate) fn by_id(&self, id: i64) -> Option<&Arc<Table>> {
        self.tables.values().find(|t| t.id == id && id != 0)
    }
    pub(crate) fn schema_id(&self, name: &str) -> Option<i64> {
        self.schemas.iter().find(|s| same(&s.1, name)).map(|s| s.0)
    }
}

/// The counter that every change of the catalog moves.
pub(crate) fn version(db: &Connection) -> Result<i64> {
    db.query_row("SELECT n FROM x_version", [], |r| r.get(0))
}

/// Reads the catalog.
pub(crate) fn load(db: &Connection) -> Result<Catalog> {
    let mut catalog = Catalog { version: version(db)?, ..Catalog::default() };
    catalog.schemas =
        rows(db, "SELECT schema_id, name FROM \"sys.schemas\"", |r| Ok((r.get(0)?, r.get(1)?)))?;
    let mut tables: HashMap<i64, Table> = HashMap::new();
    let objects = rows(
        db,
        "SELECT o.object_id, s.name, o.name, rtrim(o.type), o.x_text FROM \"sys.objects\" o JOIN \"sys.schemas\" s USING (schema_id)",
        |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, String>(1)?,
                r.get::<_, String>(2)?,
                r.get::<_, String>(3)?,
                r.get::<_, Option<String>>(4)?,
            ))
        },
    )?;
    for (id, schema, name, ty, text) in objects {
        catalog.objects.push((id, schema.clone(), name.clone(), ty.clone()));
        let text = text.unwrap_or_default();
        match ty.as_str() {
            "U" | "V" => {
                let kind = if ty == "U" { Kind::User } else { Kind::View(text, Vec::new()) };
                let sql = format!("\"t{id}\"");
                let table = Table {
                    id,
                    schema,
                    name,
                    kind,
                    sql,
                    columns: Vec::new(),
                    indexes: Vec::new(),
                    checks: Vec::new(),
                    triggers: Vec::new(),
                };
                tables.insert(id, table);
            }
            "P" => {
                let procedure = Procedure { id, schema, name, text };
                catalog.procedures.insert(key(&procedure.schema, &procedure.name), Arc::new(procedure));
            }
            "SN" => {
                catalog.synonyms.insert(key(&schema, &name), text);
            }
            _ => {}
        }
    }
    load_columns(db, &mut tables)?;
    load_indexes(db, &mut tables)?;
    load_rules(db, &mut tables, &mut catalog)?;
    catalog.grants = rows(db, "SELECT user, object_id, permission, denied FROM x_grants", |r| {
        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
    })?;
    for table in tables.into_values() {
        catalog.tables.insert(key(&table.schema, &table.name), Arc::new(table));
    }
    for table in system::tables() {
        catalog.tables.insert(key(&table.schema, &table.name), Arc::clone(table));
    }
    Ok(catalog)
}

fn rows<T>(db: &Connection, sql: &str, read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    db.prepare_cached(sql)?.query_map([], read)?.collect()
}

fn load_columns(db: &Connection, tables: &mut HashMap<i64, Table>) -> Result<()> {
    let columns = rows(
        db,
        "SELECT object_id, column_id, name, system_type_id, max_length, precision, scale, collation_name, is_nullable, \
         is_identity, x_seed, x_increment, x_definition, x_default FROM \"sys.columns\" ORDER BY 1, 2",
        |r| {
            let id: i64 = r.get(1)?;
            let identity: bool = r.get(9)?;
            let column = Column {
                id,
                name: r.get(2)?,
                ty: SqlType::from_catalog(r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?),
                collation: r.get(7)?,
                nullable: r.get(8)?,
                identity: if identity { Some((r.get(10)?, r.get(11)?)) } else { None },
                computed: r.get(12)?,
                default: r.get(13)?,
                sql: format!("c{id}"),
            };
            Ok((r.get::<_, i64>(0)?, column))
        },
    )?;
    for (table, column) in columns {
        if let Some(table) = tables.get_mut(&table) {
            table.columns.push(column);
        }
    }
    Ok(())
}

fn load_indexes(db: &Connection, tables: &mut HashMap<i64, Table>) -> Result<()> {
    let keys = rows(
        db,
        "SELECT object_id, index_id, column_id FROM \"sys.index_columns\" WHERE key_ordinal > 0 ORDER BY 1, 2, key_ordinal",
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)),
    )?;
    let indexes = rows(
        db,
        "SELECT object_id, index_id, name, is_unique, is_primary_key, is_unique_constraint, is_disabled, filter_definition \
         FROM \"sys.indexes\" WHERE index_id > 0 ORDER BY 1, 2",
        |r| {
            let index = Index {
                id: r.get(1)?,
                name: r.get(2)?,
                unique: r.get(3)?,
                primary: r.get(4)?,
                constraint: r.get(5)?,
                disabled: r.get(6)?,
                filter: r.get(7)?,
                columns: Vec::new(),
            };
            Ok((r.get::<_, i64>(0)?, index))
        },
    )?;
    for (id, mut index) in indexes {
        let Some(table) = tables.get_mut(&id) else { continue };
        index.columns = keys
            .iter()
            .filter(|k| k.0 == id && k.1 == index.id)
            .filter_map(|k| table.columns.iter().position(|c| c.id == k.2))
            .collect();
        table.indexes.push(index);
    }
    Ok(())
}

fn load_rules(db: &Connection, tables: &mut HashMap<i64, Table>, catalog: &mut Catalog) -> Result<()> {
    let checks = rows(
        db,
        "SELECT parent_object_id, name, definition FROM \"sys.check_constraints\" WHERE is_disabled = 0",
        |r| Ok((r.get::<_, i64>(0)?, (r.get(1)?, r.get(2)?))),
    )?;
    for (id, check) in checks {
        if let Some(table) = tables.get_mut(&id) {
            table.checks.push(check);
        }
    }
    let triggers = rows(
        db,
        "SELECT t.parent_id, t.object_id, t.name, t.is_instead_of_trigger, t.is_disabled, t.x_body, \
         (SELECT group_concat(type) FROM \"sys.trigger_events\" e WHERE e.object_id = t.object_id) FROM \"sys.triggers\" t ORDER BY 2",
        |r| {
            let events: String = r.get::<_, Option<String>>(6)?.unwrap_or_default();
            let trigger = Trigger {
                id: r.get(1)?,
                name: r.get(2)?,
                instead: r.get(3)?,
                disabled: r.get(4)?,
                events: [events.contains('1'), events.contains('2'), events.contains('3')],
                body: r.get(5)?,
            };
            Ok((r.get::<_, i64>(0)?, trigger))
        },
    )?;
    for (id, trigger) in triggers {
        if let Some(table) = tables.get_mut(&id) {
            table.triggers.push(trigger);
        }
    }
    let columns = rows(
        db,
        "SELECT constraint_object_id, parent_column_id, referenced_column_id FROM \"sys.foreign_key_columns\" ORDER BY 1, constraint_column_id",
        |r| Ok((r.get::<_, i64>(0)?, (r.get(1)?, r.get(2)?))),
    )?;
    catalog.foreign = rows(
        db,
        "SELECT object_id, name, parent_object_id, referenced_object_id, is_disabled, delete_referential_action FROM \"sys.foreign_keys\"",
        |r| {
            let id: i64 = r.get(0)?;
            let columns = columns.iter().filter(|c| c.0 == id).map(|c| c.1).collect();
            Ok(Foreign {
                name: r.get(1)?,
                child: r.get(2)?,
                parent: r.get(3)?,
                columns,
                disabled: r.get(4)?,
                on_delete: r.get(5)?,
            })
        },
    )?;
    Ok(())
}
