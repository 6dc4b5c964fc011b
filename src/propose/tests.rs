//! Proposals by data: the manual's tables, two open HIS's, a plain English one, and ones that nobody here understands.

use super::*;
use crate::model::{
    sample,
    table::{Calendar, Charset, Filled, TextLength},
};

/// A table from lines `name type [not null] [default] [counter] [key]`.
fn table(name: &str, lines: &str) -> (TableName, Table) {
    let mut keys = Vec::new();
    let mut columns = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (column, rest) = line.split_once(' ').unwrap();
        let has = |word: &str| rest.split(' ').any(|w| w == word);
        let not_null = rest.contains("not null") || has("counter") || has("key");
        if has("key") {
            keys.push(ColumnName(column.to_owned()));
        }
        let declared = rest.split(' ').next().unwrap();
        columns.push(Column {
            declared: declared.to_owned(),
            nullable: !not_null,
            filled: match not_null {
                _ if has("counter") => Filled::ByCounter,
                _ if has("computed") => Filled::ByExpression,
                true if !has("default") => Filled::ByNobody,
                _ => Filled::ByDefault,
            },
            ..sample::column(column, kind(declared))
        });
    }
    let unique = if keys.is_empty() { Vec::new() } else { vec![sample::primary(&keys)] };
    (TableName(name.to_owned()), Table { unique, ..sample::table(name, columns) })
}

fn kind(declared: &str) -> ColumnType {
    let (name, arguments) = declared.split_once('(').unwrap_or((declared, ""));
    let arguments = arguments.trim_end_matches(')');
    let number = || arguments.split(',').next().and_then(|n| n.parse::<u64>().ok());
    let int = |bits: u32| ColumnType::Int { min: -(1_i128 << (bits - 1)), max: (1_i128 << (bits - 1)) - 1 };
    match name {
        "tinyint" => int(8),
        "smallint" => int(16),
        "int" => int(32),
        "bigint" => int(64),
        "decimal" => ColumnType::Decimal { precision: 10, scale: 2, unsigned: false },
        "double" => ColumnType::Float { single: false },
        "varchar" | "char" => {
            ColumnType::Text { length: TextLength::Chars(number().unwrap()), charset: Charset::Any }
        }
        "text" => ColumnType::Text { length: TextLength::Bytes(65535), charset: Charset::Any },
        "date" => ColumnType::Date,
        "time" => ColumnType::Time { fraction: 0 },
        "datetime" => ColumnType::DateTime { fraction: 0, calendar: Calendar::Full },
        "timestamp" => ColumnType::Timestamp { fraction: 0 },
        "enum" => {
            ColumnType::Choice { members: arguments.split(',').map(str::to_owned).collect(), many: false }
        }
        other => panic!("{other}"),
    }
}

fn proposed(event: EventType, (name, table): &(TableName, Table)) -> Proposal {
    propose(event, name, table, Choices::default()).unwrap()
}

/// `source > column`, a line each, in order; `?` after a source that events may lack.
fn filled(proposal: &Proposal) -> Vec<String> {
    let line = |f: &Filling| format!("{}{} > {}", f.source, if f.certain { "" } else { "?" }, f.column);
    proposal.fillings.iter().map(line).collect()
}

#[track_caller]
fn check(
    event: EventType,
    table: &(TableName, Table),
    expected: &[&str],
    key: &str,
    unfilled: &[&str],
) -> Proposal {
    let proposal = proposed(event, table);
    assert_eq!(filled(&proposal), expected, "{}", table.0);
    let found = match &proposal.key {
        RowKey::Column(c) => format!("column {c}"),
        RowKey::Generated(c) => format!("generated {c}"),
        RowKey::Unknown => "unknown".to_owned(),
    };
    assert_eq!(found, key);
    assert_eq!(proposal.unfilled.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), unfilled);
    proposal
}

fn manual() -> [(TableName, Table); 3] {
    [
        table(
            "HIS_appointments",
            "HIS_appointment_id int key\n HIS_status varchar(20) not null\n HIS_created_at datetime not null",
        ),
        table(
            "HIS_schedules",
            "HIS_schedule_id int key\n HIS_new_time datetime not null\n HIS_updated_at datetime not null",
        ),
        table(
            "HIS_payments",
            "HIS_payment_id int key\n HIS_amount decimal(10,2) not null\n HIS_payment_status varchar(20) not null
             HIS_paid_at datetime not null",
        ),
    ]
}

fn openemr() -> (TableName, Table) {
    table(
        "openemr_postcalendar_events",
        "pc_eid int counter key
         pc_catid int not null default
         pc_multiple int not null
         pc_aid varchar(30)
         pc_pid varchar(11)
         pc_title varchar(150)
         pc_time datetime
         pc_hometext text
         pc_comments int default
         pc_counter int default
         pc_informant varchar(20)
         pc_eventDate date not null
         pc_endDate date
         pc_duration bigint not null default
         pc_startTime time
         pc_endTime time
         pc_alldayevent int not null default
         pc_location text
         pc_conttel varchar(50)
         pc_eventstatus int not null default
         pc_apptstatus varchar(15) not null default
         pc_facility int not null default
         pc_billing_location smallint not null default
         pc_room varchar(20) not null default",
    )
}

fn open_hospital(name: &str) -> (TableName, Table) {
    table(
        name,
        "VST_ID int counter key
         VST_PAT_ID int not null
         VST_DATE datetime not null
         VST_NOTE text
         VST_SMS tinyint
         VST_WRD_ID_A char(1)
         VST_DURATION int
         VST_SERVICE varchar(45)
         VST_CREATED_BY varchar(50)
         VST_CREATED_DATE datetime
         VST_LAST_MODIFIED_BY varchar(50)
         VST_LAST_MODIFIED_DATE datetime
         VST_ACTIVE tinyint not null default",
    )
}

fn english() -> [(TableName, Table); 4] {
    [
        table(
            "patients",
            "id int counter key\n name varchar(80) not null\n phone varchar(20)\n created_at datetime",
        ),
        table(
            "appointments",
            "id int counter key
             external_id varchar(40)
             patient_id int not null
             doctor_id int
             appointment_date date not null
             appointment_time time not null
             end_time time
             status enum(Confirmed,Canceled,No_Show,Arrived) not null default
             patient_status varchar(20)
             birth_date date
             remarks varchar(200)
             is_deleted tinyint not null default
             created_at timestamp not null default
             updated_at timestamp not null default",
        ),
        table("appointment_types", "id int counter key\n name varchar(80) not null\n status varchar(20)"),
        table(
            "payments",
            "payment_id varchar(36) key
             appointment_id int
             total_amount decimal(10,2) not null
             payment_method varchar(20)
             payment_status varchar(8) not null
             payment_date varchar(10)
             invoice_no varchar(20) not null",
        ),
    ]
}

fn strange() -> [(TableName, Table); 2] {
    [
        table(
            "TERMINE",
            "TERMIN_NR int key\n PATIENTEN_NR int not null\n BEGINN datetime not null\n ENDE datetime
             BEMERKUNG varchar(200)\n ANGELEGT_AM datetime",
        ),
        table(
            "MULAKAT",
            "KRAMANK int counter key\n ROGI_KRAMANK int not null\n TARIKH date not null\n SAMAY time\n STHITI char(1)",
        ),
    ]
}

#[test]
fn the_manuals_tables_give_the_manuals_mapping() {
    let [appointments, schedules, payments] = manual();
    let proposal = check(
        EventType::Appointment,
        &appointments,
        &["appointment_id > HIS_appointment_id", "status > HIS_status", "received_at > HIS_created_at"],
        "column HIS_appointment_id",
        &[],
    );
    let text = proposal.mapping().text();
    let expected = "{\n  \"table\": \"HIS_appointments\",\n  \"fields\": {\n    \
                    \"appointment_id\": \"HIS_appointment_id\",\n    \"status\": \"HIS_status\",\n    \
                    \"received_at\": \"HIS_created_at\"\n  }\n}\n";
    assert_eq!(text, expected);
    assert!(proposal.hints.iter().any(|h| h.contains("row 123")), "{:?}", proposal.hints);
    check(
        EventType::ScheduleChange,
        &schedules,
        &["schedule_id > HIS_schedule_id", "new_time > HIS_new_time", "updated_at > HIS_updated_at"],
        "column HIS_schedule_id",
        &[],
    );
    check(
        EventType::Payment,
        &payments,
        &[
            "payment_id > HIS_payment_id",
            "amount > HIS_amount",
            "status > HIS_payment_status",
            "paid_at > HIS_paid_at",
        ],
        "column HIS_payment_id",
        &[],
    );
}

#[test]
fn openemr_gets_a_generated_key_and_its_date_and_time_apart() {
    let proposal = check(
        EventType::Appointment,
        &openemr(),
        &[
            "location_name? > pc_location",
            "start_time? > pc_eventDate",
            "start_time? > pc_startTime",
            "end_time? > pc_endDate",
            "end_time? > pc_endTime",
            "status > pc_apptstatus",
            "notes? > pc_hometext",
        ],
        "generated pc_eid",
        &["pc_multiple"],
    );
    assert_eq!(proposal.other_ids, [("patient_info.patient_id", ColumnName("pc_pid".into()))]);
    let text = proposal.mapping().text();
    for part in [
        "\"generated_key\": \"pc_eid\",\n  \"key\": \"appointment_id\",\n",
        "\"start_time\": [\"pc_eventDate\", \"pc_startTime\"]",
        "\"notes\": { \"column\": \"pc_hometext\", \"truncate\": true }",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(proposal.hints.iter().any(|h| h.starts_with("pc_eventstatus (int) looks like status")));
}

#[test]
fn open_hospitals_visits() {
    for name in ["OH_VISITS", "VISITS"] {
        let proposal = check(
            EventType::Appointment,
            &open_hospital(name),
            &[
                "service_name? > VST_SERVICE",
                "start_time? > VST_DATE",
                "notes? > VST_NOTE",
                "received_at > VST_CREATED_DATE",
                "updated_at > VST_LAST_MODIFIED_DATE",
            ],
            "generated VST_ID",
            &["VST_PAT_ID"],
        );
        assert_eq!(proposal.other_ids, [("patient_info.patient_id", ColumnName("VST_PAT_ID".into()))]);
        assert!(proposal.deleted.is_none());
        let (name, table) = open_hospital(name);
        let same = Choices { same_ids: true, marker: Some("vst_note") };
        let proposal = propose(EventType::Appointment, &name, &table, same).unwrap();
        assert_eq!(proposal.unfilled, []);
        assert!(filled(&proposal).contains(&"patient_info.patient_id? > VST_PAT_ID".to_owned()));
        assert_eq!(proposal.marker, Some(ColumnName("VST_NOTE".into())));
        assert!(!filled(&proposal).iter().any(|f| f.starts_with("notes")));
    }
}

#[test]
fn a_plain_english_schema() {
    let [_, appointments, _, payments] = english();
    let proposal = check(
        EventType::Appointment,
        &appointments,
        &[
            "appointment_id > external_id",
            "start_time? > appointment_date",
            "start_time? > appointment_time",
            "end_time? > end_time",
            "status > status",
            "notes? > remarks",
            "received_at > created_at",
            "updated_at > updated_at",
        ],
        "column external_id",
        &["patient_id"],
    );
    assert_eq!(
        proposal.fillings[4].form,
        Form::Values(vec![
            ("confirmed".into(), "Confirmed".into()),
            ("cancelled".into(), "Canceled".into()),
            ("no_show".into(), "No_Show".into()),
        ])
    );
    assert_eq!(proposal.deleted, Some(ColumnName("is_deleted".into())));
    let text = proposal.mapping().text();
    assert!(text.contains("\"deleted\": { \"constants\": { \"is_deleted\": 1 } }"), "{text}");
    let proposal = check(
        EventType::Payment,
        &payments,
        &["payment_id > payment_id", "amount > total_amount", "payment_mode? > payment_method"],
        "column payment_id",
        &["payment_status", "invoice_no"],
    );
    let said = proposal.hints.join("\n");
    assert!(
        said.contains("payment_status (varchar(8)) looks like status, and holds 8 characters only"),
        "{said}"
    );
    assert!(said.contains("payment_date (varchar(10)) looks like paid_at, and is a text"), "{said}");
}

#[test]
fn tables_are_ranked() {
    let all: Vec<(TableName, Table)> = manual()
        .into_iter()
        .chain(english())
        .chain(strange())
        .chain([openemr(), open_hospital("VISITS")])
        .collect();
    let check = |event, from: &[&str], expected: &[&str], winner: Option<&str>| {
        let tables: Vec<_> = all
            .iter()
            .filter(|t| from.is_empty() || from.contains(&t.0.0.as_str()))
            .map(|(n, t)| (n, t))
            .collect();
        let ranked = rank(event, &tables);
        let names: Vec<_> = ranked.iter().map(|c| c.table.0.as_str()).collect();
        assert_eq!(names, expected, "{ranked:?}");
        assert_eq!(clear_winner(&ranked).map(|c| c.table.0.as_str()), winner, "{ranked:?}");
    };
    let appointment = EventType::Appointment;
    check(
        appointment,
        &[],
        &["appointments", "HIS_appointments", "openemr_postcalendar_events", "VISITS"],
        Some("appointments"),
    );
    check(EventType::ScheduleChange, &[], &["HIS_schedules"], Some("HIS_schedules"));
    check(EventType::Payment, &[], &["HIS_payments", "payments"], Some("HIS_payments"));
    check(
        appointment,
        &["HIS_appointments", "openemr_postcalendar_events"],
        &["HIS_appointments", "openemr_postcalendar_events"],
        None,
    );
    check(appointment, &["TERMINE", "MULAKAT", "patients", "appointment_types"], &[], None);
    check(appointment, &["VISITS", "TERMINE"], &["VISITS"], Some("VISITS"));
}

#[test]
fn what_is_not_understood_is_left_out() {
    let [german, hindi] = strange();
    let proposal =
        check(EventType::Appointment, &german, &[], "unknown", &["TERMIN_NR", "PATIENTEN_NR", "BEGINN"]);
    assert!(proposal.hints.iter().any(|h| h.contains("nothing in TERMINE can hold appointment_id")));
    assert_eq!(proposal.mapping().text(), "{\n  \"table\": \"TERMINE\",\n  \"fields\": {}\n}\n");
    check(EventType::Appointment, &hindi, &[], "generated KRAMANK", &["ROGI_KRAMANK", "TARIKH"]);
}

#[test]
fn single_columns() {
    let check = |event: EventType, columns: &str, expected: &[&str]| {
        let found = filled(&proposed(event, &table("appointments", columns)));
        assert_eq!(found, expected, "{columns}");
    };
    let appointment = EventType::Appointment;
    // Never into what the database counts or computes, nor a text id into a small number.
    check(appointment, "appointment_id int counter key", &[]);
    check(appointment, "appointment_id smallint key", &[]);
    check(appointment, "appointment_id varchar(36) key", &["appointment_id > appointment_id"]);
    check(appointment, "id varchar(36) key", &[]);
    check(appointment, "status varchar(20) computed", &[]);
    check(appointment, "BuktorId varchar(36)\n appointment_id int key", &["appointment_id > BuktorId"]);
    // Two columns for one field: the better one; one column for two fields: the better one.
    check(appointment, "start_time datetime\n appointment_date datetime", &["start_time? > start_time"]);
    check(
        appointment,
        "start_time datetime\n appointment_date date",
        &["start_time? > start_time", "start_time? > appointment_date"],
    );
    check(appointment, "buktor_patient_id varchar(20)", &["patient_info.patient_id? > buktor_patient_id"]);
    check(appointment, "created_by varchar(40)\n status_by varchar(40)\n marital_status varchar(20)", &[]);
    check(appointment, "status enum(Open,Closed)", &[]);
    check(EventType::Payment, "amount int\n paid tinyint\n fee double", &["amount > fee"]);
}

#[test]
fn markers() {
    let check = |columns: &str, marker: &str, expected: &str| {
        let (name, table) = table("visits", columns);
        let choices = Choices { same_ids: false, marker: Some(marker) };
        let got = propose(EventType::Appointment, &name, &table, choices);
        match got {
            Ok(proposal) => {
                assert_eq!(expected, "");
                assert!(proposal.mapping().text().contains(&format!("\"marker\": \"{marker}\"")));
            }
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
        }
    };
    check("id int counter key\n ref varchar(40)", "ref", "");
    check("id int counter key\n ref varchar(39)", "ref", "(varchar(39)) cannot hold the marker");
    check("id int counter key", "ref", "no column ref");
    check("visit_id int key\n ref varchar(40)", "ref", "visit_id holds Buktor's id");
    check("nr int key\n ref varchar(40)", "ref", "numbers no rows itself");
    let proposal =
        proposed(EventType::Appointment, &table("visits", "id int counter key\n EXT_REF varchar(40)"));
    assert!(
        proposal.hints.iter().any(|h| h.contains("--marker appointment=EXT_REF")),
        "{:?}",
        proposal.hints
    );
}

#[test]
fn the_lines_beside_the_table() {
    let (name, table) = open_hospital("VISITS");
    let proposal = propose(EventType::Appointment, &name, &table, Choices::default()).unwrap();
    let lines = proposal.lines(&table);
    let line = |column: &str| lines.iter().find(|l| l[0] == column).unwrap().join(" | ");
    assert_eq!(
        line("VST_ID"),
        "VST_ID | int not null | counted by the database, remembered for appointment_id"
    );
    assert_eq!(
        line("VST_PAT_ID"),
        "VST_PAT_ID | int not null | STILL TO BE FILLED: perhaps patient_info.patient_id"
    );
    assert_eq!(line("VST_NOTE"), "VST_NOTE | text | notes ?, cut if it is too long");
    assert_eq!(line("VST_SMS"), "VST_SMS | tinyint | -");
}
