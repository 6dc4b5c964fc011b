//! What `database` may say, for each type: whole files, right and wrong.

use crate::config::{
    Engine, OracleAddress, OracleTarget, SqlServer, SqlServerAt, SqlServerLogin,
    tests::{check, database, good, mysql},
};

#[test]
fn types_by_other_names() {
    let kind = |written: &str, part: &str| {
        check(&database(&format!(r#""type": "{written}""#)), &[("database.type", part)]);
    };
    kind("MSSQLSERVER", "write \"sqlserver\"");
    kind("mssql", "write \"sqlserver\"");
    kind("SQL Server", "did you mean \"sqlserver\"?");
    kind("sqlsrv", "write \"sqlserver\"");
    kind("OracleDB", "write \"oracle\"");
    kind("ora", "write \"oracle\"");
    kind("postgresql", "not supported; this program writes to");
}

#[test]
fn mistakes_in_the_database() {
    check(
        &database(""),
        &[("database.type", "is missing; add \"type\": \"mysql\" (MySQL and MariaDB; else \"sqlserver\"")],
    );
    check(
        &database(r#""type": "MariaDB""#),
        &[("database.type", "write \"mysql\", which is for MariaDB too")],
    );
    check(&database(r#""type": "MySQL""#), &[("database.type", "did you mean \"mysql\"?")]);
    check(
        &database(r#""type": "mysql""#),
        &[
            ("database.host", "is missing"),
            ("database.user", "is missing"),
            ("database.password", "is missing"),
            ("database.database", "is missing"),
        ],
    );
    check(
        &database(r#""type": "mysql", "host": "db", "username": "u", "pasword": "hunter2", "db": "his""#),
        &[
            ("database.username", "did you mean \"user\"?"),
            ("database.pasword", "did you mean \"password\"?"),
            ("database.db", "did you mean \"database\"?"),
        ],
    );
    check(&database(r#""type": "sqlite""#), &[("database.path", "is missing; add the database file")]);
    check(
        &database(r#""type": "sqlite", "path": "x.db", "host": "db", "password": "hunter2", "tls": "off""#),
        &[
            ("database.host", "belongs to the types \"mysql\", \"sqlserver\" and \"oracle\""),
            ("database.password", "write the right \"type\""),
            ("database.tls", "belongs to the types \"mysql\""),
        ],
    );
    check(&mysql(r#""path": "x""#), &[("database.path", "belongs to the type \"sqlite\"")]);
    check(&mysql(r#""instance": "SQL1""#), &[("database.instance", "belongs to the type \"sqlserver\"")]);
    check(&mysql(r#""sid": "X""#), &[("database.sid", "belongs to the type \"oracle\"")]);
    check(&mysql(r#""schema": "dbo""#), &[("database.schema", "write its name as \"database\"")]);
    check(
        &mysql(r#""host": "db:3307", "port": 3306"#),
        &[("database.host", "stands twice"), ("database.port", "is 3306, but \"host\" says 3307")],
    );
    check(&mysql(r#""port": 0"#), &[("database.port", "from 1 to 65535, not 0")]);
    check(&mysql(r#""tls": true"#), &[("database.tls", "write \"require\"")]);
    check(&mysql(r#""tls": "on""#), &[("database.tls", "write \"require\"")]);
    check(&mysql(r#""ca_file": "ca.pem""#), &[("database.ca_file", "write \"tls\": \"verify\"")]);
    check(&mysql(r#""tls": "vrify", "ca_file": "ca.pem""#), &[("database.tls", "did you mean \"verify\"?")]);
    check(
        &mysql(r#""statement_timeout_s": 5, "lock_timeout_s": 6"#),
        &[("database.lock_timeout_s", "write at most 5")],
    );
}

#[test]
fn wrong_values_of_keys_that_all_types_have() {
    let zone = |zone: &str, part: &str| {
        check(&mysql(&format!(r#""timezone": "{zone}""#)), &[("database.timezone", part)]);
    };
    zone("Asia/Kolkatta", "did you mean \"Asia/Kolkata\"?");
    zone("asia/kolkata", "did you mean \"Asia/Kolkata\"?");
    zone("New York", "did you mean \"America/New_York\"?");
    zone("+05:30", "write a name such as");
    zone("India Standard Time", "no Windows name");
    let network = |host: &str, password: &str, part: &str, at: &str| {
        let text = format!(
            r#""type": "mysql", "host": "{host}", "user": "u", "password": {password}, "database": "his""#
        );
        check(&database(&text), &[(at, part)]);
    };
    network("mysql://u:hunter2@db/his", "\"x\"", "have keys of their own", "database.host");
    network(r"HIS\\SQL1", "\"x\"", "belongs to SQL Server", "database.host");
    network("db:99999", "\"x\"", "no number from 1 to 65535", "database.host");
    network("", "\"x\"", "must be the server's name", "database.host");
    network(
        "db",
        "1234567",
        "text in double quotes or an object in { }, not a number; put it in double quotes",
        "database.password",
    );
    network(
        "db",
        "{\"env\": \"BUKTOR_TEST_UNSET\"}",
        "variable BUKTOR_TEST_UNSET is not set",
        "database.password",
    );
    network(
        "db",
        "{\"env\": \"hunter2 \"}",
        "must be the name of an environment variable",
        "database.password",
    );
    network("db", "{\"file\": \"no-such-file\"}", "cannot be read", "database.password");
    network("db", "{}", "exactly one of", "database.password");
    network("db", "{\"enf\": \"X\"}", "did you mean \"env\"?", "database.password.enf");
}

/// A right `database` of SQL Server without its place.
const SQL_LOGIN: &str = r#""type": "sqlserver", "user": "u", "password": "hunter2", "database": "HIS""#;
/// A right `database` of Oracle without its place.
const ORACLE_LOGIN: &str = r#""type": "oracle", "user": "u", "password": "hunter2""#;

fn sqlserver(inner: &str) -> SqlServer {
    match good(&database(&format!("{SQL_LOGIN}, {inner}"))).database.engine {
        Engine::SqlServer(place) => place,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sql_server_is_found_as_hospitals_write_it() {
    let at = |inner: &str, host: &str, expected: SqlServerAt| {
        let place = sqlserver(inner);
        assert_eq!((place.host.as_str(), place.at), (host, expected), "{inner}");
    };
    let host = |written: &str, host: &str, expected: SqlServerAt| {
        at(&format!(r#""host": "{written}""#), host, expected);
    };
    let port = SqlServerAt::Port;
    let instance = |name: &str| SqlServerAt::Instance(name.to_owned());
    host("db", "db", port(1433));
    host("192.168.1.20:1444", "192.168.1.20", port(1444));
    host("db,1444", "db", port(1444));
    host("db, 1444", "db", port(1444));
    host("tcp:db,1444", "db", port(1444));
    host("TCP: db", "db", port(1433));
    host("[::1],1444", "::1", port(1444));
    host("::1", "::1", port(1433));
    host(r"DB\\SQL1", "DB", instance("SQL1"));
    host(r"tcp:DB\\SQL1", "DB", instance("SQL1"));
    host(r"DB\\\\SQL1", "DB", instance("SQL1"));
    host(r"DB\\mssqlserver", "DB", port(1433));
    host(r"DB\\MSSQLSERVER,1444", "DB", port(1444));
    host(".", "localhost", port(1433));
    host("(LOCAL)", "localhost", port(1433));
    host(r".\\SQLEXPRESS", "localhost", instance("SQLEXPRESS"));
    host(r"(local)\\SQLEXPRESS", "localhost", instance("SQLEXPRESS"));
    host(r"LocalHost\\SQLEXPRESS", "localhost", instance("SQLEXPRESS"));
    at(r#""host": "db", "port": 1444"#, "db", port(1444));
    at(r#""host": "db", "instance": "SQL1""#, "db", instance("SQL1"));
    at(r#""host": "db\\sql1", "instance": "SQL1""#, "db", instance("sql1"));
    at(r#""host": "db", "instance": "MSSQLSERVER", "port": 1444"#, "db", port(1444));
}

#[test]
fn what_is_no_place_of_a_sql_server_is_told() {
    let wrong = |written: &str, part: &str| {
        check(&database(&format!(r#"{SQL_LOGIN}, "host": "{written}""#)), &[("database.host", part)]);
    };
    wrong("db,", "no number from 1 to 65535; write e.g. \"192.168.1.20,1433\"");
    wrong("db,99999", "no number from 1 to 65535");
    wrong("db:x", "no number from 1 to 65535");
    wrong("db:1433,1433", "two ports");
    wrong(r"db\\SQL1,1433", "exclude each other");
    wrong(r"db\\SQL1:1433", "exclude each other");
    wrong(r"db:1433\\SQL1", "exclude each other");
    wrong(r"db\\", "no instance's name after the backslash");
    wrong(r"\\SQLEXPRESS", "write the server's name before it");
    wrong("db/SQL1", "an instance is written after a backslash");
    wrong(r"\\\\db\\pipe\\sql\\query", "a named pipe");
    wrong(r"np:\\\\.\\pipe\\sql\\query", "a named pipe");
    wrong("lpc:db", "shared memory");
    wrong(r"(localdb)\\MSSQLLocalDB", "LocalDB");
    wrong("admin:db", "administrator's own connection");
    wrong("tcp:his.database.windows.net,1433", "Azure SQL");
    wrong("sqlserver://u:hunter2@db", "must be the server's name or address");
    wrong("u:hunter2@db", "must be the server's name or address");
    wrong("Server=db;Database=HIS;User Id=u;Password=hunter2", "\"host\" (what it calls Server");
    wrong("jdbc:sqlserver://db;user=u;password=hunter2", "holds a whole connection string");
    // "HOST\nurses" with the backslash that JSON takes for a line break.
    wrong(r"DB\nurses", "a backslash is written twice in JSON");
    check(
        &database(&format!(r#"{SQL_LOGIN}, "host": "DB\SQL1""#)),
        &[("", "a single backslash; write it twice (\"HIS-SERVER")],
    );
    let beside = |inner: &str, at: &str, part: &str| {
        check(&database(&format!("{SQL_LOGIN}, {inner}")), &[(at, part)]);
    };
    beside(r#""host": "db", "port": 1433, "instance": "SQL1""#, "database.port", "exclude each other");
    beside(r#""host": "db,1433", "instance": "SQL1""#, "database.host", "exclude each other");
    beside(r#""host": "db\\SQL1", "instance": "SQL2""#, "database.instance", "in one place alone");
    beside(r#""host": "db", "instance": "db\\SQL1""#, "database.instance", "the instance's name alone");
    beside(r#""host": "db,1444", "port": 1433"#, "database.port", "is 1433, but \"host\" says 1444");
}

#[test]
fn mistakes_with_sql_server() {
    check(
        &database(r#""type": "sqlserver""#),
        &[
            ("database.host", "is missing"),
            ("database.user", "is missing"),
            ("database.password", "is missing"),
            ("database.database", "is missing"),
        ],
    );
    let beside = |inner: &str, expected: &[(&str, &str)]| {
        check(&database(&format!(r#"{SQL_LOGIN}, "host": "db", {inner}"#)), expected);
    };
    beside(r#""sid": "HIS""#, &[("database.sid", "write \"instance\" and \"database\"")]);
    beside(r#""connect_string": "HIS""#, &[("database.connect_string", "with SQL Server write \"host\"")]);
    beside(r#""client_dir": "x""#, &[("database.client_dir", "belongs to the type \"oracle\"")]);
    beside(r#""path": "x""#, &[("database.path", "belongs to the type \"sqlite\"")]);
    beside(r#""ca_file": "x""#, &[("database.ca_file", "write \"tls\": \"verify\"")]);
    beside(r#""schema": "[dbo]""#, &[("database.schema", "without brackets")]);
    beside(r#""schema": """#, &[("database.schema", "must be a schema's name")]);
    beside(r#""windows_login": "yes""#, &[("database.windows_login", "must be true or false")]);
    beside(
        r#""connectionString": "Password=hunter2""#,
        &[("database.connectionString", "keys of their own")],
    );
    beside(
        r#""trusted_connection": true"#,
        &[("database.trusted_connection", "did you mean \"windows_login\"?")],
    );
    beside(
        r#""trust_server_certificate": true"#,
        &[("database.trust_server_certificate", "\"tls\": \"require\"")],
    );
    assert_eq!(
        sqlserver(r#""host": "db", "schema": "his", "windows_login": false"#).schema.as_deref(),
        Some("his")
    );
    check(
        &database(
            r#""type": "sqlserver", "host": "db", "user": "u", "password": "hunter2", "database": "[HIS]""#,
        ),
        &[("database.database", "without brackets")],
    );
    check(
        &database(
            r#""type": "sqlserver", "host": "db", "user": "HIS\\buktor", "password": "hunter2", "database": "HIS""#,
        ),
        &[("database.user", "is a Windows account (DOMAIN\\name)")],
    );

    let windows = r#""type": "sqlserver", "host": "db", "database": "HIS", "windows_login": true"#;
    let login = format!(r#"{windows}, "user": "u", "password": "hunter2""#);
    if cfg!(windows) {
        let Engine::SqlServer(place) = good(&database(windows)).database.engine else {
            panic!("no SQL Server")
        };
        assert!(matches!(place.login, SqlServerLogin::Windows));
        check(
            &database(&login),
            &[("database.user", "no use beside"), ("database.password", "no use beside")],
        );
    } else {
        check(&database(windows), &[("database.windows_login", "have a SQL Server login made")]);
        check(&database(&login), &[("database.windows_login", "only where this program runs on Windows")]);
    }
}

fn oracle(inner: &str) -> OracleAddress {
    match good(&database(&format!("{ORACLE_LOGIN}, {inner}"))).database.engine {
        Engine::Oracle(place) => place.address,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_oracle_is_found_as_hospitals_write_it() {
    let at = |inner: &str, expected: (&str, u16, OracleTarget)| {
        let OracleAddress::Listener { host, port, target, .. } = oracle(inner) else { panic!("{inner}") };
        assert_eq!((host.as_str(), port, target), expected, "{inner}");
    };
    let service = |name: &str| OracleTarget::Service(name.to_owned());
    let sid = |name: &str| OracleTarget::Sid(name.to_owned());
    at(r#""host": "db", "database": "HIS""#, ("db", 1521, service("HIS")));
    at(r#""host": "db:1522", "database": "his.hospital.local""#, ("db", 1522, service("his.hospital.local")));
    at(r#""host": "db", "port": 1522, "sid": "HIS""#, ("db", 1522, sid("HIS")));
    at(r#""host": "//db:1522/HIS""#, ("db", 1522, service("HIS")));
    at(r#""host": "db/HIS""#, ("db", 1521, service("HIS")));
    at(r#""host": "db:1522/HIS", "database": "his", "port": 1522"#, ("db", 1522, service("HIS")));
    at(r#""host": "db:1522:HIS""#, ("db", 1522, sid("HIS")));
    at(r#""host": "db:1522:HIS", "sid": "HIS""#, ("db", 1522, sid("HIS")));
    at(r#""host": "[::1]:1522/HIS""#, ("::1", 1522, service("HIS")));
    at(r#""host": "::1", "database": "HIS""#, ("::1", 1521, service("HIS")));
    let text = |written: &str| {
        let expected = OracleAddress::ConnectString(written.to_owned());
        assert_eq!(oracle(&format!(r#""connect_string": "{written}""#)), expected);
    };
    text("HISPROD");
    text("//db:1521/HIS");
    text("(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db)(PORT=1521))(CONNECT_DATA=(SID=HIS)))");
}

#[test]
fn what_is_no_place_of_an_oracle_is_told() {
    let wrong = |written: &str, part: &str| {
        let text = format!(r#"{ORACLE_LOGIN}, "host": "{written}", "database": "HIS""#);
        check(&database(&text), &[("database.host", part)]);
    };
    wrong("u/hunter2@db:1521/HIS", "holds a login");
    wrong("(DESCRIPTION=(ADDRESS=(HOST=db)))", "write it as \"connect_string\"");
    wrong("tcps://db:2484/HIS", "\"tls\": \"require\" for tcps");
    wrong(r"db\\HIS", "belongs to SQL Server");
    wrong("db,1521", "belongs to SQL Server");
    wrong("db:1521/HIS:dedicated", "write the whole as \"connect_string\"");
    wrong("db/HIS?x=y", "write the whole as \"connect_string\"");
    wrong("db:x", "no number from 1 to 65535; write e.g. \"192.168.1.20:1521\"");
    wrong("db:1521:", "no number from 1 to 65535");
    wrong("db/", "must be the server's name or address");
    wrong("a b", "must be the server's name or address");
    wrong("jdbc:oracle:thin:u/hunter2@//db:1521/HIS", "after the @ of a JDBC address");
    let beside = |inner: &str, expected: &[(&str, &str)]| {
        check(&database(&format!("{ORACLE_LOGIN}, {inner}")), expected);
    };
    beside(r#""host": "db""#, &[("database.database", "or \"sid\": \"...\" where the database has")]);
    beside(r#""host": "db", "database": "A", "sid": "B""#, &[("database.sid", "exclude each other")]);
    beside(r#""host": "db/HIS", "database": "HIS2""#, &[("database.database", "in one place alone")]);
    beside(r#""host": "db:1521:HIS", "database": "HIS""#, &[("database.database", "in one place alone")]);
    beside(r#""host": "db/HIS", "sid": "HIS""#, &[("database.sid", "in one place alone")]);
    beside(
        r#""host": "db", "database": "HIS)(X=Y""#,
        &[("database.database", "must be the service's name alone")],
    );
    beside(
        r#""connect_string": "HIS", "host": "db", "port": 1521, "database": "HIS", "sid": "HIS", "tls": "off""#,
        &[
            ("database.host", "no use beside \"connect_string\""),
            ("database.port", "no use beside \"connect_string\""),
            ("database.database", "no use beside \"connect_string\""),
            ("database.sid", "no use beside \"connect_string\""),
            ("database.tls", "says itself whether the connection is encrypted"),
        ],
    );
    beside(r#""host": "u/hunter2@db/HIS""#, &[("database.host", "holds a login")]);
    beside(r#""connect_string": "u/hunter2@db/HIS""#, &[("database.connect_string", "holds a login")]);
    beside(r#""connect_string": "(DESCRIPTION=(HOST=db)""#, &[("database.connect_string", "do not match")]);
    beside(
        r#""connect_string": "Data Source=HIS;User Id=u;Password=hunter2""#,
        &[("database.connect_string", "the Data Source alone")],
    );
}

#[test]
fn mistakes_with_oracle() {
    check(
        &database(r#""type": "oracle""#),
        &[
            ("database.host", "is missing"),
            ("database.user", "is missing"),
            ("database.password", "is missing"),
            ("database.database", "is missing"),
        ],
    );
    let beside = |inner: &str, expected: &[(&str, &str)]| {
        check(&database(&format!(r#"{ORACLE_LOGIN}, "host": "db", "database": "HIS", {inner}"#)), expected);
    };
    beside(r#""instance": "HIS""#, &[("database.instance", "is its \"sid\"")]);
    beside(r#""windows_login": true"#, &[("database.windows_login", "belongs to the type \"sqlserver\"")]);
    beside(r#""ca_file": "ca.pem", "tls": "verify""#, &[("database.ca_file", "wallet")]);
    beside(r#""path": "x""#, &[("database.path", "belongs to the type \"sqlite\"")]);
    beside(r#""schema": "\"his\"""#, &[("database.schema", "without brackets or quotes")]);
    beside(r#""client_dir": "nowhere""#, &[("database.client_dir", "unpack Oracle's Instant Client there")]);
    beside(r#""client_dir": "%ORACLE_HOME%""#, &[("database.client_dir", "are not replaced")]);
    let user = |written: &str, part: &str| {
        let text = format!(
            r#""type": "oracle", "host": "db", "database": "HIS", "password": "x", "user": "{written}""#
        );
        check(&database(&text), &[("database.user", part)]);
    };
    user("u/hunter2", "the user's name alone");
    user("u@db", "the user's name alone");
    user("sys as SYSDBA", "an administrator's rights");

    let folder = tempfile::tempdir().unwrap();
    let written = |path: &std::path::Path| format!(r#""client_dir": {}"#, serde_json::json!(path));
    let text = format!(r#"{ORACLE_LOGIN}, "host": "db", "database": "HIS", {}"#, written(folder.path()));
    let Engine::Oracle(place) = good(&database(&text)).database.engine else { panic!("no Oracle") };
    assert_eq!(place.client_dir.as_deref(), Some(folder.path()));
    let file = folder.path().join("oci.dll");
    std::fs::write(&file, "").unwrap();
    beside(&written(&file), &[("database.client_dir", "is a file; name the folder")]);
}
