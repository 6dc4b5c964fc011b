//! Lines of `SHOW GRANTS` as servers from 5.5 to 9 and `MariaDB` print them, and the statements that are printed.

use std::sync::Arc;

use super::*;
use crate::model::{need::Routine, sample};

fn read(lines: &[&str]) -> Grants {
    Grants::read(lines.iter().map(|line| (*line).to_owned()))
}

fn columns(names: &[&str]) -> Grant {
    Grant::Columns(names.iter().map(|n| ColumnName((*n).to_owned())).collect())
}

#[test]
fn what_a_login_may_update() {
    fn check(lines: &[&str], expected: &Grant) {
        assert_eq!(read(lines).privileges("his_db", "visits").update, *expected, "{lines:?}");
    }
    let usage = "GRANT USAGE ON *.* TO `b`@`%` IDENTIFIED BY PASSWORD '*F33AE6DD ON `his_db`.* TO'";
    check(&[usage], &Grant::No);
    check(&["GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION"], &Grant::Whole);
    check(&[usage, "GRANT SELECT, INSERT, UPDATE ON `his_db`.* TO `b`@`%`"], &Grant::Whole);
    check(&["GRANT UPDATE ON `his\\_db`.* TO `b`@`%`"], &Grant::Whole);
    check(&["GRANT UPDATE ON `his\\_%`.* TO `b`@`%`"], &Grant::Whole);
    check(&["GRANT UPDATE ON `hisxdb`.* TO `b`@`%`"], &Grant::No);
    check(&["GRANT UPDATE ON `h__\\_db`.* TO `b`@`%`"], &Grant::Whole);
    check(&["GRANT UPDATE ON `HIS_DB`.`Visits` TO `b`@`%`"], &Grant::Whole);
    check(&["GRANT UPDATE ON `his_db`.`other` TO `b`@`%`"], &Grant::No);
    check(&["GRANT SELECT, INSERT ON `his_db`.`visits` TO `b`@`%`"], &Grant::No);
    // By columns: 8.0 and MariaDB with quotes, older ones without, all of them together.
    check(&["GRANT SELECT, UPDATE (`a`, `b`) ON `his_db`.`visits` TO `b`@`%`"], &columns(&["a", "b"]));
    check(&["GRANT SELECT (x), UPDATE (b, a) ON `his_db`.`visits` TO 'b'@'%'"], &columns(&["a", "b"]));
    check(
        &[
            "GRANT UPDATE (`a`) ON `his_db`.`visits` TO `b`@`%`",
            "GRANT UPDATE (`c) ON ``x`, `d, e`) ON `his_db`.`visits` TO `role`",
        ],
        &columns(&["a", "c) ON `x", "d, e"]),
    );
    check(
        &["GRANT UPDATE ON `his_db`.* TO `role`", "GRANT UPDATE (`a`) ON `his_db`.`visits` TO `b`@`%`"],
        &Grant::Whole,
    );
    // What other quotes look like.
    check(&["GRANT UPDATE (\"a\") ON \"his_db\".\"visits\" TO \"b\"@\"%\""], &columns(&["a"]));
    check(&["GRANT UPDATE ON his_db.visits TO b@\"%\""], &Grant::Whole);
    // Neither tables nor what keeps them from being known.
    check(
        &[
            usage,
            "GRANT `role` TO `b`@`%`",
            "GRANT EXECUTE ON PROCEDURE `his_db`.`visits` TO `b`@`%`",
            "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION",
            "GRANT BACKUP_ADMIN,BINLOG_ADMIN ON *.* TO `b`@`%`",
            "SET DEFAULT ROLE `role` FOR `b`@`%`",
        ],
        &Grant::No,
    );
    // Not known: taken back in part, or not understood.
    check(
        &["GRANT SELECT, UPDATE ON *.* TO `b`@`%`", "REVOKE UPDATE ON `his_db`.* FROM `b`@`%`"],
        &Grant::Unknown,
    );
    check(
        &["GRANT SELECT, UPDATE ON *.* TO `b`@`%`", "REVOKE UPDATE ON `mysql`.* FROM `b`@`%`"],
        &Grant::Whole,
    );
    check(&["GRANT something ON new TO `b`@`%`"], &Grant::Unknown);
    assert_eq!(Grants::unknown().privileges("a", "b"), Privileges::default());
}

#[test]
fn what_a_login_sees() {
    fn check(line: &str, triggers: bool, hides_columns: bool) {
        let grants = read(&[line]);
        let found = (grants.shows_triggers("his_db", "visits"), grants.hides_columns("his_db", "visits"));
        assert_eq!(found, (triggers, hides_columns), "{line}");
    }
    check("GRANT USAGE ON *.* TO `b`@`%`", false, true);
    check("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", true, false);
    check("GRANT SELECT, INSERT, TRIGGER ON `his\\_db`.* TO `b`@`%`", true, false);
    check("GRANT SELECT, INSERT, UPDATE ON `his_db`.* TO 'b'@'%'", false, false);
    check("GRANT TRIGGER ON `his_db`.`visits` TO `b`@`%`", true, true);
    check("GRANT TRIGGER ON `his_db`.`other` TO `b`@`%`", false, true);
    check("GRANT REFERENCES ON `his_db`.* TO `b`@`%`", false, false);
    check("GRANT DELETE, UPDATE (`a`) ON `his_db`.`visits` TO `b`@`%`", false, true);
    assert!(!Grants::unknown().shows_triggers("a", "b") && !Grants::unknown().hides_columns("a", "b"));
}

#[test]
fn database_patterns() {
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
    }
    check("his", "his", true);
    check("his", "hisx", false);
    check("%", "", true);
    check("h%s", "hospitals", true);
    check("h%s", "hospital", false);
    check("h_s", "his", true);
    check("h\\_s", "his", false);
    check("h\\_s", "h_s", true);
    check("hä_", "häx", true);
}

#[test]
fn statements_are_quoted_and_least() {
    let table = sample::table("a`b", vec![]);
    let names = |all: &[&str]| all.iter().map(|n| ColumnName((*n).to_owned())).collect::<BTreeSet<_>>();
    let mut need = Need::new("mapping.a", &Arc::new(table));
    need.select = names(&["ID"]);
    need.insert = names(&["ST", "ID"]);
    need.update = names(&["ST"]);
    let print = |need: &Need, account: &str| {
        let mut needs = Needs::default();
        needs.extend([need.clone()]);
        needs.routines.insert(Routine { schema: None, name: "book".into() });
        statements(&needs, account, "own")
    };
    assert_eq!(
        print(&need, "buktor@192.168.1.%"),
        [
            "GRANT REFERENCES, SELECT (`ID`), INSERT (`ID`, `ST`), UPDATE (`ST`) ON `his`.`a``b` TO 'buktor'@'192.168.1.%';",
            "GRANT EXECUTE ON PROCEDURE `own`.`book` TO 'buktor'@'192.168.1.%';",
        ]
    );
    let rest = Need { delete: true, catalog: false, ..Need::new("", &need.table) };
    assert_eq!(print(&rest, "o'neill@a@%")[0], "GRANT DELETE ON `his`.`a``b` TO `o'neill@a`@'%';");
    let idle = Need { catalog: false, ..Need::new("", &need.table) };
    assert_eq!(print(&idle, "@localhost"), ["GRANT EXECUTE ON PROCEDURE `own`.`book` TO ''@'localhost';"]);
}
