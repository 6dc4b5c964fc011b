//! The texts of a mapping's `concat`: fixed text and sources in braces. Reads them; what an event makes of them is
//! for `plan::template`.

use crate::model::{
    format::Format,
    mapping::{Builtin, Source},
};

/// A text made of several sources, `{first_name} {last_name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// In the order of the text; at least one is a source.
    pub pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Written as it stands.
    Text(String),
    /// `{source}`, `{source:format}`.
    Source {
        /// Where the value comes from.
        source: Source,
        /// How it is written, where that is said.
        format: Option<Format>,
    },
}

impl Template {
    /// Reads `{source}` and `{source:format}`; `{{` and `}}` are braces. The error says in words what is wrong and
    /// what to write.
    pub fn parse(written: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut chars = written.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('{', Some('{')) | ('}', Some('}')) => text.extend(chars.next()),
                ('}', _) => {
                    return Err("has a } without a { before it; write }} where a brace is meant".to_owned());
                }
                ('{', _) => {
                    let mut closed = false;
                    let inner: String = chars
                        .by_ref()
                        .take_while(|c| {
                            closed = *c == '}';
                            !closed
                        })
                        .collect();
                    if !closed || inner.contains('{') {
                        let shown: String = inner.chars().take_while(|c| *c != '{').take(40).collect();
                        return Err(format!(
                            "the {{ before {shown:?} is not closed; write }} after the field's name, or {{{{ where a brace is meant"
                        ));
                    }
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(source(&inner)?);
                }
                _ => text.push(c),
            }
        }
        if pieces.is_empty() {
            return Err("names no field of the event in braces, so that it is always the same; write e.g. \"{first_name} {last_name}\", or put a fixed text under \"constants\"".to_owned());
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self { pieces })
    }
}

/// What stands between braces. A format may have colons of its own.
fn source(inner: &str) -> Result<Piece, String> {
    let (name, format) = inner.split_once(':').map_or((inner, None), |(name, format)| (name, Some(format)));
    let shown = format!("{{{}}}", inner.escape_debug());
    if name.trim().is_empty() {
        return Err(format!(
            "{shown} has no name in its braces; write a field of the event, e.g. {{first_name}}"
        ));
    }
    if name.trim() != name || name.contains(char::is_control) {
        return Err(format!(
            "{shown} has spaces or a line break around or in the name; write the name alone, e.g. {{first_name}}"
        ));
    }
    if let Some(builtin) = name.strip_prefix('$') {
        let names = Builtin::ALL.map(|(name, _)| name);
        if builtin.contains('.') {
            return Err(format!(
                "{shown} means what an earlier step wrote, which no text can hold; map ${builtin} to a column of its own, under \"fields\""
            ));
        }
        if !names.contains(&builtin) {
            return Err(format!(
                "{shown} is not built in; with a $ there are {}; a field of the event is written without",
                names.map(|name| format!("${name}")).join(", ")
            ));
        }
    }
    let source = Source::parse(name).ok_or_else(|| {
        format!("{shown} has an empty part beside a dot; write e.g. {{patient_info.patient_id}}")
    })?;
    let format = match format {
        None => None,
        Some("") => {
            return Err(format!(
                "{shown} has no format after its colon; write e.g. {{start_time:%d.%m.%Y}}, or no colon"
            ));
        }
        Some(format) => Some(Format::parse(format).map_err(|error| format!("{shown}: {error}"))?),
    };
    Ok(Piece::Source { source, format })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces in words, or the error.
    fn read(written: &str) -> String {
        match Template::parse(written) {
            Err(error) => format!("! {error}"),
            Ok(template) => {
                let pieces = template.pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => format!("{text:?}"),
                    Piece::Source { source, format } => {
                        let format = match format {
                            None => "",
                            Some(Format::Date(_)) => " as a date",
                            Some(Format::Number(_)) => " as a number",
                        };
                        format!("{}{format}", source.written)
                    }
                });
                pieces.collect::<Vec<_>>().join(" + ")
            }
        }
    }

    #[test]
    fn templates_are_read() {
        let check = |written: &str, expected: &str| assert_eq!(read(written), expected, "{written}");
        check("{a}", "a");
        check("{first_name} {last_name}", r#"first_name + " " + last_name"#);
        check("{a}{b.0.c}", "a + b.0.c");
        check("von {start:%H:%M} bis {end:%H:%M}", r#""von " + start as a date + " bis " + end as a date"#);
        check("{amount:#,##0.00} €", r#"amount as a number + " €""#);
        check("{{{a}}}", r#""{" + a + "}""#);
        check("{{a}} {a}", r#""{a} " + a"#);
        check("{a}\n{$event_id}", r#"a + "\n" + $event_id"#);
        check("{patient name}", "patient name");
        check("{a::%H}", "a as a date");
    }

    #[test]
    fn mistakes_are_told_in_words() {
        let check = |written: &str, part: &str| {
            let told = read(written);
            assert!(told.starts_with("! ") && told.contains(part), "{written}: {told}");
        };
        check("", "names no field of the event in braces");
        check("text", "under \"constants\"");
        check("{{a}}", "names no field of the event in braces");
        check("{first_name", "the { before \"first_name\" is not closed");
        check("{a {b}", "the { before \"a \" is not closed");
        check("{a} {", "the { before \"\" is not closed");
        check("{a}}", "has a } without a {");
        check("a} {b}", "has a } without a {");
        check("{}", "{} has no name in its braces");
        check("{ }", "has no name in its braces");
        check("{:%H}", "has no name in its braces");
        check("{ a}", "has spaces");
        check("{a\nb}", "{a\\nb} has spaces or a line break");
        check("{a..b}", "{a..b} has an empty part beside a dot");
        check("{$foo}", "{$foo} is not built in; with a $ there are $received_at");
        check("{$}", "is not built in");
        check("{$patient.generated_key}", "map $patient.generated_key to a column of its own");
        check("{a:}", "{a:} has no format after its colon");
        check("{a:dd.MM}", "{a:dd.MM}: \"dd.MM\" is no format");
        check("{a:%z}", "%z is a time zone");
    }

    proptest::proptest! {
        /// Texts and sources written out again give the template back.
        #[test]
        fn what_is_read_can_be_written_again(written in "([a-z {}:]|\\{[a-z]{1,3}\\}|\\{\\{|\\}\\}){0,12}") {
            let Ok(template) = Template::parse(&written) else { return Ok(()) };
            let again: String = template.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
                Piece::Source { source, .. } => format!("{{{}}}", source.written),
            }).collect();
            proptest::prop_assert_eq!(again, written);
        }

        #[test]
        fn nothing_panics(written in "\\PC{0,20}|[{}:%a.$]{0,12}") {
            let _ = Template::parse(&written);
        }
    }
}
