//! What a mapping says beside a column: codes, lookups, forms of dates and numbers, texts made of several fields, and
//! which of these leave no room for another. It looks at no event and at no table.

use std::collections::BTreeMap;

use crate::{
    config::{
        file_mapping::{self as file, Detailed},
        file_shapes::{Joined, MarkerAt, OneOrMany, Scalar},
        keypath::{KeyPath, printable},
        resolve::Resolver,
        resolve_field::Filling,
        resolve_mapping::folded,
    },
    model::{
        format::Format,
        mapping::{Codes, Field, Lookup, Marker, Missing, Origin, Source, WriteRule},
        template::Template,
        value::Literal,
    },
};

/// Keys of a column that leave no room for another: the one, the other, and what to say at the other.
const CONTRADICTIONS: [(&str, &str, &str); 8] = [
    ("values", "truncate", "has no use beside \"values\", whose texts are fixed; remove it"),
    ("values", "timezone", "has no use beside \"values\", which are no times; remove it"),
    ("values", "format", "has no use beside \"values\", which are written as they stand; remove it"),
    (
        "values",
        "lookup",
        "cannot stand beside \"values\": both say what is written instead; keep one of them",
    ),
    ("lookup", "format", "has no use beside \"lookup\", which writes what the other table has; remove it"),
    ("lookup", "truncate", "has no use beside \"lookup\", which writes what the other table has; remove it"),
    ("lookup", "timezone", "has no use beside \"lookup\", which writes what the other table has; remove it"),
    ("format", "truncate", "would make another date or number of one that is cut; remove it"),
];

impl Resolver<'_> {
    /// Tells which keys of a column make no sense together, or for what fills it.
    pub(crate) fn contradictions(
        &mut self,
        at: &KeyPath,
        from: &Origin,
        written: &Detailed,
        filling: Filling,
    ) {
        let has = |key: &str| match key {
            "values" => written.values.is_some(),
            "lookup" => written.lookup.is_some(),
            "format" => written.format.is_some(),
            "timezone" => written.timezone.is_some(),
            "write" => written.write.is_some(),
            _ => written.truncate.unwrap_or(false),
        };
        if filling == Filling::Parameters {
            for key in ["write", "truncate"].into_iter().filter(|key| has(key)) {
                self.of_columns_alone(&at.key(key));
            }
        }
        if let Origin::Step { name, .. } = from {
            let transforming = ["values", "lookup", "format", "timezone", "truncate"];
            for key in transforming.into_iter().filter(|key| has(key)) {
                let message = format!(
                    "has no use here: what the step \"{name}\" has is taken over as it is; remove it"
                );
                self.wrong(&at.key(key), message);
            }
            return;
        }
        for (_, other, message) in CONTRADICTIONS.iter().filter(|(one, other, _)| has(one) && has(other)) {
            self.wrong(&at.key(other), *message);
        }
    }

    fn of_columns_alone(&mut self, at: &KeyPath) {
        self.wrong(at, "has no use beside \"sql\": a parameter is no column of a row; remove it");
    }

    /// Resolves `default_from` of a field that comes from `from`.
    pub(crate) fn default_from(
        &mut self,
        at: &KeyPath,
        from: &Origin,
        written: OneOrMany<String>,
    ) -> Vec<Source> {
        let mut all: Vec<Source> = Vec::new();
        let written = written.at(at);
        if written.is_empty() {
            self.wrong(at, "names no field; write one or more, or remove it");
        }
        for (at, name) in written {
            let Some(source) = self.source(&at, &name) else { continue };
            if *from == Origin::Event(source.clone()) {
                self.wrong(
                    &at,
                    "is the field itself; name another one that is used where this one is missing",
                );
            } else if all.contains(&source) {
                self.wrong(&at, "stands twice in this list; remove one");
            } else {
                all.push(source);
            }
        }
        all
    }

    /// Resolves `values`.
    pub(crate) fn codes(&mut self, at: &KeyPath, written: BTreeMap<String, Scalar>) -> Option<Codes> {
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

    /// Resolves `format`.
    pub(crate) fn format(&mut self, at: &KeyPath, written: &str) -> Option<Format> {
        Format::parse(written).map_err(|message| self.wrong(at, message)).ok()
    }

    /// Resolves `lookup`.
    pub(crate) fn lookup(&mut self, at: &KeyPath, written: file::Lookup) -> Option<Lookup> {
        let file::Lookup { table, matches, take, missing, only } = written;
        let table = table.and_then(|written| self.table(&at.key("table"), &written));
        let match_at = at.key("match");
        let matches = matches.and_then(|written| self.column(&match_at, &written));
        let take = take.and_then(|written| self.column(&at.key("take"), &written));
        let only = only.map_or_else(Vec::new, |written| self.constants(&at.key("where"), written));
        if let Some(matches) = &matches
            && let Some(fixed) = only.iter().find(|fixed| folded(&fixed.column) == folded(matches))
        {
            let message = "is the column of \"match\", which holds the event's value; remove it";
            self.wrong(&KeyPath::parse(&fixed.at), message);
        }
        let missing = missing.map_or(Missing::Park, |written| self.missing_of(&at.key("missing"), written));
        Some(Lookup { table: table?, matches: matches?, take: take?, only, missing, at: at.canonical() })
    }

    fn missing_of(&mut self, at: &KeyPath, written: Scalar) -> Missing {
        let text = match written.literal() {
            Literal::Text(text) if text == "park" => return Missing::Park,
            Literal::Text(text) if text == "null" => return Missing::Value(Literal::Null),
            Literal::Text(text) => text,
            other => return Missing::Value(other),
        };
        if let Some(word) = ["park", "null"].into_iter().find(|word| text.eq_ignore_ascii_case(word)) {
            self.wrong(
                at,
                format!("\"{}\" would be written as it stands; write \"{word}\"", printable(&text)),
            );
        }
        Missing::Value(Literal::Text(text))
    }

    /// Resolves `concat`.
    pub(crate) fn concat(
        &mut self,
        at: &KeyPath,
        written: BTreeMap<String, Joined>,
        filling: Filling,
    ) -> Vec<Field> {
        let mut fields = Vec::new();
        for (at, name, joined) in self.in_file_order(at, written) {
            let column = self.column(&at, &name);
            let (text_at, concat) = match joined {
                Joined::Text(text) => {
                    (at.clone(), file::Concat { text: Some(text), ..file::Concat::default() })
                }
                Joined::Detailed(concat) => (at.key("text"), concat),
            };
            let file::Concat { text, write, timezone, truncate } = concat;
            if filling == Filling::Parameters {
                for (key, _) in [("write", write.is_some()), ("truncate", truncate == Some(true))]
                    .into_iter()
                    .filter(|(_, there)| *there)
                {
                    self.of_columns_alone(&at.key(key));
                }
            }
            let timezone = timezone.and_then(|zone| self.timezone(&at.key("timezone"), &zone));
            // Without a text `shape` has told of it.
            let template = text.map(|text| Template::parse(&text));
            let template = template.and_then(|t| t.map_err(|message| self.wrong(&text_at, message)).ok());
            let (Some(column), Some(template)) = (column, template) else { continue };
            fields.push(Field {
                from: Origin::Text(template),
                or_from: Vec::new(),
                column,
                lookup: None,
                values: None,
                format: None,
                default: None,
                write: write.map_or(WriteRule::Always, file::Write::rule),
                timezone,
                truncate: truncate.unwrap_or(false),
                at: at.canonical(),
            });
        }
        fields
    }

    /// Resolves `marker`.
    pub(crate) fn marker(&mut self, at: &KeyPath, written: MarkerAt) -> Option<Marker> {
        match written {
            MarkerAt::Column(column) => self.column(at, &column).map(Marker::Column),
            MarkerAt::Table(file::MarkerTable { table, column }) => {
                let table = table.and_then(|written| self.table(&at.key("table"), &written));
                let column = column.and_then(|written| self.column(&at.key("column"), &written));
                Some(Marker::Table { table: table?, column: column? })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{appointment, check, columns, good, step};

    #[test]
    fn what_a_target_says_is_resolved() {
        let config = good(&appointment(
            r##""fields": {"appointment_id": "ID", "d": {"column": "D", "lookup": {"table": "h.T", "match": "M", "take": "K", "where": {"A": 1}}},
                           "e": {"column": "E", "lookup": {"table": "T", "match": "M", "take": "K", "missing": null}},
                           "f": {"column": "F", "lookup": {"table": "T", "match": "M", "take": "K", "missing": "null"}},
                           "g": {"column": "G", "lookup": {"table": "T", "match": "M", "take": "K", "missing": -1}},
                           "t": {"column": "T", "format": "%d/%m/%Y", "timezone": "UTC", "default_from": ["u", "$received_at"], "default": "x"},
                           "n": {"column": "N", "format": "#,##0.00"}},
                "concat": {"NAME": "{first} {last}", "NOTE": {"text": "{start:%H:%M}", "write": "insert_only", "truncate": true, "timezone": "UTC"}},
                "on": {"x": {"concat": {"name": "{last}"}, "constants": {"NOTE": null}}}"##,
        ));
        let base = step(&config, "appointment", None);
        assert_eq!(columns(base), ["ID", "D", "E", "F", "G", "T", "N", "NAME", "NOTE"]);
        let missing: Vec<_> = base.fields.iter().filter_map(|f| Some(&f.lookup.as_ref()?.missing)).collect();
        let null = Missing::Value(Literal::Null);
        let minus = Missing::Value(Literal::Number("-1".to_owned()));
        assert_eq!(missing, [&Missing::Park, &null, &null, &minus]);
        let lookup = base.fields[1].lookup.as_ref().unwrap();
        assert_eq!(
            (lookup.table.0.as_str(), lookup.matches.0.as_str(), lookup.take.0.as_str(), lookup.only.len()),
            ("h.T", "M", "K", 1)
        );
        assert_eq!(lookup.at, "mapping.appointment.fields.d.lookup");
        assert!(matches!(
            (&base.fields[5].format, &base.fields[6].format),
            (Some(Format::Date(_)), Some(Format::Number(_)))
        ));
        let or_from: Vec<_> = base.fields[5].or_from.iter().map(|s| s.written.as_str()).collect();
        assert_eq!(or_from, ["u", "$received_at"]);
        let note = &base.fields[8];
        assert_eq!(
            (note.write, note.truncate, note.timezone),
            (WriteRule::InsertOnly, true, Some(chrono_tz::UTC))
        );
        assert!(matches!(note.from, Origin::Text(_)) && note.source().is_none());
        assert_eq!(note.at, "mapping.appointment.concat.NOTE");
        assert_eq!(
            columns(step(&config, "appointment", Some("x"))),
            ["ID", "D", "E", "F", "G", "T", "N", "name"]
        );
    }

    const LOOKUP: &str = r#""lookup": {"table": "T", "match": "M", "take": "K"}"#;

    #[test]
    fn mistakes_in_lookups_and_formats() {
        let field = |inner: &str, at: &str, part: &str| {
            check(
                &appointment(&format!(r#""fields": {{"x": {{"column": "X", {inner}}}}}"#)),
                &[(&format!("mapping.appointment.fields.x.{at}"), part)],
            );
        };
        let lookup = |inner: &str, at: &str, part: &str| {
            field(&LOOKUP.replace("\"K\"", &format!("\"K\", {inner}")), &format!("lookup.{at}"), part);
        };
        lookup(r#""from": "T""#, "from", "known here: match, missing, table, take, where");
        lookup(r#""mising": null"#, "mising", "did you mean \"missing\"?");
        lookup(r#""filter": {}"#, "filter", "did you mean \"where\"?");
        lookup(r#""missing": "Park""#, "missing", "would be written as it stands; write \"park\"");
        lookup(r#""missing": []"#, "missing", "not a list");
        lookup(r#""where": {"m": 1}"#, "where.m", "is the column of \"match\"");
        field(
            r#""lookup": {"from": "T", "match": "M", "take": "K"}"#,
            "lookup.from",
            "did you mean \"table\"?",
        );
        field(
            r#""lookup": {"table": "T", "match": "M"}"#,
            "lookup.take",
            "add the column whose value is written",
        );
        field(
            r#""lookup": {"table": "a.b.c", "match": "M", "take": "K"}"#,
            "lookup.table",
            "no table's name",
        );
        field(r#""lookup": "T""#, "lookup", "an object in { }");
        field(&format!(r#"{LOOKUP}, "values": {{"a": 1}}"#), "lookup", "cannot stand beside \"values\"");
        field(&format!(r#"{LOOKUP}, "truncate": true"#), "truncate", "beside \"lookup\"");
        field(&format!(r#"{LOOKUP}, "format": "%d""#), "format", "beside \"lookup\"");
        field(&format!(r#"{LOOKUP}, "timezone": "UTC""#), "timezone", "beside \"lookup\"");
        field(r#""format": "%d", "values": {"a": 1}"#, "format", "beside \"values\"");
        field(r#""format": "%d", "truncate": true"#, "truncate", "another date or number");
        field(r#""format": "dd.mm.yyyy""#, "format", "is no format");
        field(r#""format": """#, "format", "the format is empty");
        field(r#""default_from": []"#, "default_from", "names no field");
        field(r#""default_from": "x""#, "default_from", "is the field itself");
        field(r#""default_from": ["y", "y"]"#, "default_from.1", "stands twice");
        field(r#""default_from": "$p.C""#, "default_from", "write a field of the event here");
        field(r#""ref": {}"#, "ref", "did you mean \"lookup\"?");
        field(r#""concat": "{a}""#, "concat", "stands beside \"fields\"");
    }

    #[test]
    fn mistakes_in_texts_of_several_fields() {
        let concat = |inner: &str, at: &str, part: &str| {
            check(
                &appointment(&format!(r#""fields": {{"appointment_id": "ID"}}, "concat": {{{inner}}}"#)),
                &[(&format!("mapping.appointment.{at}"), part)],
            );
        };
        concat(r#""C": "fixed""#, "concat.C", "under \"constants\"");
        concat(r#""C": {"text": "{a"}"#, "concat.C.text", "is not closed");
        concat(r#""C": {}"#, "concat.C.text", "is missing; add \"text\"");
        concat(
            r#""C": {"text": "{a}", "format": "%d"}"#,
            "concat.C.format",
            "stands in the text, after a colon",
        );
        concat(r#""C": {"text": "{a}", "timezone": "Kolkata"}"#, "concat.C.timezone", "did you mean");
        concat(r#""C": "{a:xyz}""#, "concat.C", "is no format");
        concat(r#""C": "{$patient.NAME}""#, "concat.C", "what an earlier step wrote");
        concat(r#""C": 5"#, "concat.C", "text in double quotes");
        concat(r#""`C`": "{a}""#, "concat.`C`", "no column's name");
        concat(
            r#""id": "{a}""#,
            "concat.id",
            "writes the column id, which mapping.appointment.fields.appointment_id writes too",
        );
        concat(
            r#""C": "{a}", "c": "{b}""#,
            "concat.c",
            "writes the column c, which mapping.appointment.concat.C writes too",
        );
        check(
            &appointment(
                r#""fields": {"appointment_id": "ID"}, "concat": {"C": "{a}"}, "constants": {"C": 1}"#,
            ),
            &[("mapping.appointment.constants.C", "which mapping.appointment.concat.C writes too")],
        );
        check(
            &appointment(r#""fields": {"appointment_id": "ID"}, "template": {"C": "{a}"}"#),
            &[("mapping.appointment.template", "did you mean \"concat\"?")],
        );
    }

    #[test]
    fn what_a_step_gives_is_taken_as_it_is() {
        let text = |inner: &str| {
            appointment("\"fields\": {}").replace(
                r#""table": "A", "fields": {}"#,
                &format!(
                    r#""steps": [{{"name": "p", "table": "P", "generated_key": "NO", "fields": {{"c": "C"}}}},
                       {{"table": "A", "fields": {{"appointment_id": "ID", "$p.generated_key": {{"column": "P", {inner}}}}}}}]"#
                ),
            )
        };
        let at = "mapping.appointment.steps.1.fields.$p.generated_key";
        for (key, value) in [
            ("values", r#"{"a": 1}"#),
            ("format", r#""00""#),
            ("truncate", "true"),
            ("timezone", r#""UTC""#),
            ("lookup", r#"{"table": "T", "match": "M", "take": "K"}"#),
        ] {
            check(
                &text(&format!(r#""{key}": {value}"#)),
                &[(&format!("{at}.{key}"), "is taken over as it is")],
            );
        }
        good(&text(r#""default": 0, "default_from": "z", "write": "if_null""#));
    }
}
