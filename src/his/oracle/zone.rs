//! The session's time zone: that of the configuration, as an offset. A region's name would need the same version of the
//! zones' tables on both sides (ORA-01805), and the offset is set anew when the clocks change.

use chrono::{FixedOffset, Offset};

use crate::model::clock::{Clock, SystemClock};

/// The zone's offset from UTC at this moment.
pub(super) fn offset_now(timezone: chrono_tz::Tz) -> FixedOffset {
    SystemClock.now().utc().with_timezone(&timezone).offset().fix()
}

/// The statement that sets it.
pub(super) fn setting(offset: FixedOffset) -> String {
    format!("ALTER SESSION SET TIME_ZONE = '{offset}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_as_oracle_reads_them() {
        fn check(seconds: i32, expected: &str) {
            let offset = FixedOffset::east_opt(seconds).expect("an offset");
            assert_eq!(setting(offset), format!("ALTER SESSION SET TIME_ZONE = '{expected}'"));
        }
        check(19_800, "+05:30");
        check(3_600, "+01:00");
        check(-12_600, "-03:30");
        check(0, "+00:00");
    }
}
