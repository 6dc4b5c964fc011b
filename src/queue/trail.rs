//! The audit trail as commands see it: reading it, and writing down what was not done in the file itself. Changes nothing else.

use rusqlite::{Row, ToSql};

use crate::{
    model::{
        clock::{Clock, SystemClock, Timestamp},
        event::Seq,
    },
    queue::{
        AuditAction, Inspector, Operator, QueueError,
        audit::{Entry, record},
        store::local_id,
    },
};

/// Which rows of the trail are read. `Default` reads nothing, because its limit is 0.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// About the event of that place or id, which need not be in the queue any more.
    pub event: Option<String>,
    /// With one of these actions; empty for any.
    pub actions: Vec<AuditAction>,
    /// By a credential, a user or an address that has this text in it, in either case.
    pub who: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// As many at most.
    pub limit: usize,
}

/// A row of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// When it was done.
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// The credentials or the user; none where none were shown, and for what the daemon does by itself.
    pub who: Option<String>,
    /// The sender's address; none for what was done on this machine.
    pub address: Option<String>,
    /// The event's place.
    pub seq: Option<Seq>,
    /// The id that the event is shown under.
    pub event_id: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
}

impl Inspector {
    /// Reads the trail, the newest row first.
    pub fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, QueueError> {
        let mut sql = "SELECT a.at, a.action, w.name, w.address, a.seq, a.event_id, a.detail
                       FROM audit AS a LEFT JOIN actor AS w ON w.id = a.actor WHERE 1 = 1"
            .to_owned();
        let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
        let event = filter.event.as_ref().map(|name| self.event_named(name));
        if let Some((seq, id)) = &event {
            sql += " AND (a.seq = :seq OR a.event_id = :id)";
            values.extend([(":seq", seq as &dyn ToSql), (":id", id)]);
        }
        if !filter.actions.is_empty() {
            let numbers: Vec<String> = filter.actions.iter().map(|a| (*a as i64).to_string()).collect();
            sql = format!("{sql} AND a.action IN ({})", numbers.join(", "));
        }
        let who = filter.who.as_ref().map(|who| who.to_lowercase());
        if who.is_some() {
            sql += " AND instr(lower(w.name || ' ' || w.address), :who) > 0";
            values.push((":who", &who));
        }
        let (since, until) = (filter.since.map(|t| t.0), filter.until.map(|t| t.0));
        if since.is_some() {
            sql += " AND a.at >= :since";
            values.push((":since", &since));
        }
        if until.is_some() {
            sql += " AND a.at < :until";
            values.push((":until", &until));
        }
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        sql += " ORDER BY a.id DESC LIMIT :limit";
        values.push((":limit", &limit));
        self.rows(&sql, &values, |row| self.audit_row(row))
    }

    /// Writes down what an operator had done that is not done in the file itself.
    pub fn note(&self, by: &Operator, action: AuditAction, detail: Option<&str>) -> Result<(), QueueError> {
        let now = SystemClock.now();
        self.write(|conn| record(conn, now, Some(by), &Entry { action, event: None, detail }))
    }

    /// The place and the id that a name may mean.
    fn event_named(&self, name: &str) -> (Option<i64>, Option<String>) {
        if let Some(place) = name.strip_prefix("seq:") {
            return (place.parse().ok(), None);
        }
        if let Some(id) = name.strip_prefix("id:") {
            return (None, Some(id.to_owned()));
        }
        let local = name.rsplit_once('-').and_then(|(_, place)| place.parse().ok());
        let local = local.filter(|place| local_id(&self.queue_id, Seq(*place)) == name);
        (local.or(name.parse().ok()), Some(name.to_owned()))
    }

    fn audit_row(&self, row: &Row<'_>) -> rusqlite::Result<AuditRow> {
        let number: i64 = row.get(1)?;
        let text = |column| row.get::<_, Option<String>>(column).map(|t| t.filter(|t| !t.is_empty()));
        let seq = row.get::<_, Option<i64>>(4)?.map(Seq);
        let local = || seq.map(|seq| local_id(&self.queue_id, seq));
        Ok(AuditRow {
            at: Timestamp(row.get(0)?),
            action: AuditAction::from_number(number)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))?,
            who: text(2)?,
            address: text(3)?,
            seq,
            event_id: row.get::<_, Option<String>>(5)?.or_else(local),
            detail: text(6)?,
        })
    }
}
