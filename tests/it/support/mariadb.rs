//! The HIS database: `MariaDB` servers, the one that tests/run.sh started and private ones that may be killed, with
//! a database and a login for each test.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{daemon::signal, unique, wait_equal, wait_for};

/// What the daemon's login may do: what a hospital's administrator would grant.
const GRANTS: &str = "SELECT, INSERT, UPDATE, DELETE";

/// The folder that tests/run.sh prepared.
pub(crate) fn prepared() -> PathBuf {
    let Some(folder) = env::var_os("BUKTOR_TEST_DIR") else {
        panic!(
            "this test needs a MariaDB server: start the tests with `bash tests/run.sh`, which provides one"
        );
    };
    folder.into()
}

/// A `MariaDB` server of this test alone, which may be stopped and killed.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// Starts one, in a copy of the prepared data folder.
    pub(crate) fn private() -> Self {
        let prepared = prepared();
        let folder = tempfile::Builder::new().prefix("his.").tempdir_in(&prepared).unwrap();
        let copied = Command::new("cp")
            .arg("-R")
            .arg(prepared.join("template"))
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.unwrap().success());
        let mut server = Self { folder, port: free_port(), child: None };
        server.start();
        server
    }

    /// Starts it, on the same port as before, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new("mariadbd");
        command
            .arg(format!("--defaults-file={}", prepared().join("server.cnf").display()))
            .arg(format!("--datadir={}", path("data").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", path("pid").display()))
            .arg(format!("--port={}", self.port))
            .stdin(Stdio::null())
            .stdout(fs::File::create(path("log")).unwrap())
            .stderr(fs::File::options().append(true).create(true).open(path("log")).unwrap());
        self.child = Some(command.spawn().unwrap());
        wait_for(Duration::from_secs(30), "MariaDB answers", || {
            run(&Admin::Socket(self.socket()), None, "SELECT 1").is_ok()
        });
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it as its service does, and waits until it has ended.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }

    /// Sends it a signal: `STOP` makes it hang, `CONT` ends that.
    pub(crate) fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            signal(child.id(), name);
        }
    }

    /// Its socket.
    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// A database of its own on this server.
    pub(crate) fn database(&self) -> His {
        His::create(Admin::Socket(self.socket()), self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of 127.0.0.1 that nobody listens on just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// How the tests' own statements reach a server.
pub(crate) enum Admin {
    /// As `admin`, the login of the prepared data folder.
    Socket(PathBuf),
    /// Over 127.0.0.1.
    Network { port: u16, user: String, password: String },
}

/// A HIS database, with a login for the daemon. Statements of the test itself run as the administrator.
pub(crate) struct His {
    admin: Admin,
    /// The server's port.
    pub(crate) port: u16,
    /// The database, which is also the login's name.
    pub(crate) name: String,
}

impl His {
    /// A database of its own on the shared server.
    pub(crate) fn shared() -> Self {
        let address = env::var("BUKTOR_TEST_MARIADB").unwrap_or_default();
        let folder = prepared();
        let port = address.rsplit(':').next().and_then(|p| p.parse().ok());
        Self::create(
            Admin::Socket(folder.join("server.sock")),
            port.expect("tests/run.sh names the server's port"),
        )
    }

    /// A database of its own with these tables.
    pub(crate) fn with(tables: &str) -> Self {
        let his = Self::shared();
        his.sql(tables);
        his
    }

    pub(crate) fn create(admin: Admin, port: u16) -> Self {
        let name = format!("his_{}", unique());
        let sql = format!(
            "CREATE DATABASE {name} CHARACTER SET utf8mb4; CREATE USER {name}@'%' IDENTIFIED BY 's3cret-{name}'; \
             GRANT {GRANTS} ON {name}.* TO {name}@'%';"
        );
        run(&admin, None, &sql).unwrap_or_else(|e| panic!("{e}"));
        Self { admin, port, name }
    }

    /// The daemon's password.
    pub(crate) fn password(&self) -> String {
        format!("s3cret-{}", self.name)
    }

    /// The `database` section for this database, reached at its own port.
    pub(crate) fn section(&self) -> Value {
        self.section_at(self.port)
    }

    /// The `database` section for this database, reached at another port, where a proxy listens.
    pub(crate) fn section_at(&self, port: u16) -> Value {
        json!({
            "type": "mysql", "host": "127.0.0.1", "port": port, "user": self.name, "password": self.password(),
            "database": self.name, "tls": "off", "timezone": "UTC",
        })
    }

    /// Runs statements; gives what they print, one line a row, columns separated by tabs, NULL as `NULL`.
    pub(crate) fn sql(&self, sql: &str) -> String {
        run(&self.admin, Some(&self.name), sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Runs statements; gives the server's words where it refuses one.
    pub(crate) fn try_sql(&self, sql: &str) -> Result<String, String> {
        run(&self.admin, Some(&self.name), sql)
    }

    /// Ends all sessions of the daemon's login.
    pub(crate) fn kill_sessions(&self) {
        let ids =
            self.rows(&format!("SELECT id FROM information_schema.processlist WHERE user = '{}'", self.name));
        for id in ids {
            // It may have ended by itself.
            self.try_sql(&format!("KILL {id}")).ok();
        }
    }

    /// The rows of a query.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        self.sql(query).lines().map(str::to_owned).collect()
    }

    /// The one number of a query.
    pub(crate) fn number(&self, query: &str) -> u64 {
        let text = self.sql(query);
        text.trim().parse().unwrap_or_else(|e| panic!("{query}: {e}: {text:?}"))
    }

    /// Waits until a query gives these rows.
    pub(crate) fn wait_rows(&self, query: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|&s| s.to_owned()).collect();
        wait_equal(query, &expected, || self.rows(query));
    }

    /// Another session of the HIS that has run a statement in a transaction and keeps it open, with its locks.
    pub(crate) fn hold(&self, sql: &str) -> Held {
        let mut child = client(&self.admin, Some(&self.name))
            .arg("--unbuffered")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut held = Held { child, stdin, stdout };
        held.run("BEGIN");
        held.run(sql);
        held
    }
}

/// An open transaction of another session. Rolled back with its value.
pub(crate) struct Held {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Held {
    /// Runs statements in the transaction and waits until they are done.
    pub(crate) fn run(&mut self, sql: &str) {
        let mark = "done with it";
        let stdin = self.stdin.as_mut().expect("the input is open until the value ends");
        writeln!(stdin, "{sql};\nSELECT '{mark}';").unwrap();
        stdin.flush().unwrap();
        let done = self.stdout.by_ref().lines().any(|l| l.unwrap() == mark);
        assert!(done, "{sql}: the other session failed");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // At the end of its input the client ends by itself.
        self.child.wait().ok();
    }
}

fn client(admin: &Admin, database: Option<&str>) -> Command {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "-N", "-B", "--default-character-set=utf8mb4"]);
    match admin {
        Admin::Socket(path) => {
            command.env("MYSQL_PWD", "admin").args(["-u", "admin", "-S"]).arg(path);
        }
        Admin::Network { port, user, password } => {
            let port = port.to_string();
            command.env("MYSQL_PWD", password).args(["-u", user, "-h", "127.0.0.1", "-P", &port]);
        }
    }
    command.args(database);
    command
}

fn run(admin: &Admin, database: Option<&str>, sql: &str) -> Result<String, String> {
    let mut command = client(admin, database);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sql = sql.to_owned();
    // By a thread, so that a long answer and a long input do not wait for each other. A client that could not
    // connect does not read its input; its own message says why.
    let writer = std::thread::spawn(move || stdin.write_all(sql.as_bytes()).ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
