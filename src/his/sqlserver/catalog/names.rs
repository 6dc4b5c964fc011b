//! Names of tables as a configuration writes them: `table`, `schema.table`, `database.schema.table`, each part perhaps in
//! brackets. Pure; knows no table.

/// A place where a table may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) schema: String,
    pub(super) table: String,
}

impl Place {
    /// As a mapping writes it.
    pub(super) fn written(&self, without_schema: bool) -> String {
        // A part with a dot would be read as two.
        let part = |name: &str| {
            if name.contains(['.', '[', ']']) {
                format!("[{}]", name.replace(']', "]]"))
            } else {
                name.to_owned()
            }
        };
        if without_schema {
            part(&self.table)
        } else {
            format!("{}.{}", part(&self.schema), part(&self.table))
        }
    }
}

/// The schemas of a table without one, in the order in which they are searched. A configured one is the only one: what it does
/// not have, or does not show to the login, must never become another schema's table of the same name.
pub(super) fn schemas(configured: Option<&str>, own: &str) -> Vec<String> {
    let searched = match configured {
        Some(schema) => [schema, ""],
        None => [own, "dbo"],
    };
    let mut schemas: Vec<String> = Vec::new();
    for schema in searched {
        if !schema.is_empty() && !schemas.iter().any(|s| s == schema) {
            schemas.push(schema.to_owned());
        }
    }
    schemas
}

/// Where a name may point. `database` is the session's own: another one's tables are nowhere.
pub(super) fn places(
    name: &str,
    database: &str,
    schemas: &[String],
    same: &impl Fn(&str, &str) -> bool,
) -> Vec<Place> {
    let in_schemas = |table: &str| {
        schemas
            .iter()
            .map(|schema| Place { schema: schema.clone(), table: table.to_owned() })
            .collect::<Vec<_>>()
    };
    // A table may have a dot in its name, and nobody has to know of brackets.
    let mut places = if name.contains('.') && !name.contains('[') { in_schemas(name) } else { Vec::new() };
    let Some(parts) = parts(name) else { return places };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match *parts.as_slice() {
        [table] | ["", table] | ["", "", table] => places.extend(in_schemas(table)),
        [schema, table] => places.push(Place { schema: schema.to_owned(), table: table.to_owned() }),
        [own, "", table] if same(own, database) => places.extend(in_schemas(table)),
        [own, schema, table] if own.is_empty() || same(own, database) => {
            places.push(Place { schema: schema.to_owned(), table: table.to_owned() });
        }
        _ => {}
    }
    places
}

/// The parts between the dots; none where brackets do not match or the last part is empty.
fn parts(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('[') {
            bracketed(quoted)?
        } else {
            let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
            (part.trim().to_owned(), after)
        };
        parts.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(more) => rest = more,
            None if after.trim().is_empty() => break,
            None => return None,
        }
    }
    parts.last().is_some_and(|last| !last.is_empty()).then_some(parts)
}

/// A name up to its closing bracket, doubled ones being part of it, and the rest.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == ']' && chars.next_if(|(_, next)| *next == ']').is_none() {
            return Some((name, text.get(at + 1..)?));
        }
        name.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_may_point() {
        fn check(name: &str, expected: &[(&str, &str)]) {
            let schemas = ["his".to_owned(), "dbo".to_owned()];
            let places = places(name, "Clinic", &schemas, &|a, b| a.eq_ignore_ascii_case(b));
            let places: Vec<_> = places.iter().map(|p| (p.schema.as_str(), p.table.as_str())).collect();
            assert_eq!(places, expected, "{name}");
        }
        check("t", &[("his", "t"), ("dbo", "t")]);
        check("[t]", &[("his", "t"), ("dbo", "t")]);
        check("x.t", &[("his", "x.t"), ("dbo", "x.t"), ("x", "t")]);
        check("[x].[t]", &[("x", "t")]);
        check("[x.y].[a]]b]", &[("x.y", "a]b")]);
        check("clinic.x.t", &[("his", "clinic.x.t"), ("dbo", "clinic.x.t"), ("x", "t")]);
        check("[CLINIC]..[t]", &[("his", "t"), ("dbo", "t")]);
        check("[other].[x].[t]", &[]);
        check("[srv].[clinic].[x].[t]", &[]);
        check("[x].[t", &[]);
        check("[x].", &[]);
    }

    #[test]
    fn names_are_written_so_that_they_are_found() {
        fn check(schema: &str, table: &str, without: bool, expected: &str) {
            let place = Place { schema: schema.to_owned(), table: table.to_owned() };
            assert_eq!(place.written(without), expected);
        }
        check("dbo", "visits", true, "visits");
        check("opd", "visits", false, "opd.visits");
        check("opd", "old.visits", false, "opd.[old.visits]");
        check("dbo", "a]b", true, "[a]]b]");
        assert_eq!(schemas(Some("his"), "dbo"), ["his"]);
        assert_eq!(schemas(None, "guest"), ["guest", "dbo"]);
    }
}
