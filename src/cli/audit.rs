//! `audit`: the trail of who sent what and who did what, for the person who has to account for it. Reads alone.

use std::path::Path;

use chrono::{Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        load_config, output,
    },
    model::clock::{Clock, SystemClock, Timestamp},
    queue::{AuditAction, AuditFilter, AuditRow, Inspector, QueueError},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only what concerns this event, by its number or its `event_id`; it need not be in the queue any more
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Only this action (can be repeated): received, duplicate, conflict, retry, discard, link, unlink, links-moved,
    /// erased, sync, rekey, backup, restore, compact
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,
    /// Only what was done by a credential, a user or an address that has this text in it
    #[arg(long, value_name = "TEXT")]
    who: Option<String>,
    /// Not before: 2026-11-21, "2026-11-21 14:30", 21.11.2026, today, yesterday (this machine's time), or
    /// 2026-11-21T14:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Not after; a day counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Show at most so many
    #[arg(long, default_value_t = 50, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(explicit: Option<&Path>, args: &Args) -> Result<Exit, Failure> {
    let now = SystemClock.now();
    let filter = AuditFilter {
        event: args.event.clone(),
        actions: args.action.iter().map(|name| action(name)).collect::<Result<_, _>>()?,
        who: args.who.clone(),
        since: args.since.as_deref().map(|text| moment(text, false, now, &Local)).transpose()?,
        until: args.until.as_deref().map(|text| moment(text, true, now, &Local)).transpose()?,
        // One more than is shown tells that there are more.
        limit: args.limit.saturating_add(1),
    };
    let config = load_config(explicit)?;
    let problem = |e: QueueError| Failure::new(Exit::Problems, e);
    let inspector = Inspector::open(&config.queue.path, &config.queue.key).map_err(problem)?;
    let mut rows = inspector.audit(&filter).map_err(problem)?;
    let more = rows.len() > args.limit;
    rows.truncate(args.limit);
    if args.json {
        output::json(&rows.iter().map(row).collect::<Value>())?;
    } else if rows.is_empty() {
        output::talk("the audit trail has nothing of that");
    } else {
        table(&rows)?;
    }
    if more {
        output::talk(&format!("and more; --limit shows more than {}", args.limit));
    }
    Ok(Exit::Done)
}

fn action(name: &str) -> Result<AuditAction, Failure> {
    AuditAction::ALL.into_iter().find(|action| action.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
        let all: Vec<_> = AuditAction::ALL.iter().map(|action| action.name()).collect();
        Failure::new(Exit::Usage, format!("there is no action {name}; there are {}", all.join(", ")))
    })
}

/// Rows of the trail under a heading.
pub(super) fn table(rows: &[AuditRow]) -> Result<(), Failure> {
    let cells = |row: &AuditRow| {
        let event = match (&row.seq, &row.event_id) {
            (Some(seq), Some(id)) => format!("{seq} ({id})"),
            _ => String::new(),
        };
        vec![
            row.at.rfc3339(),
            row.action.name().to_owned(),
            output::printable(row.who.as_deref().unwrap_or_default()),
            row.address.clone().unwrap_or_default(),
            output::printable(&event),
            output::printable(row.detail.as_deref().unwrap_or_default()),
        ]
    };
    output::table(
        &["time", "action", "who", "address", "event", "detail"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    )
}

/// `2026-11-21T14:30:00Z retry by asha, events retry: was parked`.
pub(super) fn words(row: &AuditRow) -> String {
    let who = match (&row.who, &row.address) {
        (None, None) => String::new(),
        (Some(who), None) => format!(" by {who}"),
        (None, Some(address)) => format!(" from {address}"),
        (Some(who), Some(address)) => format!(" by {who} from {address}"),
    };
    let detail = row.detail.as_ref().map(|detail| format!(", {detail}")).unwrap_or_default();
    format!("{} {}{who}{detail}", row.at.rfc3339(), row.action.name())
}

/// A row of the trail, for scripts.
pub(super) fn row(row: &AuditRow) -> Value {
    json!({
        "at": row.at.rfc3339(), "action": row.action.name(), "who": row.who, "address": row.address,
        "seq": row.seq.map(|seq| seq.0), "event_id": row.event_id, "detail": row.detail,
    })
}

/// A moment as people write it, in a zone. A day alone is its beginning or, as an `end`, the beginning of the next one; a
/// time to the minute is that minute's beginning or end.
fn moment<Z: TimeZone>(text: &str, end: bool, now: Timestamp, zone: &Z) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc().into());
    }
    let wrong = || {
        let words = format!(
            "{text:?} is no time: write it as 2026-11-21, \"2026-11-21 14:30\", 21.11.2026, today, yesterday or \
             2026-11-21T14:30:00Z"
        );
        Failure::new(Exit::Usage, words)
    };
    let (day, time) =
        text.split_once([' ', 'T']).map_or((text, None), |(day, time)| (day, Some(time.trim())));
    let today = now.utc().with_timezone(zone).date_naive();
    let day = match day.to_ascii_lowercase().as_str() {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        _ => ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"]
            .iter()
            .find_map(|format| NaiveDate::parse_from_str(day, format).ok()),
    };
    let day = day.ok_or_else(wrong)?;
    let local = match time {
        None if end => day.checked_add_days(Days::new(1)).map(|day| day.and_time(NaiveTime::MIN)),
        None => Some(day.and_time(NaiveTime::MIN)),
        Some(time) => {
            clock_time(time, end).and_then(|(time, more)| day.and_time(time).checked_add_signed(more))
        }
    };
    local.and_then(|local| earliest(local, zone)).ok_or_else(wrong)
}

/// A time of day, and how long it lasts as an end.
fn clock_time(text: &str, end: bool) -> Option<(NaiveTime, chrono::TimeDelta)> {
    let lasts = |seconds| chrono::TimeDelta::seconds(if end { seconds } else { 0 });
    let minute = NaiveTime::parse_from_str(text, "%H:%M").ok().map(|time| (time, lasts(60)));
    minute.or_else(|| NaiveTime::parse_from_str(text, "%H:%M:%S").ok().map(|time| (time, lasts(1))))
}

/// The moment of a local time; where clocks are put forward over it, an hour later, where they are put back, the first.
fn earliest<Z: TimeZone>(local: NaiveDateTime, zone: &Z) -> Option<Timestamp> {
    let later = || zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest();
    let moment = zone.from_local_datetime(&local).earliest().or_else(later)?;
    Some(moment.to_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now = chrono::DateTime::parse_from_rfc3339("2026-11-21T20:00:00Z").unwrap().to_utc().into();
        let check = |text: &str, end: bool, expected: &str| {
            let found = moment(text, end, now, &chrono_tz::Asia::Kolkata);
            assert_eq!(found.map_or_else(|_| String::new(), Timestamp::rfc3339), expected, "{text} {end}");
        };
        check("2026-11-21", false, "2026-11-20T18:30:00Z");
        check("2026-11-21", true, "2026-11-21T18:30:00Z");
        check("21.11.2026", false, "2026-11-20T18:30:00Z");
        check("21/11/2026", false, "2026-11-20T18:30:00Z");
        check("2026-11-21 14:30", false, "2026-11-21T09:00:00Z");
        check("2026-11-21T14:30", true, "2026-11-21T09:01:00Z");
        check("2026-11-21 14:30:15", false, "2026-11-21T09:00:15Z");
        check("2026-11-21T14:30:00Z", true, "2026-11-21T14:30:00Z");
        check("2026-11-21T14:30:00+02:00", false, "2026-11-21T12:30:00Z");
        // There it is the 22nd already.
        check("today", false, "2026-11-21T18:30:00Z");
        check("Yesterday", true, "2026-11-21T18:30:00Z");
        check("today 01:00", false, "2026-11-21T19:30:00Z");
        for wrong in ["", "21-11-2026", "2026-02-30", "25:00", "2026-11-21 25:00", "now"] {
            check(wrong, false, "");
        }
        let spring = moment("2026-03-29 02:30", false, now, &chrono_tz::Europe::Berlin).unwrap();
        assert_eq!(spring.rfc3339(), "2026-03-29T01:30:00Z");
    }
}
