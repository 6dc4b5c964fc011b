//! From `on` as written to what differs by operation, and that a deletion never writes a row that was not there.
//! It looks at no event.

use std::collections::BTreeMap;

use crate::{
    config::{
        file_mapping as file,
        keypath::{KeyPath, printable},
        resolve::Resolver,
        resolve_mapping::folded,
        resolve_step::{Base, Draft, Parts, is_step},
    },
    model::{
        event::EventKind,
        mapping::{Action, Constant, Field, Origin, is_deletion},
        table::ColumnName,
    },
};

/// What replaces all of a mapping's steps for an operation.
pub(crate) struct Whole {
    pub(crate) at: KeyPath,
    /// None: its events are dropped.
    pub(crate) steps: Option<Vec<Draft>>,
}

/// An operation with its place and its name in lower case.
type Operation = (KeyPath, String, file::Operation);

impl Resolver<'_> {
    /// Resolves the `on` of a mapping that is one step, into the step; what replaces the step is given back.
    pub(crate) fn operations(
        &mut self,
        step: &mut Draft,
        kind: &EventKind,
        written: Option<BTreeMap<String, file::Operation>>,
    ) -> BTreeMap<String, Whole> {
        let mut whole = BTreeMap::new();
        for (at, name, mut operation) in self.named(&step.at.clone(), kind, written) {
            if let Some(steps) = operation.steps.take() {
                let steps = self.whole(&at, kind, &name, &operation, steps);
                whole.insert(name, Whole { at, steps: Some(steps) });
            } else if !self.is_broken(&at.key("steps")) {
                let own = self.own(&at, step, operation);
                step.on.insert(name, own);
            }
        }
        whole
    }

    /// Resolves the `on` of one of several steps.
    pub(crate) fn step_operations(
        &mut self,
        step: &mut Draft,
        kind: &EventKind,
        written: Option<BTreeMap<String, file::Operation>>,
    ) {
        for (at, name, operation) in self.named(&step.at.clone(), kind, written) {
            if operation.steps.is_some() {
                self.wrong(
                    &at.key("steps"),
                    "replaces all steps, so that it does not go into one; write it into the \"on\" beside the mapping's \"steps\"",
                );
            }
            let own = self.own(&at, step, operation);
            step.on.insert(name, own);
        }
    }

    /// Resolves the `on` that stands beside a mapping's `steps`.
    pub(crate) fn whole_operations(
        &mut self,
        at: &KeyPath,
        kind: &EventKind,
        written: Option<BTreeMap<String, file::Operation>>,
    ) -> BTreeMap<String, Whole> {
        let mut all = BTreeMap::new();
        for (at, name, mut operation) in self.named(at, kind, written) {
            let steps = operation.steps.take();
            let mut whole = None;
            if let Some(steps) = steps {
                whole = Some(self.whole(&at, kind, &name, &operation, steps));
            } else if operation.ignore != Some(true) {
                if !self.is_broken(&at) {
                    self.wrong(
                        &at,
                        "stands beside \"steps\" and can only replace all of them, with \"steps\": [ ... ] or \"ignore\": true; \
                         write what differs in one step into that step's own \"on\"",
                    );
                }
                continue;
            } else if !others(&operation).is_empty() {
                self.not_alone(&at);
            }
            all.insert(name, Whole { at, steps: whole });
        }
        all
    }

    fn whole(
        &mut self,
        at: &KeyPath,
        kind: &EventKind,
        name: &str,
        beside: &file::Operation,
        steps: Vec<file::Mapping>,
    ) -> Vec<Draft> {
        let ignore = beside.ignore.is_some().then_some("ignore");
        for key in others(beside).into_iter().chain(ignore) {
            let message = "has no use beside \"steps\", which replaces all that the mapping does; move it into one of them";
            self.wrong(&at.key(key), message);
        }
        let steps = self.steps(&at.key("steps"), kind, steps, Some(name));
        if is_deletion(name) {
            for step in &steps {
                self.says_what_it_deletes(step);
            }
        }
        steps
    }

    /// The entries of `on`, those whose names are operations.
    fn named(
        &mut self,
        at: &KeyPath,
        kind: &EventKind,
        written: Option<BTreeMap<String, file::Operation>>,
    ) -> Vec<Operation> {
        let at = at.key("on");
        if written.is_some() && kind.suffix().is_some() {
            self.wrong(
                &at,
                format!(
                    "has no use here: \"{kind}\" names an operation itself; move it to the mapping \"{}\"",
                    kind.base()
                ),
            );
        }
        let mut all: Vec<Operation> = Vec::new();
        for (name, operation) in written.into_iter().flatten() {
            let at = at.key(&name);
            if name.trim() != name || name.is_empty() || name.contains('.') {
                let last = name.rsplit('.').next().unwrap_or_default().trim();
                let example = if last.is_empty() { "deleted" } else { last };
                self.wrong(
                    &at,
                    format!("is no operation; write the word alone, e.g. \"{}\"", printable(example)),
                );
            }
            let name = name.to_lowercase();
            if all.iter().any(|(_, other, _)| *other == name) {
                self.wrong(&at, "stands twice: upper and lower case are the same here; keep one of them");
            } else {
                all.push((at, name, operation));
            }
        }
        all
    }

    /// An operation's parts over its step's.
    pub(crate) fn merged(&mut self, step: &Draft, own: &Parts, deletion: bool) -> Parts {
        let (base, own) = (&step.parts, own.clone());
        let row = matches!(step.base, Base::Row { .. });
        if deletion && row {
            match own.action {
                _ if own.silent && !self.is_broken(&own.at) => self.wrong(
                    &own.at,
                    "says nothing about the deletion; write { \"action\": \"delete\" }, what to mark, e.g. \
                     { \"constants\": { \"HIS_status\": \"X\" } }, or { \"ignore\": true }",
                ),
                Some(Action::Upsert | Action::Insert) => self.never_upsert(&own.at),
                _ => {}
            }
        }
        let columns: Vec<String> = own.columns().map(|(column, _)| folded(column)).collect();
        let kept = |column: &ColumnName| !columns.contains(&folded(column));
        let own_source = |field: &Field| {
            !matches!(field.from, Origin::Text(_)) && own.fields.iter().any(|f| f.from == field.from)
        };
        let mut fields: Vec<Field> =
            base.fields.iter().filter(|f| kept(&f.column) && !own_source(f)).cloned().collect();
        let mut constants: Vec<Constant> =
            base.constants.iter().filter(|c| kept(&c.column)).cloned().collect();
        fields.extend(own.fields);
        constants.extend(own.constants);
        let inherited = if deletion && row { Some(Action::Update) } else { base.action };
        Parts {
            at: own.at,
            ignore: false,
            others: true,
            silent: false,
            action: own.action.or(inherited),
            key: own.key.or_else(|| base.key.clone()),
            when: own.when.or_else(|| base.when.clone()),
            fields,
            constants,
            missing_row: own.missing_row.or(base.missing_row),
            marker: own.marker.or_else(|| base.marker.clone()),
        }
    }

    /// A step that is for deletions alone must say what it does with its row.
    pub(crate) fn says_what_it_deletes(&mut self, step: &Draft) {
        if let Base::Sql { .. } = step.base {
            return;
        }
        match step.parts.action {
            Some(Action::Delete | Action::Update) => {}
            Some(Action::Upsert | Action::Insert) => self.never_upsert(&step.at),
            None => {
                let otherwise = if is_step(&step.at) { "leave this step out" } else { "\"ignore\": true" };
                let message = format!(
                    "is missing, and what a deletion does is never guessed; add \"action\": \"delete\" (removes the row), \
                     \"action\": \"update\" (marks it), or {otherwise}"
                );
                self.missing(&step.at.key("action"), message);
            }
        }
    }

    fn never_upsert(&mut self, at: &KeyPath) {
        let message = "a deletion never becomes an upsert or insert; write \"delete\" (removes the row) or \"update\" (marks it)";
        self.wrong(&at.key("action"), message);
    }
}

/// The keys of an operation that are written, but for `steps` and `ignore`.
fn others(written: &file::Operation) -> Vec<&'static str> {
    let all = [
        ("fields", written.fields.is_some()),
        ("concat", written.concat.is_some()),
        ("constants", written.constants.is_some()),
        ("key", written.key.is_some()),
        ("action", written.action.is_some()),
        ("when", written.when.is_some()),
        ("missing_row", written.missing_row.is_some()),
        ("marker", written.marker.is_some()),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{appointment, check, mapping};

    #[test]
    fn mistakes_about_operations_and_deletions() {
        let on = |on: &str, expected: &[(&str, &str)]| {
            let text =
                appointment(&format!(r#""fields": {{"appointment_id": "ID", "status": "ST"}}, "on": {on}"#));
            let expected: Vec<(String, &str)> =
                expected.iter().map(|(at, part)| (format!("mapping.appointment.on.{at}"), *part)).collect();
            let expected: Vec<(&str, &str)> =
                expected.iter().map(|(at, part)| (at.as_str(), *part)).collect();
            check(&text, &expected);
        };
        on(r#"{"deleted": {}}"#, &[("deleted", "says nothing about the deletion")]);
        on(
            r#"{"deleted": {"constants": {}, "when": {}}}"#,
            &[("deleted", "says nothing about the deletion")],
        );
        on(r#"{"Deleted": {"ignore": false}}"#, &[("Deleted", "says nothing about the deletion")]);
        on(
            r#"{"deleted": {"action": "upsert"}}"#,
            &[("deleted.action", "a deletion never becomes an upsert")],
        );
        on(r#"{"DELETE": {"action": "insert"}}"#, &[("DELETE.action", "a deletion never becomes an upsert")]);
        on(r#"{"deleted": {"acton": "delete"}}"#, &[("deleted.acton", "did you mean \"action\"?")]);
        on(r#"{"cancelled": {"table": "B"}}"#, &[("cancelled.table", "a mapping of its own")]);
        on(r#"{"cancelled": {"on": {}}}"#, &[("cancelled.on", "beside the others")]);
        on(
            r#"{"cancelled": {"ignore": true, "key": "x"}}"#,
            &[("cancelled.ignore", "no other key may stand beside it")],
        );
        on(r#"{"a": {"key": "nope"}}"#, &[("a.key", "not among \"fields\"")]);
        on(r#"{"a": {"fields": {"p": "P", "q": "p"}}}"#, &[("a.fields.q", "writes the column p")]);
        on(
            r#"{"a": {"constants": {"X": 1}}, "A": {"constants": {"X": 1}}}"#,
            &[("a", "upper and lower case are the same")],
        );
        on(
            r#"{"appointment.deleted": {"action": "delete"}}"#,
            &[("appointment.deleted", "write the word alone, e.g. \"deleted\"")],
        );
        on(r#"{"a": {"steps": []}}"#, &[("a.steps", "names no step")]);
        on(r#"{"a": {"sql": "CALL x()"}}"#, &[("a.sql", "a mapping of its own")]);
        on(r#"{"a": {"generated_key": "ID"}}"#, &[("a.generated_key", "beside its \"table\"")]);
        let deletion = |inner: &str, expected: &[(&str, &str)]| {
            check(
                &mapping(&format!(r#""a.deleted": {{"table": "A", "fields": {{"x": "X"}}{inner}}}"#)),
                expected,
            );
        };
        deletion(
            "",
            &[("mapping.a.deleted.action", "is missing, and what a deletion does is never guessed")],
        );
        deletion(
            r#", "action": "upsert""#,
            &[("mapping.a.deleted.action", "a deletion never becomes an upsert")],
        );
        deletion(r#", "acton": "delete""#, &[("mapping.a.deleted.acton", "did you mean \"action\"?")]);
        check(
            &mapping(
                r#""a.created": {"table": "A", "fields": {"x": "X"}, "on": {"deleted": {"action": "delete"}}}"#,
            ),
            &[("mapping.a.created.on", "move it to the mapping \"a\"")],
        );
        check(
            &appointment(r#""fields": {"x": "X"}, "on": []"#),
            &[("mapping.appointment.on", "must be an object")],
        );
    }
}
