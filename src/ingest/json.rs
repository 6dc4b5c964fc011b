//! JSON as strictly as an event has to be: no key twice, numbers as they were written, and one canonical form
//! that is equal for equal JSON. Never says what stood in the text, only where.

use std::{borrow::Cow, cell::RefCell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use sha2::{Digest as _, Sha256};

/// `serde_json` hands a number that is no 64-bit integer over as an object whose only key is this one (its
/// feature `arbitrary_precision`), so no object of a sender's may begin with it, or it would be read as a number.
const NUMBER_KEY: &str = "$serde_json::private::Number";
/// What all such keys begin with.
const PRIVATE_PREFIX: &str = "$serde_json::private::";
/// Longest path to a key that is told, in characters.
const PATH_CHARS_MAX: usize = 64;

/// A JSON value that borrows from its text what needs no unescaping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As written, but for the exponent: `1E5` is `1e+5`.
    Number(String),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Fields<'a>),
}

/// An object, sorted by key, each key once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Why a text is no strict JSON. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax { line: usize, column: usize },
    CutOff { line: usize, column: usize },
    TooDeep,
    LoneSurrogate { line: usize, column: usize },
    DuplicateKey { path: String },
    ReservedKey,
}

impl<'a> Fields<'a> {
    /// The value of a key; JSON `null` is as good as none.
    pub(super) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let place = self.0.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        self.0.get(place).map(|(_, value)| value).filter(|value| **value != Json::Null)
    }
}

/// Reads a text that holds one JSON value and white space.
pub(super) fn parse(text: &str) -> Result<Json<'_>, Fault> {
    let breach = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Value { breach: &breach }.deserialize(&mut deserializer);
    read.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| match breach.take() {
        Some(Breach::Duplicate(keys)) => Fault::DuplicateKey { path: path(&keys) },
        Some(Breach::Reserved) => Fault::ReservedKey,
        None => fault(&error),
    })
}

/// First 16 bytes of the SHA-256 of a value's canonical form: keys sorted, no white space.
pub(super) fn digest(value: &Fields<'_>) -> [u8; 16] {
    let mut canonical = Canonical { pending: Vec::with_capacity(PENDING_BYTES_MAX), hash: Sha256::new() };
    canonical.object(value);
    canonical.finish()
}

/// `serde_json` has no public name for these two mistakes, so they are told by its words; tests hold them.
fn fault(error: &serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    if words.starts_with("recursion limit") {
        Fault::TooDeep
    } else if words.starts_with("lone leading surrogate") || words.starts_with("unexpected end of hex escape")
    {
        Fault::LoneSurrogate { line, column }
    } else if error.is_eof() {
        Fault::CutOff { line, column }
    } else {
        Fault::Syntax { line, column }
    }
}

/// The path to a key, from the outside in, short and without control characters.
fn path(keys_inside_out: &[String]) -> String {
    let keys = keys_inside_out.iter().rev().map(String::as_str).collect::<Vec<_>>().join(".");
    let mut path: String = keys
        .chars()
        .take(PATH_CHARS_MAX)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if path.len() < keys.len() && keys.chars().count() > PATH_CHARS_MAX {
        path.push('…');
    }
    path
}

/// A rule of this module that a text breaks, with the keys from there outwards.
#[derive(Debug)]
enum Breach {
    Duplicate(Vec<String>),
    Reserved,
}

/// Deserializes a value of any kind.
#[derive(Clone, Copy)]
struct Value<'f> {
    /// `serde_json`'s error can carry words alone, so the breach itself goes this way.
    breach: &'f RefCell<Option<Breach>>,
}

impl Value<'_> {
    fn broken<E: de::Error>(self, breach: Breach) -> E {
        *self.breach.borrow_mut() = Some(breach);
        E::custom("")
    }

    /// Adds the key, or the place in an array, through which the breach was reached.
    fn through<E>(self, step: impl fmt::Display, error: E) -> E {
        if let Some(Breach::Duplicate(keys)) = self.breach.borrow_mut().as_mut() {
            keys.push(step.to_string());
        }
        error
    }

    /// The object of one key as which a number arrives.
    fn number<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Json<'de>, A::Error> {
        match map.next_value_seed(NumberText) {
            Ok(Some(number)) => Ok(Json::Number(number)),
            Ok(None) | Err(_) => Err(self.broken(Breach::Reserved)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self).map_err(|e| self.through(items.len(), e))? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if key.starts_with(PRIVATE_PREFIX) {
                if fields.is_empty() && key == NUMBER_KEY {
                    return self.number(&mut map);
                }
                return Err(self.broken(Breach::Reserved));
            }
            let value = map.next_value_seed(self).map_err(|e| self.through(&key, e))?;
            fields.push((key, value));
        }
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut pairs = fields.iter().zip(fields.iter().skip(1));
        if let Some(((key, _), _)) = pairs.find(|((a, _), (b, _))| a == b) {
            return Err(self.broken(Breach::Duplicate(vec![key.to_string()])));
        }
        Ok(Json::Object(Fields(fields)))
    }
}

/// Deserializes a key.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Deserializes a number's digits. They come as a `String` of `serde_json`'s own; what a sender wrote in quotes
/// comes as a `&str`, and is none.
struct NumberText;

impl<'de> DeserializeSeed<'de> for NumberText {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NumberText {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_string<E: de::Error>(self, digits: String) -> Result<Self::Value, E> {
        Ok(Some(digits))
    }

    fn visit_str<E: de::Error>(self, _quoted: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Bytes of canonical JSON that are gathered before they are hashed: many tiny updates cost more.
const PENDING_BYTES_MAX: usize = 1024;

/// Hashes canonical JSON while it is written.
struct Canonical {
    pending: Vec<u8>,
    hash: Sha256,
}

impl Canonical {
    fn put(&mut self, bytes: &[u8]) {
        if self.pending.len() + bytes.len() > PENDING_BYTES_MAX {
            self.hash.update(&self.pending);
            self.pending.clear();
        }
        if bytes.len() > PENDING_BYTES_MAX {
            self.hash.update(bytes);
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    fn value(&mut self, value: &Json<'_>) {
        match value {
            Json::Null => self.put(b"null"),
            Json::Bool(true) => self.put(b"true"),
            Json::Bool(false) => self.put(b"false"),
            Json::Number(digits) => self.put(digits.as_bytes()),
            Json::Text(text) => self.text(text),
            Json::Array(items) => {
                self.put(b"[");
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.put(b",");
                    }
                    self.value(item);
                }
                self.put(b"]");
            }
            Json::Object(fields) => self.object(fields),
        }
    }

    fn object(&mut self, Fields(fields): &Fields<'_>) {
        self.put(b"{");
        for (place, (key, value)) in fields.iter().enumerate() {
            if place > 0 {
                self.put(b",");
            }
            self.text(key);
            self.put(b":");
            self.value(value);
        }
        self.put(b"}");
    }

    /// Escapes what ends a text or escapes, and nothing else: enough for every text to have a form of its own.
    fn text(&mut self, text: &str) {
        self.put(b"\"");
        for piece in text.split_inclusive(['"', '\\']) {
            match piece.as_bytes() {
                [plain @ .., last @ (b'"' | b'\\')] => {
                    self.put(plain);
                    self.put(&[b'\\', *last]);
                }
                plain => self.put(plain),
            }
        }
        self.put(b"\"");
    }

    fn finish(mut self) -> [u8; 16] {
        self.hash.update(&self.pending);
        let whole: [u8; 32] = self.hash.finalize().into();
        let (first, _) = whole.split_at(16);
        let mut digest = [0; 16];
        digest.copy_from_slice(first);
        digest
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests {
    use super::*;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "the tables below read better without a & in each line"
    )]
    fn check(text: &str, expected: Result<Json<'_>, Fault>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    fn number(digits: &str) -> Json<'static> {
        Json::Number(digits.to_owned())
    }

    fn duplicate(path: &str) -> Result<Json<'static>, Fault> {
        Err(Fault::DuplicateKey { path: path.to_owned() })
    }

    #[test]
    fn values() {
        check("null", Ok(Json::Null));
        check(" true ", Ok(Json::Bool(true)));
        check(r#""a\nb""#, Ok(Json::Text("a\nb".into())));
        check("[]", Ok(Json::Array(vec![])));
        check("{}", Ok(Json::Object(Fields(vec![]))));
        check(
            r#"{"b":[1],"a":"x"}"#,
            Ok(Json::Object(Fields(vec![
                ("a".into(), Json::Text("x".into())),
                ("b".into(), Json::Array(vec![number("1")])),
            ]))),
        );
        check(r#""\ud83d\ude00""#, Ok(Json::Text("😀".into())));
    }

    #[test]
    fn numbers_as_written() {
        for digits in
            ["0", "-0", "1.50", "12345678901234567890123", "-0.0000000000000000000000000001", "1e+400"]
        {
            check(digits, Ok(number(digits)));
        }
        check("1E400", Ok(number("1e+400")));
        check("1e-7", Ok(number("1e-7")));
    }

    #[test]
    fn syntax() {
        let syntax = |line, column| Err(Fault::Syntax { line, column });
        check("{'a':1}", syntax(1, 2));
        check("{\n\"a\" 1}", syntax(2, 5));
        check("{} {}", syntax(1, 4));
        check("01", syntax(1, 2));
        check("[1,]", syntax(1, 4));
        check("NaN", syntax(1, 1));
        check("\"a\tb\"", syntax(1, 3));
        check("{\"a\":", Err(Fault::CutOff { line: 1, column: 5 }));
        check("", Err(Fault::CutOff { line: 1, column: 0 }));
    }

    #[test]
    fn lone_surrogates() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800x""#, r#""\ud800\u0041""#, r#""\ud800\n""#] {
            assert!(
                matches!(parse(text), Err(Fault::LoneSurrogate { line: 1, .. })),
                "{text}: {:?}",
                parse(text)
            );
        }
    }

    #[test]
    fn depth() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(crate::limits::JSON_DEPTH_MAX - 1)).is_ok());
        check(&nested(crate::limits::JSON_DEPTH_MAX), Err(Fault::TooDeep));
        check(&nested(10_000), Err(Fault::TooDeep));
        check(&"[".repeat(1_000_000), Err(Fault::TooDeep));
        check(&r#"{"a":"#.repeat(10_000), Err(Fault::TooDeep));
    }

    #[test]
    fn duplicate_keys() {
        check(r#"{"a":1,"a":1}"#, duplicate("a"));
        check(r#"{"a":1,"b":2,"\u0061":3}"#, duplicate("a"));
        check(
            r#"{"data":{"slots":[{"x":1},{"start":1,"end":2,"start":3}]}}"#,
            duplicate("data.slots.1.start"),
        );
        check(r#"[[{"":0,"":0}]]"#, duplicate("0.0."));
        check(r#"{"a":{"b":1},"b":{"b":1}}"#, Ok(parse(r#"{"b":{"b":1},"a":{"b":1}}"#).unwrap()));
        let long = "k".repeat(10_000);
        check(&format!(r#"{{"{long}":1,"{long}":1}}"#), duplicate(&format!("{}…", "k".repeat(64))));
        check(r#"{"a\r\n\u001b[0m":1,"a\r\n\u001b[0m":1}"#, duplicate("a\u{fffd}\u{fffd}\u{fffd}[0m"));
        let many = (0..100_000).map(|n| format!(r#""{n}":0"#)).collect::<Vec<_>>().join(",");
        check(&format!(r#"{{{many},"77":0}}"#), duplicate("77"));
    }

    #[test]
    fn private_keys_are_refused_wherever_they_stand() {
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::Number":"abc"}"#,
            r#"{"$serde_json::private::Number":"\u0031"}"#,
            r#"{"\u0024serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::Number":1}"#,
            r#"{"$serde_json::private::Number":{}}"#,
            r#"{"$serde_json::private::Number":[[[]]]}"#,
            r#"{"$serde_json::private::Number":{"$serde_json::private::Number":"1"}}"#,
            r#"{"$serde_json::private::Number":"1","a":2}"#,
            r#"{"a":2,"$serde_json::private::Number":"1"}"#,
            r#"{"a":[{"$serde_json::private::Number":"1"}]}"#,
            r#"{"$serde_json::private::RawValue":"1"}"#,
        ] {
            check(text, Err(Fault::ReservedKey));
        }
        assert!(parse(r#"{"a":"$serde_json::private::Number"}"#).is_ok());
    }

    #[test]
    fn digests() {
        let of = |text| match parse(text) {
            Ok(Json::Object(fields)) => digest(&fields),
            other => panic!("{text}: {other:?}"),
        };
        let same = [
            (r#"{"a":1,"b":[true,null]}"#, "{ \"b\" : [ true,\n null ], \"a\":1 }"),
            (r#"{"x":{"b":"\u00e9","a":"\/"}}"#, r#"{"x":{"a":"/","b":"é"}}"#),
            (r#"{"n":1E5}"#, r#"{"n":1e+5}"#),
        ];
        for (one, other) in same {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
        let different = [
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":null}"#, "{}"),
            (r#"{"a":"b\",\"c\":\"d"}"#, r#"{"a":"b","c":"d"}"#),
            (r#"{"a":"\\"}"#, r#"{"a":"\\\\"}"#),
            (r#"{"a":"\n"}"#, r#"{"a":"\\n"}"#),
        ];
        for (one, other) in different {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn digest_is_sha256_of_the_canonical_text() {
        let long = "é\"".repeat(3000);
        let text = format!(r#"{{"z": [1, 2], "a": {}}}"#, serde_json::to_string(&long).unwrap());
        let canonical = format!(r#"{{"a":{},"z":[1,2]}}"#, serde_json::to_string(&long).unwrap());
        let Ok(Json::Object(fields)) = parse(&text) else { panic!("{text}") };
        assert_eq!(digest(&fields), Sha256::digest(canonical.as_bytes())[..16]);
    }
}
