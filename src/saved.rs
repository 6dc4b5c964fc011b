//! The description of HIS tables as a JSON file: `check --save-schema` writes it, `mapping test` and support read it. A
//! mirror of [`Schema`] and nothing more; it holds names and types, never a row. Touches no file itself.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::model::table::{
    Calendar, Charset, ColumnName, ColumnType, Filled, Privileges, Schema, Storage, TableName, TextLength,
};

/// What the file calls itself, so that it is told from any other JSON.
const KIND: &str = "buktor-middleware tables";
/// The form of the file that this version writes, and the only one that it reads.
const VERSION: u32 = 1;

/// Why a text is no description of tables that this version can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It is not JSON, or JSON of another form.
    #[error("line {line}, column {column}: {message}")]
    Form {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// It is JSON of something else.
    #[error(
        "line 1, column 1: this is no description of tables; make one with `buktor-middleware check --save-schema FILE`"
    )]
    Stranger,
    /// It was written by another version of the program.
    #[error(
        "the description has version {found}, and this program reads version {VERSION}; make it anew with \
         `buktor-middleware check --save-schema FILE`"
    )]
    Version {
        /// The file's version.
        found: u32,
    },
}

/// The description as JSON, with a line end.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "it does not: see the proof where it could")]
pub fn to_json(schema: &Schema) -> String {
    let tables = schema.tables.iter().map(|(name, table)| (name.0.clone(), Table::of(table)));
    let missing = schema.missing.iter().map(|(name, near)| (name.0.clone(), near.clone()));
    let file = File {
        kind: KIND.to_owned(),
        version: VERSION,
        tables: tables.collect(),
        missing: missing.collect(),
    };
    let mut text = serde_json::to_string_pretty(&file)
        .expect("names, numbers and flags under keys that are texts are always JSON");
    text.push('\n');
    text
}

/// Reads what [`to_json`] wrote. Keys that this version does not know are refused.
pub fn from_json(text: &str) -> Result<Schema, SavedError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head: Head = serde_json::from_str(text).map_err(|e| form(&e))?;
    if head.kind.as_deref() != Some(KIND) {
        return Err(SavedError::Stranger);
    }
    match head.version {
        Some(VERSION) => {}
        Some(found) => return Err(SavedError::Version { found }),
        None => return Err(SavedError::Stranger),
    }
    let file: File = serde_json::from_str(text).map_err(|e| form(&e))?;
    let tables = file.tables.into_iter().map(|(name, table)| (TableName(name), Arc::new(table.model())));
    let missing = file.missing.into_iter().map(|(name, near)| (TableName(name), near));
    Ok(Schema { tables: tables.collect(), missing: missing.collect() })
}

/// Whether a text is such a description, of whatever version: only then may it be overwritten.
#[must_use]
pub fn is_description(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<Head>(text).is_ok_and(|head| head.kind.as_deref() == Some(KIND))
}

fn form(error: &serde_json::Error) -> SavedError {
    let (line, column) = (error.line(), error.column().max(1));
    let words = error.to_string();
    // serde_json ends its words with the place, which stands before them here.
    let message = words.rsplit_once(" at line ").map_or(words.as_str(), |(message, _)| message).to_owned();
    SavedError::Form { line, column, message }
}

/// The part of the file that tells what it is; other keys are not looked at.
#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
    version: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: String,
    version: u32,
    tables: BTreeMap<String, Table>,
    missing: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the mirror of the model's table")]
struct Table {
    schema: Option<String>,
    name: String,
    view: bool,
    columns: Vec<Column>,
    unique: Vec<UniqueIndex>,
    references: Vec<String>,
    insert_triggers: bool,
    transactional: bool,
    ignore_case: bool,
    /// Files of earlier versions, which knew no Oracle, do not have it.
    #[serde(default)]
    empty_is_null: bool,
    updatable: bool,
    engine: String,
    triggers: Vec<Trigger>,
    triggers_hidden: bool,
    columns_hidden: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    name: String,
    event: String,
    timing: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    declared: String,
    #[serde(rename = "type")]
    kind: Kind,
    nullable: bool,
    filled: FilledBy,
    folds: bool,
    indexed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UniqueIndex {
    name: String,
    columns: Vec<String>,
    primary: bool,
    safe: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Kind {
    Int {
        min: i128,
        max: i128,
    },
    Decimal {
        precision: u32,
        scale: u32,
        unsigned: bool,
    },
    Money {
        small: bool,
    },
    Float {
        single: bool,
    },
    Text {
        length: Length,
        charset: Characters,
    },
    Bytes {
        max: Option<u64>,
    },
    Date,
    Time {
        fraction: u32,
    },
    DateTime {
        fraction: u32,
        /// Files of earlier versions, which knew no SQL Server, do not have it.
        #[serde(default)]
        calendar: Counting,
    },
    Timestamp {
        fraction: u32,
    },
    Choice {
        members: Vec<String>,
        many: bool,
    },
    Year,
    Guid,
    Json,
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Length {
    Unlimited,
    Chars(u64),
    Bytes(u64),
    Units(u64),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Counting {
    #[default]
    Full,
    From1753,
    Small,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Characters {
    Any,
    Utf8mb3,
    Latin1,
    Ascii,
    CodePage(u16),
    Iso8859(u8),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FilledBy {
    Nobody,
    Default,
    Counter,
    Identity,
    Expression,
}

type ModelTable = crate::model::table::Table;
type ModelColumn = crate::model::table::Column;
type ModelTrigger = crate::model::table::Trigger;
type ModelIndex = crate::model::table::UniqueIndex;

impl Table {
    /// Takes the model apart by name, so that a new field of it does not compile until it is here.
    fn of(table: &ModelTable) -> Self {
        let ModelTable {
            schema,
            name,
            view,
            columns,
            unique,
            references,
            insert_triggers,
            transactional,
            ignore_case,
            empty_is_null,
            updatable,
            engine,
            triggers,
            triggers_hidden,
            columns_hidden,
            // What a login may do is not the table's.
            may: _,
        } = table;
        Self {
            schema: schema.clone(),
            name: name.clone(),
            view: *view,
            columns: columns.iter().map(Column::of).collect(),
            unique: unique.iter().map(UniqueIndex::of).collect(),
            references: references.clone(),
            insert_triggers: *insert_triggers,
            transactional: *transactional,
            ignore_case: *ignore_case,
            empty_is_null: *empty_is_null,
            updatable: *updatable,
            engine: engine.clone(),
            triggers: triggers.iter().map(Trigger::of).collect(),
            triggers_hidden: *triggers_hidden,
            columns_hidden: *columns_hidden,
        }
    }

    fn model(self) -> ModelTable {
        ModelTable {
            schema: self.schema,
            name: self.name,
            view: self.view,
            columns: self.columns.into_iter().map(Column::model).collect(),
            unique: self.unique.into_iter().map(UniqueIndex::model).collect(),
            references: self.references,
            insert_triggers: self.insert_triggers,
            transactional: self.transactional,
            ignore_case: self.ignore_case,
            empty_is_null: self.empty_is_null,
            updatable: self.updatable,
            engine: self.engine,
            triggers: self.triggers.into_iter().map(Trigger::model).collect(),
            triggers_hidden: self.triggers_hidden,
            columns_hidden: self.columns_hidden,
            may: Privileges::default(),
        }
    }
}

impl Trigger {
    fn of(trigger: &ModelTrigger) -> Self {
        let ModelTrigger { name, event, timing } = trigger;
        Self { name: name.clone(), event: event.clone(), timing: timing.clone() }
    }

    fn model(self) -> ModelTrigger {
        ModelTrigger { name: self.name, event: self.event, timing: self.timing }
    }
}

impl Column {
    fn of(column: &ModelColumn) -> Self {
        // Nothing is bound where there is no database.
        let ModelColumn { name, kind, declared, storage: _, nullable, filled, folds, indexed } = column;
        Self {
            name: name.0.clone(),
            declared: declared.clone(),
            kind: Kind::of(kind),
            nullable: *nullable,
            filled: match filled {
                Filled::ByNobody => FilledBy::Nobody,
                Filled::ByDefault => FilledBy::Default,
                Filled::ByCounter => FilledBy::Counter,
                Filled::ByIdentity => FilledBy::Identity,
                Filled::ByExpression => FilledBy::Expression,
            },
            folds: *folds,
            indexed: *indexed,
        }
    }

    fn model(self) -> ModelColumn {
        ModelColumn {
            name: ColumnName(self.name),
            kind: self.kind.model(),
            declared: self.declared,
            storage: Storage::Any,
            nullable: self.nullable,
            filled: match self.filled {
                FilledBy::Nobody => Filled::ByNobody,
                FilledBy::Default => Filled::ByDefault,
                FilledBy::Counter => Filled::ByCounter,
                FilledBy::Identity => Filled::ByIdentity,
                FilledBy::Expression => Filled::ByExpression,
            },
            folds: self.folds,
            indexed: self.indexed,
        }
    }
}

impl UniqueIndex {
    fn of(index: &ModelIndex) -> Self {
        let ModelIndex { name, columns, primary, safe } = index;
        let columns = columns.iter().map(|c| c.0.clone()).collect();
        Self { name: name.clone(), columns, primary: *primary, safe: *safe }
    }

    fn model(self) -> ModelIndex {
        let columns = self.columns.into_iter().map(ColumnName).collect();
        ModelIndex { name: self.name, columns, primary: self.primary, safe: self.safe }
    }
}

impl Kind {
    fn of(kind: &ColumnType) -> Self {
        match kind {
            ColumnType::Int { min, max } => Self::Int { min: *min, max: *max },
            ColumnType::Decimal { precision, scale, unsigned } => {
                Self::Decimal { precision: *precision, scale: *scale, unsigned: *unsigned }
            }
            ColumnType::Money { small } => Self::Money { small: *small },
            ColumnType::Float { single } => Self::Float { single: *single },
            ColumnType::Text { length, charset } => Self::Text {
                length: match length {
                    TextLength::Unlimited => Length::Unlimited,
                    TextLength::Chars(n) => Length::Chars(*n),
                    TextLength::Bytes(n) => Length::Bytes(*n),
                    TextLength::Units(n) => Length::Units(*n),
                },
                charset: match charset {
                    Charset::Any => Characters::Any,
                    Charset::Utf8mb3 => Characters::Utf8mb3,
                    Charset::Latin1 => Characters::Latin1,
                    Charset::Ascii => Characters::Ascii,
                    Charset::CodePage(page) => Characters::CodePage(*page),
                    Charset::Iso8859(part) => Characters::Iso8859(*part),
                },
            },
            ColumnType::Bytes { max } => Self::Bytes { max: *max },
            ColumnType::Date => Self::Date,
            ColumnType::Time { fraction } => Self::Time { fraction: *fraction },
            ColumnType::DateTime { fraction, calendar } => {
                let calendar = match calendar {
                    Calendar::Full => Counting::Full,
                    Calendar::From1753 => Counting::From1753,
                    Calendar::Small => Counting::Small,
                };
                Self::DateTime { fraction: *fraction, calendar }
            }
            ColumnType::Timestamp { fraction } => Self::Timestamp { fraction: *fraction },
            ColumnType::Choice { members, many } => Self::Choice { members: members.clone(), many: *many },
            ColumnType::Year => Self::Year,
            ColumnType::Guid => Self::Guid,
            ColumnType::Json => Self::Json,
            ColumnType::Other => Self::Other,
        }
    }

    fn model(self) -> ColumnType {
        match self {
            Self::Int { min, max } => ColumnType::Int { min, max },
            Self::Decimal { precision, scale, unsigned } => {
                ColumnType::Decimal { precision, scale, unsigned }
            }
            Self::Money { small } => ColumnType::Money { small },
            Self::Float { single } => ColumnType::Float { single },
            Self::Text { length, charset } => ColumnType::Text {
                length: match length {
                    Length::Unlimited => TextLength::Unlimited,
                    Length::Chars(n) => TextLength::Chars(n),
                    Length::Bytes(n) => TextLength::Bytes(n),
                    Length::Units(n) => TextLength::Units(n),
                },
                charset: match charset {
                    Characters::Any => Charset::Any,
                    Characters::Utf8mb3 => Charset::Utf8mb3,
                    Characters::Latin1 => Charset::Latin1,
                    Characters::Ascii => Charset::Ascii,
                    Characters::CodePage(page) => Charset::CodePage(page),
                    Characters::Iso8859(part) => Charset::Iso8859(part),
                },
            },
            Self::Bytes { max } => ColumnType::Bytes { max },
            Self::Date => ColumnType::Date,
            Self::Time { fraction } => ColumnType::Time { fraction },
            Self::DateTime { fraction, calendar } => {
                let calendar = match calendar {
                    Counting::Full => Calendar::Full,
                    Counting::From1753 => Calendar::From1753,
                    Counting::Small => Calendar::Small,
                };
                ColumnType::DateTime { fraction, calendar }
            }
            Self::Timestamp { fraction } => ColumnType::Timestamp { fraction },
            Self::Choice { members, many } => ColumnType::Choice { members, many },
            Self::Year => ColumnType::Year,
            Self::Guid => ColumnType::Guid,
            Self::Json => ColumnType::Json,
            Self::Other => ColumnType::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn kinds() -> impl Strategy<Value = ColumnType> {
        let fraction = 0..10_u32;
        let length = prop_oneof![
            Just(TextLength::Unlimited),
            any::<u64>().prop_map(TextLength::Chars),
            any::<u64>().prop_map(TextLength::Bytes),
            any::<u64>().prop_map(TextLength::Units),
        ];
        let charset = prop_oneof![
            Just(Charset::Any),
            Just(Charset::Utf8mb3),
            Just(Charset::Latin1),
            Just(Charset::Ascii),
            any::<u16>().prop_map(Charset::CodePage),
            any::<u8>().prop_map(Charset::Iso8859)
        ];
        prop_oneof![
            (any::<i128>(), any::<i128>()).prop_map(|(min, max)| ColumnType::Int { min, max }),
            (any::<u32>(), any::<u32>(), any::<bool>()).prop_map(|(precision, scale, unsigned)| {
                ColumnType::Decimal { precision, scale, unsigned }
            }),
            any::<bool>().prop_map(|single| ColumnType::Float { single }),
            (length, charset).prop_map(|(length, charset)| ColumnType::Text { length, charset }),
            any::<Option<u64>>().prop_map(|max| ColumnType::Bytes { max }),
            fraction.clone().prop_map(|fraction| ColumnType::Time { fraction }),
            (
                fraction.clone(),
                prop_oneof![Just(Calendar::Full), Just(Calendar::From1753), Just(Calendar::Small)]
            )
                .prop_map(|(fraction, calendar)| ColumnType::DateTime { fraction, calendar }),
            fraction.prop_map(|fraction| ColumnType::Timestamp { fraction }),
            (vec(".*", 0..4), any::<bool>()).prop_map(|(members, many)| ColumnType::Choice { members, many }),
            Just(ColumnType::Date),
            Just(ColumnType::Year),
            Just(ColumnType::Guid),
            any::<bool>().prop_map(|small| ColumnType::Money { small }),
            Just(ColumnType::Json),
            Just(ColumnType::Other),
        ]
    }

    fn columns() -> impl Strategy<Value = ModelColumn> {
        let filled = prop_oneof![
            Just(Filled::ByNobody),
            Just(Filled::ByDefault),
            Just(Filled::ByCounter),
            Just(Filled::ByIdentity),
            Just(Filled::ByExpression)
        ];
        (".*", kinds(), ".*", any::<bool>(), filled, any::<[bool; 2]>()).prop_map(
            |(name, kind, declared, nullable, filled, [folds, indexed])| ModelColumn {
                name: ColumnName(name),
                kind,
                declared,
                storage: Storage::Any,
                nullable,
                filled,
                folds,
                indexed,
            },
        )
    }

    fn tables() -> impl Strategy<Value = ModelTable> {
        let index = (".*", vec(".*", 0..3), any::<bool>(), any::<bool>()).prop_map(
            |(name, columns, primary, safe)| ModelIndex {
                name,
                columns: columns.into_iter().map(ColumnName).collect(),
                primary,
                safe,
            },
        );
        let names = (any::<Option<String>>(), ".*", vec(".*", 0..3));
        (names, vec(columns(), 0..6), vec(index, 0..3), any::<[bool; 8]>()).prop_map(
            |((schema, name, references), columns, unique, flags)| ModelTable {
                schema,
                name,
                view: flags[0],
                columns,
                unique,
                references,
                insert_triggers: flags[1],
                transactional: flags[2],
                ignore_case: flags[3],
                empty_is_null: flags[7],
                updatable: flags[4],
                engine: "InnoDB".to_owned(),
                triggers: vec![ModelTrigger {
                    name: "t".to_owned(),
                    event: "INSERT".to_owned(),
                    timing: "BEFORE".to_owned(),
                }],
                triggers_hidden: flags[5],
                columns_hidden: flags[6],
                may: Privileges::default(),
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            tables in proptest::collection::btree_map(".*", tables(), 0..3),
            missing in proptest::collection::btree_map(".*", vec(".*", 0..3), 0..3),
        ) {
            let schema = Schema {
                tables: tables.into_iter().map(|(n, t)| (TableName(n), Arc::new(t))).collect(),
                missing: missing.into_iter().map(|(n, near)| (TableName(n), near)).collect(),
            };
            let text = to_json(&schema);
            prop_assert!(is_description(&text));
            prop_assert_eq!(from_json(&text), Ok(schema));
        }
    }

    #[test]
    fn what_is_not_such_a_file_is_refused_with_its_place() {
        let check = |text: &str, expected: &str| {
            let error = from_json(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        let empty = to_json(&Schema::default());
        assert_eq!(from_json(&format!("\u{feff}{empty}")), Ok(Schema::default()));
        check("", "line 1, column 1: EOF");
        check("{\n  \"kind\": 5\n}", "line 2, column 11: invalid type");
        check("{}", "no description of tables");
        check("{\"database\": {}, \"mapping\": {}}", "check --save-schema FILE");
        check(
            &empty.replace("\"version\": 1", "\"version\": 2"),
            "has version 2, and this program reads version 1",
        );
        check(&empty.replace("\"missing\"", "\"mising\""), "line 5, column 10: unknown field `mising`");
        assert!(is_description(&empty.replace("\"version\": 1", "\"version\": 9")));
        assert!(!is_description("{\"kind\": \"other\"}") && !is_description("x"));
    }
}
