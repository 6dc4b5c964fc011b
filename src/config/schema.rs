//! The JSON Schema of `his-config.json`, made from `file`'s structs: what editors, `generate schema` and `shape` use.
//! It says what the file may look like, never what makes sense together.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::config::file::File;

/// The JSON Schema (2020-12) of `his-config.json`, with titles and descriptions.
#[must_use]
pub fn schema() -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value();
    tidy(&mut schema);
    if let Value::Object(root) = &mut schema {
        root.insert("title".to_owned(), json!("his-config.json of buktor-middleware"));
    }
    schema
}

/// Takes out what comes from Rust and means nothing to the file's writer: `null` for each key that may be left out,
/// integer widths, the comments' line breaks.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if matches!(object.get("format"), Some(Value::String(format)) if format.starts_with("uint")) {
                object.remove("format");
            }
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                properties.values_mut().filter_map(Value::as_object_mut).for_each(without_null);
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn without_null(property: &mut Map<String, Value>) {
    if property.get("default") == Some(&Value::Null) {
        property.remove("default");
    }
    if property.remove("x-null").is_some() {
        return;
    }
    if let Some(Value::Array(types)) = property.get_mut("type")
        && let [only, Value::String(null)] = types.as_slice()
        && null == "null"
    {
        let only = only.clone();
        property.insert("type".to_owned(), only);
    }
    if let Some(Value::Array(branches)) = property.get_mut("anyOf") {
        branches.retain(|b| *b != json!({ "type": "null" }));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            property.remove("anyOf");
            for (key, value) in only {
                property.entry(key).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{EXAMPLE, good};
    use std::collections::BTreeSet;

    const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/his-config.schema.json");

    /// What the example leaves out, so that it can still be read, or because it must be made first: docs/mapping.md and
    /// README.md show these.
    const RARE: [&str; 15] = [
        "Auth.require",
        "NamedSecret.",
        "Queue.key",
        "ServerTls.",
        "Mapping.marker",
        "Mapping.missing_row",
        "Mapping.repeatable",
        "Mapping.sql",
        "Operation.concat",
        "Operation.marker",
        "Operation.missing_row",
        "Operation.steps",
        "Concat.",
        "MarkerTable.",
        "SecretFrom.",
    ];

    /// What the example's database, which is MySQL, has no use for: docs/databases.md shows these.
    const OF_OTHER_TYPES: [&str; 7] = [
        "Database.client_dir",
        "Database.connect_string",
        "Database.instance",
        "Database.path",
        "Database.schema",
        "Database.sid",
        "Database.windows_login",
    ];

    #[test]
    fn the_example_loads_and_holds_every_key() {
        let text = std::fs::read_to_string(EXAMPLE).unwrap();
        good(&text);
        let mut seen = BTreeSet::new();
        let schema = schema();
        collect(&schema, &schema, "File", &serde_json::from_str(&text).unwrap(), &mut seen);
        let left_out =
            |key: &str| OF_OTHER_TYPES.contains(&key) || RARE.iter().any(|rare| key.starts_with(rare));
        let objects = schema["$defs"].as_object().unwrap().iter().map(|(name, of)| (name.as_str(), of));
        for (name, object) in objects.chain([("File", &schema)]) {
            for key in
                object["properties"].as_object().into_iter().flatten().map(|(key, _)| format!("{name}.{key}"))
            {
                assert_ne!(seen.contains(&key), left_out(&key), "{key} in the example");
            }
        }
    }

    /// The keys of `value` by the names of the schema's objects.
    fn collect(root: &Value, schema: &Value, name: &str, value: &Value, seen: &mut BTreeSet<String>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/")) {
            return collect(root, &root["$defs"][name], name, value, seen);
        }
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            collect(root, branch, name, value, seen);
        }
        for item in value.as_array().into_iter().flatten() {
            collect(root, &schema["items"], name, item, seen);
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            if schema["properties"][key].is_object() {
                seen.insert(format!("{name}.{key}"));
                collect(root, &schema["properties"][key], name, value, seen);
            } else {
                collect(root, &schema["additionalProperties"], name, value, seen);
            }
        }
    }

    #[test]
    fn the_committed_schema_is_the_codes() {
        let generated = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        let committed = std::fs::read_to_string(SCHEMA).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            committed == generated,
            "docs/his-config.schema.json is not what the code says; run `cargo run -- generate schema > docs/his-config.schema.json`"
        );
    }

    #[test]
    fn every_number_has_a_range_and_every_key_a_description() {
        let schema = schema();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        for (name, object) in
            schema["$defs"].as_object().unwrap().iter().chain([(&"File".to_owned(), &schema)])
        {
            assert!(object["description"].is_string(), "{name}");
            for (key, property) in object["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{name}.{key}");
                if property["type"] == "integer" {
                    assert!(property["minimum"].is_u64() && property["maximum"].is_u64(), "{name}.{key}");
                }
            }
        }
    }
}
