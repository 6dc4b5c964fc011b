//! What a configuration needs to be allowed in the HIS database. Says nothing of how a database grants it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::model::table::{ColumnName, Grant, Table};

/// What is done with one table. Columns in the catalog's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The first place of the configuration that needs it.
    pub at: String,
    /// The table.
    pub table: Arc<Table>,
    /// Columns that are read, also in conditions.
    pub select: BTreeSet<ColumnName>,
    /// Columns that are filled in new rows.
    pub insert: BTreeSet<ColumnName>,
    /// Columns that are changed in old rows.
    pub update: BTreeSet<ColumnName>,
    /// Rows are deleted.
    pub delete: bool,
    /// All of its columns must be seen, not those above alone: others may have to be filled, or count.
    pub catalog: bool,
}

impl Need {
    /// Nothing but to see the table.
    #[must_use]
    pub fn new(at: &str, table: &Arc<Table>) -> Self {
        Self {
            at: at.to_owned(),
            table: Arc::clone(table),
            select: BTreeSet::new(),
            insert: BTreeSet::new(),
            update: BTreeSet::new(),
            delete: false,
            catalog: true,
        }
    }

    /// What of it the login may not do. What is not known is taken for granted.
    #[must_use]
    pub fn missing(&self) -> Self {
        let (table, may) = (&self.table, &self.table.may);
        let lacks = |grant: &Grant, columns: &BTreeSet<ColumnName>| {
            columns.iter().filter(|c| grant.covers(c) == Some(false)).cloned().collect()
        };
        Self {
            select: lacks(&may.select, &self.select),
            insert: lacks(&may.insert, &self.insert),
            update: lacks(&may.update, &self.update),
            delete: self.delete && may.delete == Grant::No,
            catalog: self.catalog && table.columns_hidden,
            ..Self::new(&self.at, table)
        }
    }

    /// It has to do with no row: at most with seeing columns.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.select.is_empty() && self.insert.is_empty() && self.update.is_empty() && !self.delete
    }
}

/// A stored procedure that is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Routine {
    /// Its schema (MySQL: database), where it is known.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

/// All that a configuration needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// One for each table, by schema and name.
    pub tables: BTreeMap<(Option<String>, String), Need>,
    /// Procedures that are called.
    pub routines: BTreeSet<Routine>,
}

impl Needs {
    /// What of it the login may not do: tables with something missing alone. Procedures are not looked at.
    #[must_use]
    pub fn missing(&self) -> Self {
        let missing = self.tables.iter().map(|(place, need)| (place.clone(), need.missing()));
        let tables = missing.filter(|(_, need)| !need.is_idle() || need.catalog).collect();
        Self { tables, routines: BTreeSet::new() }
    }
}

impl Extend<Need> for Needs {
    /// Adds what single steps need; what is needed of one table becomes one.
    fn extend<I: IntoIterator<Item = Need>>(&mut self, needs: I) {
        for need in needs {
            let place = (need.table.schema.clone(), need.table.name.clone());
            let Some(known) = self.tables.get_mut(&place) else {
                self.tables.insert(place, need);
                continue;
            };
            known.select.extend(need.select);
            known.insert.extend(need.insert);
            known.update.extend(need.update);
            known.delete |= need.delete;
            known.catalog |= need.catalog;
        }
    }
}
