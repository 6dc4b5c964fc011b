//! From `mapping` as written to [`Mappings`]: which keys belong together. It knows no live table; that is `plan`'s part.

use std::collections::BTreeMap;

use crate::{
    config::{
        file_mapping::{self as file, OneOrMany},
        keypath::{KeyPath, printable},
        resolve::Resolver,
    },
    limits::EVENT_KIND_BYTES_MAX,
    model::{
        event::EventKind,
        mapping::{
            Action, Condition, Constant, DELETIONS, Field, Mapping, Mappings, Rule, Source, Step, What, Write,
        },
        table::{ColumnName, TableName},
    },
};

/// A rule's parts, of a mapping or of what differs for an operation.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) at: KeyPath,
    pub(crate) ignore: bool,
    /// A key besides `ignore` is written.
    pub(crate) others: bool,
    /// Nothing is written, or nothing but empty objects.
    pub(crate) silent: bool,
    pub(crate) action: Option<Action>,
    pub(crate) key: Option<Vec<(KeyPath, Source)>>,
    pub(crate) when: Option<Vec<Condition>>,
    pub(crate) fields: Vec<Field>,
    pub(crate) constants: Vec<Constant>,
}

impl Resolver<'_> {
    /// Resolves `mapping`; nothing where it has a problem that leaves nothing to write.
    pub(crate) fn mappings(&mut self, written: BTreeMap<String, file::Mapping>) -> Option<Mappings> {
        let top = KeyPath::root().key("mapping");
        if written.is_empty() {
            self.missing(
                &top,
                "maps no event type, so that nothing would be written; add one, e.g. \"appointment\"",
            );
            return None;
        }
        let mut by_kind: BTreeMap<String, Mapping> = BTreeMap::new();
        let mut named: BTreeMap<String, KeyPath> = BTreeMap::new();
        for (name, mapping) in written {
            let at = top.key(&name);
            let Some(kind) = self.kind(&at, &name) else { continue };
            if let Some(first) = named.insert(kind.0.clone(), at.clone()) {
                let message = format!("is the same as {first}; keep one of them");
                self.wrong(&at, message);
            }
            if let Some(mapping) = self.mapping(&at, kind, mapping) {
                by_kind.insert(mapping.kind.0.clone(), mapping);
            }
        }
        Some(Mappings { by_kind })
    }

    /// The event type that a mapping's name means.
    fn kind(&mut self, at: &KeyPath, name: &str) -> Option<EventKind> {
        let kind = name.strip_suffix(".*").unwrap_or(name);
        let message = if kind.contains('*') {
            "a * stands only after a dot at the end, as in \"appointment.*\"; write the event type"
        } else if kind.split('.').any(str::is_empty)
            || kind.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            "is no event type; write e.g. \"appointment\" or \"appointment.created\", without spaces"
        } else if kind.len() > EVENT_KIND_BYTES_MAX {
            "is longer than any event type that is accepted (128 bytes); shorten it"
        } else {
            return Some(EventKind(kind.to_owned()));
        };
        self.wrong(at, message);
        None
    }

    fn mapping(&mut self, at: &KeyPath, kind: EventKind, written: file::Mapping) -> Option<Mapping> {
        let file::Mapping { table, fields, constants, key, action, when, on, ignore } = written;
        let lone = table.is_none() && on.is_none();
        let base = self.parts(at, file::Operation { fields, constants, key, action, when, ignore });
        let text = at.canonical();
        if base.ignore {
            if base.others || !lone {
                self.not_alone(at);
            }
            // A deletion is parked unless `on` has it, and all events of this type are to be dropped.
            let on = DELETIONS.map(|word| (word.to_owned(), Rule::Ignore)).into();
            return Some(Mapping { kind, rule: Rule::Ignore, on, at: text });
        }
        self.deletion_of_its_own(at, &kind, &base);
        let table = self.table(&at.key("table"), table.as_deref());
        if base.fields.is_empty() {
            let message = "maps no field; add at least one, e.g. \"fields\": { \"appointment_id\": \"HIS_appointment_id\" }";
            self.missing(&at.key("fields"), message);
        }
        let rule = table.clone().map(|table| self.rule(&kind, table, &base));
        let on = self.operations(at, &kind, table.as_ref(), &base, on);
        Some(Mapping { rule: rule?, on, kind, at: text })
    }

    pub(crate) fn not_alone(&mut self, at: &KeyPath) {
        self.wrong(
            &at.key("ignore"),
            "drops these events, so that no other key may stand beside it; remove the others, or remove it",
        );
    }

    fn table(&mut self, at: &KeyPath, written: Option<&str>) -> Option<TableName> {
        let Some(name) = written else {
            self.missing(at, "is missing; add the HIS table, \"table\": \"HIS_...\" (or \"ignore\": true)");
            return None;
        };
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > 2 || parts.iter().any(|part| is_no_name(part)) {
            let shown = printable(name);
            self.wrong(at, format!("\"{shown}\" is no table's name; write table or schema.table, without quotes and spaces around it"));
            return None;
        }
        Some(TableName(name.to_owned()))
    }

    pub(crate) fn parts(&mut self, at: &KeyPath, written: file::Operation) -> Parts {
        let file::Operation { fields, constants, key, action, when, ignore } = written;
        let others =
            fields.is_some() || constants.is_some() || key.is_some() || action.is_some() || when.is_some();
        let silent = fields.as_ref().is_none_or(BTreeMap::is_empty)
            && constants.as_ref().is_none_or(BTreeMap::is_empty)
            && when.as_ref().is_none_or(BTreeMap::is_empty)
            && key.is_none()
            && action.is_none();
        let fields = fields.map_or_else(Vec::new, |written| self.fields(&at.key("fields"), written));
        let constants =
            constants.map_or_else(Vec::new, |written| self.constants(&at.key("constants"), written));
        self.written_twice(&fields, &constants);
        Parts {
            at: at.clone(),
            ignore: ignore.unwrap_or(false),
            others,
            silent,
            action: action.map(|action| match action {
                file::Action::Upsert => Action::Upsert,
                file::Action::Insert => Action::Insert,
                file::Action::Update => Action::Update,
                file::Action::Delete => Action::Delete,
            }),
            key: key.and_then(|written| self.key(&at.key("key"), written)),
            when: when.map(|written| self.conditions(&at.key("when"), written)),
            fields,
            constants,
        }
    }

    fn key(&mut self, at: &KeyPath, written: OneOrMany<String>) -> Option<Vec<(KeyPath, Source)>> {
        let all = written.at(at);
        if all.is_empty() {
            self.wrong(at, "names no field; write one or more, or remove it");
            return None;
        }
        let mut key: Vec<(KeyPath, Source)> = Vec::new();
        for (at, name) in all {
            if key.iter().any(|(_, source)| source.written == name) {
                self.wrong(&at, "stands twice in this key; remove one");
            } else if let Some(source) = self.source(&at, &name) {
                key.push((at, source));
            }
        }
        Some(key)
    }

    fn conditions(
        &mut self,
        at: &KeyPath,
        written: BTreeMap<String, OneOrMany<file::Scalar>>,
    ) -> Vec<Condition> {
        let mut all = Vec::new();
        for (at, name, values) in self.in_file_order(at, written) {
            let any_of: Vec<_> = values.at(&at).into_iter().map(|(_, value)| value.literal()).collect();
            if any_of.is_empty() {
                self.wrong(
                    &at,
                    "lists no value, so that nothing would ever be written; list the values, or remove it",
                );
            }
            if let Some(source) = self.source(&at, &name) {
                all.push(Condition { source, any_of });
            }
        }
        all
    }

    /// A column may be written once in `fields` and `constants` of one object.
    fn written_twice(&mut self, fields: &[Field], constants: &[Constant]) {
        let columns =
            fields.iter().map(|f| (&f.column, &f.at)).chain(constants.iter().map(|c| (&c.column, &c.at)));
        let mut first: BTreeMap<String, &String> = BTreeMap::new();
        for (column, at) in columns {
            if let Some(other) = first.insert(folded(column), at) {
                let shown = printable(&column.0);
                let other = KeyPath::parse(other);
                self.wrong(
                    &KeyPath::parse(at),
                    format!("writes the column {shown}, which {other} writes too; keep one of them"),
                );
            }
        }
    }

    /// A complete rule, its parts held against each other.
    pub(crate) fn rule(&mut self, kind: &EventKind, table: TableName, parts: &Parts) -> Rule {
        let action = parts.action.unwrap_or(Action::Upsert);
        let keys = parts.key.as_deref().unwrap_or_default();
        let is_key = |field: &Field| keys.iter().any(|(_, key)| Some(key) == field.source());
        for (at, key) in keys {
            let mapped = parts.fields.iter().any(|field| field.source() == Some(key));
            if !mapped && !self.is_told_of(at, key, parts) {
                self.unmapped_key(at, key, &parts.fields);
            }
        }
        for field in parts.fields.iter().filter(|field| field.truncate && is_key(field)) {
            let message =
                "a field of the key is never cut: two records would become one; remove \"truncate\"";
            self.wrong(&KeyPath::parse(&field.at), message);
        }
        let nothing_else = !keys.is_empty() && parts.constants.is_empty() && parts.fields.iter().all(is_key);
        if action == Action::Update && nothing_else && !self.is_broken(&parts.at) {
            self.wrong(
                &parts.at,
                "updates the row with nothing but its own key; add what to write, or another \"action\"",
            );
        }
        let step = Step {
            name: kind.base().to_owned(),
            skip: false,
            what: What::Row { table, action, generated: None },
            fields: parts.fields.clone(),
            constants: parts.constants.clone(),
            key: parts.key.as_ref().map(|key| key.iter().map(|(_, source)| source.clone()).collect()),
            when: parts.when.clone().unwrap_or_default(),
            marker: None,
            at: parts.at.canonical(),
        };
        Rule::Write(Write { at: step.at.clone(), steps: vec![step] })
    }

    /// Whether a field of the key is missed only because `shape` found fault with it, in `fields` beside the key or
    /// beside the operation.
    fn is_told_of(&self, key_at: &KeyPath, key: &Source, parts: &Parts) -> bool {
        let depth = key_at.parts().iter().rposition(|part| part == "key").unwrap_or(0);
        let beside_key = KeyPath::of(key_at.parts().get(..depth).unwrap_or_default());
        [&beside_key, &parts.at].into_iter().any(|at| {
            let fields = at.key("fields");
            self.broken.contains(&fields) || self.is_broken(&fields.key(&key.written))
        })
    }

    fn unmapped_key(&mut self, at: &KeyPath, key: &Source, fields: &[Field]) {
        let shown = printable(&key.written);
        let sources = fields.iter().filter_map(|field| Some(field.source()?.written.as_str()));
        let column = fields.iter().find(|field| field.column.0 == key.written).and_then(Field::source);
        let message = if let Some(source) = column {
            let source = printable(&source.written);
            format!("\"{shown}\" is a column; write the field that fills it, \"{source}\"")
        } else if let Some(meant) = crate::config::problem::nearest(&key.written, sources) {
            format!("\"{shown}\" is not among \"fields\"; did you mean \"{}\"?", printable(meant))
        } else {
            format!(
                "\"{shown}\" is not among \"fields\"; add it there with its column, \"{shown}\": \"HIS_...\""
            )
        };
        self.wrong(at, message);
    }
}

/// Columns are the same without regard to case: so `MySQL`, `MariaDB` and `SQLite` compare them.
pub(crate) fn folded(column: &ColumnName) -> String {
    column.0.to_lowercase()
}

/// Whether a text cannot be a table's or column's name as one writes it in a mapping.
pub(crate) fn is_no_name(name: &str) -> bool {
    let quoted = [('`', '`'), ('"', '"'), ('[', ']')];
    name.is_empty()
        || name.trim() != name
        || name.contains(char::is_control)
        || quoted.iter().any(|(from, to)| name.starts_with(*from) && name.ends_with(*to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::tests::{appointment, check, columns, good, mapping, step},
        model::{mapping::WriteRule, value::Literal},
    };

    #[test]
    fn the_mapping_language_is_resolved() {
        let config = good(&mapping(
            r#""appointment.*": {"table": "his.A", "key": ["appointment_id", "slots.0.start"], "when": {"status": ["a", 1, null], "x.y": true},
                "fields": {"zeta": "Z", "appointment_id": "ID", "slots.0.start": ["D", {"column": "T", "timezone": "UTC", "write": "if_null"}],
                           "status": {"column": "ST", "values": {"a": 1, "*": null}, "default": null, "truncate": false},
                           "$received_at": "R", "received_at": {"column": "R2", "write": "always"}},
                "constants": {"B": 1.50, "A": "x", "N": null},
                "on": {"Cancelled": {"constants": {"st": "X"}}, "deleted": {"constants": {"GONE": true}},
                       "delete": {"action": "delete"}, "moved": {"fields": {"zeta": "Z2", "n": "A"}, "key": "appointment_id", "when": {}},
                       "seen": {"ignore": true}}},
               "doctor": {"ignore": true}, "payment.deleted": {"table": "P", "action": "delete", "fields": {"payment_id": "ID"}}"#,
        ));
        let base = step(&config, "appointment", None);
        assert_eq!(columns(base), ["Z", "ID", "D", "T", "ST", "R", "R2"]);
        let writes: Vec<_> = base.fields.iter().map(|f| f.write).collect();
        let (always, if_null, once) = (WriteRule::Always, WriteRule::IfNull, WriteRule::InsertOnly);
        assert_eq!(writes, [always, always, always, if_null, always, once, always]);
        assert_eq!(base.fields[4].default, Some(Literal::Null));
        assert_eq!(base.fields[0].default, None);
        let codes = base.fields[4].values.as_ref().unwrap();
        assert_eq!((codes.by_value.len(), &codes.rest), (1, &Some(Literal::Null)));
        assert_eq!(base.constants[0].value, Literal::Number("1.50".to_owned()));
        assert_eq!(base.when[0].any_of.len(), 3);
        assert_eq!(base.key.as_ref().unwrap()[1].path, ["slots", "0", "start"]);
        assert_eq!(config.place(&base.fields[3].at), Some((3, 88)));

        // A constant replaces the field of the same column; a deletion inherits no upsert.
        let cancelled = step(&config, "appointment", Some("cancelled"));
        assert_eq!(columns(cancelled), ["Z", "ID", "D", "T", "R", "R2"]);
        assert_eq!(cancelled.constants.len(), 4);
        assert_eq!(cancelled.action(), Some(Action::Upsert));
        assert_eq!(step(&config, "appointment", Some("deleted")).action(), Some(Action::Update));
        assert_eq!(step(&config, "appointment", Some("delete")).action(), Some(Action::Delete));
        let moved = step(&config, "appointment", Some("moved"));
        assert_eq!(columns(moved), ["ID", "D", "T", "ST", "R", "R2", "Z2", "A"]);
        assert_eq!((moved.constants.len(), moved.when.len(), moved.key.as_ref().unwrap().len()), (2, 0, 1));
        let kind = |name: &str| EventKind(name.to_owned());
        assert_eq!(config.mappings.find(&kind("doctor.created"), None).unwrap().rule, Rule::Ignore);
        assert_eq!(config.mappings.by_kind["doctor"].on["deleted"], Rule::Ignore);
        assert_eq!(config.mappings.by_kind["appointment"].on["seen"], Rule::Ignore);
        assert_eq!(config.mappings.by_kind["appointment"].at, "mapping.\"appointment.*\"");
        assert_eq!(step(&config, "payment.deleted", None).action(), Some(Action::Delete));
    }

    #[test]
    fn mistakes_in_names_keys_and_conditions() {
        let name = |name: &str, part: &str| {
            check(
                &mapping(&format!(r#""{name}": {{"table": "A", "fields": {{"x": "X"}}}}"#)),
                &[(&format!("mapping.{name}"), part)],
            );
        };
        name("*", "a * stands only after a dot");
        name("*.created", "a * stands only after a dot");
        name("a b", "no event type");
        name("a..b", "no event type");
        name("", "no event type");
        let long = "x".repeat(140);
        let text = mapping(&format!(r#""{long}": {{"table": "A", "fields": {{"x": "X"}}}}"#));
        check(&text, &[(&format!("mapping.{}...", "x".repeat(80)), "longer than any event type")]);
        check(
            &mapping(
                r#""a": {"table": "A", "fields": {"x": "X"}}, "a.*": {"table": "A", "fields": {"x": "X"}}"#,
            ),
            &[("mapping.a.*", "is the same as mapping.a")],
        );
        let key = |key: &str, at: &str, part: &str| {
            check(
                &appointment(&format!(r#""fields": {{"appointment_id": "ID", "x": "X"}}, "key": {key}"#)),
                &[(at, part)],
            );
        };
        key(r#""apointment_id""#, "mapping.appointment.key", "did you mean \"appointment_id\"?");
        key(
            r#"["x", "ID"]"#,
            "mapping.appointment.key.1",
            "is a column; write the field that fills it, \"appointment_id\"",
        );
        key(r#""patient""#, "mapping.appointment.key", "add it there with its column");
        key("[]", "mapping.appointment.key", "names no field");
        key(r#"["x", "x"]"#, "mapping.appointment.key.1", "stands twice");
        key("{}", "mapping.appointment.key", "text in double quotes or a list");
        key(r#""""#, "mapping.appointment.key", "name is empty");
        check(
            &appointment(r#""key": "x", "fields": {"y": "Y", "x": {"column": "X", "truncate": true}}"#),
            &[("mapping.appointment.fields.x", "never cut")],
        );
        check(
            &appointment(r#""key": "x", "fields": {"x": "X"}, "action": "update""#),
            &[("mapping.appointment", "nothing but its own key")],
        );
        // A field that was told of is not also missed by its key.
        check(
            &appointment(r#""key": "x", "fields": {"y": "Y", "x": 5}"#),
            &[("mapping.appointment.fields.x", "not a number")],
        );
        check(
            &appointment(r#""fields": {"x": "X"}, "action": "merge""#),
            &[("mapping.appointment.action", "must be \"upsert\", \"insert\", \"update\" or \"delete\"")],
        );
        check(
            &appointment(r#""fields": {"x": "X"}, "when": {"s": []}"#),
            &[("mapping.appointment.when.s", "lists no value")],
        );
        check(
            &appointment(r#""fields": {"x": "X"}, "when": {"s": {"a": 1}}"#),
            &[("mapping.appointment.when.s", "not an object")],
        );
        check(
            &appointment(r#""fields": {"x": "X"}, "when": {"$operaton": "x"}"#),
            &[("mapping.appointment.when.$operaton", "did you mean \"$operation\"?")],
        );
        check(
            &appointment(r#""ignore": true"#),
            &[("mapping.appointment.ignore", "no other key may stand beside it")],
        );
        check(&mapping(r#""a": {"ignore": true, "on": {}}"#), &[("mapping.a.ignore", "no other key")]);
        check(
            &mapping(r#""a": {"ignore": false}"#),
            &[("mapping.a.table", "is missing"), ("mapping.a.fields", "maps no field")],
        );
    }
}
