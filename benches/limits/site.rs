//! The executable as a process on a folder of its own, beside the target folder's other files: the same disk for all.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The executable that is measured.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_buktor-middleware");
/// A schedule that does not come round while anything is measured.
const SELDOM: &str = "0 0 0 1 1 *";

/// A place for files that are kept for the next run.
pub(crate) fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A folder that is gone with its value.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("limits.").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// A folder with a configuration.
pub(crate) struct Site {
    folder: TempDir,
    config: Value,
}

impl Site {
    /// A site whose HIS database is that, or out of reach, and whose schedule never comes round.
    pub(crate) fn new(database: Option<Value>) -> anyhow::Result<Self> {
        // Nobody listens on port 1.
        let down = json!({ "type": "mysql", "host": "127.0.0.1", "port": 1, "user": "u", "password": "p", "database": "d" });
        let config = json!({
            // No limit: 10 s of a million.
            "server": { "listen": "127.0.0.1:0", "max_requests_per_second": 1_000_000 },
            "sync": { "schedule": SELDOM },
            "queue": { "path": "queue.db" },
            "database": database.unwrap_or(down),
            "mapping": { "appointment": { "table": "appointments", "fields": {
                "appointment_id": "id", "status": "status", "start_time": "starts_at", "doctor": "doctor",
                "fee": "fee", "notes": "notes", "updated_at": "changed_at",
            } } },
        });
        Ok(Self { folder: folder()?, config })
    }

    /// With another mapping.
    pub(crate) fn mapping(mut self, mapping: Value) -> Self {
        if let Some(place) = self.config.get_mut("mapping") {
            *place = mapping;
        }
        self
    }

    /// With a tick every second.
    pub(crate) fn ticking(mut self) -> Self {
        if let Some(sync) = self.config.get_mut("sync") {
            *sync = json!({ "schedule": "* * * * * *" });
        }
        self
    }

    pub(crate) fn queue(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }

    /// Writes the configuration; gives its path.
    pub(crate) fn config(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join("his-config.json");
        fs::write(&path, self.config.to_string())?;
        Ok(path)
    }

    pub(crate) fn start(&self) -> anyhow::Result<Process> {
        let mut command = Command::new(EXECUTABLE);
        command.arg("run").arg("--config").arg(self.config()?);
        Process::start(command)
    }
}

/// A process that serves. Killed with its value.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the line that says where it listens.
    pub(crate) start_time: Duration,
}

impl Process {
    /// Starts it and waits for the line.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        for name in ["BUKTOR_CONFIG", "STATE_DIRECTORY", "LOGS_DIRECTORY", "NOTIFY_SOCKET", "RUST_LOG"] {
            command.env_remove(name);
        }
        let started = Instant::now();
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its stderr")?).lines();
        let mut printed = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let start_time = started.elapsed();
                let address = rest.trim().parse()?;
                // It must not wait for room in the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, address, start_time });
            }
            printed.push_str(&line);
        }
        // It has ended already; where not, its number frees itself with ours.
        drop(child.kill());
        bail!("it does not listen: {printed}")
    }

    /// A figure of `/proc/PID/status` in MiB: `VmRSS`, `RssAnon`, `VmHWM`.
    pub(crate) fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("no such figure")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
