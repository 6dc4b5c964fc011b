//! `mapping` as it is written, and the few keys that take several shapes. Nothing is checked here.

#![expect(clippy::doc_markdown, reason = "these comments are shown by editors as plain text")]

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;

use crate::config::file::{SecretFrom, SecretText};

/// What is written to the HIS for events of one type.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// The HIS table, as table or schema.table.
    #[schemars(extend("examples" = ["HIS_appointments"]))]
    pub(crate) table: Option<String>,
    /// Which column each field of the event is written to. A key is a field's name, or a path with dots and indexes
    /// ("patient_info.patient_id", "slots.0.start"). Built-in: received_at, updated_at, event_id, event_type,
    /// operation, timestamp, source, used where the event has no field of that name; with a $ before it
    /// ("$received_at") always.
    #[schemars(extend("examples" = [{"appointment_id": "HIS_appointment_id", "status": "HIS_status"}]))]
    pub(crate) fields: Option<BTreeMap<String, OneOrMany<Target>>>,
    /// Columns with fixed values.
    #[schemars(extend("examples" = [{"SOURCE": "BUKTOR"}]))]
    pub(crate) constants: Option<BTreeMap<String, Scalar>>,
    /// The field, or a list of fields, that identifies the row; each must be among "fields". Default: the field
    /// "<event type>_id" where it is mapped, else the table's primary key where all of it is mapped.
    #[schemars(extend("examples" = ["appointment_id"]))]
    pub(crate) key: Option<OneOrMany<String>>,
    /// What is done with the row.
    #[schemars(extend("default" = "upsert"))]
    pub(crate) action: Option<Action>,
    /// Conditions: the event is written only if each of these fields has the value, or one of the list of values.
    #[schemars(extend("examples" = [{"status": ["confirmed", "cancelled"]}]))]
    pub(crate) when: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// What differs for an operation ("created", "cancelled", "deleted"): the event's "operation", else the part of
    /// its type after the dot. "fields" and "constants" are added to those above, the other keys replace them. A
    /// deletion that is not provided for here is kept, and an operator decides.
    #[schemars(extend("examples" = [{"deleted": {"action": "delete"}}]))]
    pub(crate) on: Option<BTreeMap<String, Operation>>,
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
    /// Fixed values besides those of the mapping; one for the same column replaces the mapping's, also its field.
    #[schemars(extend("examples" = [{"HIS_status": "X"}]))]
    pub(crate) constants: Option<BTreeMap<String, Scalar>>,
    /// The field, or a list of fields, that identifies the row, in place of the mapping's.
    pub(crate) key: Option<OneOrMany<String>>,
    /// What is done with the row. For "deleted" it is "update" unless "delete" is written here.
    pub(crate) action: Option<Action>,
    /// Conditions in place of the mapping's.
    pub(crate) when: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// true: events of this operation are accepted and dropped. No other key may stand beside it.
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

/// Where a field goes: a column's name, or an object that says more.
#[derive(Debug)]
pub(crate) enum Target {
    /// The column.
    Column(String),
    /// The column and how it is written.
    Detailed(Box<Detailed>),
}

/// A column and how it is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Column", extend("required" = ["column"]))]
pub(crate) struct Detailed {
    /// The column's name.
    #[schemars(extend("examples" = ["HIS_status"]))]
    pub(crate) column: Option<String>,
    /// What the HIS calls each value: {"confirmed": "C", "cancelled": "X"}. "*" stands for all other values;
    /// without it an event with another value is kept, and an operator decides.
    #[schemars(extend("examples" = [{"confirmed": "C", "cancelled": "X", "*": "?"}]))]
    pub(crate) values: Option<BTreeMap<String, Scalar>>,
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

/// A text, a number, true, false or null.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scalar(pub(crate) Value);

/// One, or a list.
#[derive(Debug)]
pub(crate) enum OneOrMany<T> {
    /// Written alone.
    One(T),
    /// Written as a list.
    Many(Vec<T>),
}

/// Decodes a key that is there, so that its `null` differs from its absence.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn decode<T: DeserializeOwned, E: serde::de::Error>(value: Value) -> Result<T, E> {
    // serde's own message can repeat the value, which may be a secret.
    serde_json::from_value(value).map_err(|_| E::custom("a value of another shape was expected"))
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            many @ Value::Array(_) => decode(many).map(Self::Many),
            one => decode(one).map(Self::One),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(column) => Ok(Self::Column(column)),
            detailed => decode(detailed).map(Self::Detailed),
        }
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self::Plain(text)),
            from @ Value::Object(_) => decode(from).map(Self::From),
            _ => Err(D::Error::custom("a secret was expected")),
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("[secret]"),
            Self::From(from) => from.fmt(f),
        }
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean", "null"] })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl JsonSchema for Target {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let detailed = generator.subschema_for::<Detailed>();
        json_schema!({
            "description": "Where a field goes: a column's name, or an object that says more.",
            "anyOf": [{ "type": "string" }, detailed],
        })
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let from = generator.subschema_for::<SecretFrom>();
        json_schema!({
            "description": "A secret: the text itself, or where it is kept outside this file.",
            "anyOf": [{ "type": "string" }, from],
        })
    }
}
