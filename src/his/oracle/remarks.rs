//! What a hospital's IT should know about the server itself: versions that do not go together, a database that only reads,
//! characters that it cannot keep, a clock in another zone. Reads settings, changes none.

use chrono::FixedOffset;

use super::{Oracle, connect::Facts};
use crate::his::{HisError, Remark, zone};

/// Oldest and newest version that this program knows.
const VERSIONS: ((i32, i32), i32) = ((11, 2), 23);

/// What the server says of itself.
#[derive(Debug, Default)]
struct Answers {
    /// Offset from UTC, in minutes, of `SYSDATE`.
    now_minutes: Option<i32>,
    /// `PRIMARY`, `PHYSICAL STANDBY`.
    role: String,
    /// `READ WRITE`, where the login may ask.
    open_mode: Option<String>,
}

pub(super) async fn remarks(session: &mut Oracle) -> Result<Vec<Remark>, HisError> {
    let mut answers = Answers::default();
    let mut ask = async |sql: &str| -> Result<Option<String>, HisError> {
        let rows = session.ask_perhaps(sql.to_owned(), &[]).await?;
        Ok(rows.into_iter().flatten().flatten().flatten().next())
    };
    let now = ask("SELECT TO_CHAR(SYSTIMESTAMP, 'TZH:TZM') FROM DUAL").await?;
    answers.now_minutes = now.as_deref().and_then(minutes);
    answers.role = ask("SELECT SYS_CONTEXT('USERENV', 'DATABASE_ROLE') FROM DUAL").await?.unwrap_or_default();
    answers.open_mode = ask("SELECT OPEN_MODE FROM V$DATABASE").await?;
    let offset = zone::offset_now(session.timezone);
    let mut remarks = judge(&session.facts, &answers, session.timezone.name(), offset);
    let refused = session.refused.iter().map(|(name, why)| (true, format!("{name}: {why}")));
    remarks.extend(refused.map(|(problem, message)| Remark { problem, message }));
    Ok(remarks)
}

fn judge(facts: &Facts, answers: &Answers, timezone: &str, offset: FixedOffset) -> Vec<Remark> {
    let mut remarks = versions(facts);
    let mut say = |problem, message| remarks.push(Remark { problem, message });
    let is_standby = !answers.role.is_empty() && answers.role != "PRIMARY";
    if is_standby || answers.open_mode.as_deref().is_some_and(|mode| mode != "READ WRITE") {
        let what =
            if is_standby { answers.role.as_str() } else { answers.open_mode.as_deref().unwrap_or_default() };
        say(
            true,
            format!(
                "the database takes no changes now ({what}): it is a copy of another one, or someone has opened it so; name \
                 the database that the HIS itself writes to"
            ),
        );
    }
    // Empty where the server does not tell.
    if !matches!(facts.charset.as_str(), "AL32UTF8" | "UTF8" | "") {
        say(
            false,
            format!(
                "the database keeps texts in the character set {}, which lacks many characters; a text that does not fit into \
                 it is parked where this program knows the set, and else Oracle writes a question mark in its place. Columns \
                 of the types NVARCHAR2 and NCLOB hold all characters",
                facts.charset
            ),
        );
    }
    if !facts.call_time {
        say(
            false,
            format!(
                "Oracle's client library here (version {}.{}) cannot limit how long it waits for the server: a call that hangs \
                 is given up after database.statement_timeout_s, with its connection; version 18 and newer end it properly",
                facts.client.0, facts.client.1
            ),
        );
    }
    if let Some(message) = zone::other_clock(answers.now_minutes, "", (timezone, offset), "SYSDATE") {
        say(false, message);
    }
    remarks
}

fn versions(facts: &Facts) -> Vec<Remark> {
    let (oldest, newest) = VERSIONS;
    let (server, client) = (facts.version, facts.client);
    let message = if server < oldest {
        format!(
            "Oracle {}.{} is older than 11.2, the oldest version that this program is made for",
            server.0, server.1
        )
    } else if server.0 > newest {
        format!("Oracle {}.{} is newer than this program, which knows versions up to 23", server.0, server.1)
    } else if (client.0 >= 23 && server < (19, 0)) || (client.0 >= 21 && server < (12, 1)) {
        format!(
            "Oracle's client library here (version {}.{}) is not made for a server of version {}.{}: take Instant Client 19, \
             which reaches 11.2 and newer",
            client.0, client.1, server.0, server.1
        )
    } else {
        return Vec::new();
    };
    vec![Remark { problem: false, message }]
}

/// Of `+05:30`.
fn minutes(text: &str) -> Option<i32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(hours * 60 + if text.trim().starts_with('-') { -minutes } else { minutes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_server() {
        fn check(change: impl FnOnce(&mut Facts, &mut Answers), expected: &[(bool, &str)]) {
            let mut facts = Facts {
                version: (19, 3),
                client: (19, 25),
                charset: "AL32UTF8".into(),
                call_time: true,
                ..Facts::default()
            };
            let mut answers = Answers {
                now_minutes: Some(330),
                role: "PRIMARY".into(),
                open_mode: Some("READ WRITE".into()),
            };
            change(&mut facts, &mut answers);
            let offset = FixedOffset::east_opt(19_800).expect("an offset");
            let remarks = judge(&facts, &answers, "Asia/Kolkata", offset);
            assert_eq!(remarks.len(), expected.len(), "{remarks:?}");
            for (remark, (problem, words)) in remarks.iter().zip(expected) {
                assert!(remark.problem == *problem && remark.message.contains(words), "{remark:?}");
            }
        }
        check(|_, _| {}, &[]);
        check(|_, a| *a = Answers::default(), &[]);
        check(|_, a| a.role = "PHYSICAL STANDBY".into(), &[(true, "(PHYSICAL STANDBY)")]);
        check(|_, a| a.open_mode = Some("READ ONLY".into()), &[(true, "(READ ONLY)")]);
        check(|f, _| f.charset = "WE8MSWIN1252".into(), &[(false, "WE8MSWIN1252")]);
        check(|f, _| f.charset = String::new(), &[]);
        check(|f, _| f.call_time = false, &[(false, "cannot limit how long")]);
        check(|_, a| a.now_minutes = Some(0), &[(false, "UTC+00:00")]);
        check(|_, a| a.now_minutes = Some(-210), &[(false, "UTC-03:30")]);
        check(|f, _| f.version = (10, 2), &[(false, "older than 11.2")]);
        check(|f, _| f.version = (26, 1), &[(false, "newer than this program")]);
        check(|f, _| (f.version, f.client) = ((11, 2), (21, 1)), &[(false, "take Instant Client 19")]);
        check(|f, _| (f.version, f.client) = ((12, 2), (23, 5)), &[(false, "take Instant Client 19")]);
    }

    #[test]
    fn offsets() {
        assert_eq!(minutes("+05:30"), Some(330));
        assert_eq!(minutes("-03:30"), Some(-210));
        assert_eq!(minutes("-00:30"), Some(-30));
        assert_eq!(minutes("x"), None);
    }
}
