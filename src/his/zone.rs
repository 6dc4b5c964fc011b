//! The configuration's time zone as an offset from UTC, and a server's clock that is in another one. Asks no server.

use chrono::{FixedOffset, Offset};
use chrono_tz::Tz;

use crate::model::clock::{Clock, SystemClock};

/// The zone's offset from UTC at this moment.
pub(super) fn offset_now(zone: Tz) -> FixedOffset {
    SystemClock.now().utc().with_timezone(&zone).offset().fix()
}

/// What is to be said where the server's clock, so many minutes before UTC, is not that of the configuration. `setting` is
/// where the server has it from, in words with a space before them; `function` gives its time.
pub(super) fn other_clock(
    server_minutes: Option<i32>,
    setting: &str,
    (zone, offset): (&str, FixedOffset),
    function: &str,
) -> Option<String> {
    let minutes = offset.local_minus_utc() / 60;
    let now = server_minutes.filter(|now| *now != minutes)?;
    Some(format!(
        "on the server it is UTC{}{setting}, and in {zone}, which is database.timezone, UTC{}: times that the HIS fills in by \
         itself, with {function} for example, differ from those that are written here. If the HIS keeps its times in the \
         server's zone, set database.timezone to that; if not, leave it",
        signed(now),
        signed(minutes)
    ))
}

/// `+05:30`.
fn signed(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}
