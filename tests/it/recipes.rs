//! The recipes of docs/recipes against the tables that they are for: each is booked into, rescheduled, cancelled, deleted,
//! replayed and killed, with the HIS's own staff in between. Never changes a recipe's mapping but where a test says so.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, Site},
    http::Client,
    mariadb::His,
    wait_equal, wait_for, wait_until,
};

/// How often the daemon is killed in [`killed`].
const KILLS: u64 = 3;
/// Appointments that are booked before each of these.
const BURST: u64 = 60;

/// A recipe, the tables that it is tried on, and what is to be seen there. Appointment 1 is the one that lives through
/// all of it; the rows from 41 on are the daemon's, as each fixture holds one that the staff have made.
struct Recipe {
    /// `docs/recipes/NAME.json`.
    name: &'static str,
    /// `tests/fixtures/recipes/FIXTURE.sql`.
    fixture: &'static str,
    /// A change of its mapping, for a variant that its page describes.
    amend: fn(&mut Value),
    /// By which Buktor knows the patient.
    patient: &'static str,
    /// The day that an appointment of 10 March is moved to.
    new_day: &'static str,
    /// What the staff see, a row each.
    view: &'static str,
    /// What they see of the appointment of their own.
    own: &'static str,
    booked: &'static str,
    rescheduled: &'static str,
    cancelled: &'static str,
    /// None where the row is removed.
    deleted: Option<&'static str>,
    /// What the staff do to the booked row, where they look, and what must be there after a reschedule.
    staff: [&'static str; 3],
    /// How the row is removed behind the daemon's back, and what the next event comes to.
    removed: (&'static str, &'static str),
    /// A master record that is not there: its place in an event, its value, its table, and how it is added.
    stranger: [&'static str; 4],
    /// The numbers of the appointments, a row each.
    numbers: &'static str,
    /// Rows that kills may leave twice: without a rollback there is an instant in which nothing tells.
    surplus: usize,
}

const OPENEMR: Recipe = Recipe {
    name: "openemr",
    fixture: "openemr",
    amend: |_| {},
    patient: "P-1001",
    new_day: "2025-03-11",
    view: "SELECT pc_aid, pc_pid, pc_eventDate, pc_startTime, pc_endTime, pc_apptstatus, pc_title
           FROM openemr_postcalendar_events ORDER BY pc_eid",
    own: "8\t102\t2025-03-10\t09:00:00\t09:15:00\t-\tOffice Visit",
    booked: "7\t101\t2025-03-10\t10:30:00\t10:45:00\t-\tAsha Nair Consultation",
    rescheduled: "7\t101\t2025-03-11\t11:15:00\t11:30:00\t-\tAsha Nair Consultation",
    cancelled: "7\t101\t2025-03-11\t11:15:00\t11:30:00\tx\tAsha Nair Consultation",
    deleted: None,
    staff: [
        "UPDATE openemr_postcalendar_events
         SET pc_room = 'R3', pc_facility = 4, pc_hometext = 'comes late', pc_apptstatus = '@' WHERE pc_eid > 40",
        "SELECT pc_eventDate, pc_startTime, pc_room, pc_facility, pc_hometext, pc_apptstatus, pc_multiple, pc_duration
         FROM openemr_postcalendar_events WHERE pc_eid > 40",
        "2025-03-11\t11:15:00\tR3\t4\tcomes late\t@\t0\t900",
    ],
    removed: ("DELETE FROM openemr_postcalendar_events WHERE pc_eid > 40", "parked"),
    stranger: [
        "/doctor_id",
        "1555555550",
        "users",
        "INSERT INTO users (id, username, authorized, npi) VALUES (7001, 'drnew', 1, '1555555550')",
    ],
    numbers: "SELECT CAST(REGEXP_SUBSTR(pc_hometext, '[0-9]{12}') AS UNSIGNED)
              FROM openemr_postcalendar_events WHERE pc_eid > 40",
    surplus: 0,
};

/// With the column that `OpenEMR` leaves empty as the marker.
const OPENEMR_MARKED: Recipe = Recipe {
    amend: |mapping| mapping["appointment"]["marker"] = json!("pc_website"),
    staff: [
        OPENEMR.staff[0],
        "SELECT pc_startTime, pc_hometext, pc_website FROM openemr_postcalendar_events WHERE pc_eid > 40",
        // The name and the key are 55 bytes together, so that their digest stands in their place.
        "11:15:00\tcomes late\tbuktor:1d51b0faf39206a5f32eab503da3b288",
    ],
    ..OPENEMR
};

const OPEN_HOSPITAL: Recipe = Recipe {
    name: "open-hospital",
    fixture: "open-hospital",
    amend: |_| {},
    patient: "1001",
    new_day: "2025-03-11",
    view: "SELECT VST_PAT_ID, VST_DATE, VST_NOTE FROM VISITS ORDER BY VST_ID",
    own: "1002\t2025-03-10 09:00:00\tcontrol",
    booked: "1001\t2025-03-10 10:30:00\tConsultation Asha Nair (Buktor 6f1d2c3a-0000-4000-8000-000000000001) first visit",
    rescheduled: "1001\t2025-03-11 11:15:00\tConsultation Asha Nair (Buktor 6f1d2c3a-0000-4000-8000-000000000001) first visit",
    cancelled: "1001\t2025-03-11 11:15:00\tCANCELLED Consultation Asha Nair (Buktor 6f1d2c3a-0000-4000-8000-000000000001) first visit",
    deleted: None,
    staff: [
        "UPDATE VISITS SET VST_NOTE = 'comes late', VST_SMS = 1, VST_DATE = '2025-03-10 10:40:00' WHERE VST_ID > 40",
        "SELECT VST_DATE, VST_NOTE, VST_SMS FROM VISITS WHERE VST_ID > 40",
        "2025-03-11 11:15:00\tcomes late\t1",
    ],
    removed: ("DELETE FROM VISITS WHERE VST_ID > 40", "parked"),
    // One that was merged into another is no patient any more.
    stranger: [
        "/patient_info/patient_id",
        "1003",
        "PATIENT",
        "UPDATE PATIENT SET PAT_DELETED = 'N' WHERE PAT_ID = 1003",
    ],
    numbers: "SELECT CAST(REGEXP_SUBSTR(VST_NOTE, '[0-9]{12}') AS UNSIGNED) FROM VISITS WHERE VST_ID > 40",
    surplus: 0,
};

const OPEN_HOSPITAL_MYISAM: Recipe = Recipe {
    fixture: "open-hospital-myisam",
    staff: [
        "UPDATE VISITS SET VST_NOTE = 'comes late', VST_DATE = '2025-03-10 10:40:00' WHERE VST_ID > 40",
        "SELECT VST_DATE, VST_NOTE FROM VISITS WHERE VST_ID > 40",
        "2025-03-11 11:15:00\tcomes late",
    ],
    surplus: 3,
    ..OPEN_HOSPITAL
};

const BAHMNI: Recipe = Recipe {
    name: "bahmni",
    fixture: "bahmni",
    amend: |_| {},
    patient: "ABC200001",
    new_day: "2025-03-11",
    view: "SELECT patient_id, appointment_service_id, location_id, start_date_time, end_date_time, status, voided, void_reason
           FROM patient_appointment ORDER BY patient_appointment_id",
    own: "52\t12\t4\t2025-03-10 09:00:00\t2025-03-10 09:15:00\tScheduled\t0\tNULL",
    booked: "51\t12\t4\t2025-03-10 10:30:00\t2025-03-10 10:45:00\tScheduled\t0\tNULL",
    rescheduled: "51\t12\t4\t2025-03-11 11:15:00\t2025-03-11 11:30:00\tScheduled\t0\tNULL",
    cancelled: "51\t12\t4\t2025-03-11 11:15:00\t2025-03-11 11:30:00\tCancelled\t0\tNULL",
    deleted: Some("51\t12\t4\t2025-03-11 11:15:00\t2025-03-11 11:30:00\tCancelled\t1\tDeleted in Buktor"),
    staff: [
        "UPDATE patient_appointment SET priority = 'AsNeeded', comments = 'comes late', status = 'CheckedIn',
             appointment_service_id = 13, voided = 1 WHERE patient_appointment_id > 40",
        "SELECT start_date_time, priority, comments, status, appointment_service_id, voided, creator, appointment_number
         FROM patient_appointment WHERE patient_appointment_id > 40",
        "2025-03-11 11:15:00\tAsNeeded\tcomes late\tCheckedIn\t13\t1\t2\tBK-6f1d2c3a-0000-4000-8000-000000000001",
    ],
    removed: ("DELETE FROM patient_appointment WHERE patient_appointment_id > 40", "parked"),
    stranger: [
        "/patient_info/patient_id",
        "ABC200009",
        "patient_identifier",
        "INSERT INTO patient_identifier (patient_id, identifier, identifier_type, creator, date_created, uuid)
         VALUES (52, 'ABC200009', 3, 1, NOW(), UUID())",
    ],
    numbers: "SELECT CAST(RIGHT(uuid, 12) AS UNSIGNED) FROM patient_appointment WHERE patient_appointment_id > 40",
    surplus: 0,
};

/// In two steps, with the doctor in a table of his own.
const BAHMNI_WITH_PROVIDER: Recipe = Recipe {
    name: "bahmni-with-provider",
    view: "SELECT a.patient_id, p.provider_id, p.response, a.start_date_time, a.status, a.voided, p.voided
           FROM patient_appointment a LEFT JOIN patient_appointment_provider p USING (patient_appointment_id)
           ORDER BY a.patient_appointment_id",
    own: "52\tNULL\tNULL\t2025-03-10 09:00:00\tScheduled\t0\tNULL",
    booked: "51\t3\tACCEPTED\t2025-03-10 10:30:00\tScheduled\t0\t0",
    rescheduled: "51\t3\tACCEPTED\t2025-03-11 11:15:00\tScheduled\t0\t0",
    cancelled: "51\t3\tACCEPTED\t2025-03-11 11:15:00\tCancelled\t0\t0",
    deleted: Some("51\t3\tACCEPTED\t2025-03-11 11:15:00\tCancelled\t1\t1"),
    staff: [
        "UPDATE patient_appointment_provider SET response = 'TENTATIVE', comments = 'asked' WHERE provider_id = 3",
        "SELECT start_date_time, p.provider_id, response, p.comments
         FROM patient_appointment_provider p JOIN patient_appointment USING (patient_appointment_id)",
        "2025-03-11 11:15:00\t3\tTENTATIVE\tasked",
    ],
    removed: (
        "DELETE FROM patient_appointment_provider; DELETE FROM patient_appointment WHERE patient_appointment_id > 40",
        "parked",
    ),
    stranger: [
        "/doctor_id",
        "1555555550",
        "provider",
        "INSERT INTO provider (identifier, creator, date_created, uuid) VALUES ('1555555550', 1, NOW(), UUID())",
    ],
    numbers: "SELECT CAST(RIGHT(a.uuid, 12) AS UNSIGNED)
              FROM patient_appointment a JOIN patient_appointment_provider p USING (patient_appointment_id)",
    ..BAHMNI
};

const CLINIC_TOKEN: Recipe = Recipe {
    name: "clinic-token",
    fixture: "clinic-token",
    amend: |_| {},
    patient: "P-1001",
    // Another day is another token.
    new_day: "2025-03-10",
    view: "SELECT CLINIC_CODE, TOKEN_NO, VISIT_DATE, VISIT_TIME, PATIENT_NAME, STATUS, BOOKED_VIA
           FROM CLINIC_TOKENS ORDER BY TOKEN_NO DESC",
    own: "MAIN\t9001\t2025-03-10\t09:00:00\tRavi Menon\tB\tDESK",
    booked: "MAIN\t1\t2025-03-10\t10:30:00\tAsha Nair\tB\tBUKTOR",
    rescheduled: "MAIN\t1\t2025-03-10\t11:15:00\tAsha Nair\tB\tBUKTOR",
    cancelled: "MAIN\t1\t2025-03-10\t11:15:00\tAsha Nair\tX\tBUKTOR",
    deleted: Some("MAIN\t1\t2025-03-10\t11:15:00\tAsha Nair\tD\tBUKTOR"),
    staff: [
        "UPDATE CLINIC_TOKENS SET BP = '130/85', REMARKS = 'comes late', STATUS = 'A' WHERE TOKEN_NO = 1",
        "SELECT VISIT_TIME, BP, REMARKS, STATUS FROM CLINIC_TOKENS WHERE TOKEN_NO = 1",
        "11:15:00\t130/85\tcomes late\tA",
    ],
    removed: ("DELETE FROM CLINIC_TOKENS WHERE TOKEN_NO = 1", "applied"),
    stranger: [
        "/clinic_code",
        "WEST",
        "clinic",
        "INSERT INTO CLINICS VALUES ('WEST', 'City Hospital, West Fort')",
    ],
    numbers: "SELECT TOKEN_NO FROM CLINIC_TOKENS WHERE BOOKED_VIA = 'BUKTOR'",
    surplus: 0,
};

const ALL: [&Recipe; 7] = [
    &OPENEMR,
    &OPENEMR_MARKED,
    &OPEN_HOSPITAL,
    &OPEN_HOSPITAL_MYISAM,
    &BAHMNI,
    &BAHMNI_WITH_PROVIDER,
    &CLINIC_TOKEN,
];

/// The same tests for each recipe.
macro_rules! lives {
    ($($module:ident: $recipe:ident,)*) => {$(
        mod $module {
            #[test]
            fn is_found_right_by_check() {
                super::checked(&super::$recipe);
            }

            #[test]
            fn books_reschedules_cancels_and_deletes_once_and_in_order() {
                super::life(&super::$recipe);
            }

            #[test]
            fn leaves_the_staffs_work_alone() {
                super::staff(&super::$recipe);
            }

            #[test]
            fn waits_for_a_master_record() {
                super::stranger(&super::$recipe);
            }

            #[test]
            fn survives_kills() {
                super::killed(&super::$recipe);
            }
        }
    )*};
}

lives! {
    openemr: OPENEMR,
    openemr_marked: OPENEMR_MARKED,
    open_hospital: OPEN_HOSPITAL,
    open_hospital_myisam: OPEN_HOSPITAL_MYISAM,
    bahmni: BAHMNI,
    bahmni_with_provider: BAHMNI_WITH_PROVIDER,
    clinic_token: CLINIC_TOKEN,
}

/// A file of the repository.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The configuration that a hospital starts from.
fn config(name: &str) -> Value {
    serde_json::from_str(&read(&format!("docs/recipes/{name}.json")))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Tables as the HIS has them.
fn tables(fixture: &str) -> String {
    read(&format!("tests/fixtures/recipes/{fixture}.sql"))
}

impl Recipe {
    /// The HIS, and a folder with the recipe's configuration for it.
    fn open(&self) -> (His, Site) {
        let his = His::with(&tables(self.fixture));
        let mut mapping = config(self.name)["mapping"].take();
        (self.amend)(&mut mapping);
        let site = Site::new(his.section()).mapping(mapping);
        (his, site)
    }

    /// All that Buktor says when an appointment is booked.
    /// What names an appointment.
    fn id(&self, number: u64) -> Value {
        let mut id = json!({ "appointment_id": format!("6f1d2c3a-0000-4000-8000-{number:012}") });
        if self.name == "clinic-token" {
            id["clinic_code"] = json!("MAIN");
            id["token_number"] = json!(number);
            id["appointment_date"] = json!("2025-03-10");
        }
        id
    }

    fn booking(&self, number: u64) -> Value {
        let mut data = self.id(number);
        let more = json!({
            "start_time": "2025-03-10T10:30:00", "end_time": "2025-03-10T10:45:00", "appointment_time": "10:30",
            "status": "confirmed", "notes": "first visit", "patient_name": "Asha Nair",
            "patient_phone": "+919800000001", "patient_info": { "patient_id": self.patient, "patient_age": 44 },
            "doctor_id": "1234567893", "service_name": "Consultation", "location_name": "City Hospital",
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    }

    /// What it says when one is moved: the new times, and nothing else.
    fn move_to_new_day(&self) -> Value {
        let mut data = self.id(1);
        let end = format!("{}T11:30:00", self.new_day);
        data["new_time"] = json!(format!("{}T11:15:00", self.new_day));
        data["end_time"] = json!(end);
        data["new_end_time"] = json!(end);
        data
    }

    /// Waits until the staff see their own row and this.
    fn wait_view(&self, his: &His, ours: Option<&str>) {
        let rows: Vec<&str> = [self.own].into_iter().chain(ours).collect();
        his.wait_rows(self.view, &rows);
    }

    /// Holds that the staff see their own row and this, just now.
    fn assert_view(&self, his: &His, ours: Option<&str>) {
        let rows: Vec<&str> = [self.own].into_iter().chain(ours).collect();
        assert_eq!(his.rows(self.view), rows);
    }
}

/// An event as Buktor sends it, at so many minutes after ten.
fn event(id: &str, kind: &str, minute: u32, data: Value) -> Value {
    let timestamp = format!("2025-03-01T10:{minute:02}:00Z");
    let mut event = json!({ "event_id": id, "type": kind, "timestamp": timestamp, "source": "Buktor" });
    event["data"] = data;
    event
}

/// Sends an event that is to be applied, and waits for that.
fn apply(site: &Site, daemon: &Daemon, event: &Value) {
    daemon.accept(event);
    site.wait_state(event["event_id"].as_str().unwrap(), "applied");
}

/// Sends an event that is older than what was written.
fn stale(site: &Site, daemon: &Daemon, event: &Value) {
    daemon.accept(event);
    site.wait_state(event["event_id"].as_str().unwrap(), "stale");
}

fn checked(recipe: &Recipe) {
    let (_his, site) = recipe.open();
    site.cli(&["check"]).assert_code(0);
}

fn life(recipe: &Recipe) {
    let (his, site) = recipe.open();
    let daemon = site.start();
    let book = event("book", "appointment.created", 0, recipe.booking(1));
    daemon.accept(&book);
    recipe.wait_view(&his, Some(recipe.booked));
    // Again, as the same event and as another one of the same content.
    assert_eq!(daemon.accept(&book)["duplicate"], true);
    apply(&site, &daemon, &event("book-2", "appointment.created", 0, recipe.booking(1)));
    recipe.assert_view(&his, Some(recipe.booked));

    // Each change comes twice, and then something older.
    let moved = |id: &str| event(id, "appointment.rescheduled", 5, recipe.move_to_new_day());
    daemon.accept(&moved("move"));
    daemon.accept(&moved("move-2"));
    stale(&site, &daemon, &event("late", "appointment.updated", 2, recipe.booking(1)));
    site.wait_state("move-2", "applied");
    recipe.assert_view(&his, Some(recipe.rescheduled));

    daemon.accept(&event("cancel", "appointment.cancelled", 10, recipe.id(1)));
    daemon.accept(&event("cancel-2", "appointment.cancelled", 10, recipe.id(1)));
    stale(&site, &daemon, &event("late-2", "appointment.created", 0, recipe.booking(1)));
    site.wait_state("cancel-2", "applied");
    recipe.assert_view(&his, Some(recipe.cancelled));

    daemon.accept(&event("delete", "appointment.deleted", 15, recipe.id(1)));
    daemon.accept(&event("delete-2", "appointment.deleted", 15, recipe.id(1)));
    stale(&site, &daemon, &event("late-3", "appointment.created", 0, recipe.booking(1)));
    site.wait_state("delete-2", "applied");
    recipe.assert_view(&his, recipe.deleted);

    // The memory of it outlives the daemon.
    daemon.stop();
    let daemon = site.start();
    stale(&site, &daemon, &moved("late-4"));
    recipe.assert_view(&his, recipe.deleted);
}

fn staff(recipe: &Recipe) {
    let (his, site) = recipe.open();
    let daemon = site.start();
    apply(&site, &daemon, &event("book", "appointment.created", 0, recipe.booking(1)));
    let [edit, look, kept] = recipe.staff;
    his.sql(edit);
    // Writes its own columns alone, whatever the staff have done to the others.
    apply(&site, &daemon, &event("move", "appointment.rescheduled", 5, recipe.move_to_new_day()));
    assert_eq!(his.rows(look), [kept]);

    let (remove, state) = recipe.removed;
    his.sql(remove);
    daemon.accept(&event("after", "appointment.updated", 10, recipe.booking(1)));
    let after = site.wait_state("after", state);
    if state == "parked" {
        assert!(!after["cause"].as_str().unwrap().is_empty(), "{after}");
        recipe.assert_view(&his, None);
    } else {
        recipe.assert_view(&his, Some(recipe.booked));
    }
}

fn stranger(recipe: &Recipe) {
    let (his, site) = recipe.open();
    let daemon = site.start();
    let [place, value, table, add] = recipe.stranger;
    let mut data = recipe.booking(2);
    *data.pointer_mut(place).unwrap() = json!(value);
    daemon.accept(&event("stranger", "appointment.created", 0, data));
    let waits = || ["parked", "waiting"].iter().any(|s| site.event("stranger")["state"] == *s);
    wait_until("the event without its master record waits", waits);
    let shown = site.cli(&["events", "show", "stranger"]).assert_code(0).to_lowercase();
    assert!(shown.contains(&table.to_lowercase()), "it does not say in which table: {shown}");
    // Nothing of it is there, and others go on.
    recipe.assert_view(&his, None);
    apply(&site, &daemon, &event("book", "appointment.created", 0, recipe.booking(1)));
    recipe.assert_view(&his, Some(recipe.booked));

    his.sql(add);
    site.cli(&["sync", "--now"]).assert_code(0);
    let applied = || site.event("stranger")["state"] == "applied";
    wait_for(Duration::from_secs(70), "the event is released by itself", applied);
    assert_eq!(numbers(recipe, &his), [1, 2]);
}

/// The numbers of the appointments that have a row.
fn numbers(recipe: &Recipe, his: &His) -> Vec<u64> {
    let mut numbers: Vec<u64> = his.rows(recipe.numbers).iter().map(|n| n.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn killed(recipe: &Recipe) {
    let (his, site) = recipe.open();
    let mut daemon = site.start();
    let mut sent = 0;
    for _ in 0..KILLS {
        let before = numbers(recipe, &his).len();
        let mut client = Client::connect(daemon.address).unwrap();
        for _ in 0..BURST {
            sent += 1;
            let book = event(&format!("book{sent}"), "appointment.created", 0, recipe.booking(sent));
            client.post(&book).unwrap().assert_success();
        }
        wait_until("rows arrive", || numbers(recipe, &his).len() > before);
        daemon.kill();
        daemon = site.start();
    }
    let expected: BTreeSet<u64> = (1..=sent).collect();
    let there = || numbers(recipe, &his).into_iter().collect::<BTreeSet<_>>();
    wait_equal("every appointment has a row", &expected, there);
    site.wait_count("applied", sent);
    let surplus = numbers(recipe, &his).len() - expected.len();
    assert!(surplus <= recipe.surplus, "{surplus} rows stand there twice");
    // The links hold: a later event finds each row.
    for number in 1..=sent {
        daemon.accept(&event(&format!("cancel{number}"), "appointment.cancelled", 10, recipe.id(number)));
    }
    site.wait_count("applied", 2 * sent);
    assert_eq!(numbers(recipe, &his).len(), expected.len() + surplus);
}

#[test]
fn files_are_what_a_hospital_can_start_from() {
    let index = read("docs/recipes/README.md");
    for recipe in ALL {
        let config = config(recipe.name);
        let keys: Vec<_> = config.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["database", "mapping"], "{}", recipe.name);
        assert_eq!(config["database"]["password"], "your-password", "{}", recipe.name);
        let file = format!("({}.json)", recipe.name);
        assert!(index.contains(&file), "docs/recipes/README.md does not lead to {file}");
    }
}

/// All that the tests themselves do to the tables can be done there.
#[test]
fn tables_load_and_take_the_staffs_statements() {
    for recipe in ALL {
        let his = His::with(&tables(recipe.fixture));
        recipe.assert_view(&his, None);
        assert!(numbers(recipe, &his).is_empty());
        let [edit, look, _] = recipe.staff;
        for sql in [edit, look, recipe.removed.0, recipe.stranger[3]] {
            his.sql(sql);
        }
        recipe.assert_view(&his, None);
    }
}

/// The example events of the recipes' pages, in the order in which they stand there.
#[test]
fn examples_of_the_pages_are_applied() {
    for recipe in [OPENEMR, OPEN_HOSPITAL, OPEN_HOSPITAL_MYISAM, BAHMNI, CLINIC_TOKEN] {
        let (_his, site) = recipe.open();
        let daemon = site.start();
        let page = read(&format!("docs/recipes/{}.md", recipe.name)).replace("\r\n", "\n");
        let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
        let examples = blocks.map(|b| serde_json::from_str::<Value>(b).unwrap());
        let events: Vec<Value> = examples.filter(|e| e.get("type").is_some()).collect();
        assert!(events.len() >= 2, "{} events on the page of {}", events.len(), recipe.name);
        for event in &events {
            daemon.accept(event);
        }
        for event in &events {
            site.wait_state(event["event_id"].as_str().unwrap(), "applied");
        }
    }
}

/// Buktor's older form: the operation is not said, and date and time stand apart.
#[test]
fn openemr_takes_a_status_and_a_date_and_time_apart() {
    let recipe = &OPENEMR;
    let (his, site) = recipe.open();
    let daemon = site.start();
    let mut data = recipe.booking(1);
    data.as_object_mut().unwrap().remove("start_time");
    data["appointment_date"] = json!("2025-03-10");
    data["event_type"] = json!("appointment");
    daemon.accept(&data);
    recipe.wait_view(&his, Some(recipe.booked));
    let mut cancelled = recipe.id(1);
    cancelled["event_type"] = json!("appointment");
    cancelled["status"] = json!("cancelled");
    daemon.accept(&cancelled);
    recipe.wait_view(&his, Some(&recipe.booked.replace("\t-\t", "\tx\t")));
    // A status that nobody has thought of is not guessed.
    cancelled["event_id"] = json!("odd");
    cancelled["status"] = json!("dreaming");
    daemon.accept(&cancelled);
    let odd = site.wait_state("odd", "parked");
    assert!(odd["cause"].as_str().unwrap().starts_with("unknown-value"), "{odd}");
}

/// Somebody whom the hospital has not registered yet has an appointment all the same.
#[test]
fn openemr_shows_patients_who_are_not_registered_yet() {
    let recipe = Recipe { patient: "P-1009", ..OPENEMR };
    let (his, site) = recipe.open();
    let daemon = site.start();
    daemon.accept(&event("book", "appointment.created", 0, recipe.booking(1)));
    recipe.wait_view(&his, Some(&recipe.booked.replace("\t101\t", "\tNULL\t")));
    his.sql(
        "INSERT INTO patient_data (id, pid, pubpid, fname, lname) VALUES (9, 109, 'P-1009', 'Asha', 'Nair')",
    );
    // What was not found may be remembered for a while; the next event finds it.
    let mut minute = 0;
    wait_for(Duration::from_secs(70), "the patient is found", || {
        minute += 1;
        apply(
            &site,
            &daemon,
            &event(&format!("again{minute}"), "appointment.updated", minute, recipe.booking(1)),
        );
        his.rows(recipe.view).last().unwrap().contains("\t109\t")
    });
}

#[test]
fn openemr_inserts_a_missing_row_where_the_recipe_says_so() {
    let recipe = Recipe {
        amend: |mapping| mapping["appointment"]["missing_row"] = json!("insert"),
        removed: (OPENEMR.removed.0, "applied"),
        ..OPENEMR
    };
    staff(&recipe);
}

/// Where the recipe leaves it to the foreign key, the event waits for its parent.
#[test]
fn open_hospital_waits_for_the_foreign_key() {
    let recipe = Recipe {
        amend: |mapping| {
            mapping["appointment"]["steps"][0]["fields"]["patient_info.patient_id"] = json!("VST_PAT_ID");
        },
        patient: "1009",
        ..OPEN_HOSPITAL
    };
    let (his, site) = recipe.open();
    let daemon = site.start();
    daemon.accept(&event("book", "appointment.created", 0, recipe.booking(1)));
    let waits = site.wait_state("book", "waiting");
    assert!(waits["cause"].as_str().unwrap().contains("1452"), "{waits}");
    recipe.assert_view(&his, None);
    his.sql("INSERT INTO PATIENT (PAT_ID, PAT_FNAME, PAT_SNAME, PAT_SEX, PAT_CITY) VALUES (1009, 'A', 'N', 'F', 'Kochi')");
    site.cli(&["sync", "--now"]).assert_code(0);
    recipe.wait_view(&his, Some(&recipe.booked.replace("1001\t", "1009\t")));
}

/// Neither the staff's note nor the mark is written over.
#[test]
fn open_hospital_marks_a_cancellation_and_keeps_the_note() {
    let recipe = &OPEN_HOSPITAL;
    let (his, site) = recipe.open();
    let daemon = site.start();
    apply(&site, &daemon, &event("book", "appointment.created", 0, recipe.booking(1)));
    his.sql("UPDATE VISITS SET VST_NOTE = 'comes late' WHERE VST_ID > 40");
    let mut cancelled = recipe.id(1);
    cancelled["status"] = json!("cancelled");
    for (number, kind) in ["appointment", "appointment.updated", "appointment.cancelled"].iter().enumerate() {
        apply(&site, &daemon, &event(&format!("cancel{number}"), kind, 10, cancelled.clone()));
        assert_eq!(his.rows("SELECT VST_NOTE FROM VISITS WHERE VST_ID > 40"), ["CANCELLED comes late"]);
    }
}

/// The appointments module's own type of the uuid.
#[test]
fn bahmni_takes_a_uuid_of_varying_length() {
    let (his, site) = BAHMNI.open();
    his.sql("ALTER TABLE patient_appointment MODIFY uuid VARCHAR(38) NOT NULL");
    let daemon = site.start();
    apply(&site, &daemon, &event("book", "appointment.created", 0, BAHMNI.booking(1)));
    apply(&site, &daemon, &event("cancel", "appointment.cancelled", 10, BAHMNI.id(1)));
    BAHMNI.assert_view(&his, Some(&BAHMNI.booked.replace("Scheduled", "Cancelled")));
}

/// Where Buktor's ids are numbers, a uuid is made of them.
#[test]
fn bahmni_makes_a_uuid_of_a_number() {
    let recipe = Recipe {
        amend: |mapping| {
            let step = &mut mapping["appointment"];
            step["fields"].as_object_mut().unwrap().remove("appointment_id");
            step["concat"]["uuid"] = json!({ "text": "b0c70a00-0000-4000-8000-{appointment_id:000000000000}", "write": "insert_only" });
        },
        ..BAHMNI
    };
    let (his, site) = recipe.open();
    site.cli(&["check"]).assert_code(0);
    let daemon = site.start();
    let mut booking = recipe.booking(1);
    booking["appointment_id"] = json!(123);
    apply(&site, &daemon, &event("book", "appointment.created", 0, booking));
    apply(&site, &daemon, &event("cancel", "appointment.cancelled", 10, json!({ "appointment_id": 123 })));
    recipe.assert_view(&his, Some(&recipe.booked.replace("Scheduled", "Cancelled")));
    assert_eq!(
        his.rows("SELECT uuid FROM patient_appointment WHERE patient_appointment_id > 40"),
        ["b0c70a00-0000-4000-8000-000000000123"]
    );
}

/// Both rows or none, and the doctor changes in his own.
#[test]
fn bahmni_with_provider_is_all_or_nothing() {
    let recipe = &BAHMNI_WITH_PROVIDER;
    let (his, site) = recipe.open();
    let daemon = site.start();
    let mut booking = recipe.booking(1);
    booking.as_object_mut().unwrap().remove("doctor_id");
    daemon.accept(&event("nobody", "appointment.created", 0, booking));
    site.wait_state("nobody", "parked");
    recipe.assert_view(&his, None);
    apply(&site, &daemon, &event("book", "appointment.created", 1, recipe.booking(1)));
    let mut other = recipe.id(1);
    other["doctor_id"] = json!("1987654320");
    apply(&site, &daemon, &event("other", "appointment.updated", 2, other));
    recipe.assert_view(&his, Some(&recipe.booked.replace("51\t3\t", "51\t5\t")));
    assert_eq!(his.number("SELECT COUNT(*) FROM patient_appointment_provider"), 1);
}

/// Two types of events on one row, each with a clock of its own.
#[test]
fn clinic_token_takes_payments_into_the_same_row() {
    let recipe = &CLINIC_TOKEN;
    let (his, site) = recipe.open();
    let daemon = site.start();
    let look = "SELECT STATUS, FEE_PAID, PAID_AT, VISIT_TIME FROM CLINIC_TOKENS WHERE TOKEN_NO = 1";
    let payment = |status: &str| {
        let mut data = recipe.id(1);
        let more = json!({"payment_id": 789, "amount": "350.50", "status": status, "paid_at": "2025-03-10T09:50:00"});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    // A payment makes no token.
    daemon.accept(&event("early", "payment.successful", 3, payment("paid")));
    let early = site.wait_state("early", "parked");
    assert_eq!(early["cause"], "no-row", "{early}");
    apply(&site, &daemon, &event("book", "appointment.created", 8, recipe.booking(1)));
    // Older than the booking, and no less true.
    site.cli(&["events", "retry", "early"]).assert_code(0);
    site.wait_state("early", "applied");
    assert_eq!(his.rows(look), ["B\t350.50\t2025-03-10 09:50:00\t10:30:00"]);
    daemon.accept(&event("failed", "payment.failed", 9, payment("failed")));
    site.wait_state("failed", "ignored");
    daemon.accept(&event("refund", "payment", 9, payment("refunded")));
    site.wait_state("refund", "ignored");
    apply(&site, &daemon, &event("cancel", "appointment.cancelled", 10, recipe.id(1)));
    assert_eq!(his.rows(look), ["X\t350.50\t2025-03-10 09:50:00\t10:30:00"]);
}

/// The same token number of another clinic, or of another day, is another row.
#[test]
fn clinic_token_knows_a_row_by_three_columns() {
    let (his, site) = CLINIC_TOKEN.open();
    let daemon = site.start();
    let change = [("MAIN", "2025-03-10"), ("EAST", "2025-03-10"), ("MAIN", "2025-03-11")];
    for (number, (clinic, day)) in change.iter().enumerate() {
        let mut data = CLINIC_TOKEN.booking(1);
        data["clinic_code"] = json!(clinic);
        data["appointment_date"] = json!(day);
        apply(&site, &daemon, &event(&format!("book{number}"), "appointment.created", 0, data));
    }
    let mut cancelled = CLINIC_TOKEN.id(1);
    cancelled["clinic_code"] = json!("EAST");
    apply(&site, &daemon, &event("cancel", "appointment.cancelled", 1, cancelled));
    assert_eq!(
        his.rows(
            "SELECT CLINIC_CODE, VISIT_DATE, STATUS FROM CLINIC_TOKENS WHERE TOKEN_NO = 1 ORDER BY 1, 2"
        ),
        ["EAST\t2025-03-10\tX", "MAIN\t2025-03-10\tB", "MAIN\t2025-03-11\tB"]
    );
}
