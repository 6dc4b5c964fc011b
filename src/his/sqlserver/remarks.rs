//! What a hospital's IT should know about the server itself: what keeps rows from being written or COMMITs from being kept,
//! what is not encrypted, and what the login may that it need not. Reads settings, changes none.

use chrono::FixedOffset;

use super::SqlServer;
use crate::his::{HisError, Remark, zone};

/// The oldest version that this program is made for: 2008 R2.
const VERSION_MIN: (u32, u32) = (10, 50);
/// Below it `date`, `datetime2` and others are not what they are: the level of 2008.
const LEVEL_MIN: u32 = 100;
const FORCED: &str = "FORCED";

/// What the server says of itself.
#[derive(Debug, Default)]
struct Facts {
    version: Option<(u32, u32)>,
    product: String,
    /// `READ_ONLY` rather than `READ_WRITE`.
    updateability: String,
    /// `ONLINE`, or in which state the database is else.
    status: String,
    level: Option<u32>,
    /// `DISABLED`, `ALLOWED` or `FORCED`.
    durability: String,
    /// Minutes from UTC on the server's clock.
    now_minutes: Option<i32>,
    sysadmin: bool,
    /// What is to be said about encryption.
    cover: Option<String>,
}

pub(super) async fn remarks(session: &mut SqlServer) -> Result<Vec<Remark>, HisError> {
    let mut facts = Facts {
        version: session.facts.version(),
        product: session.facts.product(),
        cover: session.cover.remark(&session.facts),
        ..Facts::default()
    };
    let state = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)), \
                 CAST(DATABASEPROPERTYEX(DB_NAME(), 'Status') AS nvarchar(128))";
    let mut row = ask(session, state).await?;
    (facts.updateability, facts.status) = (text(&mut row), text(&mut row));
    let level = "SELECT d.compatibility_level FROM sys.databases d WHERE d.name = DB_NAME()";
    facts.level = text(&mut ask(session, level).await?).parse().ok();
    // SQL Server 2014 and later.
    let durability = "SELECT d.delayed_durability_desc FROM sys.databases d WHERE d.name = DB_NAME()";
    facts.durability = text(&mut ask(session, durability).await?);
    let clock = "SELECT DATEPART(TZoffset, SYSDATETIMEOFFSET())";
    facts.now_minutes = text(&mut ask(session, clock).await?).parse().ok();
    facts.sysadmin = text(&mut ask(session, "SELECT IS_SRVROLEMEMBER('sysadmin')").await?) == "1";
    let offset = zone::offset_now(session.timezone);
    Ok(judge(&facts, session.timezone.name(), offset))
}

type Row = std::vec::IntoIter<Option<String>>;

async fn ask(session: &mut SqlServer, sql: &str) -> Result<Row, HisError> {
    let rows = session.ask_gently(sql, &[]).await?;
    Ok(rows.into_iter().next().unwrap_or_default().into_iter())
}

fn text(row: &mut Row) -> String {
    row.next().flatten().unwrap_or_default()
}

fn judge(facts: &Facts, timezone: &str, offset: FixedOffset) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |problem, message| remarks.push(Remark { problem, message });
    if facts.updateability == "READ_ONLY" {
        say(
            true,
            "the database takes no changes now (it is READ_ONLY): it is a copy of another server's, or someone has set it so; \
             name the server that the HIS itself writes to in database.host (in an availability group, the listener), or run \
             ALTER DATABASE ... SET READ_WRITE there"
                .to_owned(),
        );
    }
    if !facts.status.is_empty() && facts.status != "ONLINE" {
        say(true, format!("the database is not in use now: its state is {}", facts.status));
    }
    if facts.durability == FORCED {
        say(
            true,
            "the database keeps transactions only some time after it has said that they are kept (DELAYED_DURABILITY = \
             FORCED): when its server fails, appointments that were reported as written are gone. Run ALTER DATABASE ... \
             SET DELAYED_DURABILITY = DISABLED there"
                .to_owned(),
        );
    }
    remarks.extend(facts.cover.clone().map(|message| Remark { problem: false, message }));
    let mut say = |message| remarks.push(Remark { problem: false, message });
    if facts.version.is_some_and(|version| version < VERSION_MIN) {
        say(format!(
            "{} is older than SQL Server 2008 R2, the oldest version that this program is made for: try each kind of event \
             with `buktor-middleware rehearse` first",
            facts.product
        ));
    }
    if let Some(level) = facts.level.filter(|level| *level < LEVEL_MIN) {
        say(format!(
            "the database works as a version before 2008 does (compatibility level {level}): statements with newer types may \
             be refused. Ask the HIS's vendor whether ALTER DATABASE ... SET COMPATIBILITY_LEVEL = 100 is possible"
        ));
    }
    if let Some(message) = zone::other_clock(facts.now_minutes, "", (timezone, offset), "GETDATE()") {
        say(message);
    }
    if facts.sysadmin {
        say("the login is a sysadmin and may do anything on the server: a login of its own that may use the mapped tables \
             alone is safer; `buktor-middleware check --grants` prints what it needs"
            .to_owned());
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_server() {
        fn check(change: impl FnOnce(&mut Facts), expected: &[(bool, &str)]) {
            let mut facts = Facts {
                version: Some((15, 0)),
                product: "SQL Server 2019".into(),
                updateability: "READ_WRITE".into(),
                status: "ONLINE".into(),
                level: Some(150),
                durability: "DISABLED".into(),
                now_minutes: Some(330),
                sysadmin: false,
                cover: None,
            };
            change(&mut facts);
            let offset = FixedOffset::east_opt(19_800).expect("an offset");
            let remarks = judge(&facts, "Asia/Kolkata", offset);
            assert_eq!(remarks.len(), expected.len(), "{remarks:?}");
            for (remark, (problem, words)) in remarks.iter().zip(expected) {
                assert!(remark.problem == *problem && remark.message.contains(words), "{remark:?}");
            }
        }
        check(|_| {}, &[]);
        check(|f| *f = Facts { now_minutes: None, ..Facts::default() }, &[]);
        check(|f| f.updateability = "READ_ONLY".into(), &[(true, "takes no changes")]);
        check(|f| f.status = "RESTORING".into(), &[(true, "RESTORING")]);
        check(|f| f.durability = "FORCED".into(), &[(true, "DELAYED_DURABILITY")]);
        check(|f| f.durability = "ALLOWED".into(), &[]);
        check(|f| f.cover = Some("not encrypted".into()), &[(false, "not encrypted")]);
        check(|f| f.version = Some((10, 0)), &[(false, "older than SQL Server 2008 R2")]);
        check(|f| f.version = Some((10, 50)), &[]);
        check(|f| f.level = Some(90), &[(false, "compatibility level 90")]);
        check(|f| f.now_minutes = Some(0), &[(false, "UTC+00:00")]);
        check(|f| f.sysadmin = true, &[(false, "sysadmin")]);
    }
}
