//! The keys of the configuration that take several shapes: one or a list, a name or an object that says more, a text or
//! where it is kept. They are decoded by hand, so that a wrong one is told at its own place. Nothing is checked here.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::{
    file_auth::{CredentialText, NamedSecret, SecretFrom, SecretText},
    file_mapping::{Concat, Detailed, MarkerTable},
};

/// Where a field goes: a column's name, or an object that says more.
#[derive(Debug)]
pub(crate) enum Target {
    /// The column.
    Column(String),
    /// The column and how it is written.
    Detailed(Box<Detailed>),
}

/// A text made of several fields, alone or in an object that says more.
#[derive(Debug)]
pub(crate) enum Joined {
    /// The text.
    Text(String),
    /// The text and how it is written.
    Detailed(Concat),
}

/// Where it shows that something was done before.
#[derive(Debug)]
pub(crate) enum MarkerAt {
    /// A column of the table that is written.
    Column(String),
    /// A table of its own.
    Table(MarkerTable),
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

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self::Text(text)),
            detailed => decode(detailed).map(Self::Detailed),
        }
    }
}

impl<'de> Deserialize<'de> for MarkerAt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(column) => Ok(Self::Column(column)),
            table => decode(table).map(Self::Table),
        }
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self::Plain(Zeroizing::new(text))),
            from @ Value::Object(_) => decode(from).map(Self::From),
            _ => Err(D::Error::custom("a secret was expected")),
        }
    }
}

impl<'de> Deserialize<'de> for CredentialText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Object(named) if ["name", "secret"].iter().any(|key| named.contains_key(*key)) => {
                decode(Value::Object(named)).map(Self::Named)
            }
            unnamed => decode(unnamed).map(Self::Unnamed),
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

impl JsonSchema for Joined {
    fn schema_name() -> Cow<'static, str> {
        "Joined".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let detailed = generator.subschema_for::<Concat>();
        json_schema!({
            "description": "A text made of several fields, alone or in an object that says more.",
            "anyOf": [{ "type": "string" }, detailed],
        })
    }
}

impl JsonSchema for MarkerAt {
    fn schema_name() -> Cow<'static, str> {
        "Marker".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<MarkerTable>();
        json_schema!({
            "description": "A column of the table that is written, or a table of its own.",
            "anyOf": [{ "type": "string" }, table],
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

impl JsonSchema for CredentialText {
    fn schema_name() -> Cow<'static, str> {
        "Credential".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let from = generator.subschema_for::<SecretFrom>();
        let named = generator.subschema_for::<NamedSecret>();
        json_schema!({
            "description": "A token or signing secret: the text itself, where it is kept, or one of these with a name.",
            "anyOf": [{ "type": "string" }, from, named],
        })
    }
}
