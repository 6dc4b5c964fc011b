//! What to say about keys and values that are not there yet, belong elsewhere, or go by another name elsewhere.
//! Only words: nothing is accepted because of them. Objects go by their names in the JSON Schema.

/// The few lines that a file without `database` lacks.
const DATABASE_LINES: &str =
    r#""database": { "type": "mysql", "host": "...", "user": "...", "password": "...", "database": "..." }"#;
/// The few lines that a file without `mapping` lacks.
const MAPPING_LINES: &str = r#""mapping": { "appointment": { "table": "HIS_appointments", "fields": { "appointment_id": "HIS_appointment_id" } } }"#;

const OF_COLUMN: &str = "belongs to a column; write it in \"fields\", e.g. { \"start_time\": { \"column\": \"HIS_start\", \"format\": \"%d/%m/%Y\" } }";
const OF_COLUMN_LOOKUP: &str = "belongs to a column; write it in \"fields\", e.g. { \"doctor_id\": { \"column\": \"DOC_ID\", \"lookup\": { ... } } }";
const OWN_MAPPING: &str = "cannot differ by operation; write a mapping of its own, e.g. \"appointment.cancelled\", or \"steps\" here";
const OF_TLS: &str =
    "unknown key; it belongs in \"tls\": { \"certificate\": \"fullchain.pem\", \"key\": \"privkey.pem\" }";
const OF_ROW: &str = "belongs to the mapping or step, beside its \"table\"; move it there";
const WHOLE_STRING: &str = "unknown key; write the parts of a connection string as keys of their own: \"host\", \"user\", \
                            \"password\" and \"database\" (Oracle's, without user and password, is \"connect_string\")";

/// Keys that a later version has, or that stand elsewhere.
const NOT_HERE: &[(&str, &str, &str)] = &[
    ("File", "admin", "not supported yet; remove it: this version has no status page"),
    ("Database", "connection_string", WHOLE_STRING),
    ("Database", "connectionString", WHOLE_STRING),
    ("Database", "ConnectionString", WHOLE_STRING),
    (
        "Database",
        "trust_server_certificate",
        "unknown key; \"tls\": \"require\" encrypts and does not check the server's certificate, \"verify\" checks it",
    ),
    ("Mapping", "lookup", OF_COLUMN_LOOKUP),
    ("Mapping", "format", OF_COLUMN),
    ("Mapping", "default_from", OF_COLUMN),
    ("Operation", "lookup", OF_COLUMN_LOOKUP),
    ("Operation", "format", OF_COLUMN),
    ("Operation", "default_from", OF_COLUMN),
    ("Operation", "generated_key", OF_ROW),
    ("Operation", "name", OF_ROW),
    ("Operation", "sql", OWN_MAPPING),
    ("Operation", "repeatable", OWN_MAPPING),
    ("Operation", "on", "does not go into itself; write each operation beside the others"),
    (
        "Operation",
        "table",
        "an operation is written to its mapping's table; for another table write a mapping of its own, \
         e.g. \"appointment.cancelled\"",
    ),
    (
        "Column",
        "concat",
        "stands beside \"fields\": \"concat\": { \"PATIENT_NAME\": \"{first_name} {last_name}\" }",
    ),
    ("Concat", "format", "stands in the text, after a colon: \"{start_time:%d/%m/%Y}\""),
    ("Concat", "column", "is the name on the left: \"concat\": { \"PATIENT_NAME\": { \"text\": \"...\" } }"),
    ("Server", "cert", OF_TLS),
    ("Server", "certificate", OF_TLS),
    ("Server", "key", OF_TLS),
    ("Server", "port", "unknown key; the port is a part of \"listen\": \"127.0.0.1:5000\""),
    ("Server", "host", "unknown key; the address is a part of \"listen\": \"127.0.0.1:5000\""),
];

/// What a key is called elsewhere, and here.
const OTHER_NAMES: &[(&str, &[&str], &str)] = &[
    ("File", &["mappings", "events", "tables"], "mapping"),
    ("File", &["db", "connection"], "database"),
    ("File", &["log", "logs"], "logging"),
    ("Database", &["username", "login", "uid", "user_name"], "user"),
    ("Database", &["pass", "pwd", "secret"], "password"),
    (
        "Database",
        &["server", "hostname", "address", "url", "data_source", "datasource", "server_name"],
        "host",
    ),
    (
        "Database",
        &[
            "db",
            "dbname",
            "name",
            "db_name",
            "database_name",
            "initial_catalog",
            "catalog",
            "service",
            "service_name",
        ],
        "database",
    ),
    ("Database", &["instance_name", "named_instance"], "instance"),
    (
        "Database",
        &[
            "trusted_connection",
            "integrated_security",
            "windows_auth",
            "windows_authentication",
            "domain_login",
            "sspi",
        ],
        "windows_login",
    ),
    ("Database", &["owner", "default_schema", "current_schema"], "schema"),
    (
        "Database",
        &["dsn", "tns", "tns_name", "tns_alias", "descriptor", "connect_descriptor"],
        "connect_string",
    ),
    (
        "Database",
        &[
            "client",
            "client_path",
            "client_lib_dir",
            "instant_client",
            "lib_dir",
            "library_path",
            "oracle_home",
        ],
        "client_dir",
    ),
    ("Database", &["driver", "engine", "dialect", "kind"], "type"),
    ("Database", &["ssl", "ssl_mode", "encrypt"], "tls"),
    ("Database", &["ca", "ssl_ca", "certificate"], "ca_file"),
    ("Database", &["tz", "time_zone"], "timezone"),
    ("Mapping", &["columns", "field", "map", "mapping"], "fields"),
    ("Mapping", &["primary_key", "id", "match", "unique"], "key"),
    ("Mapping", &["operation", "operations"], "on"),
    ("Mapping", &["where", "condition", "conditions", "filter", "if"], "when"),
    ("Mapping", &["values", "fixed", "defaults"], "constants"),
    (
        "Mapping",
        &["auto_increment", "autoincrement", "identity", "serial", "generated", "generated_id"],
        "generated_key",
    ),
    ("Mapping", &["procedure", "stored_procedure", "query", "statement", "call", "command"], "sql"),
    ("Mapping", &["template", "join", "text", "texts", "concatenate"], "concat"),
    ("Mapping", &["on_missing", "if_missing", "missing"], "missing_row"),
    ("Mapping", &["guard", "mark"], "marker"),
    ("Mapping", &["idempotent", "repeat"], "repeatable"),
    ("Mapping", &["step", "tables", "rows", "sequence"], "steps"),
    ("Operation", &["columns", "field", "map", "mapping"], "fields"),
    ("Operation", &["where", "condition", "conditions", "filter", "if"], "when"),
    ("Operation", &["values", "fixed"], "constants"),
    ("Operation", &["template", "join", "text", "texts", "concatenate"], "concat"),
    ("Column", &["name", "field", "target", "to"], "column"),
    ("Column", &["codes", "map", "mapping", "translate"], "values"),
    ("Column", &["tz", "time_zone"], "timezone"),
    ("Column", &["cut"], "truncate"),
    ("Column", &["pattern", "date_format", "mask"], "format"),
    ("Column", &["fallback", "or_from", "else_from", "otherwise"], "default_from"),
    ("Column", &["reference", "ref", "references", "foreign_key"], "lookup"),
    ("Concat", &["template", "value", "concat"], "text"),
    ("Concat", &["tz", "time_zone"], "timezone"),
    ("Concat", &["cut"], "truncate"),
    ("Lookup", &["from", "ref", "in"], "table"),
    ("Lookup", &["key", "column", "by", "find", "code"], "match"),
    ("Lookup", &["id", "get", "value", "select", "return", "returns"], "take"),
    ("Lookup", &["default", "else", "not_found", "on_missing", "missing_row"], "missing"),
    ("Lookup", &["when", "filter", "constants", "condition", "conditions"], "where"),
    ("MarkerTable", &["name", "field"], "column"),
    (
        "Server",
        &["max_connections_per_ip", "connections_per_address", "connections_per_ip"],
        "max_connections_per_address",
    ),
    ("Server", &["rate_limit", "requests_per_second", "max_requests"], "max_requests_per_second"),
    ("Server", &["ssl", "https"], "tls"),
    ("ServerTls", &["cert", "certificate_file", "cert_file", "chain", "fullchain"], "certificate"),
    ("ServerTls", &["private_key", "key_file", "keyfile", "privkey"], "key"),
    (
        "Auth",
        &["token", "tokens", "bearer", "bearer_token", "api_key", "api_keys", "api_token", "auth_token"],
        "bearer_tokens",
    ),
    (
        "Auth",
        &[
            "secret",
            "secrets",
            "signing_secret",
            "webhook_secret",
            "webhook_secrets",
            "hmac",
            "hmac_secret",
            "signature",
        ],
        "signing_secrets",
    ),
    (
        "Auth",
        &[
            "allow_list",
            "allowlist",
            "whitelist",
            "allowed_ips",
            "allow",
            "allow_from",
            "ip_allowlist",
            "networks",
        ],
        "allowed_addresses",
    ),
    ("Auth", &["proxies", "trusted_proxy", "trust_proxy", "real_ip_from"], "trusted_proxies"),
    ("Auth", &["required", "mode"], "require"),
    ("NamedSecret", &["token", "value", "text", "key", "password"], "secret"),
    ("NamedSecret", &["label", "title", "id"], "name"),
    ("SecretFrom", &["environment", "variable", "var", "env_var"], "env"),
    ("SecretFrom", &["path"], "file"),
    ("SecretFrom", &["credentials", "cred", "systemd"], "credential"),
    ("SecretFrom", &["protected", "windows"], "dpapi"),
    ("Queue", &["encryption", "encrypted"], "encrypt"),
    ("Queue", &["key_file", "encryption_key", "master_key"], "key"),
    ("Queue", &["keep_parked", "parked_days"], "keep_parked_days"),
    ("Queue", &["keep_audit", "audit_days"], "keep_audit_days"),
    ("Sync", &["cron", "interval"], "schedule"),
    ("Sync", &["batch", "batch_size"], "batch_events"),
    ("Logging", &["dir", "folder", "path"], "directory"),
    ("Queue", &["file"], "path"),
];

/// Values that a key does not take, with what to write instead.
const VALUES: &[(&str, &[&str], &str)] = &[
    (
        "DatabaseType",
        &[
            "mssql",
            "ms sql",
            "ms-sql",
            "ms sql server",
            "microsoft sql server",
            "mssqlserver",
            "mssql-server",
            "sqlsrv",
            "sqlexpress",
            "sql express",
            "tsql",
        ],
        "write \"sqlserver\"",
    ),
    (
        "DatabaseType",
        &["oracledb", "oracle db", "oracle database", "oracle xe", "oracle free", "ora", "oci", "oci8"],
        "write \"oracle\"",
    ),
    (
        "DatabaseType",
        &["postgres", "postgresql", "db2", "informix", "firebird", "sybase", "access", "dbf", "odbc", "jdbc"],
        "not supported; this program writes to \"mysql\" (MySQL and MariaDB), \"sqlserver\" and \"oracle\"",
    ),
    ("DatabaseType", &["mariadb"], "write \"mysql\", which is for MariaDB too"),
    (
        "Tls",
        &["true", "on", "required"],
        "write \"require\", or \"verify\" to check the server's certificate too",
    ),
    ("Tls", &["false", "none", "disable", "disabled"], "write \"off\""),
    ("Level", &["warning"], "write \"warn\""),
    ("Require", &["both", "and"], "write \"all\""),
    ("Require", &["one", "either", "or"], "write \"any\""),
];

/// What to say about a key that this version has no use for there.
pub(crate) fn not_here(object: &str, key: &str) -> Option<&'static str> {
    NOT_HERE.iter().find(|(o, k, _)| *o == object && *k == key).map(|(_, _, text)| *text)
}

/// The key that is meant by a name from elsewhere.
pub(crate) fn other_name(object: &str, key: &str) -> Option<&'static str> {
    let key = key.to_lowercase();
    OTHER_NAMES
        .iter()
        .find(|(o, names, _)| *o == object && names.contains(&key.as_str()))
        .map(|(_, _, right)| *right)
}

/// What to say about a value that is not among the allowed ones.
pub(crate) fn value(kind: &str, value: &str) -> Option<&'static str> {
    let value = value.to_lowercase();
    VALUES
        .iter()
        .find(|(k, values, _)| *k == kind && values.contains(&value.as_str()))
        .map(|(_, _, text)| *text)
}

/// What to say where a required key is not there.
pub(crate) fn missing(object: &str, key: &str) -> String {
    let line = match (object, key) {
        ("File", "database") => DATABASE_LINES,
        ("File", "mapping") => MAPPING_LINES,
        ("Database", "type") => "\"type\": \"mysql\" (MySQL and MariaDB; else \"sqlserver\" or \"oracle\")",
        ("ServerTls", "certificate") => "the certificate's file, \"certificate\": \"fullchain.pem\"",
        ("ServerTls", "key") => "the certificate's private key, \"key\": \"privkey.pem\"",
        ("NamedSecret", "name") => {
            "a name, \"name\": \"buktor 2026\", or write the secret alone, without { }"
        }
        ("NamedSecret", "secret") => "\"secret\": \"...\", as `buktor-middleware secret new` prints it",
        ("Column", "column") => "\"column\": \"HIS_...\"",
        ("Concat", "text") => "\"text\": \"{first_name} {last_name}\"",
        ("Lookup", "table") => "the table to look in, \"table\": \"HIS_...\"",
        ("Lookup", "match") => "the column that holds the event's value, \"match\": \"HIS_...\"",
        ("Lookup", "take") => "the column whose value is written, \"take\": \"HIS_...\"",
        ("MarkerTable", "table") => "\"table\": \"HIS_...\"",
        ("MarkerTable", "column") => "the text column in it, \"column\": \"HIS_...\"",
        _ => return "is missing; add it".to_owned(),
    };
    format!("is missing; add {line}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::schema::schema;

    #[test]
    fn advice_is_about_objects_and_keys_that_exist() {
        let schema = schema();
        let properties = |object: &str| -> BTreeSet<String> {
            let of = if object == "File" { &schema } else { &schema["$defs"][object] };
            of["properties"].as_object().unwrap_or_else(|| panic!("{object}")).keys().cloned().collect()
        };
        for (object, key, _) in NOT_HERE {
            assert!(!properties(object).contains(*key), "{object}.{key} is supported");
        }
        for (object, others, right) in OTHER_NAMES {
            assert!(properties(object).contains(*right), "{object}.{right}");
            for other in *others {
                assert!(!properties(object).contains(*other), "{object}.{other} is supported");
                assert!(not_here(object, other).is_none(), "{object}.{other} is told twice");
            }
        }
        for (kind, _, _) in VALUES {
            assert!(schema["$defs"][kind].is_object(), "{kind}");
        }
    }
}
