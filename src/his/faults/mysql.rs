//! What the error numbers of `MySQL` and `MariaDB` mean, as data. Never looks at a message's text.

use crate::model::outcome::FaultClass;

/// Numbers of `MySQL` and `MariaDB` by class, for errors of statements. See
/// <https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html> and
/// <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>.
static NUMBERS: [(FaultClass, &[u16]); 7] = [
    // 1020: MariaDB 11's snapshot isolation; 1180 and 3101: COMMIT refused by a cluster's certification;
    // 1412 and 1615: the table's definition changed under a transaction or a prepared statement.
    (FaultClass::Busy, &[1020, 1180, 1205, 1206, 1213, 1317, 1412, 1615, 1969, 3024, 3101, 3572]),
    // 1047: a Galera node that is not in its cluster; 1077-1079: a server that stops; 1156: packets out of order;
    // 1243: the prepared statement is gone, as behind a proxy that reconnected; 3168: the server is not available;
    // 9001: ProxySQL has no server.
    (
        FaultClass::Unreachable,
        &[
            1040, 1042, 1043, 1047, 1053, 1077, 1078, 1079, 1152, 1156, 1158, 1159, 1160, 1161, 1184, 1203,
            1243, 1927, 2002, 2003, 2005, 2006, 2013, 2055, 3168, 3169, 4031, 9001,
        ],
    ),
    // 1461: too many prepared statements on the whole server; 1792: the server only reads.
    // 1467: the table has no generated key left.
    (FaultClass::Full, &[1021, 1030, 1037, 1041, 1114, 1226, 1290, 1461, 1467, 1792, 1836]),
    // 1524: the account's authentication plugin is not loaded; 3159: the server demands TLS;
    // 3878, 3955 and 4151: more factors wanted, account locked.
    (FaultClass::Login, &[1045, 1129, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159, 3878, 3955, 4151]),
    // 1288, 1348, 1393, 1394 and 1471: a view that cannot be written; 1305, 1356, 1370 and 1449: a broken view, trigger
    // or definer; 1052, 1103 and 1110: columns or tables that are named wrong; 1016, 1034, 1194, 1195, 1812 and 1932: a
    // table that is damaged or whose files are gone; 1295, 1318 and 1414: a statement or a procedure's parameters that
    // cannot be run so.
    (
        FaultClass::Config,
        &[
            1016, 1034, 1044, 1049, 1052, 1054, 1064, 1103, 1110, 1142, 1143, 1146, 1194, 1195, 1227, 1288,
            1295, 1305, 1318, 1348, 1356, 1370, 1393, 1394, 1414, 1449, 1471, 1812, 1932,
        ],
    ),
    // 1022, 1169, 1586, 1761, 1762 and 1859: duplicates; 1197 and 1390: a batch that is too large, which halving cures;
    // 1217: as 1451; 1267, 1270, 1271, 1300, 1977, 3854 and 3988: characters that the column's set lacks;
    // 1365, 1416, 1441 and 1525: values that do not fit; 1526: no partition for the row; 1172 and 1329: a procedure that
    // found several rows or none.
    (
        FaultClass::Rejected,
        &[
            1022, 1048, 1062, 1118, 1136, 1153, 1169, 1172, 1197, 1217, 1264, 1265, 1267, 1270, 1271, 1292,
            1300, 1301, 1329, 1364, 1365, 1366, 1367, 1390, 1406, 1411, 1416, 1441, 1442, 1451, 1525, 1526,
            1586, 1644, 1690, 1761, 1762, 1859, 1906, 1977, 3105, 3140, 3819, 3854, 3988, 4025,
        ],
    ),
    (FaultClass::Parent, &[1216, 1452]),
];

/// The class of a server's error number in a statement.
pub(in crate::his) fn class(number: u16) -> FaultClass {
    NUMBERS
        .iter()
        .find(|(_, numbers)| numbers.contains(&number))
        .map_or(FaultClass::Unrecognised, |(class, _)| *class)
}

/// The class of a server's error number while connecting, where a missing privilege or database is a matter of the login.
pub(in crate::his) fn while_connecting(number: u16) -> FaultClass {
    match class(number) {
        FaultClass::Config => FaultClass::Login,
        other => other,
    }
}

/// Whether a unique index refused the row.
pub(in crate::his) fn is_duplicate(number: u16) -> bool {
    matches!(number, 1022 | 1062 | 1169 | 1586 | 1859)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_specification_has_its_class() {
        fn check(numbers: &[u16], expected: FaultClass) {
            for number in numbers {
                assert_eq!(class(*number), expected, "{number}");
            }
        }
        check(&[1205, 1206, 1213, 1317, 1969, 3024, 3572], FaultClass::Busy);
        check(
            &[
                1040, 1042, 1043, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1927, 2002, 2003, 2005,
                2006, 2013, 2055, 3169, 4031,
            ],
            FaultClass::Unreachable,
        );
        check(&[1021, 1030, 1037, 1041, 1114, 1226, 1290, 1836], FaultClass::Full);
        check(&[1045, 1129, 1130, 1251, 1698, 1820, 1862, 3118], FaultClass::Login);
        check(&[1044, 1049, 1054, 1064, 1142, 1143, 1146, 1227], FaultClass::Config);
        check(
            &[
                1048, 1062, 1118, 1136, 1153, 1264, 1265, 1292, 1301, 1364, 1366, 1367, 1390, 1406, 1411,
                1442, 1451, 1644, 1690, 1906, 3105, 3140, 3819, 4025,
            ],
            FaultClass::Rejected,
        );
        check(&[1216, 1452], FaultClass::Parent);
        check(&[1267], FaultClass::Rejected);
        check(&[1615], FaultClass::Busy);
        check(&[1461], FaultClass::Full);
        check(&[1, 1000, 9999, u16::MAX], FaultClass::Unrecognised);
    }

    #[test]
    fn what_the_specification_denies_is_the_login_while_connecting() {
        for number in [1044, 1045, 1049, 1129, 1130, 1142, 1227, 1251, 1698, 1820, 1862, 3118] {
            assert_eq!(while_connecting(number), FaultClass::Login, "{number}");
        }
        assert_eq!(while_connecting(1040), FaultClass::Unreachable);
    }

    #[test]
    fn no_number_has_two_classes() {
        let mut all: Vec<u16> = NUMBERS.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
