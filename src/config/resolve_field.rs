//! From `fields` and `constants` as written to the model's fields, in the order of the file, and the names of sources
//! and columns. What an object says beside its column is for `resolve_target`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    config::{
        file_mapping::{Detailed, Write},
        file_shapes::{OneOrMany, Scalar, Target},
        keypath::{KeyPath, printable},
        problem::nearest,
        resolve::Resolver,
        resolve_mapping::is_no_name,
    },
    model::{
        mapping::{Builtin, Constant, Field, Origin, Source, WriteRule},
        table::{ColumnName, TableName},
        value::Literal,
    },
};

/// What the fields of a step fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// Columns of a row.
    Columns,
    /// Parameters of a statement.
    Parameters,
}

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

impl Write {
    /// The rule as the model has it.
    pub(crate) fn rule(self) -> WriteRule {
        match self {
            Self::Always => WriteRule::Always,
            Self::InsertOnly => WriteRule::InsertOnly,
            Self::IfNull => WriteRule::IfNull,
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
        filling: Filling,
    ) -> Vec<Field> {
        let mut fields = Vec::new();
        for (at, name, targets) in self.in_file_order(at, written) {
            let Some(from) = self.origin(&at, &name) else { continue };
            let targets = targets.at(&at);
            if targets.is_empty() {
                self.wrong(&at, "lists no column; write one, or remove the field");
            }
            for (at, target) in targets {
                fields.extend(self.field(&at, &from, target, filling));
            }
        }
        fields
    }

    /// Resolves `constants`, and a lookup's `where`.
    pub(crate) fn constants(&mut self, at: &KeyPath, written: BTreeMap<String, Scalar>) -> Vec<Constant> {
        let mut constants = Vec::new();
        for (at, name, value) in self.in_file_order(at, written) {
            if let Some(column) = self.column(&at, &name) {
                constants.push(Constant { column, value: value.literal(), at: at.canonical() });
            }
        }
        constants
    }

    /// Where a field comes from: a source, or an earlier step, which may or may not be there.
    pub(crate) fn origin(&mut self, at: &KeyPath, written: &str) -> Option<Origin> {
        let Some((name, column)) = written.strip_prefix('$').and_then(|rest| rest.split_once('.')) else {
            return self.source(at, written).map(Origin::Event);
        };
        if is_no_step_name(name) || is_no_name(column) {
            let shown = printable(written);
            self.wrong(
                at,
                format!("\"{shown}\" names no step and column; write \"$NAME.generated_key\" or \"$NAME.COLUMN\", without spaces"),
            );
            return None;
        }
        let column = (column != GENERATED_KEY).then(|| ColumnName(column.to_owned()));
        Some(Origin::Step { name: name.to_owned(), column })
    }

    /// A source as it is written, or what is wrong with it.
    pub(crate) fn source(&mut self, at: &KeyPath, written: &str) -> Option<Source> {
        let shown = printable(written);
        let padded = written.trim() != written || written.contains(char::is_control);
        if let (Some(source), false) = (Source::parse(written), padded) {
            return Some(source);
        }
        let message = match written.strip_prefix('$') {
            Some(name) if name.contains('.') => format!(
                "\"{shown}\" is what an earlier step got or wrote; that stands on the left side of \"fields\", or in \"sql\" \
                 after a colon, alone; write a field of the event here"
            ),
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

    /// A column's name.
    pub(crate) fn column(&mut self, at: &KeyPath, written: &str) -> Option<ColumnName> {
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

    /// A table's name.
    pub(crate) fn table(&mut self, at: &KeyPath, written: &str) -> Option<TableName> {
        let parts: Vec<&str> = written.split('.').collect();
        let advice = match self.dialect.map_or("", |dialect| dialect.name) {
            "sqlserver" => match in_brackets(written) {
                Some(1..=3) => None,
                Some(_) => {
                    Some("a table of another server cannot be written; write schema.table, as in dbo.VISITS")
                }
                None => {
                    Some("write table or schema.table, as in dbo.VISITS, without quotes and spaces around it")
                }
            },
            "oracle" if written.contains('@') => Some(
                "a table behind a database link cannot be written safely; name one of this database, as table or schema.table",
            ),
            _ if parts.len() > 2 || parts.iter().any(|part| is_no_name(part)) => {
                Some("write table or schema.table, without quotes and spaces around it")
            }
            _ => None,
        };
        let Some(advice) = advice else { return Some(TableName(written.to_owned())) };
        self.wrong(at, format!("\"{}\" is no table's name; {advice}", printable(written)));
        None
    }

    fn field(&mut self, at: &KeyPath, from: &Origin, target: Target, filling: Filling) -> Option<Field> {
        let (column_at, detailed) = match target {
            Target::Column(column) => {
                (at.clone(), Box::new(Detailed { column: Some(column), ..Detailed::default() }))
            }
            Target::Detailed(detailed) => (at.key("column"), detailed),
        };
        self.contradictions(at, from, &detailed, filling);
        let Detailed { column, values, lookup, format, default_from, default, write, timezone, truncate } =
            *detailed;
        let values = values.and_then(|written| self.codes(&at.key("values"), written));
        let lookup = lookup.and_then(|written| self.lookup(&at.key("lookup"), written));
        let format = format.and_then(|written| self.format(&at.key("format"), &written));
        let or_from = default_from
            .map_or_else(Vec::new, |written| self.default_from(&at.key("default_from"), from, written));
        let timezone = timezone.and_then(|zone| self.timezone(&at.key("timezone"), &zone));
        let column = self.column(&column_at, column.as_deref()?)?;
        let received = matches!(from, Origin::Event(Source { builtin: Some(Builtin::ReceivedAt), .. }));
        let by_source =
            if received && filling == Filling::Columns { WriteRule::InsertOnly } else { WriteRule::Always };
        Some(Field {
            from: from.clone(),
            or_from,
            column,
            lookup,
            values,
            format,
            default: default.map(Scalar::literal),
            write: write.map_or(by_source, Write::rule),
            timezone,
            truncate: truncate.unwrap_or(false),
            at: at.canonical(),
        })
    }
}

/// What stands after `$NAME.` where the row's generated key is meant.
pub(crate) const GENERATED_KEY: &str = "generated_key";

/// Whether a text cannot be a step's name, which stands in `$NAME.COLUMN`, in SQL after a colon, and in markers.
pub(crate) fn is_no_step_name(name: &str) -> bool {
    name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// How many parts SQL Server's name of a table has, each perhaps in brackets: `VISITS`, `dbo.[my.table]`, `HIS..VISITS`. None
/// where it is no such name.
fn in_brackets(written: &str) -> Option<usize> {
    let (mut count, mut rest) = (0, written);
    loop {
        let (part, after) = match rest.strip_prefix('[') {
            // A closing bracket within a name is doubled.
            Some(quoted) => {
                let end = quoted.replace("]]", "xx").find(']')?;
                quoted
                    .split_at_checked(end)
                    .map(|(part, after)| (part, after.get(1..).unwrap_or_default()))?
            }
            None => rest.split_at_checked(rest.find('.').unwrap_or(rest.len()))?,
        };
        count += 1;
        // Between two dots a schema may be left out.
        let left_out = part.is_empty() && rest.starts_with('.') && count == 2;
        if is_no_name(part) && !left_out {
            return None;
        }
        match after.strip_prefix('.') {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_brackets;
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
        for key in ["lookup", "format", "default_from"] {
            check(
                &appointment(&format!(r#""fields": {{"x": "X"}}, "{key}": 1"#)),
                &[(&format!("mapping.appointment.{key}"), "belongs to a column")],
            );
        }
        check(
            &appointment(r#""fields": {"x": "X", "$patient.generated_key": "P"}"#),
            &[(
                "mapping.appointment.fields.$patient.generated_key",
                "refers to an earlier step \"patient\", and there is none; write both rows as \"steps\"",
            )],
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
        table("[dbo].[A]", "without quotes");
        let of = |database: &str, table: &str, part: &str| {
            let text = format!(
                r#"{{"database": {{{database}, "host": "db", "user": "u", "password": "hunter2", "database": "his"}},
                    "mapping": {{"a": {{"table": "{table}", "fields": {{"x": "X"}}}}}}}}"#
            );
            check(&text, &[("mapping.a.table", part)]);
        };
        of(r#""type": "sqlserver""#, "SRV.HIS.dbo.A", "a table of another server");
        of(r#""type": "sqlserver""#, "dbo.", "write table or schema.table, as in dbo.VISITS");
        of(r#""type": "sqlserver""#, "[dbo.A", "write table or schema.table, as in dbo.VISITS");
        of(r#""type": "oracle""#, "A@HIS", "behind a database link");
        of(r#""type": "oracle""#, "A.B.C", "table or schema.table");
    }

    #[test]
    fn a_name_of_sql_server_may_have_brackets() {
        let check = |written: &str, expected: Option<usize>| {
            assert_eq!(in_brackets(written), expected, "{written}");
        };
        check("VISITS", Some(1));
        check("dbo.VISITS", Some(2));
        check("[dbo].[my.table]", Some(2));
        check("[a]]b].T", Some(2));
        check("HIS.dbo.VISITS", Some(3));
        check("HIS..VISITS", Some(3));
        check("SRV.HIS.dbo.VISITS", Some(4));
        for wrong in ["", ".", "dbo.", ".VISITS", "a...b", "[a", "[a]b", "[]", "\"a\"", "dbo. A", " A"] {
            check(wrong, None);
        }
    }
}
