//! Holds the configuration as it was read against the JSON Schema and tells every mistake of form at once: unknown
//! and missing keys, wrong types, values that are not allowed. What passes can be decoded into `file`'s structs.
//! No message repeats a value, except one that should have been a word of a short list.

use serde_json::{Map, Number, Value};

use crate::config::{
    advice,
    keypath::{KeyPath, printable},
    problem::nearest,
    secret::{looks_random, wipe},
    syntax::LEAST,
};

/// A mistake of form.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// The key that it is about.
    pub(crate) at: KeyPath,
    /// What is wrong, and what to write instead.
    pub(crate) message: String,
    /// The key that was probably meant: that it is missing too need not be told.
    pub(crate) meant: Option<KeyPath>,
}

/// All mistakes of form in `file`, in no particular order.
pub(crate) fn mistakes(schema: &Value, file: &Value) -> Vec<Mistake> {
    mistakes_in("File", schema, file)
}

/// As [`mistakes`], for a file of another form; `name` is what its form is called in `advice`.
pub(crate) fn mistakes_in(name: &str, schema: &Value, file: &Value) -> Vec<Mistake> {
    let mut walker = Walker { root: schema, found: Vec::new() };
    walker.value(Shape { schema, name }, file, &KeyPath::root());
    walker.found
}

/// Takes out of `file` what is mistaken, so that the rest can be looked at.
pub(crate) fn without(file: &mut Value, mistakes: &[Mistake]) {
    for mistake in mistakes {
        remove(file, mistake.at.parts());
    }
}

fn remove(here: &mut Value, path: &[String]) {
    let Some((part, rest)) = path.split_first() else { return };
    match here {
        Value::Object(object) => {
            let whole = match object.get(part) {
                Some(Value::Object(_)) => rest.is_empty(),
                // A list with a wrong item goes as a whole, so that the others keep their numbers.
                Some(Value::Array(_)) => rest.len() < 2,
                _ => true,
            };
            if whole {
                // Somebody may have put a secret where it does not belong.
                object.remove(part).iter_mut().for_each(wipe);
            } else if let Some(next) = object.get_mut(part) {
                remove(next, rest);
            }
        }
        Value::Array(items) => {
            if let Some(item) = part.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                remove(item, rest);
            }
        }
        _ => {}
    }
}

/// A schema with the name of the definition that it came from.
#[derive(Clone, Copy)]
struct Shape<'s> {
    schema: &'s Value,
    name: &'s str,
}

impl<'s> Shape<'s> {
    fn get(self, key: &str) -> Option<&'s Value> {
        self.schema.get(key)
    }

    /// The words of a list that a value is chosen from.
    fn words(self) -> Vec<&'s str> {
        let one = self.get("const").and_then(Value::as_str);
        let many = self.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        one.into_iter().chain(many).collect()
    }

    fn types(self) -> Vec<&'s str> {
        match self.get("type") {
            Some(Value::String(only)) => vec![only],
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// Objects that are secrets, or say where one is.
const OF_SECRETS: [&str; 2] = ["SecretFrom", "NamedSecret"];
/// Objects whose keys have no long names with digits in them, and among whose keys secrets stand.
const BESIDE_SECRETS: [&str; 6] = ["Auth", "Database", "Logging", "Queue", "Server", "Sync"];

struct Walker<'s> {
    root: &'s Value,
    found: Vec<Mistake>,
}

impl<'s> Walker<'s> {
    fn tell(&mut self, at: &KeyPath, message: String) {
        self.found.push(Mistake { at: at.clone(), message, meant: None });
    }

    /// Follows `$ref`.
    fn resolved(&self, shape: Shape<'s>) -> Shape<'s> {
        let mut shape = shape;
        while let Some(name) =
            shape.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
        {
            match self.root.get("$defs").and_then(|defs| defs.get(name)) {
                Some(schema) => shape = Shape { schema, name },
                None => break,
            }
        }
        shape
    }

    /// The shapes that a value may have, without further choices in them.
    fn choices(&self, shape: Shape<'s>) -> Vec<Shape<'s>> {
        let shape = self.resolved(shape);
        let branches = shape.get("anyOf").or_else(|| shape.get("oneOf")).and_then(Value::as_array);
        match branches {
            Some(all) => {
                all.iter().flat_map(|schema| self.choices(Shape { schema, name: shape.name })).collect()
            }
            None => vec![shape],
        }
    }

    fn value(&mut self, shape: Shape<'s>, value: &Value, at: &KeyPath) {
        let choices = self.choices(shape);
        let fits = |choice: &&Shape<'s>| {
            let types = choice.types();
            types.is_empty() || types.iter().any(|t| is_of_type(value, t))
        };
        let fitting: Vec<Shape<'s>> = choices.iter().filter(fits).copied().collect();
        let Some(first) = closest(&fitting, value) else {
            let example = self.example(shape);
            let name = self.resolved(shape).name;
            self.tell(at, wrong_type(&choices, name, value, at, example));
            return;
        };
        let words: Vec<&str> = fitting.iter().flat_map(|s| s.words()).collect();
        match value {
            Value::String(text) if !words.is_empty() && !words.contains(&text.as_str()) => {
                self.tell(at, wrong_word(first.name, text, &words));
            }
            Value::Number(number) => {
                if let Some(message) = wrong_number(first, number) {
                    self.tell(at, message);
                }
            }
            Value::Array(items) => {
                if let Some(schema) = first.get("items") {
                    for (i, item) in items.iter().enumerate() {
                        self.value(Shape { schema, name: first.name }, item, &at.item(i));
                    }
                }
            }
            Value::Object(object) => self.object(first, object, at),
            _ => {}
        }
    }

    fn object(&mut self, shape: Shape<'s>, object: &Map<String, Value>, at: &KeyPath) {
        let properties = shape.get("properties").and_then(Value::as_object);
        let further = shape.get("additionalProperties").filter(|schema| schema.is_object());
        let before = self.found.len();
        for (key, value) in object {
            let below = at.key(key);
            let known = properties.and_then(|p| p.get(key)).or(further);
            if let Some(schema) = known {
                self.value(Shape { schema, name: shape.name }, value, &below);
            } else {
                let (message, meant) = self.unknown(shape, key, value, object);
                // What stands for a key there may be the secret.
                let random = BESIDE_SECRETS.contains(&shape.name) && looks_random(key);
                let unshown = (OF_SECRETS.contains(&shape.name) || random) && meant.is_none();
                let told_at = if unshown { at.clone() } else { below };
                self.found.push(Mistake { at: told_at, message, meant: meant.map(|m| at.key(m)) });
            }
        }
        let required = shape.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str).filter(|key| !object.contains_key(*key)) {
            let below = at.key(key);
            if !self.found.iter().skip(before).any(|m| m.meant.as_ref() == Some(&below)) {
                self.tell(&below, advice::missing(shape.name, key));
            }
        }
    }

    /// What to say about a key that its object does not know, and the key that was meant.
    fn unknown(
        &self,
        shape: Shape<'s>,
        key: &str,
        value: &Value,
        beside: &Map<String, Value>,
    ) -> (String, Option<&'s str>) {
        if let Some(text) = advice::not_here(shape.name, key) {
            return (text.to_owned(), None);
        }
        let known = keys(shape);
        let free = || known.iter().copied().filter(|k| !beside.contains_key(*k));
        let other = advice::other_name(shape.name, key);
        let meant = free().find(|k| Some(*k) == other).or_else(|| nearest(key, free()));
        if let Some(meant) = meant {
            return (format!("unknown key; did you mean \"{meant}\"?"), Some(meant));
        }
        if shape.name == "File" && (value.get("table").is_some() || value.get("fields").is_some()) {
            return (
                "unknown key; if this is an event type, write it inside \"mapping\": { ... }".to_owned(),
                None,
            );
        }
        if shape.name == "Mapping" && value.is_string() {
            return (
                "unknown key; if this is a field of the event, write it inside \"fields\": { ... }"
                    .to_owned(),
                None,
            );
        }
        let sections = self.sections_with(key, shape.name);
        let message = match sections.as_slice() {
            [] => format!("unknown key; known here: {}", known.join(", ")),
            sections => format!("unknown key; it belongs in {}", list(sections)),
        };
        (message, None)
    }

    /// The other sections of the file that have this key.
    fn sections_with(&self, key: &str, but: &str) -> Vec<&'s str> {
        let properties = self.root.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties
            .map(|(section, schema)| (section.as_str(), self.resolved(Shape { schema, name: "" })))
            .filter(|(_, shape)| shape.name != but && keys(*shape).contains(&key))
            .map(|(section, _)| section)
            .collect()
    }

    /// A value that would be right, from the schema's default or examples.
    fn example(&self, shape: Shape<'s>) -> Option<&'s Value> {
        let of = |s: Shape<'s>| {
            let first = |examples: &'s Value| examples.get(0);
            s.get("examples")
                .and_then(first)
                .or_else(|| s.get("default"))
                .filter(|v| **v != Value::Array(Vec::new()))
        };
        of(shape).or_else(|| of(self.resolved(shape)))
    }
}

fn keys(shape: Shape<'_>) -> Vec<&str> {
    let all = shape.get("properties").and_then(Value::as_object).into_iter().flatten();
    all.map(|(key, _)| key.as_str()).filter(|key| !key.starts_with('$')).collect()
}

/// Of the shapes that fit by their type, the one that knows most keys of the value.
fn closest<'s>(fitting: &[Shape<'s>], value: &Value) -> Option<Shape<'s>> {
    if let [only] = fitting {
        return Some(*only);
    }
    let known = |shape: &Shape<'s>| {
        let keys = keys(*shape);
        value.as_object().map_or(0, |object| object.keys().filter(|k| keys.contains(&k.as_str())).count())
    };
    // The first of several, which max_by_key would not give.
    fitting.iter().rev().max_by_key(|shape| known(shape)).copied()
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        // Whether it is whole is for `wrong_number` to say.
        Value::Number(_) => kind == "number" || kind == "integer",
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

fn wrong_type(
    choices: &[Shape<'_>],
    name: &str,
    value: &Value,
    at: &KeyPath,
    example: Option<&Value>,
) -> String {
    let mut types: Vec<&str> = choices.iter().flat_map(|c| c.types()).collect();
    types.dedup();
    if at.parts().is_empty() {
        return format!("the file must hold an object, {LEAST}, not {}", found(value));
    }
    let words: Vec<&str> = choices.iter().flat_map(|c| c.words()).collect();
    if let (Value::Bool(b), false) = (value, words.is_empty())
        && let Some(text) = advice::value(name, &b.to_string())
    {
        return format!("must be {}; {text}", list(&words));
    }
    let wanted = if words.is_empty() {
        let example = example.map_or_else(String::new, |e| format!(", e.g. {e}"));
        joined(types.iter().map(|t| described(t).to_owned())) + &example
    } else {
        list(&words)
    };
    let remedy = match value {
        Value::Null => "; write a value, or leave the key out",
        Value::Number(_) | Value::Bool(_) if types.contains(&"string") => "; put it in double quotes",
        Value::String(text) => match text.parse::<Number>() {
            Ok(_) if types.contains(&"integer") => "; leave out the quotes",
            _ if types.contains(&"boolean") => "; leave out the quotes",
            _ => "",
        },
        _ => "",
    };
    format!("must be {wanted}, not {}{remedy}", found(value))
}

fn described(kind: &str) -> &'static str {
    match kind {
        "string" => "text in double quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list in [ ]",
        "object" => "an object in { }",
        _ => "null",
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wrong_word(kind: &str, text: &str, words: &[&str]) -> String {
    let shown = printable(text);
    if let Some(text) = advice::value(kind, text) {
        return format!("\"{shown}\": {text}");
    }
    if looks_random(text) {
        return format!("must be {}, and not what stands here, which looks like a secret", list(words));
    }
    let allowed = list(words);
    match nearest(text, words.iter().copied()) {
        Some(meant) => format!("must be {allowed}, not \"{shown}\"; did you mean \"{meant}\"?"),
        None => format!("must be {allowed}, not \"{shown}\""),
    }
}

/// What is wrong with a number where a whole one of some range is wanted.
fn wrong_number(shape: Shape<'_>, number: &Number) -> Option<String> {
    if !shape.types().contains(&"integer") {
        return None;
    }
    let min = shape.get("minimum").and_then(Value::as_u64).unwrap_or(0);
    let max = shape.get("maximum").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let written = number.to_string();
    let digits = written.strip_prefix('-').unwrap_or(&written);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(format!("must be a whole number from {min} to {max}, without point or exponent"));
    }
    // What u64 cannot hold is out of any range.
    let fits = number.as_u64().is_some_and(|n| (min..=max).contains(&n));
    (!fits).then(|| format!("must be from {min} to {max}, not {}", printable(&written)))
}

/// `"a", "b" or "c"`.
fn list(words: &[&str]) -> String {
    joined(words.iter().map(|word| format!("\"{word}\"")))
}

/// `a, b or c`.
fn joined(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    match words.as_slice() {
        [all @ .., end] if !all.is_empty() => format!("{} or {end}", all.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{check, with};

    #[test]
    fn mistakes_of_form() {
        check(&with(r#""sever": {}"#), &[("sever", "did you mean \"server\"?")]);
        check(&with(r#""zzz": {}"#), &[("zzz", "known here: auth, database, logging, mapping")]);
        check(&with(r#""host": "db""#), &[("host", "it belongs in \"database\"")]);
        check(&with(r#""path": "q""#), &[("path", "it belongs in \"database\" or \"queue\"")]);
        check(&with(r#""payment": {"table": "P"}"#), &[("payment", "inside \"mapping\"")]);
        check(&with(r#""admin": {}"#), &[("admin", "not supported yet")]);
        check(&with(r#""server": []"#), &[("server", "must be an object in { }, not a list")]);
        check(&with(r#""server": {"port": 5000}"#), &[("server.port", "a part of \"listen\"")]);
        check(
            &with(r#""server": {"listen": 5000}"#),
            &[("server.listen", "text in double quotes, e.g. \"127.0.0.1:5000\", not a number; put it")],
        );
        check(
            &with(r#""server": {"maxBodyKb": 5}"#),
            &[("server.maxBodyKb", "did you mean \"max_body_kb\"?")],
        );
        check(
            &with(r#""server": {"max_body_kb": "5"}"#),
            &[("server.max_body_kb", "must be a whole number, e.g. 1024, not text; leave out the quotes")],
        );
        check(&with(r#""server": {"max_body_kb": 0}"#), &[("server.max_body_kb", "from 1 to 16384, not 0")]);
        check(
            &with(r#""server": {"max_body_kb": -1}"#),
            &[("server.max_body_kb", "from 1 to 16384, not -1")],
        );
        check(&with(r#""server": {"max_body_kb": 1.5}"#), &[("server.max_body_kb", "a whole number from 1")]);
        check(
            &with(r#""server": {"max_body_kb": 1e3}"#),
            &[("server.max_body_kb", "without point or exponent")],
        );
        check(
            &with(r#""server": {"max_connections": 99999999999999999999999}"#),
            &[("server.max_connections", "from 1 to 10000, not 9999")],
        );
        check(
            &with(r#""server": {"body_timeout_s": null}"#),
            &[("server.body_timeout_s", "not null; write a value")],
        );
        check(
            &with(r#""server": {"unmapped": "rejct"}"#),
            &[("server.unmapped", "must be \"keep\" or \"reject\", not \"rejct\"; did you mean \"reject\"?")],
        );
        check(
            &with(r#""server": {"unmapped": 5}"#),
            &[("server.unmapped", "must be \"keep\" or \"reject\", not a number")],
        );
        check(
            &with(r#""auth": {"allow_unauthenticated": "true"}"#),
            &[(
                "auth.allow_unauthenticated",
                "must be true or false, e.g. false, not text; leave out the quotes",
            )],
        );
        check(
            &with(r#""queue": {"keep_applied_days": 0}"#),
            &[("queue.keep_applied_days", "from 1 to 3650")],
        );
        check(
            &with(r#""queue": {"on_damage": "restart"}"#),
            &[("queue.on_damage", "\"stop\" or \"start_fresh\"")],
        );
        check(&with(r#""sync": {"batch_events": 5001}"#), &[("sync.batch_events", "from 1 to 5000")]);
        check(
            &with(r#""sync": {"quiet_hours": ["13:00-14:00", 5]}"#),
            &[("sync.quiet_hours.1", "must be text")],
        );
        check(
            &with(r#""sync": {"quiet_hours": {}}"#),
            &[(
                "sync.quiet_hours",
                "text in double quotes or a list in [ ], e.g. [\"13:00-14:00\"], not an object",
            )],
        );
        check(&with(r#""logging": {"level": "warning"}"#), &[("logging.level", "write \"warn\"")]);
        check(
            &with(r#""logging": {"directory": false}"#),
            &[("logging.directory", "text in double quotes or null")],
        );
        check(
            &with(r#""logging": {"keep_days": []}"#),
            &[("logging.keep_days", "a whole number, e.g. 14, not a list")],
        );
        check(&with("\"auth\": {},\n\"auth\": {}"), &[("auth", "stands twice, on line 1 and on line 2")]);
    }
}
