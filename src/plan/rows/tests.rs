//! Planning by table: events against mappings and tables, and what they come to.

use super::*;
use crate::model::{
    change::Role,
    clock::Timestamp,
    event::EventKind,
    mapping::{Codes, Condition, Constant, Field, Origin, Source, What, WriteRule},
    sample::{self, field, rule, text},
    table::{Calendar, Column, ColumnName, ColumnType, Filled, Table},
    value::Literal,
};

fn appointments() -> Table {
    let column = |name: &str, kind: ColumnType, filled| Column {
        nullable: filled == Filled::ByDefault,
        filled,
        ..sample::column(name, kind)
    };
    let columns = vec![
        column("HIS_appointment_id", ColumnType::Int { min: 0, max: 1 << 31 }, Filled::ByNobody),
        column("HIS_status", text(10), Filled::ByDefault),
        column(
            "HIS_created_at",
            ColumnType::DateTime { fraction: 0, calendar: Calendar::Full },
            Filled::ByDefault,
        ),
        column("SOURCE", text(10), Filled::ByDefault),
        column("row_version", ColumnType::Other, Filled::ByExpression),
    ];
    sample::table("HIS_appointments", columns)
}

fn row(table: &str, action: Action) -> What {
    What::Row { table: TableName(table.into()), action, generated: None }
}

fn step() -> Step {
    let fields = vec![
        field("status", "his_STATUS"),
        field("appointment_id", "HIS_appointment_id"),
        Field { write: WriteRule::InsertOnly, ..field("received_at", "HIS_created_at") },
    ];
    sample::step(row("HIS_appointments", Action::Upsert), fields)
}

fn mapping(kind: &str, rule: Rule, on: &[(&str, Rule)]) -> Mapping {
    Mapping {
        kind: EventKind(kind.into()),
        rule,
        on: on.iter().map(|(op, rule)| ((*op).to_owned(), rule.clone())).collect(),
        at: format!("mapping.{kind}"),
    }
}

fn planner_of(mappings: Vec<Mapping>, table: Table) -> Planner {
    let mut schema = Schema::default();
    schema.tables.insert(TableName("HIS_appointments".into()), Arc::new(table));
    let by_kind = mappings.into_iter().map(|m| (m.kind.0.clone(), m)).collect();
    Planner::new(Arc::new(Mappings { by_kind }), &schema, chrono_tz::Asia::Kolkata, 500)
}

fn planner(step: Step) -> Planner {
    planner_of(vec![mapping("appointment", rule(step), &[])], appointments())
}

fn event(kind: &str, body: &str) -> StoredEvent {
    let root: Value = serde_json::from_str(body).unwrap();
    StoredEvent {
        operation: root.get("operation").and_then(Value::as_str).map(str::to_owned),
        received_at: Timestamp(1_740_906_000_000_000),
        ..sample::event(kind, body)
    }
}

/// Columns with values, or what else it came to.
fn outline(planner: &Planner, event: &StoredEvent) -> String {
    match &planner.plan(event) {
        Planned::Draft(draft, _) => {
            let change = match planner.finish(draft.clone(), event, &[], &[]) {
                Ok(finished) => finished.change,
                Err(refusal) => return format!("! {}", refusal.reason.cause),
            };
            let row = &change.rows[0];
            let cells = row.shape().unwrap().columns.iter().zip(&row.values).map(|((c, role), v)| {
                let mark = if *role == Role::Key { "*" } else { "" };
                format!("{mark}{}={:?}", row.shape().unwrap().table.columns[*c].name, v.value().unwrap())
            });
            format!("{:?} {}", row.shape().unwrap().op, cells.collect::<Vec<_>>().join(" "))
        }
        Planned::Ignored(_) => "ignored".into(),
        Planned::Unmapped(r) | Planned::Rejected(r, _) | Planned::Paused(r) => format!("! {}", r.cause),
    }
}

fn check(planner: &Planner, kind: &str, body: &str, expected: &str) {
    assert_eq!(outline(planner, &event(kind, body)), expected, "{kind} {body}");
}

#[test]
fn the_manuals_event_becomes_a_row() {
    let p = planner(step());
    check(
        &p,
        "appointment",
        r#"{"event_type": "appointment", "appointment_id": 123, "status": "confirmed"}"#,
        r#"Upsert *HIS_appointment_id=Int(123) HIS_status=Text("confirmed") HIS_created_at=DateTime(2025-03-02T14:30:00)"#,
    );
    // What the event does not have is left out; null is NULL; `data` comes before the top level.
    check(
        &p,
        "appointment",
        r#"{"appointment_id": "5"}"#,
        "Upsert *HIS_appointment_id=Int(5) HIS_created_at=DateTime(2025-03-02T14:30:00)",
    );
    check(
        &p,
        "appointment.updated",
        r#"{"status": "x", "data": {"appointment_id": 5, "status": null}}"#,
        "Upsert *HIS_appointment_id=Int(5) HIS_status=Null HIS_created_at=DateTime(2025-03-02T14:30:00)",
    );
}

#[test]
fn what_cannot_be_written_is_refused_by_cause() {
    let p = planner(step());
    check(&p, "payment", "{}", "! unmapped:payment");
    check(&p, "appointment", r#"{"status": "x"}"#, "! missing-key:appointment.appointment_id");
    check(&p, "appointment", r#"{"appointment_id": null}"#, "! null:appointment.appointment_id");
    check(
        &p,
        "appointment",
        r#"{"appointment_id": 1, "status": "much too long"}"#,
        "! too-long:appointment.status",
    );
    check(&p, "appointment", r#"{"appointment_id": "A1"}"#, "! not-a-number:appointment.appointment_id");
    let Planned::Rejected(rejection, entity) =
        p.plan(&event("appointment", r#"{"appointment_id": 1, "status": "Jane Doe, 42"}"#))
    else {
        panic!()
    };
    assert_eq!(entity, Some(Entity("his.HIS_appointments\u{1f}HIS_appointment_id=1".into())));
    assert_eq!(
        rejection.message,
        "appointment event: field status cannot go into his.HIS_appointments.HIS_status (its type): it has 12 characters, 10 fit; let the HIS's vendor widen the column or set \"truncate\": true"
    );
    let mut wide = appointments();
    wide.columns[1].kind = ColumnType::Other;
    let p = planner_of(vec![mapping("appointment", rule(step()), &[])], wide);
    let body = format!(r#"{{"appointment_id": 1, "status": "{}"}}"#, "x".repeat(600));
    check(&p, "appointment", &body, "! too-large");
}

#[test]
fn values_defaults_constants_and_conditions() {
    let mut s = step();
    s.fields[0].values = Some(Codes {
        by_value: [
            ("confirmed".to_owned(), Literal::Text("C".into())),
            ("7".to_owned(), Literal::Number("8".into())),
        ]
        .into_iter()
        .collect(),
        rest: None,
    });
    s.fields[0].default = Some(Literal::Text("N".into()));
    s.fields.truncate(2);
    s.constants.push(Constant {
        column: ColumnName("source".into()),
        value: Literal::Text("BUKTOR".into()),
        at: String::new(),
    });
    s.when.push(Condition {
        source: Source::parse("channel").unwrap(),
        any_of: vec![Literal::Text("web".into()), Literal::Number("2".into())],
    });
    let p = planner(s);
    let row = |status: &str| {
        format!(r#"Upsert *HIS_appointment_id=Int(1) HIS_status=Text("{status}") SOURCE=Text("BUKTOR")"#)
    };
    check(&p, "appointment", r#"{"appointment_id": 1, "status": "confirmed", "channel": "web"}"#, &row("C"));
    check(&p, "appointment", r#"{"appointment_id": 1, "status": 7, "channel": 2}"#, &row("8"));
    check(&p, "appointment", r#"{"appointment_id": 1, "channel": "web"}"#, &row("N"));
    check(
        &p,
        "appointment",
        r#"{"appointment_id": 1, "status": "new", "channel": "web"}"#,
        "! unknown-value:appointment.status",
    );
    check(&p, "appointment", r#"{"appointment_id": 1, "channel": "phone"}"#, "ignored");
    check(&p, "appointment", r#"{"appointment_id": 1}"#, "ignored");
}

#[test]
fn a_deletion_is_never_guessed() {
    let body = r#"{"operation": "deleted", "data": {"appointment_id": 1}}"#;
    let p = planner(step());
    check(&p, "appointment", body, "! deletion:appointment");
    check(&p, "appointment.deleted", r#"{"appointment_id": 1}"#, "! deletion:appointment");
    check(&p, "appointment", r#"{"operation": "Delete", "appointment_id": 1}"#, "! deletion:appointment");
    let delete = || {
        rule(Step {
            what: row("HIS_appointments", Action::Delete),
            at: "mapping.appointment.on.deleted".into(),
            ..step()
        })
    };
    let p = planner_of(
        vec![mapping("appointment", rule(step()), &[("deleted", delete()), ("noted", Rule::Ignore)])],
        appointments(),
    );
    check(&p, "appointment", body, "Delete *HIS_appointment_id=Int(1)");
    check(&p, "appointment.deleted", r#"{"appointment_id": 1}"#, "Delete *HIS_appointment_id=Int(1)");
    check(&p, "appointment.noted", r#"{"appointment_id": 1}"#, "ignored");
    let own = rule(Step {
        what: row("HIS_appointments", Action::Delete),
        at: "mapping.appointment.deleted".into(),
        ..step()
    });
    let p = planner_of(vec![mapping("appointment.deleted", own, &[])], appointments());
    check(&p, "appointment.deleted", r#"{"appointment_id": 1}"#, "Delete *HIS_appointment_id=Int(1)");
    check(&p, "appointment.created", r#"{"appointment_id": 1}"#, "! unmapped:appointment.created");
}

#[test]
fn a_mapping_that_does_not_fit_pauses_and_says_all() {
    let mut s = step();
    s.fields.push(field("note", "HIS_statu"));
    s.fields.push(field("version", "row_version"));
    s.fields.push(field("again", "his_status"));
    s.constants.push(Constant {
        column: ColumnName("SOURCE".into()),
        value: Literal::Text("much too long".into()),
        at: "mapping.appointment.constants.SOURCE".into(),
    });
    let p = planner(s);
    let found: Vec<_> = p.findings().iter().map(|f| format!("{}: {}", f.at, f.message)).collect();
    insta::assert_snapshot!(found.join("\n"));
    check(&p, "appointment", r#"{"appointment_id": 1}"#, "! mapping:appointment");
    assert!(p.has_unbound() && p.sound_kinds().is_empty());
}

#[test]
fn the_key_is_named_or_inferred() {
    let check = |what: &str, change: fn(&mut Step, &mut Table), expected: &str| {
        let (mut step, mut table) = (step(), appointments());
        change(&mut step, &mut table);
        let p = planner_of(vec![mapping("appointment", rule(step), &[])], table);
        assert_eq!(p.bindings().join("; "), expected, "{what}");
    };
    let bound = |key: &str| format!("appointment -> his.HIS_appointments: upsert, key {key}");
    check("by the event's name", |_, _| {}, &bound("HIS_appointment_id (from the event's name)"));
    check(
        "by the mapping",
        |s, _| s.key = Some(vec![Source::parse("status").unwrap()]),
        &bound("HIS_status (named by the mapping)"),
    );
    check(
        "by the primary key",
        |s, _| s.fields[1].from = Origin::Event(Source::parse("id").unwrap()),
        &bound("HIS_appointment_id (from the table's key)"),
    );
    check(
        "by the primary key, completed by a constant",
        |s, t| {
            t.unique[0].columns.insert(0, ColumnName("SOURCE".into()));
            let value = Literal::Text("B".into());
            s.constants.push(Constant { column: ColumnName("SOURCE".into()), value, at: String::new() });
        },
        &bound("SOURCE, HIS_appointment_id (from the event's name)"),
    );
    check(
        "nothing to go by",
        |s, t| {
            s.fields[1].from = Origin::Event(Source::parse("id").unwrap());
            t.unique.clear();
        },
        "",
    );
}

#[test]
fn a_key_by_half_the_events_name() {
    let mut s = step();
    s.fields[1].from = Origin::Event(Source::parse("schedule_id").unwrap());
    let mut table = appointments();
    table.unique.clear();
    let p = planner_of(vec![mapping("schedule_change", rule(s), &[])], table);
    check(
        &p,
        "schedule_change",
        r#"{"schedule_id": 4}"#,
        "Upsert *HIS_appointment_id=Int(4) HIS_created_at=DateTime(2025-03-02T14:30:00)",
    );
}

#[test]
fn equal_combinations_of_sources_share_a_shape() {
    let p = planner(step());
    let shape = |body: &str| {
        let event = event("appointment", body);
        match p.plan(&event) {
            Planned::Draft(draft, _) => {
                let finished = p.finish(draft, &event, &[], &[]).unwrap();
                Arc::as_ptr(finished.change.rows[0].shape().unwrap())
            }
            other => panic!("{other:?}"),
        }
    };
    let (a, b) = (shape(r#"{"appointment_id": 1}"#), shape(r#"{"appointment_id": 2}"#));
    assert_eq!(a, b);
    assert_ne!(a, shape(r#"{"appointment_id": 2, "status": "x"}"#));
}
