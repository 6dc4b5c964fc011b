//! Whole configuration files, right and wrong. What a message says is tested here, because the message is the product.

use std::{ffi::OsString, net::SocketAddr, path::Path, time::Duration};

use proptest::prelude::*;
use serde_json::Value;

use crate::{
    config::{Config, ConfigError, Engine, Tls},
    limits::BATCH_EVENTS_DEFAULT,
    model::{
        event::EventKind,
        mapping::{Action, Builtin, Rule, Step, WriteRule},
    },
};

/// The two fragments of the manual, joined.
const MANUAL: &str = r#"{
  "database": {
    "type": "mysql",
    "host": "your-mysql-host",
    "user": "your-user",
    "password": "your-password",
    "database": "his_database"
  },
  "mapping": {
    "appointment": {
      "table": "HIS_appointments",
      "fields": {
        "appointment_id": "HIS_appointment_id",
        "status": "HIS_status",
        "received_at": "HIS_created_at"
      }
    },
    "schedule_change": {
      "table": "HIS_schedules",
      "fields": {
        "schedule_id": "HIS_schedule_id",
        "new_time": "HIS_new_time",
        "updated_at": "HIS_updated_at"
      }
    },
    "payment": {
      "table": "HIS_payments",
      "fields": {
        "payment_id": "HIS_payment_id",
        "amount": "HIS_amount",
        "status": "HIS_payment_status",
        "paid_at": "HIS_paid_at"
      }
    }
  }
}
"#;

const DATABASE: &str =
    r#"{"type": "mysql", "host": "db", "user": "u", "password": "hunter2", "database": "his"}"#;
pub(super) const MAPPING: &str = r#"{"appointment": {"table": "A", "fields": {"appointment_id": "ID"}}}"#;
pub(super) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/his-config.example.json");

fn folder() -> &'static Path {
    if cfg!(windows) { Path::new(r"C:\his") } else { Path::new("/his") }
}

pub(super) fn parse_with(bytes: &[u8], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let get =
        |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    Config::parse(bytes, &folder().join("his-config.json"), &get)
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    parse_with(text.as_bytes(), &[])
}

pub(super) fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// A right file with these sections besides.
pub(super) fn with(sections: &str) -> String {
    format!("{{{sections},\n\"database\": {DATABASE},\n\"mapping\": {MAPPING}}}")
}

/// A right file with this `database`.
pub(super) fn database(inner: &str) -> String {
    format!("{{\"database\": {{{inner}}},\n\"mapping\": {MAPPING}}}")
}

/// A right file whose `database` has these keys besides.
pub(super) fn mysql(more: &str) -> String {
    let base = DATABASE.trim_end_matches('}');
    format!("{{\"database\": {base}, {more}}},\n\"mapping\": {MAPPING}}}")
}

/// A right file with these mappings.
pub(super) fn mapping(inner: &str) -> String {
    format!("{{\"database\": {DATABASE},\n\"mapping\": {{{inner}}}}}")
}

/// A right file whose one mapping has these keys besides a table.
pub(super) fn appointment(inner: &str) -> String {
    mapping(&format!("\"appointment\": {{\"table\": \"A\", {inner}}}"))
}

/// Each problem must begin with its path and hold a part; none may be over, and none may show the password.
pub(super) fn check(text: &str, expected: &[(&str, &str)]) {
    let error = parse(text).err().unwrap_or_else(|| panic!("no problem in {text}"));
    let shown = error.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    for (at, part) in expected {
        assert!(
            error.problems.iter().any(|p| p.at.to_string() == *at && p.message.contains(part)),
            "no `{at}: {part}` for {text}:\n{shown}"
        );
    }
    assert_eq!(error.problems.len(), expected.len(), "{text}:\n{shown}");
    assert!(error.problems.iter().all(|p| p.place.is_some()), "{shown}");
}

pub(super) fn rule<'a>(config: &'a Config, kind: &str, on: Option<&str>) -> &'a Rule {
    let mapping = config.mappings.find(&EventKind(kind.to_owned()), None).unwrap();
    on.map_or(&mapping.rule, |operation| &mapping.on[operation])
}

pub(super) fn steps<'a>(config: &'a Config, kind: &str, on: Option<&str>) -> &'a [Step] {
    match rule(config, kind, on) {
        Rule::Write(write) => &write.steps,
        Rule::Ignore => panic!("{kind} is ignored"),
    }
}

pub(super) fn step<'a>(config: &'a Config, kind: &str, on: Option<&str>) -> &'a Step {
    &steps(config, kind, on)[0]
}

pub(super) fn columns(step: &Step) -> Vec<&str> {
    step.fields.iter().map(|f| f.column.0.as_str()).collect()
}

#[test]
fn the_manuals_two_fragments_joined_load_with_all_defaults() {
    let config = good(MANUAL);
    assert_eq!(config.server.listen, SocketAddr::from(([127, 0, 0, 1], 5000)));
    assert_eq!(config.server.body_bytes_max, 1024 * 1024);
    assert_eq!(config.server.header_time, Duration::from_secs(15));
    assert!(
        !config.server.reject_unmapped && !config.auth.allow_unauthenticated && !config.queue.replace_damaged
    );
    assert_eq!(config.queue.path, folder().join("buktor-queue.db"));
    assert_eq!(config.queue.keep_applied, Duration::from_hours(30 * 24));
    assert_eq!(config.sync.schedule, "*/5 * * * * *");
    assert_eq!(config.logging.directory, Some(folder().join("logs")));
    assert_eq!(config.logging.level, tracing::Level::INFO);
    let Engine::MySql(network) = &config.database.engine else { panic!("{config:?}") };
    assert_eq!((network.host.as_str(), network.port, network.tls), ("your-mysql-host", 3306, Tls::Prefer));
    assert_eq!(network.password.expose(), "your-password");
    assert!(!format!("{config:?}").contains("your-password"));

    let payment = step(&config, "payment", None);
    assert_eq!(payment.action(), Some(Action::Upsert));
    assert_eq!(columns(payment), ["HIS_payment_id", "HIS_amount", "HIS_payment_status", "HIS_paid_at"]);
    let appointment = step(&config, "appointment.created", None);
    assert_eq!(appointment.table().unwrap().0, "HIS_appointments");
    assert_eq!(appointment.key, None);
    let received = &appointment.fields[2];
    assert_eq!(
        (received.source().unwrap().builtin, received.write),
        (Some(Builtin::ReceivedAt), WriteRule::InsertOnly)
    );
    assert_eq!(config.place(&received.at), Some((15, 9)));
    assert_eq!(config.place("mapping.appointment.nothing"), Some((10, 5)));
}

#[test]
fn the_environment_gives_folders_and_secrets() {
    let text = database(
        r#""type": "mysql", "host": "db:3307", "user": "u", "password": {"env": "PW"}, "database": "his""#,
    );
    let state = if cfg!(windows) { r"C:\state" } else { "/state:/other" };
    let environment = [("PW", "s3"), ("STATE_DIRECTORY", state), ("LOGS_DIRECTORY", state)];
    let config = parse_with(text.as_bytes(), &environment).unwrap();
    let Engine::MySql(network) = &config.database.engine else { panic!("{config:?}") };
    assert_eq!((network.password.expose(), network.port), ("s3", 3307));
    if cfg!(unix) {
        assert_eq!(config.queue.path, Path::new("/state/buktor-queue.db"));
        assert_eq!(config.logging.directory.as_deref(), Some(Path::new("/state")));
    }
    assert!(parse_with(text.as_bytes(), &[]).unwrap_err().to_string().contains("PW is not set"));
}

#[test]
fn values_that_are_right_load() {
    let config = good(&with(
        r#""server": {"listen": "0.0.0.0:0", "unmapped": "reject"}, "auth": {"allow_unauthenticated": true},
           "sync": {"schedule": "0 */2 * * * *", "quiet_hours": "22:00-24:00"}, "logging": {"directory": null, "format": "json"}"#,
    ));
    assert!(config.server.reject_unmapped && config.logging.json);
    assert_eq!(config.logging.directory, None);
    assert_eq!(config.sync.quiet_hours.len(), 1);
    assert_eq!(good(&with(r#""server": {"listen": "localhost:5000"}"#)).server.listen.port(), 5000);
    assert_eq!(good(&with(r#""server": {"listen": "[::1]:5000"}"#)).server.listen.port(), 5000);
    let config = good(&database(r#""type": "sqlite", "path": "data/his.db", "timezone": "UTC""#));
    let Engine::Sqlite { path } = &config.database.engine else { panic!("{config:?}") };
    assert_eq!(*path, folder().join("data/his.db"));
    let config =
        good(&mysql(r#""tls": "verify", "ca_file": "ca.pem", "port": 3306, "statement_timeout_s": 2"#));
    assert_eq!(config.database.lock_time, Duration::from_secs(2));
    // A byte order mark, Windows line ends and Windows paths are all fine.
    let text = with("\r\n\"queue\": {\"path\": \"C:\\\\Buktor\\\\queue.db\"}");
    assert!(parse_with(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), &[]).is_ok());
}

#[test]
fn files_that_are_no_configuration() {
    check("", &[("", "the file is empty")]);
    check("[]", &[("", "the file must hold an object, { \"database\"")]);
    check("5", &[("", "not a number")]);
    check("\0\0", &[("", "NUL")]);
    check(
        "{}",
        &[("database", "is missing; add \"database\": {"), ("mapping", "is missing; add \"mapping\": {")],
    );
    check(&"[".repeat(200_000), &[("", "too deep")]);
    check(&with("\"queue\": {\"path\": \"C:\\data\\queue.db\"}"), &[("", "a single backslash")]);
    check("{\"database\": {}}\n{\"mapping\": {}}", &[("", "join the two")]);
    check(&mapping("\"a\": {},"), &[("", "nothing follows this comma")]);
    let bytes = |bytes: &[u8], place, part: &str| {
        let error = parse_with(bytes, &[]).unwrap_err();
        assert!(error.problems[0].message.contains(part), "{error}");
        assert_eq!(error.problems[0].place, Some(place), "{error}");
    };
    bytes(b"\xff\xfe{\0}\0", (1, 1), "save it as UTF-8");
    bytes(b"\xfe\xff\0{\0}", (1, 1), "save it as UTF-8");
    bytes(b"{\0}\0", (1, 1), "save it as UTF-8");
    bytes(b"{\n\"\xc3\xa9\xe9\": 1}", (2, 3), "not UTF-8");
}

#[test]
fn all_mistakes_are_told_at_once_in_their_order() {
    let text = r#"{
  "database": {
    "type": "mysql",
    "host": "db",
    "user": "u",
    "pasword": "hunter2",
    "database": "his",
    "database": "his2",
    "timezone": "Asia/Kolkatta"
  },
  "sync": {"schedule": "*/5 * * * *", "batch_events": "10"},
  "mapping": {
    "appointment": {
      "table": "HIS_appointments",
      "fields": {
        "appointment_id": "HIS_appointment_id",
        "patient_info.patient_id": {"column": "HIS_patient", "timezone": "Nowhere/City"},
        "ünïcode": 5, "status": {"column": "HIS_status", "lookup": {}}
      },
      "key": "appointmentid"
    },
    "payment": {"table": "P", "fields": {"payment_id": "ID"}, "on": {"deleted": {}}}
  }
}"#;
    let error = parse(text).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&folder().join("").display().to_string(), "").replace(&BATCH_EVENTS_DEFAULT.to_string(), "DEFAULT"), @r#"
    his-config.json:6:5: database.pasword: unknown key; did you mean "password"?
    his-config.json:8:5: database.database: this key stands twice, on line 7 and on line 8; keep one of them (the last would win)
    his-config.json:9:5: database.timezone: "Asia/Kolkatta" is no IANA time zone; did you mean "Asia/Kolkata"?
    his-config.json:11:12: sync.schedule: "*/5 * * * *" has five fields; seconds come first, so write "0 */5 * * * *" to have it at second 0
    his-config.json:11:39: sync.batch_events: must be a whole number, e.g. DEFAULT, not text; leave out the quotes
    his-config.json:17:62: mapping.appointment.fields.patient_info.patient_id.timezone: "Nowhere/City" is no IANA time zone; write a name such as "Asia/Kolkata" (no offset, no abbreviation, no Windows name)
    his-config.json:18:9: mapping.appointment.fields.ünïcode: must be text in double quotes, an object in { } or a list in [ ], not a number; put it in double quotes
    his-config.json:18:58: mapping.appointment.fields.status.lookup.match: is missing; add the column that holds the event's value, "match": "HIS_..."
    his-config.json:18:58: mapping.appointment.fields.status.lookup.table: is missing; add the table to look in, "table": "HIS_..."
    his-config.json:18:58: mapping.appointment.fields.status.lookup.take: is missing; add the column whose value is written, "take": "HIS_..."
    his-config.json:20:7: mapping.appointment.key: "appointmentid" is not among "fields"; did you mean "appointment_id"?
    his-config.json:22:70: mapping.payment.on.deleted: says nothing about the deletion; write { "action": "delete" }, what to mark, e.g. { "constants": { "HIS_status": "X" } }, or { "ignore": true }
    12 problems in the configuration
    "#);
}

#[test]
fn a_file_is_read_from_disk_or_told_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("his-config.json");
    let error = |path: &Path| Config::load(path).unwrap_err().to_string();
    assert!(error(&path).contains("his-config.json: not found"), "{}", error(&path));
    assert!(error(dir.path()).contains("is a folder; name the file in it"), "{}", error(dir.path()));
    std::fs::write(&path, format!("{{{}}}", " ".repeat(5 << 20))).unwrap();
    assert!(error(&path).contains("larger than 4 MiB"), "{}", error(&path));
    std::fs::write(&path, mapping("\"a\": {\"ignore\": true}")).unwrap();
    let config = Config::load(&path).unwrap();
    assert_eq!(config.path, path);
    assert_eq!(config.queue.path, dir.path().join("buktor-queue.db"));
}

#[test]
fn a_big_file_is_checked_in_reasonable_time_and_shown_in_part() {
    let wrong: Vec<String> =
        (0..20_000).map(|i| format!(r#""event{i}": {{"tabel": "T", "fields": {{"x": "X"}}}}"#)).collect();
    let error = parse(&mapping(&wrong.join(","))).unwrap_err();
    assert_eq!(error.problems.len(), 20_000);
    let shown = error.to_string();
    assert_eq!(shown.lines().count(), 101);
    assert!(shown.ends_with("20000 problems in the configuration, the first 100 are shown"));
    let deep = format!("{{\"server\": {}1{}}}", "{\"a\":".repeat(100), "}".repeat(100));
    assert!(parse(&deep).is_err());
}

/// Every key that a mapping can have, which the example does not.
const EVERYTHING: &str = r##"{
  "a": {"name": "p", "table": "A", "generated_key": "NO", "missing_row": "insert", "marker": "REF", "key": ["x", "y.z"],
    "fields": {"d": {"column": "D", "format": "%d/%m/%Y", "default_from": ["e", "f"], "default": null, "timezone": "UTC"},
               "n": [{"column": "N", "format": "#,##0.00"}, {"column": "L", "write": "if_null",
                      "lookup": {"table": "T", "match": "M", "take": "K", "missing": null, "where": {"ACTIVE": 1}}}]},
    "concat": {"C": "{a} {b:%H:%M}", "O": {"text": "{{{a:000}}}", "truncate": true, "write": "insert_only", "timezone": "UTC"}},
    "on": {"deleted": {"concat": {"C": "{a}"}, "missing_row": "park", "marker": "REF2"},
           "moved": {"steps": [{"table": "B", "action": "insert", "fields": {"x": "X"}, "marker": {"table": "M", "column": "R"}}]}}},
  "b": {"sql": "CALL f(:x, :$event_id, :t, :c)", "fields": {"start": {"column": "t", "format": "%H:%M"}}, "concat": {"c": "{a}"},
    "marker": {"table": "M", "column": "R"}, "on": {"deleted": {}}},
  "c": {"sql": "UPDATE X SET a = :a", "repeatable": true},
  "d": {"steps": [{"name": "p", "table": "A", "generated_key": "NO", "fields": {"x": "X"}, "on": {"seen": {"ignore": true}}},
                  {"sql": "CALL g(:$p.generated_key, :n)", "constants": {"n": 1}, "repeatable": true},
                  {"table": "B", "key": "y", "fields": {"y": "Y", "$p.generated_key": "P", "$p.X": ["X", "X2"]}, "on": {"deleted": {"action": "delete"}}}],
        "on": {"gone": {"ignore": true}, "moved": {"steps": [{"table": "B", "fields": {"b_id": "ID"}}]}}}
}"##;

/// The file that is changed at random.
fn whole_file() -> Value {
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(EXAMPLE).unwrap()).unwrap();
    let more: Value = serde_json::from_str(EVERYTHING).unwrap();
    file["mapping"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

#[test]
fn every_key_of_a_mapping_loads() {
    let config = good(&whole_file().to_string());
    assert!(config.mappings.by_kind.len() > 8);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![
            ".{0,4}",
            Just("column".to_owned()),
            Just("env".to_owned()),
            Just("action".to_owned()),
            Just("steps".to_owned()),
            Just("table".to_owned()),
            Just("$p.generated_key".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn walk(value: &Value, at: String, into: &mut Vec<String>) {
    for (key, child) in value.as_object().into_iter().flatten() {
        walk(child, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), into);
    }
    for (i, child) in value.as_array().into_iter().flatten().enumerate() {
        walk(child, format!("{at}/{i}"), into);
    }
    into.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a file has become, reading it ends in a configuration or in problems, and what is right in form is decoded.
    #[test]
    fn mutated_text_never_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "\\PC|[\\x00-\\x20\"{}\\[\\],:0-9]"), 1..6)) {
        let mut chars: Vec<char> = serde_json::to_string_pretty(&whole_file()).unwrap().chars().collect();
        for (index, kind, with) in edits {
            let at = index.index(chars.len());
            match kind {
                0 => { chars.remove(at); }
                1 => chars.splice(at..at, with.chars()).for_each(drop),
                _ => chars.splice(at..=at, with.chars()).for_each(drop),
            }
        }
        let text: String = chars.into_iter().collect();
        if let Err(error) = parse(&text) {
            prop_assert!(!error.to_string().contains("please report this"), "{error}");
            prop_assert!(!error.problems.is_empty());
        }
    }

    /// The same with values of any type in any place, which is always JSON.
    #[test]
    fn mutated_values_never_panic(at in any::<prop::sample::Index>(), with in value()) {
        let mut file = whole_file();
        let mut pointers = Vec::new();
        walk(&file, String::new(), &mut pointers);
        *file.pointer_mut(&pointers[at.index(pointers.len())]).unwrap() = with;
        if let Err(error) = parse(&file.to_string()) {
            prop_assert!(!error.to_string().contains("please report this"), "{error}");
            prop_assert!(!error.problems.is_empty());
        }
    }
}
