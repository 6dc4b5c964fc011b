//! Needs of each action, and a table with mappings on it that other tests of findings use too.

use std::sync::Arc;

use crate::{
    model::{
        event::EventKind,
        mapping::{Action, Field, Mapping, Mappings, Step, What, WriteRule},
        need::Need,
        sample::{self, column, rule, text},
        table::{Calendar, ColumnName, ColumnType, Filled, Grant, Privileges, Schema, Table, TableName},
        value::Literal,
    },
    plan::Planner,
};

/// ID (the primary key), ST, NOTE, MADE.
pub(in crate::plan) fn table() -> Table {
    let mut id = column("ID", ColumnType::Int { min: 0, max: 9 });
    (id.nullable, id.filled, id.indexed) = (false, Filled::ByNobody, true);
    let made = column("MADE", ColumnType::DateTime { fraction: 0, calendar: Calendar::Full });
    sample::table("T", vec![id, column("ST", text(20)), column("NOTE", text(20)), made])
}

pub(in crate::plan) fn field(source: &str, column: &str, write: WriteRule) -> Field {
    Field { write, at: format!("mapping.a.fields.{source}"), ..sample::field(source, column) }
}

pub(in crate::plan) fn step(action: Action) -> Step {
    let what = What::Row { table: TableName("T".into()), action, generated: None };
    let fields = vec![
        field("a_id", "id", WriteRule::Always),
        field("status", "ST", WriteRule::Always),
        field("note", "NOTE", WriteRule::IfNull),
        field("received_at", "MADE", WriteRule::InsertOnly),
    ];
    Step { at: "mapping.a".into(), ..sample::step(what, fields) }
}

/// A planner for a mapping of `a` with that step, and with another one for deletions where it is given.
pub(in crate::plan) fn planner(table: Table, step: Step, deleted: Option<Step>) -> Planner {
    let mut schema = Schema::default();
    schema.tables.insert(TableName("T".into()), Arc::new(table));
    let on = deleted.map(|step| ("deleted".to_owned(), rule(step)));
    let mapping = Mapping {
        kind: EventKind("a".into()),
        rule: rule(step),
        on: on.into_iter().collect(),
        at: "mapping.a".into(),
    };
    let by_kind = [("a".to_owned(), mapping)].into_iter().collect();
    Planner::new(Arc::new(Mappings { by_kind }), &schema, chrono_tz::UTC, 500)
}

fn words(need: &Need) -> String {
    let list = |columns: &std::collections::BTreeSet<ColumnName>| {
        columns.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(",")
    };
    let delete = if need.delete { " delete" } else { "" };
    format!(
        "select {} insert {} update {}{delete}",
        list(&need.select),
        list(&need.insert),
        list(&need.update)
    )
}

#[test]
fn each_action_needs_its_own() {
    fn check(action: Action, change: impl FnOnce(&mut Step), expected: &str) {
        let mut step = step(action);
        change(&mut step);
        let planner = planner(table(), step, None);
        let found: Vec<_> = planner.needs().tables.values().map(words).collect();
        assert_eq!(found, [expected], "{action:?}");
    }
    // An event may have neither status nor note: then the key is set to itself.
    check(Action::Upsert, |_| {}, "select ID,NOTE insert ID,MADE,NOTE,ST update ID,NOTE,ST");
    check(Action::Update, |_| {}, "select ID,NOTE insert  update ID,NOTE,ST");
    let certain = |s: &mut Step| s.fields[1].default = Some(Literal::Text("x".into()));
    check(Action::Upsert, certain, "select ID,NOTE insert ID,MADE,NOTE,ST update NOTE,ST");
    check(Action::Insert, |_| {}, "select ID insert ID,MADE,NOTE,ST update ");
    check(Action::Delete, |_| {}, "select ID insert  update  delete");
    // What does not fit its table needs to be seen.
    check(Action::Upsert, |s| s.fields[1].column.0 = "NONE".into(), "select  insert  update ");
}

#[test]
fn rules_of_one_table_add_up() {
    let delete = Step { at: "mapping.a.on.deleted".into(), ..step(Action::Delete) };
    let planner = planner(table(), step(Action::Update), Some(delete));
    let needs: Vec<_> = planner.needs().tables.values().collect();
    assert_eq!((needs.len(), needs[0].at.as_str()), (1, "mapping.a"));
    assert_eq!(words(needs[0]), "select ID,NOTE insert  update ID,NOTE,ST delete");
}

#[test]
fn what_is_missing_is_what_is_not_granted() {
    fn check(may: Privileges, columns_hidden: bool, expected: &[&str]) {
        let planner = planner(Table { may, columns_hidden, ..table() }, step(Action::Upsert), None);
        let missing = planner.needs().missing();
        let found: Vec<_> = missing.tables.values().map(|n| (words(n), n.catalog)).collect();
        let expected: Vec<_> = expected.iter().map(|words| ((*words).to_owned(), columns_hidden)).collect();
        assert_eq!(found, expected);
    }
    let columns =
        |names: &[&str]| Grant::Columns(names.iter().map(|n| ColumnName((*n).to_owned())).collect());
    check(Privileges::all(), false, &[]);
    check(Privileges { delete: Grant::No, ..Privileges::all() }, false, &[]);
    check(Privileges::default(), false, &[]);
    let no_update = Privileges { update: Grant::No, ..Privileges::all() };
    check(no_update, false, &["select  insert  update ID,NOTE,ST"]);
    let by_columns =
        Privileges { select: columns(&["id"]), insert: columns(&["ID", "st"]), ..Privileges::all() };
    check(by_columns, true, &["select NOTE insert MADE,NOTE update "]);
    check(Privileges::all(), true, &["select  insert  update "]);
}

#[test]
fn a_called_procedure_is_known() {
    let check = |sql: &str, expected: Option<(Option<&str>, &str)>| {
        let found = super::routine(sql).map(|r| (r.schema, r.name));
        assert_eq!(found, expected.map(|(s, n)| (s.map(str::to_owned), n.to_owned())), "{sql}");
    };
    check("CALL put(?, ?)", Some((None, "put")));
    check(" call `his` . `put` (?)", Some((Some("his"), "put")));
    check("CALL PUT", Some((None, "PUT")));
    check("EXEC put @id = @P1", Some((None, "put")));
    check("EXECUTE [dbo].[put]", Some((Some("dbo"), "put")));
    check("exec @result = dbo.put @P1, @P2", Some((Some("dbo"), "put")));
    check("UPDATE t SET a = ?", None);
    check("CALL", None);
    check("", None);
}
