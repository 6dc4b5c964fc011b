//! Steps, generated keys, lookups, marks and statements: what an event comes to with what the HIS and the queue know.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    model::{
        answer::Answer,
        change::{Act, Cell},
        event::{EventKind, StoredEvent},
        mapping::{
            Action, Condition, Constant, Field, GeneratedKey, Lookup, Mapping, Mappings, Marker, Missing,
            MissingRow, Origin, Rule, Source, Step, What, Write, WriteRule,
        },
        sample::{self, text},
        table::{Column, ColumnName, ColumnType, Filled, Schema, Table, TableName},
        template::Template,
        value::Literal,
    },
    plan::{Draft, Planned, Planner, StepKnown},
};

fn column(name: &str, kind: ColumnType, filled: Filled) -> Column {
    Column { filled, indexed: true, ..sample::column(name, kind) }
}

fn int() -> ColumnType {
    ColumnType::Int { min: 0, max: 1 << 31 }
}

fn table(name: &str, columns: Vec<Column>) -> Arc<Table> {
    Arc::new(Table { schema: None, ..sample::table(name, columns) })
}

fn schema() -> Schema {
    let tables = [
        table(
            "PATIENT",
            vec![
                column("PID", int(), Filled::ByCounter),
                column("CODE", text(60), Filled::ByDefault),
                column("PHONE", text(20), Filled::ByDefault),
            ],
        ),
        table(
            "VISIT",
            vec![
                column("VID", int(), Filled::ByCounter),
                column("PID", int(), Filled::ByDefault),
                column("DOC", int(), Filled::ByDefault),
                column("ST", text(10), Filled::ByDefault),
                column("MADE", text(30), Filled::ByDefault),
                column("REF", text(60), Filled::ByDefault),
                column("NAME", text(60), Filled::ByDefault),
            ],
        ),
        table(
            "DOCTOR",
            vec![column("DID", int(), Filled::ByCounter), column("CODE", text(9), Filled::ByDefault)],
        ),
        table(
            "BOOKING",
            vec![column("BID", int(), Filled::ByIdentity), column("TXT", text(60), Filled::ByDefault)],
        ),
        table("MARKS", vec![column("MARK", text(60), Filled::ByNobody)]),
        table(
            "LOG",
            vec![column("ID", int(), Filled::ByCounter), column("TXT", text(60), Filled::ByDefault)],
        ),
    ];
    Schema {
        tables: tables.into_iter().map(|t| (TableName(t.name.clone()), t)).collect(),
        ..Schema::default()
    }
}

fn source(name: &str) -> Source {
    Source::parse(name).unwrap()
}

fn field(from: Origin, column: &str) -> Field {
    Field { from, ..of("any", column) }
}

fn of(name: &str, column: &str) -> Field {
    Field { at: format!("mapping.appointment.fields.{column}"), ..sample::field(name, column) }
}

fn step(name: &str, table: &str, generated: Option<&str>, fields: Vec<Field>) -> Step {
    let key =
        |column: &str| GeneratedKey { column: ColumnName(column.into()), missing_row: MissingRow::Park };
    let what =
        What::Row { table: TableName(table.into()), action: Action::Upsert, generated: generated.map(key) };
    Step { name: name.into(), at: format!("mapping.appointment.steps.{name}"), ..sample::step(what, fields) }
}

fn action(mut step: Step, action: Action) -> Step {
    if let What::Row { action: of, .. } = &mut step.what {
        *of = action;
    }
    step
}

fn planner(steps: Vec<Step>) -> Planner {
    let mapping = Mapping {
        kind: EventKind("appointment".into()),
        rule: Rule::Write(Write { steps, at: "mapping.appointment".into() }),
        on: std::collections::BTreeMap::new(),
        at: "mapping.appointment".into(),
    };
    let mappings = Mappings { by_kind: [("appointment".to_owned(), mapping)].into() };
    Planner::new(Arc::new(mappings), &schema(), chrono_tz::UTC, 1 << 20)
}

fn event(body: &str) -> StoredEvent {
    sample::event("appointment", body)
}

fn draft(planner: &Planner, body: &str) -> Draft {
    match planner.plan(&event(body)) {
        Planned::Draft(draft, _) => draft,
        other => panic!("{other:?}: {:?}", planner.findings()),
    }
}

/// Its changes in short, or why not.
fn outline(planner: &Planner, body: &str, steps: &[StepKnown], answers: &[Answer]) -> String {
    let event = event(body);
    let draft = match planner.plan(&event) {
        Planned::Draft(draft, _) => draft,
        Planned::Rejected(reason, _) => return format!("! {}", reason.cause),
        Planned::Ignored(_) => return "ignored".to_owned(),
        other => panic!("{other:?}: {:?}", planner.findings()),
    };
    let finished = match planner.finish(draft, &event, steps, answers) {
        Ok(finished) => finished,
        Err(refusal) => {
            let missing = refusal.missing.map_or(String::new(), |(lookup, text)| format!(" {lookup} {text}"));
            return format!("! {}{missing}", refusal.reason.cause);
        }
    };
    let changes = finished.change.rows.iter().map(|change| {
        let value = |cell: &Cell| match cell {
            Cell::Value(value) => value.plain(),
            Cell::KeyOf(entity) => format!("<{}>", entity.0.replace('\u{1f}', " ")),
            Cell::Generated(change) => format!("<{change}>"),
        };
        let guard = change.guard.as_ref().map_or(String::new(), |g| format!(" if {}", value(&g.values[0])));
        let values: Vec<String> = match &change.act {
            Act::Call(call) => {
                return format!(
                    "{} {}{guard}",
                    call.sql,
                    change.values.iter().map(value).collect::<Vec<_>>().join(",")
                );
            }
            Act::Row(shape) => (shape.columns.iter().zip(&change.values))
                .map(|((c, role), v)| format!("{role:?} {}={}", shape.table.columns[*c].name, value(v)))
                .collect(),
        };
        let shape = change.shape().unwrap();
        let gives = if shape.generated.is_some() && !shape.is_linked() { " ->" } else { "" };
        format!("{:?} {}{gives} {}{guard}", shape.op, shape.table.name, values.join(" "))
    });
    changes.collect::<Vec<_>>().join("; ")
}

fn linked(key: &str) -> StepKnown {
    StepKnown { his_key: Some(key.to_owned()), ..StepKnown::default() }
}

fn visit() -> Step {
    let made = Field { write: WriteRule::InsertOnly, ..of("made", "MADE") };
    step("appointment", "VISIT", Some("VID"), vec![of("status", "ST"), made])
}

#[test]
fn a_row_with_a_generated_key_is_inserted_once_and_then_updated_by_it() {
    let p = planner(vec![visit()]);
    let body = r#"{"appointment_id": 5, "status": "ok", "made": "now"}"#;
    assert_eq!(&*draft(&p, body).entity.0, "VISIT\u{1f}$appointment\u{1f}5");
    assert_eq!(outline(&p, body, &[], &[]), "Insert VISIT -> Always ST=ok InsertOnly MADE=now");
    assert_eq!(outline(&p, body, &[linked("17")], &[]), "Update VISIT Key VID=17 Always ST=ok");
    let gone = StepKnown { gone: true, ..linked("17") };
    assert_eq!(outline(&p, body, &[gone], &[]), "Insert VISIT -> Always ST=ok InsertOnly MADE=now");
    let nothing = r#"{"appointment_id": 5, "made": "now"}"#;
    assert_eq!(outline(&p, nothing, &[linked("17")], &[]), "Update VISIT Key VID=17");
    let leave = StepKnown { leave: BTreeSet::from([ColumnName("ST".into())]), ..linked("17") };
    assert_eq!(outline(&p, body, &[leave], &[]), "", "newer events have written all of it");
    for (body, expected) in [
        (r#"{"status": "ok"}"#, "! missing-key:appointment.appointment_id"),
        (r#"{"appointment_id": null}"#, "! null-key:appointment.appointment_id"),
        (r#"{"appointment_id": ""}"#, "! empty-key:appointment.appointment_id"),
        (r#"{"appointment_id": {}}"#, "! object-key:appointment.appointment_id"),
    ] {
        assert_eq!(outline(&p, body, &[], &[]), expected);
    }
}

#[test]
fn what_is_not_linked_is_neither_updated_nor_deleted() {
    let body = r#"{"appointment_id": 5, "status": "ok"}"#;
    let p = planner(vec![action(visit(), Action::Update)]);
    assert_eq!(outline(&p, body, &[], &[]), "! no-link");
    assert_eq!(outline(&p, body, &[linked("17")], &[]), "Update VISIT Key VID=17 Always ST=ok");
    let p = planner(vec![action(visit(), Action::Delete)]);
    assert_eq!(outline(&p, body, &[], &[]), "", "there is nothing to delete");
    let finished = p.finish(draft(&p, body), &event(body), &[], &[]).unwrap();
    assert_eq!(finished.absent, [draft(&p, body).entity], "but older events must not make it anew");
    assert_eq!(outline(&p, body, &[linked("17")], &[]), "Delete VISIT Key VID=17");
    let p = planner(vec![action(visit(), Action::Insert)]);
    assert_eq!(outline(&p, body, &[linked("17")], &[]), "! row-exists");
}

fn two_steps() -> Vec<Step> {
    let patient = Step {
        key: Some(vec![source("patient.id")]),
        ..step(
            "patient",
            "PATIENT",
            Some("PID"),
            vec![of("patient.id", "CODE"), of("patient.phone", "PHONE")],
        )
    };
    let reference = |column: Option<&str>| Origin::Step {
        name: "patient".into(),
        column: column.map(|c| ColumnName(c.into())),
    };
    let mut visit = visit();
    visit.fields =
        vec![of("status", "ST"), field(reference(None), "PID"), field(reference(Some("phone")), "REF")];
    vec![patient, visit]
}

#[test]
fn a_later_step_takes_what_an_earlier_one_makes() {
    let p = planner(two_steps());
    let body = r#"{"appointment_id": 5, "status": "ok", "patient": {"id": "P1", "phone": "+91"}}"#;
    let made = draft(&p, body);
    assert_eq!(&*made.entity.0, "VISIT\u{1f}$appointment\u{1f}5", "the appointment, not the patient");
    assert_eq!(&*made.steps()[0].entity().0, "PATIENT\u{1f}$patient\u{1f}P1");
    assert_eq!(
        outline(&p, body, &[], &[]),
        "Insert PATIENT -> Always CODE=P1 Always PHONE=+91; Insert VISIT -> Always ST=ok Always PID=<0> Always REF=+91"
    );
    assert_eq!(
        outline(&p, body, &[linked("3"), linked("17")], &[]),
        "Update PATIENT Key PID=3 Always CODE=P1 Always PHONE=+91; Update VISIT Key VID=17 Always ST=ok Always PID=3 Always REF=+91"
    );
    let made_ahead = StepKnown { made_ahead: Some(0), ..StepKnown::default() };
    assert_eq!(
        outline(&p, body, &[made_ahead], &[]),
        "Update PATIENT Key PID=<PATIENT $patient P1> Always CODE=P1 Always PHONE=+91; Insert VISIT -> Always ST=ok Always PID=<PATIENT $patient P1> Always REF=+91"
    );
    let without_phone = r#"{"appointment_id": 5, "status": "ok", "patient": {"id": "P1"}}"#;
    assert_eq!(
        outline(&p, without_phone, &[linked("3")], &[]),
        "Update PATIENT Key PID=3 Always CODE=P1; Insert VISIT -> Always ST=ok Always PID=3"
    );
    let search = made.steps()[0].search(&[]).unwrap();
    assert_eq!((search.matches, search.values[0].plain(), search.generated), (vec![1], "P1".to_owned(), 0));
    assert!(made.steps()[1].search(&[]).is_none(), "no column tells which row it is");
}

#[test]
fn a_skipped_step_still_gives_its_link() {
    let mut steps = two_steps();
    steps[0].when = vec![Condition { source: source("new"), any_of: vec![Literal::Bool(true)] }];
    let p = planner(steps);
    let body = r#"{"appointment_id": 5, "patient": {"id": "P1"}}"#;
    assert_eq!(outline(&p, body, &[linked("3")], &[]), "Insert VISIT -> Always PID=3");
    assert_eq!(outline(&p, body, &[], &[]), "! no-link:patient");
    let mut steps = two_steps();
    for step in &mut steps {
        step.when = vec![Condition { source: source("new"), any_of: vec![Literal::Bool(true)] }];
    }
    assert_eq!(outline(&planner(steps), body, &[], &[]), "ignored");
}

#[test]
fn lookups_are_asked_and_answered() {
    let doctor = |missing| Field {
        lookup: Some(Lookup {
            table: TableName("DOCTOR".into()),
            matches: ColumnName("code".into()),
            take: ColumnName("did".into()),
            only: vec![],
            missing,
            at: "mapping.appointment.fields.DOC.lookup".into(),
        }),
        ..of("doctor", "DOC")
    };
    let with = |missing| {
        let mut visit = visit();
        visit.fields.push(doctor(missing));
        planner(vec![visit])
    };
    let body = r#"{"appointment_id": 5, "doctor": "D7"}"#;
    let p = with(Missing::Park);
    let asks = draft(&p, body).asks;
    assert_eq!((asks.len(), asks[0].text.as_str(), asks[0].lookup), (1, "D7", 0));
    assert_eq!(p.lookups()[0].table.name, "DOCTOR");
    let check = |p: &Planner, answer: Answer, expected: &str| {
        assert_eq!(outline(p, body, &[], std::slice::from_ref(&answer)), expected, "{answer:?}");
    };
    check(&p, Answer::Row(Some("12".into())), "Insert VISIT -> Always DOC=12");
    check(&p, Answer::Row(Some("x".into())), "! not-a-number:appointment.doctor");
    check(&p, Answer::Row(None), "Insert VISIT -> Always DOC=");
    check(&p, Answer::Missing, "! lookup:DOCTOR.CODE 0 D7");
    check(&p, Answer::Several, "! lookup-several:DOCTOR.CODE");
    check(&with(Missing::Value(Literal::Null)), Answer::Missing, "Insert VISIT -> Always DOC=");
    check(
        &with(Missing::Value(Literal::Number("1".into()))),
        Answer::Missing,
        "Insert VISIT -> Always DOC=1",
    );
    let null = r#"{"appointment_id": 5, "doctor": null}"#;
    assert_eq!(outline(&p, null, &[], &[]), "Insert VISIT -> Always DOC=");
    assert_eq!(
        outline(&p, r#"{"appointment_id": 5, "doctor": "far too long"}"#, &[], &[]),
        "! too-long:appointment.doctor"
    );
}

#[test]
fn marks_tell_what_was_done() {
    let column = |name: &str| Some(Marker::Column(ColumnName(name.into())));
    let body = r#"{"appointment_id": 5, "status": "ok", "txt": "t"}"#;
    let p = planner(vec![Step { marker: column("REF"), ..visit() }]);
    assert_eq!(
        outline(&p, body, &[], &[]),
        "Insert VISIT -> Always ST=ok InsertOnly REF=buktor:appointment:5"
    );
    assert_eq!(outline(&p, body, &[linked("17")], &[]), "Update VISIT Key VID=17 Always ST=ok");
    assert_eq!(draft(&p, body).steps()[0].search(&[]).unwrap().values[0].plain(), "buktor:appointment:5");
    let long = r#"{"appointment_id": "0123456789012345678901234567890123456789"}"#;
    let marked = draft(&p, long).steps()[0].search(&[]).unwrap().values[0].plain();
    assert_eq!((marked.len(), &marked[..7]), (39, "buktor:"));

    let log =
        |marker| Step { marker, ..action(step("log", "LOG", None, vec![of("txt", "TXT")]), Action::Insert) };
    assert_eq!(outline(&planner(vec![log(None)]), body, &[], &[]), "Insert LOG Always TXT=t");
    let table =
        || Some(Marker::Table { table: TableName("MARKS".into()), column: ColumnName("MARK".into()) });
    assert_eq!(
        outline(&planner(vec![log(table()), log(table())]), body, &[], &[]),
        "Insert LOG Always TXT=t if buktor:event:e7; Insert LOG Always TXT=t if buktor:event#1:e7"
    );
    let p = planner(vec![Step { marker: column("ST"), ..visit() }]);
    assert!(
        p.has_unbound() && p.findings()[0].message.contains("cannot hold a marker"),
        "{:?}",
        p.findings()
    );
    let p = planner(vec![Step {
        marker: column("REF"),
        ..action(step("log", "VISIT", None, vec![of("txt", "ST")]), Action::Insert)
    }]);
    assert_eq!(outline(&p, body, &[], &[]), "Insert VISIT Key REF=buktor:event:e7 Always ST=t");
}

#[test]
fn statements_take_their_parameters_in_order() {
    let call = |repeatable| Step {
        what: What::Sql {
            sql: "CALL book(?, ?, ?)".into(),
            parameters: ["id", "who", "id"].map(|p| ColumnName(p.into())).into(),
            repeatable,
        },
        constants: vec![Constant {
            column: ColumnName("who".into()),
            value: Literal::Text("B".into()),
            at: String::new(),
        }],
        ..step("appointment", "", None, vec![of("appointment_id", "id")])
    };
    let p = planner(vec![call(true)]);
    assert_eq!(outline(&p, r#"{"appointment_id": 5}"#, &[], &[]), "CALL book(?, ?, ?) 5,B,5");
    assert_eq!(outline(&p, "{}", &[], &[]), "CALL book(?, ?, ?) ,B,", "what is missing is NULL");
    let entity = draft(&p, r#"{"appointment_id": 5}"#).entity;
    assert_eq!(entity, draft(&p, r#"{"appointment_id": "5", "x": 1}"#).entity);
}

#[test]
fn texts_are_made_of_several_fields() {
    let mut visit = visit();
    let template = Template::parse("{first} {last}").unwrap();
    visit.fields.push(field(Origin::Text(template), "NAME"));
    let or_from = Field { or_from: vec![source("b"), source("c")], ..of("a", "REF") };
    visit.fields.push(or_from);
    let p = planner(vec![visit]);
    let check = |body: &str, expected: &str| assert_eq!(outline(&p, body, &[], &[]), expected, "{body}");
    check(
        r#"{"appointment_id": 5, "first": "Ada", "c": "x"}"#,
        "Insert VISIT -> Always NAME=Ada Always REF=x",
    );
    check(r#"{"appointment_id": 5, "last": [1]}"#, "! not-a-scalar:appointment.(several, by concat)");
    check(r#"{"appointment_id": 5}"#, "Insert VISIT -> ");
}

#[test]
fn what_does_not_fit_the_table_is_found() {
    let finding = |step: Step| {
        let p = planner(vec![step]);
        assert!(p.has_unbound());
        p.findings().iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join("; ")
    };
    let not_counted = step("appointment", "VISIT", Some("DOC"), vec![of("status", "ST")]);
    assert!(finding(not_counted).contains("not numbered by the database"));
    let written = step("appointment", "VISIT", Some("VID"), vec![of("vid", "VID")]);
    assert!(finding(written).contains("the database makes its value"));
    let no_column = step("appointment", "VISIT", Some("VIDD"), vec![of("status", "ST")]);
    assert!(finding(no_column).contains("did you mean VID?"));
}

#[test]
fn what_the_database_numbers_is_never_written() {
    let booking = |what: Action, generated: Option<&str>, fields: Vec<Field>| {
        let mut step = action(step("booking", "BOOKING", generated, fields), what);
        step.key = Some(vec![source("appointment_id")]);
        let p = planner(vec![step]);
        p.findings().iter().map(|f| f.message.clone()).collect::<Vec<_>>().join("; ")
    };
    let number = || vec![of("appointment_id", "BID"), of("note", "TXT")];
    let keyed = "no row with an event's number can be inserted";
    assert!(booking(Action::Upsert, None, number()).contains(keyed));
    assert!(booking(Action::Insert, None, number()).contains(keyed));
    assert!(!booking(Action::Update, None, number()).contains("IDENTITY"));
    assert!(!booking(Action::Delete, None, number()).contains("IDENTITY"));
    let beside = vec![of("appointment_id", "TXT"), of("number", "BID")];
    assert!(booking(Action::Upsert, None, beside.clone()).contains("take it out of the mapping"));
    assert!(booking(Action::Update, None, beside).contains("take it out of the mapping"));
    assert!(!booking(Action::Upsert, Some("BID"), vec![of("note", "TXT")]).contains("IDENTITY"));
}

#[test]
fn a_body_that_is_no_object_has_no_fields() {
    let p = planner(vec![visit()]);
    assert!(serde_json::from_str::<Value>("[]").is_ok());
    assert_eq!(outline(&p, "[]", &[], &[]), "! missing-key:appointment.appointment_id");
}
