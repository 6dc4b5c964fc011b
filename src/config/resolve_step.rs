//! From one step as written, or a mapping that is one, to a [`Draft`]: its parts, and what differs by operation, each
//! still apart. It knows no other step; `resolve_steps` puts them together.

use std::collections::BTreeMap;

use crate::{
    config::{
        file_mapping as file,
        file_shapes::{OneOrMany, Scalar},
        keypath::{KeyPath, printable},
        resolve::Resolver,
        resolve_field::{Filling, GENERATED_KEY, is_no_step_name},
        resolve_mapping::folded,
    },
    limits::EVENT_KIND_BYTES_MAX,
    model::{
        event::EventKind,
        mapping::{Action, Condition, Constant, Field, Marker, MissingRow, Origin, Source},
        table::{ColumnName, TableName},
    },
    sql::parameters,
};

/// What a step does, or what differs in it for an operation.
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
    /// Those of `concat` come last.
    pub(crate) fields: Vec<Field>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) missing_row: Option<MissingRow>,
    pub(crate) marker: Option<Marker>,
}

/// A step as far as it can be known by itself.
pub(crate) struct Draft {
    pub(crate) at: KeyPath,
    pub(crate) name: String,
    pub(crate) base: Base,
    pub(crate) parts: Parts,
    /// By operation, in lower case.
    pub(crate) on: BTreeMap<String, Parts>,
}

/// What no operation changes. A table or statement that has a problem is not there.
pub(crate) enum Base {
    Row { table: Option<TableName>, generated: Option<ColumnName> },
    Sql { statement: Option<Statement>, repeatable: bool },
}

/// A statement with a `?` for each parameter.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<ColumnName>,
}

impl Base {
    pub(crate) fn generated(&self) -> Option<&ColumnName> {
        match self {
            Self::Row { generated, .. } => generated.as_ref(),
            Self::Sql { .. } => None,
        }
    }

    pub(crate) fn table(&self) -> Option<&TableName> {
        match self {
            Self::Row { table, .. } => table.as_ref(),
            Self::Sql { .. } => None,
        }
    }

    fn filling(&self) -> Filling {
        match self {
            Self::Row { .. } => Filling::Columns,
            Self::Sql { .. } => Filling::Parameters,
        }
    }
}

impl Parts {
    /// The columns, or parameters, that are written.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&ColumnName, &String)> {
        let fields = self.fields.iter().map(|f| (&f.column, &f.at));
        fields.chain(self.constants.iter().map(|c| (&c.column, &c.at)))
    }
}

impl Resolver<'_> {
    /// Resolves a step, or a mapping that is one, but for `steps` and `ignore`, and without its `on`.
    pub(crate) fn draft(&mut self, at: &KeyPath, kind: &EventKind, written: file::Mapping) -> Draft {
        let name = self.step_name(at, kind, written.name.as_deref());
        let base = self.base(at, &written);
        let file::Mapping { fields, concat, constants, key, action, when, missing_row, marker, .. } = written;
        let (steps, ignore) = (None, None);
        let operation = file::Operation {
            fields,
            concat,
            constants,
            key,
            action,
            when,
            missing_row,
            marker,
            steps,
            ignore,
        };
        let parts = self.parts(at, &base, operation);
        let draft = Draft { at: at.clone(), name, base, parts, on: BTreeMap::new() };
        self.maps_something(&draft);
        self.misplaced(&draft, &draft.parts, draft.parts.action);
        draft
    }

    fn step_name(&mut self, at: &KeyPath, kind: &EventKind, written: Option<&str>) -> String {
        let Some(name) = written else { return kind.base().to_owned() };
        if is_no_step_name(name) || name.len() > EVENT_KIND_BYTES_MAX {
            let shown = printable(name);
            self.wrong(
                &at.key("name"),
                format!(
                    "\"{shown}\" is no step's name; write letters, digits, _ and - alone, e.g. \"patient\""
                ),
            );
        }
        name.to_owned()
    }

    fn base(&mut self, at: &KeyPath, written: &file::Mapping) -> Base {
        let sql_at = at.key("sql");
        let is_statement = written.sql.is_some() || (written.table.is_none() && self.is_broken(&sql_at));
        if !is_statement {
            if written.repeatable.is_some() {
                self.wrong(
                    &at.key("repeatable"),
                    "belongs to \"sql\"; remove it: writing a row twice does no harm",
                );
            }
            let table_at = at.key("table");
            let table = written.table.as_deref().and_then(|name| self.table(&table_at, name));
            if written.table.is_none() {
                let otherwise = if is_step(at) { "\"sql\": \"...\"" } else { "\"ignore\": true" };
                let message =
                    format!("is missing; add the HIS table, \"table\": \"HIS_...\" (or {otherwise})");
                self.missing(&table_at, message);
            }
            let generated = written.generated_key.as_deref();
            let generated = generated.and_then(|name| self.column(&at.key("generated_key"), name));
            return Base::Row { table, generated };
        }
        let strangers = [
            ("table", written.table.is_some()),
            ("action", written.action.is_some()),
            ("generated_key", written.generated_key.is_some()),
            ("missing_row", written.missing_row.is_some()),
        ];
        for (key, _) in strangers.into_iter().filter(|(_, there)| *there) {
            self.beside_sql(&at.key(key));
        }
        let repeatable = written.repeatable.unwrap_or(false);
        if repeatable && written.marker.is_some() {
            let message = "has no use beside \"repeatable\": true, which says that running the statement twice does no harm; \
                           keep one of them";
            self.wrong(&at.key("marker"), message);
        }
        let statement = written.sql.as_deref().and_then(|sql| self.statement(&sql_at, sql));
        Base::Sql { statement, repeatable }
    }

    fn beside_sql(&mut self, at: &KeyPath) {
        self.wrong(at, "has no use beside \"sql\", which says itself what is done; keep one of them");
    }

    fn statement(&mut self, at: &KeyPath, sql: &str) -> Option<Statement> {
        // Without a type `shape` has told of it.
        let dialect = self.dialect?;
        let parsed = parameters::parse(sql, dialect);
        let parsed = parsed.map_err(|message| self.wrong(at, message)).ok()?;
        let (sql, names) = parsed.render(dialect);
        let parameters = names.into_iter().map(|name| ColumnName(name.to_owned())).collect();
        Some(Statement { sql, parameters })
    }

    /// Resolves what differs in a step for an operation.
    pub(crate) fn own(&mut self, at: &KeyPath, draft: &Draft, written: file::Operation) -> Parts {
        if let Base::Sql { .. } = draft.base {
            for (key, there) in
                [("action", written.action.is_some()), ("missing_row", written.missing_row.is_some())]
            {
                if there {
                    self.beside_sql(&at.key(key));
                }
            }
        }
        let own = self.parts(at, &draft.base, written);
        if own.ignore && own.others {
            self.not_alone(at);
        }
        self.misplaced(draft, &own, own.action.or(draft.parts.action));
        own
    }

    fn parts(&mut self, at: &KeyPath, base: &Base, written: file::Operation) -> Parts {
        let file::Operation {
            fields,
            concat,
            constants,
            key,
            action,
            when,
            missing_row,
            marker,
            steps: _,
            ignore,
        } = written;
        let replaces = key.is_some() || action.is_some() || missing_row.is_some() || marker.is_some();
        let others =
            fields.is_some() || concat.is_some() || constants.is_some() || when.is_some() || replaces;
        let silent = fields.as_ref().is_none_or(BTreeMap::is_empty)
            && concat.as_ref().is_none_or(BTreeMap::is_empty)
            && constants.as_ref().is_none_or(BTreeMap::is_empty)
            && when.as_ref().is_none_or(BTreeMap::is_empty)
            && !replaces;
        let filling = base.filling();
        let mut fields =
            fields.map_or_else(Vec::new, |written| self.fields(&at.key("fields"), written, filling));
        fields
            .extend(concat.into_iter().flat_map(|written| self.concat(&at.key("concat"), written, filling)));
        let constants =
            constants.map_or_else(Vec::new, |written| self.constants(&at.key("constants"), written));
        let parts = Parts {
            at: at.clone(),
            ignore: ignore.unwrap_or(false),
            others,
            silent,
            action: action.map(file::Action::model),
            key: key.and_then(|written| self.key(&at.key("key"), written)),
            when: when.map(|written| self.conditions(&at.key("when"), written)),
            fields,
            constants,
            missing_row: missing_row.map(|written| match written {
                file::MissingRow::Park => MissingRow::Park,
                file::MissingRow::Insert => MissingRow::Insert,
            }),
            marker: marker.and_then(|written| self.marker(&at.key("marker"), written)),
        };
        self.written_twice(&parts);
        parts
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

    fn conditions(&mut self, at: &KeyPath, written: BTreeMap<String, OneOrMany<Scalar>>) -> Vec<Condition> {
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

    /// A column may be written once in `fields`, `concat` and `constants` of one object.
    fn written_twice(&mut self, parts: &Parts) {
        let mut first: BTreeMap<String, &String> = BTreeMap::new();
        for (column, at) in parts.columns() {
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

    /// A row needs a field by which it is known, or at least something that is written.
    fn maps_something(&mut self, draft: &Draft) {
        let Base::Row { generated, .. } = &draft.base else { return };
        let fields_at = draft.at.key("fields");
        if generated.is_some() || self.is_broken(&draft.at.key(GENERATED_KEY)) {
            return;
        }
        let parts = &draft.parts;
        let inserts = parts.action == Some(Action::Insert);
        let joined = |field: &Field| matches!(field.from, Origin::Text(_));
        let enough =
            if inserts { parts.columns().next().is_some() } else { !parts.fields.iter().all(joined) };
        if !enough {
            let message = "maps no field; add at least one, e.g. \"fields\": { \"appointment_id\": \"HIS_appointment_id\" }";
            self.missing(&fields_at, message);
        }
    }

    /// `missing_row` and `marker` where they have no use, or another form.
    fn misplaced(&mut self, draft: &Draft, parts: &Parts, action: Option<Action>) {
        let generated = draft.base.generated().is_some() || self.is_broken(&draft.at.key(GENERATED_KEY));
        if let (Base::Row { .. }, Some(_), false) = (&draft.base, parts.missing_row, generated) {
            let message =
                "belongs to \"generated_key\", the column by which the row is known; remove it, or add that";
            self.wrong(&parts.at.key("missing_row"), message);
        }
        let Some(marker) = &parts.marker else { return };
        let at = parts.at.key("marker");
        let inserts = matches!(action, None | Some(Action::Upsert | Action::Insert));
        let message = match (&draft.base, marker) {
            (Base::Sql { .. }, Marker::Column(_)) => {
                "is a column, but a statement has no table of its own; write a table that is there for this alone, \
                 { \"table\": \"...\", \"column\": \"...\" }"
            }
            (Base::Sql { .. }, Marker::Table { .. }) => return,
            (Base::Row { .. }, Marker::Table { .. }) if generated => {
                "is a table of its own, but beside \"generated_key\" it must be found in the row; write the name of a text \
                 column of the table that nothing else uses"
            }
            (Base::Row { .. }, _) if generated && inserts => return,
            (Base::Row { table: Some(own), .. }, Marker::Table { table, .. })
                if own.0.eq_ignore_ascii_case(&table.0) =>
            {
                "is the table that is written itself; write the name of its column alone, or another table"
            }
            (Base::Row { .. }, _) if action == Some(Action::Insert) => return,
            (Base::Row { .. }, _) => {
                "has no use here: the row is found by its key, so that nothing is inserted twice; remove it"
            }
        };
        self.wrong(&at, message);
    }
}

/// Whether this is the place of one of several steps.
pub(crate) fn is_step(at: &KeyPath) -> bool {
    at.parts().iter().nth_back(1).is_some_and(|part| part == "steps")
}

impl file::Action {
    /// The action as the model has it.
    fn model(self) -> Action {
        match self {
            Self::Upsert => Action::Upsert,
            Self::Insert => Action::Insert,
            Self::Update => Action::Update,
            Self::Delete => Action::Delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::tests::{appointment, check, columns, good, mapping, step},
        model::mapping::{GeneratedKey, What},
    };

    #[test]
    fn generated_keys_and_markers_are_resolved() {
        let config = good(&mapping(
            r#""a": {"name": "patient", "table": "A", "generated_key": "NO", "marker": "REF", "key": ["x", "y.z"], "fields": {"n": "N"},
                     "on": {"moved": {"missing_row": "insert", "marker": "REF2", "key": "x"}, "deleted": {"action": "delete"}}},
               "b": {"table": "B", "generated_key": "NO", "action": "delete"},
               "c": {"table": "C", "action": "insert", "marker": {"table": "M", "column": "R"}, "constants": {"K": 1}},
               "d": {"table": "D", "generated_key": "NO", "action": "update", "key": "x"}"#,
        ));
        let generated = |kind: &str, on: Option<&str>| match &step(&config, kind, on).what {
            What::Row { generated: Some(GeneratedKey { column, missing_row }), .. } => {
                (column.0.clone(), *missing_row)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(generated("a", None), ("NO".to_owned(), MissingRow::Park));
        assert_eq!(generated("a", Some("moved")), ("NO".to_owned(), MissingRow::Insert));
        let column = |name: &str| Some(Marker::Column(ColumnName(name.to_owned())));
        assert_eq!(
            (step(&config, "a", None).name.as_str(), &step(&config, "a", None).marker),
            ("patient", &column("REF"))
        );
        assert_eq!(step(&config, "a", Some("moved")).marker, column("REF2"));
        assert_eq!(step(&config, "a", Some("deleted")).marker, column("REF"));
        let key = |kind: &str, on| step(&config, kind, on).key.as_ref().map(Vec::len);
        assert_eq!((key("a", None), key("a", Some("moved")), key("b", None)), (Some(2), Some(1), None));
        assert_eq!(step(&config, "b", None).name, "b");
        let marker = Marker::Table { table: TableName("M".to_owned()), column: ColumnName("R".to_owned()) };
        assert_eq!(step(&config, "c", None).marker, Some(marker));
    }

    #[test]
    fn mistakes_about_generated_keys() {
        let row = |inner: &str, at: &str, part: &str| {
            check(
                &appointment(&format!(r#""fields": {{"appointment_id": "ID", "s": "ST"}}, {inner}"#)),
                &[(&format!("mapping.appointment.{at}"), part)],
            );
        };
        row(r#""missing_row": "park""#, "missing_row", "belongs to \"generated_key\"");
        row(r#""on": {"x": {"missing_row": "insert"}}"#, "on.x.missing_row", "belongs to \"generated_key\"");
        row(r#""generated_key": "NO", "missing_row": "instert""#, "missing_row", "did you mean \"insert\"?");
        row(
            r#""generated_key": "id""#,
            "fields.appointment_id",
            "which the table fills itself (\"generated_key\")",
        );
        row(
            r#""generated_key": "NO", "constants": {"no": 1}"#,
            "constants.no",
            "which the table fills itself",
        );
        row(r#""generated_key": "NO", "concat": {"NO": "{x}"}"#, "concat.NO", "which the table fills itself");
        row(
            r#""generated_key": "NO", "on": {"x": {"fields": {"y": "NO"}}}"#,
            "on.x.fields.y",
            "which the table fills itself",
        );
        row(r#""generated_key": """#, "generated_key", "no column's name");
        row(r#""auto_increment": "NO""#, "auto_increment", "did you mean \"generated_key\"?");
        row(r#""name": "a.b""#, "name", "letters, digits, _ and - alone");
        row(r#""name": """#, "name", "is no step's name");
        let empty = |inner: &str, at: &str, part: &str| {
            check(&appointment(inner), &[(&format!("mapping.appointment.{at}"), part)]);
        };
        empty(r#""generated_key": "NO""#, "fields", "new rows would be empty");
        empty(
            r#""generated_key": "NO", "action": "update", "on": {"x": {"action": "upsert"}}"#,
            "on.x.fields",
            "new rows would be empty",
        );
        empty(r#""constants": {"C": 1}"#, "fields", "maps no field");
        empty(r#""concat": {"C": "{x}"}"#, "fields", "maps no field");
        empty(r#""action": "insert""#, "fields", "maps no field");
        good(&appointment(r#""action": "insert", "concat": {"C": "{x}"}"#));
        good(&appointment(r#""generated_key": "NO", "constants": {"C": 1}"#));
    }

    #[test]
    fn mistakes_about_markers() {
        let row = |inner: &str, part: &str| {
            check(
                &appointment(&format!(r#""fields": {{"appointment_id": "ID", "s": "ST"}}, {inner}"#)),
                &[("mapping.appointment.marker", part)],
            );
        };
        row(r#""marker": "REF""#, "has no use here: the row is found by its key");
        row(r#""marker": "REF", "action": "update""#, "has no use here");
        row(r#""generated_key": "NO", "marker": "REF", "action": "delete""#, "has no use here");
        row(r#""generated_key": "NO", "marker": {"table": "M", "column": "R"}"#, "the name of a text column");
        row(r#""generated_key": "NO", "marker": "no""#, "is the \"generated_key\"");
        row(
            r#""action": "insert", "marker": {"table": "a", "column": "R"}"#,
            "is the table that is written itself",
        );
        row(r#""action": "insert", "marker": """#, "no column's name");
        row(r#""action": "insert", "marker": 5"#, "text in double quotes or an object in { }");
        let at = |inner: &str, at: &str, part: &str| {
            check(
                &appointment(&format!(r#""action": "insert", "fields": {{"s": "ST"}}, {inner}"#)),
                &[(&format!("mapping.appointment.{at}"), part)],
            );
        };
        at(r#""marker": "st""#, "fields.s", "which \"marker\" needs for itself");
        at(r#""marker": {"table": "M"}"#, "marker.column", "is missing; add the text column in it");
        at(r#""marker": {"tabel": "M", "column": "C"}"#, "marker.tabel", "did you mean \"table\"?");
    }

    #[test]
    fn statements_are_resolved() {
        let config = good(&mapping(
            r#""a": {"sql": "CALL f(:x, :b.c, :t, :x, ':no', :$event_id, :received_at);", "marker": {"table": "M", "column": "R"}, "key": "k",
                     "fields": {"start": {"column": "t", "format": "%H:%M"}},
                     "on": {"moved": {"fields": {"new": "t"}, "constants": {"x": 1}}, "deleted": {}}},
               "b": {"sql": "CALL g(:s)", "repeatable": true, "when": {"s": 1}}"#,
        ));
        let base = step(&config, "a", None);
        let What::Sql { sql, parameters, repeatable: false } = &base.what else { panic!("{base:?}") };
        assert_eq!(sql, "CALL f(?, ?, ?, ?, ':no', ?, ?)");
        let names: Vec<&str> = parameters.iter().map(|p| p.0.as_str()).collect();
        assert_eq!(names, ["x", "b.c", "t", "x", "$event_id", "received_at"]);
        // Each has a field or a constant; those that none names are sources.
        assert_eq!(columns(base), ["t", "x", "b.c", "$event_id", "received_at"]);
        assert!(base.fields.iter().all(|f| f.write == crate::model::mapping::WriteRule::Always));
        let moved = step(&config, "a", Some("moved"));
        assert_eq!(columns(moved), ["t", "b.c", "$event_id", "received_at"]);
        assert_eq!((moved.fields[0].source().unwrap().written.as_str(), moved.constants.len()), ("new", 1));
        assert_eq!(step(&config, "a", Some("deleted")).action(), None);
        assert!(matches!(step(&config, "b", None).what, What::Sql { repeatable: true, .. }));
    }

    #[test]
    fn mistakes_about_statements() {
        let sql = |inner: &str, at: &str, part: &str| {
            check(
                &mapping(&format!(r#""a": {{"sql": "CALL f(:x, :start)", {inner}}}"#)),
                &[(&format!("mapping.a.{at}"), part)],
            );
        };
        for key in ["table", "generated_key"] {
            sql(&format!(r#""{key}": "A""#), key, "has no use beside \"sql\"");
        }
        sql(r#""action": "update""#, "action", "has no use beside \"sql\"");
        sql(r#""missing_row": "park""#, "missing_row", "has no use beside \"sql\"");
        sql(r#""on": {"x": {"action": "delete"}}"#, "on.x.action", "has no use beside \"sql\"");
        sql(r#""marker": "REF""#, "marker", "a statement has no table of its own");
        sql(r#""repeatable": true, "marker": {"table": "M", "column": "C"}"#, "marker", "keep one of them");
        sql(r#""fields": {"x": "strat"}"#, "fields.x", "did you mean \"start\"?");
        sql(r#""fields": {"x": "X"}"#, "fields.x", "did you mean \"x\"?");
        sql(r#""constants": {"other": 1}"#, "constants.other", "write :other there, or remove this");
        sql(r#""concat": {"other": "{x}"}"#, "concat.other", "write :other there");
        sql(r#""on": {"c": {"constants": {"other": 1}}}"#, "on.c.constants.other", "write :other there");
        sql(
            r#""fields": {"x": {"column": "x", "write": "if_null"}}"#,
            "fields.x.write",
            "no column of a row",
        );
        sql(
            r#""fields": {"x": {"column": "x", "truncate": true}}"#,
            "fields.x.truncate",
            "no column of a row",
        );
        sql(
            r#""concat": {"x": {"text": "{x}", "truncate": true}}"#,
            "concat.x.truncate",
            "no column of a row",
        );
        let text = |sql: &str, part: &str| {
            check(&mapping(&format!(r#""a": {{"sql": "{sql}"}}"#)), &[("mapping.a.sql", part)]);
        };
        text("", "has no statement");
        text("CALL f(:x); CALL g(:x)", "line 1, column 13");
        text("CALL f(?)", "write its name after a colon");
        text("DROP TABLE x", "let the DBA do that by hand");
        text("CALL f(:$now)", "\"$now\" is not built in");
        text("CALL f(:$p.generated_key)", "refers to an earlier step \"p\", and there is none");
        check(&mapping(r#""a": {"sql": 5}"#), &[("mapping.a.sql", "text in double quotes")]);
        check(&mapping(r#""a": {"query": "CALL f()"}"#), &[("mapping.a.query", "did you mean \"sql\"?")]);
        check(
            &appointment(r#""fields": {"x": "X"}, "repeatable": false"#),
            &[("mapping.appointment.repeatable", "belongs to \"sql\"")],
        );
    }
}
