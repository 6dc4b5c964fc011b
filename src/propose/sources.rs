//! What Buktor's events hold, as data: the fields that its manuals name, with the words that a HIS column for each has.
//! No type of column and no score is known here.

use crate::propose::EventType;

/// A field of an event.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: &'static str,
    /// The middleware's manual shows it in an event of this type, or the daemon fills it itself. The others are named
    /// elsewhere in Buktor's documentation: whether an event has them must be looked up.
    pub(super) certain: bool,
    pub(super) kind: Kind,
    /// Meanings that the column's name must have, the best first.
    pub(super) names: &'static [&'static [&'static str]],
    /// Meanings that it may have besides.
    pub(super) free: &'static [&'static str],
    /// How much it tells of the table, in points.
    pub(super) evidence: i32,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Buktor's id of the record itself.
    OwnId,
    /// Buktor's id of a patient, a doctor and the like.
    OtherId,
    /// A date and time; `parts`: date and time may go into columns of their own.
    Moment { parts: bool },
    /// A sum of money.
    Amount,
    /// One of a few words.
    Code(&'static Words),
    /// A short text.
    Text,
    /// A text of any length.
    Note,
}

/// The words that a code can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// The one that the manual shows.
    pub(super) shown: &'static str,
    pub(super) all: &'static [&'static str],
}

static VISIT_WORDS: Words = Words {
    shown: "confirmed",
    all: &["confirmed", "cancelled", "rescheduled", "booked", "pending", "completed", "visited", "no_show"],
};
static PAYMENT_WORDS: Words =
    Words { shown: "paid", all: &["paid", "failed", "refunded", "pending", "successful"] };

const WHEN: &[&str] = &["date", "time", "last", "timestamp", "stamp", "record", "row"];

const fn source(
    name: &'static str,
    certain: bool,
    kind: Kind,
    names: &'static [&'static [&'static str]],
    evidence: i32,
) -> Source {
    let free: &[&str] = match kind {
        Kind::Moment { .. } => WHEN,
        Kind::Amount => &["paid"],
        Kind::OtherId => &["buktor", "external"],
        _ => &[],
    };
    Source { name, certain, kind, names, free, evidence }
}

const PATIENT_ID: Source = source(
    "patient_info.patient_id",
    false,
    Kind::OtherId,
    &[&["patient", "id"], &["patient", "number"], &["patient", "code"]],
    5,
);
const DOCTOR_ID: Source = source(
    "doctor_id",
    false,
    Kind::OtherId,
    &[&["doctor", "id"], &["doctor", "code"], &["doctor", "number"]],
    5,
);
const CLINIC_ID: Source =
    source("clinic_id", false, Kind::OtherId, &[&["place", "id"], &["place", "code"]], 5);
const NOTES: Source = source("notes", false, Kind::Note, &[&["note"]], 5);
const END_TIME: Source = source(
    "end_time",
    false,
    Kind::Moment { parts: true },
    &[&["end", "time"], &["end", "date"], &["end"]],
    5,
);
// Almost every table has these two: they tell nothing of it.
const RECEIVED_AT: Source = source("received_at", true, Kind::Moment { parts: false }, &[&["created"]], 0);
const UPDATED_AT: Source = source("updated_at", true, Kind::Moment { parts: false }, &[&["modified"]], 0);

static APPOINTMENT: [Source; 15] = [
    source("appointment_id", true, Kind::OwnId, &[], 30),
    PATIENT_ID,
    source("patient_name", false, Kind::Text, &[&["patient", "name"]], 5),
    source("patient_phone", false, Kind::Text, &[&["patient", "phone"], &["phone"]], 5),
    source("patient_info.patient_email", false, Kind::Text, &[&["patient", "email"], &["email"]], 0),
    DOCTOR_ID,
    CLINIC_ID,
    source("location_name", false, Kind::Text, &[&["place", "name"], &["place"]], 5),
    source("service_name", false, Kind::Text, &[&["service", "name"], &["service"]], 5),
    source(
        "start_time",
        false,
        Kind::Moment { parts: true },
        &[&["start", "time"], &["start", "date"], &["date", "time"], &["start"], &["date"], &["time"]],
        10,
    ),
    END_TIME,
    source("status", true, Kind::Code(&VISIT_WORDS), &[&["status"]], 10),
    NOTES,
    RECEIVED_AT,
    UPDATED_AT,
];

static SCHEDULE_CHANGE: [Source; 9] = [
    source("schedule_id", true, Kind::OwnId, &[], 30),
    DOCTOR_ID,
    CLINIC_ID,
    source(
        "new_time",
        true,
        Kind::Moment { parts: true },
        &[
            &["new", "time"],
            &["new", "date"],
            &["start", "time"],
            &["start", "date"],
            &["date", "time"],
            &["start"],
            &["date"],
            &["time"],
        ],
        10,
    ),
    END_TIME,
    source("status", false, Kind::Code(&VISIT_WORDS), &[&["status"]], 5),
    NOTES,
    RECEIVED_AT,
    UPDATED_AT,
];

static PAYMENT: [Source; 11] = [
    source("payment_id", true, Kind::OwnId, &[], 30),
    source("appointment_id", false, Kind::OtherId, &[&["appointment", "id"], &["appointment", "number"]], 5),
    PATIENT_ID,
    source("amount", true, Kind::Amount, &[&["amount"]], 10),
    source("currency", false, Kind::Text, &[&["currency"]], 5),
    source("payment_mode", false, Kind::Text, &[&["mode"]], 5),
    source("status", true, Kind::Code(&PAYMENT_WORDS), &[&["status"]], 10),
    source(
        "paid_at",
        true,
        Kind::Moment { parts: true },
        &[&["paid"], &["date", "time"], &["date"], &["time"]],
        10,
    ),
    NOTES,
    RECEIVED_AT,
    UPDATED_AT,
];

/// The fields of an event type, in the order in which a mapping lists them.
pub(super) fn sources(event: EventType) -> &'static [Source] {
    match event {
        EventType::Appointment => &APPOINTMENT,
        EventType::ScheduleChange => &SCHEDULE_CHANGE,
        EventType::Payment => &PAYMENT,
    }
}

/// What a column or table of that event type's records is called after.
pub(super) fn entity(event: EventType) -> &'static str {
    match event {
        EventType::Appointment => "appointment",
        EventType::ScheduleChange => "schedule",
        EventType::Payment => "payment",
    }
}
