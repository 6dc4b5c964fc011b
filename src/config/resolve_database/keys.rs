//! Which keys of `database` belong to which type, as data, and the connection strings of other programs, which no key
//! takes. Never repeats a text: such a string holds the password.

use crate::config::{
    file::{self, DatabaseType},
    keypath::KeyPath,
    resolve::Resolver,
};

use DatabaseType::{MySql, Oracle, SqlServer, Sqlite};

/// A key of `database`, the types that use it, and whether it was written.
type Key = (&'static str, &'static [DatabaseType], fn(&file::Database) -> bool);

const KEYS: [Key; 14] = [
    ("host", &[MySql, SqlServer, Oracle], |d| d.host.is_some()),
    ("port", &[MySql, SqlServer, Oracle], |d| d.port.is_some()),
    ("instance", &[SqlServer], |d| d.instance.is_some()),
    ("user", &[MySql, SqlServer, Oracle], |d| d.user.is_some()),
    ("password", &[MySql, SqlServer, Oracle], |d| d.password.is_some()),
    ("windows_login", &[SqlServer], |d| d.windows_login.is_some()),
    ("database", &[MySql, SqlServer, Oracle], |d| d.database.is_some()),
    ("schema", &[SqlServer, Oracle], |d| d.schema.is_some()),
    ("sid", &[Oracle], |d| d.sid.is_some()),
    ("connect_string", &[Oracle], |d| d.connect_string.is_some()),
    ("client_dir", &[Oracle], |d| d.client_dir.is_some()),
    ("tls", &[MySql, SqlServer, Oracle], |d| d.tls.is_some()),
    ("ca_file", &[MySql, SqlServer], |d| d.ca_file.is_some()),
    ("path", &[Sqlite], |d| d.path.is_some()),
];

/// What to say where a plain "belongs to" would not help.
const INSTEAD: [(&str, DatabaseType, &str); 5] = [
    (
        "schema",
        MySql,
        "belongs to the types \"sqlserver\" and \"oracle\"; with MySQL a schema is a database: write its name as \
         \"database\", or as schema.table in a mapping's \"table\"",
    ),
    ("instance", Oracle, "belongs to the type \"sqlserver\"; the name of an Oracle instance is its \"sid\""),
    ("sid", SqlServer, "belongs to the type \"oracle\"; with SQL Server write \"instance\" and \"database\""),
    (
        "connect_string",
        SqlServer,
        "belongs to the type \"oracle\"; with SQL Server write \"host\", \"database\", \"user\" and \"password\"",
    ),
    (
        "ca_file",
        Oracle,
        "has no use with Oracle, whose client trusts what is in its wallet; remove it, and name the wallet's folder as \
         WALLET_LOCATION in the client's sqlnet.ora",
    ),
];

/// What a connection string of another program says before an equals sign.
const STRING_KEYS: [&str; 18] = [
    "server",
    "data source",
    "datasource",
    "host",
    "hostname",
    "address",
    "addr",
    "network address",
    "initial catalog",
    "database",
    "user id",
    "user",
    "uid",
    "username",
    "password",
    "pwd",
    "driver",
    "dsn",
];

impl Resolver<'_> {
    /// Tells of the keys that are of no use to databases of that type.
    pub(super) fn strangers(&mut self, at: &KeyPath, written: &file::Database, kind: DatabaseType) {
        for (key, types, is_there) in KEYS {
            if !types.contains(&kind) && is_there(written) {
                self.wrong(&at.key(key), stranger(key, types, kind));
            }
        }
    }

    /// Tells where another program's connection string stands in a key's place.
    pub(super) fn holds_connection_string(
        &mut self,
        at: &KeyPath,
        written: &file::Database,
        kind: DatabaseType,
    ) -> bool {
        let texts = [
            ("host", &written.host),
            ("instance", &written.instance),
            ("user", &written.user),
            ("database", &written.database),
            ("schema", &written.schema),
            ("sid", &written.sid),
            ("connect_string", &written.connect_string),
        ];
        let mut found = false;
        for (key, _) in texts.iter().filter(|(_, text)| text.as_deref().is_some_and(is_connection_string)) {
            self.wrong(&at.key(key), parts_of_string(kind));
            found = true;
        }
        found
    }
}

fn name(kind: DatabaseType) -> &'static str {
    match kind {
        MySql => "mysql",
        SqlServer => "sqlserver",
        Oracle => "oracle",
        Sqlite => "sqlite",
    }
}

fn stranger(key: &str, types: &[DatabaseType], kind: DatabaseType) -> String {
    if let Some((_, _, words)) = INSTEAD.iter().find(|(k, t, _)| *k == key && *t == kind) {
        return (*words).to_owned();
    }
    let quoted: Vec<String> = types.iter().map(|kind| format!("\"{}\"", name(*kind))).collect();
    match quoted.as_slice() {
        [only] => format!("belongs to the type {only}; remove it, or write \"type\": {only}"),
        [all @ .., end] => format!(
            "belongs to the types {} and {end}; remove it, or write the right \"type\"",
            all.join(", ")
        ),
        [] => String::new(),
    }
}

/// Whether it is what ADO, ODBC or JDBC take: `Server=...;Database=...`. Oracle's own descriptors are none.
fn is_connection_string(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let assigns = |key: &&str| {
        text.match_indices(*key).any(|(at, _)| {
            let before = text.get(..at).unwrap_or_default().trim_end();
            let after = text.get(at + key.len()..).unwrap_or_default().trim_start();
            after.starts_with('=') && (before.is_empty() || before.ends_with([';', '?', '&']))
        })
    };
    text.starts_with("jdbc:") || STRING_KEYS.iter().any(assigns)
}

fn parts_of_string(kind: DatabaseType) -> &'static str {
    match kind {
        MySql | Sqlite => {
            "holds a whole connection string; write its parts as keys of their own: \"host\", \"port\", \"user\", \
             \"password\" and \"database\""
        }
        SqlServer => {
            "holds a whole connection string; write its parts as keys of their own: \"host\" (what it calls Server or \
             Data Source), \"database\" (Database or Initial Catalog), \"user\" (User Id, UID) and \"password\"; \
             \"windows_login\": true for Trusted_Connection or Integrated Security"
        }
        Oracle => {
            "holds a whole connection string; write its parts as keys of their own: \"host\" (as \
             host:port/service or host:port:sid, what stands after the @ of a JDBC address), \"user\" (User Id) and \
             \"password\", or the Data Source alone as \"connect_string\""
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_known() {
        let check = |text: &str, expected: bool| assert_eq!(is_connection_string(text), expected, "{text}");
        for text in [
            "Server=HIS\\SQL1;Database=HIS;User Id=u;Password=p",
            "Data Source = (local); Initial Catalog = HIS",
            "Driver={ODBC Driver 17 for SQL Server};Server=x",
            "DSN=HIS",
            "jdbc:sqlserver://db:1433;databaseName=HIS",
            "jdbc:oracle:thin:@//db:1521/HIS",
            "db;user=u;pwd=p",
            "User Id=u;Password=p;Data Source=(DESCRIPTION=(ADDRESS=(HOST=db)))",
        ] {
            check(text, true);
        }
        for text in [
            "db",
            "HIS\\SQL1",
            "tcp:db,1433",
            "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db)(PORT=1521))(CONNECT_DATA=(SERVER=DEDICATED)(SERVICE_NAME=HIS)))",
            "HIS = (DESCRIPTION = (ADDRESS = (HOST = db)))",
            "tcps://db:2484/HIS?ssl_server_cert_dn=\"CN=db\"",
            "server",
            "",
        ] {
            check(text, false);
        }
    }
}
