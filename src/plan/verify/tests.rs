//! Each finding with what brings it about, and what does not.

use Severity::{Problem, Warning};

use super::*;
use crate::{
    model::{
        mapping::{Codes, WriteRule},
        sample::{column, text},
        table::{ColumnName, Grant, Privileges, Table, Trigger, UniqueIndex},
        value::Literal,
    },
    plan::needs::tests::{field, planner, step, table},
};

/// The findings after a change of step and table, each as severity, place and a part of its words.
fn check(
    what: &str,
    action: Action,
    change: impl FnOnce(&mut Step, &mut Table),
    expected: &[(Severity, &str, &str)],
) {
    let (mut step, mut table) = (step(action), table());
    change(&mut step, &mut table);
    let planner = planner(table, step, None);
    let found = planner.findings();
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    for (finding, (severity, at, words)) in found.iter().zip(expected) {
        assert_eq!((finding.severity, finding.at.as_str()), (*severity, *at), "{what}: {finding:?}");
        assert!(finding.message.contains(words), "{what}: {finding:?}");
    }
}

#[test]
fn a_table_that_fits_is_silent() {
    check("as it is", Action::Upsert, |_, _| {}, &[]);
    check("an update", Action::Update, |_, _| {}, &[]);
}

#[test]
fn keys() {
    let name = |n: &str| ColumnName(n.to_owned());
    let at = "mapping.a";
    let unsafe_key = |_: &mut Step, t: &mut Table| t.unique[0].safe = false;
    check("unsafe", Action::Upsert, unsafe_key, &[(Warning, at, "is not safe")]);
    let both = |_: &mut Step, t: &mut Table| {
        let safe = t.unique[0].clone();
        t.unique[0].safe = false;
        t.unique.push(safe);
    };
    check("unsafe and safe", Action::Upsert, both, &[]);
    let gone = |_: &mut Step, t: &mut Table| t.unique.clear();
    check(
        "indexed, not unique",
        Action::Upsert,
        gone,
        &[(Warning, at, "an event that matches several rows is parked")],
    );
    let slow = |_: &mut Step, t: &mut Table| {
        t.unique.clear();
        t.columns[0].indexed = false;
    };
    check(
        "not indexed",
        Action::Upsert,
        slow,
        &[(Warning, at, "parked, and every write searches the whole table")],
    );
    let wider = |s: &mut Step, _: &mut Table| {
        s.key = Some(vec![s.fields[0].source().unwrap().clone(), s.fields[1].source().unwrap().clone()]);
    };
    check("unique by a part of it", Action::Upsert, wider, &[]);
    let folded = |s: &mut Step, t: &mut Table| {
        s.key = Some(vec![s.fields[1].source().unwrap().clone()]);
        t.columns[1].folds = true;
        t.columns[0].filled = Filled::ByDefault;
        t.unique =
            vec![UniqueIndex { name: "u".into(), columns: vec![name("ST")], primary: false, safe: true }];
    };
    check("a text that folds", Action::Upsert, folded, &[(Warning, at, "key ST of his.T takes A1 and a1")]);
    let folds = |_: &mut Step, t: &mut Table| t.columns[1].folds = true;
    check("a text that folds and is no key", Action::Upsert, folds, &[]);
}

#[test]
fn what_rules_share_is_said_once() {
    let mut table = table();
    table.unique.clear();
    table.engine = "MyISAM".into();
    table.transactional = false;
    let delete = Step { at: "mapping.a.on.deleted".into(), ..step(Action::Delete) };
    let planner = planner(table, step(Action::Upsert), Some(delete));
    let found: Vec<_> = planner.findings().iter().map(|f| (f.at.as_str(), &f.message)).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].1.contains("the engine MyISAM"), "{found:?}");
}

#[test]
fn built_in_sources() {
    fn into(source: &str, kind: ColumnType, edit: impl FnOnce(&mut Step), expected: &[(Severity, &str)]) {
        let at = format!("mapping.a.fields.{source}");
        let expected: Vec<_> = expected.iter().map(|(s, words)| (*s, at.as_str(), *words)).collect();
        let what = format!("{source} into {kind:?}");
        let change = |s: &mut Step, t: &mut Table| {
            t.columns.push(column("X", kind));
            s.fields.push(field(source, "X", WriteRule::Always));
            edit(s);
        };
        check(&what, Action::Upsert, change, &expected);
    }
    let int = || ColumnType::Int { min: 0, max: 9 };
    let choice = || ColumnType::Choice { members: vec!["a.made".into()], many: false };
    let cut = |s: &mut Step| s.fields.last_mut().unwrap().truncate = true;
    for kind in [
        ColumnType::Date,
        ColumnType::Time { fraction: 0 },
        ColumnType::Timestamp { fraction: 3 },
        text(19),
        ColumnType::Json,
        ColumnType::Other,
    ] {
        into("received_at", kind, |_| {}, &[]);
    }
    into(
        "updated_at",
        int(),
        |_| {},
        &[(Problem, "updated_at cannot go into his.T.X (its type): a date and time is no number")],
    );
    into("$timestamp", ColumnType::Year, |_| {}, &[(Problem, "no number")]);
    into("received_at", text(10), |_| {}, &[(Problem, "19 characters, 10 fit")]);
    into("received_at", text(10), cut, &[]);
    into("event_type", ColumnType::Date, |_| {}, &[(Problem, "ISO 8601")]);
    into("event_type", choice(), |_| {}, &[]);
    into("event_type", text(1), |_| {}, &[]);
    into("operation", int(), |_| {}, &[(Problem, "cannot go into")]);
    into("operation", text(1), |_| {}, &[]);
    into("event_id", int(), |_| {}, &[(Warning, "unless its sender")]);
    into("source", ColumnType::Date, |_| {}, &[(Warning, "unless the sender")]);
    into("source_id", int(), |_| {}, &[]);
    let codes = |s: &mut Step| {
        let by_value = [("created".to_owned(), Literal::Number("1".into()))].into_iter().collect();
        s.fields.last_mut().unwrap().values = Some(Codes { by_value, rest: None });
    };
    into("operation", int(), codes, &[]);
    // Settings that do nothing.
    into("count", int(), cut, &[(Warning, "\"truncate\" does nothing")]);
    let zoned = |s: &mut Step| s.fields.last_mut().unwrap().timezone = Some(chrono_tz::UTC);
    into("count", int(), zoned, &[(Warning, "\"timezone\" does nothing")]);
    into("at", ColumnType::Time { fraction: 0 }, zoned, &[]);
    into("at", text(30), zoned, &[]);
}

#[test]
fn codes_that_do_not_fit_are_found() {
    let change = |s: &mut Step, _: &mut Table| {
        let by_value = [("new".to_owned(), Literal::Text("N".into()))].into_iter().collect();
        s.fields[3].values = Some(Codes { by_value, rest: None });
    };
    let at = "mapping.a.fields.received_at.values";
    check(
        "a code into a date",
        Action::Upsert,
        change,
        &[(Problem, at, "the configured value cannot go into")],
    );
}

#[test]
fn what_the_login_may_not() {
    let no_insert = |_: &mut Step, t: &mut Table| {
        t.may = Privileges { insert: Grant::No, update: Grant::Columns(vec![]), ..Privileges::all() };
    };
    let words = "lacks privileges on his.T: INSERT (ID, MADE, NOTE, ST), UPDATE (ID, NOTE, ST). ";
    check("no writing", Action::Upsert, no_insert, &[(Problem, "mapping.a", words)]);
    check("but deleting", Action::Delete, no_insert, &[]);
    let no_delete = |_: &mut Step, t: &mut Table| t.may.delete = Grant::No;
    check("no deleting", Action::Delete, no_delete, &[(Problem, "mapping.a", "on his.T: DELETE. ")]);
    let unknown = |_: &mut Step, t: &mut Table| t.may = Privileges::default();
    check("unknown", Action::Upsert, unknown, &[(Warning, "database", "was not checked")]);
    let hidden = |_: &mut Step, t: &mut Table| t.columns_hidden = true;
    check("columns hidden", Action::Upsert, hidden, &[(Warning, "database", "REFERENCES")]);
    let lacking = |s: &mut Step, t: &mut Table| {
        t.columns_hidden = true;
        s.fields[1].column.0 = "STATUS".into();
    };
    check(
        "perhaps a hidden column",
        Action::Upsert,
        lacking,
        &[
            (Problem, "mapping.a.fields.status", "the login sees only the columns that it may use"),
            (Warning, "database", "REFERENCES"),
        ],
    );
}

#[test]
fn views_and_triggers() {
    let view = |_: &mut Step, t: &mut Table| {
        t.view = true;
        t.unique.clear();
    };
    check("a view", Action::Upsert, view, &[(Warning, "mapping.a", "his.T is a view")]);
    let fixed = |_: &mut Step, t: &mut Table| (t.view, t.updatable) = (true, false);
    check("a view of sums", Action::Upsert, fixed, &[(Problem, "mapping.a", "cannot be written through")]);
    let triggers = |_: &mut Step, t: &mut Table| {
        let trigger = |name: &str, timing: &str, event: &str| Trigger {
            name: name.into(),
            event: event.into(),
            timing: timing.into(),
        };
        t.triggers = vec![
            trigger("log", "AFTER", "INSERT"),
            trigger("no", "BEFORE", "DELETE"),
            trigger("x", "BEFORE", "UPDATE"),
        ];
    };
    let at = "mapping.a";
    check(
        "triggers",
        Action::Upsert,
        triggers,
        &[(Warning, at, "the triggers log AFTER INSERT, x BEFORE UPDATE:")],
    );
    check("of a deletion", Action::Delete, triggers, &[(Warning, at, "the trigger no BEFORE DELETE:")]);
    let hidden = |_: &mut Step, t: &mut Table| t.triggers_hidden = true;
    check(
        "hidden",
        Action::Upsert,
        hidden,
        &[(Warning, "database", "cannot see whether there are triggers on his.T")],
    );
    check("hidden, of no concern", Action::Update, hidden, &[]);
}
