//! From a mapping's steps, each resolved by itself, to a rule for each operation: which steps it has, what they refer to
//! among each other, and that each of them is whole. It looks at no event and at no live table.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{
        keypath::{KeyPath, printable},
        problem::nearest,
        resolve::Resolver,
        resolve_field::GENERATED_KEY,
        resolve_mapping::folded,
        resolve_operation::Whole,
        resolve_reference::refer,
        resolve_step::{Base, Draft, Parts},
    },
    model::{
        event::EventKind,
        mapping::{
            Action, DELETIONS, Field, GeneratedKey, Marker, MissingRow, Origin, Rule, Source, Step, What,
            Write, WriteRule, is_deletion,
        },
        table::ColumnName,
    },
};

/// The steps of a mapping.
pub(crate) struct Drafts<'d> {
    pub(crate) at: &'d KeyPath,
    pub(crate) kind: &'d EventKind,
    pub(crate) steps: &'d [Draft],
}

/// A step in the rule of one operation.
pub(crate) struct Turn<'d> {
    pub(crate) draft: &'d Draft,
    pub(crate) parts: Parts,
    /// It does nothing for this operation.
    skip: bool,
}

impl Resolver<'_> {
    /// The rule for operations that no `on` names.
    pub(crate) fn rule(&mut self, drafts: &Drafts<'_>) -> Option<Rule> {
        self.names(drafts.steps);
        self.write(drafts.at, drafts.steps.iter().map(always).collect()).map(Rule::Write)
    }

    /// The rules of all operations that some `on` names.
    pub(crate) fn rules(
        &mut self,
        drafts: &Drafts<'_>,
        whole: &BTreeMap<String, Whole>,
    ) -> BTreeMap<String, Rule> {
        let own = drafts.steps.iter().flat_map(|step| step.on.keys());
        let names: BTreeSet<&String> = own.chain(whole.keys()).collect();
        let mut rules = BTreeMap::new();
        for name in names {
            let rule = match whole.get(name) {
                Some(whole) => self.whole_rule(drafts, name, whole),
                None => self.operation_rule(drafts, name),
            };
            rules.extend(rule.map(|rule| (name.clone(), rule)));
        }
        rules
    }

    fn whole_rule(&mut self, drafts: &Drafts<'_>, name: &str, whole: &Whole) -> Option<Rule> {
        for own in drafts.steps.iter().filter_map(|step| step.on.get(name)) {
            let message = format!(
                "has no use: {} replaces all steps for this operation; remove one of the two",
                whole.at
            );
            self.wrong(&own.at, message);
        }
        let Some(steps) = &whole.steps else { return Some(Rule::Ignore) };
        let whole = Drafts { at: &whole.at, kind: drafts.kind, steps };
        self.rule(&whole)
    }

    fn operation_rule(&mut self, drafts: &Drafts<'_>, name: &str) -> Option<Rule> {
        let deletion = is_deletion(name);
        let mut turns = Vec::new();
        for step in drafts.steps {
            // Both words mean the same, and each is looked for where the other is not written.
            let words = DELETIONS.iter().filter(|_| deletion).copied();
            let own = std::iter::once(name).chain(words).find_map(|word| step.on.get(word));
            turns.push(match own {
                Some(own) if !own.ignore => {
                    Turn { draft: step, parts: self.merged(step, own, deletion), skip: false }
                }
                None if !deletion => always(step),
                _ => {
                    let at = own.map_or_else(|| step.at.key("on").key(name), |own| own.at.clone());
                    Turn { draft: step, parts: Parts { at, ..step.parts.clone() }, skip: true }
                }
            });
        }
        if turns.iter().all(|turn| turn.skip) {
            return Some(Rule::Ignore);
        }
        let at = match turns.as_slice() {
            [only] if only.draft.at == *drafts.at => only.parts.at.clone(),
            _ => drafts.at.key("on").key(name),
        };
        self.write(&at, turns).map(Rule::Write)
    }

    /// Two steps of one mapping must not remember their rows under the same name.
    fn names(&mut self, steps: &[Draft]) {
        for (i, step) in steps.iter().enumerate() {
            let same = |other: &&Draft| {
                other.name == step.name
                    && other.base.generated().is_some()
                    && other
                        .base
                        .table()
                        .zip(step.base.table())
                        .is_some_and(|(a, b)| a.0.eq_ignore_ascii_case(&b.0))
            };
            let earlier = steps.iter().take(i).find(same).filter(|_| step.base.generated().is_some());
            if let Some(earlier) = earlier {
                let message = format!(
                    "is \"{}\" as that of {}, and both remember rows of the same table, which would be taken for the same row; \
                     give each a name of its own",
                    step.name, earlier.at
                );
                self.wrong(&step.at.key("name"), message);
            }
        }
    }

    /// What an operation does: its steps, without those that do nothing and that no other refers to.
    fn write(&mut self, at: &KeyPath, mut turns: Vec<Turn<'_>>) -> Option<Write> {
        for turn in &mut turns {
            self.fill_parameters(turn);
        }
        let referred = self.references(&turns);
        let mut steps = Vec::new();
        let mut whole = true;
        for (i, turn) in turns.into_iter().enumerate() {
            if turn.skip && !referred.contains(&i) {
                continue;
            }
            if !turn.skip {
                self.check(&turn);
            }
            match turn.step() {
                Some(step) => steps.push(step),
                None => whole = false,
            }
        }
        (whole && !steps.is_empty()).then(|| Write { steps, at: at.canonical() })
    }

    /// A statement's parameters that are no column of its fields are sources themselves.
    fn fill_parameters(&mut self, turn: &mut Turn<'_>) {
        let Base::Sql { statement: Some(statement), .. } = &turn.draft.base else { return };
        let parameters = &statement.parameters;
        for (column, at) in turn.parts.columns().filter(|(column, _)| !parameters.contains(column)) {
            let names = parameters.iter().map(|name| name.0.as_str());
            let shown = printable(&column.0);
            let message = match nearest(&column.0, names) {
                Some(meant) => {
                    format!("fills :{shown}, which \"sql\" does not have; did you mean \"{meant}\"?")
                }
                None => format!(
                    "fills :{shown}, which \"sql\" does not have; write :{shown} there, or remove this"
                ),
            };
            self.wrong(&KeyPath::parse(at), message);
        }
        let at = turn.draft.at.key("sql");
        for name in parameters {
            if turn.parts.columns().any(|(column, _)| column == name) {
                continue;
            }
            let Some(from) = self.origin(&at, &name.0) else { continue };
            turn.parts.fields.push(Field {
                from,
                or_from: Vec::new(),
                column: name.clone(),
                lookup: None,
                values: None,
                format: None,
                default: None,
                write: WriteRule::Always,
                timezone: None,
                truncate: false,
                at: at.canonical(),
            });
        }
    }

    /// The steps that others refer to.
    fn references(&mut self, turns: &[Turn<'_>]) -> BTreeSet<usize> {
        let mut referred = BTreeSet::new();
        for (i, turn) in turns.iter().enumerate().filter(|(_, turn)| !turn.skip) {
            for field in &turn.parts.fields {
                let Origin::Step { name, column } = &field.from else { continue };
                match refer(turns, i, name, column.as_ref()) {
                    Ok(step) => {
                        referred.insert(step);
                    }
                    Err(lost) if self.is_told_of_step(turns, lost.step) => {}
                    Err(lost) => self.wrong(&KeyPath::parse(&field.at), lost.message),
                }
            }
        }
        referred
    }

    /// Whether a step, or a name, is missed only because `shape` found fault with it.
    fn is_told_of_step(&self, turns: &[Turn<'_>], step: Option<usize>) -> bool {
        let Some(turn) = step.and_then(|step| turns.get(step)) else {
            return turns.iter().any(|turn| self.is_broken(&turn.draft.at.key("name")));
        };
        let keys = [GENERATED_KEY, "fields", "concat", "constants"];
        [&turn.draft.at, &turn.parts.at].iter().any(|at| keys.iter().any(|key| self.is_broken(&at.key(key))))
    }

    /// A complete step, its parts held against each other.
    fn check(&mut self, turn: &Turn<'_>) {
        let Base::Row { generated, .. } = &turn.draft.base else { return };
        let parts = &turn.parts;
        let action = parts.action.unwrap_or(Action::Upsert);
        let keys = parts.key.as_deref().unwrap_or_default();
        let is_key = |field: &Field| keys.iter().any(|(_, key)| Some(key) == field.source());
        let generates = generated.is_some() || self.is_broken(&turn.draft.at.key(GENERATED_KEY));
        for (at, key) in keys.iter().filter(|_| !generates) {
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
        if action == Action::Update && nothing_else && !generates && !self.is_broken(&parts.at) {
            self.wrong(
                &parts.at,
                "updates the row with nothing but its own key; add what to write, or another \"action\"",
            );
        }
        let empty = parts.columns().next().is_none();
        if generates && empty && matches!(action, Action::Upsert | Action::Insert) {
            let message = "maps nothing, so that new rows would be empty; add e.g. \"fields\": { \"status\": \"HIS_status\" }";
            self.missing(&parts.at.key("fields"), message);
        }
        self.taken_columns(generated.as_ref(), parts);
    }

    /// The generated key and the marker are columns that nothing else fills.
    fn taken_columns(&mut self, generated: Option<&ColumnName>, parts: &Parts) {
        let marker = match &parts.marker {
            Some(Marker::Column(column)) => Some(column),
            _ => None,
        };
        let is = |taken: Option<&ColumnName>, column: &ColumnName| {
            taken.is_some_and(|taken| folded(taken) == folded(column))
        };
        for (column, at) in parts.columns() {
            let shown = printable(&column.0);
            if is(generated, column) {
                let message = format!(
                    "writes the column {shown}, which the table fills itself (\"generated_key\"); remove it"
                );
                self.wrong(&KeyPath::parse(at), message);
            }
            if is(marker, column) {
                let message =
                    format!("writes the column {shown}, which \"marker\" needs for itself; keep one of them");
                self.wrong(&KeyPath::parse(at), message);
            }
        }
        if marker.is_some_and(|marker| is(generated, marker)) {
            let message = "is the \"generated_key\", which the table fills itself; name a text column that nothing else uses";
            self.wrong(&parts.at.key("marker"), message);
        }
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
        } else if let Some(meant) = nearest(&key.written, sources) {
            format!("\"{shown}\" is not among \"fields\"; did you mean \"{}\"?", printable(meant))
        } else {
            format!(
                "\"{shown}\" is not among \"fields\"; add it there with its column, \"{shown}\": \"HIS_...\""
            )
        };
        self.wrong(at, message);
    }
}

/// A step as it is without any `on`.
fn always(step: &Draft) -> Turn<'_> {
    Turn { draft: step, parts: step.parts.clone(), skip: false }
}

impl Turn<'_> {
    /// The step, unless its table or statement has a problem.
    fn step(self) -> Option<Step> {
        let Parts { at, action, key, when, fields, constants, missing_row, marker, .. } = self.parts;
        let what = match &self.draft.base {
            Base::Row { table, generated } => What::Row {
                table: table.clone()?,
                action: action.unwrap_or(Action::Upsert),
                generated: generated.clone().map(|column| GeneratedKey {
                    column,
                    missing_row: missing_row.unwrap_or(MissingRow::Park),
                }),
            },
            Base::Sql { statement, repeatable } => {
                let statement = statement.as_ref()?;
                What::Sql {
                    sql: statement.sql.clone(),
                    parameters: statement.parameters.clone(),
                    repeatable: *repeatable,
                }
            }
        };
        Some(Step {
            name: self.draft.name.clone(),
            skip: self.skip,
            what,
            fields,
            constants,
            key: key.map(|key| key.into_iter().map(|(_, source)| source).collect()),
            when: when.unwrap_or_default(),
            marker,
            at: at.canonical(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{check, columns, good, mapping, rule, steps};

    const PATIENT: &str = r#"{"name": "patient", "table": "P", "generated_key": "NO", "key": "pid", "fields": {"name": "NAME", "code": "CODE"}"#;

    /// A mapping of a patient, with more keys, and of a visit that refers to it, with more keys.
    fn visit(patient: &str, visit: &str, more: &str) -> String {
        mapping(&format!(
            r#""visit": {{"steps": [{PATIENT}{patient}}},
              {{"table": "V", "key": "visit_id", "fields": {{"visit_id": "ID", "$patient.generated_key": "P_NO", "$patient.CODE": "P_CODE"}}{visit}}}]{more}}}"#
        ))
    }

    #[test]
    fn steps_are_resolved_for_each_operation() {
        let config = good(&visit(
            r#", "missing_row": "insert", "on": {"Seen": {"ignore": true}, "moved": {"fields": {"x": "X"}, "missing_row": "park"}}"#,
            r#", "on": {"deleted": {"action": "delete"}, "gone": {"constants": {"P_CODE": null}}}"#,
            r#", "on": {"dropped": {"ignore": true}, "left": {"steps": [{"table": "W", "fields": {"visit_id": "ID"}}]}}"#,
        ));
        let told = |on: Option<&str>| -> Vec<(String, String, bool, Vec<&str>)> {
            let all = steps(&config, "visit", on).iter();
            all.map(|s| (s.at.replace("mapping.visit", ""), s.name.clone(), s.skip, columns(s))).collect()
        };
        let (patient, visit) = (vec!["NAME", "CODE"], vec!["ID", "P_NO", "P_CODE"]);
        let row = |at: &str, name: &str, skip, columns: &[&'static str]| {
            (at.to_owned(), name.to_owned(), skip, columns.to_vec())
        };
        assert_eq!(
            told(None),
            [row(".steps.0", "patient", false, &patient), row(".steps.1", "visit", false, &visit)]
        );
        // A step that is left out stays where another refers to it.
        assert_eq!(
            told(Some("seen")),
            [row(".steps.0.on.Seen", "patient", true, &patient), row(".steps.1", "visit", false, &visit)]
        );
        assert_eq!(
            told(Some("moved")),
            [
                row(".steps.0.on.moved", "patient", false, &["NAME", "CODE", "X"]),
                row(".steps.1", "visit", false, &visit)
            ]
        );
        // Of a deletion only what says so; the other step is there for its link alone.
        assert_eq!(
            told(Some("deleted")),
            [
                row(".steps.0.on.deleted", "patient", true, &patient),
                row(".steps.1.on.deleted", "visit", false, &visit)
            ]
        );
        assert_eq!(
            told(Some("gone")),
            [
                row(".steps.0", "patient", false, &patient),
                row(".steps.1.on.gone", "visit", false, &["ID", "P_NO"])
            ]
        );
        assert_eq!(told(Some("left")), [row(".on.left.steps.0", "visit", false, &["ID"])]);
        assert_eq!(*rule(&config, "visit", Some("dropped")), Rule::Ignore);
        assert!(!config.mappings.by_kind["visit"].on.contains_key("delete"));
        let Rule::Write(write) = rule(&config, "visit", Some("deleted")) else { panic!() };
        assert_eq!(write.at, "mapping.visit.on.deleted");
        let missing = |on: Option<&str>| match &steps(&config, "visit", on)[0].what {
            What::Row { generated: Some(generated), .. } => generated.missing_row,
            other => panic!("{other:?}"),
        };
        assert_eq!((missing(None), missing(Some("moved"))), (MissingRow::Insert, MissingRow::Park));
        assert_eq!(
            steps(&config, "visit", None)[1].fields[1].from,
            Origin::Step { name: "patient".into(), column: None }
        );
        assert_eq!(
            steps(&config, "visit", None)[1].fields[2].from,
            Origin::Step { name: "patient".into(), column: Some(ColumnName("CODE".into())) }
        );
        assert_eq!(steps(&config, "visit", Some("deleted"))[1].action(), Some(Action::Delete));
    }

    #[test]
    fn deletions_and_operations_that_all_steps_leave_out() {
        let config = good(&mapping(
            r#""a": {"steps": [
                {"table": "A", "fields": {"a_id": "ID"}, "on": {"deleted": {"constants": {"GONE": 1}}, "seen": {"ignore": true}}},
                {"table": "B", "fields": {"a_id": "ID"}, "on": {"delete": {"action": "delete"}, "SEEN": {"ignore": true}}},
                {"table": "C", "fields": {"a_id": "ID"}, "on": {"deleted": {"ignore": true}, "seen": {"ignore": true}}}]},
              "b.deleted": {"steps": [{"table": "A", "action": "delete", "fields": {"b_id": "ID"}}, {"sql": "CALL gone(:b_id)", "repeatable": true}]}"#,
        ));
        // "deleted" and "delete" mean the same: a step's word for one counts for the other.
        for word in DELETIONS {
            let tables: Vec<_> =
                steps(&config, "a", Some(word)).iter().map(|s| s.table().unwrap().0.as_str()).collect();
            assert_eq!(tables, ["A", "B"], "{word}");
        }
        assert_eq!(*rule(&config, "a", Some("seen")), Rule::Ignore);
        assert_eq!(steps(&config, "b.deleted", None).len(), 2);
    }

    #[test]
    fn what_may_stand_beside_steps() {
        let step = r#"{"table": "A", "fields": {"a_id": "ID"}}"#;
        let a = |inner: &str, expected: &[(&str, &str)]| {
            let expected: Vec<_> =
                expected.iter().map(|(at, part)| (format!("mapping.a.{at}"), *part)).collect();
            let expected: Vec<_> = expected.iter().map(|(at, part)| (at.as_str(), *part)).collect();
            check(&mapping(&format!(r#""a": {{{inner}}}"#)), &expected);
        };
        a(r#""steps": []"#, &[("steps", "names no step; add one")]);
        a(r#""steps": {}"#, &[("steps", "a list in [ ]")]);
        a(r#""steps": [5]"#, &[("steps.0", "an object in { }")]);
        a(
            &format!(r#""steps": [{step}], "table": "A", "fields": {{}}, "name": "x""#),
            &[
                ("table", "belongs into one of the \"steps\""),
                ("fields", "belongs into one of the \"steps\""),
                ("name", "belongs into one of the \"steps\""),
            ],
        );
        a(
            &format!(r#""steps": [{step}], "ignore": true"#),
            &[("ignore", "no other key may stand beside it")],
        );
        a(
            r#""steps": [{"table": "A", "fields": {"a_id": "ID"}, "ignore": true, "steps": []}]"#,
            &[("steps.0.ignore", "leave the step out"), ("steps.0.steps", "one after the other in one list")],
        );
        a(
            &format!(r#""steps": [{step}], "on": {{"x": {{"constants": {{"C": 1}}}}}}"#),
            &[("on.x", "write what differs in one step into that step's own \"on\"")],
        );
        a(
            &format!(r#""steps": [{step}], "on": {{"x": {{"constants": 5}}}}"#),
            &[("on.x.constants", "an object in { }")],
        );
        a(
            &format!(
                r#""steps": [{step}], "on": {{"x": {{"steps": [{step}], "key": "a_id", "ignore": true}}}}"#
            ),
            &[
                ("on.x.key", "replaces all that the mapping does"),
                ("on.x.ignore", "replaces all that the mapping does"),
            ],
        );
        a(
            r#""steps": [{"table": "A", "fields": {"a_id": "ID"}, "on": {"x": {"steps": []}}}]"#,
            &[("steps.0.on.x.steps", "does not go into one")],
        );
        a(
            &format!(
                r#""steps": [{{"table": "A", "fields": {{"a_id": "ID"}}, "on": {{"x": {{"key": "a_id"}}}}}}], "on": {{"X": {{"steps": [{step}]}}}}"#
            ),
            &[("steps.0.on.x", "mapping.a.on.X replaces all steps")],
        );
        a(
            r#""steps": [{"table": "A", "fields": {"a_id": "ID"}}], "on": {"deleted": {"steps": [{"table": "A", "fields": {"a_id": "ID"}}]}}"#,
            &[("on.deleted.steps.0.action", "(marks it), or leave this step out")],
        );
        a(
            r#""table": "A", "fields": {"a_id": "ID"}, "on": {"x": {"steps": [{"table": "A", "fields": {"a_id": "ID"}, "on": {}}]}}"#,
            &[("on.x.steps.0.on", "for the operation \"x\" alone")],
        );
        // All mistakes of all steps, each at its own place.
        a(
            r#""steps": [{"tabel": "A", "fields": {"a_id": "ID", "x": 5}}, {"table": "B", "fields": {"b": "B"}, "key": "c"}]"#,
            &[
                ("steps.0.tabel", "did you mean \"table\"?"),
                ("steps.0.fields.x", "not a number"),
                ("steps.1.key", "not among \"fields\""),
            ],
        );
    }

    #[test]
    fn references_lead_to_an_earlier_step() {
        let refer = |from: &str, part: &str| {
            let text = mapping(&format!(
                r#""visit": {{"steps": [{PATIENT}}}, {{"table": "S"}}, {{"name": "v", "table": "V", "fields": {{"visit_id": "ID", "{from}": "P_NO"}}}},
                   {{"name": "late", "table": "L", "generated_key": "NO", "fields": {{"x": "X"}}}}]}}"#
            ))
            .replace(r#"{"table": "S"}"#, r#"{"name": "run", "sql": "CALL f()", "repeatable": true}, {"name": "plain", "table": "S", "fields": {"visit_id": "ID"}}"#);
            check(&text, &[(&format!("mapping.visit.steps.3.fields.{from}"), part)]);
        };
        refer("$patiant.generated_key", "did you mean \"$patient\"?");
        refer("$doctor.generated_key", "give the step that is meant \"name\": \"doctor\"");
        refer("$late.generated_key", "comes later; move it before this one");
        refer("$v.generated_key", "is this step itself");
        refer("$plain.generated_key", "has no \"generated_key\"; add it there");
        refer("$run.generated_key", "runs a statement");
        refer("$patient.COD", "did you mean \"$patient.CODE\"?");
        refer("$patient.no", "did you mean \"$patient.generated_key\"?");
        refer("$patient.generatedkey", "did you mean \"$patient.generated_key\"?");
        refer("$patient.BIRTH", "does not write BIRTH; it writes NAME, CODE");
        refer("$patient.", "names no step and column");
        refer("$a b.c", "names no step and column");
        let key = |key: &str, at: &str| {
            check(
                &visit("", key, ""),
                &[(&format!("mapping.visit.steps.1.{at}"), "write a field of the event here")],
            );
        };
        key(r#", "when": {"$patient.CODE": 1}"#, "when.$patient.CODE");
        check(
            &visit("", r#", "name": "patient", "generated_key": "ID2""#, ""),
            &[
                ("mapping.visit.steps.1.fields.$patient.generated_key", "two steps are called \"patient\""),
                ("mapping.visit.steps.1.fields.$patient.CODE", "two steps are called \"patient\""),
            ],
        );
        let same = |table: &str| {
            mapping(&format!(
                r#""visit": {{"steps": [{{"table": "P", "generated_key": "NO", "fields": {{"a": "A"}}}}, {{"table": "{table}", "generated_key": "NO", "fields": {{"a": "A"}}}}]}}"#
            ))
        };
        check(&same("p"), &[("mapping.visit.steps.1.name", "is \"visit\" as that of mapping.visit.steps.0")]);
        good(&same("Q"));
        // What is not there because it is misspelt is not told twice.
        check(
            &mapping(
                r#""visit": {"steps": [{"nam": "patient", "table": "P", "generated_ky": "NO", "fields": {"a": "A"}},
                        {"table": "V", "fields": {"visit_id": "ID", "$patient.generated_key": "P"}}]}"#,
            ),
            &[
                ("mapping.visit.steps.0.nam", "did you mean \"name\"?"),
                ("mapping.visit.steps.0.generated_ky", "did you mean \"generated_key\"?"),
            ],
        );
        // But what is misspelt besides is.
        check(
            &visit(r#", "actoin": "update""#, r#", "on": {"x": {"fields": {"$patient.COD": "Z"}}}"#, ""),
            &[
                ("mapping.visit.steps.0.actoin", "did you mean \"action\"?"),
                ("mapping.visit.steps.1.on.x.fields.$patient.COD", "did you mean \"$patient.CODE\"?"),
            ],
        );
    }
}
