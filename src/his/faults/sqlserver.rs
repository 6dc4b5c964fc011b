//! What the error numbers of SQL Server mean, as data. Looks at a message's text for 547 alone, which says of a foreign
//! key and of a CHECK the same in everything but its words.

use crate::model::outcome::FaultClass;

/// From this severity on the server ends the connection:
/// <https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-error-severities>.
const SEVERITY_FATAL: u8 = 20;
/// A constraint that is no unique index: a foreign key, from either side, or a CHECK.
const CONSTRAINT: u32 = 547;
/// The login's database cannot be opened.
const NO_DATABASE: u32 = 4060;
/// Numbers from here on are the HIS's own: RAISERROR, THROW and `sp_addmessage`.
const OWN_MIN: u32 = 50_000;

/// Numbers by class, for errors of statements. See
/// <https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors>.
static NUMBERS: [(FaultClass, &[u32]); 5] = [
    // 601: the rows moved under a scan; 3960 and 3961: a snapshot's conflict; 413xx and 41839: tables in memory.
    (FaultClass::Busy, &[601, 1204, 1205, 1222, 3960, 3961, 41_301, 41_302, 41_305, 41_325, 41_839]),
    // 17197 and 17809: the server is too busy to let anyone in; 40143 and on: Azure moves the database or slows down.
    (
        FaultClass::Unreachable,
        &[
            20, 64, 121, 233, 596, 997, 4221, 6005, 10_053, 10_054, 10_060, 10_061, 10_928, 10_929, 11_001,
            17_197, 17_809, 40_143, 40_197, 40_501, 40_540, 40_613, 42_108, 42_109, 49_918, 49_919, 49_920,
        ],
    ),
    // 701, 802, 845, 8645, 8651 and 17300: memory; 1101, 1105 and 5149: the disk; 9002: the log; 3906 and 3908: it only
    // reads; 921 to 946: the database starts, loads or is offline; 952, 976 to 983 and 35250: a replica or a database
    // between two states; 40544 and on: a quota of Azure.
    (
        FaultClass::Full,
        &[
            701, 802, 845, 921, 922, 923, 924, 926, 927, 942, 945, 946, 952, 976, 978, 982, 983, 1101, 1105,
            3906, 3908, 4060, 5149, 8645, 8651, 9001, 9002, 17_142, 17_300, 18_401, 35_250, 40_544, 40_549,
            40_551, 40_552, 40_553,
        ],
    ),
    // Names, syntax, privileges, types that do not go together. 306 and 402: types that cannot be compared; 1934 and 1935: SET
    // options; 4403 and on: views that cannot be written; 7202 and 7314: another server; 8180: the statement could not be
    // prepared; 15281 and 15404: something is switched off, or its owner is gone.
    (
        FaultClass::Config,
        &[
            102, 103, 104, 105, 107, 109, 110, 111, 113, 116, 119, 120, 128, 132, 133, 134, 135, 137, 139,
            141, 145, 156, 170, 174, 178, 189, 195, 201, 205, 206, 207, 208, 209, 213, 214, 217, 229, 230,
            243, 257, 260, 262, 263, 264, 297, 300, 305, 306, 313, 319, 402, 403, 443, 451, 468, 529, 911,
            916, 1011, 1013, 1033, 1038, 1046, 1087, 1088, 1934, 1935, 2706, 2715, 2812, 3701, 4064, 4104,
            4121, 4145, 4403, 4404, 4405, 4406, 4408, 4413, 4416, 4420, 4421, 4422, 4427, 4428, 4436, 4902,
            7202, 7314, 8117, 8120, 8144, 8145, 8146, 8155, 8156, 8162, 8179, 8180, 15_151, 15_247, 15_274,
            15_281, 15_404, 17_892, 18_452, 18_456, 18_470, 18_486, 18_487, 18_488,
        ],
    ),
    // 220 and on: numbers and dates that do not fit; 266, 3609, 3616, 3930, 3991 and 3998: a trigger or a procedure of the
    // HIS has rolled back; 334: a trigger beside an OUTPUT; 512 and 8672: several rows where there may be one; 1946: too long for an index; 2601 and 2627:
    // duplicates; 2628 and 8152: too long; 6522: the HIS's own code in the server; 8003, 8623 and 10738: a statement too
    // large, which halving cures; 94xx: no XML; 1353x: a table with a history; 13609: no JSON.
    (
        FaultClass::Rejected,
        &[
            220, 232, 235, 236, 237, 238, 241, 242, 244, 245, 248, 256, 266, 271, 272, 273, 293, 294, 295,
            296, 298, 334, 510, 511, 512, 515, 517, 535, 544, 545, 550, 1946, 2601, 2627, 2628, 2766, 3609,
            3616, 3930, 3991, 3998, 6522, 6603, 6905, 6926, 6965, 7125, 7139, 8003, 8101, 8102, 8106, 8114,
            8115, 8134, 8152, 8169, 8170, 8623, 8672, 9402, 9413, 9420, 9421, 9436, 9448, 9455, 9803, 9807,
            9833, 10_738, 13_535, 13_536, 13_537, 13_609,
        ],
    ),
];

/// The class of an error in a statement. `severity` is the server's "class" or "level"; the text is looked at as the head
/// of this file says.
pub(in crate::his) fn class(number: u32, severity: u8, text: &str) -> FaultClass {
    if number == CONSTRAINT {
        return constraint(text);
    }
    let known = NUMBERS.iter().find(|(_, numbers)| numbers.contains(&number)).map(|(class, _)| *class);
    match known {
        Some(class @ (FaultClass::Full | FaultClass::Unreachable)) => class,
        _ if severity >= SEVERITY_FATAL => FaultClass::Unreachable,
        Some(class) => class,
        None if number >= OWN_MIN => FaultClass::Rejected,
        None => FaultClass::Unrecognised,
    }
}

/// The class of an error while connecting, where a missing privilege or database is a matter of the login.
pub(in crate::his) fn while_connecting(number: u32, severity: u8) -> FaultClass {
    match class(number, severity, "") {
        // The database is not there, or not for this login.
        _ if number == NO_DATABASE => FaultClass::Login,
        FaultClass::Config | FaultClass::Rejected => FaultClass::Login,
        other => other,
    }
}

/// Whether a unique index refused the row.
pub(in crate::his) fn is_duplicate(number: u32) -> bool {
    matches!(number, 2601 | 2627)
}

/// `The INSERT statement conflicted with the FOREIGN KEY constraint "FK_visit_doctor". ...`: state and severity are the same
/// for all of them, and no other field tells them apart. In every language of the server the kind is in English and stands
/// before the first quote, behind which come the HIS's own names.
fn constraint(text: &str) -> FaultClass {
    let before_names = text.split(['"', '\'', '\u{201e}', '\u{201c}', '\u{ab}']).next().unwrap_or_default();
    if before_names.contains("FOREIGN KEY") { FaultClass::Parent } else { FaultClass::Rejected }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A severity that says nothing.
    const ORDINARY: u8 = 16;

    #[test]
    fn every_number_of_the_specification_has_its_class() {
        fn check(numbers: &[u32], expected: FaultClass) {
            for number in numbers {
                assert_eq!(class(*number, ORDINARY, ""), expected, "{number}");
            }
        }
        check(&[1204, 1205, 1222, 3960, 41301, 41302, 41305, 41325, 41839], FaultClass::Busy);
        check(
            &[
                20, 64, 121, 233, 596, 997, 4221, 6005, 10053, 10054, 10060, 10061, 10928, 10929, 11001,
                40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920,
            ],
            FaultClass::Unreachable,
        );
        check(
            &[
                701, 802, 845, 8645, 8651, 921, 922, 927, 942, 952, 976, 983, 1101, 1105, 3906, 4060, 9002,
                17142, 18401,
            ],
            FaultClass::Full,
        );
        check(
            &[
                102, 156, 201, 207, 208, 229, 230, 297, 916, 1934, 2812, 4064, 8144, 8145, 18452, 18456,
                18486, 18487, 18488,
            ],
            FaultClass::Config,
        );
        check(
            &[
                220, 232, 241, 242, 245, 248, 271, 273, 295, 334, 515, 517, 544, 550, 2601, 2627, 2628, 3609,
                8003, 8102, 8114, 8115, 8134, 8152, 8169, 8672, 50_000, 50_001, 987_654,
            ],
            FaultClass::Rejected,
        );
        check(&[1, 7, 5_470, 49_999], FaultClass::Unrecognised);
    }

    #[test]
    fn severity_counts_where_the_number_says_no_more() {
        fn check(number: u32, severity: u8, expected: FaultClass) {
            assert_eq!(class(number, severity, ""), expected, "{number}, {severity}");
        }
        check(823, 24, FaultClass::Unreachable);
        check(1205, 20, FaultClass::Unreachable);
        check(50_000, 20, FaultClass::Unreachable);
        check(9002, 21, FaultClass::Full);
        check(823, 16, FaultClass::Unrecognised);
    }

    #[test]
    fn a_constraint_is_looked_at() {
        fn check(text: &str, expected: FaultClass) {
            assert_eq!(class(547, ORDINARY, text), expected, "{text}");
        }
        let insert =
            |kind: &str| format!("The INSERT statement conflicted with the {kind} constraint \"FK_x\".");
        check(&insert("FOREIGN KEY"), FaultClass::Parent);
        check(&insert("FOREIGN KEY SAME TABLE"), FaultClass::Parent);
        check(&insert("CHECK"), FaultClass::Rejected);
        check(
            "The DELETE statement conflicted with the REFERENCE constraint \"FK_x\".",
            FaultClass::Rejected,
        );
        check("... with the CHECK constraint \"no FOREIGN KEY\"", FaultClass::Rejected);
        check("Konflikt mit der FOREIGN KEY-Einschr\u{e4}nkung \u{201e}FK_x\u{201c}.", FaultClass::Parent);
    }

    #[test]
    fn what_the_specification_denies_is_the_login_while_connecting() {
        for number in [229, 916, 4060, 4064, 18452, 18456, 18486, 18487, 18488] {
            assert_eq!(while_connecting(number, 14), FaultClass::Login, "{number}");
        }
        assert_eq!(while_connecting(233, 20), FaultClass::Unreachable);
        assert_eq!(while_connecting(18401, 14), FaultClass::Full);
    }

    #[test]
    fn no_number_has_two_classes() {
        let mut all: Vec<u32> = NUMBERS.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(!all.contains(&CONSTRAINT));
    }
}
