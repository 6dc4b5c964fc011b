//! What a hospital's IT should know about the server itself: settings that keep rows from being written, or that make what the
//! HIS writes differ from what is written here. Reads settings, changes none.

use std::collections::BTreeMap;

use chrono::FixedOffset;

use super::MySql;
use crate::his::{HisError, Remark, zone};

/// A packet of a megabyte: the least default of all versions.
const PACKET_BYTES_USUAL: u64 = 1024 * 1024;
/// Settings by which a server refuses to write, each of them in some version.
const READ_ONLY: [&str; 4] = ["read_only", "innodb_read_only", "tx_read_only", "transaction_read_only"];

/// What the server says of itself.
#[derive(Debug, Default)]
struct Facts {
    /// `sql_mode` of other programs' connections.
    global_modes: String,
    /// `sql_mode` of this connection.
    own_modes: String,
    /// Offset from UTC, in minutes, of `NOW()` in other programs' connections.
    now_minutes: Option<i32>,
    /// `time_zone` of other programs' connections, in words.
    time_zone: String,
    /// Other settings by name.
    settings: BTreeMap<String, String>,
}

pub(super) async fn remarks(session: &mut MySql) -> Result<Vec<Remark>, HisError> {
    // `SYSTEM` is known everywhere; a zone with a name can be set only where its table is loaded.
    let select = "SELECT @@GLOBAL.sql_mode, @@SESSION.sql_mode, CAST(TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), \
                  CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@GLOBAL.time_zone)) AS CHAR), \
                  IF(@@GLOBAL.time_zone = 'SYSTEM', CONCAT('SYSTEM, ', @@system_time_zone), @@GLOBAL.time_zone)";
    let row = session.ask(select.to_owned(), &[]).await?.into_iter().next().unwrap_or_default();
    let mut row = row.into_iter();
    let mut text = || row.next().flatten().unwrap_or_default();
    let mut facts = Facts {
        global_modes: text(),
        own_modes: text(),
        now_minutes: text().parse().ok(),
        time_zone: text(),
        settings: BTreeMap::new(),
    };
    // SHOW, because it leaves out what a version does not know.
    let names = READ_ONLY.map(|name| format!("'{name}'")).join(", ");
    let show = format!("SHOW VARIABLES WHERE Variable_name IN ({names}, 'max_allowed_packet')");
    for row in session.ask(show, &[]).await? {
        if let [Some(name), Some(value)] = row.as_slice() {
            facts.settings.insert(name.to_ascii_lowercase(), value.clone());
        }
    }
    Ok(judge(&facts, session.timezone.name(), zone::offset_now(session.timezone)))
}

fn judge(facts: &Facts, timezone: &str, offset: FixedOffset) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |problem, message| remarks.push(Remark { problem, message });
    let on = |name: &&&str| facts.settings.get(**name).is_some_and(|v| !matches!(v.as_str(), "OFF" | "0"));
    if let Some(name) = READ_ONLY.iter().find(|name| on(name)) {
        say(
            true,
            format!(
                "the server takes no changes now ({name} is on): it is a copy of another server, or someone has set it so; \
                 name the server that the HIS itself writes to in database.host, or switch {name} off there"
            ),
        );
    }
    let has = |modes: &str, mode: &str| modes.split(',').any(|m| m.eq_ignore_ascii_case(mode));
    if !has(&facts.global_modes, "STRICT_TRANS_TABLES") && !has(&facts.global_modes, "STRICT_ALL_TABLES") {
        say(
            false,
            "the server is not in strict mode (sql_mode): what does not fit into a column, other programs of the HIS cut \
             without a word. This program's own connection is strict: such an event is parked and named, not cut"
                .to_owned(),
        );
    }
    if has(&facts.own_modes, "EMPTY_STRING_IS_NULL") {
        say(false, "sql_mode has EMPTY_STRING_IS_NULL: empty texts are written as NULL".to_owned());
    }
    let packet = facts.settings.get("max_allowed_packet").and_then(|bytes| bytes.parse::<u64>().ok());
    if let Some(bytes) = packet.filter(|bytes| *bytes < PACKET_BYTES_USUAL) {
        say(
            false,
            format!(
                "the server takes statements of {} kB at most (max_allowed_packet): an event with a larger row is parked; \
                 1 MB and more are usual",
                bytes / 1024
            ),
        );
    }
    let setting = format!(" (time_zone {})", facts.time_zone);
    if let Some(message) = zone::other_clock(facts.now_minutes, &setting, (timezone, offset), "NOW()") {
        say(false, message);
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
                global_modes: "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION".into(),
                own_modes: "STRICT_TRANS_TABLES,STRICT_ALL_TABLES".into(),
                now_minutes: Some(330),
                time_zone: "SYSTEM, IST".into(),
                settings: BTreeMap::new(),
            };
            let set = |facts: &mut Facts, name: &str, value: &str| {
                facts.settings.insert(name.to_owned(), value.to_owned());
            };
            set(&mut facts, "read_only", "OFF");
            set(&mut facts, "max_allowed_packet", "16777216");
            change(&mut facts);
            let offset = FixedOffset::east_opt(19_800).expect("an offset");
            let remarks = judge(&facts, "Asia/Kolkata", offset);
            assert_eq!(remarks.len(), expected.len(), "{remarks:?}");
            for (remark, (problem, words)) in remarks.iter().zip(expected) {
                assert!(remark.problem == *problem && remark.message.contains(words), "{remark:?}");
            }
        }
        check(|_| {}, &[]);
        check(|f| f.global_modes = String::new(), &[(false, "not in strict mode")]);
        check(|f| f.global_modes = "STRICT_ALL_TABLES".into(), &[]);
        check(|f| f.own_modes.push_str(",EMPTY_STRING_IS_NULL"), &[(false, "as NULL")]);
        check(|f| drop(f.settings.insert("read_only".into(), "ON".into())), &[(true, "(read_only is on)")]);
        check(|f| drop(f.settings.insert("tx_read_only".into(), "1".into())), &[(true, "tx_read_only")]);
        let small = |f: &mut Facts| drop(f.settings.insert("max_allowed_packet".into(), "65536".into()));
        check(small, &[(false, "64 kB")]);
        check(|f| f.now_minutes = Some(0), &[(false, "UTC+00:00 (time_zone SYSTEM, IST)")]);
        check(|f| f.now_minutes = Some(-210), &[(false, "UTC-03:30")]);
        check(|f| f.now_minutes = None, &[]);
    }
}
