//! Owns what all sessions share: databases, logins, faults, the list of sessions; and the life of one connection.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::same;
use crate::database::Database;
use crate::error::{SqlError, err_class};
use crate::faults::Faults;
use crate::login::Login7;
use crate::session::Cancel;
use crate::tls::TlsMode;
use crate::version::Version;

/// A login and what it may do.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
    /// It owns nothing and sees what it was granted.
    pub(crate) limited: bool,
    pub(crate) sysadmin: bool,
    pub(crate) schema: String,
    pub(crate) locked: bool,
}

/// A session as the others see it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) spid: i64,
    pub(crate) login: String,
    pub(crate) host: String,
    pub(crate) app: String,
    pub(crate) encrypted: bool,
}

pub(crate) struct Running {
    pub(crate) seen: Seen,
    pub(crate) cancel: Arc<Cancel>,
    pub(crate) statement: String,
}

/// A server that speaks TDS.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) instance: String,
    pub(crate) version: Version,
    pub(crate) collation: String,
    pub(crate) databases: Vec<Arc<Database>>,
    pub(crate) tls: TlsMode,
    pub(crate) tls_config: Arc<rustls::ServerConfig>,
    accounts: Mutex<Vec<Account>>,
    logins_file: PathBuf,
    faults: Mutex<Faults>,
    pub(crate) running: Mutex<HashMap<i64, Running>>,
    pub(crate) next_spid: AtomicI64,
    next_transaction: AtomicU64,
    down: AtomicBool,
}

pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(crate) fn new(options: &crate::Options) -> Result<Arc<Self>, String> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut names = vec!["master".to_owned()];
        names.extend(options.databases.iter().cloned());
        let open = |name: &String| {
            Database::new(folder, name, options.version.major()).map_err(|e| format!("{name}: {e}"))
        };
        let databases = names.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let mut accounts: Vec<Account> =
            options.logins.iter().map(|l| account(&l.name, &l.password, l.limited)).collect();
        let logins_file = folder.join("logins.txt");
        for line in std::fs::read_to_string(&logins_file).unwrap_or_default().lines() {
            if let Some((name, password)) = line.split_once('\t') {
                accounts.push(account(name, password, true));
            }
        }
        Ok(Arc::new(Self {
            name: match options.instance.as_str() {
                "MSSQLSERVER" => "TDS-SERVER".into(),
                instance => format!("TDS-SERVER\\{instance}"),
            },
            instance: options.instance.clone(),
            version: options.version,
            collation: options.collation.clone(),
            databases,
            tls: options.tls,
            tls_config: crate::tls::config(options.cert.as_deref(), options.key.as_deref())?,
            accounts: Mutex::new(accounts),
            logins_file,
            faults: Mutex::new(Faults::default()),
            running: Mutex::new(HashMap::new()),
            next_spid: AtomicI64::new(51),
            next_transaction: AtomicU64::new(1),
            down: AtomicBool::new(false),
        }))
    }

    pub(crate) fn database(&self, name: &str) -> Option<Arc<Database>> {
        self.databases.iter().find(|d| same(&d.name, name)).cloned()
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        hold(&self.faults)
    }

    pub(crate) fn next_transaction(&self) -> u64 {
        self.next_transaction.fetch_add(1, Ordering::SeqCst) | 0x0100_0000_0000
    }

    pub(crate) fn knows(&self, login: &str) -> bool {
        hold(&self.accounts).iter().any(|a| same(&a.name, login))
    }

    /// CREATE LOGIN; it outlives the process.
    pub(crate) fn add_login(&self, name: &str, password: &str) -> io::Result<()> {
        use std::io::Write;
        hold(&self.accounts).push(account(name, password, true));
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.logins_file)?;
        writeln!(file, "{name}\t{password}")
    }

    pub(crate) fn lock_login(&self, name: &str, locked: bool) {
        for account in hold(&self.accounts).iter_mut().filter(|a| same(&a.name, name)) {
            account.locked = locked;
        }
    }

    pub(crate) fn sessions(&self) -> Vec<Seen> {
        let mut all: Vec<Seen> = hold(&self.running).values().map(|r| r.seen.clone()).collect();
        all.sort_by_key(|s| s.spid);
        all
    }

    /// Remembers what a session runs, so that a scan can be told with its statement.
    pub(crate) fn begin_statement(&self, spid: i64, text: &str) {
        if let Some(running) = hold(&self.running).get_mut(&spid) {
            text.clone_into(&mut running.statement);
        }
    }

    pub(crate) fn note_scan(&self, spid: i64) {
        let text = hold(&self.running).get(&spid).map(|r| r.statement.clone()).unwrap_or_default();
        let mut faults = hold(&self.faults);
        if !faults.scans.contains(&text) {
            faults.scans.push(text);
        }
    }

    pub(crate) fn kill(&self, spid: i64) -> bool {
        let running = hold(&self.running);
        let found = running.get(&spid);
        if let Some(found) = found {
            found.cancel.kill();
        }
        found.is_some()
    }

    pub(crate) fn kill_others(&self, spid: i64) {
        for (_, other) in hold(&self.running).iter().filter(|(id, _)| **id != spid) {
            other.cancel.kill();
        }
    }

    /// As a server that stops: all others are cut, and nobody comes in for two seconds.
    pub(crate) fn shut_down(self: &Arc<Self>, spid: i64) {
        self.down.store(true, Ordering::SeqCst);
        self.kill_others(spid);
        let server = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_secs(2));
            server.down.store(false, Ordering::SeqCst);
        });
    }

    /// The account of a login, or why it may not come in.
    pub(crate) fn admit(&self, login: &Login7) -> Result<Account, SqlError> {
        if let Some(error) = hold(&self.faults).login.clone() {
            return Err(error);
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(err_class(6005, 14, 1, "SHUTDOWN is in progress."));
        }
        if login.integrated {
            return Err(err_class(
                18_452,
                14,
                1,
                "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
            ));
        }
        let accounts = hold(&self.accounts);
        // State 1 for all: the real one keeps the reason to its own log.
        let failed = || err_class(18_456, 14, 1, format!("Login failed for user '{}'.", login.user));
        let account = accounts.iter().find(|a| same(&a.name, &login.user)).ok_or_else(failed)?;
        if account.locked {
            return Err(err_class(
                18_486,
                14,
                1,
                format!(
                    "Login failed for user '{}' because the account is currently locked out. The system administrator can unlock it.",
                    login.user
                ),
            ));
        }
        if account.password != login.password {
            return Err(failed());
        }
        Ok(account.clone())
    }
}

fn account(name: &str, password: &str, limited: bool) -> Account {
    Account {
        name: name.into(),
        password: password.into(),
        limited,
        sysadmin: !limited,
        schema: "dbo".into(),
        locked: false,
    }
}
