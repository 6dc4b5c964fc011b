//! The executable as its users run it: a folder with a configuration, the daemon on it, and the commands.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    http::{Client, Reply},
    tables::MANUAL_MAPPING,
    wait_equal, wait_for,
};

/// The executable under test.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_buktor-middleware");

/// A folder with a configuration, as a hospital has one. Removed with its value.
pub(crate) struct Site {
    folder: TempDir,
    /// The configuration, written anew by each start and command.
    pub(crate) config: Value,
}

impl Site {
    /// A folder whose configuration has that `database` section, a free port, a tick each second, and no mapping.
    pub(crate) fn new(database: Value) -> Self {
        let mut config = json!({
            "server": { "listen": "127.0.0.1:0" },
            "sync": { "schedule": "* * * * * *" },
            "queue": { "path": "queue.db" },
            "logging": { "directory": "log", "level": "debug" },
            "mapping": {},
        });
        config["database"] = database;
        Self { folder: tempfile::tempdir().unwrap(), config }
    }

    /// On the database that `demo` leaves in that folder, with the manual's mapping; and that file.
    pub(crate) fn of_demo(folder: &Path) -> (Self, PathBuf) {
        let mut demo = executable(Path::new(EXECUTABLE));
        demo.args(["demo", "--keep"]).arg(folder);
        finish(demo, "").assert_code(0);
        let file = folder.join("demo-his.db");
        let site = Self::new(json!({"type": "sqlite", "path": file.to_str().unwrap()}))
            .with(serde_json::from_str(MANUAL_MAPPING).unwrap());
        (site, file)
    }

    /// With these parts of the configuration; objects are merged key by key.
    pub(crate) fn with(mut self, part: Value) -> Self {
        self.merge(part);
        self
    }

    /// As [`Site::with`], for a folder in use.
    pub(crate) fn merge(&mut self, part: Value) {
        merge(&mut self.config, part);
    }

    /// With that `mapping` section.
    pub(crate) fn mapping(mut self, mapping: Value) -> Self {
        self.config["mapping"] = mapping;
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration; gives its path.
    pub(crate) fn write_config(&self) -> PathBuf {
        let path = self.path("his-config.json");
        let text = serde_json::to_string_pretty(&self.config).unwrap();
        // Only a real change touches the file, as commands run beside a daemon.
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            fs::write(&path, text).unwrap();
        }
        path
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) fn start(&self) -> Daemon {
        let config = self.write_config();
        let mut command = executable(Path::new(EXECUTABLE));
        command.arg("run").arg("--config").arg(config);
        Daemon::start(command)
    }

    /// Runs a command on this folder.
    pub(crate) fn cli(&self, args: &[&str]) -> Finished {
        let config = self.write_config();
        let mut command = executable(Path::new(EXECUTABLE));
        command.args(args).arg("--config").arg(config);
        finish(command, "")
    }

    /// Runs a command that must end well, and reads the JSON that it prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let done = self.cli(args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}: {done:?}"))
    }

    /// How many events are in a state, by `status --json`.
    pub(crate) fn count(&self, state: &str) -> u64 {
        let done = self.cli(&["status", "--json"]);
        let status: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {done:?}"));
        status["queue"]["states"][state].as_u64().unwrap_or_else(|| panic!("no count of {state} in {status}"))
    }

    /// Waits until so many events are in a state.
    pub(crate) fn wait_count(&self, state: &str, count: u64) {
        wait_equal(&format!("{count} events {state}"), &count, || self.count(state));
    }

    /// The event of that id, by `events list --json`.
    pub(crate) fn event(&self, id: &str) -> Value {
        let all = self.json(&["events", "list", "--state", "all", "--limit", "100000", "--json"]);
        let found = all.as_array().unwrap().iter().find(|e| e["id"] == id);
        found.unwrap_or_else(|| panic!("no event {id} in {all}")).clone()
    }

    /// Waits until the event of that id is in that state; gives it as `events list --json` prints it.
    pub(crate) fn wait_state(&self, id: &str, state: &str) -> Value {
        wait_equal(&format!("event {id} {state}"), &json!(state), || {
            let event = self.event(id);
            if event["state"] == state { json!(state) } else { event }
        });
        self.event(id)
    }

    /// All that stands in the log files.
    pub(crate) fn log(&self) -> String {
        let Ok(files) = fs::read_dir(self.path("log")) else { return String::new() };
        files.map(|f| fs::read_to_string(f.unwrap().path()).unwrap()).collect()
    }
}

fn merge(into: &mut Value, part: Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (key, value) in part {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, part) => *into = part,
    }
}

/// A command of that executable, free of what this machine's environment would tell it, in `/`, as systemd starts it.
pub(crate) fn executable(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir("/").env("NO_COLOR", "1");
    for name in [
        "BUKTOR_CONFIG",
        "STATE_DIRECTORY",
        "LOGS_DIRECTORY",
        "CREDENTIALS_DIRECTORY",
        "NOTIFY_SOCKET",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// What a command ended with.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Holds that it ended with that code; gives all that it printed.
    pub(crate) fn assert_code(&self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end, which must come within 60 s.
pub(crate) fn finish(mut command: Command, stdin: &str) -> Finished {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input has closed it: that is no failure.
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes()).ok();
    let id = child.id();
    let (done, awaited) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let output = child.wait_with_output();
        // The receiver is gone only where the test has failed already.
        done.send(()).ok();
        output
    });
    if awaited.recv_timeout(Duration::from_mins(1)).is_err() {
        signal(id, "KILL");
        panic!("{command:?} did not end within 60 s: {:?}", waiter.join().unwrap());
    }
    let Output { status, stdout, stderr } = waiter.join().unwrap().unwrap();
    Finished {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Sends a signal to one process that this test started.
pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().unwrap();
    assert!(status.success(), "kill -{name} {id}: {status}");
}

/// A running daemon. Killed with its value; where the test fails, what it printed is shown.
pub(crate) struct Daemon {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    printed: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Daemon {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            keep(child.stdout.take().unwrap(), Arc::clone(&printed)),
            keep(child.stderr.take().unwrap(), Arc::clone(&printed)),
        ];
        let mut daemon = Self { child, address: ([0, 0, 0, 0], 0).into(), printed, readers };
        let mut ended = None;
        wait_for(Duration::from_secs(20), "the daemon listens", || {
            if let Some(address) = listening(&daemon.printed()) {
                daemon.address = address;
                return true;
            }
            ended = daemon.child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(daemon.address.port() != 0, "the daemon ended with {ended:?}: {}", daemon.printed());
        daemon
    }

    /// All that it printed so far.
    pub(crate) fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        Client::connect(self.address).unwrap().request(method, path, headers, body).unwrap()
    }

    /// Posts an event as the manual's curl does.
    pub(crate) fn post(&self, event: &Value) -> Reply {
        self.post_text(&event.to_string())
    }

    /// Posts a body as JSON, whatever it is.
    pub(crate) fn post_text(&self, body: &str) -> Reply {
        self.request("POST", "/receive-event", &[("Content-Type", "application/json")], body.as_bytes())
    }

    /// Posts an event that must be accepted.
    pub(crate) fn accept(&self, event: &Value) -> Value {
        let reply = self.post(event);
        reply.assert_success();
        reply.json()
    }

    /// Asks it to stop, which it must do in time and with exit code 0; gives all that it printed.
    pub(crate) fn stop(mut self) -> String {
        let start = Instant::now();
        signal(self.child.id(), "TERM");
        let mut status = None;
        wait_for(Duration::from_secs(25), "the daemon stops", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0), "after {:?}: {}", start.elapsed(), self.printed());
        self.end();
        self.printed()
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.end();
        self.printed()
    }

    fn end(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }
}

impl Drop for Daemon {
    #[expect(clippy::print_stderr, reason = "what a failed test's daemon said belongs to the test's output")]
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- the daemon printed:\n{}---", self.printed());
        }
    }
}

/// The address after `listening on http://` or `https://`.
fn listening(printed: &str) -> Option<SocketAddr> {
    let (_, rest) = printed.split_once("listening on http")?;
    let (_, rest) = rest.split_once("://")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)))?;
    rest.get(..end)?.parse().ok()
}

/// Collects what a process prints, line by line.
fn keep(stream: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
