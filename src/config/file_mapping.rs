//! `mapping` as it is written: plain structs, one for each object. The keys that take several shapes are in
//! `file_shapes`. Nothing is checked here.

#![expect(clippy::doc_markdown, reason = "these comments are shown by editors as plain text")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::file_shapes::{Joined, MarkerAt, OneOrMany, Scalar, Target, present};

/// What is written to the HIS for events of one type: a row of a table, or a statement; with "steps", several of them.
/// Each of the steps has these keys, too.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// The HIS table, as table or schema.table.
    #[schemars(extend("examples" = ["HIS_appointments"]))]
    pub(crate) table: Option<String>,
    /// Which column each field of the event is written to. A key is a field's name, or a path with dots and indexes
    /// ("patient_info.patient_id", "slots.0.start"). Built-in: received_at, updated_at, event_id, event_type,
    /// operation, timestamp, source, used where the event has no field of that name; with a $ before it
    /// ("$received_at") always. In a later step "$NAME.generated_key" is the number that the row of the step NAME
    /// got, and "$NAME.COLUMN" what that step writes into the column.
    #[schemars(extend("examples" = [{"appointment_id": "HIS_appointment_id", "status": "HIS_status"}]))]
    pub(crate) fields: Option<BTreeMap<String, OneOrMany<Target>>>,
    /// Columns with a text made of several fields of the event. {first_name} is replaced by the field,
    /// {start_time:%d/%m/%Y} by the field in that form.
    #[schemars(extend("examples" = [{"PATIENT_NAME": "{first_name} {last_name}"}]))]
    pub(crate) concat: Option<BTreeMap<String, Joined>>,
    /// Columns with fixed values.
    #[schemars(extend("examples" = [{"SOURCE": "BUKTOR"}]))]
    pub(crate) constants: Option<BTreeMap<String, Scalar>>,
    /// The field, or a list of fields, that identifies the row; each must be among "fields", unless there is a
    /// "generated_key". Default: the field "<event type>_id" where it is mapped, else the table's primary key where all
    /// of it is mapped; with "generated_key", the field "<event type>_id".
    #[schemars(extend("examples" = ["appointment_id"]))]
    pub(crate) key: Option<OneOrMany<String>>,
    /// What is done with the row.
    #[schemars(extend("default" = "upsert"))]
    pub(crate) action: Option<Action>,
    /// Conditions: this is written only if each of these fields has the value, or one of the list of values.
    #[schemars(extend("examples" = [{"status": ["confirmed", "cancelled"]}]))]
    pub(crate) when: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// The column that numbers the table's rows by itself (AUTO_INCREMENT, IDENTITY, a sequence), where the table has
    /// no column for Buktor's id. Which number belongs to which id is remembered in the queue file.
    #[schemars(extend("examples" = ["APPT_NO"]))]
    pub(crate) generated_key: Option<String>,
    /// With "generated_key": what happens where somebody has deleted the row in the HIS. Default: "park".
    #[schemars(extend("default" = "park"))]
    pub(crate) missing_row: Option<MissingRow>,
    /// Where to see, after a crash, that a row was inserted or a statement was run before: a text column of the table
    /// (40 characters or more) that nothing else uses, or a table that is there for this alone.
    #[schemars(extend("examples" = ["BUKTOR_REF"]))]
    pub(crate) marker: Option<MarkerAt>,
    /// Instead of "table": one statement. :name stands for the field of that name, or for what "fields", "concat" or
    /// "constants" write into the "column" of that name.
    #[schemars(extend("examples" = ["CALL book_appointment(:appointment_id, :start_time)",
        "EXEC book_appointment @id = :appointment_id, @start = :start_time"]))]
    pub(crate) sql: Option<String>,
    /// With "sql". true: running the statement twice for the same event does no harm.
    #[schemars(extend("default" = false))]
    pub(crate) repeatable: Option<bool>,
    /// What differs for an operation ("created", "cancelled", "deleted"): the event's "operation", else the part of
    /// its type after the dot. "fields", "concat" and "constants" are added to those above, the other keys replace
    /// them. A deletion that is not provided for here is kept, and an operator decides.
    #[schemars(extend("examples" = [{"deleted": {"action": "delete"}}]))]
    pub(crate) on: Option<BTreeMap<String, Operation>>,
    /// What this step is called by later steps ("$NAME.generated_key"). Mappings that give the same name and table
    /// share the rows that "generated_key" remembers. Default: the event type before the dot.
    #[schemars(extend("examples" = ["patient"]))]
    pub(crate) name: Option<String>,
    /// Several rows or statements for one event, written in this order, all or none. Each is as a mapping. Only "on"
    /// may stand beside it.
    pub(crate) steps: Option<Vec<Mapping>>,
    /// true: events of this type are accepted and dropped. No other key may stand beside it.
    #[schemars(extend("default" = false))]
    pub(crate) ignore: Option<bool>,
}

/// What differs for one operation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    /// Fields besides those of the mapping; a field of the same name, or for the same column, replaces the
    /// mapping's.
    pub(crate) fields: Option<BTreeMap<String, OneOrMany<Target>>>,
    /// Texts besides those of the mapping; one for the same column replaces the mapping's.
    pub(crate) concat: Option<BTreeMap<String, Joined>>,
    /// Fixed values besides those of the mapping; one for the same column replaces the mapping's, also its field.
    #[schemars(extend("examples" = [{"HIS_status": "X"}]))]
    pub(crate) constants: Option<BTreeMap<String, Scalar>>,
    /// The field, or a list of fields, that identifies the row, in place of the mapping's.
    pub(crate) key: Option<OneOrMany<String>>,
    /// What is done with the row. For "deleted" it is "update" unless "delete" is written here.
    pub(crate) action: Option<Action>,
    /// Conditions in place of the mapping's.
    pub(crate) when: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// What happens where the row was deleted in the HIS, in place of what the mapping says.
    pub(crate) missing_row: Option<MissingRow>,
    /// The marker in place of the mapping's.
    pub(crate) marker: Option<MarkerAt>,
    /// Other steps in place of all that the mapping does. No other key may stand beside it; not inside a step.
    pub(crate) steps: Option<Vec<Mapping>>,
    /// true: events of this operation are accepted and dropped; inside a step, the step is left out for them. No other
    /// key may stand beside it.
    #[schemars(extend("default" = false))]
    pub(crate) ignore: Option<bool>,
}

/// What is done with the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Update the row of that key; insert it where there is none.
    Upsert,
    /// Insert a row.
    Insert,
    /// Update the row of that key; without one, the event is kept and an operator decides.
    Update,
    /// Delete the row of that key.
    Delete,
}

/// What happens where the row was deleted in the HIS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MissingRow {
    /// The event is kept, and an operator decides.
    Park,
    /// The row is inserted again.
    Insert,
}

/// A column and how it is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Column", extend("required" = ["column"]))]
pub(crate) struct Detailed {
    /// The column's name; beside "sql", the parameter's.
    #[schemars(extend("examples" = ["HIS_status"]))]
    pub(crate) column: Option<String>,
    /// What the HIS calls each value: {"confirmed": "C", "cancelled": "X"}. "*" stands for all other values;
    /// without it an event with another value is kept, and an operator decides.
    #[schemars(extend("examples" = [{"confirmed": "C", "cancelled": "X", "*": "?"}]))]
    pub(crate) values: Option<BTreeMap<String, Scalar>>,
    /// The HIS's own id of a doctor, a place and the like: the event's value is looked for in another table, and a
    /// column of the row found there is written instead.
    #[schemars(extend("examples" = [{"table": "DOCTORS", "match": "BUKTOR_CODE", "take": "DOC_ID"}]))]
    pub(crate) lookup: Option<Lookup>,
    /// For text columns. A date or time in a form of your own: "%d/%m/%Y %H:%M". A number in a form of your own: "00000"
    /// (five digits, zeros in front), "0.00" (two decimals), "#,##0.00" (thousands). Nothing is rounded.
    #[schemars(extend("examples" = ["%d/%m/%Y %H:%M"]))]
    pub(crate) format: Option<String>,
    /// A field, or a list of fields, used where the event does not have this one; before "default".
    #[schemars(extend("examples" = [["mobile", "phone"]]))]
    pub(crate) default_from: Option<OneOrMany<String>>,
    /// What is written where the event does not have the field.
    #[serde(default, deserialize_with = "present")]
    pub(crate) default: Option<Scalar>,
    /// When the column is written. Default: "always", for received_at "insert_only".
    #[schemars(extend("default" = "always"))]
    pub(crate) write: Option<Write>,
    /// Time zone of this column's times, by its IANA name, where it is not the database's.
    #[schemars(extend("examples" = ["UTC"]))]
    pub(crate) timezone: Option<String>,
    /// true: a text that is too long for the column is cut, instead of holding the event back.
    #[schemars(extend("default" = false))]
    pub(crate) truncate: Option<bool>,
}

/// A text made of several fields, and how it is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["text"]))]
pub(crate) struct Concat {
    /// The text. {first_name} is replaced by the field, {start_time:%d/%m/%Y} by the field in that form; {{ and }} are
    /// braces.
    #[schemars(extend("examples" = ["{first_name} {last_name}"]))]
    pub(crate) text: Option<String>,
    /// When the column is written.
    #[schemars(extend("default" = "always"))]
    pub(crate) write: Option<Write>,
    /// Time zone of the times in this text, by its IANA name, where it is not the database's.
    #[schemars(extend("examples" = ["UTC"]))]
    pub(crate) timezone: Option<String>,
    /// true: a text that is too long for the column is cut, instead of holding the event back.
    #[schemars(extend("default" = false))]
    pub(crate) truncate: Option<bool>,
}

/// A table of the HIS in which a value is looked up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["table", "match", "take"]))]
pub(crate) struct Lookup {
    /// The table, as table or schema.table.
    #[schemars(extend("examples" = ["DOCTORS"]))]
    pub(crate) table: Option<String>,
    /// The column that holds the event's value.
    #[serde(rename = "match")]
    #[schemars(extend("examples" = ["BUKTOR_CODE"]))]
    pub(crate) matches: Option<String>,
    /// The column whose value is written.
    #[schemars(extend("examples" = ["DOC_ID"]))]
    pub(crate) take: Option<String>,
    /// What happens where no row has the value. "park": the event waits until the row is there. null: NULL is written.
    /// Anything else is written as it stands.
    #[serde(default, deserialize_with = "present")]
    #[schemars(extend("default" = "park"))]
    pub(crate) missing: Option<Scalar>,
    /// Values that the row must have in other columns besides.
    #[serde(rename = "where")]
    #[schemars(extend("examples" = [{"ACTIVE": 1}]))]
    pub(crate) only: Option<BTreeMap<String, Scalar>>,
}

/// A table that is there only to see that something was done before.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["table", "column"]))]
pub(crate) struct MarkerTable {
    /// The table, as table or schema.table.
    #[schemars(extend("examples" = ["BUKTOR_DONE"]))]
    pub(crate) table: Option<String>,
    /// Its column: a text of 40 characters or more, unique.
    #[schemars(extend("examples" = ["REF"]))]
    pub(crate) column: Option<String>,
}

/// When a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Write {
    /// Whenever the event has the field.
    Always,
    /// Only when the row is inserted.
    InsertOnly,
    /// Only where the column is NULL.
    IfNull,
}
