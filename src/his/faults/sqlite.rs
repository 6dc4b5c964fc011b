//! What the result codes of `SQLite` mean, as data. Never looks at a message's text.

use crate::model::outcome::FaultClass;

/// The class of `SQLite`'s extended result code. See <https://www.sqlite.org/rescode.html>.
pub(in crate::his) fn class(extended: i32) -> FaultClass {
    match extended {
        // FOREIGNKEY
        787 => return FaultClass::Parent,
        // READONLY_DBMOVED: the file was replaced or deleted; a new connection opens what is there now.
        1032 => return FaultClass::Unreachable,
        _ => {}
    }
    // The lowest byte is the primary code.
    match extended & 0xff {
        // BUSY, LOCKED, ABORT, INTERRUPT, PROTOCOL, SCHEMA
        5 | 6 | 4 | 9 | 15 | 17 => FaultClass::Busy,
        // NOMEM, IOERR
        7 | 10 => FaultClass::Unreachable,
        // FULL
        13 => FaultClass::Full,
        // PERM, READONLY, CORRUPT, CANTOPEN, AUTH, NOTADB
        3 | 8 | 11 | 14 | 23 | 26 => FaultClass::Login,
        // ERROR (no such table or column, syntax), MISUSE, RANGE
        1 | 21 | 25 => FaultClass::Config,
        // TOOBIG, CONSTRAINT, MISMATCH
        18..=20 => FaultClass::Rejected,
        _ => FaultClass::Unrecognised,
    }
}

/// Whether a unique index refused the row: `CONSTRAINT_PRIMARYKEY`, `CONSTRAINT_UNIQUE`, `CONSTRAINT_ROWID`.
pub(in crate::his) fn is_duplicate(extended: i32) -> bool {
    matches!(extended, 1555 | 2067 | 2579)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        fn check(code: i32, expected: FaultClass) {
            assert_eq!(class(code), expected, "{code}");
        }
        check(5, FaultClass::Busy);
        check(517, FaultClass::Busy); // BUSY_SNAPSHOT
        check(6, FaultClass::Busy);
        check(13, FaultClass::Full);
        check(787, FaultClass::Parent);
        check(2067, FaultClass::Rejected);
        check(1555, FaultClass::Rejected);
        check(1299, FaultClass::Rejected); // NOTNULL
        check(275, FaultClass::Rejected); // CHECK
        check(1811, FaultClass::Rejected); // a trigger's RAISE
        check(11, FaultClass::Login);
        check(26, FaultClass::Login);
        check(14, FaultClass::Login);
        check(8, FaultClass::Login);
        check(1032, FaultClass::Unreachable);
        check(1, FaultClass::Config);
        check(778, FaultClass::Unreachable); // IOERR_WRITE
        check(99, FaultClass::Unrecognised);
    }
}
