//! From `on` as written to a rule for each operation, and that a deletion never writes a row that was not there.
//! It looks at no event.

use std::collections::BTreeMap;

use crate::{
    config::{
        file_mapping as file,
        keypath::{KeyPath, printable},
        resolve::Resolver,
        resolve_mapping::{Parts, folded},
    },
    model::{
        event::EventKind,
        mapping::{Action, Constant, Field, Rule, is_deletion},
        table::{ColumnName, TableName},
    },
};

impl Resolver<'_> {
    /// The rules of `on`, each the mapping's own with what differs.
    pub(crate) fn operations(
        &mut self,
        at: &KeyPath,
        kind: &EventKind,
        table: Option<&TableName>,
        base: &Parts,
        written: Option<BTreeMap<String, file::Operation>>,
    ) -> BTreeMap<String, Rule> {
        let mut rules = BTreeMap::new();
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
        for (name, operation) in written.into_iter().flatten() {
            let at = at.key(&name);
            let operation_name = name.to_lowercase();
            if name.trim() != name || name.is_empty() || name.contains('.') {
                let last = name.rsplit('.').next().unwrap_or_default().trim();
                let example = if last.is_empty() { "deleted" } else { last };
                self.wrong(
                    &at,
                    format!("is no operation; write the word alone, e.g. \"{}\"", printable(example)),
                );
            }
            let own = self.parts(&at, operation);
            let rule = if own.ignore {
                if own.others {
                    self.not_alone(&at);
                }
                Some(Rule::Ignore)
            } else {
                let merged = self.merged(base, own, is_deletion(&operation_name));
                table.cloned().map(|table| self.rule(kind, table, &merged))
            };
            if let Some(rule) = rule
                && rules.insert(operation_name, rule).is_some()
            {
                self.wrong(&at, "stands twice: upper and lower case are the same here; keep one of them");
            }
        }
        rules
    }

    /// An operation's parts over its mapping's.
    fn merged(&mut self, base: &Parts, own: Parts, deletion: bool) -> Parts {
        if deletion {
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
        let columns: Vec<String> = own
            .fields
            .iter()
            .map(|f| &f.column)
            .chain(own.constants.iter().map(|c| &c.column))
            .map(folded)
            .collect();
        let kept = |column: &ColumnName| !columns.contains(&folded(column));
        let own_source = |field: &Field| own.fields.iter().any(|f| f.from == field.from);
        let mut fields: Vec<Field> =
            base.fields.iter().filter(|f| kept(&f.column) && !own_source(f)).cloned().collect();
        let mut constants: Vec<Constant> =
            base.constants.iter().filter(|c| kept(&c.column)).cloned().collect();
        fields.extend(own.fields);
        constants.extend(own.constants);
        let inherited = if deletion { Some(Action::Update) } else { base.action };
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
        }
    }

    /// A mapping that is named for a deletion must say what it does.
    pub(crate) fn deletion_of_its_own(&mut self, at: &KeyPath, kind: &EventKind, base: &Parts) {
        if !kind.suffix().is_some_and(is_deletion) {
            return;
        }
        match base.action {
            Some(Action::Delete | Action::Update) => {}
            Some(Action::Upsert | Action::Insert) => self.never_upsert(at),
            None => self.missing(
                &at.key("action"),
                "is missing, and what a deletion does is never guessed; add \"action\": \"delete\" (removes the row), \
                 \"action\": \"update\" (marks it), or \"ignore\": true",
            ),
        }
    }

    fn never_upsert(&mut self, at: &KeyPath) {
        let message = "a deletion never becomes an upsert or insert; write \"delete\" (removes the row) or \"update\" (marks it)";
        self.wrong(&at.key("action"), message);
    }
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
        on(r#"{"a": {"steps": []}}"#, &[("a.steps", "not supported yet")]);
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
