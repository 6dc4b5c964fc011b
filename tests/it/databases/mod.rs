//! One list of cases over all databases: the real executable writes into `MySQL`, SQL Server, Oracle and the embedded HIS.
//! `tests/run.sh` provides servers that speak for them; docs/testing-with-real-servers.md says how the vendors' own are
//! used. A case that a database cannot have says why.

mod commands;
mod faults;
mod his;
mod keys;
mod mixed;
mod mysql;
mod oracle;
mod plsql;
mod refusals;
mod rows;
mod sqlite;
mod sqlserver;
mod tsql;
mod tsql_faults;
mod tsql_values;
mod writes;

use his::{His, Kind};

/// Why a database cannot have a case.
fn lacks(kind: Kind, case: &str) -> Option<&'static str> {
    const FILE: &str = "a file has no network between it and the daemon";
    const NO_TEXT: &str =
        "not on a real server: a COMMIT is no text in Oracle's protocol, so that no proxy can cut it";
    const ONE_ROW: &str = "a_row_in_doubt_is_not_made_again_while_its_table_is_written";
    const READS_WAIT: &str = "its locking reads wait for the row itself, and for no other one";
    let at_commit = [
        "a_commit_that_never_arrived_makes_one_row",
        "a_commit_whose_answer_was_lost_makes_one_row",
        "a_deletion_behind_a_row_in_doubt_is_done",
        "a_deletion_whose_commit_was_lost_is_followed_by_a_new_row",
        "a_deletion_whose_commit_was_lost_parks_nothing",
        "a_crash_after_commit_keeps_the_link",
        "a_crash_before_commit_inserts_once",
        "a_plain_commit_whose_answer_was_lost_is_not_done_twice",
    ];
    let of_network = [
        "a_network_that_stalls_is_left_and_found_again",
        "a_database_that_is_down_at_the_start_is_caught_up_with",
        "sessions_that_are_killed_are_opened_again",
    ];
    match kind {
        Kind::Oracle if at_commit.contains(&case) && !oracle::is_double() => Some(NO_TEXT),
        Kind::MySql | Kind::SqlServer | Kind::Sqlite if case == ONE_ROW => Some(READS_WAIT),
        Kind::Oracle if case == ONE_ROW && !oracle::is_double() => Some(NO_TEXT),
        Kind::Sqlite if at_commit.contains(&case) || of_network.contains(&case) => Some(FILE),
        Kind::Sqlite if case == "a_table_of_another_schema" => Some("a file has one schema"),
        Kind::Sqlite if case == "a_procedure_is_called" => Some("SQLite has no procedures"),
        Kind::Sqlite if case == "a_login_without_privileges_pauses_its_mapping" => {
            Some("a file has no logins")
        }
        Kind::Sqlite if case == "a_wrong_password_is_not_repeated" => Some("a file has no logins"),
        _ => None,
    }
}

#[expect(clippy::print_stderr, reason = "why a case was not run belongs to the test's output")]
fn run(kind: Kind, case: &str, body: fn(&His)) {
    if let Some(why) = lacks(kind, case) {
        eprintln!("{case} on {kind:?}: {why}");
        return;
    }
    body(&His::create(kind));
}

/// The cases, each a test in the module of each database.
macro_rules! cases {
    ($($group:ident :: $case:ident,)*) => {
        cases!(@of on_mysql MySql $($group :: $case,)*);
        cases!(@of on_sqlserver SqlServer $($group :: $case,)*);
        cases!(@of on_oracle Oracle $($group :: $case,)*);
        cases!(@of on_sqlite Sqlite $($group :: $case,)*);
    };
    (@of $module:ident $kind:ident $($group:ident :: $case:ident,)*) => {
        mod $module {
            $(#[test]
            fn $case() {
                super::run(super::Kind::$kind, stringify!($case), super::$group::$case);
            })*
        }
    };
}

cases! {
    rows::the_manuals_events_become_rows,
    rows::an_update_writes_what_it_has_and_a_late_one_nothing,
    rows::a_deletion_is_declared,
    rows::values_arrive_as_they_were,
    rows::hundreds_of_events_of_one_page,
    rows::names_that_need_quotes,
    rows::a_table_of_another_schema,
    rows::the_same_event_twice_is_one_row,
    writes::what_is_written_once_stays,
    writes::an_update_without_its_row_is_parked,
    writes::an_insert_with_a_key_finds_its_row,
    writes::a_marker_table_holds_what_was_done,
    writes::a_procedure_is_called,
    keys::a_generated_key_is_remembered,
    keys::a_trigger_that_counts_by_itself_does_not_confuse,
    keys::steps_and_lookups,
    keys::a_row_that_the_his_deleted_is_told,
    keys::a_hundred_new_rows_in_one_page,
    refusals::what_does_not_fit_is_parked_alone,
    refusals::another_unique_index_refuses_one_event,
    refusals::a_missing_parent_is_waited_for,
    refusals::a_triggers_own_words_are_shown,
    refusals::a_column_that_goes_pauses_the_mapping,
    refusals::a_login_without_privileges_pauses_its_mapping,
    refusals::a_wrong_password_is_not_repeated,
    refusals::generated_and_computed_columns_are_told_before,
    faults::a_commit_that_never_arrived_makes_one_row,
    faults::a_commit_whose_answer_was_lost_makes_one_row,
    faults::a_plain_commit_whose_answer_was_lost_is_not_done_twice,
    faults::a_deletion_behind_a_row_in_doubt_is_done,
    faults::a_deletion_whose_commit_was_lost_is_followed_by_a_new_row,
    faults::a_deletion_whose_commit_was_lost_parks_nothing,
    faults::a_crash_after_commit_keeps_the_link,
    faults::a_crash_before_commit_inserts_once,
    faults::a_row_in_doubt_is_not_made_again_while_its_table_is_written,
    faults::kill_9_under_load_loses_and_doubles_nothing,
    faults::a_database_that_is_down_at_the_start_is_caught_up_with,
    faults::a_network_that_stalls_is_left_and_found_again,
    faults::sessions_that_are_killed_are_opened_again,
    faults::a_locked_row_is_written_later,
    mixed::faults_at_random_lose_and_double_nothing,
    commands::check_finds_all_well,
    commands::check_tells_what_is_missing,
    commands::a_rehearsal_keeps_nothing,
    commands::init_proposes_a_mapping_that_works,
}
