//! How well a field of an event suits a column, by the column's name and by its type. Judges one pair at a time.

use crate::{
    model::table::{Charset, Column, ColumnType, Filled, TextLength},
    propose::{
        Form,
        sources::{Kind, Source, Words},
        words::is_known,
    },
};

/// Points from which on a pair is proposed.
const POINTS_MIN: i32 = 60;
/// Points of a name that has all of several words, of one word, and less for each word that nobody knows.
const WORDS_POINTS: i32 = 100;
const WORD_POINTS: i32 = 75;
const UNKNOWN_WORD_POINTS: i32 = -30;
/// Points of a type that suits fully.
const TYPE_POINTS: i32 = 10;
/// Points of a field that events are known to have.
const CERTAIN_POINTS: i32 = 5;
/// Characters that a text needs for Buktor's ids, for the words of a status, and for names and phone numbers.
const ID_CHARS_MIN: u64 = 8;
const CODE_CHARS_MIN: u64 = 11;
const TEXT_CHARS_MIN: u64 = 10;
/// What a column for a number must reach, to hold Buktor's ids for some time.
const ID_MIN: i128 = 2_147_483_647;

/// A column with what its name says.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) column: &'a Column,
    /// Without the word for the event's own records, where others are left.
    pub(super) words: Vec<String>,
    /// It had that word: `id` alone can be anybody's, `appointment_id` is the appointment's.
    pub(super) entity: bool,
}

/// What is to be said of a field and a column.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They have nothing to do with each other.
    Apart,
    /// The names suit and the type does not: why, for the person who decides.
    Hint(String),
    /// They suit, with so many points.
    Suits(i32, Form),
}

/// Judges a pair.
pub(super) fn judge(source: &Source, named: &Named<'_>) -> Verdict {
    let Some(points) = name_points(source, named) else { return Verdict::Apart };
    if matches!(named.column.filled, Filled::ByCounter | Filled::ByIdentity | Filled::ByExpression) {
        return Verdict::Apart;
    }
    match type_points(source, named.column) {
        TypeFit::No => Verdict::Apart,
        TypeFit::Hint(words) => Verdict::Hint(words),
        TypeFit::Yes(more, form) => {
            let points = points + more + if source.certain { CERTAIN_POINTS } else { 0 };
            if points < POINTS_MIN { Verdict::Apart } else { Verdict::Suits(points, form) }
        }
    }
}

/// Points of the name; none where it does not suit.
fn name_points(source: &Source, named: &Named<'_>) -> Option<i32> {
    if source.kind == Kind::OwnId {
        return own_id_points(named);
    }
    let of = |(place, wanted): (usize, &&[&str])| {
        if !wanted.iter().all(|word| named.words.iter().any(|w| w == word)) {
            return None;
        }
        let mut points = if wanted.len() > 1 { WORDS_POINTS } else { WORD_POINTS };
        for word in named.words.iter().map(String::as_str).filter(|w| !wanted.contains(w)) {
            match word {
                word if source.free.contains(&word) => {}
                // It speaks of something else: `patient_status` is no appointment's status.
                word if is_known(word) => return None,
                _ => points += UNKNOWN_WORD_POINTS,
            }
        }
        Some(points - i32::try_from(place).unwrap_or(i32::MAX))
    };
    source.names.iter().enumerate().filter_map(of).max().filter(|points| points + TYPE_POINTS >= POINTS_MIN)
}

/// A column for Buktor's id: one that says so, or the record's own id.
fn own_id_points(named: &Named<'_>) -> Option<i32> {
    let has = |word: &str| named.words.iter().any(|w| w == word);
    let only = |allowed: &[&str]| named.words.iter().all(|w| allowed.contains(&w.as_str()));
    if has("buktor") && only(&["buktor", "id", "reference", "number", "code"]) {
        return Some(WORDS_POINTS + 20);
    }
    if has("external") && has("id") && only(&["external", "id"]) {
        return Some(WORDS_POINTS + 10);
    }
    (named.entity && has("id") && only(&["id"])).then_some(WORDS_POINTS)
}

enum TypeFit {
    No,
    Hint(String),
    Yes(i32, Form),
}

fn type_points(source: &Source, column: &Column) -> TypeFit {
    let good = TypeFit::Yes(TYPE_POINTS, Form::Plain);
    let poor = TypeFit::Yes(0, Form::Plain);
    let chars = chars(&column.kind);
    match (source.kind, &column.kind) {
        (_, ColumnType::Other) | (Kind::Moment { parts: false }, ColumnType::Date) => poor,
        (Kind::OwnId | Kind::OtherId, ColumnType::Int { max, .. }) if *max >= ID_MIN => good,
        (Kind::OwnId | Kind::OtherId, ColumnType::Text { .. }) if chars >= ID_CHARS_MIN => good,
        (Kind::Moment { .. }, ColumnType::Text { .. }) => TypeFit::Hint(format!(
            "looks like {}, and is a text: say with \"format\" how the HIS writes dates there",
            source.name
        )),
        (Kind::OwnId | Kind::OtherId, ColumnType::Decimal { precision: 10.., scale: 0, .. })
        | (Kind::Moment { .. }, ColumnType::DateTime { .. } | ColumnType::Timestamp { .. })
        | (Kind::Moment { parts: true }, ColumnType::Date | ColumnType::Time { .. })
        | (
            Kind::Amount,
            ColumnType::Decimal { scale: 1.., .. } | ColumnType::Money { .. } | ColumnType::Float { .. },
        )
        | (Kind::Note, ColumnType::Text { length: TextLength::Unlimited, .. }) => good,
        (Kind::Amount, ColumnType::Int { .. } | ColumnType::Decimal { .. }) => TypeFit::Hint(format!(
            "looks like {}, and takes whole numbers only: an event with decimal places would be parked",
            source.name
        )),
        (Kind::Code(words), kind) => code(source, words, kind, chars),
        (Kind::Text, ColumnType::Text { .. }) if chars >= TEXT_CHARS_MIN => good,
        (Kind::Note, ColumnType::Text { .. }) => TypeFit::Yes(TYPE_POINTS, Form::Cut),
        _ => TypeFit::No,
    }
}

/// A status: as Buktor writes it, in the members' own words, or only pointed out.
fn code(source: &Source, words: &Words, kind: &ColumnType, chars: u64) -> TypeFit {
    let name = source.name;
    let by_hand = |what: String| {
        TypeFit::Hint(format!(
            "looks like {name}, and {what}: say with \"values\" what the HIS writes for each word, e.g. \
             {{\"{}\": ...}}",
            words.shown
        ))
    };
    match kind {
        ColumnType::Text { .. } if chars >= CODE_CHARS_MIN => TypeFit::Yes(TYPE_POINTS, Form::Plain),
        ColumnType::Text { .. } => by_hand(format!("holds {chars} characters only")),
        ColumnType::Choice { members, many: false } => {
            let same = |word: &&'static str| {
                let member = members.iter().find(|m| folded(m) == folded(word))?;
                Some(((*word).to_owned(), member.clone()))
            };
            let values: Vec<(String, String)> = words.all.iter().filter_map(same).collect();
            if values.iter().any(|(word, _)| word == words.shown) {
                return TypeFit::Yes(TYPE_POINTS, Form::Values(values));
            }
            by_hand(format!("takes {} only", members.join(", ")))
        }
        ColumnType::Int { .. } | ColumnType::Decimal { .. } => by_hand("is a number".to_owned()),
        _ => TypeFit::No,
    }
}

/// A word so that `No Show`, `no_show` and `NOSHOW` are one, and the two spellings of "cancelled".
fn folded(word: &str) -> String {
    let letters: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    letters.replace("canceled", "cancelled")
}

/// Characters that a column can hold for certain; none for other types than texts.
pub(super) fn chars(kind: &ColumnType) -> u64 {
    match kind {
        ColumnType::Text { length: TextLength::Unlimited, .. } => u64::MAX,
        // In a code page hardly one has more than one byte.
        ColumnType::Text { length: TextLength::Chars(n) | TextLength::Units(n), .. }
        | ColumnType::Text { length: TextLength::Bytes(n), charset: Charset::CodePage(_) } => *n,
        // A character has four bytes at most.
        ColumnType::Text { length: TextLength::Bytes(n), .. } => n / 4,
        _ => 0,
    }
}
