//! From `fields` and `constants` as written to the model's fields, in the order of the file.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    config::{
        file_mapping::{Detailed, OneOrMany, Scalar, Target, Write},
        keypath::{KeyPath, printable},
        problem::nearest,
        resolve::Resolver,
        resolve_mapping::is_no_name,
    },
    model::{
        mapping::{Builtin, Codes, Constant, Field, Origin, Source, WriteRule},
        table::ColumnName,
        value::Literal,
    },
};

impl<T> OneOrMany<T> {
    /// Its items, each with its path.
    pub(crate) fn at(self, at: &KeyPath) -> Vec<(KeyPath, T)> {
        match self {
            Self::One(one) => vec![(at.clone(), one)],
            Self::Many(many) => many.into_iter().enumerate().map(|(i, item)| (at.item(i), item)).collect(),
        }
    }
}

impl Scalar {
    /// The scalar as the model has it.
    pub(crate) fn literal(self) -> Literal {
        match self.0 {
            Value::Bool(b) => Literal::Bool(b),
            Value::Number(n) => Literal::Number(n.to_string()),
            Value::String(text) => Literal::Text(text),
            // `shape` lets no list and no object come here.
            Value::Null | Value::Array(_) | Value::Object(_) => Literal::Null,
        }
    }
}

impl Resolver<'_> {
    /// An object's entries with their paths, in the order of the file.
    pub(crate) fn in_file_order<T>(
        &self,
        at: &KeyPath,
        map: BTreeMap<String, T>,
    ) -> Vec<(KeyPath, String, T)> {
        let mut all: Vec<_> = map.into_iter().map(|(name, value)| (at.key(&name), name, value)).collect();
        all.sort_by_key(|(at, _, _)| self.places.of(at));
        all
    }

    /// Resolves `fields`; what has a problem is left out.
    pub(crate) fn fields(
        &mut self,
        at: &KeyPath,
        written: BTreeMap<String, OneOrMany<Target>>,
    ) -> Vec<Field> {
        let mut fields = Vec::new();
        for (at, name, targets) in self.in_file_order(at, written) {
            let Some(source) = self.source(&at, &name) else { continue };
            let targets = targets.at(&at);
            if targets.is_empty() {
                self.wrong(&at, "lists no column; write one, or remove the field");
            }
            for (at, target) in targets {
                fields.extend(self.field(&at, &source, target));
            }
        }
        fields
    }

    /// Resolves `constants`.
    pub(crate) fn constants(&mut self, at: &KeyPath, written: BTreeMap<String, Scalar>) -> Vec<Constant> {
        let mut constants = Vec::new();
        for (at, name, value) in self.in_file_order(at, written) {
            if let Some(column) = self.column(&at, &name) {
                constants.push(Constant { column, value: value.literal(), at: at.canonical() });
            }
        }
        constants
    }

    /// A source as it is written, or what is wrong with it.
    pub(crate) fn source(&mut self, at: &KeyPath, written: &str) -> Option<Source> {
        let shown = printable(written);
        let padded = written.trim() != written || written.contains(char::is_control);
        if let (Some(source), false) = (Source::parse(written), padded) {
            return Some(source);
        }
        let message = match written.strip_prefix('$') {
            Some(name) if name.ends_with(".generated_key") => {
                "not supported yet; remove it: this version knows no generated keys".to_owned()
            }
            Some(name) => {
                let names = Builtin::ALL.map(|(name, _)| name);
                match nearest(name, names) {
                    Some(meant) => format!("\"{shown}\" is not built in; did you mean \"${meant}\"?"),
                    None => format!(
                        "\"{shown}\" is not built in; with a $ there are {}; a field of the event is written without",
                        names.map(|name| format!("${name}")).join(", ")
                    ),
                }
            }
            None if written.trim().is_empty() => {
                "a field's name is empty; write the event's name of it".to_owned()
            }
            None if padded => format!(
                "\"{shown}\" has spaces or a line break around or in it; write the field's name alone"
            ),
            None => {
                format!("\"{shown}\" has an empty part beside a dot; write e.g. \"patient_info.patient_id\"")
            }
        };
        self.wrong(at, message);
        None
    }

    fn column(&mut self, at: &KeyPath, written: &str) -> Option<ColumnName> {
        if is_no_name(written) {
            let shown = printable(written);
            self.wrong(
                at,
                format!("\"{shown}\" is no column's name; write it without quotes and spaces around it"),
            );
            return None;
        }
        Some(ColumnName(written.to_owned()))
    }

    fn field(&mut self, at: &KeyPath, source: &Source, target: Target) -> Option<Field> {
        let (column_at, detailed) = match target {
            Target::Column(column) => {
                (at.clone(), Box::new(Detailed { column: Some(column), ..Detailed::default() }))
            }
            Target::Detailed(detailed) => (at.key("column"), detailed),
        };
        let Detailed { column, values, default, write, timezone, truncate } = *detailed;
        let truncate = truncate.unwrap_or(false);
        let has_values = values.is_some();
        let values = values.and_then(|written| self.codes(&at.key("values"), written));
        if has_values && truncate {
            self.wrong(&at.key("truncate"), "has no use beside \"values\", whose texts are fixed; remove it");
        }
        if has_values && timezone.is_some() {
            self.wrong(&at.key("timezone"), "has no use beside \"values\", which are no times; remove it");
        }
        let timezone = timezone.and_then(|zone| self.timezone(&at.key("timezone"), &zone));
        let column = self.column(&column_at, column.as_deref()?)?;
        let by_source = if source.builtin == Some(Builtin::ReceivedAt) {
            WriteRule::InsertOnly
        } else {
            WriteRule::Always
        };
        Some(Field {
            from: Origin::Event(source.clone()),
            or_from: Vec::new(),
            lookup: None,
            column,
            values,
            format: None,
            default: default.map(Scalar::literal),
            write: write.map_or(by_source, |write| match write {
                Write::Always => WriteRule::Always,
                Write::InsertOnly => WriteRule::InsertOnly,
                Write::IfNull => WriteRule::IfNull,
            }),
            timezone,
            truncate,
            at: at.canonical(),
        })
    }

    fn codes(&mut self, at: &KeyPath, written: BTreeMap<String, Scalar>) -> Option<Codes> {
        if written.is_empty() {
            self.missing(
                at,
                "has no codes, so that every value would hold its event back; add some, or remove it",
            );
            return None;
        }
        let mut by_value: BTreeMap<String, Literal> =
            written.into_iter().map(|(value, code)| (value, code.literal())).collect();
        let rest = by_value.remove("*");
        Some(Codes { by_value, rest })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{appointment, check, mapping};

    #[test]
    fn mistakes_in_a_mapping() {
        check(&mapping(""), &[("mapping", "maps no event type")]);
        check(&mapping(r#""appointment": "A""#), &[("mapping.appointment", "must be an object")]);
        check(
            &mapping(r#""appointment": {}"#),
            &[("mapping.appointment.table", "is missing"), ("mapping.appointment.fields", "maps no field")],
        );
        check(
            &mapping(r#""a": {"tabel": "A", "feilds": {"a_id": "ID"}}"#),
            &[
                ("mapping.a.tabel", "did you mean \"table\"?"),
                ("mapping.a.feilds", "did you mean \"fields\"?"),
            ],
        );
        check(
            &mapping(r#""a": {"table": "A", "columns": {}}"#),
            &[("mapping.a.columns", "did you mean \"fields\"?")],
        );
        check(
            &mapping(r#""a": {"table": "A", "fields": {"x": "X"}, "amount": "AMOUNT"}"#),
            &[("mapping.a.amount", "inside \"fields\"")],
        );
        for key in ["generated_key", "steps", "sql", "name", "repeatable", "lookup", "format"] {
            check(
                &appointment(&format!(r#""fields": {{"x": "X"}}, "{key}": 1"#)),
                &[(&format!("mapping.appointment.{key}"), "not supported yet")],
            );
        }
        check(
            &appointment(r#""fields": {"x": {"column": "X", "lookup": {}, "format": "%d"}}"#),
            &[
                ("mapping.appointment.fields.x.lookup", "not supported yet"),
                ("mapping.appointment.fields.x.format", "not supported yet"),
            ],
        );
        check(
            &appointment(r#""fields": {"x": "X", "$patient.generated_key": "P"}"#),
            &[("mapping.appointment.fields.$patient.generated_key", "not supported yet")],
        );
        check(&appointment(r#""fields": {}"#), &[("mapping.appointment.fields", "maps no field")]);
    }

    #[test]
    fn mistakes_in_targets() {
        check(
            &appointment(r#""fields": {"x": 5}"#),
            &[("mapping.appointment.fields.x", "not a number; put it in double quotes")],
        );
        check(
            &appointment(r#""fields": {"x": []}"#),
            &[
                ("mapping.appointment.fields.x", "lists no column"),
                ("mapping.appointment.fields", "maps no field"),
            ],
        );
        check(
            &appointment(r#""fields": {"x": ["X", []]}"#),
            &[("mapping.appointment.fields.x.1", "text in double quotes or an object in { }, not a list")],
        );
        check(
            &appointment(r#""fields": {"x": {}}"#),
            &[("mapping.appointment.fields.x.column", "is missing")],
        );
        check(
            &appointment(r#""fields": {"x": {"colum": "X"}}"#),
            &[("mapping.appointment.fields.x.colum", "did you mean \"column\"?")],
        );
        check(
            &appointment(r#""fields": {"x": ""}"#),
            &[
                ("mapping.appointment.fields.x", "no column's name"),
                ("mapping.appointment.fields", "maps no field"),
            ],
        );
        check(
            &appointment(r#""fields": {"y": "Y", "x": "`X`"}"#),
            &[("mapping.appointment.fields.x", "without quotes")],
        );
        check(
            &appointment(r#""fields": {"y": "Y", "a..b": "X", " z": "Z", "": "E"}"#),
            &[
                ("mapping.appointment.fields.a..b", "an empty part"),
                ("mapping.appointment.fields. z", "has spaces"),
                ("mapping.appointment.fields.", "name is empty"),
            ],
        );
        check(
            &appointment(r#""fields": {"y": "Y", "$recieved_at": "X", "$foo": "F"}"#),
            &[
                ("mapping.appointment.fields.$recieved_at", "did you mean \"$received_at\"?"),
                ("mapping.appointment.fields.$foo", "with a $ there are $received_at, $updated_at"),
            ],
        );
        check(
            &appointment(r#""fields": {"x": "X", "y": "x"}, "constants": {"X": 1}"#),
            &[
                (
                    "mapping.appointment.fields.y",
                    "writes the column x, which mapping.appointment.fields.x writes too",
                ),
                ("mapping.appointment.constants.X", "which mapping.appointment.fields.y writes too"),
            ],
        );
        check(
            &appointment(r#""fields": {"x": "X"}, "constants": {"C": []}"#),
            &[("mapping.appointment.constants.C", "not a list")],
        );
    }

    #[test]
    fn mistakes_in_what_a_target_says_and_in_tables() {
        let field = |inner: &str, at: &str, part: &str| {
            check(
                &appointment(&format!(r#""fields": {{"x": {{"column": "X", {inner}}}}}"#)),
                &[(&format!("mapping.appointment.fields.x.{at}"), part)],
            );
        };
        field(r#""values": {}"#, "values", "has no codes");
        field(r#""values": {"a": {}}"#, "values.a", "not an object");
        field(r#""values": {"a": 1}, "truncate": true"#, "truncate", "beside \"values\"");
        field(r#""values": {"a": 1}, "timezone": "UTC""#, "timezone", "beside \"values\"");
        field(r#""timezone": "Kolkata""#, "timezone", "did you mean \"Asia/Kolkata\"?");
        field(r#""write": "once""#, "write", "\"always\", \"insert_only\" or \"if_null\"");
        field(r#""truncate": 1"#, "truncate", "true or false");
        field(r#""default": []"#, "default", "not a list");
        let table = |table: &str, part: &str| {
            check(
                &mapping(&format!(r#""a": {{"table": "{table}", "fields": {{"x": "X"}}}}"#)),
                &[("mapping.a.table", part)],
            );
        };
        table("", "no table's name");
        table("a.b.c", "table or schema.table");
        table("his.", "table or schema.table");
        table("`A`", "without quotes");
    }
}
