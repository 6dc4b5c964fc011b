//! Owns what all sessions share: databases, logins, faults, the list of sessions; and the life of one connection.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;

use crate::catalog::same;
use crate::collation;
use crate::database::Database;
use crate::error::{Halt, Run, SqlError, err_class};
use crate::faults::Faults;
use crate::login::{self, Login7};
use crate::packet::{ATTENTION, BATCH, Conn, LOGIN, Message, PRELOGIN, REPLY, RPC, TRANSACTION};
use crate::rpc::{self, Manage};
use crate::session::{Cancel, Session};
use crate::tls::TlsMode;
use crate::token::Reply;
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

struct Running {
    seen: Seen,
    cancel: Arc<Cancel>,
    statement: String,
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
    running: Mutex<HashMap<i64, Running>>,
    next_spid: AtomicI64,
    next_transaction: AtomicU64,
    down: AtomicBool,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
    fn admit(&self, login: &Login7) -> Result<Account, SqlError> {
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

/// A connection from its first byte to its last.
pub(crate) async fn serve(server: Arc<Server>, socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut conn = Conn::new(socket);
    let Some(first) = conn.message().await? else { return Ok(()) };
    if first.ty != PRELOGIN {
        return Ok(());
    }
    let wanted = login::wanted_encryption(&first.data);
    let answer = server.tls.answer(wanted);
    conn.send(REPLY, &login::prelogin_answer(server.version, answer)).await?;
    let encrypted = answer != 2;
    if encrypted {
        match server.tls {
            TlsMode::Old => return conn.old_handshake().await,
            TlsMode::OldClose => {
                conn.message().await?;
                return Ok(());
            }
            _ if wanted == 2 => return Ok(()),
            _ => conn.handshake(Arc::clone(&server.tls_config)).await?,
        }
    }
    let Some(message) = conn.message().await? else { return Ok(()) };
    // ENCRYPT_OFF: TLS was for the login alone.
    if answer == 0 {
        conn.end_tls();
    }
    let Some(login) = (message.ty == LOGIN).then(|| login::login7(&message.data)).flatten() else {
        return Ok(());
    };
    let spid = server.next_spid.fetch_add(1, Ordering::SeqCst);
    let cancel = Arc::new(Cancel::default());
    let session = match open(&server, spid, &login, &cancel) {
        Ok(session) => session,
        Err(errors) => {
            let mut reply = Reply::new(&server.name, &server.collation);
            for error in errors {
                reply.message(&error.at(1));
            }
            reply.end_batch(true);
            return conn.send(REPLY, &reply.take()).await;
        }
    };
    let seen = Seen {
        spid,
        login: session.account.name.clone(),
        host: login.host.clone(),
        app: login.app.clone(),
        encrypted: answer == 1 || answer == 3,
    };
    let running = Running { seen, cancel: Arc::clone(&cancel), statement: String::new() };
    hold(&server.running).insert(spid, running);
    let outcome = welcome_and_run(&server, conn, session, &login, &cancel).await;
    hold(&server.running).remove(&spid);
    outcome
}

fn open(
    server: &Arc<Server>,
    spid: i64,
    login: &Login7,
    cancel: &Arc<Cancel>,
) -> Result<Box<Session>, Vec<SqlError>> {
    let account = server.admit(login).map_err(|e| vec![e])?;
    let name = if login.database.is_empty() {
        server.databases.get(1).or(server.databases.first()).map(|d| d.name.clone())
    } else {
        Some(login.database.clone())
    };
    let wanted = name.unwrap_or_default();
    let Some(database) = server.database(&wanted) else {
        return Err(vec![
            err_class(
                4060,
                11,
                1,
                format!("Cannot open database \"{wanted}\" requested by the login. The login failed."),
            ),
            err_class(18_456, 14, 1, format!("Login failed for user '{}'.", login.user)),
        ]);
    };
    let names = (login.host.clone(), login.app.clone());
    Session::new(Arc::clone(server), spid, account, database, Arc::clone(cancel), names)
        .map(Box::new)
        .map_err(|e| vec![err_class(4060, 11, 1, format!("Cannot open database \"{wanted}\": {e}"))])
}

/// The reply to a good login.
fn welcome(server: &Server, session: &mut Session, login: &Login7, conn: &mut Conn) {
    let database = session.database.name.clone();
    let reply = &mut session.reply;
    reply.change_text(1, &database, "master");
    reply.message(&err_class(5701, 0, 2, format!("Changed database context to '{database}'.")));
    reply.change_bytes(7, &collation::wire(&server.collation), &[]);
    reply.change_text(2, "us_english", "");
    reply.message(&err_class(5703, 0, 1, "Changed language setting to us_english."));
    let tds = login.tds.min(server.version.tds());
    reply.compact = tds >= 0x730a_0003;
    reply.login_ack(tds, server.version.numbers());
    let size = if login.packet_size == 0 { 4096 } else { login.packet_size.clamp(512, 32_767) };
    reply.change_text(4, &size.to_string(), "4096");
    reply.end_batch(false);
    conn.packet_size = size as usize;
}

async fn welcome_and_run(
    server: &Arc<Server>,
    mut conn: Conn,
    mut session: Box<Session>,
    login: &Login7,
    cancel: &Arc<Cancel>,
) -> io::Result<()> {
    // The login's own reply still goes by the old size.
    let size = conn.packet_size;
    welcome(server, &mut session, login, &mut conn);
    let agreed = std::mem::replace(&mut conn.packet_size, size);
    conn.send(REPLY, &session.reply.take()).await?;
    conn.packet_size = agreed;
    loop {
        let message = tokio::select! {
            message = conn.message() => message,
            () = cancel.wake.notified() => Ok(None),
        };
        let Ok(Some(message)) = message else { break };
        if message.ty == ATTENTION {
            // It came when all was done: it is answered all the same.
            session.reply.attention();
            conn.send(REPLY, &session.reply.take()).await?;
            continue;
        }
        let work = tokio::task::spawn_blocking(move || {
            let outcome = request(&mut session, &message);
            (session, outcome)
        });
        let (back, outcome) = attend(&mut conn, work, cancel).await?;
        session = back;
        match outcome {
            Ok(()) => conn.send(REPLY, &session.reply.take()).await?,
            Err(Halt::Attention) => {
                cancel.attention.store(false, Ordering::SeqCst);
                if session.options.xact_abort && session.trancount > 0 {
                    let _ = session.roll_back();
                } else {
                    session.unlock_if_idle();
                }
                session.reply.attention();
                conn.send(REPLY, &session.reply.take()).await?;
            }
            Err(_) => {
                session.undo();
                // A fatal error is told before the end; a cut is not.
                if !session.reply.data.is_empty()
                    && !cancel.killed.load(Ordering::SeqCst)
                    && session.last_words()
                {
                    let _ = conn.send(REPLY, &session.reply.take()).await;
                }
                return Ok(());
            }
        }
    }
    session.undo();
    Ok(())
}

/// Waits for the work, and hears an attention meanwhile.
async fn attend(
    conn: &mut Conn,
    mut work: tokio::task::JoinHandle<(Box<Session>, Run<()>)>,
    cancel: &Arc<Cancel>,
) -> io::Result<(Box<Session>, Run<()>)> {
    let mut stopped = false;
    let done = loop {
        tokio::select! {
            done = &mut work => break done.map_err(io::Error::other)?,
            message = conn.message(), if !stopped => {
                stopped = true;
                match message {
                    Ok(Some(message)) if message.ty == ATTENTION => {
                        cancel.attention.store(true, Ordering::SeqCst);
                        cancel.interrupt();
                    }
                    // The client has gone: what runs is stopped, as the real server does when it notices.
                    _ => cancel.kill(),
                }
            }
        }
    };
    // The attention came as the last statement ended.
    if cancel.attention.load(Ordering::SeqCst) && matches!(done.1, Ok(())) {
        return Ok((done.0, Err(Halt::Attention)));
    }
    Ok(done)
}

/// One request of a client.
fn request(session: &mut Session, message: &Message) -> Run<()> {
    if message.reset {
        session.reset()?;
    }
    let malformed = |session: &mut Session| {
        let error = err_class(
            4002,
            16,
            1,
            "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.",
        );
        session.reply.message(&error);
        session.reply.end_batch(true);
    };
    match message.ty {
        BATCH => match rpc::batch(&message.data) {
            Ok((_, text)) => session.batch(&text)?,
            Err(_) => malformed(session),
        },
        RPC => match rpc::rpc(&message.data, collation::code_page(&session.server.collation)) {
            Ok((_, call)) => session.rpc(call)?,
            Err(_) => malformed(session),
        },
        TRANSACTION => match rpc::manage(&message.data) {
            Ok(what) => manage(session, what)?,
            Err(_) => malformed(session),
        },
        _ => return Err(Halt::Disconnect),
    }
    Ok(())
}

fn manage(session: &mut Session, what: Manage) -> Run<()> {
    session.reply.in_proc = false;
    let outcome = match what {
        Manage::Begin => {
            session.begin();
            Ok(())
        }
        Manage::Commit(again) => session.commit().map(|()| {
            if again {
                session.begin();
            }
        }),
        Manage::Rollback(again) => session.rollback(None).map(|()| {
            if again {
                session.begin();
            }
        }),
        Manage::Save => Ok(()),
    };
    match outcome {
        Ok(()) => session.reply.end_batch(false),
        Err(Halt::Error(error)) => {
            session.reply.message(&error.at(1));
            session.reply.end_batch(true);
        }
        Err(halt) => return Err(halt),
    }
    Ok(())
}
