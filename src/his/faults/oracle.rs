//! What Oracle's error numbers mean, as data, and which of several numbers in one error is the one that counts. Looks at a
//! message's text only for the numbers in it.

use std::ops::RangeInclusive;

use crate::model::outcome::FaultClass;

/// Numbers by class, for errors of statements. See <https://docs.oracle.com/en/error-help/db/>.
static NUMBERS: [(FaultClass, &[i32]); 7] = [
    // 104, 2049 and 6519: other deadlocks and waits; 4061 and 4065: a package was compiled anew meanwhile; 8103 and 8176:
    // the table was rebuilt under the statement; 25402: the transaction was moved to another server and must begin anew.
    (
        FaultClass::Busy,
        &[
            51, 54, 60, 104, 1013, 1555, 2049, 4020, 4021, 4061, 4065, 4068, 6519, 8103, 8176, 8177, 25402,
            30006,
        ],
    ),
    // 1000: the session has no cursor left, a new one has; 1014 and 1035: shutdown, or only administrators are let in;
    // 2054: a distributed transaction is in doubt; 7445: the server process crashed; 25401-25409: a fail-over.
    (
        FaultClass::Unreachable,
        &[
            18, 20, 22, 28, 31, 45, 378, 600, 602, 603, 609, 1000, 1012, 1014, 1033, 1034, 1035, 1041, 1043,
            1089, 1090, 1092, 2054, 2391, 2396, 3113, 3114, 3122, 3135, 3136, 3156, 7445, 12150, 12151,
            12152, 12153, 12157, 12161, 12170, 12203, 12224, 12500, 12502, 12514, 12516, 12518, 12519, 12520,
            12526, 12527, 12528, 12535, 12537, 12541, 12543, 12545, 12547, 12560, 12564, 12570, 12571, 12583,
            12592, 12599, 12606, 12608, 12609, 12637, 25401, 25403, 25404, 25405, 25408, 25409, 27146, 28511,
            28547, 56600,
        ],
    ),
    // 372, 1642, 1647 and 1456: what can only be read; 1109 and 1219: a standby, or a database that is not open; 1578:
    // a damaged block; 4036: memory; 8004: the sequence has no number left; 1628-1693, 30032 and 30036: tablespaces.
    (
        FaultClass::Full,
        &[
            257, 372, 376, 1109, 1115, 1219, 1456, 1536, 1562, 1578, 1628, 1631, 1632, 1642, 1647, 1650,
            1652, 1653, 1654, 1658, 1659, 1683, 1688, 1691, 1692, 1693, 4030, 4031, 4036, 8004, 16000, 19809,
            19815, 30032, 30036,
        ],
    ),
    // 1004, 1918 and 28009: accounts that cannot be used so; 3134: a client library that this server is too old for;
    // 12154-12162, 12261-12268 and 12504-12521: where and how to connect; 12638-12699 and 28750-29024: encryption.
    (
        FaultClass::Login,
        &[
            1004, 1005, 1017, 1045, 1435, 1918, 3134, 12154, 12162, 12261, 12262, 12263, 12268, 12504, 12505,
            12521, 12557, 12638, 12650, 12660, 12699, 28000, 28001, 28003, 28009, 28040, 28750, 28759, 28860,
            28862, 28864, 28865, 29002, 29003, 29019, 29024, 29106,
        ],
    ),
    // 980, 1720-1779 and 4063: views and synonyms; 1008, 1036 and 1745: placeholders; 1031: privileges; 1502: an index
    // that cannot be used; 2019, 2024 and 2289: links and sequences; 4042-4098 and 6508-6575: procedures and triggers
    // that do not compile; 22816: no RETURNING through this view; 28110-28113: row level security.
    (
        FaultClass::Config,
        &[
            439, 980, 1008, 1031, 1036, 1502, 1720, 1732, 1733, 1745, 1747, 1776, 1779, 2019, 2024, 2289,
            4042, 4043, 4044, 4045, 4063, 4067, 4092, 4098, 6508, 6550, 6553, 6575, 8002, 14400, 14551,
            22816, 28110, 28112, 28113, 29861, 38104, 38105,
        ],
    ),
    // 1402 and 28115: the view or the policy does not take this row; 1403, 1422 and 1427: a trigger's own question found
    // no row or several; 1465, 1476 and 1489: values; 14300 and 14402: partitions; 22835, 29275, 31011 and 40441: texts.
    (
        FaultClass::Rejected,
        &[
            1, 932, 1400, 1401, 1402, 1403, 1407, 1422, 1426, 1427, 1438, 1461, 1465, 1476, 1483, 1489, 1722,
            2290, 2292, 4091, 6502, 12704, 12899, 14300, 14402, 22835, 24816, 28115, 29275, 30926, 31011,
            32795, 40441, 54013,
        ],
    ),
    (FaultClass::Parent, &[2291]),
];

/// Syntax, and names that are not there.
const SYNTAX: RangeInclusive<i32> = 900..=972;
/// Dates that are none, or that a format does not read.
const DATES: RangeInclusive<i32> = 1830..=1891;
/// What the HIS's own triggers and procedures raise.
const OWN_WORDS: RangeInclusive<i32> = 20_000..=20_999;
/// Numbers that only say where another one was raised: by a recursive statement, a distributed or a refused COMMIT, a
/// trigger, a line of PL/SQL, a parallel process.
const WRAPPERS: [i32; 6] = [604, 2091, 4088, 6512, 12801, 24381];

/// The class of an error number in a statement.
pub(in crate::his) fn class(number: i32) -> FaultClass {
    let listed = NUMBERS.iter().find(|(_, numbers)| numbers.contains(&number));
    match listed {
        Some((class, _)) => *class,
        None if SYNTAX.contains(&number) => FaultClass::Config,
        None if DATES.contains(&number) || is_own_words(number) => FaultClass::Rejected,
        None => FaultClass::Unrecognised,
    }
}

/// The class of an error number while connecting, where a missing privilege or a trigger at logon is a matter of the login.
pub(in crate::his) fn connect_class(number: i32) -> FaultClass {
    while_connecting(class(number))
}

/// What a class means while connecting.
pub(in crate::his) fn while_connecting(class: FaultClass) -> FaultClass {
    match class {
        FaultClass::Config | FaultClass::Rejected => FaultClass::Login,
        class => class,
    }
}

/// The class of an error of ODPI-C, the layer above the client library. See
/// <https://github.com/oracle/odpi/blob/main/src/dpiErrorMessages.h>.
pub(in crate::his) fn dpi_class(number: i32) -> FaultClass {
    match number {
        // Not connected, call timed out, connection closed.
        1010 | 1067 | 1080 => FaultClass::Unreachable,
        // Dates, lengths and numbers that Oracle has no place for.
        1016 | 1019 | 1042..=1045 | 1055 | 1057 => FaultClass::Rejected,
        // The client library: absent, without a function, too old; the server too old for it.
        1047 | 1049 | 1050 | 1066 | 1072 | 1079 => FaultClass::Config,
        _ => FaultClass::Unrecognised,
    }
}

/// Whether a unique index refused the row.
pub(in crate::his) fn duplicate(number: i32) -> bool {
    number == 1
}

/// Whether the HIS's own program chose the number and the words.
pub(in crate::his) fn is_own_words(number: i32) -> bool {
    OWN_WORDS.contains(&number)
}

/// The number that counts. The client library gives the outermost one as the error's number; what it wraps stands only in
/// the text's further lines, each of which begins with its own.
pub(in crate::his) fn inner(number: i32, text: &str) -> i32 {
    if !WRAPPERS.contains(&number) {
        return number;
    }
    numbers(text).find(|found| !WRAPPERS.contains(found)).unwrap_or(number)
}

/// The numbers that lines of a text begin with.
fn numbers(text: &str) -> impl Iterator<Item = i32> {
    text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("ORA-")?;
        rest.get(..5)?.parse().ok()
    })
}

/// The first number of Oracle's in a line, wherever it stands: what ODPI-C puts into its own words.
pub(in crate::his) fn mentioned(line: &str) -> Option<i32> {
    line.split("ORA-").nth(1)?.get(..5)?.parse().ok()
}

/// A server's words without the lines that tell a programmer where it was raised, and without links.
pub(in crate::his) fn words(text: &str) -> String {
    let is_trace = |line: &&str| {
        let line = line.trim_start();
        let told = line.is_empty() || line.starts_with("Help: ");
        told || ["ORA-00604", "ORA-06512", "ORA-04088"].iter().any(|number| line.starts_with(number))
    };
    let kept: Vec<&str> = text.lines().filter(|line| !is_trace(line)).map(str::trim_end).collect();
    if kept.is_empty() { text.trim().to_owned() } else { kept.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_specification_has_its_class() {
        fn check(numbers: &[i32], expected: FaultClass) {
            for number in numbers {
                assert_eq!(class(*number), expected, "{number}");
            }
        }
        check(&[51, 54, 60, 1013, 1555, 4020, 4021, 4068, 8177, 30006], FaultClass::Busy);
        check(
            &[
                18, 20, 22, 28, 31, 45, 378, 600, 602, 603, 609, 1012, 1033, 1034, 1041, 1043, 1089, 1090,
                1092, 2391, 2396, 3113, 3114, 3122, 3135, 3136, 3156, 12150, 12153, 12157, 12170, 12203,
                12500, 12514, 12516, 12518, 12519, 12520, 12526, 12527, 12528, 12535, 12537, 12541, 12543,
                12545, 12547, 12560, 12570, 12571, 12583, 12609, 25408,
            ],
            FaultClass::Unreachable,
        );
        check(&[257, 376, 1115, 1536, 1653, 1654, 1691, 4030, 4031, 16000], FaultClass::Full);
        check(
            &[1005, 1017, 1045, 12154, 12505, 12650, 12660, 28000, 28001, 28009, 28040, 3134],
            FaultClass::Login,
        );
        check(
            &[900, 904, 933, 942, 971, 972, 1031, 1502, 1747, 4098, 6550, 14400, 38104],
            FaultClass::Config,
        );
        check(
            &[
                1, 1400, 1401, 1407, 1426, 1438, 1461, 1722, 1830, 1839, 1840, 1841, 1843, 1847, 1858, 1861,
                1882, 2290, 2292, 932, 4091, 6502, 12704, 12899, 30926, 32795, 54013, 20000, 20999,
            ],
            FaultClass::Rejected,
        );
        check(&[2291], FaultClass::Parent);
        check(&[0, -1, 2, 899, 973, 19999, 21000, i32::MAX, i32::MIN], FaultClass::Unrecognised);
    }

    #[test]
    fn no_number_has_two_classes() {
        let mut all: Vec<i32> = NUMBERS.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|n| *n == 932 || !SYNTAX.contains(n)));
        assert!(all.iter().all(|n| !WRAPPERS.contains(n)));
    }

    #[test]
    fn what_is_denied_is_the_login_while_connecting() {
        for number in [942, 1017, 1031, 1045, 4098, 6550, 20_001, 28000] {
            assert_eq!(connect_class(number), FaultClass::Login, "{number}");
        }
        assert_eq!(connect_class(1034), FaultClass::Unreachable);
        assert_eq!(connect_class(12_514), FaultClass::Unreachable);
    }

    #[test]
    fn classes_of_odpi() {
        for (number, expected) in [
            (1010, FaultClass::Unreachable),
            (1067, FaultClass::Unreachable),
            (1080, FaultClass::Unreachable),
            (1044, FaultClass::Rejected),
            (1045, FaultClass::Rejected),
            (1047, FaultClass::Config),
            (1050, FaultClass::Config),
            (1072, FaultClass::Config),
            (1014, FaultClass::Unrecognised),
        ] {
            assert_eq!(dpi_class(number), expected, "{number}");
        }
        assert_eq!(while_connecting(dpi_class(1047)), FaultClass::Login);
        assert_eq!(while_connecting(dpi_class(1080)), FaultClass::Unreachable);
    }

    #[test]
    fn what_is_wrapped_counts() {
        fn check(number: i32, text: &str, expected: i32) {
            assert_eq!(inner(number, text), expected, "{text}");
        }
        check(1400, "ORA-01400: cannot insert NULL\nORA-02291: x", 1400);
        let closed =
            "ORA-00604: error occurred at recursive SQL level 1\nORA-20001: closed\nORA-06512: at line 3";
        check(604, closed, 20_001);
        check(2091, "ORA-02091: transaction rolled back\nORA-02291: integrity constraint", 2291);
        check(6512, "ORA-06512: at \"HIS.TRG\", line 4\nORA-01722: invalid number", 1722);
        check(12_801, "ORA-12801: error signaled in parallel query server P001\nORA-01555: x", 1555);
        check(604, "ORA-00604: error occurred at recursive SQL level 1", 604);
        check(604, "ORA-00604: x\nORA-1: y\nORA-", 604);
    }

    #[test]
    fn numbers_in_the_words_of_odpi() {
        assert_eq!(mentioned("DPI-1067: call timeout of 5000 ms exceeded with ORA-03136"), Some(3136));
        assert_eq!(mentioned("DPI-1010: not connected"), None);
        assert_eq!(mentioned("ORA-99"), None);
    }

    #[test]
    fn words_without_traces() {
        fn check(text: &str, expected: &str) {
            assert_eq!(words(text), expected);
        }
        check(
            "ORA-20001: Termin liegt in der Vergangenheit\nORA-06512: at \"HIS.T\", line 4\nORA-04088: error during execution of trigger 'HIS.T'",
            "ORA-20001: Termin liegt in der Vergangenheit",
        );
        check(
            "ORA-00001: unique constraint (A.B) violated\nHelp: https://x",
            "ORA-00001: unique constraint (A.B) violated",
        );
        check("ORA-06512: at line 1", "ORA-06512: at line 1");
        check(
            "ORA-02091: transaction rolled back\nORA-02291: parent",
            "ORA-02091: transaction rolled back; ORA-02291: parent",
        );
    }
}
