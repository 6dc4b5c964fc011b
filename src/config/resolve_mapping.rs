//! From `mapping` as written to [`Mappings`]: event types, and which of a mapping's keys may stand together. It knows no
//! live table; that is `plan`'s part.

use std::collections::BTreeMap;

use crate::{
    config::{
        file_mapping as file, keypath::KeyPath, resolve::Resolver, resolve_step::Draft, resolve_steps::Drafts,
    },
    limits::EVENT_KIND_BYTES_MAX,
    model::{
        event::EventKind,
        mapping::{DELETIONS, Mapping, Mappings, Rule, is_deletion},
        table::ColumnName,
    },
};

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

    fn mapping(&mut self, at: &KeyPath, kind: EventKind, mut written: file::Mapping) -> Option<Mapping> {
        let text = at.canonical();
        if written.ignore == Some(true) {
            if !others(&written).is_empty() || written.on.is_some() || written.steps.is_some() {
                self.not_alone(at);
            }
            // A deletion is parked unless `on` has it, and all events of this type are to be dropped.
            let on = DELETIONS.map(|word| (word.to_owned(), Rule::Ignore)).into();
            return Some(Mapping { kind, rule: Rule::Ignore, on, at: text });
        }
        let on = written.on.take();
        let steps_at = at.key("steps");
        let (steps, whole) = match written.steps.take() {
            None if self.is_broken(&steps_at) => return None,
            None => {
                let mut draft = self.draft(at, &kind, written);
                let whole = self.operations(&mut draft, &kind, on);
                (vec![draft], whole)
            }
            Some(steps) => {
                for key in others(&written) {
                    let message = "belongs into one of the \"steps\" when there are any; move it there, or remove \"steps\"";
                    self.wrong(&at.key(key), message);
                }
                let whole = self.whole_operations(at, &kind, on);
                (self.steps(&steps_at, &kind, steps, None), whole)
            }
        };
        if kind.suffix().is_some_and(is_deletion) {
            for step in &steps {
                self.says_what_it_deletes(step);
            }
        }
        let drafts = Drafts { at, kind: &kind, steps: &steps };
        let rule = self.rule(&drafts);
        let on = self.rules(&drafts, &whole);
        Some(Mapping { rule: rule?, on, kind, at: text })
    }

    /// Resolves `steps`; `operation` is that which they are for alone.
    pub(crate) fn steps(
        &mut self,
        at: &KeyPath,
        kind: &EventKind,
        written: Vec<file::Mapping>,
        operation: Option<&str>,
    ) -> Vec<Draft> {
        if written.is_empty() {
            self.missing(at, "names no step; add one or more, { \"table\": \"HIS_...\", \"fields\": { ... } }, or remove it");
        }
        let mut steps = Vec::new();
        for (i, mut step) in written.into_iter().enumerate() {
            let at = at.item(i);
            if step.steps.is_some() {
                self.wrong(
                    &at.key("steps"),
                    "do not go into a step; write them one after the other in one list",
                );
            }
            if step.ignore.is_some() {
                let message = "does not go into a step; leave the step out, or write \"on\": { \"...\": { \"ignore\": true } } for \
                               the operations that it is not for";
                self.wrong(&at.key("ignore"), message);
            }
            let on = step.on.take();
            let mut draft = self.draft(&at, kind, step);
            match (on, operation) {
                (Some(_), Some(operation)) => {
                    let message = format!(
                        "has no use here: these steps are for the operation \"{operation}\" alone; remove it"
                    );
                    self.wrong(&at.key("on"), message);
                }
                (on, _) => self.step_operations(&mut draft, kind, on),
            }
            steps.push(draft);
        }
        steps
    }

    pub(crate) fn not_alone(&mut self, at: &KeyPath) {
        self.wrong(
            &at.key("ignore"),
            "drops these events, so that no other key may stand beside it; remove the others, or remove it",
        );
    }
}

/// The keys of a step that are written, but for `on`, `steps` and `ignore`.
fn others(written: &file::Mapping) -> Vec<&'static str> {
    let all = [
        ("table", written.table.is_some()),
        ("fields", written.fields.is_some()),
        ("concat", written.concat.is_some()),
        ("constants", written.constants.is_some()),
        ("key", written.key.is_some()),
        ("action", written.action.is_some()),
        ("when", written.when.is_some()),
        ("generated_key", written.generated_key.is_some()),
        ("missing_row", written.missing_row.is_some()),
        ("marker", written.marker.is_some()),
        ("sql", written.sql.is_some()),
        ("repeatable", written.repeatable.is_some()),
        ("name", written.name.is_some()),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(key, _)| key).collect()
}

/// Columns are the same without regard to case: so `MySQL`, `MariaDB` and `SQLite` compare them, SQL Server by most
/// collations, and Oracle where nobody has quoted a name in small letters.
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
        model::{
            mapping::{Action, WriteRule},
            value::Literal,
        },
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
