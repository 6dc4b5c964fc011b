//! What the login may do with tables, and what fires when it does. Where the catalog does not say, nothing is claimed to be
//! missing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, Question, ask_perhaps};
use crate::{
    his::{HisError, oracle::Oracle},
    model::table::{ColumnName, Grant, Privileges, Trigger},
};

/// From this version on privileges can be granted on whole schemas, which no older view shows.
const SCHEMA_PRIVILEGES: (i32, i32) = (23, 0);

const OF_GRANT: Question<'static> =
    Question { owner: "TABLE_SCHEMA", name: "TABLE_NAME", wanted: "", view: "ALL_TAB_PRIVS", only: "" };

/// What the login has been granted, itself, by its roles and as anybody.
#[derive(Debug, Default)]
pub(super) struct Rights {
    /// By place; with a column where it is for this one alone.
    granted: Vec<(Place, String, Option<ColumnName>)>,
    /// `INSERT ANY TABLE`.
    system: BTreeSet<String>,
    /// There was something that could not be read.
    unreadable: bool,
}

impl Rights {
    pub(super) async fn read(session: &mut Oracle, places: &[Place]) -> Result<Self, HisError> {
        let user = session.facts.user.clone();
        let foreign: Vec<Place> = places.iter().filter(|place| place.owner != user).cloned().collect();
        if foreign.is_empty() {
            return Ok(Self::default());
        }
        let mut rights = Self { unreadable: session.facts.version >= SCHEMA_PRIVILEGES, ..Self::default() };
        let mut list = async |sql: &str| -> Result<Option<BTreeSet<String>>, HisError> {
            let rows = session.ask_perhaps(sql.to_owned(), &[]).await?;
            Ok(rows.map(|rows| rows.into_iter().flatten().flatten().collect()))
        };
        let roles = list("SELECT ROLE FROM SESSION_ROLES").await?;
        let system = list("SELECT PRIVILEGE FROM SESSION_PRIVS").await?;
        let whole = Question { wanted: "PRIVILEGE, GRANTEE", ..OF_GRANT };
        let whole = ask_perhaps(session, whole, &foreign).await?;
        let part = Question { wanted: "PRIVILEGE, GRANTEE, COLUMN_NAME", view: "ALL_COL_PRIVS", ..OF_GRANT };
        let part = ask_perhaps(session, part, &foreign).await?;
        rights.unreadable |= roles.is_none() || system.is_none() || whole.is_none() || part.is_none();
        rights.system = system.unwrap_or_default();
        let roles = roles.unwrap_or_default();
        for mut row in whole.into_iter().flatten().chain(part.into_iter().flatten()) {
            let (privilege, grantee, column) = (row.text(), row.text(), row.cell());
            if grantee == user || grantee == "PUBLIC" || roles.contains(&grantee) {
                rights.granted.push((row.place, privilege, column.map(ColumnName)));
            }
        }
        Ok(rights)
    }

    /// Whether the login surely has a privilege of the whole database.
    pub(super) fn has(&self, privilege: &str) -> bool {
        self.system.contains(privilege)
    }

    /// What it may do with a table of somebody else's.
    pub(super) fn of(&self, place: &Place) -> Privileges {
        Privileges {
            select: self.grant(place, &["SELECT", "READ"]),
            insert: self.grant(place, &["INSERT"]),
            update: self.grant(place, &["UPDATE"]),
            delete: self.grant(place, &["DELETE"]),
        }
    }

    fn grant(&self, place: &Place, privileges: &[&str]) -> Grant {
        let of = |privilege: &str| privileges.contains(&privilege);
        let mut own =
            self.granted.iter().filter(|(at, privilege, _)| at == place && of(privilege)).peekable();
        let any = privileges.iter().any(|privilege| self.has(&format!("{privilege} ANY TABLE")));
        if any || own.clone().any(|(_, _, column)| column.is_none()) {
            Grant::Whole
        } else if self.unreadable {
            Grant::Unknown
        } else if own.peek().is_none() {
            Grant::No
        } else {
            Grant::Columns(own.filter_map(|(_, _, column)| column.clone()).collect())
        }
    }
}

/// The tables' triggers that fire, as far as the login sees them; none where the catalog does not tell.
pub(super) async fn triggers(
    session: &mut Oracle,
    places: &[Place],
) -> Result<Option<BTreeMap<Place, Vec<Trigger>>>, HisError> {
    let question = Question {
        owner: "TABLE_OWNER",
        name: "TABLE_NAME",
        wanted: "TRIGGER_NAME, TRIGGER_TYPE, TRIGGERING_EVENT",
        view: "ALL_TRIGGERS",
        only: " AND STATUS = 'ENABLED'",
    };
    let Some(rows) = ask_perhaps(session, question, places).await? else { return Ok(None) };
    let mut triggers: BTreeMap<Place, Vec<Trigger>> = BTreeMap::new();
    for mut row in rows {
        let (name, kind, events) = (row.text(), row.text(), row.text());
        triggers.entry(row.place).or_default().extend(fires(&name, &kind, &events));
    }
    for triggers in triggers.values_mut() {
        triggers.sort_by(|a, b| (&a.name, &a.event).cmp(&(&b.name, &b.event)));
    }
    Ok(Some(triggers))
}

/// `BEFORE EACH ROW` of `INSERT OR UPDATE` is two.
fn fires(name: &str, kind: &str, events: &str) -> Vec<Trigger> {
    let timing = match kind {
        kind if kind.starts_with("INSTEAD OF") => "INSTEAD OF",
        kind if kind.starts_with("AFTER") => "AFTER",
        // A compound one may have a part for each moment.
        _ => "BEFORE",
    };
    let events = events.split(" OR ").map(|event| event.split(' ').next().unwrap_or_default());
    let events = events.filter(|event| matches!(*event, "INSERT" | "UPDATE" | "DELETE"));
    events
        .map(|event| Trigger { name: name.to_owned(), event: event.to_owned(), timing: timing.to_owned() })
        .collect()
}

/// Whether rows can be written through views.
pub(super) async fn writable(
    session: &mut Oracle,
    places: &[Place],
) -> Result<BTreeMap<Place, bool>, HisError> {
    let question = Question {
        owner: "OWNER",
        name: "TABLE_NAME",
        wanted: "UPDATABLE, INSERTABLE",
        view: "ALL_UPDATABLE_COLUMNS",
        only: "",
    };
    let mut writable = BTreeMap::new();
    for mut row in ask_perhaps(session, question, places).await?.unwrap_or_default() {
        let any = row.text() == "YES" || row.text() == "YES";
        *writable.entry(row.place).or_insert(false) |= any;
    }
    Ok(writable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_login_may_do() {
        let (visits, other) = (Place::new("HIS", "VISITS"), Place::new("HIS", "OTHER"));
        let grant = |place: &Place, privilege: &str, column: Option<&str>| {
            (place.clone(), privilege.to_owned(), column.map(|c| ColumnName(c.to_owned())))
        };
        let mut rights = Rights {
            granted: vec![
                grant(&visits, "READ", None),
                grant(&visits, "INSERT", None),
                grant(&visits, "UPDATE", Some("ST")),
                grant(&other, "DELETE", None),
            ],
            ..Rights::default()
        };
        let may = rights.of(&visits);
        assert_eq!((&may.select, &may.insert, &may.delete), (&Grant::Whole, &Grant::Whole, &Grant::No));
        assert_eq!(may.update, Grant::Columns(vec![ColumnName("ST".into())]));
        rights.system.insert("DELETE ANY TABLE".into());
        assert_eq!(rights.of(&visits).delete, Grant::Whole);
        rights.unreadable = true;
        assert_eq!(rights.of(&other).insert, Grant::Unknown);
    }

    #[test]
    fn what_fires() {
        fn check(kind: &str, events: &str, expected: &[(&str, &str)]) {
            let found = fires("T", kind, events);
            let found: Vec<_> = found.iter().map(|t| (t.timing.as_str(), t.event.as_str())).collect();
            assert_eq!(found, expected);
        }
        check("BEFORE EACH ROW", "INSERT", &[("BEFORE", "INSERT")]);
        check("AFTER STATEMENT", "INSERT OR UPDATE", &[("AFTER", "INSERT"), ("AFTER", "UPDATE")]);
        check("INSTEAD OF", "DELETE", &[("INSTEAD OF", "DELETE")]);
        check("COMPOUND", "UPDATE OF A", &[("BEFORE", "UPDATE")]);
        check("BEFORE EVENT", "LOGON", &[]);
    }
}
