//! Owns the life of one connection: pre-login, login, requests, attentions, its end; never runs a statement itself.

use crate::collation;
use crate::error::{Halt, Run, SqlError, err_class};
use crate::login::{self, Login7};
use crate::packet::{ATTENTION, BATCH, Conn, LOGIN, Message, PRELOGIN, REPLY, RPC, TRANSACTION};
use crate::rpc::{self, Manage};
use crate::server::{Running, Seen, Server, hold};
use crate::session::{Cancel, Session};
use crate::tls::TlsMode;
use crate::token::Reply;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

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

pub(crate) fn open(
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
pub(crate) fn welcome(server: &Server, session: &mut Session, login: &Login7, conn: &mut Conn) {
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

pub(crate) async fn welcome_and_run(
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
pub(crate) async fn attend(
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
pub(crate) fn request(session: &mut Session, message: &Message) -> Run<()> {
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

pub(crate) fn manage(session: &mut Session, what: Manage) -> Run<()> {
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
