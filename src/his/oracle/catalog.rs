//! HIS tables as the `ALL_` views describe them. Asks for all tables at once, by equality alone, so that 11.2 answers as fast
//! as 23ai. Reads names and types, never a row.
//!
//! See <https://docs.oracle.com/en/database/oracle/oracle-database/19/refrn/static-data-dictionary-views.html>.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Oracle;
use crate::{
    his::{HisError, answer, near},
    model::table::{Privileges, Schema, Table, TableName, Trigger},
};

mod columns;
mod keys;
mod locate;
mod rights;

use locate::Located;
use rights::Rights;

/// Places that one question asks for; a power of two.
const QUERY_PLACES_MAX: usize = 16;
/// Tables of other owners that are listed at most.
const FOREIGN_NAMES_MAX: usize = 1000;
/// Owners whose tables are the database's own.
const SYSTEM_OWNERS: [&str; 24] = [
    "SYS",
    "SYSTEM",
    "XDB",
    "MDSYS",
    "CTXSYS",
    "ORDSYS",
    "ORDDATA",
    "WMSYS",
    "OUTLN",
    "DBSNMP",
    "OLAPSYS",
    "EXFSYS",
    "LBACSYS",
    "DVSYS",
    "AUDSYS",
    "GSMADMIN_INTERNAL",
    "OJVMSYS",
    "APPQOSSYS",
    "FLOWS_FILES",
    "SYSMAN",
    "DVF",
    "DBSFWUSER",
    "GGSYS",
    "VECSYS",
];

/// A place where a table may be, in the catalog's spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    owner: String,
    name: String,
}

impl Place {
    fn new(owner: &str, name: &str) -> Self {
        Self { owner: owner.to_owned(), name: name.to_owned() }
    }
}

/// One row of the answer to a question about several places.
type Answer = answer::Answer<Place>;

/// A question about places: the columns that name a place, those that are wanted of it, and where.
#[derive(Clone, Copy, Debug)]
struct Question<'a> {
    owner: &'a str,
    name: &'a str,
    wanted: &'a str,
    view: &'a str,
    /// What else must hold, ` AND STATUS = 'ENABLED'`.
    only: &'a str,
}

/// The names of the tables, views and synonyms of the session's own schema, and of the tables of others that it may use.
pub(super) async fn names(session: &mut Oracle) -> Result<Vec<TableName>, HisError> {
    let own = session.facts.schema.clone();
    let mut all: BTreeSet<String> = own_names(session, &own).await?.into_iter().collect();
    let sql = "SELECT OWNER, TABLE_NAME FROM ALL_TABLES WHERE OWNER <> :1 ORDER BY OWNER, TABLE_NAME";
    let others = session.ask_perhaps(sql.to_owned(), &[&own]).await?.unwrap_or_default();
    let foreign = others.into_iter().filter_map(place).filter(|place| {
        !SYSTEM_OWNERS.contains(&place.owner.as_str())
            && !place.owner.starts_with("APEX_")
            && is_real(&place.name)
    });
    all.extend(foreign.take(FOREIGN_NAMES_MAX).map(|place| format!("{}.{}", place.owner, place.name)));
    Ok(all.into_iter().map(TableName).collect())
}

/// Describes the tables; those that are not there come with the names of some that are.
pub(super) async fn describe(session: &mut Oracle, names: &[TableName]) -> Result<Schema, HisError> {
    let mut located = locate::locate(session, names).await?;
    session.refused = std::mem::take(&mut located.refused);
    let mut schema = Schema::default();
    for name in std::mem::take(&mut located.absent) {
        match offer(session, &name).await? {
            Offer::OtherCase(place, view) => drop(located.found.insert(name, (place, view))),
            Offer::Near(names) => drop(schema.missing.insert(name, names)),
        }
    }
    for (name, _) in &session.refused {
        schema.missing.insert(name.clone(), Vec::new());
    }
    let Located { found, .. } = located;
    let places: Vec<Place> =
        found.values().map(|(place, _)| place.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let views: BTreeSet<&Place> = found.values().filter(|(_, view)| *view).map(|(place, _)| place).collect();
    let tables = read(session, &places, &views).await?;
    for (name, (place, _)) in &found {
        if let Some(table) = tables.get(place) {
            schema.tables.insert(name.clone(), Arc::clone(table));
        }
    }
    session.end_reading().await?;
    Ok(schema)
}

/// Reads all that is to be known of these tables and views.
async fn read(
    session: &mut Oracle,
    places: &[Place],
    views: &BTreeSet<&Place>,
) -> Result<BTreeMap<Place, Arc<Table>>, HisError> {
    let triggers = rights::triggers(session, places).await?;
    let untold = triggers.is_none();
    let mut triggers = triggers.unwrap_or_default();
    let mut keys = keys::read(session, places).await?;
    let mut columns = columns::read(session, places).await?;
    let writable = if views.is_empty() { BTreeMap::new() } else { rights::writable(session, places).await? };
    let before: BTreeSet<String> =
        triggers.values().flatten().filter(|t| is_before_insert(t)).map(|t| t.name.clone()).collect();
    let assigned = if before.is_empty() { None } else { columns::assigned(session, places, &before).await? };
    let rights = Rights::read(session, places).await?;
    let user = session.facts.user.clone();
    let mut tables = BTreeMap::new();
    for place in places {
        let view = views.contains(place);
        let triggers = triggers.remove(place).unwrap_or_default();
        let keys = keys.remove(place).unwrap_or_default();
        let is_own = place.owner == user;
        // To others than its owner a table's triggers are shown only with CREATE ANY TRIGGER.
        let hidden = !is_own && triggers.is_empty() && !rights.has("CREATE ANY TRIGGER");
        let columns = columns.remove(place).unwrap_or_default();
        let columns = if untold {
            columns::filled(columns, &keys.unique, None)
        } else if triggers.iter().any(is_before_insert) {
            let none = BTreeSet::new();
            let assigned = assigned.as_ref().map(|all| all.get(place).unwrap_or(&none));
            columns::filled(columns, &keys.unique, assigned)
        } else {
            columns
        };
        let instead = triggers.iter().any(|t| t.timing == "INSTEAD OF");
        let table = Table {
            schema: Some(place.owner.clone()),
            name: place.name.clone(),
            view,
            updatable: !view || instead || writable.get(place).copied().unwrap_or(true),
            engine: String::new(),
            unique: keys.safe_by(&columns),
            columns: keys.marked(columns),
            references: keys.references,
            insert_triggers: hidden || triggers.iter().any(|t| t.event == "INSERT"),
            triggers,
            // Nothing is slower or less right for not knowing them here.
            triggers_hidden: false,
            transactional: true,
            ignore_case: true,
            empty_is_null: true,
            may: if is_own { Privileges::all() } else { rights.of(place) },
            columns_hidden: false,
        };
        tables.insert(place.clone(), Arc::new(table));
    }
    Ok(tables)
}

fn is_before_insert(trigger: &Trigger) -> bool {
    trigger.event == "INSERT" && trigger.timing == "BEFORE"
}

/// What is there in place of a table that is not.
enum Offer {
    /// One table, or view, has this name in another case.
    OtherCase(Place, bool),
    /// Names like it.
    Near(Vec<String>),
}

async fn offer(session: &mut Oracle, name: &TableName) -> Result<Offer, HisError> {
    let own = session.facts.schema.clone();
    let (owner, table) = name
        .0
        .split_once('.')
        .map_or((own.clone(), name.0.as_str()), |(owner, table)| (owner.to_uppercase(), table));
    let all = own_names(session, &owner).await?;
    let alike: Vec<&String> =
        all.iter().filter(|other| other.to_lowercase() == table.to_lowercase()).collect();
    if let [only] = alike.as_slice() {
        let place = Place::new(&owner, only);
        if let Some((place, view)) = locate::at(session, &place).await? {
            return Ok(Offer::OtherCase(place, view));
        }
    }
    let title = |other: &String| if owner == own { other.clone() } else { format!("{owner}.{other}") };
    let mut candidates: Vec<String> = all.iter().map(title).collect();
    let sql = "SELECT OWNER, TABLE_NAME FROM ALL_TABLES WHERE TABLE_NAME = :1";
    let capitals = table.to_uppercase();
    let elsewhere = session.ask_perhaps(sql.to_owned(), &[&capitals]).await?.unwrap_or_default();
    let elsewhere =
        elsewhere.into_iter().filter_map(place).filter(|p| !SYSTEM_OWNERS.contains(&p.owner.as_str()));
    let mut names: Vec<String> = elsewhere.map(|p| format!("{}.{}", p.owner, p.name)).collect();
    candidates.retain(|candidate| !names.contains(candidate));
    names.extend(near::names(&name.0, candidates.iter().map(String::as_str)));
    names.truncate(near::NAMES_MAX);
    Ok(Offer::Near(names))
}

/// The tables, views and synonyms of an owner.
async fn own_names(session: &mut Oracle, owner: &str) -> Result<Vec<String>, HisError> {
    let tables = "SELECT TABLE_NAME FROM ALL_TABLES WHERE OWNER = :1 ORDER BY TABLE_NAME";
    let tables = session.ask(tables.to_owned(), &[owner]).await?;
    let mut all: Vec<String> = tables.into_iter().flatten().flatten().filter(|name| is_real(name)).collect();
    for sql in [
        "SELECT VIEW_NAME FROM ALL_VIEWS WHERE OWNER = :1 ORDER BY VIEW_NAME",
        "SELECT SYNONYM_NAME FROM ALL_SYNONYMS WHERE OWNER = :1 ORDER BY SYNONYM_NAME",
    ] {
        let rows = session.ask_perhaps(sql.to_owned(), &[owner]).await?.unwrap_or_default();
        all.extend(rows.into_iter().flatten().flatten().filter(|name| is_real(name)));
    }
    Ok(all)
}

/// Not one that Oracle has made itself: what was dropped, and what stands behind materialised views and indexes.
fn is_real(name: &str) -> bool {
    !["BIN$", "MLOG$_", "RUPD$_", "DR$", "SYS_IOT_OVER_"].iter().any(|prefix| name.starts_with(prefix))
}

fn place(row: Vec<Option<String>>) -> Option<Place> {
    let mut cells = row.into_iter().flatten();
    Some(Place { owner: cells.next()?, name: cells.next()? })
}

/// Asks the same of all places.
async fn ask(
    session: &mut Oracle,
    question: Question<'_>,
    places: &[Place],
) -> Result<Vec<Answer>, HisError> {
    let mut answers = Vec::new();
    for chunk in places.chunks(QUERY_PLACES_MAX) {
        let (sql, params) = rendered(question, chunk);
        answers.extend(session.ask(sql, &params).await?.into_iter().filter_map(answer));
    }
    Ok(answers)
}

/// The same where the answer is nice to have; none where the database refuses it.
async fn ask_perhaps(
    session: &mut Oracle,
    question: Question<'_>,
    places: &[Place],
) -> Result<Option<Vec<Answer>>, HisError> {
    let mut answers = Vec::new();
    for chunk in places.chunks(QUERY_PLACES_MAX) {
        let (sql, params) = rendered(question, chunk);
        let Some(rows) = session.ask_perhaps(sql, &params).await? else { return Ok(None) };
        answers.extend(rows.into_iter().filter_map(answer));
    }
    Ok(Some(answers))
}

/// The same for a view that may lack some columns: the least wanted stand last, and are left out one by one; `needed` are
/// not. Tells how many were told.
async fn ask_least(
    session: &mut Oracle,
    (wanted, needed): (&[&str], usize),
    question: Question<'_>,
    places: &[Place],
) -> Result<(usize, Vec<Answer>), HisError> {
    for count in (needed + 1..=wanted.len()).rev() {
        let wanted = wanted.get(..count).unwrap_or(wanted).join(", ");
        if let Some(answers) = ask_perhaps(session, Question { wanted: &wanted, ..question }, places).await? {
            return Ok((count, answers));
        }
    }
    let wanted = wanted.get(..needed).unwrap_or(wanted).join(", ");
    Ok((needed, ask(session, Question { wanted: &wanted, ..question }, places).await?))
}

/// For a power of two of places, so that the server keeps few plans: the last one stands for the rest.
fn rendered<'p>(question: Question<'_>, places: &'p [Place]) -> (String, Vec<&'p str>) {
    let Question { owner, name, wanted, view, only } = question;
    let count = places.len().next_power_of_two();
    let padded = places.iter().chain(places.last().into_iter().cycle()).take(count);
    let params: Vec<&str> = padded.flat_map(|place| [place.owner.as_str(), place.name.as_str()]).collect();
    let conditions: Vec<String> =
        (0..count).map(|i| format!("({owner} = :{} AND {name} = :{})", 2 * i + 1, 2 * i + 2)).collect();
    let wanted = if wanted.is_empty() { String::new() } else { format!(", {wanted}") };
    let conditions = conditions.join(" OR ");
    (format!("SELECT {owner}, {name}{wanted} FROM {view} WHERE ({conditions}){only}"), params)
}

fn answer(row: Vec<Option<String>>) -> Option<Answer> {
    let mut cells = row.into_iter();
    let place = Place { owner: cells.next()??, name: cells.next()?? };
    Some(Answer { place, cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_places() {
        let places: Vec<Place> = ["A", "B", "C"].iter().map(|name| Place::new("HIS", name)).collect();
        let question =
            Question { owner: "OWNER", name: "TABLE_NAME", wanted: "X", view: "ALL_X", only: " AND Y = 1" };
        let (sql, params) = rendered(question, &places[..1]);
        assert_eq!(
            sql,
            "SELECT OWNER, TABLE_NAME, X FROM ALL_X WHERE ((OWNER = :1 AND TABLE_NAME = :2)) AND Y = 1"
        );
        assert_eq!(params, ["HIS", "A"]);
        let (sql, params) = rendered(question, &places);
        assert!(sql.contains(" OR (OWNER = :7 AND TABLE_NAME = :8)) AND"), "{sql}");
        assert_eq!(params, ["HIS", "A", "HIS", "B", "HIS", "C", "HIS", "C"]);
    }

    #[test]
    fn names_that_oracle_made() {
        assert!(!is_real("BIN$abc==$0") && !is_real("MLOG$_T") && is_real("T$X"));
    }
}
