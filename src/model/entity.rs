//! The record that an event is about.

use std::sync::Arc;

/// Between the parts of a text that stands for a record: no name and no value that Buktor sends holds it.
const SEPARATOR: char = '\u{1f}';

/// The HIS row that an event is about, by table, key columns and their values: events of one entity keep their order,
/// whatever their type. Made by `plan`; a text for the queue to keep and to compare.
///
/// A row whose key the table makes itself is known by what the crosswalk keeps it under, see [`Entity::linked`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entity(pub Arc<str>);

impl Entity {
    /// The record that the crosswalk knows by the name of its step and by the event's own key.
    #[must_use]
    pub fn linked<'a>(table: &str, name: &str, keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of_scope(&link_scope(table, name), keys)
    }

    /// [`Entity::linked`] of the table and step of a [`link_scope`].
    #[must_use]
    pub fn of_scope<'a>(scope: &str, keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = scope.to_owned();
        for (index, key) in keys.into_iter().enumerate() {
            if index > 0 {
                text.push(SEPARATOR);
            }
            text.push_str(key);
        }
        Self(text.into())
    }

    /// What the crosswalk's records of one table and step have in common, and the rest, the key. Together they are the
    /// entity; of one that is not the crosswalk's, the first is empty.
    #[must_use]
    pub fn scope_and_key(&self) -> (&str, &str) {
        let mut ends =
            self.0.char_indices().filter(|(_, c)| *c == SEPARATOR).map(|(at, c)| at + c.len_utf8());
        let named = |at: &usize| self.0.get(*at..).is_some_and(|rest| rest.starts_with('$'));
        let second = ends.next().filter(named).and_then(|_| ends.next());
        self.0.split_at(second.unwrap_or(0))
    }
}

/// What [`Entity::linked`] of that table and step begins with.
#[must_use]
pub fn link_scope(table: &str, name: &str) -> String {
    format!("{table}{SEPARATOR}${name}{SEPARATOR}")
}

/// Table and step that [`link_scope`] was made of.
#[must_use]
pub fn scope_parts(scope: &str) -> Option<(&str, &str)> {
    let (table, name) = scope.split_once(SEPARATOR)?;
    Some((table, name.strip_prefix('$')?.strip_suffix(SEPARATOR)?))
}

/// The values that a key of [`Entity::linked`] was made of.
pub fn key_parts(key: &str) -> impl Iterator<Item = &str> {
    key.split(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_record_is_told_by_scope_and_key() {
        let check = |entity: &Entity, scope: &str, key: &str| {
            assert_eq!(entity.scope_and_key(), (scope, key), "{entity:?}");
        };
        let one = Entity::linked("his.A", "appointment", ["17"]);
        assert_eq!(&*one.0, "his.A\u{1f}$appointment\u{1f}17");
        check(&one, "his.A\u{1f}$appointment\u{1f}", "17");
        let two = Entity::linked("A", "visit", ["7", "x\u{1f}$y"]);
        check(&two, "A\u{1f}$visit\u{1f}", "7\u{1f}x\u{1f}$y");
        check(&Entity::linked("A", "visit", [""]), "A\u{1f}$visit\u{1f}", "");
        check(&Entity("his.A\u{1f}ID=1\u{1f}B=2".into()), "", "his.A\u{1f}ID=1\u{1f}B=2");
        check(&Entity("his.A#5".into()), "", "his.A#5");
        check(&Entity("A\u{1f}$B=2".into()), "", "A\u{1f}$B=2");
        assert_eq!(scope_parts("his.A\u{1f}$appointment\u{1f}"), Some(("his.A", "appointment")));
        assert_eq!(scope_parts(""), None);
        assert_eq!(key_parts("7\u{1f}x").collect::<Vec<_>>(), ["7", "x"]);
    }
}
