//! Finds the tables and views that names of the configuration stand for: as written, then in capitals; the login's own, then
//! by synonyms, its own before the public ones. Follows no synonym into another database.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, Question, ask, ask_perhaps};
use crate::{
    his::{HisError, oracle::Oracle},
    model::table::TableName,
};

/// Synonyms that may stand for one another.
const CHAIN_MAX: usize = 8;
/// The owner of what is for everybody.
const PUBLIC: &str = "PUBLIC";
/// Bytes of a name before 12.2, and since.
const NAME_BYTES: (usize, usize) = (30, 128);

/// What names stand for.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// The place, and whether it is a view.
    pub(super) found: BTreeMap<TableName, (Place, bool)>,
    pub(super) absent: Vec<TableName>,
    /// Names that stand for something that cannot be used, with the reason.
    pub(super) refused: Vec<(TableName, String)>,
}

/// What a name stands for in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Table,
    View,
    Synonym { target: Place, link: Option<String> },
}

pub(super) async fn locate(session: &mut Oracle, names: &[TableName]) -> Result<Located, HisError> {
    let own = session.facts.schema.clone();
    let wanted: Vec<(&TableName, Vec<Place>)> = names.iter().map(|name| (name, places(name, &own))).collect();
    let all = wanted.iter().flat_map(|(_, places)| places.iter().cloned()).collect();
    let known = look(session, all).await?;
    let longest = if session.facts.version >= (12, 2) { NAME_BYTES.1 } else { NAME_BYTES.0 };
    let mut located = Located::default();
    for (name, places) in wanted {
        let end = places.iter().find_map(|place| follow(place, &known));
        match end {
            Some(Ok(found)) => drop(located.found.insert(name.clone(), found)),
            Some(Err(why)) => located.refused.push((name.clone(), why)),
            None => match too_long(name, longest) {
                Some(why) => located.refused.push((name.clone(), why)),
                None => located.absent.push(name.clone()),
            },
        }
    }
    Ok(located)
}

/// The table or view at a place, by its synonym where it is one.
pub(super) async fn at(session: &mut Oracle, place: &Place) -> Result<Option<(Place, bool)>, HisError> {
    let known = look(session, BTreeSet::from([place.clone()])).await?;
    Ok(follow(place, &known).and_then(Result::ok))
}

/// Where a name of the configuration may point, best first.
fn places(name: &TableName, own: &str) -> Vec<Place> {
    let capitals = name.0.to_uppercase();
    let mut places = vec![Place::new(own, &name.0), Place::new(own, &capitals)];
    for (dot, _) in name.0.match_indices('.') {
        let (owner, table) = name.0.split_at(dot);
        let table = table.trim_start_matches('.');
        if !owner.is_empty() && !table.is_empty() {
            let (owner_capitals, table_capitals) = (owner.to_uppercase(), table.to_uppercase());
            places.push(Place::new(owner, table));
            places.push(Place::new(&owner_capitals, table));
            places.push(Place::new(&owner_capitals, &table_capitals));
        }
    }
    places.push(Place::new(PUBLIC, &name.0));
    places.push(Place::new(PUBLIC, &capitals));
    let mut once = BTreeSet::new();
    places.retain(|place| once.insert(place.clone()));
    places
}

/// What there is at these places, and at those that their synonyms stand for.
async fn look(session: &mut Oracle, places: BTreeSet<Place>) -> Result<BTreeMap<Place, Thing>, HisError> {
    let mut known = BTreeMap::new();
    let mut open: Vec<Place> = places.iter().cloned().collect();
    let mut asked = places;
    for _ in 0..=CHAIN_MAX {
        if open.is_empty() {
            break;
        }
        let (owner, name) = ("OWNER", "TABLE_NAME");
        let question = Question { owner, name, wanted: "", view: "ALL_TABLES", only: "" };
        let tables = ask(session, question, &open).await?;
        known.extend(tables.into_iter().map(|answer| (answer.place, Thing::Table)));
        let question = Question { name: "VIEW_NAME", view: "ALL_VIEWS", ..question };
        for answer in ask_perhaps(session, question, &open).await?.unwrap_or_default() {
            known.entry(answer.place).or_insert(Thing::View);
        }
        let rest: Vec<Place> = open.iter().filter(|place| !known.contains_key(*place)).cloned().collect();
        let wanted = "TABLE_OWNER, TABLE_NAME, DB_LINK";
        let question = Question { name: "SYNONYM_NAME", wanted, view: "ALL_SYNONYMS", ..question };
        open = Vec::new();
        for mut answer in ask_perhaps(session, question, &rest).await?.unwrap_or_default() {
            let target = Place { owner: answer.text(), name: answer.text() };
            let link = answer.cell();
            if link.is_none() && asked.insert(target.clone()) {
                open.push(target.clone());
            }
            known.entry(answer.place).or_insert(Thing::Synonym { target, link });
        }
    }
    Ok(known)
}

/// The end of a chain of synonyms; none where nothing is there, an error in words where it cannot be used.
fn follow(place: &Place, known: &BTreeMap<Place, Thing>) -> Option<Result<(Place, bool), String>> {
    let mut place = place;
    for _ in 0..=CHAIN_MAX {
        match known.get(place)? {
            Thing::Table => return Some(Ok((place.clone(), false))),
            Thing::View => return Some(Ok((place.clone(), true))),
            Thing::Synonym { target, link: None } => place = target,
            Thing::Synonym { target, link: Some(link) } => {
                return Some(Err(format!(
                    "it is a synonym of {}, a table of another database (database link {link}), which cannot be written to \
                     from here; connect to that database instead",
                    target.name
                )));
            }
        }
    }
    Some(Err(format!(
        "it is a synonym of more than {CHAIN_MAX} others, one behind the other; name the table itself"
    )))
}

fn too_long(name: &TableName, longest: usize) -> Option<String> {
    let part = name.0.rsplit('.').next().unwrap_or_default();
    (part.len() > longest).then(|| {
        format!(
            "the name has {} bytes, and this version of Oracle has no names of more than {longest}; see how the HIS really \
             calls the table",
            part.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_may_point() {
        fn check(name: &str, expected: &[(&str, &str)]) {
            let places = places(&TableName(name.to_owned()), "OWN");
            let places: Vec<_> = places.iter().map(|p| (p.owner.as_str(), p.name.as_str())).collect();
            assert_eq!(places, expected, "{name}");
        }
        check("T", &[("OWN", "T"), ("PUBLIC", "T")]);
        check("t", &[("OWN", "t"), ("OWN", "T"), ("PUBLIC", "t"), ("PUBLIC", "T")]);
        check(
            "his.Visits",
            &[
                ("OWN", "his.Visits"),
                ("OWN", "HIS.VISITS"),
                ("his", "Visits"),
                ("HIS", "Visits"),
                ("HIS", "VISITS"),
                ("PUBLIC", "his.Visits"),
                ("PUBLIC", "HIS.VISITS"),
            ],
        );
    }

    #[test]
    fn synonyms_are_followed() {
        let place = |name: &str| Place::new("HIS", name);
        let synonym = |to: &str| Thing::Synonym { target: place(to), link: None };
        let mut known = BTreeMap::from([
            (place("T"), Thing::Table),
            (place("V"), Thing::View),
            (place("S1"), synonym("S2")),
            (place("S2"), synonym("V")),
            (place("LOOP"), synonym("LOOP")),
            (place("GONE"), synonym("NOTHING")),
        ]);
        known.insert(place("FAR"), Thing::Synonym { target: place("X"), link: Some("PROD".into()) });
        assert_eq!(follow(&place("T"), &known), Some(Ok((place("T"), false))));
        assert_eq!(follow(&place("S1"), &known), Some(Ok((place("V"), true))));
        assert_eq!(follow(&place("GONE"), &known), None);
        assert!(
            follow(&place("LOOP"), &known)
                .is_some_and(|end| end.is_err_and(|why| why.contains("more than 8")))
        );
        assert!(
            follow(&place("FAR"), &known).is_some_and(|end| end.is_err_and(|why| why.contains("link PROD")))
        );
    }

    #[test]
    fn names_that_are_too_long() {
        let name = TableName(format!("HIS.{}", "A".repeat(31)));
        assert!(too_long(&name, 30).is_some_and(|why| why.contains("31 bytes")));
        assert_eq!(too_long(&name, 128), None);
    }
}
