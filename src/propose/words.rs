//! Names of tables and columns as words, and words as what they stand for: `VST_PAT_ID` and `patientId` both speak of a
//! patient's id. A dictionary and nothing more; it decides nothing.

/// What a word stands for, with the words that HIS vendors write for it.
static DICTIONARY: [(&str, &[&str]); 32] = [
    (
        "appointment",
        &[
            "appointment",
            "appointments",
            "appt",
            "appts",
            "apt",
            "apts",
            "apptmnt",
            "visit",
            "visits",
            "vst",
            "booking",
            "bookings",
            "event",
            "events",
            "reservation",
            "reservations",
            "calendar",
        ],
    ),
    (
        "schedule",
        &[
            "schedule",
            "schedules",
            "sched",
            "roster",
            "rosters",
            "slot",
            "slots",
            "timetable",
            "availability",
            "shift",
            "shifts",
        ],
    ),
    (
        "payment",
        &[
            "payment",
            "payments",
            "pay",
            "pmt",
            "pymt",
            "receipt",
            "receipts",
            "transaction",
            "transactions",
            "txn",
        ],
    ),
    ("bill", &["bill", "bills", "billing", "invoice", "invoices"]),
    ("patient", &["patient", "patients", "pat", "pt", "ptn"]),
    (
        "doctor",
        &[
            "doctor",
            "doctors",
            "doc",
            "dr",
            "provider",
            "providers",
            "practitioner",
            "physician",
            "consultant",
        ],
    ),
    (
        "place",
        &["clinic", "clinics", "location", "locations", "facility", "branch", "hospital", "center", "centre"],
    ),
    ("user", &["user", "users", "usr", "by", "operator", "staff"]),
    ("start", &["start", "starts", "starting", "begin", "begins", "beginning", "from"]),
    ("end", &["end", "ends", "ending", "finish", "until", "till", "to"]),
    ("time", &["time", "times", "hour", "tm"]),
    ("date", &["date", "dates", "day", "dt"]),
    ("status", &["status", "state", "stat", "sts"]),
    (
        "note",
        &["note", "notes", "comment", "comments", "remark", "remarks", "hometext", "description", "memo"],
    ),
    ("amount", &["amount", "amt", "price", "fee", "fees", "total", "sum", "charge"]),
    ("paid", &["paid"]),
    ("created", &["created", "create", "creation", "inserted", "added", "entered", "received", "recorded"]),
    ("modified", &["modified", "updated", "update", "changed", "change", "edited", "upd", "modification"]),
    ("id", &["id", "identifier", "uuid", "guid", "uid"]),
    ("number", &["no", "num", "number", "nr"]),
    ("code", &["code", "cd"]),
    ("external", &["external", "ext", "foreign"]),
    ("reference", &["ref", "reference", "refno"]),
    ("buktor", &["buktor"]),
    ("new", &["new"]),
    ("name", &["name", "fullname"]),
    ("phone", &["phone", "mobile", "tel", "telephone", "cell", "msisdn"]),
    ("email", &["email", "mail"]),
    ("service", &["service", "treatment"]),
    ("mode", &["mode", "method"]),
    ("currency", &["currency"]),
    ("deleted", &["deleted", "voided", "void", "cancelled", "canceled"]),
];

/// Words of names like `pid` that stand for two things.
static PAIRS: [(&str, [&str; 2]); 1] = [("pid", ["patient", "id"])];

/// Words before a name that say whose table it is, and not what is in it.
const PREFIXES: [&str; 12] =
    ["his", "hms", "hmis", "emr", "openemr", "oh", "tbl", "tb", "t", "fld", "col", "db"];
/// Words that a name is the same without.
const FILLERS: [&str; 6] = ["at", "on", "of", "the", "is", "in"];
/// Words of names that hold something beside what the other words say.
const SIDE_TABLES: [&str; 22] = [
    "log",
    "logs",
    "history",
    "hist",
    "audit",
    "archive",
    "archived",
    "backup",
    "bak",
    "old",
    "tmp",
    "temp",
    "copy",
    "type",
    "types",
    "category",
    "categories",
    "setting",
    "settings",
    "config",
    "template",
    "reminder",
];

/// What that word stands for; none where the dictionary does not have it.
fn meaning(word: &str) -> Option<&'static str> {
    DICTIONARY.iter().find(|(_, words)| words.contains(&word)).map(|(meaning, _)| *meaning)
}

/// Whether that is one of the meanings, and not a word that nobody knows.
pub(super) fn is_known(word: &str) -> bool {
    DICTIONARY.iter().any(|(meaning, _)| *meaning == word)
}

/// Whether a table's name tells of a log, of types, of an old copy.
pub(super) fn is_side_table(name: &str) -> bool {
    split(name).iter().any(|word| SIDE_TABLES.contains(&word.as_str()))
}

/// The words of a name in lower case: parted at what is no letter or digit, before capitals, and between letters and
/// digits.
fn split(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let after_lower = c.is_uppercase() && before.is_some_and(|b| b.is_lowercase());
        let word_after_capitals = c.is_uppercase()
            && before.is_some_and(|b| b.is_uppercase())
            && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        let digits_change = before.is_some_and(|b| b.is_ascii_digit() != c.is_ascii_digit());
        let breaks = after_lower || word_after_capitals || digits_change;
        match words.last_mut() {
            Some(word) if open && !breaks => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
        open = true;
    }
    words
}

/// What the words of a name stand for, each once; words that nobody knows as they are.
pub(super) fn meanings(name: &str) -> Vec<String> {
    meanings_of(&split(name))
}

fn meanings_of(words: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words {
        for meaning in understood(word) {
            if !all.contains(&meaning) {
                all.push(meaning);
            }
        }
    }
    let skipped = |word: &String| FILLERS.contains(&word.as_str()) || PREFIXES.contains(&word.as_str());
    if all.iter().all(skipped) {
        return all;
    }
    all.retain(|word| !skipped(word));
    all
}

/// What one word stands for: itself, a pair, or words that were written together (`starttime`).
fn understood(word: &str) -> Vec<String> {
    if let Some(meaning) = meaning(word) {
        return vec![meaning.to_owned()];
    }
    if let Some((_, pair)) = PAIRS.iter().find(|(w, _)| *w == word) {
        return pair.map(str::to_owned).to_vec();
    }
    let together = word.char_indices().map(|(at, _)| word.split_at(at)).find_map(|(first, rest)| {
        // Shorter beginnings are found in almost any word.
        let first = meaning(first).filter(|_| first.len() >= 3)?;
        let rest = meaning(rest).filter(|_| rest.len() >= 3 || rest == "id")?;
        Some(vec![first.to_owned(), rest.to_owned()])
    });
    together.unwrap_or_else(|| vec![word.to_owned()])
}

/// What each of a table's column names stands for. A beginning that almost all of them share (`VST_`, `pc_`) is not
/// among the words of any; what it stands for comes second.
pub(super) fn of_columns(names: &[&str]) -> (Vec<Vec<String>>, Option<String>) {
    let split: Vec<Vec<String>> = names.iter().map(|name| split(name)).collect();
    let prefix = shared_prefix(&split);
    let words = split.iter().map(|words| match (words.split_first(), &prefix) {
        (Some((first, rest)), Some(prefix)) if first == prefix && !rest.is_empty() => meanings_of(rest),
        _ => meanings_of(words),
    });
    (words.collect(), prefix.as_deref().and_then(meaning).map(str::to_owned))
}

/// The first word of four in five columns, three at least.
fn shared_prefix(columns: &[Vec<String>]) -> Option<String> {
    let firsts = || columns.iter().filter(|words| words.len() > 1).filter_map(|words| words.first());
    let candidate = firsts().max_by_key(|word| firsts().filter(|other| other == word).count())?;
    let sharing = firsts().filter(|other| *other == candidate).count();
    (sharing >= 3 && sharing * 5 >= columns.len() * 4).then(|| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        let check = |name: &str, expected: &[&str]| assert_eq!(meanings(name), expected, "{name}");
        check("HIS_appointment_id", &["appointment", "id"]);
        check("patientId", &["patient", "id"]);
        check("PatientID", &["patient", "id"]);
        check("ApptDate", &["appointment", "date"]);
        check("eventDate", &["appointment", "date"]);
        check("starttime", &["start", "time"]);
        check("STARTTIME", &["start", "time"]);
        check("created_at", &["created"]);
        check("createdAt", &["created"]);
        check("pc_pid", &["pc", "patient", "id"]);
        check("total_amount", &["amount"]);
        check("hometext", &["note"]);
        check("address2", &["address", "2"]);
        check("TERMIN_NR", &["termin", "number"]);
        check("datetime", &["date", "time"]);
        check("appointmentid", &["appointment", "id"]);
        check("paid", &["paid"]);
        check("HIS", &["his"]);
        check("", &[]);
        check("नाम", &["नाम"]);
    }

    #[test]
    fn a_shared_beginning_is_no_word_of_a_column() {
        let check = |names: &[&str], expected: &[&[&str]], prefix: Option<&str>| {
            let (words, found) = of_columns(names);
            assert_eq!(
                (words, found.as_deref()),
                (expected.iter().map(|w| w.iter().map(|s| (*s).to_owned()).collect()).collect(), prefix)
            );
        };
        check(
            &["VST_ID", "VST_PAT_ID", "VST_DATE"],
            &[&["id"], &["patient", "id"], &["date"]],
            Some("appointment"),
        );
        check(&["pc_eid", "pc_pid", "pc_time"], &[&["eid"], &["patient", "id"], &["time"]], None);
        check(&["id", "patient_id", "date"], &[&["id"], &["patient", "id"], &["date"]], None);
        check(&[], &[], None);
    }

    #[test]
    fn no_word_stands_for_two_things() {
        let mut all: Vec<&str> = DICTIONARY.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
