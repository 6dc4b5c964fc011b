//! HIS tables as the database's catalog describes them.

use std::{collections::BTreeMap, fmt, sync::Arc};

pub use crate::model::storage::Storage;

/// A table as the configuration writes it: `table` or `schema.table`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(pub String);

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A column's name: as written in a mapping, in the catalog's spelling in a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnName(pub String);

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextLength {
    /// Without a limit that the daemon could reach.
    Unlimited,
    /// In characters (Unicode scalar values).
    Chars(u64),
    /// In bytes of the column's character set.
    Bytes(u64),
    /// In UTF-16 code units, of which an emoji has two: SQL Server's `nvarchar`.
    Units(u64),
}

/// Which characters a text column can hold. Others the server checks itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode, or a set that only the server can judge.
    Any,
    /// MySQL's utf8mb3: nothing beyond U+FFFF (no emoji).
    Utf8mb3,
    /// MySQL's latin1, which is Windows-1252.
    Latin1,
    /// 7-bit ASCII.
    Ascii,
    /// A code page of Windows by its number: SQL Server's `varchar`, which writes `?` for what it lacks.
    CodePage(u16),
    /// A part of ISO 8859 by its number: Oracle's `WE8ISO8859P15`, which writes an upside-down `?` for what it lacks.
    Iso8859(u8),
}

/// How a column of date and time counts, and how far it reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calendar {
    /// The years 1 to 9999, in the digits of its fraction.
    #[default]
    Full,
    /// SQL Server's `datetime`: from 1753 on, in 1/300 of a second.
    /// <https://learn.microsoft.com/en-us/sql/t-sql/data-types/datetime-transact-sql>.
    From1753,
    /// SQL Server's `smalldatetime`: 1900-01-01 to 2079-06-06, in minutes.
    /// <https://learn.microsoft.com/en-us/sql/t-sql/data-types/smalldatetime-transact-sql>.
    Small,
}

/// What a column can hold, so far as conversion must know. Fraction digits are of seconds, 0 to 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// A whole number from `min` to `max`; true and false become 1 and 0.
    Int {
        /// Least value.
        min: i128,
        /// Greatest value.
        max: i128,
    },
    /// An exact number with `precision` digits, `scale` of them after the point.
    Decimal {
        /// Digits in all.
        precision: u32,
        /// Digits after the point.
        scale: u32,
        /// Negative numbers are refused.
        unsigned: bool,
    },
    /// SQL Server's `money`, or `smallmoney`: an exact number with four digits after the point.
    Money {
        /// 32 bits rather than 64.
        small: bool,
    },
    /// A binary floating point number; `single` has 24 bits.
    Float {
        /// FLOAT rather than DOUBLE.
        single: bool,
    },
    /// Text.
    Text {
        /// Greatest length.
        length: TextLength,
        /// Characters that it can hold.
        charset: Charset,
    },
    /// Bytes; text is written as its UTF-8 form.
    Bytes {
        /// Greatest length in bytes, where there is one.
        max: Option<u64>,
    },
    /// A calendar date.
    Date,
    /// A time of day.
    Time {
        /// Digits of a second's fraction.
        fraction: u32,
    },
    /// A date and time without a zone.
    DateTime {
        /// Digits of a second's fraction.
        fraction: u32,
        /// How it counts besides.
        calendar: Calendar,
    },
    /// A moment: the database keeps it independent of zones.
    Timestamp {
        /// Digits of a second's fraction.
        fraction: u32,
    },
    /// One of these texts, or, where `many`, any number of them with commas between: ENUM and SET.
    Choice {
        /// What the column takes.
        members: Vec<String>,
        /// SET rather than ENUM.
        many: bool,
    },
    /// MySQL's YEAR.
    Year,
    /// SQL Server's `uniqueidentifier`, written `00000000-0000-0000-0000-000000000000` in upper case.
    Guid,
    /// A JSON document.
    Json,
    /// A type that the daemon does not know: text is bound and the database converts.
    Other,
}

/// Who fills a column that the daemon leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Nobody: a NOT NULL column must be written.
    ByNobody,
    /// Its default (or NULL).
    ByDefault,
    /// The database counts, where nobody writes a number: `AUTO_INCREMENT`.
    ByCounter,
    /// The database counts and takes no number from anyone: SQL Server's `IDENTITY`, `GENERATED ALWAYS AS IDENTITY`.
    ByIdentity,
    /// The database computes it; it cannot be written at all.
    ByExpression,
}

impl Filled {
    /// Whether the database numbers the column.
    #[must_use]
    pub fn is_counted(self) -> bool {
        matches!(self, Self::ByCounter | Self::ByIdentity)
    }
}

/// A column of a HIS table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The catalog's spelling.
    pub name: ColumnName,
    /// What it can hold.
    pub kind: ColumnType,
    /// The type in the database's own words, `varchar(20)`, for messages.
    pub declared: String,
    /// How values for it are bound.
    pub storage: Storage,
    /// Whether NULL may be written.
    pub nullable: bool,
    /// What happens when it is left out.
    pub filled: Filled,
    /// Its collation takes texts for equal that differ in case, accents or spaces at the end.
    pub folds: bool,
    /// It is the first column of an index, unique or not: rows are found by it without reading the whole table.
    pub indexed: bool,
}

/// A unique index, the primary key included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueIndex {
    /// Its name; `PRIMARY` for a primary key.
    pub name: String,
    /// Its columns in order, in the catalog's spelling.
    pub columns: Vec<ColumnName>,
    /// It is the primary key.
    pub primary: bool,
    /// It identifies rows: no prefix, filter or function in it, no nullable column.
    pub safe: bool,
}

/// A trigger of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub event: String,
    /// `BEFORE`, `AFTER` or `INSTEAD OF`.
    pub timing: String,
}

/// How far a privilege on a table goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grant {
    /// All of the table.
    Whole,
    /// These columns, in the catalog's spelling or another case of it.
    Columns(Vec<ColumnName>),
    /// Nothing.
    No,
    /// The database does not say.
    #[default]
    Unknown,
}

impl Grant {
    /// Whether it holds for a column, as far as is known.
    #[must_use]
    pub fn covers(&self, column: &ColumnName) -> Option<bool> {
        match self {
            Self::Whole => Some(true),
            // The database compares their names without regard to case, whatever else it does.
            Self::Columns(columns) => {
                let lower = column.0.to_lowercase();
                Some(columns.iter().any(|c| c.0.to_lowercase() == lower))
            }
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }
}

/// What the login may do with a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// Reading, also in conditions.
    pub select: Grant,
    /// Inserting.
    pub insert: Grant,
    /// Updating.
    pub update: Grant,
    /// Deleting; never by columns.
    pub delete: Grant,
}

impl Privileges {
    /// Everything: of a database that has no logins.
    #[must_use]
    pub fn all() -> Self {
        Self { select: Grant::Whole, insert: Grant::Whole, update: Grant::Whole, delete: Grant::Whole }
    }
}

/// A HIS table, described from the live catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the catalog, no state machine")]
pub struct Table {
    /// The schema (MySQL: database) in the catalog's spelling; none where the database has none.
    pub schema: Option<String>,
    /// The table in the catalog's spelling.
    pub name: String,
    /// It is a view.
    pub view: bool,
    /// Rows can be written: false for a view that does not stand for single rows of a table.
    pub updatable: bool,
    /// Its storage engine in the database's own words, `InnoDB`; empty where there is no such thing.
    pub engine: String,
    /// Columns in the catalog's order.
    pub columns: Vec<Column>,
    /// All unique indexes, the primary key first.
    pub unique: Vec<UniqueIndex>,
    /// Tables that its foreign keys refer to, catalog's spelling, without schema.
    pub references: Vec<String>,
    /// Its triggers, as far as the login sees them.
    pub triggers: Vec<Trigger>,
    /// The database shows its triggers to others than this login.
    pub triggers_hidden: bool,
    /// It has triggers that fire before or after INSERT, or may have, where they are hidden.
    pub insert_triggers: bool,
    /// Its storage engine rolls back (MyISAM does not).
    pub transactional: bool,
    /// Column names are compared without regard to case.
    pub ignore_case: bool,
    /// The database keeps an empty text as NULL (Oracle).
    pub empty_is_null: bool,
    /// What the login may do with it.
    pub may: Privileges,
    /// The login sees the columns alone that it may use; there may be others.
    pub columns_hidden: bool,
}

impl Column {
    /// A parameter of a statement of the configuration's own, which takes anything.
    #[must_use]
    pub fn parameter(name: ColumnName) -> Self {
        Self {
            name,
            kind: ColumnType::Other,
            declared: "a parameter".to_owned(),
            storage: Storage::Any,
            nullable: true,
            filled: Filled::ByDefault,
            folds: false,
            indexed: false,
        }
    }
}

impl Table {
    /// The column of that name: as spelled, else in capitals, else without regard to case where the database allows it.
    #[must_use]
    pub fn column(&self, name: &ColumnName) -> Option<(usize, &Column)> {
        let all = || self.columns.iter().enumerate();
        all().find(|(_, c)| c.name == *name).or_else(|| {
            if !self.ignore_case {
                return None;
            }
            // Oracle's own reading of a name without quotes; it may have another one that differs in case.
            let (upper, lower) = (name.0.to_uppercase(), name.0.to_lowercase());
            let capitals = all().find(|(_, c)| c.name.0 == upper);
            capitals.or_else(|| all().find(|(_, c)| c.name.0.to_lowercase() == lower))
        })
    }

    /// The primary key's columns; empty without one.
    #[must_use]
    pub fn primary_key(&self) -> &[ColumnName] {
        self.unique.iter().find(|u| u.primary).map_or(&[], |u| &u.columns)
    }

    /// `schema.table`, for messages.
    #[must_use]
    pub fn title(&self) -> String {
        self.schema.as_ref().map_or_else(|| self.name.clone(), |s| format!("{s}.{}", self.name))
    }
}

/// What `describe` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Tables by the name that the configuration writes.
    pub tables: BTreeMap<TableName, Arc<Table>>,
    /// Tables that are not there (or that the login may not see), with the names of those that are.
    pub missing: BTreeMap<TableName, Vec<String>>,
}
